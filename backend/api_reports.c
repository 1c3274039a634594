/* api_reports.c - routes of reports, the audit and its log; see api.h. */
#include "backend/report.h"

#define READERS (API_BIT(CLERK) | API_BIT(SUPERVISOR) | API_BIT(AUDITOR))

/* ---- reports ---- */

/* A report, or why there is none; not registered is 404. */
static void answer(struct api_call *c, int r, json_t *report)
{
    if (r == 0)
        api_answer(c, 200, report);
    else if (r == GF_E_UNREGISTERED)
        api_refuse(c, 404, "not_found", "meter_id", "this meter is not registered");
    else if (r == GF_E_RANGE)
        api_refuse(c, 404, "not_found", "staff_no", "there is no such member of the staff");
    else
        api_fail(c);
}

static void get_day(struct api_call *c)
{
    json_t *report = NULL;
    int r = report_day(c->o, c->words[0], &report);

    answer(c, r, report);
}

static void get_technician(struct api_call *c)
{
    json_t *report = NULL;
    int r = report_technician(c->o, c->words[0], &report);

    answer(c, r, report);
}

static void get_meter(struct api_call *c)
{
    json_t *report = NULL;
    int r = report_meter(c->o, c->words[0], &report);

    answer(c, r, report);
}

static const struct api_field overdue_query_fields[] = {
    { .name = "before",
      .type = API_DATE,
      .is_optional = true,
      .what = "whose verification will have ended before this day; today unless said" },
};
static const struct api_message overdue_query = API_MESSAGE("OverdueQuery", overdue_query_fields);

static void list_overdue(struct api_call *c)
{
    const char *before = json_string_value(json_object_get(c->asked, "before"));
    json_t *page = NULL;
    int r = report_overdue(c->o, before, c->after, c->limit, &page);

    answer(c, r, page);
}

/* ---- the audit ---- */

static void get_audit(struct api_call *c)
{
    struct ho_audit audit;
    json_t *report = NULL;
    int r = ho_audit_run(c->o, &audit);

    if (r == 0 && (report = report_audit(&audit)) == NULL)
        r = ho_fail(c->o, GF_E_MEMORY, "audit", "");
    ho_audit_free(&audit);
    answer(c, r, report);
}

static const struct api_field log_fields[] = {
    { .name = "n", .type = API_INT, .what = "number of the row" },
    { .name = "at_ms", .type = API_INT, .what = "when, ms since 1970" },
    { .name = "who", .type = API_TEXT, .max = 64, .what = "who did it" },
    { .name = "what", .type = API_TEXT, .max = 64, .what = "what was done" },
    { .name = "detail", .type = API_TEXT, .max = 256, .what = "on what" },
    { .name = "hash", .type = API_HEX, .max = 32, .what = "over this row and the one before it" },
};
static const struct api_message log_message = API_MESSAGE("LogRow", log_fields);

static void list_log(struct api_call *c)
{
    int64_t after;

    if (!api_after_number(c, 0, &after))
        return;
    api_list_rows(c,
                  odb_query(c->o->db,
                            "SELECT n, at_ms, who, what, detail, hash FROM audit_log WHERE org_id "
                            "= ?1 AND n > ?2 ORDER BY n LIMIT ?3",
                            ODB(ODB_I(after), ODB_I(c->limit + 1))),
                  &log_message, "n");
}

static const struct api_route routes[] = {
    { .method = "GET",
      .path = "/v1/reports/day/{date}",
      .door = API_STAFF,
      .roles = READERS,
      .gives = &report_day_message,
      .flags = API_LONG,
      .handler = get_day,
      .what = "a day and its close: what came, what moved, what waits",
      .errors = "400 FORMAT no such day" },
    { .method = "GET",
      .path = "/v1/reports/technician/{staff_no}",
      .door = API_STAFF,
      .roles = READERS,
      .gives = &report_technician_message,
      .handler = get_technician,
      .what = "a technician: orders by state, laptops with their records",
      .errors = "404 not_found there is no such member of the staff" },
    { .method = "GET",
      .path = "/v1/reports/meter/{meter_id}",
      .door = API_STAFF,
      .roles = READERS,
      .gives = &report_meter_message,
      .handler = get_meter,
      .what = "a meter's life: accounts, registers, receipts, tokens, verification",
      .errors = "404 not_found this meter is not registered" },
    { .method = "GET",
      .path = "/v1/reports/overdue",
      .door = API_STAFF,
      .roles = READERS,
      .asks = &overdue_query,
      .gives = &report_overdue_message,
      .flags = API_LIST_ROUTE,
      .handler = list_overdue,
      .what = "meters whose verification has ended, the oldest first" },
    { .method = "GET",
      .path = "/v1/audit",
      .door = API_STAFF,
      .roles = API_BIT(AUDITOR) | API_BIT(SUPERVISOR),
      .gives = &report_audit_message,
      .flags = API_SLOW | API_LONG,
      .handler = get_audit,
      .what = "prove what the records can prove" },
    { .method = "GET",
      .path = "/v1/audit-log",
      .door = API_STAFF,
      .roles = API_BIT(AUDITOR),
      .gives = &log_message,
      .flags = API_LIST_ROUTE,
      .handler = list_log,
      .what = "who did what, from the first row on" },
};

const struct api_part api_part_reports = { .name = "reports",
                                           .routes = routes,
                                           .n = sizeof routes / sizeof routes[0] };
