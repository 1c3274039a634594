#!/usr/bin/python3
"""stranger.py - a client that knows a meter by its documents alone: D-Bus, docs/protocol.md, and nothing of this project's code.

    stranger.py [--bus ADDRESS] CENTRAL-ADDRESS METER-ADDRESS

On its first connection it reads Device Information and CTL, subscribes to TX, resets the stream, says hello with a ticket
that it wrote itself (only a proof would need the key) and takes the meter's answer; on the second it reads CTL again. Then the
device is forgotten. Each line says what was heard. Status 1, with a sentence, when something did not come within a minute.
"""
import argparse
import os
import time

import dbus
from gi.repository import GLib

from meter_gatt import (ADAPTER, BLUEZ, CHARACTERISTIC, CTL, DEVICE, INFORMATION, PROPERTIES, RX, TX, WAIT_S, Gatt, epoch_after, options,
                        reset)

KINDS = {2: "ServerHello", 6: "HelloRefusal"}
START, END, ACK = 0x80, 0x40, 0x20


def hello(meter_id):
    """A ClientHello for this meter: kind 1, version 1, ticket, run_id, nonce_c (docs/protocol.md, sections 4 to 7)."""
    ticket = b"\x0a\x0c" + meter_id + bytes.fromhex("1206542d303030311801200328b0f1f5d7063080dff8f70f400750647001")
    return b"\x01\x08\x01\x12" + bytes([len(ticket)]) + ticket + b"\x1a\x10" + b"run of a strange" + b"\x22\x10" + os.urandom(16)


class Stranger(Gatt):
    def __init__(self, bus, central, meter):
        super().__init__(bus)
        self.tx, self.heard = None, []
        adapter = next((p for p, f in self.objects().items() if f.get(ADAPTER, {}).get("Address") == central), None)
        if adapter is None:
            raise SystemExit(f"stranger: no adapter {central}")
        self.at(adapter, meter)
        self.bus.add_signal_receiver(self.changed, "PropertiesChanged", PROPERTIES, BLUEZ, path_keyword="path")

    def changed(self, interface, now, _, path):
        if interface == CHARACTERISTIC and "Value" in now and path == self.tx:
            self.heard.append(bytes(now["Value"]))

    def until(self, what, is_so):
        end = time.monotonic() + WAIT_S
        while not is_so():
            if time.monotonic() > end:
                raise SystemExit(f"stranger: {what} did not come in {WAIT_S} s")
            if not GLib.MainContext.default().iteration(False):
                time.sleep(0.02)

    def device_is(self, name):
        try:
            return bool(self.call(self.device, PROPERTIES, "Get", DEVICE, name))
        except dbus.DBusException:      # it is gone
            return False

    # ---- what a user of BlueZ does ----
    def find(self):
        self.call(self.adapter, PROPERTIES, "Set", ADAPTER, "Powered", dbus.Boolean(True, variant_level=1))
        self.call(self.adapter, ADAPTER, "SetDiscoveryFilter", options(Transport="le"))
        self.call(self.adapter, ADAPTER, "StartDiscovery")
        self.until("the meter's advertisement", lambda: self.device in self.objects())
        self.call(self.adapter, ADAPTER, "StopDiscovery")

    def connect(self):
        end = time.monotonic() + WAIT_S
        while not self.device_is("ServicesResolved"):
            try:
                self.call(self.device, DEVICE, "Connect")
                self.until("the list of services", lambda: self.device_is("ServicesResolved") or not self.device_is("Connected"))
            except dbus.DBusException as e:     # BlueZ asks for patience now and then
                print(f"Connect: {e.get_dbus_name()}: {e.get_dbus_message()}")
                if time.monotonic() > end:
                    raise SystemExit("stranger: no connection") from e
                time.sleep(0.2)

    def disconnect(self):
        self.call(self.device, DEVICE, "Disconnect")
        self.until("the connection's end", lambda: not self.device_is("Connected"))

    # ---- what a client of the meter does ----
    def read_ctl(self):
        ctl = self.read(self.characteristics()[CTL])
        if len(ctl) != 21 or ctl[0] != 1:
            raise SystemExit(f"stranger: this is no CTL: {ctl.hex()}")
        print(f"CTL: {ctl[9:].decode()}, {'new' if ctl[1] & 15 == 1 else f'state {ctl[1] & 15}'}")
        return ctl

    def say_hello(self):
        ctl = self.read_ctl()
        epoch, at = epoch_after(ctl), self.characteristics()
        self.tx = at[TX]
        self.call(self.tx, CHARACTERISTIC, "StartNotify")
        self.write(at[CTL], reset(epoch, 500), "request")
        message = hello(ctl[9:])
        self.write(at[RX], bytes([START | END | ACK | epoch, 0, 0, 8]) + len(message).to_bytes(2, "little") + message, "command")
        self.until("the meter's answer", lambda: self.heard)
        answer = self.heard[0]
        if answer[:3] != bytes([START | END | ACK | epoch, 0, 1]) or int.from_bytes(answer[4:6], "little") != len(answer) - 6:
            raise SystemExit(f"stranger: this is no answer: {answer.hex()}")
        print(f"answer: {KINDS.get(answer[6], answer[6])}, {len(answer) - 6} bytes")
        self.call(self.tx, CHARACTERISTIC, "StopNotify")


def main():
    line = argparse.ArgumentParser()
    line.add_argument("--bus", default="unix:path=/run/dbus/system_bus_socket")
    line.add_argument("central")
    line.add_argument("meter")
    opt = line.parse_args()
    s = Stranger(opt.bus, opt.central, opt.meter)
    s.find()
    s.connect()
    for name, uuid in INFORMATION.items():
        print(f"{name}: {s.read(s.characteristics()[uuid]).decode()}")
    s.say_hello()
    s.disconnect()
    s.connect()
    s.read_ctl()
    s.disconnect()
    s.call(s.adapter, ADAPTER, "RemoveDevice", dbus.ObjectPath(s.device))


if __name__ == "__main__":
    main()
