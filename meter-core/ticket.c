/* ticket.c - judging a ticket, and counting what it was used for; see ticket.h. */
#include "meter-core/ticket.h"

#include "meter-core/clock.h"

gasm_Refusal mc_ticket_time(const struct mc_meter *m, const gasm_Ticket *t)
{
    int64_t now_s = mc_clock_judge_s(m);

    /* A clock that was never set stands at 0, one that is lost at its floor: either can tell that a
     * time has passed, neither that it has not come yet. */
    if (now_s > t->not_after_s)
        return gasm_Refusal_OLD;
    if (mc_clock_state(m) == MC_CLOCK_VALID && now_s < t->not_before_s)
        return gasm_Refusal_CLOCK;
    return gasm_Refusal_OK;
}

const uint8_t *mc_ticket_root(const struct mc_meter *m, const gasm_Ticket *t)
{
    if (t->epoch == 0)
        return m->core.factory_key;
    if (t->epoch == m->core.active_epoch)
        return m->core.active_key;
    return t->epoch == m->core.pending_epoch ? m->core.pending_key : NULL;
}

gasm_Refusal mc_ticket_judge(const struct mc_meter *m, const gasm_Ticket *t)
{
    if (memcmp(t->meter_id, m->core.meter_id, sizeof t->meter_id) != 0)
        return gasm_Refusal_WRONG_METER;
    if (mc_ticket_root(m, t) == NULL ||
        (t->epoch == 0 && t->installs_epoch <= m->core.active_epoch))
        return gasm_Refusal_KEY_EXPIRED;
    if (t->role != gasm_Role_CUSTOMER && t->serial < m->core.serial_floor)
        return gasm_Refusal_OLD;
    return mc_ticket_time(m, t);
}

uint32_t mc_ticket_scope(const gasm_Ticket *t)
{
    return t->epoch == 0 ? MC_SCOPE_FACTORY | t->installs_epoch : t->epoch;
}

int mc_ticket_place(const struct mc_meter *m, uint64_t serial, uint32_t scope)
{
    for (int i = 0; i < MC_COUNTED; i++)
        if (m->uses[i].scope == scope && m->uses[i].serial == serial)
            return i;
    return -1;
}

/* True when no session can ever use that ticket again. The clock may be set back as far as its
 * floor, so only the floor makes a ticket expired for ever. */
static bool is_void(const struct mc_meter *m, const struct mc_use *use)
{
    uint32_t epoch = use->scope & ~MC_SCOPE_FACTORY;

    if ((use->scope & MC_SCOPE_FACTORY) != 0 ? epoch <= m->core.active_epoch
                                             : epoch < m->core.active_epoch)
        return true;
    return m->core.floor_s > (int64_t)use->not_after_s && use->not_after_s != UINT32_MAX;
}

/* A free place, or one of a ticket that is void; -1 when there is none. */
static int new_place(const struct mc_meter *m)
{
    for (int i = 0; i < MC_COUNTED; i++)
        if (m->uses[i].scope == 0 || is_void(m, &m->uses[i]))
            return i;
    return -1;
}

/* The end of a ticket's window: not below 0, or it would have expired before the session began. */
static uint32_t capped(int64_t not_after_s)
{
    return not_after_s > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)not_after_s;
}

gasm_Refusal mc_ticket_use(const struct mc_meter *m, struct mc_tx *tx)
{
    const gasm_Ticket *t = &m->ticket;
    int place = mc_ticket_place(m, t->serial, mc_ticket_scope(t));
    struct mc_use use = {t->serial, mc_ticket_scope(t), 0, 0, capped(t->not_after_s)};

    if (m->use_counted)
        return gasm_Refusal_OK;
    if (place >= 0)
        use = m->uses[place];
    if (use.uses >= t->use_count)
        return gasm_Refusal_USED;
    if (place < 0)
        place = new_place(m);
    if (place < 0)
        return gasm_Refusal_OVERFLOW;
    if (tx != NULL) {
        use.uses++;
        tx->slot = place;
        tx->use = use;
    }
    return gasm_Refusal_OK;
}

uint32_t mc_ticket_uses_left(const struct mc_meter *m)
{
    int place = mc_ticket_place(m, m->ticket.serial, mc_ticket_scope(&m->ticket));
    uint32_t used = place < 0 ? 0 : m->uses[place].uses;

    return m->ticket.use_count > used ? m->ticket.use_count - used : 0;
}

uint32_t mc_ticket_purge_left_l(const struct mc_meter *m)
{
    int place = mc_ticket_place(m, m->ticket.serial, mc_ticket_scope(&m->ticket));
    uint32_t used_l = place < 0 ? 0 : m->uses[place].purged_l;

    return m->ticket.purge_volume_l > used_l ? m->ticket.purge_volume_l - used_l : 0;
}
