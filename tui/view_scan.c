/* view_scan.c - handing in a label: hand scanner, typing, image file, camera with a preview; see
 * app.h. */
#include <string.h>

#include "tui/actions.h"
#include "tui/entry.h"
#include "tui/input.h"
#include "tui/scan_view.h"

#define PREVIEW_COLS_MAX 64

struct scan_state {
    struct input input;
    struct entry entry;
    struct gf_fail fail;                /* of the last line, or of the camera */
    struct frame_source *source;        /* NULL: the camera is off */
    struct scanner *scanner;
    unsigned char preview[PREVIEW_COLS_MAX][PREVIEW_COLS_MAX];  /* grey; [line][column] */
    int cols, lines; /* of the preview's present room, in pixels; 0 before it was drawn */
    bool seen;                          /* there is a picture */
    char code[SCAN_TEXT_MAX + 20];      /* what the last code in the picture contains */
};

/* ---- camera ---- */

static void camera_off(struct scan_state *s)
{
    s->source = frame_source_free(s->source);
    s->seen = false;
}

void scan_view_look(struct app *a, struct frame_source *source)
{
    struct scan_state *s = app_view(a, 0) == &view_scan ? app_state(a, 0) : NULL;

    if (s == NULL) {
        (void)frame_source_free(source);
        return;
    }
    s->fail = (struct gf_fail){0};
    s->code[0] = '\0';
    if (s->scanner == NULL)
        s->scanner = scanner_new();
    if (source == NULL || s->scanner == NULL)
        (void)gf_fail(&s->fail, GF_E_MEMORY, "camera", "");
    else if (source->open(source->ctx, &s->fail) == 0)
        s->source = source;
    if (s->source == NULL)
        (void)frame_source_free(source);
}

void scan_view_camera(struct app *a)
{
    struct scan_state *s = app_view(a, 0) == &view_scan ? app_state(a, 0) : NULL;

    if (s != NULL && s->source != NULL)
        camera_off(s);
    else if (s != NULL)
        scan_view_look(a, scan_camera_new(a->env->camera));
}

/* The picture in the preview's size: the nearest pixel of each. */
static void take_preview(struct scan_state *s, const struct frame *f)
{
    size_t step = f->format == FRAME_YUYV ? 2 : 1;

    for (int y = 0; y < s->lines; y++)
        for (int x = 0; x < s->cols; x++) {
            size_t fy = (size_t)y * f->height / (size_t)s->lines,
                   fx = (size_t)x * f->width / (size_t)s->cols;

            s->preview[y][x] = f->p[fy * f->stride + fx * step];
        }
    s->seen = s->lines > 0;
}

static void hand_in(struct app *a, struct scan_state *s, const char *answer)
{
    if (run_answer(a->env->run, answer) < 0) {
        s->fail = run_view(a->env->run)->fail;
    } else {
        camera_off(s);
        app_pop(a);
    }
}

static void look(struct app *a, struct scan_state *s)
{
    struct scan_code codes[SCAN_CODES_MAX];
    char label[GF_LABEL_TEXT];
    struct gf_fail why = {0};
    struct frame f = {0};
    int n = s->source->next(s->source->ctx, &f, &why);

    if (n > 0)
        n = scanner_look(s->scanner, &f, codes, SCAN_CODES_MAX, &why);
    if (n < 0) {
        camera_off(s);
        s->fail = why;
        return;
    }
    if (why.code == 0 && f.p != NULL)
        take_preview(s, &f);
    if (n == 0)
        return;
    (void)snprintf(s->code, sizeof s->code, "%s: %s", codes[0].kind, codes[0].text);
    if (scan_label(codes, (size_t)n, label, &why) == 0)
        hand_in(a, s, label);
    else
        s->fail = why;
}

static void scan_tick(struct app *a, void *state)
{
    struct scan_state *s = state;
    const struct run_view *v = run_view(a->env->run);

    if (v->phase != RUN_ASK || v->ask != ASK_LABEL) {
        if (app_view(a, 0) == &view_scan)
            app_pop(a);
        return;
    }
    if (s->source != NULL && app_view(a, 0) == &view_scan)
        look(a, s);
}

static size_t scan_fds(struct app *a, void *state, struct gf_pollfd *ret, size_t cap)
{
    struct scan_state *s = state;

    (void)a;
    return s->source != NULL ? s->source->fds(s->source->ctx, ret, cap) : 0;
}

static void scan_close(struct app *a, void *state)
{
    struct scan_state *s = state;

    (void)a;
    camera_off(s);
    s->scanner = scanner_free(s->scanner);
}

/* ---- drawing ---- */

static void draw_ways(struct app *a, const struct area *at)
{
    static const char *const ways[][2] = {
        {"Hand scanner", "Just scan: it types the label and ends with Enter."},
        {"Typing", "The meter id, Enter, and the same id once more."},
        {"Image file", "The path of a PNG file, Enter."},
        {"Camera", "F7 switches it on; hold the label into the picture."},
    };

    for (int i = 0; i < (int)(sizeof ways / sizeof ways[0]); i++) {
        (void)ui_text(&a->ui, at->y + i, at->x, 14, ROLE_HEAD, ways[i][0]);
        (void)ui_text(&a->ui, at->y + i, at->x + 14, at->cols - 14, ROLE_TEXT, ways[i][1]);
    }
}

/* Half-blocks: two lines of the picture in each row. */
static void draw_preview(struct app *a, struct scan_state *s, const struct area *at)
{
    int cols = at->cols < PREVIEW_COLS_MAX ? at->cols : PREVIEW_COLS_MAX;

    s->lines = at->rows * 2 < PREVIEW_COLS_MAX ? at->rows * 2 : PREVIEW_COLS_MAX;
    s->lines -= s->lines % 2;
    s->cols = s->lines * 4 / 3 < cols ? s->lines * 4 / 3 : cols;
    if (!s->seen) {
        (void)ui_text(&a->ui, at->y, at->x, at->cols, ROLE_DIM, "The camera is starting.");
        return;
    }
    for (int y = 0; y + 1 < s->lines; y += 2)
        for (int x = 0; x < s->cols; x++)
            ui_pixels(&a->ui, at->y + y / 2, at->x + x, s->preview[y][x], s->preview[y + 1][x]);
}

static int draw_entry(struct app *a, struct scan_state *s, const struct area *at)
{
    const struct gf_err_row *row = gf_err_row(s->fail.code);
    const char *prompt = s->entry.first[0] != '\0' ? "The same id again: " : "Label, id or file: ";
    char text[320];
    int y = at->y, n;

    n = ui_text(&a->ui, y, at->x, at->cols, ROLE_HEAD, prompt);
    input_draw(&s->input, &a->ui, y++, at->x + n, at->cols - n);
    if (s->fail.code != 0) {
        (void)snprintf(text, sizeof text, "E%03d %s%s%s%s. To do: %s.", -row->code, row->what,
                       s->fail.detail[0] != '\0' ? " (" : "", s->fail.detail,
                       s->fail.detail[0] != '\0' ? ")" : "", row->todo);
        y += ui_wrap(&a->ui, y, at->x, at->cols, 4, ROLE_BAD, text);
    } else if (s->entry.first[0] != '\0') {
        y += ui_printf(&a->ui, y, at->x, at->cols, ROLE_TEXT,
                       "%s: its check digits are right. Type it once more.", s->entry.first) > 0;
    }
    return y - at->y;
}

static void scan_draw(struct app *a, void *state, const struct area *at)
{
    struct scan_state *s = state;
    const struct run_view *v = run_view(a->env->run);
    int y = at->y, x = at->x + 2, cols = at->cols - 4;

    (void)ui_printf(&a->ui, y, x, cols, ROLE_HEAD, "%s  The job's meter is %s.", v->prompt,
                    v->meter_id);
    if (s->source == NULL) {
        draw_ways(a, &(struct area){y + 2, x, 4, cols});
        (void)draw_entry(a, s, &(struct area){y + 7, x, at->rows - 7, cols});
        return;
    }
    draw_preview(a, s, &(struct area){y + 1, x, at->rows - 7, cols});
    if (s->code[0] != '\0')
        (void)ui_text(&a->ui, at->y + at->rows - 6, x, cols, ROLE_TEXT, s->code);
    (void)draw_entry(a, s, &(struct area){at->y + at->rows - 5, x, 5, cols});
}

/* ---- keys ---- */

static unsigned scan_where(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return IN_SCAN | IN_TEXT | IN_QUESTION;
}

static bool scan_key(struct app *a, void *state, int key)
{
    struct scan_state *s = state;

    (void)a;
    return input_key(&s->input, key);
}

static void scan_accept(struct app *a, void *state)
{
    struct scan_state *s = state;
    char line[INPUT_BYTES], answer[ENTRY_ANSWER_MAX];

    if (s->input.n == 0)
        return;
    s->fail = (struct gf_fail){0};
    (void)input_text(&s->input, line);
    input_clear(&s->input);
    if (entry_take(&s->entry, line, answer, &s->fail) == 1)
        hand_in(a, s, answer);
}

static const char *scan_help(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return "The label is the square code on the meter's front; a bar code with the same text is as "
           "good. Every way that is listed works at any moment: nothing has to be chosen first.";
}

const struct view view_scan = {
    .title = "Scan the label",
    .size = sizeof(struct scan_state),
    .draw = scan_draw,
    .where = scan_where,
    .key = scan_key,
    .accept = scan_accept,
    .tick = scan_tick,
    .fds = scan_fds,
    .help = scan_help,
    .close = scan_close,
};
