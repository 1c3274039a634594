/*
 * mirror_take.c - properties as typed fields, from one table; see mirror_state.h. Each function
 * reads its value inside the variant; false: the message is broken.
 */
#include "bt/mirror_state.h"

#include <stddef.h>
#include <string.h>

#include "common/text.h"

static bool take_bool(struct bt_into *to, sd_bus_message *from)
{
    int v;

    if (sd_bus_message_read_basic(from, 'b', &v) <= 0)
        return false;
    *(bool *)((char *)to->o + to->offset) = v != 0;
    return true;
}

/* Services were found over a link. bluetoothd 5.66 may not tell of that: when ATT is up before the
 * kernel's word of the link is read, Connected=true is never signalled. */
static bool take_resolved(struct bt_into *to, sd_bus_message *from)
{
    if (!take_bool(to, from))
        return false;
    to->o->connected = to->o->connected || to->o->resolved;
    return true;
}

static bool take_text(struct bt_into *to, sd_bus_message *from)
{
    const char *v;

    if (sd_bus_message_read_basic(from, 's', &v) <= 0)
        return false;
    gf_visible((char *)to->o + to->offset, to->cap, v, strlen(v));
    return true;
}

static bool take_power(struct bt_into *to, sd_bus_message *from)
{
    const char *v;

    if (sd_bus_message_read_basic(from, 's', &v) <= 0)
        return false;
    to->o->blocked = strcmp(v, "off-blocked") == 0;
    return true;
}

static bool take_service(struct bt_into *to, sd_bus_message *from)
{
    const char *v;

    if (sd_bus_message_read_basic(from, 'o', &v) <= 0)
        return false;
    (void)gf_copy(to->o->service, sizeof to->o->service, v);
    return true;
}

static bool take_rssi(struct bt_into *to, sd_bus_message *from)
{
    int16_t v;

    if (sd_bus_message_read_basic(from, 'n', &v) <= 0)
        return false;
    to->o->rssi_dbm = v >= -127 && v <= 20 ? v : BT_RSSI_UNKNOWN;
    to->what |= BT_SEEN;
    return true;
}

/* Go through an array of strings with fn. */
static bool each_text(struct bt_into *to, sd_bus_message *from,
                      void (*fn)(struct bt_into *to, const char *text))
{
    const char *v;
    int r;

    if (sd_bus_message_enter_container(from, 'a', "s") <= 0)
        return false;
    while ((r = sd_bus_message_read_basic(from, 's', &v)) > 0)
        fn(to, v);
    return r == 0 && sd_bus_message_exit_container(from) >= 0;
}

static void one_uuid(struct bt_into *to, const char *text)
{
    to->o->is_ours = to->o->is_ours || strcmp(text, to->m->config.service_uuid) == 0;
}

static bool take_uuids(struct bt_into *to, sd_bus_message *from)
{
    to->o->is_ours = false;
    return each_text(to, from, one_uuid);
}

static void one_role(struct bt_into *to, const char *text)
{
    to->o->roles |= strcmp(text, "central") == 0      ? BT_ROLE_CENTRAL
                    : strcmp(text, "peripheral") == 0 ? BT_ROLE_PERIPHERAL
                                                      : 0u;
}

static bool take_roles(struct bt_into *to, sd_bus_message *from)
{
    to->o->roles = 0;
    return each_text(to, from, one_role);
}

static void one_flag(struct bt_into *to, const char *text)
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

static bool take_flags(struct bt_into *to, sd_bus_message *from)
{
    to->o->flags = 0;
    return each_text(to, from, one_flag);
}

/* One entry {qv} of ManufacturerData, entered. A value that is no byte array is passed over. */
static bool take_company(struct bt_into *to, sd_bus_message *from)
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

static bool take_manufacturer(struct bt_into *to, sd_bus_message *from)
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

static bool take_value(struct bt_into *to, sd_bus_message *from)
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
    bool (*take)(struct bt_into *to, sd_bus_message *from);
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
    {BT_DEVICE, "ServicesResolved", "b", take_resolved, AT(resolved)},
    {BT_DEVICE, "UUIDs", "as", take_uuids, AT(is_ours)},
    {BT_DEVICE, "RSSI", "n", take_rssi, AT(rssi_dbm)},
    {BT_DEVICE, "ManufacturerData", "a{qv}", take_manufacturer, AT(id_hash)},
    {BT_SERVICE, "UUID", "s", take_text, AT(uuid)},
    {BT_CHARACTERISTIC, "UUID", "s", take_text, AT(uuid)},
    {BT_CHARACTERISTIC, "Service", "o", take_service, AT(service)},
    {BT_CHARACTERISTIC, "Flags", "as", take_flags, AT(flags)},
    {BT_CHARACTERISTIC, "Value", "ay", take_value, AT(flags)},
};

static bool is_type(sd_bus_message *from, const char *type)
{
    const char *inside;
    char kind;

    return sd_bus_message_peek_type(from, &kind, &inside) > 0 && kind == 'v' &&
           strcmp(inside, type) == 0;
}

/* One {sv} of an interface, entered. */
static bool take_property(struct bt_into *to, unsigned iface, sd_bus_message *from)
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

bool bt_take_properties(struct bt_into *to, unsigned iface, sd_bus_message *from)
{
    int r;

    if (sd_bus_message_enter_container(from, 'a', "{sv}") <= 0)
        return false;
    while ((r = sd_bus_message_enter_container(from, 'e', "sv")) > 0)
        if (!take_property(to, iface, from) || sd_bus_message_exit_container(from) < 0)
            return false;
    return r == 0 && sd_bus_message_exit_container(from) >= 0;
}
