/* db.c - the attribute table of an adapter; see db.h. */
#include "bt/virtual/db.h"

#include <stdlib.h>
#include <string.h>

#include "bt/virtual/att.h"

/* The daemon's own services, as a capture of 5.66 with one ATT channel shows them: the two handles
 * of Server Supported Features stay empty, and Device Information has the PnP ID, of this release.
 * A service goes on to the next one's handle. */
static const struct {
    uint16_t at, service, uuid; /* at, service: 0 for another characteristic of the one before */
    unsigned props;
    enum vb_source source;
    uint8_t value[5];
    uint8_t len;
} builtin[] = {
    {0x01, VB_UUID_GAP, VB_UUID_DEVICE_NAME, VB_PROP_READ, VB_FROM_NAME, {0}, 0},
    {0, 0, VB_UUID_APPEARANCE, VB_PROP_READ, VB_FROM_TABLE, {0, 0}, 2},
    {0, 0, VB_UUID_ADDRESS_RESOLUTION, VB_PROP_READ, VB_FROM_TABLE, {1}, 1},
    {0x08, VB_UUID_GATT, VB_UUID_SERVICE_CHANGED, VB_PROP_INDICATE, VB_FROM_TABLE, {0}, 0},
    {0, 0, VB_UUID_CLIENT_FEATURES, VB_PROP_READ | VB_PROP_WRITE, VB_FROM_CLIENT_FEATURES, {0}, 0},
    {0, 0, VB_UUID_DB_HASH, VB_PROP_READ, VB_FROM_HASH, {0}, 0},
    {0x12, VB_UUID_DIS, VB_UUID_PNP_ID, VB_PROP_READ, VB_FROM_TABLE, {2, 0x6b, 0x1d, 0x46, 2}, 5},
};

/* What the flags of an application's objects mean. */
static const struct {
    const char *name;
    struct vb_flags means;
} flags[] = {
    {"broadcast", {VB_PROP_BROADCAST, 0, 0}},
    {"read", {VB_PROP_READ, 0, VB_PERM_READ}},
    {"write-without-response", {VB_PROP_WRITE_CMD, 0, VB_PERM_WRITE}},
    {"write", {VB_PROP_WRITE, 0, VB_PERM_WRITE}},
    {"notify", {VB_PROP_NOTIFY, 0, 0}},
    {"indicate", {VB_PROP_INDICATE, 0, 0}},
    {"authenticated-signed-writes", {VB_PROP_SIGNED, 0, VB_PERM_WRITE}},
    {"extended-properties", {VB_PROP_EXTENDED, 0, 0}},
    {"reliable-write", {VB_PROP_EXTENDED, VB_EXT_RELIABLE, VB_PERM_WRITE}},
    {"writable-auxiliaries", {VB_PROP_EXTENDED, VB_EXT_WRITABLE_AUX, 0}},
    {"encrypt-read", {VB_PROP_READ, 0, VB_PERM_READ | VB_PERM_ENCRYPT}},
    {"encrypt-write", {VB_PROP_WRITE, 0, VB_PERM_WRITE | VB_PERM_ENCRYPT}},
    {"encrypt-notify", {VB_PROP_NOTIFY, 0, VB_PERM_ENCRYPT}},
    {"encrypt-indicate", {VB_PROP_INDICATE, 0, VB_PERM_ENCRYPT}},
    {"encrypt-authenticated-read", {VB_PROP_READ, 0, VB_PERM_READ | VB_PERM_AUTHENTICATE}},
    {"encrypt-authenticated-write", {VB_PROP_WRITE, 0, VB_PERM_WRITE | VB_PERM_AUTHENTICATE}},
    {"secure-read", {VB_PROP_READ, 0, VB_PERM_READ | VB_PERM_AUTHENTICATE}},
    {"secure-write", {VB_PROP_WRITE, 0, VB_PERM_WRITE | VB_PERM_AUTHENTICATE}},
    {"authorize", {0, 0, 0}},
};

bool vb_flag_add(const char *flag, struct vb_flags *to)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(flags[i].name, flag) == 0) {
            to->props |= flags[i].means.props;
            to->ext_props |= flags[i].means.ext_props;
            to->perm |= flags[i].means.perm;
            return true;
        }
    }
    return false;
}

int vb_flags_append(sd_bus_message *to, unsigned props, unsigned ext_props)
{
    int r = sd_bus_message_open_container(to, 'a', "s");

    /* The rows that stand for one bit come first, in BlueZ's order. */
    for (size_t i = 0; r >= 0 && i < 10; i++) {
        unsigned ext = flags[i].means.ext_props;

        if (ext ? (ext_props & ext) != 0 : (props & flags[i].means.props) != 0)
            r = sd_bus_message_append(to, "s", flags[i].name);
    }
    return r < 0 ? r : sd_bus_message_close_container(to);
}

/* Append an attribute on the next handle. The pointer holds until the next one is added. */
static struct vb_attr *add(struct vb_db *db, struct vb_uuid type, unsigned perm,
                           enum vb_source source)
{
    struct vb_attr *attr;
    uint16_t last = db->n > 0 ? db->attrs[db->n - 1].handle : 0;

    db->attrs = vb_grow(db->attrs, db->n + 1, sizeof *db->attrs);
    attr = &db->attrs[db->n++];
    *attr = (struct vb_attr){.handle = (uint16_t)(last + 1), .type = type, .perm = perm,
                             .source = source};
    attr->end = attr->handle;
    return attr;
}

static void set_value(struct vb_attr *attr, const void *bytes, size_t n)
{
    attr->value.p = vb_dup_bytes(bytes, n);
    attr->value.n = n;
}

/* A service declaration; returns its index. */
static size_t add_service(struct vb_db *db, const struct vb_uuid *uuid, bool primary)
{
    struct vb_attr *attr = add(db, vb_uuid16(primary ? VB_UUID_PRIMARY : VB_UUID_SECONDARY),
                               VB_PERM_READ, VB_FROM_TABLE);
    uint8_t wire[16];

    set_value(attr, wire, vb_uuid_wire(uuid, wire));
    return db->n - 1;
}

/* Declaration and value; returns the value's attribute. */
static struct vb_attr *add_characteristic(struct vb_db *db, const struct vb_uuid *uuid,
                                          unsigned props, unsigned perm, enum vb_source source)
{
    struct vb_attr *attr = add(db, vb_uuid16(VB_UUID_CHARACTERISTIC), VB_PERM_READ, VB_FROM_TABLE);
    uint16_t value_handle = (uint16_t)(attr->handle + 1);
    uint8_t bytes[19] = {(uint8_t)props, (uint8_t)value_handle, (uint8_t)(value_handle >> 8)};

    set_value(attr, bytes, 3 + vb_uuid_wire(uuid, bytes + 3));
    return add(db, *uuid, perm, source);
}

static void update_hash(struct vb_db *db)
{
    /* Two FNV-1a hashes over all but the values that may change: any table gets its own 16 bytes.
     * Clients only compare them, so it need not be the specification's AES-CMAC. */
    uint64_t h[2] = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};

    for (size_t i = 0; i < db->n; i++) {
        const struct vb_attr *attr = &db->attrs[i];
        uint8_t head[18] = {(uint8_t)attr->handle, (uint8_t)(attr->handle >> 8)};
        size_t n = attr->source == VB_FROM_TABLE ? attr->value.n : 0;

        memcpy(head + 2, attr->type.b, 16);
        for (size_t k = 0; k < 2 * (sizeof head + n); k++) {
            size_t at = k / 2;
            uint8_t byte = at < sizeof head ? head[at] : attr->value.p[at - sizeof head];

            h[k % 2] = (h[k % 2] ^ byte) * 0x100000001b3u;
        }
    }
    memcpy(db->hash, h, sizeof db->hash);
}

/* Start one of the daemon's services at its handle; the one before goes on to there. */
static size_t add_builtin_service(struct vb_db *db, uint16_t at, uint16_t uuid16, size_t before)
{
    struct vb_uuid uuid = vb_uuid16(uuid16);
    size_t service;

    if (db->n > 0)
        db->attrs[before].end = (uint16_t)(at - 1);
    service = add_service(db, &uuid, true);
    db->attrs[service].handle = at;
    return service;
}

void vb_db_init(struct vb_db *db, unsigned version)
{
    size_t service = 0;

    for (size_t i = 0; i < sizeof builtin / sizeof builtin[0]; i++) {
        struct vb_uuid uuid = vb_uuid16(builtin[i].uuid);
        unsigned perm = (builtin[i].props & VB_PROP_READ ? VB_PERM_READ : 0u) |
                        (builtin[i].props & VB_PROP_WRITE ? VB_PERM_WRITE : 0u);
        struct vb_attr *attr;

        uint8_t value[7] = {0};
        size_t n = builtin[i].len;

        if (builtin[i].service)
            service = add_builtin_service(db, builtin[i].at, builtin[i].service, service);
        memcpy(value, builtin[i].value, n);
        if (builtin[i].uuid == VB_UUID_PNP_ID) {
            value[n++] = (uint8_t)(version % 100);
            value[n++] = (uint8_t)(version / 100);
        }
        attr = add_characteristic(db, &uuid, builtin[i].props, perm, builtin[i].source);
        set_value(attr, value, n);
        if (builtin[i].props & VB_PROP_INDICATE)
            (void)add(db, vb_uuid16(VB_UUID_CCC), VB_PERM_READ | VB_PERM_WRITE, VB_FROM_CCC);
        db->attrs[service].end = db->attrs[db->n - 1].handle;
    }
    update_hash(db);
}

void vb_db_done(struct vb_db *db)
{
    for (size_t i = 0; i < db->n; i++)
        free(db->attrs[i].value.p);
    free(db->attrs);
    *db = (struct vb_db){0};
}

size_t vb_db_from(const struct vb_db *db, uint16_t handle)
{
    size_t i = 0;

    while (i < db->n && db->attrs[i].handle < handle)
        i++;
    return i;
}

struct vb_attr *vb_db_find(struct vb_db *db, uint16_t handle)
{
    size_t i = vb_db_from(db, handle);

    return i < db->n && db->attrs[i].handle == handle ? &db->attrs[i] : NULL;
}

/* ---- an application's services --------------------------------------------------------------- */

static bool is_reserved(const struct vb_uuid *uuid)
{
    return vb_uuid_is(uuid, VB_UUID_GAP) || vb_uuid_is(uuid, VB_UUID_GATT);
}

static void place_descriptor(struct vb_db *db, struct vb_node *node)
{
    struct vb_attr *attr = add(db, node->uuid, node->perm, VB_FROM_APP);

    attr->node = node;
    node->handle = attr->handle;
    node->placed = true;
}

static void place_characteristic(struct vb_db *db, struct vb_node *node)
{
    struct vb_attr *attr =
        add_characteristic(db, &node->uuid, node->props, node->perm, VB_FROM_APP);
    struct vb_node *desc;

    attr->node = node;
    node->handle = attr->handle;
    node->placed = true;
    if (node->props & (VB_PROP_NOTIFY | VB_PROP_INDICATE)) {
        attr = add(db, vb_uuid16(VB_UUID_CCC), VB_PERM_READ | VB_PERM_WRITE, VB_FROM_CCC);
        attr->node = node;
        node->ccc = attr->handle;
    }
    if (node->ext_props) {
        uint8_t bytes[2] = {(uint8_t)node->ext_props, 0};

        attr = add(db, vb_uuid16(VB_UUID_EXT_PROPS), VB_PERM_READ, VB_FROM_TABLE);
        attr->node = node;
        set_value(attr, bytes, sizeof bytes);
    }
    TAILQ_FOREACH(desc, &node->app->nodes, next)
        if (desc->kind == VB_NODE_DESCRIPTOR && desc->parent &&
            strcmp(desc->parent, node->path) == 0)
            place_descriptor(db, desc);
}

static void place_include(struct vb_db *db, struct vb_node *node, const char *path)
{
    struct vb_node *other;

    TAILQ_FOREACH(other, &node->app->nodes, next) {
        const struct vb_attr *service = vb_db_find(db, other->handle);
        uint8_t bytes[6] = {(uint8_t)other->handle, (uint8_t)(other->handle >> 8)};
        uint8_t wire[16];
        struct vb_attr *attr;

        if (other->kind != VB_NODE_SERVICE || !other->placed || strcmp(other->path, path) != 0)
            continue;
        bytes[2] = (uint8_t)service->end;
        bytes[3] = (uint8_t)(service->end >> 8);
        attr = add(db, vb_uuid16(VB_UUID_INCLUDE), VB_PERM_READ, VB_FROM_TABLE);
        attr->node = node;
        if (vb_uuid_wire(&other->uuid, wire) == 2)
            memcpy(bytes + 4, wire, 2);
        set_value(attr, bytes, vb_uuid_wire(&other->uuid, wire) == 2 ? 6 : 4);
        return;
    }
}

static void place_service(struct vb_db *db, struct vb_node *node)
{
    size_t at = add_service(db, &node->uuid, node->primary);
    struct vb_node *chr;

    db->attrs[at].node = node;
    node->handle = db->attrs[at].handle;
    node->placed = true;
    for (size_t i = 0; i < node->n_includes; i++)
        place_include(db, node, node->includes[i]);
    TAILQ_FOREACH(chr, &node->app->nodes, next)
        if (chr->kind == VB_NODE_CHARACTERISTIC && chr->parent &&
            strcmp(chr->parent, node->path) == 0)
            place_characteristic(db, chr);
    db->attrs[at].end = db->attrs[db->n - 1].handle;
}

bool vb_db_place(struct vb_db *db, struct vb_app *app)
{
    struct vb_node *node;
    bool ok = true;

    TAILQ_FOREACH(node, &app->nodes, next)
        if (!node->has_uuid || is_reserved(&node->uuid) ||
            (node->kind == VB_NODE_SERVICE && !node->has_primary))
            return false;
    TAILQ_FOREACH(node, &app->nodes, next)
        if (node->kind == VB_NODE_SERVICE)
            place_service(db, node);
    TAILQ_FOREACH(node, &app->nodes, next)
        ok = ok && node->placed;
    if (!ok)
        vb_db_unplace(db, app);
    update_hash(db);
    return ok;
}

void vb_db_unplace(struct vb_db *db, const struct vb_app *app)
{
    size_t kept = 0;

    for (size_t i = 0; i < db->n; i++) {
        if (db->attrs[i].node && db->attrs[i].node->app == app)
            free(db->attrs[i].value.p);
        else
            db->attrs[kept++] = db->attrs[i];
    }
    db->n = kept;
    update_hash(db);
}
