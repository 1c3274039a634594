/* fake_work.h - run.h, sync.h and procedure_find() played from a list of moments, for tests of
 * faces. Include it in one file of a test program: its functions take the place of the library's.
 *
 * A moment is a question, a wait or a failure, exactly as a face meets it. run_tick() and
 * run_answer() go on to the next one; what the face did is counted. Time stands still but for 100
 * ms with each
 * run_tick(). */
#ifndef GF_TESTS_FAKE_WORK_H
#define GF_TESTS_FAKE_WORK_H

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/procedure.h"
#include "field/sync.h"
#include "field/talk.h"

#define FAKE_UTC_MS 1795334400000       /* 2026-11-22T08:00:00Z */

struct fake_moment {
    enum run_phase phase;       /* RUN_ASK, RUN_WORK, RUN_STOPPED; RUN_FINISHED ends the list */
    size_t step;
    enum run_ask ask;
    const char *ask_id, *prompt, *help, *word;
    const char *accept;         /* the answer that goes on; NULL: any */
    const char *waiting_for;
    int ticks;                  /* of RUN_WORK: how long */
    int attempt, attempts;      /* of RUN_WORK, as the view's; 0: the first */
    const char *attempt_why;
    int64_t attempt_in_ms;
    bool purge; /* of RUN_WORK: a purge runs, until it is stopped or `ticks` are over */
    uint32_t read, all;         /* of a talk, while a long read is under way */
    const gasm_Response *answer;        /* of a talk: the meter's, when it is over; NULL: none */
    int code;                   /* of RUN_STOPPED */
    const char *detail;
    const char *done; /* when it is over, its step ends with this text; NULL: the step goes on */
    struct run_line lines[3];
};

struct fake_work {
    const struct fake_moment *moments;
    size_t at;
    int ticks;                  /* in this moment */
    int64_t mono_ms, utc_ms;
    struct run_view view;
    struct run_listener listener;
    struct sync_view sync;
    uint64_t rounds_ended, rounds_wanted;
    int start_code;
    bool cancel_hangs;          /* run_cancel() does not come to its end */
    char started[64];           /* "account-opening J-0001" */
    char answers[1024];         /* each answer that was accepted, with a newline */
    unsigned confirmed, retried, stopped, cancelled, syncs, sync_cancels;
};
static struct fake_work fake;

static const struct step fake_steps[] = {
    {.id = "scan",
     .title = "Scan the meter's label",
     .questions = {{.id = "scan", .ask = ASK_LABEL, .prompt = "Scan the label"}}},
    {.id = "connect", .title = "Connect to the meter"},
    {.id = "purge",
     .title = "Purge the pipe",
     .questions =
         {{.id = "ventilation", .ask = ASK_YES, .prompt = "Are the rooms aired?"},
          {.id = "open-gas", .ask = ASK_WORD, .prompt = "Gas will flow.", .word = "PURGE"}}},
    {.id = "finish",
     .title = "Show the certificate",
     .questions = {{.id = "seen", .ask = ASK_ENTER, .prompt = "Ready"}}},
};
static const struct step *const fake_table[] = {&fake_steps[0], &fake_steps[1], &fake_steps[2],
                                                &fake_steps[3]};
static const struct procedure fake_procedure = {
    .id = "account-opening", .title = "Account opening", .steps = fake_table, .n_steps = 4,
};

const struct procedure *procedure_find(const char *id)
{
    return strcmp(id, fake_procedure.id) == 0 ? &fake_procedure : NULL;
}

static const struct fake_moment *fake_now(void)
{
    return &fake.moments[fake.at];
}

/* Fill the view from the present moment. */
static void fake_show(void)
{
    const struct fake_moment *m = fake_now();
    struct run_view *v = &fake.view;

    v->phase = fake.cancelled > 0 && !fake.cancel_hangs ? RUN_LEFT : m->phase;
    v->now = m->step;
    for (size_t i = 0; i < v->n_steps; i++)
        v->steps[i].mark = i < m->step ? MARK_DONE : i > m->step ? MARK_TODO
            : m->phase == RUN_STOPPED ? MARK_FAILED : MARK_NOW;
    v->ask = m->ask;
    v->ask_id = m->ask_id;
    (void)gf_copy(v->prompt, sizeof v->prompt, m->prompt != NULL ? m->prompt : "");
    (void)gf_copy(v->help, sizeof v->help, m->help != NULL ? m->help : "");
    (void)gf_copy(v->word, sizeof v->word, m->word != NULL ? m->word : "");
    (void)gf_copy(v->waiting_for, sizeof v->waiting_for,
                  m->waiting_for != NULL ? m->waiting_for : "");
    v->attempt = m->attempt > 0 ? m->attempt : 1;
    v->attempts = m->attempts;
    v->attempt_in_ms = m->attempt_in_ms;
    (void)gf_copy(v->attempt_why, sizeof v->attempt_why,
                  m->attempt_why != NULL ? m->attempt_why : "");
    v->elapsed_ms = (int64_t)fake.ticks * 100;
    v->can_retry = m->phase == RUN_STOPPED;
    v->can_cancel = true;
    v->fail = (struct gf_fail){0};
    if (m->code != 0)
        (void)gf_fail(&v->fail, m->code, m->ask_id, m->detail);
    v->n_lines = 0;
    for (; v->n_lines < 3 && m->lines[v->n_lines].name[0] != '\0'; v->n_lines++)
        v->lines[v->n_lines] = m->lines[v->n_lines];
    v->purge.running = m->purge;
    v->purge.granted_l = 60;
    v->purge.granted_s = 120;
    v->purge.litres = m->purge ? (uint32_t)fake.ticks / 4 : 0;
    v->purge.seconds = m->purge ? (uint32_t)fake.ticks / 10 : 0;
    v->purge.confirm_in_ms = m->purge ? 30000 - (int64_t)fake.ticks * 100 : 0;
}

static void fake_next(void)
{
    const struct fake_moment *m = fake_now();

    if (m->answer != NULL)
        fake.listener.answer(fake.listener.ctx, m->answer);
    if (m->done != NULL && fake.listener.step != NULL)
        fake.listener.step(fake.listener.ctx, m->step, fake_steps[m->step].id,
                           fake_steps[m->step].title, 0, m->done);
    fake.at++;
    fake.ticks = 0;
    m = fake_now();
    if (m->phase == RUN_STOPPED && fake.listener.step != NULL)
        fake.listener.step(fake.listener.ctx, m->step, fake_steps[m->step].id,
                           fake_steps[m->step].title, m->code, m->detail);
    fake_show();
}

static void fake_reset(const struct fake_moment *moments)
{
    fake = (struct fake_work){.moments = moments, .utc_ms = FAKE_UTC_MS};
}

struct run *run_new(const struct field_ports *ports, struct sync *sync)
{
    (void)ports;
    (void)sync;
    return (struct run *)&fake;
}

struct run *run_free(struct run *r)
{
    (void)r;
    return NULL;
}

void run_listen(struct run *r, const struct run_listener *listener)
{
    (void)r;
    fake.listener = listener != NULL ? *listener : (struct run_listener){0};
}

int run_start(struct run *r, const char *procedure, const char *job_number, struct gf_fail *why)
{
    (void)r;
    if (fake.start_code != 0)
        return gf_fail(why, fake.start_code, "job", job_number);
    (void)snprintf(fake.started, sizeof fake.started, "%s %s", procedure, job_number);
    (void)gf_copy(fake.view.job, sizeof fake.view.job, job_number);
    (void)gf_copy(fake.view.meter_id, sizeof fake.view.meter_id, "GM2400000156");
    (void)gf_copy(fake.view.title, sizeof fake.view.title, fake_procedure.title);
    fake.view.n_steps = fake_procedure.n_steps;
    for (size_t i = 0; i < fake.view.n_steps; i++) {
        fake.view.steps[i].id = fake_steps[i].id;
        fake.view.steps[i].title = fake_steps[i].title;
    }
    fake.cancelled = 0;
    fake_show();
    return 0;
}

int run_answer(struct run *r, const char *text)
{
    const struct fake_moment *m = fake_now();
    size_t n = strlen(fake.answers);

    (void)r;
    if (m->phase != RUN_ASK)
        return GF_E_NOT_NOW;
    if (m->accept != NULL && strcmp(text, m->accept) != 0) {
        fake.view.fail = (struct gf_fail){0};
        return gf_fail(&fake.view.fail, GF_E_ANSWER, m->ask_id, "not what was wanted");
    }
    (void)snprintf(fake.answers + n, sizeof fake.answers - n, "%s\n", text);
    fake_next();
    return 0;
}

int talk_start(struct run *r, const char *meter_id, const char *job, const char *address,
               struct gf_fail *why)
{
    int code = run_start(r, "meter", job != NULL ? job : meter_id, why);

    (void)address;
    fake.view.n_steps = 1;
    (void)gf_copy(fake.view.title, sizeof fake.view.title, "One meter");
    return code;
}

int talk_ask(struct run *r, const char *const *words, size_t n, struct gf_fail *why)
{
    char line[200] = "";
    size_t at = 0;

    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(line + at, sizeof line - at, "%s%s", i > 0 ? " " : "", words[i]);
    if (fake.start_code != 0)
        return gf_fail(why, fake.start_code, words[0], "not what was wanted");
    return run_answer(r, line);
}

int talk_confirm(struct run *r, const char *word, struct gf_fail *why)
{
    (void)why;
    return run_answer(r, word);
}

bool talk_stop(struct run *r)
{
    (void)r;
    if (fake_now()->phase == RUN_ASK && fake_now()->ask == ASK_COMMAND)
        return false;
    fake_next();
    return true;
}

const struct talk_command *talk_command(const struct run *r)
{
    (void)r;
    return NULL;
}

enum talk_may talk_may(const struct run *r, const struct talk_command *c)
{
    (void)r;
    return (enum talk_may)(c->id % 4);
}

void talk_progress(const struct run *r, uint32_t *ret_read, uint32_t *ret_all)
{
    (void)r;
    *ret_read = fake_now()->read;
    *ret_all = fake_now()->all;
}

bool talk_monthly(const struct run *r)
{
    (void)r;
    return false;
}

void run_confirm_presence(struct run *r)
{
    (void)r;
    fake.confirmed++;
    fake.view.purge.confirm_in_ms = 30000;
}

int run_stop_purge(struct run *r)
{
    (void)r;
    if (!fake.view.purge.running)
        return GF_E_NOT_NOW;
    fake.stopped++;
    fake_next();
    return 0;
}

int run_retry(struct run *r)
{
    (void)r;
    if (fake_now()->phase != RUN_STOPPED)
        return GF_E_NOT_NOW;
    fake.retried++;
    fake_next();
    return 0;
}

void run_cancel(struct run *r)
{
    (void)r;
    fake.cancelled++;
    fake_show();
}

int run_tick(struct run *r)
{
    (void)r;
    fake.mono_ms += 100;
    if (fake.started[0] == '\0' || fake.cancelled > 0 || fake_now()->phase != RUN_WORK)
        return 0;
    if (++fake.ticks >= fake_now()->ticks)
        fake_next();
    else
        fake_show();
    return 0;
}

const struct run_view *run_view(struct run *r)
{
    (void)r;
    return &fake.view;
}

void sync_now(struct sync *s)
{
    (void)s;
    fake.syncs++;
}

uint64_t sync_rounds_ended(const struct sync *s)
{
    (void)s;
    return fake.rounds_ended;
}

uint64_t sync_round_wanted(const struct sync *s)
{
    (void)s;
    return fake.rounds_wanted;
}

bool sync_cancel(struct sync *s)
{
    (void)s;
    fake.sync_cancels++;
    return fake.sync.phase == SYNC_RUNNING;
}

int sync_tick(struct sync *s)
{
    (void)s;
    return 0;
}

const struct sync_view *sync_view(struct sync *s)
{
    (void)s;
    return &fake.sync;
}

static int64_t fake_utc_ms(void *ctx)
{
    (void)ctx;
    return fake.utc_ms;
}

static int64_t fake_mono_ms(void *ctx)
{
    (void)ctx;
    return fake.mono_ms;
}

static const struct gf_clock fake_clock = {NULL, fake_utc_ms, fake_mono_ms};

#endif
