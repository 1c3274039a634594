/* main.c - gasoffice: head office's service and its administration; docs/office.md is its manual.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/admin.h"
#include "backend/http_srv.h"
#include "backend/office_http.h"
#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"

#define TIMEOUT_S 30
#define LIFETIME_S 600      /* of a laptop's connection */
#define LIFETIME_ENROL_S 60 /* of a stranger's */
#define CONNECTIONS_MAX 512

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

static int admin_serve(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *listen[1], *enrol[1], *told[1];
    struct admin_option options[] = { { "--listen", true, listen, 1, 0 },
                                      { "--public-listen", true, enrol, 1, 0 },
                                      { "--url", true, told, 1, 0 } };
    struct admin_args args = { .argv = argv, .options = options, .n_options = 3 };
    char url[HO_URL_MAX], enrol_url[HO_URL_MAX];
    struct http_srv *srv = NULL;
    int r = admin_args(&args, why);

    if (r == 0 && (options[0].n == 0 || options[1].n == 0))
        r = gf_fail(why, GF_E_USAGE, "serve", "--listen and --public-listen are needed");
    if (r == 0 && (srv = http_srv_new()) == NULL)
        r = gf_fail(why, GF_E_MEMORY, "serve", "");
    if (r == 0)
        r = listen_on(a, srv, listen[0], true, url, why);
    if (r == 0)
        r = listen_on(a, srv, enrol[0], false, enrol_url, why);
    if (r == 0 && !office_set_url(a->office, options[2].n > 0 ? told[0] : url))
        r = gf_fail(why, GF_E_SPACE, "url", "at most 255 bytes");
    if (r == 0) {
        (void)fprintf(a->out, "ready URL=%s PUBLIC=%s\n", url, enrol_url);
        (void)fflush(a->out);
        r = http_srv_run(srv);
    }
    (void)http_srv_free(srv);
    return r;
}

static const struct admin_command commands[] = {
    { "init", "[--host NAME]...", "make a head office: database, CA, keys", false, admin_init },
    { "serve",
      "--listen HOST:PORT --public-listen HOST:PORT [--url URL]\n"
      "       URL: what laptops are told to synchronise with, when that is not the address of "
      "--listen",
      "serve laptops until it is told to stop", true, admin_serve },
    { "add-staff", "NUMBER NAME ROLE",
      "a new member: technician, clerk, supervisor, key-officer, auditor", true, admin_add_staff },
    { "enrol", "STAFF", "print a one-time code for a laptop, good for 24 hours", true,
      admin_enrol },
    { "revoke", "DEVICE", "shut a laptop out: its id, or a member's number for all of theirs", true,
      admin_revoke },
    { "import-meters", "FILE --transport-key KEYFILE", "register a manufacturer's shipment", true,
      admin_import_meters },
    { "import-customers", "FILE", "register customers and their supply points", true,
      admin_import_customers },
    { "work-order",
      "METER SUPPLY_POINT STAFF [--due DATE] [--priority N] [--number J-0001]\n"
      "       [--purge-l N] [--purge-s N] [--param ID=VALUE]... [--note TEXT]",
      "order an account opening; prints its number", true, admin_work_order },
    { "label", "METER [--png FILE] [--scale N] [--ascii]", "draw a meter's QR code", true,
      admin_label },
    { "audit", "[--json]", "prove what the records can prove", true, admin_audit },
    { "show", "meters|orders|receipts|accounts|devices [--json]", "list a register", true,
      admin_show },
    { "verify-certificate", "FILE", "check a certificate as gasfitter printed it", true,
      admin_verify_certificate },
};

static void print_help(FILE *out)
{
    (void)fputs("usage: gasoffice [--dir DIR] COMMAND ...\n\n", out);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(out, "  %-20s %s\n", commands[i].name, commands[i].help);
    (void)fputs(
        "\nDIR is ./office unless said. `gasoffice COMMAND --help` tells a command's arguments.\n",
        out);
}

static int run(const struct admin_command *command, struct admin *a, const char *const *argv,
               struct gf_fail *why)
{
    int r = 0;

    for (const char *const *arg = argv; *arg != NULL; arg++)
        if (strcmp(*arg, "--help") == 0) {
            (void)fprintf(a->out, "usage: gasoffice [--dir DIR] %s %s\n%s\n", command->name,
                          command->args, command->help);
            return 0;
        }
    if (command->needs_office)
        r = office_open(a->dir, a->ports, &a->office, why);
    if (r == 0)
        r = command->run(a, argv, why);
    a->office = office_close(a->office);
    return r;
}

int main(int argc, char **argv)
{
    const struct office_ports ports = { gf_real_clock(), gf_real_random(), mc_crypto_openssl() };
    struct admin a = { .dir = "office", .ports = &ports, .out = stdout };
    struct gf_fail why = { 0 };
    int at = 1, r = GF_E_USAGE;

    gf_std_files();
    (void)umask(077);
    if (argc > 2 && strcmp(argv[1], "--dir") == 0) {
        a.dir = argv[2];
        at = 3;
    }
    if (at < argc && strcmp(argv[at], "--help") == 0) {
        print_help(stdout);
        return 0;
    }
    for (size_t i = 0; at < argc && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, argv[at]) == 0) {
            r = run(&commands[i], &a, (const char *const *)argv + at + 1, &why);
            break;
        }
    if (r == GF_E_USAGE && why.code == 0)
        (void)gf_fail(&why, r, at < argc ? "there is no command" : "a command is wanted",
                      at < argc ? argv[at] : "");
    if (r >= 0 && fflush(stdout) != 0)
        (void)gf_fail(&why, r = GF_E_FILE, "standard output", "cannot be written");
    return r >= 0 ? 0 : gf_report("gasoffice", &why);
}
