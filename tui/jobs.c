/* jobs.c - worklist and outbox in words; see jobs.h. */
#include "tui/jobs.h"

#include <inttypes.h>
#include <pb_decode.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "field/procedure.h"

#define PAGE 16
#define JUST_NOW_MS 60000     /* a text that changed every second would be read out every second */

int jobs_each(const struct store_port *store, const char *filter, bool open_only,
              bool (*each)(void *ctx, const sync_Job *job), void *ctx)
{
    sync_Job *page = calloc(PAGE + 1, sizeof *page);
    struct job_query q = {.filter = filter, .open_only = open_only};
    int n = PAGE, total = 0;

    if (page == NULL)
        return GF_E_MEMORY;
    while (n == PAGE) {
        n = store->jobs(store->ctx, &q, page, PAGE);
        if (n < 0)
            total = n;
        for (int i = 0; i < n; i++, total++)
            if (!each(ctx, &page[i]))
                n = 0;
        if (n == PAGE) {
            page[PAGE] =
                page[PAGE - 1]; /* `after` must not be overwritten by the page that it begins */
            q.after = &page[PAGE];
        }
    }
    free(page);
    return total;
}

const char *job_kind_title(const sync_Job *job)
{
    const struct procedure *p = procedure_find(job->kind);

    return p != NULL ? p->title : job->kind;
}

const char *outbox_state_text(uint32_t state)
{
    static const char *const texts[] = {
        [OUTBOX_PENDING] = "waiting",
        [OUTBOX_SENT] = "sent",
        [OUTBOX_APPLIED] = "acknowledged",
        [OUTBOX_DUPLICATE] = "acknowledged",
        [OUTBOX_HELD] = "held",
        [OUTBOX_QUARANTINED] = "refused",
        [OUTBOX_CONFLICT] = "conflict",
    };

    return state < sizeof texts / sizeof texts[0] ? texts[state] : "unknown";
}

const char *outbox_kind_text(uint32_t kind)
{
    static const char *const texts[] = {
        [sync_ItemKind_ITEM_NONE] = "unknown", [sync_ItemKind_APPLICATION] = "application",
        [sync_ItemKind_RECEIPT] = "receipt", [sync_ItemKind_STEP_RECORD] = "step",
        [sync_ItemKind_JOB_DONE] = "job done",
    };

    return kind < sizeof texts / sizeof texts[0] ? texts[kind] : "unknown";
}

uint32_t outbox_kind(const struct outbox_row *row, char ret_step[static OUTBOX_STEP_MAX])
{
    sync_Item item = sync_Item_init_zero;
    sync_StepRecord step = sync_StepRecord_init_zero;
    pb_istream_t in = pb_istream_from_buffer(row->bytes, row->len);

    ret_step[0] = '\0';
    if (!pb_decode(&in, sync_Item_fields, &item))
        return sync_ItemKind_ITEM_NONE;
    in = pb_istream_from_buffer(item.payload.bytes, item.payload.size);
    if (item.kind == sync_ItemKind_STEP_RECORD && pb_decode(&in, sync_StepRecord_fields, &step))
        (void)gf_copy(ret_step, OUTBOX_STEP_MAX, step.step);
    return item.kind;
}

char *span_text(int64_t ms, char ret[static 24])
{
    int64_t s = ms > 0 ? ms / 1000 : 0;
    int64_t n = s < 120 ? s : s < 7200 ? s / 60 : s < 172800 ? s / 3600 : s / 86400;

    if (n > 99999)
        n = 99999;
    (void)snprintf(ret, 24, "%d %s", (int)n,
                   s < 120      ? "s"
                   : s < 7200   ? "min"
                   : s < 172800 ? "h"
                                : "days");
    return ret;
}

char *queue_text(const struct outbox_counts *c, int64_t utc_ms, char *ret, size_t cap)
{
    char age[24];

    if (c->waiting == 0)
        (void)snprintf(ret, cap, "all records are at head office");
    else
        (void)snprintf(ret, cap, "%" PRIu64 " on this laptop only, oldest %s", c->waiting,
                       span_text(utc_ms - c->oldest_waiting_at_ms, age));
    return ret;
}

char *office_text(const struct sync_view *v, int64_t utc_ms, char *ret, size_t cap)
{
    char span[24];

    if (v->phase == SYNC_REVOKED)
        (void)snprintf(ret, cap, "this laptop is revoked");
    else if (v->phase == SYNC_RUNNING)
        (void)snprintf(ret, cap, "sending, %" PRIu64 " of %" PRIu64 " answered", v->answered,
                       v->sent);
    else if (v->phase == SYNC_WAITING)
        (void)snprintf(ret, cap, "away, next try in %s", span_text(v->next_try_in_ms, span));
    else if (v->last_ok_at_ms == 0)
        (void)snprintf(ret, cap, "not asked yet");
    else if (utc_ms - v->last_ok_at_ms < JUST_NOW_MS)
        (void)snprintf(ret, cap, "reached just now");
    else
        (void)snprintf(ret, cap, "reached %s ago", span_text(utc_ms - v->last_ok_at_ms, span));
    return ret;
}

static bool print_job(void *ctx, const sync_Job *job)
{
    char address[sizeof job->address];

    gf_visible(address, sizeof address, job->address, strlen(job->address));
    (void)fprintf(ctx, "%-10s due %-10s priority %" PRIu32 "  %-8s  %s  %s  %s\n", job->number,
                  job->due, job->priority, job->state, job->meter_id, job_kind_title(job), address);
    return true;
}

int jobs_print(FILE *out, const struct store_port *store)
{
    return jobs_each(store, NULL, true, print_job, out);
}

static void print_record(FILE *out, const struct outbox_row *row)
{
    char at[21], reason[sizeof row->reason], field[sizeof row->field], step[OUTBOX_STEP_MAX];
    uint32_t kind = outbox_kind(row, step);

    gf_utc_text(row->made_at_ms / 1000, at);
    gf_visible(reason, sizeof reason, row->reason, strlen(row->reason));
    gf_visible(field, sizeof field, row->field, strlen(row->field));
    (void)fprintf(out, "%6" PRIu64 "  %s  %-12s  %s%s%s%s%s%s%s\n", row->seq, at,
                  outbox_state_text(row->state), outbox_kind_text(kind),
                  step[0] != '\0' ? " " : "", step, field[0] != '\0' || reason[0] != '\0' ? "  " : "",
                  field, field[0] != '\0' && reason[0] != '\0' ? ": " : "", reason);
}

int outbox_print(FILE *out, const struct store_port *store)
{
    struct outbox_row *page = calloc(PAGE, sizeof *page);
    uint64_t before = 0;
    int n = PAGE, total = 0;

    if (page == NULL)
        return GF_E_MEMORY;
    while (n == PAGE) {
        n = store->outbox_page(store->ctx, before, page, PAGE);
        for (int i = 0; i < n; i++)
            print_record(out, &page[i]);
        total = n < 0 ? n : total + n;
        if (n > 0)
            before = page[n - 1].seq;
    }
    free(page);
    return total;
}
