/* view_palette.c - every action by name: type a part, Enter does it; see app.h. */
#include <ctype.h>
#include <string.h>

#include "tui/actions.h"
#include "tui/app.h"
#include "tui/input.h"
#include "tui/keys.h"

#define ACTIONS_MAX 64
#define BOX_COLS 60

struct palette {
    struct input input;
    struct list list;
    const struct action *found[ACTIONS_MAX];    /* best first */
};

static int lower(char c)
{
    return tolower((unsigned char)c);
}

/* How well a text matches: 3 begins with it, 2 a word of it does, 1 its letters occur in this
 * order, 0 not. */
static int match(const char *text, const char *part)
{
    size_t n = strlen(part), at = 0;

    for (const char *p = text; *p != '\0'; p++) {
        size_t i = 0;

        if (p != text && p[-1] != ' ' && p[-1] != '-')
            continue;
        while (i < n && lower(p[i]) == lower(part[i]))
            i++;
        if (i == n)
            return p == text ? 3 : 2;
    }
    for (const char *p = text; *p != '\0' && at < n; p++)
        at += lower(*p) == lower(part[at]);
    return at == n;
}

static unsigned below_where(struct app *a)
{
    return IN_ANY | (a->depth > 2 ? IN_SUB : 0) | app_view(a, 1)->where(a, app_state(a, 1));
}

static bool is_possible(struct app *a, const struct action *act)
{
    return (act->where & below_where(a)) != 0;
}

static void search(struct app *a, struct palette *p)
{
    char part[INPUT_BYTES];
    size_t n, kept = 0;
    const struct action *table = actions(&n);

    (void)input_text(&p->input, part);
    for (int possible = 1; possible >= 0; possible--)
        for (int rank = 3; rank > 0; rank--)
            for (size_t i = 0; i < n && kept < ACTIONS_MAX; i++) {
                int by_id = match(table[i].id, part), by_title = match(table[i].title, part);

                if ((by_id > by_title ? by_id : by_title) == rank &&
                    is_possible(a, &table[i]) == (possible == 1) &&
                    strcmp(table[i].id, "palette") != 0)
                    p->found[kept++] = &table[i];
            }
    p->list.at = p->list.top = 0;
    list_size(&p->list, kept);
}

static void palette_shown(struct app *a, void *state)
{
    search(a, state);
}

static void palette_draw(struct app *a, void *state, const struct area *at)
{
    struct palette *p = state;
    struct ui *ui = &a->ui;
    char key[KEY_NAME_MAX];
    int most = at->rows - 2 < 16 ? at->rows - 2 : 16, wanted = (int)p->list.n + 3;
    int rows = wanted < 4 ? 4 : wanted < most ? wanted : most;
    int x = at->x + (at->cols - BOX_COLS) / 2, y = at->y + 1;

    ui_box(ui, y, x, rows, BOX_COLS);
    list_window(&p->list, (size_t)rows - 3);
    for (size_t i = 0; i < p->list.rows && p->list.top + i < p->list.n; i++) {
        const struct action *act = p->found[p->list.top + i];
        bool chosen = p->list.top + i == p->list.at, possible = is_possible(a, act);
        enum role role = chosen ? ROLE_CHOSEN : possible ? ROLE_TEXT : ROLE_DIM;
        int row = y + 2 + (int)i;

        ui_fill(ui, row, x + 1, BOX_COLS - 2, role);
        (void)ui_text(ui, row, x + 2, 1, role, chosen ? ">" : " ");
        (void)ui_text(ui, row, x + 4, 33, role, act->title);
        (void)ui_text(ui, row, x + BOX_COLS - 22, 10, role, keys_first(act->keys, key));
        (void)ui_text(ui, row, x + BOX_COLS - 11, 10, role, possible ? "" : "not here");
    }
    if (p->list.n == 0)
        (void)ui_text(ui, y + 2, x + 4, BOX_COLS - 6, ROLE_TEXT, "No action has these letters.");
    (void)ui_text(ui, y + 1, x + 2, 1, ROLE_KEY, ":");
    input_draw(&p->input, ui, y + 1, x + 4, BOX_COLS - 6);
}

static unsigned palette_where(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return IN_LIST | IN_TEXT | IN_PALETTE;
}

static bool palette_key(struct app *a, void *state, int key)
{
    struct palette *p = state;

    if (!input_key(&p->input, key))
        return false;
    search(a, p);
    return true;
}

static void palette_move(struct app *a, void *state, enum move how)
{
    struct palette *p = state;

    (void)a;
    list_move(&p->list, how);
}

static void palette_accept(struct app *a, void *state)
{
    struct palette *p = state;
    const struct action *act = p->list.at < p->list.n ? p->found[p->list.at] : NULL;

    if (act == NULL)
        return;
    if (!is_possible(a, act)) {
        app_say(a, ROLE_WARN, "\"%s\" is not possible here.", act->title);
        return;
    }
    app_pop(a);
    act->fn(a);
}

static const char *palette_help(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return "Type a part of an action's name, choose with the arrows, and Enter does it. Those that "
           "do nothing in the view below are marked.";
}

const struct view view_palette = {
    .title = "Actions",
    .size = sizeof(struct palette),
    .overlay = true,
    .draw = palette_draw,
    .where = palette_where,
    .shown = palette_shown,
    .key = palette_key,
    .accept = palette_accept,
    .move = palette_move,
    .help = palette_help,
};
