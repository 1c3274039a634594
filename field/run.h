/* run.h - runs a procedure, which is a table of steps (procedure.h), for any face: screen, plain lines, answers file.
 *
 * The face draws run_view(), hands in answers, and calls run_tick() from its loop. Nothing here blocks. The state of
 * each step is in the store before and after it, so a run goes on where it stopped after any interruption, with the
 * operation ids that it had.
 */
#ifndef GF_FIELD_RUN_H
#define GF_FIELD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field/ports.h"
#include "meter-core/proto/meter.pb.h"

#define RUN_STEPS_MAX 24
#define RUN_LINES_MAX 24
#define RUN_LINE_LEN 100

enum run_phase {
    RUN_IDLE,       /* nothing started */
    RUN_ASK,        /* waits for run_answer() */
    RUN_WORK,       /* something is under way: `waiting_for` says what */
    RUN_STOPPED,    /* a failure: `fail` says which; run_retry() tries the step again, run_cancel() keeps it for later */
    RUN_FINISHED,   /* all steps done */
    RUN_LEFT,       /* cancelled or left; a later start resumes */
};

/* How a step stands. */
enum run_mark { MARK_TODO, MARK_NOW, MARK_DONE, MARK_FAILED };

/* What kind of answer is wanted: how a face asks for it. */
enum run_ask {
    ASK_NONE,
    ASK_LABEL,      /* a label's text: by camera, image, hand scanner, or the meter id typed twice */
    ASK_YES,        /* the word "yes", or a refusal "no" */
    ASK_WORD,       /* danger: the word in `word` must be typed */
    ASK_TEXT,       /* free text */
    ASK_ENTER,      /* go on when ready */
    ASK_COMMAND,    /* of a talk (talk.h): a command of the meter, with its arguments */
};

struct run_line {
    char name[40];
    char value[RUN_LINE_LEN];
};

struct run_view {
    enum run_phase phase;
    char job[32], meter_id[GF_METER_ID_TEXT], title[48];
    size_t n_steps, now;                        /* steps of the table; index of the present one */
    struct {
        const char *id, *title;                 /* static strings of the table */
        enum run_mark mark;
    } steps[RUN_STEPS_MAX];
    enum run_ask ask;
    const char *ask_id;                         /* what an answers file calls the question; static, NULL for none */
    char prompt[160], help[240];                /* of the present question; help also of a work step */
    char word[24];                              /* of ASK_WORD */
    char waiting_for[80];                       /* of RUN_WORK: "the meter's answer", "head office" */
    int64_t elapsed_ms;                         /* in the present step */
    int attempt, attempts;                      /* of what is under way, 1 first; at most, 0: no bound but time */
    char attempt_why[RUN_LINE_LEN];             /* why there is more than one */
    int64_t attempt_in_ms;                      /* until it begins; 0: it is under way */
    struct gf_fail fail;                        /* of RUN_STOPPED, and of a refused answer while asking */
    bool can_retry, can_cancel;
    bool office_away;                           /* the records are queued; work goes on */
    struct {                                    /* purge, live */
        bool running;
        uint32_t litres, granted_l, seconds, granted_s;
        int64_t confirm_in_ms;                  /* until the operator has to confirm presence; 0: now */
    } purge;
    size_t n_lines;                             /* what was found out in this step: balance, parameters, receipt */
    struct run_line lines[RUN_LINES_MAX];
    char message[RUN_LINE_LEN];                 /* the last thing worth telling */
};

/* What a step did, as it happens: for the log, for headless output. */
struct run_listener {
    void *ctx;
    /* A step came to its end: 0 done, or GF_E_*. `text` is one line for people ("receipt 7, 14 l purged"). */
    void (*step)(void *ctx, size_t n, const char *id, const char *title, int code, const char *text);
    void (*message)(void *ctx, const char *text);
    /* Of a talk: the meter's answer to what was asked, or one page of it. May be NULL. */
    void (*answer)(void *ctx, const gasm_Response *answer);
};

struct run;

struct sync;

/* A runner; keeps `ports` and `sync` (which it asks for a round when head office is needed; the program's loop ticks
 * both), and binds the link's events to itself from run_start() until the run is finished or left, then to none. NULL
 * when out of memory. */
struct run *run_new(const struct field_ports *ports, struct sync *sync);
struct run *run_free(struct run *r);            /* returns NULL; NULL is fine */
void run_listen(struct run *r, const struct run_listener *listener);    /* copied; NULL: nobody */

/* Start procedure `procedure` ("account-opening") for the job with this number, or resume it.
 * 0, GF_E_NO_JOB, GF_E_JOB_STATE, GF_E_USAGE (no such procedure), GF_E_NOT_NOW (a run is active), store errors. */
int run_start(struct run *r, const char *procedure, const char *job_number, struct gf_fail *why);

/* Answer the present question. 0, or the refusal (also in the view's fail); the question then stands.
 * ASK_LABEL takes a label's text, or the meter id typed twice with a space between. */
int run_answer(struct run *r, const char *text);

/* Operator is present and confirms: during a purge, keep-alives go on for 30 s from here. */
void run_confirm_presence(struct run *r);

/* During a purge: stop it now and go on. Elsewhere GF_E_NOT_NOW. */
int run_stop_purge(struct run *r);

/* Try a stopped step again. GF_E_NOT_NOW when not stopped. */
int run_retry(struct run *r);

/* Cancel safely: stops a purge first, disconnects, keeps the state; phase becomes RUN_LEFT when that is done. */
void run_cancel(struct run *r);

/* Time passed, or an event came: does what is due; returns ms until it must be called again (at most 1000). */
int run_tick(struct run *r);

/* "attempt 2 of 4, the radio link was lost, next in 0.5 s"; empty for the first. Returns ret. */
char *run_attempt_text(const struct run_view *v, char *ret, size_t cap);

/* How things stand; valid until the next call that takes r. */
const struct run_view *run_view(struct run *r);

#endif
