#ifndef GF_TESTS_AID_METER_STILL_H
#define GF_TESTS_AID_METER_STILL_H
/*
 * A meter_world stopped at a moment of its life, inside an authenticated session, to be put back
 * there as often as wanted: only what was touched of its flash is copied, so that costs little. And
 * what must be true of every answer, whatever the request was.
 */
#include "tests/aid/swap_aid.h"

/* Where a meter can be stopped. Its ticket has every right, but for the factory's. */
enum aid_moment {
    AID_AT_FACTORY,     /* under the ticket of epoch 0 */
    AID_AT_KEYED,
    AID_AT_ACCOUNT,     /* an account is open, nothing purged */
    AID_AT_PURGING,     /* a grant is alive, the valve open */
    AID_AT_PURGED,
    AID_AT_CLEARED,
    AID_AT_SERVICE,
    AID_AT_CLOCKLESS,   /* in service, and the clock has lost its supply */
    AID_AT_SUPPLY,      /* in service, with credit, the valve open */
    AID_AT_OLD,         /* in service, with credit, under the swap ticket that takes it away */
    AID_AT_NEW,         /* cleared, under the swap ticket that brings credit */
    AID_AT_CLOSED,
    AID_MOMENTS
};

struct aid_still {
    struct aid_world *w;
    struct mc_nvm inner;            /* the flash that is watched */
    struct aid_world world;         /* everything as it was */
    struct mc_meter meter;
    uint8_t *image;                 /* of the flash */
    struct {
        uint32_t addr, n;
    } touched[64];
    size_t touches;                 /* more than there is place for: all of it */
};

/* The swap of AID_AT_OLD or AID_AT_NEW, with a certificate of 800 l for the latter. */
struct aid_swap aid_still_swap(bool is_old);

/* Never NULL. */
struct aid_still *aid_still_new(enum aid_moment moment);
void aid_still_free(struct aid_still *s);

/* Put everything back. */
void aid_still_back(struct aid_still *s);

/* Run a plain request as if it had come through the session. plain.n up to MC_MESSAGE_MAX. NULL
 * when what the meter did is right, else what is not. *ret_later: the answer comes when time
 * passes; else *ret has it. */
const char *aid_still_ask(struct aid_still *s, struct gf_span plain, gasm_Response *ret,
                          bool *ret_later);

#endif
