/* test_cuts.c - the whole opening of an account with the power cut at every program unit and
 * erase. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/meter_story.h"

static bool is_whole_campaign(void)
{
    return getenv("TEST_ALL") != NULL;
}

/* Fill the present sector with index records until `left` bytes are free. */
static void fill_sector(struct aid_world *w, uint32_t left)
{
    while (mc_journal_free(&w->meter->journal) > left)
        mc_meter_pulse(w->meter, 10);
}

/* The whole opening with the power cut at one unit, and perhaps a second time in the recovery. */
static bool open_with_cut(bool turns, uint32_t left, enum aid_cut cut, int64_t at, int64_t second)
{
    struct aid_world *w = aid_world_new_flash(5, 1, AID_FLASH_SECTOR, 2, 16);
    struct aid_story s;
    bool was_cut;

    fill_sector(w, left);
    s = aid_story_of(w);
    s.purge_l = 3;
    w->flash.cut = cut;
    w->flash.cut_in = at;
    s.cut_again = second;
    aid_story_steps(&s, AID_INSTALL_KEY, AID_COMMISSION);
    was_cut = w->flash.cut_in < 0;
    w->flash.cut_in = -1;
    aid_story_check(&s);
    assert_true(w->meter->journal.generation > 1 || !turns);
    for (int i = 0; i < 2; i++) {       /* what was left weak shows itself */
        assert_int_equal(aid_world_restart(w), 0);
        aid_story_check(&s);
    }
    aid_world_free(w);
    return was_cut;
}

static void sweep_opening(uint32_t left, int64_t stride)
{
    uint32_t places = 0;
    int64_t at = 0;
    bool more = true;

    for (; more; at += stride)
        for (enum aid_cut cut = 0; cut < AID_CUTS; cut++) {
            /* Each place is cut in one way at least; in the whole campaign in all, and in the
             * recovery again. */
            if (!is_whole_campaign() && cut != (enum aid_cut)(at % AID_CUTS))
                continue;
            more = open_with_cut(left < AID_FLASH_SECTOR, left, cut, at,
                                 is_whole_campaign() ? (at * 7 + cut) % 60 : -1);
            places++;
        }
    print_message("# %u openings with a power cut, %u bytes free at first\n", places, left);
    assert_true(places > 40);
}

static void test_cut_opening(void **state)
{
    (void)state;
    sweep_opening(AID_FLASH_SECTOR, 1);
}

/* The same where the journal turns to its next sector on the way. */
static void test_cut_opening_turning(void **state)
{
    (void)state;
    for (uint32_t left = 1600; left < 5000; left += 500)
        sweep_opening(left, is_whole_campaign() ? 1 : 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_opening),
        cmocka_unit_test(test_cut_opening_turning),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
