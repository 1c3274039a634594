/* reach.c - the list of meters heard; see reach.h. */
#include "tui/reach.h"

#include <string.h>

#include "common/text.h"

#define RSSI_UNKNOWN 127
#define STEP_16 16 /* order changes only for a difference of 1 dB, so that rows do not dance */

static void on_sighting(void *ctx, const struct link_sighting *s)
{
    reach_hear(ctx, s);
}

static void on_radio(void *ctx, int code, const char *detail)
{
    struct reach *r = ctx;

    r->radio_code = code;
    gf_visible(r->radio_detail, sizeof r->radio_detail, detail != NULL ? detail : "",
               detail != NULL ? strlen(detail) : 0);
}

/* The rest belongs to connections, which this list never makes. */
static void on_phase(void *ctx, enum link_phase phase)
{
    (void)ctx;
    (void)phase;
}

static void on_ready(void *ctx, const struct link_ready *ready)
{
    (void)ctx;
    (void)ready;
}

static void on_fragment(void *ctx, const uint8_t *p, size_t n)
{
    (void)ctx;
    (void)p;
    (void)n;
}

static void on_ctl_written(void *ctx, int code)
{
    (void)ctx;
    (void)code;
}

static void on_down(void *ctx, int code, const char *detail)
{
    (void)ctx;
    (void)code;
    (void)detail;
}

static void on_attempt(void *ctx, const struct link_attempt *attempt)
{
    (void)ctx;
    (void)attempt;
}

void reach_init(struct reach *r, const struct gf_clock *clock)
{
    *r = (struct reach){.clock = clock};
    r->events = (struct link_events){
        .ctx = r,
        .sighting = on_sighting,
        .phase = on_phase,
        .ready = on_ready,
        .fragment = on_fragment,
        .ctl_written = on_ctl_written,
        .down = on_down,
        .radio = on_radio,
        .attempt = on_attempt,
    };
}

void reach_listen(struct reach *r, const struct link_port *link)
{
    if (link == NULL)
        return;
    link->bind(link->ctx, &r->events);
    link->listen(link->ctx, true);
}

static bool is_before(const struct reach_row *a, const struct reach_row *b)
{
    if (a->has_rssi != b->has_rssi)
        return a->has_rssi;
    return a->has_rssi && a->rssi_16 >= b->rssi_16 + STEP_16;
}

static size_t place_of(const struct reach *r, const char *address)
{
    size_t oldest = 0;

    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->rows[i].address, address) == 0)
            return i;
        if (r->rows[i].seen_ms < r->rows[oldest].seen_ms)
            oldest = i;
    }
    return r->n < REACH_MAX ? r->n : oldest;
}

static void swap(struct reach_row *a, struct reach_row *b)
{
    struct reach_row kept = *a;

    *a = *b;
    *b = kept;
}

void reach_hear(struct reach *r, const struct link_sighting *s)
{
    size_t i = place_of(r, s->address);
    struct reach_row *row = &r->rows[i];

    if (i == r->n)
        r->n++;
    if (strcmp(row->address, s->address) != 0)
        *row = (struct reach_row){0};
    (void)gf_copy(row->address, sizeof row->address, s->address);
    gf_visible(row->name, sizeof row->name, s->name, strnlen(s->name, sizeof s->name));
    row->has_id_hash = s->has_id_hash;
    memcpy(row->id_hash, s->id_hash, sizeof row->id_hash);
    if (s->rssi_dbm != RSSI_UNKNOWN) {
        row->rssi_16 = row->has_rssi ? row->rssi_16 + (s->rssi_dbm * 16 - row->rssi_16) / 4
                                     : s->rssi_dbm * 16;
        row->has_rssi = true;
    }
    row->seen_ms = r->clock->mono_ms(r->clock->ctx);
    for (; i > 0 && is_before(&r->rows[i], &r->rows[i - 1]); i--)
        swap(&r->rows[i], &r->rows[i - 1]);
    for (; i + 1 < r->n && is_before(&r->rows[i + 1], &r->rows[i]); i++)
        swap(&r->rows[i], &r->rows[i + 1]);
}

void reach_tick(struct reach *r)
{
    int64_t now = r->clock->mono_ms(r->clock->ctx);
    size_t kept = 0;

    for (size_t i = 0; i < r->n; i++)
        if (now - r->rows[i].seen_ms < REACH_FORGET_MS)
            r->rows[kept++] = r->rows[i];
    r->n = kept;
}

const struct reach_row *reach_find(const struct reach *r, const uint8_t id_hash[static 6])
{
    for (size_t i = 0; i < r->n; i++)
        if (r->rows[i].has_id_hash &&
            memcmp(r->rows[i].id_hash, id_hash, sizeof r->rows[i].id_hash) == 0)
            return &r->rows[i];
    return NULL;
}

int reach_dbm(const struct reach_row *row)
{
    return (row->rssi_16 - 8) / 16;
}

int reach_bars(const struct reach_row *row)
{
    int dbm = reach_dbm(row);

    return !row->has_rssi ? 0 : dbm >= -60 ? 4 : dbm >= -72 ? 3 : dbm >= -84 ? 2 : 1;
}
