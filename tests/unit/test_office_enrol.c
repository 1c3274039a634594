/* test_office_enrol.c - one-time codes, certificate requests, and what each wrong one is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/x509v3.h>

#include "backend/office_http.h"
#include "backend/office_pki.h"
#include "tests/aid/office_aid.h"

static struct oaid_office office;
static char csr[2048], answer[16384], code[HO_CODE_TEXT];

static int start(void **state)
{
    (void)state;
    oaid_office_new(&office);
    oaid_csr("P-256", csr, sizeof csr);
    return ho_enrol_code(office.o, "S001", code);
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

static int enrol(const char *with_code, const char *with_csr)
{
    return oaid_enrol(&office, with_code, with_csr, "192.0.2.1", answer, sizeof answer);
}

static void expect(int status, int want, const char *error)
{
    char text[80];

    (void)snprintf(text, sizeof text, "\"error\":\"%s\"", error);
    if (status != want || strstr(answer, text) == NULL)
        fail_msg("%d %s", status, answer);
}

static int64_t devices(void)
{
    return oaid_sql_number(&office, "SELECT COUNT(*) FROM device");
}

static void a_code_gives_one_laptop_its_certificate(void **state)
{
    json_t *json;
    X509 *cert;
    const char *pem;
    static char first[sizeof answer];
    char name[64], other[2048];
    uint8_t hash[32];
    char hex[65];

    (void)state;
    assert_int_equal(strlen(code), 27);
    assert_int_equal(pki_cert_hash(office.o->ca, hash), 0);
    gf_hex(hash, 8, hex);
    assert_string_equal(code + 11, hex); /* the CA's fingerprint */

    assert_int_equal(enrol(code, csr), 200);
    json = json_loads(answer, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "staff")), "S001");
    assert_string_equal(json_string_value(json_object_get(json, "url")), "https://127.0.0.1:1");
    assert_non_null(json_string_value(json_object_get(json, "ca_pem")));
    assert_non_null(json_string_value(json_object_get(json, "sign_pem")));
    pem = json_string_value(json_object_get(json, "cert_pem"));
    cert = pki_cert_parse((struct gf_span){ (const uint8_t *)pem, strlen(pem) });
    assert_non_null(cert);
    assert_int_equal(X509_verify(cert, X509_get0_pubkey(office.o->ca)), 1);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
    assert_string_equal(name, json_string_value(json_object_get(json, "device_id")));
    assert_true((X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT) != 0);
    assert_true((X509_get_extended_key_usage(cert) & XKU_SSL_SERVER) == 0);
    X509_free(cert);
    json_decref(json);
    assert_int_equal(devices(), 1);

    memcpy(first, answer, sizeof first); /* the answer was lost: the same request again */
    assert_int_equal(enrol(code, csr), 200);
    assert_int_equal(devices(), 1);
    assert_string_equal(answer, first);

    oaid_csr("P-256", other, sizeof other); /* but nobody else's */
    expect(enrol(code, other), 403, "code_used");
    assert_int_equal(devices(), 1);
}

static void codes_are_read_as_people_type_them(void **state)
{
    char typed[32];

    (void)state;
    for (size_t i = 0; i <= 10; i++)
        typed[i] = (char)(code[i] >= 'A' && code[i] <= 'Z' ? code[i] + 32
                          : code[i] == '0'                 ? 'o'
                          : code[i] == '1'                 ? 'l'
                                                           : code[i]);
    typed[10] = '\0'; /* without the fingerprint too */
    assert_int_equal(enrol(typed, csr), 200);
}

static void a_code_expires_after_a_day(void **state)
{
    (void)state;
    office.utc_ms += INT64_C(24) * 3600 * 1000;
    expect(enrol(code, csr), 403, "code_expired");
    assert_int_equal(devices(), 0);
    office.utc_ms -= 1;
    assert_int_equal(enrol(code, csr), 200);
}

static void codes_are_stored_hashed(void **state)
{
    char sql[200];

    (void)state;
    (void)snprintf(sql, sizeof sql,
                   "SELECT COUNT(*) FROM enrol_code WHERE instr(code_hash, CAST('%.10s' AS "
                   "BLOB)) > 0",
                   code);
    assert_int_equal(oaid_sql_number(&office, sql), 0);
    (void)snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM audit_log WHERE instr(detail, '%.10s') > "
                   "0",
                   code);
    assert_int_equal(oaid_sql_number(&office, sql), 0);
}

static void wrong_codes_are_counted(void **state)
{
    static const char *const wrong[] = { "0000000000", "", "K7Q2M9XW4", "K7Q2M9XW4TT",
                                         "K7Q2M9XW4U" };

    (void)state;
    for (size_t i = 0; i < 5; i++)
        expect(enrol(wrong[i], csr), 403, "code_unknown");
    expect(enrol(code, csr), 429, "too_many"); /* even the right one, from there */
    assert_int_equal(oaid_enrol(&office, "0000000000", csr, "192.0.2.2", answer, sizeof answer),
                     403);
    office.mono_ms += 59999;
    expect(enrol(code, csr), 429, "too_many");
    office.mono_ms += 1;
    assert_int_equal(enrol(code, csr), 200);
}

static void a_request_has_to_be_one(void **state)
{
    char bad[2048];
    size_t n;

    (void)state;
    expect(enrol(code, "hello"), 400, "csr");
    expect(enrol(code, ""), 400, "csr");
    oaid_csr("P-384", bad, sizeof bad);
    expect(enrol(code, bad), 400, "csr");
    assert_non_null(strstr(answer, "P-256"));
    (void)snprintf(bad, sizeof bad, "%s", csr); /* its signature altered: the last of the base64 */
    n = strlen(bad) - strlen("-----END CERTIFICATE REQUEST-----\n") - 8;
    bad[n] = bad[n] == 'A' ? 'B' : 'A';
    expect(enrol(code, bad), 400, "csr");
    assert_int_equal(devices(), 0);
    assert_int_equal(enrol(code, csr), 200);
}

static int post(const char *body)
{
    struct http_request request = { .method = "POST",
                                    .path = "/v1/enrol",
                                    .content_type = "application/json",
                                    .peer = "192.0.2.3",
                                    .identity = "",
                                    .body = { (const uint8_t *)body, strlen(body) } };
    struct http_response response;

    office_handle(office.o, &request, &response);
    (void)snprintf(answer, sizeof answer, "%.*s", (int)response.body.n,
                   (const char *)response.body.p);
    buf_free(&response.body);
    return response.status;
}

static void wrong_json_is_told_where(void **state)
{
    (void)state;
    expect(post(""), 400, "format");
    expect(post("{\"code\":\"x\""), 400, "format");
    assert_non_null(strstr(answer, "line 1"));
    expect(post("{\"code\":\"x\",\"code\":\"y\",\"csr_pem\":\"\",\"name\":\"n\"}"), 400, "format");
    expect(post("[]"), 400, "format");
    expect(post("{\"code\":7,\"csr_pem\":\"\",\"name\":\"n\"}"), 400, "format");
    assert_non_null(strstr(answer, "\"field\":\"code\""));
    expect(post("{\"code\":\"x\",\"name\":\"n\"}"), 400, "format");
    assert_non_null(strstr(answer, "\"field\":\"csr_pem\""));
    expect(post("{\"code\":\"x\",\"csr_pem\":\"\"}"), 400, "format");
    assert_non_null(strstr(answer, "\"field\":\"name\""));
    expect(post("{\"code\":\"x\",\"csr_pem\":\"\",\"name\":\"\"}"), 400, "format");
}

static void codes_are_for_the_staff_only(void **state)
{
    (void)state;
    assert_int_equal(ho_enrol_code(office.o, "S999", code), GF_E_FORMAT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(a_code_gives_one_laptop_its_certificate),
        T(codes_are_read_as_people_type_them),
        T(a_code_expires_after_a_day),
        T(codes_are_stored_hashed),
        T(wrong_codes_are_counted),
        T(a_request_has_to_be_one),
        T(wrong_json_is_told_where),
        T(codes_are_for_the_staff_only),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
