/* office_item.c - an item's identity and its place in its device's chain; see office_sync.h and
 * docs/office.md. */
#include <string.h>

#include "backend/office_sync.h"
#include "meter-core/pb.h"

/* ---- what was known before ---- */

/* Fill the verdict from (verdict, field, reason) at `column`. */
static void read_verdict(struct odb_query *q, int column, struct ho_verdict *ret)
{
    *ret = (struct ho_verdict){ .kind = (sync_VerdictKind)odb_int(q, column) };
    odb_text(q, column + 1, ret->field, sizeof ret->field);
    odb_text(q, column + 2, ret->reason, sizeof ret->reason);
}

int ho_look_for_strays(struct office *o, struct ho_sync *s)
{
    int64_t n = 0;

    if (odb_number(o->db, &n,
                   "SELECT 1 FROM stray WHERE org_id = ?1 AND device_id = ?2 LIMIT 1",
                   ODB(ODB_B(s->device.id, GF_UUID_LEN)))
        < 0)
        return ho_db_fail(o);
    s->has_strays = n > 0;
    return 0;
}

/* The same bytes came before and could not become an item: the same answer. 1, 0 or a failure. */
static int find_stray(struct office *o, const struct ho_sync *s, const struct ho_item *item,
                      struct ho_verdict *ret)
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT verdict, field, reason FROM stray WHERE org_id = ?1 "
                                    "AND device_id = ?2 AND hash = ?3",
                                    ODB(ODB_B(s->device.id, GF_UUID_LEN), ODB_B(item->hash, 32)));
    int r = odb_next(o->db, q);

    if (r == 1)
        read_verdict(q, 0, ret);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

/* An item with this id is home: *ret_same tells whether it is this one, and then *ret how it was
 * answered. */
static int find_item(struct office *o, const struct ho_item *item, bool *ret_same,
                     struct ho_verdict *ret)
{
    struct odb_query *q = odb_query(
        o->db, "SELECT hash, verdict, field, reason FROM item WHERE org_id = ?1 AND item_id = ?2",
        ODB(ODB_B(item->msg.id, GF_UUID_LEN)));
    uint8_t hash[32];
    int r = odb_next(o->db, q);

    if (r == 1) {
        *ret_same = odb_copy(q, 0, hash, sizeof hash) && memcmp(hash, item->hash, sizeof hash) == 0;
        read_verdict(q, 1, ret);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

/* ---- the chain ---- */

/* The device's chain now ends here. */
static void move_chain(struct ho_sync *s, uint64_t seq, const uint8_t hash[static 32])
{
    s->device.chain_seq = seq;
    memcpy(s->device.chain_hash, hash, 32);
}

/* Keep what could not become an item. `seq` is its place in the chain, 0 for none; `assumed` the
 * place that it seems to have, 0 for none. */
static int keep_stray(struct office *o, struct ho_sync *s, const struct ho_item *item,
                      const struct ho_verdict *v, uint64_t seq, uint64_t assumed)
{
    const struct odb_value none = { .type = ODB_NULL };

    if (odb_exec(o->db,
                 "INSERT INTO stray (org_id, device_id, hash, seq, assumed_seq, item_id, bytes, "
                 "received_at_ms, verdict, field, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
                 "?9, ?10, ?11)",
                 ODB(ODB_B(s->device.id, GF_UUID_LEN), ODB_B(item->hash, 32),
                     seq > 0 ? ODB_I(seq) : none, assumed > 0 ? ODB_I(assumed) : none,
                     ODB_B(item->msg.id, GF_UUID_LEN), ODB_B(item->bytes.p, item->bytes.n),
                     ODB_I(ho_now_ms(o)), ODB_I(v->kind), ODB_T(v->field), ODB_T(v->reason)))
        < 0)
        return ho_db_fail(o);
    s->has_strays = true;
    if (seq > 0)
        move_chain(s, seq, item->hash);
    return 0;
}

/* What cannot be decoded has a place in the chain all the same: most likely the next one. The item
 * that follows will prove it by its prev_hash. */
static int keep_undecoded(struct office *o, struct ho_sync *s, const struct ho_item *item,
                          const struct ho_verdict *v)
{
    int64_t last = (int64_t)s->device.chain_seq;

    if (odb_number(o->db, &last,
                   "SELECT MAX(assumed_seq) FROM stray WHERE org_id = ?1 AND device_id = ?2 AND "
                   "assumed_seq > ?3",
                   ODB(ODB_B(s->device.id, GF_UUID_LEN), ODB_I(last)))
        < 0)
        return ho_db_fail(o);
    return keep_stray(o, s, item, v, 0, (uint64_t)last + 1);
}

/* When items that could not be decoded fill the places up to this item, and it follows the last of
 * them, they get those places. 1, 0 or a failure. */
static int fill_gap(struct office *o, struct ho_sync *s, const struct ho_item *item)
{
    const struct odb_value device = ODB_B(s->device.id, GF_UUID_LEN),
                           from = ODB_I(s->device.chain_seq), to = ODB_I(item->msg.seq);
    int64_t n = 0, follows = 0;

    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM stray WHERE org_id = ?1 AND device_id = ?2 AND "
                   "assumed_seq > ?3 AND assumed_seq < ?4",
                   ODB(device, from, to))
            < 0
        || odb_number(o->db, &follows,
                      "SELECT COUNT(*) FROM stray WHERE org_id = ?1 AND device_id = ?2 AND "
                      "assumed_seq = ?3 AND hash = ?4",
                      ODB(device, ODB_I(item->msg.seq - 1), ODB_B(item->msg.prev_hash, 32)))
               < 0)
        return ho_db_fail(o);
    if (follows == 0 || (uint64_t)n != item->msg.seq - 1 - s->device.chain_seq)
        return 0;
    if (odb_exec(o->db,
                 "UPDATE stray SET seq = assumed_seq WHERE org_id = ?1 AND device_id = ?2 AND "
                 "assumed_seq > ?3 AND assumed_seq < ?4",
                 ODB(device, from, to))
        < 0)
        return ho_db_fail(o);
    move_chain(s, item->msg.seq - 1, item->msg.prev_hash);
    return 1;
}

/* A laptop that is enrolled again goes on with its chain under a new device id: its first item
 * follows one that is home from before. 1, 0 or a failure. */
static int continue_chain(struct office *o, struct ho_sync *s, const struct ho_item *item)
{
    const struct odb_value before = ODB_B(item->msg.prev_hash, 32);
    int64_t known = 0;

    if (ho_store_rows(o, s) != 0)
        return o->fail.code;
    if (odb_number(o->db, &known,
                   "SELECT (SELECT COUNT(*) FROM item WHERE org_id = ?1 AND hash = ?2) + (SELECT "
                   "COUNT(*) FROM stray WHERE org_id = ?1 AND hash = ?2)",
                   ODB(before))
            < 0
        || (known > 0
            && odb_exec(o->db,
                        "UPDATE device SET chain_start = ?3 WHERE org_id = ?1 AND device_id = ?2",
                        ODB(ODB_B(s->device.id, GF_UUID_LEN), ODB_I(item->msg.seq)))
                   < 0))
        return ho_db_fail(o);
    if (known == 0)
        return 0;
    move_chain(s, item->msg.seq - 1, item->msg.prev_hash);
    return 1;
}

/* Is the item the next of its device? 1: yes; 0: no, and the verdict says why; or a failure. */
static int check_chain(struct office *o, struct ho_sync *s, const struct ho_item *item,
                       struct ho_verdict *ret)
{
    unsigned long long seq = item->msg.seq, last = s->device.chain_seq;
    int r = 0;

    if (seq > INT64_MAX || seq == 0) {
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "seq",
                 "records are numbered from 1, this one is number %llu", seq);
        return 0;
    }
    if (seq <= last) {
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "seq",
                 "record %llu of this laptop is home with other content, the last is %llu: the "
                 "laptop went back to an old copy; enrol it again",
                 seq, last);
        return 0;
    }
    if (seq > last + 1)
        r = fill_gap(o, s, item);
    if (r == 0 && last == 0 && seq > 1)
        r = continue_chain(o, s, item);
    if (r < 0)
        return r;
    last = s->device.chain_seq;
    if (seq > last + 1) {
        s->has_gap = true;
        ho_judge(ret, sync_VerdictKind_HELD, "seq",
                 "record %llu came before record %llu: send that one first", seq, last + 1);
        return 0;
    }
    if (memcmp(item->msg.prev_hash, s->device.chain_hash, 32) != 0) {
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "prev_hash",
                 "record %llu does not follow record %llu that is home: the laptop went back to an "
                 "old copy; enrol it again",
                 seq, last);
        return 0;
    }
    return 1;
}

/* ---- one item ---- */

/* The id of an item that cannot be decoded, so that its laptop knows the row: it stands first. */
static void guess_id(struct ho_item *item)
{
    const uint8_t *p = item->bytes.p;

    item->msg = (sync_Item){ 0 };
    if (item->bytes.n > 2 + GF_UUID_LEN && p[0] == (sync_Item_id_tag << 3 | 2)
        && p[1] == GF_UUID_LEN)
        memcpy(item->msg.id, p + 2, GF_UUID_LEN);
}

static const struct {
    sync_ItemKind kind;
    bool needs_order;
    int (*take)(struct office *o, struct ho_sync *s, const struct ho_item *item,
                struct ho_verdict *ret);
} kinds[] = {
    { sync_ItemKind_APPLICATION, true, ho_take_application },
    { sync_ItemKind_RECEIPT, true, ho_take_receipt },
    { sync_ItemKind_STEP_RECORD, true, ho_take_step },
    { sync_ItemKind_JOB_DONE, true, ho_take_done },
    { sync_ItemKind_CLOSING, false, ho_take_closing }, /* proves itself, of whatever order */
};

/* The order that the item names, from memory when the item before named the same. 1, 0 or a
 * failure. */
static int find_order(struct office *o, struct ho_sync *s, struct ho_item *item)
{
    int r = 1;

    if (!s->has_order || memcmp(s->order.id, item->msg.job_id, GF_UUID_LEN) != 0) {
        r = ho_find_order(o, item->msg.job_id, &s->order);
        s->has_order = r == 1;
    }
    item->order = r == 1 ? &s->order : NULL;
    return r;
}

/* Judge by kind. */
static int take_kind(struct office *o, struct ho_sync *s, struct ho_item *item,
                     struct ho_verdict *ret)
{
    int r = find_order(o, s, item);
    char job[GF_UUID_TEXT];

    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind != item->msg.kind)
            continue;
        if (kinds[i].needs_order && item->order == NULL) {
            gf_uuid_text(item->msg.job_id, job);
            ho_judge(ret, sync_VerdictKind_CONFLICT, "job_id", "head office has no order %s", job);
            return 0;
        }
        return kinds[i].take(o, s, item, ret);
    }
    ho_judge(ret, sync_VerdictKind_QUARANTINED, "kind",
             "head office does not know records of kind %d", (int)item->msg.kind);
    return 0;
}

/* The item has its place in the chain; its row is stored with others. */
static int keep_item(struct office *o, struct ho_sync *s, const struct ho_item *item,
                     const struct ho_verdict *v)
{
    const sync_Item *m = &item->msg;
    struct ho_row *row = &s->rows[s->n_rows++];

    memcpy(row->id, m->id, sizeof row->id);
    memcpy(row->order_id, m->job_id, sizeof row->order_id);
    memcpy(row->run_id, m->run_id, sizeof row->run_id);
    memcpy(row->hash, item->hash, sizeof row->hash);
    row->seq = m->seq;
    row->kind = (int)m->kind;
    row->bytes = item->bytes;
    row->verdict = *v;
    move_chain(s, m->seq, item->hash);
    return s->n_rows == HO_ROWS_MAX ? ho_store_rows(o, s) : 0;
}

/* An id that is home: the same bytes get the same answer, other bytes never pass under it. */
static int take_known(struct office *o, struct ho_sync *s, const struct ho_item *item, bool is_same,
                      struct ho_verdict *ret)
{
    struct ho_verdict ignored;

    if (is_same) {
        if (ret->kind == sync_VerdictKind_APPLIED)
            ret->kind = sync_VerdictKind_DUPLICATE;
        return 0;
    }
    int in_chain = check_chain(o, s, item, &ignored);
    if (in_chain < 0)
        return in_chain;
    ho_judge(ret, sync_VerdictKind_CONFLICT, "id",
             "another record with this id and other content is home");
    return keep_stray(o, s, item, ret, in_chain == 1 ? item->msg.seq : 0, 0);
}

/* What nearly every item is: the next of its device's chain, which nobody sent before. Should its
 * id be home all the same, its row cannot be stored, and everything is undone. */
static bool is_next(const struct ho_sync *s, const struct ho_item *item)
{
    return !s->is_careful && !s->has_strays && item->msg.seq == s->device.chain_seq + 1
           && item->msg.seq <= INT64_MAX
           && memcmp(item->msg.prev_hash, s->device.chain_hash, 32) == 0;
}

int ho_take_item(struct office *o, struct ho_sync *s, struct gf_span bytes, struct ho_item *item,
                 struct ho_verdict *ret)
{
    const struct mc_crypto *c = o->ports.crypto;
    bool is_same = false;
    int r;

    *item = (struct ho_item){ .bytes = bytes };
    *ret = (struct ho_verdict){ 0 };
    if (c->sha256(c->ctx, &bytes, 1, item->hash) != 0)
        return ho_fail(o, GF_E_CRYPTO, "item", "");
    if (mc_pb_decode(sync_Item_fields, bytes, &item->msg) < 0) {
        guess_id(item);
        if ((r = find_stray(o, s, item, ret)) != 0)
            return r < 0 ? r : 0;
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "item",
                 "head office cannot decode this record; it is kept");
        return keep_undecoded(o, s, item, ret);
    }
    if (!is_next(s, item)) {
        if ((r = find_stray(o, s, item, ret)) != 0)
            return r < 0 ? r : 0;
        if ((r = ho_store_rows(o, s)) != 0)
            return r;
        if ((r = find_item(o, item, &is_same, ret)) != 0)
            return r < 0 ? r : take_known(o, s, item, is_same, ret);
        if ((r = check_chain(o, s, item, ret)) < 0)
            return r;
        if (r == 0)
            return ret->kind == sync_VerdictKind_HELD ? 0 : keep_stray(o, s, item, ret, 0, 0);
    }
    r = take_kind(o, s, item, ret);
    return r == 0 ? keep_item(o, s, item, ret) : r;
}
