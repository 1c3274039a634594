/* app.c - GATT applications of an adapter; see app.h. */
#include "bt/virtual/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/adv.h"
#include "bt/virtual/att.h"
#include "bt/virtual/db.h"
#include "bt/virtual/link.h"

#define DBUS "org.freedesktop.DBus."
#define CALL_US (25 * VB_S) /* libdbus's default time-out, which bluetoothd uses */

static const char *const iface_of[] = {[VB_NODE_SERVICE] = "org.bluez.GattService1",
                                       [VB_NODE_CHARACTERISTIC] = "org.bluez.GattCharacteristic1",
                                       [VB_NODE_DESCRIPTOR] = "org.bluez.GattDescriptor1"};

static void node_free(struct vb_node *node)
{
    for (size_t i = 0; i < node->n_includes; i++)
        free(node->includes[i]);
    free(node->includes);
    free(node->path);
    free(node->parent);
    free(node);
}

static void app_free(struct vb_app *app)
{
    struct vb_node *node;

    while ((node = TAILQ_FIRST(&app->nodes)) != NULL) {
        TAILQ_REMOVE(&app->nodes, node, next);
        node_free(node);
    }
    sd_bus_slot_unref(app->call);
    sd_bus_slot_unref(app->match);
    sd_bus_message_unref(app->reg);
    free(app->owner);
    free(app->path);
    free(app);
}

static void drop(struct vb_app *app)
{
    struct vb_adapter *adapter = app->adapter;

    /* A meter whose program ends is a meter without power: its link goes with it. */
    vb_links_drop_peripheral(adapter);
    TAILQ_REMOVE(&adapter->apps, app, next);
    vb_db_unplace(&adapter->db, app);
    app_free(app);
}

void vb_apps_drop(struct vb_adapter *adapter, const char *owner)
{
    struct vb_app *app = TAILQ_FIRST(&adapter->apps);

    while (app) {
        struct vb_app *following = TAILQ_NEXT(app, next);

        if (!owner || strcmp(app->owner, owner) == 0)
            drop(app);
        app = following;
    }
}

static struct vb_app *find(struct vb_adapter *adapter, const char *owner, const char *path)
{
    struct vb_app *app;

    TAILQ_FOREACH(app, &adapter->apps, next)
        if (strcmp(app->owner, owner) == 0 && strcmp(app->path, path) == 0)
            return app;
    return NULL;
}

/* ---- reading the application's objects ------------------------------------------------------- */

static int read_strings(sd_bus_message *m, const char *sig, char ***ret, size_t *ret_n)
{
    const char *text;
    int r = sd_bus_message_enter_container(m, 'a', sig);

    if (r <= 0)
        return r < 0 ? r : -EINVAL;
    while ((r = sd_bus_message_read(m, sig, &text)) > 0) {
        *ret = vb_grow(*ret, *ret_n + 1, sizeof **ret);
        (*ret)[(*ret_n)++] = vb_dup(text);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_flags(sd_bus_message *m, struct vb_node *node)
{
    struct vb_flags flags = {0, 0, 0};
    char **names = NULL;
    size_t n = 0;
    int r = read_strings(m, "s", &names, &n);

    for (size_t i = 0; i < n; i++) {
        if (r >= 0 && !vb_flag_add(names[i], &flags))
            r = -EINVAL;
        free(names[i]);
    }
    free(names);
    node->props = flags.props;
    node->ext_props = flags.ext_props;
    node->perm = flags.perm;
    return r;
}

/* The property's variant is open. Unknown properties are skipped by the caller. */
static int read_property(sd_bus_message *m, const char *name, struct vb_node *node)
{
    const char *text;
    int truth, r;

    if (strcmp(name, "UUID") == 0) {
        r = sd_bus_message_read(m, "s", &text);
        node->has_uuid = r > 0 && vb_uuid_parse(text, &node->uuid);
    } else if (strcmp(name, "Primary") == 0) {
        r = sd_bus_message_read(m, "b", &truth);
        node->has_primary = r > 0;
        node->primary = r > 0 && truth;
    } else if (strcmp(name, "Flags") == 0) {
        r = read_flags(m, node);
    } else if (strcmp(name, "Includes") == 0) {
        r = read_strings(m, "o", &node->includes, &node->n_includes);
    } else {
        r = sd_bus_message_read(m, "o", &text);
        if (r > 0)
            node->parent = vb_dup(text);
    }
    return r;
}

static bool is_property(const char *name, enum vb_node_kind kind)
{
    static const char *const names[][4] = {
        [VB_NODE_SERVICE] = {"UUID", "Primary", "Includes", NULL},
        [VB_NODE_CHARACTERISTIC] = {"UUID", "Flags", "Service", NULL},
        [VB_NODE_DESCRIPTOR] = {"UUID", "Flags", "Characteristic", NULL}};

    for (const char *const *n = names[kind]; *n; n++)
        if (strcmp(*n, name) == 0)
            return true;
    return false;
}

/* a{sv} of one interface of one object into a node. */
static int read_node(sd_bus_message *m, struct vb_app *app, enum vb_node_kind kind,
                     const char *path)
{
    struct vb_node *node = vb_new(sizeof *node);
    const char *name;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    node->app = app;
    node->kind = kind;
    node->path = vb_dup(path);
    TAILQ_INSERT_TAIL(&app->nodes, node, next);
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0 && is_property(name, kind)) {
            const char *sig;

            r = sd_bus_message_peek_type(m, NULL, &sig);
            if (r >= 0)
                r = sd_bus_message_enter_container(m, 'v', sig);
            if (r >= 0)
                r = read_property(m, name, node);
            if (r >= 0)
                r = sd_bus_message_exit_container(m);
        } else if (r >= 0) {
            r = sd_bus_message_skip(m, "v");
        }
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* a{sa{sv}} of one object. */
static int read_object(sd_bus_message *m, struct vb_app *app, const char *path, size_t *n_ifaces)
{
    const char *iface;
    int r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
        unsigned kind = 0;

        r = sd_bus_message_read(m, "s", &iface);
        if (r < 0)
            break;
        *n_ifaces += strncmp(iface, DBUS, strlen(DBUS)) != 0;
        while (kind < 3 && strcmp(iface_of[kind], iface) != 0)
            kind++;
        r = kind < 3 ? read_node(m, app, (enum vb_node_kind)kind, path)
                     : sd_bus_message_skip(m, "a{sv}");
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_objects(sd_bus_message *m, struct vb_app *app, size_t *n_ifaces)
{
    const char *path;
    int r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
        r = sd_bus_message_read(m, "o", &path);
        if (r >= 0)
            r = read_object(m, app, path, n_ifaces);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r;
}

/* ---- registering ----------------------------------------------------------------------------- */

static int on_value_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct vb_app *app = userdata;
    struct vb_node *node;
    const char *iface, *name;

    (void)error;
    if (sd_bus_message_read(m, "s", &iface) < 0 ||
        strcmp(iface, iface_of[VB_NODE_CHARACTERISTIC]) != 0 ||
        sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
        return 0;
    TAILQ_FOREACH(node, &app->nodes, next)
        if (node->ccc && strcmp(node->path, sd_bus_message_get_path(m)) == 0)
            break;
    while (node && sd_bus_message_enter_container(m, 'e', "sv") > 0) {
        const void *bytes;
        size_t n;

        if (sd_bus_message_read(m, "s", &name) < 0)
            break;
        if (strcmp(name, "Value") != 0) {
            (void)sd_bus_message_skip(m, "v");
        } else if (sd_bus_message_enter_container(m, 'v', "ay") > 0 &&
                   sd_bus_message_read_array(m, 'y', &bytes, &n) >= 0) {
            vb_links_notify(app->adapter, node, bytes, n);
            break;
        }
        (void)sd_bus_message_exit_container(m);
    }
    return 0;
}

static int on_objects(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct vb_app *app = userdata;
    struct vb_adapter *adapter = app->adapter;
    const char *why = NULL;
    bool any_service = false;
    size_t n_ifaces = 0;
    int r;

    (void)error;
    app->call = sd_bus_slot_unref(app->call);
    r = sd_bus_message_is_method_error(m, NULL) ? -EIO : read_objects(m, app, &n_ifaces);
    for (const struct vb_node *node = TAILQ_FIRST(&app->nodes); node; node = TAILQ_NEXT(node, next))
        any_service = any_service || node->kind == VB_NODE_SERVICE;
    if (n_ifaces == 0)
        why = "No object received";
    else if (r < 0 || !any_service)
        why = "No valid service object found";
    else if (!vb_db_place(&adapter->db, app))
        why = "Failed to create entry in database";
    if (why) {
        vb_fail_kept(&app->reg, VB_E_FAILED, why);
        TAILQ_REMOVE(&adapter->apps, app, next);
        app_free(app);
        return 0;
    }
    vb_links_services_changed(adapter, app);
    vb_ok_kept(&app->reg);
    return 0;
}

static int ask_objects(struct vb *vb, struct vb_app *app)
{
    char *rule = vb_format("type='signal',sender='%s',interface='" DBUS "Properties',"
                           "member='PropertiesChanged',arg0='%s'",
                           app->owner, iface_of[VB_NODE_CHARACTERISTIC]);
    int r = sd_bus_add_match_async(vb->bus, &app->match, rule, on_value_changed, NULL, app);

    free(rule);
    if (r >= 0)
        r = sd_bus_call_method_async(vb->bus, &app->call, app->owner, app->path,
                                     DBUS "ObjectManager", "GetManagedObjects", on_objects, app,
                                     NULL);
    return r;
}

static void register_application(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;
    const char *path, *owner = sd_bus_message_get_sender(m);
    struct vb_app *app;

    if (sd_bus_message_read(m, "o", &path) < 0) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
        return;
    }
    if (find(adapter, owner, path)) {
        vb_fail(m, VB_E_ALREADY_EXISTS, NULL);
        return;
    }
    app = vb_new(sizeof *app);
    app->adapter = adapter;
    app->owner = vb_dup(owner);
    app->path = vb_dup(path);
    app->reg = sd_bus_message_ref(m);
    TAILQ_INIT(&app->nodes);
    TAILQ_INSERT_TAIL(&adapter->apps, app, next);
    if (ask_objects(vb, app) < 0) {
        vb_fail_kept(&app->reg, VB_E_FAILED, "Failed to register application");
        TAILQ_REMOVE(&adapter->apps, app, next);
        app_free(app);
    }
}

static void unregister_application(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_app *app;
    const char *path;

    (void)vb;
    if (sd_bus_message_read(m, "o", &path) < 0) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
        return;
    }
    app = find(self, sd_bus_message_get_sender(m), path);
    if (!app) {
        vb_fail(m, VB_E_DOES_NOT_EXIST, NULL);
        return;
    }
    drop(app);
    vb_ok(m);
}

static const struct vb_method methods[] = {
    {"RegisterApplication", "oa{sv}", "", "application options", register_application},
    {"UnregisterApplication", "o", "", "application", unregister_application},
    {NULL, NULL, NULL, NULL, NULL}};

const struct vb_iface vb_gatt_manager = {"org.bluez.GattManager1", methods, NULL};

/* ---- calls ----------------------------------------------------------------------------------- */

static int make_call(struct vb *vb, const struct vb_app_call *call, const struct vb_bytes *bytes,
                     sd_bus_message **ret)
{
    const struct vb_node *node = call->node;
    sd_bus_message *m = NULL;
    int r = sd_bus_message_new_method_call(vb->bus, &m, node->app->owner, node->path,
                                           iface_of[node->kind],
                                           bytes ? "WriteValue" : "ReadValue");

    if (r >= 0 && bytes)
        r = sd_bus_message_append_array(m, 'y', bytes->p, bytes->n);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0)
        r = sd_bus_message_append(m, "{sv}{sv}{sv}", "device", "o", call->device, "link", "s", "LE",
                                  "mtu", "q", call->mtu);
    if (r >= 0 && call->offset > 0)
        r = sd_bus_message_append(m, "{sv}", "offset", "q", call->offset);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        *ret = sd_bus_message_ref(m);
    sd_bus_message_unref(m);
    return r;
}

int vb_app_call(struct vb *vb, const struct vb_app_call *call, const struct vb_bytes *bytes,
                sd_bus_message_handler_t fn, void *arg, sd_bus_slot **ret_slot)
{
    sd_bus_message *m = NULL;
    int r = make_call(vb, call, bytes, &m);

    if (r >= 0)
        r = sd_bus_call_async(vb->bus, ret_slot, m, fn, arg, CALL_US);
    sd_bus_message_unref(m);
    return r;
}

void vb_app_tell(struct vb *vb, const struct vb_app_call *call, const struct vb_bytes *bytes)
{
    sd_bus_message *m = NULL;

    if (make_call(vb, call, bytes, &m) >= 0 && sd_bus_message_set_expect_reply(m, 0) >= 0)
        (void)sd_bus_send(vb->bus, m, NULL);
    sd_bus_message_unref(m);
}

void vb_app_poke(struct vb *vb, const struct vb_node *node, const char *method)
{
    sd_bus_message *m = NULL;

    if (sd_bus_message_new_method_call(vb->bus, &m, node->app->owner, node->path,
                                       iface_of[node->kind], method) >= 0 &&
        sd_bus_message_set_expect_reply(m, 0) >= 0)
        (void)sd_bus_send(vb->bus, m, NULL);
    sd_bus_message_unref(m);
}
