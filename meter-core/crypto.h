/* crypto.h - the crypto port: the only primitives that anything here may use. Freestanding.
 *
 * OpenSSL implements it on the host (port/openssl/), BearSSL on the STM32. Every function returns 0, or
 * GF_E_CRYPTO when the library failed and nothing was written.
 */
#ifndef GF_METER_CRYPTO_H
#define GF_METER_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

#define MC_KEY_LEN 32       /* K_factory, K_account, K_ticket, receipt keys */
#define MC_AEAD_KEY_LEN 16
#define MC_AEAD_TAG_LEN 16
#define MC_NONCE_LEN 13     /* of AES-CCM, so a message is shorter than 64 KiB */
#define MC_HASH_LEN 32

struct mc_crypto {
    void *ctx;
    /* SHA-256 (FIPS 180-4) of the n parts one after the other. */
    int (*sha256)(void *ctx, const struct gf_span *parts, size_t n, uint8_t ret[static MC_HASH_LEN]);
    /* HMAC-SHA-256 (RFC 2104) of the parts. */
    int (*hmac)(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *parts, size_t n,
                uint8_t ret[static MC_HASH_LEN]);
    /* HKDF-SHA-256 (RFC 5869) without salt; `info` is the parts one after the other, 512 bytes at most; ret_len 1..64. */
    int (*hkdf)(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *info, size_t n, uint8_t *ret,
                size_t ret_len);
    /* AES-128-CCM (RFC 3610, SP 800-38C) with L = 2 and a 16-byte tag; ret gets len + 16 bytes. */
    int (*seal)(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN], const uint8_t nonce[static MC_NONCE_LEN],
                struct gf_span ad, struct gf_span plain, uint8_t *ret);
    /* The other way: sealed.n >= 16; GF_E_CRYPTO also when the tag is wrong (ret is then zeroed). */
    int (*open)(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN], const uint8_t nonce[static MC_NONCE_LEN],
                struct gf_span ad, struct gf_span sealed, uint8_t *ret);
};

#endif
