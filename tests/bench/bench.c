/* bench.c - rows, medians and time; see bench.h. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

static void print_number(double v)
{
    if (v < 0)
        (void)printf("-");
    else
        (void)printf("%.*f", v >= 100 || v == (double)(int64_t)v ? 0 : v >= 10 ? 1 : 2, v);
}

void bench_row(const char *what, const char *unit, double ours, double floor, double ratio)
{
    (void)printf("%s|%s|", what, unit);
    print_number(ours);
    (void)printf("|");
    print_number(floor);
    if (ratio < 0)
        (void)printf("|-\n");
    else
        (void)printf("|%.2f\n", ratio);
    (void)fflush(stdout);
}

void bench_row_ratio(const char *what, const char *unit, double ours, double floor)
{
    bench_row(what, unit, ours, floor, floor > 0 ? ours / floor : BENCH_NONE);
}

void bench_need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench: failed: %s\n", what);
    exit(EXIT_FAILURE);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y ? 1 : 0;
}

double bench_quantile(double *v, size_t n, double share)
{
    qsort(v, n, sizeof *v, by_size);
    return v[(size_t)((double)(n - 1) * share + 0.5)];
}

double bench_clock_us(clockid_t clock)
{
    struct timespec t;

    bench_need(clock_gettime(clock, &t) == 0, "a clock");
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double bench_now_us(void)
{
    return bench_clock_us(CLOCK_MONOTONIC);
}
