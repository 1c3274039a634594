/* test_purge.c - the purge grant: each way in which it ends, its limits, and that each purged litre
 * stands in exactly one receipt. */
#include "meter-core/purge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/openssl/crypto.h"
#include "meter-core/ticket.h"
#include "tests/aid/meter_story.h"

/* A meter with an account, KEYED, and a technician in a session. */
struct site {
    struct aid_world *w;
    gasm_Ticket ticket;
    struct aid_pass pass;
    uint32_t op;
    gasm_Request start;         /* the last purge_start */
};

static void greet(struct site *s)
{
    s->pass = aid_world_pass_of(&s->ticket);
    aid_world_connect(s->w, 247);
    assert_int_equal(aid_world_hello(s->w, &s->pass), 0);
}

static struct site make(uint32_t pulse_l)
{
    struct site s = {.w = aid_world_new(41, pulse_l), .ticket = aid_world_ticket(1, 2), .op = 2000};
    struct aid_story story = aid_story_of(s.w);

    aid_story_steps(&story, AID_INSTALL_KEY, AID_OPEN_ACCOUNT);
    greet(&s);
    return s;
}

static gasm_Refusal start(struct site *s, uint32_t volume_l, uint32_t limit_s)
{
    s->start = aid_request(s->w, gasm_Command_PURGE_START, s->op++);
    s->start.which_body = gasm_Request_purge_start_tag;
    s->start.body.purge_start = (gasm_PurgeStart){.volume_l = volume_l, .limit_s = limit_s};
    assert_int_equal(aid_world_ask(s->w, &s->start), 0);
    return s->w->answer.result;
}

static gasm_Refusal keep_alive(struct site *s)
{
    gasm_Request r = aid_request(s->w, gasm_Command_PURGE_KEEPALIVE, 0);

    assert_int_equal(aid_world_ask(s->w, &r), 0);
    return s->w->answer.result;
}

static gasm_Refusal stop(struct site *s)
{
    gasm_Request r = aid_request(s->w, gasm_Command_PURGE_STOP, s->op++);

    assert_int_equal(aid_world_ask(s->w, &r), 0);
    assert_int_equal(s->w->answer.command, r.command);
    assert_memory_equal(s->w->answer.op_id.bytes, r.op_id.bytes, sizeof r.op_id.bytes);
    return s->w->answer.result;
}

/* Keep the grant alive for so long, or until it is over. */
static void stay(struct site *s, int64_t ms)
{
    for (; ms > 0 && keep_alive(s) == gasm_Refusal_OK; ms -= 1000)
        aid_world_pass(s->w, 1000);
}

static gasm_Receipt opened(const gasm_Response *a)
{
    uint8_t root[MC_KEY_LEN];
    gasm_Receipt r;

    aid_world_root(1, root);
    assert_int_equal(mc_receipt_open(mc_crypto_openssl(), root,
                                     (struct gf_span){a->receipt.bytes, a->receipt.size}, &r),
                     0);
    return r;
}

/* The receipt of the last grant's end, as a late purge_stop gets it; the meter's own when `own`. */
static gasm_Receipt ending(struct site *s, bool own)
{
    uint64_t receipts;
    uint8_t id[16];
    gasm_Receipt r;

    aid_world_pass(s->w, 2000);         /* the valve's travel */
    receipts = s->w->meter->core.receipt_seq;
    assert_int_equal(stop(s), gasm_Refusal_OK);
    assert_int_equal(s->w->meter->core.receipt_seq, receipts);      /* nothing new was done */
    r = opened(&s->w->answer);
    assert_int_equal(r.command, gasm_Command_PURGE_STOP);
    assert_int_equal(r.after.purged_l - r.before.purged_l, s->w->answer.body.purge.flowed_l);
    assert_int_equal(r.after.index_l - r.before.index_l, s->w->answer.body.purge.flowed_l);
    assert_int_equal(r.purge_end, s->w->answer.body.purge.end);
    if (own) {
        assert_int_equal(mc_op_id_purge_end(mc_crypto_openssl(), s->start.op_id.bytes, id), 0);
        assert_memory_equal(r.op_id.bytes, id, sizeof id);
        assert_int_equal(r.content_hash.size, 0);
        assert_int_equal(r.ticket_serial, 0);
    }
    return r;
}

/* Every receipt chains, and their litres add up. */
static void finish(struct site *s)
{
    gasm_Receipt r[64];
    struct aid_story story = aid_story_of(s->w);
    uint64_t sum_l = 0;
    size_t n;

    aid_world_pass(s->w, 3000);
    assert_int_equal(s->w->valve.state, gasm_ValveState_VALVE_SHUT);
    story.account = s->ticket;
    n = aid_story_receipts(&story, r, 64);
    for (size_t i = 0; i < n; i++) {
        sum_l += r[i].after.purged_l - r[i].before.purged_l;
        if (r[i].command == gasm_Command_PURGE_START)
            assert_memory_equal(&r[i].before, &r[i].after, sizeof r[i].before);
        if (i > 0)
            assert_memory_equal(&r[i].before, &r[i - 1].after, sizeof r[i].before);
    }
    assert_int_equal(sum_l, s->w->meter->core.totals.purged_l);
    aid_world_free(s->w);
}

/* ---- each end ---- */

static void test_stop(void **state)
{
    struct site s = make(1);
    gasm_Receipt r;
    gasm_Response first;
    gasm_Request again;

    (void)state;
    assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
    assert_int_equal(opened(&s.w->answer).purge_end, gasm_PurgeEnd_PURGE_NOT_ENDED);
    stay(&s, 8000);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_in_range(s.w->answer.body.purge.flowed_l, 5, 8);
    again = aid_request(s.w, gasm_Command_PURGE_STOP, s.op);
    assert_int_equal(stop(&s), gasm_Refusal_OK);
    first = s.w->answer;
    /* The answer came when the valve was shut: what flowed on the way is in it. */
    assert_int_equal(s.w->answer.body.purge.valve, gasm_ValveState_VALVE_SHUT);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_STOPPED);
    assert_in_range(s.w->answer.body.purge.flowed_l, 7, 11);
    r = opened(&s.w->answer);
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
    greet(&s);
    assert_int_equal(aid_world_ask(s.w, &again), 0);
    assert_memory_equal(&s.w->answer, &first, sizeof first);
    finish(&s);
}

static void test_volume(void **state)
{
    (void)state;
    for (uint32_t pulse_l = 1; pulse_l <= 10; pulse_l += 9)
        for (uint32_t volume_l = pulse_l; volume_l < 3 * pulse_l; volume_l++) {
            struct site s = make(pulse_l);
            gasm_Receipt r;

            s.w->flow_l_per_h = 3600 * 5;
            s.w->valve.travel_ms = 10;
            assert_int_equal(start(&s, volume_l, 60), gasm_Refusal_OK);
            stay(&s, 30000);
            r = ending(&s, true);
            assert_int_equal(r.purge_end, gasm_PurgeEnd_PURGE_VOLUME);
            /* Not a pulse above the volume, as long as none comes while the valve shuts. */
            assert_int_equal(r.after.purged_l - r.before.purged_l, volume_l / pulse_l * pulse_l);
            assert_int_equal(s.w->meter->core.life, gasm_LifeState_PURGED);
            finish(&s);
        }
}

static void test_time(void **state)
{
    struct site s = make(1);
    gasm_Receipt r;

    (void)state;
    assert_int_equal(start(&s, 50, 7), gasm_Refusal_OK);
    stay(&s, 20000);
    r = ending(&s, true);
    assert_int_equal(r.purge_end, gasm_PurgeEnd_PURGE_TIME);
    assert_int_equal(s.w->answer.body.purge.elapsed_s, 7);
    assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED); /* it does not count as purged */
    finish(&s);
}

static void test_presence(void **state)
{
    struct site s = make(1);
    int64_t began_ms;
    gasm_Request who = aid_request(s.w, gasm_Command_IDENTIFY, 0);

    (void)state;
    assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
    stay(&s, 3000);
    /* Other messages keep the session, but not the grant. */
    began_ms = s.w->mono_ms;
    while (!s.w->meter->purge.closing && s.w->mono_ms - began_ms < 10000) {
        assert_int_equal(aid_world_ask(s.w, &who), 0);
        aid_world_pass(s.w, 100);
    }
    assert_in_range(s.w->mono_ms - began_ms, 3900, 5100);
    assert_int_equal(keep_alive(&s), gasm_Refusal_STATE);               /* too late */
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_PRESENCE);
    aid_world_pass(s.w, 3000);
    assert_int_equal(ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_PRESENCE);
    assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED);
    finish(&s);
}

/* The connection goes; a new hello; a reset of the fragments: the session is gone, and the grant
 * with it. */
static void test_link(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct site s = make(1);
        uint8_t reset[MC_CTL_RESET_LEN];

        assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
        stay(&s, 4000);
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
        greet(&s);
        assert_int_equal(ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_LINK);
        finish(&s);
    }
}

/* Power fails at every moment of a grant; the valve stays where it is, and gas goes on flowing
 * until it is shut. */
static void test_reset(void **state)
{
    (void)state;
    for (int64_t at_ms = 0; at_ms < 9000; at_ms += 300) {
        struct site s = make(1);
        uint64_t lost_l;
        gasm_Receipt r;

        s.w->flow_l_per_h = 3600 * 4;
        assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
        stay(&s, at_ms - at_ms % 1000);
        aid_world_pass(s.w, at_ms % 1000);
        lost_l = s.w->meter->core.totals.purged_l;
        s.w->valve.stuck = at_ms > 6000;        /* not at once: the motor does not start */
        assert_int_equal(aid_world_restart(s.w), 0);
        assert_true(s.w->meter->core.totals.purged_l >= lost_l); /* each pulse was journalled */
        aid_world_pass(s.w, 2000);
        s.w->valve.stuck = false;
        aid_world_pass(s.w, 14000);
        assert_int_equal(s.w->meter->core.grant_open, 0);
        greet(&s);
        assert_int_equal(aid_world_ask(s.w, &s.start), 0); /* repeated: what it was told then */
        assert_int_equal(s.w->answer.result, gasm_Refusal_OK);
        assert_int_equal(keep_alive(&s), gasm_Refusal_STATE);
        r = ending(&s, true);
        assert_true(r.purge_end == gasm_PurgeEnd_PURGE_RESET ||
                    r.purge_end == gasm_PurgeEnd_PURGE_FAULT);
        assert_int_equal(r.purge_end == gasm_PurgeEnd_PURGE_FAULT, at_ms > 6000);
        assert_int_equal(s.w->answer.body.purge.elapsed_s, 0);
        assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED);
        finish(&s);
    }
}

static void test_faults(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        struct site s = make(1);

        assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
        stay(&s, 4000);
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
        assert_int_equal(ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_FAULT);
        finish(&s);
    }
}

/* The valve never reports shut: after its travel time the end is journalled as a fault, and the
 * stop answered. What flows from then on is no purge. */
static void test_stuck(void **state)
{
    struct site s = make(1);
    uint64_t purged_l, index_l;
    int64_t began_ms;

    (void)state;
    assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
    stay(&s, 4000);
    s.w->valve.stuck = true;
    began_ms = s.w->mono_ms;
    assert_int_equal(stop(&s), gasm_Refusal_OK);
    assert_in_range(s.w->mono_ms - began_ms, 9900, 10200);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_FAULT);
    assert_int_equal(opened(&s.w->answer).purge_end, gasm_PurgeEnd_PURGE_FAULT);
    assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED);
    purged_l = s.w->meter->core.totals.purged_l;
    index_l = s.w->meter->core.totals.index_l;
    aid_world_pass(s.w, 5000);
    assert_int_equal(s.w->meter->core.totals.purged_l, purged_l);
    assert_true(s.w->meter->core.totals.index_l > index_l);
    assert_int_equal(start(&s, 50, 60), gasm_Refusal_STATE);
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
    struct site s = make(1);
    uint64_t receipts;

    (void)state;
    assert_int_equal(start(&s, 50, 5), gasm_Refusal_OK);
    stay(&s, 4000);
    receipts = s.w->meter->core.receipt_seq;
    aid_world_pass(s.w, 1100);
    assert_true(s.w->meter->purge.closing);
    assert_int_equal(stop(&s), gasm_Refusal_OK);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_TIME);
    assert_int_equal(opened(&s.w->answer).ticket_serial, 0);
    assert_int_equal(s.w->meter->core.receipt_seq, receipts + 1);
    finish(&s);
}

/* Stopped at once, while the end switch still says shut because the motor has not begun to open:
 * that is not shut. */
static void test_stop_at_once(void **state)
{
    struct site s = make(1);

    (void)state;
    s.w->valve.lag_ms = 300;
    assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_SHUT);
    assert_int_equal(stop(&s), gasm_Refusal_OK);
    assert_int_equal(s.w->valve.opened, 1);
    assert_int_equal(s.w->valve.shut, 1);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_SHUT);
    assert_false(s.w->valve.ordered);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_STOPPED);
    finish(&s);
}

/* The link goes while the stop waits for the valve: the stop is journalled all the same, and
 * answered when asked again. */
static void test_stop_and_leave(void **state)
{
    struct site s = make(1);
    gasm_Request r;
    uint64_t answers;

    (void)state;
    assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
    stay(&s, 4000);
    r = aid_request(s.w, gasm_Command_PURGE_STOP, s.op++);
    assert_int_equal(aid_world_send(s.w, &r), 0);
    aid_world_pass(s.w, 100);
    assert_true(s.w->meter->purge.closing);
    /* Back before the valve is shut: the new session is not given the old one's answer. */
    aid_world_disconnect(s.w);
    s.w->meter->link.helloed = false;
    greet(&s);
    answers = s.w->answers;
    assert_true(s.w->meter->purge.closing && s.w->meter->core.grant_open != 0);
    aid_world_pass(s.w, 3000);
    assert_int_equal(s.w->answers, answers);
    assert_int_equal(s.w->meter->core.grant_open, 0);
    assert_true(s.w->up);
    assert_int_equal(aid_world_ask(s.w, &r), 0);
    assert_int_equal(s.w->answer.body.purge.end, gasm_PurgeEnd_PURGE_STOPPED);
    assert_memory_equal(opened(&s.w->answer).op_id.bytes, r.op_id.bytes, 16);
    finish(&s);
}

/* One request at a time: another one while an answer is owed ends the connection, not the
 * ending. */
static void test_impatient(void **state)
{
    struct site s = make(1);
    gasm_Request r;

    (void)state;
    assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
    stay(&s, 4000);
    r = aid_request(s.w, gasm_Command_PURGE_STOP, s.op++);
    assert_int_equal(aid_world_send(s.w, &r), 0);
    r = aid_request(s.w, gasm_Command_IDENTIFY, 0);
    assert_int_not_equal(aid_world_ask(s.w, &r), 0);
    assert_false(s.w->up);
    aid_world_pass(s.w, 3000);
    assert_int_equal(s.w->meter->core.purge_end, gasm_PurgeEnd_PURGE_STOPPED);
    greet(&s);
    finish(&s);
}

/* Stopped before a pulse came: not purged. */
static void test_nothing_flowed(void **state)
{
    struct site s = make(10);

    (void)state;
    s.w->flow_l_per_h = 100;
    assert_int_equal(start(&s, 50, 60), gasm_Refusal_OK);
    stay(&s, 5000);
    assert_int_equal(stop(&s), gasm_Refusal_OK);
    assert_int_equal(s.w->answer.body.purge.flowed_l, 0);
    assert_int_equal(s.w->meter->core.life, gasm_LifeState_KEYED);
    finish(&s);
}

/* ---- limits ---- */

static void test_ranges(void **state)
{
    struct site s = make(10);
    static const struct {
        uint32_t volume_l, limit_s, place;
    } bad[] = {{0, 10, 1}, {9, 10, 1},   {61, 10, 1},        {UINT32_MAX, 10, 1},
               {20, 0, 2}, {20, 121, 2}, {20, UINT32_MAX, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(start(&s, bad[i].volume_l, bad[i].limit_s), gasm_Refusal_RANGE);
        assert_int_equal(s.w->answer.place, bad[i].place);
        assert_int_equal(s.w->valve.opened, 0);
    }
    s.ticket.purge_volume_l = 1000000;
    greet(&s);
    assert_int_equal(start(&s, (MC_GRANT_PULSES_MAX + 1) * 10, 10), gasm_Refusal_RANGE);
    assert_int_equal(start(&s, MC_GRANT_PULSES_MAX * 10, 10), gasm_Refusal_OK);
    aid_world_disconnect(s.w);
    aid_world_pass(s.w, 3000);
    greet(&s);
    finish(&s);
}

static void test_power(void **state)
{
    struct site s = make(1);

    (void)state;
    s.w->supply_mv = 2799;
    assert_int_equal(start(&s, 20, 20), gasm_Refusal_BATTERY);
    s.w->supply_mv = 2800;
    s.w->temperature_dc = -251;
    assert_int_equal(start(&s, 20, 20), gasm_Refusal_TEMPERATURE);
    s.w->temperature_dc = 551;
    assert_int_equal(start(&s, 20, 20), gasm_Refusal_TEMPERATURE);
    s.w->temperature_dc = 550;
    assert_int_equal(s.w->valve.opened, 0);
    assert_int_equal(start(&s, 20, 20), gasm_Refusal_OK);
    assert_int_equal(start(&s, 20, 20), gasm_Refusal_STATE);            /* one at a time */
    stay(&s, 5000);
    assert_int_equal(stop(&s), gasm_Refusal_OK);
    finish(&s);
}

/* The ticket's volume is the total over all its grants, whatever ended them, and over restarts. */
static void test_total_volume(void **state)
{
    struct site s = make(1);
    uint32_t left_l = s.ticket.purge_volume_l;

    (void)state;
    for (int i = 0; left_l >= 10; i++) {
        assert_int_equal(mc_ticket_purge_left_l(s.w->meter), left_l);
        assert_int_equal(start(&s, left_l + 1, 60), gasm_Refusal_RANGE);
        assert_int_equal(start(&s, left_l, 60), gasm_Refusal_OK);
        stay(&s, 6000);
        if (i % 3 == 0)
            assert_int_equal(stop(&s), gasm_Refusal_OK);
        if (i % 3 == 1)
            assert_int_equal(aid_world_restart(s.w), 0);
        aid_world_disconnect(s.w);
        aid_world_pass(s.w, 3000);
        left_l -=
            s.w->meter->core.purge_flowed_l < left_l ? s.w->meter->core.purge_flowed_l : left_l;
        greet(&s);
    }
    assert_int_equal(s.w->meter->core.totals.purged_l + left_l, s.ticket.purge_volume_l);
    if (left_l > 0)
        assert_int_equal(start(&s, left_l, 60), gasm_Refusal_OK);
    stay(&s, 20000);
    if (left_l > 0)
        (void)ending(&s, true);
    assert_int_equal(start(&s, 1, 60), gasm_Refusal_RANGE);             /* used up */
    /* Another ticket has a volume of its own. */
    s.ticket.serial = 77;
    greet(&s);
    assert_int_equal(start(&s, 60, 60), gasm_Refusal_OK);
    stay(&s, 3000);
    assert_int_equal(stop(&s), gasm_Refusal_OK);
    finish(&s);
}

/* No erase under a grant, and the valve is shut at once when a pulse cannot be journalled. */
static void test_no_erase(void **state)
{
    struct site s = make(1);

    (void)state;
    s.ticket.purge_volume_l = 100000;
    s.ticket.purge_grant_s = 1000;
    greet(&s);
    s.w->flash.erase_forbidden = true;
    assert_int_equal(start(&s, 400, 900), gasm_Refusal_OK);
    stay(&s, 600000);
    assert_int_equal(s.w->flash.forbidden_erases, 0);
    assert_int_equal(ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_VOLUME);
    assert_int_equal(start(&s, 10, 900), gasm_Refusal_OK);
    stay(&s, 3000);
    s.w->flash.dead = true;             /* the flash fails, the meter lives */
    mc_meter_pulse(s.w->meter, 1);
    assert_true(s.w->meter->purge.closing);
    s.w->flash.dead = false;
    aid_world_pass(s.w, 5000);
    assert_int_equal(ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_FAULT);
    s.w->flash.erase_forbidden = false;
    finish(&s);
}

/* A purge_stop without any grant ever. */
static void test_no_grant(void **state)
{
    struct site s = make(1);

    (void)state;
    assert_int_equal(stop(&s), gasm_Refusal_STATE);
    assert_int_equal(keep_alive(&s), gasm_Refusal_STATE);
    finish(&s);
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
        cmocka_unit_test(test_stop_and_leave),
        cmocka_unit_test(test_stop_at_once),
        cmocka_unit_test(test_impatient),
        cmocka_unit_test(test_nothing_flowed),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_total_volume),
        cmocka_unit_test(test_no_erase),
        cmocka_unit_test(test_no_grant),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
