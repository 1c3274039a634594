/* valve.c - driving the valve; see valve.h. */
#include "meter-core/valve.h"

#include "meter-core/clock.h"
#include "meter-core/store.h"

static int64_t param(const struct mc_meter *m, enum mc_param id)
{
    return m->core.params[id - 1];
}

enum mc_power mc_valve_power(const struct mc_meter *m)
{
    int64_t mv = m->ports.supply_mv(m->ports.supply_ctx);
    int64_t dc = m->ports.temperature_dc(m->ports.supply_ctx);

    if (mv < param(m, MC_PARAM_BATTERY_MIN))
        return MC_POWER_BATTERY;
    if (dc < param(m, MC_PARAM_TEMPERATURE_MIN) || dc > param(m, MC_PARAM_TEMPERATURE_MAX))
        return MC_POWER_TEMPERATURE;
    return MC_POWER_GOOD;
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

static void give_order(struct mc_meter *m)
{
    if (m->ports.valve.drive(m->ports.valve.ctx, m->drive.want_open) != 0)
        return;
    m->drive.commanded = true;
    m->drive.since_ms = mc_mono_ms(m);
}

void mc_valve_want(struct mc_meter *m, bool open)
{
    if (!open && mc_valve_is_shut(m))
        return;
    m->drive.want_open = open;
    m->drive.commanded = false;
    give_order(m);
}

void mc_valve_poll(struct mc_meter *m)
{
    struct mc_drive *d = &m->drive;
    gasm_ValveState state = mc_valve_state(m);

    if (!d->commanded)
        give_order(m);
    if (d->want_open || state == gasm_ValveState_VALVE_SHUT) {
        d->fault_logged = d->fault_logged && d->want_open;
        return;
    }
    if (!d->commanded || mc_mono_ms(m) - d->since_ms < param(m, MC_PARAM_VALVE_TRAVEL) * 1000)
        return;
    if (!d->fault_logged)
        d->fault_logged = mc_store_event(m, MC_EVENT_VALVE_FAULT, (int64_t)state,
                                         (int64_t)m->core.totals.index_l) == 0;
    give_order(m);      /* again, and again */
}
