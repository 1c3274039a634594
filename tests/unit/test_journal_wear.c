/* test_journal_wear.c - what twenty years do to the flash, what a power cut takes of the index, and
 * a meter on every geometry of flash. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "meter-core/journal.h"
#include "meter-core/store.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/meter_story.h"

#define YEAR_L 3000000          /* 3,000 m3 */
#define YEARS 20
#define CYCLES 10000            /* that a sector is specified for */
#define DAY_MS INT64_C(86400000)
#define NIGHT_MS (DAY_MS / 4)   /* without gas */
#define WEEK_L 60000            /* bought each week: a little more than is used */
#define PURCHASES_KEPT 104
#define EVENTS_KEPT 512
#define SHUT_MS 2000            /* the valve is, by then */
#define LEAK_WATCH_MS 130000    /* the leak watch of 1-litre pulses is over by then */

static bool is_whole_campaign(void)
{
    return getenv("TEST_ALL") != NULL;
}

/* ---- twenty years ---- */

struct household {
    struct aid_world *w;
    gasm_Ticket ticket;
    uint64_t weeks;
    uint32_t ops;
};

static void ask(struct household *h, gasm_Request *r)
{
    r->base_receipt_seq = h->w->meter->core.receipt_seq;
    aid_greet(h->w, &h->ticket);
    aid_expect(h->w, r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_world_disconnect(h->w);
}

static void buy(struct household *h)
{
    gasm_Token token = aid_token(h->weeks + 1, (h->weeks + 1) * WEEK_L);
    gasm_Request r = aid_recharge(h->w, &token);

    h->weeks++;
    ask(h, &r);
}

/* After the power had failed. */
static void let_gas_in(struct household *h)
{
    gasm_Request r = aid_request(h->w, gasm_Command_VALVE_ARM, ++h->ops);

    aid_world_pass(h->w, SHUT_MS);
    ask(h, &r);
    mc_meter_button(h->w->meter);
    aid_world_leap(h->w, LEAK_WATCH_MS * h->w->meter->core.pulse_l);
    assert_int_equal(h->w->valve.state, gasm_ValveState_VALVE_OPEN);
}

static struct household move_in(uint32_t pulse_l, uint32_t sectors)
{
    struct household h = {.w = aid_world_new_flash(21, pulse_l, MC_JOURNAL_SECTOR_MIN, sectors, 8),
                          .ops = 2000};
    struct aid_story story = aid_story_of(h.w);

    aid_story_steps(&story, AID_INSTALL_KEY, AID_COMMISSION);
    aid_world_disconnect(h.w);
    h.w->flow_l_per_h = 0;
    h.ticket = aid_world_ticket(1, 700);
    h.ticket.not_after_s += (YEARS + 1) * 366 * 86400L;
    h.ticket.use_count = 100000;
    buy(&h);
    let_gas_in(&h);
    return h;
}

/* One day with gas from morning to night. */
static void live_a_day(struct household *h)
{
    struct aid_world *w = h->w;
    uint32_t pulse_l = w->meter->core.pulse_l, pulses = YEAR_L / 365 / pulse_l;

    w->utc_ms += NIGHT_MS;
    w->mono_ms += NIGHT_MS;
    for (uint32_t i = 0; i < pulses; i++) {
        w->utc_ms += (DAY_MS - NIGHT_MS) / pulses;
        w->mono_ms += (DAY_MS - NIGHT_MS) / pulses;
        mc_meter_pulse(w->meter, 1);
        if (i % 64 == 0)
            (void)mc_meter_tick(w->meter);
    }
    (void)mc_meter_tick(w->meter);
    assert_int_equal(w->valve.state, gasm_ValveState_VALVE_OPEN);
}

/* A token each week, a reading each month, a power cut each quarter. */
static void live(struct household *h, int days)
{
    for (int day = 1; day <= days; day++) {
        live_a_day(h);
        if (day % 7 == 0)
            buy(h);
        if (day % 30 == 0) {
            gasm_Request r = aid_request(h->w, gasm_Command_READ_BALANCE, 0);

            ask(h, &r);
        }
        if (day % 91 == 0) {
            assert_int_equal(aid_world_restart(h->w), 0);
            let_gas_in(h);
        }
    }
}

static uint32_t most_worn(const struct aid_flash *f)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < f->sectors; i++)
        most = f->worn[i] > most ? f->worn[i] : most;
    return most;
}

/* What is kept at a turn becomes as much as it ever is, but for the days, which a year fills. */
static void age(struct household *h)
{
    for (int i = 0; i < PURCHASES_KEPT; i++)
        buy(h);
    for (int i = 0; i < EVENTS_KEPT; i++)
        assert_int_equal(mc_store_event(h->w->meter, MC_EVENT_REFUSED, 0, 0), 0);
}

/* After an aged meter's first year all others are alike. So two are lived, or all of them. */
static uint32_t erases_in_all_years(uint32_t pulse_l, uint32_t sectors)
{
    struct household h = move_in(pulse_l, sectors);
    int years = is_whole_campaign() ? YEARS : 2;
    uint64_t lived_l = (uint64_t)years * 365 * (YEAR_L / 365 / pulse_l) * pulse_l, programmed;
    uint32_t worn, first;

    age(&h);
    live(&h, 365);
    first = most_worn(&h.w->flash);
    programmed = h.w->flash.programmed;
    for (int year = 1; year < years; year++)
        live(&h, 365);
    programmed = h.w->flash.programmed - programmed;
    worn = most_worn(&h.w->flash) - first;
    /* What is bought is what was used and what is left. */
    assert_true(mc_residual_l(&h.w->meter->core.totals) > 0);
    assert_true(h.w->meter->core.totals.index_l >= lived_l - lived_l / 10000);
    worn = first + (worn * (YEARS - 1) + (uint32_t)years - 2) / ((uint32_t)years - 1);
    print_message("# %" PRIu32 "-litre pulses, %" PRIu32 " sectors: %" PRIu32
                  " erases of the most worn sector in %d years, %" PRIu64 " bytes a year\n",
                  pulse_l, sectors, worn, YEARS, programmed * 8 / (uint64_t)(years - 1));
    aid_world_free(h.w);
    return worn;
}

static void test_wear(void **state)
{
    uint32_t two, four, ten;

    (void)state;
    two = erases_in_all_years(1, 2);
    four = erases_in_all_years(1, 4);
    ten = erases_in_all_years(10, 2);
    assert_in_range(two, 1, CYCLES);
    assert_in_range(four, two / 2 - 20, two / 2 + 20);      /* shared by all */
    assert_in_range(ten, 1, two + two / 20);        /* as many records */
}

/* ---- what a power cut takes of the index ---- */

/* Lose power after `pulses` pulses, or at program unit `at` of what they write. Litres lost. */
static uint64_t lost_after(uint32_t pulse_l, int pulses, int64_t at)
{
    struct aid_world *w = aid_story_opened(pulse_l, AID_OPEN_ACCOUNT);
    uint64_t true_l = w->meter->core.totals.index_l, lost_l;

    w->flash.cut = AID_CUT_TORN;
    w->flash.cut_in = at;
    for (int i = 0; i < pulses && !w->flash.dead; i++) {
        true_l += pulse_l;
        mc_meter_pulse(w->meter, 1);
    }
    w->flash.cut_in = -1;
    assert_int_equal(aid_world_restart(w), 0);
    assert_true(w->meter->core.totals.index_l <= true_l);
    lost_l = true_l - w->meter->core.totals.index_l;
    aid_world_free(w);
    return lost_l;
}

static void test_index_loss(void **state)
{
    static const struct {
        uint32_t pulse_l;
        uint64_t between_l, writing_l;  /* lost at most: between two records, in one */
    } bounds[] = {{1, 9, 10}, {10, 0, 10}};

    (void)state;
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        uint64_t between_l = 0, writing_l = 0;

        for (int pulses = 0; pulses <= 22; pulses++) {
            uint64_t lost_l = lost_after(bounds[b].pulse_l, pulses, -1);

            between_l = lost_l > between_l ? lost_l : between_l;
        }
        for (int64_t at = 0; at < 16; at++) {
            uint64_t lost_l = lost_after(bounds[b].pulse_l, 40, at);

            writing_l = lost_l > writing_l ? lost_l : writing_l;
        }
        print_message("# %" PRIu32 "-litre pulses: at most %" PRIu64 " litres lost between two "
                      "records, %" PRIu64 " in one\n",
                      bounds[b].pulse_l, between_l, writing_l);
        assert_int_equal(between_l, bounds[b].between_l);
        assert_int_equal(writing_l, bounds[b].writing_l);
    }
}

/* ---- geometry ---- */

/* Change parameters until every sector has been the journal; everything is there after a start. */
static void live_on(uint32_t sector_size, uint32_t sectors, uint32_t unit)
{
    struct aid_world *w = aid_world_new_flash(3, 1, sector_size, sectors, unit);
    struct aid_story s = aid_story_of(w);
    uint8_t rec[MC_JOURNAL_EXTRA + 1024] = {0};

    aid_story_steps(&s, AID_INSTALL_KEY, AID_COMMISSION);
    aid_world_disconnect(w);
    aid_world_pass(w, 20);
    for (uint32_t turns = 0; turns <= sectors; turns++) {
        uint32_t generation = w->meter->journal.generation;

        while (w->meter->journal.generation == generation) {
            while (mc_journal_free(&w->meter->journal) > mc_journal_cost(MC_REC_MAX) + 1056)
                assert_int_equal(
                    mc_journal_append(&w->meter->journal, MC_RECORD_LOG, rec, 1024, NULL), 0);
            assert_int_equal(mc_store_event(w->meter, MC_EVENT_REFUSED, 0, 0), 0);
        }
        aid_world_pass(w, 20);          /* nobody is there: the next sector is erased */
        assert_int_equal(w->meter->journal.generation, generation + 1);
        assert_int_equal(aid_world_restart(w), 0);
        aid_story_check(&s);
        aid_world_disconnect(w);
        aid_world_pass(w, 20);
    }
    for (uint32_t i = 0; i < sectors; i++)
        assert_in_range(w->flash.worn[i], 2, 3);
    aid_world_free(w);
}

static void test_geometry(void **state)
{
    static const uint32_t sizes[] = {131072, 131088, 196608, 262144, 1048576};
    uint32_t unit = 4;

    (void)state;
    for (uint32_t sectors = 2; sectors <= 8; sectors++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            if (sizes[i] * sectors > 2u << 20 && !is_whole_campaign())
                continue;
            live_on(sizes[i], sectors, unit);
            unit = unit == 16 ? 4 : unit * 2;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wear),
        cmocka_unit_test(test_index_loss),
        cmocka_unit_test(test_geometry),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
