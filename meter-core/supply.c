/* supply.c - gas for the customer; see supply.h.
 *
 * Whether gas is let through stands in m->drive alone: the valve is wanted open, and by nobody but
 * the customer. So whoever orders it shut ends the supply, and nothing here can disagree.
 *
 * Limits that a parameter sets are judged when something happens at the meter (a pulse, a press,
 * the end of a travel), never because a parameter was written.
 */
#include "meter-core/supply.h"

#include "meter-core/clock.h"
#include "meter-core/valve.h"

#define HOUR_MS INT64_C(3600000)
#define TAMPER_LOG_MS 600000    /* between two events about one sense */
#define RETRY_MS 1000           /* between attempts to journal what is owed */
#define BUCKET_MS 10000         /* over-flow: so long at the limit, */
#define BUCKET_PULSES 2         /* ... and so many pulses, fill the bucket */
#define BATTERY_BACK_MV 100     /* above its limit the battery is good again, and may be low anew */
#define LOCK(name) (1u << gasm_Lock_LOCK_##name)

static bool is_on(const struct mc_meter *m)
{
    return m->drive.want_open && mc_valve_owner(m) == MC_OWNER_CUSTOMER;
}

/* Has a flow of leak_flow_l_per_h shown a pulse in this time? */
static bool is_leak_time(const struct mc_meter *m, int64_t ms)
{
    return ms * mc_setting(&m->core, MC_PARAM_LEAK_FLOW) >= (int64_t)m->core.pulse_l * HOUR_MS;
}

/* ---- what is told to the journal ---- */

/* Locks that are in force: those on flash, and those whose record could not be written yet. */
static uint32_t locks_of(const struct mc_meter *m, const struct mc_core *core)
{
    uint32_t locks = core->locks;

    for (size_t i = 0; i < m->supply.owed_n; i++)
        locks |= m->supply.owed[i].locks;
    return locks;
}

/* Owe the journal an event, and the locks that go with it: in force from now on. */
static void note(struct mc_meter *m, enum mc_event event, int64_t a, int64_t b, uint32_t locks)
{
    struct mc_supply *s = &m->supply;

    if (s->owed_n < MC_OWED)
        s->owed[s->owed_n++] = (struct mc_owed){.event = (uint16_t)event, .a = a, .b = b};
    s->owed[s->owed_n - 1].locks |= (uint8_t)locks;
}

/* Write all that is owed, in one record. */
static void settle(struct mc_meter *m)
{
    struct mc_supply *s = &m->supply;
    struct mc_tx tx;

    if (s->owed_n == 0 || (s->owed_late && mc_mono_ms(m) - s->owed_ms < RETRY_MS))
        return;
    mc_store_begin(m, &tx);
    tx.next.locks = (uint8_t)locks_of(m, &m->core);
    for (size_t i = 0; i < s->owed_n; i++)
        mc_tx_event(m, &tx, (enum mc_event)s->owed[i].event, s->owed[i].a, s->owed[i].b);
    s->owed_late = mc_store_change(m, &tx) != 0;
    s->owed_ms = mc_mono_ms(m);
    if (!s->owed_late)
        s->owed_n = 0;
    gf_wipe(&tx, sizeof tx);
}

uint32_t mc_supply_locks(const struct mc_meter *m)
{
    return locks_of(m, &m->core);
}

void mc_supply_note(struct mc_meter *m, enum mc_event event, int64_t a, int64_t b, uint32_t locks)
{
    note(m, event, a, b, locks);
    settle(m);
}

/* ---- arming ---- */

bool mc_supply_has_credit(const struct mc_core *core)
{
    return core->account_no != 0 && core->account_closed == 0 &&
           mc_residual_l(&core->totals) - (int64_t)core->pulse_l >=
               -mc_setting(core, MC_PARAM_CREDIT_EMERGENCY);
}

gasm_Refusal mc_supply_judge(const struct mc_meter *m, const struct mc_core *core)
{
    if (locks_of(m, core) != 0)
        return gasm_Refusal_LOCKED_OUT;
    if (core->life != gasm_LifeState_IN_SERVICE || is_on(m) || !mc_supply_has_credit(core) ||
        (m->supply.senses != 0 && mc_setting(core, MC_PARAM_CLOSE_ON_TAMPER) != 0))
        return gasm_Refusal_STATE;
    return gasm_Refusal_OK;
}

void mc_supply_arm(struct mc_meter *m)
{
    struct mc_supply *s = &m->supply;

    if (mc_supply_judge(m, &m->core) != gasm_Refusal_OK)
        return;
    s->armed = true;
    s->armed_until_ms = mc_mono_ms(m) + mc_setting(&m->core, MC_PARAM_ARMING_TIME) * 1000;
}

void mc_supply_stop(struct mc_meter *m)
{
    m->supply.armed = false;
    m->supply.watching = false;
    if (mc_valve_owner(m) != MC_OWNER_GRANT)
        mc_valve_want(m, false);
}

static bool may_open(const struct mc_meter *m)
{
    return m->usable && m->supply.armed && !m->later.waiting && m->supply.owed_n == 0 &&
           mc_supply_judge(m, &m->core) == gasm_Refusal_OK &&
           mc_valve_owner(m) == MC_OWNER_CUSTOMER && mc_valve_is_shut(m) &&
           mc_valve_power(m) == MC_POWER_GOOD;
}

void mc_meter_button(struct mc_meter *m)
{
    struct mc_supply *s = &m->supply;
    int64_t now_ms = mc_mono_ms(m);

    mc_supply_poll(m);
    /* What cannot be written does not happen. */
    if (!may_open(m) || mc_store_event(m, MC_EVENT_VALVE_OPENED, mc_residual_l(&m->core.totals),
                                       (int64_t)m->core.totals.index_l) != 0)
        return;
    s->armed = false;
    s->opened = false;
    s->open_by_ms = now_ms + mc_setting(&m->core, MC_PARAM_VALVE_TRAVEL) * 1000;
    s->watching = true;
    s->watch_pulse = false;
    s->watch_ms = now_ms;
    s->flowed = false;
    s->steady_logged = false;
    s->bucket = 0;
    s->bucket_ms = now_ms;
    mc_valve_want(m, true);
}

/* ---- what flows ---- */

/* Events for the marks that the residual crossed on its way down by flowed_l. */
static void note_credit(struct mc_meter *m, int64_t flowed_l)
{
    int64_t residual_l = mc_residual_l(&m->core.totals), before_l = residual_l + flowed_l;
    int64_t low_l = mc_setting(&m->core, MC_PARAM_CREDIT_LOW);
    int64_t emergency_l = mc_setting(&m->core, MC_PARAM_CREDIT_EMERGENCY);

    if (before_l >= low_l && residual_l < low_l)
        note(m, MC_EVENT_CREDIT_LOW, residual_l, low_l, 0);
    if (before_l >= 0 && residual_l < 0 && emergency_l > 0)
        note(m, MC_EVENT_CREDIT_EMERGENCY, residual_l, emergency_l, 0);
}

/* Two pulses since the opening, too near to each other? */
static bool is_uncontrolled(struct mc_meter *m, uint32_t n, int64_t now_ms)
{
    struct mc_supply *s = &m->supply;
    int64_t apart_ms = n > 1 ? 0 : now_ms - s->pulse_ms;

    if (!s->watching)
        return false;
    if ((n > 1 || s->flowed) && !is_leak_time(m, apart_ms)) {
        note(m, MC_EVENT_UNCONTROLLED_FLOW, apart_ms, mc_setting(&m->core, MC_PARAM_LEAK_FLOW),
             LOCK(LEAK));
        return true;
    }
    if (s->opened && !s->watch_pulse) {
        s->watch_pulse = true;
        s->watch_ms = now_ms;
    }
    return false;
}

static bool is_over_flow(struct mc_meter *m, int64_t flowed_l, int64_t now_ms)
{
    struct mc_supply *s = &m->supply;
    int64_t limit = mc_setting(&m->core, MC_PARAM_OVER_FLOW);

    s->bucket -= (now_ms - s->bucket_ms) * limit;
    if (s->bucket < 0)
        s->bucket = 0;
    s->bucket_ms = now_ms;
    s->bucket += flowed_l * HOUR_MS;
    if (s->bucket <= limit * BUCKET_MS + BUCKET_PULSES * (int64_t)m->core.pulse_l * HOUR_MS)
        return false;
    note(m, MC_EVENT_OVER_FLOW, (int64_t)m->core.totals.index_l, limit, LOCK(LEAK));
    return true;
}

/* Has it flowed without a pause for too long, and does that close? */
static bool is_continuous(struct mc_meter *m, int64_t now_ms)
{
    struct mc_supply *s = &m->supply;
    int64_t pause_ms = now_ms - s->pulse_ms;
    int64_t hours = mc_setting(&m->core, MC_PARAM_CONTINUOUS_TIME);

    if (!s->flowed || (pause_ms >= HOUR_MS && is_leak_time(m, pause_ms))) {
        s->steady_ms = now_ms;
        s->steady_logged = false;
    }
    if (hours == 0 || now_ms - s->steady_ms < hours * HOUR_MS)
        return false;
    if (!s->steady_logged)
        note(m, MC_EVENT_CONTINUOUS_FLOW, (now_ms - s->steady_ms) / HOUR_MS,
             (int64_t)m->core.totals.index_l, 0);
    s->steady_logged = true;
    return mc_setting(&m->core, MC_PARAM_CLOSE_ON_CONTINUOUS) != 0;
}

static bool is_used_up(struct mc_meter *m)
{
    if (mc_supply_has_credit(&m->core))
        return false;
    note(m, MC_EVENT_CREDIT_OUT, mc_residual_l(&m->core.totals),
         mc_setting(&m->core, MC_PARAM_CREDIT_EMERGENCY), 0);
    return true;
}

void mc_supply_pulse(struct mc_meter *m, uint32_t n)
{
    struct mc_supply *s = &m->supply;
    int64_t now_ms = mc_mono_ms(m), flowed_l = (int64_t)n * m->core.pulse_l;

    if (m->core.life != gasm_LifeState_IN_SERVICE || n == 0)
        return;
    note_credit(m, flowed_l);
    if (is_on(m) && (is_uncontrolled(m, n, now_ms) || is_over_flow(m, flowed_l, now_ms) ||
                     is_continuous(m, now_ms) || is_used_up(m)))
        mc_supply_stop(m);
    s->flowed = true;
    s->pulse_ms = now_ms;
    settle(m);
}

/* ---- senses, time ---- */

void mc_meter_sense(struct mc_meter *m, enum mc_sense sense, bool on)
{
    struct mc_supply *s = &m->supply;
    uint8_t bit = (uint8_t)(1u << sense);
    bool was = (s->senses & bit) != 0;
    int64_t now_ms = mc_mono_ms(m);
    bool shuts = m->core.life == gasm_LifeState_IN_SERVICE &&
                 mc_setting(&m->core, MC_PARAM_CLOSE_ON_TAMPER) != 0;

    s->senses = (uint8_t)(on ? s->senses | bit : s->senses & ~bit);
    if (!m->usable || !on || was)
        return;
    if (shuts)
        mc_supply_stop(m);
    if ((s->tampered & bit) != 0 && now_ms - s->tamper_ms[sense] < TAMPER_LOG_MS &&
        (!shuts || (locks_of(m, &m->core) & LOCK(TAMPER)) != 0))
        return;
    s->tampered |= bit;
    s->tamper_ms[sense] = now_ms;
    mc_supply_note(m, MC_EVENT_TAMPER, (int64_t)sense, shuts, shuts ? LOCK(TAMPER) : 0);
}

/* An open valve has to report so in its travel time, and for as long as it is open. */
static void check_open(struct mc_meter *m, int64_t now_ms)
{
    struct mc_supply *s = &m->supply;
    gasm_ValveState state = mc_valve_state(m);

    if (!s->opened && state == gasm_ValveState_VALVE_OPEN) {
        s->opened = true;
        s->watch_ms = now_ms;
    }
    if (s->opened ? state == gasm_ValveState_VALVE_OPEN
                  : state != gasm_ValveState_VALVE_FAULT && now_ms < s->open_by_ms)
        return;
    mc_supply_stop(m);
    note(m, MC_EVENT_VALVE_FAULT, (int64_t)state, (int64_t)m->core.totals.index_l, LOCK(VALVE));
}

static void check_battery(struct mc_meter *m)
{
    int64_t mv = m->ports.supply_mv(m->ports.supply_ctx);
    int64_t limit = mc_setting(&m->core, MC_PARAM_BATTERY_MIN);
    bool low = mv < limit + (m->supply.battery_low ? BATTERY_BACK_MV : 0);

    if (low && !m->supply.battery_low)
        note(m, MC_EVENT_BATTERY_LOW, mv, limit, 0);
    m->supply.battery_low = low;
}

void mc_supply_poll(struct mc_meter *m)
{
    struct mc_supply *s = &m->supply;
    int64_t now_ms = mc_mono_ms(m);

    if (s->armed && now_ms >= s->armed_until_ms)
        s->armed = false;
    if (is_on(m))
        check_open(m, now_ms);
    if (s->watching && s->opened && is_leak_time(m, now_ms - s->watch_ms))
        s->watching = false;
    check_battery(m);
    settle(m);
}

/* ---- showing ---- */

static uint32_t seconds(int64_t ms)
{
    return ms <= 0 ? 0 : (uint32_t)((ms + 999) / 1000);
}

/* What is left of the leak watch, in ms. */
static int64_t watch_left_ms(const struct mc_meter *m)
{
    int64_t leak = mc_setting(&m->core, MC_PARAM_LEAK_FLOW), whole_ms;

    if (!m->supply.watching)
        return 0;
    whole_ms = ((int64_t)m->core.pulse_l * HOUR_MS + leak - 1) / leak;
    return m->supply.opened ? whole_ms - (mc_mono_ms(m) - m->supply.watch_ms) : whole_ms;
}

void mc_meter_supply(const struct mc_meter *m, gasm_Supply *ret)
{
    *ret = (gasm_Supply)gasm_Supply_init_zero;
    ret->valve = mc_valve_state(m);
    ret->locks = mc_supply_locks(m);
    ret->residual_l = mc_residual_l(&m->core.totals);
    if (m->supply.armed)
        ret->armed_s = seconds(m->supply.armed_until_ms - mc_mono_ms(m));
    ret->watch_s = seconds(watch_left_ms(m));
}
