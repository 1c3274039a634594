#ifndef GF_TESTS_AID_SUPPLY_SITE_H
#define GF_TESTS_AID_SUPPLY_SITE_H
/*
 * What the tests of the supply share: a meter in service with credit, its customer, and a
 * technician who may lift locks.
 */
#include "meter-core/events.h"
#include "meter-core/supply.h"
#include "tests/aid/meter_story.h"

struct supply_site {
    struct aid_world *w;
    gasm_Ticket customer;       /* may read and work the valve */
    gasm_Ticket technician;     /* may do everything */
    uint32_t op;
    uint64_t from_event;        /* supply_events() counts from here on */
};

/* A new world with a commissioned meter: valve shut, no gas in use, so much credit. */
struct supply_site supply_make(uint32_t pulse_l, uint64_t credit_l);
void supply_finish(struct supply_site *s);

/* Change the persisted state in a record of its own, as no command would. */
void supply_credit(struct supply_site *s, int64_t residual_l);
void supply_set(struct supply_site *s, enum mc_param id, int64_t value);
void supply_lock(struct supply_site *s, uint8_t locks);

/* One command in a session of its own: what the meter says; the answer in w->answer. */
gasm_Refusal supply_ask(struct supply_site *s, const gasm_Ticket *ticket, gasm_Command command);

/* Arm by the customer's ticket, press the button, and wait until the valve is open. */
void supply_open(struct supply_site *s);

/* Start counting events here. Count those with this code since then; *ret_a and *ret_b (may be
 * NULL) are of the last one. */
void supply_mark(struct supply_site *s);
uint32_t supply_events(struct supply_site *s, enum mc_event event, int64_t *ret_a, int64_t *ret_b);

/* What mc_meter_supply() says. */
gasm_Supply supply_now(const struct supply_site *s);

/* Is the valve shut, and will it stay so: no order to open it in the last moment? */
bool supply_is_shut(const struct supply_site *s);

#endif
