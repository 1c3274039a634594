/* properties.c - Properties and Introspectable, made from the interfaces' tables; see objects.h. */
#include "bt/virtual/objects.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/model.h"
#include "bt/virtual/util.h"

#define DBUS "org.freedesktop.DBus."

static bool exists(const struct vb_property *p, void *self)
{
    return !p->has || p->has(self);
}

/* A value that is simply a member of self. */
static int append_member(const struct vb_property *p, const void *self, sd_bus_message *to)
{
    const uint8_t *at = (const uint8_t *)self + p->off;
    const char *text;
    bool truth;
    int as_int;

    switch (p->sig[0]) {
    case 'b':
        memcpy(&truth, at, sizeof truth);
        as_int = truth;
        return sd_bus_message_append_basic(to, 'b', &as_int);
    case 's':
    case 'o':
        memcpy(&text, at, sizeof text);
        return sd_bus_message_append_basic(to, p->sig[0], text);
    default:
        return sd_bus_message_append_basic(to, p->sig[0], at);
    }
}

static int append_variant(const struct vb_property *p, void *self, sd_bus_message *to)
{
    int r = sd_bus_message_open_container(to, 'v', p->sig);

    if (r >= 0)
        r = p->get ? p->get(self, to) : append_member(p, self, to);
    return r < 0 ? r : sd_bus_message_close_container(to);
}

static int append_entry(const struct vb_property *p, void *self, sd_bus_message *to)
{
    int r = sd_bus_message_open_container(to, 'e', "sv");

    if (r >= 0)
        r = sd_bus_message_append(to, "s", p->name);
    if (r >= 0)
        r = append_variant(p, self, to);
    return r < 0 ? r : sd_bus_message_close_container(to);
}

/* a{sv} of all properties that exist now. */
static int append_all(const struct vb_mount *mount, sd_bus_message *to)
{
    int r = sd_bus_message_open_container(to, 'a', "{sv}");

    for (const struct vb_property *p = mount->iface->properties; r >= 0 && p && p->name; p++)
        if (exists(p, mount->self))
            r = append_entry(p, mount->self, to);
    return r < 0 ? r : sd_bus_message_close_container(to);
}

int vb_append_interfaces(const struct vb_object *object, sd_bus_message *to)
{
    int r = sd_bus_message_open_container(to, 'a', "{sa{sv}}");

    if (r >= 0)
        r = sd_bus_message_append(to, "{sa{sv}}", DBUS "Introspectable", 0);
    for (const struct vb_mount *m = object->mounts; r >= 0 && m->iface; m++) {
        r = sd_bus_message_open_container(to, 'e', "sa{sv}");
        if (r >= 0)
            r = sd_bus_message_append(to, "s", m->iface->name);
        if (r >= 0)
            r = append_all(m, to);
        if (r >= 0)
            r = sd_bus_message_close_container(to);
    }
    if (r >= 0)
        r = sd_bus_message_append(to, "{sa{sv}}", DBUS "Properties", 0);
    return r < 0 ? r : sd_bus_message_close_container(to);
}

static const struct vb_property *find(const struct vb_mount *mount, const char *name)
{
    const struct vb_property *p = mount->iface->properties;

    while (p && p->name && strcmp(p->name, name) != 0)
        p++;
    return p && p->name ? p : NULL;
}

/* The two arrays of PropertiesChanged: what exists with its value, then the names of the rest. */
static int append_changes(const struct vb_mount *mount, sd_bus_message *to,
                          const char *const names[], size_t n)
{
    int r = sd_bus_message_open_container(to, 'a', "{sv}");

    for (size_t i = 0; r >= 0 && i < n; i++) {
        const struct vb_property *p = find(mount, names[i]);

        if (p && exists(p, mount->self))
            r = append_entry(p, mount->self, to);
    }
    if (r >= 0)
        r = sd_bus_message_close_container(to);
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'a', "s");
    for (size_t i = 0; r >= 0 && i < n; i++) {
        const struct vb_property *p = find(mount, names[i]);

        if (p && !exists(p, mount->self))
            r = sd_bus_message_append(to, "s", names[i]);
    }
    return r < 0 ? r : sd_bus_message_close_container(to);
}

void vb_changed_list(struct vb *vb, const char *path, const char *iface, const char *const names[],
                     size_t n)
{
    const struct vb_object *object = vb_object_find(vb, path);
    const struct vb_mount *mount = object ? vb_object_mount(object, iface) : NULL;
    sd_bus_message *m = NULL;

    if (!mount || n == 0 || vb->mute_changes)
        return;
    if (sd_bus_message_new_signal(vb->bus, &m, path, DBUS "Properties", "PropertiesChanged") >= 0 &&
        sd_bus_message_append(m, "s", iface) >= 0 && append_changes(mount, m, names, n) >= 0)
        (void)sd_bus_send(vb->bus, m, NULL);
    sd_bus_message_unref(m);
}

void vb_changed(struct vb *vb, const char *path, const char *iface, ...)
{
    const char *names[16], *name;
    va_list ap;
    size_t n = 0;

    va_start(ap, iface);
    while ((name = va_arg(ap, const char *)) != NULL && n < sizeof names / sizeof names[0])
        names[n++] = name;
    va_end(ap);
    vb_changed_list(vb, path, iface, names, n);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void invalid(sd_bus_message *m, const char *what, const char *name)
{
    (void)sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INVALID_ARGS, "No such %s '%s'", what, name);
}

static void reply_value(sd_bus_message *call, const struct vb_mount *mount,
                        const struct vb_property *p)
{
    sd_bus_message *m = NULL;
    int r = sd_bus_message_new_method_return(call, &m);

    if (r >= 0)
        r = p ? append_variant(p, mount->self, m) : append_all(mount, m);
    if (r >= 0)
        (void)sd_bus_send(NULL, m, NULL);
    sd_bus_message_unref(m);
}

static void set_value(struct vb *vb, const struct vb_mount *mount, const struct vb_property *p,
                      sd_bus_message *m)
{
    enum vb_error error;

    if (!p->set) {
        (void)sd_bus_reply_method_errorf(m, SD_BUS_ERROR_PROPERTY_READ_ONLY,
                                         "Property '%s' is not writable", p->name);
        return;
    }
    if (sd_bus_message_enter_container(m, 'v', p->sig) <= 0) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
        return;
    }
    error = p->set(vb, mount->self, m);
    if (error == VB_E_OK)
        vb_ok(m);
    else
        vb_fail(m, error, NULL);
}

void vb_properties_call(struct vb *vb, const struct vb_object *object, sd_bus_message *m)
{
    const char *iface, *name, *member = sd_bus_message_get_member(m);
    const struct vb_property *p;
    const struct vb_mount *mount;
    bool all = strcmp(member, "GetAll") == 0, set = strcmp(member, "Set") == 0;

    if (!sd_bus_message_has_signature(m, all ? "s" : set ? "ssv" : "ss") ||
        (!all && !set && strcmp(member, "Get") != 0) || sd_bus_message_read(m, "s", &iface) < 0) {
        (void)sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_METHOD, "No such method '%s'",
                                         member);
        return;
    }
    mount = vb_object_mount(object, iface);
    if (!mount) {
        invalid(m, "interface", iface);
        return;
    }
    if (all) {
        reply_value(m, mount, NULL);
        return;
    }
    (void)sd_bus_message_read(m, "s", &name);
    p = find(mount, name);
    if (!p || (!set && !exists(p, mount->self)))
        invalid(m, "property", name);
    else if (set)
        set_value(vb, mount, p, m);
    else
        reply_value(m, mount, p);
}

/* ---- introspection -------------------------------------------------------------------------- */

/* One argument's signature of a method, and its name; moves both on. */
static void put_argument(FILE *out, const char **sig, const char **names, const char *direction)
{
    const char *at = *sig;
    size_t name_len = strcspn(*names, " ");
    int depth = 0;

    do {
        if (strchr("({", *at))
            depth++;
        else if (strchr(")}", *at))
            depth--;
        at++;
    } while (depth > 0 || at[-1] == 'a');
    (void)fprintf(out, "<arg name=\"%.*s\" type=\"%.*s\" direction=\"%s\"/>", (int)name_len, *names,
                  (int)(at - *sig), *sig, direction);
    *sig = at;
    *names += name_len + ((*names)[name_len] == ' ');
}

static void put_interface(FILE *out, const struct vb_iface *iface)
{
    (void)fprintf(out, " <interface name=\"%s\">\n", iface->name);
    for (const struct vb_method *m = iface->methods; m && m->name; m++) {
        const char *names = m->names, *in = m->in, *result = m->out;

        (void)fprintf(out, "  <method name=\"%s\">", m->name);
        while (*in)
            put_argument(out, &in, &names, "in");
        while (*result)
            put_argument(out, &result, &names, "out");
        (void)fputs("</method>\n", out);
    }
    for (const struct vb_property *p = iface->properties; p && p->name; p++)
        (void)fprintf(out, "  <property name=\"%s\" type=\"%s\" access=\"%s\"/>\n", p->name, p->sig,
                      p->set ? "readwrite" : "read");
    (void)fputs(" </interface>\n", out);
}

static const char standard[] =
    " <interface name=\"" DBUS "Introspectable\">\n"
    "  <method name=\"Introspect\"><arg name=\"xml\" type=\"s\" direction=\"out\"/></method>\n"
    " </interface>\n"
    " <interface name=\"" DBUS "Properties\">\n"
    "  <method name=\"Get\"><arg name=\"interface\" type=\"s\" direction=\"in\"/>"
    "<arg name=\"name\" type=\"s\" direction=\"in\"/>"
    "<arg name=\"value\" type=\"v\" direction=\"out\"/></method>\n"
    "  <method name=\"Set\"><arg name=\"interface\" type=\"s\" direction=\"in\"/>"
    "<arg name=\"name\" type=\"s\" direction=\"in\"/>"
    "<arg name=\"value\" type=\"v\" direction=\"in\"/></method>\n"
    "  <method name=\"GetAll\"><arg name=\"interface\" type=\"s\" direction=\"in\"/>"
    "<arg name=\"properties\" type=\"a{sv}\" direction=\"out\"/></method>\n"
    "  <signal name=\"PropertiesChanged\"><arg name=\"interface\" type=\"s\"/>"
    "<arg name=\"changed\" type=\"a{sv}\"/><arg name=\"invalidated\" type=\"as\"/></signal>\n"
    " </interface>\n";

static const char manager[] =
    " <interface name=\"" DBUS "ObjectManager\">\n"
    "  <method name=\"GetManagedObjects\">"
    "<arg name=\"objects\" type=\"a{oa{sa{sv}}}\" direction=\"out\"/></method>\n"
    "  <signal name=\"InterfacesAdded\"><arg name=\"object\" type=\"o\"/>"
    "<arg name=\"interfaces\" type=\"a{sa{sv}}\"/></signal>\n"
    "  <signal name=\"InterfacesRemoved\"><arg name=\"object\" type=\"o\"/>"
    "<arg name=\"interfaces\" type=\"as\"/></signal>\n"
    " </interface>\n";

/* The next elements of the paths below `path`; false when there are none. */
static bool put_children(FILE *out, const struct vb_objects *objects, const char *path)
{
    size_t len = strcmp(path, "/") == 0 ? 0 : strlen(path), last_len = 0;
    const char *last = "";
    bool any = false;

    for (size_t i = 0; i < objects->n; i++) {
        const char *at = objects->by_path[i]->path;
        size_t child;

        if (strncmp(at, path, len) != 0 || at[len] != '/' || at[len + 1] == '\0')
            continue;
        at += len + 1;
        child = strcspn(at, "/");
        any = true;
        if (child == last_len && strncmp(at, last, child) == 0)
            continue;
        (void)fprintf(out, " <node name=\"%.*s\"/>\n", (int)child, at);
        last = at;
        last_len = child;
    }
    return any;
}

void vb_introspect(struct vb *vb, const struct vb_object *object, const char *path,
                   sd_bus_message *m)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    bool known = object != NULL;

    if (!out) {
        (void)sd_bus_reply_method_errno(m, -errno, NULL);
        return;
    }
    (void)fprintf(out,
                  "<!DOCTYPE node PUBLIC "
                  "\"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\" "
                  "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"
                  "<node>\n%s%s",
                  standard, strcmp(path, "/") == 0 ? manager : "");
    for (const struct vb_mount *mount = object ? object->mounts : NULL; mount && mount->iface;
         mount++)
        put_interface(out, mount->iface);
    if (put_children(out, &vb->objects, path))
        known = true;
    (void)fputs("</node>\n", out);
    (void)fclose(out);
    if (known)
        (void)sd_bus_reply_method_return(m, "s", text);
    else
        (void)sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT, "No object at %s", path);
    free(text);
}
