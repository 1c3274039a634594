/* opening_office.c - the steps of account opening that are head office's; see run_inner.h. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/run_inner.h"
#include "meter-core/pb.h"

/* The certificate is made once every receipt is home; asked for this often, then it follows
 * later. */
#define CERTIFICATE_TRIES 8
#define CERTIFICATE_PAUSE_MS 1500

/* What a round that has ended (or not) says beyond the record's own verdict. True: the run
 * stopped. */
static bool office_stops(struct run *r)
{
    const struct gf_fail *why = &sync_view(r->sync)->fail;

    r->view.office_away = why->code != 0 || sync_rounds_ended(r->sync) < r->office_round;
    switch (why->code) {
    case GF_E_REVOKED:
    case GF_E_OFFICE_TLS:
    case GF_E_ACK_BAD:
    case GF_E_STORE:
    case GF_E_DISK_FULL:
        run_stop(r, why->code, why->detail);
        return true;
    default:
        return false;
    }
}

static void away_text(struct run *r, const char *what)
{
    const struct gf_fail *why = &sync_view(r->sync)->fail;

    run_say(r, "head office: %s",
            why->code != 0 ? gf_err_row(why->code)->what : "no answer in time");
    run_done(r, NULL, what);
}

/* ---- register ---- */

static bool plan_application(struct run *r)
{
    sync_Application app = sync_Application_init_zero;
    struct outbox_new item;
    int n;

    if (!run_new_attempt(r))
        return false;
    gf_copy(app.meter_id, sizeof app.meter_id, r->job.meter_id);
    gf_copy(app.supply_point, sizeof app.supply_point, r->job.supply_point);
    gf_copy(app.customer_no, sizeof app.customer_no, r->job.customer_no);
    gf_copy(app.customer_name, sizeof app.customer_name, r->job.customer_name);
    app.account_no = r->job.account_no;
    app.meter_type = r->identity.meter_type;
    app.function_state = (uint32_t)r->identity.state;
    app.key_epoch = r->identity.active_epoch;
    n = mc_pb_encode(sync_Application_fields, &app, r->attempt.request, sizeof r->attempt.request);
    if (n < 0) {
        run_stop(r, n, "the application is too long");
        return false;
    }
    r->attempt.request_len = (size_t)n;
    item = run_item(r, r->attempt.op_id, sync_ItemKind_APPLICATION);
    item.payload = r->attempt.request;
    item.payload_len = r->attempt.request_len;
    return run_save(r, NULL, &item, 1);
}

static void office_reason(const struct outbox_row *row, char *text, size_t cap)
{
    snprintf(text, cap, "%s%s%.120s", row->field, row->field[0] != '\0' ? ": " : "", row->reason);
}

/* A record that head office refused: the field and the reason stop the run. A retry makes a new
 * one. */
static void refused_by_office(struct run *r, const struct outbox_row *row)
{
    char text[sizeof r->view.fail.detail];

    office_reason(row, text, sizeof text);
    r->attempt.state = STEP_REFUSED;
    if (run_save(r, NULL, NULL, 0))
        run_stop(r, GF_E_OFFICE_REFUSED, text);
}

void step_register(struct run *r, const struct run_event *e)
{
    struct outbox_row row;

    if (e->kind == EV_ENTER) {
        if (r->attempt.state == STEP_PLANNED || plan_application(r))
            run_office(r);
        return;
    }
    if (run_outbox(r, r->attempt.op_id, &row) < 0)
        return;
    switch ((enum outbox_state)row.state) {
    case OUTBOX_APPLIED:
    case OUTBOX_DUPLICATE:
        r->view.office_away = false;
        run_done(r, NULL, "confirmed by head office");
        return;
    case OUTBOX_CONFLICT:
    case OUTBOX_QUARANTINED:
        refused_by_office(r, &row);
        return;
    case OUTBOX_HELD:
        run_say(r, "head office holds the application: %s", row.reason);
        run_done(r, NULL, "held by head office; the work goes on");
        return;
    case OUTBOX_PENDING:
    case OUTBOX_SENT:
        break;
    }
    if (!office_stops(r))
        away_text(r, "queued: head office is not reached, the work goes on");
}

/* ---- certificate ---- */

/* The sequence of the meter's last receipt: as heard in this process, or as the answer to the last
 * change said. */
static uint64_t last_receipt_seq(struct run *r)
{
    uint64_t last = r->identity.receipt_seq > r->known_seq ? r->identity.receipt_seq : r->known_seq;
    gasm_Response answer;
    struct step_row row;

    if (r->ports->store->step_last(r->ports->store->ctx, r->row.id, "commission", &row) > 0 &&
        mc_pb_decode(gasm_Response_fields, (struct gf_span){row.result, row.result_len}, &answer) ==
            0 &&
        answer.receipt_seq > last)
        last = answer.receipt_seq;
    return last;
}

static bool plan_job_done(struct run *r)
{
    sync_JobDone done = sync_JobDone_init_zero;
    struct outbox_new item;
    int n;

    if (!run_new_attempt(r))
        return false;
    gf_copy(done.outcome, sizeof done.outcome, "done");
    done.last_receipt_seq = last_receipt_seq(r);
    n = mc_pb_encode(sync_JobDone_fields, &done, r->attempt.request, sizeof r->attempt.request);
    if (n < 0) {
        run_stop(r, n, "the record of the job is too long");
        return false;
    }
    r->attempt.request_len = (size_t)n;
    item = run_item(r, r->attempt.op_id, sync_ItemKind_JOB_DONE);
    item.payload = r->attempt.request;
    item.payload_len = r->attempt.request_len;
    return run_save(r, NULL, &item, 1);
}

/* The certificate's text, a line of the view for each of its lines. */
static void show_certificate(struct run *r, const sync_Certificate *c)
{
    const char *at = c->text;

    run_line(r, "certificate", "%s", c->number);
    while (*at != '\0') {
        size_t n = strcspn(at, "\n");
        char line[RUN_LINE_LEN];

        snprintf(line, sizeof line, "%.*s", (int)(n < sizeof line ? n : sizeof line - 1), at);
        run_line(r, "", "%s", line);
        at += n + (at[n] == '\n');
    }
}

/* The application, sent or queued long before, may have been refused by now. A retry then registers
 * anew; the steps after it find that they are done. True: the run stopped. */
static bool application_refused(struct run *r)
{
    struct step_row step;
    struct outbox_row row;
    char text[sizeof r->view.fail.detail];
    int found = r->ports->store->step_last(r->ports->store->ctx, r->row.id, "register", &step);

    if (found > 0)
        found = run_outbox(r, step.op_id, &row);
    if (found > 0 && (row.state == OUTBOX_CONFLICT || row.state == OUTBOX_QUARANTINED)) {
        for (size_t i = 0; i < r->procedure->n_steps; i++)
            if (strcmp(r->procedure->steps[i]->id, "register") == 0)
                r->retry_to = i;
        office_reason(&row, text, sizeof text);
        run_stop(r, GF_E_OFFICE_REFUSED, text);
    }
    return r->view.phase == RUN_STOPPED;
}

static void look_for_certificate(struct run *r)
{
    sync_Certificate certificate;
    struct outbox_row row;
    int found = r->ports->store->certificate(r->ports->store->ctx, r->job.id, &certificate);
    char text[64];

    if (found < 0) {
        run_stop(r, found, "the certificate cannot be read");
        return;
    }
    if (found > 0) {
        show_certificate(r, &certificate);
        snprintf(text, sizeof text, "certificate %s", certificate.number);
        r->view.office_away = false;
        run_done(r, "done", text);
        return;
    }
    if (run_outbox(r, r->attempt.op_id, &row) < 0)
        return;
    if (row.state == OUTBOX_CONFLICT || row.state == OUTBOX_QUARANTINED) {
        refused_by_office(r, &row);
        return;
    }
    if (application_refused(r) || office_stops(r))
        return;
    if (r->view.office_away) {
        run_say(r, "head office is not reached: %llu records on this laptop only",
                (unsigned long long)sync_view(r->sync)->counts.waiting);
        run_done(r, "done", "queued: the certificate follows");
    } else if (++r->tries >= CERTIFICATE_TRIES) {
        run_done(r, "done", "head office has the records: the certificate follows");
    } else {
        run_wait(r, CERTIFICATE_PAUSE_MS);
    }
}

void step_certificate(struct run *r, const struct run_event *e)
{
    switch (e->kind) {
    case EV_ENTER:
        meter_link_close(r->ml);    /* the meter is done; others may have it */
        if (r->attempt.state == STEP_PLANNED || plan_job_done(r))
            run_office(r);
        return;
    case EV_OFFICE:
        look_for_certificate(r);
        return;
    case EV_TIME:
        run_office(r);
        return;
    case EV_ASKED:
    case EV_METER:
        return;
    }
}
