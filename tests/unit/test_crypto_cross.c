/* test_crypto_cross.c - the crypto port on OpenSSL and on BearSSL side by side: the same bytes for
 * the same call, and what one has sealed the other opens, or refuses. SEED=... replays a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "meter-core/port/bearssl/crypto.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/linkaid.h"

enum { TEXT_MAX = 300, AD_MAX = 64, KEY_MAX = 140 };

static struct aid_random rnd;

static void fill(uint8_t *p, size_t n)
{
    struct gf_random port = aid_random_port(&rnd);

    assert_int_equal(port.fill(port.ctx, p, n), 0);
}

/* 0..max */
static size_t up_to(size_t max)
{
    return (size_t)(aid_random_next(&rnd) % (max + 1));
}

/* A sealed message and all that opens it. */
struct message {
    uint8_t key[MC_AEAD_KEY_LEN], nonce[MC_NONCE_LEN], ad[AD_MAX];
    uint8_t plain[TEXT_MAX], sealed[TEXT_MAX + MC_AEAD_TAG_LEN];
    size_t ad_n, n;
};

static int seal(const struct mc_crypto *c, const struct message *m, uint8_t *ret)
{
    return c->seal(c->ctx, m->key, m->nonce, (struct gf_span){ m->ad, m->ad_n },
                   (struct gf_span){ m->plain, m->n }, ret);
}

static int unseal(const struct mc_crypto *c, const struct message *m, uint8_t *ret)
{
    return c->open(c->ctx, m->key, m->nonce, (struct gf_span){ m->ad, m->ad_n },
                   (struct gf_span){ m->sealed, m->n + MC_AEAD_TAG_LEN }, ret);
}

static void new_message(struct message *m, size_t n, size_t ad_n)
{
    fill(m->key, sizeof m->key);
    fill(m->nonce, sizeof m->nonce);
    fill(m->ad, sizeof m->ad);
    fill(m->plain, sizeof m->plain);
    m->n = n;
    m->ad_n = ad_n;
}

static void assert_refused(const struct mc_crypto *c, const struct message *m)
{
    uint8_t out[TEXT_MAX];

    memset(out, 0xEE, sizeof out);
    assert_int_equal(unseal(c, m, out), GF_E_CRYPTO);
    for (size_t i = 0; i < m->n; i++)
        assert_int_equal(out[i], 0);
    for (size_t i = m->n; i < sizeof out; i++)
        assert_int_equal(out[i], 0xEE);
}

static void assert_both_refuse(const struct message *m)
{
    assert_refused(mc_crypto_openssl(), m);
    assert_refused(mc_crypto_bearssl(), m);
}

/* One wrong bit in each part of it, in turn. */
static void assert_wrong_parts_are_refused(struct message *m)
{
    const struct {
        uint8_t *p;
        size_t n;
    } parts[] = {
        { m->key, sizeof m->key }, { m->nonce, sizeof m->nonce }, { m->ad, m->ad_n },
        { m->sealed, m->n }, { m->sealed + m->n, MC_AEAD_TAG_LEN },
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].n == 0)
            continue;

        size_t bit = up_to(parts[i].n * 8 - 1);
        uint8_t mask = (uint8_t)(1u << bit % 8);

        parts[i].p[bit / 8] ^= mask;
        assert_both_refuse(m);
        parts[i].p[bit / 8] ^= mask;
    }
    if (m->ad_n > 0) {
        m->ad_n--;
        assert_both_refuse(m);
        m->ad_n++;
    }
    if (m->n > 0) {
        m->n--;
        assert_both_refuse(m);
        m->n++;
    }
}

static void what_one_seals_the_other_opens(void **state)
{
    static struct message m;
    const struct mc_crypto *ssl = mc_crypto_openssl(), *bear = mc_crypto_bearssl();
    uint8_t by_bear[TEXT_MAX + MC_AEAD_TAG_LEN], out[TEXT_MAX];

    (void)state;
    for (size_t n = 0; n <= TEXT_MAX; n++) {
        for (size_t ad_n = 0; ad_n <= AD_MAX; ad_n++) {
            new_message(&m, n, ad_n);
            assert_int_equal(seal(ssl, &m, m.sealed), 0);
            assert_int_equal(seal(bear, &m, by_bear), 0);
            assert_memory_equal(by_bear, m.sealed, n + MC_AEAD_TAG_LEN);
            assert_int_equal(unseal(bear, &m, out), 0);
            assert_memory_equal(out, m.plain, n);
            memcpy(m.sealed, by_bear, n + MC_AEAD_TAG_LEN);
            memset(out, 0, sizeof out);
            assert_int_equal(unseal(ssl, &m, out), 0);
            assert_memory_equal(out, m.plain, n);
            if ((n + ad_n) % 16 == 0)
                assert_wrong_parts_are_refused(&m);
        }
    }
}

/* n random bytes in parts of random lengths, some of them empty; how many parts. */
static size_t cut(const uint8_t *p, size_t n, struct gf_span *ret, size_t max)
{
    size_t count = 0;

    while (count + 1 < max && (n > 0 || up_to(1) == 1)) {
        size_t part = up_to(n);

        ret[count++] = (struct gf_span){ part > 0 ? p : NULL, part };
        p += part;
        n -= part;
    }
    if (n > 0)
        ret[count++] = (struct gf_span){ p, n };
    return count;
}

static void the_same_hash_and_mac_of_the_same_parts(void **state)
{
    const struct mc_crypto *ssl = mc_crypto_openssl(), *bear = mc_crypto_bearssl();
    uint8_t data[TEXT_MAX], key[KEY_MAX], a[MC_HASH_LEN], b[MC_HASH_LEN];
    struct gf_span parts[6], others[6];

    (void)state;
    for (size_t n = 0; n <= TEXT_MAX; n++) {
        for (size_t key_n = 0; key_n <= KEY_MAX; key_n += n % 4 == 0 ? 1 : 32) {
            fill(data, n);
            fill(key, key_n);

            size_t count = cut(data, n, parts, 6), other = cut(data, n, others, 6);

            assert_int_equal(ssl->hmac(ssl->ctx, key, key_n, parts, count, a), 0);
            assert_int_equal(bear->hmac(bear->ctx, key, key_n, others, other, b), 0);
            assert_memory_equal(a, b, sizeof a);
            assert_int_equal(ssl->sha256(ssl->ctx, parts, count, a), 0);
            assert_int_equal(bear->sha256(bear->ctx, others, other, b), 0);
            assert_memory_equal(a, b, sizeof a);
        }
    }
}

/* Keys, info and results over their limits too: then both refuse, and nothing is written. */
static void the_same_derived_keys_and_limits(void **state)
{
    const struct mc_crypto *ssl = mc_crypto_openssl(), *bear = mc_crypto_bearssl();
    uint8_t info[520], key[70], a[70], b[70];
    struct gf_span parts[6], others[6];
    unsigned refused = 0, derived = 0;

    (void)state;
    for (size_t len = 0; len <= 66; len++) {
        for (size_t key_n = 0; key_n <= 66; key_n++) {
            size_t n = up_to(3) > 0 ? up_to(sizeof info) : 508 + up_to(8);

            fill(info, n);
            fill(key, key_n);

            size_t count = cut(info, n, parts, 6), other = cut(info, n, others, 6);
            bool good = len >= 1 && len <= 64 && key_n <= 64 && n <= 512;

            memset(a, 0xEE, sizeof a);
            memset(b, 0xEE, sizeof b);
            assert_int_equal(ssl->hkdf(ssl->ctx, key, key_n, parts, count, a, len),
                             good ? 0 : GF_E_CRYPTO);
            assert_int_equal(bear->hkdf(bear->ctx, key, key_n, others, other, b, len),
                             good ? 0 : GF_E_CRYPTO);
            assert_memory_equal(a, b, sizeof a);
            assert_int_equal(b[good ? len : 0], 0xEE);
            good ? derived++ : refused++;
        }
    }
    assert_true(derived > 3000 && refused > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_seals_the_other_opens),
        cmocka_unit_test(the_same_hash_and_mac_of_the_same_parts),
        cmocka_unit_test(the_same_derived_keys_and_limits),
    };
    const char *seed = getenv("SEED");

    rnd.state = seed != NULL ? strtoull(seed, NULL, 10) : 20240917;
    printf("# SEED=%llu\n", (unsigned long long)rnd.state);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
