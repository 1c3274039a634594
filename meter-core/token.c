/* token.c - sealed and typed tokens; see token.h. */
#include "meter-core/token.h"

#include "meter-core/pb.h"
#include "meter-core/synthetic.h"

_Static_assert(gasm_SealedToken_size <= MC_TOKEN_MAX, "a token fits its place in a request");
_Static_assert(gasm_Token_size + MC_AEAD_TAG_LEN <= sizeof((gasm_SealedToken *)0)->sealed.bytes,
               "a token fits its seal");

/* ---- sealed ---- */

#define LABEL "gasm token"
#define LABEL_LEN (sizeof LABEL - 1)
#define AD_LEN (LABEL_LEN + GF_METER_ID_LEN + 4)

static void token_ad(const struct mc_token_for *to, uint8_t ret[static AD_LEN])
{
    struct gf_writer w = {ret, AD_LEN, 0, false};

    gf_wr(&w, LABEL, LABEL_LEN);
    gf_wr(&w, to->meter_id, GF_METER_ID_LEN);
    gf_wr_uint(&w, to->epoch, 4);
}

/* How tokens for this meter are sealed; ad is scratch. */
static struct mc_synthetic sealing_of(const struct mc_token_for *to, uint8_t ad[static AD_LEN])
{
    token_ad(to, ad);
    return (struct mc_synthetic){.root = to->root,
                                 .label = MC_LABEL(LABEL),
                                 .nonce_label = MC_LABEL(LABEL " nonce"),
                                 .ad = {ad, AD_LEN}};
}

int mc_token_seal(const struct mc_crypto *c, const struct mc_token_for *to, const gasm_Token *token,
                  uint8_t *ret, size_t cap)
{
    uint8_t ad[AD_LEN], plain[gasm_Token_size];
    const struct mc_synthetic sealing = sealing_of(to, ad);
    gasm_SealedToken s = {.epoch = to->epoch};
    int n = mc_pb_encode(gasm_Token_fields, token, plain, sizeof plain);
    int r;

    if (n < 0)
        return n;
    memcpy(s.meter_id, to->meter_id, GF_METER_ID_LEN);
    s.sealed.size = (pb_size_t)(n + MC_AEAD_TAG_LEN);
    r = mc_synthetic_seal(c, &sealing, (struct gf_span){plain, (size_t)n}, s.nonce, s.sealed.bytes);
    return r == 0 ? mc_pb_encode(gasm_SealedToken_fields, &s, ret, cap) : r;
}

/* The Token inside, in its one form. */
static int decode_inside(struct gf_span plain, gasm_Token *ret)
{
    gasm_Token t;

    if (mc_pb_decode_strict(gasm_Token_fields, plain, &t) != 0 ||
        (t.order_id.size != 0 && t.order_id.size != sizeof t.order_id.bytes))
        return GF_E_FORMAT;
    *ret = t;
    return 0;
}

int mc_token_open(const struct mc_crypto *c, const struct mc_token_for *to, struct gf_span sealed,
                  gasm_Token *ret)
{
    uint8_t ad[AD_LEN], plain[sizeof((gasm_SealedToken *)0)->sealed.bytes];
    const struct mc_synthetic sealing = sealing_of(to, ad);
    gasm_SealedToken s;
    int r;

    if (mc_pb_decode_strict(gasm_SealedToken_fields, sealed, &s) != 0)
        return GF_E_FORMAT;
    if (memcmp(s.meter_id, to->meter_id, GF_METER_ID_LEN) != 0 || s.epoch != to->epoch)
        return GF_E_MISMATCH;
    r = mc_synthetic_open(c, &sealing, s.nonce, (struct gf_span){s.sealed.bytes, s.sealed.size},
                          plain);
    if (r != 0)
        return r;
    return decode_inside((struct gf_span){plain, (size_t)s.sealed.size - MC_AEAD_TAG_LEN}, ret);
}

int mc_token_peek(struct gf_span sealed, char ret_meter_id[static GF_METER_ID_TEXT],
                  uint32_t *ret_epoch)
{
    gasm_SealedToken s;

    if (mc_pb_decode_strict(gasm_SealedToken_fields, sealed, &s) != 0)
        return GF_E_FORMAT;
    memcpy(ret_meter_id, s.meter_id, GF_METER_ID_LEN);
    ret_meter_id[GF_METER_ID_LEN] = '\0';
    *ret_epoch = s.epoch;
    return 0;
}

/* ---- what a token means ---- */

#define NUMBERS_LEN (6 * 8)

static void put_numbers(const gasm_Token *t, uint8_t ret[static NUMBERS_LEN])
{
    const uint64_t v[] = {t->account_no,  t->sequence,    t->purchased_l,
                          t->imported_l, t->forgiven_l, t->debited_l};
    struct gf_writer w = {ret, NUMBERS_LEN, 0, false};

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        gf_wr_uint(&w, v[i], 8);
}

int mc_token_content(const struct mc_crypto *c, const gasm_Token *token,
                     uint8_t ret[static MC_HASH_LEN])
{
    uint8_t numbers[NUMBERS_LEN];
    const struct gf_span parts[] = {MC_LABEL(LABEL), {numbers, sizeof numbers}};

    put_numbers(token, numbers);
    return c->sha256(c->ctx, parts, 2, ret);
}

int mc_op_id_recharge(const struct mc_crypto *c, const char *meter_id, uint64_t account_no,
                      uint64_t sequence, uint8_t ret[static 16])
{
    uint8_t numbers[16], hash[MC_HASH_LEN];
    struct gf_writer w = {numbers, sizeof numbers, 0, false};
    const struct gf_span parts[] = {MC_LABEL("gasm recharge"),
                                    {(const uint8_t *)meter_id, GF_METER_ID_LEN},
                                    {numbers, sizeof numbers}};
    int r;

    gf_wr_uint(&w, account_no, 8);
    gf_wr_uint(&w, sequence, 8);
    r = c->sha256(c->ctx, parts, 3, hash);
    if (r == 0)
        memcpy(ret, hash, 16);
    return r;
}

/* ---- typed ---- */

#define BODY_DIGITS (MC_TYPED_DIGITS - 1)
#define LIMBS 3                 /* of 32 bits, least significant first: 24 digits fit */
#define TOP_BITS 15             /* of the last limb */
#define SEQ_MASK ((1u << MC_TYPED_SEQ_BITS) - 1)

/* ISO/IEC 7064 MOD 11,10: the check digit behind these n digits (ASCII). */
static char check_digit(const char *digits, size_t n)
{
    unsigned p = 10;

    for (size_t i = 0; i < n; i++) {
        unsigned s = (p + (unsigned)(digits[i] - '0')) % 10;

        p = (s == 0 ? 10 : s) * 2 % 11;
    }
    return (char)('0' + (11 - p) % 10);
}

static void pack(const struct mc_typed *t, uint32_t ret[static LIMBS])
{
    const uint8_t *m = t->mac;

    ret[0] = (uint32_t)m[1] << 24 | (uint32_t)m[2] << 16 | (uint32_t)m[3] << 8 | m[4];
    ret[1] = t->purchased_l << 8 | m[0];
    ret[2] = (uint32_t)(t->seq_low & SEQ_MASK) << 3 | t->purchased_l >> 24;
}

static void unpack(const uint32_t v[static LIMBS], struct mc_typed *ret)
{
    ret->seq_low = (uint16_t)(v[2] >> 3);
    ret->purchased_l = (v[2] & 7) << 24 | v[1] >> 8;
    ret->mac[0] = (uint8_t)v[1];
    for (unsigned i = 0; i < 4; i++)
        ret->mac[1 + i] = (uint8_t)(v[0] >> (24 - 8 * i));
}

/* Divide by ten; the remainder. */
static unsigned take_digit(uint32_t v[static LIMBS])
{
    uint64_t rest = 0;

    for (size_t i = LIMBS; i-- > 0;) {
        rest = rest << 32 | v[i];
        v[i] = (uint32_t)(rest / 10);
        rest %= 10;
    }
    return (unsigned)rest;
}

/* Multiply by ten and add a digit; 24 digits never run over the limbs. */
static void put_digit(uint32_t v[static LIMBS], unsigned digit)
{
    uint64_t carry = digit;

    for (size_t i = 0; i < LIMBS; i++) {
        carry += (uint64_t)v[i] * 10;
        v[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static int typed_mac(const struct mc_crypto *c, const struct mc_token_for *to,
                     const gasm_Token *token, uint8_t ret[static MC_TYPED_MAC_LEN])
{
    uint8_t key[MC_KEY_LEN], mac[MC_HASH_LEN], numbers[NUMBERS_LEN];
    const struct gf_span label = MC_LABEL("gasm typed");
    const struct gf_span parts[] = {label,
                                    {(const uint8_t *)to->meter_id, GF_METER_ID_LEN},
                                    {numbers, sizeof numbers}};
    int r = c->hkdf(c->ctx, to->root, MC_KEY_LEN, &label, 1, key, sizeof key);

    put_numbers(token, numbers);
    if (r == 0)
        r = c->hmac(c->ctx, key, sizeof key, parts, 3, mac);
    if (r == 0)
        memcpy(ret, mac, MC_TYPED_MAC_LEN);
    gf_wipe(key, sizeof key);
    gf_wipe(mac, sizeof mac);
    return r;
}

int mc_typed_make(const struct mc_crypto *c, const struct mc_token_for *to, const gasm_Token *token,
                  char ret[static MC_TYPED_TEXT])
{
    struct mc_typed t = {.seq_low = (uint16_t)(token->sequence & SEQ_MASK),
                         .purchased_l = (uint32_t)token->purchased_l};
    uint32_t v[LIMBS];
    int r;

    if (token->purchased_l >> MC_TYPED_PURCHASED_BITS != 0)
        return GF_E_RANGE;
    r = typed_mac(c, to, token, t.mac);
    if (r != 0)
        return r;
    pack(&t, v);
    for (size_t i = BODY_DIGITS; i-- > 0;)
        ret[i] = (char)('0' + take_digit(v));
    ret[BODY_DIGITS] = check_digit(ret, BODY_DIGITS);
    ret[MC_TYPED_DIGITS] = '\0';
    return 0;
}

/* The 25 digits alone. */
static int strip(const char *text, char ret[static MC_TYPED_DIGITS])
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        if (*text == ' ' || *text == '-')
            continue;
        if (*text < '0' || *text > '9' || n == MC_TYPED_DIGITS)
            return GF_E_FORMAT;
        ret[n++] = *text;
    }
    return n == MC_TYPED_DIGITS ? 0 : GF_E_FORMAT;
}

int mc_typed_parse(const char *text, struct mc_typed *ret)
{
    char digits[MC_TYPED_DIGITS];
    uint32_t v[LIMBS] = {0};

    if (strip(text, digits) != 0)
        return GF_E_FORMAT;
    if (check_digit(digits, BODY_DIGITS) != digits[BODY_DIGITS])
        return GF_E_MISMATCH;
    for (size_t i = 0; i < BODY_DIGITS; i++)
        put_digit(v, (unsigned)(digits[i] - '0'));
    if (v[LIMBS - 1] >> TOP_BITS != 0)
        return GF_E_FORMAT;
    unpack(v, ret);
    return 0;
}

int mc_typed_verify(const struct mc_crypto *c, const struct mc_token_for *to,
                    const struct mc_typed *typed, const gasm_Token *token)
{
    uint8_t mac[MC_TYPED_MAC_LEN];
    int r = typed_mac(c, to, token, mac);

    if (r == 0 && !gf_same_secret(mac, typed->mac, sizeof mac))
        r = GF_E_MISMATCH;
    gf_wipe(mac, sizeof mac);
    return r;
}

uint64_t mc_typed_sequence(uint64_t last, uint16_t seq_low)
{
    uint64_t seq = (last & ~(uint64_t)SEQ_MASK) | (seq_low & SEQ_MASK);

    return seq > last ? seq : seq + SEQ_MASK + 1;
}
