/* test_meter.c - the meter as a whole, through its link: the opening of an account, and what may disturb it. */
#include "meter-core/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/meter_story.h"

static void test_size(void **state)
{
    (void)state;
    print_message("# struct mc_meter: %zu bytes (pipe %zu, core %zu, uses %zu, response %zu, request %zu)\n",
                  sizeof(struct mc_meter), sizeof(struct mc_pipe), sizeof(struct mc_core),
                  sizeof(struct mc_use) * MC_COUNTED, sizeof(gasm_Response), sizeof(gasm_Request));
    assert_true(mc_meter_size() == sizeof(struct mc_meter));
    assert_true(mc_meter_size() < 13 * 1024);
}

static void test_identify(void **state)
{
    struct aid_world *w = aid_world_new(1, 1);
    gasm_Ticket t = aid_world_ticket(0, 1);
    struct aid_pass pass = aid_world_pass_of(&t);
    gasm_Request r = aid_request(w, gasm_Command_IDENTIFY, 0);

    (void)state;
    assert_int_equal(aid_world_do(w, &pass, &r), 0);
    assert_int_equal(w->answer.result, gasm_Refusal_OK);
    assert_int_equal(w->answer.body.identity.state, gasm_LifeState_FACTORY);
    aid_world_free(w);
}

static void test_opening(void **state)
{
    struct aid_world *w = aid_world_new(1, 1);
    struct aid_story s = aid_story_of(w);

    (void)state;
    aid_story_steps(&s, AID_INSTALL_KEY, AID_COMMISSION);
    aid_story_check(&s);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_identify),
        cmocka_unit_test(test_opening),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
