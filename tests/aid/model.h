#ifndef GF_TESTS_AID_MODEL_H
#define GF_TESTS_AID_MODEL_H
/*
 * A reference model of the meter: accounts, life, keys, credit, grants and supply as the contract
 * says them, in plain C. No flash, no crypto, no sessions: registers that are added to. Credit is
 * kept as a running balance beside the registers, so that the two check each other.
 *
 * What a command does is told by aid_model_*(): they judge its content, apply it when it is taken,
 * and return the word that is to be answered. The table of commands is judged before, by
 * aid_model_table() (matrix.h).
 */
#include "meter-core/params.h"
#include "tests/aid/matrix.h"

#define AID_MODEL_KEPT 64           /* operations that a meter remembers */
#define AID_MODEL_CASES 8

struct aid_model {
    bool planted;                   /* a bug: it takes what a token says, be it less */
    int64_t now_ms;
    /* life and keys */
    unsigned life;
    uint32_t active, pending;
    bool self_tested, settings;
    int64_t params[MC_PARAM_COUNT];
    /* the account */
    uint64_t account_no;
    bool closed;
    gasm_Totals t;
    int64_t residual_l;             /* the running balance; frozen when closed */
    uint64_t consumed_l;            /* of the account, billed */
    uint64_t token_seq, receipts;
    struct {
        gasm_Token token;
        uint64_t receipt;
    } taken[AID_MODEL_KEPT];        /* by receipt % AID_MODEL_KEPT */
    unsigned fails;                 /* typed tokens with a wrong mac in a row */
    int64_t typed_from_ms;
    uint64_t cases[AID_MODEL_CASES];
    unsigned n_cases;
    /* the grant */
    bool grant, closing;
    gasm_PurgeEnd end;
    uint32_t grant_l, grant_s;
    uint64_t from_l, grant_serial;  /* of its ticket */
    uint64_t ending;                /* receipt of the last grant's end */
    int64_t began_ms, ended_ms, alive_ms;
    /* the supply */
    unsigned locks, senses;
    bool armed, on, opened, watching, watch_pulse, flowed, resting;
    int64_t armed_until_ms, watch_ms, pulse_ms, shut_ms, bucket, bucket_ms;
    int64_t open_by_ms;
    bool ordered, fault_logged;     /* shut, and it does not come */
    int64_t order_ms, travel_ms;
    uint32_t openings;              /* orders to open */
    /* what it is told of the world */
    gasm_ValveState valve;
    enum power power;
    enum clock clock;
    int64_t clock_s;                /* the meter's own time */
    /* the session */
    bool session, silence_counts;
    gasm_Ticket ticket;
    uint32_t uses, purged_l;        /* of the ticket */
    bool counted;                   /* this session's use */
    int64_t active_ms;
};

/* The value of a parameter; and whether the valve could be armed. */
int64_t aid_model_param_of(const struct aid_model *m, enum mc_param id);
bool aid_model_may_arm(const struct aid_model *m);

/* ---- what happens to it ---- */

/* Time has passed; the valve says this. */
void aid_model_tick(struct aid_model *m, int64_t now_ms, gasm_ValveState valve);
void aid_model_pulse(struct aid_model *m, uint32_t n);
void aid_model_sense(struct aid_model *m, unsigned sense, bool on);
bool aid_model_button(struct aid_model *m);     /* true: it opens */
void aid_model_end_session(struct aid_model *m);

/* RAM is lost; `index_l` is what the meter still knows: less than ten litres are gone, and none
 * under a grant. False when it is another number. */
bool aid_model_restart(struct aid_model *m, uint64_t index_l);

/* A session under this ticket. */
void aid_model_session(struct aid_model *m, const gasm_Ticket *ticket);

/* ---- what it answers ---- */

struct aid_situation aid_model_situation(const struct aid_model *m);
struct aid_words aid_model_table(const struct aid_model *m, gasm_Command command);
bool aid_model_remembers(const struct aid_model *m, uint64_t receipt);
uint32_t aid_model_wait_s(const struct aid_model *m);   /* until a typed token is looked at */

/* Handlers. They apply what they take, with the receipt and the use of the ticket. */
gasm_Refusal aid_model_activate(struct aid_model *m);
gasm_Refusal aid_model_install(struct aid_model *m, uint32_t epoch, uint32_t wrap);
gasm_Refusal aid_model_open(struct aid_model *m, uint64_t account_no);
gasm_Refusal aid_model_purge(struct aid_model *m, uint32_t volume_l, uint32_t limit_s);
gasm_Refusal aid_model_keep(struct aid_model *m);
gasm_Refusal aid_model_clear(struct aid_model *m, int64_t residual_l);
gasm_Refusal aid_model_clock(struct aid_model *m, int64_t utc_s);
gasm_Refusal aid_model_param(struct aid_model *m, uint32_t id, int64_t value);
gasm_Refusal aid_model_commission(struct aid_model *m);
gasm_Refusal aid_model_arm(struct aid_model *m);
gasm_Refusal aid_model_shut(struct aid_model *m);
gasm_Refusal aid_model_reset(struct aid_model *m, bool scrap);
gasm_Refusal aid_model_import(struct aid_model *m, uint64_t case_no, uint64_t cap_l,
                              int64_t residual_l);

/* The stop of a grant is ordered; its end comes with a tick. False when there is none. */
bool aid_model_stop(struct aid_model *m);

/* The supply ends: first half of what waits for the valve; and the second halves. */
void aid_model_stop_supply(struct aid_model *m);
void aid_model_closed(struct aid_model *m);
void aid_model_tested(struct aid_model *m);

/* A token that was opened: remembered, old, or new. at_keys: no ticket pays for it. */
const gasm_Token *aid_model_taken(const struct aid_model *m, uint64_t account_no,
                                  uint64_t sequence);
gasm_Refusal aid_model_token(struct aid_model *m, const gasm_Token *token, bool expires,
                             bool at_keys);

/* Does a typed token with these ceilings reach the meter whole? Else it counts as a wrong one. */
bool aid_model_reads_typed(const struct aid_model *m, const gasm_Token *token);

/* Everything that was sold, brought in and forgiven is somewhere. */
bool aid_model_balances(const struct aid_model *m, const gasm_Totals *t, int64_t residual_l);

#endif
