/* admin_staff.c - the commands that change registers: staff and devices; see admin.h. */
#include "backend/admin.h"
#include "backend/office_http.h"
#include "backend/office_register.h"

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
};

const struct admin_group admin_group_staff = ADMIN_GROUP("Staff and devices", commands);
