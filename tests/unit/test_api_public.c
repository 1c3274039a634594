/* test_api_public.c - what customers can do: register, log in, see and pay for what is theirs, and
 * nothing of anybody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/customer.h"
#include "backend/provider.h"
#include "common/text.h"
#include "tests/aid/api_aid.h"
#include "tests/aid/money_aid.h"

#define PASSWORD "a mill by the water"
#define PAYMENT "0190a5b2-0000-7000-8000-0000000000a1"

static struct maid m;
static char meter_id[GF_METER_ID_TEXT], mine[65], other[65];

static int start(void **state)
{
    struct odb_query *q;

    (void)state;
    maid_new(&m);
    q = odb_query(m.office.o->db,
                  "SELECT meter_id FROM account WHERE org_id = ?1 AND account_no = ?2",
                  ODB(ODB_I(MAID_ACCOUNT)));
    assert_int_equal(odb_next(m.office.o->db, q), 1);
    odb_text(q, 0, meter_id, sizeof meter_id);
    odb_end(q);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    maid_end(&m);
    return 0;
}

/* Forget wrong attempts: a minute later. */
static void wait_a_minute(void)
{
    m.office.mono_ms += 60000;
}

static json_t *registration(const char *field, json_t *instead)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s}", "customer_no", "C-1001", "name",
                             "Ada Marchetti", "phone", "+44 (20) 7946-0101", "meter_id", meter_id,
                             "account_no", (int)MAID_ACCOUNT, "login", "ada", "password", PASSWORD);

    if (field != NULL)
        (void)json_object_set_new(json, field, instead);
    return json;
}

static void registers(const char *field, json_t *instead, int want, const char *error,
                      const char *at)
{
    oaid_call_is(&m.office, "POST", "/v1/customer/register", "", registration(field, instead), want,
                 error, at);
    wait_a_minute();
}

static void each_field_has_to_be_as_registered(void **state)
{
    (void)state;
    registers("customer_no", json_string("C-404"), 409, "MISMATCH", "customer_no");
    registers("customer_no", json_string("C-1002"), 409, "MISMATCH", "name");
    registers("name", json_string("Ada Marchett"), 409, "MISMATCH", "name");
    registers("phone", json_string("+44 20 7946 0102"), 409, "MISMATCH", "phone");
    registers("phone", json_string(""), 409, "MISMATCH", "phone");
    registers("account_no", json_integer(MAID_ACCOUNT + 1), 409, "MISMATCH", "account_no");
    registers("meter_id", json_string(AID_METER_3), 409, "MISMATCH", "meter_id");
    registers("password", json_string("too short"), 400, "FORMAT", "password");
    registers("password", json_string("aaaaaaaaaaaa"), 400, "FORMAT", "password");
    registers("password", json_string("xx-ada-xx-ada"), 400, "FORMAT", "password");
    assert_int_equal(oaid_sql_number(&m.office, "SELECT COUNT(*) FROM customer_login"), 0);
    assert_int_equal(oaid_sql_number(&m.office, "SELECT COUNT(*) FROM binding"), 0);
    oaid_exec(&m.office,
              "UPDATE account SET state = 'reserved' WHERE org_id = ?1 AND account_no = ?2",
              ODB(ODB_I(MAID_ACCOUNT)));
    registers(NULL, NULL, 409, "NOT_NOW", "account_no");
    oaid_exec(&m.office, "UPDATE account SET state = 'open' WHERE org_id = ?1 AND account_no = ?2",
              ODB(ODB_I(MAID_ACCOUNT)));
}

static void guesses_are_slowed_down(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        oaid_call_is(&m.office, "POST", "/v1/customer/register", "",
                     registration("name", json_string("Guess")), 409, "MISMATCH", "name");
    oaid_call_is(&m.office, "POST", "/v1/customer/register", "", registration(NULL, NULL), 429,
                 "too_many", NULL);
    wait_a_minute();
}

static int64_t familiar_addresses(void)
{
    return oaid_sql_number(&m.office,
                           "SELECT COUNT(*) FROM customer_address WHERE familiar_until_ms > 0");
}

static void a_customer_registers_once(void **state)
{
    char text[256];

    (void)state;
    registers(NULL, NULL, 200, NULL, NULL);
    assert_int_equal(familiar_addresses(), 1);
    registers(NULL, NULL, 200, NULL, NULL); /* the answer was lost */
    registers("password", json_string("another password"), 409, "NOT_NOW", "customer_no");
    registers("login", json_string("ada2"), 409, "NOT_NOW", "customer_no");
    assert_int_equal(oaid_sql_number(&m.office, "SELECT COUNT(*) FROM customer_login"), 1);
    assert_int_equal(oaid_sql_number(&m.office, "SELECT COUNT(*) FROM binding"), 1);
    (void)snprintf(text, sizeof text,
                   "SELECT COUNT(*) FROM customer_login WHERE instr(CAST(hash AS TEXT), '%s') > 0 "
                   "OR parameters NOT LIKE 'scrypt 15 %%'",
                   PASSWORD);
    assert_int_equal(oaid_sql_number(&m.office, text), 0);
}

static json_t *login(const char *name, const char *password)
{
    return json_pack("{s:s, s:s}", "login", name, "password", password);
}

static void log_in(char ret[static 65])
{
    json_t *json =
        oaid_call(&m.office, "POST", "/v1/customer/login", "", login("ada", PASSWORD), 200);

    (void)gf_copy(ret, 65, oaid_text(json, "token"));
    assert_string_equal(oaid_text(json, "customer_no"), "C-1001");
    assert_int_equal(oaid_whole(json, "expires_at_ms"),
                     m.office.utc_ms + INT64_C(30) * 24 * 3600 * 1000);
    json_decref(json);
}

static void sessions_begin_and_end(void **state)
{
    char first[65], second[65], text[160];

    (void)state;
    log_in(first);
    log_in(second);
    assert_string_not_equal(first, second);
    (void)snprintf(text, sizeof text,
                   "SELECT COUNT(*) FROM customer_session WHERE hex(token_hash) "
                   "= upper('%s')",
                   first);
    assert_int_equal(oaid_sql_number(&m.office, text), 0); /* only its hash is kept */
    oaid_call_is(&m.office, "POST", "/v1/customer/logout", first, json_object(), 200, NULL, NULL);
    oaid_call_is(&m.office, "GET", "/v1/customer/meters", first, NULL, 401, "login", NULL);
    oaid_call_is(&m.office, "GET", "/v1/customer/meters", second, NULL, 200, NULL, NULL);
    log_in(first);
    oaid_call_is(&m.office, "POST", "/v1/customer/logout", first,
                 json_pack("{s:b}", "everywhere", 1), 200, NULL, NULL);
    oaid_call_is(&m.office, "GET", "/v1/customer/meters", second, NULL, 401, "login", NULL);

    log_in(first);
    m.office.utc_ms += INT64_C(30) * 24 * 3600 * 1000 - 1;
    oaid_call_is(&m.office, "GET", "/v1/customer/meters", first, NULL, 200, NULL, NULL);
    m.office.utc_ms += 1;
    oaid_call_is(&m.office, "GET", "/v1/customer/meters", first, NULL, 401, "login", NULL);
    m.office.utc_ms -= INT64_C(30) * 24 * 3600 * 1000;
}

static void wrong(const char *name, int want)
{
    oaid_call_is(&m.office, "POST", "/v1/customer/login", "", login(name, "not the password"), want,
                 want == 401 ? "login" : "too_many", NULL);
}

static void is_told_to_wait(const char *name, int wait_s)
{
    int told_s = 0;
    const struct oaid_request r = { .method = "POST",
                                    .path = "/v1/customer/login",
                                    .who = "",
                                    .json = login(name, "not the password"),
                                    .wait_s = &told_s };

    json_decref(oaid_request(&m.office, &r, 429));
    assert_int_equal(told_s, wait_s);
}

/* Five are free, then the login waits; a stranger cannot tell a login that there is from another.
 */
static void wrong_passwords_wait_longer_and_longer(void **state)
{
    static const int waits_s[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900 };

    (void)state;
    for (int i = 0; i < 4; i++) {
        wrong("ada", 401);
        wrong("nobody", 401);
    }
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        wrong("ada", 401);
        wrong("nobody", 401);
        is_told_to_wait("ada", waits_s[i]);
        is_told_to_wait("nobody", waits_s[i]);
        m.office.utc_ms += waits_s[i] * 1000 - 1;
        is_told_to_wait("ada", 1);
        is_told_to_wait("nobody", 1);
        oaid_call_is(&m.office, "POST", "/v1/customer/login", "", login("ada", PASSWORD), 429,
                     "too_many", "login");
        m.office.utc_ms += 1;
    }
    log_in(mine); /* the right one after all, and everything is forgotten */
    wrong("ada", 401);
    wrong("ada", 401);
    log_in(mine);
    wait_a_minute();
}

/* Somebody else's wrong passwords are no reason for the customer to wait, at home or elsewhere. */
static void a_stranger_locks_nobody_out(void **state)
{
    static const struct {
        const char *peer;
        int want;
    } tries[] = {
        { "198.51.100.9", 429 },
        { "192.0.2.7", 200 },
        { "203.0.113.5", 200 },
        { "198.51.100.9", 429 },
    };
    struct oaid_request r = { .method = "POST", .path = "/v1/customer/login", .who = "" };

    (void)state;
    for (int i = 0; i < 5; i++) {
        r.peer = tries[0].peer;
        r.json = login("ada", "not the password");
        json_decref(oaid_request(&m.office, &r, 401));
    }
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        r.peer = tries[i].peer;
        r.json = login("ada", PASSWORD);
        json_decref(oaid_request(&m.office, &r, tries[i].want));
    }
    wait_a_minute();
}

/* Registering once more is no way around the wait. */
static void registering_waits_too(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        registers("password", json_string("another password"), 409, "NOT_NOW", "customer_no");
    registers("password", json_string("another password"), 429, "too_many", "login");
    registers(NULL, NULL, 429, "too_many", "login");
    is_told_to_wait("ada", 1);
    m.office.utc_ms += 1000;
    registers(NULL, NULL, 200, NULL, NULL); /* and everything is forgotten */
    wrong("ada", 401);
    log_in(mine);
}

static void passwords_are_changed(void **state)
{
    char elsewhere[65];

    (void)state;
    log_in(mine);
    log_in(elsewhere);
    oaid_call_is(&m.office, "POST", "/v1/customer/password", mine,
                 json_pack("{s:s, s:s}", "old_password", "wrong", "password", "a new password"),
                 403, "password", "old_password");
    oaid_call_is(&m.office, "POST", "/v1/customer/password", mine,
                 json_pack("{s:s, s:s}", "old_password", PASSWORD, "password", "short"), 400,
                 "FORMAT", "password");
    oaid_call_is(&m.office, "POST", "/v1/customer/password", mine,
                 json_pack("{s:s, s:s}", "old_password", PASSWORD, "password", "a new password"),
                 200, NULL, NULL);
    assert_int_equal(familiar_addresses(), 1); /* this one: who knew the old one may be elsewhere */
    oaid_call_is(&m.office, "GET", "/v1/customer/meters", elsewhere, NULL, 401, "login", NULL);
    oaid_call_is(&m.office, "GET", "/v1/customer/meters", mine, NULL, 200, NULL, NULL);
    wrong("ada", 401);
    oaid_call_is(&m.office, "POST", "/v1/customer/login", "", login("ada", "a new password"), 200,
                 NULL, NULL);
    oaid_call_is(&m.office, "POST", "/v1/customer/password", mine,
                 json_pack("{s:s, s:s}", "old_password", "a new password", "password", PASSWORD),
                 200, NULL, NULL);
}

/* ---- what is theirs ---- */

/* Somebody with a session, without registering. */
static void make_session(struct oaid_office *a, const char *name, const char *customer_no,
                         char ret[static 65])
{
    const struct mc_crypto *crypto = a->ports.crypto;
    uint8_t bytes[32] = { 2 }, hash[32];

    gf_hex(bytes, sizeof bytes, ret);
    const struct gf_span parts[] = { { (const uint8_t *)"gasm session", 12 },
                                     { (const uint8_t *)ret, 64 } };
    assert_int_equal(crypto->sha256(crypto->ctx, parts, 2, hash), 0);
    oaid_exec(a,
              "INSERT INTO customer_login (org_id, login, customer_no, salt, hash, parameters, "
              "made_at_ms) VALUES (?1, ?2, ?3, ?4, ?4, 'scrypt 15 8 1', 0)",
              ODB(ODB_T(name), ODB_T(customer_no), ODB_B(bytes, 16)));
    oaid_exec(a,
              "INSERT INTO customer_session (org_id, token_hash, login, customer_no, made_at_ms, "
              "expires_at_ms) VALUES (?1, ?2, ?3, ?4, 0, ?5)",
              ODB(ODB_B(hash, 32), ODB_T(name), ODB_T(customer_no), ODB_I(INT64_MAX)));
}

static json_t *bind_to(const char *id, int64_t account_no)
{
    return json_pack("{s:s, s:I}", "meter_id", id, "account_no", (json_int_t)account_no);
}

static void meters_are_bound(void **state)
{
    char path[96];
    json_t *json;

    (void)state;
    make_session(&m.office, "jonas", "C-1002", other);
    log_in(mine);
    oaid_call_is(&m.office, "POST", "/v1/customer/meters", mine, bind_to(meter_id, MAID_ACCOUNT),
                 200, NULL, NULL);
    oaid_call_is(&m.office, "POST", "/v1/customer/meters", mine, bind_to(AID_METER_3, MAID_ACCOUNT),
                 404, "not_found", NULL);
    oaid_call_is(&m.office, "POST", "/v1/customer/meters", other, bind_to(meter_id, MAID_ACCOUNT),
                 404, "not_found", NULL);
    json = oaid_call(&m.office, "GET", "/v1/customer/meters", mine, NULL, 200);
    assert_int_equal(json_array_size(oaid_at(json, "items")), 1);
    assert_string_equal(oaid_text(json, "items.0.meter_id"), meter_id);
    json_decref(json);
    json = oaid_call(&m.office, "GET", "/v1/customer/meters", other, NULL, 200);
    assert_int_equal(json_array_size(oaid_at(json, "items")), 0);
    json_decref(json);

    (void)snprintf(path, sizeof path, "/v1/customer/meters/%s/ticket", meter_id);
    json = oaid_call(&m.office, "POST", path, mine, NULL, 200);
    assert_true(oaid_whole(json, "not_after_s") > m.office.utc_ms / 1000);
    json_decref(json);
    oaid_call_is(&m.office, "POST", path, other, NULL, 404, "not_found", NULL);
}

static json_t *payment(const char *id, int64_t amount, const char *provider)
{
    return json_pack("{s:s, s:i, s:I, s:s, s:s}", "payment_id", id, "account_no", (int)MAID_ACCOUNT,
                     "amount_minor", (json_int_t)amount, "currency", "EUR", "provider", provider);
}

static int add_provider(struct office *o, void *ctx)
{
    static const uint8_t secret[HO_KEY_LEN] = { 5 };

    (void)ctx;
    return provider_add(o, "acme", secret, "test");
}

static void payments_become_tokens(void **state)
{
    struct payment paid;
    uint8_t id[GF_UUID_LEN];
    char path[96], sealed[2048];
    json_t *json;

    (void)state;
    assert_true(ho_transaction(m.office.o, add_provider, NULL) >= 0);
    oaid_call_is(&m.office, "POST", "/v1/customer/payments", mine,
                 payment(PAYMENT, 1000, "counter"), 409, "provider",
                 "provider"); /* nobody takes their own money */
    oaid_call_is(&m.office, "POST", "/v1/customer/payments", other, payment(PAYMENT, 1000, "acme"),
                 404, "not_found", NULL);
    for (int i = 0; i < 2; i++) {
        json = oaid_call(&m.office, "POST", "/v1/customer/payments", mine,
                         payment(PAYMENT, 1000, "acme"), 200);
        assert_string_equal(oaid_text(json, "state"), "requested");
        assert_null(oaid_at(json, "token"));
        json_decref(json);
    }
    oaid_call_is(&m.office, "POST", "/v1/customer/payments", mine, payment(PAYMENT, 1001, "acme"),
                 409, "MISMATCH", NULL);

    assert_int_equal(gf_uuid_parse(PAYMENT, id), 0);
    assert_true(maid_confirm(&m, id, "ref-1", 1000, "EUR", &paid) >= 0);
    json = oaid_call(&m.office, "GET", "/v1/customer/payments/" PAYMENT, mine, NULL, 200);
    assert_string_equal(oaid_text(json, "state"), "confirmed");
    assert_string_equal(oaid_text(json, "token.state"), "pending");
    assert_int_equal(strlen(oaid_text(json, "token.digits")) >= 25, true);
    (void)gf_copy(sealed, sizeof sealed, oaid_text(json, "token.sealed"));
    json_decref(json);
    oaid_call_is(&m.office, "GET", "/v1/customer/payments/" PAYMENT, other, NULL, 404, "not_found",
                 NULL);
    oaid_call_is(&m.office, "GET", "/v1/customer/payments/x", mine, NULL, 404, "not_found", NULL);

    (void)snprintf(path, sizeof path, "/v1/customer/accounts/%u/tokens", MAID_ACCOUNT);
    json = oaid_call(&m.office, "GET", path, mine, NULL, 200);
    assert_string_equal(oaid_text(json, "items.0.sealed"), sealed);
    json_decref(json);
    oaid_call_is(&m.office, "GET", path, other, NULL, 404, "not_found", NULL);
}

static void accounts_show_balances(void **state)
{
    char path[96];
    json_t *json;

    (void)state;
    (void)snprintf(path, sizeof path, "/v1/customer/accounts/%u", MAID_ACCOUNT);
    json = oaid_call(&m.office, "GET", path, mine, NULL, 200);
    assert_string_equal(oaid_text(json, "currency"), "EUR");
    assert_true(oaid_whole(json, "in_tokens_l") > 0);
    assert_int_equal(oaid_whole(json, "residual_l"), 0);
    assert_true(oaid_whole(json, "change_milli") >= 0);
    json_decref(json);
    oaid_call_is(&m.office, "GET", path, other, NULL, 404, "not_found", NULL);
    json = oaid_call(&m.office, "GET", "/v1/customer/accounts", mine, NULL, 200);
    assert_int_equal(json_array_size(oaid_at(json, "items")), 1);
    json_decref(json);
    json = oaid_call(&m.office, "GET", "/v1/customer/accounts", other, NULL, 200);
    assert_int_equal(json_array_size(oaid_at(json, "items")), 0);
    json_decref(json);
}

/* A receipt that a customer brings is as good as one that a technician brings. */
static void receipts_are_taken(void **state)
{
    struct oaid_laptop *l = test_calloc(1, sizeof *l);
    struct oaid_office *second = test_calloc(1, sizeof *second);
    struct oaid_meter meter;
    uint8_t bytes[AID_RECEIPT_MAX];
    char hex[2 * AID_RECEIPT_MAX + 1], token[65];
    static const char *const verdicts[] = { "applied", "duplicate" };

    (void)state;
    oaid_start(second, l);
    make_session(second, "ada", "C-1001", token);
    oaid_meter_new(&meter, 1, l);
    gf_hex(bytes, oaid_execute(&meter, gasm_Command_IDENTIFY, 0, bytes), hex);
    for (int i = 0; i < 2; i++) {
        json_t *json = oaid_call(second, "POST", "/v1/customer/receipts", token,
                                 json_pack("{s:s}", "receipt", hex), 200);

        assert_string_equal(oaid_text(json, "verdict"), verdicts[i]);
        json_decref(json);
    }
    assert_int_equal(oaid_sql_number(second, "SELECT COUNT(*) FROM receipt WHERE brought_by = "
                                             "'customer C-1001'"),
                     1);
    oaid_office_end(second);
    test_free(second);
    test_free(l);
}

static void what_is_no_receipt_is_refused(void **state)
{
    (void)state;
    oaid_call_is(&m.office, "POST", "/v1/customer/receipts", mine,
                 json_pack("{s:s}", "receipt", "00ff"), 400, "receipt", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_has_to_be_as_registered),
        cmocka_unit_test(guesses_are_slowed_down),
        cmocka_unit_test(a_customer_registers_once),
        cmocka_unit_test(sessions_begin_and_end),
        cmocka_unit_test(wrong_passwords_wait_longer_and_longer),
        cmocka_unit_test(a_stranger_locks_nobody_out),
        cmocka_unit_test(registering_waits_too),
        cmocka_unit_test(passwords_are_changed),
        cmocka_unit_test(meters_are_bound),
        cmocka_unit_test(payments_become_tokens),
        cmocka_unit_test(accounts_show_balances),
        cmocka_unit_test(receipts_are_taken),
        cmocka_unit_test(what_is_no_receipt_is_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, stop);
}
