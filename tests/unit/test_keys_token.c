/* test_keys_token.c - a master key that only a token opens: SoftHSM2 with a folder of its own. */
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
#include "tests/aid/office_aid.h"
#include "tests/aid/proc.h"

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

static struct oaid_office office;
static struct gf_fail why;
static struct keys_source token;
static char pin_file[600], wrong_pin[600], tokens[600];
static int made;

static void put(const char *path, const char *text)
{
    assert_int_equal(gf_file_write(path, text, strlen(text), 0600, NULL), 0);
}

static void make_token(const char *label)
{
    const char *const argv[] = { "softhsm2-util", "--init-token", "--free",   "--label",  label,
                                 "--pin",         "123456",       "--so-pin", "12345678", NULL };
    int out = -1;
    pid_t pid = aid_spawn(argv, &out);

    assert_true(pid > 0);
    assert_int_equal(aid_wait_exit(pid, 20000), 0);
    (void)close(out);
}

static int start_all(void **state)
{
    char conf[600], text[800];

    (void)state;
    (void)snprintf(tokens, sizeof tokens, "%s/tokens", aid_tmpdir());
    assert_int_equal(mkdir(tokens, 0700), 0);
    (void)snprintf(conf, sizeof conf, "%s/softhsm2.conf", aid_tmpdir());
    (void)snprintf(text, sizeof text,
                   "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
                   tokens);
    put(conf, text);
    assert_int_equal(setenv("SOFTHSM2_CONF", conf, 1), 0);
    make_token("office keys");
    (void)snprintf(pin_file, sizeof pin_file, "%s/pin", aid_tmpdir());
    (void)snprintf(wrong_pin, sizeof wrong_pin, "%s/wrong", aid_tmpdir());
    put(pin_file, "123456\n");
    put(wrong_pin, "654321\n");
    return 0;
}

static int open_again(const char *pin)
{
    const struct keys_source secrets = { .pin_file = pin };

    office.o = office_close(office.o);
    why = (struct gf_fail){ 0 };
    return office_open_with(office.dir, &secrets, &office.ports, &office.o, &why);
}

/* An office whose master key the token keeps, with one meter. */
static int start(void **state)
{
    const struct office_setup setup = { .master = &token };
    char text[400] = "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n", row[200];

    (void)state;
    token = (struct keys_source){ .kind = KEYS_PKCS11,
                                  .module = MODULE,
                                  .token = "office keys",
                                  .object = "master",
                                  .pin_file = pin_file };
    oaid_office_new(&office);
    oaid_office_end(&office);
    (void)snprintf(office.dir, sizeof office.dir, "%s/by-token%d", aid_tmpdir(), made++);
    why = (struct gf_fail){ 0 };
    if (office_init_with(office.dir, NULL, 0, &setup, &office.ports, &why) != 0)
        fail_msg("%s: %s", why.where, why.detail);
    assert_int_equal(open_again(pin_file), 0);
    oaid_shipment_row(AID_METER_1, 1, row);
    (void)strcat(text, row);
    assert_int_equal(oaid_import_meters(&office, text), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

static void check_key(void)
{
    uint8_t key[KEYS_LEN], want[KEYS_LEN];

    memset(want, 1, sizeof want);
    assert_int_equal(ho_root_key(office.o, AID_METER_1, 0, key), 1);
    assert_memory_equal(key, want, sizeof key);
}

static void only_the_token_opens_it(void **state)
{
    char path[600];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/master.key", office.dir);
    assert_int_not_equal(access(path, F_OK), 0);
    check_key();
    assert_int_equal(open_again(pin_file), 0);
    check_key();
    assert_int_equal(oaid_sql_number(&office,
                                     "SELECT COUNT(*) FROM master_key WHERE kind = 'pkcs11' "
                                     "AND parameters LIKE 'module=" MODULE ";token=office "
                                     "keys;object=master;id=%;key=%'"),
                     2);
}

static void a_wrong_pin_is_told_and_not_repeated(void **state)
{
    const struct keys_source secrets = { .dir = office.dir, .pin_file = wrong_pin };
    struct keys_refused refused = { 0 };
    struct keys_master *m = keys_lock_new(sizeof *m, &why);
    struct odb_query *q;

    (void)state;
    q = odb_query(office.o->db,
                  "SELECT parameters FROM master_key WHERE org_id = ?1 AND version = 1", ODB_NONE);
    assert_int_equal(odb_next(office.o->db, q), 1);
    odb_text(q, 0, m->parameters, sizeof m->parameters);
    odb_end(q);
    assert_int_equal(keys_pkcs11_ops.get(&secrets, &office.ports, &refused, m, &why),
                     GF_E_PASSPHRASE);
    assert_string_equal(why.detail, "the PIN is wrong");
    why = (struct gf_fail){ 0 };
    assert_int_equal(keys_pkcs11_ops.get(&secrets, &office.ports, &refused, m, &why),
                     GF_E_PASSPHRASE);
    assert_non_null(strstr(why.detail, "not tried again"));
    why = (struct gf_fail){ 0 };
    const struct keys_source right = { .dir = office.dir, .pin_file = pin_file };
    assert_int_equal(keys_pkcs11_ops.get(&right, &office.ports, &refused, m, &why), 0);
    keys_lock_free(m, sizeof *m);

    assert_int_equal(open_again(wrong_pin), GF_E_PASSPHRASE);
    assert_int_equal(open_again(NULL), GF_E_PASSPHRASE); /* none at all */
    assert_int_equal(setenv("GASOFFICE_PIN_FILE", pin_file, 1), 0);
    assert_int_equal(open_again(NULL), 0);
    assert_int_equal(unsetenv("GASOFFICE_PIN_FILE"), 0);
}

static void a_token_that_is_away_is_told(void **state)
{
    char away[640];

    (void)state;
    (void)snprintf(away, sizeof away, "%s.away", tokens);
    assert_int_equal(rename(tokens, away), 0);
    assert_int_equal(mkdir(tokens, 0700), 0);
    assert_int_equal(open_again(pin_file), GF_E_FILE);
    assert_string_equal(why.where, "there is no token");
    assert_string_equal(why.detail, "office keys");
    assert_int_equal(rmdir(tokens), 0);
    assert_int_equal(rename(away, tokens), 0);
    assert_int_equal(open_again(pin_file), 0);
    check_key();
}

/* What the database says of the library is not believed blindly. */
static void a_library_that_others_may_change_is_not_loaded(void **state)
{
    static const char *const paths[] = { "libsofthsm2.so", "/nonexistent/lib.so", "/tmp", NULL };
    char loose[600], sql[900];

    (void)state;
    (void)snprintf(loose, sizeof loose, "%s/loose.so", aid_tmpdir());
    put(loose, "not a library");
    assert_int_equal(chmod(loose, 0777), 0);
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(sql, sizeof sql,
                       "CREATE TABLE kept AS SELECT * FROM master_key; UPDATE master_key SET "
                       "parameters = replace(parameters, '" MODULE "', '%s')",
                       paths[i] != NULL ? paths[i] : loose);
        oaid_sql(&office, sql);
        assert_int_equal(open_again(pin_file), GF_E_FILE);
        assert_string_equal(why.where, "module");
        oaid_sql(&office, "DELETE FROM master_key; INSERT INTO master_key SELECT * FROM kept; DROP "
                          "TABLE kept");
    }
    assert_int_equal(chmod(loose, 0700), 0);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE master_key SET parameters = replace(parameters, '" MODULE "', '%s')",
                   loose);
    oaid_sql(&office, sql);
    assert_int_equal(open_again(pin_file), GF_E_FILE); /* ours alone, and no library */
    assert_string_equal(why.where, "token");
}

static void damaged_parameters_are_found(void **state)
{
    static const char *const changes[] = {
        "replace(parameters, ';key=', ';key=00')",  "replace(parameters, ';key=', ';KEY=')",
        "replace(parameters, ';id=', ';id=0')",     "replace(parameters, ';token=', ';')",
        "replace(parameters, ';object=', ';obj=')", "substr(parameters, 1, length(parameters) - 4)",
    };
    char sql[400];

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        (void)snprintf(sql, sizeof sql,
                       "CREATE TABLE kept AS SELECT * FROM master_key; UPDATE master_key SET "
                       "parameters = %s",
                       changes[i]);
        oaid_sql(&office, sql);
        assert_true(open_again(pin_file) < 0);
        oaid_sql(&office, "DELETE FROM master_key; INSERT INTO master_key SELECT * FROM kept; DROP "
                          "TABLE kept");
    }
    assert_int_equal(open_again(pin_file), 0);
}

static void rotation_to_it_and_from_it(void **state)
{
    const struct keys_source file = { .kind = KEYS_FILE };
    struct keys_source again = token;
    struct oaid_office other = office;

    (void)state;
    other.o = NULL;
    assert_int_equal(keys_rotate(office.o, &file, NULL), 0);
    assert_int_equal(open_again(NULL), 0);
    check_key();
    assert_int_equal(keys_rotate(office.o, &token, NULL), 0);
    check_key();
    assert_int_equal(open_again(pin_file), 0);
    check_key();
    again.object = "another pair"; /* in the same token */
    assert_int_equal(setenv("GASOFFICE_PIN_FILE", pin_file, 1), 0);
    assert_int_equal(office_open(office.dir, &office.ports, &other.o, NULL), 0);
    assert_int_equal(keys_rotate(office.o, &again, NULL), 0);
    office.o = office_close(office.o);
    office.o = other.o; /* one that serves finds the new pair by itself */
    check_key();
    assert_int_equal(unsetenv("GASOFFICE_PIN_FILE"), 0);
    assert_int_equal(oaid_sql_number(&office,
                                     "SELECT COUNT(*) FROM master_key WHERE parameters LIKE "
                                     "'%object=another pair%' AND retired_at_ms IS NULL"),
                     2);
}

static void what_is_not_named_is_asked_for(void **state)
{
    struct keys_source bad = token;

    (void)state;
    bad.module = NULL;
    assert_int_equal(keys_rotate(office.o, &bad, NULL), GF_E_USAGE);
    bad = token;
    bad.token = NULL;
    assert_int_equal(keys_rotate(office.o, &bad, NULL), GF_E_USAGE);
    bad.token = "semi;colon";
    assert_int_equal(keys_rotate(office.o, &bad, NULL), GF_E_USAGE);
    bad.token = "nobody's";
    assert_int_equal(keys_rotate(office.o, &bad, NULL), GF_E_FILE);
    bad = token;
    bad.object = NULL; /* has a name of its own */
    assert_int_equal(keys_rotate(office.o, &bad, NULL), 0);
    assert_int_equal(oaid_sql_number(&office,
                                     "SELECT COUNT(*) FROM master_key WHERE parameters LIKE "
                                     "'%;object=gasoffice;%' AND retired_at_ms IS NULL"),
                     2);
}

#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(only_the_token_opens_it),        T(a_wrong_pin_is_told_and_not_repeated),
        T(a_token_that_is_away_is_told),   T(a_library_that_others_may_change_is_not_loaded),
        T(damaged_parameters_are_found),   T(rotation_to_it_and_from_it),
        T(what_is_not_named_is_asked_for),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start_all, NULL);
}
