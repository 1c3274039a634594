/* office_ticket.c - tickets of orders and of customers, as the table of kinds says; see
 * office_issue.h. */
#include <string.h>

#include "backend/office_issue.h"
#include "backend/swap_case.h"
#include "common/text.h"

#define DAY_S 86400
#define EARLY_S 3600 /* a ticket is good an hour before its day: clocks differ */
#define USES_LEFT 8  /* or with fewer uses */
#define CUSTOMER_USES_LEFT 20
#define RIGHT(name) (1u << gasm_Right_RIGHT_##name)

int ho_live_epochs(struct office *o, const struct ho_meter *meter, uint32_t ret[static 2])
{
    int64_t epoch = 0;
    int r = odb_number(o->db, &epoch,
                       "SELECT MAX(epoch) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
                       "epoch > ?3 AND state = 'new'",
                       ODB(ODB_T(meter->id), ODB_I(meter->active_epoch)));

    ret[0] = meter->active_epoch;
    ret[1] = (uint32_t)epoch;
    return r < 0 ? ho_db_fail(o) : 1 + r;
}

/* ---- which tickets an order needs now ---- */

struct want {
    const struct order_ticket *row;
    uint32_t epoch;
};

/* The order under way: its meters, its case, what it needs. */
struct issuing {
    const struct ho_order *order;
    const struct order_kind *kind;
    const struct ho_meter *meter;
    struct ho_meter old_meter;
    struct swap_case swap;
    struct want wants[HO_TICKETS_MAX];
    size_t n;
};

static const char *meter_of(const struct issuing *i, const struct want *w)
{
    return w->row->of == ORDER_OLD_METER ? i->old_meter.id : i->meter->id;
}

static void add_want(struct issuing *i, const struct order_ticket *row, uint32_t epoch)
{
    i->wants[i->n++] = (struct want){ row, epoch };
}

/* The tickets of one row. The ticket that brings a key goes once its receipt is home, the old
 * meter's once its account is closed. */
static int add_wants(struct office *o, struct issuing *i, const struct order_ticket *row)
{
    const struct ho_order *order = i->order;
    bool is_old = row->of == ORDER_OLD_METER;
    uint32_t epochs[2];
    int n;

    if ((row->rights & RIGHT(KEY)) != 0 && i->meter->active_epoch >= order->key_epoch)
        return 0;
    if (is_old && strcmp(i->swap.state, "planned") != 0)
        return 0;
    if (i->kind->new_key && !is_old) {
        add_want(i, row, row->epoch == EPOCH_BEFORE ? order->began_epoch : order->key_epoch);
        return 0;
    }
    n = ho_live_epochs(o, is_old ? &i->old_meter : i->meter, epochs);
    for (int e = 0; e < n; e++)
        add_want(i, row, epochs[e]);
    return n < 0 ? n : 0;
}

static int begin(struct office *o, struct issuing *i, const struct ho_order *order,
                 const struct order_kind *kind, const struct ho_meter *meter)
{
    int r = 1;

    *i = (struct issuing){ .order = order, .kind = kind, .meter = meter };
    if (kind->swaps)
        r = order->has_swap ? swap_find(o, order->swap_case, &i->swap) : 0;
    if (r == 1 && kind->swaps)
        r = ho_find_meter(o, i->swap.old_meter_id, &i->old_meter);
    if (r != 1)
        return r < 0 ? r : ho_fail(o, GF_E_STORE_DAMAGED, "swap case", order->number);
    for (size_t t = 0; t < kind->n_tickets && r >= 0; t++)
        r = add_wants(o, i, &kind->tickets[t]);
    return r < 0 ? r : 0;
}

/* ---- is it good? ---- */

/* How often a ticket was used, as the receipts at home say. 0 or a failure. */
static int read_uses(struct office *o, const char *meter_id, int64_t serial, int64_t *ret)
{
    *ret = 0;
    return odb_number(o->db, ret,
                      "SELECT COUNT(*) FROM receipt WHERE org_id = ?1 AND meter_id = ?2 AND "
                      "ticket_serial = ?3",
                      ODB(ODB_T(meter_id), ODB_I(serial)))
                   < 0
               ? ho_db_fail(o)
               : 0;
}

/* What was purged under a ticket is all since its first use: an end that the meter decided by itself
 * names no ticket. Every receipt since then is read. 0 or a failure. */
static int read_purged(struct office *o, const char *meter_id, int64_t serial, int64_t *ret_l)
{
    *ret_l = 0;
    return odb_number(o->db, ret_l,
                      "SELECT CAST(COALESCE(SUM(flowed_l), 0) AS BIGINT) FROM receipt WHERE org_id "
                      "= ?1 AND meter_id = ?2 AND seq >= (SELECT MIN(seq) FROM receipt WHERE "
                      "org_id = ?1 AND meter_id = ?2 AND ticket_serial = ?3)",
                      ODB(ODB_T(meter_id), ODB_I(serial)))
                   < 0
               ? ho_db_fail(o)
               : 0;
}

/* 1 when the order has this ticket and it is good for a while; 0 when it needs a new one; or a
 * failure. */
static int has_good(struct office *o, const struct issuing *i, const struct want *w)
{
    int64_t serial = 0, used, purged_l;
    int r = odb_number(o->db, &serial,
                       "SELECT MAX(serial) FROM ticket WHERE org_id = ?1 AND order_id = ?2 AND "
                       "meter_id = ?3 AND epoch = ?4 AND is_void = 0 AND not_after_s > ?5",
                       ODB(ODB_B(i->order->id, GF_UUID_LEN), ODB_T(meter_of(i, w)),
                           ODB_I(w->epoch), ODB_I(ho_now_ms(o) / 1000 + HO_TICKET_LEFT_S)));

    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    if ((r = read_uses(o, meter_of(i, w), serial, &used)) != 0)
        return r;
    if (used > HO_TICKET_USES - USES_LEFT)
        return 0;
    if (used == 0 || (w->row->rights & RIGHT(PURGE)) == 0)
        return 1;
    if ((r = read_purged(o, meter_of(i, w), serial, &purged_l)) != 0)
        return r;
    return purged_l <= (int64_t)i->order->purge_volume_l * (HO_PURGE_GRANTS - 1);
}

/* ---- making them ---- */

/* The highest serial of a meter so far; after a restore, what may have been issued since counts. */
static int last_serial(struct office *o, const char *meter_id, int64_t *ret)
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT serial, made_at_ms FROM ticket WHERE org_id = ?1 AND "
                                    "meter_id = ?2 ORDER BY serial DESC LIMIT 1",
                                    ODB(ODB_T(meter_id)));
    int64_t made_at_ms = 0;
    int r = odb_next(o->db, q);

    *ret = 0;
    if (r == 1) {
        *ret = odb_int(q, 0);
        made_at_ms = odb_int(q, 1);
    }
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    *ret += ho_restore_skip(o, made_at_ms);
    return 0;
}

int ho_ticket_lost(struct office *o, const char *meter_id, uint64_t serial)
{
    int64_t last = 0;
    int r = 0;

    if (ho_restore_skip(o, 0) > 0)
        r = last_serial(o, meter_id, &last);
    return r != 0 ? r : serial <= (uint64_t)last;
}

/* Keep a ticket of an order, or (NULL) of a customer: its subject is whose it is. */
static int store_ticket(struct office *o, const gasm_Ticket *t, const struct ho_order *order,
                        const char *customer_no)
{
    uint8_t bytes[MC_TICKET_MAX];
    char meter_id[GF_METER_ID_TEXT] = "";
    int n = mc_ticket_encode(t, bytes, sizeof bytes);

    memcpy(meter_id, t->meter_id, GF_METER_ID_LEN);
    if (n < 0)
        return ho_fail(o, n, "ticket", meter_id);
    if (odb_exec(o->db,
                 "INSERT INTO ticket (org_id, meter_id, serial, order_id, staff_no, customer_no, "
                 "role, rights, epoch, bytes, use_count, not_after_s, made_at_ms) VALUES (?1, ?2, "
                 "?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                 ODB(ODB_T(meter_id), ODB_I(t->serial),
                     ODB_B(order != NULL ? order->id : NULL, GF_UUID_LEN),
                     ODB_T(order != NULL ? order->staff_no : NULL), ODB_T(customer_no),
                     ODB_I(t->role), ODB_I(t->rights), ODB_I(t->epoch), ODB_B(bytes, (size_t)n),
                     ODB_I(t->use_count), ODB_I(t->not_after_s), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, "office", "ticket issued", "%s serial %llu epoch %u to %s for %s", meter_id,
                  (unsigned long long)t->serial, t->epoch, t->subject,
                  order != NULL ? order->number : "the customer");
}

/* What follows from a row's rights. Once a case is settled its tickets have no terms: nothing is
 * left that a meter could take. */
static void set_limits(const struct issuing *i, const struct want *w, gasm_Ticket *t)
{
    const uint32_t rights = w->row->rights;

    t->role = w->row->role;
    t->rights = rights;
    t->epoch = w->epoch;
    t->installs_epoch = (rights & RIGHT(KEY)) != 0 ? i->order->key_epoch : 0;
    t->account_no = (rights & RIGHT(OPEN)) != 0 ? i->order->account_no : 0;
    t->purge_volume_l =
        (rights & RIGHT(PURGE)) != 0 ? i->order->purge_volume_l * HO_PURGE_GRANTS : 0;
    t->purge_grant_s = (rights & RIGHT(PURGE)) != 0 ? i->order->purge_limit_s : 0;
    t->swap.size = 0;
    if (i->kind->swaps && strcmp(i->swap.state, "settled") != 0
        && (rights & (RIGHT(CLOSE) | RIGHT(IMPORT))) != 0) {
        t->swap.size = (pb_size_t)i->swap.terms_n;
        memcpy(t->swap.bytes, i->swap.terms, i->swap.terms_n);
    }
}

/* The window of an order's tickets: from an hour before the day on which it was made to the end of
 * the day after it is due, or after today. */
static int set_window(struct office *o, const struct ho_order *order, gasm_Ticket *t)
{
    int64_t now_s = ho_now_ms(o) / 1000, today_s = now_s - now_s % DAY_S, due_s = today_s,
            made_ms = now_s * 1000, made_s;

    (void)ho_date_parse(order->due, &due_s); /* checked when the order was made */
    if (odb_number(o->db, &made_ms,
                   "SELECT made_at_ms FROM work_order WHERE org_id = ?1 AND order_id = ?2",
                   ODB(ODB_B(order->id, GF_UUID_LEN)))
        < 0)
        return ho_db_fail(o);
    made_s = made_ms / 1000;
    t->not_before_s = made_s - made_s % DAY_S - EARLY_S;
    t->not_after_s = (due_s > today_s ? due_s : today_s) + 2 * DAY_S - 1;
    return 0;
}

/* New ones for all wants. The serial floor of the first of a meter voids what it had before. */
static int make_all(struct office *o, struct issuing *i)
{
    gasm_Ticket t = { .use_count = HO_TICKET_USES };
    int64_t serials[2], floors[2];
    int r = set_window(o, i->order, &t);

    (void)gf_copy(t.subject, sizeof t.subject, i->order->staff_no);
    if (r == 0 && i->kind->swaps)
        r = swap_renew_terms(o, &i->swap, t.not_after_s);
    if (r == 0)
        r = last_serial(o, i->meter->id, &serials[ORDER_METER]);
    if (r == 0)
        r = last_serial(o, i->old_meter.id, &serials[ORDER_OLD_METER]);
    for (size_t m = 0; r == 0 && m < 2; m++)
        floors[m] = serials[m] + 1;
    for (size_t n = 0; r == 0 && n < i->n; n++) {
        const struct want *w = &i->wants[n];

        memcpy(t.meter_id, meter_of(i, w), GF_METER_ID_LEN);
        t.serial = (uint64_t)++serials[w->row->of];
        t.serial_floor = (uint64_t)floors[w->row->of];
        set_limits(i, w, &t);
        r = store_ticket(o, &t, i->order, NULL);
    }
    return r;
}

int ho_issue_tickets(struct office *o, const struct ho_order *order, const struct order_kind *kind,
                     const struct ho_meter *meter)
{
    struct issuing i;
    int r = begin(o, &i, order, kind, meter), good = 1;

    if (r != 0)
        return r;
    if (kind->swaps && strcmp(i.swap.state, "planned") == 0
        && i.swap.not_after_s <= ho_now_ms(o) / 1000 + HO_TICKET_LEFT_S)
        good = 0;
    for (size_t n = 0; good == 1 && n < i.n; n++)
        good = has_good(o, &i, &i.wants[n]);
    return good < 0 ? good : good == 1 ? 0 : make_all(o, &i);
}

/* ---- on their way ---- */

/* The newest ticket of a query (bytes, not_after_s, serial) with its key. 1, 0 or a failure. Ends
 * the query. */
static int take_ticket(struct office *o, struct odb_query *q, const char *meter_id, uint32_t epoch,
                       struct ho_customer_ticket *ret)
{
    uint8_t root[HO_KEY_LEN];
    int r = odb_next(o->db, q);

    *ret = (struct ho_customer_ticket){ .epoch = epoch };
    if (r == 1) {
        struct gf_span bytes = odb_bytes(q, 0);

        ret->not_after_s = odb_int(q, 1);
        ret->serial = (uint64_t)odb_int(q, 2);
        ret->ticket_n = bytes.n <= sizeof ret->ticket ? bytes.n : 0;
        if (ret->ticket_n > 0)
            memcpy(ret->ticket, bytes.p, bytes.n);
    }
    odb_end(q);
    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    if (ret->ticket_n == 0)
        return ho_fail(o, GF_E_STORE_DAMAGED, "ticket", meter_id);
    if ((r = ho_root_key(o, meter_id, epoch, root)) != 1)
        return r;
    if (mc_ticket_key(o->ports.crypto, root, (struct gf_span){ ret->ticket, ret->ticket_n },
                      ret->key)
        != 0)
        r = ho_fail(o, GF_E_CRYPTO, "ticket", meter_id);
    gf_wipe(root, sizeof root);
    return r;
}

static int grant(struct office *o, const struct issuing *i, const struct want *w,
                 sync_TicketGrant *ret)
{
    struct ho_customer_ticket found;
    int r = take_ticket(o,
                        odb_query(o->db,
                                  "SELECT bytes, not_after_s, serial FROM ticket WHERE org_id = ?1 "
                                  "AND order_id = ?2 AND meter_id = ?3 AND epoch = ?4 AND is_void "
                                  "= 0 ORDER BY serial DESC",
                                  ODB(ODB_B(i->order->id, GF_UUID_LEN), ODB_T(meter_of(i, w)),
                                      ODB_I(w->epoch))),
                        meter_of(i, w), w->epoch, &found);

    *ret = (sync_TicketGrant){ .epoch = w->epoch, .not_after_s = found.not_after_s };
    if (r == 1) {
        memcpy(ret->job_id, i->order->id, GF_UUID_LEN);
        (void)gf_copy(ret->meter_id, sizeof ret->meter_id, meter_of(i, w));
        memcpy(ret->ticket_key, found.key, sizeof ret->ticket_key);
        memcpy(ret->ticket.bytes, found.ticket, found.ticket_n);
        ret->ticket.size = (pb_size_t)found.ticket_n;
    }
    gf_wipe(&found, sizeof found);
    return r;
}

int ho_ticket_grants(struct office *o, const struct ho_order *order, const struct ho_meter *meter,
                     sync_TicketGrant ret[static HO_TICKETS_MAX])
{
    const struct order_kind *kind = order_kind_find(order->kind);
    struct issuing i;
    int n = 0, r;

    if (kind == NULL)
        return ho_fail(o, GF_E_STORE_DAMAGED, "kind", order->number);
    r = begin(o, &i, order, kind, meter);
    for (size_t w = 0; r >= 0 && w < i.n; w++)
        if ((r = grant(o, &i, &i.wants[w], &ret[n])) == 1)
            n++;
    return r < 0 ? r : n;
}

/* ---- void ---- */

int ho_void_tickets(struct office *o, const char *staff_no)
{
    return odb_exec(o->db,
                    "UPDATE ticket SET is_void = 1 WHERE org_id = ?1 AND staff_no = ?2 AND "
                    "order_id IN (SELECT order_id FROM work_order WHERE org_id = ?1 AND staff_no = "
                    "?2 AND closed_at_ms IS NULL)",
                    ODB(ODB_T(staff_no)))
                   < 0
               ? ho_db_fail(o)
               : 0;
}

int ho_void_order_tickets(struct office *o, const uint8_t order_id[static GF_UUID_LEN])
{
    return odb_exec(o->db, "UPDATE ticket SET is_void = 1 WHERE org_id = ?1 AND order_id = ?2",
                    ODB(ODB_B(order_id, GF_UUID_LEN)))
                   < 0
               ? ho_db_fail(o)
               : 0;
}

int ho_void_customer_tickets(struct office *o, const char *meter_id)
{
    return odb_exec(o->db,
                    "UPDATE ticket SET is_void = 1 WHERE org_id = ?1 AND meter_id = ?2 AND "
                    "customer_no IS NOT NULL AND is_void = 0",
                    ODB(ODB_T(meter_id)))
                   < 0
               ? ho_db_fail(o)
               : 0;
}

/* ---- a customer's ---- */

/* 1 when the meter is bound to the customer and has their open account; *ret is the meter. */
static int find_bound(struct office *o, const char *customer_no, const char *meter_id,
                      struct ho_meter *ret)
{
    int64_t n = 0;

    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM binding b JOIN account a ON a.org_id = b.org_id AND "
                   "a.account_no = b.account_no AND a.meter_id = b.meter_id WHERE b.org_id = ?1 "
                   "AND b.customer_no = ?2 AND b.meter_id = ?3 AND b.ended_at_ms IS NULL AND "
                   "a.state = 'open'",
                   ODB(ODB_T(customer_no), ODB_T(meter_id)))
        < 0)
        return ho_db_fail(o);
    return n > 0 ? ho_find_meter(o, meter_id, ret) : 0;
}

static struct odb_query *query_customer(struct office *o, const char *customer_no,
                                        const struct ho_meter *meter, int64_t now_s)
{
    return odb_query(o->db,
                     "SELECT bytes, not_after_s, serial FROM ticket WHERE org_id = ?1 AND "
                     "customer_no = ?2 AND meter_id = ?3 AND epoch = ?4 AND is_void = 0 AND "
                     "not_after_s > ?5 ORDER BY serial DESC",
                     ODB(ODB_T(customer_no), ODB_T(meter->id), ODB_I(meter->active_epoch),
                         ODB_I(now_s + HO_CUSTOMER_TICKET_LEFT_S)));
}

static int make_customer(struct office *o, const char *customer_no, const struct ho_meter *meter,
                         int64_t now_s)
{
    gasm_Ticket t = { .role = gasm_Role_CUSTOMER,
                      .rights = ORDER_CUSTOMER_RIGHTS,
                      .epoch = meter->active_epoch,
                      .not_before_s = now_s - EARLY_S,
                      .not_after_s = now_s + HO_CUSTOMER_TICKET_S,
                      .use_count = HO_CUSTOMER_TICKET_USES };
    int64_t serial;
    int r = last_serial(o, meter->id, &serial);

    memcpy(t.meter_id, meter->id, GF_METER_ID_LEN);
    (void)gf_copy(t.subject, sizeof t.subject, customer_no); /* cut: it is for people's eyes */
    t.serial = (uint64_t)serial + 1;
    return r == 0 ? store_ticket(o, &t, NULL, customer_no) : r;
}

int ho_customer_ticket(struct office *o, const char *customer_no, const char *meter_id,
                       struct ho_customer_ticket *ret)
{
    int64_t now_s = ho_now_ms(o) / 1000, used;
    struct ho_meter meter;
    int r = find_bound(o, customer_no, meter_id, &meter);

    *ret = (struct ho_customer_ticket){ 0 };
    if (r != 1)
        return r;
    r = take_ticket(o, query_customer(o, customer_no, &meter, now_s), meter.id, meter.active_epoch,
                    ret);
    if (r == 1) {
        r = read_uses(o, meter.id, (int64_t)ret->serial, &used);
        if (r != 0)
            return r;
        if (used <= HO_CUSTOMER_TICKET_USES - CUSTOMER_USES_LEFT)
            return 1;
    }
    if (r == 0)
        r = make_customer(o, customer_no, &meter, now_s);
    return r == 0 ? take_ticket(o, query_customer(o, customer_no, &meter, now_s), meter.id,
                                meter.active_epoch, ret)
                  : r;
}
