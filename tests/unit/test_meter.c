/* test_meter.c - the meter as a whole, through its link: the opening of an account, the deadlines
 * of a connection, a long life. */
#include "meter-core/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/meter_story.h"

static void test_size(void **state)
{
    (void)state;
    print_message(
        "# struct mc_meter: %zu bytes (pipe %zu, core %zu, uses %zu, response %zu, request %zu)\n",
        sizeof(struct mc_meter), sizeof(struct mc_pipe), sizeof(struct mc_core),
        sizeof(struct mc_use) * MC_COUNTED, sizeof(gasm_Response), sizeof(gasm_Request));
    assert_true(mc_meter_size() == sizeof(struct mc_meter));
    assert_true(mc_meter_size() <= 14 * 1024);
}

static void test_manufacture(void **state)
{
    struct aid_world *w = aid_world_new(1, 1);
    struct mc_birth birth = {.meter_id = AID_METER_ID, .pulse_l = 1};

    (void)state;
    assert_int_equal(mc_meter_manufacture(&w->ports, &birth),
                     GF_E_NOT_NOW); /* there is one already */
    memset(w->flash.bytes, 0xFF, (size_t)AID_FLASH_SECTOR * AID_FLASH_SECTORS);
    birth.pulse_l = 2;
    assert_int_equal(mc_meter_manufacture(&w->ports, &birth), GF_E_FORMAT);
    birth.pulse_l = 10;
    birth.meter_id[11] = '0';
    assert_int_equal(mc_meter_manufacture(&w->ports, &birth), GF_E_FORMAT);
    memcpy(birth.meter_id, AID_METER_ID, sizeof birth.meter_id);
    w->ports.nvm.sectors = 1;
    assert_int_equal(mc_meter_manufacture(&w->ports, &birth), GF_E_STORE);
    w->ports.nvm.sectors = AID_FLASH_SECTORS;
    assert_int_equal(mc_meter_manufacture(&w->ports, &birth), 0);
    assert_int_equal(aid_world_restart(w), 0);
    aid_world_free(w);
}

/* ---- the opening ---- */

static void test_opening(void **state)
{
    static const uint32_t units[] = {4, 8, 16}, pulses[] = {1, 10};
    static const uint16_t mtus[] = {23, 185, 517};

    (void)state;
    for (size_t u = 0; u < 3; u++)
        for (size_t p = 0; p < 2; p++) {
            struct aid_world *w = aid_world_new_flash(7, pulses[p], 131072, 2, units[u]);
            struct aid_story s = aid_story_of(w);

            s.mtu = mtus[u];
            aid_story_steps(&s, AID_INSTALL_KEY, AID_COMMISSION);
            aid_story_check(&s);
            assert_int_equal(aid_world_restart(w), 0);
            aid_story_check(&s);
            aid_world_free(w);
        }
}

/* What the client saw of an operation: its answer, encoded again. */
static size_t answer_bytes(const struct aid_world *w, uint8_t *ret, size_t cap)
{
    int n = mc_pb_encode(gasm_Response_fields, &w->answer, ret, cap);

    assert_true(n > 0);
    return (size_t)n;
}

/* Restart after each step, and do the step again: the same answer byte for byte, and no second
 * effect. */
static void test_restart_after_each_step(void **state)
{
    uint8_t first[gasm_Response_size], again[gasm_Response_size];
    struct aid_world *w = aid_world_new(3, 1);
    struct aid_story s = aid_story_of(w);

    (void)state;
    for (enum aid_step step = 0; step < AID_STEPS; step++) {
        size_t n;
        uint64_t receipts;

        aid_story_step(&s, step);
        n = answer_bytes(w, first, sizeof first);
        receipts = w->meter->core.receipt_seq;
        assert_int_equal(aid_world_restart(w), 0);
        assert_int_equal(w->meter->core.receipt_seq, receipts);
        aid_story_step(&s, step);
        if (step != AID_PURGE && step != AID_ACTIVATE && step != AID_INSTALL_KEY) {
            assert_int_equal(answer_bytes(w, again, sizeof again), n);
            assert_memory_equal(first, again, n);
        }
        assert_int_equal(w->meter->core.receipt_seq, receipts);
    }
    aid_story_check(&s);
    aid_world_free(w);
}

/* ---- hello and deadlines ---- */

static struct aid_pass account_pass(void)
{
    gasm_Ticket t = aid_world_ticket(1, 2);

    return aid_world_pass_of(&t);
}

/* How long a connection lasts when nothing more is done, in ms. */
static int64_t lasts_ms(struct aid_world *w)
{
    int64_t began_ms = w->mono_ms;

    while (w->up && w->mono_ms - began_ms < 200000)
        aid_world_pass(w, 10);
    return w->mono_ms - began_ms;
}

static void test_deadlines(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_SET_CLOCK);
    struct aid_pass pass = account_pass();
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);

    (void)state;
    /* Silent from the start: 30 s. */
    aid_world_connect(w, 247);
    assert_in_range(lasts_ms(w), 29900, 30100);
    /* A hello, then no proof: 5 s from the first fragment. */
    aid_world_connect(w, 247);
    aid_world_pass(w, 3000);
    assert_int_equal(aid_world_hello(w, &pass), 0);
    assert_in_range(lasts_ms(w), 4900, 5100);
    /* Late: the 30 s are over first. */
    aid_world_connect(w, 247);
    aid_world_pass(w, 28000);
    assert_int_equal(aid_world_hello(w, &pass), 0);
    assert_in_range(lasts_ms(w), 1900, 2100);
    /* A reset does not begin them anew. */
    aid_world_connect(w, 247);
    for (int i = 0; i < 29; i++) {
        uint8_t reset[MC_CTL_RESET_LEN];

        aid_world_pass(w, 1000);
        mc_ctl_reset_encode(&(struct mc_ctl_reset){(uint8_t)(i & 15), 100, 8}, reset);
        assert_int_equal(mc_meter_ctl_write(w->meter, reset, sizeof reset), 0);
    }
    assert_in_range(lasts_ms(w), 900, 1100);
    /* In a session: 30 s of silence, counted from the last message. */
    assert_int_equal(aid_world_do(w, &pass, &who), 0);
    for (int i = 0; i < 5; i++) {
        aid_world_pass(w, 10000);
        assert_int_equal(aid_world_ask(w, &who), 0);
    }
    assert_in_range(lasts_ms(w), 29900, 30100);
    aid_world_free(w);
}

/* One hello a second; a repeated one is BUSY with the time to wait, and a right proof still
 * counts. */
static void test_hello_rate(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ACTIVATE);
    struct aid_pass pass = account_pass();
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);
    uint32_t busy = 0;
    int64_t began_ms;

    (void)state;
    aid_world_pass(w, 2000);
    aid_world_connect(w, 247);
    began_ms = w->mono_ms;
    for (int i = 0; i < 20; i++) {
        int64_t at_ms = w->mono_ms;

        assert_int_equal(aid_world_hello(w, &pass), 0);     /* waits when told to */
        busy += w->mono_ms - at_ms >= 1000;
        assert_int_equal(aid_world_ask(w, &who), 0);
    }
    assert_int_equal(busy, 19);
    assert_true(w->mono_ms - began_ms >= 19000);
    aid_world_free(w);
}

/* Session numbers never repeat, whatever dies in between. */
static void test_session_numbers(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ACTIVATE);
    struct aid_pass pass = account_pass();
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);
    uint64_t last = 0, reserved = 0;
    uint32_t blocks = 0;

    (void)state;
    for (int i = 0; i < 150; i++) {
        assert_int_equal(aid_world_do(w, &pass, &who), 0);
        assert_true(i == 0 || w->meter->session_next > last);
        last = w->meter->session_next;
        blocks += reserved != w->meter->core.session_reserved;
        reserved = w->meter->core.session_reserved;
        assert_true(last <= w->meter->core.session_reserved);
        if (i % 50 == 49) {
            assert_int_equal(aid_world_restart(w), 0);
            assert_true(w->meter->session_next >= last);
        }
    }
    assert_in_range(blocks, 3, 7);      /* a record for each block, not for each session */
    aid_world_free(w);
}

/* A random source that fails refuses sessions, and nothing is sealed. */
static void test_no_random(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ACTIVATE);
    struct aid_pass pass = account_pass();
    uint8_t msg[MC_MESSAGE_MAX];
    int n;

    (void)state;
    aid_world_connect(w, 247);
    n = mc_client_hello(&w->session, &w->random_port, (struct gf_span){pass.ticket, pass.ticket_n},
                        pass.key, (const uint8_t *)"0123456789abcdef", msg, sizeof msg);
    assert_true(n > 0);
    w->random.fail = true;
    w->greeting = true;
    assert_int_equal(mc_pipe_send(&w->pipe, msg, (size_t)n), 0);
    aid_world_pass(w, 100);
    assert_int_equal(w->answer_code, GF_E_TICKET);
    assert_int_equal(w->refusal.reason, gasm_Refusal_BUSY);
    w->random.fail = false;
    aid_world_free(w);
}

/* Rights of the proof: a request without one, under a wrong key, or of an old session is refused,
 * never opened. */
static void test_wrong_proof(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ACTIVATE);
    struct aid_pass pass = account_pass();
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);

    (void)state;
    pass.key[5] ^= 1;
    assert_int_equal(aid_world_do(w, &pass, &who), GF_E_PROOF);     /* the client notices first */
    pass.key[5] ^= 1;
    aid_world_connect(w, 247);
    assert_int_equal(aid_world_hello(w, &pass), 0);
    w->session.key_c2m[0] ^= 1;
    assert_int_equal(aid_world_ask(w, &who), GF_E_SESSION);
    assert_int_equal(aid_world_do(w, &pass, &who), 0);
    w->session.sent += 3;                                           /* a gap */
    assert_int_equal(aid_world_ask(w, &who), GF_E_SESSION);
    assert_false(w->meter->authenticated);
    /* All that is logged, but once an hour at most. */
    assert_true(w->meter->link.refused_logged);
    aid_world_pass(w, 60000);
    assert_true(w->meter->link.refused > 0);
    w->mono_ms += 3600000;
    aid_world_pass(w, 10);
    assert_int_equal(w->meter->link.refused, 0);
    aid_world_free(w);
}

static void test_ctl(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    uint8_t bytes[MC_CTL_LEN];
    struct mc_ctl ctl;

    (void)state;
    mc_meter_ctl_read(w->meter, bytes);
    assert_int_equal(mc_ctl_decode(bytes, sizeof bytes, &ctl), 0);
    assert_string_equal(ctl.meter_id, AID_METER_ID);
    assert_int_equal(ctl.life_state, gasm_LifeState_IN_SERVICE);
    assert_int_equal(ctl.active_epoch, 1);
    assert_int_equal(ctl.fragment_limit, MC_FRAGMENT_MAX);
    assert_int_equal(ctl.credits, MC_WINDOW);
    assert_int_equal(mc_meter_ctl_write(w->meter, bytes, 3), GF_E_FORMAT);
    aid_world_free(w);
}

/* ---- without a journal ---- */

/* NVM that holds no meter: shut, CTL says unknown, and every hello is refused. */
static void test_unusable(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_SET_CLOCK);
    struct aid_pass pass = account_pass();
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);

    (void)state;
    memset(w->flash.bytes, 0xFF, (size_t)AID_FLASH_SECTOR * AID_FLASH_SECTORS);
    w->valve.state = gasm_ValveState_VALVE_OPEN;
    assert_int_equal(aid_world_restart(w), GF_E_STORE);
    aid_world_pass(w, 3000);
    assert_int_equal(w->valve.state, gasm_ValveState_VALVE_SHUT);
    mc_meter_pulse(w->meter, 5);
    mc_meter_connected(w->meter, 247);
    mc_pipe_reset(&w->pipe, w->meter->link.epoch, 244, MC_WINDOW);
    w->up = true;
    assert_int_equal(aid_world_hello(w, &pass), GF_E_TICKET);
    assert_int_equal(w->refusal.reason, gasm_Refusal_NVM);
    assert_int_not_equal(aid_world_ask(w, &who), 0);
    assert_int_equal(w->meter->core.life, gasm_LifeState_LIFE_UNKNOWN);
    assert_int_equal(w->flash.programmed > 0 ? w->flash.bytes[0] : 0,
                     0xFF); /* nothing was written */
    aid_world_free(w);
}

/* ---- long life ---- */

/* The index survives: at most what lies between two records is lost at a power cut. Over many turns
 * of the journal. */
static void test_index(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    uint64_t index_l = w->meter->core.totals.index_l;
    uint32_t generation = w->meter->journal.generation;

    (void)state;
    w->flash.erase_forbidden = false;
    for (uint32_t i = 0; i < 30000; i++) {
        mc_meter_pulse(w->meter, 7);
        index_l += 7;
        if (i % 100 == 0)
            aid_world_pass(w, 10);
        assert_int_equal(w->meter->core.totals.index_l, index_l);
        if (i % 4999 == 0) {
            assert_int_equal(aid_world_restart(w), 0);
            assert_in_range(w->meter->core.totals.index_l, index_l - 9, index_l);
            index_l = w->meter->core.totals.index_l;
        }
    }
    assert_true(w->meter->journal.generation >= generation + 3);
    assert_int_equal(w->meter->core.life, gasm_LifeState_IN_SERVICE);
    assert_true(w->meter->core.event_seq > 10);     /* flow while the valve is shut, among others */
    aid_world_free(w);
}

/* A receipt's index is on flash with it: no restart goes back behind a receipt. */
static void test_index_of_receipt(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_PURGE);
    gasm_Ticket t = aid_world_ticket(1, 2);
    gasm_Request r = aid_set_one(w, 900, 5);
    uint64_t index_l = w->meter->core.totals.index_l + 7;

    (void)state;
    aid_greet(w, &t);
    mc_meter_pulse(w->meter, 7);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(w->meter->core.totals.index_l, index_l);
    aid_world_free(w);
}

/* Power fails while the journal turns with much room left (a grant needs it): starts alone do not
 * wear the flash. */
static void test_starts_after_cut_turn(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_OPEN_ACCOUNT);
    gasm_Ticket t = aid_world_ticket(1, 2);
    gasm_Request r = aid_request(w, gasm_Command_PURGE_START, 900);
    uint64_t erased;

    (void)state;
    while (mc_journal_free(&w->meter->journal) > 10000)
        mc_meter_pulse(w->meter, 10);
    t.purge_volume_l = 400;
    aid_greet(w, &t);
    r.which_body = gasm_Request_purge_start_tag;
    r.body.purge_start = (gasm_PurgeStart){.volume_l = 400, .limit_s = 60};
    w->flash.cut_in = 60;
    assert_int_equal(aid_world_ask(w, &r), GF_E_LINK_LOST);
    assert_true(w->flash.dead);
    erased = w->flash.erased;
    for (int i = 0; i < 6; i++)
        assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(w->meter->journal.generation, 2);
    assert_true(w->flash.erased - erased <= 2);
    aid_greet(w, &t);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_world_free(w);
}

/* Many operations: the last 64 receipts are there, older operations are OLD, and nothing is erased
 * in a session. */
static void test_many_operations(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_SET_CLOCK);
    gasm_Ticket t = aid_world_ticket(1, 2);
    struct aid_pass pass = aid_world_pass_of(&t);
    gasm_Request first = aid_set_one(w, 1000, 1000), r, receipts;
    uint32_t done = 0;

    (void)state;
    assert_int_equal(aid_world_do(w, &pass, &first), 0);
    while (done < 700) {
        r = aid_set_one(w, 1001 + done, 2000);
        w->flash.erase_forbidden = w->meter->authenticated;
        assert_int_equal(w->up ? aid_world_ask(w, &r) : aid_world_do(w, &pass, &r), 0);
        w->flash.erase_forbidden = false;
        if (w->answer.result == gasm_Refusal_BUSY) {
            aid_world_pass(w, 500);     /* no room without an erase: the meter ends the session */
            assert_false(w->up);
            continue;
        }
        assert_int_equal(w->answer.result, gasm_Refusal_OK);
        done++;
    }
    assert_int_equal(w->flash.forbidden_erases, 0);
    assert_int_equal(aid_world_ask(w, &first), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_OLD);
    receipts = aid_request(w, gasm_Command_READ_RECEIPTS, 0);
    receipts.which_body = gasm_Request_read_receipts_tag;
    receipts.body.read_receipts.from_seq = 1;
    assert_int_equal(aid_world_ask(w, &receipts), 0);
    assert_int_equal(w->answer.body.receipts.receipts_count, 2);
    for (uint32_t i = 0; i < MC_OPS_KEPT; i++) {
        r = aid_set_one(w, 1001 + done - MC_OPS_KEPT + i, 2000);
        assert_int_equal(aid_world_ask(w, &r), 0);
        assert_int_equal(w->answer.result, gasm_Refusal_OK);
    }
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(aid_world_do(w, &pass, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_OK);
    assert_true(w->meter->journal.generation >= 3);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_manufacture),
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_restart_after_each_step),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_hello_rate),
        cmocka_unit_test(test_session_numbers),
        cmocka_unit_test(test_no_random),
        cmocka_unit_test(test_wrong_proof),
        cmocka_unit_test(test_ctl),
        cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_index_of_receipt),
        cmocka_unit_test(test_starts_after_cut_turn),
        cmocka_unit_test(test_many_operations),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
