#!/usr/bin/python3
"""faults.py IMAGE FOLDER - the emulated firmware fails, with its valve open: it starts again, shuts the valve, and its
journal says what happened where. FOLDER is that of `kills.py prepare`. TAP.
"""
import subprocess
import sys

import kills
import target
import flash
import tap
from gasm import le
from tap import ok, same

VALVE = target.SCHEMA.enums["ValveState"]
PROGRAM_FAULT = 35
PRECISE_AT = 1 << 9 | 1 << 15       # CFSR (ARMv7-M B3.2.15): a precise bus fault, whose address is known
UNHANDLED = 0xFFFFFFFF              # fault.h


class Stand(kills.Bench):
    """The meter in service, nobody using gas."""

    flow = 0

    def __init__(self, image, folder):
        super().__init__(image, folder)
        self.books = kills.Books()
        out = subprocess.run(["arm-none-eabi-nm", "-S", image], check=True, capture_output=True, text=True).stdout
        self.code = {name: range(int(at, 16) & ~1, (int(at, 16) & ~1) + int(size, 16)) for at, size, _, name in
                     (line.split() for line in out.splitlines() if len(line.split()) == 4)}

    def valve(self):
        self.radio.by_hand("v")
        return int(self.radio.heard().split()[1])

    def faults(self):
        with open(self.nvm, "rb") as f:
            image = flash.Image(self.page, f.read(), 2)
        events = [image.event(no) for no in sorted(image.logs["EVENTS"])]
        return [(e["a"], e["b"]) for e in events if e["code"] == PROGRAM_FAULT]

    def open_valve(self):
        op = kills.Recharge(self, self.books)
        op.run(1)
        op.settle(self.books)
        self.ask_ok(self.client.plain("valve_arm", None, self.new_op()), "valve_arm")
        self.radio.do(b"B")
        return self.comes(VALVE["VALVE_OPEN"])

    def comes(self, state):
        """Whether the valve gets there."""
        for _ in range(100):
            if self.valve() == state:
                return True
            self.radio.do(b"T", le(1000, 4))
        return False

    def again(self):
        """A session with the meter that started again."""
        self.client.session = None
        self.greet(1)


def fault(stand, letter, where, status, what):
    before, radio = stand.faults(), stand.radio
    ok(stand.open_valve(), f"{what}: the valve is open")
    left_l = stand.client.ask("read_balance")["balance"]["residual_l"]
    radio.hello = radio.ctl = None
    radio.by_hand(letter)
    radio.until(lambda: radio.hello is not None and radio.ctl is not None, 30)
    ok(stand.valve() != VALVE["VALVE_OPEN"], f"{what}: the start drives it shut")
    new = stand.faults()[len(before):]
    same(len(new), 1, f"{what}: one event more in the journal")
    at, got = new[0] if new else (0, 0)
    ok(at in where, f"{what}: the place, {at:#x}", f"not in {where}")
    same(got, status, f"{what}: the reason, {status:#x}")
    stand.again()
    ok(stand.comes(VALVE["VALVE_SHUT"]), f"{what}: it is shut")
    same(stand.client.ask("read_balance")["balance"]["residual_l"], left_l, f"{what}: no credit is lost")


def main():
    stand = Stand(*sys.argv[1:])
    stand.start(stand.nvm)
    stand.greet(1)
    kills.read_receipts(stand, stand.books)
    same(stand.faults(), [], "no fault is in the journal")
    fault(stand, "e", stand.code["read_at"][:1], PRECISE_AT, "a read where nothing is")
    fault(stand, "u", stand.code["interrupt_unhandled"], UNHANDLED, "an interrupt that nobody handles")
    stand.stop()
    return tap.done()


sys.exit(main())
