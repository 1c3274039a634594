/* test_tui_meter.c - the page of one meter, as a person sees it: golden files at 80 x 24, plain and in
 * ASCII; its form, the word that confirms, a long read, a failure, and the way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/aid/tui_world.h"


#define ASKS {.phase = RUN_ASK, .ask = ASK_COMMAND, .ask_id = "command"}

static gasm_Response balance(void)
{
    gasm_Response a = {
        .command = gasm_Command_READ_BALANCE,
        .which_body = gasm_Response_balance_tag,
        .body.balance = {.residual_l = -12, .account_no = 100001,
                         .state = gasm_LifeState_IN_SERVICE, .valve = gasm_ValveState_VALVE_SHUT,
                         .totals = {.index_l = 1234567, .purchased_l = 2352}},
    };

    return a;
}

static void answer(const gasm_Response *a)
{
    fake.listener.answer(fake.listener.ctx, a);
    world_turns(2);
}

static void open_page(const struct fake_moment *moments, bool ascii)
{
    world_open(24, 80, moments, true, ascii);
    world_hear("02:00:00:00:00:03", "GM2400000350", "GM2400000350", -60);
    world_type("m");
}

static void test_list_and_answer(void **state)
{
    static const struct fake_moment moments[] = {ASKS, ASKS, {.phase = RUN_FINISHED}};
    gasm_Response a = balance();

    (void)state;
    open_page(moments, false);
    assert_string_equal(fake.started, "meter J-0003");
    screen_golden(&world.screen, "meter-list-80x24");
    for (int i = 1; i < gasm_Command_READ_BALANCE; i++)
        world_type(K_DOWN);
    world_type(K_ENTER);
    assert_string_equal(fake.answers, "read_balance\n");
    answer(&a);
    screen_golden(&world.screen, "meter-answer-80x24");
    assert_false(screen_shows(&world.screen, "typed_wait_s"));
    world_type("\033[6~");
    assert_true(screen_shows(&world.screen, "typed_wait_s"));
    world_type("\033[5~");
    assert_true(screen_shows(&world.screen, "residual_l: -12"));
    world_close();
}

static void test_form_and_word(void **state)
{
    static const struct fake_moment moments[] = {
        ASKS,
        {.phase = RUN_ASK, .ask = ASK_WORD, .ask_id = "purge_start", .word = "purge_start",
         .accept = "purge_start", .prompt = "Purge: this is dangerous. Type the command's name."},
        ASKS,
        {.phase = RUN_FINISHED},
    };

    (void)state;
    open_page(moments, true);
    world_type(K_DOWN K_DOWN K_DOWN K_ENTER);
    world_type("5\t30");
    screen_golden(&world.screen, "meter-form-ascii-80x24");
    world_type(K_ENTER);
    assert_string_equal(fake.answers, "purge_start litres=5 seconds=30\n");
    world_type("purge");
    screen_golden(&world.screen, "meter-word-ascii-80x24");
    world_type("_start" K_ENTER);
    assert_string_equal(fake.answers, "purge_start litres=5 seconds=30\npurge_start\n");
    world_close();
}

static void test_settings_and_esc(void **state)
{
    static const struct fake_moment moments[] = {ASKS, ASKS, {.phase = RUN_FINISHED}};

    (void)state;
    open_page(moments, false);
    for (int i = 1; i < gasm_Command_SET_PARAMETERS; i++)
        world_type(K_DOWN);
    world_type(K_ENTER "credit_low_l=4000  10=20");
    world_type(K_ENTER);
    assert_string_equal(fake.answers, "set_parameters credit_low_l=4000 10=20\n");
    world_type(K_ENTER);
    assert_true(screen_shows(&world.screen, "apart by spaces"));
    world_type(K_ESC);
    assert_false(screen_shows(&world.screen, "apart by spaces"));
    assert_int_equal(fake.cancelled, 0);
    world_type(K_ESC);                      /* and out of the talk */
    assert_int_equal(fake.cancelled, 1);
    world_turns(2);
    assert_true(screen_shows(&world.screen, "Open jobs"));
    world_close();
}

static void test_long_read_and_failure(void **state)
{
    static const struct fake_moment moments[] = {
        ASKS,
        {.phase = RUN_WORK, .ticks = 1000000, .waiting_for = "the meter's answer", .read = 160,
         .all = 400},
        {.phase = RUN_STOPPED, .code = GF_E_CANCELLED, .detail = "160 entries"},
        {.phase = RUN_FINISHED},
    };

    (void)state;
    open_page(moments, false);
    for (int i = 1; i < gasm_Command_READ_HISTORY; i++)
        world_type(K_DOWN);
    world_type(K_ENTER K_ENTER);
    screen_golden(&world.screen, "meter-reading-80x24");
    world_type(K_ESC);
    screen_golden(&world.screen, "meter-stopped-80x24");
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_and_answer),
        cmocka_unit_test(test_form_and_word),
        cmocka_unit_test(test_settings_and_esc),
        cmocka_unit_test(test_long_read_and_failure),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
