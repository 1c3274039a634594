/* test_crypto_wipe.c - the crypto port on BearSSL leaves nothing of a secret on the stack.
 *
 * Each call runs on a stack of our own, twice, with two secrets and everything else the same. What
 * then differs between the two pictures of that stack depends on the secret. AddressSanitizer lays
 * frames out in another way, with gaps that nobody writes, so there it says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#include "common/err.h"
#include "meter-core/port/bearssl/crypto.h"

#define OTHER_FRAMES 0
#ifdef __SANITIZE_ADDRESS__
#undef OTHER_FRAMES
#define OTHER_FRAMES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef OTHER_FRAMES
#define OTHER_FRAMES 1
#endif
#endif

enum { STACK = 65536, PAINT = 0xA5 };

static struct {
    ucontext_t test, call;
    void (*run)(void);
    uint8_t secret[64], out[128];
    int result;
} w;
static uint8_t stack[STACK], first[STACK];
static const uint8_t nonce[MC_NONCE_LEN] = "thirteen byte", text[64] = "a text, the same both times";

static void call_sha256(void)
{
    const struct mc_crypto *c = mc_crypto_bearssl();
    const struct gf_span parts[] = { { w.secret, 33 }, { w.secret + 33, 31 } };

    w.result = c->sha256(c->ctx, parts, 2, w.out);
}

static void call_hmac(void)
{
    const struct mc_crypto *c = mc_crypto_bearssl();
    const struct gf_span part = { text, sizeof text };

    w.result = c->hmac(c->ctx, w.secret, MC_KEY_LEN, &part, 1, w.out);
}

static void call_hkdf(void)
{
    const struct mc_crypto *c = mc_crypto_bearssl();
    const struct gf_span part = { text, sizeof text };

    w.result = c->hkdf(c->ctx, w.secret, MC_KEY_LEN, &part, 1, w.out, 64);
}

static void call_seal(void)
{
    const struct mc_crypto *c = mc_crypto_bearssl();
    const struct gf_span ad = { text, 20 }, plain = { text, sizeof text };

    w.result = c->seal(c->ctx, w.secret, nonce, ad, plain, w.out);
}

/* The same message under both keys, so it is refused; the tag that it should have is a secret. */
static void call_open(void)
{
    const struct mc_crypto *c = mc_crypto_bearssl();
    const struct gf_span ad = { text, 20 }, sealed = { text, sizeof text };

    w.result = c->open(c->ctx, w.secret, nonce, ad, sealed, w.out) == GF_E_CRYPTO ? 0 : 1;
}

static void enter(void)
{
    w.run();
}

/* Run it on the painted stack with a secret of these bytes. */
static void on_own_stack(uint8_t secret)
{
    memset(w.secret, secret, sizeof w.secret);
    memset(stack, PAINT, sizeof stack);
    w.result = 1;
    assert_int_equal(getcontext(&w.call), 0);
    w.call.uc_stack.ss_sp = stack;
    w.call.uc_stack.ss_size = sizeof stack;
    w.call.uc_link = &w.test;
    makecontext(&w.call, enter, 0);
    assert_int_equal(swapcontext(&w.test, &w.call), 0);
    assert_int_equal(w.result, 0);
}

static void nothing_of_the_secret_stays(void **state)
{
    static void (*const calls[])(void) = { call_sha256, call_hmac, call_hkdf, call_seal, call_open };
    static const char *const names[] = { "sha256", "hmac", "hkdf", "seal", "open" };
    unsigned bad = 0;

    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        size_t low = 0, differ = 0, lowest = 0;

        w.run = calls[i];
        on_own_stack(1); /* the linker finds the library's functions at the first call */
        on_own_stack(2);
        memcpy(first, stack, sizeof first);
        on_own_stack(3);
        while (low < STACK && stack[low] == PAINT)
            low++;
        assert_true(low > STACK / 2 && low < STACK - 512); /* it did run there */
        for (size_t k = STACK; k-- > low;) {
            if (stack[k] == first[k])
                continue;
            differ++;
            lowest = k;
        }
        if (differ > 0)
            printf("# %s: %zu bytes, down to %zu of %zu below the call\n", names[i], differ,
                   STACK - lowest, STACK - low);
        bad += differ > 0;
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_the_secret_stays),
    };

    if (OTHER_FRAMES) {
        puts("1..0 # SKIP AddressSanitizer lays frames out in another way");
        return 0;
    }
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
