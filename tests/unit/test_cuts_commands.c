/* test_cuts_commands.c - the power is cut at every program unit and erase of everything that a
 * meter does (tests/aid/cuts.h); CUT=... in the environment replays one case. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/aid/cuts.h"

static bool is_whole_campaign(void)
{
    return getenv("TEST_ALL") != NULL;
}

/* One row on one geometry; a failure prints the line that replays it. */
static void sweep(const struct aid_cut_row *row, const struct aid_sweep *how, struct aid_swept *to)
{
    char name[160];

    if (aid_sweep(row, how, to))
        return;
    aid_cut_print(&to->failed, name, sizeof name);
    fail_msg("%s\nCUT=%s $BUILD/tests/test_cuts_commands", to->wrong, name);
}

static void sweep_rows(const struct aid_sweep *how)
{
    struct aid_swept all = {0};
    const struct aid_cut_row *row;

    for (size_t i = 0; (row = aid_cut_rows(i)) != NULL; i++) {
        struct aid_swept one = {0};
        struct aid_sweep its = *how;

        /* Grants take their time, and old meters much flash. */
        if (row->flow == AID_FLOW_PURGE && how->second == 1)
            its.second = 7;
        if (row == aid_cut_row("old_meter"))
            continue;
        sweep(row, &its, &one);
        all.cuts += one.cuts;
        if (one.worst_l > all.worst_l)
            all.worst_l = one.worst_l;
        if (how->stride == 1)
            print_message("# %s: %" PRIu64 " cuts\n", row->name, one.cuts);
    }
    print_message("# units of %" PRIu32 " bytes, %" PRIu32 " bytes free: %" PRIu64
                  " cuts survived, at most %" PRIu64 " litres lost in one\n",
                  how->unit, how->left, all.cuts, all.worst_l);
}

/* Each unit of each row is cut. */
static void test_each_unit(void **state)
{
    bool all = is_whole_campaign();

    (void)state;
    sweep_rows(&(struct aid_sweep){
        .unit = 16, .left = AID_CUT_WHOLE, .stride = 1, .every_mode = all, .second = all ? 1 : 61});
}

/* The other unit sizes. */
static void test_unit_sizes(void **state)
{
    bool all = is_whole_campaign();

    (void)state;
    for (uint32_t unit = 4; unit <= 8; unit += 4)
        sweep_rows(&(struct aid_sweep){.unit = unit,
                                       .left = AID_CUT_WHOLE,
                                       .stride = all ? 1 : 60 / unit,
                                       .every_mode = all,
                                       .second = all ? 61 : 0});
}

/* The journal turns to its next sector on the way: in the session, in the command, at its end, or
 * in the recovery. */
static void test_turning(void **state)
{
    static const uint32_t left[] = {0, 1760, 2100, 16, 32, 400, 1776, 2400};
    bool all = is_whole_campaign();

    (void)state;
    for (size_t i = 0; i < (all ? sizeof left / sizeof left[0] : 3); i++)
        sweep_rows(&(struct aid_sweep){.unit = 16,
                                       .left = left[i],
                                       .stride = all ? 1 : 43,
                                       .second = all ? 401 : 0});
}

/* What a cut left becomes whole at the very start after one whose own first units were cut. And a
 * grant wants much room: when the turn that it began was cut short, much is written before the next
 * one. */
static void test_cut_twice(void **state)
{
    static const struct {
        const char *row;
        uint32_t unit, left, units, second, seconds;
    } scenes[] = {
        {"purge_stop", 16, 4000, 16, 1, 2},
        {"open_account", 4, AID_CUT_WHOLE, 0, 1, 2},
        {"commission", 8, AID_CUT_WHOLE, 0, 1, 2},
        {"zero_clear", 4, 2200, 200, 1, 2},
        {"self_test", 16, AID_CUT_WHOLE, 0, 6, 0},
    };
    struct aid_swept swept = {0};

    (void)state;
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++)
        sweep(aid_cut_row(scenes[i].row),
              &(struct aid_sweep){.unit = scenes[i].unit,
                                  .left = scenes[i].left,
                                  .units = scenes[i].units,
                                  .stride = 1,
                                  .ripens_only = true,
                                  .second = scenes[i].second,
                                  .seconds = is_whole_campaign() ? 0 : scenes[i].seconds},
              &swept);
    print_message("# cut again at once: %" PRIu64 " cuts survived\n", swept.cuts);
}

/* The largest carry-over that there is. */
static void test_old_meter(void **state)
{
    const struct aid_cut_row *row = aid_cut_row("old_meter");
    bool all = is_whole_campaign();
    struct aid_swept swept = {0};

    (void)state;
    sweep(row,
          &(struct aid_sweep){.unit = 16, .left = 1760, .stride = all ? 5 : 97, .every_mode = all},
          &swept);
    print_message("# an old meter that turns: %" PRIu64 " cuts survived\n", swept.cuts);
    assert_true(swept.cuts > 20);
}

static int replay(const char *text)
{
    struct aid_cut_case c;
    const char *wrong;
    uint32_t hit = 0;
    struct aid_scene *s;

    if (!aid_cut_parse(text, &c)) {
        (void)fprintf(stderr, "CUT: no such case: %s\n", text);
        return 2;
    }
    s = aid_scene_new(c.row, c.unit, c.left, AID_FAULT_NONE, &wrong);
    if (wrong == NULL)
        wrong = aid_scene_cut(s, &c, &hit);
    (void)printf("%s: %s, %" PRIu32 " cuts\n", text, wrong == NULL ? "good" : wrong, hit);
    aid_scene_free(s);
    return wrong != NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_unit),
        cmocka_unit_test(test_unit_sizes),
        cmocka_unit_test(test_turning),
        cmocka_unit_test(test_cut_twice),
        cmocka_unit_test(test_old_meter),
    };

    if (getenv("CUT") != NULL)
        return replay(getenv("CUT"));
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
