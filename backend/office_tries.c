/* office_tries.c - failed attempts in windows of a minute; see office_tries.h. */
#include "backend/office_tries.h"

#include <string.h>

#define TRIES 5 /* failed attempts in a window */
#define WINDOW_MS (60 * 1000)

/* The record of this address's group; the one that is free or oldest becomes its when it has none.
 */
static struct ho_tries *tries_of(struct office *o, const char *address)
{
    struct ho_tries *place = &o->tries[0];
    char group[ADDRESS_GROUP_MAX];

    address_group(address, group);
    for (size_t i = 0; i < HO_PEERS; i++) {
        if (strcmp(o->tries[i].group, group) == 0)
            return &o->tries[i];
        if (place->group[0] != '\0'
            && (o->tries[i].group[0] == '\0' || o->tries[i].since_mono_ms < place->since_mono_ms))
            place = &o->tries[i];
    }
    *place = (struct ho_tries){ .since_mono_ms = o->ports.clock->mono_ms(o->ports.clock->ctx) };
    memcpy(place->group, group, sizeof group);
    return place;
}

bool ho_may_try(struct office *o, const char *address)
{
    struct ho_tries *t = tries_of(o, address);
    int64_t now = o->ports.clock->mono_ms(o->ports.clock->ctx);

    if (now - t->since_mono_ms >= WINDOW_MS) {
        t->since_mono_ms = now;
        t->failed = 0;
    }
    return t->failed < TRIES;
}

void ho_tried(struct office *o, const char *address)
{
    tries_of(o, address)->failed++;
}
