/* model_commands.c - what the reference model answers to commands; see model.h. */
#include "tests/aid/model.h"

#define PULSES_MAX 400              /* of one grant */
#define CEILING_MAX_L (UINT64_C(1) << 48)

static void arm(struct aid_model *m)
{
    m->armed = true;
    m->armed_until_ms = m->now_ms + aid_model_param_of(m, MC_PARAM_ARMING_TIME) * 1000;
}

/* One more receipt; the session's first change is a use. */
static void changed(struct aid_model *m)
{
    m->receipts++;
    m->uses += !m->counted;
    m->counted = true;
}

/* ---- keys, account, settings ---- */

gasm_Refusal aid_model_activate(struct aid_model *m)
{
    m->receipts++;
    m->active = m->pending;
    m->pending = 0;
    if (m->life == gasm_LifeState_FACTORY)
        m->life = gasm_LifeState_KEYED;
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_install(struct aid_model *m, uint32_t epoch, uint32_t wrap)
{
    if ((wrap != 0 && wrap != m->active) || epoch <= m->active)
        return gasm_Refusal_KEY_EXPIRED;
    if (m->ticket.epoch == 0 && epoch != m->ticket.installs_epoch)
        return gasm_Refusal_RIGHT;
    if (epoch < m->pending)
        return gasm_Refusal_OLD;
    m->pending = epoch;
    changed(m);
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_open(struct aid_model *m, uint64_t account_no)
{
    if (account_no == 0 || account_no != m->ticket.account_no)
        return gasm_Refusal_RIGHT;
    if (account_no <= m->account_no)
        return gasm_Refusal_OLD;
    if (m->account_no != 0 && !m->closed && m->residual_l > 0)
        return gasm_Refusal_STATE;
    m->account_no = account_no;
    m->closed = false;
    m->t = (gasm_Totals){.index_l = m->t.index_l,
                         .purged_l = m->t.purged_l,
                         .opening_index_l = m->t.index_l,
                         .opening_purged_l = m->t.purged_l};
    m->residual_l = 0;
    m->consumed_l = m->token_seq = 0;
    m->fails = 0;
    changed(m);
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_purge(struct aid_model *m, uint32_t volume_l, uint32_t limit_s)
{
    if (volume_l < 1 || volume_l > PULSES_MAX ||
        volume_l + m->purged_l > m->ticket.purge_volume_l || limit_s < 1 ||
        limit_s > m->ticket.purge_grant_s)
        return gasm_Refusal_RANGE;
    m->grant_serial = m->ticket.serial;
    m->grant = true;
    m->closing = m->resting = false;
    m->grant_l = volume_l;
    m->grant_s = limit_s;
    m->from_l = m->t.purged_l;
    m->began_ms = m->alive_ms = m->now_ms;
    m->openings++;
    changed(m);
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_keep(struct aid_model *m)
{
    if (!m->grant || m->closing)
        return gasm_Refusal_STATE;
    m->alive_ms = m->now_ms;
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_clear(struct aid_model *m, int64_t residual_l)
{
    if (residual_l != m->residual_l)
        return gasm_Refusal_STATE;
    if (residual_l > 0) {
        m->t.cleared_l += (uint64_t)residual_l;
        m->residual_l = 0;
    }
    if (m->life == gasm_LifeState_PURGED)
        m->life = gasm_LifeState_CLEARED;
    changed(m);
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_clock(struct aid_model *m, int64_t utc_s)
{
    if (utc_s < m->ticket.not_before_s || utc_s > m->ticket.not_after_s)
        return gasm_Refusal_CLOCK;
    changed(m);
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_param(struct aid_model *m, uint32_t id, int64_t value)
{
    const struct mc_param_row *row = mc_param_row(id);

    if (row == NULL || value < row->min || value > row->max)
        return gasm_Refusal_RANGE;
    m->params[id - 1] = value;
    m->settings = true;
    changed(m);
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_commission(struct aid_model *m)
{
    m->life = gasm_LifeState_IN_SERVICE;
    changed(m);
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_arm(struct aid_model *m)
{
    const unsigned locks = m->locks;

    if ((m->ticket.rights >> gasm_Right_RIGHT_UNLOCK & 1) != 0)
        m->locks = 0;
    if (!aid_model_may_arm(m)) {
        gasm_Refusal why = m->locks != 0 ? gasm_Refusal_LOCKED_OUT : gasm_Refusal_STATE;

        m->locks = locks;
        return why;
    }
    arm(m);
    changed(m);
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_shut(struct aid_model *m)
{
    aid_model_stop_supply(m);
    changed(m);
    return gasm_Refusal_OK;
}

void aid_model_tested(struct aid_model *m)
{
    m->self_tested = m->power == POWER_GOOD && m->valve == gasm_ValveState_VALVE_SHUT;
    changed(m);
}

void aid_model_closed(struct aid_model *m)
{
    if (m->residual_l > 0) {
        m->t.exported_l += (uint64_t)m->residual_l;
        m->residual_l = 0;
    }
    m->life = gasm_LifeState_CLOSED;
    m->closed = true;
    changed(m);
}

gasm_Refusal aid_model_reset(struct aid_model *m, bool scrap)
{
    size_t n;
    const struct mc_param_row *rows = mc_params(&n);

    m->life = scrap ? gasm_LifeState_SCRAPPED : gasm_LifeState_FACTORY;
    for (size_t i = 0; i < n; i++)
        m->params[i] = rows[i].def;
    m->settings = m->self_tested = false;
    m->pending = 0;
    m->locks = 0;
    changed(m);
    return gasm_Refusal_OK;
}

/* ---- credit ---- */

uint32_t aid_model_wait_s(const struct aid_model *m)
{
    int64_t left_ms;

    if (m->fails == 0)
        return 0;
    left_ms = m->typed_from_ms + (INT64_C(1000) << (m->fails - 1)) - m->now_ms;
    return left_ms > 0 ? (uint32_t)((left_ms + 999) / 1000) : 0;
}

/* The balance rose or fell by so much; from nothing to something arms. */
static void credited(struct aid_model *m, int64_t by_l)
{
    const bool had_none = m->residual_l <= 0;

    m->residual_l += by_l;
    if (had_none && m->residual_l > 0 && aid_model_may_arm(m))
        arm(m);
}

bool aid_model_reads_typed(const struct aid_model *m, const gasm_Token *token)
{
    const uint64_t turn = 4096;
    uint64_t above = m->token_seq + 1 + (token->sequence - m->token_seq - 1) % turn;

    return token->account_no == m->account_no && token->imported_l == m->t.imported_l &&
           token->forgiven_l == m->t.forgiven_l && token->debited_l == m->t.debited_l &&
           (token->sequence == above || token->sequence + turn == above);
}

const gasm_Token *aid_model_taken(const struct aid_model *m, uint64_t account_no,
                                  uint64_t sequence)
{
    for (size_t i = 0; i < AID_MODEL_KEPT; i++)
        if (m->taken[i].token.account_no == account_no &&
            m->taken[i].token.sequence == sequence &&
            aid_model_remembers(m, m->taken[i].receipt))
            return &m->taken[i].token;
    return NULL;
}

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

gasm_Refusal aid_model_token(struct aid_model *m, const gasm_Token *token, bool expires,
                             bool at_keys)
{
    gasm_Totals t = m->t;
    int64_t by_l;

    if (token->account_no != m->account_no)
        return token->account_no < m->account_no ? gasm_Refusal_OLD : gasm_Refusal_STATE;
    if (token->sequence <= m->token_seq ||
        (expires && token->not_after_s != 0 && m->clock == CLOCK_VALID &&
         m->clock_s > token->not_after_s))
        return gasm_Refusal_OLD;
    if (token->purchased_l > CEILING_MAX_L || token->imported_l > CEILING_MAX_L ||
        token->forgiven_l > CEILING_MAX_L || token->debited_l > CEILING_MAX_L)
        return gasm_Refusal_RANGE;
    t.purchased_l =
        m->planted ? token->purchased_l : higher(t.purchased_l, token->purchased_l);
    t.imported_l = higher(t.imported_l, token->imported_l);
    t.forgiven_l = higher(t.forgiven_l, token->forgiven_l);
    t.debited_l = higher(t.debited_l, token->debited_l);
    by_l = (int64_t)(t.purchased_l - m->t.purchased_l + t.imported_l - m->t.imported_l +
                     t.forgiven_l - m->t.forgiven_l - (t.debited_l - m->t.debited_l));
    if (by_l > 0 && m->residual_l + by_l > aid_model_param_of(m, MC_PARAM_BALANCE_MAX))
        return gasm_Refusal_OVERFLOW;
    m->t = t;
    m->token_seq = token->sequence;
    m->fails = 0;
    credited(m, by_l);
    if (at_keys)
        m->receipts++;
    else
        changed(m);
    m->taken[m->receipts % AID_MODEL_KEPT].token = *token;
    m->taken[m->receipts % AID_MODEL_KEPT].receipt = m->receipts;
    return gasm_Refusal_OK;
}

gasm_Refusal aid_model_import(struct aid_model *m, uint64_t case_no, uint64_t cap_l,
                              int64_t residual_l)
{
    const uint64_t size_l = (uint64_t)(residual_l < 0 ? -residual_l : residual_l);
    const int64_t litres = (int64_t)(size_l < cap_l ? size_l : cap_l);

    for (unsigned i = 0; i < m->n_cases; i++)
        if (m->cases[i] == case_no)
            return gasm_Refusal_USED;
    if (m->n_cases == AID_MODEL_CASES)
        return gasm_Refusal_OVERFLOW;
    if (residual_l > 0 && litres > 0 &&
        m->residual_l + litres > aid_model_param_of(m, MC_PARAM_BALANCE_MAX))
        return gasm_Refusal_OVERFLOW;
    *(residual_l < 0 ? &m->t.debited_l : &m->t.imported_l) += (uint64_t)litres;
    m->cases[m->n_cases++] = case_no;
    credited(m, residual_l < 0 ? -litres : litres);
    changed(m);
    return gasm_Refusal_OK;
}

bool aid_model_balances(const struct aid_model *m, const gasm_Totals *t, int64_t residual_l)
{
    const int64_t in_l = (int64_t)(t->purchased_l + t->imported_l + t->forgiven_l);
    const int64_t out_l =
        (int64_t)(m->consumed_l + t->cleared_l + t->exported_l + t->debited_l);

    return in_l == out_l + residual_l;
}
