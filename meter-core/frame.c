/* frame.c - messages over GATT; see frame.h.
 *
 * Sequences are bytes and wrap. A message has 82 fragments at most (1472 bytes at the smallest
 * limit), and 64 may be under way, so what is behind and what is ahead never meet.
 */
#include "meter-core/frame.h"

#include "common/bytes.h"
#include "common/err.h"

enum {
    START = 0x80, /* flags, and the low nibble */
    END = 0x40,
    ACK = 0x20,
    RESET = 0x10,
    EPOCH = 0x0F,
    HEAD_LEN = 2,             /* flags, sequence */
    START_LEN = HEAD_LEN + 4, /* ... ack, credit, message length */
    CREDIT_MAX = 64,          /* more than that is not used */
};

_Static_assert((MC_WINDOW & (MC_WINDOW - 1)) == 0 && MC_WINDOW <= CREDIT_MAX,
               "places survive the sequence's wrap");

struct fragment {
    uint8_t flags, seq, ack, credit;
    uint16_t len; /* of the message, on a start */
    struct gf_span payload;
};

static uint8_t at_most(uint8_t v, uint8_t max)
{
    return v < max ? v : max;
}

/* How far b is behind a; negative when it is before it. */
static int8_t distance(uint8_t a, uint8_t b)
{
    unsigned d = (unsigned)(uint8_t)(b - a);

    return (int8_t)(d < 128 ? (int)d : (int)d - 256);
}

static bool parse(const uint8_t *frag, size_t n, struct fragment *ret)
{
    struct gf_reader r = { .p = frag, .left = n };

    *ret = (struct fragment){ .flags = (uint8_t)gf_rd_uint(&r, 1) };
    ret->seq = (uint8_t)gf_rd_uint(&r, 1);
    if (ret->flags & ACK) {
        ret->ack = (uint8_t)gf_rd_uint(&r, 1);
        ret->credit = at_most((uint8_t)gf_rd_uint(&r, 1), CREDIT_MAX);
    }
    if (ret->flags & START)
        ret->len = (uint16_t)gf_rd_uint(&r, 2);
    ret->payload = (struct gf_span){ r.p, r.left };
    if (r.bad || n > MC_FRAGMENT_MAX)
        return false;
    if ((ret->flags & START) || r.left > 0)
        return (ret->flags & RESET) == 0;
    return (ret->flags & ACK) != 0;
}

void mc_pipe_reset(struct mc_pipe *p, uint8_t epoch, uint16_t limit, uint8_t peer_credits)
{
    memset(p, 0, sizeof *p);
    p->epoch = epoch & EPOCH;
    p->limit = limit > MC_FRAGMENT_MAX ? MC_FRAGMENT_MAX : limit;
    if (p->limit < MC_FRAGMENT_LEAST)
        p->limit = MC_FRAGMENT_LEAST;
    p->tx.bound = at_most(peer_credits, CREDIT_MAX);
    p->rx.granted = MC_WINDOW;
}

/* ---- sending ---- */

bool mc_pipe_idle(const struct mc_pipe *p)
{
    return p->tx.seq == p->tx.end;
}

static bool has_credit(const struct mc_pipe *p)
{
    return distance(p->tx.seq, p->tx.bound) > 0;
}

int mc_pipe_send(struct mc_pipe *p, const uint8_t *msg, size_t n)
{
    size_t start_room = p->limit - (size_t)START_LEN, room = p->limit - (size_t)HEAD_LEN;
    size_t count = n <= start_room ? 1 : 1 + (n - start_room + room - 1) / room;

    if (n > MC_MESSAGE_MAX)
        return GF_E_SPACE;
    if (!mc_pipe_idle(p))
        return GF_E_NOT_NOW;
    p->tx.p = msg;
    p->tx.n = n;
    p->tx.first = p->tx.seq = p->tx.top = p->tx.end;
    p->tx.end = (uint8_t)(p->tx.first + count);
    p->tx.repeated = false;
    return 0;
}

/* The peer has all before `ack`. One older than what is known is no news. */
static void take_ack(struct mc_pipe *p, uint8_t ack, uint8_t credit)
{
    if ((uint8_t)(ack - p->tx.base) > (uint8_t)(p->tx.top - p->tx.base))
        return;
    p->tx.base = ack;
    p->tx.bound = (uint8_t)(ack + credit);
    if (distance(p->tx.seq, ack) > 0)
        p->tx.seq = ack; /* while repeating: the peer needs no more of that */
}

/* Does the peer lack something of this message that was sent? */
static bool is_missed(const struct mc_pipe *p)
{
    return p->tx.base != p->tx.seq &&
           (uint8_t)(p->tx.base - p->tx.first) < (uint8_t)(p->tx.end - p->tx.first);
}

static void repeat(struct mc_pipe *p)
{
    p->tx.seq = p->tx.base;
    p->tx.repeated = true;
}

/* An ack arrived, an asking one perhaps; after a nudge each ack says what the peer lacks. */
static void take_answer(struct mc_pipe *p, const struct fragment *f)
{
    bool asks = (f->flags & RESET) != 0, polled = p->tx.polled;

    take_ack(p, f->ack, f->credit);
    if ((asks || polled) && is_missed(p)) {
        if (!p->tx.repeated)
            repeat(p);
        else
            p->broken = polled;
    } else if (asks) {
        p->rx.owes_ack = true;
    }
}

/* Ack and credit in `ret`; from now on the peer may send so much. */
static void put_ack(struct mc_pipe *p, uint8_t ret[static 2])
{
    ret[0] = p->rx.seq;
    ret[1] = MC_WINDOW;
    p->rx.granted = (uint8_t)(p->rx.seq + MC_WINDOW);
    p->rx.owes_ack = false;
}

static size_t next_ack(struct mc_pipe *p, uint8_t *ret)
{
    bool asks = p->rx.gap || p->rx.poll;

    ret[0] = (uint8_t)(ACK | (asks ? RESET : 0) | p->epoch);
    ret[1] = 0;
    put_ack(p, ret + HEAD_LEN);
    p->rx.asked = p->rx.asked || p->rx.gap;
    p->rx.gap = p->rx.poll = false;
    return HEAD_LEN + 2;
}

static size_t next_data(struct mc_pipe *p, uint8_t *ret)
{
    bool start = p->tx.seq == p->tx.first;
    size_t head = start ? START_LEN : HEAD_LEN, room = p->limit - head, off = 0;
    uint8_t nth = (uint8_t)(p->tx.seq - p->tx.first);

    if (!start)
        off = p->limit - (size_t)START_LEN + (size_t)(nth - 1) * room;

    size_t n = p->tx.n - off < room ? p->tx.n - off : room;

    ret[0] = p->epoch;
    ret[1] = p->tx.seq;
    if (start) {
        ret[0] = (uint8_t)(ret[0] | START | ACK);
        put_ack(p, ret + HEAD_LEN);
        ret[HEAD_LEN + 2] = (uint8_t)p->tx.n;
        ret[HEAD_LEN + 3] = (uint8_t)(p->tx.n >> 8);
    }
    memcpy(ret + head, p->tx.p + off, n);
    if (p->tx.seq == p->tx.top)
        p->tx.top++;
    p->tx.seq++;
    if (mc_pipe_idle(p))
        ret[0] |= END;
    return head + n;
}

size_t mc_pipe_next(struct mc_pipe *p, uint8_t *ret, size_t cap)
{
    bool data = !mc_pipe_idle(p) && has_credit(p);

    if (p->broken || cap < p->limit)
        return 0;
    if (p->rx.gap || p->rx.poll || (p->rx.owes_ack && !(data && p->tx.seq == p->tx.first)))
        return next_ack(p, ret);
    return data ? next_data(p, ret) : 0;
}

/* ---- receiving ---- */

/* Append the fragment whose turn it is; false when it cannot be right. */
static bool accept(struct mc_pipe *p, const struct fragment *f)
{
    if (((f->flags & START) != 0) == p->rx.in_message)
        return false;
    if (f->flags & START) {
        p->rx.in_message = true;
        p->rx.n = 0;
        p->rx.want = f->len;
    }
    if (p->rx.want > MC_MESSAGE_MAX || f->payload.n > p->rx.want - p->rx.n)
        return false;
    memcpy(p->rx.buf + p->rx.n, f->payload.p, f->payload.n);
    p->rx.n += f->payload.n;
    if ((p->rx.n == p->rx.want) != ((f->flags & END) != 0))
        return false;
    if (f->flags & END) {
        p->rx.ready = true;
        p->rx.in_message = p->rx.asked = false;
    }
    return true;
}

/* Keep a fragment until its turn comes. */
static void hold(struct mc_pipe *p, const struct fragment *f, const uint8_t *frag, size_t n)
{
    unsigned place = f->seq % MC_WINDOW;

    if ((uint8_t)(f->seq - p->rx.seq) >= MC_WINDOW)
        return;
    memcpy(p->rx.held[place], frag, n);
    p->rx.held_len[place] = (uint16_t)n;
}

/* The end of a message or of the credit is here, and something before it is not. */
static bool has_gap(const struct mc_pipe *p)
{
    for (uint8_t i = 1; i < MC_WINDOW; i++) {
        uint8_t seq = (uint8_t)(p->rx.seq + i);
        unsigned place = seq % MC_WINDOW;

        if (p->rx.held_len[place] > 0 &&
            ((p->rx.held[place][0] & END) || distance(p->rx.granted, (uint8_t)(seq + 1)) >= 0))
            return true;
    }
    return false;
}

/* Take what is held as far as it fits together. */
static enum mc_feed drain(struct mc_pipe *p)
{
    while (!p->rx.ready && !p->broken) {
        unsigned place = p->rx.seq % MC_WINDOW;
        struct fragment f;

        if (p->rx.held_len[place] == 0)
            break;
        (void)parse(p->rx.held[place], p->rx.held_len[place], &f);  /* as it was when held */
        p->broken = !accept(p, &f);
        p->rx.held_len[place] = 0;
        p->rx.seq++;
    }
    if (p->broken)
        return MC_FEED_BROKEN;
    if (distance(p->rx.seq, p->rx.granted) <= MC_WINDOW / 4)
        p->rx.owes_ack = true;
    p->rx.gap = !p->rx.ready && !p->rx.asked && has_gap(p);
    return p->rx.ready ? MC_FEED_MESSAGE : MC_FEED_MORE;
}

enum mc_feed mc_pipe_feed(struct mc_pipe *p, const uint8_t *frag, size_t n)
{
    struct fragment f;

    p->rx.ready = false;
    if (p->broken)
        return MC_FEED_BROKEN;
    if (n > 0 && (frag[0] & EPOCH) != p->epoch)
        return MC_FEED_MORE;
    if (!parse(frag, n, &f)) {
        p->broken = true;
        return MC_FEED_BROKEN;
    }
    if (f.flags & ACK)
        take_answer(p, &f);
    p->tx.polled = false;
    if ((f.flags & START) || f.payload.n > 0)
        hold(p, &f, frag, n);
    return drain(p);
}

const uint8_t *mc_pipe_message(const struct mc_pipe *p, size_t *ret_n)
{
    *ret_n = p->rx.ready ? p->rx.n : 0;
    return p->rx.ready ? p->rx.buf : NULL;
}

static bool is_receiving(const struct mc_pipe *p)
{
    bool held = false;

    for (unsigned i = 0; i < MC_WINDOW; i++)
        held = held || p->rx.held_len[i] > 0;
    return p->rx.in_message || held;
}

enum mc_feed mc_pipe_nudge(struct mc_pipe *p)
{
    bool receiving = is_receiving(p);

    if (receiving ? p->rx.asked : p->tx.polled)
        p->broken = true;
    if (p->broken)
        return MC_FEED_BROKEN;
    if (receiving)
        p->rx.asked = p->rx.poll = true;
    else if (p->tx.first != p->tx.end && (mc_pipe_idle(p) || !has_credit(p)))
        p->tx.polled = p->rx.poll = true;
    return MC_FEED_MORE;
}
