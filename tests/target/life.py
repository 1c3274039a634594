#!/usr/bin/python3
"""life.py IMAGE FOLDER GASMETER - a whole life on the emulated MCU: the story of docs/protocol.md's own
client (tests/tools/protocol_meter.py), over the serial line. TAP.
"""
import sys

import target
import tap
import protocol_meter
import uart
from tap import ok

STEPS = ("begin", "install", "commission", "recharge", "serve", "take_over", "swap")
DONE = ["INSTALL_KEY", "KEY_ACTIVATED", "OPEN_ACCOUNT", "PURGE_START", "PURGE_STOP", "PURGE_START",
        "PURGE_STOP", "ZERO_CLEAR", "SET_CLOCK", "SET_PARAMETERS", "COMMISSION", "RECHARGE",
        "RECHARGE", "VALVE_CLOSE", "VALVE_ARM", "SELF_TEST", "IMPORT_CREDIT", "CLOSE_ACCOUNT"]


def supply(s):
    """While the supply fails nothing is begun; but no longer than a second."""
    radio, held = s.radio, False
    radio.ready()
    for _ in range(10):             # a host that stalls meanwhile lets the second pass
        radio.by_hand("P")
        radio.do(b"T", (200).to_bytes(4, "little"))
        radio.by_hand("p")
        radio.until(lambda: not radio.link.queue)
        radio.by_hand("P")
        radio.link.send(uart.CONNECTED, (247).to_bytes(2, "little"))
        for _ in range(30):         # each answer shows a turn of its loop, and takes a byte of the line
            radio.by_hand("s")
            radio.heard()
        radio.link.turn(0)
        held = bool(radio.link.queue)
        radio.by_hand("p")
        radio.until(lambda: not radio.link.queue)
        if held:
            break
    ok(held, "nothing is begun while the supply fails")
    radio.by_hand("P")
    radio.link.send(uart.CONNECTED, (247).to_bytes(2, "little"))
    radio.until(lambda: not radio.link.queue)
    ok(True, "a supply that stays low holds nothing up for long")
    radio.by_hand("p")


def main():
    image, folder, gasmeter = sys.argv[1:]
    story = target.Story(image, *target.manufacture(gasmeter, folder), folder)
    supply(story)
    for step in STEPS:
        getattr(protocol_meter, step)(story)
    protocol_meter.chain(story, DONE)
    story.end()
    return tap.done()


sys.exit(main())
