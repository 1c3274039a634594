/* synthetic.c - sealing under a nonce made from the content; see synthetic.h. */
#include "meter-core/synthetic.h"

#include "common/err.h"

static int nonce_of(const struct mc_crypto *c, const struct mc_synthetic *s, struct gf_span plain,
                    uint8_t ret[static MC_NONCE_LEN])
{
    const struct gf_span parts[] = {s->ad, plain};
    uint8_t key[MC_KEY_LEN], mac[MC_HASH_LEN];
    int r = c->hkdf(c->ctx, s->root, MC_KEY_LEN, &s->nonce_label, 1, key, sizeof key);

    if (r == 0)
        r = c->hmac(c->ctx, key, sizeof key, parts, 2, mac);
    if (r == 0)
        memcpy(ret, mac, MC_NONCE_LEN);
    gf_wipe(key, sizeof key);
    gf_wipe(mac, sizeof mac);
    return r;
}

static int sealing_key(const struct mc_crypto *c, const struct mc_synthetic *s,
                       uint8_t ret[static MC_AEAD_KEY_LEN])
{
    return c->hkdf(c->ctx, s->root, MC_KEY_LEN, &s->label, 1, ret, MC_AEAD_KEY_LEN);
}

int mc_synthetic_seal(const struct mc_crypto *c, const struct mc_synthetic *s, struct gf_span plain,
                      uint8_t ret_nonce[static MC_NONCE_LEN], uint8_t *ret_sealed)
{
    uint8_t key[MC_AEAD_KEY_LEN];
    int r = nonce_of(c, s, plain, ret_nonce);

    if (r == 0)
        r = sealing_key(c, s, key);
    if (r == 0)
        r = c->seal(c->ctx, key, ret_nonce, s->ad, plain, ret_sealed);
    gf_wipe(key, sizeof key);
    return r;
}

int mc_synthetic_open(const struct mc_crypto *c, const struct mc_synthetic *s,
                      const uint8_t nonce[static MC_NONCE_LEN], struct gf_span sealed, uint8_t *ret)
{
    uint8_t key[MC_AEAD_KEY_LEN];
    int r;

    if (sealed.n < MC_AEAD_TAG_LEN)
        return GF_E_FORMAT;
    r = sealing_key(c, s, key);
    if (r == 0)
        r = c->open(c->ctx, key, nonce, s->ad, sealed, ret);
    gf_wipe(key, sizeof key);
    return r;
}
