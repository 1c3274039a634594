/* test_import.c - taking a certified residual over: credit, debt, caps, once per case; and a whole
 * life of a meter, twice. */
#include "meter-core/swap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/logs.h"
#include "tests/aid/supply_site.h"
#include "tests/aid/swap_aid.h"

enum { OP_CLOSE = 40, OP_IMPORT = 41, OP_AGAIN = 42, CAP_L = 100000 };

static const gasm_Totals *totals(const struct aid_world *w)
{
    return &w->meter->core.totals;
}

static int64_t residual(const struct aid_world *w)
{
    return mc_residual_l(totals(w));
}

/* ---- what goes over ---- */

static void every_residual_and_cap(void **state)
{
    static const int64_t residuals_l[] = {-3000, -1, 0, 1, 3000};
    static const uint64_t caps_l[] = {0, 1, 2999, 3000, 3001, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof residuals_l / sizeof residuals_l[0]; i++)
        for (size_t k = 0; k < sizeof caps_l / sizeof caps_l[0]; k++) {
            struct aid_swap_pair p = aid_swap_pair_of(residuals_l[i], caps_l[k]);
            uint64_t size_l = (uint64_t)(residuals_l[i] < 0 ? -residuals_l[i] : residuals_l[i]);
            uint64_t taken_l = size_l < caps_l[k] ? size_l : caps_l[k];

            aid_swap_whole(&p.swap, p.old, p.new, OP_CLOSE);
            assert_int_equal(totals(p.new)->imported_l, residuals_l[i] > 0 ? taken_l : 0);
            assert_int_equal(totals(p.new)->debited_l, residuals_l[i] < 0 ? taken_l : 0);
            assert_int_equal(totals(p.new)->purchased_l, 0);
            assert_int_equal(p.new->answer.body.balance.residual_l, residual(p.new));
            aid_swap_pair_free(&p);
        }
}

struct purchases {
    uint32_t n;
    gasm_Purchase last;
};

static int keep_purchase(void *ctx, uint32_t no, struct gf_reader *r)
{
    struct purchases *p = ctx;

    (void)no;
    p->n++;
    p->last.at_s = (int64_t)gf_rd_uint(r, 5);
    p->last.account_no = gf_rd_uint(r, 8);
    p->last.sequence = gf_rd_uint(r, 8);
    p->last.credited_l = (int64_t)gf_rd_uint(r, 8);
    p->last.residual_l = (int64_t)gf_rd_uint(r, 8);
    p->last.carrier = (gasm_Carrier)gf_rd_uint(r, 1);
    memcpy(p->last.order_id.bytes, gf_rd(r, 16), 16);
    return 0;
}

static void import_is_logged_and_arms(void **state)
{
    struct aid_swap_pair p = aid_swap_pair_of(5000, 4000);
    struct supply_site site = {.w = p.new};
    struct purchases bought = {0};
    int64_t a, b;

    (void)state;
    supply_mark(&site);
    aid_swap_whole(&p.swap, p.old, p.new, OP_CLOSE);
    assert_int_equal(supply_events(&site, MC_EVENT_CREDIT_IMPORTED, &a, &b), 1);
    assert_true(a == 4000 && b == 5000);
    assert_int_equal(supply_events(&site, MC_EVENT_CREDIT_ACCEPTED, &a, &b), 1);
    assert_true(a == 4000 && b == 0);
    assert_int_equal(supply_events(&site, MC_EVENT_ARMED, &a, &b), 1);
    assert_true(a == 0 && b == 0);
    assert_int_equal(mc_log_read(p.new->meter, MC_LOG_PURCHASES, 1, keep_purchase, &bought), 0);
    assert_int_equal(bought.n, 1);
    assert_int_equal(bought.last.account_no, 1001);
    assert_int_equal(bought.last.sequence, 0);
    assert_int_equal(bought.last.credited_l, 4000);
    assert_int_equal(bought.last.residual_l, 4000);
    assert_int_equal(bought.last.carrier, gasm_Carrier_CARRIER_CERTIFICATE);
    assert_memory_equal(bought.last.order_id.bytes, p.swap.terms.swap_case, MC_CASE_LEN);
    /* The customer presses the button, and has gas. */
    assert_true(p.new->meter->supply.armed);
    p.new->flow_l_per_h = 0;
    mc_meter_button(p.new->meter);
    aid_world_pass(p.new, 5000);
    assert_int_equal(p.new->valve.state, gasm_ValveState_VALVE_OPEN);
    aid_swap_pair_free(&p);
}

/* Before it is in service a meter takes the credit, and nothing arms. */
static void import_before_commissioning(void **state)
{
    struct aid_world *w = aid_swap_meter(AID_OTHER_ID, AID_ZERO_CLEAR);
    struct aid_swap s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L);
    struct supply_site site = {.w = w};

    (void)state;
    supply_mark(&site);
    aid_swap_certify(&s, 800);
    aid_swap_import(&s, w, OP_IMPORT);
    assert_int_equal(residual(w), 800);
    assert_int_equal(w->meter->core.life, gasm_LifeState_CLEARED);
    assert_int_equal(supply_events(&site, MC_EVENT_ARMED, NULL, NULL), 0);
    assert_false(w->meter->supply.armed);
    aid_world_free(w);
}

/* A locked meter, one that had credit, one that still owes: none arms by itself. */
static void import_that_does_not_arm(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct aid_world *w = aid_swap_meter(AID_OTHER_ID, AID_COMMISSION);
        struct aid_swap s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L);
        struct supply_site site = {.w = w};

        if (i == 0)
            supply_lock(&site, 1u << gasm_Lock_LOCK_TAMPER);
        else
            supply_credit(&site, i == 1 ? 1 : -800);
        supply_mark(&site);
        aid_swap_certify(&s, 800);
        aid_swap_import(&s, w, OP_IMPORT);
        assert_int_equal(supply_events(&site, MC_EVENT_CREDIT_IMPORTED, NULL, NULL), 1);
        assert_int_equal(supply_events(&site, MC_EVENT_ARMED, NULL, NULL), 0);
        assert_false(w->meter->supply.armed);
        aid_world_free(w);
    }
}

static void same_operation_imports_once(void **state)
{
    struct aid_world *w = aid_swap_meter(AID_OTHER_ID, AID_COMMISSION);
    struct aid_swap s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L);
    gasm_Response first;

    (void)state;
    aid_swap_certify(&s, 800);
    aid_swap_import(&s, w, OP_IMPORT);
    first = w->answer;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(aid_world_restart(w), 0);
        aid_swap_import(&s, w, OP_IMPORT);
        assert_int_equal(w->answer.receipt.size, first.receipt.size);
        assert_memory_equal(w->answer.receipt.bytes, first.receipt.bytes, first.receipt.size);
        assert_int_equal(totals(w)->imported_l, 800);
    }
    aid_world_free(w);
}

/* ---- once per case ---- */

static void ask(const struct aid_swap *s, struct aid_world *w, uint32_t op, gasm_Refusal want,
                uint32_t place)
{
    gasm_Request r = aid_request(w, gasm_Command_IMPORT_CREDIT, op);
    struct mc_core before;

    aid_swap_import_body(s, &r);
    aid_swap_greet(s, w);
    before = w->meter->core;
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.result, want);
    assert_int_equal(w->answer.reached, gasm_Stage_STAGE_VALIDATION);
    assert_int_equal(w->answer.place, place);
    assert_memory_equal(&w->meter->core.totals, &before.totals, sizeof before.totals);
    assert_memory_equal(w->meter->core.cases, before.cases, sizeof before.cases);
    assert_int_equal(w->meter->core.receipt_seq, before.receipt_seq);
    assert_false(w->meter->supply.armed);
    aid_world_disconnect(w);
}

/* Put the registers of the next account, as open_account would in a life that goes on. */
/* What the account before held has to be cleared first. */
static void open_next_account(struct aid_world *w, uint32_t op)
{
    gasm_Ticket t = aid_meter_ticket(w->meter_id, w->meter->core.active_epoch, 280);
    gasm_Request r = aid_request(w, gasm_Command_OPEN_ACCOUNT, op);
    gasm_Request clear = aid_request(w, gasm_Command_ZERO_CLEAR, op + 1000);

    t.account_no = w->meter->core.account_no + 1;
    r.which_body = gasm_Request_open_account_tag;
    r.body.open_account.account_no = t.account_no;
    aid_greet(w, &t);
    aid_expect(w, &r, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION);
    clear.which_body = gasm_Request_zero_clear_tag;
    clear.body.zero_clear.residual_l = mc_residual_l(&w->meter->core.totals);
    aid_expect(w, &clear, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_world_disconnect(w);
}

/* Eight cases for the life of the meter, each once, over accounts and restarts; the ninth is
 * refused. */
static void case_is_taken_once(void **state)
{
    struct aid_world *w = aid_swap_meter(AID_OTHER_ID, AID_ZERO_CLEAR);
    struct aid_swap s[MC_CASES + 1];

    (void)state;
    for (uint32_t i = 0; i <= MC_CASES; i++) {
        s[i] = aid_swap_of(AID_METER_ID, AID_OTHER_ID, i, CAP_L);
        aid_swap_certify(&s[i], 10 + (int64_t)i);
    }
    for (uint32_t i = 0; i < MC_CASES; i++) {
        aid_swap_import(&s[i], w, 200 + i);
        for (uint32_t k = 0; k <= i; k++)
            ask(&s[k], w, 300 + i * MC_CASES + k, gasm_Refusal_USED, 0);
        if (i % 3 == 1)
            assert_int_equal(aid_world_restart(w), 0);
        if (i % 3 == 2)
            open_next_account(w, 400 + i);
    }
    ask(&s[MC_CASES], w, 500, gasm_Refusal_OVERFLOW, gasm_SwapTerms_swap_case_tag);
    aid_world_free(w);
}

/* The case counts, not the certificate: another residual for it is not taken either. */
static void case_counts_not_the_certificate(void **state)
{
    struct aid_swap_pair p = aid_swap_pair_of(5000, CAP_L);

    (void)state;
    aid_swap_whole(&p.swap, p.old, p.new, OP_CLOSE);
    aid_world_pass(p.new, 60000);       /* no longer armed */
    aid_swap_certify(&p.swap, 6000);
    ask(&p.swap, p.new, OP_AGAIN, gasm_Refusal_USED, 0);
    p.swap.terms.cap_l++;
    aid_swap_settle(&p.swap);
    aid_swap_certify(&p.swap, 6000);
    ask(&p.swap, p.new, OP_AGAIN, gasm_Refusal_USED, 0);
    aid_swap_pair_free(&p);
}

/* ---- limits ---- */

static void balance_limit(void **state)
{
    struct aid_world *w = aid_swap_meter(AID_OTHER_ID, AID_COMMISSION);
    struct aid_swap s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, UINT64_MAX);
    struct supply_site site = {.w = w};

    (void)state;
    supply_set(&site, MC_PARAM_BALANCE_MAX, 20000);
    aid_swap_certify(&s, 20001);
    ask(&s, w, OP_IMPORT, gasm_Refusal_OVERFLOW, 0);
    /* What is refused stays good. */
    supply_credit(&site, -1);
    aid_swap_import(&s, w, OP_IMPORT);
    assert_int_equal(residual(w), 20000);
    /* Debt is taken above the limit too. */
    supply_credit(&site, 30000);
    s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 2, UINT64_MAX);
    aid_swap_certify(&s, -1000);
    aid_swap_import(&s, w, OP_AGAIN);
    assert_int_equal(residual(w), 29000);
    aid_world_free(w);
}

static void registers_have_a_ceiling(void **state)
{
    static const int64_t residuals_l[] = {INT64_MIN, -(INT64_C(1) << 48) - 1,
                                          (INT64_C(1) << 48) + 1, INT64_MAX};
    struct aid_world *w = aid_swap_meter(AID_OTHER_ID, AID_COMMISSION);
    struct aid_swap s;

    (void)state;
    for (size_t i = 0; i < sizeof residuals_l / sizeof residuals_l[0]; i++) {
        s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, UINT64_MAX);
        aid_swap_certify(&s, residuals_l[i]);
        ask(&s, w, OP_IMPORT, gasm_Refusal_RANGE, gasm_ImportCredit_certificate_tag);
    }
    aid_swap_certify(&s, -(INT64_C(1) << 48));
    aid_swap_import(&s, w, OP_IMPORT);
    s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 2, UINT64_MAX);
    aid_swap_certify(&s, -1);
    ask(&s, w, OP_AGAIN, gasm_Refusal_RANGE, gasm_ImportCredit_certificate_tag);
    aid_world_free(w);
}

/* ---- a life ---- */

/* The meter says that it is in this state, and which of the three commands it would take. */
static void expect_life(struct aid_world *w, const gasm_Ticket *like, gasm_LifeState life,
                        bool closes, bool imports, bool resets)
{
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);
    const gasm_Identity *said = &w->answer.body.identity;

    aid_greet(w, like);
    aid_expect(w, &who, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(said->state, life);
    assert_int_equal(said->allowed >> gasm_Command_CLOSE_ACCOUNT & 1, closes);
    assert_int_equal(said->allowed >> gasm_Command_IMPORT_CREDIT & 1, imports);
    assert_int_equal(said->allowed >> gasm_Command_RESET_TO_FACTORY & 1, resets);
    aid_world_disconnect(w);
}

static void reset(struct aid_world *w, uint32_t op, bool scrap)
{
    gasm_Ticket t = aid_meter_ticket(w->meter_id, w->meter->core.active_epoch, 281);
    gasm_Request r = aid_request(w, gasm_Command_RESET_TO_FACTORY, op);

    t.role = gasm_Role_BENCH;
    r.which_body = gasm_Request_reset_to_factory_tag;
    r.body.reset_to_factory.scrap = scrap;
    aid_greet(w, &t);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_world_disconnect(w);
}

/* The opening of a life under this epoch, with account 1000 + epoch. */
static struct aid_story story_of(struct aid_world *w, uint32_t epoch)
{
    struct aid_story story = aid_story_of(w);

    story.factory.installs_epoch = epoch;
    story.factory.serial = epoch * 10;
    story.account.epoch = epoch;
    story.account.serial = epoch * 10 + 1;
    story.account.account_no = 1000 + epoch;
    story.first_op = epoch * 1000;
    return story;
}

/* One life of a meter: from FACTORY until it is closed, with a case taken over on its way. */
static void live(struct aid_world *w, uint32_t epoch, struct aid_swap *in, struct aid_swap *out)
{
    struct aid_story story = story_of(w, epoch);
    const gasm_Ticket *t = &story.account;

    in->new_epoch = out->old_epoch = epoch;
    assert_int_equal(w->meter->core.life, gasm_LifeState_FACTORY);
    aid_story_steps(&story, AID_INSTALL_KEY, AID_ACTIVATE);
    expect_life(w, t, gasm_LifeState_KEYED, false, false, false);
    aid_story_step(&story, AID_OPEN_ACCOUNT);
    expect_life(w, t, gasm_LifeState_KEYED, false, false, false);
    aid_story_step(&story, AID_PURGE);
    expect_life(w, t, gasm_LifeState_PURGED, false, false, false);
    aid_story_step(&story, AID_ZERO_CLEAR);
    expect_life(w, t, gasm_LifeState_CLEARED, false, true, false);
    aid_story_steps(&story, AID_SET_CLOCK, AID_COMMISSION);
    expect_life(w, t, gasm_LifeState_IN_SERVICE, true, true, false);
    aid_swap_certify(in, 500);
    aid_swap_import(in, w, epoch * 1000 + 50);
    aid_swap_close(out, w, epoch * 1000 + 51);
    assert_int_equal(out->closed.residual_l, 500);
    assert_int_equal(out->closed.account_no, 1000 + epoch);
    expect_life(w, t, gasm_LifeState_CLOSED, false, false, true);
}

static void whole_life_twice_and_scrapped(void **state)
{
    struct aid_world *w = aid_world_new_named(21, 1, AID_OTHER_ID);
    struct aid_swap in = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L), first = in;
    struct aid_swap out = aid_swap_of(AID_OTHER_ID, AID_THIRD_ID, 2, CAP_L);
    struct aid_story third;
    gasm_Ticket t;

    (void)state;
    live(w, 1, &in, &out);
    reset(w, 60, false);
    assert_int_equal(aid_world_restart(w), 0);
    in = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 3, CAP_L);
    out = aid_swap_of(AID_OTHER_ID, AID_THIRD_ID, 4, CAP_L);
    live(w, 2, &in, &out);
    /* The case of the first life is known in the third. */
    reset(w, 61, false);
    assert_int_equal(w->meter->core.life, gasm_LifeState_FACTORY);
    third = story_of(w, 3);
    aid_story_steps(&third, AID_INSTALL_KEY, AID_COMMISSION);
    first.new_epoch = in.new_epoch = 3;
    aid_swap_certify(&first, 500);
    ask(&first, w, 62, gasm_Refusal_USED, 0);
    aid_swap_certify(&in, 500);
    ask(&in, w, 63, gasm_Refusal_USED, 0);
    out = aid_swap_of(AID_OTHER_ID, AID_THIRD_ID, 5, CAP_L);
    out.old_epoch = 3;
    aid_swap_close(&out, w, 64);
    reset(w, 65, true);
    assert_int_equal(aid_world_restart(w), 0);
    t = aid_meter_ticket(AID_OTHER_ID, 3, 282);
    t.role = gasm_Role_BENCH;
    expect_life(w, &t, gasm_LifeState_SCRAPPED, false, false, false);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_residual_and_cap),
        cmocka_unit_test(import_is_logged_and_arms),
        cmocka_unit_test(import_before_commissioning),
        cmocka_unit_test(import_that_does_not_arm),
        cmocka_unit_test(same_operation_imports_once),
        cmocka_unit_test(case_is_taken_once),
        cmocka_unit_test(case_counts_not_the_certificate),
        cmocka_unit_test(balance_limit),
        cmocka_unit_test(registers_have_a_ceiling),
        cmocka_unit_test(whole_life_twice_and_scrapped),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
