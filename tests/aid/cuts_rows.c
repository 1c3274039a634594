/* cuts_rows.c - what a meter does, one row each; see cuts.h. */
#include <stdlib.h>
#include <string.h>

#include "meter-core/history.h"
#include "meter-core/logs.h"
#include "tests/aid/cuts.h"

#define C(name) gasm_Command_##name
#define E(name) MC_EVENT_##name
#define NOTHING AID_STEPS

/* ---- commands of one request ---- */

static void factory_ticket(struct aid_life *l)
{
    l->ticket = aid_world_ticket(0, 1);
}

static void make_install_key(struct aid_life *l, gasm_Request *r)
{
    (void)l;
    r->which_body = gasm_Request_install_key_tag;
    r->body.install_key.envelope.size =
        (pb_size_t)aid_world_envelope(1, 0, r->body.install_key.envelope.bytes);
}

static void make_open_account(struct aid_life *l, gasm_Request *r)
{
    r->which_body = gasm_Request_open_account_tag;
    r->body.open_account.account_no = l->ticket.account_no;
}

static void make_zero_clear(struct aid_life *l, gasm_Request *r)
{
    r->which_body = gasm_Request_zero_clear_tag;
    r->body.zero_clear.residual_l = mc_residual_l(&l->before.core.totals);
}

static void make_set_clock(struct aid_life *l, gasm_Request *r)
{
    (void)l;
    r->which_body = gasm_Request_set_clock_tag;
    r->body.set_clock.utc_s = AID_UTC_MS / 1000 + 60;
}

static void make_set_parameters(struct aid_life *l, gasm_Request *r)
{
    (void)l;
    r->which_body = gasm_Request_set_parameters_tag;
    r->body.set_parameters.parameters_count = 2;
    r->body.set_parameters.parameters[0] =
        (gasm_Parameter){.id = MC_PARAM_CREDIT_LOW, .value = 6500};
    r->body.set_parameters.parameters[1] =
        (gasm_Parameter){.id = MC_PARAM_BATTERY_MIN, .value = 2950};
}

/* ---- what follows from a session ---- */

/* The first proof under a new key. */
int aid_life_prove(struct aid_life *l)
{
    gasm_Request r = aid_life_request(l, C(IDENTIFY), 0);
    int rc = aid_life_greet(l, &l->ticket);

    if (rc == 0)
        rc = aid_life_ask(l, &r);
    if (rc == 0 && l->w->answer.body.identity.active_epoch != l->ticket.epoch)
        return GF_E_MISMATCH;
    return rc;
}

/* The meter makes that operation's id. */
static void meter_activates(struct aid_life *l)
{
    if (mc_op_id_activation(&l->watch->port, AID_METER_ID, 1, l->op) != 0)
        abort();
}

static void high_floor(struct aid_life *l)
{
    l->ticket.serial = 60;
    l->ticket.serial_floor = 50;
}

/* The next session needs a new block of numbers. */
static void use_up_sessions(struct aid_life *l)
{
    while (l->w->meter->session_next < l->w->meter->core.session_reserved)
        if (aid_life_greet(l, &l->ticket) != 0)
            abort();
}

static int three_sessions(struct aid_life *l)
{
    int rc = 0;

    for (; rc == 0 && l->step < 3; l->step += rc == 0)
        rc = aid_life_prove(l);
    return rc;
}

/* Somebody with a ticket of another meter. */
static int refused_hello(struct aid_life *l)
{
    gasm_Ticket wrong = l->ticket;
    uint64_t events = l->w->meter->core.event_seq;
    int rc;

    wrong.meter_id[0] ^= 1;
    rc = aid_life_greet(l, &wrong);
    if (rc != GF_E_TICKET)
        return rc == 0 ? GF_E_MISMATCH : rc;
    aid_world_pass(l->w, 50);
    return l->w->flash.dead || l->w->meter->core.event_seq == events ? GF_E_LINK_LOST : 0;
}

static int count_event(void *ctx, uint32_t no, struct gf_reader *r)
{
    uint32_t *n = ctx;

    (void)no;
    n[1] += gf_rd_uint(r, 1) == n[0];
    return 0;
}

uint32_t aid_life_logged(struct aid_life *l, enum mc_event event)
{
    uint32_t n[2] = {(uint32_t)event, 0};

    if (mc_log_read(l->w->meter, MC_LOG_EVENTS, (uint32_t)l->before.core.event_seq + 1,
                    count_event, n) != 0)
        return UINT32_MAX;
    return n[1];
}

static const char *check_refused(struct aid_life *l)
{
    uint32_t n = aid_life_logged(l, E(REFUSED));

    return n >= 1 && n <= 1 + l->restarts ? NULL : "a refusal was not logged, or too often";
}

/* ---- what happens by itself ---- */

static int restart_once(struct aid_life *l)
{
    if (l->step++ == 0)
        l->w->flash.dead = true;
    return 0;
}

/* 37 litres, pulse by pulse. */
static int measure(struct aid_life *l)
{
    while (l->pulsed_l < 37) {
        l->pulsed_l += l->w->meter->core.pulse_l;
        mc_meter_pulse(l->w->meter, 1);
        if (l->w->flash.dead)
            return GF_E_LINK_LOST;
    }
    return 0;
}

static void sleep_a_day(struct aid_world *w)
{
    w->utc_ms += 86400000;
    w->mono_ms += 86400000;
}

/* Midnight of the gas day that ends a month. */
static void before_the_month(struct aid_life *l)
{
    const struct mc_core *core = &l->w->meter->core;
    uint32_t month;

    aid_world_pass(l->w, 20);
    month = core->month;
    while (core->month == month) {
        sleep_a_day(l->w);
        aid_world_pass(l->w, 20);
    }
    while (mc_gas_month(core->day) + 1 == core->month) {
        sleep_a_day(l->w);
        aid_world_pass(l->w, 20);
    }
}

static int midnight(struct aid_life *l)
{
    if (l->step++ == 0)
        sleep_a_day(l->w);
    aid_world_pass(l->w, 30);
    if (l->w->flash.dead)
        return GF_E_LINK_LOST;
    return l->w->meter->core.day == l->before.core.day + 1 ? 0 : GF_E_MISMATCH;
}

static const char *check_midnight(struct aid_life *l)
{
    const struct mc_core *core = &l->w->meter->core;

    if (core->day_no != l->before.core.day_no + 1)
        return "a day was not logged once";
    return core->month_no == l->before.core.month_no + 1 ? NULL : "a month was not logged once";
}

/* ---- purge grants ---- */

/* Begin the grant of this life; begun twice, it does not begin again. */
static int start_grant(struct aid_life *l, uint32_t volume_l, uint32_t limit_s)
{
    gasm_Request r = aid_life_request(l, C(PURGE_START), AID_CUT_OP);
    int rc = aid_life_greet(l, &l->ticket);

    l->w->supply_mv = 3600;
    r.which_body = gasm_Request_purge_start_tag;
    r.body.purge_start = (gasm_PurgeStart){.volume_l = volume_l, .limit_s = limit_s};
    return rc == 0 ? aid_life_ask(l, &r) : rc;
}

/* Keep it alive until `flowed_l`, or until it is over. */
static int keep_alive(struct aid_life *l, uint32_t flowed_l)
{
    gasm_Request r = aid_life_request(l, C(PURGE_KEEPALIVE), 0);

    for (;;) {
        int rc = aid_world_ask(l->w, &r);

        if (rc != 0)
            return rc;
        if (l->w->answer.result == gasm_Refusal_STATE && l->w->meter->core.grant_open == 0)
            return 0;
        if (l->w->answer.body.purge.flowed_l >= flowed_l)
            return 0;
        aid_world_pass(l->w, 500);
        if (l->w->flash.dead)
            return GF_E_LINK_LOST;
    }
}

static int purge_start(struct aid_life *l)
{
    int rc = start_grant(l, 20, 60);

    if (rc == 0)
        aid_world_pass(l->w, 2500);
    return l->w->flash.dead ? GF_E_LINK_LOST : rc;
}

static int purge_stop(struct aid_life *l)
{
    gasm_Request r = aid_life_request(l, C(PURGE_STOP), AID_CUT_OP_STOP);
    int rc = start_grant(l, 20, 60);

    if (rc == 0)
        rc = keep_alive(l, 3);
    return rc == 0 ? aid_life_ask(l, &r) : rc;
}

static int purge_volume(struct aid_life *l)
{
    int rc = start_grant(l, 3, 60);

    return rc == 0 ? keep_alive(l, UINT32_MAX) : rc;
}

static int purge_time(struct aid_life *l)
{
    int rc = start_grant(l, 20, 3);

    return rc == 0 ? keep_alive(l, UINT32_MAX) : rc;
}

static int purge_presence(struct aid_life *l)
{
    int rc = start_grant(l, 20, 60);

    if (rc == 0)
        aid_world_pass(l->w, 9000);
    return l->w->flash.dead ? GF_E_LINK_LOST : rc;
}

static int purge_fault(struct aid_life *l)
{
    int rc = start_grant(l, 20, 60);

    if (rc == 0)
        rc = keep_alive(l, 2);
    l->w->supply_mv = 2000;
    if (rc == 0)
        rc = keep_alive(l, UINT32_MAX);
    l->w->supply_mv = 3600;
    return rc;
}

/* How the grant of this row ends when nothing is cut. */
static gasm_PurgeEnd own_end(const struct aid_life *l)
{
    static const struct {
        int (*act)(struct aid_life *l);
        gasm_PurgeEnd end;
    } ends[] = {
        {purge_start, gasm_PurgeEnd_PURGE_LINK},   {purge_stop, gasm_PurgeEnd_PURGE_STOPPED},
        {purge_volume, gasm_PurgeEnd_PURGE_VOLUME}, {purge_time, gasm_PurgeEnd_PURGE_TIME},
        {purge_presence, gasm_PurgeEnd_PURGE_PRESENCE}, {purge_fault, gasm_PurgeEnd_PURGE_FAULT},
    };

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends[i].act == l->row->act)
            return ends[i].end;
    return gasm_PurgeEnd_PURGE_NOT_ENDED;
}

static const char *check_purge(struct aid_life *l)
{
    const struct mc_meter *m = l->w->meter;
    uint64_t counted_l = 0, purged_l = m->core.totals.purged_l - l->before.core.totals.purged_l;

    for (size_t i = 0; i < MC_COUNTED; i++)
        counted_l += m->uses[i].purged_l;
    if (m->core.grant_open != 0)
        return "the grant is still open";
    /* A call that failed may have ended the session, and the grant with it. */
    if (m->core.purge_end != own_end(l) && !l->patient &&
        (l->restarts == 0 || m->core.purge_end != gasm_PurgeEnd_PURGE_RESET))
        return "the grant's end has a wrong reason";
    if (counted_l != m->core.totals.purged_l)
        return "the ticket's purge volume is not what flowed";
    if (m->core.purge_flowed_l != purged_l)
        return "the grant's end does not say what flowed";
    if (m->core.receipt_seq != l->before.core.receipt_seq + 2)
        return "a grant has not two receipts";
    if (aid_life_logged(l, E(PURGE_STARTED)) != 1 || aid_life_logged(l, E(PURGE_ENDED)) != 1)
        return "a grant has not two events";
    return NULL;
}

#define STEADY AID_FLOW_NONE, false, NULL
#define LOOSE AID_FLOW_NONE, true, NULL
#define PURGE(name, act) \
    {name, AID_OPEN_ACCOUNT, NULL, NULL, act, check_purge, C(PURGE_START), E(NONE), 1, 0, \
     AID_FLOW_PURGE, true, NULL}

static const struct aid_cut_row rows[] = {
    {"install_key", NOTHING, factory_ticket, make_install_key, NULL, NULL, C(INSTALL_KEY),
     E(KEY_INSTALLED), 1, 0, STEADY},
    {"key_activation", AID_INSTALL_KEY, meter_activates, NULL, aid_life_prove, NULL,
     C(KEY_ACTIVATED), E(KEY_ACTIVATED), 0, 0, STEADY},
    {"open_account", AID_ACTIVATE, NULL, make_open_account, NULL, NULL, C(OPEN_ACCOUNT),
     E(ACCOUNT_OPENED), 1, 0, STEADY},
    PURGE("purge_start", purge_start),
    PURGE("purge_stop", purge_stop),
    PURGE("purge_volume", purge_volume),
    PURGE("purge_time", purge_time),
    PURGE("purge_presence", purge_presence),
    PURGE("purge_fault", purge_fault),
    {"zero_clear", AID_PURGE, NULL, make_zero_clear, NULL, NULL, C(ZERO_CLEAR), E(CREDIT_CLEARED),
     1, 0, STEADY},
    {"set_clock", AID_ZERO_CLEAR, NULL, make_set_clock, NULL, NULL, C(SET_CLOCK), E(CLOCK_SET), 1,
     0, STEADY},
    {"set_parameters", AID_SET_CLOCK, NULL, make_set_parameters, NULL, NULL, C(SET_PARAMETERS),
     E(PARAMETERS_SET), 1, 0, STEADY},
    {"commission", AID_SET_PARAMETERS, NULL, NULL, NULL, NULL, C(COMMISSION), E(COMMISSIONED), 1, 0,
     STEADY},
    {"serial_floor", AID_COMMISSION, high_floor, NULL, aid_life_prove, NULL, C(COMMAND_NONE),
     E(SERIAL_FLOOR), 0, 0, STEADY},
    {"sessions", AID_COMMISSION, use_up_sessions, NULL, three_sessions, NULL, C(COMMAND_NONE),
     E(NONE), 0, 0, STEADY},
    {"refused_hello", AID_COMMISSION, NULL, NULL, refused_hello, check_refused, C(COMMAND_NONE),
     E(NONE), 0, 0, LOOSE},
    {"start", AID_COMMISSION, NULL, NULL, restart_once, NULL, C(COMMAND_NONE), E(NONE), 0, 0,
     STEADY},
    {"pulses", AID_OPEN_ACCOUNT, NULL, NULL, measure, NULL, C(COMMAND_NONE), E(NONE), 0, 0,
     AID_FLOW_ANY, true, NULL},
    {"midnight", AID_COMMISSION, before_the_month, NULL, midnight, check_midnight, C(COMMAND_NONE),
     E(NONE), 0, 0, LOOSE},
};
#define ROWS (sizeof rows / sizeof rows[0])

const struct aid_cut_row *aid_cut_rows(size_t i)
{
    if (i < ROWS)
        return &rows[i];
    return i - ROWS < aid_cut_service_count ? &aid_cut_service_rows[i - ROWS] : NULL;
}

const struct aid_cut_row *aid_cut_row(const char *name)
{
    const struct aid_cut_row *row;

    for (size_t i = 0; (row = aid_cut_rows(i)) != NULL; i++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}
