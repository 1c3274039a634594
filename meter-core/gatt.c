/* gatt.c - the meter's GATT face; see gatt.h. */
#include "meter-core/gatt.h"

#include "common/bytes.h"

enum { CTL_OP_RESET = 1 };

void mc_ctl_encode(const struct mc_ctl *ctl, uint8_t ret[static MC_CTL_LEN])
{
    struct gf_writer w = { .p = ret, .cap = MC_CTL_LEN };

    gf_wr_uint(&w, ctl->version, 1);
    gf_wr_uint(&w, (ctl->life_state & 15u) | (unsigned)ctl->fragment_epoch << 4, 1);
    gf_wr_uint(&w, ctl->active_epoch, 4);
    gf_wr_uint(&w, ctl->fragment_limit, 2);
    gf_wr_uint(&w, ctl->credits, 1);
    gf_wr(&w, ctl->meter_id, GF_METER_ID_LEN);
}

/* What both directions say about fragments. */
static bool framing_valid(uint8_t epoch, uint16_t limit, uint8_t credits)
{
    return epoch <= 15 && limit >= MC_FRAGMENT_MIN && credits > 0;
}

int mc_ctl_decode(const uint8_t *p, size_t n, struct mc_ctl *ret)
{
    struct gf_reader r = { .p = p, .left = n };
    struct mc_ctl c = {
        .version = (uint8_t)gf_rd_uint(&r, 1),
    };

    if (n != MC_CTL_LEN || c.version != MC_PROTOCOL_VERSION)
        return GF_E_FORMAT;

    uint8_t nibbles = (uint8_t)gf_rd_uint(&r, 1);

    c.life_state = nibbles & 15;
    c.fragment_epoch = nibbles >> 4;
    c.active_epoch = (uint32_t)gf_rd_uint(&r, 4);
    c.fragment_limit = (uint16_t)gf_rd_uint(&r, 2);
    c.credits = (uint8_t)gf_rd_uint(&r, 1);
    memcpy(c.meter_id, gf_rd(&r, GF_METER_ID_LEN), GF_METER_ID_LEN);
    if (!framing_valid(c.fragment_epoch, c.fragment_limit, c.credits) ||
        gf_meter_id_check(c.meter_id, NULL) < 0)
        return GF_E_FORMAT;
    *ret = c;
    return 0;
}

void mc_ctl_reset_encode(const struct mc_ctl_reset *r, uint8_t ret[static MC_CTL_RESET_LEN])
{
    struct gf_writer w = { .p = ret, .cap = MC_CTL_RESET_LEN };

    gf_wr_uint(&w, CTL_OP_RESET, 1);
    gf_wr_uint(&w, r->fragment_epoch, 1);
    gf_wr_uint(&w, r->fragment_limit, 2);
    gf_wr_uint(&w, r->credits, 1);
}

int mc_ctl_reset_decode(const uint8_t *p, size_t n, struct mc_ctl_reset *ret)
{
    struct gf_reader r = { .p = p, .left = n };

    if (n != MC_CTL_RESET_LEN || gf_rd_uint(&r, 1) != CTL_OP_RESET)
        return GF_E_FORMAT;

    struct mc_ctl_reset c = { .fragment_epoch = (uint8_t)gf_rd_uint(&r, 1) };

    c.fragment_limit = (uint16_t)gf_rd_uint(&r, 2);
    c.credits = (uint8_t)gf_rd_uint(&r, 1);
    if (!framing_valid(c.fragment_epoch, c.fragment_limit, c.credits))
        return GF_E_FORMAT;
    *ret = c;
    return 0;
}

int mc_id_hash(const struct mc_crypto *c, const char *meter_id, uint8_t ret[static MC_ID_HASH_LEN])
{
    const struct gf_span parts[] = { { (const uint8_t *)"gasm id", 7 },
                                     { (const uint8_t *)meter_id, GF_METER_ID_LEN } };
    uint8_t hash[MC_HASH_LEN];
    int r = c->sha256(c->ctx, parts, 2, hash);

    if (r == 0)
        memcpy(ret, hash, MC_ID_HASH_LEN);
    return r;
}
