/* swap_in.h - what the parts of a swap share; not for anybody else. */
#ifndef GF_SWAP_IN_H
#define GF_SWAP_IN_H

#include "backend/swap_case.h"

/* The end of an account, as a certificate or a receipt of its meter says. */
struct swap_closing {
    const char *meter_id;
    uint64_t account_no, receipt_seq;
    int64_t residual_l, at_s; /* below zero: a debt */
    uint64_t last_token_seq;  /* no later token can be taken */
};

/* The account ends in the books: its row, customers' tickets, tokens that never arrived, a
 * removal's supply point and bindings; an estimate of the case (NULL: none) is taken back. The
 * case is closed, and settled as far as it can be. 0 or a failure. */
int swap_close_books(struct office *o, struct swap_case *c, const struct swap_closing *closing);

/* The last token of the account that is known to be taken; 0: none. 0 or a failure. */
int swap_last_taken(struct office *o, uint64_t account_no, uint64_t *ret);

/* Write the case's state. */
int swap_set_state(struct office *o, struct swap_case *c, const char *state);

/* Settle what can be settled without a person: a transit of zero; or, once the new meter has taken
 * the certificate or the case was settled before, the rest by token. 0 or a failure. */
int swap_settle_rest(struct office *o, struct swap_case *c);

/* An account of this place opened or closed: what cases there wait with may go on. 0 or a failure. */
int swap_settle_waiting(struct office *o, const char *supply_point);

/* What is in transit goes to whom it belongs: the case is settled. 0 or a failure. */
int swap_settle_now(struct office *o, struct swap_case *c, const char *by);

/* Litres in transit of a case. */
int swap_transit(struct office *o, const struct swap_case *c, int64_t *ret);

/* The meter spoke after all: what was estimated goes out of the case's transit again, with what it
 * was seen to have taken since then. 0 or a failure. */
int swap_undo_estimate(struct office *o, const struct swap_case *c, int64_t at_s);

/* Is this a present supervisor, or with `or_technician` a technician? 0; GF_E_FORMAT at `where`; or
 * a failure. */
int swap_check_person(struct office *o, const char *where, const char *staff_no,
                      bool or_technician);

/* Is a certificate's mac for the new meter one of this case's swap keys? 1, 0 or a failure. */
int swap_check_mac(struct office *o, const struct swap_case *c, struct gf_span sealed);

/* The account's customers may talk to this meter under this account from now on, not to the other
 * one; the supply point is the meter's. */
struct swap_move {
    const char *supply_point, *from_meter_id, *to_meter_id;
    uint64_t from_account_no, to_account_no;
};
int swap_move_place(struct office *o, const struct swap_move *move);

/* The new meter's account is open: the place is its, unless a later account stands or stood there.
 * 0 or a failure. */
int swap_take_place(struct office *o, const struct swap_case *c);

/* A cancelled case happened all the same: it is planned again (closed, when its old account is), its
 * new account waits to be opened, or is open; what the old one exported as a removed meter's is the
 * case's. Other cases of the old account are cancelled. 0 or a failure. */
int swap_revive(struct office *o, struct swap_case *c);

/* The laptops of the case's open orders have something to fetch; their tickets are void when
 * `anew`. */
int swap_orders_changed(struct office *o, const struct swap_case *c, bool anew);

#endif
