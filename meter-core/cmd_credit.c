/* cmd_credit.c - recharge by radio and by the meter's own keys; see commands.h and token.h. */
#include "meter-core/clock.h"
#include "meter-core/commands.h"
#include "meter-core/supply.h"
#include "meter-core/valve.h"

#define TYPED_FAILS_MAX 11          /* from here on the wait stays at 2^10 s */
#define REFUSED_LOG_MS 60000        /* between two events about refused tokens */

/* ---- refusing ---- */

/* The answer becomes a refusal that got so far; `place` as commands.h says. */
static gasm_Refusal refusal(struct mc_meter *m, gasm_Refusal why, gasm_Stage reached,
                            uint32_t place)
{
    m->response.reached = reached;
    m->response.place = place;
    return why;
}

/* The same, logged, with the Balance: a token that was understood and is not taken. */
static gasm_Refusal not_taken(struct mc_meter *m, gasm_Refusal why, uint32_t place)
{
    struct mc_credit *credit = &m->credit;
    int64_t now_ms = mc_mono_ms(m);

    if (!credit->refused_logged || now_ms - credit->refused_ms >= REFUSED_LOG_MS) {
        credit->refused_logged = mc_store_event(m, MC_EVENT_CREDIT_REFUSED, (int64_t)why,
                                                (int64_t)credit->token.sequence) == 0;
        credit->refused_ms = now_ms;
    }
    mc_show_balance(m, &m->core);
    return refusal(m, why, gasm_Stage_STAGE_VALIDATION, place);
}

/* ---- the wait after a wrong typed token ---- */

uint32_t mc_typed_wait_s(const struct mc_meter *m)
{
    unsigned fails = m->core.typed_fails;
    int64_t left_ms;

    if (fails == 0)
        return 0;
    if (fails > TYPED_FAILS_MAX)
        fails = TYPED_FAILS_MAX;
    left_ms = m->supply.typed_from_ms + (INT64_C(1000) << (fails - 1)) - mc_mono_ms(m);
    return left_ms <= 0 ? 0 : (uint32_t)((left_ms + 999) / 1000);
}

/* The mac did not hold. It is said only when it is counted on flash. */
static gasm_Refusal wrong_typed(struct mc_meter *m)
{
    struct mc_tx tx;
    int rc;

    mc_store_begin(m, &tx);
    if (tx.next.typed_fails < TYPED_FAILS_MAX)
        tx.next.typed_fails++;
    mc_tx_event(m, &tx, MC_EVENT_CREDIT_REFUSED, gasm_Refusal_PROOF, 0);
    rc = mc_store_change(m, &tx);
    gf_wipe(&tx, sizeof tx);
    m->supply.typed_from_ms = mc_mono_ms(m);
    if (rc != 0) {
        m->link.leave = rc == GF_E_NOT_NOW;
        return refusal(m, mc_command_store_refusal(rc), gasm_Stage_STAGE_EXECUTION, 0);
    }
    mc_show_balance(m, &m->core);
    return refusal(m, gasm_Refusal_PROOF, gasm_Stage_STAGE_AUTHENTICATION, 0);
}

/* ---- opening ---- */

/* For whom and under which key the tokens of this meter are; meter_id is scratch. */
static struct mc_token_for token_for(const struct mc_meter *m,
                                     char meter_id[static GF_METER_ID_TEXT])
{
    memcpy(meter_id, m->core.meter_id, GF_METER_ID_LEN);
    meter_id[GF_METER_ID_LEN] = '\0';
    return (struct mc_token_for){meter_id, m->core.active_epoch, m->core.active_key};
}

static gasm_Refusal open_sealed(struct mc_meter *m, const struct mc_token_for *to)
{
    const struct gf_span sealed = {m->request.body.recharge.token.bytes,
                                   m->request.body.recharge.token.size};
    char meter_id[GF_METER_ID_TEXT];
    uint32_t epoch;
    int rc;

    m->credit.carrier = gasm_Carrier_CARRIER_SEALED;
    if (mc_token_peek(sealed, meter_id, &epoch) != 0)
        return refusal(m, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT, gasm_Recharge_token_tag);
    if (memcmp(meter_id, to->meter_id, GF_METER_ID_LEN) != 0)
        return refusal(m, gasm_Refusal_WRONG_METER, gasm_Stage_STAGE_AUTHENTICATION, 0);
    if (epoch != to->epoch)
        return refusal(m, gasm_Refusal_KEY_EXPIRED, gasm_Stage_STAGE_AUTHENTICATION, 0);
    rc = mc_token_open(m->ports.crypto, to, sealed, &m->credit.token);
    if (rc == GF_E_FORMAT)
        return refusal(m, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT, gasm_Recharge_token_tag);
    return rc == 0 ? gasm_Refusal_OK
                   : refusal(m, gasm_Refusal_PROOF, gasm_Stage_STAGE_AUTHENTICATION, 0);
}

/* Does the mac hold for this sequence, with the other ceilings as the meter holds them? */
static int try_typed(struct mc_meter *m, const struct mc_token_for *to,
                     const struct mc_typed *typed, uint64_t sequence)
{
    const gasm_Totals *held = &m->core.totals;

    m->credit.token = (gasm_Token){.account_no = m->core.account_no,
                                   .sequence = sequence,
                                   .purchased_l = typed->purchased_l,
                                   .imported_l = held->imported_l,
                                   .forgiven_l = held->forgiven_l,
                                   .debited_l = held->debited_l};
    return mc_typed_verify(m->ports.crypto, to, typed, &m->credit.token);
}

static gasm_Refusal open_typed(struct mc_meter *m, const struct mc_token_for *to)
{
    const uint64_t turn = UINT64_C(1) << MC_TYPED_SEQ_BITS;
    struct mc_typed typed;
    uint64_t sequence;
    int rc;

    m->credit.carrier = gasm_Carrier_CARRIER_TYPED;
    if (mc_typed_parse(m->request.body.recharge.digits, &typed) != 0)
        return refusal(m, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT, gasm_Recharge_digits_tag);
    if (mc_typed_wait_s(m) > 0) {
        mc_show_balance(m, &m->core);
        return refusal(m, gasm_Refusal_LOCKED_OUT, gasm_Stage_STAGE_AUTHENTICATION, 0);
    }
    sequence = mc_typed_sequence(m->core.token_seq, typed.seq_low);
    rc = try_typed(m, to, &typed, sequence);
    if (rc == GF_E_MISMATCH && sequence > turn)
        rc = try_typed(m, to, &typed, sequence - turn);     /* one that was taken before? */
    if (rc == GF_E_CRYPTO)
        return refusal(m, gasm_Refusal_NVM, gasm_Stage_STAGE_EXECUTION, 0);
    return rc == 0 ? gasm_Refusal_OK : wrong_typed(m);
}

gasm_Refusal mc_recharge_open(struct mc_meter *m)
{
    const gasm_Recharge *r = &m->request.body.recharge;
    uint8_t op_id[GF_UUID_LEN];
    char meter_id[GF_METER_ID_TEXT];
    const struct mc_token_for to = token_for(m, meter_id);
    const gasm_Token *token = &m->credit.token;
    gasm_Refusal why;

    if ((r->token.size > 0) == (r->digits[0] != '\0'))
        return refusal(m, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT, 0);
    if (to.epoch == 0)      /* only its own keys can ask a meter that has no account key yet */
        return refusal(m, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION, 0);
    why = r->token.size > 0 ? open_sealed(m, &to) : open_typed(m, &to);
    if (why != gasm_Refusal_OK)
        return why;
    if (mc_op_id_recharge(m->ports.crypto, to.meter_id, token->account_no, token->sequence,
                          op_id) != 0 ||
        mc_token_content(m->ports.crypto, token, m->content_hash) != 0)
        return refusal(m, gasm_Refusal_NVM, gasm_Stage_STAGE_EXECUTION, 0);
    if (m->request.op_id.size != 0 && memcmp(m->request.op_id.bytes, op_id, sizeof op_id) != 0)
        return refusal(m, gasm_Refusal_MISMATCH, gasm_Stage_STAGE_VALIDATION, 0);
    m->request.op_id.size = sizeof op_id;
    memcpy(m->request.op_id.bytes, op_id, sizeof op_id);
    return gasm_Refusal_OK;
}

/* ---- taking ---- */

/* The newest receipt that is kept goes into the answer: it shows the ceilings of now. */
static void show_newest_receipt(struct mc_meter *m)
{
    int n = mc_store_sealed(m, m->core.receipt_seq, m->response.receipt.bytes);

    if (n > 0)
        m->response.receipt.size = (pb_size_t)n;
}

/* May this account take that token now? */
static gasm_Refusal judge_token(struct mc_meter *m, const gasm_Token *t)
{
    if (t->account_no != m->core.account_no)
        return not_taken(m,
                         t->account_no < m->core.account_no ? gasm_Refusal_OLD
                                                            : gasm_Refusal_STATE,
                         gasm_Token_account_no_tag);
    if (t->sequence <= m->core.token_seq) {
        (void)not_taken(m, gasm_Refusal_OLD, gasm_Token_sequence_tag);
        show_newest_receipt(m);
        return gasm_Refusal_OLD;
    }
    if (t->not_after_s != 0 && mc_clock_state(m) == MC_CLOCK_VALID &&
        mc_clock_judge_s(m) > t->not_after_s)
        return not_taken(m, gasm_Refusal_OLD, gasm_Token_not_after_s_tag);
    if (t->sequence > MC_SEQUENCE_MAX)
        return not_taken(m, gasm_Refusal_RANGE, gasm_Token_sequence_tag);
    return gasm_Refusal_OK;
}

/* One ceiling of the account and of the token, whose field number it is. */
struct ceiling {
    uint64_t *held_l;
    uint64_t token_l;
    uint32_t place;
};

/* Raise the ceilings in *next. OK, RANGE or OVERFLOW. */
static gasm_Refusal raise_ceilings(struct mc_meter *m, const gasm_Token *t, struct mc_core *next)
{
    gasm_Totals *held = &next->totals;
    const struct ceiling ceilings[] = {
        {&held->purchased_l, t->purchased_l, gasm_Token_purchased_l_tag},
        {&held->imported_l, t->imported_l, gasm_Token_imported_l_tag},
        {&held->forgiven_l, t->forgiven_l, gasm_Token_forgiven_l_tag},
        {&held->debited_l, t->debited_l, gasm_Token_debited_l_tag},
    };
    int64_t was_l = mc_residual_l(held), is_l;

    for (size_t i = 0; i < sizeof ceilings / sizeof ceilings[0]; i++) {
        if (ceilings[i].token_l > MC_CEILING_MAX_L)
            return not_taken(m, gasm_Refusal_RANGE, ceilings[i].place);
        if (ceilings[i].token_l > *ceilings[i].held_l)
            *ceilings[i].held_l = ceilings[i].token_l;
    }
    is_l = mc_residual_l(held);
    if (is_l > was_l && is_l > mc_setting(next, MC_PARAM_BALANCE_MAX))
        return not_taken(m, gasm_Refusal_OVERFLOW, 0);
    return gasm_Refusal_OK;
}

void mc_credit_log(struct mc_meter *m, struct mc_tx *tx, gasm_Purchase *purchase)
{
    int64_t was_l = mc_residual_l(&m->core.totals), is_l = mc_residual_l(&tx->next.totals);

    purchase->at_s = mc_clock_now_s(m);
    purchase->account_no = tx->next.account_no;
    purchase->credited_l = is_l - was_l;
    purchase->residual_l = is_l;
    mc_tx_event(m, tx, MC_EVENT_CREDIT_ACCEPTED, is_l - was_l, (int64_t)purchase->sequence);
    mc_tx_purchase(tx, purchase);
    m->credit.arms =
        was_l <= 0 && is_l > 0 && mc_supply_judge(m, &tx->next) == gasm_Refusal_OK;
    if (m->credit.arms)
        mc_tx_event(m, tx, MC_EVENT_ARMED, 0, 0);
}

/* The entries of the logs that a taken token leaves. */
static void log_taken(struct mc_meter *m, struct mc_tx *tx)
{
    const gasm_Token *t = &m->credit.token;
    gasm_Purchase purchase = {.sequence = t->sequence, .carrier = m->credit.carrier};

    purchase.order_id.size = t->order_id.size;
    memcpy(purchase.order_id.bytes, t->order_id.bytes, t->order_id.size);
    mc_credit_log(m, tx, &purchase);
}

int mc_cmd_recharge(struct mc_meter *m, struct mc_tx *tx)
{
    const gasm_Token *t = &m->credit.token;
    gasm_Refusal why = judge_token(m, t);

    if (why == gasm_Refusal_OK)
        why = raise_ceilings(m, t, &tx->next);
    if (why != gasm_Refusal_OK)
        return (int)why;
    tx->next.token_seq = t->sequence;
    tx->next.typed_fails = 0;
    log_taken(m, tx);
    mc_show_balance(m, &tx->next);
    m->response.body.balance.typed_wait_s = 0;
    return gasm_Refusal_OK;
}

void mc_credit_taken(struct mc_meter *m)
{
    if (m->credit.arms)
        mc_supply_arm(m);
}

/* ---- at the meter's keys ---- */

gasm_Refusal mc_meter_type(struct mc_meter *m, const char *digits)
{
    gasm_Recharge *r = &m->request.body.recharge;
    size_t n = 0;

    if (!m->usable)
        return gasm_Refusal_NVM;
    /* A command that waits for the valve keeps its request; a grant keeps its journal room. */
    if (m->later.waiting || m->core.grant_open != 0)
        return gasm_Refusal_BUSY;
    m->request = (gasm_Request)gasm_Request_init_zero;
    m->request.command = gasm_Command_RECHARGE;
    m->request.base_receipt_seq = m->core.receipt_seq;
    m->request.which_body = gasm_Request_recharge_tag;
    for (; *digits != '\0'; digits++) {
        if (*digits == ' ' || *digits == '-')
            continue;
        if (n == MC_TYPED_DIGITS)
            return gasm_Refusal_FORMAT;
        r->digits[n++] = *digits;
    }
    return mc_command_run_keys(m);
}
