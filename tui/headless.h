/* headless.h - a whole procedure without a person: answers come from a file and from options. */
#ifndef GF_TUI_HEADLESS_H
#define GF_TUI_HEADLESS_H

#include <stdio.h>

#include "tui/env.h"

struct headless_how {
    const char *procedure;          /* "account-opening" */
    const char *job;                /* "J-0001" */
    const char *image;              /* PNG with the meter's label; NULL */
    const char *label;              /* label text; NULL. Not both */
    const char *answers;            /* path of an answers file; NULL */
    FILE *out;                      /* steps, receipts, messages */
};

/* Run or resume the procedure until it is finished. Each question is answered from `how`; a missing
 * answer, an answer for no step, and a refused answer end it, with the line of the answers file. A
 * signal (env->stop) cancels safely; a second one ends at once. 0 when finished, else GF_E_* with
 * *why filled: all state is kept, the same call resumes. */
int tui_headless(const struct tui_env *env, const struct headless_how *how, struct gf_fail *why);

#endif
