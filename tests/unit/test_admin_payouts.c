/* test_admin_payouts.c - gasoffice payout want, confirm, reject: as persons type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/payout.h"
#include "tests/aid/api_aid.h"
#include "tests/aid/office_admin.h"
#include "tests/aid/office_site.h"

#define WANT "want", account, "EUR", "--reason", "moved", "--by", "S001"
#define ID_1 "01907f4c-2c00-7000-8000-000000000001"
#define ID_2 "01907f4c-2c00-7000-8000-000000000002"

static struct site site;
static struct site_meter meter;
static char account[24];

/* An account with 400 litres and 60 cents, whose meter was taken away. */
static int begin(void **state)
{
    struct ho_new_order n = site_order_of("removal", SITE_OLD, NULL);
    uint64_t account_no;
    char number[32];

    (void)state;
    site_new(&site);
    site_meter_new(&site, &meter, SITE_OLD);
    account_no = site_open(&site, &meter, "SP-0001");
    site_sell(&site, account_no, 400);
    assert_int_equal(site_give(&site, &meter, account_no), gasm_Refusal_OK);
    site_sell(&site, account_no, 60); /* never arrives */
    site_order(&site, &n, number);
    site_fetch(&site);
    site_close(&site, &meter, false);
    site_send_all(&site, &meter, number);
    assert_int_equal(site_certificate(&site, meter.certificate, meter.certificate_n), 0);
    ledger_owner(account_no, account);
    return 0;
}

static int end(void **state)
{
    (void)state;
    site_audit(&site);
    site_meter_end(&meter);
    site_end(&site);
    return 0;
}

static void says(int status, const char *text, const char *const *words)
{
    assert_int_equal(oadm_run(&site.a, words), status);
    if (strstr(oadm_said, text) == NULL)
        fail_msg("not \"%s\": %s", text, oadm_said);
}
#define SAYS(status, text, ...) says(status, text, OADM_WORDS("payout", __VA_ARGS__))

static void is(const char *state, const char *kind, const char *const *words)
{
    json_t *json = oadm_json(&site.a, words);

    assert_string_equal(oaid_text(json, "state"), state);
    assert_string_equal(oaid_text(json, "kind"), kind);
    assert_int_equal(oaid_whole(json, "litres"), 400);
    assert_int_equal(oaid_whole(json, "price_minor"), strcmp(kind, "pay-out") == 0 ? 400 : 0);
    assert_int_equal(oaid_whole(json, "change_minor"), 60);
    json_decref(json);
}
#define IS(state, kind, ...) is(state, kind, OADM_WORDS("payout", __VA_ARGS__))

static int64_t count(const char *sql)
{
    return oaid_sql_number(&site.a, sql);
}

static void one_wants_another_confirms(void **state)
{
    (void)state;
    IS("wanted", "pay-out", WANT, "--id", ID_1);
    IS("wanted", "pay-out", WANT, "--id", ID_1);
    SAYS(8, "waits", WANT);
    SAYS(4, "another one", WANT, "--id", ID_1, "--write-off");
    SAYS(8, "another person", "confirm", ID_1, "--by", "S001");
    SAYS(3, "supervisor", "confirm", ID_1, "--by", "S002");
    SAYS(3, "no such payout", "confirm", ID_2, "--by", "V001");
    SAYS(2, "by", "confirm", ID_1);
    assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE kind = 'paid-out'"), 0);
    IS("done", "pay-out", "confirm", ID_1, "--by", "V001");
    IS("done", "pay-out", "confirm", ID_1, "--by", "V001");
    SAYS(8, "decided", "confirm", ID_1, "--by", "V002");
    SAYS(8, "decided", "reject", ID_1, "--by", "V001");
    SAYS(8, "neither credit", WANT);
    assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE kind = 'paid-out'"), 1);
}

static void rejected_then_written_off(void **state)
{
    (void)state;
    SAYS(2, "reason", "want", account, "EUR", "--by", "S001");
    SAYS(3, "provider", WANT, "--provider", "nobody");
    SAYS(4, "currency", "want", account, "USD", "--reason", "moved", "--by", "S001");
    SAYS(3, "no such account", "want", "77", "EUR", "--reason", "moved", "--by", "S001");
    IS("wanted", "pay-out", WANT, "--id", ID_1);
    IS("rejected", "pay-out", "reject", ID_1, "--by", "V001");
    IS("wanted", "write-off", WANT, "--id", ID_2, "--write-off");
    IS("done", "write-off", "confirm", ID_2, "--by", "V001");
    assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE kind = 'written-off'"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE kind = 'paid-out'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_wants_another_confirms, begin, end),
        cmocka_unit_test_setup_teardown(rejected_then_written_off, begin, end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
