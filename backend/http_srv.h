/* http_srv.h - an HTTPS server: TLS 1.3, HTTP/1.1, handlers; over libevent and OpenSSL.
 *
 * With a CA, a client without a certificate of that CA does not get past the handshake. Limits
 * stand before any byte of a request reaches a handler: headers 16 KiB, body as given; silence, the
 * time of a request from its first byte, and a connection's age are timed; connections are counted.
 *
 * TLS and HTTP are read and written on the thread that calls http_srv_run(). With two threads the
 * handlers run one after another on a worker of their own; requests wait for it in two bounded
 * queues, the slow ones (passwords) so that they get every fourth turn at most while others wait.
 * With three a second worker has the long ones (audits, reports), which hold up only each other. A
 * full queue is answered 503.
 */
#ifndef GF_HTTP_SRV_H
#define GF_HTTP_SRV_H

#include "backend/http_msg.h"
#include "common/err.h"

#define HTTP_ADDRESS_MAX 80

#define HTTP_LANES 2 /* queues of a worker */
enum http_lane { HTTP_QUICK, HTTP_SLOW, HTTP_LONG };

/* Who answers. `handle` may run on the worker; `admit` and `done` run on the loop's thread, before
 * a request is queued and when its answer is given to the connection. */
struct http_handler {
    void *ctx;
    /* Makes the answer to a request: ret->body is freed by the server. */
    void (*handle)(void *ctx, const struct http_request *request, struct http_response *ret);
    /* The same for those of the lane HTTP_LONG where there are three threads: at the same time as
     * `handle`. */
    void (*handle_long)(void *ctx, const struct http_request *request, struct http_response *ret);
    /* Those that came together are answered: on the thread of `handle`, or of `handle_long`. NULL:
     * nobody wants to know. */
    void (*rest)(void *ctx, bool is_long);
    /* May it come in, and by which lane? False: *ret is the answer. It may note the route in the
     * request. NULL: everything may. */
    bool (*admit)(void *ctx, struct http_request *request, enum http_lane *ret_lane,
                  struct http_response *ret);
    /* us: from its arrival to its answer. NULL: nobody wants to know. */
    void (*done)(void *ctx, const struct http_request *request,
                 const struct http_response *response, int64_t us);
    /* After all `done` of a turn of the loop, before any of their answers leaves. NULL: none. */
    void (*turn_done)(void *ctx);
};

/* A socket to listen on. Borrowed during the call. */
struct http_listen {
    const char *host;                 /* address or name: "127.0.0.1", "::1", "localhost" */
    const char *port;                 /* "0": any that is free */
    const char *cert_file, *key_file; /* PEM; the certificate's file may hold its chain. NULL: no
                                         TLS, and then only on a loopback address */
    const char
        *ca_file;    /* PEM: client certificates have to be issued by it; NULL: none is asked for */
    size_t body_max; /* bytes */
    int timeout_s;   /* silence after which a connection is closed */
    int request_s;   /* a request has to be here so long after its first byte, 0: no such limit */
    int lifetime_s;  /* age at which a connection is closed: no trickle holds it */
    int handshake_s;          /* its handshake is over so long after accepting, 0: no such limit */
    unsigned connections_max; /* more wait in the kernel's queue */
    unsigned address_max;     /* of these from one group of addresses (address.h), 0: no such limit:
                                 more are closed at once. Clients that have shown a certificate of
                                 ca_file do not count */
    struct http_handler handler;
};

struct http_srv;

/* A server that listens nowhere yet; threads: 1 to 3. From now on SIGTERM and SIGINT end
 * http_srv_run(). NULL when out of memory. */
struct http_srv *http_srv_new(unsigned threads);

/* Close everything. NULL is fine. Returns NULL. */
struct http_srv *http_srv_free(struct http_srv *s);

/* Listen; the real address and port go to ret as "127.0.0.1:4433" or "[::1]:4433". 0; GF_E_FILE (a
 * PEM file), GF_E_FORMAT (no such host or port, or no loopback without TLS), GF_E_NOT_NOW (the
 * address is in use), GF_E_MEMORY. */
int http_srv_listen(struct http_srv *s, const struct http_listen *how,
                    char ret[static HTTP_ADDRESS_MAX], struct gf_fail *why);

/* Serve until http_srv_stop(), SIGTERM or SIGINT (one that came before counts). 0; GF_E_BUG when
 * the loop cannot run; HTTP_SRV_CUT: a handler is still at work. http_srv_free() would wait for it:
 * the process had better end with _exit(). */
#define HTTP_SRV_CUT 1
int http_srv_run(struct http_srv *s);

/* End http_srv_run(): nobody more is let in, requests that are here are answered (10 s at most),
 * then it ends. The second time it ends at once. On the loop's thread: with one thread alone a
 * handler has to come to its end first. */
void http_srv_stop(struct http_srv *s);

/* How it stands; on any thread. */
struct http_load {
    unsigned connections, queued;
    uint64_t busy; /* answered 503 for a full queue, since the start */
};
void http_srv_load(const struct http_srv *s, struct http_load *ret);

#endif
