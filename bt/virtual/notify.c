/* notify.c - subscriptions of D-Bus clients; see notify.h. */
#include "bt/virtual/notify.h"

#include <stdlib.h>
#include <string.h>

#include "bt/virtual/acquire.h"
#include "bt/virtual/att.h"
#include "bt/virtual/cache.h"
#include "bt/virtual/fault.h"
#include "bt/virtual/link.h"
#include "bt/virtual/value.h"
#include "bt/virtual/walk.h"

/* ---- sessions -------------------------------------------------------------------------------- */

static struct vb_session *find_session(struct vb_char *chr, const char *owner)
{
    struct vb_session *session;

    TAILQ_FOREACH(session, &chr->sessions, next)
        if (strcmp(session->owner, owner) == 0)
            return session;
    return NULL;
}

static void session_free(struct vb_char *chr, struct vb_session *session)
{
    TAILQ_REMOVE(&chr->sessions, session, next);
    sd_bus_message_unref(session->starting);
    free(session->owner);
    free(session);
}

static void set_notifying(struct vb_char *chr, bool on)
{
    if (chr->notifying == on)
        return;
    chr->notifying = on;
    vb_changed(chr->service->device->adapter->vb, chr->path, VB_CHARACTERISTIC, "Notifying", NULL);
}

static bool any_live(const struct vb_char *chr)
{
    const struct vb_session *session;

    TAILQ_FOREACH(session, &chr->sessions, next)
        if (session->live)
            return true;
    return false;
}

static void end_session(struct vb_char *chr, struct vb_session *session)
{
    session_free(chr, session);
    if (!any_live(chr))
        set_notifying(chr, false);
    vb_unsubscribe(chr);
}

/* ---- the client configuration ---------------------------------------------------------------- */

/* The peer notifies: those that waited are answered. */
static void subscribed(struct vb_char *chr)
{
    struct vb_session *session;

    TAILQ_FOREACH(session, &chr->sessions, next) {
        if (session->live)
            continue;
        session->live = true;
        set_notifying(chr, true);
        vb_ok_kept(&session->starting);
    }
    vb_acquire_subscribed(chr, VB_ATT_OK);
}

static void refused(struct vb_char *chr, uint8_t code)
{
    struct vb_session *session = TAILQ_FIRST(&chr->sessions);

    while (session) {
        struct vb_session *following = TAILQ_NEXT(session, next);

        if (!session->live) {
            if (session->starting)
                vb_fail_att(session->starting, code);
            session_free(chr, session);
        }
        session = following;
    }
    vb_acquire_subscribed(chr, code);
}

/* The characteristic may be gone, or be another one, when the answer comes: look it up again. */
static struct vb_char *char_of(const struct vb_link *link, const void *arg)
{
    return link->dead ? NULL
                      : vb_cache_at(&link->at_central->cache, (uint16_t)(uintptr_t)arg);
}

static void on_configured(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_char *chr = char_of(link, arg);
    uint8_t code = vb_response_error(pdu, n, VB_ATT_WRITE_RSP);

    if (!chr || chr->subscription == VB_SUB_OFF)
        return;
    if (chr->subscription == VB_SUB_STOPPING) {
        chr->subscription = VB_SUB_OFF;
        return;
    }
    chr->subscription = code ? VB_SUB_OFF : VB_SUB_ON;
    if (code)
        refused(chr, code);
    else
        subscribed(chr);
}

/* A stop that a start has overtaken: its answer means nothing. */
static void on_overtaken(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    (void)link;
    (void)arg;
    (void)pdu;
    (void)n;
}

static void configure(struct vb_char *chr, uint8_t value, vb_response_fn *fn)
{
    uint8_t pdu[5] = {VB_ATT_WRITE_REQ, (uint8_t)chr->ccc, (uint8_t)(chr->ccc >> 8), value, 0};

    vb_link_request(chr->service->device->link, VB_FOR_CLIENT, pdu, sizeof pdu, fn,
                    (void *)(uintptr_t)chr->value_handle);
}

void vb_subscribe(struct vb_char *chr)
{
    if (chr->subscription == VB_SUB_STARTING)
        return;
    if (chr->subscription == VB_SUB_ON || !chr->ccc) {
        subscribed(chr);
        return;
    }
    chr->subscription = VB_SUB_STARTING;
    configure(chr, chr->props & VB_PROP_NOTIFY ? 1 : 2, on_configured);
}

void vb_unsubscribe(struct vb_char *chr)
{
    if (chr->subscription == VB_SUB_OFF || !chr->service->device->link || chr->notify_pipe ||
        !TAILQ_EMPTY(&chr->sessions))
        return;
    /* Best effort: at once off for us, whatever the peer answers. */
    chr->subscription = VB_SUB_OFF;
    configure(chr, 0, on_overtaken);
}

/* ---- methods --------------------------------------------------------------------------------- */

void vb_notify_start(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_char *chr = self;
    const struct vb_device *device = chr->service->device;
    struct vb_session *session = find_session(chr, sd_bus_message_get_sender(m));

    (void)vb;
    if (vb_timer_running(&device->disconnect_timer)) {
        vb_fail(m, VB_E_NOT_CONNECTED, NULL);
    } else if (chr->notify_pipe) {
        vb_fail(m, VB_E_NOT_PERMITTED, "Notify acquired");
    } else if (!(chr->props & (VB_PROP_NOTIFY | VB_PROP_INDICATE))) {
        vb_fail(m, VB_E_NOT_SUPPORTED, NULL);
    } else if (session && session->live) {
        vb_ok(m);
    } else if (session) {
        vb_fail(m, VB_E_IN_PROGRESS, NULL);
    } else {
        session = vb_new(sizeof *session);
        session->owner = vb_dup(sd_bus_message_get_sender(m));
        TAILQ_INSERT_TAIL(&chr->sessions, session, next);
        if (!device->link) { /* subscribed when there is one */
            vb_ok(m);
            return;
        }
        session->starting = sd_bus_message_ref(m);
        vb_subscribe(chr);
    }
}

void vb_notify_stop(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_char *chr = self;
    struct vb_session *session = find_session(chr, sd_bus_message_get_sender(m));

    (void)vb;
    if (chr->notify_pipe) {
        vb_acquire_close(chr, true);
        vb_ok(m);
    } else if (session) {
        vb_fail_kept(&session->starting, VB_E_FAILED, NULL);
        end_session(chr, session);
        vb_ok(m);
    } else {
        vb_fail(m, VB_E_FAILED, "No notify session started");
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

void vb_notify_arrived(struct vb_link *link, uint16_t handle, const uint8_t *value, size_t n)
{
    struct vb_char *chr = vb_cache_at(&link->at_central->cache, handle);
    const struct vb_session *session;

    if (!chr)
        return;
    if (vb_uuid_is(&chr->uuid, VB_UUID_SERVICE_CHANGED) && n == 4)
        vb_walk_range(link, (uint16_t)(value[0] | value[1] << 8),
                      (uint16_t)(value[2] | value[3] << 8));
    if (chr->notify_pipe)
        vb_acquire_arrived(chr, value, n);
    if (vb_fault_on_value(chr, value, n))
        return;
    TAILQ_FOREACH(session, &chr->sessions, next)
        if (session->live) /* each session tells the whole bus, as bluetoothd does */
            vb_char_set_value(chr, value, n);
}

void vb_notify_drop(struct vb_char *chr)
{
    struct vb_session *session;

    while ((session = TAILQ_FIRST(&chr->sessions)) != NULL) {
        vb_fail_kept(&session->starting, VB_E_FAILED, NULL);
        session_free(chr, session);
    }
    chr->subscription = VB_SUB_OFF;
}

void vb_notify_link_up(struct vb_device *device)
{
    struct vb_service *service;
    struct vb_char *chr;

    TAILQ_FOREACH(service, &device->cache.services, next)
        TAILQ_FOREACH(chr, &service->chars, next)
            if (!TAILQ_EMPTY(&chr->sessions))
                vb_subscribe(chr);
}

static void link_down(struct vb_char *chr)
{
    struct vb_session *session = TAILQ_FIRST(&chr->sessions);

    chr->subscription = VB_SUB_OFF;
    while (session) {
        struct vb_session *following = TAILQ_NEXT(session, next);

        session->live = false;
        if (session->starting) { /* its answer never came */
            vb_fail_att(session->starting, VB_ATT_E_UNLIKELY);
            session_free(chr, session);
        }
        session = following;
    }
    vb_acquire_link_down(chr);
}

void vb_notify_link_down(struct vb_device *device)
{
    struct vb_service *service;
    struct vb_char *chr;

    TAILQ_FOREACH(service, &device->cache.services, next)
        TAILQ_FOREACH(chr, &service->chars, next)
            link_down(chr);
}

void vb_notify_name_lost(struct vb_adapter *adapter, const char *owner)
{
    struct vb_device *device;
    struct vb_service *service;
    struct vb_char *chr;

    TAILQ_FOREACH(device, &adapter->devices, next)
        TAILQ_FOREACH(service, &device->cache.services, next)
            TAILQ_FOREACH(chr, &service->chars, next) {
                struct vb_session *session = find_session(chr, owner);

                if (session)
                    end_session(chr, session);
            }
}
