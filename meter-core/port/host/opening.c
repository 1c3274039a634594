/* opening.c - an opening as a table of requests; see opening.h. */
#include "meter-core/port/host/opening.h"

#include <stdio.h>
#include <string.h>

#include "common/ids.h"
#include "meter-core/commands.h"
#include "meter-core/port/host/words.h"
#include "meter-core/token.h"

#define ACCOUNT_NO 1
#define PURGE_L 50
#define PURGE_S 120
#define PURGE_FLOW_L_PER_H 6000
#define KEEP_ALIVE_MS 2000
#define LIFE_S 86400                /* of the tickets */
#define WATCH_MAX_S 86400

/* An opening that goes on. */
struct opening {
    struct gm_client *c;
    struct gm_inproc *m;
    const struct mc_birth *birth;
    uint8_t account_key[MC_KEY_LEN];
    int64_t credit_l;
    struct gm_opened so_far;
    struct gf_fail *why;
};

/* The request's body, and what has to be done before it is sent or after it was answered. */
typedef int fill(struct opening *o, gasm_Request *r);
typedef int then(struct opening *o);

static int64_t utc_s(const struct opening *o)
{
    return o->m->clock.utc_ms(o->m->clock.ctx) / 1000;
}

/* ---- asking ---- */

static const char *command_name(gasm_Command command)
{
    size_t n;
    const struct mc_command_row *rows = mc_commands(&n);

    for (size_t i = 0; i < n; i++)
        if (rows[i].id == command)
            return rows[i].name;
    return "command";
}

static int ask(struct opening *o, gasm_Command command, fill *body)
{
    gasm_Request r = gasm_Request_init_zero;
    const struct gm_world *world = o->m->world;
    int code;

    r.command = command;
    r.base_receipt_seq = o->c->answer.receipt_seq;
    code = body != NULL ? body(o, &r) : 0;
    if (code == 0 && r.op_id.size > 0)
        code = gf_uuid7(world->clock, world->random, r.op_id.bytes);
    if (code == 0)
        code = gm_client_ask(o->c, &r);
    if (code != 0)
        return gf_fail(o->why, code, command_name(command), "");
    if (o->c->answer.result != gasm_Refusal_OK)
        return gf_fail(o->why, GF_E_REFUSED, command_name(command),
                       gm_refusal_word(o->c->answer.result));
    o->so_far.requests++;
    return 0;
}

/* A session under a new ticket of this epoch, signed with its key. */
static int greet(struct opening *o, uint32_t epoch, const uint8_t root[static MC_KEY_LEN])
{
    gasm_Ticket t = {.subject = "in-process", .role = gasm_Role_INSTALLER, .rights = 0x7FFFFFFF,
                     .not_before_s = utc_s(o) - LIFE_S, .not_after_s = utc_s(o) + LIFE_S,
                     .epoch = epoch, .serial = epoch + 1, .use_count = 100,
                     .account_no = ACCOUNT_NO, .purge_volume_l = 2 * PURGE_L,
                     .purge_grant_s = PURGE_S, .installs_epoch = epoch == 0 ? 1 : 0};
    uint8_t bytes[MC_TICKET_MAX], key[MC_KEY_LEN];
    int n, r;

    memcpy(t.meter_id, o->birth->meter_id, sizeof t.meter_id);
    n = mc_ticket_encode(&t, bytes, sizeof bytes);
    if (n < 0)
        return gf_fail(o->why, n, "ticket", o->birth->meter_id);
    r = mc_ticket_key(o->m->world->crypto, root, (struct gf_span){bytes, (size_t)n}, key);
    if (r == 0)
        r = gm_client_connect(o->c, o->m);
    if (r == 0)
        r = gm_client_hello(o->c, (struct gf_span){bytes, (size_t)n}, key);
    gf_wipe(key, sizeof key);
    if (r != 0)
        return gf_fail(o->why, r, "hello", r == GF_E_TICKET
                                               ? gm_refusal_word(o->c->refusal.reason) : "");
    o->so_far.sessions++;
    return 0;
}

/* ---- bodies ---- */

/* It changes something: it needs an operation id. */
static int change(struct opening *o, gasm_Request *r)
{
    (void)o;
    r->op_id.size = GF_UUID_LEN;
    return 0;
}

static int key_body(struct opening *o, gasm_Request *r)
{
    const struct gm_world *world = o->m->world;
    struct mc_wrap wrap = {.meter_id = o->birth->meter_id, .epoch = 1, .wrap_epoch = 0,
                           .wrap_root = o->birth->factory_key};
    int n;

    r->which_body = gasm_Request_install_key_tag;
    n = mc_envelope_seal(world->crypto, &wrap, o->account_key,
                         r->body.install_key.envelope.bytes,
                         sizeof r->body.install_key.envelope.bytes);
    r->body.install_key.envelope.size = n < 0 ? 0 : (pb_size_t)n;
    return n < 0 ? n : change(o, r);
}

static int account_body(struct opening *o, gasm_Request *r)
{
    r->which_body = gasm_Request_open_account_tag;
    r->body.open_account.account_no = ACCOUNT_NO;
    return change(o, r);
}

static int purge_body(struct opening *o, gasm_Request *r)
{
    r->which_body = gasm_Request_purge_start_tag;
    r->body.purge_start = (gasm_PurgeStart){.volume_l = PURGE_L, .limit_s = PURGE_S};
    gm_body_set_flow(&o->m->body, PURGE_FLOW_L_PER_H);
    return change(o, r);
}

static int clear_body(struct opening *o, gasm_Request *r)
{
    r->which_body = gasm_Request_zero_clear_tag;
    r->body.zero_clear.residual_l = o->so_far.balance.residual_l;
    return change(o, r);
}

static int clock_body(struct opening *o, gasm_Request *r)
{
    r->which_body = gasm_Request_set_clock_tag;
    r->body.set_clock.utc_s = utc_s(o);
    return change(o, r);
}

static int parameters_body(struct opening *o, gasm_Request *r)
{
    r->which_body = gasm_Request_set_parameters_tag;
    r->body.set_parameters.parameters_count = 1;
    r->body.set_parameters.parameters[0] = (gasm_Parameter){.id = MC_PARAM_CREDIT_LOW,
                                                            .value = o->credit_l / 20};
    return change(o, r);
}

/* The meter derives the operation id of a recharge itself. */
static int token_body(struct opening *o, gasm_Request *r)
{
    struct mc_token_for to = {o->birth->meter_id, 1, o->account_key};
    gasm_Token token = {.account_no = ACCOUNT_NO, .sequence = 1,
                        .purchased_l = (uint64_t)o->credit_l};
    int n;

    r->which_body = gasm_Request_recharge_tag;
    n = mc_token_seal(o->m->world->crypto, &to, &token, r->body.recharge.token.bytes,
                      sizeof r->body.recharge.token.bytes);
    r->body.recharge.token.size = n < 0 ? 0 : (pb_size_t)n;
    return n < 0 ? n : 0;
}

/* ---- between the requests ---- */

/* Be present until gas has flowed. */
static int watch_purge(struct opening *o)
{
    int r = 0;

    for (int i = 0; r == 0 && i < PURGE_S * 1000 / KEEP_ALIVE_MS; i++) {
        r = ask(o, gasm_Command_PURGE_KEEPALIVE, NULL);
        if (r == 0 && o->c->answer.body.purge.flowed_l > 0)
            return 0;
        gm_inproc_skip(o->m, KEEP_ALIVE_MS);
    }
    return r != 0 ? r : gf_fail(o->why, GF_E_LINK_TIMEOUT, "purge", "no gas came");
}

static int gas_off(struct opening *o)
{
    gm_body_set_flow(&o->m->body, 0);
    return 0;
}

static int note_balance(struct opening *o)
{
    o->so_far.balance = o->c->answer.body.balance;
    return 0;
}

static const struct step {
    gasm_Command command;
    fill *body;
    then *after;
} key_steps[] = {
    {gasm_Command_IDENTIFY, NULL, NULL},
    {gasm_Command_INSTALL_KEY, key_body, NULL},
}, account_steps[] = {
    {gasm_Command_IDENTIFY, NULL, NULL},        /* its proof makes the new key the active one */
    {gasm_Command_OPEN_ACCOUNT, account_body, NULL},
    {gasm_Command_PURGE_START, purge_body, watch_purge},
    {gasm_Command_PURGE_STOP, change, gas_off},
    {gasm_Command_READ_BALANCE, NULL, note_balance},
    {gasm_Command_ZERO_CLEAR, clear_body, NULL},
    {gasm_Command_SET_CLOCK, clock_body, NULL},
    {gasm_Command_SET_PARAMETERS, parameters_body, NULL},
    {gasm_Command_COMMISSION, change, NULL},
    {gasm_Command_RECHARGE, token_body, NULL},  /* arms the valve */
    {gasm_Command_READ_BALANCE, NULL, note_balance},
};

static int do_steps(struct opening *o, const struct step *steps, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        r = ask(o, steps[i].command, steps[i].body);
        if (r == 0 && steps[i].after != NULL)
            r = steps[i].after(o);
    }
    return r;
}

/* The customer opens the valve, and waits with the appliances until the leak watch is over. */
static int light_up(struct opening *o)
{
    gasm_Supply supply;

    mc_meter_button(o->m->meter);
    for (int i = 0; i < WATCH_MAX_S; i++) {
        mc_meter_supply(o->m->meter, &supply);
        if (supply.valve == gasm_ValveState_VALVE_OPEN && supply.watch_s == 0)
            return 0;
        gm_inproc_skip(o->m, 1000);
    }
    return gf_fail(o->why, GF_E_REFUSED, "button", gm_valve_word(supply.valve));
}

int gm_open_account(struct gm_client *c, struct gm_inproc *m, const struct mc_birth *birth,
                    int64_t credit_l, struct gm_opened *ret, struct gf_fail *why)
{
    struct opening o = {.c = c, .m = m, .birth = birth, .credit_l = credit_l, .why = why};
    const struct gf_random *random = m->world->random;
    int r = random->fill(random->ctx, o.account_key, sizeof o.account_key);

    c->answer = (gasm_Response)gasm_Response_init_zero;
    if (r != 0)
        (void)gf_fail(why, r, "account key", "");
    if (r == 0)
        r = greet(&o, 0, birth->factory_key);
    if (r == 0)
        r = do_steps(&o, key_steps, sizeof key_steps / sizeof key_steps[0]);
    if (r == 0)
        r = greet(&o, 1, o.account_key);
    if (r == 0)
        r = do_steps(&o, account_steps, sizeof account_steps / sizeof account_steps[0]);
    gm_client_leave(c);
    if (r == 0)
        r = light_up(&o);
    gf_wipe(o.account_key, sizeof o.account_key);
    *ret = o.so_far;
    return r;
}
