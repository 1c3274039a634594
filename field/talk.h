/* talk.h - one meter, command by command: what a technician with the right ticket may ask of it.
 *
 * A talk is a run (run.h) of a procedure with one step that never ends by itself: the face starts
 * it with talk_start() instead of run_start(), asks one command after another, and draws
 * run_view(); run_tick(), run_retry(), run_cancel() and the listener are the run's. While a command
 * is wanted the phase is RUN_ASK with ASK_COMMAND, while a dangerous one is to be confirmed
 * ASK_WORD.
 *
 * The ticket is chosen for each command, from those that the store holds for this meter; the
 * session is made anew when another one is needed. A command that changes the meter is planned in
 * the store before it is sent, and its answer, receipt and record are stored in one transaction. A
 * change whose answer did not come is settled before anything else is asked: the meter is asked
 * what became of it, so it has one effect, however often it is asked for.
 */
#ifndef GF_FIELD_TALK_H
#define GF_FIELD_TALK_H

#include "field/run.h"
#include "meter-core/proto/meter.pb.h"

#define TALK_ARGUMENTS 3        /* most of one command */
#define TALK_WORDS_MAX 32       /* most words of one command, its name among them */
#define TALK_TEXT_MAX 1024      /* most bytes of them, with a NUL behind each */

struct talk_argument {
    const char *name;           /* NULL ends the list */
    const char *shape;          /* how its value looks: "LITRES" */
    const char *unset;          /* what holds when it is left out; NULL: it has to be given */
    const char *help;           /* what it is */
};

/* The words of one command, by its arguments (NULL: left out), and those that are no argument: the
 * settings of set_parameters. */
struct talk_asked {
    const char *value[TALK_ARGUMENTS + 1];
    const char *more[TALK_WORDS_MAX];
    size_t n_more;
};

/* What becomes of them. */
struct talk_request {
    gasm_Request request;       /* without operation id and base */
    uint32_t last;              /* of a long read: so many of the newest; 0: from the first */
};

/* A command of the meter's table (meter-core/commands.h), as people ask it. */
struct talk_command {
    gasm_Command id;
    const char *title;          /* at most 28 cells */
    const char *help;           /* a sentence or two */
    bool danger;                /* its name has to be typed once more */
    struct talk_argument arguments[TALK_ARGUMENTS + 1];
    /* Fill the body of the request from the words, or from what the store holds. NULL: no body. */
    int (*build)(const struct run *r, const struct talk_asked *asked, struct talk_request *ret,
                 struct gf_fail *why);
    bool settings;              /* takes NAME=VALUE for parameters of the meter */
};

/* All of them, in the order of the meter's table; *ret_n is their number. */
const struct talk_command *talk_commands(size_t *ret_n);

/* The one with this name ("read_balance"), or NULL. Its name and the word for the right it needs,
 * of the meter's table ("READ"; "any": every ticket has it; "nobody"). */
const struct talk_command *talk_find(const char *name);
const char *talk_name(const struct talk_command *c);
const char *talk_right(const struct talk_command *c);
bool talk_changes(const struct talk_command *c);    /* the meter */

/* Sort words[1..n-1] by the arguments of the command that words[0] names; *ret_command is its row.
 * 0; GF_E_USAGE for a word that belongs nowhere, a value given twice, one that has to be given and
 * is not. */
int talk_sort(const char *const *words, size_t n, const struct talk_command **ret_command,
              struct talk_asked *ret, struct gf_fail *why);

/* Talk to this meter. `job` is the number of one of its jobs, whose tickets come first; NULL for
 * any. `meter_id` may be NULL when there is a job: then it is the job's. `address` is a hint for
 * the radio, may be empty. 0; GF_E_NO_JOB; GF_E_NO_TICKET: the store has none for this meter, not
 * even an expired one; GF_E_NOT_NOW: another run is active; store errors. */
int talk_start(struct run *r, const char *meter_id, const char *job, const char *address,
               struct gf_fail *why);

/* Ask: words[0] is the command, others are NAME=VALUE, or values in the order of its arguments.
 * 0: it is under way, or wants to be confirmed (run_view). GF_E_USAGE: no such command or argument;
 * GF_E_FORMAT, GF_E_RANGE with the argument in why->where; GF_E_NO_TICKET: all have expired;
 * GF_E_RIGHT: none that is good gives the right; GF_E_NOT_NOW: another command is under way. */
int talk_ask(struct run *r, const char *const *words, size_t n, struct gf_fail *why);

/* The word of a dangerous command, typed: begins it. Another word: GF_E_ANSWER, and nothing is
 * asked of the meter. */
int talk_confirm(struct run *r, const char *word, struct gf_fail *why);

/* run_answer() of a talk: a line of words apart by spaces, or the word that confirms. */
int talk_answer(struct run *r, const char *text);

/* Give up what is under way, has failed or is to be confirmed; the talk goes on. False: there is nothing. */
bool talk_stop(struct run *r);

/* May the tickets here, in the meter's state as far as it is known, send this command? */
enum talk_may {
    TALK_NO_TICKET,     /* none gives the right */
    TALK_HAS_TICKET,    /* one does; what the meter says is not known yet */
    TALK_ALLOWED,       /* the meter said so, to the ticket of this session */
    TALK_NOT_IN_STATE,  /* the ticket gives the right; the meter does not take it in its state */
};
enum talk_may talk_may(const struct run *r, const struct talk_command *c);

/* How far a long read has come: entries read, and the number of all that are wanted (0: not known
 * yet). */
void talk_progress(const struct run *r, uint32_t *ret_read, uint32_t *ret_all);

/* Are the periods of the history asked for months? */
bool talk_monthly(const struct run *r);

/* The command under way or asked last; NULL before the first. */
const struct talk_command *talk_command(const struct run *r);

#endif
