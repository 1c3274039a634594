/* test_crypto_vectors.c - tests/vectors/primitives.json: what NIST and the RFCs publish is what
 * each implementation of the crypto port gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "tests/aid/crypto_each.h"
#include "tests/aid/vectors.h"

static const char *member_text(const json_t *e, const char *member)
{
    return json_string_value(json_object_get(e, member));
}

/* Run `check` on each entry of a list; a failure names its source. Exactly `want` entries, so that
 * none gets lost. */
static void each_entry(const char *list, size_t want, void (*check)(const json_t *e))
{
    json_t *j = aid_vectors_load("primitives");
    const json_t *e;
    size_t i;

    assert_int_equal(json_array_size(json_object_get(j, list)), want);
    json_array_foreach(json_object_get(j, list), i, e)
    {
        assert_non_null(member_text(e, "source"));
        assert_non_null(member_text(e, "case"));
        check(e);
    }
    json_decref(j);
}

static void assert_answer(const json_t *e, const char *what, const uint8_t *got,
                          struct gf_span want)
{
    if (memcmp(got, want.p, want.n) != 0)
        fail_msg("%s, %s: another %s", member_text(e, "source"), member_text(e, "case"), what);
}

/* ---- SHA-256 ---- */

static void check_sha256(const json_t *e)
{
    const struct mc_crypto *c = aid_crypto();
    struct gf_span data = aid_vectors_bytes(e, "data"), want = aid_vectors_bytes(e, "hash");
    const json_t *repeat = json_object_get(e, "repeat");
    uint8_t out[MC_HASH_LEN];

    assert_int_equal(want.n, MC_HASH_LEN);
    if (repeat != NULL) {
        size_t n = (size_t)json_integer_value(repeat);
        struct gf_span *parts = calloc(n, sizeof *parts);

        assert_non_null(parts);
        for (size_t i = 0; i < n; i++)
            parts[i] = data;
        assert_int_equal(c->sha256(c->ctx, parts, n, out), 0);
        free(parts);
        assert_answer(e, "hash", out, want);
        return;
    }
    /* In three parts, cut at every place, with an empty one of no address. */
    for (size_t cut = 0; cut <= data.n; cut++) {
        const struct gf_span parts[] = {
            { data.p, cut }, { NULL, 0 }, { data.p + cut, data.n - cut }
        };

        assert_int_equal(c->sha256(c->ctx, parts, 3, out), 0);
        assert_answer(e, "hash", out, want);
    }
    if (data.n == 0) {
        assert_int_equal(c->sha256(c->ctx, NULL, 0, out), 0);
        assert_answer(e, "hash", out, want);
    }
}

static void sha256_gives_the_published_answers(void **state)
{
    (void)state;
    each_entry("sha256", 76, check_sha256);
}

/* ---- HMAC-SHA-256 ---- */

static void check_hmac(const json_t *e)
{
    const struct mc_crypto *c = aid_crypto();
    struct gf_span key = aid_vectors_bytes(e, "key"), data = aid_vectors_bytes(e, "data");
    struct gf_span want = aid_vectors_bytes(e, "mac");
    uint8_t out[MC_HASH_LEN];

    for (size_t cut = 0; cut <= data.n; cut++) {
        const struct gf_span parts[] = {
            { data.p, cut }, { NULL, 0 }, { data.p + cut, data.n - cut }
        };

        assert_int_equal(c->hmac(c->ctx, key.p, key.n, parts, 3, out), 0);
        assert_answer(e, "mac", out, want);
    }
}

static void hmac_gives_the_published_answers(void **state)
{
    (void)state;
    each_entry("hmac_sha256", 7, check_hmac);
}

/* ---- HKDF-SHA-256 ---- */

/* The model is followed to the published answer; the port where its call can ask for it. */
static void check_hkdf(const json_t *e)
{
    const struct mc_crypto *c = aid_crypto();
    struct gf_span salt = aid_vectors_bytes(e, "salt"), ikm = aid_vectors_bytes(e, "ikm");
    struct gf_span info = aid_vectors_bytes(e, "info"), want = aid_vectors_bytes(e, "okm");
    uint8_t prk[MC_HASH_LEN], out[96];

    assert_true(want.n <= sizeof out);
    aid_hkdf_model(salt, ikm, info, prk, out, want.n);
    assert_answer(e, "PRK", prk, aid_vectors_bytes(e, "prk"));
    assert_answer(e, "OKM", out, want);
    if (salt.n > 0)
        return;
    assert_int_equal(c->hkdf(c->ctx, ikm.p, ikm.n, &info, 1, out, want.n), 0);
    assert_answer(e, "OKM of the call", out, want);
}

static void hkdf_gives_the_published_answers(void **state)
{
    (void)state;
    each_entry("hkdf_sha256", 3, check_hkdf);
}

/* ---- AES-128-CCM ---- */

static void check_ccm(const json_t *e)
{
    const struct mc_crypto *c = aid_crypto();
    struct gf_span key = aid_vectors_bytes(e, "key"), nonce = aid_vectors_bytes(e, "nonce");
    struct gf_span ad = aid_vectors_bytes(e, "ad"), sealed = aid_vectors_bytes(e, "sealed");
    bool refused = json_object_get(e, "refused") != NULL;
    uint8_t out[64];

    assert_int_equal(key.n, MC_AEAD_KEY_LEN);
    assert_int_equal(nonce.n, MC_NONCE_LEN);
    assert_true(sealed.n >= MC_AEAD_TAG_LEN && sealed.n <= sizeof out);
    memset(out, 0xEE, sizeof out);
    if (c->open(c->ctx, key.p, nonce.p, ad, sealed, out) != (refused ? GF_E_CRYPTO : 0))
        fail_msg("%s, %s: %s", member_text(e, "source"), member_text(e, "case"),
                 refused ? "must be refused" : "must be opened");
    if (refused) {
        for (size_t i = 0; i < sealed.n - MC_AEAD_TAG_LEN; i++)
            assert_int_equal(out[i], 0);
        return;
    }

    struct gf_span plain = aid_vectors_bytes(e, "plain");

    assert_int_equal(plain.n, sealed.n - MC_AEAD_TAG_LEN);
    assert_answer(e, "plain text", out, plain);
    assert_int_equal(c->seal(c->ctx, key.p, nonce.p, ad, plain, out), 0);
    assert_answer(e, "sealed text", out, sealed);
}

static void ccm_gives_the_published_answers(void **state)
{
    (void)state;
    each_entry("aes_128_ccm", 138, check_ccm);
}

/* Counter mode is the same whatever the tag's length; the model is followed to that tag, and gives
 * the protocol's tag for the same text. */
static void check_ccm_shorter_tag(const json_t *e)
{
    const struct mc_crypto *c = aid_crypto();
    struct gf_span key = aid_vectors_bytes(e, "key"), nonce = aid_vectors_bytes(e, "nonce");
    struct gf_span once = aid_vectors_bytes(e, "ad"), plain = aid_vectors_bytes(e, "plain");
    struct gf_span text = aid_vectors_bytes(e, "ciphertext"), tag = aid_vectors_bytes(e, "tag");
    const json_t *repeat = json_object_get(e, "ad_repeat");
    size_t times = repeat != NULL ? (size_t)json_integer_value(repeat) : 1;
    uint8_t *ad_bytes = malloc(once.n * times), out[64], want[64];
    struct gf_span ad = { ad_bytes, once.n * times };

    assert_non_null(ad_bytes);
    for (size_t i = 0; i < times; i++)
        memcpy(ad_bytes + i * once.n, once.p, once.n);
    assert_int_equal(plain.n, text.n);
    assert_true(plain.n + MC_AEAD_TAG_LEN <= sizeof out);
    aid_ccm_model(key.p, nonce.p, ad, plain, tag.n, out);
    assert_answer(e, "ciphertext", out, text);
    assert_answer(e, "tag", out + plain.n, tag);

    aid_ccm_model(key.p, nonce.p, ad, plain, MC_AEAD_TAG_LEN, want);
    assert_int_equal(c->seal(c->ctx, key.p, nonce.p, ad, plain, out), 0);
    assert_answer(e, "ciphertext of the call", out, text);
    assert_memory_equal(out, want, plain.n + MC_AEAD_TAG_LEN);
    free(ad_bytes);
}

static void ccm_of_shorter_tags_has_the_published_ciphertext(void **state)
{
    (void)state;
    each_entry("aes_128_ccm_shorter_tags", 25, check_ccm_shorter_tag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AID_WITH_EACH_CRYPTO(sha256_gives_the_published_answers),
        AID_WITH_EACH_CRYPTO(hmac_gives_the_published_answers),
        AID_WITH_EACH_CRYPTO(hkdf_gives_the_published_answers),
        AID_WITH_EACH_CRYPTO(ccm_gives_the_published_answers),
        AID_WITH_EACH_CRYPTO(ccm_of_shorter_tags_has_the_published_ciphertext),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
