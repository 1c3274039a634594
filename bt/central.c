/* central.c - the link port: wishes in, events out, timers, the machine's driver; see central.h. */
#include "bt/central.h"

#include <stdlib.h>
#include <string.h>

#include "bt/central_state.h"
#include "common/err.h"
#include "common/text.h"

#define DEVICE "org.bluez.Device1"
#define TRACE_BYTES (256u * 1024)

int64_t bt_now(const struct bt_central *c)
{
    return c->clock->mono_ms(c->clock->ctx);
}

const struct bt_object *bt_central_device(const struct bt_central *c)
{
    const struct bt_object *o = bt_mirror_find(bt_bus_mirror(c->bus), c->device);

    return o != NULL && (o->ifaces & BT_DEVICE) != 0 ? o : NULL;
}

void bt_central_event(struct bt_central *c, enum bt_event event, const struct bt_end *end)
{
    void (*on)(struct bt_central *, const struct bt_end *) = bt_steps[c->state].on[event];

    if (on != NULL)
        on(c, end);
}

/* ---- the bus tells ---- */

static void on_service(void *ctx, int code, const char *detail)
{
    bt_radio_service(ctx, code, detail);
}

/* Properties are levels, not edges: what is true now is told, and each state knows what is news. */
static void on_our_device(struct bt_central *c, const struct bt_object *o, unsigned what)
{
    if ((what & BT_REMOVED) != 0) {
        bt_central_event(c, BT_E_GONE, NULL);
        return;
    }
    bt_central_event(c, o->connected ? BT_E_CONNECTED : BT_E_DISCONNECTED, NULL);
    if (strcmp(o->path, c->device) == 0 && o->connected && o->resolved)
        bt_central_event(c, BT_E_RESOLVED, NULL);
}

static void on_changed(void *ctx, const struct bt_object *o, unsigned what)
{
    struct bt_central *c = ctx;

    bt_radio_changed(c, o, what);
    if (c->device[0] == '\0')
        return;
    if (strcmp(o->path, c->device) == 0)
        on_our_device(c, o, what);
    else if ((what & (BT_ADDED | BT_REMOVED)) != 0 && bt_path_below(o->path, c->device))
        bt_central_event(c, BT_E_OBJECTS, NULL);
}

static void on_value(void *ctx, const struct bt_object *o, const uint8_t *p, size_t n)
{
    struct bt_central *c = ctx;

    if (c->state != BT_READY || strcmp(o->path, c->tx) != 0)
        return;
    bt_trace_pdu(c->trace, BT_ATT_NOTIFY, c->tx, p, n);
    if (c->events != NULL)
        c->events->fragment(c->events->ctx, p, n);
}

void bt_central_step_end(void *ctx, const struct bt_end *end)
{
    struct bt_central *c = ctx;

    c->call = 0;
    bt_central_event(c, end->code == 0 ? BT_E_OK : BT_E_FAIL, end);
}

/* ---- the source ---- */

static size_t source_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    struct bt_central *c = ctx;

    return bt_bus_fds(c->bus, ret, cap);
}

static int source_timeout_ms(void *ctx)
{
    struct bt_central *c = ctx;
    const int64_t timers[] = {c->timer_ms, c->deadline_ms, c->rewrite_at_ms, c->scan_at_ms};

    if (c->start_wanted || c->cancel_wanted || c->radio_owed)
        return 0;
    return bt_bus_timeout_ms(c->bus, timers, sizeof timers / sizeof timers[0]);
}

static void run_timers(struct bt_central *c)
{
    if (c->timer_ms != 0 && bt_now(c) >= c->timer_ms) {
        c->timer_ms = 0;
        bt_central_event(c, BT_E_TIMER, NULL);
    }
    if (c->deadline_ms != 0 && bt_now(c) >= c->deadline_ms) {
        c->deadline_ms = 0;
        bt_central_event(c, BT_E_DEADLINE, NULL);
    }
}

static void source_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct bt_central *c = ctx;

    (void)fds;
    (void)n;
    if (c->radio_owed) {
        c->radio_owed = false;
        bt_radio_tell_again(c);
    }
    bt_bus_process(c->bus);
    if (c->start_wanted) {
        c->start_wanted = false;
        bt_central_event(c, BT_E_START, NULL);
    }
    if (c->cancel_wanted) {
        c->cancel_wanted = false;
        bt_central_event(c, BT_E_CANCEL, NULL);
    }
    run_timers(c);
    bt_radio_scan(c);
    bt_data_pump(c);
}

/* ---- the port ---- */

static void port_bind(void *ctx, const struct link_events *events)
{
    struct bt_central *c = ctx;

    c->events = events;
    c->radio_owed = events != NULL;
}

static void port_listen(void *ctx, bool on)
{
    ((struct bt_central *)ctx)->listening = on;
    bt_radio_scan(ctx);
}

static int port_connect(void *ctx, const uint8_t id_hash[static 6], const char *address,
                        int64_t deadline_ms)
{
    struct bt_central *c = ctx;

    if (c->state != BT_IDLE || c->start_wanted)
        return GF_E_NOT_NOW;
    memcpy(c->id_hash, id_hash, sizeof c->id_hash);
    (void)gf_copy(c->address, sizeof c->address, address != NULL ? address : "");
    c->wish_ms = deadline_ms;
    c->start_wanted = true;
    return 0;
}

static int port_write_ctl(void *ctx, const uint8_t *p, size_t n)
{
    return bt_data_write_ctl(ctx, p, n);
}

static int port_send(void *ctx, const uint8_t *p, size_t n)
{
    return bt_data_send(ctx, p, n);
}

static void port_disconnect(void *ctx)
{
    struct bt_central *c = ctx;

    c->cancel_wanted = c->state != BT_IDLE || c->start_wanted;
}

struct bt_central *bt_central_new(const struct bt_central_config *config)
{
    struct bt_central *c = calloc(1, sizeof *c);
    const struct bt_bus_config bus = {
        .address = config->bus_address, .clock = config->clock, .service_uuid = MC_UUID_SERVICE,
        .company = MC_ADVERT_COMPANY, .ctx = c, .service = on_service, .changed = on_changed,
        .value = on_value,
    };

    if (c == NULL)
        return NULL;
    c->clock = config->clock;
    c->radio = 1;
    c->is_blocked = config->is_blocked;
    if (config->adapter_address != NULL)
        (void)gf_copy(c->want_adapter, sizeof c->want_adapter, config->adapter_address);
    c->port = (struct link_port){c, port_bind, port_listen, port_connect, port_write_ctl,
                                 port_send, port_disconnect};
    c->source = (struct gf_source){c, source_fds, source_timeout_ms, source_process};
    c->trace = bt_trace_new(config->clock, TRACE_BYTES);
    c->bus = bt_bus_new(&bus);
    return c->bus != NULL && c->trace != NULL ? c : bt_central_free(c);
}

struct bt_central *bt_central_free(struct bt_central *c)
{
    if (c == NULL)
        return NULL;
    if (c->bus != NULL && c->device[0] != '\0')
        bt_bus_tell(c->bus, c->device, DEVICE, "Disconnect");
    c->bus = bt_bus_free(c->bus);
    c->trace = bt_trace_free(c->trace);
    free(c);
    return NULL;
}

const struct link_port *bt_central_port(struct bt_central *c)
{
    return &c->port;
}

const struct gf_source *bt_central_source(struct bt_central *c)
{
    return &c->source;
}

const struct bt_counters *bt_central_counters(const struct bt_central *c)
{
    return bt_bus_counters(c->bus);
}

struct gf_span bt_central_trace(const struct bt_central *c)
{
    return bt_trace_file(c->trace);
}
