/* peer.c - a GATT application in the test's process; see peer.h. */
#include "tests/aid/peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SERVICE "org.bluez.GattService1"
#define CHARACTERISTIC "org.bluez.GattCharacteristic1"
#define DESCRIPTOR "org.bluez.GattDescriptor1"
#define ADVERTISEMENT "org.bluez.LEAdvertisement1"
#define APP "/peer"
#define ADV "/peer/adv"

/* The application's objects; the order is the order of the attribute table. */
static const struct {
    const char *path, *iface, *uuid, *parent_key, *parent, *flags[3];
} objects[] = {
    {APP "/dis", SERVICE, "180a", NULL, NULL, {NULL}},
    {APP "/dis/maker", CHARACTERISTIC, "2a29", "Service", APP "/dis", {"read", NULL}},
    {APP "/s", SERVICE, AID_PEER_SERVICE, NULL, NULL, {NULL}},
    {APP "/s/rx", CHARACTERISTIC, AID_PEER_RX, "Service", APP "/s",
     {"write-without-response", NULL}},
    {APP "/s/tx", CHARACTERISTIC, AID_PEER_TX, "Service", APP "/s", {"notify", NULL}},
    {APP "/s/ctl", CHARACTERISTIC, AID_PEER_CTL, "Service", APP "/s", {"read", "write", NULL}},
    {APP "/s/both", CHARACTERISTIC, AID_PEER_BOTH, "Service", APP "/s",
     {"write", "write-without-response", NULL}},
    {APP "/s/ind", CHARACTERISTIC, AID_PEER_IND, "Service", APP "/s", {"indicate", NULL}},
    {APP "/s/big", CHARACTERISTIC, AID_PEER_BIG, "Service", APP "/s", {"read", "write", NULL}},
    {APP "/s/big/text", DESCRIPTOR, "2901", "Characteristic", APP "/s/big", {"read", NULL}},
};

static int append_flags(sd_bus_message *m, size_t row)
{
    int r = sd_bus_message_open_container(m, 'e', "sv");

    if (r >= 0)
        r = sd_bus_message_append(m, "s", "Flags");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "as");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "s");
    for (size_t i = 0; r >= 0 && objects[row].flags[i]; i++)
        r = sd_bus_message_append(m, "s", objects[row].flags[i]);
    for (int i = 0; r >= 0 && i < 3; i++)
        r = sd_bus_message_close_container(m);
    return r;
}

static int append_object(const struct aid_peer *peer, sd_bus_message *m, size_t row)
{
    const char *uuid = peer->reserved && row == 0 ? "1801" : objects[row].uuid;
    int r = sd_bus_message_open_container(m, 'e', "oa{sa{sv}}");

    if (r >= 0)
        r = sd_bus_message_append(m, "o", objects[row].path);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sa{sv}}");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'e', "sa{sv}");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", objects[row].iface);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0)
        r = sd_bus_message_append(m, "{sv}", "UUID", "s", uuid);
    if (r >= 0 && objects[row].parent)
        r = sd_bus_message_append(m, "{sv}", objects[row].parent_key, "o", objects[row].parent);
    else if (r >= 0)
        r = sd_bus_message_append(m, "{sv}", "Primary", "b", 1);
    if (r >= 0 && objects[row].flags[0])
        r = append_flags(m, row);
    for (int i = 0; r >= 0 && i < 4; i++)
        r = sd_bus_message_close_container(m);
    return r;
}

static int send_objects(struct aid_peer *peer, sd_bus_message *call)
{
    size_t n = peer->empty ? 0 : peer->short_table ? 2 : sizeof objects / sizeof objects[0];
    sd_bus_message *m = NULL;
    int r = sd_bus_message_new_method_return(call, &m);

    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{oa{sa{sv}}}");
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = append_object(peer, m, i);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        r = sd_bus_send(peer->bus, m, NULL);
    sd_bus_message_unref(m);
    return r;
}

static int append_adv(const struct aid_peer *peer, sd_bus_message *m)
{
    uint8_t data[64] = {1, 2, 3, 4, 5, 6};
    int r = sd_bus_message_append(m, "{sv}{sv}", "Type", "s",
                                  peer->broadcast ? "broadcast" : "peripheral", "LocalName", "s",
                                  peer->name ? peer->name : "peer");

    if (r < 0 || peer->hidden)
        return r;
    r = sd_bus_message_append(m, "{sv}", "Discoverable", "b", 1);
    if (r < 0 || peer->bare)
        return r;
    r = sd_bus_message_append(m, "{sv}", "ServiceUUIDs", "as", 1, AID_PEER_SERVICE);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'e', "sv");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", "ManufacturerData");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "a{qv}");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{qv}");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'e', "qv");
    if (r >= 0)
        r = sd_bus_message_append(m, "q", 0xffff);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "ay");
    if (r >= 0)
        r = sd_bus_message_append_array(m, 'y', data, peer->n_manufacturer ? peer->n_manufacturer
                                                                            : 6);
    for (int i = 0; r >= 0 && i < 5; i++)
        r = sd_bus_message_close_container(m);
    return r;
}

static int send_adv(struct aid_peer *peer, sd_bus_message *call)
{
    sd_bus_message *m = NULL;
    int r = sd_bus_message_new_method_return(call, &m);

    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0)
        r = append_adv(peer, m);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        r = sd_bus_send(peer->bus, m, NULL);
    sd_bus_message_unref(m);
    return r;
}

static void read_options(struct aid_peer *peer, sd_bus_message *m)
{
    const char *key, *text;

    peer->offset = 0;
    (void)sd_bus_message_enter_container(m, 'a', "{sv}");
    while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
        (void)sd_bus_message_read(m, "s", &key);
        if (strcmp(key, "mtu") == 0) {
            (void)sd_bus_message_read(m, "v", "q", &peer->mtu);
        } else if (strcmp(key, "offset") == 0) {
            (void)sd_bus_message_read(m, "v", "q", &peer->offset);
        } else if (strcmp(key, "device") == 0 && sd_bus_message_read(m, "v", "o", &text) > 0) {
            memcpy(peer->device, text, strlen(text) + 1);
        } else {
            (void)sd_bus_message_skip(m, "v");
        }
        (void)sd_bus_message_exit_container(m);
    }
}

static int answer(struct aid_peer *peer, sd_bus_message *m, const uint8_t *bytes, size_t n)
{
    sd_bus_message *reply = NULL;
    int r;

    if (peer->silent)
        return 1;
    if (peer->error_name)
        return sd_bus_reply_method_errorf(m, peer->error_name, "%s", peer->error_text);
    if (!bytes)
        return sd_bus_reply_method_return(m, NULL);
    if (peer->offset > n)
        return sd_bus_reply_method_errorf(m, "org.bluez.Error.InvalidOffset", "offset");
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_append_array(reply, 'y', bytes + peer->offset, n - peer->offset);
    if (r >= 0)
        r = sd_bus_send(peer->bus, reply, NULL);
    sd_bus_message_unref(reply);
    return r;
}

static int on_read(struct aid_peer *peer, sd_bus_message *m)
{
    static const char maker[] = "Gasfitter";
    const char *path = sd_bus_message_get_path(m);
    bool own = strstr(path, "/dis/") || strstr(path, "/text");

    peer->n_reads++;
    read_options(peer, m);
    return answer(peer, m, own ? (const uint8_t *)maker : peer->value,
                  own ? sizeof maker - 1 : peer->n_value);
}

static void tell_written(const struct aid_peer *peer, const uint8_t *bytes, size_t n)
{
    char hex[2 * sizeof peer->value + 1] = "";

    if (!peer->wrote)
        return;
    for (size_t i = 0; i < n && i < sizeof peer->value; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    aid_log_line(peer->wrote, "wrote ", hex, "");
}

static int on_write(struct aid_peer *peer, sd_bus_message *m)
{
    const void *bytes;
    size_t n;

    if (sd_bus_message_read_array(m, 'y', &bytes, &n) < 0)
        return -EINVAL;
    read_options(peer, m);
    tell_written(peer, bytes, n);
    peer->n_writes++;
    if (peer->offset + n <= sizeof peer->value) {
        if (n > 0)
            memcpy(peer->value + peer->offset, bytes, n);
        peer->n_value = peer->offset + n;
    }
    return answer(peer, m, NULL, 0);
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct aid_peer *peer = userdata;
    const char *member = sd_bus_message_get_member(m), *path = sd_bus_message_get_path(m);

    (void)error;
    if (sd_bus_message_is_method_call(m, NULL, NULL) <= 0 || strncmp(path, APP, strlen(APP)) != 0)
        return 0;
    if (strcmp(member, "GetManagedObjects") == 0)
        (void)send_objects(peer, m);
    else if (strcmp(member, "GetAll") == 0)
        (void)send_adv(peer, m);
    else if (strcmp(member, "ReadValue") == 0)
        (void)on_read(peer, m);
    else if (strcmp(member, "WriteValue") == 0)
        (void)on_write(peer, m);
    else if (strcmp(member, "StartNotify") == 0)
        peer->n_start++;
    else if (strcmp(member, "StopNotify") == 0)
        peer->n_stop++;
    else if (strcmp(member, "Confirm") == 0)
        peer->n_confirm++;
    return 1;
}

int aid_peer_start(struct aid_peer *peer, sd_bus *bus)
{
    peer->bus = bus;
    return sd_bus_add_filter(bus, NULL, on_call, peer);
}

static const char *hand_in(struct aid_loop *loop, struct aid_peer *peer, const char *adapter,
                           const char *manager, const char *member, const char *path)
{
    struct aid_call call;
    const char *text;

    aid_call_start(peer->bus, &call, adapter, manager, member, "oa{sv}", path, 0);
    text = aid_call_end(loop, &call);
    aid_call_done(&call);
    return text;
}

const char *aid_peer_application(struct aid_loop *loop, struct aid_peer *peer, const char *adapter)
{
    return hand_in(loop, peer, adapter, "org.bluez.GattManager1", "RegisterApplication", APP);
}

const char *aid_peer_advertise(struct aid_loop *loop, struct aid_peer *peer, const char *adapter)
{
    return hand_in(loop, peer, adapter, "org.bluez.LEAdvertisingManager1", "RegisterAdvertisement",
                   ADV);
}

const char *aid_peer_register(struct aid_loop *loop, struct aid_peer *peer, const char *adapter)
{
    const char *text = aid_peer_application(loop, peer, adapter);

    return *text ? text : aid_peer_advertise(loop, peer, adapter);
}

void aid_peer_notify(struct aid_peer *peer, bool indicate, const void *bytes, size_t n)
{
    sd_bus_message *m = NULL;
    int r = sd_bus_message_new_signal(peer->bus, &m, indicate ? APP "/s/ind" : APP "/s/tx",
                                      "org.freedesktop.DBus.Properties", "PropertiesChanged");

    if (r >= 0)
        r = sd_bus_message_append(m, "s", CHARACTERISTIC);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'e', "sv");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", "Value");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "ay");
    if (r >= 0)
        r = sd_bus_message_append_array(m, 'y', bytes, n);
    for (int i = 0; r >= 0 && i < 3; i++)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        r = sd_bus_message_append(m, "as", 0);
    if (r >= 0)
        (void)sd_bus_send(peer->bus, m, NULL);
    sd_bus_message_unref(m);
}
