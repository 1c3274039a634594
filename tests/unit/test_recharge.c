/* test_recharge.c - recharge by radio: what is taken, what is refused and why, and what each leaves
 * in the registers, the receipts and the logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/clock.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/store.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/meter_story.h"

#define DAY_S 86400
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static gasm_Balance balance(const struct aid_world *w)
{
    gasm_Balance b;

    mc_meter_balance(w->meter, &b);
    return b;
}

/* Refused for this reason, at this place; nothing but events came of it. */
static void refused(struct aid_world *w, const gasm_Token *t, gasm_Refusal why, uint32_t place)
{
    const gasm_Balance before = balance(w);
    gasm_Balance after;

    assert_int_equal(aid_give(w, t), why);
    assert_int_equal(w->answer.reached, gasm_Stage_STAGE_VALIDATION);
    assert_int_equal(w->answer.place, place);
    after = balance(w);
    assert_memory_equal(&before.totals, &after.totals, sizeof after.totals);
    assert_int_equal(after.token_seq, before.token_seq);
    assert_int_equal(after.receipt_seq, before.receipt_seq);
    assert_int_equal(w->answer.which_body, gasm_Response_balance_tag);
    assert_int_equal(w->answer.body.balance.residual_l, before.residual_l);
    assert_int_equal(w->answer.body.balance.token_seq, before.token_seq);
}

/* The receipt in the answer, verified. */
static gasm_Receipt receipt(const struct aid_world *w)
{
    uint8_t root[MC_KEY_LEN];
    const struct gf_span bytes = {w->answer.receipt.bytes, w->answer.receipt.size};
    gasm_Receipt r;

    aid_world_root(w->meter->core.active_epoch, root);
    assert_int_equal(mc_receipt_open(mc_crypto_openssl(), root, bytes, &r), 0);
    return r;
}

static size_t answer_bytes(const struct aid_world *w, uint8_t ret[static MC_REC_MAX])
{
    int n = mc_pb_encode(gasm_Response_fields, &w->answer, ret, MC_REC_MAX);

    assert_true(n > 0);
    return (size_t)n;
}

static void set_param(struct aid_world *w, uint32_t op, enum mc_param id, int64_t value)
{
    gasm_Request r = aid_set_one(w, op, value);

    r.body.set_parameters.parameters[0].id = id;
    assert_int_equal(aid_ask_alone(w, &r), gasm_Refusal_OK);
}

/* ---- taken ---- */

static void a_token_is_taken_whole(void **state)
{
    struct aid_world *w = aid_credit_world();
    const struct mc_core before = w->meter->core;
    gasm_Token t = aid_token(1, 1500);
    uint8_t content[MC_HASH_LEN];
    gasm_Receipt r;
    gasm_Event e;

    (void)state;
    t.imported_l = 40;
    t.forgiven_l = 3;
    t.debited_l = 43;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(w->answer.body.balance.residual_l, 1500);
    assert_int_equal(w->answer.body.balance.token_seq, 1);
    r = receipt(w);
    assert_int_equal(r.command, gasm_Command_RECHARGE);
    assert_int_equal(r.seq, before.receipt_seq + 1);
    assert_int_equal(r.ticket_serial, 2);
    assert_int_equal(mc_residual_l(&r.before), 0);
    assert_int_equal(r.after.purchased_l, 1500);
    assert_int_equal(r.after.imported_l, 40);
    assert_int_equal(r.after.forgiven_l, 3);
    assert_int_equal(r.after.debited_l, 43);
    assert_int_equal(mc_token_content(mc_crypto_openssl(), &t, content), 0);
    assert_memory_equal(r.content_hash.bytes, content, sizeof content);
    assert_int_equal(aid_events(w, MC_EVENT_CREDIT_ACCEPTED, before.event_seq + 1, &e), 1);
    assert_int_equal(e.a, 1500);
    assert_int_equal(e.b, 1);
    assert_int_equal(aid_events(w, MC_EVENT_TICKET_USED, before.event_seq + 1, &e), 1);
    assert_int_equal(e.a, 2);
    aid_world_free(w);
}

static void a_lost_token_is_healed_by_the_next(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token lost = aid_token(1, 500), next = aid_token(2, 800);
    uint8_t newest[MC_RECEIPT_MAX];
    size_t n;

    (void)state;
    assert_int_equal(aid_give(w, &next), gasm_Refusal_OK);
    n = w->answer.receipt.size;
    memcpy(newest, w->answer.receipt.bytes, n);
    assert_int_equal(balance(w).residual_l, 800);
    refused(w, &lost, gasm_Refusal_OLD, gasm_Token_sequence_tag);
    assert_int_equal(w->answer.receipt.size, n);        /* it has the ceilings of now */
    assert_memory_equal(w->answer.receipt.bytes, newest, n);
    aid_world_free(w);
}

static void no_ceiling_ever_falls(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(5, 800);

    (void)state;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    t = aid_token(9, 300);      /* sequences need not follow each other */
    t.forgiven_l = 7;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(balance(w).totals.purchased_l, 800);
    assert_int_equal(balance(w).totals.forgiven_l, 7);
    assert_int_equal(balance(w).residual_l, 807);
    t = aid_token(10, 0);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, 807);
    t.sequence = 11;
    t.debited_l = 900;          /* settled downwards, below zero */
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, -93);
    aid_world_free(w);
}

/* ---- repeats ---- */

static void the_same_token_gets_the_same_answer(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token t = aid_token(1, 700), later = aid_token(2, 900);
    const gasm_Request typed = aid_recharge_typed(w, &t);
    uint8_t first[MC_REC_MAX], again[MC_REC_MAX];
    gasm_Request bare = aid_recharge(w, &t);
    size_t n;
    uint64_t seq;

    (void)state;
    bare.op_id.size = 0;
    bare.base_receipt_seq = 0;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    n = answer_bytes(w, first);
    seq = w->meter->core.receipt_seq;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
        assert_int_equal(answer_bytes(w, again), n);
        assert_memory_equal(first, again, n);
        assert_int_equal(aid_ask_alone(w, &bare), gasm_Refusal_OK);
        assert_int_equal(answer_bytes(w, again), n);
        assert_memory_equal(first, again, n);
        assert_int_equal(aid_ask_alone(w, &typed), gasm_Refusal_OK);
        assert_int_equal(answer_bytes(w, again), n);
        assert_memory_equal(first, again, n);
        assert_int_equal(w->meter->core.receipt_seq, seq + (uint64_t)round);
        if (round == 0)
            assert_int_equal(aid_give(w, &later), gasm_Refusal_OK);
    }
    assert_int_equal(w->meter->core.purchase_no, 2);
    /* Also when the account is closed by now. */
    bare = aid_request(w, gasm_Command_CLOSE_ACCOUNT, 300);
    bare.which_body = gasm_Request_close_account_tag;
    assert_int_equal(aid_ask_alone(w, &bare), gasm_Refusal_OK);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(answer_bytes(w, again), n);
    assert_memory_equal(first, again, n);
    aid_world_free(w);
}

static void other_content_under_the_same_id_is_a_mismatch(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(1, 700), other = aid_token(1, 701);
    gasm_Request r = aid_recharge(w, &t);
    uint64_t receipts;

    (void)state;
    r.op_id.bytes[3] ^= 1;      /* not the id of what is inside */
    assert_int_equal(aid_ask_alone(w, &r), gasm_Refusal_MISMATCH);
    assert_int_equal(w->answer.reached, gasm_Stage_STAGE_VALIDATION);
    assert_int_equal(balance(w).token_seq, 0);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    receipts = w->meter->core.receipt_seq;
    assert_int_equal(aid_give(w, &other), gasm_Refusal_MISMATCH);
    assert_int_equal(w->answer.reached, gasm_Stage_STAGE_VALIDATION);
    assert_int_equal(w->meter->core.receipt_seq, receipts);
    assert_int_equal(balance(w).residual_l, 700);
    /* What does not count for what it means does not count here. */
    other = t;
    other.not_after_s = 77;
    other.order_id.size = 0;
    assert_int_equal(aid_give(w, &other), gasm_Refusal_OK);
    assert_int_equal(w->meter->core.receipt_seq, receipts);
    aid_world_free(w);
}

/* Sixty-four operations later: an old sequence is OLD, and a base of long ago does not matter. */
static void what_is_forgotten_is_old(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token t = aid_token(1, 700), next = aid_token(2, 900);
    gasm_Request r = aid_recharge(w, &next);
    gasm_Ticket ticket = aid_world_ticket(1, 2);
    gasm_Request change;

    (void)state;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    aid_greet(w, &ticket);
    for (uint32_t i = 0; i < MC_OPS_KEPT; i++) {
        change = aid_set_one(w, 1000 + i, i);
        aid_expect(w, &change, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    }
    refused(w, &t, gasm_Refusal_OLD, gasm_Token_sequence_tag);
    assert_int_equal(receipt(w).seq, w->meter->core.receipt_seq);
    assert_int_equal(receipt(w).after.purchased_l, 700);
    assert_int_equal(aid_ask_alone(w, &r), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, 900);
    aid_world_free(w);
}

/* The journal does not give the newest receipt back: the answer is the same without it. */
static void old_is_said_without_a_receipt_too(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token t = aid_token(1, 700), next = aid_token(2, 900);
    uint32_t *kept;

    (void)state;
    assert_int_equal(aid_give(w, &next), gasm_Refusal_OK);
    kept = &w->meter->kept[w->meter->core.receipt_seq % MC_OPS_KEPT];
    *kept = w->flash.sector_size * w->flash.sectors;
    w->flash.judged = true;
    assert_int_equal(aid_type(w, &t), gasm_Refusal_NVM);
    *kept = w->meter->journal.sector * w->flash.sector_size + w->meter->journal.pos;
    memset(w->flash.bytes + *kept, 0, 100);     /* an answer of no bytes */
    refused(w, &t, gasm_Refusal_OLD, gasm_Token_sequence_tag);
    assert_int_equal(w->answer.receipt.size, 0);
    aid_world_free(w);
}

/* ---- refused ---- */

static void a_residual_above_the_limit_overflows_and_the_token_stays_good(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(1, 1005);

    (void)state;
    set_param(w, 200, MC_PARAM_BALANCE_MAX, 1004);
    refused(w, &t, gasm_Refusal_OVERFLOW, 0);
    set_param(w, 201, MC_PARAM_BALANCE_MAX, 1005);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, 1005);
    /* Above a limit that came down meanwhile: what does not raise it further is taken. */
    set_param(w, 202, MC_PARAM_BALANCE_MAX, 1000);
    t = aid_token(2, 1006);
    refused(w, &t, gasm_Refusal_OVERFLOW, 0);
    t.debited_l = 1;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, 1005);
    t.sequence = 3;
    t.debited_l = 3;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, 1003);
    /* Gas makes room. */
    t = aid_token(4, 1016);
    refused(w, &t, gasm_Refusal_OVERFLOW, 0);
    mc_meter_pulse(w->meter, 13);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, 1000);
    aid_world_free(w);
}

static void each_ceiling_has_its_range(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t;

    (void)state;
    for (uint32_t place = gasm_Token_purchased_l_tag; place <= gasm_Token_debited_l_tag; place++) {
        uint64_t *const at[] = {&t.purchased_l, &t.imported_l, &t.forgiven_l, &t.debited_l};

        t = aid_token(1, 0);
        *at[place - gasm_Token_purchased_l_tag] = MC_CEILING_MAX_L + 1;
        refused(w, &t, gasm_Refusal_RANGE, place);
        *at[place - gasm_Token_purchased_l_tag] = UINT64_MAX;
        refused(w, &t, gasm_Refusal_RANGE, place);
    }
    t = aid_token(1, MC_CEILING_MAX_L);
    refused(w, &t, gasm_Refusal_OVERFLOW, 0);
    t.debited_l = MC_CEILING_MAX_L;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, 0);
    aid_world_free(w);
}

/* No token takes a meter further than a start understands. */
static void the_sequence_has_its_range(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(UINT64_MAX, 100);

    (void)state;
    refused(w, &t, gasm_Refusal_RANGE, gasm_Token_sequence_tag);
    t.sequence = MC_SEQUENCE_MAX + 1;
    refused(w, &t, gasm_Refusal_RANGE, gasm_Token_sequence_tag);
    t = aid_token(MC_SEQUENCE_MAX, MC_CEILING_MAX_L);
    t.imported_l = t.forgiven_l = 0;
    t.debited_l = MC_CEILING_MAX_L;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(balance(w).token_seq, MC_SEQUENCE_MAX);
    t = aid_token(MC_SEQUENCE_MAX + 1, 1);
    t.debited_l = MC_CEILING_MAX_L;
    assert_int_equal(aid_give_typed(w, &t), gasm_Refusal_RANGE);
    aid_world_free(w);
}

static void a_token_of_another_account_is_refused(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(1, 100);

    (void)state;
    t.account_no = 1000;
    refused(w, &t, gasm_Refusal_OLD, gasm_Token_account_no_tag);
    assert_int_equal(w->answer.receipt.size, 0);
    t.account_no = 1002;
    refused(w, &t, gasm_Refusal_STATE, gasm_Token_account_no_tag);
    aid_world_free(w);
}

/* ---- expiry ---- */

static void a_valid_clock_judges_expiry(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(1, 100);

    (void)state;
    t.not_after_s = mc_clock_now_s(w->meter) - 1;
    refused(w, &t, gasm_Refusal_OLD, gasm_Token_not_after_s_tag);
    assert_int_equal(w->answer.receipt.size, 0);
    t.not_after_s = -1;
    refused(w, &t, gasm_Refusal_OLD, gasm_Token_not_after_s_tag);
    t.not_after_s = mc_clock_now_s(w->meter) + 60;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    t = aid_token(2, 200);
    t.not_after_s = mc_clock_now_s(w->meter) + 60;
    aid_world_pass(w, 61000);
    refused(w, &t, gasm_Refusal_OLD, gasm_Token_not_after_s_tag);
    aid_world_free(w);
}

/* An RTC that steps back a little makes nothing good again: expiry is judged at the floor. */
static void the_floor_judges_expiry_too(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(1, 100);
    int64_t floor_s = w->meter->core.floor_s;

    (void)state;
    w->utc_ms -= (mc_clock_now_s(w->meter) - floor_s + 30) * 1000;
    assert_int_equal(mc_clock_state(w->meter), MC_CLOCK_VALID);
    t.not_after_s = floor_s - 1;
    assert_true(mc_clock_now_s(w->meter) <= t.not_after_s);
    refused(w, &t, gasm_Refusal_OLD, gasm_Token_not_after_s_tag);
    t.not_after_s = floor_s;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    aid_world_free(w);
}

static void an_invalid_clock_skips_expiry(void **state)
{
    struct aid_world *w = aid_credit_world();
    struct aid_world *never = aid_story_opened(1, AID_ZERO_CLEAR);
    gasm_Token t = aid_token(1, 100);

    (void)state;
    t.not_after_s = 1000;
    w->utc_ms -= 2 * (int64_t)DAY_S * 1000;
    assert_int_equal(mc_clock_state(w->meter), MC_CLOCK_LOST);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, 100);
    assert_int_equal(mc_clock_state(never->meter), MC_CLOCK_NEVER_SET);
    assert_int_equal(aid_give(never, &t), gasm_Refusal_OK);
    assert_int_equal(balance(never).residual_l, 100);
    aid_world_free(w);
    aid_world_free(never);
}

/* ---- authenticity ---- */

static void forged(struct aid_world *w, const gasm_Request *r, gasm_Refusal why)
{
    const uint64_t receipts = w->meter->core.receipt_seq, log = w->meter->core.event_seq;

    assert_int_equal(aid_ask_alone(w, r), why);
    assert_int_equal(w->answer.reached, gasm_Stage_STAGE_AUTHENTICATION);
    assert_int_equal(w->meter->core.receipt_seq, receipts);
    assert_int_equal(w->meter->core.event_seq, log);
    assert_int_equal(balance(w).residual_l, 0);
    assert_int_equal(w->meter->core.typed_fails, 0);
}

static void only_this_meters_tokens_of_this_epoch_are_opened(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token t = aid_token(1, 100);
    gasm_Request r = aid_recharge(w, &t);
    gasm_Recharge_token_t *token = &r.body.recharge.token;

    (void)state;
    token->bytes[token->size - 1] ^= 1;
    forged(w, &r, gasm_Refusal_PROOF);
    token->size = (pb_size_t)aid_token_sealed("GM2400001320", 1, &t, token->bytes);
    forged(w, &r, gasm_Refusal_WRONG_METER);
    token->size = (pb_size_t)aid_token_sealed(AID_METER_ID, 2, &t, token->bytes);
    forged(w, &r, gasm_Refusal_KEY_EXPIRED);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    aid_world_free(w);
}

static void a_new_epoch_takes_the_same_token_under_its_own_key(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token t = aid_token(1, 100), next = aid_token(2, 300);
    gasm_Request r = aid_request(w, gasm_Command_INSTALL_KEY, 400);
    gasm_Request old_next = aid_recharge(w, &next), who;
    uint8_t first[MC_REC_MAX], again[MC_REC_MAX];
    gasm_Ticket ticket = aid_world_ticket(2, 9);
    size_t n;

    (void)state;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    n = answer_bytes(w, first);
    r.which_body = gasm_Request_install_key_tag;
    r.body.install_key.envelope.size =
        (pb_size_t)aid_world_envelope(2, 1, r.body.install_key.envelope.bytes);
    assert_int_equal(aid_ask_alone(w, &r), gasm_Refusal_OK);
    aid_greet(w, &ticket);
    who = aid_request(w, gasm_Command_IDENTIFY, 0);
    aid_expect(w, &who, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->meter->core.active_epoch, 2);
    assert_int_equal(aid_ask_alone(w, &old_next), gasm_Refusal_KEY_EXPIRED);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(answer_bytes(w, again), n);
    assert_memory_equal(first, again, n);
    assert_int_equal(aid_give(w, &next), gasm_Refusal_OK);
    assert_int_equal(balance(w).residual_l, 300);
    aid_world_free(w);
}

static void what_is_not_understood_is_a_matter_of_form(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token t = aid_token(1, 100);
    const gasm_Request sealed = aid_recharge(w, &t), typed = aid_recharge_typed(w, &t);
    gasm_Request cases[7];
    const uint32_t places[COUNT(cases)] = {0, 0, 1, 1, 2, 2, 1};
    gasm_Token bad = t;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        cases[i] = sealed;
    memcpy(cases[0].body.recharge.digits, typed.body.recharge.digits, MC_TYPED_TEXT);
    cases[1].body.recharge.token.size = 0;
    cases[2].body.recharge.token.size--;
    cases[3].body.recharge.token.bytes[cases[3].body.recharge.token.size++] = 0;
    cases[4] = cases[5] = typed;
    cases[4].body.recharge.digits[24] = '\0';
    cases[5].body.recharge.digits[7] ^= 1;
    bad.order_id.size = 5;      /* authentic, and not in its form all the same */
    cases[6] = aid_recharge(w, &bad);
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t log = w->meter->core.event_seq;

        assert_int_equal(aid_ask_alone(w, &cases[i]), gasm_Refusal_FORMAT);
        assert_int_equal(w->answer.reached, gasm_Stage_STAGE_FORMAT);
        assert_int_equal(w->answer.place, places[i]);
        assert_int_equal(w->meter->core.event_seq, log);
    }
    assert_int_equal(balance(w).typed_wait_s, 0);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_taken_whole),
        cmocka_unit_test(a_lost_token_is_healed_by_the_next),
        cmocka_unit_test(no_ceiling_ever_falls),
        cmocka_unit_test(the_same_token_gets_the_same_answer),
        cmocka_unit_test(other_content_under_the_same_id_is_a_mismatch),
        cmocka_unit_test(what_is_forgotten_is_old),
        cmocka_unit_test(old_is_said_without_a_receipt_too),
        cmocka_unit_test(a_residual_above_the_limit_overflows_and_the_token_stays_good),
        cmocka_unit_test(each_ceiling_has_its_range),
        cmocka_unit_test(the_sequence_has_its_range),
        cmocka_unit_test(a_token_of_another_account_is_refused),
        cmocka_unit_test(a_valid_clock_judges_expiry),
        cmocka_unit_test(the_floor_judges_expiry_too),
        cmocka_unit_test(an_invalid_clock_skips_expiry),
        cmocka_unit_test(only_this_meters_tokens_of_this_epoch_are_opened),
        cmocka_unit_test(a_new_epoch_takes_the_same_token_under_its_own_key),
        cmocka_unit_test(what_is_not_understood_is_a_matter_of_form),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
