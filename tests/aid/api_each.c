/* api_each.c - every route of the interface, and somebody of every kind to call it; see api_each.h.
 */
#include "tests/aid/api_each.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/odb_tables.h"

struct oaid_office each_office;
char each_devices[API_CUSTOMER][GF_UUID_TEXT], each_revoked[GF_UUID_TEXT], each_left[GF_UUID_TEXT];
char each_token[65];

/* A session without an account: what it is good for is not asked here. Made again when a call has
 * ended it. */
void each_session(void)
{
    static const uint8_t bytes[32] = { 1 };
    const struct mc_crypto *crypto = each_office.ports.crypto;
    uint8_t hash[32];

    gf_hex(bytes, sizeof bytes, each_token);
    const struct gf_span parts[] = { { (const uint8_t *)"gasm session", 12 },
                                     { (const uint8_t *)each_token, 64 } };
    assert_int_equal(crypto->sha256(crypto->ctx, parts, 2, hash), 0);
    oaid_exec(&each_office,
              "INSERT INTO customer_login (org_id, login, customer_no, salt, hash, parameters, "
              "made_at_ms) VALUES (?1, 'ada', 'C-1001', ?2, ?2, 'scrypt 15 8 1', 0) ON CONFLICT "
              "(org_id, login) DO NOTHING",
              ODB(ODB_B(bytes, 16)));
    oaid_exec(&each_office,
              "INSERT INTO customer_session (org_id, token_hash, login, customer_no, made_at_ms, "
              "expires_at_ms) VALUES (?1, ?2, 'ada', 'C-1001', 0, ?3) ON CONFLICT (org_id, "
              "token_hash) DO NOTHING",
              ODB(ODB_B(hash, 32), ODB_I(INT64_MAX)));
}

int each_start(void **state)
{
    char number[16];

    (void)state;
    oaid_office_new(&each_office);
    for (int i = 0; i < API_CUSTOMER; i++) {
        (void)snprintf(number, sizeof number, "R-%d", i);
        oaid_staff(&each_office, number, api_role_words[i], each_devices[i]);
    }
    oaid_staff(&each_office, "R-0", "technician", each_revoked);
    oaid_staff(&each_office, "L-1", "supervisor", each_left);
    oaid_sql(&each_office, "UPDATE staff SET left_at_ms = 1 WHERE staff_no = 'L-1'");
    uint8_t id[GF_UUID_LEN];
    assert_int_equal(gf_uuid_parse(each_revoked, id), 0);
    oaid_exec(&each_office,
              "UPDATE device SET revoked_at_ms = 1 WHERE org_id = ?1 AND device_id = ?2",
              ODB(ODB_B(id, sizeof id)));
    each_session();
    return 0;
}

int each_stop(void **state)
{
    (void)state;
    oaid_office_end(&each_office);
    return 0;
}

/* ---- calls whose status is not known before ---- */

static void copy_text(char *to, size_t cap, const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    (void)snprintf(to, cap, "%s", text != NULL ? text : "");
}

/* who: as in api_aid.h. Every refusal is an error with a sentence. */
struct each_got each_call_raw(const char *method, const char *path, const char *query,
                              const char *who, const char *type, const void *body, size_t n)
{
    bool is_session = strlen(who) == 64;
    char bearer[80];
    struct http_response response;
    struct each_got got = { 0 };

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
    memset(each_office.o->tries, 0, sizeof each_office.o->tries);
    office_handle(each_office.o, &request, &response);
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

struct each_got each_call(const struct api_route *r, const char *path, const char *who,
                          const json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_ENCODE_ANY) : NULL;
    struct each_got got =
        each_call_raw(r->method, path, NULL, who, json != NULL ? "application/json" : "",
                      text != NULL ? text : "", text != NULL ? strlen(text) : 0);

    free(text);
    return got;
}

/* The path with words for what stands in braces. */
void each_path(const struct api_route *r, char ret[static 256])
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
const char *each_friend(const struct api_route *r)
{
    if (r->door == API_OPEN)
        return "";
    if (r->door == API_LOGGED_IN) {
        each_session();
        return each_token;
    }
    for (int i = 0; i < API_CUSTOMER; i++)
        if (r->door == API_DEVICE || (r->roles & (1u << i)) != 0)
            return each_devices[i];
    fail_msg("nobody may use %s", r->path);
    return "";
}

void each_route(void (*visit)(const struct api_route *r, const char *path))
{
    char path[256];

    for (size_t p = 0; p < api_n_parts; p++)
        for (size_t i = 0; i < api_parts[p]->n; i++) {
            each_path(&api_parts[p]->routes[i], path);
            visit(&api_parts[p]->routes[i], path);
        }
}

/* How many rows there are in all, and in the books of who did what. */
int64_t each_rows(void)
{
    char sql[128];
    int64_t n = 0;

    for (size_t i = 0; i < odb_n_tables; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM %s", odb_tables[i].name);
        n += oaid_sql_number(&each_office, sql);
    }
    return n;
}
