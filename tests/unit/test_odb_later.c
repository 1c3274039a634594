/* Changes that wait: whatever the engine, they have run in their order when anybody looks, and a
 * failure of one is the transaction's. Every case runs on both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/odb_world.h"

#define SET "INSERT INTO setting (org_id, name, value) VALUES (?1, ?2, ?3)"
#define ADD                                                                                        \
    "INSERT INTO counter (org_id, name, last) VALUES (?1, ?2, 1) ON CONFLICT (org_id, name) DO "   \
    "UPDATE SET last = counter.last * 2"
#define LAST "SELECT last FROM counter WHERE org_id = ?1 AND name = ?2"
#define COUNT_SET "SELECT COUNT(*) FROM setting WHERE org_id = ?1 AND value = 'v'"

static const struct odb_wanted one = { 1, GF_E_RANGE, "here", "there is none" };

static void later(struct odb *db, const char *name)
{
    assert_int_equal(odb_later(db, &one, SET, ODB(ODB_T(name), ODB_T("v"))), 0);
}

static void many_later(struct odb *db, size_t n)
{
    char name[16];

    for (size_t i = 0; i < n; i++) {
        (void)snprintf(name, sizeof name, "r%06zu", i);
        later(db, name);
    }
}

/* One of three statements that look, or the commit. */
static int look(struct odb *db, unsigned how)
{
    int64_t n = 0;

    if (how == 0)
        return odb_number(db, &n, COUNT_SET, ODB_NONE);
    if (how == 1)
        return odb_exec(db, ADD, ODB(ODB_T("looks")));
    return how == 2 ? odb_settle(db) : odb_commit(db);
}

static void each_is_seen_by_the_next(void **state)
{
    struct odb_world *w = *state;
    int64_t n = 0;

    assert_int_equal(odb_begin(w->db), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(odb_later(w->db, &one, ADD, ODB(ODB_T("a"))), 0);
    assert_int_equal(odb_number(w->db, &n, LAST, ODB(ODB_T("a"))), 1);
    assert_true(n == INT64_C(1) << 39);
    later(w->db, "x");
    assert_int_equal(odb_exec(w->db, "UPDATE setting SET value = 'w' WHERE org_id = ?1 AND name = ?2",
                              ODB(ODB_T("x"))),
                     1);
    later(w->db, "y");
    assert_int_equal(odb_commit(w->db), 0);
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 1);
}

/* More than any engine keeps waiting, small ones and large ones. */
static void very_many(void **state)
{
    struct odb_world *w = *state;
    char *large = malloc(100001);

    assert_non_null(large);
    memset(large, 'x', 100000);
    large[100000] = '\0';
    assert_int_equal(odb_begin(w->db), 0);
    many_later(w->db, 1000);
    for (int i = 0; i < 100; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "l%d", i);
        assert_int_equal(odb_later(w->db, NULL, SET, ODB(ODB_T(name), ODB_T(large))), 0);
    }
    assert_int_equal(odb_commit(w->db), 0);
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 1000);
    assert_int_equal(odb_world_number(w->db,
                                      "SELECT COUNT(*) FROM setting WHERE org_id = ?1 AND value = "
                                      "?2",
                                      ODB(ODB_T(large))),
                     100);
    free(large);
}

static void within_a_query(void **state)
{
    struct odb_world *w = *state;
    struct odb_query *q;
    char name[16];
    int n = 0;

    assert_int_equal(odb_begin(w->db), 0);
    many_later(w->db, 1200); /* more than a cursor fetches at once */
    q = odb_query(w->db, "SELECT name FROM setting WHERE org_id = ?1 AND value = 'v' ORDER BY name",
                  ODB_NONE);
    while (odb_next(w->db, q) == 1) {
        odb_text(q, 0, name, sizeof name);
        assert_int_equal(odb_later(w->db, NULL, ADD, ODB(ODB_T(name))), 0);
        n++;
    }
    odb_end(q);
    assert_int_equal(n, 1200);
    assert_int_equal(odb_commit(w->db), 0);
    assert_int_equal(odb_world_number(w->db, "SELECT COUNT(*) FROM counter WHERE org_id = ?1 AND "
                                             "last = 1 AND name LIKE 'r%'",
                                      ODB_NONE),
                     1200);
}

/* Told at once, or to whoever looks first; the engine's words stay; nothing is stored. */
static void a_failure_is_the_transactions(void **state)
{
    struct odb_world *w = *state;
    struct gf_fail why = { 0 };

    for (unsigned how = 0; how < 4; how++) {
        assert_int_equal(odb_begin(w->db), 0);
        later(w->db, "a");
        int told = odb_later(w->db, &one, SET, ODB(ODB_T("a"), ODB_T("again")));
        (void)odb_later(w->db, &one, SET, ODB(ODB_T("b"), ODB_T("v")));
        told = told == 0 ? look(w->db, how) : told;
        assert_int_equal(told, GF_E_STORE);
        assert_int_equal(odb_commit(w->db), GF_E_STORE);
        assert_int_equal(odb_fail(w->db, &why), GF_E_STORE);
        assert_non_null(strstr(why.detail, w->is_pg ? "duplicate key" : "UNIQUE"));
        odb_rollback(w->db);
        assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 0);
    }
}

static void rows_that_are_wanted(void **state)
{
    struct odb_world *w = *state;
    struct gf_fail why;

    for (unsigned how = 0; how < 4; how++) {
        assert_int_equal(odb_begin(w->db), 0);
        later(w->db, "a");
        int told = odb_later(w->db, &one, SET " ON CONFLICT DO NOTHING",
                             ODB(ODB_T("a"), ODB_T("v")));
        (void)odb_later(w->db, &one, SET, ODB(ODB_T("b"), ODB_T("v")));
        told = told == 0 ? look(w->db, how) : told;
        assert_int_equal(told, GF_E_RANGE);
        assert_int_equal(odb_commit(w->db), GF_E_RANGE);
        why = (struct gf_fail){ 0 };
        assert_int_equal(odb_fail(w->db, &why), GF_E_RANGE);
        assert_string_equal(why.where, "here");
        assert_string_equal(why.detail, "there is none");
        odb_rollback(w->db);
        assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 0);
    }
    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_later(w->db, NULL, "DELETE FROM setting WHERE org_id = ?1 AND value = 'v'",
                               ODB_NONE),
                     0);
    assert_int_equal(odb_commit(w->db), 0);
}

static void rolled_back_while_it_waits(void **state)
{
    struct odb_world *w = *state;

    for (size_t n = 0; n < 130; n += 43) {
        assert_int_equal(odb_begin(w->db), 0);
        many_later(w->db, n);
        odb_rollback(w->db);
        assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 0);
    }
}

static void it_needs_a_transaction(void **state)
{
    struct odb_world *w = *state;

    assert_int_equal(odb_later(w->db, NULL, SET, ODB(ODB_T("a"), ODB_T("v"))), GF_E_BUG);
    assert_int_equal(odb_begin_reading(w->db), 0);
    assert_int_equal(odb_later(w->db, NULL, SET, ODB(ODB_T("a"), ODB_T("v"))), GF_E_BUG);
    odb_rollback(w->db);
    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_later(w->db, NULL, SET, ODB(ODB_T("a"), ODB_T("\xff"))), GF_E_FORMAT);
    assert_int_equal(odb_commit(w->db), GF_E_FORMAT);
    odb_rollback(w->db);
}

/* The server ends the connection while changes wait: wanted again, and then they are there. */
static void a_connection_that_is_lost(void **state)
{
    struct odb_world *w = *state;
    int64_t pid = 0, n = 0;

    for (unsigned how = 0; how < 4; how++) {
        assert_int_equal(odb_begin(w->db), 0);
        assert_int_equal(odb_number(w->db, &pid, "SELECT pg_backend_pid()", ODB_NONE), 1);
        many_later(w->db, 10);
        assert_int_equal(odb_number(odb_world_second(w), &n,
                                    "SELECT CASE WHEN pg_terminate_backend(CAST(?2 AS int), 5000) "
                                    "THEN 1 ELSE 0 END",
                                    ODB(ODB_I(pid))),
                         1);
        assert_int_equal(n, 1);
        assert_int_equal(look(w->db, how), GF_E_AGAIN);
        odb_rollback(w->db);
        assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 0);
    }
    assert_int_equal(odb_begin(w->db), 0);
    many_later(w->db, 10);
    assert_int_equal(odb_commit(w->db), 0);
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 10);
}

/* Two that change the same row: the second is told to begin again by whatever it does next. */
static int change_it(struct office *o, void *ctx)
{
    struct odb_world *w = ctx;
    int64_t n = 0;

    if (odb_number(o->db, &n, LAST, ODB(ODB_T("shared"))) < 0)
        return ho_db_fail(o);
    if (w->now_ms == 0) { /* the first time only: another comes between */
        w->now_ms = 1;
        odb_world_do(odb_world_second(w), ADD, ODB(ODB_T("shared")));
    }
    return odb_later(o->db, &one, "UPDATE counter SET last = ?3 WHERE org_id = ?1 AND name = ?2",
                     ODB(ODB_T("shared"), ODB_I(n + 1)));
}

static void a_conflict_is_run_again(void **state)
{
    struct odb_world *w = *state;

    odb_world_do(w->db, ADD, ODB(ODB_T("shared")));
    odb_world_do(w->db, ADD, ODB(ODB_T("shared")));
    w->now_ms = 0;
    assert_int_equal(ho_transaction(&w->o, change_it, w), 0);
    assert_int_equal(odb_world_number(w->db, LAST, ODB(ODB_T("shared"))), 5); /* (1 * 2 * 2) + 1 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ODB_ON_BOTH(each_is_seen_by_the_next),
        ODB_ON_BOTH(very_many),
        ODB_ON_BOTH(within_a_query),
        ODB_ON_BOTH(a_failure_is_the_transactions),
        ODB_ON_BOTH(rows_that_are_wanted),
        ODB_ON_BOTH(rolled_back_while_it_waits),
        ODB_ON_BOTH(it_needs_a_transaction),
        ODB_ON_PG(a_connection_that_is_lost),
        ODB_ON_PG(a_conflict_is_run_again),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
