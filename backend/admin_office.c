/* admin_office.c - the commands that make a head office and serve it; see admin.h. */
#include <string.h>

#include "backend/admin_keys.h"
#include "backend/http_srv.h"
#include "backend/office_http.h"

#define TIMEOUT_S 30
#define LIFETIME_S 600      /* of a laptop's connection */
#define LIFETIME_ENROL_S 60 /* of a stranger's */
#define CONNECTIONS_MAX 512
#define HOSTS_MAX 14

/* ---- init ---- */

static const struct admin_option init_options[] = {
    { "host", "NAME", "a further name or address of the service, for its certificate", HOSTS_MAX,
      false },
    { "db", "URL", "postgresql://...: its database; a file in the folder unless said", 0, false },
    { "master", "KIND", "where the master key is kept: file, passphrase or pkcs11; file", 0, false },
    ADMIN_KEYS_OPTIONS,
};

static int run_init(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *hosts[HOSTS_MAX];
    const char *kind = admin_value(args, "master");
    size_t n = admin_values(args, "host", hosts, HOSTS_MAX);
    struct keys_source master;
    const struct office_setup setup = { .db = admin_value(args, "db"), .master = &master };
    int r = admin_keys_source(a, args, kind != NULL ? kind : "file", &master, why);

    if (r == 0)
        r = office_init_with(a->dir, hosts, n, &setup, a->ports, why);
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
    { "public-listen", "HOST:PORT", "where anybody is served: enrolling", 0, true },
    { "url", "URL", "what laptops are told to synchronise with; the address of --listen unless said",
      0, false },
};

static void handle(void *ctx, const struct http_request *request, struct http_response *ret)
{
    office_handle(ctx, request, ret);
}

/* "127.0.0.1:4433", "[::1]:4433" into host and port. False when it is neither. */
static bool split_address(const char *text, char *host, size_t cap, const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;

    if (n == 0 || colon[1] == '\0')
        return false;
    if (text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n == 0 || n >= cap)
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    *ret_port = colon + 1;
    return true;
}

/* Listen on one address; the URL goes to ret. */
static int listen_on(struct admin *a, struct http_srv *srv, const char *address, bool is_mutual,
                     char ret[static HO_URL_MAX], struct gf_fail *why)
{
    char cert[4096], key[4096], ca[4096], host[64], at[HTTP_ADDRESS_MAX];
    struct http_listen how = {
        .cert_file = cert,
        .key_file = key,
        .ca_file = is_mutual ? ca : NULL,
        .body_max = is_mutual ? HO_SYNC_BODY_MAX : HO_ENROL_BODY_MAX,
        .timeout_s = TIMEOUT_S,
        .lifetime_s = is_mutual ? LIFETIME_S : LIFETIME_ENROL_S,
        .connections_max = CONNECTIONS_MAX,
        .handler = { a->office, handle },
    };

    if (!split_address(address, host, sizeof host, &how.port))
        return gf_fail(why, GF_E_USAGE, "an address is HOST:PORT, not", address);
    how.host = host;
    if (ho_path(a->dir, HO_SERVER_PEM, cert, sizeof cert) != 0
        || ho_path(a->dir, HO_SERVER_KEY, key, sizeof key) != 0
        || ho_path(a->dir, HO_CA_PEM, ca, sizeof ca) != 0)
        return gf_fail(why, GF_E_SPACE, "folder", a->dir);

    int r = http_srv_listen(srv, &how, at, why);
    if (r == 0)
        (void)snprintf(ret, HO_URL_MAX, "https://%s", at);
    return r;
}

static void tell_ready(struct admin *a, const char *url, const char *public_url)
{
    if (a->json)
        (void)fprintf(a->out, "{\"ready\": true, \"url\": \"%s\", \"public_url\": \"%s\"}\n", url,
                      public_url);
    else
        (void)fprintf(a->out, "ready URL=%s PUBLIC=%s\n", url, public_url);
    (void)fflush(a->out);
}

static int run_serve(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *told = admin_value(args, "url");
    char url[HO_URL_MAX], public_url[HO_URL_MAX];
    struct http_srv *srv = http_srv_new();
    int r = srv != NULL ? 0 : gf_fail(why, GF_E_MEMORY, "serve", "");

    if (r == 0)
        r = listen_on(a, srv, admin_value(args, "listen"), true, url, why);
    if (r == 0)
        r = listen_on(a, srv, admin_value(args, "public-listen"), false, public_url, why);
    if (r == 0 && !office_set_url(a->office, told != NULL ? told : url))
        r = gf_fail(why, GF_E_SPACE, "url", "at most 255 bytes");
    if (r == 0) {
        tell_ready(a, url, public_url);
        r = http_srv_run(srv);
    }
    (void)http_srv_free(srv);
    return r;
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
      .more = "It prints a line that begins with \"ready\" and tells the addresses when it listens.",
      ADMIN_OPTIONS(serve_options),
      .run = run_serve },
};

const struct admin_group admin_group_office = ADMIN_GROUP("The office", commands);
