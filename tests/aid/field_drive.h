#ifndef GF_TESTS_AID_FIELD_DRIVE_H
#define GF_TESTS_AID_FIELD_DRIVE_H
/*
 * A program on a field_world: a run and a synchronisation, and an operator who answers. The bodies are here, so that
 * the tests of faces, which play run.h themselves, need not link the real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"
#include "field/run.h"
#include "field/sync.h"
#include "tests/aid/field_world.h"

#define FIELD_BOUND_MS 1800000      /* of simulated time for a whole opening */

struct field_operator {
    const char *procedure;          /* NULL: account opening */
    const char *meter_id;           /* of the label that is scanned */
    const char *refuses;            /* the question answered with no; NULL: none */
    bool absent;                    /* never confirms during a purge */
    bool retries;                   /* tries again what stopped */
    uint32_t stop_at_l;             /* stops the purge at so many litres; 0: never */
};

struct field_program {
    struct field_world *w;
    struct run *run;
    struct sync *sync;
    struct field_operator who;
    unsigned steps_done, retries, answered;
    char last_text[RUN_LINE_LEN];
};

static inline void drive_step_ended(void *ctx, size_t n, const char *id, const char *title,
                                    int code, const char *text)
{
    struct field_program *p = ctx;

    (void)title;
    p->steps_done += code == 0;
    gf_copy(p->last_text, sizeof p->last_text, text);
    if (getenv("FIELD_TRACE") != NULL)
        printf("# %8lld %zu %s %d %s\n", (long long)p->w->meter->mono_ms, n, id, code, text);
}

static inline void drive_message(void *ctx, const char *text)
{
    struct field_program *p = ctx;

    if (getenv("FIELD_TRACE") != NULL)
        printf("# %8lld   %s\n", (long long)p->w->meter->mono_ms, text);
}

/* Start a program, and the procedure in it. What run_start() says. */
static inline int drive_start(struct field_program *p, struct field_world *w,
                              const struct field_operator *who)
{
    struct run_listener listener = {p, drive_step_ended, drive_message, NULL};
    struct gf_fail why = {0};

    *p = (struct field_program){.w = w, .who = *who};
    if (p->who.meter_id == NULL)
        p->who.meter_id = AID_METER_ID;
    p->sync = sync_new(&w->ports);
    assert_non_null(p->sync);
    p->run = run_new(&w->ports, p->sync);
    assert_non_null(p->run);
    run_listen(p->run, &listener);
    return run_start(p->run, who->procedure != NULL ? who->procedure : "account-opening", FIELD_JOB,
                     &why);
}

/* The program ends: as a process that is killed when fate says dead, else in order. */
static inline void drive_end(struct field_program *p)
{
    p->w->fate.dead = true;     /* freeing it has no effect on the world */
    p->run = run_free(p->run);
    p->sync = sync_free(p->sync);
    field_world_bury(p->w);
}

static inline void drive_answer(struct field_program *p)
{
    const struct run_view *v = run_view(p->run);
    char label[GF_LABEL_TEXT];
    const char *text = "yes";

    if (v->ask == ASK_LABEL) {
        field_label(p->who.meter_id, label);
        text = label;
    } else if (v->ask == ASK_WORD) {
        text = v->word;
    }
    if (p->who.refuses != NULL && v->ask_id != NULL && strcmp(p->who.refuses, v->ask_id) == 0)
        text = "no";
    assert_int_equal(run_answer(p->run, text), 0);
    p->answered++;
}

/* One turn of the program's loop and 10 ms of the world. */
static inline void drive_turn(struct field_program *p)
{
    const struct run_view *v;

    field_world_step(p->w);
    if (p->w->fate.dead)
        return;
    (void)sync_tick(p->sync);
    (void)run_tick(p->run);
    if (p->w->fate.dead)
        return;
    v = run_view(p->run);
    if (v->phase == RUN_ASK)
        drive_answer(p);
    if (v->purge.running && !p->who.absent && v->purge.confirm_in_ms < 10000)
        run_confirm_presence(p->run);
    if (v->purge.running && p->who.stop_at_l > 0 && v->purge.litres >= p->who.stop_at_l)
        (void)run_stop_purge(p->run);
    if (v->phase == RUN_STOPPED && p->who.retries) {
        p->retries++;
        assert_int_equal(run_retry(p->run), 0);
    }
}

static inline bool drive_resting(struct field_program *p)
{
    enum run_phase phase = run_view(p->run)->phase;

    return p->w->fate.dead || phase == RUN_FINISHED || phase == RUN_LEFT || phase == RUN_STOPPED;
}

/* Go on until the run rests (finished, left, stopped) or the program is dead. Bounded. */
static inline enum run_phase drive(struct field_program *p)
{
    int64_t until = p->w->meter->mono_ms + FIELD_BOUND_MS;

    do {
        drive_turn(p);
        if (p->w->meter->mono_ms > until)
            fail_msg("the run does not come to rest: step %zu, waiting for %s",
                     run_view(p->run)->now, run_view(p->run)->waiting_for);
    } while (!drive_resting(p));
    return run_view(p->run)->phase;
}

/* Until the step with this id is the present one and in this phase. */
static inline void drive_to(struct field_program *p, const char *step, enum run_phase phase)
{
    int64_t until = p->w->meter->mono_ms + FIELD_BOUND_MS;
    const struct run_view *v = run_view(p->run);

    while (strcmp(v->steps[v->now].id, step) != 0 || v->phase != phase) {
        drive_turn(p);
        v = run_view(p->run);
        if (p->w->meter->mono_ms > until)
            fail_msg("step %s is not reached: %s, %s", step, v->steps[v->now].id, v->fail.detail);
    }
}

#endif
