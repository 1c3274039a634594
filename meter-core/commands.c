/* commands.c - the command table, and the one place that judges; see commands.h. */
#include "meter-core/commands.h"

#include <pb_decode.h>

#include "meter-core/clock.h"
#include "meter-core/pb.h"
#include "meter-core/purge.h"
#include "meter-core/supply.h"
#include "meter-core/texts.h"
#include "meter-core/ticket.h"
#include "meter-core/valve.h"

#define S(name) MC_STATE(gasm_LifeState_##name)
#define OPENING (S(KEYED) | S(PURGED) | S(CLEARED))
#define KEYED_ON (OPENING | S(IN_SERVICE) | S(CLOSED))
#define BORN (S(FACTORY) | KEYED_ON | S(SCRAPPED))
#define R(name) gasm_Right_RIGHT_##name
#define ANY MC_RIGHT_ANY
#define CHANGE MC_NEED_OP_ID
#define ACCOUNT MC_NEED_ACCOUNT
#define SHUT MC_NEED_SHUT
#define NO_GRANT MC_NEED_NO_GRANT
#define POWER MC_NEED_POWER
#define CLOCK MC_NEED_CLOCK
#define PARAMETERS MC_NEED_PARAMETERS
#define FACTORY MC_MAY_FACTORY
#define CLOCKLESS MC_MAY_CLOCKLESS
#define OWN_OP_ID MC_OWN_OP_ID
#define REQ(name) gasm_Request_##name##_tag
#define RES(name) gasm_Response_##name##_tag
#define C(name) gasm_Command_##name
#define N(name) MC_TEXT(#name)

static const struct mc_command_row rows[] = {
    {C(IDENTIFY), N(identify), ANY, ANY, BORN, FACTORY | CLOCKLESS, 0, RES(identity),
     mc_cmd_identify, NULL},
    {C(INSTALL_KEY), N(install_key), R(KEY), ANY, S(FACTORY) | KEYED_ON,
     CHANGE | NO_GRANT | FACTORY | CLOCKLESS, REQ(install_key), 0, mc_cmd_install_key, NULL},
    {C(OPEN_ACCOUNT), N(open_account), R(OPEN), ANY, OPENING, CHANGE | SHUT, REQ(open_account),
     RES(balance), mc_cmd_open_account, NULL},
    {C(PURGE_START), N(purge_start), R(PURGE), ANY, OPENING, CHANGE | ACCOUNT | SHUT | POWER,
     REQ(purge_start), RES(purge), mc_cmd_purge_start, mc_purge_began},
    {C(PURGE_KEEPALIVE), N(purge_keepalive), R(PURGE), ANY, OPENING, 0, 0, RES(purge),
     mc_cmd_purge_keepalive, NULL},
    {C(PURGE_STOP), N(purge_stop), R(PURGE), ANY, OPENING, CHANGE | CLOCKLESS, 0, RES(purge),
     mc_cmd_purge_stop, NULL},
    {C(ZERO_CLEAR), N(zero_clear), R(CLEAR), R(SUPERVISE), S(PURGED) | S(CLEARED) | S(IN_SERVICE),
     CHANGE | ACCOUNT | SHUT, REQ(zero_clear), RES(balance), mc_cmd_zero_clear, NULL},
    {C(SET_CLOCK), N(set_clock), R(CLOCK), ANY, KEYED_ON, CHANGE | NO_GRANT | CLOCKLESS,
     REQ(set_clock), RES(clock_set), mc_cmd_set_clock, NULL},
    {C(SET_PARAMETERS), N(set_parameters), R(PARAMETERS), ANY, OPENING | S(IN_SERVICE),
     CHANGE | NO_GRANT, REQ(set_parameters), 0, mc_cmd_set_parameters, NULL},
    {C(GET_PARAMETERS), N(get_parameters), R(READ), ANY, KEYED_ON | S(SCRAPPED), CLOCKLESS, 0,
     RES(parameters), mc_cmd_get_parameters, NULL},
    {C(COMMISSION), N(commission), R(COMMISSION), ANY, S(CLEARED),
     CHANGE | ACCOUNT | SHUT | CLOCK | PARAMETERS, 0, RES(balance), mc_cmd_commission, NULL},
    {C(READ_BALANCE), N(read_balance), R(READ), ANY, KEYED_ON | S(SCRAPPED), CLOCKLESS, 0,
     RES(balance), mc_cmd_read_balance, NULL},
    {C(READ_RECEIPTS), N(read_receipts), R(READ), ANY, KEYED_ON | S(SCRAPPED), CLOCKLESS,
     REQ(read_receipts), RES(receipts), mc_cmd_read_receipts, NULL},
    {C(KEY_ACTIVATED), N(key_activated), R(NEVER), ANY, S(FACTORY) | KEYED_ON, CHANGE, 0, 0, NULL,
     NULL},
    {C(READ_HISTORY), N(read_history), R(READ), ANY, KEYED_ON | S(SCRAPPED), CLOCKLESS,
     REQ(read_history), RES(history), mc_cmd_read_history, NULL},
    {C(READ_PURCHASES), N(read_purchases), R(READ), ANY, KEYED_ON | S(SCRAPPED), CLOCKLESS,
     REQ(read_purchases), RES(purchases), mc_cmd_read_purchases, NULL},
    {C(READ_EVENTS), N(read_events), R(READ), ANY, KEYED_ON | S(SCRAPPED), CLOCKLESS,
     REQ(read_events), RES(events), mc_cmd_read_events, NULL},
    {C(RECHARGE), N(recharge), R(RECHARGE), ANY, S(CLEARED) | S(IN_SERVICE),
     CHANGE | ACCOUNT | NO_GRANT | CLOCKLESS | OWN_OP_ID, REQ(recharge), RES(balance),
     mc_cmd_recharge, mc_credit_taken},
    {C(VALVE_ARM), N(valve_arm), R(VALVE), ANY, S(IN_SERVICE), CHANGE | ACCOUNT | POWER, 0,
     RES(supply), mc_cmd_valve_arm, mc_supply_arm},
    {C(VALVE_CLOSE), N(valve_close), R(VALVE), ANY, S(IN_SERVICE), CHANGE | CLOCKLESS, 0,
     RES(supply), mc_cmd_valve_close, mc_supply_stop},
    {C(CLOSE_ACCOUNT), N(close_account), R(CLOSE), ANY, S(IN_SERVICE), CHANGE | ACCOUNT,
     REQ(close_account), RES(closed), mc_cmd_close_account, NULL},
    {C(IMPORT_CREDIT), N(import_credit), R(IMPORT), ANY, S(CLEARED) | S(IN_SERVICE),
     CHANGE | ACCOUNT | NO_GRANT, REQ(import_credit), RES(balance), mc_cmd_import_credit,
     mc_credit_taken},
    {C(SELF_TEST), N(self_test), R(TEST), ANY, KEYED_ON, CHANGE | NO_GRANT, 0,
     RES(self_test), mc_cmd_self_test, NULL},
    {C(RESET_TO_FACTORY), N(reset_to_factory), R(BENCH), ANY, S(CLOSED), CHANGE | SHUT,
     REQ(reset_to_factory), RES(balance), mc_cmd_reset_to_factory, NULL},
};
#define ROWS (sizeof rows / sizeof rows[0])

const struct mc_command_row *mc_commands(size_t *ret_n)
{
    *ret_n = ROWS;
    return rows;
}

static const struct mc_command_row *row_of(gasm_Command id)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].id == id && rows[i].handler != NULL)
            return &rows[i];
    return NULL;
}

/* ---- judging ---- */

static bool has_right(const struct mc_meter *m, uint8_t right)
{
    return right == MC_RIGHT_ANY || (m->ticket.rights >> right & 1) != 0;
}

/* Does the ticket allow it? */
static gasm_Refusal judge_ticket(const struct mc_meter *m, const struct mc_command_row *row)
{
    if (m->ticket.epoch == 0 && (row->needs & MC_MAY_FACTORY) == 0)
        return gasm_Refusal_RIGHT;
    if (!has_right(m, row->right))
        return gasm_Refusal_RIGHT;
    if (m->core.life == gasm_LifeState_IN_SERVICE && !has_right(m, row->service_right))
        return gasm_Refusal_RIGHT;
    if (mc_clock_state(m) == MC_CLOCK_LOST && (row->needs & MC_MAY_CLOCKLESS) == 0)
        return gasm_Refusal_CLOCK;
    return gasm_Refusal_OK;
}

static gasm_Refusal judge_power(const struct mc_meter *m)
{
    switch (mc_valve_power(m)) {
    case MC_POWER_GOOD:
        return gasm_Refusal_OK;
    case MC_POWER_BATTERY:
        return gasm_Refusal_BATTERY;
    case MC_POWER_TEMPERATURE:
        break;
    }
    return gasm_Refusal_TEMPERATURE;
}

/* Does the meter's state allow it? */
static gasm_Refusal judge_state(const struct mc_meter *m, const struct mc_command_row *row)
{
    if ((row->states & MC_STATE(m->core.life)) == 0)
        return gasm_Refusal_STATE;
    if ((row->needs & MC_NEED_ACCOUNT) != 0 &&
        (m->core.account_no == 0 || m->core.account_closed != 0))
        return gasm_Refusal_STATE;
    if ((row->needs & MC_NEED_PARAMETERS) != 0 && m->core.params_were_set == 0)
        return gasm_Refusal_STATE;
    if ((row->needs & MC_NEED_NO_GRANT) != 0 && m->core.grant_open != 0)
        return gasm_Refusal_STATE;
    if ((row->needs & MC_NEED_SHUT) != 0) {
        if (m->core.grant_open != 0)
            return gasm_Refusal_STATE;
        if (!mc_valve_is_shut(m))
            return mc_valve_state(m) == gasm_ValveState_VALVE_MOVING ? gasm_Refusal_BUSY
                                                                     : gasm_Refusal_STATE;
    }
    if ((row->needs & MC_NEED_CLOCK) != 0 && mc_clock_state(m) != MC_CLOCK_VALID)
        return gasm_Refusal_CLOCK;
    return (row->needs & MC_NEED_POWER) != 0 ? judge_power(m) : gasm_Refusal_OK;
}

uint32_t mc_commands_allowed(const struct mc_meter *m)
{
    /* Has the ticket a use left, and a place to count it? */
    bool usable = mc_ticket_use(m, NULL) == gasm_Refusal_OK;
    uint32_t bits = 0;

    for (size_t i = 0; i < ROWS && m->authenticated; i++)
        if (rows[i].handler != NULL && judge_ticket(m, &rows[i]) == gasm_Refusal_OK &&
            (usable || (rows[i].needs & MC_NEED_OP_ID) == 0) &&
            judge_state(m, &rows[i]) == gasm_Refusal_OK)
            bits |= 1u << rows[i].id;
    return bits;
}

/* ---- decoding ---- */

/* The bytes of the request's body message; more than one body is GF_E_FORMAT. */
static int find_body(struct gf_span plain, struct gf_span *ret)
{
    pb_istream_t in = pb_istream_from_buffer(plain.p, plain.n);
    pb_wire_type_t wire;
    uint32_t tag, n;
    bool eof, found = false;

    *ret = (struct gf_span){plain.p, 0};
    while (pb_decode_tag(&in, &wire, &tag, &eof)) {
        if (tag < gasm_Request_install_key_tag || tag > gasm_Request_reset_to_factory_tag) {
            if (!pb_skip_field(&in, wire))
                return GF_E_FORMAT;
            continue;
        }
        if (found || wire != PB_WT_STRING || !pb_decode_varint32(&in, &n) || n > in.bytes_left)
            return GF_E_FORMAT;
        found = true;
        *ret = (struct gf_span){plain.p + plain.n - in.bytes_left, n};
        if (!pb_read(&in, NULL, n))
            return GF_E_FORMAT;
    }
    return eof ? 0 : GF_E_FORMAT;
}

int mc_command_decode(struct mc_meter *m, struct gf_span plain)
{
    struct gf_span body;

    m->request = (gasm_Request)gasm_Request_init_zero;
    if (find_body(plain, &body) != 0 ||
        mc_pb_decode_zeroed(gasm_Request_fields, plain, &m->request) != 0)
        return GF_E_FORMAT;
    return m->ports.crypto->sha256(m->ports.crypto->ctx, &body, 1, m->content_hash);
}

/* ---- answering ---- */

void mc_command_respond(struct mc_meter *m, gasm_Refusal result, gasm_Stage reached)
{
    gasm_Response *r = &m->response;

    *r = (gasm_Response)gasm_Response_init_zero;
    r->command = m->request.command;
    r->op_id.size = m->request.op_id.size;
    memcpy(r->op_id.bytes, m->request.op_id.bytes, r->op_id.size);
    r->result = result;
    r->reached = reached;
    r->active_epoch = m->core.active_epoch;
    r->receipt_seq = m->core.receipt_seq;
}

int mc_command_answer(struct mc_meter *m, struct gf_span *ret_answer)
{
    int n = mc_pb_encode(gasm_Response_fields, &m->response, m->rec, sizeof m->rec);

    if (n < 0)
        return n;
    *ret_answer = (struct gf_span){m->rec, (size_t)n};
    return 1;
}

static int refuse(struct mc_meter *m, gasm_Refusal why, gasm_Stage reached,
                  struct gf_span *ret_answer)
{
    mc_command_respond(m, why, reached);
    return mc_command_answer(m, ret_answer);
}

gasm_Refusal mc_command_store_refusal(int rc)
{
    return rc == GF_E_NOT_NOW ? gasm_Refusal_BUSY : gasm_Refusal_NVM;
}

/* ---- running ---- */

/* A remembered operation id: its stored answer, or MISMATCH. */
static int repeat(struct mc_meter *m, const struct mc_kept *kept, struct gf_span *ret_answer)
{
    if (kept->command != m->request.command ||
        memcmp(kept->content_hash, m->content_hash, MC_HASH_LEN) != 0)
        return refuse(m, gasm_Refusal_MISMATCH, gasm_Stage_STAGE_VALIDATION, ret_answer);
    *ret_answer = kept->answer;
    return 1;
}

/* Is an unknown operation new for certain? A token's own sequence says so. */
static gasm_Refusal judge_base(const struct mc_meter *m, const struct mc_command_row *row)
{
    uint64_t base = m->request.base_receipt_seq;

    if (base > m->core.receipt_seq)
        return gasm_Refusal_RANGE;
    if ((row->needs & MC_OWN_OP_ID) != 0)
        return gasm_Refusal_OK;
    return base + 1 < mc_store_oldest(&m->core) ? gasm_Refusal_OLD : gasm_Refusal_OK;
}

/* Journal an operation that its handler accepted, and answer. */
static int commit(struct mc_meter *m, const struct mc_command_row *row, struct mc_tx *tx,
                  struct gf_span *ret_answer)
{
    struct mc_op op = {.command = row->id,
                       .base_seq = m->request.base_receipt_seq,
                       .content_hash = m->content_hash,
                       .ticket_serial = m->credit.at_keys ? 0 : m->ticket.serial};
    int rc;

    memcpy(op.op_id, m->request.op_id.bytes, sizeof op.op_id);
    rc = mc_store_operation(m, tx, &op, ret_answer);
    if (rc != 0) {
        m->link.leave = rc == GF_E_NOT_NOW;
        return refuse(m, mc_command_store_refusal(rc), gasm_Stage_STAGE_EXECUTION, ret_answer);
    }
    m->use_counted = m->use_counted || !m->credit.at_keys;
    if (row->done != NULL)
        row->done(m);
    return 1;
}

/* Answer what the handler said, when there is nothing to journal. A refusal keeps the body that it
 * was given. */
static int answer_unchanged(struct mc_meter *m, int said, struct gf_span *ret_answer)
{
    if (said > gasm_Refusal_OK) {
        m->response.result = (gasm_Refusal)said;
        m->response.reached = gasm_Stage_STAGE_VALIDATION;
    }
    return mc_command_answer(m, ret_answer);
}

/* Take a use of the session's ticket into the transaction, once a session. */
static gasm_Refusal count_use(struct mc_meter *m, struct mc_tx *tx)
{
    gasm_Refusal why;

    if (m->credit.at_keys || m->use_counted)
        return gasm_Refusal_OK;
    why = mc_ticket_use(m, tx);
    if (why == gasm_Refusal_OK)
        mc_tx_event(m, tx, MC_EVENT_TICKET_USED, (int64_t)m->ticket.serial, tx->use.uses);
    return why;
}

/* A command that changes something and is not a repeat. */
static int execute(struct mc_meter *m, const struct mc_command_row *row, struct gf_span *ret_answer)
{
    struct mc_tx tx;
    gasm_Refusal why = judge_base(m, row);
    int said;

    if (why != gasm_Refusal_OK)
        return refuse(m, why, gasm_Stage_STAGE_VALIDATION, ret_answer);
    mc_store_begin(m, &tx);
    why = count_use(m, &tx);
    if (why != gasm_Refusal_OK)
        return refuse(m, why, gasm_Stage_STAGE_AUTHENTICATION, ret_answer);
    why = judge_state(m, row);
    if (why != gasm_Refusal_OK)
        return refuse(m, why, gasm_Stage_STAGE_VALIDATION, ret_answer);
    mc_command_respond(m, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    said = row->handler(m, &tx);
    if (said == gasm_Refusal_OK)
        said = commit(m, row, &tx, ret_answer);
    else
        said = said == MC_LATER ? 0 : answer_unchanged(m, said, ret_answer);
    gf_wipe(&tx, sizeof tx);
    return said;
}

/* A command that only reads, or keeps a grant alive. */
static int read_out(struct mc_meter *m, const struct mc_command_row *row,
                    struct gf_span *ret_answer)
{
    gasm_Refusal why = judge_state(m, row);

    if (why != gasm_Refusal_OK)
        return refuse(m, why, gasm_Stage_STAGE_VALIDATION, ret_answer);
    mc_command_respond(m, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    return answer_unchanged(m, row->handler(m, NULL), ret_answer);
}

/* Has the request the operation id that its command needs? A recharge may leave it out. */
static bool has_op_id(const struct mc_meter *m, const struct mc_command_row *row)
{
    if (m->request.op_id.size == 0)
        return (row->needs & MC_NEED_OP_ID) == 0 || (row->needs & MC_OWN_OP_ID) != 0;
    return m->request.op_id.size == GF_UUID_LEN && (row->needs & MC_NEED_OP_ID) != 0;
}

/* ---- commands that wait for the valve ---- */

bool mc_command_wait_shut(struct mc_meter *m)
{
    struct mc_later *later = &m->later;

    if (later->ready)
        return true;
    *later = (struct mc_later){.waiting = true, .began_ms = mc_mono_ms(m), .shut_ms = -1};
    if (mc_valve_is_shut(m))
        later->shut_ms = later->began_ms;
    mc_supply_stop(m);
    return false;
}

/* Is the valve shut and the gas at rest, or was that waited for long enough? */
static bool is_at_rest(struct mc_meter *m)
{
    struct mc_later *later = &m->later;
    int64_t now_ms = mc_mono_ms(m);
    int64_t travel_ms = m->core.params[MC_PARAM_VALVE_TRAVEL - 1] * 1000;

    if (later->shut_ms < 0 && mc_valve_is_shut(m))
        later->shut_ms = now_ms;
    later->fault = later->shut_ms < 0;
    return later->fault ? now_ms - later->began_ms >= travel_ms
                        : now_ms - later->shut_ms >= MC_SETTLE_MS;
}

bool mc_command_poll(struct mc_meter *m, struct gf_span *ret_answer)
{
    const struct mc_command_row *row = row_of(m->request.command);
    int rc;

    if (!m->later.waiting || row == NULL || !is_at_rest(m))
        return false;
    m->later.waiting = false;
    m->later.ready = true;
    rc = execute(m, row, ret_answer);
    m->later.ready = false;
    return rc == 1;
}

/* A command that changes something: what is remembered of it, or do it. */
static int run_change(struct mc_meter *m, const struct mc_command_row *row,
                      struct gf_span *ret_answer)
{
    struct mc_kept kept;
    int rc;

    if ((row->needs & MC_OWN_OP_ID) != 0) {
        mc_command_respond(m, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
        m->response.result = mc_recharge_open(m);
        if (m->response.result != gasm_Refusal_OK)
            return mc_command_answer(m, ret_answer);
    }
    rc = mc_store_find(m, m->request.op_id.bytes, &kept);
    if (rc < 0)
        return refuse(m, gasm_Refusal_NVM, gasm_Stage_STAGE_EXECUTION, ret_answer);
    return rc > 0 ? repeat(m, &kept, ret_answer) : execute(m, row, ret_answer);
}

int mc_command_run(struct mc_meter *m, int decoded, struct gf_span *ret_answer)
{
    const struct mc_command_row *row = row_of(m->request.command);
    bool changes = row != NULL && (row->needs & MC_NEED_OP_ID) != 0;
    gasm_Refusal why;

    if (decoded == GF_E_CRYPTO)
        return decoded;
    if (decoded != 0 || row == NULL || m->request.which_body != row->body ||
        !has_op_id(m, row))
        return refuse(m, gasm_Refusal_FORMAT, gasm_Stage_STAGE_FORMAT, ret_answer);
    why = judge_ticket(m, row);
    if (why != gasm_Refusal_OK)
        return refuse(m, why, gasm_Stage_STAGE_AUTHENTICATION, ret_answer);
    return changes ? run_change(m, row, ret_answer) : read_out(m, row, ret_answer);
}

gasm_Refusal mc_command_run_keys(struct mc_meter *m)
{
    const struct mc_command_row *row = row_of(m->request.command);
    bool leave = m->link.leave;
    struct gf_span unused;
    int rc;

    mc_command_respond(m, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    m->credit.at_keys = true;
    rc = row == NULL ? GF_E_FORMAT : run_change(m, row, &unused);
    m->credit.at_keys = false;
    m->link.leave = leave;
    return rc < 0 ? gasm_Refusal_NVM : m->response.result;
}
