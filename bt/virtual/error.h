#ifndef GF_BT_VIRTUAL_ERROR_H
#define GF_BT_VIRTUAL_ERROR_H
/* BlueZ's D-Bus errors, and how ATT error codes become them and are made of them. */
#include <stdint.h>

#include <systemd/sd-bus.h>

enum vb_error {
    VB_E_OK,
    VB_E_FAILED,
    VB_E_INVALID_ARGUMENTS,
    VB_E_IN_PROGRESS,
    VB_E_BUSY, /* InProgress, with the other text */
    VB_E_ALREADY_EXISTS,
    VB_E_NOT_SUPPORTED,
    VB_E_NOT_CONNECTED,
    VB_E_ALREADY_CONNECTED,
    VB_E_NOT_AVAILABLE,
    VB_E_DOES_NOT_EXIST,
    VB_E_NOT_AUTHORIZED,
    VB_E_NOT_PERMITTED,
    VB_E_NOT_READY,
    VB_E_AUTHENTICATION_FAILED,
    VB_E_BLOCKED,
};

/*
 * Answer a method call with an error; text NULL takes the error's usual words. A message that
 * expects no reply gets none. The message stays the caller's.
 */
void vb_fail(sd_bus_message *m, enum vb_error error, const char *text);

/* Answer with nothing but success. */
void vb_ok(sd_bus_message *m);

/* The same for a kept message: answer, drop the reference, clear the pointer. NULL is fine. */
void vb_fail_kept(sd_bus_message **m, enum vb_error error, const char *text);
void vb_ok_kept(sd_bus_message **m);

/* Answer a client's read or write with what its peer's ATT error says (att > 0). */
void vb_fail_att(sd_bus_message *m, unsigned att);

/*
 * The ATT error for the D-Bus error with which an application answered ReadValue or WriteValue.
 * not_permitted is the code for NotPermitted: VB_ATT_E_READ or VB_ATT_E_WRITE.
 */
uint8_t vb_att_from_dbus(const sd_bus_error *error, uint8_t not_permitted);

#endif
