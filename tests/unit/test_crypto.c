/* test_crypto.c - the crypto port: published vectors, and every length against a model. */
#include "meter-core/port/openssl/crypto.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "common/ids.h"

static struct gf_span text(const char *s)
{
    return (struct gf_span){ (const uint8_t *)s, strlen(s) };
}

/* Hex into a buffer that lives until the next but seven calls. */
static struct gf_span hex(const char *s)
{
    static uint8_t pool[8][512];
    static size_t turn;
    uint8_t *p = pool[turn++ % 8];

    assert_int_equal(gf_unhex(s, p, strlen(s) / 2), 0);
    return (struct gf_span){ p, strlen(s) / 2 };
}

static void assert_hex(const uint8_t *p, const char *want)
{
    struct gf_span w = hex(want);

    assert_memory_equal(p, w.p, w.n);
}

/* ---- SHA-256: FIPS 180-4 examples ---- */

static void sha256_of_known_texts(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    const struct mc_crypto *c = mc_crypto_openssl();
    uint8_t out[MC_HASH_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gf_span in = text(rows[i].in);

        assert_int_equal(c->sha256(c->ctx, &in, 1, out), 0);
        assert_hex(out, rows[i].out);

        /* The same in three parts, cut at every place, with an empty one of no address. */
        for (size_t cut = 0; cut <= in.n; cut++) {
            const struct gf_span parts[] = {
                { in.p, cut }, { NULL, 0 }, { in.p + cut, in.n - cut }
            };

            assert_int_equal(c->sha256(c->ctx, parts, 3, out), 0);
            assert_hex(out, rows[i].out);
        }
    }
    assert_int_equal(c->sha256(c->ctx, NULL, 0, out), 0);
    assert_hex(out, rows[0].out);
}

static void sha256_of_a_million_letters(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();
    uint8_t *a = malloc(1000000), out[MC_HASH_LEN];
    struct gf_span in = { a, 1000000 };

    (void)state;
    assert_non_null(a);
    memset(a, 'a', in.n);
    assert_int_equal(c->sha256(c->ctx, &in, 1, out), 0);
    free(a);
    assert_hex(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* ---- HMAC-SHA-256: RFC 4231 section 4, cases 1 to 4, 6 and 7 (5 is a cut one) ---- */

static void hmac_of_known_texts(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();
    uint8_t key[131], data[50], out[MC_HASH_LEN];
    struct gf_span in = text("Hi There");

    (void)state;
    memset(key, 0x0b, 20);
    assert_int_equal(c->hmac(c->ctx, key, 20, &in, 1, out), 0);
    assert_hex(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");

    const struct gf_span two[] = { text("what do ya want "), text("for nothing?") };

    assert_int_equal(c->hmac(c->ctx, (const uint8_t *)"Jefe", 4, two, 2, out), 0);
    assert_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    in = (struct gf_span){ data, sizeof data };
    assert_int_equal(c->hmac(c->ctx, key, 20, &in, 1, out), 0);
    assert_hex(out, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");

    in = text("Test Using Larger Than Block-Size Key - Hash Key First");
    assert_int_equal(c->hmac(c->ctx, key, 131, &in, 1, out), 0);
    assert_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");

    in = text("This is a test using a larger than block-size key and a larger than block-size "
              "data. The key needs to be hashed before being used by the HMAC algorithm.");
    assert_int_equal(c->hmac(c->ctx, key, 131, &in, 1, out), 0);
    assert_hex(out, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");

    for (uint8_t i = 0; i < 25; i++)
        key[i] = (uint8_t)(i + 1);
    memset(data, 0xcd, sizeof data);
    in = (struct gf_span){ data, sizeof data };
    assert_int_equal(c->hmac(c->ctx, key, 25, &in, 1, out), 0);
    assert_hex(out, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

/* ---- HKDF-SHA-256 ---- */

/* RFC 5869 A.3 is the published case without salt and info. */
static void hkdf_without_salt_and_info(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();
    uint8_t key[22], out[42];

    (void)state;
    memset(key, 0x0b, sizeof key);
    assert_int_equal(c->hkdf(c->ctx, key, sizeof key, NULL, 0, out, sizeof out), 0);
    assert_hex(out, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                    "9d201395faa4b61a96c8");
}

/* RFC 5869 section 2 written down with HMAC, for two blocks. */
static void hkdf_model(const uint8_t *key, size_t key_len, struct gf_span info, uint8_t ret[64])
{
    const struct mc_crypto *c = mc_crypto_openssl();
    const uint8_t salt[MC_HASH_LEN] = { 0 }, one = 1, two = 2;
    struct gf_span ikm = { key, key_len };
    uint8_t prk[MC_HASH_LEN];

    assert_int_equal(c->hmac(c->ctx, salt, sizeof salt, &ikm, 1, prk), 0);

    const struct gf_span first[] = { info, { &one, 1 } };
    const struct gf_span second[] = { { ret, 32 }, info, { &two, 1 } };

    assert_int_equal(c->hmac(c->ctx, prk, sizeof prk, first, 2, ret), 0);
    assert_int_equal(c->hmac(c->ctx, prk, sizeof prk, second, 3, ret + 32), 0);
}

static void hkdf_of_every_info_and_output_length(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();
    uint8_t key[MC_KEY_LEN], info[513], want[64], out[65];

    (void)state;
    memset(key, 0x5a, sizeof key);
    for (size_t i = 0; i < sizeof info; i++)
        info[i] = (uint8_t)(i * 7 + 3);
    for (size_t n = 0; n <= 512; n++) {
        const struct gf_span parts[] = { { info, n / 3 }, { info + n / 3, n - n / 3 } };
        size_t len = n % 64 + 1;

        hkdf_model(key, sizeof key, (struct gf_span){ info, n }, want);
        memset(out, 0xEE, sizeof out);
        assert_int_equal(c->hkdf(c->ctx, key, sizeof key, parts, 2, out, len), 0);
        assert_memory_equal(out, want, len);
        assert_int_equal(out[len], 0xEE);
    }
}

static void hkdf_refuses_what_its_contract_excludes(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();
    uint8_t key[65] = { 1 }, info[513] = { 2 }, out[65];
    const struct gf_span parts[] = { { info, 512 }, { info, 1 } };

    (void)state;
    memset(out, 0xEE, sizeof out);
    assert_int_equal(c->hkdf(c->ctx, key, 32, parts, 2, out, 32), GF_E_CRYPTO);
    assert_int_equal(c->hkdf(c->ctx, key, 32, parts, 1, out, 0), GF_E_CRYPTO);
    assert_int_equal(c->hkdf(c->ctx, key, 32, parts, 1, out, 65), GF_E_CRYPTO);
    assert_int_equal(c->hkdf(c->ctx, key, 65, parts, 1, out, 32), GF_E_CRYPTO);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0xEE);
}

/* ---- AES-128-CCM ---- */

/* NIST CAVP, CCM decryption-verification process test, AES-128, Nlen 13, Tlen 16; `bad` rows are
 * the ones that must not verify. */
static const struct ccm_row {
    const char *key, *nonce, *ad, *plain, *sealed;
    bool bad;
} ccm_rows[] = {
    { "19ebfde2d5468ba0a3031bde629b11fd", "5a8aa485c316e9403aff859fbb", "", "",
      "fb04dc5a44c6bb000f2440f5154364b4", false },
    { "19ebfde2d5468ba0a3031bde629b11fd", "935c1ef3d4032ff090f91141f3", "", "",
      "3dacc71169f6da77ec91ff1d2f649ed1", false },
    { "19ebfde2d5468ba0a3031bde629b11fd", "a16a2e741f1cd9717285b6d882", "", "",
      "5447075bf42a59b91f08064738b015ab", true },
    { "26511fb51fcfa75cb4b44da75a6e5a0e", "5a8aa485c316e9403aff859fbb",
      "a16a2e741f1cd9717285b6d882c1fc53655e9773761ad697a7ee6410184c7982",
      "8739b4bea1a099fe547499cbc6d1b13d849b8084c9b6acc5",
      "50038b5fdd364ee747b70d00bd36840ece4ea19998123375c0a458bfcafa3b2609afe0f825cbf503", false },
    { "26511fb51fcfa75cb4b44da75a6e5a0e", "e3c03ef7e1d31961ee0b97bd99",
      "8a3676dd640821b58fb0f0329855fd5882c376ea166b958b7aaad223054e5784",
      "92973ce707733a73118c8ce6b5e3fc77a17f448310c0197f",
      "c6b7680f321132a8bd00e8e92f785d0b828b100af6392a04d1292373a76970eda77a8194f6276262", false },
    { "26511fb51fcfa75cb4b44da75a6e5a0e", "93e08854560edb096e5d654086",
      "bdc60dff08bfd5d44320b75c61e456fd4333c9c3d0294d4a48d936dfd5922ce2",
      "569e4aec88dd51ca519c0a00c922ee33d3559b98a32d7906",
      "7fcdce0ba567b9a708d54fdb16125de71dce952f4741684f4f9d302e4f1d2a2aedf2768d7b29163f", false },
    { "26511fb51fcfa75cb4b44da75a6e5a0e", "0812757ad0cc4d17c4cfe7a642",
      "ec6c44a7e94e51a3ca6dee229098391575ec7213c85267fbf7492fdbeee61b10",
      "8739b4bea1a099fe547499cbc6d1b13d849b8084c9b6acc5",
      "78ed8ff6b5a1255d0fbd0a719a9c27b059ff5f83d0c4962c390042ba8bb5f6798dab01c5afad7306", true },
    { "26511fb51fcfa75cb4b44da75a6e5a0e", "5d165ddd4e599387af5967cae6",
      "e374f875ce829b62c98fbd67bcf128b5647f25fff9a643300eb95559b889baed",
      "92973ce707733a73118c8ce6b5e3fc77a17f448310c0197f",
      "aea98867d3d707c43a963c1d7fdcfc953cbd707803b2b5f0a97af19d0b7bf7c7ce398cb0b44d73af", true },
};

static void ccm_of_published_vectors(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();

    (void)state;
    for (size_t i = 0; i < sizeof ccm_rows / sizeof *ccm_rows; i++) {
        const struct ccm_row *row = &ccm_rows[i];
        struct gf_span key = hex(row->key), nonce = hex(row->nonce), ad = hex(row->ad);
        struct gf_span plain = hex(row->plain), sealed = hex(row->sealed);
        uint8_t out[64];

        assert_int_equal(c->open(c->ctx, key.p, nonce.p, ad, sealed, out),
                         row->bad ? GF_E_CRYPTO : 0);
        if (row->bad)
            continue;
        assert_memory_equal(out, plain.p, plain.n);
        assert_int_equal(c->seal(c->ctx, key.p, nonce.p, ad, plain, out), 0);
        assert_memory_equal(out, sealed.p, sealed.n);
    }
}

/* CCM as RFC 3610 writes it (L = 2, tags of m bytes), from single AES blocks. */
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

static void ccm_model(const uint8_t key[16], const uint8_t nonce[13], struct gf_span ad,
                      struct gf_span plain, size_t m, uint8_t *ret)
{
    uint8_t mac[16] = { 0 }, block[16] = { 0 }, stream[16];

    block[0] = (uint8_t)((ad.n > 0 ? 0x40 : 0) | (m - 2) / 2 << 3 | 1);
    memcpy(block + 1, nonce, 13);
    block[14] = (uint8_t)(plain.n >> 8);
    block[15] = (uint8_t)plain.n;
    aes_block(key, block, mac);
    if (ad.n > 0) {
        mac[0] ^= (uint8_t)(ad.n >> 8);
        mac[1] ^= (uint8_t)ad.n;
        mac_bytes(key, mac, 2, ad.p, ad.n);
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

/* RFC 3610 packet vector 1 has an 8-byte tag: it proves the model, which then proves the port. */
static void ccm_model_agrees_with_rfc_3610(void **state)
{
    struct gf_span key = hex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
    struct gf_span nonce = hex("00000003020100a0a1a2a3a4a5"), ad = hex("0001020304050607");
    uint8_t out[31];

    (void)state;
    ccm_model(key.p, nonce.p, ad, hex("08090a0b0c0d0e0f101112131415161718191a1b1c1d1e"), 8, out);
    assert_hex(out, "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0");
}

static void ccm_of_every_length(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();
    struct gf_span key = hex("404142434445464748494a4b4c4d4e4f");
    struct gf_span nonce = hex("101112131415161718191a1b1c");
    uint8_t bytes[1472], want[1472 + 16], out[1472 + 17], back[1472];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 11 + 5);
    for (size_t n = 0; n <= sizeof bytes; n += n < 70 ? 1 : 97) {
        struct gf_span plain = { n > 0 ? bytes : NULL, n };

        for (size_t a = 0; a <= 70; a += n < 20 ? 1 : 23) {
            struct gf_span ad = { a > 0 ? bytes + 3 : NULL, a };

            ccm_model(key.p, nonce.p, ad, plain, 16, want);
            out[n + 16] = 0xEE;
            assert_int_equal(c->seal(c->ctx, key.p, nonce.p, ad, plain, out), 0);
            assert_memory_equal(out, want, n + 16);
            assert_int_equal(out[n + 16], 0xEE);
            assert_int_equal(
                c->open(c->ctx, key.p, nonce.p, ad, (struct gf_span){ out, n + 16 }, back), 0);
            assert_memory_equal(back, bytes, n);
        }
    }
}

/* Any bit of key, nonce, associated data, text or tag: refused, and nothing of the text is left. */
static void ccm_refuses_every_flipped_bit(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();
    enum { KEY = 16, NONCE = 13, AD = 9, TEXT = 40, ALL = KEY + NONCE + AD + TEXT + 16 };
    uint8_t all[ALL], plain[TEXT], out[TEXT];
    uint8_t *nonce = all + KEY, *ad = nonce + NONCE, *sealed = ad + AD;

    (void)state;
    for (size_t i = 0; i < ALL; i++)
        all[i] = (uint8_t)(i + 1);
    memset(plain, 0x77, sizeof plain);
    assert_int_equal(c->seal(c->ctx, all, nonce, (struct gf_span){ ad, AD },
                             (struct gf_span){ plain, TEXT }, sealed), 0);
    for (size_t bit = 0; bit < ALL * 8; bit++) {
        all[bit / 8] ^= (uint8_t)(1u << bit % 8);
        memset(out, 0xEE, sizeof out);
        assert_int_equal(c->open(c->ctx, all, nonce, (struct gf_span){ ad, AD },
                                 (struct gf_span){ sealed, TEXT + 16 }, out), GF_E_CRYPTO);
        for (size_t i = 0; i < sizeof out; i++)
            assert_int_equal(out[i], 0);
        all[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < TEXT + 16; n++)
        assert_int_equal(c->open(c->ctx, all, nonce, (struct gf_span){ ad, AD },
                                 (struct gf_span){ sealed, n }, out), GF_E_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_known_texts),
        cmocka_unit_test(sha256_of_a_million_letters),
        cmocka_unit_test(hmac_of_known_texts),
        cmocka_unit_test(hkdf_without_salt_and_info),
        cmocka_unit_test(hkdf_of_every_info_and_output_length),
        cmocka_unit_test(hkdf_refuses_what_its_contract_excludes),
        cmocka_unit_test(ccm_of_published_vectors),
        cmocka_unit_test(ccm_model_agrees_with_rfc_3610),
        cmocka_unit_test(ccm_of_every_length),
        cmocka_unit_test(ccm_refuses_every_flipped_bit),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
