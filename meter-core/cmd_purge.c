/* cmd_purge.c - purge_start, purge_keepalive, purge_stop; see commands.h and purge.h. */
#include "meter-core/clock.h"
#include "meter-core/commands.h"
#include "meter-core/purge.h"
#include "meter-core/ticket.h"

static int out_of_range(struct mc_meter *m, uint32_t field)
{
    m->response.place = field;
    return gasm_Refusal_RANGE;
}

int mc_cmd_purge_start(struct mc_meter *m, struct mc_tx *tx)
{
    const gasm_PurgeStart *want = &m->request.body.purge_start;
    struct mc_core *next = &tx->next;
    uint32_t pulses = want->volume_l / next->pulse_l;
    int rc;

    if (pulses < 1 || pulses > MC_GRANT_PULSES_MAX || want->volume_l > mc_ticket_purge_left_l(m))
        return out_of_range(m, gasm_PurgeStart_volume_l_tag);
    if (want->limit_s < 1 || want->limit_s > m->ticket.purge_grant_s)
        return out_of_range(m, gasm_PurgeStart_limit_s_tag);
    /* Every pulse of the grant, its start and its end, without an erase. */
    rc = mc_store_room(m, pulses * mc_journal_cost(16) + 2 * mc_journal_cost(MC_REC_MAX));
    if (rc != 0) {
        m->link.leave = rc == GF_E_NOT_NOW;
        return (int)mc_command_store_refusal(rc);
    }
    next->grant_open = 1;
    memcpy(next->grant_op, m->request.op_id.bytes, sizeof next->grant_op);
    next->grant_l = want->volume_l;
    next->grant_s = want->limit_s;
    next->grant_from_l = next->totals.purged_l;
    next->grant_serial = m->ticket.serial;
    next->grant_scope = mc_ticket_scope(&m->ticket);
    mc_tx_event(m, tx, MC_EVENT_PURGE_STARTED, want->volume_l, want->limit_s);
    m->response.which_body = gasm_Response_purge_tag;
    m->response.body.purge = (gasm_Purge){.granted_l = want->volume_l,
                                          .granted_s = want->limit_s,
                                          .valve = gasm_ValveState_VALVE_MOVING};
    return gasm_Refusal_OK;
}

int mc_cmd_purge_keepalive(struct mc_meter *m, struct mc_tx *tx)
{
    bool alive = mc_purge_alive(m);

    (void)tx;
    m->response.which_body = gasm_Response_purge_tag;
    mc_purge_show(m, &m->response.body.purge);
    return alive ? gasm_Refusal_OK : gasm_Refusal_STATE;
}

int mc_cmd_purge_stop(struct mc_meter *m, struct mc_tx *tx)
{
    struct mc_purge *p = &m->purge;

    (void)tx;
    if (m->core.grant_open == 0)
        return mc_purge_show_ending(m) ? MC_ANSWERED : gasm_Refusal_STATE;
    if (!p->closing) {
        mc_purge_end(m, gasm_PurgeEnd_PURGE_STOPPED);
        p->stopping = true;
        memcpy(p->op_id, m->request.op_id.bytes, sizeof p->op_id);
        memcpy(p->content_hash, m->content_hash, sizeof p->content_hash);
        p->base_seq = m->request.base_receipt_seq;
    }
    p->answering = true;
    return MC_LATER;
}
