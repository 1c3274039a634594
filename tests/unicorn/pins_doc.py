#!/usr/bin/python3
"""pins_doc.py - the table of pins in docs/porting.md, from pins.h and the board files. GENERATE=1 writes it."""
import os
import pathlib
import re
import sys

PORT, PAGE = pathlib.Path("meter-core/port/stm32"), pathlib.Path("docs/porting.md")
PARTS = ("f405", "l476")
USES = {"OUTPUT": "output", "INPUT": "looked at", "EDGE": "interrupt when it falls", "BOTH": "interrupt at each change",
        "WAKE": "USART1; ends a stop", "LINE": "USART1"}

pins = re.findall(r"X\((\w+), (\w+), \"([^\"]+)\"\)", (PORT / "pins.h").read_text())
where = {part: dict((name, f"P{port}{number}") for name, port, number in re.findall(
    r"\[PIN_(\w+)\] = \{PORT_(\w), (\d+)\}", (PORT / f"board_{part}.c").read_text())) for part in PARTS}
lines = [f"| pin | what | {' | '.join('STM32' + part.upper() for part in PARTS)} | use |",
         "|---" * (3 + len(PARTS)) + "|"]
lines += [f"| `{name}` | {what} | {' | '.join(where[part][name] for part in PARTS)} | {USES[use]} |"
          for name, use, what in pins]
for part in PARTS:
    numbers = [re.sub(r"\D", "", where[part][name]) for name, use, _ in pins if use in ("EDGE", "BOTH", "WAKE")]
    if len(set(numbers)) != len(numbers):
        sys.exit(f"board_{part}.c: two pins with an interrupt have the same number")
text = PAGE.read_text()
made = re.sub(r"(?<=<!-- printed: pins -->\n).*?(?=<!-- end -->)", "\n".join(lines) + "\n", text, flags=re.S)
if os.environ.get("GENERATE"):
    PAGE.write_text(made)
elif made != text:
    sys.exit("docs/porting.md: the table of pins is not that of pins.h and the board files; GENERATE=1 writes it")
