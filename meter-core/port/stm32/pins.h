/* pins.h - the meter's pins on the GPIO and EXTI blocks that all STM32F4 and L4 have. Freestanding.
 *
 * Inputs are low when what they report is so, and are pulled up outside (1 megohm: a closed switch
 * costs 4 uA, the internal 40 kilohm would cost 90). The valve's outputs drive a bridge that is
 * pulled to "off" outside, so nothing moves in a reset.
 */
#ifndef GF_STM32_PINS_H
#define GF_STM32_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "meter-core/meter.h"

/* name, what it is for, how it is used */
#define PINS_TABLE(X)                                                                              \
    X(VALVE_OPEN, OUTPUT, "motor towards open")                                                    \
    X(VALVE_SHUT, OUTPUT, "motor towards shut")                                                    \
    X(AT_OPEN, INPUT, "end switch: open")                                                          \
    X(AT_SHUT, INPUT, "end switch: shut")                                                          \
    X(PULSE, EDGE, "measuring unit: a pulse")                                                      \
    X(BUTTON, EDGE, "button")                                                                      \
    X(MAGNET, BOTH, "strong field")                                                                \
    X(COVER, BOTH, "cover open")                                                                   \
    X(REVERSE, BOTH, "gas flows backwards")                                                        \
    X(RX, WAKE, "serial line, in")                                                                 \
    X(TX, LINE, "serial line, out")
enum pin_id {
#define X(name, use, what) PIN_##name,
    PINS_TABLE(X)
#undef X
    PINS
};
enum pin_use {
    PIN_OUTPUT,     /* off at the start */
    PIN_INPUT,      /* looked at */
    PIN_EDGE,       /* interrupt when it goes low */
    PIN_BOTH,       /* interrupt when it changes */
    PIN_WAKE,       /* of the USART; interrupt when it goes low, while pins_wake_on_rx() */
    PIN_LINE        /* of the USART */
};

/* Port and number; two pins with an interrupt may not have the same number. */
struct pin {
    uint8_t port;   /* 0: A */
    uint8_t number;
};

struct pins_map {
    uintptr_t gpio, exti, syscfg;   /* GPIOA, EXTI, SYSCFG */
    uint8_t usart_af;               /* alternate function of RX and TX */
    struct pin pin[PINS];
};

#define PINS_PULSE_APART_MS 20u /* no meter is that fast: an edge sooner is a bounce */
#define PINS_PRESS_APART_MS 200u

/* Clocks of GPIO and SYSCFG are on. `map` is borrowed for life. */
void pins_start(const struct pins_map *map);

/* True while the pin is low. */
bool pins_is_low(enum pin_id id);

/* The EXTI bit of a pin. */
uint32_t pins_line(enum pin_id id);

/* One output on, the other off, or both off: never both on, not for an instant. */
void pins_motor(bool open, bool shut);

/* An edge on the serial line ends a stop, while on. True once when there was one. */
void pins_wake_on_rx(bool on);
bool pins_was_woken(void);

/* Of every EXTI vector; now_ms is the monotonic time. */
void pins_irq(int64_t now_ms);

/* Counted since the last call. */
uint32_t pins_pulses(void);
uint32_t pins_presses(void);

/* True when something was counted, or a sense changed since pins_forget_change(). */
bool pins_have_work(void);
void pins_forget_change(void);

#endif
