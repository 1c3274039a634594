/* view_leave.c - the question before a procedure is left; see app.h. */
#include "tui/actions.h"
#include "tui/app.h"

struct leave_state {
    char unused;
};

static void leave_draw(struct app *a, void *state, const struct area *at)
{
    const struct run_view *v = run_view(a->env->run);
    int cols = 58, rows = 7, y = at->y + (at->rows - rows) / 2, x = at->x + (at->cols - cols) / 2;

    (void)state;
    ui_box(&a->ui, y, x, rows, cols);
    (void)ui_printf(&a->ui, y + 1, x + 2, cols - 4, ROLE_HEAD, "Leave job %s for now?", v->job);
    (void)ui_wrap(&a->ui, y + 2, x + 2, cols - 4, 3, ROLE_TEXT,
                  v->purge.running
                      ? "The valve is closed first. What was done is kept, and the job goes on "
                        "where it stopped."
                      : "What was done is kept, and the job goes on where it stopped.");
    (void)ui_text(&a->ui, y + 5, x + 2, cols - 4, ROLE_KEY, "y leaves it, n stays here.");
    ui_cursor(&a->ui, y + 5, x + 2);
}

static unsigned leave_where(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return IN_CONFIRM;
}

/* The procedure may end by itself meanwhile. */
static void leave_tick(struct app *a, void *state)
{
    (void)state;
    if (app_view(a, 0) == &view_leave && !app_is_running(a))
        app_pop(a);
}

const struct view view_leave = {
    .title = "Leave",
    .size = sizeof(struct leave_state),
    .overlay = true,
    .draw = leave_draw,
    .where = leave_where,
    .tick = leave_tick,
};
