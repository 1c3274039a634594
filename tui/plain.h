/* plain.h - line mode: the same work as on the screen, one line after the other; for screen readers
 * and poor terminals.
 *
 * Nothing is drawn over, no colour, no cursor addressing. `?` explains, `!` cancels, at every
 * prompt.
 */
#ifndef GF_TUI_PLAIN_H
#define GF_TUI_PLAIN_H

#include <stdio.h>

#include "tui/env.h"

/* Lead through jobs until the person quits, the input ends, or a signal comes; an active run is
 * cancelled safely first. Reads lines from in_fd (set to non-blocking while it runs) and repeats
 * them on `out` when it is no terminal. 0, or GF_E_* with *why when the store fails. */
int tui_plain(const struct tui_env *env, int in_fd, FILE *out, struct gf_fail *why);

#endif
