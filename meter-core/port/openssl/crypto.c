/* crypto.c - the crypto port on OpenSSL's EVP interface; see crypto.h. */
#include "meter-core/port/openssl/crypto.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "common/err.h"

#define INFO_MAX 512 /* of HKDF, as meter-core/crypto.h promises */

/* EVP takes the number of bytes as int, and treats a NULL buffer as another call altogether. */
static const uint8_t *not_null(struct gf_span s)
{
    return s.p != NULL ? s.p : (const uint8_t *)"";
}

static int ssl_sha256(void *unused, const struct gf_span *parts, size_t n,
                      uint8_t ret[static MC_HASH_LEN])
{
    uint8_t out[MC_HASH_LEN];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    (void)unused;

    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(ctx, not_null(parts[i]), parts[i].n) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (ok)
        memcpy(ret, out, sizeof out);
    return ok ? 0 : GF_E_CRYPTO;
}

static int ssl_hmac(void *unused, const uint8_t *key, size_t key_len, const struct gf_span *parts,
                    size_t n, uint8_t ret[static MC_HASH_LEN])
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                            OSSL_PARAM_construct_end() };
    uint8_t out[MC_HASH_LEN];
    size_t got = 0;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

    (void)unused;

    bool ok = ctx != NULL && EVP_MAC_init(ctx, key, key_len, params) == 1;

    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(ctx, not_null(parts[i]), parts[i].n) == 1;
    ok = ok && EVP_MAC_final(ctx, out, &got, sizeof out) == 1 && got == sizeof out;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    if (ok)
        memcpy(ret, out, sizeof out);
    gf_wipe(out, sizeof out);
    return ok ? 0 : GF_E_CRYPTO;
}

/* HKDF of one joined info into ret; true when it worked. */
static bool hkdf_run(const uint8_t *key, size_t key_len, uint8_t *info, size_t info_len,
                     uint8_t *ret, size_t ret_len)
{
    char digest[] = "SHA256";
    uint8_t secret[64];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

    memcpy(secret, key, key_len);

    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, key_len),
                            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, info_len),
                            OSSL_PARAM_construct_end() };
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, ret, ret_len, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    gf_wipe(secret, sizeof secret);
    return ok;
}

static int ssl_hkdf(void *unused, const uint8_t *key, size_t key_len, const struct gf_span *info,
                    size_t n, uint8_t *ret, size_t ret_len)
{
    uint8_t joined[INFO_MAX], out[64];
    struct gf_writer w = { .p = joined, .cap = sizeof joined };

    (void)unused;
    for (size_t i = 0; i < n; i++)
        gf_wr(&w, not_null(info[i]), info[i].n);
    if (w.bad || key_len > 64 || ret_len == 0 || ret_len > sizeof out)
        return GF_E_CRYPTO;

    bool ok = hkdf_run(key, key_len, joined, w.n, out, ret_len);

    if (ok)
        memcpy(ret, out, ret_len);
    gf_wipe(out, sizeof out);
    return ok ? 0 : GF_E_CRYPTO;
}

/* What both directions of CCM begin with: key, nonce, lengths, associated data. `tag` is NULL to
 * seal. */
static bool ccm_start(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce, uint8_t *tag,
                      struct gf_span ad, size_t text_len)
{
    int seal = tag == NULL, len = 0;

    return ctx != NULL && text_len <= UINT16_MAX && ad.n <= INT_MAX &&
           EVP_CipherInit_ex2(ctx, EVP_aes_128_ccm(), NULL, NULL, seal, NULL) == 1 &&
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
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
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

    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
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
