#!/usr/bin/python3
"""air_table.py - the table of docs/virtual-bluez.md about what a client's connections cost on the air; standard input: air.txt."""
import sys
from collections import Counter

PHASES = {"discovery": "finding services", "plugins": "bluetoothd's own reads: name, appearance, PnP ID",
          "subscribe": "subscriptions begun and ended", "data": "what the client does itself"}


def main():
    links = []                          # of each connection: a Counter of PDUs for each phase
    for line in sys.stdin:
        phase, _, name, *rest = line.split()
        if name == "mtu":               # the first PDU of a connection
            links.append({p: Counter() for p in PHASES})
        links[-1][phase][f"{name} of {rest[0]}" if name == "error" else name] += 1
    print("| | first contact | the next connection |\n|---|---|---|")
    for phase, words in PHASES.items():
        cells = (f"{sum(c[phase].values())}: " + ", ".join(f"{n} {name}" for name, n in c[phase].items()) if c[phase] else "0" for c in links)
        print(f"| {words} | {' | '.join(cells)} |")
    print("| together | " + " | ".join(str(sum(sum(c.values()) for c in link.values())) for link in links) + " |")


if __name__ == "__main__":
    main()
