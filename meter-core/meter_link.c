/* meter_link.c - the meter's end of a connection; see link.h and meter.h. */
#include "meter-core/clock.h"
#include "meter-core/commands.h"
#include "meter-core/link.h"
#include "meter-core/pb.h"
#include "meter-core/purge.h"
#include "meter-core/ticket.h"

#define SESSION_BLOCK 64            /* session numbers that one record reserves */
#define FIRST_CREDITS 1             /* of a central that has not written CTL yet */

static uint16_t fragment_limit(const struct mc_meter *m, uint16_t peer)
{
    uint16_t limit =
        m->link.mtu < MC_FRAGMENT_LEAST + 3 ? MC_FRAGMENT_LEAST : (uint16_t)(m->link.mtu - 3);

    if (limit > MC_FRAGMENT_MAX)
        limit = MC_FRAGMENT_MAX;
    return limit < peer ? limit : peer;
}

bool mc_link_idle(const struct mc_meter *m)
{
    return !m->authenticated && m->session.phase == 0 && m->core.grant_open == 0;
}

void mc_link_end_session(struct mc_meter *m)
{
    mc_session_end(&m->session);
    if (m->authenticated) {
        m->link.alone_ms = mc_mono_ms(m);
        m->link.heard = false;
    }
    m->authenticated = false;
    m->use_counted = false;
    m->purge.answering = false;
    m->later = (struct mc_later){.waiting = false};
    mc_purge_end(m, gasm_PurgeEnd_PURGE_LINK);
}

/* The client waits for the valve, and so does the meter: neither may say anything. */
static bool owes_answer(const struct mc_meter *m)
{
    return m->later.waiting ||
           (m->purge.answering && mc_mono_ms(m) - m->purge.ended_ms < MC_OWES_MS);
}

static void drop(struct mc_meter *m)
{
    mc_link_end_session(m);
    m->link.drop = !m->link.dropped;
    m->link.dropped = true;
}

/* Forget what was reassembled and what was to be sent; start a fragment epoch. */
static void reset_pipe(struct mc_meter *m, uint8_t epoch, uint16_t limit, uint8_t credits)
{
    mc_link_end_session(m);
    m->link.epoch = epoch;
    mc_pipe_reset(&m->pipe, epoch, limit, credits);
}

void mc_meter_connected(struct mc_meter *m, uint16_t att_mtu)
{
    int64_t now_ms = mc_mono_ms(m);
    uint8_t epoch = (uint8_t)((m->link.epoch + 1) & 15);

    m->link.up = true;
    m->link.drop = m->link.dropped = m->link.leave = m->link.heard = false;
    m->link.mtu = att_mtu;
    m->link.alone_ms = now_ms;
    reset_pipe(m, epoch, fragment_limit(m, MC_FRAGMENT_MAX), FIRST_CREDITS);
}

void mc_meter_disconnected(struct mc_meter *m)
{
    reset_pipe(m, m->link.epoch, MC_FRAGMENT_MIN, 0);
    m->link.up = m->link.drop = m->link.dropped = m->link.leave = false;
}

bool mc_meter_wants_drop(struct mc_meter *m)
{
    bool wants = m->link.drop;

    m->link.drop = false;
    return wants;
}

void mc_meter_ctl_read(struct mc_meter *m, uint8_t ret[static MC_CTL_LEN])
{
    struct mc_ctl ctl = {.version = MC_PROTOCOL_VERSION,
                         .life_state = m->core.life,
                         .active_epoch = m->core.active_epoch,
                         .fragment_limit = MC_FRAGMENT_MAX,
                         .credits = MC_WINDOW,
                         .fragment_epoch = m->link.epoch};

    memcpy(ctl.meter_id, m->core.meter_id, GF_METER_ID_LEN);
    mc_ctl_encode(&ctl, ret);
}

int mc_meter_ctl_write(struct mc_meter *m, const uint8_t *p, size_t n)
{
    struct mc_ctl_reset r;

    if (mc_ctl_reset_decode(p, n, &r) != 0)
        return GF_E_FORMAT;
    if (m->link.up && !m->link.dropped)
        reset_pipe(m, r.fragment_epoch, fragment_limit(m, r.fragment_limit), r.credits);
    return 0;
}

/* ---- sending ---- */

/* Send what stands in m->out; it stays there in case the pipe has to restart it. */
static void send_out(struct mc_meter *m, int n)
{
    if (n < 0 || mc_pipe_send(&m->pipe, m->out, (size_t)n) != 0)
        drop(m);
}

void mc_link_answer(struct mc_meter *m, struct gf_span plain)
{
    m->link.active_ms = mc_mono_ms(m);
    send_out(m, mc_server_seal(&m->session, m->ports.crypto, plain, m->out, sizeof m->out));
}

static void refuse_hello(struct mc_meter *m, gasm_Refusal why, uint32_t retry_after_s)
{
    gasm_HelloRefusal refusal = {.reason = why,
                                 .active_epoch = m->core.active_epoch,
                                 .retry_after_s = retry_after_s};
    int n;

    if (why != gasm_Refusal_BUSY) {
        m->link.refused++;
        m->link.refused_last = (uint8_t)why;
    }
    m->out[0] = MC_KIND_REFUSAL;
    n = mc_pb_encode(gasm_HelloRefusal_fields, &refusal, m->out + 1, sizeof m->out - 1);
    send_out(m, n < 0 ? n : n + 1);
}

/* ---- hello ---- */

/* A session number that no session ever had: from the block that the journal reserved. */
static int next_session(struct mc_meter *m, uint64_t *ret)
{
    if (m->session_next >= m->core.session_reserved) {
        struct mc_tx tx;
        int rc;

        mc_store_begin(m, &tx);
        tx.next.session_reserved = m->session_next + SESSION_BLOCK;
        rc = mc_store_change(m, &tx);
        gf_wipe(&tx, sizeof tx);
        if (rc != 0)
            return rc;
    }
    *ret = m->session_next++;
    return 0;
}

/* Take a ticket that was judged: key, session number, ServerHello. Its length or an error. */
static int welcome(struct mc_meter *m, struct gf_span hello, const gasm_ClientHello *decoded)
{
    struct gf_span ticket = {decoded->ticket.bytes, decoded->ticket.size};
    uint8_t key[MC_KEY_LEN];
    uint64_t no;
    int rc = mc_ticket_key(m->ports.crypto, mc_ticket_root(m, &m->ticket), ticket, key);

    if (rc == 0)
        rc = next_session(m, &no);
    if (rc == 0)
        rc = mc_server_welcome(&m->session, m->ports.crypto, m->ports.random, hello, decoded, key,
                               no, m->out, sizeof m->out);
    gf_wipe(key, sizeof key);
    return rc;
}

static gasm_Refusal judge_hello(struct mc_meter *m, struct gf_span hello, gasm_ClientHello *ret)
{
    if (mc_pb_decode_zeroed(gasm_ClientHello_fields, hello, ret) != 0 ||
        ret->version != MC_PROTOCOL_VERSION)
        return gasm_Refusal_FORMAT;
    if (mc_ticket_decode((struct gf_span){ret->ticket.bytes, ret->ticket.size}, &m->ticket) != 0)
        return gasm_Refusal_FORMAT;
    return mc_ticket_judge(m, &m->ticket);
}

static void take_hello(struct mc_meter *m, struct gf_span hello)
{
    gasm_ClientHello decoded = gasm_ClientHello_init_zero;
    int64_t now_ms = mc_mono_ms(m);
    gasm_Refusal why;
    int n;

    mc_link_end_session(m);
    if (!m->usable) {
        refuse_hello(m, gasm_Refusal_NVM, 0);
        return;
    }
    if (m->link.helloed && now_ms - m->link.hello_ms < MC_HELLO_MS) {
        refuse_hello(m, gasm_Refusal_BUSY, 1);
        return;
    }
    m->link.helloed = true;
    m->link.hello_ms = now_ms;
    why = judge_hello(m, hello, &decoded);
    if (why != gasm_Refusal_OK) {
        refuse_hello(m, why, 0);
        return;
    }
    n = welcome(m, hello, &decoded);
    if (n < 0)
        refuse_hello(m, n == GF_E_STORE ? gasm_Refusal_NVM : gasm_Refusal_BUSY, 1);
    else
        send_out(m, n);
}

/* ---- requests ---- */

/* 0 or an error. A function of its own, so that its transaction is off the stack when the next is
 * made. */
static int raise_floor(struct mc_meter *m)
{
    struct mc_tx tx;
    int rc;

    mc_store_begin(m, &tx);
    tx.next.serial_floor = m->ticket.serial_floor;
    mc_tx_event(m, &tx, MC_EVENT_SERIAL_FLOOR, (int64_t)m->ticket.serial_floor,
                (int64_t)m->core.serial_floor);
    rc = mc_store_change(m, &tx);
    gf_wipe(&tx, sizeof tx);
    return rc;
}

/* The first request proved the client's key. What follows from that is journalled: a higher serial
 * floor, and the activation of a new key. 0 or an error. */
static int proved(struct mc_meter *m)
{
    int rc = m->ticket.serial_floor > m->core.serial_floor ? raise_floor(m) : 0;

    if (rc == 0 && m->ticket.epoch != 0 && m->ticket.epoch == m->core.pending_epoch)
        rc = mc_key_activate(m);
    return rc;
}

static void take_request(struct mc_meter *m, const uint8_t *msg, size_t n)
{
    struct gf_span answer;
    bool first = false;
    int len = mc_server_open(&m->session, m->ports.crypto, msg, n, m->rec, sizeof m->rec, &first);
    int decoded, rc;

    if (len < 0) {
        mc_link_end_session(m);
        refuse_hello(m, gasm_Refusal_PROOF, 0);
        return;
    }
    decoded = mc_command_decode(m, (struct gf_span){m->rec, (size_t)len});
    if (first) {
        m->authenticated = true;
        rc = proved(m);
        if (rc != 0) {
            mc_link_end_session(m);
            refuse_hello(m, mc_command_store_refusal(rc), 1);
            return;
        }
    }
    rc = mc_command_run(m, decoded, &answer);
    if (rc < 0)
        drop(m);
    else if (rc > 0)
        mc_link_answer(m, answer);
}

static void take_message(struct mc_meter *m, const uint8_t *msg, size_t n)
{
    if (owes_answer(m) || n < 1)
        drop(m);        /* one request at a time; repeats are the pipe's business */
    else if (msg[0] == MC_KIND_CLIENT_HELLO)
        take_hello(m, (struct gf_span){msg + 1, n - 1});
    else if (msg[0] == MC_KIND_FIRST || msg[0] == MC_KIND_REQUEST)
        take_request(m, msg, n);
    else
        drop(m);
}

void mc_meter_rx(struct mc_meter *m, const uint8_t *frag, size_t n)
{
    const uint8_t *msg;
    size_t len;

    (void)mc_meter_tick(m);     /* deadlines that have passed are judged first */
    if (!m->link.up || m->link.dropped)
        return;
    if (!m->authenticated && !m->link.heard) {
        m->link.heard = true;
        m->link.heard_ms = mc_mono_ms(m);
    }
    switch (mc_pipe_feed(&m->pipe, frag, n)) {
    case MC_FEED_MORE:
        break;
    case MC_FEED_MESSAGE:
        msg = mc_pipe_message(&m->pipe, &len);
        take_message(m, msg, len);
        break;
    case MC_FEED_BROKEN:
        drop(m);
        break;
    }
}

size_t mc_meter_tx(struct mc_meter *m, uint8_t *ret, size_t cap)
{
    return m->link.up && !m->link.dropped ? mc_pipe_next(&m->pipe, ret, cap) : 0;
}

/* ---- deadlines ---- */

static bool is_too_late(const struct mc_meter *m, int64_t now_ms)
{
    if (owes_answer(m))
        return false;
    if (m->authenticated)
        return now_ms - m->link.active_ms >= MC_SILENCE_MS;
    return now_ms - m->link.alone_ms >= MC_CONNECT_MS ||
           (m->link.heard && now_ms - m->link.heard_ms >= MC_HEARD_MS);
}

void mc_link_poll(struct mc_meter *m)
{
    int64_t now_ms = mc_mono_ms(m);

    if (m->link.up && !m->link.dropped) {
        /* An expired ticket ends its session, but not under a grant, which has limits of its
         * own. */
        bool expired = m->authenticated && m->core.grant_open == 0 && !owes_answer(m) &&
                       mc_ticket_time(m, &m->ticket) == gasm_Refusal_OLD;

        if (is_too_late(m, now_ms) || ((expired || m->link.leave) && mc_pipe_idle(&m->pipe)))
            drop(m);
    }
    if (m->usable && m->link.refused > 0 &&
        (!m->link.refused_logged || now_ms - m->link.refused_ms >= MC_REFUSED_LOG_MS) &&
        mc_store_event(m, MC_EVENT_REFUSED, (int64_t)m->link.refused,
                       (int64_t)m->link.refused_last) == 0) {
        m->link.refused = 0;
        m->link.refused_logged = true;
        m->link.refused_ms = now_ms;
    }
}
