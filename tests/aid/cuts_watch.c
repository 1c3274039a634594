/* cuts_watch.c - a crypto port that remembers key and nonce of every seal; see cuts_watch.h. */
#include "tests/aid/cuts_watch.h"

#include <stdlib.h>

#include "meter-core/port/openssl/crypto.h"

static const struct mc_crypto *real(void)
{
    return mc_crypto_openssl();
}

static int do_sha256(void *ctx, const struct gf_span *parts, size_t n,
                     uint8_t ret[static MC_HASH_LEN])
{
    (void)ctx;
    return real()->sha256(real()->ctx, parts, n, ret);
}

static int do_hmac(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *parts,
                   size_t n, uint8_t ret[static MC_HASH_LEN])
{
    (void)ctx;
    return real()->hmac(real()->ctx, key, key_len, parts, n, ret);
}

static int do_hkdf(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *info,
                   size_t n, uint8_t *ret, size_t ret_len)
{
    (void)ctx;
    return real()->hkdf(real()->ctx, key, key_len, info, n, ret, ret_len);
}

static int do_open(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN],
                   const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                   struct gf_span sealed, uint8_t *ret)
{
    (void)ctx;
    return real()->open(real()->ctx, key, nonce, ad, sealed, ret);
}

/* FNV-1a, 64 bits, of two strings; never 0. */
static uint64_t hash(struct gf_span a, struct gf_span b)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325) ^ a.n;

    for (size_t i = 0; i < a.n; i++)
        h = (h ^ a.p[i]) * UINT64_C(0x100000001B3);
    for (size_t i = 0; i < b.n; i++)
        h = (h ^ b.p[i]) * UINT64_C(0x100000001B3);
    return h == 0 ? 1 : h;
}

static void note(struct aid_watch *watch, uint64_t pair, uint64_t content)
{
    size_t at = pair % AID_WATCH_PLACES;

    while (watch->seen[at].pair != 0 && watch->seen[at].pair != pair)
        at = (at + 1) % AID_WATCH_PLACES;
    if (watch->seen[at].pair == pair) {
        if (watch->seen[at].content != content)
            watch->wrong = "a key and nonce sealed two different things";
        return;
    }
    if (watch->n == AID_WATCH_PLACES / 2)
        abort();
    watch->seen[at].pair = pair;
    watch->seen[at].content = content;
    watch->order[watch->n++] = (uint16_t)at;
}

static int do_seal(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN],
                   const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                   struct gf_span plain, uint8_t *ret)
{
    note(ctx, hash((struct gf_span){key, MC_AEAD_KEY_LEN}, (struct gf_span){nonce, MC_NONCE_LEN}),
         hash(ad, plain));
    return real()->seal(real()->ctx, key, nonce, ad, plain, ret);
}

void aid_watch_init(struct aid_watch *watch)
{
    *watch = (struct aid_watch){.port = {.ctx = watch,
                                         .sha256 = do_sha256,
                                         .hmac = do_hmac,
                                         .hkdf = do_hkdf,
                                         .seal = do_seal,
                                         .open = do_open}};
}

void aid_watch_back(struct aid_watch *watch, size_t n)
{
    /* The last one in goes first, so that nothing is hidden behind a free place. */
    while (watch->n > n)
        watch->seen[watch->order[--watch->n]].pair = 0;
    watch->wrong = NULL;
}
