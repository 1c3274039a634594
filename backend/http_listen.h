/* http_listen.h - sockets, TLS and loop of the server's listeners; not for anybody else. */
#ifndef GF_HTTP_LISTEN_H
#define GF_HTTP_LISTEN_H

#include <openssl/ssl.h>

#include "backend/address.h"
#include "backend/http_srv.h"

/* What the connections of a listener are made with; the caller frees it. 0, GF_E_FILE, GF_E_MEMORY.
 */
int http_make_tls(const struct http_listen *how, SSL_CTX **ret, struct gf_fail *why);

/* A listening socket, TCP_NODELAY set for all that it accepts. 0, GF_E_FORMAT, GF_E_NOT_NOW. */
int http_open_socket(const struct http_listen *how, int *ret_fd, struct gf_fail *why);

/* The loop that listeners and connections are served in. NULL when it cannot be made. */
struct event_base;
struct event_base *http_make_base(void);

/* Its address in text. */
bool http_address_of(int fd, char ret[static HTTP_ADDRESS_MAX]);
/* The group of addresses (address.h) that a connection comes from. False: it has ended. */
bool http_group_of(int fd, char ret[static ADDRESS_GROUP_MAX]);

#endif
