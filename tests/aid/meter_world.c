/* meter_world.c - a meter and its client in one process; see meter_world.h. */
#include "tests/aid/meter_world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "meter-core/port/openssl/crypto.h"

#define HOUR_MS 3600000
#define STEP_MS 10              /* of simulated time */
#define ANSWER_MS 40000         /* a client's patience */

/* ---- ports ---- */

static int64_t utc_ms(void *ctx)
{
    return ((struct aid_world *)ctx)->utc_ms;
}

static int64_t mono_ms(void *ctx)
{
    return ((struct aid_world *)ctx)->mono_ms;
}

static int valve_drive(void *ctx, bool open)
{
    struct aid_world *w = ctx;
    struct aid_valve *v = &w->valve;

    if (v->state == gasm_ValveState_VALVE_MOVING || v->ordered)
        return GF_E_NOT_NOW;
    *(open ? &v->opened : &v->shut) += 1;
    if (v->stuck)
        return 0;
    v->opening = open;
    v->until_ms = w->mono_ms + v->lag_ms + v->travel_ms;
    v->ordered = v->lag_ms > 0;
    if (!v->ordered)
        v->state = gasm_ValveState_VALVE_MOVING;
    return 0;
}

static gasm_ValveState valve_state(void *ctx)
{
    return ((struct aid_world *)ctx)->valve.state;
}

static uint16_t supply_mv(void *ctx)
{
    return ((struct aid_world *)ctx)->supply_mv;
}

static int16_t temperature_dc(void *ctx)
{
    return ((struct aid_world *)ctx)->temperature_dc;
}

/* ---- the world ---- */

static void wire(struct aid_world *w)
{
    w->clock = (struct gf_clock){.ctx = w, .utc_ms = utc_ms, .mono_ms = mono_ms};
    w->random_port = aid_random_port(&w->random);
    w->ports = (struct mc_ports){
        .clock = &w->clock,
        .random = &w->random_port,
        .crypto = mc_crypto_openssl(),
        .nvm = aid_flash_port(&w->flash),
        .valve = {.ctx = w, .drive = valve_drive, .state = valve_state},
        .supply_ctx = w,
        .supply_mv = supply_mv,
        .temperature_dc = temperature_dc,
    };
}

struct aid_world *aid_world_new_like(uint64_t seed, uint32_t pulse_l, const char *meter_id,
                                     const struct aid_flash *like)
{
    struct aid_world *w = calloc(1, sizeof *w);
    struct mc_birth birth = {.meter_type = 7, .pulse_l = pulse_l};
    int rc;

    assert(w != NULL);
    memcpy(w->meter_id, meter_id, GF_METER_ID_LEN);
    memcpy(birth.meter_id, meter_id, GF_METER_ID_LEN);
    w->random.state = seed;
    w->utc_ms = AID_UTC_MS;
    w->mono_ms = 1000;
    w->supply_mv = 3600;
    w->temperature_dc = 210;
    w->valve = (struct aid_valve){.state = gasm_ValveState_VALVE_SHUT, .travel_ms = 1200};
    aid_flash_init(&w->flash, like->sector_size, like->sectors, like->unit);
    w->meter = malloc(mc_meter_size());
    assert(w->meter != NULL);
    wire(w);
    aid_meter_root(meter_id, 0, birth.factory_key);
    rc = mc_meter_manufacture(&w->ports, &birth);
    assert(rc == 0);
    rc = mc_meter_start(w->meter, &w->ports);
    assert(rc == 0);
    return w;
}

struct aid_world *aid_world_new_flash(uint64_t seed, uint32_t pulse_l, uint32_t sector_size,
                                      uint32_t sectors, uint32_t unit)
{
    const struct aid_flash like = {.sector_size = sector_size, .sectors = sectors, .unit = unit};

    return aid_world_new_like(seed, pulse_l, AID_METER_ID, &like);
}

struct aid_world *aid_world_new_named(uint64_t seed, uint32_t pulse_l, const char *meter_id)
{
    const struct aid_flash like = {
        .sector_size = AID_FLASH_SECTOR, .sectors = AID_FLASH_SECTORS, .unit = 8};

    return aid_world_new_like(seed, pulse_l, meter_id, &like);
}

struct aid_world *aid_world_new(uint64_t seed, uint32_t pulse_l)
{
    return aid_world_new_named(seed, pulse_l, AID_METER_ID);
}

void aid_world_free(struct aid_world *w)
{
    aid_flash_free(&w->flash);
    free(w->meter);
    free(w);
}

int aid_world_restart(struct aid_world *w)
{
    aid_flash_boot(&w->flash);
    w->up = false;
    mc_session_end(&w->session);
    w->valve.ordered = false;
    if (w->valve.state == gasm_ValveState_VALVE_MOVING)     /* the motor stops where it is */
        w->valve.state = gasm_ValveState_VALVE_UNKNOWN;
    memset(w->meter, 0xC3, mc_meter_size());
    return mc_meter_start(w->meter, &w->ports);
}

static void move_valve(struct aid_world *w)
{
    struct aid_valve *v = &w->valve;

    if (v->ordered && w->mono_ms >= v->until_ms - v->travel_ms) {
        v->ordered = false;
        v->state = gasm_ValveState_VALVE_MOVING;
    }
    if (v->state == gasm_ValveState_VALVE_MOVING && w->mono_ms >= v->until_ms)
        v->state = v->opening ? gasm_ValveState_VALVE_OPEN : gasm_ValveState_VALVE_SHUT;
}

static void let_gas_flow(struct aid_world *w, int64_t ms)
{
    int64_t pulse = (int64_t)w->meter->core.pulse_l * HOUR_MS;

    if ((w->valve.state == gasm_ValveState_VALVE_SHUT && !w->leaks) || w->flash.dead || pulse == 0)
        return;
    w->flow_rest += w->flow_l_per_h * ms;
    w->measured_l += (uint64_t)(w->flow_rest / pulse) * w->meter->core.pulse_l;
    if (w->flow_rest >= pulse)
        mc_meter_pulse(w->meter, (uint32_t)(w->flow_rest / pulse));
    w->flow_rest %= pulse;
}

/* A message came for the client. */
static void take(struct aid_world *w, const uint8_t *msg, size_t n)
{
    if (w->greeting)
        w->answer_code = mc_client_welcome(&w->session, w->ports.crypto, msg, n, &w->refusal);
    else
        w->answer_code = mc_client_open(&w->session, w->ports.crypto, msg, n, &w->answer);
    w->greeting = false;
    w->answers++;
}

/* Fragments both ways until neither side has any. */
static void pump(struct aid_world *w)
{
    uint8_t frag[MC_FRAGMENT_MAX];
    const uint8_t *msg;
    size_t n, len;
    bool moved = true;

    while (w->up && moved && !w->flash.dead) {
        moved = false;
        while (!w->flash.dead && (n = mc_pipe_next(&w->pipe, frag, sizeof frag)) > 0) {
            mc_meter_rx(w->meter, frag, n);
            moved = true;
        }
        while (!w->flash.dead && (n = mc_meter_tx(w->meter, frag, sizeof frag)) > 0) {
            moved = true;
            if (mc_pipe_feed(&w->pipe, frag, n) == MC_FEED_MESSAGE) {
                msg = mc_pipe_message(&w->pipe, &len);
                take(w, msg, len);
            }
        }
        if (mc_meter_wants_drop(w->meter))
            aid_world_disconnect(w);
    }
}

static void step(struct aid_world *w, int64_t ms)
{
    w->utc_ms += ms;
    w->mono_ms += ms;
    move_valve(w);
    let_gas_flow(w, ms);
    if (!w->flash.dead)
        w->tick_ms = mc_meter_tick(w->meter);
    pump(w);
}

void aid_world_pass(struct aid_world *w, int64_t ms)
{
    for (; ms > 0; ms -= STEP_MS)
        step(w, ms < STEP_MS ? ms : STEP_MS);
}

/* Ms until something may happen, at least 1. */
static int64_t quiet_ms(const struct aid_world *w)
{
    int64_t pulse = (int64_t)w->meter->core.pulse_l * HOUR_MS, ms = w->tick_ms, to_pulse_ms;

    if (w->valve.ordered || w->valve.state == gasm_ValveState_VALVE_MOVING)
        ms = STEP_MS;
    if (w->flow_l_per_h > 0) {
        to_pulse_ms = (pulse - w->flow_rest + w->flow_l_per_h - 1) / w->flow_l_per_h;
        ms = to_pulse_ms < ms ? to_pulse_ms : ms;
    }
    return ms > 1 ? ms : 1;
}

void aid_world_leap(struct aid_world *w, int64_t ms)
{
    while (ms > 0) {
        int64_t n = quiet_ms(w);

        n = n < ms ? n : ms;
        step(w, n);
        ms -= n;
    }
}

/* ---- the client ---- */

void aid_world_connect(struct aid_world *w, uint16_t mtu)
{
    uint8_t ctl[MC_CTL_LEN], write[MC_CTL_RESET_LEN];
    struct mc_ctl_reset reset;
    struct mc_ctl read;
    int rc;

    aid_world_disconnect(w);
    w->up = true;
    w->mtu = mtu;
    mc_meter_connected(w->meter, mtu);
    mc_meter_ctl_read(w->meter, ctl);
    rc = mc_ctl_decode(ctl, sizeof ctl, &read);
    assert(rc == 0);
    w->fragment_epoch = (uint8_t)((read.fragment_epoch + 1) & 15);
    reset = (struct mc_ctl_reset){.fragment_epoch = w->fragment_epoch,
                                  .fragment_limit = MC_FRAGMENT_MAX,
                                  .credits = MC_WINDOW};
    mc_ctl_reset_encode(&reset, write);
    rc = mc_meter_ctl_write(w->meter, write, sizeof write);
    assert(rc == 0);
    mc_pipe_reset(&w->pipe, w->fragment_epoch,
                  (uint16_t)(mtu - 3 < read.fragment_limit ? mtu - 3 : read.fragment_limit),
                  read.credits);
}

void aid_world_disconnect(struct aid_world *w)
{
    if (w->up && !w->flash.dead)
        mc_meter_disconnected(w->meter);
    w->up = false;
    mc_session_end(&w->session);
}

void aid_meter_root(const char *meter_id, uint32_t epoch, uint8_t ret[static MC_KEY_LEN])
{
    aid_root_key(epoch == 0 ? 1 : (uint8_t)(0x40 + epoch), ret);
    for (size_t i = 0; i < MC_KEY_LEN; i++)
        ret[i] ^= (uint8_t)(meter_id[i % GF_METER_ID_LEN] ^ AID_METER_ID[i % GF_METER_ID_LEN]);
}

void aid_world_root(uint32_t epoch, uint8_t ret[static MC_KEY_LEN])
{
    aid_meter_root(AID_METER_ID, epoch, ret);
}

gasm_Ticket aid_meter_ticket(const char *meter_id, uint32_t epoch, uint64_t serial)
{
    gasm_Ticket t = {
        .subject = "T-0001",
        .role = gasm_Role_INSTALLER,
        .rights = 0x7FFFFFFF,
        .not_before_s = AID_UTC_MS / 1000 - 3600,
        .not_after_s = AID_UTC_MS / 1000 + 12 * 3600,
        .epoch = epoch,
        .serial = serial,
        .use_count = 100,
        .account_no = 1001,
        .purge_volume_l = 60,
        .purge_grant_s = 120,
        .installs_epoch = epoch == 0 ? 1 : 0,
    };

    memcpy(t.meter_id, meter_id, sizeof t.meter_id);
    return t;
}

gasm_Ticket aid_world_ticket(uint32_t epoch, uint64_t serial)
{
    return aid_meter_ticket(AID_METER_ID, epoch, serial);
}

struct aid_pass aid_world_pass_of(const gasm_Ticket *ticket)
{
    struct aid_pass pass;
    uint8_t root[MC_KEY_LEN];
    int n = mc_ticket_encode(ticket, pass.ticket, sizeof pass.ticket);

    assert(n > 0);
    pass.ticket_n = (size_t)n;
    aid_meter_root((const char *)ticket->meter_id, ticket->epoch, root);
    n = mc_ticket_key(mc_crypto_openssl(), root, (struct gf_span){pass.ticket, pass.ticket_n},
                      pass.key);
    assert(n == 0);
    return pass;
}

size_t aid_meter_envelope(const char *meter_id, uint32_t epoch, uint32_t wrap_epoch,
                          uint8_t ret[static MC_ENVELOPE_MAX])
{
    uint8_t wrap_root[MC_KEY_LEN], key[MC_KEY_LEN];
    struct mc_wrap wrap = {.meter_id = meter_id,
                           .epoch = epoch,
                           .wrap_epoch = wrap_epoch,
                           .wrap_root = wrap_root};
    int n;

    aid_meter_root(meter_id, wrap_epoch, wrap_root);
    aid_meter_root(meter_id, epoch, key);
    n = mc_envelope_seal(mc_crypto_openssl(), &wrap, key, ret, MC_ENVELOPE_MAX);
    assert(n > 0);
    return (size_t)n;
}

size_t aid_world_envelope(uint32_t epoch, uint32_t wrap_epoch, uint8_t ret[static MC_ENVELOPE_MAX])
{
    return aid_meter_envelope(AID_METER_ID, epoch, wrap_epoch, ret);
}

/* Wait for one more message than `seen`. */
static int await(struct aid_world *w, uint64_t seen)
{
    pump(w);
    for (int64_t waited = 0; w->answers == seen && w->up && !w->flash.dead; waited += STEP_MS) {
        if (waited >= ANSWER_MS)
            return GF_E_LINK_TIMEOUT;
        step(w, STEP_MS);
    }
    return w->answers != seen ? w->answer_code : GF_E_LINK_LOST;
}

static int hello_once(struct aid_world *w, const struct aid_pass *pass)
{
    static const uint8_t run_id[16] = "a run of a test";
    uint64_t seen = w->answers;
    int n = mc_client_hello(&w->session, &w->random_port,
                            (struct gf_span){pass->ticket, pass->ticket_n}, pass->key, run_id,
                            w->out, sizeof w->out);

    assert(n > 0);
    if (!w->up)
        return GF_E_LINK_LOST;
    w->greeting = true;
    n = mc_pipe_send(&w->pipe, w->out, (size_t)n);
    return n == 0 ? await(w, seen) : n;
}

int aid_world_hello(struct aid_world *w, const struct aid_pass *pass)
{
    int rc = hello_once(w, pass);

    if (rc == GF_E_TICKET && w->refusal.reason == gasm_Refusal_BUSY) {
        aid_world_pass(w, w->refusal.retry_after_s * 1000);
        rc = hello_once(w, pass);
    }
    return rc;
}

int aid_world_send(struct aid_world *w, const gasm_Request *request)
{
    int n = mc_client_seal(&w->session, w->ports.crypto, request, w->out, sizeof w->out);

    if (n < 0 || !w->up)
        return n < 0 ? n : GF_E_LINK_LOST;
    n = mc_pipe_send(&w->pipe, w->out, (size_t)n);
    pump(w);
    return n;
}

int aid_world_ask(struct aid_world *w, const gasm_Request *request)
{
    uint64_t seen = w->answers;
    int rc = aid_world_send(w, request);

    return rc == 0 ? await(w, seen) : rc;
}

void aid_op_id(uint32_t op, uint8_t ret[static GF_UUID_LEN])
{
    memset(ret, 0, GF_UUID_LEN);
    for (int i = 0; i < 4; i++)
        ret[i] = (uint8_t)(op >> (8 * i));
    ret[15] = 0x77;
}

gasm_Request aid_request(const struct aid_world *w, gasm_Command command, uint32_t op)
{
    gasm_Request r = gasm_Request_init_zero;

    r.command = command;
    r.base_receipt_seq = w->meter->core.receipt_seq;
    if (op != 0) {
        r.op_id.size = GF_UUID_LEN;
        aid_op_id(op, r.op_id.bytes);
    }
    return r;
}

int aid_world_do(struct aid_world *w, const struct aid_pass *pass, const gasm_Request *request)
{
    int rc;

    aid_world_connect(w, 247);
    rc = aid_world_hello(w, pass);
    return rc == 0 ? aid_world_ask(w, request) : rc;
}
