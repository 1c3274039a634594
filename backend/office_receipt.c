/* office_receipt.c - receipts of meters: verified, chained, stored; see office_receipt.h. */
#include "backend/office_receipt.h"

#include <stdio.h>
#include <string.h>

#include "backend/ledger.h"
#include "backend/office_issue.h"
#include "meter-core/keys.h"

void ho_receipt_forget(struct ho_receipt_memory *m)
{
    gf_wipe(m, sizeof *m);
}

/* ---- who made it ---- */

/* The receipt's meter, and the key of its epoch, are in memory. 1, 0 or a failure. Another meter
 * than before begins anew. */
static int recall(struct office *o, const char *meter_id, uint32_t epoch,
                  struct ho_receipt_memory *m)
{
    int r = 1;

    if (!m->has_meter || strcmp(m->meter.id, meter_id) != 0) {
        if ((r = ho_receipt_settle(o, m)) != 0)
            return r;
        ho_receipt_forget(m);
        r = ho_find_meter(o, meter_id, &m->meter);
        m->has_meter = r == 1;
    }
    if (r == 1 && (!m->has_key || m->epoch != epoch)) {
        r = ho_root_key(o, meter_id, epoch, m->key);
        m->has_key = r == 1;
        m->epoch = epoch;
    }
    return r;
}

/* Decode and verify. 1: it is the meter's; 0: the verdict is set; or a failure. */
static int verify(struct office *o, struct ho_arrival *a, struct ho_receipt_memory *m,
                  struct ho_verdict *ret)
{
    char meter_id[GF_METER_ID_TEXT] = "";

    if (mc_receipt_peek(a->bytes, &a->r) < 0) {
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "receipt", "this receipt cannot be decoded");
        return 0;
    }

    bool is_one = ho_wire_meter_id(a->r.meter_id, meter_id);
    int r = is_one ? recall(o, meter_id, a->r.key_epoch, m) : 0;
    if (r < 0)
        return r;
    if (r == 0) {
        ho_judge(
            ret, sync_VerdictKind_QUARANTINED, "receipt",
            "this receipt does not verify: head office made no key of epoch %u for meter \"%s\"",
            a->r.key_epoch, meter_id);
        return 0;
    }
    a->meter = &m->meter;
    if (mc_receipt_open(o->ports.crypto, m->key, a->bytes, &a->r) < 0 || a->r.seq == 0
        || a->r.seq > INT64_MAX || mc_receipt_hash(o->ports.crypto, a->bytes, a->hash) < 0) {
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "receipt",
                 "this receipt does not verify: it was not made by meter \"%s\", or was changed on "
                 "its way",
                 meter_id);
        return 0;
    }
    return 1;
}

/* ---- its place in the meter's chain ---- */

/* Hash and predecessor of a receipt that is home. 1, 0 or a failure. */
static int find_receipt(struct office *o, const char *meter_id, uint64_t seq,
                        uint8_t ret_hash[static 32], uint8_t ret_prev[static 32])
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT hash, prev_hash FROM receipt WHERE org_id = ?1 AND meter_id = ?2 AND seq = ?3",
        ODB(ODB_T(meter_id), ODB_I(seq)));
    int r = odb_next(o->db, q);

    if (r == 1) {
        (void)odb_copy(q, 0, ret_hash, 32);
        (void)odb_copy(q, 1, ret_prev, 32);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

static int contradiction(struct office *o, const struct ho_arrival *a, const char *field,
                         const char *what, struct ho_verdict *ret)
{
    ho_judge(ret, sync_VerdictKind_CONFLICT, field, "receipt %llu of %s %s: call head office",
             (unsigned long long)a->r.seq, a->meter->id, what);
    return ho_log(o, "office", "receipts contradict", "%s receipt %llu: %s", a->meter->id,
                  (unsigned long long)a->r.seq, what);
}

/* Against the one before it. 1: it may follow; 0: the verdict is set; or a failure. */
static int check_before(struct office *o, struct ho_arrival *a, struct ho_receipt_memory *m,
                        struct ho_verdict *ret)
{
    static const uint8_t none[32];
    const bool is_next = a->is_tail && a->r.seq == a->meter->last_seq + 1;
    uint8_t hash[32], prev[32];
    int r;

    if (a->r.seq == 1)
        return memcmp(a->r.prev_hash, none, sizeof none) == 0
                   ? 1
                   : contradiction(o, a, "prev_hash", "is the first, but names one before it", ret);
    a->is_gap = a->is_tail && !is_next;
    if (a->is_gap)
        return 1;
    if (is_next && m->has_tail)
        memcpy(hash, m->tail_hash, sizeof hash);
    else {
        if ((r = find_receipt(o, a->meter->id, a->r.seq - 1, hash, prev)) < 0)
            return r;
        a->is_gap = r == 0;
    }
    if (!a->is_gap && memcmp(hash, a->r.prev_hash, sizeof hash) != 0)
        return contradiction(o, a, "prev_hash", "does not follow the one before it that is home",
                             ret);
    return 1;
}

/* Its place in the meter's chain. 1: it may be taken; 0: the verdict is set; or a failure. */
static int check_chain(struct office *o, struct ho_arrival *a, struct ho_receipt_memory *m,
                       struct ho_verdict *ret)
{
    uint8_t hash[32], prev[32];
    int r;

    a->is_tail = a->r.seq > a->meter->last_seq; /* nothing at its place, nor behind it */
    if (a->is_tail)
        return check_before(o, a, m, ret);
    if ((r = find_receipt(o, a->meter->id, a->r.seq, hash, prev)) < 0)
        return r;
    if (r == 1 && memcmp(hash, a->hash, sizeof hash) == 0) {
        ho_judge(ret, sync_VerdictKind_DUPLICATE, "", "receipt %llu of %s is home already",
                 (unsigned long long)a->r.seq, a->meter->id);
        return 0;
    }
    if (r == 1)
        return contradiction(o, a, "seq", "has another content than the one that is home", ret);
    if ((r = check_before(o, a, m, ret)) != 1
        || (r = find_receipt(o, a->meter->id, a->r.seq + 1, hash, prev)) < 0)
        return r;
    if (r == 1 && memcmp(prev, a->hash, sizeof prev) != 0)
        return contradiction(o, a, "prev_hash", "is not the one that the next one names", ret);
    return 1;
}

/* ---- does it fit what is registered ---- */

/* The meter is one of the order's. */
static bool is_of_order(const struct ho_arrival *a, const struct ho_order *order,
                        struct ho_verdict *ret)
{
    if (order == NULL || strcmp(a->meter->id, order->meter_id) == 0
        || (order->has_swap && strcmp(a->meter->id, order->old_meter_id) == 0))
        return true;
    ho_judge(ret, sync_VerdictKind_CONFLICT, "meter_id",
             "the receipt is of %s, order %s is for %s", a->meter->id, order->number,
             order->meter_id);
    return false;
}

/* A meter says the numbers of its own accounts only. 1: so it does; 0: the verdict is set; or a
 * failure. */
static int check_account(struct office *o, const struct ho_arrival *a, struct ho_verdict *ret)
{
    const uint64_t no = a->r.account_no;
    const bool opens = a->r.command == gasm_Command_OPEN_ACCOUNT;
    int64_t known = 0;

    if (!opens && (no == 0 || no == a->meter->account_no))
        return 1;
    if (no != 0 && no <= INT64_MAX
        && odb_number(o->db, &known,
                      "SELECT COUNT(*) FROM account WHERE org_id = ?1 AND account_no = ?2 AND "
                      "meter_id = ?3",
                      ODB(ODB_I(no), ODB_T(a->meter->id)))
               < 0)
        return ho_db_fail(o);
    if (known > 0)
        return 1;
    ho_judge(ret, sync_VerdictKind_CONFLICT, "account_no",
             "the receipt is of account %llu, which is not one of meter %s", (unsigned long long)no,
             a->meter->id);
    return 0;
}

/* What tokens bear, a meter can hold. 1; 0: the verdict is set; or a failure. */
static int check_totals(struct office *o, const struct ho_arrival *a, struct ho_verdict *ret)
{
    return ledger_bears(&a->r.after)
               ? 1
               : contradiction(o, a, "after", "says more than 2^48 litres, which no token brings",
                               ret);
}

/* Head office does not have the ticket: it may have lost it, and the log says so. */
static int check_lost(struct office *o, const struct ho_arrival *a, struct ho_verdict *ret)
{
    int r = ho_ticket_lost(o, a->meter->id, a->r.ticket_serial);

    if (r == 0)
        return contradiction(o, a, "ticket_serial", "names a ticket that was never issued", ret);
    if (r == 1
        && ho_log(o, "office", "lost ticket used", "%s serial %llu, receipt %llu", a->meter->id,
                  (unsigned long long)a->r.ticket_serial, (unsigned long long)a->r.seq)
               != 0)
        r = o->fail.code;
    return r;
}

/* The ticket that it names was issued. 1: yes, or it names none; 0: the verdict is set; or a
 * failure. */
static int check_ticket(struct office *o, const struct ho_arrival *a, struct ho_receipt_memory *m,
                        struct ho_verdict *ret)
{
    int64_t known = 0;

    if (a->r.ticket_serial == 0 || a->r.ticket_serial == m->serial)
        return 1;
    if (odb_number(o->db, &known,
                   "SELECT COUNT(*) FROM ticket WHERE org_id = ?1 AND meter_id = ?2 AND serial = "
                   "?3",
                   ODB(ODB_T(a->meter->id), ODB_I(a->r.ticket_serial)))
        < 0)
        return ho_db_fail(o);
    if (known == 0)
        return check_lost(o, a, ret);
    m->serial = a->r.ticket_serial;
    return 1;
}

/* ---- stored ---- */

/* 1: stored; 0: its operation has a receipt already, and the verdict is set; or a failure. */
static int store(struct office *o, const struct ho_arrival *a, const struct ho_receipt_context *ctx,
                 struct ho_verdict *ret)
{
    static const struct odb_wanted one = { 1, GF_E_MISMATCH, "receipt",
                                           "its operation has a receipt already" };
    static const char sql[] =
        "INSERT INTO receipt (org_id, meter_id, seq, bytes, hash, prev_hash, gap, op_id, command, "
        "key_epoch, account_no, life_state, at_s, clock_valid, flowed_l, cleared_l, ticket_serial, "
        "order_id, item_id, brought_by, verified_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
        "?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21) ON CONFLICT DO NOTHING";
    const gasm_Receipt *r = &a->r;
    const struct odb_value values[] = {
        ODB_T(a->meter->id), ODB_I(r->seq), ODB_B(a->bytes.p, a->bytes.n), ODB_B(a->hash, 32),
            ODB_B(r->prev_hash, 32), ODB_I(a->is_gap),
            ODB_B(r->op_id.size > 0 ? r->op_id.bytes : NULL, r->op_id.size), ODB_I(r->command),
            ODB_I(r->key_epoch), ODB_I(r->account_no), ODB_I(r->state), ODB_I(r->at_s),
            ODB_I(r->clock_valid), ODB_I(r->after.purged_l - r->before.purged_l),
            ODB_I(r->after.cleared_l - r->before.cleared_l), ODB_I(r->ticket_serial),
            ODB_B(ctx->order != NULL ? ctx->order->id : NULL, GF_UUID_LEN),
            ODB_B(ctx->item_id, GF_UUID_LEN), ODB_T(ctx->brought_by), ODB_I(ho_now_ms(o)),
    };
    const size_t n = sizeof values / sizeof values[0];

    int stored = ctx->is_hasty ? odb_later(o->db, &one, sql, values, n) == 0 ? 1 : odb_code(o->db)
                               : odb_exec(o->db, sql, values, n);
    if (stored == 0) /* its number is free: check_chain looked */
        return contradiction(o, a, "op_id", "is of an operation that has a receipt already", ret);
    if (stored < 0
        || (!a->is_tail
            && odb_exec(o->db,
                        "UPDATE receipt SET gap = 0 WHERE org_id = ?1 AND meter_id = ?2 AND seq = "
                        "?3",
                        ODB(ODB_T(a->meter->id), ODB_I(r->seq + 1)))
                   < 0))
        return ho_db_fail(o);
    return 1;
}

int ho_receipt_take(struct office *o, struct gf_span sealed, const struct ho_receipt_context *ctx,
                    struct ho_verdict *ret)
{
    struct ho_receipt_memory alone = { 0 };
    struct ho_receipt_memory *m = ctx->memory != NULL ? ctx->memory : &alone;
    struct ho_arrival a = { .bytes = sealed };
    int r = verify(o, &a, m, ret);

    if (r == 1)
        r = check_chain(o, &a, m, ret);
    if (r == 1)
        r = is_of_order(&a, ctx->order, ret);
    if (r == 1)
        r = check_account(o, &a, ret);
    if (r == 1)
        r = check_totals(o, &a, ret);
    if (r == 1)
        r = check_ticket(o, &a, m, ret);
    if (r == 1)
        r = store(o, &a, ctx, ret);
    if (r == 1) {
        ho_judge(ret, sync_VerdictKind_APPLIED, "", "receipt %llu of %s is verified%s",
                 (unsigned long long)a.r.seq, a.meter->id,
                 a.is_gap ? "; the one before it is not home yet" : "");
        r = ho_receipt_follow(o, &a, ctx, m);
    }
    if (r == 0)
        r = ho_receipt_settle(o, &alone);
    ho_receipt_forget(&alone);
    return r;
}
