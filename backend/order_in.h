/* order_in.h - what the parts of work orders share; not for anybody else. */
#ifndef GF_ORDER_IN_H
#define GF_ORDER_IN_H

#include "backend/office_order.h"

/* Does another order than `but` (its id; NULL: none) hold this meter, as the one that it is for or
 * as the old one of a swap? One that is assigned or begun does; with a kind: also any open one of
 * that kind. 0; GF_E_NOT_NOW at `where`; or a failure. */
int ho_order_holds(struct office *o, const char *meter_id, const uint8_t *but, const char *kind,
                   const char *where);

/* May this person do such work? 0; GF_E_FORMAT; or a failure. */
int ho_order_staff(struct office *o, const char *staff_no, const struct order_kind *kind);

#endif
