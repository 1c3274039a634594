/* valve.c - driving the valve; see valve.h. */
#include "meter-core/valve.h"

#include "meter-core/clock.h"
#include "meter-core/supply.h"

int64_t mc_setting(const struct mc_core *core, enum mc_param id)
{
    return core->params[id - 1];
}

enum mc_power mc_valve_power(const struct mc_meter *m)
{
    int64_t mv = m->ports.supply_mv(m->ports.supply_ctx);
    int64_t dc = m->ports.temperature_dc(m->ports.supply_ctx);

    if (mv < mc_setting(&m->core, MC_PARAM_BATTERY_MIN))
        return MC_POWER_BATTERY;
    if (dc < mc_setting(&m->core, MC_PARAM_TEMPERATURE_MIN) ||
        dc > mc_setting(&m->core, MC_PARAM_TEMPERATURE_MAX))
        return MC_POWER_TEMPERATURE;
    return MC_POWER_GOOD;
}

enum mc_owner mc_valve_owner(const struct mc_meter *m)
{
    if (m->core.grant_open != 0)
        return m->purge.closing ? MC_OWNER_NOBODY : MC_OWNER_GRANT;
    return m->core.life == gasm_LifeState_IN_SERVICE ? MC_OWNER_CUSTOMER : MC_OWNER_NOBODY;
}

gasm_ValveState mc_valve_state(const struct mc_meter *m)
{
    return m->ports.valve.state(m->ports.valve.ctx);
}

bool mc_valve_is_shut(const struct mc_meter *m)
{
    /* Just after an order to open, the end switch still says shut: so the order counts too. */
    return !m->drive.want_open && m->drive.commanded &&
           mc_valve_state(m) == gasm_ValveState_VALVE_SHUT;
}

bool mc_valve_is_at_rest(const struct mc_meter *m)
{
    return mc_valve_is_shut(m) && m->drive.resting &&
           mc_mono_ms(m) - m->drive.shut_ms >= MC_SETTLE_MS;
}

bool mc_valve_is_moving(const struct mc_meter *m)
{
    return m->drive.want_open ? mc_valve_state(m) != gasm_ValveState_VALVE_OPEN
                              : !mc_valve_is_shut(m);
}

static void give_order(struct mc_meter *m)
{
    if (m->ports.valve.drive(m->ports.valve.ctx, m->drive.want_open) != 0)
        return;
    m->drive.commanded = true;
    m->drive.since_ms = mc_mono_ms(m);
    m->drive.travel_ms = mc_setting(&m->core, MC_PARAM_VALVE_TRAVEL) * 1000;
}

void mc_valve_want(struct mc_meter *m, bool open)
{
    open = open && mc_valve_owner(m) != MC_OWNER_NOBODY;
    if (open == m->drive.want_open && m->drive.commanded)
        return;
    m->drive.want_open = open;
    m->drive.commanded = false;
    give_order(m);
}

/* Since when has it been shut? */
static void note_rest(struct mc_meter *m)
{
    bool shut = mc_valve_is_shut(m);

    if (shut && !m->drive.resting)
        m->drive.shut_ms = mc_mono_ms(m);
    m->drive.resting = shut;
}

void mc_valve_poll(struct mc_meter *m)
{
    struct mc_drive *d = &m->drive;
    gasm_ValveState state = mc_valve_state(m);

    if (d->want_open && mc_valve_owner(m) == MC_OWNER_NOBODY)
        mc_valve_want(m, false);
    if (d->want_open && !d->commanded && mc_valve_power(m) != MC_POWER_GOOD)
        mc_valve_want(m, false);
    if (!d->commanded)
        give_order(m);
    note_rest(m);
    if (d->want_open || state == gasm_ValveState_VALVE_SHUT) {
        d->fault_logged = d->fault_logged && d->want_open;
        return;
    }
    if (!d->commanded || mc_mono_ms(m) - d->since_ms < d->travel_ms)
        return;
    if (!d->fault_logged)
        mc_supply_note(m, MC_EVENT_VALVE_FAULT, (int64_t)state, (int64_t)m->core.totals.index_l,
                       1u << gasm_Lock_LOCK_VALVE);
    d->fault_logged = true;
    give_order(m);      /* again, and again */
}
