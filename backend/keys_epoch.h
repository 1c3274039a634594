/* keys_epoch.h - the life of an account key: new, active, expired, withdrawn.
 *
 *   new        made; its envelope may be on its way to the meter
 *   active     a receipt under it is home: only the meter itself proves that
 *   expired    a receipt under a higher epoch is home
 *   withdrawn  a key officer gave it up before it was active: nothing of that epoch is issued again
 *
 * An epoch number never has two keys, and no key is ever deleted: a receipt may come years later.
 * Until the receipt of a change is home, tickets and tokens go out under both epochs
 * (ho_live_epochs(), office_issue.h). A withdrawn key that the meter turns out to use is a fact: it
 * becomes active, keeps ended_at_ms from its withdrawal (that is how an audit sees it), and what
 * was planned above it is planned anew.
 */
#ifndef GF_KEYS_EPOCH_H
#define GF_KEYS_EPOCH_H

#include "backend/office_in.h"

/* The epoch of a new key for this meter: one that is new already and that the meter can open, else
 * a number that never was. 0 or a failure. */
int ho_epoch_next(struct office *o, const struct ho_meter *meter, uint32_t *ret);

/* A receipt under this epoch verified: when it is above meter->active_epoch it is the active one
 * now, in the table and in *meter. In the caller's transaction. 0 or a failure. */
int ho_epoch_activate(struct office *o, struct ho_meter *meter, uint32_t epoch);

/* Withdraw a new key: its tickets are void, open orders go over to the next epoch and their laptops
 * are told. In the caller's transaction. 1, also when it is withdrawn already; 0: there is no such
 * key; GF_E_NOT_NOW: it is active or expired. */
int ho_epoch_withdraw(struct office *o, const struct ho_meter *meter, uint32_t epoch,
                      const char *who);

#endif
