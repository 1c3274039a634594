/* linkaid.c - fixed randomness and samples for tests of the link; see linkaid.h. */
#include "tests/aid/linkaid.h"

#include <assert.h>
#include <string.h>

#include "meter-core/port/openssl/crypto.h"

uint64_t aid_random_next(struct aid_random *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int fill(void *ctx, uint8_t *buf, size_t n)
{
    struct aid_random *r = ctx;

    if (r->fail)
        return GF_E_RANDOM;
    for (size_t i = 0; i < n; i++)
        buf[i] = (uint8_t)aid_random_next(r);
    return 0;
}

struct gf_random aid_random_port(struct aid_random *r)
{
    return (struct gf_random){ .ctx = r, .fill = fill };
}

void aid_root_key(uint8_t first, uint8_t ret[static MC_KEY_LEN])
{
    for (size_t i = 0; i < MC_KEY_LEN; i++)
        ret[i] = (uint8_t)(first + i);
}

gasm_Ticket aid_ticket(void)
{
    gasm_Ticket t = {
        .subject = "T-0417",
        .role = gasm_Role_INSTALLER,
        .rights = 0xFF,
        .not_before_s = 1795000000,
        .not_after_s = 1795036000,
        .epoch = 1,
        .serial = 70001,
        .serial_floor = 69000,
        .use_count = 12,
        .account_no = 5000123,
        .purge_volume_l = 60,
        .purge_grant_s = 180,
        .installs_epoch = 2,
    };

    memcpy(t.meter_id, AID_METER_ID, sizeof t.meter_id);
    return t;
}

size_t aid_ticket_bytes(uint8_t *ret)
{
    gasm_Ticket t = aid_ticket();
    int n = mc_ticket_encode(&t, ret, MC_TICKET_MAX);

    assert(n > 0);
    return (size_t)n;
}

gasm_Receipt aid_receipt(void)
{
    gasm_Receipt r = {
        .account_no = 5000123,
        .key_epoch = 1,
        .op_id = { .size = 16 },
        .command = gasm_Command_ZERO_CLEAR,
        .seq = 9,
        .event_seq = 31,
        .at_s = 1795001234,
        .clock_valid = true,
        .has_before = true,
        .before = { .index_l = 1200, .purged_l = 40, .opening_index_l = 1160, .purchased_l = 500 },
        .has_after = true,
        .after = { .index_l = 1200,
                   .purged_l = 40,
                   .opening_index_l = 1160,
                   .purchased_l = 500,
                   .cleared_l = 500 },
        .state = gasm_LifeState_CLEARED,
        .ticket_serial = 70001,
        .purge_end = gasm_PurgeEnd_PURGE_STOPPED,
        .content_hash = { .size = 32 },
    };

    memcpy(r.meter_id, AID_METER_ID, sizeof r.meter_id);
    for (uint8_t i = 0; i < 32; i++) {
        r.op_id.bytes[i % 16] = (uint8_t)(0x10 + i % 16);
        r.prev_hash[i] = (uint8_t)(0x40 + i);
        r.content_hash.bytes[i] = (uint8_t)(0x80 + i);
    }
    return r;
}

static int calls_left;
static const struct mc_crypto *real;

static bool fails(void)
{
    return calls_left-- == 0;
}

static int failing_sha256(void *ctx, const struct gf_span *parts, size_t n,
                          uint8_t ret[static MC_HASH_LEN])
{
    return fails() ? GF_E_CRYPTO : real->sha256(ctx, parts, n, ret);
}

static int failing_hmac(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *parts,
                        size_t n, uint8_t ret[static MC_HASH_LEN])
{
    return fails() ? GF_E_CRYPTO : real->hmac(ctx, key, key_len, parts, n, ret);
}

static int failing_hkdf(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *info,
                        size_t n, uint8_t *ret, size_t ret_len)
{
    return fails() ? GF_E_CRYPTO : real->hkdf(ctx, key, key_len, info, n, ret, ret_len);
}

static int failing_seal(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN],
                        const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                        struct gf_span plain, uint8_t *ret)
{
    return fails() ? GF_E_CRYPTO : real->seal(ctx, key, nonce, ad, plain, ret);
}

static int failing_open(void *ctx, const uint8_t key[static MC_AEAD_KEY_LEN],
                        const uint8_t nonce[static MC_NONCE_LEN], struct gf_span ad,
                        struct gf_span sealed, uint8_t *ret)
{
    return fails() ? GF_E_CRYPTO : real->open(ctx, key, nonce, ad, sealed, ret);
}

const struct mc_crypto *aid_failing_crypto(int calls)
{
    static const struct mc_crypto port = {
        .sha256 = failing_sha256,
        .hmac = failing_hmac,
        .hkdf = failing_hkdf,
        .seal = failing_seal,
        .open = failing_open,
    };

    real = mc_crypto_openssl();
    calls_left = calls;
    return &port;
}
