/* pins.c - the meter's pins; see pins.h. */
#include "meter-core/port/stm32/pins.h"

#include "meter-core/port/stm32/rm_stm32.h"

/* Longer apart than any clock runs: the first edge counts. */
#define LONG_AGO (-1000000)

static const uint8_t uses[PINS] = {
#define X(name, use, what) [PIN_##name] = PIN_##use,
    PINS_TABLE(X)
#undef X
};

static struct {
    const struct pins_map *map;
    volatile uint32_t pulses, presses;
    volatile bool has_changed, was_woken;
    int64_t pulse_ms, press_ms;     /* of the last; the interrupt's own */
} pins;

static struct rm_gpio *gpio(struct pin p)
{
    return (struct rm_gpio *)(pins.map->gpio + (uintptr_t)p.port * GPIO_BLOCK);
}

static struct rm_exti *exti(void)
{
    return (struct rm_exti *)pins.map->exti;
}

uint32_t pins_line(enum pin_id id)
{
    return 1u << pins.map->pin[id].number;
}

bool pins_is_low(enum pin_id id)
{
    return (gpio(pins.map->pin[id])->idr & pins_line(id)) == 0;
}

void pins_motor(bool open, bool shut)
{
    struct pin o = pins.map->pin[PIN_VALVE_OPEN], s = pins.map->pin[PIN_VALVE_SHUT];

    /* off first; the upper half of BSRR resets */
    if (!open || shut)
        gpio(o)->bsrr = 1u << (o.number + 16u);
    if (!shut || open)
        gpio(s)->bsrr = 1u << (s.number + 16u);
    if (open && !shut)
        gpio(o)->bsrr = 1u << o.number;
    else if (shut && !open)
        gpio(s)->bsrr = 1u << s.number;
}

static void set_field(volatile uint32_t *reg, uint32_t at, uint32_t bits, uint32_t value)
{
    uint32_t mask = ((1u << bits) - 1u) << at;

    *reg = (*reg & ~mask) | value << at;
}

static void enable_interrupt(uint32_t line)
{
    uint32_t irq = line <= 4 ? IRQ_EXTI0 + line : line <= 9 ? IRQ_EXTI9_5 : IRQ_EXTI15_10;

    NVIC_ISER(irq) = NVIC_BIT(irq);
}

/* Edges of the pin to the interrupt: falling, and rising when both. */
static void watch(struct pin p, bool both)
{
    struct rm_syscfg *syscfg = (struct rm_syscfg *)pins.map->syscfg;
    uint32_t bit = 1u << p.number;

    set_field(&syscfg->exticr[p.number / 4u], p.number % 4u * 4u, 4, p.port);
    exti()->ftsr |= bit;
    if (both)
        exti()->rtsr |= bit;
    enable_interrupt(p.number);
}

static void start_pin(enum pin_id id)
{
    struct pin p = pins.map->pin[id];
    struct rm_gpio *g = gpio(p);
    uint32_t mode = GPIO_MODE_INPUT;

    if (uses[id] == PIN_OUTPUT) {
        mode = GPIO_MODE_OUTPUT;
        g->bsrr = 1u << (p.number + 16u);   /* before it drives */
    } else if (uses[id] == PIN_LINE || uses[id] == PIN_WAKE) {
        mode = GPIO_MODE_AF;
        set_field(p.number < 8 ? &g->afrl : &g->afrh, p.number % 8u * 4u, 4, pins.map->usart_af);
    }
    set_field(&g->pupdr, p.number * 2u, 2, uses[id] == PIN_WAKE ? GPIO_PULL_UP : 0);
    set_field(&g->moder, p.number * 2u, 2, mode);
    if (uses[id] == PIN_EDGE || uses[id] == PIN_BOTH || uses[id] == PIN_WAKE)
        watch(p, uses[id] == PIN_BOTH);
    if (uses[id] == PIN_EDGE || uses[id] == PIN_BOTH)
        exti()->imr |= 1u << p.number;
}

void pins_start(const struct pins_map *map)
{
    pins.map = map;
    pins.pulse_ms = pins.press_ms = LONG_AGO;
    for (enum pin_id id = 0; id < PINS; id++)
        start_pin(id);
}

void pins_wake_on_rx(bool on)
{
    if (on) {
        exti()->pr = pins_line(PIN_RX);     /* edges of what was received already */
        exti()->imr |= pins_line(PIN_RX);
    } else {
        exti()->imr &= ~pins_line(PIN_RX);
        pins.was_woken = pins.was_woken || (exti()->pr & pins_line(PIN_RX)) != 0;
    }
}

bool pins_was_woken(void)
{
    bool was = pins.was_woken;

    pins.was_woken = false;
    return was;
}

/* Count an edge unless it is a bounce of the one before. */
static void count(volatile uint32_t *n, int64_t *last_ms, int64_t now_ms, uint32_t apart_ms)
{
    if (now_ms - *last_ms < apart_ms)
        return;
    *last_ms = now_ms;
    *n = *n + 1;
}

void pins_irq(int64_t now_ms)
{
    uint32_t came = exti()->pr & exti()->imr & 0xFFFFu;

    exti()->pr = came;
    if ((came & pins_line(PIN_PULSE)) != 0)
        count(&pins.pulses, &pins.pulse_ms, now_ms, PINS_PULSE_APART_MS);
    if ((came & pins_line(PIN_BUTTON)) != 0)
        count(&pins.presses, &pins.press_ms, now_ms, PINS_PRESS_APART_MS);
    if ((came & ~(pins_line(PIN_PULSE) | pins_line(PIN_BUTTON))) != 0)
        pins.has_changed = true;
}

static uint32_t take(volatile uint32_t *n)
{
    uint32_t masked = irq_off(), got = *n;

    *n = 0;
    irq_restore(masked);
    return got;
}

uint32_t pins_pulses(void)
{
    return take(&pins.pulses);
}

uint32_t pins_presses(void)
{
    return take(&pins.presses);
}

bool pins_have_work(void)
{
    return pins.pulses > 0 || pins.presses > 0 || pins.has_changed;
}

void pins_forget_change(void)
{
    pins.has_changed = false;
}
