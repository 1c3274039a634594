/* test_supply_flow.c - what the flow of gas does to the supply: the credit rule, the leak watch,
 * too much flow, flow without a pause. */
#include "meter-core/supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/supply_site.h"

#define HOUR_MS INT64_C(3600000)
#define LEAK_LOCK (1u << gasm_Lock_LOCK_LEAK)

/* A meter whose valve is open and whose leak watch is over. */
static struct supply_site flowing(uint32_t pulse_l, uint64_t credit_l)
{
    struct supply_site s = supply_make(pulse_l, credit_l);

    supply_open(&s);
    s.w->meter->supply.watching = false;
    supply_mark(&s);
    return s;
}

static bool wants_open(const struct supply_site *s)
{
    return s->w->meter->drive.want_open;
}

/* ---- credit ---- */

struct credit_case {
    uint32_t pulse_l;
    int64_t low_l, emergency_l;
};

/* Pulse by pulse from 73 litres on: each event at its crossing and once, the valve shut at the
 * first pulse after which another one would go too far, and every litre counted. */
static void run_down(const struct credit_case *c)
{
    struct supply_site s = flowing(c->pulse_l, 73);
    uint64_t from_l = s.w->meter->core.totals.index_l;
    int64_t left_l = 73, at, limit;
    uint32_t low = 0, emergency = 0;
    bool open = true;

    supply_set(&s, MC_PARAM_CREDIT_LOW, c->low_l);
    supply_set(&s, MC_PARAM_CREDIT_EMERGENCY, c->emergency_l);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(wants_open(&s), open);
        assert_int_equal(mc_supply_has_credit(&s.w->meter->core), open);
        aid_world_leap(s.w, 10000);
        mc_meter_pulse(s.w->meter, 1);
        low += left_l >= c->low_l && left_l - c->pulse_l < c->low_l;
        emergency += left_l >= 0 && left_l - c->pulse_l < 0 && c->emergency_l > 0;
        left_l -= c->pulse_l;
        assert_int_equal(supply_now(&s).residual_l, left_l);
        assert_int_equal(supply_events(&s, MC_EVENT_CREDIT_LOW, NULL, NULL), low);
        assert_int_equal(supply_events(&s, MC_EVENT_CREDIT_EMERGENCY, NULL, NULL), emergency);
        if (open && left_l - c->pulse_l < -c->emergency_l) {
            open = false;
            assert_int_equal(supply_events(&s, MC_EVENT_CREDIT_OUT, &at, &limit), 1);
            assert_int_equal(at, left_l);
            assert_int_equal(limit, c->emergency_l);
            assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_MOVING);
            mc_meter_pulse(s.w->meter, 1);      /* one more while it shuts */
            emergency += left_l >= 0 && left_l - c->pulse_l < 0 && c->emergency_l > 0;
            left_l -= c->pulse_l;
            aid_world_pass(s.w, 5000);
            assert_true(supply_is_shut(&s));
            break;
        }
    }
    assert_false(open);
    assert_int_equal(supply_events(&s, MC_EVENT_CREDIT_OUT, NULL, NULL), 1);
    assert_int_equal(supply_events(&s, MC_EVENT_CREDIT_EMERGENCY, NULL, NULL), emergency);
    assert_int_equal(s.w->meter->core.totals.index_l - from_l, 73 - left_l);
    assert_int_equal(supply_now(&s).residual_l, left_l);
    assert_int_equal(supply_now(&s).locks, 0);
    assert_int_equal(supply_ask(&s, &s.technician, gasm_Command_VALVE_ARM), gasm_Refusal_STATE);
    assert_int_equal(s.w->answer.body.supply.residual_l, left_l);
    supply_credit(&s, c->pulse_l - c->emergency_l - 1);
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM), gasm_Refusal_STATE);
    supply_credit(&s, c->pulse_l - c->emergency_l);
    supply_open(&s);
    supply_finish(&s);
}

static void test_credit(void **state)
{
    static const int64_t lows[] = {0, 1, 50, 73, 74}, emergencies[] = {0, 1, 9, 10, 55};
    static const uint32_t pulses[] = {1, 10};

    (void)state;
    for (size_t p = 0; p < 2; p++)
        for (size_t l = 0; l < 5; l++)
            for (size_t e = 0; e < 5; e++)
                run_down(&(struct credit_case){pulses[p], lows[l], emergencies[e]});
}

/* Many pulses at once cross every mark at once, in one record. */
static void test_credit_in_one_step(void **state)
{
    struct supply_site s = flowing(1, 45);
    uint32_t sequence;

    (void)state;
    supply_set(&s, MC_PARAM_CREDIT_LOW, 35);
    supply_set(&s, MC_PARAM_CREDIT_EMERGENCY, 10);
    supply_set(&s, MC_PARAM_OVER_FLOW, 25000);
    aid_world_pass(s.w, 60000);
    sequence = s.w->meter->journal.sequence;
    mc_meter_pulse(s.w->meter, 5);
    assert_int_equal(s.w->meter->journal.sequence, sequence);
    mc_meter_pulse(s.w->meter, 60);
    assert_int_equal(s.w->meter->journal.sequence, sequence + 2);   /* index; events */
    assert_int_equal(supply_events(&s, MC_EVENT_CREDIT_LOW, NULL, NULL), 1);
    assert_int_equal(supply_events(&s, MC_EVENT_CREDIT_EMERGENCY, NULL, NULL), 1);
    assert_int_equal(supply_events(&s, MC_EVENT_CREDIT_OUT, NULL, NULL), 1);
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_int_equal(supply_now(&s).residual_l, -20);
    supply_finish(&s);
}

/* Out of service nobody's credit runs out. */
static void test_out_of_service(void **state)
{
    struct supply_site s = supply_make(1, 7000);

    (void)state;
    s.w->meter->core.life = (uint8_t)gasm_LifeState_CLEARED;
    mc_meter_pulse(s.w->meter, 8);
    assert_int_equal(supply_events(&s, MC_EVENT_CREDIT_LOW, NULL, NULL), 0);
    supply_finish(&s);
}

/* Without a journal that takes the index no gas is let through for long. */
static void test_unsaved(void **state)
{
    struct supply_site s = flowing(1, 50000);

    (void)state;
    s.w->flash.dead = true;
    for (unsigned i = 0; i < 95; i++) {
        s.w->mono_ms += 10000;
        mc_meter_pulse(s.w->meter, 1);
        assert_true(wants_open(&s));
    }
    for (unsigned i = 0; i < 10; i++) {
        s.w->mono_ms += 10000;
        mc_meter_pulse(s.w->meter, 1);
    }
    assert_false(wants_open(&s));
    supply_finish(&s);
}

/* ---- the leak watch ---- */

struct leak_case {
    uint32_t pulse_l;
    int64_t limit_l_per_h, flow_l_per_h;
    bool leaks;
};

#define PHASES 24

/* The valve opens onto this flow, at every phase of the first pulse. */
static void watch(const struct leak_case *c)
{
    int64_t pulse = c->pulse_l * HOUR_MS, period_ms = pulse / c->limit_l_per_h + 1;

    for (int64_t phase = 0; phase < PHASES; phase++) {
        struct supply_site s = supply_make(c->pulse_l, 50000);
        int64_t apart_ms, limit;

        supply_set(&s, MC_PARAM_LEAK_FLOW, c->limit_l_per_h);
        s.w->flow_rest = pulse * phase / PHASES + (phase == PHASES - 1 ? pulse / PHASES - 1 : 0);
        s.w->flow_l_per_h = c->flow_l_per_h;
        mc_supply_arm(s.w->meter);
        mc_meter_button(s.w->meter);
        assert_in_range(supply_now(&s).watch_s, 1, period_ms / 1000 + 1);
        aid_world_leap(s.w, s.w->valve.travel_ms);
        aid_world_leap(s.w, 2 * period_ms);
        if (wants_open(&s) == c->leaks)
            fail_msg("%u-litre pulses, %lld l/h at a limit of %lld: phase %lld", c->pulse_l,
                     (long long)c->flow_l_per_h, (long long)c->limit_l_per_h, (long long)phase);
        assert_int_equal(supply_now(&s).watch_s, 0);
        assert_int_equal(s.w->meter->core.locks, c->leaks ? LEAK_LOCK : 0);
        aid_world_leap(s.w, 2 * period_ms);         /* the watch is over */
        assert_int_equal(wants_open(&s), !c->leaks);
        assert_int_equal(supply_events(&s, MC_EVENT_UNCONTROLLED_FLOW, &apart_ms, &limit),
                         c->leaks);
        if (c->leaks) {
            assert_true(supply_is_shut(&s));
            assert_true(apart_ms > 0 && apart_ms < period_ms);
            assert_int_equal(limit, c->limit_l_per_h);
            assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM),
                             gasm_Refusal_LOCKED_OUT);
        }
        supply_finish(&s);
    }
}

static void test_leak_watch(void **state)
{
    static const struct leak_case cases[] = {
        {1, 30, 0, false},   {1, 30, 29, false},  {1, 30, 30, false},  {1, 30, 31, true},
        {1, 30, 3000, true}, {1, 5, 4, false},    {1, 5, 5, false},    {1, 5, 6, true},
        {1, 200, 199, false}, {1, 200, 201, true}, {10, 30, 29, false}, {10, 30, 30, false},
        {10, 30, 31, true},  {10, 5, 5, false},   {10, 5, 6, true},    {10, 200, 199, false},
        {10, 200, 201, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        watch(&cases[i]);
}

/* Two pulses in one call are no time apart; one alone is nothing, and a heavy flow after the watch
 * neither. */
static void test_leak_watch_pulses(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    int64_t apart_ms;

    (void)state;
    supply_open(&s);
    mc_meter_pulse(s.w->meter, 1);
    assert_true(wants_open(&s));
    aid_world_leap(s.w, 120000 - 1);
    assert_int_equal(supply_now(&s).watch_s, 1);
    aid_world_leap(s.w, 1);
    assert_int_equal(supply_now(&s).watch_s, 0);
    mc_meter_pulse(s.w->meter, 2);
    assert_true(wants_open(&s));
    mc_supply_stop(s.w->meter);
    aid_world_pass(s.w, 2000);
    supply_open(&s);
    mc_meter_pulse(s.w->meter, 2);
    assert_false(wants_open(&s));
    assert_int_equal(supply_events(&s, MC_EVENT_UNCONTROLLED_FLOW, &apart_ms, NULL), 1);
    assert_int_equal(apart_ms, 0);
    supply_finish(&s);
}

/* Pulses while the valve is still on its way count; the watch begins anew when it is open. */
static void test_leak_watch_during_travel(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    s.w->valve.travel_ms = 8000;
    mc_supply_arm(s.w->meter);
    mc_meter_button(s.w->meter);
    aid_world_pass(s.w, 4000);
    assert_int_equal(supply_now(&s).watch_s, 120);
    mc_meter_pulse(s.w->meter, 1);
    aid_world_pass(s.w, 4010);
    assert_in_range(supply_now(&s).watch_s, 119, 120);
    aid_world_leap(s.w, 110000);
    mc_meter_pulse(s.w->meter, 1);      /* 114 s after the first */
    assert_false(wants_open(&s));
    assert_int_equal(s.w->meter->core.locks, LEAK_LOCK);
    supply_finish(&s);
}

/* ... and the first pulse in it gives it another T, whatever came on the way. */
static void test_leak_watch_after_travel(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    s.w->valve.travel_ms = 8000;
    mc_supply_arm(s.w->meter);
    mc_meter_button(s.w->meter);
    mc_meter_pulse(s.w->meter, 1);
    aid_world_leap(s.w, 8010 + 119000);
    mc_meter_pulse(s.w->meter, 1);      /* 127 s after the first */
    assert_true(wants_open(&s));
    assert_int_equal(supply_now(&s).watch_s, 120);
    aid_world_leap(s.w, 119000);
    mc_meter_pulse(s.w->meter, 1);
    assert_false(wants_open(&s));
    supply_finish(&s);
}

/* ---- too much flow ---- */

/* A day at the limit, in single pulses and in bursts of four seconds: it stays open. */
static void test_at_the_limit(void **state)
{
    static const int64_t limits[] = {1000, 8000, 25000};

    (void)state;
    for (uint32_t pulse_l = 1; pulse_l <= 10; pulse_l += 9)
        for (size_t i = 0; i < 3; i++) {
            struct supply_site s = flowing(pulse_l, 700000);

            supply_set(&s, MC_PARAM_OVER_FLOW, limits[i]);
            supply_set(&s, MC_PARAM_CONTINUOUS_TIME, 0);
            s.w->flow_l_per_h = limits[i];
            aid_world_leap(s.w, 24 * HOUR_MS);
            assert_true(wants_open(&s));
            s.w->flow_l_per_h = 0;
            for (int64_t rest = 0, t = 0; t < HOUR_MS; t += 4000) {
                s.w->mono_ms += 4000;
                rest += limits[i] * 4000;
                mc_meter_pulse(s.w->meter, (uint32_t)(rest / (pulse_l * HOUR_MS)));
                rest %= pulse_l * HOUR_MS;
            }
            assert_true(wants_open(&s));
            assert_int_equal(supply_events(&s, MC_EVENT_OVER_FLOW, NULL, NULL), 0);
            supply_finish(&s);
        }
}

/* Above it: the time until the bucket is full, by hand. */
static void test_above_the_limit(void **state)
{
    static const int64_t more_percent[] = {2, 10, 50, 100, 900};

    (void)state;
    for (uint32_t pulse_l = 1; pulse_l <= 10; pulse_l += 9)
        for (size_t i = 0; i < 5; i++) {
            struct supply_site s = flowing(pulse_l, 700000);
            int64_t more_l_per_h = 8000 * more_percent[i] / 100;
            int64_t full = 8000 * INT64_C(10000) + 2 * pulse_l * HOUR_MS;
            int64_t full_ms = full / more_l_per_h, began_ms = s.w->mono_ms, at, limit;

            supply_set(&s, MC_PARAM_CONTINUOUS_TIME, 0);
            s.w->flow_l_per_h = 8000 + more_l_per_h;
            while (wants_open(&s) && s.w->mono_ms - began_ms < 24 * HOUR_MS)
                aid_world_leap(s.w, 50);
            /* A pulse adds all of itself, so it is full up to one pulse's time early. */
            assert_in_range(s.w->mono_ms - began_ms,
                            full_ms - 2 * pulse_l * HOUR_MS / more_l_per_h - 100, full_ms + 5000);
            assert_int_equal(supply_events(&s, MC_EVENT_OVER_FLOW, &at, &limit), 1);
            assert_int_equal(at, s.w->meter->core.totals.index_l);
            assert_int_equal(limit, 8000);
            assert_int_equal(s.w->meter->core.locks, LEAK_LOCK);
            s.w->flow_l_per_h = 0;
            aid_world_pass(s.w, 3000);
            assert_true(supply_is_shut(&s));
            supply_finish(&s);
        }
}

/* The largest number of pulses that a call can tell does not overflow anything. */
static void test_no_overflow(void **state)
{
    struct supply_site s = flowing(10, 50000);

    (void)state;
    s.w->mono_ms += INT64_C(20) * 366 * 24 * HOUR_MS;
    mc_meter_pulse(s.w->meter, UINT32_MAX);
    assert_false(wants_open(&s));
    assert_int_equal(supply_now(&s).residual_l, 50000 - INT64_C(10) * UINT32_MAX);
    supply_finish(&s);
}

/* ---- without a pause ---- */

/* One pulse after the other, so far apart, for so long; hours until the event, or -1. */
static int64_t hours_to_event(struct supply_site *s, int64_t apart_ms, int64_t hours)
{
    int64_t began_ms = s->w->mono_ms + apart_ms;

    supply_mark(s);
    for (int64_t t = 0; t < hours * HOUR_MS; t += apart_ms) {
        aid_world_leap(s->w, apart_ms);
        mc_meter_pulse(s->w->meter, 1);
        if (supply_events(s, MC_EVENT_CONTINUOUS_FLOW, NULL, NULL) != 0)
            return (s->w->mono_ms - began_ms) / HOUR_MS;
    }
    return -1;
}

static void test_continuous(void **state)
{
    struct supply_site s = flowing(1, 50000);
    int64_t hours;

    (void)state;
    assert_int_equal(hours_to_event(&s, HOUR_MS - 60000, 30), 24);
    assert_int_equal(supply_events(&s, MC_EVENT_CONTINUOUS_FLOW, &hours, NULL), 1);
    assert_int_equal(hours, 24);
    assert_true(wants_open(&s));
    /* Once, until there was a pause. */
    assert_int_equal(hours_to_event(&s, HOUR_MS - 60000, 60), -1);
    assert_int_equal(hours_to_event(&s, HOUR_MS, 60), -1);
    aid_world_leap(s.w, HOUR_MS);
    assert_int_equal(hours_to_event(&s, 60000, 60), 24);
    assert_true(wants_open(&s));
    /* Never. */
    supply_set(&s, MC_PARAM_CONTINUOUS_TIME, 0);
    aid_world_leap(s.w, 2 * HOUR_MS);
    assert_int_equal(hours_to_event(&s, 600000, 300), -1);
    supply_finish(&s);
}

static void test_continuous_closes(void **state)
{
    struct supply_site s = flowing(1, 50000);

    (void)state;
    supply_set(&s, MC_PARAM_CLOSE_ON_CONTINUOUS, 1);
    assert_int_equal(hours_to_event(&s, 600000, 30), 24);
    assert_false(wants_open(&s));
    assert_int_equal(s.w->meter->core.locks, 0);
    aid_world_pass(s.w, 3000);
    supply_open(&s);            /* the customer may, and it begins anew */
    s.w->meter->supply.watching = false;
    assert_int_equal(hours_to_event(&s, 600000, 23), -1);
    assert_true(wants_open(&s));
    supply_finish(&s);
}

/* With large pulses and a low limit the pause has to be longer than an hour. */
static void test_continuous_large_pulse(void **state)
{
    struct supply_site s = flowing(10, 50000);

    (void)state;
    supply_set(&s, MC_PARAM_LEAK_FLOW, 5);
    assert_int_equal(hours_to_event(&s, 2 * HOUR_MS - 60000, 40), 25);
    aid_world_leap(s.w, 3 * HOUR_MS);
    assert_int_equal(hours_to_event(&s, 2 * HOUR_MS, 100), -1);
    supply_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credit),
        cmocka_unit_test(test_credit_in_one_step),
        cmocka_unit_test(test_out_of_service),
        cmocka_unit_test(test_unsaved),
        cmocka_unit_test(test_leak_watch),
        cmocka_unit_test(test_leak_watch_pulses),
        cmocka_unit_test(test_leak_watch_during_travel),
        cmocka_unit_test(test_leak_watch_after_travel),
        cmocka_unit_test(test_at_the_limit),
        cmocka_unit_test(test_above_the_limit),
        cmocka_unit_test(test_no_overflow),
        cmocka_unit_test(test_continuous),
        cmocka_unit_test(test_continuous_closes),
        cmocka_unit_test(test_continuous_large_pulse),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
