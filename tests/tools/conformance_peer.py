"""conformance_peer.py BUS ADAPTER-PATH - the peripheral of conformance.py: a GATT application with a
characteristic for each thing that is tried. It is told what to do by lines on its standard input, and says there what
was asked of it."""
import sys

import dbus
import dbus.exceptions
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

BLUEZ, PROPS, OM = "org.bluez", "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
SERVICE, CHRC, ADVERT = "org.bluez.GattService1", "org.bluez.GattCharacteristic1", "org.bluez.LEAdvertisement1"
ROOT = "/conformance"
UUID = "6b7a00%02x-5c1d-4f3e-9a55-0c2b7d1e8f40"
CHARACTERISTICS = (      # name, flags
    ("read", ["read"]),
    ("write", ["write"]),
    ("command", ["write-without-response"]),
    ("both", ["write", "write-without-response"]),
    ("notify", ["notify"]),
    ("indicate", ["indicate"]),
)
# What an application may answer to a write that begins with this byte: an error's name and text.
ANSWERS = {0xE1: ("Failed", "0x85"), 0xE2: ("NotPermitted", "no"), 0xE3: ("NotAuthorized", "no"), 0xE4: ("InvalidValueLength", "no"),
           0xE5: ("NotSupported", "no"), 0xE6: ("InProgress", "no"), 0xE8: ("Failed", "words"), 0xE9: ("InvalidOffset", "no")}


def say(*words):
    print(*words, flush=True)


class Answer(dbus.exceptions.DBusException):
    def __init__(self, name, text):
        super().__init__(text, name="org.bluez.Error." + name)


class Thing(dbus.service.Object):
    """An object with properties of one interface."""

    def __init__(self, bus, path, interface, properties):
        super().__init__(bus, path)
        self.path, self.interface, self.properties = path, interface, properties

    @dbus.service.method(PROPS, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return self.properties if interface == self.interface else {}

    @dbus.service.method(PROPS, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return self.properties[name]

    @dbus.service.signal(PROPS, signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass


class Characteristic(Thing):
    def __init__(self, app, bus, i, name, flags):
        super().__init__(bus, f"{ROOT}/service0/char{i}", CHRC,
                         {"UUID": UUID % (i + 1), "Service": dbus.ObjectPath(ROOT + "/service0"), "Flags": dbus.Array(flags, signature="s")})
        self.app, self.name = app, name

    @dbus.service.method(CHRC, in_signature="a{sv}", out_signature="ay")
    def ReadValue(self, options):
        offset = int(options.get("offset", 0))
        say("read", self.name, offset, *sorted(options))
        if offset > len(self.app.value):
            raise Answer("InvalidOffset", "no")
        return dbus.ByteArray(self.app.value[offset:])

    @dbus.service.method(CHRC, in_signature="aya{sv}", async_callbacks=("done", "failed"))
    def WriteValue(self, value, options, done, failed):
        value = bytes(value)
        say("write", self.name, len(value), options.get("type", "-"), int(options.get("offset", 0)), *sorted(options))
        if value[:1] == b"\xe7":        # never answered
            return
        if value[:1] and value[0] in ANSWERS:
            failed(Answer(*ANSWERS[value[0]]))
        else:
            done()

    @dbus.service.method(CHRC)
    def StartNotify(self):
        say("start", self.name)
        if self.app.early:
            self.tell(b"early")

    @dbus.service.method(CHRC)
    def StopNotify(self):
        say("stop", self.name)

    @dbus.service.method(CHRC)
    def Confirm(self):
        say("confirm", self.name)

    def tell(self, value):
        self.PropertiesChanged(CHRC, {"Value": dbus.ByteArray(value)}, [])


class Advert(Thing):
    def __init__(self, bus, path=ROOT + "/advert", **more):
        super().__init__(bus, path, ADVERT, {"Type": "peripheral", "LocalName": "conformance", "Discoverable": True,
                                             "ServiceUUIDs": dbus.Array([UUID % 0], signature="s"), **more})

    @dbus.service.method(ADVERT)
    def Release(self):
        say("release")


class Peer(dbus.service.Object):
    def __init__(self, bus, adapter):
        super().__init__(bus, ROOT)
        self.adapter = dbus.Interface(bus.get_object(BLUEZ, adapter), PROPS)
        self.gatt = dbus.Interface(bus.get_object(BLUEZ, adapter), "org.bluez.GattManager1")
        self.adverts = dbus.Interface(bus.get_object(BLUEZ, adapter), "org.bluez.LEAdvertisingManager1")
        self.value, self.early, self.registered = bytes(range(30)), False, False
        self.advert = Advert(bus)
        self.things = [Thing(bus, ROOT + "/service0", SERVICE, {"UUID": UUID % 0, "Primary": True})]
        self.things += [Characteristic(self, bus, i, *row) for i, row in enumerate(CHARACTERISTICS)]
        self.adapter.Set("org.bluez.Adapter1", "Powered", True)
        self.gatt.RegisterApplication(ROOT, {}, reply_handler=self.advertise, error_handler=lambda e: say("error", e))

    @dbus.service.method(OM, out_signature="a{oa{sa{sv}}}")
    def GetManagedObjects(self):
        return {dbus.ObjectPath(t.path): {t.interface: t.properties} for t in self.things}

    def advertise(self):
        self.adverts.RegisterAdvertisement(self.advert.path, {}, reply_handler=self.heard, error_handler=lambda e: None)

    def heard(self):
        if not self.registered:
            say("ready")
        self.registered = True

    def named(self, name):
        return next(t for t in self.things if getattr(t, "name", None) == name)

    def order(self, source, condition):
        line = sys.stdin.readline()
        word, *args = line.split() or ["quit"]
        if word == "quit":
            loop.quit()
        elif word == "early":
            self.early = args[0] == "on"
        elif word == "value":
            self.value = bytes(i & 0xFF for i in range(int(args[0])))
        elif word == "advertise":       # anew
            self.adverts.UnregisterAdvertisement(self.advert.path, reply_handler=self.advertise, error_handler=lambda e: self.advertise())
        elif word == "hush":            # no more
            self.adverts.UnregisterAdvertisement(self.advert.path, reply_handler=lambda: say("hushed"), error_handler=lambda e: say("hushed"))
        elif word == "tell":            # NAME LENGTH COUNT: values that begin with their number
            for i in range(int(args[2])):
                self.named(args[0]).tell((bytes([i]) + bytes(int(args[1])))[:int(args[1])])
        say("done", word)
        return True


if __name__ == "__main__":
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    loop = GLib.MainLoop()
    peer = Peer(dbus.bus.BusConnection(sys.argv[1]), sys.argv[2])
    GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, peer.order)
    loop.run()
