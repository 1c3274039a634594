/*
 * test_bt_central.c - the central's states against a daemon that misbehaves: each way in which
 * BlueZ can lie, hang or lose things, and what becomes of the connection.
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
#include "common/host/real.h"
#include "tests/aid/central_stand.h"

#define RATE 20
#define BLUEZ "org.bluez.Error."
#define DBUS "org.freedesktop.DBus.Error."

/* ---- one fault each ---- */

static void objects_late(struct stand *w)
{
    if (w->bluez.resolved && w->central->state == BT_GRACE)
        aid_bluez_table(&w->bluez, true);
}

static void gone_while_resolving(struct stand *w)
{
    if (w->central->state == BT_RESOLVE && w->bluez.calls.connect == 1) {
        aid_bluez_remove(&w->bluez);
        w->bluez.never_resolved = false;
    }
    if (w->central->state == BT_SEARCH && !w->bluez.has_device)
        aid_bluez_heard(&w->bluez);
}

static void falls_while_reading(struct stand *w)
{
    if (w->central->state == BT_READ && w->bluez.calls.connect == 1)
        aid_bluez_drop(&w->bluez);
    if (w->bluez.calls.connect > 1)
        w->bluez.rules[0].times = 0;
}

static void comes_back(struct stand *w)
{
    if (w->central->state == BT_SEARCH && w->bluez.discovering)
        aid_bluez_heard(&w->bluez);
}

/* Connect() never answers, but the link comes: the property is what counts. */
static void link_without_answer(struct stand *w)
{
    if (w->central->state == BT_CONNECT && !w->bluez.connected) {
        w->bluez.connected = true;
        (void)sd_bus_emit_signal(w->bluez.bus, AID_DEVICE, "org.freedesktop.DBus.Properties",
                                 "PropertiesChanged", "sa{sv}as", "org.bluez.Device1", 1,
                                 "Connected", "b", 1, 0);
        aid_bluez_table(&w->bluez, true);
        w->bluez.resolved = true;
        (void)sd_bus_emit_signal(w->bluez.bus, AID_DEVICE, "org.freedesktop.DBus.Properties",
                                 "PropertiesChanged", "sa{sv}as", "org.bluez.Device1", 1,
                                 "ServicesResolved", "b", 1, 0);
    }
}

struct fault {
    const char *name;
    struct aid_rule rule;       /* member NULL: none */
    struct aid_bluez world;     /* its settings, added to the good ones */
    void (*hook)(struct stand *w);
    int expect;                 /* 0: ready in the end; else down with that */
    unsigned connects, removes; /* how many calls of Connect and RemoveDevice */
    unsigned attempts;          /* told before they are made; 0: it does not matter */
    unsigned disconnects;       /* that it needs at least: Connect() is ended before the next */
};

static const struct fault faults[] = {
    {.name = "none", .connects = 1},
    {.name = "filter refused", .rule = {"SetDiscoveryFilter", -1, BLUEZ "NotSupported", "no"},
     .connects = 1},
    {.name = "discovery in progress", .rule = {"StartDiscovery", 2, BLUEZ "InProgress", "busy"},
     .connects = 1},
    {.name = "discovery not ready", .rule = {"StartDiscovery", 2, BLUEZ "NotReady", "not ready"},
     .connects = 1},
    {.name = "discovery never answers", .rule = {"StartDiscovery", 1, NULL, NULL}, .connects = 1},
    {.name = "stop fails", .rule = {"StopDiscovery", -1, BLUEZ "Failed", "No discovery started"},
     .connects = 1},
    {.name = "stop never answers", .rule = {"StopDiscovery", -1, NULL, NULL}, .connects = 1},
    {.name = "gone at the stop of discovery", .world = {.gone_at_stop = true}, .connects = 1},
    {.name = "no signal strength", .world = {.no_rssi = true}, .connects = 1},
    {.name = "abort by local, link flaps", .world = {.flaps = 2}, .connects = 3},
    {.name = "abort by local", .connects = 4, .attempts = 3,
     .rule = {"Connect", 3, BLUEZ "Failed", "le-connection-abort-by-local"}},
    {.name = "abort, old words", .connects = 2,
     .rule = {"Connect", 1, BLUEZ "Failed", "Software caused connection abort"}},
    {.name = "abort for ever", .expect = GF_E_LINK_LOST, .connects = 9,
     .rule = {"Connect", -1, BLUEZ "Failed", "le-connection-abort-by-remote"}},
    {.name = "success without a link", .world = {.linkless = 2}, .connects = 3},
    {.name = "success without a link, always", .world = {.linkless = 1000},
     .expect = GF_E_LINK_TIMEOUT, .connects = 4},
    {.name = "connect in progress", .connects = 13,
     .rule = {"Connect", 12, BLUEZ "InProgress", "In Progress"}},
    {.name = "connect never answers", .rule = {"Connect", 1, NULL, NULL}, .connects = 2,
     .disconnects = 1},
    {.name = "link without an answer", .rule = {"Connect", -1, NULL, NULL},
     .hook = link_without_answer, .connects = 1},
    {.name = "object unknown", .connects = 2,
     .rule = {"Connect", 1, DBUS "UnknownObject", "Method Connect doesn't exist"}},
    {.name = "key missing, until it is forgotten", .hook = comes_back, .connects = 2, .removes = 1,
     .rule = {"Connect", 1, BLUEZ "Failed", "le-connection-key-missing"}},
    {.name = "key missing for ever", .hook = comes_back, .expect = GF_E_GATT, .connects = 4,
     .removes = 1, .rule = {"Connect", -1, BLUEZ "Failed", "le-connection-key-missing"}},
    {.name = "too many links", .expect = GF_E_ADAPTER, .connects = 1,
     .rule = {"Connect", -1, BLUEZ "Failed", "le-connection-concurrent-connection-limit"}},
    {.name = "not allowed", .expect = GF_E_BLUEZ_DENIED, .connects = 1,
     .rule = {"Connect", -1, DBUS "AccessDenied", "Rejected send message"}},
    {.name = "not allowed to listen", .expect = GF_E_BLUEZ_DENIED,
     .rule = {"StartDiscovery", -1, DBUS "AccessDenied", "Rejected send message"}},
    {.name = "removed without Connected=false", .hook = gone_while_resolving, .connects = 2,
     .world = {.never_resolved = true}},
    {.name = "the link is not told", .world = {.untold = true}, .connects = 1},
    {.name = "never resolved", .world = {.never_resolved = true}, .expect = GF_E_LINK_TIMEOUT,
     .connects = 4},
    {.name = "resolved without services, once", .world = {.table = AID_TABLE_NONE, .tables_bad = 2},
     .hook = comes_back, .connects = 2, .removes = 1},
    {.name = "resolved without services, always", .world = {.table = AID_TABLE_NONE},
     .hook = comes_back, .expect = GF_E_GATT, .connects = 4, .removes = 1},
    {.name = "services late", .world = {.late_objects = true}, .hook = objects_late,
     .connects = 1},
    {.name = "characteristic missing", .world = {.table = AID_TABLE_NO_CTL}, .hook = comes_back,
     .expect = GF_E_GATT, .connects = 4, .removes = 1},
    {.name = "wrong flags", .world = {.table = AID_TABLE_RX_BOTH_WRITES}, .hook = comes_back,
     .expect = GF_E_GATT, .connects = 4, .removes = 1},
    {.name = "same UUIDs in another service", .world = {.table = AID_TABLE_TWICE}, .connects = 1},
    {.name = "no MTU", .world = {.no_mtu = true}, .connects = 1},
    {.name = "MTU too small", .world = {.mtu = 5}, .connects = 1},
    {.name = "MTU never answers", .rule = {"Get", 1, NULL, NULL}, .connects = 2},
    {.name = "already notifying", .rule = {"StartNotify", 1, BLUEZ "InProgress", "In Progress"},
     .connects = 1},
    {.name = "notifying for ever", .rule = {"StartNotify", 2, BLUEZ "InProgress", "In Progress"},
     .connects = 2},
    {.name = "not connected while subscribing", .connects = 2,
     .rule = {"StartNotify", 1, BLUEZ "Failed", "Not connected"}},
    {.name = "subscribing never ends", .rule = {"StartNotify", 1, NULL, NULL}, .connects = 2},
    {.name = "subscribing refused: the handle is another's", .hook = comes_back, .connects = 2,
     .removes = 1,
     .rule = {"StartNotify", 1, BLUEZ "Failed", "Operation failed with ATT error: 0x01"}},
    {.name = "CTL is another attribute, until it is forgotten", .world = {.ctls_bad = 1},
     .hook = comes_back, .connects = 2, .removes = 1},
    {.name = "read refused", .hook = comes_back, .connects = 2, .removes = 1,
     .rule = {"ReadValue", 1, BLUEZ "Failed", "Operation failed with ATT error: 0x0e"}},
    {.name = "occupied", .expect = GF_E_NOT_NOW, .connects = 9,
     .rule = {"ReadValue", -1, BLUEZ "NotAuthorized", "Operation Not Authorized"}},
    {.name = "falls while CTL is read", .rule = {"ReadValue", -1, NULL, NULL},
     .hook = falls_while_reading, .connects = 2},
    {.name = "disconnect never answers", .connects = 2, .world = {.linkless = 1},
     .rule = {"Disconnect", -1, NULL, NULL}},
    {.name = "list of objects refused, then not",
     .rule = {"GetManagedObjects", 2, BLUEZ "Failed", "not now"}, .connects = 1},
};

static void set_world(struct aid_bluez *b, const struct fault *f)
{
    const struct aid_bluez *with = &f->world;

    b->gone_at_stop = with->gone_at_stop;
    b->no_rssi = with->no_rssi;
    b->flaps = with->flaps;
    b->linkless = with->linkless;
    b->never_resolved = with->never_resolved;
    b->untold = with->untold;
    b->table = with->table;
    b->tables_bad = with->tables_bad;
    b->late_objects = with->late_objects;
    b->no_mtu = with->no_mtu;
    b->ctls_bad = with->ctls_bad;
    b->mtu = with->mtu != 0 ? with->mtu : b->mtu;
    if (f->rule.member != NULL)
        aid_bluez_rule(b, f->rule.member, f->rule.times, f->rule.error, f->rule.text);
}

static void check_fault(const struct fault *f)
{
    void *state = NULL;
    struct stand *w;

    print_message("# %s\n", f->name);
    (void)stand_setup(&state);
    w = state;
    w->hook = f->hook;
    set_world(&w->bluez, f);
    stand_connect(w, 300000);
    if (f->expect == 0 && w->ear.ready != 1)
        fail_msg("%s: down %d %s", f->name, w->ear.down, w->ear.detail);
    assert_int_equal(w->ear.down, f->expect);
    assert_int_equal(w->ear.downs, f->expect != 0);
    assert_int_equal(w->bluez.calls.connect, f->connects);
    assert_int_equal(w->bluez.calls.remove, f->removes);
    assert_true(w->bluez.calls.disconnect >= f->disconnects);
    if (strcmp(f->name, "gone at the stop of discovery") != 0 &&
        strncmp(f->name, "stop", 4) != 0 && strcmp(f->name, "object unknown") != 0)
        assert_false(w->bluez.connect_while_scanning);
    if (f->attempts > 0)
        assert_int_equal(w->ear.attempts, f->attempts);
    if (f->expect == 0) {
        assert_string_equal(w->central->rx, AID_RX);
        assert_string_equal(w->central->tx, AID_TX);
        assert_string_equal(w->central->ctl, AID_CTL);
        assert_int_equal(w->ear.link.ctl_len, MC_CTL_LEN);
        assert_memory_equal(w->ear.link.ctl, w->bluez.ctl, MC_CTL_LEN);
        assert_int_equal(w->ear.link.att_mtu, w->bluez.no_mtu || w->bluez.mtu < 23 ? 23 : 517);
    } else {
        assert_false(w->bluez.connected);
    }
    (void)stand_teardown(&state);
}

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        check_fault(&faults[i]);
}

/* ---- cancelling, and the deadline, in every state ---- */

struct place {
    enum bt_state state;
    struct aid_rule rule;       /* what holds it there */
    bool off_air, never_resolved, bare, late;
};

static const struct place places[] = {
    {.state = BT_SEARCH, .off_air = true},
    {.state = BT_QUIET, .rule = {"StopDiscovery", -1, NULL, NULL}},
    {.state = BT_CONNECT, .rule = {"Connect", -1, NULL, NULL}},
    {.state = BT_RESOLVE, .never_resolved = true},
    {.state = BT_GRACE, .late = true},
    {.state = BT_MTU, .rule = {"Get", -1, NULL, NULL}},
    {.state = BT_SUBSCRIBE, .rule = {"StartNotify", -1, NULL, NULL}},
    {.state = BT_READ, .rule = {"ReadValue", -1, NULL, NULL}},
    {.state = BT_PAUSE, .rule = {"Connect", -1, BLUEZ "InProgress", "In Progress"}},
    {.state = BT_FORGET, .bare = true, .rule = {"RemoveDevice", -1, NULL, NULL}},
    {.state = BT_READY},
    {.state = BT_DROP, .rule = {"Disconnect", -1, NULL, NULL}, .bare = true},
};

/* Bring a new world into that state; false with a failed test. */
static struct stand *bring(const struct place *p, int64_t deadline_ms)
{
    long long end = aid_now_ms() + STAND_BOUND_MS;
    void *state = NULL;
    struct stand *w;

    (void)stand_setup(&state);
    w = state;
    w->bluez.on_air = !p->off_air;
    w->bluez.never_resolved = p->never_resolved;
    w->bluez.late_objects = p->late;
    w->bluez.table = p->bare ? AID_TABLE_NONE : AID_TABLE_GOOD;
    if (p->rule.member != NULL)
        aid_bluez_rule(&w->bluez, p->rule.member, -1, p->rule.error, p->rule.text);
    assert_int_equal(w->port->connect(w->port->ctx, w->bluez.id_hash, "", deadline_ms), 0);
    while (w->central->state != p->state && w->ear.downs == 0 && aid_now_ms() < end)
        stand_step(w);
    if (w->central->state != p->state)
        fail_msg("state %d is not reached, but %d", (int)p->state, (int)w->central->state);
    return w;
}

static void finish(struct stand *w, int code)
{
    void *state = w;

    stand_await(w, &w->ear.downs, 1, "down");
    for (int i = 0; i < 3; i++)
        stand_step(w);
    assert_int_equal(w->ear.downs, 1);
    assert_int_equal(w->ear.down, code);
    assert_int_equal(w->central->state, BT_IDLE);
    (void)stand_teardown(&state);
}

static void test_cancel_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct stand *w = bring(&places[i], 600000);

        print_message("# cancel in %s\n", bt_steps[places[i].state].name);
        w->port->disconnect(w->port->ctx);
        assert_int_equal(w->ear.downs, 0);
        finish(w, GF_E_CANCELLED);
    }
}

static void test_deadline_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct stand *w;

        if (places[i].state == BT_READY)
            continue;       /* reached in time */
        w = bring(&places[i], 600000);
        print_message("# deadline in %s\n", bt_steps[places[i].state].name);
        w->central->deadline_ms = bt_now(w->central);
        finish(w, places[i].state == BT_SEARCH ? GF_E_LINK_AWAY : GF_E_LINK_TIMEOUT);
    }
}

/* The daemon vanishes in every state, and is good when it is back: the attempt goes on. */
static void test_restart_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct stand *w = bring(&places[i], 600000);
        bool was_ready = places[i].state == BT_READY;
        void *gone = w;

        print_message("# restart in %s\n", bt_steps[places[i].state].name);
        aid_bluez_stop(&w->bluez);
        stand_await(w, &w->ear.radios, 2, "radio away");
        assert_int_equal(w->ear.radio, GF_E_BLUEZ_AWAY);
        assert_int_equal(w->ear.downs, was_ready);
        assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
        if (was_ready)
            assert_int_equal(
                w->port->connect(w->port->ctx, w->bluez.id_hash, "", 600000), 0);
        stand_await(w, &w->ear.ready, was_ready ? 2 : 1, "ready");
        assert_int_equal(w->ear.radio, 0);
        (void)stand_teardown(&gone);
    }
}

static void test_power_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct stand *w = bring(&places[i], 600000);
        void *gone = w;

        print_message("# power off in %s\n", bt_steps[places[i].state].name);
        memset(w->bluez.rules, 0, sizeof w->bluez.rules);
        w->bluez.never_resolved = w->bluez.late_objects = false;
        w->bluez.table = AID_TABLE_GOOD;
        w->bluez.on_air = true;
        aid_bluez_power(&w->bluez, false);
        stand_await(w, &w->ear.radios, 2, "radio off");
        assert_int_equal(w->ear.radio, GF_E_ADAPTER);
        aid_bluez_power(&w->bluez, true);
        if (places[i].state == BT_READY) {
            assert_int_equal(w->ear.down, GF_E_LINK_LOST);
            assert_int_equal(
                w->port->connect(w->port->ctx, w->bluez.id_hash, "", 600000), 0);
        }
        stand_await(w, &w->ear.ready, places[i].state == BT_READY ? 2 : 1, "ready");

        /* What was asked before it was off is answered now, to nobody. */
        aid_bluez_answer_late(&w->bluez);
        for (int n = 0; n < 5; n++)
            stand_step(w);
        assert_int_equal(w->central->state, BT_READY);
        (void)stand_teardown(&gone);
    }
}

/* ---- what is told, and what is not ---- */

static void check_attempt(const struct stand *w, int number, int most, int code, const char *why,
                          int64_t again_in_ms)
{
    assert_int_equal(w->ear.attempt.number, number);
    assert_int_equal(w->ear.attempt.most, most);
    assert_int_equal(w->ear.attempt.code, code);
    assert_string_equal(w->ear.attempt.detail, why);
    assert_int_equal(w->ear.attempt.again_in_ms, again_in_ms);
}

/* Before each further attempt it is told which it is, why, and when; and it can be cancelled. */
static void test_attempts_told(void **state)
{
    static const char abort[] = "le-connection-abort-by-remote";
    void *gone = NULL;
    struct stand *w;

    (void)state;
    (void)stand_setup(&gone);
    w = gone;
    aid_bluez_rule(&w->bluez, "Connect", 3, BLUEZ "Failed", abort);
    aid_bluez_rule(&w->bluez, "Connect", 2, BLUEZ "InProgress", "In Progress");
    aid_bluez_rule(&w->bluez, "StartNotify", -1, BLUEZ "Failed", "ATT error: 0x01");
    assert_int_equal(w->port->connect(w->port->ctx, w->bluez.id_hash, "", 600000), 0);
    stand_await(w, &w->ear.attempts, 1, "the second attempt");
    check_attempt(w, 2, 9, GF_E_LINK_LOST, abort, 250);
    stand_await(w, &w->ear.attempts, 2, "the third attempt");
    check_attempt(w, 3, 9, GF_E_LINK_LOST, abort, 500);
    stand_await(w, &w->ear.attempts, 3, "the fourth attempt");
    check_attempt(w, 4, 9, GF_E_LINK_LOST, abort, 1000);
    stand_await(w, &w->ear.attempts, 4, "the attempt after the first that BlueZ was busy for");
    check_attempt(w, 2, 0, GF_E_NOT_NOW, "In Progress", 500);
    stand_await(w, &w->ear.attempts, 5, "the attempt after the second");
    check_attempt(w, 3, 0, GF_E_NOT_NOW, "In Progress", 500);
    stand_await(w, &w->ear.attempts, 6, "the attempt with the device forgotten");
    check_attempt(w, 2, 4, GF_E_GATT, "ATT error: 0x01", 1000);
    assert_int_equal(w->central->state, BT_PAUSE);
    w->port->disconnect(w->port->ctx);
    stand_await(w, &w->ear.downs, 1, "down");
    assert_int_equal(w->ear.down, GF_E_CANCELLED);
    assert_int_equal(w->ear.attempts, 6);
    (void)stand_teardown(&gone);
}

/* What is notified before ready() is of an earlier link, and nobody's. */
static void test_early_notification(void **state)
{
    const struct place reading = {.state = BT_READ, .rule = {"ReadValue", -1, NULL, NULL}};
    struct stand *w = bring(&reading, 60000);
    void *gone = w;

    (void)state;
    aid_bluez_notify(&w->bluez, (const uint8_t *)"ghost", 5);
    for (int i = 0; i < 5; i++)
        stand_step(w);
    assert_int_equal(bt_central_counters(w->central)->values, 1);
    assert_int_equal(w->ear.fragments, 0);
    (void)stand_teardown(&gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_cancel_everywhere),
        cmocka_unit_test(test_deadline_everywhere),
        cmocka_unit_test(test_restart_everywhere),
        cmocka_unit_test(test_power_everywhere),
        cmocka_unit_test(test_attempts_told),
        cmocka_unit_test(test_early_notification),
    };

    gf_real_clock_rate(RATE);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
