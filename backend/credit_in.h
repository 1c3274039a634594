/* credit_in.h - what the parts of credit share: rows, running totals, postings; not for anybody
 * else. All work in the caller's transaction. */
#ifndef GF_CREDIT_IN_H
#define GF_CREDIT_IN_H

#include "backend/credit.h"

#define CREDIT_MILLI 1000 /* of a minor unit */

/* The next token of an account above sequence `after`, pending ones only: 1, 0 or a store error. */
int credit_next_pending(struct office *o, uint64_t account_no, uint64_t after,
                        struct credit_token *ret);

/* The kinds of tokens: which ceiling one raises, and where its litres stand in the books. The first
 * four raise a ceiling each, in the order of the ceilings. */
enum credit_ceiling {
    CREDIT_PURCHASED,
    CREDIT_IMPORTED,
    CREDIT_FORGIVEN,
    CREDIT_DEBITED,
    CREDIT_CEILINGS
};
struct credit_kind {
    const char *name;
    enum credit_ceiling ceiling;
    int sign;              /* of its litres: 1, -1, or 0 for none */
    enum ledger_code from; /* the other side of in-tokens; of a case: its transit */
};
extern const struct credit_kind credit_kinds[CREDIT_CEILINGS + 1];
const struct credit_kind *credit_kind_find(const char *name); /* NULL: none */

/* What tokens of an account bring ever, of each ceiling: sums of those not voided, without the one
 * that a refund under way takes back; what certificates brought, as far as it is known, is in. */
struct credit_sums {
    int64_t litres[CREDIT_CEILINGS];
    uint64_t last_seq; /* the highest ever issued; 0: none */
    int64_t last_made_at_ms;
};
int credit_sums(struct office *o, const struct credit_account *account, struct credit_sums *ret);

/* May a sale be made on this account? 0; GF_E_NOT_NOW: it is not open, or a refund is under way. */
int credit_can_sell(struct office *o, const struct credit_account *account);

/* The refund under way of an account: its token is issued, and no receipt has decided it. 1, 0 or a
 * store error. */
int refund_under_way(struct office *o, uint64_t account_no, struct refund *ret);

/* The entry of a token that was just issued: its litres, and the money of a sale. */
int credit_post_issued(struct office *o, const struct credit_token *token);

/* A pending token is decided by the receipt `seq` of its meter (0: by a certificate): its state and
 * its entry. Taken: the price of a sale is revenue. Voided without a case: litres and money of a
 * sale go back to the customer; what came of a case or a move is settled there, so it stands in the
 * account's own transit. Voided with one: its litres are the case's, and the price of a sale
 * is revenue, for the litres will be credited elsewhere. */
int credit_taken(struct office *o, const struct credit_token *token, uint64_t seq, int64_t at_s);
int credit_void(struct office *o, const struct credit_token *token, uint64_t seq, int64_t at_s,
                const uint8_t *swap_case);

/* A token that was voided into a case, when its meter was given up, was taken: its litres leave the
 * case's transit (`from`), with what the meter exports; before that they are a part of what was
 * estimated (adjusted). */
int credit_taken_after_all(struct office *o, const struct credit_token *token, uint64_t seq,
                           int64_t at_s, const uint8_t swap_case[static 16],
                           enum ledger_code from);

/* The refund is decided. Paid: its token is void, and the price is paid back the way it came. */
int refund_pay(struct office *o, const struct refund *refund, uint64_t seq, int64_t at_s);
int refund_refuse(struct office *o, const struct refund *refund, const char *why);

#endif
