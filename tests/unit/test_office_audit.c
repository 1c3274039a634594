/* test_office_audit.c - the audit finds every damage that is planted, and nothing in an office that
 * is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_issue.h"
#include "backend/office_register.h"
#include "tests/aid/audit_aid.h"

static struct oaid_office office;
static struct oaid_laptop laptop;
static struct oaid_meter meter;
static sync_Job job;
static const struct ho_audit *audit;

static int stop(void **state)
{
    (void)state;
    aaid_end();
    oaid_office_end(&office);
    return 0;
}

/* Two accounts opened, a third ordered: 18 receipts. */
static int start(void **state)
{
    (void)state;
    oaid_office_new(&office);
    oaid_laptop_new(&laptop, &office, "S001");
    aaid_open(&office, &laptop, 1, &job, &meter);
    aaid_open(&office, &laptop, 2, &job, &meter);
    aaid_order(&office, &laptop, 3, &job, &meter);
    audit = aaid_run(&office);
    return 0;
}

static int start_empty(void **state)
{
    (void)state;
    oaid_office_new(&office);
    oaid_laptop_new(&laptop, &office, "S001");
    return 0;
}

static void expect_broken(enum ho_statement s, const char *text)
{
    aaid_broken(&office, s, text);
}

static void expect_only(enum ho_statement s, const char *text)
{
    aaid_only(&office, 1u << s, s, text);
}

/* The log says so too. */
static void expect_logged(enum ho_statement s, const char *text)
{
    aaid_only(&office, 1u << s | AAID(LOGGED_ROWS), s, text);
}

/* The ledger cannot follow a meter that contradicts itself. */
static void expect_unfollowed(enum ho_statement s, const char *text)
{
    aaid_only(&office, 1u << s | AAID(RESIDUALS), s, text);
}

static void a_whole_office_is_clean(void **state)
{
    static const uint64_t checked[HO_STATEMENTS] = {
        [HO_RECEIPTS_VERIFY] = 18, [HO_RECEIPTS_CHAIN] = 18, [HO_TOTALS_GROW] = 18,
        [HO_PURGED_ONCE] = 16,     [HO_METERS_FOLLOW] = 2,   [HO_ONE_ACCOUNT] = 3,
        [HO_ONE_CLEAR] = 2,        [HO_ONE_KEY] = 3,         [HO_TICKETS] = 6,
        [HO_ITEMS_CHAIN] = 22,     [HO_CERTIFICATES] = 2,    [HO_ACCOUNTS_BALANCE] = 3,
        [HO_RESIDUALS] = 3,        [HO_ACCOUNT_ENDS] = 3,    [HO_PLACES] = 3,
        [HO_LOGGED_ROWS] = 25,
    };

    (void)state;
    aaid_clean(&office);
    for (unsigned i = 0; i < HO_LOG_CHAIN; i++) {
        assert_int_equal(audit->of[i].checked, checked[i]);
        assert_int_equal(audit->of[i].n_notes, 0);
    }
    assert_int_equal(audit->of[HO_LOG_CHAIN].checked,
                     oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log"));
}

static void an_empty_office_is_clean(void **state)
{
    (void)state;
    aaid_clean(&office);
}

#define RECEIPT(seq) " WHERE meter_id = '" AID_METER_2 "' AND seq = " #seq

/* Every byte of a receipt, flipped in the database. */
static void each_byte_of_a_receipt_counts(void **state)
{
    int64_t n = oaid_sql_number(&office, "SELECT length(bytes) FROM receipt" RECEIPT(5));
    char sql[300];

    (void)state;
    for (int64_t i = 1; i <= n; i += 11) {
        (void)snprintf(sql, sizeof sql,
                       "UPDATE receipt SET bytes = CAST(substr(bytes, 1, %lld - 1) || CASE WHEN "
                       "substr(bytes, %lld, 1) = x'00' THEN x'01' ELSE x'00' END || substr(bytes, "
                       "%lld + 1) AS BLOB)" RECEIPT(5),
                       (long long)i, (long long)i, (long long)i);
        oaid_sql(&office, "CREATE TABLE kept AS SELECT bytes FROM receipt" RECEIPT(5));
        oaid_sql(&office, sql);
        expect_broken(HO_RECEIPTS_VERIFY, "receipt " AID_METER_2 " 5 ");
        assert_int_equal(audit->of[HO_RECEIPTS_VERIFY].n_broken, 1);
        oaid_sql(&office, "UPDATE receipt SET bytes = (SELECT bytes FROM kept)" RECEIPT(
                              5) "; DROP TABLE kept");
    }
    aaid_clean(&office);
}

static void each_column_of_a_receipt_counts(void **state)
{
    static const char *const columns[] = {
        "command",     "key_epoch", "account_no", "life_state",    "at_s",
        "clock_valid", "flowed_l",  "cleared_l",  "ticket_serial",
    };
    char sql[200];

    (void)state;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        (void)snprintf(sql, sizeof sql, "UPDATE receipt SET %s = %s + 1" RECEIPT(8), columns[i],
                       columns[i]);
        oaid_sql(&office, sql);
        expect_broken(HO_RECEIPTS_VERIFY, "receipt " AID_METER_2 " 8 is registered otherwise");
        (void)snprintf(sql, sizeof sql, "UPDATE receipt SET %s = %s - 1" RECEIPT(8), columns[i],
                       columns[i]);
        oaid_sql(&office, sql);
    }
    oaid_sql(&office, "UPDATE receipt SET hash = zeroblob(32)" RECEIPT(8));
    expect_broken(HO_RECEIPTS_VERIFY, "receipt " AID_METER_2 " 8 is registered otherwise");
}

static void a_deleted_receipt_is_missed(void **state)
{
    (void)state;
    oaid_sql(&office, "DELETE FROM receipt" RECEIPT(4));
    expect_only(HO_RECEIPTS_CHAIN,
                "receipt " AID_METER_2 " 5 came with the one before it, which is gone");
    assert_true(
        aaid_has(&audit->of[HO_RECEIPTS_CHAIN].notes, AID_METER_2 ": receipt 4 is not home"));
    oaid_sql(&office, "DELETE FROM receipt" RECEIPT(9));
    expect_broken(HO_METERS_FOLLOW, "meter " AID_METER_2 " is registered as in-service, receipt 9");
    oaid_sql(&office, "DELETE FROM receipt WHERE meter_id = '" AID_METER_2 "'");
    expect_broken(HO_METERS_FOLLOW, "meter " AID_METER_2 ": its receipts up to 9 are gone");
}

static void a_copied_receipt_does_not_pass(void **state)
{
    (void)state;
    oaid_sql(&office,
             "INSERT INTO receipt SELECT org_id, meter_id, 10, bytes, hash, prev_hash, gap, x'77', "
             "command, key_epoch, account_no, life_state, at_s, clock_valid, flowed_l, cleared_l, "
             "ticket_serial, order_id, item_id, brought_by, verified_at_ms FROM "
             "receipt" RECEIPT(9));
    expect_broken(HO_RECEIPTS_VERIFY, "receipt " AID_METER_2 " 10 is registered otherwise");
}

static void a_receipt_under_another_meters_name(void **state)
{
    (void)state;
    oaid_sql(&office,
             "UPDATE receipt SET bytes = (SELECT bytes FROM receipt WHERE meter_id = '" AID_METER_1
             "' AND seq = 5)" RECEIPT(5));
    expect_broken(HO_RECEIPTS_VERIFY, "receipt " AID_METER_2 " 5 does not verify");
}

/* ---- what only the meters' own words show ---- */

/* One receipt of the third meter, sealed as it stands in meter.next. */
static void bring(gasm_Command command, uint64_t litres)
{
    uint8_t receipt[AID_RECEIPT_MAX];
    size_t n = oaid_execute(&meter, command, litres, receipt);
    sync_Item item = oaid_receipt_item(&job, receipt, n);

    oaid_begin(&laptop);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_APPLIED);
}

static void bring_account(void)
{
    bring(gasm_Command_INSTALL_KEY, 0);
    bring(gasm_Command_KEY_ACTIVATED, 0);
    meter.next.account_no = job.account_no;
    bring(gasm_Command_OPEN_ACCOUNT, 0);
}

static void gaps_are_notes(void **state)
{
    uint8_t lost[AID_RECEIPT_MAX];

    (void)state;
    bring_account();
    (void)oaid_execute(&meter, gasm_Command_PURGE_START, 0, lost);
    (void)oaid_execute(&meter, gasm_Command_PURGE_STOP, 4, lost);
    bring(gasm_Command_ZERO_CLEAR, 0);
    (void)oaid_execute(&meter, gasm_Command_SET_CLOCK, 0, lost);
    bring(gasm_Command_COMMISSION, 0);
    aaid_clean(&office);
    assert_int_equal(audit->of[HO_RECEIPTS_CHAIN].n_notes, 2);
    assert_true(aaid_has(&audit->of[HO_RECEIPTS_CHAIN].notes,
                         AID_METER_3 ": receipts 4 to 5 are not home"));
    assert_true(
        aaid_has(&audit->of[HO_RECEIPTS_CHAIN].notes, AID_METER_3 ": receipt 7 is not home"));
}

static void totals_that_go_down(void **state)
{
    (void)state;
    bring_account();
    meter.next.before.cleared_l = meter.next.after.cleared_l = 9;
    bring(gasm_Command_ZERO_CLEAR, 0);
    aaid_clean(&office);
    meter.next.before.cleared_l = meter.next.after.cleared_l = 8;
    bring(gasm_Command_SET_CLOCK, 0);
    expect_unfollowed(HO_TOTALS_GROW, "receipt " AID_METER_3 " 5: a total is lower than before");
}

static void an_index_that_goes_down_in_one_receipt(void **state)
{
    (void)state;
    meter.next.before.index_l = 5;
    bring(gasm_Command_INSTALL_KEY, 0);
    expect_only(HO_TOTALS_GROW, "receipt " AID_METER_3 " 1");
}

static void purged_litres_in_no_receipt(void **state)
{
    (void)state;
    bring_account();
    bring(gasm_Command_PURGE_START, 0);
    bring(gasm_Command_PURGE_STOP, 4);
    aaid_clean(&office);
    meter.next.before.purged_l += 2; /* flowed, and no receipt says so */
    meter.next.after.purged_l += 2;
    bring(gasm_Command_SET_CLOCK, 0);
    expect_unfollowed(HO_PURGED_ONCE,
                      "receipt " AID_METER_3 " 6: 6 l were purged, receipts account for 4 l");
}

static void purged_litres_between_two_receipts(void **state)
{
    (void)state;
    bring_account();
    bring(gasm_Command_PURGE_START, 0);
    meter.next.before.purged_l += 2; /* before the end that counts only four */
    meter.next.after.purged_l += 2;
    bring(gasm_Command_PURGE_STOP, 4);
    expect_unfollowed(HO_PURGED_ONCE,
                      "receipt " AID_METER_3 " 5: 6 l were purged, receipts account for 4 l");
}

static void purged_litres_in_the_wrong_receipt(void **state)
{
    (void)state;
    bring_account();
    bring(gasm_Command_SET_CLOCK, 3);
    expect_broken(HO_PURGED_ONCE, "receipt " AID_METER_3 " 4 (set-clock) has purged litres");
}

static void an_account_opened_twice(void **state)
{
    (void)state;
    bring_account();
    bring(gasm_Command_OPEN_ACCOUNT, 0);
    expect_only(HO_ONE_ACCOUNT, "account 100003 was opened by 2 receipts");
}

static void an_account_without_its_receipt(void **state)
{
    (void)state;
    oaid_sql(&office, "UPDATE account SET state = 'open' WHERE account_no = 100003");
    expect_broken(HO_ONE_ACCOUNT,
                  "account 100003 on " AID_METER_3 " is open, receipts that opened it: 0");
    oaid_sql(&office, "UPDATE account SET state = 'reserved' WHERE account_no IN (100001, 100003)");
    aaid_only(&office, AAID(ONE_ACCOUNT) | AAID(PLACES), HO_ONE_ACCOUNT,
              "account 100001 on " AID_METER_1 " is reserved, receipts that opened it: 1");
    oaid_sql(&office, "UPDATE account SET state = 'open', meter_id = '" AID_METER_2
                      "' WHERE account_no = 100001");
    expect_broken(HO_ONE_ACCOUNT,
                  "receipt " AID_METER_1 " 3 opened account 100001, which is not registered");
}

static void a_credit_cleared_twice(void **state)
{
    (void)state;
    bring_account();
    bring(gasm_Command_ZERO_CLEAR, 0);
    bring(gasm_Command_ZERO_CLEAR, 0);
    expect_only(HO_ONE_CLEAR, "account 100003 on " AID_METER_3 " was zero-cleared 2 times");
}

static void a_commissioning_without_a_clear(void **state)
{
    (void)state;
    bring_account();
    bring(gasm_Command_COMMISSION, 0);
    expect_only(HO_ONE_CLEAR, "account 100003 on " AID_METER_3 " was zero-cleared 0 times");
}

/* ---- keys, tickets ---- */

static void keys_are_proved(void **state)
{
    (void)state;
    oaid_sql(&office, "UPDATE account_key SET state = 'new' WHERE meter_id = '" AID_METER_1 "'");
    expect_only(HO_ONE_KEY, "key " AID_METER_1 " epoch 1 is new, but epoch 1 is active");
    oaid_sql(&office, "UPDATE account_key SET state = 'active' WHERE meter_id = '" AID_METER_1 "'");
    oaid_sql(&office, "UPDATE account_key SET envelope = CAST(envelope || x'00' AS BLOB) WHERE "
                      "meter_id = '" AID_METER_1 "'");
    expect_only(HO_ONE_KEY, "key " AID_METER_1 " epoch 1 is not the one that was issued");
    oaid_sql(&office, "UPDATE account_key SET envelope = substr(envelope, 1, length(envelope) - 1) "
                      "WHERE meter_id = '" AID_METER_1 "'");
    aaid_clean(&office);
    oaid_sql(&office, "UPDATE account_key SET sealed = (SELECT sealed FROM account_key WHERE "
                      "meter_id = '" AID_METER_2 "') WHERE meter_id = '" AID_METER_1
                      "'"); /* a key of another meter does not even open */
    expect_broken(HO_ONE_KEY,
                  "key " AID_METER_1 " epoch 1 is not the one that was issued, or does not open");
    expect_broken(HO_RECEIPTS_VERIFY,
                  "receipt " AID_METER_1 " 2 names a key epoch that does not exist");
}

static void tickets_are_proved(void **state)
{
    static const char *const changes[] = {
        "epoch = epoch + 1",
        "not_after_s = not_after_s + 1",
        "bytes = CAST(bytes || x'00' AS BLOB)",
        "staff_no = 'S002'",
        "role = role + 1",
        "rights = rights + 1",
    };
    char sql[200];

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        oaid_sql(&office, "CREATE TABLE kept AS SELECT epoch, not_after_s, bytes, staff_no, role, "
                          "rights FROM ticket WHERE meter_id = '" AID_METER_1 "' AND serial = 2");
        (void)snprintf(sql, sizeof sql,
                       "UPDATE ticket SET %s WHERE meter_id = '" AID_METER_1 "' AND serial = 2",
                       changes[i]);
        oaid_sql(&office, sql);
        if (i == 0)
            expect_logged(HO_TICKETS, "ticket " AID_METER_1 " serial 2");
        else
            expect_only(HO_TICKETS, "ticket " AID_METER_1 " serial 2");
        oaid_sql(&office,
                 "UPDATE ticket SET (epoch, not_after_s, bytes, staff_no, role, rights) = (SELECT * FROM "
                 "kept) "
                 "WHERE meter_id = '" AID_METER_1 "' AND serial = 2; DROP TABLE kept");
    }
}

#define KEY(n) " WHERE meter_id = '" AID_METER_##n "' AND epoch = 1"

/* A key that was withdrawn before any meter used it stays so; one that a meter uses all the same is
 * told, and its state follows the meter. */
static void withdrawn_keys_are_known(void **state)
{
    (void)state;
    oaid_sql(&office, "UPDATE account_key SET state = 'withdrawn', ended_at_ms = 5" KEY(3));
    aaid_clean(&office);
    assert_int_equal(audit->of[HO_ONE_KEY].n_notes, 0);
    oaid_sql(&office, "UPDATE account_key SET active_since_ms = 6" KEY(3));
    expect_only(HO_ONE_KEY, "key " AID_METER_3 " epoch 1 is withdrawn, but the meter used it");
    oaid_sql(&office,
             "UPDATE account_key SET active_since_ms = NULL, ended_at_ms = NULL" KEY(3));
    expect_only(HO_ONE_KEY, "key " AID_METER_3 " epoch 1 is withdrawn, but no time says since");
    oaid_sql(&office, "UPDATE account_key SET state = 'expired', ended_at_ms = 5" KEY(3));
    expect_only(HO_ONE_KEY, "key " AID_METER_3 " epoch 1 is expired, but epoch 0 is active");
    oaid_sql(&office, "UPDATE account_key SET state = 'new', ended_at_ms = NULL" KEY(3));
    oaid_sql(&office, "UPDATE account_key SET ended_at_ms = active_since_ms - 1" KEY(1));
    aaid_clean(&office);
    assert_int_equal(audit->of[HO_ONE_KEY].n_notes, 1);
    assert_true(aaid_has(&audit->of[HO_ONE_KEY].notes,
                         "key " AID_METER_1 " epoch 1 was withdrawn, and the meter used it"));
    oaid_sql(&office, "UPDATE account_key SET state = 'withdrawn'" KEY(1));
    expect_only(HO_ONE_KEY, "key " AID_METER_1 " epoch 1 is withdrawn, but epoch 1 is active");
}

static int ask_ticket(struct office *o, void *ctx)
{
    return ho_customer_ticket(o, "C-1001", AID_METER_1, ctx);
}

static void customers_tickets_are_proved(void **state)
{
    static const char *const changes[] = {
        "epoch = epoch + 1",
        "not_after_s = not_after_s + 1",
        "use_count = use_count + 1",
        "bytes = CAST(bytes || x'00' AS BLOB)",
        "customer_no = 'C-1002'",
        "customer_no = NULL",
        "staff_no = 'C-1001', customer_no = NULL",
        "staff_no = 'S001'",
        "order_id = (SELECT order_id FROM work_order ORDER BY order_id LIMIT 1)",
    };
    struct ho_customer_ticket given;
    char sql[300], name[64];

    (void)state;
    oaid_sql(&office, "INSERT INTO binding SELECT org_id, customer_no, meter_id, account_no, 1, "
                      "NULL FROM account a WHERE meter_id = '" AID_METER_1
                      "' AND NOT EXISTS (SELECT 1 FROM binding b WHERE b.meter_id = a.meter_id)");
    assert_int_equal(ho_transaction(office.o, ask_ticket, &given), 1);
    aaid_clean(&office);
    assert_int_equal(audit->of[HO_TICKETS].checked, 7);
    (void)snprintf(name, sizeof name, "ticket " AID_METER_1 " serial %llu",
                   (unsigned long long)given.serial);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        oaid_sql(&office, "CREATE TABLE kept AS SELECT epoch, not_after_s, use_count, bytes, "
                          "customer_no, staff_no, order_id FROM ticket WHERE role = 6");
        (void)snprintf(sql, sizeof sql, "UPDATE ticket SET %s WHERE role = 6", changes[i]);
        oaid_sql(&office, sql);
        if (i == 0)
            expect_logged(HO_TICKETS, name);
        else
            expect_only(HO_TICKETS, name);
        oaid_sql(&office, "UPDATE ticket SET (epoch, not_after_s, use_count, bytes, customer_no, "
                          "staff_no, order_id) = (SELECT * FROM kept) WHERE role = 6; DROP TABLE "
                          "kept");
    }
    aaid_clean(&office);
}

/* ---- laptops' records ---- */

static void records_are_whole(void **state)
{
    (void)state;
    oaid_sql(&office, "UPDATE item SET bytes = CAST(bytes || x'00' AS BLOB) WHERE seq = 12");
    expect_only(HO_ITEMS_CHAIN, "record 12: its bytes are not those that came");
    oaid_sql(&office, "UPDATE item SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE seq = 12");
    oaid_sql(&office, "UPDATE item SET hash = zeroblob(32) WHERE seq = 12");
    expect_broken(HO_ITEMS_CHAIN, "record 12: its bytes are not those that came");
    expect_broken(HO_ITEMS_CHAIN, "record 13 does not follow");
}

static void a_deleted_record_is_missed(void **state)
{
    (void)state;
    oaid_sql(&office, "DELETE FROM item WHERE seq = 22");
    expect_only(HO_ITEMS_CHAIN, "its records end at 21, 22 were taken");
    oaid_sql(&office, "DELETE FROM item WHERE seq = 5");
    expect_broken(HO_ITEMS_CHAIN, "record 6 follows record 4");
    oaid_sql(&office, "DELETE FROM item");
    expect_only(HO_ITEMS_CHAIN, "its 22 records are gone");
}

/* What was refused has its place in the chain too. */
static void refused_records_are_in_the_chain(void **state)
{
    static const uint8_t garbage[] = { 0xFF, 0xFF, 0xFF };
    const struct gf_span span = { garbage, sizeof garbage };
    const struct mc_crypto *c;
    sync_Item item = oaid_step(&job, "scan");

    (void)state;
    c = office.ports.crypto;
    oaid_begin(&laptop);
    oaid_add_bytes(&laptop, garbage, sizeof garbage);
    laptop.seq++;
    assert_int_equal(c->sha256(c->ctx, &span, 1, laptop.prev_hash), 0);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_APPLIED);
    aaid_clean(&office);
    assert_int_equal(audit->of[HO_ITEMS_CHAIN].checked, 24);
    oaid_sql(&office, "DELETE FROM stray");
    expect_only(HO_ITEMS_CHAIN, "record 24 follows record 22");
}

/* ---- certificates, the log ---- */

static void certificates_are_proved(void **state)
{
    (void)state;
    oaid_sql(&office, "UPDATE certificate SET text = replace(text, 'SP-0002', 'SP-0003')");
    expect_only(HO_CERTIFICATES, "certificate CC-000002");
}

static void the_log_is_whole(void **state)
{
    int64_t last = oaid_sql_number(&office, "SELECT MAX(n) FROM audit_log");
    char text[80];

    (void)state;
    oaid_sql(&office, "UPDATE audit_log SET detail = 'nothing happened' WHERE n = 7");
    expect_logged(HO_LOG_CHAIN, "audit log row 7 was changed");
    oaid_sql(&office, "DELETE FROM audit_log WHERE n = 7");
    expect_only(HO_LOG_CHAIN, "audit log: row 8 follows row 6");
    (void)snprintf(text, sizeof text, "DELETE FROM audit_log WHERE n = %lld", (long long)last);
    oaid_sql(&office, text);
    (void)snprintf(text, sizeof text, "the audit log ends at row %lld, its end was row %lld",
                   (long long)last - 1, (long long)last);
    expect_only(HO_LOG_CHAIN, text);
    oaid_sql(&office, "DELETE FROM audit_log");
    expect_only(HO_LOG_CHAIN, "the audit log ends at row 0");
}

static void a_row_added_to_the_log_is_seen(void **state)
{
    (void)state;
    oaid_sql(&office, "INSERT INTO audit_log SELECT org_id, n + 1, at_ms, who, what, detail, hash, "
                      "hash FROM audit_log ORDER BY n DESC LIMIT 1");
    expect_only(HO_LOG_CHAIN, "was changed");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(a_whole_office_is_clean),
        cmocka_unit_test_setup_teardown(an_empty_office_is_clean, start_empty, stop),
        T(each_byte_of_a_receipt_counts),
        T(each_column_of_a_receipt_counts),
        T(a_deleted_receipt_is_missed),
        T(a_copied_receipt_does_not_pass),
        T(a_receipt_under_another_meters_name),
        T(gaps_are_notes),
        T(totals_that_go_down),
        T(an_index_that_goes_down_in_one_receipt),
        T(purged_litres_in_no_receipt),
        T(purged_litres_between_two_receipts),
        T(purged_litres_in_the_wrong_receipt),
        T(an_account_opened_twice),
        T(an_account_without_its_receipt),
        T(a_credit_cleared_twice),
        T(a_commissioning_without_a_clear),
        T(keys_are_proved),
        T(withdrawn_keys_are_known),
        T(tickets_are_proved),
        T(customers_tickets_are_proved),
        T(records_are_whole),
        T(a_deleted_record_is_missed),
        T(refused_records_are_in_the_chain),
        T(certificates_are_proved),
        T(the_log_is_whole),
        T(a_row_added_to_the_log_is_seen),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
