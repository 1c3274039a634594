/* test_close.c - closing an account and taking its credit over, between two meters. */
#include "meter-core/swap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/commands.h"
#include "tests/aid/swap_aid.h"

enum { OP_CLOSE = 40, OP_IMPORT = 41 };

/* Two meters in service, the old one with credit (below zero: with debt). */
struct pair {
    struct aid_world *old, *new;
    struct aid_swap swap;
};

static struct pair pair_of(int64_t residual_l, uint64_t cap_l)
{
    struct pair p = {aid_swap_meter(AID_METER_ID, AID_COMMISSION),
                     aid_swap_meter(AID_OTHER_ID, AID_COMMISSION),
                     aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, cap_l)};

    if (residual_l > 0)
        aid_swap_credit(p.old, (uint64_t)residual_l, 0);
    else if (residual_l < 0)
        aid_swap_credit(p.old, 0, (uint64_t)-residual_l);
    return p;
}

static void free_pair(struct pair *p)
{
    aid_world_free(p->old);
    aid_world_free(p->new);
}

static const gasm_Totals *totals(const struct aid_world *w)
{
    return &w->meter->core.totals;
}

static void credit_goes_over_whole(void **state)
{
    struct pair p = pair_of(5000, 100000);

    (void)state;
    aid_swap_whole(&p.swap, p.old, p.new, OP_CLOSE);
    assert_int_equal(totals(p.new)->imported_l, 5000);
    assert_int_equal(mc_residual_l(totals(p.new)), 5000);
    assert_int_equal(totals(p.old)->exported_l, 5000);
    assert_int_equal(p.old->meter->core.life, gasm_LifeState_CLOSED);
    free_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credit_goes_over_whole),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
