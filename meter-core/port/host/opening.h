/* opening.h - an account opened on a new in-process meter, from its first key to gas for the
 * customer, through the same messages that a laptop sends. */
#ifndef GF_METER_OPENING_H
#define GF_METER_OPENING_H

#include "meter-core/port/host/inproc.h"

/* What came of it. */
struct gm_opened {
    unsigned sessions;              /* that were made */
    unsigned requests;              /* that were answered OK */
    gasm_Balance balance;           /* as the last reading said */
};

/* Two sessions: the account key under a factory ticket; then account, purge, zero-clear, clock,
 * parameters, commissioning, a recharge of credit_l and a reading under a ticket of the account.
 * Then the button is pressed, and the leak watch waited out: the valve is open, the appliances are
 * off. `birth` is what the meter was made with. 0; GF_E_REFUSED (why: which command and the
 * meter's word); what inproc.h says. */
int gm_open_account(struct gm_client *c, struct gm_inproc *m, const struct mc_birth *birth,
                    int64_t credit_l, struct gm_opened *ret, struct gf_fail *why);

#endif
