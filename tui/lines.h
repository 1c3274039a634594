/* lines.h - the face of lines: what headless runs and plain mode print. No cursor addressing, no
 * colour. */
#ifndef GF_TUI_LINES_H
#define GF_TUI_LINES_H

#include <stdint.h>
#include <stdio.h>

#include "tui/meter.h"

#define FAIL_TEXT_MAX 480

struct lines {
    FILE *out;
    struct run *run;
    struct run_line told[RUN_LINES_MAX];    /* what was found out, as last printed */
    size_t n_told;
    size_t n_steps;                 /* of the procedure, for "[ 3/14]" */
    bool said_away;                 /* that head office is away */
    char said_wait[sizeof ((struct run_view *)0)->waiting_for];     /* what is waited for, as last printed */
    int said_attempt;
    int64_t purge_every_ms;         /* at most one line of purge progress in this time; 1000 */
    int64_t purge_next_ms;          /* when the next may come */
    uint32_t purge_l, purge_s;      /* as last printed */
    struct meter_print print;       /* of a talk: the meter's answers */
};

/* "E061 the radio link was lost (step: detail). To do: stay near the meter." in full; returns
 * ret. */
char *fail_text(const struct gf_fail *fail, char ret[static FAIL_TEXT_MAX]);

/* Print steps, messages and, of a talk, answers of `run` as they come, from now on; `l` must outlive the run's use. */
void lines_listen(struct lines *l, FILE *out, struct run *run);

/* Print the name of job, meter and procedure, once it is started. */
void lines_start(struct lines *l, const struct run_view *v);

/* Print what is worth a line since the last call: the purge now and then, head office going away,
 * what a longer wait waits for. */
void lines_progress(struct lines *l, const struct run_view *v, int64_t mono_ms);

/* Print what was found out since the last call, one "name: value" a line; it is called by itself
 * before a step's end. */
void lines_found(struct lines *l, const struct run_view *v);

#endif
