/* purge.h - the purge grant: volume and time and presence, whichever ends first. Freestanding.
 *
 * The grant is persisted from the record of purge_start to the record of its end, so a reset cannot
 * lose what flowed. Its time and presence live in RAM: a reset ends it. What flows until the valve
 * reports shut belongs to the grant; its end is journalled then, or after the valve's travel time
 * with PURGE_FAULT when it never does. The totals before and after in the receipt of the end are
 * those at the grant's beginning and end, so each purged litre stands in one receipt.
 */
#ifndef GF_METER_PURGE_H
#define GF_METER_PURGE_H

#include "meter-core/store.h"

#define MC_PRESENCE_MS 5000         /* a keep-alive at least this often */
#define MC_GRANT_PULSES_MAX 400     /* of one grant: each is a record, and no erase may come */

/* The record of purge_start is written: open the valve. */
void mc_purge_began(struct mc_meter *m);

/* Found open at the start: end it. */
void mc_purge_recover(struct mc_meter *m);

/* A keep-alive came. False when there is no grant to keep alive. */
bool mc_purge_alive(struct mc_meter *m);

/* Decide that the grant ends (nothing happens without one, or when that is decided already). */
void mc_purge_end(struct mc_meter *m, gasm_PurgeEnd why);

/* Check the limits; write the end's record when the valve is shut. True when that just happened and
 * a purge_stop waits for its answer: *ret_answer, in m->rec. */
bool mc_purge_poll(struct mc_meter *m, struct gf_span *ret_answer);

/* The present grant, or the last one. */
void mc_purge_show(const struct mc_meter *m, gasm_Purge *ret);

/* Make m->response the answer of a purge_stop to a grant that the meter ended itself. False when
 * none is remembered. Uses m->rec. */
bool mc_purge_show_ending(struct mc_meter *m);

#endif
