/* fuzz_frame.c - fragments that a hostile peer sends, and two honest ends on a bad link; see
 * meter-core/frame.h.
 *
 * Input: mode and fragment epoch 1 | limit 1 | the peer's credits 1 | steps. Mode bit 0x80: a bad
 * link, else a hostile peer. */
#include "meter-core/frame.h"

#include "common/err.h"
#include "tests/fuzz/fuzz.h"

#define PENDING 32              /* fragments under way in one direction */
#define STEPS 200

/* The bytes of message number `no`. */
static void compose(uint8_t *msg, size_t n, unsigned no)
{
    for (size_t i = 0; i < n; i++)
        msg[i] = (uint8_t)(i * 7 + i / 256 + no * 31);
}

static uint16_t limit_of(uint8_t b)
{
    return (uint16_t)(b < 250 ? MC_FRAGMENT_MIN + b : MC_FRAGMENT_MAX);
}

/* What must be true of a fragment that an end sends. */
static void check_sent(const struct mc_pipe *p, const uint8_t *frag, size_t n)
{
    FUZZ_INSIST(n >= 2 && n <= p->limit, "a fragment of a wrong length is sent");
    FUZZ_INSIST((frag[0] & 0x0F) == p->epoch, "a fragment of another epoch is sent");
    FUZZ_INSIST(!p->broken, "a broken end sends");
    if ((frag[0] & 0x20) != 0)
        FUZZ_INSIST(n >= 4 && frag[2] == p->rx.seq && frag[3] == MC_WINDOW, "a wrong ack is sent");
    if ((frag[0] & 0x80) != 0)
        FUZZ_INSIST(n >= 6 && (frag[0] & 0x20) != 0, "a start has no ack");
    FUZZ_INSIST((uint8_t)(p->tx.top - p->tx.base) <= 64, "more is sent than was ever granted");
}

/* ---- a hostile peer ---- */

static void drain_to_peer(struct mc_pipe *p)
{
    uint8_t frag[MC_FRAGMENT_MAX];
    size_t n, sent = 0;

    while ((n = mc_pipe_next(p, frag, sizeof frag)) > 0) {
        check_sent(p, frag, n);
        FUZZ_INSIST(++sent < 256, "it never stops sending");
    }
}

static void check_fed(const struct mc_pipe *p, enum mc_feed said, bool was_broken)
{
    size_t n;
    const uint8_t *msg = mc_pipe_message(p, &n);

    FUZZ_INSIST(!was_broken || said == MC_FEED_BROKEN, "broken does not stay broken");
    FUZZ_INSIST((said == MC_FEED_BROKEN) == p->broken, "broken is not told");
    FUZZ_INSIST((said == MC_FEED_MESSAGE) == (msg != NULL), "a message is there, or not");
    FUZZ_INSIST(n <= MC_MESSAGE_MAX, "a message is too long");
    FUZZ_INSIST(p->broken || !p->rx.in_message || p->rx.want <= MC_MESSAGE_MAX,
                "a message is begun that is too long");
    FUZZ_INSIST(p->rx.n <= p->rx.want || !p->rx.in_message, "a message is longer than it said");
}

static void feed(struct mc_pipe *p, struct gf_reader *in, size_t want)
{
    bool was_broken = p->broken;
    size_t n;
    uint8_t *frag = fuzz_take(in, want, &n);

    check_fed(p, mc_pipe_feed(p, frag, n), was_broken);
    free(frag);
}

static void hostile_peer(struct mc_pipe *p, struct gf_reader *in)
{
    static uint8_t msg[MC_MESSAGE_MAX + 1];

    for (unsigned step = 0; in->left > 0 && !in->bad && step < STEPS; step++) {
        uint8_t op = (uint8_t)gf_rd_uint(in, 1);
        bool was_broken = p->broken;

        if (op == 0xFF) {
            FUZZ_INSIST((mc_pipe_nudge(p) == MC_FEED_BROKEN) == p->broken, "broken is not told");
        } else if (op == 0xFE) {
            size_t n = gf_rd_uint(in, 2) % (sizeof msg + 1);
            bool idle = mc_pipe_idle(p);
            int rc = mc_pipe_send(p, msg, n);

            FUZZ_INSIST(rc == (n > MC_MESSAGE_MAX ? GF_E_SPACE : idle ? 0 : GF_E_NOT_NOW),
                        "it takes a message that it must not, or not one that it must");
        } else {
            feed(p, in, op == 0xFD ? gf_rd_uint(in, 2) % 600 : op);
        }
        FUZZ_INSIST(!was_broken || p->broken, "it mends itself");
        drain_to_peer(p);
    }
}

/* ---- a bad link between honest ends ---- */

struct end {
    struct mc_pipe pipe;
    uint8_t msg[MC_MESSAGE_MAX];
    struct {
        uint16_t n;
        uint8_t bytes[MC_FRAGMENT_MAX];
    } pending[PENDING];         /* on their way to this end */
    uint8_t order[PENDING];     /* in which they were sent: numbers of pending; the rest are free */
    size_t under_way;
    unsigned sent, got;         /* messages */
    size_t sent_n[64];
};

static struct end ends[2];

static void emit(unsigned from)
{
    struct end *e = &ends[from], *to = &ends[1 - from];
    uint8_t frag[MC_FRAGMENT_MAX];
    size_t n;

    while ((n = mc_pipe_next(&e->pipe, frag, sizeof frag)) > 0) {
        check_sent(&e->pipe, frag, n);
        if (to->under_way == PENDING)
            continue;           /* lost */
        memcpy(to->pending[to->order[to->under_way]].bytes, frag, n);
        to->pending[to->order[to->under_way++]].n = (uint16_t)n;
    }
}

static void send_message(unsigned from, size_t n)
{
    struct end *e = &ends[from];

    if (e->sent == 64 || !mc_pipe_idle(&e->pipe))
        return;
    compose(e->msg, n, e->sent);
    e->sent_n[e->sent++] = n;
    FUZZ_INSIST(mc_pipe_send(&e->pipe, e->msg, n) == 0, "an idle end takes no message");
    emit(from);
}

/* The message is the next that was sent, whole; and the meter (end 1) answers it. */
static void check_message(unsigned to)
{
    static uint8_t want[MC_MESSAGE_MAX];
    struct end *e = &ends[to], *from = &ends[1 - to];
    size_t n;
    const uint8_t *msg = mc_pipe_message(&e->pipe, &n);

    FUZZ_INSIST(e->got < from->sent, "a message came that was never sent");
    FUZZ_INSIST(n == from->sent_n[e->got], "a message of another length came");
    compose(want, n, e->got);
    FUZZ_INSIST(n == 0 || memcmp(msg, want, n) == 0, "a message came with other bytes");
    e->got++;
    if (to == 1)
        send_message(1, (n * 5 + 3) % (MC_MESSAGE_MAX + 1));
}

/* What waits at `place` is no longer under way. */
static void lose(struct end *e, size_t place)
{
    uint8_t no = e->order[place];

    e->under_way--;
    memmove(e->order + place, e->order + place + 1, e->under_way - place);
    e->order[e->under_way] = no;
}

/* Deliver what waits at `place`; keep it there as well when it is to come twice. */
static void deliver(unsigned to, size_t place, bool twice)
{
    struct end *e = &ends[to];
    uint8_t no = e->order[place];
    bool was_broken = e->pipe.broken;
    enum mc_feed said;

    if (!twice)
        lose(e, place);
    said = mc_pipe_feed(&e->pipe, e->pending[no].bytes, e->pending[no].n);
    check_fed(&e->pipe, said, was_broken);
    if (said == MC_FEED_MESSAGE)
        check_message(to);
    emit(to);
}

/* A step: direction 0x80, what happens 0x70, place 0x0F. */
static void bad_link(struct gf_reader *in)
{
    for (unsigned step = 0; in->left > 0 && !in->bad && step < STEPS; step++) {
        uint8_t op = (uint8_t)gf_rd_uint(in, 1);
        unsigned to = op >> 7, what = op >> 4 & 7;
        struct end *e = &ends[to];
        size_t place = op & 0x0F;

        if (what == 0 && to == 0) {
            /* one request at a time: the next when the last was answered */
            if (ends[0].sent == ends[0].got)
                send_message(0, gf_rd_uint(in, 2) % (MC_MESSAGE_MAX + 1));
        } else if (what == 0) {
            (void)mc_pipe_nudge(&ends[0].pipe);
            emit(0);
        } else if (place >= e->under_way) {
            continue;
        } else if (what == 1) {
            lose(e, place);
        } else {
            deliver(to, place, what == 2);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mc_pipe alone;
    struct gf_reader in = {data, size, false};
    uint8_t mode = (uint8_t)gf_rd_uint(&in, 1);
    uint16_t limit = limit_of((uint8_t)gf_rd_uint(&in, 1));
    uint8_t credits = (uint8_t)gf_rd_uint(&in, 1);

    if ((mode & 0x80) == 0) {
        mc_pipe_reset(&alone, mode, limit, credits);
        hostile_peer(&alone, &in);
        return 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        mc_pipe_reset(&ends[i].pipe, mode, limit, MC_WINDOW);
        ends[i].under_way = ends[i].sent = ends[i].got = 0;
        for (uint8_t no = 0; no < PENDING; no++)
            ends[i].order[no] = no;
    }
    bad_link(&in);
    return 0;
}
