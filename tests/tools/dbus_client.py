"""dbus_client.py BUS ADAPTER-PATH ADDRESS [PERIPHERAL-PATH] - a meter's client as anybody would write it with D-Bus alone: connects
to the meter at ADDRESS, finds its services, subscribes, reads CTL and writes the reset that comes before a handshake, then reads
Device Information. A first time (nothing is known of the device), again, and with PERIPHERAL-PATH (the object by which the meter's own
adapter knows this one) after that has ended the connection. A line for each: what, ms to the reset taken, ms of Device
Information, round trips of the first (-: the daemon does not count them)."""
import sys
import time

import dbus
from gi.repository import GLib

from meter_gatt import ADAPTER, BLUEZ, CHARACTERISTIC, CTL, DEVICE, INFORMATION, PROPERTIES, SERVICE, TX, Gatt, epoch_after, options, reset

BOUND_S = 30


class Client(Gatt):
    def __init__(self, bus, adapter, address):
        super().__init__(bus)
        self.at(adapter, address)
        self.known = {}         # properties of the device, as signals tell them
        self.bus.add_signal_receiver(self.changed, "PropertiesChanged", PROPERTIES, BLUEZ, path=self.device)
        self.bus.add_signal_receiver(self.added, "InterfacesAdded", "org.freedesktop.DBus.ObjectManager", BLUEZ)

    def changed(self, interface, changed, invalidated):
        if interface == DEVICE:
            self.known.update(changed)

    def added(self, path, interfaces):
        if path == self.device:
            self.changed(DEVICE, interfaces.get(DEVICE, {}), [])

    def wait(self, what, ready):
        end = time.monotonic() + BOUND_S
        timer = GLib.timeout_add(100, lambda: True)
        while not ready():
            if time.monotonic() > end:
                sys.exit(f"dbus_client: {what} did not come")
            GLib.MainContext.default().iteration(True)
        GLib.source_remove(timer)

    def find(self):
        if self.device in self.objects():
            self.call(self.adapter, ADAPTER, "RemoveDevice", dbus.ObjectPath(self.device))
        self.known = {}
        self.call(self.adapter, ADAPTER, "SetDiscoveryFilter",
                  options(Transport="le", UUIDs=dbus.Array([SERVICE], signature="s")))
        self.call(self.adapter, ADAPTER, "StartDiscovery")
        self.wait("the meter's advertisement", lambda: "Address" in self.known)
        self.call(self.adapter, ADAPTER, "StopDiscovery")

    def counted(self):
        try:
            counters = self.call(self.adapter, "org.gasfitter.VirtualBluez1", "GetCounters")
        except dbus.DBusException:
            return None
        own = counters.get(dbus.ObjectPath(self.device), {})
        return int(own.get("requests", 0)) - int(own.get("plugin-requests", 0))

    def subscribe(self):
        """Connect, until the meter's notifications are subscribed to: its characteristics, and the MTU."""
        self.call(self.device, DEVICE, "Connect")
        self.wait("ServicesResolved", lambda: self.known.get("ServicesResolved"))
        self.known["Connected"] = True      # bluetoothd 5.66 leaves out that word at times
        at = self.characteristics()
        mtu = int(self.call(at[CTL], PROPERTIES, "Get", CHARACTERISTIC, "MTU"))
        self.call(at[TX], CHARACTERISTIC, "StartNotify")
        return at, mtu

    def connect(self):
        """Until the meter has taken the reset."""
        at, mtu = self.subscribe()
        self.write(at[CTL], reset(epoch_after(self.read(at[CTL])), min(mtu - 3, 509)), "request")
        return at

    def visit(self, what):
        before, began = self.counted(), time.monotonic()
        at = self.connect()
        ready, after = time.monotonic(), self.counted()
        for name, uuid in INFORMATION.items():
            if not self.read(at[uuid]):
                sys.exit(f"dbus_client: {name} is empty")
        print(what, f"{(ready - began) * 1000:.1f}", f"{(time.monotonic() - ready) * 1000:.1f}", "-" if after is None else after - before,
              flush=True)

    def leave(self, path):
        self.call(path, DEVICE, "Disconnect")
        self.wait("Connected=false", lambda: not self.known.get("Connected"))


def main():
    client = Client(*sys.argv[1:4])
    client.find()
    client.visit("first")
    client.leave(client.device)
    client.visit("known")
    for peripheral in sys.argv[4:]:
        client.leave(peripheral)
        client.visit("reconnect")
    client.leave(client.device)


if __name__ == "__main__":
    main()
