/* http_read.h - what a connection and a request of libevent say; for http_srv.c alone. */
#ifndef GF_HTTP_READ_H
#define GF_HTTP_READ_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/http.h>
#include <openssl/ssl.h>

/* The common name of the verified peer; "" when there is none or it does not fit. */
void http_identity(SSL *ssl, char *ret, size_t cap);

/* "GET", "POST"; "-" for others. */
const char *http_method(enum evhttp_cmd_type method);

/* A header that may stand once at most: its value, "" when it is missing, NULL when it stands
 * twice. */
const char *http_single_header(struct evhttp_request *req, const char *name);

/* Two lengths, or a length and a transfer coding, are how requests are smuggled (RFC 9112
 * section 6.3). Nor may what decides who is asking stand twice. */
bool http_is_ambiguous(struct evhttp_request *req);

#endif
