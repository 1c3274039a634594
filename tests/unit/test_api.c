/* test_api.c - what every route has in common: doors, roles, bodies and queries that are wrong in
 * every way that the tables have a word for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/odb_tables.h"
#include "tests/aid/api_aid.h"

static struct oaid_office office;
static char devices[API_CUSTOMER][GF_UUID_TEXT], revoked[GF_UUID_TEXT], left[GF_UUID_TEXT];
static char session[65];

/* A session without an account: what it is good for is not asked here. Made again when a call has
 * ended it. */
static void make_session(void)
{
    static const uint8_t bytes[32] = { 1 };
    const struct mc_crypto *crypto = office.ports.crypto;
    uint8_t hash[32];

    gf_hex(bytes, sizeof bytes, session);
    const struct gf_span parts[] = { { (const uint8_t *)"gasm session", 12 },
                                     { (const uint8_t *)session, 64 } };
    assert_int_equal(crypto->sha256(crypto->ctx, parts, 2, hash), 0);
    oaid_exec(&office,
              "INSERT INTO customer_login (org_id, login, customer_no, salt, hash, parameters, "
              "made_at_ms) VALUES (?1, 'ada', 'C-1001', ?2, ?2, 'scrypt 15 8 1', 0) ON CONFLICT "
              "(org_id, login) DO NOTHING",
              ODB(ODB_B(bytes, 16)));
    oaid_exec(&office,
              "INSERT INTO customer_session (org_id, token_hash, login, customer_no, made_at_ms, "
              "expires_at_ms) VALUES (?1, ?2, 'ada', 'C-1001', 0, ?3) ON CONFLICT (org_id, "
              "token_hash) DO NOTHING",
              ODB(ODB_B(hash, 32), ODB_I(INT64_MAX)));
}

static int start(void **state)
{
    char number[16];

    (void)state;
    oaid_office_new(&office);
    for (int i = 0; i < API_CUSTOMER; i++) {
        (void)snprintf(number, sizeof number, "R-%d", i);
        oaid_staff(&office, number, api_role_words[i], devices[i]);
    }
    oaid_staff(&office, "R-0", "technician", revoked);
    oaid_staff(&office, "L-1", "supervisor", left);
    oaid_sql(&office, "UPDATE staff SET left_at_ms = 1 WHERE staff_no = 'L-1'");
    uint8_t id[GF_UUID_LEN];
    assert_int_equal(gf_uuid_parse(revoked, id), 0);
    oaid_exec(&office, "UPDATE device SET revoked_at_ms = 1 WHERE org_id = ?1 AND device_id = ?2",
              ODB(ODB_B(id, sizeof id)));
    make_session();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

/* ---- calls whose status is not known before ---- */

struct got {
    int status;
    char error[64], field[64], message[256];
    const char *allow;
};

static void copy_text(char *to, size_t cap, const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    (void)snprintf(to, cap, "%s", text != NULL ? text : "");
}

/* who: as in api_aid.h. Every refusal is an error with a sentence. */
static struct got call_raw(const char *method, const char *path, const char *query, const char *who,
                           const char *type, const void *body, size_t n)
{
    bool is_session = strlen(who) == 64;
    char bearer[80];
    struct http_response response;
    struct got got = { 0 };

    (void)snprintf(bearer, sizeof bearer, "Bearer %s", who);
    const struct http_request request = { .method = method,
                                          .path = path,
                                          .query = query,
                                          .content_type = type,
                                          .peer = "192.0.2.9",
                                          .identity = is_session ? "" : who,
                                          .authorization = is_session ? bearer : NULL,
                                          .is_mutual = !is_session && who[0] != '\0',
                                          .body = { body, n } };
    memset(office.o->tries, 0, sizeof office.o->tries);
    office_handle(office.o, &request, &response);
    got.status = response.status;
    got.allow = response.allow;
    if (response.status >= 300) {
        json_t *json = json_loadb((const char *)response.body.p, response.body.n, 0, NULL);

        copy_text(got.error, sizeof got.error, json, "error");
        copy_text(got.field, sizeof got.field, json, "field");
        copy_text(got.message, sizeof got.message, json, "message");
        if (got.error[0] == '\0' || got.message[0] == '\0')
            fail_msg("%s %s: %d without words", method, path, got.status);
        json_decref(json);
    }
    buf_free(&response.body);
    return got;
}

static struct got call(const struct api_route *r, const char *path, const char *who,
                       const json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_ENCODE_ANY) : NULL;
    struct got got = call_raw(r->method, path, NULL, who, json != NULL ? "application/json" : "",
                              text != NULL ? text : "", text != NULL ? strlen(text) : 0);

    free(text);
    return got;
}

/* The path with words for what stands in braces. */
static void path_of(const struct api_route *r, char ret[static 256])
{
    size_t n = 0;

    for (const char *p = r->path; *p != '\0'; p++) {
        if (*p == '{') {
            n += (size_t)snprintf(ret + n, 256 - n, "none-1");
            p += strcspn(p, "}");
        } else {
            ret[n++] = *p;
        }
        assert_true(n < 250);
    }
    ret[n] = '\0';
}

/* Somebody whom the route lets in. */
static const char *friend_of(const struct api_route *r)
{
    if (r->door == API_OPEN)
        return "";
    if (r->door == API_LOGGED_IN) {
        make_session();
        return session;
    }
    for (int i = 0; i < API_CUSTOMER; i++)
        if (r->door == API_ANY_CERT || (r->roles & (1u << i)) != 0)
            return devices[i];
    fail_msg("nobody may use %s", r->path);
    return "";
}

static void each_route(void (*visit)(const struct api_route *r, const char *path))
{
    char path[256];

    for (size_t p = 0; p < api_n_parts; p++)
        for (size_t i = 0; i < api_parts[p]->n; i++) {
            path_of(&api_parts[p]->routes[i], path);
            visit(&api_parts[p]->routes[i], path);
        }
}

/* How many rows there are in all, and in the books of who did what. */
static int64_t rows(void)
{
    char sql[128];
    int64_t n = 0;

    for (size_t i = 0; i < odb_n_tables; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM %s", odb_tables[i].name);
        n += oaid_sql_number(&office, sql);
    }
    return n;
}

/* ---- doors ---- */

static void is_refused(const struct api_route *r, const char *path, const char *who, int status,
                       const char *error)
{
    struct got got = call(r, path, who, NULL);

    if (got.status != status || strcmp(got.error, error) != 0)
        fail_msg("%s %s by [%s]: %d %s, not %d %s", r->method, path, who, got.status, got.error,
                 status, error);
}

static void role_is_right(const struct api_route *r, const char *path)
{
    for (int i = 0; i < API_CUSTOMER; i++) {
        bool may = (r->roles & (1u << i)) != 0;
        struct got got = call(r, path, devices[i], NULL);
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
    static const char nobody[65] = "0000000000000000000000000000000000000000000000000000000000000000";

    switch (r->door) {
    case API_STAFF:
        role_is_right(r, path);
        is_refused(r, path, "certificate", 403, "unknown_device");
        is_refused(r, path, "00000000-0000-7000-8000-000000000000", 403, "unknown_device");
        is_refused(r, path, revoked, 403, "revoked");
        is_refused(r, path, left, 403, "left");
        is_not_there(r, path, session);
        is_not_there(r, path, "");
        break;
    case API_ANY_CERT:
        assert_int_not_equal(call(r, path, "certificate", NULL).status, 403);
        is_not_there(r, path, "");
        break;
    case API_LOGGED_IN:
        assert_int_not_equal(call(r, path, session, NULL).status, 401);
        is_refused(r, path, "", 401, "login");
        is_refused(r, path, nobody, 401, "login");
        is_not_there(r, path, devices[API_SUPERVISOR]);
        break;
    case API_OPEN:
        assert_int_not_equal(call(r, path, "", NULL).status, 401);
        is_not_there(r, path, devices[API_SUPERVISOR]);
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
                (void)call(r, path, devices[i], empty);
    (void)call(r, path, "certificate", empty);
    (void)call(r, path, revoked, empty);
    if (r->door != API_OPEN)
        (void)call(r, path, "", empty);
    json_decref(empty);
}

static void a_refusal_changes_nothing(void **state)
{
    int64_t before = rows();

    (void)state;
    each_route(visit_refusals);
    assert_int_equal(rows(), before);
}

static void an_old_session_is_none(void **state)
{
    (void)state;
    make_session();
    oaid_call_is(&office, "GET", "/v1/customer/meters", session, NULL, 200, NULL, NULL);
    oaid_sql(&office, "UPDATE customer_session SET expires_at_ms = 1795339800000");
    oaid_call_is(&office, "GET", "/v1/customer/meters", session, NULL, 401, "login", NULL);
}

/* ---- bodies ---- */

static json_t *sample_of(const struct api_message *m);

static json_t *text_of(char c, int64_t n)
{
    char *text = malloc((size_t)n + 1);

    memset(text, c, (size_t)n);
    text[n] = '\0';
    json_t *json = json_stringn(text, (size_t)n);
    free(text);
    return json;
}

/* A value that a field takes; of texts and numbers with this size, when that is not negative. */
static json_t *value_of(const struct api_field *f, int64_t size)
{
    int64_t n = size >= 0 ? size : f->min > 0 ? f->min : 1;
    char word[64];
    json_t *list;

    switch (f->type) {
    case API_TEXT:
    case API_ID:
    case API_SECRET:
    case API_LINES:
        return text_of('A', n);
    case API_HEX:
        return text_of('0', 2 * n);
    case API_INT:
        return json_integer(size >= 0 ? size : f->min);
    case API_BOOL:
        return json_true();
    case API_UUID:
        return json_string("0190a5b2-0000-7000-8000-000000000001");
    case API_DATE:
        return json_string("2026-11-22");
    case API_WORD:
        (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(f->words, "|"), f->words);
        return json_string(word);
    case API_OBJECT:
        return sample_of(f->of);
    case API_LIST:
    case API_TEXTS:
        list = json_array();
        for (int64_t i = 0; i < n; i++)
            (void)json_array_append_new(list, f->of != NULL ? sample_of(f->of) : json_string("a"));
        return list;
    case API_TYPES:
        break;
    }
    return NULL;
}

static json_t *sample_of(const struct api_message *m)
{
    json_t *json = json_object();

    for (size_t i = 0; i < m->n; i++)
        (void)json_object_set_new(json, m->fields[i].name, value_of(&m->fields[i], -1));
    return json;
}

/* The route whose bodies are wrong at the moment. */
static const struct api_route *at_route;
static const char *at_path;
static json_t *at_body; /* whole, and right but for the place under test */
static unsigned wrong_bodies;

/* The body as it is now is refused at this place (as far as a place is told). */
static void refused_at(const char *place)
{
    struct got got = call(at_route, at_path, friend_of(at_route), at_body);

    wrong_bodies++;
    if (got.status != 400 || strcmp(got.error, "format") != 0
        || strncmp(got.field, place, 23) != 0) {
        char *text = json_dumps(at_body, JSON_ENCODE_ANY);

        fail_msg("%s: %.300s: %d %s at %s, not at %s", at_path, text, got.status, got.error,
                 got.field, place);
    }
}

static bool is_type(const struct api_field *f, const json_t *v)
{
    switch (f->type) {
    case API_INT:
        return json_is_integer(v);
    case API_BOOL:
        return json_is_boolean(v);
    case API_OBJECT:
        return json_is_object(v);
    case API_LIST:
    case API_TEXTS:
        return json_is_array(v);
    case API_TEXT:
    case API_ID:
    case API_UUID:
    case API_HEX:
    case API_DATE:
    case API_WORD:
    case API_SECRET:
    case API_LINES:
    case API_TYPES:
        break;
    }
    return json_is_string(v);
}

static void spoil_size(json_t *in, const struct api_field *f, const char *place)
{
    bool is_sized = f->type == API_TEXT || f->type == API_ID || f->type == API_HEX
                    || f->type == API_SECRET || f->type == API_LINES || f->type == API_INT
                    || f->type == API_LIST || f->type == API_TEXTS;

    if (!is_sized || (f->min == 0 && f->max == 0))
        return;
    if (f->max < 15000 || f->type == API_INT) { /* bodies have a limit of their own */
        (void)json_object_set_new(in, f->name, value_of(f, f->max + 1));
        refused_at(place);
    }
    if (f->min > 0) {
        (void)json_object_set_new(in, f->name, value_of(f, f->min - 1));
        refused_at(place);
    }
}

static void spoil_text(json_t *in, const struct api_field *f, const char *place)
{
    static const char *const texts[] = { "\x01",    "a\x7F", "\xC2\x85", "not-a-thing!",
                                         "2026-13-01", "0" };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool is_free = f->type == API_TEXT || f->type == API_SECRET || f->type == API_LINES;

        if (!is_type(f, json_string("")) || (is_free && i > 2) || (f->type == API_ID && i > 3))
            continue;
        (void)json_object_set_new(in, f->name, json_string(texts[i]));
        refused_at(place);
    }
}

/* Every field of an object in at_body, one after another, wrong in every way. */
static void spoil(const struct api_message *m, json_t *in, const char *above)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct api_field *f = &m->fields[i];
        json_t *const values[] = { json_null(),    json_true(),  json_integer(1), json_real(1.5),
                                   json_string("x"), json_array(), json_object() };
        json_t *right = json_deep_copy(json_object_get(in, f->name));
        char place[128];

        (void)snprintf(place, sizeof place, "%s%s%s", above, above[0] != '\0' ? "." : "", f->name);
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            if (!is_type(f, values[k])) {
                (void)json_object_set(in, f->name, values[k]);
                refused_at(place);
            }
            json_decref(values[k]);
        }
        spoil_size(in, f, place);
        spoil_text(in, f, place);
        (void)json_object_del(in, f->name);
        if (!f->is_optional)
            refused_at(place);
        (void)json_object_set_new(in, f->name, right);
        if (f->type == API_OBJECT)
            spoil(f->of, right, place);
        if (f->type == API_LIST) {
            (void)snprintf(place + strlen(place), 8, "[0]");
            spoil(f->of, json_array_get(right, 0), place);
        }
    }

    char place[128];
    (void)snprintf(place, sizeof place, "%s%sno_such_field", above, above[0] != '\0' ? "." : "");
    (void)json_object_set_new(in, "no_such_field", json_true());
    refused_at(place);
    (void)json_object_del(in, "no_such_field");
}

static void visit_bodies(const struct api_route *r, const char *path)
{
    struct gf_fail why = { 0 };

    if (r->takes == NULL)
        return;
    at_route = r;
    at_path = path;
    at_body = sample_of(r->takes);
    if (api_check(r->takes, at_body, &why) != 0)
        fail_msg("%s: a right body is refused: %s: %s", path, why.where, why.detail);
    spoil(r->takes, at_body, "");
    json_decref(at_body);
}

static void each_field_is_refused_when_it_is_wrong(void **state)
{
    int64_t before = rows();

    (void)state;
    each_route(visit_bodies);
    assert_true(wrong_bodies > 500);
    assert_int_equal(rows(), before);
}

static void check_bounds(const struct api_message *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct api_field *f = &m->fields[i];
        struct api_message one = { .name = "one", .fields = f, .n = 1 };
        bool is_word = f->type == API_WORD || f->type == API_UUID || f->type == API_DATE
                       || f->type == API_BOOL || f->type == API_OBJECT || f->type == API_LIST;
        const int64_t sizes[] = { f->min, f->max };

        for (size_t k = 0; k < 2 && !is_word && f->max > 0; k++) {
            json_t *json = json_object();

            if (f->type != API_INT && sizes[k] > 100000)
                continue;
            (void)json_object_set_new(json, f->name, value_of(f, sizes[k]));
            if (f->type == API_INT)
                (void)json_object_set_new(json, f->name, json_integer(sizes[k]));
            assert_int_equal(api_check(&one, json, NULL), 0);
            json_decref(json);
        }
    }
}

static void visit_bounds(const struct api_route *r, const char *path)
{
    (void)path;
    if (r->takes != NULL)
        check_bounds(r->takes);
}

static void smallest_and_largest_are_taken(void **state)
{
    (void)state;
    each_route(visit_bounds);
}

/* Every text full of what databases have a meaning for: it is data. */
static void put_words(const struct api_message *m, json_t *in, const char *words)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct api_field *f = &m->fields[i];

        if (f->type == API_TEXT || f->type == API_SECRET || f->type == API_LINES)
            (void)json_object_set_new(in, f->name,
                                      json_stringn(words, strlen(words) < (size_t)f->max
                                                              ? strlen(words)
                                                              : (size_t)f->max));
        if (f->type == API_OBJECT)
            put_words(f->of, json_object_get(in, f->name), words);
    }
}

static void visit_words(const struct api_route *r, const char *path)
{
    static const char *const words[] = { "'; DROP TABLE staff; --", "\" OR 1=1 --", "\\'; $1 ?1 %_",
                                         "Robert'); DELETE FROM meter;" };

    if (r->takes == NULL)
        return;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        json_t *body = sample_of(r->takes);
        struct got got;

        put_words(r->takes, body, words[i]);
        got = call(r, path, friend_of(r), body);
        if (got.status >= 500)
            fail_msg("%s: %s: %d %s %s", path, words[i], got.status, got.error, got.message);
        json_decref(body);
    }
}

static void words_of_the_database_are_data(void **state)
{
    (void)state;
    each_route(visit_words);
    assert_true(oaid_sql_number(&office, "SELECT COUNT(*) FROM staff") >= 8);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM meter"), 3);
}

/* ---- JSON ---- */

static void body_is_refused(const void *body, size_t n)
{
    struct got got = call_raw("POST", "/v1/customers", NULL, devices[API_CLERK], "application/json",
                              body, n);

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
    json = api_decode((struct gf_span){ (const uint8_t *)"[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]",
                                        41 },
                      &why);
    json_decref(json);
}

/* ---- paths, methods, queries ---- */

static void visit_frame(const struct api_route *r, const char *path)
{
    static char big[5u << 20];
    const char *who = friend_of(r), *type = r->content_type != NULL ? r->content_type
                                            : r->takes != NULL      ? "application/json"
                                                                    : "";
    struct got got = call_raw("-", path, NULL, who, "", "", 0);

    assert_int_equal(got.status, 405);
    assert_non_null(got.allow);
    assert_non_null(strstr(got.allow, r->method));
    if (type[0] != '\0') {
        size_t most = r->body_max > 0 ? r->body_max : 64u << 10;

        assert_true(most < sizeof big);
        assert_int_equal(call_raw(r->method, path, NULL, who, type, big, most + 1).status, 413);
        assert_int_equal(call_raw(r->method, path, NULL, who, "text/x", big, most).status, 415);
    } else {
        assert_int_equal(call_raw(r->method, path, NULL, who, type, "x", 1).status, 413);
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
        { "no_such=1", "no_such", false },
        { "%", "query", false },
        { "a=%zz", "query", false },
        { "a=%00", "query", false },
        { "limit=0", "limit", true },
        { "limit=201", "limit", true },
        { "limit=x", "limit", true },
        { "after=%01", "after", true },
    };

    if (r->takes != NULL || r->content_type != NULL)
        return;
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct got got;

        if (queries[i].of_lists && (r->flags & API_LIST_ROUTE) == 0)
            continue;
        got = call_raw(r->method, path, queries[i].query, friend_of(r), "", "", 0);
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
        "",          "/",         "/v1",          "/v1/customers/",  "/v1//customers",
        "//v1/customers", "/v1/customers/a/b/c", "/v1/customers/%", "/v1/customers/%00",
        "/v1/customers/%zz", "/v1/customers/a%20b", "/v1/CUSTOMERS", "/v1/customers/..%2f..%2fx y",
    };
    char words[2][128];
    struct http_request request = { .method = "GET", .path = "/v1/customers/C%2d1%2F2",
                                    .is_mutual = true };

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (call_raw("GET", none[i], NULL, devices[API_CLERK], "", "", 0).status != 404)
            fail_msg("%s is there", none[i]);
    assert_non_null(api_find_route(&request, words, NULL));
    assert_string_equal(words[0], "C-1/2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_route_opens_to_those_it_is_for),
        cmocka_unit_test(a_refusal_changes_nothing),
        cmocka_unit_test(each_field_is_refused_when_it_is_wrong),
        cmocka_unit_test(smallest_and_largest_are_taken),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(methods_types_and_sizes_are_checked),
        cmocka_unit_test(queries_are_checked),
        cmocka_unit_test(paths_have_one_meaning),
        cmocka_unit_test(words_of_the_database_are_data),
        cmocka_unit_test(an_old_session_is_none),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, start, stop);
}
