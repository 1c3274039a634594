/* office_order.h - work orders: made, assigned, checked, called off; imported, and made from the
 * due list.
 *
 * planned -> assigned -> on-site -> done or unable -> checked. A planned order has nobody and holds
 * nothing; from its assignment to its end it holds its meters, so that one person at a time has
 * tickets for a meter.
 */
#ifndef GF_OFFICE_ORDER_H
#define GF_OFFICE_ORDER_H

#include <stdio.h>

#include "backend/office_in.h"
#include "backend/order_kind.h"

/* All functions but the finding ones: one transaction each; 0 or more, or a failure in o->fail with
 * the place and the reason; nothing is changed on failure. */

struct ho_new_order {
    const uint8_t *id; /* 16 bytes, of the caller; NULL: made here, and a repetition is another */
    const char *kind;  /* NULL: account-opening */
    const char *meter_id, *supply_point; /* the supply point may be NULL for a meter that has one */
    const char *staff_no;                /* NULL: planned, for nobody yet */
    const char *due, *number, *note;     /* NULL: today, the next number, none */
    int64_t priority;                    /* 1 (first) to 9 */
    int64_t purge_l, purge_s;            /* of kinds that purge: of one grant */
    const char *const *parameters;       /* "7=5000", ... */
    size_t n_parameters;
    const char *old_meter_id; /* of a swap; NULL: the supply point's present one */
    const char *reason;       /* of a swap: fault, due, dispute */
    int64_t cap_l;            /* of a swap; 0: SWAP_CAP_L */
};
/* A work order. One that opens an account reserves the number for it; an opening that an earlier
 * order had to leave goes on under its number, a swap under its case. Writes the order's number, of
 * the order that has the id already too. GF_E_FORMAT, GF_E_RANGE, GF_E_UNREGISTERED; GF_E_NOT_NOW:
 * what is registered does not allow it now; GF_E_MISMATCH: the id is another order's. */
int ho_order_new(struct office *o, const struct ho_new_order *n, char ret_number[static 32]);

/* 1, 0 or a store error. */
int ho_find_order_number(struct office *o, const char *number, struct ho_order *ret);

/* Give an order to somebody, or to somebody else: then the tickets that were out are void, and the
 * first one's laptops are told. Before its end only. */
int ho_order_assign(struct office *o, const char *number, const char *staff_no);

/* Somebody (a supervisor, never the order's own person) looked at what was done, or not done. */
int ho_order_check(struct office *o, const char *number, const char *by);

/* Call an order off before anybody began: it ends as unable, code "cancelled". A swap's case is
 * cancelled with it. */
int ho_order_cancel(struct office *o, const char *number);

/* Work orders from a file: columns number, kind, meter_id, old_meter_id, supply_point, staff_no,
 * due, priority, parameters ("7=5000;8=0"), note; what is empty is as if left out, but for number,
 * kind and meter_id. A row whose number is registered for this kind and meter is the same. All or
 * nothing; failures name line and column. The reason of swaps is "due". */
struct ho_orders_made {
    unsigned added, same;
    unsigned lacking; /* of the due list: swaps for which no new meter is in stock */
};
int ho_import_orders(struct office *o, FILE *in, struct ho_orders_made *ret);

/* Planned orders of this kind ("inspection" or "swap") for meters in service whose verification
 * (date plus the setting verification_years, 8 unless set) runs out before a date, and that have no
 * open order; due on that day. A swap takes a new meter of the same type from stock. At most 1000
 * at a time: the first to run out. */
int ho_orders_from_due_list(struct office *o, const char *before_date, const char *kind,
                            struct ho_orders_made *ret);

/* ---- shared with office_import.c's likes; in the caller's transaction ---- */

/* ho_order_new() inside a transaction of the caller's. */
int ho_order_make(struct office *o, const struct ho_new_order *n, char ret_number[static 32]);

#endif
