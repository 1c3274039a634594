"""flash.py - an image of a meter's flash, read by what docs/storage.md says; its tables are taken
from that page as they are printed there.
"""
import re
import zlib

SLOT, SECTOR_AT, FIRST = 16, 32, 64


def section(text, name):
    return re.search(rf"<!-- printed: {name} -->(.*?)<!-- end -->", text, re.S).group(1)


class Page:
    """The tables of docs/storage.md."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.types = {int(no): name for no, name in
                      re.findall(r"^\| (\d+) \| (\w+) \|", section(text, "types"), re.M)}
        self.entries = {int(tag): (bool(many), int(size), name) for tag, many, size, name in
                        re.findall(r"^\| (\d+) \| (1 \+ )?(\d+) \| `([\w.]+)` \|",
                                   section(text, "entries"), re.M)}
        self.logs = {int(tag, 16): (name, int(size)) for tag, name, size in
                     re.findall(r"^\| (0x\w+) \| (\w+) \| (\d+) \|", section(text, "logs"), re.M)}


def number(data):
    return int.from_bytes(data, "little")


def signed(data):
    return int.from_bytes(data, "little", signed=True)


class Image:
    """The journal of an image, replayed: core, uses, logs, operations. `meter` is False when there
    is none in it."""

    def __init__(self, page, data, sectors):
        self.page, self.data, self.size = page, data, len(data) // sectors
        self.core, self.uses, self.operations = {}, {}, {}
        self.logs = {name: {} for name, _ in page.logs.values()}
        found = [self.sector(no * self.size) for no in range(sectors)]
        generation, self.records = max(found, key=lambda f: f[0])
        for _, kind, payload in self.records:
            self.apply(kind, payload)
        self.meter = generation > 0 and "meter_id" in self.core and "life" in self.core
        if self.core.get("account_closed"):
            self.core["totals.after_closing_l"] = \
                self.core["totals.index_l"] - self.core["closing_index_l"]

    def whole(self, at, end):
        """The record at an address: sequence, type, payload, size; None when there is none."""
        head = self.data[at:at + 12]
        if at + SLOT > end or number(head[:4]) >= 1 << 31 or \
                number(head[8:]) != zlib.crc32(head[:8]):
            return None
        n = number(head[6:8])
        size = (12 + n + 4 + 15) // 16 * 16
        record = self.data[at:at + size]
        if at + size > end or number(record[-4:]) != zlib.crc32(record[:-4]):
            return None
        return number(head[:4]), self.page.types.get(head[4]), record[12:12 + n], size

    def sector(self, base):
        """Generation of a sector that may be the journal (else 0), and its records that count."""
        end, at, found = base + self.size, base + FIRST, []
        mark = self.whole(base + SECTOR_AT, end)
        while at < end:
            record = self.whole(at, end)
            at += record[3] if record else SLOT
            if record:
                found.append(record)
        counts = [(r[0], r[1], r[2]) for r, after in zip(found, found[1:] + [None])
                  if after is None or after[0] > r[0]]
        if mark is None or mark[1] != "SECTOR" or "COMMIT" not in [kind for _, kind, _ in counts]:
            return 0, []
        return number(mark[2][:4]), counts

    def apply(self, kind, payload):
        if kind in ("SNAPSHOT", "CHANGE", "LOG"):
            self.take_entries(payload)
        elif kind in ("OPERATION", "KEPT"):
            n = number(payload[65:67])
            op = {"op_id": payload[:16], "base": number(payload[24:32]), "command": payload[32],
                  "content_hash": payload[33:65], "answer": payload[67:67 + n]}
            self.operations[number(payload[16:24])] = op
            self.take_entries(payload[67 + n:])
        elif kind == "INDEX":
            self.core["totals.index_l"] = number(payload[:8])
            self.core["totals.purged_l"] = number(payload[8:])

    def take_entries(self, data):
        at = 0
        while at < len(data):
            tag = data[at]
            if tag in self.page.logs:
                name, size = self.page.logs[tag]
                self.logs[name][number(data[at + 1:at + 5])] = data[at + 5:at + 5 + size]
                at += 5 + size
            elif tag == 0xF0:
                self.uses[data[at + 1]] = data[at + 2:at + 26]
                at += 26
            else:
                many, size, name = self.page.entries[tag]
                value = data[at + 1 + many:at + 1 + many + size]
                key = f"{name}[{data[at + 1]}]" if many else name
                self.core[key] = value if size > 8 else number(value)
                at += 1 + many + size

    def event(self, no):
        e = self.logs["EVENTS"][no]
        return {"no": no, "code": e[0], "at_s": number(e[1:6]), "a": signed(e[6:14]),
                "b": signed(e[14:22])}
