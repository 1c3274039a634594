/* test_api_meters.c - meters, the epochs of their keys, tickets and receipts over the interface;
 * and the life of a key that it shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/keys_epoch.h"
#include "backend/office_issue.h"
#include "tests/aid/api_aid.h"

#define METERS "/v1/meters"
#define METER METERS "/" AID_METER_1
#define NOBODY METERS "/GM2400000447"

static struct oaid_office office;
static struct oaid_laptop laptop;
static struct oaid_meter meter;
static char officer[GF_UUID_TEXT], auditor[GF_UUID_TEXT], clerk[GF_UUID_TEXT];

static int start(void **state)
{
    (void)state;
    oaid_start(&office, &laptop);
    oaid_staff(&office, "K001", "key-officer", officer);
    oaid_staff(&office, "A001", "auditor", auditor);
    oaid_staff(&office, "C001", "clerk", clerk);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

static json_t *get(const char *path, const char *who)
{
    return oaid_call(&office, "GET", path, who, NULL, 200);
}

/* The whole opening of account 1 on meter 1. */
static void do_the_work(void)
{
    const sync_Job job = laptop.jobs[0];

    oaid_meter_new(&meter, 1, &laptop);
    oaid_begin(&laptop);
    oaid_add_opening(&laptop, &job, &meter, 10);
    assert_int_equal(oaid_send(&laptop), 200);
    for (size_t i = 0; i < laptop.n_verdicts; i++)
        assert_int_equal(laptop.verdicts[i].kind, sync_VerdictKind_APPLIED);
}

/* ---- reading ---- */

static void meters_page_by_id(void **state)
{
    json_t *page = get(METERS "?limit=2", clerk), *rest = get(METERS "?after=" AID_METER_2, clerk);

    (void)state;
    assert_string_equal(oaid_text(page, "items.0.meter_id"), AID_METER_1);
    assert_string_equal(oaid_text(page, "items.1.meter_id"), AID_METER_2);
    assert_string_equal(oaid_text(page, "next"), AID_METER_2);
    assert_string_equal(oaid_text(rest, "items.0.meter_id"), AID_METER_3);
    assert_true(json_is_null(oaid_at(rest, "next")));
    json_decref(page);
    json_decref(rest);
}

static void a_meter_is_what_its_receipts_say(void **state)
{
    json_t *m = get(METER, clerk);

    (void)state;
    assert_string_equal(oaid_text(m, "state"), "factory");
    assert_string_equal(oaid_text(m, "verification_date"), "2026-06-01");
    assert_string_equal(oaid_text(m, "bt_address"), "02:00:00:00:00:01");
    assert_int_equal(oaid_whole(m, "active_epoch"), 0);
    assert_int_equal(oaid_whole(m, "last_receipt_seq"), 0);
    assert_null(oaid_at(m, "account_no"));
    assert_null(oaid_at(m, "last_receipt_s"));
    json_decref(m);
    do_the_work();
    m = get(METER, auditor);
    assert_string_equal(oaid_text(m, "state"), "in-service");
    assert_int_equal(oaid_whole(m, "active_epoch"), 1);
    assert_int_equal(oaid_whole(m, "account_no"), 100001);
    assert_string_equal(oaid_text(m, "supply_point"), "SP-0001");
    assert_string_equal(oaid_text(m, "customer_no"), "C-1001");
    assert_true(oaid_whole(m, "last_receipt_seq") > 0);
    json_decref(m);
    oaid_call_is(&office, "GET", NOBODY, clerk, NULL, 404, "not_found", NULL);
}

static void receipts_are_listed_in_their_order(void **state)
{
    json_t *page;
    int64_t n;
    char path[128];

    (void)state;
    do_the_work();
    n = oaid_sql_number(&office, "SELECT COUNT(*) FROM receipt");
    page = get(METER "/receipts", clerk);
    assert_int_equal(json_array_size(oaid_at(page, "items")), n);
    for (int64_t i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "items.%d.seq", (int)i);
        assert_int_equal(oaid_whole(page, path), i + 1);
    }
    assert_string_equal(oaid_text(page, "items.0.state"), "factory");
    json_decref(page);
    page = get(METER "/receipts?limit=1&after=2", clerk);
    assert_int_equal(oaid_whole(page, "items.0.seq"), 3);
    assert_string_equal(oaid_text(page, "next"), "3");
    json_decref(page);
    oaid_call_is(&office, "GET", NOBODY "/receipts", clerk, NULL, 404, "not_found", NULL);
    oaid_call_is(&office, "GET", METER "/receipts?after=x", clerk, NULL, 400, "format", "after");
}

static void tickets_are_listed_without_their_keys(void **state)
{
    json_t *page = get(METER "/tickets", officer);
    char *text = json_dumps(page, 0), hex[2 * KEYS_LEN + 1];

    (void)state;
    assert_int_equal(json_array_size(oaid_at(page, "items")), laptop.n_tickets);
    assert_int_equal(oaid_whole(page, "items.0.epoch"), 0);
    assert_int_equal(oaid_whole(page, "items.1.epoch"), 1);
    assert_string_equal(oaid_text(page, "items.1.staff_no"), "S001");
    for (size_t i = 0; i < laptop.n_tickets; i++) {
        gf_hex(laptop.tickets[i].ticket_key, KEYS_LEN, hex);
        assert_null(strstr(text, hex));
    }
    free(text);
    json_decref(page);
    oaid_call_is(&office, "GET", NOBODY "/tickets", officer, NULL, 404, "not_found", NULL);
    oaid_call_is(&office, "GET", METER "/tickets", clerk, NULL, 403, NULL, NULL);
}

/* ---- epochs ---- */

static void expect_key(size_t at, int64_t epoch, const char *key_state)
{
    json_t *page = get(METER "/keys", auditor);
    char path[64];

    (void)snprintf(path, sizeof path, "items.%zu.epoch", at);
    assert_int_equal(oaid_whole(page, path), epoch);
    (void)snprintf(path, sizeof path, "items.%zu.state", at);
    assert_string_equal(oaid_text(page, path), key_state);
    json_decref(page);
}

static void a_key_is_active_on_the_meters_receipt_alone(void **state)
{
    const sync_KeyIssue first = laptop.keys[0];
    json_t *page;

    (void)state;
    expect_key(0, 1, "new");
    laptop.cursor = 0;
    assert_int_equal(oaid_fetch(&laptop), 200); /* issued again: the same envelope, still new */
    assert_int_equal(laptop.n_keys, 1);
    assert_int_equal(laptop.keys[0].envelope.size, first.envelope.size);
    assert_memory_equal(laptop.keys[0].envelope.bytes, first.envelope.bytes, first.envelope.size);
    expect_key(0, 1, "new");
    do_the_work();
    expect_key(0, 1, "active");
    page = get(METER "/keys", officer);
    assert_int_equal(json_array_size(oaid_at(page, "items")), 1);
    assert_int_equal(oaid_whole(page, "items.0.wrap_epoch"), 0);
    assert_int_equal(oaid_whole(page, "items.0.active_since_ms"), AID_NOW_MS);
    json_decref(page);
    oaid_call_is(&office, "POST", METER "/keys/1/withdraw", officer, NULL, 409, "NOT_NOW", NULL);
    expect_key(0, 1, "active");
}

static void withdraw(int epoch, int want)
{
    char path[128];

    (void)snprintf(path, sizeof path, METER "/keys/%d/withdraw", epoch);
    oaid_call_is(&office, "POST", path, officer, NULL, want, NULL, NULL);
}

/* Nothing of a withdrawn epoch is issued again: the open order gets the one above, other tickets,
 * another envelope; the number never comes back. */
static void a_withdrawn_epoch_is_issued_no_more(void **state)
{
    const sync_KeyIssue first = laptop.keys[0];
    int64_t tickets = oaid_sql_number(&office, "SELECT MAX(serial) FROM ticket");

    (void)state;
    withdraw(1, 200);
    expect_key(0, 1, "withdrawn");
    withdraw(1, 200); /* an answer that was lost is asked for again */
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log WHERE what = 'key "
                                              "withdrawn' AND who = 'K001'"),
                     1);
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.n_jobs, 1); /* the laptop is told */
    assert_int_equal(laptop.n_keys, 1);
    assert_int_equal(laptop.keys[0].epoch, 2);
    assert_memory_not_equal(laptop.keys[0].envelope.bytes, first.envelope.bytes, 32);
    assert_int_equal(laptop.n_tickets, 2);
    for (size_t i = 0; i < laptop.n_tickets; i++) {
        gasm_Ticket t = oaid_ticket(&laptop, i);

        assert_true(t.epoch == 0 || t.epoch == 2);
        assert_true(t.installs_epoch == 0 || t.installs_epoch == 2);
        assert_true((int64_t)t.serial > tickets);
    }
    withdraw(2, 200);
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.keys[0].epoch, 3);
    expect_key(2, 3, "new");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account_key"), 3);
}

/* The laptop had brought the key to the meter already: a fact, taken and told. */
static void a_withdrawn_key_in_use_is_a_fact(void **state)
{
    const sync_Job job = laptop.jobs[0];

    (void)state;
    oaid_meter_new(&meter, 1, &laptop); /* holds key 1 */
    withdraw(1, 200);
    assert_int_equal(oaid_fetch(&laptop), 200);
    expect_key(1, 2, "new");
    oaid_begin(&laptop);
    oaid_add_opening(&laptop, &job, &meter, 10);
    assert_int_equal(oaid_send(&laptop), 200);
    expect_key(0, 1, "active");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log WHERE what = "
                                              "'withdrawn key is in use'"),
                     1);
    assert_int_equal(oaid_sql_number(&office,
                                     "SELECT COUNT(*) FROM account_key WHERE epoch = 1 AND "
                                     "ended_at_ms IS NOT NULL"),
                     1);
    assert_int_equal(oaid_sql_number(&office, "SELECT key_epoch FROM work_order"), 1);
}

static void what_is_not_there_is_not_withdrawn(void **state)
{
    (void)state;
    withdraw(2, 404);
    withdraw(0, 404);
    oaid_call_is(&office, "POST", METER "/keys/one/withdraw", officer, NULL, 404, "not_found",
                 NULL);
    oaid_call_is(&office, "POST", METER "/keys/4294967297/withdraw", officer, NULL, 404,
                 "not_found", NULL);
    oaid_call_is(&office, "POST", NOBODY "/keys/1/withdraw", officer, NULL, 404, "not_found", NULL);
    oaid_call_is(&office, "POST", METER "/keys/1/withdraw", auditor, NULL, 403, NULL, NULL);
    oaid_call_is(&office, "GET", METER "/keys", clerk, NULL, 403, NULL, NULL);
    oaid_call_is(&office, "GET", NOBODY "/keys", officer, NULL, 404, "not_found", NULL);
    expect_key(0, 1, "new");
}

/* Keys made since the backup are not known: their epochs are left out, and no number gets two keys. */
static void after_a_restore_epochs_are_left_out(void **state)
{
    struct ho_meter m;
    uint32_t next = 0;

    (void)state;
    assert_int_equal(ho_find_meter(office.o, AID_METER_1, &m), 1);
    assert_int_equal(ho_epoch_next(office.o, &m, &next), 0);
    assert_int_equal(next, 1); /* there is one that the meter has not taken */
    oaid_sql(&office, "UPDATE account_key SET state = 'active'");
    m.active_epoch = 1;
    assert_int_equal(ho_epoch_next(office.o, &m, &next), 0);
    assert_int_equal(next, 2);
    oaid_sql(&office, "INSERT INTO setting (org_id, name, value) SELECT org_id, 'restored at ms', "
                      "MAX(made_at_ms) + 1 FROM account_key GROUP BY org_id");
    assert_int_equal(ho_epoch_next(office.o, &m, &next), 0);
    assert_int_equal(next, 1002);
}

/* Keys above a revived one that only an older key opens are withdrawn with it; those that the
 * factory key opens stay. */
static void a_revived_key_takes_those_above_with_it(void **state)
{
    struct ho_meter m;
    uint32_t next = 0;

    (void)state;
    oaid_sql(&office,
             "UPDATE account_key SET state = 'withdrawn', ended_at_ms = 5; INSERT INTO account_key "
             "SELECT org_id, meter_id, 2, sealed, 7, envelope, 'new', 6, NULL, NULL, "
             "sealed_version FROM account_key WHERE epoch = 1; INSERT INTO account_key SELECT "
             "org_id, meter_id, 3, sealed, 0, envelope, 'new', 6, NULL, NULL, sealed_version FROM "
             "account_key WHERE epoch = 1");
    assert_int_equal(ho_find_meter(office.o, AID_METER_1, &m), 1);
    assert_int_equal(odb_begin(office.o->db), 0);
    assert_int_equal(ho_epoch_activate(office.o, &m, 1), 0);
    assert_int_equal(m.active_epoch, 1);
    assert_int_equal(ho_epoch_next(office.o, &m, &next), 0);
    assert_int_equal(odb_commit(office.o->db), 0);
    assert_int_equal(next, 3);
    expect_key(0, 1, "active");
    expect_key(1, 2, "withdrawn");
    expect_key(2, 3, "new");
    assert_int_equal(odb_begin(office.o->db), 0);
    assert_int_equal(ho_epoch_activate(office.o, &m, 3), 0);
    assert_int_equal(ho_epoch_activate(office.o, &m, 2), 0); /* a late receipt: nothing goes back */
    assert_int_equal(odb_commit(office.o->db), 0);
    assert_int_equal(m.active_epoch, 3);
    expect_key(0, 1, "expired");
    expect_key(1, 2, "withdrawn");
    expect_key(2, 3, "active");
}

#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(meters_page_by_id),
        T(a_meter_is_what_its_receipts_say),
        T(receipts_are_listed_in_their_order),
        T(tickets_are_listed_without_their_keys),
        T(a_key_is_active_on_the_meters_receipt_alone),
        T(a_withdrawn_epoch_is_issued_no_more),
        T(a_withdrawn_key_in_use_is_a_fact),
        T(what_is_not_there_is_not_withdrawn),
        T(a_revived_key_takes_those_above_with_it),
        T(after_a_restore_epochs_are_left_out),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
