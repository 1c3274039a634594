/* test_supply_valve.c - the valve of a meter in service when it does not do what it is told, when
 * gas flows though it is shut, and that no parameter moves it. */
#include "meter-core/supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/store.h"
#include "meter-core/valve.h"
#include "tests/aid/supply_site.h"

#define VALVE_LOCK (1u << gasm_Lock_LOCK_VALVE)
#define TRAVEL_MS 10000         /* valve_travel_s, at its default */

/* A lock, one event more of this kind, and no gas: not now, and not at another press. */
static void expect_locked(struct supply_site *s, enum mc_event event, int64_t a)
{
    int64_t got_a;

    assert_int_equal(supply_events(s, event, &got_a, NULL), 1);
    assert_int_equal(got_a, a);
    assert_int_equal(s->w->meter->core.locks, VALVE_LOCK);
    assert_false(s->w->meter->drive.want_open);
    assert_int_equal(supply_ask(s, &s->customer, gasm_Command_VALVE_ARM), gasm_Refusal_LOCKED_OUT);
    mc_meter_button(s->w->meter);
    assert_false(s->w->meter->drive.want_open);
}

/* The motor takes the order, and nothing moves. */
static void test_stuck_shut(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    mc_supply_arm(s.w->meter);
    s.w->valve.stuck = true;
    mc_meter_button(s.w->meter);
    aid_world_pass(s.w, TRAVEL_MS - 20);
    assert_int_equal(s.w->meter->core.locks, 0);
    assert_true(s.w->meter->drive.want_open);
    aid_world_pass(s.w, 40);
    expect_locked(&s, MC_EVENT_VALVE_FAULT, gasm_ValveState_VALVE_SHUT);
    supply_finish(&s);
}

/* It is under way for too long: driven shut as soon as the motor takes an order. */
static void test_slow(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    mc_supply_arm(s.w->meter);
    s.w->valve.travel_ms = TRAVEL_MS + 500;
    mc_meter_button(s.w->meter);
    aid_world_pass(s.w, TRAVEL_MS + 20);
    expect_locked(&s, MC_EVENT_VALVE_FAULT, gasm_ValveState_VALVE_MOVING);
    s.w->valve.travel_ms = 1200;
    aid_world_pass(s.w, 4000);
    assert_true(supply_is_shut(&s));
    supply_finish(&s);
}

/* A travel that takes just less than its time is none. */
static void test_in_time(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    mc_supply_arm(s.w->meter);
    s.w->valve.travel_ms = TRAVEL_MS - 20;
    mc_meter_button(s.w->meter);
    aid_world_pass(s.w, TRAVEL_MS + 2000);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_int_equal(s.w->meter->core.locks, 0);
    supply_finish(&s);
}

/* Whatever an open valve reports other than open shuts it, also while it opens. */
static void test_does_not_stay_open(void **state)
{
    static const gasm_ValveState states[] = {
        gasm_ValveState_VALVE_UNKNOWN, gasm_ValveState_VALVE_SHUT, gasm_ValveState_VALVE_FAULT};

    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct supply_site s = supply_make(1, 50000);

        supply_open(&s);
        aid_world_pass(s.w, 5000);
        s.w->valve.state = states[i];
        aid_world_pass(s.w, 20);
        aid_world_pass(s.w, 3000);
        expect_locked(&s, MC_EVENT_VALVE_FAULT, states[i]);
        assert_true(supply_is_shut(&s));
        supply_finish(&s);
    }
}

static void test_fault_while_opening(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    mc_supply_arm(s.w->meter);
    mc_meter_button(s.w->meter);
    s.w->valve.state = gasm_ValveState_VALVE_FAULT;
    aid_world_pass(s.w, 20);
    expect_locked(&s, MC_EVENT_VALVE_FAULT, gasm_ValveState_VALVE_FAULT);
    supply_finish(&s);
}

/* It does not shut: one event, the lock with it, and orders again and again. */
static void test_stuck_open(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    uint32_t orders;

    (void)state;
    supply_open(&s);
    s.w->valve.stuck = true;
    orders = s.w->valve.shut;
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_CLOSE), gasm_Refusal_OK);
    aid_world_pass(s.w, TRAVEL_MS - 1500);
    assert_int_equal(s.w->meter->core.locks, 0);
    aid_world_pass(s.w, 1600);
    expect_locked(&s, MC_EVENT_VALVE_FAULT, gasm_ValveState_VALVE_OPEN);
    aid_world_pass(s.w, 5 * TRAVEL_MS);
    assert_int_equal(supply_events(&s, MC_EVENT_VALVE_FAULT, NULL, NULL), 1);
    assert_in_range(s.w->valve.shut, orders + 6, orders + 8);
    s.w->valve.stuck = false;
    aid_world_pass(s.w, TRAVEL_MS + 2000);
    assert_true(supply_is_shut(&s));
    assert_int_equal(s.w->meter->core.locks, VALVE_LOCK);
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_int_equal(s.w->meter->core.locks, VALVE_LOCK);
    supply_finish(&s);
}

/* Just after the order the end switch still says what it said. */
static void test_lagging_switch(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    s.w->valve.lag_ms = 300;
    supply_open(&s);
    aid_world_pass(s.w, 1000);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_CLOSE), gasm_Refusal_OK);
    aid_world_pass(s.w, 3000);
    assert_true(supply_is_shut(&s));
    assert_int_equal(s.w->meter->core.locks, 0);
    supply_finish(&s);
}

/* Use the journal's other sector up: it has to be erased before the next turn. */
static void want_erase(struct supply_site *s)
{
    struct mc_meter *m = s->w->meter;

    assert_int_equal(mc_store_room(m, mc_journal_free(&m->journal) + 1), 0);
    assert_false(m->journal.prepared);
}

/* An erase stalls the core, and with it what stops the motor: it waits until the valve has arrived,
 * whichever way it goes, also behind a start that found it open. */
static void test_no_erase_on_the_way(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    struct mc_meter *m = s.w->meter;

    (void)state;
    want_erase(&s);
    (void)mc_meter_tick(m);
    assert_true(m->journal.prepared);
    mc_supply_arm(m);
    mc_meter_button(m);
    assert_true(mc_valve_is_moving(m));
    want_erase(&s);
    (void)mc_meter_tick(m);
    assert_false(m->journal.prepared);
    aid_world_pass(s.w, 3000);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_true(m->journal.prepared);
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_true(mc_valve_is_moving(m));
    want_erase(&s);
    (void)mc_meter_tick(m);
    assert_false(m->journal.prepared);
    aid_world_pass(s.w, 3000);
    assert_true(supply_is_shut(&s));
    assert_true(m->journal.prepared);
    supply_finish(&s);
}

/* But a valve that never arrives does not hold the journal up. */
static void test_erase_though_stuck(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    struct mc_meter *m = s.w->meter;

    (void)state;
    supply_open(&s);
    s.w->valve.stuck = true;
    mc_valve_want(m, false);
    want_erase(&s);
    aid_world_pass(s.w, TRAVEL_MS - 20);
    assert_false(m->journal.prepared);
    aid_world_pass(s.w, 40);
    assert_true(m->drive.fault_logged);
    assert_true(m->journal.prepared);
    supply_finish(&s);
}

/* Ordered open in any life state: only service lets the order out; and what no press opened is
 * shut again. */
static void test_no_owner(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    for (gasm_LifeState life = gasm_LifeState_LIFE_UNKNOWN; life <= gasm_LifeState_SCRAPPED;
         life++) {
        bool serves = life == gasm_LifeState_IN_SERVICE;

        s.w->meter->core.life = (uint8_t)life;
        mc_valve_want(s.w->meter, true);
        assert_int_equal(s.w->meter->drive.want_open, serves);
        aid_world_pass(s.w, 5000);
        assert_true(supply_is_shut(&s));
    }
    assert_int_equal(s.w->valve.opened, 2);
    supply_finish(&s);
}

/* ---- gas though it is shut ---- */

static void test_flow_while_shut(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    uint64_t index_l = s.w->meter->core.totals.index_l;

    (void)state;
    mc_meter_pulse(s.w->meter, 1);
    assert_int_equal(s.w->meter->core.locks, VALVE_LOCK);
    expect_locked(&s, MC_EVENT_FLOW_WHILE_SHUT, (int64_t)index_l + 1);
    aid_world_leap(s.w, 3599000);
    mc_meter_pulse(s.w->meter, 1);
    assert_int_equal(supply_events(&s, MC_EVENT_FLOW_WHILE_SHUT, NULL, NULL), 1);
    aid_world_leap(s.w, 1000);
    mc_meter_pulse(s.w->meter, 1);
    assert_int_equal(supply_events(&s, MC_EVENT_FLOW_WHILE_SHUT, NULL, NULL), 2);
    /* Unlocked, and it flows again: no hour's grace. */
    assert_int_equal(supply_ask(&s, &s.technician, gasm_Command_VALVE_ARM), gasm_Refusal_OK);
    mc_meter_pulse(s.w->meter, 1);
    assert_int_equal(s.w->meter->core.locks, VALVE_LOCK);
    mc_meter_button(s.w->meter);
    assert_false(s.w->meter->drive.want_open);
    supply_finish(&s);
}

/* The last pulse of what flowed may come for two seconds after the valve is shut. */
static void test_last_pulse(void **state)
{
    (void)state;
    for (int64_t late_ms = 1900; late_ms <= 2100; late_ms += 200) {
        struct supply_site s = supply_make(1, 50000);

        supply_open(&s);
        mc_supply_stop(s.w->meter);
        while (s.w->valve.state != gasm_ValveState_VALVE_SHUT)
            aid_world_pass(s.w, 10);
        aid_world_pass(s.w, late_ms);
        mc_meter_pulse(s.w->meter, 1);
        assert_int_equal(s.w->meter->core.locks, late_ms < 2000 ? 0 : VALVE_LOCK);
        supply_finish(&s);
    }
}

/* ---- parameters ---- */

enum how { HOW_SHUT, HOW_ARMED, HOW_OPENING, HOW_WATCHING, HOW_OPEN, HOWS };

static void bring(struct supply_site *s, enum how how)
{
    if (how == HOW_SHUT)
        return;
    mc_supply_arm(s->w->meter);
    if (how == HOW_ARMED)
        return;
    mc_meter_button(s->w->meter);
    if (how == HOW_OPENING)
        return;
    aid_world_pass(s->w, 2000);
    mc_meter_pulse(s->w->meter, 1);
    if (how == HOW_WATCHING)
        return;
    aid_world_leap(s->w, 130000);
    mc_meter_pulse(s->w->meter, 3);
}

static gasm_Request write_one(const struct supply_site *s, uint32_t id, int64_t value)
{
    gasm_Request r = aid_set_one(s->w, 9000, value);

    r.body.set_parameters.parameters[0].id = id;
    return r;
}

/* Any parameter, written to any end of its range, in any state of the valve and with a sense on:
 * not one order to the motor, and the valve stays what it is. */
static void test_no_parameter_moves_the_valve(void **state)
{
    size_t n;
    const struct mc_param_row *rows = mc_params(&n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (unsigned which = 0; which < 3; which++)
            for (enum how how = HOW_SHUT; how < HOWS; how++) {
                struct supply_site s = supply_make(1, 300);
                struct aid_pass pass = aid_world_pass_of(&s.technician);
                int64_t value = which == 0 ? rows[i].min : which == 1 ? rows[i].def : rows[i].max;
                gasm_Request r = write_one(&s, rows[i].id, value);
                struct aid_valve before;

                supply_set(&s, MC_PARAM_CLOSE_ON_TAMPER, 0);
                mc_meter_sense(s.w->meter, MC_SENSE_COVER, true);
                supply_set(&s, MC_PARAM_CREDIT_EMERGENCY, 20000);
                supply_set(&s, MC_PARAM_VALVE_TRAVEL, 60);
                s.w->valve.travel_ms = how == HOW_OPENING ? 30000 : 1200;
                bring(&s, how);
                supply_credit(&s, -1000);
                before = s.w->valve;
                assert_int_equal(aid_world_do(s.w, &pass, &r), 0);
                assert_int_equal(s.w->answer.result, gasm_Refusal_OK);
                aid_world_pass(s.w, 12000);
                if (s.w->valve.opened != before.opened || s.w->valve.shut != before.shut ||
                    s.w->valve.state != before.state)
                    fail_msg("%s = %lld moves the valve (state %d)", rows[i].text,
                             (long long)value, (int)how);
                supply_finish(&s);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stuck_shut),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_in_time),
        cmocka_unit_test(test_does_not_stay_open),
        cmocka_unit_test(test_fault_while_opening),
        cmocka_unit_test(test_stuck_open),
        cmocka_unit_test(test_lagging_switch),
        cmocka_unit_test(test_no_erase_on_the_way),
        cmocka_unit_test(test_erase_though_stuck),
        cmocka_unit_test(test_no_owner),
        cmocka_unit_test(test_flow_while_shut),
        cmocka_unit_test(test_last_pulse),
        cmocka_unit_test(test_no_parameter_moves_the_valve),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
