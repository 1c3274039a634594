/* office_changes.c - what changed for a laptop since its cursor; see office_sync.h.
 *
 * The feed names orders only: each goes with its meter, and, while it is open, with its tickets and
 * key. What is sent is what stands now, so an order that changed ten times is sent once.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/office_sync.h"
#include "common/text.h"

/* "7=5000;8=0" to the job's list. False when it is not of that form. */
static bool read_parameters(const char *text, sync_Job *job)
{
    while (*text != '\0') {
        char id[16], value[24];
        int64_t n, v;
        size_t a = strcspn(text, "="), b = text[a] == '=' ? strcspn(text + a + 1, ";") : 0;

        if (a >= sizeof id || b == 0 || b >= sizeof value
            || job->parameters_count == sizeof job->parameters / sizeof job->parameters[0])
            return false;
        memcpy(id, text, a);
        id[a] = '\0';
        memcpy(value, text + a + 1, b);
        value[b] = '\0';
        if (gf_parse_int(id, 1, UINT32_MAX, &n) != 0
            || gf_parse_int(value, INT32_MIN, INT32_MAX, &v) != 0)
            return false;
        job->parameters[job->parameters_count++] =
            (sync_Param){ .id = (uint32_t)n, .value = (int32_t)v };
        text += a + 1 + b;
        text += *text == ';' ? 1 : 0;
    }
    return true;
}

static int add_job(struct office *o, struct ho_sync *s, const struct ho_order *order)
{
    sync_Down down = { .which_body = sync_Down_job_tag };
    sync_Job *job = &down.body.job;

    memcpy(job->id, order->id, GF_UUID_LEN);
    (void)gf_copy(job->number, sizeof job->number, order->number);
    (void)gf_copy(job->kind, sizeof job->kind, order->kind);
    (void)gf_copy(job->state, sizeof job->state, order->state);
    (void)gf_copy(job->due, sizeof job->due, order->due);
    (void)gf_copy(job->meter_id, sizeof job->meter_id, order->meter_id);
    (void)gf_copy(job->supply_point, sizeof job->supply_point, order->supply_point);
    (void)gf_copy(job->address, sizeof job->address, order->address);
    (void)gf_copy(job->customer_no, sizeof job->customer_no, order->customer_no);
    (void)gf_copy(job->customer_name, sizeof job->customer_name, order->customer_name);
    (void)gf_copy(job->customer_phone, sizeof job->customer_phone, order->customer_phone);
    (void)gf_copy(job->note, sizeof job->note, order->note);
    job->priority = (uint32_t)order->priority;
    job->account_no = order->account_no;
    job->purge_volume_l = order->purge_volume_l;
    job->purge_limit_s = order->purge_limit_s;
    if (!read_parameters(order->parameters, job))
        return ho_fail(o, GF_E_STORE_DAMAGED, "parameters", order->number);
    return ho_down(o, s, &down);
}

static int add_meter(struct office *o, struct ho_sync *s, const struct ho_meter *meter)
{
    sync_Down down = { .which_body = sync_Down_meter_tag };
    sync_MeterRow *row = &down.body.meter;

    (void)gf_copy(row->meter_id, sizeof row->meter_id, meter->id);
    (void)gf_copy(row->bt_address, sizeof row->bt_address, meter->bt_address);
    row->meter_type = meter->type;
    row->state = meter->life_state;
    return ho_down(o, s, &down);
}

/* The ticket for one epoch, when there is one. */
static int add_ticket(struct office *o, struct ho_sync *s, const struct ho_order *order,
                      uint32_t epoch)
{
    sync_Down down = { .which_body = sync_Down_ticket_tag };
    int r = ho_ticket_grant(o, order, epoch, &down.body.ticket);

    if (r == 1)
        r = ho_down(o, s, &down);
    gf_wipe(&down, sizeof down);
    return r;
}

/* Everything that an open order needs: the key of its envelope stays sealed, the tickets' keys are
 * this device's. */
static int add_secrets(struct office *o, struct ho_sync *s, struct ho_order *order,
                       const struct ho_meter *meter)
{
    sync_Down down = { .which_body = sync_Down_key_tag };
    int r = ho_issue(o, order, meter);

    /* until the receipt of the change is home, tickets of both epochs are out */
    if (r == 0 && meter->active_epoch < order->key_epoch)
        r = add_ticket(o, s, order, order->began_epoch);
    if (r == 0)
        r = add_ticket(o, s, order, order->key_epoch);
    if (r == 0 && (r = ho_key_issue(o, order, &down.body.key)) == 1)
        r = ho_down(o, s, &down);
    if (r == 0
        && odb_exec(o->db,
                    "INSERT INTO ticket_holder (org_id, order_id, device_id, since_ms) VALUES (?1, "
                    "?2, ?3, ?4) ON CONFLICT (org_id, order_id, device_id) DO NOTHING",
                    ODB(ODB_B(order->id, GF_UUID_LEN), ODB_B(s->device.id, GF_UUID_LEN),
                        ODB_I(ho_now_ms(o))))
               < 0)
        r = ho_db_fail(o);
    return r;
}

static int add_certificate(struct office *o, struct ho_sync *s, const struct ho_order *order)
{
    sync_Down down = { .which_body = sync_Down_certificate_tag };
    sync_Certificate *c = &down.body.certificate;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT number, text, signature FROM certificate WHERE org_id = ?1 AND order_id = ?2",
        ODB(ODB_B(order->id, GF_UUID_LEN)));
    int r = odb_next(o->db, q);

    if (r == 1) {
        struct gf_span signature = odb_bytes(q, 2);

        memcpy(c->job_id, order->id, GF_UUID_LEN);
        odb_text(q, 0, c->number, sizeof c->number);
        odb_text(q, 1, c->text, sizeof c->text);
        c->signature.size = (pb_size_t)(signature.n <= sizeof c->signature.bytes ? signature.n : 0);
        if (c->signature.size > 0)
            memcpy(c->signature.bytes, signature.p, signature.n);
    }
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    return r == 1 ? ho_down(o, s, &down) : 0;
}

static int add_order(struct office *o, struct ho_sync *s, const uint8_t id[static GF_UUID_LEN])
{
    struct ho_order order;
    struct ho_meter meter;
    int r = ho_find_order(o, id, &order);

    if (r != 1 || strcmp(order.staff_no, s->device.staff_no) != 0)
        return r < 0 ? r : 0;
    if ((r = ho_find_meter(o, order.meter_id, &meter)) != 1)
        return r;
    if ((r = add_job(o, s, &order)) == 0)
        r = add_meter(o, s, &meter);
    if (r == 0 && !order.is_closed)
        r = add_secrets(o, s, &order, &meter);
    return r == 0 ? add_certificate(o, s, &order) : r;
}

/* The last change that this answer reaches, and whether there are others after it:
 * HO_ORDERS_AT_ONCE lines of the feed that are the last of their order. A cursor that head office
 * never gave (its database is an older copy) starts anew. */
static int choose_end(struct office *o, const struct ho_sync *s, int64_t *ret_from, int64_t *ret_to,
                      bool *ret_more)
{
    int64_t newest = 0, n = 0;
    int r;

    if (odb_number(o->db, &newest, "SELECT MAX(change_no) FROM change_feed WHERE org_id = ?1",
                   ODB_NONE)
        < 0)
        return ho_db_fail(o);
    *ret_from = s->head.cursor <= (uint64_t)newest ? (int64_t)s->head.cursor : 0;
    *ret_to = newest;
    *ret_more = false;

    struct odb_query *q =
        odb_query(o->db,
                  "SELECT MAX(change_no) AS last FROM change_feed WHERE org_id = ?1 AND staff_no = "
                  "?2 AND change_no > ?3 GROUP BY order_id ORDER BY last",
                  ODB(ODB_T(s->device.staff_no), ODB_I(*ret_from)));
    while ((r = odb_next(o->db, q)) == 1 && !*ret_more) {
        if (++n <= HO_ORDERS_AT_ONCE)
            *ret_to = odb_int(q, 0);
        else
            *ret_more = true;
    }
    odb_end(q);
    if (!*ret_more)
        *ret_to = newest;
    return r < 0 ? ho_db_fail(o) : 0;
}

/* All ids that a query gives. Collected first: what is done with them writes to the same tables.
 * Ends the query. */
static int collect_ids(struct office *o, struct odb_query *q, struct buf *ret)
{
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        struct gf_span id = odb_bytes(q, 0);

        if (id.n == GF_UUID_LEN)
            buf_add(ret, id.p, id.n);
    }
    odb_end(q);
    if (r == 0 && ret->bad)
        return ho_fail(o, GF_E_MEMORY, "changes", "");
    return r < 0 ? ho_db_fail(o) : 0;
}

/* The orders whose last change lies in (from, to]. */
static int list_orders(struct office *o, const struct ho_sync *s, int64_t from, int64_t to,
                       struct buf *ret)
{
    return collect_ids(o,
                       odb_query(o->db,
                                 "SELECT order_id, MAX(change_no) AS last FROM change_feed WHERE "
                                 "org_id = ?1 AND staff_no = ?2 AND change_no > ?3 GROUP BY "
                                 "order_id HAVING MAX(change_no) <= ?4 ORDER BY last",
                                 ODB(ODB_T(s->device.staff_no), ODB_I(from), ODB_I(to))),
                       ret);
}

/* Orders whose tickets run out are changes too: nobody else would tell. */
static int feed_expiring(struct office *o, const struct ho_sync *s)
{
    struct buf ids = { 0 };
    struct ho_order order;
    int64_t good_s = ho_now_ms(o) / 1000 + HO_TICKET_LEFT_S;
    int r = collect_ids(
        o,
        odb_query(o->db,
                  "SELECT w.order_id FROM work_order w WHERE w.org_id = ?1 AND w.staff_no = ?2 AND "
                  "w.closed_at_ms IS NULL AND w.key_epoch IS NOT NULL AND NOT EXISTS (SELECT 1 "
                  "FROM ticket t WHERE t.org_id = w.org_id AND t.order_id = w.order_id AND t.epoch "
                  "= w.key_epoch AND t.is_void = 0 AND t.not_after_s > ?3)",
                  ODB(ODB_T(s->device.staff_no), ODB_I(good_s))),
        &ids);

    for (size_t at = 0; r == 0 && at < ids.n; at += GF_UUID_LEN) {
        r = ho_find_order(o, ids.p + at, &order);
        r = r == 1 ? ho_changed(o, &order) : r;
    }
    buf_free(&ids);
    return r;
}

int ho_add_changes(struct office *o, struct ho_sync *s)
{
    struct buf ids = { 0 };
    int64_t from = 0, to = 0;
    bool more = false;
    int r = feed_expiring(o, s);

    if (r == 0)
        r = choose_end(o, s, &from, &to, &more);
    if (r == 0)
        r = list_orders(o, s, from, to, &ids);
    for (size_t at = 0; r == 0 && at < ids.n; at += GF_UUID_LEN)
        r = add_order(o, s, ids.p + at);
    buf_free(&ids);
    if (r != 0)
        return r;

    sync_Down down = { .which_body = sync_Down_end_tag };
    down.body.end.cursor = (uint64_t)to;
    down.body.end.office_ms = ho_now_ms(o);
    down.body.end.more = more;
    down.body.end.items = ho_verdicts(s);
    return ho_down(o, s, &down);
}
