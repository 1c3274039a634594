/* field_store.c - the store port in memory; see field_store.h. */
#include "tests/aid/field_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"

static bool same_id(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, GF_UUID_LEN) == 0;
}

/* Room for one more in an array of the store; the tests never fill one. */
#define NEXT(array, n) (assert((n) < sizeof(array) / sizeof *(array)), &(array)[(n)++])

static int jobs(void *ctx, const struct job_query *q, sync_Job *ret, size_t cap)
{
    struct field_store *s = ctx;
    size_t n = 0;

    (void)q;
    for (size_t i = 0; i < s->data.n_jobs && n < cap; i++)
        ret[n++] = s->data.jobs[i];
    return (int)n;
}

static int job(void *ctx, const char *number, sync_Job *ret)
{
    struct field_store *s = ctx;

    for (size_t i = 0; i < s->data.n_jobs; i++) {
        if (strcmp(s->data.jobs[i].number, number) == 0) {
            *ret = s->data.jobs[i];
            return 0;
        }
    }
    return s->fate->dead ? GF_E_STORE : GF_E_NO_JOB;
}

static int job_of(void *ctx, const uint8_t id[static 16], sync_Job *ret)
{
    struct field_store *s = ctx;

    for (size_t i = 0; i < s->data.n_jobs; i++) {
        if (same_id(s->data.jobs[i].id, id)) {
            *ret = s->data.jobs[i];
            return 0;
        }
    }
    return s->fate->dead ? GF_E_STORE : GF_E_NO_JOB;
}

static int meter(void *ctx, const char *meter_id, sync_MeterRow *ret)
{
    struct field_store *s = ctx;

    for (size_t i = 0; i < s->data.n_meters; i++) {
        if (strcmp(s->data.meters[i].meter_id, meter_id) == 0) {
            *ret = s->data.meters[i];
            return 0;
        }
    }
    return GF_E_UNREGISTERED;
}

static struct ticket_row ticket_row(const sync_TicketGrant *t)
{
    struct ticket_row row = {
        .ticket_len = t->ticket.size, .epoch = t->epoch, .not_after_s = t->not_after_s};

    memcpy(row.job_id, t->job_id, sizeof row.job_id);
    memcpy(row.ticket, t->ticket.bytes, t->ticket.size);
    memcpy(row.key, t->ticket_key, sizeof row.key);
    return row;
}

static int ticket(void *ctx, const char *meter_id, const uint8_t *job_id, uint32_t epoch,
                  struct ticket_row *ret)
{
    struct field_store *s = ctx;

    for (size_t i = s->data.n_tickets; i-- > 0;) {
        const sync_TicketGrant *t = &s->data.tickets[i];

        if (strcmp(t->meter_id, meter_id) != 0 || t->epoch != epoch ||
            (job_id != NULL && !same_id(t->job_id, job_id)))
            continue;
        *ret = ticket_row(t);
        return 0;
    }
    return GF_E_NO_TICKET;
}

static int tickets(void *ctx, const char *meter_id, int64_t at_s, struct ticket_row *ret,
                   size_t cap)
{
    struct field_store *s = ctx;
    size_t n = 0;

    for (size_t i = s->data.n_tickets; i-- > 0 && n < cap;) {
        const sync_TicketGrant *t = &s->data.tickets[i];

        if (strcmp(t->meter_id, meter_id) == 0 && t->not_after_s >= at_s)
            ret[n++] = ticket_row(t);
    }
    return (int)n;
}

static int key_issue(void *ctx, const char *meter_id, uint32_t epoch_above, sync_KeyIssue *ret)
{
    struct field_store *s = ctx;

    for (size_t i = 0; i < s->data.n_keys; i++) {
        if (strcmp(s->data.keys[i].meter_id, meter_id) == 0 &&
            s->data.keys[i].epoch > epoch_above) {
            *ret = s->data.keys[i];
            return 0;
        }
    }
    return GF_E_NO_TICKET;
}

static int swap_issue(void *ctx, const char *old_meter_id, uint32_t wrap_epoch,
                      sync_SwapIssue *ret)
{
    struct field_store *s = ctx;

    for (size_t i = s->data.n_swaps; i-- > 0;) {
        if (strcmp(s->data.swaps[i].old_meter_id, old_meter_id) == 0 &&
            s->data.swaps[i].wrap_epoch == wrap_epoch) {
            *ret = s->data.swaps[i];
            return 1;
        }
    }
    return 0;
}

static int token_issue(void *ctx, const char *meter_id, uint32_t epoch, sync_TokenIssue *ret)
{
    struct field_store *s = ctx;

    for (size_t i = s->data.n_tokens; i-- > 0;) {
        if (strcmp(s->data.tokens[i].meter_id, meter_id) == 0 && s->data.tokens[i].epoch == epoch) {
            *ret = s->data.tokens[i];
            return 1;
        }
    }
    return 0;
}

static int certificate(void *ctx, const uint8_t job_id[static 16], sync_Certificate *ret)
{
    struct field_store *s = ctx;

    for (size_t i = 0; i < s->data.n_certificates; i++) {
        if (same_id(s->data.certificates[i].job_id, job_id)) {
            *ret = s->data.certificates[i];
            return 1;
        }
    }
    return 0;
}

/* ---- runs and steps ---- */

static int run_active(void *ctx, const uint8_t job_id[static 16], const char *procedure,
                      struct run_row *ret)
{
    struct field_store *s = ctx;

    for (size_t i = 0; i < s->data.n_runs; i++) {
        const struct run_row *r = &s->data.runs[i];

        if (r->state == RUN_ACTIVE && same_id(r->job_id, job_id) &&
            strcmp(r->procedure, procedure) == 0) {
            *ret = *r;
            return 1;
        }
    }
    return s->fate->dead ? GF_E_STORE : 0;
}

static int run_open(void *ctx, const struct run_row *fresh, struct run_row *ret)
{
    struct field_store *s = ctx;
    int found = run_active(ctx, fresh->job_id, fresh->procedure, ret);

    if (found != 0)
        return found;
    *NEXT(s->data.runs, s->data.n_runs) = *fresh;
    *ret = *fresh;
    return 0;
}

static int receipts_known(void *ctx, const char *step, uint64_t *ret)
{
    struct field_store *s = ctx;

    *ret = 0;
    for (size_t i = 0; i < s->data.n_steps; i++)
        if (strcmp(s->data.steps[i].step, step) == 0 && s->data.steps[i].base_seq > *ret)
            *ret = s->data.steps[i].base_seq;
    return s->fate->dead ? GF_E_STORE : 0;
}

static int step_last(void *ctx, const uint8_t run_id[static 16], const char *step,
                     struct step_row *ret)
{
    struct field_store *s = ctx;
    const struct step_row *best = NULL;

    for (size_t i = 0; i < s->data.n_steps; i++) {
        const struct step_row *at = &s->data.steps[i];

        if (same_id(at->run_id, run_id) && strcmp(at->step, step) == 0 &&
            (best == NULL || at->attempt > best->attempt))
            best = at;
    }
    if (best == NULL)
        return s->fate->dead ? GF_E_STORE : 0;
    *ret = *best;
    return 1;
}

static struct outbox_row *find_item(struct field_store *s, const uint8_t *id)
{
    for (size_t i = 0; i < s->data.n_outbox; i++)
        if (same_id(s->data.outbox[i].id, id))
            return &s->data.outbox[i];
    return NULL;
}

static sync_Item decode_item(const struct outbox_row *row)
{
    sync_Item item;
    int code = mc_pb_decode(sync_Item_fields, (struct gf_span){row->bytes, row->len}, &item);

    assert(code == 0);
    return item;
}

static bool same_content(const struct outbox_row *row, const struct outbox_new *n)
{
    sync_Item item = decode_item(row);

    return (uint32_t)item.kind == n->kind && same_id(item.job_id, n->job_id) &&
           same_id(item.run_id, n->run_id) && item.payload.size == n->payload_len &&
           item.receipt.size == n->receipt_len &&
           (n->payload_len == 0 || memcmp(item.payload.bytes, n->payload, n->payload_len) == 0) &&
           (n->receipt_len == 0 || memcmp(item.receipt.bytes, n->receipt, n->receipt_len) == 0);
}

static void add_item(struct field_store *s, const struct outbox_new *n)
{
    struct outbox_row *row;
    sync_Item item = sync_Item_init_zero;
    struct gf_span part;
    int len;

    if (find_item(s, n->id) != NULL)
        return;
    if (s->data.n_outbox > 0)
        memcpy(item.prev_hash, s->data.outbox[s->data.n_outbox - 1].hash, sizeof item.prev_hash);
    row = NEXT(s->data.outbox, s->data.n_outbox);
    *row = (struct outbox_row){.seq = s->data.n_outbox, .made_at_ms = n->made_at_ms};
    memcpy(row->id, n->id, sizeof row->id);
    memcpy(item.id, n->id, sizeof item.id);
    memcpy(item.job_id, n->job_id, sizeof item.job_id);
    memcpy(item.run_id, n->run_id, sizeof item.run_id);
    item.seq = row->seq;
    item.kind = (sync_ItemKind)n->kind;
    item.made_at_ms = n->made_at_ms;
    item.payload.size = (pb_size_t)n->payload_len;
    item.receipt.size = (pb_size_t)n->receipt_len;
    if (n->payload_len > 0)
        memcpy(item.payload.bytes, n->payload, n->payload_len);
    if (n->receipt_len > 0)
        memcpy(item.receipt.bytes, n->receipt, n->receipt_len);
    len = mc_pb_encode(sync_Item_fields, &item, row->bytes, sizeof row->bytes);
    assert(len > 0);
    row->len = (size_t)len;
    part = (struct gf_span){row->bytes, row->len};
    len = mc_crypto_openssl()->sha256(mc_crypto_openssl()->ctx, &part, 1, row->hash);
    assert(len == 0);
}

/* The row of this attempt, or a new one; NULL when its operation id is another. */
static struct step_row *place_of(struct field_store *s, const struct step_row *step)
{
    for (size_t i = 0; i < s->data.n_steps; i++) {
        struct step_row *at = &s->data.steps[i];

        if (same_id(at->run_id, step->run_id) && strcmp(at->step, step->step) == 0 &&
            at->attempt == step->attempt)
            return same_id(at->op_id, step->op_id) ? at : NULL;
    }
    return NEXT(s->data.steps, s->data.n_steps);
}

static int do_save(struct field_store *s, const struct step_row *step, const struct run_row *run,
                   const char *job_state, const struct outbox_new *items, size_t n_items)
{
    struct step_row *to;

    for (size_t i = 0; i < n_items; i++) {
        const struct outbox_row *there = find_item(s, items[i].id);

        if (there != NULL && !same_content(there, &items[i]))
            return GF_E_MISMATCH;
    }
    to = place_of(s, step);
    if (to == NULL)
        return GF_E_MISMATCH;
    *to = *step;
    for (size_t i = 0; i < s->data.n_runs; i++)
        if (same_id(s->data.runs[i].id, run->id))
            s->data.runs[i] = *run;
    for (size_t i = 0; i < s->data.n_jobs && job_state != NULL; i++)
        if (same_id(s->data.jobs[i].id, run->job_id))
            gf_copy(s->data.jobs[i].state, sizeof s->data.jobs[i].state, job_state);
    for (size_t i = 0; i < n_items; i++)
        add_item(s, &items[i]);
    return 0;
}

static int step_save(void *ctx, const struct step_row *step, const struct run_row *run,
                     const char *job_state, const struct outbox_new *items, size_t n_items)
{
    struct field_store *s = ctx;
    int code = s->fail_code;

    if (s->fate->dead)
        return GF_E_STORE;
    if (code != 0 && s->fate->saves == s->fail_after) {
        s->fail_code = 0;
        return code;
    }
    if (++s->fate->saves == s->fate->before_save) {
        s->fate->dead = true;
        return GF_E_STORE;
    }
    code = do_save(s, step, run, job_state, items, n_items);
    assert(code == 0);
    s->fate->dead = s->fate->saves == s->fate->after_save;
    return s->fate->dead ? GF_E_STORE : 0;
}

/* ---- outbox ---- */

static bool waits(const struct outbox_row *row)
{
    return row->state == OUTBOX_PENDING || row->state == OUTBOX_SENT || row->state == OUTBOX_HELD;
}

static int outbox_next(void *ctx, uint64_t after_seq, struct outbox_row *ret, size_t cap)
{
    struct field_store *s = ctx;
    size_t n = 0;

    if (s->fate->dead)
        return GF_E_STORE;
    for (size_t i = 0; i < s->data.n_outbox && n < cap; i++)
        if (s->data.outbox[i].seq > after_seq && waits(&s->data.outbox[i]))
            ret[n++] = s->data.outbox[i];
    return (int)n;
}

static int outbox_page(void *ctx, uint64_t before_seq, struct outbox_row *ret, size_t cap)
{
    struct field_store *s = ctx;
    size_t n = 0;

    for (size_t i = s->data.n_outbox; i-- > 0 && n < cap;)
        if (before_seq == 0 || s->data.outbox[i].seq < before_seq)
            ret[n++] = s->data.outbox[i];
    return (int)n;
}

static int outbox_item(void *ctx, const uint8_t id[static 16], struct outbox_row *ret)
{
    const struct outbox_row *row = find_item(ctx, id);

    if (row == NULL)
        return ((struct field_store *)ctx)->fate->dead ? GF_E_STORE : 0;
    *ret = *row;
    return 1;
}

static int outbox_counts(void *ctx, struct outbox_counts *ret)
{
    struct field_store *s = ctx;

    *ret = (struct outbox_counts){.last_seq = s->data.n_outbox};
    for (size_t i = 0; i < s->data.n_outbox; i++) {
        const struct outbox_row *row = &s->data.outbox[i];

        if (waits(row) && ret->waiting++ == 0)
            ret->oldest_waiting_at_ms = row->made_at_ms;
        ret->acknowledged += row->state == OUTBOX_APPLIED || row->state == OUTBOX_DUPLICATE;
        ret->refused += row->state == OUTBOX_QUARANTINED || row->state == OUTBOX_CONFLICT;
    }
    return 0;
}

static int outbox_verdict(void *ctx, const sync_Verdict *v)
{
    static const enum outbox_state states[] = {
        [sync_VerdictKind_VERDICT_NONE] = OUTBOX_PENDING,
        [sync_VerdictKind_APPLIED] = OUTBOX_APPLIED,
        [sync_VerdictKind_DUPLICATE] = OUTBOX_DUPLICATE,
        [sync_VerdictKind_HELD] = OUTBOX_HELD,
        [sync_VerdictKind_QUARANTINED] = OUTBOX_QUARANTINED,
        [sync_VerdictKind_CONFLICT] = OUTBOX_CONFLICT,
    };
    struct field_store *s = ctx;
    struct outbox_row *row = find_item(s, v->id);

    if (s->fate->dead)
        return GF_E_STORE;
    if (row == NULL || memcmp(row->hash, v->item_hash, sizeof row->hash) != 0)
        return GF_E_MISMATCH;
    if (row->state == OUTBOX_APPLIED || row->state == OUTBOX_DUPLICATE)
        return 0;
    row->state = states[v->kind];
    gf_copy(row->field, sizeof row->field, v->field);
    gf_copy(row->reason, sizeof row->reason, v->reason);
    return 0;
}

/* ---- changes ---- */

static int cursor(void *ctx, uint64_t *ret)
{
    *ret = ((struct field_store *)ctx)->data.cursor;
    return 0;
}

static int changes_begin(void *ctx)
{
    struct field_store *s = ctx;

    if (s->fate->dead)
        return GF_E_STORE;
    assert(s->saved == NULL);
    s->saved = malloc(sizeof *s->saved);
    assert(s->saved != NULL);
    *s->saved = s->data;
    return 0;
}

static void put_job(struct field_store *s, const sync_Job *j)
{
    for (size_t i = 0; i < s->data.n_jobs; i++) {
        if (same_id(s->data.jobs[i].id, j->id)) {
            s->data.jobs[i] = *j;
            return;
        }
    }
    *NEXT(s->data.jobs, s->data.n_jobs) = *j;
}

static int changes_apply(void *ctx, const sync_Down *change)
{
    struct field_store *s = ctx;

    if (s->fail_change > 0 && --s->fail_change == 0)
        return GF_E_DISK_FULL;
    switch (change->which_body) {
    case sync_Down_job_tag:
        put_job(s, &change->body.job);
        return 0;
    case sync_Down_meter_tag:
        *NEXT(s->data.meters, s->data.n_meters) = change->body.meter;
        return 0;
    case sync_Down_ticket_tag:
        *NEXT(s->data.tickets, s->data.n_tickets) = change->body.ticket;
        return 0;
    case sync_Down_key_tag:
        *NEXT(s->data.keys, s->data.n_keys) = change->body.key;
        return 0;
    case sync_Down_swap_tag:
        *NEXT(s->data.swaps, s->data.n_swaps) = change->body.swap;
        return 0;
    case sync_Down_token_tag:
        *NEXT(s->data.tokens, s->data.n_tokens) = change->body.token;
        return 0;
    case sync_Down_certificate_tag:
        *NEXT(s->data.certificates, s->data.n_certificates) = change->body.certificate;
        return 0;
    case sync_Down_end_tag:
        s->data.cursor = change->body.end.cursor;
        return 0;
    case sync_Down_verdict_tag:
        return GF_E_BUG;
    default:
        return 0;   /* of a newer head office, for newer programs */
    }
}

static int changes_end(void *ctx, bool commit)
{
    struct field_store *s = ctx;

    assert(s->saved != NULL);
    if (!commit)
        s->data = *s->saved;
    free(s->saved);
    s->saved = NULL;
    return 0;
}

/* ---- what tests call ---- */

struct field_store *field_store_new(struct field_fate *fate)
{
    struct field_store *s = calloc(1, sizeof *s);

    assert(s != NULL);
    s->fate = fate;
    s->port = (struct store_port){
        s, jobs, job, job_of, meter, ticket, tickets, key_issue, swap_issue, token_issue,
        certificate, run_open, run_active, receipts_known, step_last, step_save,
        outbox_next, outbox_page, outbox_item, outbox_counts, outbox_verdict, cursor,
        changes_begin, changes_apply, changes_end,
    };
    return s;
}

void field_store_recover(struct field_store *s)
{
    if (s->saved != NULL)
        (void)changes_end(s, false);
}

void field_store_free(struct field_store *s)
{
    free(s->saved);
    free(s);
}

void field_store_put(struct field_store *s, const sync_Down *change)
{
    int code = changes_apply(s, change);

    assert(code == 0);
}

const struct step_row *field_store_step(const struct field_store *s, const char *step)
{
    const struct step_row *best = NULL;

    for (size_t i = 0; i < s->data.n_steps; i++)
        if (strcmp(s->data.steps[i].step, step) == 0 &&
            (best == NULL || s->data.steps[i].attempt > best->attempt))
            best = &s->data.steps[i];
    return best;
}
