/* test_frame_loss.c - framing over a link that loses, repeats, delays and reorders. */
#include "meter-core/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/pipes.h"

/* ---- losses ---- */

static const struct {
    uint16_t limit;
    size_t request_n, answer_n;
} sizes[] = {
    { 20, 10, 10 },   /* one fragment each */
    { 20, 30, 60 },   /* a few */
    { 20, 120, 200 }, /* more than a window */
    { 20, 400, 900 }, { 244, 500, 1400 }, { 509, 60, 1472 },
};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* The exchange of these sizes after one that is not disturbed. Returns how many were handed out. */
static int exchange_of(struct aid_link *w, size_t size, const int lose[2], unsigned *ret_nudges)
{
    aid_link_begin(w, sizes[size].limit, MC_WINDOW);
    assert_int_equal(aid_link_exchange(w, 25, 25), 0);
    w->lose[0] = lose[0] == AID_NEVER ? AID_NEVER : w->emitted + lose[0];
    w->lose[1] = lose[1] == AID_NEVER ? AID_NEVER : w->emitted + lose[1];

    int before = w->emitted;

    *ret_nudges = aid_link_exchange(w, sizes[size].request_n, sizes[size].answer_n);
    return w->emitted - before;
}

static void each_single_loss_is_healed(void **state)
{
    static struct aid_link w;
    unsigned nudges;

    (void)state;
    for (size_t size = 0; size < SIZES; size++) {
        int lose[2] = { AID_NEVER, AID_NEVER };
        int all = exchange_of(&w, size, lose, &nudges);

        assert_int_equal(nudges, 0);
        for (lose[0] = 0; lose[0] < all; lose[0]++) {
            exchange_of(&w, size, lose, &nudges);
            assert_false(w.broken);
            assert_int_equal(w.got[AID_CLIENT], 2);
            assert_int_equal(w.got[AID_METER], 2);
            assert_true(nudges <= 1);
            assert_true(w.watch[AID_CLIENT].repeats + w.watch[AID_METER].repeats <= MC_WINDOW);
            assert_true(w.watch[AID_CLIENT].asks + w.watch[AID_METER].asks <= 2);

            /* And the talk goes on as if nothing had been. */
            w.lose[0] = AID_NEVER;
            assert_int_equal(aid_link_exchange(&w, 77, 333), 0);
            assert_int_equal(w.got[AID_CLIENT], 3);
        }
    }
}

/* A hole that a later fragment shows needs no nudge: one fragment of up to seven, or one of the
 * first eight of a longer request. */
static void a_gap_that_shows_is_asked_for_at_once(void **state)
{
    static struct aid_link w;
    unsigned nudges;

    (void)state;
    for (size_t size = 2; size <= 3; size++) {
        int lose[2] = { AID_NEVER, AID_NEVER };
        int shown = size == 2 ? 6 : 8;

        for (lose[0] = 0; lose[0] < shown; lose[0]++) {
            exchange_of(&w, size, lose, &nudges);
            assert_int_equal(nudges, 0);
            assert_int_equal(w.watch[AID_METER].asks, 1);
            assert_int_equal(w.watch[AID_CLIENT].asks, 0);
            assert_int_equal(w.got[AID_CLIENT], 2);
        }
    }

    int last[2] = { 6, AID_NEVER };

    exchange_of(&w, 2, last, &nudges);
    assert_int_equal(nudges, 1);
    assert_int_equal(w.watch[AID_METER].asks, 0);
}

/* What happened to one message is forgotten with the next: a loss each way, again and again. */
static void each_message_may_lose_something(void **state)
{
    static struct aid_link w;

    (void)state;
    aid_link_begin(&w, 20, MC_WINDOW);
    for (unsigned i = 1; i <= 50; i++) {
        w.lose[0] = w.emitted;      /* of the request's four */
        w.lose[1] = w.emitted + 11; /* of the answer: 4 is the ask, 5 to 8 the request again */
        aid_link_exchange(&w, 60, 100);
        assert_false(w.broken);
        assert_int_equal(w.got[AID_CLIENT], i);
        assert_int_equal(w.watch[AID_METER].asks, i);
        assert_int_equal(w.watch[AID_CLIENT].asks, i);
    }
}

/* Credit that was lost on its way is no gap: the message may still be repeated once. */
static void a_lost_credit_does_not_count_as_a_gap(void **state)
{
    static struct aid_link w;

    (void)state;
    aid_link_begin(&w, 20, MC_WINDOW);
    w.lose[0] = 8;  /* the first ack, after eight fragments */
    w.lose[1] = 13; /* and a fragment of the rest: 9 is the nudge, 10 its answer */
    assert_int_equal(aid_link_exchange(&w, 400, 10), 1);
    assert_false(w.broken);
    assert_int_equal(w.got[AID_CLIENT], 1);
    assert_int_equal(w.watch[AID_METER].asks, 1);
}

/* The ask was wrong after all: what was only late has come, and the ack ends the repetition. */
static void a_repetition_ends_where_nothing_is_missing(void **state)
{
    static const uint8_t ask[] = { AID_ACK | AID_RESET, 0, 1, 8 }, ack[] = { AID_ACK, 0, 5, 8 };
    struct mc_pipe p;
    uint8_t msg[120] = { 0 }, out[20];

    (void)state;
    mc_pipe_reset(&p, 0, 20, 8);
    assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), 0);
    while (mc_pipe_next(&p, out, sizeof out) > 0)
        ;
    assert_true(mc_pipe_idle(&p));
    assert_int_equal(mc_pipe_feed(&p, ask, sizeof ask), MC_FEED_MORE);
    assert_int_equal(mc_pipe_next(&p, out, sizeof out), 20);
    assert_int_equal(out[1], 1);
    assert_int_equal(mc_pipe_feed(&p, ack, sizeof ack), MC_FEED_MORE);
    assert_int_equal(mc_pipe_next(&p, out, sizeof out), 20);
    assert_int_equal(out[1], 5);
}

/* A peer that asks for a message of long ago gets none of it. */
static void only_the_last_message_is_repeated(void **state)
{
    struct mc_pipe p;
    uint8_t msg[40] = { 0 }, out[20];

    (void)state;
    for (uint8_t from = 0; from < 3; from++) {
        const uint8_t ask[] = { AID_ACK | AID_RESET, 0, from, 8 };

        mc_pipe_reset(&p, 0, 20, 8);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), 0);
            while (mc_pipe_next(&p, out, sizeof out) > 0)
                ;
        }
        assert_int_equal(mc_pipe_feed(&p, ask, sizeof ask), MC_FEED_MORE);
        assert_int_equal(mc_pipe_next(&p, out, sizeof out), 4);
        assert_memory_equal(out, "\x20\0\0\x08", 4);
        assert_int_equal(mc_pipe_next(&p, out, sizeof out), 0);
    }
}

/* Two losses: healed, or the connection is given up - never a wrong message, never silence. */
static void every_pair_of_losses_ends_well_or_ends(void **state)
{
    static struct aid_link w;
    unsigned nudges, healed = 0, given_up = 0;

    (void)state;
    for (size_t size = 0; size < 3; size++) {
        int lose[2] = { AID_NEVER, AID_NEVER };
        int all = exchange_of(&w, size, lose, &nudges) * 2;

        for (lose[0] = 0; lose[0] < all; lose[0]++)
            for (lose[1] = lose[0] + 1; lose[1] < all; lose[1]++) {
                exchange_of(&w, size, lose, &nudges);
                assert_true(w.got[AID_METER] <= 2 && w.got[AID_CLIENT] <= 2);
                assert_true(w.broken != (w.got[AID_CLIENT] == 2));
                healed += !w.broken;
                given_up += w.broken;
            }
    }
    assert_true(healed > 100 && given_up > 10);
}

static void a_dead_link_is_given_up_at_the_second_nudge(void **state)
{
    static struct aid_link w;

    (void)state;
    aid_link_begin(&w, 20, MC_WINDOW);
    aid_link_ask(&w, 100);
    aid_link_pump(&w, AID_CLIENT);
    assert_int_equal(w.emitted, aid_link_fragments(100, 20));
    assert_int_equal(mc_pipe_nudge(&w.pipe[AID_CLIENT]), MC_FEED_MORE);
    aid_link_pump(&w, AID_CLIENT);
    assert_int_equal(w.emitted, aid_link_fragments(100, 20) + 1);
    assert_int_equal(w.watch[AID_CLIENT].asks, 1);
    assert_int_equal(mc_pipe_nudge(&w.pipe[AID_CLIENT]), MC_FEED_BROKEN);
    aid_link_pump(&w, AID_CLIENT);
    assert_int_equal(w.emitted, aid_link_fragments(100, 20) + 1);
    assert_int_equal(mc_pipe_nudge(&w.pipe[AID_CLIENT]), MC_FEED_BROKEN);
}

/* The second gap of a message that was repeated: in the answer, and in the request. */
static void a_second_gap_is_given_up(void **state)
{
    static struct aid_link w;

    (void)state;
    aid_link_begin(&w, 20, MC_WINDOW);
    aid_link_ask(&w, 10);
    w.lose[0] = 2; /* the second of five fragments of the answer, and again after the ask */
    w.lose[1] = 1 + 5 + 1;
    aid_link_run(&w, 80);
    assert_int_equal(w.watch[AID_CLIENT].asks, 1);
    assert_int_equal(w.watch[AID_METER].repeats, 4);
    assert_int_equal(w.got[AID_CLIENT], 0);
    assert_int_equal(mc_pipe_nudge(&w.pipe[AID_CLIENT]), MC_FEED_BROKEN);

    aid_link_begin(&w, 20, MC_WINDOW);
    aid_link_ask(&w, 80);
    w.lose[0] = 1;
    w.lose[1] = 5 + 1;
    aid_link_run(&w, 10);
    assert_int_equal(w.watch[AID_METER].asks, 1);
    assert_int_equal(w.got[AID_METER], 0);
    assert_int_equal(mc_pipe_nudge(&w.pipe[AID_CLIENT]), MC_FEED_MORE);
    assert_false(w.broken);
    aid_link_run(&w, 10);
    assert_true(w.broken);
    assert_int_equal(w.got[AID_METER], 0);
}

/* The same where no later fragment shows it: the end, or the start and the end, lost twice. */
static void a_second_silence_is_given_up(void **state)
{
    static struct aid_link w;

    (void)state;
    aid_link_begin(&w, 20, MC_WINDOW);
    w.lose[0] = 4; /* of five fragments the last two */
    w.lose[1] = 5;
    w.lose[2] = 1 + 5 + 1 + 1; /* and the last again */
    assert_int_equal(aid_link_exchange(&w, 10, 80), 2);
    assert_true(w.broken);

    aid_link_begin(&w, 20, MC_WINDOW);
    w.lose[0] = 1; /* of three the first and the last */
    w.lose[1] = 3;
    w.lose[2] = 1 + 3 + 1; /* and the first again */
    assert_int_equal(aid_link_exchange(&w, 10, 40), 2);
    assert_true(w.broken);
}

/* A meter that is still at work acknowledges, as often as it is asked, and answers once. */
static void nudges_while_the_meter_works_do_no_harm(void **state)
{
    static struct aid_link w;

    (void)state;
    for (size_t n = 10; n <= 500; n += 49) {
        aid_link_begin(&w, 20, MC_WINDOW);
        w.busy = true;
        w.lose[0] = (int)(n / 49) % 3 == 0 ? 0 : AID_NEVER; /* or it has not heard all of it yet */
        aid_link_ask(&w, n);
        aid_link_run(&w, 0);
        for (unsigned i = 1; i <= 5; i++) {
            assert_int_equal(mc_pipe_nudge(&w.pipe[AID_CLIENT]), MC_FEED_MORE);
            aid_link_run(&w, 0);
            assert_int_equal(w.got[AID_METER], 1);
            assert_true(mc_pipe_idle(&w.pipe[AID_CLIENT]));
            assert_int_equal(w.watch[AID_METER].acks - w.watch[AID_METER].asks > 0, 1);
        }
        aid_link_answer(&w, 200);
        aid_link_run(&w, 0);
        assert_int_equal(w.got[AID_CLIENT], 1);
        assert_int_equal(aid_link_exchange(&w, 40, 40), 0);
        assert_int_equal(w.got[AID_CLIENT], 2);
        assert_int_equal(w.watch[AID_METER].repeats, 0);
        assert_false(w.broken);
    }
}

/* The nudge crosses the answer: the client gets it once, and the next exchange is not disturbed. */
static void a_nudge_that_crosses_the_answer_does_no_harm(void **state)
{
    static struct aid_link w;

    (void)state;
    for (unsigned delivered = 0; delivered < 6; delivered++) {
        aid_link_begin(&w, 20, MC_WINDOW);
        aid_link_ask(&w, 10);
        aid_link_pump(&w, AID_CLIENT);
        aid_link_deliver(&w, AID_METER, 100);
        aid_link_pump(&w, AID_METER);
        for (unsigned i = 0; i < delivered; i++)
            aid_link_deliver(&w, AID_CLIENT, 0);
        assert_int_equal(mc_pipe_nudge(&w.pipe[AID_CLIENT]), MC_FEED_MORE);
        aid_link_run(&w, 0);
        assert_int_equal(w.got[AID_CLIENT], 1);
        assert_int_equal(aid_link_exchange(&w, 40, 300), 0);
        assert_int_equal(w.got[AID_CLIENT], 2);
        assert_int_equal(w.got[AID_METER], 2);
        assert_false(w.broken);
    }
}

static void a_nudge_with_nothing_awaited_does_nothing(void **state)
{
    struct mc_pipe p;
    uint8_t msg[300] = { 0 }, out[20];

    (void)state;
    mc_pipe_reset(&p, 0, 20, 8);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(mc_pipe_nudge(&p), MC_FEED_MORE);
    assert_int_equal(mc_pipe_next(&p, out, sizeof out), 0);

    /* Not all was handed out yet: the silence is our own. */
    assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), 0);
    assert_true(mc_pipe_next(&p, out, sizeof out) > 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(mc_pipe_nudge(&p), MC_FEED_MORE);
    assert_true(mc_pipe_next(&p, out, sizeof out) > 0);
    assert_int_equal(out[1], 1);
}

/* A receiver of any size, that grants what it takes: one credit, three, two hundred. */
static void credit_of_other_receivers_is_enough(void **state)
{
    uint8_t msg[1400], got[1500], frag[20];
    struct mc_pipe p;

    (void)state;
    for (size_t i = 0; i < sizeof msg; i++)
        msg[i] = (uint8_t)(i * 3);
    for (unsigned credit = 1; credit < 256; credit++) {
        size_t len = 0;
        uint8_t seq = 0;

        mc_pipe_reset(&p, 0, 20, (uint8_t)credit);
        assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), 0);
        while (!mc_pipe_idle(&p)) {
            size_t n;
            unsigned burst = 0;

            while ((n = mc_pipe_next(&p, frag, sizeof frag)) > 0) {
                size_t head = frag[0] & AID_START ? 6 : 2;

                assert_int_equal(frag[1], seq++);
                memcpy(got + len, frag + head, n - head);
                len += n - head;
                burst++;
            }
            assert_true(burst > 0 && burst <= credit);

            const uint8_t ack[] = { AID_ACK, 0, seq, (uint8_t)credit };

            assert_int_equal(mc_pipe_feed(&p, ack, sizeof ack), MC_FEED_MORE);
        }
        assert_int_equal(len, sizeof msg);
        assert_memory_equal(got, msg, len);
    }
}

/* Losses, repetitions and reordering at random, as long as nobody gives up. */
static void random_links_never_deliver_a_wrong_message(void **state)
{
    static struct aid_link w;
    unsigned healed = 0, given_up = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        struct aid_random random = { .state = seed };

        aid_link_begin(&w, (uint16_t)(20 + aid_random_next(&random) % 200), MC_WINDOW);
        if (seed % 3 == 0)
            w.shuffle = &random;
        w.twice = seed % 5 == 0;
        for (unsigned i = 1; i <= 8 && !w.broken; i++) {
            for (size_t k = 0; k < 3; k++)
                w.lose[k] = w.emitted + (int)(aid_random_next(&random) % 60);
            aid_link_exchange(&w, aid_random_next(&random) % 400,
                              aid_random_next(&random) % MC_MESSAGE_MAX);
            healed += !w.broken;
            given_up += w.broken;
            assert_int_equal(w.got[AID_CLIENT], w.broken ? i - 1 : i);
        }
    }
    assert_true(healed > given_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_single_loss_is_healed),
        cmocka_unit_test(a_gap_that_shows_is_asked_for_at_once),
        cmocka_unit_test(each_message_may_lose_something),
        cmocka_unit_test(a_lost_credit_does_not_count_as_a_gap),
        cmocka_unit_test(a_repetition_ends_where_nothing_is_missing),
        cmocka_unit_test(only_the_last_message_is_repeated),
        cmocka_unit_test(every_pair_of_losses_ends_well_or_ends),
        cmocka_unit_test(a_dead_link_is_given_up_at_the_second_nudge),
        cmocka_unit_test(a_second_gap_is_given_up),
        cmocka_unit_test(a_second_silence_is_given_up),
        cmocka_unit_test(nudges_while_the_meter_works_do_no_harm),
        cmocka_unit_test(a_nudge_that_crosses_the_answer_does_no_harm),
        cmocka_unit_test(a_nudge_with_nothing_awaited_does_nothing),
        cmocka_unit_test(credit_of_other_receivers_is_enough),
        cmocka_unit_test(random_links_never_deliver_a_wrong_message),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
