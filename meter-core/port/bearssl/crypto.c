/* crypto.c - the crypto port on BearSSL; see crypto.h. */
#include "meter-core/port/bearssl/crypto.h"

#include <bearssl.h>

#include "common/err.h"

/* Of HKDF: what meter-core/crypto.h promises, and the longest key. */
#define INFO_MAX 512
#define RET_MAX 64
#define KEY_MAX 64

/* BearSSL's frames go down to so much below ours, and it does not wipe them: hash states and round
 * keys lie there when it returns. tests/tools/stack proves the number of the firmware. */
#ifdef __arm__
#define FRAMES_MAX 1064
#else
#define FRAMES_MAX 1536
#endif

/* Overwrite the frames that BearSSL gave back. Never inlined, so its own frame lies where they
 * were. */
static __attribute__((noinline)) void wipe_frames(void)
{
    uint8_t frames[FRAMES_MAX];

    gf_wipe(frames, sizeof frames);
}

static int bear_sha256(void *unused, const struct gf_span *parts, size_t n,
                       uint8_t ret[static MC_HASH_LEN])
{
    br_sha256_context ctx;

    (void)unused;
    br_sha256_init(&ctx);
    for (size_t i = 0; i < n; i++)
        br_sha256_update(&ctx, parts[i].p, parts[i].n);
    br_sha256_out(&ctx, ret);
    gf_wipe(&ctx, sizeof ctx);
    wipe_frames();
    return 0;
}

/* HMAC of `before`, the n parts and `behind` under a prepared key. ret may be one of them. */
static void hmac_run(const br_hmac_key_context *key, struct gf_span before,
                     const struct gf_span *parts, size_t n, struct gf_span behind,
                     uint8_t ret[static MC_HASH_LEN])
{
    br_hmac_context ctx;

    br_hmac_init(&ctx, key, 0);
    br_hmac_update(&ctx, before.p, before.n);
    for (size_t i = 0; i < n; i++)
        br_hmac_update(&ctx, parts[i].p, parts[i].n);
    br_hmac_update(&ctx, behind.p, behind.n);
    (void)br_hmac_out(&ctx, ret); /* the length, which is known */
    gf_wipe(&ctx, sizeof ctx);
}

static int bear_hmac(void *unused, const uint8_t *key, size_t key_len, const struct gf_span *parts,
                     size_t n, uint8_t ret[static MC_HASH_LEN])
{
    const struct gf_span none = { NULL, 0 };
    br_hmac_key_context prepared;

    (void)unused;
    if (key == NULL)
        return GF_E_CRYPTO;
    br_hmac_key_init(&prepared, &br_sha256_vtable, key, key_len);
    hmac_run(&prepared, none, parts, n, none, ret);
    gf_wipe(&prepared, sizeof prepared);
    wipe_frames();
    return 0;
}

/* Whether the parts have INFO_MAX bytes at most together; no sum that could wrap. */
static bool info_fits(const struct gf_span *info, size_t n)
{
    size_t room = INFO_MAX;

    for (size_t i = 0; i < n; i++) {
        if (info[i].n > room)
            return false;
        room -= info[i].n;
    }
    return true;
}

/* Extract and expand as RFC 5869 section 2 writes them, with HMAC: BearSSL's own HKDF takes `info`
 * in one piece, which would cost its length in stack. */
static int bear_hkdf(void *unused, const uint8_t *key, size_t key_len, const struct gf_span *info,
                     size_t n, uint8_t *ret, size_t ret_len)
{
    static const uint8_t no_salt[MC_HASH_LEN];
    const struct gf_span none = { NULL, 0 };
    br_hmac_key_context prepared;
    uint8_t prk[MC_HASH_LEN], out[RET_MAX], counter = 1;

    (void)unused;
    if (!info_fits(info, n) || key_len > KEY_MAX || ret_len == 0 || ret_len > sizeof out)
        return GF_E_CRYPTO;
    br_hmac_key_init(&prepared, &br_sha256_vtable, no_salt, sizeof no_salt);
    hmac_run(&prepared, (struct gf_span){ key, key_len }, NULL, 0, none, prk);

    br_hmac_key_init(&prepared, &br_sha256_vtable, prk, sizeof prk);
    hmac_run(&prepared, none, info, n, (struct gf_span){ &counter, 1 }, out);
    counter++;
    if (ret_len > MC_HASH_LEN)
        hmac_run(&prepared, (struct gf_span){ out, MC_HASH_LEN }, info, n,
                 (struct gf_span){ &counter, 1 }, out + MC_HASH_LEN);
    memcpy(ret, out, ret_len);
    gf_wipe(&prepared, sizeof prepared);
    gf_wipe(prk, sizeof prk);
    gf_wipe(out, sizeof out);
    wipe_frames();
    return 0;
}

struct ccm {
    br_aes_ct_ctrcbc_keys keys;
    br_ccm_context ctx;
};

/* What both directions of CCM begin with: key, nonce, lengths, associated data. BearSSL refuses a
 * text that is too long for the nonce. */
static bool ccm_start(struct ccm *c, const uint8_t *key, const uint8_t *nonce, struct gf_span ad,
                      size_t text_len)
{
    if (ad.n > INT32_MAX)
        return false;
    br_aes_ct_ctrcbc_init(&c->keys, key, MC_AEAD_KEY_LEN);
    br_ccm_init(&c->ctx, &c->keys.vtable);
    if (br_ccm_reset(&c->ctx, nonce, MC_NONCE_LEN, ad.n, text_len, MC_AEAD_TAG_LEN) == 0)
        return false;
    br_ccm_aad_inject(&c->ctx, ad.p, ad.n);
    br_ccm_flip(&c->ctx);
    return true;
}

/* BearSSL works in place. An empty text may have no address. */
static void ccm_text(struct ccm *c, int encrypt, const uint8_t *from, size_t n, uint8_t *to)
{
    if (n == 0)
        return;
    memmove(to, from, n);
    br_ccm_run(&c->ctx, encrypt, to, n);
}

static int bear_seal(void *unused, const uint8_t key[static MC_AEAD_KEY_LEN],
                     const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                     struct gf_span plain, uint8_t *ret)
{
    struct ccm c;

    (void)unused;

    bool ok = ccm_start(&c, key, nonce, ad, plain.n);

    if (ok) {
        ccm_text(&c, 1, plain.p, plain.n, ret);
        ok = br_ccm_get_tag(&c.ctx, ret + plain.n) == MC_AEAD_TAG_LEN;
    }
    gf_wipe(&c, sizeof c);
    wipe_frames();
    if (!ok)
        gf_wipe(ret, plain.n + MC_AEAD_TAG_LEN);
    return ok ? 0 : GF_E_CRYPTO;
}

static int bear_open(void *unused, const uint8_t key[static MC_AEAD_KEY_LEN],
                     const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                     struct gf_span sealed, uint8_t *ret)
{
    uint8_t tag[MC_AEAD_TAG_LEN];
    struct ccm c;

    (void)unused;
    if (sealed.n < MC_AEAD_TAG_LEN)
        return GF_E_CRYPTO;

    size_t n = sealed.n - MC_AEAD_TAG_LEN;

    memcpy(tag, sealed.p + n, sizeof tag); /* before ret is written, which may be the same memory */

    bool ok = ccm_start(&c, key, nonce, ad, n);

    if (ok) {
        ccm_text(&c, 0, sealed.p, n, ret);
        ok = br_ccm_check_tag(&c.ctx, tag) == 1;
    }
    gf_wipe(&c, sizeof c);
    wipe_frames();
    if (!ok)
        gf_wipe(ret, n);
    return ok ? 0 : GF_E_CRYPTO;
}

const struct mc_crypto *mc_crypto_bearssl(void)
{
    static const struct mc_crypto port = {
        .sha256 = bear_sha256,
        .hmac = bear_hmac,
        .hkdf = bear_hkdf,
        .seal = bear_seal,
        .open = bear_open,
    };

    return &port;
}
