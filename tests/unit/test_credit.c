/* test_credit.c - tokens as they are issued and carried: ceilings, causes, refusals, keys. */
#include "backend/credit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/money_aid.h"

static struct maid m;

static int begin(void **state)
{
    (void)state;
    maid_office(&m);
    return 0;
}

static int end(void **state)
{
    (void)state;
    maid_end(&m);
    return 0;
}

static const uint8_t a_case[16] = { 0xC0 };

static int issue(const char *kind, int64_t litres, uint8_t cause, struct credit_token *ret)
{
    uint8_t id[16];
    const struct credit_new what = { .account_no = MAID_ACCOUNT,
                                     .kind = kind,
                                     .litres = litres,
                                     .cause_id = id,
                                     .made_by = "S002",
                                     .reason = "test",
                                     .swap_case = kind[0] == 't' ? a_case : NULL };

    maid_id(cause, 'c', id);
    return maid_issue(&m, &what, ret);
}

static void sql(const char *text)
{
    oaid_sql(&m.office, text);
}

/* ---- issuing ---- */

static void ceilings_are_running_totals(void **state)
{
    struct credit_token t;
    struct payment p;

    (void)state;
    assert_int_equal(issue("forgive", 40, 1, &t), 0);
    assert_int_equal(t.sequence, 1);
    assert_int_equal(t.forgiven_l, 40);
    assert_int_equal(issue("transfer", 300, 2, &t), 0);
    assert_int_equal(t.imported_l, 300);
    assert_int_equal(t.forgiven_l, 40);
    assert_int_equal(issue("debit", 7, 3, &t), 0);
    assert_int_equal(t.debited_l, 7);
    assert_int_equal(maid_pay(&m, 1, 857, &p), 0);
    assert_int_equal(credit_find_token(m.office.o, MAID_ACCOUNT, p.token_seq, &t), 1);
    assert_int_equal(t.sequence, 4);
    assert_int_equal(t.litres, 1000);
    assert_int_equal(t.purchased_l, 1000);
    assert_int_equal(issue("forgive", 2, 4, &t), 0);
    assert_int_equal(t.purchased_l, 1000);
    assert_int_equal(t.imported_l, 300);
    assert_int_equal(t.forgiven_l, 42);
    assert_int_equal(t.debited_l, 7);
    maid_check(&m);
    assert_int_equal(maid_balance(&m, "litre", LEDGER_TRANSIT, "c0000000000000000000000000000000"),
                     -300);
}

static void what_a_case_takes_stands_in_its_transit(void **state)
{
    uint8_t id[16];
    struct credit_token t;
    const struct credit_new what = { .account_no = MAID_ACCOUNT,
                                     .kind = "debit",
                                     .litres = 90,
                                     .cause_id = id,
                                     .made_by = "S002",
                                     .swap_case = a_case };

    (void)state;
    maid_id(1, 'c', id);
    assert_int_equal(maid_issue(&m, &what, &t), 0);
    assert_int_equal(maid_balance(&m, "litre", LEDGER_TRANSIT, "c0000000000000000000000000000000"),
                     90);
    assert_int_equal(maid_balance(&m, "litre", LEDGER_IN_TOKENS, "1001"), -90);
}

static void the_same_cause_is_the_same_token(void **state)
{
    struct credit_token t, again;

    (void)state;
    assert_int_equal(issue("forgive", 40, 1, &t), 0);
    assert_int_equal(issue("forgive", 40, 1, &again), 0);
    assert_memory_equal(t.op_id, again.op_id, 16);
    assert_int_equal(t.sequence, again.sequence);
    assert_int_equal(issue("forgive", 41, 1, &again), GF_E_MISMATCH);
    assert_int_equal(issue("debit", 40, 1, &again), 0); /* another kind: another token */
    assert_int_equal(again.sequence, 2);
    sql("UPDATE account SET state = 'closed'"); /* also when none could be made any more */
    assert_int_equal(issue("forgive", 40, 1, &again), 0);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 2);
    maid_check(&m);
}

static void what_cannot_be_issued(void **state)
{
    struct credit_token t;

    (void)state;
    assert_int_equal(issue("forgive", 0, 1, &t), GF_E_RANGE);
    assert_int_equal(issue("forgive", -1, 1, &t), GF_E_RANGE);
    assert_int_equal(issue("forgive", (INT64_C(1) << 48) + 1, 1, &t), GF_E_RANGE);
    assert_int_equal(issue("forgive", INT64_C(1) << 48, 1, &t), 0);
    assert_int_equal(issue("forgive", 1, 2, &t), GF_E_RANGE); /* the total */
    assert_int_equal(issue("gift", 1, 2, &t), GF_E_BUG);
    assert_int_equal(issue("sale", 1, 2, &t), GF_E_BUG); /* without a payment */
    sql("UPDATE account SET state = 'reserved'");
    assert_int_equal(issue("debit", 1, 2, &t), GF_E_NOT_NOW);
    assert_string_equal(m.office.o->fail.where, "account_no");
    sql("UPDATE account SET state = 'closed'");
    assert_int_equal(issue("debit", 1, 2, &t), GF_E_NOT_NOW);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
}

static void certificates_are_in_the_ceilings(void **state)
{
    struct credit_token t;

    (void)state;
    /* The meter shows 500 that came by certificate, and a debt of 20. */
    sql("INSERT INTO posted_totals (org_id, meter_id, account_no, seq, at_s, index_l, purged_l, "
        "opening_index_l, opening_purged_l, purchased_l, imported_l, forgiven_l, debited_l, "
        "cleared_l, exported_l) SELECT org_id, meter_id, account_no, 9, 0, 0, 0, 0, 0, 0, 500, 0, "
        "20, 0, 0 FROM account");
    assert_int_equal(issue("transfer", 30, 1, &t), 0);
    assert_int_equal(t.imported_l, 530);
    assert_int_equal(t.debited_l, 20);
    assert_int_equal(issue("debit", 5, 2, &t), 0);
    assert_int_equal(t.imported_l, 530);
    assert_int_equal(t.debited_l, 25);
}

/* Tokens that the backup does not know may be on their way: their numbers are left out, once, and
 * what the meter shows of them counts. */
static void after_a_restore_numbers_are_left_out(void **state)
{
    struct credit_token t;

    (void)state;
    assert_int_equal(issue("forgive", 40, 1, &t), 0);
    sql("INSERT INTO setting (org_id, name, value) SELECT org_id, 'restored at ms', "
        "'1795339800001' FROM account");
    m.office.utc_ms += 1000;
    assert_int_equal(issue("forgive", 2, 2, &t), 0);
    assert_int_equal(t.sequence, 1002);
    assert_int_equal(issue("forgive", 3, 3, &t), 0);
    assert_int_equal(t.sequence, 1003);
    sql("INSERT INTO posted_totals (org_id, meter_id, account_no, seq, at_s, index_l, purged_l, "
        "opening_index_l, opening_purged_l, purchased_l, imported_l, forgiven_l, debited_l, "
        "cleared_l, exported_l) SELECT org_id, meter_id, account_no, 9, 0, 0, 0, 0, 0, 700, 0, 0, "
        "0, 0, 0 FROM account");
    assert_int_equal(issue("forgive", 1, 4, &t), 0);
    assert_int_equal(t.purchased_l, 700);
    assert_int_equal(t.forgiven_l, 46);
}

/* ---- carriers ---- */

static int carry(uint64_t sequence, uint32_t epoch, struct credit_carrier *ret)
{
    struct credit_token t;

    m.office.o->fail = (struct gf_fail){ 0 };
    assert_int_equal(credit_find_token(m.office.o, MAID_ACCOUNT, sequence, &t), 1);
    return credit_carrier(m.office.o, &t, epoch, ret);
}

static void a_carrier_is_the_token(void **state)
{
    uint8_t root[MC_KEY_LEN];
    const struct mc_token_for to = { AID_METER_ID, 1, root };
    struct credit_carrier c, again;
    struct mc_typed typed;
    struct payment p;
    gasm_Token got;
    char qr[CREDIT_QR_TEXT];
    struct credit_token t;

    (void)state;
    aid_meter_root(AID_METER_ID, 1, root);
    assert_int_equal(maid_pay(&m, 1, 857, &p), 0);
    assert_int_equal(carry(1, 1, &c), 0);
    assert_int_equal(carry(1, 1, &again), 0);
    assert_int_equal(c.n, again.n);
    assert_memory_equal(c.sealed, again.sealed, c.n);
    assert_int_equal(
        mc_token_open(mc_crypto_openssl(), &to, (struct gf_span){ c.sealed, c.n }, &got), 0);
    assert_int_equal(got.account_no, MAID_ACCOUNT);
    assert_int_equal(got.sequence, 1);
    assert_int_equal(got.purchased_l, 1000);
    assert_int_equal(mc_typed_parse(c.digits, &typed), 0);
    assert_int_equal(mc_typed_verify(mc_crypto_openssl(), &to, &typed, &got), 0);
    assert_int_equal(credit_find_token(m.office.o, MAID_ACCOUNT, 1, &t), 1);
    credit_qr_text(&t, &c, qr);
    assert_memory_equal(qr, "GASM-TOKEN:1:" AID_METER_ID ":", 26);
    assert_int_equal(strlen(qr), 26 + 2 * c.n);
}

static void only_what_can_be_typed_has_digits(void **state)
{
    struct credit_carrier c;
    struct credit_token t;

    (void)state;
    assert_int_equal(issue("forgive", 40, 1, &t), 0);
    assert_int_equal(carry(1, 1, &c), 0);
    assert_string_equal(c.digits, "");
    sql("UPDATE token SET kind = 'sale', purchased_l = 134217727");
    assert_int_equal(carry(1, 1, &c), 0);
    assert_int_equal(strlen(c.digits), MC_TYPED_DIGITS);
    sql("UPDATE token SET purchased_l = 134217728");
    assert_int_equal(carry(1, 1, &c), 0);
    assert_string_equal(c.digits, "");
    assert_true(c.n > 0);
}

static void only_live_keys_carry(void **state)
{
    static const char *const live[] = { "UPDATE account_key SET state = 'new'",
                                        "UPDATE account_key SET state = 'active'" };
    static const char *const dead[] = { "UPDATE account_key SET state = 'expired'",
                                        "UPDATE account_key SET state = 'withdrawn'" };
    struct credit_carrier c;
    struct credit_token t;
    uint32_t epoch = 0;

    (void)state;
    assert_int_equal(issue("forgive", 40, 1, &t), 0);
    for (size_t i = 0; i < 2; i++) {
        sql(live[i]);
        assert_int_equal(carry(1, 1, &c), 0);
        assert_int_equal(credit_epochs(m.office.o, AID_METER_ID, 0, &epoch), 1);
        assert_int_equal(epoch, 1);
        assert_int_equal(credit_epochs(m.office.o, AID_METER_ID, 1, &epoch), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        sql(dead[i]);
        assert_int_equal(carry(1, 1, &c), GF_E_NOT_NOW);
        assert_int_equal(credit_epochs(m.office.o, AID_METER_ID, 0, &epoch), 0);
    }
    assert_int_equal(carry(1, 0, &c), GF_E_NOT_NOW); /* the factory key is none */
    assert_int_equal(carry(1, 2, &c), GF_E_NOT_NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ceilings_are_running_totals, begin, end),
        cmocka_unit_test_setup_teardown(what_a_case_takes_stands_in_its_transit, begin, end),
        cmocka_unit_test_setup_teardown(the_same_cause_is_the_same_token, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_issued, begin, end),
        cmocka_unit_test_setup_teardown(certificates_are_in_the_ceilings, begin, end),
        cmocka_unit_test_setup_teardown(after_a_restore_numbers_are_left_out, begin, end),
        cmocka_unit_test_setup_teardown(a_carrier_is_the_token, begin, end),
        cmocka_unit_test_setup_teardown(only_what_can_be_typed_has_digits, begin, end),
        cmocka_unit_test_setup_teardown(only_live_keys_carry, begin, end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
