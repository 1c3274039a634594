/* clock.h - what the meter holds to be the time, and how far it may be trusted. Freestanding. */
#ifndef GF_METER_MC_CLOCK_H
#define GF_METER_MC_CLOCK_H

#include "meter-core/meter_state.h"

/* An RTC that is trimmed may step back so far; judged is at the floor all the same. */
#define MC_CLOCK_SLACK_S 60
#define MC_CLOCK_MAX_S 253402300799 /* 9999-12-31T23:59:59Z: set_clock beyond it is RANGE */

enum mc_clock_state {
    MC_CLOCK_NEVER_SET = 0, /* never commissioned either: times are not judged */
    MC_CLOCK_VALID = 1,
    MC_CLOCK_LOST = 2,      /* it was set, but the RTC has gone back since (it lost its supply) */
};

enum mc_clock_state mc_clock_state(const struct mc_meter *m);

/* The meter's time: UTC seconds when valid, the time floor when lost, 0 when it was never set. */
int64_t mc_clock_now_s(const struct mc_meter *m);

/* The time at which expiry is judged: the later of clock and floor. */
int64_t mc_clock_judge_s(const struct mc_meter *m);

/* Milliseconds of the timers. */
int64_t mc_mono_ms(const struct mc_meter *m);

#endif
