/* core.h - the entries that persist a meter's registers and states in the journal. Freestanding.
 *
 * An entry: tag 1, [index 1 when the member is an array], value. Numbers are little-endian in the
 * member's width. Tags are never reused. One table (core.c) serves writing and replay; all values
 * are absolute.
 */
#ifndef GF_METER_CORE_H
#define GF_METER_CORE_H

#include "meter-core/events.h"
#include "meter-core/meter_state.h"

#define MC_CORE_MEMBERS_MAX 64
#define MC_USE_ENTRY 26         /* bytes: tag, place, serial 8, four numbers */
/* Bytes of all entries at most: each register, a tag for each member, two bytes for each element of
 * an array; and the counted tickets. */
#define MC_CORE_ENTRIES_MAX \
    (sizeof(struct mc_core) + MC_CORE_MEMBERS_MAX + 2 * (MC_PARAM_COUNT + MC_CASES) + \
     MC_COUNTED * MC_USE_ENTRY)

/* Write the entries that make `to` of `from` (NULL: of zeroes); index and purged volume in any case
 * `with_index`. */
void mc_core_write(struct gf_writer *w, const struct mc_core *from, const struct mc_core *to,
                   bool with_index);

/* What was used of the ticket at `place`. */
void mc_core_write_use(struct gf_writer *w, size_t place, const struct mc_use *use);

/* Apply all entries up to the reader's end; those of logs (logs.h) are passed over. 0, or
 * GF_E_STORE when one is not understood. */
int mc_core_read(struct mc_core *core, struct mc_use uses[static MC_COUNTED], struct gf_reader *r);

/* Look at what was read. 0; GF_E_STORE when no meter ever wrote such a thing: no id, no life, a
 * counter that no lifetime reaches. A parameter outside its range counts as its default. */
int mc_core_check(struct mc_core *core);

#endif
