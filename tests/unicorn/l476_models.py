"""l476_models.py - what the STM32L476 (RM0351) has at other places, or otherwise, than the STM32F405 of
board_models.py.
"""
import board_models as f405


class Rcc:
    """6.4, and FLASH_ACR. never: of hsi, msi, lse, switch."""
    BASE, ACR = 0x40021000, 0x40022000
    blocks = ((BASE, 0x98), (ACR, 4))
    backup = f405.Rcc.backup

    def __init__(self, world, never=(), csr=0x0C000000, bdcr=0):
        self.world, self.never, self.csr, self.bdcr = world, never, csr, bdcr
        self.later, self.held, self.cr, self.cfgr, self.acr, self.sws = f405.Later(), {}, 0x61, 0, 0, 0
        self.later.left["msi"] = 0
        if bdcr & 1:
            self.later.left["lse"] = 0

    def gpio_is_on(self, port):
        return self.held.get(0x4C, 0) >> port & 1

    def rng_is_on(self):
        good = self.cr & 0xF8 == 0xB8 and self.held.get(0x88, 0) >> 26 & 3 == 3
        return good and self.held.get(0x4C, 0) >> 18 & 1

    def hz(self):
        return 16e6 if self.sws == 1 else 4e6

    def read(self, address):
        self.world.reads += 1
        at = address - self.BASE
        if address == self.ACR:
            return self.acr
        if at == 0:
            return self.cr & ~0x402 | self.later.here("msi") << 1 | self.later.here("hsi") << 10
        if at == 8:
            if self.later.here("switch"):
                self.sws = self.cfgr & 3
            return self.cfgr & ~12 | self.sws << 2
        if at == 0x90:
            return self.bdcr & ~2 | self.later.here("lse") << 1
        return self.csr if at == 0x94 else self.held.get(at, 0)

    def write(self, address, value):
        at = address - self.BASE
        if address == self.ACR:
            self.acr = value
        elif at == 0:
            self.control(value)
        elif at == 8:
            if value & 3 != self.sws:
                if value & 3 == 1 and self.later.left.get("hsi", 1) != 0:
                    self.world.wrong.append("switched to an oscillator that does not run")
                self.later.start("switch", "switch" in self.never)
            self.cfgr = value
        elif at == 0x90:
            self.backup(value)
        elif at == 0x94:
            self.csr = 0 if value & 1 << 23 else self.csr
        else:
            self.held[at] = value

    def control(self, value):
        for name, bit, source in (("msi", 0, 0), ("hsi", 8, 1)):
            if value >> bit & 1 and not self.cr >> bit & 1:
                self.later.start(name, name in self.never)
            elif not value >> bit & 1 and self.cr >> bit & 1:
                self.later.stop(name)
                if source == self.sws:
                    self.world.wrong.append(f"{name} turned off under the core")
        if value & 0xF0 != self.cr & 0xF0 and self.cr & 1 and not self.later.here("msi"):
            self.world.wrong.append("MSI's range changed while it starts")
        self.cr = value

    def stopped(self):
        """A stop ended: STOPWUCK says on which oscillator (5.3.7)."""
        self.later.stop("msi" if self.cfgr >> 15 & 1 else "hsi")
        self.cr = self.cr & ~0x101 | (0x100 if self.cfgr >> 15 & 1 else 1)
        self.sws = self.cfgr >> 15 & 1
        self.later.left["hsi" if self.sws else "msi"] = 0


class Moved:
    """A block of the STM32F405 at other addresses: pairs of address here, address there."""
    moved = ()

    def there(self, address):
        for here, there, size in self.moved:
            if here <= address < here + size:
                return address - here + there
        return address

    def read(self, address):
        return super().read(self.there(address))

    def write(self, address, value):
        super().write(self.there(address), value)


class Gpio(f405.Gpio):
    BASE = 0x48000000
    blocks = ((BASE, 0xC00),)


class Exti(Moved, f405.Exti):
    blocks = ((0x40010400, 0x18), (0x40010000, 0x18))
    moved = ((0x40010400, 0x40013C00, 0x18), (0x40010000, 0x40013800, 0x18))


class Usart(Moved, f405.Usart):
    """40.8"""
    blocks = ((0x40013800, 0x2C),)
    moved = tuple((0x40013800 + here, 0x40011000 + there, 4) for here, there in
                  ((0x00, 0x0C), (0x0C, 0x08), (0x1C, 0x00), (0x24, 0x04), (0x28, 0x04)))
    UE = 0

    def read(self, address):
        overrun = self.overrun          # reading RDR leaves it
        value = super().read(address)
        self.overrun = overrun
        return value

    def write(self, address, value):
        if address == 0x40013820:
            self.overrun = self.overrun and not value & 1 << 3
        else:
            super().write(address, value)


class Adc:
    """18.7: on after regulator, calibration and ADRDY, in this order."""
    BASE = 0x50040000
    blocks = ((BASE, 0x44), (0x50040308, 4))

    def __init__(self, world):
        self.world, self.values, self.held, self.cr, self.eoc, self.calibrated = world, {}, {}, 0x20000000, False, False

    def channel(self):
        return self.held.get(self.BASE + 0x30, 0) >> 6 & 31

    def is_off(self):
        return self.cr == 0x20000000 and not self.held.get(0x50040308)

    def read(self, address):
        self.world.reads += 1
        at = address - self.BASE
        if at == 0:
            return bool(self.cr & 1) | self.eoc << 2
        if at == 0x40:
            self.eoc = False
            return self.values.get(self.channel(), 0)
        return self.cr & 0x7FFFFFFD if at == 8 else self.held.get(address, 0)

    def write(self, address, value):
        if address - self.BASE != 8:
            self.held[address] = value
            return
        if value >> 31:
            self.calibrated = self.cr >> 28 & 1 and not self.cr & 1
        if value & 1 and not self.calibrated:
            self.world.wrong.append("a converter that is not calibrated turned on")
        if value & 4:
            if not self.cr & 1:
                self.world.wrong.append("a conversion of a converter that is off")
            self.eoc = self.channel() in self.values
        self.cr = 0x10000000 if value & 2 else value & ~4


class Pwr(f405.Pwr):
    """5.4"""
    blocks = ((0x40007000, 0x18),)

    def __init__(self, world, stuck=False):
        super().__init__(world, stuck)
        self.blocks = ((0x40007000, 0x18),)

    def read(self, address):
        return self.fails << 11 if address == 0x40007014 else self.held.get(address, 0)
