/* ticket.h - judging a ticket, and counting its uses and its purge volume. Freestanding. */
#ifndef GF_METER_TICKET_H
#define GF_METER_TICKET_H

#include "meter-core/store.h"

/* Judge a ticket that a ClientHello shows: WRONG_METER; KEY_EXPIRED (its epoch is neither active
 * nor pending, or the epoch that a factory ticket installs is not above the active one); OLD
 * (expired, or a staff ticket below the serial floor); CLOCK (not yet valid). Uses are not judged
 * here: a used-up ticket still reads, and still gets the answers of the operations that it
 * executed. */
gasm_Refusal mc_ticket_judge(const struct mc_meter *m, const gasm_Ticket *t);

/* Its times alone: OK, OLD or CLOCK, at the later of clock and floor. */
gasm_Refusal mc_ticket_time(const struct mc_meter *m, const gasm_Ticket *t);

/* The root key that derives the ticket's key; NULL when the meter has none for its epoch. */
const uint8_t *mc_ticket_root(const struct mc_meter *m, const gasm_Ticket *t);

/* What its uses are counted under, together with the serial. */
uint32_t mc_ticket_scope(const gasm_Ticket *t);

/* May the session's ticket execute one more change? OK, also when this session's use is counted
 * already; USED; OVERFLOW when 32 other tickets are counted. With tx: the use goes into the
 * transaction. */
gasm_Refusal mc_ticket_use(const struct mc_meter *m, struct mc_tx *tx);

/* Uses and purge litres that the session's ticket has left. */
uint32_t mc_ticket_uses_left(const struct mc_meter *m);
uint32_t mc_ticket_purge_left_l(const struct mc_meter *m);

/* The counted ticket's place, or -1. */
int mc_ticket_place(const struct mc_meter *m, uint64_t serial, uint32_t scope);

#endif
