"""meter_gatt.py - what a script has to know of a meter, from documents alone: BlueZ's D-Bus and docs/protocol.md. For the scripts
that connect to one as anybody could: dbus_client.py, stranger.py and stranger_ctl.py."""
import dbus
import dbus.mainloop.glib

BLUEZ, PROPERTIES = "org.bluez", "org.freedesktop.DBus.Properties"
ADAPTER, DEVICE, CHARACTERISTIC = "org.bluez.Adapter1", "org.bluez.Device1", "org.bluez.GattCharacteristic1"
WAIT_S = 60
SERVICE, RX, TX, CTL = ("8a5c000%d-2f4d-4b7e-9c61-d0b3f1e7a942" % n for n in (1, 2, 3, 4))
INFORMATION = {name: "0000%s-0000-1000-8000-00805f9b34fb" % uuid
               for name, uuid in (("Manufacturer", "2a29"), ("Model", "2a24"), ("Firmware", "2a26"))}


def options(**named):
    return dbus.Dictionary(named, signature="sv")


def epoch_after(ctl):
    """That of the next reset, after what CTL says."""
    return ((ctl[1] >> 4) + 1) % 16


def reset(epoch, longest):
    """What is written to CTL before a handshake: values of at most `longest` bytes, and 8 fragments at once."""
    return bytes([1, epoch]) + longest.to_bytes(2, "little") + bytes([8])


class Gatt:
    """One device on a bus; at() says which."""

    def __init__(self, bus):
        dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
        self.bus = dbus.bus.BusConnection(bus)
        self.adapter = self.device = None

    def at(self, adapter, address):
        """The device with this address, known to this adapter (the path of its object) now or later."""
        self.adapter, self.device = adapter, f"{adapter}/dev_{address.replace(':', '_')}"

    def call(self, path, interface, method, *args):
        return self.bus.get_object(BLUEZ, path, introspect=False).get_dbus_method(method, interface)(*args, timeout=WAIT_S)

    def objects(self):
        return self.call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")

    def characteristics(self):
        """UUID to path."""
        return {str(own[CHARACTERISTIC]["UUID"]): path for path, own in self.objects().items()
                if path.startswith(self.device + "/") and CHARACTERISTIC in own}

    def read(self, path):
        return bytes(self.call(path, CHARACTERISTIC, "ReadValue", options()))

    def write(self, path, value, kind):
        self.call(path, CHARACTERISTIC, "WriteValue", dbus.ByteArray(value), options(type=kind))
