/* test_report.c - reports say what the story of the books says, and the API answers them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/report.h"
#include "tests/aid/api_aid.h"
#include "tests/aid/books_aid.h"

#define TODAY "2026-11-22"

static struct books books;
static char auditor[GF_UUID_TEXT], clerk[GF_UUID_TEXT], technician[GF_UUID_TEXT];

static int start(void **state)
{
    (void)state;
    books_story(&books);
    oaid_staff(&books.office, "A001", "auditor", auditor);
    oaid_staff(&books.office, "K001", "clerk", clerk);
    oaid_staff(&books.office, "S001", "technician", technician);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    books_end(&books);
    return 0;
}

static json_t *get(const char *path, const char *who, int want)
{
    return oaid_call(&books.office, "GET", path, who, NULL, want);
}

/* The element of a list whose field is this text. */
static const json_t *find(const json_t *list, const char *field, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const char *is = json_string_value(json_object_get(row, field));

        if (is != NULL && strcmp(is, text) == 0)
            return row;
    }
    fail_msg("no row with %s %s", field, text);
    return NULL;
}

/* ---- a day ---- */

static void a_day_and_its_close(void **state)
{
    json_t *day = get("/v1/reports/day/" TODAY, auditor, 200);
    const json_t *row;

    (void)state;
    assert_string_equal(oaid_text(day, "date"), TODAY);
    assert_true(json_is_true(json_object_get(day, "clean")));
    assert_int_equal(json_array_size(json_object_get(day, "openings")), 3);
    assert_int_equal(oaid_whole(day, "openings.0.account_no"), 1001);
    assert_string_equal(oaid_text(day, "openings.0.supply_point"), "SP-0001");
    row = find(json_object_get(day, "receipts"), "command", "recharge");
    assert_int_equal(oaid_whole(row, "count"), 7);
    row = find(json_object_get(day, "payments"), "state", "confirmed");
    assert_string_equal(oaid_text(row, "provider"), "counter");
    assert_int_equal(oaid_whole(row, "amount_minor"), 12000 + 500 + 3000 + 700);
    row = find(json_object_get(day, "refunds"), "state", "paid");
    assert_int_equal(oaid_whole(row, "count"), 1);
    row = find(json_object_get(day, "moved"), "code", "consumed");
    assert_int_equal(oaid_whole(row, "debits"), 60 + 5 + 11);
    row = find(json_object_get(day, "trial_balance"), "unit", "EUR");
    assert_int_equal(oaid_whole(row, "difference"), 0);
    assert_true(oaid_whole(row, "debits") > 0);
    assert_int_equal(json_array_size(json_object_get(day, "pending_tokens")), 1);
    assert_int_equal(oaid_whole(day, "pending_tokens.0.account_no"), 1002);
    assert_int_equal(oaid_whole(day, "pending_tokens.0.litres"), 2529);
    assert_int_equal(json_array_size(json_object_get(day, "swaps")), 0);
    assert_int_equal(json_array_size(json_object_get(day, "gaps")), 0);
    assert_int_equal(json_array_size(json_object_get(day, "more")), 0);
    json_decref(day);
}

static void another_day_has_only_what_waits(void **state)
{
    json_t *day;

    (void)state;
    books.office.utc_ms += 2 * INT64_C(86400000);
    oaid_sql(&books.office, "UPDATE swap_case SET state = 'closed'");
    day = get("/v1/reports/day/2026-11-23", auditor, 200);
    assert_int_equal(json_array_size(json_object_get(day, "receipts")), 0);
    assert_int_equal(json_array_size(json_object_get(day, "payments")), 0);
    assert_int_equal(json_array_size(json_object_get(day, "moved")), 0);
    assert_int_equal(oaid_whole(day, "pending_tokens.0.age_days"), 2);
    assert_string_equal(oaid_text(day, "swaps.0.number"), "SW-000001");
    assert_int_equal(oaid_whole(day, "swaps.0.litres"), 0);
    assert_int_equal(oaid_whole(day, "swaps.0.age_days"), 2);
    json_decref(day);
}

static void a_difference_is_not_clean(void **state)
{
    json_t *day;

    (void)state;
    oaid_sql(&books.office, "UPDATE ledger_account SET debits = debits + 7 WHERE code = 'revenue'");
    day = get("/v1/reports/day/" TODAY, auditor, 200);
    assert_false(json_is_true(json_object_get(day, "clean")));
    assert_int_equal(
        oaid_whole(find(json_object_get(day, "trial_balance"), "unit", "EUR"), "difference"), 7);
    json_decref(day);
}

static void gaps_and_long_lists(void **state)
{
    json_t *day;

    (void)state;
    oaid_sql(&books.office, "UPDATE receipt SET gap = 1 WHERE meter_id = '" AID_METER_2
                            "' AND seq = 3");
    oaid_sql(&books.office,
             "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 250) INSERT "
             "INTO token (org_id, account_no, sequence, op_id, cause_id, meter_id, kind, litres, "
             "purchased_l, imported_l, forgiven_l, debited_l, order_ref, content, state, "
             "made_at_ms, made_by) SELECT 1, 1002, i, CAST(CAST(i AS TEXT) AS BLOB), "
             "CAST(CAST(i AS TEXT) AS BLOB), "
             "'" AID_METER_2 "', 'sale', 1, i, 0, 0, 0, x'', x'', 'pending', 5, 'S001' FROM n");
    day = get("/v1/reports/day/" TODAY, auditor, 200);
    assert_string_equal(oaid_text(day, "gaps.0.meter_id"), AID_METER_2);
    assert_int_equal(oaid_whole(day, "gaps.0.seq"), 3);
    assert_int_equal(json_array_size(json_object_get(day, "pending_tokens")), REPORT_ROWS_MAX);
    assert_string_equal(oaid_text(day, "more.0"), "pending_tokens");
    json_decref(day);
}

static void what_is_no_day(void **state)
{
    static const char *const days[] = { "2026-11-31", "2026-13-01", "today", "2026-1-01" };
    char path[64];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "/v1/reports/day/%s", days[i]);
        json_decref(get(path, auditor, 400));
    }
}

/* ---- a technician, a meter ---- */

static void a_technician(void **state)
{
    char number[32];
    json_t *report;

    (void)state;
    books_end(&books);
    oaid_office_new(&books.office); /* where meters wait for their accounts */
    oaid_staff(&books.office, "K001", "clerk", clerk);
    oaid_staff(&books.office, "S001", "technician", technician);
    oaid_order(&books.office, 2, number);
    oaid_sql(&books.office, "UPDATE work_order SET state = 'unable', code = 'NO_ACCESS'");
    oaid_order(&books.office, 3, number);
    report = get("/v1/reports/technician/S001", clerk, 200);
    assert_string_equal(oaid_text(report, "member.name"), "Rosa Lindqvist");
    assert_int_equal(
        oaid_whole(find(json_object_get(report, "orders"), "state", "unable"), "count"), 1);
    assert_int_equal(
        oaid_whole(find(json_object_get(report, "unable"), "code", "NO_ACCESS"), "count"), 1);
    assert_int_equal(json_array_size(json_object_get(report, "laptops")), 1);
    assert_string_equal(oaid_text(report, "laptops.0.device_id"), technician);
    json_decref(report);
    oaid_call_is(&books.office, "GET", "/v1/reports/technician/S999", clerk, NULL, 404, "not_found",
                 "staff_no");
}

static void a_meter(void **state)
{
    json_t *report = get("/v1/reports/meter/" AID_METER_1, clerk, 200);

    (void)state;
    assert_string_equal(oaid_text(report, "meter.life_state"), "closed");
    assert_string_equal(oaid_text(report, "verified_until"), "2034-06-01");
    assert_false(json_is_true(json_object_get(report, "overdue")));
    assert_int_equal(oaid_whole(report, "accounts.0.account_no"), 1001);
    assert_string_equal(oaid_text(report, "accounts.0.state"), "closed");
    assert_int_equal(oaid_whole(report, "accounts.0.residual_l"), 0);
    assert_int_equal(oaid_whole(report, "totals.0.consumed_l"), 65);
    assert_string_equal(oaid_text(report, "receipts.0.command"), "close-account");
    assert_int_equal(oaid_whole(report, "tokens.0.sequence"), 8);
    json_decref(report);
    report = get("/v1/reports/meter/" AID_METER_2, clerk, 200);
    assert_int_equal(oaid_whole(report, "accounts.0.in_tokens_l"), 2529);
    json_decref(report);
    oaid_call_is(&books.office, "GET", "/v1/reports/meter/GM2499999999", clerk, NULL, 404,
                 "not_found", "meter_id");
}

/* ---- verifications that ended ---- */

static void verifications_that_ended(void **state)
{
    json_t *page;
    char path[128];

    (void)state;
    page = get("/v1/reports/overdue", clerk, 200);
    assert_int_equal(json_array_size(json_object_get(page, "items")), 0);
    json_decref(page);
    oaid_sql(&books.office,
             "UPDATE meter SET verification_date = '2018-11-22' WHERE meter_id = '" AID_METER_1
             "'; UPDATE meter SET verification_date = '2018-11-21' WHERE meter_id <> '" AID_METER_1
             "'");
    page = get("/v1/reports/overdue?before=2026-11-21", clerk, 200);
    assert_int_equal(json_array_size(json_object_get(page, "items")), 0);
    json_decref(page);
    page = get("/v1/reports/overdue?before=2026-11-23", clerk, 200);
    assert_int_equal(json_array_size(json_object_get(page, "items")), 3);
    json_decref(page);
    json_decref(get("/v1/reports/overdue?before=2026-11-31", clerk, 400));
    page = get("/v1/reports/overdue?limit=1", clerk, 200); /* the first is verified until today */
    assert_int_equal(json_array_size(json_object_get(page, "items")), 1);
    assert_string_equal(oaid_text(page, "items.0.meter_id"), AID_METER_2);
    assert_string_equal(oaid_text(page, "items.0.verified_until"), "2026-11-21");
    assert_string_equal(oaid_text(page, "items.0.supply_point"), "SP-0002");
    assert_string_equal(oaid_text(page, "next"), "2018-11-21/" AID_METER_2);
    (void)snprintf(path, sizeof path, "/v1/reports/overdue?limit=1&after=%s",
                   oaid_text(page, "next"));
    json_decref(page);
    page = get(path, clerk, 200);
    assert_string_equal(oaid_text(page, "items.0.meter_id"), AID_METER_3);
    assert_true(json_is_null(json_object_get(page, "next")));
    json_decref(page);
    books.office.utc_ms += INT64_C(86400000);
    page = get("/v1/reports/overdue", clerk, 200);
    assert_int_equal(json_array_size(json_object_get(page, "items")), 3);
    json_decref(page);
    oaid_sql(&books.office, "UPDATE meter SET life_state = 7; INSERT INTO setting VALUES (1, "
                            "'verification_years', '7')");
    page = get("/v1/reports/overdue", clerk, 200); /* scrapped */
    assert_int_equal(json_array_size(json_object_get(page, "items")), 0);
    json_decref(page);
    page = get("/v1/reports/meter/" AID_METER_1, clerk, 200);
    assert_true(json_is_true(json_object_get(page, "overdue")));
    json_decref(page);
}

static void a_page_that_was_not_listed(void **state)
{
    static const char *const keys[] = { "x", "2018-11-21", "2018-11-21-GM2400000156",
                                        "2018-31-21/GM2400000156" };
    char path[128];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "/v1/reports/overdue?after=%s", keys[i]);
        json_decref(get(path, clerk, 400));
    }
}

/* ---- the audit ---- */

static void the_audit_and_its_log(void **state)
{
    json_t *audit = get("/v1/audit", auditor, 200), *log;

    (void)state;
    assert_true(json_is_true(json_object_get(audit, "clean")));
    assert_int_equal(json_array_size(json_object_get(audit, "statements")), HO_STATEMENTS);
    json_decref(audit);
    oaid_sql(&books.office, "UPDATE journal SET note = 'x' WHERE kind = 'refund'");
    audit = get("/v1/audit", auditor, 200);
    assert_false(json_is_true(json_object_get(audit, "clean")));
    assert_int_equal(oaid_whole(json_array_get(json_object_get(audit, "statements"), HO_ENTRIES),
                                "n_broken"),
                     1);
    json_decref(audit);
    log = get("/v1/audit-log?limit=2", auditor, 200);
    assert_int_equal(oaid_whole(log, "items.1.n"), 2);
    json_decref(log);
    log = get("/v1/audit-log?limit=2&after=2", auditor, 200);
    assert_int_equal(oaid_whole(log, "items.0.n"), 3);
    json_decref(log);
    json_decref(get("/v1/audit-log?after=x", auditor, 400));
    json_decref(get("/v1/audit", clerk, 403));
    json_decref(get("/v1/audit-log", clerk, 403));
    json_decref(get("/v1/reports/overdue", technician, 403));
}

static void a_store_that_fails_is_told(void **state)
{
    json_t *doc = NULL;

    (void)state;
    oaid_sql(&books.office, "ALTER TABLE ledger_account RENAME TO away");
    assert_true(report_day(books.office.o, TODAY, &doc) < 0);
    assert_null(doc);
    oaid_sql(&books.office, "ALTER TABLE away RENAME TO ledger_account");
    oaid_office_restart(&books.office);
    oaid_sql(&books.office, "ALTER TABLE meter RENAME TO away");
    assert_true(report_meter(books.office.o, AID_METER_1, &doc) < 0);
    books.office.o->fail = (struct gf_fail){ 0 };
    assert_true(report_overdue(books.office.o, NULL, "", 5, &doc) < 0);
    books.office.o->fail = (struct gf_fail){ 0 };
    oaid_sql(&books.office, "ALTER TABLE away RENAME TO meter; ALTER TABLE staff RENAME TO away");
    oaid_office_restart(&books.office);
    assert_true(report_technician(books.office.o, "S001", &doc) < 0);
    assert_null(doc);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(a_day_and_its_close),
        T(another_day_has_only_what_waits),
        T(a_difference_is_not_clean),
        T(gaps_and_long_lists),
        T(what_is_no_day),
        T(a_technician),
        T(a_meter),
        T(verifications_that_ended),
        T(a_page_that_was_not_listed),
        T(the_audit_and_its_log),
        T(a_store_that_fails_is_told),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
