/* payout.h - what an account that was closed without a swap left: paid out, or written off.
 *
 * wanted -> done or rejected: one person asks, a supervisor, another one, decides. What is left are
 * litres (in the account's own transit) and the customer's money (change). The litres are worth what
 * they cost: those that are left were bought last, so they are counted back from the newest sale of
 * the accounts that swaps joined to this one; such as were never bought (forgiven, or moved here
 * from another place) are worth nothing. All in the caller's transaction; failures in o->fail.
 */
#ifndef GF_PAYOUT_H
#define GF_PAYOUT_H

#include "backend/credit.h"

struct payout {
    uint8_t payout_id[16];
    uint64_t account_no;
    char kind[16];  /* pay-out: the customer gets the money; write-off: nobody gets anything */
    char state[16]; /* wanted, done, rejected */
    int64_t litres; /* below zero: a debt, which only a write-off takes away */
    int64_t cost_milli, price_minor, change_minor; /* of the litres; the money beside them */
    char currency[4], provider[32], asked_by[64], decided_by[64], reason[160];
    int64_t asked_at_ms, ended_at_ms;
};
/* 1, 0 or a store error. */
int payout_find(struct office *o, const uint8_t payout_id[static 16], struct payout *ret);

struct payout_new {
    uint8_t payout_id[16];
    uint64_t account_no;
    const char *kind, *currency, *provider; /* provider: counter, or the one that pays it back */
    const char *asked_by, *reason;
};

/* What is left now of an account, in this currency; with kind pay-out also its price. 0; GF_E_FORMAT
 * (no such account); GF_E_NOT_NOW: it is not closed, a swap leads on from it, or nothing is left;
 * GF_E_MISMATCH: some of it was sold in another currency. */
int payout_count(struct office *o, const struct payout_new *what, struct payout *ret);

/* Ask for it. The same id again gives the same payout; GF_E_MISMATCH: it is another one's. Besides
 * the failures of payout_count(): GF_E_FORMAT (kind, provider), GF_E_NOT_NOW (another one of the
 * account waits; a provider that has ended; a pay-out of a debt, or of what was never bought). */
int payout_want(struct office *o, const struct payout_new *what, struct payout *ret);

/* Decide. Confirmed, it is posted at once. Twice by the same person is once. GF_E_FORMAT (no such
 * payout, not a supervisor), GF_E_NOT_NOW (decided, one's own, or what is left has changed since). */
int payout_confirm(struct office *o, const uint8_t payout_id[static 16], const char *by,
                   struct payout *ret);
int payout_reject(struct office *o, const uint8_t payout_id[static 16], const char *by,
                  struct payout *ret);

#endif
