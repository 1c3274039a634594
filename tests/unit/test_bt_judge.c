/* test_bt_judge.c - what BlueZ's errors are taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "bt/judge.h"
#include "common/err.h"

#define BLUEZ "org.bluez.Error."
#define DBUS "org.freedesktop.DBus.Error."

static void test_table(void **state)
{
    static const struct {
        const char *name, *text;
        int code;
        enum bt_retry retry;
        int att;
    } cases[] = {
        {BLUEZ "Failed", "le-connection-abort-by-local", GF_E_LINK_LOST, BT_RETRY_NOW, -1},
        {BLUEZ "Failed", "le-connection-abort-by-remote", GF_E_LINK_LOST, BT_RETRY_NOW, -1},
        {BLUEZ "Failed", "br-connection-canceled", GF_E_LINK_LOST, BT_RETRY_NOW, -1},
        {BLUEZ "Failed", "Software caused connection abort", GF_E_LINK_LOST, BT_RETRY_NOW, -1},
        {BLUEZ "Failed", "le-connection-key-missing", GF_E_GATT, BT_RETRY_FORGET, -1},
        {BLUEZ "Failed", "le-connection-concurrent-connection-limit", GF_E_ADAPTER, BT_RETRY_NO,
         -1},
        {BLUEZ "Failed", "Operation already in progress", GF_E_NOT_NOW, BT_RETRY_WAIT, -1},
        {BLUEZ "InProgress", "In Progress", GF_E_NOT_NOW, BT_RETRY_WAIT, -1},
        {BLUEZ "AlreadyConnected", "Already Connected", GF_E_NOT_NOW, BT_RETRY_WAIT, -1},
        {BLUEZ "NotPermitted", "Write acquired", GF_E_NOT_NOW, BT_RETRY_WAIT, -1},
        {BLUEZ "NotPermitted", "Not paired", GF_E_GATT, BT_RETRY_FORGET, -1},
        {BLUEZ "NotReady", "Resource Not Ready", GF_E_ADAPTER, BT_RETRY_WAIT, -1},
        {BLUEZ "NotConnected", "Not Connected", GF_E_LINK_LOST, BT_RETRY_NOW, -1},
        {BLUEZ "Failed", "Not connected", GF_E_LINK_LOST, BT_RETRY_NOW, -1},
        {BLUEZ "Failed", "Operation failed with ATT error: 0x80 (Unknown)", GF_E_GATT,
         BT_RETRY_FORGET, 0x80},
        {BLUEZ "Failed", "Operation failed with ATT error: 0x0E", GF_E_GATT, BT_RETRY_FORGET, 0x0E},
        {BLUEZ "Failed", "ATT error: 0x", GF_E_GATT, BT_RETRY_FORGET, -1},
        {BLUEZ "Failed", "ATT error: 0x5", GF_E_GATT, BT_RETRY_FORGET, 5},
        {BLUEZ "NotAuthorized", "Operation Not Authorized", GF_E_NOT_NOW, BT_RETRY_NOW, -1},
        {BLUEZ "DoesNotExist", "Does Not Exist", GF_E_LINK_AWAY, BT_RETRY_SEARCH, -1},
        {DBUS "UnknownObject", "", GF_E_LINK_AWAY, BT_RETRY_SEARCH, -1},
        {DBUS "AccessDenied", "Rejected", GF_E_BLUEZ_DENIED, BT_RETRY_NO, -1},
        {DBUS "ServiceUnknown", "not provided", GF_E_BLUEZ_AWAY, BT_RETRY_WAIT, -1},
        {DBUS "NoReply", "timed out", GF_E_LINK_TIMEOUT, BT_RETRY_NOW, -1},
        {BLUEZ "SomethingNew", "of a later release", GF_E_GATT, BT_RETRY_NOW, -1},
        {NULL, NULL, GF_E_GATT, BT_RETRY_NOW, -1},
        {BLUEZ "Failed", NULL, GF_E_GATT, BT_RETRY_NOW, -1},
        {NULL, "le-connection-timeout", GF_E_LINK_TIMEOUT, BT_RETRY_NOW, -1},
        {"InProgress", NULL, GF_E_GATT, BT_RETRY_NOW, -1},  /* names are whole */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bt_verdict v = bt_judge(cases[i].name, cases[i].text);

        print_message("# %s: %s\n", cases[i].name != NULL ? cases[i].name : "(none)",
                      cases[i].text != NULL ? cases[i].text : "(none)");
        assert_int_equal(v.code, cases[i].code);
        assert_int_equal(v.retry, cases[i].retry);
        assert_int_equal(v.att, cases[i].att);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
