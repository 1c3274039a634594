/* office_audit.c - the statements about accounts, keys, tickets, records and the log; see
 * office_audit.h. */
#include "backend/office_audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/office_certify.h"
#include "backend/office_issue.h"
#include "backend/office_pki.h"
#include "common/text.h"
#include "meter-core/keys.h"
#include "meter-core/pb.h"

const char *ho_statement_text(enum ho_statement s)
{
    static const char *const texts[] = {
#define X(name, text) text,
        HO_AUDIT_TABLE(X)
#undef X
    };

    return texts[s];
}

void ho_checked(struct ho_audit *a, enum ho_statement s)
{
    a->of[s].checked++;
}

/* The first are named, the rest is counted. */
__attribute__((format(printf, 3, 0))) static void add_line(struct buf *to, uint64_t *n,
                                                           const char *text, va_list args)
{
    char line[320];

    if (++*n > HO_AUDIT_NAMED)
        return;
    (void)vsnprintf(line, sizeof line, text, args);
    buf_add(to, line, strlen(line) + 1);
}

void ho_broken(struct ho_audit *a, enum ho_statement s, const char *text, ...)
{
    va_list args;

    va_start(args, text);
    add_line(&a->of[s].broken, &a->of[s].n_broken, text, args);
    va_end(args);
}

void ho_note(struct ho_audit *a, enum ho_statement s, const char *text, ...)
{
    va_list args;

    va_start(args, text);
    add_line(&a->of[s].notes, &a->of[s].n_notes, text, args);
    va_end(args);
}

static void add_more(struct buf *to, uint64_t n)
{
    if (n <= HO_AUDIT_NAMED)
        return;
    buf_print(to, "... and %llu more", (unsigned long long)(n - HO_AUDIT_NAMED));
    buf_add(to, "", 1);
}

/* ---- accounts ---- */

/* It is closed, and no opening was followed: its meter closed it before that came home; or its swap
 * was cancelled before it was opened. */
static bool may_lack_opening(struct odb_query *q)
{
    char state[16];

    odb_text(q, 1, state, sizeof state);
    return strcmp(state, "closed") == 0 && odb_int(q, 3) == 0
           && (!odb_is_null(q, 6) || odb_int(q, 7) > 0);
}

static void note_opening(struct ho_audit *a, struct odb_query *q, long long no,
                         const char *meter_id)
{
    if (!odb_is_null(q, 6))
        ho_note(a, HO_ONE_ACCOUNT, "account %lld on %s is closed, its opening is not home", no,
                meter_id);
}

static int check_accounts(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT a.account_no, a.state, a.meter_id, COALESCE(a.opened_seq, 0), (SELECT COUNT(*) "
        "FROM receipt r WHERE r.org_id = a.org_id AND r.account_no = a.account_no AND r.command = "
        "?2), (SELECT COUNT(*) FROM receipt r WHERE r.org_id = a.org_id AND r.account_no = "
        "a.account_no  AND r.command = ?2 AND r.meter_id = a.meter_id AND r.seq = a.opened_seq), "
        "a.closed_seq, (SELECT COUNT(*) FROM swap_case s WHERE s.org_id = a.org_id AND "
        "s.supply_point = a.supply_point AND s.new_account_no = a.account_no AND s.state = "
        "'cancelled') FROM account a WHERE a.org_id = ?1 ORDER BY a.account_no",
        ODB(ODB_I(gasm_Command_OPEN_ACCOUNT)));
    char state[16], meter_id[GF_METER_ID_TEXT];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        long long no = odb_int(q, 0), openings = odb_int(q, 4), named = odb_int(q, 5);

        odb_text(q, 1, state, sizeof state);
        odb_text(q, 2, meter_id, sizeof meter_id);
        ho_checked(a, HO_ONE_ACCOUNT);
        if (openings > 1)
            ho_broken(a, HO_ONE_ACCOUNT, "account %lld was opened by %lld receipts", no, openings);
        else if (may_lack_opening(q) && openings == 0)
            note_opening(a, q, no, meter_id);
        else if ((strcmp(state, "reserved") != 0) != (openings == 1)
                 || (openings == 1 && named != 1))
            ho_broken(a, HO_ONE_ACCOUNT, "account %lld on %s is %s, receipts that opened it: %lld",
                      no, meter_id, state, openings);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* Openings without an account, orders that share one without going on with it. */
static int check_openings(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT r.meter_id, r.seq, r.account_no FROM receipt r WHERE r.org_id = ?1 AND "
                  "r.command = ?2 AND NOT EXISTS (SELECT 1 FROM account a WHERE a.org_id = "
                  "r.org_id AND a.account_no = r.account_no AND a.meter_id = r.meter_id)",
                  ODB(ODB_I(gasm_Command_OPEN_ACCOUNT)));
    char meter_id[GF_METER_ID_TEXT];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        odb_text(q, 0, meter_id, sizeof meter_id);
        ho_broken(a, HO_ONE_ACCOUNT, "receipt %s %lld opened account %lld, which is not registered",
                  meter_id, (long long)odb_int(q, 1), (long long)odb_int(q, 2));
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* From the opening of an account to its commissioning there is exactly one zero-clear; before that
 * one at most. */
static int check_clears(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT a.account_no, a.meter_id, (SELECT MIN(c.seq) FROM receipt c WHERE c.org_id = "
        "a.org_id AND c.meter_id = a.meter_id AND c.account_no = a.account_no AND c.command = ?2), "
        "(SELECT COUNT(*) FROM receipt z WHERE z.org_id = a.org_id AND z.meter_id = a.meter_id AND "
        "z.account_no = a.account_no AND z.command = ?3 AND z.seq < COALESCE((SELECT MIN(c.seq) "
        "FROM receipt c WHERE c.org_id = a.org_id AND c.meter_id = a.meter_id AND c.account_no = "
        "a.account_no AND c.command = ?2), z.seq + 1)), (SELECT COUNT(*) FROM receipt g WHERE "
        "g.org_id = a.org_id AND g.meter_id = a.meter_id AND g.gap = 1) FROM account a WHERE "
        "a.org_id = ?1 AND a.state = 'open' ORDER BY a.account_no",
        ODB(ODB_I(gasm_Command_COMMISSION), ODB_I(gasm_Command_ZERO_CLEAR)));
    char meter_id[GF_METER_ID_TEXT];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        bool is_commissioned = !odb_is_null(q, 2), has_gap = odb_int(q, 4) > 0;
        long long no = odb_int(q, 0), clears = odb_int(q, 3);

        odb_text(q, 1, meter_id, sizeof meter_id);
        ho_checked(a, HO_ONE_CLEAR);
        if (clears > 1 || (is_commissioned && clears == 0 && !has_gap))
            ho_broken(a, HO_ONE_CLEAR,
                      "account %lld on %s was zero-cleared %lld times before its commissioning", no,
                      meter_id, clears);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* ---- keys and tickets ---- */

/* Does the stored envelope come out again from the stored key? */
static bool is_issued(struct ho_audit *a, const char *meter_id, uint32_t epoch, uint32_t wrap_epoch,
                      struct gf_span envelope)
{
    uint8_t root[HO_KEY_LEN], key[HO_KEY_LEN], again[MC_ENVELOPE_MAX];
    const struct mc_wrap wrap = {
        .meter_id = meter_id, .epoch = epoch, .wrap_epoch = wrap_epoch, .wrap_root = root
    };
    int n = -1;

    if (ho_root_key(a->o, meter_id, wrap_epoch, root) == 1
        && ho_root_key(a->o, meter_id, epoch, key) == 1)
        n = mc_envelope_seal(a->o->ports.crypto, &wrap, key, again, sizeof again);
    gf_wipe(root, sizeof root);
    gf_wipe(key, sizeof key);
    return n > 0 && (size_t)n == envelope.n && memcmp(again, envelope.p, envelope.n) == 0;
}

/* May a key be in this state while another epoch, or this one, is active in the meter? One that was
 * withdrawn before a meter used it stays so. */
static bool may_be(const char *state, uint32_t epoch, uint32_t active)
{
    if (epoch == active)
        return strcmp(state, "active") == 0;
    return strcmp(state, "withdrawn") == 0
           || strcmp(state, epoch > active ? "new" : "expired") == 0;
}

/* A row of check_keys(). */
static void check_key(struct ho_audit *a, struct odb_query *q)
{
    uint32_t epoch = (uint32_t)odb_int(q, 1), active = (uint32_t)odb_int(q, 5);
    bool was_used = !odb_is_null(q, 6), has_ended = !odb_is_null(q, 7);
    char meter_id[GF_METER_ID_TEXT], state[16];

    odb_text(q, 0, meter_id, sizeof meter_id);
    odb_text(q, 4, state, sizeof state);
    ho_checked(a, HO_ONE_KEY);
    if (!is_issued(a, meter_id, epoch, (uint32_t)odb_int(q, 2), odb_bytes(q, 3)))
        ho_broken(a, HO_ONE_KEY, "key %s epoch %u is not the one that was issued, or does not open",
                  meter_id, epoch);
    else if (!may_be(state, epoch, active))
        ho_broken(a, HO_ONE_KEY, "key %s epoch %u is %s, but epoch %u is active in the meter",
                  meter_id, epoch, state, active);
    else if (strcmp(state, "withdrawn") == 0 && (was_used || !has_ended))
        ho_broken(a, HO_ONE_KEY, "key %s epoch %u is withdrawn, but %s", meter_id, epoch,
                  was_used ? "the meter used it" : "no time says since when");
    else if (was_used && has_ended && (epoch == active || odb_int(q, 7) < odb_int(q, 6)))
        ho_note(a, HO_ONE_KEY, "key %s epoch %u was withdrawn, and the meter used it all the same",
                meter_id, epoch);
}

static int check_keys(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT k.meter_id, k.epoch, k.wrap_epoch, k.envelope, k.state, m.active_epoch, "
                  "k.active_since_ms, k.ended_at_ms FROM account_key k JOIN meter m ON m.org_id = "
                  "k.org_id AND m.meter_id = k.meter_id WHERE k.org_id = ?1 ORDER BY k.meter_id, "
                  "k.epoch",
                  ODB_NONE);
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        check_key(a, q);
        o->fail = (struct gf_fail){ 0 };
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* Whose ticket it is: a member's for an order, or a customer's, whose number is cut to what a
 * ticket holds. */
static bool is_holders(struct odb_query *q, const gasm_Ticket *t)
{
    char holder[32], subject[sizeof t->subject];
    const bool of_customer = t->role == gasm_Role_CUSTOMER;

    odb_text(q, of_customer ? 4 : 3, holder, sizeof holder);
    (void)gf_copy(subject, sizeof subject, holder);
    return odb_is_null(q, 4) != of_customer && odb_is_null(q, 3) == of_customer
           && odb_is_null(q, 7) == of_customer && strcmp(t->subject, subject) == 0;
}

static int check_tickets(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT t.meter_id, t.serial, t.epoch, t.staff_no, t.customer_no, t.bytes, "
                  "t.not_after_s, w.order_id, w.account_no, t.use_count, t.role, t.rights FROM ticket t LEFT JOIN "
                  "work_order w ON w.org_id = t.org_id AND w.order_id = t.order_id WHERE t.org_id "
                  "= ?1 ORDER BY t.meter_id, t.serial",
                  ODB_NONE);
    char meter_id[GF_METER_ID_TEXT];
    gasm_Ticket t;
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        odb_text(q, 0, meter_id, sizeof meter_id);
        ho_checked(a, HO_TICKETS);
        if (mc_ticket_decode(odb_bytes(q, 5), &t) != 0
            || memcmp(t.meter_id, meter_id, GF_METER_ID_LEN) != 0
            || t.serial != (uint64_t)odb_int(q, 1) || t.epoch != (uint32_t)odb_int(q, 2)
            || !is_holders(q, &t) || t.not_after_s != odb_int(q, 6)
            || t.use_count != (uint64_t)odb_int(q, 9) || (int64_t)t.role != odb_int(q, 10)
            || t.rights != (uint64_t)odb_int(q, 11)
            || (t.account_no != 0 && t.account_no != (uint64_t)odb_int(q, 8)))
            ho_broken(a, HO_TICKETS, "ticket %s serial %lld", meter_id, (long long)odb_int(q, 1));
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* ---- laptops' records ---- */

/* Where a device's chain stands while it is walked. */
struct device_chain {
    uint8_t id[GF_UUID_LEN], hash[32], head[32];
    char name[GF_UUID_TEXT];
    uint64_t seq, head_seq;
    bool is_known;
};

static void end_chain(struct ho_audit *a, const struct device_chain *c)
{
    if (c->is_known && (c->seq != c->head_seq || memcmp(c->hash, c->head, 32) != 0))
        ho_broken(a, HO_ITEMS_CHAIN, "laptop %s: its records end at %llu, %llu were taken", c->name,
                  (unsigned long long)c->seq, (unsigned long long)c->head_seq);
}

/* One record: its bytes are those that came, it stands behind the one before it. */
static void check_record(struct ho_audit *a, struct device_chain *c, uint64_t seq,
                         const uint8_t hash[static 32], struct gf_span bytes)
{
    const struct mc_crypto *crypto = a->o->ports.crypto;
    uint8_t now[32];
    sync_Item item;
    bool is_decoded = mc_pb_decode(sync_Item_fields, bytes, &item) == 0;

    ho_checked(a, HO_ITEMS_CHAIN);
    if (crypto->sha256(crypto->ctx, &bytes, 1, now) != 0 || memcmp(now, hash, 32) != 0)
        ho_broken(a, HO_ITEMS_CHAIN, "laptop %s record %llu: its bytes are not those that came",
                  c->name, (unsigned long long)seq);
    else if (seq != c->seq + 1)
        ho_broken(a, HO_ITEMS_CHAIN, "laptop %s: record %llu follows record %llu", c->name,
                  (unsigned long long)seq, (unsigned long long)c->seq);
    else if (is_decoded
             && (item.seq != seq || (c->seq > 0 && memcmp(item.prev_hash, c->hash, 32) != 0)))
        ho_broken(a, HO_ITEMS_CHAIN, "laptop %s record %llu does not follow the one before it",
                  c->name, (unsigned long long)seq);
    c->seq = seq;
    memcpy(c->hash, hash, 32);
}

/* The columns beside an item's bytes. */
static bool is_item_as_it_says(struct odb_query *q)
{
    uint8_t id[GF_UUID_LEN], order_id[GF_UUID_LEN], run_id[GF_UUID_LEN];
    sync_Item item;

    return odb_copy(q, 7, id, sizeof id) && odb_copy(q, 9, order_id, sizeof order_id)
           && odb_copy(q, 10, run_id, sizeof run_id)
           && mc_pb_decode(sync_Item_fields, odb_bytes(q, 6), &item) == 0
           && memcmp(item.id, id, sizeof id) == 0 && (int64_t)item.kind == odb_int(q, 8)
           && memcmp(item.job_id, order_id, sizeof order_id) == 0
           && memcmp(item.run_id, run_id, sizeof run_id) == 0;
}

static int check_items(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT d.device_id, d.chain_start, d.chain_seq, d.chain_hash, x.seq, x.hash, x.bytes, "
        "x.item_id, x.kind, x.order_id, x.run_id FROM device d JOIN (SELECT org_id, device_id, "
        "seq, hash, bytes, item_id, kind, order_id, run_id FROM item UNION ALL SELECT org_id, "
        "device_id, seq, hash, bytes, NULL, NULL, NULL, NULL FROM stray WHERE seq IS NOT NULL) x "
        "ON x.org_id = d.org_id AND x.device_id = d.device_id WHERE d.org_id = ?1 ORDER BY d.device_id, x.seq",
        ODB_NONE);
    struct device_chain c = { .is_known = false };
    uint8_t id[GF_UUID_LEN], hash[32];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        (void)odb_copy(q, 0, id, sizeof id);
        (void)odb_copy(q, 5, hash, sizeof hash);
        if (!c.is_known || memcmp(id, c.id, sizeof id) != 0) {
            end_chain(a, &c);
            c = (struct device_chain){ .is_known = true,
                                       .seq = (uint64_t)odb_int(q, 1) - 1,
                                       .head_seq = (uint64_t)odb_int(q, 2) };
            memcpy(c.id, id, sizeof id);
            (void)odb_copy(q, 3, c.head, sizeof c.head);
            gf_uuid_text(id, c.name);
            if (c.seq
                > 0) { /* went on after a new enrolment: the first record names its predecessor */
                sync_Item first;

                if (mc_pb_decode(sync_Item_fields, odb_bytes(q, 6), &first) == 0)
                    memcpy(c.hash, first.prev_hash, 32);
            }
        }
        if (!odb_is_null(q, 7) && !is_item_as_it_says(q))
            ho_broken(a, HO_ITEMS_CHAIN, "laptop %s record %lld is registered otherwise than it says",
                      c.name, (long long)odb_int(q, 4));
        check_record(a, &c, (uint64_t)odb_int(q, 4), hash, odb_bytes(q, 6));
    }
    odb_end(q);
    end_chain(a, &c);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* Laptops whose records are all gone do not show in a join. */
static int check_empty_devices(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT d.device_id, d.chain_seq FROM device d WHERE d.org_id = ?1 AND "
                  "d.chain_seq >= d.chain_start AND NOT EXISTS (SELECT 1 FROM item i WHERE "
                  "i.org_id = d.org_id AND i.device_id = d.device_id) AND NOT EXISTS (SELECT 1 "
                  "FROM stray s WHERE s.org_id = d.org_id AND s.device_id = d.device_id)",
                  ODB_NONE);
    uint8_t id[GF_UUID_LEN];
    char name[GF_UUID_TEXT];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        (void)odb_copy(q, 0, id, sizeof id);
        gf_uuid_text(id, name);
        ho_broken(a, HO_ITEMS_CHAIN, "laptop %s: its %lld records are gone", name,
                  (long long)odb_int(q, 1));
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* ---- certificates and the log ---- */

static int check_certificates(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db, "SELECT number, text, signature FROM certificate WHERE org_id = ?1 ORDER BY number",
        ODB_NONE);
    char number[32], text[sizeof((sync_Certificate *)0)->text];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        struct buf message = { 0 };

        odb_text(q, 0, number, sizeof number);
        odb_text(q, 1, text, sizeof text);
        ho_certificate_message(text, &message);
        ho_checked(a, HO_CERTIFICATES);
        if (message.bad
            || pki_verify(o->sign_key, (struct gf_span){ message.p, message.n }, odb_bytes(q, 2))
                   != 0)
            ho_broken(a, HO_CERTIFICATES, "certificate %s", number);
        buf_free(&message);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* The end that the log says it has: "n hash". */
static int check_log_end(struct ho_audit *a, int64_t n, const uint8_t hash[static 32])
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db, "SELECT value FROM setting WHERE org_id = ?1 AND name = 'audit head'", ODB_NONE);
    char head[80] = "0 ", hex[65], want[80];
    int r = odb_next(o->db, q);

    if (r == 1)
        odb_text(q, 0, head, sizeof head);
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    gf_hex(hash, 32, hex);
    (void)snprintf(want, sizeof want, "%lld %s", (long long)n, n > 0 ? hex : "");
    if (strcmp(head, want) != 0)
        ho_broken(a, HO_LOG_CHAIN, "the audit log ends at row %lld, its end was row %.20s",
                  (long long)n, head);
    return 0;
}

static int check_log(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(o->db,
                                    "SELECT n, at_ms, who, what, detail, prev_hash, hash FROM "
                                    "audit_log WHERE org_id = ?1 ORDER BY n",
                                    ODB_NONE);
    uint8_t last[32] = { 0 }, prev[32], hash[32], now[32];
    char who[64], what[64], detail[HO_TEXT_MAX];
    int64_t n = 0;
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        int64_t at = odb_int(q, 0);

        odb_text(q, 2, who, sizeof who);
        odb_text(q, 3, what, sizeof what);
        odb_text(q, 4, detail, sizeof detail);
        ho_checked(a, HO_LOG_CHAIN);
        if (at != n + 1)
            ho_broken(a, HO_LOG_CHAIN, "audit log: row %lld follows row %lld", (long long)at,
                      (long long)n);
        else if (!odb_copy(q, 5, prev, 32) || !odb_copy(q, 6, hash, 32)
                 || memcmp(prev, last, 32) != 0
                 || ho_log_hash(o, prev, at, odb_int(q, 1),
                                (const char *const[]){ who, what, detail }, now)
                        != 0
                 || memcmp(now, hash, 32) != 0)
            ho_broken(a, HO_LOG_CHAIN, "audit log row %lld was changed", (long long)at);
        (void)odb_copy(q, 6, last, 32);
        n = at;
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : check_log_end(a, n, last);
}

int ho_audit_run(struct office *o, struct ho_audit *ret)
{
    static int (*const checks[])(struct ho_audit * a) = {
        ho_audit_receipts, check_accounts,    check_openings,      check_clears,
        check_keys,        check_tickets,     check_items,         check_empty_devices,
        check_certificates, ho_audit_entries, ho_audit_logged,     ho_audit_sums,
        ho_audit_accounts, ho_audit_swaps,    ho_audit_money,      ho_audit_tariffs,
        ho_audit_tokens,   ho_audit_closings, ho_audit_tiers,      ho_audit_states,
        ho_audit_places,   ho_audit_logged_rows, check_log,
    };

    *ret = (struct ho_audit){ .o = o };
    if (odb_begin_reading(o->db) != 0)
        return ho_db_fail(o);

    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof checks / sizeof checks[0]; i++)
        r = checks[i](ret);
    odb_rollback(o->db);
    for (size_t i = 0; i < HO_STATEMENTS; i++) {
        add_more(&ret->of[i].broken, ret->of[i].n_broken);
        add_more(&ret->of[i].notes, ret->of[i].n_notes);
    }
    return r;
}

void ho_audit_free(struct ho_audit *a)
{
    for (size_t i = 0; i < HO_STATEMENTS; i++) {
        buf_free(&a->of[i].broken);
        buf_free(&a->of[i].notes);
    }
}
