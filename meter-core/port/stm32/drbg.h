/* drbg.h - the firmware's random numbers: HMAC_DRBG with SHA-256 (SP 800-90A 10.1.2, BearSSL), fed
 * by the board's entropy source behind its health tests (entropy.h). Freestanding, no heap.
 */
#ifndef GF_STM32_DRBG_H
#define GF_STM32_DRBG_H

#include <bearssl.h>

#include "common/port.h"
#include "meter-core/port/stm32/entropy.h"

/* Raw bytes of a seed: 256 bits of strength and a nonce of 128, at the entropy that a byte has. */
#define DRBG_SEED_LEN (384 / ENTROPY_BITS_PER_BYTE)
#define DRBG_RESEED_AFTER 1024u /* requests under one seed */

struct drbg {
    struct entropy source;
    br_hmac_drbg_context hmac;
    uint32_t left;              /* requests until it has to be fed again; 0: now */
    struct gf_random port;
};

/* Not fed yet: the first fill() does that. d must not move. */
void drbg_init(struct drbg *d);

/* The port. fill() is GF_E_RANDOM, and its bytes are wiped, when feeding was due and the source
 * fails its tests: nothing weak ever leaves. */
const struct gf_random *drbg_port(const struct drbg *d);

#endif
