/* test_virtual_radio.c - virtual-bluez: adapters, scanning, advertising, connecting, leaving. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/aid/vbworld.h"

#define FAST "--clock-rate", "50"
#define UUID_GAP "00001800-0000-1000-8000-00805f9b34fb"
#define UUID_GATT "00001801-0000-1000-8000-00805f9b34fb"
#define UUID_DIS "0000180a-0000-1000-8000-00805f9b34fb"

static const char *const plain[] = {"--adv-ms", "20", NULL};
static const char *const fast[] = {"--adv-ms", "20", FAST, NULL};

static const char *on_adapter(struct vbworld *w, const char *member)
{
    return aid_do(&w->loop, w->client, VB_HCI0, VB_ADAPTER1, member);
}

static const char *on_device(struct vbworld *w, const char *member)
{
    return aid_do(&w->loop, w->client, VB_DEV, VB_DEVICE1, member);
}

static const char *get(struct vbworld *w, const char *name)
{
    return aid_get(&w->loop, w->client, VB_DEV, VB_DEVICE1, name);
}

static const char *set_filter(struct vbworld *w, const char *key, const char *type, const void *v)
{
    sd_bus_message *m = NULL;
    struct aid_call call;
    const char *text;

    (void)sd_bus_message_new_method_call(w->client, &m, "org.bluez", VB_HCI0, VB_ADAPTER1,
                                         "SetDiscoveryFilter");
    (void)sd_bus_message_open_container(m, 'a', "{sv}");
    (void)sd_bus_message_open_container(m, 'e', "sv");
    (void)sd_bus_message_append(m, "s", key);
    (void)sd_bus_message_open_container(m, 'v', type);
    if (strcmp(type, "as") == 0)
        (void)sd_bus_message_append(m, "as", 1, (const char *)v);
    else if (strcmp(type, "n") == 0)
        (void)sd_bus_message_append(m, "n", *(const int16_t *)v);
    else
        (void)sd_bus_message_append(m, "s", (const char *)v);
    (void)sd_bus_message_close_container(m);
    (void)sd_bus_message_close_container(m);
    (void)sd_bus_message_close_container(m);
    aid_call_send(w->client, &call, m);
    text = aid_call_end(&w->loop, &call);
    aid_call_done(&call);
    return text;
}

/* ---- scanning -------------------------------------------------------------------------------- */

static void discovery_shows_what_is_advertised(void **state)
{
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, plain), 0);
    assert_int_equal(vbworld_seen(&w), 0);
    assert_string_equal(get(&w, "Address"), "02:00:00:00:00:01");
    assert_string_equal(get(&w, "AddressType"), "public");
    assert_string_equal(get(&w, "Name"), "peer");
    assert_string_equal(get(&w, "Alias"), "peer");
    assert_string_equal(get(&w, "UUIDs"), AID_PEER_SERVICE);
    assert_string_equal(get(&w, "ManufacturerData"), "65535:010203040506");
    assert_string_equal(get(&w, "Connected"), "false");
    assert_string_equal(get(&w, "Paired"), "false");
    assert_string_equal(get(&w, "ServicesResolved"), "false");
    assert_string_equal(get(&w, "Adapter"), VB_HCI0);
    assert_int_equal(get(&w, "RSSI")[0], '-');
    assert_non_null(strstr(get(&w, "TxPower"), "No such property 'TxPower'"));
    assert_true(aid_log_count(&w.log, "hci0 Discovering=true") == 1);

    assert_string_equal(on_adapter(&w, "StartDiscovery"),
                        "InProgress: Operation already in progress");
    assert_string_equal(on_adapter(&w, "StopDiscovery"), "");
    assert_true(aid_log_wait(&w.loop, &w.log, "hci0 Discovering=false"));
    assert_true(aid_log_order(&w.log, (const char *const[]){VB_LOG_DEV " RSSI!",
                                                            "hci0 Discovering=false", NULL}));
    assert_non_null(strstr(get(&w, "RSSI"), "No such property 'RSSI'"));
    assert_string_equal(on_adapter(&w, "StopDiscovery"), "Failed: No discovery started");
    assert_int_equal(vbworld_stop(&w), 0);
}

static void filters_hide_and_show(void **state)
{
    int16_t far = -20, wrong = 21;
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, plain), 0);
    assert_string_equal(set_filter(&w, "Transport", "s", "ether"),
                        "InvalidArguments: Invalid arguments in method call");
    assert_non_null(strstr(set_filter(&w, "RSSI", "n", &wrong), "InvalidArguments"));
    assert_string_equal(aid_peer_register(&w.loop, &w.peer, VB_HCI1), "");
    assert_string_equal(set_filter(&w, "RSSI", "n", &far), "");
    assert_string_equal(on_adapter(&w, "StartDiscovery"), "");
    for (int i = 0; i < 20; i++)
        aid_pump(&w.loop, 10);
    assert_int_equal(aid_log_count(&w.log, "added " VB_LOG_DEV), 0);
    assert_string_equal(set_filter(&w, "UUIDs", "as", UUID_DIS), "");
    for (int i = 0; i < 20; i++)
        aid_pump(&w.loop, 10);
    assert_int_equal(aid_log_count(&w.log, "added " VB_LOG_DEV), 0);
    assert_string_equal(set_filter(&w, "UUIDs", "as", AID_PEER_SERVICE), "");
    assert_true(aid_log_wait(&w.loop, &w.log, "added " VB_LOG_DEV));
    assert_int_equal(vbworld_stop(&w), 0);
}

static void undiscoverable_devices_need_a_filter(void **state)
{
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, plain), 0);
    w.peer.hidden = true;
    assert_string_equal(aid_peer_register(&w.loop, &w.peer, VB_HCI1), "");
    assert_string_equal(on_adapter(&w, "StartDiscovery"), "");
    for (int i = 0; i < 20; i++)
        aid_pump(&w.loop, 10);
    assert_int_equal(aid_log_count(&w.log, "added " VB_LOG_DEV), 0);
    assert_string_equal(set_filter(&w, "Pattern", "s", "nobody"), "");
    for (int i = 0; i < 20; i++)
        aid_pump(&w.loop, 10);
    assert_int_equal(aid_log_count(&w.log, "added " VB_LOG_DEV), 0);
    assert_string_equal(set_filter(&w, "Pattern", "s", "pe"), "");
    assert_true(aid_log_wait(&w.loop, &w.log, "added " VB_LOG_DEV));
    assert_int_equal(vbworld_stop(&w), 0);
}

static void temporary_devices_go(void **state)
{
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, fast), 0); /* 30 s are 0.6 s */
    assert_int_equal(vbworld_seen(&w), 0);
    assert_string_equal(on_adapter(&w, "StopDiscovery"), "");
    assert_string_equal(get(&w, "Name"), "peer"); /* still there after the discovery */
    assert_true(aid_log_wait(&w.loop, &w.log, "removed " VB_LOG_DEV));
    assert_non_null(strstr(on_device(&w, "Connect"), "UnknownObject"));
    assert_int_equal(vbworld_stop(&w), 0);
}

static void broadcasters_go_with_the_discovery(void **state)
{
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, plain), 0);
    w.peer.hidden = w.peer.broadcast = true;
    assert_string_equal(set_filter(&w, "Pattern", "s", "pe"), "");
    assert_int_equal(vbworld_seen(&w), 0);
    assert_string_equal(on_adapter(&w, "StopDiscovery"), "");
    assert_true(aid_log_wait(&w.loop, &w.log, "removed " VB_LOG_DEV));
    assert_int_equal(vbworld_stop(&w), 0);
}

static void no_power_no_radio(void **state)
{
    struct aid_call call;
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, plain), 0);
    assert_int_equal(vbworld_ready(&w), 0);
    aid_call_start(w.client, &call, VB_HCI0, "org.freedesktop.DBus.Properties", "Set", "ssv",
                   VB_ADAPTER1, "Powered", "b", 0);
    assert_string_equal(aid_call_end(&w.loop, &call), "");
    aid_call_done(&call);
    assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " Connected=false"));
    assert_string_equal(on_adapter(&w, "StartDiscovery"), "NotReady: Resource Not Ready");
    assert_string_equal(on_adapter(&w, "StopDiscovery"), "NotReady: Resource Not Ready");
    assert_string_equal(on_device(&w, "Connect"), "Failed: Input/output error");
    assert_int_equal(vbworld_stop(&w), 0);
}

/* ---- registering ----------------------------------------------------------------------------- */

static void registrations_are_checked(void **state)
{
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, plain), 0);
    w.peer.empty = true;
    assert_string_equal(aid_peer_application(&w.loop, &w.peer, VB_HCI1),
                        "Failed: No object received");
    w.peer.empty = false;
    w.peer.reserved = true;
    assert_string_equal(aid_peer_application(&w.loop, &w.peer, VB_HCI1),
                        "Failed: Failed to create entry in database");
    w.peer.reserved = false;
    w.peer.n_manufacturer = 7; /* 3 flags, 18 UUID, 4 + 7 manufacturer data: 32 */
    assert_string_equal(aid_peer_advertise(&w.loop, &w.peer, VB_HCI1),
                        "Failed: Failed to parse advertisement.");
    w.peer.n_manufacturer = 6;
    assert_string_equal(aid_peer_register(&w.loop, &w.peer, VB_HCI1), "");
    assert_string_equal(aid_peer_application(&w.loop, &w.peer, VB_HCI1),
                        "AlreadyExists: Already Exists");
    assert_string_equal(aid_peer_advertise(&w.loop, &w.peer, VB_HCI1),
                        "AlreadyExists: Already Exists");
    assert_string_equal(aid_get(&w.loop, w.client, VB_HCI1, "org.bluez.LEAdvertisingManager1",
                                "ActiveInstances"), "1");
    vbworld_peer_dies(&w);
    assert_true(aid_log_wait(&w.loop, &w.log, "hci1 ActiveInstances=0"));
    assert_int_equal(vbworld_stop(&w), 0);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void connecting_tells_in_bluez_order(void **state)
{
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, plain), 0);
    assert_int_equal(vbworld_ready(&w), 0);
    assert_true(aid_log_order(
        &w.log, (const char *const[]){VB_LOG_DEV " Connected=true",
                                      "added " VB_LOG_DEV "/service0008",
                                      "added " VB_LOG_DEV "/service0008/char0009",
                                      "added " VB_LOG_DEV "/service0008/char0009/desc000b",
                                      "added " VB_LOG_DEV "/service0012",
                                      "added " VB_LOG_DEV "/service0015",
                                      "added " VB_LOG_DEV "/service0015/char0016",
                                      VB_LOG_DEV " UUIDs=" UUID_GAP "," UUID_GATT "," UUID_DIS
                                      "," AID_PEER_SERVICE,
                                      VB_LOG_DEV " ServicesResolved=true", NULL}));
    /* The GAP service belongs to a plugin: this release does not show it. */
    assert_int_equal(aid_log_count(&w.log, "added " VB_LOG_DEV "/service0001"), 0);
    assert_int_equal(aid_log_count(&w.log, "added hci1/dev_02_00_00_00_00_00"), 1);
    assert_string_equal(aid_get(&w.loop, w.client, "/org/bluez/hci1/dev_02_00_00_00_00_00",
                                VB_DEVICE1, "Connected"), "true");
    assert_string_equal(on_device(&w, "Connect"), "");
    assert_int_equal(vbworld_stop(&w), 0);
}

static void the_begin_of_a_link_may_be_left_out(void **state)
{
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, (const char *const[]){"--no-connected", "--adv-ms", "20",
                                                             NULL}), 0);
    assert_int_equal(vbworld_ready(&w), 0);
    assert_int_equal(aid_log_count(&w.log, VB_LOG_DEV " Connected=true"), 0);
    assert_int_equal(aid_log_count(&w.log, VB_LOG_DEV " ServicesResolved=true"), 1);
    assert_string_equal(get(&w, "Connected"), "true");
    assert_int_equal(vbworld_stop(&w), 0);
}

static void the_answer_to_connect_comes_before_the_services(void **state)
{
    struct aid_call call;
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, plain), 0);
    assert_int_equal(vbworld_seen(&w), 0);
    aid_call_start(w.client, &call, VB_DEV, VB_DEVICE1, "Connect", NULL);
    call.log = &w.log;
    assert_string_equal(aid_call_end(&w.loop, &call), "");
    aid_call_done(&call);
    assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " ServicesResolved=true"));
    assert_true(aid_log_order(&w.log, (const char *const[]){VB_LOG_DEV " Connected=true",
                                                            "answered",
                                                            "added " VB_LOG_DEV "/service0008",
                                                            NULL}));
    assert_int_equal(vbworld_stop(&w), 0);
}

static void disconnecting_takes_two_seconds(void **state)
{
    struct aid_call leave;
    struct vbworld w;
    char path[256];

    (void)state;
    assert_int_equal(vbworld_start(&w, (const char *const[]){"--clock-rate", "4", NULL}), 0);
    assert_int_equal(vbworld_ready(&w), 0);
    (void)strcpy(path, vbworld_char(&w, AID_PEER_TX));
    aid_call_start(w.client, &leave, VB_DEV, VB_DEVICE1, "Disconnect", NULL);
    assert_string_equal(aid_do(&w.loop, w.client, path, VB_CHAR1, "StartNotify"),
                        "NotConnected: Not Connected");
    assert_string_equal(on_device(&w, "Connect"), ""); /* says yes, and the link goes anyway */
    assert_int_equal(aid_log_count(&w.log, VB_LOG_DEV " Connected=false"), 0);
    assert_null(leave.reply);
    assert_string_equal(aid_call_end(&w.loop, &leave), "");
    aid_call_done(&leave);
    assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " Connected=false"));
    assert_true(aid_log_order(&w.log, (const char *const[]){VB_LOG_DEV " ServicesResolved=false",
                                                            VB_LOG_DEV " Connected=false", NULL}));
    /* The objects stay, and say so. */
    assert_string_equal(aid_get(&w.loop, w.client, path, VB_CHAR1, "UUID"), AID_PEER_TX);
    assert_string_equal(vbworld_write(&w, vbworld_char(&w, AID_PEER_CTL), "x", 1, "request", 0),
                        "Failed: Not connected");
    assert_int_equal(w.peer.n_stop, 0);
    assert_int_equal(vbworld_stop(&w), 0);
}

static void a_dead_peripheral_drops_the_link_at_once(void **state)
{
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, plain), 0);
    assert_int_equal(vbworld_ready(&w), 0);
    vbworld_peer_dies(&w);
    assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " Connected=false"));
    assert_true(aid_log_order(&w.log, (const char *const[]){VB_LOG_DEV " ServicesResolved=false",
                                                            VB_LOG_DEV " Connected=false", NULL}));
    assert_int_equal(vbworld_stop(&w), 0);
}

static void connect_waits_then_fails(void **state)
{
    static const struct {
        const char *version, *text;
    } rows[] = {{"5.66", "Failed: le-connection-abort-by-local"},
                {"5.55", "Failed: Software caused connection abort"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct aid_call first;
        struct vbworld w;

        assert_int_equal(vbworld_start(&w, (const char *const[]){"--version", rows[i].version,
                                                                 "--adv-ms", "20", "--clock-rate",
                                                                 "10", NULL}), 0);
        assert_int_equal(vbworld_seen(&w), 0);
        vbworld_peer_dies(&w);
        assert_true(aid_log_wait(&w.loop, &w.log, "hci1 ActiveInstances=0"));
        aid_call_start(w.client, &first, VB_DEV, VB_DEVICE1, "Connect", NULL);
        assert_string_equal(on_device(&w, "Connect"), "Failed: Operation already in progress");
        assert_string_equal(aid_call_end(&w.loop, &first), rows[i].text); /* after 20 s */
        aid_call_done(&first);
        aid_call_start(w.client, &first, VB_DEV, VB_DEVICE1, "Connect", NULL);
        assert_string_equal(on_device(&w, "Disconnect"), "");
        assert_string_equal(aid_call_end(&w.loop, &first), "Failed: br-connection-canceled");
        aid_call_done(&first);
        assert_int_equal(vbworld_stop(&w), 0);
    }
}

static void forgetting_a_device(void **state)
{
    struct aid_call call;
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, fast), 0);
    assert_int_equal(vbworld_ready(&w), 0);
    aid_call_start(w.client, &call, VB_HCI0, VB_ADAPTER1, "RemoveDevice", "o", VB_HCI0 "/dev_XX");
    assert_string_equal(aid_call_end(&w.loop, &call), "DoesNotExist: Does Not Exist");
    aid_call_done(&call);
    aid_call_start(w.client, &call, VB_HCI0, VB_ADAPTER1, "RemoveDevice", "o", VB_DEV);
    assert_string_equal(aid_call_end(&w.loop, &call), "");
    aid_call_done(&call);
    assert_true(aid_log_wait(&w.loop, &w.log, "removed " VB_LOG_DEV));
    assert_true(aid_log_order(&w.log, (const char *const[]){VB_LOG_DEV " Connected=false",
                                                            "removed " VB_LOG_DEV "/service0008",
                                                            "removed " VB_LOG_DEV, NULL}));
    assert_int_equal(vbworld_stop(&w), 0);
}

/* ---- what crosses the air -------------------------------------------------------------------- */

static void reconnect(struct vbworld *w)
{
    aid_log_clear(&w->log);
    assert_string_equal(on_device(w, "Disconnect"), "");
    aid_log_clear(&w->log);
    assert_string_equal(aid_do(&w->loop, w->client, VB_HCI0, "org.gasfitter.VirtualBluez1",
                               "ResetCounters"), "");
    assert_string_equal(on_device(w, "Connect"), "");
    assert_true(aid_log_wait(&w->loop, &w->log, VB_LOG_DEV " ServicesResolved=true"));
}

static long long count_when_quiet(struct vbworld *w, const char *name)
{
    char value[64];

    /* The queue is first in, first out: behind a read of ours everything else is answered. */
    assert_string_equal(vbworld_read(w, vbworld_char(w, AID_PEER_CTL), 0, value, sizeof value), "");
    return vbworld_count(w, name);
}

static void services_are_found_as_bluez_does(void **state)
{
    /* 15 is BlueZ 5.66's own number for such a table (a capture of it, with one channel, has
     * it); at MTU 23 it needs more rounds; the one User Description costs one beyond those. */
    static const struct {
        const char *mtu;
        long long first, again;
    } rows[] = {{"517", 16, 6}, {"23", 24, 6}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct vbworld w;

        assert_int_equal(vbworld_start(&w, (const char *const[]){"--mtu", rows[i].mtu, "--adv-ms",
                                                                 "20", FAST, NULL}), 0);
        assert_int_equal(vbworld_ready(&w), 0);
        assert_int_equal(count_when_quiet(&w, "discovery-requests"), rows[i].first);
        assert_int_equal(vbworld_count(&w, "plugin-requests"), 3);
        assert_string_equal(aid_get(&w.loop, w.client, vbworld_char(&w, AID_PEER_CTL), VB_CHAR1,
                                    "MTU"), rows[i].mtu);
        reconnect(&w);
        assert_int_equal(count_when_quiet(&w, "discovery-requests"), rows[i].again);
        assert_int_equal(vbworld_count(&w, "requests"),
                         vbworld_count(&w, "responses") + vbworld_count(&w, "errors"));
        assert_int_equal(vbworld_stop(&w), 0);
    }
}

/* Before 5.62 RemoveDevice left the cache of services behind. */
static void forgetting_keeps_the_cache_of_old_releases(void **state)
{
    static const struct {
        const char *version;
        long long requests;
    } rows[] = {{"5.66", 16}, {"5.55", 6}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct aid_call call;
        struct vbworld w;

        assert_int_equal(vbworld_start(&w, (const char *const[]){"--version", rows[i].version,
                                                                 "--adv-ms", "20", FAST, NULL}), 0);
        assert_int_equal(vbworld_ready(&w), 0);
        aid_call_start(w.client, &call, VB_HCI0, VB_ADAPTER1, "RemoveDevice", "o", VB_DEV);
        assert_string_equal(aid_call_end(&w.loop, &call), "");
        aid_call_done(&call);
        aid_log_clear(&w.log);
        assert_string_equal(on_adapter(&w, "StartDiscovery"), "");
        assert_true(aid_log_wait(&w.loop, &w.log, "added " VB_LOG_DEV));
        assert_string_equal(on_device(&w, "Connect"), "");
        assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " ServicesResolved=true"));
        assert_int_equal(count_when_quiet(&w, "discovery-requests"), rows[i].requests);
        assert_int_equal(vbworld_stop(&w), 0);
    }
}

/* In 5.66 a discovery goes on without its filter once a connection was made. */
static void connecting_loses_the_filter_of_old_releases(void **state)
{
    static const struct {
        const char *version;
        bool lost;
    } rows[] = {{"5.66", true}, {"5.72", false}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct aid_peer other = {.name = "other", .bare = true};
        struct vbworld w;

        assert_int_equal(vbworld_start(&w, (const char *const[]){"--version", rows[i].version,
                                                                 "--adapters", "3", "--adv-ms",
                                                                 "20", NULL}), 0);
        assert_string_equal(set_filter(&w, "UUIDs", "as", AID_PEER_SERVICE), "");
        assert_int_equal(vbworld_seen(&w), 0);
        assert_string_equal(on_device(&w, "Connect"), "");
        assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " Connected=true"));
        assert_int_equal(aid_peer_start(&other, aid_connect(&w.loop, w.bus.address)), 0);
        assert_string_equal(aid_peer_advertise(&w.loop, &other, "/org/bluez/hci2"), "");
        if (rows[i].lost)
            assert_true(aid_log_wait(&w.loop, &w.log, "added hci0/dev_02_00_00_00_00_02"));
        for (int k = 0; k < 20; k++)
            aid_pump(&w.loop, 10);
        assert_int_equal(aid_log_count(&w.log, "added hci0/dev_02_00_00_00_00_02"), rows[i].lost);
        aid_disconnect(&w.loop, other.bus);
        assert_int_equal(vbworld_stop(&w), 0);
    }
}

static void the_link_model_counts_events(void **state)
{
    long long clean, lossy;
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, (const char *const[]){"--ci-ms", "15", FAST, NULL}), 0);
    assert_int_equal(vbworld_ready(&w), 0);
    clean = count_when_quiet(&w, "events");
    /* An answer leaves one event after its request: two for each pair. */
    assert_int_equal(clean, 2 * vbworld_count(&w, "requests"));
    assert_int_equal(vbworld_count(&w, "retransmissions"), 0);
    assert_int_equal(vbworld_stop(&w), 0);

    assert_int_equal(vbworld_start(&w, (const char *const[]){"--ci-ms", "15", "--loss", "0.3",
                                                             "--supervision-ms", "32000", FAST,
                                                             NULL}), 0);
    assert_int_equal(vbworld_ready(&w), 0);
    lossy = count_when_quiet(&w, "events");
    assert_true(vbworld_count(&w, "retransmissions") > 0);
    assert_true(lossy > clean);
    assert_int_equal(vbworld_stop(&w), 0);
}

static void a_silent_radio_loses_the_link(void **state)
{
    struct vbworld w;

    (void)state;
    assert_int_equal(vbworld_start(&w, (const char *const[]){"--ci-ms", "15", "--loss", "1", FAST,
                                                             NULL}), 0);
    assert_int_equal(vbworld_seen(&w), 0);
    assert_string_equal(on_device(&w, "Connect"), "");
    assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " Connected=false"));
    assert_int_equal(aid_log_count(&w.log, VB_LOG_DEV " ServicesResolved=true"), 0);
    assert_int_equal(vbworld_stop(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discovery_shows_what_is_advertised),
        cmocka_unit_test(filters_hide_and_show),
        cmocka_unit_test(undiscoverable_devices_need_a_filter),
        cmocka_unit_test(temporary_devices_go),
        cmocka_unit_test(broadcasters_go_with_the_discovery),
        cmocka_unit_test(no_power_no_radio),
        cmocka_unit_test(registrations_are_checked),
        cmocka_unit_test(connecting_tells_in_bluez_order),
        cmocka_unit_test(the_begin_of_a_link_may_be_left_out),
        cmocka_unit_test(the_answer_to_connect_comes_before_the_services),
        cmocka_unit_test(disconnecting_takes_two_seconds),
        cmocka_unit_test(a_dead_peripheral_drops_the_link_at_once),
        cmocka_unit_test(connect_waits_then_fails),
        cmocka_unit_test(forgetting_a_device),
        cmocka_unit_test(services_are_found_as_bluez_does),
        cmocka_unit_test(forgetting_keeps_the_cache_of_old_releases),
        cmocka_unit_test(connecting_loses_the_filter_of_old_releases),
        cmocka_unit_test(the_link_model_counts_events),
        cmocka_unit_test(a_silent_radio_loses_the_link),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
