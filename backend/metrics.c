/* metrics.c - counts and their text; see metrics.h. */
#include "backend/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Statuses that the service gives; the rest is counted as "other". */
static const int statuses[] = { 200, 400, 401, 403, 404, 405, 409, 413, 415, 429, 500, 503 };
#define STATUSES (sizeof statuses / sizeof statuses[0])

/* Upper ends of the buckets, us. */
static const int64_t ends_us[] = { 1000,   2500,   5000,   10000,   25000,  50000,
                                   100000, 250000, 500000, 1000000, 5000000 };
#define BUCKETS (sizeof ends_us / sizeof ends_us[0])

static const char *const verdicts[] = { "none",        "applied",  "duplicate", "held",
                                        "quarantined", "conflict", "other" };
#define VERDICTS (sizeof verdicts / sizeof verdicts[0])

struct histogram {
    atomic_ullong buckets[BUCKETS + 1], sum_us;
};

struct metrics {
    const char *const *names;
    size_t n;
    struct histogram requests, transactions;
    atomic_ullong verdicts[VERDICTS];
    atomic_ullong counts[][STATUSES + 1]; /* one more route than there are: none of them */
};

struct metrics *metrics_new(const char *const *route_names, size_t n_routes)
{
    struct metrics *m = calloc(1, sizeof *m + (n_routes + 1) * sizeof m->counts[0]);

    if (m != NULL) {
        m->names = route_names;
        m->n = n_routes;
    }
    return m;
}

struct metrics *metrics_free(struct metrics *m)
{
    free(m);
    return NULL;
}

static void add(atomic_ullong *to, uint64_t n)
{
    (void)atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static void observe(struct histogram *h, int64_t us)
{
    size_t i = 0;

    while (i < BUCKETS && us > ends_us[i])
        i++;
    add(&h->buckets[i], 1);
    add(&h->sum_us, us > 0 ? (uint64_t)us : 0);
}

void metrics_request(struct metrics *m, size_t route, int status, int64_t us)
{
    size_t i = 0;

    if (m == NULL)
        return;
    while (i < STATUSES && statuses[i] != status)
        i++;
    add(&m->counts[route < m->n ? route : m->n][i], 1);
    observe(&m->requests, us);
}

void metrics_transaction(struct metrics *m, int64_t us)
{
    if (m != NULL)
        observe(&m->transactions, us);
}

void metrics_verdict(struct metrics *m, unsigned kind)
{
    if (m != NULL)
        add(&m->verdicts[kind < VERDICTS - 1 ? kind : VERDICTS - 1], 1);
}

/* ---- the text ---- */

static void head(struct buf *b, const char *name, const char *type, const char *what)
{
    buf_print(b, "# HELP %s %s\n# TYPE %s %s\n", name, what, name, type);
}

static void print_histogram(struct buf *b, const char *name, const char *what, struct histogram *h)
{
    unsigned long long n = 0;

    head(b, name, "histogram", what);
    for (size_t i = 0; i < BUCKETS; i++) {
        n += atomic_load(&h->buckets[i]);
        buf_print(b, "%s_bucket{le=\"%" PRId64 ".%06" PRId64 "\"} %llu\n", name,
                  ends_us[i] / 1000000, ends_us[i] % 1000000, n);
    }
    n += atomic_load(&h->buckets[BUCKETS]);

    unsigned long long sum = atomic_load(&h->sum_us);
    buf_print(b, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %llu.%06llu\n%s_count %llu\n", name, n, name,
              sum / 1000000, sum % 1000000, name, n);
}

static void print_requests(struct metrics *m, struct buf *b)
{
    head(b, "gasoffice_requests_total", "counter", "Requests by route and status.");
    for (size_t r = 0; r <= m->n; r++)
        for (size_t i = 0; i <= STATUSES; i++) {
            unsigned long long n = atomic_load(&m->counts[r][i]);

            if (n == 0)
                continue;
            buf_print(b, "gasoffice_requests_total{route=\"%s\",status=\"",
                      r < m->n ? m->names[r] : "none");
            if (i < STATUSES)
                buf_print(b, "%d\"} %llu\n", statuses[i], n);
            else
                buf_print(b, "other\"} %llu\n", n);
        }
}

void metrics_print(struct metrics *m, const struct metrics_now *now, struct buf *ret)
{
    print_requests(m, ret);
    print_histogram(ret, "gasoffice_request_seconds", "Time from a request to its answer.",
                    &m->requests);
    print_histogram(ret, "gasoffice_transaction_seconds", "Time of database transactions.",
                    &m->transactions);
    head(ret, "gasoffice_verdicts_total", "counter", "Verdicts on records of laptops, by kind.");
    for (size_t i = 0; i < VERDICTS; i++)
        buf_print(ret, "gasoffice_verdicts_total{kind=\"%s\"} %llu\n", verdicts[i],
                  (unsigned long long)atomic_load(&m->verdicts[i]));
    head(ret, "gasoffice_busy_total", "counter", "Requests refused because too many waited.");
    buf_print(ret, "gasoffice_busy_total %" PRIu64 "\n", now->busy);
    head(ret, "gasoffice_queued", "gauge", "Requests that wait for their turn.");
    buf_print(ret, "gasoffice_queued %u\n", now->queued);
    head(ret, "gasoffice_connections", "gauge", "Connections that are open.");
    buf_print(ret, "gasoffice_connections %u\n", now->connections);
    head(ret, "gasoffice_start_time_seconds", "gauge", "Since when the service runs, UTC.");
    buf_print(ret, "gasoffice_start_time_seconds %" PRIu64 "\n", now->started_s);
}
