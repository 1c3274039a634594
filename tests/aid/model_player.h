#ifndef GF_TESTS_AID_MODEL_PLAYER_H
#define GF_TESTS_AID_MODEL_PLAYER_H
/*
 * One sequence being played: meter, model and head office, and asking both the same. For
 * model_play.c.
 */
#include "tests/aid/model_office.h"

#define AID_PLAYER_LOG 96           /* more than a meter remembers */
#define AID_SLICE_MS 10

struct aid_player {
    struct aid_world *w;
    struct aid_model m;
    struct aid_office office;
    bool radio;
    uint32_t op;                    /* the next operation's number */
    uint64_t serial;                /* the next ticket's */
    int64_t hello_ms;
    int64_t free_ms;                /* since then the valve has had no reason to be open */
    struct {
        gasm_Request request;
        gasm_Response answer;
        uint64_t receipt;
    } log[AID_PLAYER_LOG];          /* executed operations */
    size_t logged;
    gasm_Response answer;
    struct aid_tally *tally;
    bool failed;
    char why[240];                  /* ... and what was seen first */
};

/* The first of these says why it failed. */
void aid_player_wrong(struct aid_player *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tell the model what the meter's clock says. */
void aid_player_look(struct aid_player *p);

/* Time for both; in one slice, or in slices that are short. */
void aid_player_slice(struct aid_player *p, int64_t ms);
void aid_player_pass(struct aid_player *p, int64_t ms);

/* What has happened at this instant is judged by the model too. */
void aid_player_settle(struct aid_player *p);

/* Everything that must be equal between two steps. */
void aid_player_compare(struct aid_player *p);

/* The receipts that are kept: each opens, each follows from the one before (model_receipts.c). */
void aid_player_receipts(struct aid_player *p);

/* Sessions. */
void aid_player_drop(struct aid_player *p);
void aid_player_greet(struct aid_player *p, const gasm_Ticket *t, bool activates);
gasm_Ticket aid_player_ticket(struct aid_player *p, const struct aid_do *d);
void aid_player_session(struct aid_player *p, const struct aid_do *d);

/* There is a session, and the model knows the time. */
void aid_player_need(struct aid_player *p);

/* A request under a new operation id, in a session. */
gasm_Request aid_player_request(struct aid_player *p, gasm_Command command, pb_size_t body);

/* Send; true when the answer is in p->answer, false when it comes when the valve is shut: then wait
 * for it. */
bool aid_player_send(struct aid_player *p, const gasm_Request *r);
void aid_player_await(struct aid_player *p);

/* The answer has to be one of these words, at this stage. */
void aid_player_expect(struct aid_player *p, uint32_t words, gasm_Stage stage);

/* The answer has to be this word about the content. */
void aid_player_said(struct aid_player *p, gasm_Refusal why);

/* Does the table let it pass? Else the answer has to say so. */
bool aid_player_passes(struct aid_player *p, gasm_Command command);

/* The same of the ticket alone, but for its uses: what a repeat is judged by. */
bool aid_player_ticket_passes(struct aid_player *p, gasm_Command command);

/* Send a command that answers at once; true when the table lets it pass. */
bool aid_player_asks(struct aid_player *p, const gasm_Request *r);

/* Remember an operation that was executed. */
void aid_player_keep(struct aid_player *p, const gasm_Request *r);

/* Steps that send a command (model_do.c). */
typedef void aid_doer(struct aid_player *p, const struct aid_do *d);
aid_doer aid_do_clear, aid_do_purge, aid_do_keep, aid_do_stop, aid_do_open,
    aid_do_key, aid_do_activate, aid_do_clock, aid_do_param, aid_do_commission,
    aid_do_arm, aid_do_shut, aid_do_close, aid_do_import, aid_do_test,
    aid_do_reset, aid_do_read, aid_do_repeat, aid_do_many;

#endif
