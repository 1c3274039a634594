/*
 * trace.h - what went over the link, as gasfitter sees it at BlueZ: a bounded memory of the last
 * ATT PDUs, kept in the form of a btsnoop file (common/btsnoop.h).
 *
 * PDUs are those of the values written, read and notified; what bluetoothd asks by itself (MTU,
 * services, subscriptions) does not pass here. How values shared PDUs on the air is not known
 * either. The content is what anybody in reach hears: sealed fragments, session numbers, the
 * meter's id. No key and no passphrase ever crosses the link.
 */
#ifndef GF_BT_TRACE_H
#define GF_BT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/port.h"

struct bt_trace;

/* An ATT opcode, as a record's kind. */
enum bt_att {
    BT_ATT_READ = 0x0a, BT_ATT_READ_RSP = 0x0b, BT_ATT_WRITE = 0x12, BT_ATT_WRITE_RSP = 0x13,
    BT_ATT_NOTIFY = 0x1b, BT_ATT_COMMAND = 0x52,
};

/* NULL without memory. The clock is kept; cap: bytes of records, the oldest of which go when there
 * are more. */
struct bt_trace *bt_trace_new(const struct gf_clock *clock, size_t cap);
struct bt_trace *bt_trace_free(struct bt_trace *t);

/* A link to "AA:BB:..." begins, or ends. Nothing when it has already. */
void bt_trace_up(struct bt_trace *t, const char *address);
void bt_trace_down(struct bt_trace *t);

/* A PDU with n bytes of value; path: BlueZ's object of the characteristic, ".../char001f", or NULL
 * for the kinds that carry no handle. */
void bt_trace_pdu(struct bt_trace *t, enum bt_att kind, const char *path, const uint8_t *p,
                  size_t n);

/* The file, until the next record. */
struct gf_span bt_trace_file(const struct bt_trace *t);

#endif
