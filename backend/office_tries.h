/* office_tries.h - who failed how often of late: guesses are slowed down. */
#ifndef GF_OFFICE_TRIES_H
#define GF_OFFICE_TRIES_H

#include "backend/office_in.h"

/* False when `key` (an address, "login NAME") failed five times within the present minute. */
bool ho_may_try(struct office *o, const char *key);

/* It failed. */
void ho_tried(struct office *o, const char *key);

#endif
