/* http_srv.c - HTTPS over libevent's evhttp and bufferevent_openssl; see http_srv.h.
 *
 * Traps: evhttp leaves Nagle on, and small answers over TLS then wait for delayed acknowledgements,
 * so TCP_NODELAY is set on the listening socket, from which Linux hands it down. When evhttp gets
 * no bufferevent from us it makes a plain one: a connection without TLS is therefore refused where
 * requests arrive, not only here.
 */
#include "backend/http_srv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/bufferevent_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "backend/http_in.h"
#include "backend/http_listen.h"
#include "backend/http_read.h"
#include "common/text.h"

#define HEADERS_MAX (16 * 1024)
#define RECORD_MAX (16 * 1024) /* bytes of a record of TLS */
#define SPARE_MAX 32 /* jobs that are kept to be used again */
#define STOP_S 10 /* for what is under way when it is told to end */

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- requests ---- */

/* What evhttp would add by itself, printing each anew. */
static bool add_date(struct http_srv *s, struct evkeyvalq *headers)
{
    const int64_t now_s = (int64_t)time(NULL);

    if (now_s != s->date_s)
        (void)evutil_date_rfc1123(s->date, sizeof s->date, NULL);
    s->date_s = now_s;
    return evhttp_add_header(headers, "Date", s->date) == 0;
}

static bool add_length(struct evkeyvalq *headers, size_t n)
{
    char text[21];

    return evhttp_add_header(headers, "Content-Length", gf_dec((int64_t)n, text)) == 0;
}

static void answer(struct http_srv *s, struct evhttp_request *req, const char *id,
                   const struct http_response *response)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *body = evbuffer_new();
    char seconds[16];
    bool has_body = evhttp_request_get_command(req) != EVHTTP_REQ_HEAD;
    bool ok = body != NULL
              && evbuffer_add(body, response->body.p, has_body ? response->body.n : 0) == 0
              && add_date(s, headers) && (!has_body || add_length(headers, response->body.n))
              && evhttp_add_header(headers, "Content-Type", response->content_type) == 0
              && evhttp_add_header(headers, "Cache-Control", "no-store") == 0
              && evhttp_add_header(headers, "Request-Id", id) == 0;

    if (response->retry_after_s > 0) {
        (void)snprintf(seconds, sizeof seconds, "%d", response->retry_after_s);
        ok = ok && evhttp_add_header(headers, "Retry-After", seconds) == 0;
    }
    if (response->status == 401)
        ok =
            ok && evhttp_add_header(headers, "WWW-Authenticate", "Bearer realm=\"gasoffice\"") == 0;
    if (response->allow != NULL)
        ok = ok && evhttp_add_header(headers, "Allow", response->allow) == 0;
    if (s->is_stopping || response->status == 413)
        ok = ok && evhttp_add_header(headers, "Connection", "close") == 0;
    if (ok)
        evhttp_send_reply(req, response->status, NULL, body);
    else
        evhttp_send_error(req, 500, NULL);
    if (body != NULL)
        evbuffer_free(body);
}

static void make_refusal(struct http_response *ret, int status, const char *error,
                         const char *message)
{
    ret->status = status;
    ret->content_type = "application/json";
    buf_print(&ret->body, "{\"error\":\"%s\",\"message\":\"%s\"}", error, message);
}

static struct http_job *new_job(struct http_srv *s)
{
    struct http_job *job = s->spare;

    if (job != NULL) {
        s->spare = job->next;
        s->n_spare--;
    } else if ((job = malloc(sizeof *job)) == NULL) {
        return NULL;
    }
    memset(job, 0, offsetof(struct http_job, path));
    job->path[0] = job->query[0] = job->authorization[0] = job->signature[0] = '\0';
    return job;
}

static void free_job(struct http_srv *s, struct http_job *job)
{
    buf_free(&job->body);
    buf_free(&job->response.body);
    gf_wipe(job->authorization, sizeof job->authorization);
    if (s->n_spare == SPARE_MAX) {
        free(job);
        return;
    }
    job->next = s->spare;
    s->spare = job;
    s->n_spare++;
}

/* The answer has left. */
static void on_sent(struct evhttp_request *req, void *arg)
{
    struct http_connection *c = arg;

    (void)req;
    c->is_busy = c->is_writing = false;
    if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
        http_time_request(c);
    http_answered(c->srv);
}

/* Head and body in one record of TLS, and one call of the system, where they fit; at the end of
 * this turn: asking first whether the socket takes them costs two calls more, and another turn. */
static void send_now(struct bufferevent *bev)
{
    struct evbuffer *out = bufferevent_get_output(bev);

    if (evbuffer_get_length(out) <= RECORD_MAX)
        (void)evbuffer_pullup(out, -1);
    event_active(&bev->ev_write, EV_WRITE, 0);
}

/* A job is done: tell, and give its answer to the connection if that is still there. */
static void finish(struct http_srv *s, struct http_job *job)
{
    struct evhttp_request *req = job->owner;
    struct http_connection *c = http_connection_of(req);
    struct http_listener *l = job->listener;

    if (job->handler->done != NULL)
        job->handler->done(job->handler->ctx, &job->request, &job->response,
                           now_us() - job->began_us);
    if (c != NULL) {
        c->is_writing = true;
        evhttp_request_set_on_complete_cb(req, on_sent, c);
    }
    if (l->turn != NULL)
        event_active(l->turn, EV_TIMEOUT, 0);
    answer(s, req, job->id, &job->response);
    if (c != NULL)
        send_now(c->bev);
    if (c == NULL) /* it has ended, or is a plain one */
        http_answered(s);
    free_job(s, job);
}

/* Numbers in hexadecimal up to `end`; where the first digit is. */
static char *hex_before(char *end, uint64_t v)
{
    do
        *--end = "0123456789abcdef"[v & 15];
    while ((v >>= 4) > 0);
    return end;
}

/* When the server started, and which request since then: "655b1f-2a". */
static void write_id(struct http_srv *s, char ret[static 40])
{
    char text[40], *end = text + sizeof text - 1, *at;

    *end = '\0';
    at = hex_before(end, ++s->requests);
    *--at = '-';
    at = hex_before(at, (uint64_t)s->started_us);
    memcpy(ret, at, (size_t)(end - at) + 1);
}

static bool copy_texts(struct http_srv *s, struct evhttp_request *req, struct http_job *job)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL,
               *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
    char *peer = NULL;
    ev_uint16_t port;

    evhttp_connection_get_peer(evhttp_request_get_connection(req), &peer, &port);
    (void)gf_copy(job->method, sizeof job->method, http_method(evhttp_request_get_command(req)));
    (void)gf_copy(job->type, sizeof job->type, http_single_header(req, "Content-Type"));
    job->type[strcspn(job->type, "; ")] = '\0';
    (void)gf_copy(job->peer, sizeof job->peer, peer != NULL ? peer : "");
    write_id(s, job->id);
    return gf_copy(job->path, sizeof job->path, path != NULL ? path : "")
           && gf_copy(job->query, sizeof job->query, query != NULL ? query : "")
           && gf_copy(job->authorization, sizeof job->authorization,
                      http_single_header(req, "Authorization"))
           && gf_copy(job->signature, sizeof job->signature,
                      http_single_header(req, "Gasm-Signature"));
}

/* What came, as a job. False: job->response says why not. */
static bool read_request(struct http_listener *l, struct http_connection *c,
                         struct evhttp_request *req, struct http_job *job)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t n = evbuffer_get_length(in);
    struct http_response *ret = &job->response;
    const uint8_t *body = n > 0 ? evbuffer_pullup(in, -1) : (const uint8_t *)"";

    if (c != NULL && c->identity[0] == '\0')
        http_identity(bufferevent_openssl_get_ssl(c->bev), c->identity, sizeof c->identity);
    (void)gf_copy(job->identity, sizeof job->identity, c != NULL ? c->identity : "");
    if ((c == NULL) != (l->tls == NULL) || (l->is_mutual && job->identity[0] == '\0'))
        make_refusal(ret, 403, "certificate", "a client certificate of this head office is needed");
    else if (n > l->body_max)
        make_refusal(ret, 413, "too_large",
                     "the request is larger than head office takes; send less at once");
    else if (http_is_ambiguous(req))
        make_refusal(ret, 400, "format", "a header stands twice, or contradicts another");
    else if (!copy_texts(l->srv, req, job))
        make_refusal(ret, 414, "too_large", "the address or a header is too long");
    buf_add(&job->body, body, body != NULL ? n : 0);
    if (body == NULL || job->body.bad)
        make_refusal(ret, 503, "MEMORY", "head office cannot answer now; try later");
    job->request = (struct http_request){ .method = job->method,
                                          .path = job->path,
                                          .content_type = job->type,
                                          .peer = job->peer,
                                          .identity = job->identity,
                                          .query = job->query,
                                          .authorization = job->authorization,
                                          .signature = job->signature,
                                          .id = job->id,
                                          .is_mutual = l->is_mutual,
                                          .body = { job->body.p, job->body.n } };
    return ret->status == 0;
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct http_listener *l = arg;
    struct http_srv *s = l->srv;
    struct http_connection *c = http_connection_of(req);
    struct http_job *job = new_job(s);
    enum http_lane lane = HTTP_QUICK;

    if (job == NULL) {
        evhttp_send_error(req, 503, NULL);
        return;
    }
    job->owner = req;
    job->listener = l;
    job->handler = &l->handler;
    job->began_us = now_us();
    s->under_way++;
    if (c != NULL) {
        c->is_busy = true;
        (void)evtimer_del(c->request);
    }
    bool is_in = read_request(l, c, req, job)
                 && (l->handler.admit == NULL
                     || l->handler.admit(l->handler.ctx, &job->request, &lane, &job->response));
    job->is_long = lane == HTTP_LONG && s->workers[1] != NULL;
    if (is_in && s->workers[0] != NULL
        && http_work_put(s->workers[job->is_long], lane == HTTP_QUICK ? lane : HTTP_SLOW, job)) {
        event_active(s->wake, EV_TIMEOUT, 0);
        return; /* the answer comes by on_done() */
    }
    if (is_in && s->workers[0] != NULL) {
        (void)atomic_fetch_add(&s->busy, 1);
        job->response.retry_after_s = 1;
        make_refusal(&job->response, 503, "busy", "head office has too much to do; try later");
    } else if (is_in) {
        l->handler.handle(l->handler.ctx, &job->request, &job->response);
    }
    finish(s, job);
}

/* A worker is done with some. */
static void on_done(evutil_socket_t fd, short events, void *arg)
{
    struct http_srv *s = arg;
    uint64_t n;

    (void)events;
    (void)!read(fd, &n, sizeof n); /* only resets it */
    for (size_t i = 0; i < HTTP_WORKERS; i++) {
        struct http_job *job = s->workers[i] != NULL ? http_work_take(s->workers[i]) : NULL;

        while (job != NULL) {
            struct http_job *next = job->next;

            finish(s, job);
            job = next;
        }
    }
}

/* The end of a turn in which requests were queued. */
static void on_wake(evutil_socket_t fd, short events, void *arg)
{
    struct http_srv *s = arg;

    (void)fd, (void)events;
    for (size_t i = 0; i < HTTP_WORKERS; i++)
        if (s->workers[i] != NULL)
            http_work_wake(s->workers[i]);
}

/* ---- listening ---- */

static void close_listener(struct http_listener *l)
{
    l->accepting = NULL;
    if (l->turn != NULL)
        event_free(l->turn);
    if (l->http != NULL)
        evhttp_free(l->http);
    SSL_CTX_free(l->tls);
    *l = (struct http_listener){ 0 };
}

static void on_turn(evutil_socket_t fd, short events, void *arg)
{
    const struct http_listener *l = arg;

    (void)fd, (void)events;
    l->handler.turn_done(l->handler.ctx);
    if (l->srv->workers[0] == NULL && l->handler.rest != NULL)
        l->handler.rest(l->handler.ctx, false);
}

static void set_up(struct http_listener *l, const struct http_listen *how)
{
    if (l->tls != NULL)
        evhttp_set_bevcb(l->http, http_new_connection, l);
    evhttp_set_gencb(l->http, on_request, l);
    evhttp_set_allowed_methods(l->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD
                                            | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE
                                            | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_max_headers_size(l->http, HEADERS_MAX);
    evhttp_set_max_body_size(l->http, (ev_ssize_t)how->body_max
                                          + 1); /* so that one too many gets our words */
    evhttp_set_timeout(l->http, how->timeout_s);
}

int http_srv_listen(struct http_srv *s, const struct http_listen *how,
                    char ret[static HTTP_ADDRESS_MAX], struct gf_fail *why)
{
    struct http_listener *l = &s->listeners[s->n];
    int fd = -1, r = 0;

    if (s->n == HTTP_LISTENERS_MAX)
        return gf_fail(why, GF_E_BUG, "listen", "too many listeners");
    *l = (struct http_listener){ .srv = s,
                            .is_mutual = how->ca_file != NULL,
                            .body_max = how->body_max,
                            .connections_max = how->connections_max,
                            .lifetime_s = how->lifetime_s,
                            .request_s = how->request_s,
                            .handshake_s = how->handshake_s,
                            .address_max = how->address_max,
                            .handler = how->handler };
    if (how->cert_file != NULL)
        r = http_make_tls(how, &l->tls, why);
    if (r == 0)
        r = http_open_socket(how, &fd, why);
    if (r != 0) {
        close_listener(l);
        return r;
    }
    struct evhttp_bound_socket *bound = NULL;
    l->http = evhttp_new(s->base);
    if (l->handler.turn_done != NULL)
        l->turn = evtimer_new(s->base, on_turn, l);
    if (l->http != NULL && (l->turn != NULL || l->handler.turn_done == NULL)
        && http_address_of(fd, ret))
        bound = evhttp_accept_socket_with_handle(l->http, fd);
    if (bound == NULL) {
        (void)close(fd);
        close_listener(l);
        return gf_fail(why, GF_E_MEMORY, "listen", "");
    }
    l->accepting = evhttp_bound_socket_get_listener(bound);
    set_up(l, how);
    s->n++;
    return 0;
}

/* ---- the server ---- */

static void on_signal(evutil_socket_t sig, short events, void *arg)
{
    (void)sig, (void)events;
    http_srv_stop(arg);
}

static void on_too_long(evutil_socket_t fd, short events, void *arg)
{
    (void)fd, (void)events;
    (void)event_base_loopbreak(((struct http_srv *)arg)->base);
}

static bool start_worker(struct http_srv *s, size_t i)
{
    s->workers[i] = http_work_new();
    if (s->workers[i] != NULL)
        s->on_done[i] =
            event_new(s->base, http_work_fd(s->workers[i]), EV_READ | EV_PERSIST, on_done, s);
    return s->on_done[i] != NULL && event_add(s->on_done[i], NULL) == 0;
}

struct http_srv *http_srv_new(unsigned threads)
{
    struct http_srv *s = calloc(1, sizeof *s);

    if (s == NULL || !http_connections_begin() || (s->base = http_make_base()) == NULL)
        return http_srv_free(s);
    s->started_us = now_us();
    s->on_term = evsignal_new(s->base, SIGTERM, on_signal, s);
    s->on_int = evsignal_new(s->base, SIGINT, on_signal, s);
    s->too_long = evtimer_new(s->base, on_too_long, s);
    s->wake = evtimer_new(s->base, on_wake, s);
    if (s->on_term == NULL || s->on_int == NULL || s->too_long == NULL || s->wake == NULL
        || evsignal_add(s->on_term, NULL) != 0 || evsignal_add(s->on_int, NULL) != 0
        || (threads > 1 && !start_worker(s, 0)) || (threads > 2 && !start_worker(s, 1)))
        return http_srv_free(s);
    (void)signal(SIGPIPE, SIG_IGN); /* a client that goes away is no reason to end */
    return s;
}

/* A job that nobody will be told of. evhttp frees a request with its connection, but not one whose
 * connection has ended. */
static void drop_job(struct http_job *job)
{
    struct evhttp_request *req = job->owner;

    if (evhttp_request_get_connection(req) == NULL)
        evhttp_request_free(req);
    free_job(((struct http_listener *)job->listener)->srv, job);
}

struct http_srv *http_srv_free(struct http_srv *s)
{
    if (s == NULL)
        return NULL;

    struct event *const events[] = { s->on_term, s->on_int,     s->too_long,
                                     s->wake,    s->on_done[0], s->on_done[1] };
    for (size_t i = 0; i < HTTP_WORKERS; i++)
        s->workers[i] = http_work_free(s->workers[i], drop_job);
    while (s->n > 0)
        close_listener(&s->listeners[--s->n]);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (s->base != NULL)
        event_base_free(s->base);
    for (struct http_job *job; (job = s->spare) != NULL; free(job))
        s->spare = job->next;
    free(s);
    return NULL;
}

int http_srv_run(struct http_srv *s)
{
    if (event_base_dispatch(s->base) < 0)
        return GF_E_BUG;

    bool is_cut = false;
    for (size_t i = 0; i < HTTP_WORKERS; i++)
        is_cut = (s->workers[i] != NULL && !http_work_end(s->workers[i])) || is_cut;
    return is_cut ? HTTP_SRV_CUT : 0;
}

void http_srv_stop(struct http_srv *s)
{
    const struct timeval limit = { .tv_sec = STOP_S };

    for (size_t i = 0; i < s->n && !s->is_stopping; i++)
        (void)evconnlistener_disable(s->listeners[i].accepting);
    if (s->is_stopping || s->under_way == 0)
        (void)event_base_loopbreak(s->base);
    else
        (void)evtimer_add(s->too_long, &limit);
    s->is_stopping = true;
}

void http_srv_load(const struct http_srv *s, struct http_load *ret)
{
    *ret = (struct http_load){ .connections = atomic_load(&s->connections),
                               .busy = atomic_load(&s->busy) };
    for (size_t i = 0; i < HTTP_WORKERS; i++)
        if (s->workers[i] != NULL)
            ret->queued += http_work_queued(s->workers[i]);
}
