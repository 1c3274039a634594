/* test_tui_keys.c - what keys do in each view. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/aid/picture.h"
#include "tests/aid/tui_world.h"
#include "tui/scan_view.h"

#define LABEL "GASM:1:GM2400000156:02:00:00:00:00:01:FE3B"
#define HOME "\033OH"

static const struct fake_moment whole[] = {
    {.phase = RUN_ASK,
     .step = 0,
     .ask = ASK_LABEL,
     .ask_id = "scan",
     .prompt = "Scan the label.",
     .done = WORLD_METER},
    {.phase = RUN_WORK, .step = 1, .waiting_for = "the meter", .ticks = 3, .done = "connected"},
    {.phase = RUN_ASK,
     .step = 2,
     .ask = ASK_YES,
     .ask_id = "ventilation",
     .prompt = "Is it aired?",
     .accept = "yes"},
    {.phase = RUN_ASK,
     .step = 2,
     .ask = ASK_WORD,
     .ask_id = "open-gas",
     .word = "PURGE",
     .prompt = "Gas will flow.",
     .accept = "PURGE"},
    {.phase = RUN_WORK, .step = 2, .purge = true, .ticks = 100000},
    {.phase = RUN_STOPPED, .step = 2, .ask_id = "purge", .code = GF_E_LINK_LOST, .detail = "abort"},
    {.phase = RUN_ASK,
     .step = 3,
     .ask = ASK_ENTER,
     .ask_id = "seen",
     .prompt = "Ready",
     .done = ""},
    {.phase = RUN_FINISHED, .step = 4},
};

static void open_world(void)
{
    world_open(24, 80, whole, true, false);
}

static void open_job(void)
{
    open_world();
    world_type(HOME K_DOWN K_ENTER);
}

static bool shows(const char *text)
{
    return screen_shows(&world.screen, text);
}

/* From the worklist to the end of an opening, with nothing but keys. */
static void test_whole_run(void **state)
{
    (void)state;
    open_job();
    assert_string_equal(fake.started, "account-opening J-0001");
    assert_true(shows("Scan the label"));
    world_type(LABEL K_ENTER); /* a burst of a hand scanner, with the palette's key in it */
    world_turns(5);
    assert_true(shows("yes or no:"));
    world_type("q?:yes");                       /* no command here */
    assert_true(shows("q?:yes"));
    world_type("\025yes" K_ENTER);              /* Ctrl-U clears */
    assert_true(shows("! Type PURGE:"));
    world_type(K_ENTER);                        /* an empty field opens no valve */
    assert_true(shows("! Type PURGE:"));
    assert_false(shows("E029"));
    world_type("purge" K_ENTER);
    assert_true(shows("E029"));
    world_type("PURGE" K_ENTER);
    assert_true(shows("Litres"));
    world_type(" ");
    assert_int_equal(fake.confirmed, 1);
    world_type(K_F8);
    assert_int_equal(fake.stopped, 1);
    assert_true(shows("F9 tries it again"));
    world_type(K_F9);
    assert_int_equal(fake.retried, 1);
    assert_true(shows("Enter goes on."));
    world_type(K_ENTER);
    assert_true(shows("Finished"));
    world_type(K_ENTER);
    assert_true(shows("Open jobs"));
    assert_true(world.listening && world.heard == &world.app.reach.events);
    assert_string_equal(fake.answers, LABEL "\nyes\nPURGE\n\n");
    world_close();
}

static void test_typed_twice(void **state)
{
    (void)state;
    open_job();
    world_type("gm2400000156" K_ENTER);
    assert_true(shows("The same id again:"));
    world_type("GM2400000156" K_ENTER);
    assert_string_equal(fake.answers, "GM2400000156 GM2400000156\n");
    world_close();
}

static void test_wrong_labels(void **state)
{
    static const struct {
        const char *typed, *code;
    } rows[] = {
        {"https://example.org/leaflet", "E020"},
        {"GASM:1:GM2400000156:-:0000", "E021"},
        {"GM2400000157", "E024"},
        {"/nonexistent/label.png", "E007"},
    };

    (void)state;
    open_job();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world_type(rows[i].typed);
        world_type(K_ENTER);
        assert_true(shows(rows[i].code));
        assert_true(shows("do:"));
        assert_string_equal(fake.answers, "");
    }
    world_close();
}

static void test_scan_left_and_again(void **state)
{
    (void)state;
    open_job();
    world_type(K_ESC);
    world_turns(2);
    assert_true(shows("Enter scans."));
    world_type(K_ENTER);
    assert_true(shows("Hand scanner"));
    world_close();
}

static void test_leaving(void **state)
{
    (void)state;
    open_job();
    world_type(K_ESC);
    world_turns(1);
    world_type(K_ESC);
    world_turns(1);
    assert_true(shows("Leave job J-0001 for now?"));
    world_type("n");
    assert_int_equal(fake.cancelled, 0);
    world_type("\003");                         /* Ctrl-C asks too */
    world_type("y");
    world_turns(2);
    assert_int_equal(fake.cancelled, 1);
    assert_true(shows("Open jobs"));
    assert_true(shows("Left safely."));
    assert_false(world.app.quit);
    world_close();
}

/* A signal while a procedure runs: it is cancelled, and the app waits for that. */
static void test_signal(void **state)
{
    struct ui_config ui = {.term = "xterm-256color"};
    struct gf_fail why = {0};

    (void)state;
    open_job();
    app_close(&world.app);
    ui.in = world.screen.in;
    ui.out = world.screen.out;
    world.stop = 1;
    assert_int_equal(tui_app(&world.env, &ui, &why), 0);
    assert_int_equal(fake.cancelled, 1);
    screen_sync(&world.screen);
    assert_false(world.screen.other);
    screen_close(&world.screen);
    store_world_close(&world.store);
}

/* From the scanning view too, which closes by itself. */
static void test_leaving_scan(void **state)
{
    (void)state;
    open_job();
    world_type("\003");
    world_type("y");
    world_turns(2);
    assert_int_equal(fake.cancelled, 1);
    assert_true(shows("Open jobs"));
    world_close();
}

static void test_start_refused(void **state)
{
    (void)state;
    open_world();
    fake.start_code = GF_E_JOB_STATE;
    world_type(K_ENTER);
    assert_true(shows("E031"));
    assert_true(shows("Open jobs"));
    world_close();
}

static void test_filter(void **state)
{
    (void)state;
    open_world();
    world_type("xyz");                          /* no keys, and no text either */
    assert_true(shows("J-0001"));
    world_type("/canal q");                     /* q is text here */
    assert_true(shows("No job has all these words."));
    world_type("\177");
    world_type("jonas");
    assert_true(shows("J-0002"));
    assert_false(shows("J-0001"));
    world_type(K_ENTER);
    assert_true(shows("Filter: canal jonas"));
    world_type(K_ESC);
    world_turns(1);
    assert_true(shows("J-0001"));
    assert_false(shows("J-0005"));
    world_type("a");
    assert_true(shows("J-0005"));
    assert_true(shows("All jobs"));
    world_close();
}

/* Typed text of any script: a combining accent, wide characters, more than the field is wide. */
static void test_filter_scripts(void **state)
{
    char *all;

    (void)state;
    open_world();
    world_type("/\xe7\x94\xb0\xe4\xb8\xad");    /* two characters, four cells */
    all = screen_text(&world.screen);
    assert_non_null(strstr(all, "cursor 2,24\n"));
    free(all);
    assert_true(shows("J-0004"));
    world_type("\177\177Bergstro\xcc\x88m");
    assert_true(shows("Bergstro\xcc\x88m"));
    world_type("\025");
    for (int i = 0; i < 20; i++)
        world_type("0123456789");
    assert_true(shows("456789"));
    world_close();
}

static void test_radio_list(void **state)
{
    (void)state;
    open_world();
    world_hear("02:00:00:00:00:02", "GM2400000253", "gasm", -50);
    world_hear("02:00:00:00:00:09", NULL, "stranger", -70);
    world_turns(1);
    world_type("\tj" K_ENTER);
    assert_true(shows("No job in this list is for stranger."));
    world_type("k" K_ENTER);
    assert_true(shows("> J-0002"));
    for (int i = 0; i < 160; i++)
        world_turns(1); /* a fake turn is 100 ms, two of them each: not heard any more */
    world_turns(160);
    assert_true(shows("None is heard yet."));
    world_close();
}

static void test_palette(void **state)
{
    (void)state;
    open_world();
    world_type(":stop" K_ENTER);
    assert_true(shows("\"Stop the purge\" is not possible here."));
    world_type("\025quit" K_ENTER);
    assert_true(world.app.quit);
    world_close();
    open_world();
    world_type(K_F2 "zzz");
    assert_true(shows("No action has these letters."));
    world_close();
}

static void test_quit(void **state)
{
    static const char *const keys[] = {"q", "\003"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_world();
        world_type(keys[i]);
        assert_true(world.app.quit);
        world_close();
    }
}

static void test_sync(void **state)
{
    unsigned before;

    (void)state;
    open_world();
    before = fake.syncs;
    world_type(K_F5);
    assert_int_equal(fake.syncs, before + 1);
    fake.sync.fail = (struct gf_fail){.code = GF_E_OFFICE_AWAY, .detail = "connection refused"};
    fake.rounds_ended++;
    world_turns(1);
    assert_true(shows("E080"));
    fake.sync.fail = (struct gf_fail){0};
    fake.rounds_ended++;
    world_turns(1);
    assert_true(shows("Head office is reached again."));
    world_close();
}

static void test_stop_sync(void **state)
{
    (void)state;
    open_world();
    world_type("\x18");
    assert_int_equal(fake.sync_cancels, 1);
    assert_true(shows("Nothing is being sent or fetched."));
    fake.sync.phase = SYNC_RUNNING;
    fake.sync.sent = 10;
    fake.sync.answered = 3;
    world_turns(1);
    assert_true(shows("Office: sending, 3 of 10, Ctrl-X stops"));
    world_type("\x18");
    assert_int_equal(fake.sync_cancels, 2);
    fake.sync.phase = SYNC_IDLE;
    fake.sync.fail = (struct gf_fail){.code = GF_E_CANCELLED};
    fake.rounds_ended++;
    world_turns(1);
    assert_true(shows("Sending and fetching was stopped. F5 begins it again."));
    world_close();
}

/* ---- camera ---- */

struct fake_camera {
    struct frame_source port;
    struct picture picture;
    uint8_t *yuyv;
    size_t len, stride;
    int frames;                 /* that are still to come; then it fails */
    bool closed;
};
static struct fake_camera camera;

static int camera_open(void *ctx, struct gf_fail *why)
{
    (void)ctx;
    (void)why;
    return 0;
}

static size_t camera_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    (void)ctx;
    (void)ret;
    (void)cap;
    return 0;
}

static int camera_next(void *ctx, struct frame *ret, struct gf_fail *why)
{
    (void)ctx;
    if (camera.frames-- == 0)
        return gf_fail(why, GF_E_CAMERA, "camera", "it was pulled out");
    free(camera.yuyv);
    camera.yuyv = picture_yuyv(&camera.picture, 0, &camera.len, &camera.stride);
    *ret = (struct frame){camera.yuyv,           camera.len,    camera.picture.width,
                          camera.picture.height, camera.stride, 2};
    return 1;
}

static void camera_close(void *ctx)
{
    (void)ctx;
    camera.closed = true;
}

static void camera_free(void *ctx)
{
    (void)ctx;
}

static void start_camera(int frames)
{
    camera = (struct fake_camera){.picture = picture_new(320, 240), .frames = frames};
    camera.port = (struct frame_source){&camera,     camera_open,  camera_fds,
                                        camera_next, camera_close, camera_free};
    scan_view_look(&world.app, &camera.port);
}

/* Turns of the loop until the text is shown; the scanner works beside it. */
static bool comes(const char *text)
{
    for (int i = 0; i < 1000 && !shows(text); i++) {
        app_step(&world.app, 10);
        screen_sync(&world.screen);
    }
    return shows(text);
}

static void stop_camera(void)
{
    picture_free(&camera.picture);
    free(camera.yuyv);
}

static void test_camera(void **state)
{
    (void)state;
    open_job();
    start_camera(100000);
    picture_qr(&camera.picture, "https://example.org", 160, 120, 5, 20);
    assert_true(comes("QR code: https://example.org"));
    assert_true(comes("E020"));
    assert_string_equal(fake.answers, "");
    screen_golden(&world.screen, "camera-80x24");
    picture_qr(&camera.picture, LABEL, 160, 120, 6, 0);
    assert_true(comes("Connect to the meter"));
    assert_string_equal(fake.answers, LABEL "\n");
    assert_true(camera.closed);
    stop_camera();
    world_close();
}

/* From the worklist: the label finds the job, and is its first answer. */
static void test_camera_finds_job(void **state)
{
    (void)state;
    open_world();
    world_type(K_F7);
    assert_true(shows("Scan a meter's label: its job is opened."));
    assert_true(shows("E034"));
    start_camera(100000);
    picture_qr(&camera.picture, "GASM:1:GM2400000932:-:A101", 160, 120, 6, 0);
    assert_true(comes("E030"));
    assert_true(shows("GM2400000932"));
    assert_string_equal(fake.started, "");
    picture_qr(&camera.picture, LABEL, 160, 120, 6, 0);
    assert_true(comes("job J-0001 found."));
    world_turns(2);
    assert_string_equal(fake.started, "account-opening J-0001");
    assert_string_equal(fake.answers, LABEL "\n");
    assert_true(camera.closed);
    stop_camera();
    world_close();
}

/* A refused start leaves the view open; typing finds the job, too; Esc ends it. */
static void test_find_by_typing(void **state)
{
    (void)state;
    open_world();
    world_type(K_F7);
    fake.start_code = GF_E_JOB_STATE;
    world_type(LABEL K_ENTER);
    assert_true(shows("E031"));
    fake.start_code = 0;
    world_type("gm2400000253" K_ENTER "GM2400000253" K_ENTER);
    world_turns(2);
    assert_string_equal(fake.started, "account-opening J-0002");
    assert_string_equal(fake.answers, "GM2400000253 GM2400000253\n");
    world_close();
    open_world();
    world_type(K_F7);
    start_camera(100000);
    world_type(K_ESC);
    assert_true(camera.closed);
    assert_true(shows("Open jobs"));
    stop_camera();
    world_close();
}

/* Nothing is read for 10 s, of which each turn is a tenth; and a picture without light. */
static void test_camera_hints(void **state)
{
    (void)state;
    open_job();
    start_camera(100000);
    world_turns(20);
    assert_false(shows("Nothing is read yet"));
    world_turns(90);
    assert_true(shows("Nothing is read yet"));
    memset(camera.picture.grey, 5, (size_t)camera.picture.width * camera.picture.height);
    world_turns(2);
    assert_true(shows("The picture is dark"));
    stop_camera();
    world_close();
}

static void test_camera_ends(void **state)
{
    (void)state;
    open_job();
    world_type(K_F7);                           /* the one of the command line is not there */
    assert_true(shows("E034"));
    assert_true(shows("/nonexistent/video0"));
    start_camera(2);
    assert_true(comes("it was pulled out"));
    assert_true(camera.closed);
    world_type(LABEL K_ENTER);                  /* the other ways go on working */
    assert_string_equal(fake.answers, LABEL "\n");
    stop_camera();
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_run),     cmocka_unit_test(test_typed_twice),
        cmocka_unit_test(test_wrong_labels),  cmocka_unit_test(test_scan_left_and_again),
        cmocka_unit_test(test_leaving),       cmocka_unit_test(test_signal),
        cmocka_unit_test(test_start_refused), cmocka_unit_test(test_leaving_scan),
        cmocka_unit_test(test_filter),        cmocka_unit_test(test_filter_scripts),
        cmocka_unit_test(test_radio_list),    cmocka_unit_test(test_palette),
        cmocka_unit_test(test_quit),          cmocka_unit_test(test_sync),
        cmocka_unit_test(test_stop_sync),
        cmocka_unit_test(test_camera),        cmocka_unit_test(test_camera_ends),
        cmocka_unit_test(test_camera_finds_job),
        cmocka_unit_test(test_find_by_typing),
        cmocka_unit_test(test_camera_hints),
    };

    (void)setlocale(LC_ALL, "C.UTF-8");
    (void)setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
