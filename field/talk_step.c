/* talk_step.c - what a talk asks of the meter, and what becomes of the answers; see talk.c. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/talk_inner.h"
#include "meter-core/keys.h"
#include "meter-core/pb.h"

/* ---- the meter's answers ---- */

static void tell_answer(struct run *r, const gasm_Response *answer)
{
    if (r->listener.answer != NULL)
        r->listener.answer(r->listener.ctx, answer);
}

static void finish(struct run *r, const char *text)
{
    char line[RUN_LINE_LEN];

    snprintf(line, sizeof line, "%s: %s", talk_name(r->talk.command), text);
    gf_copy(r->view.message, sizeof r->view.message, line);
    run_tell(r, 0, line);
    talk_want_command(r);
}

/* The meter's refusal, with the argument that it names. */
static void refused(struct run *r, const gasm_Response *a)
{
    const struct talk_command *c = r->talk.command;
    char text[sizeof r->view.fail.detail];

    if (a->result != gasm_Refusal_RANGE || a->place == 0 || c->settings ||
        a->place > TALK_ARGUMENTS || c->arguments[a->place - 1].name == NULL) {
        run_refused(r, a);
        return;
    }
    snprintf(text, sizeof text, "%s: %s", c->arguments[a->place - 1].name, refusal_text(a->result));
    run_stop(r, GF_E_REFUSED, text);
}

/* ---- changes ---- */

/* The same request, but for the operation id and base that the planned one has. */
static bool same_request(const struct step_row *planned, const struct talk_request *built)
{
    gasm_Request there, here = built->request;
    struct gf_span bytes = {planned->request, planned->request_len};
    uint8_t again[sizeof planned->request];
    int n;

    if (mc_pb_decode(gasm_Request_fields, bytes, &there) < 0)
        return false;
    here.op_id = there.op_id;
    here.base_receipt_seq = there.base_receipt_seq;
    n = mc_pb_encode(gasm_Request_fields, &here, again, sizeof again);
    return n >= 0 && (size_t)n == bytes.n && memcmp(again, bytes.p, bytes.n) == 0;
}

/* Is what was planned what is asked now? */
static bool asked_again(const struct run *r)
{
    return r->talk.change_of == r->talk.command && same_request(&r->talk.change, &r->talk.built);
}

/* The same wish with other words: a clock that is set to the present time is another one each
 * time. */
static bool wished_again(const struct run *r)
{
    const struct talk *t = &r->talk;

    return t->change_of == t->command && t->command->id == gasm_Command_SET_CLOCK &&
           t->asked.value[0] == NULL;
}

static void plan(struct run *r)
{
    const struct store_port *store = r->ports->store;
    struct talk *t = &r->talk;
    struct step_row fresh = {.state = STEP_PLANNED}, before;
    int code, found = 0;

    t->change = (struct step_row){0};
    t->planned = true;
    t->change_of = t->command;
    gf_copy(fresh.step, sizeof fresh.step, talk_name(t->command));
    code = talk_open_run(r);
    if (code == 0)
        code = gf_uuid7(r->ports->clock, r->ports->random, fresh.op_id);
    if (code == 0)
        code = found = store->step_last(store->ctx, r->row.id, fresh.step, &before);
    fresh.attempt = found > 0 ? before.attempt + 1 : 1;
    t->planned = false;
    if (code < 0) {
        run_stop(r, code, "the command could not be planned; nothing was sent");
        return;
    }
    t->planned = true;
    t->change = fresh;
    if (!run_plan(r, &t->change, &t->built.request) ||
        !run_save_row(r, &t->change, NULL, NULL, 0)) {
        t->planned = false;
        return;
    }
    run_send(r, &t->change, t->command->id == gasm_Command_PURGE_START);
}

/* Store how the planned change ended. False: the store failed, and the run has stopped. */
static bool end_change(struct run *r, const gasm_Response *answer, uint32_t state)
{
    struct talk *t = &r->talk;
    bool saved;

    t->change.state = state;
    t->planned = false;             /* so that the run counts as done */
    saved = answer != NULL ? run_save_answer(r, &t->change, answer)
                           : run_save_row(r, &t->change, NULL, NULL, 0);
    if (!saved) {
        t->planned = true;
        t->change.state = STEP_PLANNED;
    }
    return saved;
}

static void receipt_text(const gasm_Response *a, char *ret, size_t cap)
{
    gasm_Receipt receipt;

    gf_copy(ret, cap, "done");
    if (mc_receipt_peek((struct gf_span){a->receipt.bytes, a->receipt.size}, &receipt) == 0)
        snprintf(ret, cap, "receipt %llu", (unsigned long long)receipt.seq);
}

static void changed(struct run *r, const gasm_Response *a)
{
    bool ok = a->result == gasm_Refusal_OK;
    char text[48];

    if (!end_change(r, a, ok ? STEP_DONE : STEP_REFUSED))
        return;
    r->talk.settling = false;
    r->talk.outdated = true;
    tell_answer(r, a);
    receipt_text(a, text, sizeof text);
    if (!ok)
        refused(r, a);
    else
        finish(r, text);
}

/* ---- settling ---- */

static void act(struct run *r);

/* Ask what became of the planned change, and do not begin it: with a base that no meter has come
 * to, an operation that it knows is answered as it was then, another one refused. */
static void inquire(struct run *r)
{
    const struct step_row *row = &r->talk.change;
    gasm_Request request;
    int code = mc_pb_decode(gasm_Request_fields, (struct gf_span){row->request, row->request_len},
                            &request);

    if (code < 0) {
        run_stop(r, code, "the planned request cannot be read");
        return;
    }
    r->talk.settling = true;
    request.base_receipt_seq = UINT64_MAX;
    run_ask_meter(r, &request, false);
}

/* No ticket here may ask for it: what its receipt says, when that is here. */
static void settle_alone(struct run *r)
{
    struct talk *t = &r->talk;
    struct outbox_row row;
    int was = run_outbox(r, t->change.op_id, &row);

    if (was < 0 || !end_change(r, NULL, was > 0 ? STEP_DONE : STEP_REFUSED))
        return;
    run_say(r, was > 0 ? "%s: the meter had done it"
                       : "%s: no ticket here may ask what became of it; it is given up",
            talk_name(t->change_of));
    act(r);
}

static void settle(struct run *r)
{
    struct talk *t = &r->talk;

    t->settling = false;
    if (!talk_allows(r, &r->ticket, t->change_of))
        settle_alone(r);
    else if (asked_again(r))
        run_send(r, &t->change, false);
    else
        inquire(r);
}

/* What became of an earlier change: stored, told, and then what was asked. */
static void settled(struct run *r, const gasm_Response *a)
{
    struct talk *t = &r->talk;
    bool done = a->result == gasm_Refusal_OK;

    if (done && wished_again(r)) {
        changed(r, a);
        return;
    }
    if (!end_change(r, a, done ? STEP_DONE : STEP_REFUSED))
        return;
    t->settling = false;
    run_say(r, done ? "%s: the meter had done it" : "%s: it was not done, and is given up",
            talk_name(t->change_of));
    act(r);
}

/* ---- reads ---- */

/* What a page of a long read says: how many entries, the number of its last, and those kept. False:
 * the command is no long read. */
struct page {
    uint32_t n;
    uint64_t end, first, last;
};

static bool page_of(const gasm_Response *a, struct page *ret)
{
    gasm_Receipt receipt;

    switch (a->which_body) {
    case gasm_Response_history_tag:
        *ret = (struct page){a->body.history.entries_count, 0, a->body.history.first_no,
                             a->body.history.last_no};
        ret->end = ret->n > 0 ? a->body.history.entries[ret->n - 1].no : 0;
        return true;
    case gasm_Response_purchases_tag:
        *ret = (struct page){a->body.purchases.entries_count, 0, a->body.purchases.first_no,
                             a->body.purchases.last_no};
        ret->end = ret->n > 0 ? a->body.purchases.entries[ret->n - 1].no : 0;
        return true;
    case gasm_Response_events_tag:
        *ret = (struct page){a->body.events.entries_count, 0, a->body.events.first_no,
                             a->body.events.last_no};
        ret->end = ret->n > 0 ? a->body.events.entries[ret->n - 1].no : 0;
        return true;
    case gasm_Response_receipts_tag:
        *ret = (struct page){a->body.receipts.receipts_count, 0, 0, a->body.receipts.last_seq};
        for (uint32_t i = 0; i < ret->n; i++) {
            struct gf_span sealed = {a->body.receipts.receipts[i].bytes,
                                     a->body.receipts.receipts[i].size};

            if (mc_receipt_peek(sealed, &receipt) < 0)
                return false;
            ret->first = i == 0 ? receipt.seq : ret->first;
            ret->end = receipt.seq;
        }
        return true;
    default:
        return false;
    }
}

static void ask_page(struct run *r, uint64_t from)
{
    talk_page_from(&r->talk.built.request, from);
    run_ask_meter(r, &r->talk.built.request, false);
}

/* The answer to the question how many there are: the newest so many are read from here. */
static void from_the_end(struct run *r, const struct page *p)
{
    uint64_t last = r->talk.built.last;

    r->talk.built.last = 0;
    if (p->last == 0)
        finish(r, "0 entries");
    else
        ask_page(r, p->last > last ? p->last - last + 1 : 1);
}

static void paged(struct run *r, const gasm_Response *a, const struct page *p)
{
    struct talk *t = &r->talk;
    char text[64];

    if (t->built.last != 0) {
        from_the_end(r, p);
        return;
    }
    if (t->read == 0 && p->n > 0)
        t->all = (uint32_t)(p->last - p->end) + p->n;
    t->read += p->n;
    tell_answer(r, a);
    talk_page_from(&r->talk.built.request, p->end + 1);
    snprintf(text, sizeof text, "%u entries", t->read);
    if (p->n == 0 || p->end >= p->last)
        finish(r, text);
    else if (t->stop)
        run_stop(r, GF_E_CANCELLED, text);
    else
        ask_page(r, p->end + 1);
}

static void answered(struct run *r, const gasm_Response *a)
{
    struct page p;

    if (a->result != gasm_Refusal_OK) {
        tell_answer(r, a);
        refused(r, a);
    } else if (page_of(a, &p)) {
        paged(r, a, &p);
    } else {
        tell_answer(r, a);
        finish(r, "done");
    }
}

/* ---- the step ---- */

static void act(struct run *r)
{
    struct talk *t = &r->talk;
    struct gf_fail why = {0};
    int code;

    if (!talk_allows(r, &r->ticket, t->command)) {
        r->reopen = true;
        run_again(r);
        return;
    }
    t->stop = false;
    if (t->read > 0) {          /* a long read goes on with the page that did not come */
        run_ask_meter(r, &t->built.request, false);
        return;
    }
    code = talk_build(r, t->command, &t->asked, &t->built, &why);
    if (code < 0)
        run_stop(r, code, why.detail);
    else if (talk_changes(t->command))
        plan(r);
    else if (t->built.last != 0)
        ask_page(r, UINT32_MAX);
    else
        run_ask_meter(r, &t->built.request, false);
}

static void entered(struct run *r)
{
    struct talk *t = &r->talk;
    struct gf_fail why = {0};

    if (!t->planned) {
        act(r);
        return;
    }
    if (talk_build(r, t->command, &t->asked, &t->built, &why) < 0)
        run_stop(r, why.code, why.detail);
    else
        settle(r);
}

void step_talk(struct run *r, const struct run_event *e)
{
    if (e->kind == EV_ENTER)
        entered(r);
    else if (e->kind != EV_METER)
        return;
    else if (e->code < 0)
        run_stop(r, e->code, e->why->detail);
    else if (r->talk.settling)
        settled(r, e->answer);
    else if (r->talk.planned)
        changed(r, e->answer);
    else
        answered(r, e->answer);
}
