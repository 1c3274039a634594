/* run.c - the meter, its body and its radio in one loop; see run.h. */
#include "meter-core/port/host/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bt/peripheral.h"
#include "common/host/loop.h"
#include "common/host/rfkill.h"
#include "common/text.h"
#include "meter-core/gatt.h"
#include "meter-core/meter.h"
#include "meter-core/port/host/control.h"
#include "meter-core/port/host/firmware.h"
#include "meter-core/port/host/nvm_file.h"
#include "meter-core/port/host/panel.h"
#include "meter-core/port/host/words.h"

#define MANUFACTURER "Gasfitter"
#define MODEL "gasmeter"
#define SOURCES_MAX 5

struct run {
    const struct gm_options *options;
    struct nvm_file nvm;
    struct gm_body body;
    struct mc_meter *meter;
    uint8_t digest[MC_HASH_LEN];    /* of this program */
    int tick_ms;                    /* what the meter asked for */
    gasm_Identity who;
    struct bt_peripheral_events events;
    struct bt_peripheral *radio;
    char name[24], firmware[16];    /* what the radio says of the meter */
    struct gm_stand stand;
    struct gm_control_events control_events;
    struct gm_control *control;     /* NULL: none */
    struct gm_panel_events panel_events;
    struct gm_panel *panel;         /* NULL: none; with one, nothing is printed */
    char status[120];               /* printed last */
    struct gm_signals signals;
};

/* ---- what it prints ---- */

/* A line when something has changed. */
static void show(struct run *r)
{
    char line[sizeof r->status];
    gasm_Balance balance = gasm_Balance_init_zero;

    if (!r->options->verbose || r->panel != NULL)
        return;
    mc_meter_balance(r->meter, &balance);
    (void)snprintf(line, sizeof line,
                   "%s, valve %s, index %" PRIu64 " l, residual %" PRId64 " l, %s",
                   gm_life_word(balance.state), gm_valve_word(balance.valve),
                   balance.totals.index_l, balance.residual_l,
                   r->stand.connected ? "connected" : "not connected");
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
        (void)snprintf(r->stand.radio, sizeof r->stand.radio, "advertising at %s", detail);
    else
        (void)snprintf(r->stand.radio, sizeof r->stand.radio, "%s (%s)", gf_err_row(code)->what,
                       detail);
    if (r->panel != NULL)
        return;
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

    r->stand.connected = true;
    mc_meter_connected(r->meter, att_mtu);
    speak(r);
}

static void on_disconnected(void *ctx)
{
    struct run *r = ctx;

    r->stand.connected = false;
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

/* Something was done by hand. */
static void on_acted(void *ctx)
{
    speak(ctx);
}

static void on_quit(void *ctx)
{
    ((struct run *)ctx)->signals.stop = true;
}

/* ---- from start to end ---- */

static int wake_meter(struct run *r, const struct gf_clock *clock, const struct gf_random *random,
                      const struct mc_crypto *crypto, struct gf_fail *why)
{
    struct mc_ports ports = {.random = random, .crypto = crypto, .firmware_digest = r->digest};
    int code;

    if (access(r->options->nvm, F_OK) != 0)
        return gf_fail(why, GF_E_FILE, "nvm", "there is no such file: manufacture the meter first");
    code = gm_firmware_digest(crypto, r->digest, why);
    if (code == 0)
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
    r->stand = (struct gm_stand){.meter = r->meter, .body = &r->body, .radio = "starting"};
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
        .readvertise_ms = (int)r->options->readvertise_ms, .is_blocked = gf_rfkill_is_blocked,
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

/* What people and scripts drive it by, as far as they were asked for. */
static int start_faces(struct run *r, struct gf_fail *why)
{
    int code = 0;

    r->control_events = (struct gm_control_events){r, on_acted};
    r->panel_events = (struct gm_panel_events){r, on_acted, on_quit};
    if (r->options->control != NULL)
        code = gm_control_new(r->options->control, &r->stand, &r->control_events, &r->control,
                              why);
    if (code == 0 && r->options->panel)
        code = gm_panel_new(&r->stand, &r->signals, &r->panel_events, &r->panel, why);
    return code;
}

static int loop(struct run *r)
{
    const struct gf_source meter = {r, no_fds, meter_timeout_ms, meter_process};
    const struct gf_source *sources[SOURCES_MAX];
    size_t n = 0;
    int code = 0;

    sources[n++] = bt_peripheral_source(r->radio);
    if (r->control != NULL)
        sources[n++] = gm_control_source(r->control);
    sources[n++] = &meter;
    sources[n++] = &r->signals.source;
    if (r->panel != NULL)
        sources[n++] = gm_panel_source(r->panel);
    while (code == 0 && !r->signals.stop)
        code = gf_loop_once(sources, n, -1);
    return code;
}

int gm_run(const struct gm_options *o, const struct gf_clock *clock,
           const struct gf_random *random, const struct mc_crypto *crypto, struct gf_fail *why)
{
    struct run r = {.options = o, .nvm = {.fd = -1}, .signals = {.fd = -1}};
    int code = wake_meter(&r, clock, random, crypto, why);

    if (code == 0)
        code = start_radio(&r, clock, crypto, why);
    if (code == 0)
        code = gm_signals_open(&r.signals, why);
    if (code == 0)
        code = start_faces(&r, why);
    if (code == 0)
        code = loop(&r);
    r.panel = gm_panel_free(r.panel);
    r.control = gm_control_free(r.control);
    gm_signals_close(&r.signals);
    r.radio = bt_peripheral_free(r.radio);
    free(r.meter);
    nvm_file_close(&r.nvm);
    return code;
}
