/* bench_connect.c - what crosses the air from connecting to a link ready for a handshake, and how
 * long that takes beside the link model, and beside a D-Bus script that does the same.
 * With BUS CENTRAL-ADDRESS METER-ADDRESS: at a bluetoothd that is there, where the laptop's adapter
 * is hci0 and the meter's hci1, beside the script. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bt/central.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "meter-core/frame.h"
#include "meter-core/gatt.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/bench/bench.h"

#define BOUND_MS 30000
#define SCRIPT_BOUND_MS 120000 /* of a line of the script, which has bounds of its own */
#define OWN_ROUND_TRIPS 3 /* subscribe to TX, read CTL, write the reset to CTL */
#define INFO_ROUND_TRIPS 3 /* a script's reads of Device Information */
#define CENTRAL "/org/bluez/hci0"
#define ROUNDS 3 /* at a daemon that is there */
#define JOINED_MTU 512 /* of a world that is there: what the meter's fragments take */

struct heard {
    bool ready, written, down;
    bool lost; /* the link was, before: what is counted began then */
    int code;
    double from_us, took_us; /* when its link was wanted, or lost; from there to the reset taken */
};

static void on_sighting(void *ctx, const struct link_sighting *s)
{
    (void)ctx;
    (void)s;
}

static void on_phase(void *ctx, enum link_phase phase)
{
    struct heard *h = ctx;

    if (phase == LINK_CONNECTING && !h->lost)
        h->from_us = bench_now_us();
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
    h->took_us = bench_now_us() - h->from_us;
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

/* Connect, be ready, write the reset. What crossed the air for that. */
static struct bench_pdus reach(struct bench_world *w, struct bt_central *c, struct heard *heard)
{
    const struct link_port *port = bt_central_port(c);
    struct mc_ctl_reset reset = {
        .fragment_epoch = 5, .fragment_limit = (uint16_t)(w->mtu - 3), .credits = MC_WINDOW};
    struct bench_pdus before = bench_pdus(w), after;
    uint8_t hash[MC_ID_HASH_LEN], bytes[MC_CTL_RESET_LEN];

    heard->ready = heard->written = heard->down = false;
    bench_need(mc_id_hash(mc_crypto_openssl(), BENCH_METER, hash) == 0 &&
                   port->connect(port->ctx, hash, w->meter_at, BOUND_MS) == 0,
               "a connection begins");
    wait_for(c, &heard->ready, "the link is ready");
    mc_ctl_reset_encode(&reset, bytes);
    bench_need(port->write_ctl(port->ctx, bytes, sizeof bytes) == 0, "CTL can be written");
    wait_for(c, &heard->written, "CTL was written");
    bench_need(heard->code == 0, "the meter took the reset");
    after = bench_pdus(w);
    return bench_pdus_between(&before, &after);
}

/* An address in a path has _ for : */
static void underline(char *path)
{
    for (; *path != '\0'; path++)
        if (*path == ':')
            *path = '_';
}

/* The laptop as the meter's adapter knows it; until the next call. */
static const char *laptop_at_meter(const struct bench_world *w)
{
    static char path[60];

    (void)snprintf(path, sizeof path, "/org/bluez/hci1/dev_%s", w->central);
    underline(path);
    return path;
}

/* The meter's adapter ends the link, which takes it 2 s; for this side it is lost. */
static void lose(struct bench_world *w, struct bt_central *c, struct heard *heard)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;

    bench_need(sd_bus_call_method(w->probe, "org.bluez", laptop_at_meter(w), "org.bluez.Device1",
                                  "Disconnect", &error, NULL, "") >= 0,
               "the meter's adapter ends the link");
    sd_bus_error_free(&error);
    wait_for(c, &heard->down, "the link is lost");
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

/* What connecting took: a first time, again, and after the link was lost. */
enum { FIRST, KNOWN, RECONNECT, CONTACTS };

struct contact {
    struct bench_pdus pdus;
    double took_ms;
};

static const char *const contacts[CONTACTS] = {"first contact", "known meter", "reconnect"};

static void connect_each(struct bench_world *w, struct contact ret[static CONTACTS])
{
    struct heard heard = {0};
    const struct link_events events = {&heard, on_sighting, on_phase, on_ready,
                                       on_fragment, on_written, on_down, on_radio,
                                       on_attempt};
    const struct bt_central_config config = {.bus_address = w->bus.address,
                                             .adapter_address = w->central,
                                             .clock = gf_real_clock()};
    struct bt_central *c = bt_central_new(&config);

    bench_need(c != NULL, "memory");
    bt_central_port(c)->bind(bt_central_port(c)->ctx, &events);
    for (int i = FIRST; i < CONTACTS; i++) {
        ret[i].pdus = reach(w, c, &heard);
        ret[i].took_ms = heard.took_us / 1000;
        if (i == KNOWN) {
            lose(w, c, &heard);
            heard.lost = true;
            heard.from_us = bench_now_us();
        } else {
            bt_central_port(c)->disconnect(bt_central_port(c)->ctx);
            wait_for(c, &heard.down, "the link is down");
        }
    }
    (void)bt_central_free(c);
}

/* The same by tests/tools/dbus_client.py, which reads Device Information too. */
struct scripted {
    double ready_ms, info_ms;
    unsigned round_trips;
};

static void connect_scripted(struct bench_world *w, struct scripted ret[static CONTACTS])
{
    static const char *const words[CONTACTS] = {"first ", "known ", "reconnect "};
    const char *const argv[] = {"/usr/bin/python3", "tests/tools/dbus_client.py", w->bus.address,
                                CENTRAL, w->meter_at, laptop_at_meter(w), NULL};
    char line[120];
    int out;
    pid_t pid = aid_spawn(argv, &out);

    bench_need(pid > 0, argv[1]);
    for (int i = FIRST; i < CONTACTS; i++) {
        char *at;

        bench_need(aid_wait_line_get(out, words[i], SCRIPT_BOUND_MS, line, sizeof line) == 0,
                   words[i]);
        ret[i].ready_ms = strtod(line + strlen(words[i]), &at);
        ret[i].info_ms = strtod(at, &at);
        ret[i].round_trips = (unsigned)strtoul(at, NULL, 10);
    }
    bench_need(aid_wait_exit(pid, BOUND_MS) == 0, "the script ends well");
    (void)close(out);
}

static void measure(unsigned mtu)
{
    struct bench_world w = {.mtu = mtu, .rate = 1, .parts = BENCH_WITH_METER};
    struct contact was[CONTACTS];

    bench_world_start(&w);
    connect_each(&w, was);
    bench_world_stop(&w);
    for (int i = FIRST; i < CONTACTS; i++)
        rows(contacts[i], &was[i].pdus, mtu, i == FIRST);
}

/* The same on a link with a connection interval, in real time: beside the events that carried
 * something times the interval, and beside the script. */
static void measure_timed(unsigned mtu, unsigned ci_ms)
{
    struct bench_world w = {
        .mtu = mtu, .rate = 1, .ci_ms = ci_ms, .parts = BENCH_WITH_METER};
    struct contact was[CONTACTS];
    struct scripted script[CONTACTS];
    char what[80];

    bench_world_start(&w);
    connect_each(&w, was);
    connect_scripted(&w, script);
    bench_world_stop(&w);
    for (int i = FIRST; i < CONTACTS; i++) {
        (void)snprintf(what, sizeof what, "link of %u ms, connecting to ready, %s, MTU %u", ci_ms,
                       contacts[i], mtu);
        bench_row_ratio(what, "ms", was[i].took_ms, (double)(was[i].pdus.events * ci_ms));
        (void)snprintf(what, sizeof what, "the same beside a D-Bus script, %s", contacts[i]);
        bench_row_ratio(what, "ms", was[i].took_ms, script[i].ready_ms);
        bench_row_ratio(what, "round trips", (double)bench_round_trips(&was[i].pdus),
                        script[i].round_trips);
        (void)snprintf(what, sizeof what, "the script's Device Information, %s", contacts[i]);
        bench_row_ratio(what, "ms", script[i].info_ms, 2.0 * INFO_ROUND_TRIPS * ci_ms);
    }
}

/* What the daemon knows of the meter goes; nothing when it knows nothing. */
static void forget(struct bench_world *w)
{
    char path[60];

    (void)snprintf(path, sizeof path, CENTRAL "/dev_%s", w->meter_at);
    underline(path);
    (void)sd_bus_call_method(w->probe, "org.bluez", CENTRAL, "org.bluez.Adapter1", "RemoveDevice",
                             NULL, NULL, "o", path);
}

/* At a daemon that is there: nothing is counted, times are of its machine. */
static void measure_there(const char *bus, const char *central, const char *meter_at)
{
    struct bench_world w = {
        .mtu = JOINED_MTU, .rate = 1, .central = central, .meter_at = meter_at};
    struct contact was[CONTACTS];
    struct scripted script[CONTACTS];
    double ours[CONTACTS][ROUNDS], its[CONTACTS][ROUNDS], ratio[CONTACTS][ROUNDS];
    char what[80];

    bench_world_join(&w, bus);
    for (int round = 0; round < ROUNDS; round++) {
        forget(&w);
        connect_each(&w, was);
        connect_scripted(&w, script);
        for (int i = FIRST; i < CONTACTS; i++) {
            ours[i][round] = was[i].took_ms;
            its[i][round] = script[i].ready_ms;
            ratio[i][round] = was[i].took_ms / script[i].ready_ms;
        }
    }
    bench_world_stop(&w);
    for (int i = FIRST; i < CONTACTS; i++) {
        (void)snprintf(what, sizeof what, "connecting to ready beside a D-Bus script, %s",
                       contacts[i]);
        bench_row(what, "ms", bench_quantile(ours[i], ROUNDS, 0.5),
                  bench_quantile(its[i], ROUNDS, 0.5), bench_quantile(ratio[i], ROUNDS, 0.5));
    }
}

int main(int argc, char **argv)
{
    if (argc == 4) {
        measure_there(argv[1], argv[2], argv[3]);
        return 0;
    }
    measure_timed(247, 30);
    measure_timed(23, 30);
    measure(247);
    measure(23);
    return 0;
}
