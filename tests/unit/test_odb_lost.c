/* Connections to PostgreSQL that are lost at any point, COMMIT too: each change happens once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/odb_world.h"
#include "tests/aid/pg_proxy.h"

#define RESULT 7
#define KILL_ALL                                                                                   \
    "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name "  \
    "= 'gasoffice' AND datname = current_database()"

enum phase { BEFORE_BEGIN, FIRST, BETWEEN, IN_A_QUERY, LAST, PHASES };

struct work {
    struct odb_world *w;
    int runs;
    enum phase kill_in; /* of the first run; PHASES: never */
    bool crash;         /* the server, not only the session */
};

static void strike(struct work *k, enum phase phase)
{
    if (k->runs > 1 || phase != k->kill_in)
        return;
    if (k->crash)
        pg_crash();
    else
        (void)pg_number(k->w->where, KILL_ALL);
}

/* A change with everything in it: adds 1, looks at 600 rows, writes a row that only fits once. */
static int work_body(struct office *o, void *ctx)
{
    struct work *k = ctx;
    int r;

    k->runs++;
    strike(k, FIRST);
    if (odb_exec(o->db, "UPDATE counter SET last = last + 1 WHERE org_id = ?1 AND name = 'n'",
                 ODB_NONE)
        < 0)
        return ho_db_fail(o);
    strike(k, BETWEEN);

    struct odb_query *q = odb_query(
        o->db, "SELECT name FROM setting WHERE org_id = ?1 AND value = 'v' ORDER BY name", ODB_NONE);
    for (int i = 0; (r = odb_next(o->db, q)) == 1; i++)
        if (i == 100)
            strike(k, IN_A_QUERY);
    odb_end(q);
    if (r < 0)
        return ho_fail(o, GF_E_BUG, "rows", "made something else of a lost connection");
    if (odb_exec(o->db,
                 "INSERT INTO counter (org_id, name, last) SELECT ?1, 'once ' || CAST(last AS TEXT)"
                 ", 1 FROM counter WHERE org_id = ?1 AND name = 'n'",
                 ODB_NONE)
        < 0)
        return ho_db_fail(o);
    strike(k, LAST);
    return RESULT;
}

static void prepare(struct odb_world *w)
{
    char name[16];

    assert_int_equal(odb_begin(w->db), 0);
    for (int i = 0; i < 1200; i++) {
        (void)snprintf(name, sizeof name, "r%d", i);
        assert_int_equal(
            odb_exec(w->db, "INSERT INTO setting (org_id, name, value) VALUES (?1, ?2, 'v')",
                     ODB(ODB_T(name))),
            1);
    }
    assert_int_equal(odb_exec(w->db,
                              "INSERT INTO counter (org_id, name, last) VALUES (?1, 'n', 0)",
                              ODB_NONE),
                     1);
    assert_int_equal(odb_commit(w->db), 0);
}

/* It was done n times in all, by the server's own account. */
static void expect_done(struct odb_world *w, int64_t n)
{
    assert_int_equal(pg_number(w->where, "SELECT last FROM counter WHERE name = 'n'"), n);
    assert_int_equal(pg_number(w->where, "SELECT COUNT(*) FROM counter WHERE name LIKE 'once%'"),
                     n);
}

static void run(struct odb_world *w, struct work *k)
{
    int r = ho_transaction(&w->o, work_body, k);

    if (r != RESULT)
        fail_msg("%d in phase %d, run %d: %s", r, (int)k->kill_in, k->runs, w->o.fail.detail);
    assert_int_equal(w->o.fail.code, 0);
}

static void killed_in_every_phase(void **state)
{
    struct odb_world *w = *state;
    int64_t done = 0;

    prepare(w);
    for (int phase = 0; phase < PHASES; phase++)
        for (int again = 0; again < 2; again++) { /* before and after its cursors are known */
            struct work k = { .w = w, .kill_in = (enum phase)phase };

            strike(&k, BEFORE_BEGIN);
            run(w, &k);
            assert_true(k.runs <= 2);
            expect_done(w, ++done);
        }
}

static void the_server_fails_in_every_phase(void **state)
{
    struct odb_world *w = *state;
    int64_t done = 0;

    prepare(w);
    for (int phase = 0; phase < PHASES; phase++) {
        struct work k = { .w = w, .kill_in = (enum phase)phase, .crash = true };

        strike(&k, BEFORE_BEGIN);
        run(w, &k);
        expect_done(w, ++done);
    }
}

static void a_look_outside_of_a_transaction(void **state)
{
    struct odb_world *w = *state;

    prepare(w);
    for (int i = 0; i < 3; i++) {
        (void)pg_number(w->where, KILL_ALL);
        assert_int_equal(odb_world_number(w->db,
                                          "SELECT last FROM counter WHERE org_id = ?1", ODB_NONE),
                         0);
    }
    /* in a reading transaction it cannot go on */
    int64_t n;
    assert_int_equal(odb_begin_reading(w->db), 0);
    (void)pg_number(w->where, KILL_ALL);
    assert_int_equal(odb_number(w->db, &n, "SELECT last FROM counter WHERE org_id = ?1", ODB_NONE),
                     GF_E_AGAIN);
    odb_rollback(w->db);
    assert_int_equal(odb_begin_reading(w->db), 0);
    odb_rollback(w->db);
}

/* ---- at COMMIT ---- */

static void commit_is_lost(void **state)
{
    static const struct {
        enum pg_cut cut;
        int runs;
    } cases[] = {
        { PG_CUT_BEFORE_COMMIT, 2 }, { PG_CUT_AFTER_COMMIT, 1 }, { PG_HOLD_LOST, 2 },
        { PG_HOLD_COMMITTED, 1 },    { PG_PASS, 1 },
    };
    struct odb_world *w = *state;
    char through[PG_URL_MAX];
    const char *socket;
    struct pg_proxy *p = pg_proxy_new(&socket);

    prepare(w);
    pg_url_through(w->where, socket, through);
    odb_world_reopen(w, through);
    for (int i = 0; i < 10; i++) {
        struct work k = { .w = w, .kill_in = PHASES };

        pg_proxy_cut(p, cases[i % 5].cut, 0);
        run(w, &k);
        assert_true(pg_proxy_has_cut(p));
        assert_int_equal(k.runs, cases[i % 5].runs);
        expect_done(w, i + 1);
    }
    w->db = odb_close(w->db);
    pg_proxy_free(p);
}

/* The wire is cut at every message of a transaction that goes again. */
static void cut_at_every_message(void **state)
{
    struct odb_world *w = *state;
    char through[PG_URL_MAX];
    const char *socket;
    struct pg_proxy *p = pg_proxy_new(&socket);
    unsigned at = 0;

    prepare(w);
    pg_url_through(w->where, socket, through);
    odb_world_reopen(w, through);
    for (;; at++) {
        struct work k = { .w = w, .kill_in = PHASES };

        pg_proxy_cut(p, PG_CUT_AT_MESSAGE, at);
        run(w, &k);
        expect_done(w, at + 1);
        if (!pg_proxy_has_cut(p))
            break;
    }
    assert_true(at > 20);
    w->db = odb_close(w->db);
    pg_proxy_free(p);
}

/* Without a server: said so, nothing is done; nobody can tell what became of a lost commit. */
static void nobody_answers(void **state)
{
    struct odb_world *w = *state;
    char through[PG_URL_MAX];
    const char *socket;
    struct pg_proxy *p = pg_proxy_new(&socket);
    struct gf_fail why = { 0 };
    struct odb *db = NULL;
    struct work k = { .w = w, .kill_in = PHASES };

    pg_url_through(w->where, socket, through);
    odb_world_reopen(w, through);
    pg_proxy_free(p);
    assert_int_equal(ho_transaction(&w->o, work_body, &k), GF_E_STORE_AWAY);
    assert_int_equal(k.runs, 0);
    assert_int_equal(odb_open(through, false, &db, &why), GF_E_STORE_AWAY);
    assert_null(db);
}

static int serves_no_more(struct office *o, void *ctx)
{
    struct pg_proxy **p = ctx;
    int r = odb_exec(o->db, "INSERT INTO counter (org_id, name, last) VALUES (?1, 'n', 1)",
                     ODB_NONE);

    pg_proxy_free(*p);
    *p = NULL;
    return r < 0 ? ho_db_fail(o) : RESULT;
}

static void nobody_can_tell(void **state)
{
    struct odb_world *w = *state;
    char through[PG_URL_MAX];
    const char *socket;
    struct pg_proxy *p = pg_proxy_new(&socket);

    pg_url_through(w->where, socket, through);
    odb_world_reopen(w, through);
    assert_int_equal(ho_transaction(&w->o, serves_no_more, &p), GF_E_STORE_UNSURE);
    assert_int_equal(w->o.fail.code, GF_E_STORE_UNSURE);
    assert_int_equal(pg_number(w->where, "SELECT COUNT(*) FROM counter"), 0);
}

/* ---- marks ---- */

static void old_marks_go(void **state)
{
    struct odb_world *w = *state;
    uint8_t mark[16] = { 0 };

    for (int i = 0; i < 12; i++) {
        mark[0] = (uint8_t)i;
        assert_int_equal(odb_begin_marked(w->db, mark, 1000 + i), 0);
        assert_int_equal(odb_commit(w->db), 0);
        assert_int_equal(odb_begin_marked(w->db, mark, 5), w->is_pg ? 1 : 0);
        odb_rollback(w->db);
    }
    if (!w->is_pg) {
        assert_int_equal(odb_prune_marks(w->db, INT64_MAX), 0);
        assert_int_equal(odb_world_number(w->db, "SELECT COUNT(*) FROM transaction_mark WHERE "
                                                 "org_id = ?1", ODB_NONE), 0);
        return;
    }
    assert_true(odb_prune_marks(w->db, 1004) >= 0);
    assert_int_equal(pg_number(w->where, "SELECT MIN(at_ms) FROM transaction_mark"), 1004);
    assert_int_equal(pg_number(w->where, "SELECT COUNT(*) FROM transaction_mark"), 8);
    pg_sql(w->where, "INSERT INTO transaction_mark SELECT 1, decode(to_hex(1048576 + i), 'hex'), 1 "
                     "FROM generate_series(1, 1200) i");
    assert_true(odb_prune_marks(w->db, 1004) >= 0); /* some at a time */
    assert_int_equal(pg_number(w->where, "SELECT COUNT(*) FROM transaction_mark"), 708);
    /* in passing */
    struct work k = { .w = w, .kill_in = PHASES };
    prepare(w);
    w->now_ms = INT64_C(1795339800000);
    for (int i = 0; i < 1000 && pg_number(w->where, "SELECT COUNT(*) FROM transaction_mark WHERE "
                                                    "at_ms < 2000") > 0; i++)
        run(w, &k);
    assert_int_equal(pg_number(w->where, "SELECT COUNT(*) FROM transaction_mark WHERE at_ms < 2000"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ODB_ON_PG(killed_in_every_phase),   ODB_ON_PG(the_server_fails_in_every_phase),
        ODB_ON_PG(a_look_outside_of_a_transaction),
        ODB_ON_PG(commit_is_lost),          ODB_ON_PG(cut_at_every_message),
        ODB_ON_PG(nobody_answers),          ODB_ON_PG(nobody_can_tell),
        ODB_ON_BOTH(old_marks_go),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
