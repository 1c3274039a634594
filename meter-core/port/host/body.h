/*
 * body.h - what is around the meter's electronics, simulated: the valve with its motor and end
 * switches, the pipe with gas in it, the battery. Runs on the port's monotonic clock.
 */
#ifndef GF_METER_BODY_H
#define GF_METER_BODY_H

#include <stdint.h>

#include "common/port.h"
#include "meter-core/meter.h"

#define GM_TRAVEL_MS 2000           /* of the valve, from one end to the other */

struct gm_body {                    /* private; the caller allocates */
    const struct gf_clock *clock;
    int64_t flow_l_per_h;
    uint32_t pulse_l;
    gasm_ValveState valve;          /* at `valve_ms`; while moving, where it goes is `open` */
    bool open;
    int64_t arrives_ms;             /* end of the travel */
    int64_t flowed_ms;              /* gas is counted up to here */
    int64_t flowed;                 /* beyond the last pulse, in litres per hour times ms */
};

/* The valve is shut, as without power it always is; a pulse is one litre. The clock is borrowed for
 * life. flow_l_per_h >= 0. */
void gm_body_init(struct gm_body *b, const struct gf_clock *clock, int64_t flow_l_per_h);

/* The measuring unit of the meter that was found in the NVM: litres in a pulse, above 0. */
void gm_body_set_pulse(struct gm_body *b, uint32_t pulse_l);

/* The ports of the meter that the body serves: valve, battery, temperature. */
void gm_body_ports(struct gm_body *b, struct mc_ports *ret);

/* Let it become now. Returns the pulses of gas since the last call. */
uint32_t gm_body_advance(struct gm_body *b);

/* ms until something happens: the end of a travel or a pulse; negative: nothing will. */
int gm_body_wait_ms(const struct gm_body *b);

#endif
