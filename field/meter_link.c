/* meter_link.c - one meter: connection, handshake, requests; see meter_link.h.
 *
 * The port's events only note what came; meter_link_tick() acts. So nothing is re-entered, and an answer that came
 * before the link fell counts before the fall does.
 */
#include "field/meter_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "meter-core/frame.h"
#include "meter-core/session.h"

/* A connection that does not report its end within this time after disconnect() counts as ended. */
#define CLOSE_MS 10000
/* The meter says BUSY (its valve moves, or one hello a second): asked again for this long. */
#define BUSY_MS 30000
#define BUSY_PAUSE_MS 1000

const struct ml_limits ml_limits_usual = {
    .connect_ms = 30000,
    .answer_ms = 15000,
    .whole_ms = 120000,
    .pause_ms = 500,
    .idle_ms = 10000,
    .attempts = 6,
};

enum phase {
    PH_DOWN,
    PH_CONNECTING,
    PH_READY,           /* connected, no session */
    PH_RESETTING,       /* CTL reset written, not answered */
    PH_HELLO,
    PH_SESSION,         /* nothing in flight */
    PH_ASKING,
    PH_CLOSING,
};

enum goal { GOAL_NONE, GOAL_CONNECTED, GOAL_SESSION, GOAL_ANSWER };

enum flight { FLIGHT_IDLE, FLIGHT_GREET, FLIGHT_REQUEST };

struct meter_link {
    const struct field_ports *ports;
    struct ml_limits limits;
    struct ml_events events;
    struct link_events link_events;

    char meter_id[GF_METER_ID_TEXT], address[GF_BT_ADDRESS_TEXT];
    uint8_t id_hash[MC_ID_HASH_LEN], run_id[GF_UUID_LEN];

    enum phase phase;
    int64_t phase_until;            /* mono: the phase's deadline */
    int64_t hold_until;             /* mono: nothing new before */
    int64_t quiet_since;            /* mono: last message of the session */
    enum link_phase port_phase;
    struct link_ready ready;
    struct mc_ctl ctl;
    struct mc_pipe pipe;
    struct mc_session session;
    struct ticket_row ticket;
    bool has_ticket, stale;         /* stale: the session is of an earlier ticket */
    bool proved;                    /* an answer was opened in this session */
    uint8_t fragment_epoch;
    uint8_t message[MC_MESSAGE_MAX];
    uint8_t stuck[MC_FRAGMENT_MAX]; /* a fragment that the port had no room for */
    size_t stuck_n;
    gasm_Request in_flight;
    enum flight flight;
    gasm_HelloRefusal refusal;

    struct {
        enum goal goal;
        int attempt;
        int64_t until, busy_until;  /* mono */
        gasm_Request request;
        bool once, sent, cancelled;
    } op;

    struct {                        /* what the port's events noted */
        bool ready, down, ctl, message;
        int down_code, ctl_code, message_code;
        char down_detail[120];
        gasm_Response answer;
    } in;
};

static int64_t mono(const struct meter_link *ml)
{
    return ml->ports->clock->mono_ms(ml->ports->clock->ctx);
}

/* ---- events of the port: noted ---- */

static void on_sighting(void *ctx, const struct link_sighting *s)
{
    struct meter_link *ml = ctx;

    if (ml->events.sighting != NULL)
        ml->events.sighting(ml->events.ctx, s);
}

static void on_phase(void *ctx, enum link_phase phase)
{
    ((struct meter_link *)ctx)->port_phase = phase;
}

static void on_ready(void *ctx, const struct link_ready *ready)
{
    struct meter_link *ml = ctx;

    ml->ready = *ready;
    ml->in.ready = true;
}

static void on_fragment(void *ctx, const uint8_t *p, size_t n)
{
    struct meter_link *ml = ctx;
    const uint8_t *msg;
    size_t msg_n;

    if ((ml->phase != PH_HELLO && ml->phase != PH_ASKING && ml->phase != PH_SESSION) || ml->in.message)
        return;
    switch (mc_pipe_feed(&ml->pipe, p, n)) {
    case MC_FEED_MORE:
        return;
    case MC_FEED_BROKEN:
        ml->in.message_code = GF_E_FRAMING;
        break;
    case MC_FEED_MESSAGE:
        msg = mc_pipe_message(&ml->pipe, &msg_n);
        if (ml->phase == PH_HELLO)
            ml->in.message_code = mc_client_welcome(&ml->session, ml->ports->crypto, msg, msg_n,
                                                    &ml->refusal);
        else
            ml->in.message_code = mc_client_open(&ml->session, ml->ports->crypto, msg, msg_n,
                                                 &ml->in.answer);
        break;
    }
    ml->in.message = true;
}

static void on_ctl_written(void *ctx, int code)
{
    struct meter_link *ml = ctx;

    ml->in.ctl = true;
    ml->in.ctl_code = code;
}

static void on_down(void *ctx, int code, const char *detail)
{
    struct meter_link *ml = ctx;

    ml->in.down = true;
    ml->in.down_code = code;
    gf_copy(ml->in.down_detail, sizeof ml->in.down_detail, detail != NULL ? detail : "");
}

/* A radio that went also ends the connection (on_down); one that came back is found by the next attempt. */
static void on_radio(void *ctx, int code, const char *detail)
{
    (void)ctx;
    (void)code;
    (void)detail;
}

/* ---- life ---- */

struct meter_link *meter_link_new(const struct field_ports *ports, const struct ml_limits *limits,
                                  const struct ml_events *events)
{
    struct meter_link *ml = calloc(1, sizeof *ml);

    if (ml == NULL)
        return NULL;
    ml->ports = ports;
    ml->limits = *limits;
    ml->events = *events;
    ml->link_events = (struct link_events){ml, on_sighting, on_phase, on_ready, on_fragment,
                                           on_ctl_written, on_down, on_radio};
    return ml;
}

static void forget_session(struct meter_link *ml)
{
    mc_session_end(&ml->session);
    ml->proved = false;
    ml->stuck_n = 0;
}

struct meter_link *meter_link_free(struct meter_link *ml)
{
    if (ml == NULL)
        return NULL;
    if (ml->phase != PH_DOWN)
        ml->ports->link->disconnect(ml->ports->link->ctx);
    if (ml->meter_id[0] != '\0')
        ml->ports->link->bind(ml->ports->link->ctx, NULL);
    forget_session(ml);
    gf_wipe(&ml->ticket, sizeof ml->ticket);
    free(ml);
    return NULL;
}

int meter_link_aim(struct meter_link *ml, const char *meter_id, const char *address,
                   const uint8_t run_id[static GF_UUID_LEN])
{
    int code = mc_id_hash(ml->ports->crypto, meter_id, ml->id_hash);

    if (code < 0)
        return code;
    gf_copy(ml->meter_id, sizeof ml->meter_id, meter_id);
    gf_copy(ml->address, sizeof ml->address, address);
    memcpy(ml->run_id, run_id, sizeof ml->run_id);
    ml->ports->link->bind(ml->ports->link->ctx, &ml->link_events);
    return 0;
}

/* ---- operations begin and end ---- */

static int begin(struct meter_link *ml, enum goal goal)
{
    if (ml->op.goal != GOAL_NONE)
        return GF_E_NOT_NOW;
    ml->op.goal = goal;
    ml->op.attempt = 1;
    ml->op.until = mono(ml) + ml->limits.whole_ms;
    ml->op.busy_until = mono(ml) + BUSY_MS;
    ml->op.once = ml->op.sent = ml->op.cancelled = false;
    ml->hold_until = 0;
    return 0;
}

int meter_link_connect(struct meter_link *ml)
{
    return begin(ml, GOAL_CONNECTED);
}

int meter_link_open(struct meter_link *ml, const struct ticket_row *ticket)
{
    int code = begin(ml, GOAL_SESSION);

    if (code < 0)
        return code;
    if (!ml->has_ticket || ml->ticket.ticket_len != ticket->ticket_len ||
        memcmp(ml->ticket.ticket, ticket->ticket, ticket->ticket_len) != 0)
        ml->stale = true;
    ml->ticket = *ticket;
    ml->has_ticket = true;
    return 0;
}

int meter_link_ask(struct meter_link *ml, const gasm_Request *request, bool once)
{
    int code = ml->has_ticket ? begin(ml, GOAL_ANSWER) : GF_E_NOT_NOW;

    if (code < 0)
        return code;
    ml->op.request = *request;
    ml->op.once = once;
    return 0;
}

static void close_link(struct meter_link *ml)
{
    forget_session(ml);
    if (ml->phase == PH_DOWN || ml->phase == PH_CLOSING)
        return;
    ml->phase = PH_CLOSING;
    ml->phase_until = mono(ml) + CLOSE_MS;
    ml->ports->link->disconnect(ml->ports->link->ctx);
}

void meter_link_close(struct meter_link *ml)
{
    ml->op.cancelled = ml->op.goal != GOAL_NONE;
    close_link(ml);
}

static void end_op(struct meter_link *ml, int code, const char *detail)
{
    struct gf_fail why = {0};
    char text[sizeof why.detail];
    bool answered = code == 0 && ml->op.goal != GOAL_CONNECTED;

    if (ml->op.attempt > 1 && code != 0)
        snprintf(text, sizeof text, "%.100s (attempt %d)", detail, ml->op.attempt);
    else
        gf_copy(text, sizeof text, detail);
    if (code != 0)
        (void)gf_fail(&why, code, "meter", text);
    ml->op.goal = GOAL_NONE;
    ml->events.ended(ml->events.ctx, code, answered ? &ml->in.answer : NULL, &why);
}

/* Failures that another attempt does not mend. */
static bool is_final(int code)
{
    static const int final[] = {
        GF_E_PROOF, GF_E_TICKET, GF_E_ID_MISMATCH, GF_E_BLUEZ_DENIED, GF_E_CRYPTO, GF_E_RANDOM,
        GF_E_FORMAT, GF_E_SPACE, GF_E_LINK_AWAY, GF_E_CANCELLED, GF_E_BUG,
    };

    for (size_t i = 0; i < sizeof final / sizeof *final; i++)
        if (final[i] == code)
            return true;
    return false;
}

/* The present attempt failed: close, and either try again after a pause or end the operation. */
static void trouble(struct meter_link *ml, int code, const char *detail)
{
    char text[120];

    gf_copy(text, sizeof text, detail);
    close_link(ml);
    if (ml->op.goal == GOAL_NONE)
        return;
    if (is_final(code) || (ml->op.once && ml->op.sent) || ml->op.attempt >= ml->limits.attempts) {
        end_op(ml, code, text);
        return;
    }
    ml->hold_until = mono(ml) + ml->limits.pause_ms * ml->op.attempt;
    ml->op.attempt++;
}

/* ---- towards the goal ---- */

static bool start_connect(struct meter_link *ml)
{
    int64_t now = mono(ml), left = ml->op.until - now;
    int64_t deadline = left < ml->limits.connect_ms ? left : ml->limits.connect_ms;
    int code;

    if (ml->op.goal == GOAL_NONE || now < ml->hold_until)
        return false;
    ml->in.ready = ml->in.down = ml->in.message = ml->in.ctl = false;
    code = ml->ports->link->connect(ml->ports->link->ctx, ml->id_hash, ml->address, deadline);
    if (code < 0) {
        trouble(ml, code, "the radio does not take the connection now");
        return true;
    }
    ml->phase = PH_CONNECTING;
    ml->phase_until = now + deadline + CLOSE_MS;
    return true;
}

static bool take_ready(struct meter_link *ml)
{
    char text[80];
    int code;

    if (!ml->in.ready)
        return false;
    ml->in.ready = false;
    ml->phase = PH_READY;
    code = mc_ctl_decode(ml->ready.ctl, ml->ready.ctl_len, &ml->ctl);
    if (code < 0) {
        trouble(ml, code, "its CTL value is not one of protocol version 1");
        return true;
    }
    if (strcmp(ml->ctl.meter_id, ml->meter_id) != 0) {
        snprintf(text, sizeof text, "connected to %s, not to %s", ml->ctl.meter_id, ml->meter_id);
        trouble(ml, GF_E_ID_MISMATCH, text);
        return true;
    }
    ml->fragment_epoch = ml->ctl.fragment_epoch;
    return true;
}

static uint16_t own_limit(const struct meter_link *ml)
{
    int limit = (int)ml->ready.att_mtu - 3;

    if (limit < MC_FRAGMENT_MIN)
        limit = MC_FRAGMENT_MIN;
    return (uint16_t)(limit > MC_FRAGMENT_MAX ? MC_FRAGMENT_MAX : limit);
}

/* Every hello starts from a reset with a fragment epoch of its own, so that nothing of before can be mixed in. */
static bool start_reset(struct meter_link *ml)
{
    struct mc_ctl_reset reset = {.fragment_limit = own_limit(ml), .credits = MC_WINDOW};
    uint8_t bytes[MC_CTL_RESET_LEN], rnd;

    if (mono(ml) < ml->hold_until)
        return false;
    if (ml->ports->random->fill(ml->ports->random->ctx, &rnd, 1) < 0) {
        trouble(ml, GF_E_RANDOM, "no fragment epoch");
        return true;
    }
    reset.fragment_epoch = rnd & 15;
    if (reset.fragment_epoch == ml->fragment_epoch)
        reset.fragment_epoch = (uint8_t)((rnd + 1) & 15);
    forget_session(ml);
    mc_ctl_reset_encode(&reset, bytes);
    ml->in.ctl = ml->in.message = false;
    if (ml->ports->link->write_ctl(ml->ports->link->ctx, bytes, sizeof bytes) < 0) {
        trouble(ml, GF_E_LINK_LOST, "CTL cannot be written");
        return true;
    }
    ml->fragment_epoch = reset.fragment_epoch;
    ml->phase = PH_RESETTING;
    ml->phase_until = mono(ml) + ml->limits.answer_ms;
    return true;
}

static bool start_hello(struct meter_link *ml)
{
    uint16_t limit = own_limit(ml);
    int n;

    if (!ml->in.ctl)
        return false;
    ml->in.ctl = false;
    if (ml->in.ctl_code < 0) {
        trouble(ml, ml->in.ctl_code, "the meter did not take the reset");
        return true;
    }
    if (limit > ml->ctl.fragment_limit)
        limit = ml->ctl.fragment_limit;
    mc_pipe_reset(&ml->pipe, ml->fragment_epoch, limit, ml->ctl.credits);
    n = mc_client_hello(&ml->session, ml->ports->random,
                        (struct gf_span){ml->ticket.ticket, ml->ticket.ticket_len}, ml->ticket.key,
                        ml->run_id, ml->message, sizeof ml->message);
    if (n >= 0)
        n = mc_pipe_send(&ml->pipe, ml->message, (size_t)n);
    if (n < 0) {
        trouble(ml, n, "no hello can be made");
        return true;
    }
    ml->stale = false;
    ml->phase = PH_HELLO;
    ml->phase_until = mono(ml) + ml->limits.answer_ms;
    return true;
}

static bool take_welcome(struct meter_link *ml)
{
    char text[80];

    if (!ml->in.message)
        return false;
    ml->in.message = false;
    if (ml->in.message_code == 0) {
        ml->phase = PH_SESSION;
        ml->quiet_since = mono(ml);
        return true;
    }
    forget_session(ml);
    if (ml->in.message_code != GF_E_TICKET) {
        trouble(ml, ml->in.message_code, "the meter's answer to the handshake");
        return true;
    }
    ml->phase = PH_READY;
    if (ml->refusal.reason == gasm_Refusal_BUSY && mono(ml) < ml->op.busy_until) {
        ml->hold_until = mono(ml) + (ml->refusal.retry_after_s > 0 ? ml->refusal.retry_after_s
                                                                   : 1) * 1000;
        return true;
    }
    snprintf(text, sizeof text, "refusal %d, the meter's key epoch is %u", (int)ml->refusal.reason,
             ml->refusal.active_epoch);
    if (ml->op.goal != GOAL_NONE)
        end_op(ml, GF_E_TICKET, text);
    return true;
}

static bool ask(struct meter_link *ml, const gasm_Request *request, enum flight flight)
{
    int n = mc_client_seal(&ml->session, ml->ports->crypto, request, ml->message,
                           sizeof ml->message);

    if (n >= 0)
        n = mc_pipe_send(&ml->pipe, ml->message, (size_t)n);
    if (n < 0) {
        trouble(ml, n == GF_E_NOT_NOW ? GF_E_SESSION : n, "the request cannot be sealed");
        return true;
    }
    ml->in_flight = *request;
    ml->flight = flight;
    ml->in.message = false;
    ml->op.sent = ml->op.sent || flight == FLIGHT_REQUEST;
    ml->phase = PH_ASKING;
    ml->phase_until = mono(ml) + ml->limits.answer_ms;
    return true;
}

static bool in_session(struct meter_link *ml)
{
    static const gasm_Request identify = {.command = gasm_Command_IDENTIFY};

    if (ml->in.message) {       /* nothing was asked: the session is not what it was */
        ml->in.message = false;
        trouble(ml, GF_E_SESSION, "the meter spoke without being asked");
        return true;
    }
    switch (ml->op.goal) {
    case GOAL_NONE:
        if (mono(ml) - ml->quiet_since < ml->limits.idle_ms)
            return false;
        return ask(ml, &identify, FLIGHT_IDLE);
    case GOAL_CONNECTED:
        end_op(ml, 0, "");
        return true;
    case GOAL_SESSION:
        return ml->stale ? start_reset(ml) : ask(ml, &identify, FLIGHT_GREET);
    case GOAL_ANSWER:
        if (mono(ml) < ml->hold_until)
            return false;
        return ask(ml, &ml->op.request, FLIGHT_REQUEST);
    }
    return false;
}

static bool take_answer(struct meter_link *ml)
{
    const gasm_Response *a = &ml->in.answer;

    if (!ml->in.message)
        return false;
    ml->in.message = false;
    if (ml->in.message_code < 0) {
        trouble(ml, ml->in.message_code, "the meter's answer does not open");
        return true;
    }
    if (a->command != ml->in_flight.command || a->op_id.size != ml->in_flight.op_id.size ||
        memcmp(a->op_id.bytes, ml->in_flight.op_id.bytes, a->op_id.size) != 0) {
        trouble(ml, GF_E_SESSION, "the meter answered another request");
        return true;
    }
    ml->phase = PH_SESSION;
    ml->proved = true;
    ml->quiet_since = mono(ml);
    if (ml->flight == FLIGHT_IDLE)
        return true;
    if (a->result == gasm_Refusal_BUSY && mono(ml) < ml->op.busy_until) {
        ml->op.sent = false;    /* it said so itself: nothing was done */
        ml->hold_until = mono(ml) + BUSY_PAUSE_MS;
    } else if (ml->op.goal != GOAL_NONE) {
        end_op(ml, 0, "");
    }
    return true;
}

/* One move, when there is one to make. */
static bool advance(struct meter_link *ml)
{
    switch (ml->phase) {
    case PH_DOWN:
        return start_connect(ml);
    case PH_CONNECTING:
        return take_ready(ml);
    case PH_READY:
        if (ml->op.goal == GOAL_CONNECTED) {
            end_op(ml, 0, "");
            return true;
        }
        return ml->op.goal != GOAL_NONE && start_reset(ml);
    case PH_RESETTING:
        return start_hello(ml);
    case PH_HELLO:
        return take_welcome(ml);
    case PH_SESSION:
        return in_session(ml);
    case PH_ASKING:
        return take_answer(ml);
    case PH_CLOSING:
        return false;
    }
    return false;
}

static void take_fall(struct meter_link *ml)
{
    bool wished = ml->phase == PH_CLOSING;

    if (!ml->in.down)
        return;
    ml->in.down = false;
    if (ml->phase == PH_DOWN)
        return;
    ml->phase = PH_DOWN;
    forget_session(ml);
    if (!wished)
        trouble(ml, ml->in.down_code, ml->in.down_detail);
}

static void watch_deadlines(struct meter_link *ml)
{
    int64_t now = mono(ml);

    if (ml->op.goal != GOAL_NONE && ml->op.cancelled) {
        end_op(ml, GF_E_CANCELLED, "");
    } else if (ml->op.goal != GOAL_NONE && now >= ml->op.until) {
        ml->op.attempt = ml->limits.attempts;
        trouble(ml, GF_E_LINK_TIMEOUT, "the time for this is over");
    }
    if (ml->phase == PH_DOWN || ml->phase == PH_READY || ml->phase == PH_SESSION ||
        now < ml->phase_until)
        return;
    if (ml->phase == PH_CLOSING)
        ml->phase = PH_DOWN;
    else
        trouble(ml, GF_E_LINK_TIMEOUT, "no answer in time");
}

static void pump(struct meter_link *ml)
{
    const struct link_port *link = ml->ports->link;

    while (ml->phase == PH_HELLO || ml->phase == PH_SESSION || ml->phase == PH_ASKING) {
        if (ml->stuck_n == 0)
            ml->stuck_n = mc_pipe_next(&ml->pipe, ml->stuck, sizeof ml->stuck);
        if (ml->stuck_n == 0 || link->send(link->ctx, ml->stuck, ml->stuck_n) == GF_E_SPACE)
            return;
        ml->stuck_n = 0;        /* sent; or the link is lost, of which its end will tell */
    }
}

int meter_link_tick(struct meter_link *ml)
{
    /* A hello and its answer take four moves; the bound is for an operation begun by the end of another. */
    for (int i = 0; i < 16; i++) {
        bool moved = advance(ml);

        take_fall(ml);
        watch_deadlines(ml);
        pump(ml);
        if (!moved)
            break;
    }
    if (ml->stuck_n > 0)
        return 10;
    if (ml->phase == PH_DOWN && ml->op.goal == GOAL_NONE)
        return 1000;
    return 100;
}

/* ---- how it stands ---- */

bool ml_down(const struct meter_link *ml)
{
    return ml->phase == PH_DOWN;
}

bool ml_connected(const struct meter_link *ml)
{
    return ml->phase >= PH_READY && ml->phase <= PH_ASKING;
}

bool ml_session(const struct meter_link *ml, uint32_t epoch)
{
    return (ml->phase == PH_SESSION || ml->phase == PH_ASKING) && ml->proved && !ml->stale &&
           ml->ticket.epoch == epoch && !ml->in.down;
}

const struct mc_ctl *ml_ctl(const struct meter_link *ml)
{
    return &ml->ctl;
}

uint16_t ml_mtu(const struct meter_link *ml)
{
    return ml->ready.att_mtu;
}

const gasm_HelloRefusal *ml_refusal(const struct meter_link *ml)
{
    return &ml->refusal;
}

int ml_attempt(const struct meter_link *ml)
{
    return ml->op.goal != GOAL_NONE ? ml->op.attempt : 1;
}

const char *ml_waiting_for(const struct meter_link *ml)
{
    static const char *const connecting[] = {
        [LINK_IDLE] = "the radio",
        [LINK_SEARCHING] = "the meter's advertisement",
        [LINK_CONNECTING] = "the connection to the meter",
        [LINK_DISCOVERING] = "the meter's list of services",
        [LINK_SUBSCRIBING] = "the meter's notifications",
        [LINK_READY] = "the connection to the meter",
        [LINK_CLOSING] = "the end of the connection",
    };

    switch (ml->phase) {
    case PH_DOWN:
        return "the next attempt to connect";
    case PH_CONNECTING:
        return connecting[ml->port_phase];
    case PH_READY:
    case PH_RESETTING:
    case PH_HELLO:
        return "the meter's handshake";
    case PH_SESSION:
    case PH_ASKING:
        return "the meter's answer";
    case PH_CLOSING:
        return "the end of the connection";
    }
    return "";
}
