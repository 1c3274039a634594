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

#include "bt/central.h"
#include "bt/central_state.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "tests/aid/bluez.h"
#include "tests/aid/proc.h"

#define RATE 20
#define BOUND_MS 20000          /* real time */
#define BLUEZ "org.bluez.Error."
#define DBUS "org.freedesktop.DBus.Error."

struct world {
    struct aid_bus bus;
    struct aid_bluez bluez;
    struct bt_central *central;
    const struct link_port *port;
    struct link_events events;
    unsigned sightings, ready, downs, written, radios, fragments;
    int down, radio, wrote;
    char detail[200];
    struct link_sighting sighting;
    struct link_ready link;
    uint8_t fragment[32];
    void (*hook)(struct world *w);      /* in each turn of the loop */
};

static void on_sighting(void *ctx, const struct link_sighting *s)
{
    struct world *w = ctx;

    w->sightings++;
    w->sighting = *s;
}

static void on_phase(void *ctx, enum link_phase phase)
{
    (void)ctx;
    (void)phase;
}

static void on_ready(void *ctx, const struct link_ready *ready)
{
    struct world *w = ctx;

    w->ready++;
    w->link = *ready;
}

static void on_fragment(void *ctx, const uint8_t *p, size_t n)
{
    struct world *w = ctx;

    w->fragments++;
    memcpy(w->fragment, p, n < sizeof w->fragment ? n : sizeof w->fragment);
}

static void on_written(void *ctx, int code)
{
    struct world *w = ctx;

    w->written++;
    w->wrote = code;
}

static void on_down(void *ctx, int code, const char *detail)
{
    struct world *w = ctx;

    w->downs++;
    w->down = code;
    (void)snprintf(w->detail, sizeof w->detail, "%s", detail);
}

static void on_radio(void *ctx, int code, const char *detail)
{
    struct world *w = ctx;

    (void)detail;
    w->radios++;
    w->radio = code;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct bt_central_config config = {.clock = gf_real_clock()};

    assert_non_null(w);
    assert_int_equal(aid_bus_start(&w->bus), 0);
    assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
    config.bus_address = w->bus.address;
    w->central = bt_central_new(&config);
    assert_non_null(w->central);
    w->port = bt_central_port(w->central);
    w->events = (struct link_events){w, on_sighting, on_phase, on_ready, on_fragment, on_written,
                                     on_down, on_radio};
    w->port->bind(w->port->ctx, &w->events);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    (void)bt_central_free(w->central);
    aid_bluez_stop(&w->bluez);
    aid_bus_stop(&w->bus);
    free(w);
    return 0;
}

static void step(struct world *w)
{
    const struct gf_source *const sources[] = {bt_central_source(w->central), &w->bluez.source};

    assert_int_equal(gf_loop_once(sources, 2, 20), 0);
    if (w->hook != NULL)
        w->hook(w);
}

static void await(struct world *w, const unsigned *n, unsigned least, const char *what)
{
    long long end = aid_now_ms() + BOUND_MS;

    while (*n < least && aid_now_ms() < end)
        step(w);
    if (*n < least)
        fail_msg("never: %s (state %d, ready %u, down %d %s, radio %d)", what,
                 (int)w->central->state, w->ready, w->down, w->detail, w->radio);
}

static void await_end(struct world *w)
{
    long long end = aid_now_ms() + BOUND_MS;
    unsigned had = w->ready + w->downs;

    while (w->ready + w->downs == had && aid_now_ms() < end)
        step(w);
    if (w->ready + w->downs == had)
        fail_msg("neither ready nor down (state %d)", (int)w->central->state);
}

static void connect_now(struct world *w, int64_t deadline_ms)
{
    assert_int_equal(w->port->connect(w->port->ctx, w->bluez.id_hash, "", deadline_ms), 0);
    await_end(w);
}

/* ---- one fault each ---- */

static void objects_late(struct world *w)
{
    if (w->bluez.resolved && w->central->state == BT_GRACE)
        aid_bluez_table(&w->bluez, true);
}

static void gone_while_resolving(struct world *w)
{
    if (w->central->state == BT_RESOLVE && w->bluez.calls.connect == 1) {
        aid_bluez_remove(&w->bluez);
        w->bluez.never_resolved = false;
    }
    if (w->central->state == BT_SEARCH && !w->bluez.has_device)
        aid_bluez_heard(&w->bluez);
}

static void falls_while_reading(struct world *w)
{
    if (w->central->state == BT_READ && w->bluez.calls.connect == 1)
        aid_bluez_drop(&w->bluez);
    if (w->bluez.calls.connect > 1)
        w->bluez.rules[0].times = 0;
}

static void comes_back(struct world *w)
{
    if (w->central->state == BT_SEARCH && w->bluez.discovering)
        aid_bluez_heard(&w->bluez);
}

/* Connect() never answers, but the link comes: the property is what counts. */
static void link_without_answer(struct world *w)
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
    void (*hook)(struct world *w);
    int expect;                 /* 0: ready in the end; else down with that */
    unsigned connects, removes; /* how many calls of Connect and RemoveDevice */
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
    {.name = "abort by local", .connects = 4,
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
    {.name = "key missing", .expect = GF_E_GATT, .connects = 1,
     .rule = {"Connect", -1, BLUEZ "Failed", "le-connection-key-missing"}},
    {.name = "too many links", .expect = GF_E_ADAPTER, .connects = 1,
     .rule = {"Connect", -1, BLUEZ "Failed", "le-connection-concurrent-connection-limit"}},
    {.name = "not allowed", .expect = GF_E_BLUEZ_DENIED, .connects = 1,
     .rule = {"Connect", -1, DBUS "AccessDenied", "Rejected send message"}},
    {.name = "removed without Connected=false", .hook = gone_while_resolving, .connects = 2,
     .world = {.never_resolved = true}},
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
    {.name = "read refused", .connects = 2,
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
    b->table = with->table;
    b->tables_bad = with->tables_bad;
    b->late_objects = with->late_objects;
    b->no_mtu = with->no_mtu;
    b->mtu = with->mtu != 0 ? with->mtu : b->mtu;
    if (f->rule.member != NULL)
        aid_bluez_rule(b, f->rule.member, f->rule.times, f->rule.error, f->rule.text);
}

static void check_fault(const struct fault *f)
{
    void *state = NULL;
    struct world *w;

    print_message("# %s\n", f->name);
    (void)setup(&state);
    w = state;
    w->hook = f->hook;
    set_world(&w->bluez, f);
    connect_now(w, 300000);
    if (f->expect == 0 && w->ready != 1)
        fail_msg("%s: down %d %s", f->name, w->down, w->detail);
    assert_int_equal(w->down, f->expect);
    assert_int_equal(w->downs, f->expect != 0);
    assert_int_equal(w->bluez.calls.connect, f->connects);
    assert_int_equal(w->bluez.calls.remove, f->removes);
    assert_true(w->bluez.calls.disconnect >= f->disconnects);
    if (strcmp(f->name, "gone at the stop of discovery") != 0 &&
        strncmp(f->name, "stop", 4) != 0 && strcmp(f->name, "object unknown") != 0)
        assert_false(w->bluez.connect_while_scanning);
    if (f->expect == 0) {
        assert_string_equal(w->central->rx, AID_RX);
        assert_string_equal(w->central->tx, AID_TX);
        assert_string_equal(w->central->ctl, AID_CTL);
        assert_int_equal(w->link.ctl_len, 3);
        assert_memory_equal(w->link.ctl, "\1\2\3", 3);
        assert_int_equal(w->link.att_mtu, w->bluez.no_mtu || w->bluez.mtu < 23 ? 23 : 517);
    } else {
        assert_false(w->bluez.connected);
    }
    (void)teardown(&state);
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
static struct world *bring(const struct place *p, int64_t deadline_ms)
{
    long long end = aid_now_ms() + BOUND_MS;
    void *state = NULL;
    struct world *w;

    (void)setup(&state);
    w = state;
    w->bluez.on_air = !p->off_air;
    w->bluez.never_resolved = p->never_resolved;
    w->bluez.late_objects = p->late;
    w->bluez.table = p->bare ? AID_TABLE_NONE : AID_TABLE_GOOD;
    if (p->rule.member != NULL)
        aid_bluez_rule(&w->bluez, p->rule.member, -1, p->rule.error, p->rule.text);
    assert_int_equal(w->port->connect(w->port->ctx, w->bluez.id_hash, "", deadline_ms), 0);
    while (w->central->state != p->state && w->downs == 0 && aid_now_ms() < end)
        step(w);
    if (w->central->state != p->state)
        fail_msg("state %d is not reached, but %d", (int)p->state, (int)w->central->state);
    return w;
}

static void finish(struct world *w, int code)
{
    void *state = w;

    await(w, &w->downs, 1, "down");
    for (int i = 0; i < 3; i++)
        step(w);
    assert_int_equal(w->downs, 1);
    assert_int_equal(w->down, code);
    assert_int_equal(w->central->state, BT_IDLE);
    (void)teardown(&state);
}

static void test_cancel_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct world *w = bring(&places[i], 600000);

        print_message("# cancel in %s\n", bt_steps[places[i].state].name);
        w->port->disconnect(w->port->ctx);
        assert_int_equal(w->downs, 0);
        finish(w, GF_E_CANCELLED);
    }
}

static void test_deadline_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct world *w;

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
        struct world *w = bring(&places[i], 600000);
        bool was_ready = places[i].state == BT_READY;
        void *gone = w;

        print_message("# restart in %s\n", bt_steps[places[i].state].name);
        aid_bluez_stop(&w->bluez);
        await(w, &w->radios, 2, "radio away");
        assert_int_equal(w->radio, GF_E_BLUEZ_AWAY);
        assert_int_equal(w->downs, was_ready);
        assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
        if (was_ready)
            assert_int_equal(
                w->port->connect(w->port->ctx, w->bluez.id_hash, "", 600000), 0);
        await(w, &w->ready, was_ready ? 2 : 1, "ready");
        assert_int_equal(w->radio, 0);
        (void)teardown(&gone);
    }
}

static void test_power_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct world *w = bring(&places[i], 600000);
        void *gone = w;

        print_message("# power off in %s\n", bt_steps[places[i].state].name);
        memset(w->bluez.rules, 0, sizeof w->bluez.rules);
        w->bluez.never_resolved = w->bluez.late_objects = false;
        w->bluez.table = AID_TABLE_GOOD;
        w->bluez.on_air = true;
        aid_bluez_power(&w->bluez, false);
        await(w, &w->radios, 2, "radio off");
        assert_int_equal(w->radio, GF_E_ADAPTER);
        aid_bluez_power(&w->bluez, true);
        if (places[i].state == BT_READY) {
            assert_int_equal(w->down, GF_E_LINK_LOST);
            assert_int_equal(
                w->port->connect(w->port->ctx, w->bluez.id_hash, "", 600000), 0);
        }
        await(w, &w->ready, places[i].state == BT_READY ? 2 : 1, "ready");

        /* What was asked before it was off is answered now, to nobody. */
        aid_bluez_answer_late(&w->bluez);
        for (int n = 0; n < 5; n++)
            step(w);
        assert_int_equal(w->central->state, BT_READY);
        (void)teardown(&gone);
    }
}

/* ---- no radio ---- */

static void test_no_adapter(void **state)
{
    struct world *w = *state;

    w->bluez.powered = false;
    connect_now(w, 60000);
    assert_int_equal(w->down, GF_E_ADAPTER);
    assert_int_equal(w->radio, GF_E_ADAPTER);
    assert_string_equal(w->detail, "02:00:00:00:00:00 is switched off");
}

static void test_denied(void **state)
{
    struct world *w = *state;

    aid_bluez_rule(&w->bluez, "GetManagedObjects", -1, DBUS "AccessDenied", "Rejected");
    connect_now(w, 60000);
    assert_int_equal(w->down, GF_E_BLUEZ_DENIED);
    assert_int_equal(w->radio, GF_E_BLUEZ_DENIED);
}

/* Who begins to listen to the port is told how the radio is, from the loop. */
static void test_radio_told_to_new_listener(void **state)
{
    struct world *w = *state;

    await(w, &w->radios, 1, "the radio");
    assert_int_equal(w->radio, 0);
    w->radio = 1;
    w->port->bind(w->port->ctx, NULL);
    step(w);
    assert_int_equal(w->radios, 1);
    w->port->bind(w->port->ctx, &w->events);
    assert_int_equal(w->radios, 1);
    await(w, &w->radios, 2, "the radio again");
    assert_int_equal(w->radio, 0);
}

/* ---- listening ---- */

static void test_sightings(void **state)
{
    struct world *w = *state;

    w->port->listen(w->port->ctx, true);
    await(w, &w->sightings, 1, "a sighting");
    assert_string_equal(w->sighting.address, AID_DEVICE_ADDRESS);
    assert_string_equal(w->sighting.name, "GASM?[2J");
    assert_int_equal(w->sighting.rssi_dbm, -60);
    assert_true(w->sighting.has_id_hash);
    assert_memory_equal(w->sighting.id_hash, w->bluez.id_hash, 6);
    aid_bluez_heard(&w->bluez);
    await(w, &w->sightings, 2, "another");
    assert_int_equal(w->sighting.rssi_dbm, -61);

    /* Discovery that ends without us is started again. */
    aid_bluez_scan_stops(&w->bluez);
    await(w, &w->bluez.calls.start, 2, "discovery again");
    await(w, &w->sightings, 3, "a sighting again");

    w->port->listen(w->port->ctx, false);
    await(w, &w->bluez.calls.stop, 1, "the end of discovery");
    aid_bluez_heard(&w->bluez);
    for (int i = 0; i < 3; i++)
        step(w);
    assert_int_equal(w->sightings, 3);
}

/* Only meters are shown, whatever else the daemon's merged filters let through. */
static void test_foreign_device(void **state)
{
    struct world *w = *state;

    w->bluez.foreign = true;
    w->port->listen(w->port->ctx, true);
    await(w, &w->bluez.calls.start, 1, "discovery");
    aid_bluez_heard(&w->bluez);
    for (int i = 0; i < 5; i++)
        step(w);
    assert_non_null(bt_mirror_find(bt_bus_mirror(w->central->bus), AID_DEVICE));
    assert_int_equal(w->sightings, 0);
}

/* "In progress" is the answer to whom discovery runs for already. */
static void test_discovery_in_progress(void **state)
{
    struct world *w = *state;

    w->bluez.discovering = true;
    aid_bluez_rule(&w->bluez, "StartDiscovery", -1, BLUEZ "InProgress", "In Progress");
    w->port->listen(w->port->ctx, true);
    await(w, &w->bluez.calls.filter, 1, "a filter");
    for (int i = 0; i < 5; i++)
        step(w);
    aid_bluez_heard(&w->bluez);
    await(w, &w->sightings, 1, "a sighting");
    assert_int_equal(w->bluez.calls.filter, 1);
}

static void test_malformed_advert(void **state)
{
    struct world *w = *state;

    w->bluez.bad_advert = true;
    w->port->listen(w->port->ctx, true);
    await(w, &w->sightings, 1, "a sighting");
    assert_int_equal(w->sighting.rssi_dbm, 127);
    assert_false(w->sighting.has_id_hash);
}

/* ---- data ---- */

static void send_n(struct world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t p[20] = {(uint8_t)i};

        assert_int_equal(w->port->send(w->port->ctx, p, sizeof p), 0);
    }
}

static void check_written(const struct world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(w->bluez.written[i][0], i);
    assert_string_equal(w->bluez.write_type, "command");
}

static void test_fragments_in_order(void **state)
{
    struct world *w = *state;

    connect_now(w, 60000);
    send_n(w, BT_FIFO);
    assert_int_equal(w->port->send(w->port->ctx, (const uint8_t *)"x", 1), GF_E_SPACE);
    await(w, &w->bluez.calls.write, BT_FIFO, "all written");
    check_written(w, BT_FIFO);
    aid_bluez_notify(&w->bluez, (const uint8_t *)"hello", 5);
    aid_bluez_notify(&w->bluez, (const uint8_t *)"hello", 5);
    await(w, &w->fragments, 2, "notified twice, the same");
    assert_memory_equal(w->fragment, "hello", 5);
}

static void test_busy_write_keeps_order(void **state)
{
    struct world *w = *state;

    connect_now(w, 60000);
    aid_bluez_rule(&w->bluez, "WriteValue", 3, BLUEZ "InProgress", "In Progress");
    send_n(w, 5);
    await(w, &w->bluez.calls.write, 5, "all written");
    check_written(w, 5);
    assert_int_equal(w->downs, 0);
}

static void check_write_fault(struct world *w, int times, const char *error, const char *text,
                              int expect)
{
    connect_now(w, 60000);
    aid_bluez_rule(&w->bluez, "WriteValue", times, error, text);
    send_n(w, 2);
    await(w, &w->downs, 1, "down");
    assert_int_equal(w->down, expect);
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
    struct world *w = *state;

    connect_now(w, 60000);
    aid_bluez_rule(&w->bluez, "WriteValue", 1, NULL, NULL);
    assert_int_equal(w->port->write_ctl(w->port->ctx, (const uint8_t *)"12345", 5), 0);
    await(w, &w->written, 1, "an end");
    assert_int_equal(w->wrote, GF_E_LINK_TIMEOUT);
    assert_int_equal(w->port->write_ctl(w->port->ctx, (const uint8_t *)"12345", 5), 0);
    await(w, &w->written, 2, "an end");
    assert_int_equal(w->wrote, 0);
    assert_string_equal(w->bluez.write_type, "request");
}

/* What is notified before ready() is of an earlier link, and nobody's. */
static void test_early_notification(void **state)
{
    const struct place reading = {.state = BT_READ, .rule = {"ReadValue", -1, NULL, NULL}};
    struct world *w = bring(&reading, 60000);
    void *gone = w;

    (void)state;
    aid_bluez_notify(&w->bluez, (const uint8_t *)"ghost", 5);
    for (int i = 0; i < 5; i++)
        step(w);
    assert_int_equal(bt_central_counters(w->central)->values, 1);
    assert_int_equal(w->fragments, 0);
    (void)teardown(&gone);
}

/* Service Changed: what goes and comes back whole is used again, in READY it ends the link. */
static void test_services_change(void **state)
{
    struct world *w = *state;

    connect_now(w, 60000);
    aid_bluez_table(&w->bluez, false);
    await(w, &w->downs, 1, "down");
    assert_int_equal(w->down, GF_E_LINK_LOST);
    assert_int_equal(w->bluez.calls.disconnect, 1);
}

/* A link that nobody asked for is left alone, and taken over when it is wanted. */
static void test_link_is_adopted(void **state)
{
    struct world *w = *state;

    aid_bluez_heard(&w->bluez);
    w->bluez.connected = w->bluez.resolved = true;
    aid_bluez_table(&w->bluez, true);
    for (int i = 0; i < 5; i++)
        step(w);
    assert_int_equal(w->bluez.calls.disconnect, 0);
    connect_now(w, 60000);
    assert_int_equal(w->ready, 1);
    assert_int_equal(w->bluez.calls.connect, 0);
    assert_int_equal(w->bluez.calls.start, 0);
}

/* Signals of anybody but the daemon are not believed. */
static void test_forged_signals(void **state)
{
    struct world *w = *state;
    sd_bus *forger = NULL;

    connect_now(w, 60000);
    assert_true(sd_bus_new(&forger) >= 0);
    assert_true(sd_bus_set_address(forger, w->bus.address) >= 0);
    assert_true(sd_bus_set_bus_client(forger, 1) >= 0);
    assert_true(sd_bus_start(forger) >= 0);
    (void)sd_bus_emit_signal(forger, AID_DEVICE, "org.freedesktop.DBus.Properties",
                             "PropertiesChanged", "sa{sv}as", "org.bluez.Device1", 1, "Connected",
                             "b", 0, 0);
    (void)sd_bus_flush(forger);
    aid_bluez_notify(&w->bluez, (const uint8_t *)"after", 5);
    await(w, &w->fragments, 1, "what came after it");
    assert_int_equal(w->downs, 0);
    (void)sd_bus_close_unref(forger);
}

/* What a connection costs in calls: the bench relies on the counts. */
static void test_counters(void **state)
{
    struct world *w = *state;
    const struct bt_counters *n = bt_central_counters(w->central);

    connect_now(w, 60000);
    /* owner, objects, filter, start, stop, Connect, MTU, StartNotify, ReadValue */
    assert_int_equal(n->calls, 9);
    assert_int_equal(n->answers, 9);
    assert_int_equal(n->errors + n->timeouts, 0);
    assert_int_equal(n->opened, 1);
    send_n(w, 3);
    await(w, &w->bluez.calls.write, 3, "written");
    step(w);
    assert_int_equal(n->calls, 12);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_cancel_everywhere),
        cmocka_unit_test(test_deadline_everywhere),
        cmocka_unit_test(test_restart_everywhere),
        cmocka_unit_test(test_power_everywhere),
        T(test_no_adapter), T(test_denied), T(test_radio_told_to_new_listener),
        T(test_sightings), T(test_foreign_device),
        T(test_discovery_in_progress), T(test_malformed_advert),
        cmocka_unit_test(test_early_notification),
        T(test_fragments_in_order), T(test_busy_write_keeps_order), T(test_write_refused),
        T(test_write_never_answers), T(test_write_busy_for_ever),
        T(test_ctl_write_never_answers), T(test_services_change), T(test_link_is_adopted),
        T(test_forged_signals), T(test_counters),
    };

    gf_real_clock_rate(RATE);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
