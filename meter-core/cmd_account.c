/* cmd_account.c - open_account, zero_clear, commission, read_balance, reset_to_factory; see
 * commands.h. */
#include "meter-core/commands.h"

void mc_show_balance(struct mc_meter *m, const struct mc_core *core)
{
    gasm_Balance *b = &m->response.body.balance;

    m->response.which_body = gasm_Response_balance_tag;
    mc_meter_balance(m, b);
    b->totals = core->totals;
    b->residual_l = mc_residual_l(&core->totals);
    b->account_no = core->account_no;
    b->state = (gasm_LifeState)core->life;
    b->token_seq = core->token_seq;
}

int mc_cmd_open_account(struct mc_meter *m, struct mc_tx *tx)
{
    uint64_t account_no = m->request.body.open_account.account_no;
    gasm_Totals *t = &tx->next.totals;

    if (account_no == 0 || account_no != m->ticket.account_no)
        return gasm_Refusal_RIGHT;
    if (account_no <= m->core.account_no)
        return gasm_Refusal_OLD;
    /* What an account still holds does not vanish with it: clear it first. */
    if (m->core.account_no != 0 && m->core.account_closed == 0 &&
        mc_residual_l(&m->core.totals) > 0)
        return gasm_Refusal_STATE;
    *t = (gasm_Totals){.index_l = t->index_l,
                       .purged_l = t->purged_l,
                       .opening_index_l = t->index_l,
                       .opening_purged_l = t->purged_l};
    tx->next.account_no = account_no;
    tx->next.account_closed = 0;
    tx->next.closing_index_l = 0;
    tx->next.token_seq = 0;
    tx->next.typed_fails = 0;
    mc_tx_event(m, tx, MC_EVENT_ACCOUNT_OPENED, (int64_t)account_no, (int64_t)m->core.account_no);
    mc_show_balance(m, &tx->next);
    return gasm_Refusal_OK;
}

int mc_cmd_zero_clear(struct mc_meter *m, struct mc_tx *tx)
{
    int64_t residual_l = mc_residual_l(&m->core.totals);
    int64_t cleared_l = residual_l > 0 ? residual_l : 0;

    if (m->request.body.zero_clear.residual_l != residual_l) {
        mc_show_balance(m, &m->core);
        return gasm_Refusal_STATE;
    }
    tx->next.totals.cleared_l += (uint64_t)cleared_l;
    if (tx->next.life == gasm_LifeState_PURGED)
        tx->next.life = (uint8_t)gasm_LifeState_CLEARED;
    mc_tx_event(m, tx, MC_EVENT_CREDIT_CLEARED, cleared_l, residual_l);
    mc_show_balance(m, &tx->next);
    return gasm_Refusal_OK;
}

int mc_cmd_commission(struct mc_meter *m, struct mc_tx *tx)
{
    tx->next.life = (uint8_t)gasm_LifeState_IN_SERVICE;
    mc_tx_event(m, tx, MC_EVENT_COMMISSIONED, (int64_t)m->core.account_no,
                (int64_t)m->core.totals.index_l);
    mc_show_balance(m, &tx->next);
    return gasm_Refusal_OK;
}

int mc_cmd_read_balance(struct mc_meter *m, struct mc_tx *tx)
{
    (void)tx;
    mc_show_balance(m, &m->core);
    return gasm_Refusal_OK;
}

/* What a bench reset forgets: the parameters, a key that never became active, the self-test, locks.
 * Key epoch, account number, serial floor, receipts and counters survive. */
int mc_cmd_reset_to_factory(struct mc_meter *m, struct mc_tx *tx)
{
    bool scrap = m->request.body.reset_to_factory.scrap;
    struct mc_core *next = &tx->next;
    size_t n;
    const struct mc_param_row *rows = mc_params(&n);

    next->life = (uint8_t)(scrap ? gasm_LifeState_SCRAPPED : gasm_LifeState_FACTORY);
    next->params_were_set = 0;
    for (size_t i = 0; i < n; i++)
        next->params[i] = rows[i].def;
    next->pending_epoch = 0;
    gf_wipe(next->pending_key, MC_KEY_LEN);
    next->self_tested = 0;
    next->locks = 0;
    mc_tx_event(m, tx, MC_EVENT_FACTORY_RESET, scrap, (int64_t)m->core.account_no);
    mc_show_balance(m, next);
    return gasm_Refusal_OK;
}
