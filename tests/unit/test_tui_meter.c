/* test_tui_meter.c - the page of one meter, as a person sees it: golden files at 80 x 24, plain and in
 * ASCII; its form, the word that confirms, a long read, a failure, and the way out. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/aid/tui_world.h"

#define K_PGUP "\033[5~"
#define K_PGDN "\033[6~"
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
    world_type(K_PGDN);
    assert_true(screen_shows(&world.screen, "typed_wait_s"));
    screen_golden(&world.screen, "meter-answer-end-80x24");
    answer(&a);                             /* another page of it */
    assert_true(screen_shows(&world.screen, "9 more: PgUp"));
    assert_true(screen_shows(&world.screen, "20 more: PgDn"));
    world_type(K_PGDN K_PGDN K_PGDN K_PGDN);
    assert_true(screen_shows(&world.screen, "28 more: PgUp"));
    world_type(K_PGDN K_PGDN K_PGUP);       /* at once: past the end is not gone */
    assert_true(screen_shows(&world.screen, "19 more: PgUp"));
    world_type(K_PGUP K_PGUP K_PGUP);
    assert_true(screen_shows(&world.screen, "residual_l: -12"));
    assert_false(screen_shows(&world.screen, "PgUp"));
    world_close();
}

/* Every command is reached, and seen, up and down; rows that a hint stands for are counted. */
static void test_list_goes_on(void **state)
{
    static const struct fake_moment moments[] = {ASKS, {.phase = RUN_FINISHED}};
    size_t n;
    const struct talk_command *all = talk_commands(&n);

    (void)state;
    open_page(moments, true);
    for (size_t i = 0; i < n; i++) {
        assert_true(screen_shows(&world.screen, talk_name(&all[i])));
        world_type(K_DOWN);
    }
    screen_golden(&world.screen, "meter-list-end-ascii-80x24");
    for (size_t i = n; i-- > 0;) {
        assert_true(screen_shows(&world.screen, talk_name(&all[i])));
        if (i == 5)
            screen_golden(&world.screen, "meter-list-middle-ascii-80x24");
        world_type(K_UP);
    }
    assert_false(screen_shows(&world.screen, "more: Up"));
    world_close();
}

/* Windows of every height over lists of every length: all rows are used, the cursor is in, and no
 * hint takes the place of the one row that it tells of. */
static void test_hinted_windows(void **state)
{
    (void)state;
    for (size_t n = 0; n < 16; n++)
        for (size_t rows = 3; rows < 12; rows++) {
            struct list l = {.n = n};

            for (size_t i = 0; i < 4 * n; i++) {
                size_t above, below;

                list_window_hinted(&l, rows);
                above = l.top;
                below = l.top + l.rows < n ? n - l.top - l.rows : 0;
                assert_true(n == 0 || (l.at >= l.top && l.at < l.top + l.rows));
                assert_int_equal(l.rows + (above > 0) + (below > 0), rows);
                assert_true(above != 1 && below != 1);
                list_move(&l, i < n ? MOVE_DOWN : i < 2 * n ? MOVE_UP
                              : i < 3 * n ? MOVE_PAGE_DOWN : MOVE_PAGE_UP);
            }
        }
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
        cmocka_unit_test(test_list_goes_on),
        cmocka_unit_test(test_hinted_windows),
        cmocka_unit_test(test_form_and_word),
        cmocka_unit_test(test_settings_and_esc),
        cmocka_unit_test(test_long_read_and_failure),
    };

    (void)setlocale(LC_ALL, "C.UTF-8");
    (void)setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
