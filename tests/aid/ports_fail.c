/* ports_fail.c - ports of which one call fails; see ports_fail.h. */
#include "tests/aid/ports_fail.h"

/* Count a call: is it the one? */
static bool fails(struct aid_ports_fail *f, enum aid_port port)
{
    bool now;

    if (port != f->port || f->in < 0)
        return false;
    now = f->in == 0;
    f->failed = f->failed || now;
    if (!now || !f->for_good)
        f->in--;
    return now;
}

static int nvm_read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    struct aid_ports_fail *f = ctx;

    return fails(f, AID_PORT_READ) ? GF_E_STORE : f->real.nvm.read(f->real.nvm.ctx, addr, ret, n);
}

static int nvm_program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    struct aid_ports_fail *f = ctx;

    return fails(f, AID_PORT_PROGRAM) ? GF_E_STORE
                                      : f->real.nvm.program(f->real.nvm.ctx, addr, from, n);
}

static int nvm_erase(void *ctx, uint32_t sector)
{
    struct aid_ports_fail *f = ctx;

    return fails(f, AID_PORT_ERASE) ? GF_E_STORE : f->real.nvm.erase(f->real.nvm.ctx, sector);
}

static int sha256(void *ctx, const struct gf_span *parts, size_t n, uint8_t ret[static MC_HASH_LEN])
{
    struct aid_ports_fail *f = ctx;
    const struct mc_crypto *c = f->real.crypto;

    return fails(f, AID_PORT_CRYPTO) ? GF_E_CRYPTO : c->sha256(c->ctx, parts, n, ret);
}

static int hmac(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *parts,
                size_t n, uint8_t ret[static MC_HASH_LEN])
{
    struct aid_ports_fail *f = ctx;
    const struct mc_crypto *c = f->real.crypto;

    return fails(f, AID_PORT_CRYPTO) ? GF_E_CRYPTO : c->hmac(c->ctx, key, key_len, parts, n, ret);
}

static int hkdf(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *info, size_t n,
                uint8_t *ret, size_t ret_len)
{
    struct aid_ports_fail *f = ctx;
    const struct mc_crypto *c = f->real.crypto;

    return fails(f, AID_PORT_CRYPTO) ? GF_E_CRYPTO
                                     : c->hkdf(c->ctx, key, key_len, info, n, ret, ret_len);
}

static int seal(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN],
                const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad, struct gf_span plain,
                uint8_t *ret)
{
    struct aid_ports_fail *f = ctx;
    const struct mc_crypto *c = f->real.crypto;

    return fails(f, AID_PORT_CRYPTO) ? GF_E_CRYPTO : c->seal(c->ctx, key, nonce, ad, plain, ret);
}

static int open_sealed(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN],
                       const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                       struct gf_span sealed, uint8_t *ret)
{
    struct aid_ports_fail *f = ctx;
    const struct mc_crypto *c = f->real.crypto;

    return fails(f, AID_PORT_CRYPTO) ? GF_E_CRYPTO : c->open(c->ctx, key, nonce, ad, sealed, ret);
}

static int fill(void *ctx, uint8_t *buf, size_t n)
{
    struct aid_ports_fail *f = ctx;

    return fails(f, AID_PORT_RANDOM) ? GF_E_RANDOM
                                     : f->real.random->fill(f->real.random->ctx, buf, n);
}

struct mc_nvm aid_ports_fail_nvm(struct aid_ports_fail *f, const struct mc_nvm *nvm)
{
    struct mc_nvm port = *nvm;

    f->real.nvm = *nvm;
    port.ctx = f;
    port.read = nvm_read;
    port.program = nvm_program;
    port.erase = nvm_erase;
    return port;
}

void aid_ports_fail(struct aid_ports_fail *f, struct aid_world *w)
{
    f->real = w->ports;
    f->crypto = (struct mc_crypto){f, sha256, hmac, hkdf, seal, open_sealed};
    f->random = (struct gf_random){f, fill};
    w->ports.crypto = &f->crypto;
    w->ports.random = &f->random;
    w->ports.nvm = aid_ports_fail_nvm(f, &f->real.nvm);
    w->meter->ports = w->ports;
}
