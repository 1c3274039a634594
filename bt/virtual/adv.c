/* adv.c - LEAdvertisingManager1 of an adapter; see adv.h. */
#include "bt/virtual/adv.h"

#include <stdlib.h>
#include <string.h>

#include "bt/virtual/adv_parse.h"
#include "bt/virtual/discovery.h"
#include "bt/virtual/link.h"

#define DBUS "org.freedesktop.DBus."
#define ADVERTISEMENT "org.bluez.LEAdvertisement1"
#define MANAGER "org.bluez.LEAdvertisingManager1"
#define JITTER_US (10 * VB_MS) /* advDelay, Core spec Vol 6 Part B 4.4.2.2.1 */

void vb_blobs_free(struct vb_blob **blobs, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        free((*blobs)[i].data.p);
    free(*blobs);
    *blobs = NULL;
    *n = 0;
}

static void adv_free(struct vb_adv *adv)
{
    vb_timer_stop(&adv->beat);
    vb_timer_stop(&adv->expiry);
    sd_bus_slot_unref(adv->call);
    sd_bus_slot_unref(adv->match);
    sd_bus_message_unref(adv->reg);
    vb_report_done(&adv->report);
    free(adv->owner);
    free(adv->path);
    free(adv);
}

static void drop(struct vb_adv *adv)
{
    struct vb_adapter *adapter = adv->adapter;
    bool was_active = adv->active;

    TAILQ_REMOVE(&adapter->advs, adv, next);
    adv_free(adv);
    if (was_active)
        vb_changed(adapter->vb, adapter->path, MANAGER, "ActiveInstances", "SupportedInstances",
                   NULL);
}

/* Tell the application that its advertisement has ended without its doing. */
static void release(struct vb_adv *adv)
{
    struct vb *vb = adv->adapter->vb;
    sd_bus_message *m = NULL;

    if (sd_bus_message_new_method_call(vb->bus, &m, adv->owner, adv->path, ADVERTISEMENT,
                                       "Release") >= 0 &&
        sd_bus_message_set_expect_reply(m, 0) >= 0)
        (void)sd_bus_send(vb->bus, m, NULL);
    sd_bus_message_unref(m);
    drop(adv);
}

void vb_advs_drop(struct vb_adapter *adapter, const char *owner)
{
    struct vb_adv *adv = TAILQ_FIRST(&adapter->advs);

    while (adv) {
        struct vb_adv *following = TAILQ_NEXT(adv, next);

        if (!owner)
            release(adv);
        else if (strcmp(adv->owner, owner) == 0)
            drop(adv);
        adv = following;
    }
}

/* ---- on the air ------------------------------------------------------------------------------ */

static bool on_air(const struct vb_adapter *adapter)
{
    return adapter->powered && !vb_link_of_peripheral(adapter);
}

bool vb_adv_connectable(const struct vb_adapter *adapter)
{
    const struct vb_adv *adv;

    if (!on_air(adapter))
        return false;
    TAILQ_FOREACH(adv, &adapter->advs, next)
        if (adv->active && adv->report.connectable)
            return true;
    return false;
}

static void beat(void *arg)
{
    struct vb_adv *adv = arg;
    struct vb *vb = adv->adapter->vb;

    if (!on_air(adv->adapter) || !vb_discovery_listening(vb))
        return; /* until vb_advs_wake() */
    vb_timer_set(vb, &adv->beat, adv->interval_ms * VB_MS + vb_random(vb) % JITTER_US, beat, adv);
    vb_discovery_hear(adv);
}

void vb_advs_wake(struct vb *vb)
{
    for (unsigned i = 0; i < vb->n_adapters; i++) {
        struct vb_adv *adv;

        TAILQ_FOREACH(adv, &vb->adapters[i].advs, next)
            if (adv->active && on_air(adv->adapter) && !vb_timer_running(&adv->beat))
                vb_timer_set(vb, &adv->beat, vb_random(vb) % (adv->interval_ms * VB_MS), beat, adv);
    }
}

/* ---- registering ----------------------------------------------------------------------------- */

static void expire(void *arg)
{
    release(arg);
}

static void activate(struct vb_adv *adv, unsigned timeout_s)
{
    struct vb_adapter *adapter = adv->adapter;

    adv->active = true;
    if (timeout_s > 0)
        vb_timer_set(adapter->vb, &adv->expiry, (uint64_t)timeout_s * VB_S, expire, adv);
    vb_ok_kept(&adv->reg);
    vb_changed(adapter->vb, adapter->path, MANAGER, "SupportedInstances", "ActiveInstances", NULL);
    vb_advs_wake(adapter->vb);
    vb_links_try_pending(adapter->vb);
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct vb_adv *adv = userdata;
    struct vb_report report;
    unsigned interval_ms, timeout_s;
    bool ok;

    (void)error;
    adv->call = sd_bus_slot_unref(adv->call);
    ok = !sd_bus_message_is_method_error(m, NULL) &&
         vb_adv_parse(m, adv->adapter, &report, &interval_ms, &timeout_s);
    if (ok) {
        vb_report_done(&adv->report);
        adv->report = report;
        adv->interval_ms = interval_ms;
        if (!adv->active)
            activate(adv, timeout_s);
    } else if (!adv->active) { /* a change that does not parse leaves the advertisement as it was */
        vb_fail_kept(&adv->reg, VB_E_FAILED, "Failed to parse advertisement.");
        drop(adv);
    }
    return 0;
}

static int ask_properties(struct vb_adv *adv)
{
    adv->call = sd_bus_slot_unref(adv->call);
    return sd_bus_call_method_async(adv->adapter->vb->bus, &adv->call, adv->owner, adv->path,
                                    DBUS "Properties", "GetAll", on_properties, adv, "s",
                                    ADVERTISEMENT);
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    (void)m;
    (void)error;
    (void)ask_properties(userdata);
    return 0;
}

static int watch(struct vb_adv *adv)
{
    char *rule = vb_format("type='signal',sender='%s',path='%s',interface='" DBUS "Properties',"
                           "member='PropertiesChanged',arg0='" ADVERTISEMENT "'",
                           adv->owner, adv->path);
    int r = sd_bus_add_match_async(adv->adapter->vb->bus, &adv->match, rule, on_changed, NULL, adv);

    free(rule);
    return r;
}

static struct vb_adv *find(struct vb_adapter *adapter, const char *owner, const char *path)
{
    struct vb_adv *adv;

    TAILQ_FOREACH(adv, &adapter->advs, next)
        if (strcmp(adv->owner, owner) == 0 && strcmp(adv->path, path) == 0)
            return adv;
    return NULL;
}

static uint8_t count(const struct vb_adapter *adapter, bool active_only)
{
    const struct vb_adv *adv;
    uint8_t n = 0;

    TAILQ_FOREACH(adv, &adapter->advs, next)
        n = (uint8_t)(n + (adv->active || !active_only));
    return n;
}

static void register_advertisement(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;
    const char *path, *owner = sd_bus_message_get_sender(m);
    struct vb_adv *adv;

    (void)vb;
    if (sd_bus_message_read(m, "o", &path) < 0) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
        return;
    }
    if (find(adapter, owner, path)) {
        vb_fail(m, VB_E_ALREADY_EXISTS, NULL);
        return;
    }
    if (count(adapter, false) >= VB_ADV_MAX) {
        vb_fail(m, VB_E_NOT_PERMITTED, "Maximum advertisements reached");
        return;
    }
    adv = vb_new(sizeof *adv);
    adv->adapter = adapter;
    adv->owner = vb_dup(owner);
    adv->path = vb_dup(path);
    adv->reg = sd_bus_message_ref(m);
    TAILQ_INSERT_TAIL(&adapter->advs, adv, next);
    if (!adapter->powered || watch(adv) < 0 || ask_properties(adv) < 0) {
        vb_fail_kept(&adv->reg, VB_E_FAILED, "Failed to register advertisement");
        drop(adv);
    }
}

static void unregister_advertisement(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adv *adv;
    const char *path;

    (void)vb;
    if (sd_bus_message_read(m, "o", &path) < 0) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
        return;
    }
    adv = find(self, sd_bus_message_get_sender(m), path);
    if (!adv) {
        vb_fail(m, VB_E_DOES_NOT_EXIST, NULL);
        return;
    }
    vb_fail_kept(&adv->reg, VB_E_FAILED, "Failed to complete registration");
    drop(adv);
    vb_ok(m);
}

static int get_active(void *self, sd_bus_message *to)
{
    return sd_bus_message_append(to, "y", count(self, true));
}

static int get_supported(void *self, sd_bus_message *to)
{
    return sd_bus_message_append(to, "y", VB_ADV_MAX - count(self, false));
}

static int get_includes(void *self, sd_bus_message *to)
{
    (void)self;
    return sd_bus_message_append(to, "as", 3, "tx-power", "appearance", "local-name");
}

static const struct vb_method methods[] = {
    {"RegisterAdvertisement", "oa{sv}", "", "advertisement options", register_advertisement},
    {"UnregisterAdvertisement", "o", "", "service", unregister_advertisement},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct vb_property properties[] = {
    {"ActiveInstances", "y", 0, get_active, NULL, NULL},
    {"SupportedInstances", "y", 0, get_supported, NULL, NULL},
    {"SupportedIncludes", "as", 0, get_includes, NULL, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL}};

const struct vb_iface vb_adv_manager = {MANAGER, methods, properties};
