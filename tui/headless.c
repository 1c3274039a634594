/* headless.c - answering a procedure's questions from a file; see headless.h. */
#include "tui/headless.h"

#include <string.h>

#include "common/host/real.h"
#include "common/text.h"
#include "tui/answers.h"
#include "tui/lines.h"
#include "tui/scan.h"

#define PRESENCE_BEFORE_MS                                                                         \
    15000 /* confirm when fewer ms are left: half of the 30 s that a confirmation lasts */

struct headless {
    const struct tui_env *env;
    const struct headless_how *how;
    struct answers answers;
    char label[GF_LABEL_TEXT];      /* from --image */
    struct lines lines;
    struct gf_fail fail;            /* why it is being cancelled; code 0 while all is well */
    bool cancelling;
};

static int read_answers(struct headless *h, struct gf_fail *why)
{
    uint8_t text[ANSWERS_FILE_MAX];
    int n;

    h->answers = (struct answers){0};
    if (h->how->answers == NULL)
        return 0;
    n = gf_file_read(h->how->answers, text, sizeof text, why);
    if (n < 0)
        return n;
    return answers_parse(h->how->answers, (const char *)text, (size_t)n, &h->answers, why);
}

static const char *step_id(const struct run_view *v)
{
    return v->now < v->n_steps ? v->steps[v->now].id : "";
}

static int missing(struct headless *h, const struct run_view *v)
{
    char text[sizeof h->fail.detail];

    if (v->ask == ASK_LABEL)
        (void)snprintf(text, sizeof text,
                       "the meter's label: --label TEXT or --image PNG gives it; gasfitter scan "
                       "reads it with the camera");
    else
        (void)snprintf(text, sizeof text, "no line \"%.23s = ...\" for the question \"%.90s\"",
                       v->ask_id, v->prompt);
    return answers_fail(&h->answers, NULL, GF_E_ANSWER, text, &h->fail);
}

/* Hand in the answer to the present question. 0 or GF_E_* with h->fail filled. */
static int answer(struct headless *h, const struct run_view *v)
{
    const struct answer *row = answers_find(&h->answers, v->ask_id);
    const char *text = row != NULL ? row->value : NULL;
    int r;

    if (v->ask == ASK_LABEL && h->label[0] != '\0')
        text = h->label;
    else if (v->ask == ASK_LABEL && h->how->label != NULL)
        text = h->how->label;
    else if (v->ask == ASK_ENTER && text == NULL)
        text = "";                  /* nothing is confirmed by it */
    if (text == NULL)
        return missing(h, v);
    lines_found(&h->lines, v);
    r = run_answer(h->env->run, text);
    if (r >= 0)
        return 0;

    const struct gf_fail *said = &run_view(h->env->run)->fail;

    if (said->code == r)
        text = said->detail[0] != '\0' ? said->detail : gf_err_row(r)->what;
    if (row != NULL && text != h->label && text != h->how->label)
        return answers_fail(&h->answers, row, r, text, &h->fail);
    return gf_fail(&h->fail, r, said->where, text);
}

static void cancel(struct headless *h)
{
    h->cancelling = true;
    run_cancel(h->env->run);
}

/* What the phase asks for. 1: it is over, h->fail.code says how. */
static int step(struct headless *h, const struct run_view *v)
{
    const struct answer *presence = answers_find(&h->answers, "presence");

    switch (v->phase) {
    case RUN_ASK:
        if (!h->cancelling && answer(h, v) != 0)
            cancel(h);
        return 0;
    case RUN_WORK:
        if (v->purge.running && v->purge.confirm_in_ms < PRESENCE_BEFORE_MS && presence != NULL &&
            strcmp(presence->value, "yes") == 0)
            run_confirm_presence(h->env->run);
        return 0;
    case RUN_STOPPED:
        if (!h->cancelling) {
            (void)gf_fail(&h->fail, v->fail.code, v->fail.where, v->fail.detail);
            cancel(h);
        }
        return 0;
    case RUN_FINISHED:
        lines_found(&h->lines, v);
        return 1;
    case RUN_LEFT:
        (void)gf_fail(&h->fail, GF_E_CANCELLED, step_id(v), "");
        return 1;
    case RUN_IDLE:
        break;
    }
    (void)gf_fail(&h->fail, GF_E_BUG, "run", "nothing is started");
    return 1;
}

static int drive(struct headless *h)
{
    const struct field_ports *p = h->env->ports;

    for (;;) {
        const struct run_view *v = run_view(h->env->run);

        lines_progress(&h->lines, v, p->clock->mono_ms(p->clock->ctx));
        if (*h->env->stop > 0 && !h->cancelling) {
            (void)gf_fail(&h->fail, GF_E_CANCELLED, step_id(v), "by a signal");
            cancel(h);
        }
        if (*h->env->stop > 1 || step(h, v) != 0)
            return h->fail.code;
        tui_wait(h->env, NULL, -1);
    }
}

int tui_headless(const struct tui_env *env, const struct headless_how *how, struct gf_fail *why)
{
    struct headless h = {.env = env, .how = how};
    int r = read_answers(&h, why);

    if (r == 0 && how->image != NULL)
        r = scan_label_file(how->image, h.label, why);
    if (r != 0)
        return r;
    lines_listen(&h.lines, how->out, env->run);
    r = run_start(env->run, how->procedure, how->job, why);
    if (r < 0)
        return r;
    lines_start(&h.lines, run_view(env->run));
    if (answers_check(&h.answers, procedure_find(how->procedure), &h.fail) != 0)
        cancel(&h);
    r = drive(&h);
    run_listen(env->run, NULL);
    return r < 0 ? gf_fail(why, r, h.fail.where, h.fail.detail) : 0;
}
