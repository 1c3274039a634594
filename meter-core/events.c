/* events.c - the event table; see events.h. */
#include "meter-core/events.h"

static const struct mc_event_row rows[] = {
#define X(name, code, group, text, a, b) {code, #name, group, text, a, b},
    MC_EVENT_TABLE(X)
#undef X
};

const struct mc_event_row *mc_events(size_t *ret_n)
{
    *ret_n = sizeof rows / sizeof rows[0];
    return rows;
}
