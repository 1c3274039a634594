/* crypto.h - the crypto port (meter-core/crypto.h) on BearSSL, for the STM32. Freestanding.
 *
 * AES is BearSSL's constant-time code (`aes_ct`): no table that a secret indexes, so neither cache
 * nor flash wait states tell of the key. No heap; at most 2.5 KiB of stack, BearSSL's included. What
 * depends on a key or on hashed bytes is wiped from the stack before a function returns, in
 * BearSSL's frames too.
 */
#ifndef GF_BEARSSL_CRYPTO_H
#define GF_BEARSSL_CRYPTO_H

#include "meter-core/crypto.h"

/* The port; constant, needs no set-up, may be used from any thread. The limits are those of the
 * port on OpenSSL: HKDF takes keys of 64 bytes at most. Plain and sealed text may be the same
 * memory. */
const struct mc_crypto *mc_crypto_bearssl(void);

#endif
