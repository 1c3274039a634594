#ifndef GF_TESTS_AID_METER_STORY_H
#define GF_TESTS_AID_METER_STORY_H
/*
 * The opening of an account on a meter_world, as a list of steps that may be interrupted anywhere
 * and done again: what a careful technician's program does, and what must then be true.
 */
#include "tests/aid/meter_world.h"

enum aid_step {
    AID_INSTALL_KEY,
    AID_ACTIVATE,
    AID_OPEN_ACCOUNT,
    AID_PURGE,
    AID_ZERO_CLEAR,
    AID_SET_CLOCK,
    AID_SET_PARAMETERS,
    AID_COMMISSION,
    AID_STEPS
};

struct aid_story {
    struct aid_world *w;
    gasm_Ticket factory, account;   /* may be changed before the first step: epoch, account, ... */
    uint32_t purge_l;               /* litres to purge */
    uint32_t first_op;              /* added to every operation id: another life of the meter */
    uint32_t ops;                   /* operation ids handed out for purges */
    uint32_t op_start, op_stop;     /* of the present purge; 0 when a new one is needed */
    uint64_t base[64];              /* the base that an operation was first sent with, + 1 */
    uint32_t restarts;              /* power cuts that were survived */
    int64_t cut_again; /* flash.cut_in at the first restart; below 0: the power stays */
    uint64_t before_l;              /* index when the story began */
    uint16_t mtu;
};

struct aid_story aid_story_of(struct aid_world *w);

/* Do one step until it is done; when the power fails, the world is restarted and the step goes on.
 * Aborts the test when it cannot be done. The operation id of a step is step + 1; purges count on
 * from 100. */
void aid_story_step(struct aid_story *s, enum aid_step step);

/* All steps from `first` to `last`. */
void aid_story_steps(struct aid_story *s, enum aid_step first, enum aid_step last);

/* Read every receipt that the meter keeps, through a session. Their number; ret holds cap. */
size_t aid_story_receipts(struct aid_story *s, gasm_Receipt *ret, size_t cap);

/* What must be true of a commissioned meter: state, one epoch, one account; every receipt verifies
 * and chains from the first; each step's operation has exactly one receipt; each purged litre
 * stands in exactly one receipt, none was billed; residual 0; valve shut. */
void aid_story_check(struct aid_story *s);

/* A new world whose meter was opened up to this step; the client has gone. */
struct aid_world *aid_story_opened(uint32_t pulse_l, enum aid_step last);

/* Connect and open a session under the ticket. */
void aid_greet(struct aid_world *w, const gasm_Ticket *ticket);

/* Ask, and insist on this answer; a refused command must have changed no receipt. */
void aid_expect(struct aid_world *w, const gasm_Request *request, gasm_Refusal result,
                gasm_Stage reached);

/* A set_parameters of one value (credit_low_l): a change that can be repeated at will. */
gasm_Request aid_set_one(const struct aid_world *w, uint32_t op, int64_t value);

#endif
