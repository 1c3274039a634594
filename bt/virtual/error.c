/* error.c - BlueZ's D-Bus errors; see error.h. */
#include "bt/virtual/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/att.h"

#define PREFIX "org.bluez.Error."

static const struct {
    const char *name, *text;
} errors[] = {
    [VB_E_FAILED] = {PREFIX "Failed", "Operation failed"},
    [VB_E_INVALID_ARGUMENTS] = {PREFIX "InvalidArguments", "Invalid arguments in method call"},
    [VB_E_IN_PROGRESS] = {PREFIX "InProgress", "In Progress"},
    [VB_E_BUSY] = {PREFIX "InProgress", "Operation already in progress"},
    [VB_E_ALREADY_EXISTS] = {PREFIX "AlreadyExists", "Already Exists"},
    [VB_E_NOT_SUPPORTED] = {PREFIX "NotSupported", "Operation is not supported"},
    [VB_E_NOT_CONNECTED] = {PREFIX "NotConnected", "Not Connected"},
    [VB_E_ALREADY_CONNECTED] = {PREFIX "AlreadyConnected", "Already Connected"},
    [VB_E_NOT_AVAILABLE] = {PREFIX "NotAvailable", "Operation currently not available"},
    [VB_E_DOES_NOT_EXIST] = {PREFIX "DoesNotExist", "Does Not Exist"},
    [VB_E_NOT_AUTHORIZED] = {PREFIX "NotAuthorized", "Operation Not Authorized"},
    [VB_E_NOT_PERMITTED] = {PREFIX "NotPermitted", "Operation not permitted"},
    [VB_E_NOT_READY] = {PREFIX "NotReady", "Resource Not Ready"},
    [VB_E_AUTHENTICATION_FAILED] = {PREFIX "AuthenticationFailed", "Authentication Failed"},
    [VB_E_BLOCKED] = {PREFIX "Blocked", "Blocked through rfkill"},
};

/* What a client is told for an ATT error; every other code is Failed with its number. */
static const struct {
    uint8_t att;
    enum vb_error error;
    const char *text;
} from_att[] = {
    {VB_ATT_E_READ, VB_E_NOT_PERMITTED, "Read not permitted"},
    {VB_ATT_E_WRITE, VB_E_NOT_PERMITTED, "Write not permitted"},
    {VB_ATT_E_AUTHENTICATION, VB_E_NOT_PERMITTED, "Not paired"},
    {VB_ATT_E_ENCRYPTION, VB_E_NOT_PERMITTED, "Not paired"},
    {VB_ATT_E_KEY_SIZE, VB_E_NOT_PERMITTED, "Not paired"},
    {VB_ATT_E_OFFSET, VB_E_INVALID_ARGUMENTS, "Invalid offset"},
    {VB_ATT_E_LENGTH, VB_E_INVALID_ARGUMENTS, "Invalid Length"},
    {VB_ATT_E_AUTHORIZATION, VB_E_NOT_AUTHORIZED, NULL},
    {VB_ATT_E_UNSUPPORTED, VB_E_NOT_SUPPORTED, NULL},
};

/* What an application's D-Bus error is on the air; Failed and NotPermitted are not that simple. */
static const struct {
    const char *name;
    uint8_t att;
} to_att[] = {
    {PREFIX "NotSupported", VB_ATT_E_UNSUPPORTED},
    {PREFIX "NotAuthorized", VB_ATT_E_AUTHORIZATION},
    {PREFIX "InvalidValueLength", VB_ATT_E_LENGTH},
    {PREFIX "InvalidOffset", VB_ATT_E_OFFSET},
    {PREFIX "InProgress", VB_ATT_E_IN_PROGRESS},
    {PREFIX "ImproperlyConfigured", VB_ATT_E_CCC},
};

void vb_fail(sd_bus_message *m, enum vb_error error, const char *text)
{
    /* A reply that cannot be sent has nobody to be reported to. */
    (void)sd_bus_reply_method_errorf(m, errors[error].name, "%s", text ? text : errors[error].text);
}

void vb_ok(sd_bus_message *m)
{
    (void)sd_bus_reply_method_return(m, NULL);
}

void vb_fail_kept(sd_bus_message **m, enum vb_error error, const char *text)
{
    if (*m)
        vb_fail(*m, error, text);
    *m = sd_bus_message_unref(*m);
}

void vb_ok_kept(sd_bus_message **m)
{
    if (*m)
        vb_ok(*m);
    *m = sd_bus_message_unref(*m);
}

void vb_fail_att(sd_bus_message *m, unsigned att)
{
    char text[48];

    for (size_t i = 0; i < sizeof from_att / sizeof from_att[0]; i++) {
        if (from_att[i].att == att) {
            vb_fail(m, from_att[i].error, from_att[i].text);
            return;
        }
    }
    (void)snprintf(text, sizeof text, "Operation failed with ATT error: 0x%02x", att);
    vb_fail(m, VB_E_FAILED, text);
}

/* The text of Failed may be a number 0x80..0x9f for the application's own meaning. */
static uint8_t att_from_text(const char *text)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 0);
    if (*end != '\0' || errno != 0)
        return VB_ATT_E_APPLICATION;
    return n >= 0x80 && n <= 0x9f ? (uint8_t)n : VB_ATT_E_UNLIKELY;
}

uint8_t vb_att_from_dbus(const sd_bus_error *error, uint8_t not_permitted)
{
    if (sd_bus_error_has_name(error, PREFIX "Failed"))
        return att_from_text(error->message ? error->message : "");
    if (sd_bus_error_has_name(error, PREFIX "NotPermitted"))
        return not_permitted;
    for (size_t i = 0; i < sizeof to_att / sizeof to_att[0]; i++)
        if (sd_bus_error_has_name(error, to_att[i].name))
            return to_att[i].att;
    return VB_ATT_E_UNLIKELY;
}
