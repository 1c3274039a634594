/* test_virtual_links.c - virtual-bluez: faults of scanning, connecting and discovery that take more
 * than one call to see do what their names say, as a client on the bus sees it; the others are in
 * test_virtual_faults.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/vbscene.h"

static const char *get(struct vbscene *s, const char *path, const char *iface, const char *name)
{
    return aid_get(&s->w.loop, s->w.client, path, iface, name);
}

static const char *on_device(struct vbscene *s, const char *member)
{
    return aid_do(&s->w.loop, s->w.client, VB_DEV, VB_DEVICE1, member);
}

static const char *on_adapter(struct vbscene *s, const char *member)
{
    return aid_do(&s->w.loop, s->w.client, VB_HCI0, VB_ADAPTER1, member);
}

static void wait_line(struct vbscene *s, const char *line)
{
    assert_true(aid_log_wait(&s->w.loop, &s->w.log, line));
}

struct lines {
    const struct aid_log *log;
    const char *line;
    unsigned n;
};

static bool are_there(void *arg)
{
    const struct lines *lines = arg;

    return aid_log_count(lines->log, lines->line) >= lines->n;
}

static void wait_lines(struct vbscene *s, const char *line, unsigned n)
{
    struct lines lines = {&s->w.log, line, n};

    assert_true(aid_wait(&s->w.loop, are_there, &lines, AID_WAIT_MS));
}

/* Start, with the device heard and discovery still on. */
static void begin_heard(struct vbscene *s, const char *const options[])
{
    *s = (struct vbscene){.wrote = {NULL, 0}};
    assert_int_equal(vbworld_start(&s->w, options), 0);
    assert_int_equal(vbworld_seen(&s->w), 0);
}

/* An order for the handshake passes one of them by, if it was drawn so. */
static void shake_hands(struct vbscene *s)
{
    for (int i = 0; i < 2; i++)
        (void)vbscene_request(s, 'A', 3);
}

struct begun {
    const struct aid_log *log;
    const char *line;
};

static bool has_begun(void *arg)
{
    const struct begun *begun = arg;

    return begun->log->text && strstr(begun->log->text, begun->line);
}

/* ---- scanning -------------------------------------------------------------------------------- */

/* F18 in a later phase: the device goes with its link. A client that comes back without stopping
 * its search has to come once more. */
static void the_device_goes_at_the_stop(void **state)
{
    struct vbscene s;

    (void)state;
    vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F18@handshake", NULL});
    shake_hands(&s);
    wait_lines(&s, "removed " VB_LOG_DEV, 1);
    assert_string_equal(on_adapter(&s, "StartDiscovery"), "");
    wait_lines(&s, "added " VB_LOG_DEV, 2);
    assert_string_equal(on_device(&s, "Connect"), "");
    wait_lines(&s, "removed " VB_LOG_DEV, 2);
    assert_int_equal(vbscene_strikes(&s), 0);
    wait_lines(&s, "added " VB_LOG_DEV, 3);
    assert_string_equal(on_adapter(&s, "StopDiscovery"), "");
    wait_lines(&s, "removed " VB_LOG_DEV, 3);
    assert_int_equal(vbscene_strikes(&s), 1);
    assert_string_equal(on_adapter(&s, "StartDiscovery"), "");
    wait_lines(&s, "added " VB_LOG_DEV, 4);
    assert_string_equal(on_adapter(&s, "StopDiscovery"), "");
    vbscene_connect(&s);
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

/* F19: one of two, which is drawn. */
static void the_strength_is_unknown(void **state)
{
    bool seen[2] = {false};
    char seed[12], line[160];

    (void)state;
    for (unsigned i = 1; !(seen[0] && seen[1]); i++) {
        const char *rssi;
        struct vbscene s;
        bool absent;

        assert_true(i < 20);
        (void)snprintf(seed, sizeof seed, "%u", i);
        begin_heard(&s, (const char *const[]){FAST, "--fault", "F19@scanning", "--fault-seed",
                                              seed, NULL});
        assert_true(vbworld_told(&s.w, "fault F19 ", line, sizeof line) > 0);
        absent = strstr(line, "absent") != NULL;
        rssi = get(&s, VB_DEV, VB_DEVICE1, "RSSI");
        if (absent)
            assert_non_null(strstr(rssi, "No such property"));
        else
            assert_string_equal(rssi, "127");
        seen[absent] = true;
        vbscene_end(&s);
    }
}

static bool are_all_told(void *arg)
{
    return vbscene_strikes(arg) == 20;
}

/* F20: twenty times; and a device comes whose properties are all of wrong types. */
static void types_are_wrong(void **state)
{
    struct vbscene s;

    (void)state;
    begin_heard(&s, (const char *const[]){FAST, "--fault", "F20@scanning", NULL});
    wait_line(&s, "added hci0/dev_66_00_00_00_00_00");
    assert_true(aid_wait(&s.w.loop, are_all_told, &s, AID_WAIT_MS));
    wait_line(&s, VB_LOG_DEV " RSSI=strong");
    wait_line(&s, VB_LOG_DEV " ManufacturerData=surprise");
    vbscene_end(&s);
}

/* F21: who connects to what was heard finds nobody; it is heard under another address. */
static void the_address_changes(void **state)
{
    struct vbscene s;

    (void)state;
    begin_heard(&s, (const char *const[]){FAST, "--fault", "F21@scanning", NULL});
    assert_string_equal(on_adapter(&s, "StopDiscovery"), "");
    assert_int_equal(vbscene_strikes(&s), 1);
    assert_int_equal(aid_log_count(&s.w.log, "removed " VB_LOG_DEV), 0);
    assert_string_not_equal(on_device(&s, "Connect"), "");
    assert_string_equal(on_adapter(&s, "StartDiscovery"), "");
    assert_true(aid_wait(&s.w.loop, has_begun,
                         &(struct begun){&s.w.log, "added hci0/dev_5A_"}, AID_WAIT_MS));
    vbscene_end(&s);
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* F29 while a client works: its link falls, and another program connects. */
static void another_program_connects(void **state)
{
    struct vbscene s;

    (void)state;
    vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F29@handshake", NULL});
    aid_log_clear(&s.w.log);
    shake_hands(&s);
    wait_line(&s, VB_LOG_DEV " Connected=true");
    assert_true(aid_log_order(&s.w.log, (const char *const[]){VB_LOG_DEV " Connected=false",
                                                              VB_LOG_DEV " Connected=true", NULL}));
    assert_int_equal(vbscene_strikes(&s), 1);
    assert_string_equal(on_device(&s, "Connect"), ""); /* it is taken over */
    vbscene_end(&s);
}

/* F33: yes, and then it falls. */
static void connecting_while_it_ends(void **state)
{
    struct aid_call call;
    struct vbscene s;

    (void)state;
    begin_heard(&s, (const char *const[]){FAST, "--fault", "F33@connecting", NULL});
    assert_string_equal(on_adapter(&s, "StopDiscovery"), "");
    aid_call_start(s.w.client, &call, VB_DEV, VB_DEVICE1, "Connect", NULL);
    call.log = &s.w.log;
    assert_string_equal(aid_call_end(&s.w.loop, &call), "");
    aid_call_done(&call);
    assert_link_lost(&s);
    assert_true(aid_log_order(&s.w.log, (const char *const[]){VB_LOG_DEV " Connected=true",
                                                              "answered",
                                                              VB_LOG_DEV " Connected=false",
                                                              NULL}));
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_connect(&s);
    vbscene_end(&s);
}

/* ---- services -------------------------------------------------------------------------------- */

static bool has_tx(void *arg)
{
    struct vbscene *s = arg;

    return *vbworld_path(&s->w, AID_PEER_TX, s->tx) != '\0';
}

/* F35: they come behind the property that says they are there. */
static void services_are_late(void **state)
{
    struct vbscene s;
    char line[300];

    (void)state;
    vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F35@discovering", NULL});
    assert_true(aid_wait(&s.w.loop, has_tx, &s, AID_WAIT_MS));
    (void)snprintf(line, sizeof line, "added %.256s", s.tx + strlen("/org/bluez/"));
    wait_line(&s, line);
    assert_true(aid_log_order(&s.w.log, (const char *const[]){VB_LOG_DEV " ServicesResolved=true",
                                                              line, NULL}));
    assert_int_equal(vbscene_strikes(&s), 1);
    assert_string_equal(on_device(&s, "Disconnect"), "");
    vbscene_connect(&s);
    assert_true(has_tx(&s));
    vbscene_end(&s);
}

/* F36: until BlueZ's own patience of 30 s ends the link; the next one is good. */
static void services_are_never_resolved(void **state)
{
    struct vbscene s;

    (void)state;
    begin_heard(&s, (const char *const[]){AT_RATE("100"), "--fault", "F36@discovering", NULL});
    assert_string_equal(on_adapter(&s, "StopDiscovery"), "");
    assert_string_equal(on_device(&s, "Connect"), "");
    assert_link_lost(&s);
    assert_int_equal(aid_log_count(&s.w.log, VB_LOG_DEV " ServicesResolved=true"), 0);
    vbscene_connect(&s);
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

/* F37: requests meet nothing, until the device is forgotten. */
static void the_cache_is_stale(void **state)
{
    static const char no_handle[] = "Failed: Operation failed with ATT error: 0x01";
    struct aid_call call;
    struct vbscene s;

    (void)state;
    vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F37@discovering", NULL});
    assert_string_equal(vbscene_request(&s, 'A', 3), no_handle);
    assert_string_equal(vbscene_subscribe(&s), no_handle);
    aid_call_start(s.w.client, &call, VB_HCI0, VB_ADAPTER1, "RemoveDevice", "o", VB_DEV);
    assert_string_equal(aid_call_end(&s.w.loop, &call), "");
    aid_call_done(&call);
    vbscene_search(&s);
    vbscene_connect(&s);
    assert_string_equal(vbscene_request(&s, 'B', 3), "");
    assert_string_equal(vbscene_subscribe(&s), "");
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

/* F38: all of the service is taken away and comes back, on the same link. */
static void services_change(void **state)
{
    char removed[300], added[300];
    struct vbscene s;

    (void)state;
    vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F38@handshake", NULL});
    (void)snprintf(removed, sizeof removed, "removed %.256s", s.tx + strlen("/org/bluez/"));
    (void)snprintf(added, sizeof added, "added %.256s", s.tx + strlen("/org/bluez/"));
    aid_log_clear(&s.w.log);
    shake_hands(&s);
    wait_line(&s, added);
    assert_true(aid_log_order(&s.w.log, (const char *const[]){removed, added, NULL}));
    assert_int_equal(aid_log_count(&s.w.log, VB_LOG_DEV " Connected=false"), 0);
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

/* F39: a characteristic is missing, or has other flags, on each link; which one is drawn. */
static void the_service_is_not_whole(void **state)
{
    bool seen[3] = {false};
    char seed[12];

    (void)state;
    for (unsigned i = 1; !(seen[0] && seen[1] && seen[2]); i++) {
        struct vbscene s;

        assert_true(i < 20);
        (void)snprintf(seed, sizeof seed, "%u", i);
        vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F39@discovering",
                                                "--fault-seed", seed, NULL});
        for (unsigned link = 1; link <= 2; link++) {
            bool no_ctl = s.ctl[0] == '\0';
            bool write = strcmp(get(&s, s.rx, VB_CHAR1, "Flags"), "write") == 0;
            bool indicate = strcmp(get(&s, s.tx, VB_CHAR1, "Flags"), "indicate") == 0;

            assert_int_equal(no_ctl + write + indicate, 1);
            seen[no_ctl ? 0 : write ? 1 : 2] = true;
            assert_true(vbscene_strikes(&s) > 0);
            assert_string_equal(on_device(&s, "Disconnect"), "");
            vbscene_connect(&s);
        }
        vbscene_end(&s);
    }
}

/* F40: the right ones are there too, and work. */
static void there_are_others_of_the_same_kind(void **state)
{
    struct vbscene s;

    (void)state;
    vbscene_begin(&s, (const char *const[]){FAST, NULL});
    assert_int_equal(vbworld_n_chars(&s.w, AID_PEER_TX), 1);
    vbscene_end(&s);
    vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F40@discovering", NULL});
    assert_int_equal(vbworld_n_chars(&s.w, AID_PEER_TX), 2);
    assert_int_equal(vbworld_n_chars(&s.w, AID_PEER_RX), 2);
    assert_int_equal(vbworld_n_chars(&s.w, AID_PEER_CTL), 2);
    vbscene_end(&s);
}

/* F43: too little for ever, or too much on one link; which is drawn. */
static void the_mtu_is_of_another_link(void **state)
{
    bool seen[2] = {false};
    char seed[12];

    (void)state;
    for (unsigned i = 1; !(seen[0] && seen[1]); i++) {
        struct vbscene s;
        bool too_much;

        assert_true(i < 20);
        (void)snprintf(seed, sizeof seed, "%u", i);
        vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F43@connecting", "--fault-seed",
                                                seed, NULL});
        too_much = strcmp(get(&s, s.tx, VB_CHAR1, "MTU"), "517") == 0;
        if (too_much) {
            assert_string_equal(vbscene_command(&s, 'A', 200), "Failed: Failed to initiate write");
        } else {
            assert_string_equal(get(&s, s.tx, VB_CHAR1, "MTU"), "23");
            assert_string_equal(vbscene_command(&s, 'A', 200), "");
        }
        assert_string_equal(on_device(&s, "Disconnect"), "");
        vbscene_connect(&s);
        assert_string_equal(get(&s, s.tx, VB_CHAR1, "MTU"), too_much ? "517" : "23");
        assert_string_equal(vbscene_command(&s, 'B', 200), "");
        assert_given(&s, too_much ? "B200" : "A200 B200");
        seen[too_much] = true;
        vbscene_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_device_goes_at_the_stop),
        cmocka_unit_test(the_strength_is_unknown),
        cmocka_unit_test(types_are_wrong),
        cmocka_unit_test(the_address_changes),
        cmocka_unit_test(another_program_connects),
        cmocka_unit_test(connecting_while_it_ends),
        cmocka_unit_test(services_are_late),
        cmocka_unit_test(services_are_never_resolved),
        cmocka_unit_test(the_cache_is_stale),
        cmocka_unit_test(services_change),
        cmocka_unit_test(the_service_is_not_whole),
        cmocka_unit_test(there_are_others_of_the_same_kind),
        cmocka_unit_test(the_mtu_is_of_another_link),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
