/* procedure.h - a procedure is a table of steps; run.h runs it, faces show it, docs/procedures.md
 * is printed from it.
 *
 * To add a step is to add a row: what it needs, what it asks, what changes in the meter, how that
 * is verified, and what a refusal means. The engine makes what a step needs (a connection, a
 * session under the right key epoch) before it enters the step, as often as it takes, so no step
 * connects by itself.
 */
#ifndef GF_FIELD_PROCEDURE_H
#define GF_FIELD_PROCEDURE_H

#include "field/run.h"
#include "meter-core/proto/meter.pb.h"

#define STEP_ID_LEN 23      /* most characters of a step's id: its key in the store */
#define STEP_TITLE_LEN 40   /* most cells of its title */
#define STEP_QUESTIONS 3

/* What a step needs before it is entered; a session needs the link, the office never holds work
 * up. */
enum step_needs {
    NEEDS_ANSWER = 1,       /* of the operator */
    NEEDS_LINK = 2,         /* connected to the job's meter */
    NEEDS_SESSION = 4,      /* under the meter's active key epoch */
    NEEDS_OFFICE = 8,       /* a round of synchronisation; goes on when head office is away */
};

struct step_question {
    const char *id;         /* what an answers file calls it; unique in the procedure */
    enum run_ask ask;       /* ASK_NONE ends the list */
    const char *prompt, *help;
    const char *word;       /* of ASK_WORD: this is dangerous, and has to be typed */
};

/* One change of the meter: read before, ask, plan, send, read back, check. */
struct step_op {
    gasm_Command command;
    gasm_Command before;    /* what is read and shown before the questions, or COMMAND_NONE */
    gasm_Command after;     /* what is read back; COMMAND_NONE: a handshake under the new key */
    /* True when the meter says that it is in effect already (another run did it): nothing is
     * sent. */
    bool (*already)(const struct run *r);
    /* Show what `before` read. May be NULL. */
    void (*show)(struct run *r, const gasm_Response *before);
    /* Fill the body of the request. 0, or GF_E_* with *why. */
    int (*build)(struct run *r, gasm_Request *ret, struct gf_fail *why);
    /* Judge what was read back, and show it. 0; STEP_AGAIN: plan it anew, with a new operation id;
     * or GF_E_*. */
    int (*check)(struct run *r, const gasm_Response *back, struct gf_fail *why);
};
#define STEP_AGAIN 1

struct run_event;

struct step {
    const char *id, *title;
    unsigned needs;         /* enum step_needs, or-ed */
    struct step_question questions[STEP_QUESTIONS + 1];
    const char *verified;   /* how it is verified: a sentence */
    const char *refusal;    /* what a refusal means and what to do next: a sentence */
    const char *help;       /* a sentence or two for the operator */
    const struct step_op *op;   /* run by step_change(); NULL for the others */
    bool own_failures;      /* on() is told of failed exchanges; else the engine stops the run */
    void (*on)(struct run *r, const struct run_event *e);
};

struct procedure {
    const char *id, *title;
    const struct step *const *steps;
    size_t n_steps;         /* at most RUN_STEPS_MAX */
    bool is_talk;           /* its one step is a conversation: talk.h */
};

extern const struct procedure procedure_opening, procedure_swap;    /* opening.c */

/* The procedure with this id, or NULL. */
const struct procedure *procedure_find(const char *id);

/* All procedures; *ret_n is their number. */
const struct procedure *const *procedures(size_t *ret_n);

/* The words for a meter's refusal, life state, valve and end of a purge: static strings, never
 * NULL. */
const char *refusal_text(gasm_Refusal refusal);
const char *life_text(gasm_LifeState state);
const char *valve_text(gasm_ValveState valve);
const char *purge_end_text(gasm_PurgeEnd end);

/* The meter's word for a right, as docs/meter-tables.md has it: "READ"; "nobody" for one that no
 * ticket gives. A static string, never NULL. */
const char *right_text(unsigned right);

#endif
