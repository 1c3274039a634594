/* motor.h - the valve's motor: driven one way until its end switch or MOTOR_MS. Freestanding. */
#ifndef GF_STM32_MOTOR_H
#define GF_STM32_MOTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "meter-core/meter.h"

/* Longest drive; longer than any valve_travel_s (meter-core/params.h), so the meter notices first.
 * */
#define MOTOR_MS 61000

/* Drive, and return at once. The other way: off first, then a pause for the bridge. */
void motor_drive(bool open, int64_t now_ms);

/* Off when the end is reached or the time is over. Every millisecond, by SysTick. */
void motor_poll(int64_t now_ms);

bool motor_is_on(void);

/* What the end switches say; MOVING between them while the motor is on. */
gasm_ValveState motor_state(void);

#endif
