/* api_staff.c - people and their devices; see api.h. */
#include "backend/api.h"

#include <stdio.h>
#include <string.h>

#include "backend/office_http.h"
#include "backend/office_register.h"
#include "backend/office_setting.h"
#include "common/text.h"

#define LOOKS (API_BIT(CLERK) | API_BIT(SUPERVISOR) | API_BIT(KEY_OFFICER) | API_BIT(AUDITOR))
#define ROLE_WORDS "technician|clerk|supervisor|key-officer|auditor"
#define NO_SUCH "there is no such member of the staff"

static const struct api_field staff_fields[] = {
    { .name = "staff_no", .type = API_ID, .min = 1, .max = 24, .what = "the member's number" },
    { .name = "name", .type = API_TEXT, .min = 1, .max = 95, .what = "the person's name" },
    { .name = "role", .type = API_WORD, .words = ROLE_WORDS, .what = "what they may do" },
    { .name = "added_at_ms", .type = API_INT, .what = "since when, ms since 1970" },
    { .name = "left_at_ms", .type = API_INT, .is_optional = true, .what = "since when no longer" },
};
static const struct api_message staff_message = API_MESSAGE("Staff", staff_fields);
static const struct api_message new_staff_message = {
    .name = "NewStaff", .fields = staff_fields, .n = 3 /* without the times */
};

static const struct api_field left_fields[] = {
    { .name = "revoked", .type = API_INT, .max = 1 << 20, .what = "devices that were shut out" },
};
static const struct api_message left_message = API_MESSAGE("Left", left_fields);

static const struct api_field code_fields[] = {
    { .name = "code", .type = API_SECRET, .max = 64, .what = "to be typed on the laptop" },
    { .name = "qr",
      .type = API_SECRET,
      .max = 512,
      .what = "the QR code's text, GASM-ENROL:1:<URL>:<code>: left out while the office has no URL "
              "for strangers",
      .is_optional = true },
    { .name = "expires_at_ms", .type = API_INT, .what = "until then, ms since 1970" },
};
static const struct api_message code_message = API_MESSAGE("EnrolCode", code_fields);

static const struct api_field device_fields[] = {
    { .name = "device_id", .type = API_UUID, .what = "the certificate's common name" },
    { .name = "staff_no", .type = API_ID, .min = 1, .max = 24, .what = "whose it is" },
    { .name = "name", .type = API_TEXT, .min = 1, .max = 64, .what = "what it is called" },
    { .name = "enrolled_at_ms", .type = API_INT, .what = "since when, ms since 1970" },
    { .name = "revoked_at_ms", .type = API_INT, .is_optional = true, .what = "shut out since" },
    { .name = "seen_at_ms", .type = API_INT, .is_optional = true, .what = "last synchronised" },
    { .name = "version", .type = API_TEXT, .max = 64, .what = "of its program" },
    { .name = "records", .type = API_INT, .max = INT64_MAX >> 10, .what = "that are home" },
};
static const struct api_message device_message = API_MESSAGE("Device", device_fields);

/* ---- staff ---- */

static void list_staff(struct api_call *c)
{
    api_list_rows(c,
                  odb_query(c->o->db,
                            "SELECT staff_no, name, role, added_at_ms, left_at_ms FROM staff WHERE "
                            "org_id = ?1 AND staff_no > ?2 ORDER BY staff_no LIMIT ?3",
                            ODB(ODB_T(c->after), ODB_I(c->limit + 1))),
                  &staff_message, "staff_no");
}

static void answer_member(struct api_call *c, const char *staff_no)
{
    api_one_row(c,
                odb_query(c->o->db,
                          "SELECT staff_no, name, role, added_at_ms, left_at_ms FROM staff WHERE "
                          "org_id = ?1 AND staff_no = ?2",
                          ODB(ODB_T(staff_no))),
                &staff_message, NO_SUCH);
}

static void get_staff(struct api_call *c)
{
    answer_member(c, c->words[0]);
}

/* Registered exactly so already: the first answer was lost. */
static int is_registered(struct api_call *c)
{
    int64_t n = 0;

    return odb_number(c->o->db, &n,
                      "SELECT COUNT(*) FROM staff WHERE org_id = ?1 AND staff_no = ?2 AND name = "
                      "?3 AND role = ?4 AND left_at_ms IS NULL",
                      ODB(ODB_T(api_text(c, "staff_no", "")), ODB_T(api_text(c, "name", "")),
                          ODB_T(api_text(c, "role", ""))))
                   < 0
               ? ho_db_fail(c->o)
               : n > 0;
}

static void add_staff(struct api_call *c)
{
    int r = is_registered(c);

    if (r == 0)
        r = ho_add_staff(c->o, api_text(c, "staff_no", ""), api_text(c, "name", ""),
                         api_text(c, "role", ""));
    if (r < 0)
        api_fail(c);
    else
        answer_member(c, api_text(c, "staff_no", ""));
}

/* Who leaves has no use of codes that were made for them. */
static int leave(struct office *o, void *ctx)
{
    const struct api_call *c = ctx;
    const char *staff_no = c->words[0];
    int n = odb_exec(o->db,
                     "UPDATE staff SET left_at_ms = ?3 WHERE org_id = ?1 AND staff_no = ?2 AND "
                     "left_at_ms IS NULL",
                     ODB(ODB_T(staff_no), ODB_I(ho_now_ms(o))));

    if (n < 0
        || odb_exec(o->db,
                    "UPDATE enrol_code SET expires_at_ms = ?3 WHERE org_id = ?1 AND staff_no = ?2 "
                    "AND used_at_ms IS NULL AND expires_at_ms > ?3",
                    ODB(ODB_T(staff_no), ODB_I(ho_now_ms(o))))
               < 0)
        return ho_db_fail(o);
    return n > 0 ? ho_log(o, c->who, "staff left", "%s", staff_no) : 0;
}

/* True when there is such a member (who has not left, when so wanted); else the answer is made. */
static bool is_member(struct api_call *c, bool has_to_be_here)
{
    struct odb_query *q =
        odb_query(c->o->db, "SELECT left_at_ms FROM staff WHERE org_id = ?1 AND staff_no = ?2",
                  ODB(ODB_T(c->words[0])));
    int r = odb_next(c->o->db, q);
    bool has_left = r == 1 && !odb_is_null(q, 0);

    odb_end(q);
    if (r < 0) {
        (void)ho_db_fail(c->o);
        api_fail(c);
    } else if (r == 0) {
        api_refuse(c, 404, "not_found", NULL, NO_SUCH);
    } else if (has_left && has_to_be_here) {
        api_refuse(c, 409, "left", "staff_no", "this member of the staff has left");
    } else {
        return true;
    }
    return false;
}

/* The door is shut first; devices are revoked next. Interrupted between, a repeat does the rest. */
static void post_leave(struct api_call *c)
{
    int n;

    if (!is_member(c, false))
        return;
    if (strcmp(c->words[0], c->who) == 0) {
        api_refuse(c, 409, "self", "staff_no", "nobody says that of themselves; ask a colleague");
        return;
    }
    if (ho_transaction(c->o, leave, c) < 0 || (n = ho_revoke(c->o, c->words[0])) < 0)
        api_fail(c);
    else
        api_answer(c, 200, json_pack("{s:i}", "revoked", n));
}

static void post_enrol_code(struct api_call *c)
{
    char code[HO_CODE_TEXT], url[HO_SETTING_MAX];
    json_t *json;

    if (!is_member(c, true))
        return;
    if (ho_setting_get(c->o, "public_url", url) != 0
        || ho_enrol_code(c->o, c->words[0], code) != 0) {
        api_fail(c);
        return;
    }
    json = json_pack("{s:s, s:I}", "code", code, "expires_at_ms",
                     (json_int_t)(ho_now_ms(c->o) + HO_CODE_HOURS * INT64_C(3600000)));
    if (url[0] == '\0')
        (void)gf_copy(url, sizeof url, c->o->public_url);
    if (json != NULL && url[0] != '\0')
        (void)json_object_set_new(json, "qr", json_sprintf("GASM-ENROL:1:%s:%s", url, code));
    api_answer(c, 200, json);
    gf_wipe(code, sizeof code);
}

/* ---- devices ---- */

#define DEVICE_COLUMNS                                                                             \
    "SELECT device_id, staff_no, name, enrolled_at_ms, revoked_at_ms, seen_at_ms, version, "       \
    "chain_seq FROM device WHERE org_id = ?1 AND "

static void list_devices(struct api_call *c)
{
    uint8_t after[GF_UUID_LEN] = { 0 };

    if (c->after[0] != '\0' && gf_uuid_parse(c->after, after) != 0)
        api_refuse(c, 400, "format", "after", "not what `next` of a page said");
    else
        api_list_rows(c,
                      odb_query(c->o->db,
                                DEVICE_COLUMNS "device_id > ?2 ORDER BY device_id LIMIT ?3",
                                ODB(ODB_B(after, sizeof after), ODB_I(c->limit + 1))),
                      &device_message, "device_id");
}

static void revoke_device(struct api_call *c)
{
    uint8_t id[GF_UUID_LEN];
    struct ho_device device;
    int r = gf_uuid_parse(c->words[0], id) == 0 ? ho_find_device(c->o, id, &device) : 0;

    if (r == 0) {
        api_refuse(c, 404, "not_found", NULL, "there is no such device");
        return;
    }
    if (r == 1)
        r = ho_revoke(c->o, c->words[0]);
    if (r < 0)
        api_fail(c);
    else
        api_one_row(c,
                    odb_query(c->o->db, DEVICE_COLUMNS "device_id = ?2", ODB(ODB_B(id, sizeof id))),
                    &device_message, "there is no such device");
}

static const struct api_route routes[] = {
    { .method = "GET",
      .path = "/v1/staff",
      .roles = LOOKS,
      .gives = &staff_message,
      .flags = API_LIST_ROUTE,
      .handler = list_staff,
      .what = "the members of the staff" },
    { .method = "POST",
      .path = "/v1/staff",
      .roles = API_BIT(SUPERVISOR),
      .takes = &new_staff_message,
      .gives = &staff_message,
      .handler = add_staff,
      .what = "a new member of the staff",
      .errors = "409 NOT_NOW the number is taken by another" },
    { .method = "GET",
      .path = "/v1/staff/{staff_no}",
      .roles = LOOKS,
      .gives = &staff_message,
      .handler = get_staff,
      .what = "one member of the staff",
      .errors = "404 not_found no such member" },
    { .method = "POST",
      .path = "/v1/staff/{staff_no}/leave",
      .roles = API_BIT(SUPERVISOR),
      .gives = &left_message,
      .handler = post_leave,
      .what = "a member leaves: all of their devices are shut out",
      .errors = "404 not_found no such member|409 self of oneself" },
    { .method = "POST",
      .path = "/v1/staff/{staff_no}/enrol-code",
      .roles = API_BIT(KEY_OFFICER),
      .gives = &code_message,
      .handler = post_enrol_code,
      .what = "a one-time code for a laptop, good for 24 hours",
      .errors = "404 not_found no such member|409 left the member has left" },
    { .method = "GET",
      .path = "/v1/devices",
      .roles = API_BIT(KEY_OFFICER) | API_BIT(SUPERVISOR) | API_BIT(AUDITOR),
      .gives = &device_message,
      .flags = API_LIST_ROUTE,
      .handler = list_devices,
      .what = "enrolled laptops" },
    { .method = "POST",
      .path = "/v1/devices/{device_id}/revoke",
      .roles = API_BIT(KEY_OFFICER),
      .gives = &device_message,
      .handler = revoke_device,
      .what = "shut a laptop out; tickets that it holds are voided by the next ones",
      .errors = "404 not_found no such device" },
};

const struct api_part api_part_staff = { .name = "staff",
                                         .routes = routes,
                                         .n = sizeof routes / sizeof routes[0] };
