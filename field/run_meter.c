/* run_meter.c - exchanges with the meter: needs, receipts, changes; see run_inner.h.
 *
 * Receipts: the meter makes some by itself (a key's activation, the end of a purge). Each of its
 * answers says how many there are, so before an answer is handed to its step the missing ones are
 * fetched and queued. r->known_seq only saves fetching: a receipt that is queued already is left
 * out.
 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/run_inner.h"
#include "meter-core/keys.h"
#include "meter-core/pb.h"

/* A change whose read-back does not fit is planned anew this many times before a person is
 * asked. */
#define TRIES 3

void run_event(struct run *r, const struct run_event *e)
{
    r->step->on(r, e);
}

static void exchange(struct run *r, int code, enum run_purpose purpose)
{
    if (code < 0) {
        run_stop(r, code, "the link is busy with something else");
        return;
    }
    r->purpose = purpose;
    r->met.ended = false;
    r->wait = W_METER;
}

void run_ask_meter(struct run *r, const gasm_Request *request, bool once)
{
    exchange(r, meter_link_ask(r->ml, request, once), FOR_STEP);
}

void run_read(struct run *r, gasm_Command command)
{
    gasm_Request request = {.command = command};

    run_ask_meter(r, &request, false);
}

/* ---- what a step needs ---- */

/* Open a session with the job's ticket for this key epoch. An expired ticket is not even tried. */
static void open_session(struct run *r, uint32_t epoch, enum run_purpose purpose)
{
    const struct store_port *store = r->ports->store;
    struct ticket_row ticket;
    struct gf_fail why = {0};
    char text[96], date[21];
    int code = r->procedure->is_talk
                   ? talk_ticket(r, epoch, &ticket, &why)
                   : store->ticket(store->ctx, r->job.meter_id, r->job.id, epoch, &ticket);

    if (code == 0)
        code = mc_ticket_decode((struct gf_span){ticket.ticket, ticket.ticket_len}, &r->ticket);
    if (code < 0) {
        snprintf(text, sizeof text, "meter %s, key epoch %u", r->job.meter_id, epoch);
        run_stop(r, code, why.code != 0 ? why.detail : text);
    } else if (r->ticket.not_after_s < run_utc_ms(r) / 1000) {
        gf_utc_text(r->ticket.not_after_s > 0 ? r->ticket.not_after_s : 0, date);
        snprintf(text, sizeof text, "the ticket expired at %s", date);
        run_stop(r, GF_E_TICKET, text);
    } else {
        exchange(r, meter_link_open(r->ml, &ticket), purpose);
    }
    gf_wipe(&ticket, sizeof ticket);
}

void run_session(struct run *r, uint32_t epoch)
{
    open_session(r, epoch, FOR_STEP);
}

/* The key epoch of the ticket to come with: 0, the factory's, until the meter has the key of this
 * account (a meter that came back from the bench has older epochs behind it); then the active one.
 * CTL was read when the connection was made, the identity may be of an earlier one: what says more
 * is newer, since both only grow. */
static uint32_t epoch_now(const struct run *r)
{
    const struct mc_ctl *ctl = ml_ctl(r->ml);
    const gasm_Identity *id = &r->identity;

    if (ctl->life_state <= gasm_LifeState_FACTORY && id->state <= gasm_LifeState_FACTORY)
        return 0;
    return ctl->active_epoch > id->active_epoch ? ctl->active_epoch : id->active_epoch;
}

bool run_needs(struct run *r)
{
    if ((r->step->needs & (NEEDS_LINK | NEEDS_SESSION)) == 0)
        return true;
    if (!ml_connected(r->ml)) {
        const char *address = r->label.address[0] != '\0' ? r->label.address : r->meter.bt_address;
        int code = meter_link_aim(r->ml, r->job.meter_id, address, r->row.id);

        exchange(r, code < 0 ? code : meter_link_connect(r->ml), FOR_LINK);
        return false;
    }
    if ((r->step->needs & NEEDS_SESSION) == 0 || (ml_session(r->ml, epoch_now(r)) && !r->reopen))
        return true;
    r->reopen = false;
    open_session(r, epoch_now(r), FOR_SESSION);
    return false;
}

/* ---- receipts ---- */

static bool may_read_receipts(const struct run *r)
{
    return (r->identity.allowed >> gasm_Command_READ_RECEIPTS & 1) != 0;
}

static void fetch_receipts(struct run *r)
{
    gasm_Request request = {
        .command = gasm_Command_READ_RECEIPTS,
        .which_body = gasm_Request_read_receipts_tag,
        .body.read_receipts.from_seq = r->known_seq + 1,
    };

    exchange(r, meter_link_ask(r->ml, &request, false), FOR_RECEIPTS);
}

/* Queue the receipts of one answer, and note how far they go, in one transaction. False:
 * stopped. */
static bool store_receipts(struct run *r, const gasm_Receipts *got)
{
    struct outbox_new items[sizeof got->receipts / sizeof *got->receipts];
    struct step_row row = {.attempt = 1, .state = STEP_DONE};
    struct outbox_row queued;
    gasm_Receipt receipt;
    size_t n = 0;
    int found;

    row.base_seq = got->receipts_count > 0 ? r->known_seq : got->last_seq;
    for (size_t i = 0; i < got->receipts_count; i++) {
        struct gf_span sealed = {got->receipts[i].bytes, got->receipts[i].size};

        if (mc_receipt_peek(sealed, &receipt) < 0 || receipt.op_id.size != GF_UUID_LEN ||
            receipt.seq <= row.base_seq) {
            run_stop(r, GF_E_FORMAT, "a receipt that the meter kept cannot be read");
            return false;
        }
        row.base_seq = receipt.seq;
        found = run_outbox(r, receipt.op_id.bytes, &queued);
        if (found < 0)
            return false;
        if (found > 0)      /* by an earlier attempt, or by another job on this meter */
            continue;
        items[n] = run_item(r, receipt.op_id.bytes, sync_ItemKind_RECEIPT);
        items[n].receipt = sealed.p;
        items[n++].receipt_len = sealed.n;
    }
    (void)run_receipts_step(r, row.step);
    if (!run_save_row(r, &row, NULL, items, n))
        return false;
    r->known_seq = row.base_seq;
    return true;
}

/* True when receipts are missing here that come before, or beside, the one in this answer. */
static bool receipts_missing(const struct run *r, const gasm_Response *a)
{
    uint64_t last = a->command == gasm_Command_IDENTIFY &&
                            a->which_body == gasm_Response_identity_tag
                        ? a->body.identity.receipt_seq
                        : a->receipt_seq;
    gasm_Receipt own;

    if (last <= r->known_seq || !may_read_receipts(r))
        return false;
    return a->receipt.size == 0 || last != r->known_seq + 1 ||
           mc_receipt_peek((struct gf_span){a->receipt.bytes, a->receipt.size}, &own) < 0 ||
           own.seq != last;
}

/* ---- an exchange ended ---- */

static void learn(struct run *r, const gasm_Response *a)
{
    if (a->which_body == gasm_Response_identity_tag) {
        r->identity = a->body.identity;
        r->talk.outdated = false;
    } else if (a->which_body == gasm_Response_balance_tag) {
        r->identity.state = a->body.balance.state;
        r->identity.account_no = a->body.balance.account_no;
        r->identity.valve = a->body.balance.valve;
    }
    if (r->identity.receipt_seq < a->receipt_seq)
        r->identity.receipt_seq = a->receipt_seq;
}

/* The answer whose receipts are all here goes to its step, or the step is entered at last. */
static void deliver(struct run *r)
{
    struct run_event e = {.kind = EV_METER, .answer = &r->held};

    if (r->resume_entry)
        r->wait = W_ENTER;
    else
        run_event(r, &e);
}

static void met_receipts(struct run *r)
{
    const gasm_Response *a = &r->met.answer;

    if (a->result != gasm_Refusal_OK || a->which_body != gasm_Response_receipts_tag) {
        run_refused(r, a);
        return;
    }
    if (!store_receipts(r, &a->body.receipts))
        return;
    if (r->known_seq < a->body.receipts.last_seq)
        fetch_receipts(r);
    else
        deliver(r);
}

static void met_failure(struct run *r)
{
    struct run_event e = {.kind = EV_METER, .code = r->met.code, .why = &r->met.why};
    char text[sizeof r->met.why.detail];

    if (r->step->own_failures && r->purpose != FOR_LINK && r->purpose != FOR_SESSION) {
        run_event(r, &e);
        return;
    }
    if (r->met.code == GF_E_TICKET)
        snprintf(text, sizeof text, "%.80s; its key epoch is %u",
                 refusal_text(ml_refusal(r->ml)->reason), ml_refusal(r->ml)->active_epoch);
    else
        gf_copy(text, sizeof text, r->met.why.detail);
    run_stop(r, r->met.code, text);
}

void run_met(struct run *r)
{
    r->wait = W_NOTHING;
    if (r->met.code < 0) {
        met_failure(r);
        return;
    }
    switch (r->purpose) {
    case FOR_LINK:
        r->wait = W_ENTER;
        return;
    case FOR_RECEIPTS:
        met_receipts(r);
        return;
    case FOR_SESSION:
    case FOR_STEP:
        r->resume_entry = r->purpose == FOR_SESSION;
        r->held = r->met.answer;
        learn(r, &r->held);
        if (receipts_missing(r, &r->held))
            fetch_receipts(r);
        else
            deliver(r);
        return;
    }
}

/* ---- a change of the meter ---- */

bool run_is_at(const struct run *r, gasm_LifeState state)
{
    return r->identity.state >= state && r->identity.state <= gasm_LifeState_IN_SERVICE &&
           r->job.account_no != 0 && r->identity.account_no == r->job.account_no;
}

bool run_plan(struct run *r, struct step_row *row, gasm_Request *request)
{
    int n;

    if (request->command != gasm_Command_RECHARGE) {     /* the meter makes that one's */
        request->op_id.size = GF_UUID_LEN;
        memcpy(request->op_id.bytes, row->op_id, GF_UUID_LEN);
    }
    request->base_receipt_seq = row->base_seq = r->identity.receipt_seq;
    n = mc_pb_encode(gasm_Request_fields, request, row->request, sizeof row->request);
    if (n < 0) {
        run_stop(r, n, "the request is too long");
        return false;
    }
    row->request_len = (size_t)n;
    return true;
}

void run_send(struct run *r, const struct step_row *row, bool once)
{
    gasm_Request request;
    int code = mc_pb_decode(gasm_Request_fields, (struct gf_span){row->request, row->request_len},
                            &request);

    if (code < 0)
        run_stop(r, code, "the planned request cannot be read");
    else
        run_ask_meter(r, &request, once);
}

enum { CHANGE_BEFORE, CHANGE_ASK, CHANGE_SEND, CHANGE_AFTER };

static void plan_change(struct run *r)
{
    gasm_Request request = {.command = r->step->op->command};
    struct gf_fail why = {0};
    struct run_record room;
    struct outbox_new record;
    int code = r->step->op->build(r, &request, &why), n;

    if (code < 0) {
        run_stop(r, code, why.detail);
        return;
    }
    if (!run_new_attempt(r) || !run_plan(r, &r->attempt, &request))
        return;
    n = run_record(r, &room, &record);
    if (n < 0 || !run_save(r, NULL, &record, (size_t)n))
        return;
    r->stage = CHANGE_SEND;
    run_send(r, &r->attempt, false);
}

static void ask_or_plan(struct run *r)
{
    r->answers[0] = '\0';
    if (r->step->questions[0].ask == ASK_NONE) {
        plan_change(r);
        return;
    }
    r->stage = CHANGE_ASK;
    run_ask(r);
}

static void read_back(struct run *r)
{
    r->stage = CHANGE_AFTER;
    if (r->step->op->after == gasm_Command_COMMAND_NONE)
        run_session(r, r->key.epoch);
    else
        run_read(r, r->step->op->after);
}

static void enter_change(struct run *r)
{
    const struct step_op *op = r->step->op;

    if (r->attempt.state == STEP_DONE) {            /* done before an interruption, not read back */
        read_back(r);
    } else if (r->attempt.state == STEP_PLANNED) {
        r->stage = CHANGE_SEND;
        run_send(r, &r->attempt, false);
    } else if (op->already != NULL && op->already(r)) {
        run_done(r, NULL, "in effect already: the meter says so");
    } else if (op->before != gasm_Command_COMMAND_NONE) {
        r->stage = CHANGE_BEFORE;
        run_read(r, op->before);
    } else {
        ask_or_plan(r);
    }
}

static void take_change(struct run *r, const gasm_Response *answer)
{
    if (answer->result != gasm_Refusal_OK) {
        r->attempt.state = STEP_REFUSED;
        if (run_save_answer(r, &r->attempt, answer))
            run_refused(r, answer);
        return;
    }
    r->attempt.state = STEP_DONE;
    if (run_save_answer(r, &r->attempt, answer))
        read_back(r);
}

/* The number of the receipt that the change got, for people. */
static void receipt_line(struct run *r, char *text, size_t cap)
{
    gasm_Response answer;
    gasm_Receipt receipt;

    gf_copy(text, cap, "read back");
    if (mc_pb_decode(gasm_Response_fields,
                     (struct gf_span){r->attempt.result, r->attempt.result_len}, &answer) < 0 ||
        mc_receipt_peek((struct gf_span){answer.receipt.bytes, answer.receipt.size}, &receipt) < 0)
        return;
    snprintf(text, cap, "receipt %llu", (unsigned long long)receipt.seq);
    run_line(r, "confirmed by the meter", "%s", text);
}

static void check_change(struct run *r, const gasm_Response *answer)
{
    struct gf_fail why = {0};
    char text[48];
    int code;

    if (answer->result != gasm_Refusal_OK) {
        run_refused(r, answer);
        return;
    }
    code = r->step->op->check(r, answer, &why);
    if (code == STEP_AGAIN && ++r->tries < TRIES) {
        run_say(r, "%s: %s; once more", r->step->title, why.detail);
        plan_change(r);
        return;
    }
    if (code != 0) {
        /* What was read back does not fit: it counts as not done, and a retry plans it anew. */
        r->attempt.state = STEP_REFUSED;
        if (run_save(r, NULL, NULL, 0))
            run_stop(r, code == STEP_AGAIN ? GF_E_REFUSED : code, why.detail);
        return;
    }
    receipt_line(r, text, sizeof text);
    run_done(r, NULL, text);
}

void step_change(struct run *r, const struct run_event *e)
{
    if (e->kind == EV_ENTER) {
        enter_change(r);
        return;
    }
    switch (r->stage) {
    case CHANGE_BEFORE:
        if (e->answer->result != gasm_Refusal_OK) {
            run_refused(r, e->answer);
            return;
        }
        if (r->step->op->show != NULL)
            r->step->op->show(r, e->answer);
        ask_or_plan(r);
        return;
    case CHANGE_ASK:
        plan_change(r);
        return;
    case CHANGE_SEND:
        take_change(r, e->answer);
        return;
    case CHANGE_AFTER:
        check_change(r, e->answer);
        return;
    default:
        return;
    }
}
