/* model_do.c - the steps that send a command, on the meter and on its model; see model_play.h. */
#include <string.h>

#include "tests/aid/model_player.h"

/* A change that answers at once, and what the model says of its content. */
#define ASK(p, r, judged) \
    do { \
        if (aid_player_asks(p, r)) { \
            aid_player_said(p, judged); \
            aid_player_keep(p, r); \
        } \
    } while (0)

void aid_do_clear(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r =
        aid_player_request(p, gasm_Command_ZERO_CLEAR, gasm_Request_zero_clear_tag);

    r.body.zero_clear.residual_l = p->m.residual_l + (d->how == 1 ? 1 + (int64_t)d->n : 0) -
                                   (d->how == 2 ? 1 + (int64_t)d->n : 0);
    ASK(p, &r, aid_model_clear(&p->m, r.body.zero_clear.residual_l));
}

void aid_do_purge(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r =
        aid_player_request(p, gasm_Command_PURGE_START, gasm_Request_purge_start_tag);

    r.body.purge_start = (gasm_PurgeStart){.volume_l = d->pick, .limit_s = d->n};
    ASK(p, &r, aid_model_purge(&p->m, d->pick, d->n));
}

void aid_do_keep(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r = aid_player_request(p, gasm_Command_PURGE_KEEPALIVE, 0);

    (void)d;
    r.op_id.size = 0;
    if (aid_player_asks(p, &r))
        aid_player_said(p, aid_model_keep(&p->m));
}

void aid_do_stop(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r = aid_player_request(p, gasm_Command_PURGE_STOP, 0);
    const bool now = aid_player_send(p, &r);
    const uint64_t receipts = p->m.receipts;
    bool by_itself = p->m.closing;

    (void)d;
    if (!aid_player_passes(p, r.command))
        return;
    if (!p->m.grant) {
        aid_player_said(p, aid_model_remembers(&p->m, p->m.ending) ? gasm_Refusal_OK
                                                                   : gasm_Refusal_STATE);
        return;
    }
    (void)aid_model_stop(&p->m);
    aid_model_tick(&p->m, p->w->mono_ms, p->w->valve.state);
    if (!now)
        aid_player_await(p);
    aid_player_said(p, gasm_Refusal_OK);
    if (!by_itself && p->m.receipts == receipts + 1)
        aid_player_keep(p, &r);
}

void aid_do_open(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r =
        aid_player_request(p, gasm_Command_OPEN_ACCOUNT, gasm_Request_open_account_tag);
    const uint64_t before = p->m.account_no;

    r.body.open_account.account_no = p->m.ticket.account_no + (d->how == 1);
    ASK(p, &r, aid_model_open(&p->m, r.body.open_account.account_no));
    if (p->m.account_no != before)
        aid_office_open(&p->office, &p->m);
}

/* how: 0 the next epoch, 1 under the active key, 2 the active epoch, 3 the pending one again. */
void aid_do_key(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r =
        aid_player_request(p, gasm_Command_INSTALL_KEY, gasm_Request_install_key_tag);
    const uint32_t last = p->m.pending > p->m.active ? p->m.pending : p->m.active;
    const uint32_t of_how = d->how == 2 ? p->m.active : d->how == 3 ? last : 0;
    const uint32_t epoch = of_how != 0 ? of_how : last + 1;
    const uint32_t wrap = d->how == 1 ? p->m.active : 0;

    r.body.install_key.envelope.size =
        (pb_size_t)aid_world_envelope(epoch, wrap, r.body.install_key.envelope.bytes);
    ASK(p, &r, aid_model_install(&p->m, epoch, wrap));
}

void aid_do_activate(struct aid_player *p, const struct aid_do *d)
{
    const uint32_t active = p->m.active;
    gasm_Ticket t;

    if (p->m.pending == 0)
        return;
    aid_player_look(p);
    p->m.active = p->m.pending;         /* the ticket's epoch */
    t = aid_player_ticket(p, &(struct aid_do){.kind = d->kind});
    p->m.active = active;
    aid_player_greet(p, &t, true);
}

/* how: 0, 3 n seconds on, 1 beyond the ticket's window, 2 before it. */
void aid_do_clock(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r = aid_player_request(p, gasm_Command_SET_CLOCK, gasm_Request_set_clock_tag);
    const int64_t now_s =
        p->m.clock == CLOCK_NEVER ? p->w->utc_ms / 1000 : p->m.clock_s;

    r.body.set_clock.utc_s = now_s + d->n % 3600;
    if (d->how == 1)
        r.body.set_clock.utc_s = p->m.ticket.not_after_s + 1;
    if (d->how == 2)
        r.body.set_clock.utc_s = p->m.ticket.not_before_s - 1;
    ASK(p, &r, aid_model_clock(&p->m, r.body.set_clock.utc_s));
}

/* how: 0 least, 1 most, 2 default, 3 too little, 4 too much. */
void aid_do_param(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r =
        aid_player_request(p, gasm_Command_SET_PARAMETERS, gasm_Request_set_parameters_tag);
    const uint32_t id = d->pick % (MC_PARAM_COUNT + 2);
    const struct mc_param_row *row = mc_param_row(id);
    int64_t value = 0;

    if (row != NULL) {
        const int64_t values[] = {row->min, row->max, row->def, (int64_t)row->min - 1,
                                  (int64_t)row->max + 1};

        value = values[d->how % 5];
    }
    if (id == MC_PARAM_CLOSE_ON_CONTINUOUS && value == 1)
        value = 0;                      /* the model knows nothing of pauses */
    r.body.set_parameters.parameters_count = 1;
    r.body.set_parameters.parameters[0] = (gasm_Parameter){.id = id, .value = value};
    ASK(p, &r, aid_model_param(&p->m, id, value));
}

void aid_do_many(struct aid_player *p, const struct aid_do *d)
{
    for (uint32_t i = 0; i < d->n && !p->failed; i++) {
        gasm_Request r =
            aid_player_request(p, gasm_Command_SET_PARAMETERS, gasm_Request_set_parameters_tag);

        r.body.set_parameters.parameters_count = 1;
        r.body.set_parameters.parameters[0] =
            (gasm_Parameter){.id = MC_PARAM_CREDIT_LOW, .value = i};
        if (!aid_player_asks(p, &r))
            return;
        aid_player_said(p, aid_model_param(&p->m, MC_PARAM_CREDIT_LOW, i));
        aid_player_keep(p, &r);
    }
}

void aid_do_commission(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r = aid_player_request(p, gasm_Command_COMMISSION, 0);

    (void)d;
    ASK(p, &r, aid_model_commission(&p->m));
}

void aid_do_arm(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r = aid_player_request(p, gasm_Command_VALVE_ARM, 0);

    (void)d;
    ASK(p, &r, aid_model_arm(&p->m));
}

void aid_do_shut(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r = aid_player_request(p, gasm_Command_VALVE_CLOSE, 0);

    (void)d;
    ASK(p, &r, aid_model_shut(&p->m));
}

/* A command that waits for the valve, and that the model lets pass. */
static void wait_shut(struct aid_player *p)
{
    aid_model_stop_supply(&p->m);
    aid_model_tick(&p->m, p->w->mono_ms, p->w->valve.state);
    aid_player_await(p);
    aid_player_said(p, gasm_Refusal_OK);
}

static gasm_Refusal judge_close(const struct aid_player *p, bool has_key)
{
    const struct aid_swap *s = &p->office.swap;
    const bool swap = p->m.ticket.swap.size > 0;

    if (has_key != swap)
        return has_key ? gasm_Refusal_RIGHT : gasm_Refusal_FORMAT;
    if (swap && memcmp(s->terms.old_meter_id, AID_METER_ID, GF_METER_ID_LEN) != 0)
        return gasm_Refusal_WRONG_METER;
    return swap && p->m.clock_s > s->terms.not_after_s ? gasm_Refusal_OLD : gasm_Refusal_OK;
}

/* The certificate says what the model knows. */
static void check_certificate(struct aid_player *p, int64_t residual_l)
{
    const struct gf_span bytes = {p->answer.body.closed.certificate.bytes,
                                  p->answer.body.closed.certificate.size};
    uint8_t root[MC_KEY_LEN];
    gasm_Certificate c;

    aid_world_root(p->m.active, root);
    if (mc_certificate_open(p->w->ports.crypto, root, bytes, &c) != 0)
        aid_player_wrong(p, "the certificate does not open");
    else if (c.residual_l != residual_l || c.account_no != p->m.account_no ||
             c.token_seq != p->m.token_seq || c.totals.exported_l != p->m.t.exported_l ||
             c.totals.index_l != p->m.t.index_l || c.receipt_seq != p->m.receipts ||
             c.valve_fault != (p->m.valve != gasm_ValveState_VALVE_SHUT))
        aid_player_wrong(p, "the certificate says something else: %lld l",
                         (long long)c.residual_l);
}

void aid_do_close(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r =
        aid_player_request(p, gasm_Command_CLOSE_ACCOUNT, gasm_Request_close_account_tag);
    const bool has_key = d->how == 1 && p->office.case_no != 0;
    const int64_t residual_l = p->m.residual_l;
    gasm_Refusal why;

    if (has_key)
        aid_swap_close_body(&p->office.swap, &r);
    (void)aid_player_send(p, &r);
    if (!aid_player_passes(p, r.command))
        return;
    why = judge_close(p, has_key);
    if (why != gasm_Refusal_OK) {
        aid_player_said(p, why);
        return;
    }
    wait_shut(p);
    if (p->failed)
        return;
    aid_model_closed(&p->m);
    check_certificate(p, residual_l);
    aid_player_keep(p, &r);
}

/* how: 0 credit, 1 debt, 2 a wrong mac. The certificate is for the newest swap. */
void aid_do_import(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r =
        aid_player_request(p, gasm_Command_IMPORT_CREDIT, gasm_Request_import_credit_tag);
    struct aid_swap *s = &p->office.swap;
    const int64_t residual_l = d->how == 1 ? -(int64_t)d->n : (int64_t)d->n;
    gasm_Refusal why = gasm_Refusal_OK;

    if (p->office.case_no != 0) {
        aid_swap_certify(s, residual_l);
        s->certificate[s->certificate_n - 1] ^= d->how == 2;
        aid_swap_import_body(s, &r);
    }
    if (p->m.ticket.swap.size == 0)
        why = gasm_Refusal_RIGHT;
    else if (memcmp(s->terms.new_meter_id, AID_METER_ID, GF_METER_ID_LEN) != 0)
        why = gasm_Refusal_WRONG_METER;
    else if (p->m.clock_s > s->terms.not_after_s)
        why = gasm_Refusal_OLD;
    else if (d->how == 2)
        why = gasm_Refusal_PROOF;
    if (!aid_player_asks(p, &r))
        return;
    if (why == gasm_Refusal_OK)
        why = aid_model_import(&p->m, p->office.case_no, s->terms.cap_l, residual_l);
    aid_player_said(p, why);
    aid_player_keep(p, &r);
}

void aid_do_test(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r = aid_player_request(p, gasm_Command_SELF_TEST, 0);

    (void)d;
    (void)aid_player_send(p, &r);
    if (!aid_player_passes(p, r.command))
        return;
    wait_shut(p);
    if (p->failed)
        return;
    aid_model_tested(&p->m);
    aid_player_keep(p, &r);
}

void aid_do_reset(struct aid_player *p, const struct aid_do *d)
{
    gasm_Request r = aid_player_request(p, gasm_Command_RESET_TO_FACTORY,
                                        gasm_Request_reset_to_factory_tag);

    r.body.reset_to_factory.scrap = d->how == 1;
    ASK(p, &r, aid_model_reset(&p->m, d->how == 1));
}

void aid_do_read(struct aid_player *p, const struct aid_do *d)
{
    static const struct {
        gasm_Command command;
        pb_size_t body;
    } reads[] = {
        {gasm_Command_READ_BALANCE, 0},
        {gasm_Command_GET_PARAMETERS, 0},
        {gasm_Command_READ_RECEIPTS, gasm_Request_read_receipts_tag},
        {gasm_Command_READ_HISTORY, gasm_Request_read_history_tag},
        {gasm_Command_READ_PURCHASES, gasm_Request_read_purchases_tag},
        {gasm_Command_READ_EVENTS, gasm_Request_read_events_tag},
        {gasm_Command_IDENTIFY, 0},
    };
    const size_t i = d->pick % (sizeof reads / sizeof reads[0]);
    gasm_Request r = aid_player_request(p, reads[i].command, reads[i].body);

    r.op_id.size = 0;
    if (!aid_player_asks(p, &r))
        return;
    aid_player_said(p, gasm_Refusal_OK);
    if (r.command == gasm_Command_READ_BALANCE &&
        p->answer.body.balance.residual_l != p->m.residual_l)
        aid_player_wrong(p, "read_balance says %lld l",
                         (long long)p->answer.body.balance.residual_l);
    if (r.command == gasm_Command_READ_RECEIPTS &&
        p->answer.body.receipts.last_seq != p->m.receipts)
        aid_player_wrong(p, "read_receipts ends elsewhere");
}

/* how: 0, 1 the same; 2 other content. */
void aid_do_repeat(struct aid_player *p, const struct aid_do *d)
{
    const size_t kept = p->logged < AID_PLAYER_LOG ? p->logged : AID_PLAYER_LOG;
    const size_t i = kept == 0 ? 0 : (p->logged - 1 - d->pick % kept) % AID_PLAYER_LOG;
    gasm_Request r = p->log[i].request;
    bool remembered;

    if (kept == 0 || r.command == gasm_Command_RECHARGE)
        return;                         /* a token is repeated by its own sequence: do_deliver */
    aid_player_need(p);
    remembered = aid_model_remembers(&p->m, p->log[i].receipt);
    if (!remembered && r.base_receipt_seq + AID_MODEL_KEPT >= p->m.receipts)
        return;                         /* forgotten, and yet not old: it would be executed */
    if (d->how == 2) {
        r.command = gasm_Command_SET_PARAMETERS;
        r.which_body = gasm_Request_set_parameters_tag;
        memset(&r.body, 0, sizeof r.body);
    }
    if (!aid_player_send(p, &r))
        aid_player_wrong(p, "a repeat is not answered");
    if (!aid_player_ticket_passes(p, r.command))
        return;
    if (!remembered)
        aid_player_said(p, gasm_Refusal_OLD);
    else if (d->how == 2)
        aid_player_said(p, gasm_Refusal_MISMATCH);
    else if (memcmp(&p->answer, &p->log[i].answer, sizeof p->answer) != 0)
        aid_player_wrong(p, "command %d repeated has another answer: %d", r.command,
                         p->answer.result);
}
