/* test_keys.c - tickets, receipts, registers and ids; every prefix and every flipped bit. */
#include "meter-core/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/linkaid.h"

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

/* ---- tickets ---- */

static void ticket_comes_back_as_it_was(void **state)
{
    uint8_t bytes[MC_TICKET_MAX], again[MC_TICKET_MAX];
    size_t n = aid_ticket_bytes(bytes);
    gasm_Ticket want = aid_ticket(), got;

    (void)state;
    assert_int_equal(mc_ticket_decode(span(bytes, n), &got), 0);
    assert_memory_equal(got.meter_id, want.meter_id, sizeof want.meter_id);
    assert_string_equal(got.subject, want.subject);
    assert_int_equal(got.role, want.role);
    assert_int_equal(got.rights, want.rights);
    assert_true(got.not_before_s == want.not_before_s && got.not_after_s == want.not_after_s);
    assert_true(got.serial == want.serial && got.serial_floor == want.serial_floor);
    assert_int_equal(got.epoch, want.epoch);
    assert_int_equal(got.use_count, want.use_count);
    assert_true(got.account_no == want.account_no);
    assert_int_equal(got.purge_volume_l, want.purge_volume_l);
    assert_int_equal(got.purge_grant_s, want.purge_grant_s);
    assert_int_equal(got.installs_epoch, want.installs_epoch);
    assert_int_equal(mc_ticket_encode(&got, again, sizeof again), (int)n);
    assert_memory_equal(again, bytes, n);
    for (size_t cap = 0; cap < n; cap++)
        assert_int_equal(mc_ticket_encode(&got, again, cap), GF_E_SPACE);
}

static void widest_ticket_fits(void **state)
{
    gasm_Ticket t = aid_ticket();
    uint8_t bytes[MC_TICKET_MAX];

    (void)state;
    memset(t.subject, 'x', sizeof t.subject - 1);
    t.not_before_s = t.not_after_s = INT64_MIN;
    t.serial = t.serial_floor = t.account_no = UINT64_MAX;
    t.rights = t.epoch = t.use_count = t.purge_volume_l = t.purge_grant_s = UINT32_MAX;
    t.installs_epoch = UINT32_MAX;

    int n = mc_ticket_encode(&t, bytes, sizeof bytes);

    assert_true(n > 0);
    assert_int_equal(mc_ticket_decode(span(bytes, (size_t)n), &t), 0);
    assert_true(t.not_before_s == INT64_MIN && t.serial == UINT64_MAX);
}

/* Each row is put behind the sample ticket, or stands alone. */
static void ticket_in_any_other_form_is_refused(void **state)
{
    static const struct {
        const char *what;
        bool alone;
        size_t n;
        uint8_t bytes[20];
    } rows[] = {
        { "empty", true, 0, { 0 } },
        { "unknown number", false, 2, { 15 << 3, 1 } },
        { "unknown number of two bytes", false, 3, { 0xF8, 0x07, 1 } },
        { "unknown bytes", false, 5, { 0x82, 0x01, 2, 1, 2 } },
        { "unknown fixed 64", false, 10, { 0x81, 0x01, 1, 2, 3, 4, 5, 6, 7, 8 } },
        { "unknown fixed 32", false, 6, { 0x85, 0x01, 1, 2, 3, 4 } },
        { "group", false, 2, { 0x83, 0x01 } },
        { "trailing zero", false, 1, { 0 } },
        { "trailing key", false, 1, { 14 << 3 } },
        { "a field twice", false, 2, { 14 << 3, 9 } },
        { "a field out of order", false, 2, { 10 << 3, 9 } },
        { "field number zero", true, 2, { 0, 1 } },
        { "epoch as bytes", true, 3, { 7 << 3 | 2, 1, 1 } },
        { "epoch as fixed 32", true, 5, { 7 << 3 | 5, 1, 0, 0, 0 } },
        { "meter id as number", true, 2, { 1 << 3, 1 } },
        { "meter id of 11 bytes", true, 13, { 0x0A, 11, 'G', 'M', '2', '4', '0', '0', '0', '0' } },
        { "meter id of 13 bytes", true, 15, { 0x0A, 13, 'G', 'M', '2', '4', '0', '0', '0', '0' } },
        { "length beyond the end", true, 3, { 0x12, 2, 'T' } },
        { "length of 2^63", true, 11,
          { 0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01 } },
        { "rights of 33 bits", true, 6, { 4 << 3, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F } },
        { "number longer than it needs", true, 3, { 7 << 3, 0x81, 0x00 } },
        { "zero longer than it needs", true, 3, { 7 << 3, 0x80, 0x00 } },
        { "key longer than it needs", true, 3, { 0xB8, 0x00, 1 } },
        { "number over 64 bits", true, 11,
          { 8 << 3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02 } },
        { "number without end", true, 12,
          { 8 << 3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 } },
        { "key over 32 bits", true, 7, { 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 1 } },
    };
    gasm_Ticket untouched, t;

    (void)state;
    memset(&untouched, 0xEE, sizeof untouched);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[MC_TICKET_MAX];
        size_t n = rows[i].alone ? 0 : aid_ticket_bytes(bytes);

        memcpy(bytes + n, rows[i].bytes, rows[i].n);
        t = untouched;
        if (mc_ticket_decode(span(bytes, n + rows[i].n), &t) != GF_E_FORMAT)
            fail_msg("taken: %s", rows[i].what);
        assert_memory_equal(&t, &untouched, sizeof t);
    }
}

static void ticket_with_an_unended_subject_is_refused(void **state)
{
    gasm_Ticket t = aid_ticket();
    uint8_t bytes[MC_TICKET_MAX];

    (void)state;
    memset(t.subject, 'x', sizeof t.subject);
    assert_true(mc_ticket_encode(&t, bytes, sizeof bytes) < 0);
}

static void ticket_key_is_made_from_the_bytes(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_TICKET_MAX], key[MC_KEY_LEN], want[MC_KEY_LEN];
    size_t n = aid_ticket_bytes(bytes);

    (void)state;
    aid_root_key(1, root);
    derive(root, "gasm ticket", span(bytes, n), want, sizeof want);
    assert_int_equal(mc_ticket_key(crypto, root, span(bytes, n), key), 0);
    assert_memory_equal(key, want, sizeof key);

    /* Every prefix and every flipped bit: refused, or another key - so no proof will hold. */
    for (size_t len = 0; len < n; len++) {
        assert_int_equal(mc_ticket_key(crypto, root, span(bytes, len), key), 0);
        assert_memory_not_equal(key, want, sizeof key);
    }
    for (size_t bit = 0; bit < n * 8; bit++) {
        flip(bytes, bit);
        assert_int_equal(mc_ticket_key(crypto, root, span(bytes, n), key), 0);
        assert_memory_not_equal(key, want, sizeof key);
        flip(bytes, bit);
    }
}

/* A number of tickets under a sanitizer: decoding never reads outside, whatever the bytes are. */
static void ticket_prefixes_flips_and_noise_are_judged_safely(void **state)
{
    struct aid_random random = { .state = 17 };
    uint8_t bytes[MC_TICKET_MAX];
    size_t n = aid_ticket_bytes(bytes), refused = 0;
    gasm_Ticket t;

    (void)state;
    for (size_t len = 0; len <= n; len++)
        for (size_t bit = 0; bit < len * 8; bit++) {
            uint8_t *exact = malloc(len);

            assert_non_null(exact);
            memcpy(exact, bytes, len);
            flip(exact, bit);
            refused += mc_ticket_decode(span(exact, len), &t) == GF_E_FORMAT;
            free(exact);
        }
    assert_true(refused > 1000);
    for (size_t i = 0; i < 20000; i++) {
        size_t len = aid_random_next(&random) % sizeof bytes;

        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)(aid_random_next(&random) & (j % 2 ? 0xFF : 0x7F));
        (void)mc_ticket_decode(span(bytes, len), &t); /* refused or not: no harm */
    }
}

/* ---- receipts ---- */

static size_t sealed_receipt(uint8_t root[static MC_KEY_LEN], uint8_t ret[static MC_RECEIPT_MAX])
{
    gasm_Receipt receipt = aid_receipt();

    aid_root_key(0x60, root);

    int n = mc_receipt_seal(crypto, root, &receipt, ret, MC_RECEIPT_MAX);

    assert_true(n > 0);
    return (size_t)n;
}

static void assert_receipt(const gasm_Receipt *r)
{
    const gasm_Receipt want = aid_receipt();
    uint8_t a[gasm_Receipt_size], b[gasm_Receipt_size];
    int n = mc_pb_encode(gasm_Receipt_fields, &want, a, sizeof a);

    assert_true(n > 0);
    assert_int_equal(mc_pb_encode(gasm_Receipt_fields, r, b, sizeof b), n);
    assert_memory_equal(a, b, (size_t)n);
}

static void receipt_comes_back_as_it_was(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX], again[MC_RECEIPT_MAX];
    size_t n = sealed_receipt(root, bytes);
    gasm_Receipt r;

    (void)state;
    assert_int_equal(mc_receipt_open(crypto, root, span(bytes, n), &r), 0);
    assert_receipt(&r);
    memset(&r, 0, sizeof r);
    assert_int_equal(mc_receipt_peek(span(bytes, n), &r), 0);
    assert_receipt(&r);
    for (size_t cap = 0; cap < n; cap++)
        assert_int_equal(mc_receipt_seal(crypto, root, &r, again, cap), GF_E_SPACE);
}

/* The length of its body takes one byte, not two as in a receipt of a meter. */
static void receipt_that_says_nothing_comes_back_too(void **state)
{
    const gasm_Receipt nothing = gasm_Receipt_init_zero;
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX];
    gasm_Receipt r;
    int n;

    (void)state;
    aid_root_key(0x60, root);
    n = mc_receipt_seal(crypto, root, &nothing, bytes, sizeof bytes);
    assert_in_range(n, 1, 127);
    assert_int_equal(mc_receipt_seal(crypto, root, &nothing, bytes, (size_t)n), n);
    assert_int_equal(mc_receipt_seal(crypto, root, &nothing, bytes, (size_t)n - 1), GF_E_SPACE);
    assert_int_equal(mc_receipt_seal(crypto, root, &nothing, bytes, (size_t)n), n);
    assert_int_equal(mc_receipt_open(crypto, root, span(bytes, (size_t)n), &r), 0);
}

static void receipt_that_cannot_be_written_is_not_sealed(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX];
    gasm_Receipt r = aid_receipt();

    (void)state;
    aid_root_key(0x60, root);
    r.op_id.size = sizeof r.op_id.bytes + 1;
    assert_int_equal(mc_receipt_seal(crypto, root, &r, bytes, sizeof bytes), GF_E_SPACE);
}

static void receipt_is_sealed_as_documented(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX], key[MC_KEY_LEN], mac[32], hash[32], want[32];
    size_t n = sealed_receipt(root, bytes);
    struct gf_span all = span(bytes, n);
    gasm_SealedReceipt s;

    (void)state;
    assert_int_equal(mc_pb_decode_strict(gasm_SealedReceipt_fields, all, &s), 0);
    derive(root, "gasm receipt", span(NULL, 0), key, sizeof key);

    const struct gf_span parts[] = { span("gasm receipt", 12), span(s.body.bytes, s.body.size) };

    assert_int_equal(crypto->hmac(crypto->ctx, key, sizeof key, parts, 2, mac), 0);
    assert_memory_equal(s.mac, mac, MC_RECEIPT_MAC_LEN);
    assert_int_equal(crypto->sha256(crypto->ctx, &all, 1, want), 0);
    assert_int_equal(mc_receipt_hash(crypto, all, hash), 0);
    assert_memory_equal(hash, want, sizeof hash);
}

static void receipt_with_any_flipped_bit_or_cut_is_refused(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX];
    size_t n = sealed_receipt(root, bytes);
    gasm_Receipt r;

    (void)state;
    for (size_t bit = 0; bit < n * 8; bit++) {
        flip(bytes, bit);

        int err = mc_receipt_open(crypto, root, span(bytes, n), &r);

        assert_true(err == GF_E_FORMAT || err == GF_E_CRYPTO);
        (void)mc_receipt_peek(span(bytes, n), &r); /* unverified: anything but harm */
        flip(bytes, bit);
    }
    for (size_t len = 0; len < n; len++)
        assert_true(mc_receipt_open(crypto, root, span(bytes, len), &r) < 0);
    for (size_t bit = 0; bit < sizeof root * 8; bit++) {
        flip(root, bit);
        assert_int_equal(mc_receipt_open(crypto, root, span(bytes, n), &r), GF_E_CRYPTO);
        flip(root, bit);
    }
    assert_int_equal(mc_receipt_open(crypto, root, span(bytes, n), &r), 0);
}

/* What the mac does not cover has one form, or one receipt could have two hashes. */
static void receipt_in_any_other_form_is_refused(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX], other[MC_RECEIPT_MAX + 8];
    size_t n = sealed_receipt(root, bytes), mac_n = 2 + MC_RECEIPT_MAC_LEN;
    gasm_Receipt r;

    (void)state;
    memcpy(other, bytes, n);
    memcpy(other + n, "\x18\x01", 2); /* an unknown field */
    assert_int_equal(mc_receipt_open(crypto, root, span(other, n + 2), &r), GF_E_FORMAT);
    assert_int_equal(mc_receipt_peek(span(other, n + 2), &r), GF_E_FORMAT);

    memcpy(other, bytes + n - mac_n, mac_n); /* the mac before the body */
    memcpy(other + mac_n, bytes, n - mac_n);
    assert_int_equal(mc_receipt_open(crypto, root, span(other, n), &r), GF_E_FORMAT);

    other[0] = bytes[0]; /* the body's length in three bytes */
    other[1] = bytes[1];
    other[2] = bytes[2] | 0x80;
    other[3] = 0;
    memcpy(other + 4, bytes + 3, n - 3);
    assert_int_equal(mc_receipt_open(crypto, root, span(other, n + 1), &r), GF_E_FORMAT);

    assert_int_equal(mc_receipt_open(crypto, root, span(other, 0), &r), GF_E_FORMAT);
    assert_int_equal(mc_receipt_open(crypto, root, span(bytes + n - mac_n, mac_n), &r),
                     GF_E_FORMAT);
}

/* A later meter may add fields to its receipts; an office of today still verifies them. */
static void receipt_with_new_fields_inside_is_read(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX], key[MC_KEY_LEN], mac[32];
    size_t n = sealed_receipt(root, bytes);
    gasm_SealedReceipt s;
    gasm_Receipt r;

    (void)state;
    assert_int_equal(mc_pb_decode_strict(gasm_SealedReceipt_fields, span(bytes, n), &s), 0);
    memcpy(s.body.bytes + s.body.size, "\xA0\x06\x05", 3); /* field 100 */
    s.body.size = (pb_size_t)(s.body.size + 3);
    derive(root, "gasm receipt", span(NULL, 0), key, sizeof key);

    const struct gf_span parts[] = { span("gasm receipt", 12), span(s.body.bytes, s.body.size) };

    assert_int_equal(crypto->hmac(crypto->ctx, key, sizeof key, parts, 2, mac), 0);
    memcpy(s.mac, mac, sizeof s.mac);

    int len = mc_pb_encode(gasm_SealedReceipt_fields, &s, bytes, sizeof bytes);

    assert_true(len > 0);
    assert_int_equal(mc_receipt_open(crypto, root, span(bytes, (size_t)len), &r), 0);
    assert_receipt(&r);
}

static void widest_receipt_fits(void **state)
{
    gasm_Receipt r = aid_receipt(), back;
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX];

    (void)state;
    aid_root_key(0x60, root);
    memset(&r.before, 0xFF, sizeof r.before);
    r.after = r.before;
    r.account_no = r.seq = r.event_seq = r.ticket_serial = UINT64_MAX;
    r.key_epoch = UINT32_MAX;
    r.at_s = -1;

    int n = mc_receipt_seal(crypto, root, &r, bytes, sizeof bytes);

    assert_true(n > 0);
    assert_int_equal(mc_receipt_open(crypto, root, span(bytes, (size_t)n), &back), 0);
    assert_true(back.after.exported_l == UINT64_MAX && back.at_s == -1);
}

/* ---- residual and operation ids ---- */

static void residual_adds_up(void **state)
{
    static const struct {
        gasm_Totals t;
        int64_t left_l;
    } rows[] = {
        { { 0 }, 0 },
        { { .purchased_l = 1000 }, 1000 },
        { { .imported_l = 1000 }, 1000 },
        { { .forgiven_l = 1000 }, 1000 },
        { { .index_l = 70 }, -70 },
        { { .index_l = 70, .opening_index_l = 70 }, 0 },
        { { .index_l = 70, .purged_l = 70 }, 0 },
        { { .index_l = 90, .purged_l = 30, .opening_index_l = 60, .opening_purged_l = 20 }, -20 },
        { { .cleared_l = 5 }, -5 },
        { { .debited_l = 5 }, -5 },
        { { .exported_l = 5 }, -5 },
        { { .index_l = 5321, .purged_l = 41, .opening_index_l = 1200, .opening_purged_l = 11,
            .purchased_l = 4000, .imported_l = 250, .forgiven_l = 10, .debited_l = 60,
            .cleared_l = 100, .exported_l = 9 },
          4000 + 250 + 10 - (5321 - 1200 - 41 + 11) - 100 - 60 - 9 },
        { { .purchased_l = INT64_MAX }, INT64_MAX },
        { { .index_l = (uint64_t)INT64_MAX + 1 }, INT64_MIN },
        { { .index_l = UINT64_MAX, .opening_index_l = UINT64_MAX - 3 }, -3 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(mc_residual_l(&rows[i].t) == rows[i].left_l);
}

static void own_operation_ids_are_as_documented(void **state)
{
    uint8_t id[16], want[32], start[16];
    uint8_t activation[] = "gasm key activated" AID_METER_ID "\x02\x01\0";
    uint8_t purge[] = "gasm purge endABCDEFGHIJKLMNOP";
    struct gf_span in = span(activation, sizeof activation);

    (void)state;
    assert_int_equal(crypto->sha256(crypto->ctx, &in, 1, want), 0);
    assert_int_equal(mc_op_id_activation(crypto, AID_METER_ID, 0x102, id), 0);
    assert_memory_equal(id, want, sizeof id);

    in = span(purge, sizeof purge - 1);
    memcpy(start, "ABCDEFGHIJKLMNOP", sizeof start);
    assert_int_equal(crypto->sha256(crypto->ctx, &in, 1, want), 0);
    assert_int_equal(mc_op_id_purge_end(crypto, start, id), 0);
    assert_memory_equal(id, want, sizeof id);
}

/* The n-th call into the crypto library fails, for every n. */
static void every_failure_of_the_library_is_reported(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX], out[MC_KEY_LEN], start_op[16] = { 0 };
    size_t n = sealed_receipt(root, bytes);
    gasm_Receipt r = aid_receipt();

    (void)state;
    for (int i = 0; i <= 2; i++) {
        const int want = i < 2 ? GF_E_CRYPTO : 0;

        assert_int_equal(mc_receipt_seal(aid_failing_crypto(i), root, &r, bytes, n),
                         want < 0 ? want : (int)n);
        assert_int_equal(mc_receipt_open(aid_failing_crypto(i), root, span(bytes, n), &r), want);
    }
    assert_int_equal(mc_ticket_key(aid_failing_crypto(0), root, span("x", 1), out), GF_E_CRYPTO);
    assert_int_equal(mc_receipt_hash(aid_failing_crypto(0), span(bytes, n), out), GF_E_CRYPTO);
    assert_int_equal(mc_op_id_activation(aid_failing_crypto(0), AID_METER_ID, 1, out),
                     GF_E_CRYPTO);
    assert_int_equal(mc_op_id_purge_end(aid_failing_crypto(0), start_op, out), GF_E_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticket_comes_back_as_it_was),
        cmocka_unit_test(widest_ticket_fits),
        cmocka_unit_test(ticket_in_any_other_form_is_refused),
        cmocka_unit_test(ticket_with_an_unended_subject_is_refused),
        cmocka_unit_test(ticket_key_is_made_from_the_bytes),
        cmocka_unit_test(ticket_prefixes_flips_and_noise_are_judged_safely),
        cmocka_unit_test(receipt_comes_back_as_it_was),
        cmocka_unit_test(receipt_that_says_nothing_comes_back_too),
        cmocka_unit_test(receipt_that_cannot_be_written_is_not_sealed),
        cmocka_unit_test(receipt_is_sealed_as_documented),
        cmocka_unit_test(receipt_with_any_flipped_bit_or_cut_is_refused),
        cmocka_unit_test(receipt_in_any_other_form_is_refused),
        cmocka_unit_test(receipt_with_new_fields_inside_is_read),
        cmocka_unit_test(widest_receipt_fits),
        cmocka_unit_test(residual_adds_up),
        cmocka_unit_test(own_operation_ids_are_as_documented),
        cmocka_unit_test(every_failure_of_the_library_is_reported),
    };

    crypto = mc_crypto_openssl();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
