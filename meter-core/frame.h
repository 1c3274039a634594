/* frame.h - messages over GATT: fragments, credits, repetition; for both ends. Freestanding.
 *
 * Fragment: byte 0 flags (0x80 start, 0x40 end, 0x20 ack present, 0x10 reset; low nibble the
 * fragment epoch), byte 1 sequence, [ack 1, credit 1 when flagged], [message length 2 LE on the
 * start], payload. Sequences count fragments from 0 through all messages of an epoch, each way for
 * itself. A fragment with ack but neither start nor payload only acknowledges and carries no
 * sequence of its own (byte 1 is 0); only such a one may have the reset flag, and then asks. A
 * start always carries an ack, no other fragment with payload does, and all but the last fragment
 * of a message are as long as the limit: so a sequence covers the same bytes each time it is sent.
 *
 * Credit. ack is the next sequence expected, credit how many from there on may be sent: sequences
 * below ack + credit. An end grants MC_WINDOW fragments, and sends a stand-alone ack when what is
 * left of that comes down to a quarter. Fragments inside the window may arrive in any order.
 * Repeated ones, those beyond the window, and those of another epoch (ghosts of an earlier
 * connection) are dropped without a word.
 *
 * Gaps. The end of a message or the last credit arrives while something before it is missing: the
 * receiver asks (ack and reset) for the rest of the message from `ack` on. The sender repeats from
 * there: the same bytes under the same sequences. When nothing of its own is missing there, it
 * answers with a plain ack, which tells the other what it misses in its turn. A message is asked
 * for once and repeated once; what is missing then ends the connection.
 *
 * Silence. There is no timer here. What no later fragment can show - the last fragment, an ack or a
 * whole message was lost - only the end that waits for an answer can notice: it calls
 * mc_pipe_nudge() whenever nothing has come for some time (a second or two; it must be longer than
 * fragments stay under way). That asks as above, whatever was lost, and is harmless while the meter
 * is still at work. How long a meter may work is the caller's to decide. The meter never nudges.
 */
#ifndef GF_METER_FRAME_H
#define GF_METER_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meter-core/gatt.h"

#define MC_MESSAGE_MAX 1536 /* bytes of a whole message, sealed */
#define MC_WINDOW 8 /* credits that an end grants, and announces in CTL: what it can hold back */

/* What mc_pipe_feed() found. */
enum mc_feed {
    MC_FEED_MORE = 0,    /* fine, nothing whole yet */
    MC_FEED_MESSAGE = 1, /* a whole message: mc_pipe_message() */
    MC_FEED_BROKEN = 2,  /* drop the connection (nonsense, a second gap); until mc_pipe_reset() */
};

struct mc_pipe {    /* private; caller allocates */
    uint16_t limit; /* bytes of a fragment that may be sent */
    uint8_t epoch;
    bool broken;
    struct {
        const uint8_t *p; /* the message being sent, kept by the caller */
        size_t n;
        uint8_t first, end; /* sequences of its first fragment and after its last */
        uint8_t seq, top;   /* next to send; after the highest that was ever sent */
        uint8_t base;       /* all below is acknowledged */
        uint8_t bound;      /* credit reaches up to here */
        bool repeated;
        bool polled; /* nothing has arrived since the last nudge */
    } tx;
    struct {
        size_t n, want;
        uint8_t seq;     /* next expected */
        uint8_t granted; /* credit reaches up to here */
        bool in_message, ready;
        bool owes_ack, gap, poll; /* what the next fragment to send has to say */
        bool asked;
        uint16_t held_len[MC_WINDOW]; /* 0 is an empty place */
        uint8_t held[MC_WINDOW][MC_FRAGMENT_MAX];
        uint8_t buf[MC_MESSAGE_MAX];
    } rx;
};

/* Start (or reset) an end. limit: most bytes of a fragment to send, min(MTU - 3, peer's limit,
 * MC_FRAGMENT_MAX), not below MC_FRAGMENT_LEAST; peer_credits: fragments that the peer takes before
 * it grants more, as its CTL says. */
void mc_pipe_reset(struct mc_pipe *p, uint8_t epoch, uint16_t limit, uint8_t peer_credits);

/* Queue one message. The bytes are borrowed until the next mc_pipe_send() or reset, to be
 * repeated from. 0; GF_E_SPACE when longer than MC_MESSAGE_MAX; GF_E_NOT_NOW while the one before
 * is not wholly handed out. */
int mc_pipe_send(struct mc_pipe *p, const uint8_t *msg, size_t n);

/* The next fragment to transmit now: its length, or 0 when there is nothing or no credit. cap >=
 * limit. Call it until 0 after mc_pipe_send(), mc_pipe_feed() and mc_pipe_nudge(). */
size_t mc_pipe_next(struct mc_pipe *p, uint8_t *ret, size_t cap);

/* Take a fragment that arrived. */
enum mc_feed mc_pipe_feed(struct mc_pipe *p, const uint8_t *frag, size_t n);

/* The whole message; valid until the next mc_pipe_feed(). NULL when there is none. */
const uint8_t *mc_pipe_message(const struct mc_pipe *p, size_t *ret_n);

/* Nothing has arrived for some time, and a message is awaited. MC_FEED_MORE: send what
 * mc_pipe_next() now gives, and wait again; MC_FEED_BROKEN: nothing came since the last nudge, or
 * the rest of this message was asked for before. */
enum mc_feed mc_pipe_nudge(struct mc_pipe *p);

/* True when everything of the last mc_pipe_send() was handed out. */
bool mc_pipe_idle(const struct mc_pipe *p);

#endif
