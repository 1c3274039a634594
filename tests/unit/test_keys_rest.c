/* test_keys_rest.c - keys at rest: sealing, the three kinds of master keys, offices of the first
 * schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/keys_in.h"
#include "backend/office_issue.h"
#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/office_aid.h"
#include "tests/aid/proc.h"

static struct oaid_office office;
static struct gf_fail why;

static int start(void **state)
{
    (void)state;
    why = (struct gf_fail){ 0 };
    oaid_office_new(&office);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

static struct gf_span span(const uint8_t *p)
{
    return (struct gf_span){ p, KEYS_SEALED_LEN };
}

static void put(const char *path, const void *p, size_t n, unsigned mode)
{
    assert_int_equal(gf_file_write(path, p, n, mode, NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static const char *in_tmp(const char *name)
{
    static char path[8][600];
    static size_t turn;
    char *ret = path[turn++ % 8];

    (void)snprintf(ret, sizeof path[0], "%s/%s", aid_tmpdir(), name);
    return ret;
}

static const char *in_office(const char *name)
{
    static char path[700];

    (void)snprintf(path, sizeof path, "%s/%s", office.dir, name);
    return path;
}

/* ---- sealing ---- */

static void what_is_sealed_opens_as_it_was(void **state)
{
    uint8_t key[KEYS_LEN], sealed[KEYS_SEALED_LEN], twice[KEYS_SEALED_LEN], back[KEYS_LEN];

    (void)state;
    for (uint8_t i = 0; i < 32; i++)
        key[i] = i;
    assert_int_equal(ho_seal(office.o, "one", key, sealed), 0);
    assert_int_equal(ho_seal(office.o, "one", key, twice), 0);
    assert_memory_not_equal(sealed, twice, sizeof sealed); /* a nonce of its own each time */
    assert_int_equal(keys_sealed_version(sealed), 1);
    assert_int_equal(ho_unseal(office.o, "one", span(sealed), back), 0);
    assert_memory_equal(back, key, sizeof key);
    oaid_office_restart(&office);
    memset(back, 0, sizeof back);
    assert_int_equal(ho_unseal(office.o, "one", span(sealed), back), 0);
    assert_memory_equal(back, key, sizeof key);
}

/* Every bit of it is authenticated, and so is the label; nothing is written when it does not hold.
 */
static void nothing_else_opens(void **state)
{
    uint8_t key[KEYS_LEN] = { 5 }, sealed[KEYS_SEALED_LEN], back[KEYS_LEN], none[KEYS_LEN] = { 0 };

    (void)state;
    assert_int_equal(ho_seal(office.o, "one", key, sealed), 0);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        memset(back, 0, sizeof back);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        office.o->fail = (struct gf_fail){ 0 };
        assert_int_equal(ho_unseal(office.o, "one", span(sealed), back), GF_E_CRYPTO);
        assert_memory_equal(back, none, sizeof back);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(ho_unseal(office.o, "two", span(sealed), back), GF_E_CRYPTO);
    for (size_t n = 0; n < 80; n++)
        if (n != KEYS_SEALED_LEN) {
            uint8_t other[80] = { 1 };

            assert_int_equal(ho_unseal(office.o, "one", (struct gf_span){ other, n }, back),
                             GF_E_CRYPTO);
        }
    assert_int_equal(ho_unseal(office.o, "one", span(sealed), back), 0);
}

static void derived_keys_differ_by_label_and_stay(void **state)
{
    uint8_t a[KEYS_LEN], b[KEYS_LEN], again[KEYS_LEN];

    (void)state;
    assert_int_equal(ho_derive(office.o, "enrol codes", a), 0);
    assert_int_equal(ho_derive(office.o, "webhook demo", b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    oaid_office_restart(&office);
    assert_int_equal(ho_derive(office.o, "enrol codes", again), 0);
    assert_memory_equal(a, again, sizeof a);
}

static void no_key_stands_in_the_database(void **state)
{
    const struct keys_vault *v = office.o->keys->vault;
    char sql[256], hex[2 * KEYS_LEN + 1];

    (void)state;
    assert_int_equal(v->n, 2); /* the derivation secret, and data key 1 */
    for (size_t i = 0; i < v->n; i++) {
        gf_hex(v->held[i].key, KEYS_LEN, hex);
        (void)snprintf(sql, sizeof sql,
                       "SELECT COUNT(*) FROM master_key WHERE instr(hex(wrapped), upper('%s')) > 0",
                       hex);
        assert_int_equal(oaid_sql_number(&office, sql), 0);
    }
}

/* ---- a file ---- */

static int open_again(const struct keys_source *secrets)
{
    struct keys_source none = { 0 };

    office.o = office_close(office.o);
    why = (struct gf_fail){ 0 };
    return office_open_with(office.dir, secrets != NULL ? secrets : &none, &office.ports, &office.o,
                            &why);
}

static void without_its_file_it_does_not_open(void **state)
{
    uint8_t key[KEYS_LEN] = { 0 };
    char away[700];

    (void)state;
    (void)snprintf(away, sizeof away, "%s.away", office.dir);
    assert_int_equal(rename(in_office("master.key"), away), 0);
    assert_int_equal(open_again(NULL), GF_E_FILE);
    put(in_office("master.key"), key, sizeof key, 0600); /* another key */
    assert_int_equal(open_again(NULL), GF_E_FILE);
    assert_non_null(strstr(why.detail, "not the master key of this database"));
    put(in_office("master.key"), key, 31, 0600);
    assert_int_equal(open_again(NULL), GF_E_CRYPTO);
    assert_int_equal(rename(away, in_office("master.key")), 0);
    assert_int_equal(open_again(NULL), 0);
}

/* Every bit of what is wrapped counts. */
static void a_changed_wrapping_is_found(void **state)
{
    char sql[300];

    (void)state;
    for (int at = 1; at <= 60; at += 7) {
        (void)snprintf(sql, sizeof sql,
                       "UPDATE master_key SET wrapped = CAST(substr(wrapped, 1, %d) || CASE "
                       "substr(wrapped, %d, 1) WHEN x'00' THEN x'01' ELSE x'00' END || "
                       "substr(wrapped, %d) AS BLOB) WHERE version = 1",
                       at - 1, at, at + 1);
        oaid_sql(&office, "CREATE TABLE kept AS SELECT * FROM master_key");
        oaid_sql(&office, sql);
        assert_int_equal(open_again(NULL), GF_E_CRYPTO);
        oaid_sql(&office, "DELETE FROM master_key; INSERT INTO master_key SELECT * FROM kept; DROP "
                          "TABLE kept");
        assert_int_equal(open_again(NULL), 0);
    }
    /* two data keys change places */
    oaid_sql(&office, "UPDATE master_key SET wrapped = (SELECT m.wrapped FROM master_key m WHERE "
                      "m.version = -1) WHERE version = 1");
    assert_int_equal(open_again(NULL), GF_E_CRYPTO);
}

/* ---- a passphrase ---- */

static void init_with_passphrase(const char *file, unsigned work, int want)
{
    static int made;
    const struct keys_source master = { .kind = KEYS_PASSPHRASE,
                                        .passphrase_file = file,
                                        .work = work };
    const struct office_setup setup = { .master = &master };
    struct gf_fail reason = { 0 };

    oaid_office_end(&office);
    (void)snprintf(office.dir, sizeof office.dir, "%s/by-passphrase%d", aid_tmpdir(), made++);
    int r = office_init_with(office.dir, NULL, 0, &setup, &office.ports, &reason);
    if (r != want)
        fail_msg("%d %s: %s", r, reason.where, reason.detail);
}

static void a_passphrase_opens_and_another_does_not(void **state)
{
    const char *file = in_tmp("pass"), *wrong = in_tmp("wrong");
    const struct keys_source right = { .passphrase_file = file },
                             bad = { .passphrase_file = wrong };

    (void)state;
    put(file, "correct horse battery\nsecond line\n", 34, 0600);
    put(wrong, "correct horse batterx\n", 22, 0600);
    init_with_passphrase(file, 14, 0);
    assert_int_equal(open_again(&right), 0);
    assert_int_not_equal(access(in_office("master.key"), F_OK), 0);
    assert_int_equal(open_again(&bad), GF_E_PASSPHRASE);
    assert_int_equal(open_again(NULL), GF_E_PASSPHRASE); /* nobody to ask */
    assert_non_null(strstr(why.detail, "GASOFFICE_PASSPHRASE_FILE"));
    assert_int_equal(setenv("GASOFFICE_PASSPHRASE_FILE", file, 1), 0);
    assert_int_equal(open_again(NULL), 0);
    assert_int_equal(unsetenv("GASOFFICE_PASSPHRASE_FILE"), 0);
    assert_int_equal(rename(file, in_tmp("passphrase")), 0);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", aid_tmpdir(), 1), 0);
    assert_int_equal(open_again(NULL), 0);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(unlink(in_tmp("passphrase")), 0);
    assert_int_equal(open_again(&right), GF_E_FILE); /* named, and not there */
    put(file, "correct horse batterx\n", 22, 0600);
    put(in_tmp("pass.new"), "correct horse battery\n", 22, 0600);
    assert_int_equal(open_again(&right), 0); /* the next one lies ready */
    assert_int_equal(unlink(in_tmp("pass.new")), 0);
}

static void its_work_stands_in_the_table(void **state)
{
    const char *file = in_tmp("pass");

    (void)state;
    put(file, "correct horse battery\n", 22, 0600);
    init_with_passphrase(file, 0, 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM master_key WHERE kind = "
                                              "'passphrase' AND parameters LIKE "
                                              "'work=17;r=8;p=1;salt=%'"),
                     2);
    init_with_passphrase(file, 15, 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM master_key WHERE parameters "
                                              "LIKE 'work=15;%'"),
                     2);
    init_with_passphrase(file, 13, GF_E_RANGE);
    init_with_passphrase(file, 23, GF_E_RANGE);
}

/* The salt and the work are as the RFC's function takes them: the key is made here once more. */
static void it_is_scrypt(void **state)
{
    const char *file = in_tmp("pass");
    const struct keys_source s = { .kind = KEYS_PASSPHRASE, .passphrase_file = file, .work = 14 };
    struct keys_master *m = keys_lock_new(sizeof *m, &why);
    uint8_t salt[16], want[KEYS_LEN];
    char hex[33];

    (void)state;
    put(file, "correct horse battery\n", 22, 0600);
    assert_int_equal(keys_master_make(&s, &office.ports, m, &why), 0);
    assert_true(keys_parameter(m->parameters, "salt", hex, sizeof hex));
    assert_int_equal(gf_unhex(hex, salt, sizeof salt), 0);
    assert_int_equal(EVP_PBE_scrypt("correct horse battery", 21, salt, sizeof salt, 16384, 8, 1,
                                    64 << 20, want, sizeof want),
                     1);
    assert_memory_equal(m->key, want, sizeof want);
    keys_lock_free(m, sizeof *m);
}

static void bad_passphrase_files_are_refused(void **state)
{
    const char *file = in_tmp("pass");
    char longest[KEYS_SECRET_MAX + 1];

    (void)state;
    put(file, "too short\n", 10, 0600);
    init_with_passphrase(file, 14, GF_E_PASSPHRASE);
    put(file, "\n", 1, 0600);
    init_with_passphrase(file, 14, GF_E_FILE);
    put(file, "correct horse battery\n", 22, 0644);
    init_with_passphrase(file, 14, GF_E_FILE);
    memset(longest, 'x', sizeof longest);
    put(file, longest, sizeof longest, 0600);
    init_with_passphrase(file, 14, GF_E_FILE);
    longest[255] = '\n';
    put(file, longest, sizeof longest, 0600);
    init_with_passphrase(file, 14, 0);
    init_with_passphrase(in_tmp("nowhere"), 14, GF_E_FILE);
}

static const char *typed;
static int asked;

static int ask(const char *prompt, bool again, char ret[static KEYS_SECRET_MAX],
               struct gf_fail *reason)
{
    (void)reason;
    assert_string_equal(prompt, "passphrase");
    asked += again ? 100 : 1;
    (void)snprintf(ret, KEYS_SECRET_MAX, "%s", typed);
    return 0;
}

static void a_person_is_asked(void **state)
{
    const struct keys_source person = { .kind = KEYS_PASSPHRASE, .ask = ask, .work = 14 };
    const struct office_setup setup = { .master = &person };

    (void)state;
    oaid_office_end(&office);
    (void)snprintf(office.dir, sizeof office.dir, "%s/asked", aid_tmpdir());
    typed = "typed at a terminal";
    assert_int_equal(office_init_with(office.dir, NULL, 0, &setup, &office.ports, &why), 0);
    assert_int_equal(asked, 100); /* a new one: typed twice */
    assert_int_equal(open_again(&person), 0);
    assert_int_equal(asked, 101);
    typed = "something else";
    assert_int_equal(open_again(&person), GF_E_PASSPHRASE);
}

/* ---- the first schema ---- */

/* Rows as a program of the first schema sealed them: by what stands in master.key. */
static void seal_of_schema_1(const uint8_t *master, const char *label, uint8_t *ret)
{
    const struct gf_span ad[2] = { { NULL, 0 }, { (const uint8_t *)label, strlen(label) } };
    uint8_t key[KEYS_LEN];

    memset(key, 1, sizeof key);
    assert_int_equal(keys_gcm_seal(&office.ports, master, ad, key, ret, &why), 0);
}

static void an_office_of_the_first_schema_opens(void **state)
{
    uint8_t master[KEYS_LEN], sealed[KEYS_WRAPPED_LEN], key[KEYS_LEN], want[KEYS_LEN];
    char hex[2 * KEYS_WRAPPED_LEN + 1], sql[400];

    (void)state;
    memset(want, 1, sizeof want);
    assert_int_equal(gf_file_read(in_office("master.key"), master, sizeof master, &why), 32);
    seal_of_schema_1(master, AID_METER_1 " epoch 0", sealed);
    gf_hex(sealed, sizeof sealed, hex);
    (void)snprintf(sql, sizeof sql,
                   "DELETE FROM master_key; DELETE FROM meter WHERE meter_id <> '" AID_METER_1
                   "'; UPDATE meter SET factory_key = x'%s', sealed_version = 0",
                   hex);
    oaid_sql(&office, sql);
    assert_int_equal(open_again(NULL), 0);
    assert_int_equal(oaid_sql_number(&office,
                                     "SELECT COUNT(*) FROM master_key WHERE kind = 'file'"),
                     3);
    assert_int_equal(ho_root_key(office.o, AID_METER_1, 0, key), 1);
    assert_memory_equal(key, want, sizeof key);

    /* a rotation re-seals it, and then what sealed it is gone */
    const struct keys_source to = { .kind = KEYS_FILE };
    assert_int_equal(keys_rotate(office.o, &to, NULL), 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM master_key WHERE version = 0 "
                                              "AND length(wrapped) = 0 AND retired_at_ms > 0"),
                     1);
    assert_int_equal(oaid_sql_number(&office, "SELECT sealed_version FROM meter"), 2);
    assert_int_equal(open_again(NULL), 0);
    memset(key, 0, sizeof key);
    assert_int_equal(ho_root_key(office.o, AID_METER_1, 0, key), 1);
    assert_memory_equal(key, want, sizeof key);
}

static void a_database_without_keys_and_file_says_so(void **state)
{
    (void)state;
    oaid_sql(&office, "DELETE FROM master_key");
    assert_int_equal(unlink(in_office("master.key")), 0);
    assert_int_equal(open_again(NULL), GF_E_FILE);
}

/* ---- memory ---- */

/* The pages of keys are locked and are left out of dumps, as the kernel says. */
static void keys_live_in_locked_memory(void **state)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[256], flags[256] = "";
    unsigned long from, to, at = (unsigned long)(uintptr_t)office.o->keys->vault;
    bool is_here = false;

    (void)state;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            is_here = from <= at && at < to;
        if (is_here && strncmp(line, "VmFlags:", 8) == 0)
            (void)snprintf(flags, sizeof flags, "%s", line);
    }
    (void)fclose(maps);
    assert_non_null(strstr(flags, " dd")); /* MADV_DONTDUMP */
#if !defined(__SANITIZE_ADDRESS__)
    assert_non_null(strstr(flags, " lo")); /* mlock(2) */
#endif
}

#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_sealed_opens_as_it_was),
        T(nothing_else_opens),
        T(derived_keys_differ_by_label_and_stay),
        T(no_key_stands_in_the_database),
        T(without_its_file_it_does_not_open),
        T(a_changed_wrapping_is_found),
        T(a_passphrase_opens_and_another_does_not),
        T(its_work_stands_in_the_table),
        T(it_is_scrypt),
        T(bad_passphrase_files_are_refused),
        T(a_person_is_asked),
        T(an_office_of_the_first_schema_opens),
        T(a_database_without_keys_and_file_says_so),
        T(keys_live_in_locked_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
