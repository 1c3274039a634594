/* test_tables.c - docs/meter-tables.md says what the meter's tables say. GENERATE=1 writes it
 * anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/commands.h"
#include "meter-core/events.h"
#include "meter-core/params.h"

#define DOCUMENT "docs/meter-tables.md"
#define CAP 32768

static const char *const states[] = {"UNKNOWN", "FACTORY", "KEYED",  "PURGED",
                                     "CLEARED", "IN_SERVICE", "CLOSED", "SCRAPPED"};
static const char *const rights[] = {"READ",  "KEY",        "OPEN",       "PURGE",    "CLEAR",
                                     "CLOCK", "PARAMETERS", "COMMISSION", "SUPERVISE", "RECHARGE",
                                     "VALVE", "UNLOCK",     "CLOSE",      "IMPORT",   "TEST",
                                     "BENCH"};
static const struct {
    enum mc_need bit;
    const char *text;
} needs[] = {
    {MC_NEED_OP_ID, "operation id"},   {MC_NEED_ACCOUNT, "account"},
    {MC_NEED_SHUT, "valve shut"},      {MC_NEED_POWER, "battery and temperature"},
    {MC_NEED_CLOCK, "valid clock"},    {MC_NEED_PARAMETERS, "parameters set"},
    {MC_MAY_FACTORY, "_factory ticket_"}, {MC_MAY_CLOCKLESS, "_lost clock_"},
    {MC_NEED_NO_GRANT, "no purge grant"}, {MC_OWN_OP_ID, "_operation id_"},
};

static const char *right_text(uint8_t right)
{
    if (right == MC_RIGHT_ANY)
        return "any";
    if (right == gasm_Right_RIGHT_NEVER)
        return "nobody";
    assert_true(right < sizeof rights / sizeof rights[0]);
    return rights[right];
}

static void print_command(FILE *f, const struct mc_command_row *row)
{
    const char *sep = "";

    fprintf(f, "| %d | `%s` | %s", (int)row->id, row->name, right_text(row->right));
    if (row->service_right != MC_RIGHT_ANY)
        fprintf(f, "; IN_SERVICE also %s", right_text(row->service_right));
    fprintf(f, " |");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if ((row->states >> i & 1) != 0) {
            fprintf(f, "%s %s", sep, states[i]);
            sep = ",";
        }
    sep = "";
    fprintf(f, " |");
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        if ((row->needs & needs[i].bit) != 0) {
            fprintf(f, "%s %s", sep, needs[i].text);
            sep = ",";
        }
    fprintf(f, " | %u | %u |\n", row->body, row->answer);
}

static void print_document(FILE *f)
{
    size_t n;
    const struct mc_command_row *commands = mc_commands(&n);
    const struct mc_param_row *params;
    const struct mc_event_row *events;

    fprintf(
        f,
        "# The meter's tables\n\n"
        "Printed from `meter-core/commands.c`, `params.h` and `events.h` by "
        "`tests/unit/test_tables.c` "
        "(`GENERATE=1` writes it anew). Change the tables, not this page.\n\n"
        "## Commands\n\nBody and answer are field numbers in `Request` and `Response`; 0 is none. "
        "In italics: what it "
        "may do without. How a command is judged and answered: `meter-core/commands.h`.\n\n"
        "| id | name | right | states | needs | body | answer |\n|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++)
        print_command(f, &commands[i]);
    params = mc_params(&n);
    fprintf(f, "\n## Parameters\n\n| id | name | unit | from | to | default | what it does "
               "|\n|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++)
        fprintf(f, "| %u | `%s` | %s | %d | %d | %d | %s |\n", (unsigned)params[i].id,
                params[i].text, params[i].unit, (int)params[i].min, (int)params[i].max,
                (int)params[i].def, params[i].what);
    events = mc_events(&n);
    fprintf(f, "\n## Events\n\n| code | name | group | what happened | a | b "
               "|\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++)
        fprintf(f, "| %u | `%s` | %s | %s | %s | %s |\n", (unsigned)events[i].code, events[i].name,
                events[i].group, events[i].text, events[i].a, events[i].b);
}

static void test_events(void **state)
{
    size_t n;
    const struct mc_event_row *rows = mc_events(&n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(rows[i].code, i + 1);
}

static void test_document(void **state)
{
    static char now[CAP], stored[CAP];
    FILE *f = fmemopen(now, sizeof now, "w");
    size_t n, len;

    (void)state;
    assert_non_null(f);
    print_document(f);
    n = (size_t)ftell(f);
    assert_int_equal(fclose(f), 0);
    assert_true(n < sizeof now - 1);
    if (getenv("GENERATE") != NULL) {
        f = fopen(DOCUMENT, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(now, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(DOCUMENT, "r");
    assert_non_null(f);
    len = fread(stored, 1, sizeof stored - 1, f);
    assert_int_equal(fclose(f), 0);
    stored[len] = '\0';
    assert_string_equal(stored, now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_document),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
