/* world.c - the whole system on this machine, and the counters of its radio; see bench.h. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/host/real.h"
#include "tests/aid/store_cheap.h"
#include "tests/bench/bench.h"

#define BOUND_MS 30000
#define ARGS_MAX 40

/* ---- programs ---- */

/* A path in the world's folder; good until the eighth next call. */
static const char *path_of(const struct bench_world *w, const char *name)
{
    static char path[8][400];
    static unsigned at;

    at = (at + 1) % 8;
    (void)snprintf(path[at], sizeof path[at], "%s/%s", w->dir, name);
    return path[at];
}

/* Start a program of the build tree; its stdout to *ret_out when that is not NULL, all else into
 * the world's log. */
static pid_t start(struct bench_world *w, const char *name, const char *const args[], int *ret_out)
{
    struct aid_spawn_how how = {.ret_out_fd = ret_out, .err_path = path_of(w, "log")};
    const char *argv[ARGS_MAX] = {aid_program(name)};

    for (size_t i = 0; args[i] != NULL; i++) {
        bench_need(i + 2 < ARGS_MAX, "fewer arguments");
        argv[i + 1] = args[i];
    }

    pid_t pid = aid_spawn_how(argv, &how);

    bench_need(pid > 0, name);
    return pid;
}

/* Run one to its end. */
static void run(struct bench_world *w, const char *name, const char *const args[])
{
    char what[80];

    (void)snprintf(what, sizeof what, "%s %s", name, args[0]);
    bench_need(aid_wait_exit(start(w, name, args, NULL), BOUND_MS) == 0, what);
}

static void gasoffice(struct bench_world *w, const char *const command[])
{
    const char *args[ARGS_MAX] = {"--dir", path_of(w, "office")};

    for (size_t i = 0; command[i] != NULL && i + 3 < ARGS_MAX; i++)
        args[i + 2] = command[i];
    run(w, "gasoffice", args);
}

static void gasfitter(struct bench_world *w, const char *const command[])
{
    const char *args[ARGS_MAX] = {
        "--data", w->laptop, "--passphrase-file", w->passphrase, "--bus", w->bus.address,
    };

    for (size_t i = 0; command[i] != NULL && i + 7 < ARGS_MAX; i++)
        args[i + 6] = command[i];
    run(w, "gasfitter", args);
}

/* ---- the parts ---- */

static void write_text(const char *path, const char *text)
{
    bench_need(gf_file_write(path, text, strlen(text), 0600, NULL) == 0, path);
}

static void manufacture(struct bench_world *w)
{
    char key[65] = "";

    for (size_t i = 0; i < 32; i++)
        (void)snprintf(key + 2 * i, 3, "%02x", (unsigned)i);
    write_text(path_of(w, "transport.key"), key);

    const char *const args[] = {
        "manufacture", "--id", BENCH_METER, "--nvm", path_of(w, "nvm"),
        "--transport-key", path_of(w, "transport.key"), "--shipment", path_of(w, "shipment.csv"),
        "--type", "4", "--pulse-l", "1", "--address", BENCH_METER_ADDRESS,
        "--verified", "2026-06-01", NULL,
    };

    run(w, "gasmeter", args);
}

static void start_radio(struct bench_world *w)
{
    char mtu[16], rate[16], ci[16];
    const char *const args[] = {
        "--bus", w->bus.address, "--adapters", "2", "--mtu", mtu, "--clock-rate", rate, "--ci-ms", ci,
        NULL,
    };

    (void)snprintf(mtu, sizeof mtu, "%u", w->mtu);
    (void)snprintf(rate, sizeof rate, "%u", w->rate);
    (void)snprintf(ci, sizeof ci, "%u", w->ci_ms);
    w->radio = start(w, "virtual-bluez", args, &w->out[0]);
    bench_need(aid_wait_line(w->out[0], "ready", BOUND_MS) == 0, "virtual-bluez is ready");
}

static void start_meter(struct bench_world *w)
{
    char flow[16], rate[16];
    const char *const args[] = {
        "run", "--nvm", w->nvm != NULL ? w->nvm : path_of(w, "nvm"),
        "--adapter", BENCH_METER_ADDRESS,
        "--bus", w->bus.address, "--flow-l-per-h", flow, "--clock-rate", rate, NULL,
    };

    (void)snprintf(flow, sizeof flow, "%u", w->flow_l_per_h);
    (void)snprintf(rate, sizeof rate, "%u", w->rate);
    w->meter = start(w, "gasmeter", args, &w->out[1]);
    bench_need(aid_wait_line(w->out[1], "ready", BOUND_MS) == 0, "gasmeter is ready");
}

static void fill_office(struct bench_world *w)
{
    static const char customers[] =
        "customer_no,name,phone,supply_point,address\n"
        "C-1001,Ada Marchetti,+44 20 7946 0101,SP-0001,\"12 Canal Street, flat 3\"\n";
    char today[11], litres[16];
    time_t now = time(NULL);
    struct tm tm;

    (void)strftime(today, sizeof today, "%Y-%m-%d", gmtime_r(&now, &tm));
    (void)snprintf(litres, sizeof litres, "%u", w->purge_l);
    write_text(path_of(w, "customers.csv"), customers);
    gasoffice(w, (const char *const[]){"init", NULL});
    gasoffice(w, (const char *const[]){"import-meters", path_of(w, "shipment.csv"),
                                       "--transport-key", path_of(w, "transport.key"), NULL});
    gasoffice(w, (const char *const[]){"import-customers", path_of(w, "customers.csv"), NULL});
    gasoffice(w, (const char *const[]){"add-staff", "S001", "Rosa Lindqvist", "technician", NULL});
    gasoffice(w, (const char *const[]){"work-order", BENCH_METER, "SP-0001", "S001", "--due", today,
                                       "--number", BENCH_JOB, "--purge-l", litres, NULL});
}

/* Head office listens; *ret_url is where to enrol. */
static void serve(struct bench_world *w, char *ret_url, size_t cap)
{
    const char *const args[] = {
        "--dir", path_of(w, "office"), "serve", "--listen", "127.0.0.1:0",
        "--public-listen", "127.0.0.1:0", NULL,
    };
    char line[300];
    const char *url;

    w->office = start(w, "gasoffice", args, &w->out[2]);
    bench_need(aid_wait_line_get(w->out[2], "ready", BOUND_MS, line, sizeof line) == 0,
               "gasoffice is ready");
    url = strstr(line, "PUBLIC=");
    bench_need(url != NULL && snprintf(ret_url, cap, "%s", url + strlen("PUBLIC=")) < (int)cap,
               "a place to enrol");
}

static void enrol(struct bench_world *w)
{
    const char *const args[] = {"--dir", path_of(w, "office"), "enrol", "S001", NULL};
    char url[200], code[80];
    pid_t pid;
    int out;

    serve(w, url, sizeof url);
    pid = start(w, "gasoffice", args, &out);
    bench_need(aid_wait_line_get(out, "-", BOUND_MS, code, sizeof code) == 0,
               "gasoffice enrol prints a code");
    bench_need(aid_wait_exit(pid, BOUND_MS) == 0, "gasoffice enrol");
    (void)close(out);
    (void)snprintf(w->laptop, sizeof w->laptop, "%s/laptop", w->dir);
    (void)snprintf(w->passphrase, sizeof w->passphrase, "%s/passphrase", w->dir);
    write_text(w->passphrase, BENCH_PASSPHRASE "\n");
    struct gf_fail why = {0};

    if (w->cheap_scrypt)
        bench_need(aid_store_cheap(w->laptop, BENCH_PASSPHRASE, &why) == 0, why.detail);
    gasfitter(w, (const char *const[]){"enrol", url, code, NULL});
    gasfitter(w, (const char *const[]){"sync", NULL});
}

static void open_probe(struct bench_world *w)
{
    bench_need(sd_bus_new(&w->probe) >= 0 && sd_bus_set_address(w->probe, w->bus.address) >= 0 &&
                   sd_bus_set_bus_client(w->probe, 1) >= 0 && sd_bus_start(w->probe) >= 0,
               "a connection to the bus");
}

void bench_world_start(struct bench_world *w)
{
    static unsigned round;
    const char *tmp = aid_tmpdir();

    bench_need(tmp != NULL &&
                   snprintf(w->dir, sizeof w->dir, "%s/%u", tmp, round++) < (int)sizeof w->dir &&
                   mkdir(w->dir, 0700) == 0,
               "a folder");
    w->out[0] = w->out[1] = w->out[2] = -1;
    w->central = BENCH_CENTRAL_ADDRESS;
    w->meter_at = BENCH_METER_ADDRESS;
    bench_need(aid_bus_start(&w->bus) == 0, "a private bus");
    start_radio(w);
    open_probe(w);
    if (w->parts != 0 && w->nvm == NULL)
        manufacture(w);
    if ((w->parts & BENCH_WITH_METER) != 0)
        start_meter(w);
    if ((w->parts & BENCH_WITH_OFFICE) != 0) {
        fill_office(w);
        enrol(w);
    }
}

void bench_world_join(struct bench_world *w, const char *bus)
{
    w->out[0] = w->out[1] = w->out[2] = -1;
    bench_need(snprintf(w->bus.address, sizeof w->bus.address, "%s", bus) <
                   (int)sizeof w->bus.address,
               "a bus with a shorter address");
    open_probe(w);
}

void bench_world_stop(struct bench_world *w)
{
    pid_t pids[] = {w->office, w->meter, w->radio};

    w->probe = sd_bus_flush_close_unref(w->probe);
    for (size_t i = 0; i < sizeof pids / sizeof pids[0]; i++)
        if (pids[i] > 0)
            (void)aid_stop(pids[i]);
    for (size_t i = 0; i < sizeof w->out / sizeof w->out[0]; i++)
        if (w->out[i] >= 0)
            (void)close(w->out[i]);
    aid_bus_stop(&w->bus);
    w->office = w->meter = w->radio = 0;
}

/* ---- counters ---- */

static void take_counter(struct bench_pdus *to, const char *name, uint64_t n)
{
    const struct {
        const char *name;
        uint64_t *at;
    } rows[] = {
        {"requests", &to->requests},
        {"responses", &to->responses},
        {"errors", &to->errors},
        {"commands", &to->commands},
        {"notifications", &to->notifications},
        {"indications", &to->indications},
        {"confirmations", &to->confirmations},
        {"plugin-requests", &to->plugins},
        {"events", &to->events},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            *rows[i].at += n;
}

struct bench_pdus bench_pdus(struct bench_world *w)
{
    struct bench_pdus all = {0};
    sd_bus_message *m = NULL;
    const char *name;
    uint64_t n;
    int r;

    if (w->radio <= 0)
        return all;
    r = sd_bus_call_method(w->probe, "org.bluez", "/org/bluez/hci0",
                           "org.gasfitter.VirtualBluez1", "GetCounters", NULL, &m, "");
    if (r >= 0)
        r = sd_bus_message_enter_container(m, 'a', "{oa{st}}");
    while (r >= 0 && sd_bus_message_enter_container(m, 'e', "oa{st}") > 0) {
        r = sd_bus_message_skip(m, "o");
        if (r >= 0)
            r = sd_bus_message_enter_container(m, 'a', "{st}");
        while (r >= 0 && sd_bus_message_read(m, "{st}", &name, &n) > 0)
            take_counter(&all, name, n);
        if (r >= 0 && sd_bus_message_exit_container(m) >= 0)
            r = sd_bus_message_exit_container(m);
    }
    sd_bus_message_unref(m);
    bench_need(r >= 0, "virtual-bluez' counters");
    return all;
}

struct bench_pdus bench_pdus_between(const struct bench_pdus *a, const struct bench_pdus *b)
{
    return (struct bench_pdus){
        .requests = b->requests - a->requests,
        .responses = b->responses - a->responses,
        .errors = b->errors - a->errors,
        .commands = b->commands - a->commands,
        .notifications = b->notifications - a->notifications,
        .indications = b->indications - a->indications,
        .confirmations = b->confirmations - a->confirmations,
        .plugins = b->plugins - a->plugins,
        .events = b->events - a->events,
    };
}

uint64_t bench_pdus_all(const struct bench_pdus *p)
{
    return p->requests + p->responses + p->errors + p->commands + p->notifications +
           p->indications + p->confirmations - 2 * p->plugins;
}

uint64_t bench_round_trips(const struct bench_pdus *p)
{
    return p->requests - p->plugins;
}

unsigned bench_discovery_floor(unsigned mtu, bool first)
{
    const unsigned mtu_exchange = 1;    /* bluetoothd makes it always; not in the small numbers */

    if (mtu < 185)
        return (first ? 22 : 6) + mtu_exchange;
    return first ? 15 : 7;
}
