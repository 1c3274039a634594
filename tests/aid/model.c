/* model.c - the reference model of a meter; see model.h. */
#include "tests/aid/model.h"

#define PRESENCE_MS 5000
#define SILENCE_MS 30000
#define SETTLE_MS 2000
#define HOUR_MS 3600000
#define LOCK(name) (1u << gasm_Lock_LOCK_##name)
#define IN_SERVICE(m) ((m)->life == gasm_LifeState_IN_SERVICE)

int64_t aid_model_param_of(const struct aid_model *m, enum mc_param id)
{
    return m->params[id - 1];
}

/* ---- the grant ---- */

static void end_grant(struct aid_model *m, gasm_PurgeEnd why)
{
    if (!m->grant || m->closing)
        return;
    m->closing = true;
    m->end = why;
    m->ended_ms = m->now_ms;
}

static void check_grant(struct aid_model *m)
{
    uint64_t flowed_l = m->t.purged_l - m->from_l;

    if (!m->grant)
        return;
    if (flowed_l + 1 > m->grant_l)
        end_grant(m, gasm_PurgeEnd_PURGE_VOLUME);
    if (m->now_ms - m->began_ms >= (int64_t)m->grant_s * 1000)
        end_grant(m, gasm_PurgeEnd_PURGE_TIME);
    if (m->now_ms - m->alive_ms >= PRESENCE_MS)
        end_grant(m, gasm_PurgeEnd_PURGE_PRESENCE);
    if (m->power != POWER_GOOD)
        end_grant(m, gasm_PurgeEnd_PURGE_FAULT);
    if (!m->closing)
        return;
    if (m->valve != gasm_ValveState_VALVE_SHUT) {
        if (m->now_ms - m->ended_ms < aid_model_param_of(m, MC_PARAM_VALVE_TRAVEL) * 1000)
            return;
        m->end = gasm_PurgeEnd_PURGE_FAULT;     /* it never reported shut */
    }
    m->grant = m->closing = false;
    m->ending = ++m->receipts;
    if (m->grant_serial == m->ticket.serial)
        m->purged_l += (uint32_t)flowed_l;
    if (m->life == gasm_LifeState_KEYED && flowed_l > 0 &&
        (m->end == gasm_PurgeEnd_PURGE_STOPPED || m->end == gasm_PurgeEnd_PURGE_VOLUME))
        m->life = gasm_LifeState_PURGED;
}

bool aid_model_stop(struct aid_model *m)
{
    bool there = m->grant;

    end_grant(m, gasm_PurgeEnd_PURGE_STOPPED);
    return there;
}

/* ---- the supply ---- */

static bool has_credit(const struct aid_model *m)
{
    return m->account_no != 0 && !m->closed &&
           m->residual_l - 1 >= -aid_model_param_of(m, MC_PARAM_CREDIT_EMERGENCY);
}

bool aid_model_may_arm(const struct aid_model *m)
{
    return m->locks == 0 && IN_SERVICE(m) && !m->on && has_credit(m) &&
           (m->senses == 0 || aid_model_param_of(m, MC_PARAM_CLOSE_ON_TAMPER) == 0);
}

void aid_model_stop_supply(struct aid_model *m)
{
    m->armed = m->on = m->watching = false;
}

/* Would a leak of the limit have shown a pulse in this time? */
static bool is_leak_time(const struct aid_model *m, int64_t ms)
{
    return ms * aid_model_param_of(m, MC_PARAM_LEAK_FLOW) >= HOUR_MS;
}

static void check_supply(struct aid_model *m)
{
    if (m->armed && m->now_ms >= m->armed_until_ms)
        m->armed = false;
    if (m->on && !m->opened && m->valve == gasm_ValveState_VALVE_OPEN) {
        m->opened = true;
        m->watch_ms = m->now_ms;
    }
    if (m->on && !m->opened && m->now_ms >= m->open_by_ms) {
        m->locks |= LOCK(VALVE);
        aid_model_stop_supply(m);
    }
    if (m->watching && m->opened && is_leak_time(m, m->now_ms - m->watch_ms))
        m->watching = false;
    if (m->on || m->grant || m->valve != gasm_ValveState_VALVE_SHUT) {
        m->resting = m->resting && m->grant;
    } else if (!m->resting) {
        m->resting = true;
        m->shut_ms = m->now_ms;
    }
}

bool aid_model_button(struct aid_model *m)
{
    if (!m->armed || !aid_model_may_arm(m) || m->power != POWER_GOOD ||
        m->valve != gasm_ValveState_VALVE_SHUT)
        return false;
    m->armed = m->opened = m->watch_pulse = m->flowed = m->resting = false;
    m->on = m->watching = true;
    m->watch_ms = m->bucket_ms = m->now_ms;
    m->bucket = 0;
    m->open_by_ms = m->now_ms + aid_model_param_of(m, MC_PARAM_VALVE_TRAVEL) * 1000;
    m->openings++;
    return true;
}

static bool is_leak(struct aid_model *m, uint32_t n)
{
    if (!m->watching)
        return false;
    if (n > 1 || (m->flowed && !is_leak_time(m, m->now_ms - m->pulse_ms)))
        return true;
    if (m->opened && !m->watch_pulse) {
        m->watch_pulse = true;
        m->watch_ms = m->now_ms;
    }
    return false;
}

static bool is_too_much(struct aid_model *m, uint32_t n)
{
    const int64_t limit = aid_model_param_of(m, MC_PARAM_OVER_FLOW);

    m->bucket -= (m->now_ms - m->bucket_ms) * limit;
    m->bucket = (m->bucket > 0 ? m->bucket : 0) + (int64_t)n * HOUR_MS;
    m->bucket_ms = m->now_ms;
    return m->bucket > limit * 10000 + 2 * HOUR_MS;
}

static void supply_pulse(struct aid_model *m, uint32_t n)
{
    if (m->on) {
        bool leaks = is_leak(m, n) || is_too_much(m, n);

        if (leaks)
            m->locks |= LOCK(LEAK);
        if (leaks || !has_credit(m))
            aid_model_stop_supply(m);
    }
    m->flowed = true;
    m->pulse_ms = m->now_ms;
}

/* A valve that is to be shut and does not come is ordered again and again, and locked once. */
static void check_shut(struct aid_model *m)
{
    const bool wanted = m->on || (m->grant && !m->closing);

    if (wanted || m->valve == gasm_ValveState_VALVE_SHUT) {
        m->ordered = false;
        m->fault_logged = m->fault_logged && wanted;
        return;
    }
    if (m->ordered ? m->now_ms - m->order_ms < m->travel_ms
                   : m->valve == gasm_ValveState_VALVE_MOVING)
        return;
    if (m->ordered && !m->fault_logged) {
        m->fault_logged = true;
        m->locks |= LOCK(VALVE);
    }
    m->ordered = true;
    m->order_ms = m->now_ms;
    m->travel_ms = aid_model_param_of(m, MC_PARAM_VALVE_TRAVEL) * 1000;
}

/* ---- what happens ---- */

void aid_model_tick(struct aid_model *m, int64_t now_ms, gasm_ValveState valve)
{
    m->now_ms = now_ms;
    m->valve = valve;
    check_supply(m);
    check_grant(m);
    if (m->session && m->silence_counts && now_ms - m->active_ms >= SILENCE_MS)
        aid_model_end_session(m);
    check_grant(m);
    check_supply(m);
    check_shut(m);
}

void aid_model_pulse(struct aid_model *m, uint32_t n)
{
    const bool bills = !m->grant && !m->closed, was_on = m->on;

    m->t.index_l += n;
    if (m->grant)
        m->t.purged_l += n;
    if (m->closed)
        m->t.after_closing_l += n;
    m->residual_l -= bills ? n : 0;
    m->consumed_l += bills ? n : 0;
    if (IN_SERVICE(m))
        supply_pulse(m, n);
    if (!m->grant && !was_on && m->resting && m->now_ms - m->shut_ms >= SETTLE_MS)
        m->locks |= LOCK(VALVE);        /* gas through a valve that is shut */
    check_grant(m);
}

void aid_model_sense(struct aid_model *m, unsigned sense, bool on)
{
    const unsigned was = m->senses;

    m->senses = on ? was | 1u << sense : was & ~(1u << sense);
    if (!on || (was >> sense & 1) != 0 || !IN_SERVICE(m) ||
        aid_model_param_of(m, MC_PARAM_CLOSE_ON_TAMPER) == 0)
        return;
    aid_model_stop_supply(m);
    m->locks |= LOCK(TAMPER);
}

void aid_model_end_session(struct aid_model *m)
{
    m->session = m->counted = false;
    end_grant(m, gasm_PurgeEnd_PURGE_LINK);
}

bool aid_model_restart(struct aid_model *m, uint64_t index_l)
{
    const uint64_t lost_l = m->t.index_l - index_l;

    if (index_l > m->t.index_l || lost_l >= 10 || (m->grant && lost_l != 0))
        return false;
    m->t.index_l = index_l;
    if (m->closed) {
        m->t.after_closing_l -= lost_l;
    } else {
        m->residual_l += (int64_t)lost_l;
        m->consumed_l -= lost_l;
    }
    m->closing = false;
    end_grant(m, gasm_PurgeEnd_PURGE_RESET);
    aid_model_stop_supply(m);
    m->flowed = m->resting = m->ordered = m->fault_logged = false;
    m->senses = 0;
    m->session = m->counted = false;
    m->typed_from_ms = m->now_ms;
    return true;
}

void aid_model_session(struct aid_model *m, const gasm_Ticket *ticket)
{
    aid_model_end_session(m);
    m->session = true;
    m->ticket = *ticket;
    m->uses = m->purged_l = 0;
    m->active_ms = m->now_ms;
}

/* ---- the table ---- */

struct aid_situation aid_model_situation(const struct aid_model *m)
{
    struct aid_situation s = {.life = m->life,
                              .denied = ~m->ticket.rights,
                              .factory = m->ticket.epoch == 0,
                              .clock = m->clock,
                              .power = m->power,
                              .no_settings = !m->settings};

    if (m->account_no == 0)
        s.account = ACCOUNT_NONE;
    else if (m->closed)
        s.account = ACCOUNT_CLOSED;
    if (m->grant)
        s.valve = VALVE_GRANT;
    else if (m->valve == gasm_ValveState_VALVE_MOVING)
        s.valve = VALVE_MOVING;
    else if (m->on || m->valve != gasm_ValveState_VALVE_SHUT)
        s.valve = VALVE_OPEN;
    if (m->counted)
        s.uses = USES_COUNTED;
    else if (m->uses >= m->ticket.use_count)
        s.uses = USES_NONE;
    return s;
}

struct aid_words aid_model_table(const struct aid_model *m, gasm_Command command)
{
    const struct aid_situation s = aid_model_situation(m);
    size_t n;

    return aid_rule_judge(&aid_rules(&n)[command - 1], &s);
}

bool aid_model_remembers(const struct aid_model *m, uint64_t receipt)
{
    return receipt != 0 && receipt + AID_MODEL_KEPT > m->receipts;
}
