/* cmd_read.c - identify, read_receipts; see commands.h. */
#include "meter-core/commands.h"

int mc_cmd_identify(struct mc_meter *m, struct mc_tx *tx)
{
    (void)tx;
    m->response.which_body = gasm_Response_identity_tag;
    mc_meter_identity(m, &m->response.body.identity);
    return gasm_Refusal_OK;
}

int mc_cmd_read_receipts(struct mc_meter *m, struct mc_tx *tx)
{
    gasm_Receipts *out = &m->response.body.receipts;
    uint64_t seq = m->request.body.read_receipts.from_seq;
    size_t room = sizeof out->receipts / sizeof out->receipts[0];
    struct mc_kept kept;

    (void)tx;
    m->response.which_body = gasm_Response_receipts_tag;
    out->last_seq = m->core.receipt_seq;
    if (seq < mc_store_oldest(&m->core))
        seq = mc_store_oldest(&m->core);
    for (; seq <= m->core.receipt_seq && out->receipts_count < room; seq++) {
        gasm_Receipts_receipts_t *to = &out->receipts[out->receipts_count];
        struct gf_span receipt;

        if (mc_store_kept(m, seq, &kept) != 1)
            return gasm_Refusal_NVM;
        receipt = mc_store_receipt(kept.answer);
        if (receipt.p == NULL || receipt.n > sizeof to->bytes)
            return gasm_Refusal_NVM;
        memcpy(to->bytes, receipt.p, receipt.n);
        to->size = (pb_size_t)receipt.n;
        out->receipts_count++;
    }
    return gasm_Refusal_OK;
}
