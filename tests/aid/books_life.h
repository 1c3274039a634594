#ifndef GF_TESTS_AID_BOOKS_LIFE_H
#define GF_TESTS_AID_BOOKS_LIFE_H
/*
 * The life of a meter's registers, account after account, and the ledger that follows its receipts
 * in an office of its own. SEED=... says what is drawn. Failures are cmocka's.
 */
#include "backend/ledger.h"
#include "tests/aid/office_aid.h"

#define LIFE_ACCOUNT 100001 /* the first */
#define LIFE_RECEIPTS 64

extern struct oaid_office life_office;
extern const uint8_t life_case[16]; /* whose transit everything is */

/* A new office, and its end: for cmocka's setup and teardown. */
int life_start(void **state);
int life_stop(void **state);

/* What is drawn from now on: of SEED, or of the time; it is printed. A number below n. */
uint64_t life_seed(void);
uint64_t life_draw(uint64_t n);

/* One life of a meter: its receipts, and what of its credit came by token. */
struct life {
    gasm_Receipt receipts[LIFE_RECEIPTS];
    uint64_t imported_by_token_l[LIFE_RECEIPTS], debited_by_token_l[LIFE_RECEIPTS]; /* so far */
    size_t n;
    gasm_Totals now;
    uint64_t account_no, token_imported_l, token_debited_l;
    gasm_LifeState state;
};

/* A meter without an account; an account is opened (over one that was not closed), closed; a receipt
 * of an operation at the registers as they stand. */
void life_begin(struct life *l);
void life_open(struct life *l);
void life_close(struct life *l);
gasm_Receipt *life_record(struct life *l, gasm_Command command);

/* Receipt i (from 0) comes home, as ledger_follow() gets it; in a transaction of the office's. */
struct life_bringing {
    const struct life *life;
    size_t i;
};
int life_follow(struct office *o, void *bringing);
void life_bring(const struct life *l, size_t i);

/* Of the ledger: litres of an account, of the case; its sums are zero. */
int64_t life_balance(enum ledger_code code, uint64_t account_no);
int64_t life_transit(void);
void life_check_sum(void);

#endif
