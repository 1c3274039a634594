"""conformance_world.py - a client of the daemon and its peripheral, for conformance.py."""
import os
import re
import subprocess
import sys
import time

import dbus
import dbus.mainloop.glib
from gi.repository import GLib

import conformance_peer as peer

A, D, C = "org.bluez.Adapter1", "org.bluez.Device1", "org.bluez.GattCharacteristic1"
S, DESC = "org.bluez.GattService1", "org.bluez.GattDescriptor1"
WAIT_S = 60


class World:
    """A client of the daemon: what it hears, and calls that end with a word."""

    def __init__(self, opt):
        dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
        self.opt, self.context = opt, GLib.MainContext.default()
        self.bus = dbus.bus.BusConnection(opt.bus)
        self.log, self.said, self.part, self.peer = [], [], b"", None
        self.bus.add_signal_receiver(self.changed, "PropertiesChanged", peer.PROPS, peer.BLUEZ, path_keyword="path")
        self.bus.add_signal_receiver(self.added, "InterfacesAdded", peer.OM, peer.BLUEZ)
        self.bus.add_signal_receiver(self.removed, "InterfacesRemoved", peer.OM, peer.BLUEZ)
        self.adapter = self.adapter_at(opt.central)
        self.device = f"{self.adapter}/dev_{opt.peripheral.replace(':', '_')}"
        self.power(True)
        self.peer = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "conformance_peer.py"), opt.bus,
             self.adapter_at(opt.peripheral)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(self.peer.stdout.fileno(), False)
        GLib.io_add_watch(self.peer.stdout.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, self.hear_peer)
        self.until(lambda: "ready" in self.said, "the peripheral")

    def objects(self):
        return dbus.Interface(self.bus.get_object(peer.BLUEZ, "/", introspect=False), peer.OM).GetManagedObjects()

    def adapter_at(self, address):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            for path, faces in self.objects().items():
                if A in faces and faces[A]["Address"] == address:
                    return str(path)
            time.sleep(0.1)
        raise SystemExit(f"conformance: no adapter {address}")

    # ---- hearing ----
    def short(self, path):
        return path.replace(self.device, "DEV").replace(self.adapter, "ADAPTER")

    def note(self, path, text):
        if path.startswith(self.adapter) and (path.startswith(self.device) or "/dev_" not in path):
            self.log.append(f"{self.short(path)} {text}")

    def changed(self, interface, now, gone, path):
        for name, value in now.items():
            if name not in ("RSSI", "TxPower", "ManufacturerData"):
                shown = bytes(value).hex() if name == "Value" else \
                    str(bool(value)).lower() if isinstance(value, dbus.Boolean) else \
                    "..." if name in ("UUIDs", "Modalias", "Name", "Alias", "Appearance", "ServiceData", "AdvertisingFlags") else str(value)
                self.note(path, f"{name}={shown}")

    def added(self, path, faces):
        kinds = [f for f in (D, S, C, DESC) if f in faces]
        if kinds:
            self.note(path, "added")

    def removed(self, path, faces):
        if any(f in faces for f in (D, S, C, DESC)):
            self.note(path, "removed")

    def hear_peer(self, fd, condition):
        chunk = os.read(fd, 65536)
        *lines, self.part = (self.part + chunk).split(b"\n")
        self.said += [line.decode() for line in lines]
        return bool(chunk)

    def turn(self, seconds):
        """Wait for one thing to happen, for so long at most. Nothing is asked meanwhile: in an emulated machine that would be
        most of its work."""
        late = []
        timer = GLib.timeout_add(max(1, round(seconds * 1000)), lambda: late.append(True))  # None: once
        self.context.iteration(True)
        if not late:
            GLib.source_remove(timer)

    def until(self, ready, what, seconds=WAIT_S):
        """Until ready() is true; the seconds that it took of the daemon's clock. Raises when it takes too long."""
        start = time.monotonic()
        while not ready():
            left = start + seconds - time.monotonic()
            if left <= 0:
                raise TimeoutError(what)
            self.turn(min(left, 0.5))
        return (time.monotonic() - start) * self.opt.rate

    def rest(self, times=1):
        """Let what is under way arrive: until nothing was heard for so long (--rest)."""
        seconds = self.opt.rest * times
        seen, since = len(self.log) + len(self.said), time.monotonic()
        while (left := since + seconds - time.monotonic()) > 0:
            self.turn(left)
            if len(self.log) + len(self.said) != seen:
                seen, since = len(self.log) + len(self.said), time.monotonic()

    # ---- calling ----
    def start(self, path, interface, method, *args):
        """Call; the answer is put in the list that is returned: a word and the value."""
        end = []

        def failed(e):
            name = e.get_dbus_name().replace("org.bluez.Error.", "").replace("org.freedesktop.DBus.Error.", "DBus.")
            text = re.sub(r'"[^"]*"', '"..."', (e.get_dbus_message() or "").strip())
            end.extend([f"{name}: {self.short(text)}", None])
            self.log.append(f"{method} fails")

        def done(*value):
            end.extend(["ok", value[0] if value else None])
            self.log.append(f"{method} answers")
        self.bus.get_object(peer.BLUEZ, path, introspect=False).get_dbus_method(method, interface)(
            *args, reply_handler=done, error_handler=failed, timeout=WAIT_S)
        return end

    def finish(self, end):
        self.until(lambda: end, "an answer")
        return end[0]

    def call(self, path, interface, method, *args):
        return self.finish(self.start(path, interface, method, *args))

    def get(self, path, interface, name):
        end = self.start(path, peer.PROPS, "Get", interface, name)
        word = self.finish(end)
        return end[1] if word == "ok" else word

    def order(self, *words):
        """Tell the peripheral, and wait until it has done it."""
        before = self.said.count(f"done {words[0]}")
        self.peer.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.peer.stdin.flush()
        self.until(lambda: self.said.count(f"done {words[0]}") > before, words[0])

    def at(self, name):
        """The path of the peripheral's characteristic."""
        uuid = peer.UUID % (1 + [c[0] for c in peer.CHARACTERISTICS].index(name))
        return next(str(p) for p, f in self.objects().items() if C in f and f[C]["UUID"] == uuid and p.startswith(self.device))

    def clear(self):
        self.rest()
        self.log.clear()
        self.said.clear()

    def is_so(self, name):
        return self.get(self.device, D, name) == True           # noqa: E712 - a failure is a word

    # ---- what several cases do ----
    def power(self, on):
        self.call(self.adapter, peer.PROPS, "Set", A, "Powered", dbus.Boolean(on, variant_level=1))
        self.until(lambda: bool(self.get(self.adapter, A, "Powered")) == on, "power")

    def filter(self, **wanted):
        return self.call(self.adapter, A, "SetDiscoveryFilter", dbus.Dictionary(wanted, signature="sv"))

    def find(self):
        if self.device not in self.objects() or "RSSI" not in self.objects()[self.device][D]:
            self.filter(Transport="le")
            self.call(self.adapter, A, "StartDiscovery")
            self.hear()

    def hear(self):
        """Until the device is there; it is made to advertise anew where that is needed."""
        end = time.monotonic() + WAIT_S
        while self.device not in self.objects():
            if time.monotonic() > end:
                raise TimeoutError("the device")
            if self.opt.again:
                self.order("advertise")
            self.rest()
        self.rest()

    def connect(self):
        self.call(self.device, D, "Connect")
        self.until(lambda: self.is_so("ServicesResolved"), "the services")

    def disconnect(self):
        self.call(self.device, D, "Disconnect")
        self.until(lambda: not self.is_so("Connected"), "the end")

    def write(self, name, value, **options):
        return self.call(self.at(name), C, "WriteValue", dbus.ByteArray(value), dbus.Dictionary(options, signature="sv"))

    def read(self, name, **options):
        end = self.start(self.at(name), C, "ReadValue", dbus.Dictionary(options, signature="sv"))
        return self.finish(end), bytes(end[1] or b"")

    def acquire(self, name, method):
        end = self.start(self.at(name), C, method, dbus.Dictionary({}, signature="sv"))
        word = self.finish(end)
        if word != "ok":
            return word, None, 0
        reply = end[1]
        return word, reply, 0
