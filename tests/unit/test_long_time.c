/* test_long_time.c - every timer of the meter at its real length, in simulated time, with a clock
 * of the timers that has run for a moment, for 2^31 and 2^32 ms, and for twenty years. */
#include "meter-core/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"
#include "meter-core/clock.h"
#include "meter-core/commands.h"
#include "meter-core/history.h"
#include "meter-core/link.h"
#include "meter-core/purge.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/purge_site.h"
#include "tests/aid/supply_site.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define YEARS_20_DAYS 7305
#define YEARS_20_MS (YEARS_20_DAYS * DAY_MS)

/* A meter on which one timer runs. */
struct scene {
    struct supply_site s;       /* in service, or a bare world for what comes before */
    struct site purge;
    int64_t mono_ms;            /* added to the clock of the timers before anything begins */
    uint64_t before;            /* what a timer changes, as it was */
};

struct timer {
    const char *name;
    const char *from;                           /* where its length stands */
    int64_t (*begin)(struct scene *);           /* start it; its length in ms */
    bool (*over)(struct scene *);               /* asked once: is it over? */
    void (*wait)(struct scene *, int64_t ms);   /* NULL: aid_world_leap() */
    int64_t late_ms;                            /* how late it may be seen */
};

static void in_service(struct scene *c, uint32_t pulse_l)
{
    c->s = supply_make(pulse_l, 10000000);
    c->s.w->mono_ms += c->mono_ms;
    aid_world_pass(c->s.w, 100);
    supply_mark(&c->s);
}

static void at_purging(struct scene *c)
{
    c->purge = site_make(1);
    c->s.w = c->purge.w;
    c->s.w->mono_ms += c->mono_ms;
    aid_world_pass(c->s.w, 100);
    site_greet(&c->purge);
}

/* Both clocks at once, without anything in between. */
static void jump(struct scene *c, int64_t ms)
{
    c->s.w->utc_ms += ms;
    c->s.w->mono_ms += ms;
    (void)mc_meter_tick(c->s.w->meter);
}

static int64_t begin_leak_watch(struct scene *c, uint32_t pulse_l, int64_t limit_l_per_h)
{
    in_service(c, pulse_l);
    supply_set(&c->s, MC_PARAM_LEAK_FLOW, limit_l_per_h);
    c->s.w->valve.travel_ms = 0;
    supply_open(&c->s);
    return c->s.w->meter->supply.watch_ms + pulse_l * HOUR_MS / limit_l_per_h - c->s.w->mono_ms;
}

/* ---- arming, watching, travelling ---- */

static int64_t begin_arming(struct scene *c)
{
    in_service(c, 1);
    mc_supply_arm(c->s.w->meter);
    return 30000;
}

static int64_t begin_arming_longest(struct scene *c)
{
    in_service(c, 1);
    supply_set(&c->s, MC_PARAM_ARMING_TIME, 300);
    mc_supply_arm(c->s.w->meter);
    return 300000;
}

static bool is_disarmed(struct scene *c)
{
    mc_meter_button(c->s.w->meter);
    return !c->s.w->meter->drive.want_open;
}

static int64_t begin_watch_1(struct scene *c)
{
    return begin_leak_watch(c, 1, 30);
}

static int64_t begin_watch_10(struct scene *c)
{
    return begin_leak_watch(c, 10, 30);
}

static int64_t begin_watch_longest(struct scene *c)
{
    return begin_leak_watch(c, 10, 5);
}

static bool is_watched_no_more(struct scene *c)
{
    mc_meter_pulse(c->s.w->meter, 2);
    return c->s.w->meter->core.locks == 0;
}

static int64_t begin_opening(struct scene *c)
{
    in_service(c, 1);
    mc_supply_arm(c->s.w->meter);
    c->s.w->valve.stuck = true;
    mc_meter_button(c->s.w->meter);
    return 10000;
}

static int64_t begin_shutting(struct scene *c)
{
    in_service(c, 1);
    supply_set(&c->s, MC_PARAM_VALVE_TRAVEL, 60);
    supply_open(&c->s);
    c->s.w->valve.stuck = true;
    mc_supply_stop(c->s.w->meter);
    return 60000;
}

static bool is_faulty(struct scene *c)
{
    return supply_events(&c->s, MC_EVENT_VALVE_FAULT, NULL, NULL) == 1;
}

/* ---- purging ---- */

static int64_t begin_presence(struct scene *c)
{
    at_purging(c);
    assert_int_equal(site_start(&c->purge, 60, 120), gasm_Refusal_OK);
    aid_world_pass(c->s.w, 3000);
    assert_int_equal(site_keep_alive(&c->purge), gasm_Refusal_OK);
    return MC_PRESENCE_MS;
}

static int64_t begin_grant(struct scene *c)
{
    at_purging(c);
    c->s.w->flow_l_per_h = 0;
    assert_int_equal(site_start(&c->purge, 60, 120), gasm_Refusal_OK);
    return 120000;
}

static void keep_alive(struct scene *c, int64_t ms)
{
    int64_t until_ms = c->s.w->mono_ms + ms;

    while (until_ms - c->s.w->mono_ms > 4000) {
        aid_world_pass(c->s.w, 3000);
        assert_int_equal(site_keep_alive(&c->purge), gasm_Refusal_OK);
    }
    aid_world_pass(c->s.w, until_ms - c->s.w->mono_ms);
}

static bool is_grant_over(struct scene *c)
{
    return c->s.w->meter->core.grant_open == 0 || c->s.w->meter->purge.closing;
}

/* ---- the connection ---- */

static int64_t begin_connection(struct scene *c)
{
    in_service(c, 1);
    aid_world_connect(c->s.w, 247);
    return MC_CONNECT_MS;
}

static void greet(struct scene *c)
{
    aid_greet(c->s.w, &c->s.technician);
}

static int64_t begin_first_fragment(struct scene *c)
{
    in_service(c, 1);
    greet(c);
    return MC_HEARD_MS;
}

static int64_t begin_silence(struct scene *c)
{
    in_service(c, 1);
    assert_int_equal(supply_ask(&c->s, &c->s.technician, gasm_Command_IDENTIFY), gasm_Refusal_OK);
    return MC_SILENCE_MS;
}

static bool is_dropped(struct scene *c)
{
    return !c->s.w->up;
}

static int64_t begin_hello(struct scene *c)
{
    in_service(c, 1);
    greet(c);
    return MC_HELLO_MS;
}

/* A hello that comes too early is sent again a second later. */
static bool is_heard_at_once(struct scene *c)
{
    int64_t from_ms = c->s.w->mono_ms;

    greet(c);
    return c->s.w->mono_ms == from_ms;
}

/* ---- events that are not repeated too often ---- */

static void hello_refused(struct scene *c)
{
    gasm_Ticket t = aid_world_ticket(7, 9);     /* no key of that epoch */
    struct aid_pass pass = aid_world_pass_of(&t);

    aid_world_connect(c->s.w, 247);
    assert_int_equal(aid_world_hello(c->s.w, &pass), GF_E_TICKET);
    aid_world_disconnect(c->s.w);
}

static int64_t begin_refused_log(struct scene *c)
{
    in_service(c, 1);
    hello_refused(c);
    aid_world_pass(c->s.w, 10);
    assert_int_equal(supply_events(&c->s, MC_EVENT_REFUSED, NULL, NULL), 1);
    hello_refused(c);
    /* The second waited for its second. */
    return MC_REFUSED_LOG_MS - (c->s.w->mono_ms - c->s.w->meter->link.refused_ms);
}

static bool is_refusal_logged(struct scene *c)
{
    return supply_events(&c->s, MC_EVENT_REFUSED, NULL, NULL) == 2;
}

static int64_t begin_flow_log(struct scene *c)
{
    in_service(c, 1);
    mc_meter_pulse(c->s.w->meter, 1);
    assert_int_equal(supply_events(&c->s, MC_EVENT_FLOW_WHILE_SHUT, NULL, NULL), 1);
    return HOUR_MS;
}

static bool is_flow_logged(struct scene *c)
{
    mc_meter_pulse(c->s.w->meter, 1);
    return supply_events(&c->s, MC_EVENT_FLOW_WHILE_SHUT, NULL, NULL) == 2;
}

static void old_token(struct scene *c)
{
    gasm_Token t = aid_token(1, 100);
    gasm_Request r;

    t.account_no = 1000;
    r = aid_recharge(c->s.w, &t);
    greet(c);
    assert_int_equal(aid_world_ask(c->s.w, &r), 0);
    assert_int_equal(c->s.w->answer.result, gasm_Refusal_OLD);
    aid_world_disconnect(c->s.w);
}

static int64_t begin_token_log(struct scene *c)
{
    in_service(c, 1);
    old_token(c);
    return 60000;
}

static bool is_token_logged(struct scene *c)
{
    old_token(c);
    return supply_events(&c->s, MC_EVENT_CREDIT_REFUSED, NULL, NULL) == 2;
}

static int64_t begin_owed(struct scene *c)
{
    in_service(c, 1);
    c->s.w->flash.dead = true;
    mc_meter_sense(c->s.w->meter, MC_SENSE_COVER, true);
    c->s.w->flash.dead = false;
    return 1000;
}

static bool is_paid(struct scene *c)
{
    return c->s.w->meter->core.locks != 0;
}

/* ---- days ---- */

static int64_t now_s(const struct scene *c)
{
    return mc_clock_now_s(c->s.w->meter);
}

/* Ms until the meter's clock says this. */
static int64_t until(const struct scene *c, const char *text)
{
    int64_t at_s;
    struct mc_meter *m = c->s.w->meter;

    assert_int_equal(gf_utc_parse(text, &at_s), 0);
    return at_s * 1000 - (c->s.w->utc_ms + m->core.clock_offset_ms);
}

static int64_t begin_gas_day(struct scene *c)
{
    in_service(c, 1);
    c->before = c->s.w->meter->core.day_no;
    assert_int_equal(mc_gas_day(now_s(c), 360), 20775);     /* 2026-11-18 */
    return until(c, "2026-11-19T06:00:00Z");
}

static bool is_day_over(struct scene *c)
{
    return c->s.w->meter->core.day_no == c->before + 1;
}

static int64_t begin_month(struct scene *c)
{
    in_service(c, 1);
    c->before = c->s.w->meter->core.month_no;
    return until(c, "2026-12-01T06:00:00Z");
}

static bool is_month_over(struct scene *c)
{
    return c->s.w->meter->core.month_no == c->before + 1;
}

/* The days already have their entries (the clock was set back): the floor rises all the same. */
static int64_t begin_floor(struct scene *c)
{
    struct mc_tx tx;

    in_service(c, 1);
    mc_store_begin(c->s.w->meter, &tx);
    tx.next.day = tx.next.month = 1000000;
    tx.next.floor_s = now_s(c);
    assert_int_equal(mc_store_change(c->s.w->meter, &tx), 0);
    c->before = (uint64_t)tx.next.floor_s;
    return tx.next.floor_s * 1000 + DAY_MS - (c->s.w->utc_ms + tx.next.clock_offset_ms);
}

static bool has_floor_risen(struct scene *c)
{
    return c->s.w->meter->core.floor_s > (int64_t)c->before;
}

/* ---- flow without a pause ---- */

static int64_t begin_continuous(struct scene *c)
{
    in_service(c, 1);
    supply_set(&c->s, MC_PARAM_CONTINUOUS_TIME, 240);
    supply_open(&c->s);
    c->s.w->meter->supply.watching = false;
    mc_meter_pulse(c->s.w->meter, 1);
    return 240 * HOUR_MS;
}

static void burn(struct scene *c, int64_t ms)
{
    for (; ms > 1800000; ms -= 1800000) {
        aid_world_leap(c->s.w, 1800000);
        mc_meter_pulse(c->s.w->meter, 1);
    }
    aid_world_leap(c->s.w, ms);
}

static bool is_continuous(struct scene *c)
{
    mc_meter_pulse(c->s.w->meter, 1);
    return supply_events(&c->s, MC_EVENT_CONTINUOUS_FLOW, NULL, NULL) == 1;
}

/* ---- tickets ---- */

static int64_t begin_ticket(struct scene *c)
{
    in_service(c, 1);
    c->s.technician.not_after_s = now_s(c) + YEARS_20_MS / 1000;
    return c->s.technician.not_after_s * 1000 + 999 -
           (c->s.w->utc_ms + c->s.w->meter->core.clock_offset_ms);
}

static bool is_expired(struct scene *c)
{
    struct aid_pass pass = aid_world_pass_of(&c->s.technician);
    int rc;

    aid_world_connect(c->s.w, 247);
    rc = aid_world_hello(c->s.w, &pass);
    if (rc == GF_E_TICKET)
        assert_int_equal(c->s.w->refusal.reason, gasm_Refusal_OLD);
    return rc != 0;
}

/* ---- the table ---- */

static const struct timer timers[] = {
    {"arming", "arming_time_s, default", begin_arming, is_disarmed, NULL, 0},
    {"arming, longest", "arming_time_s, max", begin_arming_longest, is_disarmed, NULL, 0},
    {"leak watch, 1 l", "pulse_l, leak_flow_l_per_h", begin_watch_1, is_watched_no_more, NULL, 0},
    {"leak watch, 10 l", "pulse_l, leak_flow_l_per_h", begin_watch_10, is_watched_no_more, NULL, 0},
    {"leak watch, longest", "leak_flow_l_per_h, min", begin_watch_longest, is_watched_no_more, NULL,
     0},
    {"opening", "valve_travel_s, default", begin_opening, is_faulty, NULL, 20},
    {"shutting", "valve_travel_s, max", begin_shutting, is_faulty, NULL, 20},
    {"presence", "MC_PRESENCE_MS", begin_presence, is_grant_over, NULL, 20},
    {"purge grant", "its seconds", begin_grant, is_grant_over, keep_alive, 20},
    {"connection", "MC_CONNECT_MS", begin_connection, is_dropped, NULL, 250},
    {"first fragment", "MC_HEARD_MS", begin_first_fragment, is_dropped, NULL, 250},
    {"silence", "MC_SILENCE_MS", begin_silence, is_dropped, NULL, 250},
    {"hello", "MC_HELLO_MS", begin_hello, is_heard_at_once, NULL, 0},
    {"refused hellos", "MC_REFUSED_LOG_MS", begin_refused_log, is_refusal_logged, NULL, 1000},
    {"refused tokens", "a minute", begin_token_log, is_token_logged, NULL, 0},
    {"flow while shut", "an hour", begin_flow_log, is_flow_logged, NULL, 0},
    {"what is owed to the journal", "a second", begin_owed, is_paid, NULL, 250},
    {"time floor", "a day", begin_floor, has_floor_risen, NULL, 1000},
    {"gas day", "gas_day_start_min", begin_gas_day, is_day_over, NULL, 1000},
    {"month", "gas_day_start_min", begin_month, is_month_over, NULL, 1000},
    {"flow without a pause", "continuous_flow_h, max", begin_continuous, is_continuous, burn, 0},
    {"ticket", "not_after_s, twenty years", begin_ticket, is_expired, jump, 1},
};
#define TIMERS (sizeof timers / sizeof timers[0])

#define EARLY_MS 60

/* Not over just before its length, over just after it. */
static void run(const struct timer *t, int64_t mono_ms)
{
    for (unsigned after = 0; after < 2; after++) {
        struct scene c = {.mono_ms = mono_ms};
        int64_t length_ms = t->begin(&c);
        int64_t ms = after != 0 ? length_ms + t->late_ms : length_ms - EARLY_MS;

        if (t->wait != NULL)
            t->wait(&c, ms);
        else
            aid_world_leap(c.s.w, ms);
        if (t->over(&c) != (after != 0))
            fail_msg("%s (%s): %lld ms: %s after %lld ms", t->name, t->from, (long long)length_ms,
                     after != 0 ? "not over" : "over", (long long)ms);
        aid_world_free(c.s.w);
    }
}

static void test_timers(void **state)
{
    static const int64_t since_ms[] = {0, (INT64_C(1) << 31) - 20000, (INT64_C(1) << 32) - 20000,
                                       YEARS_20_MS};

    (void)state;
    for (size_t i = 0; i < TIMERS; i++)
        for (size_t k = 0; k < sizeof since_ms / sizeof since_ms[0]; k++)
            run(&timers[i], since_ms[k]);
}

/* Wrong typed tokens: 1, 2, 4 ... 1024 s, and then 1024 s again; a restart begins the wait anew and
 * does not shorten it. */
static void test_typed_wait(void **state)
{
    struct scene c = {0};
    gasm_Token other = aid_token(1, 100);
    char digits[MC_TYPED_TEXT];

    (void)state;
    in_service(&c, 1);
    other.account_no = 999;
    aid_world_digits(c.s.w, &other, digits);
    for (unsigned fails = 0; fails < 14; fails++) {
        int64_t wait_s = INT64_C(1) << (fails < 10 ? fails : 10);

        assert_int_equal(mc_meter_type(c.s.w->meter, digits), gasm_Refusal_PROOF);
        assert_int_equal(mc_typed_wait_s(c.s.w->meter), wait_s);
        if (fails % 3 == 2) {
            aid_world_leap(c.s.w, wait_s * 500);
            assert_int_equal(aid_world_restart(c.s.w), 0);
        }
        assert_int_equal(mc_typed_wait_s(c.s.w->meter), wait_s);
        aid_world_leap(c.s.w, wait_s * 1000 - 1);
        assert_int_equal(mc_meter_type(c.s.w->meter, digits), gasm_Refusal_LOCKED_OUT);
        aid_world_leap(c.s.w, 1);
        assert_int_equal(mc_typed_wait_s(c.s.w->meter), 0);
    }
    aid_world_free(c.s.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_typed_wait),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
