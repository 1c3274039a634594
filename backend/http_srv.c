/* http_srv.c - HTTPS over libevent's evhttp and bufferevent_openssl; see http_srv.h.
 *
 * Traps: evhttp leaves Nagle on, and small answers over TLS then wait for delayed acknowledgements,
 * so TCP_NODELAY is set on the listening socket, from which Linux hands it down. When evhttp gets
 * no bufferevent from us it makes a plain one: a connection without TLS is therefore refused where
 * requests arrive, not only here.
 */
#include "backend/http_srv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/text.h"

#define HEADERS_MAX (16 * 1024)
#define LISTENERS_MAX 4
#define BACKLOG 128

struct listener {
    struct http_srv *srv;
    struct evhttp *http;
    struct evconnlistener *accepting;
    SSL_CTX *tls;
    bool is_mutual;
    size_t body_max;
    int lifetime_s;
    unsigned connections, connections_max;
    struct http_handler handler;
};

struct http_srv {
    struct event_base *base;
    struct event *on_term, *on_int;
    size_t n;
    struct listener listeners[LISTENERS_MAX];
};

/* ---- connections ---- */

/* One connection; OpenSSL keeps it with the connection's SSL, and has it freed with that. */
struct connection {
    struct listener *listener;
    struct bufferevent *bev;
    struct event *lifetime;
};

static int connection_index = -1; /* OpenSSL's number for it; made once */

/* OpenSSL frees a connection: there is room for another. */
static void connection_ended(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                             void *argp)
{
    struct connection *c = ptr;

    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    if (c == NULL)
        return;
    c->listener->connections--;
    if (c->listener->accepting != NULL)
        (void)evconnlistener_enable(c->listener->accepting); /* fails only for a closed socket */
    if (c->lifetime != NULL)
        event_free(c->lifetime);
    free(c);
}

/* A connection is as old as one may get: evhttp sees its end, and cleans up. */
static void lifetime_over(evutil_socket_t fd, short events, void *arg)
{
    struct connection *c = arg;

    (void)fd, (void)events;
    (void)shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
}

/* A connection was accepted. */
static struct bufferevent *new_connection(struct event_base *base, void *arg)
{
    struct listener *l = arg;
    const struct timeval lifetime = { .tv_sec = l->lifetime_s };
    struct connection *c = calloc(1, sizeof *c);
    SSL *ssl = c != NULL ? SSL_new(l->tls) : NULL;

    if (ssl == NULL || SSL_set_ex_data(ssl, connection_index, c) != 1) {
        SSL_free(ssl);
        free(c);
        return NULL;
    }
    c->listener = l;
    if (++l->connections >= l->connections_max)
        (void)evconnlistener_disable(l->accepting);
    c->bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                            BEV_OPT_CLOSE_ON_FREE);
    if (c->bev == NULL) {
        SSL_free(ssl);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1); /* HTTP tells where a message ends */
    c->lifetime = evtimer_new(base, lifetime_over, c);
    if (c->lifetime != NULL)
        (void)evtimer_add(c->lifetime, &lifetime);
    return c->bev;
}

/* ---- requests ---- */

/* The common name of the verified peer; "" when there is none or it does not fit. False: this is
 * not TLS. */
static bool find_identity(struct evhttp_request *req, char *ret, size_t cap)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    X509 *cert = ssl != NULL && SSL_get_verify_result(ssl) == X509_V_OK
                     ? SSL_get1_peer_certificate(ssl)
                     : NULL;
    int n = -1;

    ret[0] = '\0';
    if (cert != NULL)
        n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, ret, (int)cap);
    if (n < 0 || (size_t)n != strlen(ret) || (size_t)n + 1 >= cap)
        ret[0] = '\0';
    X509_free(cert);
    return ssl != NULL;
}

static const char *method_text(enum evhttp_cmd_type method)
{
    return method == EVHTTP_REQ_POST ? "POST" : method == EVHTTP_REQ_GET ? "GET" : "-";
}

/* A header that may stand once at most: its value, "" when it is missing, NULL when it stands
 * twice. */
static const char *single_header(struct evhttp_request *req, const char *name)
{
    const char *value = "";
    struct evkeyval *h;

    TAILQ_FOREACH(h, evhttp_request_get_input_headers(req), next)
    {
        if (strcasecmp(h->key, name) != 0)
            continue;
        if (value[0] != '\0')
            return NULL;
        value = h->value;
    }
    return value;
}

/* Two lengths, or a length and a transfer coding, are how requests are smuggled (RFC 9112
 * section 6.3). */
static bool is_ambiguous(struct evhttp_request *req)
{
    const char *length = single_header(req, "Content-Length"),
               *coding = single_header(req, "Transfer-Encoding");

    return length == NULL || coding == NULL || (length[0] != '\0' && coding[0] != '\0')
           || single_header(req, "Content-Type") == NULL;
}

static void answer(struct evhttp_request *req, const struct http_response *response)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *body = evbuffer_new();

    if (body == NULL || evbuffer_add(body, response->body.p, response->body.n) != 0
        || evhttp_add_header(headers, "Content-Type", response->content_type) != 0
        || evhttp_add_header(headers, "Cache-Control", "no-store") != 0)
        evhttp_send_error(req, 500, NULL);
    else
        evhttp_send_reply(req, response->status, NULL, body);
    if (body != NULL)
        evbuffer_free(body);
}

static void refuse(struct evhttp_request *req, int status, const char *error, const char *message)
{
    struct http_response response = { .status = status, .content_type = "application/json" };

    buf_print(&response.body, "{\"error\":\"%s\",\"message\":\"%s\"}", error, message);
    (void)evhttp_add_header(evhttp_request_get_output_headers(req), "Connection", "close");
    answer(req, &response);
    buf_free(&response.body);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct listener *l = arg;
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t n = evbuffer_get_length(in);
    char identity[64], type[64], *peer = NULL;
    ev_uint16_t port;
    bool is_tls = find_identity(req, identity, sizeof identity);

    if (!is_tls || (l->is_mutual && identity[0] == '\0')) {
        refuse(req, 403, "certificate", "a client certificate of this head office is needed");
        return;
    }
    if (n > l->body_max) {
        refuse(req, 413, "too_large",
               "the request is larger than head office takes; send less at once");
        return;
    }
    if (is_ambiguous(req)) {
        refuse(req, 400, "format", "a header stands twice, or contradicts another");
        return;
    }

    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = evhttp_uri_get_path(uri);
    (void)gf_copy(type, sizeof type, single_header(req, "Content-Type"));
    type[strcspn(type, "; ")] = '\0';
    evhttp_connection_get_peer(evhttp_request_get_connection(req), &peer, &port);

    struct http_request request = {
        .method = method_text(evhttp_request_get_command(req)),
        .path = path != NULL ? path : "",
        .content_type = type,
        .peer = peer != NULL ? peer : "",
        .identity = identity,
        .is_mutual = l->is_mutual,
        .body = { n > 0 ? evbuffer_pullup(in, -1) : (const uint8_t *)"", n },
    };
    struct http_response response = { 0 };
    if (request.body.p == NULL) {
        refuse(req, 503, "MEMORY", "head office cannot answer now; try later");
        return;
    }
    l->handler.handle(l->handler.ctx, &request, &response);
    answer(req, &response);
    buf_free(&response.body);
}

/* ---- listening ---- */

static int tls_fail(struct gf_fail *why, const char *file)
{
    char detail[sizeof why->detail];

    (void)snprintf(detail, sizeof detail, "%s: %s", file,
                   ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    return gf_fail(why, GF_E_FILE, "certificate", detail);
}

static int make_tls(const struct http_listen *how, SSL_CTX **ret, struct gf_fail *why)
{
    static const unsigned char session[] = "gasoffice";
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    const char *bad = NULL;

    if (tls == NULL)
        return gf_fail(why, GF_E_MEMORY, "TLS", "");
    (void)SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    (void)SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_num_tickets(
        tls, 0); /* each connection proves itself; they are kept alive anyway */
    (void)SSL_CTX_set_session_id_context(tls, session, sizeof session - 1);
    if (SSL_CTX_use_certificate_chain_file(tls, how->cert_file) != 1)
        bad = how->cert_file;
    else if (SSL_CTX_use_PrivateKey_file(tls, how->key_file, SSL_FILETYPE_PEM) != 1
             || SSL_CTX_check_private_key(tls) != 1)
        bad = how->key_file;
    else if (how->ca_file != NULL) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(how->ca_file);

        SSL_CTX_set_client_CA_list(tls, names);
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_verify_depth(tls, 1);
        if (names == NULL || SSL_CTX_load_verify_file(tls, how->ca_file) != 1)
            bad = how->ca_file;
    }
    if (bad != NULL) {
        int r = tls_fail(why, bad);

        SSL_CTX_free(tls);
        return r;
    }
    *ret = tls;
    return 0;
}

static int open_socket(const struct http_listen *how, int *ret_fd, struct gf_fail *why)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV },
                    *found = NULL;
    const int on = 1;
    char where[96];

    (void)snprintf(where, sizeof where, "%.60s port %.20s", how->host, how->port);
    if (getaddrinfo(how->host, how->port, &hints, &found) != 0)
        return gf_fail(why, GF_E_FORMAT, "listen", where);

    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
              && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0
              && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    freeaddrinfo(found);
    if (ok) {
        *ret_fd = fd;
        return 0;
    }
    char detail[160];
    (void)snprintf(detail, sizeof detail, "%s: %s", where, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return gf_fail(why, GF_E_NOT_NOW, "listen", detail);
}

static bool address_of(int fd, char ret[static HTTP_ADDRESS_MAX])
{
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    char host[48], port[8];

    if (getsockname(fd, (struct sockaddr *)&at, &n) != 0
        || getnameinfo((const struct sockaddr *)&at, n, host, sizeof host, port, sizeof port,
                       NI_NUMERICHOST | NI_NUMERICSERV)
               != 0)
        return false;
    (void)snprintf(ret, HTTP_ADDRESS_MAX, at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                   port);
    return true;
}

static void close_listener(struct listener *l)
{
    l->accepting = NULL;
    if (l->http != NULL)
        evhttp_free(l->http);
    SSL_CTX_free(l->tls);
    *l = (struct listener){ 0 };
}

int http_srv_listen(struct http_srv *s, const struct http_listen *how,
                    char ret[static HTTP_ADDRESS_MAX], struct gf_fail *why)
{
    struct listener *l = &s->listeners[s->n];
    int fd = -1;

    if (s->n == LISTENERS_MAX)
        return gf_fail(why, GF_E_BUG, "listen", "too many listeners");
    *l = (struct listener){ .srv = s,
                            .is_mutual = how->ca_file != NULL,
                            .body_max = how->body_max,
                            .connections_max = how->connections_max,
                            .lifetime_s = how->lifetime_s,
                            .handler = how->handler };

    int r = make_tls(how, &l->tls, why);
    if (r == 0)
        r = open_socket(how, &fd, why);
    if (r != 0) {
        close_listener(l);
        return r;
    }
    struct evhttp_bound_socket *bound = NULL;
    l->http = evhttp_new(s->base);
    if (l->http != NULL && address_of(fd, ret))
        bound = evhttp_accept_socket_with_handle(l->http, fd);
    if (bound == NULL) {
        (void)close(fd);
        close_listener(l);
        return gf_fail(why, GF_E_MEMORY, "listen", "");
    }
    l->accepting = evhttp_bound_socket_get_listener(bound);
    evhttp_set_bevcb(l->http, new_connection, l);
    evhttp_set_gencb(l->http, on_request, l);
    evhttp_set_allowed_methods(l->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
    evhttp_set_max_headers_size(l->http, HEADERS_MAX);
    evhttp_set_max_body_size(l->http, (ev_ssize_t)how->body_max
                                          + 1); /* so that one too many gets our words */
    evhttp_set_timeout(l->http, how->timeout_s);
    s->n++;
    return 0;
}

/* ---- the server ---- */

static void on_signal(evutil_socket_t sig, short events, void *arg)
{
    (void)sig, (void)events;
    http_srv_stop(arg);
}

struct http_srv *http_srv_new(void)
{
    struct http_srv *s = calloc(1, sizeof *s);

    if (connection_index < 0)
        connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, connection_ended);
    if (s == NULL || connection_index < 0 || (s->base = event_base_new()) == NULL)
        return http_srv_free(s);
    s->on_term = evsignal_new(s->base, SIGTERM, on_signal, s);
    s->on_int = evsignal_new(s->base, SIGINT, on_signal, s);
    if (s->on_term == NULL || s->on_int == NULL || evsignal_add(s->on_term, NULL) != 0
        || evsignal_add(s->on_int, NULL) != 0)
        return http_srv_free(s);
    (void)signal(SIGPIPE, SIG_IGN); /* a client that goes away is no reason to end */
    return s;
}

struct http_srv *http_srv_free(struct http_srv *s)
{
    if (s == NULL)
        return NULL;
    while (s->n > 0)
        close_listener(&s->listeners[--s->n]);
    if (s->on_term != NULL)
        event_free(s->on_term);
    if (s->on_int != NULL)
        event_free(s->on_int);
    if (s->base != NULL)
        event_base_free(s->base);
    free(s);
    return NULL;
}

int http_srv_run(struct http_srv *s)
{
    return event_base_dispatch(s->base) < 0 ? GF_E_BUG : 0;
}

void http_srv_stop(struct http_srv *s)
{
    (void)event_base_loopbreak(s->base);
}
