/* test_tui_headless.c - answers files, and a procedure without a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/host/real.h"
#include "tests/aid/fake_work.h"
#include "tests/aid/proc.h"
#include "tui/answers.h"
#include "tui/headless.h"
#include "tui/lines.h"

static const struct fake_moment whole[] = {
    {.phase = RUN_ASK,
     .step = 0,
     .ask = ASK_LABEL,
     .ask_id = "scan",
     .prompt = "Scan the meter's label",
     .accept = "GASM:1:GM2400000156:-:0000",
     .done = "GM2400000156"},
    {.phase = RUN_WORK,
     .step = 1,
     .waiting_for = "the meter's advertisement",
     .ticks = 3,
     .done = "connected"},
    {.phase = RUN_ASK,
     .step = 2,
     .ask = ASK_YES,
     .ask_id = "ventilation",
     .prompt = "Are the rooms aired?",
     .accept = "yes",
     .lines = {{"Grant", "60 l, 120 s"}}},
    {.phase = RUN_WORK,
     .step = 2,
     .purge = true,
     .waiting_for = "the purge",
     .ticks = 56,
     .done = "receipt 3, 13 l purged"},
    {.phase = RUN_ASK,
     .step = 3,
     .ask = ASK_ENTER,
     .ask_id = "seen",
     .prompt = "Ready",
     .done = ""},
    {.phase = RUN_FINISHED, .step = 4},
};
static const struct fake_moment again[] = {
    {.phase = RUN_WORK, .step = 1, .waiting_for = "the meter's answer", .ticks = 30, .attempt = 3,
     .attempt_why = "the meter did not answer in time"},
    {.phase = RUN_FINISHED, .step = 4},
};
static const struct fake_moment broken[] = {
    {.phase = RUN_WORK, .step = 1, .ticks = 1},
    {.phase = RUN_STOPPED,
     .step = 1,
     .ask_id = "connect",
     .code = GF_E_LINK_LOST,
     .detail = "le-connection-abort"},
    {.phase = RUN_FINISHED, .step = 4},
};

static int stop;
static bool cancel_hangs;

/* Run with an answers file of this text (NULL: none) and options; the output goes to `out`. */
static int go(const struct fake_moment *moments, const char *text, struct headless_how how,
              char out[static 2048], struct gf_fail *why)
{
    static const struct field_ports ports = {.clock = &fake_clock};
    struct tui_env env = {
        .ports = &ports, .run = (struct run *)&fake, .sync = (struct sync *)&fake, .stop = &stop};
    struct gf_source work;
    char path[512];
    FILE *f = tmpfile();
    int r;

    fake_reset(moments);
    fake.cancel_hangs = cancel_hangs;
    *why = (struct gf_fail){0};
    tui_work_source(&env, &work);
    env.sources[env.n_sources++] = &work;
    (void)snprintf(path, sizeof path, "%s/answers.txt", aid_tmpdir());
    if (text != NULL)
        assert_int_equal(gf_file_write(path, text, strlen(text), 0600, NULL), 0);
    how.procedure = "account-opening";
    how.job = "J-0001";
    how.answers = text != NULL ? path : NULL;
    how.out = f;
    r = tui_headless(&env, &how, why);
    rewind(f);
    out[fread(out, 1, 2047, f)] = '\0';
    (void)fclose(f);
    return r;
}

#define ALL "# the whole\nscan = GASM:1:GM2400000156:-:0000\n\n ventilation=yes\npresence = yes\n"

static void test_whole_run(void **state)
{
    char out[2048];
    struct gf_fail why;

    (void)state;
    assert_int_equal(go(whole, ALL, (struct headless_how){0}, out, &why), 0);
    assert_string_equal(out,
        "Account opening: job J-0001, meter GM2400000156, 4 steps\n"
        "[ 1/4] Scan the meter's label: GM2400000156\n"
        "[ 2/4] Connect to the meter: connected\n"
        "        Grant: 60 l, 120 s\n"
        "        purge: 1 of 60 l, 0 of 120 s\n"
        "        purge: 3 of 60 l, 1 of 120 s\n"
        "        purge: 6 of 60 l, 2 of 120 s\n"
        "        purge: 8 of 60 l, 3 of 120 s\n"
        "        purge: 11 of 60 l, 4 of 120 s\n"
        "        purge: 13 of 60 l, 5 of 120 s\n"
        "[ 3/4] Purge the pipe: receipt 3, 13 l purged\n"
        "[ 4/4] Show the certificate: done\n");
    assert_string_equal(fake.answers, "GASM:1:GM2400000156:-:0000\nyes\n\n");
    assert_string_equal(fake.started, "account-opening J-0001");
}

/* Presence is confirmed only when the file says so, and only when it is due. */
static void test_presence(void **state)
{
    struct fake_moment slow[sizeof whole / sizeof whole[0]];
    char out[2048];
    struct gf_fail why;

    (void)state;
    memcpy(slow, whole, sizeof whole);
    slow[3].ticks = 290;
    assert_int_equal(go(slow, ALL, (struct headless_how){0}, out, &why), 0);
    assert_true(fake.confirmed > 0);
    assert_int_equal(go(slow,
                        "scan = GASM:1:GM2400000156:-:0000\nventilation = yes\npresence = no\n",
                        (struct headless_how){0}, out, &why),
                     0);
    assert_int_equal(fake.confirmed, 0);
    assert_int_equal(go(whole, ALL, (struct headless_how){0}, out, &why), 0);
    assert_int_equal(fake.confirmed, 0);
}

static void test_label_option(void **state)
{
    char out[2048];
    struct gf_fail why;

    (void)state;
    assert_int_equal(go(whole, "ventilation = yes\n",
                        (struct headless_how){.label = "GASM:1:GM2400000156:-:0000"}, out, &why),
                     0);
    assert_int_equal(
        go(whole, "ventilation = yes\n", (struct headless_how){.label = "rubbish"}, out, &why),
        GF_E_ANSWER);
    assert_string_equal(why.where, "scan");
    assert_string_equal(why.detail, "not what was wanted");
    assert_int_equal(go(whole, "ventilation = yes\n",
                        (struct headless_how){.image = "/nonexistent.png"}, out, &why),
                     GF_E_FILE);
    assert_string_equal(fake.started, "");          /* refused before anything began */
}

static void test_wrong_answers(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *detail;
    } rows[] = {
        {NULL, GF_E_ANSWER,
         "the meter's label: --label TEXT or --image PNG gives it; gasfitter scan reads it with the "
         "camera"},
        {"scan = GASM:1:GM2400000156:-:0000\n", GF_E_ANSWER,
         "answers.txt: no line \"ventilation = ...\" for the question \"Are the rooms aired?\""},
        {"scan = GASM:1:GM2400000156:-:0000\nventilation = no\n", GF_E_ANSWER,
         "answers.txt line 2: not what was wanted"},
        {"scan = GASM:1:GM2400000156:-:0000\nventilation = no\nflames = yes\n", GF_E_ANSWER,
         "answers.txt line 3: this procedure asks no \"flames\""},
        {"presence = perhaps\n", GF_E_ANSWER, "answers.txt line 1: presence is \"yes\" or \"no\""},
        {"scan GASM\n", GF_E_FORMAT, "answers.txt line 1: no \"=\" between question and answer"},
        {"\n# x\n = yes\n", GF_E_FORMAT, "answers.txt line 3: no question's name before \"=\""},
        {"abcdefghijabcdefghijabcd = yes\n", GF_E_FORMAT,
         "answers.txt line 1: no question's name before \"=\""},
        {"scan = a\nventilation = yes\nscan = b\n", GF_E_FORMAT,
         "answers.txt line 3: \"scan\" was answered in line 1 already"},
        {"scan = \033[2J\n", GF_E_FORMAT,
         "answers.txt line 1: the answer is too long, or has a control character"},
    };
    char out[2048];
    struct gf_fail why;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(go(whole, rows[i].text, (struct headless_how){0}, out, &why),
                         rows[i].code);
        assert_int_equal(why.code, rows[i].code);
        assert_string_equal(why.detail, rows[i].detail);
    }
}

/* Every cut of a good file is read whole or refused; nothing else happens. */
static void test_answers_cut(void **state)
{
    struct answers a;

    (void)state;
    for (size_t n = 0; n <= strlen(ALL); n++) {
        char *cut = malloc(n + 1);

        assert_non_null(cut);
        memcpy(cut, ALL, n);
        assert_in_set((unsigned long)-answers_parse("x", cut, n, &a, NULL),
                      ((unsigned long[]){0, -GF_E_FORMAT}), 2);
        free(cut);
    }
}

static void test_too_many_answers(void **state)
{
    char text[ANSWERS_MAX * 8 + 16];
    struct answers a;
    struct gf_fail why = {0};
    int n = 0;

    (void)state;
    for (int i = 0; i < ANSWERS_MAX; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "a%d=x\n", i);
    assert_int_equal(answers_parse("x", text, (size_t)n, &a, &why), 0);
    n += snprintf(text + n, sizeof text - (size_t)n, "b=x\n");
    assert_int_equal(answers_parse("x", text, (size_t)n, &a, &why), GF_E_FORMAT);
    assert_string_equal(why.detail, "x line 65: too many answers in one file");
}

static void test_stopped(void **state)
{
    char out[2048], text[FAIL_TEXT_MAX];
    struct gf_fail why;

    (void)state;
    assert_int_equal(go(broken, ALL, (struct headless_how){0}, out, &why), GF_E_LINK_LOST);
    assert_int_equal(fake.cancelled, 1);
    assert_int_equal(fake.retried, 0);
    assert_string_equal(fail_text(&why, text),
                        "E061 the radio link was lost (connect: le-connection-abort). To do: stay "
                        "near the meter; the work goes on when it is back.");
}

static void test_start_refused(void **state)
{
    static const struct field_ports ports = {.clock = &fake_clock};
    struct tui_env env = {.ports = &ports, .stop = &stop};
    struct gf_fail why = {0};

    (void)state;
    fake_reset(whole);
    fake.start_code = GF_E_NO_JOB;
    assert_int_equal(tui_headless(&env,
                                  &(struct headless_how){
                                      .procedure = "account-opening", .job = "J-9", .out = stdout},
                                  &why),
                     GF_E_NO_JOB);
    assert_string_equal(why.detail, "J-9");
}

static void test_signal(void **state)
{
    char out[2048];
    struct gf_fail why;

    (void)state;
    stop = 1;
    assert_int_equal(go(whole, ALL, (struct headless_how){0}, out, &why), GF_E_CANCELLED);
    assert_int_equal(fake.cancelled, 1);
    assert_string_equal(fake.answers, "");
    stop = 2;                   /* at once, without waiting for the cancel */
    cancel_hangs = true;
    assert_int_equal(go(whole, ALL, (struct headless_how){0}, out, &why), GF_E_CANCELLED);
    stop = 0;
    cancel_hangs = false;
}

/* An attempt that is not the first is told with its reason. */
static void test_attempts(void **state)
{
    char out[2048];
    struct gf_fail why;

    (void)state;
    assert_int_equal(go(again, NULL, (struct headless_how){0}, out, &why), 0);
    assert_non_null(strstr(out, "waiting for the meter's answer, attempt 3, the meter did not "
                                "answer in time\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_whole_run),    cmocka_unit_test(test_presence),
        cmocka_unit_test(test_label_option), cmocka_unit_test(test_wrong_answers),
        cmocka_unit_test(test_answers_cut),  cmocka_unit_test(test_too_many_answers),
        cmocka_unit_test(test_stopped),      cmocka_unit_test(test_start_refused),
        cmocka_unit_test(test_signal),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
