/* test_selftest.c - the meter tests itself: what it looks at, what it refuses, and what it says of
 * the program that runs. */
#include "meter-core/supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/commands.h"
#include "tests/aid/purge_site.h"
#include "tests/aid/supply_site.h"

static const uint8_t digest[MC_HASH_LEN] = {1, 2, 3, 4, 5, 6, 7, 0x88, 9};

/* Run it: its answer. */
static gasm_SelfTest run(struct supply_site *s)
{
    assert_int_equal(supply_ask(s, &s->technician, gasm_Command_SELF_TEST), gasm_Refusal_OK);
    assert_int_equal(s->w->answer.which_body, gasm_Response_self_test_tag);
    assert_true(s->w->answer.receipt.size > 0);
    return s->w->answer.body.self_test;
}

static void expect(struct supply_site *s, bool passes, uint32_t travel_ms)
{
    int64_t a, b;
    gasm_Identity who;

    assert_int_equal(s->w->answer.body.self_test.passed, passes);
    assert_int_equal(s->w->meter->core.self_tested, passes);
    mc_meter_identity(s->w->meter, &who);
    assert_int_equal(who.self_tested, passes);
    assert_true(supply_events(s, MC_EVENT_SELF_TEST, &a, &b) >= 1);
    assert_int_equal(a, passes);
    assert_int_equal(b, travel_ms);
}

static void test_shut(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    gasm_SelfTest t;

    (void)state;
    s.w->ports.firmware_digest = digest;
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_int_equal(s.w->meter->core.self_tested, 0);
    t = run(&s);
    expect(&s, true, 0);
    assert_int_equal(t.valve, gasm_ValveState_VALVE_SHUT);
    assert_int_equal(t.travel_ms, 0);
    assert_int_equal(t.supply_mv, 3600);
    assert_int_equal(t.temperature_dc, 210);
    assert_true(t.nvm_good);
    assert_int_equal(t.erase_cycles, mc_journal_cycles(&s.w->meter->journal));
    assert_memory_equal(t.firmware_digest, digest, sizeof digest);
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_int_equal(s.w->meter->core.self_tested, 1);
    supply_finish(&s);
}

/* In service with gas: it shuts the valve, measures the travel, and leaves it shut. */
static void test_open(void **state)
{
    (void)state;
    for (int64_t travel_ms = 500; travel_ms <= 9000; travel_ms += 2500) {
        struct supply_site s = supply_make(1, 50000);
        gasm_SelfTest t;

        supply_open(&s);
        s.w->valve.travel_ms = travel_ms;
        t = run(&s);
        assert_in_range(t.travel_ms, travel_ms, travel_ms + 20);
        expect(&s, true, t.travel_ms);
        aid_world_pass(s.w, 5000);
        assert_true(supply_is_shut(&s));
        assert_int_equal(s.w->valve.opened, 2);
        supply_finish(&s);
    }
}

/* While it waits for the valve a press opens nothing; nor afterwards, without a new arming. */
static void test_press_meanwhile(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    struct aid_pass pass = aid_world_pass_of(&s.technician);
    gasm_Request r = aid_request(s.w, gasm_Command_SELF_TEST, 9000);
    uint64_t answers;

    (void)state;
    mc_supply_arm(s.w->meter);
    aid_world_connect(s.w, 247);
    assert_int_equal(aid_world_hello(s.w, &pass), 0);
    answers = s.w->answers;
    assert_int_equal(aid_world_send(s.w, &r), 0);
    aid_world_pass(s.w, 1000);
    assert_int_equal(s.w->answers, answers);
    mc_supply_arm(s.w->meter);
    mc_meter_button(s.w->meter);
    assert_int_equal(s.w->valve.opened, 1);
    aid_world_pass(s.w, 3000);
    assert_int_equal(s.w->answers, answers + 1);
    assert_true(s.w->answer.body.self_test.passed);
    supply_finish(&s);
}

/* What makes it fail: the valve does not shut; power out of its limits. */
static void test_failures(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    gasm_SelfTest t;

    (void)state;
    supply_open(&s);
    s.w->valve.stuck = true;
    t = run(&s);
    assert_int_equal(t.valve, gasm_ValveState_VALVE_OPEN);
    expect(&s, false, 0);
    s.w->valve.stuck = false;
    aid_world_pass(s.w, 20000);
    (void)run(&s);
    expect(&s, true, 0);
    s.w->supply_mv = 2899;
    t = run(&s);
    assert_int_equal(t.supply_mv, 2899);
    expect(&s, false, 0);
    s.w->supply_mv = 2900;
    s.w->temperature_dc = -251;
    t = run(&s);
    assert_int_equal(t.temperature_dc, -251);
    expect(&s, false, 0);
    s.w->temperature_dc = -250;
    (void)run(&s);
    expect(&s, true, 0);
    supply_finish(&s);
}

struct place {
    uint32_t addr[512], n;
};

static int note_place(void *ctx, const struct mc_record *record)
{
    struct place *at = ctx;

    if (at->n < sizeof at->addr / sizeof at->addr[0])
        at->addr[at->n++] = record->addr;
    return 0;
}

/* One byte of any record of the journal has gone bad since it was written. */
static void test_bad_record(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    struct place *at = calloc(1, sizeof *at);
    uint32_t bad = 0;

    (void)state;
    assert_non_null(at);
    for (unsigned i = 0; i < 20; i++)
        supply_set(&s, MC_PARAM_CREDIT_LOW, i);
    assert_int_equal(mc_journal_replay(&s.w->meter->journal, note_place, at), 0);
    assert_true(at->n > 40);
    for (uint32_t i = 0; i < at->n; i += i == 0 ? 2 : 1) {
        /* (Not the second: the start after it wrote that one twice.) */
        uint8_t *byte = &s.w->flash.bytes[at->addr[i]];
        gasm_SelfTest t;

        *byte ^= 0x10;
        t = run(&s);
        assert_false(t.nvm_good);
        assert_false(t.passed);
        *byte ^= 0x10;
        bad++;
    }
    assert_int_equal(bad, at->n - 1);
    assert_true(run(&s).passed);
    free(at);
    supply_finish(&s);
}

/* The newest record of all: nothing that follows shows that it is missing. */
static void test_bad_last_record(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    struct aid_pass pass = aid_world_pass_of(&s.technician);
    gasm_Request r = aid_request(s.w, gasm_Command_SELF_TEST, 9000);
    struct mc_journal *j = &s.w->meter->journal;

    (void)state;
    aid_world_connect(s.w, 247);
    assert_int_equal(aid_world_hello(s.w, &pass), 0);
    assert_int_equal(aid_world_send(s.w, &r), 0);
    aid_world_pass(s.w, 1000);
    s.w->flash.bytes[j->sector * AID_FLASH_SECTOR + j->last + 20] ^= 1;
    aid_world_pass(s.w, 2000);
    assert_int_equal(s.w->answer.which_body, gasm_Response_self_test_tag);
    assert_false(s.w->answer.body.self_test.nvm_good);
    supply_finish(&s);
}

/* After torn records of a power cut, and a turn of the journal, it still reads back whole. */
static void test_after_cuts(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        s.w->flash.cut_in = 2 + i % 5;
        s.w->flash.cut = (enum aid_cut)(i % AID_CUTS);
        for (unsigned k = 0; k < 20 && !s.w->flash.dead; k++)
            mc_meter_sense(s.w->meter, MC_SENSE_COVER, k % 2 == 0);
        assert_true(s.w->flash.dead);
        s.w->flash.cut_in = -1;
        assert_int_equal(aid_world_restart(s.w), 0);
        mc_meter_sense(s.w->meter, MC_SENSE_COVER, false);
        assert_true(run(&s).nvm_good);
    }
    for (unsigned i = 0; i < 6000; i++)
        supply_set(&s, MC_PARAM_CREDIT_LOW, i);
    aid_world_disconnect(s.w);
    aid_world_pass(s.w, 1000);
    assert_true(s.w->meter->journal.generation > 1);
    assert_true(run(&s).passed);
    supply_finish(&s);
}

/* Refused under a purge grant, which it does not end. */
static void test_under_a_grant(void **state)
{
    struct site s = site_purging();
    gasm_Request r = aid_request(s.w, gasm_Command_SELF_TEST, 9000);

    (void)state;
    aid_expect(s.w, &r, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION);
    assert_int_equal(site_keep_alive(&s), gasm_Refusal_OK);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    site_finish(&s);
}

/* Without a digest it is all zeroes, and no event. */
static void test_no_digest(void **state)
{
    static const uint8_t none[MC_HASH_LEN] = {0};
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_memory_equal(run(&s).firmware_digest, none, sizeof none);
    assert_int_equal(supply_events(&s, MC_EVENT_FIRMWARE, NULL, NULL), 0);
    supply_finish(&s);
}

/* Another program: one event at the start, with the reset's. */
static void test_firmware(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    uint8_t other[MC_HASH_LEN];
    int64_t a, b;

    (void)state;
    s.w->ports.firmware_digest = digest;
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_int_equal(supply_events(&s, MC_EVENT_FIRMWARE, &a, &b), 1);
    assert_true(a == (int64_t)UINT64_C(0x8807060504030201));
    assert_int_equal(b, 0);
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_int_equal(supply_events(&s, MC_EVENT_FIRMWARE, NULL, NULL), 1);
    memcpy(other, digest, sizeof other);
    other[8] = 0;               /* only the first 8 bytes are kept */
    s.w->ports.firmware_digest = other;
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_int_equal(supply_events(&s, MC_EVENT_FIRMWARE, NULL, NULL), 1);
    other[7] = 0x77;
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_int_equal(supply_events(&s, MC_EVENT_FIRMWARE, &a, &b), 2);
    assert_true(a == INT64_C(0x7707060504030201));
    assert_true(b == (int64_t)UINT64_C(0x8807060504030201));
    supply_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shut),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_press_meanwhile),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_bad_record),
        cmocka_unit_test(test_bad_last_record),
        cmocka_unit_test(test_after_cuts),
        cmocka_unit_test(test_under_a_grant),
        cmocka_unit_test(test_no_digest),
        cmocka_unit_test(test_firmware),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
