/* talk.c - one meter, command by command; see talk.h and run_inner.h.
 *
 * What the store remembers: a change is the row of a step that is called like the command, planned
 * before it is sent. The run is active exactly as long as such a row is planned, so whoever starts
 * a talk finds what an earlier one left. It is settled first. When the same is asked again, the
 * same bytes are sent, to which a meter that has executed them answers as it did then. Else the
 * meter is asked whether it has executed them, in words that begin nothing; what it has not is
 * given up: nobody wants it any more.
 */
#include "field/talk.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/talk_inner.h"
#include "meter-core/commands.h"

static const struct step step = {
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
};
static const struct step *const steps[] = {&step};

const struct procedure procedure_talk = {
    .id = "meter", .title = "One meter", .steps = steps, .n_steps = 1, .is_talk = true,
};

/* ---- begin and end ---- */

void talk_want_command(struct run *r)
{
    const struct step_question *q = &step.questions[0];

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

/* How the store calls the run: a job may have two meters, and a change was one's. */
static const char *run_name(const struct run *r, char *ret, size_t cap)
{
    snprintf(ret, cap, "%s %s", procedure_talk.id, r->job.meter_id);
    return ret;
}

/* Look among the jobs of the meter's tickets, old ones too, for a talk that was interrupted. */
static int find_interrupted(struct run *r, const struct ticket_row *rows, int n)
{
    const struct store_port *store = r->ports->store;
    char name[sizeof r->row.procedure];
    int code = 0;

    (void)run_name(r, name, sizeof name);
    for (int i = 0; i < n && code == 0; i++) {
        code = store->run_active(store->ctx, rows[i].job_id, name, &r->row);
        if (code == 1) {
            r->talk.stored = true;
            code = talk_go_over(r, rows[i].job_id);
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
        code = talk_go_over(r, rows[0].job_id);
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
    r->step = &step;
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
        run_say(r, "%s was begun and not answered: it is settled first",
                talk_name(r->talk.change_of));
    talk_want_command(r);
    return 0;
}

int talk_open_run(struct run *r)
{
    const struct store_port *store = r->ports->store;
    struct talk *t = &r->talk;
    struct run_row fresh = {.state = RUN_ACTIVE, .started_at_ms = run_utc_ms(r)};
    int code;

    if (t->stored && t->change.attempt == 0 &&
        memcmp(r->row.job_id, r->job.id, sizeof r->job.id) != 0)
        t->stored = false;      /* the run was another job's */
    if (!t->stored) {
        code = gf_uuid7(r->ports->clock, r->ports->random, fresh.id);
        if (code < 0)
            return code;
        memcpy(fresh.job_id, r->job.id, sizeof fresh.job_id);
        (void)run_name(r, fresh.procedure, sizeof fresh.procedure);
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
    r->reopen = !talk_allows(r, &r->ticket, talk_wanted(r));
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

int talk_build(const struct run *r, const struct talk_command *c, const struct talk_asked *asked,
                 struct talk_request *ret, struct gf_fail *why)
{
    *ret = (struct talk_request){
        .request = {.command = c->id, .which_body = talk_row(c->id)->body}};
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
        code = talk_look(r, c, why);
    if (code == 0)
        code = talk_build(r, c, &asked, &request, why);
    if (code == 0)
        code = keep_words(t, words, n, why);
    if (code < 0)
        return code;
    talk_want_command(r);
    if (!c->danger) {
        begin(r);
        return 0;
    }
    t->to_confirm = true;
    r->view.ask = ASK_WORD;
    r->view.ask_id = talk_name(c);
    snprintf(r->view.prompt, sizeof r->view.prompt,
             "%s: this is dangerous. Type the command's name.", c->title);
    gf_copy(r->view.help, sizeof r->view.help, c->help);
    gf_copy(r->view.word, sizeof r->view.word, talk_name(c));
    return 0;
}

int talk_confirm(struct run *r, const char *word, struct gf_fail *why)
{
    struct talk *t = &r->talk;

    if (!t->to_confirm)
        return gf_fail(why, GF_E_NOT_NOW, "command", "there is nothing to confirm");
    if (strcmp(word, r->view.word) != 0) {
        talk_want_command(r);
        return gf_fail(why, GF_E_ANSWER, talk_name(t->command),
                       "its name was to be typed; nothing was sent");
    }
    begin(r);
    return 0;
}

int talk_answer(struct run *r, const char *text)
{
    char line[TALK_TEXT_MAX];
    const char *words[TALK_WORDS_MAX + 1];
    struct gf_fail why = {0};
    size_t n = 0;
    int code;

    if (r->talk.to_confirm) {
        code = talk_confirm(r, text, &why);
    } else if (!gf_copy(line, sizeof line, text)) {
        code = gf_fail(&why, GF_E_SPACE, "command", "it is too long");
    } else {
        char *rest = line;

        for (char *word; n <= TALK_WORDS_MAX && (word = strtok_r(rest, " ", &rest)) != NULL;)
            words[n++] = word;
        code = talk_ask(r, words, n, &why);
    }
    r->view.fail = why;
    return code;
}

bool talk_stop(struct run *r)
{
    struct talk *t = &r->talk;

    if (t->to_confirm) {
        talk_want_command(r);
    } else if (t->under_way && r->wait == W_METER && r->purpose == FOR_STEP && t->all > 0) {
        t->stop = true;             /* a long read: after this page */
    } else if (t->under_way && r->view.phase == RUN_WORK) {
        meter_link_close(r->ml);
    } else if (r->view.phase == RUN_STOPPED) {
        talk_want_command(r);
    } else {
        return false;
    }
    return true;
}

/* ---- what faces ask ---- */

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
