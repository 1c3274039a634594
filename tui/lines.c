/* lines.c - printing a run line by line; see lines.h. */
#include "tui/lines.h"

#include <string.h>

#include "common/text.h"

#define PURGE_EVERY_MS 1000
#define WAIT_TOLD_MS 2000       /* what takes less is not worth a line */
#define INDENT "        "

char *fail_text(const struct gf_fail *fail, char ret[static FAIL_TEXT_MAX])
{
    const struct gf_err_row *row = gf_err_row(fail->code);
    bool both = fail->where[0] != '\0' && fail->detail[0] != '\0';
    char why[sizeof fail->where + sizeof fail->detail + 8] = "";

    if (fail->where[0] != '\0' || fail->detail[0] != '\0')
        (void)snprintf(why, sizeof why, " (%s%s%s)", fail->where, both ? ": " : "", fail->detail);
    (void)snprintf(ret, FAIL_TEXT_MAX, "E%03d %s%s. To do: %s.", -row->code, row->what, why,
                   row->todo);
    return ret;
}

static bool is_same(const struct run_line *a, const struct run_line *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->value, b->value) == 0;
}

void lines_found(struct lines *l, const struct run_view *v)
{
    char name[sizeof v->lines[0].name], value[RUN_LINE_LEN];
    size_t from = 0;

    /* The engine adds lines to those of the step, and keeps them until the next step has some. */
    while (from < l->n_told && from < v->n_lines && is_same(&l->told[from], &v->lines[from]))
        from++;
    if (from < l->n_told)
        from = 0;
    for (size_t i = from; i < v->n_lines; i++) {
        gf_visible(name, sizeof name, v->lines[i].name, strlen(v->lines[i].name));
        gf_visible(value, sizeof value, v->lines[i].value, strlen(v->lines[i].value));
        (void)fprintf(l->out, INDENT "%s%s%s\n", name, name[0] != '\0' ? ": " : "", value);
        l->told[i] = v->lines[i];
    }
    l->n_told = v->n_lines;
    (void)fflush(l->out);
}

static void on_step(void *ctx, size_t n, const char *id, const char *title, int code,
                    const char *text)
{
    struct lines *l = ctx;
    char seen[RUN_LINE_LEN * 2];

    (void)id;
    lines_found(l, run_view(l->run));
    meter_print_end(&l->print);
    gf_visible(seen, sizeof seen, text, strlen(text));
    if (l->n_steps > 1)             /* else it is no procedure */
        (void)fprintf(l->out, "[%2zu/%zu] ", n + 1, l->n_steps);
    if (code < 0) {
        const struct gf_err_row *row = gf_err_row(code);

        (void)fprintf(l->out, "%s: E%03d %s%s%s\n", title, -row->code, row->what,
                      seen[0] != '\0' ? ": " : "", seen);
    } else {
        (void)fprintf(l->out, "%s: %s\n", title, seen[0] != '\0' ? seen : "done");
    }
    (void)fflush(l->out);
}

static void on_message(void *ctx, const char *text)
{
    const struct lines *l = ctx;
    char seen[RUN_LINE_LEN * 2];

    gf_visible(seen, sizeof seen, text, strlen(text));
    (void)fprintf(l->out, INDENT "%s\n", seen);
    (void)fflush(l->out);
}

static void on_answer(void *ctx, const gasm_Response *answer)
{
    struct lines *l = ctx;

    meter_print(&l->print, answer, talk_monthly(l->run));
}

void lines_listen(struct lines *l, FILE *out, struct run *run)
{
    struct run_listener listener = {l, on_step, on_message, on_answer};

    *l = (struct lines){
        .out = out, .run = run, .purge_every_ms = PURGE_EVERY_MS, .print = {.out = out}};
    run_listen(run, &listener);
}

void lines_start(struct lines *l, const struct run_view *v)
{
    l->n_steps = v->n_steps;
    (void)fprintf(l->out, "%s: job %s, meter %s", v->title, v->job, v->meter_id);
    if (v->n_steps > 1)
        (void)fprintf(l->out, ", %zu steps", v->n_steps);
    (void)fprintf(l->out, "\n");
    if (v->now > 0)
        (void)fprintf(l->out, INDENT "%zu of them are done already; it goes on with \"%s\"\n",
                      v->now, v->now < v->n_steps ? v->steps[v->now].title : "the end");
    (void)fflush(l->out);
}

static void purge_line(struct lines *l, const struct run_view *v, int64_t mono_ms)
{
    bool same = v->purge.litres == l->purge_l && v->purge.seconds == l->purge_s;

    if (mono_ms < l->purge_next_ms || same)
        return;
    l->purge_next_ms = mono_ms + l->purge_every_ms;
    l->purge_l = v->purge.litres;
    l->purge_s = v->purge.seconds;
    (void)fprintf(l->out, INDENT "purge: %u of %u l, %u of %u s\n", v->purge.litres,
                  v->purge.granted_l, v->purge.seconds, v->purge.granted_s);
    (void)fflush(l->out);
}

static void wait_line(struct lines *l, const struct run_view *v)
{
    char why[180];

    if (v->phase != RUN_WORK || v->purge.running || v->elapsed_ms < WAIT_TOLD_MS ||
        (v->attempt == l->said_attempt && strcmp(v->waiting_for, l->said_wait) == 0))
        return;
    memcpy(l->said_wait, v->waiting_for, sizeof l->said_wait);
    l->said_attempt = v->attempt;
    if (v->waiting_for[0] == '\0')
        return;
    (void)fprintf(l->out, INDENT "waiting for %s", v->waiting_for);
    if (v->attempt > 1)
        (void)fprintf(l->out, ", %s", run_attempt_text(v, why, sizeof why));
    (void)fprintf(l->out, "\n");
    (void)fflush(l->out);
}

void lines_progress(struct lines *l, const struct run_view *v, int64_t mono_ms)
{
    if (v->office_away != l->said_away) {
        l->said_away = v->office_away;
        (void)fprintf(l->out, INDENT "%s\n", v->office_away
            ? "head office cannot be reached; records wait on this laptop, and the work goes on"
            : "head office is reached again");
        (void)fflush(l->out);
    }
    if (v->purge.running)
        purge_line(l, v, mono_ms);
    wait_line(l, v);
}
