/* test_purge.c - the purge grant: each way in which it ends, and that each purged litre stands in
 * exactly one receipt. */
#include "meter-core/purge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/purge_site.h"

static void test_stop(void **state)
{
    struct site s = site_make(1);
    gasm_Receipt r;
    gasm_Response first;
    gasm_Request again;

    (void)state;
    assert_int_equal(site_start(&s, 50, 60), gasm_Refusal_OK);
    assert_int_equal(site_opened(&s.w->answer).purge_end, gasm_PurgeEnd_PURGE_NOT_ENDED);
    site_stay(&s, 8000);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_in_range(s.w->answer.body.purge.flowed_l, 5, 8);
    again = aid_request(s.w, gasm_Command_PURGE_STOP, s.op);
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    first = s.w->answer;
    /* The answer came when the valve was shut: what flowed on the way is in it. */
    assert_int_equal(s.w->answer.body.purge.valve, gasm_ValveState_VALVE_SHUT);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_STOPPED);
    assert_in_range(s.w->answer.body.purge.flowed_l, 7, 11);
    r = site_opened(&s.w->answer);
    assert_memory_equal(r.op_id.bytes, again.op_id.bytes, 16);
    assert_int_equal(r.purge_end, gasm_PurgeEnd_PURGE_STOPPED);
    assert_int_equal(r.ticket_serial, s.ticket.serial);
    assert_int_equal(r.content_hash.size, 32);
    assert_int_equal(r.after.purged_l - r.before.purged_l, s.w->answer.body.purge.flowed_l);
    assert_int_equal(r.state, gasm_LifeState_PURGED);
    /* Repeated: the stored answer, also after a restart. */
    assert_int_equal(aid_world_ask(s.w, &again), 0);
    assert_memory_equal(&s.w->answer, &first, sizeof first);
    assert_int_equal(aid_world_restart(s.w), 0);
    site_greet(&s);
    assert_int_equal(aid_world_ask(s.w, &again), 0);
    assert_memory_equal(&s.w->answer, &first, sizeof first);
    site_finish(&s);
}

static void test_volume(void **state)
{
    (void)state;
    for (uint32_t pulse_l = 1; pulse_l <= 10; pulse_l += 9)
        for (uint32_t volume_l = pulse_l; volume_l < 3 * pulse_l; volume_l++) {
            struct site s = site_make(pulse_l);
            gasm_Receipt r;

            s.w->flow_l_per_h = 3600 * 5;
            s.w->valve.travel_ms = 10;
            assert_int_equal(site_start(&s, volume_l, 60), gasm_Refusal_OK);
            site_stay(&s, 30000);
            r = site_ending(&s, true);
            assert_int_equal(r.purge_end, gasm_PurgeEnd_PURGE_VOLUME);
            /* Not a pulse above the volume, as long as none comes while the valve shuts. */
            assert_int_equal(r.after.purged_l - r.before.purged_l, volume_l / pulse_l * pulse_l);
            assert_int_equal(s.w->meter->core.life, gasm_LifeState_PURGED);
            site_finish(&s);
        }
}

static void test_time(void **state)
{
    struct site s = site_make(1);
    gasm_Receipt r;

    (void)state;
    assert_int_equal(site_start(&s, 50, 7), gasm_Refusal_OK);
    site_stay(&s, 20000);
    r = site_ending(&s, true);
    assert_int_equal(r.purge_end, gasm_PurgeEnd_PURGE_TIME);
    assert_int_equal(s.w->answer.body.purge.elapsed_s, 7);
    assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED); /* it does not count as purged */
    site_finish(&s);
}

static void test_presence(void **state)
{
    struct site s = site_make(1);
    int64_t began_ms;
    gasm_Request who = aid_request(s.w, gasm_Command_IDENTIFY, 0);

    (void)state;
    assert_int_equal(site_start(&s, 50, 60), gasm_Refusal_OK);
    site_stay(&s, 3000);
    /* Other messages keep the session, but not the grant. */
    began_ms = s.w->mono_ms;
    while (!s.w->meter->purge.closing && s.w->mono_ms - began_ms < 10000) {
        assert_int_equal(aid_world_ask(s.w, &who), 0);
        aid_world_pass(s.w, 100);
    }
    assert_in_range(s.w->mono_ms - began_ms, 3900, 5100);
    assert_int_equal(site_keep_alive(&s), gasm_Refusal_STATE);               /* too late */
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_PRESENCE);
    aid_world_pass(s.w, 3000);
    assert_int_equal(site_ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_PRESENCE);
    assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED);
    site_finish(&s);
}

/* The connection goes; a new hello; a reset of the fragments: the session is gone, and the grant
 * with it. */
static void test_link(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct site s = site_purging();
        uint8_t reset[MC_CTL_RESET_LEN];

        if (way == 0)
            aid_world_disconnect(s.w);
        if (way == 1)
            assert_int_equal(aid_world_hello(s.w, &s.pass), 0);
        if (way == 2) {
            mc_ctl_reset_encode(&(struct mc_ctl_reset){3, 100, 8}, reset);
            assert_int_equal(mc_meter_ctl_write(s.w->meter, reset, sizeof reset), 0);
        }
        aid_world_pass(s.w, 20);
        assert_true(s.w->meter->purge.closing);
        aid_world_pass(s.w, 3000);
        assert_int_equal(s.w->meter->core.grant_open, 0);
        site_greet(&s);
        assert_int_equal(site_ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_LINK);
        site_finish(&s);
    }
}

/* Power fails at every moment of a grant; the valve stays where it is, and gas goes on flowing
 * until it is shut. */
static void test_reset(void **state)
{
    (void)state;
    for (int64_t at_ms = 0; at_ms < 9000; at_ms += 300) {
        struct site s = site_make(1);
        uint64_t lost_l;
        gasm_Receipt r;

        s.w->flow_l_per_h = 3600 * 4;
        assert_int_equal(site_start(&s, 50, 60), gasm_Refusal_OK);
        site_stay(&s, at_ms - at_ms % 1000);
        aid_world_pass(s.w, at_ms % 1000);
        lost_l = s.w->meter->core.totals.purged_l;
        s.w->valve.stuck = at_ms > 6000;        /* not at once: the motor does not start */
        assert_int_equal(aid_world_restart(s.w), 0);
        assert_true(s.w->meter->core.totals.purged_l >= lost_l); /* each pulse was journalled */
        aid_world_pass(s.w, 2000);
        s.w->valve.stuck = false;
        aid_world_pass(s.w, 14000);
        assert_int_equal(s.w->meter->core.grant_open, 0);
        site_greet(&s);
        assert_int_equal(aid_world_ask(s.w, &s.start), 0); /* repeated: what it was told then */
        assert_int_equal(s.w->answer.result, gasm_Refusal_OK);
        assert_int_equal(site_keep_alive(&s), gasm_Refusal_STATE);
        r = site_ending(&s, true);
        assert_true(r.purge_end == gasm_PurgeEnd_PURGE_RESET ||
                    r.purge_end == gasm_PurgeEnd_PURGE_FAULT);
        assert_int_equal(r.purge_end == gasm_PurgeEnd_PURGE_FAULT, at_ms > 6000);
        assert_int_equal(s.w->answer.body.purge.elapsed_s, 0);
        assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED);
        site_finish(&s);
    }
}

static void test_faults(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        struct site s = site_purging();

        if (way == 0)
            s.w->supply_mv = 2799;
        if (way == 1)
            s.w->temperature_dc = 551;
        if (way == 2)
            s.w->temperature_dc = -251;
        if (way == 3)
            s.w->valve.state = gasm_ValveState_VALVE_FAULT;
        aid_world_pass(s.w, 3000);
        s.w->supply_mv = 3600;
        s.w->temperature_dc = 210;
        assert_int_equal(site_ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_FAULT);
        site_finish(&s);
    }
}

/* The valve never reports shut: after its travel time the end is journalled as a fault, and the
 * stop answered. What flows from then on is no purge. */
static void test_stuck(void **state)
{
    struct site s = site_purging();
    uint64_t purged_l, index_l;
    int64_t began_ms;

    (void)state;
    s.w->valve.stuck = true;
    began_ms = s.w->mono_ms;
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    assert_in_range(s.w->mono_ms - began_ms, 9900, 10200);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_FAULT);
    assert_int_equal(site_opened(&s.w->answer).purge_end, gasm_PurgeEnd_PURGE_FAULT);
    assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED);
    purged_l = s.w->meter->core.totals.purged_l;
    index_l = s.w->meter->core.totals.index_l;
    aid_world_pass(s.w, 5000);
    assert_int_equal(s.w->meter->core.totals.purged_l, purged_l);
    assert_true(s.w->meter->core.totals.index_l > index_l);
    assert_int_equal(site_start(&s, 50, 60), gasm_Refusal_STATE);
    /* It is driven shut again and again. */
    s.w->valve.stuck = false;
    aid_world_pass(s.w, 15000);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_SHUT);
    aid_world_free(s.w);
}

/* A stop that comes while the meter is closing by itself: the meter's own ending, once it is
 * written. */
static void test_stop_while_closing(void **state)
{
    struct site s = site_make(1);
    uint64_t receipts;

    (void)state;
    assert_int_equal(site_start(&s, 50, 5), gasm_Refusal_OK);
    site_stay(&s, 4000);
    receipts = s.w->meter->core.receipt_seq;
    aid_world_pass(s.w, 1100);
    assert_true(s.w->meter->purge.closing);
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_TIME);
    assert_int_equal(site_opened(&s.w->answer).ticket_serial, 0);
    assert_int_equal(s.w->meter->core.receipt_seq, receipts + 1);
    site_finish(&s);
}

/* Stopped at once, while the end switch still says shut because the motor has not begun to open:
 * that is not shut. */
static void test_stop_at_once(void **state)
{
    struct site s = site_make(1);

    (void)state;
    s.w->valve.lag_ms = 300;
    assert_int_equal(site_start(&s, 50, 60), gasm_Refusal_OK);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_SHUT);
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    assert_int_equal(s.w->valve.opened, 1);
    assert_int_equal(s.w->valve.shut, 1);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_SHUT);
    assert_false(s.w->valve.ordered);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_STOPPED);
    site_finish(&s);
}

/* The link goes while the stop waits for the valve: the stop is journalled all the same, and
 * answered when asked again. */
static void test_stop_and_leave(void **state)
{
    struct site s = site_purging();
    gasm_Request r;
    uint64_t answers;

    (void)state;
    r = aid_request(s.w, gasm_Command_PURGE_STOP, s.op++);
    assert_int_equal(aid_world_send(s.w, &r), 0);
    aid_world_pass(s.w, 100);
    assert_true(s.w->meter->purge.closing);
    /* Back before the valve is shut: the new session is not given the old one's answer. */
    aid_world_disconnect(s.w);
    s.w->meter->link.helloed = false;
    site_greet(&s);
    answers = s.w->answers;
    assert_true(s.w->meter->purge.closing && s.w->meter->core.grant_open != 0);
    aid_world_pass(s.w, 3000);
    assert_int_equal(s.w->answers, answers);
    assert_int_equal(s.w->meter->core.grant_open, 0);
    assert_true(s.w->up);
    assert_int_equal(aid_world_ask(s.w, &r), 0);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_STOPPED);
    assert_memory_equal(site_opened(&s.w->answer).op_id.bytes, r.op_id.bytes, 16);
    site_finish(&s);
}

/* One request at a time: another one while an answer is owed ends the connection, not the
 * ending. */
static void test_impatient(void **state)
{
    struct site s = site_purging();
    gasm_Request r;

    (void)state;
    r = aid_request(s.w, gasm_Command_PURGE_STOP, s.op++);
    assert_int_equal(aid_world_send(s.w, &r), 0);
    r = aid_request(s.w, gasm_Command_IDENTIFY, 0);
    assert_int_not_equal(aid_world_ask(s.w, &r), 0);
    assert_false(s.w->up);
    aid_world_pass(s.w, 3000);
    assert_int_equal(s.w->meter->core.purge_end, gasm_PurgeEnd_PURGE_STOPPED);
    site_greet(&s);
    site_finish(&s);
}

/* Stopped before a pulse came: not purged. */
static void test_nothing_flowed(void **state)
{
    struct site s = site_make(10);

    (void)state;
    s.w->flow_l_per_h = 100;
    assert_int_equal(site_start(&s, 50, 60), gasm_Refusal_OK);
    site_stay(&s, 5000);
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    assert_int_equal(s.w->answer.body.purge.flowed_l, 0);
    assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED);
    site_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_volume),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_presence),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_stop_while_closing),
        cmocka_unit_test(test_stop_at_once),
        cmocka_unit_test(test_stop_and_leave),
        cmocka_unit_test(test_impatient),
        cmocka_unit_test(test_nothing_flowed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
