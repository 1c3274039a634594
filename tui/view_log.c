/* view_log.c - what happened since the app started, newest first; see app.h. */
#include "tui/actions.h"
#include "tui/app.h"

struct log_state {
    struct list list;
};

static void log_draw(struct app *a, void *state, const struct area *at)
{
    struct log_state *s = state;
    char clock[9];
    int y = at->y;

    list_size(&s->list, log_kept(&a->log));
    s->list.rows = (size_t)at->rows / 2;
    for (size_t i = s->list.at; log_newest(&a->log, i) != NULL && y < at->y + at->rows; i++) {
        const struct log_line *line = log_newest(&a->log, i);
        int rows = ui_wrap(&a->ui, y, at->x + 11, at->cols - 12, at->y + at->rows - y, line->role,
                           line->text);

        (void)ui_text(&a->ui, y, at->x + 1, 8, ROLE_DIM, app_clock_text(line->utc_ms, clock));
        y += rows > 0 ? rows : 1;
    }
    if (s->list.n == 0)
        (void)ui_text(&a->ui, y, at->x + 1, at->cols - 2, ROLE_TEXT, "Nothing happened yet.");
    ui_cursor(&a->ui, at->y, at->x);
}

static unsigned log_where(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return IN_LIST;
}

static void log_move(struct app *a, void *state, enum move how)
{
    struct log_state *s = state;

    (void)a;
    list_move(&s->list, how);
}

static const char *log_help(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return "What happened since the app started, newest first. Records for head office are kept "
           "apart, under F3.";
}

const struct view view_log = {
    .title = "Messages",
    .size = sizeof(struct log_state),
    .draw = log_draw,
    .where = log_where,
    .move = log_move,
    .help = log_help,
};
