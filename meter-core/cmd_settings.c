/* cmd_settings.c - set_clock, set_parameters, get_parameters; see commands.h. */
#include "meter-core/clock.h"
#include "meter-core/commands.h"

int mc_cmd_set_clock(struct mc_meter *m, struct mc_tx *tx)
{
    const struct gf_clock *rtc = m->ports.clock;
    int64_t new_s = m->request.body.set_clock.utc_s;
    int64_t old_s = mc_clock_now_s(m);

    /* A laptop cannot revive its own ticket: neither outside its window nor below the floor, which
     * is never below 0 (docs/security.md says what remains). */
    if (new_s < m->ticket.not_before_s || new_s > m->ticket.not_after_s || new_s < m->core.floor_s)
        return gasm_Refusal_CLOCK;
    if (new_s > MC_CLOCK_MAX_S)
        return gasm_Refusal_RANGE;
    tx->next.clock_offset_ms = new_s * 1000 - rtc->utc_ms(rtc->ctx);
    tx->next.clock_was_set = 1;
    tx->next.floor_s = new_s;
    mc_tx_event(m, tx, MC_EVENT_CLOCK_SET, old_s, new_s);
    m->response.which_body = gasm_Response_clock_set_tag;
    m->response.body.clock_set = (gasm_ClockSet){.old_s = old_s,
                                                 .new_s = new_s,
                                                 .old_valid = mc_clock_state(m) == MC_CLOCK_VALID};
    return gasm_Refusal_OK;
}

static bool named_before(const gasm_SetParameters *set, pb_size_t at)
{
    for (pb_size_t i = 0; i < at; i++)
        if (set->parameters[i].id == set->parameters[at].id)
            return true;
    return false;
}

int mc_cmd_set_parameters(struct mc_meter *m, struct mc_tx *tx)
{
    const gasm_SetParameters *set = &m->request.body.set_parameters;
    int64_t changed = 0;
    uint32_t last = 0;

    if (set->parameters_count == 0)
        return gasm_Refusal_RANGE;
    for (pb_size_t i = 0; i < set->parameters_count; i++) {
        const gasm_Parameter *p = &set->parameters[i];
        const struct mc_param_row *row = mc_param_row(p->id);

        if (row == NULL || p->value < row->min || p->value > row->max || named_before(set, i)) {
            m->response.place = p->id;
            return gasm_Refusal_RANGE;
        }
        if (tx->next.params[p->id - 1] != p->value) {
            changed++;
            last = p->id;
        }
        tx->next.params[p->id - 1] = p->value;
    }
    tx->next.params_were_set = 1;
    mc_tx_event(m, tx, MC_EVENT_PARAMETERS_SET, changed, last);
    return gasm_Refusal_OK;
}

int mc_cmd_get_parameters(struct mc_meter *m, struct mc_tx *tx)
{
    gasm_Parameters *p = &m->response.body.parameters;

    (void)tx;
    m->response.which_body = gasm_Response_parameters_tag;
    p->parameters_count = (pb_size_t)MC_PARAM_COUNT;
    for (uint32_t id = 1; id <= MC_PARAM_COUNT; id++)
        p->parameters[id - 1] = (gasm_Parameter){.id = id, .value = m->core.params[id - 1]};
    return gasm_Refusal_OK;
}
