/* exits.h - what a program's exit status means; docs/exit-codes.md. */
#ifndef GF_TUI_EXITS_H
#define GF_TUI_EXITS_H

#include <stdio.h>

/* Print all of them in one sentence, broken into lines of at most 100 columns. */
void exits_print_short(FILE *out);

/* Print them as a man page's section; see common/host/man.h. */
void exits_man(FILE *out);

/* Print docs/exit-codes.md: the statuses, and the table of errors with what to do. */
void exits_print(FILE *out);

#endif
