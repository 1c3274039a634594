/* office_base.c - numbers, the audit log, rows that many parts read; see office_in.h. */
#include "backend/office_in.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

int64_t ho_now_ms(const struct office *o)
{
    return o->ports.clock->utc_ms(o->ports.clock->ctx);
}

int ho_db_fail(struct office *o)
{
    return odb_fail(o->db, &o->fail);
}

int ho_fail(struct office *o, int code, const char *where, const char *detail)
{
    return gf_fail(&o->fail, code, where, detail);
}

int ho_next_number(struct office *o, const char *counter, int64_t first, int64_t *ret)
{
    int64_t last = first - 1;

    if (odb_exec(o->db,
                 "INSERT INTO counter (org_id, name, last) VALUES (?1, ?2, ?3) ON CONFLICT "
                 "(org_id, name) DO UPDATE SET last = counter.last + 1",
                 ODB(ODB_T(counter), ODB_I(first)))
            < 0
        || odb_number(o->db, &last, "SELECT last FROM counter WHERE org_id = ?1 AND name = ?2",
                      ODB(ODB_T(counter)))
               < 0)
        return ho_db_fail(o);
    *ret = last;
    return 0;
}

/* ---- the audit log ---- */

const char *ho_who(const struct office *o)
{
    return o->who[0] != '\0' ? o->who : "administration";
}

int ho_log_hash(struct office *o, const uint8_t prev[static 32], int64_t n, int64_t at_ms,
                const char *const texts[3], uint8_t ret[static 32])
{
    const struct mc_crypto *c = o->ports.crypto;
    uint8_t numbers[16];
    struct gf_writer w = { .p = numbers, .cap = sizeof numbers };
    struct gf_span parts[] = { { prev, 32 }, { numbers, sizeof numbers }, { 0 }, { 0 }, { 0 } };

    gf_wr_uint(&w, (uint64_t)n, 8);
    gf_wr_uint(&w, (uint64_t)at_ms, 8);
    for (size_t i = 0; i < 3; i++) /* with their NULs, so that no text can move into the next */
        parts[2 + i] = (struct gf_span){ (const uint8_t *)texts[i], strlen(texts[i]) + 1 };
    return c->sha256(c->ctx, parts, 5, ret);
}

void ho_log_begin(struct office *o)
{
    o->log_end = (struct ho_log_end){ 0 };
}

int ho_log_settle(struct office *o)
{
    const struct ho_log_end *end = &o->log_end;
    char head[96], hex[65];

    if (end->n == 0)
        return 0;
    gf_hex(end->hash, sizeof end->hash, hex);
    (void)snprintf(head, sizeof head, "%lld %s", (long long)end->n, hex);
    if (odb_later(o->db, NULL, "UPDATE counter SET last = ?2 WHERE org_id = ?1 AND name = 'audit'",
                  ODB(ODB_I(end->n)))
            < 0
        || odb_later(o->db, NULL,
                     "INSERT INTO setting (org_id, name, value) VALUES (?1, 'audit head', ?2) ON "
                     "CONFLICT (org_id, name) DO UPDATE SET value = excluded.value",
                     ODB(ODB_T(head)))
               < 0)
        return ho_db_fail(o);
    return 0;
}

/* Number and predecessor of the next row. The first of a transaction asks the counter, which others
 * then wait for; the next ones follow it. */
static int next_row(struct office *o, struct ho_log_end *ret)
{
    *ret = o->log_end;
    if (ret->n > 0) {
        ret->n++;
        return 0;
    }

    int r = ho_next_number(o, "audit", 1, &ret->n);
    if (r != 0)
        return r;

    struct odb_query *q = odb_query(
        o->db, "SELECT hash FROM audit_log WHERE org_id = ?1 AND n = ?2", ODB(ODB_I(ret->n - 1)));
    r = odb_next(o->db, q);
    if (r == 1)
        (void)odb_copy(q, 0, ret->hash, 32); /* a damaged row is the audit's business */
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

int ho_log(struct office *o, const char *who, const char *what, const char *detail, ...)
{
    struct ho_log_end before;
    uint8_t hash[32];
    char text[HO_TEXT_MAX];
    int64_t at_ms = ho_now_ms(o);
    va_list args;

    va_start(args, detail);
    (void)vsnprintf(text, sizeof text, detail, args);
    va_end(args);

    int r = next_row(o, &before);
    if (r != 0)
        return r;
    if (ho_log_hash(o, before.hash, before.n, at_ms, (const char *const[]){ who, what, text }, hash)
        != 0)
        return ho_fail(o, GF_E_CRYPTO, "audit log", "");
    if (odb_later(o->db, NULL,
                  "INSERT INTO audit_log (org_id, n, at_ms, who, what, detail, prev_hash, hash) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                  ODB(ODB_I(before.n), ODB_I(at_ms), ODB_T(who), ODB_T(what), ODB_T(text),
                      ODB_B(before.hash, 32), ODB_B(hash, 32)))
        < 0)
        return ho_db_fail(o);
    o->log_end.n = before.n;
    memcpy(o->log_end.hash, hash, sizeof hash);
    return 0;
}

/* ---- rows ---- */

int ho_find_device(struct office *o, const uint8_t id[static GF_UUID_LEN], struct ho_device *ret)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT d.staff_no, d.revoked_at_ms, d.chain_seq, d.chain_hash, d.claimed_seq, s.role FROM "
        "device d LEFT JOIN staff s ON s.org_id = d.org_id AND s.staff_no = d.staff_no AND "
        "s.left_at_ms IS NULL WHERE d.org_id = ?1 AND d.device_id = ?2",
        ODB(ODB_B(id, GF_UUID_LEN)));
    int r = odb_next(o->db, q);

    if (r == 1) {
        *ret = (struct ho_device){ .is_revoked = !odb_is_null(q, 1),
                                   .chain_seq = (uint64_t)odb_int(q, 2),
                                   .claimed_seq = (uint64_t)odb_int(q, 4) };
        memcpy(ret->id, id, GF_UUID_LEN);
        odb_text(q, 0, ret->staff_no, sizeof ret->staff_no);
        (void)odb_copy(q, 3, ret->chain_hash, sizeof ret->chain_hash);
        odb_text(q, 5, ret->role, sizeof ret->role);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

bool ho_wire_meter_id(const uint8_t wire[static GF_METER_ID_LEN], char ret[static GF_METER_ID_TEXT])
{
    memcpy(ret, wire, GF_METER_ID_LEN);
    ret[GF_METER_ID_LEN] = '\0';
    return gf_meter_id_check(ret, NULL) == 0;
}

int ho_find_meter(struct office *o, const char *meter_id, struct ho_meter *ret)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT meter_id, type, pulse_l, life_state, active_epoch, bt_address, verification_date, "
        "account_no, last_seq FROM meter WHERE org_id = ?1 AND meter_id = ?2",
        ODB(ODB_T(meter_id)));
    int r = odb_next(o->db, q);

    if (r == 1) {
        *ret = (struct ho_meter){ .type = (uint32_t)odb_int(q, 1),
                                  .pulse_l = (uint32_t)odb_int(q, 2),
                                  .life_state = (uint32_t)odb_int(q, 3),
                                  .active_epoch = (uint32_t)odb_int(q, 4),
                                  .account_no = (uint64_t)odb_int(q, 7),
                                  .last_seq = (uint64_t)odb_int(q, 8) };
        odb_text(q, 0, ret->id, sizeof ret->id);
        odb_text(q, 5, ret->bt_address, sizeof ret->bt_address);
        odb_text(q, 6, ret->verification_date, sizeof ret->verification_date);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

static void read_order(struct odb_query *q, struct ho_order *ret)
{
    *ret = (struct ho_order){ 0 };
    (void)odb_copy(q, 0, ret->id, sizeof ret->id);
    odb_text(q, 1, ret->number, sizeof ret->number);
    odb_text(q, 2, ret->kind, sizeof ret->kind);
    odb_text(q, 3, ret->state, sizeof ret->state);
    odb_text(q, 4, ret->meter_id, sizeof ret->meter_id);
    odb_text(q, 5, ret->supply_point, sizeof ret->supply_point);
    odb_text(q, 6, ret->customer_no, sizeof ret->customer_no);
    odb_text(q, 7, ret->staff_no, sizeof ret->staff_no);
    odb_text(q, 8, ret->due, sizeof ret->due);
    odb_text(q, 9, ret->parameters, sizeof ret->parameters);
    odb_text(q, 10, ret->note, sizeof ret->note);
    odb_text(q, 11, ret->address, sizeof ret->address);
    odb_text(q, 12, ret->customer_name, sizeof ret->customer_name);
    odb_text(q, 13, ret->customer_phone, sizeof ret->customer_phone);
    ret->account_no = (uint64_t)odb_int(q, 14);
    ret->priority = (uint64_t)odb_int(q, 15);
    ret->purge_volume_l = (uint32_t)odb_int(q, 16);
    ret->purge_limit_s = (uint32_t)odb_int(q, 17);
    ret->has_begun = !odb_is_null(q, 18);
    ret->began_state = (uint32_t)odb_int(q, 18);
    ret->began_epoch = (uint32_t)odb_int(q, 19);
    ret->began_seq = (uint64_t)odb_int(q, 20);
    ret->is_closed = !odb_is_null(q, 21);
    ret->last_receipt_seq = (uint64_t)odb_int(q, 22);
    ret->key_epoch = (uint32_t)odb_int(q, 23);
    ret->has_swap = odb_copy(q, 24, ret->swap_case, sizeof ret->swap_case);
    odb_text(q, 25, ret->old_meter_id, sizeof ret->old_meter_id);
    ret->old_account_no = (uint64_t)odb_int(q, 26);
    odb_text(q, 27, ret->reason, sizeof ret->reason);
}

int ho_find_order(struct office *o, const uint8_t id[static GF_UUID_LEN], struct ho_order *ret)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT w.order_id, w.number, w.kind, w.state, w.meter_id, w.supply_point, w.customer_no, "
        "w.staff_no, w.due, w.parameters, w.note, s.address, c.name, c.phone, w.account_no, "
        "w.priority, w.purge_volume_l, w.purge_limit_s, w.began_state, w.began_epoch, w.began_seq, "
        "w.closed_at_ms, w.last_receipt_seq, w.key_epoch, w.swap_case, k.old_meter_id, "
        "k.old_account_no, k.reason FROM work_order w JOIN supply_point s ON s.org_id = w.org_id "
        "AND s.supply_point = w.supply_point JOIN customer c ON c.org_id = w.org_id AND "
        "c.customer_no = w.customer_no LEFT JOIN swap_case k ON k.org_id = w.org_id AND k.case_id "
        "= w.swap_case WHERE w.org_id = ?1 AND w.order_id = ?2",
        ODB(ODB_B(id, GF_UUID_LEN)));
    int r = odb_next(o->db, q);

    if (r == 1)
        read_order(q, ret);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int ho_changed(struct office *o, const struct ho_order *order)
{
    int64_t n;
    int r = ho_next_number(o, "change", 1, &n);

    if (r == 0
        && odb_exec(o->db,
                    "INSERT INTO change_feed (org_id, change_no, staff_no, order_id) VALUES (?1, "
                    "?2, ?3, ?4)",
                    ODB(ODB_I(n), ODB_T(order->staff_no), ODB_B(order->id, GF_UUID_LEN)))
               < 0)
        r = ho_db_fail(o);
    return r;
}
