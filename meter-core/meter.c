/* meter.c - the meter as a whole: birth, start, time, pulses; see meter.h. */
#include "meter-core/meter.h"

#include "meter-core/clock.h"
#include "meter-core/commands.h"
#include "meter-core/history.h"
#include "meter-core/link.h"
#include "meter-core/purge.h"
#include "meter-core/supply.h"
#include "meter-core/ticket.h"
#include "meter-core/valve.h"

#define INDEX_STEP_L 10             /* an index record at least this often */
#define FLOW_LOG_MS 3600000         /* between two events about flow that should not be */
#define TICK_IDLE_MS 1000
#define TICK_LINK_MS 250            /* while a central is connected */
#define TICK_VALVE_MS 20            /* while a grant is alive, the valve moves or is waited for */
#define UNSAVED_MAX_L 100           /* more than this off flash: no gas for the customer */

size_t mc_meter_size(void)
{
    return sizeof(struct mc_meter);
}

int mc_meter_manufacture(const struct mc_ports *ports, const struct mc_birth *birth)
{
    struct mc_journal found;
    struct mc_core core = {.meter_type = birth->meter_type,
                           .pulse_l = birth->pulse_l,
                           .life = (uint8_t)gasm_LifeState_FACTORY};
    size_t n;
    const struct mc_param_row *rows = mc_params(&n);
    int rc;

    if (gf_meter_id_check(birth->meter_id, NULL) != 0 ||
        (birth->pulse_l != 1 && birth->pulse_l != 10))
        return GF_E_FORMAT;
    if (!mc_journal_fits(&ports->nvm))
        return GF_E_STORE;
    if (mc_journal_open(&found, &ports->nvm) == 0)
        return GF_E_NOT_NOW;
    memcpy(core.meter_id, birth->meter_id, sizeof core.meter_id);
    memcpy(core.factory_key, birth->factory_key, sizeof core.factory_key);
    for (size_t i = 0; i < n; i++)
        core.params[i] = rows[i].def;
    rc = mc_store_create(&ports->nvm, &core);
    gf_wipe(&core, sizeof core);
    return rc;
}

/* What the log says of the program that runs: the first bytes of its digest. */
static void note_firmware(const struct mc_meter *m, struct mc_tx *tx)
{
    struct gf_reader r = {m->ports.firmware_digest, MC_HASH_LEN, false};
    uint64_t is;

    if (m->ports.firmware_digest == NULL)
        return;
    is = gf_rd_uint(&r, sizeof is);
    if (is == m->core.firmware)
        return;
    mc_tx_event(m, tx, MC_EVENT_FIRMWARE, (int64_t)is, (int64_t)m->core.firmware);
    tx->next.firmware = is;
}

/* The journal is read: what a reset means. */
static int wake(struct mc_meter *m)
{
    struct mc_tx tx;
    int rc;

    m->session_next = m->core.session_reserved;
    m->supply.typed_from_ms = mc_mono_ms(m);    /* the power's going does not shorten the wait */
    mc_store_begin(m, &tx);
    tx.next.starts++;
    mc_tx_event(m, &tx, MC_EVENT_RESET, (int64_t)tx.next.starts,
                (int64_t)m->core.grant_open | (int64_t)m->ports.reset_cause << 1);
    if (m->ports.fault_status != 0)
        mc_tx_event(m, &tx, MC_EVENT_PROGRAM_FAULT, m->ports.fault_address, m->ports.fault_status);
    note_firmware(m, &tx);
    rc = mc_store_change(m, &tx);
    gf_wipe(&tx, sizeof tx);
    return rc == 0 ? 0 : GF_E_STORE;
}

int mc_meter_start(struct mc_meter *m, const struct mc_ports *ports)
{
    struct gf_span unused;
    int rc;

    memset(m, 0, sizeof *m);
    m->ports = *ports;
    /* Shut first: recovery may take seconds when it has to erase. */
    if (mc_valve_state(m) == gasm_ValveState_VALVE_SHUT)
        m->drive.commanded = true;
    else
        mc_valve_want(m, false);
    rc = mc_store_recover(m);
    if (rc == 0)
        rc = wake(m);
    if (rc != 0) {
        gf_wipe(&m->core, sizeof m->core);
        gf_wipe(m->rec, sizeof m->rec);
        m->core.life = (uint8_t)gasm_LifeState_LIFE_UNKNOWN;
        m->journal.nvm = NULL;
        return GF_E_STORE;
    }
    m->usable = true;
    /* The time for the travel was not known yet when the order was given. */
    m->drive.travel_ms = mc_setting(&m->core, MC_PARAM_VALVE_TRAVEL) * 1000;
    if (m->core.grant_open != 0) {
        mc_purge_recover(m);
        (void)mc_purge_poll(m, &unused);
    }
    return 0;
}

/* The valve, and all that holds it open or waits for it. */
static void poll_valve(struct mc_meter *m)
{
    struct gf_span answer;

    mc_supply_poll(m);
    mc_valve_poll(m);
    if (mc_purge_poll(m, &answer))
        mc_link_answer(m, answer);
    if (mc_command_poll(m, &answer))
        mc_link_answer(m, answer);
}

/* An erase may stall the core for seconds, and with it what stops the motor at its end: never while
 * the valve is on its way. One that has not arrived in its time holds nothing up any longer: a
 * journal that cannot go on would be worse. */
static bool may_erase(const struct mc_meter *m)
{
    return mc_link_idle(m) && (!mc_valve_is_moving(m) || m->drive.fault_logged);
}

int mc_meter_tick(struct mc_meter *m)
{
    if (!m->usable) {
        mc_valve_poll(m);
        mc_link_poll(m);
        return TICK_LINK_MS;
    }
    poll_valve(m);
    mc_link_poll(m);
    poll_valve(m);
    mc_history_poll(m);
    if (may_erase(m))
        (void)mc_store_tidy(m);         /* tried again at the next tick */
    if (m->core.grant_open != 0 || m->later.waiting || mc_valve_is_moving(m))
        return TICK_VALVE_MS;
    return m->link.up ? TICK_LINK_MS : TICK_IDLE_MS;
}

static void log_flow_while_shut(struct mc_meter *m, uint64_t flowed_l)
{
    int64_t now_ms = mc_mono_ms(m);

    if (m->core.grant_open != 0 || !mc_valve_is_at_rest(m) ||
        (m->flow_logged && (mc_supply_locks(m) >> gasm_Lock_LOCK_VALVE & 1) != 0 &&
         now_ms - m->flow_logged_ms < FLOW_LOG_MS))
        return;
    mc_supply_note(m, MC_EVENT_FLOW_WHILE_SHUT, (int64_t)m->core.totals.index_l, (int64_t)flowed_l,
                   1u << gasm_Lock_LOCK_VALVE);
    m->flow_logged = true;
    m->flow_logged_ms = now_ms;
}

static void log_flow_when_closed(struct mc_meter *m)
{
    int64_t now_ms = mc_mono_ms(m);

    if (m->core.account_closed == 0 ||
        (m->closed_flow_logged && now_ms - m->closed_flow_ms < FLOW_LOG_MS))
        return;
    m->closed_flow_logged =
        mc_store_event(m, MC_EVENT_FLOW_CLOSED_ACCOUNT, (int64_t)m->core.totals.index_l,
                       (int64_t)m->core.totals.after_closing_l) == 0;
    m->closed_flow_ms = now_ms;
}

void mc_meter_pulse(struct mc_meter *m, uint32_t n)
{
    uint64_t flowed_l = (uint64_t)n * m->core.pulse_l;
    bool granted = m->core.grant_open != 0;

    if (!m->usable || n == 0)
        return;
    m->core.totals.index_l += flowed_l;
    if (granted)
        m->core.totals.purged_l += flowed_l;
    if (m->core.account_closed != 0)
        m->core.totals.after_closing_l += flowed_l;
    if ((granted || m->core.totals.index_l - m->index_saved_l >= INDEX_STEP_L) &&
        mc_store_index(m) != 0)
        mc_purge_end(m, gasm_PurgeEnd_PURGE_FAULT);
    if (m->core.totals.index_l - m->index_saved_l > UNSAVED_MAX_L)
        mc_supply_stop(m);
    mc_supply_pulse(m, n);
    log_flow_while_shut(m, flowed_l);
    log_flow_when_closed(m);
    poll_valve(m);
}

void mc_meter_balance(const struct mc_meter *m, gasm_Balance *ret)
{
    *ret = (gasm_Balance)gasm_Balance_init_zero;
    ret->has_totals = true;
    ret->totals = m->core.totals;
    ret->residual_l = mc_residual_l(&m->core.totals);
    ret->account_no = m->core.account_no;
    ret->state = (gasm_LifeState)m->core.life;
    ret->valve = mc_valve_state(m);
    ret->receipt_seq = m->core.receipt_seq;
    ret->token_seq = m->core.token_seq;
    ret->typed_wait_s = mc_typed_wait_s(m);
}

void mc_meter_identity(const struct mc_meter *m, gasm_Identity *ret)
{
    *ret = (gasm_Identity)gasm_Identity_init_zero;
    memcpy(ret->meter_id, m->core.meter_id, sizeof ret->meter_id);
    ret->state = (gasm_LifeState)m->core.life;
    ret->allowed = mc_commands_allowed(m);
    ret->active_epoch = m->core.active_epoch;
    ret->pending_epoch = m->core.pending_epoch;
    ret->account_no = m->core.account_no;
    ret->receipt_seq = m->core.receipt_seq;
    ret->clock_s = mc_clock_now_s(m);
    ret->clock_valid = mc_clock_state(m) == MC_CLOCK_VALID;
    ret->valve = mc_valve_state(m);
    ret->pulse_l = m->core.pulse_l;
    if (m->authenticated) {
        ret->purge_left_l = mc_ticket_purge_left_l(m);
        ret->uses_left = mc_ticket_uses_left(m);
    }
    ret->firmware = MC_FIRMWARE;
    ret->meter_type = m->core.meter_type;
    ret->locks = mc_supply_locks(m);
    ret->self_tested = m->core.self_tested != 0;
    ret->token_seq = m->core.token_seq;
}
