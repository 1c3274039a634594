/* test_crypto.c - the crypto port, each implementation: every length against a model, limits, and
 * what is refused. The published answers are in test_crypto_vectors.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "tests/aid/crypto_each.h"

/* ---- HKDF-SHA-256 ---- */

static void hkdf_of_every_info_and_output_length(void **state)
{
    const struct mc_crypto *c = aid_crypto();
    const struct gf_span no_salt = { NULL, 0 };
    uint8_t key[MC_KEY_LEN], info[513], prk[MC_HASH_LEN], want[64], out[65];

    (void)state;
    memset(key, 0x5a, sizeof key);
    for (size_t i = 0; i < sizeof info; i++)
        info[i] = (uint8_t)(i * 7 + 3);
    for (size_t n = 0; n <= 512; n++) {
        const struct gf_span parts[] = { { info, n / 3 }, { info + n / 3, n - n / 3 } };
        size_t len = n % 64 + 1;

        aid_hkdf_model(no_salt, (struct gf_span){ key, sizeof key }, (struct gf_span){ info, n },
                       prk, want, len);
        memset(out, 0xEE, sizeof out);
        assert_int_equal(c->hkdf(c->ctx, key, sizeof key, parts, 2, out, len), 0);
        assert_memory_equal(out, want, len);
        assert_int_equal(out[len], 0xEE);
    }
}

static void hkdf_refuses_what_its_contract_excludes(void **state)
{
    const struct mc_crypto *c = aid_crypto();
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

/* ---- HMAC-SHA-256 ---- */

static void hmac_takes_an_empty_key_but_not_none(void **state)
{
    const struct mc_crypto *c = aid_crypto();
    const uint8_t zeroes[64] = { 0 };
    uint8_t out[MC_HASH_LEN], want[MC_HASH_LEN];

    (void)state;
    assert_int_equal(c->hmac(c->ctx, zeroes, sizeof zeroes, NULL, 0, want), 0);
    assert_int_equal(c->hmac(c->ctx, zeroes, 0, NULL, 0, out), 0);
    assert_memory_equal(out, want, sizeof out);

    memset(out, 0xEE, sizeof out);
    assert_int_equal(c->hmac(c->ctx, NULL, 0, NULL, 0, out), GF_E_CRYPTO);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0xEE);
}

/* ---- AES-128-CCM ---- */

static const uint8_t key[MC_AEAD_KEY_LEN] = "sixteen key byte";
static const uint8_t nonce[MC_NONCE_LEN] = "thirteen byte";

/* n bytes of memory of their exact length, so that a sanitizer sees their end. */
static uint8_t *bytes_of(size_t n)
{
    uint8_t *p = malloc(n > 0 ? n : 1);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 11 + 5 + i / 256);
    return p;
}

/* Sealed as the model says, and opened again. */
static void assert_seals(size_t ad_n, size_t n)
{
    const struct mc_crypto *c = aid_crypto();
    uint8_t *plain = bytes_of(n), *ad = bytes_of(ad_n), *out = bytes_of(n + MC_AEAD_TAG_LEN);
    uint8_t *want = bytes_of(n + MC_AEAD_TAG_LEN), *back = bytes_of(n);
    struct gf_span ad_span = { ad_n > 0 ? ad : NULL, ad_n }, text = { n > 0 ? plain : NULL, n };

    aid_ccm_model(key, nonce, ad_span, text, MC_AEAD_TAG_LEN, want);
    assert_int_equal(c->seal(c->ctx, key, nonce, ad_span, text, out), 0);
    assert_memory_equal(out, want, n + MC_AEAD_TAG_LEN);
    memset(back, 0, n);
    assert_int_equal(c->open(c->ctx, key, nonce, ad_span,
                             (struct gf_span){ out, n + MC_AEAD_TAG_LEN }, back), 0);
    assert_memory_equal(back, plain, n);
    free(plain);
    free(ad);
    free(out);
    free(want);
    free(back);
}

static void ccm_of_every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 1472; n += n < 70 ? 1 : 97)
        for (size_t ad_n = 0; ad_n <= 70; ad_n += n < 20 ? 1 : 23)
            assert_seals(ad_n, n);
}

/* From 65280 bytes on their length is written in six bytes, not two. */
static void ccm_of_associated_data_around_its_long_form(void **state)
{
    static const size_t edges[] = { 65278, 65279, 65280, 65281, 65295, 65535, 65536, 65537 };

    (void)state;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        for (size_t n = 0; n <= 33; n += 11)
            assert_seals(edges[i], n);
}

static void ccm_works_in_place(void **state)
{
    const struct mc_crypto *c = aid_crypto();
    const struct gf_span ad = { (const uint8_t *)"ad", 2 };
    uint8_t *plain = bytes_of(100), *same = bytes_of(100 + MC_AEAD_TAG_LEN);
    uint8_t want[100 + MC_AEAD_TAG_LEN];

    (void)state;
    for (size_t n = 0; n <= 100; n++) {
        memcpy(same, plain, n);
        aid_ccm_model(key, nonce, ad, (struct gf_span){ plain, n }, MC_AEAD_TAG_LEN, want);
        assert_int_equal(c->seal(c->ctx, key, nonce, ad, (struct gf_span){ same, n }, same), 0);
        assert_memory_equal(same, want, n + MC_AEAD_TAG_LEN);
        assert_int_equal(c->open(c->ctx, key, nonce, ad,
                                 (struct gf_span){ same, n + MC_AEAD_TAG_LEN }, same), 0);
        assert_memory_equal(same, plain, n);
    }
    free(plain);
    free(same);
}

/* The longest text is sealed and opened; a byte more is refused both ways, and nothing of it is
 * left. Lengths of associated data that no port can take are refused before a byte is read. */
static void ccm_takes_what_two_bytes_can_count(void **state)
{
    const struct mc_crypto *c = aid_crypto();
    const struct gf_span none = { NULL, 0 }, far = { key, (size_t)INT32_MAX + 1 };
    const size_t over = 65536;
    uint8_t *plain = bytes_of(over), *out = bytes_of(over + MC_AEAD_TAG_LEN);

    (void)state;
    assert_seals(3, 65535);
    assert_int_equal(c->seal(c->ctx, key, nonce, none, (struct gf_span){ plain, over }, out),
                     GF_E_CRYPTO);
    for (size_t i = 0; i < over + MC_AEAD_TAG_LEN; i++)
        assert_int_equal(out[i], 0);
    assert_int_equal(c->open(c->ctx, key, nonce, none,
                             (struct gf_span){ out, over + MC_AEAD_TAG_LEN }, plain), GF_E_CRYPTO);
    for (size_t i = 0; i < over; i++)
        assert_int_equal(plain[i], 0);

    memset(out, 0xEE, 20 + MC_AEAD_TAG_LEN);
    assert_int_equal(c->seal(c->ctx, key, nonce, far, (struct gf_span){ plain, 20 }, out),
                     GF_E_CRYPTO);
    for (size_t i = 0; i < 20 + MC_AEAD_TAG_LEN; i++)
        assert_int_equal(out[i], 0);
    memset(plain, 0xEE, 20);
    assert_int_equal(c->open(c->ctx, key, nonce, far,
                             (struct gf_span){ out, 20 + MC_AEAD_TAG_LEN }, plain), GF_E_CRYPTO);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(plain[i], 0);
    free(plain);
    free(out);
}

/* Any bit of key, nonce, associated data, text or tag: refused, and nothing of the text is left. */
static void ccm_refuses_every_flipped_bit(void **state)
{
    const struct mc_crypto *c = aid_crypto();
    enum { KEY = 16, NONCE = 13, AD = 9, TEXT = 40, ALL = KEY + NONCE + AD + TEXT + 16 };
    uint8_t all[ALL], plain[TEXT], out[TEXT];
    uint8_t *number = all + KEY, *ad = number + NONCE, *sealed = ad + AD;

    (void)state;
    for (size_t i = 0; i < ALL; i++)
        all[i] = (uint8_t)(i + 1);
    memset(plain, 0x77, sizeof plain);
    assert_int_equal(c->seal(c->ctx, all, number, (struct gf_span){ ad, AD },
                             (struct gf_span){ plain, TEXT }, sealed), 0);
    for (size_t bit = 0; bit < ALL * 8; bit++) {
        all[bit / 8] ^= (uint8_t)(1u << bit % 8);
        memset(out, 0xEE, sizeof out);
        assert_int_equal(c->open(c->ctx, all, number, (struct gf_span){ ad, AD },
                                 (struct gf_span){ sealed, TEXT + 16 }, out), GF_E_CRYPTO);
        for (size_t i = 0; i < sizeof out; i++)
            assert_int_equal(out[i], 0);
        all[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < TEXT + 16; n++)
        assert_int_equal(c->open(c->ctx, all, number, (struct gf_span){ ad, AD },
                                 (struct gf_span){ sealed, n }, out), GF_E_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AID_WITH_EACH_CRYPTO(hkdf_of_every_info_and_output_length),
        AID_WITH_EACH_CRYPTO(hkdf_refuses_what_its_contract_excludes),
        AID_WITH_EACH_CRYPTO(hmac_takes_an_empty_key_but_not_none),
        AID_WITH_EACH_CRYPTO(ccm_of_every_length),
        AID_WITH_EACH_CRYPTO(ccm_of_associated_data_around_its_long_form),
        AID_WITH_EACH_CRYPTO(ccm_works_in_place),
        AID_WITH_EACH_CRYPTO(ccm_takes_what_two_bytes_can_count),
        AID_WITH_EACH_CRYPTO(ccm_refuses_every_flipped_bit),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
