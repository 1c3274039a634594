/* test_api_money.c - payments, tokens, refunds, corrections and tariffs over HTTP. */
#include "backend/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/api_aid.h"
#include "tests/aid/money_aid.h"

#define ID_1 "01907f4c-2c00-7000-8000-000000000001"
#define ID_2 "01907f4c-2c00-7000-8000-000000000002"
#define ID_3 "01907f4c-2c00-7000-8000-000000000003"

static struct maid m;
static char clerk[GF_UUID_TEXT], supervisor[GF_UUID_TEXT], other[GF_UUID_TEXT],
    technician[GF_UUID_TEXT], auditor[GF_UUID_TEXT], officer[GF_UUID_TEXT];

static int begin(void **state)
{
    (void)state;
    maid_office(&m);
    oaid_staff(&m.office, "C1", "clerk", clerk);
    oaid_staff(&m.office, "V1", "supervisor", supervisor);
    oaid_staff(&m.office, "V2", "supervisor", other);
    oaid_staff(&m.office, "T1", "technician", technician);
    oaid_staff(&m.office, "A1", "auditor", auditor);
    oaid_staff(&m.office, "K1", "key-officer", officer);
    return 0;
}

static int end(void **state)
{
    (void)state;
    maid_end(&m);
    return 0;
}

static json_t *payment(const char *id, int64_t amount)
{
    return json_pack("{s:s, s:i, s:I, s:s}", "payment_id", id, "account_no", MAID_ACCOUNT,
                     "amount_minor", (json_int_t)amount, "currency", "EUR");
}

static void pay(const char *id, int64_t amount)
{
    json_decref(oaid_call(&m.office, "POST", "/v1/payments", clerk, payment(id, amount), 200));
}

static void refused(const char *method, const char *path, const char *who, json_t *json, int want,
                    const char *error, const char *field)
{
    oaid_call_is(&m.office, method, path, who, json, want, error, field);
}

/* ---- payments ---- */

static void a_counter_payment_is_credit(void **state)
{
    json_t *json = oaid_call(&m.office, "POST", "/v1/payments", clerk, payment(ID_1, 857), 200);

    (void)state;
    assert_string_equal(oaid_text(json, "state"), "confirmed");
    assert_string_equal(oaid_text(json, "asked_by"), "C1");
    assert_int_equal(oaid_whole(json, "token_seq"), 1);
    json_decref(json);
    pay(ID_1, 857); /* again */
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
    refused("POST", "/v1/payments", clerk, payment(ID_1, 858), 409, "MISMATCH", "amount_minor");
    refused("POST", "/v1/payments", clerk, payment(ID_2, 0), 400, "format", "amount_minor");
    json = payment(ID_2, 5);
    (void)json_object_set_new(json, "currency", json_string("USD"));
    refused("POST", "/v1/payments", clerk, json, 409, "MISMATCH", "currency");
    json = payment(ID_2, 5);
    (void)json_object_set_new(json, "account_no", json_integer(77));
    refused("POST", "/v1/payments", clerk, json, 400, "FORMAT", "account_no");
    json = oaid_call(&m.office, "GET", "/v1/payments/" ID_1, auditor, NULL, 200);
    assert_int_equal(oaid_whole(json, "amount_minor"), 857);
    json_decref(json);
    refused("GET", "/v1/payments/" ID_2, clerk, NULL, 404, "not_found", NULL);
    refused("GET", "/v1/payments/none", clerk, NULL, 404, "not_found", NULL);
    maid_check(&m);
}

static void payments_in_pages(void **state)
{
    json_t *json;

    (void)state;
    pay(ID_1, 500);
    pay(ID_2, 600);
    pay(ID_3, 700);
    json = oaid_call(&m.office, "GET", "/v1/payments?limit=2", clerk, NULL, 200);
    assert_int_equal(oaid_whole(json, "items.1.amount_minor"), 600);
    assert_null(oaid_at(json, "items.2"));
    assert_string_equal(oaid_text(json, "next"), ID_2);
    json_decref(json);
    json = oaid_call(&m.office, "GET", "/v1/payments?limit=2&after=" ID_2, clerk, NULL, 200);
    assert_int_equal(oaid_whole(json, "items.0.amount_minor"), 700);
    assert_null(oaid_at(json, "items.1"));
    json_decref(json);
    refused("GET", "/v1/payments?after=x", clerk, NULL, 400, "format", "after");
}

/* ---- who may ---- */

/* Every route of the part with every role: those that the design names pass the door. */
static void only_who_may(void **state)
{
    const struct {
        const char *who;
        enum api_role role;
    } all[] = { { clerk, API_CLERK },
                { supervisor, API_SUPERVISOR },
                { technician, API_TECHNICIAN },
                { auditor, API_AUDITOR },
                { officer, API_KEY_OFFICER } };
    static const struct {
        const char *method, *path;
        uint32_t may;
    } routes[] = {
        { "POST", "/v1/payments", API_BIT(CLERK) },
        { "GET", "/v1/payments", API_BIT(CLERK) | API_BIT(SUPERVISOR) | API_BIT(AUDITOR) },
        { "GET", "/v1/accounts/1001/tokens/1", API_BIT(CLERK) | API_BIT(TECHNICIAN) },
        { "POST", "/v1/accounts/1001/corrections", API_BIT(SUPERVISOR) },
        { "POST", "/v1/refunds", API_BIT(CLERK) | API_BIT(SUPERVISOR) },
        { "POST", "/v1/refunds/" ID_1 "/approve", API_BIT(SUPERVISOR) },
        { "POST", "/v1/refunds/" ID_1 "/reject", API_BIT(SUPERVISOR) },
        { "POST", "/v1/payouts", API_BIT(CLERK) | API_BIT(SUPERVISOR) },
        { "GET", "/v1/payouts", API_BIT(CLERK) | API_BIT(SUPERVISOR) | API_BIT(AUDITOR) },
        { "POST", "/v1/payouts/" ID_1 "/confirm", API_BIT(SUPERVISOR) },
        { "POST", "/v1/payouts/" ID_1 "/reject", API_BIT(SUPERVISOR) },
        { "POST", "/v1/tariffs", API_BIT(SUPERVISOR) },
    };

    (void)state;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
            if ((routes[i].may & (1u << all[k].role)) == 0)
                refused(routes[i].method, routes[i].path, all[k].who,
                        routes[i].method[0] == 'P' ? json_object() : NULL, 403, "role", NULL);
    refused("POST", "/v1/payments", clerk, json_object(), 400, "format", NULL);
    refused("POST", "/v1/tariffs", supervisor, json_object(), 400, "format", NULL);
}

/* ---- tokens ---- */

static void a_token_with_its_carriers(void **state)
{
    json_t *json;

    (void)state;
    pay(ID_1, 857);
    json = oaid_call(&m.office, "GET", "/v1/accounts/1001/tokens/1", clerk, NULL, 200);
    assert_string_equal(oaid_text(json, "state"), "pending");
    assert_int_equal(oaid_whole(json, "litres"), 1000);
    assert_int_equal(oaid_whole(json, "price_minor"), 857);
    assert_int_equal(oaid_whole(json, "carriers.0.epoch"), 1);
    assert_int_equal(strlen(oaid_text(json, "carriers.0.digits")), MC_TYPED_DIGITS);
    assert_null(oaid_at(json, "carriers.1"));
    json_decref(json);
    oaid_sql(&m.office, "INSERT INTO account_key (org_id, meter_id, epoch, sealed, wrap_epoch, "
                        "envelope, state, made_at_ms) SELECT org_id, meter_id, 0, sealed, 0, "
                        "envelope, 'new', 0 FROM account_key");
    oaid_sql(&m.office, "UPDATE account_key SET state = 'withdrawn'");
    json = oaid_call(&m.office, "GET", "/v1/accounts/1001/tokens/1", clerk, NULL, 200);
    assert_null(oaid_at(json, "carriers.0"));
    json_decref(json);
    json = oaid_call(&m.office, "GET", "/v1/accounts/1001/tokens", auditor, NULL, 200);
    assert_int_equal(oaid_whole(json, "items.0.sequence"), 1);
    json_decref(json);
    refused("GET", "/v1/accounts/1001/tokens/2", clerk, NULL, 404, "not_found", NULL);
    refused("GET", "/v1/accounts/1001/tokens/x", clerk, NULL, 404, "not_found", NULL);
    refused("GET", "/v1/accounts/x/tokens", clerk, NULL, 404, "not_found", NULL);
}

static void technician_sees(int want)
{
    static const char *const paths[] = { "/v1/accounts/1001/tokens", "/v1/accounts/1001/tokens/1" };

    for (size_t i = 0; i < 2; i++)
        oaid_call_is(&m.office, "GET", paths[i], technician, NULL, want,
                     want == 404 ? "not_found" : NULL, NULL);
}

/* Tokens are credit that can be typed in: who works at meters gets those of the own open orders. */
static void technicians_see_what_their_orders_are_about(void **state)
{
    static const struct {
        const char *change;
        int want;
    } steps[] = {
        { "UPDATE work_order SET state = 'planned'", 404 },
        { "UPDATE work_order SET state = 'assigned'", 200 },
        { "UPDATE work_order SET staff_no = 'S001'", 404 },
        { "UPDATE work_order SET staff_no = 'T1', state = 'on-site'", 200 },
        { "UPDATE work_order SET state = 'done'", 404 },
        { "UPDATE work_order SET state = 'assigned', account_no = 1002", 404 },
        { "INSERT INTO swap_case (org_id, case_id, number, supply_point, reason, old_meter_id, "
          "new_meter_id, old_account_no, new_account_no, cap_l, not_after_s, terms, state, "
          "made_at_ms, made_by) SELECT 1, order_id, 'S-1', supply_point, 'due', meter_id, "
          "meter_id, 1001, 1002, 1, 1, order_id, 'planned', 0, 'K1' FROM work_order",
          404 },
        { "UPDATE work_order SET swap_case = order_id", 200 },
        { "UPDATE work_order SET state = 'unable'", 404 },
    };

    (void)state;
    pay(ID_1, 857);
    technician_sees(404);
    oaid_sql(&m.office,
             "INSERT INTO work_order (org_id, order_id, number, kind, meter_id, supply_point, "
             "customer_no, staff_no, account_no, state, due, priority, purge_volume_l, "
             "purge_limit_s, parameters, note, made_at_ms) SELECT 1, x'00', 'W-1', 'check', "
             "meter_id, supply_point, customer_no, 'T1', 1001, 'planned', '', 1, 1, 1, '', '', 0 "
             "FROM account WHERE account_no = 1001");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        oaid_sql(&m.office, steps[i].change);
        technician_sees(steps[i].want);
    }
}

static json_t *correction(const char *id, const char *kind, int64_t litres)
{
    return json_pack("{s:s, s:s, s:I, s:s}", "correction_id", id, "kind", kind, "litres",
                     (json_int_t)litres, "reason", "meter read wrong");
}

static void a_correction_is_a_token(void **state)
{
    static const char path[] = "/v1/accounts/1001/corrections";
    json_t *json =
        oaid_call(&m.office, "POST", path, supervisor, correction(ID_1, "forgive", 50), 200);

    (void)state;
    assert_int_equal(oaid_whole(json, "forgiven_l"), 50);
    assert_string_equal(oaid_text(json, "made_by"), "V1");
    json_decref(json);
    json = oaid_call(&m.office, "POST", path, supervisor, correction(ID_1, "forgive", 50), 200);
    assert_int_equal(oaid_whole(json, "sequence"), 1);
    json_decref(json);
    refused("POST", path, supervisor, correction(ID_1, "forgive", 51), 409, "MISMATCH", "token");
    json = oaid_call(&m.office, "POST", path, supervisor, correction(ID_2, "debit", 5), 200);
    assert_int_equal(oaid_whole(json, "debited_l"), 5);
    json_decref(json);
    refused("POST", path, supervisor, correction(ID_3, "sale", 5), 400, "format", "kind");
    refused("POST", path, supervisor, correction(ID_3, "debit", 0), 400, "format", "litres");
    maid_check(&m);
    oaid_sql(&m.office, "UPDATE account SET state = 'closed'");
    refused("POST", path, supervisor, correction(ID_3, "debit", 5), 409, "NOT_NOW", "account_no");
}

/* ---- refunds ---- */

static json_t *refund(const char *id, int sequence)
{
    return json_pack("{s:s, s:i, s:i, s:s}", "refund_id", id, "account_no", MAID_ACCOUNT,
                     "sequence", sequence, "reason", "bought twice");
}

static const char *refund_state(void)
{
    static char word[32];
    json_t *json = oaid_call(&m.office, "GET", "/v1/refunds", auditor, NULL, 200);

    (void)snprintf(word, sizeof word, "%s", oaid_text(json, "items.0.state"));
    json_decref(json);
    return word;
}

static void one_wants_another_approves(void **state)
{
    json_t *json;

    (void)state;
    pay(ID_1, 857);
    json = oaid_call(&m.office, "POST", "/v1/refunds", clerk, refund(ID_2, 1), 200);
    assert_string_equal(oaid_text(json, "state"), "wanted");
    assert_int_equal(oaid_whole(json, "amount_minor"), 857);
    assert_null(oaid_at(json, "by_sequence"));
    json_decref(json);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
    pay(ID_3, 10); /* then it is not the newest any more */
    refused("POST", "/v1/refunds/" ID_2 "/approve", supervisor, NULL, 409, "NOT_NOW", "sequence");
    oaid_sql(&m.office, "UPDATE token SET state = 'voided' WHERE sequence = 2");
    json = oaid_call(&m.office, "POST", "/v1/refunds/" ID_2 "/approve", supervisor, NULL, 200);
    assert_string_equal(oaid_text(json, "state"), "asked");
    assert_int_equal(oaid_whole(json, "by_sequence"), 3);
    assert_string_equal(oaid_text(json, "approved_by"), "V1");
    json_decref(json);
    json_decref(
        oaid_call(&m.office, "POST", "/v1/refunds/" ID_2 "/approve", supervisor, NULL, 200));
    refused("POST", "/v1/refunds/" ID_2 "/approve", other, NULL, 409, "NOT_NOW", "refund_id");
    refused("POST", "/v1/refunds/" ID_2 "/reject", supervisor, NULL, 409, "NOT_NOW", "refund_id");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 3);
    assert_int_equal(maid_sum(&m, "SELECT purchased_l FROM token WHERE sequence = 3"), 0);
}

static void nobody_approves_the_own_one(void **state)
{
    (void)state;
    pay(ID_1, 857);
    json_decref(oaid_call(&m.office, "POST", "/v1/refunds", supervisor, refund(ID_2, 1), 200));
    refused("POST", "/v1/refunds/" ID_2 "/approve", supervisor, NULL, 409, "NOT_NOW",
            "approved_by");
    assert_string_equal(refund_state(), "wanted");
    json_decref(oaid_call(&m.office, "POST", "/v1/refunds/" ID_2 "/approve", other, NULL, 200));
    assert_string_equal(refund_state(), "asked");
}

static void rejected_is_refused(void **state)
{
    json_t *json;

    (void)state;
    pay(ID_1, 857);
    json_decref(oaid_call(&m.office, "POST", "/v1/refunds", clerk, refund(ID_2, 1), 200));
    refused("POST", "/v1/refunds/" ID_3 "/reject", supervisor, NULL, 404, "not_found", NULL);
    refused("POST", "/v1/refunds/none/approve", supervisor, NULL, 404, "not_found", NULL);
    json = oaid_call(&m.office, "POST", "/v1/refunds/" ID_2 "/reject", supervisor, NULL, 200);
    assert_string_equal(oaid_text(json, "state"), "refused");
    assert_string_equal(oaid_text(json, "why"), "rejected");
    json_decref(json);
    json_decref(oaid_call(&m.office, "POST", "/v1/refunds/" ID_2 "/reject", supervisor, NULL, 200));
    refused("POST", "/v1/refunds/" ID_2 "/approve", other, NULL, 409, "NOT_NOW", "refund_id");
    refused("POST", "/v1/refunds", clerk, refund(ID_3, 9), 400, "FORMAT", "sequence");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
    pay(ID_3, 10); /* sales go on */
}

/* What was refused without effect bars nothing; of a token one at a time is not refused. */
static void after_a_refused_one_another_may_be_wanted(void **state)
{
    (void)state;
    pay(ID_1, 857);
    json_decref(oaid_call(&m.office, "POST", "/v1/refunds", clerk, refund(ID_2, 1), 200));
    refused("POST", "/v1/refunds", clerk, refund(ID_3, 1), 409, "NOT_NOW", "sequence");
    json_decref(oaid_call(&m.office, "POST", "/v1/refunds/" ID_2 "/reject", supervisor, NULL, 200));
    json_decref(oaid_call(&m.office, "POST", "/v1/refunds", clerk, refund(ID_3, 1), 200));
    json_decref(oaid_call(&m.office, "POST", "/v1/refunds", clerk, refund(ID_2, 1), 200));
    refused("POST", "/v1/refunds", clerk, refund(ID_1, 1), 409, "NOT_NOW", "sequence");
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM refund WHERE state = 'wanted'"), 1);
    json_decref(oaid_call(&m.office, "POST", "/v1/refunds/" ID_3 "/approve", supervisor, NULL, 200));
    maid_check(&m);
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM refund WHERE live = 1"), 1);
}

/* ---- tariffs ---- */

static json_t *tariff(const char *id, const char *steps, int64_t from_s)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "tariff_id", id, "class", "standard",
                     "currency", "EUR", "period", "month", "steps", steps, "valid_from_s",
                     (json_int_t)from_s);
}

static void tariffs_are_for_good(void **state)
{
    json_t *json = oaid_call(&m.office, "POST", "/v1/tariffs", supervisor,
                             tariff("T-2", "0=900;100=1000", 1800000000), 200);

    (void)state;
    assert_string_equal(oaid_text(json, "steps"), "0=900;100=1000");
    assert_string_equal(oaid_text(json, "made_by"), "V1");
    json_decref(json);
    json_decref(oaid_call(&m.office, "POST", "/v1/tariffs", supervisor,
                          tariff("T-2", "0=900;100=1000", 1800000000), 200));
    refused("POST", "/v1/tariffs", supervisor, tariff("T-2", "0=901", 1800000000), 409, "NOT_NOW",
            NULL);
    refused("POST", "/v1/tariffs", supervisor, tariff("T-3", "0=901", 1800000000), 409, "NOT_NOW",
            NULL);
    refused("POST", "/v1/tariffs", supervisor, tariff("T-3", "5=901", 1900000000), 400, NULL, NULL);
    json = oaid_call(&m.office, "GET", "/v1/tariffs?limit=1", technician, NULL, 200);
    assert_string_equal(oaid_text(json, "items.0.tariff_id"), "T-1");
    assert_string_equal(oaid_text(json, "next"), "T-1");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_counter_payment_is_credit, begin, end),
        cmocka_unit_test_setup_teardown(payments_in_pages, begin, end),
        cmocka_unit_test_setup_teardown(only_who_may, begin, end),
        cmocka_unit_test_setup_teardown(a_token_with_its_carriers, begin, end),
        cmocka_unit_test_setup_teardown(technicians_see_what_their_orders_are_about, begin, end),
        cmocka_unit_test_setup_teardown(a_correction_is_a_token, begin, end),
        cmocka_unit_test_setup_teardown(one_wants_another_approves, begin, end),
        cmocka_unit_test_setup_teardown(nobody_approves_the_own_one, begin, end),
        cmocka_unit_test_setup_teardown(rejected_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(after_a_refused_one_another_may_be_wanted, begin, end),
        cmocka_unit_test_setup_teardown(tariffs_are_for_good, begin, end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
