/* history.c - gas days and months; see history.h. */
#include "meter-core/history.h"

#include "meter-core/clock.h"

#define DAY_S 86400
#define FLOOR_STEP_S DAY_S          /* a time floor at least this often */
#define JUMP_MS 3600000             /* an RTC that is so far ahead of the timers ... */
#define BELIEVED_MS 60000           /* ... is believed after so long */

uint32_t mc_gas_day(int64_t utc_s, int64_t start_min)
{
    int64_t shifted_s = utc_s - start_min * 60;

    return shifted_s < 0 ? 0 : (uint32_t)(shifted_s / DAY_S);
}

/* Civil from days, with the year beginning in March so that the leap day is its last. */
uint32_t mc_gas_month(uint32_t day)
{
    uint32_t days = day + 719468u;          /* since 0000-03-01 */
    uint32_t era = days / 146097u, of_era = days % 146097u;
    uint32_t year = (of_era - of_era / 1460u + of_era / 36524u - of_era / 146096u) / 365u;
    uint32_t of_year = of_era - (365u * year + year / 4u - year / 100u);
    uint32_t month = (5u * of_year + 2u) / 153u;        /* 0 is March */

    return (era * 400u + year) * 12u + month + 2u - 1970u * 12u;
}

/* Has the RTC kept pace with the timers, or been where it is for long enough? */
static bool is_believed(struct mc_meter *m)
{
    struct mc_watch *w = &m->watch;
    const struct gf_clock *rtc = m->ports.clock;
    int64_t utc_ms = rtc->utc_ms(rtc->ctx), now_ms = mc_mono_ms(m);
    int64_t ahead_ms = (utc_ms - w->utc_ms) - (now_ms - w->mono_ms);

    if (w->begun && ahead_ms >= JUMP_MS) {
        if (!w->doubted)
            w->doubted_ms = now_ms;
        w->doubted = true;
        if (now_ms - w->doubted_ms < BELIEVED_MS)
            return false;
    }
    *w = (struct mc_watch){.begun = true, .utc_ms = utc_ms, .mono_ms = now_ms};
    return true;
}

void mc_history_poll(struct mc_meter *m)
{
    const struct mc_core *core = &m->core;
    int64_t now_s = mc_clock_now_s(m);
    struct mc_tx tx;
    uint32_t day, month;

    if (!is_believed(m) || mc_clock_state(m) != MC_CLOCK_VALID)
        return;
    /* Kept one higher than they are, so that zero stands for "not known yet". */
    day = mc_gas_day(now_s, core->params[MC_PARAM_GAS_DAY_START - 1]) + 1;
    month = mc_gas_month(day - 1) + 1;
    if (day <= core->day && now_s < core->floor_s + FLOOR_STEP_S)
        return;
    mc_store_begin(m, &tx);
    if (now_s > core->floor_s)
        tx.next.floor_s = now_s;
    if (core->day != 0 && day > core->day)
        mc_tx_period(&tx, MC_LOG_DAYS, core->day - 1);
    if (core->month != 0 && month > core->month)
        mc_tx_period(&tx, MC_LOG_MONTHS, core->month - 1);
    tx.next.day = day > core->day ? day : core->day;
    tx.next.month = month > core->month ? month : core->month;
    (void)mc_store_change(m, &tx);          /* tried again at the next tick */
    gf_wipe(&tx, sizeof tx);
}
