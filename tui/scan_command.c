/* scan_command.c - gasfitter scan: a label from the camera without a screen, and its meter's jobs;
 * see program.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/jobs.h"
#include "tui/look.h"
#include "tui/program.h"

#define LOOK_S 60               /* then it gives up */

struct scanning {
    struct look look;
    struct gf_source source;
    int64_t until_ms;
    const char *hint;           /* that was told last */
};

static size_t scanning_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    const struct scanning *s = ctx;

    return look_fds(&s->look, ret, cap);
}

static int scanning_timeout(void *ctx)
{
    (void)ctx;
    return 1000;
}

static void scanning_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    (void)ctx;
    (void)fds;
    (void)n;
}

/* Until a label is seen. 0 and its text, or GF_E_*. */
static int wait_label(struct program *p, struct scanning *s, char ret[static GF_LABEL_TEXT],
                      struct gf_fail *why)
{
    const struct gf_clock *clock = p->ports.clock;
    struct gf_fail seen = {0};

    for (;;) {
        int64_t now_ms = clock->mono_ms(clock->ctx);
        const char *hint = look_hint(&s->look, now_ms);
        struct gf_fail fail = {0};
        int r = look_turn(&s->look, now_ms, ret, &fail);

        if (r > 0)
            return 0;
        if (r < 0)
            return gf_fail(why, r, fail.where, fail.detail);
        if (fail.code != 0)
            seen = fail;
        if (hint != NULL && hint != s->hint)
            (void)fprintf(stderr, "%s\n", hint);
        s->hint = hint;
        if (p->stop > 0)
            return gf_fail(why, GF_E_CANCELLED, "scan", "by a signal");
        if (now_ms >= s->until_ms)
            return seen.code != 0 ? gf_fail(why, seen.code, seen.where, seen.detail)
                                  : gf_fail(why, GF_E_LABEL_NONE, "scan", "the camera looked 60 s");
        tui_wait(&p->env, &s->source, 1000);
    }
}

struct printing {
    const char *meter_id;
    int n;
};

static bool print_job(void *ctx, const sync_Job *job)
{
    struct printing *t = ctx;

    if (strcmp(job->meter_id, t->meter_id) == 0) {
        t->n++;
        (void)printf("job %s: %s, due %s, %s\n", job->number, job_kind_title(job), job->due,
                     job->state);
    }
    return true;
}

int command_scan(struct program *p, struct gf_fail *why)
{
    static struct scanning s;
    struct gf_label label;
    char text[GF_LABEL_TEXT];
    int64_t now_ms = p->ports.clock->mono_ms(p->ports.clock->ctx);
    int r = look_on(&s.look, scan_camera_new(p->opt.camera), now_ms, why);

    if (r != 0)
        return r;
    s.source = (struct gf_source){&s, scanning_fds, scanning_timeout, scanning_process};
    s.until_ms = now_ms + LOOK_S * 1000;
    r = wait_label(p, &s, text, why);
    look_off(&s.look);
    if (r == 0)
        r = gf_label_parse(text, &label, why);
    if (r != 0)
        return r;

    struct printing t = {label.meter_id, 0};

    (void)printf("label %s\n", text);
    r = jobs_each(p->ports.store, label.meter_id, true, print_job, &t);
    if (r < 0)
        return gf_fail(why, r, "jobs", db_last_fail(p->db)->detail);
    return t.n > 0 ? 0 : gf_fail(why, GF_E_NO_JOB, "label", label.meter_id);
}
