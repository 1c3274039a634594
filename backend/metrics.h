/* metrics.h - what the service counts, as Prometheus reads it (text format 0.0.4). Any thread may
 * count and any may read; names of people, meters or addresses have no place here. */
#ifndef GF_METRICS_H
#define GF_METRICS_H

#include <stdint.h>

#include "backend/buf.h"

struct metrics;

/* For so many routes; `route_names` is borrowed for good ("POST /v1/sync"). NULL when out of
 * memory. */
struct metrics *metrics_new(const char *const *route_names, size_t n_routes);
struct metrics *metrics_free(struct metrics *m); /* NULL is fine; returns NULL */

/* A request was answered. route: its index; n_routes and above: none of them. A NULL `m` counts
 * nothing, here and below. */
void metrics_request(struct metrics *m, size_t route, int status, int64_t us);

/* A transaction was committed or undone after so long. */
void metrics_transaction(struct metrics *m, int64_t us);

/* An item of a laptop got its verdict (sync_VerdictKind). */
void metrics_verdict(struct metrics *m, unsigned kind);

/* What stands now, and is no count of this table's. */
struct metrics_now {
    unsigned connections, queued;
    uint64_t busy, started_s;
};
void metrics_print(struct metrics *m, const struct metrics_now *now, struct buf *ret);

#endif
