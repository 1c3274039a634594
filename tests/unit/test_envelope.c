/* test_envelope.c - account keys on their way to one meter. */
#include "meter-core/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/linkaid.h"

#define EPOCH 7u
#define WRAP_EPOCH 3u

static const struct mc_crypto *crypto;

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){ p, n };
}

static void flip(uint8_t *p, size_t bit)
{
    p[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* HKDF(root, label | more) by the port: what the header says a key is. */
static void derive(const uint8_t *root, const char *label, struct gf_span more, uint8_t *ret,
                   size_t n)
{
    const struct gf_span info[] = { span(label, strlen(label)), more };

    assert_int_equal(crypto->hkdf(crypto->ctx, root, MC_KEY_LEN, info, 2, ret, n), 0);
}

static uint8_t wrap_root[MC_KEY_LEN], account_key[MC_KEY_LEN];

static struct mc_wrap wrap_for(const char *meter_id)
{
    aid_root_key(0x20, wrap_root);
    aid_root_key(0xA0, account_key);
    return (struct mc_wrap){ meter_id, EPOCH, WRAP_EPOCH, wrap_root };
}

static size_t sealed_envelope(uint8_t ret[static MC_ENVELOPE_MAX])
{
    const struct mc_wrap wrap = wrap_for(AID_METER_ID);
    int n = mc_envelope_seal(crypto, &wrap, account_key, ret, MC_ENVELOPE_MAX);

    assert_true(n > 0);
    return (size_t)n;
}

static void envelope_brings_the_key(void **state)
{
    struct mc_wrap wrap = wrap_for(AID_METER_ID);
    uint8_t bytes[MC_ENVELOPE_MAX], again[MC_ENVELOPE_MAX], key[MC_KEY_LEN];
    size_t n = sealed_envelope(bytes);
    uint32_t epoch = 0;

    (void)state;
    wrap.epoch = 99; /* is ignored when opening */
    assert_int_equal(mc_envelope_open(crypto, &wrap, span(bytes, n), &epoch, key), 0);
    assert_int_equal(epoch, EPOCH);
    assert_memory_equal(key, account_key, sizeof key);

    assert_int_equal(sealed_envelope(again), n);
    assert_memory_equal(again, bytes, n);
    wrap.epoch = EPOCH;
    for (size_t cap = 0; cap < n; cap++)
        assert_int_equal(mc_envelope_seal(crypto, &wrap, account_key, again, cap), GF_E_SPACE);
}

/* The layout of the header's words, put together by hand. */
static void envelope_is_sealed_as_documented(void **state)
{
    uint8_t bytes[MC_ENVELOPE_MAX], wrap_key[16], nonce_key[32], mac[32], want[48];
    uint8_t ad[] = "gasm key" AID_METER_ID "\x07\0\0\0\x03\0\0";
    size_t n = sealed_envelope(bytes);
    gasm_KeyEnvelope e;

    (void)state;
    assert_int_equal(mc_pb_decode_strict(gasm_KeyEnvelope_fields, span(bytes, n), &e), 0);
    derive(wrap_root, "gasm wrap", span(NULL, 0), wrap_key, sizeof wrap_key);
    derive(wrap_root, "gasm wrap nonce", span(NULL, 0), nonce_key, sizeof nonce_key);

    const struct gf_span parts[] = { span(ad, sizeof ad), span(account_key, sizeof account_key) };

    assert_int_equal(crypto->hmac(crypto->ctx, nonce_key, 32, parts, 2, mac), 0);
    assert_memory_equal(e.nonce, mac, MC_NONCE_LEN);
    assert_int_equal(crypto->seal(crypto->ctx, wrap_key, mac, parts[0], parts[1], want), 0);
    assert_memory_equal(e.sealed, want, sizeof want);
    assert_memory_equal(e.meter_id, AID_METER_ID, sizeof e.meter_id);
    assert_int_equal(e.epoch, EPOCH);
    assert_int_equal(e.wrap_epoch, WRAP_EPOCH);
}

static void envelopes_differ_in_nonce_when_anything_differs(void **state)
{
    struct mc_wrap wrap = wrap_for(AID_METER_ID);
    uint8_t bytes[5][MC_ENVELOPE_MAX];
    gasm_KeyEnvelope e[5];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        wrap = wrap_for(i == 1 ? "GM2400001320" : AID_METER_ID);
        wrap.epoch += i == 2;
        wrap.wrap_epoch += i == 3;
        account_key[31] ^= i == 4;

        int n = mc_envelope_seal(crypto, &wrap, account_key, bytes[i], sizeof bytes[i]);

        assert_true(n > 0);
        assert_int_equal(
            mc_pb_decode_strict(gasm_KeyEnvelope_fields, span(bytes[i], (size_t)n), &e[i]), 0);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(e[i].nonce, e[j].nonce, MC_NONCE_LEN);
    }
}

static void envelope_for_another_is_refused(void **state)
{
    struct mc_wrap wrap = wrap_for(AID_METER_ID);
    uint8_t bytes[MC_ENVELOPE_MAX], key[MC_KEY_LEN], other_root[MC_KEY_LEN];
    size_t n = sealed_envelope(bytes);
    uint32_t epoch = 77;

    (void)state;
    memset(key, 0xEE, sizeof key);
    wrap.meter_id = "GM2400001320";
    assert_int_equal(mc_envelope_open(crypto, &wrap, span(bytes, n), &epoch, key), GF_E_MISMATCH);
    wrap.meter_id = AID_METER_ID;
    wrap.wrap_epoch++;
    assert_int_equal(mc_envelope_open(crypto, &wrap, span(bytes, n), &epoch, key), GF_E_MISMATCH);
    wrap.wrap_epoch--;
    aid_root_key(0x21, other_root);
    wrap.wrap_root = other_root;
    assert_int_equal(mc_envelope_open(crypto, &wrap, span(bytes, n), &epoch, key), GF_E_CRYPTO);
    assert_int_equal(epoch, 77);
    for (size_t i = 0; i < sizeof key; i++)
        assert_int_equal(key[i], 0xEE);
}

static void envelope_of_epoch_zero_or_with_more_is_refused(void **state)
{
    struct mc_wrap wrap = wrap_for(AID_METER_ID);
    uint8_t bytes[MC_ENVELOPE_MAX], key[MC_KEY_LEN];
    uint32_t epoch;

    (void)state;
    wrap.epoch = 0;

    int n = mc_envelope_seal(crypto, &wrap, account_key, bytes, sizeof bytes);

    assert_true(n > 0);
    assert_int_equal(mc_envelope_open(crypto, &wrap, span(bytes, (size_t)n), &epoch, key),
                     GF_E_FORMAT);

    size_t len = sealed_envelope(bytes);

    bytes[len] = 6 << 3; /* a field that nobody knows */
    bytes[len + 1] = 1;
    assert_int_equal(mc_envelope_open(crypto, &wrap, span(bytes, len + 2), &epoch, key),
                     GF_E_FORMAT);
}

static void envelope_with_any_flipped_bit_or_cut_is_refused(void **state)
{
    const struct mc_wrap wrap = wrap_for(AID_METER_ID);
    uint8_t bytes[MC_ENVELOPE_MAX], key[MC_KEY_LEN];
    size_t n = sealed_envelope(bytes);
    uint32_t epoch;

    (void)state;
    for (size_t bit = 0; bit < n * 8; bit++) {
        flip(bytes, bit);

        int r = mc_envelope_open(crypto, &wrap, span(bytes, n), &epoch, key);

        assert_true(r == GF_E_FORMAT || r == GF_E_MISMATCH || r == GF_E_CRYPTO);
        flip(bytes, bit);
    }
    for (size_t len = 0; len < n; len++)
        assert_true(mc_envelope_open(crypto, &wrap, span(bytes, len), &epoch, key) < 0);
    assert_int_equal(mc_envelope_open(crypto, &wrap, span(bytes, n), &epoch, key), 0);
}

/* The n-th call into the crypto library fails, for every n. */
static void every_failure_of_the_library_is_reported(void **state)
{
    const struct mc_wrap wrap = wrap_for(AID_METER_ID);
    uint8_t bytes[MC_ENVELOPE_MAX], key[MC_KEY_LEN];
    size_t n = sealed_envelope(bytes);
    uint32_t epoch;

    (void)state;
    for (int i = 0; i <= 4; i++)
        assert_int_equal(mc_envelope_seal(aid_failing_crypto(i), &wrap, account_key, bytes, n),
                         i < 4 ? GF_E_CRYPTO : (int)n);
    for (int i = 0; i <= 2; i++)
        assert_int_equal(
            mc_envelope_open(aid_failing_crypto(i), &wrap, span(bytes, n), &epoch, key),
            i < 2 ? GF_E_CRYPTO : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelope_brings_the_key),
        cmocka_unit_test(envelope_is_sealed_as_documented),
        cmocka_unit_test(envelopes_differ_in_nonce_when_anything_differs),
        cmocka_unit_test(envelope_for_another_is_refused),
        cmocka_unit_test(envelope_of_epoch_zero_or_with_more_is_refused),
        cmocka_unit_test(envelope_with_any_flipped_bit_or_cut_is_refused),
        cmocka_unit_test(every_failure_of_the_library_is_reported),
    };

    crypto = mc_crypto_openssl();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
