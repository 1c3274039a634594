/* cmd_valve.c - valve_arm, valve_close, self_test; see commands.h and supply.h. */
#include "meter-core/commands.h"
#include "meter-core/supply.h"
#include "meter-core/valve.h"

/* ---- the customer's valve ---- */

int mc_cmd_valve_arm(struct mc_meter *m, struct mc_tx *tx)
{
    gasm_Supply *show = &m->response.body.supply;
    uint8_t lifted = m->core.locks;
    gasm_Refusal why;

    if ((m->ticket.rights >> gasm_Right_RIGHT_UNLOCK & 1) != 0)
        tx->next.locks = 0;
    why = mc_supply_judge(m, &tx->next);
    m->response.which_body = gasm_Response_supply_tag;
    mc_meter_supply(m, show);
    if (why != gasm_Refusal_OK)
        return (int)why;
    show->locks = 0;
    show->armed_s = (uint32_t)mc_setting(&m->core, MC_PARAM_ARMING_TIME);
    mc_tx_event(m, tx, MC_EVENT_ARMED, (int64_t)m->ticket.serial, lifted);
    return gasm_Refusal_OK;
}

int mc_cmd_valve_close(struct mc_meter *m, struct mc_tx *tx)
{
    gasm_Supply *show = &m->response.body.supply;

    /* It shuts first, whether or not the journal takes the record. */
    mc_supply_stop(m);
    m->response.which_body = gasm_Response_supply_tag;
    mc_meter_supply(m, show);
    mc_tx_event(m, tx, MC_EVENT_VALVE_CLOSED, (int64_t)m->ticket.serial,
                (int64_t)m->core.totals.index_l);
    return gasm_Refusal_OK;
}

/* ---- self-test ---- */

/* How far a reading of the journal came. */
struct reading {
    const struct mc_nvm *nvm;
    bool begun, good;
    uint32_t sequence;          /* of the record before */
};

/* Records carry on from each other: a number that is missing is a record that does not read back.
 * One that is there again is the copy that a start made. */
static int follow(void *ctx, const struct mc_record *record)
{
    struct reading *reading = ctx;
    uint8_t head[4];
    struct gf_reader r = {head, sizeof head, false};
    uint32_t sequence;

    if (reading->nvm->read(reading->nvm->ctx, record->addr - MC_JOURNAL_HEAD, head,
                           sizeof head) != 0)
        return GF_E_STORE;
    sequence = (uint32_t)gf_rd_uint(&r, sizeof head);
    if (reading->begun ? sequence - reading->sequence > 1
                       : record->type != MC_RECORD_SNAPSHOT)
        reading->good = false;
    reading->begun = true;
    reading->sequence = sequence;
    return 0;
}

static bool reads_back(const struct mc_meter *m)
{
    struct reading reading = {.nvm = &m->ports.nvm, .good = true};

    return mc_journal_replay(&m->journal, follow, &reading) == 0 && reading.begun &&
           reading.good && reading.sequence == m->journal.sequence;
}

int mc_cmd_self_test(struct mc_meter *m, struct mc_tx *tx)
{
    gasm_SelfTest *t = &m->response.body.self_test;

    if (!mc_command_wait_shut(m))
        return MC_LATER;
    m->response.which_body = gasm_Response_self_test_tag;
    *t = (gasm_SelfTest)gasm_SelfTest_init_zero;
    t->valve = mc_valve_state(m);
    if (!m->later.fault)
        t->travel_ms = (uint32_t)(m->later.shut_ms - m->later.began_ms);
    t->supply_mv = m->ports.supply_mv(m->ports.supply_ctx);
    t->temperature_dc = m->ports.temperature_dc(m->ports.supply_ctx);
    t->nvm_good = reads_back(m);
    t->erase_cycles = mc_journal_cycles(&m->journal);
    if (m->ports.firmware_digest != NULL)
        memcpy(t->firmware_digest, m->ports.firmware_digest, MC_HASH_LEN);
    t->passed = !m->later.fault && mc_valve_power(m) == MC_POWER_GOOD && t->nvm_good;
    tx->next.self_tested = t->passed;
    mc_tx_event(m, tx, MC_EVENT_SELF_TEST, t->passed, t->travel_ms);
    return gasm_Refusal_OK;
}
