/* pipes.c - two ends of the framing and a bad link between them; see pipes.h. */
#include "tests/aid/pipes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

size_t aid_link_fragments(size_t n, size_t limit)
{
    return (n + 4 + limit - 3) / (limit - 2); /* ack, credit and length count as payload */
}

void aid_link_begin(struct aid_link *w, uint16_t limit, uint8_t credits)
{
    for (int i = 0; i < 2; i++) {
        struct aid_watch *k = &w->watch[i];

        mc_pipe_reset(&w->pipe[i], 5, limit, credits);
        w->on_wire[i] = w->n[i] = 0;
        w->got[i] = 0;
        k->bound = credits;
        k->repeats = k->acks = k->asks = 0;
        for (size_t seq = 0; seq < 256; seq++)
            k->sent[seq].n = 0;
    }
    for (size_t i = 0; i < AID_LOSSES; i++)
        w->lose[i] = AID_NEVER;
    w->emitted = 0;
    w->busy = w->broken = w->twice = false;
    w->shuffle = NULL;
}

static bool is_data(const struct aid_fragment *f)
{
    size_t head = f->p[0] & AID_ACK ? 4 : 2;

    return (f->p[0] & AID_START) || f->n > head;
}

/* Judge a fragment that an end hands out. */
static void watch_sent(struct aid_watch *k, const struct aid_fragment *f)
{
    uint8_t seq = f->p[1];
    struct aid_fragment *before = &k->sent[seq];

    assert_int_equal(f->p[0] & 0x0F, 5);
    if (!is_data(f)) {
        assert_int_equal(f->n, 4);
        k->acks++;
        k->asks += (f->p[0] & AID_RESET) != 0;
        return;
    }
    assert_false(f->p[0] & AID_RESET);
    assert_int_equal((f->p[0] & AID_START) != 0, (f->p[0] & AID_ACK) != 0);
    assert_true((int8_t)(k->bound - seq) > 0);
    k->sent[(uint8_t)(seq + 128)].n = 0; /* that sequence will be another fragment's */
    if (before->n > 0) {
        size_t head = f->p[0] & AID_START ? 4 : 2; /* the ack inside a start may be another */

        k->repeats++;
        assert_int_equal(before->n, f->n);
        assert_memory_equal(before->p + head, f->p + head, f->n - head);
    }
    *before = *f;
}

/* An end hears an ack: so much may it send. */
static void watch_heard(struct aid_watch *k, const struct aid_fragment *f)
{
    uint8_t bound = (uint8_t)(f->p[2] + f->p[3]);

    if ((f->p[0] & AID_ACK) && (int8_t)(bound - k->bound) > 0)
        k->bound = bound;
}

void aid_link_pump(struct aid_link *w, int from)
{
    struct aid_fragment f;

    while ((f.n = mc_pipe_next(&w->pipe[from], f.p, sizeof f.p)) > 0) {
        bool lost = false;

        assert_true(f.n <= w->pipe[from].limit);
        watch_sent(&w->watch[from], &f);
        for (size_t i = 0; i < AID_LOSSES; i++)
            lost = lost || w->lose[i] == w->emitted;
        w->emitted++;
        for (unsigned i = 0; i < (w->twice ? 2 : 1) && !lost; i++) {
            assert_true(w->on_wire[from] < AID_WIRE_MAX);
            w->wire[from][w->on_wire[from]++] = f;
        }
    }
}

static void send_message(struct aid_link *w, int from, size_t n, uint8_t salt)
{
    for (size_t i = 0; i < n; i++)
        w->message[from][i] = (uint8_t)(i * 7 + salt + (i >> 8));
    w->n[from] = n;
    assert_int_equal(mc_pipe_send(&w->pipe[from], w->message[from], n), 0);
}

void aid_link_answer(struct aid_link *w, size_t n)
{
    w->busy = false;
    send_message(w, AID_METER, n, (uint8_t)(w->got[AID_METER] * 3 + 1));
}

void aid_link_deliver(struct aid_link *w, int to, size_t answer_n)
{
    int from = 1 - to;
    size_t at = w->shuffle != NULL ? aid_random_next(w->shuffle) % w->on_wire[from] : 0, n;
    struct aid_fragment f = w->wire[from][at];
    uint8_t *exact = malloc(f.n);

    memmove(&w->wire[from][at], &w->wire[from][at + 1],
            (--w->on_wire[from] - at) * sizeof w->wire[from][0]);
    assert_non_null(exact);
    memcpy(exact, f.p, f.n);
    watch_heard(&w->watch[to], &f);

    enum mc_feed feed = mc_pipe_feed(&w->pipe[to], exact, f.n);

    free(exact);
    w->broken = w->broken || feed == MC_FEED_BROKEN;
    assert_int_equal(mc_pipe_message(&w->pipe[to], &n) != NULL, feed == MC_FEED_MESSAGE);
    if (feed != MC_FEED_MESSAGE)
        return;
    w->got[to]++;
    assert_int_equal(n, w->n[from]);
    assert_memory_equal(mc_pipe_message(&w->pipe[to], &n), w->message[from], n);
    if (to == AID_METER && !w->busy)
        aid_link_answer(w, answer_n);
}

void aid_link_run(struct aid_link *w, size_t answer_n)
{
    for (unsigned steps = 0;; steps++) {
        assert_true(steps < 100000);
        aid_link_pump(w, AID_CLIENT);
        aid_link_pump(w, AID_METER);
        if (w->on_wire[AID_CLIENT] + w->on_wire[AID_METER] == 0)
            return;

        bool to_meter = w->on_wire[AID_CLIENT] > 0;

        if (w->shuffle != NULL && w->on_wire[AID_METER] > 0)
            to_meter = to_meter && aid_random_next(w->shuffle) % 2;
        aid_link_deliver(w, to_meter ? AID_METER : AID_CLIENT, answer_n);
    }
}

void aid_link_ask(struct aid_link *w, size_t request_n)
{
    send_message(w, AID_CLIENT, request_n, (uint8_t)(w->got[AID_CLIENT] * 5 + 2));
}

unsigned aid_link_exchange(struct aid_link *w, size_t request_n, size_t answer_n)
{
    unsigned nudges = 0, want = w->got[AID_CLIENT] + 1;

    aid_link_ask(w, request_n);
    aid_link_run(w, answer_n);
    while (!w->broken && w->got[AID_CLIENT] < want) {
        assert_true(nudges < 3);
        nudges++;
        w->broken = mc_pipe_nudge(&w->pipe[AID_CLIENT]) == MC_FEED_BROKEN;
        if (!w->broken)
            aid_link_run(w, answer_n);
    }
    return nudges;
}
