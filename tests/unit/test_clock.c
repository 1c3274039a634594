/* test_clock.c - the meter's clock: set, lost, its floor, and the tickets judged by it. */
#include "meter-core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/meter_story.h"

static struct aid_pass account_pass(void)
{
    gasm_Ticket t = aid_world_ticket(1, 2);

    return aid_world_pass_of(&t);
}

static gasm_Request clock_request(struct aid_world *w, uint32_t op, int64_t utc_s)
{
    gasm_Request r = aid_request(w, gasm_Command_SET_CLOCK, op);

    r.which_body = gasm_Request_set_clock_tag;
    r.body.set_clock.utc_s = utc_s;
    return r;
}

static void test_clock(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ZERO_CLEAR);
    struct aid_pass pass = account_pass();
    gasm_Ticket ticket = aid_world_ticket(1, 2);
    int64_t now_s = AID_UTC_MS / 1000;
    gasm_Request r = clock_request(w, 900, now_s + 100);
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);

    (void)state;
    assert_int_equal(aid_world_do(w, &pass, &who), 0);
    assert_false(w->answer.body.identity.clock_valid);
    assert_int_equal(w->answer.body.identity.clock_s, 0);
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_OK);
    assert_int_equal(w->answer.body.clock_set.old_s, 0);
    assert_false(w->answer.body.clock_set.old_valid);
    assert_int_equal(w->answer.body.clock_set.new_s, now_s + 100);
    aid_world_pass(w, 20000);
    assert_int_equal(aid_world_ask(w, &who), 0);
    assert_true(w->answer.body.identity.clock_valid);
    assert_int_equal(w->answer.body.identity.clock_s, now_s + 120);
    /* The RTC goes on over a restart, and so does the meter's clock. */
    w->utc_ms += 7000;
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(aid_world_do(w, &pass, &who), 0);
    assert_true(w->answer.body.identity.clock_valid);
    assert_in_range(w->answer.body.identity.clock_s, now_s + 127, now_s + 129);
    /* Outside the ticket's own window. */
    r = clock_request(w, 903, ticket.not_before_s - 1);
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_CLOCK);
    r = clock_request(w, 903, ticket.not_after_s + 1);
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_CLOCK);
    /* Below the floor: refused. Backwards, but above it: logged with both values. */
    r = clock_request(w, 901, now_s + 99);
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_CLOCK);
    r = clock_request(w, 902, now_s + 105);
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_OK);
    assert_true(w->answer.body.clock_set.old_valid);
    assert_in_range(w->answer.body.clock_set.old_s, now_s + 127, now_s + 129);
    r = clock_request(w, 904, ticket.not_after_s);
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_OK);
    aid_world_free(w);
}

/* The first and the last second that a ticket may set, and the last that there is. */
static void test_range(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ZERO_CLEAR);
    const int64_t begins_s = AID_UTC_MS / 1000 - 500;
    gasm_Ticket ticket = aid_world_ticket(1, 7);
    gasm_Request r;

    (void)state;
    ticket.not_before_s = begins_s;
    ticket.not_after_s = INT64_MAX;
    aid_greet(w, &ticket);
    r = clock_request(w, 900, begins_s - 1);
    aid_expect(w, &r, gasm_Refusal_CLOCK, gasm_Stage_STAGE_VALIDATION);
    r = clock_request(w, 901, -1);
    aid_expect(w, &r, gasm_Refusal_CLOCK, gasm_Stage_STAGE_VALIDATION);
    r = clock_request(w, 902, MC_CLOCK_MAX_S + 1);
    aid_expect(w, &r, gasm_Refusal_RANGE, gasm_Stage_STAGE_VALIDATION);
    r = clock_request(w, 903, begins_s);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    r = clock_request(w, 904, MC_CLOCK_MAX_S);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(mc_clock_now_s(w->meter), MC_CLOCK_MAX_S);
    aid_world_free(w);
}

/* The RTC lost its supply: after commissioning only what needs no clock is left, until
 * set_clock. */
static void test_clock_lost(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    struct aid_pass pass = account_pass();
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);
    gasm_Request r = clock_request(w, 900, AID_UTC_MS / 1000 + 400);
    gasm_Ticket short_one = aid_world_ticket(1, 5);
    struct aid_pass short_pass;
    uint32_t clockless = 1u << gasm_Command_IDENTIFY | 1u << gasm_Command_INSTALL_KEY |
                         1u << gasm_Command_SET_CLOCK | 1u << gasm_Command_GET_PARAMETERS |
                         1u << gasm_Command_READ_BALANCE | 1u << gasm_Command_READ_RECEIPTS |
                         1u << gasm_Command_READ_HISTORY | 1u << gasm_Command_READ_PURCHASES |
                         1u << gasm_Command_READ_EVENTS | 1u << gasm_Command_RECHARGE |
                         1u << gasm_Command_VALVE_CLOSE;

    (void)state;
    /* Trimmed by a minute: still trusted. By more: lost. */
    w->utc_ms = w->meter->core.floor_s * 1000 - w->meter->core.clock_offset_ms - 55000;
    assert_int_equal(aid_world_do(w, &pass, &who), 0);
    assert_true(w->answer.body.identity.clock_valid);
    /* ... but a ticket that expired before the floor stays expired. */
    short_one.not_after_s = w->meter->core.floor_s - 20;
    short_pass = aid_world_pass_of(&short_one);
    aid_world_connect(w, 247);
    assert_int_equal(aid_world_hello(w, &short_pass), GF_E_TICKET);
    assert_int_equal(w->refusal.reason, gasm_Refusal_OLD);
    w->utc_ms -= 10000;
    assert_int_equal(aid_world_do(w, &pass, &who), 0);
    assert_false(w->answer.body.identity.clock_valid);
    w->utc_ms = 0;
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(aid_world_do(w, &pass, &who), 0);
    assert_false(w->answer.body.identity.clock_valid);
    assert_int_equal(w->answer.body.identity.clock_s, w->meter->core.floor_s);
    assert_int_equal(w->answer.body.identity.allowed, clockless);
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_OK);
    assert_int_equal(aid_world_ask(w, &who), 0);
    assert_true(w->answer.body.identity.clock_valid);
    assert_int_not_equal(w->answer.body.identity.allowed, clockless);
    aid_world_free(w);
}

/* The floor rises daily, and survives a restart: an expired ticket stays so though the RTC goes
 * back. */
static void test_floor(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    struct aid_pass pass = account_pass();

    (void)state;
    for (int hour = 0; hour < 50; hour++) {
        w->utc_ms += 3600000;
        w->mono_ms += 3600000;
        aid_world_pass(w, 10);
    }
    assert_true(w->meter->core.floor_s >= AID_UTC_MS / 1000 + 26 * 3600);
    w->utc_ms = AID_UTC_MS;
    assert_int_equal(aid_world_restart(w), 0);
    aid_world_connect(w, 247);
    assert_int_equal(aid_world_hello(w, &pass), GF_E_TICKET);
    assert_int_equal(w->refusal.reason, gasm_Refusal_OLD);
    aid_world_free(w);
}

/* A session ends when its ticket expires. */
static void test_expires_in_session(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    struct aid_pass pass = account_pass();
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);

    (void)state;
    assert_int_equal(aid_world_do(w, &pass, &who), 0);
    w->utc_ms += 12 * 3600000;
    aid_world_pass(w, 50);
    assert_false(w->up);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_clock_lost),
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_expires_in_session),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
