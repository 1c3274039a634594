/* jobs.h - worklist and outbox in the words that every face uses. */
#ifndef GF_TUI_JOBS_H
#define GF_TUI_JOBS_H

#include <stdint.h>
#include <stdio.h>

#include "field/ports.h"
#include "field/sync.h"

/* Jobs in the order of the worklist, by pages, each handed to `each`; stops when it returns false.
 * How many there were, or a store error. */
int jobs_each(const struct store_port *store, const char *filter, bool open_only,
              bool (*each)(void *ctx, const sync_Job *job), void *ctx);

/* "account-opening" as people say it: the procedure's title, or the kind itself when there is no
 * such procedure. */
const char *job_kind_title(const sync_Job *job);

/* "waiting", "sent", "acknowledged", "held", "refused" ...: what the state of a record means to
 * people. */
const char *outbox_state_text(uint32_t state);
const char *outbox_kind_text(uint32_t kind);

/* What a record is, sync_ItemKind, and of a step record the step's id (else empty): both stand inside
 * the bytes that are sent. */
#define OUTBOX_STEP_MAX 24
uint32_t outbox_kind(const struct outbox_row *row, char ret_step[static OUTBOX_STEP_MAX]);

/* "12 records on this laptop only, oldest 3 h" or "all records are at head office"; returns ret. */
char *queue_text(const struct outbox_counts *c, int64_t utc_ms, char *ret, size_t cap);

/* "head office: reached 2 min ago", "away, next try in 14 s", ...; returns ret. */
char *office_text(const struct sync_view *v, int64_t utc_ms, char *ret, size_t cap);

/* A span of time in its largest unit, "14 s", "3 min", "5 h", "2 days"; negative counts as 0.
 * Returns ret. */
char *span_text(int64_t ms, char ret[static 24]);

/* Print the open jobs, or the outbox newest first, one a line. How many, or a store error. */
int jobs_print(FILE *out, const struct store_port *store);
int outbox_print(FILE *out, const struct store_port *store);

#endif
