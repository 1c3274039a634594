/* test_ledger_engines.c - entries, readings, tariffs, reports and the audit on both databases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/ledger.h"
#include "backend/report.h"
#include "backend/tariff.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/odb_world.h"

#define METER "GM2400000156"

static struct office *office_of(void **state)
{
    struct odb_world *w = *state;

    w->o.ports.crypto = mc_crypto_openssl();
    return &w->o;
}

static int add_rows(struct office *o, void *ctx)
{
    struct tariff t = { .id = "T-1", .class_name = "standard", .currency = "EUR", .n = 1,
                        .steps = { { 0, 850 } } };

    (void)ctx;
    assert_int_equal(odb_exec(o->db,
                              "INSERT INTO meter (org_id, meter_id, type, pulse_l, "
                              "verification_date, bt_address, factory_key, life_state, "
                              "imported_at_ms) VALUES (?1, ?2, 4, 1, '2001-06-01', '', ?3, 5, 0)",
                              ODB(ODB_T(METER), ODB_B("x", 1))),
                     1);
    assert_int_equal(odb_exec(o->db,
                              "INSERT INTO staff (org_id, staff_no, name, role, added_at_ms) "
                              "VALUES (?1, 'S001', 'Rosa Lindqvist', 'technician', 0)",
                              ODB_NONE),
                     1);
    return tariff_add(o, &t, "S001");
}

static int post_sale(struct office *o, void *ctx)
{
    const struct ledger_entry e = { .op_id = { 7 },
                                    .kind = "sale",
                                    .made_by = "S001",
                                    .note = "",
                                    .postings = { { LEDGER_LITRE, LEDGER_IN_TOKENS, "1001", 50 },
                                                  { LEDGER_LITRE, LEDGER_SOLD, "1001", -50 } },
                                    .n = 2 };

    (void)ctx;
    return ledger_post(o, &e);
}

static int follow(struct office *o, void *ctx)
{
    const struct ledger_reading reading = { .meter_id = METER, .receipt = ctx };

    return ledger_follow(o, &reading);
}

static void books_are_kept(void **state)
{
    struct office *o = office_of(state);
    gasm_Receipt r = { .account_no = 1001, .seq = 4, .command = gasm_Command_OPEN_ACCOUNT };
    struct tariff t;
    int64_t v = 0;

    assert_int_equal(ho_transaction(o, add_rows, NULL), 0);
    assert_int_equal(ho_transaction(o, post_sale, NULL), 0);
    assert_int_equal(ho_transaction(o, post_sale, NULL), 1);
    r.after.purchased_l = 50;
    r.after.index_l = 12;
    assert_int_equal(ho_transaction(o, follow, &r), 0);
    assert_int_equal(ho_transaction(o, follow, &r), 0);
    assert_int_equal(ledger_balance(o, LEDGER_LITRE, LEDGER_RESIDUAL, "1001", &v), 0);
    assert_int_equal(v, 38);
    assert_int_equal(tariff_find(o, "standard", 5, &t), 1);
    assert_int_equal(t.steps[0].milli_per_l, 850);
}

static void reports_are_made(void **state)
{
    struct office *o = office_of(state);
    json_t *doc = NULL;

    assert_int_equal(ho_transaction(o, add_rows, NULL), 0);
    assert_int_equal(ho_transaction(o, post_sale, NULL), 0);
    assert_int_equal(report_day(o, "2026-11-22", &doc), 0);
    assert_true(json_is_true(json_object_get(doc, "clean")));
    json_decref(doc);
    assert_int_equal(report_technician(o, "S001", &doc), 0);
    json_decref(doc);
    assert_int_equal(report_meter(o, METER, &doc), 0);
    json_decref(doc);
    assert_int_equal(report_overdue(o, NULL, "", 10, &doc), 0);
    assert_int_equal(json_array_size(json_object_get(doc, "items")), 1);
    json_decref(doc);
}

static void the_audit_runs(void **state)
{
    struct office *o = office_of(state);
    struct ho_audit audit;

    assert_int_equal(ho_transaction(o, add_rows, NULL), 0);
    assert_int_equal(ho_transaction(o, post_sale, NULL), 0);
    assert_int_equal(ho_audit_run(o, &audit), 0);
    for (unsigned i = 0; i < HO_STATEMENTS; i++)
        assert_int_equal(audit.of[i].n_broken, 0);
    assert_int_equal(audit.of[HO_ENTRIES].checked, 1);
    assert_int_equal(audit.of[HO_ENTRIES_LOGGED].checked, 1);
    assert_int_equal(audit.of[HO_SUMS].checked, 2);
    ho_audit_free(&audit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ODB_ON_BOTH(books_are_kept),
        ODB_ON_BOTH(reports_are_made),
        ODB_ON_BOTH(the_audit_runs),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
