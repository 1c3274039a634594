/*
 * mirror.h - what BlueZ has on the bus, kept here: adapters, devices and their GATT objects, as
 * typed fields.
 *
 * Filled from GetManagedObjects, InterfacesAdded, InterfacesRemoved and PropertiesChanged.
 * Everything in it came from outside: a property of another type than documented is left out, text
 * is made visible, and the number of objects is bounded. Objects of other kinds are not kept.
 */
#ifndef GF_BT_MIRROR_H
#define GF_BT_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "common/ids.h"
#include "common/port.h"

#define BT_UUID_TEXT 37
#define BT_PATH_CAP 96              /* longest object path with its NUL; BlueZ's have 66 at most */
#define BT_OBJECTS_MAX 8192
#define BT_RSSI_UNKNOWN 127

/* Interfaces, as bits. */
enum bt_iface {
    BT_ADAPTER = 1, BT_DEVICE = 2, BT_SERVICE = 4, BT_CHARACTERISTIC = 8, BT_GATT_MANAGER = 16,
    BT_ADVERT_MANAGER = 32,
};

/* Flags of a characteristic, as bits; others are not kept. */
enum bt_flag { BT_FLAG_READ = 1, BT_FLAG_WRITE = 2, BT_FLAG_COMMAND = 4, BT_FLAG_NOTIFY = 8 };

/* Roles of an adapter; an old daemon says none, and then has both. */
enum bt_role { BT_ROLE_CENTRAL = 1, BT_ROLE_PERIPHERAL = 2 };

struct bt_object {
    struct bt_object *next;             /* private: in its bucket */
    unsigned ifaces;
    char address[GF_BT_ADDRESS_TEXT];   /* adapter, device */
    bool powered, discovering, blocked; /* adapter; blocked: by rfkill, as new releases say */
    unsigned roles;
    char name[32];                      /* device; visible */
    bool connected, resolved;
    bool is_ours;                       /* its UUIDs have the mirror's service */
    bool has_id_hash;
    uint8_t id_hash[6];
    int rssi_dbm;
    int64_t seen_mono_ms;               /* last heard by radio, 0: not since it is in the mirror */
    char uuid[BT_UUID_TEXT];            /* service, characteristic; lower case */
    char service[BT_PATH_CAP];          /* characteristic: the path of its service */
    unsigned flags;
    char path[BT_PATH_CAP];
};

/* What happened to an object, as bits. */
enum bt_change { BT_ADDED = 1, BT_REMOVED = 2, BT_CHANGED = 4, BT_SEEN = 8 };

struct bt_mirror;

struct bt_mirror_config {
    const struct gf_clock *clock;
    const char *service_uuid;           /* sets is_ours; borrowed */
    uint16_t company;                   /* 6 bytes of manufacturer data under it are the id hash */
    void *ctx;
    /* One object changed; `what` is a set of enum bt_change. BT_REMOVED: freed after the call. */
    void (*changed)(void *ctx, const struct bt_object *o, unsigned what);
    /* A characteristic's value was notified (or read by someone). */
    void (*value)(void *ctx, const struct bt_object *o, const uint8_t *p, size_t n);
};

/* NULL without memory. The config is copied. */
struct bt_mirror *bt_mirror_new(const struct bt_mirror_config *config);
struct bt_mirror *bt_mirror_free(struct bt_mirror *m);

/* Forget all, telling nobody. */
void bt_mirror_clear(struct bt_mirror *m);

/* Replace all by the answer to GetManagedObjects, telling nobody. 0, or GF_E_FORMAT when it is not
 * such an answer. */
int bt_mirror_replace(struct bt_mirror *m, sd_bus_message *answer);

/* A signal of ObjectManager or Properties; others, and malformed ones, change nothing. */
void bt_mirror_signal(struct bt_mirror *m, sd_bus_message *signal);

/* NULL when there is none. */
const struct bt_object *bt_mirror_find(const struct bt_mirror *m, const char *path);

/* Every object that has one of the interfaces and is below `under` (NULL: all), until fn returns
 * false. fn must not change the mirror. */
void bt_mirror_each(const struct bt_mirror *m, unsigned ifaces, const char *under,
                    bool (*fn)(void *ctx, const struct bt_object *o), void *ctx);

/* Which adapter to use, and why none. */
struct bt_choice {
    const char *address;        /* wanted, since the number in hciN changes; "" for any */
    unsigned ifaces;            /* that it must have, all of them */
    enum bt_role role;          /* that it must have */
    /* Is the adapter of that name ("hci0") kept off by rfkill? Asked to tell why there is none, of
     * an adapter that is off and does not say; NULL: nobody knows. */
    bool (*is_blocked)(const char *name);
};

/* The adapter for that, of several the first by path; NULL, with a sentence in why (cap bytes). */
const struct bt_object *bt_mirror_adapter(const struct bt_mirror *m, const struct bt_choice *choice,
                                          char *why, size_t cap);

/* True when o is an adapter for that. NULL is none. */
bool bt_is_usable(const struct bt_object *o, const struct bt_choice *choice);

/* True when path is below `under`: it begins with it and a slash. */
bool bt_path_below(const char *path, const char *under);

#endif
