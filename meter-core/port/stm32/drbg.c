/* drbg.c - random numbers from the board's entropy; see drbg.h. */
#include "meter-core/port/stm32/drbg.h"

#include "common/bytes.h"
#include "common/err.h"

static int feed(struct drbg *d)
{
    uint8_t seed[DRBG_SEED_LEN];
    int r = entropy_read(&d->source, seed, sizeof seed);

    if (r == 0 && d->hmac.digest_class == NULL)
        br_hmac_drbg_init(&d->hmac, &br_sha256_vtable, seed, sizeof seed);
    else if (r == 0)
        br_hmac_drbg_update(&d->hmac, seed, sizeof seed);
    gf_wipe(seed, sizeof seed);
    if (r == 0)
        d->left = DRBG_RESEED_AFTER;
    return r;
}

static int fill(void *ctx, uint8_t *buf, size_t n)
{
    struct drbg *d = ctx;
    int r = d->left == 0 ? feed(d) : 0;

    if (r != 0) {
        gf_wipe(buf, n);
        return GF_E_RANDOM;
    }
    d->left--;
    br_hmac_drbg_generate(&d->hmac, buf, n);
    return 0;
}

void drbg_init(struct drbg *d)
{
    *d = (struct drbg){.port = {.ctx = d, .fill = fill}};
    entropy_init(&d->source);
}

const struct gf_random *drbg_port(const struct drbg *d)
{
    return &d->port;
}
