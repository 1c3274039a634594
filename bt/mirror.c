/* mirror.c - BlueZ's objects as typed fields; see mirror.h. */
#include "bt/mirror.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/text.h"

#define BUCKETS 1024
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

struct bt_mirror {
    struct bt_mirror_config config;
    size_t n;
    struct bt_object *buckets[BUCKETS];
};

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

/* ---- properties: each reads its value inside the variant; false: the message is broken ---- */

/* Where a value goes and what it did. */
struct into {
    struct bt_mirror *m;
    struct bt_object *o;
    size_t offset, cap;
    unsigned what;
    bool is_live;               /* a change, not a picture of what was */
};

static bool take_bool(struct into *to, sd_bus_message *from)
{
    int v;

    if (sd_bus_message_read_basic(from, 'b', &v) <= 0)
        return false;
    *(bool *)((char *)to->o + to->offset) = v != 0;
    return true;
}

static bool take_text(struct into *to, sd_bus_message *from)
{
    const char *v;

    if (sd_bus_message_read_basic(from, 's', &v) <= 0)
        return false;
    gf_visible((char *)to->o + to->offset, to->cap, v, strlen(v));
    return true;
}

static bool take_power(struct into *to, sd_bus_message *from)
{
    const char *v;

    if (sd_bus_message_read_basic(from, 's', &v) <= 0)
        return false;
    to->o->blocked = strcmp(v, "off-blocked") == 0;
    return true;
}

static bool take_service(struct into *to, sd_bus_message *from)
{
    const char *v;

    if (sd_bus_message_read_basic(from, 'o', &v) <= 0)
        return false;
    (void)gf_copy(to->o->service, sizeof to->o->service, v);
    return true;
}

static bool take_rssi(struct into *to, sd_bus_message *from)
{
    int16_t v;

    if (sd_bus_message_read_basic(from, 'n', &v) <= 0)
        return false;
    to->o->rssi_dbm = v >= -127 && v <= 20 ? v : BT_RSSI_UNKNOWN;
    to->what |= BT_SEEN;
    return true;
}

/* Go through an array of strings with fn. */
static bool each_text(struct into *to, sd_bus_message *from,
                      void (*fn)(struct into *to, const char *text))
{
    const char *v;
    int r;

    if (sd_bus_message_enter_container(from, 'a', "s") <= 0)
        return false;
    while ((r = sd_bus_message_read_basic(from, 's', &v)) > 0)
        fn(to, v);
    return r == 0 && sd_bus_message_exit_container(from) >= 0;
}

static void one_uuid(struct into *to, const char *text)
{
    to->o->is_ours = to->o->is_ours || strcmp(text, to->m->config.service_uuid) == 0;
}

static bool take_uuids(struct into *to, sd_bus_message *from)
{
    to->o->is_ours = false;
    return each_text(to, from, one_uuid);
}

static void one_role(struct into *to, const char *text)
{
    to->o->roles |= strcmp(text, "central") == 0      ? BT_ROLE_CENTRAL
                    : strcmp(text, "peripheral") == 0 ? BT_ROLE_PERIPHERAL
                                                      : 0u;
}

static bool take_roles(struct into *to, sd_bus_message *from)
{
    to->o->roles = 0;
    return each_text(to, from, one_role);
}

static void one_flag(struct into *to, const char *text)
{
    static const struct {
        const char *name;
        enum bt_flag bit;
    } flags[] = {
        {"read", BT_FLAG_READ}, {"write", BT_FLAG_WRITE},
        {"write-without-response", BT_FLAG_COMMAND}, {"notify", BT_FLAG_NOTIFY},
    };

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(text, flags[i].name) == 0)
            to->o->flags |= flags[i].bit;
}

static bool take_flags(struct into *to, sd_bus_message *from)
{
    to->o->flags = 0;
    return each_text(to, from, one_flag);
}

/* One entry {qv} of ManufacturerData, entered. A value that is no byte array is passed over. */
static bool take_company(struct into *to, sd_bus_message *from)
{
    uint16_t company;
    const char *type;
    const void *p;
    size_t n;
    char kind;

    if (sd_bus_message_read_basic(from, 'q', &company) <= 0 ||
        sd_bus_message_peek_type(from, &kind, &type) <= 0 || kind != 'v')
        return false;
    if (company != to->m->config.company || strcmp(type, "ay") != 0)
        return sd_bus_message_skip(from, "v") > 0;
    if (sd_bus_message_enter_container(from, 'v', "ay") <= 0 ||
        sd_bus_message_read_array(from, 'y', &p, &n) < 0)
        return false;
    to->o->has_id_hash = n == sizeof to->o->id_hash;
    if (to->o->has_id_hash)
        memcpy(to->o->id_hash, p, n);
    return sd_bus_message_exit_container(from) >= 0;
}

static bool take_manufacturer(struct into *to, sd_bus_message *from)
{
    int r;

    to->what |= BT_SEEN;
    to->o->has_id_hash = false;
    if (sd_bus_message_enter_container(from, 'a', "{qv}") <= 0)
        return false;
    while ((r = sd_bus_message_enter_container(from, 'e', "qv")) > 0)
        if (!take_company(to, from) || sd_bus_message_exit_container(from) < 0)
            return false;
    return r == 0 && sd_bus_message_exit_container(from) >= 0;
}

static bool take_value(struct into *to, sd_bus_message *from)
{
    const void *p;
    size_t n;

    if (sd_bus_message_read_array(from, 'y', &p, &n) < 0)
        return false;
    if (to->is_live)
        to->m->config.value(to->m->config.ctx, to->o, p, n);
    return true;
}

#define AT(field) offsetof(struct bt_object, field), sizeof((struct bt_object *)0)->field

static const struct property {
    unsigned iface;
    const char *name, *type;
    bool (*take)(struct into *to, sd_bus_message *from);
    size_t offset, cap;
} properties[] = {
    {BT_ADAPTER, "Address", "s", take_text, AT(address)},
    {BT_ADAPTER, "Powered", "b", take_bool, AT(powered)},
    {BT_ADAPTER, "PowerState", "s", take_power, AT(blocked)},
    {BT_ADAPTER, "Discovering", "b", take_bool, AT(discovering)},
    {BT_ADAPTER, "Roles", "as", take_roles, AT(roles)},
    {BT_DEVICE, "Address", "s", take_text, AT(address)},
    {BT_DEVICE, "Name", "s", take_text, AT(name)},
    {BT_DEVICE, "Connected", "b", take_bool, AT(connected)},
    {BT_DEVICE, "ServicesResolved", "b", take_bool, AT(resolved)},
    {BT_DEVICE, "UUIDs", "as", take_uuids, AT(is_ours)},
    {BT_DEVICE, "RSSI", "n", take_rssi, AT(rssi_dbm)},
    {BT_DEVICE, "ManufacturerData", "a{qv}", take_manufacturer, AT(id_hash)},
    {BT_SERVICE, "UUID", "s", take_text, AT(uuid)},
    {BT_CHARACTERISTIC, "UUID", "s", take_text, AT(uuid)},
    {BT_CHARACTERISTIC, "Service", "o", take_service, AT(service)},
    {BT_CHARACTERISTIC, "Flags", "as", take_flags, AT(flags)},
    {BT_CHARACTERISTIC, "Value", "ay", take_value, AT(flags)},
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
    return hash % BUCKETS;
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

static bool is_type(sd_bus_message *from, const char *type)
{
    const char *inside;
    char kind;

    return sd_bus_message_peek_type(from, &kind, &inside) > 0 && kind == 'v' &&
           strcmp(inside, type) == 0;
}

/* One {sv} of an interface, entered. */
static bool take_property(struct into *to, unsigned iface, sd_bus_message *from)
{
    const char *name;

    if (sd_bus_message_read_basic(from, 's', &name) <= 0)
        return false;
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        const struct property *p = &properties[i];

        if (p->iface != iface || strcmp(p->name, name) != 0 || !is_type(from, p->type))
            continue;
        to->offset = p->offset;
        to->cap = p->cap;
        return sd_bus_message_enter_container(from, 'v', p->type) > 0 && p->take(to, from) &&
               sd_bus_message_exit_container(from) >= 0;
    }
    return sd_bus_message_skip(from, "v") > 0;
}

/* a{sv} of one interface. */
static bool take_properties(struct into *to, unsigned iface, sd_bus_message *from)
{
    int r;

    if (sd_bus_message_enter_container(from, 'a', "{sv}") <= 0)
        return false;
    while ((r = sd_bus_message_enter_container(from, 'e', "sv")) > 0)
        if (!take_property(to, iface, from) || sd_bus_message_exit_container(from) < 0)
            return false;
    return r == 0 && sd_bus_message_exit_container(from) >= 0;
}

/* a{sa{sv}}: the interfaces of the object at `path`. An object without one of ours is not made. */
static bool take_interfaces(struct bt_mirror *m, const char *path, sd_bus_message *from,
                            struct into *ret)
{
    const char *name;
    int r;

    *ret = (struct into){.m = m};
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
            if (!take_properties(ret, bit, from))
                return false;
        }
        if (sd_bus_message_exit_container(from) < 0)
            return false;
    }
    return r == 0 && sd_bus_message_exit_container(from) >= 0;
}

/* ---- signals ---- */

/* Tell of what a message did to an object. */
static void tell(struct into *to, unsigned what)
{
    if (to->o == NULL)
        return;
    if ((to->what & BT_SEEN) != 0)
        to->o->seen_mono_ms = to->m->config.clock->mono_ms(to->m->config.clock->ctx);
    to->m->config.changed(to->m->config.ctx, to->o, what | to->what);
}

static void on_added(struct bt_mirror *m, sd_bus_message *s)
{
    struct into to;
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
static void take_invalidated(struct into *to, sd_bus_message *s)
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
    struct into to = {.m = m, .is_live = true};
    unsigned bit;

    if (sd_bus_message_read_basic(s, 's', &name) <= 0)
        return;
    bit = iface_bit(name);
    to.o = *place_of(m, path);
    if (to.o == NULL || (to.o->ifaces & bit) == 0 || !take_properties(&to, bit, s))
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
    for (size_t i = 0; i < BUCKETS; i++)
        while (m->buckets[i] != NULL)
            object_drop(m, &m->buckets[i]);
}

int bt_mirror_replace(struct bt_mirror *m, sd_bus_message *answer)
{
    struct into to;
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
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct bt_object *o = m->buckets[i]; o != NULL; o = o->next)
            if ((o->ifaces & which) != 0 && (under == NULL || bt_path_below(o->path, under)) &&
                !fn(ctx, o))
                return;
}

/* ---- adapters ---- */

bool bt_is_usable(const struct bt_object *o, const struct bt_choice *choice)
{
    return o != NULL && (o->ifaces & choice->ifaces) == choice->ifaces && o->powered &&
           (o->roles & choice->role) != 0 &&
           (choice->address[0] == '\0' || strcmp(o->address, choice->address) == 0);
}

struct choosing {
    const struct bt_choice *choice;
    const struct bt_object *best, *other;   /* other: fits but for its power or abilities */
};

static bool consider(void *ctx, const struct bt_object *o)
{
    struct choosing *c = ctx;

    if (bt_is_usable(o, c->choice)) {
        if (c->best == NULL || strcmp(o->path, c->best->path) < 0)
            c->best = o;
    } else if (c->choice->address[0] == '\0' || strcmp(o->address, c->choice->address) == 0) {
        c->other = o;
    }
    return true;
}

/* What is the matter with an adapter that is there. */
static const char *unusable(const struct bt_object *o, const struct bt_choice *choice)
{
    const char *name = strrchr(o->path, '/');

    if (o->powered)
        return " cannot do what is needed";
    if (o->blocked || (choice->is_blocked != NULL && name != NULL && choice->is_blocked(name + 1)))
        return " is kept off by a switch (rfkill unblock bluetooth)";
    return " is switched off";
}

const struct bt_object *bt_mirror_adapter(const struct bt_mirror *m, const struct bt_choice *choice,
                                          char *why, size_t cap)
{
    struct choosing c = {.choice = choice};

    bt_mirror_each(m, BT_ADAPTER, NULL, consider, &c);
    if (c.best == NULL)
        (void)snprintf(why, cap, "%s%s",
                       c.other != NULL ? c.other->address : choice->address,
                       c.other != NULL                ? unusable(c.other, choice)
                       : choice->address[0] == '\0' ? "there is none"
                                                     : " is not there");
    return c.best;
}
