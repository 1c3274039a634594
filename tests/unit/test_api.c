/* test_api.c - what every route has in common: doors, roles, methods, sizes, queries, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/api.h"
#include "tests/aid/api_each.h"

/* ---- doors ---- */

static void is_refused(const struct api_route *r, const char *path, const char *who, int status,
                       const char *error)
{
    struct each_got got = each_call(r, path, who, NULL);

    if (got.status != status || strcmp(got.error, error) != 0)
        fail_msg("%s %s by [%s]: %d %s, not %d %s", r->method, path, who, got.status, got.error,
                 status, error);
}

static void role_is_right(const struct api_route *r, const char *path)
{
    for (int i = 0; i < API_CUSTOMER; i++) {
        bool may = (r->roles & (1u << i)) != 0;
        struct each_got got = each_call(r, path, each_devices[i], NULL);
        bool is_in = got.status != 401 && strcmp(got.error, "role") != 0;

        if (is_in != may || (!may && got.status != 403))
            fail_msg("%s %s by %s: %d %s", r->method, path, api_role_words[i], got.status,
                     got.error);
        for (int k = 0; !may && k < API_CUSTOMER; k++)
            if ((r->roles & (1u << k)) != 0 && strstr(got.message, api_role_words[k]) == NULL)
                fail_msg("%s: it is not said that %s may", path, api_role_words[k]);
    }
}

/* The same path at the other listener may be another route's. */
static void is_not_there(const struct api_route *r, const char *path, const char *who)
{
    const struct http_request request = { .method = r->method,
                                          .path = path,
                                          .is_mutual = strlen(who) == 36
                                                       || strcmp(who, "certificate") == 0 };
    const char *allow;

    if (api_find_route(&request, NULL, &allow) == NULL)
        is_refused(r, path, who, allow != NULL ? 405 : 404, allow != NULL ? "method" : "not_found");
}

static void visit_door(const struct api_route *r, const char *path)
{
    static const char nobody[65] =
        "0000000000000000000000000000000000000000000000000000000000000000";

    switch (r->door) {
    case API_STAFF:
        role_is_right(r, path);
        is_refused(r, path, "certificate", 403, "unknown_device");
        is_refused(r, path, "00000000-0000-7000-8000-000000000000", 403, "unknown_device");
        is_refused(r, path, each_revoked, 403, "revoked");
        is_refused(r, path, each_left, 403, "left");
        is_not_there(r, path, each_token);
        is_not_there(r, path, "");
        break;
    case API_DEVICE:
        assert_int_not_equal(each_call(r, path, each_devices[API_AUDITOR], NULL).status, 403);
        is_refused(r, path, "certificate", 403, "unknown_device");
        is_refused(r, path, each_revoked, 403, "revoked");
        is_not_there(r, path, "");
        break;
    case API_LOGGED_IN:
        assert_int_not_equal(each_call(r, path, each_token, NULL).status, 401);
        is_refused(r, path, "", 401, "login");
        is_refused(r, path, nobody, 401, "login");
        is_not_there(r, path, each_devices[API_SUPERVISOR]);
        break;
    case API_OPEN:
        assert_int_not_equal(each_call(r, path, "", NULL).status, 401);
        is_not_there(r, path, each_devices[API_SUPERVISOR]);
        break;
    }
}

static void each_route_opens_to_those_it_is_for(void **state)
{
    (void)state;
    each_route(visit_door);
}

static void visit_refusals(const struct api_route *r, const char *path)
{
    json_t *empty = json_object();

    if (r->door == API_STAFF)
        for (int i = 0; i < API_CUSTOMER; i++)
            if ((r->roles & (1u << i)) == 0)
                (void)each_call(r, path, each_devices[i], empty);
    (void)each_call(r, path, "certificate", empty);
    (void)each_call(r, path, each_revoked, empty);
    if (r->door != API_OPEN)
        (void)each_call(r, path, "", empty);
    json_decref(empty);
}

static void a_refusal_changes_nothing(void **state)
{
    int64_t before = each_rows();

    (void)state;
    each_route(visit_refusals);
    assert_int_equal(each_rows(), before);
}

static void an_old_session_is_none(void **state)
{
    (void)state;
    each_session();
    oaid_call_is(&each_office, "GET", "/v1/customer/meters", each_token, NULL, 200, NULL, NULL);
    oaid_sql(&each_office, "UPDATE customer_session SET expires_at_ms = 1795339800000");
    oaid_call_is(&each_office, "GET", "/v1/customer/meters", each_token, NULL, 401, "login", NULL);
}

/* ---- JSON ---- */

static void body_is_refused(const void *body, size_t n)
{
    struct each_got got = each_call_raw("POST", "/v1/customers", NULL, each_devices[API_CLERK],
                                        "application/json", body, n);

    if (got.status != 400 || strcmp(got.error, "format") != 0 || strcmp(got.field, "body") != 0)
        fail_msg("%.40s: %d %s %s", (const char *)body, got.status, got.error, got.field);
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "{",
        "[]",
        "\"text\"",
        "null",
        "{} {}",
        "{\"customer_no\":\"C-9\",\"name\":\"a\",\"phone\":\"\",\"phone\":\"1\"}",
        "{\"customer_no\":\"C-9\",\"name\":\"a\\u0000b\",\"phone\":\"\"}",
        "{\"customer_no\":\"C-9\",\"name\":\"\xC3\x28\",\"phone\":\"\"}",
        "{\"customer_no\":\"C-9\",\"name\":\"\xED\xA0\x80\",\"phone\":\"\"}",
        "{\"customer_no\":1e999}",
        "{\"customer_no\":99999999999999999999999999999999}",
        "{'customer_no':'C-9'}",
        "{\"customer_no\":NaN}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        body_is_refused(bodies[i], strlen(bodies[i]));
    body_is_refused("{}\0{}", 5);
}

static void depth_is_limited(void **state)
{
    static char deep[65536];
    struct gf_fail why = { 0 };
    static char far[200000];

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        memset(deep, '[', sizeof deep);
        for (size_t i = 0; kind == 1 && i + 5 <= sizeof deep; i += 5)
            memcpy(deep + i, "{\"a\":", 5);
        body_is_refused(deep, sizeof deep);
    }
    memset(far, '[', sizeof far);
    assert_null(api_decode((struct gf_span){ (const uint8_t *)far, sizeof far }, &why));
    memset(far, '[', API_DEPTH_MAX);
    memset(far + API_DEPTH_MAX, ']', API_DEPTH_MAX);
    json_t *json = api_decode((struct gf_span){ (const uint8_t *)far, 2 * API_DEPTH_MAX }, NULL);
    assert_non_null(json);
    json_decref(json);
    memset(far, '[', API_DEPTH_MAX + 1);
    memset(far + API_DEPTH_MAX + 1, ']', API_DEPTH_MAX + 1);
    assert_null(api_decode((struct gf_span){ (const uint8_t *)far, 2 * API_DEPTH_MAX + 2 }, NULL));
    /* brackets in texts are none */
    json = api_decode(
        (struct gf_span){ (const uint8_t *)"[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]", 41 },
        &why);
    json_decref(json);
}

/* ---- paths, methods, queries ---- */

static void visit_frame(const struct api_route *r, const char *path)
{
    static char big[5u << 20];
    const char *who = each_friend(r), *type = r->content_type != NULL ? r->content_type
                                              : r->takes != NULL      ? "application/json"
                                                                      : "";
    struct each_got got = each_call_raw("-", path, NULL, who, "", "", 0);

    assert_int_equal(got.status, 405);
    assert_non_null(got.allow);
    assert_non_null(strstr(got.allow, r->method));
    if (type[0] != '\0') {
        size_t most = r->body_max > 0 ? r->body_max : 64u << 10;

        assert_true(most < sizeof big);
        assert_int_equal(each_call_raw(r->method, path, NULL, who, type, big, most + 1).status,
                         413);
        assert_int_equal(each_call_raw(r->method, path, NULL, who, "text/x", big, most).status,
                         415);
    } else {
        assert_int_equal(each_call_raw(r->method, path, NULL, who, type, "x", 1).status, 413);
    }
}

static void methods_types_and_sizes_are_checked(void **state)
{
    (void)state;
    each_route(visit_frame);
}

static void visit_query(const struct api_route *r, const char *path)
{
    static const struct {
        const char *query, *field;
        bool of_lists;
    } queries[] = {
        { "no_such=1", "no_such", false }, { "%", "query", false },
        { "a=%zz", "query", false },       { "a=%00", "query", false },
        { "limit=0", "limit", true },      { "limit=201", "limit", true },
        { "limit=x", "limit", true },      { "after=%01", "after", true },
        { "after=%ff", "after", true },    { "after=%c2%9b", "after", true },
    };

    if (r->takes != NULL || r->content_type != NULL)
        return;
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct each_got got;

        if (queries[i].of_lists && (r->flags & API_LIST_ROUTE) == 0)
            continue;
        got = each_call_raw(r->method, path, queries[i].query, each_friend(r), "", "", 0);
        if (got.status != 400 || strcmp(got.field, queries[i].field) != 0)
            fail_msg("%s?%s: %d at %s", path, queries[i].query, got.status, got.field);
    }
}

static void queries_are_checked(void **state)
{
    (void)state;
    each_route(visit_query);
}

static void paths_have_one_meaning(void **state)
{
    static const char *const none[] = {
        "",
        "/",
        "/v1",
        "/v1/customers/",
        "/v1//customers",
        "//v1/customers",
        "/v1/customers/a/b/c",
        "/v1/customers/%",
        "/v1/customers/%00",
        "/v1/customers/%zz",
        "/v1/customers/a%20b",
        "/v1/CUSTOMERS",
        "/v1/customers/..%2f..%2fx y",
    };
    char words[2][128];
    struct http_request request = { .method = "GET",
                                    .path = "/v1/customers/C%2d1%2F2",
                                    .is_mutual = true };

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (each_call_raw("GET", none[i], NULL, each_devices[API_CLERK], "", "", 0).status != 404)
            fail_msg("%s is there", none[i]);
    assert_non_null(api_find_route(&request, words, NULL));
    assert_string_equal(words[0], "C-1/2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_route_opens_to_those_it_is_for),
        cmocka_unit_test(a_refusal_changes_nothing),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(methods_types_and_sizes_are_checked),
        cmocka_unit_test(queries_are_checked),
        cmocka_unit_test(paths_have_one_meaning),
        cmocka_unit_test(an_old_session_is_none),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, each_start, each_stop);
}
