/* test_close.c - closing an account: what is certified, what a cancelled closing leaves, and that a
 * closed account stays as it was certified. */
#include "meter-core/swap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/commands.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/supply_site.h"
#include "tests/aid/swap_aid.h"

enum { OP_CLOSE = 40, OP_OTHER = 41, CAP_L = 100000 };

static const gasm_Totals *totals(const struct aid_world *w)
{
    return &w->meter->core.totals;
}

static int64_t residual(const struct aid_world *w)
{
    return mc_residual_l(totals(w));
}

/* The only old meter of a test, with credit. */
struct old {
    struct aid_world *w;
    struct aid_swap swap;
    struct supply_site site;            /* for its events and parameters */
};

static struct old old_of(uint64_t purchased_l)
{
    struct old o = {.w = aid_swap_meter(AID_METER_ID, AID_COMMISSION),
                    .swap = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L)};

    o.site.w = o.w;
    if (purchased_l > 0)
        aid_swap_credit(o.w, purchased_l, 0);
    supply_mark(&o.site);
    return o;
}

static void open_valve(struct old *o, int64_t flow_l_per_h)
{
    aid_swap_open_valve(o->w, flow_l_per_h);
    supply_mark(&o->site);
}

static gasm_Request close_request(const struct old *o, uint32_t op)
{
    gasm_Request r = aid_request(o->w, gasm_Command_CLOSE_ACCOUNT, op);

    aid_swap_close_body(&o->swap, &r);
    return r;
}

/* Ask for the closing and wait until the meter has begun with it. */
static void begin_closing(struct old *o)
{
    gasm_Request r = close_request(o, OP_CLOSE);

    aid_swap_greet(&o->swap, o->w);
    assert_int_equal(aid_world_send(o->w, &r), 0);
    assert_true(o->w->meter->later.waiting);
}

/* ---- what is certified ---- */

static void certificate_says_all(void **state)
{
    struct old o = old_of(5000);
    const struct mc_core *core = &o.w->meter->core;
    const uint64_t seq = core->receipt_seq;
    const gasm_Certificate *c = &o.swap.closed;
    uint8_t root[MC_KEY_LEN];
    gasm_Receipt receipt;
    int64_t a, b;

    (void)state;
    aid_swap_close(&o.swap, o.w, OP_CLOSE);
    assert_int_equal(core->life, gasm_LifeState_CLOSED);
    assert_int_equal(core->account_closed, 1);
    assert_int_equal(core->closing_index_l, core->totals.index_l);
    assert_int_equal(residual(o.w), 0);
    assert_int_equal(c->account_no, 1001);
    assert_int_equal(c->key_epoch, 1);
    assert_int_equal(c->residual_l, 5000);
    assert_int_equal(c->totals.exported_l, 5000);
    assert_memory_equal(&c->totals, &core->totals, sizeof c->totals);
    assert_int_equal(c->token_seq, 1);
    assert_true(c->clock_valid && !c->valve_fault);
    assert_int_equal(c->receipt_seq, seq + 1);
    assert_int_equal(core->receipt_seq, seq + 1);
    aid_meter_root(AID_METER_ID, 1, root);
    assert_int_equal(mc_receipt_open(mc_crypto_openssl(), root,
                                     (struct gf_span){o.w->answer.receipt.bytes,
                                                      o.w->answer.receipt.size},
                                     &receipt),
                     0);
    assert_int_equal(receipt.seq, c->receipt_seq);
    assert_int_equal(receipt.command, gasm_Command_CLOSE_ACCOUNT);
    assert_int_equal(receipt.state, gasm_LifeState_CLOSED);
    assert_int_equal(receipt.at_s, c->at_s);
    assert_memory_equal(&receipt.after, &c->totals, sizeof c->totals);
    assert_int_equal(mc_residual_l(&receipt.before), 5000);
    assert_int_equal(supply_events(&o.site, MC_EVENT_ACCOUNT_CLOSED, &a, &b), 1);
    assert_true(a == 5000 && b == 0);
    aid_world_free(o.w);
}

/* What is owed stays owed: nothing is exported. */
static void debt_is_certified_below_zero(void **state)
{
    struct aid_swap_pair p = aid_swap_pair_of(-700, CAP_L);

    (void)state;
    aid_swap_close(&p.swap, p.old, OP_CLOSE);
    assert_int_equal(p.swap.closed.residual_l, -700);
    assert_int_equal(totals(p.old)->exported_l, 0);
    assert_int_equal(residual(p.old), -700);
    aid_swap_pair_free(&p);
}

/* Gas flows until the valve is shut: every litre of it is in the certificate. */
static void gas_flows_until_it_is_shut(void **state)
{
    for (int64_t travel_ms = 1000; travel_ms <= 9000; travel_ms += 2000) {
        struct old o = old_of(5000);
        uint64_t index_l;

        (void)state;
        o.w->valve.travel_ms = travel_ms;
        open_valve(&o, 3600);
        begin_closing(&o);
        index_l = totals(o.w)->index_l;
        aid_swap_close(&o.swap, o.w, OP_CLOSE);
        assert_false(o.swap.closed.valve_fault);
        assert_true(o.swap.closed.totals.index_l >= index_l + (uint64_t)travel_ms / 1000);
        assert_int_equal(o.swap.closed.totals.index_l, totals(o.w)->index_l);
        assert_int_equal(o.swap.closed.residual_l,
                         5000 - (int64_t)(totals(o.w)->index_l - totals(o.w)->purged_l));
        assert_int_equal(residual(o.w), 0);
        aid_world_pass(o.w, 60000);
        assert_int_equal(totals(o.w)->after_closing_l, 0);
        aid_world_free(o.w);
    }
}

static void emergency_credit_is_debt(void **state)
{
    struct old o = old_of(10);

    (void)state;
    supply_set(&o.site, MC_PARAM_CREDIT_EMERGENCY, 500);
    open_valve(&o, 3600);
    aid_world_pass(o.w, 20000);
    assert_true(residual(o.w) < -10);
    aid_swap_close(&o.swap, o.w, OP_CLOSE);
    assert_true(o.swap.closed.residual_l < -10);
    assert_int_equal(o.swap.closed.residual_l, residual(o.w));
    assert_int_equal(totals(o.w)->exported_l, 0);
    aid_world_free(o.w);
}

/* A valve that does not shut does not hold the account open for ever, but it is said. */
static void valve_fault_is_flagged(void **state)
{
    struct old o = old_of(5000);
    int64_t a, b;

    (void)state;
    open_valve(&o, 3600);
    o.w->valve.stuck = true;
    aid_swap_close(&o.swap, o.w, OP_CLOSE);
    assert_true(o.swap.closed.valve_fault);
    assert_int_equal(supply_events(&o.site, MC_EVENT_ACCOUNT_CLOSED, &a, &b), 1);
    assert_true(a == o.swap.closed.residual_l && b == 1);
    /* It goes on flowing, on no bill. */
    aid_world_pass(o.w, 30000);
    assert_int_equal(totals(o.w)->after_closing_l,
                     totals(o.w)->index_l - o.swap.closed.totals.index_l);
    assert_true(totals(o.w)->after_closing_l > 20);
    assert_int_equal(residual(o.w), 0);
    o.w->valve.stuck = false;
    aid_world_pass(o.w, 15000);
    assert_int_equal(o.w->valve.state, gasm_ValveState_VALVE_SHUT);
    aid_world_free(o.w);
}

/* However long the valve may take, the client that waits in silence gets its answer. */
static void slow_closing_is_answered(void **state)
{
    struct old o = old_of(5000);
    uint64_t answers;

    (void)state;
    o.w->meter->core.params[MC_PARAM_VALVE_TRAVEL - 1] = 60;
    open_valve(&o, 3600);
    o.w->valve.stuck = true;
    begin_closing(&o);
    answers = o.w->answers;
    aid_world_pass(o.w, 59000);
    assert_true(o.w->up && o.w->answers == answers);
    aid_world_pass(o.w, 4000);
    assert_int_equal(o.w->answers, answers + 1);
    assert_int_equal(o.w->answer.result, gasm_Refusal_OK);
    aid_swap_take(&o.swap, &o.w->answer);
    assert_true(o.swap.closed.valve_fault);
    /* From the answer on its silence counts again. */
    aid_world_pass(o.w, 25000);
    assert_true(o.w->up);
    aid_world_pass(o.w, 6000);
    assert_false(o.w->up);
    aid_world_free(o.w);
}

static void account_just_ends_without_a_swap(void **state)
{
    struct old o = old_of(5000);
    gasm_Ticket t = aid_meter_ticket(AID_METER_ID, 1, 301);
    gasm_Request r = aid_request(o.w, gasm_Command_CLOSE_ACCOUNT, OP_CLOSE);
    const gasm_Closed *closed = &o.w->answer.body.closed;
    uint8_t root[MC_KEY_LEN], key[MC_KEY_LEN];
    gasm_Certificate c;

    (void)state;
    r.which_body = gasm_Request_close_account_tag;
    aid_greet(o.w, &t);
    aid_expect(o.w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_meter_root(AID_METER_ID, 1, root);
    assert_int_equal(
        mc_certificate_open(mc_crypto_openssl(), root,
                            (struct gf_span){closed->certificate.bytes, closed->certificate.size},
                            &c),
        0);
    assert_int_equal(c.swap_case.size, 0);
    assert_int_equal(c.counterpart_id.size, 0);
    assert_int_equal(c.residual_l, 5000);
    aid_swap_key(&o.swap, key);
    assert_int_equal(
        mc_certificate_open_swap(
            mc_crypto_openssl(), key,
            (struct gf_span){closed->certificate.bytes, closed->certificate.size}, &c),
        GF_E_CRYPTO);
    aid_world_free(o.w);
}

/* ---- once ---- */

static void same_operation_gives_the_same_certificate(void **state)
{
    struct old o = old_of(5000);
    gasm_Request r = close_request(&o, OP_CLOSE);
    struct aid_swap first;
    uint64_t seq;

    (void)state;
    aid_swap_greet(&o.swap, o.w);
    aid_expect(o.w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_swap_take(&o.swap, &o.w->answer);
    first = o.swap;
    seq = o.w->meter->core.receipt_seq;
    for (int i = 0; i < 3; i++) {
        aid_world_pass(o.w, 5000);
        if (i > 0)
            assert_int_equal(aid_world_restart(o.w), 0);
        aid_swap_greet(&o.swap, o.w);
        aid_expect(o.w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
        aid_swap_take(&o.swap, &o.w->answer);
        assert_int_equal(o.swap.certificate_n, first.certificate_n);
        assert_memory_equal(o.swap.certificate, first.certificate, first.certificate_n);
    }
    assert_int_equal(o.w->meter->core.receipt_seq, seq);
    aid_world_free(o.w);
}

static void no_second_counterpart(void **state)
{
    struct old o = old_of(5000);
    struct old again = {.w = o.w,
                        .swap = aid_swap_of(AID_METER_ID, AID_THIRD_ID, 2, CAP_L)};
    gasm_Request r;

    (void)state;
    aid_swap_close(&o.swap, o.w, OP_CLOSE);
    r = close_request(&again, OP_OTHER);
    aid_swap_greet(&again.swap, o.w);
    aid_expect(o.w, &r, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION);
    /* Nor under the id that closed it: there the counterpart is another. */
    r = close_request(&again, OP_CLOSE);
    aid_expect(o.w, &r, gasm_Refusal_MISMATCH, gasm_Stage_STAGE_VALIDATION);
    /* Nor the same counterpart anew. */
    r = close_request(&o, OP_OTHER);
    aid_swap_greet(&o.swap, o.w);
    aid_expect(o.w, &r, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION);
    aid_world_free(o.w);
}

/* ---- cancelled ---- */

static void go_away(struct aid_world *w)
{
    aid_world_disconnect(w);
}

static void lose_power(struct aid_world *w)
{
    assert_int_equal(aid_world_restart(w), 0);
}

/* One request at a time: another message drops the client. */
static void ask_something_else(struct aid_world *w)
{
    gasm_Request r = aid_request(w, gasm_Command_IDENTIFY, 0);

    assert_int_equal(aid_world_send(w, &r), 0);
    assert_false(w->up);
}

static void cancelled_closing_changes_nothing(void **state)
{
    static void (*const cancels[])(struct aid_world *) = {go_away, lose_power, ask_something_else};

    (void)state;
    for (size_t i = 0; i < sizeof cancels / sizeof cancels[0]; i++)
        for (int64_t after_ms = 0; after_ms < 4000; after_ms += 500) {
            struct old o = old_of(5000);
            const struct mc_core *core = &o.w->meter->core;
            struct mc_core before;

            open_valve(&o, 0);
            begin_closing(&o);
            before = *core;
            aid_world_pass(o.w, after_ms);
            if (!o.w->meter->later.waiting) {       /* it was faster */
                assert_true(after_ms > 3000);
                aid_world_free(o.w);
                continue;
            }
            cancels[i](o.w);
            aid_world_pass(o.w, 20000);
            assert_int_equal(core->life, gasm_LifeState_IN_SERVICE);
            assert_int_equal(core->account_closed, 0);
            assert_int_equal(core->receipt_seq, before.receipt_seq);
            assert_memory_equal(&core->totals, &before.totals, sizeof before.totals);
            assert_int_equal(o.w->valve.state, gasm_ValveState_VALVE_SHUT);
            assert_false(o.w->meter->supply.armed);
            aid_swap_close(&o.swap, o.w, OP_CLOSE);
            assert_int_equal(o.swap.closed.residual_l, 5000);
            aid_world_free(o.w);
        }
}

/* ---- after closing ---- */

/* Litres on a closed account, in every rhythm of records and restarts: in the index, on no bill. */
static void closed_account_is_frozen(void **state)
{
    static const uint32_t steps[] = {1, 3, 9, 10, 11, 25, 2};

    (void)state;
    for (int64_t residual_l = -40; residual_l <= 40; residual_l += 40) {
        struct aid_swap_pair p = aid_swap_pair_of(residual_l, CAP_L);
        const struct mc_core *core = &p.old->meter->core;
        uint64_t closed_l;

        aid_swap_close(&p.swap, p.old, OP_CLOSE);
        closed_l = core->totals.index_l;
        for (size_t i = 0; i < 3 * sizeof steps / sizeof steps[0]; i++) {
            uint64_t index_l = core->totals.index_l;

            mc_meter_pulse(p.old->meter, steps[i / 3]);
            assert_int_equal(core->totals.index_l, index_l + steps[i / 3]);
            if (i % 3 == 1)     /* a change of something else takes the index along */
                assert_int_equal(mc_store_event(p.old->meter, MC_EVENT_RESET, 0, 0), 0);
            if (i % 3 > 0)
                assert_int_equal(aid_world_restart(p.old), 0);
            assert_true(core->totals.index_l + 10 > index_l + steps[i / 3]);
            assert_int_equal(core->totals.after_closing_l, core->totals.index_l - closed_l);
            assert_int_equal(residual(p.old), residual_l < 0 ? residual_l : 0);
        }
        aid_swap_pair_free(&p);
    }
}

static void flow_on_it_is_an_event_an_hour(void **state)
{
    struct old o = old_of(100);
    int64_t a, b;

    (void)state;
    aid_swap_close(&o.swap, o.w, OP_CLOSE);
    assert_int_equal(supply_events(&o.site, MC_EVENT_FLOW_CLOSED_ACCOUNT, NULL, NULL), 0);
    mc_meter_pulse(o.w->meter, 2);
    assert_int_equal(supply_events(&o.site, MC_EVENT_FLOW_CLOSED_ACCOUNT, &a, &b), 1);
    assert_int_equal(a, totals(o.w)->index_l);
    assert_int_equal(b, 2);
    for (int minutes = 0; minutes < 59; minutes++) {
        o.w->mono_ms += 60000;
        mc_meter_pulse(o.w->meter, 1);
    }
    assert_int_equal(supply_events(&o.site, MC_EVENT_FLOW_CLOSED_ACCOUNT, NULL, NULL), 1);
    o.w->mono_ms += 60000;
    mc_meter_pulse(o.w->meter, 1);
    assert_int_equal(supply_events(&o.site, MC_EVENT_FLOW_CLOSED_ACCOUNT, NULL, &b), 2);
    assert_int_equal(b, 62);
    aid_world_free(o.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_says_all),
        cmocka_unit_test(debt_is_certified_below_zero),
        cmocka_unit_test(gas_flows_until_it_is_shut),
        cmocka_unit_test(emergency_credit_is_debt),
        cmocka_unit_test(valve_fault_is_flagged),
        cmocka_unit_test(slow_closing_is_answered),
        cmocka_unit_test(account_just_ends_without_a_swap),
        cmocka_unit_test(same_operation_gives_the_same_certificate),
        cmocka_unit_test(no_second_counterpart),
        cmocka_unit_test(cancelled_closing_changes_nothing),
        cmocka_unit_test(closed_account_is_frozen),
        cmocka_unit_test(flow_on_it_is_an_event_an_hour),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
