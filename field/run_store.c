/* run_store.c - what a run reads from the store and writes to it; see run_inner.h. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/run_inner.h"
#include "meter-core/keys.h"
#include "meter-core/pb.h"

static bool is_open(const sync_Job *job)
{
    return strcmp(job->state, "done") != 0 && strcmp(job->state, "unable") != 0 &&
           strcmp(job->state, "checked") != 0;
}

/* A run that was made for a job that is not open: put aside at once, so that nothing resumes it. */
static int refuse_job(struct run *r, struct gf_fail *why)
{
    struct step_row step = {.attempt = 1, .state = STEP_REFUSED};

    memcpy(step.run_id, r->row.id, sizeof step.run_id);
    gf_copy(step.step, sizeof step.step, "start");
    step.planned_at_ms = step.finished_at_ms = run_utc_ms(r);
    r->row.state = RUN_ABANDONED;
    (void)r->ports->store->step_save(r->ports->store->ctx, &step, &r->row, NULL, NULL, 0);
    return gf_fail(why, GF_E_JOB_STATE, r->job.number, r->job.state);
}

/* The label as it was scanned before the interruption. */
static int load_label(struct run *r)
{
    struct step_row row;
    char text[GF_LABEL_TEXT];
    int found = r->ports->store->step_last(r->ports->store->ctx, r->row.id, "scan", &row);

    if (found <= 0 || row.result_len >= sizeof text)
        return found < 0 ? found : 0;
    memcpy(text, row.result, row.result_len);
    text[row.result_len] = '\0';
    return gf_label_parse(text, &r->label, NULL) == 0 ? 0 : GF_E_STORE;
}

const char *run_receipts_step(const struct run *r, char ret[static STEP_ID_LEN + 1])
{
    snprintf(ret, STEP_ID_LEN + 1, STEP_RECEIPTS "%s", r->job.meter_id);
    return ret;
}

int run_load_meter(struct run *r)
{
    const struct store_port *store = r->ports->store;
    char name[STEP_ID_LEN + 1];
    int code = store->receipts_known(store->ctx, run_receipts_step(r, name), &r->known_seq);

    if (code < 0)
        return code;
    code = store->meter(store->ctx, r->job.meter_id, &r->meter);
    if (code == GF_E_UNREGISTERED)      /* the step that finds the meter says so */
        r->meter = (sync_MeterRow){0};
    else if (code < 0)
        return code;
    return 0;
}

int run_load(struct run *r, const char *job_number, struct gf_fail *why)
{
    const struct store_port *store = r->ports->store;
    struct run_row fresh = {.state = RUN_ACTIVE};
    int code = store->job(store->ctx, job_number, &r->job), resumed;

    if (code < 0)
        return gf_fail(why, code, "job", job_number);
    if (strcmp(r->job.kind, r->procedure->id) != 0)
        return gf_fail(why, GF_E_JOB_STATE, job_number, r->job.kind);
    code = gf_uuid7(r->ports->clock, r->ports->random, fresh.id);
    if (code < 0)
        return gf_fail(why, code, "run", "");
    memcpy(fresh.job_id, r->job.id, sizeof fresh.job_id);
    gf_copy(fresh.procedure, sizeof fresh.procedure, r->procedure->id);
    fresh.started_at_ms = run_utc_ms(r);
    resumed = store->run_open(store->ctx, &fresh, &r->row);
    if (resumed < 0)
        return gf_fail(why, resumed, "store", "the run cannot be opened");
    if (resumed == 0 && !is_open(&r->job))
        return refuse_job(r, why);
    code = run_load_meter(r);
    if (code == 0)
        code = load_label(r);
    if (code < 0)
        return gf_fail(why, code, "store", "the run cannot be read");
    return 0;
}

/* ---- writing ---- */

bool run_save_row(struct run *r, struct step_row *step, const char *job_state,
                  const struct outbox_new *items, size_t n)
{
    int code = r->procedure->is_talk ? talk_open_run(r) : 0;

    memcpy(step->run_id, r->row.id, sizeof step->run_id);
    if (step->planned_at_ms == 0)
        step->planned_at_ms = run_utc_ms(r);
    step->finished_at_ms = step->state == STEP_PLANNED ? 0 : run_utc_ms(r);
    if (code >= 0)
        code = r->ports->store->step_save(r->ports->store->ctx, step, &r->row, job_state, items, n);
    if (code >= 0)
        return true;
    run_stop(r, code, "the step's state could not be stored; nothing of it is half-done");
    return false;
}

bool run_save(struct run *r, const char *job_state, const struct outbox_new *items, size_t n)
{
    gf_copy(r->attempt.step, sizeof r->attempt.step, r->step->id);
    return run_save_row(r, &r->attempt, job_state, items, n);
}

bool run_new_attempt(struct run *r)
{
    struct step_row fresh = {.attempt = r->attempt.attempt + 1, .state = STEP_PLANNED};
    int code = gf_uuid7(r->ports->clock, r->ports->random, fresh.op_id);

    if (code < 0) {
        run_stop(r, code, "no operation id");
        return false;
    }
    r->attempt = fresh;
    return true;
}

struct outbox_new run_item(const struct run *r, const uint8_t id[static GF_UUID_LEN],
                           sync_ItemKind kind)
{
    struct outbox_new item = {.kind = kind, .made_at_ms = run_utc_ms(r)};

    memcpy(item.id, id, sizeof item.id);
    memcpy(item.job_id, r->job.id, sizeof item.job_id);
    memcpy(item.run_id, r->row.id, sizeof item.run_id);
    return item;
}

int run_record(struct run *r, struct run_record *room, struct outbox_new *ret)
{
    sync_StepRecord record = sync_StepRecord_init_zero;
    int n;

    if (r->answers[0] == '\0')
        return 0;
    gf_copy(record.step, sizeof record.step, r->step->id);
    gf_copy(record.text, sizeof record.text, r->answers);
    n = gf_uuid7(r->ports->clock, r->ports->random, room->id);
    if (n >= 0)
        n = mc_pb_encode(sync_StepRecord_fields, &record, room->payload, sizeof room->payload);
    if (n < 0) {
        run_stop(r, n, "the record of the answers cannot be made");
        return n;
    }
    *ret = run_item(r, room->id, sync_ItemKind_STEP_RECORD);
    ret->payload = room->payload;
    ret->payload_len = (size_t)n;
    return 1;
}

int run_outbox(struct run *r, const uint8_t id[static GF_UUID_LEN], struct outbox_row *ret)
{
    int found = r->ports->store->outbox_item(r->ports->store->ctx, id, ret);

    if (found < 0)
        run_stop(r, found, "a record for head office cannot be read");
    return found;
}

bool run_save_answer(struct run *r, struct step_row *row, const gasm_Response *answer)
{
    struct outbox_new item;
    struct outbox_row queued;
    gasm_Receipt receipt = {0};
    struct gf_span sealed = {answer->receipt.bytes, answer->receipt.size};
    size_t n_items = sealed.n > 0 ? 1 : 0;
    int n = mc_pb_encode(gasm_Response_fields, answer, row->result, sizeof row->result);

    if (n >= 0 && n_items > 0 &&
        (mc_receipt_peek(sealed, &receipt) < 0 || receipt.op_id.size != GF_UUID_LEN))
        n = GF_E_FORMAT;
    if (n < 0) {
        run_stop(r, n, "the meter's receipt cannot be read");
        return false;
    }
    row->result_len = (size_t)n;
    if (n_items > 0) {
        n = run_outbox(r, receipt.op_id.bytes, &queued);
        if (n < 0)
            return false;
        n_items = n > 0 ? 0 : 1;    /* of a repeat, or of an earlier operation: queued before */
    }
    if (n_items > 0) {
        item = run_item(r, receipt.op_id.bytes, sync_ItemKind_RECEIPT);
        item.receipt = sealed.p;
        item.receipt_len = sealed.n;
    }
    if (!run_save_row(r, row, NULL, &item, n_items))
        return false;
    if (n_items > 0 && receipt.seq == r->known_seq + 1)
        r->known_seq = receipt.seq;
    return true;
}
