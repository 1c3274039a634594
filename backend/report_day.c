/* report_day.c - the report of a day, and its close; see report.h. */
#include <string.h>

#include "backend/ledger.h"
#include "backend/office_issue.h"
#include "backend/report_in.h"

#define DAY_MS INT64_C(86400000)

static const struct api_field opening_fields[] = {
    REPORT_WHOLE("account_no", "the account"),
    REPORT_TEXT("meter_id", "on which meter"),
    REPORT_TEXT("supply_point", "where"),
    REPORT_TEXT("customer_no", "whose"),
    REPORT_WHOLE("opened_at_s", "when, UTC seconds"),
};
static const struct api_message opening = API_MESSAGE("DayOpening", opening_fields);

static const struct api_field receipts_fields[] = {
    REPORT_TEXT("command", "what the meter did"),
    REPORT_WHOLE("count", "receipts that came in this day"),
};
static const struct api_message receipts = API_MESSAGE("DayReceipts", receipts_fields);

static const struct api_field tokens_fields[] = {
    REPORT_TEXT("kind", "sale, transfer, forgive, debit, refund"),
    REPORT_TEXT("state", "now: pending, posted (taken), voided"),
    REPORT_WHOLE("count", "tokens issued in this day"),
    REPORT_WHOLE("litres", "their litres"),
};
static const struct api_message tokens = API_MESSAGE("DayTokens", tokens_fields);

static const struct api_field payments_fields[] = {
    REPORT_TEXT("provider", "who took the money"),
    REPORT_TEXT("currency", "EUR"),
    REPORT_TEXT("state", "now: confirmed, failed, requested, refunded"),
    REPORT_WHOLE("count", "payments asked for in this day"),
    REPORT_WHOLE("amount_minor", "their sum, minor units"),
};
static const struct api_message payments = API_MESSAGE("DayPayments", payments_fields);

static const struct api_field refunds_fields[] = {
    REPORT_TEXT("currency", "EUR"),
    REPORT_TEXT("state", "now: asked, paid, refused, wanted"),
    REPORT_WHOLE("count", "refunds asked for in this day"),
    REPORT_WHOLE("amount_minor", "their sum, minor units"),
};
static const struct api_message refunds = API_MESSAGE("DayRefunds", refunds_fields);

static const struct api_field moved_fields[] = {
    REPORT_TEXT("unit", "litre, or a currency: thousandths of its minor unit"),
    REPORT_TEXT("code", "of the ledger accounts"),
    REPORT_WHOLE("debits", "posted in this day"),
    REPORT_WHOLE("credits", "posted in this day"),
};
static const struct api_message moved = API_MESSAGE("DayMoved", moved_fields);

static const struct api_field balance_fields[] = {
    REPORT_TEXT("unit", "litre, or a currency: thousandths of its minor unit"),
    REPORT_WHOLE("debits", "of all ledger accounts"),
    REPORT_WHOLE("credits", "of all ledger accounts"),
    REPORT_WHOLE("difference", "has to be 0"),
};
static const struct api_message balance = API_MESSAGE("TrialBalance", balance_fields);

static const struct api_field pending_fields[] = {
    REPORT_WHOLE("account_no", "whose"),
    REPORT_WHOLE("sequence", "of the account's tokens"),
    REPORT_TEXT("kind", "sale, transfer, forgive, debit, refund"),
    REPORT_WHOLE("litres", "not on the meter yet"),
    REPORT_WHOLE("age_days", "since it was issued"),
};
static const struct api_message pending = API_MESSAGE("PendingToken", pending_fields);

static const struct api_field suspense_fields[] = {
    REPORT_TEXT("number", "of the swap"),
    REPORT_TEXT("state", "planned, closed"),
    REPORT_WHOLE("age_days", "since it was planned"),
    REPORT_WHOLE("litres", "in transit"),
};
static const struct api_message suspense = API_MESSAGE("SwapInTransit", suspense_fields);

static const struct api_field gap_fields[] = {
    REPORT_TEXT("meter_id", "whose receipt came in this day"),
    REPORT_WHOLE("seq", "its number; the one before it is not home"),
};
static const struct api_message gap = API_MESSAGE("Gap", gap_fields);

static const struct api_field day_fields[] = {
    { .name = "date", .type = API_DATE, .what = "the day, UTC" },
    { .name = "clean", .type = API_BOOL, .what = "every trial balance is zero" },
    REPORT_MORE,
    REPORT_LIST("openings", &opening, "accounts opened"),
    REPORT_LIST("receipts", &receipts, "receipts that came"),
    REPORT_LIST("tokens", &tokens, "tokens issued"),
    REPORT_LIST("payments", &payments, "payments asked for"),
    REPORT_LIST("refunds", &refunds, "refunds asked for"),
    REPORT_LIST("moved", &moved, "what the ledger moved"),
    REPORT_LIST("trial_balance", &balance, "sums of the ledger, now"),
    REPORT_LIST("pending_tokens", &pending, "tokens not taken yet, now, the oldest first"),
    REPORT_LIST("swaps", &suspense, "swaps not settled, now, the oldest first"),
    REPORT_LIST("gaps", &gap, "receipts that came before their predecessors"),
};
const struct api_message report_day_message = API_MESSAGE("DayReport", day_fields);

/* Of a case: what is in transit. The column behind the fields is its id. */
static int add_transit(struct office *o, struct odb_query *q, json_t *row)
{
    uint8_t id[16];
    char owner[33];
    int64_t litres = 0;
    int r;

    (void)odb_copy(q, 4, id, sizeof id);
    ledger_owner_case(id, owner);
    r = ledger_balance(o, LEDGER_LITRE, LEDGER_TRANSIT, owner, &litres);
    (void)json_object_set_new(row, "litres", json_integer(litres));
    return r;
}

static const struct report_query day_queries[] = {
    { 0 },
    { 0 },
    { 0 },
    { .sql = "SELECT a.account_no, a.meter_id, a.supply_point, a.customer_no, a.opened_at_s FROM "
             "receipt r JOIN account a ON a.org_id = r.org_id AND a.account_no = r.account_no "
             "AND a.meter_id = r.meter_id AND a.opened_seq = r.seq WHERE r.org_id = ?1 AND "
             "r.verified_at_ms >= ?2 AND r.verified_at_ms < ?3 ORDER BY r.verified_at_ms, "
             "a.account_no LIMIT ?4",
      .values = "ftl" },
    { .sql = "SELECT command, COUNT(*) FROM receipt WHERE org_id = ?1 AND verified_at_ms >= ?2 AND "
             "verified_at_ms < ?3 GROUP BY command ORDER BY command",
      .values = "ft" },
    { .sql = "SELECT kind, state, COUNT(*), CAST(COALESCE(SUM(litres), 0) AS BIGINT) FROM token "
             "WHERE org_id = ?1 AND made_at_ms >= ?2 AND made_at_ms < ?3 AND state IN ('pending', "
             "'posted', 'voided') GROUP BY kind, state ORDER BY kind, state",
      .values = "ft" },
    { .sql = "SELECT provider, currency, state, COUNT(*), CAST(COALESCE(SUM(amount_minor), 0) AS "
             "BIGINT) FROM payment WHERE org_id = ?1 AND asked_at_ms >= ?2 AND asked_at_ms < ?3 "
             "GROUP BY provider, currency, state ORDER BY provider, currency, state",
      .values = "ft" },
    { .sql = "SELECT currency, state, COUNT(*), CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) "
             "FROM refund WHERE org_id = ?1 AND asked_at_ms >= ?2 AND asked_at_ms < ?3 GROUP BY "
             "currency, state ORDER BY currency, state",
      .values = "ft" },
    { .sql = "SELECT p.unit, p.code, CAST(COALESCE(SUM(CASE WHEN p.amount > 0 THEN p.amount END), "
             "0) AS BIGINT), CAST(COALESCE(SUM(CASE WHEN p.amount < 0 THEN -p.amount END), 0) AS "
             "BIGINT) FROM journal j JOIN posting p ON p.org_id = j.org_id AND p.op_id = j.op_id "
             "AND p.kind = j.kind WHERE j.org_id = ?1 AND j.at_ms >= ?2 AND j.at_ms < ?3 GROUP BY "
             "p.unit, p.code ORDER BY p.unit, p.code",
      .values = "ft" },
    { .sql = "SELECT unit, CAST(SUM(debits) AS BIGINT), CAST(SUM(credits) AS BIGINT), "
             "CAST(SUM(debits) - SUM(credits) AS BIGINT) FROM ledger_account WHERE org_id = ?1 "
             "GROUP BY unit ORDER BY unit",
      .values = "" },
    { .sql = "SELECT account_no, sequence, kind, litres, (CAST(?2 AS BIGINT) - made_at_ms) / "
             "86400000 FROM token WHERE org_id = ?1 AND state = 'pending' ORDER BY made_at_ms, "
             "account_no, sequence LIMIT ?3",
      .values = "nl" },
    { .sql = "SELECT number, state, (CAST(?2 AS BIGINT) - made_at_ms) / 86400000, 0, case_id "
             "FROM swap_case WHERE org_id = ?1 AND state IN ('closed', 'planned') ORDER BY "
             "made_at_ms, number LIMIT ?3",
      .values = "nl",
      .finish = add_transit },
    { .sql = "SELECT meter_id, seq FROM receipt WHERE org_id = ?1 AND verified_at_ms >= ?2 AND "
             "verified_at_ms < ?3 AND gap = 1 ORDER BY meter_id, seq LIMIT ?4",
      .values = "ftl" },
};

static bool is_balanced(const json_t *report)
{
    const json_t *list = json_object_get(report, "trial_balance");
    bool ok = true;

    for (size_t i = 0; i < json_array_size(list); i++)
        ok = ok
             && json_integer_value(json_object_get(json_array_get(list, i), "difference")) == 0;
    return ok;
}

int report_day(struct office *o, const char *date, json_t **ret)
{
    struct report_values v = { .now_ms = ho_now_ms(o) };
    int64_t from_s;

    if (ho_date_parse(date, &from_s) != 0)
        return ho_fail(o, GF_E_FORMAT, "date", "a day is written 2026-11-22");
    v.from_ms = from_s * 1000;
    v.to_ms = v.from_ms + DAY_MS;

    int r = report_fill(o, &report_day_message, day_queries, &v, ret);
    if (r == 0) {
        (void)json_object_set_new(*ret, "date", json_string(date));
        (void)json_object_set_new(*ret, "clean", json_boolean(is_balanced(*ret)));
    }
    return r;
}
