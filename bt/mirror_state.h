/* mirror_state.h - what the files of the mirror share. Private to bt/. */
#ifndef GF_BT_MIRROR_STATE_H
#define GF_BT_MIRROR_STATE_H

#include "bt/mirror.h"

#define BT_BUCKETS 1024

struct bt_mirror {
    struct bt_mirror_config config;
    size_t n;
    struct bt_object *buckets[BT_BUCKETS];
};

/* Where a value goes and what it did. */
struct bt_into {
    struct bt_mirror *m;
    struct bt_object *o;
    size_t offset, cap;
    unsigned what;
    bool is_live;               /* a change, not a picture of what was */
};

/* mirror_take.c */
/* Take the a{sv} of one interface. False: the message is broken. */
bool bt_take_properties(struct bt_into *to, unsigned iface, sd_bus_message *from);

#endif
