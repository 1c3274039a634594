/* keys.c - keys, tickets, envelopes and receipts; see keys.h. */
#include "meter-core/keys.h"

#include <pb_encode.h>

#include "common/ids.h"
#include "meter-core/pb.h"
#include "meter-core/synthetic.h"

_Static_assert(gasm_Ticket_size <= MC_TICKET_MAX, "a ticket fits its place in a ClientHello");
_Static_assert(gasm_KeyEnvelope_size <= MC_ENVELOPE_MAX, "an envelope fits its place in a request");
_Static_assert(gasm_SealedReceipt_size <= MC_RECEIPT_MAX, "a receipt fits its place in an answer");
_Static_assert(gasm_Receipt_size <= sizeof((gasm_SealedReceipt *)0)->body.bytes,
               "a receipt fits its seal");
_Static_assert(gasm_Receipt_size < 1 << 14, "two bytes tell its length");

static struct gf_span id_span(const char *meter_id)
{
    return (struct gf_span){ (const uint8_t *)meter_id, GF_METER_ID_LEN };
}

static void put_le32(uint8_t ret[static 4], uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        ret[i] = (uint8_t)(v >> (8 * i));
}

/* ---- tickets ---- */

int mc_ticket_key(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                  struct gf_span ticket, uint8_t ret[static MC_KEY_LEN])
{
    const struct gf_span info[] = { MC_LABEL("gasm ticket"), ticket };

    return c->hkdf(c->ctx, root, MC_KEY_LEN, info, 2, ret, MC_KEY_LEN);
}

int mc_ticket_decode(struct gf_span bytes, gasm_Ticket *ret)
{
    gasm_Ticket t;

    if (bytes.n == 0 || mc_pb_decode_strict(gasm_Ticket_fields, bytes, &t) < 0)
        return GF_E_FORMAT;
    *ret = t;
    return 0;
}

int mc_ticket_encode(const gasm_Ticket *ticket, uint8_t *ret, size_t cap)
{
    return mc_pb_encode(gasm_Ticket_fields, ticket, ret, cap);
}

/* ---- key envelopes ---- */

#define ENVELOPE_AD_LEN (8 + GF_METER_ID_LEN + 4 + 4)

/* How the envelope of `epoch` is sealed; its associated data go to `ad`. */
static struct mc_synthetic envelope_sealing(const struct mc_wrap *wrap, uint32_t epoch,
                                            uint8_t ad[static ENVELOPE_AD_LEN])
{
    memcpy(ad, "gasm key", 8);
    memcpy(ad + 8, wrap->meter_id, GF_METER_ID_LEN);
    put_le32(ad + 8 + GF_METER_ID_LEN, epoch);
    put_le32(ad + 12 + GF_METER_ID_LEN, wrap->wrap_epoch);
    return (struct mc_synthetic){.root = wrap->wrap_root,
                                 .label = MC_LABEL("gasm wrap"),
                                 .nonce_label = MC_LABEL("gasm wrap nonce"),
                                 .ad = {ad, ENVELOPE_AD_LEN}};
}

int mc_envelope_seal(const struct mc_crypto *c, const struct mc_wrap *wrap,
                     const uint8_t key[static MC_KEY_LEN], uint8_t *ret, size_t cap)
{
    gasm_KeyEnvelope e = { .epoch = wrap->epoch, .wrap_epoch = wrap->wrap_epoch };
    uint8_t ad[ENVELOPE_AD_LEN];
    const struct mc_synthetic sealing = envelope_sealing(wrap, wrap->epoch, ad);
    int r;

    memcpy(e.meter_id, wrap->meter_id, GF_METER_ID_LEN);
    r = mc_synthetic_seal(c, &sealing, (struct gf_span){key, MC_KEY_LEN}, e.nonce, e.sealed);
    return r == 0 ? mc_pb_encode(gasm_KeyEnvelope_fields, &e, ret, cap) : r;
}

int mc_envelope_open(const struct mc_crypto *c, const struct mc_wrap *wrap, struct gf_span envelope,
                     uint32_t *ret_epoch, uint8_t ret_key[static MC_KEY_LEN])
{
    uint8_t ad[ENVELOPE_AD_LEN], key[MC_KEY_LEN];
    struct mc_synthetic sealing;
    gasm_KeyEnvelope e;
    int r;

    if (mc_pb_decode_strict(gasm_KeyEnvelope_fields, envelope, &e) < 0 || e.epoch == 0)
        return GF_E_FORMAT;
    if (memcmp(e.meter_id, wrap->meter_id, GF_METER_ID_LEN) != 0 ||
        e.wrap_epoch != wrap->wrap_epoch)
        return GF_E_MISMATCH;
    sealing = envelope_sealing(wrap, e.epoch, ad);
    r = mc_synthetic_open(c, &sealing, e.nonce, (struct gf_span){e.sealed, sizeof e.sealed}, key);
    if (r == 0) {
        memcpy(ret_key, key, sizeof key);
        *ret_epoch = e.epoch;
    }
    gf_wipe(key, sizeof key);
    return r;
}

/* ---- receipts ---- */

static int receipt_mac(const struct mc_crypto *c, const uint8_t *root, struct gf_span body,
                       uint8_t ret[static MC_RECEIPT_MAC_LEN])
{
    const struct gf_span label = MC_LABEL("gasm receipt"), parts[] = { label, body };
    uint8_t key[MC_KEY_LEN], mac[MC_HASH_LEN];
    int r = c->hkdf(c->ctx, root, MC_KEY_LEN, &label, 1, key, sizeof key);

    if (r == 0)
        r = c->hmac(c->ctx, key, sizeof key, parts, 2, mac);
    if (r == 0)
        memcpy(ret, mac, MC_RECEIPT_MAC_LEN);
    gf_wipe(key, sizeof key);
    gf_wipe(mac, sizeof mac);
    return r;
}

/* SealedReceipt is written around its body, which is encoded in its place: a struct of it would be
 * one of the largest things on the meter's stack. */
int mc_receipt_seal(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                    const gasm_Receipt *receipt, uint8_t *ret, size_t cap)
{
    const size_t room = 3; /* tag and length take so much at most */
    int n = cap < room ? GF_E_SPACE
                       : mc_pb_encode(gasm_Receipt_fields, receipt, ret + room, cap - room);
    pb_ostream_t out = pb_ostream_from_buffer(ret, cap);
    uint8_t mac[MC_RECEIPT_MAC_LEN];
    size_t end;
    int r;

    if (n < 0)
        return n;
    r = receipt_mac(c, root, (struct gf_span){ ret + room, (size_t)n }, mac);
    if (r != 0)
        return r;
    (void)pb_encode_tag(&out, PB_WT_STRING, gasm_SealedReceipt_body_tag);
    (void)pb_encode_varint(&out, (uint64_t)n);
    memmove(ret + out.bytes_written, ret + room, (size_t)n);
    end = out.bytes_written + (size_t)n;
    out = pb_ostream_from_buffer(ret + end, cap - end);
    if (!pb_encode_tag(&out, PB_WT_STRING, gasm_SealedReceipt_mac_tag) ||
        !pb_encode_string(&out, mac, sizeof mac))
        return GF_E_SPACE;
    return (int)(end + out.bytes_written);
}

/* The outer message has one form only, since prev_hash covers it and the mac does not. The body is
 * covered by the mac; fields that a newer meter adds to it are skipped. */
static int receipt_split(struct gf_span bytes, gasm_SealedReceipt *ret)
{
    int r = mc_pb_decode_strict(gasm_SealedReceipt_fields, bytes, ret);

    return r == 0 && ret->body.size > 0 ? 0 : GF_E_FORMAT;
}

static int receipt_decode(const gasm_SealedReceipt *sealed, gasm_Receipt *ret)
{
    gasm_Receipt body;
    int r = mc_pb_decode(gasm_Receipt_fields,
                         (struct gf_span){ sealed->body.bytes, sealed->body.size }, &body);

    if (r == 0)
        *ret = body;
    return r;
}

int mc_receipt_peek(struct gf_span sealed, gasm_Receipt *ret)
{
    gasm_SealedReceipt s;
    int r = receipt_split(sealed, &s);

    return r == 0 ? receipt_decode(&s, ret) : r;
}

int mc_receipt_open(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                    struct gf_span sealed, gasm_Receipt *ret)
{
    uint8_t mac[MC_RECEIPT_MAC_LEN];
    gasm_SealedReceipt s;
    int r = receipt_split(sealed, &s);

    if (r == 0)
        r = receipt_mac(c, root, (struct gf_span){ s.body.bytes, s.body.size }, mac);
    if (r == 0 && !gf_same_secret(mac, s.mac, sizeof mac))
        r = GF_E_CRYPTO;
    gf_wipe(mac, sizeof mac);
    return r == 0 ? receipt_decode(&s, ret) : r;
}

int mc_receipt_hash(const struct mc_crypto *c, struct gf_span sealed,
                    uint8_t ret[static MC_HASH_LEN])
{
    return c->sha256(c->ctx, &sealed, 1, ret);
}

/* ---- registers and operation ids ---- */

int64_t mc_residual_l(const gasm_Totals *t)
{
    uint64_t credit = t->purchased_l + t->imported_l + t->forgiven_l;
    uint64_t used = t->index_l - t->after_closing_l - t->opening_index_l - t->purged_l +
                    t->opening_purged_l;
    uint64_t left = credit - used - t->cleared_l - t->debited_l - t->exported_l;

    /* Arithmetic modulo 2^64 is exact here, because the result fits 64 bits with a sign. */
    return left <= INT64_MAX ? (int64_t)left : -(int64_t)(UINT64_MAX - left) - 1;
}

static int op_id(const struct mc_crypto *c, const struct gf_span *parts, size_t n,
                 uint8_t ret[static 16])
{
    uint8_t hash[MC_HASH_LEN];
    int r = c->sha256(c->ctx, parts, n, hash);

    if (r == 0)
        memcpy(ret, hash, 16);
    return r;
}

int mc_op_id_activation(const struct mc_crypto *c, const char *meter_id, uint32_t epoch,
                        uint8_t ret[static 16])
{
    uint8_t le[4];
    const struct gf_span label = MC_LABEL("gasm key activated");
    const struct gf_span parts[] = { label, id_span(meter_id), { le, sizeof le } };

    put_le32(le, epoch);
    return op_id(c, parts, 3, ret);
}

int mc_op_id_purge_end(const struct mc_crypto *c, const uint8_t start_op[static 16],
                       uint8_t ret[static 16])
{
    const struct gf_span parts[] = { MC_LABEL("gasm purge end"), { start_op, 16 } };

    return op_id(c, parts, 2, ret);
}
