/* office_receipt.c - receipts of meters: verified, chained, and what follows from them; see
 * office_sync.h.
 *
 * A receipt that verifies is a fact about a meter whoever brings it, so it is taken from any laptop
 * that is not revoked. It is refused only when it cannot be this order's, or contradicts a receipt
 * that is home.
 */
#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/office_sync.h"
#include "meter-core/keys.h"

/* A receipt under judgement. */
struct arrival {
    struct gf_span bytes;
    uint8_t hash[32];
    gasm_Receipt r;
    struct ho_meter meter;
    bool is_gap; /* the one before it is not home */
};

/* Decode and verify. 1: it is the meter's; 0: the verdict is set; or a failure. */
static int verify(struct office *o, struct arrival *a, struct ho_verdict *ret)
{
    char meter_id[GF_METER_ID_TEXT] = "";
    uint8_t root[HO_KEY_LEN];

    if (mc_receipt_peek(a->bytes, &a->r) < 0) {
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "receipt", "this receipt cannot be decoded");
        return 0;
    }
    memcpy(meter_id, a->r.meter_id, GF_METER_ID_LEN);

    int r = ho_find_meter(o, meter_id, &a->meter);
    if (r == 1)
        r = ho_root_key(o, meter_id, a->r.key_epoch, root);
    if (r < 0)
        return r;
    if (r == 0) {
        ho_judge(
            ret, sync_VerdictKind_QUARANTINED, "receipt",
            "this receipt does not verify: head office made no key of epoch %u for meter \"%s\"",
            a->r.key_epoch, meter_id);
        return 0;
    }
    r = mc_receipt_open(o->ports.crypto, root, a->bytes, &a->r);
    gf_wipe(root, sizeof root);
    if (r < 0 || a->r.seq == 0 || a->r.seq > INT64_MAX
        || mc_receipt_hash(o->ports.crypto, a->bytes, a->hash) < 0) {
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "receipt",
                 "this receipt does not verify: it was not made by meter \"%s\", or was changed on "
                 "its way",
                 meter_id);
        return 0;
    }
    return 1;
}

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

static int contradiction(struct office *o, const struct arrival *a, const char *field,
                         const char *what, struct ho_verdict *ret)
{
    ho_judge(ret, sync_VerdictKind_CONFLICT, field, "receipt %llu of %s %s: call head office",
             (unsigned long long)a->r.seq, a->meter.id, what);
    return ho_log(o, "office", "receipts contradict", "%s receipt %llu: %s", a->meter.id,
                  (unsigned long long)a->r.seq, what);
}

/* Its place in the meter's chain. 1: it may be taken; 0: the verdict is set; or a failure. */
static int check_chain(struct office *o, struct arrival *a, struct ho_verdict *ret)
{
    static const uint8_t none[32];
    uint8_t hash[32], prev[32];
    int r = find_receipt(o, a->meter.id, a->r.seq, hash, prev);

    if (r < 0)
        return r;
    if (r == 1 && memcmp(hash, a->hash, sizeof hash) == 0) {
        ho_judge(ret, sync_VerdictKind_DUPLICATE, "", "receipt %llu of %s is home already",
                 (unsigned long long)a->r.seq, a->meter.id);
        return 0;
    }
    if (r == 1)
        return contradiction(o, a, "seq", "has another content than the one that is home", ret);
    if (a->r.seq == 1 && memcmp(a->r.prev_hash, none, sizeof none) != 0)
        return contradiction(o, a, "prev_hash", "is the first, but names one before it", ret);
    if (a->r.seq > 1) {
        if ((r = find_receipt(o, a->meter.id, a->r.seq - 1, hash, prev)) < 0)
            return r;
        if (r == 1 && memcmp(hash, a->r.prev_hash, sizeof hash) != 0)
            return contradiction(o, a, "prev_hash",
                                 "does not follow the one before it that is home", ret);
        a->is_gap = r == 0;
    }
    if ((r = find_receipt(o, a->meter.id, a->r.seq + 1, hash, prev)) < 0)
        return r;
    if (r == 1 && memcmp(prev, a->hash, sizeof prev) != 0)
        return contradiction(o, a, "prev_hash", "is not the one that the next one names", ret);
    return 1;
}

/* Is it this order's? 1: yes; 0: the verdict is set; or a failure. */
static int check_order(struct office *o, const struct arrival *a, const struct ho_order *order,
                       struct ho_verdict *ret)
{
    int64_t known = 0;

    if (strcmp(a->meter.id, order->meter_id) != 0) {
        ho_judge(ret, sync_VerdictKind_CONFLICT, "meter_id",
                 "the receipt is of %s, order %s is for %s", a->meter.id, order->number,
                 order->meter_id);
        return 0;
    }
    bool is_opening = a->r.command == gasm_Command_OPEN_ACCOUNT;
    if (a->r.account_no != order->account_no
        && (is_opening || (a->r.account_no != 0 && a->r.account_no != a->meter.account_no))) {
        ho_judge(ret, sync_VerdictKind_CONFLICT, "account_no",
                 "the receipt is of account %llu, order %s is for %llu",
                 (unsigned long long)a->r.account_no, order->number,
                 (unsigned long long)order->account_no);
        return 0;
    }
    if (a->r.ticket_serial != 0
        && odb_number(
               o->db, &known,
               "SELECT COUNT(*) FROM ticket WHERE org_id = ?1 AND meter_id = ?2 AND serial = ?3",
               ODB(ODB_T(a->meter.id), ODB_I(a->r.ticket_serial)))
               < 0)
        return ho_db_fail(o);
    if (a->r.ticket_serial != 0 && known == 0)
        return contradiction(o, a, "ticket_serial", "names a ticket that was never issued", ret);
    if (a->r.op_id.size == 0)
        return 1;

    int found = odb_number(
        o->db, &known, "SELECT seq FROM receipt WHERE org_id = ?1 AND meter_id = ?2 AND op_id = ?3",
        ODB(ODB_T(a->meter.id), ODB_B(a->r.op_id.bytes, a->r.op_id.size)));

    if (found < 0)
        return ho_db_fail(o);
    if (found == 1)
        return contradiction(o, a, "op_id", "is of an operation that has a receipt already", ret);
    return 1;
}

static int store(struct office *o, const struct arrival *a, const struct ho_item *item)
{
    const gasm_Receipt *r = &a->r;

    if (odb_exec(o->db,
                 "INSERT INTO receipt (org_id, meter_id, seq, bytes, hash, prev_hash, gap, op_id, "
                 "command, key_epoch, account_no, life_state, at_s, clock_valid, flowed_l, "
                 "cleared_l, ticket_serial, order_id, item_id, verified_at_ms) VALUES (?1, ?2, ?3, "
                 "?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
                 ODB(ODB_T(a->meter.id), ODB_I(r->seq), ODB_B(a->bytes.p, a->bytes.n),
                     ODB_B(a->hash, 32), ODB_B(r->prev_hash, 32), ODB_I(a->is_gap),
                     ODB_B(r->op_id.size > 0 ? r->op_id.bytes : NULL, r->op_id.size),
                     ODB_I(r->command), ODB_I(r->key_epoch), ODB_I(r->account_no), ODB_I(r->state),
                     ODB_I(r->at_s), ODB_I(r->clock_valid),
                     ODB_I(r->after.purged_l - r->before.purged_l),
                     ODB_I(r->after.cleared_l - r->before.cleared_l), ODB_I(r->ticket_serial),
                     ODB_B(item->order.id, GF_UUID_LEN), ODB_B(item->msg.id, GF_UUID_LEN),
                     ODB_I(ho_now_ms(o))))
            < 0
        || odb_exec(o->db,
                    "UPDATE receipt SET gap = 0 WHERE org_id = ?1 AND meter_id = ?2 AND seq = ?3",
                    ODB(ODB_T(a->meter.id), ODB_I(r->seq + 1)))
               < 0)
        return ho_db_fail(o);
    return 0;
}

/* The first receipt under an epoch proves that the meter has its key: this one is active, those
 * below are expired. */
static int activate_key(struct office *o, const struct arrival *a)
{
    const struct odb_value meter = ODB_T(a->meter.id), epoch = ODB_I(a->r.key_epoch);
    int changed;

    if (a->r.key_epoch <= a->meter.active_epoch)
        return 0;
    changed = odb_exec(o->db,
                       "UPDATE account_key SET state = 'active', active_since_ms = ?4 WHERE org_id "
                       "= ?1 AND meter_id = ?2 AND epoch = ?3 AND state = 'new'",
                       ODB(meter, epoch, ODB_I(ho_now_ms(o))));
    if (changed < 0
        || odb_exec(o->db,
                    "UPDATE account_key SET state = 'expired' WHERE org_id = ?1 AND meter_id = ?2 "
                    "AND epoch < ?3",
                    ODB(meter, epoch))
               < 0
        || odb_exec(o->db, "UPDATE meter SET active_epoch = ?3 WHERE org_id = ?1 AND meter_id = ?2",
                    ODB(meter, epoch))
               < 0)
        return ho_db_fail(o);
    return ho_log(o, "office", "key active", "%s epoch %u", a->meter.id, a->r.key_epoch);
}

/* The meter opened the account: it is open, and the meter is the supply point's. A new meter's
 * clock is not set yet: then the laptop's time of the record says when. */
static int open_account(struct office *o, const struct arrival *a, const struct ho_item *item)
{
    const struct ho_order *order = &item->order;
    int64_t at_s = a->r.clock_valid ? a->r.at_s : item->msg.made_at_ms / 1000;

    if (a->r.command != gasm_Command_OPEN_ACCOUNT)
        return 0;
    if (odb_exec(o->db,
                 "UPDATE account SET state = 'open', opened_at_s = ?3, opened_seq = ?4 WHERE "
                 "org_id = ?1 AND account_no = ?2 AND state = 'reserved'",
                 ODB(ODB_I(order->account_no), ODB_I(at_s), ODB_I(a->r.seq)))
            < 0
        || odb_exec(o->db,
                    "UPDATE supply_point SET meter_id = ?3 WHERE org_id = ?1 AND supply_point = ?2",
                    ODB(ODB_T(order->supply_point), ODB_T(a->meter.id)))
               < 0)
        return ho_db_fail(o);
    return ho_log(o, "office", "account opened", "%llu on %s at %s",
                  (unsigned long long)order->account_no, a->meter.id, order->supply_point);
}

/* What is registered of the meter is what its latest receipt says. */
static int follow_meter(struct office *o, const struct arrival *a)
{
    if (a->r.seq > a->meter.last_seq
        && odb_exec(
               o->db,
               "UPDATE meter SET life_state = ?3, account_no = ?4, last_seq = ?5 WHERE org_id = ?1 "
               "AND meter_id = ?2",
               ODB(ODB_T(a->meter.id), ODB_I(a->r.state), ODB_I(a->r.account_no), ODB_I(a->r.seq)))
               < 0)
        return ho_db_fail(o);
    return 0;
}

int ho_take_receipt(struct office *o, struct ho_sync *s, const struct ho_item *item,
                    struct ho_verdict *ret)
{
    struct arrival a = { .bytes = { item->msg.receipt.bytes, item->msg.receipt.size } };
    int r = verify(o, &a, ret);

    if (r == 1)
        r = check_chain(o, &a, ret);
    if (r == 1)
        r = check_order(o, &a, &item->order, ret);
    if (r != 1)
        return r;
    ho_judge(ret, sync_VerdictKind_APPLIED, "", "receipt %llu of %s is verified%s",
             (unsigned long long)a.r.seq, a.meter.id,
             a.is_gap ? "; the one before it is not home yet" : "");
    ho_touch(s, &item->order);
    r = store(o, &a, item);
    if (r == 0)
        r = activate_key(o, &a);
    if (r == 0)
        r = open_account(o, &a, item);
    if (r == 0)
        r = follow_meter(o, &a);
    if (r == 0 && !item->order.is_closed
        && odb_exec(o->db,
                    "UPDATE work_order SET state = 'on-site' WHERE org_id = ?1 AND order_id = ?2",
                    ODB(ODB_B(item->order.id, GF_UUID_LEN)))
               < 0)
        r = ho_db_fail(o);
    return r;
}
