#ifndef GF_TESTS_AID_HTTP_STAND_H
#define GF_TESTS_AID_HTTP_STAND_H
/*
 * An HTTPS server in a process of its own, and clients over real sockets and TLS on loopback. Its
 * handler says what it got: "POST /path 5 [type] [identity] 127.0.0.1"; some paths do more, see
 * stand_echo(). Failures are cmocka's.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <openssl/ssl.h>

#include "backend/http_srv.h"

#define BODY_MAX 10000 /* that the server takes */
#define STAND_CUT 7    /* the server's exit status when it ended inside a handler */
#define CLOSE "Connection: close\r\n"

extern char stand_dir[512]; /* an office's folder: certificates */
extern pid_t stand_server;
extern uint16_t stand_port;
extern SSL_CTX *stand_tls;
/* Of the server that is started next. */
extern unsigned stand_threads, stand_connections_max, stand_address_max;
extern int stand_request_s, stand_handshake_s, stand_timeout_s;

/* Of a group: the folder. */
int stand_make_office(void **state);
int stand_end_office(void **state);
/* Of a test: a server with one thread, two or three; it has to end well. */
int stand_start_alone(void **state);
int stand_start_with_worker(void **state);
int stand_start_with_two_workers(void **state);
int stand_stop(void **state);
void stand_start_server(bool is_mutual, int lifetime_s);

/* Connections; the caller closes them. */
int stand_connect_plain(void);
int stand_connect_from(uint32_t address); /* a loopback address, in the host's order */
SSL *stand_connect_tls(void);
void stand_close_tls(SSL *ssl);

bool stand_send_text(SSL *ssl, const char *text);
/* Everything until the server closes; at most 10 s. */
void stand_read_all(SSL *ssl, char *ret, size_t cap);
/* One request, its connection closed behind it: the answer begins with this status and holds these
 * words. */
void stand_expect(const char *request, const char *status, const char *words);

/* The handler. /nodelay says whether TCP_NODELAY is set on every connection; /wait takes until the
 * file `gate` is there, and makes `inside` when it begins; /long does too, by the lane of long ones;
 * /limited, /login, /method are refused.
 */
void stand_echo(void *ctx, const struct http_request *r, struct http_response *ret);

#endif
