/* order_state.c - who does a work order, and how it ends at the office; see office_order.h. */
#include <stdio.h>
#include <string.h>

#include "backend/buf.h"
#include "backend/office_issue.h"
#include "backend/order_in.h"
#include "backend/swap_case.h"
#include "common/text.h"

/* ---- shared ---- */

static struct odb_query *query_holders(struct office *o, const char *meter_id, bool as_old)
{
    return as_old ? odb_query(o->db,
                              "SELECT w.order_id, w.number, w.state, w.kind FROM swap_case k "
                              "CROSS JOIN work_order w WHERE w.org_id = k.org_id AND w.swap_case = "
                              "k.case_id AND k.org_id = ?1 AND k.old_meter_id = ?2 AND "
                              "w.closed_at_ms IS NULL",
                              ODB(ODB_T(meter_id)))
                  : odb_query(o->db,
                              "SELECT order_id, number, state, kind FROM work_order WHERE org_id = "
                              "?1 AND meter_id = ?2 AND closed_at_ms IS NULL",
                              ODB(ODB_T(meter_id)));
}

/* Does the order of this row hold the meter? Then the failure says which. */
static bool is_holder(struct office *o, struct odb_query *q, const uint8_t *but, const char *kind,
                      const char *where)
{
    uint8_t id[GF_UUID_LEN];
    char number[32], state[16], name[32], detail[120];

    (void)odb_copy(q, 0, id, sizeof id);
    odb_text(q, 1, number, sizeof number);
    odb_text(q, 2, state, sizeof state);
    odb_text(q, 3, name, sizeof name);
    if (but != NULL && memcmp(id, but, sizeof id) == 0)
        return false;
    if (strcmp(state, "planned") == 0 && (kind == NULL || strcmp(kind, name) != 0))
        return false;
    (void)snprintf(detail, sizeof detail, "order %s for this meter is %s", number, state);
    (void)ho_fail(o, GF_E_NOT_NOW, where, detail);
    return true;
}

int ho_order_holds(struct office *o, const char *meter_id, const uint8_t *but, const char *kind,
                   const char *where)
{
    int r = 0;

    for (int as_old = 0; r == 0 && as_old < 2; as_old++) {
        struct odb_query *q = query_holders(o, meter_id, as_old == 1);

        while ((r = odb_next(o->db, q)) == 1)
            if (is_holder(o, q, but, kind, where)) {
                odb_end(q);
                return GF_E_NOT_NOW;
            }
        odb_end(q);
    }
    return r < 0 ? ho_db_fail(o) : 0;
}

/* The role of a member of the staff who has not left. 1, 0 or a failure. */
static int role_of(struct office *o, const char *staff_no, char ret[static 32])
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT role FROM staff WHERE org_id = ?1 AND staff_no = ?2 "
                                    "AND left_at_ms IS NULL",
                                    ODB(ODB_T(staff_no)));
    int r = odb_next(o->db, q);

    ret[0] = '\0';
    if (r == 1)
        odb_text(q, 0, ret, 32);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int ho_order_staff(struct office *o, const char *staff_no, const struct order_kind *kind)
{
    char role[32];
    int r = role_of(o, staff_no, role);
    bool is_supervisor = strcmp(role, "supervisor") == 0;

    if (r < 0)
        return r;
    if (r == 0)
        return ho_fail(o, GF_E_FORMAT, "staff", "there is no such person: see add-staff");
    if (kind->supervised && !is_supervisor)
        return ho_fail(o, GF_E_FORMAT, "staff", "this is a supervisor's work");
    return is_supervisor || strcmp(role, "technician") == 0
               ? 0
               : ho_fail(o, GF_E_FORMAT, "staff",
                         "only a technician or a supervisor works at meters");
}

int ho_find_order_number(struct office *o, const char *number, struct ho_order *ret)
{
    struct odb_query *q =
        odb_query(o->db, "SELECT order_id FROM work_order WHERE org_id = ?1 AND number = ?2",
                  ODB(ODB_T(number)));
    uint8_t id[GF_UUID_LEN];
    int r = odb_next(o->db, q);

    if (r == 1)
        (void)odb_copy(q, 0, id, sizeof id);
    odb_end(q);
    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    return ho_find_order(o, id, ret);
}

/* An order and who is concerned, through a transaction. */
struct deciding {
    const char *number, *who;
    struct ho_order order;
};

static int find(struct office *o, struct deciding *d)
{
    int r = ho_find_order_number(o, d->number, &d->order);

    return r == 1 ? 0
           : r < 0 ? r
                   : ho_fail(o, GF_E_FORMAT, "order", "there is no order with this number");
}

static int refuse_state(struct office *o, const struct deciding *d, const char *what)
{
    char detail[120];

    (void)snprintf(detail, sizeof detail, "it is %s: %s", d->order.state, what);
    return ho_fail(o, GF_E_NOT_NOW, "order", detail);
}

/* ---- assigning ---- */

static int hold_meters(struct office *o, const struct ho_order *order)
{
    int r = ho_order_holds(o, order->meter_id, order->id, NULL, "meter");

    if (r == 0 && order->has_swap)
        r = ho_order_holds(o, order->old_meter_id, order->id, NULL, "old meter");
    return r;
}

/* The one who had it loses its tickets, and hears of it. */
static int take_back(struct office *o, const struct ho_order *order)
{
    int r = 0;

    if (order->staff_no[0] == '\0')
        return 0;
    if ((r = ho_void_order_tickets(o, order->id)) == 0)
        r = ho_changed(o, order);
    return r;
}

static int assign(struct office *o, void *ctx)
{
    struct deciding *d = ctx;
    const struct order_kind *kind;
    int r = find(o, d);

    if (r != 0)
        return r;
    if (d->order.is_closed)
        return refuse_state(o, d, "nobody works on it any more");
    if (strcmp(d->order.staff_no, d->who) == 0)
        return 0;
    kind = order_kind_find(d->order.kind);
    if (kind == NULL)
        return ho_fail(o, GF_E_STORE_DAMAGED, "kind", d->order.number);
    if ((r = ho_order_staff(o, d->who, kind)) != 0 || (r = hold_meters(o, &d->order)) != 0
        || (r = take_back(o, &d->order)) != 0)
        return r;
    if (odb_exec(o->db,
                 "UPDATE work_order SET staff_no = ?3, state = 'assigned' WHERE org_id = ?1 AND "
                 "order_id = ?2",
                 ODB(ODB_B(d->order.id, GF_UUID_LEN), ODB_T(d->who)))
        < 0)
        return ho_db_fail(o);
    (void)gf_copy(d->order.staff_no, sizeof d->order.staff_no, d->who);
    r = ho_changed(o, &d->order);
    return r == 0 ? ho_log(o, ho_who(o), "order assigned", "%s to %s", d->number, d->who) : r;
}

int ho_order_assign(struct office *o, const char *number, const char *staff_no)
{
    struct deciding d = { .number = number, .who = staff_no };

    return ho_transaction(o, assign, &d);
}

/* ---- checking ---- */

static int check(struct office *o, void *ctx)
{
    struct deciding *d = ctx;
    char role[32];
    int r = find(o, d);

    if (r == 0)
        r = role_of(o, d->who, role);
    if (r < 0)
        return r;
    if (r == 0 || strcmp(role, "supervisor") != 0)
        return ho_fail(o, GF_E_FORMAT, "staff", "a supervisor checks orders");
    if (strcmp(d->order.staff_no, d->who) == 0)
        return ho_fail(o, GF_E_FORMAT, "staff", "nobody checks their own work");
    if (strcmp(d->order.state, "checked") == 0)
        return 0;
    if (!d->order.is_closed)
        return refuse_state(o, d, "it is checked once it is done or unable");
    if (odb_exec(o->db,
                 "UPDATE work_order SET state = 'checked', checked_by = ?3, checked_at_ms = ?4 "
                 "WHERE org_id = ?1 AND order_id = ?2",
                 ODB(ODB_B(d->order.id, GF_UUID_LEN), ODB_T(d->who), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    r = d->order.staff_no[0] != '\0' ? ho_changed(o, &d->order) : 0;
    return r == 0 ? ho_log(o, d->who, "order checked", "%s", d->number) : r;
}

int ho_order_check(struct office *o, const char *number, const char *by)
{
    struct deciding d = { .number = number, .who = by };

    return ho_transaction(o, check, &d);
}

/* ---- calling off ---- */

static int cancel(struct office *o, void *ctx)
{
    struct deciding *d = ctx;
    int r = find(o, d);

    if (r != 0)
        return r;
    if (d->order.is_closed || strcmp(d->order.state, "on-site") == 0)
        return refuse_state(o, d, "only one that nobody began can be called off");
    if (d->order.has_swap) {
        r = swap_cancel(o, d->order.swap_case, ho_who(o)); /* its orders end with it */
        return r < 0 ? r : 0;
    }
    if ((r = take_back(o, &d->order)) != 0)
        return r;
    if (odb_exec(o->db,
                 "UPDATE work_order SET state = 'unable', code = 'cancelled', closed_at_ms = ?3 "
                 "WHERE org_id = ?1 AND order_id = ?2",
                 ODB(ODB_B(d->order.id, GF_UUID_LEN), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, ho_who(o), "order cancelled", "%s", d->number);
}

int ho_order_cancel(struct office *o, const char *number)
{
    struct deciding d = { .number = number };

    return ho_transaction(o, cancel, &d);
}

/* ---- orders that something happened to ---- */

int ho_each_order(struct office *o, struct odb_query *q,
                  int (*each)(struct office *o, const struct ho_order *order))
{
    struct buf ids = { 0 };
    struct ho_order order;
    int r;

    while ((r = odb_next(o->db, q)) == 1)
        buf_add(&ids, odb_bytes(q, 0).p, odb_bytes(q, 0).n);
    odb_end(q);
    if (r < 0)
        (void)ho_db_fail(o);
    else if (ids.bad)
        r = ho_fail(o, GF_E_MEMORY, "orders", "");
    for (size_t at = 0; r >= 0 && at + GF_UUID_LEN <= ids.n; at += GF_UUID_LEN) {
        r = ho_find_order(o, ids.p + at, &order);
        if (r == 1)
            r = each(o, &order);
    }
    buf_free(&ids);
    return r < 0 ? r : 0;
}
