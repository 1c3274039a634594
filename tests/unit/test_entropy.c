/* test_entropy.c - the firmware's random numbers: health tests of the raw source, and the generator
 * behind them, against the text of SP 800-90A with another library's HMAC. */
#include "meter-core/port/stm32/drbg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/err.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/port/stm32/board.h"

/* The board's source: a counter that is mixed, or what a test puts in its place. */
static struct {
    uint32_t state;
    uint8_t (*byte)(uint32_t at);       /* NULL: good */
    uint32_t at;                        /* bytes given so far */
    int64_t fails_in;                   /* calls until one fails; negative: none */
    uint32_t calls;
} source;

static uint8_t good_byte(void)
{
    source.state = source.state * 1664525u + 1013904223u;
    return (uint8_t)(source.state >> 24 ^ source.state >> 11);
}

int board_entropy(uint8_t *ret, size_t n)
{
    source.calls++;
    if (source.fails_in >= 0 && source.fails_in-- == 0)
        return GF_E_RANDOM;
    for (size_t i = 0; i < n; i++) {
        uint8_t good = good_byte();

        ret[i] = source.byte == NULL ? good : source.byte(source.at);
        source.at++;
    }
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(&source, 0, sizeof source);
    source.fails_in = -1;
    return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    return gf_same_secret(p, (const uint8_t[256]){0}, n);
}

static void test_good(void **state)
{
    struct entropy e;
    uint8_t got[200];

    (void)state;
    entropy_init(&e);
    assert_int_equal(entropy_read(&e, got, sizeof got), 0);
    /* the start-up bytes are not given */
    assert_int_equal(source.at, ENTROPY_STARTUP + sizeof got);
    for (unsigned i = 0; i < 20000; i++)
        assert_int_equal(entropy_read(&e, got, sizeof got), 0);
    assert_int_equal(source.at, ENTROPY_STARTUP + 20001 * sizeof got);
    assert_int_equal(e.failures, 0);
}

static uint8_t stuck(uint32_t at)
{
    (void)at;
    return 0xA5;
}

static uint8_t stuck_word(uint32_t at)
{
    return (uint8_t)(0x12345678u >> at % 4 * 8);
}

/* One byte in three is the same; never twice in a row. */
static uint8_t biased(uint32_t at)
{
    return at % 3 == 0 ? 7 : (uint8_t)(at * 2654435761u >> 24 | 8);
}

static uint8_t two_values(uint32_t at)
{
    return (uint8_t)(at * 2654435761u >> 31);
}

static void test_bad_sources(void **state)
{
    static uint8_t (*const bad[])(uint32_t) = {stuck, stuck_word, biased, two_values};
    struct entropy e;
    uint8_t got[64];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setup(NULL);
        source.byte = bad[i];
        entropy_init(&e);
        memset(got, 1, sizeof got);
        assert_int_equal(entropy_read(&e, got, sizeof got), GF_E_RANDOM);
        assert_true(is_zero(got, sizeof got));
        assert_true(source.at <= ENTROPY_STARTUP);
        /* it goes bad later: at once, or within the next window */
        setup(NULL);
        entropy_init(&e);
        assert_int_equal(entropy_read(&e, got, sizeof got), 0);
        source.byte = bad[i];
        for (unsigned n = 0; n < 2 * ENTROPY_WINDOW / sizeof got && e.failures == 0; n++)
            (void)entropy_read(&e, got, sizeof got);
        assert_int_equal(e.failures, 1);
        assert_true(is_zero(got, sizeof got));
        /* ... and good again: tested from the start */
        source.byte = NULL;
        source.at = 0;
        assert_int_equal(entropy_read(&e, got, sizeof got), 0);
        assert_int_equal(source.at, ENTROPY_STARTUP + sizeof got);
    }
}

/* The cutoffs to the byte: n equal bytes among different ones, n of a window among others. */
static uint32_t equal_bytes, first_of_window;

static uint8_t row_of_equals(uint32_t at)
{
    return at >= 2000 && at < 2000 + equal_bytes ? 0x33 : (uint8_t)(0x40 + at % 64);
}

static uint8_t window(uint32_t at)
{
    uint32_t in = at - first_of_window;

    if (at >= first_of_window && in < ENTROPY_WINDOW && in % 2 == 0 && in / 2 < equal_bytes)
        return 0x33;
    return (uint8_t)(0x40 + at % 64);
}

static bool takes(uint8_t (*byte)(uint32_t), uint32_t n)
{
    struct entropy e;
    uint8_t got[1];

    setup(NULL);
    source.byte = byte;
    equal_bytes = n;
    entropy_init(&e);
    for (unsigned i = 0; i < 4 * ENTROPY_WINDOW; i++)
        if (entropy_read(&e, got, sizeof got) != 0)
            return false;
    return true;
}

static void test_cutoffs(void **state)
{
    (void)state;
    assert_true(takes(row_of_equals, ENTROPY_REPEATS - 1));
    assert_false(takes(row_of_equals, ENTROPY_REPEATS));
    first_of_window = ENTROPY_STARTUP + ENTROPY_WINDOW;
    assert_true(takes(window, ENTROPY_SAME - 1));
    assert_false(takes(window, ENTROPY_SAME));
    first_of_window = 0;                /* of the start-up test */
    assert_true(takes(window, ENTROPY_SAME - 1));
    assert_false(takes(window, ENTROPY_SAME));
}

/* What SP 800-90B asks of the cutoffs, counted here: a source with 4 bits a byte. */
static void test_cutoffs_are_right(void **state)
{
    const long double p = 1.0L / 16;
    long double tail = 0, term = 1, repeats = 1; /* 16^-512 is below what a double holds */

    (void)state;
    for (unsigned i = 1; i < ENTROPY_REPEATS; i++)
        repeats *= p;
    assert_true(repeats <= 1.0L / (1u << 30) && repeats / p > 1.0L / (1u << 30));
    /* binomial, from the upper end: P(X >= k) */
    for (unsigned i = 0; i < ENTROPY_WINDOW; i++)
        term *= p;
    for (unsigned k = ENTROPY_WINDOW; k >= ENTROPY_SAME; k--) {
        tail += term;
        term *= (long double)k / (ENTROPY_WINDOW - k + 1) * ((1 - p) / p);
    }
    assert_true(tail <= 1.0L / (1u << 30));
    assert_true(tail + term > 1.0L / (1u << 30));
}

static void test_drbg_refuses(void **state)
{
    struct drbg d;
    uint8_t got[40];

    (void)state;
    drbg_init(&d);
    source.fails_in = 0;
    memset(got, 1, sizeof got);
    assert_int_equal(drbg_port(&d)->fill(drbg_port(&d)->ctx, got, sizeof got), GF_E_RANDOM);
    assert_true(is_zero(got, sizeof got));
    assert_int_equal(drbg_port(&d)->fill(drbg_port(&d)->ctx, got, sizeof got), 0);
    assert_false(is_zero(got, sizeof got));
    /* the seed lasts so many requests; then a source that fails ends it */
    source.byte = stuck;
    for (unsigned i = 1; i < DRBG_RESEED_AFTER; i++)
        assert_int_equal(drbg_port(&d)->fill(drbg_port(&d)->ctx, got, sizeof got), 0);
    for (unsigned i = 0; i < 3; i++) {
        memset(got, 1, sizeof got);
        assert_int_equal(drbg_port(&d)->fill(drbg_port(&d)->ctx, got, sizeof got), GF_E_RANDOM);
        assert_true(is_zero(got, sizeof got));
    }
    source.byte = NULL;
    assert_int_equal(drbg_port(&d)->fill(drbg_port(&d)->ctx, got, sizeof got), 0);
}

/* Every call of the source fails once: never a byte out, and the next try works. */
static void test_each_call_fails(void **state)
{
    struct drbg d;
    uint8_t got[16];
    bool failed = true;

    (void)state;
    for (int64_t at = 0; failed; at++) {
        setup(NULL);
        source.fails_in = at;
        drbg_init(&d);
        failed = drbg_port(&d)->fill(drbg_port(&d)->ctx, got, sizeof got) != 0;
        assert_true(failed == is_zero(got, sizeof got));
        assert_int_equal(drbg_port(&d)->fill(drbg_port(&d)->ctx, got, sizeof got), 0);
        assert_true(at < 1000);
    }
    assert_true(source.calls > ENTROPY_STARTUP / 64);
}

/* HMAC_DRBG as SP 800-90A 10.1.2 has it. */
struct model {
    uint8_t k[MC_HASH_LEN], v[MC_HASH_LEN];
};

/* HMAC under K of V, and of n parts behind it. */
static void hmac(struct model *m, const struct gf_span *more, size_t n, uint8_t *ret)
{
    const struct mc_crypto *o = mc_crypto_openssl();
    struct gf_span parts[3] = {{m->v, sizeof m->v}};

    memcpy(parts + 1, more, n * sizeof *more);
    assert_int_equal(o->hmac(o->ctx, m->k, sizeof m->k, parts, n + 1, ret), 0);
}

static void model_update(struct model *m, const uint8_t *seed, size_t n)
{
    for (uint8_t i = 0; i < (n > 0 ? 2 : 1); i++) {
        const struct gf_span more[2] = {{&i, 1}, {seed, n}};

        hmac(m, more, 2, m->k);
        hmac(m, more, 0, m->v);
    }
}

static void model_generate(struct model *m, uint8_t *ret, size_t n)
{
    while (n > 0) {
        size_t step = n < sizeof m->v ? n : sizeof m->v;

        hmac(m, &(struct gf_span){NULL, 0}, 0, m->v);
        memcpy(ret, m->v, step);
        ret += step;
        n -= step;
    }
    model_update(m, NULL, 0);
}

static void test_drbg_as_written(void **state)
{
    struct drbg d;
    struct model m;
    uint8_t seed[DRBG_SEED_LEN], got[100], want[100];

    (void)state;
    drbg_init(&d);
    memset(m.k, 0, sizeof m.k);
    memset(m.v, 1, sizeof m.v);
    for (unsigned i = 0; i < 2 * DRBG_RESEED_AFTER + 2; i++) {
        size_t n = i % sizeof got + 1;

        if (i % DRBG_RESEED_AFTER == 0) {   /* what the generator is about to read */
            uint32_t was = source.state;

            for (unsigned skip = 0; i == 0 && skip < ENTROPY_STARTUP; skip++)
                (void)good_byte();
            for (size_t k = 0; k < sizeof seed; k++)
                seed[k] = good_byte();
            source.state = was;
            model_update(&m, seed, sizeof seed);
        }
        assert_int_equal(drbg_port(&d)->fill(drbg_port(&d)->ctx, got, n), 0);
        model_generate(&m, want, n);
        assert_memory_equal(got, want, n);
    }
    assert_true(DRBG_SEED_LEN * ENTROPY_BITS_PER_BYTE >= 384);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, setup),
        cmocka_unit_test_setup(test_bad_sources, setup),
        cmocka_unit_test_setup(test_cutoffs, setup),
        cmocka_unit_test_setup(test_cutoffs_are_right, setup),
        cmocka_unit_test_setup(test_drbg_refuses, setup),
        cmocka_unit_test_setup(test_each_call_fails, setup),
        cmocka_unit_test_setup(test_drbg_as_written, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
