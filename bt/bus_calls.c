/* bus_calls.c - calls that each end exactly once; see bus.h, bus_state.h. */
#include <stdarg.h>

#include "bt/bus_state.h"
#include "common/err.h"

#define DBUS "org.freedesktop.DBus"
#define FOREVER UINT64_MAX          /* deadlines are ours, not libsystemd's */

/* Free the entry first: the callback may start the next call. */
static void end_call(struct bt_pending *p, const struct bt_end *end)
{
    struct bt_pending was = *p;

    (void)sd_bus_slot_unref(p->slot);
    *p = (struct bt_pending){0};
    if (was.end != NULL)
        was.end(was.ctx, end);
}

void bt_calls_end(struct bt_bus *b, const char *text)
{
    const struct bt_end end = {GF_E_BLUEZ_AWAY, BT_RETRY_WAIT, text, NULL};

    for (size_t i = 0; i < BT_CALLS_MAX; i++)
        if (b->calls[i].number != 0)
            end_call(&b->calls[i], &end);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bt_pending *p = userdata;
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
    struct bt_pending *p = NULL;

    for (size_t i = 0; i < BT_CALLS_MAX && p == NULL; i++)
        if (b->calls[i].number == 0)
            p = &b->calls[i];
    if (p == NULL) {
        (void)sd_bus_message_unref(m);
        return 0;
    }
    if (++b->last_number == 0)
        b->last_number = 1;
    *p = (struct bt_pending){.bus = b, .number = b->last_number, .end = call->end, .ctx = call->ctx,
                          .deadline_ms = bt_bus_now(b) + call->timeout_ms};
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

unsigned bt_calls_ask(struct bt_bus *b, const struct bt_call *call, const char *types, ...)
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
    for (size_t i = 0; *number != 0 && i < BT_CALLS_MAX; i++)
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

void bt_calls_expire(struct bt_bus *b)
{
    static const struct bt_end late = {GF_E_LINK_TIMEOUT, BT_RETRY_NOW, "no answer in time", NULL};
    static const struct bt_end unsent = {GF_E_BLUEZ_AWAY, BT_RETRY_WAIT, "no connection to D-Bus",
                                         NULL};
    int64_t now = bt_bus_now(b);

    for (size_t i = 0; i < BT_CALLS_MAX; i++) {
        struct bt_pending *p = &b->calls[i];

        if (p->number == 0 || now < p->deadline_ms)
            continue;
        b->counters.timeouts += p->slot != NULL;
        end_call(p, p->slot != NULL ? &late : &unsent);
    }
}
