#!/usr/bin/python3
"""board_test.py PART IMAGE [TEST...] - the board with PART (board_stm32.c and what it uses) on register models: clock
tree, RTC, watchdog, pins, valve, random numbers, serial line, sleep. TAP on standard output; SEED=n draws others,
TEST_ALL=1 tries every event at every instruction, STOP=1 ends at a failure.
"""
import os
import random
import sys
from datetime import datetime, timedelta, timezone

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tools"))

import tap
from board_world import (AT_OPEN, AT_SHUT, BUTTON, COVER, MAGNET, REVERSE, World)
from machine import Elf, Fault
from tap import ok, same

ALL = bool(os.environ.get("TEST_ALL"))
SEED = int(os.environ.get("SEED", "1"))
PART, ELF = sys.argv[1], Elf(sys.argv[2])
L4 = PART == "l476"
HZ, CALIBRATED = (16e6, 3000) if L4 else (48e6, 3300)
REFERENCE, TEMPERATURE = (0, 17) if L4 else (17, 16)
NO_HSE, NO_PLL, NO_LSE, NO_RTC, NO_RNG = 1, 2, 4, 8, 16
E_RANDOM, E_NOT_NOW = -8, -101
OPEN_OUT, SHUT_OUT = 1, 2
UNKNOWN, SHUT, OPEN, MOVING, FAULT = range(5)
READS = 200000              # no wait looks so often at registers, all in all


def world(started=True, **plan):
    w = World(PART, ELF, **plan)
    if started:
        w.faults = w.start()
    return w


def ms_of(when, ticks=0):
    return int(when.replace(tzinfo=timezone.utc).timestamp()) * 1000 + ticks * 1000 // 1024


def test_clocks():
    if L4:
        return test_clocks_l476()
    for never, faults, hz in (((), 0, 48), (("hse",), NO_HSE, 48), (("pll",), NO_PLL | NO_RNG, 16),
                              (("hse", "pll"), NO_HSE | NO_PLL | NO_RNG, 16), (("switch",), NO_PLL | NO_RNG, 16)):
        w = world(never=never, kept=True)
        name = f"without {' and '.join(never)}" if never else "all clocks"
        same((w.faults, w.rcc.hz()), (faults, hz * 1e6), f"{name}: faults {faults}, {hz} MHz")
        ok(w.reads < READS and not w.wrong, f"{name}: {w.reads} looks at registers, nothing against the manual",
           w.wrong[:3])
        same((w.core.held[0xE000E014] + 1, w.usart.held[8]), (hz * 1000, round(hz * 1e6 / 115200)),
             f"{name}: SysTick and baud rate fit")
        domain = w.rcc.pll()[1]
        ok(domain == 48e6 or hz == 16, f"{name}: the generator's clock is {domain / 1e6} MHz")


def test_clocks_l476():
    for never, faults, hz in (((), 0, 16), (("hsi",), NO_PLL | NO_RNG, 4), (("switch",), NO_PLL | NO_RNG, 4)):
        w = world(never=never, kept=True)
        name = f"without {never[0]}" if never else "all clocks"
        same((w.faults, w.rcc.hz(), w.core.held[0xE000E014] + 1, w.usart.held[8]),
             (faults, hz * 1e6, hz * 1000, round(hz * 1e6 / 115200)), f"{name}: faults {faults}, {hz} MHz")
        ok(w.reads < READS and not w.wrong and bool(w.rcc.cr & 1) == bool(faults),
           f"{name}: {w.reads} looks at registers, MSI {'on' if faults else 'off'}", w.wrong[:3])


def test_reset_causes():
    rows = {0x0C000000: 1, 0x0E000000: 1, 0x04000000: 2, 0x24000000: 3, 0x44000000: 3, 0x14000000: 4, 0x84000000: 6}
    if L4:
        rows = {0x0C000000: 1, 0x04000000: 2, 0x24000000: 3, 0x44000000: 3, 0x14000000: 4, 0x84000000: 6}
    got = {}
    for csr in rows:
        w = world(csr=csr)
        got[csr] = w.call("board_reset_cause")
        assert w.rcc.csr == 0, "the flags are forgotten"
    same(got, rows, "each reset flag is the cause that it means")
    w = world(started=False, csr=0x14000000)
    w.machine.put("last", 0, (0x4661756C).to_bytes(4, "little"))
    w.start()
    same(w.call("board_reset_cause"), 5, "a software reset behind a noted fault is one of the fault handler")


def test_rtc_start():
    w = world(never=("lse",))
    same((w.faults, w.rcc.bdcr & 0x8301), (NO_LSE, 1), "the crystal is started, nobody waits for it")
    same(w.call64("board_utc_ms"), 0, "until it runs there is no time")
    w.rcc.later.start("lse")
    for _ in range(5):
        now = w.call64("board_utc_ms")
    same(now, ms_of(datetime(2001, 1, 1)), "then time starts at 2001")
    same([hex(v) for v in w.rtc.prer], ["0x3ff", "0x1f03ff"], "prescalers: 1024 steps a second, in two writes")
    w = world(kept=True)
    w.rtc.set(datetime(2026, 5, 6, 7, 8, 9), 512)
    same((w.faults, w.call64("board_utc_ms"), w.rtc.prer), (0, ms_of(datetime(2026, 5, 6, 7, 8, 9)) + 500, []),
         "an RTC that kept its supply is left alone")
    for never, faults in (("lse", NO_LSE), ("initf", NO_RTC), ("rsf", NO_RTC)):
        w = world(never=(never,), kept=False)
        for _ in range(5):
            now = w.call64("board_utc_ms")
        ok(now == 0 and w.reads < 10 * READS and not w.wrong, f"{never} that never comes: no time, no hang",
           (now, w.wrong))
        ok(w.call("rtc_wake_in", 100) & 1 == 0, f"{never} that never comes: no wake-up timer either")
    w = world(kept=True, never=("wutwf",))
    ok(w.call("rtc_wake_in", 100) & 1 == 0 and not w.wrong, "WUTWF that never comes: told")
    w = world(dbp_stuck=True)
    same((w.faults, w.call64("board_utc_ms"), w.wrong), (NO_RTC, 0, []), "a backup domain that stays closed: no time")
    w = world(started=False)
    w.rcc.bdcr, w.rcc.later.left["lse"] = 0x8201, 0
    w.start()
    for _ in range(8):
        now = w.call64("board_utc_ms")
    ok(now == ms_of(datetime(2001, 1, 1)) and not w.wrong, "an RTC on another clock is reset and put on the crystal",
       (now, w.wrong))


def test_rtc_reads():
    w, draw, bad = world(kept=True), random.Random(SEED), []
    days = [datetime(2001, 1, 1), datetime(2004, 2, 28), datetime(2004, 2, 29), datetime(2004, 3, 1),
            datetime(2099, 12, 31), datetime(2025, 12, 31), datetime(2100, 2, 28) - timedelta(days=365)]
    days += [datetime(2001, 1, 1) + timedelta(days=draw.randrange(36158)) for _ in range(300)]
    for day in days:
        when = day + timedelta(seconds=draw.choice((0, 86399, draw.randrange(86400))))
        ticks = draw.choice((0, 1023, draw.randrange(1024)))
        w.rtc.set(when, ticks)
        got = w.call64("board_utc_ms")
        if got != ms_of(when, ticks):
            bad.append((when, ticks, got))
    ok(not bad, f"{len(days)} instants from 2001 to 2099 read right", bad[:2])
    bad, last = [], 0
    w.rtc.set(datetime(2023, 12, 31, 23, 59, 58), 1000)
    w.rtc.step = 7              # time passes between the reads of two registers
    for _ in range(400):
        got = w.call64("board_utc_ms")
        if not 0 < got - (last or got - 1) < 100:
            bad.append((got, last))
        last = got
    ok(not bad, "registers that time passes between are one instant, over the end of a year", bad[:2])
    w.rtc.step, w.rtc.extra = 0, 2000
    w.rtc.set(datetime(2026, 1, 1), 5)
    same(w.call64("board_utc_ms"), ms_of(datetime(2026, 1, 1)), "a fraction beyond its range counts as none")


def test_watchdog():
    w = world()
    same((w.iwdg.runs, w.iwdg.pr, w.iwdg.rlr, w.iwdg.feeds >= 1), (True, 4, 4095, True), "8 s, started and fed")
    w = world(watchdog_stuck=True)
    ok(w.iwdg.runs and w.reads < READS and not w.wrong, "an update that never ends: no hang", w.wrong)
    w = world(kept=True)
    late = False
    for _ in range(40):         # the loop of main.c
        w.call("board_kick")
        w.run("board_idle", 1000)
        late |= w.iwdg.resets()
    ok(not late and w.ms >= 40000 and w.stops > 10, f"a loop that feeds it is not reset in {w.ms:.0f} ms",
       (late, w.ms, w.stops))
    for _ in range(12):
        w.run("board_idle", 1000)
    ok(w.iwdg.resets(), "a loop that does not is")


def test_valve():
    w = world(kept=True)
    ok([w.gpio.mode(1, p) for p in (0, 1)] == [1, 1] and w.gpio.changes[0][0] == 0 and not w.gpio.odr[1] & 3,
       "the motor's outputs are off before they drive")
    same(w.call("board_valve_state"), UNKNOWN, "between the ends, still: unknown")
    for opens, end, out, state in ((True, AT_OPEN, OPEN_OUT, OPEN), (False, AT_SHUT, SHUT_OUT, SHUT)):
        same((w.call("board_valve_drive", opens), w.gpio.odr[1] & 3, w.call("board_valve_state")), (0, out, MOVING),
             f"driven {'open' if opens else 'shut'}: one output, moving")
        w.tick(500)
        w.set_pin(end, True)
        w.tick()
        same((w.gpio.odr[1] & 3, w.call("board_valve_state")), (0, state), "its end switch stops the motor")
        w.set_pin(end, False)
    w.call("board_valve_drive", True)
    w.tick(60000)
    running = w.gpio.odr[1] & 3
    w.tick(1100)
    same((running, w.gpio.odr[1] & 3), (OPEN_OUT, 0), "without an end switch it stops after 61 s")
    w.set_pin(AT_OPEN, True)
    w.set_pin(AT_SHUT, True)
    same(w.call("board_valve_state"), FAULT, "both ends at once: a fault")
    w.pwr.fails = True
    same((w.call("board_valve_drive", True), w.gpio.odr[1] & 3), (E_NOT_NOW, 0), "it does not open while power fails")
    same((w.call("board_valve_drive", False), w.gpio.odr[1] & 3), (0, SHUT_OUT), "it does shut")


def test_valve_turns():
    """Orders and ticks at random instants: never both outputs, a pause between the two ways."""
    draw, w, steps, short = random.Random(SEED), world(kept=True), 0, 0
    off_since = before = last = 0
    for _ in range(30):
        opens = draw.random() < 0.5
        at = draw.randrange(60)
        for n in w.steps("board_valve_drive", int(opens)):
            if n == at:
                w.pass_ms(1)
                w.systick = True
            steps += 1
            now = w.gpio.odr[1] & 3
            if now != last:
                short += before != 0 and now != 0 and last == 0 and steps - off_since < 1000 and now != before
                off_since, before, last = (steps, last, 0) if now == 0 else (off_since, now, now)
        w.set_pin(draw.choice((AT_OPEN, AT_SHUT)), draw.random() < 0.3)
    ok(not w.wrong and len(w.gpio.changes) > 40, f"{len(w.gpio.changes)} writes to the outputs: never both on",
       w.wrong[:2])
    same(short, 0, "off for a while before it turns the other way")


def test_die():
    for end in (True, False):
        w = world(kept=True)
        feeds = w.iwdg.feeds
        w.call("board_valve_drive", True)
        if end:
            base = w.core.read
            def read(address):
                if w.ms == 700:
                    w.set_pin(AT_SHUT, True)
                return base(address)
            w.core.read = read
        w.call("board_die")
        ran = [c for c in w.gpio.changes if c[0]]
        ok(w.core.resets == 1 and not w.gpio.odr[1] & 3 and ran[-1][0] == SHUT_OUT and
           (700 <= w.ms <= 705 if end else 61000 <= w.ms <= 61500) and w.iwdg.feeds - feeds >= w.ms // 2,
           f"the end of the program: shut until {'its end switch' if end else '61 s'}, fed, reset",
           (w.ms, w.core.resets))
    w = world(started=False)
    w.call("board_die")
    ok(w.core.resets == 1 and not w.gpio.changes, "before the start: a reset at once")


def test_random():
    draw = random.Random(SEED)
    words = [draw.getrandbits(32) for _ in range(40)]
    w = world(kept=True)

    def take(given, n=32):
        w.rng.words, w.rng.given, w.rng.sr = list(given), [], 0x60
        at = w.machine.elf.symbols["line"]
        w.uc.mem_write(at, b"\xAA" * 64)
        rc = w.call("board_entropy", at, n)
        return rc, bytes(w.uc.mem_read(at, n))

    want = b"".join(v.to_bytes(4, "little") for v in words)
    same(take(words), (0, want[4:36]), "words as the generator gives them, but the first")
    same(take(words, 7), (0, want[4:11]), "any number of bytes")
    ok(not w.rng.cr & 4 and not w.rcc.rng_is_on(), "it is off again")
    for error in ("seed", "clock", None):
        for at in range(9):
            rc, got = take(words[:at] + [error] + words[at:])
            if rc != E_RANDOM or any(got):
                break
        else:
            at = -1
        same(at, -1, f"{error or 'no word'} at any place: refused, nothing left in the buffer")
    for at in range(1, 9):
        rc, got = take(words[:at] + [words[at - 1]] + words[at:])
        if rc != E_RANDOM or any(got):
            break
    else:
        at = -1
    same(at, -1, "two equal words at any place: refused")
    same(take(words)[0], 0, "and the next call works again")
    w = world(kept=True, never=("msi",) if L4 else ("pll",))
    same(take(words)[0], E_RANDOM, "without its clock there are none")
    ok(not w.wrong and w.reads < 10 * READS, "nothing against the manual", w.wrong[:2])


def test_pins():
    w = world(kept=True)
    for _ in range(5):
        w.pulse()
        w.interrupt()
        w.tick(25)
    same(w.call("board_pulses"), 5, "pulses are counted")
    same(w.call("board_pulses"), 0, "once")
    for _ in range(10):         # a contact that bounces
        w.pulse()
        w.interrupt()
        w.tick()
    same(w.call("board_pulses"), 1, "a bounce is none")
    w.pulse(BUTTON)
    w.interrupt()
    w.tick(100)
    w.pulse(BUTTON)
    w.interrupt()
    w.tick(200)
    w.pulse(BUTTON)
    w.interrupt()
    same((w.call("board_presses"), w.call("board_pulses")), (2, 0), "presses are counted, a bounce is none")
    seen = []
    for sense, pin in enumerate((MAGNET, COVER, REVERSE)):
        before = w.call("board_sense", sense) & 1
        w.set_pin(pin, True)
        w.interrupt()
        seen.append((before, w.call("board_sense", sense) & 1, w.call("pins_have_work") & 1))
        w.set_pin(pin, False)
        w.interrupt()
        seen.append(w.call("board_sense", sense) & 1)
    same(seen, [(0, 1, 1), 0] * 3, "senses are seen, and wake the loop")
    if L4:
        return                  # its erases stall nothing
    w.machine.put("stall", 8, (3).to_bytes(4, "little") + (700).to_bytes(4, "little"))
    before = w.ms
    ms = w.call64("board_mono_ms")
    same((w.call("board_pulses"), w.call("board_pulses"), w.call64("board_mono_ms")), (3, 0, ms),
         "what an erase counted is taken over once")


def test_line():
    w = world(kept=True)
    buffer = ELF.symbols["last"] + 0x100

    def read(n=64):
        got = w.call("board_uart_rx", buffer, n)
        return bytes(w.uc.mem_read(buffer, got))

    def write(data):
        w.uc.mem_write(buffer, data)
        return w.call("board_uart_tx", buffer, len(data))

    for v in b"hello":
        w.usart.line.append(v)
        w.interrupt()
    same((w.call("board_uart_has_rx") & 1, read(2), read(), read(), w.call("board_uart_has_rx") & 1),
         (1, b"he", b"llo", b"", 0), "bytes come through the ring")
    w.usart.line = [n & 255 for n in range(400)]
    w.interrupt()
    got = b"".join(read() for _ in range(8))
    same(got, bytes(n & 255 for n in range(256)), "a full ring keeps the first 256")
    w.usart.overrun = True
    w.interrupt()
    same((w.usart.overrun, read()), (False, b""), "an overrun is cleared, and is no byte")
    sent, data = 0, bytes(random.Random(SEED).randrange(256) for _ in range(1000))
    while sent < len(data):
        sent += write(data[sent:sent + 200])
        if sent % 3:
            w.interrupt()
        if w.call("usart_has_work") & 1 == 0:
            w.interrupt()
    w.interrupt()
    same(bytes(w.usart.sent), data, "1000 bytes leave in order")
    ok(not w.usart.held[0x0C] & 1 << 7, "and the interrupt is off again")
    w.usart.sent.clear()
    w.uc.mem_write(buffer, bytes(200))
    took = [write(bytes(200)) for _ in range(3)]
    full = w.call("usart_has_work") & 1
    w.interrupt()
    same((took, full, w.call("usart_has_work") & 1, len(w.usart.sent)), ([200, 56, 0], 0, 1, 256),
         "a full ring takes no more, and wakes the loop when it has room")


EVENTS = {"byte": lambda w: w.byte(0x55), "pulse": lambda w: w.pulse(), "button": lambda w: w.pulse(BUTTON),
          "magnet": lambda w: w.set_pin(MAGNET, True)}


def asleep(quiet):
    w = world(kept=True)
    w.rtc.set(datetime(2026, 1, 1))
    w.byte(1)
    w.interrupt()
    w.call("board_uart_rx", ELF.symbols["last"] + 0x100, 8)
    w.run("board_idle", 2)
    w.pass_ms(2500 if quiet else 50)
    w.machine.put("board", 0, w.ms.to_bytes(8, "little"))
    w.sleeps = w.stops = w.lost = 0
    return w


def test_sleep():
    for quiet, how in ((False, "asleep"), (True, "stopped")):
        w = asleep(quiet)
        before, began = w.call64("board_mono_ms"), w.ms
        w.run("board_idle", 30)
        passed = w.call64("board_mono_ms") - before
        ok(29 <= w.ms - began <= 32 and abs(passed - (w.ms - began)) <= 2 and not w.wrong and
           (w.stops if quiet else w.sleeps) > 0 and not (w.sleeps if quiet else w.stops),
           f"{how}: 30 ms pass, the clock says {passed}", (w.ms - began, passed, w.sleeps, w.stops, w.wrong))
        ok(w.rcc.hz() == HZ and not w.core.deep() and not w.machine.masked(), f"{how}: all clocks are back")
        w, n = asleep(quiet), 0
        for n in w.steps("board_idle", 30):
            if w.sleeps or w.stops:
                break
        late, tried = [], 0
        for event, happens in EVENTS.items():
            for at in range(0, n, 1 if ALL or event == "byte" else 7):
                w = asleep(quiet)
                began = w.ms
                w.run("board_idle", 30, at=at, happens=happens)
                tried += 1
                if w.ms - began > 1 or w.lost or w.wrong:
                    late.append((event, at, w.ms - began, w.lost, w.wrong[:1]))
        ok(not late and tried > n, f"{how}: {tried} events, one at each of {n} instructions before it: none waits",
           late[:3])
    w = asleep(True)
    w.run("board_idle", 1000, at=100, happens=lambda w: w.byte(7))
    w.call("board_uart_rx", ELF.symbols["last"] + 0x100, 8)
    w.run("board_idle", 200)
    stopped = w.stops
    ok(not stopped and w.sleeps >= 190, "a byte keeps it from stopping for a while", (w.stops, w.sleeps))
    w = asleep(True)
    w.call("board_valve_drive", True)
    w.run("board_idle", 100)
    same(w.stops, 0, "no stop while the motor runs")
    w = asleep(True)
    w.usart.done = False
    w.run("board_idle", 100)
    same(w.stops, 0, "no stop while the last byte leaves")
    w = asleep(True)
    w.rcc.never = ("hse", "pll") if not L4 else ()
    w.run("board_idle", 100)
    same((w.rcc.hz(), w.core.held[0xE000E014] + 1, w.usart.held[8], w.wrong), (16e6, 16000, 139, []),
         "a PLL that does not lock after a stop: SysTick and baud rate follow")
    w = world()
    w.rcc.later.start("lse", True)
    w.tick(3000)
    w.run("board_idle", 100)
    same((w.stops, w.sleeps >= 99), (0, True), "without an RTC it sleeps, and never stops")


def test_measures():
    w = world(kept=True)
    w.adc.values = {REFERENCE: 1500, TEMPERATURE: 940}
    same((w.call("board_supply_mv"), w.call("board_temperature_dc")), (CALIBRATED, 300),
         "at the calibration's own values")
    w.adc.values = {REFERENCE: 1375, TEMPERATURE: 1083}
    mv = CALIBRATED * 1500 // 1375
    same((w.call("board_supply_mv"), w.call("board_temperature_dc")),
         (mv, 300 + (1083 * mv // CALIBRATED - 940) * 800 // 260), f"{mv} mV, warmer")
    w.adc.values = {REFERENCE: 1375, TEMPERATURE: 700}
    same(w.call("board_temperature_dc"), 300 - 544, "colder than the calibration")
    w.adc.values = {TEMPERATURE: 940}
    same((w.call("board_supply_mv"), w.call("board_temperature_dc")), (0, -2730),
         "a conversion that never ends: no value")
    ok(not w.wrong and w.reads < 10 * READS and w.adc.is_off(), "nothing against the manual, off again", w.wrong)
    w.pwr.fails = True
    ok(w.call("board_power_fails") & 1, "the supply monitor is seen")


def main():
    for test in (test_clocks, test_reset_causes, test_rtc_start, test_rtc_reads, test_watchdog, test_valve,
                 test_valve_turns, test_die, test_random, test_pins, test_line, test_sleep, test_measures):
        if sys.argv[3:] and test.__name__.removeprefix("test_") not in sys.argv[3:]:
            continue
        try:
            test()
        except (Fault, AssertionError, KeyError, IndexError) as e:
            ok(False, f"{test.__name__} runs to its end", f"{type(e).__name__}: {e}")
    sys.exit(tap.done())


main()
