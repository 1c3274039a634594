/* app.h - the curses app: a stack of views over one loop. */
#ifndef GF_TUI_APP_H
#define GF_TUI_APP_H

#include "tui/env.h"
#include "tui/list.h"
#include "tui/log.h"
#include "tui/reach.h"
#include "tui/ui.h"

#define APP_VIEWS_MAX 8

struct app;

/* The part of the screen that is a view's. */
struct area {
    int y, x, rows, cols;
};

/* A view: functions over a state that the app allocates, zeroed, when it is pushed. All but draw
 * and where may be NULL. */
struct view {
    const char *title;
    size_t size;                /* of the state */
    bool overlay;               /* the view below shows around it */
    void (*draw)(struct app *a, void *state, const struct area *at);
    /* enum where, or-ed; IN_ANY is set by the app. */
    unsigned (*where)(struct app *a, void *state);
    /* It is on top: new, or again. */
    void (*shown)(struct app *a, void *state);
    /* A key that is no action; true when it was used. */
    bool (*key)(struct app *a, void *state, int key);
    /* Enter, Esc (false: the app closes the view), and moving in a list. */
    void (*accept)(struct app *a, void *state);
    bool (*back)(struct app *a, void *state);
    void (*move)(struct app *a, void *state, enum move how);
    /* After each turn of the loop, on top or not. */
    void (*tick)(struct app *a, void *state);
    /* More to wait for. */
    size_t (*fds)(struct app *a, void *state, struct gf_pollfd *ret, size_t cap);
    /* What to do here: sentences. */
    const char *(*help)(struct app *a, void *state);
    /* More than the title, for the title line. */
    void (*name)(struct app *a, void *state, char *ret, size_t cap);
    /* Free what the state holds. */
    void (*close)(struct app *a, void *state);
};

extern const struct view view_home, view_run, view_scan, view_queue, view_log, view_help,
    view_palette, view_leave;

struct app {
    const struct tui_env *env;
    struct ui ui;
    struct log log;
    struct reach reach;
    struct {
        const struct view *view;
        void *state;
    } stack[APP_VIEWS_MAX];
    size_t depth;
    bool quit;
    char status[LOG_TEXT];              /* the last thing said; stays until the next */
    enum role status_role;
    int64_t status_at_ms;               /* UTC */
    int64_t drawn_ms;                   /* monotonic: when the screen was sent last */
    bool drawn;
    uint64_t rounds_seen;               /* of synchronisation */
    int office_code;                    /* of the last of them */
    struct gf_source source;            /* the terminal */
};

/* Take the terminal and show the worklist. 0 or GF_E_* with *why. `env` is borrowed until
 * app_close(). */
int app_open(struct app *a, const struct tui_env *env, const struct ui_config *ui,
             struct gf_fail *why);
void app_close(struct app *a);

/* One turn: wait at most max_ms of real time, take keys, let the views do what is due, draw if it
 * is time. */
void app_step(struct app *a, int max_ms);

/* The whole app until the person quits or a signal comes; an active run is left safely first. */
int tui_app(const struct tui_env *env, const struct ui_config *ui, struct gf_fail *why);

/* ---- for views and actions ---- */

/* Put a view on top; its state, zeroed, or NULL (said on the screen) when there is no room. */
void *app_push(struct app *a, const struct view *v);

/* Close the view on top; the last one cannot be closed. */
void app_pop(struct app *a);

/* The view on top, and its state; below it, `down` views deeper, or NULL. */
const struct view *app_view(const struct app *a, size_t down);
void *app_state(const struct app *a, size_t down);

/* What holds where the app is. */
unsigned app_where(struct app *a);

/* Ask for a round of synchronisation. */
void app_sync(struct app *a);

/* Say something: on the status line and in the log. */
void app_say(struct app *a, enum role role, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void app_say_fail(struct app *a, const struct gf_fail *fail);

int64_t app_utc_ms(const struct app *a);
int64_t app_mono_ms(const struct app *a);

/* "08:01:12" in local time; returns ret. */
char *app_clock_text(int64_t utc_ms, char ret[static 9]);

/* Is a procedure under way (not finished, not left)? */
bool app_is_running(const struct app *a);

#endif
