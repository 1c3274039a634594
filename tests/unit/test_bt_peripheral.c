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

#include "common/err.h"
#include "common/host/real.h"
#include "tests/aid/dbus.h"
#include "tests/aid/peripheral_world.h"

#define RATE 20
#define BLUEZ "org.bluez.Error."
#define OTHER AID_ADAPTER "/dev_02_00_00_00_00_09"

static void test_objects(void **state)
{
    static const char expected[] =
        PW_APP "/service0=org.bluez.GattService1;" PW_APP "/service0/char0=" PW_CHARACTERISTIC ";"
        PW_APP "/service0/char1=" PW_CHARACTERISTIC ";"
        PW_APP "/service0/char2=" PW_CHARACTERISTIC ";"
        PW_APP "/service1=org.bluez.GattService1;" PW_RX "=" PW_CHARACTERISTIC ";"
        PW_TX "=" PW_CHARACTERISTIC ";" PW_CTL "=" PW_CHARACTERISTIC ";";
    struct peripheral_world *w = *state;
    char got[1000] = "";
    size_t n = 0;
    const char *path, *iface;
    sd_bus_message *m;

    pw_come_up(w);
    assert_int_equal(w->bluez.calls.app, 1);
    assert_int_equal(w->bluez.calls.advert, 1);
    m = pw_call(w, w->bluez.bus, PW_APP, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
    assert_string_equal(pw_finish(w, w->bluez.bus, m), "");
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

static void check_properties(struct peripheral_world *w, const char *path, const char *iface,
                             const char *expected)
{
    char got[600];
    sd_bus_message *m = pw_call(w, w->bluez.bus, path, "org.freedesktop.DBus.Properties", "GetAll");

    assert_true(sd_bus_message_append(m, "s", iface) >= 0);
    assert_string_equal(pw_finish(w, w->bluez.bus, m), "");
    got[0] = '\0';
    aid_value_text(w->answer, got, sizeof got);
    assert_string_equal(got, expected);
}

static void test_properties(void **state)
{
    struct peripheral_world *w = *state;

    pw_come_up(w);
    check_properties(w, PW_RX, PW_CHARACTERISTIC,
                     "UUID:8a5c0002-2f4d-4b7e-9c61-d0b3f1e7a942,Service:" PW_APP
                     "/service1,Flags:write-without-response");
    check_properties(w, PW_TX, PW_CHARACTERISTIC,
                     "UUID:8a5c0003-2f4d-4b7e-9c61-d0b3f1e7a942,Service:" PW_APP
                     "/service1,Flags:notify");
    check_properties(w, PW_CTL, PW_CHARACTERISTIC,
                     "UUID:8a5c0004-2f4d-4b7e-9c61-d0b3f1e7a942,Service:" PW_APP
                     "/service1,Flags:read,write");
    check_properties(w, PW_APP "/advert", "org.bluez.LEAdvertisement1",
                     "Type:peripheral,ServiceUUIDs:8a5c0001-2f4d-4b7e-9c61-d0b3f1e7a942,"
                     "LocalName:GASM-GM2400001223,Discoverable:true,"
                     "ManufacturerData:65535:010203040506");
}

static void test_reading(void **state)
{
    struct peripheral_world *w = *state;

    pw_come_up(w);
    assert_string_equal(pw_read_value(w, PW_APP "/service0/char0", AID_DEVICE, 0), "");
    assert_string_equal((char *)w->value, "Maker");
    assert_string_equal(pw_read_value(w, PW_APP "/service0/char1", AID_DEVICE, 0), "");
    assert_string_equal((char *)w->value, "Model");
    assert_string_equal(pw_read_value(w, PW_APP "/service0/char2", AID_DEVICE, 2), "");
    assert_string_equal((char *)w->value, "2.3");
    for (uint16_t offset = 0; offset <= 10; offset++) {
        assert_string_equal(pw_read_value(w, PW_CTL, AID_DEVICE, offset), "");
        assert_string_equal((char *)w->value, &"0123456789"[offset]);
    }
    assert_string_equal(pw_read_value(w, PW_CTL, AID_DEVICE, 11),
                        BLUEZ "InvalidOffset: Invalid offset");
    assert_string_equal(pw_read_value(w, PW_RX, AID_DEVICE, 0),
                        BLUEZ "NotPermitted: Read not permitted");
}

static void test_writing(void **state)
{
    struct peripheral_world *w = *state;

    pw_come_up(w);
    assert_string_equal(pw_write_value(w, PW_RX, AID_DEVICE, 509, 0, 517), "");
    assert_int_equal(w->rx, 1);
    assert_int_equal(w->value_n, 509);
    assert_string_equal(pw_write_value(w, PW_RX, AID_DEVICE, 510, 0, 517),
                        BLUEZ "InvalidValueLength: Invalid Length");
    assert_string_equal(pw_write_value(w, PW_RX, AID_DEVICE, 5, 1, 517),
                        BLUEZ "InvalidOffset: Invalid offset");
    assert_int_equal(w->rx, 1);
    assert_string_equal(pw_write_value(w, PW_CTL, AID_DEVICE, 5, 0, 517), "");
    assert_string_equal(pw_write_value(w, PW_CTL, AID_DEVICE, 6, 0, 517), BLUEZ "Failed: 0x80");
    assert_int_equal(w->ctl_writes, 2);
    assert_string_equal(pw_write_value(w, PW_TX, AID_DEVICE, 5, 0, 517),
                        BLUEZ "NotPermitted: Write not permitted");
}

static void test_one_central(void **state)
{
    struct peripheral_world *w = *state;

    pw_come_up(w);
    pw_link_comes(w);
    assert_string_equal(pw_write_value(w, PW_CTL, AID_DEVICE, 5, 0, 0), "");
    assert_int_equal(w->connected, 1);
    assert_int_equal(w->mtu, 23 - 2);
    assert_string_equal(pw_write_value(w, PW_CTL, AID_DEVICE, 5, 0, 247), "");
    assert_int_equal(w->connected, 2);
    assert_int_equal(w->mtu, 247 - 2);
    assert_string_equal(pw_write_value(w, PW_CTL, AID_DEVICE, 5, 0, 247), "");
    assert_int_equal(w->connected, 2);

    /* Another one, or one that is not named, is refused and sent away. */
    assert_string_equal(pw_write_value(w, PW_RX, OTHER, 5, 0, 247),
                        BLUEZ "NotAuthorized: the meter serves another central");
    assert_string_equal(pw_read_value(w, PW_CTL, NULL, 0),
                        BLUEZ "NotAuthorized: the meter serves another central");
    assert_int_equal(w->rx, 0);
    pw_await(w, &w->bluez.calls.disconnect, 1, "disconnected");

    aid_bluez_drop(&w->bluez);
    pw_await(w, &w->disconnected, 1, "disconnected");
    assert_string_equal(pw_write_value(w, PW_RX, OTHER, 5, 0, 247), "");
    assert_int_equal(w->connected, 3);
}

/* Its Disconnect() takes BlueZ seconds: until then the central is heard no more. */
static void test_drop(void **state)
{
    struct peripheral_world *w = *state;

    pw_come_up(w);
    pw_link_comes(w);
    assert_string_equal(pw_write_value(w, PW_RX, AID_DEVICE, 5, 0, 247), "");
    aid_bluez_rule(&w->bluez, "Disconnect", 1, NULL, NULL);
    bt_peripheral_drop(w->p);
    assert_string_equal(pw_write_value(w, PW_RX, AID_DEVICE, 5, 0, 247),
                        BLUEZ "NotAuthorized: the meter serves another central");
    assert_int_equal(w->rx, 1);
    pw_await(w, &w->disconnected, 1, "asked again, and disconnected");
    assert_int_equal(w->bluez.calls.disconnect, 1);
    assert_string_equal(pw_write_value(w, PW_RX, AID_DEVICE, 5, 0, 247), "");
    aid_bluez_remove(&w->bluez);
    pw_await(w, &w->disconnected, 2, "its object is gone");
}

static int count_signal(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct peripheral_world *w = userdata;
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
    struct peripheral_world *w = *state;
    sd_bus_message *m;

    assert_true(sd_bus_match_signal(w->bluez.bus, NULL, NULL, PW_TX,
                                    "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                    count_signal, w) >= 0);
    pw_come_up(w);
    bt_peripheral_notify(w->p, (const uint8_t *)"nobody", 6);
    assert_string_equal(pw_write_value(w, PW_RX, AID_DEVICE, 5, 0, 247), "");
    bt_peripheral_notify(w->p, (const uint8_t *)"hello", 5);
    bt_peripheral_notify(w->p, (const uint8_t *)"hello", 5);
    pw_await(w, &w->signals, 2, "two signals");
    bt_peripheral_drop(w->p);
    bt_peripheral_notify(w->p, (const uint8_t *)"late", 4);
    m = pw_call(w, w->bluez.bus, PW_TX, PW_CHARACTERISTIC, "StartNotify");
    assert_string_equal(pw_finish(w, w->bluez.bus, m), "");
    assert_int_equal(w->signals, 2);
    m = pw_call(w, w->bluez.bus, PW_CTL, PW_CHARACTERISTIC, "StartNotify");
    assert_string_equal(pw_finish(w, w->bluez.bus, m), BLUEZ "NotSupported: Not supported");
}

/* Only the daemon may speak for a central. */
static void test_forged_call(void **state)
{
    struct peripheral_world *w = *state;
    sd_bus *forger = NULL;
    sd_bus_message *m;
    long long end;

    pw_come_up(w);
    assert_true(sd_bus_new(&forger) >= 0);
    assert_true(sd_bus_set_address(forger, w->bus.address) >= 0);
    assert_true(sd_bus_set_bus_client(forger, 1) >= 0);
    assert_true(sd_bus_start(forger) >= 0);
    m = pw_call(w, forger, PW_RX, PW_CHARACTERISTIC, "WriteValue");
    assert_true(sd_bus_message_append_array(m, 'y', "forged", 6) >= 0);
    pw_options(m, AID_DEVICE, 0, 23);
    pw_send(w, forger, m);
    for (end = aid_now_ms() + PW_BOUND_MS; w->answers == 0 && aid_now_ms() < end; pw_step(w))
        while (sd_bus_process(forger, NULL) > 0)
            ;
    assert_string_equal(w->error, SD_BUS_ERROR_ACCESS_DENIED ": only org.bluez may");
    assert_int_equal(w->rx + w->connected, 0);
    w->answer = sd_bus_message_unref(w->answer);
    (void)sd_bus_close_unref(forger);
}

static void test_refused_registration(void **state)
{
    struct peripheral_world *w = *state;

    aid_bluez_rule(&w->bluez, "RegisterApplication", 2, BLUEZ "Failed", "No object received");
    aid_bluez_rule(&w->bluez, "RegisterAdvertisement", 2, BLUEZ "NotPermitted",
                   "Maximum advertisements reached");
    pw_await(w, &w->states, 1, "told");
    assert_int_equal(w->state, GF_E_ADAPTER);
    pw_come_up(w);
    assert_int_equal(w->bluez.calls.advert, 1);
}

static void test_restart(void **state)
{
    struct peripheral_world *w = *state;

    pw_come_up(w);
    assert_string_equal(pw_write_value(w, PW_RX, AID_DEVICE, 5, 0, 247), "");
    aid_bluez_stop(&w->bluez);
    pw_await(w, &w->disconnected, 1, "disconnected");
    pw_await(w, &w->states, 2, "told");
    assert_int_equal(w->state, GF_E_BLUEZ_AWAY);
    assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
    pw_await(w, &w->up, 2, "registered again");
    assert_int_equal(w->bluez.calls.app, 1);
    assert_int_equal(w->bluez.calls.advert, 1);
}

static void test_power_cycle(void **state)
{
    struct peripheral_world *w = *state;

    pw_come_up(w);
    aid_bluez_rule(&w->bluez, "RegisterApplication", 1, BLUEZ "AlreadyExists", "Already Exists");
    aid_bluez_power(&w->bluez, false);
    pw_await(w, &w->states, 2, "told");
    assert_int_equal(w->state, GF_E_ADAPTER);
    aid_bluez_power(&w->bluez, true);
    pw_await(w, &w->up, 2, "registered again");
    assert_int_equal(w->bluez.calls.unadvert, 1);
    assert_int_equal(w->bluez.calls.advert, 2);
}

static void test_released(void **state)
{
    struct peripheral_world *w = *state;

    pw_come_up(w);
    assert_string_equal(pw_finish(w, w->bluez.bus, pw_call(w, w->bluez.bus, PW_APP "/advert",
                                                     "org.bluez.LEAdvertisement1", "Release")), "");
    pw_await(w, &w->bluez.calls.advert, 2, "advertising again");
    assert_int_equal(w->bluez.calls.unadvert, 0);
}

static void test_readvertising(void **state)
{
    struct peripheral_world *w = *state;

    (void)bt_peripheral_free(w->p);
    w->p = pw_new_peripheral(w, 500);
    pw_come_up(w);
    pw_await(w, &w->bluez.calls.advert, 4, "advertising again and again");
    assert_true(w->bluez.calls.unadvert >= 3);
    assert_int_equal(w->up, 1);
    assert_int_equal(w->states, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pw_setup, pw_teardown)
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
