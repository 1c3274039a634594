/*
 * peripheral.h - the meter's side of the radio link: a GATT application and an advertisement at
 * BlueZ, kept registered through restarts of the daemon, power cycles and lost adapters.
 *
 * The services are Device Information (without a serial number) and the meter's (gatt.h). One
 * central at a time: the first that touches a characteristic, until its link ends. Another one is
 * refused (NotAuthorized) and disconnected. Whoever is connected to the adapter but touches
 * nothing of ours is none of our business: the adapter may serve others too.
 */
#ifndef GF_BT_PERIPHERAL_H
#define GF_BT_PERIPHERAL_H

#include <stddef.h>
#include <stdint.h>

#include "bt/bus.h"
#include "common/port.h"
#include "meter-core/gatt.h"

struct bt_peripheral;

/* All from the source's process(). */
struct bt_peripheral_events {
    void *ctx;
    /* 0: registered and advertising; detail is the adapter's address. GF_E_BLUEZ_AWAY, _DENIED or
     * GF_E_ADAPTER: not (any more), and why. When it changes. */
    void (*state)(void *ctx, int code, const char *detail);
    /* A central has come. Again when its ATT_MTU turns out to be another, before it gets an
     * answer to anything. It is told two bytes smaller than it is: BlueZ puts a length before each
     * value that it notifies to a client of its own kind, and cuts what does not fit then. */
    void (*connected)(void *ctx, uint16_t att_mtu);
    void (*disconnected)(void *ctx);
    /* A fragment was written to RX. */
    void (*rx)(void *ctx, const uint8_t *p, size_t n);
    /* CTL: the value, and a value written (0, or GF_E_*, which is answered as ATT error 0x80). */
    size_t (*ctl_read)(void *ctx, uint8_t *ret, size_t cap);
    int (*ctl_write)(void *ctx, const uint8_t *p, size_t n);
};

struct bt_peripheral_config {
    const char *bus_address;        /* NULL: DBUS_SYSTEM_BUS_ADDRESS, else the system bus */
    const char *adapter_address;    /* "AA:BB:..."; NULL: the first powered one that can */
    const struct gf_clock *clock;   /* kept */
    bool (*is_blocked)(const char *name);       /* as bt_choice's; may be NULL */
    const struct bt_peripheral_events *events;  /* kept */
    const char *manufacturer, *model, *firmware;    /* Device Information; kept */
    const char *local_name;         /* in the scan response, 29 bytes at most; kept */
    uint8_t id_hash[MC_ID_HASH_LEN];
    int readvertise_ms;             /* register the advertisement anew so often; 0: never. For an
                                     * emulated controller that reports each one only once */
};

/* NULL without memory. */
struct bt_peripheral *bt_peripheral_new(const struct bt_peripheral_config *config);

/* The daemon unregisters everything of a connection that has ended. Returns NULL. */
struct bt_peripheral *bt_peripheral_free(struct bt_peripheral *p);

const struct gf_source *bt_peripheral_source(struct bt_peripheral *p);

/* Notify one value on TX. Nothing while there is no central. */
void bt_peripheral_notify(struct bt_peripheral *p, const uint8_t *value, size_t n);

/* End the link of the central. disconnected() follows when it is down (BlueZ takes 2 s); until then
 * nothing that it does is taken. */
void bt_peripheral_drop(struct bt_peripheral *p);

#endif
