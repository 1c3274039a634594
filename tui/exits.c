/* exits.c - exit statuses in words; see exits.h. */
#include "tui/exits.h"

#include <string.h>

#include "common/err.h"
#include "common/host/man.h"

/* Index: the status. The numbers themselves stand in the table of errors, common/err.h. */
static const char *const meanings[] = {
    "done", "internal error", "the command line is wrong", "wrong input, or the wrong meter",
    "refused by the meter or by head office", "the radio link", "head office cannot be reached",
    "storage", "busy, or cancelled",
};
#define N_STATUSES (sizeof meanings / sizeof meanings[0])

void exits_print_short(FILE *out)
{
    size_t column = (size_t)fprintf(out, "Exit status:");

    for (size_t i = 0; i < N_STATUSES; i++) {
        size_t n = strlen(meanings[i]) + 4;

        if (column + n > 100) {
            (void)fprintf(out, "\n ");
            column = 1;
        }
        column += (size_t)fprintf(out, " %zu %s%s", i, meanings[i],
                                  i + 1 < N_STATUSES ? "," : ".\n");
    }
}

void exits_man(FILE *out)
{
    char status[24];

    for (size_t i = 0; i < N_STATUSES; i++) {
        (void)snprintf(status, sizeof status, "%zu", i);
        man_row(out, status, meanings[i]);
    }
}

void exits_print(FILE *out)
{
    size_t n;
    const struct gf_err_row *rows = gf_err_rows(&n);

    (void)fprintf(out,
                  "# Exit codes\n\nPrinted from the table in `common/err.h`; a test compares. "
                  "`gasfitter`, `gasoffice` "
                  "and `gasmeter` end with these statuses.\n\n| status | means |\n|---|---|\n");
    for (size_t i = 0; i < N_STATUSES; i++)
        (void)fprintf(out, "| %zu | %s |\n", i, meanings[i]);
    (void)fprintf(
        out, "\nEvery message begins with the number of its error. Numbers are never reused.\n\n"
             "| error | name | status | what happened | what to do |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++)
        (void)fprintf(out, "| E%03d | %s | %d | %s | %s |\n", -rows[i].code, rows[i].name,
                      rows[i].exit_status, rows[i].what, rows[i].todo);
}
