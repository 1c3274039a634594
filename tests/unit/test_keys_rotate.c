/* test_keys_rotate.c - a new master key while others serve, killed anywhere, gone on with. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/keys_in.h"
#include "backend/office_issue.h"
#include "common/host/real.h"
#include "tests/aid/office_aid.h"
#include "tests/aid/proc.h"

#define MANY 600 /* more than two batches */

static struct oaid_office office;
static struct oaid_laptop laptop;
static struct keys_source to_file, to_passphrase;

static const char *in_tmp(const char *name)
{
    static char path[4][600];
    static size_t turn;
    char *ret = path[turn++ % 4];

    (void)snprintf(ret, sizeof path[0], "%s/%s", aid_tmpdir(), name);
    return ret;
}

static void provider(void)
{
    uint8_t key[KEYS_LEN], sealed[KEYS_SEALED_LEN];
    char label[KEYS_LABEL_MAX], hex[2 * KEYS_SEALED_LEN + 1], sql[400];

    memset(key, 77, sizeof key);
    keys_provider_label("demo", label);
    assert_int_equal(ho_seal(office.o, label, key, sealed), 0);
    gf_hex(sealed, sizeof sealed, hex);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO provider (org_id, name, kind, sealed, sealed_version, made_at_ms) "
                   "VALUES (1, 'demo', 'webhook', x'%s', %u, 0)",
                   hex, keys_sealed_version(sealed));
    oaid_sql(&office, sql);
}

static int start(void **state)
{
    static char file[600];

    (void)state;
    oaid_start(&office, &laptop); /* factory keys of three meters, an account key */
    provider();
    (void)snprintf(file, sizeof file, "%s", in_tmp("passphrase"));
    assert_int_equal(gf_file_write(file, "a passphrase of tests\n", 22, 0600, NULL), 0);
    to_file = (struct keys_source){ .kind = KEYS_FILE };
    to_passphrase =
        (struct keys_source){ .kind = KEYS_PASSPHRASE, .passphrase_file = file, .work = 14 };
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

static void reopen(void)
{
    struct gf_fail why = { 0 };

    office.o = office_close(office.o);
    if (office_open_with(office.dir, &to_passphrase, &office.ports, &office.o, &why) != 0)
        fail_msg("%s: %s", why.where, why.detail);
}

/* Every key of the office is what it was. */
static uint8_t account_key[KEYS_LEN], derived[KEYS_LEN];

static void remember(void)
{
    assert_int_equal(ho_root_key(office.o, AID_METER_1, 1, account_key), 1);
    assert_int_equal(ho_derive(office.o, "enrol codes", derived), 0);
}

static void check_keys(void)
{
    static const char *const ids[] = { AID_METER_1, AID_METER_2, AID_METER_3 };
    uint8_t key[KEYS_LEN], want[KEYS_LEN], sealed[KEYS_SEALED_LEN];
    struct odb_query *q;
    char label[KEYS_LABEL_MAX];

    office.o->fail = (struct gf_fail){ 0 };
    for (uint8_t i = 0; i < 3; i++) {
        memset(want, i + 1, sizeof want);
        assert_int_equal(ho_root_key(office.o, ids[i], 0, key), 1);
        assert_memory_equal(key, want, sizeof key);
    }
    assert_int_equal(ho_root_key(office.o, AID_METER_1, 1, key), 1);
    assert_memory_equal(key, account_key, sizeof key);
    assert_int_equal(ho_derive(office.o, "enrol codes", key), 0);
    assert_memory_equal(key, derived, sizeof key);
    q = odb_query(office.o->db, "SELECT sealed FROM provider WHERE org_id = ?1", ODB_NONE);
    assert_int_equal(odb_next(office.o->db, q), 1);
    assert_true(odb_copy(q, 0, sealed, sizeof sealed));
    odb_end(q);
    keys_provider_label("demo", label);
    memset(want, 77, sizeof want);
    assert_int_equal(ho_unseal(office.o, label, (struct gf_span){ sealed, sizeof sealed }, key), 0);
    assert_memory_equal(key, want, sizeof key);
}

static int64_t rows_below(int64_t version)
{
    char sql[300];

    (void)snprintf(sql, sizeof sql,
                   "SELECT (SELECT COUNT(*) FROM meter WHERE sealed_version < %d) + (SELECT "
                   "COUNT(*) FROM account_key WHERE sealed_version < %d) + (SELECT COUNT(*) FROM "
                   "provider WHERE sealed_version < %d)",
                   (int)version, (int)version, (int)version);
    return oaid_sql_number(&office, sql);
}

static int64_t held(void)
{
    return oaid_sql_number(&office, "SELECT COUNT(*) FROM master_key WHERE retired_at_ms IS NULL");
}

/* Meters until there are MANY. */
static void many_meters(void)
{
    struct buf text = { 0 };
    char ten[16], id[24], digits[3], row[200];

    buf_text(&text, "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n");
    for (int i = 3; i < MANY; i++) {
        (void)snprintf(ten, sizeof ten, "GM77%06d", i);
        assert_int_equal(gf_meter_id_digits(ten, digits), 0);
        (void)snprintf(id, sizeof id, "%s%s", ten, digits);
        oaid_shipment_row(id, 9, row);
        buf_text(&text, row);
    }
    buf_add(&text, "", 1);
    assert_int_equal(oaid_import_meters(&office, (const char *)text.p), 0);
    buf_free(&text);
}

/* ---- what a rotation does ---- */

static void everything_is_sealed_anew(void **state)
{
    uint8_t old[KEYS_LEN], now[KEYS_LEN];
    char path[600];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/master.key", office.dir);
    assert_int_equal(gf_file_read(path, old, sizeof old, NULL), 32);
    remember();
    assert_int_equal(keys_rotate(office.o, &to_file, NULL), 0);
    check_keys();
    assert_int_equal(rows_below(2), 0);
    assert_int_equal(held(), 2); /* the derivation secret and data key 2 */
    assert_int_equal(gf_file_read(path, now, sizeof now, NULL), 32);
    assert_memory_not_equal(old, now, sizeof old);
    reopen();
    check_keys();
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log WHERE what = 'master "
                                              "key changed'"),
                     1);

    /* the old one opens nothing */
    office.o = office_close(office.o);
    assert_int_equal(gf_file_write(path, old, sizeof old, 0600, NULL), 0);
    assert_int_equal(office_open(office.dir, &office.ports, &office.o, NULL), GF_E_FILE);
    assert_int_equal(gf_file_write(path, now, sizeof now, 0600, NULL), 0);
    reopen();
}

static void kinds_follow_one_another(void **state)
{
    (void)state;
    remember();
    assert_int_equal(keys_rotate(office.o, &to_passphrase, NULL), 0);
    check_keys();
    reopen();
    check_keys();
    assert_int_equal(keys_rotate(office.o, &to_passphrase, NULL), 0); /* another salt */
    assert_int_equal(keys_rotate(office.o, &to_file, NULL), 0);
    reopen();
    check_keys();
    assert_int_equal(rows_below(4), 0);
    assert_int_equal(held(), 2);
}

static void a_new_key_that_cannot_be_made_changes_nothing(void **state)
{
    struct keys_source none = { .kind = KEYS_PASSPHRASE, .passphrase_file = "/nonexistent/file" };
    int64_t log = oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log");

    (void)state;
    remember();
    assert_int_equal(keys_rotate(office.o, &none, NULL), GF_E_FILE);
    none = (struct keys_source){ .kind = KEYS_PKCS11 };
    assert_int_equal(keys_rotate(office.o, &none, NULL), GF_E_USAGE);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log"), log);
    assert_int_equal(oaid_sql_number(&office, "SELECT MAX(version) FROM master_key"), 1);
    reopen();
    check_keys();
}

/* ---- while others serve ---- */

struct service {
    struct oaid_office office;
    struct oaid_laptop laptop;
    struct oaid_meter meter;
    int calls;
};

static bool serve(void *ctx, int64_t done, int64_t all)
{
    struct service *s = ctx;
    char number[32];

    assert_true(done <= all);
    s->laptop.a = &s->office;
    if (s->calls == 0)
        oaid_order(&s->office, 2, number); /* a key of its own will be made for it */
    assert_int_equal(oaid_fetch(&s->laptop), 200);
    if (s->calls == 0) {
        sync_Job job = s->laptop.jobs[0];

        assert_string_equal(job.meter_id, AID_METER_2);
        assert_int_equal(s->laptop.n_keys, 1);
        oaid_meter_new(&s->meter, 2, &s->laptop);
        oaid_begin(&s->laptop);
        oaid_add_opening(&s->laptop, &job, &s->meter, 10);
        assert_int_equal(oaid_send(&s->laptop), 200);
        for (size_t i = 0; i < s->laptop.n_verdicts; i++)
            assert_int_equal(s->laptop.verdicts[i].kind, sync_VerdictKind_APPLIED);
    }
    s->calls++;
    return true;
}

/* Another handle, as another process has it, issues keys and tickets and opens receipts in every
 * pause of the rotation. */
static void others_serve_meanwhile(void **state)
{
    static struct service s;
    const struct keys_progress progress = { &s, serve };

    (void)state;
    many_meters();
    s.office = office;
    s.office.o = NULL;
    assert_int_equal(setenv("GASOFFICE_PASSPHRASE_FILE", to_passphrase.passphrase_file, 1), 0);
    assert_int_equal(office_open(office.dir, &office.ports, &s.office.o, NULL), 0);
    assert_true(office_set_url(s.office.o, "https://127.0.0.1:1"));
    s.laptop = laptop;
    remember();
    assert_int_equal(keys_rotate(office.o, &to_passphrase, &progress), 0);
    assert_int_equal(unsetenv("GASOFFICE_PASSPHRASE_FILE"), 0);
    assert_true(s.calls > 4);
    check_keys();
    assert_int_equal(rows_below(2), 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account_key WHERE meter_id = "
                                              "'" AID_METER_2 "' AND state = 'active'"),
                     1);
    s.office.o = office_close(s.office.o);
}

/* One that cannot get at the new master key keeps what it has: it reads, it seals nothing, and it
 * goes on as soon as it can. */
static void one_without_the_new_passphrase_waits(void **state)
{
    struct oaid_office other = office;
    uint8_t key[KEYS_LEN], sealed[KEYS_SEALED_LEN];

    (void)state;
    other.o = NULL;
    assert_int_equal(office_open(office.dir, &office.ports, &other.o, NULL), 0);
    remember();
    assert_int_equal(keys_rotate(office.o, &to_passphrase, NULL), 0);
    assert_true(ho_root_key(other.o, AID_METER_1, 0, key) < 0);
    assert_int_equal(other.o->fail.code, GF_E_NOT_NOW);
    assert_non_null(strstr(other.o->fail.detail, "GASOFFICE_PASSPHRASE_FILE"));
    other.o->fail = (struct gf_fail){ 0 };
    assert_int_equal(ho_seal(other.o, "x", key, sealed), GF_E_NOT_NOW);
    assert_int_equal(setenv("GASOFFICE_PASSPHRASE_FILE", to_passphrase.passphrase_file, 1), 0);
    assert_int_equal(ho_root_key(other.o, AID_METER_1, 0, key), 1);
    assert_int_equal(ho_seal(other.o, "x", key, sealed), 0);
    assert_int_equal(keys_sealed_version(sealed), 2);
    assert_int_equal(unsetenv("GASOFFICE_PASSPHRASE_FILE"), 0);
    other.o = office_close(other.o);
}

static void two_at_once_is_one_too_many(void **state)
{
    struct gf_fail why = { 0 };
    int lock = keys_folder_lock(office.dir, &why);

    (void)state;
    assert_true(lock >= 0);
    assert_int_equal(keys_rotate(office.o, &to_file, NULL), GF_E_NOT_NOW);
    assert_int_equal(keys_rotate_rest(office.o, NULL), GF_E_NOT_NOW);
    keys_folder_unlock(lock);
    assert_int_equal(keys_rotate(office.o, &to_file, NULL), 0);
}

/* ---- stopped, and gone on with ---- */

static bool until(void *ctx, int64_t done, int64_t all)
{
    int64_t *limit = ctx;

    (void)all;
    return done < *limit;
}

static void it_stops_and_goes_on(void **state)
{
    int64_t limit = 1, left;
    const struct keys_progress progress = { &limit, until };

    (void)state;
    many_meters();
    remember();
    left = rows_below(2);
    assert_int_equal(left, MANY + 2);
    assert_int_equal(keys_rotate(office.o, &to_file, &progress), GF_E_CANCELLED);
    assert_int_equal(rows_below(2), left - 256);
    assert_int_equal(held(), 3); /* data key 1 is still needed */
    check_keys();
    reopen();
    check_keys();
    assert_int_equal(keys_rotate(office.o, &to_file, &progress), GF_E_CANCELLED); /* once more */
    assert_int_equal(held(), 4);
    check_keys();
    assert_int_equal(keys_rotate_rest(office.o, NULL), 0);
    assert_int_equal(rows_below(3), 0);
    assert_int_equal(held(), 2);
    check_keys();
    reopen();
    check_keys();
}

static void a_damaged_row_keeps_its_data_key(void **state)
{
    (void)state;
    remember();
    oaid_sql(&office, "CREATE TABLE kept AS SELECT factory_key FROM meter WHERE meter_id = "
                      "'" AID_METER_3 "'; UPDATE meter SET factory_key = CAST(substr(factory_key, "
                      "1, 63) || CASE substr(factory_key, 64) WHEN x'00' THEN x'01' ELSE x'00' END "
                      "AS BLOB) WHERE meter_id = '" AID_METER_3 "'");
    assert_int_equal(keys_rotate(office.o, &to_file, NULL), GF_E_STORE_DAMAGED);
    assert_int_equal(rows_below(2), 1);
    assert_int_equal(held(), 3);
    assert_non_null(strstr(office.o->fail.detail, "1 cannot be opened"));
    assert_non_null(strstr(office.o->fail.detail, AID_METER_3 " epoch 0 first"));
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log WHERE detail = "
                                              "'" AID_METER_3 " epoch 0'"),
                     1);
    for (int i = 0; i < KEYS_HELD_MAX + 2; i++) { /* it is in the way of no rotation to come */
        assert_int_equal(keys_rotate(office.o, &to_file, NULL), GF_E_STORE_DAMAGED);
        assert_int_equal(held(), 3);
    }
    reopen();
    oaid_sql(&office,
             "UPDATE meter SET factory_key = (SELECT factory_key FROM kept) WHERE meter_id "
             "= '" AID_METER_3 "'; DROP TABLE kept");
    assert_int_equal(keys_rotate_rest(office.o, NULL), 0);
    assert_int_equal(held(), 2);
    check_keys();
}

/* ---- killed ---- */

/* The world of a child that dies at the n-th thing that it asks for. */
struct mortal {
    int left;
    struct gf_clock clock;
    struct gf_random random;
};

static void live(struct mortal *m)
{
    if (--m->left == 0)
        (void)kill(getpid(), SIGKILL);
}

static int64_t mortal_utc(void *ctx)
{
    live(ctx);
    return AID_NOW_MS;
}

static int mortal_fill(void *ctx, uint8_t *p, size_t n)
{
    const struct gf_random *real = gf_real_random();

    live(ctx);
    return real->fill(real->ctx, p, n);
}

static bool mortal_tell(void *ctx, int64_t done, int64_t all)
{
    (void)done;
    (void)all;
    live(ctx);
    return true;
}

/* A child that rotates; true when it came to the end. */
static bool rotate_until(int n, const struct keys_source *to)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct mortal m = { .left = 1000000 };
        struct office_ports ports = office.ports;
        const struct keys_progress progress = { &m, mortal_tell };
        struct office *o = NULL;
        int r;

        m.clock = (struct gf_clock){ &m, mortal_utc, office.clock.mono_ms };
        m.random = (struct gf_random){ &m, mortal_fill };
        ports.clock = &m.clock;
        ports.random = &m.random;
        r = office_open_with(office.dir, &to_passphrase, &ports, &o, NULL);
        m.left = n;
        if (r == 0)
            r = keys_rotate(o, to, &progress);
        (void)office_close(o);
        _exit(r == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true((WIFEXITED(status) && WEXITSTATUS(status) == 0)
                || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    return WIFEXITED(status);
}

static void killed_anywhere_it_opens_and_goes_on(void **state)
{
    const struct keys_source *const turns[] = { &to_file, &to_passphrase };
    int n = 1, ends = 0;

    (void)state;
    remember();
    office.o = office_close(office.o);
    for (; ends < 2 && n < 200; n++) {
        bool is_end = rotate_until(n, turns[n % 2]);

        ends = is_end ? ends + 1 : 0; /* both kinds came to their end */
        reopen();
        check_keys();
        if (n % 3 == 0) {
            assert_int_equal(keys_rotate_rest(office.o, NULL), 0);
            assert_int_equal(held(), 2);
            check_keys();
        }
        office.o = office_close(office.o);
    }
    assert_in_range(n, 20, 199);
    reopen();
    assert_int_equal(rows_below(oaid_sql_number(&office, "SELECT MAX(version) FROM master_key")),
                     0);
}

/* Between the commit and the new file's name: the open finds it under the name that it has. */
static void a_file_that_did_not_get_its_name_is_found(void **state)
{
    char path[600], beside[640];
    struct stat st;

    (void)state;
    remember();
    assert_int_equal(keys_rotate(office.o, &to_file, NULL), 0);
    (void)snprintf(path, sizeof path, "%s/master.key", office.dir);
    (void)snprintf(beside, sizeof beside, "%s.%s", path, office.o->keys->master_id);
    assert_int_equal(rename(path, beside), 0);
    assert_int_equal(gf_file_write(path, "the old one of thirty-two bytes.", 32, 0600, NULL), 0);
    (void)strcat(path, ".0123456789abcdef"); /* of a rotation that was killed before its commit */
    assert_int_equal(gf_file_write(path, "one that never was, of 32 bytes.", 32, 0600, NULL), 0);
    reopen();
    check_keys();
    assert_int_not_equal(stat(beside, &st), 0);
    assert_int_not_equal(stat(path, &st), 0);
    *strstr(path, ".0123") = '\0';
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    reopen();
    check_keys();
}

#define T(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(everything_is_sealed_anew),
        T(kinds_follow_one_another),
        T(a_new_key_that_cannot_be_made_changes_nothing),
        T(others_serve_meanwhile),
        T(one_without_the_new_passphrase_waits),
        T(two_at_once_is_one_too_many),
        T(it_stops_and_goes_on),
        T(a_damaged_row_keeps_its_data_key),
        T(killed_anywhere_it_opens_and_goes_on),
        T(a_file_that_did_not_get_its_name_is_found),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
