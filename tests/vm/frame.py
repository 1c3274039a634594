#!/usr/bin/python3
"""frame.py WIDTH HEIGHT - a YUYV picture of the code on stdin, two characters a module as gasoffice
label --ascii prints it, as large as it fits."""
import sys

width, height = int(sys.argv[1]), int(sys.argv[2])
rows = [line.rstrip("\n") for line in sys.stdin]
rows = [line for line in rows if set(line) <= set("# ")]
dark = [[row[2 * i:2 * i + 2] == "##" for i in range(max(map(len, rows)) // 2)] for row in rows]
used = [y for y, row in enumerate(dark) if any(row)]
left = min(row.index(True) for row in dark if True in row)
size = used[-1] - used[0] + 1
quiet = 4
module = min(width, height) // (size + 2 * quiet)
x0, y0 = (width - size * module) // 2, (height - size * module) // 2


def is_dark(x, y):
    i, j = (x - x0) // module, (y - y0) // module
    if not (0 <= i < size and 0 <= j < size):
        return False
    row = dark[used[0] + j]
    return left + i < len(row) and row[left + i]


lines = {}
for y in range(height):
    key = (y - y0) // module
    if key not in lines:
        lines[key] = b"".join(b"\x10\x80" if is_dark(x, y) else b"\xeb\x80" for x in range(width))
    sys.stdout.buffer.write(lines[key])
