#!/usr/bin/python3
"""storage_check.py PROGRAM FOLDER - docs/storage.md is enough to read a meter's flash: TAP.

An image of the meter behind PROGRAM (tests/pipe/meter_pipe.c) is read by what the page says, and
must hold what the meter itself answers: also after a turn, and after power cuts that are made here.
FOLDER is for the images.
"""
import os
import random
import sys

import flash
import gasm
import tap
from gasm import Refused, le
from gasm_client import Client, Office, Radio
from tap import ok, same

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = gasm.Schema(os.path.join(ROOT, "meter-core", "proto"))
PAGE = flash.Page(os.path.join(ROOT, "docs", "storage.md"))
SECTORS, UNIT, ACCOUNT = 4, 8, 1001
BUSY = SCHEMA.enums["Refusal"]["BUSY"]


class Bench:
    """A meter, its client, and its flash as a file."""

    def __init__(self, program, folder):
        self.radio = Radio(program)
        self.client = Client(SCHEMA, self.radio, 247)
        self.office = Office(SCHEMA)
        self.path = os.path.join(folder, "meter.img")

    def image(self):
        self.radio.do(b"S", self.path.encode())
        with open(self.path, "rb") as f:
            return f.read()

    def load(self, data):
        """Start the meter with this image. False when it finds no meter in it."""
        with open(self.path, "wb") as f:
            f.write(data)
        self.client.session = None
        try:
            self.radio.do(b"L", self.path.encode())
        except Refused:
            return False
        return True

    def do(self, command, body):
        """A change, until the journal has room for it."""
        plain = self.client.plain(command, body, self.client.new_op(), self.base)
        for _ in range(3):
            answer = self.client.insist(plain)
            if answer["result"] != BUSY:
                self.base = answer["receipt_seq"]
                return
            self.client.session = None
            self.radio.do(b"T", le(2000, 4))
        raise Refused(f"{command} stays BUSY")

    def open(self):
        """An account on a new meter."""
        self.base = 0
        self.client.ticket = self.office.ticket(0, 0xFFFF)
        self.do("install_key", {"envelope": self.office.envelope(1, 0)})
        self.client.session = None
        self.client.ticket = self.office.ticket(1, 0xFFFF, account_no=ACCOUNT)
        self.client.insist(self.client.plain("identify"))
        self.do("open_account", {"account_no": ACCOUNT})

    def set_one(self, value, no=7):
        self.do("set_parameters", {"parameters": [{"id": no, "value": value}]})


def answers(bench):
    """What the meter says of itself, in the page's names."""
    ask = bench.client.insist
    plain = bench.client.plain
    who = ask(plain("identify"))["identity"]
    out = {"meter_id": who["meter_id"], "life": who["state"], "active_epoch": who["active_epoch"],
           "account_no": who["account_no"], "receipt_seq": who["receipt_seq"],
           "pulse_l": who["pulse_l"], "meter_type": who["meter_type"]}
    for p in ask(plain("get_parameters"))["parameters"]["parameters"]:
        out[f"params[{p['id'] - 1}]"] = p["value"] % (1 << 64)
    balance = ask(plain("read_balance"))["balance"]
    out.update({f"totals.{k}": v for k, v in balance["totals"].items()})
    return out


def receipts(bench, last):
    plain = bench.client.plain("read_receipts", {"from_seq": max(1, last - 1)})
    return bench.client.insist(plain)["receipts"]["receipts"]


def same_state(bench, name):
    """The image, read by the page, holds what the meter says."""
    said = answers(bench)
    image = flash.Image(PAGE, bench.image(), SECTORS)
    same({k: image.core.get(k, 0) for k in said}, said, f"{name}: the image holds what it says")
    last = said["receipt_seq"]
    kept = [SCHEMA.decode("Response", image.operations[no]["answer"])["receipt"]
            for no in range(max(1, last - 1), last + 1)]
    same(kept, receipts(bench, last), f"{name}: the last receipts")
    page = bench.client.insist(bench.client.plain("read_events", {
        "from_no": max(1, image.core["event_seq"] - 9)}))["events"]
    same([image.event(e["no"]) for e in page["entries"]], page["entries"], f"{name}: events")
    return image


def damaged(data, at, how, noise):
    """What a cut in the unit at an address leaves, and nothing after it is written."""
    old = data[at:at + UNIT]
    unit = {"untouched": b"\xff" * UNIT, "torn": old[:UNIT // 2] + b"\xff" * (UNIT - UNIT // 2),
            "garbage": noise.randbytes(UNIT), "whole": old}[how]
    return data[:at] + unit


def agree(bench, data):
    """Start with this image. Does the meter say what the page says? And what."""
    image = flash.Image(PAGE, data, SECTORS)
    alive = bench.load(data)
    said = answers(bench) if alive else {}
    return alive == image.meter and all(image.core.get(k, 0) == v for k, v in said.items()), said


def cut_everywhere(bench):
    """Cut the power in every unit of the last record, in every way."""
    noise, before = random.Random(7), bench.image()
    bench.set_one(4711, 9)
    after = bench.image()
    begin = next(i for i in range(len(after)) if after[i] != before[i])
    begin -= begin % UNIT
    end = max(i for i in range(len(after)) if after[i] != before[i]) + 1
    wrong = done = kept = 0
    for at in range(begin, end, UNIT):
        for how in ("untouched", "torn", "garbage", "whole"):
            data = damaged(after, at, how, noise)
            data += before[len(data):]
            good, said = agree(bench, data)
            wrong += not good or not said
            kept += said.get("params[8]") == 4711
            done += 1
    ok(wrong == 0, f"{done} cuts in one record: the meter finds what the page says")
    same(kept, 1, "the change counts after one of them: the last unit is whole")
    ripen(bench, before, after, end - UNIT)


def ripen(bench, before, after, last):
    """The last unit reads as erased at the start after its cut, and whole one day."""
    bench.load(after[:last] + before[last:])
    data = bytearray(bench.image())
    same(data[last:last + UNIT], b"\xff" * UNIT, "a unit that was cut is left alone")
    data[last:last + UNIT] = after[last:last + UNIT]
    good, said = agree(bench, bytes(data))
    ok(good and said["params[8]"] != 4711, "when it reads whole one day, it stays void")


def flip_bits(bench):
    """One bit is another, anywhere in the journal: no cut, but the page says what is found."""
    noise, before = random.Random(8), bench.image()
    used = [i for i in range(0, len(before), 16) if before[i:i + 16] != b"\xff" * 16]
    wrong = 0
    for _ in range(60):
        data = bytearray(before)
        data[noise.choice(used) + noise.randrange(16)] ^= 1 << noise.randrange(8)
        wrong += not agree(bench, bytes(data))[0]
    ok(wrong == 0, "60 bits that fell over: the meter finds what the page says")


def check(program, folder):
    bench = Bench(program, folder)
    fresh = flash.Image(PAGE, bench.image(), SECTORS)
    same((fresh.core["meter_id"], fresh.core["starts"], fresh.core["receipt_seq"]
          if "receipt_seq" in fresh.core else 0), (b"GM2400001223", 1, 0), "a new meter")
    bench.open()
    same_state(bench, "an account is open")
    bench.radio.do(b"Z")
    bench.client.session = None
    same_state(bench, "after a reset")
    first = fresh.records[0][0]
    for value in range(1, 600):
        bench.set_one(value)
    image = same_state(bench, "after turns")
    ok(image.records[0][0] > first + 100, "the journal turned to another sector")
    same(sorted(image.operations), list(range(min(image.operations), bench.base + 1)),
         f"{len(image.operations)} operations stand in it, without a gap")
    ok(len(image.operations) >= 64, "as many as the page says, at least")
    cut_everywhere(bench)
    flip_bits(bench)
    ok(not bench.load(b"\xff" * len(bench.image())), "an erased flash is no meter")
    ok(not flash.Image(PAGE, b"\xff" * 4096, 2).meter, "and the page says so")
    same(bench.radio.close(), 0, "the meter's program ends well")


def main(args):
    if len(args) != 2:
        sys.exit(__doc__)
    check(*args)
    sys.exit(tap.done())


if __name__ == "__main__":
    main(sys.argv[1:])
