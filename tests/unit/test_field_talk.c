/* test_field_talk.c - a talk with one meter whose change is interrupted anywhere: settled before
 * anything else, with one effect. */
#include "tests/aid/field_talk.h"

/* ---- the program is killed ---- */

enum death { BEFORE_SAVE, AFTER_SAVE, BEFORE_EVENT, AFTER_EVENT, DEATHS };

static void plan_death(struct field_world *w, enum death death, uint64_t n)
{
    w->fate.before_save = death == BEFORE_SAVE ? n : 0;
    w->fate.after_save = death == AFTER_SAVE ? n : 0;
    w->fate.before_event = death == BEFORE_EVENT ? n : 0;
    w->fate.after_event = death == AFTER_EVENT ? n : 0;
}

/* It dies at n, and the next one too while it settles what is left (`twice`); then the same is
 * asked, or something else. False: it was not to die. */
static bool killed_at(const struct change *c, enum death death, uint64_t n, bool again, bool twice)
{
    struct scene s = scene_new(c);
    bool died, stored = false;
    uint8_t op[GF_UUID_LEN];
    unsigned had = 0;

    begin(&s.p, s.w);
    plan_death(s.w, death, n);
    assert_int_equal(ask(&s.p, s.line), 0);
    (void)rest(&s.p);
    died = s.w->fate.dead;
    if (!died)
        s.w->fate = (struct field_fate){0};
    for (int i = 0; died && i < 1 + twice; i++) {
        const struct step_row *row = field_store_step(s.w->store, s.name);

        end(&s.p);
        had = effects(&s, op);
        stored = row != NULL && row->state == STEP_DONE;
        begin(&s.p, s.w);
        if (stored)             /* it knows how it ended: asked again it would be another one */
            break;
        if (i < (int)twice)
            plan_death(s.w, death, 1 + n % 7);
        assert_int_equal(ask(&s.p, again ? s.line : other(&s)), 0);
        (void)rest(&s.p);
    }
    if (s.w->fate.dead) {
        end(&s.p);
        begin(&s.p, s.w);
        assert_int_equal(ask(&s.p, again ? s.line : other(&s)), 0);
    }
    if (!stored && rest(&s.p) != RUN_ASK)
        fail_msg("%s killed at %d %d: %s", s.name, death, (int)n, run_view(s.p.run)->fail.detail);
    if (!died || stored || again)
        check_once(&s);
    else
        check_settled(&s, had);
    scene_end(&s);
    return died;
}

static void every_death(bool again, bool twice)
{
    for (size_t i = 0; i < CHANGES; i++) {
        for (int death = 0; death < DEATHS; death++) {
            uint64_t n = 1;

            while (killed_at(&changes[i], (enum death)death, n, again, twice))
                n++;
            assert_in_range(n, 3, 200);     /* it died at several places, and not for ever */
        }
    }
}

static void killed_and_asked_again(void **state)
{
    (void)state;
    every_death(true, false);
}

static void killed_and_something_else_asked(void **state)
{
    (void)state;
    every_death(false, false);
}

static void killed_while_settling(void **state)
{
    (void)state;
    every_death(true, true);
    every_death(false, true);
}

/* ---- the link is lost, somebody cancels ---- */

enum way_on { RETRY, ASK_AGAIN, ASK_OTHER, WAYS };

static bool troubled(const struct change *c, enum trouble trouble, enum way_on way, uint64_t n)
{
    struct scene s = scene_new(c);
    struct gf_fail why = {0};
    uint8_t op[GF_UUID_LEN];
    unsigned had = 0;
    bool there;

    begin(&s.p, s.w);
    done(&s.p, "identify");
    assert_false(talk_stop(s.p.run));       /* nothing is under way */
    there = trouble_at(&s, trouble, n);
    if (there && trouble == LEFT) {
        while (run_view(s.p.run)->phase == RUN_WORK)
            turn(&s.p);
        assert_int_equal(run_view(s.p.run)->phase, RUN_LEFT);
        had = effects(&s, op);
        assert_int_equal(talk_start(s.p.run, AID_METER_ID, NULL, NULL, &why), 0);
        assert_int_equal(ask(&s.p, way == ASK_OTHER ? other(&s) : s.line), 0);
    } else if (there && rest(&s.p) == RUN_STOPPED) {
        if (trouble == CANCELLED)
            assert_int_equal(run_view(s.p.run)->fail.code, GF_E_CANCELLED);
        had = effects(&s, op);
        s.w->link.away = false;
        assert_int_equal(way == RETRY       ? run_retry(s.p.run)
                         : way == ASK_OTHER ? ask(&s.p, other(&s))
                                            : ask(&s.p, s.line), 0);
    }
    if (rest(&s.p) != RUN_ASK)
        fail_msg("%s: %d at %d, then %d: %s", s.name, trouble, (int)n, way,
                 run_view(s.p.run)->fail.detail);
    if (there && way == ASK_OTHER)
        check_settled(&s, had);
    else
        check_once(&s);
    scene_end(&s);
    return there;
}

static void every_trouble(enum trouble trouble)
{
    for (size_t i = 0; i < CHANGES; i++) {
        for (int way = 0; way < WAYS; way++) {
            uint64_t n = 1;

            while (troubled(&changes[i], trouble, (enum way_on)way, n))
                n++;
            assert_in_range(n, 2, 100);
        }
    }
}

static void link_lost(void **state)
{
    (void)state;
    every_trouble(LOST);
}

static void cancelled(void **state)
{
    (void)state;
    every_trouble(CANCELLED);
}

static void left(void **state)
{
    (void)state;
    every_trouble(LEFT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_and_asked_again),
        cmocka_unit_test(killed_and_something_else_asked),
        cmocka_unit_test(killed_while_settling),
        cmocka_unit_test(link_lost),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(left),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
