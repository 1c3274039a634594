/*
 * test_bt_link.c - the laptop's port and the meter program on virtual-bluez: heard, connected,
 * spoken to, and every end that a link can take.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/real.h"
#include "tests/aid/dbus.h"
#include "tests/aid/link_world.h"

static void test_heard(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_port(w)->listen(lw_port(w)->ctx, true);
    lw_await(w, &w->seen.sightings, 0, "a sighting");
    assert_string_equal(w->seen.sighting.address, LW_METER_ADDRESS);
    assert_true(w->seen.sighting.has_id_hash);
    assert_memory_equal(w->seen.sighting.id_hash, w->id_hash, sizeof w->id_hash);
    lw_await(w, &w->seen.sightings, w->seen.sightings + 3, "more sightings");
    assert_string_equal(w->seen.sighting.name, "GASM-" LW_METER_ID);
    assert_int_equal(w->seen.radio, 0);

    lw_port(w)->listen(lw_port(w)->ctx, false);
    for (int i = 0; i < 5; i++)
        lw_step(w->central);
    assert_int_equal(w->seen.downs, 0);
}

static void test_dialogue(struct link_world *w, const char *mtu)
{
    lw_bluez(w, mtu);
    lw_meter(w);
    lw_connect(w);
    assert_int_equal(w->seen.link.att_mtu, atoi(mtu));
    assert_int_equal(w->seen.phases & ~1u, 0x3E);   /* all but LINK_CLOSING */
    lw_speak(w);
    assert_int_equal(w->seen.downs, 0);
    lw_port(w)->disconnect(lw_port(w)->ctx);
    lw_await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_CANCELLED);
    assert_int_equal(lw_port(w)->send(lw_port(w)->ctx, w->hello, 20), GF_E_LINK_LOST);
    lw_connect(w);
    lw_speak(w);
}

static void test_mtu_517(void **state)
{
    test_dialogue(*state, "517");
}

static void test_mtu_23(void **state)
{
    test_dialogue(*state, "23");
}

static void test_limits_of_send(void **state)
{
    struct link_world *w = *state;
    uint8_t p[600] = {0};
    int sent = 0, r = 0;

    lw_bluez(w, "100");
    lw_meter(w);
    assert_int_equal(lw_port(w)->send(lw_port(w)->ctx, p, 20), GF_E_LINK_LOST);
    assert_int_equal(lw_port(w)->write_ctl(lw_port(w)->ctx, p, 5), GF_E_LINK_LOST);
    lw_connect(w);
    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, "", 1000), GF_E_NOT_NOW);
    assert_int_equal(lw_port(w)->send(lw_port(w)->ctx, p, 98), GF_E_SPACE);
    assert_int_equal(lw_port(w)->write_ctl(lw_port(w)->ctx, p, 98), GF_E_SPACE);
    while (sent < 100 && (r = lw_port(w)->send(lw_port(w)->ctx, p, 97)) == 0)
        sent++;
    assert_int_equal(r, GF_E_SPACE);
    assert_true(sent >= 8);
}

static void test_ctl_refused(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_connect(w);
    assert_int_equal(lw_port(w)->write_ctl(lw_port(w)->ctx, (const uint8_t *)"nonsense", 8), 0);
    lw_await(w, &w->seen.written, 0, "CTL answered");
    assert_int_equal(w->seen.wrote, GF_E_GATT);
    lw_speak(w);
}

/* A write that is under way when the link ends has an end all the same. */
static void test_written_ends_once(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_connect(w);
    (void)kill(w->meter, SIGSTOP);
    assert_int_equal(lw_port(w)->write_ctl(lw_port(w)->ctx, (const uint8_t *)"12345", 5), 0);
    lw_port(w)->disconnect(lw_port(w)->ctx);
    lw_await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.written, 1);
    assert_int_equal(w->seen.wrote, GF_E_LINK_LOST);
    (void)kill(w->meter, SIGCONT);
}

static void test_meter_away(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, LW_METER_ADDRESS, 2000), 0);
    lw_await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_LINK_AWAY);
    assert_int_equal(w->seen.phases, 1u << LINK_SEARCHING | 1u << LINK_IDLE);

    /* It comes while it is searched. */
    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, "", LW_DEADLINE_MS), 0);
    for (int i = 0; i < 5; i++)
        lw_step(w->central);
    lw_meter(w);
    lw_await(w, &w->seen.ready, 0, "ready");
}

static void test_cancel_in_search(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, "", LW_DEADLINE_MS), 0);
    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, "", LW_DEADLINE_MS),
                     GF_E_NOT_NOW);
    lw_port(w)->disconnect(lw_port(w)->ctx);
    assert_int_equal(w->seen.downs + w->seen.phases, 0);    /* never from inside the call */
    lw_await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_CANCELLED);
    lw_port(w)->disconnect(lw_port(w)->ctx);      /* nothing to end: nothing follows */
    for (int i = 0; i < 3; i++)
        lw_step(w->central);
    assert_int_equal(w->seen.downs, 1);
}

static void test_daemon_restart(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_connect(w);
    lw_speak(w);
    (void)aid_kill(w->bluez);
    lw_await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_BLUEZ_AWAY);
    assert_int_equal(w->seen.radio, GF_E_BLUEZ_AWAY);

    /* Wished while it is away, done when it is back; the meter comes back by itself too. */
    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, "", LW_DEADLINE_MS), 0);
    lw_step(w->central);
    lw_bluez(w, "517");
    lw_await(w, &w->seen.ready, 1, "ready again");
    assert_int_equal(w->seen.radio, 0);
    assert_int_equal(w->seen.downs, 1);
    lw_speak(w);
}

static void test_daemon_restart_listening(void **state)
{
    struct link_world *w = *state;
    unsigned before;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_port(w)->listen(lw_port(w)->ctx, true);
    lw_await(w, &w->seen.sightings, 0, "a sighting");
    (void)aid_kill(w->bluez);
    lw_await_radio(w, GF_E_BLUEZ_AWAY);
    lw_bluez(w, "517");
    before = w->seen.sightings;
    lw_await(w, &w->seen.sightings, before, "a sighting after the restart");
}

static void test_no_daemon(void **state)
{
    struct link_world *w = *state;

    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, "", LW_DEADLINE_MS), 0);
    lw_await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_BLUEZ_AWAY);
    assert_int_equal(w->seen.radio, GF_E_BLUEZ_AWAY);
}

static void test_bus_lost(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_connect(w);
    aid_bus_stop(&w->bus);
    lw_await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_BLUEZ_AWAY);
    (void)aid_wait_exit(w->bluez, LW_BOUND_MS);
    w->bluez = 0;
}

static void test_meter_killed(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_connect(w);
    (void)aid_kill(w->meter);
    (void)close(w->meter_out);
    w->meter = 0;
    lw_await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_LINK_LOST);
    lw_meter(w);
    lw_connect(w);
    lw_speak(w);
}

static void set_powered(struct link_world *w, const char *adapter, bool on)
{
    struct aid_loop loop = {.n = 0};
    sd_bus *bus = aid_connect(&loop, w->bus.address);
    struct aid_call call = {0};

    assert_non_null(bus);
    aid_call_start(bus, &call, adapter, "org.freedesktop.DBus.Properties", "Set", "ssv",
                   "org.bluez.Adapter1", "Powered", "b", (int)on);
    assert_string_equal(aid_call_end(&loop, &call), "");
    aid_call_done(&call);
    aid_disconnect(&loop, bus);
}

static void test_adapter_power(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_connect(w);
    set_powered(w, "/org/bluez/hci0", false);
    lw_await(w, &w->seen.downs, 0, "down");
    assert_true(w->seen.down == GF_E_ADAPTER || w->seen.down == GF_E_LINK_LOST);
    lw_await_radio(w, GF_E_ADAPTER);
    set_powered(w, "/org/bluez/hci0", true);
    lw_await_radio(w, 0);
    lw_connect(w);

    /* The meter's own: its link falls, and it advertises again when the power is back. */
    set_powered(w, "/org/bluez/hci1", false);
    lw_await(w, &w->seen.downs, 1, "down");
    assert_int_equal(w->seen.down, GF_E_LINK_LOST);
    set_powered(w, "/org/bluez/hci1", true);
    assert_int_equal(aid_wait_line(w->meter_out, "ready", LW_BOUND_MS), 0);
    lw_connect(w);
    lw_speak(w);
}

/* A run that crashed leaves its link up, and the meter silent: the next run takes it over. */
static void test_stale_link(void **state)
{
    struct link_world *w = *state;
    struct aid_loop loop = {.n = 0};
    sd_bus *bus;
    struct aid_call call = {0};

    lw_bluez(w, "517");
    lw_meter(w);
    lw_port(w)->listen(lw_port(w)->ctx, true);
    lw_await(w, &w->seen.sightings, 0, "a sighting");
    lw_port(w)->listen(lw_port(w)->ctx, false);
    bus = aid_connect(&loop, w->bus.address);
    assert_non_null(bus);
    aid_call_start(bus, &call, "/org/bluez/hci0/dev_02_00_00_00_00_01", "org.bluez.Device1",
                   "Connect", NULL);
    assert_string_equal(aid_call_end(&loop, &call), "");
    aid_call_done(&call);
    aid_disconnect(&loop, bus);
    lw_connect(w);
    lw_speak(w);
}

/* A second technician hears nothing of an occupied meter, and the first does not notice him. */
static void test_second_central(void **state)
{
    struct link_world *w = *state;
    struct link_world other = {.central = lw_central(w, "02:00:00:00:00:02")};
    const struct link_port *second = bt_central_port(other.central);
    long long end = aid_now_ms() + LW_BOUND_MS;
    unsigned fragments;

    other.events = aid_ear_events(&other.seen);
    lw_bluez(w, "517");
    lw_meter(w);
    lw_connect(w);
    second->bind(second->ctx, &other.events);
    assert_int_equal(second->connect(second->ctx, w->id_hash, "", 20000), 0);
    while (other.seen.downs == 0 && aid_now_ms() < end) {
        lw_step(other.central);
        lw_step(w->central);
    }
    assert_int_equal(other.seen.downs, 1);
    assert_int_equal(other.seen.ready, 0);
    assert_int_equal(other.seen.down, GF_E_LINK_AWAY);   /* one link: the meter is silent */
    assert_int_equal(w->seen.downs, 0);
    fragments = w->seen.fragments;
    lw_speak(w);
    assert_true(w->seen.fragments > fragments);
    (void)bt_central_free(other.central);
}

/* A central that says nothing is dropped by the meter, which then serves the next. */
static void test_silent_central_dropped(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_connect(w);
    lw_speak(w);
    lw_await(w, &w->seen.downs, 0, "dropped by the meter");
    assert_int_equal(w->seen.down, GF_E_LINK_LOST);
    lw_connect(w);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, lw_setup, lw_teardown)
    const struct CMUnitTest tests[] = {
        T(test_heard), T(test_mtu_517), T(test_mtu_23), T(test_limits_of_send),
        T(test_ctl_refused), T(test_written_ends_once), T(test_meter_away),
        T(test_cancel_in_search), T(test_daemon_restart), T(test_daemon_restart_listening),
        T(test_no_daemon), T(test_bus_lost), T(test_meter_killed), T(test_adapter_power),
        T(test_stale_link), T(test_second_central), T(test_silent_central_dropped),
    };

    gf_real_clock_rate(LW_RATE);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
