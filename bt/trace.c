/* trace.c - the last ATT PDUs of the link; see trace.h. */
#include "bt/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/btsnoop.h"
#include "common/ids.h"

#define LINKS_MAX 0xf00             /* handles of connections, as controllers give them */

struct bt_trace {
    const struct gf_clock *clock;
    uint16_t link;
    bool is_up;
    size_t cap, n;                  /* of file, its head included */
    uint8_t *file;
};

struct bt_trace *bt_trace_new(const struct gf_clock *clock, size_t cap)
{
    struct bt_trace *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->clock = clock;
    t->cap = GF_BTSNOOP_HEAD + (cap > GF_BTSNOOP_RECORD_MAX ? cap : GF_BTSNOOP_RECORD_MAX);
    t->file = malloc(t->cap);
    if (t->file == NULL)
        return bt_trace_free(t);
    t->n = gf_btsnoop_head(t->file);
    return t;
}

struct bt_trace *bt_trace_free(struct bt_trace *t)
{
    if (t != NULL)
        free(t->file);
    free(t);
    return NULL;
}

/* Let the oldest records go until a quarter is free, so that this is seldom. */
static void make_room(struct bt_trace *t)
{
    size_t at = GF_BTSNOOP_HEAD;

    while (at < t->n && t->n - at > t->cap / 4 * 3)
        at += gf_btsnoop_len(t->file + at);
    memmove(t->file + GF_BTSNOOP_HEAD, t->file + at, t->n - at);
    t->n -= at - GF_BTSNOOP_HEAD;
}

static void put(struct bt_trace *t, const uint8_t *record, size_t n)
{
    if (n > t->cap - t->n)
        make_room(t);
    if (n > t->cap - t->n)          /* a memory of one record */
        t->n = GF_BTSNOOP_HEAD;
    memcpy(t->file + t->n, record, n);
    t->n += n;
}

static int64_t utc_us(const struct bt_trace *t)
{
    return t->clock->utc_ms(t->clock->ctx) * 1000;
}

void bt_trace_up(struct bt_trace *t, const char *address)
{
    uint8_t record[GF_BTSNOOP_RECORD_MAX], wire[6] = {0};

    if (t->is_up)
        return;
    (void)sscanf(address, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &wire[0], &wire[1], &wire[2],
                 &wire[3], &wire[4], &wire[5]);
    t->link = (uint16_t)((t->link + 1) % LINKS_MAX);
    t->is_up = true;
    put(t, record, gf_btsnoop_connected(record, utc_us(t), t->link, wire));
}

void bt_trace_down(struct bt_trace *t)
{
    uint8_t record[GF_BTSNOOP_RECORD_MAX];

    if (!t->is_up)
        return;
    t->is_up = false;
    put(t, record, gf_btsnoop_disconnected(record, utc_us(t), t->link));
}

/* The value's handle follows its declaration's (Core spec Vol 3 Part G 3.3), which BlueZ puts in
 * the path; 0 when it does not. */
static uint16_t handle_of(const char *path)
{
    const char *name = strrchr(path, '/');
    unsigned handle = 0;

    if (name == NULL || sscanf(name, "/char%4x", &handle) != 1)
        return 0;
    return (uint16_t)(handle + 1);
}

void bt_trace_pdu(struct bt_trace *t, enum bt_att kind, const char *path, const uint8_t *p,
                  size_t n)
{
    bool is_sent = kind == BT_ATT_READ || kind == BT_ATT_WRITE || kind == BT_ATT_COMMAND;
    uint8_t record[GF_BTSNOOP_RECORD_MAX], pdu[GF_BTSNOOP_PDU_MAX];
    struct gf_writer w = {.p = pdu, .cap = sizeof pdu};

    gf_wr_uint(&w, (uint64_t)kind, 1);
    if (path != NULL)
        gf_wr_uint(&w, handle_of(path), 2);
    if (n > 0)
        gf_wr(&w, p, n < w.cap - w.n ? n : w.cap - w.n);
    put(t, record, gf_btsnoop_att(record, utc_us(t), t->link, is_sent, pdu, w.n));
}

struct gf_span bt_trace_file(const struct bt_trace *t)
{
    return (struct gf_span){t->file, t->n};
}
