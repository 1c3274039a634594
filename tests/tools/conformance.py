#!/usr/bin/python3
"""conformance.py - what a daemon that owns org.bluez does, seen over D-Bus alone: one line for each case.

    conformance.py [--bus ADDRESS] [--rate N] [--again] [--rest S] CENTRAL-ADDRESS PERIPHERAL-ADDRESS

The same for bluetoothd and for virtual-bluez: conformance.txt says what each is known to do. --rate: the daemon's clock
rate. --again: the peripheral registers its advertisement anew when it is not heard: emulated
controllers report one only once. --rest: so many seconds
without a word, and nothing more is expected.
"""
import argparse
import os
import time

import dbus

import conformance_peer as peer
from conformance_world import A, C, D, DESC, S, World


def about(seconds, *marks):
    """The mark that a time is near to: a machine of tests may take twice as long, or a second more."""
    near = [m for m in marks if 0.8 * m - 0.05 <= seconds]
    return f"about {max(near)} s" if near else "at once"


CASES = []


def case(fn):
    CASES.append((fn.__name__.replace("_", "-"), fn))
    return fn


# ---- adapter and discovery ----
@case
def adapter_properties(w):
    return " ".join(sorted(w.objects()[w.adapter][A]))


@case
def adapter_interfaces(w):
    return " ".join(sorted(i.split(".")[-1] for i in w.objects()[w.adapter] if i.startswith("org.bluez.")))


@case
def discovery_errors(w):
    return [w.call(w.adapter, A, "StopDiscovery"), w.filter(Transport="smoke"),
            w.filter(RSSI=dbus.Int16(30)),
            w.call(w.adapter, A, "RemoveDevice", dbus.ObjectPath(w.adapter + "/dev_00_00_00_00_00_99"))]


@case
def discovery_twice(w):
    w.clear()
    w.filter(Transport="le")
    out = [w.call(w.adapter, A, "StartDiscovery"), w.call(w.adapter, A, "StartDiscovery")]
    w.hear()
    return out + [line for line in w.log if line.startswith("ADAPTER ")] + ["DEV added" if "DEV added" in w.log else "DEV was there"]


@case
def device_properties_found(w):
    return " ".join(sorted(w.objects()[w.device][D]))


@case
def discovery_stopped(w):
    w.clear()
    out = [w.call(w.adapter, A, "StopDiscovery")]
    w.rest()
    return out + [line for line in w.log if "Discovering" in line] + [" ".join(sorted(set(w.objects()[w.device][D]) & {"RSSI", "TxPower"})) or "no RSSI"]


# ---- connecting ----
def steps(w):
    """What was heard, with runs of objects as one; not Connected=true, which bluetoothd leaves out at times."""
    out, n = [], 0
    for line in w.log + [""]:
        if line.startswith("DEV/") and line.endswith("added"):
            n += 1
            continue
        if n:
            out.append("objects added")
            n = 0
        if line and not line.startswith(("Get ", "GetManagedObjects", "DEV Connected=true", "DEV Name", "DEV Alias", "DEV Appearance", "DEV ServiceData", "DEV AdvertisingFlags")):
            out.append(line)
    return out


@case
def connect_order(w):
    w.find()
    w.call(w.adapter, A, "StopDiscovery")
    w.clear()
    end = w.start(w.device, D, "Connect")
    w.until(lambda: any("ServicesResolved=true" in line for line in w.log), "the services")
    w.finish(end)
    w.rest()
    return steps(w)


@case
def device_properties_connected(w):
    return " ".join(sorted(w.objects()[w.device][D]))


@case
def services_shown(w):
    return sorted(f"{w.short(p)[4:]} {f[S]['UUID'][:8]}" for p, f in w.objects().items() if S in f and p.startswith(w.device))


@case
def characteristics_shown(w):
    return sorted(f"{w.short(p)[4:]} {f[C]['UUID'][:8]} {','.join(f[C]['Flags'])}" for p, f in w.objects().items()
                  if C in f and p.startswith(w.device))


@case
def descriptors_shown(w):
    return sorted(f"{w.short(p)[4:]} {f[DESC]['UUID'][:8]}" for p, f in w.objects().items() if DESC in f and p.startswith(w.device))


@case
def service_properties(w):
    path = os.path.dirname(w.at("read"))
    return " ".join(sorted(w.objects()[path][S]))


@case
def characteristic_properties(w):
    return [f"{name}: " + " ".join(sorted(w.objects()[w.at(name)][C])) for name, _ in peer.CHARACTERISTICS]


@case
def device_uuids(w):
    return " ".join(u[:8] for u in w.get(w.device, D, "UUIDs"))


@case
def mtu(w):
    return str(w.get(w.at("read"), C, "MTU"))


@case
def connect_again(w):
    return w.call(w.device, D, "Connect")


# ---- reading and writing ----
@case
def read(w):
    w.clear()
    word, value = w.read("read")
    w.rest()
    return [word, f"{len(value)} bytes", *w.said, *["Value told" for line in w.log if "Value=" in line],
            "Value kept" if "Value" in w.objects()[w.at("read")][C] else "no Value"]


@case
def read_at_offset(w):
    out = []
    for offset in (10, 30, 31):
        word, value = w.read("read", offset=dbus.UInt16(offset))
        out.append(f"{offset}: {word}, {len(value)} bytes")
    return out


@case
def read_long(w):
    w.order("value", 600)
    w.clear()
    word, value = w.read("read")
    w.rest()
    w.order("value", 30)
    return [word, f"{len(value)} bytes", *[s for s in w.said if s.startswith("read")]]


@case
def read_not_permitted(w):
    return [w.read("write")[0], w.read("notify")[0]]


@case
def write_kinds(w):
    out = []
    for name, kind in (("write", "request"), ("write", "command"), ("command", "command"), ("command", "request"), ("both", "request"),
                       ("both", "command"), ("read", "request"), ("write", ""), ("command", ""), ("both", ""), ("write", "smoke")):
        w.clear()
        word = w.write(name, b"abc", **({"type": kind} if kind else {}))
        w.rest()
        out.append(f"{name} {kind or 'any'}: {word}" + "".join(f", {s}" for s in w.said))
    return out


@case
def write_errors(w):
    return [f"{peer.ANSWERS[b][0]} \"{peer.ANSWERS[b][1]}\": " + w.write("write", bytes([b]), type="request") for b in sorted(peer.ANSWERS)]


@case
def write_error_of_both(w):
    return w.write("both", b"\xe1", type="request")


@case
def write_never_answered(w):
    start = time.monotonic()
    word = w.write("write", b"\xe7", type="request")
    return [word, about((time.monotonic() - start) * w.opt.rate, 1, 5, 30)]


@case
def write_sizes(w):
    out = []
    for name, kind, n in (("write", "request", 510), ("write", "request", 511), ("write", "request", 512), ("write", "request", 513),
                          ("command", "command", 510), ("command", "command", 512), ("command", "command", 514), ("command", "command", 515)):
        w.clear()
        word = w.write(name, bytes(n), type=kind)
        w.rest()
        out.append(f"{kind} {n}: {word}" + "".join(f", {s}" for s in w.said))
    return out


# ---- notifications ----
@case
def notify_errors(w):
    return [w.call(w.at("notify"), C, "StopNotify"), w.call(w.at("read"), C, "StartNotify")]


@case
def notify_start(w):
    w.clear()
    out = [w.call(w.at("notify"), C, "StartNotify"), w.call(w.at("notify"), C, "StartNotify")]
    w.rest()
    return out + [*w.said, *[line.split(" ", 1)[-1] for line in w.log if line.startswith("DEV")],
                  "Value kept" if "Value" in w.objects()[w.at("notify")][C] else "no Value"]


@case
def notify_sizes(w):
    out = []
    for n in (0, 1, 20, 200, 509, 511, 512, 513, 514, 600):
        w.clear()
        w.order("tell", "notify", n, 1)
        w.rest()
        got = [len(line.split("Value=")[1]) // 2 for line in w.log if "Value=" in line]
        out.append(f"{n}: " + (", ".join(map(str, got)) or "nothing"))
    return out


@case
def notify_burst(w):
    w.clear()
    w.order("tell", "notify", 100, 60)
    w.rest(2)
    got = [int(line.split("Value=")[1][:2], 16) for line in w.log if "Value=" in line]
    return f"{len(got)} of 60, " + ("in order" if got == sorted(got) else "out of order")


@case
def notify_same_value(w):
    w.clear()
    for _ in range(3):
        w.order("tell", "notify", 5, 1)
    w.rest()
    return f"told {sum('Value=' in line for line in w.log)} times"


@case
def notify_stop(w):
    w.clear()
    out = [w.call(w.at("notify"), C, "StopNotify")]
    w.rest()
    w.order("tell", "notify", 5, 1)
    w.rest()
    return out + [s for s in w.said if not s.startswith("done")] + [line.split(" ", 1)[-1] for line in w.log if line.startswith("DEV")]


@case
def notify_early(w):
    """A value that the peripheral tells as soon as it is subscribed to."""
    w.order("early", "on")
    w.clear()
    out = [w.call(w.at("notify"), C, "StartNotify")]
    w.rest()
    w.order("early", "off")
    out += ["heard" if any("Value=6561726c79" in line for line in w.log) else "lost"]
    w.call(w.at("notify"), C, "StopNotify")
    w.rest()
    return out


@case
def indicate(w):
    w.clear()
    out = [w.call(w.at("indicate"), C, "StartNotify")]
    w.order("tell", "indicate", 5, 2)
    w.rest()
    out += [s for s in w.said if not s.startswith("done")] + [f"told {sum('Value=' in line for line in w.log)} times"]
    w.call(w.at("indicate"), C, "StopNotify")
    w.rest()
    return out


# ---- sockets ----
@case
def acquire_write(w):
    w.clear()
    end = w.start(w.at("command"), C, "AcquireWrite", dbus.Dictionary({}, signature="sv"))
    w.finish(end)
    return [end[0], "refused for the others: " + w.write("command", b"x", type="command"),
            w.acquire("write", "AcquireWrite")[0]]


@case
def acquire_notify_errors(w):
    out = [w.acquire("read", "AcquireNotify")[0]]
    w.call(w.at("notify"), C, "StartNotify")
    out.append("notified already: " + w.acquire("notify", "AcquireNotify")[0])
    w.call(w.at("notify"), C, "StopNotify")
    w.rest()
    return out


# ---- the end of a link, and the next ----
@case
def disconnect(w):
    w.call(w.at("notify"), C, "StartNotify")
    w.clear()
    start = time.monotonic()
    end = w.start(w.device, D, "Disconnect")
    notify = w.start(w.at("indicate"), C, "StartNotify")
    again = w.start(w.device, D, "Connect")
    out = ["StartNotify meanwhile: " + w.finish(notify), "Connect meanwhile: " + w.finish(again)]
    w.until(lambda: any("Connected=false" in line for line in w.log), "the end")
    took = (time.monotonic() - start) * w.opt.rate
    w.finish(end)
    w.rest()
    return out + [about(took, 2)] + [line for line in steps(w) if not line.startswith(("StartNotify", "Connect "))]


@case
def while_disconnected(w):
    out = [f"objects {'stay' if any(S in f for p, f in w.objects().items() if p.startswith(w.device)) else 'go'}"]
    out += ["read: " + w.read("read")[0], "write: " + w.write("write", b"a", type="request"),
            "command: " + w.write("command", b"a", type="command"), "Disconnect: " + w.call(w.device, D, "Disconnect"),
            "MTU: " + str(w.get(w.at("read"), C, "MTU"))]
    return out


@case
def reconnect_order(w):
    """With services remembered, and a subscription of the link before."""
    w.clear()
    end = w.start(w.device, D, "Connect")
    w.until(lambda: any("ServicesResolved=true" in line for line in w.log), "the services")
    w.finish(end)
    w.rest()
    return steps(w) + w.said


@case
def subscribed_again(w):
    w.clear()
    w.order("tell", "notify", 5, 1)
    w.rest()
    return "told" if any("Value=" in line for line in w.log) else "not told"


# ---- what peripherals register ----
@case
def adverts_refused(w):
    path = w.adapter_at(w.opt.peripheral)
    rows = {"twice": {}, "too-long": {"ServiceUUIDs": dbus.Array([peer.UUID % 1, peer.UUID % 2], signature="s")},
            "no-type": {"Type": "smoke"}}
    out = []
    for i, (name, more) in enumerate(rows.items()):
        advert = peer.Advert(w.bus, f"{peer.ROOT}/mine{i}", **more)
        words = [w.call(path, "org.bluez.LEAdvertisingManager1", "RegisterAdvertisement", dbus.ObjectPath(advert.path), dbus.Dictionary({}, signature="sv"))]
        if name == "twice":
            words += [w.call(path, "org.bluez.LEAdvertisingManager1", "RegisterAdvertisement", dbus.ObjectPath(advert.path), dbus.Dictionary({}, signature="sv"))]
        words += [w.call(path, "org.bluez.LEAdvertisingManager1", "UnregisterAdvertisement", dbus.ObjectPath(advert.path))]
        out.append(f"{name}: " + ", ".join(words))
    return out


@case
def removed(w):
    w.clear()
    out = [w.call(w.adapter, A, "RemoveDevice", dbus.ObjectPath(w.device))]
    w.rest()
    return out + [line for line in w.log if line in ("DEV Connected=false", "DEV ServicesResolved=false", "DEV removed")] + \
        [w.call(w.device, D, "Connect")]


@case
def powered_off(w):
    w.power(False)
    out = [w.call(w.adapter, A, "StartDiscovery")]
    w.power(True)
    return out


# ---- who is not there any more ----
@case
def temporary_device(w):
    """Known, while its peripheral advertises no more and nobody searches."""
    w.order("advertise")
    w.find()
    w.order("hush")
    w.until(lambda: "hushed" in w.said, "the end of the advertising")
    w.call(w.adapter, A, "StopDiscovery")
    w.clear()
    start = time.monotonic()
    w.until(lambda: "DEV removed" in w.log, "the end of the device")
    return ["removed", about((time.monotonic() - start) * w.opt.rate, 2, 5, 30)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bus", default=os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/dbus/system_bus_socket"))
    p.add_argument("--rate", type=float, default=1)
    p.add_argument("--rest", type=float, default=0.3)
    p.add_argument("--again", action="store_true")
    p.add_argument("central")
    p.add_argument("peripheral")
    w = World(p.parse_args())
    try:
        for name, fn in CASES:
            try:
                said = fn(w)
            except (TimeoutError, StopIteration, KeyError) as e:
                said = f"no end: {e!r}"
            print(f"{name}\t{said if isinstance(said, str) else ' | '.join(said)}", flush=True)
    finally:
        w.peer.stdin.close()
        w.peer.wait()


if __name__ == "__main__":
    main()
