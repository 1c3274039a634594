/* test_core.c - every register is persisted, comes back, and the largest state fits its record. */
#include "meter-core/core.h"
#include "meter-core/logs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/linkaid.h"

#define PAYLOAD_MAX (MC_REC_MAX - MC_JOURNAL_EXTRA)

static size_t written(const struct mc_core *from, const struct mc_core *to, uint8_t *ret)
{
    struct gf_writer w = {ret, PAYLOAD_MAX, 0, false};

    mc_core_write(&w, from, to, false);
    assert_false(w.bad);
    return w.n;
}

/* Each byte of the struct, changed alone, is written and comes back - all but padding. */
static void test_every_byte(void **state)
{
    static uint8_t bytes[PAYLOAD_MAX];
    static struct mc_use uses[MC_COUNTED];
    struct aid_random random = {.state = 5};
    struct mc_core a, b, c;
    size_t padding = 0;

    (void)state;
    for (size_t i = 0; i < sizeof a; i++)
        ((uint8_t *)&a)[i] = (uint8_t)aid_random_next(&random);
    for (size_t i = 0; i < sizeof a; i++) {
        struct gf_reader r = {bytes, 0, false};

        memcpy(&b, &a, sizeof b);
        ((uint8_t *)&b)[i] ^= 0x40;
        r.left = written(&a, &b, bytes);
        if (r.left == 0) {
            padding++;
            continue;
        }
        memcpy(&c, &a, sizeof c);
        assert_int_equal(mc_core_read(&c, uses, &r), 0);
        assert_memory_equal(&c, &b, sizeof c);
    }
    /* A member without a row in core.c's table would show here. */
    assert_int_equal(padding, 3 + 7 + 7 + 3 + 4 + 3 + 7 + 7 + 2);
}

/* All ones everywhere and every counted ticket: the largest snapshot. */
static void test_largest(void **state)
{
    static uint8_t bytes[PAYLOAD_MAX];
    static struct mc_use uses[MC_COUNTED], back[MC_COUNTED];
    struct mc_core full, zero;
    struct gf_writer w = {bytes, sizeof bytes, 0, false};
    struct gf_reader r = {bytes, 0, false};

    (void)state;
    memset(&full, 0xFF, sizeof full);
    memset(&zero, 0, sizeof zero);
    mc_core_write(&w, NULL, &full, true);
    for (size_t i = 0; i < MC_COUNTED; i++) {
        uses[i] = (struct mc_use){UINT64_MAX - i, UINT32_MAX, 3, 4, 5};
        mc_core_write_use(&w, i, &uses[i]);
    }
    mc_log_event(&w, &(struct mc_core){0}, MC_EVENT_RESET, 1, 2, 3);
    assert_false(w.bad);
    print_message("# largest snapshot: %zu of %u bytes\n", w.n, PAYLOAD_MAX);
    r.left = w.n;
    assert_int_equal(mc_core_read(&zero, back, &r), 0);
    assert_memory_equal(back, uses, sizeof uses);
    assert_int_equal(zero.totals.exported_l, UINT64_MAX);
}

/* Entries that are not understood, or cut off, are an error, never a guess. */
static void test_refused(void **state)
{
    static uint8_t bytes[PAYLOAD_MAX];
    static struct mc_use uses[MC_COUNTED];
    static const uint8_t bad[][2] = {{0, 0}, {200, 0}, {0xF0, MC_COUNTED}, {32, MC_PARAM_COUNT}};
    struct mc_core core, full;
    size_t n;

    (void)state;
    memset(&full, 0x55, sizeof full);
    n = written(NULL, &full, bytes);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t entry[64] = {bad[i][0], bad[i][1]};
        struct gf_reader r = {entry, sizeof entry, false};

        assert_int_equal(mc_core_read(&core, uses, &r), GF_E_STORE);
    }
    for (size_t cut = 1; cut < 5; cut++) {     /* inside the last entry: a tag and four bytes */
        struct gf_reader r = {bytes, n - cut, false};

        assert_int_equal(mc_core_read(&core, uses, &r), GF_E_STORE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
