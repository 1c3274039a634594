#ifndef GF_TESTS_AID_CUTS_WATCH_H
#define GF_TESTS_AID_CUTS_WATCH_H
/*
 * A crypto port that looks at every seal(): a key and nonce that were used before, with anything
 * else to seal, are a mistake for life. Power cuts change nothing about that, so this outlives the
 * meter's RAM.
 */
#include <stddef.h>

#include "meter-core/crypto.h"

#define AID_WATCH_PLACES 4096   /* a power of two; half of them may be taken */

struct aid_watch {
    struct mc_crypto port;      /* to be handed out; its ctx is this struct, which must not move */
    struct {
        uint64_t pair, content; /* hashes of key and nonce, and of what was sealed; 0: free */
    } seen[AID_WATCH_PLACES];
    uint16_t order[AID_WATCH_PLACES / 2];
    size_t n;                   /* pairs that were used */
    const char *wrong;          /* NULL while nothing is */
};

/* Nothing seen yet; the work is done by the OpenSSL port. */
void aid_watch_init(struct aid_watch *watch);

/* As it was when `n` pairs had been used. */
void aid_watch_back(struct aid_watch *watch, size_t n);

#endif
