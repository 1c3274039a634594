/* view_run.c - a procedure on the screen: its steps, the present one, messages. See app.h. */
#include <curses.h>
#include <string.h>

#include "common/text.h"
#include "tui/actions.h"
#include "tui/app.h"
#include "tui/entry.h"
#include "tui/input.h"
#include "tui/jobs.h"
#include "tui/keys.h"
#include "tui/scan_view.h"

#define LEFT_COLS 31
#define LEFT_COLS_WIDE 42
#define WIDE 110                /* columns from which the steps get more room */
#define MESSAGE_ROWS 5
#define NAME_COLS 16
#define PRESENCE_SOON_MS 10000     /* a confirmation that lasts so long is asked for */

struct step_view {
    struct input input;
    const char *ask_id;         /* of the question that the input belongs to */
    size_t now;                 /* of the step whose lines are shown */
    bool warned;                /* that gas flows while another view hides it */
    bool scanned;               /* the scanning view was shown for this question */
    char label[ENTRY_ANSWER_MAX]; /* by which the job was found; "": none */
    struct list lines;          /* what the step found out; scrolls */
    struct found {
        struct run_line lines[RUN_LINES_MAX];
        size_t n;
    } seen, old; /* at the last tick; and of the step before, which is not shown any more */
};

/* ---- steps ---- */

static enum role mark_role(enum run_mark mark)
{
    return mark == MARK_DONE     ? ROLE_GOOD
           : mark == MARK_FAILED ? ROLE_BAD
           : mark == MARK_NOW    ? ROLE_HEAD
                                 : ROLE_DIM;
}

static void draw_steps(struct app *a, const struct run_view *v, const struct area *at)
{
    static const enum glyph marks[] = {
        [MARK_TODO] = GLYPH_TODO,
        [MARK_NOW] = GLYPH_NOW,
        [MARK_DONE] = GLYPH_DONE,
        [MARK_FAILED] = GLYPH_FAILED,
    };
    struct list rows = {.n = v->n_steps, .at = v->now < v->n_steps ? v->now : v->n_steps - 1};
    int y = at->y;

    /* Long titles take two rows; the window is small enough for that, and shows the present
     * step. */
    list_window(&rows, (size_t)at->rows - 2);
    for (size_t i = rows.top; i < v->n_steps && y < at->y + at->rows; i++) {
        enum run_mark mark = v->steps[i].mark;

        (void)ui_text(&a->ui, y, at->x + 1, 1, mark_role(mark), ui_glyph(&a->ui, marks[mark]));
        y += ui_wrap(&a->ui, y, at->x + 3, at->cols - 4, at->y + at->rows - y,
                     mark == MARK_TODO  ? ROLE_DIM
                     : mark == MARK_NOW ? ROLE_HEAD
                                        : ROLE_TEXT,
                     v->steps[i].title);
    }
}

/* ---- the present step ---- */

/* How many lines the present step has found: the engine keeps those of the step before until there
 * are some. */
static size_t found_lines(const struct step_view *s, const struct run_view *v)
{
    bool old = v->n_lines == s->old.n &&
               memcmp(v->lines, s->old.lines, s->old.n * sizeof s->old.lines[0]) == 0;

    return old && v->phase != RUN_FINISHED ? 0 : v->n_lines;
}

/* What was found out, from the list's cursor on; rows used. When they are too few, the last says
 * so. */
static int draw_lines(struct app *a, struct step_view *s, const struct run_view *v,
                      const struct area *at)
{
    size_t n = found_lines(s, v), i;
    int y = at->y, end = at->y + at->rows;

    list_size(&s->lines, n);
    for (i = s->lines.at; i < n && y < end; i++) {
        const struct run_line *line = &v->lines[i];
        int name = ui_width(line->name) > NAME_COLS ? ui_width(line->name) : NAME_COLS, rows;

        if (name > at->cols / 2)
            name = at->cols / 2;
        if (line->name[0] == '\0')
            name = -1;              /* a text of several lines: no names, all the width */
        rows = ui_rows(at->cols - name - 1, line->value);
        rows = rows > 0 ? rows : 1;
        if (y + rows > end - (i + 1 < n ? 1 : 0))
            break;
        (void)ui_wrap(&a->ui, y, at->x + name + 1, at->cols - name - 1, rows, ROLE_TEXT,
                      line->value);
        (void)ui_text(&a->ui, y, at->x, name, ROLE_DIM, line->name);
        y += rows;
    }
    s->lines.rows = 4;
    if (i < n)
        ui_more(&a->ui, y++, at->x, at->cols, n - i, "PgDn");
    return y - at->y;
}

static int draw_fail(struct app *a, const struct gf_fail *fail, const struct area *at)
{
    const struct gf_err_row *row = gf_err_row(fail->code);
    char text[320];
    int y = at->y;

    (void)snprintf(text, sizeof text, "E%03d %s.", -row->code, row->what);
    y += ui_wrap(&a->ui, y, at->x, at->cols, 3, ROLE_BAD, text);
    if (fail->detail[0] != '\0')
        y += ui_wrap(&a->ui, y, at->x, at->cols, 4, ROLE_TEXT, fail->detail);
    (void)snprintf(text, sizeof text, "To do: %s.", row->todo);
    y += ui_wrap(&a->ui, y, at->x, at->cols, 3, ROLE_TEXT, text);
    return y - at->y;
}

static void draw_field(struct app *a, struct step_view *s, const struct run_view *v, int y, int x,
                       int cols)
{
    int n = 0;

    if (v->ask == ASK_ENTER || v->ask == ASK_LABEL) {
        (void)ui_text(&a->ui, y, x, cols, ROLE_KEY,
                      v->ask == ASK_ENTER ? "Enter goes on." : "Enter scans.");
        ui_cursor(&a->ui, y, x);
        return;
    }
    if (v->ask == ASK_WORD)
        n = ui_printf(&a->ui, y, x, cols, ROLE_WARN, "! Type %s: ", v->word);
    else
        n = ui_text(&a->ui, y, x, cols, ROLE_TEXT, v->ask == ASK_YES ? "yes or no: " : "Answer: ");
    input_draw(&s->input, &a->ui, y, x + n, cols - n < 24 ? cols - n : 24);
}

static void draw_question(struct app *a, struct step_view *s, const struct run_view *v,
                          const struct area *at)
{
    int prompt = ui_rows(at->cols, v->prompt),
        help = v->fail.code != 0 ? 4 : ui_rows(at->cols, v->help);
    int lines = at->rows - prompt - 1 - help - 1, y = at->y;

    y += draw_lines(a, s, v, &(struct area){y, at->x, lines > 1 ? lines : 1, at->cols});
    if (y > at->y)
        y++;
    y += ui_wrap(&a->ui, y, at->x, at->cols, prompt, v->ask == ASK_WORD ? ROLE_WARN : ROLE_HEAD,
                 v->prompt);
    draw_field(a, s, v, y, at->x, at->cols);
    y++;
    if (v->fail.code != 0)
        (void)draw_fail(a, &v->fail, &(struct area){y, at->x, at->y + at->rows - y, at->cols});
    else
        (void)ui_wrap(&a->ui, y, at->x, at->cols, at->y + at->rows - y, ROLE_DIM, v->help);
}

static void draw_purge(struct app *a, const struct run_view *v, const struct area *at)
{
    struct ui *ui = &a->ui;
    int64_t left = v->purge.confirm_in_ms;
    int bar = at->cols - 25;
    char span[24];

    (void)ui_printf(ui, at->y, at->x, 24, ROLE_TEXT, "Litres   %5u of %u", v->purge.litres,
                    v->purge.granted_l);
    ui_gauge(ui, at->y, at->x + 25, bar, v->purge.litres, v->purge.granted_l);
    (void)ui_printf(ui, at->y + 1, at->x, 24, ROLE_TEXT, "Seconds  %5u of %u", v->purge.seconds,
                    v->purge.granted_s);
    ui_gauge(ui, at->y + 1, at->x + 25, bar, v->purge.seconds, v->purge.granted_s);
    if (left > PRESENCE_SOON_MS)
        (void)ui_printf(ui, at->y + 3, at->x, at->cols, ROLE_GOOD,
                        "You are present: confirmed for %s more.", span_text(left, span));
    else
        (void)ui_printf(ui, at->y + 3, at->x, at->cols, ROLE_WARN,
                        "! Press Space: are you there? %s left.", span_text(left, span));
    ui_cursor(ui, at->y + 3, at->x);
    (void)ui_wrap(ui, at->y + 5, at->x, at->cols, at->rows - 5, ROLE_DIM, v->help);
}

static void draw_work(struct app *a, struct step_view *s, const struct run_view *v,
                      const struct area *at)
{
    char span[24], attempt[200] = "", why[180], text[360];
    int y = at->y;

    if (v->purge.running) {
        draw_purge(a, v, at);
        return;
    }
    if (v->attempt > 1)
        (void)snprintf(attempt, sizeof attempt, ", %s", run_attempt_text(v, why, sizeof why));
    if (v->waiting_for[0] != '\0' && strcmp(v->waiting_for, v->steps[v->now].title) != 0)
        (void)snprintf(text, sizeof text, "Waiting for %s, %s%s.", v->waiting_for,
                       span_text(v->elapsed_ms, span), attempt);
    else
        (void)snprintf(text, sizeof text, "Working, %s%s.", span_text(v->elapsed_ms, span),
                       attempt);
    y += ui_wrap(&a->ui, y, at->x, at->cols, 3, ROLE_HEAD, text);
    ui_cursor(&a->ui, at->y, at->x);
    y++;
    y += draw_lines(a, s, v, &(struct area){y, at->x, at->rows - 5, at->cols});
    y += found_lines(s, v) > 0;
    (void)ui_wrap(&a->ui, y, at->x, at->cols, at->y + at->rows - y, ROLE_DIM, v->help);
}

static void draw_stopped(struct app *a, struct step_view *s, const struct run_view *v,
                         const struct area *at)
{
    int y = at->y;

    y += draw_fail(a, &v->fail, &(struct area){y, at->x, at->rows, at->cols}) + 1;
    (void)ui_text(&a->ui, y, at->x, at->cols, ROLE_KEY,
                  v->can_retry ? "F9 tries it again; Esc leaves it for later."
                               : "Esc leaves it for later.");
    ui_cursor(&a->ui, y, at->x);
    y += 2;
    y += ui_wrap(&a->ui, y, at->x, at->cols, at->y + at->rows - y, ROLE_DIM, v->help) + 1;
    (void)draw_lines(a, s, v, &(struct area){y, at->x, at->y + at->rows - y, at->cols});
}

static void draw_finished(struct app *a, struct step_view *s, const struct run_view *v,
                          const struct area *at)
{
    (void)ui_wrap(&a->ui, at->y, at->x, at->cols, 2, ROLE_GOOD,
                  v->office_away
                      ? "Finished. The records wait on this laptop, and go home by themselves."
                      : "Finished: every step is done.");
    (void)draw_lines(a, s, v, &(struct area){at->y + 3, at->x, at->rows - 5, at->cols});
    (void)ui_text(&a->ui, at->y + at->rows - 1, at->x, at->cols, ROLE_KEY,
                  "Enter goes back to the worklist.");
    ui_cursor(&a->ui, at->y + at->rows - 1, at->x);
}

static void draw_present(struct app *a, struct step_view *s, const struct run_view *v,
                         const struct area *at)
{
    struct area body = {at->y + 2, at->x, at->rows - 2, at->cols};
    char count[56];

    if (v->now < v->n_steps) {
        (void)snprintf(count, sizeof count, "step %zu of %zu", v->now + 1, v->n_steps);
        (void)ui_text(&a->ui, at->y, at->x, at->cols - ui_width(count) - 1, ROLE_HEAD,
                      v->steps[v->now].title);
        (void)ui_text(&a->ui, at->y, at->x + at->cols - ui_width(count), ui_width(count), ROLE_DIM,
                      count);
    } else {
        (void)ui_text(&a->ui, at->y, at->x, at->cols, ROLE_HEAD, v->title);
    }
    switch (v->phase) {
    case RUN_ASK:
        draw_question(a, s, v, &body);
        break;
    case RUN_WORK:
        draw_work(a, s, v, &body);
        break;
    case RUN_STOPPED:
        draw_stopped(a, s, v, &body);
        break;
    case RUN_FINISHED:
        draw_finished(a, s, v, &body);
        break;
    case RUN_IDLE:
    case RUN_LEFT:
        break;
    }
}

/* The last messages, the newest at the bottom; each takes the rows that it needs. */
static void draw_messages(struct app *a, const struct area *at)
{
    char clock[9];
    int y = at->y + at->rows;

    for (size_t i = 0; log_newest(&a->log, i) != NULL; i++) {
        const struct log_line *line = log_newest(&a->log, i);
        int width = at->cols - 10, rows = ui_rows(width, line->text);

        rows = rows > 2 ? 2 : rows < 1 ? 1 : rows;
        if (y - rows < at->y)
            return;
        y -= rows;
        (void)ui_text(&a->ui, y, at->x, 8, ROLE_DIM, app_clock_text(line->utc_ms, clock));
        (void)ui_wrap(&a->ui, y, at->x + 10, width, rows, line->role, line->text);
    }
}

static void run_draw(struct app *a, void *state, const struct area *at)
{
    const struct run_view *v = run_view(a->env->run);
    int left = at->cols >= WIDE ? LEFT_COLS_WIDE : LEFT_COLS, right = at->cols - left - 3;
    int below = MESSAGE_ROWS + (at->rows - 18) / 3;

    draw_steps(a, v, &(struct area){at->y, at->x, at->rows, left});
    ui_vline(&a->ui, at->y, at->x + left, at->rows);
    ui_hline(&a->ui, at->y + at->rows - below, at->x + left + 1, at->cols - left - 1);
    draw_messages(a,
                  &(struct area){at->y + at->rows - below + 1, at->x + left + 2, below - 1, right});
    draw_present(a, state, v, &(struct area){at->y, at->x + left + 2, at->rows - below, right});
}

/* ---- keys and time ---- */

static bool is_typed(enum run_ask ask)
{
    return ask == ASK_YES || ask == ASK_WORD || ask == ASK_TEXT;
}

static unsigned run_where(struct app *a, void *state)
{
    const struct run_view *v = run_view(a->env->run);

    (void)state;
    if (v->phase == RUN_ASK)
        return IN_RUN | IN_QUESTION | (is_typed(v->ask) ? IN_TEXT : 0);
    if (v->phase == RUN_STOPPED)
        return IN_RUN | (v->can_retry ? IN_STOPPED : 0);
    if (v->phase == RUN_FINISHED)
        return IN_RUN | IN_FINISHED;
    return IN_RUN | (v->phase == RUN_WORK && v->purge.running ? IN_PURGE : 0);
}

static bool run_key(struct app *a, void *state, int key)
{
    struct step_view *s = state;
    const struct run_view *v = run_view(a->env->run);

    return v->phase == RUN_ASK && is_typed(v->ask) && input_key(&s->input, key);
}

static void run_accept(struct app *a, void *state)
{
    struct step_view *s = state;
    const struct run_view *v = run_view(a->env->run);
    char text[INPUT_BYTES];

    if (v->phase == RUN_FINISHED) {
        app_pop(a);
    } else if (v->phase == RUN_ASK && v->ask == ASK_LABEL) {
        (void)app_push(a, &view_scan);
    } else if (v->phase == RUN_ASK && (s->input.n > 0 || v->ask == ASK_ENTER)) {
        (void)run_answer(a->env->run,
                         input_text(&s->input, text)); /* a refusal stands in the view */
        input_clear(&s->input);
    }
}

static bool run_back(struct app *a, void *state)
{
    (void)state;
    if (app_is_running(a))
        (void)app_push(a, &view_leave);
    return app_is_running(a);
}

static void run_move(struct app *a, void *state, enum move how)
{
    struct step_view *s = state;

    (void)a;
    list_move(&s->lines, how);
}

static void run_tick_view(struct app *a, void *state)
{
    struct step_view *s = state;
    const struct run_view *v = run_view(a->env->run);
    bool top = app_view(a, 0) == &view_run;

    if (v->ask_id != s->ask_id || v->now != s->now) {
        if (v->now != s->now)
            s->old = s->seen;
        s->ask_id = v->ask_id;
        s->now = v->now;
        s->scanned = false;
        s->lines = (struct list){0};
        input_clear(&s->input);
    }
    memcpy(s->seen.lines, v->lines, sizeof s->seen.lines);
    s->seen.n = v->n_lines;
    if (!v->purge.running || v->purge.confirm_in_ms > PRESENCE_SOON_MS)
        s->warned = false;
    if (!top) {
        if (v->purge.running && v->purge.confirm_in_ms <= PRESENCE_SOON_MS && !s->warned) {
            s->warned = true;
            app_say(a, ROLE_WARN,
                    "Gas flows, and nobody confirms: go back to the procedure with Esc.");
        }
        return;
    }
    if (v->phase == RUN_LEFT) {
        app_say(a, ROLE_TEXT,
                "Left safely. Job %s goes on where it stopped when it is opened again.", v->job);
        app_pop(a);
    } else if (v->phase == RUN_ASK && v->ask == ASK_LABEL && s->label[0] != '\0') {
        (void)run_answer(a->env->run, s->label); /* a refusal stands in the view */
        s->label[0] = '\0';
    } else if (v->phase == RUN_ASK && v->ask == ASK_LABEL && !s->scanned) {
        s->scanned = true;
        (void)app_push(a, &view_scan);
    }
}

void run_view_open(struct app *a, const char *label)
{
    struct step_view *s = app_push(a, &view_run);

    if (s != NULL)
        (void)gf_copy(s->label, sizeof s->label, label);
}

static const char *run_help(struct app *a, void *state)
{
    const struct run_view *v = run_view(a->env->run);

    (void)state;
    return v->help[0] != '\0' ? v->help
                              : "On the left are the steps, on the right is the present one. It "
                                "can be left at any time: what was done is kept, and it goes on "
                                "where it stopped.";
}

static void run_name(struct app *a, void *state, char *ret, size_t cap)
{
    const struct run_view *v = run_view(a->env->run);

    (void)state;
    (void)snprintf(ret, cap, "%s  %s  %s", v->title, v->job, v->meter_id);
}

const struct view view_run = {
    .title = "Procedure",
    .size = sizeof(struct step_view),
    .draw = run_draw,
    .where = run_where,
    .key = run_key,
    .accept = run_accept,
    .back = run_back,
    .move = run_move,
    .tick = run_tick_view,
    .help = run_help,
    .name = run_name,
};
