/* store_tls.h - a small HTTPS head office for tests of the client: its own CA, and a server in a
 * child process that behaves as badly as it is told. */
#ifndef GF_TESTS_STORE_TLS_H
#define GF_TESTS_STORE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <openssl/types.h>

#define TLS_REQUEST_MAX 65536

/* A certificate with its key. */
struct tls_id {
    EVP_PKEY *key;
    X509 *cert;
    char cert_pem[2048], key_pem[1024];
};

/* P-256, CN `name`; issued by `issuer`, or by itself; a CA or not; subjectAltName, or NULL. */
void tls_id_make(struct tls_id *id, const char *name, const struct tls_id *issuer, bool ca,
                 const char *alt_names);

/* A certificate (PEM) for the key in a certificate request (PEM). False when that is none. */
bool tls_sign_request(const char *request_pem, const char *name, const struct tls_id *issuer,
                      char *ret, size_t cap);

void tls_id_free(struct tls_id *id);

/* How the server behaves; all zero but `id` and `respond` is a good one. */
struct tls_server_how {
    const struct tls_id *id;
    const struct tls_id *shown_ca;      /* sent behind the server's certificate; NULL: none */
    const struct tls_id *client_ca;     /* clients need a certificate of this CA; NULL: none */
    int tls_version;                    /* the only one; 0: TLS 1.3 */
    bool hang_up;                       /* close each connection before a byte of TLS */
    bool silent;                        /* read the request, never answer */
    long cut_after;                     /* n: close, without TLS's good-bye, after n - 1 bytes of
                                         * the answer; 0: send all */
    bool close_after;                   /* close the connection after each answer */
    /* Make the answer (headers and all) to the request. Runs in the child. */
    size_t (*respond)(void *ctx, const char *request, size_t n, char *ret, size_t cap);
    void *ctx;
};

struct tls_server {
    pid_t pid;
    int port;
    char url[64];
    int log_fd;                         /* the requests that came: number of the connection, length,
                                         * bytes; a pipe: a test reads them before 64 KiB pile up */
};

void tls_server_start(struct tls_server *s, const struct tls_server_how *how);

/* The next request that came, at once: its length and the number of its connection from 1; 0 when
 * there is none. */
size_t tls_server_request(struct tls_server *s, char *ret, size_t cap, unsigned *ret_connection);

/* Stop it. A server that was never started (all zero) is fine. */
void tls_server_stop(struct tls_server *s);

#endif
