/* judge.c - D-Bus errors of BlueZ as codes; see judge.h. */
#include "bt/judge.h"

#include <stddef.h>
#include <string.h>

#include "common/err.h"

#define BLUEZ "org.bluez.Error."
#define DBUS "org.freedesktop.DBus.Error."

/* The first row that fits counts: the name must be the same, the text must occur in the error's;
 * NULL fits all. Texts before 5.62 are those of strerror(3). */
static const struct row {
    const char *name, *text;
    int code;
    enum bt_retry retry;
} rows[] = {
    /* Connect(): the link did not come up, or fell down again while it came up. */
    {NULL, "le-connection-abort-by-local", GF_E_LINK_LOST, BT_RETRY_NOW},
    {NULL, "le-connection-abort-by-remote", GF_E_LINK_LOST, BT_RETRY_NOW},
    {NULL, "le-connection-timeout", GF_E_LINK_TIMEOUT, BT_RETRY_NOW},
    {NULL, "le-connection-unknown", GF_E_LINK_LOST, BT_RETRY_NOW},
    {NULL, "br-connection-canceled", GF_E_LINK_LOST, BT_RETRY_NOW},
    {NULL, "Software caused connection abort", GF_E_LINK_LOST, BT_RETRY_NOW},
    {NULL, "Connection reset by peer", GF_E_LINK_LOST, BT_RETRY_NOW},
    {NULL, "Connection timed out", GF_E_LINK_TIMEOUT, BT_RETRY_NOW},
    {NULL, "Host is down", GF_E_LINK_TIMEOUT, BT_RETRY_NOW},
    {NULL, "Page Timeout", GF_E_LINK_TIMEOUT, BT_RETRY_NOW},
    {NULL, "le-connection-concurrent-connection-limit", GF_E_ADAPTER, BT_RETRY_NO},
    {NULL, "le-connection-not-supported", GF_E_ADAPTER, BT_RETRY_NO},
    {NULL, "le-connection-key-missing", GF_E_GATT, BT_RETRY_FORGET},
    {NULL, "connection-profile-unavailable", GF_E_GATT, BT_RETRY_NOW},
    /* The daemon is busy with the same. */
    {BLUEZ "InProgress", NULL, GF_E_NOT_NOW, BT_RETRY_WAIT},
    {BLUEZ "AlreadyConnected", NULL, GF_E_NOT_NOW, BT_RETRY_WAIT},
    {BLUEZ "Failed", "Operation already in progress", GF_E_NOT_NOW, BT_RETRY_WAIT},
    {BLUEZ "Failed", "In Progress", GF_E_NOT_NOW, BT_RETRY_WAIT},
    {BLUEZ "Failed", "Device or resource busy", GF_E_NOT_NOW, BT_RETRY_WAIT},
    {BLUEZ "NotPermitted", "acquired", GF_E_NOT_NOW, BT_RETRY_WAIT},
    /* Nothing of ours needs authorisation: a meter answers so while it serves another central. */
    {BLUEZ "NotAuthorized", NULL, GF_E_NOT_NOW, BT_RETRY_NOW},
    /* No link any more. */
    {BLUEZ "NotConnected", NULL, GF_E_LINK_LOST, BT_RETRY_NOW},
    {BLUEZ "Failed", "Not connected", GF_E_LINK_LOST, BT_RETRY_NOW},
    {BLUEZ "Failed", "Not Connected", GF_E_LINK_LOST, BT_RETRY_NOW},
    {BLUEZ "Failed", "Failed to initiate write", GF_E_LINK_LOST, BT_RETRY_NOW},
    /* The radio itself. */
    {BLUEZ "NotReady", NULL, GF_E_ADAPTER, BT_RETRY_WAIT},
    {BLUEZ "NotAvailable", NULL, GF_E_ADAPTER, BT_RETRY_WAIT},
    {BLUEZ "Blocked", NULL, GF_E_ADAPTER, BT_RETRY_NO},
    /* The object went away between looking and calling. */
    {BLUEZ "DoesNotExist", NULL, GF_E_LINK_AWAY, BT_RETRY_SEARCH},
    {DBUS "UnknownObject", NULL, GF_E_LINK_AWAY, BT_RETRY_SEARCH},
    {DBUS "UnknownMethod", NULL, GF_E_LINK_AWAY, BT_RETRY_SEARCH},
    {DBUS "UnknownInterface", NULL, GF_E_LINK_AWAY, BT_RETRY_SEARCH},
    /* The peer's attributes are not what we take them for. */
    {NULL, "ATT error", GF_E_GATT, BT_RETRY_FORGET},
    {BLUEZ "NotPermitted", NULL, GF_E_GATT, BT_RETRY_FORGET},
    {BLUEZ "NotSupported", NULL, GF_E_GATT, BT_RETRY_FORGET},
    {BLUEZ "InvalidArguments", NULL, GF_E_GATT, BT_RETRY_FORGET},
    {BLUEZ "InvalidValueLength", NULL, GF_E_GATT, BT_RETRY_FORGET},
    {BLUEZ "AlreadyExists", NULL, GF_E_NOT_NOW, BT_RETRY_NO},
    {BLUEZ "AuthenticationFailed", NULL, GF_E_GATT, BT_RETRY_NO},
    /* The bus and the daemon. */
    {DBUS "AccessDenied", NULL, GF_E_BLUEZ_DENIED, BT_RETRY_NO},
    {DBUS "AuthFailed", NULL, GF_E_BLUEZ_DENIED, BT_RETRY_NO},
    {DBUS "ServiceUnknown", NULL, GF_E_BLUEZ_AWAY, BT_RETRY_WAIT},
    {DBUS "NameHasNoOwner", NULL, GF_E_BLUEZ_AWAY, BT_RETRY_WAIT},
    {DBUS "Disconnected", NULL, GF_E_BLUEZ_AWAY, BT_RETRY_WAIT},
    {DBUS "NoServer", NULL, GF_E_BLUEZ_AWAY, BT_RETRY_WAIT},
    {DBUS "NoReply", NULL, GF_E_LINK_TIMEOUT, BT_RETRY_NOW},
    {DBUS "Timeout", NULL, GF_E_LINK_TIMEOUT, BT_RETRY_NOW},
    {DBUS "TimedOut", NULL, GF_E_LINK_TIMEOUT, BT_RETRY_NOW},
    {DBUS "NoMemory", NULL, GF_E_MEMORY, BT_RETRY_NO},
    {DBUS "LimitsExceeded", NULL, GF_E_MEMORY, BT_RETRY_WAIT},
};

static int nibble(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)((at - digits) % 16) : -1;
}

/* "Operation failed with ATT error: 0x80 (Unknown)" names 0x80. */
static int att_in(const char *text)
{
    const char *at = text != NULL ? strstr(text, "ATT error: 0x") : NULL;
    int high, low;

    if (at == NULL)
        return -1;
    high = nibble(at[13]);
    if (high < 0)
        return -1;
    low = nibble(at[14]);
    return low < 0 ? high : high * 16 + low;
}

struct bt_verdict bt_judge(const char *name, const char *text)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];

        if (r->name != NULL && (name == NULL || strcmp(name, r->name) != 0))
            continue;
        if (r->text != NULL && (text == NULL || strstr(text, r->text) == NULL))
            continue;
        return (struct bt_verdict){r->code, r->retry, att_in(text)};
    }
    return (struct bt_verdict){GF_E_GATT, BT_RETRY_NOW, att_in(text)};
}
