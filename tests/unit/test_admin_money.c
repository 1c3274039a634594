/* test_admin_money.c - gasoffice pay, token, refund, tariff add, provider: as a person types them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/host/real.h"
#include "tests/aid/api_aid.h"
#include "tests/aid/money_aid.h"
#include "tests/aid/office_admin.h"
#include "tests/aid/proc.h"

#define ID_1 "01907f4c-2c00-7000-8000-000000000001"
#define ID_2 "01907f4c-2c00-7000-8000-000000000002"

static struct maid m;

static int begin(void **state)
{
    (void)state;
    maid_office(&m);
    oaid_office_end(&m.office);
    return 0;
}

#define RUN(...) oadm_run(&m.office, OADM_WORDS(__VA_ARGS__))
#define JSON(...) oadm_json(&m.office, OADM_WORDS(__VA_ARGS__))

static void pay_and_print_again(void **state)
{
    json_t *json = JSON("pay", "1001", "1000", "EUR", "--id", ID_1, "--by", "S001"), *again;

    (void)state;
    assert_int_equal(oaid_whole(json, "sequence"), 1);
    assert_int_equal(oaid_whole(json, "litres"), 1166);
    assert_int_equal(oaid_whole(json, "change_minor"), 1);
    assert_int_equal(strlen(oaid_text(json, "carriers.0.digits")), MC_TYPED_DIGITS);
    again = JSON("pay", "1001", "1000", "EUR", "--id", ID_1, "--by", "S001");
    assert_true(json_equal(json, again));
    json_decref(again);
    again = JSON("token", "1001");
    assert_string_equal(oaid_text(again, "carriers.0.sealed"),
                        oaid_text(json, "carriers.0.sealed"));
    json_decref(again);
    json_decref(JSON("token", "1001", "1"));
    json_decref(json);
    assert_int_equal(RUN("token", "1001", "--qr", "--ascii"), 0);
    assert_non_null(strstr(oadm_said, "##"));
    assert_non_null(strstr(oadm_said, "GASM-TOKEN:1:"));
    assert_int_equal(RUN("token", "1001", "2"), 3);
    assert_int_equal(RUN("token", "77"), 3);
    assert_int_equal(RUN("pay", "1001", "1001", "EUR", "--id", ID_1), 4);
    assert_int_equal(RUN("pay", "1001", "5", "EUR", "--by", "S099"), 3);
    assert_int_equal(RUN("pay", "1001", "0", "EUR"), 2);
}

static void a_refund_in_two_steps(void **state)
{
    json_t *json;

    (void)state;
    json_decref(JSON("pay", "1001", "1000", "EUR"));
    assert_int_equal(RUN("refund", "want", "1001", "1", "--reason", "twice"), 2);
    json = JSON("refund", "want", "1001", "1", "--reason", "twice", "--by", "S001", "--id", ID_2);
    assert_string_equal(oaid_text(json, "state"), "wanted");
    json_decref(json);
    assert_int_equal(RUN("refund", "approve", ID_2, "--by", "S001"), 8);
    json = JSON("refund", "approve", ID_2, "--by", "S002");
    assert_string_equal(oaid_text(json, "state"), "asked");
    assert_int_equal(oaid_whole(json, "by_sequence"), 2);
    json_decref(json);
    assert_int_equal(RUN("refund", "reject", ID_2, "--by", "S002"), 8);
    assert_int_equal(RUN("refund", "reject", "none", "--by", "S002"), 3);
}

static void tariffs_and_providers(void **state)
{
    char path[600], bad[600];
    json_t *json;

    (void)state;
    assert_int_equal(RUN("tariff", "add", "T-2", "0=900", "--currency", "EUR", "--period", "year",
                         "--from", "2027-01-01T00:00:00Z"),
                     0);
    assert_int_equal(RUN("tariff", "add", "T-2", "0=901", "--currency", "EUR"), 8);
    assert_int_equal(RUN("tariff", "add", "T-3", "0=x", "--currency", "EUR"), 3);
    assert_int_equal(RUN("tariff", "add", "T-3", "0=1", "--currency", "EURO"), 1);
    (void)snprintf(path, sizeof path, "%s/good", aid_tmpdir());
    (void)snprintf(bad, sizeof bad, "%s/bad", aid_tmpdir());
    assert_int_equal(gf_file_write(path,
                                   "00112233445566778899aabbccddeeff"
                                   "00112233445566778899aabbccddeeff\n",
                                   65, 0600, NULL),
                     0);
    assert_int_equal(gf_file_write(bad, "0011\n", 5, 0600, NULL), 0);
    assert_int_equal(RUN("provider", "add", "demo", "--secret", bad), 3);
    assert_int_equal(RUN("provider", "add", "demo", "--secret", path), 0);
    assert_int_equal(RUN("provider", "add", "demo", "--secret", path), 8);
    assert_int_equal(RUN("provider", "end", "nobody"), 3);
    assert_int_equal(RUN("provider", "end", "demo"), 0);
    json = JSON("provider", "list");
    assert_string_equal(oaid_text(json, "0.name"), "demo");
    assert_true(json_is_true(oaid_at(json, "0.is_ended")));
    json_decref(json);
}

/* Prices add up however a sale is cut, and are what a sale takes. */
static void the_price_of_a_sale(void **state)
{
    int64_t whole, parts = 0;
    json_t *json;

    (void)state;
    assert_int_equal(RUN("tariff", "add", "T-5", "0=850;100=1200;300=7", "--currency", "EUR",
                         "--class", "tiered"),
                     0);
    json = JSON("tariff", "price", "T-5", "400");
    whole = oaid_whole(json, "price_milli");
    assert_int_equal(whole, 100 * 850 + 200 * 1200 + 100 * 7);
    assert_int_equal(oaid_whole(json, "amount_minor"), 326);
    assert_int_equal(json_array_size(oaid_at(json, "steps")), 3);
    json_decref(json);
    for (int at = 0; at < 400; at += 50) {
        char bought[8];

        (void)snprintf(bought, sizeof bought, "%d", at);
        json = JSON("tariff", "price", "T-5", "50", "--bought-l", bought);
        assert_int_equal(oaid_whole(json, "price_milli"),
                         oaid_whole(json, "after_milli") - oaid_whole(json, "before_milli"));
        assert_int_equal(oaid_whole(json, "steps.0.cost_milli"), oaid_whole(json, "price_milli"));
        assert_int_equal(oaid_whole(json, "steps.0.from_l"), at);
        assert_int_equal(oaid_whole(json, "steps.0.to_l"), at + 50);
        parts += oaid_whole(json, "price_milli");
        json_decref(json);
    }
    assert_int_equal(parts, whole);
    json = JSON("tariff", "price", "T-5", "150", "--bought-l", "50");
    assert_int_equal(oaid_whole(json, "steps.0.litres"), 50);
    assert_int_equal(oaid_whole(json, "steps.1.milli_per_l"), 1200);
    json_decref(json);
    assert_int_equal(RUN("tariff", "price", "T-5", "0"), 2);
    assert_int_equal(RUN("tariff", "price", "T-5", "1", "--bought-l", "-1"), 2);
    assert_int_equal(RUN("tariff", "price", "T-9", "1"), 3);
    assert_non_null(strstr(oadm_said, "there is no such tariff"));
    json = JSON("tariff", "show", "T-5");
    assert_int_equal(oaid_whole(json, "steps.2.milli_per_l"), 7);
    assert_string_equal(oaid_text(json, "valid_from"), "1970-01-01T00:00:00Z");
    json_decref(json);
    json = JSON("tariff", "show");
    whole = (int64_t)json_array_size(json);
    assert_string_equal(oaid_text(json, "1.steps"), "0=850;100=1200;300=7");
    json_decref(json);
    assert_int_equal(whole, 2);
    assert_int_equal(RUN("tariff", "show", "T-9"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pay_and_print_again, begin),
        cmocka_unit_test_setup(a_refund_in_two_steps, begin),
        cmocka_unit_test_setup(tariffs_and_providers, begin),
        cmocka_unit_test_setup(the_price_of_a_sale, begin),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
