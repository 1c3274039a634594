/* stranger.c - another program on the bus; see stranger.h. */
#include "bt/virtual/stranger.h"

#include <stdarg.h>
#include <string.h>

#include "bt/virtual/cache.h"
#include "bt/virtual/device.h"
#include "bt/virtual/model.h"

#define BLUEZ "org.bluez"

static sd_bus *opened(struct vb *vb)
{
    sd_bus *bus = NULL;
    int r;

    if (vb->stranger)
        return vb->stranger;
    r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_address(bus, vb->opt.bus);
    if (r >= 0)
        r = sd_bus_set_bus_client(bus, 1);
    if (r >= 0)
        r = sd_bus_negotiate_fds(bus, 1);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r >= 0)
        r = sd_bus_attach_event(bus, vb->event, SD_EVENT_PRIORITY_NORMAL);
    if (r < 0)
        bus = sd_bus_close_unref(bus);
    vb->stranger = bus;
    return bus;
}

static sd_bus_message *call(struct vb *vb, const char *path, const char *iface, const char *member)
{
    sd_bus *bus = opened(vb);
    sd_bus_message *m = NULL;

    if (bus)
        (void)sd_bus_message_new_method_call(bus, &m, BLUEZ, path, iface, member);
    return m;
}

static int ignored(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    (void)m;
    (void)userdata;
    (void)error;
    return 0;
}

static void dispatch(struct vb *vb, sd_bus_message *m)
{
    if (m)
        (void)sd_bus_call_async(vb->stranger, NULL, m, ignored, vb, UINT64_MAX);
    sd_bus_message_unref(m);
}

void vb_stranger_call(struct vb *vb, const char *path, const char *iface, const char *member,
                      const char *types, ...)
{
    sd_bus_message *m = call(vb, path, iface, member);
    va_list ap;

    va_start(ap, types);
    if (m && *types)
        (void)sd_bus_message_appendv(m, types, ap);
    va_end(ap);
    dispatch(vb, m);
}

void vb_stranger_write(struct vb *vb, const char *path, const void *bytes, size_t n)
{
    sd_bus_message *m = call(vb, path, VB_CHARACTERISTIC, "WriteValue");

    if (m && sd_bus_message_append_array(m, 'y', bytes, n) >= 0)
        (void)sd_bus_message_append(m, "a{sv}", 1, "type", "s", "command");
    dispatch(vb, m);
}

void vb_stranger_power_on(struct vb *vb, const char *adapter)
{
    vb_stranger_call(vb, adapter, "org.freedesktop.DBus.Properties", "Set", "ssv",
                     "org.bluez.Adapter1", "Powered", "b", 1);
}

/* The socket lives in the answer, and is closed with it. */
static int on_acquired(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct vb *vb = userdata;

    (void)error;
    sd_bus_message_unref(vb->acquired);
    vb->acquired = sd_bus_message_ref(m);
    vb->acquired_fn(vb->acquired_arg);
    return 0;
}

void vb_stranger_acquire(struct vb *vb, const char *path, void (*fn)(void *arg), void *arg)
{
    sd_bus_message *m = call(vb, path, VB_CHARACTERISTIC, "AcquireWrite");

    vb->acquired_fn = fn;
    vb->acquired_arg = arg;
    if (!m || sd_bus_message_append(m, "a{sv}", 0) < 0 ||
        sd_bus_call_async(vb->stranger, NULL, m, on_acquired, vb, UINT64_MAX) < 0)
        fn(arg); /* it has nothing, and never will */
    sd_bus_message_unref(m);
}

void vb_stranger_hang_up(struct vb *vb)
{
    vb->acquired = sd_bus_message_unref(vb->acquired);
}

bool vb_stranger_is(const struct vb *vb, const char *name)
{
    const char *own;

    return vb->stranger && sd_bus_is_ready(vb->stranger) > 0 &&
           sd_bus_get_unique_name(vb->stranger, &own) >= 0 && strcmp(own, name) == 0;
}

void vb_stranger_done(struct vb *vb)
{
    vb_stranger_hang_up(vb);
    vb->stranger = sd_bus_flush_close_unref(vb->stranger);
}
