/* test_recharge_typed.c - tokens that are typed, by radio and on the meter's own keys: back-off in
 * simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/store.h"
#include "meter-core/supply.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/meter_story.h"

/* A token of another account: its mac never holds. */
static gasm_Token wrong(uint64_t sequence)
{
    gasm_Token t = aid_token(sequence, 100);

    t.account_no = 999;
    return t;
}

/* Time goes by in one leap, with a tick at its end. */
static void leap(struct aid_world *w, int64_t ms)
{
    aid_world_disconnect(w);
    w->mono_ms += ms;
    w->utc_ms += ms;
    (void)mc_meter_tick(w->meter);
}

/* ---- typed ---- */

static void digits_are_taken_by_radio_and_by_keys(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token one = aid_token(1, 100), two = aid_token(2, 250);
    char digits[MC_TYPED_TEXT], text[40];
    struct mc_kept kept;
    gasm_Response answer;
    uint64_t seq;

    (void)state;
    assert_int_equal(aid_give_typed(w, &one), gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), 100);
    seq = w->meter->core.receipt_seq;
    assert_int_equal(aid_type(w, &one), gasm_Refusal_OK);       /* taken already */
    assert_int_equal(w->meter->core.receipt_seq, seq);
    aid_world_digits(w, &two, digits);
    (void)snprintf(text, sizeof text, "%.5s %.5s-%.5s %.5s %s", digits, digits + 5, digits + 10,
                   digits + 15, digits + 20);
    assert_int_equal(mc_meter_type(w->meter, text), gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), 250);
    assert_int_equal(w->meter->core.receipt_seq, seq + 1);
    assert_int_equal(mc_store_kept(w->meter, seq + 1, &kept), 1);
    assert_int_equal(mc_pb_decode(gasm_Response_fields, kept.answer, &answer), 0);
    {
        gasm_Receipt r;
        const struct gf_span bytes = {answer.receipt.bytes, answer.receipt.size};

        assert_int_equal(mc_receipt_peek(bytes, &r), 0);
        assert_int_equal(r.ticket_serial, 0);
        assert_int_equal(r.command, gasm_Command_RECHARGE);
    }
    /* The same, sealed: a repeat, with the answer that nobody heard then. */
    assert_int_equal(aid_give(w, &two), gasm_Refusal_OK);
    assert_int_equal(w->meter->core.receipt_seq, seq + 1);
    assert_memory_equal(w->answer.receipt.bytes, answer.receipt.bytes, answer.receipt.size);
    aid_world_free(w);
}

static void digits_need_the_other_ceilings_unchanged(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(1, 100), next;

    (void)state;
    t.forgiven_l = 20;
    assert_int_equal(aid_type(w, &t), gasm_Refusal_PROOF);
    leap(w, 1000);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    next = aid_token(2, 300);
    assert_int_equal(aid_type(w, &next), gasm_Refusal_PROOF);
    next.forgiven_l = 20;
    leap(w, 1000);
    assert_int_equal(aid_type(w, &next), gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), 320);
    aid_world_free(w);
}

/* The last that was taken, and how far above it the typed one is. */
static void check_sequence(uint64_t last, uint64_t above)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(last, 1);

    if (last > 0)
        assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    t = aid_token(last + above, 2);
    assert_int_equal(aid_type(w, &t), above <= 4096 ? gasm_Refusal_OK : gasm_Refusal_PROOF);
    assert_int_equal(w->meter->core.token_seq, above <= 4096 ? last + above : last);
    if (above <= 4096)          /* once more: the last itself, a repeat */
        assert_int_equal(aid_type(w, &t), gasm_Refusal_OK);
    aid_world_free(w);
}

static void the_sequence_is_found_above_the_last(void **state)
{
    static const uint64_t lasts[] = {0, 1, 4000, 4095, 4096, 4097, 100000, UINT64_C(1) << 40};
    static const uint64_t above[] = {1, 2, 100, 4095, 4096, 4097};

    (void)state;
    for (size_t i = 0; i < sizeof lasts / sizeof lasts[0]; i++)
        for (size_t k = 0; k < sizeof above / sizeof above[0]; k++)
            check_sequence(lasts[i], above[k]);
}

static void there_is_no_sequence_of_zero(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token t = aid_token(0, 100);

    (void)state;
    assert_int_equal(aid_type(w, &t), gasm_Refusal_PROOF);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OLD);
    aid_world_free(w);
}

/* Forgotten meanwhile: still known for an old one, which costs nothing. */
static void an_old_typed_token_is_old(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token lost = aid_token(1, 100), next = aid_token(2, 250);

    (void)state;
    assert_int_equal(aid_type(w, &next), gasm_Refusal_OK);
    assert_int_equal(aid_type(w, &lost), gasm_Refusal_OLD);
    assert_int_equal(mc_typed_wait_s(w->meter), 0);
    assert_int_equal(aid_give_typed(w, &lost), gasm_Refusal_OLD);
    assert_int_equal(w->answer.place, gasm_Token_sequence_tag);
    assert_true(w->answer.receipt.size > 0);
    aid_world_free(w);
}

/* ---- back-off ---- */

/* Wrong once more after the wait is over; how long the next wait is. */
static uint32_t fail_once(struct aid_world *w, bool by_radio)
{
    const gasm_Token bad = wrong(1);

    assert_int_equal(mc_typed_wait_s(w->meter), 0);
    if (by_radio) {
        assert_int_equal(aid_give_typed(w, &bad), gasm_Refusal_PROOF);
        assert_int_equal(w->answer.reached, gasm_Stage_STAGE_AUTHENTICATION);
        assert_true(w->answer.body.balance.typed_wait_s > 0);
    } else {
        assert_int_equal(aid_type(w, &bad), gasm_Refusal_PROOF);
    }
    return mc_typed_wait_s(w->meter);
}

/* Nothing is looked at for `wait_s` seconds, right or wrong; it costs nothing to ask. */
static void check_wait(struct aid_world *w, int64_t wait_s)
{
    const gasm_Token good = aid_token(1, 100);
    const uint64_t log = w->meter->core.event_seq;
    gasm_Balance b;

    assert_int_equal(mc_typed_wait_s(w->meter), wait_s);
    assert_int_equal(aid_type(w, &good), gasm_Refusal_LOCKED_OUT);
    mc_meter_balance(w->meter, &b);
    assert_int_equal(b.typed_wait_s, wait_s);
    leap(w, wait_s * 1000 - 1);
    assert_int_equal(mc_typed_wait_s(w->meter), 1);
    assert_int_equal(aid_type(w, &good), gasm_Refusal_LOCKED_OUT);
    assert_int_equal(w->meter->core.event_seq, log);
    assert_int_equal(aid_residual_l(w), 0);
    leap(w, 1);
    assert_int_equal(mc_typed_wait_s(w->meter), 0);
}

static void each_wrong_one_doubles_the_wait(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token good = aid_token(1, 100);
    uint32_t wait_s = 1;

    (void)state;
    for (int i = 0; i < 30; i++) {
        assert_int_equal(fail_once(w, false), wait_s);
        check_wait(w, wait_s);
        wait_s = wait_s < 1024 ? wait_s * 2 : 1024;
    }
    /* It never locks for ever, and a good one ends it. */
    assert_int_equal(aid_type(w, &good), gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), 100);
    assert_int_equal(fail_once(w, false), 1);
    aid_world_free(w);
}

static void radio_and_keys_share_the_wait(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token good = aid_token(1, 100);
    uint64_t from = w->meter->core.event_seq;

    (void)state;
    assert_int_equal(fail_once(w, true), 1);
    leap(w, 1000);
    assert_int_equal(fail_once(w, false), 2);
    leap(w, 2000);
    assert_int_equal(fail_once(w, true), 4);
    assert_int_equal(w->meter->core.event_seq, from + 3);   /* each is logged */
    assert_int_equal(aid_give_typed(w, &good), gasm_Refusal_LOCKED_OUT);
    assert_int_equal(w->answer.reached, gasm_Stage_STAGE_AUTHENTICATION);
    assert_true(w->answer.body.balance.typed_wait_s > 0);
    /* A sealed token is no guess: it is taken at any time, and ends the wait. */
    assert_int_equal(aid_give(w, &good), gasm_Refusal_OK);
    assert_int_equal(w->answer.body.balance.typed_wait_s, 0);
    assert_int_equal(mc_typed_wait_s(w->meter), 0);
    aid_world_free(w);
}

/* Neither the power's going nor a clock that is set shortens a wait. */
static void a_restart_begins_the_wait_anew(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Request set = aid_request(w, gasm_Command_SET_CLOCK, 300);
    uint32_t wait_s = 1;

    (void)state;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(fail_once(w, false), wait_s);
        leap(w, wait_s * 1000 - 1);
        assert_int_equal(aid_world_restart(w), 0);
        check_wait(w, wait_s);
        wait_s = wait_s < 1024 ? wait_s * 2 : 1024;
    }
    assert_int_equal(fail_once(w, false), 1024);
    for (int i = 0; i < 5; i++) {
        leap(w, 600000);
        assert_int_equal(aid_world_restart(w), 0);
        assert_int_equal(mc_typed_wait_s(w->meter), 1024);
    }
    set.which_body = gasm_Request_set_clock_tag;
    set.body.set_clock.utc_s = w->utc_ms / 1000 + 7200;
    assert_int_equal(aid_ask_alone(w, &set), gasm_Refusal_OK);
    w->utc_ms += 86400000;
    assert_true(mc_typed_wait_s(w->meter) >= 1020);
    aid_world_free(w);
}

static void a_slip_of_the_finger_costs_nothing(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token good = aid_token(1, 100);
    char digits[MC_TYPED_TEXT];
    uint64_t log;

    (void)state;
    aid_world_digits(w, &good, digits);
    log = w->meter->core.event_seq;
    for (size_t i = 0; i < MC_TYPED_DIGITS; i++) {
        char was = digits[i];

        digits[i] = was == '9' ? '0' : (char)(was + 1);
        assert_int_equal(mc_meter_type(w->meter, digits), gasm_Refusal_FORMAT);
        digits[i] = was;
    }
    assert_int_equal(mc_meter_type(w->meter, ""), gasm_Refusal_FORMAT);
    assert_int_equal(mc_meter_type(w->meter, "12345678901234567890123456789"),
                     gasm_Refusal_FORMAT);
    assert_int_equal(mc_meter_type(w->meter, "a gas meter"), gasm_Refusal_FORMAT);
    assert_int_equal(w->meter->core.event_seq, log);
    assert_int_equal(mc_typed_wait_s(w->meter), 0);
    assert_int_equal(mc_meter_type(w->meter, digits), gasm_Refusal_OK);
    aid_world_free(w);
}

/* A count that no meter writes waits the longest, and grows no further. */
static void a_count_out_of_range_waits_the_longest(void **state)
{
    struct aid_world *w = aid_credit_world();

    (void)state;
    w->meter->core.typed_fails = 255;
    w->meter->supply.typed_from_ms = w->mono_ms;
    assert_int_equal(mc_typed_wait_s(w->meter), 1024);
    leap(w, 1024000);
    assert_int_equal(fail_once(w, false), 1024);
    aid_world_free(w);
}

/* ---- what fails below ---- */

/* What cannot be written is not said: a guess learns nothing from a journal out of order. */
static void a_dead_journal_says_nothing(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token good = aid_token(1, 100), bad = wrong(1);

    (void)state;
    w->flash.dead = true;
    assert_int_equal(aid_type(w, &bad), gasm_Refusal_NVM);
    assert_int_equal(aid_type(w, &good), gasm_Refusal_NVM);
    assert_int_equal(aid_residual_l(w), 0);
    assert_int_equal(w->meter->core.typed_fails, 0);
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(aid_type(w, &good), gasm_Refusal_OK);
    aid_world_free(w);
}

/* In a session, until only an erase would make room. */
static void fill_the_journal(struct aid_world *w)
{
    const gasm_Ticket t = aid_world_ticket(1, 6);
    uint32_t op = 1000;

    aid_greet(w, &t);
    while (w->meter->journal.prepared ||
           mc_journal_free(&w->meter->journal) >= mc_journal_cost(MC_REC_MAX)) {
        gasm_Request set = aid_set_one(w, op, op % 1000);

        op++;
        aid_expect(w, &set, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    }
}

static void a_full_journal_is_busy(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token good = aid_token(1, 100), bad = wrong(1);
    const gasm_Request r = aid_recharge_typed(w, &bad);

    (void)state;
    fill_the_journal(w);
    assert_int_equal(aid_type(w, &bad), gasm_Refusal_BUSY);
    assert_int_equal(aid_type(w, &good), gasm_Refusal_BUSY);
    assert_false(w->meter->link.leave);                 /* the keys end no session */
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_BUSY);
    assert_int_equal(w->answer.reached, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->meter->core.typed_fails, 0);
    aid_world_pass(w, 1000);
    assert_false(w->up);                                /* it had to go, for the erase */
    assert_int_equal(aid_type(w, &good), gasm_Refusal_OK);
    aid_world_free(w);
}

static void a_failing_library_counts_nothing(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token good = aid_token(1, 100);
    gasm_Refusal got = gasm_Refusal_NVM;
    int calls;

    (void)state;
    for (calls = 0; got != gasm_Refusal_OK; calls++) {
        assert_int_equal(aid_residual_l(w), 0);
        assert_int_equal(w->meter->core.typed_fails, 0);
        w->meter->ports.crypto = aid_failing_crypto(calls);
        got = aid_type(w, &good);
        assert_true(got == gasm_Refusal_OK || got == gasm_Refusal_NVM);
    }
    assert_true(calls > 5);     /* mac, operation id, content, receipt */
    assert_int_equal(aid_residual_l(w), 100);
    aid_world_free(w);
}

/* ---- the keys beside a session ---- */

static void typing_leaves_a_session_alone(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Ticket t = aid_world_ticket(1, 5);
    gasm_Request set = aid_set_one(w, 500, 3);
    const gasm_Token one = aid_token(1, 100);
    uint64_t used = w->meter->core.event_seq;

    (void)state;
    aid_greet(w, &t);
    set = aid_request(w, gasm_Command_IDENTIFY, 0);
    aid_expect(w, &set, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->answer.body.identity.uses_left, t.use_count);
    assert_int_equal(aid_type(w, &one), gasm_Refusal_OK);
    aid_expect(w, &set, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->answer.body.identity.uses_left, t.use_count);   /* it cost none */
    assert_int_equal(w->answer.body.identity.token_seq, 1);
    assert_int_equal(w->meter->core.event_seq, used + 2);   /* accepted, armed */
    set = aid_set_one(w, 500, 3);
    aid_expect(w, &set, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    set = aid_request(w, gasm_Command_IDENTIFY, 0);
    aid_expect(w, &set, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->answer.body.identity.uses_left, t.use_count - 1);
    aid_world_free(w);
}

static void typing_waits_for_the_valve_and_for_a_grant(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ZERO_CLEAR);
    gasm_Request r = aid_request(w, gasm_Command_PURGE_START, 500);
    const gasm_Token one = aid_token(1, 100);
    uint64_t seen;

    (void)state;
    r.which_body = gasm_Request_purge_start_tag;
    r.body.purge_start = (gasm_PurgeStart){.volume_l = 5, .limit_s = 20};
    assert_int_equal(aid_ask_alone(w, &r), gasm_Refusal_OK);
    assert_int_equal(aid_type(w, &one), gasm_Refusal_BUSY);
    aid_world_pass(w, 30000);           /* its time is over */
    assert_int_equal(w->meter->core.grant_open, 0);
    assert_int_equal(aid_type(w, &one), gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), 100);
    aid_world_free(w);

    w = aid_credit_world();
    r = aid_request(w, gasm_Command_SELF_TEST, 501);
    assert_int_equal(aid_ask_alone(w, &r), gasm_Refusal_OK);
    r = aid_request(w, gasm_Command_CLOSE_ACCOUNT, 502);
    r.which_body = gasm_Request_close_account_tag;
    seen = w->answers;
    assert_int_equal(aid_world_send(w, &r), 0);
    assert_true(w->meter->later.waiting);
    assert_int_equal(aid_type(w, &one), gasm_Refusal_BUSY);
    aid_world_pass(w, 10000);
    assert_int_equal(w->answers, seen + 1);
    assert_int_equal(w->answer.result, gasm_Refusal_OK);
    assert_int_equal(aid_type(w, &one), gasm_Refusal_STATE);    /* the account is closed */
    aid_world_free(w);
}

static void a_meter_without_a_key_takes_nothing(void **state)
{
    struct aid_world *w = aid_world_new(3, 1);
    char digits[MC_TYPED_TEXT];
    const uint8_t zeroes[MC_KEY_LEN] = {0};
    const struct mc_token_for to = {AID_METER_ID, 0, zeroes};
    gasm_Token t = aid_token(1, 100);

    (void)state;
    t.account_no = 0;
    assert_int_equal(mc_typed_make(mc_crypto_openssl(), &to, &t, digits), 0);
    assert_int_equal(mc_meter_type(w->meter, digits), gasm_Refusal_STATE);
    t.sequence = 9;
    assert_int_equal(aid_type(w, &t), gasm_Refusal_STATE);
    assert_int_equal(aid_residual_l(w), 0);
    assert_int_equal(w->meter->core.typed_fails, 0);
    w->meter->usable = false;
    assert_int_equal(mc_meter_type(w->meter, digits), gasm_Refusal_NVM);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_taken_by_radio_and_by_keys),
        cmocka_unit_test(digits_need_the_other_ceilings_unchanged),
        cmocka_unit_test(the_sequence_is_found_above_the_last),
        cmocka_unit_test(there_is_no_sequence_of_zero),
        cmocka_unit_test(an_old_typed_token_is_old),
        cmocka_unit_test(each_wrong_one_doubles_the_wait),
        cmocka_unit_test(radio_and_keys_share_the_wait),
        cmocka_unit_test(a_restart_begins_the_wait_anew),
        cmocka_unit_test(a_slip_of_the_finger_costs_nothing),
        cmocka_unit_test(a_count_out_of_range_waits_the_longest),
        cmocka_unit_test(a_dead_journal_says_nothing),
        cmocka_unit_test(a_full_journal_is_busy),
        cmocka_unit_test(a_failing_library_counts_nothing),
        cmocka_unit_test(typing_leaves_a_session_alone),
        cmocka_unit_test(typing_waits_for_the_valve_and_for_a_grant),
        cmocka_unit_test(a_meter_without_a_key_takes_nothing),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
