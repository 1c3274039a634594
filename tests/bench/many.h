/* many.h - a head office with any number of meters in service, each with an account and a customer
 * of its own: everything is made by head office's own functions, and by receipts that verify. */
#ifndef GF_TESTS_BENCH_MANY_H
#define GF_TESTS_BENCH_MANY_H

#include "backend/credit.h"
#include "tests/aid/office_aid.h"

struct many_meter {
    struct oaid_meter m; /* next: what its next receipt says, but for command, seq, at_s, op_id */
    uint64_t account_no;
    char customer_no[16];
};

/* Register meter i (0 ..) with its customer, account and key, and open its account: receipts 1..4.
 * A transaction of its own for the receipts. */
void many_add(struct oaid_office *a, unsigned i, struct many_meter *ret);

/* The tariff that payments need; once. */
void many_tariff(struct oaid_office *a);

/* Each in the caller's transaction, and has to work: a payment at the counter, whose token goes to
 * *ret; a receipt of a recharge with it; a receipt of another command after `litres` were used. */
void many_pay(struct office *o, struct many_meter *m, struct credit_token *ret);
void many_take(struct office *o, struct many_meter *m, const struct credit_token *token);
void many_use(struct office *o, struct many_meter *m, uint64_t litres);

/* A new id of 16 bytes. */
void many_id(uint8_t ret[static 16]);

#endif
