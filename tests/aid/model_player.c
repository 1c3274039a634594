/* model_player.c - a meter and its model side by side; see model_player.h. */
#include "tests/aid/model_player.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "meter-core/commands.h"
#include "meter-core/link.h"
#include "meter-core/pb.h"
#include "meter-core/ticket.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/swap_aid.h"

#define LATER_MS 70000              /* no answer waits longer for the valve */
#define SHUT_MS 4000                /* so long after its order the valve is shut */

void aid_player_wrong(struct aid_player *p, const char *format, ...)
{
    va_list args;

    if (p->failed)
        return;
    p->failed = true;
    va_start(args, format);
    (void)vsnprintf(p->why, sizeof p->why, format, args);
    va_end(args);
}

/* ---- what the model is told, and what must be equal ---- */

void aid_player_look(struct aid_player *p)
{
    gasm_Identity id;

    mc_meter_identity(p->w->meter, &id);
    p->m.clock = p->w->meter->core.clock_was_set == 0 ? CLOCK_NEVER
                 : id.clock_valid                     ? CLOCK_VALID
                                                      : CLOCK_LOST;
    p->m.clock_s = id.clock_s;
}

/* One slice of time for both. */
void aid_player_slice(struct aid_player *p, int64_t ms)
{
    aid_world_pass(p->w, ms);
    aid_model_tick(&p->m, p->w->mono_ms, p->w->valve.state);
    if (p->m.on || p->m.grant || p->w->valve.state == gasm_ValveState_VALVE_SHUT)
        p->free_ms = p->free_ms > p->w->mono_ms ? p->free_ms : p->w->mono_ms;
    else if (!p->w->valve.stuck && p->w->mono_ms - p->free_ms > SHUT_MS)
        aid_player_wrong(p, "the valve is open with no reason");
    if (p->w->valve.opened != p->m.openings)
        aid_player_wrong(p, "the valve was told to open %u times, the model says %u",
                         p->w->valve.opened, p->m.openings);
}

void aid_player_pass(struct aid_player *p, int64_t ms)
{
    for (; ms > 0 && !p->failed; ms -= AID_SLICE_MS)
        aid_player_slice(p, ms < AID_SLICE_MS ? ms : AID_SLICE_MS);
}

#define SAME(what, meter, model) \
    do { \
        if ((int64_t)(meter) != (int64_t)(model)) \
            aid_player_wrong(p, "%s is %lld, the model says %lld", what, (long long)(meter), \
                             (long long)(model)); \
    } while (0)

static void compare_totals(struct aid_player *p, const gasm_Totals *t)
{
    const gasm_Totals *want = &p->m.t;

    SAME("index_l", t->index_l, want->index_l);
    SAME("purged_l", t->purged_l, want->purged_l);
    SAME("opening_index_l", t->opening_index_l, want->opening_index_l);
    SAME("opening_purged_l", t->opening_purged_l, want->opening_purged_l);
    SAME("purchased_l", t->purchased_l, want->purchased_l);
    SAME("imported_l", t->imported_l, want->imported_l);
    SAME("forgiven_l", t->forgiven_l, want->forgiven_l);
    SAME("debited_l", t->debited_l, want->debited_l);
    SAME("cleared_l", t->cleared_l, want->cleared_l);
    SAME("exported_l", t->exported_l, want->exported_l);
    SAME("after_closing_l", t->after_closing_l, want->after_closing_l);
}

void aid_player_compare(struct aid_player *p)
{
    const struct aid_model *m = &p->m;
    const struct mc_meter *meter = p->w->meter;
    gasm_Balance b;
    gasm_Identity id;
    gasm_Supply supply;

    mc_meter_balance(meter, &b);
    mc_meter_identity(meter, &id);
    mc_meter_supply(meter, &supply);
    compare_totals(p, &b.totals);
    SAME("the residual", b.residual_l, m->residual_l);
    SAME("the account", b.account_no, m->account_no);
    SAME("account_closed", meter->core.account_closed, m->closed);
    SAME("the state", b.state, m->life);
    SAME("the receipt sequence", b.receipt_seq, m->receipts);
    SAME("the token sequence", b.token_seq, m->token_seq);
    SAME("the typed wait", b.typed_wait_s, aid_model_wait_s(m));
    SAME("the active epoch", id.active_epoch, m->active);
    SAME("the pending epoch", id.pending_epoch, m->pending);
    SAME("self_tested", id.self_tested, m->self_tested);
    SAME("the locks", supply.locks, m->locks);
    SAME("armed", supply.armed_s != 0, m->armed);
    SAME("a grant", meter->core.grant_open, m->grant);
    SAME("open for the customer", meter->drive.want_open && !m->grant, m->on);
    SAME("params_were_set", meter->core.params_were_set, m->settings);
    if (m->session) {
        SAME("uses left", mc_ticket_uses_left(meter),
             m->uses < m->ticket.use_count ? m->ticket.use_count - m->uses : 0);
        SAME("purge volume left", mc_ticket_purge_left_l(meter),
             m->purged_l < m->ticket.purge_volume_l ? m->ticket.purge_volume_l - m->purged_l : 0);
    }
    if (memcmp(meter->core.params, m->params, sizeof m->params) != 0)
        aid_player_wrong(p, "the parameters differ");
    if (!aid_model_balances(m, &b.totals, b.residual_l))
        aid_player_wrong(p, "litres were lost or created");
    if (p->w->flash.wrong != NULL)
        aid_player_wrong(p, "flash: %s", p->w->flash.wrong);
}

/* ---- sessions ---- */

/* Which ticket; the newest swap is the office's. */
gasm_Ticket aid_player_ticket(struct aid_player *p, const struct aid_do *d)
{
    const bool factory = p->m.active == 0 || d->how == 5;
    gasm_Ticket t = aid_world_ticket(factory ? 0 : p->m.active, p->serial++);
    int64_t now_s = p->m.clock == CLOCK_NEVER ? p->w->utc_ms / 1000 : p->m.clock_s;

    t.not_before_s = now_s - 3600;
    t.not_after_s = now_s + 12 * 3600;
    t.installs_epoch = factory ? p->m.active + 1 : 0;
    t.account_no = p->m.account_no + (d->how == 8 ? 0 : 1 + d->pick % 3);
    if (p->m.account_no == 0)
        t.account_no = 1001;
    if (d->how == 1)
        t.rights &= ~(1u << gasm_Right_RIGHT_SUPERVISE | 1u << gasm_Right_RIGHT_UNLOCK);
    if (d->how == 2)
        t.rights = 1u << gasm_Right_RIGHT_READ | 1u << gasm_Right_RIGHT_RECHARGE |
                   1u << gasm_Right_RIGHT_VALVE;
    if (d->how == 3)
        t.rights = d->n;
    if (d->how == 4)
        t.use_count = 0;
    if (d->how == 6 || d->how == 7)
        aid_office_swap(&p->office, &t, d->how == 6, p->m.active, d->pick % 4 == 0 ? 50 : 100000,
                        now_s + 3600);
    return t;
}

void aid_player_drop(struct aid_player *p)
{
    if (p->radio)
        aid_world_disconnect(p->w);
    else
        mc_link_end_session(p->w->meter);
    aid_model_end_session(&p->m);
    aid_player_settle(p);
}

void aid_player_greet(struct aid_player *p, const gasm_Ticket *t, bool activates)
{
    struct aid_pass of = aid_world_pass_of(t);
    gasm_Request who = aid_request(p->w, gasm_Command_IDENTIFY, 0);
    int rc;

    aid_player_drop(p);
    if (!p->radio) {
        p->w->meter->ticket = *t;
        if (activates && mc_key_activate(p->w->meter) != 0)
            aid_player_wrong(p, "the key was not activated");
    } else {
        if (p->w->mono_ms - p->hello_ms < 1000)
            aid_player_pass(p, 1000 - (p->w->mono_ms - p->hello_ms));
        aid_world_connect(p->w, 247);
        p->hello_ms = p->w->mono_ms;
        rc = aid_world_hello(p->w, &of);
        if (rc == 0)
            rc = aid_world_ask(p->w, &who);
        if (rc != 0)
            aid_player_wrong(p, "no session: %d, refused %d", rc, p->w->refusal.reason);
    }
    if (activates)
        (void)aid_model_activate(&p->m);
    aid_model_session(&p->m, t);
    p->m.silence_counts = p->radio;
}

void aid_player_session(struct aid_player *p, const struct aid_do *d)
{
    struct aid_situation s;
    gasm_Ticket t;

    aid_player_look(p);
    t = aid_player_ticket(p, d);
    aid_player_greet(p, &t, false);
    aid_player_look(p);
    s = aid_model_situation(&p->m);
    if (p->radio && !p->failed && p->w->answer.result == gasm_Refusal_OK)
        SAME("what is allowed", p->w->answer.body.identity.allowed, aid_rules_allowed(&s));
}

void aid_player_need(struct aid_player *p)
{
    if (!p->m.session)
        aid_player_session(p, &(struct aid_do){.kind = AID_DO_SESSION});
    aid_player_look(p);
}

/* ---- asking ---- */

static bool answered(const struct aid_player *p, uint64_t seen)
{
    if (p->radio)
        return p->w->answers != seen || !p->w->up;
    return !p->w->meter->later.waiting && !p->w->meter->purge.answering;
}

/* Send it without the link. False: the answer comes later. */
static bool run(struct aid_player *p, const gasm_Request *r)
{
    struct mc_meter *m = p->w->meter;
    struct gf_span answer;
    int n = mc_pb_encode(gasm_Request_fields, r, m->rec, sizeof m->rec), rc;

    m->ticket = p->m.ticket;
    m->authenticated = true;
    rc = mc_command_run(m, mc_command_decode(m, (struct gf_span){m->rec, (size_t)n}), &answer);
    if (rc < 0 || (rc > 0 && mc_pb_decode(gasm_Response_fields, answer, &p->answer) != 0))
        aid_player_wrong(p, "the session would end: %d", rc);
    return rc != 0;
}

/* Send it; true when the answer is there. */
bool aid_player_send(struct aid_player *p, const gasm_Request *r)
{
    const uint64_t seen = p->w->answers;
    int rc;

    p->m.active_ms = p->w->mono_ms;
    /* Answers are compared whole: nothing of the one before may stay between their bodies. */
    memset(&p->answer, 0, sizeof p->answer);
    memset(&p->w->answer, 0, sizeof p->w->answer);
    if (!p->radio)
        return run(p, r);
    rc = aid_world_send(p->w, r);
    if (rc != 0)
        aid_player_wrong(p, "not sent: %d", rc);
    if (p->w->answers == seen && p->w->up)
        return false;
    p->answer = p->w->answer;
    return true;
}

/* Wait for an answer that comes when the valve is shut. */
void aid_player_await(struct aid_player *p)
{
    const uint64_t seen = p->w->answers;
    int64_t until_ms = p->w->mono_ms + LATER_MS;

    while (!p->failed && !answered(p, seen)) {
        aid_player_slice(p, AID_SLICE_MS);
        if (p->w->mono_ms > until_ms)
            aid_player_wrong(p, "no answer");
    }
    p->answer = p->radio ? p->w->answer : p->w->meter->response;
    if (p->radio && p->w->answers == seen)
        aid_player_wrong(p, "dropped instead of an answer");
    if (!p->radio)
        aid_model_end_session(&p->m);   /* there is no link that could carry it */
}

void aid_player_settle(struct aid_player *p)
{
    p->w->meter->authenticated = p->radio && p->w->meter->authenticated;
    (void)mc_meter_tick(p->w->meter);
    aid_model_tick(&p->m, p->w->mono_ms, p->w->valve.state);
}

void aid_player_expect(struct aid_player *p, uint32_t words, gasm_Stage stage)
{
    if (p->failed)
        return;
    if ((words >> p->answer.result & 1) == 0 || p->answer.reached != stage)
        aid_player_wrong(p,
                         "command %d answered %d at stage %d; the model says one of %x at stage %d",
                         p->answer.command, p->answer.result, p->answer.reached, (unsigned)words,
                         stage);
    else if (p->answer.result == gasm_Refusal_OK)
        p->tally->taken[p->answer.command]++;
    else
        p->tally->refused[p->answer.result]++;
}

void aid_player_keep(struct aid_player *p, const gasm_Request *r)
{
    if (p->failed || p->answer.receipt.size == 0)
        return;
    p->log[p->logged % AID_PLAYER_LOG].request = *r;
    p->log[p->logged % AID_PLAYER_LOG].answer = p->answer;
    p->log[p->logged % AID_PLAYER_LOG].receipt = p->answer.receipt_seq;
    p->logged++;
}

/* What is judged before a command's content: true when it goes on. */
bool aid_player_passes(struct aid_player *p, gasm_Command command)
{
    struct aid_words said = aid_model_table(&p->m, command);

    if (said.words != 0)
        aid_player_expect(p, said.words, said.stage);
    return said.words == 0;
}

/* The ticket is judged first, but for its uses: they come after what is remembered. */
bool aid_player_ticket_passes(struct aid_player *p, gasm_Command command)
{
    const bool counted = p->m.counted;
    struct aid_words said;

    p->m.counted = true;
    said = aid_model_table(&p->m, command);
    p->m.counted = counted;
    if (said.words == 0 || said.stage != gasm_Stage_STAGE_AUTHENTICATION)
        return true;
    aid_player_expect(p, said.words, said.stage);
    return false;
}

void aid_player_said(struct aid_player *p, gasm_Refusal why)
{
    aid_player_expect(p, 1u << why,
            why == gasm_Refusal_OK ? gasm_Stage_STAGE_EXECUTION : gasm_Stage_STAGE_VALIDATION);
}

gasm_Request aid_player_request(struct aid_player *p, gasm_Command command, pb_size_t body)
{
    gasm_Request r;

    aid_player_need(p);
    r = aid_request(p->w, command, p->op++);
    r.which_body = body;
    return r;
}

/* Send a change that answers at once: true when the model has to say what of it. */
bool aid_player_asks(struct aid_player *p, const gasm_Request *r)
{
    if (p->failed || !aid_player_send(p, r)) {
        aid_player_wrong(p, "command %d is not answered", r->command);
        return false;
    }
    return aid_player_passes(p, r->command);
}

