/* Head office's database does the same on SQLite and on PostgreSQL: every case runs on both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/aid/odb_world.h"

#define SET "INSERT INTO setting (org_id, name, value) VALUES (?1, ?2, ?3)"
#define GET "SELECT value FROM setting WHERE org_id = ?1 AND name = ?2"
#define COUNT_SET "SELECT COUNT(*) FROM setting WHERE org_id = ?1 AND name NOT LIKE 'schema %'"
#define ADD_STAFF                                                                                  \
    "INSERT INTO staff (org_id, staff_no, name, role, added_at_ms) VALUES (?1, ?2, 'A', "          \
    "'technician', 1)"
#define CODE                                                                                       \
    "INSERT INTO enrol_code (org_id, code_hash, staff_no, made_at_ms, expires_at_ms, "             \
    "used_at_ms, csr_hash) VALUES (?1, ?2, 'S1', 1, 2, ?3, ?4)"

static void get(struct odb *db, const char *name, char *ret, size_t cap)
{
    struct odb_query *q = odb_query(db, GET, ODB(ODB_T(name)));

    assert_int_equal(odb_next(db, q), 1);
    odb_text(q, 0, ret, cap);
    assert_int_equal(odb_next(db, q), 0);
    odb_end(q);
}

/* ---- values ---- */

static void numbers_to_their_ends(void **state)
{
    struct odb_world *w = *state;
    static const int64_t values[] = { 0, 1, -1, 255, 256, -256, INT32_MAX, INT32_MIN,
                                      INT64_MAX, INT64_MIN };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        odb_world_do(w->db,
                     "INSERT INTO counter (org_id, name, last) VALUES (?1, 'n', ?2) ON CONFLICT "
                     "(org_id, name) DO UPDATE SET last = excluded.last",
                     ODB(ODB_I(values[i])));
        assert_true(odb_world_number(w->db,
                                     "SELECT last FROM counter WHERE org_id = ?1 AND last = ?2",
                                     ODB(ODB_I(values[i])))
                    == values[i]);
    }
    assert_int_equal(odb_world_number(w->db, "SELECT CAST(?2 AS BIGINT) + 1", ODB(ODB_I(41))), 42);
    assert_int_equal(odb_world_number(w->db, "SELECT 7", ODB_NONE), 7);
    assert_int_equal(odb_world_number(w->db, "SELECT CASE WHEN 1 = 1 THEN -3 ELSE 4 END", ODB_NONE),
                     -3);
    assert_int_equal(
        odb_world_number(w->db,
                         "SELECT CAST(COALESCE(SUM(last), 0) AS BIGINT) FROM counter WHERE "
                         "org_id = ?1 AND name = ?2",
                         ODB(ODB_T("none"))),
        0);
}

static void texts_are_data(void **state)
{
    struct odb_world *w = *state;
    static const char *const texts[] = {
        "", "'", "\"", "\\", "';DROP TABLE setting;--", "?1 ?2 $1", "%s%n", "a\nb\tc", "öÖ漢字🔥",
        "\xef\xbf\xbf", "\\x00", "\\000", "E'\\''", "NULL", "$$x$$", "/* */ --",
    };
    char name[16], got[64];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        (void)snprintf(name, sizeof name, "t%zu", i);
        odb_world_do(w->db, SET, ODB(ODB_T(name), ODB_T(texts[i])));
        get(w->db, name, got, sizeof got);
        assert_string_equal(got, texts[i]);
        odb_world_do(w->db, "DELETE FROM setting WHERE org_id = ?1 AND value = ?2",
                     ODB(ODB_T(texts[i])));
        assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 0);
    }
    odb_world_do(w->db, "INSERT INTO setting (org_id, name, value) VALUES (?1, 'what?2', ?2)",
                 ODB(ODB_T("in quotes")));
    get(w->db, "what?2", got, 4);
    assert_string_equal(got, "in ");
}

static void bad_texts_are_refused(void **state)
{
    struct odb_world *w = *state;
    static const char *const bad[] = { "\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                       "\xe2\x82", "\x80" };
    struct odb_value nul = { .type = ODB_TEXT, .p = "a\0b", .n = 3 };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(odb_begin(w->db), 0);
        assert_int_equal(odb_exec(w->db, SET, ODB(ODB_T("bad"), ODB_T(bad[i]))), GF_E_FORMAT);
        odb_rollback(w->db);
    }
    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_exec(w->db, SET, ODB(ODB_T("bad"), nul)), GF_E_FORMAT);
    assert_int_equal(odb_commit(w->db), GF_E_FORMAT);
    odb_rollback(w->db);
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 0);
}

static void nulls_of_every_type(void **state)
{
    struct odb_world *w = *state;
    static const struct odb_value none = { .type = ODB_NULL };
    const struct odb_value values[][2] = {
        { none, none },
        { ODB_I(5), ODB_B("ab", 2) },
        { none, ODB_B("", 0) },
        { ODB_I(0), none },
        { none, ODB_B(NULL, 9) },
    };

    odb_world_do(w->db, ADD_STAFF, ODB(ODB_T("S1")));
    for (uint8_t i = 0; i < 5; i++)
        odb_world_do(w->db, CODE, ODB(ODB_B(&i, 1), values[i][0], values[i][1]));

    struct odb_query *q = odb_query(w->db,
                                    "SELECT used_at_ms, csr_hash FROM enrol_code WHERE org_id = ?1 "
                                    "ORDER BY code_hash",
                                    ODB_NONE);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(odb_next(w->db, q), 1);
        assert_int_equal(odb_is_null(q, 0), values[i][0].type == ODB_NULL);
        assert_int_equal(odb_int(q, 0), values[i][0].i);
        assert_int_equal(odb_is_null(q, 1), values[i][1].p == NULL);
        assert_int_equal(odb_bytes(q, 1).n, values[i][1].p != NULL ? values[i][1].n : 0);
        assert_int_equal(odb_get(q, 0).type, values[i][0].type);
        assert_int_equal(odb_get(q, 0).i, values[i][0].i);
        assert_int_equal(odb_get(q, 1).type, values[i][1].p != NULL ? ODB_BYTES : ODB_NULL);
        assert_int_equal(odb_get(q, 1).n, values[i][1].p != NULL ? values[i][1].n : 0);
    }
    assert_int_equal(odb_next(w->db, q), 0);
    odb_end(q);
    q = odb_query(w->db, "SELECT staff_no FROM staff WHERE org_id = ?1", ODB_NONE);
    assert_int_equal(odb_next(w->db, q), 1);
    assert_int_equal(odb_get(q, 0).type, ODB_TEXT);
    assert_int_equal(odb_get(q, 0).n, 2);
    assert_memory_equal(odb_get(q, 0).p, "S1", 2);
    odb_end(q);
    assert_int_equal(
        odb_world_number(w->db, "SELECT last FROM counter WHERE org_id = ?1", ODB_NONE), -1);
    assert_int_equal(odb_world_number(w->db, "SELECT CAST(NULL AS BIGINT)", ODB_NONE), -1);
}

static void a_mebibyte(void **state)
{
    struct odb_world *w = *state;
    size_t n = 1 << 20;
    uint8_t *bytes = malloc(n);

    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    odb_world_do(w->db, ADD_STAFF, ODB(ODB_T("S1")));
    odb_world_do(w->db, CODE, ODB(ODB_B("k", 1), ODB_I(1), ODB_B(bytes, n)));

    struct odb_query *q =
        odb_query(w->db, "SELECT csr_hash FROM enrol_code WHERE org_id = ?1 AND csr_hash = ?2",
                  ODB(ODB_B(bytes, n)));
    assert_int_equal(odb_next(w->db, q), 1);
    assert_int_equal(odb_bytes(q, 0).n, n);
    assert_memory_equal(odb_bytes(q, 0).p, bytes, n);
    odb_end(q);
    free(bytes);
}

/* ---- failures ---- */

static void broken(struct odb_world *w, const char *sql, const struct odb_value *values, size_t n,
                   const char *table)
{
    struct gf_fail why = { 0 };

    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_exec(w->db, sql, values, n), GF_E_STORE);
    assert_int_equal(odb_fail(w->db, &why), GF_E_STORE);
    if (strstr(why.detail, table) == NULL)
        fail_msg("the words do not name %s: %s", table, why.detail);
    assert_int_equal(odb_commit(w->db), GF_E_STORE); /* nothing of it can be kept */
    odb_rollback(w->db);
}

static void constraints_have_words(void **state)
{
    struct odb_world *w = *state;

    odb_world_do(w->db, ADD_STAFF, ODB(ODB_T("S1")));
    broken(w, ADD_STAFF, ODB(ODB_T("S1")), "staff");
    broken(w, "INSERT INTO provider (org_id, name, kind, made_at_ms) VALUES (?1, 'x', ?2, 1)",
           ODB(ODB_T("cash")), "kind");
    broken(w, "INSERT INTO setting (org_id, name, value) VALUES (?1, ?2, ?3)",
           ODB(ODB_T("n"), ODB_T(NULL)), "value");
    broken(w, "INSERT INTO no_such_table (org_id, name) VALUES (?1, ?2)", ODB(ODB_T("n")),
           "no_such_table");

    struct gf_fail why = { 0 };
    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_exec(w->db,
                              "INSERT INTO enrol_code (org_id, code_hash, staff_no, made_at_ms, "
                              "expires_at_ms) VALUES (?1, ?2, 'nobody', 1, 1)",
                              ODB(ODB_B("h", 1))),
                     GF_E_STORE);
    assert_int_equal(odb_fail(w->db, &why), GF_E_STORE);
    assert_non_null(strstr(why.detail, w->is_pg ? "foreign key" : "FOREIGN KEY"));
    odb_rollback(w->db);
    odb_world_do(w->db, ADD_STAFF, ODB(ODB_T("S2"))); /* and it goes on */
}

static void values_have_to_fit(void **state)
{
    struct odb_world *w = *state;

    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_exec(w->db, SET, ODB(ODB_T("one"))), GF_E_BUG);
    odb_rollback(w->db);
    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_exec(w->db, SET, ODB(ODB_T("a"), ODB_T("b"), ODB_T("c"))), GF_E_BUG);
    odb_rollback(w->db);
    assert_null(odb_query(w->db, "SELECT nothing FROM setting", ODB_NONE));
    assert_int_equal(odb_code(w->db), GF_E_STORE);
}

/* ---- transactions ---- */

static void a_change_needs_a_transaction(void **state)
{
    struct odb_world *w = *state;

    assert_int_equal(odb_exec(w->db, SET, ODB(ODB_T("a"), ODB_T("b"))), GF_E_BUG);
    assert_int_equal(odb_begin_reading(w->db), 0);
    assert_int_equal(odb_exec(w->db, SET, ODB(ODB_T("a"), ODB_T("b"))), GF_E_BUG);
    odb_rollback(w->db);
    assert_int_equal(odb_commit(w->db), GF_E_BUG);
    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_begin(w->db), GF_E_BUG);
    odb_rollback(w->db);
    odb_rollback(w->db);
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 0);
}

static void rollback_undoes_and_commit_stays(void **state)
{
    struct odb_world *w = *state;

    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_exec(w->db, SET, ODB(ODB_T("a"), ODB_T("1"))), 1);
    assert_int_equal(odb_exec(w->db, SET, ODB(ODB_T("b"), ODB_T("1"))), 1);
    assert_int_equal(odb_exec(w->db, "UPDATE setting SET value = ?2 WHERE org_id = ?1 AND value = '1'",
                              ODB(ODB_T("2"))),
                     2);
    assert_int_equal(odb_world_number(odb_world_second(w), COUNT_SET, ODB_NONE), 0);
    odb_rollback(w->db);
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 0);
    odb_world_do(w->db, SET, ODB(ODB_T("a"), ODB_T("1")));
    assert_int_equal(odb_world_number(odb_world_second(w), COUNT_SET, ODB_NONE), 1);
    odb_world_reopen(w, w->where);
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 1);
}

static void reading_sees_a_snapshot(void **state)
{
    struct odb_world *w = *state;
    struct odb *other = odb_world_second(w);

    odb_world_do(w->db, SET, ODB(ODB_T("a"), ODB_T("1")));
    assert_int_equal(odb_begin_reading(w->db), 0);
    odb_world_do(other, SET, ODB(ODB_T("b"), ODB_T("1"))); /* after the begin, before a look */
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 1);
    odb_world_do(other, SET, ODB(ODB_T("c"), ODB_T("1")));
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 1);
    odb_rollback(w->db);
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 3);
}

/* ---- rows ---- */

static void fill(struct odb *db, int n)
{
    char name[16];

    assert_int_equal(odb_begin(db), 0);
    for (int i = 0; i < n; i++) {
        (void)snprintf(name, sizeof name, "r%06d", i);
        assert_int_equal(odb_exec(db, SET, ODB(ODB_T(name), ODB_T("v"))), 1);
    }
    assert_int_equal(odb_commit(db), 0);
}

/* Rows of a query in order, each with a statement inside; within a transaction or not. */
static int walk(struct odb *db, bool looks_inside)
{
    struct odb_query *q = odb_query(db,
                                    "SELECT name, value FROM setting WHERE org_id = ?1 AND value = "
                                    "'v' ORDER BY name",
                                    ODB_NONE);
    char name[16], want[16], got[16];
    int n = 0, r;

    while ((r = odb_next(db, q)) == 1) {
        odb_text(q, 0, name, sizeof name);
        (void)snprintf(want, sizeof want, "r%06d", n++);
        assert_string_equal(name, want);
        if (looks_inside) {
            get(db, name, got, sizeof got);
            assert_string_equal(got, "v");
        }
    }
    assert_int_equal(r, 0);
    odb_end(q);
    return n;
}

static void statements_inside_a_query(void **state)
{
    struct odb_world *w = *state;
    static const int sizes[] = { 0, 1, 499, 500, 501, 1000, 1001, 1700 };
    int have = 0;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        odb_world_do(w->db, "DELETE FROM setting WHERE org_id = ?1 AND value = 'v'", ODB_NONE);
        fill(w->db, have = sizes[i]);
        assert_int_equal(walk(w->db, true), have);
        assert_int_equal(odb_begin_reading(w->db), 0);
        assert_int_equal(walk(w->db, true), have);
        assert_int_equal(walk(w->db, false), have);
        odb_rollback(w->db);
        assert_int_equal(odb_begin(w->db), 0);
        assert_int_equal(walk(w->db, true), have);
        assert_int_equal(odb_commit(w->db), 0);
    }
}

/* The same literal within itself, three deep, left early. */
static void a_query_within_itself(void **state)
{
    struct odb_world *w = *state;
    static const char sql[] = "SELECT name FROM setting WHERE org_id = ?1 AND value = ?2 ORDER BY name";
    struct odb_query *q[3];

    fill(w->db, 1200);
    for (int in_transaction = 0; in_transaction < 2; in_transaction++) {
        if (in_transaction)
            assert_int_equal(odb_begin_reading(w->db), 0);
        for (size_t i = 0; i < 3; i++) {
            q[i] = odb_query(w->db, sql, ODB(ODB_T("v")));
            for (size_t k = 0; k <= i * 600; k++)
                assert_int_equal(odb_next(w->db, q[i]), k < 1200 ? 1 : 0);
        }
        odb_end(q[1]);
        assert_int_equal(odb_next(w->db, q[0]), 1);
        odb_end(q[0]);
        odb_end(q[2]);
        odb_rollback(w->db);
    }
}

/* At most so far; 0 under AddressSanitizer, which keeps what is freed. */
static long resident_kb(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return 0;
#else
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
#endif
}

static void many_rows_in_little_memory(void **state)
{
    struct odb_world *w = *state;

    fill(w->db, 1000);
    /* 100,000 rows of 1 KB out of 1,000: 100 MB if they were kept */
    static const char sql[] =
        "SELECT a.name, b.name, CAST(?2 AS TEXT) FROM setting a JOIN setting b ON b.org_id = "
        "a.org_id WHERE a.org_id = ?1 AND a.name <= 'r000099' AND b.value = 'v' AND a.value = 'v'";
    char kilobyte[1025];
    int n = 0, r;

    memset(kilobyte, 'k', 1024);
    kilobyte[1024] = '\0';
    assert_int_equal(odb_begin_reading(w->db), 0);
    for (int pass = 0; pass < 2; pass++) {
        long before_kb = resident_kb();
        struct odb_query *q = odb_query(w->db, sql, ODB(ODB_T(kilobyte)));

        for (n = 0; (r = odb_next(w->db, q)) == 1; n++)
            assert_int_equal(odb_text_span(q, 2).n, 1024);
        assert_int_equal(r, 0);
        odb_end(q);
        assert_int_equal(n, 100000);
        assert_true(resident_kb() - before_kb < 20000);
    }
    odb_rollback(w->db);
}

/* ---- conflicts ---- */

struct conflict {
    struct odb_world *w;
    int runs, conflicts;
    const char *mine;
};

/* Read both, write one: two of these at once must not both see the other's old value. */
static int skewed(struct office *o, void *ctx)
{
    struct conflict *c = ctx;
    int64_t sum = 0;

    c->runs++;
    if (odb_number(o->db, &sum,
                   "SELECT CAST(SUM(last) AS BIGINT) FROM counter WHERE org_id = ?1", ODB_NONE)
        < 0)
        return ho_db_fail(o);
    if (c->conflicts > 0 && c->w->is_pg) {
        c->conflicts--;
        odb_world_do(odb_world_second(c->w),
                     "UPDATE counter SET last = last + 1 WHERE org_id = ?1 AND name = ?2",
                     ODB(ODB_T("a")));
    }
    if (odb_exec(o->db, "UPDATE counter SET last = ?3 WHERE org_id = ?1 AND name = ?2",
                 ODB(ODB_T(c->mine), ODB_I(sum)))
        < 0)
        return ho_fail(o, GF_E_NOT_NOW, "body", "makes something else of it");
    return 5;
}

static void conflicts_are_run_again(void **state)
{
    struct odb_world *w = *state;

    odb_world_do(w->db, "INSERT INTO counter (org_id, name, last) VALUES (?1, 'a', 10)", ODB_NONE);
    for (int n = 0; n < 4; n++) {
        struct conflict c = { .w = w, .conflicts = n, .mine = "a" };

        assert_int_equal(ho_transaction(&w->o, skewed, &c), 5);
        assert_int_equal(w->o.fail.code, 0);
        assert_int_equal(c.runs, w->is_pg ? n + 1 : 1);
    }
    assert_int_equal(odb_world_number(w->db, "SELECT last FROM counter WHERE org_id = ?1", ODB_NONE),
                     w->is_pg ? 16 : 10);

    struct conflict always = { .w = w, .conflicts = 1000, .mine = "a" };
    if (w->is_pg) { /* it has an end */
        assert_int_equal(ho_transaction(&w->o, skewed, &always), GF_E_NOT_NOW);
        assert_int_equal(always.runs, 12);
        w->o.fail = (struct gf_fail){ 0 };
    }
}

static int refuse(struct office *o, void *ctx)
{
    ++*(int *)ctx;
    if (odb_exec(o->db, SET, ODB(ODB_T("x"), ODB_T("y"))) < 0)
        return ho_db_fail(o);
    return ho_fail(o, GF_E_RANGE, "field", "too much");
}

static int within(struct office *o, void *ctx)
{
    return ho_transaction(o, refuse, ctx);
}

static void a_refusal_is_final(void **state)
{
    struct odb_world *w = *state;
    int runs = 0;

    assert_int_equal(ho_transaction(&w->o, refuse, &runs), GF_E_RANGE);
    assert_string_equal(w->o.fail.detail, "too much");
    assert_int_equal(runs, 1);
    assert_int_equal(odb_world_number(w->db, COUNT_SET, ODB_NONE), 0);
    w->o.fail = (struct gf_fail){ 0 };
    assert_int_equal(ho_transaction(&w->o, within, &runs), GF_E_BUG);
    assert_int_equal(runs, 1);
    assert_false(odb_is_open(w->db));
}

/* Two writers that read what the other writes: one of them is run again. */
static void write_skew_is_seen(void **state)
{
    struct odb_world *w = *state;
    struct odb *other;
    int64_t n;
    static const char sum[] = "SELECT COUNT(*) FROM counter WHERE org_id = ?1 AND last = 1";
    static const char add[] = "INSERT INTO counter (org_id, name, last) VALUES (?1, ?2, 1)";

    if (!w->is_pg)
        return; /* it has one writer at a time: the begin waits */
    other = odb_world_second(w);
    assert_int_equal(odb_begin(w->db), 0);
    assert_int_equal(odb_begin(other), 0);
    assert_int_equal(odb_number(w->db, &n, sum, ODB_NONE), 1);
    assert_int_equal(odb_number(other, &n, sum, ODB_NONE), 1);
    assert_int_equal(odb_exec(w->db, add, ODB(ODB_T("a"))), 1);
    assert_int_equal(odb_exec(other, add, ODB(ODB_T("b"))), 1);

    int first = odb_commit(w->db), second = odb_commit(other);
    assert_true((first == 0 && second == GF_E_AGAIN) || (first == GF_E_AGAIN && second == 0));
    odb_rollback(w->db);
    odb_rollback(other);
}

static void texts_sort_by_bytes(void **state)
{
    struct odb_world *w = *state;
    static const char *const sorted[] = { "A", "B", "_", "a", "a b", "ab", "ä" };
    char name[16];

    for (size_t i = sizeof sorted / sizeof sorted[0]; i > 0; i--)
        odb_world_do(w->db, SET, ODB(ODB_T(sorted[i - 1]), ODB_T("s")));

    struct odb_query *q = odb_query(
        w->db, "SELECT name FROM setting WHERE org_id = ?1 AND value = 's' ORDER BY name", ODB_NONE);
    for (size_t i = 0; i < sizeof sorted / sizeof sorted[0]; i++) {
        assert_int_equal(odb_next(w->db, q), 1);
        odb_text(q, 0, name, sizeof name);
        assert_string_equal(name, sorted[i]);
    }
    odb_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ODB_ON_BOTH(numbers_to_their_ends),   ODB_ON_BOTH(texts_are_data),
        ODB_ON_BOTH(bad_texts_are_refused),   ODB_ON_BOTH(nulls_of_every_type),
        ODB_ON_BOTH(a_mebibyte),              ODB_ON_BOTH(constraints_have_words),
        ODB_ON_BOTH(values_have_to_fit),      ODB_ON_BOTH(a_change_needs_a_transaction),
        ODB_ON_BOTH(rollback_undoes_and_commit_stays),
        ODB_ON_BOTH(reading_sees_a_snapshot), ODB_ON_BOTH(statements_inside_a_query),
        ODB_ON_BOTH(a_query_within_itself),   ODB_ON_BOTH(many_rows_in_little_memory),
        ODB_ON_BOTH(conflicts_are_run_again), ODB_ON_BOTH(a_refusal_is_final),
        ODB_ON_BOTH(write_skew_is_seen),      ODB_ON_BOTH(texts_sort_by_bytes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
