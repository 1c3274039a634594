/* adapter.c - which adapter to use, and why none; see mirror.h. */
#include <stdio.h>
#include <string.h>

#include "bt/mirror.h"

bool bt_is_usable(const struct bt_object *o, const struct bt_choice *choice)
{
    return o != NULL && (o->ifaces & choice->ifaces) == choice->ifaces && o->powered &&
           (o->roles & choice->role) != 0 &&
           (choice->address[0] == '\0' || strcmp(o->address, choice->address) == 0);
}

struct choosing {
    const struct bt_choice *choice;
    const struct bt_object *best, *other;   /* other: fits but for its power or abilities */
};

static bool consider(void *ctx, const struct bt_object *o)
{
    struct choosing *c = ctx;

    if (bt_is_usable(o, c->choice)) {
        if (c->best == NULL || strcmp(o->path, c->best->path) < 0)
            c->best = o;
    } else if (c->choice->address[0] == '\0' || strcmp(o->address, c->choice->address) == 0) {
        c->other = o;
    }
    return true;
}

/* What is the matter with an adapter that is there. */
static const char *unusable(const struct bt_object *o, const struct bt_choice *choice)
{
    const char *name = strrchr(o->path, '/');

    if (o->powered)
        return " cannot do what is needed";
    if (o->blocked || (choice->is_blocked != NULL && name != NULL && choice->is_blocked(name + 1)))
        return " is kept off by a switch (rfkill unblock bluetooth)";
    return " is switched off";
}

const struct bt_object *bt_mirror_adapter(const struct bt_mirror *m, const struct bt_choice *choice,
                                          char *why, size_t cap)
{
    struct choosing c = {.choice = choice};

    bt_mirror_each(m, BT_ADAPTER, NULL, consider, &c);
    if (c.best == NULL)
        (void)snprintf(why, cap, "%s%s",
                       c.other != NULL ? c.other->address : choice->address,
                       c.other != NULL                ? unusable(c.other, choice)
                       : choice->address[0] == '\0' ? "there is none"
                                                     : " is not there");
    return c.best;
}
