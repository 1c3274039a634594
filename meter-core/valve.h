/* valve.h - driving the valve, and what forbids it. Freestanding.
 *
 * The valve may be held open by one owner, and the life state says which: a purge grant before the
 * meter is in service (purge.c), the customer's supply in service (supply.c). Without an owner it
 * is driven shut, whatever was ordered before.
 */
#ifndef GF_METER_VALVE_H
#define GF_METER_VALVE_H

#include "meter-core/events.h"
#include "meter-core/meter_state.h"

enum mc_power {
    MC_POWER_GOOD = 0,
    MC_POWER_BATTERY = 1,       /* below the limit */
    MC_POWER_TEMPERATURE = 2,   /* outside the range */
};

enum mc_owner {
    MC_OWNER_NOBODY = 0,
    MC_OWNER_GRANT = 1,         /* a purge grant that is alive */
    MC_OWNER_CUSTOMER = 2,      /* IN_SERVICE, no grant */
};

#define MC_SETTLE_MS 2000       /* after the valve reported shut: the last pulse has come by then */

/* The value of a parameter. */
int64_t mc_setting(const struct mc_core *core, enum mc_param id);

/* May the valve move, other than to close? */
enum mc_power mc_valve_power(const struct mc_meter *m);

/* Who may hold it open now. */
enum mc_owner mc_valve_owner(const struct mc_meter *m);

/* What the end switches say. */
gasm_ValveState mc_valve_state(const struct mc_meter *m);

/* Shut for certain: shut was ordered, the motor took the order, and the end switch says so. */
bool mc_valve_is_shut(const struct mc_meter *m);

/* The same, and no pulse of what flowed before can come any more. */
bool mc_valve_is_at_rest(const struct mc_meter *m);

/* True when the end switches do not say yet what was ordered. */
bool mc_valve_is_moving(const struct mc_meter *m);

/* Order it open or shut; open only when it has an owner, else shut. The motor may still be moving:
 * the order is then given again by mc_valve_poll(). */
void mc_valve_want(struct mc_meter *m, bool open);

/* Give the order that the motor has not taken yet; drive a valve shut that is not, or that has no
 * owner; log a fault once. A fault locks the valve. */
void mc_valve_poll(struct mc_meter *m);

#endif
