/* order_new.c - making a work order: what is registered has to allow it; see office_order.h. */
#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/office_register.h"
#include "backend/office_words.h"
#include "backend/order_in.h"
#include "backend/swap_case.h"
#include "common/text.h"

#define FIRST_ACCOUNT 100001
#define DAY_S 86400

/* ---- against what is registered ---- */

/* Does its state allow this kind of work? */
static int check_state(struct office *o, const struct order_making *m)
{
    const struct ho_meter *meter = &m->meter;
    struct credit_account account;
    char detail[120];
    int r;

    if ((m->kind->states >> meter->life_state & 1) == 0) {
        (void)snprintf(detail, sizeof detail, "it is %s: no work for %s",
                       ho_life_word(meter->life_state), m->kind->name);
        return ho_fail(o, GF_E_NOT_NOW, "meter",
                       m->kind->new_account && meter->life_state == gasm_LifeState_IN_SERVICE
                           ? "its account is open already"
                           : detail);
    }
    if (strcmp(m->kind->name, "bench-reset") != 0 || meter->life_state == gasm_LifeState_CLOSED)
        return 0;
    if ((r = credit_find_account(o, meter->account_no, &account)) < 0)
        return r;
    return r == 1 && strcmp(account.state, "closed") == 0
               ? 0
               : ho_fail(o, GF_E_NOT_NOW, "meter", "its account is open: remove or swap it first");
}

static int check_meter(struct office *o, struct order_making *m)
{
    int r = ho_find_meter(o, m->n->meter_id, &m->meter);

    if (r <= 0)
        return r < 0 ? r : ho_fail(o, GF_E_UNREGISTERED, "meter", m->n->meter_id);
    if ((r = check_state(o, m)) != 0)
        return r;
    return ho_order_holds(o, m->n->meter_id, NULL, m->n->staff_no == NULL ? m->kind->name : NULL,
                          "meter");
}

/* Customer and present meter of a supply point. */
static int find_point(struct office *o, const char *supply_point, struct order_making *m,
                      char ret_meter_id[static GF_METER_ID_TEXT])
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT customer_no, meter_id FROM supply_point WHERE org_id = ?1 AND supply_point = ?2",
        ODB(ODB_T(supply_point)));
    int r = odb_next(o->db, q);

    ret_meter_id[0] = '\0';
    if (r == 1) {
        odb_text(q, 0, m->customer_no, sizeof m->customer_no);
        odb_text(q, 1, ret_meter_id, GF_METER_ID_TEXT);
        (void)gf_copy(m->supply_point, sizeof m->supply_point, supply_point);
    }
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    return r == 1 ? 0
                  : ho_fail(o, GF_E_FORMAT, "supply point",
                            "there is no such supply point: see import-customers");
}

/* The place of work on a meter that has an account: that account's, and its customer's. */
static int check_account_place(struct office *o, struct order_making *m)
{
    struct credit_account account;
    char meter_id[GF_METER_ID_TEXT], detail[120];
    int r = m->meter.account_no != 0 ? credit_find_account(o, m->meter.account_no, &account) : 0;

    if (r < 0)
        return r;
    if (r == 0)
        return m->n->supply_point != NULL
                   ? find_point(o, m->n->supply_point, m, meter_id)
                   : ho_fail(o, GF_E_FORMAT, "supply point", "the meter has none: name it");
    if (m->n->supply_point != NULL && strcmp(account.supply_point, m->n->supply_point) != 0) {
        (void)snprintf(detail, sizeof detail, "the meter's account is at %s", account.supply_point);
        return ho_fail(o, GF_E_FORMAT, "supply point", detail);
    }
    m->account_no = account.account_no;
    (void)gf_copy(m->supply_point, sizeof m->supply_point, account.supply_point);
    (void)gf_copy(m->customer_no, sizeof m->customer_no, account.customer_no);
    return 0;
}

/* The customer of the supply point, whose place must not be taken by another meter (of a swap: is,
 * until then). */
static int check_supply_point(struct office *o, struct order_making *m)
{
    char meter_id[GF_METER_ID_TEXT];
    int r;

    if (!m->kind->new_account)
        return check_account_place(o, m);
    if (m->n->supply_point == NULL)
        return ho_fail(o, GF_E_FORMAT, "supply point", "name the place of the new account");
    if ((r = find_point(o, m->n->supply_point, m, meter_id)) != 0)
        return r;
    if (!m->kind->swaps && meter_id[0] != '\0' && strcmp(meter_id, m->n->meter_id) != 0)
        return ho_fail(o, GF_E_NOT_NOW, "supply point", "another meter serves it");
    if (m->kind->swaps)
        (void)gf_copy(m->swap.old_meter_id, sizeof m->swap.old_meter_id,
                      m->n->old_meter_id != NULL ? m->n->old_meter_id : meter_id);
    return 0;
}

static int reserve_account(struct office *o, struct order_making *m)
{
    int64_t no;

    if (ho_next_number(o, "account", FIRST_ACCOUNT, &no) != 0)
        return o->fail.code;
    if (odb_exec(o->db,
                 "INSERT INTO account (org_id, account_no, customer_no, supply_point, meter_id, "
                 "state) VALUES (?1, ?2, ?3, ?4, ?5, 'reserved')",
                 ODB(ODB_I(no), ODB_T(m->customer_no), ODB_T(m->supply_point),
                     ODB_T(m->n->meter_id)))
        < 0)
        return ho_db_fail(o);
    m->account_no = (uint64_t)no;
    return 0;
}

/* The account's number: that of an opening which an earlier order had to leave, else the next. */
static int choose_account(struct office *o, struct order_making *m)
{
    const struct ho_meter *meter = &m->meter;
    struct credit_account present;
    int64_t no = 0;
    int r;

    if (meter->life_state > gasm_LifeState_FACTORY) {
        r = odb_number(o->db, &no,
                       "SELECT MAX(account_no) FROM account WHERE org_id = ?1 AND meter_id = ?2 "
                       "AND supply_point = ?3 AND customer_no = ?4 AND state <> 'closed'",
                       ODB(ODB_T(meter->id), ODB_T(m->supply_point), ODB_T(m->customer_no)));
        if (r < 0)
            return ho_db_fail(o);
        if ((r = credit_find_account(o, meter->account_no, &present)) < 0)
            return r;
        if (r == 1 && strcmp(present.state, "closed") != 0 && (uint64_t)no != meter->account_no)
            return ho_fail(o, GF_E_NOT_NOW, "meter",
                           "its opening was begun for another customer or place");
    }
    m->account_no = (uint64_t)no;
    return no == 0 ? reserve_account(o, m) : 0;
}

/* ---- of a swap ---- */

/* A case between these two meters that is under way, or any other of the old one. 1: it goes on;
 * 0: there is none; GF_E_NOT_NOW; or a failure. */
static int find_open_case(struct office *o, struct order_making *m, uint64_t old_account_no)
{
    struct swap_case found;
    char detail[120];
    int r = swap_find_account(o, old_account_no, true, &found);

    if (r != 1 || strcmp(found.state, "cancelled") == 0)
        return r < 0 ? r : 0;
    if (strcmp(found.new_meter_id, m->n->meter_id) == 0
        && strcmp(found.supply_point, m->supply_point) == 0
        && strcmp(found.state, "settled") != 0) {
        m->swap = found;
        m->account_no = found.new_account_no;
        return 1;
    }
    (void)snprintf(detail, sizeof detail, "swap %s of it for %s is %s", found.number,
                   found.new_meter_id, found.state);
    return ho_fail(o, GF_E_NOT_NOW, "old meter", detail);
}

/* The meter that goes: its account is the supply point's and its customer's. */
static int check_old_meter(struct office *o, struct order_making *m, struct credit_account *ret)
{
    struct ho_meter old;
    int r;

    if (m->swap.old_meter_id[0] == '\0')
        return ho_fail(o, GF_E_NOT_NOW, "supply point", "no meter serves it: open an account");
    if (strcmp(m->swap.old_meter_id, m->n->meter_id) == 0)
        return ho_fail(o, GF_E_FORMAT, "old meter", "the new meter has to be another one");
    if ((r = ho_find_meter(o, m->swap.old_meter_id, &old)) != 1)
        return r < 0 ? r : ho_fail(o, GF_E_UNREGISTERED, "old meter", m->swap.old_meter_id);
    if ((r = credit_find_account(o, old.account_no, ret)) < 0)
        return r;
    if (r == 0 || strcmp(ret->supply_point, m->supply_point) != 0
        || strcmp(ret->meter_id, old.id) != 0)
        return ho_fail(o, GF_E_NOT_NOW, "old meter", "it does not serve this supply point");
    if (strcmp(ret->customer_no, m->customer_no) != 0)
        return ho_fail(o, GF_E_NOT_NOW, "supply point", "its account is another customer's");
    return ho_order_holds(o, old.id, NULL, m->n->staff_no == NULL ? m->kind->name : NULL,
                          "old meter");
}

static int begin_case(struct office *o, struct order_making *m, const struct credit_account *old)
{
    struct swap_case *c = &m->swap;
    int64_t now_s = ho_now_ms(o) / 1000, due_s = 0;
    int r;

    if (strcmp(old->state, "open") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "old meter", "its account is not open");
    if ((r = choose_account(o, m)) != 0)
        return r;
    (void)ho_date_parse(m->due, &due_s);
    if (gf_uuid7(o->ports.clock, o->ports.random, c->case_id) != 0)
        return ho_fail(o, GF_E_RANDOM, "swap case", "");
    (void)gf_copy(c->supply_point, sizeof c->supply_point, m->supply_point);
    (void)gf_copy(c->reason, sizeof c->reason, m->n->reason);
    (void)gf_copy(c->new_meter_id, sizeof c->new_meter_id, m->n->meter_id);
    (void)gf_copy(c->made_by, sizeof c->made_by, ho_who(o));
    c->old_account_no = old->account_no;
    c->new_account_no = m->account_no;
    c->cap_l = (uint64_t)(m->n->cap_l != 0 ? m->n->cap_l : SWAP_CAP_L);
    c->not_after_s =
        (due_s > now_s - now_s % DAY_S ? due_s : now_s - now_s % DAY_S) + 2 * DAY_S - 1;
    return swap_begin(o, c);
}

static int choose_case(struct office *o, struct order_making *m)
{
    struct credit_account old;
    int r = check_old_meter(o, m, &old);

    if (r == 0)
        r = find_open_case(o, m, old.account_no);
    return r == 0 ? begin_case(o, m, &old) : r < 0 ? r : 0;
}

/* ---- stored ---- */

/* The order's number: as given when it is free, else the next that is. */
static int choose_number(struct office *o, struct order_making *m)
{
    int64_t n, taken = 1;
    bool is_given = m->n->number != NULL;

    while (taken > 0) {
        if (is_given)
            (void)gf_copy(m->number, sizeof m->number, m->n->number);
        else if (ho_next_number(o, "order", 1, &n) != 0)
            return o->fail.code;
        else
            (void)snprintf(m->number, sizeof m->number, "J-%04lld", (long long)n);
        if (odb_number(o->db, &taken,
                       "SELECT COUNT(*) FROM work_order WHERE org_id = ?1 AND number = ?2",
                       ODB(ODB_T(m->number)))
            < 0)
            return ho_db_fail(o);
        if (is_given && taken > 0)
            return ho_fail(o, GF_E_NOT_NOW, "number", "there is an order with this number");
    }
    return 0;
}

static int store_order(struct office *o, const struct order_making *m)
{
    const struct ho_new_order *n = m->n;
    const struct odb_value none = { .type = ODB_NULL };
    struct ho_order order = { 0 };
    int r = 0;

    if (n->id != NULL)
        memcpy(order.id, n->id, sizeof order.id);
    else if (gf_uuid7(o->ports.clock, o->ports.random, order.id) != 0)
        return ho_fail(o, GF_E_RANDOM, "order", "");
    if (odb_exec(
            o->db,
            "INSERT INTO work_order (org_id, order_id, number, kind, meter_id, supply_point, "
            "customer_no, staff_no, account_no, state, due, priority, purge_volume_l, "
            "purge_limit_s, parameters, note, made_at_ms, swap_case, made_by) VALUES (?1, ?2, ?3, "
            "?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
            ODB(ODB_B(order.id, GF_UUID_LEN), ODB_T(m->number), ODB_T(m->kind->name),
                ODB_T(n->meter_id), ODB_T(m->supply_point), ODB_T(m->customer_no),
                ODB_T(n->staff_no), m->account_no != 0 ? ODB_I(m->account_no) : none,
                ODB_T(n->staff_no != NULL ? "assigned" : "planned"), ODB_T(m->due),
                ODB_I(n->priority), ODB_I(m->kind->purges ? n->purge_l : 0),
                ODB_I(m->kind->purges ? n->purge_s : 0), ODB_T((const char *)m->parameters.p),
                ODB_T(n->note != NULL ? n->note : ""), ODB_I(ho_now_ms(o)),
                m->kind->swaps ? ODB_B(m->swap.case_id, 16) : none, ODB_T(ho_who(o))))
        < 0)
        return ho_db_fail(o);
    (void)gf_copy(order.staff_no, sizeof order.staff_no, n->staff_no != NULL ? n->staff_no : "");
    if (n->staff_no != NULL)
        r = ho_changed(o, &order);
    return r == 0 ? ho_log(o, ho_who(o), "order made", "%s %s for %s at %s to %s, account %llu",
                           m->number, m->kind->name, n->meter_id, m->supply_point,
                           n->staff_no != NULL ? n->staff_no : "nobody",
                           (unsigned long long)m->account_no)
                  : r;
}

/* What the order says of its work is what is asked for now; whose it is may have changed since. */
static bool has_same_words(const struct ho_order *order, const struct order_making *m)
{
    const struct ho_new_order *n = m->n;
    const char *note = n->note != NULL ? n->note : "";

    return (n->due == NULL || strcmp(order->due, n->due) == 0)
           && strcmp(order->note, note) == 0 && order->priority == (uint64_t)n->priority
           && (!m->kind->purges
               || (order->purge_volume_l == n->purge_l && order->purge_limit_s == n->purge_s))
           && strcmp(order->parameters, (const char *)m->parameters.p) == 0;
}

/* The id is known: the same order, or another one's id. 1 the same, 0 it is new, or a failure. */
static int find_same(struct office *o, struct order_making *m)
{
    struct ho_order order;
    int r = m->n->id != NULL ? ho_find_order(o, m->n->id, &order) : 0;

    if (r != 1)
        return r;
    if (strcmp(order.kind, m->kind->name) != 0 || strcmp(order.meter_id, m->n->meter_id) != 0
        || (m->n->supply_point != NULL && strcmp(order.supply_point, m->n->supply_point) != 0)
        || (m->n->number != NULL && strcmp(order.number, m->n->number) != 0)
        || !has_same_words(&order, m))
        return ho_fail(o, GF_E_MISMATCH, "id", "another order has this id");
    (void)gf_copy(m->number, sizeof m->number, order.number);
    return 1;
}

static int make(struct office *o, struct order_making *m)
{
    int r = find_same(o, m);

    if (r != 0)
        return r < 0 ? r : 0;
    if ((r = check_meter(o, m)) == 0)
        r = check_supply_point(o, m);
    if (r == 0 && m->n->staff_no != NULL)
        r = ho_order_staff(o, m->n->staff_no, m->kind);
    if (r == 0 && m->kind->swaps)
        r = choose_case(o, m);
    else if (r == 0 && m->kind->new_account)
        r = choose_account(o, m);
    if (r == 0)
        r = choose_number(o, m);
    return r == 0 ? store_order(o, m) : r;
}

int ho_order_make(struct office *o, const struct ho_new_order *n, char ret_number[static 32])
{
    struct order_making m = { .n = n };
    int r = order_check_words(o, &m);

    if (r == 0)
        r = make(o, &m);
    buf_free(&m.parameters);
    if (r == 0)
        (void)gf_copy(ret_number, 32, m.number);
    return r;
}

struct making_one {
    const struct ho_new_order *n;
    char number[32];
};

static int make_one(struct office *o, void *ctx)
{
    struct making_one *one = ctx;

    return ho_order_make(o, one->n, one->number);
}

int ho_order_new(struct office *o, const struct ho_new_order *n, char ret_number[static 32])
{
    struct making_one one = { .n = n };
    int r = ho_transaction(o, make_one, &one);

    if (r == 0)
        (void)gf_copy(ret_number, 32, one.number);
    return r;
}
