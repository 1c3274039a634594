/* crypto.h - the crypto port (meter-core/crypto.h) on OpenSSL 3, for every program on the host. */
#ifndef GF_OPENSSL_CRYPTO_H
#define GF_OPENSSL_CRYPTO_H

#include "meter-core/crypto.h"

/* The port; constant, needs no set-up, may be used from any thread. HKDF takes keys of 64 bytes at
 * most. */
const struct mc_crypto *mc_crypto_openssl(void);

#endif
