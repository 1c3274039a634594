/* crypto_each.c - both implementations of the crypto port, and models of it; see crypto_each.h. */
#include "tests/aid/crypto_each.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/bearssl/crypto.h"
#include "meter-core/port/openssl/crypto.h"

static const struct mc_crypto *in_use;

const struct mc_crypto *aid_crypto(void)
{
    return in_use != NULL ? in_use : mc_crypto_openssl();
}

int aid_with_openssl(void **state)
{
    (void)state;
    in_use = mc_crypto_openssl();
    return 0;
}

int aid_with_bearssl(void **state)
{
    (void)state;
    in_use = mc_crypto_bearssl();
    return 0;
}

/* ---- CCM ---- */

static void aes_block(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;

    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out, &len, in, 16), 1);
    EVP_CIPHER_CTX_free(ctx);
}

/* Continue a CBC-MAC over n bytes, `at` bytes into its block; zero-fill the last block. */
static void mac_bytes(const uint8_t key[16], uint8_t mac[16], size_t at, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mac[at++] ^= p[i];
        if (at == 16) {
            aes_block(key, mac, mac);
            at = 0;
        }
    }
    if (at > 0)
        aes_block(key, mac, mac);
}

/* The length before the associated data (section 2.2): two bytes, or six; how many. */
static size_t ad_length(size_t n, uint8_t ret[6])
{
    size_t i = 0;

    if (n >= 0xFF00) {
        ret[i++] = 0xFF;
        ret[i++] = 0xFE;
        ret[i++] = (uint8_t)(n >> 24);
        ret[i++] = (uint8_t)(n >> 16);
    }
    ret[i++] = (uint8_t)(n >> 8);
    ret[i++] = (uint8_t)n;
    return i;
}

void aid_ccm_model(const uint8_t key[static MC_AEAD_KEY_LEN],
                   const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                   struct gf_span plain, size_t m, uint8_t *ret)
{
    uint8_t mac[16] = { 0 }, block[16] = { 0 }, stream[16], length[6];

    block[0] = (uint8_t)((ad.n > 0 ? 0x40 : 0) | (m - 2) / 2 << 3 | 1);
    memcpy(block + 1, nonce, MC_NONCE_LEN);
    block[14] = (uint8_t)(plain.n >> 8);
    block[15] = (uint8_t)plain.n;
    aes_block(key, block, mac);
    if (ad.n > 0) {
        size_t n = ad_length(ad.n, length);

        for (size_t i = 0; i < n; i++)
            mac[i] ^= length[i];
        mac_bytes(key, mac, n, ad.p, ad.n);
    }
    mac_bytes(key, mac, 0, plain.p, plain.n);

    block[0] = 1;
    for (size_t i = 0; i < plain.n; i++) {
        block[14] = (uint8_t)((i / 16 + 1) >> 8);
        block[15] = (uint8_t)(i / 16 + 1);
        if (i % 16 == 0)
            aes_block(key, block, stream);
        ret[i] = plain.p[i] ^ stream[i % 16];
    }
    block[14] = block[15] = 0;
    aes_block(key, block, stream);
    for (size_t i = 0; i < m; i++)
        ret[plain.n + i] = mac[i] ^ stream[i];
}

/* ---- HKDF ---- */

void aid_hkdf_model(struct gf_span salt, struct gf_span key, struct gf_span info,
                    uint8_t ret_prk[static MC_HASH_LEN], uint8_t *ret, size_t ret_len)
{
    const struct mc_crypto *c = aid_crypto();
    uint8_t block[MC_HASH_LEN], counter = 1;
    size_t before = 0;

    assert_int_equal(c->hmac(c->ctx, salt.n > 0 ? salt.p : (const uint8_t *)"", salt.n, &key, 1,
                             ret_prk), 0);
    for (size_t at = 0; at < ret_len; at += sizeof block, counter++) {
        const struct gf_span parts[] = { { block, before }, info, { &counter, 1 } };
        size_t n = ret_len - at < sizeof block ? ret_len - at : sizeof block;

        assert_int_equal(c->hmac(c->ctx, ret_prk, MC_HASH_LEN, parts, 3, block), 0);
        memcpy(ret + at, block, n);
        before = sizeof block;
    }
}
