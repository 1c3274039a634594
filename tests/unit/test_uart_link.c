/* test_uart_link.c - two ends of the serial line over a pipe that loses, alters, doubles and stalls
 * bytes: every message arrives once and in order, or not at all while the other end is away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "meter-core/port/uart/uart_link.h"

#define PIPE_BYTES 4096

struct draw {
    uint64_t state;
};

/* xorshift64*, top bits. */
static uint32_t draw(struct draw *d, uint32_t below)
{
    d->state ^= d->state >> 12;
    d->state ^= d->state << 25;
    d->state ^= d->state >> 27;
    return (uint32_t)((d->state * 2685821657736338717u >> 33) % below);
}

/* One direction of the wire. */
struct wire {
    uint8_t bytes[PIPE_BYTES];
    size_t n;
    int64_t stalled_ms;             /* until then nothing arrives */
};

struct faults {
    uint32_t lose, alter, twice, stall; /* of 10000 bytes */
};

struct end {
    struct ul_link link;
    struct wire out;
    uint32_t said, heard;           /* messages: the next number to say, and to hear */
    bool slow;                      /* takes a message only now and then */
    bool any;                       /* what comes may be of an earlier life of the other end */
};

struct line {
    struct draw draw;
    struct faults faults;
    int64_t now_ms;
    struct end end[2];
};

static void make(struct line *l, uint64_t seed, struct faults faults)
{
    memset(l, 0, sizeof *l);
    l->draw.state = seed * 2654435761u + 88172645463325252u;
    l->faults = faults;
    ul_init(&l->end[0].link, 0xA0000001u);
    ul_init(&l->end[1].link, 0xB0000001u);
}

static void put(struct wire *w, uint8_t byte)
{
    assert_true(w->n < sizeof w->bytes);
    w->bytes[w->n++] = byte;
}

static void transmit(struct line *l, struct end *e)
{
    uint8_t bytes[64];
    size_t n;

    if (e->out.n > PIPE_BYTES / 2)
        return;
    n = ul_tx(&e->link, bytes, 1 + draw(&l->draw, sizeof bytes), l->now_ms);
    for (size_t i = 0; i < n; i++) {
        uint32_t what = draw(&l->draw, 10000);

        if (what < l->faults.lose)
            continue;
        what -= l->faults.lose;
        put(&e->out, what < l->faults.alter ? (uint8_t)draw(&l->draw, 256) : bytes[i]);
        what -= l->faults.alter;
        if (what < l->faults.twice)
            put(&e->out, bytes[i]);
        if (draw(&l->draw, 10000) < l->faults.stall)
            e->out.stalled_ms = l->now_ms + draw(&l->draw, 700);
    }
}

/* A message says its number, and fills up to a length that follows from it. */
static size_t message(uint32_t number, uint8_t ret[static UL_PAYLOAD_MAX])
{
    size_t n = 4 + number * 37 % (UL_PAYLOAD_MAX - 5);

    for (size_t i = 0; i < n; i++)
        ret[i] = (uint8_t)(i < 4 ? number >> 8 * i : number * i % 3 == 0 ? 0 : (uint32_t)i);
    return n;
}

static void take(struct line *l, struct end *e)
{
    uint8_t want[UL_PAYLOAD_MAX];
    size_t n;
    const uint8_t *p = ul_message(&e->link, &n);

    if (p == NULL || (e->slow && draw(&l->draw, 20) != 0))
        return;
    assert_int_equal(p[0], 7);
    if (!e->any) {
        assert_int_equal(n, 1 + message(e->heard, want));
        assert_memory_equal(p + 1, want, n - 1);
        e->heard++;
    }
    ul_take(&e->link);
}

static void receive(struct line *l, struct wire *from, struct end *to)
{
    size_t n, took;

    if (l->now_ms < from->stalled_ms || from->n == 0)
        return;
    n = 1 + draw(&l->draw, (uint32_t)from->n);
    took = ul_rx(&to->link, from->bytes, n);
    memmove(from->bytes, from->bytes + took, from->n - took);
    from->n -= took;
    take(l, to);
}

static void step(struct line *l, uint32_t say_up_to)
{
    for (size_t i = 0; i < 2; i++) {
        struct end *e = &l->end[i], *other = &l->end[1 - i];
        uint8_t body[UL_PAYLOAD_MAX];

        if (e->said < say_up_to && ul_can_send(&e->link)) {
            size_t n = message(e->said, body);

            assert_true(ul_send(&e->link, 7, (struct gf_span){body, n}));
            e->said++;
        }
        transmit(l, e);
        receive(l, &e->out, other);
        take(l, e);
    }
    l->now_ms += draw(&l->draw, 4);
}

/* Everything that was said is heard, in this many ms at most. */
static void run(struct line *l, uint32_t messages, int64_t limit_ms)
{
    while (l->end[0].heard < messages || l->end[1].heard < messages) {
        step(l, messages);
        if (l->now_ms > limit_ms)
            fail_msg("%u and %u of %u messages after %lld ms", l->end[0].heard, l->end[1].heard,
                     messages, (long long)l->now_ms);
    }
}

static void test_clean(void **state)
{
    struct line *l = malloc(sizeof *l);

    (void)state;
    assert_non_null(l);
    make(l, 1, (struct faults){0});
    run(l, 600, 600000);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(l->end[i].link.bad_frames, 0);
        assert_int_equal(l->end[i].link.doubled, 0);
        assert_true(ul_is_alive(&l->end[i].link, l->now_ms));
    }
    free(l);
}

/* Each kind of fault alone and all together, many seeds; also with ends that are slow to take. */
static void test_faults(void **state)
{
    static const struct faults kinds[] = {
        {10, 0, 0, 0}, {0, 10, 0, 0}, {0, 0, 10, 0}, {0, 0, 0, 10}, {5, 5, 5, 5},
    };
    struct line *l = malloc(sizeof *l);
    uint32_t bad = 0, resent = 0;

    (void)state;
    assert_non_null(l);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (uint64_t seed = 1; seed <= 40; seed++) {
            make(l, seed, kinds[k]);
            l->end[seed % 2].slow = seed % 4 < 2;
            run(l, 60, 4000000);
            bad += l->end[0].link.bad_frames;
            resent += l->end[1].link.resent;
        }
    /* the faults were there */
    assert_true(bad > 100);
    assert_true(resent > 100);
    free(l);
}

/* An end that starts anew in the middle: the other is told once, nothing old is delivered to the new
 * one, and from then on all is as at first. */
static void test_restart(void **state)
{
    struct line *l = malloc(sizeof *l);

    (void)state;
    assert_non_null(l);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct end *e = &l->end[seed % 2], *other = &l->end[1 - seed % 2];

        make(l, seed, (struct faults){5, 5, 5, 5});
        run(l, 3, 4000000);
        (void)ul_restarted(&e->link);
        (void)ul_restarted(&other->link);
        for (uint32_t i = draw(&l->draw, 200); i > 0; i--)
            step(l, 100);
        ul_init(&e->link, 0xC0000000u + (uint32_t)seed);
        other->any = true;
        while (!ul_restarted(&other->link)) {
            if (draw(&l->draw, 2) == 0)
                transmit(l, e);
            transmit(l, other);
            receive(l, &e->out, other);
            receive(l, &other->out, e);
            l->now_ms += 1;
            assert_true(l->now_ms < 8000000);
        }
        /* what was under way is void with the start: both count anew */
        other->any = false;
        e->said = e->heard = other->said = other->heard = 0;
        run(l, 20, 16000000);
        assert_false(ul_restarted(&other->link));
    }
    free(l);
}

static void test_away(void **state)
{
    struct ul_link a, b;
    uint8_t bytes[UL_WIRE_MAX];
    int64_t now_ms = 0;
    unsigned tries = 0;

    (void)state;
    ul_init(&a, 1);
    ul_init(&b, 2);
    assert_false(ul_is_alive(&a, 0));
    assert_false(ul_can_send(&a));
    for (int i = 0; i < 4; i++) {
        (void)ul_rx(&b, bytes, ul_tx(&a, bytes, sizeof bytes, now_ms));
        (void)ul_rx(&a, bytes, ul_tx(&b, bytes, sizeof bytes, now_ms));
        now_ms += UL_AGAIN_MS;
    }
    assert_true(ul_is_alive(&a, now_ms) && ul_can_send(&a));
    assert_int_equal(ul_wait_ms(&a, now_ms), -1);
    assert_true(ul_send(&a, 7, (struct gf_span){NULL, 0}));
    assert_false(ul_send(&a, 7, (struct gf_span){NULL, 0}));
    for (int64_t from = now_ms; now_ms < from + 20000; now_ms++)
        if (ul_wait_ms(&a, now_ms) == 0) {
            tries++;
            (void)ul_tx(&a, bytes, sizeof bytes, now_ms);
            assert_true(ul_is_alive(&a, now_ms) == (now_ms - from < UL_DEAD_MS));
        }
    /* often at first, then seldom */
    assert_true(tries >= UL_DEAD_MS / UL_AGAIN_MS && tries <= UL_DEAD_MS / UL_AGAIN_MS + 10);
    assert_false(ul_send(&a, 7, (struct gf_span){bytes, UL_PAYLOAD_MAX}));
}

/* Any bytes whatever do no harm, and what comes behind them is heard. */
static void test_garbage(void **state)
{
    struct line *l = malloc(sizeof *l);

    (void)state;
    assert_non_null(l);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        make(l, seed, (struct faults){0});
        for (uint32_t i = 0; i < 3000; i++) {
            uint8_t byte = (uint8_t)draw(&l->draw, seed % 2 == 0 ? 256 : 4);

            (void)ul_rx(&l->end[0].link, &byte, 1);
            assert_null(ul_message(&l->end[0].link, &(size_t){0}));
        }
        run(l, 5, 4000000);
    }
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),   cmocka_unit_test(test_faults),
        cmocka_unit_test(test_restart), cmocka_unit_test(test_away),
        cmocka_unit_test(test_garbage),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("uart link", tests, NULL, NULL);
}
