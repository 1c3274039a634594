/* days.h - a meter whose history is long: gas days pass in no time, and its memory goes to a file
 * of gasmeter's and comes from there. */
#ifndef GF_TESTS_AID_DAYS_H
#define GF_TESTS_AID_DAYS_H

#include <stdint.h>

#include "tests/aid/meter_world.h"

/* A world (AID_METER_ID, one litre a pulse) whose flash has the geometry of an NVM file. */
struct aid_world *aid_days_new(void);

/* The same with the meter that is in this NVM file, started at this time of its RTC. NULL: it
 * cannot be read, or holds no meter. */
struct aid_world *aid_days_load(const char *path, int64_t utc_ms);

/* Write the meter's memory to an NVM file. 0 or GF_E_FILE. */
int aid_days_save(const struct aid_world *w, const char *path);

/* So many gas days pass; on the n-th (0 first), 1 + n % 13 litres flow. The meter has a valid
 * clock. Its valve is shut, so it logs an event of the flow on each day, and locks it. */
void aid_days_pass(struct aid_world *w, uint32_t days);

#endif
