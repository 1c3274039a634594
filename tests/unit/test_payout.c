/* test_payout.c - what closed accounts leave: moved, carried over by a swap, paid out, written off. */
#include "backend/payout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/office_site.h"

static struct site site;
static struct site_meter old, new, third;
static uint64_t old_no;
static char number[32];

static void expect_fail(int r, int want, const char *where)
{
    const struct gf_fail *f = &site.a.o->fail;

    if (r != want || strcmp(f->where, where) != 0 || f->detail[0] == '\0')
        fail_msg("%d %s: %s", r, f->where, f->detail);
}

static int64_t money(enum ledger_code code, const char *owner)
{
    int64_t ret = 0;

    assert_int_equal(ledger_balance(site.a.o, "EUR", code, owner, &ret), 0);
    return ret;
}

static int64_t change_of(uint64_t account_no)
{
    char owner[24];

    ledger_owner(account_no, owner);
    return -money(LEDGER_CUSTOMER, owner) / 1000;
}

/* ---- removed ---- */

/* A meter at SP-0001 with so much credit (below zero: debt). */
static void begin(int64_t litres)
{
    site_new(&site);
    site_meter_new(&site, &old, SITE_OLD);
    old_no = site_open(&site, &old, "SP-0001");
    if (litres > 0)
        site_sell(&site, old_no, litres);
    else
        site_issue(&site, old_no, "debit", -litres);
    assert_int_equal(site_give(&site, &old, old_no), gasm_Refusal_OK);
}

static void remove_old(void)
{
    struct ho_new_order n = site_order_of("removal", SITE_OLD, NULL);

    site_order(&site, &n, number);
    site_fetch(&site);
    site_close(&site, &old, false);
    site_send_all(&site, &old, number);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
}

static void end(void)
{
    site_audit(&site);
    site_meter_end(&old);
    site_end(&site);
}

static void a_removed_meters_credit_goes_to_another_account(void **state)
{
    static const uint8_t id[16] = { 4, 2 };
    uint64_t other_no, foreign_no;

    (void)state;
    begin(400);
    site_meter_new(&site, &new, SITE_NEW);
    site_meter_new(&site, &third, SITE_THIRD);
    assert_int_equal(oaid_import_customers(&site.a, "customer_no,name,phone,supply_point,address\n"
                                                    "C-1001,Ada Marchetti,+44 20 7946 0101,SP-0009,"
                                                    "9 Canal Street\n"),
                     0);
    other_no = site_open(&site, &new, "SP-0009");
    foreign_no = site_open(&site, &third, "SP-0002");
    site_sell(&site, old_no, 60); /* never arrives: the money is the customer's again */
    expect_fail(site_move(&site, id, old_no, other_no), GF_E_NOT_NOW, "from_account_no");
    remove_old();
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 400);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, old_no), 0);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM supply_point WHERE "
                                              "supply_point = 'SP-0001' AND meter_id IS NULL"),
                     1);
    expect_fail(site_move(&site, id, old_no, foreign_no), GF_E_MISMATCH, "to_account_no");
    assert_int_equal(site_move(&site, id, old_no, other_no), 0);
    assert_int_equal(site_move(&site, id, old_no, other_no), 0);
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, other_no), 400);
    assert_int_equal(site_give(&site, &new, other_no), gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), 400);
    site_meter_end(&third);
    site_meter_end(&new);
    end();
}

/* ---- asked for, decided ---- */

struct asking {
    uint8_t id;
    const char *kind, *currency, *provider, *by;
    struct payout said;
};

static int want(struct site *s, void *ctx)
{
    struct asking *x = ctx;
    struct payout_new what = { .payout_id = { 7, x->id },
                               .account_no = old_no,
                               .kind = x->kind,
                               .currency = x->currency != NULL ? x->currency : "EUR",
                               .provider = x->provider != NULL ? x->provider : "counter",
                               .asked_by = x->by != NULL ? x->by : "S001",
                               .reason = "moved out" };

    return payout_want(s->a.o, &what, &x->said);
}

static int confirm(struct site *s, void *ctx)
{
    struct asking *x = ctx;

    return payout_confirm(s->a.o, (const uint8_t[16]){ 7, x->id }, x->by, &x->said);
}

static int reject(struct site *s, void *ctx)
{
    struct asking *x = ctx;

    return payout_reject(s->a.o, (const uint8_t[16]){ 7, x->id }, x->by, &x->said);
}

#define WANT(...) site_transact(&site, want, &(struct asking){ __VA_ARGS__ })
#define CONFIRM(...) site_transact(&site, confirm, &(struct asking){ __VA_ARGS__ })
#define REJECT(...) site_transact(&site, reject, &(struct asking){ __VA_ARGS__ })

static void what_a_removed_meter_left_is_paid_out(void **state)
{
    struct asking x = { .id = 1, .kind = "pay-out" };

    (void)state;
    begin(400);
    site_issue(&site, old_no, "forgive", 50); /* was never bought */
    assert_int_equal(site_give(&site, &old, old_no), gasm_Refusal_OK);
    site_sell(&site, old_no, 60); /* never arrives: the money is the customer's again */
    expect_fail(WANT(.id = 1, .kind = "pay-out"), GF_E_NOT_NOW, "account_no"); /* it is open */
    remove_old();
    site_must(&site, site_transact(&site, want, &x));
    assert_int_equal(x.said.litres, 450);
    assert_int_equal(x.said.price_minor, 400);
    assert_int_equal(x.said.change_minor, 60);
    assert_string_equal(x.said.state, "wanted");
    assert_int_equal(WANT(.id = 1, .kind = "pay-out"), 0); /* again */
    expect_fail(WANT(.id = 1, .kind = "write-off"), GF_E_MISMATCH, "payout_id");
    expect_fail(WANT(.id = 2, .kind = "pay-out"), GF_E_NOT_NOW, "account_no");
    expect_fail(CONFIRM(.id = 1, .by = "S001"), GF_E_NOT_NOW, "decided_by");
    expect_fail(CONFIRM(.id = 1, .by = "S002"), GF_E_FORMAT, "decided_by");
    expect_fail(CONFIRM(.id = 3, .by = "V001"), GF_E_FORMAT, "payout_id");
    assert_int_equal(money(LEDGER_CASH, "counter"), 460000);
    assert_int_equal(CONFIRM(.id = 1, .by = "V001"), 0);
    assert_int_equal(CONFIRM(.id = 1, .by = "V001"), 0);
    expect_fail(CONFIRM(.id = 1, .by = "V002"), GF_E_NOT_NOW, "payout_id");
    expect_fail(REJECT(.id = 1, .by = "V001"), GF_E_NOT_NOW, "payout_id");
    assert_int_equal(money(LEDGER_CASH, "counter"), 0);
    assert_int_equal(money(LEDGER_REVENUE, ""), 0);
    assert_int_equal(change_of(old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_BOUGHT_BACK, old_no), 450);
    expect_fail(WANT(.id = 4, .kind = "pay-out"), GF_E_NOT_NOW, "account_no"); /* nothing is left */
    end();
}

static void what_is_asked_for_has_to_be_right(void **state)
{
    (void)state;
    begin(400);
    remove_old();
    expect_fail(WANT(.id = 1, .kind = "gift"), GF_E_FORMAT, "kind");
    expect_fail(WANT(.id = 1, .kind = "pay-out", .provider = "nobody"), GF_E_FORMAT, "provider");
    expect_fail(WANT(.id = 1, .kind = "pay-out", .currency = "USD"), GF_E_MISMATCH, "currency");
    old_no += 77;
    expect_fail(WANT(.id = 1, .kind = "pay-out"), GF_E_FORMAT, "account_no");
    old_no -= 77;
    assert_int_equal(WANT(.id = 1, .kind = "pay-out"), 0);
    assert_int_equal(REJECT(.id = 1, .by = "V001"), 0);
    assert_int_equal(REJECT(.id = 1, .by = "V001"), 0);
    expect_fail(CONFIRM(.id = 1, .by = "V002"), GF_E_NOT_NOW, "payout_id");
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 400);
    assert_int_equal(WANT(.id = 2, .kind = "pay-out"), 0); /* and anew */
    end();
}

/* Between asking and confirming it went elsewhere: nothing is paid for it. */
static void what_has_changed_since_is_not_paid(void **state)
{
    static const uint8_t id[16] = { 4, 3 };
    uint64_t other_no;

    (void)state;
    begin(400);
    site_meter_new(&site, &new, SITE_NEW);
    assert_int_equal(oaid_import_customers(&site.a, "customer_no,name,phone,supply_point,address\n"
                                                    "C-1001,Ada Marchetti,+44 20 7946 0101,SP-0009,"
                                                    "9 Canal Street\n"),
                     0);
    other_no = site_open(&site, &new, "SP-0009");
    site_sell(&site, old_no, 60);
    remove_old();
    assert_int_equal(WANT(.id = 1, .kind = "pay-out"), 0);
    assert_int_equal(site_move(&site, id, old_no, other_no), 0);
    expect_fail(CONFIRM(.id = 1, .by = "V001"), GF_E_NOT_NOW, "payout_id");
    assert_int_equal(money(LEDGER_CASH, "counter"), 460000);
    assert_int_equal(REJECT(.id = 1, .by = "V001"), 0);
    assert_int_equal(WANT(.id = 2, .kind = "pay-out"), 0);
    assert_int_equal(CONFIRM(.id = 2, .by = "V001"), 0);
    assert_int_equal(money(LEDGER_CASH, "counter"), 400000); /* the change alone */
    site_meter_end(&new);
    end();
}

static void a_debt_is_written_off(void **state)
{
    struct asking x = { .id = 1, .kind = "write-off" };

    (void)state;
    begin(-300);
    remove_old();
    expect_fail(WANT(.id = 2, .kind = "pay-out"), GF_E_NOT_NOW, "account_no");
    site_must(&site, site_transact(&site, want, &x));
    assert_int_equal(x.said.litres, -300);
    assert_int_equal(CONFIRM(.id = 1, .by = "V001"), 0);
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_WRITTEN_OFF, old_no), -300);
    end();
}

static void credit_and_money_are_written_off(void **state)
{
    char owner[24];

    (void)state;
    begin(400);
    site_sell(&site, old_no, 60);
    remove_old();
    assert_int_equal(WANT(.id = 1, .kind = "write-off"), 0);
    assert_int_equal(CONFIRM(.id = 1, .by = "V001"), 0);
    ledger_owner(old_no, owner);
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_WRITTEN_OFF, old_no), 400);
    assert_int_equal(change_of(old_no), 0);
    assert_int_equal(money(LEDGER_WRITTEN_OFF, owner), -60000);
    assert_int_equal(money(LEDGER_CASH, "counter"), 460000);
    end();
}

/* ---- at a swap ---- */

static int ask_payment(struct site *s, void *ctx)
{
    const struct payment_new n = { .payment_id = { 3, *(uint8_t *)ctx },
                                   .account_no = old_no,
                                   .provider = "counter",
                                   .amount_minor = 25,
                                   .currency = "EUR",
                                   .asked_by = "S001" };
    struct payment p;

    return payment_ask(s->a.o, &n, &p);
}

static int confirm_payment(struct site *s, void *ctx)
{
    struct payment p;

    return payment_confirm(s->a.o, (const uint8_t[16]){ 3, *(uint8_t *)ctx }, NULL, 25, "EUR", "S001",
                           &p);
}

static int refund(struct site *s, void *ctx)
{
    static const uint8_t id[16] = { 9, 9 };
    uint64_t by = 0;

    (void)ctx;
    return refund_ask(s->a.o, id, old_no, 2, "S001", "V001", "bought twice", &by);
}

/* Change that was there, and money that comes later, are the new meter's account's; what the swap
 * carried over was bought under the old one, and is paid out at that price. */
static void money_goes_over_at_a_swap(void **state)
{
    struct swap_case c;
    struct asking x = { .id = 1, .kind = "pay-out" };
    struct ho_new_order n = site_order_of("removal", SITE_NEW, NULL);
    uint64_t new_no;

    (void)state;
    old_no = site_swap_begin(&site, &old, &new, 700, 0, number);
    site_sell(&site, old_no, 60);
    for (uint8_t i = 1; i <= 3; i++)
        site_must(&site, site_transact(&site, ask_payment, &i));
    site_must(&site, site_transact(&site, refund, NULL)); /* so that money stays as change */
    site_must(&site, site_transact(&site, confirm_payment, &(uint8_t){ 1 }));
    assert_int_equal(change_of(old_no), 25);
    site_close(&site, &old, true);
    site_send_all(&site, &old, number);
    c = site_case(&site, number);
    new_no = c.new_account_no;
    assert_int_equal(change_of(old_no), 0);
    assert_int_equal(change_of(new_no), 25);
    site_must(&site, site_transact(&site, confirm_payment, &(uint8_t){ 2 }));
    site_must(&site, site_transact(&site, confirm_payment, &(uint8_t){ 3 }));
    assert_int_equal(change_of(old_no), 0);
    assert_int_equal(change_of(new_no), 75);
    site_audit(&site);
    expect_fail(WANT(.id = 9, .kind = "pay-out"), GF_E_NOT_NOW, "account_no"); /* the swap has it */
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    site_send_all(&site, &new, number);
    site_done(&site, &new, number);
    site_order(&site, &n, number);
    site_fetch(&site);
    site_close(&site, &new, false);
    site_send_all(&site, &new, number);
    old_no = new_no;
    site_must(&site, site_transact(&site, want, &x));
    assert_int_equal(x.said.litres, 700);
    assert_int_equal(x.said.price_minor, 700);
    assert_int_equal(x.said.change_minor, 75);
    assert_int_equal(CONFIRM(.id = 1, .by = "V001"), 0);
    assert_int_equal(money(LEDGER_CASH, "counter"), 0);
    site_meter_end(&new);
    end();
}

/* ---- twice ---- */

/* A dead meter's papers come after what its estimate left was paid out: the litres that are more were
 * never bought, for the sales were paid back already. */
static void what_was_paid_out_is_not_paid_again(void **state)
{
    struct ho_new_order n = site_order_of("removal", SITE_NEW, NULL);
    struct asking x = { .id = 1, .kind = "pay-out" };
    char removal[32], bench[32];

    (void)state;
    old_no = site_swap_begin(&site, &old, &new, 300, 900, number);
    site_issue(&site, old_no, "forgive", 400);
    assert_int_equal(site_give(&site, &old, old_no), gasm_Refusal_OK);
    site_swap_dead(&site, &old, &new, 600, number);
    old_no = site_case(&site, number).new_account_no;
    site_fetch(&site);
    assert_int_equal(site_recharge(&site, &new, old_no), gasm_Refusal_OK);
    site_order(&site, &n, removal);
    site_fetch(&site);
    site_close(&site, &new, false);
    site_send_all(&site, &new, removal);
    assert_int_equal(site_certificate(&site, new.certificate, new.certificate_n), 0);
    site_must(&site, site_transact(&site, want, &x));
    assert_int_equal(x.said.litres, 600);
    assert_int_equal(x.said.price_minor, 300);
    assert_int_equal(CONFIRM(.id = 1, .by = "V001"), 0);
    assert_int_equal(money(LEDGER_CASH, "counter"), 0);
    site_bench(&site, &old, bench);
    site_send_all(&site, &old, bench);
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 100);
    expect_fail(WANT(.id = 2, .kind = "pay-out"), GF_E_NOT_NOW, "account_no");
    assert_int_equal(WANT(.id = 3, .kind = "write-off"), 0);
    assert_int_equal(CONFIRM(.id = 3, .by = "V001"), 0);
    assert_int_equal(money(LEDGER_CASH, "counter"), 0);
    site_meter_end(&new);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_removed_meters_credit_goes_to_another_account),
        cmocka_unit_test(what_a_removed_meter_left_is_paid_out),
        cmocka_unit_test(what_is_asked_for_has_to_be_right),
        cmocka_unit_test(what_has_changed_since_is_not_paid),
        cmocka_unit_test(a_debt_is_written_off),
        cmocka_unit_test(credit_and_money_are_written_off),
        cmocka_unit_test(money_goes_over_at_a_swap),
        cmocka_unit_test(what_was_paid_out_is_not_paid_again),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
