/* words.c - names of states, refusals and locks; see words.h. */
#include "meter-core/port/host/words.h"

#include <stdio.h>

#define COUNT(names) (sizeof(names) / sizeof *(names))

static const char *const lives[] = {"unknown", "factory", "keyed",  "purged",
                                    "cleared", "in-service", "closed", "scrapped"};
static const char *const valves[] = {"unknown", "shut", "open", "moving", "fault"};
static const char *const refusals[] = {
    "ok",          "format",   "old",   "used",  "wrong-meter", "key-expired",
    "range",       "overflow", "state", "right", "locked-out",  "battery",
    "temperature", "clock",    "mismatch", "nvm", "proof",      "busy"};
static const char *const locks_in_order[] = {"leak", "tamper", "valve"};

_Static_assert(COUNT(lives) == _gasm_LifeState_ARRAYSIZE, "a word for each");
_Static_assert(COUNT(valves) == _gasm_ValveState_ARRAYSIZE, "a word for each");
_Static_assert(COUNT(refusals) == _gasm_Refusal_ARRAYSIZE, "a word for each");
_Static_assert(COUNT(locks_in_order) == _gasm_Lock_ARRAYSIZE, "a word for each");

static const char *word(const char *const *names, size_t n, size_t i)
{
    return i < n ? names[i] : "unknown";
}

const char *gm_life_word(gasm_LifeState state)
{
    return word(lives, COUNT(lives), (size_t)state);
}

const char *gm_valve_word(gasm_ValveState state)
{
    return word(valves, COUNT(valves), (size_t)state);
}

const char *gm_refusal_word(gasm_Refusal refusal)
{
    return word(refusals, COUNT(refusals), (size_t)refusal);
}

const char *gm_locks_word(unsigned locks, char ret[static GM_LOCKS_TEXT])
{
    size_t n = 0;

    (void)snprintf(ret, GM_LOCKS_TEXT, "none");
    for (size_t i = 0; i < COUNT(locks_in_order); i++)
        if ((locks >> i & 1) != 0)
            n += (size_t)snprintf(ret + n, GM_LOCKS_TEXT - n, "%s%s", n > 0 ? "," : "",
                                  locks_in_order[i]);
    return ret;
}
