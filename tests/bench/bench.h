/* bench.h - what the benchmarks share: rows of the one table, medians, time, and the whole system
 * on this machine.
 *
 * A row goes to stdout as "what|unit|ours|floor or peer|ratio"; tests/tools/bench makes the table
 * of all rows. Nothing here judges a time. What goes wrong ends the program with a line on stderr;
 * everything started dies with it.
 */
#ifndef GF_TESTS_BENCH_H
#define GF_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>

#include "tests/aid/proc.h"

#define BENCH_NONE (-1.0) /* a place of a row that has no number */

/* Print a row. Whole numbers are printed as such, others with three digits that count. */
void bench_row(const char *what, const char *unit, double ours, double floor, double ratio);

/* The same with the ratio of the two; none when the floor is 0. */
void bench_row_ratio(const char *what, const char *unit, double ours, double floor);

/* End the program with exit status 1 unless ok; `what` says what was wanted. */
void bench_need(bool ok, const char *what);

/* Sorts v; the value below which `share` (0..1) of the n > 0 values are. 0.5 is the median. */
double bench_quantile(double *v, size_t n, double share);

/* Microseconds of a clock that only goes forward. */
double bench_now_us(void);
double bench_clock_us(clockid_t clock); /* of another clock: processor time */

/* ---- the system ---- */

#define BENCH_METER "GM2400000156"
#define BENCH_METER_ADDRESS "02:00:00:00:00:01" /* of a world that was started */
#define BENCH_CENTRAL_ADDRESS "02:00:00:00:00:00"
#define BENCH_JOB "J-0001"
#define BENCH_PASSPHRASE "correct horse battery staple"

enum {
    BENCH_WITH_METER = 1,  /* the meter of BENCH_JOB, on the second adapter; or the one of `nvm` */
    BENCH_WITH_OFFICE = 2, /* head office, and a laptop enrolled there that has fetched BENCH_JOB */
};

struct bench_world {
    unsigned mtu, rate; /* of every program; set before the start */
    unsigned ci_ms;     /* connection interval of the link model; 0: none */
    unsigned flow_l_per_h, purge_l;
    unsigned parts; /* BENCH_WITH_*; bus and virtual-bluez are always there */
    bool cheap_scrypt; /* the laptop's passphrase costs next to nothing: N = 16 */
    const char *nvm;   /* the memory of a meter that there is already; NULL: a new one is made */
    const char *central, *meter_at; /* addresses of the laptop's adapter and the meter's */

    struct aid_bus bus;
    pid_t radio, meter, office;
    int out[3];                        /* what they print */
    sd_bus *probe;                     /* a connection of our own, for counters */
    char dir[256];                     /* all files */
    char laptop[300], passphrase[300]; /* the laptop's data folder; the file with its passphrase */
};

/* Start it, or end the program. */
void bench_world_start(struct bench_world *w);
void bench_world_stop(struct bench_world *w);
/* Start nothing: all of it is on this bus, with a bluetoothd that counts nothing. central and
 * meter_at are set before. */
void bench_world_join(struct bench_world *w, const char *bus);

/* What crossed the air between hci0 and the meter since virtual-bluez began, in ATT PDUs; nothing
 * in a world that was joined. */
struct bench_pdus {
    uint64_t requests, responses, errors, commands, notifications, indications, confirmations;
    uint64_t events;  /* of the link model's, those in which something was waiting */
    uint64_t plugins; /* those of the requests that bluetoothd makes for itself */
};
struct bench_pdus bench_pdus(struct bench_world *w);

/* b - a; all PDUs together without bluetoothd's own requests and their answers; round trips without
 * them. */
struct bench_pdus bench_pdus_between(const struct bench_pdus *a, const struct bench_pdus *b);
uint64_t bench_pdus_all(const struct bench_pdus *p);
uint64_t bench_round_trips(const struct bench_pdus *p);

/* Round trips that BlueZ needs from connecting to known services, measured with its own client
 * (5.87) on a table of the same shape: the mandatory services, Device Information and one vendor's,
 * 16-bit ones first, with a hash. first: nothing is known of the device; else the hash says that
 * what is known holds. */
unsigned bench_discovery_floor(unsigned mtu, bool first);

#endif
