"""board_world.py - a board on the models of board_models.py (STM32F405) and l476_models.py: what raises interrupts, and
how a sleeping core wakes.
"""
import struct

from unicorn.arm_const import UC_ARM_REG_LR, UC_ARM_REG_PC, UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_SP

import board_models
import l476_models
from machine import BACK, SYSTEM, Machine

WFI = 0xBF30
TICKS = "SysTick"
HANDLERS = {TICKS: "vector_systick", "USART1": "usart_irq", "EXTI": "on_pin", "WAKE": "on_wake"}
PULSE, BUTTON, MAGNET, COVER, REVERSE, RX = (0, 0), (2, 13), (2, 1), (2, 2), (2, 3), (0, 10)
AT_OPEN, AT_SHUT = (1, 6), (1, 7)


class World:
    def __init__(self, part, elf, never=(), csr=0x0C000000, kept=False, watchdog_stuck=False, dbp_stuck=False):
        """kept: the backup domain was alive, its RTC runs since long."""
        self.wrong, self.reads, self.ms, self.systick = [], 0, 0, False
        models, l4 = board_models, part == "l476"
        own = l476_models if l4 else board_models
        self.rtc_line, self.standby = (20, 4) if l4 else (22, 2)
        self.rcc = own.Rcc(self, never, csr, 0x8101 if kept else 0)
        self.pwr = own.Pwr(self, dbp_stuck)
        self.rtc = models.Rtc(self, never, 24 if kept else 0)
        self.iwdg, self.gpio = models.Iwdg(self, watchdog_stuck), own.Gpio(self)
        self.exti, self.core, self.usart = own.Exti(self), models.Core(self), own.Usart(self)
        self.rng, self.adc = models.Rng(self), own.Adc(self)
        self.machine = Machine(elf, [self.rcc, self.pwr, self.rtc, self.iwdg, self.gpio, self.exti, self.core,
                                     self.usart, self.rng, self.adc])
        self.uc = self.machine.uc
        # VREFINT_CAL, TS_CAL1, TS_CAL2
        for at, value in zip((0x75AA, 0x75A8, 0x75CA) if l4 else (0x7A2A, 0x7A2C, 0x7A2E), (1500, 940, 1200)):
            self.uc.mem_write(SYSTEM + at, struct.pack("<H", value))
        self.start = lambda: self.call("board_start")
        self.sleeps, self.stops, self.lost, self.at_full_speed = 0, 0, 0, False
        base, code = elf.segments[0]
        self.wfis = {base + at for at in range(0, len(code) - 1, 2) if code[at:at + 2] == WFI.to_bytes(2, "little")}
        for at in self.wfis:
            self.machine.on_code(at, at, self.at_wfi)

    def call(self, name, *arguments):
        return self.machine.call(name, *arguments)

    def call64(self, name):
        self.call(name)
        low, high = self.uc.reg_read(UC_ARM_REG_R0), self.uc.reg_read(UC_ARM_REG_R1)
        return int.from_bytes(struct.pack("<II", low, high), "little", signed=True)

    # ---- what happens outside ----

    def set_pin(self, pin, low):
        """An edge, if it is one."""
        port, number = pin
        was = not self.gpio.level[port] >> number & 1
        if was != low:
            self.gpio.level[port] ^= 1 << number
            if self.exti.held.get(0x40013808 + number // 4 * 4, 0) >> number % 4 * 4 & 15 == port:
                self.exti.edge(number, falling=low)

    def pulse(self, pin=PULSE):
        self.set_pin(pin, True)
        self.set_pin(pin, False)

    def byte(self, value):
        self.usart.line.append(value)
        self.pulse(RX)

    def pass_ms(self, ms):
        self.ms += ms
        self.rtc.pass_ms(ms)

    # ---- interrupts ----

    def pending(self):
        lines, found = self.exti.raised(), []
        if self.systick:
            found.append(TICKS)
        if self.usart.raised() and self.core.enabled(37):
            found.append("USART1")
        if any(lines >> n & 1 and self.core.enabled(6 + n if n < 5 else 23 if n < 10 else 40) for n in range(16)):
            found.append("EXTI")
        if lines >> 16 & 1 and self.core.enabled(1) or lines >> self.rtc_line & 1 and self.core.enabled(3):
            found.append("WAKE")
        return found

    def interrupt(self):
        """Run the handlers of what is pending, as if it came between two instructions."""
        for _ in range(600):
            now = self.pending()
            if not now:
                return
            if now[0] == TICKS:
                self.systick = False
            context = self.uc.context_save()
            self.uc.reg_write(UC_ARM_REG_SP, self.uc.reg_read(UC_ARM_REG_SP) - 64 & ~7)
            self.call(HANDLERS[now[0]])
            self.uc.context_restore(context)
        raise AssertionError(f"an interrupt that does not end: {self.pending()}")

    def tick(self, ms=1):
        for _ in range(ms):
            self.pass_ms(1)
            self.systick = True
            self.interrupt()

    # ---- instruction for instruction ----

    def steps(self, name, *arguments, until=20000):
        """Run a function; yields before each of its instructions with the number of it. Interrupts come when they are
        not masked; at a wfi the core sleeps unless something is pending."""
        self.uc.reg_write(UC_ARM_REG_LR, BACK | 1)
        for register, value in zip((UC_ARM_REG_R0, UC_ARM_REG_R1), arguments):
            self.uc.reg_write(register, value)
        pc = self.machine.elf.symbols[name] & ~1
        for n in range(until):
            self.uc.reg_write(UC_ARM_REG_PC, pc | 1)
            yield n
            if not self.machine.masked():
                self.interrupt()
            if struct.unpack("<H", self.uc.mem_read(pc, 2))[0] == WFI and not self.pending():
                self.sleep()
            self.machine.go(pc, count=1)
            pc = self.machine.pc() & ~1
            if pc == BACK or self.machine.dead:
                return
        raise AssertionError(f"{name} does not end")

    def run(self, name, *arguments, at=0, happens=None):
        """The same at full speed: interrupts come when the core wakes, and when `happens` is called, behind `at`
        instructions."""
        self.uc.reg_write(UC_ARM_REG_LR, BACK | 1)
        for register, value in zip((UC_ARM_REG_R0, UC_ARM_REG_R1), arguments):
            self.uc.reg_write(register, value)
        pc = self.machine.elf.symbols[name] & ~1
        if happens:
            pc = self.machine.go_on(pc, at) if at else pc
            happens(self)
            pc = self.unmask(pc)
        naps = self.sleeps + self.stops
        while pc != BACK:
            assert self.sleeps + self.stops < naps + 3000, f"{name} does not end"
            self.at_full_speed = True
            pc = self.machine.go_on(pc, 10_000_000)
            self.at_full_speed = False
            if pc in self.wfis and not self.pending():
                self.sleep()
            pc = self.unmask(pc)

    def unmask(self, pc):
        """Go on until interrupts may come, and let them."""
        while pc != BACK and (pc in self.wfis or self.machine.masked()):
            if pc in self.wfis and not self.pending():
                self.sleep()
            pc = self.machine.go_on(pc, 1)
        if pc != BACK:
            self.uc.reg_write(UC_ARM_REG_PC, pc | 1)
            self.interrupt()
        return pc

    def at_wfi(self, address):
        if self.at_full_speed:
            self.uc.emu_stop()

    def has_work(self):
        """Something that the loop has to see waits already."""
        return self.call("usart_has_work") & 1 or self.call("pins_have_work") & 1

    def sleep(self):
        """Nothing is pending: SysTick wakes a core that sleeps, the RTC one that is stopped."""
        context = self.uc.context_save()
        self.uc.reg_write(UC_ARM_REG_SP, self.uc.reg_read(UC_ARM_REG_SP) - 64 & ~7)
        self.lost += self.has_work()
        self.uc.context_restore(context)
        if not self.core.deep():
            self.sleeps += 1
            self.pass_ms(1)
            self.systick = True
            return
        self.stops += 1
        control = self.pwr.held.get(0x40007000, 0)
        if control & self.standby:
            self.wrong.append("standby instead of a stop: RAM is lost")
        if self.usart.held.get(0x0C, 0) & 1 << 7:
            self.wrong.append("stopped while something is being sent")
        wake = self.rtc.wake_ms()
        if wake is None or not self.exti.held.get(0x40013C00, 0) >> self.rtc_line & 1:
            self.wrong.append("stopped without anything that wakes it")
            self.machine.stop()
            return
        self.pass_ms(wake)
        self.rtc.flags |= 1 << 10
        self.exti.edge(self.rtc_line, falling=False)
        self.rcc.stopped()
