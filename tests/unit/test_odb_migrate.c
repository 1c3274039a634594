/* Head office's database of an older version is brought up whole, or stays as it is. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "backend/odb_tables.h"
#include "tests/aid/odb_world.h"
#include "tests/aid/pg_proxy.h"
#include "tests/aid/proc.h"

#define V1 "tests/vectors/office-v1.sql"
#define ROWS_MAX 65536

/* ---- a file of version 1 ---- */

static sqlite3 *raw(const char *path)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void raw_do(const char *path, const char *sql)
{
    sqlite3 *db = raw(path);
    char *error = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    (void)sqlite3_close(db);
}

static int64_t raw_number(const char *path, const char *sql)
{
    sqlite3 *db = raw(path);
    sqlite3_stmt *stmt = NULL;
    int64_t n = 0;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    if (sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return n;
}

static const char *text_of(const char *path)
{
    static char sql[65536];
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    sql[fread(sql, 1, sizeof sql - 1, f)] = '\0';
    (void)fclose(f);
    return sql;
}

static void make_v1(char ret[static 600])
{
    static unsigned made;

    (void)snprintf(ret, 600, "%s/v1-%u.db", aid_tmpdir(), made++);
    raw_do(ret, text_of(V1));
}

/* Every row of version 1's columns, as text, in the order of keys: how it was, how it is. */
static void rows_of(const char *path, const char *columns_from, char *ret)
{
    sqlite3 *db = raw(path), *from = raw(columns_from);
    size_t n = 0;

    for (size_t t = 0; t < odb_n_tables; t++) {
        char sql[200], select[4096] = "SELECT 1";
        sqlite3_stmt *stmt = NULL;

        (void)snprintf(sql, sizeof sql, "SELECT name FROM pragma_table_info('%s')",
                       odb_tables[t].name);
        assert_int_equal(sqlite3_prepare_v2(from, sql, -1, &stmt, NULL), SQLITE_OK);
        for (size_t at = strlen(select); sqlite3_step(stmt) == SQLITE_ROW; at = strlen(select))
            (void)snprintf(select + at, sizeof select - at, " || ',' || quote(%s)",
                           (const char *)sqlite3_column_text(stmt, 0));
        (void)sqlite3_finalize(stmt);
        if (strlen(select) < 10)
            continue; /* a table of a later version */
        (void)snprintf(select + strlen(select), sizeof select - strlen(select),
                       " FROM %s%s ORDER BY 1", odb_tables[t].name,
                       strcmp(odb_tables[t].name, "setting") == 0 ? " WHERE name <> 'schema digest'"
                                                                  : "");
        assert_int_equal(sqlite3_prepare_v2(db, select, -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW)
            n += (size_t)snprintf(ret + n, ROWS_MAX - n, "%s %s\n", odb_tables[t].name,
                                  (const char *)sqlite3_column_text(stmt, 0));
        (void)sqlite3_finalize(stmt);
    }
    assert_true(n > 2000 && n < ROWS_MAX - 1);
    (void)sqlite3_close(db);
    (void)sqlite3_close(from);
}

static void copy_file(const char *from, const char *to)
{
    char vacuum[1300];

    (void)unlink(to);
    (void)snprintf(vacuum, sizeof vacuum, "VACUUM INTO '%s'", to);
    raw_do(from, vacuum);
    raw_do(to, "PRAGMA application_id = 1330005577; PRAGMA user_version = 1");
}

static int open_it(const char *where, bool create, struct gf_fail *why)
{
    struct odb *db = NULL;
    int r = odb_open(where, create, &db, why);

    (void)odb_close(db);
    return r;
}

/* The schema of a file: every CREATE, in the order of names. */
static void schema_of(const char *path, char *ret)
{
    sqlite3 *db = raw(path);
    sqlite3_stmt *stmt = NULL;
    size_t n = 0;

    assert_int_equal(sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL "
                                            "ORDER BY type, name", -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        n += (size_t)snprintf(ret + n, ROWS_MAX - n, "%s\n",
                              (const char *)sqlite3_column_text(stmt, 0));
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
}

static char before[ROWS_MAX], after[ROWS_MAX];

static void every_row_comes_along(void **state)
{
    struct gf_fail why = { 0 };
    struct odb *db = NULL;
    char path[600], old[600], fresh[700];

    (void)state;
    make_v1(path);
    (void)snprintf(old, sizeof old, "%s/old.db", aid_tmpdir());
    copy_file(path, old);
    rows_of(path, old, before);
    if (odb_open(path, false, &db, &why) != 0)
        fail_msg("%s: %s", why.where, why.detail);
    rows_of(path, old, after);
    assert_string_equal(before, after);
    assert_int_equal(raw_number(path, "PRAGMA user_version"), ODB_SCHEMA_VERSION);
    assert_int_equal(raw_number(path, "SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
    assert_int_equal(raw_number(path, "SELECT sealed_version FROM meter"), 0);
    assert_int_equal(raw_number(path, "SELECT COUNT(*) FROM supply_point WHERE tariff_class = "
                                      "'standard'"), 2);
    assert_int_equal(raw_number(path, "SELECT COUNT(*) FROM ticket WHERE role = 1 AND customer_no IS "
                                      "NULL"), 2);

    /* references are watched over again */
    assert_int_equal(odb_begin(db), 0);
    assert_int_equal(odb_exec(db, "INSERT INTO supply_point (org_id, supply_point, address, "
                                  "customer_no) VALUES (?1, 'x', 'y', ?2)", ODB(ODB_T("nobody"))),
                     GF_E_STORE);
    odb_rollback(db);
    db = odb_close(db);

    /* the same tables as a new database has, to the letter */
    (void)snprintf(fresh, sizeof fresh, "%s/fresh.db", aid_tmpdir());
    assert_int_equal(open_it(fresh, true, &why), 0);
    schema_of(path, before);
    schema_of(fresh, after);
    assert_string_equal(before, after);
}

/* ---- killed at every statement ---- */

static int kill_at;

static int count_down(unsigned what, void *ctx, void *p, void *x)
{
    (void)what;
    (void)ctx;
    (void)p;
    (void)x;
    if (kill_at-- == 0)
        (void)raise(SIGKILL);
    return 0;
}

static int watch(sqlite3 *db, char **error, const struct sqlite3_api_routines *api)
{
    (void)error;
    (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, count_down, NULL);
}

static pid_t open_in_child(const char *where, bool create, int at)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        kill_at = at;
        if (at >= 0)
            (void)sqlite3_auto_extension((void (*)(void))watch);

        struct gf_fail why = { 0 };
        int r = open_it(where, create, &why);

        if (r != 0)
            (void)fprintf(stderr, "# %d %s: %s\n", r, why.where, why.detail);
        _exit(r == 0 ? 0 : 1);
    }
    return pid;
}

static void killed_at_every_statement(void **state)
{
    char path[600], work[600];
    int status = -1, at = 0, kept_old = 0;

    (void)state;
    make_v1(path);
    rows_of(path, path, before);
    (void)snprintf(work, sizeof work, "%s/work.db", aid_tmpdir());
    for (; status != 0; at += getenv("TEST_ALL") != NULL ? 1 : 11) {
        copy_file(path, work);
        (void)waitpid(open_in_child(work, false, at), &status, 0);
        assert_true(status == 0 || WIFSIGNALED(status));

        int64_t version = raw_number(work, "PRAGMA user_version");
        kept_old += version == 1;
        assert_true(version == 1 || version == ODB_SCHEMA_VERSION);
        assert_int_equal(raw_number(work, "SELECT COUNT(*) FROM sqlite_schema WHERE name LIKE "
                                          "'old_%'"), 0);
        rows_of(work, path, after);
        assert_string_equal(before, after);
        assert_int_equal(open_it(work, false, NULL), 0); /* and goes on */
        rows_of(work, path, after);
        assert_string_equal(before, after);
    }
    assert_true(at > 200 && kept_old > 10);
}

static void two_at_once(void **state)
{
    char path[600];
    int status;
    pid_t pids[4];

    (void)state;
    make_v1(path);
    rows_of(path, path, before);
    for (size_t i = 0; i < 4; i++)
        pids[i] = open_in_child(path, false, -1);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(raw_number(path, "PRAGMA user_version"), ODB_SCHEMA_VERSION);
    assert_int_equal(raw_number(path, "SELECT COUNT(*) FROM receipt"), 2);
}

static void refused_as_it_is(void **state)
{
    struct gf_fail why = { 0 };
    char path[600];

    (void)state;
    make_v1(path);
    raw_do(path, "UPDATE supply_point SET customer_no = 'gone' WHERE supply_point = 'SP-0002'");
    assert_int_equal(open_it(path, false, &why), GF_E_STORE_DAMAGED);
    assert_string_equal(why.where, "supply_point");
    assert_int_equal(raw_number(path, "PRAGMA user_version"), 1);
    assert_int_equal(raw_number(path, "SELECT COUNT(*) FROM supply_point"), 2);
    raw_do(path, "PRAGMA user_version = 99");
    why = (struct gf_fail){ 0 };
    assert_int_equal(open_it(path, false, &why), GF_E_STORE_NEWER);
    assert_int_equal(raw_number(path, "SELECT COUNT(*) FROM supply_point"), 2);
}

/* ---- version 2, on both engines ---- */

#define V2 "tests/vectors/office-v2-"

/* What version 3 says of version 2's rows: refunds that bar another one have the mark. */
static void expect_v2_rows(struct odb *db)
{
    static const struct {
        const char *sql;
        int64_t want;
    } rows[] = {
        { "SELECT COUNT(*) FROM refund WHERE org_id = ?1 AND live = 1 AND state <> 'refused' AND why "
          "= ''", 3 },
        { "SELECT COUNT(*) FROM refund WHERE org_id = ?1 AND live IS NULL AND state = 'refused'",
          1 },
        { "SELECT COUNT(*) FROM customer_login WHERE org_id = ?1 AND strangers_ms = 0 AND "
          "made_at_ms = 3", 1 },
        { "SELECT COUNT(*) FROM customer_address WHERE org_id = ?1", 0 },
        { "SELECT COUNT(*) FROM payout WHERE org_id = ?1", 0 },
        { "SELECT COUNT(*) FROM account a JOIN meter m ON m.org_id = a.org_id AND m.meter_id = "
          "a.meter_id JOIN customer c ON c.org_id = a.org_id AND c.customer_no = a.customer_no "
          "WHERE a.org_id = ?1 AND m.sealed_version = 3 AND c.name = 'Bergström'", 1 },
        { "SELECT COUNT(*) FROM setting WHERE org_id = ?1 AND name = 'schema digest' AND value = '"
          ODB_SCHEMA_DIGEST "'", 1 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (odb_world_number(db, rows[i].sql, ODB_NONE) != rows[i].want)
            fail_msg("%s", rows[i].sql);
}

/* Of an older program; opened by this one; and what another program of the same number, with other
 * tables, made is refused with a sentence. */
static void of_version_2(const char *where, void (*run)(const char *where, const char *sql))
{
    struct gf_fail why = { 0 };
    struct odb *db = NULL;

    run(where, text_of(V2 "rows.sql"));
    if (odb_open(where, false, &db, &why) != 0)
        fail_msg("%s: %s", why.where, why.detail);
    expect_v2_rows(db);
    (void)odb_close(db);
    run(where, "UPDATE setting SET value = 'other' WHERE name = 'schema digest'");
    assert_int_equal(open_it(where, false, &why), GF_E_STORE_NEWER);
    assert_non_null(strstr(why.detail, "between two versions"));
}

static void version_2_on_sqlite(void **state)
{
    char path[600], fresh[600];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/v2.db", aid_tmpdir());
    (void)snprintf(fresh, sizeof fresh, "%s/v2-fresh.db", aid_tmpdir());
    raw_do(path, text_of(V2 "sqlite.sql"));
    of_version_2(path, raw_do);
    assert_int_equal(open_it(fresh, true, NULL), 0);
    schema_of(path, before);
    schema_of(fresh, after);
    assert_string_equal(before, after);
}

static void version_2_on_a_server(void **state)
{
    const char *columns = "SELECT ('x' || substr(md5(string_agg(concat(table_name, column_name, "
                          "data_type, is_nullable, column_default), ',' ORDER BY table_name, "
                          "column_name)), 1, 15))::bit(60)::bigint FROM "
                          "information_schema.columns WHERE table_schema = 'gasoffice'",
               *indexes = "SELECT ('x' || substr(md5(string_agg(indexdef, ',' ORDER BY indexdef)), "
                          "1, 15))::bit(60)::bigint FROM pg_indexes WHERE schemaname = 'gasoffice'";
    char where[PG_URL_MAX], fresh[PG_URL_MAX];

    (void)state;
    pg_new_database(where);
    pg_new_database(fresh);
    pg_sql(where, text_of(V2 "postgresql.sql"));
    of_version_2(where, pg_sql);
    assert_int_equal(open_it(fresh, true, NULL), 0);
    assert_int_equal(pg_number(where, columns), pg_number(fresh, columns));
    assert_int_equal(pg_number(where, indexes), pg_number(fresh, indexes));
}

/* ---- PostgreSQL: there was no version 1 of it, so one is made ---- */

static void make_old(struct odb_world *w)
{
    odb_world_do(w->db, "INSERT INTO meter (org_id, meter_id, type, pulse_l, verification_date, "
                        "bt_address, factory_key, life_state, imported_at_ms, sealed_version) "
                        "VALUES (?1, 'GM2400000156', 4, 1, '', '', ?2, 1, 2, 3)",
                 ODB(ODB_B("\0\1\2", 3)));
    odb_world_do(w->db, "INSERT INTO customer (org_id, customer_no, name, phone) VALUES (?1, 'C', "
                        "?2, '')", ODB(ODB_T("Bergström")));
    odb_world_do(w->db, "INSERT INTO supply_point (org_id, supply_point, address, customer_no) "
                        "VALUES (?1, 'SP', 'a', 'C')", ODB_NONE);
    pg_sql(w->where, "ALTER TABLE meter DROP COLUMN sealed_version; DROP TABLE refund; "
                     "UPDATE setting SET value = '1' WHERE name = 'schema version'");
}

static void expect_new(const char *where)
{
    assert_int_equal(pg_number(where, "SELECT value FROM setting WHERE name = 'schema version'"),
                     ODB_SCHEMA_VERSION);
    assert_int_equal(pg_number(where, "SELECT COUNT(*) FROM meter WHERE sealed_version = 0 AND "
                                      "factory_key = x'000102'"), 1);
    assert_int_equal(pg_number(where, "SELECT COUNT(*) FROM supply_point JOIN customer USING "
                                      "(org_id, customer_no) WHERE name = 'Bergström'"), 1);
    assert_int_equal(pg_number(where, "SELECT COUNT(*) FROM refund"), 0);
    assert_int_equal(pg_number(where, "SELECT COUNT(*) FROM information_schema.schemata WHERE "
                                      "schema_name = 'gasoffice_old'"), 0);
}

static void on_a_server(void **state)
{
    struct odb_world *w = *state;
    int status;
    pid_t pids[3];

    make_old(w);
    w->db = odb_close(w->db);
    for (size_t i = 0; i < 3; i++)
        pids[i] = open_in_child(w->where, false, -1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    expect_new(w->where);
}

static void on_a_server_cut_in_the_middle(void **state)
{
    struct odb_world *w = *state;
    char through[PG_URL_MAX];
    const char *socket;
    struct pg_proxy *p = pg_proxy_new(&socket);

    make_old(w);
    pg_url_through(w->where, socket, through);
    for (unsigned at = 20; at < 400; at += 70) {
        pg_proxy_cut(p, PG_CUT_AT_MESSAGE, at);
        assert_int_equal(open_it(through, false, NULL), 0);
        expect_new(w->where);
        pg_sql(w->where, "ALTER TABLE meter DROP COLUMN sealed_version; DROP TABLE refund; "
                         "UPDATE setting SET value = '1' WHERE name = 'schema version'");
    }
    pg_proxy_free(p);
}

static void made_by_three_at_once(void **state)
{
    struct gf_fail why = { 0 };
    char where[PG_URL_MAX];
    int status;
    pid_t pids[3];

    (void)state;
    pg_new_database(where);
    assert_int_equal(open_it(where, false, &why), GF_E_FILE);
    for (size_t i = 0; i < 3; i++)
        pids[i] = open_in_child(where, true, -1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(pg_number(where, "SELECT value FROM setting WHERE name = 'schema version'"),
                     ODB_SCHEMA_VERSION);
    pg_sql(where, "UPDATE setting SET value = '99' WHERE name = 'schema version'");
    assert_int_equal(open_it(where, true, &why), GF_E_STORE_NEWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_comes_along), cmocka_unit_test(killed_at_every_statement),
        cmocka_unit_test(two_at_once),           cmocka_unit_test(refused_as_it_is),
        ODB_ON_PG(on_a_server),                  ODB_ON_PG(on_a_server_cut_in_the_middle),
        cmocka_unit_test(made_by_three_at_once), cmocka_unit_test(version_2_on_sqlite),
        cmocka_unit_test(version_2_on_a_server),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
