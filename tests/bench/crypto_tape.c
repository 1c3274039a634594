/* crypto_tape.c - a crypto port that notes every call; see crypto_tape.h. */
#include "tests/bench/crypto_tape.h"

#include "tests/bench/bench.h"

#define TAPE_MAX 64
#define PARTS_MAX 8
#define BYTES_MAX 2048

enum call { SHA256, HMAC, HKDF, SEAL, OPEN };

struct noted {
    enum call call;
    size_t key_len, ret_len, n, part[PARTS_MAX];
};

static const struct mc_crypto *real;
static struct noted tape[TAPE_MAX];
static size_t noted;

static void note(enum call call, size_t key_len, const struct gf_span *parts, size_t n,
                 size_t ret_len)
{
    struct noted *to = &tape[noted++];

    bench_need(noted <= TAPE_MAX && n <= PARTS_MAX, "room on the tape");
    *to = (struct noted){.call = call, .key_len = key_len, .ret_len = ret_len, .n = n};
    for (size_t i = 0; i < n; i++)
        to->part[i] = parts[i].n;
}

static int sha256(void *ctx, const struct gf_span *parts, size_t n, uint8_t ret[static MC_HASH_LEN])
{
    (void)ctx;
    note(SHA256, 0, parts, n, 0);
    return real->sha256(real->ctx, parts, n, ret);
}

static int hmac(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *parts,
                size_t n, uint8_t ret[static MC_HASH_LEN])
{
    (void)ctx;
    note(HMAC, key_len, parts, n, 0);
    return real->hmac(real->ctx, key, key_len, parts, n, ret);
}

static int hkdf(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *info, size_t n,
                uint8_t *ret, size_t ret_len)
{
    (void)ctx;
    note(HKDF, key_len, info, n, ret_len);
    return real->hkdf(real->ctx, key, key_len, info, n, ret, ret_len);
}

static int seal(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN],
                const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad, struct gf_span plain,
                uint8_t *ret)
{
    const struct gf_span parts[] = {ad, plain};

    (void)ctx;
    note(SEAL, 0, parts, 2, 0);
    return real->seal(real->ctx, key, nonce, ad, plain, ret);
}

static int open_(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN],
                 const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad, struct gf_span sealed,
                 uint8_t *ret)
{
    const struct gf_span parts[] = {ad, sealed};

    (void)ctx;
    note(OPEN, 0, parts, 2, 0);
    return real->open(real->ctx, key, nonce, ad, sealed, ret);
}

const struct mc_crypto *bench_tape_crypto(const struct mc_crypto *port)
{
    static const struct mc_crypto tape_port = {NULL, sha256, hmac, hkdf, seal, open_};

    real = port;
    return &tape_port;
}

void bench_tape_begin(void)
{
    noted = 0;
}

static void again(const struct noted *c, uint8_t *out)
{
    static const uint8_t zero[BYTES_MAX];
    struct gf_span parts[PARTS_MAX];

    for (size_t i = 0; i < c->n; i++)
        parts[i] = (struct gf_span){zero, c->part[i]};
    switch (c->call) {
    case SHA256:
        (void)real->sha256(real->ctx, parts, c->n, out);
        break;
    case HMAC:
        (void)real->hmac(real->ctx, zero, c->key_len, parts, c->n, out);
        break;
    case HKDF:
        (void)real->hkdf(real->ctx, zero, c->key_len, parts, c->n, out, c->ret_len);
        break;
    case SEAL:
        (void)real->seal(real->ctx, zero, zero, parts[0], parts[1], out);
        break;
    case OPEN:      /* the tag will be wrong, which costs the same */
        (void)real->open(real->ctx, zero, zero, parts[0], parts[1], out);
        break;
    }
}

double bench_tape_replay(void)
{
    static uint8_t out[BYTES_MAX + MC_AEAD_TAG_LEN];
    double from_us = bench_now_us();

    for (size_t i = 0; i < noted; i++)
        again(&tape[i], out);
    return bench_now_us() - from_us;
}
