/* crypto_tape.h - a crypto port that notes every call, so that the same calls can be made again
 * alone: what they take is the floor of whatever made them. */
#ifndef GF_TESTS_CRYPTO_TAPE_H
#define GF_TESTS_CRYPTO_TAPE_H

#include "meter-core/crypto.h"

/* A port that passes on to `real` and notes. One at a time. */
const struct mc_crypto *bench_tape_crypto(const struct mc_crypto *real);

/* Forget what was noted. */
void bench_tape_begin(void);

/* Make the calls that were noted since, on bytes of the same lengths; microseconds. */
double bench_tape_replay(void);

#endif
