/* link.h - the meter's end of a connection: hello, session, deadlines; private to meter-core.
 * Freestanding. */
#ifndef GF_METER_LINK_H
#define GF_METER_LINK_H

#include "meter-core/store.h"

#define MC_CONNECT_MS 30000         /* a central has to authenticate this long after it connected */
#define MC_HEARD_MS 5000            /* ... and this long after its first fragment */
#define MC_SILENCE_MS 30000         /* without a message in a session: dropped */
#define MC_OWES_MS 90000            /* so long a client may wait in silence for the end of a purge */
#define MC_HELLO_MS 1000            /* between two hellos that are looked at */
#define MC_REFUSED_LOG_MS 3600000   /* between two events about refused hellos */

/* Check the deadlines, and log refusals that were counted. */
void mc_link_poll(struct mc_meter *m);

/* Seal and send an answer (plain, in m->rec). */
void mc_link_answer(struct mc_meter *m, struct gf_span plain);

/* End the session; a purge grant ends with it. */
void mc_link_end_session(struct mc_meter *m);

/* True when neither a session nor a purge grant is alive: an erase harms nobody. */
bool mc_link_idle(const struct mc_meter *m);

#endif
