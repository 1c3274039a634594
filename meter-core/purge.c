/* purge.c - the purge grant; see purge.h. */
#include "meter-core/purge.h"

#include "meter-core/clock.h"
#include "meter-core/commands.h"
#include "meter-core/ticket.h"
#include "meter-core/valve.h"

#define RETRY_MS 1000           /* between attempts to journal an end */

static uint64_t flowed_l(const struct mc_core *core)
{
    return core->totals.purged_l - core->grant_from_l;
}

static uint32_t capped(uint64_t v)
{
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint32_t elapsed_s(const struct mc_meter *m)
{
    int64_t until_ms = m->purge.closing ? m->purge.ended_ms : mc_mono_ms(m);

    return m->purge.live ? capped((uint64_t)(until_ms - m->purge.began_ms) / 1000) : 0;
}

void mc_purge_show(const struct mc_meter *m, gasm_Purge *ret)
{
    bool open = m->core.grant_open != 0;

    *ret = (gasm_Purge)gasm_Purge_init_zero;
    ret->flowed_l = open ? capped(flowed_l(&m->core)) : m->core.purge_flowed_l;
    ret->elapsed_s = open ? elapsed_s(m) : m->core.purge_elapsed_s;
    ret->granted_l = m->core.grant_l;
    ret->granted_s = m->core.grant_s;
    ret->valve = mc_valve_state(m);
    if (!open)
        ret->end = (gasm_PurgeEnd)m->core.purge_end;
    else if (m->purge.closing)
        ret->end = m->purge.end;
}

void mc_purge_began(struct mc_meter *m)
{
    int64_t now_ms = mc_mono_ms(m);

    m->purge = (struct mc_purge){.live = true, .began_ms = now_ms, .alive_ms = now_ms};
    mc_valve_want(m, true);
}

void mc_purge_recover(struct mc_meter *m)
{
    m->purge = (struct mc_purge){.live = false};
    mc_purge_end(m, gasm_PurgeEnd_PURGE_RESET);
}

bool mc_purge_alive(struct mc_meter *m)
{
    if (m->core.grant_open == 0 || m->purge.closing)
        return false;
    m->purge.alive_ms = mc_mono_ms(m);
    return true;
}

void mc_purge_end(struct mc_meter *m, gasm_PurgeEnd why)
{
    if (m->core.grant_open == 0 || m->purge.closing)
        return;
    m->purge.closing = true;
    m->purge.end = why;
    m->purge.ended_ms = mc_mono_ms(m);
    m->purge.retry_ms = m->purge.ended_ms;
    mc_valve_want(m, false);
}

/* Which limit is reached, if one is. */
static gasm_PurgeEnd limit_reached(const struct mc_meter *m)
{
    const struct mc_core *core = &m->core;
    int64_t now_ms = mc_mono_ms(m);

    /* The next pulse must not go above the volume. */
    if (flowed_l(core) + core->pulse_l > core->grant_l)
        return gasm_PurgeEnd_PURGE_VOLUME;
    if (now_ms - m->purge.began_ms >= (int64_t)core->grant_s * 1000)
        return gasm_PurgeEnd_PURGE_TIME;
    if (now_ms - m->purge.alive_ms >= MC_PRESENCE_MS)
        return gasm_PurgeEnd_PURGE_PRESENCE;
    if (mc_valve_state(m) == gasm_ValveState_VALVE_FAULT || mc_valve_power(m) != MC_POWER_GOOD)
        return gasm_PurgeEnd_PURGE_FAULT;
    return gasm_PurgeEnd_PURGE_NOT_ENDED;
}

/* True when the end can be journalled: shut, or waited for long enough. */
static bool is_over(struct mc_meter *m)
{
    int64_t travel_ms = m->core.params[MC_PARAM_VALVE_TRAVEL - 1] * 1000;

    if (mc_valve_is_shut(m))
        return true;
    if (mc_mono_ms(m) - m->purge.ended_ms < travel_ms)
        return false;
    m->purge.end = gasm_PurgeEnd_PURGE_FAULT;
    return true;
}

/* What the end changes. */
static void describe_end(struct mc_meter *m, struct mc_tx *tx)
{
    struct mc_core *next = &tx->next;
    bool done =
        m->purge.end == gasm_PurgeEnd_PURGE_STOPPED || m->purge.end == gasm_PurgeEnd_PURGE_VOLUME;

    next->grant_open = 0;
    next->purge_end = (uint8_t)m->purge.end;
    next->purge_end_seq = m->core.receipt_seq + 1;
    next->purge_flowed_l = capped(flowed_l(next));
    next->purge_elapsed_s = elapsed_s(m);
    if (next->life == gasm_LifeState_KEYED && done && next->purge_flowed_l > 0)
        next->life = (uint8_t)gasm_LifeState_PURGED;
    tx->slot = mc_ticket_place(m, next->grant_serial, next->grant_scope);
    if (tx->slot >= 0) {
        tx->use = m->uses[tx->slot];
        tx->use.purged_l = capped((uint64_t)tx->use.purged_l + flowed_l(next));
    }
    mc_tx_event(m, tx, MC_EVENT_PURGE_ENDED, (int64_t)next->purge_flowed_l, (int64_t)m->purge.end);
}

/* Journal the end: by the purge_stop that decided it, or by the meter itself. */
static int write_end(struct mc_meter *m, struct gf_span *ret_answer)
{
    struct mc_op op = {.command = gasm_Command_PURGE_STOP,
                       .base_seq = m->core.receipt_seq,
                       .flowed_l = flowed_l(&m->core)};
    struct mc_tx tx;
    int rc = 0;

    mc_store_begin(m, &tx);
    describe_end(m, &tx);
    if (m->purge.stopping) {
        memcpy(op.op_id, m->purge.op_id, sizeof op.op_id);
        op.base_seq = m->purge.base_seq;
        op.content_hash = m->purge.content_hash;
        op.ticket_serial = m->core.grant_serial;
    } else {
        rc = mc_op_id_purge_end(m->ports.crypto, m->core.grant_op, op.op_id);
    }
    m->response = (gasm_Response)gasm_Response_init_zero;
    m->response.which_body = gasm_Response_purge_tag;
    mc_purge_show(m, &m->response.body.purge);
    if (rc == 0)
        rc = mc_store_operation(m, &tx, &op, ret_answer);
    gf_wipe(&tx, sizeof tx);
    return rc;
}

bool mc_purge_show_ending(struct mc_meter *m)
{
    int n = mc_store_sealed(m, m->core.purge_end_seq, m->response.receipt.bytes);

    if (n <= 0)
        return false;
    m->response.receipt.size = (pb_size_t)n;
    m->response.which_body = gasm_Response_purge_tag;
    mc_purge_show(m, &m->response.body.purge);
    return true;
}

/* The answer of a purge_stop that came when the meter had already decided the end. */
static bool answer_late_stop(struct mc_meter *m, struct gf_span *ret_answer)
{
    mc_command_respond(m, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    return mc_purge_show_ending(m) && mc_command_answer(m, ret_answer) == 1;
}

bool mc_purge_poll(struct mc_meter *m, struct gf_span *ret_answer)
{
    bool answering;

    if (m->core.grant_open == 0)
        return false;
    if (!m->purge.closing && limit_reached(m) != gasm_PurgeEnd_PURGE_NOT_ENDED)
        mc_purge_end(m, limit_reached(m));
    if (!m->purge.closing || mc_mono_ms(m) < m->purge.retry_ms || !is_over(m))
        return false;
    if (write_end(m, ret_answer) != 0) {
        m->purge.retry_ms = mc_mono_ms(m) + RETRY_MS;
        return false;
    }
    answering = m->purge.answering;
    m->purge.answering = false;
    return answering && (m->purge.stopping || answer_late_stop(m, ret_answer));
}
