/* office_register.h - what administration puts into the registers: staff, orders, imports,
 * revocations. */
#ifndef GF_OFFICE_REGISTER_H
#define GF_OFFICE_REGISTER_H

#include <stdio.h>

#include "backend/office_in.h"

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

struct ho_new_order {
    const char *meter_id, *supply_point, *staff_no;
    const char *due, *number, *note; /* NULL: today, the next number, none */
    int64_t priority, purge_l, purge_s;
    const char *const *parameters; /* "7=5000", ... */
    size_t n_parameters;
};
/* A work order: opens the account of this supply point on this meter. Reserves the account number;
 * an opening that an earlier order had to leave goes on under its number. Writes the order's
 * number. GF_E_FORMAT with the place. */
int ho_order_new(struct office *o, const struct ho_new_order *n, char ret_number[static 32]);

/* True for an identifier: 1 to max letters, digits, and . _ - / */
bool ho_is_id(const char *text, size_t max);
/* True for a text of 1 to max bytes, all of them visible. */
bool ho_is_text(const char *text, size_t max);

#endif
