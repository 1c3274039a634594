#ifndef GF_BT_VIRTUAL_OBJECTS_H
#define GF_BT_VIRTUAL_OBJECTS_H
/*
 * The daemon's D-Bus objects: a tree of paths, each with interfaces that are tables of methods and
 * properties. Properties, ObjectManager (at "/") and Introspectable are made from the tables.
 *
 * sd-bus's own vtables cannot leave a property out, as BlueZ does with RSSI, MTU or Value, so this
 * module answers method calls itself.
 */
#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-bus.h>

#include "bt/virtual/error.h"

struct vb;

/*
 * A method. fn answers m, now with sd_bus_reply_method_return(), vb_ok() or vb_fail(), or keeps a
 * reference and answers later. in and out are D-Bus signatures; names are for introspection:
 * the arguments' names, in then out, separated by spaces.
 */
struct vb_method {
    const char *name, *in, *out, *names;
    void (*fn)(struct vb *vb, void *self, sd_bus_message *m);
};

/*
 * A property. get appends the value to an open variant; without get the value is the member of
 * self at off, of the C type that sig names (b bool, s and o char *, y n q u integers). has tells
 * whether it exists now; without has it always does. set reads the value from an open variant;
 * without set the property is read-only.
 */
struct vb_property {
    const char *name, *sig;
    size_t off;
    int (*get)(void *self, sd_bus_message *reply);
    bool (*has)(void *self);
    enum vb_error (*set)(struct vb *vb, void *self, sd_bus_message *m);
};

/* Tables end with a row whose name is NULL; either may be NULL. */
struct vb_iface {
    const char *name;
    const struct vb_method *methods;
    const struct vb_property *properties;
};

struct vb_object;

struct vb_objects {
    struct vb_object **by_path; /* sorted */
    size_t n;
};

/* An interface of a new object. */
struct vb_mount {
    const struct vb_iface *iface;
    void *self; /* borrowed until vb_object_remove() */
};

/* Put an object on the bus and announce it. mounts ends with a row whose iface is NULL. */
void vb_object_add(struct vb *vb, const char *path, const struct vb_mount *mounts);

/* Take it away and announce that; a path without an object is fine. */
void vb_object_remove(struct vb *vb, const char *path);

/*
 * PropertiesChanged for the properties named, ended by NULL: those that exist with their values,
 * the others as invalidated. Nothing when the object is not on the bus.
 */
void vb_changed(struct vb *vb, const char *path, const char *iface, ...) __attribute__((sentinel));
void vb_changed_list(struct vb *vb, const char *path, const char *iface, const char *const names[],
                     size_t n);

/* Do what a method call asks for, past all faults. */
void vb_objects_call(struct vb *vb, sd_bus_message *m);

/* Answer every method call that comes over vb->bus. 0 or -errno. */
int vb_objects_start(struct vb *vb);

/* Free what is left, announcing nothing. */
void vb_objects_done(struct vb *vb);

/* private: shared by objects.c and properties.c */
#define VB_OBJECT_IFACES 4
struct vb_object {
    char *path;
    struct vb_mount mounts[VB_OBJECT_IFACES + 1];
};
struct vb_object *vb_object_find(struct vb *vb, const char *path);
const struct vb_mount *vb_object_mount(const struct vb_object *object, const char *iface);
int vb_append_interfaces(const struct vb_object *object, sd_bus_message *to);
void vb_properties_call(struct vb *vb, const struct vb_object *object, sd_bus_message *m);
void vb_introspect(struct vb *vb, const struct vb_object *object, const char *path,
                   sd_bus_message *m);

#endif
