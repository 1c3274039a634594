/* report.h - what people look at daily, each report one JSON document: the command line and the API
 * print the same.
 *
 * Each is made in one reading transaction, so its numbers belong together. *ret is the caller's
 * (json_decref). Volumes are litres (_l), money whole minor units (_minor) or thousandths of them
 * (_milli), times UTC.
 */
#ifndef GF_BACKEND_REPORT_H
#define GF_BACKEND_REPORT_H

#include "backend/api.h"
#include "backend/office_audit.h"

#define REPORT_ROWS_MAX 200 /* rows of any list in a report; "more" names the lists that were cut */

/* What is in each: the fields of docs/api.yaml. */
extern const struct api_message report_day_message, report_technician_message, report_meter_message,
    report_overdue_message, report_audit_message;

/* A day (UTC, "2026-11-22") and its close: accounts opened, receipts, tokens, payments by provider,
 * litres; trial balance of each unit, pending tokens and transit with their ages, receipts that are
 * missing. "clean" is true when every trial balance is zero. 0; GF_E_FORMAT for another date. */
int report_day(struct office *o, const char *date, json_t **ret);

/* A member of the staff: orders by state, codes of those that could not be done, laptops with their
 * records and last sync. 0; GF_E_RANGE when there is no such member. */
int report_technician(struct office *o, const char *staff_no, json_t **ret);

/* A meter's life: state, verification, accounts with their totals and ledger, latest receipts and
 * tokens. 0; GF_E_UNREGISTERED. */
int report_meter(struct office *o, const char *meter_id, json_t **ret);

/* Meters not scrapped whose verification ends before a day (NULL: before today): verification date
 * plus the setting "verification_years" (8 unless set). A page of at most `limit` (1..200) behind
 * the key `after` ("" for the first), "DATE/METER" of the last row before: {"items":[...],"next":key
 * or null}. 0; GF_E_FORMAT for another date, and for a key of another shape. */
int report_overdue(struct office *o, const char *before, const char *after, int limit,
                   json_t **ret);

/* What the audit found: {"clean", "statements": [{"statement", "checked", "n_broken", "broken",
 * "n_notes", "notes"}]}. NULL when out of memory. */
json_t *report_audit(const struct ho_audit *audit);

#endif
