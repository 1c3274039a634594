/* http_srv.h - an HTTPS server: TLS 1.3, HTTP/1.1, one handler; over libevent and OpenSSL.
 *
 * With a CA, a client without a certificate of that CA does not get past the handshake. Limits
 * stand before any byte of a request reaches the handler: headers 16 KiB, body as given, silence
 * and whole request timed, connections counted. One thread; everything happens inside
 * http_srv_run().
 */
#ifndef GF_HTTP_SRV_H
#define GF_HTTP_SRV_H

#include "backend/http_msg.h"
#include "common/err.h"

#define HTTP_ADDRESS_MAX 80

/* Makes the answer to a request: ret->body is freed by the server. */
struct http_handler {
    void *ctx;
    void (*handle)(void *ctx, const struct http_request *request, struct http_response *ret);
};

/* A socket to listen on. Borrowed during the call. */
struct http_listen {
    const char *host;                 /* address or name: "127.0.0.1", "::1", "localhost" */
    const char *port;                 /* "0": any that is free */
    const char *cert_file, *key_file; /* PEM; the certificate's file may hold its chain */
    const char
        *ca_file;    /* PEM: client certificates have to be issued by it; NULL: none is asked for */
    size_t body_max; /* bytes */
    int timeout_s;   /* silence after which a connection is closed */
    int lifetime_s;  /* age at which it is closed whatever it does: no trickle holds it */
    unsigned connections_max; /* more wait in the kernel's queue */
    struct http_handler handler;
};

struct http_srv;

/* A server that listens nowhere yet; from now on SIGTERM and SIGINT end http_srv_run(). NULL when
 * out of memory. */
struct http_srv *http_srv_new(void);

/* Close everything. NULL is fine. Returns NULL. */
struct http_srv *http_srv_free(struct http_srv *s);

/* Listen; the real address and port go to ret as "127.0.0.1:4433" or "[::1]:4433". 0; GF_E_FILE (a
 * PEM file), GF_E_FORMAT (no such host or port), GF_E_NOT_NOW (the address is in use), GF_E_MEMORY.
 */
int http_srv_listen(struct http_srv *s, const struct http_listen *how,
                    char ret[static HTTP_ADDRESS_MAX], struct gf_fail *why);

/* Serve until http_srv_stop(), SIGTERM or SIGINT (one that came before counts). 0, or GF_E_BUG when
 * the loop cannot run. */
int http_srv_run(struct http_srv *s);

/* End http_srv_run() after the answer under way; from a handler or another source of the loop. */
void http_srv_stop(struct http_srv *s);

#endif
