/* params.h - the parameter table: every setting of a meter, its unit, range, default. Freestanding.
 *
 * Products of the list: the ids, the table, docs/meter-tables.md. Ids are never reused. Writing a
 * parameter never moves the valve.
 */
#ifndef GF_METER_PARAMS_H
#define GF_METER_PARAMS_H

#include <stddef.h>
#include <stdint.h>

/* X(name, id, text, unit, min, max, default, what it does). Ids count up from 1 without gaps:
 * append only. */
#define MC_PARAM_TABLE(X) \
    X(BATTERY_MIN, 1, "battery_min_mv", "mV", 2400, 3600, 2800, "below it the valve only closes") \
    X(TEMPERATURE_MIN, 2, "temperature_min_dc", "0.1 degC", -400, 100, -250, \
      "colder than this the valve only closes") \
    X(TEMPERATURE_MAX, 3, "temperature_max_dc", "0.1 degC", 300, 700, 550, \
      "hotter than this the valve only closes") \
    X(VALVE_TRAVEL, 4, "valve_travel_s", "s", 2, 60, 10, \
      "a valve that has not reported its end by then is faulty") \
    X(LEAK_FLOW, 5, "leak_flow_l_per_h", "l/h", 5, 200, 30, \
      "flow with no appliance expected: uncontrolled") \
    X(OVER_FLOW, 6, "over_flow_l_per_h", "l/h", 1000, 25000, 8000, \
      "more than this closes the valve") \
    X(CREDIT_LOW, 7, "credit_low_l", "l", 0, 100000, 5000, \
      "below this residual the customer is warned") \
    X(CREDIT_EMERGENCY, 8, "credit_emergency_l", "l", 0, 20000, 0, \
      "how far below zero the residual may go") \
    X(BALANCE_MAX, 9, "balance_max_l", "l", 1000, 100000000, 10000000, \
      "a token that would go above it is refused") \
    X(ARMING_TIME, 10, "arming_time_s", "s", 10, 300, 30, \
      "time for the press of the button after arming") \
    X(GAS_DAY_START, 11, "gas_day_start_min", "min", 0, 1439, 360, \
      "UTC minute at which a day of the history begins") \
    X(CLOSE_ON_TAMPER, 12, "close_on_tamper", "0/1", 0, 1, 1, "1: tampering closes the valve") \
    X(CONTINUOUS_TIME, 13, "continuous_flow_h", "h", 0, 240, 24, \
      "flow for so long without a pause of an hour is an event; 0: never") \
    X(CLOSE_ON_CONTINUOUS, 14, "close_on_continuous", "0/1", 0, 1, 0, \
      "1: flow without a pause closes the valve")

enum mc_param {
#define X(name, id, text, unit, min, max, def, what) MC_PARAM_##name = (id),
    MC_PARAM_TABLE(X)
#undef X
    MC_PARAM_END
};
#define MC_PARAM_COUNT ((size_t)MC_PARAM_END - 1)

struct mc_param_row {
    uint32_t id;
    int32_t min, max, def;
    const char *text, *unit, *what;
};

/* All rows in order of their ids; *ret_n is their number. */
const struct mc_param_row *mc_params(size_t *ret_n);

/* The row of an id; NULL when there is none. */
const struct mc_param_row *mc_param_row(uint32_t id);

#endif
