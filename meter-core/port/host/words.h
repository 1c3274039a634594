/* words.h - the meter's numbers as words, for people and for tests that read them. */
#ifndef GF_METER_WORDS_H
#define GF_METER_WORDS_H

#include <stddef.h>

#include "meter-core/meter.h"

/* One word each, in small letters with hyphens ("in-service"); "unknown" when it is in no table. */
const char *gm_life_word(gasm_LifeState state);
const char *gm_valve_word(gasm_ValveState state);
const char *gm_refusal_word(gasm_Refusal refusal);

/* The locks that are set, "leak,tamper,valve", or "none". Returns ret. */
#define GM_LOCKS_TEXT 24
const char *gm_locks_word(unsigned locks, char ret[static GM_LOCKS_TEXT]);

#endif
