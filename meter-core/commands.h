/* commands.h - the command table, and how a command is judged, executed and answered. Freestanding.
 *
 * A row says everything that decides whether a command may run; handlers judge only its content.
 * identify answers from the same rows.
 *
 * The ladder. An answer's `reached` is where it stopped: FORMAT (not understood: wrong body, wrong
 * operation id); AUTHENTICATION (the ticket does not allow it: RIGHT, CLOCK, USED, OVERFLOW when 32
 * other tickets are still counted); VALIDATION (MISMATCH, OLD, STATE, RANGE and what else the
 * handler finds); EXECUTION (OK; NVM or BUSY when the journal could not take it and nothing was
 * done).
 *
 * Repeats. The last 64 executed operations are remembered with their answers. The same id with the
 * same command and body (by the hash of the body message's bytes as received; of no bytes for a
 * command without body) gets its answer again, byte for byte, in whatever state the meter is; the
 * ticket's right is still needed. A base above the present receipt sequence is RANGE: this meter
 * never had it.
 *
 * RANGE names in `place` the parameter's id, or the number of the field in the command's body.
 *
 * Recharge. Either `token` or `digits`; what is inside decides everything. The meter derives the
 * operation id (mc_op_id_recharge) and the content hash (mc_token_content), so the same token is a
 * repeat on any carrier; a request that names another id is MISMATCH. Its sequence protects it, so
 * its base may be older than what is remembered. Refused are, in this order:
 *   FORMAT        not understood; place: the field of Recharge. Digits with a wrong check digit are
 *                 this too, and cost nothing
 *   WRONG_METER, KEY_EXPIRED   a sealed token for another meter, or under an epoch that is not
 *                 active
 *   LOCKED_OUT    digits while the wait after wrong ones runs; with the Balance (typed_wait_s)
 *   PROOF         the tag or the mac is wrong. Wrong digits are counted, with the Balance
 *   MISMATCH      a remembered sequence with other ceilings
 *   OLD           place account_no of Token: an account before this one. place sequence: not
 *                 remembered, and not above the last that was taken; `receipt` is the newest that
 *                 is kept, whose totals are those of now. place not_after_s: expired, by a valid
 *                 clock
 *   STATE         an account after this one (place account_no), or not a state to take credit in
 *   RANGE         a ceiling above MC_CEILING_MAX_L, a sequence above MC_SEQUENCE_MAX; place: the
 *                 field of Token
 *   OVERFLOW      the residual would rise above balance_max_l; the token stays good
 * The last four come with the Balance once the account was judged, and are an event, at most one a
 * minute. After n wrong typed tokens in a row the next is looked at 2^(n-1) s later, at most 1024;
 * the count is kept, a restart begins the wait anew, and a good token of any kind ends it. Digits
 * need imported_l, forgiven_l and debited_l as the meter holds them.
 *
 * Swap. The ticket's `swap` holds the terms (swap.h). close_account closes for the terms' new meter
 * when ticket and body belong together: a SwapKey without terms is RIGHT, terms without a SwapKey
 * FORMAT; without either the account just ends. It is answered when the valve has reported shut and
 * the gas is at rest, or the travel time is over (valve_fault in the certificate); a session that
 * ends before has shut the valve and nothing else. What can be refused is refused before the valve
 * moves. The certificate is in the remembered answer; another operation id on a CLOSED meter is
 * STATE. Refusals of both:
 *   FORMAT        terms, SwapKey or certificate are not in their one strict form
 *   WRONG_METER   the terms, or the SwapKey, are not for this meter; a certificate of another meter
 *                 than the terms' old one, or for another counterpart
 *   OLD           the terms have expired
 *   KEY_EXPIRED   the SwapKey is wrapped under a key that is neither active nor the factory's
 *   MISMATCH      a certificate of another case
 *   PROOF         the SwapKey was made for other terms or another meter; the certificate's mac is
 *                 wrong
 *   USED          the case was taken before: once for the life of the meter
 *   OVERFLOW      no place for another case (place: swap_case of SwapTerms); or the residual would
 *                 rise above balance_max_l
 *   RANGE         imported_l or debited_l would rise above MC_CEILING_MAX_L
 * import_credit without terms in its ticket is RIGHT.
 *
 * Purge. purge_stop is answered when the valve has reported shut and the end is journalled: its
 * answer comes later than others, as do those of close_account and self_test. If the meter ended
 * the grant by itself (volume, time, presence, link, reset, fault), a purge_stop that comes
 * afterwards is answered OK with the receipt of that ending (command PURGE_STOP, operation id
 * mc_op_id_purge_end) and its Purge body; it changes nothing and is not remembered. Without any
 * ended grant: STATE. KEYED becomes PURGED when a grant ended by purge_stop or by its volume and at
 * least one pulse flowed; time, presence, link, reset and fault do not advance it. A grant may be
 * repeated until commission as long as the ticket's volume lasts.
 */
#ifndef GF_METER_COMMANDS_H
#define GF_METER_COMMANDS_H

#include "meter-core/store.h"

/* What a command needs besides right and state; bits of mc_command_row.needs. */
enum mc_need {
    MC_NEED_OP_ID = 1 << 0,   /* it changes something: operation id, use of the ticket, receipt */
    MC_NEED_ACCOUNT = 1 << 1, /* an account is open */
    MC_NEED_SHUT = 1 << 2,    /* no purge grant, and the valve reports shut */
    MC_NEED_POWER = 1 << 3,   /* battery and temperature allow the valve to move */
    MC_NEED_CLOCK = 1 << 4,   /* a valid clock */
    MC_NEED_PARAMETERS = 1 << 5, /* set_parameters was executed once */
    MC_MAY_FACTORY = 1 << 6,     /* a factory ticket may send it */
    MC_MAY_CLOCKLESS = 1 << 7,   /* allowed while the clock is lost */
    MC_NEED_NO_GRANT = 1 << 9,   /* no purge grant is alive: its end's receipt begins before it */
    MC_OWN_OP_ID = 1 << 8,       /* recharge: the meter derives the operation id */
};

#define MC_RIGHT_ANY 0xFF           /* every ticket has it */
#define MC_STATE(s) (1u << (s))     /* bit of mc_command_row.states */

/* What a handler returns besides a gasm_Refusal. */
#define MC_LATER (-1)               /* the answer comes when the valve is shut (and the handler is
                                     * called again, if it asked mc_command_wait_shut()) */
#define MC_ANSWERED (-2)            /* m->response is the answer: nothing to journal */

/* Judge the content and put the change into *tx (NULL for a command that changes nothing) and the
 * answer's body into m->response. Changes nothing itself. */
typedef int mc_handler(struct mc_meter *m, struct mc_tx *tx);

struct mc_command_row {
    gasm_Command id;
    const char *name;
    uint8_t right;                  /* gasm_Right or MC_RIGHT_ANY */
    uint8_t service_right;          /* needed as well once IN_SERVICE; MC_RIGHT_ANY for none */
    uint16_t states;                /* MC_STATE bits */
    uint16_t needs;                 /* enum mc_need bits */
    uint16_t body, answer;          /* field numbers in Request and Response; 0 for none */
    mc_handler *handler;            /* NULL: no client can send it */
    void (*done)(struct mc_meter *m);   /* called once the change is journalled; may be NULL */
};

/* All rows in order of their ids; *ret_n is their number. */
const struct mc_command_row *mc_commands(size_t *ret_n);

/* Bits of the commands that this ticket may send in this state, now; 0 outside a session. */
uint32_t mc_commands_allowed(const struct mc_meter *m);

/* Decode a plain request into m->request and m->content_hash. 0; GF_E_FORMAT; GF_E_CRYPTO. */
int mc_command_decode(struct mc_meter *m, struct gf_span plain);

/* Run m->request (`decoded`: what mc_command_decode() said). 1: *ret_answer, in m->rec, is to be
 * sent; 0: the answer comes later; negative: end the session. */
int mc_command_run(struct mc_meter *m, int decoded, struct gf_span *ret_answer);

/* Encode m->response into m->rec. As mc_command_run(). */
int mc_command_answer(struct mc_meter *m, struct gf_span *ret_answer);

/* Start m->response: an answer to m->request with this result, no body. */
void mc_command_respond(struct mc_meter *m, gasm_Refusal result, gasm_Stage reached);

/* The refusal that a failed journal write means. */
gasm_Refusal mc_command_store_refusal(int rc);

/* Handlers, one for each row. */
mc_handler mc_cmd_identify, mc_cmd_install_key, mc_cmd_open_account, mc_cmd_purge_start,
    mc_cmd_purge_keepalive, mc_cmd_purge_stop, mc_cmd_zero_clear, mc_cmd_set_clock,
    mc_cmd_set_parameters, mc_cmd_get_parameters, mc_cmd_commission, mc_cmd_read_balance,
    mc_cmd_read_receipts, mc_cmd_read_history, mc_cmd_read_purchases, mc_cmd_read_events,
    mc_cmd_recharge, mc_cmd_valve_arm, mc_cmd_valve_close, mc_cmd_close_account,
    mc_cmd_import_credit, mc_cmd_self_test, mc_cmd_reset_to_factory;

/* For the row with MC_OWN_OP_ID, before anything remembered is looked for: open the token of
 * m->request into m->credit, its operation id into m->request.op_id and what it means into
 * m->content_hash. OK; or the refusal, with all but the result in m->response. */
gasm_Refusal mc_recharge_open(struct mc_meter *m);

/* Put into *tx what a change of the account's credit in tx->next leaves in the logs, and note
 * whether it arms the valve. The caller gave sequence, carrier and order id of *purchase. */
void mc_credit_log(struct mc_meter *m, struct mc_tx *tx, gasm_Purchase *purchase);

/* The record of such a change is written: arm the valve if it does. */
void mc_credit_taken(struct mc_meter *m);

/* Run m->request, a change that the meter's own keys ask for: no ticket is judged or counted, and a
 * session that lives goes on. The result. Uses m->response, m->content_hash and m->rec. */
gasm_Refusal mc_command_run_keys(struct mc_meter *m);

/* Make m->response's body the Balance that will be once *core is in force. */
void mc_show_balance(struct mc_meter *m, const struct mc_core *core);

/* For a handler: true when the valve is shut and the gas at rest (or m->later.fault: the valve did
 * not report it in time). Else it orders the valve shut, and the handler returns MC_LATER; it is
 * called again when it is so. */
bool mc_command_wait_shut(struct mc_meter *m);

/* Go on with a command that waits. True when it is done: *ret_answer, in m->rec, is to be sent. */
bool mc_command_poll(struct mc_meter *m, struct gf_span *ret_answer);

/* The pending key proved itself: it becomes the active one, in one record with a receipt of its
 * own. As mc_store_operation(). */
int mc_key_activate(struct mc_meter *m);

#endif
