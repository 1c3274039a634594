/* admin_registers.c - the commands that change registers: staff, devices, imports; see admin.h. */
#include <errno.h>
#include <string.h>

#include "backend/admin.h"
#include "backend/office_http.h"
#include "backend/office_register.h"
#include "common/host/real.h"
#include "common/text.h"

static int run_add_staff(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *const *w = args->words;
    int r = admin_failed(a, ho_add_staff(a->office, w[0], w[1], w[2]), why);

    if (r != 0)
        return r;
    if (a->json)
        return admin_json(
            a, json_pack("{s:s, s:s, s:s}", "staff_no", w[0], "name", w[1], "role", w[2]), why);
    (void)fprintf(a->out, "%s %s, %s\n", w[0], w[1], w[2]);
    return 0;
}

static int run_enrol(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    char code[HO_CODE_TEXT];
    int r = admin_failed(a, ho_enrol_code(a->office, args->words[0], code), why);

    if (r != 0)
        return r;
    if (a->json)
        return admin_json(a, json_pack("{s:s, s:s}", "staff_no", args->words[0], "code", code), why);
    (void)fprintf(a->out, "%s\n", code);
    return 0;
}

static int run_revoke(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    int n = ho_revoke(a->office, args->words[0]), r = admin_failed(a, n, why);

    if (r != 0)
        return r;
    if (a->json)
        return admin_json(a, json_pack("{s:i}", "revoked", n), why);
    (void)fprintf(a->out, "%d %s revoked\n", n, n == 1 ? "device" : "devices");
    return 0;
}

/* ---- imports ---- */

/* Open a file, import it, say what was done. */
static int import_file(struct admin *a, const char *path, const uint8_t *transport_key,
                       struct gf_fail *why)
{
    struct ho_imported counts = { 0 };
    char detail[160];
    FILE *in = fopen(path, "rbe");

    if (in == NULL) {
        (void)snprintf(detail, sizeof detail, "%.100s: %s", path, strerror(errno));
        return gf_fail(why, GF_E_FILE, "file", detail);
    }
    int r = admin_failed(a,
                         transport_key != NULL
                             ? ho_import_meters(a->office, in, transport_key, &counts)
                             : ho_import_customers(a->office, in, &counts),
                         why);
    (void)fclose(in); /* was only read */
    if (r != 0)
        return r;
    if (a->json)
        return admin_json(a,
                          json_pack("{s:I, s:I, s:I}", "added", (json_int_t)counts.added, "changed",
                                    (json_int_t)counts.changed, "same", (json_int_t)counts.same),
                          why);
    (void)fprintf(a->out, "%u added, %u changed, %u the same\n", counts.added, counts.changed,
                  counts.same);
    return 0;
}

/* A file of 64 hex digits, and white space behind them. */
static int read_transport_key(const char *path, uint8_t ret[static HO_KEY_LEN], struct gf_fail *why)
{
    char text[2 * HO_KEY_LEN + 8];
    int n = gf_file_read(path, (uint8_t *)text, sizeof text - 1, why);

    if (n < 0)
        return n;
    text[n] = '\0';
    text[strcspn(text, " \t\r\n")] = '\0';

    int r = gf_unhex(text, ret, HO_KEY_LEN);
    gf_wipe(text, sizeof text);
    return r == 0
               ? 0
               : gf_fail(why, GF_E_FORMAT, "transport key", "the file has to hold 64 hex digits");
}

static const struct admin_option meters_options[] = {
    { "transport-key", "KEYFILE", "the file of 64 hex digits that the manufacturer's keys are wrapped with",
      0, true },
};

static int run_import_meters(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    uint8_t key[HO_KEY_LEN];
    int r = read_transport_key(admin_value(args, "transport-key"), key, why);

    if (r == 0)
        r = import_file(a, args->words[0], key, why);
    gf_wipe(key, sizeof key);
    return r;
}

static int run_import_customers(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    return import_file(a, args->words[0], NULL, why);
}

static const struct admin_command commands[] = {
    { .name = "add-staff",
      .words = "NUMBER NAME ROLE",
      .what = "a new member: technician, clerk, supervisor, key-officer, auditor",
      .run = run_add_staff },
    { .name = "enrol",
      .words = "STAFF",
      .what = "print a one-time code for a laptop, good for 24 hours",
      .run = run_enrol },
    { .name = "revoke",
      .words = "DEVICE",
      .what = "shut a laptop out: its id, or a member's number for all of theirs",
      .run = run_revoke },
    { .name = "import-meters",
      .words = "FILE",
      .what = "register a manufacturer's shipment",
      ADMIN_OPTIONS(meters_options),
      .run = run_import_meters },
    { .name = "import-customers",
      .words = "FILE",
      .what = "register customers and their supply points",
      .run = run_import_customers },
};

const struct admin_group admin_group_registers = ADMIN_GROUP("Registers", commands);
