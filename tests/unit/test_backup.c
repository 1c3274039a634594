/* A backup is one moment of the whole database; it comes back row for row on either engine. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "backend/odb_backup.h"
#include "backend/odb_tables.h"
#include "tests/aid/odb_world.h"
#include "tests/aid/proc.h"

/* A name in the test's folder; kept until the process ends. */
static const char *path_of(const char *name)
{
    static struct path {
        struct path *next;
        char text[700];
    } *all;
    struct path *p = all;

    while (p != NULL && strcmp(strrchr(p->text, '/') + 1, name) != 0)
        p = p->next;
    if (p == NULL) {
        p = malloc(sizeof *p);
        assert_non_null(p);
        (void)snprintf(p->text, sizeof p->text, "%s/%s", aid_tmpdir(), name);
        p->next = all;
        all = p;
    }
    return p->text;
}

static void raw_do(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *error = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    (void)sqlite3_close(db);
}

/* The manifest as text, its tables in order. */
static void manifest_of(const char *path, char ret[static 8192])
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    size_t n = 0;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT name || ' ' || n || ' ' || hex(sha256) FROM "
                                        "backup_manifest ORDER BY name",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        n += (size_t)snprintf(ret + n, 8192 - n, "%s\n", (const char *)sqlite3_column_text(stmt, 0));
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    assert_true(n > 0 && n < 8191);
}

/* A row in every table, made by its description: numbers, texts and bytes with everything in them. */
static void fill_every_table(struct odb *db)
{
    static const char *const texts[] = { "a'b\"c\\", "Größe 漢字", "", "line\nline" };
    static struct buf sql[96]; /* for good: statements are kept by their address */

    assert_int_equal(odb_begin(db), 0);
    for (size_t t = 0; t < odb_n_tables; t++) {
        const struct odb_table *table = &odb_tables[t];
        struct odb_value values[64];

        buf_clear(&sql[t]);
        buf_print(&sql[t], "INSERT INTO %s (org_id", table->name);
        for (size_t i = 0; i < table->n_columns; i++)
            buf_print(&sql[t], ", %s", table->columns[i].name);
        buf_text(&sql[t], ") VALUES (?1");
        for (size_t i = 0; i < table->n_columns; i++)
            buf_print(&sql[t], ", ?%zu", i + 2);
        buf_add(&sql[t], ")", 2);
        for (int row = 0; row < 2; row++) {
            char words[64][32];

            for (size_t i = 0; i < table->n_columns; i++) {
                const struct odb_column *c = &table->columns[i];
                bool is_key = strstr(table->key, c->name) != NULL;
                /* what refers is the same value everywhere: columns of one name agree */
                bool refers = false;
                for (size_t k = 0; k < ODB_LISTS_MAX && table->refers[k] != NULL; k++)
                    refers = refers || strstr(table->refers[k], c->name) != NULL;
                if (c->words != NULL) {
                    (void)snprintf(words[i], 32, "%.*s", (int)strcspn(c->words, "|"), c->words);
                    values[i] = ODB_T(words[i]);
                } else if (c->may_be_null && (refers || row == 1)) {
                    values[i] = (struct odb_value){ .type = ODB_NULL };
                } else if (c->type == ODB_COL_INT) {
                    values[i] = ODB_I(refers || is_key ? 7 + row
                                      : row == 0       ? INT64_MIN + (int64_t)i
                                                       : INT64_MAX - (int64_t)i);
                } else if (c->type == ODB_COL_TEXT) {
                    (void)snprintf(words[i], 32, "%s%d", refers || is_key ? "k" : texts[i % 4],
                                   row);
                    values[i] = ODB_T(words[i]);
                } else {
                    (void)snprintf(words[i], 32, "b%d%c%c", row, 0, 255);
                    values[i] = ODB_B(words[i], refers || is_key ? 2 : 4);
                }
            }
            if (odb_exec(db, (const char *)sql[t].p, values, table->n_columns) != 1) {
                struct gf_fail why = { 0 };

                (void)odb_fail(db, &why);
                fail_msg("%s: %s", table->name, why.detail);
            }
        }
    }
    assert_int_equal(odb_commit(db), 0);
}

static int restore_into(struct odb *db, const char *path, struct gf_fail *why)
{
    struct odb_backup_watch watch = { 0 };
    int r = odb_begin(db);

    if (r == 0)
        r = odb_restore(db, path, &watch, why);
    if (r == 0)
        r = odb_commit(db);
    odb_rollback(db);
    return r;
}

static int back_up(struct odb *db, const char *path)
{
    struct odb_backup_watch watch = { 0 };
    struct gf_fail why = { 0 };
    int r = odb_backup(db, path, &watch, &why);

    if (r != 0 && r != GF_E_NOT_NOW)
        fail_msg("%s: %s", why.where, why.detail);
    return r;
}

/* Where a fresh database of an engine is. */
static struct odb *fresh(bool is_pg)
{
    static unsigned made;
    char where[PG_URL_MAX], name[32];
    struct gf_fail why = { 0 };
    struct odb *db = NULL;

    if (is_pg)
        pg_new_database(where);
    (void)snprintf(name, sizeof name, "restored%u.db", made++);
    if (odb_open(is_pg ? where : path_of(name), true, &db, &why) != 0)
        fail_msg("%s: %s", why.where, why.detail);
    return db;
}

static void every_row_comes_back_on_both(void **state)
{
    struct odb_world *w = *state;
    const char *path = path_of(w->is_pg ? "full-pg" : "full-lite"), *again;
    char manifest[8192], back[8192];
    struct gf_fail why = { 0 };
    struct stat st;

    fill_every_table(w->db);
    assert_int_equal(back_up(w->db, path), 0);
    assert_int_equal(back_up(w->db, path), GF_E_NOT_NOW);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    manifest_of(path, manifest);
    for (int is_pg = 0; is_pg < 2; is_pg++) {
        struct odb *db = fresh(is_pg);

        again = path_of(is_pg ? "again-pg" : "again-lite");
        (void)unlink(again);
        if (restore_into(db, path, &why) != 0)
            fail_msg("%s: %s", why.where, why.detail);
        assert_int_equal(back_up(db, again), 0);
        manifest_of(again, back);
        assert_string_equal(manifest, back);
        assert_int_equal(restore_into(db, path, &why), GF_E_NOT_NOW); /* it has rows now */
        db = odb_close(db);
    }
}

/* A change of any one value, a row more or less: refused, the table named, nothing restored. */
static void a_damaged_backup_is_refused(void **state)
{
    static const struct {
        const char *sql, *table;
    } damages[] = {
        { "UPDATE staff SET name = name || 'x' WHERE staff_no = 'k0'", "staff" },
        { "UPDATE payment SET amount_minor = amount_minor + 1 WHERE payment_id = x'6230'",
          "payment" },
        { "UPDATE audit_log SET hash = x'00'", "audit_log" },
        { "DELETE FROM refund WHERE refund_id = x'6231'", "refund" },
        { "UPDATE meter SET bt_address = verification_date, verification_date = bt_address WHERE "
          "meter_id = 'k0'", "meter" },
        { "INSERT INTO counter VALUES (1, 'more', 1)", "counter" },
        { "UPDATE backup_manifest SET n = n + 1 WHERE name = 'item'", "item" },
        { "DELETE FROM backup_manifest WHERE name = 'tariff'", "tariff" },
    };
    struct odb_world *w = *state;
    const char *whole = path_of("whole"), *work = path_of("work");
    char vacuum[800];

    fill_every_table(w->db);
    (void)unlink(whole);
    assert_int_equal(back_up(w->db, whole), 0);

    struct odb *db = fresh(w->is_pg);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct gf_fail why = { 0 };

        (void)unlink(work);
        (void)snprintf(vacuum, sizeof vacuum, "VACUUM INTO '%s'", work);
        raw_do(whole, vacuum);
        (void)snprintf(vacuum, sizeof vacuum, "PRAGMA application_id = 1330005577; PRAGMA "
                                              "user_version = %d", ODB_SCHEMA_VERSION);
        raw_do(work, vacuum);
        raw_do(work, damages[i].sql);
        assert_int_equal(restore_into(db, work, &why), GF_E_STORE_DAMAGED);
        assert_string_equal(why.where, damages[i].table);
        assert_int_equal(odb_world_number(db, "SELECT COUNT(*) FROM staff WHERE org_id = ?1",
                                          ODB_NONE), 0);
    }

    struct gf_fail why = { 0 };
    raw_do(work, "PRAGMA user_version = 1");
    assert_int_equal(restore_into(db, work, &why), GF_E_STORE_NEWER);
    raw_do(work, "PRAGMA application_id = 5");
    assert_int_equal(restore_into(db, work, &why), GF_E_STORE_DAMAGED);
    assert_int_equal(restore_into(db, path_of("not there"), &why), GF_E_FILE);
    assert_int_equal(restore_into(db, whole, &why), 0);
    db = odb_close(db);
}

/* A byte of the file changed anywhere: refused, or it lay where nothing is. */
static void a_damaged_file_is_never_taken_for_whole(void **state)
{
    struct odb_world *w = *state;
    const char *whole = path_of("bytes"), *work = path_of("bytes-work"), *again = path_of("bytes-2");
    char manifest[8192], back[8192];
    static uint8_t bytes[4 << 20];
    int refused = 0;

    if (w->is_pg)
        return; /* the file is the same */
    fill_every_table(w->db);
    assert_int_equal(back_up(w->db, whole), 0);
    manifest_of(whole, manifest);

    FILE *f = fopen(whole, "rb");
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    assert_true(n < sizeof bytes);
    for (size_t at = 17; at < n; at += n / 60 + 1) {
        struct gf_fail why = { 0 };

        bytes[at] ^= 0x55;
        f = fopen(work, "wb");
        assert_int_equal(fwrite(bytes, 1, n, f), n);
        (void)fclose(f);
        bytes[at] ^= 0x55;

        struct odb *db = fresh(false);
        if (restore_into(db, work, &why) == 0) {
            (void)unlink(again);
            assert_int_equal(back_up(db, again), 0);
            manifest_of(again, back);
            assert_string_equal(manifest, back);
        } else {
            refused++;
        }
        db = odb_close(db);
    }
    assert_true(refused > 0);
}

/* ---- while others write ---- */

/* A writer in another process; ended by the teardown, however the test ends. */
static struct writer {
    pid_t pid;
    int fd; /* a byte for each transaction */
} writer = { .fd = -1 };

/* Each transaction adds to two tables, so that the sums agree. */
static void start_writer(struct odb_world *w)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct odb *db = NULL;
        char name[24];

        (void)close(fds[0]); /* when nobody reads any more it is ended, too */
        if (odb_open(w->where, false, &db, NULL) != 0)
            _exit(1);
        for (int i = 0;; i++) {
            (void)snprintf(name, sizeof name, "w%d", i);
            if (odb_begin(db) != 0
                || odb_exec(db, "INSERT INTO counter (org_id, name, last) VALUES (?1, ?2, 1)",
                            ODB(ODB_T(name))) != 1
                || odb_exec(db, "INSERT INTO setting (org_id, name, value) VALUES (?1, ?2, 'x')",
                            ODB(ODB_T(name))) != 1
                || odb_commit(db) != 0)
                _exit(2);
            if (write(fds[1], "+", 1) != 1)
                _exit(3);
        }
    }
    (void)close(fds[1]);
    writer = (struct writer){ pid, fds[0] };
}

static int writer_down(void **state)
{
    (void)aid_kill(writer.pid);
    (void)close(writer.fd);
    writer = (struct writer){ .fd = -1 };
    return odb_world_down(state);
}

static void one_moment_while_others_write(void **state)
{
    struct odb_world *w = *state;
    char byte, name[32];
    int64_t last = -1;

    start_writer(w);
    for (int i = 0; i < 5; i++) {
        struct gf_fail why = { 0 };
        struct odb *db = fresh(false);

        for (int k = 0; k < 20; k++) /* it goes on writing */
            assert_int_equal(read(writer.fd, &byte, 1), 1);
        (void)snprintf(name, sizeof name, "moment-%d-%d", w->is_pg, i);
        assert_int_equal(back_up(w->db, path_of(name)), 0);
        assert_int_equal(restore_into(db, path_of(name), &why), 0);

        int64_t pairs = odb_world_number(db, "SELECT COUNT(*) FROM counter WHERE org_id = ?1",
                                         ODB_NONE);
        assert_int_equal(odb_world_number(db, "SELECT COUNT(*) FROM setting WHERE org_id = ?1 AND "
                                              "name LIKE 'w%'",
                                          ODB_NONE), pairs);
        assert_true(pairs > last);
        last = pairs;
        db = odb_close(db);
    }

    const pid_t ended = waitpid(writer.pid, NULL, WNOHANG);

    writer.pid = ended == 0 ? writer.pid : 0;
    assert_int_equal(ended, 0); /* never held up into failing */
}

static bool stop_at_once(void *ctx, int64_t rows)
{
    (void)rows;
    ++*(int *)ctx;
    return false;
}

static void ended_in_the_middle_it_leaves_nothing(void **state)
{
    struct odb_world *w = *state;
    const char *path = path_of(w->is_pg ? "ended-pg" : "ended-lite");
    int told = 0;
    struct odb_backup_watch watch = { .ctx = &told, .tell = stop_at_once };
    struct gf_fail why = { 0 };
    char name[24];

    assert_int_equal(odb_begin(w->db), 0);
    for (int i = 0; i < 1500; i++) {
        (void)snprintf(name, sizeof name, "r%d", i);
        assert_int_equal(odb_exec(w->db, "INSERT INTO counter (org_id, name, last) VALUES (?1, ?2, 1)",
                                  ODB(ODB_T(name))), 1);
    }
    assert_int_equal(odb_commit(w->db), 0);
    assert_int_equal(odb_backup(w->db, path, &watch, &why), GF_E_CANCELLED);
    assert_int_equal(told, 1);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_false(odb_is_open(w->db));
    watch.tell = NULL;
    assert_int_equal(odb_backup(w->db, path, &watch, &why), 0);
    assert_int_equal(watch.rows, 1500);
}

/* ---- numbers left out after a restore ---- */

static int leave_out(struct office *o, void *ctx)
{
    return ho_restore_numbers(o->db, *(const int64_t *)ctx);
}

static void restored_at(struct odb_world *w, int64_t now_ms)
{
    assert_int_equal(ho_transaction(&w->o, leave_out, &now_ms), 0);
}

static void a_thousand_are_left_out_once(void **state)
{
    struct odb_world *w = *state;

    assert_int_equal(ho_restore_skip(&w->o, 0), 0);
    restored_at(w, 5000);
    assert_int_equal(ho_restore_skip(&w->o, 0), 1000);
    assert_int_equal(ho_restore_skip(&w->o, 4999), 1000);
    assert_int_equal(ho_restore_skip(&w->o, 5000), 0); /* made since then */
}

/* What went on after the first restore may be lost by the second one. */
static void another_thousand_for_another_restore(void **state)
{
    struct odb_world *w = *state;

    restored_at(w, 5000);
    restored_at(w, 17000);
    assert_int_equal(ho_restore_skip(&w->o, 0), 2000);
    assert_int_equal(ho_restore_skip(&w->o, 4999), 2000);
    assert_int_equal(ho_restore_skip(&w->o, 5000), 1000);
    assert_int_equal(ho_restore_skip(&w->o, 16999), 1000);
    assert_int_equal(ho_restore_skip(&w->o, 17000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ODB_ON_BOTH(every_row_comes_back_on_both),
        ODB_ON_BOTH(a_damaged_backup_is_refused),
        ODB_ON_BOTH(a_damaged_file_is_never_taken_for_whole),
        { "sqlite: one_moment_while_others_write", one_moment_while_others_write, odb_world_up,
          writer_down, odb_world_sqlite },
        { "postgresql: one_moment_while_others_write", one_moment_while_others_write, odb_world_up,
          writer_down, odb_world_pg },
        ODB_ON_BOTH(ended_in_the_middle_it_leaves_nothing),
        ODB_ON_BOTH(a_thousand_are_left_out_once),
        ODB_ON_BOTH(another_thousand_for_another_restore),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
