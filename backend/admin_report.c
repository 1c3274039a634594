/* admin_report.c - reports, for people as tables; see admin.h and report.h. */
#include "backend/admin.h"
#include "backend/report.h"

/* Print what a report gave, r being its result. */
static int print_report(struct admin *a, int r, json_t *doc, struct gf_fail *why)
{
    return r == 0 ? admin_answer(a, doc, why) : admin_failed(a, r, why);
}

static int run_day(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    json_t *doc = NULL;
    int r = report_day(a->office, args->words[0], &doc);

    return print_report(a, r, doc, why);
}

static int run_technician(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    json_t *doc = NULL;
    int r = report_technician(a->office, args->words[0], &doc);

    return print_report(a, r, doc, why);
}

static int run_meter(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    json_t *doc = NULL;
    int r = report_meter(a->office, args->words[0], &doc);

    return print_report(a, r, doc, why);
}

static const struct admin_option overdue_options[] = {
    { "before", "DATE", "that will have ended before this day; today unless said", 0, false },
    { "after", "DATE/METER", "behind this row: \"next\" of the page before", 0, false },
    { "limit", "N", "rows of a page, 1 to 200; 200 unless said", 0, false },
};

static int run_overdue(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *after = admin_value(args, "after"), *before = admin_value(args, "before");
    json_t *doc = NULL;
    int64_t limit;
    int r = admin_int(args, "limit", REPORT_ROWS_MAX, 1, REPORT_ROWS_MAX, &limit, why);

    if (r != 0)
        return r;
    r = report_overdue(a->office, before, after != NULL ? after : "", (int)limit, &doc);
    return print_report(a, r, doc, why);
}

static const struct admin_command commands[] = {
    { .name = "report day",
      .words = "DATE",
      .what = "a day and its close: openings, payments, tokens, litres, balances, what is missing",
      .run = run_day },
    { .name = "report technician",
      .words = "STAFF",
      .what = "a member's orders, and laptops with their last synchronisation",
      .run = run_technician },
    { .name = "report meter",
      .words = "METER",
      .what = "a meter's life: accounts, totals, ledger, latest receipts and tokens",
      .run = run_meter },
    { .name = "report overdue",
      .words = "",
      .what = "meters whose verification has ended",
      ADMIN_OPTIONS(overdue_options),
      .run = run_overdue },
};

const struct admin_group admin_group_reports = ADMIN_GROUP("Reports", commands);
