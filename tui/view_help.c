/* view_help.c - what to do in the view below, and every key that works there; see app.h. */
#include <string.h>

#include "tui/actions.h"
#include "tui/app.h"
#include "tui/keys.h"

struct help_state {
    struct list list;
};

/* The view that help was asked for, and what held there. */
static unsigned below(struct app *a, const struct view **ret_view, void **ret_state)
{
    *ret_view = app_view(a, 1);
    *ret_state = app_state(a, 1);
    return IN_ANY | (a->depth > 2 ? IN_SUB : 0) | (*ret_view)->where(a, *ret_state);
}

/* The keys of an action that work where letters may be text. */
static const char *keys_here(const struct action *act, unsigned where)
{
    const char *second = strchr(act->keys, ' ');

    if ((where & IN_TEXT) == 0 || !key_is_text(key_parse(act->keys, strcspn(act->keys, " "))))
        return act->keys;
    return second != NULL ? second + 1 : "";
}

static void help_draw(struct app *a, void *state, const struct area *at)
{
    struct help_state *s = state;
    const struct view *v;
    void *v_state;
    unsigned where = below(a, &v, &v_state);
    size_t n, i = 0, shown = 0;
    const struct action *row = actions(&n);
    int y = at->y, end = at->y + at->rows;
    bool more = false;

    (void)ui_text(&a->ui, y++, at->x + 1, at->cols - 2, ROLE_HEAD, v->title);
    if (v->help != NULL)
        y += ui_wrap(&a->ui, y, at->x + 1, at->cols - 2, 6, ROLE_TEXT, v->help(a, v_state));
    y++;
    for (; i < n; i++, row++) {
        const char *keys = keys_here(row, where);

        if ((row->where & where) == 0 || keys[0] == '\0')
            continue;
        if (shown++ < s->list.at || more)
            continue;
        more = y + ui_rows(at->cols - 17, row->help) > end - 1; /* the last row is for the hint */
        if (more)
            continue;
        (void)ui_text(&a->ui, y, at->x + 1, 14, ROLE_KEY, keys);
        y += ui_wrap(&a->ui, y, at->x + 16, at->cols - 17, end - y, ROLE_TEXT, row->help);
    }
    if (more)
        (void)ui_text(&a->ui, end - 1, at->x + 1, at->cols - 2, ROLE_WARN,
                      "There is more: PgDn or Down.");
    list_size(&s->list, shown);
    s->list.rows = (size_t)at->rows / 2;
    ui_cursor(&a->ui, at->y, at->x);
}

static unsigned help_where(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return IN_LIST;
}

static void help_move(struct app *a, void *state, enum move how)
{
    struct help_state *s = state;

    (void)a;
    list_move(&s->list, how);
}

const struct view view_help = {
    .title = "Help",
    .size = sizeof(struct help_state),
    .draw = help_draw,
    .where = help_where,
    .move = help_move,
};
