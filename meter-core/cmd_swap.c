/* cmd_swap.c - close_account and import_credit; see commands.h and swap.h. */
#include "meter-core/clock.h"
#include "meter-core/commands.h"
#include "meter-core/pb.h"
#include "meter-core/swap.h"
#include "meter-core/ticket.h"
#include "meter-core/token.h"

#define CLOSING_RECORDS 3   /* of closing, and what is logged while the valve travels */

/* ---- the swap that the ticket is for ---- */

static struct gf_span terms_bytes(const struct mc_meter *m)
{
    return (struct gf_span){m->ticket.swap.bytes, m->ticket.swap.size};
}

static bool is_this_meter(const struct mc_meter *m, const void *meter_id)
{
    return memcmp(meter_id, m->core.meter_id, GF_METER_ID_LEN) == 0;
}

/* Read the ticket's terms, in which this meter is the old one or the new one. */
static gasm_Refusal judge_terms(const struct mc_meter *m, bool is_old, gasm_SwapTerms *ret)
{
    if (mc_terms_decode(terms_bytes(m), ret) != 0)
        return gasm_Refusal_FORMAT;
    if (!is_this_meter(m, is_old ? ret->old_meter_id : ret->new_meter_id))
        return gasm_Refusal_WRONG_METER;
    return mc_clock_judge_s(m) > ret->not_after_s ? gasm_Refusal_OLD : gasm_Refusal_OK;
}

/* ---- close_account ---- */

struct closing {
    bool swap;                      /* for another meter; else the account just ends */
    gasm_SwapTerms terms;
    uint8_t swap_key[MC_KEY_LEN];
};

static gasm_Refusal open_swap_key(struct mc_meter *m, uint8_t ret[static MC_KEY_LEN])
{
    const struct gf_span bytes = {m->request.body.close_account.swap_key.bytes,
                                  m->request.body.close_account.swap_key.size};
    struct mc_wrap wrap = {.meter_id = (const char *)m->core.meter_id,
                           .wrap_root = m->core.factory_key};
    gasm_SwapKey shown;

    if (mc_pb_decode_strict(gasm_SwapKey_fields, bytes, &shown) != 0)
        return gasm_Refusal_FORMAT;
    if (!is_this_meter(m, shown.meter_id))
        return gasm_Refusal_WRONG_METER;
    if (shown.wrap_epoch != 0 && shown.wrap_epoch != m->core.active_epoch)
        return gasm_Refusal_KEY_EXPIRED;
    wrap.wrap_epoch = shown.wrap_epoch;
    if (shown.wrap_epoch != 0)
        wrap.wrap_root = m->core.active_key;
    return mc_swap_key_open(m->ports.crypto, &wrap, terms_bytes(m), bytes, ret) == 0
               ? gasm_Refusal_OK
               : gasm_Refusal_PROOF;
}

/* Whom is the account closed for? *ret holds a key from here on. */
static gasm_Refusal judge_closing(struct mc_meter *m, struct closing *ret)
{
    bool has_key = m->request.body.close_account.swap_key.size > 0;
    gasm_Refusal why;

    *ret = (struct closing){.swap = m->ticket.swap.size > 0};
    if (has_key && !ret->swap)
        return gasm_Refusal_RIGHT;
    if (!has_key && ret->swap)
        return gasm_Refusal_FORMAT;
    if (!ret->swap)
        return gasm_Refusal_OK;
    why = judge_terms(m, true, &ret->terms);
    return why == gasm_Refusal_OK ? open_swap_key(m, ret->swap_key) : why;
}

/* What the meter certifies: the registers as they will be. */
static void certify(const struct mc_meter *m, const struct mc_core *next,
                    const struct closing *closing, int64_t residual_l, gasm_Certificate *ret)
{
    *ret = (gasm_Certificate)gasm_Certificate_init_zero;
    memcpy(ret->meter_id, next->meter_id, sizeof ret->meter_id);
    ret->account_no = next->account_no;
    ret->key_epoch = next->active_epoch;
    ret->residual_l = residual_l;
    ret->has_totals = true;
    ret->totals = next->totals;
    ret->token_seq = next->token_seq;
    ret->at_s = mc_clock_now_s(m);
    ret->clock_valid = mc_clock_state(m) == MC_CLOCK_VALID;
    ret->valve_fault = m->later.fault;
    ret->receipt_seq = m->core.receipt_seq + 1;
    if (!closing->swap)
        return;
    ret->swap_case.size = sizeof closing->terms.swap_case;
    memcpy(ret->swap_case.bytes, closing->terms.swap_case, sizeof closing->terms.swap_case);
    ret->counterpart_id.size = sizeof closing->terms.new_meter_id;
    memcpy(ret->counterpart_id.bytes, closing->terms.new_meter_id,
           sizeof closing->terms.new_meter_id);
}

/* The valve is shut and the gas at rest, or the fault is known: the account ends here. */
static int close_now(struct mc_meter *m, struct mc_tx *tx, const struct closing *closing)
{
    gasm_Closed *answer = &m->response.body.closed;
    struct mc_core *next = &tx->next;
    int64_t residual_l = mc_residual_l(&next->totals);
    gasm_Certificate certificate;
    int n;

    next->life = (uint8_t)gasm_LifeState_CLOSED;
    next->account_closed = 1;
    next->closing_index_l = next->totals.index_l;
    if (residual_l > 0)
        next->totals.exported_l += (uint64_t)residual_l;
    certify(m, next, closing, residual_l, &certificate);
    m->response.which_body = gasm_Response_closed_tag;
    n = mc_certificate_seal(m->ports.crypto, next->active_key,
                            closing->swap ? closing->swap_key : NULL, &certificate,
                            answer->certificate.bytes, sizeof answer->certificate.bytes);
    if (n < 0) {
        m->response.which_body = 0;
        return (int)mc_command_store_refusal(n);
    }
    answer->certificate.size = (pb_size_t)n;
    mc_tx_event(m, tx, MC_EVENT_ACCOUNT_CLOSED, residual_l, m->later.fault);
    return gasm_Refusal_OK;
}

/* Is there room in the journal? Asked before anything moves. */
static int judge_room(struct mc_meter *m)
{
    int rc = mc_store_room(m, CLOSING_RECORDS * mc_journal_cost(MC_REC_MAX));

    if (rc == 0)
        return gasm_Refusal_OK;
    m->link.leave = rc == GF_E_NOT_NOW;
    return (int)mc_command_store_refusal(rc);
}

int mc_cmd_close_account(struct mc_meter *m, struct mc_tx *tx)
{
    struct closing closing;
    int said = (int)judge_closing(m, &closing);

    if (said == gasm_Refusal_OK && !m->later.ready)
        said = judge_room(m);
    if (said == gasm_Refusal_OK)
        said = mc_command_wait_shut(m) ? close_now(m, tx, &closing) : MC_LATER;
    gf_wipe(&closing, sizeof closing);
    return said;
}

/* ---- import_credit ---- */

/* Open the certificate of the request, which has to be the one that the terms name. */
static gasm_Refusal open_certificate(struct mc_meter *m, const gasm_SwapTerms *terms,
                                     gasm_Certificate *ret)
{
    const struct gf_span bytes = {m->request.body.import_credit.certificate.bytes,
                                  m->request.body.import_credit.certificate.size};
    const struct mc_crypto *crypto = m->ports.crypto;
    uint8_t swap_key[MC_KEY_LEN];
    int rc;

    if (mc_certificate_peek(bytes, ret) != 0)
        return gasm_Refusal_FORMAT;
    if (ret->swap_case.size != sizeof terms->swap_case ||
        memcmp(ret->swap_case.bytes, terms->swap_case, sizeof terms->swap_case) != 0)
        return gasm_Refusal_MISMATCH;
    if (memcmp(ret->meter_id, terms->old_meter_id, sizeof ret->meter_id) != 0 ||
        !is_this_meter(m, ret->counterpart_id.bytes))
        return gasm_Refusal_WRONG_METER;
    rc = mc_swap_key(crypto, mc_ticket_root(m, &m->ticket), terms_bytes(m), swap_key);
    if (rc == 0)
        rc = mc_certificate_verify_swap(crypto, swap_key, bytes);
    gf_wipe(swap_key, sizeof swap_key);
    return rc == 0 ? gasm_Refusal_OK : gasm_Refusal_PROOF;
}

/* Note the case in *next: once for the life of the meter. */
static gasm_Refusal take_case(struct mc_meter *m, const gasm_SwapTerms *terms,
                              struct mc_core *next)
{
    uint64_t tag, *place = NULL;

    if (mc_case_tag(m->ports.crypto, terms->swap_case, &tag) != 0)
        return gasm_Refusal_PROOF;
    for (size_t i = 0; i < MC_CASES; i++) {
        if (next->cases[i] == tag)
            return gasm_Refusal_USED;
        if (next->cases[i] == 0 && place == NULL)
            place = &next->cases[i];
    }
    if (place == NULL) {
        m->response.place = gasm_SwapTerms_swap_case_tag;
        return gasm_Refusal_OVERFLOW;
    }
    *place = tag;
    return gasm_Refusal_OK;
}

/* Take credit or debt into the registers, up to the cap. *ret_taken_l is below zero for debt. */
static gasm_Refusal take_litres(struct mc_meter *m, int64_t residual_l, uint64_t cap_l,
                                struct mc_core *next, int64_t *ret_taken_l)
{
    uint64_t certified_l = residual_l < 0 ? 0 - (uint64_t)residual_l : (uint64_t)residual_l;
    uint64_t taken_l = certified_l < cap_l ? certified_l : cap_l;
    uint64_t *held_l = residual_l < 0 ? &next->totals.debited_l : &next->totals.imported_l;

    if (taken_l > MC_CEILING_MAX_L || *held_l > MC_CEILING_MAX_L - taken_l) {
        m->response.place = gasm_ImportCredit_certificate_tag;
        return gasm_Refusal_RANGE;
    }
    *held_l += taken_l;
    *ret_taken_l = residual_l < 0 ? -(int64_t)taken_l : (int64_t)taken_l;
    return *ret_taken_l > 0 &&
                   mc_residual_l(&next->totals) > next->params[MC_PARAM_BALANCE_MAX - 1]
               ? gasm_Refusal_OVERFLOW
               : gasm_Refusal_OK;
}

int mc_cmd_import_credit(struct mc_meter *m, struct mc_tx *tx)
{
    gasm_Purchase purchase = {.carrier = gasm_Carrier_CARRIER_CERTIFICATE};
    gasm_Certificate certificate;
    gasm_SwapTerms terms;
    int64_t taken_l = 0;
    gasm_Refusal why =
        m->ticket.swap.size > 0 ? judge_terms(m, false, &terms) : gasm_Refusal_RIGHT;

    if (why == gasm_Refusal_OK)
        why = open_certificate(m, &terms, &certificate);
    if (why == gasm_Refusal_OK)
        why = take_case(m, &terms, &tx->next);
    if (why == gasm_Refusal_OK)
        why = take_litres(m, certificate.residual_l, terms.cap_l, &tx->next, &taken_l);
    if (why != gasm_Refusal_OK)
        return (int)why;
    purchase.order_id.size = sizeof terms.swap_case;
    memcpy(purchase.order_id.bytes, terms.swap_case, sizeof terms.swap_case);
    mc_tx_event(m, tx, MC_EVENT_CREDIT_IMPORTED, taken_l, certificate.residual_l);
    mc_credit_log(m, tx, &purchase);
    mc_show_balance(m, &tx->next);
    return gasm_Refusal_OK;
}
