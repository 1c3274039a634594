/* story_check.c - what must be true of a story at any time, and in its end; see story.h.
 *
 * The sums are made here, from the meters' true registers, from what head office answered when it
 * sold and corrected, and from the plain rows of the books.
 */
#include "tests/aid/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/keys.h"
#include "meter-core/pb.h"

static void same(const char *what, uint64_t of, int64_t got, int64_t want)
{
    if (got != want)
        fail_msg("%s of %llu: %lld, not %lld", what, (unsigned long long)of, (long long)got,
                 (long long)want);
}

/* Debits less credits of the rows themselves. */
static int64_t posted(struct story *y, const char *unit, const char *code, const char *owner)
{
    return story_number(y,
                        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM posting WHERE "
                        "org_id = ?1 AND unit = ?2 AND code = ?3 AND (owner = ?4 OR '*' = ?4)",
                        ODB(ODB_T(unit), ODB_T(code), ODB_T(owner)));
}

static int64_t of_account(struct story *y, const char *code, uint64_t account_no)
{
    char owner[24];

    ledger_owner(account_no, owner);
    return posted(y, LEDGER_LITRE, code, owner);
}

/* Litres left by a receipt's or a meter's totals, by hand. */
static int64_t used_l(const gasm_Totals *t)
{
    return (int64_t)(t->index_l - t->opening_index_l - (t->purged_l - t->opening_purged_l)
                     - t->after_closing_l);
}

static int64_t left_l(const gasm_Totals *t)
{
    return (int64_t)(t->purchased_l + t->imported_l + t->forgiven_l) - (int64_t)t->debited_l
           - (int64_t)t->cleared_l - (int64_t)t->exported_l - used_l(t);
}

/* ---- at any time ---- */

/* The meter counts what flows, once, and has no litre that nobody sold. */
static void check_meter(struct story *y, const struct story_meter *m)
{
    const gasm_Totals *t = &m->m.w->meter->core.totals;
    uint64_t sold = 0;

    same("index", m->account_no, (int64_t)t->index_l, (int64_t)m->m.w->measured_l);
    same("residual", m->account_no, site_residual(&m->m), left_l(t));
    for (size_t i = 0; i < y->n_sales; i++)
        if (y->sales[i].account_no == m->account_no)
            sold += (uint64_t)y->sales[i].litres;
    if (t->purchased_l > sold)
        fail_msg("%s took %llu, sold are %llu", m->m.w->meter_id,
                 (unsigned long long)t->purchased_l, (unsigned long long)sold);
    if ((int64_t)t->forgiven_l > m->forgiven_l)
        fail_msg("%s: more forgiven than was", m->m.w->meter_id);
}

/* The books' residual is that of the last receipt that is home. */
static void check_residual(struct story *y, const struct story_meter *m)
{
    gasm_Receipt r;
    size_t last = m->m.n;

    while (last > 0 && !m->home[last])
        last--;
    if (last == 0 || (m->life != STORY_SERVICE && m->life != STORY_NEW))
        return;
    assert_int_equal(
        mc_receipt_peek((struct gf_span){ m->m.receipts[last - 1], m->m.sizes[last - 1] }, &r), 0);
    if (r.account_no != m->account_no)
        return;
    same("the books' residual", m->account_no, of_account(y, "residual", m->account_no),
         left_l(&r.after));
    same("the books' consumption", m->account_no, of_account(y, "consumed", m->account_no),
         used_l(&r.after));
}

static void check_sold(struct story *y, const struct story_meter *m)
{
    int64_t all = 0, kept = 0, booked = -of_account(y, "sold", m->account_no);

    for (size_t i = 0; i < y->n_sales; i++) {
        const struct story_sale *sale = &y->sales[i];

        if (sale->account_no != m->account_no)
            continue;
        all += sale->litres;
        if (!sale->given_back && !(m->removed && sale->ceiling_l > m->closed_purchased_l))
            kept += sale->litres;
    }
    if (booked < kept || booked > all)
        fail_msg("account %llu: sold %lld, not between %lld and %lld",
                 (unsigned long long)m->account_no, (long long)booked, (long long)kept,
                 (long long)all);
    same("forgiven", m->account_no, -of_account(y, "forgiven", m->account_no), m->forgiven_l);
}

void story_check(struct story *y)
{
    size_t confirmed = 0;

    same("entries that do not balance, books", 0,
         story_number(y,
                      "SELECT COUNT(*) FROM (SELECT op_id, kind, unit FROM posting WHERE org_id = "
                      "?1 GROUP BY op_id, kind, unit HAVING SUM(amount) <> 0) q",
                      ODB_NONE),
         0);
    for (size_t i = 0; i < y->n_payments; i++)
        confirmed += y->payments[i].confirmed ? 1 : 0;
    same("confirmed payments, books", 0,
         story_number(y,
                      "SELECT COUNT(*) FROM payment WHERE org_id = ?1 AND state IN ('confirmed', "
                      "'refunded')",
                      ODB_NONE),
         (int64_t)confirmed);
    same("payments booked, books", 0,
         story_number(y,
                      "SELECT COUNT(*) FROM journal WHERE org_id = ?1 AND kind = 'payment'",
                      ODB_NONE),
         (int64_t)confirmed);
    same("sales, books", 0,
         story_number(y, "SELECT COUNT(*) FROM token WHERE org_id = ?1 AND kind = 'sale'",
                      ODB_NONE),
         (int64_t)y->n_sales);
    for (size_t i = 0; i < y->n_meters; i++)
        if (y->meters[i].life != STORY_STOCK) {
            check_meter(y, &y->meters[i]);
            check_residual(y, &y->meters[i]);
            check_sold(y, &y->meters[i]);
        }
}

/* ---- in the end ---- */

/* What the account on this meter was given, less what was used and removed; of one that is closed
 * nothing else is on it. */
static int64_t surplus_l(struct story *y, const struct story_meter *m)
{
    const gasm_Totals *t = &m->m.w->meter->core.totals;
    int64_t given = m->forgiven_l - m->debited_l - m->written_off_l;

    for (size_t k = 0; k < y->n_sales; k++)
        if (y->sales[k].account_no == m->account_no && !y->sales[k].given_back
            && !(m->removed && y->sales[k].ceiling_l > m->closed_purchased_l))
            given += y->sales[k].litres;
    return given - used_l(t) - (int64_t)t->cleared_l
           - (m->life == STORY_SERVICE ? left_l(t) : 0);
}

static int number_of(const struct story *y, const struct story_meter *m)
{
    return strcmp(y->places[m->place].customer, "C-1001") == 0 ? 0 : 1;
}

void story_fold(struct story *y, const struct story_meter *m)
{
    same("in tokens", m->account_no, of_account(y, "in-tokens", m->account_no), 0);
    same("the books' residual", m->account_no, of_account(y, "residual", m->account_no), 0);
    y->past_l[number_of(y, m)] += surplus_l(y, m);
}

/* Of each customer: what was sold, forgiven, and taken back is what was used, removed, and is left,
 * over all meters that the customer ever had. */
static void check_customer(struct story *y, int customer)
{
    int64_t surplus = y->past_l[customer];

    for (size_t i = 0; i < y->n_meters; i++)
        if (y->meters[i].life != STORY_STOCK && number_of(y, &y->meters[i]) == customer)
            surplus += surplus_l(y, &y->meters[i]);
    if (surplus != 0)
        fail_msg("C-%d got %lld litres more than it has and used", 1001 + customer,
                 (long long)surplus);
}

/* The key that a meter uses is the active one, and no key below it is good for anything. */
static void check_keys(struct story *y, const struct story_meter *m)
{
    const struct odb_value id = ODB_T(m->m.w->meter_id),
                           epoch = ODB_I(m->m.w->meter->core.active_epoch);

    same("active keys, account", m->account_no,
         story_number(y,
                      "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
                      "epoch = ?3 AND state = 'active'",
                      ODB(id, epoch)),
         1);
    same("keys below it that live, account", m->account_no,
         story_number(y,
                      "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
                      "epoch < ?3 AND state IN ('new', 'active')",
                      ODB(id, epoch)),
         0);
    if (m->withdrawn_epoch == 0)
        return;
    same("withdrawn keys, account", m->account_no,
         story_number(y,
                      "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
                      "epoch = ?3 AND state = 'withdrawn' AND ended_at_ms IS NOT NULL",
                      ODB(id, ODB_I(m->withdrawn_epoch))),
         m->withdrawn ? 0 : 1);
}

static void check_money(struct story *y)
{
    int64_t cash = 0, back = 0;

    for (size_t i = 0; i < y->n_payments; i++)
        cash += y->payments[i].confirmed ? y->payments[i].amount_minor : 0;
    for (size_t i = 0; i < y->n_sales; i++) {
        const struct story_sale *sale = &y->sales[i];
        char path[96];
        json_t *json;

        if (sale->refund_seq == 0)
            continue;
        (void)snprintf(path, sizeof path, "/v1/accounts/%llu/tokens/%llu",
                       (unsigned long long)sale->account_no, (unsigned long long)sale->sequence);
        json = story_call(y, "GET", path, y->clerk, NULL, NULL);
        assert_string_equal(oaid_text(json, "state"), sale->given_back ? "voided" : "posted");
        json_decref(json);
        back += sale->given_back ? sale->refund_minor : 0;
    }
    same("cash, books", 0, posted(y, "EUR", "cash", "*"), 1000 * (cash - back));
    same("token money, books", 0, posted(y, "EUR", "token-money", "*"), 0);
}

/* Nothing is on its way, of any case and any account that was closed. */
static void check_transit(struct story *y)
{
    struct odb_query *q = odb_query(
        y->s.a.o->db,
        "SELECT owner, CAST(SUM(amount) AS BIGINT) FROM posting WHERE org_id = ?1 AND code = "
        "'transit' GROUP BY owner HAVING SUM(amount) <> 0",
        ODB_NONE);
    char owner[LEDGER_OWNER_MAX] = "";

    if (odb_next(y->s.a.o->db, q) == 1) {
        odb_text(q, 0, owner, sizeof owner);
        fail_msg("%lld litres are in transit of %s", (long long)odb_int(q, 1), owner);
    }
    odb_end(q);
}

void story_check_end(struct story *y)
{
    int64_t receipts = 0;

    for (size_t i = 0; i < y->n_meters; i++) {
        const struct story_meter *m = &y->meters[i];

        receipts += (int64_t)m->m.w->meter->core.receipt_seq;
        if (m->m.n > 0)
            check_keys(y, m);
        if (m->life == STORY_STOCK)
            continue;
        same("in tokens", m->account_no, of_account(y, "in-tokens", m->account_no), 0);
        same("the books' residual", m->account_no, of_account(y, "residual", m->account_no),
             m->life == STORY_SERVICE ? site_residual(&m->m) : 0);
    }
    same("receipts at home, books", 0,
         story_number(y, "SELECT COUNT(*) FROM receipt WHERE org_id = ?1", ODB_NONE), receipts);
    check_transit(y);
    same("tokens that wait, books", 0,
         story_number(y, "SELECT COUNT(*) FROM token WHERE org_id = ?1 AND state = 'pending'",
                      ODB_NONE),
         0);
    same("open cases, books", 0,
         story_number(y,
                      "SELECT COUNT(*) FROM swap_case WHERE org_id = ?1 AND state NOT IN "
                      "('settled', 'cancelled')",
                      ODB_NONE),
         0);
    check_customer(y, 0);
    check_customer(y, 1);
    check_money(y);
    site_audit(&y->s);
}
