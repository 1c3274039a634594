/* http_conn.c - connections: how many, from where, how long; see http_in.h.
 *
 * While a request is with a worker its connection may end: evhttp then leaves the request without a
 * connection, and still wants to be given the answer.
 */
#include "backend/http_in.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>

#include "backend/http_listen.h"

static int connection_index = -1; /* OpenSSL's number for it; made once */

void http_answered(struct http_srv *s)
{
    s->under_way--;
    if (s->is_stopping && s->under_way == 0)
        (void)event_base_loopbreak(s->base);
}

/* OpenSSL frees a connection: there is room for another. */
static void connection_ended(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                             void *argp)
{
    struct http_connection *c = ptr;

    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    if (c == NULL)
        return;
    c->listener->connections--;
    (void)atomic_fetch_sub(&c->srv->connections, 1);
    if (c->listener->accepting != NULL && !c->srv->is_stopping)
        (void)evconnlistener_enable(c->listener->accepting); /* fails only for a closed socket */
    if (c->is_writing)
        http_answered(c->srv);
    if (c->lifetime != NULL)
        event_free(c->lifetime);
    if (c->request != NULL)
        event_free(c->request);
    if (c->begun != NULL)
        event_free(c->begun);
    *c->at = c->next;
    if (c->next != NULL)
        c->next->at = c->at;
    free(c);
}

/* A connection is as old as one may get, or its request takes too long to come: evhttp sees its
 * end, and cleans up. */
static void time_over(evutil_socket_t fd, short events, void *arg)
{
    struct http_connection *c = arg;

    (void)fd, (void)events;
    (void)shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
}

void http_time_request(struct http_connection *c)
{
    const struct timeval limit = { .tv_sec = c->listener->request_s };

    if (c->listener->request_s > 0 && evtimer_pending(c->request, NULL) == 0)
        (void)evtimer_add(c->request, &limit);
}

/* The first byte of a request starts its time. */
static void on_bytes(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_connection *c = arg;

    (void)in;
    if (info->n_added > 0 && !c->is_busy)
        http_time_request(c);
}

/* True when this connection is one too many from its group of addresses. Devices that have shown
 * their certificate do not count. */
static bool is_one_too_many(struct http_connection *c)
{
    const struct http_listener *l = c->listener;
    unsigned same = 0;

    if (!http_group_of(bufferevent_getfd(c->bev), c->group))
        return true; /* it is gone */
    for (const struct http_connection *other = l->first; other != NULL; other = other->next)
        same += strcmp(other->group, c->group) == 0
                && !(l->is_mutual
                     && SSL_is_init_finished(bufferevent_openssl_get_ssl(other->bev)) == 1);
    return l->address_max > 0 && same > l->address_max;
}

/* Right after a connection was accepted, when its address can be asked for; and again when its
 * handshake has to be over. */
static void on_begun(evutil_socket_t fd, short events, void *arg)
{
    struct http_connection *c = arg;
    const struct timeval limit = { .tv_sec = c->listener->handshake_s };
    bool is_first = !c->is_known;

    c->is_known = true;
    if (is_first ? is_one_too_many(c)
                 : SSL_is_init_finished(bufferevent_openssl_get_ssl(c->bev)) == 0) {
        c->group[0] = '\0';
        time_over(fd, events, c);
    } else if (is_first && limit.tv_sec > 0) {
        (void)evtimer_add(c->begun, &limit);
    }
}

struct bufferevent *http_new_connection(struct event_base *base, void *arg)
{
    struct http_listener *l = arg;
    const struct timeval lifetime = { .tv_sec = l->lifetime_s };
    struct http_connection *c = calloc(1, sizeof *c);
    SSL *ssl = c != NULL ? SSL_new(l->tls) : NULL;

    if (ssl == NULL || SSL_set_ex_data(ssl, connection_index, c) != 1) {
        SSL_free(ssl);
        free(c);
        return NULL;
    }
    c->srv = l->srv;
    c->listener = l;
    c->at = &l->first;
    if ((c->next = l->first) != NULL)
        c->next->at = &c->next;
    l->first = c;
    (void)atomic_fetch_add(&l->srv->connections, 1);
    if (++l->connections >= l->connections_max)
        (void)evconnlistener_disable(l->accepting);
    c->lifetime = evtimer_new(base, time_over, c);
    c->request = evtimer_new(base, time_over, c);
    c->begun = evtimer_new(base, on_begun, c);
    c->bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                            BEV_OPT_CLOSE_ON_FREE);
    if (c->bev == NULL || c->lifetime == NULL || c->request == NULL || c->begun == NULL
        || evbuffer_add_cb(bufferevent_get_input(c->bev), on_bytes, c) == NULL) {
        if (c->bev != NULL)
            bufferevent_free(c->bev);
        else
            SSL_free(ssl);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1); /* HTTP tells where a message ends */
    (void)evtimer_add(c->lifetime, &lifetime);
    event_active(c->begun, EV_TIMEOUT, 0); /* it has its socket then */
    http_time_request(c); /* the handshake counts */
    return c->bev;
}

static SSL *ssl_of(struct evhttp_request *req)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(req);

    return connection != NULL
               ? bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(connection))
               : NULL;
}

struct http_connection *http_connection_of(struct evhttp_request *req)
{
    SSL *ssl = ssl_of(req);

    return ssl != NULL ? SSL_get_ex_data(ssl, connection_index) : NULL;
}

bool http_connections_begin(void)
{
    if (connection_index < 0)
        connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, connection_ended);
    return connection_index >= 0;
}
