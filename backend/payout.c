/* payout.c - what closed accounts left is paid out or written off; see payout.h. */
#include "backend/payout.h"

#include <stdio.h>
#include <string.h>

#include "backend/credit_in.h"
#include "backend/provider.h"
#include "backend/swap_in.h"
#include "common/text.h"

/* ---- rows ---- */

int payout_find(struct office *o, const uint8_t payout_id[static 16], struct payout *ret)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT account_no, kind, state, litres, cost_milli, price_minor, change_minor, currency, "
        "provider, asked_by, decided_by, reason, asked_at_ms, ended_at_ms FROM payout WHERE org_id "
        "= ?1 AND payout_id = ?2",
        ODB(ODB_B(payout_id, 16)));
    int r = odb_next(o->db, q);

    if (r == 1) {
        *ret = (struct payout){ .account_no = (uint64_t)odb_int(q, 0),
                                .litres = odb_int(q, 3),
                                .cost_milli = odb_int(q, 4),
                                .price_minor = odb_int(q, 5),
                                .change_minor = odb_int(q, 6),
                                .asked_at_ms = odb_int(q, 12),
                                .ended_at_ms = odb_int(q, 13) };
        memcpy(ret->payout_id, payout_id, sizeof ret->payout_id);
        odb_text(q, 1, ret->kind, sizeof ret->kind);
        odb_text(q, 2, ret->state, sizeof ret->state);
        odb_text(q, 7, ret->currency, sizeof ret->currency);
        odb_text(q, 8, ret->provider, sizeof ret->provider);
        odb_text(q, 9, ret->asked_by, sizeof ret->asked_by);
        odb_text(q, 10, ret->decided_by, sizeof ret->decided_by);
        odb_text(q, 11, ret->reason, sizeof ret->reason);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

/* ---- what is left, and its worth ---- */

/* The first of the accounts that swaps joined to this one. 0 or a failure. */
static int first_of_swaps(struct office *o, uint64_t account_no, uint64_t *ret)
{
    struct swap_case before;
    int r;

    *ret = account_no;
    while ((r = swap_find_account(o, *ret, false, &before)) == 1
           && strcmp(before.state, "cancelled") != 0 && before.old_account_no < *ret)
        *ret = before.old_account_no;
    return r < 0 ? r : 0;
}

/* The last litres of one sale that were not paid out before, at most as many as are asked for. 0 or
 * a failure. */
static int add_sale(struct office *o, struct odb_query *q, int64_t *paid_l, int64_t *left_l,
                    struct payout *ret)
{
    struct tariff tariff;
    char id[32], currency[4];
    int64_t litres = odb_int(q, 0), to_l = odb_int(q, 1), cost = 0;
    const int64_t before_l = litres < *paid_l ? litres : *paid_l;
    int r;

    *paid_l -= before_l;
    litres -= before_l;
    to_l -= before_l;
    if (litres == 0)
        return 0;

    odb_text(q, 2, id, sizeof id);
    odb_text(q, 3, currency, sizeof currency);
    if (strcmp(currency, ret->currency) != 0)
        return ho_fail(o, GF_E_MISMATCH, "currency", "some of it was sold in another currency");
    if ((r = tariff_by_id(o, id, &tariff)) != 1)
        return r < 0 ? r : ho_fail(o, GF_E_STORE_DAMAGED, "tariff", id);
    if (litres > *left_l)
        litres = *left_l;
    if ((r = tariff_cost(&tariff, to_l - litres, to_l, &cost)) != 0)
        return ho_fail(o, r, "tariff", "its price leaves 64 bits");
    ret->cost_milli += cost;
    *left_l -= litres;
    return 0;
}

/* Litres of these accounts that were paid out before: the newest sales are theirs. */
static int paid_before(struct office *o, uint64_t first, uint64_t last, int64_t *ret)
{
    return odb_number(o->db, ret,
                      "SELECT CAST(COALESCE(SUM(litres), 0) AS BIGINT) FROM payout WHERE org_id = "
                      "?1 AND account_no >= ?2 AND account_no <= ?3 AND kind = 'pay-out' AND state "
                      "= 'done' AND EXISTS (SELECT 1 FROM account a, account b WHERE a.org_id = ?1 "
                      "AND a.account_no = payout.account_no AND b.org_id = ?1 AND b.account_no = "
                      "?3 AND a.supply_point = b.supply_point AND a.customer_no = b.customer_no)",
                      ODB(ODB_I(first), ODB_I(last)))
                   < 0
               ? ho_db_fail(o)
               : 0;
}

/* What the litres that are left cost when they were bought. 0 or a failure. */
static int price(struct office *o, const struct credit_account *a, struct payout *ret)
{
    struct odb_query *q;
    int64_t left_l = ret->litres, paid_l = 0;
    uint64_t first;
    int r = first_of_swaps(o, a->account_no, &first), failed = 0;

    if (r == 0)
        r = paid_before(o, first, a->account_no, &paid_l);
    if (r != 0 || left_l <= 0)
        return r;
    q = odb_query(o->db,
                  "SELECT t.litres, t.to_l, t.tariff_id, t.currency FROM account a JOIN token t ON "
                  "t.org_id = a.org_id AND t.account_no = a.account_no WHERE a.org_id = ?1 AND "
                  "a.supply_point = ?2 AND a.customer_no = ?3 AND a.account_no >= ?4 AND "
                  "a.account_no <= ?5 AND t.kind = 'sale' AND (t.state = 'posted' OR EXISTS (SELECT "
                  "1 FROM posting p WHERE p.org_id = t.org_id AND p.op_id = t.op_id AND p.kind = "
                  "'voided' AND p.code = 'transit')) ORDER BY t.made_at_ms DESC, t.account_no DESC, "
                  "t.sequence DESC",
                  ODB(ODB_T(a->supply_point), ODB_T(a->customer_no), ODB_I(first),
                      ODB_I(a->account_no)));
    while (failed == 0 && left_l > 0 && (r = odb_next(o->db, q)) == 1)
        failed = add_sale(o, q, &paid_l, &left_l, ret);
    if (failed == 0 && r < 0)
        failed = ho_db_fail(o);
    odb_end(q);
    ret->price_minor = (ret->cost_milli + CREDIT_MILLI / 2) / CREDIT_MILLI;
    return failed;
}

/* Is it an account that ended, and for good? 0 or a failure. */
static int check_ended(struct office *o, uint64_t account_no, struct credit_account *ret)
{
    struct swap_case next;
    int r = credit_find_account(o, account_no, ret);

    if (r == 0)
        return ho_fail(o, GF_E_FORMAT, "account_no", "there is no such account");
    if (r == 1 && strcmp(ret->state, "closed") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "account_no", "the account is not closed");
    if (r == 1)
        r = swap_find_account(o, account_no, true, &next);
    if (r == 1 && strcmp(next.state, "cancelled") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "account_no",
                       "a swap closed it: what it left goes to the new meter's account");
    return r < 0 ? r : 0;
}

static bool is_pay_out(const char *kind)
{
    return strcmp(kind, "pay-out") == 0;
}

int payout_count(struct office *o, const struct payout_new *what, struct payout *ret)
{
    const uint64_t account_no = what->account_no;
    struct credit_account account;
    char owner[24];
    int64_t change_milli = 0;
    int r = check_ended(o, account_no, &account);

    if (r != 0)
        return r;
    *ret = (struct payout){ .account_no = account_no };
    (void)gf_copy(ret->currency, sizeof ret->currency, what->currency);
    ledger_owner(account_no, owner);
    if ((r = ledger_balance(o, LEDGER_LITRE, LEDGER_TRANSIT, owner, &ret->litres)) != 0
        || (r = payment_change(o, account_no, ret->currency, &change_milli)) != 0)
        return r;
    ret->change_minor = change_milli / CREDIT_MILLI;
    if (ret->litres == 0 && ret->change_minor == 0)
        return ho_fail(o, GF_E_NOT_NOW, "account_no", "neither credit, debt nor money is left of it");
    return is_pay_out(what->kind) ? price(o, &account, ret) : 0;
}

/* ---- wanted ---- */

static int check_provider(struct office *o, const char *name)
{
    struct payment_provider provider;
    int r = provider_find(o, name, &provider);

    if (r == 0)
        return ho_fail(o, GF_E_FORMAT, "provider", "there is no such provider");
    return r == 1 && provider.is_ended
               ? ho_fail(o, GF_E_NOT_NOW, "provider", "pays nothing back any more")
           : r < 0 ? r
                   : 0;
}

/* May it be asked for, with what is left? 0 or a failure. */
static int check_wanted(struct office *o, const struct payout_new *what, const struct payout *left)
{
    int64_t waits = 0;

    if (odb_number(o->db, &waits,
                   "SELECT COUNT(*) FROM payout WHERE org_id = ?1 AND account_no = ?2 AND live = 1",
                   ODB(ODB_I(what->account_no)))
        < 0)
        return ho_db_fail(o);
    if (waits > 0)
        return ho_fail(o, GF_E_NOT_NOW, "account_no", "another one of this account waits");
    if (!is_pay_out(what->kind))
        return strcmp(what->kind, "write-off") == 0
                   ? 0
                   : ho_fail(o, GF_E_FORMAT, "kind", "pay-out or write-off");
    if (left->litres < 0)
        return ho_fail(o, GF_E_NOT_NOW, "account_no",
                       "the account is in debt: that can be written off");
    if (left->price_minor + left->change_minor == 0)
        return ho_fail(o, GF_E_NOT_NOW, "account_no",
                       "what is left of it was never bought: it can be moved or written off");
    return check_provider(o, what->provider);
}

static bool is_same(const struct payout_new *what, const struct payout *p)
{
    return p->account_no == what->account_no && strcmp(p->kind, what->kind) == 0
           && strcmp(p->currency, what->currency) == 0
           && strcmp(p->asked_by, what->asked_by) == 0;
}

int payout_want(struct office *o, const struct payout_new *what, struct payout *ret)
{
    int r = payout_find(o, what->payout_id, ret);

    if (r == 1)
        return is_same(what, ret)
                   ? 0
                   : ho_fail(o, GF_E_MISMATCH, "payout_id", "is of another one");
    if (r < 0 || (r = payout_count(o, what, ret)) != 0
        || (r = check_wanted(o, what, ret)) != 0)
        return r;
    if (odb_exec(o->db,
                 "INSERT INTO payout (org_id, payout_id, account_no, kind, state, litres, "
                 "cost_milli, price_minor, change_minor, currency, provider, asked_by, decided_by, "
                 "asked_at_ms, reason, live) VALUES (?1, ?2, ?3, ?4, 'wanted', ?5, ?6, ?7, ?8, ?9, "
                 "?10, ?11, '', ?12, ?13, 1)",
                 ODB(ODB_B(what->payout_id, 16), ODB_I(what->account_no), ODB_T(what->kind),
                     ODB_I(ret->litres), ODB_I(ret->cost_milli), ODB_I(ret->price_minor),
                     ODB_I(ret->change_minor), ODB_T(ret->currency), ODB_T(what->provider),
                     ODB_T(what->asked_by), ODB_I(ho_now_ms(o)), ODB_T(what->reason)))
        < 0)
        return ho_db_fail(o);
    r = ho_log(o, what->asked_by, "payout wanted", "%s of account %llu: %lld l, %lld %s", what->kind,
               (unsigned long long)what->account_no, (long long)ret->litres,
               (long long)(ret->price_minor + ret->change_minor), ret->currency);
    if (r == 0)
        r = payout_find(o, what->payout_id, ret);
    return r < 0 ? r : 0;
}

/* ---- decided ---- */

/* Litres leave the account's transit; their price and the change leave the customer's money. */
static int post(struct office *o, const struct payout *p, const char *by)
{
    const int64_t change = p->change_minor * CREDIT_MILLI, paid = p->price_minor * CREDIT_MILLI;
    const bool pays = is_pay_out(p->kind);
    char account[24];
    struct ledger_entry e = { .kind = pays ? "paid-out" : "written-off",
                              .effective_s = ho_now_ms(o) / 1000,
                              .made_by = by,
                              .note = p->reason };
    const struct ledger_posting paid_out[] = {
        { LEDGER_LITRE, LEDGER_BOUGHT_BACK, account, p->litres },
        { LEDGER_LITRE, LEDGER_TRANSIT, account, -p->litres },
        { p->currency, LEDGER_REVENUE, "", p->cost_milli },
        { p->currency, LEDGER_ROUNDING, "", paid - p->cost_milli },
        { p->currency, LEDGER_CUSTOMER, account, change },
        { p->currency, LEDGER_CASH, p->provider, -paid - change },
    };
    const struct ledger_posting written_off[] = {
        { LEDGER_LITRE, LEDGER_WRITTEN_OFF, account, p->litres },
        { LEDGER_LITRE, LEDGER_TRANSIT, account, -p->litres },
        { p->currency, LEDGER_CUSTOMER, account, change },
        { p->currency, LEDGER_WRITTEN_OFF, account, -change },
    };
    int r;

    memcpy(e.op_id, p->payout_id, sizeof e.op_id);
    ledger_owner(p->account_no, account);
    e.n = pays ? sizeof paid_out / sizeof paid_out[0] : sizeof written_off / sizeof written_off[0];
    memcpy(e.postings, pays ? paid_out : written_off, e.n * sizeof e.postings[0]);
    r = ledger_post(o, &e);
    return r < 0 ? r : 0;
}

/* Is what is left what was asked for? 0 or a failure. */
static int check_left(struct office *o, const struct payout *p)
{
    const struct payout_new what = { .account_no = p->account_no,
                                     .kind = p->kind,
                                     .currency = p->currency };
    struct payout now;
    int r = payout_count(o, &what, &now);

    if (r != 0)
        return r;
    return now.litres == p->litres && now.cost_milli == p->cost_milli
                   && now.change_minor == p->change_minor
               ? 0
               : ho_fail(o, GF_E_NOT_NOW, "payout_id",
                         "what is left has changed since: reject it, and ask anew");
}

static int decide(struct office *o, const uint8_t payout_id[static 16], bool confirm,
                  const char *by, struct payout *ret)
{
    const char *state = confirm ? "done" : "rejected";
    int r = payout_find(o, payout_id, ret);

    if (r <= 0)
        return r < 0 ? r : ho_fail(o, GF_E_FORMAT, "payout_id", "there is no such payout");
    if (strcmp(ret->state, "wanted") != 0)
        return strcmp(ret->state, state) == 0 && strcmp(ret->decided_by, by) == 0
                   ? 0
                   : ho_fail(o, GF_E_NOT_NOW, "payout_id", "it is decided already");
    if (confirm && strcmp(ret->asked_by, by) == 0)
        return ho_fail(o, GF_E_NOT_NOW, "decided_by", "another person than who asked has to");
    if ((r = swap_check_person(o, "decided_by", by, false)) != 0
        || (confirm && ((r = check_left(o, ret)) != 0 || (r = post(o, ret, by)) != 0)))
        return r;
    if (odb_exec(o->db,
                 "UPDATE payout SET state = ?3, decided_by = ?4, ended_at_ms = ?5, live = NULL "
                 "WHERE org_id = ?1 AND payout_id = ?2",
                 ODB(ODB_B(payout_id, 16), ODB_T(state), ODB_T(by), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    r = ho_log(o, by, "payout decided", "%s of account %llu: %s", ret->kind,
               (unsigned long long)ret->account_no, state);
    if (r == 0)
        r = payout_find(o, payout_id, ret);
    return r < 0 ? r : 0;
}

int payout_confirm(struct office *o, const uint8_t payout_id[static 16], const char *by,
                   struct payout *ret)
{
    return decide(o, payout_id, true, by, ret);
}

int payout_reject(struct office *o, const uint8_t payout_id[static 16], const char *by,
                  struct payout *ret)
{
    return decide(o, payout_id, false, by, ret);
}
