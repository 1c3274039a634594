/* test_cuts_swap.c - whole swaps with power cuts at both meters: no litre is lost or doubled on the
 * way from one to the other, whenever the power fails. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "tests/aid/cuts.h"
#include "tests/aid/swap_aid.h"

#define SOLD_L 500
#define CAP_L 100000
#define UNIT 16
#define OPEN_WATCH_MS 125000    /* the leak watch after opening is over by then */

/* Both meters, the case between them, and what all litres sum up to. */
struct pair {
    struct aid_scene *old, *new;
    struct aid_swap swap;
    uint64_t old_l, new_l;      /* what was measured before the scene, on no account's bill here */
    int64_t whole_l;
    uint64_t instants;          /* that were looked at */
};

static struct pair pair;

static bool is_whole_campaign(void)
{
    return getenv("TEST_ALL") != NULL;
}

/* ---- rows ---- */

/* The old meter: in service, the valve open, gas in use. */
static void open_supply(struct aid_life *l)
{
    struct aid_world *w = l->w;
    gasm_Request r;

    w->flow_l_per_h = 0;
    aid_swap_credit(w, SOLD_L, 0);
    aid_greet(w, &l->ticket);
    r = aid_request(w, gasm_Command_VALVE_ARM, 800);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_world_disconnect(w);
    mc_meter_button(w->meter);
    aid_world_leap(w, OPEN_WATCH_MS);
    w->flow_l_per_h = 3600;
    aid_world_pass(w, 3400);
    assert_int_equal(w->valve.state, gasm_ValveState_VALVE_OPEN);
    l->ticket = aid_swap_ticket(&pair.swap, w->meter_id);
}

static void make_close(struct aid_life *l, gasm_Request *r)
{
    (void)l;
    aid_swap_close_body(&pair.swap, r);
}

static void swap_in(struct aid_life *l)
{
    l->w->flow_l_per_h = 0;
    l->ticket = aid_swap_ticket(&pair.swap, l->w->meter_id);
}

/* The technician carries what the old meter's answer said. */
static void make_import(struct aid_life *l, gasm_Request *r)
{
    (void)l;
    aid_swap_import_body(&pair.swap, r);
}

static const struct aid_cut_row closing = {
    "close_account", AID_COMMISSION, open_supply, make_close, NULL, NULL,
    gasm_Command_CLOSE_ACCOUNT, MC_EVENT_ACCOUNT_CLOSED, 1, 0, AID_FLOW_ANY, true, AID_METER_ID};
static const struct aid_cut_row importing = {
    "import_credit", AID_COMMISSION, swap_in, make_import, NULL, NULL,
    gasm_Command_IMPORT_CREDIT, MC_EVENT_CREDIT_IMPORTED, 1, 1, AID_FLOW_NONE, true, AID_OTHER_ID};

/* ---- what is true at every instant ---- */

static const gasm_Totals *totals_of(const struct aid_scene *s)
{
    return &s->life.w->meter->core.totals;
}

/* Litres that the account was billed since the scene. */
static int64_t used_l(const gasm_Totals *t, uint64_t before_l)
{
    return (int64_t)(t->index_l - t->after_closing_l - before_l);
}

static int64_t sum_l(void)
{
    const gasm_Totals *o = totals_of(pair.old), *n = totals_of(pair.new);

    return mc_residual_l(o) + used_l(o, pair.old_l) + (int64_t)(o->exported_l - n->imported_l) +
           mc_residual_l(n) + used_l(n, pair.new_l);
}

static const char *judge_pair(void)
{
    const gasm_Totals *o = totals_of(pair.old), *n = totals_of(pair.new);

    pair.instants++;
    if (n->imported_l > o->exported_l)
        return "more was imported than exported";
    if (n->imported_l != 0 && n->imported_l != o->exported_l)
        return "a part of the certificate was imported";
    return sum_l() == pair.whole_l ? NULL : "litres of the pair changed";
}

static const char *witness(struct aid_life *l)
{
    (void)l;
    return judge_pair();
}

/* ---- a swap ---- */

/* Where the power fails: unit and way at each meter, and again after the restart. */
struct swap_cut {
    int64_t old_at, new_at;
    enum aid_cut old_mode, new_mode;
    int64_t old_second, new_second;
    bool new_first;             /* the new meter's first cut comes before the old one is closed */
};

static const char *begin(struct aid_scene *s, int64_t at, enum aid_cut mode, int64_t second)
{
    struct aid_life *l = aid_scene_back(s);

    l->w->flash.cut = mode;
    l->w->flash.cut_in = at;
    l->cut_again = second;
    l->witness = witness;
    return NULL;
}

/* A session at a meter that changes nothing: what is planned may cut it all the same. */
static const char *look_in(struct aid_life *l)
{
    const struct aid_cut_row *row = l->row;
    struct aid_cut_row looking = *row;
    const char *wrong;

    looking.act = aid_life_prove;
    looking.command = gasm_Command_COMMAND_NONE;
    looking.event = MC_EVENT_NONE;
    l->row = &looking;
    wrong = aid_life_run(l);
    l->row = row;
    l->acknowledged = false;
    return wrong;
}

static const char *close_old(void)
{
    struct aid_life *l = &pair.old->life;
    const char *wrong = aid_life_run(l);
    gasm_Response answer;

    if (wrong != NULL)
        return wrong;
    if (mc_pb_decode(gasm_Response_fields, (struct gf_span){l->answer, l->answer_n}, &answer) != 0)
        return "the closing was not answered";
    aid_swap_take(&pair.swap, &answer);
    if (l->w->meter->core.life != gasm_LifeState_CLOSED ||
        pair.swap.closed.residual_l != (int64_t)totals_of(pair.old)->exported_l ||
        mc_residual_l(totals_of(pair.old)) != 0)
        return "the certificate is not what the old meter gave away";
    return judge_pair();
}

/* The same certificate under another operation: used. */
static const char *import_again(void)
{
    struct aid_life *l = &pair.new->life;
    gasm_Request r = aid_request(l->w, gasm_Command_IMPORT_CREDIT, 990);
    uint64_t imported_l = totals_of(pair.new)->imported_l;

    aid_swap_import_body(&pair.swap, &r);
    if (aid_life_greet(l, &l->ticket) != 0 || aid_world_ask(l->w, &r) != 0)
        return "no answer to a second import";
    if (l->w->answer.result != gasm_Refusal_USED ||
        totals_of(pair.new)->imported_l != imported_l)
        return "a certificate was taken twice";
    aid_world_disconnect(l->w);
    return NULL;
}

static const char *swap_with(const struct swap_cut *c)
{
    const char *wrong = begin(pair.old, c->old_at, c->old_mode, c->old_second);

    if (wrong == NULL)
        wrong = begin(pair.new, c->new_at, c->new_mode, c->new_second);
    if (wrong == NULL && c->new_first)
        wrong = look_in(&pair.new->life);
    if (wrong == NULL)
        wrong = close_old();
    if (wrong == NULL)
        wrong = aid_life_run(&pair.new->life);
    if (wrong == NULL)
        wrong = judge_pair();
    if (wrong == NULL && totals_of(pair.new)->imported_l != totals_of(pair.old)->exported_l)
        wrong = "the certificate was not taken whole";
    /* Both once more: the same certificate, the same answer, after what was left weak has shown. */
    if (wrong == NULL)
        wrong = aid_life_end(&pair.old->life, 2);
    if (wrong == NULL)
        wrong = aid_life_end(&pair.new->life, 2);
    if (wrong == NULL)
        wrong = import_again();
    return wrong == NULL ? judge_pair() : wrong;
}

static void insist(const struct swap_cut *c)
{
    const char *wrong = swap_with(c);

    if (wrong != NULL)
        fail_msg("%s\nCUT=%" PRId64 ",%d,%" PRId64 ",%" PRId64 ",%d,%" PRId64
                 ",%d $BUILD/tests/test_cuts_swap",
                 wrong, c->old_at, (int)c->old_mode, c->old_second, c->new_at, (int)c->new_mode,
                 c->new_second, c->new_first);
}

/* ---- */

static int make_pair(void **state)
{
    const char *wrong;

    (void)state;
    pair = (struct pair){.swap = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L)};
    pair.old = aid_scene_new(&closing, UNIT, AID_CUT_WHOLE, AID_FAULT_NONE, &wrong);
    assert_null(wrong);
    aid_swap_certify(&pair.swap, SOLD_L - 20);      /* any, to count the new meter's units */
    pair.new = aid_scene_new(&importing, UNIT, AID_CUT_WHOLE, AID_FAULT_NONE, &wrong);
    assert_null(wrong);
    pair.old->life.knows_after = pair.new->life.knows_after = false;
    (void)aid_scene_back(pair.old);
    (void)aid_scene_back(pair.new);
    pair.old_l = totals_of(pair.old)->index_l;
    pair.new_l = totals_of(pair.new)->index_l;
    pair.whole_l = sum_l();
    return 0;
}

static int end_pair(void **state)
{
    (void)state;
    aid_scene_free(pair.old);
    aid_scene_free(pair.new);
    return 0;
}

static void test_uncut(void **state)
{
    const struct swap_cut none = {.old_at = -1, .new_at = -1, .old_second = -1, .new_second = -1};

    (void)state;
    insist(&none);
    /* Gas was in use: some litres left the account on the way. */
    assert_in_range(totals_of(pair.new)->imported_l, 1, SOLD_L - 2);
    assert_int_equal(mc_residual_l(totals_of(pair.new)), totals_of(pair.new)->imported_l);
}

/* Every unit of either meter together with some, or with every one, of the other's. */
static void test_cross(void **state)
{
    const int64_t old_units = (int64_t)pair.old->units, new_units = (int64_t)pair.new->units;
    const int64_t stride = is_whole_campaign() ? 1 : 3;
    const int rounds = is_whole_campaign() ? AID_CUTS * AID_CUTS : 1;
    uint64_t swaps = 0;

    (void)state;
    pair.instants = 0;
    for (int64_t i = 0; i < old_units; i++)
        for (int64_t j = i % stride; j < new_units; j += stride)
            for (int round = 0; round < rounds; round++, swaps++) {
                struct swap_cut c = {
                    .old_at = i,
                    .new_at = j,
                    .old_mode = (enum aid_cut)((i + round) % AID_CUTS),
                    .new_mode = (enum aid_cut)((i / 2 + j + round / AID_CUTS) % AID_CUTS),
                    .old_second = (i + j) % 3 == 0 ? (i + j) % 41 : -1,
                    .new_second = (i + j) % 3 == 1 ? (i * 7 + j) % 41 : -1,
                    .new_first = (i + j + round) % 2 == 0,
                };

                insist(&c);
            }
    print_message("# %" PRIu64 " swaps with both meters cut (%" PRId64 " and %" PRId64
                  " units), %" PRIu64 " instants\n",
                  swaps, old_units, new_units, pair.instants);
}

static int replay(const char *text)
{
    struct swap_cut c;
    int old_mode, new_mode, new_first;
    const char *wrong;

    if (sscanf(text, "%" SCNd64 ",%d,%" SCNd64 ",%" SCNd64 ",%d,%" SCNd64 ",%d", &c.old_at,
               &old_mode, &c.old_second, &c.new_at, &new_mode, &c.new_second, &new_first) != 7)
        return 2;
    c.old_mode = (enum aid_cut)old_mode;
    c.new_mode = (enum aid_cut)new_mode;
    c.new_first = new_first != 0;
    (void)make_pair(NULL);
    wrong = swap_with(&c);
    (void)printf("%s: %s\n", text, wrong == NULL ? "good" : wrong);
    (void)end_pair(NULL);
    return wrong != NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uncut),
        cmocka_unit_test(test_cross),
    };

    if (getenv("CUT") != NULL)
        return replay(getenv("CUT"));
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_pair, end_pair);
}
