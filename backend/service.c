/* service.c - listeners, limits, counts and logs around an office; see service.h. */
#include "backend/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/address.h"
#include "backend/api.h"
#include "backend/metrics.h"
#include "backend/office_http.h"
#include "common/text.h"

#define TIMEOUT_S 30
#define REQUEST_S 60 /* from a request's first byte to its last */
#define LIFETIME_S 600
#define LIFETIME_PUBLIC_S 60
#define CONNECTIONS_MAX 512
#define ADDRESS_MAX 64 /* of these from one household, or one address of IPv4 */
#define HANDSHAKE_S 5
#define LOCK_WAIT_MS 1000 /* while it waits nobody else is answered */
#define ROUTES_MAX 160

struct service {
    struct office *o, *reader; /* reader: of handle_long(); NULL with one thread */
    const struct service_options *options;
    struct http_srv *srv;
    struct rate *rate;
    struct metrics *metrics;
    struct log log, turn_log;
    struct buf lines; /* of turn_log */
    struct rate_rule rules[SERVICE_RATES];
    int64_t started_s;
    size_t n_routes;
    const struct api_route *routes[ROUTES_MAX];
    const char *names[ROUTES_MAX];
    char name_texts[ROUTES_MAX][80];
};

/* ---- who may ask how often ---- */

static enum service_rate rate_of(const struct api_route *route, bool is_mutual)
{
    if (route == NULL)
        return is_mutual ? SERVICE_STAFF : SERVICE_OPEN;
    if ((route->flags & API_SLOW) != 0)
        return SERVICE_SLOW;
    if ((route->flags & API_SIGNED) != 0)
        return SERVICE_SIGNED;
    if (is_mutual)
        return strcmp(route->path, "/v1/sync") == 0 ? SERVICE_SYNC : SERVICE_STAFF;
    return route->door == API_LOGGED_IN ? SERVICE_CUSTOMER : SERVICE_OPEN;
}

enum service_rate service_rate_of(const struct http_request *request)
{
    return rate_of(api_find_route(request, NULL, NULL), request->is_mutual);
}

/* Devices by their certificate, everybody else by the group of the address. */
static void caller_name(const struct http_request *request, enum service_rate class,
                        char ret[static 80])
{
    ret[0] = (char)('0' + (int)class);
    ret[1] = ' ';
    if (request->is_mutual)
        (void)gf_copy(ret + 2, 78, request->identity);
    else
        address_group(request->peer, ret + 2);
}

static bool admit(void *ctx, struct http_request *request, enum http_lane *ret_lane,
                  struct http_response *ret)
{
    struct service *s = ctx;
    enum service_rate class;
    int64_t now = s->o->ports.clock->mono_ms(s->o->ports.clock->ctx);
    char name[80];

    request->route = api_find_route(request, NULL, NULL);
    class = rate_of(request->route, request->is_mutual);
    caller_name(request, class, name);
    ret->retry_after_s = rate_take(s->rate, name, &s->rules[class], now);
    if (ret->retry_after_s == 0 && class == SERVICE_SLOW)
        ret->retry_after_s = rate_take(s->rate, "all", &s->rules[SERVICE_ALL_SLOW], now);
    *ret_lane = class == SERVICE_SLOW ? HTTP_SLOW : HTTP_QUICK;
    if (request->route != NULL && (request->route->flags & API_LONG) != 0)
        *ret_lane = HTTP_LONG;
    if (ret->retry_after_s == 0)
        return true;
    ho_answer_error(ret, 429, "too_many", "too many requests; wait as long as Retry-After says",
                    NULL);
    return false;
}

static void set_rules(struct service *s)
{
    static const struct rate_rule table[] = {
#define X(name, per_minute, burst, what) { per_minute, burst },
        SERVICE_RATE_TABLE(X)
#undef X
    };
    const uint64_t percent = s->options->rate_percent;

    for (size_t i = 0; i < SERVICE_RATES; i++) {
        s->rules[i] = (struct rate_rule){ (uint32_t)(table[i].per_minute * percent / 100),
                                          (uint32_t)(table[i].burst * percent / 100) };
        if (percent > 0 && s->rules[i].per_minute == 0)
            s->rules[i].per_minute = 1;
        if (s->rules[i].burst == 0)
            s->rules[i].burst = 1;
    }
}

/* ---- what is counted and logged ---- */

static void list_routes(struct service *s)
{
    for (size_t p = 0; p < api_n_parts; p++)
        for (size_t i = 0; i < api_parts[p]->n && s->n_routes < ROUTES_MAX; i++) {
            const struct api_route *route = &api_parts[p]->routes[i];
            char *text = s->name_texts[s->n_routes];

            (void)snprintf(text, sizeof s->name_texts[0], "%s %s", route->method, route->path);
            s->routes[s->n_routes] = route;
            s->names[s->n_routes++] = text;
        }
}

static void done(void *ctx, const struct http_request *request,
                 const struct http_response *response, int64_t us)
{
    struct service *s = ctx;
    enum log_level level = response->status >= 500 ? LOG_ERROR : LOG_INFO;
    size_t i = 0;

    while (i < s->n_routes && s->routes[i] != request->route)
        i++;
    metrics_request(s->metrics, i, response->status, us);
    log_event(&s->turn_log, level, "request",
              LOG_VALUES(LOG_T("route", i < s->n_routes ? s->names[i] : "none"),
                         LOG_I("status", response->status), LOG_I("ms", us / 1000),
                         LOG_T("who", request->identity[0] != '\0' ? request->identity : ""),
                         LOG_T("peer", request->peer),
                         LOG_T("id", request->id != NULL ? request->id : "")));
}

/* Lines of requests are written once for each turn of the loop. */
static void keep_line(void *ctx, const char *line, size_t n)
{
    buf_add(ctx, line, n);
}

static void turn_done(void *ctx)
{
    struct service *s = ctx;

    if (s->lines.n > 0)
        s->log.writer.write(s->log.writer.ctx, (const char *)s->lines.p, s->lines.n);
    buf_clear(&s->lines);
}

static void standing(void *ctx, struct metrics_now *ret)
{
    struct service *s = ctx;
    struct http_load load;

    http_srv_load(s->srv, &load);
    *ret = (struct metrics_now){ .connections = load.connections,
                                 .queued = load.queued,
                                 .busy = load.busy,
                                 .started_s = (uint64_t)s->started_s };
}

/* ---- handlers ---- */

/* Reads that come together are answered from one view of the database, until rest(): it is made
 * after the first byte of each of them was here. */
static void answer(struct office *o, const struct http_request *request, struct http_response *ret)
{
    if (strcmp(request->method, "GET") == 0)
        (void)odb_together(o->db);
    else
        odb_apart(o->db);
    office_handle(o, request, ret);
}

static void handle(void *ctx, const struct http_request *request, struct http_response *ret)
{
    answer(((struct service *)ctx)->o, request, ret);
}

/* Another thread, and another connection to the database: long reads hold up nobody. */
static void handle_long(void *ctx, const struct http_request *request, struct http_response *ret)
{
    answer(((struct service *)ctx)->reader, request, ret);
}

static void rest(void *ctx, bool is_long)
{
    struct service *s = ctx;

    odb_apart((is_long ? s->reader : s->o)->db);
}

/* The plain listener gives the counts, and nothing else. */
static void handle_metrics(void *ctx, const struct http_request *request, struct http_response *ret)
{
    struct service *s = ctx;
    struct metrics_now now;

    if (strcmp(request->path, "/metrics") != 0 || strcmp(request->method, "GET") != 0) {
        ho_answer_error(ret, 404, "not_found", "there is GET /metrics here", NULL);
        return;
    }
    standing(s, &now);
    metrics_print(s->metrics, &now, &ret->body);
    ret->status = 200;
    ret->content_type = API_METRICS_TYPE;
}

/* ---- listening ---- */

bool service_split_address(const char *text, char *host, size_t cap, const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;

    if (n == 0 || colon[1] == '\0')
        return false;
    if (text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n == 0 || n >= cap)
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    *ret_port = colon + 1;
    return true;
}

enum face { FACE_STAFF, FACE_PUBLIC, FACE_METRICS };

/* The largest body that a route of this listener takes. */
static size_t body_max(bool is_mutual)
{
    size_t most = 64u << 10;

    for (size_t p = 0; p < api_n_parts; p++)
        for (size_t i = 0; i < api_parts[p]->n; i++) {
            const struct api_route *route = &api_parts[p]->routes[i];
            bool is_main = route->door == API_STAFF || route->door == API_DEVICE;

            if (is_main == is_mutual && route->body_max > most)
                most = route->body_max;
        }
    return most;
}

/* Listen on one address; the URL goes to ret. */
static int listen_on(struct service *s, enum face face, const char *address,
                     char ret[static HO_URL_MAX], struct gf_fail *why)
{
    char cert[4096], key[4096], ca[4096], host[64], at[HTTP_ADDRESS_MAX];
    bool is_plain = face == FACE_METRICS;
    struct http_listen how = {
        .host = host,
        .cert_file = is_plain ? NULL : cert,
        .key_file = key,
        .ca_file = face == FACE_STAFF ? ca : NULL,
        .body_max = is_plain ? 0 : body_max(face == FACE_STAFF),
        .timeout_s = TIMEOUT_S,
        .request_s = REQUEST_S,
        .lifetime_s = face == FACE_STAFF ? LIFETIME_S : LIFETIME_PUBLIC_S,
        .handshake_s = HANDSHAKE_S,
        .connections_max = CONNECTIONS_MAX,
        .address_max = ADDRESS_MAX,
        .handler = { .ctx = s,
                     .handle = handle,
                     .handle_long = handle_long,
                     .rest = rest,
                     .admit = admit,
                     .done = done,
                     .turn_done = turn_done },
    };

    if (is_plain)
        how.handler = (struct http_handler){ .ctx = s, .handle = handle_metrics };
    if (!service_split_address(address, host, sizeof host, &how.port))
        return gf_fail(why, GF_E_USAGE, "an address is HOST:PORT, not", address);
    if (ho_path(s->options->dir, HO_SERVER_PEM, cert, sizeof cert) != 0
        || ho_path(s->options->dir, HO_SERVER_KEY, key, sizeof key) != 0
        || ho_path(s->options->dir, HO_CA_PEM, ca, sizeof ca) != 0)
        return gf_fail(why, GF_E_SPACE, "folder", s->options->dir);

    int r = http_srv_listen(s->srv, &how, at, why);
    if (r == 0)
        (void)snprintf(ret, HO_URL_MAX, "%s://%s", is_plain ? "http" : "https", at);
    return r;
}

static int serve(struct service *s, struct gf_fail *why)
{
    const struct service_options *options = s->options;
    char url[HO_URL_MAX], public_url[HO_URL_MAX], metrics_url[HO_URL_MAX] = "";
    int r = listen_on(s, FACE_STAFF, options->listen, url, why);

    if (r == 0)
        r = listen_on(s, FACE_PUBLIC, options->public_listen, public_url, why);
    if (r == 0 && options->metrics_listen != NULL)
        r = listen_on(s, FACE_METRICS, options->metrics_listen, metrics_url, why);
    if (r == 0
        && (!office_set_url(s->o, options->url != NULL ? options->url : url)
            || !office_set_public_url(s->o, public_url)))
        r = gf_fail(why, GF_E_SPACE, "url", "at most 255 bytes");
    if (r != 0)
        return r;
    log_event(&s->log, LOG_INFO, "ready",
              LOG_VALUES(LOG_T("url", url), LOG_T("public", public_url)));
    options->ready(options->ctx, url, public_url, metrics_url);
    r = http_srv_run(s->srv);
    turn_done(s);
    log_event(&s->log, r == HTTP_SRV_CUT ? LOG_WARNING : LOG_INFO, "stopped",
              LOG_VALUES(LOG_I("cut_off", r == HTTP_SRV_CUT)));
    if (r == HTTP_SRV_CUT) /* its transaction is undone: the database takes any end for that */
        _exit(0);
    return r;
}

int service_run(struct office *o, const struct service_options *options, struct gf_fail *why)
{
    struct service *s = calloc(1, sizeof *s);
    int r = 0;

    if (s == NULL)
        return gf_fail(why, GF_E_MEMORY, "serve", "");
    s->o = o;
    s->options = options;
    s->log = (struct log){ o->ports.clock, options->log };
    s->turn_log = (struct log){ o->ports.clock, { &s->lines, keep_line } };
    s->started_s = ho_now_ms(o) / 1000;
    odb_set_wait(o->db, LOCK_WAIT_MS);
    set_rules(s);
    list_routes(s);
    if (options->threads > 1)
        r = office_open_beside(o, options->dir, &s->reader, why);
    s->srv = http_srv_new(options->threads > 1 ? 3 : 1);
    s->rate = rate_new();
    s->metrics = metrics_new(s->names, s->n_routes);
    if (r == 0 && (s->srv == NULL || s->rate == NULL || s->metrics == NULL))
        r = gf_fail(why, GF_E_MEMORY, "serve", "");
    o->watch = (struct ho_watch){ s->metrics, &s->log, s, standing };
    if (s->reader != NULL)
        s->reader->watch = o->watch;
    if (r == 0)
        r = serve(s, why);
    s->srv = http_srv_free(s->srv); /* the worker ends: the office is this thread's again */
    rest(s, false);
    o->watch = (struct ho_watch){ 0 };
    (void)office_close(s->reader);
    buf_free(&s->lines);
    (void)rate_free(s->rate);
    (void)metrics_free(s->metrics);
    free(s);
    return r;
}
