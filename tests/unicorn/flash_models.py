"""flash_models.py - the flash controllers of the STM32F405 (RM0090 3.9) and the STM32L476 (RM0351 3.7), as their
manuals describe them: locked until both keys came, bits that only fall, BSY, error flags; and what goes wrong with
them: power that fails in an operation, and units that fail.

An operation is a program unit or an erase of a sector or page; they are numbered from 1 at each start. `cut` is the
operation in which power fails, `how` what it leaves. `faults` says what happens to operations: an error flag by its
name (nothing is done), with " alone" behind it (it is done all the same), "weak" (no flag, but not what was written),
"stuck" (BSY for ever). What a driver must not do is collected in `wrong`.
"""
import random

from machine import NVM, NVM_SIZE, RAM, RAM_SIZE

KEY1, KEY2 = 0x45670123, 0xCDEF89AB
HOW = ("before", "torn", "garbage", "after")
BSY, LOCK, STRT = 1 << 16, 1 << 31, 1 << 16


class Flash:
    """What both have in common."""
    busy_reads = 3              # so often is BSY read before an operation ends

    def __init__(self, cut=None, how="torn", faults=None, seed=0):
        self.cut, self.how, self.faults = cut, how, faults or {}
        self.random = random.Random(f"{seed} {cut} {how}")
        self.ops, self.busy, self.sr, self.cr, self.keys, self.shut = 0, 0, 0, LOCK, 0, False
        self.wrong, self.kinds, self.bad_words = [], [], set()

    def key(self, value):
        if self.shut or self.keys == 2 or value != (KEY1, KEY2)[self.keys]:
            self.shut, self.keys = True, 0      # until the next reset
            self.wrong.append("a key that does not fit")
        elif self.keys == 1:
            self.keys, self.cr = 0, self.cr & ~LOCK
        else:
            self.keys = 1

    def status(self):
        value = self.sr | (BSY if self.busy else 0)
        if 0 < self.busy < 1 << 30:
            self.busy -= 1
            self.polled()
        return value

    def polled(self):
        pass

    def operation(self, kind):
        """Count one. What happens to it: "whole", one of HOW, or a fault."""
        self.ops += 1
        self.kinds.append(kind)
        if self.busy:
            self.wrong.append(f"{kind} while another operation runs")
        if self.ops == self.cut:
            self.machine.stop()
            return self.how
        return self.faults.get(self.ops, "whole")

    def end(self, fate):
        self.busy = self.busy_reads if fate != "stuck" else 1 << 30
        if fate.removesuffix(" alone") in self.flags:
            self.sr |= self.flags[fate.removesuffix(" alone")]

    def mixed(self, old, new, bits):
        """Some bits of what changes have changed."""
        return old ^ ((old ^ new) & self.random.getrandbits(bits))

    def part_of(self, fate, old, new, bits):
        if fate in ("before", "stuck") or fate in self.flags:
            return old
        if fate == "torn":
            half = (1 << bits // 2) - 1
            return old & ~half | new & half
        return self.mixed(old, new, bits) if fate in ("garbage", "weak") else new

    def erase(self, first, size, fate):
        at, old = NVM + first, self.machine.uc.mem_read(NVM + first, size)
        if fate in ("before", "stuck") or fate in self.flags:
            return
        if fate == "torn":
            n = self.random.randrange(0, size, 8)
            old[:n] = b"\xff" * n
        elif fate == "garbage":
            old = bytearray(b | self.random.getrandbits(8) for b in old)
        elif fate == "weak":
            n = self.random.randrange(0, size, 8)
            old = bytearray(b"\xff" * size)
            old[n] = 0xFE
        else:
            old = b"\xff" * size
        self.machine.uc.mem_write(at, bytes(old))


class FlashF405(Flash):
    """SNB 10 and 11 only: another sector is the program's."""
    blocks = ((0x40023C00, 0x18),)
    flags = {"OPERR": 1 << 1, "WRPERR": 1 << 4, "PGAERR": 1 << 5, "PGPERR": 1 << 6, "PGSERR": 1 << 7}
    SECTOR, UNIT = 0x20000, 4

    def read(self, address):
        register = address - 0x40023C00
        return self.status() if register == 0x0C else self.cr if register == 0x10 else 0

    def write(self, address, value):
        register = address - 0x40023C00
        if register == 0x04:
            self.key(value)
        elif register == 0x0C:
            self.sr &= ~value
        elif register == 0x10:
            self.control(value)

    def control(self, value):
        if self.cr & LOCK:
            if value & ~LOCK:
                self.wrong.append("CR written while it is locked")
            return
        self.cr = value & ~STRT
        if value & STRT and value & 2:
            sector = value >> 3 & 15
            if sector not in (10, 11) or value & 1 or value >> 8 & 3 != 2:
                self.wrong.append(f"erase with CR {value:#x}")
                return
            if not RAM <= self.machine.pc() < RAM + RAM_SIZE:
                self.wrong.append("an erase begun by code in flash, which stalls")
            fate = self.operation("erase")
            self.erase((sector - 10) * self.SECTOR, self.SECTOR, fate)
            self.end(fate)

    def polled(self):
        if self.kinds[-1] == "erase" and not RAM <= self.machine.pc() < RAM + RAM_SIZE:
            self.wrong.append("flash is read while it is erased")

    def program(self, address, size, value):
        if self.cr & LOCK or not self.cr & 1 or self.cr >> 8 & 3 != 2 or size != 4 or address % 4:
            self.sr |= self.flags["PGSERR" if not self.cr & LOCK else "WRPERR"]
            self.wrong.append(f"{size} bytes to {address:#x} with CR {self.cr:#x}")
            return
        old = int.from_bytes(self.machine.uc.mem_read(address, 4), "little")
        fate = self.operation("word")
        if old != 0xFFFFFFFF:
            self.wrong.append(f"{address:#x} programmed twice")
        new = old & self.part_of(fate, old, value, 32)
        self.machine.uc.mem_write(address, new.to_bytes(4, "little"))
        self.end(fate)


class FlashL476(Flash):
    """Pages 128 to 255 of bank 2. A double word that was not finished is beyond its error correction: reading it
    raises ECCD."""
    blocks = ((0x40022000, 0x24),)
    flags = {"OPERR": 1 << 1, "PROGERR": 1 << 3, "WRPERR": 1 << 4, "PGAERR": 1 << 5, "SIZERR": 1 << 6,
             "PGSERR": 1 << 7}
    SECTOR, UNIT, PAGE = 0x20000, 8, 2048
    ECCD, BANK2 = 1 << 31, 1 << 19

    def __init__(self, *args, bad_words=(), **kw):
        super().__init__(*args, **kw)
        self.eccr, self.low = 0, None
        self.bad_words = set(bad_words)

    def read(self, address):
        register = address - 0x40022000
        return {0x10: self.status, 0x14: lambda: self.cr, 0x18: lambda: self.eccr}.get(register, lambda: 0)()

    def write(self, address, value):
        register = address - 0x40022000
        if register == 0x08:
            self.key(value)
        elif register == 0x10:
            self.sr &= ~value
        elif register == 0x18:
            if value & self.ECCD:
                self.eccr = 0
        elif register == 0x14:
            self.control(value)

    def control(self, value):
        if self.cr & LOCK:
            if value & ~LOCK:
                self.wrong.append("CR written while it is locked")
            return
        self.cr = value & ~STRT
        if value & STRT and value & 2:
            page = value >> 3 & 255
            if not value & 1 << 11 or page < 128 or value & 1:
                self.wrong.append(f"erase with CR {value:#x}")
            elif self.sr:
                self.sr |= self.flags["PGSERR"]
            else:
                self.erase_page((page - 128) * self.PAGE)

    def erase_page(self, first):
        fate = self.operation("erase")
        self.erase(first, self.PAGE, fate)
        words = set(range(NVM + first, NVM + first + self.PAGE, 8))
        if fate in ("whole", "after"):
            self.bad_words -= words
        elif fate in ("torn", "garbage"):
            self.bad_words |= set(self.random.sample(sorted(words), 40))
        self.end(fate)

    def program(self, address, size, value):
        if self.cr & LOCK or not self.cr & 1 or size != 4 or address % 4 or self.sr:
            self.sr |= self.flags["PGSERR"]
            self.wrong.append(f"{size} bytes to {address:#x} with CR {self.cr:#x}, SR {self.sr:#x}")
            return
        if address % 8 == 0:
            if self.low is not None:
                self.wrong.append("half a double word")
            self.low = (address, value)
            return
        if self.low is None or self.low[0] != address - 4:
            self.sr |= self.flags["PGAERR"]
            self.wrong.append(f"the upper half of {address:#x} came alone")
            return
        if not self.machine.masked():
            self.wrong.append("an interrupt may come between two halves")
        self.double_word(address - 4, self.low[1] | value << 32)
        self.low = None

    def double_word(self, at, new):
        old = int.from_bytes(self.machine.uc.mem_read(at, 8), "little")
        fate = self.operation("word")
        if old != (1 << 64) - 1 or at in self.bad_words:
            self.wrong.append(f"{at:#x} programmed twice")
            fate = "PROGERR"
        got = old & self.part_of(fate, old, new, 64)
        self.machine.uc.mem_write(at, got.to_bytes(8, "little"))
        if fate in ("torn", "garbage", "weak"):
            self.bad_words.add(at)
        self.end(fate)

    def nvm_read(self, address, size):
        at = address & ~7
        if at in self.bad_words:
            self.eccr = self.ECCD | self.BANK2 | at - 0x08080000


class Core:
    """SysTick, which wraps at every fourth look, and the pending bit of its exception; the watchdog's key."""
    blocks = ((0xE000E010, 0x10), (0xE000ED04, 4), (0x40003000, 4), (0x40013C14, 4))

    def __init__(self, edge_every=0):
        self.looks = self.wraps = self.fed = self.cleared = 0
        self.edge_every, self.edges, self.pending = edge_every, 0, False

    def read(self, address):
        if address == 0x40013C14:
            return 1 if self.pending else 0
        if address != 0xE000E010:
            return 0
        self.looks += 1
        if self.edge_every and self.looks % self.edge_every == 0:
            self.edges, self.pending = self.edges + 1, True
        if self.looks % 4:
            return 7
        self.wraps += 1
        return 7 | 1 << 16

    def write(self, address, value):
        if address == 0x40003000 and value == 0xAAAA:
            self.fed += 1
        elif address == 0xE000ED04 and value == 1 << 25:
            self.cleared += 1
        elif address == 0x40013C14 and value & 1:
            self.pending = False


PARTS = {"f405": FlashF405, "l476": FlashL476}
