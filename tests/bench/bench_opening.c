/* bench_opening.c - a whole account opening: what each step sends over the air beside the least
 * that its messages fit in, and how long it takes beside the time that the gas flows.
 *
 * The laptop's parts are put together in this process, as gasfitter does it, with a counting link
 * port in between; the rest of the system are the real programs. Each opening has a process of its
 * own, because a program's clock has one rate for life.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "backend/client/client.h"
#include "bt/central.h"
#include "common/bytes.h"
#include "common/host/real.h"
#include "db/db.h"
#include "meter-core/port/host/body.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/bench/bench.h"
#include "tests/bench/tap.h"
#include "tui/env.h"
#include "tui/identity.h"

#define ROUNDS 3
#define BOUND_MS 60000 /* of one opening, from the start of its world */
#define FLOW_L_PER_H 6000
#define PURGE_L 10

struct step_count {
    char id[24];
    uint64_t pdus, messages, floor; /* ATT PDUs; messages in them; the fewest PDUs for that */
    double ms;
};

struct result {
    bool whole; /* it came to its end */
    size_t n;
    struct step_count steps[RUN_STEPS_MAX];
    double ms, end_ms;          /* of all; of the disconnecting after the last step */
    uint32_t purged_l;
};

/* ---- one opening ---- */

struct laptop {
    struct bench_world w;
    struct db *db;
    struct office_client *office;
    struct bt_central *bt;
    struct tap tap;
    struct field_ports ports;
    struct tui_env env;
    struct gf_source work;
    int stop;

    struct result *ret;
    struct bench_pdus pdus; /* at the end of the step before */
    uint64_t messages, floor;
    double start_us, step_us;
};

static void open_office(struct laptop *l)
{
    struct office_enrol_result id;
    struct gf_fail why = {0};

    bench_need(identity_get(l->db, &id) == 1, "an enrolled laptop");

    const struct office_client_config cfg = {
        .url = id.url,
        .ca_pem = id.ca_pem,
        .cert_pem = id.cert_pem,
        .key_pem = id.key_pem,
        .sign_pem = id.sign_pem,
        .device_id = id.device_id,
        .user_agent = "gasfitter-bench/1.0",
    };

    l->office = office_client_new(&cfg, &why);
    gf_wipe(&id, sizeof id);
    bench_need(l->office != NULL, why.detail);
}

static void open_laptop(struct laptop *l)
{
    const struct db_config store = {
        .folder = l->w.laptop,
        .passphrase = (const uint8_t *)BENCH_PASSPHRASE,
        .passphrase_len = strlen(BENCH_PASSPHRASE),
        .clock = gf_real_clock(),
        .random = gf_real_random(),
    };
    const struct bt_central_config radio = {.bus_address = l->w.bus.address,
                                            .clock = gf_real_clock()};
    struct gf_fail why = {0};

    bench_need(db_open(&store, &l->db, &why) == 0, why.detail);
    open_office(l);
    l->bt = bt_central_new(&radio);
    bench_need(l->bt != NULL, "memory");
    tap_init(&l->tap, bt_central_port(l->bt));
    l->ports = (struct field_ports){
        .clock = gf_real_clock(),
        .random = gf_real_random(),
        .crypto = mc_crypto_openssl(),
        .link = &l->tap.port,
        .office = office_client_port(l->office),
        .store = db_port(l->db),
    };
    l->env = (struct tui_env){.ports = &l->ports, .stop = &l->stop};
    l->env.sync = sync_new(&l->ports);
    l->env.run = run_new(&l->ports, l->env.sync);
    bench_need(l->env.sync != NULL && l->env.run != NULL, "memory");
    tui_work_source(&l->env, &l->work);
    l->env.sources[l->env.n_sources++] = &l->work;
    l->env.sources[l->env.n_sources++] = office_client_source(l->office);
    l->env.sources[l->env.n_sources++] = bt_central_source(l->bt);
}

static void close_laptop(struct laptop *l)
{
    l->env.run = run_free(l->env.run);
    l->env.sync = sync_free(l->env.sync);
    l->bt = bt_central_free(l->bt);
    l->office = office_client_free(l->office);
    l->db = db_close(l->db);
}

/* A step is at its end: what was counted since the one before. */
static void on_step(void *ctx, size_t n, const char *id, const char *title, int code,
                    const char *text)
{
    struct laptop *l = ctx;
    struct step_count *s = &l->ret->steps[n];
    struct bench_pdus now = bench_pdus(&l->w), between = bench_pdus_between(&l->pdus, &now);

    (void)title;
    bench_need(code == 0, text);
    (void)snprintf(s->id, sizeof s->id, "%s", id);
    s->pdus = bench_pdus_all(&between);
    s->messages = l->tap.messages - l->messages;
    s->floor = l->tap.floor - l->floor;
    s->ms = (bench_now_us() - l->step_us) / 1e3;
    l->ret->n = n + 1;
    l->pdus = now;
    l->messages = l->tap.messages;
    l->floor = l->tap.floor;
    l->step_us = bench_now_us();
}

static void on_message(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static const char *answer_to(const char *ask_id)
{
    static const struct {
        const char *id, *answer;
    } rows[] = {
        {"scan", BENCH_METER " " BENCH_METER},
        {"ventilation", "yes"},
        {"ignition", "yes"},
        {"purge", "PURGE"},
        {"zero-clear", "yes"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].id, ask_id) == 0)
            return rows[i].answer;
    bench_need(false, ask_id);
    return "";
}

/* A turn of what a person does. False: all is done. */
static bool attend(struct laptop *l)
{
    const struct run_view *v = run_view(l->env.run);

    if (v->purge.litres > l->ret->purged_l)
        l->ret->purged_l = v->purge.litres;
    bench_need(v->phase != RUN_STOPPED && v->phase != RUN_LEFT, v->fail.detail);
    if (v->phase == RUN_ASK)
        bench_need(run_answer(l->env.run, answer_to(v->ask_id)) == 0, v->ask_id);
    else if (v->purge.running)
        run_confirm_presence(l->env.run);
    return v->phase != RUN_FINISHED;
}

static void open_account(struct result *ret, unsigned mtu, unsigned rate)
{
    static struct laptop l;
    const struct run_listener listener = {&l, on_step, on_message, NULL};
    struct gf_fail why = {0};

    gf_real_clock_rate(rate);
    l = (struct laptop){
        .w = {.mtu = mtu,
              .rate = rate,
              .flow_l_per_h = FLOW_L_PER_H,
              .purge_l = PURGE_L,
              .cheap_scrypt = true,
              .parts = BENCH_WITH_METER | BENCH_WITH_OFFICE},
        .ret = ret,
    };
    bench_world_start(&l.w);
    open_laptop(&l);
    run_listen(l.env.run, &listener);
    l.pdus = bench_pdus(&l.w);
    l.start_us = l.step_us = bench_now_us();
    bench_need(run_start(l.env.run, "account-opening", BENCH_JOB, &why) == 0, why.detail);
    while (attend(&l))
        tui_wait(&l.env, NULL, 1000);
    ret->ms = (bench_now_us() - l.start_us) / 1e3;
    ret->end_ms = (bench_now_us() - l.step_us) / 1e3;
    close_laptop(&l);
    bench_world_stop(&l.w);
    ret->whole = true;
}

/* ---- all of them ---- */

/* Run it in a process of its own. */
static void apart(struct result *ret, unsigned mtu, unsigned rate)
{
    pid_t parent = getpid(), pid;

    (void)fflush(NULL);
    pid = fork();
    bench_need(pid >= 0, "another process");
    if (pid == 0) {
        bench_need(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent,
                   "the bench is there");
        open_account(ret, mtu, rate);
        exit(EXIT_SUCCESS);
    }

    int status = aid_wait_exit(pid, BOUND_MS);

    if (status < 0)
        (void)aid_kill(pid);
    bench_need(status == 0 && ret->whole, "an account opening");
}

/* Round trips that a step cannot do without beside its messages: finding the services, subscribing
 * and reading CTL; a reset before each handshake. */
static unsigned round_trips_of(const char *id, unsigned mtu)
{
    if (strcmp(id, "connect") == 0)
        return bench_discovery_floor(mtu, true) + 2;
    return strcmp(id, "handshake") == 0 || strcmp(id, "key") == 0 ? 1 : 0;
}

static void pdu_rows(const struct result *r, unsigned mtu)
{
    uint64_t all = 0, all_floor = 0;
    char what[80];

    for (size_t i = 0; i < r->n; i++) {
        const struct step_count *s = &r->steps[i];
        uint64_t floor = s->floor + 2 * round_trips_of(s->id, mtu);

        (void)snprintf(what, sizeof what, "step %zu %s, MTU %u (%u messages)", i + 1, s->id, mtu,
                       (unsigned)s->messages);
        bench_row_ratio(what, "ATT PDUs", (double)s->pdus, (double)floor);
        all += s->pdus;
        all_floor += floor;
    }
    (void)snprintf(what, sizeof what, "all steps, MTU %u", mtu);
    bench_row_ratio(what, "ATT PDUs", (double)all, (double)all_floor);
}

static double step_ms(const struct result *r, const char *id)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->steps[i].id, id) == 0)
            return r->steps[i].ms;
    return 0;
}

/* Seconds that the gas flows and the valve travels there and back. */
static double purge_floor_s(const struct result *r, unsigned rate)
{
    return (r->purged_l * 3600.0 / FLOW_L_PER_H + 2 * GM_TRAVEL_MS / 1e3) / rate;
}

/* Where the time goes; all steps that are not here are the last row. */
static const struct {
    const char *what, *steps[3];
} parts[] = {
    {"the step purge", {"purge"}},
    {"the step key (two hellos, 1 s apart)", {"key"}},
    {"the step connect", {"connect"}},
    {"head office (register, certificate)", {"register", "certificate"}},
};
#define N_PARTS (sizeof parts / sizeof parts[0])

/* Of n results: the median of seconds, and that of their ratio to the purge's floor. */
static void part_row(const char *what, unsigned rate, double *s, const double *floor,
                     bool has_floor)
{
    double ratio[ROUNDS], of_floor[ROUNDS];
    char text[80];

    for (size_t i = 0; i < ROUNDS; i++) {
        ratio[i] = s[i] / floor[i];
        of_floor[i] = floor[i];
    }
    (void)snprintf(text, sizeof text, "opening at clock rate %u: %s", rate, what);
    bench_row(text, "s", bench_quantile(s, ROUNDS, 0.5),
              has_floor ? bench_quantile(of_floor, ROUNDS, 0.5) : BENCH_NONE,
              has_floor ? bench_quantile(ratio, ROUNDS, 0.5) : BENCH_NONE);
}

static void time_rows(const struct result *r, unsigned rate)
{
    double whole[ROUNDS], rest[ROUNDS], end[ROUNDS], part[N_PARTS][ROUNDS], floor[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++) {
        whole[i] = r[i].ms / 1e3;
        end[i] = r[i].end_ms / 1e3;
        rest[i] = whole[i] - end[i];
        floor[i] = purge_floor_s(&r[i], rate);
        for (size_t k = 0; k < N_PARTS; k++) {
            part[k][i] = 0;
            for (size_t n = 0; parts[k].steps[n] != NULL; n++)
                part[k][i] += step_ms(&r[i], parts[k].steps[n]) / 1e3;
            rest[i] -= part[k][i];
        }
    }
    part_row("whole, against flow and valve", rate, whole, floor, true);
    for (size_t k = 0; k < N_PARTS; k++) /* the first one is the purge */
        part_row(parts[k].what, rate, part[k], floor, k == 0);
    part_row("the nine other steps", rate, rest, floor, false);
    part_row("the disconnecting (BlueZ takes 2 s)", rate, end, floor, false);
}

int main(void)
{
    enum { N = 2 * ROUNDS + 1 };
    struct result *all = mmap(NULL, N * sizeof *all, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct result *as_it_is = all, *fast = all + ROUNDS, *small = all + N - 1;

    bench_need(all != MAP_FAILED, "memory");
    apart(small, 23, 20);
    for (size_t i = 0; i < ROUNDS; i++) {
        apart(&as_it_is[i], 247, 1);
        apart(&fast[i], 247, 20);
    }
    pdu_rows(&as_it_is[0], 247);
    pdu_rows(small, 23);
    time_rows(as_it_is, 1);
    time_rows(fast, 20);
    return 0;
}
