/* device.c - Device1: the object, what is heard of it, how long it stays; see device.h. */
#include "bt/virtual/device.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/adv.h"
#include "bt/virtual/att.h"
#include "bt/virtual/cache.h"
#include "bt/virtual/link.h"

#define CHANGES_MAX 16

/* ---- properties ------------------------------------------------------------------------------ */

static int get_address(void *self, sd_bus_message *to)
{
    const struct vb_device *device = self;

    return sd_bus_message_append(to, "s", device->addr_text);
}

static int get_address_type(void *self, sd_bus_message *to)
{
    const struct vb_device *device = self;

    return sd_bus_message_append(to, "s", device->addr_type);
}

static int get_alias(void *self, sd_bus_message *to)
{
    const struct vb_device *device = self;
    char dashes[18];

    if (device->alias || device->name)
        return sd_bus_message_append(to, "s", device->alias ? device->alias : device->name);
    for (size_t i = 0; i < sizeof dashes; i++)
        dashes[i] = device->addr_text[i] == ':' ? '-' : device->addr_text[i];
    return sd_bus_message_append(to, "s", dashes);
}

static enum vb_error set_alias(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_device *device = self;
    const char *text;

    if (sd_bus_message_read(m, "s", &text) < 0)
        return VB_E_INVALID_ARGUMENTS;
    free(device->alias);
    device->alias = *text ? vb_dup(text) : NULL;
    vb_changed(vb, device->path, VB_DEVICE, "Alias", NULL);
    return VB_E_OK;
}

static enum vb_error set_trusted(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_device *device = self;
    int truth;

    if (sd_bus_message_read(m, "b", &truth) < 0)
        return VB_E_INVALID_ARGUMENTS;
    if (device->trusted == (bool)truth)
        return VB_E_OK;
    device->trusted = truth;
    vb_changed(vb, device->path, VB_DEVICE, "Trusted", NULL);
    return VB_E_OK;
}

static enum vb_error set_blocked(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_device *device = self;
    int truth;

    if (sd_bus_message_read(m, "b", &truth) < 0)
        return VB_E_INVALID_ARGUMENTS;
    if (device->blocked == (bool)truth)
        return VB_E_OK;
    device->blocked = truth;
    if (truth) {
        vb_device_set_temporary(device, false);
        if (device->link)
            vb_link_down(device->link, device, VB_REASON_LOCAL);
    }
    vb_changed(vb, device->path, VB_DEVICE, "Blocked", NULL);
    return VB_E_OK;
}

static int get_uuids(void *self, sd_bus_message *to)
{
    const struct vb_device *device = self;
    bool own = device->browsed || device->n_heard_uuids == 0;
    const struct vb_uuid *uuids = own ? device->uuids : device->heard_uuids;
    size_t n = own ? device->n_uuids : device->n_heard_uuids;
    char text[VB_UUID_TEXT];
    int r = sd_bus_message_open_container(to, 'a', "s");

    for (size_t i = 0; r >= 0 && i < n; i++)
        r = sd_bus_message_append(to, "s", vb_uuid_text(&uuids[i], text));
    return r < 0 ? r : sd_bus_message_close_container(to);
}

static int get_adapter(void *self, sd_bus_message *to)
{
    const struct vb_device *device = self;

    return sd_bus_message_append(to, "o", device->adapter->path);
}

static int append_blob(sd_bus_message *to, const struct vb_blob *blob, bool by_uuid)
{
    char text[VB_UUID_TEXT];
    int r = sd_bus_message_open_container(to, 'e', by_uuid ? "sv" : "qv");

    if (r >= 0)
        r = by_uuid ? sd_bus_message_append(to, "s", vb_uuid_text(&blob->uuid, text))
                    : sd_bus_message_append(to, "q", blob->company);
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'v', "ay");
    if (r >= 0)
        r = sd_bus_message_append_array(to, 'y', blob->data.p, blob->data.n);
    if (r >= 0)
        r = sd_bus_message_close_container(to);
    return r < 0 ? r : sd_bus_message_close_container(to);
}

int vb_append_manufacturer(sd_bus_message *to, const struct vb_blob *blobs, size_t n)
{
    int r = sd_bus_message_open_container(to, 'a', "{qv}");

    for (size_t i = 0; r >= 0 && i < n; i++)
        r = append_blob(to, &blobs[i], false);
    return r < 0 ? r : sd_bus_message_close_container(to);
}

static int get_manufacturer(void *self, sd_bus_message *to)
{
    const struct vb_device *device = self;

    return vb_append_manufacturer(to, device->manufacturer, device->n_manufacturer);
}

static int get_service_data(void *self, sd_bus_message *to)
{
    const struct vb_device *device = self;
    int r = sd_bus_message_open_container(to, 'a', "{sv}");

    for (size_t i = 0; r >= 0 && i < device->n_service_data; i++)
        r = append_blob(to, &device->service_data[i], true);
    return r < 0 ? r : sd_bus_message_close_container(to);
}

static int get_flags(void *self, sd_bus_message *to)
{
    const struct vb_device *device = self;

    return sd_bus_message_append_array(to, 'y', &device->flags, 1);
}

static bool has_name(void *self)
{
    return ((struct vb_device *)self)->name != NULL;
}

static bool has_appearance(void *self)
{
    return ((struct vb_device *)self)->has_appearance;
}

static bool has_bonded(void *self)
{
    return ((struct vb_device *)self)->adapter->vb->opt.version >= VB_BLUEZ_BONDED;
}

static bool has_rssi(void *self)
{
    return ((struct vb_device *)self)->has_rssi;
}

static bool has_tx_power(void *self)
{
    return ((struct vb_device *)self)->has_tx_power;
}

static bool has_manufacturer(void *self)
{
    return ((struct vb_device *)self)->n_manufacturer > 0;
}

static bool has_service_data(void *self)
{
    return ((struct vb_device *)self)->n_service_data > 0;
}

static bool has_flags(void *self)
{
    const struct vb_device *device = self;

    return device->flags != 0 && device->adapter->vb->opt.version >= VB_BLUEZ_PROXIMITY;
}

#define MEMBER(m) offsetof(struct vb_device, m), NULL
static const struct vb_property properties[] = {
    {"Address", "s", 0, get_address, NULL, NULL},
    {"AddressType", "s", 0, get_address_type, NULL, NULL},
    {"Name", "s", MEMBER(name), has_name, NULL},
    {"Alias", "s", 0, get_alias, NULL, set_alias},
    {"Appearance", "q", MEMBER(appearance), has_appearance, NULL},
    {"Paired", "b", MEMBER(paired), NULL, NULL},
    {"Bonded", "b", MEMBER(paired), has_bonded, NULL},
    {"Trusted", "b", MEMBER(trusted), NULL, set_trusted},
    {"Blocked", "b", MEMBER(blocked), NULL, set_blocked},
    {"LegacyPairing", "b", MEMBER(legacy), NULL, NULL},
    {"RSSI", "n", MEMBER(rssi), has_rssi, NULL},
    {"Connected", "b", MEMBER(connected), NULL, NULL},
    {"UUIDs", "as", 0, get_uuids, NULL, NULL},
    {"Adapter", "o", 0, get_adapter, NULL, NULL},
    {"ManufacturerData", "a{qv}", 0, get_manufacturer, has_manufacturer, NULL},
    {"ServiceData", "a{sv}", 0, get_service_data, has_service_data, NULL},
    {"TxPower", "n", MEMBER(tx_power), has_tx_power, NULL},
    {"ServicesResolved", "b", MEMBER(resolved), NULL, NULL},
    {"AdvertisingFlags", "ay", 0, get_flags, has_flags, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL}};

static const struct vb_iface device_iface = {VB_DEVICE, vb_device_methods, properties};

/* ---- life ------------------------------------------------------------------------------------ */

struct vb_device *vb_device_find(const struct vb_adapter *adapter, const struct vb_adapter *peer)
{
    struct vb_device *device;

    TAILQ_FOREACH(device, &adapter->devices, next)
        if (device->peer == peer)
            return device;
    return NULL;
}

/* A new device that is not on the bus yet. */
static struct vb_device *device_new(struct vb_adapter *adapter, struct vb_adapter *peer)
{
    struct vb_device *device = vb_new(sizeof *device);

    device->adapter = adapter;
    device->peer = peer;
    memcpy(device->addr_text, peer->air_text, sizeof device->addr_text);
    device->addr_type = peer->air_type;
    device->path = vb_format("%s/dev_%s", adapter->path, device->addr_text);
    for (char *at = device->path; *at; at++)
        if (*at == ':')
            *at = '_';
    device->temporary = true;
    vb_cache_take(&device->cache, &adapter->attic[peer->index], device);
    TAILQ_INSERT_TAIL(&adapter->devices, device, next);
    return device;
}

static void device_publish(struct vb_device *device)
{
    struct vb_mount mounts[] = {{&device_iface, device}, {NULL, NULL}};

    vb_object_add(device->adapter->vb, device->path, mounts);
}

static void disappear(void *arg)
{
    vb_device_remove(arg);
}

void vb_device_seen(struct vb_device *device)
{
    vb_timer_stop(&device->temporary_timer);
    if (device->temporary && !device->connected)
        vb_timer_set(device->adapter->vb, &device->temporary_timer, VB_TEMPORARY_US, disappear,
                     device);
}

void vb_device_set_temporary(struct vb_device *device, bool temporary)
{
    device->temporary = temporary;
    vb_device_seen(device);
}

void vb_device_remove(struct vb_device *device)
{
    struct vb_adapter *adapter = device->adapter;

    if (device->link) {
        device->remove_at_drop = true;
        vb_link_down(device->link, device, VB_REASON_LOCAL);
        return; /* the link's end has removed it */
    }
    vb_fail_kept(&device->connecting, VB_E_FAILED, "br-connection-canceled");
    vb_timer_stop(&device->temporary_timer);
    vb_timer_stop(&device->disconnect_timer);
    vb_timer_stop(&device->connect_timer);
    vb_cache_hide(&device->cache);
    if (adapter->vb->opt.version < VB_BLUEZ_MTU)
        vb_cache_take(&adapter->attic[device->peer->index], &device->cache, NULL);
    vb_cache_clear(&device->cache);
    TAILQ_REMOVE(&adapter->devices, device, next);
    vb_object_remove(adapter->vb, device->path);
    vb_blobs_free(&device->manufacturer, &device->n_manufacturer);
    vb_blobs_free(&device->service_data, &device->n_service_data);
    free(device->disconnecting);
    free(device->heard_uuids);
    free(device->uuids);
    free(device->path);
    free(device->name);
    free(device->alias);
    free(device);
}

struct vb_device *vb_device_for_central(struct vb_adapter *adapter, struct vb_adapter *central)
{
    struct vb_device *device = vb_device_find(adapter, central);

    if (device)
        return device;
    device = device_new(adapter, central);
    device->connected = true; /* announced with it, as BlueZ does */
    device_publish(device);
    return device;
}

/* ---- what is heard --------------------------------------------------------------------------- */

struct changes {
    const char *names[CHANGES_MAX];
    size_t n;
};

static void note(struct changes *changes, const char *name)
{
    if (changes->n < CHANGES_MAX)
        changes->names[changes->n++] = name;
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct vb_uuid));
}

/* Add what is missing; true when something was. */
static bool add_uuids(struct vb_uuid **to, size_t *n, const struct vb_uuid *uuids, size_t n_uuids)
{
    size_t before = *n;

    for (size_t i = 0; i < n_uuids; i++) {
        size_t k = 0;

        while (k < *n && !vb_uuid_same(&(*to)[k], &uuids[i]))
            k++;
        if (k < *n)
            continue;
        *to = vb_grow(*to, *n + 1, sizeof **to);
        (*to)[(*n)++] = uuids[i];
    }
    if (*n > before)
        qsort(*to, *n, sizeof **to, compare_uuids);
    return *n > before;
}

bool vb_device_set_uuids(struct vb_device *device, const struct vb_uuid *uuids, size_t n)
{
    struct vb_uuid *sorted = NULL;
    size_t n_sorted = 0;
    bool changed;

    (void)add_uuids(&sorted, &n_sorted, uuids, n);
    changed = n_sorted != device->n_uuids ||
              (n_sorted > 0 && memcmp(sorted, device->uuids, n_sorted * sizeof *sorted) != 0);
    free(device->uuids);
    device->uuids = sorted;
    device->n_uuids = n_sorted;
    return changed;
}

static bool same_blob(const struct vb_blob *a, const struct vb_blob *b)
{
    return a->data.n == b->data.n &&
           (a->data.n == 0 || memcmp(a->data.p, b->data.p, a->data.n) == 0);
}

bool vb_take_blobs(struct vb_blob **to, size_t *n, const struct vb_blob *from, size_t n_from)
{
    bool changed = false;

    for (size_t i = 0; i < n_from; i++) {
        size_t k = 0;

        while (k < *n && ((*to)[k].company != from[i].company ||
                          !vb_uuid_same(&(*to)[k].uuid, &from[i].uuid)))
            k++;
        if (k < *n && same_blob(&(*to)[k], &from[i]))
            continue;
        if (k == *n) {
            *to = vb_grow(*to, ++*n, sizeof **to);
            (*to)[k] = from[i];
        } else {
            free((*to)[k].data.p);
        }
        (*to)[k].data.p = vb_dup_bytes(from[i].data.p, from[i].data.n);
        (*to)[k].data.n = from[i].data.n;
        changed = true;
    }
    return changed;
}

static void take_rssi(struct vb_device *device, const struct vb_heard *how, struct changes *changes)
{
    int delta = abs(device->rssi - how->rssi);

    if (how->no_rssi)
        return;
    if (device->has_rssi && !how->every_rssi && delta < VB_RSSI_DEAD_BAND)
        return;
    device->has_rssi = true;
    device->rssi = how->rssi;
    note(changes, "RSSI");
}

static void take_name(struct vb_device *device, const char *name, struct changes *changes)
{
    if (!name || (device->name && strcmp(device->name, name) == 0))
        return;
    free(device->name);
    device->name = vb_dup(name);
    note(changes, "Name");
    if (!device->alias)
        note(changes, "Alias");
}

void vb_device_set_name(struct vb_device *device, const char *name)
{
    struct changes changes = {.n = 0};

    take_name(device, name, &changes);
    vb_changed_list(device->adapter->vb, device->path, VB_DEVICE, changes.names, changes.n);
}

static void take_report(struct vb_device *device, const struct vb_heard *how,
                        struct changes *changes)
{
    const struct vb_report *report = how->report;

    take_rssi(device, how, changes);
    if (report->has_tx_power && (!device->has_tx_power || device->tx_power != report->tx_power)) {
        device->has_tx_power = true;
        device->tx_power = report->tx_power;
        note(changes, "TxPower");
    }
    if (report->has_appearance && !device->has_appearance) {
        device->has_appearance = true;
        device->appearance = report->appearance;
        note(changes, "Appearance");
    }
    take_name(device, report->name, changes);
    if (add_uuids(&device->heard_uuids, &device->n_heard_uuids, report->uuids, report->n_uuids) &&
        !device->browsed)
        note(changes, "UUIDs");
    if (vb_take_blobs(&device->manufacturer, &device->n_manufacturer, report->manufacturer,
                   report->n_manufacturer) || (how->duplicates && report->n_manufacturer > 0))
        note(changes, "ManufacturerData");
    if (vb_take_blobs(&device->service_data, &device->n_service_data, report->service_data,
                   report->n_service_data) || (how->duplicates && report->n_service_data > 0))
        note(changes, "ServiceData");
    device->connectable = report->connectable;
    if (device->flags != report->flags) {
        device->flags = report->flags;
        note(changes, "AdvertisingFlags");
    }
}

void vb_device_heard(struct vb_adapter *adapter, struct vb_adapter *from,
                     const struct vb_heard *how)
{
    struct vb_device *device = vb_device_find(adapter, from);
    bool known = device != NULL;
    struct changes changes = {.n = 0};

    if (!known)
        device = device_new(adapter, from);
    device->found = true;
    take_report(device, how, &changes);
    if (!known)
        device_publish(device);
    else
        vb_changed_list(adapter->vb, device->path, VB_DEVICE, changes.names, changes.n);
    vb_device_seen(device);
}

void vb_device_unheard(struct vb_device *device)
{
    struct changes changes = {.n = 0};

    if (!device->found)
        return;
    device->found = false;
    if (device->has_rssi)
        note(&changes, "RSSI");
    if (device->has_tx_power)
        note(&changes, "TxPower");
    device->has_rssi = device->has_tx_power = false;
    vb_changed_list(device->adapter->vb, device->path, VB_DEVICE, changes.names, changes.n);
    if (device->temporary && !device->connectable && !device->connected)
        vb_device_remove(device);
}
