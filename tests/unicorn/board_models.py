"""board_models.py - what the STM32F405 has and QEMU has not: clock tree, RTC, watchdog, pins, random numbers, sleep, as
RM0090 describes them. A bit that follows another does so after `slow` reads; a test may say that it never comes. What
the manual forbids is collected in `wrong`.
"""
from datetime import datetime, timedelta

from machine import Memory

SLOW = 3


class Later:
    """Bits that become what they shall be some reads later."""

    def __init__(self):
        self.left = {}

    def start(self, name, never=False):
        self.left[name] = 1 << 60 if never else SLOW

    def here(self, name):
        n = self.left.get(name)
        if n is None:
            return False
        self.left[name] = max(n - 1, 0)
        return n == 0

    def stop(self, name):
        self.left.pop(name, None)


class Rcc:
    """7.3, and FLASH_ACR (3.9.1). never: of hse, pll, lse, switch."""
    BASE, ACR = 0x40023800, 0x40023C00
    blocks = ((BASE, 0x78), (ACR, 4))

    def __init__(self, world, never=(), csr=0x0C000000, bdcr=0):
        self.world, self.never, self.csr, self.bdcr = world, never, csr, bdcr
        self.later, self.held, self.cr, self.cfgr, self.acr, self.sws = Later(), {}, 0x83, 0, 0, 0
        self.later.left["hsi"] = 0
        if bdcr & 1:
            self.later.left["lse"] = 0
        self.held[4] = 0x24003010

    def gpio_is_on(self, port):
        return self.held.get(0x30, 0) >> port & 1

    def rng_is_on(self):
        return self.held.get(0x34, 0) >> 6 & 1

    def pll(self):
        """Core and 48 MHz domain, Hz."""
        v = self.held[4]
        source = 8e6 if v >> 22 & 1 else 16e6
        inside = source / (v & 63)
        vco = inside * (v >> 6 & 511)
        if not 1e6 <= inside <= 2e6 or not 100e6 <= vco <= 432e6 or not 50 <= (v >> 6 & 511):
            self.world.wrong.append(f"PLLCFGR {v:#x}")
        return vco / (2 * (v >> 16 & 3) + 2), vco / (v >> 24 & 15)

    def hz(self):
        return self.pll()[0] if self.sws == 2 else 8e6 if self.sws == 1 else 16e6

    def read(self, address):
        self.world.reads += 1
        at = address - self.BASE
        if address == self.ACR:
            return self.acr
        if at == 0:
            return self.cr & ~0x2020002 | self.later.here("hsi") << 1 | self.later.here("hse") << 17 | \
                self.later.here("pll") << 25
        if at == 8:
            if self.later.here("switch"):
                self.sws = self.cfgr & 3
            return self.cfgr & ~12 | self.sws << 2
        if at == 0x70:
            return self.bdcr & ~2 | self.later.here("lse") << 1
        return self.csr if at == 0x74 else self.held.get(at, 0)

    def write(self, address, value):
        at = address - self.BASE
        if address == self.ACR:
            self.acr = value
        elif at == 0:
            self.control(value)
        elif at == 8:
            if value & 3 != self.cfgr & 3 or value & 3 != self.sws:
                self.switch(value)
            self.cfgr = value
        elif at == 0x70:
            self.backup(value)
        elif at == 0x74:
            if value & 1 << 24:
                self.csr = 0
        else:
            if at == 4 and self.cr & 1 << 24:
                self.world.wrong.append("PLLCFGR written while the PLL runs")
            self.held[at] = value

    def control(self, value):
        for name, bit in (("hsi", 0), ("hse", 16), ("pll", 24)):
            if value >> bit & 1 and not self.cr >> bit & 1:
                self.later.start(name, name in self.never)
            elif not value >> bit & 1 and self.cr >> bit & 1:
                self.later.stop(name)
                if {"hsi": 0, "hse": 1, "pll": 2}[name] == self.sws:
                    self.world.wrong.append(f"{name} turned off under the core")
        self.cr = value

    def switch(self, value):
        wanted = value & 3
        if wanted == 2:
            if self.later.left.get("pll", 1) != 0:
                self.world.wrong.append("switched to a PLL that is not locked")
            core, domain = self.pll()
            if core > 30e6 and not self.acr & 7:
                self.world.wrong.append("no wait states for the PLL's clock")
            if core / (1 if not value >> 12 & 1 else 2 << (value >> 10 & 3)) > 42e6:
                self.world.wrong.append("APB1 too fast")
            if domain > 48e6:
                self.world.wrong.append("48 MHz domain too fast")
        self.later.start("switch", "switch" in self.never and wanted == 2)

    def backup(self, value):
        if not self.world.pwr.held.get(0x40007000, 0) & 1 << 8:
            self.world.wrong.append("BDCR written while it is protected")
            return
        if value & 1 << 16:
            self.bdcr, self.world.rtc.year = 1 << 16, 0
            self.later.stop("lse")
            return
        if self.bdcr >> 8 & 3 and value >> 8 & 3 != self.bdcr >> 8 & 3:
            self.world.wrong.append("RTCSEL changed")
        if value & 1 and not self.bdcr & 1:
            self.later.start("lse", "lse" in self.never)
        self.bdcr = value & ~(1 << 16)

    def stopped(self):
        """A stop ended: the internal oscillator alone runs (5.3.4)."""
        self.cr = self.cr & ~0x1010000 | 1
        self.sws, self.cfgr = 0, self.cfgr & ~3
        for name in ("hse", "pll", "switch"):
            self.later.stop(name)


class Rtc:
    """26. Time stands still but for what a test adds; each read of a register takes `step` ticks of 1/1024 s, so that
    registers that were not read together do not fit together. never: of initf, rsf, wutwf."""
    BASE = 0x40002800
    blocks = ((BASE, 0x58),)

    def __init__(self, world, never=(), year=0):
        self.world, self.never, self.year = world, never, year
        self.now, self.ticks, self.step = datetime(2000, 1, 1), 0, 0
        self.later, self.keys, self.open = Later(), 0, False
        self.isr_init, self.cr, self.wutr, self.prer = False, 0, 0xFFFF, []
        self.locked, self.flags, self.extra = None, 0, 0
        self.later.start("rsf", "rsf" in never)

    def set(self, when, ticks=0):
        self.now, self.ticks, self.year = when, ticks, when.year - 2000

    def pass_ms(self, ms):
        self.ticks += round(ms * 1024 / 1000)
        self.now += timedelta(seconds=self.ticks // 1024)
        self.ticks %= 1024

    def tr(self):
        t = self.now
        return t.hour // 10 << 20 | t.hour % 10 << 16 | t.minute // 10 << 12 | t.minute % 10 << 8 | \
            t.second // 10 << 4 | t.second % 10

    def dr(self):
        t, y = self.now, self.now.year - 2000
        return y // 10 << 20 | y % 10 << 16 | t.isoweekday() << 13 | t.month // 10 << 12 | t.month % 10 << 8 | \
            t.day // 10 << 4 | t.day % 10

    def read(self, address):
        self.world.reads += 1
        at = address - self.BASE
        if at in (0, 4, 0x28) and self.step:
            self.pass_ms(self.step)
        if at in (0, 0x28) and self.locked is None:
            self.locked = (self.tr(), self.dr(), 1023 - self.ticks + self.extra)
        shown = self.locked or (self.tr(), self.dr(), 1023 - self.ticks)
        if at == 4:
            self.locked = None
        if at == 0x0C:
            return self.flags | bool(self.year) << 4 | self.later.here("rsf") << 5 | \
                self.later.here("initf") << 6 | self.isr_init << 7 | self.later.here("wutwf") << 2
        return {0: shown[0], 4: shown[1], 8: self.cr, 0x14: self.wutr, 0x28: shown[2]}.get(at, 0)

    def write(self, address, value):
        at = address - self.BASE
        if at == 0x24:
            self.open = self.keys == 1 and value == 0x53
            self.keys = 1 if value == 0xCA else 0
            return
        if not self.open or not self.world.pwr.held.get(0x40007000, 0) & 1 << 8:
            self.world.wrong.append(f"RTC register {at:#x} written while it is protected")
        elif at == 0x0C:
            self.status(value)
        elif at in (0, 4, 0x10):
            if self.later.left.get("initf") != 0:
                self.world.wrong.append(f"RTC register {at:#x} written outside of INIT")
            elif at == 0x10:
                self.prer.append(value)
            elif at == 4:
                self.set(datetime(2000 + (value >> 20 & 15) * 10 + (value >> 16 & 15), value >> 8 & 31, value & 63))
        elif at == 0x14:
            if self.later.left.get("wutwf") != 0:
                self.world.wrong.append("WUTR written while it is in use")
            self.wutr = value
        elif at == 8:
            if self.cr & 1 << 10 and not value & 1 << 10:
                self.later.start("wutwf", "wutwf" in self.never)
            elif not self.cr & 1 << 10 and not value & 1 << 10:
                self.later.start("wutwf", "wutwf" in self.never)
            elif value & 1 << 10:
                self.later.stop("wutwf")
            self.cr = value

    def status(self, value):
        if value & 1 << 7 and not self.isr_init:
            self.later.start("initf", "initf" in self.never)
        elif not value & 1 << 7:
            self.later.stop("initf")
        self.isr_init = bool(value & 1 << 7)
        if not value & 1 << 5:
            self.later.start("rsf", "rsf" in self.never)
        self.flags &= value

    def wake_ms(self):
        """What the wake-up timer is set to; None when it is off."""
        return (self.wutr + 1) / 2.048 if self.cr & 1 << 10 and self.cr & 1 << 14 else None


class Iwdg:
    """21. `fed_ms` is the world's time of the last feed."""
    BASE = 0x40003000
    blocks = ((BASE, 0x10),)

    def __init__(self, world, stuck=False):
        self.world, self.stuck, self.later = world, stuck, Later()
        self.runs, self.open, self.pr, self.rlr, self.fed_ms, self.feeds = False, False, 0, 0xFFF, 0, 0

    def read(self, address):
        self.world.reads += 1
        return 0 if address - self.BASE != 0x0C or self.later.here("update") else 3

    def write(self, address, value):
        at = address - self.BASE
        if at == 0:
            self.runs |= value == 0xCCCC
            self.open = value == 0x5555
            if value == 0xAAAA:
                self.fed_ms, self.feeds = self.world.ms, self.feeds + 1
        elif not self.open:
            self.world.wrong.append("the watchdog's register written while it is protected")
        else:
            self.pr, self.rlr = (value, self.rlr) if at == 4 else (self.pr, value)
            self.later.start("update", self.stuck)

    def resets(self):
        """It has not been fed for its time, at the fastest its oscillator may be (47 kHz)."""
        return self.runs and self.world.ms - self.fed_ms > (self.rlr + 1) * (4 << self.pr) / 47


class Gpio:
    """8.4: A to C. `level` is what stands at the pins; outputs are judged whenever they change."""
    BASE = 0x40020000
    blocks = ((BASE, 0xC00),)

    def __init__(self, world):
        self.world, self.held, self.odr = world, {}, [0, 0, 0]
        self.level, self.changes, self.outputs_before = [0xFFFF] * 3, [], []

    def read(self, address):
        port, at = divmod(address - self.BASE, 0x400)
        self.clocked(port)
        return self.level[port] if at == 0x10 else self.odr[port] if at == 0x14 else self.held.get(address, 0)

    def write(self, address, value):
        port, at = divmod(address - self.BASE, 0x400)
        self.clocked(port)
        if at == 0x18:
            self.drive(port, self.odr[port] & ~(value >> 16) | value & 0xFFFF)
        elif at == 0x14:
            self.drive(port, value)
        else:
            self.held[address] = value

    def clocked(self, port):
        if not self.world.rcc.gpio_is_on(port):
            self.world.wrong.append(f"port {'ABC'[port]} touched without its clock")

    def mode(self, port, pin):
        return self.held.get(self.BASE + 0x400 * port, 0) >> 2 * pin & 3

    def drive(self, port, odr):
        self.odr[port] = odr
        if port == 1:
            self.changes.append((odr & 3, self.world.ms))
            if odr & 3 == 3:
                self.world.wrong.append("both outputs of the motor are on")


class Exti:
    """12: lines, and the pins on them (SYSCFG, 9.2)."""
    blocks = ((0x40013C00, 0x18), (0x40013800, 0x18))

    def __init__(self, world):
        self.world, self.held, self.pr = world, {}, 0

    def read(self, address):
        return self.pr if address == 0x40013C14 else self.held.get(address, 0)

    def write(self, address, value):
        if address == 0x40013C14:
            self.pr &= ~value
        else:
            self.held[address] = value

    def edge(self, line, falling=True):
        if self.held.get(0x40013C0C if falling else 0x40013C08, 0) >> line & 1:
            self.pr |= 1 << line

    def raised(self):
        return self.pr & self.held.get(0x40013C00, 0)


class Core(Memory):
    """SysTick, NVIC, SCB."""

    def __init__(self, world):
        super().__init__((0xE000E010, 0x10), (0xE000E100, 0x20), (0xE000ED04, 0x10))
        self.world, self.looks, self.resets = world, 0, 0

    def read(self, address):
        if address == 0xE000E010:       # a millisecond for each look, and COUNTFLAG
            self.looks += 1
            self.world.ms += 1
            return self.held.get(address, 0) | 1 << 16
        return super().read(address)

    def write(self, address, value):
        if 0xE000E100 <= address < 0xE000E120:
            value |= self.held.get(address, 0)
        super().write(address, value)
        if address == 0xE000ED0C:
            self.resets += value == 0x05FA0004
            self.machine.stop()

    def enabled(self, irq):
        return self.held.get(0xE000E100 + 4 * (irq // 32), 0) >> irq % 32 & 1

    def deep(self):
        return self.held.get(0xE000ED10, 0) >> 2 & 1


class Usart:
    """30.6: what comes is put into `line`, what is sent stands in `sent`."""
    BASE = 0x40011000
    blocks = ((BASE, 0x1C),)
    UE = 13

    def __init__(self, world):
        self.world, self.line, self.sent, self.held, self.full, self.done = world, [], [], {}, True, True
        self.overrun = False

    def read(self, address):
        at = address - self.BASE
        if at == 0:
            return 1 << 7 | self.done << 6 | bool(self.line) << 5 | self.overrun << 3
        if at == 4:
            self.overrun = False
            return self.line.pop(0) if self.line else 0
        return self.held.get(at, 0)

    def write(self, address, value):
        at = address - self.BASE
        if at == 4:
            self.sent.append(value & 0xFF)
        else:
            self.held[at] = value

    def raised(self):
        cr1 = self.held.get(0x0C, 0)
        return bool(cr1 >> self.UE & 1 and (cr1 & 1 << 5 and (self.line or self.overrun) or cr1 & 1 << 7))


class Rng:
    """24.4: words to give; a word may be "seed", "clock" (an error of that kind) or None (none comes)."""
    BASE = 0x50060800
    blocks = ((BASE, 0x0C),)

    def __init__(self, world):
        self.world, self.words, self.cr, self.sr, self.given = world, [], 0, 0x60, []

    def read(self, address):
        self.world.reads += 1
        at = address - self.BASE
        if not self.world.rcc.rng_is_on():
            self.world.wrong.append("the generator read without its clock")
        if at == 0:
            return self.cr
        word = self.words[0] if self.words and self.cr & 4 else None
        if at == 4:
            return {None: 0, "seed": 0x45, "clock": 0x21}.get(word, self.sr | 1)
        self.given.append(self.words.pop(0))
        return word if isinstance(word, int) else 0

    def write(self, address, value):
        if address == self.BASE:
            self.cr = value
        elif address == self.BASE + 4:
            self.sr &= value


class Adc:
    """13: conversions of `values`, by channel; a channel without one never ends."""
    blocks = ((0x40012000, 0x50), (0x40012304, 4))

    def __init__(self, world):
        self.world, self.values, self.held, self.converted = world, {}, {}, False

    def is_off(self):
        return not self.held[0x40012008]

    def read(self, address):
        self.world.reads += 1
        channel = self.held.get(0x40012034, 0) & 31
        if address == 0x40012000:
            return self.converted << 1
        if address == 0x4001204C:
            return self.values.get(channel, 0)
        return self.held.get(address, 0)

    def write(self, address, value):
        if address == 0x40012008 and value >> 30 & 1:
            if not value & 1:
                self.world.wrong.append("a conversion of a converter that is off")
            self.converted, value = self.held.get(0x40012034, 0) & 31 in self.values, value & ~(1 << 30)
        if address == 0x40012000:
            self.converted = False
        self.held[address] = value


class Pwr(Memory):
    """5.4. fails: the supply is below the monitor's threshold. `stuck`: DBP cannot be set."""

    def __init__(self, world, stuck=False):
        super().__init__((0x40007000, 8))
        self.world, self.stuck, self.fails = world, stuck, False

    def read(self, address):
        self.world.reads += 1
        return self.fails << 2 if address == 0x40007004 else super().read(address)

    def write(self, address, value):
        super().write(address, value & ~(1 << 8) if self.stuck else value)
