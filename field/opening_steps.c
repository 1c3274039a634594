/* opening_steps.c - what is particular to each step of account opening; see opening.c. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/run_inner.h"
#include "meter-core/keys.h"
#include "meter-core/params.h"

#define CLOCK_OFF_MAX_S 2   /* of the meter's clock after it was set */

/* ---- scan, find, connect, handshake ---- */

void step_scan(struct run *r, const struct run_event *e)
{
    struct run_record room;
    struct outbox_new record;
    char label[GF_LABEL_TEXT];
    int n;

    if (e->kind == EV_ENTER) {
        run_ask(r);
        return;
    }
    n = gf_label_format(&r->label, label);
    if (n < 0) {
        run_stop(r, n, "the label cannot be kept");
        return;
    }
    if (!run_new_attempt(r))
        return;
    r->attempt.result_len = strlen(label);
    memcpy(r->attempt.result, label, r->attempt.result_len);
    n = run_record(r, &room, &record);
    if (n < 0 || !run_save(r, NULL, &record, (size_t)n))
        return;
    run_done(r, NULL, r->label.meter_id);
}

void step_say(struct run *r, const struct run_event *e)
{
    struct run_record room;
    struct outbox_new record;
    int n;

    if (e->kind == EV_ENTER) {
        run_ask(r);
        return;
    }
    if (!run_new_attempt(r))
        return;
    n = run_record(r, &room, &record);
    if (n >= 0 && run_save(r, NULL, &record, (size_t)n))
        run_done(r, NULL, r->answers);
}

/* The next start, or retry, begins with the scan again: another meter has to be found. */
static void back_to_scan(struct run *r, int code, const char *detail)
{
    uint32_t here = r->row.next_step;
    bool saved;

    r->row.next_step = 0;
    r->attempt.attempt++;
    r->attempt.state = STEP_REFUSED;
    saved = run_save(r, NULL, NULL, 0);
    r->row.next_step = here;
    if (!saved)
        return;
    r->retry_to = 0;
    run_stop(r, code, detail);
}

void step_find(struct run *r, const struct run_event *e)
{
    const struct store_port *store = r->ports->store;
    struct ticket_row ticket;
    char text[96];
    int code;

    (void)e;
    if (strcmp(r->label.meter_id, r->job.meter_id) != 0) {
        snprintf(text, sizeof text, "scanned %s, the job's meter is %s", r->label.meter_id,
                 r->job.meter_id);
        back_to_scan(r, GF_E_ID_MISMATCH, text);
        return;
    }
    code = store->meter(store->ctx, r->job.meter_id, &r->meter);
    if (code < 0) {
        run_stop(r, code, r->job.meter_id);
        return;
    }
    code = store->ticket(store->ctx, r->job.meter_id, r->job.id, 0, &ticket);
    if (code == GF_E_NO_TICKET && store->key_issue(store->ctx, r->job.meter_id, 0, &r->key) == 0)
        code = store->ticket(store->ctx, r->job.meter_id, r->job.id, r->key.epoch, &ticket);
    gf_wipe(&ticket, sizeof ticket);
    if (code < 0) {
        run_stop(r, code, r->job.meter_id);
        return;
    }
    run_line(r, "meter", "%s, type %u", r->meter.meter_id, r->meter.meter_type);
    run_line(r, "customer", "%s", r->job.customer_name);
    run_line(r, "supply point", "%s", r->job.supply_point);
    run_line(r, "address", "%s", r->job.address);
    run_done(r, "on-site", "registered, and the meter of this job");
}

void step_connect(struct run *r, const struct run_event *e)
{
    const struct mc_ctl *ctl = ml_ctl(r->ml);
    char text[64];

    (void)e;
    run_line(r, "meter", "%s, %s", ctl->meter_id, life_text((gasm_LifeState)ctl->life_state));
    run_line(r, "link", "ATT MTU %u, fragments of %u bytes", ml_mtu(r->ml), ctl->fragment_limit);
    snprintf(text, sizeof text, "connected, key epoch %u", ctl->active_epoch);
    run_done(r, NULL, text);
}

void step_handshake(struct run *r, const struct run_event *e)
{
    const gasm_Identity *id = &r->identity;
    char text[80];

    (void)e;
    if (id->account_no != 0 && id->account_no != r->job.account_no) {
        snprintf(text, sizeof text, "the meter has account %llu, the job says %llu",
                 (unsigned long long)id->account_no, (unsigned long long)r->job.account_no);
        run_stop(r, GF_E_JOB_STATE, text);
        return;
    }
    run_line(r, "state", "%s", life_text(id->state));
    run_line(r, "valve", "%s", valve_text(id->valve));
    run_line(r, "key epoch", "%u", id->active_epoch);
    run_line(r, "firmware", "%u.%u.%u", id->firmware >> 16, id->firmware >> 8 & 255,
             id->firmware & 255);
    run_line(r, "receipts made", "%llu", (unsigned long long)id->receipt_seq);
    snprintf(text, sizeof text, "proved by both sides: %s", life_text(id->state));
    run_done(r, NULL, text);
}

/* ---- key ---- */

static bool key_already(const struct run *r)
{
    return r->identity.state >= gasm_LifeState_KEYED && r->identity.active_epoch >= r->key.epoch;
}

static int key_build(struct run *r, gasm_Request *ret, struct gf_fail *why)
{
    gasm_InstallKey_envelope_t *to = &ret->body.install_key.envelope;

    if (r->key.envelope.size == 0)
        return gf_fail(why, GF_E_NO_TICKET, "key", "there is no key for this meter");
    to->size = r->key.envelope.size;
    memcpy(to->bytes, r->key.envelope.bytes, to->size);
    ret->which_body = gasm_Request_install_key_tag;
    return 0;
}

static int key_check(struct run *r, const gasm_Response *back, struct gf_fail *why)
{
    char text[64];

    run_line(r, "key epoch", "%u", back->body.identity.active_epoch);
    if (back->body.identity.active_epoch == r->key.epoch)
        return 0;
    snprintf(text, sizeof text, "active is %u, issued was %u", back->body.identity.active_epoch,
             r->key.epoch);
    return gf_fail(why, GF_E_REFUSED, "key", text);
}

/* The key above the meter's active epoch; read each time the step is entered, since it may have
 * come meanwhile. When there is none the active epoch is the one to have: right, if the meter has
 * its key, and else key_build() says so. */
void step_key(struct run *r, const struct run_event *e)
{
    const struct store_port *store = r->ports->store;
    uint32_t active = r->identity.active_epoch;
    int code;

    if (e->kind == EV_ENTER) {
        code = store->key_issue(store->ctx, r->job.meter_id, active, &r->key);
        if (code == GF_E_NO_TICKET)
            r->key = (sync_KeyIssue){.epoch = active};
        if (code < 0 && code != GF_E_NO_TICKET) {
            run_stop(r, code, "the key cannot be read");
            return;
        }
    }
    step_change(r, e);
}

/* ---- open account ---- */

static bool open_already(const struct run *r)
{
    return run_is_at(r, gasm_LifeState_KEYED);
}

static int open_build(struct run *r, gasm_Request *ret, struct gf_fail *why)
{
    (void)why;
    ret->which_body = gasm_Request_open_account_tag;
    ret->body.open_account.account_no = r->job.account_no;
    return 0;
}

static int open_check(struct run *r, const gasm_Response *back, struct gf_fail *why)
{
    char text[64];

    run_line(r, "account", "%llu", (unsigned long long)back->body.balance.account_no);
    if (back->body.balance.account_no == r->job.account_no)
        return 0;
    snprintf(text, sizeof text, "the meter has account %llu",
             (unsigned long long)back->body.balance.account_no);
    return gf_fail(why, GF_E_REFUSED, "account", text);
}

/* ---- zero-clear ---- */

static bool clear_already(const struct run *r)
{
    return run_is_at(r, gasm_LifeState_CLEARED);
}

static void clear_show(struct run *r, const gasm_Response *before)
{
    run_line(r, "residual", "%lld l", (long long)before->body.balance.residual_l);
    run_line(r, "index", "%llu l", (unsigned long long)before->body.balance.totals.index_l);
}

/* Names the residual that the screen showed: credit that came in between makes the meter refuse. */
static int clear_build(struct run *r, gasm_Request *ret, struct gf_fail *why)
{
    (void)why;
    ret->which_body = gasm_Request_zero_clear_tag;
    ret->body.zero_clear.residual_l = r->held.body.balance.residual_l;
    return 0;
}

static int clear_check(struct run *r, const gasm_Response *back, struct gf_fail *why)
{
    const gasm_Balance *b = &back->body.balance;

    run_line(r, "residual now", "%lld l", (long long)b->residual_l);
    run_line(r, "cleared in all", "%llu l", (unsigned long long)b->totals.cleared_l);
    if (b->residual_l <= 0 && b->state >= gasm_LifeState_CLEARED)
        return 0;
    return gf_fail(why, GF_E_REFUSED, "residual", "the meter still shows a residual");
}

/* ---- clock ---- */

static int clock_build(struct run *r, gasm_Request *ret, struct gf_fail *why)
{
    int64_t now = run_utc_ms(r) / 1000;
    char text[96], date[21];

    gf_utc_text(now > 0 ? now : 0, date);
    if (now < r->ticket.not_before_s || now > r->ticket.not_after_s) {
        snprintf(text, sizeof text, "%s is outside the time of the ticket that head office issued",
                 date);
        return gf_fail(why, GF_E_CLOCK, "clock", text);
    }
    ret->which_body = gasm_Request_set_clock_tag;
    ret->body.set_clock.utc_s = now;
    return 0;
}

static int clock_check(struct run *r, const gasm_Response *back, struct gf_fail *why)
{
    const gasm_Identity *id = &back->body.identity;
    int64_t off = id->clock_s - run_utc_ms(r) / 1000;
    char text[64], date[21];

    gf_utc_text(id->clock_s > 0 ? id->clock_s : 0, date);
    run_line(r, "meter's clock", "%s, off by %lld s", date, (long long)off);
    if (id->clock_valid && off >= -CLOCK_OFF_MAX_S && off <= CLOCK_OFF_MAX_S)
        return 0;
    snprintf(text, sizeof text, "the meter's clock is off by %lld s", (long long)off);
    (void)gf_fail(why, GF_E_REFUSED, "clock", text);
    return STEP_AGAIN;
}

/* ---- parameters ---- */

static const gasm_Parameter *find_param(const gasm_Parameters *all, uint32_t id)
{
    for (size_t i = 0; i < all->parameters_count; i++)
        if (all->parameters[i].id == id)
            return &all->parameters[i];
    return NULL;
}

/* Name, unit and value of one of the job's parameters beside what the meter has. */
static void param_line(struct run *r, const sync_Param *wanted, const gasm_Parameter *has)
{
    const struct mc_param_row *row = mc_param_row(wanted->id);
    char name[40];

    if (row != NULL)
        gf_copy(name, sizeof name, row->text);
    else
        snprintf(name, sizeof name, "parameter %u", wanted->id);
    if (has == NULL)
        run_line(r, name, "the meter does not have it; the job says %lld",
                 (long long)wanted->value);
    else
        run_line(r, name, "%lld, the job says %lld %s", (long long)has->value,
                 (long long)wanted->value, row != NULL ? row->unit : "");
}

static void params_show(struct run *r, const gasm_Response *before)
{
    for (size_t i = 0; i < r->job.parameters_count; i++)
        param_line(r, &r->job.parameters[i],
                   find_param(&before->body.parameters, r->job.parameters[i].id));
}

static int params_build(struct run *r, gasm_Request *ret, struct gf_fail *why)
{
    gasm_SetParameters *set = &ret->body.set_parameters;
    const gasm_Parameters *has = &r->held.body.parameters;

    (void)why;
    ret->which_body = gasm_Request_set_parameters_tag;
    if (r->job.parameters_count == 0) {     /* the meter wants to be told, even what it has */
        set->parameters_count = has->parameters_count;
        memcpy(set->parameters, has->parameters, sizeof set->parameters);
        return 0;
    }
    for (size_t i = 0; i < r->job.parameters_count; i++) {
        set->parameters[i].id = r->job.parameters[i].id;
        set->parameters[i].value = r->job.parameters[i].value;
    }
    set->parameters_count = r->job.parameters_count;
    return 0;
}

static int params_check(struct run *r, const gasm_Response *back, struct gf_fail *why)
{
    char text[80];

    for (size_t i = 0; i < r->job.parameters_count; i++) {
        const sync_Param *want = &r->job.parameters[i];
        const gasm_Parameter *has = find_param(&back->body.parameters, want->id);

        if (has != NULL && has->value == want->value)
            continue;
        param_line(r, want, has);
        snprintf(text, sizeof text, "parameter %u is not what the job says", want->id);
        (void)gf_fail(why, GF_E_REFUSED, "parameters", text);
        return STEP_AGAIN;
    }
    run_line(r, "parameters", "%u as the job says", (unsigned)r->job.parameters_count);
    return 0;
}

/* ---- read back, commission ---- */

static void show_balance(struct run *r, const gasm_Balance *b)
{
    run_line(r, "account", "%llu", (unsigned long long)b->account_no);
    run_line(r, "state", "%s", life_text(b->state));
    run_line(r, "valve", "%s", valve_text(b->valve));
    run_line(r, "index", "%llu l", (unsigned long long)b->totals.index_l);
    run_line(r, "purged", "%llu l", (unsigned long long)b->totals.purged_l);
    run_line(r, "residual", "%lld l", (long long)b->residual_l);
}

void step_read_back(struct run *r, const struct run_event *e)
{
    struct gf_fail why = {0};

    if (e->kind == EV_ENTER) {
        run_read(r, gasm_Command_READ_BALANCE);
        return;
    }
    if (e->answer->result != gasm_Refusal_OK) {
        run_refused(r, e->answer);
        return;
    }
    if (r->stage++ == 0) {
        show_balance(r, &e->answer->body.balance);
        if (e->answer->body.balance.account_no != r->job.account_no)
            run_stop(r, GF_E_REFUSED, "the account in the meter is not the job's");
        else
            run_read(r, gasm_Command_GET_PARAMETERS);
        return;
    }
    if (params_check(r, e->answer, &why) != 0) {
        run_stop(r, GF_E_REFUSED, why.detail);
        return;
    }
    run_done(r, NULL, "balance and parameters are as they must be");
}

static bool commission_already(const struct run *r)
{
    return run_is_at(r, gasm_LifeState_IN_SERVICE);
}

static int commission_build(struct run *r, gasm_Request *ret, struct gf_fail *why)
{
    (void)r;
    (void)ret;
    (void)why;
    return 0;
}

static int commission_check(struct run *r, const gasm_Response *back, struct gf_fail *why)
{
    show_balance(r, &back->body.balance);
    if (back->body.balance.state == gasm_LifeState_IN_SERVICE)
        return 0;
    return gf_fail(why, GF_E_REFUSED, "state", life_text(back->body.balance.state));
}

/* ---- the changes of the meter ---- */

#define C(name) gasm_Command_##name

const struct step_op opening_key_op = {
    C(INSTALL_KEY), C(COMMAND_NONE), C(COMMAND_NONE), key_already, NULL, key_build, key_check,
};
const struct step_op opening_open_op = {
    C(OPEN_ACCOUNT), C(COMMAND_NONE), C(READ_BALANCE), open_already, NULL, open_build, open_check,
};
const struct step_op opening_clear_op = {
    C(ZERO_CLEAR), C(READ_BALANCE), C(READ_BALANCE), clear_already, clear_show, clear_build,
    clear_check,
};
const struct step_op opening_clock_op = {
    C(SET_CLOCK), C(COMMAND_NONE), C(IDENTIFY), NULL, NULL, clock_build, clock_check,
};
const struct step_op opening_params_op = {
    C(SET_PARAMETERS), C(GET_PARAMETERS), C(GET_PARAMETERS), NULL, params_show, params_build,
    params_check,
};
const struct step_op opening_commission_op = {
    C(COMMISSION), C(COMMAND_NONE), C(READ_BALANCE), commission_already, NULL, commission_build,
    commission_check,
};
