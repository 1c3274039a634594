/* test_token_typed.c - typed tokens on each crypto port: what the 25 digits carry, and that no other
 * digits are taken. */
#include "meter-core/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/credit_aid.h"
#include "tests/aid/crypto_each.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Digits as token.h writes them, by other means: two decimal halves of a wide number. */
__extension__ typedef unsigned __int128 wide;

static char model_check(const char *digits, size_t n)
{
    unsigned p = 10;

    for (size_t i = 0; i < n; i++) {
        p += (unsigned)(digits[i] - '0');
        p = p % 10 == 0 ? 10 : p % 10;
        p = 2 * p % 11;
    }
    for (char c = '0'; c < '9'; c++)
        if ((p + (unsigned)(c - '0')) % 10 == 1)
            return c;
    return '9';
}

static void model_digits(wide v, char ret[static MC_TYPED_TEXT])
{
    const wide half = 1000000000000;

    (void)snprintf(ret, 25, "%012llu%012llu", (unsigned long long)(v / half),
                   (unsigned long long)(v % half));
    ret[24] = model_check(ret, 24);
    ret[25] = '\0';
}

static wide model_value(const struct mc_typed *t)
{
    wide v = (wide)t->seq_low << 27 | t->purchased_l;

    for (size_t i = 0; i < sizeof t->mac; i++)
        v = v << 8 | t->mac[i];
    return v;
}

/* What the meter makes of typed digits: a token with full sequence `seq`. */
static int enter(const char *digits, const gasm_Token *held, uint64_t seq)
{
    const struct mc_token_for to = aid_token_for();
    gasm_Token t = *held;
    struct mc_typed typed;
    int rc = mc_typed_parse(digits, &typed);

    if (rc != 0)
        return rc;
    t.purchased_l = typed.purchased_l;
    t.sequence = mc_typed_sequence(seq, typed.seq_low);
    return mc_typed_verify(aid_crypto(), &to, &typed, &t);
}

static void make(const gasm_Token *t, char ret[static MC_TYPED_TEXT])
{
    const struct mc_token_for to = aid_token_for();

    assert_int_equal(mc_typed_make(aid_crypto(), &to, t, ret), 0);
    assert_int_equal(strlen(ret), MC_TYPED_DIGITS);
}

static void the_published_check_digit(void **state)
{
    (void)state;
    assert_int_equal(model_check("0794", 4), '5');      /* the example of ISO/IEC 7064 */
}

static void typed_digits_read_back(void **state)
{
    static const uint64_t sold[] = {0, 1, 9, 255, 256, 65535, 65536, 16777215, 16777216,
                                    (1 << 27) - 1};
    char digits[MC_TYPED_TEXT], want[MC_TYPED_TEXT];
    struct mc_typed typed;

    (void)state;
    for (size_t i = 0; i < COUNT(sold); i++)
        for (uint64_t seq = 1; seq < (1 << 20); seq = seq * 3 + 1) {
            gasm_Token t = aid_token(seq, sold[i]);

            make(&t, digits);
            assert_int_equal(mc_typed_parse(digits, &typed), 0);
            assert_int_equal(typed.purchased_l, sold[i]);
            assert_int_equal(typed.seq_low, seq % 4096);
            model_digits(model_value(&typed), want);
            assert_string_equal(digits, want);
            assert_int_equal(enter(digits, &t, seq - 1), 0);
        }
}

static void typed_numbers_have_79_bits(void **state)
{
    const struct mc_token_for to = aid_token_for();
    gasm_Token t = aid_token(1, UINT64_C(1) << 27);
    const wide end = (wide)1 << 79;
    char digits[MC_TYPED_TEXT];
    struct mc_typed typed;

    (void)state;
    assert_int_equal(mc_typed_make(aid_crypto(), &to, &t, digits), GF_E_RANGE);
    t.purchased_l = UINT64_MAX;
    assert_int_equal(mc_typed_make(aid_crypto(), &to, &t, digits), GF_E_RANGE);
    for (int bit = 0; bit < 80; bit++)
        for (int less = 0; less < 2; less++) {
            wide v = ((wide)1 << bit) - (unsigned)less;

            model_digits(v, digits);
            assert_int_equal(mc_typed_parse(digits, &typed), v < end ? 0 : GF_E_FORMAT);
            if (v < end)
                assert_true(model_value(&typed) == v);
        }
    model_digits((wide)1000000000000 * 1000000000000 - 1, digits);
    assert_int_equal(mc_typed_parse(digits, &typed), GF_E_FORMAT);
    assert_int_equal(mc_typed_parse("0000000000000000000000000", &typed), GF_E_MISMATCH);
    model_digits(0, digits);
    assert_int_equal(mc_typed_parse(digits, &typed), 0);
    assert_true(model_value(&typed) == 0);
}

static void every_wrong_digit_and_transposition_is_caught(void **state)
{
    char digits[MC_TYPED_TEXT];
    unsigned by_check = 0, by_mac = 0;

    (void)state;
    for (uint64_t seq = 1; seq <= 120; seq++) {
        gasm_Token t = aid_token(seq * 37, seq * 1111);

        make(&t, digits);
        for (size_t i = 0; i < MC_TYPED_DIGITS; i++) {
            const char was = digits[i];

            for (char c = '0'; c <= '9'; c++) {
                digits[i] = c;
                assert_int_equal(enter(digits, &t, t.sequence - 1), c == was ? 0 : GF_E_MISMATCH);
            }
            digits[i] = was;
        }
        for (size_t i = 0; i + 1 < MC_TYPED_DIGITS; i++) {
            const char a = digits[i], b = digits[i + 1];
            struct mc_typed typed;
            int parsed;

            digits[i] = b;
            digits[i + 1] = a;
            parsed = mc_typed_parse(digits, &typed);
            assert_true(a == b || enter(digits, &t, t.sequence - 1) != 0);
            by_check += a != b && parsed == GF_E_MISMATCH;
            by_mac += a != b && parsed != GF_E_MISMATCH;
            digits[i] = a;
            digits[i + 1] = b;
        }
    }
    print_message("# transpositions: %u by the check digit, %u by the mac\n", by_check, by_mac);
    assert_true(by_check > 30 * by_mac);
}

/* One wrong digit never needs the key. */
static void the_check_digit_alone_catches_a_wrong_digit(void **state)
{
    gasm_Token t = aid_token(77, 4711);
    char digits[MC_TYPED_TEXT];
    struct mc_typed typed;

    (void)state;
    make(&t, digits);
    for (size_t i = 0; i < MC_TYPED_DIGITS; i++) {
        const char was = digits[i];

        for (char c = '0'; c <= '9'; c++) {
            digits[i] = c;
            assert_int_equal(mc_typed_parse(digits, &typed), c == was ? 0 : GF_E_MISMATCH);
        }
        digits[i] = was;
    }
}

static void typed_text_takes_spaces_and_hyphens(void **state)
{
    gasm_Token t = aid_token(77, 4711);
    char digits[MC_TYPED_TEXT], text[64];
    struct mc_typed typed;

    (void)state;
    make(&t, digits);
    (void)snprintf(text, sizeof text, " %.5s-%.5s %.5s--%.5s  %.5s ", digits, digits + 5,
                   digits + 10, digits + 15, digits + 20);
    assert_int_equal(mc_typed_parse(text, &typed), 0);
    assert_int_equal(typed.purchased_l, 4711);
    for (size_t n = 0; n < MC_TYPED_DIGITS; n++) {
        (void)snprintf(text, sizeof text, "%.*s", (int)n, digits);
        assert_int_equal(mc_typed_parse(text, &typed), GF_E_FORMAT);
    }
    (void)snprintf(text, sizeof text, "%s0", digits);
    assert_int_equal(mc_typed_parse(text, &typed), GF_E_FORMAT);
    for (int c = 1; c < 256; c++)
        for (size_t i = 0; i < MC_TYPED_DIGITS; i++) {
            if ((c >= '0' && c <= '9') || c == ' ' || c == '-')
                continue;
            (void)snprintf(text, sizeof text, "%s", digits);
            text[i] = (char)c;
            assert_int_equal(mc_typed_parse(text, &typed), GF_E_FORMAT);
        }
}

/* Whatever the mac covers, and does not travel, has to be the same. */
static void typed_mac_covers_everything(void **state)
{
    gasm_Token t = aid_token(5000, 4711), other;
    struct mc_token_for to = aid_token_for();
    char digits[MC_TYPED_TEXT];
    uint8_t key[MC_KEY_LEN];
    struct mc_typed typed;

    (void)state;
    t.imported_l = 10;
    t.forgiven_l = 20;
    t.debited_l = 30;
    make(&t, digits);
    assert_int_equal(mc_typed_parse(digits, &typed), 0);
    for (size_t bit = 0; bit < 6 * 64; bit++) {
        other = t;
        *aid_token_number(&other, bit / 64) ^= UINT64_C(1) << bit % 64;
        assert_int_equal(mc_typed_verify(aid_crypto(), &to, &typed, &other), GF_E_MISMATCH);
    }
    for (size_t bit = 0; bit < 40; bit++) {
        typed.mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(mc_typed_verify(aid_crypto(), &to, &typed, &t), GF_E_MISMATCH);
        typed.mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    other = t;
    other.not_after_s = 5;
    other.order_id.size = 0;
    assert_int_equal(mc_typed_verify(aid_crypto(), &to, &typed, &other), 0);
    to.meter_id = "GM2400001320";
    assert_int_equal(mc_typed_verify(aid_crypto(), &to, &typed, &t), GF_E_MISMATCH);
    to = aid_token_for();
    aid_world_root(2, key);
    to.root = key;
    assert_int_equal(mc_typed_verify(aid_crypto(), &to, &typed, &t), GF_E_MISMATCH);
}

static void sequences_are_the_nearest_above(void **state)
{
    static const uint64_t lasts[] = {0,    1,    2,    4094,  4095,          4096,
                                     4097, 8191, 8192, 123456789, UINT64_C(1) << 40};

    (void)state;
    for (size_t i = 0; i < COUNT(lasts); i++)
        for (uint16_t low = 0; low < 4096; low++) {
            uint64_t seq = mc_typed_sequence(lasts[i], low);

            assert_true(seq > lasts[i] && seq <= lasts[i] + 4096);
            assert_int_equal(seq % 4096, low);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_check_digit),
        AID_WITH_EACH_CRYPTO(typed_digits_read_back),
        AID_WITH_EACH_CRYPTO(typed_numbers_have_79_bits),
        AID_WITH_EACH_CRYPTO(every_wrong_digit_and_transposition_is_caught),
        cmocka_unit_test(the_check_digit_alone_catches_a_wrong_digit),
        cmocka_unit_test(typed_text_takes_spaces_and_hyphens),
        AID_WITH_EACH_CRYPTO(typed_mac_covers_everything),
        cmocka_unit_test(sequences_are_the_nearest_above),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
