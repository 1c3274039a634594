/* swap_case.h - meter swaps at head office: terms, the old meter's certificate, settlement.
 *
 * planned -> closed (the old meter's account is closed: its certificate or its receipt of closing
 * is home and verified, or two people estimated it) -> settled (the case's transit is zero) or
 * cancelled (nothing was closed; the first paper that says otherwise revives it). What comes home
 * after the settlement and moves the transit is settled again at once, so that the order in which
 * papers arrive changes nothing in the end. All in the caller's transaction; failures in o->fail.
 */
#ifndef GF_SWAP_CASE_H
#define GF_SWAP_CASE_H

#include "backend/credit.h"
#include "meter-core/swap.h"

#define SWAP_CAP_L INT64_C(500000)        /* unless said */
#define SWAP_CAP_MAX_L INT64_C(100000000) /* at most so much goes over without head office */

struct swap_case {
    uint8_t case_id[16];
    char number[32], supply_point[32], reason[16], state[16], note[200];
    char old_meter_id[GF_METER_ID_TEXT], new_meter_id[GF_METER_ID_TEXT];
    uint64_t old_account_no, new_account_no;
    uint64_t cap_l;
    int64_t not_after_s, made_at_ms, settled_at_ms;
    uint8_t terms[128];
    size_t terms_n;
    bool has_estimate;
    int64_t estimate_l;
    char made_by[64], estimated_by[64], confirmed_by[64];
};
/* 1, 0 or a store error. */
int swap_find(struct office *o, const uint8_t case_id[static 16], struct swap_case *ret);
int swap_find_number(struct office *o, const char *number, struct swap_case *ret);
/* The newest case in which this account is the old one, or the new one; a cancelled one last. */
int swap_find_account(struct office *o, uint64_t account_no, bool is_old, struct swap_case *ret);
/* The next case behind this number ("" for the first), of this state (NULL: any). */
int swap_next(struct office *o, const char *after, const char *state, struct swap_case *ret);

/* The next case of this place behind this number that waits to be settled: closed, not settled. */
int swap_next_waiting(struct office *o, const char *supply_point, const char *after,
                      struct swap_case *ret);

/* Begin a case: number and terms are made here; state, made_at_ms are set. The rest is the
 * caller's, who has checked it. 0 or a failure. */
int swap_begin(struct office *o, struct swap_case *c);

/* Terms that still hold at not_after_s: new ones, unless the case is past being planned or the
 * present ones last a ticket's least time. 0 or a failure. */
int swap_renew_terms(struct office *o, struct swap_case *c, int64_t not_after_s);

/* The swap key of a case, sealed for the old meter under its epoch `wrap_epoch`. Bytes, or a
 * failure; 0 while the new meter has no key yet. */
int swap_key_for(struct office *o, const struct swap_case *c, uint32_t wrap_epoch, uint8_t *ret,
                 size_t cap);

/* A closing certificate came (any laptop may bring it), of a swap or of a removal: verified under
 * the meter's receipt key, stored once, the account closed, tokens that never arrived voided, the
 * case closed; settled at once when nothing is left in transit. 0: taken; 1: it was home already;
 * GF_E_FORMAT, GF_E_SIGNATURE (also of a meter that is not registered), GF_E_MISMATCH (the case,
 * the counterpart, the account, another certificate is home): o->fail says the field and why. */
int swap_take_certificate(struct office *o, struct gf_span sealed, const char *brought_by);

/* Settle: what the new meter did not take by certificate goes there as a transfer token (or a debit
 * token for a debt), and the transit is zero. Where the new account is closed too, it goes to the
 * account that swap_heir() finds; where there is none, to the transit of the last account, as what a
 * removed meter left. 0, also when it is settled; GF_E_NOT_NOW (nothing is
 * closed yet, or the new account is not open yet). GF_E_NOT_NOW too while the new meter may still
 * take the certificate itself (before not_after_s and without a receipt of it), unless `online`:
 * then the whole goes by token and the case's swap ticket is void. */
int swap_settle(struct office *o, const uint8_t case_id[static 16], bool online, const char *by);

/* The old meter is dead: an estimate within the cap (below zero: a debt) by one person, confirmed
 * by another, settled at once. It counts up to the last token that is known to be taken: later ones
 * are voided and go over with it, and a refund under way of one of them is refused, for nothing
 * proves that the token was not used. GF_E_NOT_NOW (it is closed, cancelled, or the new account is
 * not open), GF_E_RANGE, GF_E_MISMATCH (estimated before otherwise). When its closing comes home
 * after all, the difference goes through the case's `adjusted` account and a token. */
int swap_estimate(struct office *o, const uint8_t case_id[static 16], int64_t residual_l,
                  const char *estimated_by, const char *confirmed_by);

/* The swap did not happen: tickets are void, the supply point is the old meter's again.
 * GF_E_NOT_NOW when an account was closed, or the new one holds credit. */
int swap_cancel(struct office *o, const uint8_t case_id[static 16], const char *by);

/* A receipt is stored, and credit_follow() was not called yet: does it show that a cancelled swap was
 * done all the same? The old account is closed under a ticket of the case, or the new meter took the
 * certificate. Then it goes on as if it had not been cancelled. 0 or a failure. */
int swap_foresee(struct office *o, const char *meter_id, const gasm_Receipt *receipt);

/* A receipt of the new or old meter (or of one that is removed) is stored, and credit_follow() was
 * called: accounts open and close, bindings move, cases are settled. Call for each receipt that is
 * applied. 0 or a failure. */
int swap_follow(struct office *o, const char *meter_id, const gasm_Receipt *receipt);

/* Who gets what comes home late of this account: itself while it is open; else the account to which
 * the swaps from it on lead; where the last of them was closed without a swap, the customer's next
 * open account at that place. *ret: that account; without an heir the last one, which is closed. One
 * of enum swap_heir, or a failure. */
enum swap_heir { SWAP_NO_HEIR, SWAP_HEIR, SWAP_HEIR_LATER /* not open yet */ };
int swap_heir(struct office *o, uint64_t account_no, struct credit_account *ret);

/* The customer's money on an account that a swap closed goes to the account to which the swaps from
 * it on lead; nothing happens to that of any other account. 0 or a failure. */
int swap_carry_money(struct office *o, uint64_t account_no);

/* The credit of an account that was closed without a swap goes to another open account of the same
 * customer, as a transfer token. `move_id` is the caller's: twice is once. 0; GF_E_NOT_NOW (it is
 * not closed, nothing is left, the other one is not open), GF_E_MISMATCH (another customer's). */
int swap_move_residual(struct office *o, const uint8_t move_id[static 16], uint64_t from_account_no,
                       uint64_t to_account_no, const char *by, struct credit_token *ret);

#endif
