/* valve.h - driving the valve, and what forbids it. Freestanding.
 *
 * Whoever wants the valve open says so and keeps saying why (purge.c); without a reason it is
 * driven shut. Only purge grants open it yet.
 */
#ifndef GF_METER_VALVE_H
#define GF_METER_VALVE_H

#include "meter-core/meter_state.h"

enum mc_power {
    MC_POWER_GOOD = 0,
    MC_POWER_BATTERY = 1,       /* below the limit */
    MC_POWER_TEMPERATURE = 2,   /* outside the range */
};

/* May the valve move, other than to close? */
enum mc_power mc_valve_power(const struct mc_meter *m);

/* What the end switches say. */
gasm_ValveState mc_valve_state(const struct mc_meter *m);

/* Shut for certain: shut was ordered, the motor took the order, and the end switch says so. */
bool mc_valve_is_shut(const struct mc_meter *m);

/* Order it open or shut. The motor may still be moving: the order is then given again by
 * mc_valve_poll(). */
void mc_valve_want(struct mc_meter *m, bool open);

/* Give the order that the motor has not taken yet; drive a valve shut that is not; log a fault
 * once. */
void mc_valve_poll(struct mc_meter *m);

#endif
