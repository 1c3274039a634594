/* cmd_account.c - open_account, zero_clear, commission, read_balance; see commands.h. */
#include "meter-core/commands.h"

/* The answer's body once *core is in force. */
static void show_balance(struct mc_meter *m, const struct mc_core *core)
{
    gasm_Balance *b = &m->response.body.balance;

    m->response.which_body = gasm_Response_balance_tag;
    mc_meter_balance(m, b);
    b->totals = core->totals;
    b->residual_l = mc_residual_l(&core->totals);
    b->account_no = core->account_no;
    b->state = (gasm_LifeState)core->life;
}

int mc_cmd_open_account(struct mc_meter *m, struct mc_tx *tx)
{
    uint64_t account_no = m->request.body.open_account.account_no;
    gasm_Totals *t = &tx->next.totals;

    if (account_no == 0 || account_no != m->ticket.account_no)
        return gasm_Refusal_RIGHT;
    if (account_no <= m->core.account_no)
        return gasm_Refusal_OLD;
    *t = (gasm_Totals){.index_l = t->index_l,
                       .purged_l = t->purged_l,
                       .opening_index_l = t->index_l,
                       .opening_purged_l = t->purged_l};
    tx->next.account_no = account_no;
    tx->log = (struct mc_logged){.event = MC_EVENT_ACCOUNT_OPENED,
                                 .a = (int64_t)account_no,
                                 .b = (int64_t)m->core.account_no};
    show_balance(m, &tx->next);
    return gasm_Refusal_OK;
}

int mc_cmd_zero_clear(struct mc_meter *m, struct mc_tx *tx)
{
    int64_t residual_l = mc_residual_l(&m->core.totals);
    int64_t cleared_l = residual_l > 0 ? residual_l : 0;

    if (m->request.body.zero_clear.residual_l != residual_l) {
        show_balance(m, &m->core);
        return gasm_Refusal_STATE;
    }
    tx->next.totals.cleared_l += (uint64_t)cleared_l;
    if (tx->next.life == gasm_LifeState_PURGED)
        tx->next.life = (uint8_t)gasm_LifeState_CLEARED;
    tx->log = (struct mc_logged){.event = MC_EVENT_CREDIT_CLEARED, .a = cleared_l, .b = residual_l};
    show_balance(m, &tx->next);
    return gasm_Refusal_OK;
}

int mc_cmd_commission(struct mc_meter *m, struct mc_tx *tx)
{
    tx->next.life = (uint8_t)gasm_LifeState_IN_SERVICE;
    tx->log = (struct mc_logged){.event = MC_EVENT_COMMISSIONED,
                                 .a = (int64_t)m->core.account_no,
                                 .b = (int64_t)m->core.totals.index_l};
    show_balance(m, &tx->next);
    return gasm_Refusal_OK;
}

int mc_cmd_read_balance(struct mc_meter *m, struct mc_tx *tx)
{
    (void)tx;
    show_balance(m, &m->core);
    return gasm_Refusal_OK;
}
