/* adapter.c - Adapter1; see adapter.h. */
#include "bt/virtual/adapter.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/adv.h"
#include "bt/virtual/app.h"
#include "bt/virtual/cache.h"
#include "bt/virtual/counters.h"
#include "bt/virtual/db.h"
#include "bt/virtual/device.h"
#include "bt/virtual/discovery.h"
#include "bt/virtual/link.h"
#include "bt/virtual/notify.h"

#define ADAPTER "org.bluez.Adapter1"
#define CLASS_COMPUTER 0x000104

/* ---- properties ------------------------------------------------------------------------------ */

static int get_address(void *self, sd_bus_message *to)
{
    return sd_bus_message_append(to, "s", ((struct vb_adapter *)self)->addr_text);
}

static enum vb_error set_alias(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;
    const char *text;

    if (sd_bus_message_read(m, "s", &text) < 0)
        return VB_E_INVALID_ARGUMENTS;
    free(adapter->alias);
    adapter->alias = vb_dup(*text ? text : adapter->name);
    vb_changed(vb, adapter->path, ADAPTER, "Alias", NULL);
    return VB_E_OK;
}

static void power_off(struct vb_adapter *adapter)
{
    struct vb_device *device;

    vb_discovery_drop(adapter, NULL);
    vb_links_drop(adapter);
    vb_advs_drop(adapter, NULL);
    TAILQ_FOREACH(device, &adapter->devices, next)
        vb_fail_kept(&device->connecting, VB_E_FAILED, "br-connection-canceled");
}

static enum vb_error set_bool(struct vb *vb, struct vb_adapter *adapter, sd_bus_message *m,
                              bool *member, const char *name)
{
    int truth;

    if (sd_bus_message_read(m, "b", &truth) < 0)
        return VB_E_INVALID_ARGUMENTS;
    if (*member == (bool)truth)
        return VB_E_OK;
    *member = truth;
    vb_changed(vb, adapter->path, ADAPTER, name, NULL);
    return VB_E_OK;
}

static enum vb_error set_powered(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;
    enum vb_error error;

    if (adapter->power_refusal != VB_E_OK)
        return adapter->power_refusal;
    error = set_bool(vb, adapter, m, &adapter->powered, "Powered");
    if (error == VB_E_OK && !adapter->powered)
        power_off(adapter);
    return error;
}

void vb_adapter_power(struct vb_adapter *adapter, bool on)
{
    if (adapter->powered == on)
        return;
    adapter->powered = on;
    vb_changed(adapter->vb, adapter->path, ADAPTER, "Powered", "PowerState", NULL);
    if (!on)
        power_off(adapter);
}

/* An experimental property, shown while rfkill has the adapter: nothing else tells that. */
static bool is_blocked(void *self)
{
    return ((struct vb_adapter *)self)->power_refusal == VB_E_BLOCKED;
}

static int get_power_state(void *self, sd_bus_message *to)
{
    (void)self;
    return sd_bus_message_append(to, "s", "off-blocked");
}

static enum vb_error set_discoverable(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;

    return adapter->powered ? set_bool(vb, adapter, m, &adapter->discoverable, "Discoverable")
                            : VB_E_FAILED;
}

static enum vb_error set_pairable(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;

    return set_bool(vb, adapter, m, &adapter->pairable, "Pairable");
}

static enum vb_error set_u32(struct vb *vb, struct vb_adapter *adapter, sd_bus_message *m,
                             uint32_t *member, const char *name)
{
    if (sd_bus_message_read(m, "u", member) < 0)
        return VB_E_INVALID_ARGUMENTS;
    vb_changed(vb, adapter->path, ADAPTER, name, NULL);
    return VB_E_OK;
}

static enum vb_error set_discoverable_timeout(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;

    return set_u32(vb, adapter, m, &adapter->discoverable_timeout_s, "DiscoverableTimeout");
}

static enum vb_error set_pairable_timeout(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;

    return set_u32(vb, adapter, m, &adapter->pairable_timeout_s, "PairableTimeout");
}

static int get_uuids(void *self, sd_bus_message *to)
{
    const struct vb_adapter *adapter = self;
    const struct vb_db *db = &adapter->db;
    int r = sd_bus_message_open_container(to, 'a', "s");

    for (size_t i = 0; r >= 0 && i < db->n; i++) {
        char text[VB_UUID_TEXT];
        struct vb_uuid uuid;

        if (!vb_uuid_is(&db->attrs[i].type, 0x2800))
            continue;
        uuid = vb_uuid_from_wire(db->attrs[i].value.p, (unsigned)db->attrs[i].value.n);
        r = sd_bus_message_append(to, "s", vb_uuid_text(&uuid, text));
    }
    return r < 0 ? r : sd_bus_message_close_container(to);
}

static int get_roles(void *self, sd_bus_message *to)
{
    (void)self;
    return sd_bus_message_append(to, "as", 3, "central", "peripheral", "central-peripheral");
}

#define MEMBER(m) offsetof(struct vb_adapter, m), NULL
static const struct vb_property properties[] = {
    {"Address", "s", 0, get_address, NULL, NULL},
    {"AddressType", "s", MEMBER(addr_type), NULL, NULL},
    {"Name", "s", MEMBER(name), NULL, NULL},
    {"Alias", "s", MEMBER(alias), NULL, set_alias},
    {"Class", "u", MEMBER(class_of_device), NULL, NULL},
    {"Powered", "b", MEMBER(powered), NULL, set_powered},
    {"PowerState", "s", 0, get_power_state, is_blocked, NULL},
    {"Discoverable", "b", MEMBER(discoverable), NULL, set_discoverable},
    {"DiscoverableTimeout", "u", MEMBER(discoverable_timeout_s), NULL, set_discoverable_timeout},
    {"Pairable", "b", MEMBER(pairable), NULL, set_pairable},
    {"PairableTimeout", "u", MEMBER(pairable_timeout_s), NULL, set_pairable_timeout},
    {"Discovering", "b", MEMBER(discovering), NULL, NULL},
    {"UUIDs", "as", 0, get_uuids, NULL, NULL},
    {"Modalias", "s", MEMBER(modalias), NULL, NULL},
    {"Roles", "as", 0, get_roles, NULL, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL}};

static const struct vb_method methods[] = {
    {"StartDiscovery", "", "", "", vb_discovery_start},
    {"SetDiscoveryFilter", "a{sv}", "", "properties", vb_discovery_set_filter},
    {"StopDiscovery", "", "", "", vb_discovery_stop},
    {"RemoveDevice", "o", "", "device", vb_device_remove_call},
    {"GetDiscoveryFilters", "", "as", "filters", vb_discovery_get_filters},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct vb_iface adapter_iface = {ADAPTER, methods, properties};

/* ---- life ------------------------------------------------------------------------------------ */

static void init_lists(struct vb_adapter *adapter)
{
    TAILQ_INIT(&adapter->scanners);
    TAILQ_INIT(&adapter->devices);
    TAILQ_INIT(&adapter->advs);
    TAILQ_INIT(&adapter->apps);
}

void vb_adapter_init(struct vb *vb, unsigned index, unsigned number)
{
    struct vb_adapter *adapter = &vb->adapters[index];
    struct vb_mount mounts[] = {{&adapter_iface, adapter},
                                {&vb_gatt_manager, adapter},
                                {&vb_adv_manager, adapter},
                                {&vb_counters_iface, adapter},
                                {NULL, NULL}};

    adapter->vb = vb;
    adapter->index = index;
    (void)vb_adapter_address(index, adapter->addr_text);
    memcpy(adapter->air_text, adapter->addr_text, sizeof adapter->air_text);
    adapter->addr_type = adapter->air_type = "public";
    adapter->path = vb_format("/org/bluez/hci%u", number);
    adapter->name = vb_format("virtual-%u", index);
    adapter->alias = vb_dup(adapter->name);
    adapter->modalias = vb_format("usb:v1D6Bp0246d%04X", 0x0500 + vb->opt.version % 100);
    adapter->class_of_device = CLASS_COMPUTER;
    adapter->discoverable_timeout_s = 180;
    adapter->powered = adapter->pairable = true;
    init_lists(adapter);
    adapter->attic = vb_new(vb->opt.adapters * sizeof *adapter->attic);
    for (unsigned i = 0; i < vb->opt.adapters; i++)
        TAILQ_INIT(&adapter->attic[i].services);
    vb_db_init(&adapter->db, vb->opt.version);
    vb_object_add(vb, adapter->path, mounts);
}

void vb_adapter_done(struct vb_adapter *adapter)
{
    struct vb_device *device;

    vb_links_drop(adapter);
    vb_discovery_drop(adapter, NULL);
    vb_advs_drop(adapter, NULL);
    vb_apps_drop(adapter, NULL);
    while ((device = TAILQ_FIRST(&adapter->devices)) != NULL)
        vb_device_remove(device);
    for (unsigned i = 0; i < adapter->vb->opt.adapters; i++)
        vb_cache_clear(&adapter->attic[i]);
    free(adapter->attic);
    vb_db_done(&adapter->db);
    vb_object_remove(adapter->vb, adapter->path);
    vb_timer_stop(&adapter->scan);
    free(adapter->path);
    free(adapter->name);
    free(adapter->alias);
    free(adapter->modalias);
}

void vb_adapter_unplug(struct vb_adapter *adapter)
{
    vb_adapter_done(adapter);
    adapter->path = adapter->name = adapter->alias = adapter->modalias = NULL;
    adapter->attic = NULL;
    adapter->powered = adapter->discovering = adapter->scan_resting = false;
}

void vb_adapter_name_lost(struct vb_adapter *adapter, const char *owner)
{
    vb_apps_drop(adapter, owner);
    vb_advs_drop(adapter, owner);
    vb_discovery_drop(adapter, owner);
    vb_notify_name_lost(adapter, owner);
}
