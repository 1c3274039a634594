/* test_faults.c - every call of every port fails, once or for good, in everything that a meter
 * journals and whenever it starts: nothing is lost, nothing is done twice, no half of anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/commands.h"
#include "tests/aid/cuts.h"
#include "tests/aid/ports_fail.h"

static const char *const names[AID_PORTS] = {"read", "program", "erase", "crypto", "random"};

static bool is_whole_campaign(void)
{
    return getenv("TEST_ALL") != NULL;
}

/* The client's library fails as well, so a refusal or a session that breaks is tried again. */
static const char *fail_once(struct aid_scene *s, enum aid_port port, uint64_t at, bool *ret_hit)
{
    struct aid_life *l = aid_scene_back(s);
    struct aid_ports_fail f = {.port = port, .in = (int64_t)at};
    const char *wrong;

    l->patient = true;
    l->faults_in = &f.in;
    aid_ports_fail(&f, l->w);
    wrong = aid_scene_live(s);
    *ret_hit = f.failed;
    return wrong;
}

static uint64_t sweep(const struct aid_cut_row *row, enum aid_port port, uint32_t left)
{
    const char *wrong;
    struct aid_scene *s = aid_scene_new(row, 8, left, AID_FAULT_NONE, &wrong);
    uint64_t at = 0, step = is_whole_campaign() ? 1 : port == AID_PORT_READ ? 797 : 1;
    bool hit = true;

    assert_null(wrong);
    for (; hit; at += step) {
        wrong = fail_once(s, port, at, &hit);
        if (wrong != NULL)
            fail_msg("%s, %s call %llu fails, %u bytes free: %s", row->name, names[port],
                     (unsigned long long)at, left, wrong);
    }
    aid_scene_free(s);
    return at / step;
}

static void sweep_all(enum aid_port port)
{
    const struct aid_cut_row *row;
    uint64_t survived = 0;
    size_t n = 0;

    for (; (row = aid_cut_rows(n)) != NULL; n++) {
        /* Flash that cannot be read is what a self-test is there to report. */
        if (port == AID_PORT_READ && row->command == gasm_Command_SELF_TEST)
            continue;
        survived += sweep(row, port, AID_CUT_WHOLE);
        if (port != AID_PORT_CRYPTO && port != AID_PORT_RANDOM)
            survived += sweep(row, port, 1600);
    }
    print_message("# %llu failed calls survived: %s\n", (unsigned long long)survived, names[port]);
    assert_true(survived > n);
}

static void test_read(void **state)
{
    (void)state;
    sweep_all(AID_PORT_READ);
}

static void test_program(void **state)
{
    (void)state;
    sweep_all(AID_PORT_PROGRAM);
}

static void test_erase(void **state)
{
    (void)state;
    sweep_all(AID_PORT_ERASE);
}

static void test_crypto(void **state)
{
    (void)state;
    sweep_all(AID_PORT_CRYPTO);
}

static void test_random(void **state)
{
    (void)state;
    sweep_all(AID_PORT_RANDOM);
}

/* A start whose flash fails at any call: the meter starts, or it is shut and refuses everything;
 * and the next start, on flash that works again, finds all as it was. */
static void start_failing(enum aid_port port, uint32_t left)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    struct aid_ports_fail f = {.port = port, .in = -1};
    uint64_t receipts = w->meter->core.receipt_seq, index_l = w->meter->core.totals.index_l;
    uint64_t starts = 0, step = is_whole_campaign() || port != AID_PORT_READ ? 1 : 151;
    gasm_Balance balance;
    bool hit = true;

    while (mc_journal_free(&w->meter->journal) > left)
        mc_meter_pulse(w->meter, 10);
    index_l = w->meter->core.totals.index_l;
    aid_ports_fail(&f, w);
    for (uint64_t at = 0; hit; at += step, starts++) {
        f.in = (int64_t)at;
        f.for_good = starts % 2 == 1;
        if (aid_world_restart(w) != 0) {
            assert_false(w->meter->usable);
            assert_int_equal(w->valve.state, gasm_ValveState_VALVE_SHUT);
            mc_meter_balance(w->meter, &balance);
            assert_int_equal(balance.state, gasm_LifeState_LIFE_UNKNOWN);
            assert_int_equal(mc_commands_allowed(w->meter), 0);
            mc_meter_button(w->meter);
            mc_meter_pulse(w->meter, 1);
            aid_world_pass(w, 2000);
            assert_int_equal(w->valve.state, gasm_ValveState_VALVE_SHUT);
        }
        hit = f.failed;
        f.in = -1;
        f.failed = false;
        assert_int_equal(aid_world_restart(w), 0);
        assert_int_equal(w->meter->core.totals.index_l, index_l);
        assert_int_equal(w->meter->core.receipt_seq, receipts);
        assert_int_equal(w->meter->core.life, gasm_LifeState_IN_SERVICE);
        aid_world_pass(w, 20);
    }
    print_message("# %llu starts with a failed call: %s\n", (unsigned long long)starts,
                  names[port]);
    assert_true(starts > 1);
    aid_world_free(w);
}

static void test_start(void **state)
{
    (void)state;
    for (enum aid_port port = AID_PORT_READ; port <= AID_PORT_PROGRAM; port++) {
        start_failing(port, 100000);
        start_failing(port, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),   cmocka_unit_test(test_program), cmocka_unit_test(test_erase),
        cmocka_unit_test(test_crypto), cmocka_unit_test(test_random),  cmocka_unit_test(test_start),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
