/* synthetic.h - sealing under a nonce that is made from what is sealed. Freestanding.
 *
 * Head office seals keys, tokens and swap keys so: the nonce is the first 13 bytes of an HMAC, under
 * a key of its own, over associated data and plaintext. The same content gives the same bytes, and
 * no nonce ever covers two contents, even when head office was restored from a backup.
 */
#ifndef GF_METER_SYNTHETIC_H
#define GF_METER_SYNTHETIC_H

#include "common/bytes.h"
#include "meter-core/crypto.h"

/* The bytes of a label, without its NUL. */
#define MC_LABEL(text) ((struct gf_span){(const uint8_t *)(text), sizeof(text) - 1})

/* The keys: HKDF(root, label) and HKDF(root, nonce_label). */
struct mc_synthetic {
    const uint8_t *root;            /* MC_KEY_LEN bytes */
    struct gf_span label, nonce_label;
    struct gf_span ad;
};

/* AES-128-CCM; ret_sealed gets plain.n + MC_AEAD_TAG_LEN bytes. 0 or GF_E_CRYPTO. */
int mc_synthetic_seal(const struct mc_crypto *c, const struct mc_synthetic *s, struct gf_span plain,
                      uint8_t ret_nonce[static MC_NONCE_LEN], uint8_t *ret_sealed);

/* The other way (nonce_label is not used). ret gets sealed.n - MC_AEAD_TAG_LEN bytes. 0;
 * GF_E_FORMAT when sealed is shorter than a tag; GF_E_CRYPTO, also when the tag is wrong. */
int mc_synthetic_open(const struct mc_crypto *c, const struct mc_synthetic *s,
                      const uint8_t nonce[static MC_NONCE_LEN], struct gf_span sealed, uint8_t *ret);

#endif
