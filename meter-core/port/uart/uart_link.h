/* uart_link.h - messages over a serial line that may lose, alter, double and stall bytes: in order,
 * each once, between the meter's controller and its radio module. The same code at both ends.
 * Freestanding, no heap.
 *
 * On the wire a frame is COBS (Cheshire and Baker, 1999) and ends with a zero byte. In it: type 1,
 * number 1, payload, CRC-16 of all that (common/crc.h, little-endian). One frame of data is under
 * way in each direction; it is sent again until its acknowledgement comes, which leaves when the
 * receiver has room for the next one: that is the flow control, and no ring of UL_WIRE_MAX bytes
 * overflows however long its reader is busy.
 *
 * The CRC finds accidents of a short wire, one in 65536 of heavy ones not: what passes is still judged
 * above, where messages are sealed.
 *
 * An end says SYNC with a number that it draws when it starts, until the other has answered; a SYNC
 * with a number that is not the known one means that the other end has started anew: what was under
 * way is dropped, and ul_restarted() says so.
 */
#ifndef GF_METER_UART_LINK_H
#define GF_METER_UART_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

#define UL_PAYLOAD_MAX 250               /* a kind byte and a body */
#define UL_RAW_MAX (UL_PAYLOAD_MAX + 4)  /* type, number, payload, CRC: one block of COBS */
#define UL_WIRE_MAX (UL_RAW_MAX + 2)     /* with the block's head and the zero byte */
#define UL_AGAIN_MS 200     /* a frame or SYNC without its acknowledgement is sent again */
#define UL_DEAD_MS 3000     /* ... and after so long the other end counts as gone */
#define UL_SELDOM_MS 2000   /* ... and is asked only so often */

struct ul_link {
    uint32_t self, peer;        /* start numbers; peer 0: not known yet */
    bool synced;                /* the other end knows ours, we know its */
    bool restarted;             /* to be told once */
    uint8_t rx_number, tx_number;
    /* received */
    bool in_lost;               /* it was too long or broken: nothing until its zero byte */
    bool has_message;           /* its payload waits for ul_take(): nothing more is acknowledged */
    size_t in_n, message_n;
    /* to send */
    bool owes_ack, owes_sync;
    uint8_t ack_number;
    size_t out_n;               /* 0: none */
    size_t wire_at, wire_n;
    int64_t sent_ms, since_ms;  /* mono: last try, first try; since_ms < 0: nothing waits */
    /* counted */
    uint32_t bad_frames, resent, doubled;
    uint8_t in[UL_WIRE_MAX];    /* the frame that is coming in, still in COBS; then its payload */
    uint8_t out[UL_RAW_MAX];    /* the frame of data that is not acknowledged */
    uint8_t wire[UL_WIRE_MAX];  /* being written */
};

/* An end that starts. `start` is a number that no earlier start of this end used (random, or a
 * counter); not 0. */
void ul_init(struct ul_link *l, uint32_t start);

/* Bytes that came. Returns how many were taken: less than n while a message waits for ul_take(). */
size_t ul_rx(struct ul_link *l, const uint8_t *p, size_t n);

/* The next bytes for the wire, up to cap; 0: nothing now. Call after every other function. */
size_t ul_tx(struct ul_link *l, uint8_t *ret, size_t cap, int64_t now_ms);

/* True when ul_send() would take a message. */
bool ul_can_send(const struct ul_link *l);

/* A message: one byte of kind, then the body (UL_PAYLOAD_MAX - 1 bytes at most). False when there is
 * no room (ul_can_send()) or it is too long. */
bool ul_send(struct ul_link *l, uint8_t kind, struct gf_span body);

/* The message that came: its payload (kind first), or NULL. It stays until ul_take(). */
const uint8_t *ul_message(const struct ul_link *l, size_t *ret_n);
void ul_take(struct ul_link *l);

/* True once after the other end was found or has started anew: its state is that of a start. */
bool ul_restarted(struct ul_link *l);

/* False while the other end does not answer: at the start, or UL_DEAD_MS after the first try of
 * what is under way. */
bool ul_is_alive(const struct ul_link *l, int64_t now_ms);

/* ms until ul_tx() has to be called again though nothing happens; negative: never. */
int ul_wait_ms(const struct ul_link *l, int64_t now_ms);

#endif
