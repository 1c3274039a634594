/* test_bt_mirror.c - BlueZ's objects as typed fields: what is taken, left out, and bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bt/mirror.h"
#include "common/err.h"

#define OURS "8a5c0001-2f4d-4b7e-9c61-d0b3f1e7a942"
#define HCI "/org/bluez/hci0"
#define DEV HCI "/dev_02_00_00_00_00_01"
#define CHR DEV "/service0001/char0002"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define OBJECTS "org.freedesktop.DBus.ObjectManager"

struct world {
    sd_bus *bus;                /* never speaks: messages are made on it */
    int fds[2];
    struct bt_mirror *m;
    int64_t mono_ms;
    unsigned changes, values, last;
    char path[BT_PATH_CAP];
    size_t value_n;
};

static int64_t mono_ms(void *ctx)
{
    return ((struct world *)ctx)->mono_ms;
}

static void on_changed(void *ctx, const struct bt_object *o, unsigned what)
{
    struct world *w = ctx;

    w->changes++;
    w->last = what;
    (void)snprintf(w->path, sizeof w->path, "%s", o->path);
}

static void on_value(void *ctx, const struct bt_object *o, const uint8_t *p, size_t n)
{
    struct world *w = ctx;

    (void)o;
    (void)p;
    w->values++;
    w->value_n = n;
}

static struct world world;
static struct gf_clock world_clock;

static int setup(void **state)
{
    const struct bt_mirror_config config = {&world_clock, OURS, 0xFFFF, &world, on_changed,
                                            on_value};

    world = (struct world){.mono_ms = 1000};
    world_clock = (struct gf_clock){&world, mono_ms, mono_ms};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.fds), 0);
    assert_true(sd_bus_new(&world.bus) >= 0);
    assert_true(sd_bus_set_fd(world.bus, world.fds[0], world.fds[0]) >= 0);
    assert_true(sd_bus_start(world.bus) >= 0);
    world.m = bt_mirror_new(&config);
    assert_non_null(world.m);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    assert_null(bt_mirror_free(w->m));
    (void)sd_bus_close_unref(w->bus);
    (void)close(w->fds[1]);
    return 0;
}

static sd_bus_message *signal_of(struct world *w, const char *path, const char *iface,
                                 const char *member)
{
    sd_bus_message *s = NULL;

    assert_true(sd_bus_message_new_signal(w->bus, &s, path, iface, member) >= 0);
    return s;
}

static void seal(sd_bus_message *s)
{
    assert_true(sd_bus_message_seal(s, 1, 0) >= 0);
    assert_true(sd_bus_message_rewind(s, 1) >= 0);
}

/* Hand a signal in, and drop it. */
static void deliver(struct world *w, sd_bus_message *s)
{
    seal(s);
    bt_mirror_signal(w->m, s);
    (void)sd_bus_message_unref(s);
}

static void add_device(struct world *w)
{
    sd_bus_message *s = signal_of(w, "/", OBJECTS, "InterfacesAdded");

    assert_true(sd_bus_message_append(s, "oa{sa{sv}}", DEV, 2, "org.bluez.Device1", 5, "Address",
                                      "s", "02:00:00:00:00:01", "RSSI", "n", -40, "Connected", "b",
                                      1, "UUIDs", "as", 2, "other", OURS, "Paired", "b", 1,
                                      "org.bluez.Battery1", 1, "Percentage", "y", 9) >= 0);
    deliver(w, s);
}

static void add_characteristic(struct world *w)
{
    sd_bus_message *s = signal_of(w, "/", OBJECTS, "InterfacesAdded");

    assert_true(sd_bus_message_append(s, "oa{sa{sv}}", CHR, 1, "org.bluez.GattCharacteristic1", 3,
                                      "UUID", "s", "abcd", "Value", "ay", 2, 1, 2, "Flags", "as", 3,
                                      "read", "encrypt-read", "notify") >= 0);
    deliver(w, s);
}

static void change(struct world *w, const char *path, const char *iface, const char *types, ...)
{
    sd_bus_message *s = signal_of(w, path, PROPERTIES, "PropertiesChanged");
    va_list ap;

    assert_true(sd_bus_message_append(s, "s", iface) >= 0);
    va_start(ap, types);
    assert_true(sd_bus_message_appendv(s, types, ap) >= 0);
    va_end(ap);
    deliver(w, s);
}

static void test_added_changed_removed(void **state)
{
    struct world *w = *state;
    const struct bt_object *o;
    sd_bus_message *s;

    add_device(w);
    assert_int_equal(w->last, BT_ADDED | BT_SEEN);
    o = bt_mirror_find(w->m, DEV);
    assert_non_null(o);
    assert_int_equal(o->ifaces, BT_DEVICE);
    assert_true(o->connected && o->is_ours && !o->resolved && !o->has_id_hash);
    assert_int_equal(o->rssi_dbm, -40);
    assert_int_equal(o->seen_mono_ms, 1000);

    w->mono_ms = 2000;
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, "Connected", "b", 0, 0);
    assert_int_equal(w->last, BT_CHANGED);
    assert_false(o->connected);
    assert_int_equal(o->seen_mono_ms, 1000);
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, "RSSI", "n", -50, 0);
    assert_int_equal(w->last, BT_CHANGED | BT_SEEN);
    assert_int_equal(o->seen_mono_ms, 2000);
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 0, 2, "TxPower", "RSSI");
    assert_int_equal(o->rssi_dbm, BT_RSSI_UNKNOWN);
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, "RSSI", "n", 127, 0);
    assert_int_equal(o->rssi_dbm, BT_RSSI_UNKNOWN);
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, "UUIDs", "as", 1, "other", 0);
    assert_false(o->is_ours);

    s = signal_of(w, "/", OBJECTS, "InterfacesRemoved");
    assert_true(sd_bus_message_append(s, "oas", DEV, 1, "org.bluez.Battery1") >= 0);
    w->changes = 0;
    deliver(w, s);
    assert_int_equal(w->changes, 0);
    s = signal_of(w, "/", OBJECTS, "InterfacesRemoved");
    assert_true(sd_bus_message_append(s, "oas", DEV, 2, "x.y", "org.bluez.Device1") >= 0);
    deliver(w, s);
    assert_int_equal(w->last, BT_REMOVED);
    assert_null(bt_mirror_find(w->m, DEV));
}

static void test_advertisement(void **state)
{
    static const uint8_t hash[] = {1, 2, 3, 4, 5, 6};
    struct world *w = *state;
    const struct bt_object *o;

    add_device(w);
    o = bt_mirror_find(w->m, DEV);
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, "ManufacturerData", "a{qv}", 2, 0x4C, "ay", 1,
           9, 0xFFFF, "ay", 6, 1, 2, 3, 4, 5, 6, 0);
    assert_true(o->has_id_hash);
    assert_memory_equal(o->id_hash, hash, 6);
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, "ManufacturerData", "a{qv}", 1, 0xFFFF, "ay",
           5, 1, 2, 3, 4, 5, 0);
    assert_false(o->has_id_hash);
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, "ManufacturerData", "a{qv}", 1, 0xFFFF, "s",
           "text", 0);
    assert_false(o->has_id_hash);
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, "Name", "s", "a\x1b[31mb", 0);
    assert_string_equal(o->name, "a?[31mb");
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, "Name", "s",
           "a name that is longer than what is kept of it", 0);
    assert_string_equal(o->name, "a name that is longer than what");
}

/* Every property in every likely wrong type changes nothing, and what follows it is read. */
static void test_wrong_types(void **state)
{
    static const char *const names[] = {"Address", "Name", "Connected", "ServicesResolved", "UUIDs",
                                        "RSSI", "ManufacturerData"};
    struct world *w = *state;
    struct bt_object before;
    const struct bt_object *o;

    add_device(w);
    o = bt_mirror_find(w->m, DEV);
    before = *o;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, names[i], "t", (uint64_t)77, 0);
        change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, names[i], "a{sv}", 0, 0);
        change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, names[i], "(sv)", "x", "b", 1, 0);
        change(w, DEV, "org.bluez.Device1", "a{sv}as", 1, names[i], "v", "s", "deep", 0);
    }
    assert_memory_equal(&before, o, sizeof before);
    change(w, DEV, "org.bluez.Device1", "a{sv}as", 2, "Connected", "s", "yes", "ServicesResolved",
           "b", 1, 0);
    assert_true(o->connected && o->resolved);
}

/* A value is news only when it changes, not when an object with an old one appears. */
static void test_values(void **state)
{
    struct world *w = *state;
    const struct bt_object *o;

    add_characteristic(w);
    assert_int_equal(w->values, 0);
    o = bt_mirror_find(w->m, CHR);
    assert_int_equal(o->flags, BT_FLAG_READ | BT_FLAG_NOTIFY);
    change(w, CHR, "org.bluez.GattCharacteristic1", "a{sv}as", 1, "Value", "ay", 3, 1, 2, 3, 0);
    assert_int_equal(w->values, 1);
    assert_int_equal(w->value_n, 3);
    change(w, CHR, "org.bluez.GattCharacteristic1", "a{sv}as", 1, "Value", "ay", 0, 0);
    assert_int_equal(w->values, 2);
    assert_int_equal(w->value_n, 0);
    change(w, DEV "/nobody", "org.bluez.GattCharacteristic1", "a{sv}as", 1, "Value", "ay", 0, 0);
    change(w, CHR, "org.bluez.GattService1", "a{sv}as", 1, "Value", "ay", 0, 0);
    assert_int_equal(w->values, 2);
}

static void test_other_signals(void **state)
{
    struct world *w = *state;
    sd_bus_message *s;

    add_device(w);
    w->changes = 0;
    s = signal_of(w, DEV, PROPERTIES, "PropertiesChanged");
    assert_true(sd_bus_message_append(s, "i", 5) >= 0);
    deliver(w, s);
    s = signal_of(w, "/", OBJECTS, "InterfacesAdded");
    assert_true(sd_bus_message_append(s, "s", "no path") >= 0);
    deliver(w, s);
    s = signal_of(w, "/", OBJECTS, "InterfacesRemoved");
    deliver(w, s);
    s = signal_of(w, DEV, "org.bluez.Device1", "Disconnected");
    deliver(w, s);
    s = signal_of(w, "/", OBJECTS, "InterfacesAdded");
    assert_true(sd_bus_message_append(s, "oa{sa{sv}}", "/org/bluez/hci0/player", 1,
                                      "org.bluez.MediaPlayer1", 0) >= 0);
    deliver(w, s);
    assert_int_equal(w->changes, 0);
    assert_null(bt_mirror_find(w->m, "/org/bluez/hci0/player"));
}

static bool count(void *ctx, const struct bt_object *o)
{
    (void)o;
    ++*(unsigned *)ctx;
    return true;
}

static bool count_to_three(void *ctx, const struct bt_object *o)
{
    (void)o;
    return ++*(unsigned *)ctx < 3;
}

static sd_bus_message *objects(struct world *w, unsigned n)
{
    sd_bus_message *s = signal_of(w, "/", "x.y", "Answer");
    char path[64];

    assert_true(sd_bus_message_open_container(s, 'a', "{oa{sa{sv}}}") >= 0);
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "/org/bluez/hci%u/dev_%06u", i % 2, i);
        assert_true(sd_bus_message_append(s, "{oa{sa{sv}}}", path, 1, "org.bluez.Device1", 1,
                                          "Address", "s", "02:00:00:00:00:01") >= 0);
    }
    assert_true(sd_bus_message_close_container(s) >= 0);
    seal(s);
    return s;
}

static void test_replace_and_each(void **state)
{
    struct world *w = *state;
    sd_bus_message *s = objects(w, 100);
    unsigned n = 0;

    add_device(w);
    w->changes = 0;
    assert_int_equal(bt_mirror_replace(w->m, s), 0);
    (void)sd_bus_message_unref(s);
    assert_int_equal(w->changes, 0);
    assert_null(bt_mirror_find(w->m, DEV));
    bt_mirror_each(w->m, BT_DEVICE, NULL, count, &n);
    assert_int_equal(n, 100);
    n = 0;
    bt_mirror_each(w->m, BT_DEVICE | BT_ADAPTER, "/org/bluez/hci1", count, &n);
    assert_int_equal(n, 50);
    n = 0;
    bt_mirror_each(w->m, BT_DEVICE, "/org/bluez/hci", count, &n);
    assert_int_equal(n, 0);
    bt_mirror_each(w->m, BT_DEVICE, NULL, count_to_three, &n);
    assert_int_equal(n, 3);

    s = signal_of(w, "/", "x.y", "Answer");
    assert_true(sd_bus_message_append(s, "s", "nonsense") >= 0);
    seal(s);
    assert_int_equal(bt_mirror_replace(w->m, s), GF_E_FORMAT);
    (void)sd_bus_message_unref(s);
}

static void test_bounded(void **state)
{
    struct world *w = *state;
    sd_bus_message *s = objects(w, BT_OBJECTS_MAX + 100);
    char path[200];
    unsigned n = 0;

    assert_int_equal(bt_mirror_replace(w->m, s), 0);
    (void)sd_bus_message_unref(s);
    bt_mirror_each(w->m, BT_DEVICE, NULL, count, &n);
    assert_int_equal(n, BT_OBJECTS_MAX);
    bt_mirror_clear(w->m);
    (void)snprintf(path, sizeof path, "/org/bluez/%0*d", BT_PATH_CAP, 1);
    s = signal_of(w, "/", OBJECTS, "InterfacesAdded");
    assert_true(sd_bus_message_append(s, "oa{sa{sv}}", path, 1, "org.bluez.Device1", 0) >= 0);
    deliver(w, s);
    assert_null(bt_mirror_find(w->m, path));
    assert_true(bt_path_below(DEV, HCI));
    assert_false(bt_path_below(HCI "1/dev_x", HCI));
    assert_false(bt_path_below(HCI, HCI));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_added_changed_removed), T(test_advertisement), T(test_wrong_types), T(test_values),
        T(test_other_signals), T(test_replace_and_each), T(test_bounded),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
