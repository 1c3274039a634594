#ifndef GF_TESTS_AID_MONEY_AID_H
#define GF_TESTS_AID_MONEY_AID_H
/*
 * A head office that sells to a real meter: account 1001 of customer C-1001 at SP-0001 on the meter
 * of a meter_world, whose account key the office knows. Receipts are kept as the meter makes them,
 * and reach the office when a test says so. Failures of the aid are cmocka's.
 */
#include "backend/credit.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/office_aid.h"

#define MAID_ACCOUNT 1001u
#define MAID_RECEIPTS 512

struct maid {
    struct oaid_office office;
    struct aid_world *w;
    gasm_Receipt receipts[MAID_RECEIPTS]; /* of the meter, since its opening */
    bool is_home[MAID_RECEIPTS];
    size_t n;
    uint32_t ops; /* operation ids handed out */
};

/* The office alone, with a tariff of class standard: 0.857 cents a litre, from 5000 litres a month
 * on 1.205. */
void maid_office(struct maid *m);
/* ... and the meter, in service, without credit. */
void maid_new(struct maid *m);
void maid_end(struct maid *m);

/* An id of 16 bytes that says n; kind tells sorts of ids apart. */
void maid_id(uint32_t n, uint8_t kind, uint8_t ret[static 16]);

/* A function of credit.h in a transaction of its own. */
int maid_issue(struct maid *m, const struct credit_new *what, struct credit_token *ret);
int maid_ask(struct maid *m, const struct payment_new *what, struct payment *ret);
int maid_confirm(struct maid *m, const uint8_t *id, const char *ref, int64_t amount,
                 const char *currency, struct payment *ret);
int maid_refund(struct maid *m, uint32_t n, uint64_t sequence, uint64_t *ret_sequence);

/* A payment at the counter, confirmed at once: number n of its ids. */
int maid_pay(struct maid *m, uint32_t n, int64_t amount_minor, struct payment *ret);

/* Hand this token to the meter, sealed or typed. A receipt that it makes is kept. */
gasm_Refusal maid_give(struct maid *m, uint64_t sequence, bool typed);
/* Make the meter change something else: a receipt. */
void maid_touch(struct maid *m);
/* The office gets the meter's i-th receipt. */
void maid_deliver(struct maid *m, size_t i);

/* Sums of the books. */
int64_t maid_balance(struct maid *m, const char *unit, enum ledger_code code, const char *owner);
int64_t maid_sum(struct maid *m, const char *sql);

/* That everything in the books is what the rows of tokens, payments and refunds say, by sums of its
 * own. */
void maid_check(struct maid *m);

#endif
