/* bluez.c - a bluetoothd that does what it is told; see bluez.h. */
#include "tests/aid/bluez.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "org.bluez."
#define ADAPTER PREFIX "Adapter1"
#define DEVICE PREFIX "Device1"
#define SERVICE PREFIX "GattService1"
#define CHARACTERISTIC PREFIX "GattCharacteristic1"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define OBJECTS "org.freedesktop.DBus.ObjectManager"
#define UUID(n) "8a5c000" n "-2f4d-4b7e-9c61-d0b3f1e7a942"
#define ATTRIBUTES 24

/* ---- objects ---- */

static const char *power_state(const struct aid_bluez *b)
{
    return b->blocked ? "off-blocked" : b->powered ? "on" : "off";
}

static void append_adapter(struct aid_bluez *b, sd_bus_message *m)
{
    (void)sd_bus_message_append(m, "{sa{sv}}", ADAPTER, 5, "Address", "s", "02:00:00:00:00:00",
                                "Powered", "b", (int)b->powered, "Discovering", "b",
                                (int)b->discovering, "Roles", "as", 2, "central", "peripheral",
                                "PowerState", "s", power_state(b));
    (void)sd_bus_message_append(m, "{sa{sv}}", PREFIX "GattManager1", 0);
    (void)sd_bus_message_append(m, "{sa{sv}}", PREFIX "LEAdvertisingManager1", 0);
}

static void append_advert(struct aid_bluez *b, sd_bus_message *m)
{
    (void)sd_bus_message_open_container(m, 'e', "sv");
    (void)sd_bus_message_append(m, "s", "ManufacturerData");
    (void)sd_bus_message_open_container(m, 'v', "a{qv}");
    (void)sd_bus_message_open_container(m, 'a', "{qv}");
    if (b->bad_advert)
        (void)sd_bus_message_append(m, "{qv}{qv}", 0xFFFF, "s", "no bytes", 0x004C, "i", 7);
    (void)sd_bus_message_open_container(m, 'e', "qv");
    (void)sd_bus_message_append(m, "q", b->bad_advert ? 0x0059 : 0xFFFF);
    (void)sd_bus_message_open_container(m, 'v', "ay");
    (void)sd_bus_message_append_array(m, 'y', b->id_hash, sizeof b->id_hash);
    for (int i = 0; i < 5; i++)
        (void)sd_bus_message_close_container(m);
}

static void append_device(struct aid_bluez *b, sd_bus_message *m)
{
    (void)sd_bus_message_open_container(m, 'e', "sa{sv}");
    (void)sd_bus_message_append(m, "s", DEVICE);
    (void)sd_bus_message_open_container(m, 'a', "{sv}");
    (void)sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}", "Address", "s", AID_DEVICE_ADDRESS,
                                "Name", "s", "GASM\x1b[2J", "Connected", "b", (int)b->connected,
                                "ServicesResolved", "b", (int)b->resolved, "UUIDs", "as", 1,
                                b->foreign ? UUID("9") : UUID("1"));
    if (!b->no_rssi && !b->bad_advert)
        (void)sd_bus_message_append(m, "{sv}", "RSSI", "n", -60);
    if (b->bad_advert)
        (void)sd_bus_message_append(m, "{sv}{sv}", "RSSI", "s", "near", "Paired", "a{ss}", 0);
    append_advert(b, m);
    (void)sd_bus_message_close_container(m);
    (void)sd_bus_message_close_container(m);
}

struct attribute {
    const char *path, *uuid, *service;  /* service NULL: a service */
    const char *flags[2];
};

/* Services that look like the meter's but for their UUID, before it and after it. */
#define LOOKALIKE(s) \
    {AID_DEVICE s, UUID("9"), NULL, {NULL, NULL}}, \
    {AID_DEVICE s "/char1", UUID("2"), AID_DEVICE s, {"write-without-response", NULL}}, \
    {AID_DEVICE s "/char2", UUID("3"), AID_DEVICE s, {"notify", NULL}}, \
    {AID_DEVICE s "/char3", UUID("4"), AID_DEVICE s, {"read", "write"}}

static const struct attribute lookalikes[] = {
    LOOKALIKE("/service0001"), LOOKALIKE("/service0005"), LOOKALIKE("/service0020"),
    LOOKALIKE("/service0030"), LOOKALIKE("/service0040"),
};

static const struct attribute moved[] = {
    {AID_DEVICE "/service0020", UUID("1"), NULL, {NULL, NULL}},
    {AID_DEVICE "/service0020/char000b", UUID("2"), AID_DEVICE "/service0020",
     {"write-without-response", NULL}},
    {AID_DEVICE "/service0020/char000d", UUID("3"), AID_DEVICE "/service0020", {"notify", NULL}},
    {AID_DEVICE "/service0020/char0010", UUID("4"), AID_DEVICE "/service0020", {"read", "write"}},
};

static size_t attributes(const struct aid_bluez *b, struct attribute ret[ATTRIBUTES])
{
    enum aid_table table = b->table;
    size_t n = 0;

    if (table == AID_TABLE_TWICE) {
        memcpy(ret, lookalikes, sizeof lookalikes);
        n = sizeof lookalikes / sizeof lookalikes[0];
    }
    if (table == AID_TABLE_MOVED) {
        memcpy(ret, moved, sizeof moved);
        return sizeof moved / sizeof moved[0];
    }
    ret[n++] = (struct attribute){AID_DEVICE "/service000a", UUID("1"), NULL, {NULL, NULL}};
    ret[n++] = (struct attribute){AID_RX, UUID("2"), AID_DEVICE "/service000a",
                                  {"write-without-response",
                                   table == AID_TABLE_RX_BOTH_WRITES ? "write" : NULL}};
    ret[n++] = (struct attribute){AID_TX, UUID("3"), AID_DEVICE "/service000a", {"notify", NULL}};
    if (table != AID_TABLE_NO_CTL)
        ret[n++] = (struct attribute){AID_CTL, UUID("4"), AID_DEVICE "/service000a",
                                      {"read", "write"}};
    return n;
}

static void append_attribute(sd_bus_message *m, const struct attribute *a)
{
    if (a->service == NULL)
        (void)sd_bus_message_append(m, "{sa{sv}}", SERVICE, 1, "UUID", "s", a->uuid);
    else
        (void)sd_bus_message_append(m, "{sa{sv}}", CHARACTERISTIC, 3, "UUID", "s", a->uuid,
                                    "Service", "o", a->service, "Flags", "as",
                                    a->flags[1] != NULL ? 2 : 1, a->flags[0], a->flags[1]);
}

static void append_managed(sd_bus_message *m, const char *path, struct aid_bluez *b,
                           void (*fn)(struct aid_bluez *, sd_bus_message *),
                           const struct attribute *a)
{
    (void)sd_bus_message_open_container(m, 'e', "oa{sa{sv}}");
    (void)sd_bus_message_append(m, "o", path);
    (void)sd_bus_message_open_container(m, 'a', "{sa{sv}}");
    if (fn != NULL)
        fn(b, m);
    else
        append_attribute(m, a);
    (void)sd_bus_message_close_container(m);
    (void)sd_bus_message_close_container(m);
}

static void reply_objects(struct aid_bluez *b, sd_bus_message *call)
{
    struct attribute list[ATTRIBUTES];
    size_t n = b->has_table ? attributes(b, list) : 0;
    sd_bus_message *m = NULL;

    (void)sd_bus_message_new_method_return(call, &m);
    (void)sd_bus_message_open_container(m, 'a', "{oa{sa{sv}}}");
    if (b->adapter[0] != '\0')
        append_managed(m, b->adapter, b, append_adapter, NULL);
    if (b->has_device)
        append_managed(m, AID_DEVICE, b, append_device, NULL);
    for (size_t i = 0; i < n; i++)
        append_managed(m, list[i].path, b, NULL, &list[i]);
    (void)sd_bus_message_close_container(m);
    (void)sd_bus_send(b->bus, m, NULL);
    (void)sd_bus_message_unref(m);
}

/* ---- signals ---- */

static void changed(struct aid_bluez *b, const char *path, const char *iface, const char *name,
                    const char *type, int value)
{
    (void)sd_bus_emit_signal(b->bus, path, PROPERTIES, "PropertiesChanged", "sa{sv}as", iface, 1,
                             name, type, value, 0);
}

static void added(struct aid_bluez *b, const char *path,
                  void (*fn)(struct aid_bluez *, sd_bus_message *), const struct attribute *a)
{
    sd_bus_message *m = NULL;

    (void)sd_bus_message_new_signal(b->bus, &m, "/", OBJECTS, "InterfacesAdded");
    (void)sd_bus_message_append(m, "o", path);
    (void)sd_bus_message_open_container(m, 'a', "{sa{sv}}");
    if (fn != NULL)
        fn(b, m);
    else
        append_attribute(m, a);
    (void)sd_bus_message_close_container(m);
    (void)sd_bus_send(b->bus, m, NULL);
    (void)sd_bus_message_unref(m);
}

static void removed(struct aid_bluez *b, const char *path, const char *iface)
{
    (void)sd_bus_emit_signal(b->bus, "/", OBJECTS, "InterfacesRemoved", "oas", path, 1, iface);
}

void aid_bluez_table(struct aid_bluez *b, bool there)
{
    struct attribute list[ATTRIBUTES];
    size_t n = attributes(b, list);

    for (size_t i = 0; i < n && b->has_table != there; i++)
        if (there)
            added(b, list[i].path, NULL, &list[i]);
        else
            removed(b, list[i].path, list[i].service != NULL ? CHARACTERISTIC : SERVICE);
    b->has_table = there;
}

void aid_bluez_heard(struct aid_bluez *b)
{
    if (!b->has_device) {
        b->has_device = true;
        added(b, AID_DEVICE, append_device, NULL);
    } else if (!b->no_rssi && !b->bad_advert) {
        changed(b, AID_DEVICE, DEVICE, "RSSI", "n", -61);
    }
}

void aid_bluez_remove(struct aid_bluez *b)
{
    if (!b->has_device)
        return;
    aid_bluez_table(b, false);
    removed(b, AID_DEVICE, DEVICE);
    b->has_device = b->connected = b->resolved = false;
}

void aid_bluez_drop(struct aid_bluez *b)
{
    if (b->resolved)
        changed(b, AID_DEVICE, DEVICE, "ServicesResolved", "b", 0);
    if (b->connected)
        changed(b, AID_DEVICE, DEVICE, "Connected", "b", 0);
    b->connected = b->resolved = false;
}

void aid_bluez_power(struct aid_bluez *b, bool on)
{
    b->powered = on;
    if (!on)
        aid_bluez_drop(b);
    (void)sd_bus_emit_signal(b->bus, b->adapter, PROPERTIES, "PropertiesChanged", "sa{sv}as",
                             ADAPTER, 2, "PowerState", "s", power_state(b), "Powered", "b",
                             (int)on, 0);
    if (!on)
        aid_bluez_scan_stops(b);
}

void aid_bluez_unplug(struct aid_bluez *b)
{
    aid_bluez_remove(b);
    removed(b, b->adapter, ADAPTER);
    b->adapter[0] = '\0';
    b->discovering = false;
}

void aid_bluez_plug(struct aid_bluez *b, const char *path)
{
    (void)snprintf(b->adapter, sizeof b->adapter, "%s", path);
    added(b, b->adapter, append_adapter, NULL);
}

void aid_bluez_scan_stops(struct aid_bluez *b)
{
    if (b->discovering)
        changed(b, b->adapter, ADAPTER, "Discovering", "b", 0);
    b->discovering = false;
}

void aid_bluez_notify(struct aid_bluez *b, const uint8_t *p, size_t n)
{
    sd_bus_message *m = NULL;

    (void)sd_bus_message_new_signal(b->bus, &m, AID_TX, PROPERTIES, "PropertiesChanged");
    (void)sd_bus_message_append(m, "s", CHARACTERISTIC);
    (void)sd_bus_message_open_container(m, 'a', "{sv}");
    (void)sd_bus_message_open_container(m, 'e', "sv");
    (void)sd_bus_message_append(m, "s", "Value");
    (void)sd_bus_message_open_container(m, 'v', "ay");
    (void)sd_bus_message_append_array(m, 'y', p, n);
    for (int i = 0; i < 3; i++)
        (void)sd_bus_message_close_container(m);
    (void)sd_bus_message_append(m, "as", 0);
    (void)sd_bus_send(b->bus, m, NULL);
    (void)sd_bus_message_unref(m);
}

/* ---- methods ---- */

static int ok(sd_bus_message *m)
{
    return sd_bus_reply_method_return(m, NULL);
}

static int on_filter(struct aid_bluez *b, sd_bus_message *m)
{
    const char *key, *type, *text;
    size_t n = 0;
    char kind;

    b->calls.filter++;
    b->filter[0] = '\0';
    (void)sd_bus_message_enter_container(m, 'a', "{sv}");
    while (sd_bus_message_enter_container(m, 'e', "sv") > 0 &&
           sd_bus_message_read(m, "s", &key) > 0 && n < sizeof b->filter) {
        text = "";
        if (sd_bus_message_peek_type(m, &kind, &type) > 0 && strcmp(type, "s") == 0)
            (void)sd_bus_message_read(m, "v", "s", &text);
        else
            (void)sd_bus_message_skip(m, "v");
        n += (size_t)snprintf(b->filter + n, sizeof b->filter - n, "%s%s%s ", key,
                              text[0] != '\0' ? "=" : "", text);
        (void)sd_bus_message_exit_container(m);
    }
    return ok(m);
}

static int on_start(struct aid_bluez *b, sd_bus_message *m)
{
    b->calls.start++;
    b->start_unfiltered = b->start_unfiltered || b->calls.filter < b->calls.start;
    b->discovering = true;
    (void)ok(m);
    changed(b, b->adapter, ADAPTER, "Discovering", "b", 1);
    if (b->on_air && !b->connected)
        aid_bluez_heard(b);
    return 1;
}

static int on_stop(struct aid_bluez *b, sd_bus_message *m)
{
    b->calls.stop++;
    if (b->gone_at_stop && !b->connected)
        aid_bluez_remove(b);
    aid_bluez_scan_stops(b);
    return ok(m);
}

static void resolve(struct aid_bluez *b)
{
    if (b->never_resolved)
        return;
    if (b->tables_bad > 0 && --b->tables_bad == 0)
        b->table = AID_TABLE_GOOD;
    if (b->table != AID_TABLE_NONE && !b->late_objects)
        aid_bluez_table(b, true);
    b->resolved = true;
    changed(b, AID_DEVICE, DEVICE, "ServicesResolved", "b", 1);
}

static int on_connect(struct aid_bluez *b, sd_bus_message *m)
{
    b->connect_while_scanning = b->connect_while_scanning || b->discovering;
    if (b->linkless > 0) {
        b->linkless--;
        return ok(m);
    }
    b->connected = true;
    if (!b->untold)
        changed(b, AID_DEVICE, DEVICE, "Connected", "b", 1);
    if (b->flaps > 0) {
        b->flaps--;
        aid_bluez_drop(b);
        return sd_bus_reply_method_errorf(m, PREFIX "Error.Failed", "le-connection-abort-by-local");
    }
    (void)ok(m);
    resolve(b);
    return 1;
}

static int on_disconnect(struct aid_bluez *b, sd_bus_message *m)
{
    b->calls.disconnect++;
    aid_bluez_drop(b);
    return ok(m);
}

static int on_remove(struct aid_bluez *b, sd_bus_message *m)
{
    b->calls.remove++;
    aid_bluez_remove(b);
    return ok(m);
}

static int on_get(struct aid_bluez *b, sd_bus_message *m)
{
    if (b->no_mtu)
        return sd_bus_reply_method_errorf(m, "org.freedesktop.DBus.Error.InvalidArgs",
                                          "No such property 'MTU'");
    return sd_bus_reply_method_return(m, "v", "q", b->mtu);
}

static int on_notify(struct aid_bluez *b, sd_bus_message *m)
{
    b->calls.notify++;
    return ok(m);
}

static int on_unnotify(struct aid_bluez *b, sd_bus_message *m)
{
    b->calls.unnotify++;
    return ok(m);
}

static int on_read(struct aid_bluez *b, sd_bus_message *m)
{
    sd_bus_message *answer = NULL;
    int r;

    b->calls.read++;
    if (b->ctls_bad > 0) {
        b->ctls_bad--;
        return sd_bus_reply_method_return(m, "ay", 3, 1, 2, 3);
    }
    r = sd_bus_message_new_method_return(m, &answer);
    if (r >= 0)
        r = sd_bus_message_append_array(answer, 'y', b->ctl, sizeof b->ctl);
    if (r >= 0)
        r = sd_bus_send(b->bus, answer, NULL);
    (void)sd_bus_message_unref(answer);
    return r < 0 ? r : 1;
}

static int on_write(struct aid_bluez *b, sd_bus_message *m)
{
    const void *p = NULL;
    const char *type = "";
    size_t n = 0;

    (void)sd_bus_message_read_array(m, 'y', &p, &n);
    (void)sd_bus_message_enter_container(m, 'a', "{sv}");
    (void)sd_bus_message_enter_container(m, 'e', "sv");
    (void)sd_bus_message_skip(m, "s");
    (void)sd_bus_message_read(m, "v", "s", &type);
    (void)snprintf(b->write_type, sizeof b->write_type, "%s", type);
    if (b->calls.write < 64 && n > 0)
        memcpy(b->written[b->calls.write], p, n < 20 ? n : 20);
    b->calls.write++;
    return ok(m);
}

static int on_register_app(struct aid_bluez *b, sd_bus_message *m)
{
    b->calls.app++;
    (void)snprintf(b->app, sizeof b->app, "%s", sd_bus_message_get_sender(m));
    return ok(m);
}

static int on_register_advert(struct aid_bluez *b, sd_bus_message *m)
{
    b->calls.advert++;
    return ok(m);
}

static int on_unregister_advert(struct aid_bluez *b, sd_bus_message *m)
{
    b->calls.unadvert++;
    return ok(m);
}

static const struct {
    const char *member;
    int (*fn)(struct aid_bluez *b, sd_bus_message *m);
} methods[] = {
    {"SetDiscoveryFilter", on_filter}, {"StartDiscovery", on_start}, {"StopDiscovery", on_stop},
    {"Connect", on_connect}, {"Disconnect", on_disconnect}, {"RemoveDevice", on_remove},
    {"Get", on_get}, {"StartNotify", on_notify}, {"StopNotify", on_unnotify},
    {"ReadValue", on_read}, {"WriteValue", on_write},
    {"RegisterApplication", on_register_app}, {"RegisterAdvertisement", on_register_advert},
    {"UnregisterAdvertisement", on_unregister_advert},
};

static int hold(struct aid_bluez *b, sd_bus_message *m)
{
    for (size_t i = 0; i < AID_HELD; i++)
        if (b->held[i] == NULL) {
            b->held[i] = sd_bus_message_ref(m);
            break;
        }
    return 1;
}

void aid_bluez_answer_late(struct aid_bluez *b)
{
    for (size_t i = 0; i < AID_HELD; i++) {
        if (b->held[i] != NULL)
            (void)sd_bus_reply_method_errorf(b->held[i], PREFIX "Error.Failed",
                                             "le-connection-abort-by-local");
        b->held[i] = sd_bus_message_unref(b->held[i]);
    }
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct aid_bluez *b = userdata;
    const char *member = sd_bus_message_get_member(m);

    (void)ret_error;
    b->calls.connect += strcmp(member, "Connect") == 0;
    for (size_t i = 0; i < AID_RULES; i++) {
        struct aid_rule *r = &b->rules[i];

        if (r->member == NULL || r->times == 0 || strcmp(r->member, member) != 0)
            continue;
        r->times -= r->times > 0;
        return r->error == NULL ? hold(b, m)
                                : sd_bus_reply_method_errorf(m, r->error, "%s", r->text);
    }
    if (strcmp(member, "GetManagedObjects") == 0) {
        reply_objects(b, m);
        return 1;
    }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].member, member) == 0)
            return methods[i].fn(b, m);
    return 0;
}

/* ---- the whole ---- */

static size_t source_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    struct aid_bluez *b = ctx;

    if (b->bus == NULL || cap == 0)
        return 0;
    ret[0] = (struct gf_pollfd){.fd = sd_bus_get_fd(b->bus),
                                .events = (short)sd_bus_get_events(b->bus)};
    return 1;
}

static int source_timeout_ms(void *ctx)
{
    uint64_t until;
    struct aid_bluez *b = ctx;

    return b->bus != NULL && sd_bus_get_timeout(b->bus, &until) > 0 && until == 0 ? 0 : -1;
}

static void source_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct aid_bluez *b = ctx;

    (void)fds;
    (void)n;
    while (b->bus != NULL && sd_bus_process(b->bus, NULL) > 0)
        ;
}

void aid_bluez_rule(struct aid_bluez *b, const char *member, int times, const char *error,
                    const char *text)
{
    for (size_t i = 0; i < AID_RULES; i++)
        if (b->rules[i].member == NULL) {
            b->rules[i] = (struct aid_rule){member, times, error, text};
            return;
        }
}

int aid_bluez_start(struct aid_bluez *b, const char *address)
{
    const struct mc_ctl ctl = {.version = MC_PROTOCOL_VERSION, .meter_id = "GM2400001223",
                               .fragment_limit = MC_FRAGMENT_MAX, .credits = 8};
    int r;

    *b = (struct aid_bluez){.powered = true, .on_air = true, .mtu = 517,
                            .id_hash = {1, 2, 3, 4, 5, 6}, .adapter = AID_ADAPTER};
    mc_ctl_encode(&ctl, b->ctl);
    b->source = (struct gf_source){b, source_fds, source_timeout_ms, source_process};
    r = sd_bus_new(&b->bus);
    if (r >= 0)
        r = sd_bus_set_address(b->bus, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(b->bus, 1);
    if (r >= 0)
        r = sd_bus_start(b->bus);
    if (r >= 0)
        r = sd_bus_add_fallback(b->bus, NULL, "/", on_call, b);
    if (r >= 0)
        r = sd_bus_request_name(b->bus, "org.bluez", 0);
    return r < 0 ? r : 0;
}

void aid_bluez_stop(struct aid_bluez *b)
{
    for (size_t i = 0; i < AID_HELD; i++)
        b->held[i] = sd_bus_message_unref(b->held[i]);
    b->bus = sd_bus_close_unref(b->bus);
}
