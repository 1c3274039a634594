#!/usr/bin/python3
"""stranger_ctl.py - types at Debian's bluetoothctl, on a terminal of its own, what a person would who knows docs/protocol.md.

    stranger_ctl.py CENTRAL-ADDRESS METER-ADDRESS

It reads Device Information and CTL, subscribes to TX, resets the stream, says hello on RX and sees the answer; then the device is
forgotten. Each line says what bluetoothctl showed. The bus is DBUS_SYSTEM_BUS_ADDRESS. Status 1, with what it showed last, when
something did not come within a minute.
"""
import os
import pty
import re
import select
import sys
import time

from meter_gatt import CTL, INFORMATION, RX, TX, WAIT_S, epoch_after, reset
from stranger import ACK, END, KINDS, START, hello

# a value in hexadecimal digits, 16 bytes in a line; a shorter line is its end (no value of a meter's ends with a full one)
DUMP = r"((?: *(?:[0-9a-f]{2} ){16} .*\n)* *(?:[0-9a-f]{2} ){1,15} .*\n)"


class Terminal:
    def __init__(self):
        self.text, self.seen = "", 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "dumb"
            os.execvp("bluetoothctl", ["bluetoothctl"])

    def shown(self):
        """What was shown since the last command, without the prompts that are drawn again and again."""
        return re.sub(r"^(\[[^]\n]*\]# *)+(?=  )", "", self.text[self.seen:], flags=re.M)

    def take(self, end, wanted):
        """What it shows next. False when it has ended."""
        while not select.select([self.fd], [], [], 0.5)[0]:
            if time.monotonic() > end:
                raise SystemExit(f"stranger: no {wanted} in:\n{self.shown()}")
        try:
            part = os.read(self.fd, 65536)
        except OSError:                 # so a terminal says that nobody is at its other end
            return False
        self.text += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\x01\x02\r]", "", part.decode(errors="replace"))
        return True

    def ask(self, command, wanted):
        """Type a command; what matches `wanted` of all that is shown from then on. Without a command: since the last."""
        if command:
            self.seen = len(self.text)
            os.write(self.fd, command.encode() + b"\r")
        end = time.monotonic() + WAIT_S
        while not (found := re.search(wanted, self.shown(), re.M)):
            if time.monotonic() > end or not self.take(end, f"/{wanted}/"):
                raise SystemExit(f"stranger: no /{wanted}/ in:\n{self.shown()}")
        return found

    def value(self, command, path, what="Value"):
        """The value of an attribute that is shown after a command."""
        lines = self.ask(command, rf"{path} {what}:\n{DUMP}")[1].splitlines()
        return bytes.fromhex("".join(re.match(r" *((?:[0-9a-f]{2} )+)", line)[1] for line in lines))

    def quit(self):
        os.write(self.fd, b"quit\r")
        end = time.monotonic() + WAIT_S
        while self.take(end, "end"):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def typed(value):
    return '"' + " ".join(f"0x{b:02x}" for b in value) + '"'


def main(central, meter):
    t = Terminal()
    t.ask("", "Agent registered")
    t.ask(f"select {central}", r"\]# ")
    t.ask("show", f"^Controller {central} ")
    t.ask("power on", "Changing power on succeeded")
    t.ask("scan le", "Discovery started")
    t.ask("", f"Device {meter} ")
    t.ask("scan off", "Discovery stopped")
    t.ask(f"connect {meter}", "Connection successful")
    print("connected")
    t.ask("", f"Device {meter} ServicesResolved: yes")
    t.ask("menu gatt", r"Menu gatt")
    listed = {}
    for uuid in list(INFORMATION.values()) + [RX, TX, CTL]:
        listed[uuid] = t.ask(f"list-attributes {meter}", rf"(/org/bluez/\S+/char\S+)\s+{uuid}")[1]
    for name, uuid in INFORMATION.items():
        t.ask(f"select-attribute {listed[uuid]}", r"\]# ")
        print(f"{name}: {t.value('read', listed[uuid]).decode()}")
    t.ask(f"select-attribute {listed[CTL]}", r"\]# ")
    ctl = t.value("read", listed[CTL])
    print(f"CTL: {ctl[9:].decode()}")
    epoch = epoch_after(ctl)
    t.ask(f"select-attribute {listed[TX]}", r"\]# ")
    t.ask("acquire-notify", "AcquireNotify success")         # "notify on" shows the values of the selected attribute alone
    t.ask(f"select-attribute {listed[CTL]}", r"\]# ")
    t.ask(f"write {typed(reset(epoch, 500))} 0 request", "Attempting to write")
    t.ask(f"select-attribute {listed[RX]}", r"\]# ")
    message = hello(ctl[9:])
    fragment = bytes([START | END | ACK | epoch, 0, 0, 8]) + len(message).to_bytes(2, "little") + message
    answer = t.value(f"write {typed(fragment)} 0 command", listed[TX], "Notification")
    print(f"answer: {KINDS.get(answer[6], answer[6])}, {len(answer) - 6} bytes")
    t.ask("back", "Menu main")
    t.ask(f"disconnect {meter}", "Successful disconnected")
    t.ask(f"remove {meter}", "Device has been removed")
    if t.quit() != 0:
        raise SystemExit("stranger: bluetoothctl ended badly")


if __name__ == "__main__":
    main(*sys.argv[1:])
