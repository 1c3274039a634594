/* test_payment.c - money asked for, received, and what it buys. */
#include "backend/credit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/provider.h"
#include "tests/aid/money_aid.h"

static struct maid m;

static int add_demo(struct office *o, void *ctx)
{
    static const uint8_t secret[HO_KEY_LEN] = { 5 };

    (void)ctx;
    return provider_add(o, "demo", secret, "S002");
}

static int begin(void **state)
{
    (void)state;
    maid_office(&m);
    assert_int_equal(ho_transaction(m.office.o, add_demo, NULL), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    maid_end(&m);
    return 0;
}

static struct payment_new ask_of(uint32_t n, const char *provider, int64_t amount)
{
    struct payment_new what = { .account_no = MAID_ACCOUNT,
                                .provider = provider,
                                .amount_minor = amount,
                                .currency = "EUR",
                                .asked_by = "customer C-1001" };

    maid_id(n, 'p', what.payment_id);
    return what;
}

static int do_fail(struct office *o, void *ctx)
{
    struct payment p;

    return payment_fail(o, ctx, "REF-9", "card refused", &p);
}

static int fail_payment(const uint8_t *id)
{
    uint8_t copy[16];

    memcpy(copy, id, 16);
    m.office.o->fail = (struct gf_fail){ 0 };
    return ho_transaction(m.office.o, do_fail, copy);
}

/* ---- asking ---- */

static void asked_twice_is_once(void **state)
{
    struct payment_new what = ask_of(1, "demo", 1000);
    struct payment p, again;

    (void)state;
    assert_int_equal(maid_ask(&m, &what, &p), 0);
    assert_string_equal(p.state, "requested");
    assert_string_equal(p.customer_no, "C-1001");
    assert_int_equal(maid_ask(&m, &what, &again), 0);
    assert_int_equal(p.asked_at_ms, again.asked_at_ms);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM payment"), 1);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 0);
    what.amount_minor++;
    assert_int_equal(maid_ask(&m, &what, &again), GF_E_MISMATCH);
    assert_string_equal(m.office.o->fail.where, "amount_minor");
    what = ask_of(1, "counter", 1000);
    assert_int_equal(maid_ask(&m, &what, &again), GF_E_MISMATCH);
    what = ask_of(1, "demo", 1000);
    what.currency = "USD";
    assert_int_equal(maid_ask(&m, &what, &again), GF_E_MISMATCH);
    what = ask_of(1, "demo", 1000);
    what.account_no++;
    assert_int_equal(maid_ask(&m, &what, &again), GF_E_MISMATCH);
}

static void what_cannot_be_asked(void **state)
{
    struct payment_new what = ask_of(1, "demo", 0);
    struct payment p;

    (void)state;
    assert_int_equal(maid_ask(&m, &what, &p), GF_E_RANGE);
    what = ask_of(1, "demo", INT64_C(1000000000001));
    assert_int_equal(maid_ask(&m, &what, &p), GF_E_RANGE);
    what = ask_of(1, "nobody", 1);
    assert_int_equal(maid_ask(&m, &what, &p), GF_E_FORMAT);
    assert_string_equal(m.office.o->fail.where, "provider");
    what = ask_of(1, "demo", 1);
    what.currency = "USD";
    assert_int_equal(maid_ask(&m, &what, &p), GF_E_MISMATCH);
    what = ask_of(1, "demo", 1);
    what.account_no = 9;
    assert_int_equal(maid_ask(&m, &what, &p), GF_E_FORMAT);
    oaid_sql(&m.office, "UPDATE provider SET ended_at_ms = 5");
    what = ask_of(1, "demo", 1);
    assert_int_equal(maid_ask(&m, &what, &p), GF_E_NOT_NOW);
    oaid_sql(&m.office, "UPDATE supply_point SET tariff_class = 'none'");
    what = ask_of(1, "counter", 1);
    assert_int_equal(maid_ask(&m, &what, &p), GF_E_NOT_NOW);
    assert_string_equal(m.office.o->fail.where, "tariff");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM payment"), 0);
}

static void a_closed_account_says_where_to_pay(void **state)
{
    struct payment_new what = ask_of(1, "demo", 1000);
    struct payment p;

    (void)state;
    oaid_sql(&m.office, "UPDATE account SET state = 'closed'");
    assert_int_equal(maid_ask(&m, &what, &p), GF_E_NOT_NOW);
    assert_string_equal(m.office.o->fail.detail, "account 1001 is closed, and none of SP-0001 is "
                                                 "open");
    oaid_sql(&m.office, "INSERT INTO account (org_id, account_no, customer_no, supply_point, "
                        "meter_id, state) SELECT org_id, 1002, customer_no, supply_point, "
                        "meter_id, 'open' FROM account");
    assert_int_equal(maid_ask(&m, &what, &p), GF_E_NOT_NOW);
    assert_string_equal(m.office.o->fail.detail,
                        "account 1001 is closed: pay to account 1002 of SP-0001");
}

/* ---- confirming ---- */

static void confirmed_is_a_sale_once(void **state)
{
    struct payment_new what = ask_of(1, "demo", 1000);
    struct payment p, again;
    struct credit_token t;

    (void)state;
    assert_int_equal(maid_ask(&m, &what, &p), 0);
    assert_int_equal(maid_confirm(&m, what.payment_id, "REF-1", 1000, "EUR", &p), 0);
    assert_string_equal(p.state, "confirmed");
    assert_string_equal(p.provider_ref, "REF-1");
    assert_int_equal(p.token_seq, 1);
    assert_int_equal(credit_find_token(m.office.o, MAID_ACCOUNT, 1, &t), 1);
    assert_int_equal(t.litres, 1166); /* 1166 x 0.857 = 999.262; one more is 1000.119 */
    assert_int_equal(t.cost_milli, 999262);
    assert_int_equal(t.price_minor, 999);
    assert_string_equal(t.currency, "EUR");
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_CASH, "demo"), 1000000);
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_CUSTOMER, "1001"), -1000);
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_ROUNDING, ""), 262);
    assert_int_equal(maid_confirm(&m, what.payment_id, "REF-1", 1000, "EUR", &again), 0);
    assert_int_equal(again.token_seq, 1);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_CASH, "demo"), 1000000);
}

static void what_is_not_the_payment(void **state)
{
    struct payment_new what = ask_of(1, "demo", 1000), other = ask_of(2, "demo", 1000);
    uint8_t unknown[16] = { 77 };
    struct payment p;

    (void)state;
    assert_int_equal(maid_ask(&m, &what, &p), 0);
    assert_int_equal(maid_ask(&m, &other, &p), 0);
    assert_int_equal(maid_confirm(&m, unknown, "R", 1000, "EUR", &p), GF_E_FORMAT);
    assert_int_equal(maid_confirm(&m, what.payment_id, "R", 999, "EUR", &p), GF_E_MISMATCH);
    assert_string_equal(m.office.o->fail.where, "amount_minor");
    assert_int_equal(maid_confirm(&m, what.payment_id, "R", 1000, "USD", &p), GF_E_MISMATCH);
    assert_string_equal(m.office.o->fail.where, "currency");
    assert_int_equal(maid_confirm(&m, what.payment_id, "R", 1000, "EUR", &p), 0);
    assert_int_equal(maid_confirm(&m, other.payment_id, "R", 1000, "EUR", &p), GF_E_MISMATCH);
    assert_string_equal(m.office.o->fail.where, "provider_ref");
    assert_int_equal(maid_confirm(&m, what.payment_id, "S", 1000, "EUR", &p), GF_E_MISMATCH);
    assert_int_equal(fail_payment(what.payment_id), GF_E_MISMATCH);
    assert_string_equal(m.office.o->fail.where, "status");
    assert_int_equal(fail_payment(other.payment_id), 0);
    assert_int_equal(fail_payment(other.payment_id), 0);
    assert_int_equal(maid_confirm(&m, other.payment_id, "REF-9", 1000, "EUR", &p), GF_E_MISMATCH);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM payment WHERE state = 'failed' AND reason "
                                  "= 'card refused'"),
                     1);
}

static void less_than_a_litre_is_change(void **state)
{
    struct payment p;

    (void)state;
    oaid_sql(&m.office, "UPDATE tariff SET steps = '0=2000'");
    assert_int_equal(maid_pay(&m, 1, 1, &p), 0);
    assert_string_equal(p.state, "confirmed");
    assert_int_equal(p.token_seq, 0);
    assert_string_equal(p.reason, "kept as change: it buys less than one litre");
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_CUSTOMER, "1001"), -1000);
    assert_int_equal(maid_pay(&m, 2, 1, &p), 0); /* with the change: one litre */
    assert_int_equal(p.token_seq, 1);
    assert_int_equal(maid_sum(&m, "SELECT litres FROM token"), 1);
    maid_check(&m);
}

static void money_for_a_closed_account_is_kept(void **state)
{
    struct payment_new what = ask_of(1, "demo", 1000);
    struct payment p;

    (void)state;
    assert_int_equal(maid_ask(&m, &what, &p), 0);
    oaid_sql(&m.office, "UPDATE account SET state = 'closed'");
    assert_int_equal(maid_confirm(&m, what.payment_id, "R", 1000, "EUR", &p), 0);
    assert_string_equal(p.reason, "kept as change: account 1001 is closed");
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_CUSTOMER, "1001"), -1000000);
}

/* ---- tiers ---- */

/* Paid at once or in many parts, in one month: never a litre more, and the same price. */
static void tiers_go_on_through_the_month(void **state)
{
    struct payment p;
    int64_t litres, cost;

    (void)state;
    for (uint32_t i = 1; i <= 60; i++)
        assert_int_equal(maid_pay(&m, i, 100 + i % 7, &p), 0);
    litres = maid_sum(&m, "SELECT SUM(litres) FROM token");
    cost = maid_sum(&m, "SELECT SUM(cost_milli) FROM token");
    assert_true(litres > 5000);
    assert_int_equal(cost, 5000 * 857 + (litres - 5000) * 1205);
    assert_true(-maid_balance(&m, "EUR", LEDGER_CUSTOMER, "1001") < 2000); /* under a litre, and
                                                                            * what was rounded */
    maid_check(&m);
    m.office.utc_ms += INT64_C(31) * 86400 * 1000;
    assert_int_equal(maid_pay(&m, 100, 857, &p), 0);
    assert_true(maid_sum(&m, "SELECT litres FROM token ORDER BY sequence DESC LIMIT 1") >= 1000);
    assert_int_equal(maid_sum(&m, "SELECT from_l FROM token ORDER BY sequence DESC LIMIT 1"), 0);
}

static void tiers_go_on_through_a_swap(void **state)
{
    struct payment_new what = ask_of(2, "counter", 1000);
    struct payment p;

    (void)state;
    assert_int_equal(maid_pay(&m, 1, 857, &p), 0);
    oaid_sql(&m.office, "UPDATE account SET state = 'closed'");
    oaid_sql(&m.office, "INSERT INTO account (org_id, account_no, customer_no, supply_point, "
                        "meter_id, state) SELECT org_id, 1002, customer_no, supply_point, "
                        "meter_id, 'open' FROM account");
    what.account_no = 1002;
    assert_int_equal(maid_ask(&m, &what, &p), 0);
    assert_int_equal(maid_confirm(&m, what.payment_id, NULL, 1000, "EUR", &p), 0);
    assert_int_equal(maid_sum(&m, "SELECT from_l FROM token WHERE account_no = 1002"), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asked_twice_is_once, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_asked, begin, end),
        cmocka_unit_test_setup_teardown(a_closed_account_says_where_to_pay, begin, end),
        cmocka_unit_test_setup_teardown(confirmed_is_a_sale_once, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_the_payment, begin, end),
        cmocka_unit_test_setup_teardown(less_than_a_litre_is_change, begin, end),
        cmocka_unit_test_setup_teardown(money_for_a_closed_account_is_kept, begin, end),
        cmocka_unit_test_setup_teardown(tiers_go_on_through_the_month, begin, end),
        cmocka_unit_test_setup_teardown(tiers_go_on_through_a_swap, begin, end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
