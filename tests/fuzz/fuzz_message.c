/* fuzz_message.c - requests that a meter hears inside a session, and messages that it hears without
 * one; see meter-core/commands.h and session.h.
 *
 * Input: where the meter is (enum aid_moment; AID_MOMENTS: nobody is authenticated) 1 | records:
 * length of the message, low 11 bits, and above it how many times 200 ms pass before it, 2 LE |
 * the message. */
#include "meter-core/commands.h"
#include "tests/aid/meter_still.h"
#include "tests/fuzz/fuzz.h"

#define RECORDS 4
#define LEN_BITS 11

static struct aid_still *stills[AID_MOMENTS];

static struct aid_still *still_at(unsigned moment)
{
    if (stills[moment] == NULL)
        stills[moment] = aid_still_new((enum aid_moment)moment);
    return stills[moment];
}

/* Whatever happened, the meter stands by its journal, and shut when it may not be open. */
static void check_after(const struct aid_still *s)
{
    const struct mc_meter *m = s->w->meter;

    FUZZ_INSIST(m->usable, "the meter gave up");
    FUZZ_INSIST(m->core.grant_open <= 1, "a grant is neither alive nor over");
    FUZZ_INSIST(m->core.grant_open == 1 || m->core.life == gasm_LifeState_IN_SERVICE ||
                    !m->drive.want_open,
                "open without a reason");
    FUZZ_INSIST(m->core.receipt_seq >= s->meter.core.receipt_seq, "receipts were lost");
    FUZZ_INSIST(m->core.totals.index_l - m->core.totals.purged_l ==
                    s->meter.core.totals.index_l - s->meter.core.totals.purged_l,
                "gas was billed");
}

/* Time passes in one leap: the valve has moved, deadlines have passed. */
static void leap(struct aid_world *w, int64_t ms)
{
    w->utc_ms += ms - 10;
    w->mono_ms += ms - 10;
    aid_world_pass(w, 10);
}

/* One message in a session. False when the session is over. */
static bool hear_request(struct aid_still *s, struct gf_span plain)
{
    static gasm_Response answer;
    bool later;
    const char *wrong = aid_still_ask(s, plain, &answer, &later);

    FUZZ_INSIST(wrong == NULL, wrong);
    if (later)
        for (int i = 0; i < 4; i++)
            leap(s->w, 100);
    return s->w->meter->authenticated;
}

/* One message as it comes over the link, kind first. */
static bool hear_message(struct aid_still *s, struct gf_span msg)
{
    struct aid_world *w = s->w;

    memcpy(w->out, msg.p, msg.n);
    w->greeting = true;         /* whatever comes back is looked at as an answer to a hello */
    FUZZ_INSIST(mc_pipe_send(&w->pipe, w->out, msg.n) == 0, "the client cannot send");
    aid_world_pass(w, 10);
    FUZZ_INSIST(!w->meter->authenticated, "a stranger is let in");
    return w->up;
}

static void begin(struct aid_still *s, bool stranger)
{
    aid_still_back(s);
    s->w->valve.travel_ms = 60;
    if (stranger)
        aid_world_connect(s->w, 247);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gf_reader in = {data, size, false};
    unsigned moment = (unsigned)gf_rd_uint(&in, 1) % (AID_MOMENTS + 1);
    bool stranger = moment == AID_MOMENTS, goes_on = true;
    struct aid_still *s = still_at(stranger ? AID_AT_SERVICE : moment);

    begin(s, stranger);
    for (unsigned i = 0; goes_on && in.left > 0 && !in.bad && i < RECORDS; i++) {
        uint16_t head = (uint16_t)gf_rd_uint(&in, 2);
        size_t n, most = stranger ? MC_MESSAGE_MAX : MC_MESSAGE_MAX - 25;
        uint8_t *msg;

        if (head >> LEN_BITS != 0)
            leap(s->w, (head >> LEN_BITS) * 200);
        if (!stranger && !s->w->meter->authenticated)
            break;
        n = head & ((1u << LEN_BITS) - 1);
        msg = fuzz_take(&in, n < most ? n : most, &n);
        goes_on = stranger ? hear_message(s, (struct gf_span){msg, n})
                           : hear_request(s, (struct gf_span){msg, n});
        free(msg);
    }
    check_after(s);
    return 0;
}
