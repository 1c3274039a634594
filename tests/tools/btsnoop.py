"""btsnoop.py - the ATT PDUs in a btsnoop file: of `btmon -w` (datalink 2001), or of gasfitter and virtual-bluez (1002).

Run as a program it prints what a central's client said and heard, and how much of it in each phase:
    btsnoop.py [--list | --order | --counts | --values | --ops | --open] [--links FIRST[-LAST]] FILE...
--list: each PDU; --order: the same without lengths; --counts (the default): a table of phases; --values: the PDUs that carry
values, in hexadecimal digits. --links: only of those of the central's connections, counted from 1; "2-": and all that follow.
--ops: how many PDUs of each opcode there are, both sides' clients and both sides' captures. --open: connections begun, and ended.
"""
import argparse
import struct
import sys
from collections import Counter

EPOCH_US = 0x00DCDDB30F2F8000           # 1970-01-01 on the file's clock, which starts with the year 0

ERROR, MTU_REQ, MTU_RSP, FIND_INFO, FIND_INFO_RSP = 0x01, 0x02, 0x03, 0x04, 0x05
READ_TYPE, READ_TYPE_RSP, READ, READ_RSP, BLOB, BLOB_RSP = 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D
GROUP, GROUP_RSP, WRITE, WRITE_RSP, PREPARE, PREPARE_RSP, EXECUTE, EXECUTE_RSP = 0x10, 0x11, 0x12, 0x13, 0x16, 0x17, 0x18, 0x19
NOTIFY, INDICATE, CONFIRM, MULTIPLE, COMMAND = 0x1B, 0x1D, 0x1E, 0x23, 0x52
NAMES = {ERROR: "error", MTU_REQ: "mtu", MTU_RSP: "mtu-is", FIND_INFO: "find-info", FIND_INFO_RSP: "info", READ_TYPE: "read-by-type",
         READ_TYPE_RSP: "by-type", READ: "read", READ_RSP: "value", BLOB: "read-blob", BLOB_RSP: "blob", GROUP: "read-by-group",
         GROUP_RSP: "group", WRITE: "write", WRITE_RSP: "written", PREPARE: "prepare", PREPARE_RSP: "prepared",
         EXECUTE: "execute", EXECUTE_RSP: "executed", NOTIFY: "notification", INDICATE: "indication", CONFIRM: "confirmation",
         MULTIPLE: "notifications", COMMAND: "command"}
ASKED = {MTU_REQ, FIND_INFO, READ_TYPE, READ, BLOB, GROUP, WRITE, PREPARE, EXECUTE}
FROM_CLIENT = ASKED | {COMMAND, CONFIRM}
PHASES = ("discovery", "plugins", "subscribe", "data")


class Pdu:
    def __init__(self, at_us, adapter, link, sent, raw):
        self.at_us, self.adapter, self.link, self.sent, self.raw = at_us, adapter, link, sent, raw
        self.op = raw[0]

    def number(self, at):
        return struct.unpack_from("<H", self.raw, at)[0]

    def __str__(self):
        op, raw, text = self.op, self.raw, NAMES.get(self.op, f"op-{self.op:02x}")
        if op in (FIND_INFO, READ_TYPE, GROUP):
            text += f" {self.number(1):04x}-{self.number(3):04x}" + (f" {raw[5:][::-1].hex()}" if len(raw) > 5 else "")
        elif op == ERROR:
            text += f" {NAMES.get(raw[1], raw[1])} {self.number(2):04x} {raw[4]:02x}"
        elif op in (MTU_REQ, MTU_RSP):
            text += f" {self.number(1)}"
        elif op in (READ, BLOB, WRITE, PREPARE, NOTIFY, INDICATE, COMMAND):
            text += f" {self.number(1):04x} +{len(raw) - 3}"
        else:
            text += f" +{len(raw) - 1}"
        return text


def records(path):
    """(datalink, flags, microseconds, bytes) of each record."""
    with open(path, "rb") as f:
        head = f.read(16)
        if head[:8] != b"btsnoop\0" or struct.unpack(">I", head[8:12])[0] != 1:
            raise ValueError(f"{path}: not a btsnoop file")
        datalink = struct.unpack(">I", head[12:])[0]
        while len(entry := f.read(24)) == 24:
            _, n, flags, _, at = struct.unpack(">IIIIq", entry)
            yield datalink, flags, at - EPOCH_US, f.read(n)


def packets(path):
    """(microseconds, adapter, is sent, is ACL, bytes): HCI events and ACL packets, without what names their kind."""
    for datalink, flags, at, data in records(path):
        if datalink == 2001 and flags & 0xFFFF in (3, 4, 5):
            yield at, flags >> 16, flags & 0xFFFF == 4, flags & 0xFFFF != 3, data
        elif datalink == 1002 and data[:1] in (b"\x02", b"\x04"):
            yield at, 0, not flags & 1, data[0] == 2, data[1:]


def is_link(event):
    """LE Meta, (Enhanced) Connection Complete, status 0; byte 6 is the role, 0 for the central."""
    return event[0] == 0x3E and event[2] in (1, 10) and event[3] == 0


def begun_ended(path):
    """How many connections the central began, and how many ended."""
    begun, handles, ended = 0, set(), 0
    for _, adapter, _, is_acl, data in packets(path):
        if not is_acl and is_link(data) and data[6] == 0:
            begun += 1
            handles.add((adapter, data[4:6]))
        elif not is_acl and data[0] == 0x05 and (adapter, data[3:5]) in handles:    # Disconnection Complete
            ended += 1
            handles.remove((adapter, data[3:5]))
    return begun, ended


def att(path, ret_central=None):
    """Every ATT PDU of the file; the adapters that connected as central are added to the set ret_central."""
    parts, links = {}, Counter()
    for at, adapter, sent, is_acl, data in packets(path):
        if not is_acl:
            if is_link(data):
                links[adapter] += 1
                if data[6] == 0 and ret_central is not None:
                    ret_central.add(adapter)
            continue
        head, n = struct.unpack_from("<HH", data)
        key = (adapter, head & 0xFFF, sent)
        parts[key] = (parts.get(key, b"") if head >> 12 & 3 == 1 else b"") + data[4:4 + n]
        whole = parts[key]
        if len(whole) >= 4 and len(whole) - 4 >= struct.unpack_from("<H", whole)[0]:
            if struct.unpack_from("<H", whole, 2)[0] == 4 and len(whole) > 4:
                yield Pdu(at, adapter, links[adapter], sent, whole[4:])
            parts[key] = b""


def client(path, links=(1, None)):
    """What the client at the central said and heard, in order, from the first of links to the last (None: all that follow);
    not what its peer's client asked of it."""
    central = set()
    for p in list(att(path, central)):
        about = p.raw[1] if p.op == ERROR else p.op
        by_client = about in ASKED if p.op == ERROR else p.op in FROM_CLIENT
        if p.link < links[0] or (links[1] is not None and p.link > links[1]):
            continue
        if (not central or p.adapter in central) and p.sent == (by_client and p.op != ERROR):
            yield p


def phases(pdus):
    """(phase, pdu) of a client's PDUs; an answer belongs to its request. What finds services is discovery, with the two
    writes to the Generic Attribute service that are its end; reading name, appearance and PnP ID is BlueZ's plugins."""
    known, phase = {}, "discovery"      # handle of a value: its 16-bit UUID, as discovery heard it
    asked = wanted = None
    for p in pdus:
        if p.op == READ_TYPE_RSP and wanted == 0x2803:
            for i in range(2, len(p.raw) - p.raw[1] + 1, p.raw[1]):
                known[p.number(i + 3)] = p.number(i + 5) if p.raw[1] == 7 else None
        if p.op in ASKED:
            if p.op in (MTU_REQ, FIND_INFO, READ_TYPE, GROUP):
                phase = "discovery"
            elif p.op == WRITE:
                uuids = known.get(p.number(1)), known.get(p.number(1) - 1)
                phase = "discovery" if uuids[0] == 0x2B29 or uuids[1] == 0x2A05 else \
                    "subscribe" if uuids[0] is None and len(p.raw) == 5 and p.raw[3:] in (b"\1\0", b"\2\0", b"\0\0") and \
                    p.number(1) not in known else "data"
            elif p.op in (READ, BLOB):
                phase = "plugins" if known.get(p.number(1)) in (0x2A00, 0x2A01, 0x2A50, 0x2A19) else "data"
            asked, wanted = phase, p.number(5) if p.op in (READ_TYPE, GROUP) and len(p.raw) == 7 else None
            yield asked, p
        elif p.op in (COMMAND, NOTIFY, INDICATE, MULTIPLE, CONFIRM):
            yield "data", p
        else:
            yield asked or phase, p


def counts(path, links=(1, None)):
    """Counter of (phase, what) with what of: requests, answers, errors, commands, notifications, bytes."""
    c = Counter()
    for phase, p in phases(client(path, links)):
        kind = "requests" if p.op in ASKED else "errors" if p.op == ERROR else "commands" if p.op == COMMAND else \
            "notifications" if p.op in (NOTIFY, INDICATE, MULTIPLE) else "confirmations" if p.op == CONFIRM else "answers"
        c[phase, kind] += 1
        c[phase, "pdus"] += 1
        c[phase, "bytes"] += len(p.raw)
    return c


KINDS = ("pdus", "requests", "answers", "errors", "commands", "notifications", "confirmations", "bytes")


def table(path, links):
    c = counts(path, links)
    lines = [f"{'phase':10}" + "".join(f"{k:>14}" for k in KINDS)]
    lines += [f"{ph:10}" + "".join(f"{c[ph, k]:>14}" for k in KINDS) for ph in PHASES]
    return lines


def values(path, links):
    """What crossed in values after the services were found: one line for each, of a PDU that packs several too."""
    for phase, p in phases(client(path, links)):
        if phase != "data":
            continue
        left = p.raw[1:] if p.op == MULTIPLE else b""
        while len(left) >= 4:           # handle, length, value
            n = struct.unpack_from("<H", left, 2)[0]
            yield f"{NAMES[NOTIFY]} {left[4:4 + n].hex()}"
            left = left[4 + n:]
        if p.op in (COMMAND, NOTIFY, INDICATE, READ_RSP, BLOB_RSP, WRITE):
            at = 1 if p.op in (READ_RSP, BLOB_RSP) else 3
            yield f"{NAMES[p.op]} {p.raw[at:].hex()}"


def lines(path, links, with_lengths):
    for phase, p in phases(client(path, links)):
        text = str(p) if with_lengths else str(p).split(" +")[0]
        yield f"{phase:10} {'>' if p.op in FROM_CLIENT else '<'} {text}"


def main():
    arguments = argparse.ArgumentParser()
    for how in ("list", "order", "counts", "values", "ops", "open"):
        arguments.add_argument(f"--{how}", dest="how", action="store_const", const=how, default="counts")
    arguments.add_argument("--links", default="1-")
    arguments.add_argument("file", nargs="+")
    opt = arguments.parse_args()
    first, is_range, last = opt.links.partition("-")
    links = int(first), int(last or 0) or None if is_range else int(first)
    for path in opt.file:
        if opt.how == "open":
            print(*begun_ended(path))
        elif opt.how == "ops":
            for op, n in sorted(Counter(p.op for p in att(path)).items()):
                print(f"{n} 0x{op:02x}")
        else:
            print("\n".join(lines(path, links, opt.how == "list") if opt.how in ("list", "order") else
                            values(path, links) if opt.how == "values" else table(path, links)))


if __name__ == "__main__":
    main()
