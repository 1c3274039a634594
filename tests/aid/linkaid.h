#ifndef GF_TESTS_AID_LINKAID_H
#define GF_TESTS_AID_LINKAID_H
/*
 * What tests of the link share: random bytes from a seed, and one ticket, key and receipt to work
 * on. Everything is the same in each run.
 */
#include "common/port.h"
#include "meter-core/keys.h"

#define AID_METER_ID "GM2400001223"

/* Random bytes from a seed (splitmix64). fail makes the port return GF_E_RANDOM. */
struct aid_random {
    uint64_t state;
    bool fail;
};

/* The port over r, which the caller keeps. */
struct gf_random aid_random_port(struct aid_random *r);

/* The next 64 bits, for tests' own choices. */
uint64_t aid_random_next(struct aid_random *r);

/* A root key: bytes first, first + 1, ... */
void aid_root_key(uint8_t first, uint8_t ret[static MC_KEY_LEN]);

/* A ticket with every field set, epoch 1, for AID_METER_ID. */
gasm_Ticket aid_ticket(void);

/* Encoded; its length. ret has room for MC_TICKET_MAX. */
size_t aid_ticket_bytes(uint8_t *ret);

/* A receipt with every field set, key epoch 1, of AID_METER_ID. */
gasm_Receipt aid_receipt(void);

/* The OpenSSL port with a fault: after `calls` calls the next one returns GF_E_CRYPTO, later ones
 * work again. One at a time: each call of this sets the count anew. */
const struct mc_crypto *aid_failing_crypto(int calls);

#endif
