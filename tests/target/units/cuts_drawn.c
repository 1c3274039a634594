/* cuts_drawn.c - a share of the power cuts of test_cuts_commands on the emulated MCU, drawn anew from a seed: of
 * everything that a meter does some units, on flash with the F405's words. The seed is the argument
 * (semihosting). A case that fails is replayed on the host by the line that is printed. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/stm32/semihost.h"
#include "tests/aid/cuts.h"

#define UNIT 4
#define CASES 12                /* of each row; each fourth is cut a second time */

static uint32_t drawn;          /* xorshift (Marsaglia 2003); never 0 */

static uint32_t draw(uint64_t below)
{
    drawn ^= drawn << 13;
    drawn ^= drawn >> 17;
    drawn ^= drawn << 5;
    return (uint32_t)(drawn % below);
}

static void cut_row(const struct aid_cut_row *row, uint32_t *cuts)
{
    struct aid_cut_case c = {.row = row, .unit = UNIT, .left = AID_CUT_WHOLE};
    const char *wrong;
    struct aid_scene *s = aid_scene_new(row, UNIT, c.left, AID_FAULT_NONE, &wrong);
    char name[160];

    for (int i = 0; i < CASES && wrong == NULL; i++) {
        uint32_t hit = 0;

        c.at = draw(s->units);
        c.mode = (enum aid_cut)draw(AID_CUTS);
        c.second = i % 4 == 3 ? (int64_t)draw(60) : -1;
        wrong = aid_scene_cut(s, &c, &hit);
        *cuts += hit;
    }
    aid_scene_free(s);
    aid_cut_print(&c, name, sizeof name);
    if (wrong != NULL)
        fail_msg("%s\nCUT=%s $BUILD/tests/test_cuts_commands", wrong, name);
}

static void test_drawn(void **state)
{
    const struct aid_cut_row *row;
    uint32_t cuts = 0;
    char seed[32] = "";
    size_t i;

    (void)state;
    assert_true(semihost_cmdline(seed, sizeof seed));
    drawn = (uint32_t)strtoul(seed, NULL, 10) * 2654435761u | 1;
    for (i = 0; (row = aid_cut_rows(i)) != NULL; i++)
        if (row != aid_cut_row("old_meter"))    /* minutes by itself */
            cut_row(row, &cuts);
    print_message("# SEED=%s: %" PRIu32 " power cuts survived in %u commands and other things that a meter does\n",
                  seed, cuts, (unsigned)i - 1);
    assert_true(cuts >= CASES / 2 * (i - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_drawn)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
