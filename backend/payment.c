/* payment.c - money asked for, received, turned into credit; see credit.h. */
#include <stdio.h>
#include <string.h>

#include "backend/credit_in.h"
#include "backend/provider.h"
#include "backend/swap_case.h"
#include "common/text.h"

#define AMOUNT_MAX INT64_C(1000000000000) /* minor units */

/* ---- rows ---- */

#define PAYMENT_COLUMNS                                                                            \
    "SELECT payment_id, account_no, customer_no, provider, provider_ref, amount_minor, currency, " \
    "state, asked_by, asked_at_ms, confirmed_at_ms, token_seq, reason FROM payment WHERE org_id "  \
    "= ?1 AND "

static int first_payment(struct office *o, struct odb_query *q, struct payment *ret)
{
    int r = odb_next(o->db, q);

    if (r == 1) {
        *ret = (struct payment){ .account_no = (uint64_t)odb_int(q, 1),
                                 .amount_minor = odb_int(q, 5),
                                 .asked_at_ms = odb_int(q, 9),
                                 .confirmed_at_ms = odb_int(q, 10),
                                 .token_seq = (uint64_t)odb_int(q, 11) };
        (void)odb_copy(q, 0, ret->payment_id, sizeof ret->payment_id);
        odb_text(q, 2, ret->customer_no, sizeof ret->customer_no);
        odb_text(q, 3, ret->provider, sizeof ret->provider);
        odb_text(q, 4, ret->provider_ref, sizeof ret->provider_ref);
        odb_text(q, 6, ret->currency, sizeof ret->currency);
        odb_text(q, 7, ret->state, sizeof ret->state);
        odb_text(q, 8, ret->asked_by, sizeof ret->asked_by);
        odb_text(q, 12, ret->reason, sizeof ret->reason);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int payment_find(struct office *o, const uint8_t payment_id[static 16], struct payment *ret)
{
    return first_payment(
        o, odb_query(o->db, PAYMENT_COLUMNS "payment_id = ?2", ODB(ODB_B(payment_id, 16))), ret);
}

int payment_next(struct office *o, const uint8_t after[static 16], struct payment *ret)
{
    return first_payment(o,
                         odb_query(o->db,
                                   PAYMENT_COLUMNS "payment_id > ?2 ORDER BY payment_id LIMIT 1",
                                   ODB(ODB_B(after, 16))),
                         ret);
}

static int find_known(struct office *o, const uint8_t payment_id[static 16], struct payment *ret)
{
    int r = payment_find(o, payment_id, ret);

    return r == 0 ? ho_fail(o, GF_E_FORMAT, "payment_id", "there is no such payment") : r;
}

static int mismatch(struct office *o, const char *field, const char *why)
{
    return ho_fail(o, GF_E_MISMATCH, field, why);
}

/* ---- asking ---- */

static int check_again(struct office *o, const struct payment_new *what, const struct payment *p)
{
    if (p->account_no != what->account_no)
        return mismatch(o, "account_no", "this payment is of another account");
    if (p->amount_minor != what->amount_minor)
        return mismatch(o, "amount_minor", "this payment is of another amount");
    if (strcmp(p->currency, what->currency) != 0)
        return mismatch(o, "currency", "this payment is in another currency");
    if (strcmp(p->provider, what->provider) != 0)
        return mismatch(o, "provider", "this payment is at another provider");
    return 0;
}

/* A closed account takes no money: say which one does. */
static int say_where(struct office *o, const struct credit_account *a)
{
    int64_t open = 0;
    char why[160];
    int r = odb_number(o->db, &open,
                       "SELECT MAX(account_no) FROM account WHERE org_id = ?1 AND supply_point = "
                       "?2 AND customer_no = ?3 AND state = 'open'",
                       ODB(ODB_T(a->supply_point), ODB_T(a->customer_no)));

    if (r < 0)
        return ho_db_fail(o);
    if (r == 1)
        (void)snprintf(why, sizeof why, "account %llu is %s: pay to account %lld of %s",
                       (unsigned long long)a->account_no, a->state, (long long)open,
                       a->supply_point);
    else
        (void)snprintf(why, sizeof why, "account %llu is %s, and none of %s is open",
                       (unsigned long long)a->account_no, a->state, a->supply_point);
    return ho_fail(o, GF_E_NOT_NOW, "account_no", why);
}

static int check_account(struct office *o, const struct payment_new *what,
                         struct credit_account *account)
{
    struct tariff tariff;
    int r = credit_find_account(o, what->account_no, account);

    if (r == 0)
        return ho_fail(o, GF_E_FORMAT, "account_no", "there is no such account");
    if (r < 0)
        return r;
    if (strcmp(account->state, "open") != 0)
        return say_where(o, account);
    r = tariff_find(o, account->tariff_class, ho_now_ms(o) / 1000, &tariff);
    if (r == 0)
        return ho_fail(o, GF_E_NOT_NOW, "tariff", "no tariff of this class is in force");
    if (r == 1 && strcmp(tariff.currency, what->currency) != 0)
        return mismatch(o, "currency", "the tariff is in another currency");
    return r == 1 ? credit_can_sell(o, account) : r;
}

int payment_ask(struct office *o, const struct payment_new *what, struct payment *ret)
{
    struct credit_account account;
    struct payment_provider provider;
    int r = payment_find(o, what->payment_id, ret);

    if (r == 1)
        return check_again(o, what, ret);
    if (r == 0 && (what->amount_minor < 1 || what->amount_minor > AMOUNT_MAX))
        return ho_fail(o, GF_E_RANGE, "amount_minor", "1 to 10^12 minor units");
    if (r == 0)
        r = check_account(o, what, &account);
    if (r == 0 && (r = provider_find(o, what->provider, &provider)) == 0)
        r = ho_fail(o, GF_E_FORMAT, "provider", "there is no such provider");
    if (r == 1 && provider.is_ended)
        r = ho_fail(o, GF_E_NOT_NOW, "provider", "takes no payments any more");
    if (r < 0)
        return r;
    if (odb_exec(o->db,
                 "INSERT INTO payment (org_id, payment_id, account_no, customer_no, provider, "
                 "amount_minor, currency, state, asked_by, asked_at_ms) VALUES (?1, ?2, ?3, ?4, "
                 "?5, ?6, ?7, 'requested', ?8, ?9)",
                 ODB(ODB_B(what->payment_id, 16), ODB_I(what->account_no),
                     ODB_T(account.customer_no), ODB_T(what->provider), ODB_I(what->amount_minor),
                     ODB_T(what->currency), ODB_T(what->asked_by), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    r = find_known(o, what->payment_id, ret);
    return r < 0 ? r : 0;
}

/* ---- the sale ---- */

/* Litres sold to this customer at this place since then: tiers go on through a swap. A token that a
 * swap made void was sold too: its litres are the case's, and its price is earned. CROSS JOIN: the
 * few accounts first, or SQLite may look through the tokens of all. */
static int sold_since(struct office *o, const struct credit_account *a, int64_t since_s,
                      int64_t *ret)
{
    if (odb_number(o->db, ret,
                   "SELECT CAST(COALESCE(SUM(t.litres), 0) AS BIGINT) FROM account a CROSS JOIN "
                   "token t WHERE t.org_id = a.org_id AND t.account_no = a.account_no AND a.org_id "
                   "= ?1 AND a.supply_point = ?2 AND a.customer_no = ?3 AND t.kind = 'sale' AND "
                   "t.made_at_ms >= ?4 AND (t.state <> 'voided' OR EXISTS (SELECT 1 FROM posting p "
                   "WHERE p.org_id = t.org_id AND p.op_id = t.op_id AND p.kind = 'voided' AND "
                   "p.code = 'transit'))",
                   ODB(ODB_T(a->supply_point), ODB_T(a->customer_no), ODB_I(since_s * 1000)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

int payment_change(struct office *o, uint64_t account_no, const char *currency, int64_t *ret_milli)
{
    char owner[24];
    int r;

    ledger_owner(account_no, owner);
    r = ledger_balance(o, currency, LEDGER_CUSTOMER, owner, ret_milli);
    if (r == 0)
        *ret_milli = -*ret_milli;
    return r;
}

/* As many litres as the money buys now, payment and change together. */
static int count_litres(struct office *o, const struct credit_account *a, const struct tariff *t,
                        struct credit_new *ret)
{
    int64_t money_milli = 0, litres;
    int r = sold_since(o, a, tariff_period_start(t->period, ho_now_ms(o) / 1000), &ret->from_l);

    if (r == 0)
        r = payment_change(o, a->account_no, t->currency, &money_milli);
    if (r != 0)
        return r;
    litres = money_milli > 0 ? tariff_litres(t, ret->from_l, money_milli) : 0;
    ret->litres = litres;
    ret->to_l = ret->from_l + litres;
    r = litres > 0 ? tariff_cost(t, ret->from_l, ret->to_l, &ret->cost_milli) : 0;
    /* Half up. Money comes in whole minor units, so this is never more than there is. */
    ret->price_minor = (ret->cost_milli + CREDIT_MILLI / 2) / CREDIT_MILLI;
    return r == 0 ? 0 : ho_fail(o, r, "tariff", "its price leaves 64 bits");
}

/* Why money that is there cannot be turned into credit now; "" when it can. */
static int hindrance(struct office *o, const struct payment *p, struct credit_account *a,
                     struct tariff *t, char ret[static 160])
{
    int r = credit_find_account(o, p->account_no, a);

    ret[0] = '\0';
    if (r == 1)
        r = credit_can_sell(o, a);
    if (r == GF_E_NOT_NOW) {
        (void)snprintf(ret, 160, "kept as change: %.140s", o->fail.detail);
        o->fail = (struct gf_fail){ 0 };
        return 0;
    }
    if (r != 0)
        return r;
    r = tariff_find(o, a->tariff_class, ho_now_ms(o) / 1000, t);
    if (r >= 0 && (r == 0 || strcmp(t->currency, p->currency) != 0))
        (void)snprintf(ret, 160, "kept as change: no tariff in %s is in force", p->currency);
    return r < 0 ? r : 0;
}

/* Money became credit, or stays as change with the reason. */
static int sell(struct office *o, const struct payment *p, const char *by)
{
    struct credit_account account;
    struct tariff tariff;
    struct credit_new sale = { .account_no = p->account_no,
                               .kind = "sale",
                               .cause_id = p->payment_id,
                               .made_by = by,
                               .payment_id = p->payment_id,
                               .tariff = &tariff };
    struct credit_token token = { 0 };
    const struct odb_value none = { .type = ODB_NULL };
    char reason[160];
    int r = hindrance(o, p, &account, &tariff, reason);

    if (r == 0 && reason[0] == '\0' && (r = count_litres(o, &account, &tariff, &sale)) == 0) {
        if (sale.litres == 0)
            (void)gf_copy(reason, sizeof reason, "kept as change: it buys less than one litre");
        else
            r = credit_issue(o, &sale, &token);
    }
    if (r == 0
        && odb_exec(o->db,
                    "UPDATE payment SET token_seq = ?3, reason = ?4 WHERE org_id = ?1 AND "
                    "payment_id = ?2",
                    ODB(ODB_B(p->payment_id, 16),
                        token.sequence != 0 ? ODB_I(token.sequence) : none, ODB_T(reason)))
               < 0)
        r = ho_db_fail(o);
    return r == 0 && token.sequence == 0 ? swap_carry_money(o, p->account_no) : r;
}

/* ---- confirming ---- */

/* No other payment of this provider may have this reference. */
static int check_ref(struct office *o, const struct payment *p, const char *ref)
{
    int64_t n = 0;

    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM payment WHERE org_id = ?1 AND provider = ?2 AND "
                   "provider_ref = ?3 AND payment_id <> ?4",
                   ODB(ODB_T(p->provider), ODB_T(ref), ODB_B(p->payment_id, 16)))
        < 0)
        return ho_db_fail(o);
    return n == 0 ? 0 : mismatch(o, "provider_ref", "another payment has this reference");
}

/* Is what is said of this payment what is known of it? 0 for one that waits, 1 for one that is
 * `ended` already. */
static int check_said(struct office *o, const struct payment *p, const char *ref, bool is_paid)
{
    const bool is_open = strcmp(p->state, "requested") == 0;
    const bool was_paid = strcmp(p->state, "confirmed") == 0 || strcmp(p->state, "refunded") == 0;

    if (is_open)
        return ref != NULL ? check_ref(o, p, ref) : 0;
    if (was_paid != is_paid)
        return mismatch(o, "status",
                        was_paid ? "this payment was received before"
                                 : "this payment failed before");
    if (strcmp(p->provider_ref, ref != NULL ? ref : "") != 0)
        return mismatch(o, "provider_ref", "this payment has another reference");
    return 1;
}

static int post_money(struct office *o, const struct payment *p, const char *by)
{
    const int64_t amount = p->amount_minor * CREDIT_MILLI;
    char account[24];
    struct ledger_entry e = { .kind = "payment",
                              .effective_s = ho_now_ms(o) / 1000,
                              .made_by = by,
                              .note = "",
                              .postings = { { p->currency, LEDGER_CASH, p->provider, amount },
                                            { p->currency, LEDGER_CUSTOMER, account, -amount } },
                              .n = 2 };

    memcpy(e.op_id, p->payment_id, sizeof e.op_id);
    ledger_owner(p->account_no, account);

    int r = ledger_post(o, &e);
    return r < 0 ? r : 0;
}

int payment_confirm(struct office *o, const uint8_t payment_id[static 16], const char *provider_ref,
                    int64_t amount_minor, const char *currency, const char *by, struct payment *ret)
{
    int r = find_known(o, payment_id, ret);

    if (r == 1 && ret->amount_minor != amount_minor)
        r = mismatch(o, "amount_minor", "is not what was asked for");
    if (r == 1 && strcmp(ret->currency, currency) != 0)
        r = mismatch(o, "currency", "is not what was asked for");
    if (r == 1)
        r = check_said(o, ret, provider_ref, true);
    if (r != 0)
        return r < 0 ? r : 0;
    if (odb_exec(o->db,
                 "UPDATE payment SET state = 'confirmed', provider_ref = ?3, confirmed_at_ms = ?4, "
                 "confirmed_by = ?5 WHERE org_id = ?1 AND payment_id = ?2",
                 ODB(ODB_B(payment_id, 16), ODB_T(provider_ref), ODB_I(ho_now_ms(o)), ODB_T(by)))
        < 0)
        return ho_db_fail(o);
    if ((r = post_money(o, ret, by)) == 0 && (r = sell(o, ret, by)) == 0)
        r = find_known(o, payment_id, ret);
    return r < 0 ? r : 0;
}

int payment_at_counter(struct office *o, const struct payment_new *what, struct payment *ret)
{
    int r = payment_ask(o, what, ret);

    return r == 0 ? payment_confirm(o, what->payment_id, NULL, what->amount_minor, what->currency,
                                    what->asked_by, ret)
                  : r;
}

int payment_fail(struct office *o, const uint8_t payment_id[static 16], const char *provider_ref,
                 const char *reason, struct payment *ret)
{
    int r = find_known(o, payment_id, ret);

    if (r == 1)
        r = check_said(o, ret, provider_ref, false);
    if (r != 0)
        return r < 0 ? r : 0;
    if (odb_exec(o->db,
                 "UPDATE payment SET state = 'failed', provider_ref = ?3, reason = ?4 WHERE org_id "
                 "= ?1 AND payment_id = ?2",
                 ODB(ODB_B(payment_id, 16), ODB_T(provider_ref), ODB_T(reason)))
        < 0)
        return ho_db_fail(o);
    r = find_known(o, payment_id, ret);
    return r < 0 ? r : 0;
}
