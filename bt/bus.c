/* bus.c - a connection to D-Bus, the daemon's owner, calls with deadlines; see bus.h. */
#include "bt/bus.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/text.h"

#define DBUS "org.freedesktop.DBus"
#define CALLS_MAX 16
#define MESSAGES_AT_ONCE 128        /* in one process(): about 3 ms, so that keys stay alive */
#define REOPEN_MIN_MS 250
#define REOPEN_MAX_MS 4000
#define REFRESH_MS 250              /* a list of objects that was refused is asked for again */
#define COARSE_MS 1000              /* libsystemd's own timers: authentication */
#define ASK_MS 25000                /* the bus and GetManagedObjects */
#define FOREVER UINT64_MAX          /* deadlines are ours, not libsystemd's */

struct pending {
    struct bt_bus *bus;
    unsigned number;                /* 0: free */
    sd_bus_slot *slot;              /* NULL: could not be sent */
    int64_t deadline_ms;
    void (*end)(void *ctx, const struct bt_end *end);
    void *ctx;
};

struct bt_bus {
    struct bt_bus_config config;
    char *address;
    sd_bus *bus;
    sd_bus_slot *matches[3];
    struct bt_mirror *mirror;
    char owner[64];                 /* unique name of org.bluez; empty: none */
    int state;                      /* what service() was told last; 1: nothing yet */
    int64_t reopen_at_ms, reopen_ms;
    int64_t refresh_at_ms;          /* 0: not due */
    unsigned last_number, refresh;
    bool more;                      /* messages are left for the next process() */
    struct pending calls[CALLS_MAX];
    struct bt_counters counters;
};

static int64_t now_ms(const struct bt_bus *b)
{
    return b->config.clock->mono_ms(b->config.clock->ctx);
}

/* ---- calls ---- */

/* Free the entry first: the callback may start the next call. */
static void end_call(struct pending *p, const struct bt_end *end)
{
    struct pending was = *p;

    (void)sd_bus_slot_unref(p->slot);
    *p = (struct pending){0};
    if (was.end != NULL)
        was.end(was.ctx, end);
}

static void end_all(struct bt_bus *b, const char *text)
{
    const struct bt_end end = {GF_E_BLUEZ_AWAY, BT_RETRY_WAIT, text, NULL};

    for (size_t i = 0; i < CALLS_MAX; i++)
        if (b->calls[i].number != 0)
            end_call(&b->calls[i], &end);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct pending *p = userdata;
    const sd_bus_error *error = sd_bus_message_get_error(m);
    struct bt_counters *counters = &p->bus->counters;

    (void)ret_error;
    if (error == NULL) {
        counters->answers++;
        end_call(p, &(struct bt_end){0, BT_RETRY_NO, "", m});
    } else {
        struct bt_verdict v = bt_judge(error->name, error->message);
        const char *text = error->message != NULL ? error->message : error->name;

        counters->errors++;
        end_call(p, &(struct bt_end){v.code, v.retry, text, NULL});
    }
    return 0;
}

/* Send m (gives it away; NULL: it could not be made) and enter it. The number, or 0. */
static unsigned send_call(struct bt_bus *b, const struct bt_call *call, sd_bus_message *m)
{
    struct pending *p = NULL;

    for (size_t i = 0; i < CALLS_MAX && p == NULL; i++)
        if (b->calls[i].number == 0)
            p = &b->calls[i];
    if (p == NULL) {
        (void)sd_bus_message_unref(m);
        return 0;
    }
    if (++b->last_number == 0)
        b->last_number = 1;
    *p = (struct pending){.bus = b, .number = b->last_number, .end = call->end, .ctx = call->ctx,
                          .deadline_ms = now_ms(b) + call->timeout_ms};
    b->counters.calls++;
    if (m == NULL || sd_bus_call_async(b->bus, &p->slot, m, on_answer, p, FOREVER) < 0) {
        p->slot = NULL;
        p->deadline_ms = 0;             /* it ends in the next process() */
    }
    (void)sd_bus_message_unref(m);
    return p->number;
}

static sd_bus_message *new_call(struct bt_bus *b, const char *to, const struct bt_call *call)
{
    sd_bus_message *m = NULL;

    if (b->bus == NULL ||
        sd_bus_message_new_method_call(b->bus, &m, to, call->path, call->iface, call->member) < 0)
        return NULL;
    /* A daemon that is not there is not started by us: its absence is shown. */
    (void)sd_bus_message_set_auto_start(m, 0);
    return m;
}

static unsigned call_va(struct bt_bus *b, const char *to, const struct bt_call *call,
                        const char *types, va_list ap)
{
    sd_bus_message *m = new_call(b, to, call);

    if (m != NULL && sd_bus_message_appendv(m, types, ap) < 0)
        m = sd_bus_message_unref(m);
    return send_call(b, call, m);
}

unsigned bt_bus_call(struct bt_bus *b, const struct bt_call *call, const char *types, ...)
{
    va_list ap;
    unsigned number;

    va_start(ap, types);
    number = call_va(b, BT_BLUEZ, call, types, ap);
    va_end(ap);
    return number;
}

/* The same to the bus itself. */
static unsigned bus_call(struct bt_bus *b, const struct bt_call *call, const char *types, ...)
{
    va_list ap;
    unsigned number;

    va_start(ap, types);
    number = call_va(b, DBUS, call, types, ap);
    va_end(ap);
    return number;
}

unsigned bt_bus_write_value(struct bt_bus *b, const struct bt_call *call, const char *type,
                            const uint8_t *p, size_t n)
{
    sd_bus_message *m = new_call(b, BT_BLUEZ, call);

    if (m != NULL && (sd_bus_message_append_array(m, 'y', p, n) < 0 ||
                      sd_bus_message_append(m, "a{sv}", 1, "type", "s", type) < 0))
        m = sd_bus_message_unref(m);
    return send_call(b, call, m);
}

void bt_bus_cancel(struct bt_bus *b, unsigned *number)
{
    for (size_t i = 0; *number != 0 && i < CALLS_MAX; i++)
        if (b->calls[i].number == *number) {
            b->calls[i].end = NULL;
            end_call(&b->calls[i], NULL);
        }
    *number = 0;
}

void bt_bus_tell(struct bt_bus *b, const char *path, const char *iface, const char *member)
{
    const struct bt_call call = {.path = path, .iface = iface, .member = member};
    sd_bus_message *m = new_call(b, BT_BLUEZ, &call);

    if (m != NULL && sd_bus_message_set_expect_reply(m, 0) >= 0)
        (void)sd_bus_send(b->bus, m, NULL);     /* the connection may be gone, and with it we */
    (void)sd_bus_message_unref(m);
}

static void expire_calls(struct bt_bus *b)
{
    static const struct bt_end late = {GF_E_LINK_TIMEOUT, BT_RETRY_NOW, "no answer in time", NULL};
    static const struct bt_end unsent = {GF_E_BLUEZ_AWAY, BT_RETRY_WAIT, "no connection to D-Bus",
                                         NULL};
    int64_t now = now_ms(b);

    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct pending *p = &b->calls[i];

        if (p->number == 0 || now < p->deadline_ms)
            continue;
        b->counters.timeouts += p->slot != NULL;
        end_call(p, p->slot != NULL ? &late : &unsent);
    }
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
    end_all(b, detail);
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
    b->refresh_at_ms = now_ms(b) + REFRESH_MS;
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
    b->reopen_at_ms = now_ms(b) + b->reopen_ms;
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
        (void)bus_call(b, &ask, "s", BT_BLUEZ);
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
    int64_t left = at_ms - now_ms(b);

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
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (b->calls[i].number != 0)
            wait = b->calls[i].deadline_ms == 0 ? 0 : sooner(b, wait, b->calls[i].deadline_ms);
    for (size_t i = 0; i < n; i++)
        wait = sooner(b, wait, timers[i]);
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

void bt_bus_process(struct bt_bus *b)
{
    if (b->bus == NULL && now_ms(b) >= b->reopen_at_ms)
        open_bus(b);
    if (b->bus != NULL)
        pump(b);
    expire_calls(b);
    if (b->refresh_at_ms != 0 && now_ms(b) >= b->refresh_at_ms)
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
    for (size_t i = 0; i < CALLS_MAX; i++)
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
