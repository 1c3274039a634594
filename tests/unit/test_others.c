/* test_others.c - who is let in asks for what is another's: refused, and nothing is changed. What
 * customers see of one another: test_api_public; of orders over HTTP: test_orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "backend/odb_tables.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/api_aid.h"

static struct oaid_office office;
static struct oaid_laptop laptop, other;

static int start(void **state)
{
    (void)state;
    oaid_start(&office, &laptop);
    oaid_laptop_new(&other, &office, "S002");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

/* ---- everything but what is kept of the asking itself ---- */

static bool is_record(const char *table)
{
    static const char *const records[] = { "item", "device", "audit_log", "setting", "counter" };

    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        if (strcmp(records[i], table) == 0)
            return true;
    return false;
}

static void add_row(sqlite3_stmt *row, uint8_t hash[static 32])
{
    const struct mc_crypto *c = mc_crypto_openssl();

    for (int i = 0; i < sqlite3_column_count(row); i++) {
        const void *p = sqlite3_column_blob(row, i);
        const struct gf_span parts[] = { { hash, 32 },
                                         { p, (size_t)sqlite3_column_bytes(row, i) } };
        uint8_t next[32];

        assert_int_equal(c->sha256(c->ctx, parts, 2, next), 0);
        memcpy(hash, next, sizeof next);
    }
}

static void digest(uint8_t ret[static 32])
{
    char path[600], sql[128];
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof path, "%s/office.db", office.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    memset(ret, 0, 32);
    for (size_t i = 0; i < odb_n_tables; i++) {
        sqlite3_stmt *rows = NULL;

        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2", odb_tables[i].name);
        if (is_record(odb_tables[i].name))
            continue;
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
        while (sqlite3_step(rows) == SQLITE_ROW)
            add_row(rows, ret);
        (void)sqlite3_finalize(rows);
    }
    (void)sqlite3_close(db);
}

/* ---- records ---- */

static void records_for_an_order_of_somebody_else(void **state)
{
    const sync_Job job = laptop.jobs[0];
    sync_Application a = oaid_application_of(&job);
    sync_Item items[] = { oaid_application(&job, &a), oaid_step(&job, "scan"),
                          oaid_done(&job, "done", 9), oaid_done(&job, "unable", 0) };
    uint8_t before[32], after[32];

    (void)state;
    oaid_needs_file(&office);
    digest(before);
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        oaid_expect(&other, &items[i], sync_VerdictKind_CONFLICT, "job_id");
    digest(after);
    assert_memory_equal(after, before, sizeof before);
    /* its own person may */
    items[0] = oaid_application(&job, &a);
    oaid_expect(&laptop, &items[0], sync_VerdictKind_APPLIED, "");
}

static void records_for_no_order(void **state)
{
    sync_Job job = laptop.jobs[0];
    sync_Application a = oaid_application_of(&job);
    uint8_t before[32], after[32];

    (void)state;
    oaid_needs_file(&office);
    job.id[15] ^= 1;
    sync_Item items[] = { oaid_application(&job, &a), oaid_step(&job, "scan"),
                          oaid_done(&job, "done", 9) };
    digest(before);
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        oaid_begin(&laptop);
        oaid_add(&laptop, &items[i]);
        assert_int_equal(oaid_send(&laptop), 200);
        assert_int_not_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_APPLIED);
    }
    digest(after);
    assert_memory_equal(after, before, sizeof before);
}

/* A record of one laptop, sent by another: it is not in that one's chain. */
static void records_of_another_laptop(void **state)
{
    uint8_t bytes[sync_Item_size], before[32], after[32];
    sync_Item item = oaid_done(&laptop.jobs[0], "unable", 0);
    size_t n;

    (void)state;
    oaid_needs_file(&office);
    oaid_begin(&laptop);
    n = oaid_add_get(&laptop, &item, bytes, sizeof bytes);
    digest(before);
    oaid_begin(&other);
    oaid_add_bytes(&other, bytes, n);
    assert_int_equal(oaid_send(&other), 200);
    assert_int_not_equal(oaid_verdict(&other)->kind, sync_VerdictKind_APPLIED);
    digest(after);
    assert_memory_equal(after, before, sizeof before);
}

/* Whatever its cursor says, a laptop is told nothing of another person's orders. */
static void cursors_bring_only_the_own(void **state)
{
    static const uint64_t cursors[] = { 0, 1, 2, 1000000, UINT64_MAX };
    uint8_t before[32], after[32];

    (void)state;
    oaid_needs_file(&office);
    digest(before);
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
        other.cursor = cursors[i];
        assert_int_equal(oaid_fetch(&other), 200);
        assert_int_equal(other.n_jobs + other.n_tickets + other.n_keys + other.n_meters
                             + other.n_tokens + other.n_swaps + other.n_certificates,
                         0);
    }
    digest(after);
    assert_memory_equal(after, before, sizeof before);
}

/* An order that was given away takes its tickets with it. */
static void what_was_given_away_is_another_s(void **state)
{
    sync_Item item = oaid_step(&laptop.jobs[0], "scan");

    (void)state;
    oaid_sql(&office, "UPDATE work_order SET staff_no = 'S002'");
    laptop.cursor = 0;
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.n_tickets + laptop.n_keys, 0);
    oaid_expect(&laptop, &item, sync_VerdictKind_CONFLICT, "job_id");
}

/* ---- who was shut out ---- */

static void the_revoked_and_those_who_left_get_nothing(void **state)
{
    const char *const sql[] = { "UPDATE device SET revoked_at_ms = 1",
                                "UPDATE device SET revoked_at_ms = NULL",
                                "UPDATE staff SET left_at_ms = 1",
                                "UPDATE staff SET left_at_ms = NULL" };
    sync_Item item = oaid_done(&laptop.jobs[0], "unable", 0);
    uint8_t before[32], after[32];

    (void)state;
    oaid_needs_file(&office);
    for (size_t i = 0; i < 4; i += 2) {
        digest(before);
        oaid_sql(&office, sql[i]);
        oaid_begin(&laptop);
        struct oaid_laptop kept = laptop;
        oaid_add(&laptop, &item);
        assert_int_equal(oaid_send(&laptop), 403);
        laptop = kept;
        oaid_sql(&office, sql[i + 1]);
        digest(after);
        assert_memory_equal(after, before, sizeof before);
    }
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(records_for_an_order_of_somebody_else),
        T(records_for_no_order),
        T(records_of_another_laptop),
        T(cursors_bring_only_the_own),
        T(what_was_given_away_is_another_s),
        T(the_revoked_and_those_who_left_get_nothing),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
