/*
 * bus.h - one connection to D-Bus and to bluetoothd behind it, without ever waiting.
 *
 * It opens the bus and opens it again when it breaks, follows the owner of org.bluez, keeps the
 * mirror (mirror.h) of its objects, and carries calls that each end exactly once: by an answer, an
 * error, a deadline, or the loss of the daemon. A late answer to a call that has ended is dropped.
 * All callbacks come from process(). Times are ms of the port's monotonic clock.
 */
#ifndef GF_BT_BUS_H
#define GF_BT_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "bt/judge.h"
#include "bt/mirror.h"
#include "common/port.h"

#define BT_BLUEZ "org.bluez"
#define BT_PROPERTIES "org.freedesktop.DBus.Properties"

struct bt_bus;

struct bt_bus_config {
    const char *address;            /* NULL: DBUS_SYSTEM_BUS_ADDRESS, else the system bus; copied */
    const struct gf_clock *clock;   /* kept */
    const char *service_uuid;       /* for the mirror's is_ours; kept */
    uint16_t company;               /* for the mirror's id hash */
    void *ctx;                      /* of all callbacks; any of them may be NULL */
    /* A new connection, before anything else is sent on it: the place to put own objects on it. */
    void (*opened)(void *ctx, sd_bus *bus);
    /* 0: the daemon is there and the mirror whole. GF_E_BLUEZ_AWAY or _DENIED: not there, every
     * call has ended, the mirror is empty. First told once it is known, then when it changes. */
    void (*service)(void *ctx, int code, const char *detail);
    /* As the mirror's. */
    void (*changed)(void *ctx, const struct bt_object *o, unsigned what);
    void (*value)(void *ctx, const struct bt_object *o, const uint8_t *p, size_t n);
};

/* Counts since the start, for the bench. */
struct bt_counters {
    uint64_t calls, answers, errors, timeouts, signals, values, opened;
};

/* How a call ended. Valid during the callback. */
struct bt_end {
    int code;                   /* 0, GF_E_* of the judgement, GF_E_LINK_TIMEOUT for a deadline */
    enum bt_retry retry;
    const char *text;           /* BlueZ's words; empty when code is 0 */
    sd_bus_message *answer;     /* only when code is 0; borrowed */
};

struct bt_call {
    const char *path, *iface, *member;
    int timeout_ms;
    void (*end)(void *ctx, const struct bt_end *end);   /* NULL: nobody cares */
    void *ctx;
};

/* NULL without memory. Nothing is opened before the first process(). */
struct bt_bus *bt_bus_new(const struct bt_bus_config *config);

/* Calls under way end without a callback. Returns NULL. */
struct bt_bus *bt_bus_free(struct bt_bus *b);

/* The parts of a gf_source; the owner's source calls them. */
size_t bt_bus_fds(struct bt_bus *b, struct gf_pollfd *ret, size_t cap);
/* timers: the owner's own, n times of the monotonic clock, 0 for those that do not run. */
int bt_bus_timeout_ms(struct bt_bus *b, const int64_t *timers, size_t n);
void bt_bus_process(struct bt_bus *b);

/* Call a method of org.bluez. `types` and what follows as of sd_bus_message_append(3). Returns the
 * call's number (positive), for bt_bus_cancel(); its end comes from a later process(), also when
 * it cannot be sent. 0 when there are too many calls under way: then there is no end. */
unsigned bt_bus_call(struct bt_bus *b, const struct bt_call *call, const char *types, ...);

/* The same for WriteValue of a characteristic: type "command" or "request". */
unsigned bt_bus_write_value(struct bt_bus *b, const struct bt_call *call, const char *type,
                            const uint8_t *p, size_t n);

/* End a call without a callback; what it asked for may happen all the same. Sets *number to 0,
 * which is no call. */
void bt_bus_cancel(struct bt_bus *b, unsigned *number);

/* Send a method call to org.bluez without an answer: for the way out. */
void bt_bus_tell(struct bt_bus *b, const char *path, const char *iface, const char *member);

/* The connection, NULL while there is none; for signals of own objects. */
sd_bus *bt_bus_handle(struct bt_bus *b);

/* True when m came from bluetoothd: on the system bus anybody can call anybody. */
bool bt_bus_is_from_bluez(const struct bt_bus *b, sd_bus_message *m);

const struct bt_mirror *bt_bus_mirror(const struct bt_bus *b);
const struct bt_counters *bt_bus_counters(const struct bt_bus *b);

#endif
