/* credit.h - sales, tokens, payments, refunds: how money becomes credit on a meter.
 *
 * A token goes pending -> posted when a receipt shows that the meter took it, or -> voided when it
 * is proved that it never can be taken. All functions work in the caller's transaction
 * (ho_transaction) and leave failures in o->fail: where (a field) and what a person can do.
 */
#ifndef GF_CREDIT_H
#define GF_CREDIT_H

#include "backend/ledger.h"
#include "backend/tariff.h"
#include "meter-core/token.h"

/* An account as the books have it. */
struct credit_account {
    uint64_t account_no;
    char customer_no[32], supply_point[32], meter_id[GF_METER_ID_TEXT], state[16], tariff_class[32];
};
/* 1, 0 (no such account) or a store error. */
int credit_find_account(struct office *o, uint64_t account_no, struct credit_account *ret);

struct credit_token {
    uint64_t account_no, sequence;
    char meter_id[GF_METER_ID_TEXT], kind[16], state[16], made_by[64];
    int64_t litres;
    uint64_t purchased_l, imported_l, forgiven_l, debited_l;
    int64_t made_at_ms, cost_milli, price_minor;
    uint8_t op_id[16], order_ref[16];
    bool has_payment;
    uint8_t payment_id[16];
    bool has_case;
    uint8_t swap_case[16];
    char currency[4], tariff_id[32], reason[160];
    int64_t from_l, to_l;
    uint64_t refunds_seq, settled_seq;
};
/* 1, 0 (no such token) or a store error. */
int credit_find_token(struct office *o, uint64_t account_no, uint64_t sequence,
                      struct credit_token *ret);
/* The one of the account with the next sequence above `after`. */
int credit_next_token(struct office *o, uint64_t account_no, uint64_t after,
                      struct credit_token *ret);

/* A new token of an open account: `litres` onto the ceiling of its kind. cause_id with the kind is
 * unique: the same again gives the same token. GF_E_NOT_NOW (account not open), GF_E_RANGE,
 * GF_E_MISMATCH (the same cause with other content). Posts litres; a sale posts its money too. */
struct credit_new {
    uint64_t account_no;
    const char *kind; /* sale, transfer, forgive, debit, refund */
    int64_t litres;   /* refund: 0 */
    const uint8_t *cause_id;
    const char *made_by, *reason;
    const uint8_t *swap_case; /* of transfer: 16 bytes */
    /* of sale */
    const uint8_t *payment_id;
    const struct tariff *tariff;
    int64_t from_l, to_l, cost_milli, price_minor;
    /* of refund: the sequence that it takes back */
    uint64_t refunds_seq;
};
int credit_issue(struct office *o, const struct credit_new *what, struct credit_token *ret);

/* The sealed token under an epoch (its key has to be new or active, else GF_E_NOT_NOW), and its 25
 * digits ("" when it cannot be typed: too many litres, or it raises another ceiling than sales).
 * Made from the books each time: the same bytes each time. */
struct credit_carrier {
    uint8_t sealed[MC_TOKEN_MAX];
    size_t n;
    uint32_t epoch;
    char digits[MC_TYPED_TEXT];
};
int credit_carrier(struct office *o, const struct credit_token *token, uint32_t epoch,
                   struct credit_carrier *ret);

/* A carrier as the text of its QR code: GASM-TOKEN:1:<meter id>:<sealed in hex, capitals>. */
#define CREDIT_QR_TEXT (32 + 2 * MC_TOKEN_MAX)
void credit_qr_text(const struct credit_token *token, const struct credit_carrier *carrier,
                    char ret[static CREDIT_QR_TEXT]);

/* The next epoch above `after` whose key is live: 1, 0 for none, or a store error. */
int credit_epochs(struct office *o, const char *meter_id, uint32_t after, uint32_t *ret);

/* A receipt is stored: tokens that it shows as taken are posted, refunds that it decides are paid
 * or refused, then ledger_follow(). Call for each receipt that is applied, once. */
int credit_follow(struct office *o, const char *meter_id, const gasm_Receipt *receipt);

/* An account whose receipts of use move nothing but its totals: no token of it waits, no refund is
 * under way, and no swap names it. For the receipts of a transaction that come after one another:
 * asked for once, it need not be found again for each. It holds as long as nothing but
 * credit_follow_quiet() writes of this account. */
struct credit_quiet {
    uint64_t account_no; /* 0: not known */
    struct ledger_totals posted;
};
/* 1: it is one; 0: it is not (*ret is all zero), or a store error. */
int credit_look(struct office *o, const char *meter_id, uint64_t account_no,
                struct credit_quiet *ret);
/* Does a receipt of this operation say more than its registers? */
bool credit_moves(gasm_Command command);
/* Is it one of use: it has an account, no such operation, and closes nothing? */
bool credit_is_plain(const gasm_Receipt *receipt);
/* credit_follow() of a plain receipt of such an account; posted totals change in *quiet alone. */
int credit_follow_quiet(struct office *o, const char *meter_id, const gasm_Receipt *receipt,
                        struct credit_quiet *quiet);

/* No token of this account with a sequence above `last_seq` can be taken any more: its closing says
 * so, or nobody asks its dead meter again (`is_estimate`). They are voided, their litres go to the
 * transit of the case (or back to the customer's money without one). A refund under way is paid, for
 * its token was never taken; but after an estimate refused, for nothing proves that it was not used.
 * *ret_l is how much, signed. Call it with the closing stored, and its totals followed by
 * credit_follow(). */
struct credit_end {
    uint64_t account_no, last_seq;
    const uint8_t *swap_case; /* 16 bytes or NULL */
    bool is_estimate;         /* last_seq is the last token that is known to be taken */
};
int credit_void_after(struct office *o, const struct credit_end *end, int64_t *ret_l);

/* ---- payments ---- */

/* Ask for a payment, or take one at the counter. The same id again gives the same payment;
 * GF_E_MISMATCH with other content. A confirmed payment is a sale at once: litres by the tariff of
 * now, the largest whole number; the rest is the customer's change. */
struct payment_new {
    uint8_t payment_id[16];
    uint64_t account_no;
    const char *provider; /* "counter", or one of the configured */
    int64_t amount_minor; /* 1 .. 10^12 */
    const char *currency; /* "EUR": has to be the tariff's */
    const char *asked_by;
};
struct payment {
    uint8_t payment_id[16];
    uint64_t account_no, token_seq; /* 0: none yet */
    char customer_no[32], provider[32], provider_ref[64], currency[4], state[16], asked_by[64],
        reason[160];
    int64_t amount_minor, asked_at_ms, confirmed_at_ms;
};
int payment_ask(struct office *o, const struct payment_new *what, struct payment *ret);
int payment_find(struct office *o, const uint8_t payment_id[static 16], struct payment *ret);
int payment_next(struct office *o, const uint8_t after[static 16], struct payment *ret);
/* The money is there: amount and currency have to be those asked for (GF_E_MISMATCH). Twice is the
 * same as once. */
int payment_confirm(struct office *o, const uint8_t payment_id[static 16], const char *provider_ref,
                    int64_t amount_minor, const char *currency, const char *by,
                    struct payment *ret);
int payment_fail(struct office *o, const uint8_t payment_id[static 16], const char *provider_ref,
                 const char *reason, struct payment *ret);

/* Money that a clerk (asked_by) takes: asked for and confirmed at once. */
int payment_at_counter(struct office *o, const struct payment_new *what, struct payment *ret);

/* The customer's money on an account: change, and what could not be sold yet. Thousandths of the
 * minor unit. */
int payment_change(struct office *o, uint64_t account_no, const char *currency, int64_t *ret_milli);

/* ---- refunds ---- */

/* Ask to give token `sequence` back: issues the token that takes it back. Money moves on the
 * meter's receipt only. `approved_by` has to be another person than `asked_by`. */
int refund_ask(struct office *o, const uint8_t refund_id[static 16], uint64_t account_no,
               uint64_t sequence, const char *asked_by, const char *approved_by, const char *reason,
               uint64_t *ret_sequence);

/* The same in two steps: one person wants it, another approves or rejects it. wanted -> asked ->
 * paid or refused; wanted -> refused. After a refused one the token may be asked back anew, while it
 * is not used; of a token there is one at a time that is not refused. */
struct refund {
    uint8_t refund_id[16];
    uint64_t account_no, sequence, by_sequence; /* by_sequence 0: not approved yet */
    char state[16], currency[4], asked_by[64], approved_by[64], reason[160];
    char why[160]; /* it was refused; "" */
    int64_t amount_minor, asked_at_ms, ended_at_ms;
};
int refund_find(struct office *o, const uint8_t refund_id[static 16], struct refund *ret);
int refund_next(struct office *o, const uint8_t after[static 16], struct refund *ret);
int refund_want(struct office *o, const uint8_t refund_id[static 16], uint64_t account_no,
                uint64_t sequence, const char *asked_by, const char *reason);
int refund_approve(struct office *o, const uint8_t refund_id[static 16], const char *approved_by,
                   struct refund *ret);
int refund_reject(struct office *o, const uint8_t refund_id[static 16], const char *by,
                  struct refund *ret);

#endif
