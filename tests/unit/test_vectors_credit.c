/* test_vectors_credit.c - tests/vectors/token.json: tokens sealed and typed, on each crypto port,
 * for programs in other languages; and the file followed with the primitives alone. GENERATE=1
 * writes it anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/synthetic.h"
#include "meter-core/token.h"
#include "tests/aid/crypto_each.h"
#include "tests/aid/json.h"
#include "tests/aid/linkaid.h"
#include "tests/aid/vectors.h"

#define AD_LEN (10 + GF_METER_ID_LEN + 4)
#define ORDER_ID "order 0000004711"

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){p, n};
}

static const uint8_t *root(void)
{
    static uint8_t key[MC_KEY_LEN];

    aid_root_key(0x41, key);
    return key;
}

static struct mc_token_for ours(void)
{
    return (struct mc_token_for){AID_METER_ID, 1, root()};
}

static gasm_Token sample(void)
{
    gasm_Token t = {.account_no = 1001,
                    .sequence = 4099,
                    .purchased_l = 1250000,
                    .imported_l = 30000,
                    .forgiven_l = 12,
                    .debited_l = 500,
                    .not_after_s = 1826600000};

    t.order_id.size = sizeof t.order_id.bytes;
    memcpy(t.order_id.bytes, ORDER_ID, sizeof t.order_id.bytes);
    return t;
}

/* ---- writing ---- */

static void write_fields(const gasm_Token *t)
{
    aid_json_open("fields", '{');
    aid_json_number("account_no", (int64_t)t->account_no);
    aid_json_number("sequence", (int64_t)t->sequence);
    aid_json_number("purchased_l", (int64_t)t->purchased_l);
    aid_json_number("imported_l", (int64_t)t->imported_l);
    aid_json_number("forgiven_l", (int64_t)t->forgiven_l);
    aid_json_number("debited_l", (int64_t)t->debited_l);
    aid_json_number("not_after_s", t->not_after_s);
    aid_json_hex("order_id", t->order_id.bytes, t->order_id.size);
    aid_json_close('}');
}

static void write_key(const char *name, struct gf_span label, size_t n)
{
    const struct mc_crypto *c = aid_crypto();
    uint8_t key[MC_KEY_LEN];

    assert_int_equal(c->hkdf(c->ctx, root(), MC_KEY_LEN, &label, 1, key, n), 0);
    aid_json_hex(name, key, n);
}

/* Bytes that no meter opens as a token, and what mc_token_open() says of them. */
static void write_refused(const char *why, const char *refusal, struct gf_span bytes, int want)
{
    const struct mc_token_for to = ours();
    gasm_Token got;

    assert_int_equal(mc_token_open(aid_crypto(), &to, bytes, &got), want);
    aid_json_open(NULL, '{');
    aid_json_text("why", why);
    aid_json_text("refusal", refusal);
    aid_json_hex("sealed_token", bytes.p, bytes.n);
    aid_json_close('}');
}

static void write_sealed_refused(const gasm_Token *t, const uint8_t *bytes, size_t n)
{
    uint8_t other[MC_TOKEN_MAX + 2];
    struct mc_token_for to = ours();
    int len;

    aid_json_open("refused", '[');
    memcpy(other, bytes, n);
    other[n - 1] ^= 1;
    write_refused("last bit of the tag", "PROOF", span(other, n), GF_E_CRYPTO);
    memcpy(other, bytes, n);
    memcpy(other + n, "\x28\x01", 2);
    write_refused("unknown field 5", "FORMAT", span(other, n + 2), GF_E_FORMAT);
    write_refused("a byte is missing", "FORMAT", span(bytes, n - 1), GF_E_FORMAT);
    to.epoch = 2;
    len = mc_token_seal(aid_crypto(), &to, t, other, MC_TOKEN_MAX);
    assert_true(len > 0);
    write_refused("another epoch", "KEY_EXPIRED", span(other, (size_t)len), GF_E_MISMATCH);
    to = ours();
    to.meter_id = "GM2400001320";
    len = mc_token_seal(aid_crypto(), &to, t, other, MC_TOKEN_MAX);
    assert_true(len > 0);
    write_refused("another meter", "WRONG_METER", span(other, (size_t)len), GF_E_MISMATCH);
    aid_json_close(']');
}

static void write_sealed(const gasm_Token *t)
{
    const struct mc_token_for to = ours();
    uint8_t bytes[MC_TOKEN_MAX], plain[gasm_Token_size], ad[AD_LEN + 1];
    uint8_t hash[MC_HASH_LEN], op_id[16];
    gasm_SealedToken s;
    int n = mc_pb_encode(gasm_Token_fields, t, plain, sizeof plain);

    assert_true(n > 0);
    (void)snprintf((char *)ad, sizeof ad, "gasm token%s\1", AID_METER_ID);
    memset(ad + AD_LEN - 3, 0, 3);
    aid_json_hex("token", plain, (size_t)n);
    write_key("token_key", MC_LABEL("gasm token"), MC_AEAD_KEY_LEN);
    write_key("nonce_key", MC_LABEL("gasm token nonce"), MC_KEY_LEN);
    aid_json_hex("associated_data", ad, AD_LEN);
    n = mc_token_seal(aid_crypto(), &to, t, bytes, sizeof bytes);
    assert_true(n > 0);
    assert_int_equal(mc_pb_decode(gasm_SealedToken_fields, span(bytes, (size_t)n), &s), 0);
    aid_json_hex("nonce", s.nonce, sizeof s.nonce);
    aid_json_hex("sealed", s.sealed.bytes, s.sealed.size);
    aid_json_hex("sealed_token", bytes, (size_t)n);
    assert_int_equal(mc_token_content(aid_crypto(), t, hash), 0);
    aid_json_hex("content_hash", hash, sizeof hash);
    assert_int_equal(
        mc_op_id_recharge(aid_crypto(), AID_METER_ID, t->account_no, t->sequence, op_id), 0);
    aid_json_hex("recharge_op_id", op_id, sizeof op_id);
    write_sealed_refused(t, bytes, (size_t)n);
}

static void write_digits(const char *why, const char *digits, int want)
{
    struct mc_typed typed;

    assert_int_equal(mc_typed_parse(digits, &typed), want);
    aid_json_open(NULL, '{');
    aid_json_text("why", why);
    aid_json_text("digits", digits);
    aid_json_close('}');
}

static void write_typed(const gasm_Token *t)
{
    static const struct {
        uint64_t last;
        uint16_t low;
    } nearest[] = {{0, 1}, {0, 0}, {4098, 3}, {4099, 3}, {4095, 0}, {8191, 4095}};
    const struct mc_token_for to = ours();
    char digits[MC_TYPED_TEXT];
    struct mc_typed typed;

    assert_int_equal(mc_typed_make(aid_crypto(), &to, t, digits), 0);
    assert_int_equal(mc_typed_parse(digits, &typed), 0);
    aid_json_open("typed", '{');
    write_key("typed_key", MC_LABEL("gasm typed"), MC_KEY_LEN);
    aid_json_number("sequence_low", typed.seq_low);
    aid_json_number("purchased_l", typed.purchased_l);
    aid_json_hex("mac", typed.mac, sizeof typed.mac);
    aid_json_text("digits", digits);
    aid_json_open("refused", '[');
    digits[12] = digits[12] == '9' ? '0' : (char)(digits[12] + 1);
    write_digits("check digit", digits, GF_E_MISMATCH);
    digits[MC_TYPED_DIGITS - 1] = '\0';
    write_digits("24 digits", digits, GF_E_FORMAT);
    write_digits("80 bits", "6044629098073145873530885", GF_E_FORMAT);
    aid_json_close(']');
    aid_json_open("full_sequence", '[');
    for (size_t i = 0; i < sizeof nearest / sizeof nearest[0]; i++) {
        aid_json_open(NULL, '{');
        aid_json_number("last", (int64_t)nearest[i].last);
        aid_json_number("sequence_low", nearest[i].low);
        aid_json_number("sequence",
                        (int64_t)mc_typed_sequence(nearest[i].last, nearest[i].low));
        aid_json_close('}');
    }
    aid_json_close(']');
    aid_json_close('}');
}

static void token_vectors(void **state)
{
    const gasm_Token t = sample();

    (void)state;
    aid_json_begin(
        "sealed = AES-128-CCM(token_key, nonce, associated_data, token); token_key = HKDF(root, "
        "\"gasm token\"), nonce_key = HKDF(root, \"gasm token nonce\"), nonce = first 13 bytes of "
        "HMAC(nonce_key, associated_data | token), associated_data = \"gasm token\" | meter id | "
        "epoch LE32. Numbers: account, sequence, purchased, imported, forgiven, debited, LE64 "
        "each. content_hash = SHA-256(\"gasm token\" | numbers); recharge_op_id = first 16 bytes "
        "of SHA-256(\"gasm recharge\" | meter id | account LE64 | sequence LE64); typed mac = "
        "first 5 bytes of HMAC(typed_key, \"gasm typed\" | meter id | numbers)");
    aid_json_hex("root", root(), MC_KEY_LEN);
    aid_json_text("meter_id", AID_METER_ID);
    aid_json_number("epoch", 1);
    write_fields(&t);
    write_sealed(&t);
    write_typed(&t);
    aid_vectors_settle("token", getenv("GENERATE") != NULL && aid_crypto() == mc_crypto_openssl());
}

/* ---- reading ---- */

static void assert_same(struct gf_span a, struct gf_span b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
}

static uint64_t number(const json_t *j, const char *member)
{
    return (uint64_t)json_integer_value(json_object_get(j, member));
}

/* The six numbers of the file. */
static void put_numbers(const json_t *j, uint8_t ret[static 48])
{
    static const char *const names[] = {"account_no", "sequence",   "purchased_l",
                                        "imported_l", "forgiven_l", "debited_l"};
    struct gf_writer w = {ret, 48, 0, false};

    for (size_t i = 0; i < 6; i++)
        gf_wr_uint(&w, number(json_object_get(j, "fields"), names[i]), 8);
}

static void sealed_can_be_followed_from_the_file(void **state)
{
    const struct mc_crypto *c = aid_crypto();
    json_t *j = aid_vectors_load("token");
    const struct gf_span key_root = aid_vectors_bytes(j, "root");
    const struct gf_span token = aid_vectors_bytes(j, "token"), ad =
        aid_vectors_bytes(j, "associated_data"), nonce = aid_vectors_bytes(j, "nonce");
    const struct gf_span covered[] = {ad, token};
    const struct gf_span labels[] = {MC_LABEL("gasm token"), MC_LABEL("gasm token nonce")};
    uint8_t key[MC_KEY_LEN], mac[MC_HASH_LEN], out[MC_TOKEN_MAX], numbers[48];
    const struct gf_span content[] = {labels[0], {numbers, sizeof numbers}};
    const struct gf_span op[] = {MC_LABEL("gasm recharge"), MC_LABEL(AID_METER_ID), {numbers, 16}};

    (void)state;
    assert_int_equal(c->hkdf(c->ctx, key_root.p, 32, &labels[1], 1, key, 32), 0);
    assert_same(span(key, 32), aid_vectors_bytes(j, "nonce_key"));
    assert_int_equal(c->hmac(c->ctx, key, 32, covered, 2, mac), 0);
    assert_same(span(mac, MC_NONCE_LEN), nonce);
    assert_int_equal(c->hkdf(c->ctx, key_root.p, 32, &labels[0], 1, key, 16), 0);
    assert_same(span(key, 16), aid_vectors_bytes(j, "token_key"));
    assert_int_equal(c->seal(c->ctx, key, nonce.p, ad, token, out), 0);
    assert_same(span(out, token.n + MC_AEAD_TAG_LEN), aid_vectors_bytes(j, "sealed"));
    put_numbers(j, numbers);
    assert_int_equal(c->sha256(c->ctx, content, 2, mac), 0);
    assert_same(span(mac, MC_HASH_LEN), aid_vectors_bytes(j, "content_hash"));
    assert_int_equal(c->sha256(c->ctx, op, 3, mac), 0);
    assert_same(span(mac, 16), aid_vectors_bytes(j, "recharge_op_id"));
    json_decref(j);
}

/* Digits of the file back to bits, by school arithmetic. */
static void digits_to_bits(const char *digits, uint8_t ret[static 10])
{
    memset(ret, 0, 10);
    for (size_t i = 0; i < 24; i++) {
        unsigned carry = (unsigned)(digits[i] - '0');

        for (size_t k = 10; k-- > 0;) {
            carry += ret[k] * 10u;
            ret[k] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(carry, 0);
    }
}

static void typed_can_be_followed_from_the_file(void **state)
{
    const struct mc_crypto *c = aid_crypto();
    json_t *j = aid_vectors_load("token");
    const json_t *typed = json_object_get(j, "typed");
    const struct gf_span key_root = aid_vectors_bytes(j, "root"), label = MC_LABEL("gasm typed");
    uint8_t key[MC_KEY_LEN], mac[MC_HASH_LEN], numbers[48], bits[10];
    const struct gf_span covered[] = {label, MC_LABEL(AID_METER_ID), {numbers, sizeof numbers}};
    uint64_t top = 0;

    (void)state;
    put_numbers(j, numbers);
    assert_int_equal(c->hkdf(c->ctx, key_root.p, 32, &label, 1, key, 32), 0);
    assert_same(span(key, 32), aid_vectors_bytes(typed, "typed_key"));
    assert_int_equal(c->hmac(c->ctx, key, 32, covered, 3, mac), 0);
    assert_same(span(mac, MC_TYPED_MAC_LEN), aid_vectors_bytes(typed, "mac"));
    digits_to_bits(json_string_value(json_object_get(typed, "digits")), bits);
    assert_memory_equal(bits + 5, mac, MC_TYPED_MAC_LEN);
    for (size_t i = 0; i < 5; i++)
        top = top << 8 | bits[i];
    assert_int_equal(top, number(typed, "sequence_low") << 27 | number(typed, "purchased_l"));
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AID_WITH_EACH_CRYPTO(token_vectors),
        AID_WITH_EACH_CRYPTO(sealed_can_be_followed_from_the_file),
        AID_WITH_EACH_CRYPTO(typed_can_be_followed_from_the_file),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
