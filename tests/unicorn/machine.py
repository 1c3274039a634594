"""machine.py - a Cortex-M4 that runs functions of a firmware's ELF file, one at a time, on models of the registers
that it touches. There is no start-up code and no interrupt here: whoever tests calls what would be called.

A model is an object with `blocks` (pairs of address and size), read(address) and write(address, value); an address
that belongs to no model ends the run, as a bus fault would.
"""
import struct

from unicorn import (UC_ARCH_ARM, UC_HOOK_CODE, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE_PROT, UC_MODE_MCLASS,
                     UC_MODE_THUMB, UC_PROT_EXEC, UC_PROT_READ, Uc, UcError)
from unicorn.arm_const import (UC_ARM_REG_LR, UC_ARM_REG_PC, UC_ARM_REG_PRIMASK, UC_ARM_REG_R0, UC_ARM_REG_R1,
                               UC_ARM_REG_R2, UC_ARM_REG_R3, UC_ARM_REG_SP, UC_CPU_ARM_CORTEX_M4)

FLASH, FLASH_SIZE = 0x08000000, 0xC0000
NVM, NVM_SIZE = 0x080C0000, 0x40000
RAM, RAM_SIZE = 0x20000000, 0x20000
SYSTEM, SYSTEM_SIZE = 0x1FFF0000, 0x10000   # factory calibration
BACK = 0x00001000                           # where a called function returns to
REGIONS = ((0x40000000, 0x30000), (0x48000000, 0x2000), (0x50000000, 0x61000), (0xE000E000, 0x1000))
ARGUMENTS = (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3)
TURNS = 400_000_000                         # instructions that no call may exceed


class Fault(Exception):
    """The program did what ends it on the part."""


class Elf:
    """Segments and symbols of an ELF32 file."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        assert data[:5] == b"\x7fELF\x01", f"{path} is not an ELF32 file"
        phoff, shoff, _, _, phentsize, phnum, shentsize, shnum, _ = struct.unpack_from("<IIIHHHHHH", data, 28)
        self.segments = []
        for i in range(phnum):
            kind, offset, vaddr, _, filesz, memsz = struct.unpack_from("<IIIIII", data, phoff + i * phentsize)
            if kind == 1 and filesz > 0:
                self.segments.append((vaddr, data[offset:offset + filesz]))
        sections = [struct.unpack_from("<10I", data, shoff + i * shentsize) for i in range(shnum)]
        self.symbols, self.sizes = {}, {}
        for s in sections:
            if s[1] != 2:
                continue
            names = sections[s[6]][4]
            for at in range(s[4], s[4] + s[5], 16):
                name, value, size, _, _, _ = struct.unpack_from("<IIIBBH", data, at)
                text = data[names + name:data.index(b"\0", names + name)].decode()
                if text:
                    self.symbols[text], self.sizes[text] = value, size


class Memory:
    """Registers that hold what was written: a model of a block that nothing depends on."""

    def __init__(self, *blocks):
        self.blocks, self.held = blocks, {}

    def read(self, address):
        return self.held.get(address, 0)

    def write(self, address, value):
        self.held[address] = value


class Machine:
    def __init__(self, elf, models, nvm=None, watched=()):
        """nvm: the NVM's bytes, or None for erased ones. watched: ranges of the NVM whose reads a model wants to see
        (nvm_read(address, size))."""
        self.elf, self.models, self.dead, self.why = elf, models, False, None
        self.uc = uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
        uc.mem_map(BACK, 0x1000, UC_PROT_READ | UC_PROT_EXEC)
        uc.mem_map(FLASH, FLASH_SIZE, UC_PROT_READ | UC_PROT_EXEC)
        uc.mem_map(NVM, NVM_SIZE, UC_PROT_READ)
        uc.mem_map(SYSTEM, SYSTEM_SIZE, UC_PROT_READ)
        uc.mem_map(RAM, RAM_SIZE)
        for base, data in elf.segments:
            uc.mem_write(base, data)
        uc.mem_write(NVM, bytes(nvm) if nvm is not None else b"\xff" * NVM_SIZE)
        self.owner = {}
        for model in models:
            model.machine = self
            for base, size in model.blocks:
                for at in range(base, base + size, 4):
                    self.owner[at] = model
        for base, size in REGIONS:
            uc.mmio_map(base, size, self._read, base, self._write, base)
        uc.hook_add(UC_HOOK_MEM_WRITE_PROT, self._program)
        for first, last in watched:
            uc.hook_add(UC_HOOK_MEM_READ, self._nvm_read, begin=first, end=last)
        uc.reg_write(UC_ARM_REG_SP, RAM + RAM_SIZE - 0x100)

    # ---- what the core does ----

    def _read(self, uc, offset, size, base):
        model = self.owner.get(base + offset)
        if model is None:
            return self._fault(f"read of {base + offset:#x}") or 0
        return model.read(base + offset) & 0xFFFFFFFF

    def _write(self, uc, offset, size, value, base):
        model = self.owner.get(base + offset)
        if model is None:
            self._fault(f"write to {base + offset:#x}")
        else:
            model.write(base + offset, value & 0xFFFFFFFF)

    def _program(self, uc, access, address, size, value, _):
        for model in self.models:
            if hasattr(model, "program"):
                model.program(address, size, value & (1 << 8 * size) - 1)
                return True
        self._fault(f"write to flash at {address:#x}")
        return True

    def _nvm_read(self, uc, access, address, size, value, _):
        for model in self.models:
            if hasattr(model, "nvm_read"):
                model.nvm_read(address, size)

    def _fault(self, why):
        self.why = self.why or f"{why}, pc {self.pc():#x}"
        self.uc.emu_stop()

    # ---- what tests do ----

    def stop(self):
        """Power fails: the run ends where it is."""
        self.dead = True
        self.uc.emu_stop()

    def pc(self):
        return self.uc.reg_read(UC_ARM_REG_PC)

    def masked(self):
        return self.uc.reg_read(UC_ARM_REG_PRIMASK) & 1 == 1

    def nvm(self):
        return self.uc.mem_read(NVM, NVM_SIZE)

    def word(self, name, offset=0):
        return struct.unpack("<I", self.uc.mem_read(self.elf.symbols[name] + offset, 4))[0]

    def bytes(self, name, offset, n):
        return bytes(self.uc.mem_read(self.elf.symbols[name] + offset, n))

    def put(self, name, offset, data):
        self.uc.mem_write(self.elf.symbols[name] + offset, data)

    def call(self, name, *arguments):
        """Its result as a signed number; None when power failed meanwhile. Raises Fault."""
        for register, value in zip(ARGUMENTS, arguments):
            self.uc.reg_write(register, value & 0xFFFFFFFF)
        self.uc.reg_write(UC_ARM_REG_LR, BACK | 1)
        return self.go(self.elf.symbols[name] | 1)

    def go(self, pc, count=0):
        try:
            self.uc.emu_start(pc | 1, BACK, count=count or TURNS)
        except UcError as e:
            self.why = self.why or f"{e}, pc {self.pc():#x}"
        if self.why:
            raise Fault(self.why)
        if self.dead or self.pc() != BACK:
            if not self.dead and not count:
                raise Fault(f"no end after {TURNS} instructions, pc {self.pc():#x}")
            return None
        result = self.uc.reg_read(UC_ARM_REG_R0)
        return result - (1 << 32) if result >> 31 else result

    def go_on(self, pc, count):
        """At most so many instructions. Where they end."""
        self.go(pc, count)
        return self.pc() & ~1

    def on_code(self, first, last, seen):
        """seen(address) before each instruction of the range."""
        self.uc.hook_add(UC_HOOK_CODE, lambda uc, address, size, _: seen(address), begin=first, end=last)
