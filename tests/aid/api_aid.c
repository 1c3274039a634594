/* api_aid.c - calls of the interface, every answer compared with the tables; see api_aid.h. */
#include "tests/aid/api_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/customer.h"
#include "backend/office_register.h"
#include "common/text.h"
#include "tests/aid/secrets.h"

#define PEER "192.0.2.7"

static const struct api_field error_fields[] = {
    { .name = "error", .type = API_ID, .min = 1, .max = 64 },
    { .name = "message", .type = API_TEXT, .min = 1, .max = 256 },
    { .name = "field", .type = API_TEXT, .is_optional = true, .min = 1, .max = 64 },
};
static const struct api_message error_message = API_MESSAGE("Error", error_fields);
static const struct api_message nothing = { .name = "Nothing" };

static void note_call(const struct api_route *route)
{
    const char *path = getenv("API_CALLS");
    FILE *out = path != NULL ? fopen(path, "a") : NULL;

    if (out == NULL)
        return;
    (void)fprintf(out, "%s %s\n", route->method, route->path);
    (void)fclose(out);
}

static void check(const struct oaid_request *r, const struct api_message *message,
                  const json_t *json)
{
    struct gf_fail why = { 0 };
    char *text;

    if (api_check(message, json, &why) == 0)
        return;
    text = json_dumps(json, JSON_ENCODE_ANY);
    fail_msg("%s %s: the answer is no %s: %s: %s: %s", r->method, r->path, message->name, why.where,
             why.detail, text);
}

/* A page: each item as the route says, and `next`. */
static void check_page(const struct oaid_request *r, const struct api_route *route,
                       const json_t *json)
{
    const json_t *items = json_object_get(json, "items"), *next = json_object_get(json, "next");

    if (!json_is_array(items) || (!json_is_string(next) && !json_is_null(next))
        || json_object_size(json) != 2)
        fail_msg("%s %s: the answer is no page", r->method, r->path);
    for (size_t i = 0; i < json_array_size(items); i++)
        check(r, route->gives, json_array_get(items, i));
}

static void check_answer(const struct oaid_request *r, const struct http_request *request,
                         const struct http_response *response, const json_t *json)
{
    const struct api_route *route = api_find_route(request, NULL, NULL);
    bool is_json = strcmp(response->content_type, "application/json") == 0;

    if (response->status < 200 || response->status > 299) {
        check(r, &error_message, json);
        return;
    }
    assert_non_null(route);
    note_call(route);
    if (route->gives_type != NULL)
        assert_string_equal(response->content_type, route->gives_type);
    else if (!is_json)
        fail_msg("%s %s: the answer is not JSON", r->method, r->path);
    else if ((route->flags & API_LIST_ROUTE) != 0)
        check_page(r, route, json);
    else
        check(r, route->gives != NULL ? route->gives : &nothing, json);
}

json_t *oaid_request(struct oaid_office *a, const struct oaid_request *r, int want)
{
    char path[512], bearer[96], *text = NULL;
    bool is_session = strlen(r->who) == 64, is_public = is_session || r->who[0] == '\0';
    struct http_response response;
    json_t *json;

    assert_true(gf_copy(path, sizeof path, r->path));
    char *query = strchr(path, '?');
    if (query != NULL)
        *query++ = '\0';
    (void)snprintf(bearer, sizeof bearer, "Bearer %s", r->who);
    if (r->json != NULL)
        text = json_dumps(r->json, JSON_ENCODE_ANY);
    json_decref(r->json);

    const char *body = text != NULL ? text : r->raw;
    struct http_request request = {
        .method = r->method,
        .path = path,
        .query = query,
        .content_type = r->type != NULL ? r->type
                        : body != NULL  ? "application/json"
                                        : "",
        .peer = r->peer != NULL ? r->peer : PEER,
        .identity = is_public ? "" : r->who,
        .authorization = is_session ? bearer : NULL,
        .signature = r->signature,
        .is_mutual = !is_public,
        .body = { (const uint8_t *)(body != NULL ? body : ""), body == NULL   ? 0
                                                               : r->raw_n > 0 ? r->raw_n
                                                                              : strlen(body) },
    };
    office_handle(a->o, &request, &response);
    oaid_no_secrets(a, "an answer", (struct gf_span){ response.body.p, response.body.n });
    if (strcmp(response.content_type, "application/json") == 0)
        json = json_loadb((const char *)response.body.p, response.body.n, JSON_REJECT_DUPLICATES,
                          NULL);
    else
        json = json_stringn_nocheck((const char *)response.body.p, response.body.n);
    if (r->wait_s != NULL)
        *r->wait_s = response.retry_after_s;
    if (r->status != NULL)
        *r->status = want = response.status;
    if (json == NULL || response.status != want)
        fail_msg("%s %s: %d, not %d: %.*s", r->method, r->path, response.status, want,
                 (int)response.body.n, (const char *)response.body.p);
    check_answer(r, &request, &response, json);
    buf_free(&response.body);
    free(text);
    return json;
}

json_t *oaid_call(struct oaid_office *a, const char *method, const char *path, const char *who,
                  json_t *json, int want)
{
    const struct oaid_request r = { .method = method, .path = path, .who = who, .json = json };

    return oaid_request(a, &r, want);
}

void oaid_call_is(struct oaid_office *a, const char *method, const char *path, const char *who,
                  json_t *json, int want, const char *error, const char *field)
{
    json_t *answer = oaid_call(a, method, path, who, json, want);

    if (error != NULL)
        assert_string_equal(oaid_text(answer, "error"), error);
    if (field != NULL)
        assert_string_equal(oaid_text(answer, "field"), field);
    json_decref(answer);
}

const json_t *oaid_at(const json_t *json, const char *at)
{
    char name[64];

    while (json != NULL && *at != '\0') {
        size_t n = strcspn(at, ".");

        assert_true(n < sizeof name);
        memcpy(name, at, n);
        name[n] = '\0';
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(name))
                                   : json_object_get(json, name);
        at += n + (at[n] == '.');
    }
    return json;
}

const char *oaid_text(const json_t *json, const char *at)
{
    const char *text = json_string_value(oaid_at(json, at));

    if (text == NULL)
        fail_msg("no text at %s: %s", at, json_dumps(json, JSON_ENCODE_ANY));
    return text;
}

int64_t oaid_whole(const json_t *json, const char *at)
{
    const json_t *v = oaid_at(json, at);

    if (!json_is_integer(v))
        fail_msg("no whole number at %s: %s", at, json_dumps(json, JSON_ENCODE_ANY));
    return json_integer_value(v);
}

void oaid_exec(struct oaid_office *a, const char *sql, const struct odb_value *values, size_t n)
{
    struct gf_fail why = { 0 };

    if (odb_begin(a->o->db) != 0 || odb_exec(a->o->db, sql, values, n) < 0
        || odb_commit(a->o->db) != 0) {
        (void)odb_fail(a->o->db, &why);
        fail_msg("%s: %s: %s", sql, why.where, why.detail);
    }
}

void oaid_staff(struct oaid_office *a, const char *staff_no, const char *role,
                char ret[static GF_UUID_TEXT])
{
    uint8_t id[GF_UUID_LEN], hash[32] = { 0 };
    int64_t known = 0;

    a->o->fail = (struct gf_fail){ 0 };
    assert_true(odb_number(a->o->db, &known,
                           "SELECT COUNT(*) FROM staff WHERE org_id = ?1 AND staff_no = ?2",
                           ODB(ODB_T(staff_no)))
                == 1);
    if (known == 0)
        assert_int_equal(ho_add_staff(a->o, staff_no, "Some Body", role), 0);
    assert_int_equal(gf_uuid7(&a->clock, a->ports.random, id), 0);
    gf_uuid_text(id, ret);
    oaid_exec(a,
              "INSERT INTO device (org_id, device_id, staff_no, name, certificate, "
              "enrolled_at_ms, chain_hash) VALUES (?1, ?2, ?3, 'laptop', 'none', ?4, ?5)",
              ODB(ODB_B(id, sizeof id), ODB_T(staff_no), ODB_I(a->utc_ms), ODB_B(hash, 32)));
}

void oaid_session(struct oaid_office *a, const char *customer_no, char ret[static 65])
{
    static const char password[] = "correct horse battery";
    char login[64], name[96] = "", phone[32] = "", meter_id[GF_METER_ID_TEXT] = "";
    int64_t account_no = 0;
    struct odb_query *q = odb_query(
        a->o->db,
        "SELECT c.name, c.phone, a.meter_id, a.account_no FROM customer c JOIN account a ON "
        "a.org_id = c.org_id AND a.customer_no = c.customer_no WHERE c.org_id = ?1 AND "
        "c.customer_no = ?2 AND a.state = 'open' ORDER BY a.account_no",
        ODB(ODB_T(customer_no)));

    if (odb_next(a->o->db, q) != 1)
        fail_msg("customer %s has no open account", customer_no);
    odb_text(q, 0, name, sizeof name);
    odb_text(q, 1, phone, sizeof phone);
    odb_text(q, 2, meter_id, sizeof meter_id);
    account_no = odb_int(q, 3);
    odb_end(q);
    (void)snprintf(login, sizeof login, "login-%s", customer_no);

    const struct customer_new n = { customer_no,          name,  phone,   meter_id,
                                    (uint64_t)account_no, login, password, PEER };
    struct customer_login session;
    int wait_s = 0;

    a->o->fail = (struct gf_fail){ 0 };
    if (customer_register(a->o, &n, &wait_s) != 0)
        fail_msg("register: %s: %s", a->o->fail.where, a->o->fail.detail);
    assert_int_equal(customer_login(a->o, login, password, PEER, &session, &wait_s), 1);
    memcpy(ret, session.token, sizeof session.token);
}
