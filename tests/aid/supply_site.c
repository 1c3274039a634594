/* supply_site.c - a meter in service, its customer and a technician; see supply_site.h. */
#include "tests/aid/supply_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/logs.h"

#define YEAR_S 31557600

struct supply_site supply_make(uint32_t pulse_l, uint64_t credit_l)
{
    struct supply_site s = {.w = aid_story_opened(pulse_l, AID_COMMISSION), .op = 5000};

    s.technician = aid_world_ticket(1, 3);
    s.technician.use_count = UINT32_MAX;
    s.technician.not_after_s = AID_UTC_MS / 1000 + 30LL * YEAR_S;
    s.customer = s.technician;
    s.customer.serial = 4;
    s.customer.role = gasm_Role_CUSTOMER;
    s.customer.rights = 1u << gasm_Right_RIGHT_READ | 1u << gasm_Right_RIGHT_VALVE;
    s.w->flow_l_per_h = 0;
    s.w->flow_rest = 0;
    aid_world_pass(s.w, 5000);
    supply_credit(&s, (int64_t)credit_l);
    supply_mark(&s);
    return s;
}

void supply_finish(struct supply_site *s)
{
    aid_world_free(s->w);
}

/* Persist what stands in *tx. */
static void commit(struct supply_site *s, struct mc_tx *tx)
{
    assert_int_equal(mc_store_change(s->w->meter, tx), 0);
}

void supply_credit(struct supply_site *s, int64_t residual_l)
{
    struct mc_tx tx;
    int64_t rise_l = residual_l - mc_residual_l(&s->w->meter->core.totals);

    mc_store_begin(s->w->meter, &tx);
    if (rise_l > 0)
        tx.next.totals.purchased_l += (uint64_t)rise_l;
    else
        tx.next.totals.debited_l += (uint64_t)-rise_l;
    commit(s, &tx);
}

void supply_set(struct supply_site *s, enum mc_param id, int64_t value)
{
    struct mc_tx tx;

    mc_store_begin(s->w->meter, &tx);
    tx.next.params[id - 1] = value;
    commit(s, &tx);
}

void supply_lock(struct supply_site *s, uint8_t locks)
{
    struct mc_tx tx;

    mc_store_begin(s->w->meter, &tx);
    tx.next.locks = locks;
    commit(s, &tx);
}

gasm_Refusal supply_ask(struct supply_site *s, const gasm_Ticket *ticket, gasm_Command command)
{
    static const gasm_Command reads[] = {gasm_Command_IDENTIFY, gasm_Command_READ_BALANCE,
                                         gasm_Command_GET_PARAMETERS};
    struct aid_pass pass = aid_world_pass_of(ticket);
    uint32_t op = s->op++;
    gasm_Request r;

    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++)
        if (command == reads[i])
            op = 0;
    aid_world_connect(s->w, 247);
    assert_int_equal(aid_world_hello(s->w, &pass), 0);
    r = aid_request(s->w, command, op);
    assert_int_equal(aid_world_ask(s->w, &r), 0);
    return s->w->answer.result;
}

void supply_open(struct supply_site *s)
{
    assert_int_equal(supply_ask(s, &s->customer, gasm_Command_VALVE_ARM), gasm_Refusal_OK);
    aid_world_disconnect(s->w);
    mc_meter_button(s->w->meter);
    aid_world_leap(s->w, s->w->valve.travel_ms + s->w->valve.lag_ms + 40);
    assert_int_equal(s->w->valve.state, gasm_ValveState_VALVE_OPEN);
}

void supply_mark(struct supply_site *s)
{
    s->from_event = s->w->meter->core.event_seq + 1;
}

struct counting {
    enum mc_event event;
    uint32_t found;
    int64_t a, b;
};

static int count_one(void *ctx, uint32_t no, struct gf_reader *r)
{
    struct counting *c = ctx;
    uint64_t code = gf_rd_uint(r, 1);

    (void)no;
    (void)gf_rd(r, 5);
    if (code != c->event)
        return 0;
    c->found++;
    c->a = (int64_t)gf_rd_uint(r, 8);
    c->b = (int64_t)gf_rd_uint(r, 8);
    return 0;
}

uint32_t supply_events(struct supply_site *s, enum mc_event event, int64_t *ret_a, int64_t *ret_b)
{
    struct counting c = {.event = event};

    if (s->from_event <= s->w->meter->core.event_seq)
        assert_int_equal(mc_log_read(s->w->meter, MC_LOG_EVENTS, (uint32_t)s->from_event,
                                     count_one, &c),
                         0);
    if (ret_a != NULL)
        *ret_a = c.a;
    if (ret_b != NULL)
        *ret_b = c.b;
    return c.found;
}

gasm_Supply supply_now(const struct supply_site *s)
{
    gasm_Supply now;

    mc_meter_supply(s->w->meter, &now);
    return now;
}

bool supply_is_shut(const struct supply_site *s)
{
    const struct aid_valve *v = &s->w->valve;

    return v->state == gasm_ValveState_VALVE_SHUT && !(v->ordered && v->opening) &&
           !s->w->meter->drive.want_open;
}
