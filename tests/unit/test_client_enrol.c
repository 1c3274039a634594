/* test_client_enrol.c - enrolment: what a laptop sends, whom it trusts, what it takes. */
#include "backend/client/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/bytes.h"
#include "common/ids.h"
#include "tests/aid/store_tls.h"

#define DEVICE "01890a5d-ac96-774b-bcce-b302099a8057"
#define SECRET "K7Q2M9XW4T"

static struct tls_id ca, server_id, sign, other_ca, other_id, leaf_of_leaf;

static int make_ids(void **state)
{
    (void)state;
    tls_id_make(&ca, "Office CA", NULL, true, NULL);
    tls_id_make(&server_id, "office", &ca, false, "IP:127.0.0.1");
    tls_id_make(&sign, "sign", &ca, false, NULL);
    tls_id_make(&other_ca, "Office CA", NULL, true, NULL);
    tls_id_make(&other_id, "office", &other_ca, false, "IP:127.0.0.1");
    tls_id_make(&leaf_of_leaf, "office", &server_id, false, "IP:127.0.0.1");
    return 0;
}

static int free_ids(void **state)
{
    struct tls_id *all[] = {&ca, &server_id, &sign, &other_ca, &other_id, &leaf_of_leaf};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tls_id_free(all[i]);
    return 0;
}

/* The code that head office prints. */
static void make_code(const struct tls_id *of, char ret[static 32])
{
    uint8_t hash[32];

    memcpy(ret, SECRET "-", sizeof SECRET);
    assert_int_equal(X509_digest(of->cert, EVP_sha256(), hash, NULL), 1);
    gf_hex(hash, 8, ret + sizeof SECRET);
}

/* What the office answers: a member to leave out, or to put in place of the right one. */
struct office {
    const char *leave_out, *instead_of, *instead;
    const struct tls_id *issuer;        /* of the device's certificate; NULL: the CA */
    bool foreign;                       /* everything of another CA, fitting together */
    const char *raw;                    /* this whole answer */
};

static size_t respond(void *ctx, const char *request, size_t n, char *ret, size_t cap)
{
    const struct office *o = ctx;
    json_t *in = json_loads(strstr(request, "\r\n\r\n") + 4, 0, NULL), *out;
    const char *csr = json_string_value(json_object_get(in, "csr_pem"));
    char cert[4096] = "";

    (void)n;
    if (o->raw != NULL)
        return (size_t)snprintf(ret, cap, "%s", o->raw);
    if (csr == NULL ||
        !tls_sign_request(csr, DEVICE, o->issuer != NULL ? o->issuer : &ca, cert, sizeof cert))
        return (size_t)snprintf(ret, cap, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
    out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "device_id", DEVICE, "cert_pem", cert,
                    "ca_pem", ca.cert_pem, "sign_pem", sign.cert_pem, "staff", "T-1", "url",
                    "https://office.example:8443");
    if (o->foreign) {
        (void)json_object_set_new(out, "ca_pem", json_string(other_ca.cert_pem));
        (void)json_object_set_new(out, "sign_pem", json_string(other_id.cert_pem));
    }
    if (o->leave_out != NULL)
        (void)json_object_del(out, o->leave_out);
    if (o->instead_of != NULL)
        (void)json_object_set_new(out, o->instead_of, json_string(o->instead));
    char *text = json_dumps(out, 0);
    n = (size_t)snprintf(ret, cap, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(text),
                         text);
    free(text);
    json_decref(out);
    json_decref(in);
    return n;
}

static struct tls_server_how server_of(struct office *o)
{
    return (struct tls_server_how){.id = &server_id, .shown_ca = &ca, .respond = respond, .ctx = o};
}

/* Enrol at such a server. What came of it; *ret_request is the request that it read, empty for
 * none. */
static int enrol(const struct tls_server_how *how, const char *code,
                 struct office_enrol_result *ret, char ret_request[static TLS_REQUEST_MAX],
                 struct gf_fail *why)
{
    struct tls_server server = {0};
    unsigned connection;

    tls_server_start(&server, how);
    struct office_enrol_request req = {server.url, code, "van 7", "gasfitter/test"};
    *why = (struct gf_fail){0};
    int r = office_enrol(&req, ret, why);
    ret_request[0] = '\0';
    (void)tls_server_request(&server, ret_request, TLS_REQUEST_MAX, &connection);
    tls_server_stop(&server);
    return r;
}

static char request[TLS_REQUEST_MAX];
static struct office_enrol_result result;
static struct gf_fail why;

static void enrolment_gives_all_that_a_client_needs(void **state)
{
    struct office o = {0};
    struct tls_server_how how = server_of(&o);
    char code[32];

    (void)state;
    make_code(&ca, code);
    int r = enrol(&how, code, &result, request, &why);
    if (r != 0)
        fail_msg("%d %s: %s", r, why.where, why.detail);
    assert_string_equal(result.device_id, DEVICE);
    assert_string_equal(result.staff, "T-1");
    assert_string_equal(result.url, "https://office.example:8443");
    struct office_client_config cfg = {.url = result.url,
                                       .ca_pem = result.ca_pem,
                                       .cert_pem = result.cert_pem,
                                       .key_pem = result.key_pem,
                                       .sign_pem = result.sign_pem,
                                       .device_id = result.device_id,
                                       .user_agent = "gasfitter/test"};
    struct office_client *c = office_client_new(&cfg, &why);
    assert_non_null(c);
    assert_null(office_client_free(c));

    /* the key stayed here; the name and the code went */
    assert_int_equal(strncmp(request, "POST /v1/enrol HTTP/1.1\r\n", 25), 0);
    assert_null(strstr(request, "PRIVATE"));
    json_t *in = json_loads(strstr(request, "\r\n\r\n") + 4, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(in, "name")), "van 7");
    assert_string_equal(json_string_value(json_object_get(in, "code")), code);
    assert_int_equal(json_object_size(in), 3);
    json_decref(in);

    /* every enrolment makes a key of its own */
    char first[OFFICE_PEM_MAX];
    memcpy(first, result.key_pem, sizeof first);
    assert_int_equal(enrol(&how, code, &result, request, &why), 0);
    assert_string_not_equal(first, result.key_pem);
}

static void a_typed_code_is_read_as_meant(void **state)
{
    struct office o = {0};
    struct tls_server_how how = server_of(&o);
    char code[32], typed[32];

    (void)state;
    make_code(&ca, code);
    memcpy(typed, code, sizeof typed);
    for (char *p = typed; *p != '\0'; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p >= 'a' && *p <= 'f' ? *p - 32 : *p);
    typed[1] = 'L';
    typed[2] = 'o';
    assert_int_equal(enrol(&how, typed, &result, request, &why), 0);
    code[1] = '1';
    code[2] = '0';
    assert_non_null(strstr(request, code));
}

static void a_code_that_is_none_is_refused_at_its_place(void **state)
{
    static const char *const bad[] = {
        "",
        "K",
        "K7Q2M9XW4T",
        "K7Q2M9XW4T-",
        "K7Q2M9XW4-0123456789abcdef",
        "K7Q2M9XW4TT-0123456789abcdef",
        "K7Q2M9XW4T-0123456789abcde",
        "K7Q2M9XW4T-0123456789abcdef0",
        "K7Q2M9XW4T-0123456789abcdeg",
        "K7Q2M9XW4T 0123456789abcdef",
        "K7Q2M9XW4U-0123456789abcdef",
        "K7Q2M9X\303\2444-0123456789abcdef",
    };
    struct office_enrol_request req = {"https://127.0.0.1:1", "", "van 7", "gasfitter/test"};
    char name[80];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        req.code = bad[i];
        why = (struct gf_fail){0};
        if (office_enrol(&req, &result, &why) != GF_E_FORMAT || strcmp(why.where, "code") != 0)
            fail_msg("code \"%s\": %d %s", bad[i], why.code, why.detail);
    }
    req.code = "K7Q2M9XW4U-0123456789abcdef";
    why = (struct gf_fail){0};
    assert_int_equal(office_enrol(&req, &result, &why), GF_E_FORMAT);
    assert_non_null(strstr(why.detail, "character 10"));

    req.code = "K7Q2M9XW4T-0123456789abcdef";
    req.name = "";
    assert_int_equal(office_enrol(&req, &result, NULL), GF_E_FORMAT);
    memset(name, 'n', 65);
    name[65] = '\0';
    req.name = name;
    assert_int_equal(office_enrol(&req, &result, NULL), GF_E_FORMAT);
    req.name = "van 7";
    req.url = "http://127.0.0.1:1";
    assert_int_equal(office_enrol(&req, &result, NULL), GF_E_FORMAT);
    req.url = "https://127.0.0.1:1";    /* nobody there */
    assert_int_equal(office_enrol(&req, &result, NULL), GF_E_OFFICE_AWAY);
}

/* A server that cannot show the CA of the code, in every way, learns nothing. */
static void only_the_office_of_the_code_gets_the_code(void **state)
{
    struct office o = {0};
    char code[32];

    (void)state;
    for (int bad = 0; bad < 24; bad++) {
        struct tls_server_how how = server_of(&o);

        make_code(&ca, code);
        if (bad < 16)                           /* one digit of the fingerprint differs */
            code[11 + bad] = code[11 + bad] == '0' ? '1' : '0';
        else if (bad == 16)                     /* another office, which shows its own CA */
            how.id = &other_id, how.shown_ca = &other_ca;
        else if (bad == 17) /* shows the right CA, but its certificate is another CA's */
            how.id = &other_id;
        else if (bad == 18)                     /* does not show its CA */
            how.shown_ca = NULL;
        else if (bad == 19)                     /* the code names a certificate that is no CA */
            make_code(&server_id, code);
        else if (bad == 20)                     /* the same, with a certificate that it "issued" */
            how.id = &leaf_of_leaf, how.shown_ca = &server_id, make_code(&server_id, code);
        else if (bad == 21)                     /* the server's name is another */
            how.id = &sign;
        else if (bad == 22)
            how.tls_version = 0x0303;           /* TLS 1.2 */
        else                                    /* the right CA's own key serves, under no name */
            how.id = &ca;
        int r = enrol(&how, code, &result, request, &why);
        if (bad <= 20)
            assert_int_equal(strstr(why.detail, "not the one that the code names") != NULL,
                             bad != 17);
        if (r != GF_E_OFFICE_TLS || request[0] != '\0')
            fail_msg("case %d: %d %s, the server read \"%s\"", bad, r, why.detail, request);
    }
}

static void answers_that_do_not_fit_are_refused(void **state)
{
    static const char *const members[] = {"device_id", "cert_pem", "ca_pem",
                                          "sign_pem",  "staff",    "url"};
    char code[32], before[sizeof result.device_id];
    struct office o = {0};
    struct tls_server_how how = server_of(&o);

    (void)state;
    make_code(&ca, code);
    result = (struct office_enrol_result){.device_id = "untouched"};
    memcpy(before, result.device_id, sizeof before);
    for (size_t i = 0; i < 6; i++) {
        o = (struct office){.leave_out = members[i]};
        assert_int_equal(enrol(&how, code, &result, request, &why), GF_E_OFFICE_ANSWER);
        assert_string_equal(why.where, members[i]);
        o = (struct office){.instead_of = members[i], .instead = ""};
        assert_int_equal(enrol(&how, code, &result, request, &why), GF_E_OFFICE_ANSWER);
    }
    static const struct {
        const char *instead_of;
        const struct tls_id *instead;
        const char *text;
        int code;
    } cases[] = {
        {"ca_pem", &other_ca, NULL, GF_E_OFFICE_TLS},
        {"ca_pem", &server_id, NULL, GF_E_OFFICE_TLS},
        {"cert_pem", &sign, NULL, GF_E_OFFICE_TLS},
        {"sign_pem", &other_id, NULL, GF_E_OFFICE_TLS},
        {"sign_pem", NULL, "x", GF_E_OFFICE_TLS},
        {"device_id", NULL, "7", GF_E_OFFICE_ANSWER},
        {"url", NULL, "http://office", GF_E_OFFICE_ANSWER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        o = (struct office){.instead_of = cases[i].instead_of,
                            .instead = cases[i].instead != NULL ? cases[i].instead->cert_pem
                                                                : cases[i].text};
        int r = enrol(&how, code, &result, request, &why);
        if (r != cases[i].code)
            fail_msg("case %zu: %d %s", i, r, why.detail);
    }
    o = (struct office){.issuer = &other_ca};
    assert_int_equal(enrol(&how, code, &result, request, &why), GF_E_OFFICE_TLS);
    o = (struct office){.issuer = &other_ca, .foreign = true};
    assert_int_equal(enrol(&how, code, &result, request, &why), GF_E_OFFICE_TLS);
    o = (struct office){.raw = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull"};
    assert_int_equal(enrol(&how, code, &result, request, &why), GF_E_OFFICE_ANSWER);
    o = (struct office){.raw = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    assert_int_equal(enrol(&how, code, &result, request, &why), GF_E_OFFICE_ANSWER);
    o = (struct office){
        .raw = "HTTP/1.1 400 Bad\r\nContent-Length: 26\r\n\r\n{\"message\":\"code used up\"}"};
    assert_int_equal(enrol(&how, code, &result, request, &why), GF_E_OFFICE_REFUSED);
    assert_string_equal(why.detail, "code used up");
    assert_memory_equal(result.device_id, before, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enrolment_gives_all_that_a_client_needs),
        cmocka_unit_test(a_typed_code_is_read_as_meant),
        cmocka_unit_test(a_code_that_is_none_is_refused_at_its_place),
        cmocka_unit_test(only_the_office_of_the_code_gets_the_code),
        cmocka_unit_test(answers_that_do_not_fit_are_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_ids, free_ids);
}
