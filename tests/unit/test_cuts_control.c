/* test_cuts_control.c - the control of the power cuts: an NVM that breaks its word must fail the
 * same run that a good one passes, and so must a client or a meter that forgets. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/aid/cuts.h"

/* The run: some rows, each unit in every way, and near the end of a sector, where it turns. */
static void run(enum aid_fault fault, struct aid_swept *ret)
{
    static const char *const names[] = {"open_account", "commission", "purge_stop"};
    static const uint32_t left[] = {AID_CUT_WHOLE, 2100};
    const uint32_t strides[] = {1, 23};

    *ret = (struct aid_swept){0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (size_t k = 0; k < sizeof left / sizeof left[0]; k++) {
            struct aid_sweep how = {.unit = 16,
                                    .left = left[k],
                                    .stride = strides[k],
                                    .every_mode = true,
                                    .fault = fault};

            if (!aid_sweep(aid_cut_row(names[i]), &how, ret))
                return;
        }
}

static void test_good(void **state)
{
    struct aid_swept swept;

    (void)state;
    run(AID_FAULT_NONE, &swept);
    assert_null(swept.wrong);
    print_message("# an NVM that keeps its word: %" PRIu64 " cuts survived\n", swept.cuts);
    assert_true(swept.cuts > 500);
}

static void caught(enum aid_fault fault, const char *name)
{
    struct aid_swept swept;
    char where[160];

    run(fault, &swept);
    if (swept.wrong == NULL)
        fail_msg("%s was not caught in %" PRIu64 " cuts", name, swept.cuts);
    aid_cut_print(&swept.failed, where, sizeof where);
    print_message("# %s: caught after %" PRIu64 " cuts (%s): %s\n", name, swept.cuts, where,
                  swept.wrong);
}

static void test_reversed(void **state)
{
    (void)state;
    caught(AID_FAULT_REVERSED, "a record's last unit first");
}

static void test_short(void **state)
{
    (void)state;
    caught(AID_FAULT_SHORT, "a record's last unit left out");
}

static void test_late(void **state)
{
    (void)state;
    caught(AID_FAULT_LATE, "programming later than it says");
}

static void test_deaf(void **state)
{
    (void)state;
    caught(AID_FAULT_DEAF, "the copy that a start makes forgotten");
}

static void test_no_erase(void **state)
{
    (void)state;
    caught(AID_FAULT_NO_ERASE, "an erase that does nothing");
}

/* The watch on keys and nonces: the same bytes again are fine, anything else is not. */
static void test_watch(void **state)
{
    static struct aid_watch watch;
    const uint8_t key[MC_AEAD_KEY_LEN] = {1};
    uint8_t nonce[MC_NONCE_LEN] = {2}, sealed[2 + MC_AEAD_TAG_LEN];
    const struct gf_span ad = {key, 3}, one = {(const uint8_t *)"a1", 2},
                         two = {(const uint8_t *)"a2", 2};
    const struct mc_crypto *c = &watch.port;

    (void)state;
    aid_watch_init(&watch);
    assert_int_equal(c->seal(c->ctx, key, nonce, ad, one, sealed), 0);
    assert_int_equal(c->seal(c->ctx, key, nonce, ad, one, sealed), 0);
    nonce[0]++;
    assert_int_equal(c->seal(c->ctx, key, nonce, ad, two, sealed), 0);
    assert_null(watch.wrong);
    assert_int_equal(watch.n, 2);
    assert_int_equal(c->seal(c->ctx, key, nonce, ad, one, sealed), 0);
    assert_non_null(watch.wrong);
    aid_watch_back(&watch, 1);
    assert_int_equal(c->seal(c->ctx, key, nonce, ad, one, sealed), 0);
    assert_null(watch.wrong);
}

/* A life in which something was forgotten is not judged good. */
static void test_judge(void **state)
{
    const char *wrong;
    struct aid_scene *s =
        aid_scene_new(aid_cut_row("commission"), 16, AID_CUT_WHOLE, AID_FAULT_NONE, &wrong);
    struct aid_life *l = aid_scene_back(s);
    struct mc_core *core = &l->w->meter->core;

    (void)state;
    assert_null(wrong);
    assert_null(aid_life_judge(l));
    l->acknowledged = true;
    assert_string_equal(aid_life_judge(l), "what was acknowledged is lost");
    l->acknowledged = false;
    core->totals.index_l++;
    assert_string_equal(aid_life_judge(l), "litres were created");
    core->totals.index_l--;
    l->pulsed_l = 11;
    assert_string_equal(aid_life_judge(l), "more litres were lost than one cut may take");
    l->pulsed_l = 0;
    core->totals.cleared_l++;
    assert_string_equal(aid_life_judge(l), "the registers are neither the old nor the new ones");
    core->totals.cleared_l--;
    core->last_hash[0] ^= 1;
    assert_string_equal(aid_life_judge(l), "the last receipt is not the meter's last");
    core->last_hash[0] ^= 1;
    core->event_seq++;
    assert_string_equal(aid_life_judge(l), "the end of a log is missing");
    core->event_seq--;
    core->starts++;
    assert_string_equal(aid_life_judge(l), "starts were not logged once each");
    core->starts--;
    assert_null(aid_life_judge(l));
    aid_scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_reversed),
        cmocka_unit_test(test_short),    cmocka_unit_test(test_late),
        cmocka_unit_test(test_deaf),     cmocka_unit_test(test_no_erase),
        cmocka_unit_test(test_watch),    cmocka_unit_test(test_judge),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
