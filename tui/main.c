/* main.c - gasfitter: the technician's program, and the one place where real things are made. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/bytes.h"
#include "common/host/real.h"
#include "common/host/rfkill.h"
#include "common/text.h"
#include "common/version.h"
#include "meter-core/port/openssl/crypto.h"
#include "tui/identity.h"
#include "tui/meter.h"
#include "tui/passphrase.h"
#include "tui/program.h"

#define PATH_CAP 512

static int data_folder(const struct options *opt, char ret[static PATH_CAP], struct gf_fail *why)
{
    const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n;

    if (opt->data != NULL)
        n = snprintf(ret, PATH_CAP, "%s", opt->data);
    else if (xdg != NULL && xdg[0] == '/')
        n = snprintf(ret, PATH_CAP, "%s/gasfitter", xdg);
    else if (home != NULL && home[0] == '/')
        n = snprintf(ret, PATH_CAP, "%s/.local/share/gasfitter", home);
    else
        return gf_fail(why, GF_E_USAGE, "data", "HOME is not set: name the folder with --data");
    return n < PATH_CAP ? 0 : gf_fail(why, GF_E_SPACE, "data", "the path is too long");
}

static int open_store(struct program *p, const struct command *cmd, struct gf_fail *why)
{
    uint8_t passphrase[PASSPHRASE_MAX];
    char folder[PATH_CAP], file[PATH_CAP + 16];
    struct stat st;
    bool make;
    int n = data_folder(&p->opt, folder, why);

    if (n < 0)
        return n;
    (void)snprintf(file, sizeof file, "%s/gasfitter.db", folder);
    make = stat(file, &st) != 0 && errno == ENOENT;
    if (make && cmd->fn != command_enrol)
        return gf_fail(why, GF_E_NOT_ENROLLED, "data", folder);
    n = passphrase_get(p->opt.passphrase_file, make, passphrase, why);
    if (n < 0)
        return n;

    struct db_config cfg = {
        .folder = folder,
        .passphrase = passphrase,
        .passphrase_len = (size_t)n,
        .clock = p->ports.clock,
        .random = p->ports.random,
    };

    n = db_open(&cfg, &p->db, why);
    gf_wipe(passphrase, sizeof passphrase);
    if (n == 0)
        p->ports.store = db_port(p->db);
    return n;
}

static int open_office(struct program *p, struct gf_fail *why)
{
    struct office_enrol_result id;
    int r = identity_get(p->db, &id);

    if (r == 1) {
        struct office_client_config cfg = {
            .url = id.url,
            .ca_pem = id.ca_pem,
            .cert_pem = id.cert_pem,
            .key_pem = id.key_pem,
            .sign_pem = id.sign_pem,
            .device_id = id.device_id,
            .user_agent = "gasfitter/" GF_VERSION,
        };

        p->office = office_client_new(&cfg, why);
        r = p->office != NULL ? 0 : why->code;
    } else if (r == 0) {
        r = gf_fail(why, GF_E_NOT_ENROLLED, "sync", "");
    } else {
        (void)gf_fail(why, r, "store", db_last_fail(p->db)->detail);
    }
    gf_wipe(&id, sizeof id);
    if (r != 0)
        return r;
    p->ports.office = office_client_port(p->office);
    p->env.sources[p->env.n_sources++] = office_client_source(p->office);
    p->env.sync = sync_new(&p->ports);
    return p->env.sync != NULL ? 0 : gf_fail(why, GF_E_MEMORY, "sync", "");
}

static int open_radio(struct program *p, struct gf_fail *why)
{
    struct bt_central_config cfg = {
        .bus_address = p->opt.bus, .adapter_address = p->opt.adapter, .clock = p->ports.clock,
        .is_blocked = gf_rfkill_is_blocked,
    };

    p->bt = bt_central_new(&cfg);
    if (p->bt == NULL)
        return gf_fail(why, GF_E_MEMORY, "radio", "");
    p->ports.link = bt_central_port(p->bt);
    p->env.sources[p->env.n_sources++] = bt_central_source(p->bt);
    p->env.run = run_new(&p->ports, p->env.sync);
    return p->env.run != NULL ? 0 : gf_fail(why, GF_E_MEMORY, "run", "");
}

static int open_world(struct program *p, const struct command *cmd, struct gf_fail *why)
{
    int r = tui_signals_open(&p->stop, &p->signals);

    if (r < 0)
        return gf_fail(why, r, "signals", "");
    tui_work_source(&p->env, &p->work);
    p->env.sources[p->env.n_sources++] = &p->work;
    p->env.sources[p->env.n_sources++] = &p->signals;
    r = open_office(p, why);
    if (r == 0 && (cmd->needs & NEEDS_WORLD_RADIO) != 0)
        r = open_radio(p, why);
    return r;
}

/* --trace: also after a failure, which is what a trace is for. */
static int write_trace(struct program *p, struct gf_fail *why)
{
    struct gf_span file;

    if (p->opt.trace == NULL || p->bt == NULL)
        return 0;
    file = bt_central_trace(p->bt);
    return gf_file_write(p->opt.trace, file.p, file.n, 0600, why);
}

static void close_all(struct program *p)
{
    p->env.run = run_free(p->env.run);
    p->env.sync = sync_free(p->env.sync);
    p->bt = bt_central_free(p->bt);
    p->office = office_client_free(p->office);
    p->db = db_close(p->db);
    tui_signals_close(&p->signals);
}

/* Everything between the command line and the exit status. */
static int work(struct program *p, const struct command *cmd, struct gf_fail *why)
{
    struct gf_fail trace_why;           /* of a trace, when there is a failure to tell already */
    int64_t rate = 1;
    int r = 0, traced;

    if (p->opt.clock_rate != NULL && gf_parse_int(p->opt.clock_rate, 1, 10000, &rate) < 0)
        return gf_fail(why, GF_E_USAGE, "clock-rate", p->opt.clock_rate);
    gf_real_clock_rate((unsigned)rate);
    p->ports.clock = gf_real_clock();
    p->ports.random = gf_real_random();
    p->ports.crypto = mc_crypto_openssl();
    p->env = (struct tui_env){
        .ports = &p->ports,
        .stop = &p->stop,
        .camera = p->opt.camera,
    };
    if ((cmd->needs & NEEDS_STORE) != 0)
        r = open_store(p, cmd, why);
    if (r == 0 && (cmd->needs & NEEDS_WORLD_SYNC) != 0)
        r = open_world(p, cmd, why);
    if (r == 0)
        r = cmd->fn(p, why);
    traced = write_trace(p, r == 0 ? why : &trace_why);
    close_all(p);
    return r != 0 ? r : traced;
}

int main(int argc, char **argv)
{
    static struct program p;
    const struct command *cmd = NULL;
    struct gf_fail why = {0};
    int r;

    gf_std_files();
    (void)setlocale(LC_ALL, "");
    r = program_parse(&p, argc, argv, &cmd, &why);
    if (r == 0 && p.opt.version) {
        (void)printf("gasfitter %s\n", GF_VERSION);
        return 0;
    }
    if (r == 0 && p.opt.help) {
        program_help(cmd);
        return 0;
    }
    if (r == 0)
        r = work(&p, cmd, &why);
    if (r == 0)
        return fflush(stdout) == 0 ? 0 : 1;
    (void)gf_fail(&why, r, cmd != NULL ? cmd->name : "", "");
    return p.opt.json ? json_report(&why) : gf_report("gasfitter", &why);
}
