/* mirror.c - BlueZ's objects as typed fields; see mirror.h. */
#include "bt/mirror_state.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/text.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

static const struct {
    enum bt_iface bit;
    const char *name;
} ifaces[] = {
    {BT_ADAPTER, "org.bluez.Adapter1"},
    {BT_DEVICE, "org.bluez.Device1"},
    {BT_SERVICE, "org.bluez.GattService1"},
    {BT_CHARACTERISTIC, "org.bluez.GattCharacteristic1"},
    {BT_GATT_MANAGER, "org.bluez.GattManager1"},
    {BT_ADVERT_MANAGER, "org.bluez.LEAdvertisingManager1"},
};

/* ---- objects ---- */

static unsigned iface_bit(const char *name)
{
    for (size_t i = 0; i < sizeof ifaces / sizeof ifaces[0]; i++)
        if (strcmp(name, ifaces[i].name) == 0)
            return ifaces[i].bit;
    return 0;
}

/* FNV-1a, 32 bits. */
static size_t bucket_of(const char *path)
{
    uint32_t hash = 2166136261u;

    for (const char *p = path; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    return hash % BT_BUCKETS;
}

/* The place that points to the object of that path, or the end of its bucket. */
static struct bt_object **place_of(struct bt_mirror *m, const char *path)
{
    struct bt_object **at = &m->buckets[bucket_of(path)];

    while (*at != NULL && strcmp((*at)->path, path) != 0)
        at = &(*at)->next;
    return at;
}

/* The object of that path, made when it is missing; NULL when it cannot be kept. */
static struct bt_object *object_get(struct bt_mirror *m, const char *path)
{
    struct bt_object **at = place_of(m, path), *o;

    if (*at != NULL)
        return *at;
    if (m->n >= BT_OBJECTS_MAX || strlen(path) >= BT_PATH_CAP)
        return NULL;
    o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    (void)gf_copy(o->path, sizeof o->path, path);
    o->rssi_dbm = BT_RSSI_UNKNOWN;
    o->roles = BT_ROLE_CENTRAL | BT_ROLE_PERIPHERAL;
    *at = o;
    m->n++;
    return o;
}

static void object_drop(struct bt_mirror *m, struct bt_object **at)
{
    struct bt_object *o = *at;

    *at = o->next;
    free(o);
    m->n--;
}

/* a{sa{sv}}: the interfaces of the object at `path`. An object without one of ours is not made. */
static bool take_interfaces(struct bt_mirror *m, const char *path, sd_bus_message *from,
                            struct bt_into *ret)
{
    const char *name;
    int r;

    *ret = (struct bt_into){.m = m};
    if (sd_bus_message_enter_container(from, 'a', "{sa{sv}}") <= 0)
        return false;
    while ((r = sd_bus_message_enter_container(from, 'e', "sa{sv}")) > 0) {
        if (sd_bus_message_read_basic(from, 's', &name) <= 0)
            return false;
        unsigned bit = iface_bit(name);

        if (bit != 0 && ret->o == NULL)
            ret->o = object_get(m, path);
        if (bit == 0 || ret->o == NULL) {
            if (sd_bus_message_skip(from, "a{sv}") <= 0)
                return false;
        } else {
            ret->o->ifaces |= bit;
            if (!bt_take_properties(ret, bit, from))
                return false;
        }
        if (sd_bus_message_exit_container(from) < 0)
            return false;
    }
    return r == 0 && sd_bus_message_exit_container(from) >= 0;
}

/* ---- signals ---- */

/* Tell of what a message did to an object. */
static void tell(struct bt_into *to, unsigned what)
{
    if (to->o == NULL)
        return;
    if ((to->what & BT_SEEN) != 0)
        to->o->seen_mono_ms = to->m->config.clock->mono_ms(to->m->config.clock->ctx);
    to->m->config.changed(to->m->config.ctx, to->o, what | to->what);
}

static void on_added(struct bt_mirror *m, sd_bus_message *s)
{
    struct bt_into to;
    const char *path;

    /* A new device was heard just now, even when its advertisement told no signal strength. */
    if (sd_bus_message_read_basic(s, 'o', &path) > 0 && take_interfaces(m, path, s, &to)) {
        to.what |= to.o != NULL && (to.o->ifaces & BT_DEVICE) != 0 ? (unsigned)BT_SEEN : 0u;
        tell(&to, BT_ADDED);
    }
}

static void on_removed(struct bt_mirror *m, sd_bus_message *s)
{
    const char *path, *name;
    struct bt_object **at;
    unsigned gone = 0;

    if (sd_bus_message_read_basic(s, 'o', &path) <= 0 ||
        sd_bus_message_enter_container(s, 'a', "s") <= 0)
        return;
    while (sd_bus_message_read_basic(s, 's', &name) > 0)
        gone |= iface_bit(name);
    at = place_of(m, path);
    if (*at == NULL || gone == 0)
        return;
    (*at)->ifaces &= ~gone;
    m->config.changed(m->config.ctx, *at, BT_REMOVED);
    if ((*at)->ifaces == 0)
        object_drop(m, at);
}

/* as: BlueZ invalidates RSSI when discovery stops. */
static void take_invalidated(struct bt_into *to, sd_bus_message *s)
{
    const char *name;

    if (sd_bus_message_enter_container(s, 'a', "s") <= 0)
        return;
    while (sd_bus_message_read_basic(s, 's', &name) > 0)
        if (strcmp(name, "RSSI") == 0)
            to->o->rssi_dbm = BT_RSSI_UNKNOWN;
}

static void on_changed(struct bt_mirror *m, sd_bus_message *s)
{
    const char *path = sd_bus_message_get_path(s), *name;
    struct bt_into to = {.m = m, .is_live = true};
    unsigned bit;

    if (sd_bus_message_read_basic(s, 's', &name) <= 0)
        return;
    bit = iface_bit(name);
    to.o = *place_of(m, path);
    if (to.o == NULL || (to.o->ifaces & bit) == 0 || !bt_take_properties(&to, bit, s))
        return;
    take_invalidated(&to, s);
    tell(&to, BT_CHANGED);
}

void bt_mirror_signal(struct bt_mirror *m, sd_bus_message *signal)
{
    if (sd_bus_message_is_signal(signal, PROPERTIES, "PropertiesChanged") > 0)
        on_changed(m, signal);
    else if (sd_bus_message_is_signal(signal, OBJECT_MANAGER, "InterfacesAdded") > 0)
        on_added(m, signal);
    else if (sd_bus_message_is_signal(signal, OBJECT_MANAGER, "InterfacesRemoved") > 0)
        on_removed(m, signal);
}

/* ---- the whole ---- */

struct bt_mirror *bt_mirror_new(const struct bt_mirror_config *config)
{
    struct bt_mirror *m = calloc(1, sizeof *m);

    if (m != NULL)
        m->config = *config;
    return m;
}

struct bt_mirror *bt_mirror_free(struct bt_mirror *m)
{
    if (m != NULL)
        bt_mirror_clear(m);
    free(m);
    return NULL;
}

void bt_mirror_clear(struct bt_mirror *m)
{
    for (size_t i = 0; i < BT_BUCKETS; i++)
        while (m->buckets[i] != NULL)
            object_drop(m, &m->buckets[i]);
}

int bt_mirror_replace(struct bt_mirror *m, sd_bus_message *answer)
{
    struct bt_into to;
    const char *path;
    int r;

    bt_mirror_clear(m);
    if (sd_bus_message_enter_container(answer, 'a', "{oa{sa{sv}}}") <= 0)
        return GF_E_FORMAT;
    while ((r = sd_bus_message_enter_container(answer, 'e', "oa{sa{sv}}")) > 0)
        if (sd_bus_message_read_basic(answer, 'o', &path) <= 0 ||
            !take_interfaces(m, path, answer, &to) ||
            sd_bus_message_exit_container(answer) < 0)
            return GF_E_FORMAT;
    return r == 0 ? 0 : GF_E_FORMAT;
}

const struct bt_object *bt_mirror_find(const struct bt_mirror *m, const char *path)
{
    const struct bt_object *o = m->buckets[bucket_of(path)];

    while (o != NULL && strcmp(o->path, path) != 0)
        o = o->next;
    return o;
}

bool bt_path_below(const char *path, const char *under)
{
    size_t n = strlen(under);

    return strncmp(path, under, n) == 0 && path[n] == '/';
}

void bt_mirror_each(const struct bt_mirror *m, unsigned which, const char *under,
                    bool (*fn)(void *ctx, const struct bt_object *o), void *ctx)
{
    for (size_t i = 0; i < BT_BUCKETS; i++)
        for (const struct bt_object *o = m->buckets[i]; o != NULL; o = o->next)
            if ((o->ifaces & which) != 0 && (under == NULL || bt_path_below(o->path, under)) &&
                !fn(ctx, o))
                return;
}
