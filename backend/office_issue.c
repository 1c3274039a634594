/* office_issue.c - account keys and tickets; see office_issue.h. */
#include "backend/office_issue.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "meter-core/keys.h"

#define DAY_S 86400
#define EARLY_S 3600 /* a ticket is good an hour before its day: clocks differ */
#define USES_LEFT 8  /* or with fewer uses */

int ho_date_parse(const char *text, int64_t *ret_s)
{
    char full[32];

    if (strlen(text) != 10)
        return GF_E_FORMAT;
    (void)snprintf(full, sizeof full, "%sT00:00:00Z", text);
    return gf_utc_parse(full, ret_s);
}

void ho_date_text(int64_t utc_s, char ret[static 11])
{
    char full[21];

    gf_utc_text(utc_s, full);
    memcpy(ret, full, 10);
    ret[10] = '\0';
}

void ho_key_label(const char *meter_id, uint32_t epoch, char ret[static 48])
{
    (void)snprintf(ret, 48, "%.12s epoch %u", meter_id, epoch);
}

int ho_root_key(struct office *o, const char *meter_id, uint32_t epoch,
                uint8_t ret[static HO_KEY_LEN])
{
    char label[48];
    struct odb_query *q =
        epoch == 0
            ? odb_query(o->db, "SELECT factory_key FROM meter WHERE org_id = ?1 AND meter_id = ?2",
                        ODB(ODB_T(meter_id)))
            : odb_query(
                o->db,
                "SELECT sealed FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND epoch = ?3",
                ODB(ODB_T(meter_id), ODB_I(epoch)));
    int r = odb_next(o->db, q);

    ho_key_label(meter_id, epoch, label);
    if (r < 0)
        (void)ho_db_fail(o);
    if (r == 1 && ho_unseal(o, label, odb_bytes(q, 0), ret) != 0)
        r = GF_E_CRYPTO;
    odb_end(q);
    return r;
}

/* ---- keys ---- */

static int make_key(struct office *o, const char *meter_id, uint32_t epoch, uint32_t wrap_epoch)
{
    uint8_t root[HO_KEY_LEN], key[HO_KEY_LEN], sealed[HO_SEALED_LEN], envelope[MC_ENVELOPE_MAX];
    const struct mc_wrap wrap = {
        .meter_id = meter_id, .epoch = epoch, .wrap_epoch = wrap_epoch, .wrap_root = root
    };
    char label[48];
    int n = 0, r = ho_root_key(o, meter_id, wrap_epoch, root);

    if (r == 0)
        r = ho_fail(o, GF_E_STORE_DAMAGED, "key", "the key that wraps the new one is missing");
    if (r == 1)
        r = o->ports.random->fill(o->ports.random->ctx, key, sizeof key) == 0
                ? 0
                : ho_fail(o, GF_E_RANDOM, "key", meter_id);
    ho_key_label(meter_id, epoch, label);
    if (r == 0)
        r = ho_seal(o, label, key, sealed);
    if (r == 0
        && (n = mc_envelope_seal(o->ports.crypto, &wrap, key, envelope, sizeof envelope)) < 0)
        r = ho_fail(o, n, "key", meter_id);
    gf_wipe(root, sizeof root);
    gf_wipe(key, sizeof key);
    if (r == 0
        && odb_exec(o->db,
                    "INSERT INTO account_key (org_id, meter_id, epoch, sealed, wrap_epoch, "
                    "envelope, state, made_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'new', ?7)",
                    ODB(ODB_T(meter_id), ODB_I(epoch), ODB_B(sealed, sizeof sealed),
                        ODB_I(wrap_epoch), ODB_B(envelope, (size_t)n), ODB_I(ho_now_ms(o))))
               < 0)
        r = ho_db_fail(o);
    return r == 0 ? ho_log(o, "office", "account key made", "%s epoch %u", meter_id, epoch) : r;
}

/* The order begins: note what was registered, and choose the epoch. A meter that still has its
 * factory state gets a new key; one whose opening was begun before goes on under the key that it
 * has. */
static int begin_order(struct office *o, struct ho_order *order, const struct ho_meter *meter)
{
    uint32_t epoch =
        meter->life_state <= gasm_LifeState_FACTORY ? meter->active_epoch + 1 : meter->active_epoch;

    order->has_begun = true;
    order->began_state = meter->life_state;
    order->began_epoch = meter->active_epoch;
    order->began_seq = meter->last_seq;
    order->key_epoch = epoch;
    if (odb_exec(o->db,
                 "UPDATE work_order SET began_state = ?3, began_epoch = ?4, began_seq = ?5, "
                 "key_epoch = ?6 WHERE org_id = ?1 AND order_id = ?2",
                 ODB(ODB_B(order->id, GF_UUID_LEN), ODB_I(meter->life_state),
                     ODB_I(meter->active_epoch), ODB_I(meter->last_seq), ODB_I(epoch)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

/* ---- tickets ---- */

/* 1 when the order has a ticket for this epoch that is good for a while; 0 when it needs a new one;
 * or a failure. What was purged under it is all since its first use: an end that the meter decided
 * by itself names no ticket. */
static int has_good_ticket(struct office *o, const struct ho_order *order, uint32_t epoch)
{
    int64_t serial, used = 0, flowed = 0;
    int r = odb_number(o->db, &serial,
                       "SELECT MAX(serial) FROM ticket WHERE org_id = ?1 AND order_id = ?2 AND "
                       "epoch = ?3 AND is_void = 0 AND not_after_s > ?4",
                       ODB(ODB_B(order->id, GF_UUID_LEN), ODB_I(epoch),
                           ODB_I(ho_now_ms(o) / 1000 + HO_TICKET_LEFT_S)));

    if (r == 1
        && (odb_number(o->db, &used,
                       "SELECT COUNT(*) FROM receipt WHERE org_id = ?1 AND meter_id = ?2 AND "
                       "ticket_serial = ?3",
                       ODB(ODB_T(order->meter_id), ODB_I(serial)))
                < 0
            || odb_number(o->db, &flowed,
                          "SELECT COALESCE(SUM(flowed_l), 0) FROM receipt WHERE org_id = ?1 AND "
                          "meter_id = ?2 AND seq >= (SELECT MIN(seq) FROM receipt WHERE org_id = "
                          "?1 AND meter_id = ?2 AND ticket_serial = ?3)",
                          ODB(ODB_T(order->meter_id), ODB_I(serial)))
                   < 0))
        r = -1;
    if (r < 0)
        return ho_db_fail(o);
    return r == 1 && used <= HO_TICKET_USES - USES_LEFT
           && flowed <= (int64_t)order->purge_volume_l * (HO_PURGE_GRANTS - 1);
}

static int store_ticket(struct office *o, const struct ho_order *order, const gasm_Ticket *ticket)
{
    uint8_t bytes[MC_TICKET_MAX];
    int n = mc_ticket_encode(ticket, bytes, sizeof bytes);

    if (n < 0)
        return ho_fail(o, n, "ticket", order->number);
    if (odb_exec(
            o->db,
            "INSERT INTO ticket (org_id, meter_id, serial, order_id, staff_no, epoch, bytes, "
            "use_count, not_after_s, made_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            ODB(ODB_T(order->meter_id), ODB_I(ticket->serial), ODB_B(order->id, GF_UUID_LEN),
                ODB_T(order->staff_no), ODB_I(ticket->epoch), ODB_B(bytes, (size_t)n),
                ODB_I(ticket->use_count), ODB_I(ticket->not_after_s), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, "office", "ticket issued", "%s serial %llu epoch %u to %s for %s",
                  order->meter_id, (unsigned long long)ticket->serial, ticket->epoch,
                  order->staff_no, order->number);
}

#define RIGHT(name) (1u << gasm_Right_RIGHT_##name)

/* The ticket that brings the key, and the one for the rest of the work under it. */
static int make_tickets(struct office *o, const struct ho_order *order, bool with_install)
{
    int64_t now_s = ho_now_ms(o) / 1000, today_s = now_s - now_s % DAY_S, due_s = today_s,
            made_ms = now_s * 1000;
    int64_t serial = 0;

    (void)ho_date_parse(order->due, &due_s); /* checked when the order was made */
    if (odb_number(o->db, &made_ms,
                   "SELECT made_at_ms FROM work_order WHERE org_id = ?1 AND order_id = ?2",
                   ODB(ODB_B(order->id, GF_UUID_LEN)))
            < 0
        || odb_number(o->db, &serial,
                      "SELECT MAX(serial) FROM ticket WHERE org_id = ?1 AND meter_id = ?2",
                      ODB(ODB_T(order->meter_id)))
               < 0)
        return ho_db_fail(o);

    int64_t made_s = made_ms / 1000;
    gasm_Ticket t = {
        .role = gasm_Role_INSTALLER,
        .not_before_s = made_s - made_s % DAY_S - EARLY_S,
        .not_after_s = (due_s > today_s ? due_s : today_s) + 2 * DAY_S - 1,
        .serial_floor = (uint64_t)serial + 1,
        .use_count = HO_TICKET_USES,
    };
    int r = 0;

    memcpy(t.meter_id, order->meter_id, GF_METER_ID_LEN);
    (void)gf_copy(t.subject, sizeof t.subject, order->staff_no);
    if (with_install) {
        t.epoch = order->began_epoch;
        t.serial = (uint64_t)++serial;
        t.rights = RIGHT(READ) | RIGHT(KEY);
        t.installs_epoch = order->key_epoch;
        r = store_ticket(o, order, &t);
    }
    t.epoch = order->key_epoch;
    t.serial = (uint64_t)++serial;
    t.rights = RIGHT(READ) | RIGHT(OPEN) | RIGHT(PURGE) | RIGHT(CLEAR) | RIGHT(CLOCK)
               | RIGHT(PARAMETERS) | RIGHT(COMMISSION);
    t.installs_epoch = 0;
    t.account_no = order->account_no;
    t.purge_volume_l = order->purge_volume_l * HO_PURGE_GRANTS;
    t.purge_grant_s = order->purge_limit_s;
    return r == 0 ? store_ticket(o, order, &t) : r;
}

int ho_issue(struct office *o, struct ho_order *order, const struct ho_meter *meter)
{
    int r = order->has_begun ? 0 : begin_order(o, order, meter);
    int64_t keys = 0;

    if (r != 0)
        return r;
    if (odb_number(
            o->db, &keys,
            "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND epoch = ?3",
            ODB(ODB_T(order->meter_id), ODB_I(order->key_epoch)))
        < 0)
        return ho_db_fail(o);
    if (keys == 0 && (r = make_key(o, order->meter_id, order->key_epoch, order->began_epoch)) != 0)
        return r;

    r = has_good_ticket(o, order, order->key_epoch);
    return r != 0 ? (r < 0 ? r : 0)
                  : make_tickets(o, order, meter->active_epoch < order->key_epoch);
}

int ho_ticket_grant(struct office *o, const struct ho_order *order, uint32_t epoch,
                    sync_TicketGrant *ret)
{
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT bytes, not_after_s FROM ticket WHERE org_id = ?1 AND order_id = ?2 AND "
                  "epoch = ?3 AND is_void = 0 ORDER BY serial DESC",
                  ODB(ODB_B(order->id, GF_UUID_LEN), ODB_I(epoch)));
    uint8_t root[HO_KEY_LEN];
    int r = odb_next(o->db, q);

    *ret = (sync_TicketGrant){ .epoch = epoch };
    if (r < 0)
        (void)ho_db_fail(o);
    if (r == 1) {
        struct gf_span bytes = odb_bytes(q, 0);

        ret->not_after_s = odb_int(q, 1);
        if (bytes.n > sizeof ret->ticket.bytes)
            r = ho_fail(o, GF_E_STORE_DAMAGED, "ticket", order->number);
        else {
            memcpy(ret->ticket.bytes, bytes.p, bytes.n);
            ret->ticket.size = (pb_size_t)bytes.n;
        }
    }
    odb_end(q);
    if (r == 1 && (r = ho_root_key(o, order->meter_id, epoch, root)) == 1) {
        const struct gf_span ticket = { ret->ticket.bytes, ret->ticket.size };

        memcpy(ret->job_id, order->id, GF_UUID_LEN);
        (void)gf_copy(ret->meter_id, sizeof ret->meter_id, order->meter_id);
        if (mc_ticket_key(o->ports.crypto, root, ticket, ret->ticket_key) != 0)
            r = ho_fail(o, GF_E_CRYPTO, "ticket", order->number);
        gf_wipe(root, sizeof root);
    }
    return r;
}

int ho_key_issue(struct office *o, const struct ho_order *order, sync_KeyIssue *ret)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT envelope FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND epoch = ?3",
        ODB(ODB_T(order->meter_id), ODB_I(order->key_epoch)));
    int r = odb_next(o->db, q);

    *ret = (sync_KeyIssue){ .epoch = order->key_epoch };
    if (r < 0)
        (void)ho_db_fail(o);
    if (r == 1) {
        struct gf_span bytes = odb_bytes(q, 0);

        memcpy(ret->job_id, order->id, GF_UUID_LEN);
        (void)gf_copy(ret->meter_id, sizeof ret->meter_id, order->meter_id);
        if (bytes.n > sizeof ret->envelope.bytes)
            r = ho_fail(o, GF_E_STORE_DAMAGED, "key", order->number);
        else {
            memcpy(ret->envelope.bytes, bytes.p, bytes.n);
            ret->envelope.size = (pb_size_t)bytes.n;
        }
    }
    odb_end(q);
    return r;
}

int ho_void_tickets(struct office *o, const char *staff_no)
{
    if (odb_exec(o->db,
                 "UPDATE ticket SET is_void = 1 WHERE org_id = ?1 AND staff_no = ?2 AND order_id "
                 "IN (SELECT order_id FROM work_order WHERE org_id = ?1 AND closed_at_ms IS NULL)",
                 ODB(ODB_T(staff_no)))
        < 0)
        return ho_db_fail(o);
    return 0;
}
