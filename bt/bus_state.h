/* bus_state.h - what the files of the bus share. Private to bt/. */
#ifndef GF_BT_BUS_STATE_H
#define GF_BT_BUS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "bt/bus.h"

#define BT_CALLS_MAX 16

struct bt_pending {
    struct bt_bus *bus;
    unsigned number;                /* 0: free */
    sd_bus_slot *slot;              /* NULL: could not be sent */
    int64_t deadline_ms;
    void (*end)(void *ctx, const struct bt_end *end);
    void *ctx;
};

struct bt_bus {
    struct bt_bus_config config;
    char *address;
    sd_bus *bus;
    sd_bus_slot *matches[3];
    struct bt_mirror *mirror;
    char owner[64];                 /* unique name of org.bluez; empty: none */
    int state;                      /* what service() was told last; 1: nothing yet */
    int64_t reopen_at_ms, reopen_ms;
    int64_t refresh_at_ms;          /* 0: not due */
    unsigned last_number, refresh;
    bool more;                      /* messages are left for the next process() */
    struct bt_pending calls[BT_CALLS_MAX];
    struct bt_counters counters;
};

int64_t bt_bus_now(const struct bt_bus *b);

/* bus_calls.c */
/* A call to the bus itself, as bt_bus_call(). */
unsigned bt_calls_ask(struct bt_bus *b, const struct bt_call *call, const char *types, ...);
/* End all as void, for that reason; those whose deadline has passed. */
void bt_calls_end(struct bt_bus *b, const char *text);
void bt_calls_expire(struct bt_bus *b);

#endif
