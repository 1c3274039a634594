/* order_kind.h - the kinds of work orders: one table of what each needs and which tickets it
 * brings.
 *
 * A kind is what procedures are called on the laptop. A ticket row says the role and rights of one
 * ticket of an order of the kind, for which of its meters, and under which key epoch. What else
 * stands in a ticket follows from its rights: the account to open from OPEN, the epoch to install
 * from KEY, purge volume and time from PURGE, the terms of a swap from CLOSE and IMPORT.
 */
#ifndef GF_ORDER_KIND_H
#define GF_ORDER_KIND_H

#include "backend/buf.h"
#include "backend/office_in.h"
#include "meter-core/proto/meter.pb.h"

enum order_meter { ORDER_METER, ORDER_OLD_METER }; /* of a swap: the new one is ORDER_METER */

/* EPOCH_BEFORE: that which the meter has when the work begins; without a new key also one that was
 * made and may have become active meanwhile. EPOCH_OF_WORK: the one that the work installs. */
enum order_epoch { EPOCH_BEFORE, EPOCH_OF_WORK };

struct order_ticket {
    enum order_meter of;
    enum order_epoch epoch;
    gasm_Role role;
    uint32_t rights; /* bits of gasm.Right */
};

#define ORDER_TICKETS_MAX 4
struct order_kind {
    const char *name, *what; /* "account-opening" */
    uint32_t states;         /* bits 1 << gasm.LifeState: in which its meter may be registered */
    bool new_account;        /* reserves an account number */
    bool new_key;            /* a meter in FACTORY state gets the key of the next epoch */
    bool purges;             /* its tickets carry purge volume and time */
    bool swaps;              /* has a swap case */
    bool supervised;         /* only a supervisor works on it */
    struct order_ticket tickets[ORDER_TICKETS_MAX];
    size_t n_tickets;
};

/* account-opening, swap, zero-clear, parameters, purge, query, inspection, maintenance, removal,
 * bench-reset, scrapping: all of the design's procedures that touch a meter. */
extern const struct order_kind order_kinds[];
extern const size_t order_n_kinds;
const struct order_kind *order_kind_find(const char *name); /* NULL: none */

/* The rights of a customer's ticket, and how the words for rights and roles are. */
#define ORDER_CUSTOMER_RIGHTS                                                                      \
    (1u << gasm_Right_RIGHT_READ | 1u << gasm_Right_RIGHT_RECHARGE | 1u << gasm_Right_RIGHT_VALVE)
const char *order_right_word(unsigned right); /* "read"; NULL: none */
const char *order_role_word(gasm_Role role);  /* "installer" */

/* The two tables of docs/office.md: kinds, and their tickets. */
void order_kinds_print(struct buf *ret);
void order_tickets_print(struct buf *ret);

#endif
