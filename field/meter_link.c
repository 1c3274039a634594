/* meter_link.c - one meter: its life and operations; see meter_link.h. */
#include "field/meter_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "field/meter_link_inner.h"

const struct ml_limits ml_limits_usual = {
    .connect_ms = 30000,
    .answer_ms = 15000,
    .whole_ms = 120000,
    .pause_ms = 500,
    .idle_ms = 10000,
    .attempts = 6,
};

int64_t ml_mono(const struct meter_link *ml)
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
    ml_take_fragment(ctx, p, n);
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

/* A radio that went also ends the connection (on_down); one that came back is found by the next
 * attempt. */
static void on_radio(void *ctx, int code, const char *detail)
{
    (void)ctx;
    (void)code;
    (void)detail;
}

static void on_attempt(void *ctx, const struct link_attempt *attempt)
{
    struct meter_link *ml = ctx;

    ml->port_try = (struct ml_try){.number = attempt->number, .most = attempt->most,
                                   .code = attempt->code,
                                   .in_ms = ml_mono(ml) + attempt->again_in_ms};
    gf_copy(ml->port_try.detail, sizeof ml->port_try.detail, attempt->detail);
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
                                           on_ctl_written, on_down, on_radio, on_attempt};
    return ml;
}

void ml_forget_session(struct meter_link *ml)
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
    ml_forget_session(ml);
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

static int begin(struct meter_link *ml, enum ml_goal goal)
{
    if (ml->op.goal != GOAL_NONE)
        return GF_E_NOT_NOW;
    ml->op.goal = goal;
    ml->op.attempt = 1;
    ml->op.until = ml_mono(ml) + ml->limits.whole_ms;
    ml->op.busy_until = ml_mono(ml) + BUSY_MS;
    ml->op.last_code = GF_E_LINK_TIMEOUT;
    gf_copy(ml->op.last_detail, sizeof ml->op.last_detail, "the time for this is over");
    ml->op.once = ml->op.sent = ml->op.cancelled = ml->op.refused = ml->op.unheard = false;
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
    ml_forget_session(ml);
    if (ml->phase == PH_DOWN || ml->phase == PH_CLOSING)
        return;
    ml->phase = PH_CLOSING;
    ml->phase_until = ml_mono(ml) + CLOSE_MS;
    ml->ports->link->disconnect(ml->ports->link->ctx);
}

void meter_link_close(struct meter_link *ml)
{
    ml->op.cancelled = ml->op.goal != GOAL_NONE;
    close_link(ml);
}

void ml_end(struct meter_link *ml, int code, const char *detail)
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

/* A radio that is away comes back by itself when its service starts again: that takes time, not
 * attempts. */
static bool is_worth_waiting(int code)
{
    return code == GF_E_BLUEZ_AWAY || code == GF_E_ADAPTER;
}

/* What was sent did not come through, as far as can be seen from here. */
static bool is_unheard(const struct meter_link *ml, int code)
{
    return (code == GF_E_LINK_TIMEOUT || code == GF_E_FRAMING) &&
           (ml->phase == PH_HELLO || ml->phase == PH_ASKING);
}

void ml_trouble(struct meter_link *ml, int code, const char *detail)
{
    int64_t now = ml_mono(ml), pause_ms = ml->limits.pause_ms * ml->op.attempt;

    ml->op.last_code = code;
    ml->op.unheard = ml->op.unheard || is_unheard(ml, code);
    if (detail != ml->op.last_detail)
        gf_copy(ml->op.last_detail, sizeof ml->op.last_detail, detail);
    close_link(ml);
    if (ml->op.goal == GOAL_NONE)
        return;
    if (is_final(code) || (ml->op.once && ml->op.sent) || now >= ml->op.until ||
        (ml->op.attempt >= ml->limits.attempts && !is_worth_waiting(code))) {
        ml_end(ml, code, ml->op.last_detail);
        return;
    }
    ml->hold_until = now + (pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    ml->op.attempt++;
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
    ml_forget_session(ml);
    if (!wished)
        ml_trouble(ml, ml->in.down_code, ml->in.down_detail);
}

static void watch_deadlines(struct meter_link *ml)
{
    int64_t now = ml_mono(ml);

    if (ml->op.goal != GOAL_NONE && now >= ml->op.until)
        ml_trouble(ml, ml->op.last_code, ml->op.last_detail);
    if (ml->phase == PH_DOWN || ml->phase == PH_READY || ml->phase == PH_SESSION ||
        now < ml->phase_until)
        return;
    if (ml->phase == PH_CLOSING)
        ml->phase = PH_DOWN;
    else
        ml_trouble(ml, GF_E_LINK_TIMEOUT, "no answer in time");
}

int meter_link_tick(struct meter_link *ml)
{
    if (ml->op.goal != GOAL_NONE && ml->op.cancelled)
        ml_end(ml, GF_E_CANCELLED, "");
    /* A hello and its answer take four moves; the bound is for an operation begun by the end of
     * another. */
    for (int i = 0; i < 16; i++) {
        bool moved;

        if (!ml->in.message)    /* an answer that came before the link fell counts before the fall */
            take_fall(ml);
        moved = ml_advance(ml);
        take_fall(ml);
        watch_deadlines(ml);
        ml_pump(ml);
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

void ml_try(const struct meter_link *ml, struct ml_try *ret)
{
    int64_t now = ml_mono(ml), at = ml->hold_until;

    *ret = (struct ml_try){.number = 1, .most = ml->limits.attempts};
    if (ml->phase == PH_CONNECTING && ml->port_try.number > 1) {
        *ret = ml->port_try;
        at = ml->port_try.in_ms;
    } else if (ml_attempt(ml) > 1) {
        ret->number = ml->op.attempt;
        ret->most = is_worth_waiting(ml->op.last_code) ? 0 : ml->limits.attempts;
        ret->code = ml->op.last_code;
        gf_copy(ret->detail, sizeof ret->detail, ml->op.last_detail);
    }
    ret->in_ms = ret->number > 1 && at > now ? at - now : 0;
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
