/*
 * test_bt_peripheral.c - the meter's side of the radio at a daemon in this process: what is
 * registered, renewed and answered, and who is let in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bt/peripheral.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "tests/aid/bluez.h"
#include "tests/aid/dbus.h"
#include "tests/aid/proc.h"

#define RATE 20
#define BOUND_MS 20000
#define BLUEZ "org.bluez.Error."
#define APP "/org/gasfitter/meter"
#define RX APP "/service1/rx"
#define TX APP "/service1/tx"
#define CTL APP "/service1/ctl"
#define CHARACTERISTIC "org.bluez.GattCharacteristic1"
#define OTHER AID_ADAPTER "/dev_02_00_00_00_00_09"

struct world {
    struct aid_bus bus;
    struct aid_bluez bluez;
    struct bt_peripheral *p;
    struct bt_peripheral_events events;
    unsigned states, up, connected, disconnected, rx, ctl_writes, signals, answers;
    int state;
    uint16_t mtu;
    uint8_t value[600];
    size_t value_n;
    char error[200];            /* of the last call to the application; "" for none */
    sd_bus_message *answer;
};

static void on_state(void *ctx, int code, const char *detail)
{
    struct world *w = ctx;

    w->states++;
    w->state = code;
    w->up += code == 0;
    if (code == 0)
        assert_string_equal(detail, "02:00:00:00:00:00");
}

static void on_connected(void *ctx, uint16_t mtu)
{
    struct world *w = ctx;

    w->connected++;
    w->mtu = mtu;
}

static void on_disconnected(void *ctx)
{
    ((struct world *)ctx)->disconnected++;
}

static void on_rx(void *ctx, const uint8_t *p, size_t n)
{
    struct world *w = ctx;

    w->rx++;
    memcpy(w->value, p, n);
    w->value_n = n;
}

static size_t on_ctl_read(void *ctx, uint8_t *ret, size_t cap)
{
    (void)ctx;
    assert_true(cap >= 10);
    memcpy(ret, "0123456789", 10);
    return 10;
}

static int on_ctl_write(void *ctx, const uint8_t *p, size_t n)
{
    struct world *w = ctx;

    (void)p;
    w->ctl_writes++;
    return n == 5 ? 0 : GF_E_FORMAT;
}

static struct bt_peripheral *new_peripheral(struct world *w, int readvertise_ms)
{
    const struct bt_peripheral_config config = {
        .bus_address = w->bus.address, .clock = gf_real_clock(), .events = &w->events,
        .manufacturer = "Maker", .model = "Model", .firmware = "1.2.3",
        .local_name = "GASM-GM2400001223", .id_hash = {1, 2, 3, 4, 5, 6},
        .readvertise_ms = readvertise_ms,
    };

    return bt_peripheral_new(&config);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    assert_int_equal(aid_bus_start(&w->bus), 0);
    assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
    w->events = (struct bt_peripheral_events){w, on_state, on_connected, on_disconnected, on_rx,
                                              on_ctl_read, on_ctl_write};
    w->p = new_peripheral(w, 0);
    assert_non_null(w->p);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    (void)sd_bus_message_unref(w->answer);
    (void)bt_peripheral_free(w->p);
    aid_bluez_stop(&w->bluez);
    aid_bus_stop(&w->bus);
    free(w);
    return 0;
}

static void step(struct world *w)
{
    const struct gf_source *const sources[] = {bt_peripheral_source(w->p), &w->bluez.source};

    assert_int_equal(gf_loop_once(sources, 2, 20), 0);
}

static void await(struct world *w, const unsigned *n, unsigned least, const char *what)
{
    long long end = aid_now_ms() + BOUND_MS;

    while (*n < least && aid_now_ms() < end)
        step(w);
    if (*n < least)
        fail_msg("never: %s (state %d)", what, w->state);
}

/* ---- the daemon calls the application ---- */

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct world *w = userdata;
    const sd_bus_error *e = sd_bus_message_get_error(m);

    (void)ret_error;
    w->answers++;
    (void)sd_bus_message_unref(w->answer);
    w->answer = sd_bus_message_ref(m);
    (void)snprintf(w->error, sizeof w->error, "%s%s%s", e != NULL ? e->name : "",
                   e != NULL ? ": " : "", e != NULL ? e->message : "");
    return 0;
}

/* "" or the error; the answer is in w->answer. m is given away. */
static const char *finish(struct world *w, sd_bus *from, sd_bus_message *m)
{
    unsigned before = w->answers;

    assert_true(sd_bus_call_async(from, NULL, m, on_answer, w, 0) >= 0);
    (void)sd_bus_message_unref(m);
    await(w, &w->answers, before + 1, "an answer");
    return w->error;
}

static sd_bus_message *call(struct world *w, sd_bus *from, const char *path, const char *iface,
                            const char *member)
{
    sd_bus_message *m = NULL;

    assert_true(sd_bus_message_new_method_call(from, &m, w->bluez.app, path, iface, member) >= 0);
    return m;
}

static void options(sd_bus_message *m, const char *device, uint16_t offset, uint16_t mtu)
{
    assert_true(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
    if (device != NULL)
        assert_true(sd_bus_message_append(m, "{sv}", "device", "o", device) >= 0);
    if (offset > 0)
        assert_true(sd_bus_message_append(m, "{sv}", "offset", "q", offset) >= 0);
    if (mtu > 0)
        assert_true(sd_bus_message_append(m, "{sv}", "mtu", "q", mtu) >= 0);
    assert_true(sd_bus_message_append(m, "{sv}", "link", "s", "LE") >= 0);
    assert_true(sd_bus_message_close_container(m) >= 0);
}

static const char *write_value(struct world *w, const char *path, const char *device, size_t n,
                               uint16_t offset, uint16_t mtu)
{
    sd_bus_message *m = call(w, w->bluez.bus, path, CHARACTERISTIC, "WriteValue");
    uint8_t value[600];

    memset(value, 7, sizeof value);
    assert_true(sd_bus_message_append_array(m, 'y', value, n) >= 0);
    options(m, device, offset, mtu);
    return finish(w, w->bluez.bus, m);
}

static const char *read_value(struct world *w, const char *path, const char *device,
                              uint16_t offset)
{
    sd_bus_message *m = call(w, w->bluez.bus, path, CHARACTERISTIC, "ReadValue");
    const void *p;
    const char *error;

    options(m, device, offset, 185);
    error = finish(w, w->bluez.bus, m);
    if (error[0] == '\0') {
        assert_true(sd_bus_message_read_array(w->answer, 'y', &p, &w->value_n) >= 0);
        memcpy(w->value, p, w->value_n);
        w->value[w->value_n] = '\0';
    }
    return error;
}

static void come_up(struct world *w)
{
    await(w, &w->up, 1, "registered");
}

/* A device of the central that the daemon shows as connected. */
static void link_comes(struct world *w)
{
    w->bluez.connected = true;
    aid_bluez_heard(&w->bluez);
}

/* ---- tests ---- */

static void test_objects(void **state)
{
    static const char expected[] =
        APP "/service0=org.bluez.GattService1;" APP "/service0/char0=" CHARACTERISTIC ";"
        APP "/service0/char1=" CHARACTERISTIC ";" APP "/service0/char2=" CHARACTERISTIC ";"
        APP "/service1=org.bluez.GattService1;" RX "=" CHARACTERISTIC ";" TX "=" CHARACTERISTIC ";"
        CTL "=" CHARACTERISTIC ";";
    struct world *w = *state;
    char got[1000] = "";
    size_t n = 0;
    const char *path, *iface;
    sd_bus_message *m;

    come_up(w);
    assert_int_equal(w->bluez.calls.app, 1);
    assert_int_equal(w->bluez.calls.advert, 1);
    m = call(w, w->bluez.bus, APP, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
    assert_string_equal(finish(w, w->bluez.bus, m), "");
    m = w->answer;
    assert_true(sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}") > 0);
    while (sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}") > 0) {
        assert_true(sd_bus_message_read(m, "o", &path) > 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "{sa{sv}}") > 0);
        assert_true(sd_bus_message_enter_container(m, 'e', "sa{sv}") > 0);
        assert_true(sd_bus_message_read(m, "s", &iface) > 0);
        n += (size_t)snprintf(got + n, sizeof got - n, "%s=%s;", path, iface);
        assert_true(sd_bus_message_skip(m, "a{sv}") > 0);
        for (int i = 0; i < 3; i++)
            assert_true(sd_bus_message_exit_container(m) >= 0);
    }
    assert_string_equal(got, expected);
}

static void check_properties(struct world *w, const char *path, const char *iface,
                             const char *expected)
{
    char got[600];
    sd_bus_message *m = call(w, w->bluez.bus, path, "org.freedesktop.DBus.Properties", "GetAll");

    assert_true(sd_bus_message_append(m, "s", iface) >= 0);
    assert_string_equal(finish(w, w->bluez.bus, m), "");
    got[0] = '\0';
    aid_value_text(w->answer, got, sizeof got);
    assert_string_equal(got, expected);
}

static void test_properties(void **state)
{
    struct world *w = *state;

    come_up(w);
    check_properties(w, RX, CHARACTERISTIC,
                     "UUID:8a5c0002-2f4d-4b7e-9c61-d0b3f1e7a942,Service:" APP
                     "/service1,Flags:write-without-response");
    check_properties(w, TX, CHARACTERISTIC,
                     "UUID:8a5c0003-2f4d-4b7e-9c61-d0b3f1e7a942,Service:" APP
                     "/service1,Flags:notify");
    check_properties(w, CTL, CHARACTERISTIC,
                     "UUID:8a5c0004-2f4d-4b7e-9c61-d0b3f1e7a942,Service:" APP
                     "/service1,Flags:read,write");
    check_properties(w, APP "/advert", "org.bluez.LEAdvertisement1",
                     "Type:peripheral,ServiceUUIDs:8a5c0001-2f4d-4b7e-9c61-d0b3f1e7a942,"
                     "LocalName:GASM-GM2400001223,Discoverable:true,"
                     "ManufacturerData:65535:010203040506");
}

static void test_reading(void **state)
{
    struct world *w = *state;

    come_up(w);
    assert_string_equal(read_value(w, APP "/service0/char0", AID_DEVICE, 0), "");
    assert_string_equal((char *)w->value, "Maker");
    assert_string_equal(read_value(w, APP "/service0/char1", AID_DEVICE, 0), "");
    assert_string_equal((char *)w->value, "Model");
    assert_string_equal(read_value(w, APP "/service0/char2", AID_DEVICE, 2), "");
    assert_string_equal((char *)w->value, "2.3");
    for (uint16_t offset = 0; offset <= 10; offset++) {
        assert_string_equal(read_value(w, CTL, AID_DEVICE, offset), "");
        assert_string_equal((char *)w->value, &"0123456789"[offset]);
    }
    assert_string_equal(read_value(w, CTL, AID_DEVICE, 11), BLUEZ "InvalidOffset: Invalid offset");
    assert_string_equal(read_value(w, RX, AID_DEVICE, 0),
                        BLUEZ "NotPermitted: Read not permitted");
}

static void test_writing(void **state)
{
    struct world *w = *state;

    come_up(w);
    assert_string_equal(write_value(w, RX, AID_DEVICE, 509, 0, 517), "");
    assert_int_equal(w->rx, 1);
    assert_int_equal(w->value_n, 509);
    assert_string_equal(write_value(w, RX, AID_DEVICE, 510, 0, 517),
                        BLUEZ "InvalidValueLength: Invalid Length");
    assert_string_equal(write_value(w, RX, AID_DEVICE, 5, 1, 517),
                        BLUEZ "InvalidOffset: Invalid offset");
    assert_int_equal(w->rx, 1);
    assert_string_equal(write_value(w, CTL, AID_DEVICE, 5, 0, 517), "");
    assert_string_equal(write_value(w, CTL, AID_DEVICE, 6, 0, 517), BLUEZ "Failed: 0x80");
    assert_int_equal(w->ctl_writes, 2);
    assert_string_equal(write_value(w, TX, AID_DEVICE, 5, 0, 517),
                        BLUEZ "NotPermitted: Write not permitted");
}

static void test_one_central(void **state)
{
    struct world *w = *state;

    come_up(w);
    link_comes(w);
    assert_string_equal(write_value(w, CTL, AID_DEVICE, 5, 0, 0), "");
    assert_int_equal(w->connected, 1);
    assert_int_equal(w->mtu, 23);
    assert_string_equal(write_value(w, CTL, AID_DEVICE, 5, 0, 247), "");
    assert_int_equal(w->connected, 2);
    assert_int_equal(w->mtu, 247);
    assert_string_equal(write_value(w, CTL, AID_DEVICE, 5, 0, 247), "");
    assert_int_equal(w->connected, 2);

    /* Another one, or one that is not named, is refused and sent away. */
    assert_string_equal(write_value(w, RX, OTHER, 5, 0, 247),
                        BLUEZ "NotAuthorized: the meter serves another central");
    assert_string_equal(read_value(w, CTL, NULL, 0),
                        BLUEZ "NotAuthorized: the meter serves another central");
    assert_int_equal(w->rx, 0);
    await(w, &w->bluez.calls.disconnect, 1, "disconnected");

    aid_bluez_drop(&w->bluez);
    await(w, &w->disconnected, 1, "disconnected");
    assert_string_equal(write_value(w, RX, OTHER, 5, 0, 247), "");
    assert_int_equal(w->connected, 3);
}

/* Its Disconnect() takes BlueZ seconds: until then the central is heard no more. */
static void test_drop(void **state)
{
    struct world *w = *state;

    come_up(w);
    link_comes(w);
    assert_string_equal(write_value(w, RX, AID_DEVICE, 5, 0, 247), "");
    aid_bluez_rule(&w->bluez, "Disconnect", 1, NULL, NULL);
    bt_peripheral_drop(w->p);
    assert_string_equal(write_value(w, RX, AID_DEVICE, 5, 0, 247),
                        BLUEZ "NotAuthorized: the meter serves another central");
    assert_int_equal(w->rx, 1);
    await(w, &w->disconnected, 1, "asked again, and disconnected");
    assert_int_equal(w->bluez.calls.disconnect, 1);
    assert_string_equal(write_value(w, RX, AID_DEVICE, 5, 0, 247), "");
    aid_bluez_remove(&w->bluez);
    await(w, &w->disconnected, 2, "its object is gone");
}

static int count_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct world *w = userdata;
    char got[200] = "";

    (void)ret_error;
    w->signals++;
    assert_true(sd_bus_message_skip(m, "s") > 0);
    aid_value_text(m, got, sizeof got);
    assert_string_equal(got, "Value:68656c6c6f");
    return 0;
}

static void test_notifying(void **state)
{
    struct world *w = *state;

    assert_true(sd_bus_match_signal(w->bluez.bus, NULL, NULL, TX,
                                    "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                    count_signal, w) >= 0);
    come_up(w);
    bt_peripheral_notify(w->p, (const uint8_t *)"nobody", 6);
    assert_string_equal(write_value(w, RX, AID_DEVICE, 5, 0, 247), "");
    bt_peripheral_notify(w->p, (const uint8_t *)"hello", 5);
    bt_peripheral_notify(w->p, (const uint8_t *)"hello", 5);
    await(w, &w->signals, 2, "two signals");
    bt_peripheral_drop(w->p);
    bt_peripheral_notify(w->p, (const uint8_t *)"late", 4);
    assert_string_equal(finish(w, w->bluez.bus, call(w, w->bluez.bus, TX, CHARACTERISTIC,
                                                     "StartNotify")), "");
    assert_int_equal(w->signals, 2);
    assert_string_equal(finish(w, w->bluez.bus, call(w, w->bluez.bus, CTL, CHARACTERISTIC,
                                                     "StartNotify")),
                        BLUEZ "NotSupported: Not supported");
}

/* Only the daemon may speak for a central. */
static void test_forged_call(void **state)
{
    struct world *w = *state;
    sd_bus *forger = NULL;
    sd_bus_message *m;
    long long end;

    come_up(w);
    assert_true(sd_bus_new(&forger) >= 0);
    assert_true(sd_bus_set_address(forger, w->bus.address) >= 0);
    assert_true(sd_bus_set_bus_client(forger, 1) >= 0);
    assert_true(sd_bus_start(forger) >= 0);
    m = call(w, forger, RX, CHARACTERISTIC, "WriteValue");
    assert_true(sd_bus_message_append_array(m, 'y', "forged", 6) >= 0);
    options(m, AID_DEVICE, 0, 23);
    assert_true(sd_bus_call_async(forger, NULL, m, on_answer, w, 0) >= 0);
    (void)sd_bus_message_unref(m);
    for (end = aid_now_ms() + BOUND_MS; w->answers == 0 && aid_now_ms() < end; step(w))
        while (sd_bus_process(forger, NULL) > 0)
            ;
    assert_string_equal(w->error, SD_BUS_ERROR_ACCESS_DENIED ": only org.bluez may");
    assert_int_equal(w->rx + w->connected, 0);
    w->answer = sd_bus_message_unref(w->answer);
    (void)sd_bus_close_unref(forger);
}

static void test_refused_registration(void **state)
{
    struct world *w = *state;

    aid_bluez_rule(&w->bluez, "RegisterApplication", 2, BLUEZ "Failed", "No object received");
    aid_bluez_rule(&w->bluez, "RegisterAdvertisement", 2, BLUEZ "NotPermitted",
                   "Maximum advertisements reached");
    await(w, &w->states, 1, "told");
    assert_int_equal(w->state, GF_E_ADAPTER);
    come_up(w);
    assert_int_equal(w->bluez.calls.advert, 1);
}

static void test_restart(void **state)
{
    struct world *w = *state;

    come_up(w);
    assert_string_equal(write_value(w, RX, AID_DEVICE, 5, 0, 247), "");
    aid_bluez_stop(&w->bluez);
    await(w, &w->disconnected, 1, "disconnected");
    await(w, &w->states, 2, "told");
    assert_int_equal(w->state, GF_E_BLUEZ_AWAY);
    assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
    await(w, &w->up, 2, "registered again");
    assert_int_equal(w->bluez.calls.app, 1);
    assert_int_equal(w->bluez.calls.advert, 1);
}

static void test_power_cycle(void **state)
{
    struct world *w = *state;

    come_up(w);
    aid_bluez_rule(&w->bluez, "RegisterApplication", 1, BLUEZ "AlreadyExists", "Already Exists");
    aid_bluez_power(&w->bluez, false);
    await(w, &w->states, 2, "told");
    assert_int_equal(w->state, GF_E_ADAPTER);
    aid_bluez_power(&w->bluez, true);
    await(w, &w->up, 2, "registered again");
    assert_int_equal(w->bluez.calls.unadvert, 1);
    assert_int_equal(w->bluez.calls.advert, 2);
}

static void test_released(void **state)
{
    struct world *w = *state;

    come_up(w);
    assert_string_equal(finish(w, w->bluez.bus, call(w, w->bluez.bus, APP "/advert",
                                                     "org.bluez.LEAdvertisement1", "Release")), "");
    await(w, &w->bluez.calls.advert, 2, "advertising again");
    assert_int_equal(w->bluez.calls.unadvert, 0);
}

static void test_readvertising(void **state)
{
    struct world *w = *state;

    (void)bt_peripheral_free(w->p);
    w->p = new_peripheral(w, 500);
    come_up(w);
    await(w, &w->bluez.calls.advert, 4, "advertising again and again");
    assert_true(w->bluez.calls.unadvert >= 3);
    assert_int_equal(w->up, 1);
    assert_int_equal(w->states, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_objects), T(test_properties), T(test_reading), T(test_writing),
        T(test_one_central), T(test_drop), T(test_notifying), T(test_forged_call),
        T(test_refused_registration), T(test_restart), T(test_power_cycle), T(test_released),
        T(test_readvertising),
    };

    gf_real_clock_rate(RATE);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
