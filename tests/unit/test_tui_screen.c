/* test_tui_screen.c - the screens as a person sees them: golden files at several sizes, without
 * colour, in ASCII. */
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/aid/proc.h"
#include "tests/aid/tui_world.h"

#define HELP_PURGE                                                                                 \
    "Stay at the outlet, and confirm every 30 s that you are there; else the valve closes."

/* One moment after the other; a test shows the one that it wants by starting there. */
static const struct fake_moment all[] = {
    {.phase = RUN_ASK,
     .step = 0,
     .ask = ASK_LABEL,
     .ask_id = "scan",
     .prompt = "Scan the square code on the meter's front.",
     .help = "Camera, image file or hand scanner; or type the meter id twice.",
     .done = WORLD_METER},
    {.phase = RUN_WORK,
     .step = 1,
     .waiting_for = "the meter's advertisement",
     .ticks = 1000,
     .help = "Stay near the meter. A lost link is made again by itself."},
    {.phase = RUN_ASK,
     .step = 2,
     .ask = ASK_YES,
     .ask_id = "ventilation",
     .prompt = "Is the place ventilated, and the outlet of the purge in the open?",
     .help = "Open windows and doors. Nobody smokes. Answer no to stop here.",
     .accept = "yes",
     .lines = {{"grant", "60 l within 120 s"},
               {"valve", "shut"},
               {"low credit alarm", "0, the job says 500 l; the meter takes it with the next "
                                    "balance"}}},
    {.phase = RUN_ASK,
     .step = 2,
     .ask = ASK_WORD,
     .ask_id = "open-gas",
     .word = "PURGE",
     .prompt = "Gas will flow. Type the word to open the valve.",
     .help = HELP_PURGE,
     .accept = "PURGE"},
    {.phase = RUN_WORK,
     .step = 2,
     .purge = true,
     .waiting_for = "the purge",
     .ticks = 1000,
     .help = HELP_PURGE},
    {.phase = RUN_STOPPED,
     .step = 2,
     .ask_id = "purge",
     .code = GF_E_LINK_LOST,
     .detail = "le-connection-abort-by-local while the purge was running; 14 l flowed"},
    {.phase = RUN_FINISHED,
     .step = 4,
     .lines = {{"certificate", "CC-2026-000017"}, {"account", "880001"}}},
};
enum { AT_SCAN, AT_CONNECT, AT_YES, AT_WORD, AT_PURGE, AT_STOPPED, AT_FINISHED };

/* The app with the procedure of the first job open at a moment. */
static void open_at(int rows, int cols, int moment, bool no_color, bool ascii)
{
    world_open(rows, cols, all, no_color, ascii);
    fake.at = (size_t)moment;
    world_type("\033OH" K_DOWN K_ENTER);        /* the second of the list: today's first */
}

static void test_home(void **state)
{
    (void)state;
    world_open(24, 80, all, true, false);
    fake.sync.counts = (struct outbox_counts){
        .waiting = 12, .refused = 1, .oldest_waiting_at_ms = FAKE_UTC_MS - 11000000};
    assert_true(world.listening);
    world_hear("02:00:00:00:00:01", WORLD_METER, "gasm", -58);
    world_hear("02:00:00:00:00:02", "GM2400000253", "gasm", -79);
    world_hear("02:00:00:00:00:03", NULL, "Headset of Bo \033[2J", -66);
    world_hear("02:00:00:00:00:04", NULL, "", 127);
    world_hear("02:00:00:00:00:05", "GM2400000544", "GASM-GM2400000544",
               -88); /* of a job that is done */
    world_turns(1);
    screen_golden(&world.screen, "home-80x24");
    assert_false(screen_is_coloured(&world.screen));
    assert_true(screen_is_reverse(&world.screen, 4, 5));
    screen_resize(&world.screen, 50, 132);
    world_turns(1);
    screen_golden(&world.screen, "home-132x50");
    world_close();
}

static void test_home_empty(void **state)
{
    (void)state;
    world_open(24, 80, all, true, false);
    world_type("/nothing like this" K_ENTER);
    fake.sync.phase = SYNC_WAITING;
    fake.sync.next_try_in_ms = 14000;
    world.heard->radio(world.heard->ctx, GF_E_BLUEZ_AWAY, "org.bluez has no owner");
    world_turns(1);
    screen_golden(&world.screen, "home-empty-80x24");
    world_close();
}

static void test_ascii(void **state)
{
    (void)state;
    open_at(24, 80, AT_PURGE, true, true);
    screen_golden(&world.screen, "purge-ascii-80x24");
    world_close();
    world_open(24, 80, all, true, true);
    world_hear("02:00:00:00:00:01", WORLD_METER, "gasm", -58);
    world_turns(1);
    screen_golden(&world.screen, "home-ascii-80x24");
    world_close();
}

static void test_colour(void **state)
{
    (void)state;
    open_at(24, 80, AT_STOPPED, false, false);
    assert_true(screen_is_coloured(&world.screen));
    screen_golden(&world.screen, "stopped-80x24");      /* the same text with and without colours */
    world_close();
    open_at(24, 80, AT_STOPPED, true, false);
    assert_false(screen_is_coloured(&world.screen));
    screen_golden(&world.screen, "stopped-80x24");
    world_close();
}

static void test_moments(void **state)
{
    static const struct {
        int moment;
        const char *name;
    } rows[] = {
        {AT_SCAN, "scan"}, {AT_CONNECT, "connect"}, {AT_YES, "question"},
        {AT_WORD, "word"}, {AT_PURGE, "purge"},     {AT_FINISHED, "finished"},
    };
    char name[64];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_at(24, 80, rows[i].moment, true, false);
        (void)snprintf(name, sizeof name, "%s-80x24", rows[i].name);
        screen_golden(&world.screen, name);
        screen_resize(&world.screen, 50, 132);
        world_turns(1);
        (void)snprintf(name, sizeof name, "%s-132x50", rows[i].name);
        screen_golden(&world.screen, name);
        world_close();
    }
}

/* The engine keeps what a step found out until the next step has found something: it does not show
 * there. */
static void test_old_lines(void **state)
{
    static const struct fake_moment two[] = {
        {.phase = RUN_ASK,
         .step = 1,
         .ask = ASK_ENTER,
         .ask_id = "a",
         .lines = {{"link", "MTU 517"}}},
        {.phase = RUN_ASK,
         .step = 2,
         .ask = ASK_ENTER,
         .ask_id = "b",
         .lines = {{"link", "MTU 517"}}},
        {.phase = RUN_ASK,
         .step = 2,
         .ask = ASK_ENTER,
         .ask_id = "c",
         .lines = {{"valve", "shut"}}},
        {.phase = RUN_FINISHED, .step = 4},
    };

    (void)state;
    world_open(24, 80, two, true, false);
    world_type(K_ENTER);
    assert_true(screen_shows(&world.screen, "MTU 517"));
    world_type(K_ENTER);
    assert_false(screen_shows(&world.screen, "MTU 517"));
    world_type(K_ENTER);
    assert_true(screen_shows(&world.screen, "shut"));
    world_close();
}

/* Why it takes longer than it should, and when the next attempt comes; and Esc leaves. */
static void test_attempts(void **state)
{
    static const struct fake_moment again[] = {
        {.phase = RUN_WORK,
         .step = 1,
         .waiting_for = "the connection to the meter",
         .ticks = 1000,
         .attempt = 2,
         .attempts = 9,
         .attempt_why = "the radio link was lost (le-connection-abort-by-local)",
         .attempt_in_ms = 450,
         .help = "Stay near the meter. A lost link is made again by itself."},
        {.phase = RUN_FINISHED, .step = 4},
    };

    (void)state;
    world_open(24, 80, again, true, false);
    world_type(K_ENTER);
    screen_golden(&world.screen, "attempts-80x24");
    world_close();
}

static void test_refused_answer(void **state)
{
    (void)state;
    open_at(24, 80, AT_YES, true, false);
    world_type("maybe" K_ENTER);
    screen_golden(&world.screen, "refused-answer-80x24");
    world_close();
}

/* Presence is nearly over: the sentence changes, with a sign for those who see no colour. */
static void test_presence_warning(void **state)
{
    (void)state;
    open_at(24, 80, AT_PURGE, true, false);
    world_turns(220);
    assert_true(screen_shows(&world.screen, "! Press Space: are you there? 7 s left."));
    world_type(" ");
    assert_int_equal(fake.confirmed, 1);
    world_close();
}

/* In another view nothing can be confirmed: it is said in time, once. */
static void test_purge_out_of_sight(void **state)
{
    (void)state;
    open_at(24, 80, AT_PURGE, true, false);
    world_type(K_F3);
    world_turns(150);
    assert_false(screen_shows(&world.screen, "Gas flows"));
    world_turns(90);
    assert_true(screen_shows(&world.screen,
                             "Gas flows, and nobody confirms: go back to the procedure with Esc."));
    assert_int_equal(world.app.log.total, 1);
    world_close();
}

static void test_overlays(void **state)
{
    (void)state;
    open_at(24, 80, AT_PURGE, true, false);
    world_type("\003");
    screen_golden(&world.screen, "leave-80x24");
    world_type("n:sy");
    screen_golden(&world.screen, "palette-80x24");
    world_type(K_ESC);
    world_turns(1);
    world_type(K_F1);
    screen_golden(&world.screen, "help-purge-80x24");
    world_close();
}

static void test_help_home(void **state)
{
    (void)state;
    world_open(24, 80, all, true, false);
    world_type("?");
    screen_golden(&world.screen, "help-home-80x24");
    world_type(K_ESC);
    world_turns(1);
    assert_true(screen_shows(&world.screen, "Open jobs"));
    world_close();
}

static void test_messages(void **state)
{
    (void)state;
    world_open(24, 80, all, true, false);
    fake.listener.step(fake.listener.ctx, 4, "register", "Register at head office",
                       GF_E_OFFICE_AWAY,
                       "Connection refused by 127.0.0.1 port 8443 after 3 attempts");
    fake.listener.step(fake.listener.ctx, 7, "purge", "Purge with gas", 0,
                       "receipt 3, 14 l purged in 35 s");
    fake.listener.message(fake.listener.ctx,
                          "The meter is asked for receipts that are not here yet.");
    world_type(K_F4);
    screen_golden(&world.screen, "messages-80x24");
    world_close();
}

static void verdict(uint32_t n, sync_VerdictKind kind, const char *field, const char *reason)
{
    sync_Verdict v = sync_Verdict_init_zero;
    struct outbox_row row;

    store_id('o', n, v.id);
    assert_int_equal(world.store.port->outbox_item(world.store.port->ctx, v.id, &row), 1);
    memcpy(v.item_hash, row.hash, sizeof row.hash);
    v.kind = kind;
    (void)gf_copy(v.field, sizeof v.field, field);
    (void)gf_copy(v.reason, sizeof v.reason, reason);
    assert_int_equal(world.store.port->outbox_verdict(world.store.port->ctx, &v), 0);
}

static void test_queue(void **state)
{
    const struct store_port *port;
    struct run_row run = store_run(1), kept;
    char payload[32];

    (void)state;
    world_open(24, 80, all, true, false);
    port = world.store.port;
    assert_int_equal(port->run_open(port->ctx, &run, &kept), 0);
    for (uint32_t n = 1; n <= 40; n++) {
        struct outbox_new item = store_record(n, payload);
        struct step_row step = store_step(1, "scan", n);

        store_id('o', n, item.id);
        item.made_at_ms = FAKE_UTC_MS - 3600000 + n * 60000;
        assert_int_equal(port->step_save(port->ctx, &step, &run, NULL, &item, 1), 0);
    }
    verdict(38, sync_VerdictKind_CONFLICT, "customer_no",
            "The work order says C-1001, the register says C-1009. Correct one of them, then "
            "synchronise.");
    verdict(37, sync_VerdictKind_APPLIED, "", "");
    world_type(K_F3);
    world_type(K_DOWN K_DOWN);
    screen_golden(&world.screen, "queue-80x24");
    for (int i = 0; i < 20; i++)
        world_type(K_DOWN);
    assert_true(screen_shows(&world.screen, ">      18")); /* the window goes with the cursor */
    for (int i = 0; i < 60; i++)
        world_type(K_DOWN);
    assert_true(screen_shows(&world.screen, ">       1"));
    assert_true(
        screen_shows(&world.screen, "Record 1:")); /* over the end of a page, to the oldest */
    for (int i = 0; i < 60; i++)
        world_type(K_UP);
    assert_true(screen_shows(&world.screen, "Record 40:"));
    world_close();
}

static void test_too_small(void **state)
{
    static const int sizes[][2] = {{23, 80}, {24, 79}, {5, 20}, {1, 10}, {1, 1}};

    (void)state;
    open_at(24, 80, AT_YES, true, false);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        screen_resize(&world.screen, sizes[i][0], sizes[i][1]);
        world_turns(1);
        if (sizes[i][1] >= 79)
            assert_true(screen_shows(&world.screen,
                                     "Gasfitter needs a terminal of 80 columns and 24 rows"));
    }
    screen_resize(&world.screen, 5, 40);
    world_turns(1);
    screen_golden(&world.screen, "too-small-40x5");
    screen_resize(&world.screen, 24, 80);
    world_turns(1);
    screen_golden(&world.screen, "question-80x24");     /* as if nothing had happened */
    world_close();
}

/* Every size from the smallest on draws something, and never outside. */
static void test_sizes(void **state)
{
    (void)state;
    for (int moment = AT_SCAN; moment <= AT_FINISHED; moment++) {
        open_at(24, 80, moment, false, false);
        for (int i = 0; i < 24; i++) {
            screen_resize(&world.screen, 24 + i * 3, 80 + i * 7);
            world_turns(1);
            assert_true(screen_shows(&world.screen, "Gasfitter"));
        }
        world_close();
    }
}

static void test_terminal_restored(void **state)
{
    struct termios before, after;

    (void)state;
    world_open(24, 80, all, false, false);
    assert_true(world.screen.other);
    world_close();
    screen_open(&world.screen, 24, 80);
    assert_int_equal(tcgetattr(fileno(world.screen.in), &before), 0);

    struct ui ui;
    struct ui_config cfg = {
        .in = world.screen.in, .out = world.screen.out, .term = "xterm-256color"};

    assert_int_equal(ui_start(&ui, &cfg, NULL), 0);
    assert_true(ui_begin(&ui));
    ui_end(&ui);
    screen_sync(&world.screen);
    assert_true(world.screen.other);
    assert_int_equal(tcgetattr(fileno(world.screen.in), &after), 0);
    assert_int_equal(after.c_lflag & (tcflag_t)ICANON, 0);
    ui_stop(&ui);
    screen_sync(&world.screen);
    assert_false(world.screen.other);
    assert_int_equal(tcgetattr(fileno(world.screen.in), &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    screen_close(&world.screen);
}

static void test_terminal_restored_after_crash(void **state)
{
    struct termios before, after;
    int status = 0;
    pid_t pid;

    (void)state;
    screen_open(&world.screen, 24, 80);
    assert_int_equal(tcgetattr(fileno(world.screen.in), &before), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct ui ui;
        struct ui_config cfg = {
            .in = world.screen.in, .out = world.screen.out, .term = "xterm-256color"};

        if (ui_start(&ui, &cfg, NULL) == 0 && ui_begin(&ui))
            ui_end(&ui);
        (void)raise(SIGSEGV);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    screen_sync(&world.screen);
    assert_false(world.screen.other);
    assert_true(world.screen.bytes > 100);
    assert_int_equal(tcgetattr(fileno(world.screen.in), &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    screen_close(&world.screen);
}

/* In a process of its own: newterm() of ncurses loses memory when it fails. */
static void test_no_such_terminal(void **state)
{
    int status = 0;
    pid_t pid;

    (void)state;
    screen_open(&world.screen, 24, 80);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct ui ui;
        struct ui_config cfg = {
            .in = world.screen.in, .out = world.screen.out, .term = "no-such-terminal"};
        struct gf_fail why = {0};

        _exit(ui_start(&ui, &cfg, &why) == GF_E_USAGE && strcmp(why.detail, "no-such-terminal") == 0
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    screen_close(&world.screen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_home),
        cmocka_unit_test(test_home_empty),
        cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_attempts), cmocka_unit_test(test_refused_answer),
        cmocka_unit_test(test_old_lines),
        cmocka_unit_test(test_presence_warning),
        cmocka_unit_test(test_purge_out_of_sight),
        cmocka_unit_test(test_overlays),
        cmocka_unit_test(test_help_home),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_terminal_restored),
        cmocka_unit_test(test_terminal_restored_after_crash),
        cmocka_unit_test(test_no_such_terminal),
    };

    (void)setlocale(LC_ALL, "C.UTF-8");
    (void)setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
