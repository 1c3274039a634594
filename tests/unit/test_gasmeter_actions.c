/* test_gasmeter_actions.c - what can be done to the host meter by hand: the table, every command
 * with good, bad and limit arguments, every key; docs/gasmeter.md says what the table says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/real.h"
#include "common/text.h"
#include "meter-core/port/host/words.h"
#include "tests/aid/gasmeter_stand.h"
#include "tests/aid/linkaid.h"

#define HELP_MAX 40                 /* fits the panel at 80 columns */
#define DOC "docs/gasmeter.md"
#define DOC_BEGIN "| command | key | does |\n"
#define DOC_END "\n\n"

static struct aid_stand *world;
static struct gm_stand *stand;
static char answer[GM_ANSWER_MAX];

static int setup(void **state)
{
    (void)state;
    world = aid_stand_new();
    stand = &world->stand;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    aid_stand_free(world);
    return 0;
}

static const char *said(const char *line)
{
    (void)gm_action_line(stand, line, strlen(line), answer);
    return answer;
}

/* ---- the table ---- */

static void test_table(void **state)
{
    size_t n;
    const struct gm_action *rows = gm_actions(&n);
    bool key_used[256] = {false};

    (void)state;
    assert_true(n > 10);
    for (size_t i = 0; i < n; i++) {
        const struct gm_action *a = &rows[i];

        assert_true(strlen(a->help) > 0 && strlen(a->help) <= HELP_MAX);
        assert_true(strlen(a->name) <= 12);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(a->name, rows[k].name);
        for (int k = 0; k < 2; k++) {
            unsigned char key = (unsigned char)(k == 0 ? a->key : a->back);

            assert_false(key != 0 && key_used[key]);
            key_used[key] = true;
        }
        if (a->kind == GM_NUMBER) {
            assert_true(a->min < a->max && a->step > 0 && a->unit != NULL);
            assert_true(a->get(stand) >= a->min && a->get(stand) <= a->max);
        }
        if (a->kind == GM_SWITCH)
            assert_string_not_equal(a->on, a->off);
        if (a->kind == GM_TELL)
            assert_non_null(a->tell);
    }
}

/* ---- commands ---- */

static void test_numbers(void **state)
{
    static const char *const wrong[] = {"", "x", "1x", "+1", "1.5", "--1", "0x10", "1 2",
                                        "99999999999999999999", "-99999999999999999999"};
    size_t n;
    const struct gm_action *rows = gm_actions(&n);
    char line[200], want[200];

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const struct gm_action *a = &rows[i];
        const int64_t good[] = {a->min, a->max, a->min + 1, (a->min + a->max) / 2};
        const int64_t outside[] = {a->min - 1, a->max + 1};

        if (a->kind != GM_NUMBER)
            continue;
        for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
            (void)snprintf(line, sizeof line, "%s   %lld  ", a->name, (long long)good[k]);
            (void)snprintf(want, sizeof want, "ok %s %lld", a->name, (long long)good[k]);
            assert_string_equal(said(line), want);
            assert_int_equal(a->get(stand), good[k]);
        }
        for (size_t k = 0; k < 2; k++) {
            (void)snprintf(line, sizeof line, "%s %lld", a->name, (long long)outside[k]);
            (void)snprintf(want, sizeof want, "error %s: %lld is not %s %lld..%lld", a->name,
                           (long long)outside[k], a->unit, (long long)a->min, (long long)a->max);
            assert_string_equal(said(line), want);
            assert_int_equal(a->get(stand), good[3]);
        }
        (void)snprintf(want, sizeof want, "error %s: ", a->name);
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            (void)snprintf(line, sizeof line, "%s %s", a->name, wrong[k]);
            assert_memory_equal(said(line), want, strlen(want));
            assert_int_equal(a->get(stand), good[3]);
        }
    }
}

static void test_switches(void **state)
{
    size_t n;
    const struct gm_action *rows = gm_actions(&n);
    char line[100], want[100];

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const struct gm_action *a = &rows[i];

        if (a->kind != GM_SWITCH)
            continue;
        for (int k = 0; k < 6; k++) {
            const char *word = k % 3 == 1 ? a->off : a->on;

            (void)snprintf(line, sizeof line, "%s %s", a->name, word);
            (void)snprintf(want, sizeof want, "ok %s %s", a->name, word);
            assert_string_equal(said(line), want);
            assert_int_equal(a->get(stand), k % 3 != 1);
            (void)snprintf(line, sizeof line, "%s %sx", a->name, a->off);
            (void)snprintf(want, sizeof want, "error %s: %sx is not %s|%s", a->name, a->off, a->on,
                           a->off);
            assert_string_equal(said(line), want);
            (void)snprintf(want, sizeof want, "error %s: %s|%s is missing", a->name, a->on, a->off);
            assert_string_equal(said(a->name), want);
            assert_int_equal(a->get(stand), k % 3 != 1);
        }
    }
}

/* A sense reaches the meter once for each time that it goes on. */
static void test_senses_reach_the_meter(void **state)
{
    static const char *const names[] = {"magnet", "cover", "reverse"};
    uint8_t senses[2] = {0};
    char line[40];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (int k = 0; k < 2; k++) {
            (void)snprintf(line, sizeof line, "%s %s", names[i], k == 0 ? "on" : "off");
            (void)said(line);
            senses[k] = stand->meter->supply.senses;
        }
        assert_int_equal(senses[0], 1u << i);
        assert_int_equal(senses[1], 0);
    }
}

static void test_clock(void **state)
{
    static const struct {
        const char *argument, *value;       /* value NULL: refused */
    } cases[] = {
        {"+0", AID_STAND_UTC_TEXT},
        {"+60", "2026-11-18T11:07:40Z"},
        {"-60", AID_STAND_UTC_TEXT},
        {"2030-02-28T23:59:59Z", "2030-02-28T23:59:59Z"},
        {"stop", "2030-02-28T23:59:59Z,stopped"},
        {"+1", "2030-03-01T00:00:00Z,stopped"},
        {"stop", "2030-03-01T00:00:00Z,stopped"},
        {"run", "2030-03-01T00:00:00Z"},
        {"", NULL}, {"+", NULL}, {"-", NULL}, {"60", NULL}, {"+ 60", NULL}, {"+-60", NULL},
        {"+631152001", NULL}, {"-631152001", NULL}, {"2030-02-29T00:00:00Z", NULL},
        {"2030-03-01", NULL}, {"noon", NULL}, {"Stop", NULL}, {"stop now", NULL},
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
        {"-1", NULL},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
        {"+1", NULL},
        {"-631152000", "9979-12-31T23:59:59Z"},
    };
    char line[100], want[120], last[60] = AID_STAND_UTC_TEXT;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(line, sizeof line, "clock %s", cases[i].argument);
        (void)snprintf(want, sizeof want, "ok clock %s", cases[i].value);
        (void)said(line);
        if (cases[i].value != NULL) {
            assert_string_equal(answer, want);
            (void)gf_copy(last, sizeof last, cases[i].value);
            continue;
        }
        assert_memory_equal(answer, "error clock: ", 13);
        (void)said("clock run");            /* a refused one has changed nothing */
        (void)snprintf(want, sizeof want, "ok clock %s", last);
        assert_string_equal(answer, want);
    }
    world->passed_ms += 2000;
    assert_string_equal(said("clock stop"), "ok clock 9980-01-01T00:00:01Z,stopped");
    world->passed_ms += 2000;
    assert_string_equal(said("clock run"), "ok clock 9980-01-01T00:00:01Z");
}

static void test_digits(void **state)
{
    (void)state;
    assert_string_equal(said("type"), "error type: DIGITS is missing");
    assert_string_equal(said("type 12345a"), "error type: 12345a is not DIGITS");
    assert_string_equal(said("type 1234"), "error meter: state");   /* it has no account */
    assert_string_equal(said("type 00000-00000 00000-00000-00000"), "error meter: state");
}

static void test_tells(void **state)
{
    size_t n;
    const struct gm_action *rows = gm_actions(&n);
    struct mc_lcd lcd;
    char want[100];

    (void)state;
    mc_meter_lcd(stand->meter, &lcd);
    (void)snprintf(want, sizeof want, "ok |%-16s|%-16s|", lcd.line[0], lcd.line[1]);
    assert_string_equal(said("lcd"), want);
    assert_string_equal(said("lcd now"), "error lcd: takes no argument");
    assert_string_equal(said("press hard"), "error press: takes no argument");
    assert_string_equal(said("press"), "ok");
    (void)said("valve stuck");
    (void)said("battery 2750");
    stand->connected = true;
    assert_string_equal(
        said("status"),
        "ok meter=" AID_METER_ID " state=factory epoch=0 account=0 valve=shut index=0 residual=0 "
        "armed=0 watch=0 locks=none connected=yes gas=0 magnet=off cover=off reverse=off flow=0 "
        "leak=off motor=stuck battery=2750 temperature=200 clock=" AID_STAND_UTC_TEXT);
    assert_string_equal(said("help press"), "ok press - press the meter's button");
    assert_string_equal(said("help fly"), "error help: there is no command fly");
    (void)said("help");
    assert_memory_equal(answer, "ok press; magnet on|off;", 24);
    for (size_t i = 0; i < n; i++)
        assert_non_null(strstr(answer, rows[i].name));
}

/* ---- lines ---- */

static void test_lines(void **state)
{
    char line[GM_LINE_MAX + 1];

    (void)state;
    assert_string_equal(said(""), "error command:  is not one; try help");
    assert_string_equal(said("Press"), "error command: Press is not one; try help");
    assert_string_equal(said(" press"), "error command:  is not one; try help");
    assert_string_equal(said("press     "), "ok");
    for (int c = 0; c < 256; c++) {             /* every byte, alone and in an argument */
        char one = (char)c, two[] = {'f', 'l', 'o', 'w', ' ', (char)c};

        assert_false(gm_action_line(stand, &one, 1, answer));
        assert_memory_equal(answer, "error command: ", 15);
        assert_null(strchr(answer, '\n'));
        assert_false(gm_action_line(stand, two, sizeof two, answer));
        assert_memory_equal(answer, c >= '0' && c <= '9' ? "ok flow " : "error fl", 8);
    }
    memset(line, ' ', sizeof line);
    memcpy(line, "flow", 4);
    line[GM_LINE_MAX - 1] = '7';
    assert_false(gm_action_line(stand, line, GM_LINE_MAX, answer));
    assert_string_equal(answer, "ok flow 7");
    assert_false(gm_action_line(stand, line, GM_LINE_MAX + 1, answer));
    assert_string_equal(answer, "error line: longer than 255 bytes");
    memset(line, 'x', sizeof line);
    assert_false(gm_action_line(stand, line, GM_LINE_MAX, answer));
    assert_true(strlen(answer) < 100);
    assert_true(gm_action_line(stand, "quit", 4, answer));
    assert_string_equal(answer, "ok");
    assert_false(gm_action_line(stand, "quit now", 8, answer));
}

/* ---- keys ---- */

static void test_keys(void **state)
{
    size_t n;
    const struct gm_action *rows = gm_actions(&n);

    (void)state;
    for (int key = -1; key < 1000; key++) {
        const struct gm_action *a = NULL;

        for (size_t i = 0; i < n; i++)
            if (key > 0 && (rows[i].key == key || rows[i].back == key))
                a = &rows[i];
        if (a == NULL)
            assert_int_equal(gm_action_key(stand, key, answer), GM_KEY_UNKNOWN);
        else if (a->kind == GM_QUIT)
            assert_int_equal(gm_action_key(stand, key, answer), GM_KEY_QUIT);
        else if (a->kind == GM_DIGITS)
            assert_int_equal(gm_action_key(stand, key, answer), GM_KEY_DIGITS);
        else
            assert_int_equal(gm_action_key(stand, key, answer), GM_KEY_DONE);
    }
}

/* Held down, a key goes to the end of the range and stays there. */
static void test_key_steps(void **state)
{
    size_t n;
    const struct gm_action *rows = gm_actions(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const struct gm_action *a = &rows[i];
        int64_t before = a->get != NULL ? a->get(stand) : 0;

        if (a->kind == GM_SWITCH) {
            (void)gm_action_key(stand, a->key, answer);
            assert_int_equal(a->get(stand), !before);
            (void)gm_action_key(stand, a->key, answer);
            assert_int_equal(a->get(stand), before);
        }
        if (a->kind != GM_NUMBER)
            continue;
        (void)gm_action_key(stand, a->key, answer);
        assert_int_equal(a->get(stand), before + a->step);
        for (int64_t k = 0; k <= (a->max - a->min) / a->step; k++)
            (void)gm_action_key(stand, a->key, answer);
        assert_int_equal(a->get(stand), a->max);
        for (int64_t k = 0; k <= (a->max - a->min) / a->step; k++)
            (void)gm_action_key(stand, a->back, answer);
        assert_int_equal(a->get(stand), a->min);
    }
    assert_int_equal(gm_action_key(stand, 'T', answer), GM_KEY_DONE);
    assert_string_equal(answer, "ok clock 2026-11-18T10:06:40Z");
}

/* ---- words, document ---- */

static void test_words(void **state)
{
    char locks[GM_LOCKS_TEXT];

    (void)state;
    assert_string_equal(gm_life_word(gasm_LifeState_IN_SERVICE), "in-service");
    assert_string_equal(gm_life_word((gasm_LifeState)99), "unknown");
    assert_string_equal(gm_valve_word(gasm_ValveState_VALVE_FAULT), "fault");
    assert_string_equal(gm_refusal_word(gasm_Refusal_BUSY), "busy");
    assert_string_equal(gm_refusal_word(gasm_Refusal_LOCKED_OUT), "locked-out");
    assert_string_equal(gm_locks_word(0, locks), "none");
    assert_string_equal(gm_locks_word(5, locks), "leak,valve");
    assert_string_equal(gm_locks_word(7, locks), "leak,tamper,valve");
}

/* A | inside a table's cell. */
static void cell(char *to, size_t cap, const char *from)
{
    size_t n = 0;

    for (; *from != '\0' && n + 2 < cap; from++) {
        if (*from == '|')
            to[n++] = '\\';
        to[n++] = *from;
    }
    to[n] = '\0';
}

static void print_table(char *ret, size_t cap)
{
    size_t n, at = (size_t)snprintf(ret, cap, DOC_BEGIN "|---|---|---|\n");
    const struct gm_action *rows = gm_actions(&n);

    for (size_t i = 0; i < n; i++) {
        char form[60], safe[80], keys[24] = "";

        gm_action_argument(&rows[i], form, sizeof form);
        cell(safe, sizeof safe, form);
        if (rows[i].key != 0)
            (void)snprintf(keys, sizeof keys, rows[i].back != 0 ? "`%c` `%c`" : "`%c`",
                           rows[i].key, rows[i].back);
        at += (size_t)snprintf(ret + at, cap - at, "| `%s%s%s` | %s | %s |\n", rows[i].name,
                               safe[0] != '\0' ? " " : "", safe, keys, rows[i].help);
    }
    (void)gf_copy(ret + at, cap - at, "\n");
}

static void test_document(void **state)
{
    static char doc[20000], table[4000], fresh[24000];
    int n = gf_file_read(DOC, (uint8_t *)doc, sizeof doc - 1, NULL);
    char *begin, *end;

    (void)state;
    assert_true(n > 0);
    doc[n] = '\0';
    begin = strstr(doc, DOC_BEGIN);
    assert_non_null(begin);
    end = strstr(begin, DOC_END);
    assert_non_null(end);
    end += strlen(DOC_END);
    print_table(table, sizeof table);
    if (strlen(table) == (size_t)(end - begin) && memcmp(table, begin, strlen(table)) == 0)
        return;
    if (getenv("GENERATE") == NULL)
        fail_msg(DOC " is not what the table says; GENERATE=1 rewrites it");
    n = snprintf(fresh, sizeof fresh, "%.*s%s%s", (int)(begin - doc), doc, table, end);
    assert_int_equal(gf_file_write(DOC, fresh, (size_t)n, 0644, NULL), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_table), T(test_numbers), T(test_switches), T(test_senses_reach_the_meter),
        T(test_clock), T(test_digits), T(test_tells), T(test_lines), T(test_keys),
        T(test_key_steps), T(test_words), T(test_document),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
