/* objects.c - the daemon's D-Bus objects: the tree, announcing, finding methods; see objects.h. */
#include "bt/virtual/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/fault.h"
#include "bt/virtual/model.h"
#include "bt/virtual/util.h"

#define DBUS "org.freedesktop.DBus."

/* Index of the first object whose path is not below the one given. */
static size_t place_of(const struct vb_objects *objects, const char *path)
{
    size_t low = 0, high = objects->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (strcmp(objects->by_path[mid]->path, path) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct vb_object *vb_object_find(struct vb *vb, const char *path)
{
    size_t at = place_of(&vb->objects, path);

    if (at < vb->objects.n && strcmp(vb->objects.by_path[at]->path, path) == 0)
        return vb->objects.by_path[at];
    return NULL;
}

const struct vb_mount *vb_object_mount(const struct vb_object *object, const char *iface)
{
    for (const struct vb_mount *m = object->mounts; m->iface; m++)
        if (strcmp(m->iface->name, iface) == 0)
            return m;
    return NULL;
}

static void announce_added(struct vb *vb, const struct vb_object *object)
{
    sd_bus_message *m = NULL;

    if (vb->mute_objects)
        return;
    if (sd_bus_message_new_signal(vb->bus, &m, "/", DBUS "ObjectManager", "InterfacesAdded") >= 0 &&
        sd_bus_message_append(m, "o", object->path) >= 0 && vb_append_interfaces(object, m) >= 0)
        (void)sd_bus_send(vb->bus, m, NULL);
    sd_bus_message_unref(m);
}

void vb_object_add(struct vb *vb, const char *path, const struct vb_mount *mounts)
{
    struct vb_objects *objects = &vb->objects;
    struct vb_object *object = vb_new(sizeof *object);
    size_t at = place_of(objects, path);

    object->path = vb_dup(path);
    for (size_t i = 0; mounts[i].iface && i < VB_OBJECT_IFACES; i++)
        object->mounts[i] = mounts[i];
    objects->by_path = vb_grow(objects->by_path, objects->n + 1, sizeof(struct vb_object *));
    memmove(objects->by_path + at + 1, objects->by_path + at,
            (objects->n - at) * sizeof(struct vb_object *));
    objects->by_path[at] = object;
    objects->n++;
    announce_added(vb, object);
}

static void object_free(struct vb_object *object)
{
    free(object->path);
    free(object);
}

static void announce_removed(struct vb *vb, const struct vb_object *object)
{
    sd_bus_message *m = NULL;
    int r;

    if (vb->mute_objects)
        return;
    r = sd_bus_message_new_signal(vb->bus, &m, "/", DBUS "ObjectManager", "InterfacesRemoved");
    if (r >= 0)
        r = sd_bus_message_append(m, "o", object->path);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "s");
    for (const struct vb_mount *mount = object->mounts; r >= 0 && mount->iface; mount++)
        r = sd_bus_message_append(m, "s", mount->iface->name);
    if (r >= 0)
        r = sd_bus_message_append(m, "ss", DBUS "Introspectable", DBUS "Properties");
    if (r >= 0 && sd_bus_message_close_container(m) >= 0)
        (void)sd_bus_send(vb->bus, m, NULL);
    sd_bus_message_unref(m);
}

void vb_object_remove(struct vb *vb, const char *path)
{
    struct vb_objects *objects = &vb->objects;
    struct vb_object *object = vb_object_find(vb, path);
    size_t at;

    if (!object)
        return;
    at = place_of(objects, path);
    memmove(objects->by_path + at, objects->by_path + at + 1,
            (objects->n - at - 1) * sizeof(struct vb_object *));
    objects->n--;
    announce_removed(vb, object);
    object_free(object);
}

/* GetManagedObjects, for the whole tree. */
static void managed_objects(struct vb *vb, sd_bus_message *call)
{
    sd_bus_message *m = NULL;
    int r;

    r = sd_bus_message_new_method_return(call, &m);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{oa{sa{sv}}}");
    for (size_t i = 0; r >= 0 && i < vb->objects.n; i++) {
        const struct vb_object *object = vb->objects.by_path[i];

        r = sd_bus_message_open_container(m, 'e', "oa{sa{sv}}");
        if (r >= 0)
            r = sd_bus_message_append(m, "o", object->path);
        if (r >= 0)
            r = vb_append_interfaces(object, m);
        if (r >= 0)
            r = sd_bus_message_close_container(m);
    }
    if (r >= 0 && sd_bus_message_close_container(m) >= 0)
        (void)sd_bus_send(vb->bus, m, NULL);
    sd_bus_message_unref(m);
}

/* The interfaces that every object has. False when m is for none of them. */
static bool standard_call(struct vb *vb, const struct vb_object *object, sd_bus_message *m)
{
    const char *path = sd_bus_message_get_path(m);

    if (sd_bus_message_is_method_call(m, DBUS "Introspectable", "Introspect") > 0) {
        vb_introspect(vb, object, path, m);
        return true;
    }
    if (strcmp(path, "/") == 0 &&
        sd_bus_message_is_method_call(m, DBUS "ObjectManager", "GetManagedObjects") > 0) {
        managed_objects(vb, m);
        return true;
    }
    if (object && sd_bus_message_is_method_call(m, DBUS "Properties", NULL) > 0) {
        vb_properties_call(vb, object, m);
        return true;
    }
    return false;
}

static const struct vb_method *find_method(const struct vb_mount *mount, sd_bus_message *m)
{
    const struct vb_method *method = mount->iface->methods;

    for (; method && method->name; method++)
        if (strcmp(method->name, sd_bus_message_get_member(m)) == 0 &&
            sd_bus_message_has_signature(m, method->in) > 0)
            return method;
    return NULL;
}

static void refuse(sd_bus_message *m, const struct vb_object *object)
{
    const char *iface = sd_bus_message_get_interface(m);

    (void)sd_bus_reply_method_errorf(
        m, object ? SD_BUS_ERROR_UNKNOWN_METHOD : SD_BUS_ERROR_UNKNOWN_OBJECT,
        "Method \"%s\" with signature \"%s\" on interface \"%s\" doesn't exist\n",
        sd_bus_message_get_member(m), sd_bus_message_get_signature(m, 1), iface ? iface : "(null)");
}

void vb_objects_call(struct vb *vb, sd_bus_message *m)
{
    const char *iface = sd_bus_message_get_interface(m);
    const struct vb_object *object = vb_object_find(vb, sd_bus_message_get_path(m));

    if (standard_call(vb, object, m))
        return;
    for (const struct vb_mount *mount = object ? object->mounts : NULL; mount && mount->iface;
         mount++) {
        const struct vb_method *method = NULL;

        if (!iface || strcmp(iface, mount->iface->name) == 0)
            method = find_method(mount, m);
        if (method) {
            if (vb->opt.verbose)
                (void)fprintf(stderr, "virtual-bluez: %s %s.%s from %s\n", object->path,
                              mount->iface->name, method->name, sd_bus_message_get_sender(m));
            method->fn(vb, mount->self, m);
            return;
        }
    }
    refuse(m, object);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    (void)error;
    if (sd_bus_message_is_method_call(m, NULL, NULL) <= 0)
        return 0;
    if (sd_bus_message_is_method_call(m, DBUS "Peer", NULL) > 0)
        return 0; /* sd-bus answers Ping and GetMachineId itself */
    if (!vb_fault_on_call(userdata, m))
        vb_objects_call(userdata, m);
    return 1;
}

int vb_objects_start(struct vb *vb)
{
    return sd_bus_add_filter(vb->bus, NULL, on_message, vb);
}

void vb_objects_done(struct vb *vb)
{
    for (size_t i = 0; i < vb->objects.n; i++)
        object_free(vb->objects.by_path[i]);
    free(vb->objects.by_path);
    vb->objects = (struct vb_objects){0};
}
