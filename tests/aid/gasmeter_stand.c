/* gasmeter_stand.c - a meter in its stand; see gasmeter_stand.h. */
#include "tests/aid/gasmeter_stand.h"

#include <assert.h>

#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/linkaid.h"

static struct aid_stand the_stand;

static int64_t mono_ms(void *ctx)
{
    (void)ctx;
    return 1000 + the_stand.passed_ms;
}

static int64_t utc_ms(void *ctx)
{
    (void)ctx;
    return AID_STAND_UTC_MS + the_stand.passed_ms;
}

struct aid_stand *aid_stand_new(void)
{
    static const struct gf_clock clock = {NULL, utc_ms, mono_ms};
    static const uint8_t digest[MC_HASH_LEN] = {1};
    static struct aid_random seed;
    static struct gf_random random;
    const struct mc_birth birth = {.meter_id = AID_METER_ID, .meter_type = 1, .pulse_l = 1};
    struct aid_stand *s = &the_stand;
    int rc;

    seed = (struct aid_random){.state = 3};
    random = aid_random_port(&seed);
    *s = (struct aid_stand){.world = {&clock, &random, mc_crypto_openssl(), digest}};
    rc = gm_inproc_make(&s->meter, &s->world, &birth, NULL);
    assert(rc == 0);
    s->stand = (struct gm_stand){.meter = s->meter.meter, .body = &s->meter.body};
    return s;
}

void aid_stand_free(struct aid_stand *s)
{
    gm_inproc_done(&s->meter);
}
