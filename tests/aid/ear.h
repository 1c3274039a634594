#ifndef GF_TESTS_AID_EAR_H
#define GF_TESTS_AID_EAR_H
/*
 * Who listens to a link port, and keeps what was last said and how often.
 */
#include "field/ports.h"

struct aid_ear {
    unsigned sightings, ready, fragments, downs, written, radios, attempts;
    struct link_sighting sighting;
    struct link_ready link;
    unsigned phases;            /* bit per phase */
    int down, radio, wrote;
    char detail[200];           /* of the last down */
    struct link_attempt attempt;    /* the last told */
    char why[200];              /* its detail */
    uint8_t fragment[32];       /* the last one's beginning */
    void *ctx;                  /* a fragment is passed on, unless NULL */
    void (*on_fragment)(void *ctx, const uint8_t *p, size_t n);
};

/* The events that it wants; borrowed from *ear, which must not move. */
struct link_events aid_ear_events(struct aid_ear *ear);

#endif
