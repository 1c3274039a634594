/* run_inner.h - the engine as the steps see it: private to field/run*.c, opening*.c and purge.c.
 *
 * A step's on() is called with one event, starts at most one thing (a question, a request, a round
 * with head office, a wait), and returns; the thing's outcome is its next event. run_done() and
 * run_stop() end the step. `stage` belongs to the step; it is 0 at EV_ENTER. After a kill the step
 * is entered again: what it knows then is in r->attempt, its last attempt as stored.
 */
#ifndef GF_FIELD_RUN_INNER_H
#define GF_FIELD_RUN_INNER_H

#include "field/meter_link.h"
#include "field/procedure.h"
#include "field/sync.h"
#include "field/talk.h"

#define STEP_RECEIPTS "receipts "   /* and the meter's id: up to which sequence receipts are queued */
#define STEP_PURGE_STOP "purge-stop"
#define STEP_PURGE_CANCEL "purge-cancel"

enum event_kind {
    EV_ENTER,           /* what the step needs is there */
    EV_ASKED,           /* all its questions are answered */
    EV_METER,           /* e->code 0: e->answer; else e->why (only with own_failures) */
    EV_OFFICE,          /* the round ended, or the time for it is over */
    EV_TIME,
};

struct run_event {
    enum event_kind kind;
    int code;
    const gasm_Response *answer;
    const struct gf_fail *why;
};

/* The one thing that the engine waits for. */
enum run_wait { W_NOTHING, W_ENTER, W_ANSWER, W_ASKED, W_METER, W_OFFICE, W_TIME, W_DOWN };

/* What an exchange with the meter is for. */
enum run_purpose { FOR_LINK, FOR_SESSION, FOR_RECEIPTS, FOR_STEP };

/* A talk: the command under way, and a change that was planned and has no answer yet. */
struct talk {
    const struct talk_command *command; /* asked last; NULL before the first */
    struct talk_asked asked;
    char text[TALK_TEXT_MAX];       /* its words */
    const char *words[TALK_WORDS_MAX];
    size_t n_words;
    bool to_confirm;                /* it is dangerous, and its word not typed yet */
    bool under_way;
    bool stop;                      /* a long read ends after this page */
    struct talk_request built;
    uint32_t read, all;             /* entries of a long read */
    bool stored;                    /* the run is in the store */
    bool planned;                   /* `change` was, and may have been sent */
    bool settling;                  /* the meter is asked what became of `change` */
    bool outdated;                  /* a change since the meter said what it allows */
    struct step_row change;
    const struct talk_command *change_of;
};

struct run {
    const struct field_ports *ports;
    struct sync *sync;
    struct meter_link *ml;
    struct run_listener listener;
    struct run_view view;

    const struct procedure *procedure;
    sync_Job job;
    sync_MeterRow meter;
    sync_KeyIssue key;
    struct gf_label label;          /* as scanned; meter_id empty before */
    struct run_row row;
    gasm_Identity identity;         /* as last read in this process; meter_id zero before */
    gasm_Ticket ticket;             /* of the present session, decoded */
    uint64_t known_seq;             /* receipts up to here are in the outbox */

    const struct step *step;
    struct step_row attempt;        /* the step's last attempt; attempt.attempt 0: none */
    int stage, tries;
    size_t question, retry_to;
    char answers[200];              /* "ventilation=yes; ignition=yes" */
    int64_t entered_mono;
    bool lines_old;                 /* the lines in the view are of an earlier step */

    enum run_wait wait;
    int64_t wait_until;             /* mono */
    enum run_purpose purpose;
    uint64_t office_round;
    bool leaving;
    bool resume_entry;              /* after the receipts the step is entered */
    bool reopen;                    /* a session is opened in any case: with the newest ticket */

    struct {                        /* the end of an exchange, noted by its callback */
        bool ended;
        int code;
        gasm_Response answer;
        struct gf_fail why;
    } met;
    gasm_Response held;             /* an answer, until the receipts before it are fetched */

    struct talk talk;

    struct {
        bool running, stop_wanted;
        int64_t present_mono;       /* the operator's last confirmation */
        int64_t settle_until;
    } purge;
};

/* ---- run.c: for steps ---- */
int64_t run_mono(const struct run *r);
int64_t run_utc_ms(const struct run *r);

/* May a run be started? 0 or GF_E_NOT_NOW. Then forget what an earlier one left. */
int run_idle(const struct run *r, struct gf_fail *why);
void run_fresh(struct run *r, const struct procedure *p);
/* Go to step n: what it needs is made, then it is entered. */
void run_go(struct run *r, size_t n);
/* Tell the listener how the present step ended. */
void run_tell(struct run *r, int code, const char *text);

/* A round with head office; then EV_OFFICE. */
void run_office(struct run *r);
void run_wait(struct run *r, int64_t ms);   /* then EV_TIME */

/* The step is done: stored, with its last attempt (made here when it has none) and the job's new
 * state (NULL: as it is). `text` is one line for people. */
void run_done(struct run *r, const char *job_state, const char *text);
/* Enter the step anew, with what it needs made again. */
void run_again(struct run *r);
/* The step cannot go on: the run stops with this failure; a later retry enters step `retry_to` (as
 * set by entering: the same). */
void run_stop(struct run *r, int code, const char *detail);
/* The meter's refusal as a failure of this step. */
void run_refused(struct run *r, const gasm_Response *answer);

/* A new line of what was found out; printf-like. */
void run_line(struct run *r, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void run_say(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- run_ask.c ---- */
/* Ask the step's questions from the first; then EV_ASKED. */
void run_ask(struct run *r);

/* ---- run_store.c ---- */
/* The name of the row that says up to which sequence the receipts of the run's meter are queued. */
const char *run_receipts_step(const struct run *r, char ret[static STEP_ID_LEN + 1]);
/* What is known of the run's meter: row, label, receipts. 0 or GF_E_*. */
int run_load_meter(struct run *r);
/* Open the run, read what is known of it. 0 or GF_E_*. */
int run_load(struct run *r, const char *job_number, struct gf_fail *why);
/* Write the present attempt with `items`. False: the store failed and the run has stopped. */
bool run_save(struct run *r, const char *job_state, const struct outbox_new *items, size_t n);
/* The same for another row (its step's id set) than the present attempt. */
bool run_save_row(struct run *r, struct step_row *row, const char *job_state,
                  const struct outbox_new *items, size_t n);
/* A new attempt at the present step with a new operation id (not saved yet). False: stopped. */
bool run_new_attempt(struct run *r);
/* An item of this run and job; made now. */
struct outbox_new run_item(const struct run *r, const uint8_t id[static GF_UUID_LEN],
                           sync_ItemKind kind);
/* The record of what the operator answered, as an item with an id of its own. `room` keeps its
 * payload. 1, or 0 when nothing was asked; negative: stopped. */
struct run_record {
    uint8_t id[GF_UUID_LEN], payload[sync_StepRecord_size];
};
int run_record(struct run *r, struct run_record *room, struct outbox_new *ret);
/* How a record of the outbox stands: 1 and *ret, or 0. Negative: stopped. */
int run_outbox(struct run *r, const uint8_t id[static GF_UUID_LEN], struct outbox_row *ret);
/* Store the meter's answer as the result of `row`, with its receipt as a record. False: stopped. */
bool run_save_answer(struct run *r, struct step_row *row, const gasm_Response *answer);

/* ---- run_meter.c ---- */
/* Make what the step needs. True when all is there; else something was started, or the run
 * stopped. */
bool run_needs(struct run *r);
/* An exchange ended (r->met): receipts are fetched, then the step gets its event. */
void run_met(struct run *r);
void run_event(struct run *r, const struct run_event *e);
/* A reading command, a session under the key epoch named, or what is planned in r->attempt; then
 * EV_METER. */
void run_read(struct run *r, gasm_Command command);
void run_ask_meter(struct run *r, const gasm_Request *request, bool once);
void run_session(struct run *r, uint32_t epoch);
void run_send(struct run *r, const struct step_row *row, bool once);
/* Encode the request into the attempt (operation id and base sequence filled in here). False:
 * stopped. */
bool run_plan(struct run *r, struct step_row *row, gasm_Request *request);
/* on() of every step with an `op`. */
void step_change(struct run *r, const struct run_event *e);
/* The account of the job is the one open in the meter, whose state is at least this. */
bool run_is_at(const struct run *r, gasm_LifeState state);

/* ---- talk.c, talk_table.c ---- */
extern const struct procedure procedure_talk;
/* The ticket for the talk's present command under this key epoch; the run goes over to its job. 0,
 * or GF_E_* with *why. Wipe it after use. */
int talk_ticket(struct run *r, uint32_t epoch, struct ticket_row *ret, struct gf_fail *why);
/* Before a talk stores anything: its run is opened, and its state set. 0 or GF_E_*. */
int talk_open_run(struct run *r);
const struct mc_command_row *talk_row(gasm_Command id);

/* ---- purge.c ---- */
void step_purge(struct run *r, const struct run_event *e);
void purge_view(struct run *r);

/* ---- opening_steps.c ---- */
void step_scan(struct run *r, const struct run_event *e);
/* What is asked is all: the answer is on record. */
void step_say(struct run *r, const struct run_event *e);
void step_find(struct run *r, const struct run_event *e);
void step_connect(struct run *r, const struct run_event *e);
void step_handshake(struct run *r, const struct run_event *e);
void step_key(struct run *r, const struct run_event *e);
void step_read_back(struct run *r, const struct run_event *e);
extern const struct step_op opening_key_op, opening_open_op, opening_clear_op, opening_clock_op;
extern const struct step_op opening_params_op, opening_commission_op;

/* ---- opening_office.c ---- */
void step_register(struct run *r, const struct run_event *e);
void step_certificate(struct run *r, const struct run_event *e);

#endif
