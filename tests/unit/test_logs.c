/* test_logs.c - events, gas days, months: what is kept, for how long, and how it is read page by
 * page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/clock.h"
#include "meter-core/history.h"
#include "meter-core/logs.h"
#include "meter-core/store.h"
#include "tests/aid/meter_story.h"

#define DAY_MS 86400000LL

/* ---- calendar ---- */

/* Every month of 1970..2105 by counting days. */
static void test_months(void **state)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint32_t day = 0, month = 0;

    (void)state;
    for (uint32_t year = 1970; year < 2106; year++)
        for (uint32_t m = 0; m < 12; m++, month++) {
            bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            uint32_t n = lengths[m] + (m == 1 && leap ? 1u : 0u);

            for (uint32_t d = 0; d < n; d++, day++)
                assert_int_equal(mc_gas_month(day), month);
        }
}

static void test_gas_day(void **state)
{
    (void)state;
    assert_int_equal(mc_gas_day(0, 0), 0);
    assert_int_equal(mc_gas_day(0, 1), 0);
    assert_int_equal(mc_gas_day(86399, 0), 0);
    assert_int_equal(mc_gas_day(86400, 0), 1);
    assert_int_equal(mc_gas_day(86400 + 360 * 60 - 1, 360), 0);
    assert_int_equal(mc_gas_day(86400 + 360 * 60, 360), 1);
    assert_int_equal(mc_gas_day(-5, 0), 0);
}

/* ---- numbers ---- */

/* So many of each log are kept, as the table of logs.h says. */
static void test_first_and_last(void **state)
{
    static const uint32_t kept[MC_LOGS] = {[MC_LOG_EVENTS] = 512,
                                           [MC_LOG_DAYS] = 408,
                                           [MC_LOG_MONTHS] = 64,
                                           [MC_LOG_PURCHASES] = 104};
    struct mc_core core;

    (void)state;
    for (uint32_t last = 0; last < 1200; last++) {
        memset(&core, 0, sizeof core);
        core.event_seq = core.day_no = core.month_no = core.purchase_no = last;
        for (enum mc_log log = 0; log < MC_LOGS; log++) {
            uint32_t first = last == 0 ? 0 : last <= kept[log] ? 1 : last - kept[log] + 1;

            assert_int_equal(mc_log_last(&core, log), last);
            assert_int_equal(mc_log_first(&core, log), first);
        }
    }
}

/* ---- reading ---- */

static struct aid_world *in_service(void)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);

    w->flash.erase_forbidden = false;
    return w;
}

/* Ask for a page, in a session that is made when there is none. */
static void page(struct aid_world *w, gasm_Command command, bool monthly, uint32_t from)
{
    gasm_Ticket t = aid_world_ticket(1, 9);
    struct aid_pass pass;
    gasm_Request r = aid_request(w, command, 0);

    t.not_after_s = INT64_MAX;
    pass = aid_world_pass_of(&t);
    if (command == gasm_Command_READ_EVENTS) {
        r.which_body = gasm_Request_read_events_tag;
        r.body.read_events.from_no = from;
    } else {
        r.which_body = gasm_Request_read_history_tag;
        r.body.read_history.from_no = from;
        r.body.read_history.monthly = monthly;
    }
    assert_int_equal(w->up ? aid_world_ask(w, &r) : aid_world_do(w, &pass, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_OK);
}

/* Sleep until the next gas day begins, and a little. */
static void next_day(struct aid_world *w, int64_t days)
{
    w->utc_ms += days * DAY_MS;
    w->mono_ms += days * DAY_MS;
    (void)mc_meter_tick(w->meter);
}

struct days {
    uint64_t index_l[8000];     /* at the end of day 1, 2, 3 ... */
    uint32_t first, n;          /* number of the first day since 1970; days so far */
};

/* All days that are kept, page by page: no gap, no double, 400 at least once there were so many. */
static void check_days(struct aid_world *w, const struct days *days)
{
    const gasm_History *h = &w->answer.body.history;
    uint32_t no, entries = 0;

    page(w, gasm_Command_READ_HISTORY, false, 0);
    assert_int_equal(h->last_no, days->n);
    for (no = h->first_no; no <= days->n;) {
        page(w, gasm_Command_READ_HISTORY, false, no);
        assert_true(h->entries_count > 0);
        for (size_t i = 0; i < h->entries_count; i++, no++, entries++) {
            assert_int_equal(h->entries[i].no, no);
            assert_int_equal(h->entries[i].period, days->first + no - 1);
            assert_int_equal(h->entries[i].index_l, days->index_l[no - 1]);
            assert_int_equal(h->entries[i].purged_l, w->meter->core.totals.purged_l);
        }
    }
    assert_true(entries >= (days->n < 400 ? days->n : 400));
    page(w, gasm_Command_READ_HISTORY, false, days->n + 1);
    assert_int_equal(h->entries_count, 0);
    aid_world_disconnect(w);
}

/* Twenty years of days, read whenever the journal has just turned, and at the end; and months. */
static void test_days(void **state)
{
    static struct days days;
    struct aid_world *w = in_service();
    const gasm_History *h = &w->answer.body.history;
    uint32_t turns = 0;

    (void)state;
    days = (struct days){.first = w->meter->core.day - 1};
    while (days.n < 7305) {
        uint32_t generation = w->meter->journal.generation;

        mc_meter_pulse(w->meter, 1 + days.n % 13);
        days.index_l[days.n++] = w->meter->core.totals.index_l;
        next_day(w, 1);
        if (days.n % 1000 == 999)
            assert_int_equal(aid_world_restart(w), 0);
        if (w->meter->journal.generation != generation) {
            turns++;
            check_days(w, &days);
        }
    }
    assert_true(turns >= 4);
    check_days(w, &days);
    page(w, gasm_Command_READ_HISTORY, true, 0);
    assert_int_equal(h->last_no, 240);
    assert_true(h->first_no <= 240 - 60 + 1);
    assert_int_equal(h->entries_count, 16);
    assert_int_equal(h->entries[15].period, h->entries[0].period + 15);
    aid_world_free(w);
}

/* A clock that goes back writes no day twice; days that were slept through have no entry. */
static void test_day_jumps(void **state)
{
    struct aid_world *w = in_service();
    uint32_t no = w->meter->core.day_no;

    (void)state;
    next_day(w, 1);
    assert_int_equal(w->meter->core.day_no, no + 1);
    w->utc_ms -= 30000;     /* within what is trusted */
    (void)mc_meter_tick(w->meter);
    w->utc_ms += 30000;
    (void)mc_meter_tick(w->meter);
    assert_int_equal(w->meter->core.day_no, no + 1);
    next_day(w, 9);
    assert_int_equal(w->meter->core.day_no, no + 2);
    w->utc_ms -= 5 * DAY_MS;
    (void)mc_meter_tick(w->meter);
    next_day(w, 4);
    assert_int_equal(w->meter->core.day_no, no + 2);
    next_day(w, 2);
    assert_int_equal(w->meter->core.day_no, no + 3);
    aid_world_free(w);
}

/* Nothing is known of days before the clock is set. */
static void test_no_clock(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ZERO_CLEAR);

    (void)state;
    next_day(w, 5);
    assert_int_equal(w->meter->core.day_no, 0);
    assert_int_equal(w->meter->core.day, 0);
    aid_world_free(w);
}

/* All events that are kept, page by page. */
static void check_events(struct aid_world *w)
{
    const gasm_Events *e = &w->answer.body.events;
    uint32_t no, last;

    page(w, gasm_Command_READ_EVENTS, false, 0);
    last = e->last_no;
    assert_int_equal(last, w->meter->core.event_seq);
    assert_true(last < 500 || e->first_no <= last - 500 + 1);
    for (no = e->first_no; no <= last;) {
        page(w, gasm_Command_READ_EVENTS, false, no);
        assert_true(e->entries_count > 0);
        for (size_t i = 0; i < e->entries_count; i++, no++) {
            assert_int_equal(e->entries[i].no, no);
            if (e->entries[i].code == MC_EVENT_CLOCK_SET)
                assert_int_equal(e->entries[i].a, -e->entries[i].b);
        }
    }
    aid_world_disconnect(w);
}

/* Many more events than are kept, read whenever the journal has just turned: the newest 500 and
 * more, in order; the numbers tell that older ones are gone. */
static void test_events(void **state)
{
    struct aid_world *w = in_service();
    uint32_t turns = 0;

    (void)state;
    for (uint32_t i = 0; i < 9000; i++) {
        uint32_t generation = w->meter->journal.generation;

        assert_int_equal(mc_store_event(w->meter, MC_EVENT_CLOCK_SET, i, -(int64_t)i), 0);
        (void)mc_meter_tick(w->meter);
        if (i % 700 == 0)
            assert_int_equal(aid_world_restart(w), 0);
        if (w->meter->journal.generation != generation) {
            turns++;
            check_events(w);
        }
    }
    assert_true(turns >= 4);
    page(w, gasm_Command_READ_EVENTS, false, 0);
    assert_true(w->answer.body.events.first_no > 1);
    aid_world_free(w);
}

/* The first events of a life, as they happened. */
static void test_first_events(void **state)
{
    static const enum mc_event want[] = {MC_EVENT_RESET, MC_EVENT_TICKET_USED,
                                         MC_EVENT_KEY_INSTALLED, MC_EVENT_KEY_ACTIVATED};
    struct aid_world *w = aid_story_opened(1, AID_ACTIVATE);
    const gasm_Events *e = &w->answer.body.events;

    (void)state;
    page(w, gasm_Command_READ_EVENTS, false, 1);
    assert_true(e->entries_count >= sizeof want / sizeof want[0]);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_int_equal(e->entries[i].code, want[i]);
    aid_world_free(w);
}

/* A gas day that is made to begin later ends later, not twice: 24 hours alone are no day. */
static void test_day_begins_later(void **state)
{
    struct aid_world *w = in_service();
    int64_t *start_min = &w->meter->core.params[MC_PARAM_GAS_DAY_START - 1];
    int64_t now_s = mc_clock_now_s(w->meter);
    uint32_t days;

    (void)state;
    *start_min = 0;
    w->utc_ms += ((now_s / 86400 + 1) * 86400 + 3 * 3600 - now_s) * 1000;
    w->mono_ms += ((now_s / 86400 + 1) * 86400 + 3 * 3600 - now_s) * 1000;
    (void)mc_meter_tick(w->meter);
    days = w->meter->core.day_no;
    *start_min = 6 * 60;
    next_day(w, 1);                     /* three o'clock again */
    assert_int_equal(w->meter->core.day_no, days);
    next_day(w, 1);
    assert_int_equal(w->meter->core.day_no, days + 1);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_months),      cmocka_unit_test(test_gas_day),
        cmocka_unit_test(test_first_and_last),
        cmocka_unit_test(test_days),        cmocka_unit_test(test_day_jumps),
        cmocka_unit_test(test_no_clock),    cmocka_unit_test(test_events),
        cmocka_unit_test(test_first_events), cmocka_unit_test(test_day_begins_later),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
