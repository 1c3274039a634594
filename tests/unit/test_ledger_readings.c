/* test_ledger_readings.c - single readings in the ledger: examples, contradictions, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/keys.h"
#include "tests/aid/books_life.h"

static void a_sale_taken_used_and_closed(void **state)
{
    static struct life l;

    (void)state;
    life_begin(&l);
    life_open(&l);
    l.now.purchased_l = 500;
    (void)life_record(&l, gasm_Command_RECHARGE);
    l.now.index_l += 120;
    (void)life_record(&l, gasm_Command_VALVE_CLOSE);
    life_close(&l);
    life_bring(&l, 0);
    assert_int_equal(life_balance(LEDGER_RESIDUAL, LIFE_ACCOUNT), 0);
    life_bring(&l, 1);
    assert_int_equal(life_balance(LEDGER_IN_TOKENS, LIFE_ACCOUNT), -500);
    assert_int_equal(life_balance(LEDGER_RESIDUAL, LIFE_ACCOUNT), 500);
    life_bring(&l, 2);
    assert_int_equal(life_balance(LEDGER_CONSUMED, LIFE_ACCOUNT), 120);
    life_bring(&l, 3);
    assert_int_equal(life_balance(LEDGER_RESIDUAL, LIFE_ACCOUNT), 0);
    assert_int_equal(life_transit(), 380);
}

static void a_debt_is_certified_once(void **state)
{
    static struct life l;

    (void)state;
    life_begin(&l);
    life_open(&l);
    l.now.index_l += 30;
    life_close(&l);
    l.now.index_l += 5;
    l.now.after_closing_l += 5;
    l.state = gasm_LifeState_KEYED; /* reset and keyed: its state does not tell any more */
    (void)life_record(&l, gasm_Command_KEY_ACTIVATED);
    life_bring(&l, 2);
    assert_int_equal(life_balance(LEDGER_RESIDUAL, LIFE_ACCOUNT), -30);
    life_bring(&l, 1); /* late, and it tells */
    assert_int_equal(life_balance(LEDGER_RESIDUAL, LIFE_ACCOUNT), 0);
    assert_int_equal(life_transit(), -30);
    life_bring(&l, 1);
    life_bring(&l, 2);
    assert_int_equal(life_transit(), -30);
    assert_int_equal(life_balance(LEDGER_CONSUMED, LIFE_ACCOUNT), 30);
}

static int plain_body(struct office *o, void *ctx)
{
    const struct ledger_reading reading = { .meter_id = AID_METER_1, .receipt = ctx };

    return ledger_follow(o, &reading);
}

static void without_a_case_it_is_the_accounts_own_transit(void **state)
{
    static struct life l;

    (void)state;
    life_begin(&l);
    life_open(&l);
    l.now.purchased_l = 40;
    life_close(&l);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(ho_transaction(life_office.o, plain_body, &l.receipts[i]), 0);
    assert_int_equal(life_balance(LEDGER_TRANSIT, LIFE_ACCOUNT), 40);
}

static int other_meter_body(struct office *o, void *ctx)
{
    const struct ledger_reading reading = { .meter_id = AID_METER_2, .receipt = ctx };

    return ledger_follow(o, &reading);
}

/* Whoever asks a meter chooses the operation's id: neither another meter's with the same one nor
 * what one meter says twice, and otherwise, is refused. */
static void the_operations_id_is_not_the_entrys(void **state)
{
    static struct life l;
    gasm_Receipt *first, other;

    (void)state;
    life_begin(&l);
    life_open(&l);
    l.now.purchased_l = 40;
    l.now.index_l += 9;
    first = life_record(&l, gasm_Command_RECHARGE);
    first->op_id.size = 16;
    other = *first;
    other.account_no += 5;
    other.after.index_l += 2;
    assert_int_equal(ho_transaction(life_office.o, plain_body, first), 0);
    assert_int_equal(ho_transaction(life_office.o, other_meter_body, &other), 0);
    assert_int_equal(life_balance(LEDGER_CONSUMED, LIFE_ACCOUNT), 9);
    assert_int_equal(life_balance(LEDGER_CONSUMED, LIFE_ACCOUNT + 5), 11);
    other = *first; /* of one number, a certificate and a receipt that contradict one another */
    other.state = gasm_LifeState_CLOSED;
    other.after.purchased_l = 0;
    assert_int_equal(ho_transaction(life_office.o, plain_body, &other), 0);
    other.after.index_l--;
    other.after.cleared_l = 0;
    assert_int_equal(ho_transaction(life_office.o, plain_body, &other), 0);
    assert_int_equal(ho_transaction(life_office.o, plain_body, first), 0);
    life_check_sum();
}

static void without_an_account_nothing_is_posted(void **state)
{
    static struct life l;

    (void)state;
    life_begin(&l);
    life_bring(&l, (size_t)(life_record(&l, gasm_Command_INSTALL_KEY)->seq - 1));
    assert_int_equal(oaid_sql_number(&life_office, "SELECT COUNT(*) FROM posted_totals"), 0);
}

/* Totals that no meter can have after those that are posted. */
static void totals_that_contradict_post_nothing(void **state)
{
    static struct life l;
    uint64_t *const falls[] = { &l.now.index_l,    &l.now.purged_l,  &l.now.purchased_l,
                                &l.now.imported_l, &l.now.forgiven_l, &l.now.debited_l,
                                &l.now.cleared_l,  &l.now.exported_l };
    gasm_Totals good;

    (void)state;
    life_begin(&l);
    life_open(&l);
    l.now.index_l += 500;
    l.now.purged_l += 10;
    l.now.purchased_l = l.now.imported_l = l.now.forgiven_l = l.now.debited_l = l.now.cleared_l =
        l.now.exported_l = 100;
    (void)life_record(&l, gasm_Command_RECHARGE);
    life_bring(&l, 1);
    good = l.now;

    int64_t entries = oaid_sql_number(&life_office, "SELECT COUNT(*) FROM journal");
    for (size_t i = 0; i < sizeof falls / sizeof falls[0]; i++) {
        *falls[i] -= 1;
        life_bring(&l, (size_t)(life_record(&l, gasm_Command_SET_CLOCK)->seq - 1));
        l.now = good;
        *falls[i] = UINT64_MAX / 2;
        life_bring(&l, (size_t)(life_record(&l, gasm_Command_SET_CLOCK)->seq - 1));
        l.now = good;
    }
    l.now.opening_index_l++;
    life_bring(&l, (size_t)(life_record(&l, gasm_Command_SET_CLOCK)->seq - 1));
    l.now = good;
    l.now.opening_purged_l++;
    life_bring(&l, (size_t)(life_record(&l, gasm_Command_SET_CLOCK)->seq - 1));
    l.now = good;
    l.now.purged_l += 20; /* consumption would go down */
    life_bring(&l, (size_t)(life_record(&l, gasm_Command_SET_CLOCK)->seq - 1));
    l.receipts[0].after.cleared_l = 101; /* an older one that says more */
    l.receipts[0].state = gasm_LifeState_CLOSED;
    life_bring(&l, 0);
    assert_int_equal(oaid_sql_number(&life_office, "SELECT COUNT(*) FROM journal"), entries);
    assert_int_equal(oaid_sql_number(&life_office, "SELECT seq FROM posted_totals"), 2);
}

static void a_store_that_fails_is_told(void **state)
{
    static struct life l;
    struct life_bringing b = { &l, 1 };

    (void)state;
    life_begin(&l);
    life_open(&l);
    l.now.purchased_l = 5;
    life_open(&l);
    life_bring(&l, 0);
    oaid_sql(&life_office, "ALTER TABLE journal RENAME TO away");
    l.receipts[1].after.index_l += 4;
    assert_true(ho_transaction(life_office.o, life_follow, &b) < 0);
    oaid_sql(&life_office, "ALTER TABLE away RENAME TO journal");
    oaid_office_restart(&life_office);
    oaid_sql(&life_office, "DROP TABLE posted_totals");
    assert_true(ho_transaction(life_office.o, plain_body, &l.receipts[0]) < 0);
    assert_true(ho_transaction(life_office.o, plain_body, &l.receipts[1]) < 0);
}

/* What happens to the account before when the opening of the next is posted. */
static void writes_that_fail_are_told(void **state)
{
    static struct life l;
    struct life_bringing b = { &l, 1 };

    (void)state;
    life_begin(&l);
    life_open(&l);
    l.now.purchased_l = 5;
    life_open(&l);
    life_bring(&l, 0);
    oaid_forbid(&life_office, "UPDATE", "posted_totals");
    assert_true(ho_transaction(life_office.o, life_follow, &b) < 0);
    oaid_allow(&life_office, "posted_totals");
    life_bring(&l, 1);
    assert_int_equal(oaid_sql_number(&life_office, "SELECT COUNT(*) FROM posted_totals"), 2);
}

static int no_hash(void *ctx, const struct gf_span *parts, size_t n, uint8_t ret[static 32])
{
    (void)ctx, (void)parts, (void)n, (void)ret;
    return GF_E_CRYPTO;
}

static void without_hashes_nothing_is_posted(void **state)
{
    static struct life l;
    const struct mc_crypto *good = life_office.o->ports.crypto;
    struct mc_crypto broken = *good;

    (void)state;
    life_begin(&l);
    life_open(&l);
    l.receipts[0].op_id.size = 0;
    broken.sha256 = no_hash;
    life_office.o->ports.crypto = &broken;
    assert_int_equal(ho_transaction(life_office.o, plain_body, &l.receipts[0]), GF_E_CRYPTO);
    life_office.o->ports.crypto = good;
}

/* Each state that says so, and none other. */
static void states_that_are_closed(void **state)
{
    (void)state;
    for (int i = 0; i <= (int)gasm_LifeState_SCRAPPED; i++) {
        const gasm_Receipt r = { .state = (gasm_LifeState)i };

        assert_int_equal(ledger_says_closed(&r), i == (int)gasm_LifeState_CLOSED
                                                     || i == (int)gasm_LifeState_SCRAPPED
                                                     || i == (int)gasm_LifeState_FACTORY);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, life_start, life_stop)
    const struct CMUnitTest tests[] = {
        T(a_sale_taken_used_and_closed),
        T(a_debt_is_certified_once),
        T(without_a_case_it_is_the_accounts_own_transit),
        T(the_operations_id_is_not_the_entrys),
        T(without_an_account_nothing_is_posted),
        T(totals_that_contradict_post_nothing),
        T(a_store_that_fails_is_told),
        T(writes_that_fail_are_told),
        T(without_hashes_nothing_is_posted),
        T(states_that_are_closed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
