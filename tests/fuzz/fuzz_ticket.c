/* fuzz_ticket.c - what keys authenticate and what keys are made from: tickets, key envelopes,
 * receipts; see meter-core/keys.h. Each is taken in one form only.
 *
 * Input: what it is (enum kind) 1 | its bytes. */
#include "meter-core/keys.h"

#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/ticket.h"
#include "tests/aid/meter_still.h"
#include "tests/fuzz/fuzz.h"

enum kind { TICKET, ENVELOPE, RECEIPT, KINDS };

static void take_ticket(struct gf_span bytes)
{
    static struct aid_still *still;
    uint8_t again[MC_TICKET_MAX];
    gasm_Ticket t;
    gasm_Refusal why;
    int n;

    if (still == NULL)
        still = aid_still_new(AID_AT_KEYED);
    if (mc_ticket_decode(bytes, &t) != 0)
        return;
    n = mc_ticket_encode(&t, again, sizeof again);
    FUZZ_INSIST(n >= 0 && (size_t)n == bytes.n && memcmp(again, bytes.p, bytes.n) == 0,
                "a ticket has another form");
    why = mc_ticket_judge(still->w->meter, &t);
    FUZZ_INSIST(why != gasm_Refusal_OK || mc_ticket_root(still->w->meter, &t) != NULL,
                "a ticket without a key is good");
    FUZZ_INSIST(why != gasm_Refusal_OK || memcmp(t.meter_id, AID_METER_ID, sizeof t.meter_id) == 0,
                "a ticket of another meter is good");
}

static void take_envelope(struct gf_span bytes)
{
    static const uint8_t secret[MC_KEY_LEN] = "32 bytes that nobody has guessed";
    struct mc_wrap wrap = {.meter_id = AID_METER_ID, .wrap_epoch = 1, .wrap_root = secret};
    uint8_t again[MC_ENVELOPE_MAX], key[MC_KEY_LEN];
    gasm_KeyEnvelope e;
    uint32_t epoch;
    int n;

    FUZZ_INSIST(mc_envelope_open(mc_crypto_openssl(), &wrap, bytes, &epoch, key) != 0,
                "an envelope that nobody sealed is opened");
    if (mc_pb_decode_strict(gasm_KeyEnvelope_fields, bytes, &e) != 0)
        return;
    n = mc_pb_encode(gasm_KeyEnvelope_fields, &e, again, sizeof again);
    FUZZ_INSIST(n >= 0 && (size_t)n == bytes.n && memcmp(again, bytes.p, bytes.n) == 0,
                "an envelope has another form");
}

static void take_receipt(struct gf_span bytes)
{
    static const uint8_t secret[MC_KEY_LEN] = "32 bytes that nobody has guessed";
    uint8_t again[MC_RECEIPT_MAX];
    gasm_SealedReceipt sealed;
    gasm_Receipt receipt;
    int n;

    FUZZ_INSIST(mc_receipt_open(mc_crypto_openssl(), secret, bytes, &receipt) != 0,
                "a receipt that no meter made is good");
    if (mc_receipt_peek(bytes, &receipt) != 0)
        return;
    FUZZ_INSIST(mc_pb_decode(gasm_SealedReceipt_fields, bytes, &sealed) == 0,
                "what was taken cannot be decoded");
    n = mc_pb_encode(gasm_SealedReceipt_fields, &sealed, again, sizeof again);
    FUZZ_INSIST(n >= 0 && (size_t)n == bytes.n && memcmp(again, bytes.p, bytes.n) == 0,
                "a sealed receipt has another form");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const take[KINDS])(struct gf_span) = {
        [TICKET] = take_ticket, [ENVELOPE] = take_envelope, [RECEIPT] = take_receipt};
    struct gf_reader in = {data, size, false};
    unsigned kind = (unsigned)gf_rd_uint(&in, 1) % KINDS;
    size_t n;
    uint8_t *bytes = fuzz_take(&in, in.left, &n);

    take[kind]((struct gf_span){bytes, n});
    free(bytes);
    return 0;
}
