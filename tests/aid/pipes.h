#ifndef GF_TESTS_AID_PIPES_H
#define GF_TESTS_AID_PIPES_H
/*
 * Two ends of the framing and the link between them: what is handed out is judged from outside
 * (credit, same bytes under the same sequence), may be lost, come twice or in any order, and whole
 * messages are compared with what was sent. Failures are cmocka's.
 */
#include "meter-core/frame.h"
#include "tests/aid/linkaid.h"

/* The flags of a fragment. */
enum { AID_START = 0x80, AID_END = 0x40, AID_ACK = 0x20, AID_RESET = 0x10 };
enum { AID_CLIENT = 0, AID_METER = 1, AID_NEVER = -1, AID_WIRE_MAX = 256, AID_LOSSES = 3 };

struct aid_fragment {
    uint8_t p[MC_FRAGMENT_MAX];
    size_t n;
};

/* What one end may send, kept from outside: credit that was delivered to it, and the bytes of each
 * sequence, which must not change when it is repeated. */
struct aid_watch {
    uint8_t bound;
    struct aid_fragment sent[256];
    unsigned repeats, acks, asks;
};

struct aid_link {
    struct mc_pipe pipe[2];                    /* AID_CLIENT, AID_METER */
    struct aid_fragment wire[2][AID_WIRE_MAX]; /* sent by, not yet delivered */
    size_t on_wire[2];
    struct aid_watch watch[2];
    uint8_t message[2][MC_MESSAGE_MAX]; /* what each end sends */
    size_t n[2];
    unsigned got[2];            /* whole messages that each end received */
    int lose[AID_LOSSES];       /* which fragments of all are lost; AID_NEVER */
    int emitted;                /* fragments that were handed out, both ends together */
    bool busy;                  /* the meter does not answer yet */
    bool broken;                /* an end gave the connection up */
    bool twice;                 /* everything arrives twice */
    struct aid_random *shuffle; /* delivery in any order */
};

/* Fewest fragments that carry n bytes. */
size_t aid_link_fragments(size_t n, size_t limit);

/* Both ends fresh in epoch 5, each told that the other grants `credits`. */
void aid_link_begin(struct aid_link *w, uint16_t limit, uint8_t credits);

/* The client sends a request of n bytes; the meter's answer to what it received has n bytes. The
 * meter answers by itself unless busy. Nothing moves yet. */
void aid_link_ask(struct aid_link *w, size_t n);
void aid_link_answer(struct aid_link *w, size_t n);

/* Hand out all that an end wants to send. */
void aid_link_pump(struct aid_link *w, int from);

/* Deliver one fragment to an end; it comes in memory of its exact length. */
void aid_link_deliver(struct aid_link *w, int to, size_t answer_n);

/* All of that until the link is quiet. */
void aid_link_run(struct aid_link *w, size_t answer_n);

/* A request and its answer; the client nudges while it waits and the link is quiet. Returns the
 * nudges; broken is set when an end gave the connection up. */
unsigned aid_link_exchange(struct aid_link *w, size_t request_n, size_t answer_n);

#endif
