/* bench_audit.c - the audit of books of several sizes: time and memory of a receipt; see
 * docs/bench.md.
 *
 * Books of 10^4 and 10^5 receipts, with BENCH_ALL=1 of 10^6 too; with OFFICE_DB=postgresql on
 * PostgreSQL. Each meter has RECEIPTS receipts, every tenth a recharge with a token that was paid
 * for, the others each a use. The audit runs in a process of its own, started anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/odb_engine.h"
#include "backend/office_audit.h"
#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/bench/bench.h"
#include "tests/bench/many.h"

#define RECEIPTS 100 /* of a meter */
#define EACH_RECHARGE 10
#define RUNS 3

struct measured {
    double us, processor_us, peak_kib;
};

/* ---- the audit's own process ---- */

static double peak_kib(void)
{
    char line[128];
    double kib = 0;
    FILE *in = fopen("/proc/self/status", "re");

    bench_need(in != NULL, "/proc/self/status");
    while (fgets(line, sizeof line, in) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    (void)fclose(in);
    return kib;
}

static double processor_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int audit(const char *dir, const char *want)
{
    const struct office_ports ports = { gf_real_clock(), gf_real_random(), mc_crypto_openssl() };
    struct office *o = NULL;
    struct gf_fail why = { 0 };
    struct ho_audit a;

    bench_need(office_open(dir, &ports, &o, &why) == 0, why.detail);
    double from = bench_now_us(), processor = processor_us();
    bench_need(ho_audit_run(o, &a) == 0, o->fail.detail);
    from = bench_now_us() - from;
    processor = processor_us() - processor;
    for (size_t i = 0; i < HO_STATEMENTS; i++)
        bench_need(a.of[i].n_broken == 0, (const char *)a.of[i].broken.p);
    bench_need(a.of[HO_RECEIPTS_VERIFY].checked == strtoul(want, NULL, 10), "every receipt");
    ho_audit_free(&a);
    (void)office_close(o);
    (void)printf("%.0f %.0f %.0f\n", from, processor, peak_kib());
    return 0;
}

static struct measured run(const char *dir, unsigned n)
{
    struct measured ret = { 0 };
    char want[16], line[80];
    const char *const argv[] = { "/proc/self/exe", dir, want, NULL };
    int out;

    (void)snprintf(want, sizeof want, "%u", n);
    bench_need(aid_spawn(argv, &out) > 0, "the audit's process");
    FILE *in = fdopen(out, "r");
    bench_need(in != NULL && fgets(line, sizeof line, in) != NULL, "the audit's numbers");
    (void)fclose(in);
    char *end;
    ret.us = strtod(line, &end);
    ret.processor_us = strtod(end, &end);
    ret.peak_kib = strtod(end, NULL);
    return ret;
}

/* ---- the books ---- */

static int live(struct office *o, void *ctx)
{
    struct many_meter *m = ctx;
    struct credit_token token;

    while (m->m.next.seq < RECEIPTS)
        if (m->m.next.seq % EACH_RECHARGE == EACH_RECHARGE / 2) {
            many_pay(o, m, &token);
            many_take(o, m, &token);
        } else {
            many_use(o, m, 7);
        }
    return 0;
}

/* The books are made for this run alone: they need not outlive a power cut, and their maker may
 * keep more of them in memory than an office does. */
static void hurry(struct office *o)
{
    bench_need(odb_script(o->db, getenv("OFFICE_DB") != NULL
                                     ? "SET synchronous_commit = off"
                                     : "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000")
                   == 0,
               "books made in a hurry");
}

static void fill(struct oaid_office *a, unsigned n)
{
    struct many_meter m;

    oaid_office_new(a);
    hurry(a->o);
    many_tariff(a);
    for (unsigned i = 0; i < n / RECEIPTS; i++) {
        many_add(a, i, &m);
        bench_need(ho_transaction(a->o, live, &m) >= 0, a->o->fail.detail);
    }
    oaid_office_end(a);
}

static void measure(unsigned n, struct measured *first)
{
    double us[RUNS], processor[RUNS], kib[RUNS];
    struct oaid_office a;
    const char *engine = getenv("OFFICE_DB") != NULL ? "PostgreSQL" : "SQLite";
    char text[100];

    double from = bench_now_us();
    fill(&a, n);
    (void)fprintf(stderr, "# books of %u receipts: made in %.0f s\n", n,
                  (bench_now_us() - from) / 1e6);
    for (size_t i = 0; i < RUNS; i++) {
        struct measured m = run(a.dir, n);

        us[i] = m.us / n;
        processor[i] = m.processor_us / n;
        kib[i] = m.peak_kib;
    }
    struct measured now = { bench_quantile(us, RUNS, 0.5), bench_quantile(processor, RUNS, 0.5),
                            bench_quantile(kib, RUNS, 0.5) };
    if (first->us == 0)
        *first = now;
    (void)snprintf(text, sizeof text, "audit, %s: %u receipts, against the smallest books", engine,
                   n);
    bench_row_ratio(text, "us/receipt", now.us, first->us);
    bench_row_ratio(text, "CPU us each", now.processor_us, first->processor_us);
    bench_row_ratio(text, "MiB at peak", now.peak_kib / 1024, first->peak_kib / 1024);
}

int main(int argc, char **argv)
{
    const char *all = getenv("BENCH_ALL");
    struct measured first = { 0 };

    if (argc == 3)
        return audit(argv[1], argv[2]);
    for (unsigned n = 10000; n <= (all != NULL && strcmp(all, "1") == 0 ? 1000000u : 100000u);
         n *= 10)
        measure(n, &first);
    return 0;
}
