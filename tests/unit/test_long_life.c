/* test_long_life.c - what a meter's twenty years leave behind: gas days and months, clocks with any
 * offset, seconds that 31 and 32 bits do not hold. */
#include "meter-core/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"
#include "meter-core/clock.h"
#include "meter-core/history.h"
#include "tests/aid/supply_site.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define YEARS_20_DAYS 7305
#define YEARS_20_MS (YEARS_20_DAYS * DAY_MS)

/* Both clocks at once, without anything in between. */
static void jump(struct aid_world *w, int64_t ms)
{
    w->utc_ms += ms;
    w->mono_ms += ms;
    (void)mc_meter_tick(w->meter);
}

static int64_t now_s(const struct aid_world *w)
{
    return mc_clock_now_s(w->meter);
}

/* To the time that the meter's clock shows then. */
static void jump_to(struct aid_world *w, const char *text)
{
    int64_t at_s;

    assert_int_equal(gf_utc_parse(text, &at_s), 0);
    jump(w, at_s * 1000 - (w->utc_ms + w->meter->core.clock_offset_ms));
}

/* ---- twenty years ---- */

struct periods {
    uint32_t first, last, n;    /* entries' numbers */
    uint32_t period;            /* of the last */
    uint64_t index_l;
};

/* One period after the other, none missing, the index growing. */
static int take_period(void *ctx, uint32_t no, struct gf_reader *r)
{
    struct periods *p = ctx;
    uint32_t period = (uint32_t)gf_rd_uint(r, 4);
    uint64_t index_l = gf_rd_uint(r, 8);

    if (p->n > 0) {
        assert_int_equal(no, p->last + 1);
        assert_int_equal(period, p->period + 1);
        assert_true(index_l > p->index_l);
    } else {
        p->first = no;
    }
    p->n++;
    p->last = no;
    p->period = period;
    p->index_l = index_l;
    return 0;
}

/* 7305 gas days with gas every day: all counted, the newest 400 days and 60 months readable. */
static void test_twenty_years(void **state)
{
    struct supply_site s = supply_make(1, 10000000);
    struct aid_world *w = s.w;
    struct periods days = {0}, months = {0};
    int64_t began_s;
    uint64_t index_l;

    (void)state;
    began_s = now_s(w);
    index_l = w->meter->core.totals.index_l;
    jump_to(w, "2026-11-19T05:59:00Z");
    for (unsigned day = 0; day < YEARS_20_DAYS; day++) {
        mc_meter_pulse(w->meter, 3);
        jump(w, 120000);
        assert_int_equal(w->meter->core.day_no, day + 1);
        jump(w, DAY_MS - 120000);
    }
    assert_true(now_s(w) - began_s > YEARS_20_MS / 1000 - 86400);
    assert_int_equal(w->meter->core.totals.index_l, index_l + 3 * YEARS_20_DAYS);
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(w->meter->core.day_no, YEARS_20_DAYS);
    assert_int_equal(mc_log_read(w->meter, MC_LOG_DAYS, 0, take_period, &days), 0);
    assert_int_equal(days.last, YEARS_20_DAYS);
    assert_true(days.n >= 400);
    assert_int_equal(days.period, mc_gas_day(now_s(w), 360) - 1);
    assert_int_equal(mc_log_read(w->meter, MC_LOG_MONTHS, 0, take_period, &months), 0);
    assert_int_equal(months.last, 240);
    assert_true(months.n >= 60);
    assert_int_equal(aid_world_restart(w), 0);
    assert_true(now_s(w) > began_s);
    aid_world_free(w);
}

/* ---- clocks ---- */

/* The RTC counts from anywhere: what was set stays right for twenty years and over restarts. */
static void test_offsets(void **state)
{
    static const int64_t rtc_ms[] = {0, 1, AID_UTC_MS - 5, AID_UTC_MS + YEARS_20_MS, 4102444800000};

    (void)state;
    for (size_t i = 0; i < sizeof rtc_ms / sizeof rtc_ms[0]; i++) {
        struct aid_world *w = aid_story_opened(1, AID_OPEN_ACCOUNT);
        gasm_Ticket t = aid_world_ticket(1, 2);
        struct aid_pass pass = aid_world_pass_of(&t);
        gasm_Request r = aid_request(w, gasm_Command_SET_CLOCK, 900);
        int64_t set_s = AID_UTC_MS / 1000 + 500;

        w->utc_ms = rtc_ms[i];
        r.which_body = gasm_Request_set_clock_tag;
        r.body.set_clock.utc_s = set_s;
        assert_int_equal(aid_world_do(w, &pass, &r), 0);
        assert_int_equal(w->answer.result, gasm_Refusal_OK);
        assert_in_range(now_s(w), set_s, set_s + 1);
        aid_world_disconnect(w);
        jump(w, YEARS_20_MS);
        assert_in_range(now_s(w), set_s + YEARS_20_MS / 1000, set_s + YEARS_20_MS / 1000 + 2);
        assert_int_equal(mc_clock_state(w->meter), MC_CLOCK_VALID);
        assert_int_equal(aid_world_restart(w), 0);
        assert_in_range(now_s(w), set_s + YEARS_20_MS / 1000, set_s + YEARS_20_MS / 1000 + 2);
        /* Back where it came from: lost, and judged by the floor. */
        w->utc_ms = rtc_ms[i];
        assert_int_equal(mc_clock_state(w->meter), MC_CLOCK_LOST);
        assert_in_range(mc_clock_judge_s(w->meter), set_s + YEARS_20_MS / 1000 - 86400,
                        set_s + YEARS_20_MS / 1000 + 2);
        aid_world_free(w);
    }
}

static bool is_expired(struct aid_world *w, const gasm_Ticket *t)
{
    struct aid_pass pass = aid_world_pass_of(t);

    aid_world_connect(w, 247);
    return aid_world_hello(w, &pass) == GF_E_TICKET && w->refusal.reason == gasm_Refusal_OLD;
}

/* Seconds that 31 and 32 bits do not hold: days go on, tickets are judged, their uses counted. */
static void test_second_limits(void **state)
{
    static const char *const limits[] = {"2038-01-19T03:14:00Z", "2106-02-07T06:28:00Z"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct supply_site s = supply_make(1, 50000);
        struct aid_world *w = s.w;
        gasm_Ticket *t = &s.technician;
        uint32_t days;

        jump_to(w, limits[i]);
        t->not_before_s = now_s(w) - 60;
        t->not_after_s = now_s(w) + 3 * DAY_MS / 1000;
        t->use_count = 3;
        days = w->meter->core.day_no;
        for (unsigned use = 0; use < 3; use++) {
            assert_int_equal(supply_ask(&s, t, gasm_Command_VALVE_ARM),
                             gasm_Refusal_OK);
            aid_world_disconnect(w);
            jump(w, DAY_MS / 2);
        }
        assert_int_equal(supply_ask(&s, t, gasm_Command_VALVE_ARM),
                         gasm_Refusal_USED);
        aid_world_disconnect(w);
        assert_in_range(w->meter->core.day_no, days + 1, days + 2);
        assert_false(is_expired(w, t));
        aid_world_disconnect(w);
        jump(w, 2 * DAY_MS);
        assert_true(is_expired(w, t));
        aid_world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twenty_years),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_second_limits),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
