/* test_gasmeter_many.c - meters in one process: their ids, the in-process link, fifty openings, and
 * `gasmeter run --count`. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/host/real.h"
#include "meter-core/meter_state.h"
#include "meter-core/port/host/many.h"
#include "meter-core/port/host/opening.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/linkaid.h"
#include "tests/aid/proc.h"

#define N 50
#define CREDIT_L 10000
#define FLOW_L_PER_H 600
#define BOUND_MS 60000

static int64_t fixed(void *ctx)
{
    (void)ctx;
    return 1795000000000;
}

static const struct gf_clock clock_of_test = {NULL, fixed, fixed};
static struct aid_random seed;
static struct gf_random random_of_test;
static const uint8_t digest[MC_HASH_LEN] = {9};
static struct gm_world world;
static struct gm_inproc meters[N];
static struct gm_client client;

static int setup(void **state)
{
    (void)state;
    seed = (struct aid_random){.state = 8};
    random_of_test = aid_random_port(&seed);
    world = (struct gm_world){&clock_of_test, &random_of_test, mc_crypto_openssl(), digest};
    memset(&client, 0, sizeof client);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gm_client_leave(&client);
    for (size_t i = 0; i < N; i++)
        gm_inproc_done(&meters[i]);
    return 0;
}

static struct mc_birth birth_of(int64_t n, uint32_t pulse_l)
{
    struct mc_birth birth = {.meter_type = 4, .pulse_l = pulse_l};

    assert_int_equal(gm_next_id("GM2600000080", n, birth.meter_id), 0);
    assert_int_equal(random_of_test.fill(random_of_test.ctx, birth.factory_key, MC_KEY_LEN), 0);
    return birth;
}

static void test_ids(void **state)
{
    char id[GF_METER_ID_TEXT], before[GF_METER_ID_TEXT] = "";

    (void)state;
    for (int64_t n = 0; n < 2000; n++) {
        assert_int_equal(gm_next_id(AID_METER_ID, n, id), 0);
        assert_int_equal(gf_meter_id_check(id, NULL), 0);
        assert_memory_equal(id, "GM", 2);
        assert_true(memcmp(id, before, 10) > 0);
        memcpy(before, id, sizeof before);
    }
    assert_int_equal(gm_next_id(AID_METER_ID, 0, id), 0);
    assert_string_equal(id, AID_METER_ID);
    assert_int_equal(gm_next_id("AB9999999900", 0, id), 0);
    assert_memory_equal(id, "AB99999999", 10);
    assert_int_equal(gm_next_id("AB9999999900", 1, id), GF_E_RANGE);
    assert_int_equal(gm_next_id("AB0000000000", -1, id), GF_E_RANGE);
}

/* Every meter goes into service for itself, and its gas is counted to the litre. */
static void test_openings(void **state)
{
    size_t least = SIZE_MAX, most = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        struct mc_birth birth = birth_of(i, i % 2 == 0 ? 1 : 10);
        struct gm_opened opened;
        struct gf_fail why = {0};
        size_t used;

        assert_int_equal(gm_inproc_make(&meters[i], &world, &birth, &why), 0);
        if (gm_open_account(&client, &meters[i], &birth, CREDIT_L, &opened, &why) != 0)
            fail_msg("meter %d: %s: %s", i, why.where, why.detail);
        assert_int_equal(opened.sessions, 2);
        assert_true(opened.requests >= 14);
        assert_int_equal(opened.balance.state, gasm_LifeState_IN_SERVICE);
        assert_int_equal(opened.balance.residual_l, CREDIT_L);
        used = nvm_ram_bytes(&meters[i].nvm);
        least = used < least ? used : least;
        most = used > most ? used : most;
    }
    assert_true(most - least <= 2 * NVM_RAM_PAGE);      /* none takes more because others are */
    for (int i = 0; i < N; i++) {
        const struct mc_core *core = &meters[i].meter->core;
        uint64_t before_l = core->totals.index_l;

        gm_body_set_flow(&meters[i].body, FLOW_L_PER_H);
        gm_inproc_skip(&meters[i], 3600000 + 1);
        assert_int_equal(core->totals.index_l - before_l, FLOW_L_PER_H);
        assert_int_equal(mc_residual_l(&core->totals), CREDIT_L - FLOW_L_PER_H);
        assert_int_equal(core->locks, 0);
        assert_int_equal(core->active_epoch, 1);
        gm_inproc_skip(&meters[i], (int64_t)3600000 * CREDIT_L / FLOW_L_PER_H);
        assert_int_equal(mc_residual_l(&core->totals), 0);  /* it shut when the credit was gone */
        assert_int_equal(meters[i].body.valve, gasm_ValveState_VALVE_SHUT);
    }
}

/* What goes wrong on the link is told, and leaves a meter that can be spoken to again. */
static void test_link(void **state)
{
    struct mc_birth birth = birth_of(1, 1), other = birth;
    struct gm_opened opened;
    struct gf_fail why = {0};
    gasm_Request read = gasm_Request_init_zero;

    (void)state;
    assert_int_equal(gm_inproc_make(&meters[0], &world, &birth, &why), 0);
    assert_int_equal(gm_inproc_make(&meters[1], &world, &birth, &why), 0);
    read.command = gasm_Command_IDENTIFY;
    assert_int_equal(gm_client_ask(&client, &read), GF_E_LINK_LOST);
    assert_int_equal(gm_client_connect(&client, &meters[0]), 0);
    assert_int_equal(gm_client_ask(&client, &read), GF_E_SESSION);
    gm_inproc_skip(&meters[0], 31000);                  /* it drops who does not say who he is */
    assert_int_equal(gm_client_hello(&client, (struct gf_span){birth.factory_key, 8},
                                     birth.factory_key), GF_E_LINK_LOST);
    assert_int_equal(gm_client_connect(&client, &meters[0]), 0);
    other.factory_key[5] ^= 1;
    assert_int_equal(gm_open_account(&client, &meters[0], &other, CREDIT_L, &opened, &why),
                     GF_E_PROOF);
    assert_string_equal(why.where, "hello");
    why = (struct gf_fail){0};
    other = birth_of(2, 1);
    assert_int_equal(gm_open_account(&client, &meters[0], &other, CREDIT_L, &opened, &why),
                     GF_E_TICKET);
    assert_string_equal(why.detail, "wrong-meter");
    why = (struct gf_fail){0};
    assert_int_equal(gm_open_account(&client, &meters[0], &birth, INT64_C(1) << 50, &opened, &why),
                     GF_E_REFUSED);                     /* more than a meter takes */
    why = (struct gf_fail){0};
    assert_int_equal(gm_open_account(&client, &meters[1], &birth, CREDIT_L, &opened, &why), 0);
    assert_int_equal(gm_open_account(&client, &meters[1], &birth, CREDIT_L, &opened, &why),
                     GF_E_TICKET);                      /* the factory key is spent */
    other.pulse_l = 3;
    assert_int_equal(gm_inproc_make(&meters[2], &world, &other, &why), GF_E_FORMAT);
}

/* ---- the program ---- */

static const char *in_dir(const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", aid_tmpdir(), name);
    return path;
}

static void test_program(void **state)
{
    const char *const argv[] = {aid_program("gasmeter"), "run", "--count", "7", "--seconds", "1",
                                "--clock-rate", "20", "--flow-l-per-h", "7200", "--pulse-l", "1",
                                "--id", AID_METER_ID, NULL};
    char line[200];
    int out = -1;
    pid_t pid = aid_spawn(argv, &out);

    (void)state;
    assert_true(pid > 0);
    assert_int_equal(aid_wait_line_get(out, "meters in service", BOUND_MS, line, sizeof line), 0);
    assert_string_equal(line, "meters in service            7 of 7");
    assert_int_equal(aid_wait_line_get(out, "valves open", BOUND_MS, line, sizeof line), 0);
    assert_string_equal(line, "valves open at the end       7");
    assert_int_equal(aid_wait_line_get(out, "sessions", BOUND_MS, line, sizeof line), 0);
    assert_memory_equal(line, "sessions                     14, ", 33);
    assert_int_equal(aid_wait_exit(pid, BOUND_MS), 0);
    (void)close(out);
}

/* Has the program come to the point where signals wait for its loop? */
static bool blocks_signals(pid_t pid)
{
    char path[64], text[4096];
    int n;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    n = gf_file_read(path, (uint8_t *)text, sizeof text - 1, NULL);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, "Name:\tgasmeter") != NULL &&
           strstr(text, "SigBlk:\t0000000000000000") == NULL;
}

/* Ctrl-C amid the run: the table, and status 0. */
static void test_stop(void **state)
{
    const char *const argv[] = {aid_program("gasmeter"), "run", "--count", "100000", NULL};
    long long until_ms = aid_now_ms() + BOUND_MS;
    char line[200];
    int out = -1;
    pid_t pid = aid_spawn(argv, &out);

    (void)state;
    assert_true(pid > 0);
    while (!blocks_signals(pid))
        assert_true(aid_now_ms() < until_ms);
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_int_equal(aid_wait_line_get(out, "meters in service", BOUND_MS, line, sizeof line), 0);
    assert_non_null(strstr(line, "of 100000"));
    assert_int_equal(aid_wait_exit(pid, BOUND_MS), 0);
    (void)close(out);
}

static void test_usage(void **state)
{
    static const struct {
        const char *args[8];
        int status;
        const char *says;
    } cases[] = {
        {{"run", "--count", "0", NULL}, 3, "count: 0"},
        {{"run", "--count", "100001", NULL}, 3, "count: 100001"},
        {{"run", "--count", "5", "--nvm", "x", NULL}, 2, "nvm: is no option of run --count"},
        {{"run", "--count", "5", "--panel", NULL}, 2, "panel: is no option of run --count"},
        {{"run", "--count", "5", "--control", "x", NULL}, 2, "control: is no option of run"},
        {{"run", "--count", "5", "--id", "GM2400001224", NULL}, 3, "GM2400001224"},
        {{"run", "--count", "5", "--id", "GM9999999820", NULL}, 3, "not so many ids"},
        {{"run", "--count", "5", "--pulse-l", "2", NULL}, 3, "pulse-l: 1 or 10"},
        {{"run", "--nvm", "x", "--seconds", "5", NULL}, 2, "seconds: is an option of run --count"},
        {{"manufacture", "--count", "5", NULL}, 2, "option"},
        {{"run --count N", "--count", "5", NULL}, 2, "run --count N"},
    };
    char err[600], id[GF_METER_ID_TEXT];

    (void)state;
    assert_int_equal(gm_next_id("GM9999999800", 0, id), 0);
    assert_string_equal(id, "GM9999999820");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *argv[10] = {aid_program("gasmeter")};
        struct aid_spawn_how how = {.err_path = in_dir("stderr")};
        int status, n;

        (void)unlink(how.err_path);
        for (size_t k = 0; cases[i].args[k] != NULL; k++)
            argv[k + 1] = cases[i].args[k];
        status = aid_wait_exit(aid_spawn_how(argv, &how), BOUND_MS);
        n = gf_file_read(how.err_path, (uint8_t *)err, sizeof err - 1, NULL);
        assert_true(n >= 0);
        err[n] = '\0';
        if (status != cases[i].status || strstr(err, cases[i].says) == NULL)
            fail_msg("case %zu: status %d, %s", i, status, err);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),     T(test_openings),
        T(test_link),                   cmocka_unit_test(test_program),
        cmocka_unit_test(test_stop),    cmocka_unit_test(test_usage),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
