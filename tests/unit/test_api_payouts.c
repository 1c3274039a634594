/* test_api_payouts.c - what closed accounts left, over HTTP: one wants it, another decides. The
 * rules themselves are test_payout's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/payout.h"
#include "tests/aid/api_aid.h"
#include "tests/aid/office_site.h"

#define PATH "/v1/payouts"
#define ID_1 "01907f4c-2c00-7000-8000-000000000001"
#define ID_2 "01907f4c-2c00-7000-8000-000000000002"
#define ID_3 "01907f4c-2c00-7000-8000-000000000003"
#define CONFIRM_1 PATH "/" ID_1 "/confirm"
#define REJECT_1 PATH "/" ID_1 "/reject"

static struct site site;
static struct site_meter meter;
static uint64_t account_no;
static char clerk[GF_UUID_TEXT], supervisor[GF_UUID_TEXT], other[GF_UUID_TEXT],
    technician[GF_UUID_TEXT], auditor[GF_UUID_TEXT], officer[GF_UUID_TEXT];

/* An account with so many litres, and 60 cents of a token that never arrived. */
static void begin(int64_t litres)
{
    site_new(&site);
    oaid_staff(&site.a, "C1", "clerk", clerk);
    oaid_staff(&site.a, "V1", "supervisor", supervisor);
    oaid_staff(&site.a, "V2", "supervisor", other);
    oaid_staff(&site.a, "T1", "technician", technician);
    oaid_staff(&site.a, "A1", "auditor", auditor);
    oaid_staff(&site.a, "K1", "key-officer", officer);
    site_meter_new(&site, &meter, SITE_OLD);
    account_no = site_open(&site, &meter, "SP-0001");
    if (litres > 0)
        site_sell(&site, account_no, litres);
    else
        site_issue(&site, account_no, "debit", -litres);
    assert_int_equal(site_give(&site, &meter, account_no), gasm_Refusal_OK);
}

/* The meter is taken away, and its account closed. */
static void take_away(void)
{
    struct ho_new_order n = site_order_of("removal", SITE_OLD, NULL);
    char number[32];

    site_order(&site, &n, number);
    site_fetch(&site);
    site_close(&site, &meter, false);
    site_send_all(&site, &meter, number);
    assert_int_equal(site_certificate(&site, meter.certificate, meter.certificate_n), 0);
}

static void end(void)
{
    site_audit(&site);
    site_meter_end(&meter);
    site_end(&site);
}

static json_t *wish(const char *id, const char *kind)
{
    return json_pack("{s:s, s:I, s:s, s:s, s:s}", "payout_id", id, "account_no",
                     (json_int_t)account_no, "kind", kind, "currency", "EUR", "reason", "moved");
}

/* The same, with another value. */
static json_t *wish_with(const char *name, json_t *value)
{
    json_t *json = wish(ID_2, "pay-out");

    (void)json_object_set_new(json, name, value);
    return json;
}

static void refused(const char *path, const char *who, json_t *json, int status, const char *error,
                    const char *field)
{
    oaid_call_is(&site.a, "POST", path, who, json, status, error, field);
}

static json_t *post(const char *path, const char *who, json_t *json)
{
    return oaid_call(&site.a, "POST", path, who, json, 200);
}

/* What the interface answers, and what its list has, of payout number i. */
static void is_payout(json_t *answer, size_t i, const char *state, const char *decided_by)
{
    json_t *list = oaid_call(&site.a, "GET", PATH, auditor, NULL, 200);
    char at[32];

    (void)snprintf(at, sizeof at, "items.%zu", i);
    assert_true(json_equal(oaid_at(list, at), answer));
    assert_string_equal(oaid_text(answer, "state"), state);
    if (decided_by == NULL) {
        assert_string_equal(oaid_text(answer, "decided_by"), "");
        assert_null(oaid_at(answer, "ended_at_ms"));
    } else {
        assert_string_equal(oaid_text(answer, "decided_by"), decided_by);
        assert_int_equal(oaid_whole(answer, "ended_at_ms"), ho_now_ms(site.a.o));
    }
    json_decref(list);
    json_decref(answer);
}

static int64_t entries(const char *kind)
{
    char sql[120];

    (void)snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM journal WHERE kind = '%s'", kind);
    return oaid_sql_number(&site.a, sql);
}

static int64_t cash(void)
{
    int64_t ret = 0;

    assert_int_equal(ledger_balance(site.a.o, "EUR", LEDGER_CASH, "counter", &ret), 0);
    return ret;
}

static void one_wants_another_confirms(void **state)
{
    json_t *json;

    (void)state;
    begin(400);
    site_sell(&site, account_no, 60); /* never arrives */
    refused(PATH, clerk, wish(ID_1, "pay-out"), 409, "NOT_NOW", "account_no"); /* it is open */
    take_away();
    json = post(PATH, clerk, wish(ID_1, "pay-out"));
    assert_int_equal(oaid_whole(json, "litres"), 400);
    assert_int_equal(oaid_whole(json, "price_minor"), 400);
    assert_int_equal(oaid_whole(json, "change_minor"), 60);
    assert_string_equal(oaid_text(json, "asked_by"), "C1");
    assert_string_equal(oaid_text(json, "provider"), "counter");
    is_payout(json, 0, "wanted", NULL);
    is_payout(post(PATH, clerk, wish(ID_1, "pay-out")), 0, "wanted", NULL); /* again */
    refused(PATH, supervisor, wish(ID_1, "pay-out"), 409, "MISMATCH", "payout_id");
    refused(PATH, clerk, wish(ID_1, "write-off"), 409, "MISMATCH", "payout_id");
    refused(PATH, clerk, wish(ID_2, "write-off"), 409, "NOT_NOW", "account_no"); /* one waits */
    assert_int_equal(entries("paid-out"), 0);
    assert_int_equal(cash(), 460000);
    is_payout(post(CONFIRM_1, supervisor, NULL), 0, "done", "V1");
    is_payout(post(CONFIRM_1, supervisor, NULL), 0, "done", "V1"); /* again */
    refused(CONFIRM_1, other, NULL, 409, "NOT_NOW", "payout_id");
    refused(REJECT_1, supervisor, NULL, 409, "NOT_NOW", "payout_id");
    is_payout(post(PATH, clerk, wish(ID_1, "pay-out")), 0, "done", "V1");
    assert_int_equal(entries("paid-out"), 1);
    assert_int_equal(cash(), 0);
    refused(PATH, clerk, wish(ID_2, "pay-out"), 409, "NOT_NOW", "account_no"); /* nothing is left */
    end();
}

static void who_asks_does_not_decide(void **state)
{
    (void)state;
    begin(400);
    take_away();
    json_decref(post(PATH, supervisor, wish(ID_1, "write-off")));
    refused(CONFIRM_1, supervisor, NULL, 409, "NOT_NOW", "decided_by");
    assert_int_equal(entries("written-off"), 0);
    is_payout(post(CONFIRM_1, other, NULL), 0, "done", "V2");
    assert_int_equal(entries("written-off"), 1);
    end();
}

static void who_may(void **state)
{
    const char *const nobodies[] = { clerk, technician, auditor, officer };
    const char *const no_askers[] = { technician, auditor, officer };
    const char *const no_readers[] = { technician, officer };

    (void)state;
    begin(400);
    take_away();
    for (size_t i = 0; i < sizeof no_askers / sizeof no_askers[0]; i++)
        refused(PATH, no_askers[i], wish(ID_1, "pay-out"), 403, "role", NULL);
    json_decref(post(PATH, clerk, wish(ID_1, "pay-out")));
    for (size_t i = 0; i < sizeof nobodies / sizeof nobodies[0]; i++) {
        refused(CONFIRM_1, nobodies[i], NULL, 403, "role", NULL);
        refused(REJECT_1, nobodies[i], NULL, 403, "role", NULL);
    }
    for (size_t i = 0; i < sizeof no_readers / sizeof no_readers[0]; i++)
        oaid_call_is(&site.a, "GET", PATH, no_readers[i], NULL, 403, "role", NULL);
    assert_int_equal(entries("paid-out"), 0);
    end();
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    begin(400);
    take_away();
    refused(PATH, clerk, json_object(), 400, "format", NULL);
    refused(PATH, clerk, wish("none", "pay-out"), 400, "format", "payout_id");
    refused(PATH, clerk, wish(ID_2, "gift"), 400, "format", "kind");
    refused(PATH, clerk, wish_with("account_no", json_integer(0)), 400, "format", "account_no");
    refused(PATH, clerk, wish_with("account_no", json_integer(77)), 400, "FORMAT", "account_no");
    refused(PATH, clerk, wish_with("currency", json_string("EURO")), 400, "format", "currency");
    refused(PATH, clerk, wish_with("currency", json_string("USD")), 409, "MISMATCH", "currency");
    refused(PATH, clerk, wish_with("provider", json_string("nobody")), 400, "FORMAT", "provider");
    refused(PATH, clerk, wish_with("reason", json_string("")), 400, "format", "reason");
    /* how much it is says head office alone */
    refused(PATH, clerk, wish_with("litres", json_integer(500)), 400, "format", "litres");
    refused(PATH, clerk, wish_with("price_minor", json_integer(500)), 400, "format", "price_minor");
    refused(CONFIRM_1, supervisor, NULL, 404, "not_found", NULL);
    refused(PATH "/none/reject", supervisor, NULL, 404, "not_found", NULL);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM payout"), 0);
    end();
}

static void a_debt_is_not_paid_out(void **state)
{
    json_t *json;

    (void)state;
    begin(-300);
    take_away();
    refused(PATH, clerk, wish(ID_1, "pay-out"), 409, "NOT_NOW", "account_no");
    json = post(PATH, clerk, wish(ID_1, "write-off"));
    assert_int_equal(oaid_whole(json, "litres"), -300);
    is_payout(json, 0, "wanted", NULL);
    is_payout(post(CONFIRM_1, supervisor, NULL), 0, "done", "V1");
    end();
}

/* What was rejected bars nothing; what is left may have become another amount meanwhile. */
static void rejected_and_asked_anew(void **state)
{
    json_t *page;

    (void)state;
    begin(400);
    site_sell(&site, account_no, 60);
    take_away();
    json_decref(post(PATH, clerk, wish(ID_1, "pay-out")));
    is_payout(post(REJECT_1, supervisor, NULL), 0, "rejected", "V1");
    is_payout(post(REJECT_1, supervisor, NULL), 0, "rejected", "V1"); /* again */
    refused(REJECT_1, other, NULL, 409, "NOT_NOW", "payout_id");
    refused(CONFIRM_1, other, NULL, 409, "NOT_NOW", "payout_id");
    json_decref(post(PATH, clerk, wish(ID_2, "pay-out")));
    oaid_sql(&site.a, "UPDATE payout SET litres = litres - 1 WHERE state = 'wanted'");
    refused(PATH "/" ID_2 "/confirm", supervisor, NULL, 409, "NOT_NOW", "payout_id");
    is_payout(post(PATH "/" ID_2 "/reject", supervisor, NULL), 1, "rejected", "V1");
    json_decref(post(PATH, clerk, wish(ID_3, "pay-out")));
    is_payout(post(PATH "/" ID_3 "/confirm", supervisor, NULL), 2, "done", "V1");
    page = oaid_call(&site.a, "GET", PATH "?limit=1&after=" ID_1, clerk, NULL, 200);
    assert_string_equal(oaid_text(page, "items.0.payout_id"), ID_2);
    assert_null(oaid_at(page, "items.1"));
    assert_string_equal(oaid_text(page, "next"), ID_2);
    json_decref(page);
    oaid_call_is(&site.a, "GET", PATH "?after=x", clerk, NULL, 400, "format", "after");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_wants_another_confirms),
        cmocka_unit_test(who_asks_does_not_decide),
        cmocka_unit_test(who_may),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_debt_is_not_paid_out),
        cmocka_unit_test(rejected_and_asked_anew),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
