/* test_gasmeter_body.c - the simulated body of the host meter: gas, valve, senses, clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "meter-core/port/host/body.h"
#include "tests/aid/linkaid.h"

#define HOUR_MS 3600000
#define UTC_MS 1795000000000

static int64_t now_ms;

static int64_t mono(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static int64_t utc(void *ctx)
{
    (void)ctx;
    return UTC_MS + now_ms;
}

static const struct gf_clock clock_of_test = {NULL, utc, mono};

struct world {
    struct gm_body body;
    struct mc_ports ports;
    uint64_t pulses;
};

static void begin(struct world *w, int64_t flow_l_per_h)
{
    now_ms = 1000;
    *w = (struct world){.pulses = 0};
    gm_body_init(&w->body, &clock_of_test, flow_l_per_h);
    gm_body_ports(&w->body, &w->ports);
}

static void pass(struct world *w, int64_t ms)
{
    now_ms += ms;
    w->pulses += gm_body_advance(&w->body);
}

static gasm_ValveState valve(const struct world *w)
{
    return w->ports.valve.state(w->ports.valve.ctx);
}

static void order(const struct world *w, bool open)
{
    assert_int_equal(w->ports.valve.drive(w->ports.valve.ctx, open), 0);
}

/* Stuck at each place of the travel: nothing moves, orders are taken; freed, the last one holds. */
static void test_stuck_valve(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 0);
    gm_body_set_stuck(&w.body, true);
    order(&w, true);
    assert_int_equal(gm_body_wait_ms(&w.body), -1);
    pass(&w, 10 * GM_TRAVEL_MS);
    assert_int_equal(valve(&w), gasm_ValveState_VALVE_SHUT);
    gm_body_set_stuck(&w.body, false);
    order(&w, true);
    for (int64_t at = 1; at < GM_TRAVEL_MS; at += 111) {
        bool opening = at % 2 == 0;

        begin(&w, 0);
        order(&w, true);
        pass(&w, at);
        gm_body_set_stuck(&w.body, true);
        pass(&w, 10 * GM_TRAVEL_MS);
        assert_int_equal(valve(&w), gasm_ValveState_VALVE_MOVING);
        order(&w, opening);
        pass(&w, 10 * GM_TRAVEL_MS);
        assert_int_equal(valve(&w), gasm_ValveState_VALVE_MOVING);
        gm_body_set_stuck(&w.body, false);
        assert_int_equal(gm_body_wait_ms(&w.body), GM_TRAVEL_MS);
        pass(&w, GM_TRAVEL_MS - 1);
        assert_int_equal(valve(&w), gasm_ValveState_VALVE_MOVING);
        pass(&w, 1);
        assert_int_equal(valve(&w), opening ? gasm_ValveState_VALVE_OPEN
                                            : gasm_ValveState_VALVE_SHUT);
    }
}

static void test_stuck_open(void **state)
{
    struct world w;

    (void)state;
    begin(&w, HOUR_MS / 1000);
    order(&w, true);
    pass(&w, GM_TRAVEL_MS);
    gm_body_set_stuck(&w.body, true);
    order(&w, false);
    pass(&w, 10000);
    assert_int_equal(valve(&w), gasm_ValveState_VALVE_OPEN);
    assert_int_equal(w.pulses, 10);             /* gas goes on flowing */
    gm_body_set_stuck(&w.body, false);
    pass(&w, 10 * GM_TRAVEL_MS);
    assert_int_equal(valve(&w), gasm_ValveState_VALVE_OPEN);    /* until it is ordered anew */
    order(&w, false);
    pass(&w, GM_TRAVEL_MS);
    assert_int_equal(valve(&w), gasm_ValveState_VALVE_SHUT);
}

static void test_leak_and_reverse(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 3600);
    now_ms += 10000;
    gm_body_set_leak(&w.body, true);
    pass(&w, 0);
    assert_int_equal(w.pulses, 0);
    assert_int_equal(gm_body_flow(&w.body), 3600);
    now_ms += 10000;
    gm_body_set_sense(&w.body, MC_SENSE_REVERSE, true);
    pass(&w, 0);
    assert_int_equal(w.pulses, 10);
    assert_int_equal(gm_body_wait_ms(&w.body), -1);
    now_ms += 10000;
    gm_body_set_sense(&w.body, MC_SENSE_REVERSE, false);
    gm_body_set_leak(&w.body, false);
    pass(&w, 10000);
    assert_int_equal(w.pulses, 10);
    for (int s = 0; s < MC_SENSES; s++) {       /* each for itself */
        gm_body_set_sense(&w.body, (enum mc_sense)s, true);
        for (int other = 0; other < MC_SENSES; other++)
            assert_int_equal(gm_body_sense(&w.body, (enum mc_sense)other), other == s);
        gm_body_set_sense(&w.body, (enum mc_sense)s, false);
    }
}

/* The litres are the integral of the flow, wherever it is changed and however often one looks. */
static void test_flow_changes(void **state)
{
    struct aid_random random = {.state = 5};

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct world w;
        int64_t sum = 0;                        /* l * ms / h */

        begin(&w, 0);
        order(&w, true);
        pass(&w, GM_TRAVEL_MS);
        for (int i = 0; i < 50; i++) {
            int64_t flow = (int64_t)(aid_random_next(&random) % 8000);
            int64_t ms = (int64_t)(aid_random_next(&random) % 20000);

            gm_body_set_flow(&w.body, flow);
            sum += flow * ms;
            for (int64_t left = ms; left > 0;) {
                int64_t step = 1 + (int64_t)(aid_random_next(&random) % 7000);

                step = step < left ? step : left;
                left -= step;
                if (left > 0)
                    pass(&w, step);
                else
                    now_ms += step;             /* the change comes before the next look */
            }
        }
        pass(&w, 0);
        assert_int_equal(w.pulses, sum / HOUR_MS);
    }
}

/* The announced time is the first ms at which there is a pulse. */
static void test_wait_is_exact(void **state)
{
    static const int64_t flows[] = {1, 7, 30, 3600, 9999, GM_FLOW_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++) {
        struct world w;

        begin(&w, flows[i]);
        order(&w, true);
        pass(&w, GM_TRAVEL_MS);
        for (int n = 1; n <= 20; n++) {
            int wait = gm_body_wait_ms(&w.body);
            uint64_t before = w.pulses;

            assert_true(wait > 0);
            if (wait > 2)
                pass(&w, wait - 2);
            assert_int_equal(w.pulses, before);
            pass(&w, wait > 2 ? 2 : wait);
            assert_true(w.pulses > before);
        }
    }
}

static void test_clock(void **state)
{
    struct world w;
    const struct gf_clock *rtc;

    (void)state;
    begin(&w, 0);
    rtc = w.ports.clock;
    assert_int_equal(rtc->utc_ms(rtc->ctx), UTC_MS + 1000);
    gm_body_set_rtc(&w.body, 5000);
    pass(&w, 250);
    assert_int_equal(rtc->utc_ms(rtc->ctx), 5250);
    gm_body_stop_rtc(&w.body);
    gm_body_stop_rtc(&w.body);
    pass(&w, 60000);
    assert_int_equal(rtc->utc_ms(rtc->ctx), 5250);
    assert_int_equal(rtc->mono_ms(rtc->ctx), now_ms);   /* whatever the calendar says */
    gm_body_set_rtc(&w.body, gm_body_rtc_ms(&w.body));
    pass(&w, 1);
    assert_int_equal(rtc->utc_ms(rtc->ctx), 5251);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stuck_valve),   cmocka_unit_test(test_stuck_open),
        cmocka_unit_test(test_leak_and_reverse), cmocka_unit_test(test_flow_changes),
        cmocka_unit_test(test_wait_is_exact), cmocka_unit_test(test_clock),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
