/* test_virtual_gatt.c - virtual-bluez: reading, writing, errors, services that change. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/vbworld.h"

#define FAST "--adv-ms", "20", "--clock-rate", "50"

static const char *const wide[] = {FAST, NULL};
static const char *const narrow[] = {FAST, "--mtu", "23", NULL};
static uint8_t bytes[600];

static void ready(struct vbworld *w, const char *const options[])
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(vbworld_start(w, options), 0);
    assert_int_equal(vbworld_ready(w), 0);
}

static bool wrote(void *arg)
{
    return ((struct vbworld *)arg)->peer.n_writes > 0;
}

static void wait_written(struct vbworld *w)
{
    assert_true(aid_wait(&w->loop, wrote, w, AID_WAIT_MS));
}

/* ---- properties ------------------------------------------------------------------------------ */

static void properties_come_and_go(void **state)
{
    char tx[256], ctl[256], value[64];
    struct vbworld w;

    (void)state;
    ready(&w, wide);
    vbworld_path(&w, AID_PEER_TX, tx);
    vbworld_path(&w, AID_PEER_CTL, ctl);
    assert_string_equal(aid_get(&w.loop, w.client, tx, VB_CHAR1, "Flags"), "notify");
    assert_string_equal(aid_get(&w.loop, w.client, ctl, VB_CHAR1, "Flags"), "read,write");
    assert_string_equal(aid_get(&w.loop, w.client, tx, VB_CHAR1, "Notifying"), "false");
    assert_string_equal(aid_get(&w.loop, w.client, tx, VB_CHAR1, "NotifyAcquired"), "false");
    assert_non_null(strstr(aid_get(&w.loop, w.client, ctl, VB_CHAR1, "Notifying"), "No such"));
    assert_non_null(strstr(aid_get(&w.loop, w.client, ctl, VB_CHAR1, "WriteAcquired"), "No such"));
    assert_string_equal(aid_get(&w.loop, w.client, ctl, VB_CHAR1, "MTU"), "517");
    assert_non_null(strstr(aid_get(&w.loop, w.client, ctl, VB_CHAR1, "Value"), "No such"));
    w.peer.n_value = 2;
    assert_string_equal(vbworld_read(&w, ctl, 0, value, sizeof value), "");
    assert_string_equal(value, "0000");
    assert_string_equal(aid_get(&w.loop, w.client, ctl, VB_CHAR1, "Value"), "0000");
    assert_int_equal(aid_log_count(&w.log, vbworld_line(ctl, w.peer.value, 2)), 1);
    assert_int_equal(w.peer.mtu, 517);
    assert_string_equal(w.peer.device, "/org/bluez/hci1/dev_02_00_00_00_00_00");
    assert_string_equal(aid_do(&w.loop, w.client, VB_DEV, VB_DEVICE1, "Disconnect"), "");
    assert_non_null(strstr(aid_get(&w.loop, w.client, ctl, VB_CHAR1, "MTU"), "No such"));
    assert_string_equal(vbworld_read(&w, ctl, 0, value, sizeof value), "Failed: Not connected");
    assert_int_equal(vbworld_stop(&w), 0);
}

static void old_releases_lack_properties(void **state)
{
    char ctl[256];
    struct vbworld w;

    (void)state;
    ready(&w, (const char *const[]){FAST, "--version", "5.55", NULL});
    vbworld_path(&w, AID_PEER_CTL, ctl);
    assert_non_null(strstr(aid_get(&w.loop, w.client, ctl, VB_CHAR1, "MTU"), "No such"));
    assert_non_null(strstr(aid_get(&w.loop, w.client, VB_DEV, VB_DEVICE1, "Bonded"), "No such"));
    assert_int_equal(vbworld_stop(&w), 0);
}

static void new_releases_show_claimed_services(void **state)
{
    struct vbworld w;
    char name[256];

    (void)state;
    ready(&w, (const char *const[]){FAST, "--version", "5.87", NULL});
    vbworld_path(&w, "00002a00-0000-1000-8000-00805f9b34fb", name);
    assert_string_equal(vbworld_write(&w, name, "x", 1, "request", 0),
                        "NotAuthorized: Operation Not Authorized");
    assert_int_equal(vbworld_stop(&w), 0);
}

/* ---- reading and writing --------------------------------------------------------------------- */

static void long_values_are_sliced(void **state)
{
    static const char *const *const options[] = {wide, narrow};
    char big[256], value[1300];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct vbworld w;

        ready(&w, options[i]);
        vbworld_path(&w, AID_PEER_BIG, big);
        memcpy(w.peer.value, bytes, 300);
        w.peer.n_value = 300;
        assert_string_equal(vbworld_read(&w, big, 0, value, sizeof value), "");
        assert_int_equal(strlen(value), 600);
        assert_int_equal(aid_log_count(&w.log, vbworld_line(big, bytes, 300)), 1);
        assert_int_equal(w.peer.n_reads, i == 0 ? 1 : 14); /* 22 bytes each: 13 full, 14 more */
        assert_string_equal(vbworld_read(&w, big, 290, value, sizeof value), "");
        assert_string_equal(value, "22232425262728292a2b");
        assert_string_equal(vbworld_read(&w, big, 301, value, sizeof value),
                            "InvalidArguments: Invalid offset");
        w.peer.n_value = 0;
        assert_string_equal(vbworld_write(&w, big, bytes, 400, "request", 0), "");
        assert_int_equal(w.peer.n_value, 400);
        assert_memory_equal(w.peer.value, bytes, 400);
        assert_int_equal(w.peer.n_writes, 1); /* prepared parts arrive as one */
        assert_int_equal(vbworld_stop(&w), 0);
    }
}

static void the_largest_write(void **state)
{
    static const struct {
        const char *version;
        size_t n;
    } rows[] = {{"5.66", 510}, {"5.72", 512}};
    char big[256];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct vbworld w;

        ready(&w, (const char *const[]){FAST, "--version", rows[i].version, NULL});
        vbworld_path(&w, AID_PEER_BIG, big);
        assert_string_equal(vbworld_write(&w, big, bytes, rows[i].n, "request", 0), "");
        assert_int_equal(w.peer.n_value, rows[i].n);
        assert_string_equal(vbworld_write(&w, big, bytes, rows[i].n + 1, "request", 0),
                            "InvalidArguments: Invalid Length");
        assert_int_equal(w.peer.n_writes, 1);
        assert_int_equal(vbworld_stop(&w), 0);
    }
}

static void commands_are_answered_when_queued(void **state)
{
    char rx[256], ctl[256];
    struct vbworld w;

    (void)state;
    ready(&w, narrow);
    vbworld_path(&w, AID_PEER_RX, rx);
    vbworld_path(&w, AID_PEER_CTL, ctl);
    w.peer.silent = true;
    assert_string_equal(vbworld_write(&w, rx, bytes, 20, "command", 0), "");
    wait_written(&w);
    assert_memory_equal(w.peer.value, bytes, 20);
    assert_string_equal(vbworld_write(&w, rx, bytes, 21, "command", 0),
                        "Failed: Failed to initiate write");
    assert_string_equal(vbworld_write(&w, rx, bytes, 20, "command", 3),
                        "NotSupported: Operation is not supported");
    assert_string_equal(vbworld_write(&w, rx, bytes, 1, "carrier pigeon", 0),
                        "NotSupported: Operation is not supported");
    assert_int_equal(vbworld_count(&w, "commands"), 1);
    assert_int_equal(vbworld_stop(&w), 0);
}

static void application_errors_reach_the_client(void **state)
{
    static const struct {
        const char *name, *text, *write, *read;
    } rows[] = {
        {"org.bluez.Error.Failed", "0x85", "Failed: Operation failed with ATT error: 0x85",
         "Failed: Operation failed with ATT error: 0x85"},
        {"org.bluez.Error.Failed", "no gas", "Failed: Operation failed with ATT error: 0x80",
         "Failed: Operation failed with ATT error: 0x80"},
        {"org.bluez.Error.Failed", "0x20", "Failed: Operation failed with ATT error: 0x0e",
         "Failed: Operation failed with ATT error: 0x0e"},
        {"org.bluez.Error.NotPermitted", "no", "NotPermitted: Write not permitted",
         "NotPermitted: Read not permitted"},
        {"org.bluez.Error.NotAuthorized", "no", "NotAuthorized: Operation Not Authorized",
         "NotAuthorized: Operation Not Authorized"},
        {"org.bluez.Error.InvalidValueLength", "no", "InvalidArguments: Invalid Length",
         "InvalidArguments: Invalid Length"},
        {"org.bluez.Error.InvalidOffset", "no", "InvalidArguments: Invalid offset",
         "InvalidArguments: Invalid offset"},
        {"org.bluez.Error.NotSupported", "no", "NotSupported: Operation is not supported",
         "NotSupported: Operation is not supported"},
        {"org.bluez.Error.InProgress", "no", "Failed: Operation failed with ATT error: 0xfe",
         "Failed: Operation failed with ATT error: 0xfe"},
        {"org.example.Whatever", "no", "Failed: Operation failed with ATT error: 0x0e",
         "Failed: Operation failed with ATT error: 0x0e"},
    };
    char ctl[256], both[256], rx[256], tx[256], value[64];
    struct vbworld w;

    (void)state;
    ready(&w, wide);
    vbworld_path(&w, AID_PEER_CTL, ctl);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        w.peer.error_name = rows[i].name;
        w.peer.error_text = rows[i].text;
        assert_string_equal(vbworld_write(&w, ctl, "x", 1, "request", 0), rows[i].write);
        assert_string_equal(vbworld_read(&w, ctl, 0, value, sizeof value), rows[i].read);
    }
    /* With both kinds of write the acknowledgement comes before the application has seen it. */
    vbworld_path(&w, AID_PEER_BOTH, both);
    w.peer.n_writes = 0;
    assert_string_equal(vbworld_write(&w, both, "x", 1, "request", 0), "");
    wait_written(&w);
    /* What the table itself forbids never reaches the application. */
    assert_string_equal(vbworld_read(&w, vbworld_path(&w, AID_PEER_RX, rx), 0, value, sizeof value),
                        "NotPermitted: Read not permitted");
    assert_string_equal(vbworld_write(&w, vbworld_path(&w, AID_PEER_TX, tx), "x", 1, "request", 0),
                        "NotPermitted: Write not permitted");
    assert_int_equal(vbworld_stop(&w), 0);
}

static void a_silent_application_is_an_error(void **state)
{
    struct vbworld w;
    char ctl[256];

    (void)state;
    ready(&w, wide);
    vbworld_path(&w, AID_PEER_CTL, ctl);
    w.peer.silent = true; /* for 5 s, which are 0.1 s */
    assert_string_equal(vbworld_write(&w, ctl, "x", 1, "request", 0),
                        "Failed: Operation failed with ATT error: 0x0e");
    w.peer.silent = false; /* the link is none the worse for it */
    assert_string_equal(vbworld_write(&w, ctl, "y", 1, "request", 0), "");
    assert_int_equal(vbworld_stop(&w), 0);
}

static void one_write_at_a_time(void **state)
{
    sd_bus_message *m = NULL;
    struct aid_call first;
    struct vbworld w;
    char ctl[256];

    (void)state;
    ready(&w, (const char *const[]){"--adv-ms", "20", NULL});
    vbworld_path(&w, AID_PEER_CTL, ctl);
    w.peer.silent = true;
    (void)sd_bus_message_new_method_call(w.client, &m, "org.bluez", ctl, VB_CHAR1, "WriteValue");
    (void)sd_bus_message_append_array(m, 'y', "x", 1);
    (void)sd_bus_message_append(m, "a{sv}", 1, "type", "s", "request");
    aid_call_send(w.client, &first, m);
    assert_string_equal(vbworld_write(&w, ctl, "y", 1, "request", 0), "InProgress: In Progress");
    vbworld_peer_dies(&w); /* the link's end answers what is under way */
    assert_string_equal(aid_call_end(&w.loop, &first),
                        "Failed: Operation failed with ATT error: 0x0e");
    aid_call_done(&first);
    assert_int_equal(vbworld_stop(&w), 0);
}

/* ---- services that change -------------------------------------------------------------------- */

static void services_that_come_later_are_found(void **state)
{
    struct vbworld w;
    char value[64];

    (void)state;
    assert_int_equal(vbworld_start(&w, wide), 0);
    assert_string_equal(aid_peer_advertise(&w.loop, &w.peer, VB_HCI1), "");
    assert_string_equal(aid_do(&w.loop, w.client, VB_HCI0, VB_ADAPTER1, "StartDiscovery"), "");
    assert_true(aid_log_wait(&w.loop, &w.log, "added " VB_LOG_DEV));
    assert_string_equal(aid_do(&w.loop, w.client, VB_DEV, VB_DEVICE1, "Connect"), "");
    assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " ServicesResolved=true"));
    assert_string_equal(vbworld_char(&w, AID_PEER_CTL), "");
    assert_string_equal(aid_peer_application(&w.loop, &w.peer, VB_HCI1), "");
    assert_true(aid_log_wait(&w.loop, &w.log, "added " VB_LOG_DEV "/service0015"));
    assert_string_equal(vbworld_read(&w, vbworld_char(&w, AID_PEER_CTL), 0, value, sizeof value),
                        "");
    assert_int_equal(aid_log_count(&w.log, "added " VB_LOG_DEV "/service0008"), 1);
    assert_int_equal(vbworld_stop(&w), 0);
}

static void a_changed_table_is_read_anew(void **state)
{
    struct vbworld w;

    (void)state;
    ready(&w, wide);
    vbworld_peer_dies(&w);
    assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " Connected=false"));
    aid_log_clear(&w.log);
    w.peer = (struct aid_peer){.short_table = true};
    assert_int_equal(aid_peer_start(&w.peer, aid_connect(&w.loop, w.bus.address)), 0);
    assert_string_equal(aid_peer_register(&w.loop, &w.peer, VB_HCI1), "");
    assert_string_equal(aid_do(&w.loop, w.client, VB_DEV, VB_DEVICE1, "Connect"), "");
    assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " ServicesResolved=true"));
    assert_true(aid_log_order(&w.log, (const char *const[]){"removed " VB_LOG_DEV "/service0015",
                                                            VB_LOG_DEV " ServicesResolved=true",
                                                            NULL}));
    assert_string_equal(vbworld_char(&w, AID_PEER_CTL), "");
    assert_int_equal(vbworld_stop(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_come_and_go),
        cmocka_unit_test(old_releases_lack_properties),
        cmocka_unit_test(new_releases_show_claimed_services),
        cmocka_unit_test(long_values_are_sliced),
        cmocka_unit_test(the_largest_write),
        cmocka_unit_test(commands_are_answered_when_queued),
        cmocka_unit_test(application_errors_reach_the_client),
        cmocka_unit_test(a_silent_application_is_an_error),
        cmocka_unit_test(one_write_at_a_time),
        cmocka_unit_test(services_that_come_later_are_found),
        cmocka_unit_test(a_changed_table_is_read_anew),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
