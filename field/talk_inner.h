/* talk_inner.h - the parts of a talk: private to field/talk*.c. */
#ifndef GF_FIELD_TALK_INNER_H
#define GF_FIELD_TALK_INNER_H

#include "field/run_inner.h"

#define TICKETS 16              /* the newest of a meter; older ones are of jobs long done */

/* ---- talk.c ---- */
/* The talk waits for a command. */
void talk_want_command(struct run *r);
/* The request of a command, from its words and what the store holds. 0, or GF_E_* with *why. */
int talk_build(const struct run *r, const struct talk_command *c, const struct talk_asked *asked,
               struct talk_request *ret, struct gf_fail *why);

/* ---- talk_table.c ---- */
/* A long read asks for the page from this entry on. */
void talk_page_from(gasm_Request *q, uint64_t from);

/* ---- talk_ticket.c ---- */
/* May this ticket send the command, as far as can be known here? */
bool talk_allows(const struct run *r, const gasm_Ticket *t, const struct talk_command *c);
/* The command that the next exchange is for: what is to be settled comes first. */
const struct talk_command *talk_wanted(const struct run *r);
/* Go over to the job of a ticket: its records are of that job. The meter stays the same one: a swap
 * has two. 0 or GF_E_*. */
int talk_go_over(struct run *r, const uint8_t job_id[static GF_UUID_LEN]);
/* Before the radio is used: does any ticket give the right? 0, or GF_E_* with *why. */
int talk_look(const struct run *r, const struct talk_command *c, struct gf_fail *why);

/* ---- talk_step.c ---- */
void step_talk(struct run *r, const struct run_event *e);

#endif
