/* test_db_open.c - owning the laptop's store, its versions, damage, plans of its statements. */
#include "db/db.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/text.h"
#include "db/sql.h"
#include "tests/aid/store_world.h"

static void a_new_store_is_private_and_opens_again(void **state)
{
    struct store_world w;
    struct stat st;
    char text[64];

    (void)state;
    store_world_prepare(&w);
    strcat(w.folder, "/share/gasfitter");
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_int_equal(stat(w.folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(db_setting_put(w.db, "url", "https://office.example:8443"), 0);
    static const char *const files[] = {"gasfitter.db", "gasfitter.db-wal", "gasfitter.lock"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(store_world_path(&w, files[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_int_equal(db_setting_get(w.db, "url", text, sizeof text), 1);
    assert_string_equal(text, "https://office.example:8443");
    store_world_close(&w);
    assert_int_not_equal(stat(store_world_path(&w, "gasfitter.db-wal"), &st), 0);
    assert_int_equal(stat(store_world_path(&w, "gasfitter.lock"), &st), 0);
    assert_int_equal(st.st_size, 0);
}

static void settings_and_secrets_come_back(void **state)
{
    struct store_world w;
    uint8_t big[DB_VALUE_MAX + 1], back[DB_VALUE_MAX];
    char text[16], name[64];
    size_t n = 0;

    (void)state;
    store_world_make(&w);
    memset(big, 0xA5, sizeof big);
    memset(name, 'n', sizeof name);
    name[49] = '\0';
    assert_int_equal(db_setting_get(w.db, "staff", text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_int_equal(db_secret_get(w.db, "device-key", back, sizeof back, &n), 0);

    assert_int_equal(db_setting_put(w.db, "staff", "4711"), 0);
    assert_int_equal(db_setting_put(w.db, "staff", "0815 and more"), 0);
    assert_int_equal(db_setting_get(w.db, "staff", text, sizeof text), 1);
    assert_string_equal(text, "0815 and more");
    assert_int_equal(db_setting_get(w.db, "staff", text, 13), GF_E_SPACE);
    assert_int_equal(db_setting_get(w.db, "staff", text, 14), 1);
    assert_int_equal(db_setting_put(w.db, "staff", ""), 0);
    assert_int_equal(db_setting_get(w.db, "staff", text, sizeof text), 1);

    static const size_t lengths[] = {0, 1, 31, DB_VALUE_MAX};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(db_secret_put(w.db, "device-key", big, lengths[i]), 0);
        assert_int_equal(db_secret_get(w.db, "device-key", back, sizeof back, &n), 1);
        assert_int_equal(n, lengths[i]);
        assert_memory_equal(back, big, n);
    }
    assert_int_equal(db_secret_get(w.db, "device-key", back, DB_VALUE_MAX - 1, &n), GF_E_SPACE);
    assert_int_equal(db_secret_put(w.db, "device-key", big, DB_VALUE_MAX + 1), GF_E_RANGE);
    assert_int_equal(db_secret_put(w.db, "", big, 1), GF_E_RANGE);
    assert_int_equal(db_secret_put(w.db, name, big, 1), GF_E_RANGE);
    name[48] = '\0';
    assert_int_equal(db_secret_put(w.db, name, big, 1), 0);
    store_world_close(&w);
}

static void values_are_put_all_or_none(void **state)
{
    struct store_world w;
    char text[16];
    uint8_t key[8];
    size_t n;
    struct db_value values[] = {{"url", "https://a", 9, false},
                                {"key", "secret", 6, true},
                                {"staff", "a\0b", 3, false}};

    (void)state;
    store_world_make(&w);
    assert_int_equal(db_put(w.db, values, 3), GF_E_FORMAT);
    assert_int_equal(db_setting_get(w.db, "url", text, sizeof text), 0);
    values[2].n = 1;
    assert_int_equal(db_put(w.db, values, 3), 0);
    assert_int_equal(db_setting_get(w.db, "staff", text, sizeof text), 1);
    assert_string_equal(text, "a");
    assert_int_equal(db_secret_get(w.db, "key", key, sizeof key, &n), 1);

    values[0].bytes = values[1].bytes = NULL;
    assert_int_equal(db_put(w.db, values, 2), 0);
    assert_int_equal(db_setting_get(w.db, "url", text, sizeof text), 0);
    assert_int_equal(db_secret_get(w.db, "key", key, sizeof key, &n), 0);
    assert_int_equal(db_setting_get(w.db, "staff", text, sizeof text), 1);
    store_world_close(&w);
}

static void only_the_passphrase_opens_it(void **state)
{
    struct store_world w;
    struct gf_fail why = {0};
    static uint8_t long_one[1025];

    (void)state;
    store_world_make(&w);
    assert_int_equal(db_setting_put(w.db, "staff", "4711"), 0);
    /* every passphrase that differs in one byte, is cut or grown by one */
    for (size_t i = 0; i < strlen(STORE_PASSPHRASE); i++) {
        char other[] = STORE_PASSPHRASE;

        other[i] ^= 1;
        w.cfg.passphrase = (const uint8_t *)other;
        why = (struct gf_fail){0};
        assert_int_equal(store_world_reopen(&w, &why), GF_E_PASSPHRASE);
        assert_int_equal(why.code, GF_E_PASSPHRASE);
        assert_null(w.db);
    }
    w.cfg.passphrase = (const uint8_t *)STORE_PASSPHRASE "!";
    w.cfg.passphrase_len++;
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_PASSPHRASE);
    w.cfg.passphrase_len -= 2;
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_PASSPHRASE);
    w.cfg.passphrase_len = 0;
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_PASSPHRASE);
    w.cfg.passphrase = long_one;
    w.cfg.passphrase_len = sizeof long_one;
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_PASSPHRASE);
    w.cfg.passphrase = (const uint8_t *)STORE_PASSPHRASE;
    w.cfg.passphrase_len = strlen(STORE_PASSPHRASE);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    store_world_close(&w);
}

static void the_cost_of_a_guess_is_kept_and_checked(void **state)
{
    struct store_world w;

    (void)state;
    store_world_make(&w);
    w.cfg.scrypt_n = 64;                /* of a new database only */
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    store_world_close(&w);
    static const char *const bad[] = {"17", "8", "2097152", "0", "-16"};
    for (size_t i = 0; i < 5; i++) {
        char sql[80];

        (void)snprintf(sql, sizeof sql, "UPDATE vault SET scrypt_n = %s", bad[i]);
        store_world_exec(&w, sql);
        assert_int_equal(store_world_reopen(&w, NULL), GF_E_STORE_DAMAGED);
    }
    store_world_exec(&w, "UPDATE vault SET scrypt_n = 32");
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_PASSPHRASE);
    store_world_exec(&w, "UPDATE vault SET scrypt_n = 16");
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    store_world_close(&w);
    store_world_exec(&w, "DELETE FROM vault");
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_STORE_DAMAGED);

    struct store_world other;
    store_world_make(&other);
    store_world_close(&other);
    (void)remove(store_world_path(&other, "gasfitter.db"));
    other.cfg.scrypt_n = 48;
    assert_int_equal(store_world_reopen(&other, NULL), GF_E_RANGE);
    other.cfg.scrypt_n = 0;             /* the real cost: 2^17 */
    assert_int_equal(store_world_reopen(&other, NULL), 0);
    store_world_close(&other);
}

static void a_second_opener_is_told_who_has_it(void **state)
{
    struct store_world w;
    struct db *second = NULL;
    struct gf_fail why = {0};
    char pid[32];
    int status;

    (void)state;
    store_world_make(&w);
    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_int_equal(db_open(&w.cfg, &second, &why), GF_E_STORE_BUSY);
    assert_null(second);
    assert_non_null(strstr(why.detail, pid));

    pid_t child = fork();
    if (child == 0) {
        struct db *theirs;
        struct gf_fail their_why = {0};

        /* the child has inherited the lock's descriptor, so it opens the file anew */
        int r = db_open(&w.cfg, &theirs, &their_why);
        _exit(r == GF_E_STORE_BUSY && strstr(their_why.detail, pid) != NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(db_setting_put(w.db, "staff", "still works"), 0);
    store_world_close(&w);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    store_world_close(&w);
}

static void a_killed_owner_leaves_no_lock(void **state)
{
    struct store_world w;
    int ready[2], status;
    char byte;

    (void)state;
    store_world_make(&w);
    store_world_close(&w);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (store_world_reopen(&w, NULL) != 0 || db_setting_put(w.db, "staff", "4711") != 0)
            _exit(1);
        (void)!write(ready[1], "x", 1);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    struct gf_fail why = {0};
    assert_int_equal(store_world_reopen(&w, &why), GF_E_STORE_BUSY);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    char text[8];
    assert_int_equal(db_setting_get(w.db, "staff", text, sizeof text), 1);
    store_world_close(&w);
}

static void a_newer_or_foreign_database_is_left_alone(void **state)
{
    struct store_world w;
    struct gf_fail why = {0};
    size_t before, after;

    (void)state;
    store_world_make(&w);
    store_world_close(&w);
    store_world_exec(&w, "PRAGMA user_version = 99");
    uint8_t *was = store_world_file(&w, "gasfitter.db", &before);
    assert_int_equal(store_world_reopen(&w, &why), GF_E_STORE_NEWER);
    assert_non_null(strstr(why.detail, "99"));
    uint8_t *is = store_world_file(&w, "gasfitter.db", &after);
    assert_int_equal(before, after);
    assert_memory_equal(was, is, after);
    free(was);
    free(is);
    store_world_exec(&w, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_STORE_DAMAGED);
    store_world_exec(&w, "PRAGMA user_version = 0");
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_STORE_DAMAGED);
}

static void a_file_that_is_no_database_is_damaged(void **state)
{
    struct store_world w;
    FILE *f;

    (void)state;
    store_world_make(&w);
    store_world_close(&w);
    f = fopen(store_world_path(&w, "gasfitter.db"), "r+b");
    assert_non_null(f);
    for (int i = 0; i < 4096; i++)
        (void)fputc(0x5A, f);
    (void)fclose(f);
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_STORE_DAMAGED);
}

static void a_folder_that_cannot_be_is_told(void **state)
{
    struct store_world w;
    struct gf_fail why = {0};
    char path[600];

    (void)state;
    store_world_make(&w);
    store_world_close(&w);
    (void)snprintf(path, sizeof path, "%s/gasfitter.db/below", w.folder);
    w.cfg.folder = path;
    assert_int_equal(store_world_reopen(&w, &why), GF_E_FILE);
    assert_non_null(strstr(why.detail, "Not a directory"));
    w.cfg.folder = "";
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_FILE);
    w.cfg.folder = NULL;
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_FILE);
}

/* After an unclean stop the whole database is looked at, also the parts that opening does not
 * touch. */
static void damage_is_found_after_an_unclean_stop(void **state)
{
    struct store_world w;
    struct gf_fail why = {0};
    int status;
    char text[2001];

    (void)state;
    store_world_make(&w);
    memset(text, 't', 2000);
    text[2000] = '\0';
    for (int i = 0; i < 40; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "setting-%02d", i);
        assert_int_equal(db_setting_put(w.db, name, text), 0);
    }
    store_world_close(&w);

    /* spoil the last page: one of the settings' */
    FILE *f = fopen(store_world_path(&w, "gasfitter.db"), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -4096, SEEK_END), 0);
    for (int i = 0; i < 64; i++)
        (void)fputc(0xFF, f);
    (void)fclose(f);

    assert_int_equal(store_world_reopen(&w, NULL), 0); /* after a clean stop nobody looks there */
    store_world_close(&w);
    pid_t child = fork();
    if (child == 0) {
        if (store_world_reopen(&w, NULL) != 0 ||
            db_secret_put(w.db, "x", (const uint8_t *)"y", 1) != 0)
            _exit(1);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(store_world_reopen(&w, &why), GF_E_STORE_DAMAGED);
    assert_true(strlen(why.detail) > 0);
}

/* ---- plans ---- */

/* No statement walks a table: each finds its rows by a key or an index, so costs stay flat as rows
 * pile up. The first of these stops at the newest row; counting walks an index of just what is
 * counted. */
static void every_statement_uses_an_index(void **state)
{
    static const struct {
        enum db_sql which;
        const char *plan;
    } special[] = {
        {SQL_OUTBOX_HEAD, "SCAN outbox"},
        {SQL_OUTBOX_NEXT, "SEARCH outbox USING INDEX outbox_waiting (seq>?)"},
        {SQL_OUTBOX_OLDEST, "SCAN outbox USING INDEX outbox_waiting"},
        {SQL_OUTBOX_WAITING, "SCAN outbox USING COVERING INDEX outbox_waiting"},
        {SQL_OUTBOX_REFUSED, "SCAN outbox USING COVERING INDEX outbox_refused"},
        {SQL_JOBS, "SEARCH jobs USING INDEX jobs_order ((due,priority,number,id)>(?,?,?,?))"},
        {SQL_JOBS_OPEN, "SEARCH jobs USING INDEX jobs_open ((due,priority,number,id)>(?,?,?,?))"},
    };
    struct store_world w;
    sqlite3 *raw;
    sqlite3_stmt *s;
    char explain[1200];

    (void)state;
    store_world_make(&w);
    store_world_close(&w);
    assert_int_equal(sqlite3_open(store_world_path(&w, "gasfitter.db"), &raw), SQLITE_OK);
    for (int i = 0; i < DB_SQL_COUNT; i++) {
        const char *sql = db_sql_text((enum db_sql)i);

        assert_non_null(sql);
        (void)snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
        assert_int_equal(sqlite3_prepare_v2(raw, explain, -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW) {
            const char *plan = (const char *)sqlite3_column_text(s, 3);
            const char *wanted = "SEARCH";

            for (size_t k = 0; k < sizeof special / sizeof special[0]; k++)
                if (special[k].which == (enum db_sql)i)
                    wanted = special[k].plan;
            if (strstr(plan, wanted) == NULL)
                fail_msg("%s: %s", sql, plan);
        }
        assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    }
    (void)sqlite3_close(raw);
}

static void tables_are_strict(void **state)
{
    struct store_world w;
    sqlite3 *raw;
    sqlite3_stmt *s;
    int tables = 0;

    (void)state;
    store_world_make(&w);
    store_world_close(&w);
    assert_int_equal(sqlite3_open(store_world_path(&w, "gasfitter.db"), &raw), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(raw,
                           "SELECT name, strict FROM pragma_table_list WHERE type = 'table'"
                           " AND name NOT LIKE 'sqlite_%'",
                           -1, &s, NULL),
        SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        tables++;
        assert_int_equal(sqlite3_column_int(s, 1), 1);
    }
    assert_true(tables >= 11);
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    (void)sqlite3_close(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_is_private_and_opens_again),
        cmocka_unit_test(settings_and_secrets_come_back),
        cmocka_unit_test(values_are_put_all_or_none),
        cmocka_unit_test(only_the_passphrase_opens_it),
        cmocka_unit_test(the_cost_of_a_guess_is_kept_and_checked),
        cmocka_unit_test(a_second_opener_is_told_who_has_it),
        cmocka_unit_test(a_killed_owner_leaves_no_lock),
        cmocka_unit_test(a_newer_or_foreign_database_is_left_alone),
        cmocka_unit_test(a_file_that_is_no_database_is_damaged),
        cmocka_unit_test(a_folder_that_cannot_be_is_told),
        cmocka_unit_test(damage_is_found_after_an_unclean_stop),
        cmocka_unit_test(every_statement_uses_an_index),
        cmocka_unit_test(tables_are_strict),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
