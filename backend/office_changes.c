/* office_changes.c - what changed for a laptop since its cursor; see office_sync.h.
 *
 * The feed names orders only: each goes with its meter, and, while it is open, with its tickets and
 * key. What is sent is what stands now, so an order that changed ten times is sent once.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/office_sync.h"
#include "backend/swap_case.h"
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
    job->swap_case.size = order->has_swap ? sizeof order->swap_case : 0;
    memcpy(job->swap_case.bytes, order->swap_case, job->swap_case.size);
    (void)gf_copy(job->old_meter_id, sizeof job->old_meter_id, order->old_meter_id);
    (void)gf_copy(job->reason, sizeof job->reason, order->reason);
    job->old_account_no = order->old_account_no;
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

/* Every ticket that is good now, with its key: this device's. Until the receipt of a change of keys
 * is home, those of both epochs are out. */
static int add_tickets(struct office *o, struct ho_sync *s, const struct ho_order *order,
                       const struct ho_meter *meter)
{
    sync_TicketGrant grants[HO_TICKETS_MAX];
    sync_Down down = { .which_body = sync_Down_ticket_tag };
    int n = ho_ticket_grants(o, order, meter, grants), r = n < 0 ? n : 0;

    for (int i = 0; r == 0 && i < n; i++) {
        down.body.ticket = grants[i];
        r = ho_down(o, s, &down);
    }
    gf_wipe(grants, sizeof grants);
    gf_wipe(&down, sizeof down);
    return r;
}

/* What the old meter of a swap needs to close its account for the new one: under each epoch that it
 * may have. Its meter's row goes too. */
static int add_swap(struct office *o, struct ho_sync *s, const struct ho_order *order)
{
    struct swap_case c;
    struct ho_meter old;
    uint32_t epochs[2];
    int n, r = swap_find(o, order->swap_case, &c);

    if (r != 1 || (r = ho_find_meter(o, c.old_meter_id, &old)) != 1
        || (r = add_meter(o, s, &old)) != 0)
        return r;
    n = strcmp(c.state, "planned") == 0 ? ho_live_epochs(o, &old, epochs) : 0;
    for (int e = 0; r == 0 && e < n; e++) {
        sync_Down down = { .which_body = sync_Down_swap_tag };
        sync_SwapIssue *issue = &down.body.swap;

        memcpy(issue->job_id, order->id, GF_UUID_LEN);
        (void)gf_copy(issue->old_meter_id, sizeof issue->old_meter_id, c.old_meter_id);
        issue->wrap_epoch = epochs[e];
        r = swap_key_for(o, &c, epochs[e], issue->swap_key.bytes, sizeof issue->swap_key.bytes);
        if (r > 0) {
            issue->swap_key.size = (pb_size_t)r;
            r = ho_down(o, s, &down);
        }
    }
    return n < 0 ? n : r;
}

/* A token that waits, under each epoch that its meter may have. */
static int add_token(struct office *o, struct ho_sync *s, const struct ho_order *order,
                     const struct credit_token *token)
{
    sync_Down down = { .which_body = sync_Down_token_tag };
    sync_TokenIssue *issue = &down.body.token;
    struct credit_carrier carrier;
    int r;

    memcpy(issue->job_id, order->id, GF_UUID_LEN);
    (void)gf_copy(issue->meter_id, sizeof issue->meter_id, token->meter_id);
    issue->account_no = token->account_no;
    issue->sequence = token->sequence;
    while ((r = credit_epochs(o, token->meter_id, issue->epoch, &issue->epoch)) == 1) {
        if ((r = credit_carrier(o, token, issue->epoch, &carrier)) != 0)
            return r;
        issue->token.size = (pb_size_t)carrier.n;
        memcpy(issue->token.bytes, carrier.sealed, carrier.n);
        if ((r = ho_down(o, s, &down)) != 0)
            return r;
    }
    return r;
}

/* The newest token of the order's account that waits: it brings what all before it would. */
static int add_credit(struct office *o, struct ho_sync *s, const struct ho_order *order)
{
    struct credit_token token;
    int64_t sequence = 0;
    int r = odb_number(o->db, &sequence,
                       "SELECT MAX(sequence) FROM token WHERE org_id = ?1 AND account_no = ?2 AND "
                       "state = 'pending'",
                       ODB(ODB_I(order->account_no)));

    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    r = credit_find_token(o, order->account_no, (uint64_t)sequence, &token);
    return r == 1 ? add_token(o, s, order, &token) : r;
}

/* Everything that an open order needs: the key of its envelope stays sealed. */
static int add_secrets(struct office *o, struct ho_sync *s, struct ho_order *order,
                       const struct ho_meter *meter)
{
    sync_Down down = { .which_body = sync_Down_key_tag };
    int r = ho_issue(o, order, meter);

    if (r == 0)
        r = add_tickets(o, s, order, meter);
    if (r == 0 && (r = ho_key_issue(o, order, &down.body.key)) == 1)
        r = ho_down(o, s, &down);
    if (r == 0 && order->has_swap)
        r = add_swap(o, s, order);
    if (r == 0)
        r = add_credit(o, s, order);
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

/* An order that this device had and that went to somebody else: it ends here as unable, and what it
 * said of the customer is not said again. 0 or a failure. */
static int add_taken_back(struct office *o, struct ho_sync *s, struct ho_order *order)
{
    int64_t had = 0;

    if (odb_number(o->db, &had,
                   "SELECT COUNT(*) FROM ticket_holder WHERE org_id = ?1 AND order_id = ?2 AND "
                   "device_id = ?3",
                   ODB(ODB_B(order->id, GF_UUID_LEN), ODB_B(s->device.id, GF_UUID_LEN)))
        < 0)
        return ho_db_fail(o);
    if (had == 0)
        return 0;
    (void)gf_copy(order->state, sizeof order->state, "unable");
    (void)gf_copy(order->note, sizeof order->note, "taken back: somebody else does this work");
    order->customer_name[0] = order->customer_phone[0] = '\0';
    return add_job(o, s, order);
}

static int add_order(struct office *o, struct ho_sync *s, const uint8_t id[static GF_UUID_LEN])
{
    struct ho_order order;
    struct ho_meter meter;
    int r = ho_find_order(o, id, &order);

    if (r != 1)
        return r;
    if (strcmp(order.staff_no, s->device.staff_no) != 0)
        return add_taken_back(o, s, &order);
    if ((r = ho_find_meter(o, order.meter_id, &meter)) != 1)
        return r;
    if ((r = add_job(o, s, &order)) == 0)
        r = add_meter(o, s, &meter);
    if (r == 0 && !order.is_closed)
        r = add_secrets(o, s, &order, &meter);
    return r == 0 ? add_certificate(o, s, &order) : r;
}

/* The last change that this answer reaches, and whether there are others after it:
 * HO_ORDERS_AT_ONCE lines of the feed that are the last of their order. A cursor that is no
 * change's number was given by a head office that is lost since, and starts anew. */
static int choose_end(struct office *o, const struct ho_sync *s, int64_t *ret_from, int64_t *ret_to,
                      bool *ret_more)
{
    const int64_t cursor = (int64_t)(s->head.cursor & INT64_MAX);
    int64_t newest = 0, known = 0, n = 0;
    int r;

    if (odb_number(o->db, &newest, "SELECT MAX(change_no) FROM change_feed WHERE org_id = ?1",
                   ODB_NONE)
            < 0
        || odb_number(o->db, &known,
                      "SELECT COUNT(*) FROM change_feed WHERE org_id = ?1 AND change_no = ?2",
                      ODB(ODB_I(cursor)))
               < 0)
        return ho_db_fail(o);
    *ret_from = known > 0 ? cursor : 0;
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

/* The first record that is missing here: an item was held for it, or the laptop made more than came.
 * What it made may also be on its way still, which it knows. Strays may have places of their own, and
 * a new device's chain may go on with that of another: then an item that is held has to show it. */
static uint64_t wanted_seq(const struct ho_sync *s)
{
    const struct ho_device *d = &s->device;
    bool is_behind = d->chain_seq > 0 && s->head.last_seq > d->chain_seq && !s->has_strays;

    return s->has_gap || is_behind ? d->chain_seq + 1 : 0;
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
    down.body.end.wanted_seq = wanted_seq(s);
    return ho_down(o, s, &down);
}
