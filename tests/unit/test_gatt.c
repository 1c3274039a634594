/* test_gatt.c - CTL values, their refusal, and the id hash in the advertisement. */
#include "meter-core/gatt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/linkaid.h"

static const struct mc_ctl sample = {
    .version = MC_PROTOCOL_VERSION,
    .life_state = 5,
    .active_epoch = 0x04030201,
    .fragment_limit = 0x01FD,
    .credits = 8,
    .fragment_epoch = 11,
    .meter_id = AID_METER_ID,
};

static const uint8_t sample_bytes[MC_CTL_LEN] = { 1,   0xB5, 1,   2,   3,   4,   0xFD,
                                                  1,   8,    'G', 'M', '2', '4', '0',
                                                  '0', '0',  '0', '1', '2', '2', '3' };

static void ctl_has_the_documented_bytes(void **state)
{
    uint8_t bytes[MC_CTL_LEN + 1];
    struct mc_ctl got;

    (void)state;
    bytes[MC_CTL_LEN] = 0xEE;
    mc_ctl_encode(&sample, bytes);
    assert_memory_equal(bytes, sample_bytes, MC_CTL_LEN);
    assert_int_equal(bytes[MC_CTL_LEN], 0xEE);

    assert_int_equal(mc_ctl_decode(sample_bytes, MC_CTL_LEN, &got), 0);
    assert_int_equal(got.version, sample.version);
    assert_int_equal(got.life_state, sample.life_state);
    assert_int_equal(got.active_epoch, sample.active_epoch);
    assert_int_equal(got.fragment_limit, sample.fragment_limit);
    assert_int_equal(got.credits, sample.credits);
    assert_int_equal(got.fragment_epoch, sample.fragment_epoch);
    assert_string_equal(got.meter_id, sample.meter_id);
}

/* Every length, and every value of each byte that has wrong ones. */
static void ctl_in_any_other_form_is_refused(void **state)
{
    uint8_t bytes[MC_CTL_LEN + 8];
    struct mc_ctl got;

    (void)state;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, sample_bytes, MC_CTL_LEN);
    for (size_t n = 0; n <= sizeof bytes; n++)
        assert_int_equal(mc_ctl_decode(bytes, n, &got), n == MC_CTL_LEN ? 0 : GF_E_FORMAT);

    for (unsigned v = 0; v < 256; v++)
        for (size_t at = 0; at < MC_CTL_LEN; at++) {
            int want = 0;

            memcpy(bytes, sample_bytes, MC_CTL_LEN);
            bytes[at] = (uint8_t)v;
            if (at == 0)
                want = v == MC_PROTOCOL_VERSION ? 0 : GF_E_FORMAT;
            else if (at == 8)
                want = v > 0 ? 0 : GF_E_FORMAT;
            else if (at >= 9)
                want = v == sample_bytes[at] ? 0 : GF_E_FORMAT;
            assert_int_equal(mc_ctl_decode(bytes, MC_CTL_LEN, &got), want);
        }
    memcpy(bytes, sample_bytes, MC_CTL_LEN);
    for (unsigned limit = 0; limit < 600; limit++) {
        bytes[6] = (uint8_t)limit;
        bytes[7] = (uint8_t)(limit >> 8);
        assert_int_equal(mc_ctl_decode(bytes, MC_CTL_LEN, &got),
                         limit >= MC_FRAGMENT_MIN ? 0 : GF_E_FORMAT);
    }
}

static void reset_has_the_documented_bytes(void **state)
{
    static const uint8_t want[MC_CTL_RESET_LEN] = { 1, 11, 0xF4, 0x00, 8 };
    const struct mc_ctl_reset reset = { .fragment_epoch = 11, .fragment_limit = 244, .credits = 8 };
    uint8_t bytes[MC_CTL_RESET_LEN + 1];
    struct mc_ctl_reset got;

    (void)state;
    bytes[MC_CTL_RESET_LEN] = 0xEE;
    mc_ctl_reset_encode(&reset, bytes);
    assert_memory_equal(bytes, want, sizeof want);
    assert_int_equal(bytes[MC_CTL_RESET_LEN], 0xEE);
    assert_int_equal(mc_ctl_reset_decode(want, sizeof want, &got), 0);
    assert_int_equal(got.fragment_epoch, 11);
    assert_int_equal(got.fragment_limit, 244);
    assert_int_equal(got.credits, 8);
}

static void reset_in_any_other_form_is_refused(void **state)
{
    static const struct {
        size_t n;
        uint8_t bytes[6];
        int want;
    } rows[] = {
        { 5, { 1, 0, 20, 0, 1 }, 0 },
        { 5, { 1, 15, 0xFD, 1, 255 }, 0 },
        { 5, { 1, 0, 0xFF, 0xFF, 1 }, 0 }, /* a larger limit than anyone sends does no harm */
        { 0, { 1, 0, 20, 0, 1 }, GF_E_FORMAT },
        { 4, { 1, 0, 20, 0, 1 }, GF_E_FORMAT },
        { 6, { 1, 0, 20, 0, 1, 0 }, GF_E_FORMAT },
        { 5, { 0, 0, 20, 0, 1 }, GF_E_FORMAT },
        { 5, { 2, 0, 20, 0, 1 }, GF_E_FORMAT },
        { 5, { 1, 16, 20, 0, 1 }, GF_E_FORMAT },
        { 5, { 1, 0, 19, 0, 1 }, GF_E_FORMAT },
        { 5, { 1, 0, 20, 0, 0 }, GF_E_FORMAT },
    };
    struct mc_ctl_reset got;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(&got, 0xEE, sizeof got);
        assert_int_equal(mc_ctl_reset_decode(rows[i].bytes, rows[i].n, &got), rows[i].want);
        if (rows[i].want < 0)
            assert_int_equal(got.credits, 0xEE);
    }
}

static void id_hash_is_as_documented(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();
    struct gf_span in = { (const uint8_t *)"gasm id" AID_METER_ID, 19 };
    uint8_t want[MC_HASH_LEN], got[MC_ID_HASH_LEN];

    (void)state;
    assert_int_equal(c->sha256(c->ctx, &in, 1, want), 0);
    assert_int_equal(mc_id_hash(c, AID_METER_ID, got), 0);
    assert_memory_equal(got, want, sizeof got);
    assert_int_equal(mc_id_hash(aid_failing_crypto(0), AID_METER_ID, got), GF_E_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctl_has_the_documented_bytes),
        cmocka_unit_test(ctl_in_any_other_form_is_refused),
        cmocka_unit_test(reset_has_the_documented_bytes),
        cmocka_unit_test(reset_in_any_other_form_is_refused),
        cmocka_unit_test(id_hash_is_as_documented),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
