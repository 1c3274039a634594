/* tap.c - a link port that counts; see tap.h. The layout of a fragment is in meter-core/frame.h. */
#include "tests/bench/tap.h"

#define START 0x80
#define START_LEN 6 /* flags, sequence, ack, credit, length of the message */
#define HEAD_LEN 2  /* of every other fragment */
#define ATT_LEN 3   /* of a command or a notification, before its value */

/* A message of n bytes takes the place of n + 4 in fragments that each lose two bytes to their
 * head. */
static uint64_t fragments_of(size_t n, unsigned mtu)
{
    size_t room = mtu - ATT_LEN - HEAD_LEN;

    return (n + START_LEN - HEAD_LEN + room - 1) / room;
}

static void count(struct tap *t, struct tap_way *way, const uint8_t *p, size_t n)
{
    int start;

    if (n < START_LEN || (p[0] & START) == 0)
        return;
    start = p[0] << 8 | p[1];
    if (start == way->last_start)
        return;
    way->last_start = start;
    t->messages++;
    t->floor += fragments_of((size_t)(p[4] | p[5] << 8), t->mtu);
}

/* ---- events, on their way up ---- */

static void on_sighting(void *ctx, const struct link_sighting *s)
{
    const struct tap *t = ctx;

    t->to->sighting(t->to->ctx, s);
}

static void on_phase(void *ctx, enum link_phase phase)
{
    const struct tap *t = ctx;

    t->to->phase(t->to->ctx, phase);
}

static void on_ready(void *ctx, const struct link_ready *ready)
{
    struct tap *t = ctx;

    t->mtu = ready->att_mtu;
    t->out.last_start = t->in.last_start = -1;
    t->to->ready(t->to->ctx, ready);
}

static void on_fragment(void *ctx, const uint8_t *p, size_t n)
{
    struct tap *t = ctx;

    count(t, &t->in, p, n);
    t->to->fragment(t->to->ctx, p, n);
}

static void on_ctl_written(void *ctx, int code)
{
    struct tap *t = ctx;

    t->out.last_start = t->in.last_start = -1;
    t->to->ctl_written(t->to->ctx, code);
}

static void on_down(void *ctx, int code, const char *detail)
{
    const struct tap *t = ctx;

    t->to->down(t->to->ctx, code, detail);
}

static void on_radio(void *ctx, int code, const char *detail)
{
    const struct tap *t = ctx;

    t->to->radio(t->to->ctx, code, detail);
}

static void on_attempt(void *ctx, const struct link_attempt *attempt)
{
    const struct tap *t = ctx;

    t->to->attempt(t->to->ctx, attempt);
}

/* ---- calls, on their way down ---- */

static void tap_bind(void *ctx, const struct link_events *events)
{
    struct tap *t = ctx;

    t->to = events;
    t->real->bind(t->real->ctx, events != NULL ? &t->events : NULL);
}

static void tap_listen(void *ctx, bool on)
{
    const struct tap *t = ctx;

    t->real->listen(t->real->ctx, on);
}

static int tap_connect(void *ctx, const uint8_t id_hash[static 6], const char *address,
                       int64_t deadline_ms)
{
    const struct tap *t = ctx;

    return t->real->connect(t->real->ctx, id_hash, address, deadline_ms);
}

static int tap_write_ctl(void *ctx, const uint8_t *p, size_t n)
{
    const struct tap *t = ctx;

    return t->real->write_ctl(t->real->ctx, p, n);
}

static int tap_send(void *ctx, const uint8_t *p, size_t n)
{
    struct tap *t = ctx;
    int r = t->real->send(t->real->ctx, p, n);

    if (r == 0)
        count(t, &t->out, p, n);
    return r;
}

static void tap_disconnect(void *ctx)
{
    const struct tap *t = ctx;

    t->real->disconnect(t->real->ctx);
}

void tap_init(struct tap *t, const struct link_port *real)
{
    *t = (struct tap){
        .port = {t, tap_bind, tap_listen, tap_connect, tap_write_ctl, tap_send, tap_disconnect},
        .real = real,
        .events = {t, on_sighting, on_phase, on_ready, on_fragment, on_ctl_written, on_down,
                   on_radio, on_attempt},
        .out = {-1},
        .in = {-1},
    };
}
