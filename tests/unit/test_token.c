/* test_token.c - sealed tokens on each crypto port: what opens, and that nothing else does. */
#include "meter-core/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/synthetic.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/crypto_each.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){p, n};
}

static size_t seal(const gasm_Token *t, uint8_t ret[static MC_TOKEN_MAX])
{
    const struct mc_token_for to = aid_token_for();
    int n = mc_token_seal(aid_crypto(), &to, t, ret, MC_TOKEN_MAX);

    assert_true(n > 0);
    return (size_t)n;
}

static int open_ours(const uint8_t *p, size_t n, gasm_Token *ret)
{
    const struct mc_token_for to = aid_token_for();

    return mc_token_open(aid_crypto(), &to, span(p, n), ret);
}

static void assert_same(const gasm_Token *a, const gasm_Token *b)
{
    assert_true(a->account_no == b->account_no && a->sequence == b->sequence);
    assert_true(a->purchased_l == b->purchased_l && a->imported_l == b->imported_l);
    assert_true(a->forgiven_l == b->forgiven_l && a->debited_l == b->debited_l);
    assert_true(a->not_after_s == b->not_after_s);
    assert_int_equal(a->order_id.size, b->order_id.size);
    assert_memory_equal(a->order_id.bytes, b->order_id.bytes, a->order_id.size);
}

static const uint64_t edges[] = {0, 1, 127, 128, UINT32_MAX, MC_CEILING_MAX_L, INT64_MAX,
                                 UINT64_MAX};

/* ---- sealed ---- */

static void check_round(const gasm_Token *t)
{
    uint8_t a[MC_TOKEN_MAX], b[MC_TOKEN_MAX];
    size_t n = seal(t, a);
    gasm_Token got;

    assert_int_equal(seal(t, b), n);
    assert_memory_equal(a, b, n);
    memset(&got, 0x5A, sizeof got);
    assert_int_equal(open_ours(a, n, &got), 0);
    assert_same(t, &got);
}

static void what_is_sealed_opens(void **state)
{
    static const int64_t ends[] = {0, 1, -1, 1795000000, INT64_MAX, INT64_MIN};
    gasm_Token t;

    (void)state;
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < COUNT(edges); k++) {
            t = aid_token(3, 40000);
            *aid_token_number(&t, i) = edges[k];
            check_round(&t);
        }
    for (size_t k = 0; k < COUNT(ends); k++) {
        t.not_after_s = ends[k];
        t.order_id.size = 0;
        check_round(&t);
    }
    t = (gasm_Token)gasm_Token_init_zero;
    check_round(&t);
    t = aid_token(UINT64_MAX, UINT64_MAX);
    t.account_no = t.imported_l = t.forgiven_l = t.debited_l = UINT64_MAX;
    t.not_after_s = -1;
    check_round(&t);            /* the longest there is */
}

static void any_other_bytes_are_refused(void **state)
{
    gasm_Token t = aid_token(7, 123456), got = aid_token(1, 1);
    const gasm_Token before = got;
    uint8_t bytes[MC_TOKEN_MAX + 1];
    size_t n = seal(&t, bytes);

    (void)state;
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(open_ours(bytes, n, &got) < 0);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < n; len++)
        assert_int_equal(open_ours(bytes, len, &got), GF_E_FORMAT);
    for (unsigned more = 0; more < 256; more++) {
        bytes[n] = (uint8_t)more;
        assert_int_equal(open_ours(bytes, n + 1, &got), GF_E_FORMAT);
    }
    assert_same(&before, &got);
    assert_int_equal(open_ours(bytes, n, &got), 0);
}

static void another_meter_epoch_or_key_does_not_open_it(void **state)
{
    gasm_Token t = aid_token(7, 123456), got;
    uint8_t bytes[MC_TOKEN_MAX], key[MC_KEY_LEN];
    size_t n = seal(&t, bytes);
    struct mc_token_for to = aid_token_for();

    (void)state;
    to.meter_id = "GM2400001320";
    assert_int_equal(mc_token_open(aid_crypto(), &to, span(bytes, n), &got), GF_E_MISMATCH);
    to = aid_token_for();
    to.epoch = 2;
    assert_int_equal(mc_token_open(aid_crypto(), &to, span(bytes, n), &got), GF_E_MISMATCH);
    to = aid_token_for();
    aid_world_root(2, key);
    to.root = key;
    assert_int_equal(mc_token_open(aid_crypto(), &to, span(bytes, n), &got), GF_E_CRYPTO);
}

/* Meter and epoch are under the tag too, not only compared. */
static void meter_and_epoch_are_authenticated(void **state)
{
    gasm_Token t = aid_token(7, 123456), got;
    uint8_t bytes[MC_TOKEN_MAX];
    gasm_SealedToken s;
    struct mc_token_for to = aid_token_for();
    int n;

    (void)state;
    n = (int)seal(&t, bytes);
    assert_int_equal(mc_pb_decode(gasm_SealedToken_fields, span(bytes, (size_t)n), &s), 0);
    s.epoch = to.epoch = 2;
    n = mc_pb_encode(gasm_SealedToken_fields, &s, bytes, sizeof bytes);
    assert_int_equal(mc_token_open(aid_crypto(), &to, span(bytes, (size_t)n), &got), GF_E_CRYPTO);
    s.epoch = to.epoch = 1;
    to.meter_id = "GM2400001320";
    memcpy(s.meter_id, to.meter_id, sizeof s.meter_id);
    n = mc_pb_encode(gasm_SealedToken_fields, &s, bytes, sizeof bytes);
    assert_int_equal(mc_token_open(aid_crypto(), &to, span(bytes, (size_t)n), &got), GF_E_CRYPTO);
}

/* Seal these bytes as if they were a Token. */
static size_t seal_raw(struct gf_span plain, uint8_t ret[static MC_TOKEN_MAX])
{
    uint8_t ad[10 + GF_METER_ID_LEN + 4] = "gasm token" AID_METER_ID "\1\0\0";
    const struct mc_synthetic how = {.root = aid_token_for().root,
                                     .label = MC_LABEL("gasm token"),
                                     .nonce_label = MC_LABEL("gasm token nonce"),
                                     .ad = {ad, sizeof ad}};
    gasm_SealedToken s = {.meter_id = "", .epoch = 1};
    int n;

    memcpy(s.meter_id, AID_METER_ID, sizeof s.meter_id);
    assert_int_equal(mc_synthetic_seal(aid_crypto(), &how, plain, s.nonce, s.sealed.bytes), 0);
    s.sealed.size = (pb_size_t)(plain.n + MC_AEAD_TAG_LEN);
    n = mc_pb_encode(gasm_SealedToken_fields, &s, ret, MC_TOKEN_MAX);
    assert_true(n > 0);
    return (size_t)n;
}

static void the_token_inside_has_one_form(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        int want;
    } cases[] = {
        {"\x08\x01\x10\x02", 4, 0},                 /* account 1, sequence 2 */
        {"", 0, 0},                                 /* a token of zeroes */
        {"\x10\x02\x08\x01", 4, GF_E_FORMAT},       /* out of order */
        {"\x08\x01\x08\x01", 4, GF_E_FORMAT},       /* twice */
        {"\x08\x00", 2, GF_E_FORMAT},               /* a zero that is written */
        {"\x08\x81\x00", 3, GF_E_FORMAT},           /* longer than it needs */
        {"\x08\x01\x48\x01", 4, GF_E_FORMAT},       /* unknown field 9 */
        {"\x08", 1, GF_E_FORMAT},
        {"\x42\x05order", 7, GF_E_FORMAT},          /* an order id of 5 bytes */
        {"\x42\x10sixteen bytes id", 18, 0},
    };
    uint8_t bytes[MC_TOKEN_MAX];
    gasm_Token got;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t n = seal_raw(span(cases[i].bytes, cases[i].n), bytes);

        assert_int_equal(open_ours(bytes, n, &got), cases[i].want);
    }
}

static void peek_reads_without_a_key(void **state)
{
    gasm_Token t = aid_token(7, 123456);
    uint8_t bytes[MC_TOKEN_MAX];
    size_t n = seal(&t, bytes);
    char meter_id[GF_METER_ID_TEXT];
    uint32_t epoch = 0;
    gasm_SealedToken s;

    (void)state;
    assert_int_equal(mc_token_peek(span(bytes, n), meter_id, &epoch), 0);
    assert_string_equal(meter_id, AID_METER_ID);
    assert_int_equal(epoch, 1);
    assert_int_equal(mc_pb_decode(gasm_SealedToken_fields, span(bytes, n), &s), 0);
    for (size_t len = 0; len < n; len++) {
        /* One prefix is a message: that without `sealed`. */
        bool whole = len == n - s.sealed.size - 2;

        assert_int_equal(mc_token_peek(span(bytes, len), meter_id, &epoch),
                         whole ? 0 : GF_E_FORMAT);
    }
}

static void too_little_room_is_said(void **state)
{
    const struct mc_token_for to = aid_token_for();
    gasm_Token t = aid_token(7, 123456);
    uint8_t bytes[MC_TOKEN_MAX];
    size_t n = seal(&t, bytes);

    (void)state;
    for (size_t cap = 0; cap < n; cap++)
        assert_int_equal(mc_token_seal(aid_crypto(), &to, &t, bytes, cap), GF_E_SPACE);
    assert_int_equal(mc_token_seal(aid_crypto(), &to, &t, bytes, n), (int)n);
    t.order_id.size = sizeof t.order_id.bytes + 1;
    assert_int_equal(mc_token_seal(aid_crypto(), &to, &t, bytes, sizeof bytes), GF_E_SPACE);
}

/* Each call of the library fails once. */
static void a_failing_library_is_said(void **state)
{
    const struct mc_token_for to = aid_token_for();
    gasm_Token t = aid_token(7, 1234), got = aid_token(1, 1);
    const gasm_Token before = got;
    uint8_t bytes[MC_TOKEN_MAX], op_id[16], hash[MC_HASH_LEN];
    char digits[MC_TYPED_TEXT];
    struct mc_typed typed;
    size_t n = seal(&t, bytes);

    (void)state;
    for (int calls = 0; calls < 4; calls++)
        assert_int_equal(mc_token_seal(aid_failing_crypto(calls), &to, &t, bytes, sizeof bytes),
                         GF_E_CRYPTO);
    for (int calls = 0; calls < 2; calls++) {
        assert_int_equal(mc_token_open(aid_failing_crypto(calls), &to, span(bytes, n), &got),
                         GF_E_CRYPTO);
        assert_int_equal(mc_typed_make(aid_failing_crypto(calls), &to, &t, digits), GF_E_CRYPTO);
    }
    assert_same(&before, &got);
    assert_int_equal(mc_typed_make(aid_crypto(), &to, &t, digits), 0);
    assert_int_equal(mc_typed_parse(digits, &typed), 0);
    for (int calls = 0; calls < 2; calls++)
        assert_int_equal(mc_typed_verify(aid_failing_crypto(calls), &to, &typed, &t), GF_E_CRYPTO);
    assert_int_equal(mc_token_content(aid_failing_crypto(0), &t, hash), GF_E_CRYPTO);
    assert_int_equal(mc_op_id_recharge(aid_failing_crypto(0), AID_METER_ID, 1, 1, op_id),
                     GF_E_CRYPTO);
}

/* ---- what a token means ---- */

static void content_is_the_six_numbers(void **state)
{
    gasm_Token t = aid_token(0x0102030405060708, 0x1112131415161718), other;
    uint8_t le[48], want[MC_HASH_LEN], got[MC_HASH_LEN];
    struct gf_writer w = {le, sizeof le, 0, false};
    const struct gf_span parts[] = {MC_LABEL("gasm token"), {le, sizeof le}};

    (void)state;
    t.imported_l = 3;
    t.forgiven_l = 4;
    t.debited_l = 5;
    for (size_t i = 0; i < 6; i++)
        gf_wr_uint(&w, *aid_token_number(&t, i), 8);
    assert_int_equal(aid_crypto()->sha256(aid_crypto()->ctx, parts, 2, want), 0);
    assert_int_equal(mc_token_content(aid_crypto(), &t, got), 0);
    assert_memory_equal(got, want, sizeof want);
    other = t;
    other.not_after_s = 1;
    other.order_id.size = 0;
    assert_int_equal(mc_token_content(aid_crypto(), &other, got), 0);
    assert_memory_equal(got, want, sizeof want);
    for (size_t bit = 0; bit < 6 * 64; bit++) {
        other = t;
        *aid_token_number(&other, bit / 64) ^= UINT64_C(1) << bit % 64;
        assert_int_equal(mc_token_content(aid_crypto(), &other, got), 0);
        assert_memory_not_equal(got, want, sizeof want);
    }
}

static void operation_id_is_of_meter_account_and_sequence(void **state)
{
    static const struct {
        const char *meter_id;
        uint64_t account_no, sequence;
    } all[] = {{AID_METER_ID, 1, 2},
               {AID_METER_ID, 2, 1},
               {AID_METER_ID, 1, 2 + (UINT64_C(1) << 56)},
               {"GM2400001320", 1, 2}};
    uint8_t id[COUNT(all)][16];
    uint8_t parts[16] = {1, [8] = 2}, hash[MC_HASH_LEN];
    const struct gf_span in[] = {MC_LABEL("gasm recharge"), MC_LABEL(AID_METER_ID), {parts, 16}};

    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_int_equal(mc_op_id_recharge(aid_crypto(), all[i].meter_id, all[i].account_no,
                                           all[i].sequence, id[i]),
                         0);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(id[i], id[k], 16);
    }
    assert_int_equal(aid_crypto()->sha256(aid_crypto()->ctx, in, 3, hash), 0);
    assert_memory_equal(id[0], hash, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AID_WITH_EACH_CRYPTO(what_is_sealed_opens),
        AID_WITH_EACH_CRYPTO(any_other_bytes_are_refused),
        AID_WITH_EACH_CRYPTO(another_meter_epoch_or_key_does_not_open_it),
        AID_WITH_EACH_CRYPTO(meter_and_epoch_are_authenticated),
        AID_WITH_EACH_CRYPTO(the_token_inside_has_one_form),
        AID_WITH_EACH_CRYPTO(peek_reads_without_a_key),
        AID_WITH_EACH_CRYPTO(too_little_room_is_said),
        cmocka_unit_test(a_failing_library_is_said),
        AID_WITH_EACH_CRYPTO(content_is_the_six_numbers),
        AID_WITH_EACH_CRYPTO(operation_id_is_of_meter_account_and_sequence),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
