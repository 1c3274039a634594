/* run.c - the meter, its body and its radio in one loop; see run.h. */
#include "meter-core/port/host/run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bt/peripheral.h"
#include "common/host/loop.h"
#include "common/text.h"
#include "meter-core/gatt.h"
#include "meter-core/meter.h"
#include "meter-core/port/host/body.h"
#include "meter-core/port/host/nvm_file.h"

#define MANUFACTURER "Gasfitter"
#define MODEL "gasmeter"

struct run {
    const struct gm_options *options;
    struct nvm_file nvm;
    struct gm_body body;
    struct mc_meter *meter;
    int tick_ms;                    /* what the meter asked for */
    gasm_Identity who;
    struct bt_peripheral_events events;
    struct bt_peripheral *radio;
    char name[24], firmware[16];    /* what the radio says of the meter */
    bool has_central;
    char status[120];               /* printed last */
    int signal_fd;
    bool stop;
};

/* ---- what it prints ---- */

static const char *life_name(gasm_LifeState state)
{
    static const char *const names[] = {"unknown", "factory", "keyed", "purged",
                                        "cleared", "in service", "closed", "scrapped"};

    return names[(size_t)state < sizeof names / sizeof names[0] ? (size_t)state : 0];
}

static const char *valve_name(gasm_ValveState state)
{
    static const char *const names[] = {"unknown", "shut", "open", "moving", "fault"};

    return names[(size_t)state < sizeof names / sizeof names[0] ? (size_t)state : 0];
}

/* A line when something has changed. */
static void show(struct run *r)
{
    char line[sizeof r->status];
    gasm_Balance balance = gasm_Balance_init_zero;

    if (!r->options->verbose)
        return;
    mc_meter_balance(r->meter, &balance);
    (void)snprintf(line, sizeof line,
                   "%s, valve %s, index %" PRIu64 " l, residual %" PRId64 " l, %s",
                   life_name(balance.state), valve_name(balance.valve), balance.totals.index_l,
                   balance.residual_l, r->has_central ? "connected" : "not connected");
    if (strcmp(line, r->status) == 0)
        return;
    (void)gf_copy(r->status, sizeof r->status, line);
    (void)puts(line);
    (void)fflush(stdout);
}

static void on_state(void *ctx, int code, const char *detail)
{
    struct run *r = ctx;

    if (code == 0)
        (void)printf("ready %.*s %s\n", GF_METER_ID_LEN, (const char *)r->who.meter_id, detail);
    else
        (void)printf("not advertising: %s (%s). To do: %s.\n", gf_err_row(code)->what, detail,
                     gf_err_row(code)->todo);
    (void)fflush(stdout);
}

/* ---- the meter and its radio ---- */

/* After everything that may have made the meter speak. */
static void speak(struct run *r)
{
    uint8_t fragment[MC_FRAGMENT_MAX];
    size_t n;

    while ((n = mc_meter_tx(r->meter, fragment, sizeof fragment)) > 0)
        bt_peripheral_notify(r->radio, fragment, n);
    if (mc_meter_wants_drop(r->meter))
        bt_peripheral_drop(r->radio);
    r->tick_ms = 0;                 /* its timers may be others now */
}

static void on_connected(void *ctx, uint16_t att_mtu)
{
    struct run *r = ctx;

    r->has_central = true;
    mc_meter_connected(r->meter, att_mtu);
    speak(r);
}

static void on_disconnected(void *ctx)
{
    struct run *r = ctx;

    r->has_central = false;
    mc_meter_disconnected(r->meter);
    speak(r);
}

static void on_rx(void *ctx, const uint8_t *p, size_t n)
{
    struct run *r = ctx;

    mc_meter_rx(r->meter, p, n);
    speak(r);
}

static size_t on_ctl_read(void *ctx, uint8_t *ret, size_t cap)
{
    struct run *r = ctx;

    if (cap < MC_CTL_LEN)
        return 0;
    mc_meter_ctl_read(r->meter, ret);
    return MC_CTL_LEN;
}

static int on_ctl_write(void *ctx, const uint8_t *p, size_t n)
{
    struct run *r = ctx;
    int code = mc_meter_ctl_write(r->meter, p, n);

    speak(r);
    return code;
}

/* ---- sources of the loop ---- */

static size_t no_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    (void)ctx;
    (void)ret;
    (void)cap;
    return 0;
}

static int meter_timeout_ms(void *ctx)
{
    const struct run *r = ctx;
    int body = gm_body_wait_ms(&r->body);

    return body >= 0 && body < r->tick_ms ? body : r->tick_ms;
}

static void meter_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct run *r = ctx;
    uint32_t pulses = gm_body_advance(&r->body);
    int next_ms;

    (void)fds;
    (void)n;
    if (pulses > 0)
        mc_meter_pulse(r->meter, pulses);
    next_ms = mc_meter_tick(r->meter);
    speak(r);
    r->tick_ms = next_ms;
    show(r);
}

static size_t signal_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    if (cap == 0)
        return 0;
    ret[0] = (struct gf_pollfd){.fd = ((struct run *)ctx)->signal_fd, .events = POLLIN};
    return 1;
}

static int signal_timeout_ms(void *ctx)
{
    (void)ctx;
    return -1;
}

static void signal_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct run *r = ctx;

    r->stop = r->stop || (n > 0 && fds[0].revents != 0);
}

/* ---- from start to end ---- */

static int wake_meter(struct run *r, const struct gf_clock *clock, const struct gf_random *random,
                      const struct mc_crypto *crypto, struct gf_fail *why)
{
    struct mc_ports ports = {.clock = clock, .random = random, .crypto = crypto};
    int code;

    if (access(r->options->nvm, F_OK) != 0)
        return gf_fail(why, GF_E_FILE, "nvm", "there is no such file: manufacture the meter first");
    code = nvm_file_open(&r->nvm, r->options->nvm, why);
    if (code != 0)
        return code;
    r->meter = calloc(1, mc_meter_size());
    if (r->meter == NULL)
        return gf_fail(why, GF_E_MEMORY, "meter", "");
    ports.nvm = r->nvm.nvm;
    gm_body_init(&r->body, clock, r->options->flow_l_per_h);
    gm_body_ports(&r->body, &ports);
    code = mc_meter_start(r->meter, &ports);
    if (code != 0)
        return gf_fail(why, code, "nvm", "the file holds no usable meter");
    mc_meter_identity(r->meter, &r->who);
    gm_body_set_pulse(&r->body, r->who.pulse_l);
    return 0;
}

static int start_radio(struct run *r, const struct gf_clock *clock, const struct mc_crypto *crypto,
                       struct gf_fail *why)
{
    char meter_id[GF_METER_ID_TEXT];
    struct bt_peripheral_config config = {
        .bus_address = r->options->bus, .adapter_address = r->options->adapter, .clock = clock,
        .events = &r->events, .manufacturer = MANUFACTURER, .model = MODEL,
        .firmware = r->firmware, .local_name = r->name,
        .readvertise_ms = (int)r->options->readvertise_ms,
    };
    unsigned version = r->who.firmware;
    int code;

    (void)snprintf(meter_id, sizeof meter_id, "%.*s", GF_METER_ID_LEN,
                   (const char *)r->who.meter_id);
    (void)snprintf(r->name, sizeof r->name, "GASM-%s", meter_id);
    (void)snprintf(r->firmware, sizeof r->firmware, "%u.%u.%u", version >> 16 & 0xFF,
                   version >> 8 & 0xFF, version & 0xFF);
    code = mc_id_hash(crypto, meter_id, config.id_hash);
    if (code != 0)
        return gf_fail(why, code, "id hash", "");
    r->events = (struct bt_peripheral_events){r, on_state, on_connected, on_disconnected, on_rx,
                                              on_ctl_read, on_ctl_write};
    r->radio = bt_peripheral_new(&config);
    return r->radio != NULL ? 0 : gf_fail(why, GF_E_MEMORY, "radio", "");
}

static int loop(struct run *r, struct gf_fail *why)
{
    const struct gf_source meter = {r, no_fds, meter_timeout_ms, meter_process};
    const struct gf_source signals = {r, signal_fds, signal_timeout_ms, signal_process};
    const struct gf_source *const sources[] = {bt_peripheral_source(r->radio), &meter, &signals};
    sigset_t set;
    int code = 0;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->signal_fd < 0)
        return gf_fail(why, GF_E_MEMORY, "signals", strerror(errno));
    while (code == 0 && !r->stop)
        code = gf_loop_once(sources, sizeof sources / sizeof sources[0], -1);
    (void)close(r->signal_fd);
    return code;
}

int gm_run(const struct gm_options *o, const struct gf_clock *clock,
           const struct gf_random *random, const struct mc_crypto *crypto, struct gf_fail *why)
{
    struct run r = {.options = o, .nvm = {.fd = -1}, .signal_fd = -1};
    int code = wake_meter(&r, clock, random, crypto, why);

    if (code == 0)
        code = start_radio(&r, clock, crypto, why);
    if (code == 0)
        code = loop(&r, why);
    r.radio = bt_peripheral_free(r.radio);
    free(r.meter);
    nvm_file_close(&r.nvm);
    return code;
}
