/* cmd_key.c - install_key, and the activation of the key that it brought; see commands.h. */
#include "meter-core/clock.h"
#include "meter-core/commands.h"
#include "meter-core/pb.h"

/* Open the envelope of the request. OK, or why not. */
static gasm_Refusal open_envelope(struct mc_meter *m, uint32_t *ret_epoch,
                                  uint8_t ret_key[static MC_KEY_LEN])
{
    struct gf_span bytes = {m->request.body.install_key.envelope.bytes,
                            m->request.body.install_key.envelope.size};
    struct mc_wrap wrap = {.wrap_root = m->core.factory_key};
    gasm_KeyEnvelope shown = gasm_KeyEnvelope_init_zero;
    char meter_id[GF_METER_ID_TEXT] = {0};

    if (mc_pb_decode_strict(gasm_KeyEnvelope_fields, bytes, &shown) != 0)
        return gasm_Refusal_FORMAT;
    if (memcmp(shown.meter_id, m->core.meter_id, sizeof shown.meter_id) != 0)
        return gasm_Refusal_WRONG_METER;
    if (shown.wrap_epoch != 0 && shown.wrap_epoch != m->core.active_epoch)
        return gasm_Refusal_KEY_EXPIRED;
    memcpy(meter_id, m->core.meter_id, GF_METER_ID_LEN);
    wrap.meter_id = meter_id;
    wrap.wrap_epoch = shown.wrap_epoch;
    if (shown.wrap_epoch != 0)
        wrap.wrap_root = m->core.active_key;
    return mc_envelope_open(m->ports.crypto, &wrap, bytes, ret_epoch, ret_key) == 0
               ? gasm_Refusal_OK
               : gasm_Refusal_MISMATCH;
}

/* May this epoch come next? An epoch number never has two keys. */
static gasm_Refusal judge_epoch(const struct mc_meter *m, uint32_t epoch,
                                const uint8_t key[static MC_KEY_LEN])
{
    const struct mc_core *core = &m->core;

    if (epoch <= core->active_epoch)
        return gasm_Refusal_KEY_EXPIRED;
    if (m->ticket.epoch == 0 && epoch != m->ticket.installs_epoch)
        return gasm_Refusal_RIGHT;
    if (epoch < core->pending_epoch)
        return gasm_Refusal_OLD;
    if (epoch == core->pending_epoch && !gf_same_secret(key, core->pending_key, MC_KEY_LEN))
        return gasm_Refusal_MISMATCH;
    return gasm_Refusal_OK;
}

int mc_cmd_install_key(struct mc_meter *m, struct mc_tx *tx)
{
    uint8_t key[MC_KEY_LEN];
    uint32_t epoch = 0;
    gasm_Refusal why = open_envelope(m, &epoch, key);

    if (why == gasm_Refusal_OK)
        why = judge_epoch(m, epoch, key);
    if (why == gasm_Refusal_OK) {
        tx->next.pending_epoch = epoch;
        memcpy(tx->next.pending_key, key, sizeof key);
        mc_tx_event(m, tx, MC_EVENT_KEY_INSTALLED, epoch, m->core.active_epoch);
    }
    gf_wipe(key, sizeof key);
    return (int)why;
}

int mc_key_activate(struct mc_meter *m)
{
    struct mc_op op = {.command = gasm_Command_KEY_ACTIVATED, .base_seq = m->core.receipt_seq};
    char meter_id[GF_METER_ID_TEXT] = {0};
    struct gf_span unused;
    struct mc_tx tx;
    int rc;

    memcpy(meter_id, m->core.meter_id, GF_METER_ID_LEN);
    rc = mc_op_id_activation(m->ports.crypto, meter_id, m->core.pending_epoch, op.op_id);
    if (rc != 0)
        return rc;
    mc_store_begin(m, &tx);
    tx.next.active_epoch = m->core.pending_epoch;
    memcpy(tx.next.active_key, m->core.pending_key, MC_KEY_LEN);
    tx.next.pending_epoch = 0;
    gf_wipe(tx.next.pending_key, MC_KEY_LEN);
    if (tx.next.life == gasm_LifeState_FACTORY)
        tx.next.life = (uint8_t)gasm_LifeState_KEYED;
    mc_tx_event(m, &tx, MC_EVENT_KEY_ACTIVATED, tx.next.active_epoch, m->core.active_epoch);
    m->response.place = 0;              /* the rest is mc_store_operation()'s */
    m->response.which_body = 0;
    rc = mc_store_operation(m, &tx, &op, &unused);
    gf_wipe(&tx, sizeof tx);
    return rc;
}
