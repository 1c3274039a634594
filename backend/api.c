/* api.c - from a request to its handler: route, door, role, body; see api.h. */
#include "backend/api.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "backend/customer.h"
#include "backend/office_http.h"
#include "backend/office_register.h"
#include "common/text.h"

#define BODY_MAX_DEFAULT (64u << 10)
#define BUCKETS 64
#define ROUTES_MAX 160

const struct api_part *const api_parts[] = {
    &api_part_system, &api_part_staff,  &api_part_customers, &api_part_public,
    &api_part_meters, &api_part_orders, &api_part_money,     &api_part_reports,
};
const size_t api_n_parts = sizeof api_parts / sizeof api_parts[0];

const char *const api_role_words[API_ROLES] = {
#define X(name, word, what) word,
    API_ROLE_TABLE(X)
#undef X
};

/* ---- routes ---- */

/* All routes, those of a bucket together: bucket b has from[b] up to from[b + 1]. */
static struct {
    pthread_once_t once;
    const struct api_route *routes[ROUTES_MAX];
    size_t from[BUCKETS + 1];
} by_word = { .once = PTHREAD_ONCE_INIT };

/* Where the routes are whose first two words ("v1" and what it is of) are those of this path: no
 * route has a {word} there. FNV-1a. */
static size_t bucket_of(const char *path)
{
    uint32_t h = UINT32_C(2166136261);

    for (size_t slashes = 0; *path != '\0' && (slashes += *path == '/') < 3; path++)
        h = (h ^ (uint8_t)*path) * UINT32_C(16777619);
    return (h ^ h >> 16) % BUCKETS;
}

static void sort_routes(void)
{
    size_t n = 0;

    for (size_t b = 0; b < BUCKETS; b++) {
        by_word.from[b] = n;
        for (size_t p = 0; p < api_n_parts; p++)
            for (size_t i = 0; i < api_parts[p]->n; i++)
                if (n < ROUTES_MAX && bucket_of(api_parts[p]->routes[i].path) == b)
                    by_word.routes[n++] = &api_parts[p]->routes[i];
    }
    by_word.from[BUCKETS] = n;
}

/* The routes that a path may fit. */
static const struct api_route *const *candidates(const char *path, size_t *ret_n)
{
    const size_t b = bucket_of(path);

    (void)pthread_once(&by_word.once, sort_routes);
    *ret_n = by_word.from[b + 1] - by_word.from[b];
    return &by_word.routes[by_word.from[b]];
}

/* True when a path fits a pattern; how many words it has, and what they are. */
static bool fits(const char *pattern, const char *path, char words[][128], size_t *ret_n)
{
    char word[128];

    *ret_n = 0;
    while (*pattern != '\0') {
        size_t n;

        if (*pattern != '{') {
            if (*pattern++ != *path++) /* most routes end here: nothing else is looked at */
                return false;
            continue;
        }
        n = strcspn(path, "/");
        if (*ret_n == 2 || !api_unescape(path, n, word, sizeof word)
            || !ho_is_id(word, sizeof word - 1))
            return false;
        if (words != NULL)
            (void)gf_copy(words[*ret_n], sizeof word, word);
        (*ret_n)++;
        pattern += strcspn(pattern, "/");
        path += n;
    }
    return *path == '\0';
}

static bool is_here(const struct api_route *route, bool is_mutual)
{
    return is_mutual == (route->door == API_STAFF || route->door == API_DEVICE);
}

/* The methods of a path, "GET, POST"; NULL when there is no such path. */
static const char *allowed(const struct http_request *request)
{
    bool has_get = false, has_post = false;
    size_t n, n_routes;
    const struct api_route *const *routes = candidates(request->path, &n_routes);

    for (size_t i = 0; i < n_routes; i++) {
        if (!is_here(routes[i], request->is_mutual)
            || !fits(routes[i]->path, request->path, NULL, &n))
            continue;
        has_get = has_get || strcmp(routes[i]->method, "GET") == 0;
        has_post = has_post || strcmp(routes[i]->method, "POST") == 0;
    }
    return has_get && has_post ? "GET, POST" : has_get ? "GET" : has_post ? "POST" : NULL;
}

const struct api_route *api_find_route(const struct http_request *request, char words[][128],
                                       const char **ret_allow)
{
    const struct api_route *found = NULL;
    size_t n, n_routes, fewest = SIZE_MAX;
    const struct api_route *const *routes = candidates(request->path, &n_routes);

    for (size_t i = 0; i < n_routes; i++) {
        if (strcmp(routes[i]->method, request->method) != 0
            || !is_here(routes[i], request->is_mutual)
            || !fits(routes[i]->path, request->path, NULL, &n) || n >= fewest)
            continue;
        found = routes[i];
        fewest = n;
    }
    if (found != NULL && words != NULL)
        (void)fits(found->path, request->path, words, &n);
    if (ret_allow != NULL)
        *ret_allow = found == NULL ? allowed(request) : NULL;
    return found;
}

/* ---- doors; each returns true when the caller may go on, else the answer is made ---- */

static bool find_role(const char *word, enum api_role *ret)
{
    for (size_t i = 0; i < API_ROLES; i++)
        if (strcmp(api_role_words[i], word) == 0) {
            *ret = (enum api_role)i;
            return true;
        }
    return false;
}

static bool is_device(struct api_call *c, struct ho_device *device)
{
    uint8_t id[GF_UUID_LEN];
    int r = gf_uuid_parse(c->request->identity, id) == 0 ? ho_find_device(c->o, id, device) : 0;

    if (r == 0)
        api_refuse(c, 403, "unknown_device", NULL,
                   "head office does not know this laptop; enrol it again");
    else if (r < 0)
        ho_answer_fail(c->o, c->ret);
    else if (device->is_revoked)
        api_refuse(c, 403, "revoked", NULL, "this laptop is revoked; call head office");
    return r == 1 && !device->is_revoked;
}

static bool is_staff(struct api_call *c, struct ho_device *device)
{
    if (!is_device(c, device))
        return false;
    if (!find_role(device->role, &c->role)) {
        api_refuse(c, 403, "left", NULL, "this member of the staff has left; call head office");
        return false;
    }
    c->device = device;
    (void)gf_copy(c->who, sizeof c->who, device->staff_no);
    return true;
}

/* "Bearer TOKEN": the session's customer. */
static bool is_customer(struct api_call *c)
{
    const char *header = c->request->authorization;
    int r = 0;

    if (header != NULL && strncmp(header, "Bearer ", 7) == 0)
        r = customer_session(c->o, header + 7, c->customer_no);
    if (r < 0)
        ho_answer_fail(c->o, c->ret);
    else if (r == 0)
        api_refuse(c, 401, "login", NULL, "log in first: there is no such session, or it is over");
    if (r != 1)
        return false;
    c->role = API_CUSTOMER;
    (void)snprintf(c->who, sizeof c->who, "customer %s", c->customer_no);
    return true;
}

static bool has_role(struct api_call *c, const struct api_route *route)
{
    char message[HO_TEXT_MAX] = "this needs the role ";

    if (route->roles == 0 || (route->roles & (1u << c->role)) != 0)
        return true;
    for (size_t i = 0, n = 0; i < API_ROLES; i++)
        if ((route->roles & (1u << i)) != 0) {
            size_t at = strlen(message);

            (void)snprintf(message + at, sizeof message - at, "%s%s", n++ > 0 ? " or " : "",
                           api_role_words[i]);
        }
    api_refuse(c, 403, "role", NULL, message);
    return false;
}

static bool passes_door(struct api_call *c, const struct api_route *route, struct ho_device *device)
{
    switch (route->door) {
    case API_STAFF:
        return is_staff(c, device) && has_role(c, route);
    case API_LOGGED_IN:
        return is_customer(c) && has_role(c, route);
    case API_DEVICE:
        (void)gf_copy(c->who, sizeof c->who, c->request->identity);
        return is_device(c, device);
    case API_OPEN:
        (void)gf_copy(c->who, sizeof c->who, c->request->peer);
        return true;
    }
    return false;
}

/* ---- what came ---- */

static void refuse_format(struct api_call *c, const struct gf_fail *why)
{
    if (why->code == GF_E_MEMORY)
        c->ret->body.bad = true;
    else
        api_refuse(c, 400, "format", why->where, why->detail);
}

/* Body and query as the route wants them; else the answer is made. */
static bool is_understood(struct api_call *c, const struct api_route *route)
{
    const struct http_request *request = c->request;
    bool has_body = route->takes != NULL || route->content_type != NULL;
    const char *type = route->content_type != NULL ? route->content_type : "application/json";
    size_t body_max = route->body_max > 0 ? route->body_max : BODY_MAX_DEFAULT;
    struct gf_fail why = { 0 };

    if (request->body.n > (has_body ? body_max : 0)) {
        api_refuse(c, 413, "too_large", "body",
                   has_body ? "the request is larger than this path takes; send less at once"
                            : "this path takes no body");
        return false;
    }
    if (has_body && strcmp(type, request->content_type) != 0) {
        api_refuse(c, 415, "content_type", "content-type", "this path takes another content type");
        return false;
    }
    c->asked = api_decode_query(request->query, route->asks, (route->flags & API_LIST_ROUTE) != 0,
                                c->after, &c->limit, &why);
    if (c->asked != NULL && route->takes != NULL
        && (c->body = api_decode(request->body, &why)) != NULL)
        (void)api_check(route->takes, c->body, &why);
    if (why.code != 0)
        refuse_format(c, &why);
    return why.code == 0;
}

void office_handle(struct office *o, const struct http_request *request, struct http_response *ret)
{
    struct api_call c = { .o = o, .request = request, .ret = ret, .role = API_ROLES };
    struct ho_device device;
    const char *allow = NULL;
    const struct api_route *route = request->route;
    size_t n;

    if (route == NULL)
        route = api_find_route(request, c.words, &allow);
    else
        (void)fits(route->path, request->path, c.words, &n);

    *ret = (struct http_response){ .status = 500, .content_type = "application/json" };
    o->fail = (struct gf_fail){ 0 };
    bool is_mine = route != NULL && strcmp(route->method, "GET") == 0 && odb_together(o->db);
    if (route == NULL && allow != NULL) {
        api_refuse(&c, 405, "method", NULL, "this path does not take this method");
        ret->allow = allow;
    } else if (route == NULL) {
        api_refuse(&c, 404, "not_found", NULL, "there is no such path here");
    } else if (passes_door(&c, route, &device) && is_understood(&c, route)) {
        memcpy(o->who, c.who, sizeof o->who);
        route->handler(&c);
        o->who[0] = '\0';
    }
    if (is_mine)
        odb_apart(o->db);
    json_decref(c.body);
    json_decref(c.asked);
    if (ret->body.bad)
        ho_answer_error(ret, 500, "MEMORY", "head office cannot answer now; try later", NULL);
}
