/* office_tries.h - who failed how often of late: guesses are slowed down. */
#ifndef GF_OFFICE_TRIES_H
#define GF_OFFICE_TRIES_H

#include "backend/office_in.h"

/* False when the group of this address (address.h) failed five times within the present minute. */
bool ho_may_try(struct office *o, const char *address);

/* It failed. */
void ho_tried(struct office *o, const char *address);

#endif
