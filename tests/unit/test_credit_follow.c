/* test_credit_follow.c - tokens on a real meter: lost, healed, given back, and what the books say.
 */
#include "backend/credit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/text.h"
#include "meter-core/meter.h"
#include "tests/aid/money_aid.h"

static struct maid m;

static int begin(void **state)
{
    (void)state;
    maid_new(&m);
    return 0;
}

static int end(void **state)
{
    (void)state;
    maid_end(&m);
    return 0;
}

/* ---- helpers ---- */

static uint64_t sale(uint32_t n, int64_t amount_minor)
{
    struct payment p;

    assert_int_equal(maid_pay(&m, n, amount_minor, &p), 0);
    assert_string_equal(p.state, "confirmed");
    return p.token_seq;
}

static const char *token_state(uint64_t sequence)
{
    static struct credit_token t;

    assert_int_equal(credit_find_token(m.office.o, MAID_ACCOUNT, sequence, &t), 1);
    return t.state;
}

static const char *refund_state(uint32_t n)
{
    static struct refund refund;
    uint8_t id[16];

    maid_id(n, 'r', id);
    assert_int_equal(refund_find(m.office.o, id, &refund), 1);
    return refund.state;
}

static void give(uint64_t sequence)
{
    assert_int_equal(maid_give(&m, sequence, false), gasm_Refusal_OK);
}

static void deliver_all(void)
{
    for (size_t i = 0; i < m.n; i++)
        if (!m.is_home[i])
            maid_deliver(&m, i);
}

static int64_t residual(void)
{
    return maid_balance(&m, "litre", LEDGER_RESIDUAL, "1001");
}

/* ---- examples ---- */

static void a_token_is_posted_by_its_receipt(void **state)
{
    uint64_t seq = sale(1, 1000);

    (void)state;
    assert_string_equal(token_state(seq), "pending");
    assert_int_equal(residual(), 0);
    maid_check(&m);
    give(seq);
    deliver_all();
    assert_string_equal(token_state(seq), "posted");
    assert_int_equal(residual(), aid_residual_l(m.w));
    maid_check(&m);
}

static void a_lost_token_is_healed_by_the_next(void **state)
{
    uint64_t first = sale(1, 1000), second = sale(2, 300), third = sale(3, 100);

    (void)state;
    give(second);
    deliver_all();
    assert_string_equal(token_state(first), "posted");
    assert_string_equal(token_state(second), "posted");
    assert_string_equal(token_state(third), "pending");
    maid_check(&m);
}

static void any_receipt_shows_the_totals(void **state)
{
    uint64_t seq = sale(1, 1000);

    (void)state;
    give(seq);
    maid_touch(&m);
    maid_deliver(&m, 1); /* the recharge's own receipt never comes */
    assert_string_equal(token_state(seq), "posted");
    assert_int_equal(residual(), aid_residual_l(m.w));
    maid_check(&m);
    maid_deliver(&m, 0); /* or late */
    assert_int_equal(residual(), aid_residual_l(m.w));
    maid_check(&m);
}

static void digits_are_the_same_token(void **state)
{
    uint64_t seq = sale(1, 1000);

    (void)state;
    assert_int_equal(maid_give(&m, seq, true), gasm_Refusal_OK);
    deliver_all();
    assert_string_equal(token_state(seq), "posted");
    assert_int_equal(maid_give(&m, seq, false), gasm_Refusal_OK); /* the stored answer again */
    assert_int_equal(residual(), aid_residual_l(m.w));
}

/* ---- refunds ---- */

static void an_unused_token_is_paid_back(void **state)
{
    uint64_t kept = sale(1, 500), seq = sale(2, 1000), by = 0;

    (void)state;
    give(kept);
    deliver_all();
    assert_int_equal(maid_refund(&m, 1, seq, &by), 0);
    assert_int_equal(by, seq + 1);
    assert_string_equal(refund_state(1), "asked");
    maid_check(&m);
    maid_touch(&m); /* shows nothing of token `by` */
    deliver_all();
    assert_string_equal(refund_state(1), "asked");
    give(by);
    deliver_all();
    assert_string_equal(refund_state(1), "paid");
    assert_string_equal(token_state(seq), "voided");
    assert_string_equal(token_state(by), "posted");
    maid_check(&m);
    assert_int_equal(maid_give(&m, seq, false), gasm_Refusal_OLD); /* never any more */
}

static void a_token_that_was_taken_is_not_paid_back(void **state)
{
    uint64_t seq = sale(1, 1000), by = 0;

    (void)state;
    give(seq); /* and its receipt is not home */
    assert_int_equal(maid_refund(&m, 1, seq, &by), 0);
    give(by);
    maid_deliver(&m, 1); /* the totals are above the ceiling of `by` */
    assert_string_equal(refund_state(1), "refused");
    assert_string_equal(token_state(seq), "posted");
    maid_deliver(&m, 0);
    maid_check(&m);
    /* The next sale counts it. */
    uint64_t next = sale(2, 1000);
    give(next);
    deliver_all();
    assert_int_equal(maid_balance(&m, "litre", LEDGER_IN_TOKENS, "1001"), 0);
    assert_int_equal(residual(), aid_residual_l(m.w));
}

static void a_later_token_decides_too(void **state)
{
    uint64_t seq = sale(1, 1000), by = 0;
    uint8_t cause[16] = { 9 };
    struct credit_token forgiven;
    const struct credit_new forgive = { .account_no = MAID_ACCOUNT,
                                        .kind = "forgive",
                                        .litres = 70,
                                        .cause_id = cause,
                                        .made_by = "S002",
                                        .reason = "debt" };

    (void)state;
    assert_int_equal(maid_refund(&m, 1, seq, &by), 0);
    assert_int_equal(maid_issue(&m, &forgive, &forgiven), 0);
    give(forgiven.sequence); /* token `by` is lost */
    maid_touch(&m);
    maid_deliver(&m, 1); /* and so is the receipt of the one that healed it */
    assert_string_equal(refund_state(1), "paid");
    assert_string_equal(token_state(by), "posted");
    maid_check(&m);
}

static void no_sale_while_a_refund_waits(void **state)
{
    uint64_t seq = sale(1, 1000), by = 0;
    struct payment p;

    (void)state;
    assert_int_equal(maid_refund(&m, 1, seq, &by), 0);
    assert_int_equal(maid_pay(&m, 2, 500, &p), GF_E_NOT_NOW);
    assert_string_equal(m.office.o->fail.where, "account_no");
    give(by);
    deliver_all();
    assert_true(sale(2, 500) > by);
    maid_check(&m);
}

static void money_that_comes_meanwhile_is_change(void **state)
{
    uint64_t seq = sale(1, 1000), by = 0;
    struct payment p;
    struct payment_new what = { .account_no = MAID_ACCOUNT,
                                .provider = "counter",
                                .amount_minor = 700,
                                .currency = "EUR",
                                .asked_by = "S001" };

    (void)state;
    maid_id(2, 'p', what.payment_id);
    assert_int_equal(maid_ask(&m, &what, &p), 0); /* before the refund */
    assert_int_equal(maid_refund(&m, 1, seq, &by), 0);
    assert_int_equal(maid_confirm(&m, what.payment_id, NULL, 700, "EUR", &p), 0);
    assert_string_equal(p.state, "confirmed");
    assert_int_equal(p.token_seq, 0);
    assert_memory_equal(p.reason, "kept as change: ", 16);
    maid_check(&m);
    give(by);
    deliver_all();
    (void)sale(3, 1); /* one cent, and the change */
    assert_int_equal(maid_sum(&m, "SELECT MAX(price_minor) FROM token WHERE payment_id = (SELECT "
                                  "payment_id FROM payment WHERE amount_minor = 1)"),
                     701 + 1000 - maid_sum(&m, "SELECT amount_minor FROM refund"));
    maid_check(&m);
    /* Given back: the cent that was paid; the rest is change again. */
    assert_int_equal(maid_refund(&m, 2, by + 1, &by), 0);
    give(by);
    deliver_all();
    assert_string_equal(refund_state(2), "paid");
    assert_int_equal(maid_sum(&m, "SELECT MIN(amount_minor) FROM refund"), 1);
    maid_check(&m);
}

static void only_some_can_be_given_back(void **state)
{
    uint64_t first = sale(1, 1000), second = sale(2, 1000), by = 0;
    uint8_t id[16];
    struct refund refund;

    (void)state;
    assert_int_equal(maid_refund(&m, 1, first, &by), GF_E_NOT_NOW); /* not the newest */
    assert_int_equal(maid_refund(&m, 1, 77, &by), GF_E_FORMAT);
    assert_int_equal(maid_refund(&m, 1, second, &by), 0);
    assert_int_equal(maid_refund(&m, 1, second, &by), 0); /* again: the same */
    assert_int_equal(by, 3);
    assert_int_equal(maid_refund(&m, 2, second, &by), GF_E_NOT_NOW);
    assert_int_equal(maid_refund(&m, 1, first, &by), GF_E_MISMATCH);
    assert_int_equal(maid_refund(&m, 3, by, &by), GF_E_NOT_NOW); /* no sale */
    give(by);
    deliver_all();
    give(sale(3, 500));
    deliver_all();
    assert_int_equal(maid_refund(&m, 4, by + 1, &by), GF_E_NOT_NOW); /* it was taken */
    maid_id(1, 'r', id);
    assert_int_equal(refund_find(m.office.o, id, &refund), 1);
    assert_string_equal(refund.asked_by, "S001");
    assert_string_equal(refund.approved_by, "S002");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 4);
}

static int approve_own(struct office *o, void *ctx)
{
    struct refund refund;
    uint8_t id[16];
    int r;

    maid_id(1, 'r', id);
    r = refund_want(o, id, MAID_ACCOUNT, *(uint64_t *)ctx, "S001", "mine");
    return r == 0 ? refund_approve(o, id, "S001", &refund) : r;
}

static void a_refund_takes_two_persons(void **state)
{
    uint64_t seq = sale(1, 1000);

    (void)state;
    assert_int_equal(ho_transaction(m.office.o, approve_own, &seq), GF_E_NOT_NOW);
    assert_string_equal(m.office.o->fail.where, "approved_by");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM refund"), 0);
}

/* ---- closing ---- */

struct closing {
    uint64_t last_seq;
    const uint8_t *swap_case;
    bool is_estimate;
    int64_t litres;
};

static int close_account(struct office *o, void *ctx)
{
    struct closing *c = ctx;
    const struct credit_end end = { .account_no = MAID_ACCOUNT,
                                    .last_seq = c->last_seq,
                                    .swap_case = c->swap_case,
                                    .is_estimate = c->is_estimate };

    return credit_void_after(o, &end, &c->litres);
}

static void what_never_arrived_goes_to_the_case(void **state)
{
    static const uint8_t swap_case[16] = { 0xCA, 5, 14 };
    uint64_t first = sale(1, 1000), second = sale(2, 500), third = sale(3, 300);
    struct closing c = { .last_seq = first, .swap_case = swap_case };
    char owner[33];

    (void)state;
    give(first);
    deliver_all();
    assert_int_equal(ho_transaction(m.office.o, close_account, &c), 0);
    assert_string_equal(token_state(second), "voided");
    assert_string_equal(token_state(third), "voided");
    ledger_owner_case(swap_case, owner);
    assert_int_equal(c.litres,
                     maid_sum(&m, "SELECT SUM(litres) FROM token WHERE state = 'voided'"));
    assert_int_equal(maid_balance(&m, "litre", LEDGER_TRANSIT, owner), c.litres);
    assert_int_equal(maid_balance(&m, "litre", LEDGER_IN_TOKENS, "1001"), 0);
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_TOKEN_MONEY, "1001"), 0);
    assert_int_equal(-maid_balance(&m, "EUR", LEDGER_REVENUE, ""),
                     maid_sum(&m, "SELECT SUM(cost_milli) FROM token"));
}

static void without_a_case_the_money_is_the_customers(void **state)
{
    uint64_t first = sale(1, 1000);
    struct closing c = { .last_seq = first };

    (void)state;
    give(first);
    deliver_all();
    (void)sale(2, 500);
    assert_int_equal(ho_transaction(m.office.o, close_account, &c), 0);
    maid_check(&m);
    assert_true(-maid_balance(&m, "EUR", LEDGER_CUSTOMER, "1001") >= 500 * 1000);
}

static void a_closing_decides_a_refund(void **state)
{
    uint64_t first = sale(1, 1000), second = sale(2, 500), by = 0;
    struct closing c = { .last_seq = first };

    (void)state;
    assert_int_equal(maid_refund(&m, 1, second, &by), 0);
    give(first);
    deliver_all();
    assert_int_equal(ho_transaction(m.office.o, close_account, &c), 0);
    assert_string_equal(refund_state(1), "paid");
    assert_string_equal(token_state(by), "voided");
    maid_check(&m);
}

static void a_closing_after_it_was_taken_refuses(void **state)
{
    uint64_t first = sale(1, 1000), by = 0;
    struct closing c = { .last_seq = first };

    (void)state;
    assert_int_equal(maid_refund(&m, 1, first, &by), 0);
    give(first);
    deliver_all();
    assert_int_equal(ho_transaction(m.office.o, close_account, &c), 0);
    assert_string_equal(refund_state(1), "refused");
    assert_string_equal(token_state(first), "posted");
    assert_string_equal(token_state(by), "voided");
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_CASH, "counter"), 1000000);
}

/* The meter took the token that takes back, and a receipt from after the closing is home before
 * that of the recharge. The totals post a debit made between the two, so it is the last that is
 * known as taken: that does not mean that the sale before it was. */
static void a_closing_knows_more_than_the_last_token(void **state)
{
    static const uint8_t cause[16] = { 'd' };
    const struct credit_new debit = { .account_no = MAID_ACCOUNT,
                                      .kind = "debit",
                                      .litres = 11,
                                      .cause_id = cause,
                                      .made_by = "S002",
                                      .reason = "read wrongly" };
    uint64_t first = sale(1, 1000), by = 0;
    struct credit_token between;
    struct closing c = { 0 };

    (void)state;
    assert_int_equal(maid_issue(&m, &debit, &between), 0);
    assert_int_equal(maid_refund(&m, 1, first, &by), 0);
    give(by);
    maid_touch(&m);
    maid_deliver(&m, 1);
    assert_string_equal(token_state(between.sequence), "posted");
    assert_string_equal(refund_state(1), "asked");
    c.last_seq = between.sequence;
    assert_int_equal(ho_transaction(m.office.o, close_account, &c), 0);
    assert_string_equal(refund_state(1), "paid");
    assert_string_equal(token_state(first), "voided");
    assert_int_equal(maid_balance(&m, "litre", LEDGER_IN_TOKENS, "1001"), 0);
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_CASH, "counter"),
                     1000 * (1000 - maid_sum(&m, "SELECT amount_minor FROM refund")));
    maid_check(&m);
    deliver_all(); /* late, and it changes nothing */
    assert_string_equal(refund_state(1), "paid");
    assert_string_equal(token_state(first), "voided");
    assert_int_equal(residual(), -11);
    maid_check(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_is_posted_by_its_receipt, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_token_is_healed_by_the_next, begin, end),
        cmocka_unit_test_setup_teardown(any_receipt_shows_the_totals, begin, end),
        cmocka_unit_test_setup_teardown(digits_are_the_same_token, begin, end),
        cmocka_unit_test_setup_teardown(an_unused_token_is_paid_back, begin, end),
        cmocka_unit_test_setup_teardown(a_token_that_was_taken_is_not_paid_back, begin, end),
        cmocka_unit_test_setup_teardown(a_later_token_decides_too, begin, end),
        cmocka_unit_test_setup_teardown(no_sale_while_a_refund_waits, begin, end),
        cmocka_unit_test_setup_teardown(money_that_comes_meanwhile_is_change, begin, end),
        cmocka_unit_test_setup_teardown(only_some_can_be_given_back, begin, end),
        cmocka_unit_test_setup_teardown(a_refund_takes_two_persons, begin, end),
        cmocka_unit_test_setup_teardown(what_never_arrived_goes_to_the_case, begin, end),
        cmocka_unit_test_setup_teardown(without_a_case_the_money_is_the_customers, begin, end),
        cmocka_unit_test_setup_teardown(a_closing_decides_a_refund, begin, end),
        cmocka_unit_test_setup_teardown(a_closing_after_it_was_taken_refuses, begin, end),
        cmocka_unit_test_setup_teardown(a_closing_knows_more_than_the_last_token, begin, end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
