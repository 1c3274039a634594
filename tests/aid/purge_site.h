#ifndef GF_TESTS_AID_PURGE_SITE_H
#define GF_TESTS_AID_PURGE_SITE_H
/* What the tests of purging share: a meter with an account and a technician before it. */
#include "tests/aid/meter_story.h"

/* A meter with an account, KEYED, and a technician in a session. */
struct site {
    struct aid_world *w;
    gasm_Ticket ticket;
    struct aid_pass pass;
    uint32_t op;
    gasm_Request start;         /* the last purge_start */
};

/* A new world with such a meter (pulse_l litres a pulse), in a session under `ticket`. */
struct site site_make(uint32_t pulse_l);

/* Connect anew, under the ticket as it now is. */
void site_greet(struct site *s);

/* One request each, with an operation id of its own. What the meter says; the answer in w->answer. */
gasm_Refusal site_start(struct site *s, uint32_t volume_l, uint32_t limit_s);
gasm_Refusal site_keep_alive(struct site *s);
gasm_Refusal site_stop(struct site *s);

/* Keep the grant alive for so long, or until it is over. */
void site_stay(struct site *s, int64_t ms);

/* A grant of a minute under which gas has flowed for four seconds. */
struct site site_purging(void);

/* The receipt in an answer, verified. */
gasm_Receipt site_opened(const gasm_Response *a);

/* The receipt of the last grant's end, as a late purge_stop gets it; the meter's own when `own`. */
gasm_Receipt site_ending(struct site *s, bool own);

/* Every receipt chains, and their litres add up; then the world is freed. */
void site_finish(struct site *s);

#endif
