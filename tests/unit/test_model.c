/* test_model.c - random lives of a meter, step by step against a reference model of its accounts.
 *
 * MODEL_SEED=n plays the one sequence of that seed, MODEL_STEPS=... the one that is written there,
 * MODEL_COUNT=n so many from seed 1; TEST_ALL=1 a hundred thousand. A sequence that fails is made
 * as short as it gets, and printed with the line that replays it.
 */
#include "tests/aid/model_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define QUICK 3000
#define ALL 100000
#define WHY 240

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* Print what went wrong, and the shortest sequence that goes wrong. */
static void explain(struct aid_players *p, struct aid_sequence s)
{
    char why[WHY];
    size_t at, was = s.n;

    aid_sequence_shrink(p, &s);
    (void)aid_play(p, &s, why, sizeof why, &at);
    printf("# %s, at step %zu of %zu (shortened from %zu):\n", why, at, s.n, was);
    aid_sequence_print(&s, stdout);
    printf("# replay: MODEL_STEPS=");
    aid_sequence_write(&s, stdout);
    printf("\n");
    fflush(stdout);
}

/* True when it holds. */
static bool play(struct aid_players *p, const struct aid_sequence *s, uint64_t seed)
{
    char why[WHY];
    size_t at;

    if (aid_play(p, s, why, sizeof why, &at))
        return true;
    printf("# MODEL_SEED=%llu: step %zu: %s\n", (unsigned long long)seed, at, why);
    explain(p, *s);
    return false;
}

static void print_counts(const char *what, const uint64_t *counts, size_t n)
{
    print_message("# %s:", what);
    for (size_t i = 1; i < n; i++)
        print_message(" %zu: %llu", i, (unsigned long long)counts[i]);
    print_message("\n");
}

/* Every command was taken, every state lived in, and what else a life may bring. */
static void check_tally(const struct aid_tally *t)
{
    size_t n;
    const struct aid_rule *rules = aid_rules(&n);

    print_counts("commands taken", t->taken, AID_COMMANDS);
    print_counts("refused with", t->refused, AID_REFUSALS);
    print_message("# %llu presses opened, %llu steps with a lock, %llu resets, %llu turns\n",
                  (unsigned long long)t->presses, (unsigned long long)t->locks,
                  (unsigned long long)t->restarts, (unsigned long long)t->turns);
    for (size_t i = 0; i < n; i++)
        assert_true(t->taken[rules[i].id] > 0 || (rules[i].needs & NEVER) != 0);
    for (size_t i = gasm_LifeState_FACTORY; i <= gasm_LifeState_SCRAPPED; i++)
        assert_true(t->lives[i] > 0);
    assert_true(t->presses > 0 && t->locks > 0 && t->restarts > 0 && t->turns > 0);
}

static void test_lives(void **state)
{
    const char *steps = getenv("MODEL_STEPS");
    const uint64_t one = number_of("MODEL_SEED", 0);
    uint64_t last = number_of("MODEL_COUNT", getenv("TEST_ALL") != NULL ? ALL : QUICK);
    uint64_t sequences = 0, played = 0, by_radio = 0, failed = 0;
    static struct aid_players players;
    struct aid_sequence s;

    (void)state;
    aid_players_open(&players);
    if (steps != NULL) {
        assert_true(aid_sequence_read(steps, &s));
        aid_sequence_print(&s, stdout);
        assert_true(play(&players, &s, 0));
        last = 0;
    }
    if (one != 0)
        last = one;
    for (uint64_t seed = one != 0 ? one : 1; seed <= last && failed == 0; seed++) {
        aid_sequence_make(seed, &s);
        failed += !play(&players, &s, seed);
        sequences++;
        played += s.n;
        by_radio += s.radio;
    }
    print_message("# %llu sequences, %llu of them through the link, %llu steps\n",
                  (unsigned long long)sequences, (unsigned long long)by_radio,
                  (unsigned long long)played);
    aid_players_close(&players);
    assert_int_equal(failed, 0);
    if (last >= QUICK && one == 0)
        check_tally(&players.tally);
}

/* A model that is wrong about one thing differs from the meter; what shows it is made short, can be
 * written down and read, and holds once the model is right. */
static void test_shrinking(void **state)
{
    static struct aid_players players;
    struct aid_sequence s, again;
    char text[2000], why[WHY];
    uint64_t seed = 0;
    size_t at, n;
    FILE *file = tmpfile();

    (void)state;
    aid_players_open(&players);
    players.planted = true;
    do {
        assert_true(++seed < QUICK);
        aid_sequence_make(seed, &s);
    } while (aid_play(&players, &s, why, sizeof why, &at));
    print_message("# seed %llu, %zu steps: %s\n", (unsigned long long)seed, s.n, why);
    aid_sequence_shrink(&players, &s);
    aid_sequence_print(&s, stdout);
    /* A token, and one that says less. */
    assert_int_equal(s.n, 4);
    assert_non_null(file);
    aid_sequence_write(&s, file);
    rewind(file);
    n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    (void)fclose(file);
    assert_true(aid_sequence_read(text, &again));
    assert_int_equal(again.n, s.n);
    assert_memory_equal(again.steps, s.steps, s.n * sizeof s.steps[0]);
    assert_false(aid_play(&players, &again, why, sizeof why, &at));
    assert_int_equal(at, s.n);
    players.planted = false;
    assert_true(aid_play(&players, &again, why, sizeof why, &at));
    aid_players_close(&players);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_shrinking),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
