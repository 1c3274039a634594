/* order_in.h - what the parts of work orders share; not for anybody else. */
#ifndef GF_ORDER_IN_H
#define GF_ORDER_IN_H

#include "backend/office_order.h"
#include "backend/swap_case.h"

/* An order that is being made. */
struct order_making {
    const struct ho_new_order *n;
    const struct order_kind *kind;
    struct buf parameters;
    char number[32], due[16], supply_point[32], customer_no[32];
    struct ho_meter meter;
    uint64_t account_no;
    struct swap_case swap;
};

/* What is asked for by itself, without a register: fills kind, due and parameters, which are the
 * caller's to free in any case. 0 or a failure. */
int order_check_words(struct office *o, struct order_making *m);

/* Does another order than `but` (its id; NULL: none) hold this meter, as the one that it is for or
 * as the old one of a swap? One that is assigned or begun does; with a kind: also any open one of
 * that kind. 0; GF_E_NOT_NOW at `where`; or a failure. */
int ho_order_holds(struct office *o, const char *meter_id, const uint8_t *but, const char *kind,
                   const char *where);

/* May this person do such work? 0; GF_E_FORMAT; or a failure. */
int ho_order_staff(struct office *o, const char *staff_no, const struct order_kind *kind);

#endif
