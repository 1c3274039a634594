/* swap.c - terms, K_swap and closing certificates; see swap.h. */
#include "meter-core/swap.h"

#include "common/ids.h"
#include "meter-core/pb.h"
#include "meter-core/synthetic.h"

#define MAC_LEN sizeof(((gasm_SealedCertificate *)0)->mac)

_Static_assert(gasm_SwapTerms_size <= MC_TERMS_MAX, "terms fit their place in a ticket");
_Static_assert(gasm_SwapKey_size <= MC_SWAP_KEY_MAX, "a swap key fits its place in a request");
_Static_assert(gasm_SealedCertificate_size <= MC_CERTIFICATE_MAX,
               "a certificate fits its place in an answer");
_Static_assert(gasm_Certificate_size <= sizeof((gasm_SealedCertificate *)0)->body.bytes,
               "a certificate fits its seal");

/* ---- terms ---- */

int mc_terms_encode(const gasm_SwapTerms *terms, uint8_t *ret, size_t cap)
{
    return mc_pb_encode(gasm_SwapTerms_fields, terms, ret, cap);
}

int mc_terms_decode(struct gf_span bytes, gasm_SwapTerms *ret)
{
    gasm_SwapTerms t;

    if (mc_pb_decode_strict(gasm_SwapTerms_fields, bytes, &t) != 0 ||
        memcmp(t.old_meter_id, t.new_meter_id, sizeof t.old_meter_id) == 0)
        return GF_E_FORMAT;
    *ret = t;
    return 0;
}

/* ---- K_swap ---- */

int mc_swap_key(const struct mc_crypto *c, const uint8_t new_root[static MC_KEY_LEN],
                struct gf_span terms, uint8_t ret[static MC_KEY_LEN])
{
    const struct gf_span info[] = {MC_LABEL("gasm swap"), terms};

    return c->hkdf(c->ctx, new_root, MC_KEY_LEN, info, 2, ret, MC_KEY_LEN);
}

static const char ad_label[] = "gasm swap key";
#define AD_LEN (sizeof ad_label - 1 + GF_METER_ID_LEN + 4 + MC_HASH_LEN)

/* The associated data into ad, and how the key is sealed under it. */
static int sealing_of(const struct mc_crypto *c, const struct mc_wrap *wrap, struct gf_span terms,
                      uint8_t ad[static AD_LEN], struct mc_synthetic *ret)
{
    struct gf_writer w = {ad, AD_LEN, 0, false};
    uint8_t hash[MC_HASH_LEN];
    int r = c->sha256(c->ctx, &terms, 1, hash);

    if (r != 0)
        return r;
    gf_wr(&w, ad_label, sizeof ad_label - 1);
    gf_wr(&w, wrap->meter_id, GF_METER_ID_LEN);
    gf_wr_uint(&w, wrap->wrap_epoch, 4);
    gf_wr(&w, hash, sizeof hash);
    *ret = (struct mc_synthetic){.root = wrap->wrap_root,
                                 .label = MC_LABEL("gasm swap wrap"),
                                 .nonce_label = MC_LABEL("gasm swap wrap nonce"),
                                 .ad = {ad, w.n}};
    return 0;
}

int mc_swap_key_seal(const struct mc_crypto *c, const struct mc_wrap *wrap, struct gf_span terms,
                     const uint8_t key[static MC_KEY_LEN], uint8_t *ret, size_t cap)
{
    gasm_SwapKey k = {.wrap_epoch = wrap->wrap_epoch};
    struct mc_synthetic sealing;
    uint8_t ad[AD_LEN];
    int r = sealing_of(c, wrap, terms, ad, &sealing);

    memcpy(k.meter_id, wrap->meter_id, sizeof k.meter_id);
    if (r == 0)
        r = mc_synthetic_seal(c, &sealing, (struct gf_span){key, MC_KEY_LEN}, k.nonce, k.sealed);
    return r == 0 ? mc_pb_encode(gasm_SwapKey_fields, &k, ret, cap) : r;
}

int mc_swap_key_open(const struct mc_crypto *c, const struct mc_wrap *wrap, struct gf_span terms,
                     struct gf_span sealed, uint8_t ret[static MC_KEY_LEN])
{
    uint8_t ad[AD_LEN], key[MC_KEY_LEN];
    struct mc_synthetic sealing;
    gasm_SwapKey k;
    int r;

    if (mc_pb_decode_strict(gasm_SwapKey_fields, sealed, &k) != 0)
        return GF_E_FORMAT;
    if (memcmp(k.meter_id, wrap->meter_id, sizeof k.meter_id) != 0 ||
        k.wrap_epoch != wrap->wrap_epoch)
        return GF_E_MISMATCH;
    r = sealing_of(c, wrap, terms, ad, &sealing);
    if (r == 0)
        r = mc_synthetic_open(c, &sealing, k.nonce, (struct gf_span){k.sealed, sizeof k.sealed},
                              key);
    if (r == 0)
        memcpy(ret, key, sizeof key);
    gf_wipe(key, sizeof key);
    return r;
}

/* ---- certificates ---- */

static int certificate_mac(const struct mc_crypto *c, const uint8_t key[static MC_KEY_LEN],
                           const gasm_SealedCertificate *sealed, uint8_t ret[static MAC_LEN])
{
    const struct gf_span parts[] = {MC_LABEL("gasm certificate"),
                                    {sealed->body.bytes, sealed->body.size}};
    uint8_t mac[MC_HASH_LEN];
    int r = c->hmac(c->ctx, key, MC_KEY_LEN, parts, 2, mac);

    if (r == 0)
        memcpy(ret, mac, MAC_LEN);
    gf_wipe(mac, sizeof mac);
    return r;
}

/* The same under the receipt key of a root. */
static int receipt_key_mac(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                           const gasm_SealedCertificate *sealed, uint8_t ret[static MAC_LEN])
{
    const struct gf_span label = MC_LABEL("gasm receipt");
    uint8_t key[MC_KEY_LEN];
    int r = c->hkdf(c->ctx, root, MC_KEY_LEN, &label, 1, key, sizeof key);

    if (r == 0)
        r = certificate_mac(c, key, sealed, ret);
    gf_wipe(key, sizeof key);
    return r;
}

int mc_certificate_seal(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                        const uint8_t *swap_key, const gasm_Certificate *certificate, uint8_t *ret,
                        size_t cap)
{
    gasm_SealedCertificate sealed = gasm_SealedCertificate_init_zero;
    int n = mc_pb_encode(gasm_Certificate_fields, certificate, sealed.body.bytes,
                         sizeof sealed.body.bytes);
    int r;

    if (n < 0)
        return n;
    sealed.body.size = (pb_size_t)n;
    r = receipt_key_mac(c, root, &sealed, sealed.mac);
    if (r == 0 && swap_key != NULL) {
        sealed.swap_mac.size = MAC_LEN;
        r = certificate_mac(c, swap_key, &sealed, sealed.swap_mac.bytes);
    }
    return r == 0 ? mc_pb_encode(gasm_SealedCertificate_fields, &sealed, ret, cap) : r;
}

/* Both messages, unverified. Case, counterpart and second mac are all there, or none is. */
static int certificate_split(struct gf_span bytes, gasm_SealedCertificate *ret_sealed,
                             gasm_Certificate *ret)
{
    const gasm_SealedCertificate *s = ret_sealed;
    bool swap;

    if (mc_pb_decode_strict(gasm_SealedCertificate_fields, bytes, ret_sealed) != 0 ||
        mc_pb_decode_strict(gasm_Certificate_fields, (struct gf_span){s->body.bytes, s->body.size},
                            ret) != 0)
        return GF_E_FORMAT;
    swap = s->swap_mac.size != 0;
    if (!ret->has_totals || (swap && s->swap_mac.size != MAC_LEN) ||
        ret->swap_case.size != (swap ? MC_CASE_LEN : 0) ||
        ret->counterpart_id.size != (swap ? GF_METER_ID_LEN : 0))
        return GF_E_FORMAT;
    return 0;
}

int mc_certificate_peek(struct gf_span sealed, gasm_Certificate *ret)
{
    gasm_SealedCertificate s;
    gasm_Certificate found;
    int r = certificate_split(sealed, &s, &found);

    if (r == 0)
        *ret = found;
    return r;
}

/* Its mac under the receipt key of root, or, when that is NULL, under swap_key. */
static int certificate_verify(const struct mc_crypto *c, const uint8_t *root,
                              const uint8_t *swap_key, struct gf_span sealed)
{
    uint8_t mac[MAC_LEN];
    gasm_SealedCertificate s;
    int r = mc_pb_decode(gasm_SealedCertificate_fields, sealed, &s);

    if (r != 0)
        return r;
    if (root == NULL && s.swap_mac.size != MAC_LEN)
        return GF_E_CRYPTO;
    r = root != NULL ? receipt_key_mac(c, root, &s, mac) : certificate_mac(c, swap_key, &s, mac);
    if (r == 0 && !gf_same_secret(mac, root != NULL ? s.mac : s.swap_mac.bytes, sizeof mac))
        r = GF_E_CRYPTO;
    gf_wipe(mac, sizeof mac);
    return r;
}

static int certificate_open(const struct mc_crypto *c, const uint8_t *root, const uint8_t *swap_key,
                            struct gf_span sealed, gasm_Certificate *ret)
{
    gasm_Certificate found;
    int r = mc_certificate_peek(sealed, &found);

    if (r == 0)
        r = certificate_verify(c, root, swap_key, sealed);
    if (r == 0)
        *ret = found;
    return r;
}

int mc_certificate_open(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                        struct gf_span sealed, gasm_Certificate *ret)
{
    return certificate_open(c, root, NULL, sealed, ret);
}

int mc_certificate_open_swap(const struct mc_crypto *c, const uint8_t swap_key[static MC_KEY_LEN],
                             struct gf_span sealed, gasm_Certificate *ret)
{
    return certificate_open(c, NULL, swap_key, sealed, ret);
}

int mc_certificate_verify_swap(const struct mc_crypto *c, const uint8_t swap_key[static MC_KEY_LEN],
                               struct gf_span sealed)
{
    return certificate_verify(c, NULL, swap_key, sealed);
}

int mc_case_tag(const struct mc_crypto *c, const uint8_t swap_case[static MC_CASE_LEN],
                uint64_t *ret)
{
    const struct gf_span parts[] = {MC_LABEL("gasm case"), {swap_case, MC_CASE_LEN}};
    uint8_t hash[MC_HASH_LEN];
    struct gf_reader r = {hash, sizeof hash, false};
    int rc = c->sha256(c->ctx, parts, 2, hash);
    uint64_t tag;

    if (rc != 0)
        return rc;
    tag = gf_rd_uint(&r, 8);
    *ret = tag == 0 ? 1 : tag;          /* 0 marks a free place */
    return 0;
}
