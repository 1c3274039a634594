/* bus.c - a connection to D-Bus and the daemon's owner; see bus.h. */
#include "bt/bus_state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/text.h"

#define DBUS "org.freedesktop.DBus"
#define MESSAGES_AT_ONCE 128        /* in one process(): about 3 ms, so that keys stay alive */
#define REOPEN_MIN_MS 250
#define REOPEN_MAX_MS 4000
#define REFRESH_MS 250              /* a list of objects that was refused is asked for again */
#define COARSE_MS 1000              /* libsystemd's own timers: authentication */
#define ASK_MS 25000                /* the bus and GetManagedObjects */

int64_t bt_bus_now(const struct bt_bus *b)
{
    return b->config.clock->mono_ms(b->config.clock->ctx);
}

/* ---- the daemon ---- */

static void tell_service(struct bt_bus *b, int code, const char *detail)
{
    if (b->state == code)
        return;
    b->state = code;
    if (b->config.service != NULL)
        b->config.service(b->config.ctx, code, detail);
}

/* The daemon is away: everything that it knew is void. */
static void lose_service(struct bt_bus *b, int code, const char *detail)
{
    b->owner[0] = '\0';
    b->refresh_at_ms = 0;
    bt_mirror_clear(b->mirror);
    bt_calls_end(b, detail);
    tell_service(b, code, detail);
}

static void on_objects(void *ctx, const struct bt_end *end)
{
    struct bt_bus *b = ctx;

    b->refresh = 0;
    if (end->code == 0 && bt_mirror_replace(b->mirror, end->answer) == 0) {
        tell_service(b, 0, "");
        return;
    }
    if (b->owner[0] == '\0')
        return;
    b->refresh_at_ms = bt_bus_now(b) + REFRESH_MS;
    bt_mirror_clear(b->mirror);
    tell_service(b, end->code == GF_E_BLUEZ_DENIED ? GF_E_BLUEZ_DENIED : GF_E_BLUEZ_AWAY,
                 end->code != 0 ? end->text : "the list of objects is not understood");
}

static void ask_objects(struct bt_bus *b)
{
    const struct bt_call call = {.path = "/", .iface = DBUS ".ObjectManager",
                                 .member = "GetManagedObjects", .timeout_ms = ASK_MS,
                                 .end = on_objects, .ctx = b};

    b->refresh_at_ms = 0;
    bt_bus_cancel(b, &b->refresh);
    b->refresh = bt_bus_call(b, &call, "");
}

static void take_owner(struct bt_bus *b, const char *owner)
{
    if (strcmp(owner, b->owner) == 0)
        return;
    if (owner[0] == '\0' || b->owner[0] != '\0')
        lose_service(b, GF_E_BLUEZ_AWAY, "bluetoothd has stopped");
    (void)gf_copy(b->owner, sizeof b->owner, owner);
    if (owner[0] != '\0')
        ask_objects(b);
}

static void on_owner(void *ctx, const struct bt_end *end)
{
    struct bt_bus *b = ctx;
    const char *owner;

    if (end->code == 0 && sd_bus_message_read_basic(end->answer, 's', &owner) > 0)
        take_owner(b, owner);
    else if (b->owner[0] == '\0')
        tell_service(b, end->code == GF_E_BLUEZ_DENIED ? GF_E_BLUEZ_DENIED : GF_E_BLUEZ_AWAY,
                     "bluetoothd does not run");
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bt_bus *b = userdata;
    const char *name, *before, *after, *from = sd_bus_message_get_sender(m);

    (void)ret_error;
    if (from != NULL && strcmp(from, DBUS) == 0 &&
        sd_bus_message_read(m, "sss", &name, &before, &after) > 0 && strcmp(name, BT_BLUEZ) == 0)
        take_owner(b, after);
    return 0;
}

bool bt_bus_is_from_bluez(const struct bt_bus *b, sd_bus_message *m)
{
    const char *from = sd_bus_message_get_sender(m);

    return b->owner[0] != '\0' && from != NULL && strcmp(from, b->owner) == 0;
}

/* A signal sent to us alone passes every match rule, so the sender is looked at here. */
static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bt_bus *b = userdata;

    (void)ret_error;
    if (bt_bus_is_from_bluez(b, m)) {
        b->counters.signals++;
        bt_mirror_signal(b->mirror, m);
    }
    return 0;
}

/* ---- the connection ---- */

static void close_bus(struct bt_bus *b)
{
    for (size_t i = 0; i < sizeof b->matches / sizeof b->matches[0]; i++)
        b->matches[i] = sd_bus_slot_unref(b->matches[i]);
    b->bus = sd_bus_close_unref(b->bus);
}

/* Calls end only after the connection is closed and forgotten: their callbacks may start others. */
static void lose_bus(struct bt_bus *b, int error)
{
    char detail[120];

    (void)snprintf(detail, sizeof detail, "no connection to D-Bus: %s", strerror(-error));
    close_bus(b);
    b->reopen_ms = b->reopen_ms == 0 ? REOPEN_MIN_MS : b->reopen_ms * 2;
    b->reopen_ms = b->reopen_ms > REOPEN_MAX_MS ? REOPEN_MAX_MS : b->reopen_ms;
    b->reopen_at_ms = bt_bus_now(b) + b->reopen_ms;
    lose_service(b, error == -EACCES || error == -EPERM ? GF_E_BLUEZ_DENIED : GF_E_BLUEZ_AWAY,
                 detail);
}

static int open_handle(struct bt_bus *b)
{
    int r;

    if (b->address == NULL)
        return sd_bus_open_system(&b->bus);
    r = sd_bus_new(&b->bus);
    if (r >= 0)
        r = sd_bus_set_address(b->bus, b->address);
    if (r >= 0)
        r = sd_bus_set_bus_client(b->bus, 1);
    return r >= 0 ? sd_bus_start(b->bus) : r;
}

/* Signals first, then the question who owns the name: whatever happens after it is heard. */
static int subscribe(struct bt_bus *b)
{
    static const struct {
        const char *rule;
        sd_bus_message_handler_t handler;
    } rules[] = {
        {"type='signal',sender='" DBUS "',interface='" DBUS "',member='NameOwnerChanged',"
         "arg0='" BT_BLUEZ "'", on_owner_changed},
        {"type='signal',sender='" BT_BLUEZ "',interface='" DBUS ".ObjectManager'", on_signal},
        {"type='signal',sender='" BT_BLUEZ "',interface='" BT_PROPERTIES "',"
         "path_namespace='/org/bluez'", on_signal},
    };
    const struct bt_call ask = {.path = "/org/freedesktop/DBus", .iface = DBUS,
                                .member = "GetNameOwner", .timeout_ms = ASK_MS,
                                .end = on_owner, .ctx = b};
    int r = 0;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && r >= 0; i++)
        r = sd_bus_add_match_async(b->bus, &b->matches[i], rules[i].rule, rules[i].handler, NULL,
                                   b);
    if (r >= 0)
        (void)bt_calls_ask(b, &ask, "s", BT_BLUEZ);
    return r;
}

static void open_bus(struct bt_bus *b)
{
    int r = open_handle(b);

    b->counters.opened++;
    if (r >= 0 && b->config.opened != NULL)
        b->config.opened(b->config.ctx, b->bus);
    if (r >= 0)
        r = subscribe(b);
    if (r < 0)
        lose_bus(b, r);
}

static void pump(struct bt_bus *b)
{
    int r = 1;

    for (int i = 0; i < MESSAGES_AT_ONCE && r > 0; i++) {
        r = sd_bus_process(b->bus, NULL);
        if (r >= 0 && sd_bus_is_open(b->bus) <= 0)
            r = -ECONNRESET;
    }
    b->more = r > 0;
    if (r < 0)
        lose_bus(b, r);
    else if (sd_bus_is_ready(b->bus) > 0)
        b->reopen_ms = 0;
}

size_t bt_bus_fds(struct bt_bus *b, struct gf_pollfd *ret, size_t cap)
{
    int fd, events;

    if (b->bus == NULL || cap == 0)
        return 0;
    fd = sd_bus_get_fd(b->bus);
    events = sd_bus_get_events(b->bus);
    if (fd < 0 || events < 0)
        return 0;
    ret[0] = (struct gf_pollfd){.fd = fd, .events = (short)events};
    return 1;
}

/* The sooner of a wait (negative: none) and a time that comes (0: none). */
static int64_t sooner(const struct bt_bus *b, int64_t wait, int64_t at_ms)
{
    int64_t left = at_ms - bt_bus_now(b);

    if (at_ms == 0)
        return wait;
    left = left > 0 ? left : 0;
    return wait < 0 || left < wait ? left : wait;
}

int bt_bus_timeout_ms(struct bt_bus *b, const int64_t *timers, size_t n)
{
    int64_t wait = -1;
    uint64_t until;

    if (b->more || (b->bus == NULL && b->reopen_at_ms == 0) ||
        (b->bus != NULL && sd_bus_get_events(b->bus) < 0))
        return 0;
    if (b->bus == NULL)
        wait = sooner(b, wait, b->reopen_at_ms);
    else if (sd_bus_get_timeout(b->bus, &until) > 0)
        wait = until == 0 ? 0 : COARSE_MS;
    wait = sooner(b, wait, b->refresh_at_ms);
    for (size_t i = 0; i < BT_CALLS_MAX; i++)
        if (b->calls[i].number != 0)
            wait = b->calls[i].deadline_ms == 0 ? 0 : sooner(b, wait, b->calls[i].deadline_ms);
    for (size_t i = 0; i < n; i++)
        wait = sooner(b, wait, timers[i]);
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

void bt_bus_process(struct bt_bus *b)
{
    if (b->bus == NULL && bt_bus_now(b) >= b->reopen_at_ms)
        open_bus(b);
    if (b->bus != NULL)
        pump(b);
    bt_calls_expire(b);
    if (b->refresh_at_ms != 0 && bt_bus_now(b) >= b->refresh_at_ms)
        ask_objects(b);
}

/* ---- the whole ---- */

static void mirror_changed(void *ctx, const struct bt_object *o, unsigned what)
{
    struct bt_bus *b = ctx;

    if (b->state == 0 && b->config.changed != NULL)
        b->config.changed(b->config.ctx, o, what);
}

static void mirror_value(void *ctx, const struct bt_object *o, const uint8_t *p, size_t n)
{
    struct bt_bus *b = ctx;

    b->counters.values++;
    if (b->config.value != NULL)
        b->config.value(b->config.ctx, o, p, n);
}

struct bt_bus *bt_bus_new(const struct bt_bus_config *config)
{
    struct bt_bus *b = calloc(1, sizeof *b);
    struct bt_mirror_config mirror = {config->clock, config->service_uuid, config->company, b,
                                      mirror_changed, mirror_value};

    if (b == NULL)
        return NULL;
    b->config = *config;
    b->state = 1;
    b->address = config->address != NULL ? strdup(config->address) : NULL;
    b->mirror = bt_mirror_new(&mirror);
    if (b->mirror == NULL || (config->address != NULL && b->address == NULL))
        return bt_bus_free(b);
    return b;
}

struct bt_bus *bt_bus_free(struct bt_bus *b)
{
    if (b == NULL)
        return NULL;
    for (size_t i = 0; i < BT_CALLS_MAX; i++)
        (void)sd_bus_slot_unref(b->calls[i].slot);
    close_bus(b);
    b->mirror = bt_mirror_free(b->mirror);
    free(b->address);
    free(b);
    return NULL;
}

sd_bus *bt_bus_handle(struct bt_bus *b)
{
    return b->bus;
}

const struct bt_mirror *bt_bus_mirror(const struct bt_bus *b)
{
    return b->mirror;
}

const struct bt_counters *bt_bus_counters(const struct bt_bus *b)
{
    return &b->counters;
}
