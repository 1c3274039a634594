"""dbus_history.py BUS ADAPTER-PATH ADDRESS TICKET KEY BYTES - 64 KiB of a meter's history, or how many bytes are said, as a script
would read them over D-Bus: the client that was written from docs/protocol.md (gasm_client.py), on BlueZ's objects. Ticket and
key are in hexadecimal. Prints: history, bytes read, pages, ms from the first question to the last answer."""
import os
import sys
import time

from gi.repository import GLib

import gasm
import gasm_client
from dbus_client import Client as Finder
from meter_gatt import CHARACTERISTIC, CTL, DEVICE, PROPERTIES, RX, TX

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MTU_MAX = 512                   # what the meter's fragments take, whatever more there is


class Radio:
    """gasm_client's radio, made of BlueZ."""

    lost = 0

    def __init__(self, finder):
        self.finder, self.notified, self.dropped, self.at = finder, [], False, {}
        self.client = gasm_client.Client(gasm.Schema(os.path.join(ROOT, "meter-core", "proto")), self, MTU_MAX)
        finder.bus.add_signal_receiver(self.changed, "PropertiesChanged", PROPERTIES, path_keyword="path")

    def changed(self, interface, now, _, path):
        if interface == CHARACTERISTIC and "Value" in now and path == self.at.get(TX):
            self.notified.append(bytes(now["Value"]))
        elif interface == DEVICE and path == self.finder.device and now.get("Connected") == 0:
            self.dropped = True

    @staticmethod
    def is_lost():
        return False

    def passes(self, ms):
        """Time, until something is notified."""
        end = time.monotonic() + ms / 1000
        timer = GLib.timeout_add(ms, lambda: True)
        while not self.notified and not self.dropped and time.monotonic() < end:
            GLib.MainContext.default().iteration(True)
        GLib.source_remove(timer)

    def do(self, kind, data=b""):
        if kind == b"C":
            self.at, mtu = self.finder.subscribe()
            self.client.mtu = min(MTU_MAX, mtu)
        elif kind == b"R":
            return self.finder.read(self.at[CTL])
        elif kind == b"W":
            self.finder.write(self.at[CTL], data, "request")
        elif kind == b"X":
            self.finder.write(self.at[RX], data, "command")
        elif kind == b"T":
            self.passes(int.from_bytes(data, "little"))
        return None


def read_history(client, wanted):
    """Pages, round and round, until so many bytes have come: how many of both."""
    read = pages = from_no = 0
    while read < wanted:
        page = client.ask("read_history", {"from_no": from_no})["history"]
        read, pages = read + len(client.schema.encode("History", page)), pages + 1
        last = page["entries"][-1]["no"]
        from_no = page["first_no"] if last == page["last_no"] else last + 1
    return read, pages


def main():
    bus, adapter, address, ticket, key, wanted = sys.argv[1:]
    finder = Finder(bus, adapter, address)
    finder.find()
    client = Radio(finder).client
    client.connect()
    client.greet(bytes.fromhex(ticket), bytes.fromhex(key))
    began = time.monotonic()
    read, pages = read_history(client, int(wanted))
    print("history", read, pages, f"{(time.monotonic() - began) * 1000:.1f}", flush=True)
    finder.leave(finder.device)


main()
