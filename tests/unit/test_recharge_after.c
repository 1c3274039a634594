/* test_recharge_after.c - what a recharge does beside the credit: it arms the valve, uses the
 * ticket, and leaves events and purchases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/commands.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/meter_story.h"

#define KEPT 104                /* purchases: meter-core/logs.h */

static uint32_t armed(const struct aid_world *w)
{
    gasm_Supply s;

    mc_meter_supply(w->meter, &s);
    return s.armed_s;
}

/* ---- arming ---- */

static void credit_above_zero_arms(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Token t = aid_token(1, 0);
    gasm_Request set = aid_set_one(w, 200, 50);
    uint64_t armings;

    (void)state;
    set.body.set_parameters.parameters[0].id = MC_PARAM_CREDIT_EMERGENCY;
    assert_int_equal(aid_ask_alone(w, &set), gasm_Refusal_OK);
    t.debited_l = 100;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), -100);
    assert_int_equal(armed(w), 0);
    t = aid_token(2, 100);              /* a debt that is settled is no credit */
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), 0);
    assert_int_equal(armed(w), 0);
    armings = w->meter->core.event_seq;
    t = aid_token(3, 101);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), 1);
    assert_true(armed(w) > 0);
    assert_int_equal(w->meter->core.event_seq, armings + 3);    /* used, accepted, armed */
    aid_world_pass(w, 31000);
    assert_int_equal(armed(w), 0);
    t = aid_token(4, 200);              /* it was above zero before */
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OK);
    assert_int_equal(armed(w), 0);
    aid_world_free(w);
}

static void the_button_opens_after_a_recharge(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token t = aid_token(1, 100);

    (void)state;
    assert_int_equal(aid_type(w, &t), gasm_Refusal_OK);
    assert_int_equal(w->valve.state, gasm_ValveState_VALVE_SHUT);
    mc_meter_button(w->meter);
    aid_world_pass(w, 2000);
    assert_int_equal(w->valve.state, gasm_ValveState_VALVE_OPEN);
    aid_world_free(w);
}

static void a_lock_prevents_arming(void **state)
{
    struct aid_world *w = aid_credit_world();
    const gasm_Token t = aid_token(1, 100);
    uint64_t log;

    (void)state;
    mc_meter_sense(w->meter, MC_SENSE_MAGNET, true);
    mc_meter_sense(w->meter, MC_SENSE_MAGNET, false);
    assert_int_not_equal(w->meter->core.locks, 0);
    log = w->meter->core.event_seq;
    assert_int_equal(aid_type(w, &t), gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), 100);
    assert_int_equal(w->meter->core.event_seq, log + 1);        /* accepted, not armed */
    assert_int_equal(armed(w), 0);
    aid_world_free(w);
}

/* ---- purchases ---- */

/* Read all purchases in pages; they are `first` to `last`, each as it was made. */
static void check_purchases(struct aid_world *w, uint32_t first, uint32_t last)
{
    gasm_Request r = aid_request(w, gasm_Command_READ_PURCHASES, 0);
    const gasm_Purchases *got = &w->answer.body.purchases;
    uint32_t no = first;

    r.which_body = gasm_Request_read_purchases_tag;
    do {
        r.body.read_purchases.from_no = no;
        assert_int_equal(aid_ask_alone(w, &r), gasm_Refusal_OK);
        assert_int_equal(got->first_no, first);
        assert_int_equal(got->last_no, last);
        assert_true(got->entries_count > 0);
        for (pb_size_t i = 0; i < got->entries_count; i++, no++) {
            const gasm_Purchase *p = &got->entries[i];
            const gasm_Token t = aid_token(no, 0);
            bool typed = no % 3 == 0;

            assert_int_equal(p->no, no);
            assert_int_equal(p->sequence, no);
            assert_int_equal(p->account_no, 1001);
            assert_int_equal(p->credited_l, no);
            assert_int_equal(p->residual_l, (int64_t)no * (no + 1) / 2);
            assert_int_equal(p->carrier, typed ? gasm_Carrier_CARRIER_TYPED
                                               : gasm_Carrier_CARRIER_SEALED);
            assert_true(p->at_s >= AID_UTC_MS / 1000);
            if (!typed)
                assert_memory_equal(p->order_id.bytes, t.order_id.bytes, t.order_id.size);
        }
    } while (no <= last);
    assert_int_equal(no, last + 1);
}

static void a_hundred_purchases_are_kept(void **state)
{
    struct aid_world *w = aid_credit_world();
    uint32_t sector = w->meter->journal.sector, turns = 0, no;

    (void)state;
    for (no = 1; turns < 3; no++) {
        const gasm_Token t = aid_token(no, (uint64_t)no * (no + 1) / 2);

        assert_int_equal(no % 3 == 0 ? aid_type(w, &t) : aid_give(w, &t), gasm_Refusal_OK);
        if (w->meter->journal.sector != sector) {
            sector = w->meter->journal.sector;
            turns++;
            if (turns > 1)
                check_purchases(w, no - KEPT + 1, no);
        }
        aid_world_disconnect(w);        /* an erase has its time */
        aid_world_pass(w, 1000);
    }
    no--;
    assert_true(no > 200);
    assert_int_equal(aid_world_restart(w), 0);
    check_purchases(w, no - KEPT + 1, no);
    aid_world_free(w);
}

/* ---- rights, uses, events ---- */

static void a_recharge_counts_as_a_use(void **state)
{
    struct aid_world *w = aid_credit_world();
    gasm_Ticket t = aid_world_ticket(1, 77);
    const gasm_Token one = aid_token(1, 100), two = aid_token(2, 200), three = aid_token(3, 300);
    gasm_Request r[] = {aid_recharge(w, &one), aid_recharge(w, &two), aid_recharge(w, &three)};

    (void)state;
    t.role = gasm_Role_CUSTOMER;
    t.use_count = 1;
    t.rights = 1u << gasm_Right_RIGHT_READ;
    aid_greet(w, &t);
    aid_expect(w, &r[0], gasm_Refusal_RIGHT, gasm_Stage_STAGE_AUTHENTICATION);
    t.rights |= 1u << gasm_Right_RIGHT_RECHARGE;
    t.serial++;
    aid_greet(w, &t);
    for (int i = 0; i < 2; i++)
        aid_expect(w, &r[i], gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_greet(w, &t);
    aid_expect(w, &r[2], gasm_Refusal_USED, gasm_Stage_STAGE_AUTHENTICATION);
    assert_int_equal(aid_world_ask(w, &r[1]), 0);       /* a repeat costs none */
    assert_int_equal(w->answer.result, gasm_Refusal_OK);
    assert_int_equal(aid_residual_l(w), 200);
    aid_world_free(w);
}

static void refused_tokens_are_events_at_most_one_a_minute(void **state)
{
    struct aid_world *w = aid_credit_world();
    uint64_t from = w->meter->core.event_seq + 1;
    gasm_Token t = aid_token(4, 100);
    gasm_Event e;

    (void)state;
    t.account_no = 1002;
    for (int i = 0; i < 8; i++)
        assert_int_equal(aid_give(w, &t), gasm_Refusal_STATE);
    assert_int_equal(aid_events(w, MC_EVENT_CREDIT_REFUSED, from, &e), 1);
    assert_int_equal(e.a, gasm_Refusal_STATE);
    assert_int_equal(e.b, 4);
    aid_world_pass(w, 60000);
    t.account_no = 1;
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OLD);
    assert_int_equal(aid_give(w, &t), gasm_Refusal_OLD);
    assert_int_equal(aid_events(w, MC_EVENT_CREDIT_REFUSED, from, &e), 2);
    assert_int_equal(e.a, gasm_Refusal_OLD);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credit_above_zero_arms),
        cmocka_unit_test(the_button_opens_after_a_recharge),
        cmocka_unit_test(a_lock_prevents_arming),
        cmocka_unit_test(a_hundred_purchases_are_kept),
        cmocka_unit_test(a_recharge_counts_as_a_use),
        cmocka_unit_test(refused_tokens_are_events_at_most_one_a_minute),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
