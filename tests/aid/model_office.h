#ifndef GF_TESTS_AID_MODEL_OFFICE_H
#define GF_TESTS_AID_MODEL_OFFICE_H
/*
 * The head office of a played sequence: it makes tokens and swaps for the meter, good ones and
 * wrong ones, and knows of each what is wrong with it.
 */
#include "tests/aid/model.h"
#include "tests/aid/model_play.h"
#include "tests/aid/swap_aid.h"

#define AID_OFFICE_TOKENS 48

struct aid_office {
    gasm_Token present;             /* of the account: what was issued last */
    gasm_Token issued[AID_OFFICE_TOKENS];
    size_t n;
    struct aid_swap swap;           /* of the newest swap ticket */
    uint64_t case_no;               /* of the swap; 0: none yet */
};

/* A token on its way, and what is wrong with it. */
struct aid_parcel {
    gasm_Token token;
    gasm_Request request;
    bool typed, at_keys;
    bool other_meter, other_epoch, other_key, broken, malformed, other_op;
};

/* The office knows the account as the model has it. */
void aid_office_open(struct aid_office *o, const struct aid_model *m);

/* A token more. d->how: 0 sold n, 1 forgiven, 2 brought in, 3 settled downwards, 4 one that says
 * less, 5 the last sequence with other ceilings, 6 beyond every limit, 7 expired, 8 of the next
 * account, 9 after a gap of n sequences. */
void aid_office_issue(struct aid_office *o, const struct aid_model *m, const struct aid_do *d);

/* Send the token that is d->pick before the newest. d->how: 0 sealed, 1 typed by radio, 2 typed at
 * the keys, 3 under another epoch, 4 for another meter, 5 with a bit wrong, 6 typed under another
 * key, 7 typed with a digit wrong, 8 with its operation id, 9 with another. False: there is
 * none. */
bool aid_office_parcel(struct aid_office *o, const struct aid_world *w, const struct aid_do *d,
                       struct aid_parcel *ret);

/* Put a new swap into the ticket, this meter the old one or the new one. */
void aid_office_swap(struct aid_office *o, gasm_Ticket *t, bool is_old, uint32_t epoch,
                     uint64_t cap_l, int64_t not_after_s);

#endif
