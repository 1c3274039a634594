/* test_api_swaps.c - what a supervisor does by the interface when meters were swapped or removed:
 * settle, move, check; with real meters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/api_aid.h"
#include "tests/aid/office_site.h"

static struct site site;
static struct site_meter old, new;
static char number[32], supervisor[GF_UUID_TEXT], clerk[GF_UUID_TEXT];
static uint64_t old_no;

static void begin(void)
{
    site_new(&site);
    site_meter_new(&site, &old, SITE_OLD);
    site_meter_new(&site, &new, SITE_NEW);
    oaid_staff(&site.a, "V009", "supervisor", supervisor);
    oaid_staff(&site.a, "K009", "clerk", clerk);
    old_no = site_open(&site, &old, "SP-0001");
    site_sell(&site, old_no, 700);
    assert_int_equal(site_give(&site, &old, old_no), gasm_Refusal_OK);
}

static void end(void)
{
    site_audit(&site);
    site_meter_end(&old);
    site_meter_end(&new);
    site_end(&site);
}

static void a_case_is_settled(void **state)
{
    const char *path = "/v1/swap-cases/SW-000001/settle";
    struct ho_new_order n = site_order_of("swap", SITE_NEW, "SP-0001");
    json_t *json;

    (void)state;
    begin();
    site_order(&site, &n, number);
    site_fetch(&site);
    site_key_and_account(&site, &new, number);
    oaid_call_is(&site.a, "POST", path, supervisor, json_pack("{s:b}", "online", 1), 409, "NOT_NOW",
                 NULL);
    site_close(&site, &old, true);
    site_send_all(&site, &old, number);
    site_send_all(&site, &new, number);
    oaid_call_is(&site.a, "POST", path, supervisor, json_object(), 409, "NOT_NOW", NULL);
    json = oaid_call(&site.a, "POST", path, supervisor, json_pack("{s:b}", "online", 1), 200);
    assert_int_equal(oaid_whole(json, "transit_l"), 0);
    json_decref(json);
    site_fetch(&site);
    site_commission(&site, &new);
    assert_int_equal(site_recharge(&site, &new, site_case(&site, number).new_account_no),
                     gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), 700);
    site_send_all(&site, &new, number);
    json = oaid_call(&site.a, "GET", "/v1/swap-cases/SW-000001", clerk, NULL, 200);
    assert_string_equal(oaid_text(json, "state"), "settled");
    json_decref(json);
    end();
}

/* A case is opened and called off by its own routes; the same id again is the same. */
static void a_case_is_opened(void **state)
{
    static const char id[] = "0190a000-0000-7000-8000-00000000000b";
    const char *path = "/v1/swap-cases";
    json_t *json;

    (void)state;
    begin();
    for (int again = 0; again < 2; again++) {
        json = oaid_call(&site.a, "POST", path, clerk,
                         json_pack("{s:s, s:s, s:s, s:s, s:I}", "id", id, "new_meter_id", SITE_NEW,
                                   "supply_point", "SP-0001", "reason", "fault", "cap_l",
                                   (json_int_t)900),
                         200);
        assert_string_equal(oaid_text(json, "number"), "SW-000001");
        assert_string_equal(oaid_text(json, "state"), "planned");
        assert_string_equal(oaid_text(json, "old_meter_id"), SITE_OLD);
        assert_int_equal(oaid_whole(json, "cap_l"), 900);
        assert_int_equal(oaid_whole(json, "transit_l"), 0);
        json_decref(json);
    }
    json = oaid_call(&site.a, "GET", "/v1/work-orders?meter_id=" SITE_NEW, clerk, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "items")), 1);
    assert_string_equal(oaid_text(json, "items.0.kind"), "swap");
    assert_string_equal(oaid_text(json, "items.0.swap_number"), "SW-000001");
    json_decref(json);
    oaid_call_is(&site.a, "POST", path, clerk,
                 json_pack("{s:s, s:s, s:s, s:s}", "id", id, "new_meter_id", SITE_OLD,
                           "supply_point", "SP-0001", "reason", "fault"),
                 409, "MISMATCH", NULL);
    oaid_call_is(&site.a, "POST", path, clerk,
                 json_pack("{s:s, s:s, s:s}", "id", id, "new_meter_id", SITE_NEW, "supply_point",
                           "SP-0001"),
                 400, NULL, "reason");
    oaid_call_is(&site.a, "POST", "/v1/swap-cases/SW-000002/cancel", clerk, NULL, 400, NULL,
                 "number");
    json = oaid_call(&site.a, "POST", "/v1/swap-cases/SW-000001/cancel", clerk, NULL, 200);
    assert_string_equal(oaid_text(json, "state"), "cancelled");
    json_decref(json);
    end();
}

static void a_removed_meters_credit_is_moved(void **state)
{
    static const char id[] = "0190a000-0000-7000-8000-00000000000a";
    struct ho_new_order n = site_order_of("removal", SITE_OLD, NULL);
    char path[64];
    uint64_t other_no;
    json_t *json;

    (void)state;
    begin();
    assert_int_equal(oaid_import_customers(&site.a, "customer_no,name,phone,supply_point,address\n"
                                                    "C-1001,Ada Marchetti,+44 20 7946 0101,SP-0009,"
                                                    "9 Canal Street\n"),
                     0);
    other_no = site_open(&site, &new, "SP-0009");
    site_order(&site, &n, number);
    site_fetch(&site);
    site_close(&site, &old, false);
    site_send_all(&site, &old, number);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    (void)snprintf(path, sizeof path, "/v1/accounts/%llu/move", (unsigned long long)old_no);
    for (int again = 0; again < 2; again++) {
        json = oaid_call(&site.a, "POST", path, supervisor,
                         json_pack("{s:s, s:I}", "id", id, "to_account_no", (json_int_t)other_no),
                         200);
        assert_int_equal(oaid_whole(json, "litres"), 700);
        assert_int_equal(oaid_whole(json, "account_no"), (int64_t)other_no);
        json_decref(json);
    }
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, other_no), 700);
    end();
}

static void work_that_is_done_is_checked(void **state)
{
    char path[64];
    json_t *json;

    (void)state;
    begin();
    (void)snprintf(path, sizeof path, "/v1/work-orders/%s/check", site.jobs[0].number);
    oaid_call_is(&site.a, "POST", path, clerk, NULL, 403, NULL, NULL);
    json = oaid_call(&site.a, "POST", path, supervisor, NULL, 200);
    assert_string_equal(oaid_text(json, "state"), "checked");
    json_decref(json);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_is_settled),
        cmocka_unit_test(a_case_is_opened),
        cmocka_unit_test(a_removed_meters_credit_is_moved),
        cmocka_unit_test(work_that_is_done_is_checked),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
