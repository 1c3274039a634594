#ifndef GF_TESTS_AID_SWAP_AID_H
#define GF_TESTS_AID_SWAP_AID_H
/*
 * Moving an account's credit from the meter of one meter_world to that of another: what head office
 * makes for it, and what a careful technician does. Keys are those of aid_meter_root(). Failures
 * are cmocka's.
 */
#include "meter-core/swap.h"
#include "tests/aid/meter_story.h"

#define AID_SWAP_SERIAL 300     /* of the tickets; each case counts one on */

struct aid_swap {
    gasm_SwapTerms terms;       /* aid_swap_settle() after a change */
    uint8_t bytes[MC_TERMS_MAX];
    size_t n;
    uint32_t old_epoch, new_epoch;      /* account keys in force, 1 */
    uint64_t serial;
    gasm_Certificate closed;    /* once there is a certificate */
    uint8_t certificate[MC_CERTIFICATE_MAX];
    size_t certificate_n;
};

/* A case (its number is all that tells two apart) between two meters, for twelve hours. */
struct aid_swap aid_swap_of(const char *old_id, const char *new_id, uint32_t case_no,
                            uint64_t cap_l);
void aid_swap_settle(struct aid_swap *s);
struct gf_span aid_swap_terms(const struct aid_swap *s);

/* The ticket of role SWAP with every right for one of the two meters, or for a third. */
gasm_Ticket aid_swap_ticket(const struct aid_swap *s, const char *meter_id);

/* K_swap, and the SwapKey under K[wrap_epoch] of the old meter; its length. */
void aid_swap_key(const struct aid_swap *s, uint8_t ret[static MC_KEY_LEN]);
size_t aid_swap_sealed(const struct aid_swap *s, uint32_t wrap_epoch,
                       uint8_t ret[static MC_SWAP_KEY_MAX]);

/* Connect and open a session under that ticket. */
void aid_swap_greet(const struct aid_swap *s, struct aid_world *w);

/* Bodies of the two requests; the second needs the certificate. */
void aid_swap_close_body(const struct aid_swap *s, gasm_Request *r);
void aid_swap_import_body(const struct aid_swap *s, gasm_Request *r);

/* The certificate as an old meter would make it that closes with this residual. */
void aid_swap_certify(struct aid_swap *s, int64_t residual_l);

/* Keep the certificate of an answer to close_account: verified under both keys. */
void aid_swap_take(struct aid_swap *s, const gasm_Response *answer);

/* Do it, under this operation id, in sessions of its own and over power cuts, until it is answered
 * OK; the balance or the certificate is in w->answer. */
void aid_swap_close(struct aid_swap *s, struct aid_world *old, uint32_t op);
void aid_swap_import(struct aid_swap *s, struct aid_world *new, uint32_t op);

/* Both, and what must be true of it. */
void aid_swap_whole(struct aid_swap *s, struct aid_world *old, struct aid_world *new, uint32_t op);

/* A world of this meter with an account: opened up to `last`. The client has gone. */
struct aid_world *aid_swap_meter(const char *meter_id, enum aid_step last);

/* Two meters in service and a case between them; the old one, AID_METER_ID, has so much credit
 * (below zero: debt), the new one, AID_OTHER_ID, none. */
struct aid_swap_pair {
    struct aid_world *old, *new;
    struct aid_swap swap;
};
struct aid_swap_pair aid_swap_pair_of(int64_t residual_l, uint64_t cap_l);
void aid_swap_pair_free(struct aid_swap_pair *p);

/* Recharge an account that had no token, by one: so much sold, so much settled downwards. */
void aid_swap_credit(struct aid_world *w, uint64_t purchased_l, uint64_t debited_l);

/* Open the valve of a meter in service with credit for its customer, wait until the leak watch is
 * over, then let gas flow. */
void aid_swap_open_valve(struct aid_world *w, int64_t flow_l_per_h);

#endif
