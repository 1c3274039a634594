#ifndef GF_TESTS_AID_GASMETER_STAND_H
#define GF_TESTS_AID_GASMETER_STAND_H
/*
 * A new meter of gasmeter in its stand, without radio and files, at a time that moves only when
 * told. One at a time.
 */
#include "meter-core/meter_state.h"
#include "meter-core/port/host/actions.h"
#include "meter-core/port/host/inproc.h"

#define AID_STAND_UTC_MS 1795000000000
#define AID_STAND_UTC_TEXT "2026-11-18T11:06:40Z"

struct aid_stand {
    struct gm_world world;
    struct gm_inproc meter;
    struct gm_stand stand;
    int64_t passed_ms;              /* since AID_STAND_UTC_MS */
};

/* Meter AID_METER_ID, a litre a pulse, in state FACTORY. Never NULL; the same one each time. */
struct aid_stand *aid_stand_new(void);
void aid_stand_free(struct aid_stand *s);

#endif
