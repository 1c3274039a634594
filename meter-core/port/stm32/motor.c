/* motor.c - the valve's motor; see motor.h. */
#include "meter-core/port/stm32/motor.h"

#include "meter-core/port/stm32/pins.h"
#include "meter-core/port/stm32/rm_core.h"

/* Turns of an empty loop between off and the other way: 100 us at 48 MHz, 300 us at 16 MHz. */
#define PAUSE_TURNS 1200u

static volatile enum { NEVER, OPENING, SHUTTING } way;  /* of the last drive */
static volatile bool is_on;
static int64_t until_ms;            /* written with interrupts off */

static void off(void)
{
    pins_motor(false, false);
    is_on = false;
}

void motor_drive(bool open, int64_t now_ms)
{
    const bool turns = way == (open ? SHUTTING : OPENING);
    uint32_t masked;

    if (turns) {
        off();
        for (volatile uint32_t i = 0; i < PAUSE_TURNS; i = i + 1)
            ;
    }
    masked = irq_off();
    pins_motor(open, !open);
    way = open ? OPENING : SHUTTING;
    is_on = true;
    until_ms = now_ms + MOTOR_MS;
    irq_restore(masked);
}

void motor_poll(int64_t now_ms)
{
    if (!is_on)
        return;
    if (pins_is_low(way == OPENING ? PIN_AT_OPEN : PIN_AT_SHUT) || now_ms >= until_ms)
        off();
}

bool motor_is_on(void)
{
    return is_on;
}

gasm_ValveState motor_state(void)
{
    const bool open = pins_is_low(PIN_AT_OPEN), shut = pins_is_low(PIN_AT_SHUT);

    if (open && shut)
        return gasm_ValveState_VALVE_FAULT;
    if (open || shut)
        return open ? gasm_ValveState_VALVE_OPEN : gasm_ValveState_VALVE_SHUT;
    return motor_is_on() ? gasm_ValveState_VALVE_MOVING : gasm_ValveState_VALVE_UNKNOWN;
}
