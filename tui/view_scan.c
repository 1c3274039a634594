/* view_scan.c - handing in a label: hand scanner, typing, image file, camera with a preview; for a
 * procedure's question, or to find a meter's job. See app.h. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "tui/actions.h"
#include "tui/entry.h"
#include "tui/input.h"
#include "tui/jobs.h"
#include "tui/lines.h"
#include "tui/look.h"
#include "tui/scan_view.h"

#define PANEL_COLS 32           /* beside the preview: what the camera sees, in words */

struct scan_state {
    struct input input;
    struct entry entry;
    struct gf_fail fail;                /* of the last line, or of the camera */
    bool find;                          /* the job of whatever meter it is */
    struct look look;
    char device[SCAN_DEVICE_MAX];       /* of the camera that was chosen here; "": the app's */
};

static struct scan_state *on_top(struct app *a)
{
    return app_view(a, 0) == &view_scan ? app_state(a, 0) : NULL;
}

/* ---- camera ---- */

void scan_view_look(struct app *a, struct frame_source *source)
{
    struct scan_state *s = on_top(a);

    if (s == NULL) {
        (void)frame_source_free(source);
        return;
    }
    s->fail = (struct gf_fail){0};
    (void)look_on(&s->look, source, app_mono_ms(a), &s->fail);
}

static void switch_on(struct app *a, const struct scan_state *s)
{
    scan_view_look(a, scan_camera_new(s->device[0] != '\0' ? s->device : a->env->camera));
}

void scan_view_camera(struct app *a)
{
    struct scan_state *s = on_top(a);

    if (s != NULL && s->look.source != NULL)
        look_off(&s->look);
    else if (s != NULL)
        switch_on(a, s);
}

void scan_view_next_camera(struct app *a)
{
    struct scan_state *s = on_top(a);
    struct scan_camera cameras[SCAN_CAMERAS_MAX];
    const char *now;
    size_t n, next = 0;

    if (s == NULL)
        return;
    s->fail = (struct gf_fail){0};
    n = scan_cameras(cameras, SCAN_CAMERAS_MAX, &s->fail);
    if (n == 0)
        return;
    now = s->device[0] != '\0' ? s->device : a->env->camera != NULL ? a->env->camera
                                                                     : cameras[0].device;
    for (size_t i = 0; i < n; i++)
        if (strcmp(cameras[i].device, now) == 0)
            next = (i + 1) % n;
    if (strcmp(cameras[next].device, now) == 0) {
        app_say(a, ROLE_WARN, "There is no other camera than %s.", now);
        return;
    }
    memcpy(s->device, cameras[next].device, sizeof s->device);
    switch_on(a, s);
    app_say(a, ROLE_TEXT, "Camera %zu of %zu: %s, %s.", next + 1, n, cameras[next].name,
            cameras[next].device);
}

void scan_view_find(struct app *a)
{
    struct scan_state *s = app_push(a, &view_scan);

    if (s != NULL) {
        s->find = true;
        switch_on(a, s);
    }
}

/* ---- a label was handed in ---- */

struct finding {
    const char *meter_id;
    sync_Job job;
};

/* The first open job of the meter; the filter also finds the id in notes and the like. */
static bool take_job(void *ctx, const sync_Job *job)
{
    struct finding *f = ctx;

    if (f->job.number[0] == '\0' && strcmp(job->meter_id, f->meter_id) == 0)
        f->job = *job;
    return f->job.number[0] == '\0';
}

/* The meter of an answer: of a label, or of "ID ID". */
static void meter_of(const char *answer, char ret[static GF_METER_ID_TEXT])
{
    struct gf_label label;

    if (gf_label_parse(answer, &label, NULL) == 0)
        (void)gf_copy(ret, GF_METER_ID_TEXT, label.meter_id);
    else
        (void)snprintf(ret, GF_METER_ID_TEXT, "%.*s", GF_METER_ID_LEN, answer);
}

/* Open the job of the meter, and answer its first question with the same label. */
static void open_job(struct app *a, struct scan_state *s, const char *answer)
{
    char meter_id[GF_METER_ID_TEXT], kept[ENTRY_ANSWER_MAX];
    struct finding f = {meter_id, sync_Job_init_zero};
    int r;

    meter_of(answer, meter_id);
    (void)gf_copy(kept, sizeof kept, answer);
    s->fail = (struct gf_fail){0};
    r = jobs_each(a->env->ports->store, meter_id, true, take_job, &f);
    if (r < 0)
        (void)gf_fail(&s->fail, r, "worklist", "");
    else if (f.job.number[0] == '\0')
        (void)gf_fail(&s->fail, GF_E_NO_JOB, "label", meter_id);
    else
        (void)run_start(a->env->run, f.job.kind, f.job.number, &s->fail);
    if (s->fail.code != 0)
        return;
    app_say(a, ROLE_GOOD, "Meter %s: job %s found.", meter_id, f.job.number);
    app_pop(a);
    run_view_open(a, kept);
}

static void hand_in(struct app *a, struct scan_state *s, const char *answer)
{
    if (s->find) {
        open_job(a, s, answer);
    } else if (run_answer(a->env->run, answer) < 0) {
        s->fail = run_view(a->env->run)->fail;
    } else {
        look_off(&s->look);
        app_pop(a);
    }
}

static void look(struct app *a, struct scan_state *s)
{
    char label[GF_LABEL_TEXT];
    struct gf_fail why = {0};
    int r = look_turn(&s->look, app_mono_ms(a), label, &why);

    if (r > 0)
        hand_in(a, s, label);
    else if (why.code != 0)
        s->fail = why;
}

static void scan_tick(struct app *a, void *state)
{
    struct scan_state *s = state;
    const struct run_view *v = run_view(a->env->run);

    if (!s->find && (v->phase != RUN_ASK || v->ask != ASK_LABEL)) {
        if (app_view(a, 0) == &view_scan)
            app_pop(a);
        return;
    }
    if (app_view(a, 0) == &view_scan)
        look(a, s);
}

static size_t scan_fds(struct app *a, void *state, struct gf_pollfd *ret, size_t cap)
{
    const struct scan_state *s = state;

    (void)a;
    return look_fds(&s->look, ret, cap);
}

static void scan_close(struct app *a, void *state)
{
    struct scan_state *s = state;

    (void)a;
    look_off(&s->look);
}

/* ---- drawing ---- */

static void draw_ways(struct app *a, const struct area *at)
{
    static const char *const ways[][2] = {
        {"Hand scanner", "Just scan: it types the label and ends with Enter."},
        {"Typing", "The meter id, Enter, and the same id once more."},
        {"Image file", "The path of a PNG file, Enter."},
        {"Camera", "F7 switches it on, F6 takes the next one."},
    };

    for (int i = 0; i < (int)(sizeof ways / sizeof ways[0]); i++) {
        (void)ui_text(&a->ui, at->y + i, at->x, 14, ROLE_HEAD, ways[i][0]);
        (void)ui_text(&a->ui, at->y + i, at->x + 14, at->cols - 14, ROLE_TEXT, ways[i][1]);
    }
}

/* Half-blocks: two lines of the picture in each row. Returns the columns that are taken. */
static int draw_preview(struct app *a, struct look *l, const struct area *at)
{
    l->room_lines = at->rows * 2;
    l->room_cols = at->cols;
    if (!l->seen) {
        (void)ui_text(&a->ui, at->y, at->x, at->cols, ROLE_DIM, "The camera is starting.");
        return ui_width("The camera is starting.");
    }
    for (int y = 0; y + 1 < l->lines; y += 2)
        for (int x = 0; x < l->cols; x++)
            ui_pixels(&a->ui, at->y + y / 2, at->x + x, l->preview[y][x], l->preview[y + 1][x]);
    return l->cols;
}

/* What the camera sees, in words. */
static void draw_panel(struct app *a, const struct scan_state *s, const struct area *at)
{
    const char *hint = look_hint(&s->look, app_mono_ms(a));
    int y = at->y, end = at->y + at->rows;
    char text[FAIL_TEXT_MAX];

    y += ui_wrap(&a->ui, y, at->x, at->cols, 2, s->look.code[0] != '\0' ? ROLE_HEAD : ROLE_DIM,
                 s->look.code[0] != '\0' ? s->look.code : "Hold the label into the picture.") +
         1;
    if (s->fail.code != 0)
        y += ui_wrap(&a->ui, y, at->x, at->cols, end - y, ROLE_BAD, fail_text(&s->fail, text)) + 1;
    if (hint != NULL && y < end)
        (void)ui_wrap(&a->ui, y, at->x, at->cols, end - y, ROLE_WARN, hint);
}

static void draw_input(struct app *a, struct scan_state *s, const struct area *at)
{
    int n = ui_text(&a->ui, at->y, at->x, at->cols, ROLE_HEAD,
                    s->entry.first[0] != '\0' ? "The same id again: " : "Label, id or file: ");

    input_draw(&s->input, &a->ui, at->y, at->x + n, at->cols - n);
}

/* The field, and under it what came of the last line. */
static void draw_entry(struct app *a, struct scan_state *s, const struct area *at)
{
    char text[FAIL_TEXT_MAX];

    draw_input(a, s, at);
    if (s->fail.code != 0)
        (void)ui_wrap(&a->ui, at->y + 1, at->x, at->cols, 4, ROLE_BAD, fail_text(&s->fail, text));
    else if (s->entry.first[0] != '\0')
        (void)ui_printf(&a->ui, at->y + 1, at->x, at->cols, ROLE_TEXT,
                        "%s: its check digits are right. Type it once more.", s->entry.first);
}

static void draw_camera(struct app *a, struct scan_state *s, const struct area *at)
{
    struct area picture = {at->y, at->x, at->rows - 1, at->cols - PANEL_COLS - 2};
    int used = draw_preview(a, &s->look, &picture) + 2;

    draw_panel(a, s, &(struct area){at->y, at->x + used, at->rows - 1, at->cols - used});
    draw_input(a, s, &(struct area){at->y + at->rows - 1, at->x, 1, at->cols});
}

static void scan_draw(struct app *a, void *state, const struct area *at)
{
    struct scan_state *s = state;
    const struct run_view *v = run_view(a->env->run);
    int y = at->y, x = at->x + 2, cols = at->cols - 4;

    if (s->find)
        (void)ui_text(&a->ui, y, x, cols, ROLE_HEAD, "Scan a meter's label: its job is opened.");
    else
        (void)ui_printf(&a->ui, y, x, cols, ROLE_HEAD, "%s  The job's meter is %s.", v->prompt,
                        v->meter_id);
    if (s->look.source != NULL) {
        draw_camera(a, s, &(struct area){y + 1, x, at->rows - 1, cols});
        return;
    }
    draw_ways(a, &(struct area){y + 2, x, 4, cols});
    draw_entry(a, s, &(struct area){y + 7, x, at->rows - 7, cols});
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
