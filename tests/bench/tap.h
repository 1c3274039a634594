/* tap.h - a link port that stands before another one, passes everything on, and counts the messages
 * in the fragments. */
#ifndef GF_TESTS_BENCH_TAP_H
#define GF_TESTS_BENCH_TAP_H

#include "field/ports.h"

/* One direction: the start fragment that came last, so that a repeated one is not counted twice. */
struct tap_way {
    int last_start; /* its first two bytes; -1: none in this connection */
};

struct tap {
    struct link_port port; /* to hand out */
    const struct link_port *real;
    const struct link_events *to; /* whom the events are for */
    struct link_events events;
    unsigned mtu; /* of the connection; 0 before the first */
    struct tap_way out, in;
    uint64_t messages; /* begun, both ways, since the start */
    uint64_t floor;    /* the fewest fragments that those messages fit in */
};

/* `real` is borrowed. */
void tap_init(struct tap *t, const struct link_port *real);

#endif
