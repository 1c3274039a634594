/* view_meter.c - one meter on the screen: its commands, their arguments, its answers. See app.h. */
#include "tui/view_meter.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tui/actions.h"
#include "tui/input.h"
#include "tui/meter.h"

#define LEFT_COLS 22
#define COMMANDS_MAX 32
#define STATE_ROWS 3            /* at most, of how it stands */
#define HEAD_ROWS 4             /* of the chosen command: title and help */

enum page_mode { PAGE_LIST, PAGE_FORM, PAGE_CONFIRM };

struct meter_page {
    enum page_mode mode;
    struct list commands;
    enum talk_may may[COMMANDS_MAX];
    enum run_phase told;        /* the phase that `may` was found out in */
    struct input fields[TALK_ARGUMENTS];
    size_t field;
    struct input confirm;
    char *text;                 /* of the answer: lines */
    size_t text_n, top;         /* bytes; the first line shown */
    size_t page, last;          /* as drawn: lines that PgDn goes on, and `top` of the last page */
    FILE *out;                  /* writes to text; NULL: nothing was answered yet */
    struct meter_print print;
};

static const struct talk_command *chosen(const struct meter_page *p)
{
    size_t n;

    return &talk_commands(&n)[p->commands.at];
}

/* The fields of a command's form: its arguments; settings have one line. */
static size_t n_fields(const struct talk_command *c)
{
    size_t n = 0;

    while (c->arguments[n].name != NULL)
        n++;
    return c->settings ? 1 : n;
}

/* ---- drawing ---- */

static const char *may_text(enum talk_may may)
{
    switch (may) {
    case TALK_NO_TICKET:
        return "No ticket on this laptop gives the right.";
    case TALK_HAS_TICKET:
        return "A ticket on this laptop gives the right.";
    case TALK_ALLOWED:
        return "The meter takes it now.";
    case TALK_NOT_IN_STATE:
        return "The meter does not take it in its present state.";
    }
    return "";
}

/* That a list goes on; no key does it while letters are typed. */
static void draw_more(struct app *a, const struct meter_page *p, const struct area *at, size_t n,
                      const char *key)
{
    ui_more(&a->ui, at->y, at->x, at->cols, n, p->mode == PAGE_LIST ? key : "");
}

static void draw_commands(struct app *a, struct meter_page *p, const struct area *at)
{
    size_t n, end, row;
    const struct talk_command *all = talk_commands(&n);
    int y = at->y;

    list_size(&p->commands, n);
    list_window_hinted(&p->commands, (size_t)at->rows);
    row = p->commands.top;
    end = row + p->commands.rows < n ? row + p->commands.rows : n;
    if (row > 0)
        draw_more(a, p, &(struct area){y++, at->x + 4, 1, at->cols - 4}, row, "Up");
    if (end < n)
        draw_more(a, p, &(struct area){at->y + at->rows - 1, at->x + 4, 1, at->cols - 4}, n - end,
                  "Down");
    for (; row < end; row++, y++) {
        bool here = row == p->commands.at;
        enum role role = here                              ? ROLE_CHOSEN
                         : p->may[row] == TALK_NO_TICKET ? ROLE_DIM
                                                           : ROLE_TEXT;

        ui_fill(&a->ui, y, at->x, at->cols, role);
        (void)ui_printf(&a->ui, y, at->x, at->cols, role, "%c %c %s", here ? '>' : ' ',
                        meter_mark(p->may[row]), talk_name(&all[row]));
        if (here && p->mode == PAGE_LIST)
            ui_cursor(&a->ui, y, at->x);
    }
}

/* How the session stands; rows used. */
static int draw_state(struct app *a, const struct run_view *v, const struct area *at)
{
    uint32_t read, all;
    char text[320];

    talk_progress(a->env->run, &read, &all);
    if (v->phase == RUN_STOPPED) {
        (void)snprintf(text, sizeof text, "E%03d %s: %s", -v->fail.code,
                       gf_err_row(v->fail.code)->what, v->fail.detail);
    } else if (v->phase == RUN_WORK && all > 0) {
        (void)snprintf(text, sizeof text, "%u of %u entries; Esc ends it", read, all);
        ui_gauge(&a->ui, at->y, at->x + at->cols - 12, 11, read, all);
    } else if (v->phase == RUN_WORK) {
        (void)snprintf(text, sizeof text, "Waiting for %s, %lld s%s", v->waiting_for,
                       (long long)(v->elapsed_ms / 1000), "; Esc gives up");
    } else {
        (void)gf_copy(text, sizeof text,
                      v->message[0] != '\0'                ? v->message
                      : talk_command(a->env->run) != NULL ? "Nothing is under way."
                                                           : "Nothing was asked yet.");
    }
    return ui_wrap(&a->ui, at->y, at->x, at->cols - (v->phase == RUN_WORK && all > 0 ? 13 : 0),
                   STATE_ROWS, v->phase == RUN_STOPPED ? ROLE_BAD : ROLE_TEXT, text);
}

/* The form of the chosen command; rows used. */
static int draw_form(struct app *a, struct meter_page *p, const struct area *at)
{
    const struct talk_command *c = chosen(p);
    int y = at->y, name = 13;

    for (size_t i = 0; i < n_fields(c); i++) {
        const struct talk_argument *arg = &c->arguments[i];

        (void)ui_text(&a->ui, y, at->x, name - 1, i == p->field ? ROLE_HEAD : ROLE_TEXT,
                      c->settings ? "NAME=VALUE" : arg->name);
        ui_fill(&a->ui, y, at->x + name, at->cols - name, ROLE_FIELD);
        if (i != p->field)
            input_draw(&p->fields[i], &a->ui, y, at->x + name, at->cols - name);
        (void)ui_printf(&a->ui, y + 1, at->x + name, at->cols - name, ROLE_DIM, "%s%s%s",
                        c->settings ? "apart by spaces; else the job's" : arg->help,
                        c->settings          ? ""
                        : arg->unset != NULL ? "; else "
                                             : ": needed",
                        c->settings || arg->unset == NULL ? "" : arg->unset);
        y += 2;
    }
    /* Drawn last: the cursor stays in it. */
    input_draw(&p->fields[p->field], &a->ui, at->y + 2 * (int)p->field, at->x + name,
               at->cols - name);
    return y - at->y;
}

static int draw_confirm(struct app *a, struct meter_page *p, const struct run_view *v,
                        const struct area *at)
{
    int y = at->y;

    y += ui_wrap(&a->ui, y, at->x, at->cols, 3, ROLE_WARN, v->prompt);
    (void)ui_printf(&a->ui, y, at->x, at->cols, ROLE_TEXT, "Type %s:", v->word);
    ui_fill(&a->ui, y, at->x + 24, at->cols - 24, ROLE_FIELD);
    input_draw(&p->confirm, &a->ui, y, at->x + 24, at->cols - 24);
    return y + 1 - at->y;
}

static size_t answer_lines(const struct meter_page *p)
{
    size_t n = 0;

    for (const char *at = p->text; at != NULL && *at != '\0'; at++)
        n += *at == '\n';
    return n;
}

static void draw_answer(struct app *a, struct meter_page *p, const struct area *at)
{
    size_t n = answer_lines(p), rows = (size_t)at->rows, end;
    const char *line = p->text;
    int y = at->y;

    /* What does not fit is told in the first and in the last row; the last page is full. */
    p->page = rows > 3 ? rows - 2 : 1;
    p->last = n > rows ? n + 1 - rows : 0;
    p->top = p->top < p->last ? p->top : p->last;
    if (p->top > 0)
        draw_more(a, p, &(struct area){y++, at->x, 1, at->cols}, p->top, "PgUp");
    end = p->top + rows - (p->top > 0) - (p->top < p->last);
    if (p->top < p->last)
        draw_more(a, p, &(struct area){at->y + at->rows - 1, at->x, 1, at->cols}, n - end, "PgDn");
    for (size_t i = 0; i < end && i < n; i++) {
        size_t len = strcspn(line, "\n");
        char shown[UI_TEXT_MAX];

        if (i >= p->top) {
            gf_visible(shown, sizeof shown, line, len < sizeof shown ? len : sizeof shown - 1);
            (void)ui_text(&a->ui, y++, at->x, at->cols, ROLE_TEXT, shown);
        }
        line += len + 1;
    }
}

static void page_draw(struct app *a, void *state, const struct area *at)
{
    struct meter_page *p = state;
    const struct run_view *v = run_view(a->env->run);
    const struct talk_command *c = chosen(p);
    struct area right = {at->y, at->x + LEFT_COLS + 1, at->rows, at->cols - LEFT_COLS - 2};

    ui_vline(&a->ui, at->y, at->x + LEFT_COLS - 1, at->rows);
    draw_commands(a, p, &(struct area){at->y, at->x, at->rows, LEFT_COLS - 1});
    right.y += draw_state(a, v, &right);
    (void)ui_printf(&a->ui, right.y, right.x, right.cols, ROLE_HEAD, "%s  (right: %s)", c->title,
                    talk_right(c));
    (void)ui_wrap(&a->ui, right.y + 1, right.x, right.cols, HEAD_ROWS - 1, ROLE_TEXT, c->help);
    (void)ui_text(&a->ui, right.y + HEAD_ROWS, right.x, right.cols, ROLE_DIM,
                  may_text(p->may[p->commands.at]));
    right.y += HEAD_ROWS + 1;
    if (p->mode == PAGE_FORM)
        right.y += draw_form(a, p, &right);
    else if (p->mode == PAGE_CONFIRM)
        right.y += draw_confirm(a, p, v, &right);
    ui_hline(&a->ui, right.y, right.x, right.cols);
    right.y += 1;
    right.rows = at->y + at->rows - right.y;
    draw_answer(a, p, &right);
}

/* ---- asking ---- */

static void forget_answer(struct meter_page *p)
{
    if (p->out != NULL)
        (void)fclose(p->out);
    free(p->text);
    p->text = NULL;
    p->text_n = p->top = p->last = 0;
    p->out = NULL;
    p->print = (struct meter_print){0};
}

void view_meter_answer(struct app *a, const gasm_Response *answer)
{
    for (size_t i = 0; i < a->depth; i++) {
        struct meter_page *p = a->stack[i].state;

        if (a->stack[i].view != &view_meter)
            continue;
        if (p->out == NULL)
            p->out = open_memstream(&p->text, &p->text_n);
        p->print.out = p->out;
        if (p->out != NULL)
            meter_print(&p->print, answer, talk_monthly(a->env->run));
    }
}

/* The words of the form: NAME=VALUE of each field that is filled; settings as they are. */
static void ask(struct app *a, struct meter_page *p)
{
    const struct talk_command *c = chosen(p);
    char text[TALK_ARGUMENTS][INPUT_BYTES + 32], typed[INPUT_BYTES];
    const char *words[TALK_WORDS_MAX];
    struct gf_fail why = {0};
    size_t n = 1;
    int code;

    words[0] = talk_name(c);
    for (size_t i = 0; i < n_fields(c); i++) {
        if (input_text(&p->fields[i], typed)[0] == '\0')
            continue;
        (void)snprintf(text[i], sizeof text[i], "%s%s%s", c->settings ? "" : c->arguments[i].name,
                       c->settings ? "" : "=", typed);
        if (!c->settings) {
            words[n++] = text[i];
            continue;
        }
        char *rest = text[i];

        for (char *word; n < TALK_WORDS_MAX && (word = strtok_r(rest, " ", &rest)) != NULL;)
            words[n++] = word;
    }
    code = talk_ask(a->env->run, words, n, &why);
    if (code < 0) {
        app_say_fail(a, &why);
        return;
    }
    forget_answer(p);
    input_clear(&p->confirm);
    p->mode = run_view(a->env->run)->ask == ASK_WORD ? PAGE_CONFIRM : PAGE_LIST;
}

static void page_accept(struct app *a, void *state)
{
    struct meter_page *p = state;
    struct gf_fail why = {0};
    char text[INPUT_BYTES];

    if (p->mode == PAGE_CONFIRM) {
        if (talk_confirm(a->env->run, input_text(&p->confirm, text), &why) < 0)
            app_say_fail(a, &why);
        p->mode = PAGE_LIST;
    } else if (p->mode == PAGE_LIST && n_fields(chosen(p)) > 0) {
        p->mode = PAGE_FORM;
        p->field = 0;
        for (size_t i = 0; i < TALK_ARGUMENTS; i++)
            input_clear(&p->fields[i]);
    } else {
        ask(a, p);
    }
}

/* Esc: out of the form, then gives up what is under way, then leaves the meter. */
static bool page_back(struct app *a, void *state)
{
    struct meter_page *p = state;

    if (p->mode != PAGE_FORM && !talk_stop(a->env->run))
        run_cancel(a->env->run);
    p->mode = PAGE_LIST;
    return true;
}

/* ---- keys, time ---- */

static unsigned page_where(struct app *a, void *state)
{
    const struct meter_page *p = state;
    const struct run_view *v = run_view(a->env->run);

    return IN_METER | (p->mode == PAGE_LIST ? IN_LIST : IN_TEXT) |
           (v->phase == RUN_STOPPED && v->can_retry ? IN_STOPPED : 0);
}

static bool page_key(struct app *a, void *state, int key)
{
    struct meter_page *p = state;
    size_t n = n_fields(chosen(p));

    (void)a;
    if (p->mode == PAGE_CONFIRM)
        return input_key(&p->confirm, key);
    if (p->mode != PAGE_FORM)
        return false;
    if (key == '\t' || key == UI_KEY(KEY_DOWN)) {
        p->field = (p->field + 1) % n;
        return true;
    }
    if (key == UI_KEY(KEY_BTAB) || key == UI_KEY(KEY_UP)) {
        p->field = (p->field + n - 1) % n;
        return true;
    }
    return input_key(&p->fields[p->field], key);
}

static void page_move(struct app *a, void *state, enum move how)
{
    struct meter_page *p = state;

    (void)a;
    if (how == MOVE_PAGE_UP)
        p->top = p->top > p->page + 1 ? p->top - p->page : 0;
    else if (how == MOVE_PAGE_DOWN)
        p->top = p->top + p->page < p->last ? p->top + p->page : p->last;
    else
        list_move(&p->commands, how);
}

/* Which commands may be sent: found out whenever the meter may have said something about it. */
static void look(struct app *a, struct meter_page *p)
{
    size_t n;
    const struct talk_command *all = talk_commands(&n);

    for (size_t i = 0; i < n && i < COMMANDS_MAX; i++)
        p->may[i] = talk_may(a->env->run, &all[i]);
}

static void page_tick(struct app *a, void *state)
{
    struct meter_page *p = state;
    const struct run_view *v = run_view(a->env->run);

    if (v->phase != p->told) {
        p->told = v->phase;
        look(a, p);
    }
    if (v->phase == RUN_LEFT && app_state(a, 0) == state) {
        app_say(a, ROLE_TEXT, "The connection to meter %s is closed.", v->meter_id);
        app_pop(a);
    }
}

static const char *page_help(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return "On the left are the meter's commands: " METER_MARKS " Enter asks, or opens "
           "the form of its arguments; what is dangerous has to be typed once more. PgUp and PgDn "
           "turn the answer's pages. Esc gives up what is under way, then leaves the meter.";
}

static void page_name(struct app *a, void *state, char *ret, size_t cap)
{
    const struct run_view *v = run_view(a->env->run);

    (void)state;
    (void)snprintf(ret, cap, "Meter %s  %s", v->meter_id, v->job);
}

static void page_close(struct app *a, void *state)
{
    (void)a;
    forget_answer(state);
}

void view_meter_open(struct app *a, const char *meter_id, const char *job)
{
    struct gf_fail why = {0};
    struct meter_page *p;

    if (talk_start(a->env->run, meter_id, job, NULL, &why) < 0) {
        app_say_fail(a, &why);
        return;
    }
    p = app_push(a, &view_meter);
    if (p == NULL)
        run_cancel(a->env->run);
    else
        look(a, p);
}

const struct view view_meter = {
    .title = "Meter",
    .size = sizeof(struct meter_page),
    .draw = page_draw,
    .where = page_where,
    .key = page_key,
    .accept = page_accept,
    .back = page_back,
    .move = page_move,
    .tick = page_tick,
    .help = page_help,
    .name = page_name,
    .close = page_close,
};
