/* office_register.h - what administration puts into the registers: staff, revocations; orders are
 * in office_order.h. */
#ifndef GF_OFFICE_REGISTER_H
#define GF_OFFICE_REGISTER_H

#include "backend/office_order.h"

/* The roles of the staff, ended by NULL. */
extern const char *const ho_roles[];

/* All functions: 0 or more, or a failure in o->fail; nothing is changed on failure. */

/* A new member of the staff. GF_E_FORMAT (number, name, role), GF_E_NOT_NOW (the number is taken by
 * another). */
int ho_add_staff(struct office *o, const char *staff_no, const char *name, const char *role);

/* Revoke a device (its id in text), or all devices of a member of the staff: how many were revoked
 * now. Their next request is answered 403; tickets that they hold are voided by the next ones.
 * GF_E_FORMAT when there is no such one. */
int ho_revoke(struct office *o, const char *who);

/* True for an identifier: 1 to max letters, digits, and . _ - / */
bool ho_is_id(const char *text, size_t max);
/* True for a text of 1 to max bytes, all of them visible. */
bool ho_is_text(const char *text, size_t max);

#endif
