/* reach.h - the meters whose advertisements are heard, with a signal that does not jump. */
#ifndef GF_TUI_REACH_H
#define GF_TUI_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field/ports.h"

#define REACH_MAX 64
#define REACH_FORGET_MS 30000   /* not heard for so long: gone */

struct reach_row {
    char address[GF_BT_ADDRESS_TEXT];
    char name[32];
    uint8_t id_hash[6];
    bool has_id_hash;
    bool has_rssi;
    int rssi_16;                /* 16ths of a dBm, smoothed: a quarter of each new value */
    int64_t seen_ms;            /* monotonic */
};

struct reach {
    struct reach_row rows[REACH_MAX];
    size_t n;                   /* strongest first; those without a signal last */
    int radio_code;             /* 0, or why there is no radio */
    char radio_detail[80];
    struct link_events events;
    const struct gf_clock *clock;
};

/* Forget all; `clock` is kept. */
void reach_init(struct reach *r, const struct gf_clock *clock);

/* Listen through `link` (may be NULL), as long as nobody else binds its events. */
void reach_listen(struct reach *r, const struct link_port *link);

/* A meter was heard. When the table is full, the one not heard for longest gives way. */
void reach_hear(struct reach *r, const struct link_sighting *s);

/* Drop what was not heard for long. */
void reach_tick(struct reach *r);

/* The row with this hash, or NULL. */
const struct reach_row *reach_find(const struct reach *r, const uint8_t id_hash[static 6]);

/* Smoothed dBm, rounded; and 0..4 for bars. */
int reach_dbm(const struct reach_row *row);
int reach_bars(const struct reach_row *row);

#endif
