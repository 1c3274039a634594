/* run.c - runs a procedure step by step for any face; see run.h and run_inner.h. */
#include "field/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "field/run_inner.h"

/* A round with head office that takes longer does not hold the work up. */
#define OFFICE_MS 30000
#define DOWN_MS 10000

int64_t run_mono(const struct run *r)
{
    return r->ports->clock->mono_ms(r->ports->clock->ctx);
}

int64_t run_utc_ms(const struct run *r)
{
    return r->ports->clock->utc_ms(r->ports->clock->ctx);
}

/* ---- life ---- */

static void on_met(void *ctx, int code, const gasm_Response *answer, const struct gf_fail *why)
{
    struct run *r = ctx;

    r->met.ended = true;
    r->met.code = code;
    r->met.why = *why;
    if (answer != NULL)
        r->met.answer = *answer;
}

struct run *run_new(const struct field_ports *ports, struct sync *sync)
{
    struct run *r = calloc(1, sizeof *r);
    struct ml_events events = {r, on_met, NULL};

    if (r == NULL)
        return NULL;
    r->ports = ports;
    r->sync = sync;
    r->ml = meter_link_new(ports, &ml_limits_usual, &events);
    if (r->ml == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

struct run *run_free(struct run *r)
{
    if (r != NULL) {
        meter_link_free(r->ml);
        free(r);
    }
    return NULL;
}

void run_listen(struct run *r, const struct run_listener *listener)
{
    r->listener = listener != NULL ? *listener : (struct run_listener){0};
}

/* ---- what faces are told ---- */

static void clear_old_lines(struct run *r)
{
    if (r->lines_old)
        r->view.n_lines = 0;
    r->lines_old = false;
}

void run_line(struct run *r, const char *name, const char *format, ...)
{
    struct run_line *line;
    char text[RUN_LINE_LEN];
    va_list ap;

    clear_old_lines(r);
    if (r->view.n_lines == RUN_LINES_MAX)
        return;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    line = &r->view.lines[r->view.n_lines++];
    gf_visible(line->name, sizeof line->name, name, strlen(name));
    gf_visible(line->value, sizeof line->value, text, strlen(text));
}

void run_say(struct run *r, const char *format, ...)
{
    char text[RUN_LINE_LEN];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    gf_visible(r->view.message, sizeof r->view.message, text, strlen(text));
    if (r->listener.message != NULL)
        r->listener.message(r->listener.ctx, r->view.message);
}

void run_tell(struct run *r, int code, const char *text)
{
    if (r->listener.step != NULL)
        r->listener.step(r->listener.ctx, r->row.next_step, r->step->id, r->step->title, code,
                         text);
}

/* ---- steps begin and end ---- */

void run_go(struct run *r, size_t n)
{
    r->row.next_step = (uint32_t)n;
    r->retry_to = n;
    r->step = r->procedure->steps[n];
    r->attempt = (struct step_row){0};
    r->stage = r->tries = 0;
    r->lines_old = true;
    r->entered_mono = run_mono(r);
    r->view.phase = RUN_WORK;
    r->view.ask = ASK_NONE;
    r->view.ask_id = NULL;
    r->view.fail = (struct gf_fail){0};
    r->wait = W_ENTER;
}

/* All is done: the connection is closed before the run counts as finished. */
static void close_down(struct run *r)
{
    meter_link_close(r->ml);
    r->view.phase = RUN_WORK;
    r->view.ask = ASK_NONE;
    r->view.ask_id = NULL;
    r->purge.running = false;
    r->wait = W_DOWN;
    r->wait_until = run_mono(r) + DOWN_MS;
}

void run_done(struct run *r, const char *job_state, const char *text)
{
    uint32_t now = r->row.next_step, state = r->row.state;
    bool last = now + 1 == r->procedure->n_steps;

    if (r->attempt.attempt == 0) {
        r->attempt.attempt = 1;
        r->attempt.result_len = strlen(text) < sizeof r->attempt.result ? strlen(text) : 0;
        memcpy(r->attempt.result, text, r->attempt.result_len);
    }
    r->attempt.state = STEP_DONE;
    r->row.next_step = now + 1;
    r->row.state = last ? RUN_DONE : RUN_ACTIVE;
    if (!run_save(r, job_state, NULL, 0)) {
        r->row.next_step = now;
        r->row.state = state;
        return;
    }
    r->row.next_step = now;
    run_tell(r, 0, text);
    r->row.next_step = now + 1;
    if (last)
        close_down(r);
    else
        run_go(r, now + 1);
}

void run_again(struct run *r)
{
    r->wait = W_ENTER;
}

void run_stop(struct run *r, int code, const char *detail)
{
    if (r->purge.running) {         /* without a link the valve closes at once */
        r->purge.running = false;
        meter_link_close(r->ml);
    }
    r->view.phase = RUN_STOPPED;
    r->view.ask = ASK_NONE;
    r->view.ask_id = NULL;
    r->view.fail = (struct gf_fail){0};
    (void)gf_fail(&r->view.fail, code, r->step->id, detail);
    r->wait = W_NOTHING;
    run_tell(r, code, r->view.fail.detail);
}

void run_refused(struct run *r, const gasm_Response *answer)
{
    char text[sizeof r->view.fail.detail];

    if (answer->result == gasm_Refusal_RANGE && answer->place != 0)
        snprintf(text, sizeof text, "parameter %u: %s", answer->place,
                 refusal_text(answer->result));
    else
        gf_copy(text, sizeof text, refusal_text(answer->result));
    run_stop(r, GF_E_REFUSED, text);
}

/* ---- waiting ---- */

void run_office(struct run *r)
{
    sync_now(r->sync);
    r->office_round = sync_round_wanted(r->sync);
    r->wait = W_OFFICE;
    r->wait_until = run_mono(r) + OFFICE_MS;
}

void run_wait(struct run *r, int64_t ms)
{
    r->wait = W_TIME;
    r->wait_until = run_mono(r) + ms;
}

static void enter(struct run *r)
{
    struct run_event e = {.kind = EV_ENTER};
    int found = 0;

    if (!run_needs(r))
        return;
    if (!r->procedure->is_talk)     /* its rows have the names of commands */
        found = r->ports->store->step_last(r->ports->store->ctx, r->row.id, r->step->id, &r->attempt);
    if (found < 0) {
        run_stop(r, found, "the last attempt cannot be read");
        return;
    }
    if (found == 0)
        r->attempt = (struct step_row){0};
    r->stage = 0;
    run_event(r, &e);
}

/* Leaving, or all steps done: the connection is closed, others may have the radio. */
static void settle_down(struct run *r)
{
    r->ports->link->bind(r->ports->link->ctx, NULL);
    r->view.phase = r->leaving ? RUN_LEFT : RUN_FINISHED;
    r->leaving = false;
    r->wait = W_NOTHING;
    gf_wipe(&r->ticket, sizeof r->ticket);
}

/* Do what is due. True when something was. */
static bool move(struct run *r)
{
    struct run_event e = {.kind = EV_TIME};
    bool late = run_mono(r) >= r->wait_until;

    if (r->leaving && !r->purge.running && r->wait != W_DOWN) {
        close_down(r);
        return true;
    }
    switch (r->wait) {
    case W_NOTHING:
    case W_ANSWER:
        return false;
    case W_ENTER:
        enter(r);
        return true;
    case W_ASKED:
        e.kind = EV_ASKED;
        break;
    case W_METER:
        if (!r->met.ended)
            return false;
        r->met.ended = false;
        run_met(r);
        return true;
    case W_OFFICE:
        if (sync_rounds_ended(r->sync) < r->office_round && !late)
            return false;
        e.kind = EV_OFFICE;
        break;
    case W_TIME:
        if (!late && !(r->purge.running && !ml_connected(r->ml)))
            return false;
        break;
    case W_DOWN:
        if (!ml_down(r->ml) && !late)
            return false;
        settle_down(r);
        return true;
    }
    r->wait = W_NOTHING;
    run_event(r, &e);
    return true;
}

int run_tick(struct run *r)
{
    int ml_ms, ms = 1000;
    int64_t left;

    if (r->view.phase == RUN_IDLE || r->view.phase == RUN_LEFT || r->view.phase == RUN_FINISHED)
        return 1000;
    ml_ms = meter_link_tick(r->ml);
    /* The bound only keeps a mistake from blocking the face; a step makes a few moves at a time. */
    for (int i = 0; i < 64 && move(r); i++)
        ml_ms = meter_link_tick(r->ml);
    left = r->wait_until - run_mono(r);
    if ((r->wait == W_TIME || r->wait == W_OFFICE || r->wait == W_DOWN) && left < ms)
        ms = left > 0 ? (int)left : 0;
    return ml_ms < ms ? ml_ms : ms;
}

/* ---- what faces call ---- */

int run_idle(const struct run *r, struct gf_fail *why)
{
    if (r->view.phase != RUN_IDLE && r->view.phase != RUN_LEFT && r->view.phase != RUN_FINISHED)
        return gf_fail(why, GF_E_NOT_NOW, "run", "another run is active");
    return 0;
}

void run_fresh(struct run *r, const struct procedure *p)
{
    r->view = (struct run_view){0};
    r->procedure = p;
    r->label = (struct gf_label){0};
    r->identity = (gasm_Identity){0};
    r->met.ended = r->leaving = r->reopen = false;
}

int run_start(struct run *r, const char *procedure, const char *job_number, struct gf_fail *why)
{
    const struct procedure *p = procedure_find(procedure);
    int code = run_idle(r, why);

    if (code < 0)
        return code;
    if (p == NULL)
        return gf_fail(why, GF_E_USAGE, "procedure", procedure);
    run_fresh(r, p);
    code = run_load(r, job_number, why);
    if (code < 0)
        return code;
    gf_copy(r->view.job, sizeof r->view.job, r->job.number);
    gf_copy(r->view.meter_id, sizeof r->view.meter_id, r->job.meter_id);
    gf_copy(r->view.title, sizeof r->view.title, p->title);
    run_go(r, r->row.next_step < p->n_steps ? r->row.next_step : p->n_steps - 1);
    if (r->row.next_step > 0)
        run_say(r, "goes on at \"%s\"", r->step->title);
    return 0;
}

void run_confirm_presence(struct run *r)
{
    r->purge.present_mono = run_mono(r);
}

int run_stop_purge(struct run *r)
{
    if (!r->purge.running)
        return GF_E_NOT_NOW;
    r->purge.stop_wanted = true;
    if (r->wait == W_TIME)
        r->wait_until = run_mono(r);
    return 0;
}

int run_retry(struct run *r)
{
    sync_Job job;

    if (r->view.phase != RUN_STOPPED)
        return GF_E_NOT_NOW;
    if (!r->procedure->is_talk &&
        r->ports->store->job(r->ports->store->ctx, r->job.number, &job) == 0)
        r->job = job;               /* head office may have corrected it */
    r->reopen = true;               /* ... or issued a new ticket */
    run_go(r, r->retry_to);
    return 0;
}

void run_cancel(struct run *r)
{
    if (r->view.phase == RUN_IDLE || r->view.phase == RUN_LEFT || r->view.phase == RUN_FINISHED)
        return;
    r->leaving = true;
    (void)run_stop_purge(r);        /* when there is none there is nothing to stop */
}

static const char *waiting_for(const struct run *r)
{
    switch (r->wait) {
    case W_ENTER:
    case W_METER:
        return ml_waiting_for(r->ml);
    case W_OFFICE:
        return "head office";
    case W_DOWN:
        return "the end of the connection";
    case W_TIME:
        return r->purge.running ? "the gas" : r->step->title;
    case W_ANSWER:
        return "your answer";
    case W_NOTHING:
    case W_ASKED:
        break;
    }
    return "";
}

static void attempt_view(struct run *r)
{
    struct run_view *v = &r->view;
    struct ml_try t;

    ml_try(r->ml, &t);
    v->attempt = t.number;
    v->attempts = t.most;
    v->attempt_in_ms = t.in_ms;
    if (t.number > 1)
        snprintf(v->attempt_why, sizeof v->attempt_why, t.detail[0] != '\0' ? "%s (%.40s)" : "%s",
                 gf_err_row(t.code)->what, t.detail);
    else
        v->attempt_why[0] = '\0';
}

const struct run_view *run_view(struct run *r)
{
    struct run_view *v = &r->view;

    if (v->phase == RUN_IDLE || r->procedure == NULL || r->step == NULL)
        return v;
    v->n_steps = r->procedure->n_steps;
    v->now = r->row.next_step < v->n_steps ? r->row.next_step : v->n_steps - 1;
    for (size_t i = 0; i < v->n_steps; i++) {
        v->steps[i].id = r->procedure->steps[i]->id;
        v->steps[i].title = r->procedure->steps[i]->title;
        v->steps[i].mark = i < r->row.next_step ? MARK_DONE : MARK_TODO;
    }
    if (r->row.next_step < v->n_steps)
        v->steps[v->now].mark = v->phase == RUN_STOPPED ? MARK_FAILED : MARK_NOW;
    if (v->phase != RUN_ASK)
        gf_copy(v->help, sizeof v->help,
                v->phase == RUN_STOPPED && v->fail.code == GF_E_REFUSED ? r->step->refusal
                                                                        : r->step->help);
    gf_copy(v->waiting_for, sizeof v->waiting_for, waiting_for(r));
    v->elapsed_ms = run_mono(r) - r->entered_mono;
    attempt_view(r);
    v->can_retry = v->phase == RUN_STOPPED;
    v->can_cancel = v->phase == RUN_ASK || v->phase == RUN_WORK || v->phase == RUN_STOPPED;
    purge_view(r);
    return v;
}
