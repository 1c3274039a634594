/* connect.c - Device1's methods, and what a link's begin and end do to it; see device.h. */
#include "bt/virtual/device.h"

#include <stdlib.h>
#include <string.h>

#include "bt/virtual/adv.h"
#include "bt/virtual/cache.h"
#include "bt/virtual/discovery.h"
#include "bt/virtual/link.h"

#define CANCELED "br-connection-canceled" /* for LE too */

/* ---- connecting ------------------------------------------------------------------------------ */

static void connect_expired(void *arg)
{
    struct vb_device *device = arg;
    bool old = device->adapter->vb->opt.version < VB_BLUEZ_MTU;

    /* Every failure of the radio is told as this one. */
    vb_fail_kept(&device->connecting, VB_E_FAILED,
                 old ? "Software caused connection abort" : "le-connection-abort-by-local");
    vb_device_seen(device);
}

static void call_connect(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_device *device = self;

    if (device->connecting && vb->opt.version >= VB_BLUEZ_PROXIMITY) {
        vb_fail(m, VB_E_IN_PROGRESS, NULL);
        return;
    }
    if (device->connected) { /* while it disconnects too */
        vb_ok(m);
        return;
    }
    if (device->connecting) {
        vb_fail(m, VB_E_FAILED, "Operation already in progress");
        return;
    }
    if (!device->adapter->powered || device->blocked) {
        vb_fail(m, VB_E_FAILED, "Input/output error");
        return;
    }
    vb_device_set_temporary(device, false);
    device->connecting = sd_bus_message_ref(m);
    vb_timer_set(vb, &device->connect_timer, VB_CONNECT_US, connect_expired, device);
    vb_advs_wake(vb);
    vb_links_try_pending(vb);
}

void vb_device_linked(struct vb_device *device, struct vb_link *link)
{
    struct vb *vb = device->adapter->vb;
    bool announced = device->connected;

    device->link = link;
    device->connected = true;
    vb_timer_stop(&device->connect_timer);
    vb_timer_stop(&device->temporary_timer);
    if (!announced && !vb->opt.no_connected)
        vb_changed(vb, device->path, VB_DEVICE, "Connected", NULL);
    vb_ok_kept(&device->connecting);
    vb_discovery_link_up(device->adapter);
}

void vb_device_resolved(struct vb_device *device)
{
    struct vb *vb = device->adapter->vb;
    struct vb_uuid *uuids = NULL;
    struct vb_service *service;
    size_t n = 0;
    bool changed, first = !device->browsed;

    TAILQ_FOREACH(service, &device->cache.services, next) {
        uuids = vb_grow(uuids, n + 1, sizeof *uuids);
        uuids[n++] = service->uuid;
    }
    changed = vb_device_set_uuids(device, uuids, n);
    free(uuids);
    device->browsed = true;
    if (changed || first)
        vb_changed(vb, device->path, VB_DEVICE, "UUIDs", NULL);
    if (!device->resolved) {
        device->resolved = true;
        vb_changed(vb, device->path, VB_DEVICE, "ServicesResolved", NULL);
    }
}

/* ---- disconnecting --------------------------------------------------------------------------- */

static void answer_disconnecting(struct vb_device *device)
{
    for (size_t i = 0; i < device->n_disconnecting; i++)
        vb_ok_kept(&device->disconnecting[i]);
    device->n_disconnecting = 0;
}

static void send_disconnected(struct vb_device *device, enum vb_reason reason)
{
    static const struct {
        const char *name, *text;
    } reasons[] = {
        [VB_REASON_LOCAL] = {"org.bluez.Reason.Local", "Connection terminated by local host"},
        [VB_REASON_REMOTE] = {"org.bluez.Reason.Remote", "Connection terminated by remote user"},
        [VB_REASON_TIMEOUT] = {"org.bluez.Reason.Timeout", "Connection timeout"},
    };

    if (device->adapter->vb->opt.version >= VB_BLUEZ_PROXIMITY)
        (void)sd_bus_emit_signal(device->adapter->vb->bus, device->path, VB_DEVICE, "Disconnected",
                                 "ss", reasons[reason].name, reasons[reason].text);
}

void vb_device_unlinked(struct vb_device *device, enum vb_reason reason)
{
    struct vb *vb = device->adapter->vb;

    device->link = NULL;
    device->connected = false;
    vb_timer_stop(&device->disconnect_timer);
    if (device->resolved) {
        device->resolved = false;
        vb_changed(vb, device->path, VB_DEVICE, "ServicesResolved", NULL);
    }
    answer_disconnecting(device);
    free(device->heard_uuids);
    device->heard_uuids = NULL;
    device->n_heard_uuids = 0;
    vb_changed(vb, device->path, VB_DEVICE, "Connected", NULL);
    send_disconnected(device, reason);
    if (device->remove_at_drop)
        vb_device_remove(device);
    else
        vb_device_seen(device);
}

static void disconnect_now(void *arg)
{
    struct vb_device *device = arg;

    if (device->link)
        vb_link_down(device->link, device, VB_REASON_LOCAL);
}

/* Begin to disconnect; m is answered at the link's end, or at once when there is none. */
static void request_disconnect(struct vb *vb, struct vb_device *device, sd_bus_message *m)
{
    vb_timer_stop(&device->connect_timer);
    vb_fail_kept(&device->connecting, VB_E_FAILED, CANCELED);
    if (!device->connected) {
        vb_ok(m);
        vb_device_seen(device);
        return;
    }
    device->disconnecting = vb_grow(device->disconnecting, device->n_disconnecting + 1,
                                    sizeof(sd_bus_message *));
    device->disconnecting[device->n_disconnecting++] = sd_bus_message_ref(m);
    if (!vb_timer_running(&device->disconnect_timer))
        vb_timer_set(vb, &device->disconnect_timer, VB_DISCONNECT_US, disconnect_now, device);
}

static void call_disconnect(struct vb *vb, void *self, sd_bus_message *m)
{
    request_disconnect(vb, self, m);
}

void vb_device_remove_call(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;
    struct vb_device *device;
    const char *path;

    if (sd_bus_message_read(m, "o", &path) < 0) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
        return;
    }
    TAILQ_FOREACH(device, &adapter->devices, next)
        if (strcmp(device->path, path) == 0)
            break;
    if (!device) {
        vb_fail(m, VB_E_DOES_NOT_EXIST, NULL);
    } else if (!adapter->powered) {
        vb_fail(m, VB_E_NOT_READY, NULL);
    } else if (device->connected) {
        device->remove_at_drop = true;
        request_disconnect(vb, device, m);
    } else {
        vb_device_remove(device);
        vb_ok(m);
    }
}

/* ---- profiles and pairing: there are none ---------------------------------------------------- */

static void call_profile(struct vb *vb, void *self, sd_bus_message *m)
{
    (void)vb;
    (void)self;
    vb_fail(m, VB_E_NOT_AVAILABLE, "br-connection-profile-unavailable");
}

static void call_pair(struct vb *vb, void *self, sd_bus_message *m)
{
    (void)vb;
    (void)self;
    vb_fail(m, VB_E_AUTHENTICATION_FAILED, NULL);
}

static void call_cancel_pairing(struct vb *vb, void *self, sd_bus_message *m)
{
    (void)vb;
    (void)self;
    vb_fail(m, VB_E_DOES_NOT_EXIST, NULL);
}

const struct vb_method vb_device_methods[] = {
    {"Disconnect", "", "", "", call_disconnect},
    {"Connect", "", "", "", call_connect},
    {"ConnectProfile", "s", "", "UUID", call_profile},
    {"DisconnectProfile", "s", "", "UUID", call_profile},
    {"Pair", "", "", "", call_pair},
    {"CancelPairing", "", "", "", call_cancel_pairing},
    {NULL, NULL, NULL, NULL, NULL}};
