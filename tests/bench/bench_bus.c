/* bench_bus.c - what a call through bt/bus.h costs beside the same call made with bare sd-bus, both
 * asynchronous. */
#include <stdio.h>
#include <string.h>

#include "bt/bus.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "meter-core/gatt.h"
#include "tests/bench/bench.h"

#define ROUNDS 20
#define CALLS 300 /* of each kind in a round */
#define WARM 200
#define ADAPTER_PATH "/org/bluez/hci0"
#define ADAPTER "org.bluez.Adapter1"

static void take_address(sd_bus_message *m, bool *done)
{
    const char *address;

    bench_need(sd_bus_message_read(m, "v", "s", &address) >= 0 &&
                   strcmp(address, "02:00:00:00:00:00") == 0,
               "the adapter's address");
    *done = true;
}

/* ---- ours ---- */

struct ours {
    struct bt_bus *bus;
    struct gf_source source;
    bool there, done;
};

static size_t ours_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    return bt_bus_fds(((struct ours *)ctx)->bus, ret, cap);
}

static int ours_timeout(void *ctx)
{
    return bt_bus_timeout_ms(((struct ours *)ctx)->bus, NULL, 0);
}

static void ours_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    (void)fds;
    (void)n;
    bt_bus_process(((struct ours *)ctx)->bus);
}

static void on_service(void *ctx, int code, const char *detail)
{
    (void)detail;
    ((struct ours *)ctx)->there = code == 0;
}

static void on_end(void *ctx, const struct bt_end *end)
{
    bench_need(end->code == 0, "an answer through bt_bus_call()");
    take_address(end->answer, &((struct ours *)ctx)->done);
}

static void ours_wait(struct ours *o, const bool *what)
{
    const struct gf_source *source = &o->source;

    for (long long end = aid_now_ms() + 10000; !*what;) {
        bench_need(aid_now_ms() < end, "an answer in time");
        (void)gf_loop_once(&source, 1, 1000);
    }
}

static double ours_call(struct ours *o)
{
    const struct bt_call call = {.path = ADAPTER_PATH,
                                 .iface = BT_PROPERTIES,
                                 .member = "Get",
                                 .timeout_ms = 5000,
                                 .end = on_end,
                                 .ctx = o};
    double start = bench_now_us();

    o->done = false;
    bench_need(bt_bus_call(o->bus, &call, "ss", ADAPTER, "Address") != 0, "a place for a call");
    ours_wait(o, &o->done);
    return bench_now_us() - start;
}

static void ours_open(struct ours *o, const char *address)
{
    const struct bt_bus_config config = {.address = address,
                                         .clock = gf_real_clock(),
                                         .service_uuid = MC_UUID_SERVICE,
                                         .company = MC_ADVERT_COMPANY,
                                         .ctx = o,
                                         .service = on_service};

    o->source = (struct gf_source){o, ours_fds, ours_timeout, ours_process};
    o->bus = bt_bus_new(&config);
    bench_need(o->bus != NULL, "memory");
    ours_wait(o, &o->there);
}

/* ---- bare sd-bus ---- */

static int on_reply(sd_bus_message *m, void *done, sd_bus_error *error)
{
    (void)error;
    bench_need(!sd_bus_message_is_method_error(m, NULL), "an answer through sd-bus");
    take_address(m, done);
    return 0;
}

static double bare_call(sd_bus *bus)
{
    double start = bench_now_us();
    bool done = false;
    int r = sd_bus_call_method_async(bus, NULL, "org.bluez", ADAPTER_PATH, BT_PROPERTIES, "Get",
                                     on_reply, &done, "ss", ADAPTER, "Address");

    while (r >= 0 && !done) {
        r = sd_bus_process(bus, NULL);
        if (r == 0 && !done)
            r = sd_bus_wait(bus, 10000000);
    }
    bench_need(done, "a call through sd-bus");
    return bench_now_us() - start;
}

/* ---- beside each other ---- */

static double ours_us[ROUNDS * CALLS], bare_us[ROUNDS * CALLS];

/* Each round has its quantiles and their ratio; what is printed are the medians of the rounds. */
static void row(const char *what, double share)
{
    double ours[ROUNDS], bare[ROUNDS], ratios[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++) {
        ours[i] = bench_quantile(ours_us + i * CALLS, CALLS, share);
        bare[i] = bench_quantile(bare_us + i * CALLS, CALLS, share);
        ratios[i] = ours[i] / bare[i];
    }
    bench_row(what, "us", bench_quantile(ours, ROUNDS, 0.5), bench_quantile(bare, ROUNDS, 0.5),
              bench_quantile(ratios, ROUNDS, 0.5));
}

int main(void)
{
    struct bench_world w = {.mtu = 247, .rate = 1};
    struct ours ours = {0};

    bench_world_start(&w);
    ours_open(&ours, w.bus.address);
    for (int i = 0; i < WARM; i++) {
        (void)ours_call(&ours);
        (void)bare_call(w.probe);
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < CALLS; i++)
            ours_us[round * CALLS + i] = ours_call(&ours);
        for (size_t i = 0; i < CALLS; i++)
            bare_us[round * CALLS + i] = bare_call(w.probe);
    }
    (void)bt_bus_free(ours.bus);
    bench_world_stop(&w);
    row("D-Bus call, p50, against bare sd-bus", 0.5);
    row("D-Bus call, p99, against bare sd-bus", 0.99);
    return 0;
}
