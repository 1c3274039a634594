/*
 * test_bt_radio.c - the laptop's adapter and its discovery: gone, come back under another number,
 * off, kept off, deaf; and who counts as heard.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bt/central_state.h"
#include "common/host/real.h"
#include "common/host/rfkill.h"
#include "tests/aid/central_stand.h"

#define RATE 20

/* ---- the adapter ---- */

/* No Connected=false of the devices need come before their objects go. */
static void test_unplugged(void **state)
{
    struct stand *w = *state;

    stand_connect(w, 60000);
    aid_bluez_unplug(&w->bluez);
    stand_await(w, &w->ear.downs, 1, "down");
    stand_await(w, &w->ear.radios, 2, "the radio's end");
    assert_int_equal(w->ear.radio, GF_E_ADAPTER);
    assert_string_equal(w->central->radio_detail, "there is none");
}

/* What is wanted is found by its address: the number changes with each plugging in. */
static void test_another_number(void **state)
{
    struct stand *w = *state;

    (void)snprintf(w->central->want_adapter, sizeof w->central->want_adapter, "02:00:00:00:00:00");
    w->port->listen(w->port->ctx, true);
    stand_await(w, &w->bluez.calls.start, 1, "discovery");
    aid_bluez_unplug(&w->bluez);
    stand_await(w, &w->ear.radios, 2, "the radio's end");
    assert_string_equal(w->central->radio_detail, "02:00:00:00:00:00 is not there");
    aid_bluez_plug(&w->bluez, "/org/bluez/hci7");
    stand_await(w, &w->ear.radios, 3, "the radio's return");
    assert_int_equal(w->ear.radio, 0);
    stand_await(w, &w->bluez.calls.start, 2, "discovery again");
    assert_string_equal(w->central->adapter, "/org/bluez/hci7");
}

/* An attempt that waits for the radio goes on when an adapter is plugged in. */
static void test_plugged_in_while_wanted(void **state)
{
    struct stand *w = *state;

    stand_await(w, &w->ear.radios, 1, "the radio");
    aid_bluez_unplug(&w->bluez);
    stand_await(w, &w->ear.radios, 2, "the radio's end");
    assert_int_equal(w->port->connect(w->port->ctx, w->bluez.id_hash, "", 60000), 0);
    for (int i = 0; i < 3; i++)
        stand_step(w);
    assert_int_equal(w->central->state, BT_RADIO);
    aid_bluez_plug(&w->bluez, AID_ADAPTER);
    stand_await(w, &w->ear.ready, 1, "ready");
}

static bool hci0_is_blocked(const char *name)
{
    return strcmp(name, "hci0") == 0;
}

/* Switched off, and kept off, are two advices. Old releases do not tell them apart: rfkill does. */
static void test_kept_off(void **state)
{
    static const char kept_off[] =
        "02:00:00:00:00:00 is kept off by a switch (rfkill unblock bluetooth)";
    struct stand *w = *state;

    stand_await(w, &w->ear.radios, 1, "the radio");
    aid_bluez_power(&w->bluez, false);
    stand_await(w, &w->ear.radios, 2, "the radio off");
    assert_string_equal(w->central->radio_detail, "02:00:00:00:00:00 is switched off");
    w->bluez.blocked = true;
    aid_bluez_power(&w->bluez, false);
    stand_await(w, &w->ear.radios, 3, "the radio kept off");
    assert_int_equal(w->ear.radio, GF_E_ADAPTER);
    assert_string_equal(w->central->radio_detail, kept_off);

    w->bluez.blocked = false;
    aid_bluez_power(&w->bluez, true);
    stand_await(w, &w->ear.radios, 4, "the radio on");
    w->central->is_blocked = hci0_is_blocked;
    aid_bluez_power(&w->bluez, false);
    stand_await(w, &w->ear.radios, 5, "the radio kept off");
    assert_string_equal(w->central->radio_detail, kept_off);
    stand_connect(w, 60000);
    assert_int_equal(w->ear.down, GF_E_ADAPTER);
    assert_string_equal(w->ear.detail, kept_off);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void test_rfkill(void **state)
{
    char dir[256], other[512], ours[512];

    (void)state;
    (void)snprintf(dir, sizeof dir, "%s/rfkill", aid_tmpdir());
    (void)snprintf(other, sizeof other, "%s/rfkill0", dir);
    (void)snprintf(ours, sizeof ours, "%s/rfkill1", dir);
    assert_false(gf_rfkill_is_blocked_in(dir, "hci0"));
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(mkdir(other, 0700), 0);
    assert_int_equal(mkdir(ours, 0700), 0);
    write_file(other, "name", "phy0\n");
    write_file(other, "soft", "1\n");
    write_file(ours, "name", "hci0\n");
    assert_false(gf_rfkill_is_blocked_in(dir, "hci0"));
    write_file(ours, "soft", "0\n");
    write_file(ours, "hard", "0\n");
    assert_false(gf_rfkill_is_blocked_in(dir, "hci0"));
    write_file(ours, "soft", "1\n");
    assert_true(gf_rfkill_is_blocked_in(dir, "hci0"));
    assert_false(gf_rfkill_is_blocked_in(dir, "hci1"));
    write_file(ours, "soft", "0\n");
    write_file(ours, "hard", "1\n");
    assert_true(gf_rfkill_is_blocked_in(dir, "hci0"));
}

/* ---- discovery ---- */

/* A controller that hears nothing at all may be deaf: discovery is begun anew, and found out. */
static void test_silence(void **state)
{
    struct stand *w = *state;

    w->bluez.on_air = false;
    assert_int_equal(w->port->connect(w->port->ctx, w->bluez.id_hash, "", 600000), 0);
    stand_await(w, &w->bluez.calls.start, 3, "discovery a third time");
    assert_int_equal(w->bluez.calls.stop, 2);
    assert_int_equal(w->bluez.calls.filter, 3);
    assert_int_equal(w->ear.downs, 0);
    w->bluez.on_air = true;
    stand_await(w, &w->ear.ready, 1, "ready");
}

/* Each time before discovery, since BlueZ forgets it; and none of its keys hides a meter. */
static void test_filter(void **state)
{
    struct stand *w = *state;

    w->port->listen(w->port->ctx, true);
    stand_await(w, &w->bluez.calls.start, 1, "discovery");
    assert_string_equal(w->bluez.filter, "Transport=le UUIDs DuplicateData ");
    aid_bluez_scan_stops(&w->bluez);
    stand_await(w, &w->bluez.calls.start, 2, "discovery again");
    assert_int_equal(w->bluez.calls.filter, 2);
    assert_false(w->bluez.start_unfiltered);
}

/* While something is heard, discovery is left alone. */
static void test_no_silence(void **state)
{
    struct stand *w = *state;
    int64_t end;

    w->bluez.foreign = true;
    w->port->listen(w->port->ctx, true);
    stand_await(w, &w->bluez.calls.start, 1, "discovery");
    end = gf_real_clock()->mono_ms(NULL) + 40000;
    while (gf_real_clock()->mono_ms(NULL) < end) {
        aid_bluez_heard(&w->bluez);
        stand_step(w);
    }
    assert_int_equal(w->bluez.calls.start, 1);
    assert_int_equal(w->bluez.calls.stop, 0);
}

/* One device more that shows our meter's hash. */
static void add_other(struct stand *w, int rssi_dbm)
{
    sd_bus_message *m = NULL;

    (void)sd_bus_message_new_signal(w->bluez.bus, &m, "/", "org.freedesktop.DBus.ObjectManager",
                                    "InterfacesAdded");
    (void)sd_bus_message_append(m, "oa{sa{sv}}", AID_ADAPTER "/dev_02_00_00_00_00_09", 1,
                                "org.bluez.Device1", 3, "Address", "s", "02:00:00:00:00:09",
                                "RSSI", "n", rssi_dbm, "ManufacturerData", "a{qv}", 1, 0xFFFF,
                                "ay", 6, 1, 2, 3, 4, 5, 6);
    (void)sd_bus_send(w->bluez.bus, m, NULL);
    (void)sd_bus_message_unref(m);
}

/* Of two that show one hash the nearer is taken; unknown is not near. */
static void check_nearer(struct stand *w, int rssi_dbm, bool other)
{
    stand_await(w, &w->ear.radios, 1, "the radio");
    add_other(w, rssi_dbm);
    aid_bluez_heard(&w->bluez);
    for (int i = 0; i < 5; i++)
        stand_step(w);
    aid_bluez_rule(&w->bluez, "Connect", -1, NULL, NULL);
    assert_int_equal(w->port->connect(w->port->ctx, w->bluez.id_hash, "", 60000), 0);
    stand_await(w, &w->bluez.calls.connect, 1, "Connect()");
    assert_string_equal(w->central->device,
                        other ? AID_ADAPTER "/dev_02_00_00_00_00_09" : AID_DEVICE);
}

static void test_nearer(void **state)
{
    check_nearer(*state, -40, true);
}

static void test_farther(void **state)
{
    check_nearer(*state, -90, false);
}

static void test_unknown_is_not_near(void **state)
{
    check_nearer(*state, 127, false);
}

#define T(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_unplugged), T(test_another_number), T(test_plugged_in_while_wanted),
        T(test_kept_off), cmocka_unit_test(test_rfkill), T(test_filter), T(test_silence), T(test_no_silence),
        T(test_nearer), T(test_farther), T(test_unknown_is_not_near),
    };

    gf_real_clock_rate(RATE);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
