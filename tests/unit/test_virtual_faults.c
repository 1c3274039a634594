/* test_virtual_faults.c - virtual-bluez: faults of daemon, scan, connection and discovery do what
 * their names say, as a client on the bus sees it; and without the order nothing of it happens.
 * Those of data strike between real programs only: tests/t-faults.sh. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/vbworld.h"

/* How far the client has come before the call that the row is about. */
enum stage { REGISTERED, HEARD, QUIET, RESOLVED };

static const struct row {
    const char *order;
    enum stage stage;
    const char *path, *iface, *member; /* the call */
    const char *answer;                /* how its error begins; NULL: it succeeds */
    const char *line;                  /* of the signals that come; NULL: none is waited for */
} rows[] = {
    {"F04@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery", NULL,
     "hci0 Powered=false"},
    {"F04@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery", NULL,
     "hci0 Powered=true"},
    {"F05@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery", NULL,
     "hci0 Powered=false"},
    {"F11@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery", "", NULL},
    {"F13@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery", NULL,
     "hci0 Discovering=false"},
    {"F14@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery",
     "InProgress: Operation already in progress", NULL},
    {"F15@scanning", HEARD, VB_HCI0, VB_ADAPTER1, "StopDiscovery", "", NULL},
    {"F16@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery", NULL,
     "added hci0/dev_66_00_00_00_00_00"},
    {"F17@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery", NULL,
     "added hci0/dev_66_00_00_00_00_00"},
    {"F18@scanning", HEARD, VB_HCI0, VB_ADAPTER1, "StopDiscovery", NULL, "removed " VB_LOG_DEV},
    {"F22@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery", NULL,
     "added hci0/dev_66_00_00_00_00_01"},
    {"F23@scanning", REGISTERED, VB_HCI0, VB_ADAPTER1, "StartDiscovery", NULL,
     "added hci0/dev_66_00_00_00_00_01"},
    {"F24@connecting", QUIET, VB_DEV, VB_DEVICE1, "Connect",
     "Failed: le-connection-abort-by-local", VB_LOG_DEV " Connected=true"},
    {"F26@connecting", QUIET, VB_DEV, VB_DEVICE1, "Connect", "InProgress: In Progress", NULL},
    {"F27@connecting", QUIET, VB_DEV, VB_DEVICE1, "Connect",
     "Failed: le-connection-abort-by-local", NULL},
    {"F28@connecting", QUIET, VB_DEV, VB_DEVICE1, "Connect", "", "removed " VB_LOG_DEV},
    {"F30@closing", RESOLVED, VB_DEV, VB_DEVICE1, "Disconnect", NULL,
     VB_LOG_DEV " Connected=true"},
    {"F31@discovering", QUIET, VB_DEV, VB_DEVICE1, "Connect", NULL,
     VB_LOG_DEV " Connected=false"},
    {"F32@connecting", QUIET, VB_DEV, VB_DEVICE1, "Connect",
     "Failed: le-connection-concurrent-connection-limit", NULL},
};

static void come_to(struct vbworld *w, enum stage stage)
{
    if (stage == REGISTERED)
        assert_string_equal(aid_peer_register(&w->loop, &w->peer, VB_HCI1), "");
    else if (stage == RESOLVED)
        assert_int_equal(vbworld_ready(w), 0);
    else
        assert_int_equal(vbworld_seen(w), 0);
    if (stage == QUIET)
        assert_string_equal(aid_do(&w->loop, w->client, VB_HCI0, VB_ADAPTER1, "StopDiscovery"), "");
    if (stage == RESOLVED)
        aid_log_clear(&w->log);
}

static void check_row(const struct row *row)
{
    const char *const struck[] = {"--adv-ms", "20", "--clock-rate", "4", "--fault", row->order,
                                  NULL};
    const char *const clean[] = {"--adv-ms", "20", "--clock-rate", "4", NULL};

    for (int ordered = 0; ordered < 2; ordered++) {
        bool good = ordered == 1;
        struct vbworld w;
        const char *answer;

        assert_int_equal(vbworld_start(&w, good ? struck : clean), 0);
        come_to(&w, row->stage);
        answer = aid_do(&w.loop, w.client, row->path, row->iface, row->member);
        assert_int_equal(*answer != '\0', good && row->answer != NULL);
        if (good && row->answer != NULL)
            assert_int_equal(strncmp(answer, row->answer, strlen(row->answer)), 0);
        if (good && row->line != NULL)
            assert_true(aid_log_wait(&w.loop, &w.log, row->line));
        if (!good && row->line != NULL && strstr(row->line, "Connected=true") == NULL)
            assert_int_equal(aid_log_count(&w.log, row->line), 0);
        assert_int_equal(vbworld_stop(&w), 0);
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("# %s\n", rows[i].order);
        check_row(&rows[i]);
    }
}

/* F25, F34, F41, F42: what properties and objects say. */
static void look(const char *order, const char *want_connected, bool want_chars,
                 const char *want_mtu)
{
    const char *const options[] = {"--adv-ms", "20", "--clock-rate", "4", "--fault", order, NULL};
    bool linked = strcmp(want_connected, "true") == 0;
    struct vbworld w;
    char ctl[256];

    print_message("# %s\n", order);
    assert_int_equal(vbworld_start(&w, options), 0);
    come_to(&w, QUIET);
    assert_string_equal(aid_do(&w.loop, w.client, VB_DEV, VB_DEVICE1, "Connect"), "");
    if (linked)
        assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " ServicesResolved=true"));
    assert_string_equal(aid_get(&w.loop, w.client, VB_DEV, VB_DEVICE1, "Connected"),
                        want_connected);
    (void)vbworld_path(&w, AID_PEER_CTL, ctl);
    assert_int_equal(ctl[0] != '\0', want_chars);
    if (want_mtu != NULL)
        assert_non_null(strstr(aid_get(&w.loop, w.client, ctl, VB_CHAR1, "MTU"), want_mtu));
    assert_int_equal(vbworld_stop(&w), 0);
}

static void test_what_is_shown(void **state)
{
    (void)state;
    look("F35@closing", "true", true, "517"); /* an order that does not come to its phase */
    look("F25@connecting", "false", false, NULL);
    look("F34@discovering", "true", false, NULL);
    look("F41@connecting", "true", true, "23");
    look("F42@discovering", "true", true, "No such property");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_what_is_shown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
