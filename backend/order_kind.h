/* order_kind.h - the kinds of work orders: one table of what each needs and which tickets it brings.
 *
 * A kind is what procedures are called on the laptop. A ticket row says the role and rights of one
 * ticket of an order of the kind, for which of its meters, and under which key epoch.
 */
#ifndef GF_ORDER_KIND_H
#define GF_ORDER_KIND_H

#include "backend/office_in.h"
#include "meter-core/proto/meter.pb.h"

enum order_meter { ORDER_METER, ORDER_OLD_METER }; /* of a swap: the new one is ORDER_METER */
enum order_epoch { EPOCH_BEFORE, EPOCH_OF_WORK };  /* the active one; the one that is installed */

struct order_ticket {
    enum order_meter of;
    enum order_epoch epoch;
    gasm_Role role;
    uint32_t rights; /* bits of gasm.Right */
};

#define ORDER_TICKETS_MAX 4
struct order_kind {
    const char *name, *what; /* "account-opening" */
    bool new_account;        /* reserves an account number */
    bool new_key;            /* the meter gets the key of the next epoch */
    bool purges;             /* its tickets carry purge volume and time */
    bool swaps;              /* has a swap case */
    struct order_ticket tickets[ORDER_TICKETS_MAX];
    size_t n_tickets;
};

/* account-opening, swap, zero-clear, parameters, purge, query, inspection, maintenance, removal,
 * bench-reset, scrapping: all of the design's procedures that touch a meter. */
extern const struct order_kind order_kinds[];
extern const size_t order_n_kinds;
const struct order_kind *order_kind_find(const char *name); /* NULL: none */

#endif
