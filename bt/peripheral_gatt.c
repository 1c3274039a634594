/*
 * peripheral_gatt.c - the application's objects as one table, and every method called on them; see
 * peripheral_state.h.
 *
 * The answers are made by hand, not by libsystemd's object tables, because BlueZ numbers the
 * attributes in the order in which they are listed: 16-bit services before the 128-bit one spare
 * every client five round trips.
 */
#include "bt/peripheral_state.h"

#include <string.h>

#include "common/err.h"

#define PREFIX "org.bluez."
#define SERVICE PREFIX "GattService1"
#define CHARACTERISTIC PREFIX "GattCharacteristic1"
#define ADVERT PREFIX "LEAdvertisement1"
#define DIS BT_APP_PATH "/service0"
#define VENDOR BT_APP_PATH "/service1"
#define MAX_WRITE MC_FRAGMENT_MAX

/* A method's outcome: 1 when m was answered, or a negative errno; as sd-bus handlers. */
struct object {
    const char *path, *iface, *uuid, *service;      /* service: NULL for a service */
    const char *flags[3];
    int (*read)(struct bt_peripheral *p, sd_bus_message *m, uint16_t offset);
    int (*write)(struct bt_peripheral *p, sd_bus_message *m, const uint8_t *v, size_t n);
};

/* ---- values ---- */

static int answer_value(sd_bus_message *m, uint16_t offset, const void *v, size_t n)
{
    sd_bus_message *answer = NULL;
    int r;

    if (offset > n)
        return sd_bus_reply_method_errorf(m, PREFIX "Error.InvalidOffset", "Invalid offset");
    r = sd_bus_message_new_method_return(m, &answer);
    if (r >= 0)
        r = sd_bus_message_append_array(answer, 'y', (const uint8_t *)v + offset, n - offset);
    if (r >= 0)
        r = sd_bus_send(NULL, answer, NULL);
    (void)sd_bus_message_unref(answer);
    return r < 0 ? r : 1;
}

static int read_manufacturer(struct bt_peripheral *p, sd_bus_message *m, uint16_t offset)
{
    return answer_value(m, offset, p->config.manufacturer, strlen(p->config.manufacturer));
}

static int read_model(struct bt_peripheral *p, sd_bus_message *m, uint16_t offset)
{
    return answer_value(m, offset, p->config.model, strlen(p->config.model));
}

static int read_firmware(struct bt_peripheral *p, sd_bus_message *m, uint16_t offset)
{
    return answer_value(m, offset, p->config.firmware, strlen(p->config.firmware));
}

static int read_ctl(struct bt_peripheral *p, sd_bus_message *m, uint16_t offset)
{
    uint8_t v[BT_VALUE_MAX];
    size_t n = p->config.events->ctl_read(p->config.events->ctx, v, sizeof v);

    return answer_value(m, offset, v, n);
}

static int write_ctl(struct bt_peripheral *p, sd_bus_message *m, const uint8_t *v, size_t n)
{
    if (p->config.events->ctl_write(p->config.events->ctx, v, n) != 0)
        return sd_bus_reply_method_errorf(m, PREFIX "Error.Failed", "0x80");
    return sd_bus_reply_method_return(m, NULL);
}

static int write_rx(struct bt_peripheral *p, sd_bus_message *m, const uint8_t *v, size_t n)
{
    p->config.events->rx(p->config.events->ctx, v, n);
    return sd_bus_reply_method_return(m, NULL);
}

static const struct object objects[] = {
    {DIS, SERVICE, "0000180a-0000-1000-8000-00805f9b34fb", NULL, {NULL}, NULL, NULL},
    {DIS "/char0", CHARACTERISTIC, "00002a29-0000-1000-8000-00805f9b34fb", DIS, {"read"},
     read_manufacturer, NULL},
    {DIS "/char1", CHARACTERISTIC, "00002a24-0000-1000-8000-00805f9b34fb", DIS, {"read"},
     read_model, NULL},
    {DIS "/char2", CHARACTERISTIC, "00002a26-0000-1000-8000-00805f9b34fb", DIS, {"read"},
     read_firmware, NULL},
    {VENDOR, SERVICE, MC_UUID_SERVICE, NULL, {NULL}, NULL, NULL},
    {VENDOR "/rx", CHARACTERISTIC, MC_UUID_RX, VENDOR, {"write-without-response"}, NULL, write_rx},
    {VENDOR "/tx", CHARACTERISTIC, MC_UUID_TX, VENDOR, {"notify"}, NULL, NULL},
    {VENDOR "/ctl", CHARACTERISTIC, MC_UUID_CTL, VENDOR, {"read", "write"}, read_ctl, write_ctl},
};

#define N_OBJECTS (sizeof objects / sizeof objects[0])

void bt_gatt_notify(struct bt_peripheral *p, const uint8_t *value, size_t n)
{
    sd_bus *bus = bt_bus_handle(p->bus);
    sd_bus_message *m = NULL;

    /* A value that cannot be sent is a lost fragment: the framing asks for it again. */
    if (bus != NULL &&
        sd_bus_message_new_signal(bus, &m, VENDOR "/tx", BT_PROPERTIES, "PropertiesChanged") >= 0 &&
        sd_bus_message_append(m, "s", CHARACTERISTIC) >= 0 &&
        sd_bus_message_open_container(m, 'a', "{sv}") >= 0 &&
        sd_bus_message_open_container(m, 'e', "sv") >= 0 &&
        sd_bus_message_append(m, "s", "Value") >= 0 &&
        sd_bus_message_open_container(m, 'v', "ay") >= 0 &&
        sd_bus_message_append_array(m, 'y', value, n) >= 0 &&
        sd_bus_message_close_container(m) >= 0 && sd_bus_message_close_container(m) >= 0 &&
        sd_bus_message_close_container(m) >= 0 && sd_bus_message_append(m, "as", 0) >= 0)
        (void)sd_bus_send(bus, m, NULL);
    (void)sd_bus_message_unref(m);
}

/* ---- properties ---- */

static int append_flags(sd_bus_message *to, const struct object *o)
{
    int r = sd_bus_message_open_container(to, 'e', "sv");

    if (r >= 0)
        r = sd_bus_message_append(to, "s", "Flags");
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'v', "as");
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'a', "s");
    for (size_t i = 0; o->flags[i] != NULL && r >= 0; i++)
        r = sd_bus_message_append(to, "s", o->flags[i]);
    for (int i = 0; i < 3 && r >= 0; i++)
        r = sd_bus_message_close_container(to);
    return r;
}

/* a{sv} */
static int append_object(sd_bus_message *to, const struct object *o)
{
    int r = sd_bus_message_open_container(to, 'a', "{sv}");

    if (r >= 0)
        r = sd_bus_message_append(to, "{sv}", "UUID", "s", o->uuid);
    if (r >= 0 && o->service == NULL)
        r = sd_bus_message_append(to, "{sv}", "Primary", "b", 1);
    if (r >= 0 && o->service != NULL)
        r = sd_bus_message_append(to, "{sv}", "Service", "o", o->service);
    if (r >= 0 && o->service != NULL)
        r = append_flags(to, o);
    return r >= 0 ? sd_bus_message_close_container(to) : r;
}

/* {sv} ManufacturerData: a{qv} with our company and the id hash. */
static int append_manufacturer(sd_bus_message *to, const struct bt_peripheral *p)
{
    int r = sd_bus_message_open_container(to, 'e', "sv");

    if (r >= 0)
        r = sd_bus_message_append(to, "s", "ManufacturerData");
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'v', "a{qv}");
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'a', "{qv}");
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'e', "qv");
    if (r >= 0)
        r = sd_bus_message_append(to, "q", MC_ADVERT_COMPANY);
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'v', "ay");
    if (r >= 0)
        r = sd_bus_message_append_array(to, 'y', p->config.id_hash, sizeof p->config.id_hash);
    for (int i = 0; i < 5 && r >= 0; i++)
        r = sd_bus_message_close_container(to);
    return r;
}

/* a{sv}; flags 3 + service 18 + manufacturer data 10 bytes fill the 31 of an advertisement, so
 * the name is left to the scan response, where BlueZ puts it. */
static int append_advert(sd_bus_message *to, const struct bt_peripheral *p)
{
    int r = sd_bus_message_open_container(to, 'a', "{sv}");

    if (r >= 0)
        r = sd_bus_message_append(to, "{sv}{sv}{sv}{sv}", "Type", "s", "peripheral",
                                  "ServiceUUIDs", "as", 1, MC_UUID_SERVICE, "LocalName", "s",
                                  p->config.local_name, "Discoverable", "b", 1);
    if (r >= 0)
        r = append_manufacturer(to, p);
    return r >= 0 ? sd_bus_message_close_container(to) : r;
}

/* {oa{sa{sv}}} */
static int append_managed(sd_bus_message *to, const struct object *o)
{
    int r = sd_bus_message_open_container(to, 'e', "oa{sa{sv}}");

    if (r >= 0)
        r = sd_bus_message_append(to, "o", o->path);
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'a', "{sa{sv}}");
    if (r >= 0)
        r = sd_bus_message_open_container(to, 'e', "sa{sv}");
    if (r >= 0)
        r = sd_bus_message_append(to, "s", o->iface);
    if (r >= 0)
        r = append_object(to, o);
    for (int i = 0; i < 3 && r >= 0; i++)
        r = sd_bus_message_close_container(to);
    return r;
}

static int get_managed(sd_bus_message *m)
{
    sd_bus_message *answer = NULL;
    int r = sd_bus_message_new_method_return(m, &answer);

    if (r >= 0)
        r = sd_bus_message_open_container(answer, 'a', "{oa{sa{sv}}}");
    for (size_t i = 0; i < N_OBJECTS && r >= 0; i++)
        r = append_managed(answer, &objects[i]);
    if (r >= 0)
        r = sd_bus_message_close_container(answer);
    if (r >= 0)
        r = sd_bus_send(NULL, answer, NULL);
    (void)sd_bus_message_unref(answer);
    return r < 0 ? r : 1;
}

/* Properties.GetAll; o NULL is the advertisement. */
static int get_all(struct bt_peripheral *p, sd_bus_message *m, const struct object *o)
{
    sd_bus_message *answer = NULL;
    const char *iface;
    int r = sd_bus_message_read(m, "s", &iface);

    if (r < 0)
        return r;
    if (strcmp(iface, o != NULL ? o->iface : ADVERT) != 0)
        return 0;
    r = sd_bus_message_new_method_return(m, &answer);
    if (r >= 0)
        r = o != NULL ? append_object(answer, o) : append_advert(answer, p);
    if (r >= 0)
        r = sd_bus_send(NULL, answer, NULL);
    (void)sd_bus_message_unref(answer);
    return r < 0 ? r : 1;
}

/* ---- methods ---- */

struct options {
    const char *device;         /* NULL: not told */
    uint16_t offset, mtu;       /* 0: not told */
};

/* a{sv}; what is not known is skipped. */
static int read_options(sd_bus_message *m, struct options *ret)
{
    const char *key;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    *ret = (struct options){0};
    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = sd_bus_message_read(m, "s", &key);
        if (r < 0)
            return r;
        if (strcmp(key, "device") == 0)
            r = sd_bus_message_read(m, "v", "o", &ret->device);
        else if (strcmp(key, "offset") == 0)
            r = sd_bus_message_read(m, "v", "q", &ret->offset);
        else if (strcmp(key, "mtu") == 0)
            r = sd_bus_message_read(m, "v", "q", &ret->mtu);
        else
            r = sd_bus_message_skip(m, "v");
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int not_admitted(sd_bus_message *m)
{
    return sd_bus_reply_method_errorf(m, PREFIX "Error.NotAuthorized",
                                      "the meter serves another central");
}

static int read_value(struct bt_peripheral *p, sd_bus_message *m, const struct object *o)
{
    struct options options;
    int r = read_options(m, &options);

    if (r < 0)
        return r;
    if (o->read == NULL)
        return sd_bus_reply_method_errorf(m, PREFIX "Error.NotPermitted", "Read not permitted");
    if (!bt_peripheral_admit(p, options.device, options.mtu))
        return not_admitted(m);
    return o->read(p, m, options.offset);
}

/* A value goes in whole or not at all: what is longer than one packet is not taken in parts. */
static int write_value(struct bt_peripheral *p, sd_bus_message *m, const struct object *o)
{
    struct options options;
    const void *v;
    size_t n;
    int r = sd_bus_message_read_array(m, 'y', &v, &n);

    if (r >= 0)
        r = read_options(m, &options);
    if (r < 0)
        return r;
    if (o->write == NULL)
        return sd_bus_reply_method_errorf(m, PREFIX "Error.NotPermitted", "Write not permitted");
    if (!bt_peripheral_admit(p, options.device, options.mtu))
        return not_admitted(m);
    if (options.offset != 0)
        return sd_bus_reply_method_errorf(m, PREFIX "Error.InvalidOffset", "Invalid offset");
    if (n > MAX_WRITE)
        return sd_bus_reply_method_errorf(m, PREFIX "Error.InvalidValueLength", "Invalid Length");
    return o->write(p, m, v, n);
}

/* Nothing is sent before the central has spoken, so who listens need not be known. */
static int notify_wished(struct bt_peripheral *p, sd_bus_message *m, const struct object *o)
{
    (void)p;
    if (strcmp(o->uuid, MC_UUID_TX) != 0)
        return sd_bus_reply_method_errorf(m, PREFIX "Error.NotSupported", "Not supported");
    return sd_bus_reply_method_return(m, NULL);
}

static const struct method {
    const char *name, *types;
    int (*fn)(struct bt_peripheral *p, sd_bus_message *m, const struct object *o);
} methods[] = {
    {"ReadValue", "a{sv}", read_value},
    {"WriteValue", "aya{sv}", write_value},
    {"StartNotify", "", notify_wished},
    {"StopNotify", "", notify_wished},
};

static int call_object(struct bt_peripheral *p, sd_bus_message *m, const struct object *o)
{
    if (sd_bus_message_is_method_call(m, BT_PROPERTIES, "GetAll") > 0 &&
        sd_bus_message_has_signature(m, "s") > 0)
        return get_all(p, m, o);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (sd_bus_message_is_method_call(m, CHARACTERISTIC, methods[i].name) > 0 &&
            sd_bus_message_has_signature(m, methods[i].types) > 0 && o->service != NULL)
            return methods[i].fn(p, m, o);
    return 0;
}

static int call_advert(struct bt_peripheral *p, sd_bus_message *m)
{
    if (sd_bus_message_is_method_call(m, BT_PROPERTIES, "GetAll") > 0 &&
        sd_bus_message_has_signature(m, "s") > 0)
        return get_all(p, m, NULL);
    if (sd_bus_message_is_method_call(m, ADVERT, "Release") <= 0)
        return 0;
    bt_peripheral_released(p);
    return sd_bus_reply_method_return(m, NULL);
}

/* Only the daemon may call: with forged options another process could be any central. */
int bt_gatt_call(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct bt_peripheral *p = userdata;
    const char *path = sd_bus_message_get_path(m);

    (void)ret_error;
    if (!bt_bus_is_from_bluez(p->bus, m))
        return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "only org.bluez may");
    if (strcmp(path, BT_APP_PATH) == 0)
        return sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager",
                                             "GetManagedObjects") > 0
                   ? get_managed(m)
                   : 0;
    if (strcmp(path, BT_ADVERT_PATH) == 0)
        return call_advert(p, m);
    for (size_t i = 0; i < N_OBJECTS; i++)
        if (strcmp(path, objects[i].path) == 0)
            return call_object(p, m, &objects[i]);
    return 0;
}
