/* office_import.h - files of meters from the manufacturer, and of customers with their supply
 * points: registered whole or not at all.
 *
 * A file is read row by row, so that its length costs no memory, from its beginning, and again from
 * there where the database asks for it or a contradiction is looked up: `in` has to be seekable
 * (admin_spool() makes it so). docs/office.md, Import files, has the columns.
 */
#ifndef GF_OFFICE_IMPORT_H
#define GF_OFFICE_IMPORT_H

#include <stdio.h>

#include "backend/office_in.h"

struct ho_imported {
    unsigned added, changed, same; /* rows */
};

/* Told now and then how many rows are done; false ends the import (GF_E_CANCELLED). */
struct ho_progress {
    void *ctx;
    bool (*tell)(void *ctx, uint64_t rows);
};

/* 0 with *ret filled, or a failure in o->fail that names line and column; then nothing is changed.
 * Rows that are registered as they stand are counted as the same. A meter's row never changes a
 * registered meter; a customer's may change name, telephone, and a supply point's address and
 * owner. Two rows of one file that contradict one another are refused, with the line of the first.
 * `progress` may be NULL. */
int ho_import_meters(struct office *o, FILE *in, const uint8_t transport_key[static HO_KEY_LEN],
                     const struct ho_progress *progress, struct ho_imported *ret);
int ho_import_customers(struct office *o, FILE *in, const struct ho_progress *progress,
                        struct ho_imported *ret);

/* Laptops learn the present values of a customer and of a supply point with their open orders. In
 * the caller's transaction. 0 or a failure. */
int ho_tell_orders(struct office *o, const char *customer_no, const char *supply_point);

#endif
