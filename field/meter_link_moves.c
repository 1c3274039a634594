/* meter_link_moves.c - connection, reset, handshake, requests; see meter_link_inner.h. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/meter_link_inner.h"

#define BUSY_PAUSE_MS 1000
#define NUDGE_MS 2000           /* longer than fragments are under way */
#define NUDGED_MS 5000          /* a meter that erases flash is deaf for some seconds */

static bool start_connect(struct meter_link *ml)
{
    int64_t now = ml_mono(ml), left = ml->op.until - now;
    int64_t deadline = left < ml->limits.connect_ms ? left : ml->limits.connect_ms;
    int code;

    if (ml->op.goal == GOAL_NONE || now < ml->hold_until)
        return false;
    ml->in.ready = ml->in.down = ml->in.message = ml->in.ctl = false;
    ml->port_try.number = 1;
    code = ml->ports->link->connect(ml->ports->link->ctx, ml->id_hash, ml->address, deadline);
    if (code < 0) {
        ml_trouble(ml, code, "the radio does not take the connection now");
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
        ml_trouble(ml, code, "its CTL value is not one of protocol version 1");
        return true;
    }
    if (strcmp(ml->ctl.meter_id, ml->meter_id) != 0) {
        snprintf(text, sizeof text, "connected to %s, not to %s", ml->ctl.meter_id, ml->meter_id);
        ml_trouble(ml, GF_E_ID_MISMATCH, text);
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

/* Every hello starts from a reset with a fragment epoch of its own, so that nothing of before can
 * be mixed in. */
static bool start_reset(struct meter_link *ml)
{
    struct mc_ctl_reset reset = {.fragment_limit = own_limit(ml), .credits = MC_WINDOW};
    uint8_t bytes[MC_CTL_RESET_LEN], rnd;

    if (ml_mono(ml) < ml->hold_until)
        return false;
    if (ml->ports->random->fill(ml->ports->random->ctx, &rnd, 1) < 0) {
        ml_trouble(ml, GF_E_RANDOM, "no fragment epoch");
        return true;
    }
    reset.fragment_epoch = rnd & 15;
    if (reset.fragment_epoch == ml->fragment_epoch)
        reset.fragment_epoch = (uint8_t)((rnd + 1) & 15);
    ml_forget_session(ml);
    mc_ctl_reset_encode(&reset, bytes);
    ml->in.ctl = ml->in.message = false;
    if (ml->ports->link->write_ctl(ml->ports->link->ctx, bytes, sizeof bytes) < 0) {
        ml_trouble(ml, GF_E_LINK_LOST, "CTL cannot be written");
        return true;
    }
    ml->fragment_epoch = reset.fragment_epoch;
    ml->phase = PH_RESETTING;
    ml->phase_until = ml_mono(ml) + ml->limits.answer_ms;
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
        ml_trouble(ml, ml->in.ctl_code, "the meter did not take the reset");
        return true;
    }
    if (limit > ml->ctl.fragment_limit)
        limit = ml->ctl.fragment_limit;
    /* The ATT_MTU told may be of an earlier link, and what is longer than the true one vanishes. */
    if (ml->op.unheard)
        limit = MC_FRAGMENT_MIN;
    mc_pipe_reset(&ml->pipe, ml->fragment_epoch, limit, ml->ctl.credits);
    n = mc_client_hello(&ml->session, ml->ports->random,
                        (struct gf_span){ml->ticket.ticket, ml->ticket.ticket_len}, ml->ticket.key,
                        ml->run_id, ml->message, sizeof ml->message);
    if (n >= 0)
        n = mc_pipe_send(&ml->pipe, ml->message, (size_t)n);
    if (n < 0) {
        ml_trouble(ml, n, "no hello can be made");
        return true;
    }
    ml->stale = false;
    ml->phase = PH_HELLO;
    ml->phase_until = ml_mono(ml) + ml->limits.answer_ms;
    ml->nudge_at = ml_mono(ml) + NUDGE_MS;
    return true;
}

/* The ticket is refused, or the proof is wrong. Neither is authenticated: bytes that were spoilt on
 * the way look the same, so it counts when it happens twice.
 */
static void refused(struct meter_link *ml, int code)
{
    char text[80] = "";

    ml->phase = PH_READY;
    if (!ml->op.refused) {
        ml->op.refused = true;
        ml->hold_until = ml_mono(ml) + HELLO_PAUSE_MS;
        return;
    }
    if (code != GF_E_TICKET) {
        ml_trouble(ml, code, text);
        return;
    }
    snprintf(text, sizeof text, "refusal %d, the meter's key epoch is %u", (int)ml->refusal.reason,
             ml->refusal.active_epoch);
    if (ml->op.goal != GOAL_NONE)       /* the connection stays: another ticket may be tried */
        ml_end(ml, GF_E_TICKET, text);
}

/* An answer is awaited. When nothing came for a while, a fragment may be lost that no later one
 * shows: the pipe asks. */
static bool nudge(struct meter_link *ml)
{
    if (ml_mono(ml) < ml->nudge_at)
        return false;
    ml->nudge_at = ml_mono(ml) + NUDGED_MS;
    if (mc_pipe_nudge(&ml->pipe) == MC_FEED_BROKEN)
        ml_trouble(ml, GF_E_LINK_TIMEOUT, "the meter is silent");
    return true;
}

static bool take_welcome(struct meter_link *ml)
{
    int code = ml->in.message_code;

    if (!ml->in.message)
        return nudge(ml);
    ml->in.message = false;
    if (code == 0) {
        ml->phase = PH_SESSION;
        ml->quiet_since = ml_mono(ml);
        return true;
    }
    ml_forget_session(ml);
    if (code != GF_E_TICKET && code != GF_E_PROOF) {
        ml_trouble(ml, code, "the meter's answer to the handshake");
    } else if (code == GF_E_TICKET && ml->refusal.reason == gasm_Refusal_BUSY &&
               ml_mono(ml) < ml->op.busy_until) {
        ml->phase = PH_READY;
        ml->hold_until = ml_mono(ml) +
                         (ml->refusal.retry_after_s > 0 ? ml->refusal.retry_after_s : 1) *
                             HELLO_PAUSE_MS;
    } else {
        refused(ml, code);
    }
    return true;
}

static bool ask(struct meter_link *ml, const gasm_Request *request, enum ml_flight flight)
{
    int n = mc_client_seal(&ml->session, ml->ports->crypto, request, ml->message,
                           sizeof ml->message);

    if (n >= 0)
        n = mc_pipe_send(&ml->pipe, ml->message, (size_t)n);
    if (n < 0) {
        ml_trouble(ml, n == GF_E_NOT_NOW ? GF_E_SESSION : n, "the request cannot be sealed");
        return true;
    }
    ml->in_flight = *request;
    ml->flight = flight;
    ml->in.message = false;
    ml->op.sent = ml->op.sent || flight == FLIGHT_REQUEST;
    ml->phase = PH_ASKING;
    ml->phase_until = ml_mono(ml) + ml->limits.answer_ms;
    ml->nudge_at = ml_mono(ml) + NUDGE_MS;
    return true;
}

static bool in_session(struct meter_link *ml)
{
    static const gasm_Request identify = {.command = gasm_Command_IDENTIFY};

    if (ml->in.message) {       /* nothing was asked: the session is not what it was */
        ml->in.message = false;
        ml_trouble(ml, GF_E_SESSION, "the meter spoke without being asked");
        return true;
    }
    switch (ml->op.goal) {
    case GOAL_NONE:
        if (ml_mono(ml) - ml->quiet_since < ml->limits.idle_ms)
            return false;
        return ask(ml, &identify, FLIGHT_IDLE);
    case GOAL_CONNECTED:
        ml_end(ml, 0, "");
        return true;
    case GOAL_SESSION:
        return ml->stale ? start_reset(ml) : ask(ml, &identify, FLIGHT_GREET);
    case GOAL_ANSWER:
        if (ml_mono(ml) < ml->hold_until)
            return false;
        return ask(ml, &ml->op.request, FLIGHT_REQUEST);
    }
    return false;
}

/* A recharge that names no operation is answered with the one that the meter made of its token. */
static bool is_answer_to(const gasm_Response *a, const gasm_Request *q)
{
    if (a->command != q->command)
        return false;
    if (q->command == gasm_Command_RECHARGE && q->op_id.size == 0)
        return true;
    return a->op_id.size == q->op_id.size &&
           memcmp(a->op_id.bytes, q->op_id.bytes, a->op_id.size) == 0;
}

static bool take_answer(struct meter_link *ml)
{
    const gasm_Response *a = &ml->in.answer;

    if (!ml->in.message)
        return nudge(ml);
    ml->in.message = false;
    if (ml->in.message_code < 0) {
        ml_trouble(ml, ml->in.message_code, "the meter's answer does not open");
        return true;
    }
    if (!is_answer_to(a, &ml->in_flight)) {
        ml_trouble(ml, GF_E_SESSION, "the meter answered another request");
        return true;
    }
    ml->phase = PH_SESSION;
    ml->proved = true;
    ml->quiet_since = ml_mono(ml);
    if (ml->flight == FLIGHT_IDLE)
        return true;
    if (a->result == gasm_Refusal_BUSY && ml_mono(ml) < ml->op.busy_until) {
        ml->op.sent = false;    /* it said so itself: nothing was done */
        ml->hold_until = ml_mono(ml) + BUSY_PAUSE_MS;
    } else if (ml->op.goal != GOAL_NONE) {
        ml_end(ml, 0, "");
    }
    return true;
}

bool ml_advance(struct meter_link *ml)
{
    switch (ml->phase) {
    case PH_DOWN:
        return start_connect(ml);
    case PH_CONNECTING:
        return take_ready(ml);
    case PH_READY:
        if (ml->op.goal == GOAL_CONNECTED) {
            ml_end(ml, 0, "");
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

/* ---- fragments ---- */

void ml_take_fragment(struct meter_link *ml, const uint8_t *p, size_t n)
{
    const uint8_t *msg;
    size_t msg_n;

    if ((ml->phase != PH_HELLO && ml->phase != PH_ASKING && ml->phase != PH_SESSION) ||
        ml->in.message)
        return;
    ml->nudge_at = ml_mono(ml) + NUDGE_MS;
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

void ml_pump(struct meter_link *ml)
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
