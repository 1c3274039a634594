/* swap.h - moving an account's credit from one meter to another: terms, K_swap, closing
 * certificates. Freestanding.
 *
 * Head office writes the SwapTerms once; the tickets of both meters carry the same bytes. K_swap =
 * HKDF(K_account of the new meter, "gasm swap" | terms bytes). It travels to the old meter sealed
 * (SwapKey); the old meter authenticates its closing certificate with it, as well as with its own
 * receipt key; the new meter recomputes it from its ticket, and so can verify the certificate
 * without any network.
 */
#ifndef GF_METER_SWAP_H
#define GF_METER_SWAP_H

#include "meter-core/keys.h"

#define MC_TERMS_MAX 72             /* bytes of encoded SwapTerms, at most */
#define MC_SWAP_KEY_MAX 96          /* of a SwapKey */
#define MC_CERTIFICATE_MAX 288      /* of a SealedCertificate */
#define MC_CASE_LEN 16

/* Encode terms: their length or GF_E_SPACE. Decode them: their one strict form, else GF_E_FORMAT;
 * two equal meter ids are GF_E_FORMAT too. */
int mc_terms_encode(const gasm_SwapTerms *terms, uint8_t *ret, size_t cap);
int mc_terms_decode(struct gf_span bytes, gasm_SwapTerms *ret);

/* K_swap; new_root is K[epoch] of the new meter, of the ticket's epoch. 0 or GF_E_CRYPTO. */
int mc_swap_key(const struct mc_crypto *c, const uint8_t new_root[static MC_KEY_LEN],
                struct gf_span terms, uint8_t ret[static MC_KEY_LEN]);

/* Seal K_swap for the old meter: wrap->meter_id is the old one, wrap_root its K[wrap_epoch] (epoch
 * is ignored): AES-128-CCM under HKDF(wrap_root, "gasm swap wrap"), associated data "gasm swap key"
 * | old meter id | wrap epoch LE32 | SHA-256 of the terms bytes, nonce synthetic under
 * HKDF(wrap_root, "gasm swap wrap nonce"). Length of the SwapKey, or GF_E_SPACE, GF_E_CRYPTO. */
int mc_swap_key_seal(const struct mc_crypto *c, const struct mc_wrap *wrap, struct gf_span terms,
                     const uint8_t key[static MC_KEY_LEN], uint8_t *ret, size_t cap);

/* Open it: GF_E_FORMAT, GF_E_MISMATCH (another meter or wrap epoch), GF_E_CRYPTO (tag: also when it
 * was made for other terms). */
int mc_swap_key_open(const struct mc_crypto *c, const struct mc_wrap *wrap, struct gf_span terms,
                     struct gf_span sealed, uint8_t ret[static MC_KEY_LEN]);

/* Encode and authenticate a certificate: the first 16 bytes of HMAC-SHA-256 over "gasm certificate"
 * | Certificate bytes, under the receipt key of root = K[key_epoch], and under swap_key (NULL:
 * without a swap; then the certificate names no case and no counterpart, else both). Length of the
 * SealedCertificate, or GF_E_SPACE, GF_E_CRYPTO. */
int mc_certificate_seal(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                        const uint8_t *swap_key, const gasm_Certificate *certificate, uint8_t *ret,
                        size_t cap);

/* Decode without verifying. 0 or GF_E_FORMAT: each of the messages has one strict form; totals are
 * there; case, counterpart and the mac under K_swap are all there or none is. */
int mc_certificate_peek(struct gf_span sealed, gasm_Certificate *ret);

/* Verify under the old meter's receipt key (head office), or under K_swap (the new meter). 0,
 * GF_E_FORMAT, GF_E_CRYPTO (also a certificate without a swap under K_swap); *ret is written only
 * on 0. */
int mc_certificate_open(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                        struct gf_span sealed, gasm_Certificate *ret);
int mc_certificate_open_swap(const struct mc_crypto *c, const uint8_t swap_key[static MC_KEY_LEN],
                             struct gf_span sealed, gasm_Certificate *ret);

/* The second half of mc_certificate_open_swap(), for one that mc_certificate_peek() took: is what it
 * said so? 0, GF_E_FORMAT, GF_E_CRYPTO. */
int mc_certificate_verify_swap(const struct mc_crypto *c, const uint8_t swap_key[static MC_KEY_LEN],
                               struct gf_span sealed);

/* What a meter remembers a case by: the first 8 bytes, little-endian, of SHA-256("gasm case" |
 * case), never 0. 0 or GF_E_CRYPTO. */
int mc_case_tag(const struct mc_crypto *c, const uint8_t swap_case[static MC_CASE_LEN],
                uint64_t *ret);

#endif
