/*
 * test_bt_central_talk.c - the central while it listens and speaks: adverts, discovery, fragments,
 * writes that fail, services and signals that change under it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bt/central_state.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "tests/aid/central_stand.h"

#define RATE 20
#define BLUEZ "org.bluez.Error."
#define DBUS "org.freedesktop.DBus.Error."

static void test_no_adapter(void **state)
{
    struct stand *w = *state;

    w->bluez.powered = false;
    stand_connect(w, 60000);
    assert_int_equal(w->ear.down, GF_E_ADAPTER);
    assert_int_equal(w->ear.radio, GF_E_ADAPTER);
    assert_string_equal(w->ear.detail, "02:00:00:00:00:00 is switched off");
}

static void test_denied(void **state)
{
    struct stand *w = *state;

    aid_bluez_rule(&w->bluez, "GetManagedObjects", -1, DBUS "AccessDenied", "Rejected");
    stand_connect(w, 60000);
    assert_int_equal(w->ear.down, GF_E_BLUEZ_DENIED);
    assert_int_equal(w->ear.radio, GF_E_BLUEZ_DENIED);
}

/* Who begins to listen to the port is told how the radio is, from the loop. */
static void test_radio_told_to_new_listener(void **state)
{
    struct stand *w = *state;

    stand_await(w, &w->ear.radios, 1, "the radio");
    assert_int_equal(w->ear.radio, 0);
    w->ear.radio = 1;
    w->port->bind(w->port->ctx, NULL);
    stand_step(w);
    assert_int_equal(w->ear.radios, 1);
    w->port->bind(w->port->ctx, &w->events);
    assert_int_equal(w->ear.radios, 1);
    stand_await(w, &w->ear.radios, 2, "the radio again");
    assert_int_equal(w->ear.radio, 0);
}

/* ---- listening ---- */

static void test_sightings(void **state)
{
    struct stand *w = *state;

    w->port->listen(w->port->ctx, true);
    stand_await(w, &w->ear.sightings, 1, "a sighting");
    assert_string_equal(w->ear.sighting.address, AID_DEVICE_ADDRESS);
    assert_string_equal(w->ear.sighting.name, "GASM?[2J");
    assert_int_equal(w->ear.sighting.rssi_dbm, -60);
    assert_true(w->ear.sighting.has_id_hash);
    assert_memory_equal(w->ear.sighting.id_hash, w->bluez.id_hash, 6);
    aid_bluez_heard(&w->bluez);
    stand_await(w, &w->ear.sightings, 2, "another");
    assert_int_equal(w->ear.sighting.rssi_dbm, -61);

    /* Discovery that ends without us is started again. */
    aid_bluez_scan_stops(&w->bluez);
    stand_await(w, &w->bluez.calls.start, 2, "discovery again");
    stand_await(w, &w->ear.sightings, 3, "a sighting again");

    w->port->listen(w->port->ctx, false);
    stand_await(w, &w->bluez.calls.stop, 1, "the end of discovery");
    aid_bluez_heard(&w->bluez);
    for (int i = 0; i < 3; i++)
        stand_step(w);
    assert_int_equal(w->ear.sightings, 3);
}

/* Only meters are shown, whatever else the daemon's merged filters let through. */
static void test_foreign_device(void **state)
{
    struct stand *w = *state;

    w->bluez.foreign = true;
    w->port->listen(w->port->ctx, true);
    stand_await(w, &w->bluez.calls.start, 1, "discovery");
    aid_bluez_heard(&w->bluez);
    for (int i = 0; i < 5; i++)
        stand_step(w);
    assert_non_null(bt_mirror_find(bt_bus_mirror(w->central->bus), AID_DEVICE));
    assert_int_equal(w->ear.sightings, 0);
}

/* "In progress" is the answer to whom discovery runs for already. */
static void test_discovery_in_progress(void **state)
{
    struct stand *w = *state;

    w->bluez.discovering = true;
    aid_bluez_rule(&w->bluez, "StartDiscovery", -1, BLUEZ "InProgress", "In Progress");
    w->port->listen(w->port->ctx, true);
    stand_await(w, &w->bluez.calls.filter, 1, "a filter");
    for (int i = 0; i < 5; i++)
        stand_step(w);
    aid_bluez_heard(&w->bluez);
    stand_await(w, &w->ear.sightings, 1, "a sighting");
    assert_int_equal(w->bluez.calls.filter, 1);
}

static void test_malformed_advert(void **state)
{
    struct stand *w = *state;

    w->bluez.bad_advert = true;
    w->port->listen(w->port->ctx, true);
    stand_await(w, &w->ear.sightings, 1, "a sighting");
    assert_int_equal(w->ear.sighting.rssi_dbm, 127);
    assert_false(w->ear.sighting.has_id_hash);
}

/* ---- data ---- */

static void send_n(struct stand *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t p[20] = {(uint8_t)i};

        assert_int_equal(w->port->send(w->port->ctx, p, sizeof p), 0);
    }
}

static void check_written(const struct stand *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(w->bluez.written[i][0], i);
    assert_string_equal(w->bluez.write_type, "command");
}

static void test_fragments_in_order(void **state)
{
    struct stand *w = *state;

    stand_connect(w, 60000);
    send_n(w, BT_FIFO);
    assert_int_equal(w->port->send(w->port->ctx, (const uint8_t *)"x", 1), GF_E_SPACE);
    stand_await(w, &w->bluez.calls.write, BT_FIFO, "all written");
    check_written(w, BT_FIFO);
    aid_bluez_notify(&w->bluez, (const uint8_t *)"hello", 5);
    aid_bluez_notify(&w->bluez, (const uint8_t *)"hello", 5);
    stand_await(w, &w->ear.fragments, 2, "notified twice, the same");
    assert_memory_equal(w->ear.fragment, "hello", 5);
}

static void test_busy_write_keeps_order(void **state)
{
    struct stand *w = *state;

    stand_connect(w, 60000);
    aid_bluez_rule(&w->bluez, "WriteValue", 3, BLUEZ "InProgress", "In Progress");
    send_n(w, 5);
    stand_await(w, &w->bluez.calls.write, 5, "all written");
    check_written(w, 5);
    assert_int_equal(w->ear.downs, 0);
}

static void check_write_fault(struct stand *w, int times, const char *error, const char *text,
                              int expect)
{
    stand_connect(w, 60000);
    aid_bluez_rule(&w->bluez, "WriteValue", times, error, text);
    send_n(w, 2);
    stand_await(w, &w->ear.downs, 1, "down");
    assert_int_equal(w->ear.down, expect);
    assert_int_equal(w->bluez.calls.disconnect, 1);
    assert_false(w->bluez.connected);
}

static void test_write_refused(void **state)
{
    check_write_fault(*state, -1, BLUEZ "Failed", "Operation failed with ATT error: 0x0e",
                      GF_E_LINK_LOST);
}

static void test_write_never_answers(void **state)
{
    check_write_fault(*state, -1, NULL, NULL, GF_E_LINK_TIMEOUT);
}

static void test_write_busy_for_ever(void **state)
{
    check_write_fault(*state, -1, BLUEZ "InProgress", "In Progress", GF_E_NOT_NOW);
}

static void test_ctl_write_never_answers(void **state)
{
    struct stand *w = *state;

    stand_connect(w, 60000);
    aid_bluez_rule(&w->bluez, "WriteValue", 1, NULL, NULL);
    assert_int_equal(w->port->write_ctl(w->port->ctx, (const uint8_t *)"12345", 5), 0);
    stand_await(w, &w->ear.written, 1, "an end");
    assert_int_equal(w->ear.wrote, GF_E_LINK_TIMEOUT);
    assert_int_equal(w->port->write_ctl(w->port->ctx, (const uint8_t *)"12345", 5), 0);
    stand_await(w, &w->ear.written, 2, "an end");
    assert_int_equal(w->ear.wrote, 0);
    assert_string_equal(w->bluez.write_type, "request");
}

/* Service Changed: what goes and comes back whole is used again, in READY it ends the link. */
static void test_services_change(void **state)
{
    struct stand *w = *state;

    stand_connect(w, 60000);
    aid_bluez_table(&w->bluez, false);
    stand_await(w, &w->ear.downs, 1, "down");
    assert_int_equal(w->ear.down, GF_E_LINK_LOST);
    assert_int_equal(w->bluez.calls.disconnect, 1);
}

/* The same while the services are being subscribed to: found again under other handles, the link is
 * used as if nothing had happened. */
static void change_services(struct stand *w)
{
    if (w->central->state == BT_SUBSCRIBE && w->bluez.calls.connect == 1 && w->bluez.has_table) {
        aid_bluez_table(&w->bluez, false);
        w->bluez.table = AID_TABLE_MOVED;
        aid_bluez_table(&w->bluez, true);
        w->hook = NULL;
        memset(w->bluez.rules, 0, sizeof w->bluez.rules);
    }
}

static void test_services_change_early(void **state)
{
    struct stand *w = *state;

    aid_bluez_rule(&w->bluez, "StartNotify", -1, NULL, NULL);
    w->hook = change_services;
    stand_connect(w, 60000);
    assert_int_equal(w->ear.ready, 1);
    assert_int_equal(w->bluez.calls.connect, 1);
    assert_string_equal(w->central->tx, AID_DEVICE "/service0020/char000d");
}

/* BlueZ would renew a subscription by itself as long as we are on the bus: it is ended. On the way
 * out the link is ended without waiting. */
static void test_ends(void **state)
{
    struct stand *w = *state;
    const struct gf_source *const sources[] = {&w->bluez.source};
    long long end = aid_now_ms() + STAND_BOUND_MS;

    stand_connect(w, 60000);
    w->port->disconnect(w->port->ctx);
    stand_await(w, &w->ear.downs, 1, "down");
    stand_await(w, &w->bluez.calls.unnotify, 1, "the subscription's end");
    assert_int_equal(w->bluez.calls.disconnect, 1);
    stand_connect(w, 60000);
    w->central = bt_central_free(w->central);
    while (w->bluez.calls.disconnect < 2 && aid_now_ms() < end)
        assert_int_equal(gf_loop_once(sources, 1, 1000), 0);
    assert_int_equal(w->bluez.calls.disconnect, 2);
    assert_false(w->bluez.connected);
}

/* A link that nobody asked for is left alone, and taken over when it is wanted. */
static void test_link_is_adopted(void **state)
{
    struct stand *w = *state;

    aid_bluez_heard(&w->bluez);
    w->bluez.connected = w->bluez.resolved = true;
    aid_bluez_table(&w->bluez, true);
    for (int i = 0; i < 5; i++)
        stand_step(w);
    assert_int_equal(w->bluez.calls.disconnect, 0);
    stand_connect(w, 60000);
    assert_int_equal(w->ear.ready, 1);
    assert_int_equal(w->bluez.calls.connect, 0);
    assert_int_equal(w->bluez.calls.start, 0);
}

/* Signals of anybody but the daemon are not believed. */
static void test_forged_signals(void **state)
{
    struct stand *w = *state;
    sd_bus *forger = NULL;

    stand_connect(w, 60000);
    assert_true(sd_bus_new(&forger) >= 0);
    assert_true(sd_bus_set_address(forger, w->bus.address) >= 0);
    assert_true(sd_bus_set_bus_client(forger, 1) >= 0);
    assert_true(sd_bus_start(forger) >= 0);
    (void)sd_bus_emit_signal(forger, AID_DEVICE, "org.freedesktop.DBus.Properties",
                             "PropertiesChanged", "sa{sv}as", "org.bluez.Device1", 1, "Connected",
                             "b", 0, 0);
    (void)sd_bus_flush(forger);
    aid_bluez_notify(&w->bluez, (const uint8_t *)"after", 5);
    stand_await(w, &w->ear.fragments, 1, "what came after it");
    assert_int_equal(w->ear.downs, 0);
    (void)sd_bus_close_unref(forger);
}

/* What a connection costs in calls: the bench relies on the counts. */
static void test_counters(void **state)
{
    struct stand *w = *state;
    const struct bt_counters *n = bt_central_counters(w->central);

    stand_connect(w, 60000);
    /* owner, objects, filter, start, stop, Connect, MTU, StartNotify, ReadValue */
    assert_int_equal(n->calls, 9);
    assert_int_equal(n->answers, 9);
    assert_int_equal(n->errors + n->timeouts, 0);
    assert_int_equal(n->opened, 1);
    send_n(w, 3);
    stand_await(w, &w->bluez.calls.write, 3, "written");
    stand_step(w);
    assert_int_equal(n->calls, 12);
}

#define T(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_no_adapter), T(test_denied), T(test_radio_told_to_new_listener),
        T(test_sightings), T(test_foreign_device),
        T(test_discovery_in_progress), T(test_malformed_advert),
        T(test_fragments_in_order), T(test_busy_write_keeps_order), T(test_write_refused),
        T(test_write_never_answers), T(test_write_busy_for_ever),
        T(test_ctl_write_never_answers), T(test_services_change),
        T(test_services_change_early), T(test_ends), T(test_link_is_adopted),
        T(test_forged_signals), T(test_counters),
    };

    gf_real_clock_rate(RATE);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
