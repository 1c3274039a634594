#!/usr/bin/python3
"""conformance_table.py check bluetoothd|virtual-bluez FILE - FILE, which conformance.py printed, is what conformance.txt says
of that daemon, case by case. TAP.
conformance_table.py document - the table of differences, as docs/virtual-bluez.md has it.
conformance_table.py write bluetoothd|virtual-bluez FILE - put what FILE says into conformance.txt.

conformance.txt: for each case a line "case NAME", a line "both WHAT", or two lines "bluetoothd WHAT" and "virtual-bluez WHAT"
and a line "because WHY our code does not depend on it"."""
import os
import sys

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = os.path.join(HERE, "conformance.txt")
DAEMONS = ("bluetoothd", "virtual-bluez")


def expected():
    """{case: {bluetoothd, virtual-bluez, because}} in the file's order."""
    cases, now = {}, None
    for line in open(EXPECTED):
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "case":
            now = cases.setdefault(rest, {})
        elif word == "both":
            now.update(dict.fromkeys(DAEMONS, rest))
        elif word:
            now[word] = rest
    return cases


def seen(path):
    return dict(line.rstrip("\n").split("\t", 1) for line in open(path) if "\t" in line)


def check(daemon, path):
    cases, got = expected(), seen(path)
    for name, row in cases.items():
        if got.get(name) != row[daemon]:
            for want, have in zip_parts(row[daemon], got.get(name, "nothing")):
                print(f"# {name}: expected {want!r}, seen {have!r}", file=sys.stderr)
        tap.ok(got.get(name) == row[daemon], f"{daemon}: {name} is as written")
    for name in got.keys() - cases.keys():
        tap.ok(False, f"{daemon}: {name} is not in conformance.txt")
    for name, row in cases.items():
        if row["bluetoothd"] != row["virtual-bluez"]:
            tap.ok(bool(row.get("because")), f"{name}: it is written why nothing depends on the difference")
    return tap.done()


def zip_parts(a, b):
    """The parts that differ."""
    a, b = a.split(" | "), b.split(" | ")
    n = max(len(a), len(b))
    return [(x, y) for x, y in zip(a + ["nothing"] * (n - len(a)), b + ["nothing"] * (n - len(b))) if x != y]


def document():
    rows = expected()
    print("| case | bluetoothd 5.66 | virtual-bluez | why nothing depends on it |\n|---|---|---|---|")
    for name, row in rows.items():
        if row["bluetoothd"] != row["virtual-bluez"]:
            parts = zip_parts(row["bluetoothd"], row["virtual-bluez"])
            cells = ["<br>".join(p[i].replace("|", "\\|") for p in parts) for i in (0, 1)]
            print(f"| {name} | {cells[0]} | {cells[1]} | {row.get('because', '')} |")
    same = sum(row["bluetoothd"] == row["virtual-bluez"] for row in rows.values())
    print(f"\nIn {same} of {len(rows)} cases both do the same.")
    return 0


def write(daemon, path):
    cases = expected() if os.path.exists(EXPECTED) else {}
    for name, what in seen(path).items():
        cases.setdefault(name, {})[daemon] = what
    with open(EXPECTED, "w") as f:
        for name, row in cases.items():
            print(f"case {name}", file=f)
            if row.get(DAEMONS[0]) == row.get(DAEMONS[1]):
                print(f"both {row[DAEMONS[0]]}", file=f)
                continue
            for word in (*DAEMONS, "because"):
                if word in row:
                    print(f"{word} {row[word]}", file=f)
    return 0


if __name__ == "__main__":
    what = {"check": check, "document": document, "write": write}[sys.argv[1]]
    sys.exit(what(*sys.argv[2:]))
