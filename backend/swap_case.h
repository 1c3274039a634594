/* swap_case.h - meter swaps at head office: terms, the old meter's certificate, settlement.
 *
 * planned -> closed (the old meter's certificate is home and verified) -> settled (the case's transit
 * is zero) or cancelled (nothing was closed). All in the caller's transaction; failures in o->fail.
 */
#ifndef GF_SWAP_CASE_H
#define GF_SWAP_CASE_H

#include "backend/credit.h"
#include "meter-core/swap.h"

struct swap_case {
    uint8_t case_id[16];
    char number[32], supply_point[32], reason[16], state[16], note[200];
    char old_meter_id[GF_METER_ID_TEXT], new_meter_id[GF_METER_ID_TEXT];
    uint64_t old_account_no, new_account_no;
    uint64_t cap_l;
    int64_t not_after_s, made_at_ms, settled_at_ms;
    uint8_t terms[128];
    size_t terms_n;
};
int swap_find(struct office *o, const uint8_t case_id[static 16], struct swap_case *ret);

/* The swap key of a case, sealed for the old meter under its epoch `wrap_epoch`. Bytes, or a
 * failure. */
int swap_key_for(struct office *o, const struct swap_case *c, uint32_t wrap_epoch, uint8_t *ret,
                 size_t cap);

/* A closing certificate came (any laptop may bring it): verified under the old meter's receipt key,
 * stored once, the account closed, tokens that never arrived voided, the case closed; settled at
 * once when nothing is left in transit. 0: taken; 1: it was home already; GF_E_FORMAT, GF_E_SIGNATURE,
 * GF_E_MISMATCH (the case, the counterpart, another certificate is home). */
int swap_take_certificate(struct office *o, struct gf_span sealed, const char *brought_by);

/* Settle: what the new meter did not take by certificate goes there as a transfer token (or a debit
 * token for a debt), and the transit is zero. 0; GF_E_NOT_NOW (no certificate, or the new account is
 * not open yet). `waits`: GF_E_NOT_NOW while the new meter may still take the certificate itself
 * (before not_after_s and without a receipt of it), unless `online`: then the whole goes by token
 * and the case's swap ticket is void. */
int swap_settle(struct office *o, const uint8_t case_id[static 16], bool online, const char *by);

/* The old meter is dead: an estimate within the cap by one person, confirmed by another. */
int swap_estimate(struct office *o, const uint8_t case_id[static 16], int64_t residual_l,
                  const char *estimated_by, const char *confirmed_by);

/* A receipt of the new or old meter is stored: settle what it decides. */
int swap_follow(struct office *o, const char *meter_id, const gasm_Receipt *receipt);

#endif
