"""dbus_client.py BUS ADAPTER-PATH ADDRESS [PERIPHERAL-PATH] - a meter's client as anybody would write it with D-Bus alone: connects
to the meter at ADDRESS, finds its services, subscribes, reads CTL and writes the reset that comes before a handshake, then reads
Device Information. A first time (nothing is known of the device), again, and with PERIPHERAL-PATH (the object by which the meter's own
adapter knows this one) after that has ended the connection. A line for each: what, ms to the reset taken, ms of Device
Information, round trips of the first (-: the daemon does not count them)."""
import sys
import time

import dbus
import dbus.mainloop.glib
from gi.repository import GLib

BLUEZ, PROPS, DEVICE = "org.bluez", "org.freedesktop.DBus.Properties", "org.bluez.Device1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
SERVICE = "8a5c0001-2f4d-4b7e-9c61-d0b3f1e7a942"
TX, CTL = SERVICE.replace("0001-", "0003-", 1), SERVICE.replace("0001-", "0004-", 1)
DEVICE_INFORMATION = ["0000%s-0000-1000-8000-00805f9b34fb" % n for n in ("2a29", "2a24", "2a26")]
BOUND_S = 30


def options(**values):
    return dbus.Dictionary(values, signature="sv")


class Client:
    def __init__(self, bus, adapter, address):
        self.bus, self.adapter = bus, adapter
        self.path = adapter + "/dev_" + address.replace(":", "_")
        self.known = {}         # properties of the device, as signals tell them
        bus.add_signal_receiver(self.changed, "PropertiesChanged", PROPS, BLUEZ, path=self.path)
        bus.add_signal_receiver(self.added, "InterfacesAdded", "org.freedesktop.DBus.ObjectManager", BLUEZ)

    def changed(self, interface, changed, invalidated):
        if interface == DEVICE:
            self.known.update(changed)

    def added(self, path, interfaces):
        if path == self.path:
            self.changed(DEVICE, interfaces.get(DEVICE, {}), [])

    def call(self, path, interface, name, *args, **how):
        return dbus.Interface(self.bus.get_object(BLUEZ, path, introspect=False), interface).get_dbus_method(name)(*args, **how)

    def wait(self, what, ready):
        end = time.monotonic() + BOUND_S
        timer = GLib.timeout_add(100, lambda: True)
        while not ready():
            if time.monotonic() > end:
                sys.exit(f"dbus_client: {what} did not come")
            GLib.MainContext.default().iteration(True)
        GLib.source_remove(timer)

    def find(self):
        objects = self.call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        if self.path in objects:
            self.call(self.adapter, "org.bluez.Adapter1", "RemoveDevice", dbus.ObjectPath(self.path))
        self.known = {}
        self.call(self.adapter, "org.bluez.Adapter1", "SetDiscoveryFilter",
                  options(Transport="le", UUIDs=dbus.Array([SERVICE], signature="s")))
        self.call(self.adapter, "org.bluez.Adapter1", "StartDiscovery")
        self.wait("the meter's advertisement", lambda: "Address" in self.known)
        self.call(self.adapter, "org.bluez.Adapter1", "StopDiscovery")

    def counted(self):
        try:
            counters = self.call(self.adapter, "org.gasfitter.VirtualBluez1", "GetCounters")
        except dbus.DBusException:
            return None
        own = counters.get(dbus.ObjectPath(self.path), {})
        return int(own.get("requests", 0)) - int(own.get("plugin-requests", 0))

    def characteristics(self):
        objects = self.call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        return {str(own[CHARACTERISTIC]["UUID"]): path for path, own in objects.items()
                if path.startswith(self.path + "/") and CHARACTERISTIC in own}

    def connect(self):
        """Until the meter has taken the reset."""
        self.call(self.path, DEVICE, "Connect")
        self.wait("ServicesResolved", lambda: self.known.get("ServicesResolved"))
        self.known["Connected"] = True      # bluetoothd 5.66 leaves out that word at times
        at = self.characteristics()
        mtu = int(self.call(at[CTL], PROPS, "Get", CHARACTERISTIC, "MTU"))
        self.call(at[TX], CHARACTERISTIC, "StartNotify")
        ctl = bytes(self.call(at[CTL], CHARACTERISTIC, "ReadValue", options()))
        reset = bytes([1, ((ctl[1] >> 4) + 1) & 15]) + min(mtu - 3, 509).to_bytes(2, "little") + bytes([8])
        self.call(at[CTL], CHARACTERISTIC, "WriteValue", dbus.ByteArray(reset), options(type="request"))
        return at

    def visit(self, what):
        before, began = self.counted(), time.monotonic()
        at = self.connect()
        ready, after = time.monotonic(), self.counted()
        for uuid in DEVICE_INFORMATION:
            if not bytes(self.call(at[uuid], CHARACTERISTIC, "ReadValue", options())):
                sys.exit(f"dbus_client: {uuid} is empty")
        print(what, f"{(ready - began) * 1000:.1f}", f"{(time.monotonic() - ready) * 1000:.1f}", "-" if after is None else after - before,
              flush=True)

    def leave(self, path):
        self.call(path, DEVICE, "Disconnect", timeout=BOUND_S)
        self.wait("Connected=false", lambda: not self.known.get("Connected"))


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    client = Client(dbus.bus.BusConnection(sys.argv[1]), *sys.argv[2:4])
    client.find()
    client.visit("first")
    client.leave(client.path)
    client.visit("known")
    for peripheral in sys.argv[4:]:
        client.leave(peripheral)
        client.visit("reconnect")
    client.leave(client.path)


main()
