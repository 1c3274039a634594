/*
 * body.h - what is around the meter's electronics, simulated: the valve with its motor and end
 * switches, the pipe with gas in it, the battery, the real-time clock, and what can be done to all
 * of them by hand. Runs on the port's monotonic clock.
 */
#ifndef GF_METER_BODY_H
#define GF_METER_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/port.h"
#include "meter-core/meter.h"

#define GM_TRAVEL_MS 2000           /* of the valve, from one end to the other */
#define GM_FLOW_MAX 1000000         /* l/h */

struct gm_body {                    /* private; the caller allocates, and does not move it */
    const struct gf_clock *clock;
    struct gf_clock rtc;            /* what the meter takes for the time: ctx is this body */
    bool rtc_stopped;
    int64_t rtc_ms;                 /* stopped: what it shows; running: how far it is off */
    int64_t flow_l_per_h;           /* that the appliances take */
    bool leaks;                     /* gas flows through a shut valve too */
    uint32_t pulse_l;
    gasm_ValveState valve;          /* at `flowed_ms` */
    bool open;                      /* the last order */
    bool stuck;
    int64_t arrives_ms;             /* end of the travel */
    int64_t flowed_ms;              /* gas is counted up to here */
    int64_t flowed;                 /* beyond the last pulse, in litres per hour times ms */
    unsigned senses;                /* bits of mc_sense that are on */
    uint16_t supply_mv;
    int16_t temperature_dc;
};

/* The valve is shut, as without power it always is; a pulse is one litre; battery full, 20 degrees,
 * nothing wrong. The clock is borrowed for life. flow_l_per_h 0..GM_FLOW_MAX. */
void gm_body_init(struct gm_body *b, const struct gf_clock *clock, int64_t flow_l_per_h);

/* The measuring unit of the meter that was found in the NVM: litres in a pulse, above 0. */
void gm_body_set_pulse(struct gm_body *b, uint32_t pulse_l);

/* The ports of the meter that the body serves: clock, valve, battery, temperature. */
void gm_body_ports(struct gm_body *b, struct mc_ports *ret);

/* Let it become now. Returns the pulses of gas since the last call. */
uint32_t gm_body_advance(struct gm_body *b);

/* ms until something happens: the end of a travel or a pulse; negative: nothing will. */
int gm_body_wait_ms(const struct gm_body *b);

/* ---- by hand; from now on ---- */

/* What the appliances take. Gas that flows backwards (MC_SENSE_REVERSE) is not counted. */
void gm_body_set_flow(struct gm_body *b, int64_t l_per_h);
void gm_body_set_leak(struct gm_body *b, bool leaks);

/* The body remembers; the caller tells the meter (mc_meter_sense()). */
void gm_body_set_sense(struct gm_body *b, enum mc_sense sense, bool on);
bool gm_body_sense(const struct gm_body *b, enum mc_sense sense);

/* A stuck valve stays where it is, even amid a travel; its motor takes orders all the same. Freed
 * amid a travel, it makes a whole one. */
void gm_body_set_stuck(struct gm_body *b, bool stuck);

/* What flows through the meter now, in l/h; 0 amid a travel. */
int64_t gm_body_flow(const struct gm_body *b);

/* The real-time clock: run on from this UTC ms, or stop as it is. gm_body_rtc_ms() is what it
 * shows. */
void gm_body_set_rtc(struct gm_body *b, int64_t utc_ms);
void gm_body_stop_rtc(struct gm_body *b);
int64_t gm_body_rtc_ms(const struct gm_body *b);

#endif
