/* bench_connect.c - what crosses the air from connecting to a link ready for a handshake, and how long
 * that takes beside the link model. */
#include <stdio.h>
#include <string.h>

#include "bt/central.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "meter-core/frame.h"
#include "meter-core/gatt.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/bench/bench.h"

#define BOUND_MS 30000
#define OWN_ROUND_TRIPS 3 /* subscribe to TX, read CTL, write the reset to CTL */

struct heard {
    bool ready, written, down;
    int code;
    double connecting_us, took_us; /* when its link was wanted; from there to the reset taken */
};

static void on_sighting(void *ctx, const struct link_sighting *s)
{
    (void)ctx;
    (void)s;
}

static void on_phase(void *ctx, enum link_phase phase)
{
    struct heard *h = ctx;

    if (phase == LINK_CONNECTING)
        h->connecting_us = bench_now_us();
}

static void on_ready(void *ctx, const struct link_ready *ready)
{
    (void)ready;
    ((struct heard *)ctx)->ready = true;
}

static void on_fragment(void *ctx, const uint8_t *p, size_t n)
{
    (void)ctx;
    (void)p;
    (void)n;
}

static void on_written(void *ctx, int code)
{
    struct heard *h = ctx;

    h->written = true;
    h->code = code;
    h->took_us = bench_now_us() - h->connecting_us;
}

static void on_down(void *ctx, int code, const char *detail)
{
    struct heard *h = ctx;

    (void)code;
    (void)detail;
    h->down = true;
}

static void on_radio(void *ctx, int code, const char *detail)
{
    (void)ctx;
    (void)code;
    (void)detail;
}

static void on_attempt(void *ctx, const struct link_attempt *attempt)
{
    (void)ctx;
    (void)attempt;
}

static void wait_for(struct bt_central *c, const bool *what, const char *words)
{
    const struct gf_source *source = bt_central_source(c);
    long long end = aid_now_ms() + BOUND_MS;

    while (!*what && aid_now_ms() < end)
        (void)gf_loop_once(&source, 1, 1000);
    bench_need(*what, words);
}

/* Connect, be ready, write the reset, disconnect. What crossed the air before the disconnecting. */
static struct bench_pdus visit(struct bench_world *w, struct bt_central *c, struct heard *heard)
{
    const struct link_port *port = bt_central_port(c);
    struct mc_ctl_reset reset = {
        .fragment_epoch = 5, .fragment_limit = (uint16_t)(w->mtu - 3), .credits = MC_WINDOW};
    struct bench_pdus before = bench_pdus(w), after;
    uint8_t hash[MC_ID_HASH_LEN], bytes[MC_CTL_RESET_LEN];

    *heard = (struct heard){0};
    bench_need(mc_id_hash(mc_crypto_openssl(), BENCH_METER, hash) == 0 &&
                   port->connect(port->ctx, hash, BENCH_METER_ADDRESS, BOUND_MS) == 0,
               "a connection begins");
    wait_for(c, &heard->ready, "the link is ready");
    mc_ctl_reset_encode(&reset, bytes);
    bench_need(port->write_ctl(port->ctx, bytes, sizeof bytes) == 0, "CTL can be written");
    wait_for(c, &heard->written, "CTL was written");
    bench_need(heard->code == 0, "the meter took the reset");
    after = bench_pdus(w);
    port->disconnect(port->ctx);
    wait_for(c, &heard->down, "the link is down");
    return bench_pdus_between(&before, &after);
}

static void rows(const char *contact, const struct bench_pdus *p, unsigned mtu, bool first)
{
    unsigned floor = bench_discovery_floor(mtu, first) + OWN_ROUND_TRIPS;
    char what[80];

    (void)snprintf(what, sizeof what, "connect to ready, %s, MTU %u", contact, mtu);
    bench_row_ratio(what, "round trips", (double)bench_round_trips(p), floor);
    bench_row_ratio(what, "ATT PDUs", (double)bench_pdus_all(p), 2 * floor);
    (void)snprintf(what, sizeof what, "bluetoothd's own reads, %s, MTU %u", contact, mtu);
    bench_row(what, "round trips", (double)p->plugins, BENCH_NONE, BENCH_NONE);
}

/* What connecting took: a first time, and again. */
struct contact {
    struct bench_pdus pdus;
    double took_ms;
};

static const char *const contacts[2] = {"first contact", "known meter"};

static void connect_twice(struct bench_world *w, struct contact ret[static 2])
{
    struct heard heard = {0};
    const struct link_events events = {&heard, on_sighting, on_phase, on_ready,
                                       on_fragment, on_written, on_down, on_radio,
                                       on_attempt};
    struct bt_central *c;

    bench_world_start(w);

    const struct bt_central_config config = {.bus_address = w->bus.address,
                                             .clock = gf_real_clock()};

    c = bt_central_new(&config);
    bench_need(c != NULL, "memory");
    bt_central_port(c)->bind(bt_central_port(c)->ctx, &events);
    for (int i = 0; i < 2; i++) {
        ret[i].pdus = visit(w, c, &heard);
        ret[i].took_ms = heard.took_us / 1000;
    }
    (void)bt_central_free(c);
    bench_world_stop(w);
}

static void measure(unsigned mtu)
{
    struct bench_world w = {.mtu = mtu, .rate = 1, .parts = BENCH_WITH_METER};
    struct contact was[2];

    connect_twice(&w, was);
    for (int i = 0; i < 2; i++)
        rows(contacts[i], &was[i].pdus, mtu, i == 0);
}

/* The same on a link with a connection interval, in real time: beside the events that carried something
 * times the interval. */
static void measure_timed(unsigned mtu, unsigned ci_ms)
{
    struct bench_world w = {
        .mtu = mtu, .rate = 1, .ci_ms = ci_ms, .parts = BENCH_WITH_METER};
    struct contact was[2];
    char what[80];

    connect_twice(&w, was);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(what, sizeof what, "link of %u ms, connecting to ready, %s, MTU %u", ci_ms,
                       contacts[i], mtu);
        bench_row_ratio(what, "ms", was[i].took_ms, (double)(was[i].pdus.events * ci_ms));
    }
}

int main(void)
{
    measure_timed(247, 30);
    measure_timed(23, 30);
    measure(247);
    measure(23);
    return 0;
}
