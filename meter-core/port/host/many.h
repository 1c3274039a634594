/* many.h - many meters in one program, without radio: what a meter takes of memory and time. */
#ifndef GF_METER_MANY_H
#define GF_METER_MANY_H

#include "common/err.h"
#include "common/ids.h"
#include "common/port.h"
#include "meter-core/crypto.h"
#include "meter-core/port/host/options.h"

/* The id `n` places after `first` (its number counts up, the check digits follow). 0; GF_E_RANGE
 * when the number has no more digits. */
int gm_next_id(const char *first, int64_t n, char ret[static GF_METER_ID_TEXT]);

/* Make o->count meters in memory, open an account on each (opening.h), let them run for o->seconds
 * with gas flowing, and print what it took, on stdout. A signal stops it early; the table then says
 * how far it came. 0; GF_E_MEMORY, GF_E_RANGE (ids), GF_E_REFUSED and what opening.h says. */
int gm_many(const struct gm_options *o, const struct gf_clock *clock,
            const struct gf_random *random, const struct mc_crypto *crypto, struct gf_fail *why);

#endif
