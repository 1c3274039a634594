/* clock.c - what the meter holds to be the time; see clock.h. */
#include "meter-core/clock.h"

static int64_t computed_s(const struct mc_meter *m)
{
    const struct gf_clock *rtc = m->ports.clock;

    return (rtc->utc_ms(rtc->ctx) + m->core.clock_offset_ms) / 1000;
}

enum mc_clock_state mc_clock_state(const struct mc_meter *m)
{
    if (m->core.clock_was_set == 0)
        return MC_CLOCK_NEVER_SET;
    return computed_s(m) < m->core.floor_s - MC_CLOCK_SLACK_S ? MC_CLOCK_LOST : MC_CLOCK_VALID;
}

int64_t mc_clock_now_s(const struct mc_meter *m)
{
    enum mc_clock_state state = mc_clock_state(m);

    if (state == MC_CLOCK_VALID)
        return computed_s(m);
    return state == MC_CLOCK_LOST ? m->core.floor_s : 0;
}

int64_t mc_clock_judge_s(const struct mc_meter *m)
{
    int64_t now_s = mc_clock_now_s(m);

    return now_s > m->core.floor_s ? now_s : m->core.floor_s;
}

int64_t mc_mono_ms(const struct mc_meter *m)
{
    return m->ports.clock->mono_ms(m->ports.clock->ctx);
}
