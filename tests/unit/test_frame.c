/* test_frame.c - fragments, credit, order, and what does not belong. */
#include "meter-core/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "tests/aid/pipes.h"

/* ---- without losses ---- */

static void check_one_length(uint16_t limit, size_t n)
{
    static struct aid_link w;

    aid_link_begin(&w, limit, MC_WINDOW);
    for (unsigned round = 1; round <= 2; round++) {
        aid_link_ask(&w, n);
        aid_link_run(&w, n);
        assert_int_equal(w.got[AID_METER], round);
        assert_int_equal(w.got[AID_CLIENT], round);
        assert_false(w.broken);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(w.watch[i].repeats + w.watch[i].asks, 0);
        assert_true(mc_pipe_idle(&w.pipe[i]));
    }

    /* No more fragments than the bytes need, and no ack alone but where the credit asks for it: the
     * last one of a request is acknowledged by the answer's start. */
    unsigned count = (unsigned)aid_link_fragments(n, limit);

    assert_int_equal(w.watch[AID_METER].acks, 2 * ((count - 1) / 6));
    assert_int_equal(w.watch[AID_CLIENT].acks, 2 * (count / 6));
    assert_int_equal(w.emitted, 4 * count + w.watch[0].acks + w.watch[1].acks);
}

static void every_mtu_carries_every_length(void **state)
{
    (void)state;
    for (unsigned mtu = 23; mtu <= 517; mtu++) {
        uint16_t limit = (uint16_t)(mtu - 3 > MC_FRAGMENT_MAX ? MC_FRAGMENT_MAX : mtu - 3);
        size_t start = limit - 6u, room = limit - 2u;

        for (size_t n = 0; n <= 2; n++)
            check_one_length(limit, n);
        /* Around each length that fills its fragments, all of them where they are few. */
        for (size_t k = 0; start + k * room<MC_MESSAGE_MAX; k += limit> 100 || k < 10 ? 1 : 9)
            for (size_t n = start + k * room - 1; n <= start + k * room + 1; n++)
                if (n <= MC_MESSAGE_MAX)
                    check_one_length(limit, n);
        check_one_length(limit, MC_MESSAGE_MAX - 1);
        check_one_length(limit, MC_MESSAGE_MAX);
    }
    for (size_t n = 0; n <= MC_MESSAGE_MAX; n++)
        check_one_length(20, n);
}

static void first_fragments_have_the_documented_bytes(void **state)
{
    static const uint8_t want_start[] = { AID_START | AID_ACK | 5, 0, 0, 8, 40, 0 };
    static const uint8_t want_end[] = { AID_END | 5, 2 };
    struct mc_pipe p;
    uint8_t msg[40], out[20];

    (void)state;
    memset(msg, 0xAB, sizeof msg);
    mc_pipe_reset(&p, 5, 20, 8);
    assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), 0);
    assert_int_equal(mc_pipe_next(&p, out, sizeof out), 20);
    assert_memory_equal(out, want_start, sizeof want_start);
    assert_memory_equal(out + 6, msg, 14);
    assert_int_equal(mc_pipe_next(&p, out, sizeof out), 20);
    assert_memory_equal(out, "\x05\x01", 2);
    assert_memory_equal(out + 2, msg, 18);
    assert_false(mc_pipe_idle(&p));
    assert_int_equal(mc_pipe_next(&p, out, sizeof out), 10);
    assert_memory_equal(out, want_end, sizeof want_end);
    assert_true(mc_pipe_idle(&p));
    assert_int_equal(mc_pipe_next(&p, out, sizeof out), 0);
}

/* A long talk over many turns of the sequence. */
static void sequences_wrap(void **state)
{
    static struct aid_link w;

    (void)state;
    aid_link_begin(&w, 20, MC_WINDOW);
    for (unsigned i = 1; i <= 3000; i++) {
        aid_link_ask(&w, i % 91);
        aid_link_run(&w, i * 37 % 1400);
        assert_int_equal(w.got[AID_CLIENT], i);
    }
    assert_false(w.broken);
    assert_int_equal(w.watch[AID_CLIENT].repeats + w.watch[AID_METER].repeats, 0);
}

/* What has arrived before the message before it was whole waits for the next fragment to come. */
static void messages_are_taken_one_at_a_time(void **state)
{
    static const uint8_t first[] = { AID_START | AID_END, 0, 1, 0, 'a' };
    static const uint8_t second[] = { AID_START, 1, 2, 0, 'b' }, rest[] = { AID_END, 2, 'c' };
    static const uint8_t third[] = { AID_START | AID_END, 3, 1, 0, 'd' };
    struct mc_pipe p;
    uint8_t out[20];
    size_t n;

    (void)state;
    mc_pipe_reset(&p, 0, 20, 8);
    assert_int_equal(mc_pipe_feed(&p, second, sizeof second), MC_FEED_MORE);
    assert_int_equal(mc_pipe_feed(&p, rest, sizeof rest), MC_FEED_MORE);
    assert_int_equal(mc_pipe_feed(&p, first, sizeof first), MC_FEED_MESSAGE);
    assert_memory_equal(mc_pipe_message(&p, &n), "a", 1);
    assert_int_equal(n, 1);
    assert_int_equal(mc_pipe_next(&p, out, sizeof out), 0); /* nothing is missing */
    assert_int_equal(mc_pipe_feed(&p, third, sizeof third), MC_FEED_MESSAGE);
    assert_memory_equal(mc_pipe_message(&p, &n), "bc", 2);
    assert_int_equal(mc_pipe_feed(&p, third, sizeof third), MC_FEED_MESSAGE);
    assert_memory_equal(mc_pipe_message(&p, &n), "d", 1);
    assert_int_equal(mc_pipe_feed(&p, third, sizeof third), MC_FEED_MORE);
    assert_null(mc_pipe_message(&p, &n));
}

/* ---- credit ---- */

static void sender_stops_where_its_credit_ends(void **state)
{
    struct mc_pipe p;
    uint8_t msg[1400] = { 0 }, out[20];

    (void)state;
    for (unsigned credits = 0; credits < 256; credits++) {
        unsigned sent = 0, more = 0;

        mc_pipe_reset(&p, 0, 20, (uint8_t)credits);
        assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), 0);
        while (mc_pipe_next(&p, out, sizeof out) > 0)
            sent++;
        assert_int_equal(sent, credits < 64 ? credits : 64);
        if (sent < 8)
            continue;

        /* The first five have arrived; seven from there on may follow: two in all are new when
         * eight were sent before, and none when credit was taken back. */
        const uint8_t ack[] = { AID_ACK, 0, 5, 5 };

        assert_int_equal(mc_pipe_feed(&p, ack, sizeof ack), MC_FEED_MORE);
        while (mc_pipe_next(&p, out, sizeof out) > 0)
            more++;
        assert_int_equal(more, sent < 10 ? 10 - sent : 0);
    }
}

static void acks_of_nothing_sent_are_ignored(void **state)
{
    struct mc_pipe p;
    uint8_t msg[1400] = { 0 }, out[20];

    (void)state;
    for (unsigned ack = 0; ack < 256; ack++) {
        const uint8_t frag[] = { AID_ACK, 0, (uint8_t)ack, 8 };
        unsigned more = 0;

        mc_pipe_reset(&p, 0, 20, 4);
        assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), 0);
        while (mc_pipe_next(&p, out, sizeof out) > 0)
            ;
        assert_int_equal(mc_pipe_feed(&p, frag, sizeof frag), MC_FEED_MORE);
        while (mc_pipe_next(&p, out, sizeof out) > 0)
            more++;
        assert_int_equal(more, ack <= 4 ? ack + 4 : 0);
    }
}

/* Fragments that were sent again are none that were sent anew. */
static void repeating_sends_nothing_new(void **state)
{
    const uint8_t ask[] = { AID_ACK | AID_RESET, 0, 1, 3 };
    struct mc_pipe p;
    uint8_t msg[1400] = { 0 }, out[20];

    (void)state;
    for (unsigned ack = 0; ack < 256; ack++) {
        const uint8_t frag[] = { AID_ACK, 0, (uint8_t)ack, 8 };
        unsigned more = 0;

        mc_pipe_reset(&p, 0, 20, 4);
        assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), 0);
        while (mc_pipe_next(&p, out, sizeof out) > 0)
            ;
        assert_int_equal(mc_pipe_feed(&p, ask, sizeof ask), MC_FEED_MORE);
        while (mc_pipe_next(&p, out, sizeof out) > 0)
            more++;
        assert_int_equal(more, 3);
        assert_int_equal(mc_pipe_feed(&p, frag, sizeof frag), MC_FEED_MORE);
        while (mc_pipe_next(&p, out, sizeof out) > 0)
            more++;
        assert_int_equal(more, ack >= 1 && ack <= 4 ? 3 + ack + 4 : 3);
    }
}

/* A stand-alone ack comes when a quarter of the window is left, not before and not later. */
static void receiver_acks_at_a_quarter_of_the_window(void **state)
{
    struct mc_pipe from, to;
    uint8_t msg[1400] = { 0 }, frag[20], ack[20];

    (void)state;
    mc_pipe_reset(&from, 3, 20, MC_WINDOW);
    mc_pipe_reset(&to, 3, 20, MC_WINDOW);
    assert_int_equal(mc_pipe_send(&from, msg, sizeof msg), 0);
    for (unsigned i = 1; i <= 60; i++) {
        size_t n = mc_pipe_next(&from, frag, sizeof frag);

        assert_true(n > 0);
        assert_int_equal(mc_pipe_feed(&to, frag, n), MC_FEED_MORE);
        n = mc_pipe_next(&to, ack, sizeof ack);
        if (i % (MC_WINDOW - MC_WINDOW / 4) != 0) {
            assert_int_equal(n, 0);
            continue;
        }

        const uint8_t want[] = { AID_ACK | 3, 0, (uint8_t)i, MC_WINDOW };

        assert_int_equal(n, sizeof want);
        assert_memory_equal(ack, want, sizeof want);
        assert_int_equal(mc_pipe_next(&to, ack, sizeof ack), 0);
        assert_int_equal(mc_pipe_feed(&from, want, sizeof want), MC_FEED_MORE);
    }
}

/* ---- order ---- */

/* All orders of up to seven fragments. */
static void every_order_within_the_window_fits_together(void **state)
{
    struct aid_fragment sent[7];
    uint8_t msg[120], turn[7];
    struct mc_pipe from, to;
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof msg; i++)
        msg[i] = (uint8_t)(i + 1);
    for (size_t count = 1; count <= 7; count++) {
        size_t len = 14 + 18 * (count - 1) - (count > 1 ? 5 : 0), orders = 1;

        mc_pipe_reset(&from, 9, 20, MC_WINDOW);
        assert_int_equal(mc_pipe_send(&from, msg, len), 0);
        for (size_t i = 0; i < count; i++) {
            sent[i].n = mc_pipe_next(&from, sent[i].p, sizeof sent[i].p);
            orders *= i + 1;
        }
        assert_true(mc_pipe_idle(&from));
        for (size_t order = 0; order < orders; order++) {
            size_t rest = order;

            /* The order's number, read in the factorial number system. */
            for (uint8_t i = 0; i < count; i++)
                turn[i] = i;
            mc_pipe_reset(&to, 9, 20, MC_WINDOW);
            for (size_t i = 0; i < count; i++) {
                size_t pick = i + rest % (count - i);
                uint8_t at = turn[pick];

                rest /= count - i;
                turn[pick] = turn[i];
                assert_int_equal(mc_pipe_feed(&to, sent[at].p, sent[at].n),
                                 i + 1 < count ? MC_FEED_MORE : MC_FEED_MESSAGE);
            }
            assert_memory_equal(mc_pipe_message(&to, &n), msg, len);
            assert_int_equal(n, len);
        }
    }
}

/* A link that only reorders needs no nudge, ever. */
static void any_order_of_delivery_is_survived(void **state)
{
    static struct aid_link w;

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct aid_random random = { .state = seed };

        aid_link_begin(&w, (uint16_t)(20 + seed % 60), MC_WINDOW);
        w.shuffle = &random;
        for (unsigned i = 1; i <= 10; i++) {
            aid_link_ask(&w, aid_random_next(&random) % 600);
            aid_link_run(&w, aid_random_next(&random) % MC_MESSAGE_MAX);
            if (w.broken || w.got[AID_CLIENT] != i || w.got[AID_METER] != i)
                fail_msg("seed %u, message %u", (unsigned)seed, i);
        }
    }
}

static void repeated_fragments_are_dropped(void **state)
{
    static struct aid_link w;

    (void)state;
    for (uint16_t limit = 20; limit < 300; limit = (uint16_t)(limit + 31)) {
        aid_link_begin(&w, limit, MC_WINDOW);
        w.twice = true;
        for (unsigned i = 1; i <= 20; i++) {
            aid_link_ask(&w, 300);
            aid_link_run(&w, 1400);
            assert_int_equal(w.got[AID_METER], i);
            assert_int_equal(w.got[AID_CLIENT], i);
            assert_false(w.broken);
        }
        assert_int_equal(w.watch[AID_CLIENT].repeats + w.watch[AID_METER].repeats, 0);
    }
}

/* ---- what does not belong ---- */

static void other_epochs_are_ghosts(void **state)
{
    struct mc_pipe p;
    uint8_t msg[] = "hello", frag[20];
    size_t n;

    (void)state;
    for (uint8_t epoch = 0; epoch < 16; epoch++) {
        struct mc_pipe from;

        mc_pipe_reset(&from, epoch, 20, 8);
        mc_pipe_reset(&p, 5, 20, 8);
        assert_int_equal(mc_pipe_send(&from, msg, sizeof msg), 0);
        n = mc_pipe_next(&from, frag, sizeof frag);
        assert_int_equal(mc_pipe_feed(&p, frag, n), epoch == 5 ? MC_FEED_MESSAGE : MC_FEED_MORE);
        if (epoch != 5) {
            frag[0] = (uint8_t)(0xFF & (0xF0 | epoch)); /* nor does nonsense from there hurt */
            for (size_t len = 1; len <= n; len++)
                assert_int_equal(mc_pipe_feed(&p, frag, len), MC_FEED_MORE);
            assert_int_equal(mc_pipe_next(&p, frag, sizeof frag), 0);
        }
    }
    mc_pipe_reset(&p, 16 + 5, 20, 8); /* four bits count */
    frag[0] = 5 | AID_ACK;
    frag[3] = 0;
    assert_int_equal(mc_pipe_feed(&p, frag, 1), MC_FEED_BROKEN);
}

static void nonsense_breaks_the_connection(void **state)
{
    static const struct {
        const char *what;
        size_t n[2];
        uint8_t frag[2][12];
    } rows[] = {
        { "nothing", { 0 }, { { 0 } } },
        { "flags only", { 1 }, { { AID_START } } },
        { "start cut in the length", { 3 }, { { AID_START, 0, 1 } } },
        { "start cut after the ack", { 5 }, { { AID_START | AID_ACK, 0, 0, 8, 1 } } },
        { "ack cut", { 3 }, { { AID_ACK, 0, 0 } } },
        { "no payload", { 2 }, { { 0, 0 } } },
        { "end without payload", { 2 }, { { AID_END, 0 } } },
        { "reset without ack or start", { 2 }, { { AID_RESET, 0 } } },
        { "reset with payload", { 3 }, { { AID_RESET, 0, 1 } } },
        { "ask with payload", { 5 }, { { AID_RESET | AID_ACK, 0, 0, 8, 1 } } },
        { "first without start", { 3 }, { { 0, 0, 1 } } },
        { "length over the most", { 5 }, { { AID_START, 0, (MC_MESSAGE_MAX + 1) & 0xFF, (MC_MESSAGE_MAX + 1) >> 8, 1 } } },
        { "payload over the length", { 7 }, { { AID_START, 0, 2, 0, 1, 2, 3 } } },
        { "end too early", { 5 }, { { AID_START | AID_END, 0, 2, 0, 1 } } },
        { "whole without end", { 6 }, { { AID_START, 0, 2, 0, 1, 2 } } },
        { "empty without end", { 4 }, { { AID_START, 0, 0, 0 } } },
        { "start inside", { 5, 5 }, { { AID_START, 0, 3, 0, 1 }, { AID_START, 1, 3, 0, 1 } } },
        { "start with reset", { 5 }, { { AID_START | AID_RESET, 0, 3, 0, 1 } } },
        { "start with ack and reset",
          { 7 },
          { { AID_START | AID_ACK | AID_RESET, 0, 0, 8, 3, 0, 1 } } },
        { "more than the length",
          { 5, 5 },
          { { AID_START, 0, 3, 0, 1 }, { AID_END, 1, 1, 2, 3 } } },
        { "end inside", { 5, 3 }, { { AID_START, 0, 3, 0, 1 }, { AID_END, 1, 1 } } },
    };
    static const uint8_t good[] = { AID_START | AID_END, 0, 1, 0, 7 }, ghost[] = { AID_ACK | 1 };
    uint8_t out[20];
    struct mc_pipe p;
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t last = rows[i].n[1] > 0 ? 1 : 0;

        mc_pipe_reset(&p, 0, 20, 8);
        assert_int_equal(mc_pipe_send(&p, good, sizeof good), 0);
        if (last == 1)
            assert_int_equal(mc_pipe_feed(&p, rows[i].frag[0], rows[i].n[0]), MC_FEED_MORE);
        if (mc_pipe_feed(&p, rows[i].frag[last], rows[i].n[last]) != MC_FEED_BROKEN)
            fail_msg("taken: %s", rows[i].what);
        assert_int_equal(mc_pipe_feed(&p, good, sizeof good), MC_FEED_BROKEN);
        assert_int_equal(mc_pipe_feed(&p, ghost, sizeof ghost), MC_FEED_BROKEN);
        assert_int_equal(mc_pipe_next(&p, out, sizeof out), 0);
        assert_null(mc_pipe_message(&p, &n));
        mc_pipe_reset(&p, 0, 20, 8);
        assert_int_equal(mc_pipe_feed(&p, good, sizeof good), MC_FEED_MESSAGE);
    }
}

static void the_longest_fragment_and_message_are_taken(void **state)
{
    uint8_t frag[MC_FRAGMENT_MAX + 1] = { AID_START, 0, 0xC0, 0x05 };
    struct mc_pipe p;

    (void)state;
    mc_pipe_reset(&p, 0, 20, 8);
    assert_int_equal(mc_pipe_feed(&p, frag, MC_FRAGMENT_MAX), MC_FEED_MORE);
    mc_pipe_reset(&p, 0, 20, 8);
    assert_int_equal(mc_pipe_feed(&p, frag, MC_FRAGMENT_MAX + 1), MC_FEED_BROKEN);
}

/* Fragments beyond the window are not held, and do no harm. */
static void fragments_beyond_the_window_are_dropped(void **state)
{
    uint8_t first[] = { AID_START, 0, 2, 0, 9 }, second[] = { AID_END, 1, 8 }, far[] = { 0, 0, 1 };
    struct mc_pipe p;

    (void)state;
    for (unsigned seq = MC_WINDOW; seq < 256; seq++) {
        mc_pipe_reset(&p, 0, 20, 8);
        far[1] = (uint8_t)seq;
        assert_int_equal(mc_pipe_feed(&p, far, sizeof far), MC_FEED_MORE);
        assert_int_equal(mc_pipe_feed(&p, first, sizeof first), MC_FEED_MORE);
        assert_int_equal(mc_pipe_feed(&p, second, sizeof second), MC_FEED_MESSAGE);
    }
}

/* Anything at all, alone or in place of a fragment of a good stream. */
static void noise_never_harms(void **state)
{
    struct aid_random random = { .state = 5 };
    static struct aid_link w;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        aid_link_begin(&w, (uint16_t)(20 + i % 490), (uint8_t)i);
        aid_link_ask(&w, i % MC_MESSAGE_MAX);
        for (unsigned k = 0; k < 40; k++) {
            size_t n = aid_random_next(&random) % (i % 2 ? 12 : 520);
            int to = (int)(aid_random_next(&random) % 2);
            uint8_t *frag = malloc(n + 1), out[MC_FRAGMENT_MAX];

            assert_non_null(frag);
            for (size_t j = 0; j < n; j++)
                frag[j] = (uint8_t)aid_random_next(&random);
            if (n > 1) {
                frag[0] = (uint8_t)((frag[0] & 0xF0) | (k % 8 ? 5 : k / 8));
                frag[1] &= 0x0F;
            }
            if (n > 5 && k % 2)
                frag[5] = 0;
            (void)mc_pipe_feed(&w.pipe[to], frag, n);
            free(frag);
            while (mc_pipe_next(&w.pipe[to], out, sizeof out) > 0)
                ;
            if (k % 7 == 0)
                (void)mc_pipe_nudge(&w.pipe[to]);
        }
    }
}

/* A good stream with one bit changed: a whole message may have other bytes - the seal above finds
 * that - but never another length, and nothing is read outside. */
static void flipped_bits_never_harm(void **state)
{
    struct aid_fragment sent[7];
    uint8_t msg[100];
    struct mc_pipe from, to;
    size_t count = 0, got;

    (void)state;
    memset(msg, 0x5A, sizeof msg);
    mc_pipe_reset(&from, 5, 20, 8);
    assert_int_equal(mc_pipe_send(&from, msg, sizeof msg), 0);
    while ((sent[count].n = mc_pipe_next(&from, sent[count].p, sizeof sent[count].p)) > 0)
        count++;
    assert_int_equal(count, 6 - (sizeof msg + 4 <= 18 * 5));
    for (size_t at = 0; at < count; at++)
        for (size_t bit = 0; bit < sent[at].n * 8; bit++) {
            mc_pipe_reset(&to, 5, 20, 8);
            for (size_t i = 0; i < count; i++) {
                uint8_t *exact = malloc(sent[i].n);

                assert_non_null(exact);
                memcpy(exact, sent[i].p, sent[i].n);
                if (i == at)
                    exact[bit / 8] ^= (uint8_t)(1u << bit % 8);
                if (mc_pipe_feed(&to, exact, sent[i].n) == MC_FEED_MESSAGE) {
                    (void)mc_pipe_message(&to, &got);
                    assert_int_equal(got, sizeof msg);
                }
                free(exact);
            }
        }
}

/* ---- the functions' own refusals ---- */

static void send_refuses_what_it_cannot_take(void **state)
{
    static uint8_t msg[MC_MESSAGE_MAX + 1];
    struct mc_pipe p;
    uint8_t out[64];

    (void)state;
    mc_pipe_reset(&p, 0, 20, 8);
    assert_true(mc_pipe_idle(&p));
    assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), GF_E_SPACE);
    assert_true(mc_pipe_idle(&p));
    assert_int_equal(mc_pipe_send(&p, msg, 60), 0);
    assert_false(mc_pipe_idle(&p));
    assert_int_equal(mc_pipe_send(&p, msg, 1), GF_E_NOT_NOW);
    assert_int_equal(mc_pipe_next(&p, out, 19), 0); /* no room for a fragment of the limit */
    while (!mc_pipe_idle(&p)) {
        assert_int_equal(mc_pipe_send(&p, msg, 1), GF_E_NOT_NOW);
        assert_true(mc_pipe_next(&p, out, sizeof out) > 0);
    }
    assert_int_equal(mc_pipe_send(&p, msg, 1), 0);
}

static void reset_keeps_the_limit_in_its_range(void **state)
{
    uint8_t msg[MC_MESSAGE_MAX] = { 0 }, out[600];
    struct mc_pipe p;

    (void)state;
    for (unsigned limit = 0; limit < 600; limit++) {
        unsigned want = limit < 18 ? 18 : limit > 509 ? 509 : limit;

        mc_pipe_reset(&p, 0, (uint16_t)limit, 8);
        assert_int_equal(mc_pipe_send(&p, msg, sizeof msg), 0);
        assert_int_equal(mc_pipe_next(&p, out, sizeof out), want);
    }
}

static void reset_forgets_everything(void **state)
{
    static struct aid_link w;
    static struct mc_pipe fresh, used;

    (void)state;
    aid_link_begin(&w, 20, MC_WINDOW);
    w.lose[0] = 3;
    aid_link_ask(&w, 300);
    aid_link_run(&w, 300);
    used = w.pipe[AID_METER];
    mc_pipe_reset(&fresh, 7, 50, 3);
    mc_pipe_reset(&used, 7, 50, 3);
    assert_memory_equal(&used, &fresh, sizeof used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mtu_carries_every_length),
        cmocka_unit_test(first_fragments_have_the_documented_bytes),
        cmocka_unit_test(sequences_wrap),
        cmocka_unit_test(messages_are_taken_one_at_a_time),
        cmocka_unit_test(sender_stops_where_its_credit_ends),
        cmocka_unit_test(acks_of_nothing_sent_are_ignored),
        cmocka_unit_test(repeating_sends_nothing_new),
        cmocka_unit_test(receiver_acks_at_a_quarter_of_the_window),
        cmocka_unit_test(every_order_within_the_window_fits_together),
        cmocka_unit_test(any_order_of_delivery_is_survived),
        cmocka_unit_test(repeated_fragments_are_dropped),
        cmocka_unit_test(other_epochs_are_ghosts),
        cmocka_unit_test(nonsense_breaks_the_connection),
        cmocka_unit_test(the_longest_fragment_and_message_are_taken),
        cmocka_unit_test(fragments_beyond_the_window_are_dropped),
        cmocka_unit_test(noise_never_harms),
        cmocka_unit_test(flipped_bits_never_harm),
        cmocka_unit_test(send_refuses_what_it_cannot_take),
        cmocka_unit_test(reset_keeps_the_limit_in_its_range),
        cmocka_unit_test(reset_forgets_everything),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
