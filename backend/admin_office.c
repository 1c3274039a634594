/* admin_office.c - the commands that make a head office and serve it; see admin.h. */
#include <string.h>

#include "backend/admin_keys.h"
#include "backend/service.h"
#include "common/bytes.h"
#include "common/host/notify.h"
#include "common/text.h"

#define HOSTS_MAX 14

/* ---- init ---- */

static const struct admin_option init_options[] = {
    { "host", "NAME", "a further name or address of the service, for its certificate", HOSTS_MAX,
      false },
    ADMIN_DB_OPTIONS,
    { "master", "KIND", "where the master key is kept: file, passphrase or pkcs11; file", 0,
      false },
    ADMIN_KEYS_OPTIONS,
};

static int run_init(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *hosts[HOSTS_MAX];
    const char *kind = admin_value(args, "master");
    size_t n = admin_values(args, "host", hosts, HOSTS_MAX);
    struct keys_source master;
    char url[ADMIN_DB_URL_MAX];
    struct office_setup setup = { .master = &master };
    int r = admin_keys_source(a, args, kind != NULL ? kind : "file", &master, why);

    if (r == 0)
        r = admin_db(args, url, &setup.db, why);
    if (r == 0)
        r = office_init_with(a->dir, hosts, n, &setup, a->ports, why);
    gf_wipe(url, sizeof url);
    if (r != 0)
        return r;
    if (a->json)
        return admin_json(a, json_pack("{s:s}", "made_in", a->dir), why);
    (void)fprintf(a->out, "head office made in %s\n", a->dir);
    return 0;
}

/* ---- serve ---- */

static const struct admin_option serve_options[] = {
    { "listen", "HOST:PORT", "where staff's devices are served, by their certificates", 0, true },
    { "public-listen", "HOST:PORT", "where anybody is served: enrolling, customers", 0, true },
    { "url", "URL",
      "what laptops are told to synchronise with; the address of --listen unless said", 0, false },
    { "metrics-listen", "HOST:PORT",
      "a loopback address for /metrics without TLS; none unless said", 0, false },
    { "threads", "N",
      "1: everything on one thread; 2, the default: requests are worked on by another", 0, false },
    { "rates", "PERCENT",
      "of the limits on how often one may ask; 0: no limits; 100 unless said", 0, false },
};

static void write_log(void *ctx, const char *line, size_t n)
{
    (void)fwrite(line, 1, n, ctx);
}

static void tell_ready(void *ctx, const char *url, const char *public_url, const char *metrics_url)
{
    const struct admin *a = ctx;
    bool has_metrics = metrics_url[0] != '\0';

    if (a->json)
        (void)fprintf(a->out, "{\"ready\": true, \"url\": \"%s\", \"public_url\": \"%s\"%s%s%s}\n",
                      url, public_url, has_metrics ? ", \"metrics_url\": \"" : "", metrics_url,
                      has_metrics ? "\"" : "");
    else
        (void)fprintf(a->out, "ready URL=%s PUBLIC=%s%s%s\n", url, public_url,
                      has_metrics ? " METRICS=" : "", metrics_url);
    (void)fflush(a->out);
    gf_notify("READY=1");
}

static int run_serve(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *threads = admin_value(args, "threads"), *percent = admin_value(args, "rates");
    struct service_options options = { .dir = a->dir,
                                       .listen = admin_value(args, "listen"),
                                       .public_listen = admin_value(args, "public-listen"),
                                       .metrics_listen = admin_value(args, "metrics-listen"),
                                       .url = admin_value(args, "url"),
                                       .log = { stderr, write_log },
                                       .ctx = a,
                                       .ready = tell_ready };
    int64_t n_threads = 2, rate = 100;

    if (threads != NULL && gf_parse_int(threads, 1, 2, &n_threads) != 0)
        return gf_fail(why, GF_E_USAGE, "threads", "1 or 2");
    if (percent != NULL && gf_parse_int(percent, 0, 100000, &rate) != 0)
        return gf_fail(why, GF_E_USAGE, "rates", "0 to 100000 per cent");
    options.threads = (unsigned)n_threads;
    options.rate_percent = (unsigned)rate;
    return service_run(a->office, &options, why);
}

static const struct admin_command commands[] = {
    { .name = "init",
      .words = "",
      .what = "make a head office: database, CA, keys",
      .without_office = true,
      ADMIN_OPTIONS(init_options),
      .run = run_init },
    { .name = "serve",
      .words = "",
      .what = "serve laptops until it is told to stop",
      .more =
          "It prints a line that begins with \"ready\" and tells the addresses when it listens.",
      ADMIN_OPTIONS(serve_options),
      .run = run_serve },
};

const struct admin_group admin_group_office = ADMIN_GROUP("The office", commands);
