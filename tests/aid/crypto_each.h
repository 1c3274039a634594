#ifndef GF_TESTS_AID_CRYPTO_EACH_H
#define GF_TESTS_AID_CRYPTO_EACH_H
/*
 * One test on each implementation of the crypto port, and models that say what any of them must
 * give, written down from the documents. Failures are cmocka's.
 */
#include "meter-core/crypto.h"

/* The port that the running test is about: OpenSSL's until one of the set-ups below. */
const struct mc_crypto *aid_crypto(void);

/* cmocka set-ups of a test or a group. */
int aid_with_openssl(void **state);
int aid_with_bearssl(void **state);

/* Two rows of a table of tests. */
#define AID_WITH_EACH_CRYPTO(f) \
    { #f " (OpenSSL)", f, aid_with_openssl, NULL, NULL }, \
    { #f " (BearSSL)", f, aid_with_bearssl, NULL, NULL }

/* CCM as RFC 3610 section 2 writes it, with L = 2 and a tag of m bytes (4..16, even), from single
 * AES blocks. The associated data has less than 2^32 bytes. ret gets plain.n + m bytes. */
void aid_ccm_model(const uint8_t key[static MC_AEAD_KEY_LEN],
                   const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                   struct gf_span plain, size_t m, uint8_t *ret);

/* HKDF as RFC 5869 section 2 writes it, from the port's HMAC; at most 255 bytes. */
void aid_hkdf_model(struct gf_span salt, struct gf_span key, struct gf_span info,
                    uint8_t ret_prk[static MC_HASH_LEN], uint8_t *ret, size_t ret_len);

#endif
