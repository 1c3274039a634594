/* central_search.c - which of the devices heard is the meter that is wanted; see central_state.h. */
#include "bt/central_state.h"

#include <string.h>

#define FRESH_MS 10000          /* heard so lately, a meter need not be searched */

struct search {
    const struct bt_central *c;
    const struct bt_object *best;
    unsigned worth;             /* of the best: 1 heard, 2 and its address fits, 3 connected */
};

/* In dBm; unknown is never the strongest. */
static int strength(const struct bt_object *o)
{
    return o->rssi_dbm != BT_RSSI_UNKNOWN ? o->rssi_dbm : -128;
}

static bool look_at(void *ctx, const struct bt_object *o)
{
    struct search *s = ctx;
    bool fits_hash = o->has_id_hash && memcmp(o->id_hash, s->c->id_hash, sizeof o->id_hash) == 0;
    bool fits_address = s->c->address[0] != '\0' && strcmp(o->address, s->c->address) == 0;
    bool is_fresh = o->seen_mono_ms != 0 && bt_now(s->c) - o->seen_mono_ms < FRESH_MS;
    unsigned worth = o->connected && (fits_hash || (fits_address && !o->has_id_hash)) ? 3
                     : !fits_hash || !is_fresh                                        ? 0
                     : fits_address                                                   ? 2
                                                                                      : 1;

    if (worth > s->worth || (worth > 0 && worth == s->worth && strength(o) > strength(s->best))) {
        s->best = o;
        s->worth = worth;
    }
    return true;
}

/* A connected one is the link of a former run, which a crash left: it is taken over. It would not
 * advertise, so nothing else would find it. */
const struct bt_object *bt_search_best(const struct bt_central *c)
{
    struct search s = {.c = c};

    bt_mirror_each(bt_bus_mirror(c->bus), BT_DEVICE, c->adapter, look_at, &s);
    return s.best;
}
