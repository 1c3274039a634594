/* admin_staff.c - the commands that change registers: staff and devices; see admin.h. */
#include <string.h>

#include "backend/admin.h"
#include "backend/office_http.h"
#include "backend/office_register.h"
#include "backend/office_setting.h"
#include "common/bytes.h"
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

static const struct admin_option enrol_options[] = {
    { "qr", NULL, "draw the QR code that gasfitter scans: the code with the service's URL", 0,
      false },
    { "url", "URL", "the service for strangers; the setting public_url unless said", 0, false },
    ADMIN_CODE_OPTIONS,
};

/* What the QR code of an enrolment begins with: "GASM-ENROL:1:URL:". */
static int enrol_head(struct admin *a, const struct admin_args *args, char *ret, size_t cap,
                      struct gf_fail *why)
{
    char url[HO_SETTING_MAX];
    const char *told = admin_value(args, "url");
    int r = 0;

    if (told == NULL)
        r = admin_failed(a, ho_setting_get(a->office, "public_url", url), why);
    else if (!ho_is_url(told) || !gf_copy(url, sizeof url, told))
        r = gf_fail(why, GF_E_USAGE, "url", "https://name:port is wanted");
    if (r == 0 && url[0] == '\0')
        r = gf_fail(why, GF_E_USAGE, "url", "say --url, or choose the setting public_url");
    if (r == 0)
        (void)snprintf(ret, cap, "GASM-ENROL:1:%s:", url);
    return r;
}

static int run_enrol(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    bool is_drawn = admin_has(args, "qr") || admin_has(args, "png") || admin_has(args, "svg");
    char code[HO_CODE_TEXT], text[HO_SETTING_MAX + HO_CODE_TEXT + 32] = "";
    int r = is_drawn ? enrol_head(a, args, text, HO_SETTING_MAX + 32, why) : 0;

    if (r == 0)
        r = admin_failed(a, ho_enrol_code(a->office, args->words[0], code), why);
    if (r != 0)
        return r;
    if (is_drawn) {
        (void)gf_copy(text + strlen(text), HO_CODE_TEXT, code);
        r = admin_code(a, args, text, why);
    }
    if (r == 0 && a->json)
        r = admin_json(a,
                       json_pack("{s:s, s:s, s:s*}", "staff_no", args->words[0], "code", code, "qr",
                                 is_drawn ? text : NULL),
                       why);
    else if (r == 0)
        (void)fprintf(a->out, "%s\n", code);
    gf_wipe(text, sizeof text);
    gf_wipe(code, sizeof code);
    return r;
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

static const struct admin_command commands[] = {
    { .name = "add-staff",
      .words = "NUMBER NAME ROLE",
      .what = "a new member: technician, clerk, supervisor, key-officer, auditor",
      .run = run_add_staff },
    { .name = "enrol",
      .words = "STAFF",
      .what = "print a one-time code for a laptop, good for 24 hours",
      ADMIN_OPTIONS(enrol_options),
      .run = run_enrol },
    { .name = "revoke",
      .words = "DEVICE",
      .what = "shut a laptop out: its id, or a member's number for all of theirs",
      .run = run_revoke },
};

const struct admin_group admin_group_staff = ADMIN_GROUP("Staff and devices", commands);
