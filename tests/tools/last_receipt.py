#!/usr/bin/python3
"""last_receipt.py FILE - the sealed receipt of the last operation in a meter's flash, in hex, read by what
docs/storage.md says."""
import os
import sys

import flash
import gasm

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = gasm.Schema(os.path.join(ROOT, "meter-core", "proto"))
PAGE = flash.Page(os.path.join(ROOT, "docs", "storage.md"))
SECTORS = 2


def main():
    with open(sys.argv[1], "rb") as f:
        image = flash.Image(PAGE, f.read(), SECTORS)
    last = image.operations[max(image.operations)]
    print(SCHEMA.decode("Response", last["answer"])["receipt"].hex())


main()
