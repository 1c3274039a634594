/* test_office_story.c - the whole of head office with real meters, played from seeds.
 *
 * STORY_SEED=n plays one seed (STORY_SEEDS=n so many from it on), STORY_STEPS=n so many operations,
 * STORY_TRACE=1 tells each. TEST_ALL=1 plays 600 seeds: each takes 1.5 s of one core, all of them a
 * quarter of an hour.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/story.h"

#define STEPS 58
#define SEEDS 10
#define ALL_SEEDS 600
#define AUDIT_EVERY 30

static struct story story;
static bool is_playing;

static unsigned number_of(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void play(uint64_t seed, unsigned steps)
{
    is_playing = true;
    story_begin(&story, seed, steps);
    for (unsigned i = 1; i <= steps; i++) {
        story_step(&story);
        if (i % AUDIT_EVERY == 0)
            site_audit(&story.s);
    }
    story_finish(&story);
    is_playing = false;
    story_end(&story);
}

static int tell_how_to_replay(void **state)
{
    (void)state;
    if (is_playing)
        (void)printf("# replay: STORY_SEED=%llu STORY_STEPS=%u STORY_TRACE=1 test_office_story "
                     "(operation %u)\n",
                     (unsigned long long)story.seed, story.steps, story.at);
    return 0;
}

static void every_story_ends_well(void **state)
{
    const unsigned first = number_of("STORY_SEED", 1), steps = number_of("STORY_STEPS", STEPS),
                   n = getenv("STORY_SEED") != NULL ? 1
                       : getenv("TEST_ALL") != NULL ? ALL_SEEDS
                                                    : SEEDS;

    (void)state;
    for (unsigned seed = first; seed < first + number_of("STORY_SEEDS", n); seed++)
        play(seed, steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_story_ends_well, tell_how_to_replay),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
