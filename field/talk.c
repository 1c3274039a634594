/* talk.c - one meter, command by command; see talk.h and run_inner.h.
 *
 * What the store remembers: a change is the row of a step that is called like the command, planned
 * before it is sent. The run is active exactly as long as such a row is planned, so whoever starts
 * a talk finds what an earlier one left. It is settled first: the receipts that the meter made
 * meanwhile tell whether it was executed. If so, or if the same is asked again, the same bytes are
 * sent, to which a meter that has executed them answers as it did then. Else it is given up: it was
 * not done, and nobody wants it any more.
 */
#include "field/talk.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/run_inner.h"
#include "meter-core/commands.h"
#include "meter-core/keys.h"
#include "meter-core/pb.h"

#define TICKETS 16              /* the newest of a meter; older ones are of jobs long done */

static void step_talk(struct run *r, const struct run_event *e);

static const struct step steps[] = {{
    .id = "talk",
    .title = "Talk to the meter",
    .needs = NEEDS_SESSION | NEEDS_ANSWER,
    .questions = {{"command", ASK_COMMAND, "Which command?", "A command of the meter's table, with "
                   "its arguments.", NULL}},
    .verified = "The meter's answer, in a session that both sides have proved.",
    .refusal = "The meter does not take the command from this ticket, or in its state.",
    .help = "Each command is one question to the meter, and one answer.",
    .own_failures = true,
    .on = step_talk,
}};

const struct procedure procedure_talk = {
    .id = "meter", .title = "One meter", .steps = steps, .n_steps = 1, .is_talk = true,
};

/* ---- tickets ---- */

static bool allows(const struct run *r, const gasm_Ticket *t, const struct talk_command *c)
{
    const struct mc_command_row *row = talk_row(c->id);
    bool in_service = r->identity.state == gasm_LifeState_IN_SERVICE;

    if (row->handler == NULL || (t->epoch == 0 && (row->needs & MC_MAY_FACTORY) == 0))
        return false;
    if (in_service && row->service_right != MC_RIGHT_ANY && (t->rights >> row->service_right & 1) == 0)
        return false;
    return row->right == MC_RIGHT_ANY || (t->rights >> row->right & 1) != 0;
}

/* The tickets of the talk's meter that are good now, decoded. How many, or GF_E_*. */
static int good_tickets(const struct run *r, struct ticket_row rows[static TICKETS],
                        gasm_Ticket tickets[static TICKETS])
{
    const struct store_port *store = r->ports->store;
    int n = store->tickets(store->ctx, r->job.meter_id, run_utc_ms(r) / 1000, rows, TICKETS);
    int kept = 0;

    for (int i = 0; i < n; i++) {
        struct gf_span bytes = {rows[i].ticket, rows[i].ticket_len};

        if (mc_ticket_decode(bytes, &tickets[kept]) == 0)
            rows[kept++] = rows[i];
    }
    return n < 0 ? n : kept;
}

/* Which of them is best for the command: the present job's before others, the newest first. Under
 * epoch 0, the factory's, also one of a key that the meter has and not used yet. -1: none. */
static int choose(const struct run *r, const struct ticket_row *rows, const gasm_Ticket *tickets,
                  int n, int64_t epoch, const struct talk_command *c)
{
    int best = -1, best_rank = 0;

    for (int i = 0; i < n; i++) {
        bool fits = epoch < 0 || tickets[i].epoch == epoch;
        int rank = (fits ? 4 : epoch == 0 ? 2 : 0);

        if (rank == 0 || !allows(r, &tickets[i], c))
            continue;
        rank += memcmp(rows[i].job_id, r->job.id, sizeof rows[i].job_id) == 0 ? 1 : 0;
        if (rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

static int no_right(const struct talk_command *c, const gasm_Ticket *tickets, int n,
                    struct gf_fail *why)
{
    char text[sizeof why->detail];
    size_t at;
    uint32_t rights = 0;
    const char *between = "";

    for (int i = 0; i < n; i++)
        rights |= tickets[i].rights;
    at = (size_t)snprintf(text, sizeof text, "%s needs %s; the tickets here give ", talk_name(c),
                          talk_right(c));
    for (unsigned i = 0; i < 32; i++) {
        if ((rights >> i & 1) == 0 || at >= sizeof text - 16)
            continue;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", between, right_text(i));
        between = ", ";
    }
    return gf_fail(why, GF_E_RIGHT, talk_name(c), text);
}

/* The command that the next exchange is for: what is to be settled comes first. */
static const struct talk_command *wanted(const struct run *r)
{
    return r->talk.planned ? r->talk.change_of : r->talk.command;
}

/* Go over to the job of a ticket: its records are of that job. The meter stays the same one: a swap
 * has two. */
static int go_over(struct run *r, const uint8_t job_id[static GF_UUID_LEN])
{
    const struct store_port *store = r->ports->store;
    char meter_id[GF_METER_ID_TEXT];
    int code;

    if (memcmp(r->job.id, job_id, sizeof r->job.id) == 0)
        return 0;
    gf_copy(meter_id, sizeof meter_id, r->job.meter_id);
    code = store->job_of(store->ctx, job_id, &r->job);
    gf_copy(r->job.meter_id, sizeof r->job.meter_id, meter_id);
    gf_copy(r->view.job, sizeof r->view.job, r->job.number);
    return code;
}

int talk_ticket(struct run *r, uint32_t epoch, struct ticket_row *ret, struct gf_fail *why)
{
    struct ticket_row rows[TICKETS];
    gasm_Ticket tickets[TICKETS];
    int n = good_tickets(r, rows, tickets), best, code;

    *ret = (struct ticket_row){0};
    if (n < 0)
        return gf_fail(why, n, "store", "the tickets cannot be read");
    best = choose(r, rows, tickets, n, epoch, wanted(r));
    if (best < 0)       /* what is to be settled cannot be asked any more: look with another */
        best = choose(r, rows, tickets, n, epoch, r->talk.command);
    if (best < 0) {
        code = no_right(r->talk.command, tickets, n, why);
    } else {
        code = go_over(r, rows[best].job_id);
        *ret = rows[best];
    }
    gf_wipe(rows, sizeof rows);
    return code;
}

/* Before the radio is used: does any ticket give the right? 0, or GF_E_* with *why. */
static int look_for_ticket(struct run *r, const struct talk_command *c, struct gf_fail *why)
{
    struct ticket_row rows[TICKETS];
    gasm_Ticket tickets[TICKETS];
    int n = good_tickets(r, rows, tickets), best = choose(r, rows, tickets, n, -1, c);

    gf_wipe(rows, sizeof rows);
    if (n < 0)
        return gf_fail(why, n, "store", "the tickets cannot be read");
    if (n == 0)
        return gf_fail(why, GF_E_NO_TICKET, "meter", r->job.meter_id);
    return best < 0 ? no_right(c, tickets, n, why) : 0;
}

/* ---- begin and end ---- */

static void want_command(struct run *r)
{
    const struct step_question *q = &steps[0].questions[0];

    r->talk.under_way = r->talk.to_confirm = false;
    r->view.phase = RUN_ASK;
    r->view.ask = q->ask;
    r->view.ask_id = q->id;
    gf_copy(r->view.prompt, sizeof r->view.prompt, q->prompt);
    gf_copy(r->view.help, sizeof r->view.help, q->help);
    r->view.word[0] = '\0';
    r->wait = W_ANSWER;
}

/* The change that an earlier talk planned, whose answer is not here. 1, 0, or GF_E_*. */
static int find_planned(struct run *r)
{
    const struct store_port *store = r->ports->store;
    struct talk *t = &r->talk;
    size_t n;
    const struct talk_command *all = talk_commands(&n);
    int found = 0;

    for (size_t i = 0; i < n && found >= 0 && !t->planned; i++) {
        if (!talk_changes(&all[i]))
            continue;
        found = store->step_last(store->ctx, r->row.id, talk_name(&all[i]), &t->change);
        t->planned = found > 0 && t->change.state == STEP_PLANNED;
        t->change_of = &all[i];
    }
    return found < 0 ? found : t->planned;
}

/* Look among the jobs of the meter's tickets, old ones too, for a talk that was interrupted. */
static int find_interrupted(struct run *r, const struct ticket_row *rows, int n)
{
    const struct store_port *store = r->ports->store;
    int code = 0;

    for (int i = 0; i < n && code == 0; i++) {
        code = store->run_active(store->ctx, rows[i].job_id, procedure_talk.id, &r->row);
        if (code == 1) {
            r->talk.stored = true;
            code = go_over(r, rows[i].job_id);
            return code < 0 ? code : find_planned(r);
        }
    }
    return code;
}

/* The job whose tickets come first, and the meter. */
static int find_job(struct run *r, const char *meter_id, const char *job, struct gf_fail *why)
{
    const struct store_port *store = r->ports->store;
    struct ticket_row rows[TICKETS];
    int n, code = 0;

    r->job = (sync_Job){0};
    if (job != NULL && (code = store->job(store->ctx, job, &r->job)) < 0)
        return gf_fail(why, code, "job", job);
    if (meter_id == NULL && job == NULL)
        return gf_fail(why, GF_E_USAGE, "meter", "say which, or for which job");
    if (meter_id != NULL && job != NULL && strcmp(meter_id, r->job.meter_id) != 0 &&
        strcmp(meter_id, r->job.old_meter_id) != 0)
        return gf_fail(why, GF_E_ID_MISMATCH, "meter", meter_id);
    if (meter_id != NULL)
        gf_copy(r->job.meter_id, sizeof r->job.meter_id, meter_id);
    n = store->tickets(store->ctx, r->job.meter_id, 0, rows, TICKETS);
    if (n > 0 && job == NULL)
        code = go_over(r, rows[0].job_id);
    if (n > 0 && code == 0)
        code = find_interrupted(r, rows, n);
    gf_wipe(rows, sizeof rows);
    if (n == 0)
        return gf_fail(why, GF_E_NO_TICKET, "meter", r->job.meter_id);
    return n < 0 || code < 0 ? gf_fail(why, n < 0 ? n : code, "store", "the tickets cannot be read")
                             : 0;
}

int talk_start(struct run *r, const char *meter_id, const char *job, const char *address,
               struct gf_fail *why)
{
    int code = run_idle(r, why);

    if (code < 0)
        return code;
    run_fresh(r, &procedure_talk);
    r->step = &steps[0];
    r->talk = (struct talk){0};
    r->row = (struct run_row){0};
    code = find_job(r, meter_id, job, why);
    if (code < 0)
        return code;
    if (!r->talk.stored)
        code = gf_uuid7(r->ports->clock, r->ports->random, r->row.id);
    if (code == 0)
        code = run_load_meter(r);
    if (code < 0)
        return gf_fail(why, code, "talk", r->job.meter_id);
    if (address != NULL)
        gf_copy(r->label.address, sizeof r->label.address, address);
    gf_copy(r->view.job, sizeof r->view.job, r->job.number);
    gf_copy(r->view.meter_id, sizeof r->view.meter_id, r->job.meter_id);
    gf_copy(r->view.title, sizeof r->view.title, procedure_talk.title);
    if (r->talk.planned)
        run_say(r, "%s was begun and not answered: it is settled first", talk_name(r->talk.change_of));
    want_command(r);
    return 0;
}

int talk_open_run(struct run *r)
{
    const struct store_port *store = r->ports->store;
    struct talk *t = &r->talk;
    struct run_row fresh = {.state = RUN_ACTIVE, .started_at_ms = run_utc_ms(r)};
    int code;

    if (t->stored && memcmp(r->row.job_id, r->job.id, sizeof r->job.id) != 0 && t->change.attempt == 0)
        t->stored = false;      /* the run was another job's */
    if (!t->stored) {
        code = gf_uuid7(r->ports->clock, r->ports->random, fresh.id);
        if (code < 0)
            return code;
        memcpy(fresh.job_id, r->job.id, sizeof fresh.job_id);
        gf_copy(fresh.procedure, sizeof fresh.procedure, procedure_talk.id);
        code = store->run_open(store->ctx, &fresh, &r->row);
        if (code < 0)
            return code;
        t->stored = true;
    }
    r->row.state = t->planned ? RUN_ACTIVE : RUN_DONE;
    return 0;
}

/* ---- asking ---- */

static void begin(struct run *r)
{
    struct talk *t = &r->talk;

    t->under_way = true;
    t->to_confirm = t->stop = false;
    t->read = t->all = 0;
    r->view.message[0] = '\0';
    r->reopen = !allows(r, &r->ticket, wanted(r));
    run_go(r, 0);
}

/* Keep the words: those of the caller may go. */
static int keep_words(struct talk *t, const char *const *words, size_t n, struct gf_fail *why)
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(words[i]) + 1;

        if (len > sizeof t->text - used)
            return gf_fail(why, GF_E_SPACE, "command", "its arguments are too long");
        t->words[i] = memcpy(t->text + used, words[i], len);
        used += len;
    }
    t->n_words = n;
    return talk_sort(t->words, n, &t->command, &t->asked, why);
}

static int build(const struct run *r, const struct talk_command *c, const struct talk_asked *asked,
                 struct talk_request *ret, struct gf_fail *why)
{
    *ret = (struct talk_request){.request = {.command = c->id}};
    return c->build != NULL ? c->build(r, asked, ret, why) : 0;
}

int talk_ask(struct run *r, const char *const *words, size_t n, struct gf_fail *why)
{
    struct talk *t = &r->talk;
    const struct talk_command *c;
    struct talk_asked asked;
    struct talk_request request;
    int code;

    if (!r->procedure->is_talk || (t->under_way && r->view.phase != RUN_STOPPED) || r->leaving)
        return gf_fail(why, GF_E_NOT_NOW, "command", "another command is under way");
    code = talk_sort(words, n, &c, &asked, why);
    if (code == 0)
        code = look_for_ticket(r, c, why);
    if (code == 0)
        code = build(r, c, &asked, &request, why);
    if (code == 0)
        code = keep_words(t, words, n, why);
    if (code < 0)
        return code;
    want_command(r);
    if (!c->danger) {
        begin(r);
        return 0;
    }
    t->to_confirm = true;
    r->view.ask = ASK_WORD;
    r->view.ask_id = talk_name(c);
    snprintf(r->view.prompt, sizeof r->view.prompt, "%s: %.110s Type the command's name.", c->title,
             c->help);
    gf_copy(r->view.word, sizeof r->view.word, talk_name(c));
    return 0;
}

int talk_confirm(struct run *r, const char *word, struct gf_fail *why)
{
    struct talk *t = &r->talk;

    if (!t->to_confirm)
        return gf_fail(why, GF_E_NOT_NOW, "command", "there is nothing to confirm");
    if (strcmp(word, r->view.word) != 0) {
        want_command(r);
        return gf_fail(why, GF_E_ANSWER, talk_name(t->command),
                       "its name was to be typed; nothing was sent");
    }
    begin(r);
    return 0;
}

int talk_answer(struct run *r, const char *text)
{
    char line[TALK_TEXT_MAX];
    const char *words[TALK_WORDS + 1];
    struct gf_fail why = {0};
    size_t n = 0;
    int code;

    if (r->talk.to_confirm) {
        code = talk_confirm(r, text, &why);
    } else if (!gf_copy(line, sizeof line, text)) {
        code = gf_fail(&why, GF_E_SPACE, "command", "it is too long");
    } else {
        char *rest = line;

        for (char *word; n <= TALK_WORDS && (word = strtok_r(rest, " ", &rest)) != NULL;)
            words[n++] = word;
        code = talk_ask(r, words, n, &why);
    }
    r->view.fail = why;
    return code;
}

void talk_stop(struct run *r)
{
    struct talk *t = &r->talk;

    if (t->to_confirm) {
        want_command(r);
    } else if (t->under_way && r->wait == W_METER && r->purpose == FOR_STEP && t->all > 0) {
        t->stop = true;             /* a long read: after this page */
    } else if (t->under_way && r->view.phase == RUN_WORK) {
        meter_link_close(r->ml);
    } else if (r->view.phase == RUN_STOPPED) {
        want_command(r);
    }
}

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
    want_command(r);
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

/* Is what was planned what is asked now? A clock that is set to the present time is another one each
 * time, and still the same wish. */
static bool asked_again(const struct run *r)
{
    const struct talk *t = &r->talk;

    if (t->change_of != t->command)
        return false;
    return same_request(&t->change, &t->built) ||
           (t->command->id == gasm_Command_SET_CLOCK && t->asked.value[0] == NULL);
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
    if (!run_plan(r, &t->change, &t->built.request) || !run_save_row(r, &t->change, NULL, NULL, 0)) {
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
    r->identity.allowed = 0;        /* of before */
    tell_answer(r, a);
    receipt_text(a, text, sizeof text);
    if (!ok)
        refused(r, a);
    else
        finish(r, text);
}

/* ---- settling ---- */

static void act(struct run *r);

/* 1: the planned change has its receipt; 0: it has none, as far as can be known; or stopped. */
static int executed(struct run *r)
{
    struct outbox_row row;

    return run_outbox(r, r->talk.change.op_id, &row);
}

static void settle(struct run *r)
{
    struct talk *t = &r->talk;
    bool again, may = allows(r, &r->ticket, t->change_of);
    int was = executed(r);

    if (was < 0)
        return;
    again = asked_again(r);
    if (may && (was > 0 || again)) {
        t->settling = !again;
        run_send(r, &t->change, false);
        return;
    }
    if (!end_change(r, NULL, was > 0 ? STEP_DONE : STEP_REFUSED))
        return;
    run_say(r, was > 0 ? "%s: the meter had done it" : "%s: it was not done, and is given up",
            talk_name(t->change_of));
    act(r);
}

/* The answer to an earlier change: stored, told, and then what was asked. */
static void settled(struct run *r, const gasm_Response *a)
{
    struct talk *t = &r->talk;

    if (!end_change(r, a, a->result == gasm_Refusal_OK ? STEP_DONE : STEP_REFUSED))
        return;
    t->settling = false;
    run_say(r, "%s, begun before: %s", talk_name(t->change_of), refusal_text(a->result));
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

/* Ask for the page from this entry on. */
static void ask_page(struct run *r, uint64_t from)
{
    gasm_Request *q = &r->talk.built.request;

    if (q->which_body == gasm_Request_read_history_tag)
        q->body.read_history.from_no = (uint32_t)from;
    else if (q->which_body == gasm_Request_read_purchases_tag)
        q->body.read_purchases.from_no = (uint32_t)from;
    else if (q->which_body == gasm_Request_read_events_tag)
        q->body.read_events.from_no = (uint32_t)from;
    else
        q->body.read_receipts.from_seq = from;
    run_ask_meter(r, q, false);
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
    if (p->n > 0 && p->end < p->last && !t->stop) {
        ask_page(r, p->end + 1);
        return;
    }
    snprintf(text, sizeof text, "%u entries", t->read);
    if (t->stop && t->read < t->all)
        run_stop(r, GF_E_CANCELLED, text);
    else
        finish(r, text);
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

    if (!allows(r, &r->ticket, t->command)) {
        r->reopen = true;
        run_again(r);
        return;
    }
    code = build(r, t->command, &t->asked, &t->built, &why);
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
    if (build(r, t->command, &t->asked, &t->built, &why) < 0)
        run_stop(r, why.code, why.detail);
    else
        settle(r);
}

static void step_talk(struct run *r, const struct run_event *e)
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

/* ---- what faces ask ---- */

enum talk_may talk_may(const struct run *r, const struct talk_command *c)
{
    struct ticket_row rows[TICKETS];
    gasm_Ticket tickets[TICKETS];
    int n;

    if (r->ticket.rights != 0 && allows(r, &r->ticket, c) && r->identity.allowed != 0)
        return (r->identity.allowed >> c->id & 1) != 0 ? TALK_ALLOWED : TALK_NOT_IN_STATE;
    n = good_tickets(r, rows, tickets);
    gf_wipe(rows, sizeof rows);
    return choose(r, rows, tickets, n, -1, c) >= 0 ? TALK_HAS_TICKET : TALK_NO_TICKET;
}

void talk_progress(const struct run *r, uint32_t *ret_read, uint32_t *ret_all)
{
    *ret_read = r->talk.read;
    *ret_all = r->talk.all;
}

bool talk_monthly(const struct run *r)
{
    const gasm_Request *q = &r->talk.built.request;

    return q->which_body == gasm_Request_read_history_tag && q->body.read_history.monthly;
}

const struct talk_command *talk_command(const struct run *r)
{
    return r->talk.command;
}
