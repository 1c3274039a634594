/* crypto.c - the crypto port on OpenSSL's EVP interface; see crypto.h. */
#include "meter-core/port/openssl/crypto.h"

#include <limits.h>
#include <stdatomic.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "common/err.h"

#define INFO_MAX 512 /* of HKDF, as meter-core/crypto.h promises */

/* EVP takes the number of bytes as int, and treats a NULL buffer as another call altogether. */
static const uint8_t *not_null(struct gf_span s)
{
    return s.p != NULL ? s.p : (const uint8_t *)"";
}

/* Looked up once for the process: that costs more than a short message's hash. NULL when it failed. */
static struct {
    EVP_MD *sha256;
    EVP_CIPHER *ccm;
    EVP_MAC_CTX *hmac; /* of SHA-256, under zeroes: copied, then given its key */
} kept;

static void look_up(void)
{
    static const uint8_t key[MC_HASH_LEN];
    char digest[] = "SHA256";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                            OSSL_PARAM_construct_end() };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    kept.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    kept.ccm = EVP_CIPHER_fetch(NULL, "AES-128-CCM", NULL);
    kept.hmac = EVP_MAC_CTX_new(mac);
    if (kept.hmac != NULL && EVP_MAC_init(kept.hmac, key, sizeof key, params) != 1) {
        EVP_MAC_CTX_free(kept.hmac);
        kept.hmac = NULL;
    }
    EVP_MAC_free(mac);
}

static bool has_looked_up(void)
{
    static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

    return CRYPTO_THREAD_run_once(&once, look_up) == 1 && kept.sha256 != NULL && kept.ccm != NULL
           && kept.hmac != NULL;
}

/* A context begun for SHA-256, and nothing hashed yet: making one costs as much as hashing a short
 * message. The next one takes it; while it is away others make their own. */
static _Atomic(EVP_MD_CTX *) spare;

static bool begin(EVP_MD_CTX *ctx)
{
    return ctx != NULL && EVP_DigestInit_ex(ctx, kept.sha256, NULL) == 1;
}

/* Begun again, so that nothing of the message or its hash stays in it. */
static void give_back(EVP_MD_CTX *ctx)
{
    if (begin(ctx))
        ctx = atomic_exchange(&spare, ctx);
    EVP_MD_CTX_free(ctx);
}

static int ssl_sha256(void *unused, const struct gf_span *parts, size_t n,
                      uint8_t ret[static MC_HASH_LEN])
{
    EVP_MD_CTX *ctx = atomic_exchange(&spare, NULL);
    uint8_t out[MC_HASH_LEN];
    bool ok = ctx != NULL;

    (void)unused;
    if (!ok && has_looked_up())
        ok = begin(ctx = EVP_MD_CTX_new());
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, not_null(parts[i]), parts[i].n) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    if (ok) {
        give_back(ctx);
        memcpy(ret, out, sizeof out);
    } else {
        EVP_MD_CTX_free(ctx);
    }
    return ok ? 0 : GF_E_CRYPTO;
}

static int ssl_hmac(void *unused, const uint8_t *key, size_t key_len, const struct gf_span *parts,
                    size_t n, uint8_t ret[static MC_HASH_LEN])
{
    uint8_t out[MC_HASH_LEN];
    size_t got = 0;
    EVP_MAC_CTX *ctx = NULL;

    (void)unused;
    if (key != NULL && has_looked_up()) /* without a key it would go on with the copied one */
        ctx = EVP_MAC_CTX_dup(kept.hmac);

    bool ok = ctx != NULL && EVP_MAC_init(ctx, key, key_len, NULL) == 1;

    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(ctx, not_null(parts[i]), parts[i].n) == 1;
    ok = ok && EVP_MAC_final(ctx, out, &got, sizeof out) == 1 && got == sizeof out;
    EVP_MAC_CTX_free(ctx);
    if (ok)
        memcpy(ret, out, sizeof out);
    gf_wipe(out, sizeof out);
    return ok ? 0 : GF_E_CRYPTO;
}

/* RFC 5869 without a salt: extract, then one block after the other, each of the one before it, info
 * and its number. OpenSSL's own looks its parts up anew in every call. */
static int ssl_hkdf(void *unused, const uint8_t *key, size_t key_len, const struct gf_span *info,
                    size_t n, uint8_t *ret, size_t ret_len)
{
    static const uint8_t salt[MC_HASH_LEN];
    uint8_t joined[INFO_MAX], prk[MC_HASH_LEN], out[2 * MC_HASH_LEN], number = 0;
    struct gf_writer w = { .p = joined, .cap = sizeof joined };

    for (size_t i = 0; i < n; i++)
        gf_wr(&w, not_null(info[i]), info[i].n);
    if (w.bad || key_len > 64 || ret_len == 0 || ret_len > sizeof out)
        return GF_E_CRYPTO;

    int r = ssl_hmac(unused, salt, sizeof salt, &(struct gf_span){ key, key_len }, 1, prk);

    for (size_t at = 0; r == 0 && at < ret_len; at += MC_HASH_LEN) {
        number++;

        const size_t before = at > 0 ? MC_HASH_LEN : 0;
        const struct gf_span parts[] = { { out + at - before, before },
                                         { joined, w.n },
                                         { &number, 1 } };

        r = ssl_hmac(unused, prk, sizeof prk, parts, 3, out + at);
    }
    if (r == 0)
        memcpy(ret, out, ret_len);
    gf_wipe(prk, sizeof prk);
    gf_wipe(out, sizeof out);
    return r;
}

/* What both directions of CCM begin with: key, nonce, lengths, associated data. `tag` is NULL to
 * seal. */
static bool ccm_start(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce, uint8_t *tag,
                      struct gf_span ad, size_t text_len)
{
    int seal = tag == NULL, len = 0;

    return ctx != NULL && text_len <= UINT16_MAX && ad.n <= INT_MAX &&
           EVP_CipherInit_ex2(ctx, kept.ccm, NULL, NULL, seal, NULL) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, MC_NONCE_LEN, NULL) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, MC_AEAD_TAG_LEN, tag) == 1 &&
           EVP_CipherInit_ex2(ctx, NULL, key, nonce, seal, NULL) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &len, NULL, (int)text_len) == 1 &&
           (ad.n == 0 || EVP_CipherUpdate(ctx, NULL, &len, ad.p, (int)ad.n) == 1);
}

static int ssl_seal(void *unused, const uint8_t key[static MC_AEAD_KEY_LEN],
                    const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                    struct gf_span plain, uint8_t *ret)
{
    EVP_CIPHER_CTX *ctx = has_looked_up() ? EVP_CIPHER_CTX_new() : NULL;
    int len = 0, last = 0;

    (void)unused;

    bool ok = ccm_start(ctx, key, nonce, NULL, ad, plain.n) &&
              EVP_CipherUpdate(ctx, ret, &len, not_null(plain), (int)plain.n) == 1 &&
              (size_t)len == plain.n && EVP_CipherFinal_ex(ctx, ret + len, &last) == 1 &&
              last == 0 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MC_AEAD_TAG_LEN, ret + plain.n) == 1;

    EVP_CIPHER_CTX_free(ctx);
    if (!ok)
        gf_wipe(ret, plain.n + MC_AEAD_TAG_LEN);
    return ok ? 0 : GF_E_CRYPTO;
}

static int ssl_open(void *unused, const uint8_t key[static MC_AEAD_KEY_LEN],
                    const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                    struct gf_span sealed, uint8_t *ret)
{
    uint8_t tag[MC_AEAD_TAG_LEN], none[1];
    int len = 0;

    (void)unused;
    if (sealed.n < MC_AEAD_TAG_LEN)
        return GF_E_CRYPTO;

    EVP_CIPHER_CTX *ctx = has_looked_up() ? EVP_CIPHER_CTX_new() : NULL;
    size_t n = sealed.n - MC_AEAD_TAG_LEN;

    memcpy(tag, sealed.p + n, sizeof tag);

    /* The update verifies the tag; CCM has no final step when opening. */
    bool ok = ccm_start(ctx, key, nonce, tag, ad, n) &&
              EVP_CipherUpdate(ctx, n > 0 ? ret : none, &len, sealed.p, (int)n) == 1 &&
              (size_t)len == n;

    EVP_CIPHER_CTX_free(ctx);
    if (!ok)
        gf_wipe(ret, n);
    return ok ? 0 : GF_E_CRYPTO;
}

const struct mc_crypto *mc_crypto_openssl(void)
{
    static const struct mc_crypto port = {
        .sha256 = ssl_sha256,
        .hmac = ssl_hmac,
        .hkdf = ssl_hkdf,
        .seal = ssl_seal,
        .open = ssl_open,
    };

    return &port;
}
