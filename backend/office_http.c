/* office_http.c - the table of routes, and who may use them; see office.h. */
#include "backend/office_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/text.h"

/* Who may call a route. */
enum who {
    WHO_DEVICE,      /* an enrolled laptop that is not revoked */
    WHO_CERTIFICATE, /* whoever has a certificate of this CA */
    WHO_STRANGER,    /* the enrolment listener, without a certificate */
};

static const struct route {
    const char *method, *path;
    enum who who;
    const char *content_type; /* of the body; NULL: there is none */
    size_t body_max;
    void (*handler)(struct office *o, const struct http_request *request,
                    const struct ho_device *device, struct http_response *ret);
} routes[] = {
    { "POST", "/v1/sync", WHO_DEVICE, "application/x-protobuf", HO_SYNC_BODY_MAX, ho_route_sync },
    { "POST", "/v1/enrol", WHO_STRANGER, "application/json", HO_ENROL_BODY_MAX, ho_route_enrol },
    { "GET", "/healthz", WHO_CERTIFICATE, NULL, 0, ho_route_health },
};

/* ---- answers ---- */

static void answer_json(struct http_response *ret, int status, json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

    buf_clear(&ret->body);
    ret->status = text != NULL ? status : 500;
    ret->content_type = "application/json";
    buf_text(&ret->body,
             text != NULL ? text : "{\"error\":\"memory\",\"message\":\"out of memory\"}");
    if (text != NULL)
        gf_wipe(text, strlen(text));
    free(text);
    json_decref(json);
}

void ho_answer_error(struct http_response *ret, int status, const char *error, const char *message,
                     const char *field)
{
    char seen[HO_TEXT_MAX], where[64];
    json_t *json;

    gf_visible(seen, sizeof seen, message, strlen(message));
    if (field == NULL)
        json = json_pack("{s:s, s:s}", "error", error, "message", seen);
    else {
        gf_visible(where, sizeof where, field, strlen(field));
        json = json_pack("{s:s, s:s, s:s}", "error", error, "message", seen, "field", where);
    }
    answer_json(ret, status, json);
}

void ho_answer_fail(struct office *o, struct http_response *ret)
{
    const struct gf_err_row *row = gf_err_row(o->fail.code);
    bool is_store = row->exit_status == 7 || o->fail.code == GF_E_NOT_NOW;
    char message[HO_TEXT_MAX];

    (void)fprintf(stderr, "gasoffice: E%03d %s (%s: %s)\n", -row->code, row->what, o->fail.where,
                  o->fail.detail);
    (void)snprintf(message, sizeof message,
                   "head office cannot answer now: %s; nothing was taken, try later", row->what);
    ho_answer_error(ret, is_store ? 503 : 500, row->name, message, NULL);
}

void ho_route_health(struct office *o, const struct http_request *request,
                     const struct ho_device *device, struct http_response *ret)
{
    int64_t version;

    (void)request;
    (void)device;
    if (odb_number(o->db, &version, "SELECT COUNT(*) FROM setting WHERE org_id = ?1", ODB_NONE)
        < 0) {
        (void)ho_db_fail(o);
        ho_answer_fail(o, ret);
        return;
    }
    answer_json(ret, 200,
                json_pack("{s:s, s:I}", "status", "ok", "utc_ms", (json_int_t)ho_now_ms(o)));
}

/* ---- who is calling ---- */

/* True when the caller is an enrolled laptop that may go on; else the answer is made. */
static bool is_device(struct office *o, const struct http_request *request,
                      struct ho_device *device, struct http_response *ret)
{
    uint8_t id[GF_UUID_LEN];
    int r = gf_uuid_parse(request->identity, id) == 0 ? ho_find_device(o, id, device) : 0;

    if (r < 0)
        ho_answer_fail(o, ret);
    else if (r == 0)
        ho_answer_error(ret, 403, "unknown_device",
                        "head office does not know this laptop; enrol it again", NULL);
    else if (device->is_revoked)
        ho_answer_error(ret, 403, "revoked", "this laptop is revoked; call head office", NULL);
    else
        return true;
    return false;
}

static const struct route *find_route(const struct http_request *request, bool *ret_path_known)
{
    *ret_path_known = false;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(routes[i].path, request->path) != 0
            || (routes[i].who == WHO_STRANGER) == request->is_mutual)
            continue;
        *ret_path_known = true;
        if (strcmp(routes[i].method, request->method) == 0)
            return &routes[i];
    }
    return NULL;
}

void office_handle(struct office *o, const struct http_request *request, struct http_response *ret)
{
    struct ho_device device;
    bool path_known;
    const struct route *route = find_route(request, &path_known);

    *ret = (struct http_response){ .status = 500, .content_type = "application/json" };
    o->fail = (struct gf_fail){ 0 };
    if (route == NULL && path_known)
        ho_answer_error(ret, 405, "method", "this path does not take this method", NULL);
    else if (route == NULL)
        ho_answer_error(ret, 404, "not_found", "there is no such path here", NULL);
    else if (route->who == WHO_DEVICE && !is_device(o, request, &device, ret))
        return;
    else if (request->body.n > route->body_max)
        ho_answer_error(ret, 413, "too_large",
                        "the request is larger than this path takes; send less at once", "body");
    else if (route->content_type != NULL && strcmp(route->content_type, request->content_type) != 0)
        ho_answer_error(ret, 415, "content_type", "this path takes another content type",
                        "content-type");
    else
        route->handler(o, request, route->who == WHO_DEVICE ? &device : NULL, ret);
    if (ret->body.bad)
        ho_answer_error(ret, 500, "MEMORY", "head office cannot answer now; try later", NULL);
}
