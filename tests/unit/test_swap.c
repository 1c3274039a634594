/* test_swap.c - terms, K_swap and certificates on each crypto port: what opens, and that nothing
 * else does. */
#include "meter-core/swap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "tests/aid/crypto_each.h"
#include "tests/aid/swap_aid.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){p, n};
}

static void flip(uint8_t *p, size_t bit)
{
    p[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* HKDF(key, label | more) by the port: what the header says a key is. */
static void derive(const uint8_t *key, const char *label, struct gf_span more,
                   uint8_t ret[static MC_KEY_LEN])
{
    const struct gf_span info[] = {span(label, strlen(label)), more};

    assert_int_equal(
        aid_crypto()->hkdf(aid_crypto()->ctx, key, MC_KEY_LEN, info, 2, ret, MC_KEY_LEN), 0);
}

static struct aid_swap sample(void)
{
    struct aid_swap s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 7, 5000);

    aid_swap_certify(&s, 1234);
    return s;
}

static const uint8_t *old_root(void)
{
    static uint8_t key[MC_KEY_LEN];

    aid_meter_root(AID_METER_ID, 1, key);
    return key;
}

/* ---- terms ---- */

static void terms_come_back_as_they_were(void **state)
{
    struct aid_swap s = sample();
    uint8_t bytes[MC_TERMS_MAX];
    gasm_SwapTerms got;

    (void)state;
    assert_int_equal(mc_terms_decode(aid_swap_terms(&s), &got), 0);
    assert_memory_equal(got.swap_case, s.terms.swap_case, MC_CASE_LEN);
    assert_memory_equal(got.old_meter_id, AID_METER_ID, GF_METER_ID_LEN);
    assert_memory_equal(got.new_meter_id, AID_OTHER_ID, GF_METER_ID_LEN);
    assert_int_equal(got.cap_l, 5000);
    assert_int_equal(got.not_after_s, s.terms.not_after_s);
    for (size_t cap = 0; cap < s.n; cap++)
        assert_int_equal(mc_terms_encode(&s.terms, bytes, cap), GF_E_SPACE);
    got.cap_l = UINT64_MAX;
    got.not_after_s = INT64_MIN;
    assert_true(mc_terms_encode(&got, bytes, sizeof bytes) > 0);
}

static void only_whole_terms_are_terms(void **state)
{
    struct aid_swap s = sample();
    uint8_t bytes[MC_TERMS_MAX + 2];
    gasm_SwapTerms got, again;

    (void)state;
    /* Without their last member, or last two, they are terms without a limit. */
    for (size_t n = 0, whole = 0; n < s.n; n++) {
        whole += mc_terms_decode(span(s.bytes, n), &got) == 0;
        assert_true(whole <= 2);
    }
    memcpy(bytes, s.bytes, s.n);
    memcpy(bytes + s.n, "\x30\x01", 2);
    assert_int_equal(mc_terms_decode(span(bytes, s.n + 2), &got), GF_E_FORMAT);
    /* One bit makes others of them, or none. */
    for (size_t bit = 0; bit < 8 * s.n; bit++) {
        memcpy(bytes, s.bytes, s.n);
        flip(bytes, bit);
        if (mc_terms_decode(span(bytes, s.n), &got) == 0) {
            assert_int_equal(mc_terms_decode(aid_swap_terms(&s), &again), 0);
            assert_memory_not_equal(&got, &again, sizeof got);
        }
    }
    memcpy(s.terms.new_meter_id, AID_METER_ID, GF_METER_ID_LEN);
    aid_swap_settle(&s);
    assert_int_equal(mc_terms_decode(aid_swap_terms(&s), &got), GF_E_FORMAT);
}

/* ---- K_swap ---- */

static void swap_key_is_of_root_and_every_bit_of_the_terms(void **state)
{
    struct aid_swap s = sample();
    uint8_t root[MC_KEY_LEN], want[MC_KEY_LEN], key[MC_KEY_LEN];

    (void)state;
    aid_meter_root(AID_OTHER_ID, 1, root);
    derive(root, "gasm swap", aid_swap_terms(&s), want);
    assert_int_equal(mc_swap_key(aid_crypto(), root, aid_swap_terms(&s), key), 0);
    assert_memory_equal(key, want, sizeof key);
    for (size_t bit = 0; bit < 8 * s.n; bit++) {
        flip(s.bytes, bit);
        assert_int_equal(mc_swap_key(aid_crypto(), root, aid_swap_terms(&s), key), 0);
        assert_memory_not_equal(key, want, sizeof key);
        flip(s.bytes, bit);
    }
    for (size_t bit = 0; bit < 8 * MC_KEY_LEN; bit++) {
        flip(root, bit);
        assert_int_equal(mc_swap_key(aid_crypto(), root, aid_swap_terms(&s), key), 0);
        assert_memory_not_equal(key, want, sizeof key);
        flip(root, bit);
    }
}

struct sealed_key {
    struct aid_swap swap;
    struct mc_wrap wrap;
    uint8_t key[MC_KEY_LEN], bytes[MC_SWAP_KEY_MAX];
    size_t n;
};

static struct sealed_key sealed_key(void)
{
    struct sealed_key k = {.swap = sample(),
                           .wrap = {.meter_id = AID_METER_ID,
                                    .epoch = 9,
                                    .wrap_epoch = 1,
                                    .wrap_root = old_root()}};
    int n;

    aid_swap_key(&k.swap, k.key);
    n = mc_swap_key_seal(aid_crypto(), &k.wrap, aid_swap_terms(&k.swap), k.key, k.bytes,
                         sizeof k.bytes);
    assert_true(n > 0);
    k.n = (size_t)n;
    return k;
}

/* Open it: the error, after which the output is as it was. */
static int open_key(const struct sealed_key *k)
{
    uint8_t got[MC_KEY_LEN], was[MC_KEY_LEN];
    int rc;

    memset(was, 0xEE, sizeof was);
    memcpy(got, was, sizeof got);
    rc = mc_swap_key_open(aid_crypto(), &k->wrap, aid_swap_terms(&k->swap), span(k->bytes, k->n),
                          got);
    assert_memory_equal(got, rc == 0 ? k->key : was, sizeof got);
    return rc;
}

static void swap_key_opens_for_its_meter_alone(void **state)
{
    struct sealed_key k = sealed_key(), again = sealed_key();
    uint8_t bytes[MC_SWAP_KEY_MAX], root[MC_KEY_LEN];

    (void)state;
    assert_int_equal(open_key(&k), 0);
    assert_int_equal(again.n, k.n);
    assert_memory_equal(again.bytes, k.bytes, k.n);
    for (size_t cap = 0; cap < k.n; cap++)
        assert_int_equal(mc_swap_key_seal(aid_crypto(), &k.wrap, aid_swap_terms(&k.swap), k.key,
                                          bytes, cap),
                         GF_E_SPACE);
    k.wrap.meter_id = AID_THIRD_ID;
    assert_int_equal(open_key(&k), GF_E_MISMATCH);
    k.wrap.meter_id = AID_METER_ID;
    k.wrap.wrap_epoch = 2;
    assert_int_equal(open_key(&k), GF_E_MISMATCH);
    k.wrap.wrap_epoch = 1;
    for (size_t bit = 0; bit < 8 * MC_KEY_LEN; bit++) {
        memcpy(root, old_root(), sizeof root);
        flip(root, bit);
        k.wrap.wrap_root = root;
        assert_int_equal(open_key(&k), GF_E_CRYPTO);
    }
}

static void every_bit_of_a_swap_key_counts(void **state)
{
    struct sealed_key k = sealed_key();

    (void)state;
    for (size_t bit = 0; bit < 8 * k.n; bit++) {
        flip(k.bytes, bit);
        assert_true(open_key(&k) < 0);
        flip(k.bytes, bit);
    }
    while (k.n-- > 0)
        assert_true(open_key(&k) < 0);
    k = sealed_key();
    for (size_t bit = 0; bit < 8 * k.swap.n; bit++) {
        flip(k.swap.bytes, bit);
        assert_int_equal(open_key(&k), GF_E_CRYPTO);
        flip(k.swap.bytes, bit);
    }
    assert_int_equal(open_key(&k), 0);
}

/* ---- certificates ---- */

static gasm_Certificate filled(void)
{
    struct aid_swap s = sample();
    gasm_Certificate c = s.closed;

    c.valve_fault = true;
    return c;
}

struct sealed_certificate {
    uint8_t swap_key[MC_KEY_LEN], bytes[MC_CERTIFICATE_MAX];
    size_t n;
};

static struct sealed_certificate seal(const gasm_Certificate *c, bool swap)
{
    struct aid_swap s = sample();
    struct sealed_certificate sealed;
    int n;

    aid_swap_key(&s, sealed.swap_key);
    n = mc_certificate_seal(aid_crypto(), old_root(), swap ? sealed.swap_key : NULL, c,
                            sealed.bytes, sizeof sealed.bytes);
    assert_true(n > 0);
    sealed.n = (size_t)n;
    return sealed;
}

/* Open under the receipt key and under K_swap: both errors, after which the output is as it was. */
static void open_both(const struct sealed_certificate *s, int *ret_root, int *ret_swap)
{
    gasm_Certificate got, was;

    memset(&was, 0xEE, sizeof was);
    got = was;
    *ret_root = mc_certificate_open(aid_crypto(), old_root(), span(s->bytes, s->n), &got);
    assert_true(*ret_root == 0 || memcmp(&got, &was, sizeof got) == 0);
    got = was;
    *ret_swap = mc_certificate_open_swap(aid_crypto(), s->swap_key, span(s->bytes, s->n), &got);
    assert_true(*ret_swap == 0 || memcmp(&got, &was, sizeof got) == 0);
}

static void assert_same(const gasm_Certificate *a, const gasm_Certificate *b)
{
    uint8_t of_a[MC_CERTIFICATE_MAX], of_b[MC_CERTIFICATE_MAX];
    int n = mc_pb_encode(gasm_Certificate_fields, a, of_a, sizeof of_a);

    assert_true(n > 0);
    assert_int_equal(mc_pb_encode(gasm_Certificate_fields, b, of_b, sizeof of_b), n);
    assert_memory_equal(of_a, of_b, (size_t)n);
}

static void certificate_comes_back_as_it_was(void **state)
{
    gasm_Certificate c = filled(), got;
    struct sealed_certificate s = seal(&c, true);
    uint8_t bytes[MC_CERTIFICATE_MAX];

    (void)state;
    assert_int_equal(mc_certificate_peek(span(s.bytes, s.n), &got), 0);
    assert_same(&got, &c);
    assert_int_equal(mc_certificate_open(aid_crypto(), old_root(), span(s.bytes, s.n), &got), 0);
    assert_same(&got, &c);
    assert_int_equal(mc_certificate_open_swap(aid_crypto(), s.swap_key, span(s.bytes, s.n), &got),
                     0);
    assert_same(&got, &c);
    assert_int_equal(mc_certificate_verify_swap(aid_crypto(), s.swap_key, span(s.bytes, s.n)), 0);
    assert_int_equal(mc_certificate_verify_swap(aid_crypto(), old_root(), span(s.bytes, s.n)),
                     GF_E_CRYPTO);
    assert_int_equal(mc_certificate_verify_swap(aid_crypto(), s.swap_key, span(s.bytes, s.n - 1)),
                     GF_E_FORMAT);
    for (size_t cap = 0; cap < s.n; cap++)
        assert_int_equal(
            mc_certificate_seal(aid_crypto(), old_root(), s.swap_key, &c, bytes, cap),
            GF_E_SPACE);
    c.account_no = c.token_seq = c.receipt_seq = UINT64_MAX;
    c.key_epoch = UINT32_MAX;
    c.residual_l = c.at_s = INT64_MIN;
    c.totals = (gasm_Totals){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
                             UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    s = seal(&c, true);
    assert_int_equal(mc_certificate_open(aid_crypto(), old_root(), span(s.bytes, s.n), &got), 0);
    assert_same(&got, &c);
}

static void certificate_that_cannot_be_written_is_not_sealed(void **state)
{
    gasm_Certificate c = filled();
    uint8_t bytes[MC_CERTIFICATE_MAX];

    (void)state;
    c.swap_case.size = sizeof c.swap_case.bytes + 1;
    assert_int_equal(mc_certificate_seal(aid_crypto(), old_root(), NULL, &c, bytes, sizeof bytes),
                     GF_E_SPACE);
}

/* Both macs as the header says they are. */
static void macs_are_what_the_header_says(void **state)
{
    gasm_Certificate c = filled();
    struct sealed_certificate s = seal(&c, true);
    gasm_SealedCertificate split;
    uint8_t receipt_key[MC_KEY_LEN], mac[MC_HASH_LEN];
    const struct mc_crypto *port = aid_crypto();

    (void)state;
    assert_int_equal(mc_pb_decode(gasm_SealedCertificate_fields, span(s.bytes, s.n), &split), 0);

    const struct gf_span parts[] = {span("gasm certificate", 16),
                                    span(split.body.bytes, split.body.size)};

    derive(old_root(), "gasm receipt", span(NULL, 0), receipt_key);
    assert_int_equal(port->hmac(port->ctx, receipt_key, sizeof receipt_key, parts, 2, mac), 0);
    assert_memory_equal(split.mac, mac, sizeof split.mac);
    assert_int_equal(port->hmac(port->ctx, s.swap_key, sizeof s.swap_key, parts, 2, mac), 0);
    assert_int_equal(split.swap_mac.size, sizeof split.mac);
    assert_memory_equal(split.swap_mac.bytes, mac, sizeof split.mac);
}

static void every_bit_of_a_certificate_counts(void **state)
{
    gasm_Certificate c = filled(), peeked;
    struct sealed_certificate s = seal(&c, true);
    size_t only_root = 0, only_swap = 0;
    int root, swap;

    (void)state;
    for (size_t bit = 0; bit < 8 * s.n; bit++) {
        flip(s.bytes, bit);
        open_both(&s, &root, &swap);
        assert_true(root < 0 || swap < 0);
        only_root += root == 0;
        only_swap += swap == 0;
        flip(s.bytes, bit);
    }
    /* Each mac is looked at under its own key alone. */
    assert_int_equal(only_root, 8 * 16);
    assert_int_equal(only_swap, 8 * 16);
    /* Cut down to the first mac it is no certificate without a swap: the body names one. */
    while (s.n-- > 0) {
        open_both(&s, &root, &swap);
        assert_true(root == GF_E_FORMAT && swap == GF_E_FORMAT);
        assert_int_equal(mc_certificate_peek(span(s.bytes, s.n), &peeked), GF_E_FORMAT);
    }
}

static void other_keys_do_not_open_a_certificate(void **state)
{
    gasm_Certificate c = filled(), got;
    struct sealed_certificate s = seal(&c, true);
    uint8_t key[MC_KEY_LEN];

    (void)state;
    for (size_t bit = 0; bit < 8 * MC_KEY_LEN; bit++) {
        memcpy(key, old_root(), sizeof key);
        flip(key, bit);
        assert_int_equal(mc_certificate_open(aid_crypto(), key, span(s.bytes, s.n), &got),
                         GF_E_CRYPTO);
        memcpy(key, s.swap_key, sizeof key);
        flip(key, bit);
        assert_int_equal(mc_certificate_open_swap(aid_crypto(), key, span(s.bytes, s.n), &got),
                         GF_E_CRYPTO);
    }
}

/* Case, counterpart and the second mac: all of them or none. */
static void half_a_swap_is_no_certificate(void **state)
{
    (void)state;
    for (unsigned have = 0; have < 8; have++) {
        gasm_Certificate c = filled(), got;
        struct sealed_certificate s;
        int root, swap;

        c.swap_case.size = (have & 1) != 0 ? MC_CASE_LEN : 0;
        c.counterpart_id.size = (have & 2) != 0 ? GF_METER_ID_LEN : 0;
        s = seal(&c, (have & 4) != 0);
        open_both(&s, &root, &swap);
        assert_int_equal(root, have == 0 || have == 7 ? 0 : GF_E_FORMAT);
        assert_int_equal(swap, have == 7 ? 0 : have == 0 ? GF_E_CRYPTO : GF_E_FORMAT);
        assert_int_equal(mc_certificate_peek(span(s.bytes, s.n), &got), root);
        for (pb_size_t n = 0; n < GF_METER_ID_LEN; n++) {
            c = filled();
            c.counterpart_id.size = n;
            s = seal(&c, true);
            assert_int_equal(mc_certificate_peek(span(s.bytes, s.n), &got), GF_E_FORMAT);
        }
    }
}

static void half_a_mac_is_no_mac(void **state)
{
    gasm_Certificate c = filled(), got;
    struct sealed_certificate s = seal(&c, true);
    gasm_SealedCertificate split;

    (void)state;
    assert_int_equal(mc_pb_decode(gasm_SealedCertificate_fields, span(s.bytes, s.n), &split), 0);
    for (split.swap_mac.size = sizeof split.mac; split.swap_mac.size > 0; split.swap_mac.size--) {
        uint8_t bytes[MC_CERTIFICATE_MAX];
        int n = mc_pb_encode(gasm_SealedCertificate_fields, &split, bytes, sizeof bytes);

        assert_true(n > 0);
        assert_int_equal(mc_certificate_peek(span(bytes, (size_t)n), &got),
                         split.swap_mac.size == sizeof split.mac ? 0 : GF_E_FORMAT);
    }
}

/* Also what its makers meant well has one form: an unknown field inside the totals, with good
 * macs. */
static void no_unknown_field_inside(void **state)
{
    gasm_Certificate c = {.has_totals = true}, got;
    gasm_SealedCertificate split;
    struct sealed_certificate s;
    uint8_t key[MC_KEY_LEN], mac[MC_HASH_LEN], bytes[MC_CERTIFICATE_MAX];
    const struct mc_crypto *port = aid_crypto();
    const struct gf_span label = span("gasm certificate", 16);
    size_t at;
    int n;

    (void)state;
    memcpy(c.meter_id, AID_METER_ID, sizeof c.meter_id);
    s = seal(&c, false);
    assert_int_equal(mc_certificate_peek(span(s.bytes, s.n), &got), 0);
    assert_int_equal(mc_pb_decode(gasm_SealedCertificate_fields, span(s.bytes, s.n), &split), 0);
    at = split.body.size - 2u;              /* empty totals end it: 3A 00 */
    assert_memory_equal(split.body.bytes + at, "\x3A\x00", 2);
    memcpy(split.body.bytes + at, "\x3A\x02\x60\x01", 4);
    split.body.size += 2;
    derive(old_root(), "gasm receipt", span(NULL, 0), key);

    const struct gf_span parts[] = {label, span(split.body.bytes, split.body.size)};

    assert_int_equal(port->hmac(port->ctx, key, sizeof key, parts, 2, mac), 0);
    memcpy(split.mac, mac, sizeof split.mac);
    n = mc_pb_encode(gasm_SealedCertificate_fields, &split, bytes, sizeof bytes);
    assert_true(n > 0);
    assert_int_equal(mc_certificate_open(port, old_root(), span(bytes, (size_t)n), &got),
                     GF_E_FORMAT);
    /* Without totals it says nothing. */
    split.body.size = (pb_size_t)at;
    n = mc_pb_encode(gasm_SealedCertificate_fields, &split, bytes, sizeof bytes);
    assert_int_equal(mc_certificate_peek(span(bytes, (size_t)n), &got), GF_E_FORMAT);
}

/* ---- cases, and a library that fails ---- */

static int all_zero(void *ctx, const struct gf_span *parts, size_t n,
                    uint8_t ret[static MC_HASH_LEN])
{
    (void)ctx, (void)parts, (void)n;
    memset(ret, 0, MC_HASH_LEN);
    return 0;
}

static void case_tag_is_never_that_of_a_free_place(void **state)
{
    const struct mc_crypto zero = {.sha256 = all_zero}, *port = aid_crypto();
    const uint8_t swap_case[MC_CASE_LEN] = "one case of many";
    const struct gf_span parts[] = {span("gasm case", 9), span(swap_case, sizeof swap_case)};
    uint8_t hash[MC_HASH_LEN];
    uint64_t tag, want = 0;

    (void)state;
    assert_int_equal(port->sha256(port->ctx, parts, 2, hash), 0);
    for (unsigned i = 0; i < 8; i++)
        want |= (uint64_t)hash[i] << (8 * i);
    assert_int_equal(mc_case_tag(port, swap_case, &tag), 0);
    assert_true(tag == want);
    assert_int_equal(mc_case_tag(&zero, swap_case, &tag), 0);
    assert_int_equal(tag, 1);
}

/* What one call of each function gives with the n-th call of the library failing. */
static void library_that_fails(void **state)
{
    const struct sealed_key k = sealed_key();
    const gasm_Certificate c = filled();
    const struct sealed_certificate s = seal(&c, true);
    uint8_t out[MC_CERTIFICATE_MAX];
    gasm_Certificate got;
    int rc[7], failed = 1;
    uint64_t tag;

    (void)state;
    for (int n = 0; failed > 0; n++) {
#define TRY(i, call) rc[i] = (port = aid_failing_crypto(n), call)
        const struct mc_crypto *port;

        TRY(0, mc_swap_key(port, old_root(), aid_swap_terms(&k.swap), out));
        TRY(1, mc_swap_key_seal(port, &k.wrap, aid_swap_terms(&k.swap), k.key, out, sizeof out));
        TRY(2, mc_swap_key_open(port, &k.wrap, aid_swap_terms(&k.swap), span(k.bytes, k.n), out));
        TRY(3, mc_certificate_seal(port, old_root(), s.swap_key, &c, out, sizeof out));
        TRY(4, mc_certificate_open(port, old_root(), span(s.bytes, s.n), &got));
        TRY(5, mc_certificate_open_swap(port, s.swap_key, span(s.bytes, s.n), &got));
        TRY(6, mc_case_tag(port, c.swap_case.bytes, &tag));
#undef TRY
        failed = 0;
        for (size_t i = 0; i < COUNT(rc); i++) {
            assert_true(rc[i] >= 0 || rc[i] == GF_E_CRYPTO);
            failed += rc[i] < 0;
        }
        assert_true(failed == (int)COUNT(rc) || n > 0);
        assert_true(n < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_come_back_as_they_were),
        cmocka_unit_test(only_whole_terms_are_terms),
        AID_WITH_EACH_CRYPTO(swap_key_is_of_root_and_every_bit_of_the_terms),
        AID_WITH_EACH_CRYPTO(swap_key_opens_for_its_meter_alone),
        AID_WITH_EACH_CRYPTO(every_bit_of_a_swap_key_counts),
        AID_WITH_EACH_CRYPTO(certificate_comes_back_as_it_was),
        AID_WITH_EACH_CRYPTO(certificate_that_cannot_be_written_is_not_sealed),
        AID_WITH_EACH_CRYPTO(macs_are_what_the_header_says),
        AID_WITH_EACH_CRYPTO(every_bit_of_a_certificate_counts),
        AID_WITH_EACH_CRYPTO(other_keys_do_not_open_a_certificate),
        AID_WITH_EACH_CRYPTO(half_a_swap_is_no_certificate),
        AID_WITH_EACH_CRYPTO(half_a_mac_is_no_mac),
        AID_WITH_EACH_CRYPTO(no_unknown_field_inside),
        AID_WITH_EACH_CRYPTO(case_tag_is_never_that_of_a_free_place),
        cmocka_unit_test(library_that_fails),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
