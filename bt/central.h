/*
 * central.h - the laptop's side of the radio link: struct link_port over BlueZ.
 *
 * One connection at a time, to the meter whose advertisement shows a given id hash. What is true
 * is read from BlueZ's properties, never from the answer to Connect(). Every state has a timer,
 * every call a deadline, and every connect() exactly one down(). See docs/bluetooth.md.
 */
#ifndef GF_BT_CENTRAL_H
#define GF_BT_CENTRAL_H

#include <stdbool.h>
#include <stdint.h>

#include "bt/bus.h"
#include "common/bytes.h"
#include "common/port.h"
#include "field/ports.h"

struct bt_central;

struct bt_central_config {
    const char *bus_address;        /* NULL: DBUS_SYSTEM_BUS_ADDRESS, else the system bus */
    const char *adapter_address;    /* "AA:BB:..."; NULL: the first powered adapter that can */
    const struct gf_clock *clock;   /* kept */
    bool (*is_blocked)(const char *name);   /* as bt_choice's; may be NULL */
};

/* NULL without memory. Nothing is opened before the source is first processed. */
struct bt_central *bt_central_new(const struct bt_central_config *config);

/* Ends a connection without waiting for BlueZ. No event follows. Returns NULL. */
struct bt_central *bt_central_free(struct bt_central *c);

/* Both live as long as the central. */
const struct link_port *bt_central_port(struct bt_central *c);
const struct gf_source *bt_central_source(struct bt_central *c);

/* D-Bus traffic since the start, for the bench. */
const struct bt_counters *bt_central_counters(const struct bt_central *c);

/* The last 256 KiB of what went over the link, as a btsnoop file (trace.h); valid until the source
 * is processed again. */
struct gf_span bt_central_trace(const struct bt_central *c);

#endif
