/* test_api_staff.c - people and devices, customers, supply points, accounts: the registers as the
 * staff reads and changes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/metrics.h"
#include "common/text.h"
#include "tests/aid/api_aid.h"

static struct oaid_office office;
static char clerk[GF_UUID_TEXT], supervisor[GF_UUID_TEXT], officer[GF_UUID_TEXT];

static int start(void **state)
{
    (void)state;
    oaid_office_new(&office);
    oaid_staff(&office, "K-1", "clerk", clerk);
    oaid_staff(&office, "U-1", "supervisor", supervisor);
    oaid_staff(&office, "O-1", "key-officer", officer);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

static json_t *get(const char *path)
{
    return oaid_call(&office, "GET", path, supervisor, NULL, 200);
}

static json_t *member(const char *no, const char *role)
{
    return json_pack("{s:s, s:s, s:s}", "staff_no", no, "name", "Ines Roth", "role", role);
}

static void staff_are_added_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) /* the same again is the same */
        oaid_call_is(&office, "POST", "/v1/staff", supervisor, member("T-9", "technician"), 200,
                     NULL, NULL);
    oaid_call_is(&office, "POST", "/v1/staff", supervisor, member("T-9", "auditor"), 409, "NOT_NOW",
                 "staff");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log WHERE who = 'U-1' "
                                              "AND what = 'staff added'"),
                     1);

    json_t *json = get("/v1/staff/T-9");
    assert_string_equal(oaid_text(json, "role"), "technician");
    assert_int_equal(oaid_whole(json, "added_at_ms"), AID_NOW_MS);
    json_decref(json);
    oaid_call_is(&office, "GET", "/v1/staff/T-404", supervisor, NULL, 404, "not_found", NULL);
}

/* Pages of two, read to the end: every member once, in order. */
static void lists_come_in_pages(void **state)
{
    char path[160] = "/v1/staff?limit=2", before[32] = "";
    int64_t all = oaid_sql_number(&office, "SELECT COUNT(*) FROM staff"), n = 0;

    (void)state;
    for (;;) {
        json_t *json = get(path);

        for (size_t i = 0; i < json_array_size(oaid_at(json, "items")); i++, n++) {
            char at[48];

            (void)snprintf(at, sizeof at, "items.%zu.staff_no", i);
            assert_true(strcmp(oaid_text(json, at), before) > 0);
            (void)gf_copy(before, sizeof before, oaid_text(json, at));
        }
        bool is_last = json_is_null(oaid_at(json, "next"));
        assert_int_equal(json_array_size(oaid_at(json, "items")) == 2 || is_last, true);
        (void)snprintf(path, sizeof path, "/v1/staff?limit=2&after=%s", before);
        json_decref(json);
        if (is_last)
            break;
    }
    assert_int_equal(n, all);
}

static void who_leaves_is_shut_out(void **state)
{
    char device[GF_UUID_TEXT], code[64];
    json_t *json;

    (void)state;
    oaid_staff(&office, "K-2", "clerk", device);
    json = oaid_call(&office, "POST", "/v1/staff/K-2/enrol-code", officer, NULL, 200);
    (void)gf_copy(code, sizeof code, oaid_text(json, "code"));
    json_decref(json);
    oaid_call_is(&office, "GET", "/v1/customers", device, NULL, 200, NULL, NULL);

    json = oaid_call(&office, "POST", "/v1/staff/K-2/leave", supervisor, NULL, 200);
    assert_int_equal(oaid_whole(json, "revoked"), 1);
    json_decref(json);
    json = oaid_call(&office, "POST", "/v1/staff/K-2/leave", supervisor, NULL, 200);
    assert_int_equal(oaid_whole(json, "revoked"), 0);
    json_decref(json);
    oaid_call_is(&office, "GET", "/v1/customers", device, NULL, 403, "revoked", NULL);
    oaid_call_is(&office, "POST", "/v1/staff/K-2/enrol-code", officer, NULL, 409, "left", NULL);
    oaid_call_is(&office, "POST", "/v1/staff/U-1/leave", supervisor, NULL, 409, "self", NULL);
    oaid_call_is(&office, "POST", "/v1/staff/X-1/leave", supervisor, NULL, 404, NULL, NULL);

    char csr[2048], answer[4096];
    oaid_csr("P-256", csr, sizeof csr);
    assert_int_equal(oaid_enrol(&office, code, csr, "192.0.2.1", answer, sizeof answer), 403);
    assert_non_null(strstr(answer, "code_expired"));
    json = get("/v1/staff/K-2");
    assert_int_equal(oaid_whole(json, "left_at_ms"), AID_NOW_MS);
    json_decref(json);
}

static void a_code_enrols_a_laptop(void **state)
{
    char csr[2048], want[160];
    json_t *json, *body;

    (void)state;
    oaid_csr("P-256", csr, sizeof csr);
    json = oaid_call(&office, "POST", "/v1/staff/S001/enrol-code", officer, NULL, 200);
    assert_null(oaid_at(json, "qr")); /* nobody said yet where strangers come */
    json_decref(json);
    assert_true(office_set_public_url(office.o, "https://office.example:8444"));
    json = oaid_call(&office, "POST", "/v1/staff/S001/enrol-code", officer, NULL, 200);
    (void)snprintf(want, sizeof want, "GASM-ENROL:1:https://office.example:8444:%s",
                   oaid_text(json, "code"));
    assert_string_equal(oaid_text(json, "qr"), want);
    assert_int_equal(oaid_whole(json, "expires_at_ms"), AID_NOW_MS + 24 * 3600000);
    body = json_pack("{s:s, s:s, s:s}", "code", oaid_text(json, "code"), "csr_pem", csr, "name",
                     "van 3");
    json_decref(json);
    json = oaid_call(&office, "POST", "/v1/enrol", "", body, 200);
    assert_string_equal(oaid_text(json, "staff"), "S001");
    json_decref(json);
}

static void devices_are_listed_and_revoked(void **state)
{
    char device[GF_UUID_TEXT], path[96];
    json_t *json;

    (void)state;
    oaid_staff(&office, "K-3", "clerk", device);
    json = oaid_call(&office, "GET", "/v1/devices?limit=200", officer, NULL, 200);
    assert_int_equal(json_array_size(oaid_at(json, "items")),
                     oaid_sql_number(&office, "SELECT COUNT(*) FROM device"));
    json_decref(json);
    oaid_call_is(&office, "GET", "/v1/devices?after=x", officer, NULL, 400, "format", "after");
    (void)snprintf(path, sizeof path, "/v1/devices/%s/revoke", device);
    for (int i = 0; i < 2; i++) {
        json = oaid_call(&office, "POST", path, officer, NULL, 200);
        assert_string_equal(oaid_text(json, "device_id"), device);
        assert_int_equal(oaid_whole(json, "revoked_at_ms"), AID_NOW_MS);
        json_decref(json);
    }
    oaid_call_is(&office, "POST", "/v1/devices/00000000-0000-7000-8000-000000000000/revoke",
                 officer, NULL, 404, NULL, NULL);
}

/* ---- customers and places ---- */

static json_t *customer(const char *no, const char *name, const char *phone)
{
    return json_pack("{s:s, s:s, s:s}", "customer_no", no, "name", name, "phone", phone);
}

static json_t *point(const char *no, const char *owner, const char *address)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "supply_point", no, "customer_no", owner, "address",
                     address, "tariff_class", "standard");
}

static void customers_are_registered_and_changed(void **state)
{
    json_t *json;

    (void)state;
    for (int i = 0; i < 2; i++)
        oaid_call_is(&office, "POST", "/v1/customers", clerk,
                     customer("C-9", "Ana Iri\xC4\x87", ""), 200, NULL, NULL);
    oaid_call_is(&office, "POST", "/v1/customers", clerk, customer("C-9", "Other", ""), 409,
                 "NOT_NOW", "customer_no");
    json = oaid_call(&office, "POST", "/v1/customers/C-9", clerk,
                     json_pack("{s:s, s:s}", "name", "Ana Horvat", "phone", "1 2"), 200);
    assert_string_equal(oaid_text(json, "name"), "Ana Horvat");
    json_decref(json);
    json = get("/v1/customers/C-9");
    assert_string_equal(oaid_text(json, "phone"), "1 2");
    json_decref(json);
    oaid_call_is(&office, "POST", "/v1/customers/C-404", clerk,
                 json_pack("{s:s, s:s}", "name", "a", "phone", ""), 404, NULL, NULL);
    oaid_call_is(&office, "GET", "/v1/customers/C-404", clerk, NULL, 404, NULL, NULL);
    json = get("/v1/customers");
    assert_int_equal(json_array_size(oaid_at(json, "items")), 4);
    json_decref(json);
}

/* Laptops with open orders learn what changed. */
static void changes_reach_open_orders(void **state)
{
    struct oaid_laptop *l = test_malloc(sizeof *l);
    char number[32];

    (void)state;
    oaid_order(&office, 1, number);
    oaid_laptop_new(l, &office, "S001");
    assert_int_equal(oaid_fetch(l), 200);
    assert_int_equal(l->n_jobs, 1);
    assert_int_equal(oaid_fetch(l), 200);
    assert_int_equal(l->n_jobs, 0);
    oaid_call_is(&office, "POST", "/v1/customers/C-1001", clerk,
                 json_pack("{s:s, s:s}", "name", "Ada Byron", "phone", "7"), 200, NULL, NULL);
    assert_int_equal(oaid_fetch(l), 200);
    assert_int_equal(l->n_jobs, 1);
    oaid_call_is(&office, "POST", "/v1/supply-points/SP-0001", clerk,
                 json_pack("{s:s, s:s}", "address", "9 New Row", "tariff_class", "standard"), 200,
                 NULL, NULL);
    assert_int_equal(oaid_fetch(l), 200);
    assert_int_equal(l->n_jobs, 1);
    test_free(l);
}

static void places_are_registered_and_changed(void **state)
{
    json_t *json;

    (void)state;
    for (int i = 0; i < 2; i++)
        oaid_call_is(&office, "POST", "/v1/supply-points", clerk, point("SP-9", "C-1001", "Mill 1"),
                     200, NULL, NULL);
    oaid_call_is(&office, "POST", "/v1/supply-points", clerk, point("SP-9", "C-1002", "Mill 1"),
                 409, "NOT_NOW", "supply_point");
    oaid_call_is(&office, "POST", "/v1/supply-points", clerk, point("SP-8", "C-404", "Mill 1"), 400,
                 "FORMAT", "customer_no");
    oaid_call_is(&office, "POST", "/v1/supply-points/SP-404", clerk,
                 json_pack("{s:s, s:s}", "address", "a", "tariff_class", "b"), 404, NULL, NULL);
    json = get("/v1/supply-points/SP-9");
    assert_string_equal(oaid_text(json, "address"), "Mill 1");
    json_decref(json);
    json = get("/v1/supply-points?limit=1");
    assert_string_equal(oaid_text(json, "next"), "SP-0001");
    json_decref(json);
}

static void accounts_have_their_balances(void **state)
{
    char number[32], path[64];
    int64_t no;
    json_t *json;

    (void)state;
    oaid_order(&office, 2, number);
    no = oaid_sql_number(&office, "SELECT MAX(account_no) FROM account");
    (void)snprintf(path, sizeof path, "/v1/accounts/%lld", (long long)no);
    json = get(path);
    assert_string_equal(oaid_text(json, "state"), "reserved");
    assert_int_equal(oaid_whole(json, "residual_l"), 0);
    assert_int_equal(oaid_whole(json, "in_tokens_l"), 0);
    json_decref(json);
    json = get("/v1/accounts");
    assert_int_equal(json_array_size(oaid_at(json, "items")),
                     oaid_sql_number(&office, "SELECT COUNT(*) FROM account"));
    json_decref(json);
    oaid_call_is(&office, "GET", "/v1/accounts/1", clerk, NULL, 404, NULL, NULL);
    oaid_call_is(&office, "GET", "/v1/accounts/x", clerk, NULL, 404, NULL, NULL);
    oaid_call_is(&office, "GET", "/v1/accounts?after=x", clerk, NULL, 400, "format", "after");
}

/* While another process changes something, changes are refused with the time to come again, and
 * reading goes on. */
static void a_locked_database_is_told_so(void **state)
{
    char path[600];
    int wait_s = 0;
    struct oaid_request change = {
        .method = "POST", .path = "/v1/staff", .who = supervisor, .wait_s = &wait_s
    };
    struct odb *another;
    struct gf_fail why = { 0 };

    (void)state;
    oaid_needs_file(&office);
    change.json = member("T-10", "technician");
    (void)snprintf(path, sizeof path, "%s/office.db", office.dir);
    assert_int_equal(odb_open(path, false, &another, &why), 0);
    assert_int_equal(odb_begin(another), 0);
    odb_set_wait(office.o->db, 0);
    json_decref(oaid_request(&office, &change, 503));
    assert_true(wait_s > 0);
    json_decref(get("/v1/staff"));
    odb_rollback(another);
    (void)odb_close(another);
    oaid_call_is(&office, "POST", "/v1/staff", supervisor, member("T-10", "technician"), 200, NULL,
                 NULL);
}

/* ---- health and counts ---- */

static void now_is(void *ctx, struct metrics_now *ret)
{
    *ret = *(const struct metrics_now *)ctx;
}

static void the_service_tells_how_it_stands(void **state)
{
    static const char *const names[] = { "GET /a" };
    struct metrics_now now = { .connections = 3, .queued = 2, .busy = 1, .started_s = 7 };
    struct metrics *m = metrics_new(names, 1);
    json_t *json;

    (void)state;
    json = oaid_call(&office, "GET", "/healthz", clerk, NULL, 200);
    assert_int_equal(oaid_whole(json, "utc_ms"), AID_NOW_MS);
    json_decref(json);
    oaid_call_is(&office, "GET", "/metrics", clerk, NULL, 503, "metrics", NULL);
    office.o->watch = (struct ho_watch){ .metrics = m, .ctx = &now, .now = now_is };
    json = oaid_call(&office, "GET", "/metrics", clerk, NULL, 200);
    assert_non_null(strstr(json_string_value(json), "\ngasoffice_connections 3\n"));
    json_decref(json);
    office.o->watch = (struct ho_watch){ 0 };
    (void)metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staff_are_added_once),
        cmocka_unit_test(lists_come_in_pages),
        cmocka_unit_test(a_locked_database_is_told_so),
        cmocka_unit_test(who_leaves_is_shut_out),
        cmocka_unit_test(a_code_enrols_a_laptop),
        cmocka_unit_test(devices_are_listed_and_revoked),
        cmocka_unit_test(customers_are_registered_and_changed),
        cmocka_unit_test(changes_reach_open_orders),
        cmocka_unit_test(places_are_registered_and_changed),
        cmocka_unit_test(accounts_have_their_balances),
        cmocka_unit_test(the_service_tells_how_it_stands),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, stop);
}
