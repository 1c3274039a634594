/* cache.c - the services found on a device, and their D-Bus objects; see cache.h. */
#include "bt/virtual/cache.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/acquire.h"
#include "bt/virtual/att.h"
#include "bt/virtual/db.h"
#include "bt/virtual/fault.h"
#include "bt/virtual/link.h"
#include "bt/virtual/notify.h"
#include "bt/virtual/value.h"

/* ---- properties ------------------------------------------------------------------------------ */

static int append_uuid(sd_bus_message *to, const struct vb_uuid *uuid)
{
    char text[VB_UUID_TEXT];

    return sd_bus_message_append(to, "s", vb_uuid_text(uuid, text));
}

static int service_uuid(void *self, sd_bus_message *to)
{
    return append_uuid(to, &((struct vb_service *)self)->uuid);
}

static int service_includes(void *self, sd_bus_message *to)
{
    const struct vb_service *service = self;
    const struct vb_service *other;
    int r = sd_bus_message_open_container(to, 'a', "o");

    for (size_t i = 0; r >= 0 && i < service->n_includes; i++)
        TAILQ_FOREACH(other, &service->device->cache.services, next)
            if (r >= 0 && other->start == service->includes[i] && other->exported)
                r = sd_bus_message_append(to, "o", other->path);
    return r < 0 ? r : sd_bus_message_close_container(to);
}

static int char_uuid(void *self, sd_bus_message *to)
{
    return append_uuid(to, &((struct vb_char *)self)->uuid);
}

static int char_value(void *self, sd_bus_message *to)
{
    const struct vb_char *chr = self;

    return sd_bus_message_append_array(to, 'y', chr->value.p, chr->value.n);
}

static bool char_has_value(void *self)
{
    return ((struct vb_char *)self)->has_value;
}

static bool char_can_notify(void *self)
{
    return (((struct vb_char *)self)->props & (VB_PROP_NOTIFY | VB_PROP_INDICATE)) != 0;
}

static int char_flags(void *self, sd_bus_message *to)
{
    const struct vb_char *chr = self;

    return vb_flags_append(to, chr->props, chr->ext_props);
}

static int char_write_acquired(void *self, sd_bus_message *to)
{
    return sd_bus_message_append(to, "b", ((struct vb_char *)self)->write_pipe != NULL);
}

static bool char_has_write_acquired(void *self)
{
    return (((struct vb_char *)self)->props & VB_PROP_WRITE_CMD) != 0;
}

static int char_notify_acquired(void *self, sd_bus_message *to)
{
    return sd_bus_message_append(to, "b", ((struct vb_char *)self)->notify_pipe != NULL);
}

static bool char_has_notify_acquired(void *self)
{
    return (((struct vb_char *)self)->props & VB_PROP_NOTIFY) != 0;
}

static int char_mtu(void *self, sd_bus_message *to)
{
    const struct vb_char *chr = self;

    return sd_bus_message_append(to, "q", vb_fault_mtu(chr->service->device->link));
}

static bool char_has_mtu(void *self)
{
    const struct vb_device *device = ((struct vb_char *)self)->service->device;

    return device->link && device->adapter->vb->opt.version >= VB_BLUEZ_MTU &&
           vb_fault_mtu(device->link) > 0;
}

static int desc_uuid(void *self, sd_bus_message *to)
{
    return append_uuid(to, &((struct vb_desc *)self)->uuid);
}

static int desc_value(void *self, sd_bus_message *to)
{
    const struct vb_desc *desc = self;

    return sd_bus_message_append_array(to, 'y', desc->value.p, desc->value.n);
}

static bool desc_has_value(void *self)
{
    return ((struct vb_desc *)self)->has_value;
}

#define OF(type, m) offsetof(struct type, m), NULL
static const struct vb_property service_properties[] = {
    {"UUID", "s", 0, service_uuid, NULL, NULL},
    {"Device", "o", OF(vb_service, device_path), NULL, NULL},
    {"Primary", "b", OF(vb_service, primary), NULL, NULL},
    {"Includes", "ao", 0, service_includes, NULL, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL}};

static const struct vb_property char_properties[] = {
    {"UUID", "s", 0, char_uuid, NULL, NULL},
    {"Service", "o", OF(vb_char, service_path), NULL, NULL},
    {"Value", "ay", 0, char_value, char_has_value, NULL},
    {"Notifying", "b", OF(vb_char, notifying), char_can_notify, NULL},
    {"Flags", "as", 0, char_flags, NULL, NULL},
    {"WriteAcquired", "b", 0, char_write_acquired, char_has_write_acquired, NULL},
    {"NotifyAcquired", "b", 0, char_notify_acquired, char_has_notify_acquired, NULL},
    {"MTU", "q", 0, char_mtu, char_has_mtu, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL}};

static const struct vb_property desc_properties[] = {
    {"UUID", "s", 0, desc_uuid, NULL, NULL},
    {"Characteristic", "o", OF(vb_desc, chr_path), NULL, NULL},
    {"Value", "ay", 0, desc_value, desc_has_value, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL}};

static const struct vb_method char_methods[] = {
    {"ReadValue", "a{sv}", "ay", "options value", vb_char_read},
    {"WriteValue", "aya{sv}", "", "value options", vb_char_write},
    {"AcquireWrite", "a{sv}", "hq", "options fd mtu", vb_acquire_write},
    {"AcquireNotify", "a{sv}", "hq", "options fd mtu", vb_acquire_notify},
    {"StartNotify", "", "", "", vb_notify_start},
    {"StopNotify", "", "", "", vb_notify_stop},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct vb_method desc_methods[] = {
    {"ReadValue", "a{sv}", "ay", "options value", vb_desc_read},
    {"WriteValue", "aya{sv}", "", "value options", vb_desc_write},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct vb_iface service_iface = {VB_SERVICE, NULL, service_properties};
static const struct vb_iface char_iface = {VB_CHARACTERISTIC, char_methods, char_properties};
static const struct vb_iface desc_iface = {VB_DESCRIPTOR, desc_methods, desc_properties};

/* ---- life ------------------------------------------------------------------------------------ */

struct vb_service *vb_service_new(struct vb_cache *cache, struct vb_device *device)
{
    struct vb_service *service = vb_new(sizeof *service);

    service->device = device;
    TAILQ_INIT(&service->chars);
    TAILQ_INSERT_TAIL(&cache->services, service, next);
    return service;
}

struct vb_char *vb_char_new(struct vb_service *service)
{
    struct vb_char *chr = vb_new(sizeof *chr);

    chr->service = service;
    TAILQ_INIT(&chr->sessions);
    TAILQ_INIT(&chr->descs);
    TAILQ_INSERT_TAIL(&service->chars, chr, next);
    return chr;
}

struct vb_desc *vb_desc_new(struct vb_char *chr)
{
    struct vb_desc *desc = vb_new(sizeof *desc);

    desc->chr = chr;
    TAILQ_INSERT_TAIL(&chr->descs, desc, next);
    return desc;
}

/* Claimed services are those that bluetoothd's own plugins use. */
static bool is_claimed(const struct vb_service *service, unsigned version)
{
    if (vb_uuid_is(&service->uuid, VB_UUID_GAP))
        return true;
    return version >= VB_BLUEZ_CLAIMED &&
           (vb_uuid_is(&service->uuid, VB_UUID_DIS) || vb_uuid_is(&service->uuid, 0x180f));
}

static void show_char(struct vb *vb, struct vb_service *service, struct vb_char *chr)
{
    struct vb_mount mounts[] = {{&char_iface, chr}, {NULL, NULL}};
    struct vb_desc *desc;

    chr->service_path = vb_dup(service->path);
    chr->path = vb_format("%s/char%04x", service->path, chr->handle);
    vb_object_add(vb, chr->path, mounts);
    TAILQ_FOREACH(desc, &chr->descs, next) {
        struct vb_mount desc_mounts[] = {{&desc_iface, desc}, {NULL, NULL}};

        desc->chr_path = vb_dup(chr->path);
        desc->path = vb_format("%s/desc%04x", chr->path, desc->handle);
        vb_object_add(vb, desc->path, desc_mounts);
    }
}

void vb_cache_show(struct vb_device *device)
{
    struct vb *vb = device->adapter->vb;
    struct vb_service *service;
    struct vb_char *chr;

    TAILQ_FOREACH(service, &device->cache.services, next) {
        struct vb_mount mounts[] = {{&service_iface, service}, {NULL, NULL}};

        service->claimed = is_claimed(service, vb->opt.version);
        if (service->exported || (service->claimed && vb->opt.version < VB_BLUEZ_CLAIMED))
            continue;
        service->exported = true;
        service->device_path = vb_dup(device->path);
        service->path = vb_format("%s/service%04x", device->path, service->start);
        vb_object_add(vb, service->path, mounts);
        TAILQ_FOREACH(chr, &service->chars, next)
            show_char(vb, service, chr);
    }
}

static void drop_path(struct vb *vb, char **path, char **owner_path)
{
    vb_object_remove(vb, *path);
    free(*path);
    free(*owner_path);
    *path = *owner_path = NULL;
}

static void hide_service(struct vb_service *service)
{
    struct vb *vb = service->device->adapter->vb;
    struct vb_char *chr;
    struct vb_desc *desc;

    TAILQ_FOREACH(chr, &service->chars, next) {
        vb_value_drop(&chr->reading, &chr->writing);
        vb_acquire_drop(chr);
        vb_notify_drop(chr);
        TAILQ_FOREACH(desc, &chr->descs, next)
            vb_value_drop(&desc->reading, &desc->writing);
        if (!service->exported)
            continue;
        TAILQ_FOREACH(desc, &chr->descs, next)
            drop_path(vb, &desc->path, &desc->chr_path);
        drop_path(vb, &chr->path, &chr->service_path);
    }
    if (service->exported)
        drop_path(vb, &service->path, &service->device_path);
    service->exported = false;
}

void vb_cache_hide(struct vb_cache *cache)
{
    struct vb_service *service;

    TAILQ_FOREACH(service, &cache->services, next)
        hide_service(service);
}

static void char_free(struct vb_char *chr)
{
    struct vb_desc *desc;

    while ((desc = TAILQ_FIRST(&chr->descs)) != NULL) {
        TAILQ_REMOVE(&chr->descs, desc, next);
        free(desc->value.p);
        free(desc);
    }
    free(chr->value.p);
    free(chr);
}

static void service_free(struct vb_cache *cache, struct vb_service *service)
{
    struct vb_char *chr;

    while ((chr = TAILQ_FIRST(&service->chars)) != NULL) {
        TAILQ_REMOVE(&service->chars, chr, next);
        char_free(chr);
    }
    TAILQ_REMOVE(&cache->services, service, next);
    free(service->includes);
    free(service);
}

void vb_service_remove(struct vb_cache *cache, struct vb_service *service)
{
    hide_service(service);
    service_free(cache, service);
}

void vb_cache_clear(struct vb_cache *cache)
{
    struct vb_service *service;

    while ((service = TAILQ_FIRST(&cache->services)) != NULL)
        service_free(cache, service);
    cache->has_hash = false;
}

void vb_cache_take(struct vb_cache *to, struct vb_cache *from, struct vb_device *device)
{
    struct vb_service *service;

    TAILQ_INIT(&to->services);
    while ((service = TAILQ_FIRST(&from->services)) != NULL) {
        TAILQ_REMOVE(&from->services, service, next);
        TAILQ_INSERT_TAIL(&to->services, service, next);
        service->device = device;
    }
    to->has_hash = from->has_hash;
    memcpy(to->hash, from->hash, sizeof to->hash);
    from->has_hash = false;
}

struct vb_char *vb_cache_find(const struct vb_cache *cache, uint16_t uuid)
{
    const struct vb_service *service;
    struct vb_char *chr;

    TAILQ_FOREACH(service, &cache->services, next)
        TAILQ_FOREACH(chr, &service->chars, next)
            if (vb_uuid_is(&chr->uuid, uuid))
                return chr;
    return NULL;
}

struct vb_char *vb_cache_at(const struct vb_cache *cache, uint16_t value_handle)
{
    const struct vb_service *service;
    struct vb_char *chr;

    TAILQ_FOREACH(service, &cache->services, next)
        TAILQ_FOREACH(chr, &service->chars, next)
            if (chr->value_handle == value_handle)
                return chr;
    return NULL;
}
