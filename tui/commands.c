/* commands.c - what the commands of gasfitter do; see program.h, and options.c for their table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/text.h"
#include "common/version.h"
#include "field/procedure.h"
#include "tui/app.h"
#include "tui/headless.h"
#include "tui/identity.h"
#include "tui/jobs.h"
#include "tui/meter.h"
#include "tui/plain.h"
#include "tui/program.h"
#include "tui/scan.h"

/* Line mode also where no screen can be drawn. */
int command_app(struct program *p, struct gf_fail *why)
{
    const char *term = getenv("TERM");
    struct ui_config ui = {
        .in = stdin, .out = stdout, .no_color = p->opt.no_color, .ascii = p->opt.ascii};

    if (p->opt.plain || isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0 || term == NULL ||
        term[0] == '\0' || strcmp(term, "dumb") == 0)
        return tui_plain(&p->env, STDIN_FILENO, stdout, why);
    return tui_app(&p->env, &ui, why);
}

int command_enrol(struct program *p, struct gf_fail *why)
{
    struct office_enrol_result id;
    char name[65] = "", text[160];
    struct office_enrol_request req = {
        .url = p->args[0],
        .code = p->args[1],
        .name = name,
        .user_agent = "gasfitter/" GF_VERSION,
    };
    int r = identity_get(p->db, &id);

    if (r == 1) {
        (void)snprintf(
            text, sizeof text,
            "this laptop is device %s of %.40s already; another --data folder is another laptop",
            id.device_id, id.staff);
        r = gf_fail(why, GF_E_NOT_NOW, "enrol", text);
    } else if (r == 0) {
        if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
            (void)gf_copy(name, sizeof name, "laptop");
        r = office_enrol(&req, &id, why);
        if (r == 0)
            r = identity_put(p->db, &id);
        if (r == 0)
            (void)printf("enrolled: device %s of %s, head office at %s\n", id.device_id, id.staff,
                         id.url);
    }
    gf_wipe(&id, sizeof id);
    return r;
}

/* How far the round has come, to who sits at a terminal; over itself. */
static void tell_progress(const struct sync_view *v, int64_t utc_ms, char last[static 96])
{
    char text[96];

    if (isatty(STDERR_FILENO) == 0 || v->phase != SYNC_RUNNING ||
        strcmp(office_text(v, utc_ms, text, sizeof text), last) == 0)
        return;
    (void)gf_copy(last, 96, text);
    (void)fprintf(stderr, "\r%-60s (Ctrl-C stops)", text);
}

int command_sync(struct program *p, struct gf_fail *why)
{
    const struct store_port *store = p->ports.store;
    const struct sync_view *v;
    struct outbox_counts before = {0}, after = {0};
    const struct gf_clock *clock = p->ports.clock;
    uint64_t round;
    char text[120], told[96] = "";
    int r = store->outbox_counts(store->ctx, &before);

    if (r < 0)
        return gf_fail(why, r, "outbox", db_last_fail(p->db)->detail);
    sync_now(p->env.sync);
    round = sync_round_wanted(p->env.sync);
    while (sync_rounds_ended(p->env.sync) < round &&
           sync_view(p->env.sync)->phase != SYNC_REVOKED) {
        if (p->stop > 0) {
            (void)sync_cancel(p->env.sync);
            r = gf_fail(why, GF_E_CANCELLED, "sync", "by a signal");
            break;
        }
        tell_progress(sync_view(p->env.sync), clock->utc_ms(clock->ctx), told);
        tui_wait(&p->env, NULL, -1);
    }
    if (told[0] != '\0')
        (void)fprintf(stderr, "\n");
    if (r < 0)
        return r;
    v = sync_view(p->env.sync);
    if (v->phase == SYNC_REVOKED)
        return gf_fail(why, GF_E_REVOKED, "sync", v->fail.detail);
    if (v->fail.code != 0)
        return gf_fail(why, v->fail.code, v->fail.where, v->fail.detail);
    r = store->outbox_counts(store->ctx, &after);
    if (r < 0)
        return gf_fail(why, r, "outbox", db_last_fail(p->db)->detail);
    (void)printf("synchronised: %" PRIu64 " acknowledged, %" PRIu64 " refused, %" PRIu64
                 " on this laptop only\n",
                 after.acknowledged - before.acknowledged, after.refused - before.refused,
                 after.waiting);
    if (after.refused == before.refused && after.waiting == 0)
        return 0;
    (void)snprintf(text, sizeof text,
                   "%" PRIu64 " records refused, %" PRIu64 " wait; gasfitter outbox says why",
                   after.refused - before.refused, after.waiting);
    return gf_fail(why, GF_E_OFFICE_REFUSED, "sync", text);
}

int command_jobs(struct program *p, struct gf_fail *why)
{
    int n = jobs_print(stdout, p->ports.store);

    return n < 0 ? gf_fail(why, n, "jobs", db_last_fail(p->db)->detail) : 0;
}

int command_outbox(struct program *p, struct gf_fail *why)
{
    int n = outbox_print(stdout, p->ports.store);

    return n < 0 ? gf_fail(why, n, "outbox", db_last_fail(p->db)->detail) : 0;
}

int command_certificate(struct program *p, struct gf_fail *why)
{
    sync_Certificate c = sync_Certificate_init_zero;
    sync_Job job = sync_Job_init_zero;
    char hex[2 * sizeof c.signature.bytes + 1];
    int r;

    if (p->opt.job == NULL)
        return gf_fail(why, GF_E_USAGE, "certificate", "--job ID says of which job");
    r = p->ports.store->job(p->ports.store->ctx, p->opt.job, &job);
    if (r < 0)
        return gf_fail(why, r, "job", p->opt.job);
    r = p->ports.store->certificate(p->ports.store->ctx, job.id, &c);
    if (r < 0)
        return gf_fail(why, r, "certificate", p->opt.job);
    if (r == 0)
        return gf_fail(why, GF_E_NOT_NOW, "certificate",
                       "head office has not issued it yet: finish the job, then synchronise");
    gf_hex(c.signature.bytes, c.signature.size, hex);
    (void)printf("%s%ssignature: %s\n", c.text,
                 c.text[0] != '\0' && c.text[strlen(c.text) - 1] == '\n' ? "" : "\n", hex);
    return 0;
}

/* These commands look through no camera: say so, and what does. */
static int refuse_camera(const struct program *p, const char *where, struct gf_fail *why)
{
    if (p->opt.camera == NULL)
        return 0;
    return gf_fail(why, GF_E_USAGE, where,
                   "it looks through no camera: gasfitter scan prints the text for --label");
}

int command_run(struct program *p, struct gf_fail *why)
{
    struct headless_how how = {
        .procedure = p->args[0], .job = p->opt.job, .image = p->opt.image, .label = p->opt.label,
        .answers = p->opt.answers, .out = stdout,
    };

    if (procedure_find(how.procedure) == NULL)
        return gf_fail(why, GF_E_USAGE, "run", "there is no such procedure");
    if (how.job == NULL)
        return gf_fail(why, GF_E_USAGE, "run", "--job ID says for which job");
    if (how.image != NULL && how.label != NULL)
        return gf_fail(why, GF_E_USAGE, "run", "--image and --label exclude each other");
    if (refuse_camera(p, "run", why) != 0)
        return why->code;
    return tui_headless(&p->env, &how, why);
}

int command_meter(struct program *p, struct gf_fail *why)
{
    struct meter_how how = {
        .meter_id = p->opt.meter, .job = p->opt.job, .words = p->args, .n_words = p->n_args,
        .confirm = p->opt.confirm, .json = p->opt.json, .out = stdout, .err = stderr,
    };
    char text[GF_LABEL_TEXT];
    struct gf_label label = {0};
    int r = 0;

    if ((p->opt.label != NULL) + (p->opt.image != NULL) + (p->opt.meter != NULL) > 1)
        return gf_fail(why, GF_E_USAGE, "meter", "--meter, --label and --image exclude each other");
    if (refuse_camera(p, "meter", why) != 0)
        return why->code;
    if (p->opt.image != NULL)
        r = scan_label_file(p->opt.image, text, why);
    if (r == 0 && (p->opt.image != NULL || p->opt.label != NULL)) {
        r = gf_label_parse(p->opt.image != NULL ? text : p->opt.label, &label, why);
        how.meter_id = label.meter_id;
        how.address = label.address;
    } else if (r == 0 && p->opt.meter != NULL) {
        r = gf_meter_id_check(p->opt.meter, why);
    }
    return r < 0 ? r : tui_meter(&p->env, &how, why);
}
