/* office_tries.c - failed attempts in windows of a minute; see office_tries.h. */
#include "backend/office_tries.h"

#include <string.h>

#include "common/text.h"

#define TRIES 5 /* failed attempts in a window */
#define WINDOW_MS (60 * 1000)

/* The record of this key; the one that is free or oldest becomes its when it has none. */
static struct ho_tries *tries_of(struct office *o, const char *key)
{
    struct ho_tries *place = &o->tries[0];
    char cut[sizeof place->peer];

    (void)gf_copy(cut, sizeof cut, key);
    for (size_t i = 0; i < HO_PEERS; i++) {
        if (strcmp(o->tries[i].peer, cut) == 0)
            return &o->tries[i];
        if (place->peer[0] != '\0'
            && (o->tries[i].peer[0] == '\0' || o->tries[i].since_mono_ms < place->since_mono_ms))
            place = &o->tries[i];
    }
    *place = (struct ho_tries){ .since_mono_ms = o->ports.clock->mono_ms(o->ports.clock->ctx) };
    memcpy(place->peer, cut, sizeof cut);
    return place;
}

bool ho_may_try(struct office *o, const char *key)
{
    struct ho_tries *t = tries_of(o, key);
    int64_t now = o->ports.clock->mono_ms(o->ports.clock->ctx);

    if (now - t->since_mono_ms >= WINDOW_MS) {
        t->since_mono_ms = now;
        t->failed = 0;
    }
    return t->failed < TRIES;
}

void ho_tried(struct office *o, const char *key)
{
    tries_of(o, key)->failed++;
}
