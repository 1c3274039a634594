/* fuzz_token.c - credit as a customer may carry it: sealed tokens, typed digits, certificates and
 * what belongs to a swap; see meter-core/token.h and swap.h.
 *
 * Input: what it is (enum kind) 1 | its bytes. */
#include "meter-core/token.h"

#include "common/ids.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/swap.h"
#include "meter-core/synthetic.h"
#include "tests/aid/linkaid.h"
#include "tests/fuzz/fuzz.h"

enum kind { SEALED, INSIDE, DIGITS, TERMS, SWAP_KEY, CERTIFICATE, KINDS };

static const uint8_t secret[MC_KEY_LEN] = "32 bytes that nobody has guessed";
static const struct mc_token_for ours = {AID_METER_ID, 1, secret};

/* Taken in one form only: what it says, said again, is the same bytes. */
static void check_form(const pb_msgdesc_t *desc, void *msg, struct gf_span bytes)
{
    uint8_t again[512];
    int n;

    FUZZ_INSIST(mc_pb_decode(desc, bytes, msg) == 0, "what was taken cannot be decoded");
    n = mc_pb_encode(desc, msg, again, sizeof again);
    FUZZ_INSIST(n >= 0 && (size_t)n == bytes.n && memcmp(again, bytes.p, bytes.n) == 0,
                "it has another form");
}

static void take_sealed(struct gf_span bytes)
{
    char meter_id[GF_METER_ID_TEXT];
    gasm_SealedToken sealed;
    gasm_Token token;
    uint32_t epoch;

    FUZZ_INSIST(mc_token_open(mc_crypto_openssl(), &ours, bytes, &token) != 0,
                "a token that nobody sealed is opened");
    if (mc_token_peek(bytes, meter_id, &epoch) == 0)
        check_form(gasm_SealedToken_fields, &sealed, bytes);
}

/* Seal any bytes as if they were a Token; the length of the SealedToken, 0 when it is too long. */
static size_t seal(struct gf_span plain, uint8_t *ret, size_t cap)
{
    gasm_SealedToken sealed = {.epoch = 1};
    uint8_t ad[10 + GF_METER_ID_LEN + 4];
    struct gf_writer w = {ad, sizeof ad, 0, false};
    const struct mc_synthetic sealing = {.root = secret,
                                         .label = MC_LABEL("gasm token"),
                                         .nonce_label = MC_LABEL("gasm token nonce"),
                                         .ad = {ad, sizeof ad}};
    int n;

    if (plain.n > sizeof sealed.sealed.bytes - MC_AEAD_TAG_LEN)
        return 0;
    gf_wr(&w, "gasm token" AID_METER_ID, 10 + GF_METER_ID_LEN);
    gf_wr_uint(&w, 1, 4);
    memcpy(sealed.meter_id, AID_METER_ID, sizeof sealed.meter_id);
    sealed.sealed.size = (pb_size_t)(plain.n + MC_AEAD_TAG_LEN);
    FUZZ_INSIST(mc_synthetic_seal(mc_crypto_openssl(), &sealing, plain, sealed.nonce,
                                  sealed.sealed.bytes) == 0,
                "it cannot be sealed");
    n = mc_pb_encode(gasm_SealedToken_fields, &sealed, ret, cap);
    return n > 0 ? (size_t)n : 0;
}

static void take_inside(struct gf_span plain)
{
    uint8_t bytes[MC_TOKEN_MAX];
    gasm_Token token, same;
    size_t n = seal(plain, bytes, sizeof bytes);
    int rc;

    if (n == 0)
        return;
    rc = mc_token_open(mc_crypto_openssl(), &ours, (struct gf_span){bytes, n}, &token);
    FUZZ_INSIST(rc == 0 || rc == GF_E_FORMAT, "an authentic token is not believed");
    if (rc == 0)
        check_form(gasm_Token_fields, &same, plain);
}

/* The digits of what was read, made another way: 79 bits in decimal. */
static void spell(const struct mc_typed *typed, char ret[static MC_TYPED_DIGITS])
{
    __extension__ unsigned __int128 v = typed->seq_low;

    v = v << MC_TYPED_PURCHASED_BITS | typed->purchased_l;
    for (size_t i = 0; i < MC_TYPED_MAC_LEN; i++)
        v = v << 8 | typed->mac[i];
    for (size_t i = MC_TYPED_DIGITS - 1; i-- > 0; v /= 10)
        ret[i] = (char)('0' + (int)(v % 10));
}

static void take_digits(struct gf_span bytes)
{
    char *text = malloc(bytes.n + 1), want[MC_TYPED_DIGITS];
    struct mc_typed typed;
    size_t at = 0;

    FUZZ_INSIST(text != NULL, "no memory");
    memcpy(text, bytes.p, bytes.n);
    text[bytes.n] = '\0';
    if (mc_typed_parse(text, &typed) == 0) {
        spell(&typed, want);
        FUZZ_INSIST(typed.purchased_l >> MC_TYPED_PURCHASED_BITS == 0 &&
                        typed.seq_low >> MC_TYPED_SEQ_BITS == 0,
                    "a number is longer than its place");
        for (const char *c = text; *c != '\0'; c++)
            if (*c != ' ' && *c != '-') {
                FUZZ_INSIST(*c >= '0' && *c <= '9' && at < MC_TYPED_DIGITS, "no 25 digits");
                FUZZ_INSIST(at == MC_TYPED_DIGITS - 1 || *c == want[at], "other digits were read");
                at++;
            }
        FUZZ_INSIST(at == MC_TYPED_DIGITS, "no 25 digits");
    }
    free(text);
}

static void take_terms(struct gf_span bytes)
{
    gasm_SwapTerms terms;

    if (mc_terms_decode(bytes, &terms) == 0)
        check_form(gasm_SwapTerms_fields, &terms, bytes);
}

static void take_swap_key(struct gf_span bytes)
{
    const struct mc_wrap wrap = {.meter_id = AID_METER_ID, .wrap_epoch = 1, .wrap_root = secret};
    uint8_t key[MC_KEY_LEN];

    FUZZ_INSIST(mc_swap_key_open(mc_crypto_openssl(), &wrap, (struct gf_span){secret, 20}, bytes,
                                 key) != 0,
                "a swap key that nobody sealed is opened");
}

static void take_certificate(struct gf_span bytes)
{
    gasm_SealedCertificate sealed;
    gasm_Certificate certificate;

    FUZZ_INSIST(mc_certificate_open(mc_crypto_openssl(), secret, bytes, &certificate) != 0 &&
                    mc_certificate_open_swap(mc_crypto_openssl(), secret, bytes, &certificate) != 0,
                "a certificate that no meter made is good");
    if (mc_certificate_peek(bytes, &certificate) != 0)
        return;
    check_form(gasm_SealedCertificate_fields, &sealed, bytes);
    check_form(gasm_Certificate_fields, &certificate,
               (struct gf_span){sealed.body.bytes, sealed.body.size});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const take[KINDS])(struct gf_span) = {
        [SEALED] = take_sealed, [INSIDE] = take_inside,     [DIGITS] = take_digits,
        [TERMS] = take_terms,   [SWAP_KEY] = take_swap_key, [CERTIFICATE] = take_certificate,
    };
    struct gf_reader in = {data, size, false};
    unsigned kind = (unsigned)gf_rd_uint(&in, 1) % KINDS;
    size_t n;
    uint8_t *bytes = fuzz_take(&in, in.left, &n);

    take[kind]((struct gf_span){bytes, n});
    free(bytes);
    return 0;
}
