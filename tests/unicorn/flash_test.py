#!/usr/bin/python3
"""flash_test.py PART IMAGE [driver|journal] - the flash driver of PART under the journal (journal_image.c), on a model
of its controller: operations round sector turns and starts are cut, and units fail. TAP on standard output.

TEST_ALL=1 tries every kind of cut at every operation; without it some are drawn from SEED. STOP=1 ends at a failure.
CUT="full 17 torn" replays one. Exit status 1 when something was lost, doubled, or done against the manual.
"""
import os
import random
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tools"))

import tap
from flash_models import HOW, PARTS, Core
from machine import NVM, NVM_SIZE, Elf, Fault, Machine
from tap import ok

SEED = int(os.environ.get("SEED", "1"))
ALL = bool(os.environ.get("TEST_ALL"))
LARGE, SMALL = 2000, 44         # payloads
E_STORE = -91


class Board:
    """One start of the image."""

    def __init__(self, nvm=None, bad_words=(), watched=(), **plan):
        kind = PARTS[PART]
        self.flash = kind(bad_words=bad_words, **plan) if PART == "l476" else kind(**plan)
        self.core = Core()
        self.machine = Machine(ELF, [self.flash, self.core], nvm,
                               list(watched) + [(at, at + 7) for at in bad_words])
        self.machine.call("image_start")

    def call(self, name, *arguments):
        return self.machine.call(name, *arguments)

    def number(self):
        return self.machine.word("image")

    def left(self):
        """What the flash holds now: arguments of the next start."""
        return {"nvm": self.machine.nvm(), "bad_words": self.flash.bad_words}


# ---- the driver alone ----

def program(board, address, data):
    board.machine.put("image", 4, data)
    return board.call("image_program", address, len(data))


def read(board, address, n):
    rc = board.call("image_read", address, n)
    return rc, board.machine.bytes("image", 4, n)


def test_driver():
    board = Board()
    unit, size = board.flash.UNIT, board.flash.SECTOR
    data = bytes(range(1, 65))
    ok(program(board, 64, data) == 0 and read(board, 64, 64) == (0, data) and
       board.machine.nvm()[64:128] == data and board.flash.ops == 64 // unit, "what is programmed reads back")
    ok(read(board, 64 + 3, 7)[1] == data[3:10], "any byte can be read")
    ok(board.flash.read(board.flash.blocks[0][0] + (0x10 if PART == "f405" else 0x14)) >> 31 == 1,
       "the controller is locked again")
    refused = [program(board, 65, data[:unit]), program(board, 256, data[:unit - 1]),
               program(board, 2 * size - unit, data[:2 * unit]), program(board, 0xFFFFFFFC // unit * unit, data[:unit]),
               read(board, 2 * size, 1)[0], read(board, 2 * size + 1, 0)[0],
               board.call("image_erase", 2), board.call("image_erase", 0xFFFFFFFF)]
    ok(refused == [E_STORE] * 8 and board.flash.ops == 64 // unit and not board.flash.wrong,
       "what does not fit is refused, and touches nothing")
    program(board, size + 8, data)
    ok(board.call("image_erase", 0) == 0 and board.machine.nvm()[:size] == b"\xff" * size and
       board.machine.nvm()[size + 8:size + 72] == data, "an erase erases its sector alone")
    ok(not board.flash.wrong, f"nothing was done against the manual {board.flash.wrong[:3]}")


def test_flags():
    """Each error flag, on the first, a middle and the last unit, and an erase; then the next call works."""
    for flag in [*PARTS[PART].flags, *(f"{flag} alone" for flag in PARTS[PART].flags), "weak", "stuck"]:
        good = True
        for op in (1, 3, 4):
            board = Board(faults={op: flag}, watched=[(NVM, NVM + 255)])
            unit = board.flash.UNIT
            data = bytes(range(1, 4 * unit + 1))
            good &= program(board, 0, data) == E_STORE and board.flash.ops == op
            good &= flag == "stuck" or program(board, 128, data) == 0
            good &= not board.flash.wrong
        ok(good, f"a unit that fails with {flag} is told, and ends the call")
        board = Board(faults={1: flag}, nvm=bytes(NVM_SIZE))
        good = board.call("image_erase", 1) == E_STORE
        good &= flag == "stuck" or board.call("image_erase", 1) == 0
        ok(good and not board.flash.wrong, f"an erase that fails with {flag} is told")


def test_old_flags():
    for flag, bit in PARTS[PART].flags.items():
        board = Board()
        board.flash.sr |= bit
        ok(program(board, 0, bytes(16)) == 0 and not board.flash.wrong, f"{flag} of before is cleared")


def test_keys():
    board = Board()
    board.flash.shut = True
    ok(program(board, 0, bytes(16)) == E_STORE and board.call("image_erase", 0) == E_STORE and board.flash.ops == 0,
       "a controller that takes no key: told, nothing is tried")


def test_stall():
    """F405 alone: what goes on while flash is erased."""
    board = Board()
    board.core.edge_every = 5
    board.flash.busy_reads = 3000
    ok(board.call("image_erase", 0) == 0 and not board.flash.wrong, "an erase waits in RAM")
    edges, ms = board.machine.word("image_stall", 8), board.machine.word("image_stall", 12)
    ok(edges >= 500 and edges == board.core.edges, f"{edges} edges came meanwhile, all are counted")
    ok(ms == board.core.wraps and ms > 500 and board.core.cleared == ms, f"{ms} ms passed meanwhile, each counted once")
    ok(board.core.fed == ms, "the watchdog is fed each of them")
    ok(not board.machine.masked(), "interrupts are on again")
    board = Board()
    board.core.edge_every, board.flash.busy_reads = 5, 3000
    board.machine.put("image_stall", 4, (20).to_bytes(4, "little"))
    board.call("image_erase", 0)
    edges = board.machine.word("image_stall", 8)
    ok(abs(edges - board.core.wraps / 21) < 5, f"a bounce of 20 ms is none: {edges} edges in {board.core.wraps} ms")
    board = Board(faults={1: "stuck"})
    ok(board.call("image_erase", 0) == E_STORE and board.core.fed == 5000,
       "an erase without end is given up after 5000 ms")


def test_nmi():
    """L476 alone."""
    board = Board()
    for eccr, mine in ((1 << 31 | 1 << 19 | 0x40008, True), (1 << 31 | 0x40008, False),
                       (1 << 31 | 1 << 19 | 0x3FFF8, False), (1 << 31 | 1 << 20 | 1 << 19 | 0x40008, False),
                       (1 << 30 | 1 << 19 | 0x40008, False)):
        board.flash.eccr = eccr
        ok(bool(board.call("flash_l476_nmi")) == mine and (board.flash.eccr == 0) == mine,
           f"an NMI with ECCR {eccr:#x} is {'its own' if mine else 'left to others'}")
    board = Board(bad_words=[NVM + 8])
    ok(read(board, 0, 32) == (0, b"\xff" * 8 + bytes(8) + b"\xff" * 16), "a word beyond correction reads as zeroes")
    ok(read(board, 13, 6) == (0, bytes(3) + b"\xff" * 3), "and so do parts of it")


# ---- the journal on top ----

def grown(records):
    """A journal that has counted so many large records."""
    board = Board()
    assert board.call("image_begin") == 0 and board.call("image_count", records, LARGE) == 0
    assert not board.flash.wrong, board.flash.wrong[:3]
    return board


def bases():
    """Names and flashes to start from: blank, just before and behind a sector's turn, just behind a second one."""
    board = grown(0)
    yield "begun", board.left(), board.number()
    board = grown(1)
    per_sector = board.call("image_free") // 2016 + 1
    for name, records in (("full", per_sector), ("turned", per_sector + 1), ("again", 2 * per_sector - 1)):
        board = grown(records)
        yield name, board.left(), board.number()


def work(board, length):
    """What a run does: start, count on. The result, or None when power failed."""
    rc = board.call("image_recover")
    return board.call("image_count", 3, length) if rc == 0 else rc


def survives(name, left, number, cut, how, length):
    board = Board(cut=cut, how=how, seed=SEED, **left)
    try:
        rc = work(board, length)
        acked = max(board.number() if board.number() != 0xFFFFFFFF else 0, number)
        if rc is not None or board.flash.wrong:
            return f"ran on: {rc} {board.flash.wrong[:2]}"
        board = Board(seed=SEED, **board.left())
        rc = board.call("image_recover")
        if rc != 0 or board.number() not in (acked, acked + 1):
            return f"acknowledged {acked}, found {board.number()}, {rc}"
        found = board.number()
        rc = board.call("image_count", 2, length)
        board = Board(seed=SEED, **board.left())
        if rc != 0 or board.call("image_recover") != 0 or board.number() != found + 2:
            return f"counted to {found + 2}, {rc}, found {board.number()}"
        return "; ".join(board.flash.wrong[:2])
    except Fault as e:
        return str(e)


def test_cuts(name, left, number):
    began, draw = time.monotonic(), random.Random(f"{SEED} {name}")
    length = LARGE if name == "full" else SMALL
    board = Board(**left)
    assert work(board, length) == 0, "the run that nothing cuts"
    kinds = board.flash.kinds
    plan = [(op, how) for op in range(1, len(kinds) + 1) for how in HOW]
    if not ALL:
        # each erase and what stands round it in every way, of the rest one way each
        near = {op + d for op in range(1, len(kinds) + 1) if kinds[op - 1] == "erase" for d in (-1, 0, 1)}
        near = set(draw.sample(sorted(near), min(len(near), 8)))
        rest = draw.sample(range(1, len(kinds) + 1), min(len(kinds), 40))
        plan = [p for p in plan if p[0] in near] + [(op, draw.choice(HOW)) for op in rest if op not in near]
    bad = []
    for op, how in plan:
        why = survives(name, left, number, op, how, length)
        if why:
            bad.append(f"CUT=\"{name} {op} {how}\" ({kinds[op - 1]}): {why}")
    for line in bad[:3]:
        print(f"# {line}")
    erases = sum(kinds[op - 1] == "erase" for op, _ in plan)
    ok(not bad, f"{name}: {len(plan)} cuts at {len(kinds)} operations ({erases} in erases), {len(bad)} bad")
    print(f"# {time.monotonic() - began:.0f} s")


def test_failures(name, left, number):
    """One unit or erase fails, with a flag or silently: whoever asked is told, and a start later all is there."""
    draw = random.Random(f"{SEED} {name} failures")
    board = Board(**left)
    assert work(board, SMALL) == 0
    ops, bad, told = len(board.flash.kinds), [], 0
    plan = range(1, ops + 1) if ALL else sorted(draw.sample(range(1, ops + 1), min(ops, 20)))
    for op in plan:
        fate = draw.choice([*PARTS[PART].flags, "weak"])
        board = Board(faults={op: fate}, watched=[(NVM, NVM + NVM_SIZE - 1)] if PART == "l476" else (), **left)
        try:
            rc = work(board, SMALL)
            acked = max(board.number() if board.number() != 0xFFFFFFFF else 0, number)
            told += rc == E_STORE
            board = Board(**board.left())
            again = board.call("image_recover")
            if rc != E_STORE or again != 0 or board.number() not in (acked, acked + 1) or board.flash.wrong:
                bad.append(f"{op} {fate}: {rc}, {again}, acknowledged {acked}, found {board.number()} "
                           f"{board.flash.wrong[:2]}")
        except Fault as e:
            bad.append(f"{op} {fate}: {e}")
    for line in bad[:3]:
        print(f"# {name} {line}")
    ok(not bad, f"{name}: {len(plan)} failures, {told} told, {len(bad)} bad")


def main():
    global PART, ELF
    PART, path, only = sys.argv[1], sys.argv[2], sys.argv[3:]
    ELF = Elf(path)
    replay = os.environ.get("CUT", "").split()
    if replay:
        left, number = {n: (left, number) for n, left, number in bases()}[replay[0]]
        why = survives(replay[0], left, number, int(replay[1]), replay[2], LARGE if replay[0] == "full" else SMALL)
        ok(not why, f"{replay} {why}")
    else:
        for test in (test_driver, test_flags, test_old_flags, test_keys, test_stall if PART == "f405" else test_nmi):
            if not only or "driver" in only:
                test()
        for name, left, number in bases() if not only or "journal" in only else ():
            test_cuts(name, left, number)
            test_failures(name, left, number)
    sys.exit(tap.done())


main()
