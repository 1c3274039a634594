/* test_man.c - the man pages of docs/man/ say what the programs' own tables say; GENERATE=1 writes
 * those sections anew. Text comes out of roff as it went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "backend/admin.h"
#include "bt/virtual/options.h"
#include "common/host/man.h"
#include "meter-core/port/host/actions.h"
#include "meter-core/port/host/options.h"
#include "tests/aid/document.h"
#include "tui/exits.h"
#include "tui/program.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void fitter_commands(FILE *f)
{
    program_man(PROGRAM_MAN_COMMANDS, f);
}

static void fitter_options(FILE *f)
{
    program_man(PROGRAM_MAN_OPTIONS, f);
}

static void control(FILE *f)
{
    size_t n;
    const struct gm_action *rows = gm_actions(&n);

    for (size_t i = 0; i < n; i++) {
        char form[60], head[80];

        gm_action_argument(&rows[i], form, sizeof form);
        (void)snprintf(head, sizeof head, "%s%s%s", rows[i].name, form[0] != '\0' ? " " : "", form);
        man_row(f, head, rows[i].help);
    }
}

static void test_pages(void **state)
{
    static const struct aid_section fitter[] = { { "commands", fitter_commands },
                                                 { "options", fitter_options },
                                                 { "exit statuses", exits_man } };
    static const struct aid_section meter[] = { { "commands", gm_options_man },
                                                { "control", control },
                                                { "exit statuses", exits_man } };
    static const struct aid_section virtual[] = { { "options", vb_options_man } };
    static const struct aid_section office[] = { { "commands", admin_man },
                                                 { "exit statuses", exits_man } };

    (void)state;
    aid_document_settle("docs/man/gasfitter.1", fitter, N(fitter));
    aid_document_settle("docs/man/gasmeter.1", meter, N(meter));
    aid_document_settle("docs/man/virtual-bluez.1", virtual, N(virtual));
    aid_document_settle("docs/man/gasoffice.8", office, N(office));
}

static char got[200];

static FILE *begin(void)
{
    FILE *f = fmemopen(got, sizeof got, "w");

    assert_non_null(f);
    return f;
}

static void check_row(const char *what, const char *want)
{
    FILE *f = begin();

    man_row(f, "--due", what);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(got, want);
}

static void check_option(const char *value, const char *what, const char *note, const char *want)
{
    FILE *f = begin();

    man_option(f, "due", value, what, note);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(got, want);
}

static void test_rows(void **state)
{
    (void)state;
    check_row("the day", ".TP\n.B \\-\\-due\nThe day.\n");
    check_row("", ".TP\n.B \\-\\-due\n.\n");
    check_row(".x and 'y\n   'z, \\n; done.", ".TP\n.B \\-\\-due\n\\&.x and 'y\n\\&'z, \\en; done.\n");
    check_option("DATE", "5.50..5.99", " (needed)",
                 ".TP\n.B \\-\\-due DATE\n5.50..5.99 (needed).\n");
    check_option(NULL, "the day", "", ".TP\n.B \\-\\-due\nthe day.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_pages), cmocka_unit_test(test_rows) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
