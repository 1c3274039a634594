/* view_home.c - the worklist, the meters in reach, the chosen job; see app.h and home.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/text.h"
#include "meter-core/gatt.h"
#include "tui/actions.h"
#include "tui/home.h"
#include "tui/input.h"
#include "tui/jobs.h"
#include "tui/view_meter.h"

#define JOBS_MAX 1000           /* shown; more are found by the filter */
#define RELOAD_MS 60000         /* what is due changes at midnight, at the latest */
#define RADIO_COLS 27
#define NUMBER_COLS_MIN 6
#define NUMBER_COLS_MAX 12
#define DETAIL_ROWS 5

struct job_row {
    sync_Job job;
    uint8_t hash[6];
};

struct home {
    struct job_row *jobs;
    size_t n, cap;
    bool more;                  /* than JOBS_MAX */
    bool all;                   /* the jobs that are done too */
    int code;                   /* of the last load */
    uint64_t rounds_seen;
    int64_t loaded_ms;          /* monotonic */
    struct list work, radio;
    bool on_radio;              /* the meters have the focus */
    bool filtering;             /* the filter is being typed */
    struct input filter;
};

/* ---- loading ---- */

struct loading {
    struct home *h;
    const struct field_ports *ports;
};

static bool add_job(void *ctx, const sync_Job *job)
{
    struct loading *l = ctx;
    struct home *h = l->h;

    h->more = h->n == JOBS_MAX;
    if (h->more)
        return false;
    if (h->n == h->cap) {
        size_t cap = h->cap > 0 ? h->cap * 2 : 16;
        struct job_row *grown = realloc(h->jobs, cap * sizeof *grown);

        if (grown == NULL) {
            h->code = GF_E_MEMORY;
            return false;
        }
        h->jobs = grown;
        h->cap = cap;
    }
    h->jobs[h->n].job = *job;
    if (l->ports->crypto == NULL ||
        mc_id_hash(l->ports->crypto, job->meter_id, h->jobs[h->n].hash) != 0)
        memset(h->jobs[h->n].hash, 0, sizeof h->jobs[h->n].hash);
    h->n++;
    return true;
}

static void load(struct app *a, struct home *h)
{
    struct loading l = {h, a->env->ports};
    char chosen[sizeof h->jobs->job.number] = "", filter[INPUT_BYTES];
    int r;

    if (h->work.at < h->n)
        (void)gf_copy(chosen, sizeof chosen, h->jobs[h->work.at].job.number);
    h->n = 0;
    h->code = 0;
    h->more = false;
    (void)input_text(&h->filter, filter);
    r = jobs_each(l.ports->store, filter[0] != '\0' ? filter : NULL, !h->all, add_job, &l);
    if (r < 0)
        h->code = r;
    list_size(&h->work, h->n);
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->jobs[i].job.number, chosen) == 0)
            h->work.at = i;
    h->loaded_ms = app_mono_ms(a);
    h->rounds_seen = sync_rounds_ended(a->env->sync);
}

static void home_shown(struct app *a, void *state)
{
    load(a, state);
    if (!app_is_running(a))
        reach_listen(&a->reach, a->env->ports->link);
}

static void home_tick(struct app *a, void *state)
{
    struct home *h = state;

    if (h->rounds_seen != sync_rounds_ended(a->env->sync) ||
        app_mono_ms(a) - h->loaded_ms >= RELOAD_MS)
        load(a, h);
    list_size(&h->radio, a->reach.n);
}

static void home_close(struct app *a, void *state)
{
    struct home *h = state;

    (void)a;
    free(h->jobs);
}

/* ---- drawing ---- */

/* "today", "24 Nov", "! 20 Nov": late days have a sign. */
static void due_text(const struct app *a, const char *due, char ret[static 12])
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)(app_utc_ms(a) / 1000);
    struct tm tm = {0};
    char today[16] = "";
    int64_t month, day;
    char mm[3] = {0}, dd[3] = {0};

    (void)gf_copy(ret, 12, due);
    if (localtime_r(&t, &tm) != NULL)
        (void)strftime(today, sizeof today, "%Y-%m-%d", &tm);
    if (strlen(due) != 10)
        return;
    memcpy(mm, due + 5, 2);
    memcpy(dd, due + 8, 2);
    if (gf_parse_int(mm, 1, 12, &month) < 0 || gf_parse_int(dd, 1, 31, &day) < 0)
        return;
    if (strcmp(due, today) == 0)
        (void)gf_copy(ret, 12, "today");
    else
        (void)snprintf(ret, 12, "%s%d %s", strcmp(due, today) < 0 ? "! " : "", (int)day,
                       months[month - 1]);
}

/* Cells that the longest number takes. */
static int number_cols(const struct home *h)
{
    int cols = NUMBER_COLS_MIN;

    for (size_t i = 0; i < h->n; i++)
        if (ui_width(h->jobs[i].job.number) > cols)
            cols = ui_width(h->jobs[i].job.number);
    return cols < NUMBER_COLS_MAX ? cols : NUMBER_COLS_MAX;
}

static void draw_job(struct app *a, const struct home *h, size_t i, const struct area *at)
{
    struct ui *ui = &a->ui;
    const sync_Job *job = &h->jobs[i].job;
    bool chosen = i == h->work.at, near = reach_find(&a->reach, h->jobs[i].hash) != NULL;
    enum role role = chosen && !h->on_radio ? ROLE_CHOSEN : ROLE_TEXT;
    int x = at->x + 2, cols = number_cols(h);
    char due[12];

    due_text(a, job->due, due);
    ui_fill(ui, at->y, at->x, at->cols, role);
    (void)ui_text(ui, at->y, at->x, 1, role, chosen ? ">" : " ");
    (void)ui_text(ui, at->y, x, cols, role, job->number);
    if (near)
        (void)ui_text(ui, at->y, x + cols, 1, role == ROLE_CHOSEN ? role : ROLE_GOOD,
                      ui_glyph(ui, GLYPH_BULLET));
    x += cols + 2;
    (void)ui_text(ui, at->y, x, 8, role != ROLE_CHOSEN && due[0] == '!' ? ROLE_WARN : role, due);
    (void)ui_text(ui, at->y, x + 9, 8, role, job->state);
    (void)ui_text(ui, at->y, x + 18, at->x + at->cols - x - 18, role, job->address);
}

/* What an empty worklist means. */
static void draw_no_jobs(struct app *a, const struct home *h, const struct area *at)
{
    const char *text = "No open job on this laptop. F5 asks head office for work.";
    char fail[200];

    if (h->code < 0) {
        const struct gf_err_row *row = gf_err_row(h->code);

        (void)snprintf(fail, sizeof fail, "E%03d %s. To do: %s.", -row->code, row->what, row->todo);
        text = fail;
    } else if (h->filter.n > 0) {
        text = "No job has all these words. Esc shows all again.";
    } else if (h->all) {
        text = "No job on this laptop. F5 asks head office for work.";
    }
    (void)ui_wrap(&a->ui, at->y, at->x + 2, at->cols - 3, 4, h->code < 0 ? ROLE_BAD : ROLE_TEXT,
                  text);
}

static void draw_work(struct app *a, struct home *h, const struct area *at)
{
    struct ui *ui = &a->ui;
    int x = at->x + 1, n;

    n = ui_text(ui, at->y, x, at->cols, ROLE_HEAD, h->all ? "All jobs" : "Open jobs");
    if (h->filtering || h->filter.n > 0) {
        char text[INPUT_BYTES];

        n += ui_text(ui, at->y, x + n, 20, ROLE_TEXT, "  Filter: ");
        if (!h->filtering)
            (void)ui_text(ui, at->y, x + n, at->cols - n - 1, ROLE_TEXT,
                          input_text(&h->filter, text));
    } else {
        (void)ui_printf(ui, at->y, x + n, 40, ROLE_DIM, "  %zu%s", h->n,
                        h->more ? ", more by filter /" : "");
    }
    (void)ui_printf(ui, at->y + 1, at->x + 2, at->cols - 2, ROLE_DIM,
                    "%-*s  Due      State    Address", number_cols(h), "Job");
    list_window(&h->work, (size_t)(at->rows - 2));
    for (size_t i = 0; i < h->work.rows && h->work.top + i < h->n; i++) {
        struct area row = {at->y + 2 + (int)i, at->x, 1, at->cols};

        draw_job(a, h, h->work.top + i, &row);
    }
    if (h->n == 0)
        draw_no_jobs(a, h, &(struct area){at->y + 2, at->x, at->rows - 2, at->cols});
    if (h->filtering)
        input_draw(&h->filter, ui, at->y, x + n, at->cols - n - 2);
    else if (!h->on_radio)
        ui_cursor(ui, at->y + 2 + (int)(h->work.at - h->work.top), at->x);
}

/* Does the name that a meter shows end with its id? Its hash proves it. */
static const char *id_in_name(const struct app *a, const struct reach_row *row)
{
    size_t n = strlen(row->name);
    const char *id = row->name + n - GF_METER_ID_LEN;
    uint8_t hash[6];

    if (n < GF_METER_ID_LEN || !row->has_id_hash || gf_meter_id_check(id, NULL) != 0 ||
        a->env->ports->crypto == NULL || mc_id_hash(a->env->ports->crypto, id, hash) != 0 ||
        memcmp(hash, row->id_hash, sizeof hash) != 0)
        return NULL;
    return id;
}

/* The id of a meter that a job in the list names, else what the meter shows of itself. */
static const char *radio_name(const struct app *a, const struct home *h,
                              const struct reach_row *row, const struct job_row **ret_job)
{
    const char *id = id_in_name(a, row);

    *ret_job = NULL;
    for (size_t i = 0; row->has_id_hash && i < h->n; i++)
        if (memcmp(h->jobs[i].hash, row->id_hash, sizeof row->id_hash) == 0) {
            *ret_job = &h->jobs[i];
            return h->jobs[i].job.meter_id;
        }
    return id != NULL ? id : row->name[0] != '\0' ? row->name : row->address;
}

static void draw_radio_row(struct app *a, const struct home *h, size_t i, const struct area *at)
{
    static const enum glyph bars[] = {GLYPH_BAR1, GLYPH_BAR2, GLYPH_BAR3, GLYPH_BAR4};
    const struct reach_row *row = &a->reach.rows[i];
    const struct job_row *job;
    bool chosen = h->on_radio && i == h->radio.at;
    enum role role = chosen ? ROLE_CHOSEN : ROLE_TEXT;
    struct ui *ui = &a->ui;

    ui_fill(ui, at->y, at->x, at->cols, role);
    (void)ui_text(ui, at->y, at->x, 1, role, chosen ? ">" : " ");
    (void)ui_text(ui, at->y, at->x + 2, 12, role, radio_name(a, h, row, &job));
    for (int b = 0; b < reach_bars(row); b++)
        (void)ui_text(ui, at->y, at->x + 15 + b, 1, role, ui_glyph(ui, bars[b]));
    if (row->has_rssi)
        (void)ui_printf(ui, at->y, at->x + 19, 4, role, "%4d", reach_dbm(row));
    else
        (void)ui_text(ui, at->y, at->x + 22, 1, role, "?");
    (void)ui_printf(ui, at->y, at->x + 23, 4, role, "%3ds",
                    (int)((app_mono_ms(a) - row->seen_ms) / 1000));
}

static void draw_radio(struct app *a, struct home *h, const struct area *at)
{
    struct ui *ui = &a->ui;
    const struct gf_err_row *err = gf_err_row(a->reach.radio_code);
    char text[240];

    (void)ui_text(ui, at->y, at->x + 2, at->cols - 2, ROLE_HEAD, "Meters in reach");
    if (a->reach.radio_code != 0) {
        (void)snprintf(text, sizeof text, "E%03d %s. To do: %s.", -err->code, err->what, err->todo);
        (void)ui_wrap(ui, at->y + 1, at->x + 2, at->cols - 2, at->rows - 1, ROLE_BAD, text);
        return;
    }
    (void)ui_text(ui, at->y + 1, at->x, at->cols, ROLE_DIM, "  Meter             dBm age");
    list_size(&h->radio, a->reach.n);
    list_window(&h->radio, (size_t)(at->rows - 2));
    for (size_t i = 0; i < h->radio.rows && h->radio.top + i < a->reach.n; i++)
        draw_radio_row(a, h, h->radio.top + i,
                       &(struct area){at->y + 2 + (int)i, at->x, 1, at->cols});
    if (a->reach.n == 0)
        (void)ui_wrap(ui, at->y + 2, at->x + 2, at->cols - 2, 3, ROLE_TEXT,
                      "None is heard yet. Go nearer to a meter.");
    if (h->on_radio)
        ui_cursor(ui, at->y + 2 + (int)(h->radio.at - h->radio.top), at->x);
}

static void draw_detail(struct app *a, const struct home *h, const struct area *at)
{
    struct ui *ui = &a->ui;
    const sync_Job *job;
    int x = at->x + 1, width = at->cols - 2;

    ui_hline(ui, at->y, at->x, at->cols);
    if (h->work.at >= h->n)
        return;
    job = &h->jobs[h->work.at].job;
    (void)ui_printf(ui, at->y + 1, x, width, ROLE_HEAD, "%s  %s  due %s  priority %" PRIu32,
                    job->number, job_kind_title(job), job->due, job->priority);
    (void)ui_printf(ui, at->y + 2, x, width, ROLE_TEXT, "Meter %s  at %s  %s", job->meter_id,
                    job->supply_point, job->address);
    (void)ui_printf(ui, at->y + 3, x, width, ROLE_TEXT, "%s  %s  %s", job->customer_name,
                    job->customer_no, job->customer_phone);
    if (job->note[0] != '\0')
        (void)ui_printf(ui, at->y + 4, x, width, ROLE_WARN, "Note: %s", job->note);
}

static void home_draw(struct app *a, void *state, const struct area *at)
{
    struct home *h = state;
    int rows = at->rows - DETAIL_ROWS, left = at->cols - RADIO_COLS - 2;

    /* The focus decides where the cursor ends up, so that pane is drawn last. */
    draw_detail(a, h, &(struct area){at->y + rows, at->x, DETAIL_ROWS, at->cols});
    ui_vline(&a->ui, at->y, at->x + left, rows);
    draw_radio(a, h, &(struct area){at->y, at->x + left + 1, rows, RADIO_COLS});
    draw_work(a, h, &(struct area){at->y, at->x, rows, left});
    if (h->on_radio && !h->filtering)
        ui_cursor(&a->ui, at->y + 2 + (int)(h->radio.at - h->radio.top), at->x + left + 1);
}

/* ---- keys ---- */

static unsigned home_where(struct app *a, void *state)
{
    const struct home *h = state;

    (void)a;
    return IN_HOME | IN_LIST | (h->filtering ? IN_TEXT : 0) |
           (h->filtering || h->filter.n > 0 ? IN_SUB : 0);
}

static bool home_key(struct app *a, void *state, int key)
{
    struct home *h = state;

    if (!h->filtering || !input_key(&h->filter, key))
        return false;
    load(a, h);
    return true;
}

static bool home_back(struct app *a, void *state)
{
    struct home *h = state;

    h->filtering = false;
    input_clear(&h->filter);
    load(a, h);
    return true;
}

static void home_move(struct app *a, void *state, enum move how)
{
    struct home *h = state;

    (void)a;
    list_move(h->on_radio ? &h->radio : &h->work, how);
}

/* A meter in reach: to its job. */
static void choose_meter(struct app *a, struct home *h)
{
    const struct job_row *job;
    const char *name;

    if (h->radio.at >= a->reach.n)
        return;
    name = radio_name(a, h, &a->reach.rows[h->radio.at], &job);
    if (job == NULL) {
        app_say(a, ROLE_WARN, "No job in this list is for %s.", name);
        return;
    }
    h->work.at = (size_t)(job - h->jobs);
    h->on_radio = false;
}

static void home_accept(struct app *a, void *state)
{
    struct home *h = state;
    struct gf_fail why = {0};
    const sync_Job *job;

    if (h->filtering) {
        h->filtering = false;
        return;
    }
    if (h->on_radio) {
        choose_meter(a, h);
        return;
    }
    if (h->work.at >= h->n)
        return;
    job = &h->jobs[h->work.at].job;
    if (run_start(a->env->run, job->kind, job->number, &why) < 0)
        app_say_fail(a, &why);
    else
        (void)app_push(a, &view_run);
}

static const char *home_help(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return "Today's work: the job that is due first stands first, \"!\" marks a late one, and a "
           "dot after the number says that its meter is in reach. Enter starts the chosen job, or "
           "goes on where it stopped; F7 opens the job of the meter whose label the camera sees. "
           "On the right are the meters that are heard by radio, the strongest first.";
}

static struct home *home_on_top(struct app *a)
{
    return app_view(a, 0) == &view_home ? app_state(a, 0) : NULL;
}

void home_filter(struct app *a)
{
    struct home *h = home_on_top(a);

    if (h != NULL) {
        h->filtering = true;
        h->on_radio = false;
    }
}

void home_other_list(struct app *a)
{
    struct home *h = home_on_top(a);

    if (h != NULL)
        h->on_radio = !h->on_radio;
}

void home_all_jobs(struct app *a)
{
    struct home *h = home_on_top(a);

    if (h != NULL) {
        h->all = !h->all;
        load(a, h);
    }
}

/* The page of the chosen job's meter; of a meter in reach, that of its job. */
void home_meter(struct app *a)
{
    struct home *h = home_on_top(a);

    if (h != NULL && h->on_radio)
        choose_meter(a, h);
    if (h != NULL && !h->on_radio && h->work.at < h->n)
        view_meter_open(a, NULL, h->jobs[h->work.at].job.number);
}

const struct view view_home = {
    .title = "Worklist",
    .size = sizeof(struct home),
    .draw = home_draw,
    .where = home_where,
    .shown = home_shown,
    .key = home_key,
    .accept = home_accept,
    .back = home_back,
    .move = home_move,
    .tick = home_tick,
    .help = home_help,
    .close = home_close,
};
