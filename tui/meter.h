/* meter.h - `gasfitter meter COMMAND`: the headless face of a talk with one meter, and how answers
 * are printed.
 */
#ifndef GF_TUI_METER_H
#define GF_TUI_METER_H

#include <stdio.h>

#include "field/talk.h"
#include "tui/env.h"

struct meter_how {
    const char *meter_id, *job;         /* which; either may be NULL, not both */
    const char *address;                /* of its label; NULL */
    const char *const *words;           /* commands with arguments, apart by "then"; "pause 3" is one */
    size_t n_words;
    const char *confirm;                /* names of dangerous commands, apart by commas; NULL */
    bool json;
    FILE *out, *err;                    /* answers; what is waited for */
};

/* Ask one command after another in one session, and print each answer as it comes. The first
 * failure ends it. A value that begins with "@" is the name of a file: its bytes, or the hex digits
 * in it. 0, or GF_E_* with *why. A signal (env->stop) gives up; the same call settles what was
 * under way. */
int tui_meter(const struct tui_env *env, const struct meter_how *how, struct gf_fail *why);

/* What a command's mark says of talk_may(), and the marks in a sentence. */
char meter_mark(enum talk_may may);
#define METER_MARKS "\"+\" the meter takes it now, \"?\" a ticket here gives the right, \"x\" not in the " \
                    "meter's state, \"-\" no ticket."

/* The list of the meter's commands with their arguments; of a talk (not NULL) with their marks. */
void meter_commands(FILE *out, const struct run *talk);
void meter_help(FILE *out);         /* of the command line: how to use that list */

/* ---- meter_print.c ---- */

/* How answers are printed: lines for people, entries of lists in columns; or JSON. */
struct meter_print {
    FILE *out;
    bool json;
    void *doc;                          /* json_t, while an answer is collected */
    bool in_list;                       /* the head of the columns is printed */
};

/* Print an answer, or one page of a long one; meter_print_end() when the command is done. */
void meter_print(struct meter_print *m, const gasm_Response *answer, bool monthly);
void meter_print_end(struct meter_print *m);

/* A failure as one JSON document on standard error; returns the exit status. */
int json_report(const struct gf_fail *why);

#endif
