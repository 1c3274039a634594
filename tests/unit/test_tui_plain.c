/* test_tui_plain.c - line mode: whole transcripts, and what happens when nobody answers any
 * more. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/aid/fake_work.h"
#include "tests/aid/screen.h"
#include "tests/aid/store_world.h"
#include "tui/jobs.h"
#include "tui/plain.h"

#define OUT_MAX 16384           /* bytes of a transcript */

static const struct fake_moment whole[] = {
    {.phase = RUN_ASK,
     .step = 0,
     .ask = ASK_LABEL,
     .ask_id = "scan",
     .prompt = "Scan the label.",
     .help = "Camera, image file or hand scanner; or type the id twice.",
     .done = "GM2400000156"},
    {.phase = RUN_WORK,
     .step = 1,
     .waiting_for = "the meter's advertisement",
     .ticks = 40,
     .done = "connected"},
    {.phase = RUN_ASK,
     .step = 2,
     .ask = ASK_YES,
     .ask_id = "ventilation",
     .prompt = "Is the place ventilated?",
     .help = "Open windows and doors.",
     .accept = "yes",
     .lines = {{"grant", "60 l within 120 s"}}},
    {.phase = RUN_ASK,
     .step = 2,
     .ask = ASK_WORD,
     .ask_id = "open-gas",
     .word = "PURGE",
     .prompt = "Gas will flow.",
     .accept = "PURGE"},
    {.phase = RUN_WORK,
     .step = 2,
     .purge = true,
     .ticks = 250,
     .waiting_for = "the purge",
     .done = "receipt 3, 62 l purged"},
    {.phase = RUN_STOPPED,
     .step = 3,
     .ask_id = "finish",
     .code = GF_E_LINK_LOST,
     .detail = "abort"},
    {.phase = RUN_ASK,
     .step = 3,
     .ask = ASK_ENTER,
     .ask_id = "seen",
     .prompt = "Ready",
     .done = ""},
    {.phase = RUN_FINISHED, .step = 4, .lines = {{"certificate", "CC-000001"}}},
};

static const gasm_Response two_days = {
    .command = gasm_Command_READ_HISTORY,
    .which_body = gasm_Response_history_tag,
    .body.history = {.first_no = 7, .entries_count = 2},
};
#define COMMAND \
    {.phase = RUN_ASK, .ask = ASK_COMMAND, .ask_id = "command", .prompt = "Which command?", \
     .help = "A command of the meter's table, with its arguments."}
static const struct fake_moment talked[] = {
    COMMAND,
    {.phase = RUN_WORK, .ticks = 40, .waiting_for = "the meter's answer", .answer = &two_days},
    {.phase = RUN_WORK, .ticks = 1, .answer = &two_days, .done = "read_history: 4 entries"},
    COMMAND,
    {.phase = RUN_ASK, .ask = ASK_WORD, .ask_id = "purge_start", .word = "purge_start",
     .prompt = "Purge: this is dangerous. Type the command's name."},
    {.phase = RUN_WORK, .ticks = 1, .answer = &two_days},
    {.phase = RUN_STOPPED, .ask_id = "command", .code = GF_E_LINK_LOST, .detail = "abort"},
    {.phase = RUN_WORK, .ticks = 3},
    {.phase = RUN_STOPPED, .ask_id = "command", .code = GF_E_LINK_LOST, .detail = "again"},
    COMMAND,
    {.phase = RUN_FINISHED},
};

static const struct fake_moment *moments = whole;
static struct store_world store;
static int stop;
static enum sync_phase sync_phase;

/* Run line mode over this input, to its end; the transcript goes to `out`. */
static int go(const char *input, char out[static OUT_MAX], struct gf_fail *why)
{
    struct field_ports ports = {.clock = &fake_clock, .store = store.port};
    struct tui_env env = {
        .ports = &ports, .run = (struct run *)&fake, .sync = (struct sync *)&fake, .stop = &stop};
    struct gf_source work;
    FILE *f = tmpfile();
    int ends[2], r;

    fake_reset(moments);
    fake.sync.phase = sync_phase;
    fake.sync.last_ok_at_ms = FAKE_UTC_MS - 130000;
    fake.sync.counts = (struct outbox_counts){
        .waiting = 3, .oldest_waiting_at_ms = FAKE_UTC_MS - 7300000, .refused = 1};
    *why = (struct gf_fail){0};
    tui_work_source(&env, &work);
    env.sources[env.n_sources++] = &work;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], input, strlen(input)), strlen(input));
    assert_int_equal(close(ends[1]), 0);
    r = tui_plain(&env, ends[0], f, why);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    (void)close(ends[0]);
    rewind(f);
    out[fread(out, 1, OUT_MAX - 1, f)] = '\0';
    (void)fclose(f);
    return r;
}

static void add_job(uint32_t n)
{
    sync_Job j = store_job(n);

    (void)gf_copy(j.meter_id, sizeof j.meter_id, "GM2400000156");
    (void)gf_copy(j.address, sizeof j.address, "12 Canal Street,\nflat \033[2J3");
    assert_int_equal(store_apply_job(store.port, &j), 0);
}

static int make(void **state)
{
    (void)state;
    store_world_make(&store);
    add_job(1);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    store_world_close(&store);
    return 0;
}

/* Everything in one go, typed ahead: each line waits for its question. */
static void test_transcript(void **state)
{
    static char out[OUT_MAX];
    struct gf_fail why;

    (void)state;
    assert_int_equal(
        go("?\nJ-0001\n?\ngm2400000156\nGM2400000156\nno\nyes\nPURGE\nr\n\nl\ns\nc\no\nq\n", out,
           &why),
        0);
    golden_check("tests/golden/plain.txt", out);
    assert_string_equal(fake.answers, "GM2400000156 GM2400000156\nyes\nPURGE\n\n");
    assert_int_equal(fake.retried, 1);
    assert_int_equal(fake.cancelled, 0);
    assert_int_equal(fake.syncs, 2);           /* at the start, and for s */
    assert_int_equal(fake.sync_cancels, 1);
    assert_null(strchr(out, '\033'));
}

/* c stops the round, and tells whether there was one. */
static void test_stop_sync(void **state)
{
    static const char stopped[] = "Synchronising was stopped; s begins it again.",
                      nothing[] = "Nothing is being sent or fetched.";
    static char out[OUT_MAX];
    struct gf_fail why;

    (void)state;
    for (sync_phase = SYNC_IDLE; sync_phase <= SYNC_WAITING; sync_phase++) {
        bool running = sync_phase == SYNC_RUNNING;

        assert_int_equal(go("c\nq\n", out, &why), 0);
        assert_int_equal(fake.sync_cancels, 1);
        assert_non_null(strstr(out, running ? stopped : nothing));
    }
    sync_phase = SYNC_IDLE;
}

/* A meter, command by command: of a job and by its id; marks, a dangerous command, a failure that is
 * tried again and given up under way, and the way out. */
static void test_talk(void **state)
{
    static char out[OUT_MAX];
    struct gf_fail why;

    (void)state;
    moments = talked;
    assert_int_equal(go("m J-0001\n?\nread_history months\npurge_start litres=5\npurge_start\nr\n!\n!\n"
                        "!\nq\n", out, &why), 0);
    golden_check("tests/golden/plain-meter.txt", out);
    assert_string_equal(fake.started, "meter J-0001");
    assert_string_equal(fake.answers, "read_history months\npurge_start litres=5\npurge_start\n");
    assert_int_equal(fake.retried, 1);
    assert_int_equal(fake.cancelled, 1);
    assert_int_equal(go("m  GM2400000156\n!\nm J-0009\nm\nq\n", out, &why), 0);
    assert_string_equal(fake.started, "meter GM2400000156");
    assert_non_null(strstr(out, "E030 there is no such job on this laptop (job: J-0009)."));
    moments = whole;
}

/* An empty line confirms presence, "stop" ends the purge. */
static void test_purge(void **state)
{
    static char out[OUT_MAX];
    struct gf_fail why;

    (void)state;
    assert_int_equal(
        go("J-0001\nGASM:1:GM2400000156:02:00:00:00:00:01:FE3B\nyes\nPURGE\n\n\nstop\nr\n\nq\n",
           out, &why),
        0);
    assert_int_equal(fake.confirmed, 2);
    assert_int_equal(fake.stopped, 1);
    assert_non_null(strstr(out, "Presence confirmed."));
    assert_non_null(strstr(out, "Finished."));
}

/* The input ends at any question, and `!` at any prompt: left safely, and the program ends. */
static void test_ends_anywhere(void **state)
{
    static const char *const lines[] = {"J-0001\n", "GASM:1:GM2400000156:02:00:00:00:00:01:FE3B\n",
                                        "yes\n", "PURGE\n"};
    static char out[OUT_MAX];
    char input[256] = "";
    struct gf_fail why;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char *end = input + strlen(input);

        (void)strcpy(end, lines[i]);
        assert_int_equal(go(input, out, &why), 0);
        assert_int_equal(fake.cancelled, 1);
        assert_non_null(strstr(out, "Cancelling safely.\nLeft."));
        (void)strcpy(end + strlen(lines[i]), "!\nq\n");
        assert_int_equal(go(input, out, &why), 0);
        assert_int_equal(fake.cancelled, 1);
        end[strlen(lines[i])] = '\0';
    }
    assert_int_equal(go("", out, &why), 0);
    assert_int_equal(go("J-0001", out, &why), 0); /* the last line without its newline counts */
    assert_string_equal(fake.started, "account-opening J-0001");
}

static void test_wrong_input(void **state)
{
    static char out[OUT_MAX];
    struct gf_fail why;

    (void)state;
    assert_int_equal(go("J-0009\nq\n", out, &why), 0);
    assert_non_null(strstr(out, "E030 there is no such job on this laptop (job: J-0009). To do:"));
    assert_int_equal(go("J-0001\nrubbish!\nGM2400000157\n!\nq\n", out, &why), 0);
    assert_non_null(strstr(out, "E020"));
    assert_non_null(strstr(out, "E024"));
    assert_string_equal(fake.answers, "");
}

static void test_signal(void **state)
{
    static char out[OUT_MAX];
    struct gf_fail why;

    (void)state;
    stop = 1;
    assert_int_equal(go("J-0001\n", out, &why), 0);
    stop = 0;
}

static void test_spans(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {-5, "0 s"},           {0, "0 s"},
        {999, "0 s"},          {119999, "119 s"},
        {120000, "2 min"},     {7199999, "119 min"},
        {7200000, "2 h"},      {172799999, "47 h"},
        {172800000, "2 days"}, {INT64_MAX, "99999 days"},
    };
    char text[24];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(span_text(rows[i].ms, text), rows[i].text);
}

/* Many jobs come by pages, each once, in the worklist's order, and it stops when it is told. */
static bool count_job(void *ctx, const sync_Job *job)
{
    int *seen = ctx;
    char number[40];

    (void)snprintf(number, sizeof number, "J-%04d", ++*seen);
    assert_string_equal(job->number, number);
    return *seen != 45;
}

static void test_pages(void **state)
{
    int seen = 0;

    (void)state;
    for (uint32_t n = 2; n <= 50; n++)
        add_job(n);
    assert_int_equal(jobs_each(store.port, NULL, true, count_job, &seen), 45);
    assert_int_equal(seen, 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transcript),    cmocka_unit_test(test_purge),
        cmocka_unit_test(test_ends_anywhere), cmocka_unit_test(test_wrong_input),
        cmocka_unit_test(test_signal),        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_talk),          cmocka_unit_test(test_pages),
        cmocka_unit_test(test_stop_sync),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make, drop);
}
