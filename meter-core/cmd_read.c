/* cmd_read.c - identify, and what is read page by page; see commands.h. */
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

    (void)tx;
    m->response.which_body = gasm_Response_receipts_tag;
    out->last_seq = m->core.receipt_seq;
    if (seq < mc_store_oldest(&m->core))
        seq = mc_store_oldest(&m->core);
    for (; seq <= m->core.receipt_seq && out->receipts_count < room; seq++) {
        gasm_Receipts_receipts_t *to = &out->receipts[out->receipts_count];
        int n = mc_store_sealed(m, seq, to->bytes);

        if (n <= 0)
            return gasm_Refusal_NVM;
        to->size = (pb_size_t)n;
        out->receipts_count++;
    }
    return gasm_Refusal_OK;
}

/* ---- pages of the logs ---- */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int take_period(void *ctx, uint32_t no, struct gf_reader *r)
{
    gasm_History *out = ctx;
    gasm_HistoryEntry *e = &out->entries[out->entries_count];

    e->no = no;
    e->period = (uint32_t)gf_rd_uint(r, 4);
    e->index_l = gf_rd_uint(r, 8);
    e->purged_l = gf_rd_uint(r, 4);
    e->residual_l = (int64_t)gf_rd_uint(r, 8);
    return ++out->entries_count == COUNT(out->entries);
}

_Static_assert(sizeof ((gasm_Purchase *)0)->order_id.bytes == MC_LOG_ORDER, "as it is logged");

static int take_purchase(void *ctx, uint32_t no, struct gf_reader *r)
{
    gasm_Purchases *out = ctx;
    gasm_Purchase *e = &out->entries[out->entries_count];

    e->no = no;
    e->at_s = (int64_t)gf_rd_uint(r, 5);
    e->account_no = gf_rd_uint(r, 8);
    e->sequence = gf_rd_uint(r, 8);
    e->credited_l = (int64_t)gf_rd_uint(r, 8);
    e->residual_l = (int64_t)gf_rd_uint(r, 8);
    e->carrier = (gasm_Carrier)gf_rd_uint(r, 1);
    e->order_id.size = sizeof e->order_id.bytes;
    memcpy(e->order_id.bytes, r->p, sizeof e->order_id.bytes);     /* the rest of the entry */
    return ++out->entries_count == COUNT(out->entries);
}

static int take_event(void *ctx, uint32_t no, struct gf_reader *r)
{
    gasm_Events *out = ctx;
    gasm_Event *e = &out->entries[out->entries_count];

    e->no = no;
    e->code = (uint32_t)gf_rd_uint(r, 1);
    e->at_s = (int64_t)gf_rd_uint(r, 5);
    e->a = (int64_t)gf_rd_uint(r, 8);
    e->b = (int64_t)gf_rd_uint(r, 8);
    return ++out->entries_count == COUNT(out->entries);
}

/* A page of a log from number `from` on; *ret_first and *ret_last: what of it is kept. */
static int read_page(struct mc_meter *m, enum mc_log log, uint32_t from, mc_log_visit *take,
                     void *page, uint32_t *ret_first, uint32_t *ret_last)
{
    *ret_first = mc_log_first(&m->core, log);
    *ret_last = mc_log_last(&m->core, log);
    return mc_log_read(m, log, from, take, page) == 0 ? gasm_Refusal_OK : gasm_Refusal_NVM;
}

int mc_cmd_read_history(struct mc_meter *m, struct mc_tx *tx)
{
    const gasm_ReadHistory *want = &m->request.body.read_history;
    gasm_History *out = &m->response.body.history;

    (void)tx;
    m->response.which_body = gasm_Response_history_tag;
    return read_page(m, want->monthly ? MC_LOG_MONTHS : MC_LOG_DAYS, want->from_no, take_period, out,
                     &out->first_no, &out->last_no);
}

int mc_cmd_read_purchases(struct mc_meter *m, struct mc_tx *tx)
{
    gasm_Purchases *out = &m->response.body.purchases;

    (void)tx;
    m->response.which_body = gasm_Response_purchases_tag;
    return read_page(m, MC_LOG_PURCHASES, m->request.body.read_purchases.from_no, take_purchase, out,
                     &out->first_no, &out->last_no);
}

int mc_cmd_read_events(struct mc_meter *m, struct mc_tx *tx)
{
    gasm_Events *out = &m->response.body.events;

    (void)tx;
    m->response.which_body = gasm_Response_events_tag;
    return read_page(m, MC_LOG_EVENTS, m->request.body.read_events.from_no, take_event, out,
                     &out->first_no, &out->last_no);
}
