/* http_in.h - what the parts of the server share; not for anybody else. */
#ifndef GF_HTTP_IN_H
#define GF_HTTP_IN_H

#include <stdatomic.h>

#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>

#include "backend/address.h"
#include "backend/http_srv.h"
#include "backend/http_work.h"

#define HTTP_LISTENERS_MAX 4
#define HTTP_WORKERS 2 /* the second has the long requests */

struct http_listener {
    struct http_srv *srv;
    struct evhttp *http;
    struct event *turn; /* runs handler.turn_done at the end of the loop's turn */
    struct evconnlistener *accepting;
    SSL_CTX *tls; /* NULL: plain */
    bool is_mutual;
    size_t body_max;
    int lifetime_s, request_s, handshake_s;
    unsigned connections, connections_max, address_max;
    struct http_connection *first; /* all of them */
    struct http_handler handler;
};

struct http_srv {
    struct event_base *base;
    struct event *on_term, *on_int, *too_long, *on_done[HTTP_WORKERS];
    struct http_work *workers[HTTP_WORKERS]; /* NULL: the loop's thread; for long ones: the first */
    bool is_stopping;
    unsigned under_way; /* requests that came and whose answers have not left */
    uint64_t requests;  /* so far: their ids */
    int64_t started_us;
    int64_t date_s; /* the second that `date` says, as the header Date wants it */
    char date[40];
    struct http_job *spare; /* to be used again */
    unsigned n_spare;
    struct event *wake; /* tells the workers at the end of the loop's turn */
    atomic_uint connections;
    atomic_ullong busy;
    size_t n;
    struct http_listener listeners[HTTP_LISTENERS_MAX];
};

/* One connection; OpenSSL keeps it with the connection's SSL, and has it freed with that. */
struct http_connection {
    struct http_srv *srv;
    struct http_listener *listener; /* cleared by the time that a late one ends: its place stays */
    struct http_connection *next, **at;
    struct bufferevent *bev;
    struct event *lifetime, *request, *begun;
    char identity[64];             /* of its certificate, once a request has come; "": none */
    char group[ADDRESS_GROUP_MAX]; /* of its address; "": not counted (yet, or any more) */
    bool is_known;   /* its address was looked at */
    bool is_busy;    /* a request of it is under way */
    bool is_writing; /* its answer is */
};

/* What evhttp makes connections with; arg: the listener. NULL when out of memory. */
struct bufferevent *http_new_connection(struct event_base *base, void *arg);
/* The connection of a request; NULL when it has ended, or has no TLS. */
struct http_connection *http_connection_of(struct evhttp_request *req);
/* Once, before the first connection. False: OpenSSL has no place for one. */
bool http_connections_begin(void);
/* A request is coming: it has its time from now on. */
void http_time_request(struct http_connection *c);
/* The last byte of an answer has left: a server that is stopping ends after the last. */
void http_answered(struct http_srv *s);

#endif
