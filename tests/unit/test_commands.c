/* test_commands.c - the command table: form, repeats, needs, accounts; who may send what, and when,
 * is in test_matrix.c. */
#include "meter-core/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/ticket.h"
#include "tests/aid/meter_story.h"

/* ---- lint ---- */

static void test_table(void **state)
{
    size_t n;
    const struct mc_command_row *rows = mc_commands(&n);

    (void)state;
    assert_int_equal(n, gasm_Command_RESET_TO_FACTORY);
    for (size_t i = 0; i < n; i++) {
        bool changes = (rows[i].needs & MC_NEED_OP_ID) != 0;

        assert_int_equal(rows[i].id, i + 1);
        assert_true(rows[i].states != 0);
        assert_int_equal(rows[i].states & MC_STATE(gasm_LifeState_LIFE_UNKNOWN), 0);
        assert_true(rows[i].right <= gasm_Right_RIGHT_NEVER || rows[i].right == MC_RIGHT_ANY);
        /* Only what nobody can send has no handler; only changes have something to do
         * afterwards. */
        assert_int_equal(rows[i].handler == NULL, rows[i].right == gasm_Right_RIGHT_NEVER);
        assert_true(rows[i].done == NULL || changes);
        /* Whatever any ticket may send changes nothing. */
        assert_true(rows[i].right != MC_RIGHT_ANY || !changes);
        /* A factory ticket: those two. */
        assert_int_equal((rows[i].needs & MC_MAY_FACTORY) != 0,
                         rows[i].id == gasm_Command_IDENTIFY ||
                             rows[i].id == gasm_Command_INSTALL_KEY);
#ifndef MC_WITHOUT_TEXTS
        for (const char *c = rows[i].name; *c != '\0'; c++)
            assert_true((*c >= 'a' && *c <= 'z') || *c == '_');
#endif
    }
}

/* A request of the right form, whose content is wrong or without effect as far as that is
 * possible. */
static gasm_Request formed(const struct aid_world *w, const struct mc_command_row *row, uint32_t op)
{
    gasm_Request r = aid_request(w, row->id, (row->needs & MC_NEED_OP_ID) != 0 ? op : 0);

    r.which_body = (pb_size_t)row->body;
    if (row->id == gasm_Command_ZERO_CLEAR)
        r.body.zero_clear.residual_l = mc_residual_l(&w->meter->core.totals);
    if (row->id == gasm_Command_OPEN_ACCOUNT)
        r.body.open_account.account_no = 1001;
    if (row->id == gasm_Command_PURGE_START)
        r.body.purge_start = (gasm_PurgeStart){.volume_l = 10, .limit_s = 10};
    if (row->id == gasm_Command_SET_CLOCK)
        r.body.set_clock.utc_s = AID_UTC_MS / 1000 + 3600;
    if (row->id == gasm_Command_SET_PARAMETERS) {
        r.body.set_parameters.parameters_count = 1;
        r.body.set_parameters.parameters[0] = (gasm_Parameter){.id = 1, .value = 3000};
    }
    return r;
}

static void set_life(struct aid_world *w, gasm_LifeState life)
{
    struct mc_tx tx;

    mc_store_begin(w->meter, &tx);
    tx.next.life = (uint8_t)life;
    assert_int_equal(mc_store_change(w->meter, &tx), 0);
}

/* ---- form ---- */

static void test_form(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_OPEN_ACCOUNT);
    gasm_Ticket t = aid_world_ticket(1, 2);
    gasm_Request r;
    size_t n;
    const struct mc_command_row *rows = mc_commands(&n);

    (void)state;
    aid_greet(w, &t);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].handler == NULL)
            continue;
        /* No operation id where one is needed, one where none is, a short one; no body, another's
         * body. */
        r = formed(w, &rows[i], 77);
        if (r.op_id.size > 0)
            r.op_id.size = 0;
        else
            r.op_id.size = GF_UUID_LEN;
        aid_expect(w, &r, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT);
        r.op_id.size = 15;
        aid_expect(w, &r, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT);
        r = formed(w, &rows[i], 77);
        r.which_body = rows[i].body == 0 ? gasm_Request_open_account_tag : 0;
        aid_expect(w, &r, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT);
        r.which_body = rows[i].body == gasm_Request_set_clock_tag ? gasm_Request_read_receipts_tag
                                                                  : gasm_Request_set_clock_tag;
        aid_expect(w, &r, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT);
    }
    r = aid_request(w, (gasm_Command)99, 0);
    aid_expect(w, &r, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT);
    r = aid_request(w, gasm_Command_COMMAND_NONE, 0);
    aid_expect(w, &r, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT);
    r = aid_request(w, gasm_Command_KEY_ACTIVATED, 5);
    aid_expect(w, &r, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT);
    aid_world_free(w);
}

/* Bytes that are no request, two bodies, unknown fields: decoded as the contract says. */
static void test_decode(void **state)
{
    static const uint8_t two_bodies[] = {0x08, 3, 0x5A, 2, 0x08, 1, 0x5A, 2, 0x08, 2};
    static const uint8_t unknown[] = {0x08, 1, 0xF8, 0x07, 5, 0xFA, 0x07, 2, 1, 2};
    static const uint8_t cut[] = {0x08, 3, 0x5A, 9, 1};
    struct aid_world *w = aid_story_opened(1, AID_ACTIVATE);

    (void)state;
    assert_int_equal(mc_command_decode(w->meter, (struct gf_span){two_bodies, sizeof two_bodies}),
                     GF_E_FORMAT);
    assert_int_equal(mc_command_decode(w->meter, (struct gf_span){cut, sizeof cut}), GF_E_FORMAT);
    assert_int_equal(mc_command_decode(w->meter, (struct gf_span){unknown, sizeof unknown}), 0);
    assert_int_equal(w->meter->request.command, gasm_Command_IDENTIFY);
    aid_world_free(w);
}

/* ---- repeats ---- */

static void test_repeats(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_OPEN_ACCOUNT);
    gasm_Ticket t = aid_world_ticket(1, 2);
    gasm_Request a = aid_set_one(w, 500, 111), b = aid_set_one(w, 500, 222),
                 c = aid_set_one(w, 501, 333), other = a;
    gasm_Response first;
    uint32_t uses;

    (void)state;
    aid_greet(w, &t);
    aid_expect(w, &a, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    first = w->answer;
    aid_expect(w, &c, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    uses = mc_ticket_uses_left(w->meter);
    /* Another session: the stored answer, no use, no effect, whatever its base says. */
    aid_greet(w, &t);
    a.base_receipt_seq += 1;
    aid_expect(w, &a, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_memory_equal(&w->answer, &first, sizeof first);
    assert_int_equal(mc_ticket_uses_left(w->meter), uses);
    assert_int_equal(w->meter->core.params[MC_PARAM_CREDIT_LOW - 1], 333);
    /* Other content, and another command, under the same id. */
    aid_expect(w, &b, gasm_Refusal_MISMATCH, gasm_Stage_STAGE_VALIDATION);
    other.command = gasm_Command_OPEN_ACCOUNT;
    other.which_body = gasm_Request_open_account_tag;
    other.body.open_account.account_no = 1001;
    aid_expect(w, &other, gasm_Refusal_MISMATCH, gasm_Stage_STAGE_VALIDATION);
    /* A refused one is not remembered: its id may be tried again, with other content. */
    c = aid_set_one(w, 502, INT32_MAX);
    aid_expect(w, &c, gasm_Refusal_RANGE, gasm_Stage_STAGE_VALIDATION);
    assert_int_equal(w->answer.place, MC_PARAM_CREDIT_LOW);
    c = aid_set_one(w, 502, 444);
    aid_expect(w, &c, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    /* A base that this meter never had. */
    c = aid_set_one(w, 503, 555);
    c.base_receipt_seq++;
    aid_expect(w, &c, gasm_Refusal_RANGE, gasm_Stage_STAGE_VALIDATION);
    /* The right is still needed for a repeat. */
    t.rights &= ~(1u << gasm_Right_RIGHT_PARAMETERS);
    aid_greet(w, &t);
    aid_expect(w, &a, gasm_Refusal_RIGHT, gasm_Stage_STAGE_AUTHENTICATION);
    aid_world_free(w);
}

/* 64 are remembered, no more; an unknown one whose base is older than those is OLD, the next
 * younger one is taken. */
static void test_old(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_OPEN_ACCOUNT);
    gasm_Ticket t = aid_world_ticket(1, 2);
    gasm_Request r, late = aid_set_one(w, 7777, 1);
    uint64_t oldest;

    (void)state;
    aid_greet(w, &t);
    for (uint32_t i = 0; i < 100; i++) {
        r = aid_set_one(w, 600 + i, i);
        aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    }
    aid_expect(w, &late, gasm_Refusal_OLD, gasm_Stage_STAGE_VALIDATION);
    oldest = mc_store_oldest(&w->meter->core);
    assert_int_equal(w->meter->core.receipt_seq - oldest + 1, 64);
    late.base_receipt_seq = oldest - 2;
    aid_expect(w, &late, gasm_Refusal_OLD, gasm_Stage_STAGE_VALIDATION);
    late.base_receipt_seq = oldest - 1;
    aid_expect(w, &late, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_world_free(w);
}

/* ---- account ---- */

static void test_account(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_PURGE);
    gasm_Ticket t = aid_world_ticket(1, 2);
    gasm_Request r = aid_request(w, gasm_Command_OPEN_ACCOUNT, 400);

    (void)state;
    r.which_body = gasm_Request_open_account_tag;
    r.body.open_account.account_no = 1002;
    aid_greet(w, &t);
    aid_expect(w, &r, gasm_Refusal_RIGHT,
               gasm_Stage_STAGE_VALIDATION); /* not the ticket's number */
    r.body.open_account.account_no = 1001;
    aid_expect(w, &r, gasm_Refusal_OLD, gasm_Stage_STAGE_VALIDATION);       /* it is open */
    t.account_no = 1000;
    aid_greet(w, &t);
    r.body.open_account.account_no = 1000;
    aid_expect(w, &r, gasm_Refusal_OLD, gasm_Stage_STAGE_VALIDATION);
    t.account_no = 0;
    aid_greet(w, &t);
    r.body.open_account.account_no = 0;
    aid_expect(w, &r, gasm_Refusal_RIGHT, gasm_Stage_STAGE_VALIDATION);
    /* A higher number: snapshots of the present totals, zero for the rest. */
    mc_meter_pulse(w->meter, 17);
    t.account_no = r.body.open_account.account_no = 1005;
    aid_greet(w, &t);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->answer.body.balance.account_no, 1005);
    assert_int_equal(w->answer.body.balance.residual_l, 0);
    assert_int_equal(w->answer.body.balance.totals.opening_index_l, w->meter->core.totals.index_l);
    assert_int_equal(w->answer.body.balance.totals.opening_purged_l,
                     w->meter->core.totals.purged_l);
    assert_true(w->meter->core.totals.index_l > w->meter->core.totals.purged_l);
    aid_world_free(w);
}

static gasm_Request clear_request(const struct aid_world *w, uint32_t op, int64_t residual_l)
{
    gasm_Request r = aid_request(w, gasm_Command_ZERO_CLEAR, op);

    r.which_body = gasm_Request_zero_clear_tag;
    r.body.zero_clear.residual_l = residual_l;
    return r;
}

static void test_zero_clear(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_PURGE);
    gasm_Ticket t = aid_world_ticket(1, 2);
    struct mc_tx tx;
    gasm_Request r;

    (void)state;
    mc_store_begin(w->meter, &tx);
    tx.next.totals.purchased_l = 500;
    assert_int_equal(mc_store_change(w->meter, &tx), 0);
    aid_greet(w, &t);
    for (int64_t wrong = 499; wrong <= 501; wrong += 2) {
        r = clear_request(w, 420, wrong);
        aid_expect(w, &r, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION);
        assert_int_equal(w->answer.body.balance.residual_l, 500);       /* it shows what it is */
    }
    r = clear_request(w, 420, 500);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->answer.body.balance.residual_l, 0);
    assert_int_equal(w->answer.body.balance.totals.cleared_l, 500);
    assert_int_equal(w->meter->core.life, gasm_LifeState_CLEARED);
    /* A negative one is named, accepted, and not raised. */
    mc_meter_pulse(w->meter, 12);
    r = clear_request(w, 421, 0);
    aid_expect(w, &r, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION);
    r = clear_request(w, 421, -12);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->answer.body.balance.residual_l, -12);
    assert_int_equal(w->answer.body.balance.totals.cleared_l, 500);
    aid_world_free(w);
}

/* Nothing that needs the valve shut runs when it is not, whatever it reports. */
static void test_needs(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ACTIVATE);
    gasm_Ticket t = aid_world_ticket(1, 2);
    size_t n;
    const struct mc_command_row *rows = mc_commands(&n);

    (void)state;
    /* Without an account, in a state that would do. */
    set_life(w, gasm_LifeState_PURGED);
    aid_greet(w, &t);
    for (size_t i = 0; i < n; i++) {
        gasm_Request r = formed(w, &rows[i], 440 + (uint32_t)i);

        if ((rows[i].needs & MC_NEED_ACCOUNT) != 0 &&
            (rows[i].states & MC_STATE(gasm_LifeState_PURGED)) != 0)
            aid_expect(w, &r, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION);
    }
    aid_world_free(w);
    w = aid_story_opened(1, AID_SET_PARAMETERS);
    aid_greet(w, &t);
    for (gasm_ValveState v = gasm_ValveState_VALVE_UNKNOWN; v <= gasm_ValveState_VALVE_FAULT; v++)
        for (size_t i = 0; i < n; i++) {
            gasm_Request r = formed(w, &rows[i], 460 + (uint32_t)i);

            if (v == gasm_ValveState_VALVE_SHUT || (rows[i].needs & MC_NEED_SHUT) == 0 ||
                (rows[i].states & MC_STATE(gasm_LifeState_CLEARED)) == 0 ||
                rows[i].handler == NULL)
                continue;
            w->valve.state = v;
            w->valve.until_ms = INT64_MAX;
            w->valve.stuck = true;
            aid_expect(w, &r,
                       v == gasm_ValveState_VALVE_MOVING ? gasm_Refusal_BUSY : gasm_Refusal_STATE,
                       gasm_Stage_STAGE_VALIDATION);
        }
    aid_world_free(w);
}

/* Commissioning needs clock and parameters. */
static void test_commission(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ZERO_CLEAR);
    struct aid_story s = aid_story_of(w);
    gasm_Ticket t = aid_world_ticket(1, 2);
    gasm_Request r = aid_request(w, gasm_Command_COMMISSION, 480);

    (void)state;
    aid_greet(w, &t);
    aid_expect(w, &r, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION);     /* parameters */
    aid_story_step(&s, AID_SET_PARAMETERS);
    aid_greet(w, &t);
    aid_expect(w, &r, gasm_Refusal_CLOCK, gasm_Stage_STAGE_VALIDATION);
    aid_story_step(&s, AID_SET_CLOCK);
    aid_greet(w, &t);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->answer.body.balance.state, gasm_LifeState_IN_SERVICE);
    /* The same id and the same (empty) body under another command. */
    r.command = gasm_Command_PURGE_STOP;
    aid_expect(w, &r, gasm_Refusal_MISMATCH, gasm_Stage_STAGE_VALIDATION);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),      cmocka_unit_test(test_form),
        cmocka_unit_test(test_decode),     cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_old),        cmocka_unit_test(test_account),
        cmocka_unit_test(test_zero_clear), cmocka_unit_test(test_needs),
        cmocka_unit_test(test_commission),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
