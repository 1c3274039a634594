/* store.c - the meter's persisted state; see store.h.
 *
 * Payloads. Snapshot: entries (core.h). Change: entries of the logs (logs.h), then entries of the
 * core. Operation: id 16 | receipt sequence 8 | base 8 | command 1 | content hash 32 | answer length
 * 2 | answer | entries as in a change. Kept operation: the same without entries. Index: index_l 8 |
 * purged_l 8. Log: entries of the logs that were carried over.
 */
#include "meter-core/store.h"

#include <pb_decode.h>

#include "meter-core/clock.h"
#include "meter-core/pb.h"
#include "meter-core/purge.h"

#define OP_HEAD (GF_UUID_LEN + 8 + 8 + 1 + MC_HASH_LEN + 2)
#define OP_BASE_AT (GF_UUID_LEN + 8)
#define PAYLOAD_MAX (MC_REC_MAX - MC_JOURNAL_EXTRA)
#define INDEX_PAYLOAD 16
#define ANSWER_MAX 832          /* of an operation: its receipt and a certificate at most */

/* The smallest sector holds a carry-over at its largest, and behind it the longest grant. */
#define SLOTS(len) (((len) + MC_JOURNAL_HEAD + 4 + 15) / MC_JOURNAL_SLOT * MC_JOURNAL_SLOT)
#define LOG_RECORD (PAYLOAD_MAX - MC_LOG_ENTRY_MAX)
_Static_assert(MC_OPS_KEPT * SLOTS(OP_HEAD + ANSWER_MAX) +
                       (MC_LOG_BYTES / LOG_RECORD + 1) * SLOTS(PAYLOAD_MAX) +
                       3 * SLOTS(PAYLOAD_MAX) + MC_GRANT_PULSES_MAX * SLOTS(INDEX_PAYLOAD) <=
                   MC_JOURNAL_SECTOR_MIN,
               "no room for a purge grant after a turn");
_Static_assert(MC_CORE_ENTRIES_MAX <= PAYLOAD_MAX, "a snapshot fits its record");

/* ---- recovery ---- */

static int visit_operation(struct mc_meter *m, const struct mc_record *record, struct gf_reader *r)
{
    uint64_t seq;
    size_t answer;

    (void)gf_rd(r, GF_UUID_LEN);
    seq = gf_rd_uint(r, 8);
    (void)gf_rd(r, OP_HEAD - 2 - OP_BASE_AT);
    answer = (size_t)gf_rd_uint(r, 2);
    (void)gf_rd(r, answer);
    if (r->bad)
        return GF_E_STORE;
    m->kept[seq % MC_OPS_KEPT] = record->addr;
    return mc_core_read(&m->core, m->uses, r);
}

static int visit(void *ctx, const struct mc_record *record)
{
    struct mc_meter *m = ctx;
    struct gf_reader r = {m->rec, record->len, false};

    if (record->len > PAYLOAD_MAX ||
        m->ports.nvm.read(m->ports.nvm.ctx, record->addr, m->rec, record->len) != 0)
        return GF_E_STORE;
    switch (record->type) {
    case MC_RECORD_SNAPSHOT:
    case MC_RECORD_CHANGE:
        return mc_core_read(&m->core, m->uses, &r);
    case MC_RECORD_KEPT:
    case MC_RECORD_OPERATION:
        return visit_operation(m, record, &r);
    case MC_RECORD_INDEX:
        m->core.totals.index_l = gf_rd_uint(&r, 8);
        m->core.totals.purged_l = gf_rd_uint(&r, 8);
        return r.bad ? GF_E_STORE : 0;
    case MC_RECORD_COMMIT:
    case MC_RECORD_TURN:
    case MC_RECORD_LOG:
        return 0;
    case MC_RECORD_ERASED:
    case MC_RECORD_SECTOR:
        break;
    }
    return GF_E_STORE;
}

/* Append a snapshot to *j; rec is scratch of MC_REC_MAX bytes. */
static int write_snapshot(struct mc_journal *j, const struct mc_core *core,
                          const struct mc_use *uses, size_t n_uses, uint8_t *rec)
{
    struct gf_writer w = {rec + MC_JOURNAL_HEAD, PAYLOAD_MAX, 0, false};

    mc_core_write(&w, NULL, core, false);
    for (size_t i = 0; i < n_uses; i++)
        if (uses[i].scope != 0)
            mc_core_write_use(&w, i, &uses[i]);
    return mc_journal_append(j, MC_RECORD_SNAPSHOT, rec, w.n, NULL);
}

/* Copy the operation with this receipt to *j. */
static int carry(struct mc_meter *m, struct mc_journal *j, uint64_t seq, uint32_t *ret_addr)
{
    const struct mc_nvm *nvm = &m->ports.nvm;
    uint32_t addr = m->kept[seq % MC_OPS_KEPT];
    uint8_t *to = m->rec + MC_JOURNAL_HEAD;
    struct gf_reader r = {to + OP_HEAD - 2, 2, false};
    size_t answer;

    if (nvm->read(nvm->ctx, addr, to, OP_HEAD) != 0)
        return GF_E_STORE;
    answer = (size_t)gf_rd_uint(&r, 2);
    if (answer > PAYLOAD_MAX - OP_HEAD ||
        nvm->read(nvm->ctx, addr + OP_HEAD, to + OP_HEAD, answer) != 0)
        return GF_E_STORE;
    return mc_journal_append(j, MC_RECORD_KEPT, m->rec, OP_HEAD + answer, ret_addr);
}

/* Turn to the next sector with all that is alive. */
static int turn_over(struct mc_meter *m)
{
    uint32_t kept[MC_OPS_KEPT] = {0};
    struct mc_journal next;
    int rc = mc_journal_turn(&m->journal, &next);

    if (rc == 0)
        rc = write_snapshot(&next, &m->core, m->uses, MC_COUNTED, m->rec);
    for (uint64_t seq = mc_store_oldest(&m->core); rc == 0 && seq <= m->core.receipt_seq; seq++)
        rc = carry(m, &next, seq, &kept[seq % MC_OPS_KEPT]);
    if (rc == 0)
        rc = mc_log_carry(m, &next);
    if (rc == 0)
        rc = mc_journal_commit(&next);
    if (rc != 0)
        return rc;
    m->journal = next;
    memcpy(m->kept, kept, sizeof kept);
    m->index_saved_l = m->core.totals.index_l;
    return 0;
}

int mc_store_create(const struct mc_nvm *nvm, const struct mc_core *core)
{
    struct mc_journal j;
    uint8_t rec[MC_REC_MAX];
    int rc = mc_journal_format(&j, nvm);

    if (rc == 0)
        rc = write_snapshot(&j, core, NULL, 0, rec);
    if (rc == 0)
        rc = mc_journal_commit(&j);
    gf_wipe(rec, sizeof rec);
    return rc == 0 ? 0 : GF_E_STORE;
}

/* What was measured since the account was closed follows from the index, whichever record it stood
 * in last. */
static int replay(struct mc_meter *m)
{
    struct mc_core *core = &m->core;

    if (mc_journal_replay(&m->journal, visit, m) != 0)
        return GF_E_STORE;
    if (core->account_closed != 0)
        core->totals.after_closing_l = core->totals.index_l - core->closing_index_l;
    return mc_core_check(core);
}

int mc_store_recover(struct mc_meter *m)
{
    int rc;

    if (!mc_journal_fits(&m->ports.nvm) || mc_journal_open(&m->journal, &m->ports.nvm) != 0 ||
        replay(m) != 0)
        return GF_E_STORE;
    m->index_saved_l = m->core.totals.index_l;
    rc = mc_journal_settle(&m->journal, m->rec, sizeof m->rec);
    /* The other sector may be a turn that was cut short, whose commit reads well another day: it
     * goes before anything new is written here. */
    if ((rc != 0 && rc != GF_E_SPACE) || mc_journal_prepare(&m->journal) != 0)
        return GF_E_STORE;
    if (rc == GF_E_SPACE && (turn_over(m) != 0 || mc_journal_prepare(&m->journal) != 0))
        return GF_E_STORE;
    return 0;
}

/* ---- transactions ---- */

void mc_store_begin(const struct mc_meter *m, struct mc_tx *tx)
{
    tx->next = m->core;
    tx->slot = -1;
    tx->use = (struct mc_use){0};
    tx->log_n = 0;
    tx->bad = false;
}

static struct gf_writer log_writer(struct mc_tx *tx)
{
    return (struct gf_writer){tx->log, sizeof tx->log, tx->log_n, tx->bad};
}

static void log_done(struct mc_tx *tx, const struct gf_writer *w)
{
    tx->log_n = w->n;
    tx->bad = w->bad;
}

void mc_tx_event(const struct mc_meter *m, struct mc_tx *tx, enum mc_event event, int64_t a,
                 int64_t b)
{
    struct gf_writer w = log_writer(tx);

    mc_log_event(&w, &tx->next, event, mc_clock_now_s(m), a, b);
    log_done(tx, &w);
}

void mc_tx_period(struct mc_tx *tx, enum mc_log log, uint32_t period)
{
    struct gf_writer w = log_writer(tx);

    mc_log_period(&w, &tx->next, log, period);
    log_done(tx, &w);
}

void mc_tx_purchase(struct mc_tx *tx, const gasm_Purchase *purchase)
{
    struct gf_writer w = log_writer(tx);

    mc_log_purchase(&w, &tx->next, purchase);
    log_done(tx, &w);
}

/* Bytes that an open grant needs for its pulses and its end. */
static uint32_t grant_needs(const struct mc_core *core)
{
    uint64_t flowed_l = core->totals.purged_l - core->grant_from_l;
    uint64_t left_l = core->grant_l > flowed_l ? core->grant_l - flowed_l : 0;

    if (core->grant_open == 0)
        return 0;
    return (uint32_t)(left_l / core->pulse_l) * mc_journal_cost(INDEX_PAYLOAD) +
           mc_journal_cost(PAYLOAD_MAX);
}

static int room_for(struct mc_meter *m, uint32_t n)
{
    int rc;

    if (m->journal.nvm == NULL)
        return GF_E_STORE;
    if (mc_journal_free(&m->journal) >= n)
        return 0;
    rc = turn_over(m);
    if (rc != 0)
        return rc;
    return mc_journal_free(&m->journal) >= n ? 0 : GF_E_NOT_NOW;
}

int mc_store_room(struct mc_meter *m, uint32_t n)
{
    return room_for(m, n + grant_needs(&m->core));
}

int mc_store_tidy(struct mc_meter *m)
{
    return mc_journal_prepare(&m->journal);
}

/* Everything that a transaction changes. */
static void write_change(struct mc_meter *m, const struct mc_tx *tx, struct gf_writer *w)
{
    w->bad = w->bad || tx->bad;
    gf_wr(w, tx->log, tx->log_n);
    mc_core_write(w, &m->core, &tx->next, tx->next.totals.index_l != m->index_saved_l);
    if (tx->slot >= 0)
        mc_core_write_use(w, (size_t)tx->slot, &tx->use);
}

/* The record is on flash: now it is so. */
static void adopt(struct mc_meter *m, const struct mc_tx *tx)
{
    m->core = tx->next;
    m->index_saved_l = m->core.totals.index_l;
    if (tx->slot >= 0)
        m->uses[tx->slot] = tx->use;
}

int mc_store_change(struct mc_meter *m, struct mc_tx *tx)
{
    struct gf_writer w = {m->rec + MC_JOURNAL_HEAD, PAYLOAD_MAX, 0, false};
    int rc = mc_store_room(m, mc_journal_cost(PAYLOAD_MAX));

    if (rc != 0)
        return rc;
    write_change(m, tx, &w);
    if (w.bad)
        return GF_E_STORE;
    rc = mc_journal_append(&m->journal, MC_RECORD_CHANGE, m->rec, w.n, NULL);
    if (rc == 0)
        adopt(m, tx);
    return rc;
}

int mc_store_event(struct mc_meter *m, enum mc_event event, int64_t a, int64_t b)
{
    struct mc_tx tx;
    int rc;

    mc_store_begin(m, &tx);
    mc_tx_event(m, &tx, event, a, b);
    rc = mc_store_change(m, &tx);
    gf_wipe(&tx, sizeof tx);
    return rc;
}

int mc_store_index(struct mc_meter *m)
{
    uint8_t rec[MC_JOURNAL_EXTRA + INDEX_PAYLOAD];
    struct gf_writer w = {rec + MC_JOURNAL_HEAD, INDEX_PAYLOAD, 0, false};
    int rc = 0;

    /* Only a full sector needs room made: what a grant needs for its end is its own. */
    if (mc_journal_free(&m->journal) <
        mc_journal_cost(INDEX_PAYLOAD) + mc_journal_cost(PAYLOAD_MAX))
        rc = mc_store_room(m, mc_journal_cost(INDEX_PAYLOAD));
    if (rc != 0)
        return rc;
    gf_wr_uint(&w, m->core.totals.index_l, 8);
    gf_wr_uint(&w, m->core.totals.purged_l, 8);
    rc = mc_journal_append(&m->journal, MC_RECORD_INDEX, rec, w.n, NULL);
    if (rc == 0)
        m->index_saved_l = m->core.totals.index_l;
    return rc;
}

/* ---- operations ---- */

static void copy_receipt_base(const struct mc_meter *m, const struct mc_tx *tx,
                              const struct mc_op *op, gasm_Receipt *r)
{
    *r = (gasm_Receipt)gasm_Receipt_init_zero;
    memcpy(r->meter_id, m->core.meter_id, sizeof r->meter_id);
    r->account_no = tx->next.account_no;
    r->key_epoch = tx->next.active_epoch;
    r->op_id.size = GF_UUID_LEN;
    memcpy(r->op_id.bytes, op->op_id, GF_UUID_LEN);
    r->command = op->command;
    r->seq = tx->next.receipt_seq;
    r->event_seq = tx->next.event_seq;
    r->at_s = mc_clock_now_s(m);
    r->clock_valid = mc_clock_state(m) == MC_CLOCK_VALID;
    r->has_before = r->has_after = true;
    r->before = m->core.totals;
    r->before.index_l -= op->flowed_l;
    r->before.purged_l -= op->flowed_l;
    r->after = tx->next.totals;
    r->state = (gasm_LifeState)tx->next.life;
    memcpy(r->prev_hash, m->core.last_hash, sizeof r->prev_hash);
    r->ticket_serial = op->ticket_serial;
    if (op->command == gasm_Command_PURGE_STOP)
        r->purge_end = (gasm_PurgeEnd)tx->next.purge_end;
    if (op->content_hash != NULL) {
        r->content_hash.size = MC_HASH_LEN;
        memcpy(r->content_hash.bytes, op->content_hash, MC_HASH_LEN);
    }
}

/* Seal the receipt into m->response and note its hash in tx. */
static int make_receipt(struct mc_meter *m, struct mc_tx *tx, const struct mc_op *op)
{
    const uint8_t *root = tx->next.active_epoch == 0 ? m->core.factory_key : tx->next.active_key;
    gasm_Receipt receipt;
    int n;

    copy_receipt_base(m, tx, op, &receipt);
    n = mc_receipt_seal(m->ports.crypto, root, &receipt, m->response.receipt.bytes,
                        sizeof m->response.receipt.bytes);
    if (n < 0)
        return GF_E_CRYPTO;
    m->response.receipt.size = (pb_size_t)n;
    return mc_receipt_hash(m->ports.crypto, (struct gf_span){m->response.receipt.bytes, (size_t)n},
                           tx->next.last_hash);
}

/* The operation's part of the record, with the answer. */
static void write_operation(struct mc_meter *m, const struct mc_tx *tx, const struct mc_op *op,
                            struct gf_writer *w, struct gf_span *ret_answer)
{
    static const uint8_t none[MC_HASH_LEN] = {0};
    struct gf_writer len = {w->p + OP_HEAD - 2, 2, 0, false};
    int n;

    gf_wr(w, op->op_id, GF_UUID_LEN);
    gf_wr_uint(w, tx->next.receipt_seq, 8);
    gf_wr_uint(w, op->base_seq, 8);
    gf_wr_uint(w, (uint64_t)op->command, 1);
    gf_wr(w, op->content_hash == NULL ? none : op->content_hash, MC_HASH_LEN);
    gf_wr_uint(w, 0, 2);
    n = mc_pb_encode(gasm_Response_fields, &m->response, w->p + w->n, ANSWER_MAX);
    if (n < 0) {
        w->bad = true;
        return;
    }
    gf_wr_uint(&len, (uint64_t)n, 2);
    *ret_answer = (struct gf_span){w->p + w->n, (size_t)n};
    w->n += (size_t)n;
}

int mc_store_operation(struct mc_meter *m, struct mc_tx *tx, const struct mc_op *op,
                       struct gf_span *ret_answer)
{
    struct gf_writer w = {m->rec + MC_JOURNAL_HEAD, PAYLOAD_MAX, 0, false};
    gasm_Response *answer = &m->response;
    uint32_t addr;
    /* What is kept back for the end of a grant is there for that end. */
    int rc = room_for(m, mc_journal_cost(PAYLOAD_MAX) + grant_needs(&tx->next));

    if (rc != 0)
        return rc;
    tx->next.receipt_seq = m->core.receipt_seq + 1;
    rc = make_receipt(m, tx, op);
    if (rc != 0)
        return rc;
    answer->command = op->command;
    answer->op_id.size = GF_UUID_LEN;
    memcpy(answer->op_id.bytes, op->op_id, GF_UUID_LEN);
    answer->result = gasm_Refusal_OK;
    answer->reached = gasm_Stage_STAGE_EXECUTION;
    answer->active_epoch = tx->next.active_epoch;
    answer->receipt_seq = tx->next.receipt_seq;
    write_operation(m, tx, op, &w, ret_answer);
    write_change(m, tx, &w);
    if (w.bad)
        return GF_E_STORE;
    rc = mc_journal_append(&m->journal, MC_RECORD_OPERATION, m->rec, w.n, &addr);
    if (rc != 0)
        return rc;
    adopt(m, tx);
    m->kept[m->core.receipt_seq % MC_OPS_KEPT] = addr;
    return 0;
}

int mc_store_entries_at(const struct mc_nvm *nvm, const struct mc_record *record, uint32_t *ret)
{
    uint8_t len[2];
    struct gf_reader r = {len, sizeof len, false};

    if (nvm->read(nvm->ctx, record->addr + OP_HEAD - 2, len, sizeof len) != 0)
        return GF_E_STORE;
    *ret = record->addr + OP_HEAD + (uint32_t)gf_rd_uint(&r, 2);
    return 0;
}

uint64_t mc_store_oldest(const struct mc_core *core)
{
    return core->receipt_seq > MC_OPS_KEPT ? core->receipt_seq - MC_OPS_KEPT + 1 : 1;
}

int mc_store_kept(struct mc_meter *m, uint64_t receipt_seq, struct mc_kept *ret)
{
    const struct mc_nvm *nvm = &m->ports.nvm;
    struct gf_reader r = {m->rec, OP_HEAD, false};
    uint32_t addr = m->kept[receipt_seq % MC_OPS_KEPT];
    size_t answer;

    if (receipt_seq < mc_store_oldest(&m->core) || receipt_seq > m->core.receipt_seq)
        return 0;
    if (nvm->read(nvm->ctx, addr, m->rec, OP_HEAD) != 0)
        return GF_E_STORE;
    (void)gf_rd(&r, OP_BASE_AT + 8);
    ret->command = (gasm_Command)gf_rd_uint(&r, 1);
    memcpy(ret->content_hash, gf_rd(&r, MC_HASH_LEN), MC_HASH_LEN);
    answer = (size_t)gf_rd_uint(&r, 2);
    if (answer > sizeof m->rec || nvm->read(nvm->ctx, addr + OP_HEAD, m->rec, answer) != 0)
        return GF_E_STORE;
    ret->answer = (struct gf_span){m->rec, answer};
    return 1;
}

int mc_store_find(struct mc_meter *m, const uint8_t op_id[static GF_UUID_LEN], struct mc_kept *ret)
{
    const struct mc_nvm *nvm = &m->ports.nvm;
    uint8_t id[GF_UUID_LEN];

    for (uint64_t seq = m->core.receipt_seq; seq >= mc_store_oldest(&m->core); seq--) {
        if (nvm->read(nvm->ctx, m->kept[seq % MC_OPS_KEPT], id, sizeof id) != 0)
            return GF_E_STORE;
        if (memcmp(id, op_id, sizeof id) == 0)
            return mc_store_kept(m, seq, ret);
    }
    return 0;
}

struct gf_span mc_store_receipt(struct gf_span answer)
{
    pb_istream_t in = pb_istream_from_buffer(answer.p, answer.n);
    pb_wire_type_t wire;
    uint32_t tag, n;
    bool eof;

    while (pb_decode_tag(&in, &wire, &tag, &eof)) {
        if (tag == gasm_Response_receipt_tag && wire == PB_WT_STRING &&
            pb_decode_varint32(&in, &n) && n <= in.bytes_left)
            return (struct gf_span){answer.p + answer.n - in.bytes_left, n};
        if (tag == gasm_Response_receipt_tag || !pb_skip_field(&in, wire))
            break;
    }
    return (struct gf_span){NULL, 0};
}

int mc_store_sealed(struct mc_meter *m, uint64_t receipt_seq, uint8_t ret[static MC_RECEIPT_MAX])
{
    struct mc_kept kept;
    struct gf_span receipt;
    int rc = mc_store_kept(m, receipt_seq, &kept);

    if (rc != 1)
        return rc;
    receipt = mc_store_receipt(kept.answer);
    if (receipt.n == 0 || receipt.n > MC_RECEIPT_MAX)
        return GF_E_STORE;
    memcpy(ret, receipt.p, receipt.n);
    return (int)receipt.n;
}
