/* view_queue.c - the records for head office, newest first: what waits, what was refused and why;
 * see app.h. */
#include <inttypes.h>
#include <string.h>

#include "tui/actions.h"
#include "tui/app.h"
#include "tui/jobs.h"

#define PAGE 32                 /* rows in memory */
#define DETAIL_ROWS 5

struct queue_row {
    uint64_t seq;
    uint32_t state, kind;
    int64_t made_at_ms;
    char step[OUTBOX_STEP_MAX]; /* of a step record */
    char field[32], reason[200];
};

/* One page of the outbox; moving over its end loads the next. */
struct queue {
    struct queue_row rows[PAGE];
    uint64_t before;            /* the page's key: records below this sequence; 0: the newest */
    struct list list;
    int code;
    uint64_t rounds_seen;
};

static void decode(const struct outbox_row *from, struct queue_row *to)
{
    *to = (struct queue_row){
        .seq = from->seq, .state = from->state, .made_at_ms = from->made_at_ms};
    memcpy(to->field, from->field, sizeof to->field);
    memcpy(to->reason, from->reason, sizeof to->reason);
    to->kind = outbox_kind(from, to->step);
}

static void load(struct app *a, struct queue *q, uint64_t before)
{
    const struct store_port *store = a->env->ports->store;
    struct outbox_row row;
    int n = 1;

    q->before = before;
    q->code = 0;
    q->list.n = 0;
    q->rounds_seen = sync_rounds_ended(a->env->sync);
    while (q->list.n < PAGE && n > 0) {
        n = store->outbox_page(store->ctx, q->list.n > 0 ? q->rows[q->list.n - 1].seq : before,
                               &row, 1);
        if (n > 0)
            decode(&row, &q->rows[q->list.n++]);
        else
            q->code = n;
    }
    list_size(&q->list, q->list.n);
}

static void queue_shown(struct app *a, void *state)
{
    load(a, state, 0);
}

static void queue_tick(struct app *a, void *state)
{
    struct queue *q = state;

    if (q->rounds_seen != sync_rounds_ended(a->env->sync))
        load(a, q, q->before);
}

static enum role state_role(uint32_t state)
{
    return state == OUTBOX_QUARANTINED || state == OUTBOX_CONFLICT ? ROLE_BAD
        : state == OUTBOX_APPLIED || state == OUTBOX_DUPLICATE ? ROLE_GOOD : ROLE_WARN;
}

static void draw_detail(struct app *a, const struct queue_row *row, const struct area *at)
{
    struct ui *ui = &a->ui;
    char text[300];

    ui_hline(ui, at->y, at->x, at->cols);
    (void)ui_printf(ui, at->y + 1, at->x + 1, at->cols - 2, ROLE_HEAD, "Record %" PRIu64 ": %s, %s",
                    row->seq, outbox_kind_text(row->kind), outbox_state_text(row->state));
    if (row->reason[0] == '\0' && row->field[0] == '\0')
        return;
    (void)snprintf(text, sizeof text, "Head office says: %s%s%s", row->field,
                   row->field[0] != '\0' ? ": " : "", row->reason);
    (void)ui_wrap(ui, at->y + 2, at->x + 1, at->cols - 2, at->rows - 2, ROLE_TEXT, text);
}

static void queue_draw(struct app *a, void *state, const struct area *at)
{
    struct queue *q = state;
    struct ui *ui = &a->ui;
    const struct gf_err_row *err = gf_err_row(q->code);
    char clock[24], text[200];
    int rows = at->rows - DETAIL_ROWS - 1;

    (void)ui_text(ui, at->y, at->x, at->cols, ROLE_DIM,
                  "   Record  Made                  State         What");
    list_window(&q->list, (size_t)rows);
    for (size_t i = 0; i < (size_t)rows && q->list.top + i < q->list.n; i++) {
        const struct queue_row *row = &q->rows[q->list.top + i];
        bool chosen = q->list.top + i == q->list.at;
        enum role role = chosen ? ROLE_CHOSEN : ROLE_TEXT;
        int y = at->y + 1 + (int)i;

        ui_fill(ui, y, at->x, at->cols, role);
        (void)ui_printf(ui, y, at->x, 10, role, "%s%8" PRIu64, chosen ? ">" : " ", row->seq);
        (void)ui_printf(ui, y, at->x + 11, 20, role, "%s ago",
                        span_text(app_utc_ms(a) - row->made_at_ms, clock));
        (void)ui_text(ui, y, at->x + 33, 13, chosen ? role : state_role(row->state),
                      outbox_state_text(row->state));
        (void)ui_printf(ui, y, at->x + 47, at->cols - 47, role, "%s %s",
                        outbox_kind_text(row->kind), row->step);
        if (chosen)
            ui_cursor(ui, y, at->x);
    }
    if (q->list.n == 0) {
        (void)snprintf(text, sizeof text, "E%03d %s. To do: %s.", -err->code, err->what, err->todo);
        (void)ui_wrap(ui, at->y + 2, at->x + 2, at->cols - 4, 3, q->code < 0 ? ROLE_BAD : ROLE_TEXT,
                      q->code < 0 ? text : "No record was made on this laptop yet.");
        return;
    }
    draw_detail(a, &q->rows[q->list.at],
                &(struct area){at->y + at->rows - DETAIL_ROWS, at->x, DETAIL_ROWS, at->cols});
}

static unsigned queue_where(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return IN_LIST;
}

static void queue_move(struct app *a, void *state, enum move how)
{
    struct queue *q = state;
    size_t at = q->list.at;
    uint64_t first = q->list.n > 0 ? q->rows[0].seq : 0;

    list_move(&q->list, how);
    if (how == MOVE_FIRST) {
        load(a, q, 0);
    } else if (q->list.at == at && q->list.n == PAGE &&
               (how == MOVE_DOWN || how == MOVE_PAGE_DOWN)) {
        load(a, q, q->rows[PAGE - 1].seq);
        if (q->list.n == 0)
            load(a, q, first + 1);      /* that was the end */
        else
            q->list.at = 0;
    } else if (q->list.at == at && q->before != 0 && (how == MOVE_UP || how == MOVE_PAGE_UP)) {
        load(a, q, first + PAGE + 1);
        for (q->list.at = 0; q->list.at + 1 < q->list.n && q->rows[q->list.at].seq > first + 1;)
            q->list.at++;
    }
}

static const char *queue_help(struct app *a, void *state)
{
    (void)a;
    (void)state;
    return "Every record for head office, newest first. \"Waiting\" and \"sent\" are on this "
           "laptop only, until head office's signed acknowledgement is stored. \"Refused\" and "
           "\"conflict\" need a person: the reason stands below; call head office.";
}

const struct view view_queue = {
    .title = "Records for head office",
    .size = sizeof(struct queue),
    .draw = queue_draw,
    .where = queue_where,
    .shown = queue_shown,
    .move = queue_move,
    .tick = queue_tick,
    .help = queue_help,
};
