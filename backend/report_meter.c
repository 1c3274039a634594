/* report_meter.c - the reports of a technician, of a meter, of verifications that ended; see
 * report.h. */
#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/office_setting.h"
#include "backend/office_words.h"
#include "backend/report_in.h"
#include "common/text.h"
#include "meter-core/proto/meter.pb.h"

#define DATE_LEN 10

/* ---- a technician ---- */

static const struct api_field member_fields[] = {
    REPORT_TEXT("staff_no", "the member's number"),
    { .name = "name", .type = API_TEXT, .max = 95, .what = "the person's name" },
    REPORT_TEXT("role", "what they may do"),
};
static const struct api_message member = API_MESSAGE("Member", member_fields);

static const struct api_field orders_fields[] = {
    REPORT_TEXT("state", "planned, assigned, on-site, done, unable, checked"),
    REPORT_WHOLE("count", "orders in this state"),
};
static const struct api_message orders = API_MESSAGE("OrdersByState", orders_fields);

static const struct api_field codes_fields[] = {
    REPORT_TEXT("code", "why an order could not be done"),
    REPORT_WHOLE("count", "orders that ended so"),
};
static const struct api_message codes = API_MESSAGE("UnableCodes", codes_fields);

static const struct api_field laptop_fields[] = {
    { .name = "device_id", .type = API_UUID, .what = "the laptop" },
    REPORT_TEXT("name", "what it is called"),
    REPORT_WHOLE("records", "that are home"),
    REPORT_WHOLE("claimed", "that it said it has made"),
    REPORT_MAYBE("seen_at_ms", "last synchronised, ms since 1970"),
    REPORT_MAYBE("revoked_at_ms", "shut out since, ms since 1970"),
};
static const struct api_message laptop = API_MESSAGE("Laptop", laptop_fields);

static const struct api_field technician_fields[] = {
    { .name = "member", .type = API_OBJECT, .of = &member, .what = "who" },
    REPORT_MORE,
    REPORT_LIST("orders", &orders, "all orders of theirs"),
    REPORT_LIST("unable", &codes, "orders that could not be done"),
    REPORT_LIST("laptops", &laptop, "with their records"),
};
const struct api_message report_technician_message =
    API_MESSAGE("TechnicianReport", technician_fields);

static const struct report_query technician_queries[] = {
    { .sql = "SELECT staff_no, name, role FROM staff WHERE org_id = ?1 AND staff_no = ?2",
      .values = "k" },
    { 0 },
    { .sql = "SELECT state, COUNT(*) FROM work_order WHERE org_id = ?1 AND staff_no = ?2 GROUP BY "
             "state ORDER BY state",
      .values = "k" },
    { .sql = "SELECT code, COUNT(*) FROM work_order WHERE org_id = ?1 AND staff_no = ?2 AND state "
             "= 'unable' GROUP BY code ORDER BY code LIMIT ?3",
      .values = "kl" },
    { .sql = "SELECT device_id, name, chain_seq, claimed_seq, seen_at_ms, revoked_at_ms FROM "
             "device WHERE org_id = ?1 AND staff_no = ?2 ORDER BY enrolled_at_ms, device_id LIMIT "
             "?3",
      .values = "kl" },
};

/* The report has this object, else whatever it is about is not registered. */
static int need(struct office *o, const char *object, int code, const char *key, json_t **ret)
{
    if (json_object_get(*ret, object) != NULL)
        return 0;
    json_decref(*ret);
    *ret = NULL;
    return ho_fail(o, code, object, key);
}

int report_technician(struct office *o, const char *staff_no, json_t **ret)
{
    const struct report_values v = { .key = staff_no };
    int r = report_fill(o, &report_technician_message, technician_queries, &v, ret);

    return r == 0 ? need(o, "member", GF_E_RANGE, staff_no, ret) : r;
}

/* ---- a meter ---- */

static const struct api_field meter_fields[] = {
    REPORT_TEXT("meter_id", "the meter"),
    REPORT_WHOLE("type", "of the manufacturer's list"),
    REPORT_TEXT("life_state", "as its last receipt says"),
    REPORT_TEXT("verification_date", "when it was verified"),
    REPORT_WHOLE("active_epoch", "of its key"),
    REPORT_WHOLE("account_no", "on it now; 0 for none"),
    REPORT_WHOLE("last_seq", "of its receipts that are home"),
};
static const struct api_message meter = API_MESSAGE("MeterNow", meter_fields);

static const struct api_field account_fields[] = {
    REPORT_WHOLE("account_no", "the account"),
    REPORT_TEXT("state", "reserved, open, closed"),
    REPORT_TEXT("customer_no", "whose"),
    REPORT_TEXT("supply_point", "where"),
    REPORT_MAYBE("opened_at_s", "when, UTC seconds"),
    REPORT_MAYBE("closed_at_s", "when, UTC seconds"),
    REPORT_WHOLE("residual_l", "in the ledger"),
    REPORT_WHOLE("in_tokens_l", "in the ledger: issued and not taken"),
};
static const struct api_message account = API_MESSAGE("MeterAccount", account_fields);

static const struct api_field totals_fields[] = {
    REPORT_WHOLE("account_no", "the account"),
    REPORT_WHOLE("seq", "of the receipt that says so"),
    REPORT_WHOLE("at_s", "by the meter's clock, UTC seconds"),
    REPORT_WHOLE("index_l", "measured ever, until the account was closed"),
    REPORT_WHOLE("consumed_l", "under this account"),
    REPORT_WHOLE("purged_l", "ever"),
    REPORT_WHOLE("purchased_l", "under this account"),
    REPORT_WHOLE("imported_l", "under this account"),
    REPORT_WHOLE("forgiven_l", "under this account"),
    REPORT_WHOLE("debited_l", "under this account"),
    REPORT_WHOLE("cleared_l", "under this account"),
    REPORT_WHOLE("exported_l", "under this account"),
};
static const struct api_message totals = API_MESSAGE("MeterTotals", totals_fields);

static const struct api_field receipt_fields[] = {
    REPORT_WHOLE("seq", "its number"),
    REPORT_TEXT("command", "what the meter did"),
    REPORT_TEXT("life_state", "after it"),
    REPORT_WHOLE("account_no", "under which account"),
    REPORT_WHOLE("at_s", "by the meter's clock, UTC seconds"),
    { .name = "gap", .type = API_BOOL, .what = "the one before it is not home" },
};
static const struct api_message receipt = API_MESSAGE("MeterReceipt", receipt_fields);

static const struct api_field token_fields[] = {
    REPORT_WHOLE("account_no", "of which account"),
    REPORT_WHOLE("sequence", "of the account's tokens"),
    REPORT_TEXT("kind", "sale, transfer, forgive, debit, refund"),
    REPORT_TEXT("state", "pending, posted (taken), voided"),
    REPORT_WHOLE("litres", "that it brings"),
    REPORT_WHOLE("made_at_ms", "when, ms since 1970"),
};
static const struct api_message token = API_MESSAGE("MeterToken", token_fields);

static const struct api_field meter_report_fields[] = {
    { .name = "meter", .type = API_OBJECT, .of = &meter, .what = "as it is registered" },
    { .name = "verified_until", .type = API_DATE, .what = "the last day of its verification" },
    { .name = "overdue", .type = API_BOOL, .what = "that day is over" },
    REPORT_MORE,
    REPORT_LIST("accounts", &account, "that were or are on it"),
    REPORT_LIST("totals", &totals, "its registers under each account, as far as receipts are home"),
    REPORT_LIST("receipts", &receipt, "the latest, backwards"),
    REPORT_LIST("tokens", &token, "the latest, backwards"),
};
const struct api_message report_meter_message = API_MESSAGE("MeterReport", meter_report_fields);

#define LITRES_OF(code)                                                                            \
    "COALESCE((SELECT l.debits - l.credits FROM ledger_account l WHERE l.org_id = a.org_id AND "   \
    "l.unit = 'litre' AND l.code = '" code "' AND l.owner = CAST(a.account_no AS TEXT)), 0)"

static const struct report_query meter_queries[] = {
    { .sql = "SELECT meter_id, type, life_state, verification_date, active_epoch, account_no, "
             "last_seq FROM meter WHERE org_id = ?1 AND meter_id = ?2",
      .values = "k" },
    { 0 },
    { 0 },
    { 0 },
    { .sql = "SELECT a.account_no, a.state, a.customer_no, a.supply_point, a.opened_at_s, "
             "a.closed_at_s, " LITRES_OF("residual") ", " LITRES_OF("in-tokens")
             " FROM account a WHERE a.org_id = ?1 AND a.meter_id = ?2 ORDER BY a.account_no DESC "
             "LIMIT ?3",
      .values = "kl" },
    { .sql = "SELECT account_no, seq, at_s, index_l, index_l - opening_index_l - purged_l + "
             "opening_purged_l, purged_l, purchased_l, imported_l, forgiven_l, debited_l, "
             "cleared_l, exported_l FROM posted_totals WHERE org_id = ?1 AND meter_id = ?2 ORDER "
             "BY account_no DESC LIMIT ?3",
      .values = "kl" },
    { .sql = "SELECT seq, command, life_state, account_no, at_s, gap FROM receipt WHERE org_id = "
             "?1 AND meter_id = ?2 ORDER BY seq DESC LIMIT ?3",
      .values = "kl" },
    { .sql = "SELECT t.account_no, t.sequence, t.kind, t.state, t.litres, t.made_at_ms FROM "
             "account a CROSS JOIN token t WHERE t.org_id = a.org_id AND t.account_no = "
             "a.account_no AND a.org_id = ?1 AND a.meter_id = ?2 ORDER BY t.account_no DESC, t.sequence DESC LIMIT "
             "?3",
      .values = "kl" },
};

/* ---- verification ---- */

static int verification_years(struct office *o, int64_t *ret)
{
    char text[HO_SETTING_MAX];
    int r = ho_setting_get(o, "verification_years", text);

    if (r == 0 && gf_parse_int(text, 1, 50, ret) != 0)
        r = ho_fail(o, GF_E_STORE_DAMAGED, "verification_years", text);
    return r;
}

/* A date so many years later, or earlier. Dates are compared as texts, so that of a leap day may be
 * one that no calendar has. */
static void add_years(const char *date, int64_t years, char ret[static DATE_LEN + 1])
{
    int64_t year = 0;
    char text[5] = { 0 };

    memcpy(text, date, 4);
    (void)gf_parse_int(text, 0, 9999, &year);
    (void)snprintf(ret, DATE_LEN + 1, "%04u%.6s", (unsigned)(year + years) % 10000u, date + 4);
}

/* The last day of a verification: of a leap day the one before it, where that year has none. */
static void last_day(const char *verified, int64_t years, char ret[static DATE_LEN + 1])
{
    int64_t ignored;

    add_years(verified, years, ret);
    if (strcmp(ret + 5, "02-29") == 0 && ho_date_parse(ret, &ignored) != 0)
        ret[DATE_LEN - 1] = '8';
}

int report_meter(struct office *o, const char *meter_id, json_t **ret)
{
    const struct report_values v = { .key = meter_id };
    char today[DATE_LEN + 1], until[DATE_LEN + 1];
    int64_t years;
    int r = verification_years(o, &years);

    if (r == 0)
        r = report_fill(o, &report_meter_message, meter_queries, &v, ret);
    if (r == 0)
        r = need(o, "meter", GF_E_UNREGISTERED, meter_id, ret);
    if (r != 0)
        return r;

    const char *verified =
        json_string_value(json_object_get(json_object_get(*ret, "meter"), "verification_date"));
    last_day(verified != NULL ? verified : "0000-00-00", years, until);
    ho_date_text(ho_now_ms(o) / 1000, today);
    (void)json_object_set_new(*ret, "verified_until", json_string(until));
    (void)json_object_set_new(*ret, "overdue", json_boolean(strcmp(until, today) < 0));
    return 0;
}

static const struct api_field overdue_fields[] = {
    REPORT_TEXT("key", "of this row: what after takes"),
    REPORT_TEXT("meter_id", "the meter"),
    REPORT_TEXT("verification_date", "when it was verified"),
    { .name = "verified_until", .type = API_DATE, .what = "the last day of its verification" },
    REPORT_TEXT("life_state", "as its last receipt says"),
    REPORT_TEXT("supply_point", "where its account is; empty without one"),
};
const struct api_message report_overdue_message = API_MESSAGE("OverdueMeter", overdue_fields);

/* "DATE/METER"; "" is before all. */
static int read_key(struct office *o, const char *after, char date[static DATE_LEN + 1],
                    char meter_id[static GF_METER_ID_TEXT])
{
    int64_t ignored;

    date[0] = meter_id[0] = '\0';
    if (after[0] == '\0')
        return 0;
    if (strlen(after) != DATE_LEN + 1 + GF_METER_ID_LEN || after[DATE_LEN] != '/')
        return ho_fail(o, GF_E_FORMAT, "after", "the key of a row that was listed");
    memcpy(date, after, DATE_LEN);
    date[DATE_LEN] = '\0';
    memcpy(meter_id, after + DATE_LEN + 1, GF_METER_ID_TEXT);
    return ho_date_parse(date, &ignored) == 0
               ? 0
               : ho_fail(o, GF_E_FORMAT, "after", "the key of a row that was listed");
}

static json_t *overdue_row(struct odb_query *q, int64_t years)
{
    char meter_id[GF_METER_ID_TEXT], date[DATE_LEN + 1], until[DATE_LEN + 1], key[32], point[32];

    odb_text(q, 0, meter_id, sizeof meter_id);
    odb_text(q, 1, date, sizeof date);
    odb_text(q, 3, point, sizeof point);
    last_day(date, years, until);
    (void)snprintf(key, sizeof key, "%s/%s", date, meter_id);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "key", key, "meter_id", meter_id,
                     "verification_date", date, "verified_until", until, "life_state",
                     ho_life_word(odb_int(q, 2)), "supply_point", point);
}

/* The rows of a page; the key of the last when there are more. 0 or a failure. */
static int read_page(struct office *o, struct odb_query *q, int64_t years, int limit, json_t *page)
{
    json_t *items = json_object_get(page, "items"), *row = NULL;
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        if (json_array_size(items) == (size_t)limit) {
            (void)json_object_set(page, "next", json_object_get(row, "key"));
            return 0;
        }
        if ((row = overdue_row(q, years)) == NULL || json_array_append_new(items, row) != 0)
            return ho_fail(o, GF_E_MEMORY, "report", "");
    }
    return r < 0 ? ho_db_fail(o) : 0;
}

/* Meters that were verified before this day have none left on the day `before`. 0 or a failure. */
static int verified_before(struct office *o, const char *before, int64_t years,
                           char ret[static DATE_LEN + 1])
{
    char today[DATE_LEN + 1];
    int64_t ignored;

    if (before != NULL && ho_date_parse(before, &ignored) != 0)
        return ho_fail(o, GF_E_FORMAT, "before", "a day is written 2026-11-22");
    ho_date_text(ho_now_ms(o) / 1000, today);
    add_years(before != NULL ? before : today, -years, ret);
    return 0;
}

int report_overdue(struct office *o, const char *before, const char *after, int limit, json_t **ret)
{
    char verified[DATE_LEN + 1], date[DATE_LEN + 1], meter_id[GF_METER_ID_TEXT];
    struct odb_query *q;
    int64_t years = 0;
    json_t *page;
    int r = read_key(o, after, date, meter_id);

    if (r == 0)
        r = verification_years(o, &years);
    if (r == 0)
        r = verified_before(o, before, years, verified);
    if (r != 0)
        return r;
    q = odb_query(o->db,
                  "SELECT m.meter_id, m.verification_date, m.life_state, COALESCE(a.supply_point, "
                  "'') FROM meter m LEFT JOIN account a ON a.org_id = m.org_id AND a.account_no = "
                  "m.account_no WHERE m.org_id = ?1 AND m.verification_date < ?2 AND "
                  "m.verification_date >= ?3 AND (m.verification_date > ?3 OR m.meter_id > ?4) AND "
                  "m.life_state <> ?5 ORDER BY m.verification_date, m.meter_id LIMIT ?6",
                  ODB(ODB_T(verified), ODB_T(date), ODB_T(meter_id),
                      ODB_I(gasm_LifeState_SCRAPPED), ODB_I(limit + 1)));
    page = json_pack("{s:[], s:n}", "items", "next");
    r = page != NULL ? read_page(o, q, years, limit, page) : ho_fail(o, GF_E_MEMORY, "report", "");
    odb_end(q);
    if (r == 0)
        *ret = page;
    else
        json_decref(page);
    return r;
}
