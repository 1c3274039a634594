/* app.c - the stack of views, the frame around them, and the loop; see app.h. */
#include "tui/app.h"

#include <curses.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/host/real.h"
#include "common/text.h"
#include "tui/actions.h"
#include "tui/jobs.h"
#include "tui/keys.h"
#include "tui/lines.h"
#include "tui/view_meter.h"

#define FRAME_MS 50             /* between two drawings, of real time */
#define TURN_MS 250             /* the longest wait: ages and elapsed times are shown in seconds */
#define TOP_ROWS 2              /* title and state */
#define BOTTOM_ROWS 4           /* line, two rows of status, keys */

int64_t app_utc_ms(const struct app *a)
{
    return a->env->ports->clock->utc_ms(a->env->ports->clock->ctx);
}

int64_t app_mono_ms(const struct app *a)
{
    return a->env->ports->clock->mono_ms(a->env->ports->clock->ctx);
}

static struct tm local_time(int64_t utc_ms)
{
    time_t t = (time_t)(utc_ms / 1000);
    struct tm tm = {0};

    (void)localtime_r(&t, &tm);     /* NULL for years that no clock shows; then it stays 1900 */
    return tm;
}

char *app_clock_text(int64_t utc_ms, char ret[static 9])
{
    struct tm tm = local_time(utc_ms);

    (void)strftime(ret, 9, "%H:%M:%S", &tm);
    return ret;
}

bool app_is_running(const struct app *a)
{
    enum run_phase phase = run_view(a->env->run)->phase;

    return phase == RUN_ASK || phase == RUN_WORK || phase == RUN_STOPPED;
}

void app_say(struct app *a, enum role role, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(a->status, sizeof a->status, format, args);
    va_end(args);
    a->status_role = role;
    a->status_at_ms = app_utc_ms(a);
    log_add(&a->log, a->status_at_ms, role, a->status);
}

void app_say_fail(struct app *a, const struct gf_fail *fail)
{
    char text[FAIL_TEXT_MAX];

    app_say(a, ROLE_BAD, "%s", fail_text(fail, text));
}

const struct view *app_view(const struct app *a, size_t down)
{
    return down < a->depth ? a->stack[a->depth - 1 - down].view : NULL;
}

void *app_state(const struct app *a, size_t down)
{
    return down < a->depth ? a->stack[a->depth - 1 - down].state : NULL;
}

unsigned app_where(struct app *a)
{
    return IN_ANY | (a->depth > 1 ? IN_SUB : 0) | app_view(a, 0)->where(a, app_state(a, 0));
}

static void show_top(struct app *a)
{
    const struct view *v = app_view(a, 0);

    if (v->shown != NULL)
        v->shown(a, app_state(a, 0));
}

void *app_push(struct app *a, const struct view *v)
{
    void *state = a->depth < APP_VIEWS_MAX ? calloc(1, v->size) : NULL;

    if (state == NULL) {
        app_say(a, ROLE_BAD, "There is no room for another view. To do: close this one first.");
        return NULL;
    }
    a->stack[a->depth].view = v;
    a->stack[a->depth++].state = state;
    show_top(a);
    return state;
}

static void drop_top(struct app *a)
{
    const struct view *v = app_view(a, 0);

    if (v->close != NULL)
        v->close(a, app_state(a, 0));
    free(app_state(a, 0));
    a->depth--;
}

void app_pop(struct app *a)
{
    if (a->depth <= 1)
        return;
    drop_top(a);
    show_top(a);
}

void app_sync(struct app *a)
{
    sync_now(a->env->sync);
}

/* ---- drawing ---- */

/* The view that fills the screen: below overlays. */
static size_t base_view(const struct app *a)
{
    size_t i = a->depth - 1;

    while (i > 0 && a->stack[i].view->overlay)
        i--;
    return i;
}

static void draw_title(struct app *a)
{
    struct ui *ui = &a->ui;
    const struct view *v = a->stack[base_view(a)].view;
    struct tm tm = local_time(app_utc_ms(a));
    char when[32] = "", name[120];

    (void)gf_copy(name, sizeof name, v->title);
    if (v->name != NULL)
        v->name(a, a->stack[base_view(a)].state, name, sizeof name);
    (void)strftime(when, sizeof when, "%a %d %b %Y  %H:%M", &tm);
    ui_fill(ui, 0, 0, ui->cols, ROLE_TITLE);
    (void)ui_printf(ui, 0, 1, ui->cols - ui_width(when) - 4, ROLE_TITLE, "Gasfitter   %s", name);
    (void)ui_text(ui, 0, ui->cols - 1 - ui_width(when), ui->cols, ROLE_TITLE, when);
}

/* Head office, the queue, what was refused: in every view. The age of the queue gives way when
 * there is no room. */
static void draw_state(struct app *a)
{
    struct ui *ui = &a->ui;
    const struct sync_view *v = sync_view(a->env->sync);
    bool away = v->phase == SYNC_WAITING || v->phase == SYNC_REVOKED;
    char office[64], queue[64], refused[40] = "";
    int x = 1, end = ui->cols - 1;

    if (v->phase != SYNC_RUNNING)
        (void)office_text(v, app_utc_ms(a), office, sizeof office);
    else
        (void)snprintf(office, sizeof office, "sending, %llu of %llu, Ctrl-X stops",
                       (unsigned long long)v->answered, (unsigned long long)v->sent);
    (void)queue_text(&v->counts, app_utc_ms(a), queue, sizeof queue);
    if (v->counts.refused > 0)
        (void)snprintf(refused, sizeof refused, "! %llu refused",
                       (unsigned long long)v->counts.refused);
    end -= ui_width(refused) + 2;
    x += ui_printf(ui, 1, x, end - x, away ? ROLE_WARN : ROLE_TEXT, "Office: %s", office) + 3;
    if (ui_width(queue) > end - x)
        queue[strcspn(queue, ",")] = '\0';
    (void)ui_text(ui, 1, x - 2, 1, ROLE_DIM, ui_glyph(ui, GLYPH_VLINE));
    (void)ui_text(ui, 1, x, end - x, v->counts.waiting > 0 ? ROLE_WARN : ROLE_TEXT, queue);
    (void)ui_text(ui, 1, end + 2, ui->cols, ROLE_BAD, refused);
}

static void draw_status(struct app *a)
{
    struct ui *ui = &a->ui;
    char at[9];
    int y = ui->rows - BOTTOM_ROWS;

    ui_hline(ui, y, 0, ui->cols);
    if (a->status[0] == '\0')
        return;
    (void)ui_text(ui, y + 1, 1, 8, ROLE_DIM, app_clock_text(a->status_at_ms, at));
    (void)ui_wrap(ui, y + 1, 11, ui->cols - 12, 2, a->status_role, a->status);
}

/* The keys that work now, from the table; as many as fit, whole. Help is always among them. */
static void draw_keys(struct app *a)
{
    struct ui *ui = &a->ui;
    const struct action *help = action_find("help");
    unsigned where = app_where(a);
    size_t n;
    const struct action *row = actions(&n), *end = row + n;
    int x = 1, keep = (int)strlen(help->bar) + 4;     /* "F1 help" and a space */

    for (; row < end; row++) {
        char key[KEY_NAME_MAX];
        bool typed = (where & IN_TEXT) != 0 &&
                     key_is_text(key_parse(row->keys, strcspn(row->keys, " ")));
        const char *names = typed ? strchr(row->keys, ' ') : row->keys;
        int width;

        if (row->bar == NULL || (row->where & where) == 0 || names == NULL)
            continue;
        (void)keys_first(names + (typed ? 1 : 0), key);
        width = ui_width(key) + 1 + ui_width(row->bar) + 2;
        if (x + width - 2 > ui->cols - (row == help ? 0 : keep))
            continue;
        x += ui_text(ui, ui->rows - 1, x, ui->cols - x, ROLE_KEY, key) + 1;
        x += ui_text(ui, ui->rows - 1, x, ui->cols - x, ROLE_TEXT, row->bar) + 2;
    }
}

static void draw(struct app *a)
{
    struct ui *ui = &a->ui;
    size_t first = base_view(a);

    if (ui_begin(ui)) {
        struct area at = {TOP_ROWS, 0, ui->rows - TOP_ROWS - BOTTOM_ROWS, ui->cols};

        draw_title(a);
        draw_state(a);
        draw_status(a);
        draw_keys(a);
        for (; first < a->depth; first++)
            a->stack[first].view->draw(a, a->stack[first].state, &at);
    }
    ui_end(ui);
    a->drawn = true;
    a->drawn_ms = app_mono_ms(a);
}

/* ---- loop ---- */

static void take_key(struct app *a, int key)
{
    unsigned where = app_where(a);
    const struct view *v = app_view(a, 0);
    const struct action *act;

    if (key == UI_KEY(KEY_RESIZE))
        return;                 /* all is measured again when it is drawn */
    if ((where & IN_TEXT) != 0 && v->key != NULL && v->key(a, app_state(a, 0), key))
        return;
    act = action_of_key(key, where);
    if (act != NULL)
        act->fn(a);
    else if ((where & IN_TEXT) == 0 && v->key != NULL)
        (void)v->key(a, app_state(a, 0), key);
}

/* A round of synchronisation that ended: said when it tells something new. */
static void watch_sync(struct app *a)
{
    uint64_t ended = sync_rounds_ended(a->env->sync);
    const struct sync_view *v = sync_view(a->env->sync);

    if (ended != a->rounds_seen) {
        a->rounds_seen = ended;
        if (v->fail.code == GF_E_CANCELLED) {
            app_say(a, ROLE_TEXT, "Sending and fetching was stopped. F5 begins it again.");
            return;             /* head office is as near or far as it was */
        }
        if (v->fail.code != 0 && v->fail.code != a->office_code)
            app_say_fail(a, &v->fail);
        else if (v->fail.code == 0 && a->office_code != 0)
            app_say(a, ROLE_GOOD, "Head office is reached again.");
        a->office_code = v->fail.code;
    }
}

static void tick(struct app *a)
{
    watch_sync(a);
    reach_tick(&a->reach);
    for (size_t i = 0; i < a->depth; i++)
        if (a->stack[i].view->tick != NULL)
            a->stack[i].view->tick(a, a->stack[i].state);
}

void app_step(struct app *a, int max_ms)
{
    int64_t since = a->drawn ? gf_real_wait_ms((int)(app_mono_ms(a) - a->drawn_ms)) : FRAME_MS;
    int due = since < FRAME_MS ? (int)(FRAME_MS - since) : TURN_MS;
    int key;

    tui_wait(a->env, &a->source, max_ms >= 0 && max_ms < due ? max_ms : due);
    while (!a->quit && (key = ui_key(&a->ui)) >= 0)
        take_key(a, key);
    tick(a);
    if (!a->drawn || gf_real_wait_ms((int)(app_mono_ms(a) - a->drawn_ms)) >= FRAME_MS)
        draw(a);
}

static size_t app_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    struct app *a = ctx;
    size_t n = 0;

    if (cap > 0)
        ret[n++] = (struct gf_pollfd){.fd = a->ui.in_fd, .events = POLLIN};
    for (size_t i = 0; i < a->depth; i++)
        if (a->stack[i].view->fds != NULL)
            n += a->stack[i].view->fds(a, a->stack[i].state, ret + n, cap - n);
    return n;
}

static int app_timeout(void *ctx)
{
    (void)ctx;
    return -1;
}

/* The terminal's end: the window was closed. Keys themselves are read in app_step(). */
static void app_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct app *a = ctx;

    if (n > 0 && (fds[0].revents & (POLLHUP | POLLERR)) != 0)
        a->quit = true;
}

static void on_step(void *ctx, size_t n, const char *id, const char *title, int code,
                    const char *text)
{
    const struct gf_err_row *row = gf_err_row(code);

    (void)n;
    (void)id;
    if (code < 0)
        app_say(ctx, ROLE_BAD, "%s: E%03d %s%s%s. To do: %s.", title, -row->code, row->what,
                text[0] != '\0' ? ": " : "", text, row->todo);
    else
        app_say(ctx, ROLE_GOOD, "%s: %s", title, text[0] != '\0' ? text : "done");
}

static void on_message(void *ctx, const char *text)
{
    app_say(ctx, ROLE_TEXT, "%s", text);
}

static void on_answer(void *ctx, const gasm_Response *answer)
{
    view_meter_answer(ctx, answer);
}

int app_open(struct app *a, const struct tui_env *env, const struct ui_config *ui,
             struct gf_fail *why)
{
    struct run_listener listener = {a, on_step, on_message, on_answer};
    int r;

    *a = (struct app){.env = env};
    r = ui_start(&a->ui, ui, why);
    if (r < 0)
        return r;
    a->source = (struct gf_source){a, app_fds, app_timeout, app_process};
    a->rounds_seen = sync_rounds_ended(env->sync);
    reach_init(&a->reach, env->ports->clock);
    run_listen(env->run, &listener);
    app_sync(a);
    (void)app_push(a, &view_home);
    draw(a);
    return 0;
}

void app_close(struct app *a)
{
    while (a->depth > 0)
        drop_top(a);
    if (a->env->ports->link != NULL)
        a->env->ports->link->bind(a->env->ports->link->ctx, NULL);
    run_listen(a->env->run, NULL);
    ui_stop(&a->ui);
}

int tui_app(const struct tui_env *env, const struct ui_config *ui, struct gf_fail *why)
{
    struct app *a = calloc(1, sizeof *a);
    int r = a != NULL ? app_open(a, env, ui, why) : gf_fail(why, GF_E_MEMORY, "app", "");

    if (r == 0) {
        while (!a->quit && *env->stop == 0)
            app_step(a, -1);
        if (app_is_running(a))
            run_cancel(env->run);
        while (app_is_running(a) && *env->stop < 2 && !a->quit)
            app_step(a, -1);
        app_close(a);
    }
    free(a);
    return r;
}
