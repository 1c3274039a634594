/* test_bt_gasmeter.c - the meter program: its command line, its files, its simulated body. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/host/real.h"
#include "common/ids.h"
#include "meter-core/port/host/body.h"
#include "meter-core/port/openssl/keywrap.h"
#include "tests/aid/proc.h"

#define ID "GM2400001223"
#define BOUND_MS 30000
#define ARGS_MAX 24

static const char header[] = "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key";

/* ---- the body, on a clock that the test moves ---- */

static int64_t now;

static int64_t read_now(void *ctx)
{
    (void)ctx;
    return now;
}

static const struct gf_clock clock_of_test = {NULL, read_now, read_now};

static void test_valve_travels(void **state)
{
    struct gm_body body;
    struct mc_ports ports;

    (void)state;
    now = 5000;
    gm_body_init(&body, &clock_of_test, 0);
    gm_body_ports(&body, &ports);
    assert_int_equal(ports.valve.state(ports.valve.ctx), gasm_ValveState_VALVE_SHUT);
    assert_int_equal(gm_body_wait_ms(&body), -1);
    assert_int_equal(ports.valve.drive(ports.valve.ctx, true), 0);
    assert_int_equal(gm_body_wait_ms(&body), GM_TRAVEL_MS);
    now += GM_TRAVEL_MS - 1;
    assert_int_equal(ports.valve.state(ports.valve.ctx), gasm_ValveState_VALVE_MOVING);
    assert_int_equal(ports.valve.drive(ports.valve.ctx, true), 0);      /* the same order again */
    assert_int_equal(gm_body_wait_ms(&body), 1);
    now += 1;
    assert_int_equal(ports.valve.state(ports.valve.ctx), gasm_ValveState_VALVE_OPEN);
    assert_int_equal(ports.valve.drive(ports.valve.ctx, false), 0);
    now += 10;
    assert_int_equal(ports.valve.drive(ports.valve.ctx, true), 0);      /* turned round */
    assert_int_equal(gm_body_wait_ms(&body), GM_TRAVEL_MS);
    now += GM_TRAVEL_MS;
    assert_int_equal(ports.valve.state(ports.valve.ctx), gasm_ValveState_VALVE_OPEN);
    assert_true(ports.supply_mv(ports.supply_ctx) > 3000);
    assert_int_equal(ports.temperature_dc(ports.supply_ctx), 200);
}

/* Every litre once, however the time is cut. */
static void test_gas_flows(void **state)
{
    static const int steps[] = {1, 7, 999, 3600, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct gm_body body;
        struct mc_ports ports;
        uint64_t pulses = 0;
        int64_t end;

        now = 0;
        gm_body_init(&body, &clock_of_test, 720);
        gm_body_set_pulse(&body, 10);
        gm_body_ports(&body, &ports);
        now = 1000000;
        assert_int_equal(gm_body_advance(&body), 0);    /* shut */
        (void)ports.valve.drive(ports.valve.ctx, true);
        for (end = now + GM_TRAVEL_MS + 3600000; now < end;) {
            now = now + steps[i] < end ? now + steps[i] : end;
            pulses += gm_body_advance(&body);
        }
        assert_int_equal(pulses, 72);
        assert_int_equal(gm_body_wait_ms(&body), 10 * 3600000 / 720 + 1);
        (void)ports.valve.drive(ports.valve.ctx, false);
        now += 3600000;
        assert_int_equal(gm_body_advance(&body), 0);
    }
}

/* ---- the program ---- */

static char dir[400];

static const char *in_dir(const char *name)
{
    static char path[64][512];  /* each is good for a while */
    static unsigned at;

    at = (at + 1) % 64;
    (void)snprintf(path[at], sizeof path[at], "%s/%s", dir, name);
    return path[at];
}

static void write_text(const char *path, const char *text)
{
    struct gf_fail why = {0};

    assert_int_equal(gf_file_write(path, text, strlen(text), 0600, &why), 0);
}

static size_t read_text(const char *path, char *ret, size_t cap)
{
    int n = gf_file_read(path, (uint8_t *)ret, cap - 1, NULL);

    assert_true(n >= 0);
    ret[n] = '\0';
    return (size_t)n;
}

/* Run it to its end: exit status, stderr in `err`. */
static int run_program(char *err, size_t cap, const char *const args[])
{
    const char *argv[ARGS_MAX] = {aid_program("gasmeter")};
    struct aid_spawn_how how = {.err_path = in_dir("stderr")};
    size_t n = 1;
    int status;

    (void)unlink(how.err_path);
    for (size_t i = 0; args[i] != NULL && n < ARGS_MAX - 1; i++)
        argv[n++] = args[i];
    status = aid_wait_exit(aid_spawn_how(argv, &how), BOUND_MS);
    (void)read_text(in_dir("stderr"), err, cap);
    return status;
}

static int setup(void **state)
{
    static unsigned round;
    char key[2 * 32 + 2] = "";

    (void)state;
    (void)snprintf(dir, sizeof dir, "%s/%u", aid_tmpdir(), round++);
    assert_int_equal(mkdir(dir, 0700), 0);
    for (int i = 0; i < 32; i++)
        (void)snprintf(key + 2 * i, 3, "%02X", (unsigned)i);
    write_text(in_dir("key"), strcat(key, "\n"));
    return 0;
}

static int manufacture(const char *id, const char *nvm, char *err, size_t cap)
{
    const char *const args[] = {"manufacture", "--id", id, "--nvm", in_dir(nvm), "--transport-key",
                                in_dir("key"), "--shipment", in_dir("shipment.csv"), "--type", "7",
                                "--pulse-l", "1", "--address", "02:00:00:00:00:05", "--verified",
                                "2026-11-22", NULL};

    return run_program(err, cap, args);
}

static void test_shipment(void **state)
{
    char err[400], csv[1000], line[300];
    uint8_t kek[32], wrapped[2][MC_WRAPPED_LEN], key[2][32];
    const char *at;

    (void)state;
    assert_int_equal(manufacture(ID, "a.nvm", err, sizeof err), 0);
    assert_string_equal(err, "");
    assert_int_equal(manufacture("GM2400001320", "b.nvm", err, sizeof err), 0);
    (void)read_text(in_dir("shipment.csv"), csv, sizeof csv);
    (void)snprintf(line, sizeof line, "%s\n" ID ",7,1,2026-11-22,02:00:00:00:00:05,", header);
    assert_memory_equal(csv, line, strlen(line));
    at = csv + strlen(line);
    for (uint8_t i = 0; i < 32; i++)
        kek[i] = i;
    for (int i = 0; i < 2; i++) {
        char hex[2 * MC_WRAPPED_LEN + 1];

        (void)snprintf(hex, sizeof hex, "%s", at);
        assert_int_equal(gf_unhex(hex, wrapped[i], MC_WRAPPED_LEN), 0);
        assert_int_equal(mc_key_unwrap(kek, wrapped[i], key[i]), 0);
        at += 2 * MC_WRAPPED_LEN;
        assert_int_equal(*at++, '\n');
        if (i == 0) {
            assert_memory_equal(at, "GM2400001320,", 13);
            at = strstr(at, ":05,") + 4;
        }
    }
    assert_string_equal(at, "");
    assert_memory_not_equal(key[0], key[1], 32);
}

static void test_nothing_half_made(void **state)
{
    char err[400], before[1000], after[1000];
    const char *const no_dir[] = {"manufacture", "--id", ID, "--nvm", in_dir("c.nvm"),
                                  "--transport-key", in_dir("key"), "--shipment",
                                  "/nonexistent/s.csv", NULL};

    (void)state;
    assert_int_equal(manufacture(ID, "a.nvm", err, sizeof err), 0);
    (void)read_text(in_dir("shipment.csv"), before, sizeof before);
    assert_int_equal(manufacture(ID, "a.nvm", err, sizeof err), 3);
    assert_non_null(strstr(err, "never made twice"));
    (void)read_text(in_dir("shipment.csv"), after, sizeof after);
    assert_string_equal(before, after);
    assert_int_equal(run_program(err, sizeof err, no_dir), 3);
    assert_non_null(strstr(err, "/nonexistent/s.csv"));
    assert_int_equal(access(in_dir("c.nvm"), F_OK), -1);
    write_text(in_dir("key"), "00112233\n");
    assert_int_equal(manufacture(ID, "d.nvm", err, sizeof err), 3);
    assert_non_null(strstr(err, "transport-key"));
    assert_int_equal(access(in_dir("d.nvm"), F_OK), -1);
}

/* Every wrong command line is refused with the place; nothing is made. */
static void test_usage(void **state)
{
#define MAKE "manufacture", "--nvm", "/dev/null/x", "--transport-key", "k", "--shipment", "s"
    static const struct {
        const char *args[ARGS_MAX];
        int status;
        const char *says;
    } cases[] = {
        {{NULL}, 2, "manufacture, run or --uart"},
        {{"fly", NULL}, 2, "fly"},
        {{"run", NULL}, 2, "nvm: is needed"},
        {{"run", "--nvm", NULL}, 2, "--nvm"},
        {{"run", "--nvm", "x", "more", NULL}, 2, "more"},
        {{"run", "--nvm", "x", "--id", ID, NULL}, 2, "option"},
        {{"run", "--nvm", "x", "--speed", NULL}, 2, "--speed"},
        {{"run", "--nvm", "x", "--flow-l-per-h", "fast", NULL}, 3, "flow-l-per-h: fast"},
        {{"run", "--nvm", "x", "--clock-rate", "0", NULL}, 3, "clock-rate: 0"},
        {{"run", "--nvm", "x", "--adapter", "hci0", NULL}, 3, "adapter: hci0"},
        {{"run", "--nvm", "/nonexistent/m", NULL}, 3, "manufacture the meter first"},
        {{MAKE, NULL}, 2, "id: is needed"},
        {{MAKE, "--id", "GM2400001224", NULL}, 3, "GM2400001224"},
        {{MAKE, "--id", ID, "--pulse-l", "5", NULL}, 3, "pulse-l"},
        {{MAKE, "--id", ID, "--verified", "2026-02-30", NULL}, 3, "verified: 2026-02-30"},
        {{MAKE, "--id", ID, "--address", "02:00", NULL}, 3, "address: 02:00"},
        {{MAKE, "--id", ID, NULL}, 3, "k: No such file"},
    };
    char err[600];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = run_program(err, sizeof err, cases[i].args);

        if (status != cases[i].status || strstr(err, cases[i].says) == NULL)
            fail_msg("case %zu: status %d, %s", i, status, err);
    }
}

static void test_help(void **state)
{
    static const char *const ways[][4] = {{"--help", NULL}, {"run", "--help", NULL},
                                          {"manufacture", "--help", NULL}};
    char text[4000];        /* its stdout goes where its stderr goes */

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run_program(text, sizeof text, ways[i]), 0);
        assert_non_null(strstr(text, "gasmeter manufacture [options]"));
        assert_non_null(strstr(text, "--flow-l-per-h N"));
    }
}

/* It lives without a Bluetooth service, keeps others off its memory, and ends when told. */
static void test_run(void **state)
{
    const char *argv[] = {aid_program("gasmeter"), "run", "--nvm", in_dir("a.nvm"), "--bus",
                          "unix:path=/nonexistent/bus", "--verbose", NULL};
    const char *const again[] = {"run", "--nvm", in_dir("a.nvm"), NULL};
    char err[400], kept[512];
    pid_t pid;
    int out;

    (void)state;
    (void)snprintf(kept, sizeof kept, "%s", argv[3]);
    argv[3] = kept;
    assert_int_equal(manufacture(ID, "a.nvm", err, sizeof err), 0);
    for (int round = 0; round < 3; round++) {
        argv[0] = aid_program("gasmeter");
        pid = aid_spawn(argv, &out);
        assert_true(pid > 0);
        assert_int_equal(aid_wait_line(out, "factory, valve shut, index 0 l", BOUND_MS), 0);
        if (round == 0)
            assert_int_equal(run_program(err, sizeof err, again), 8);
        if (round == 1)
            assert_int_equal(aid_kill(pid), 128 + SIGKILL);
        else
            assert_int_equal(aid_stop(pid), 0);
        (void)close(out);
    }
}

static void test_damaged_memory(void **state)
{
    const char *const args[] = {"run", "--nvm", in_dir("bad.nvm"), NULL};
    char err[400];

    (void)state;
    write_text(in_dir("bad.nvm"), "this is no meter");
    assert_int_equal(run_program(err, sizeof err, args), 7);
    assert_non_null(strstr(err, "bad.nvm"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valve_travels), cmocka_unit_test(test_gas_flows),
        T(test_shipment), T(test_nothing_half_made), T(test_usage), T(test_help), T(test_run),
        T(test_damaged_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
