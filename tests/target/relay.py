#!/usr/bin/python3
"""relay.py SOCKET PLACE [SEED PERCENT] - a serial line between an emulator's SOCKET and PLACE, where a
terminal is (a link to it). With SEED and PERCENT a bad one: so many of a hundred pieces lose, alter or
double a byte, or come late. Says "ready"; at the end how many bytes went through and what became of them.
"""
import os
import random
import select
import signal
import sys
import time
import tty

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tools"))

from uart import Link


class Wire:
    """One direction."""

    def __init__(self, source, sink, draw, percent):
        self.source, self.sink, self.draw, self.percent = source, sink, draw, percent
        self.bytes, self.late = 0, []
        self.done = dict.fromkeys(("lost", "altered", "doubled", "stalled"), 0)

    def spoil(self, data):
        """The piece as it comes out, and how many seconds later."""
        if self.draw is None or self.draw.randrange(100) >= self.percent:
            return data, 0
        how, at = self.draw.choice(list(self.done)), self.draw.randrange(len(data))
        self.done[how] += 1
        if how == "stalled":
            return data, self.draw.uniform(0.05, 0.5)
        middle = {"lost": b"", "altered": bytes([data[at] ^ 1 << self.draw.randrange(8)]),
                  "doubled": data[at:at + 1] * 2}[how]
        return data[:at] + middle + data[at + 1:], 0

    def take(self):
        """False when the other end is gone."""
        try:
            data = os.read(self.source, 64)
        except OSError:
            return False
        if not data:
            return False
        self.bytes += len(data)
        data, after_s = self.spoil(data)
        # what comes behind a stall waits too: the order stays
        at = max(time.monotonic() + after_s, self.late[-1][0] if self.late else 0)
        self.late.append((at, data))
        return True

    def give(self):
        while self.late and self.late[0][0] <= time.monotonic():
            data = self.late.pop(0)[1]
            while data:
                data = data[os.write(self.sink, data):]


def main():
    path, place, *noise = sys.argv[1:]
    draw, percent = (random.Random(int(noise[0])), int(noise[1])) if noise else (None, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sock = Link.connected(path)
    master, slave = os.openpty()     # held open here: between two users of it nothing ends
    tty.setraw(slave)
    if os.path.lexists(place):
        os.unlink(place)
    os.symlink(os.ttyname(slave), place)
    wires = [Wire(sock.fileno(), master, draw, percent), Wire(master, sock.fileno(), draw, percent)]
    print("ready", flush=True)
    try:
        while True:
            waits = [max(w.late[0][0] - time.monotonic(), 0) for w in wires if w.late]
            there = select.select([w.source for w in wires], [], [], min(waits, default=None))[0]
            if not all(w.take() for w in wires if w.source in there):
                break
            for wire in wires:
                wire.give()
    finally:
        print(f"{sum(w.bytes for w in wires)} bytes; "
              + ", ".join(f"{sum(w.done[how] for w in wires)} {how}" for how in wires[0].done),
              flush=True)


main()
