/* store_tls.c - a small HTTPS head office for tests; see store_tls.h. */
#include "tests/aid/store_tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define ANSWER_MAX (5 << 20)

/* ---- certificates ---- */

static void to_pem(BIO *b, char *ret, size_t cap)
{
    char *p;
    long n = BIO_get_mem_data(b, &p);

    assert_true(n > 0 && (size_t)n < cap);
    memcpy(ret, p, (size_t)n);
    ret[n] = '\0';
    BIO_free(b);
}

static void extend(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

static X509 *make_certificate(EVP_PKEY *key, const char *name, const struct tls_id *issuer,
                              EVP_PKEY *issuer_key, bool ca, const char *alt_names)
{
    static long serial = 1000;
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);

    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 24 * 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer->cert)
                                                               : subject),
                     1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    extend(cert, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    extend(cert, NID_key_usage, ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (alt_names != NULL)
        extend(cert, NID_subject_alt_name, alt_names);
    assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    return cert;
}

void tls_id_make(struct tls_id *id, const char *name, const struct tls_id *issuer, bool ca,
                 const char *alt_names)
{
    BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());

    id->key = EVP_EC_gen("P-256");
    assert_non_null(id->key);
    id->cert = make_certificate(id->key, name, issuer, issuer != NULL ? issuer->key : id->key, ca,
                                alt_names);
    assert_int_equal(PEM_write_bio_X509(cert, id->cert), 1);
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(key, id->key, NULL, NULL, 0, NULL, NULL), 1);
    to_pem(cert, id->cert_pem, sizeof id->cert_pem);
    to_pem(key, id->key_pem, sizeof id->key_pem);
}

bool tls_sign_request(const char *request_pem, const char *name, const struct tls_id *issuer,
                      char *ret, size_t cap)
{
    BIO *from = BIO_new_mem_buf(request_pem, -1), *to = BIO_new(BIO_s_mem());
    X509_REQ *req = PEM_read_bio_X509_REQ(from, NULL, NULL, NULL);
    EVP_PKEY *key = req != NULL ? X509_REQ_get0_pubkey(req) : NULL;
    bool good = key != NULL && X509_REQ_verify(req, key) == 1;

    BIO_free(from);
    if (good) {
        X509 *cert = make_certificate(key, name, issuer, issuer->key, false, NULL);

        assert_int_equal(PEM_write_bio_X509(to, cert), 1);
        X509_free(cert);
        to_pem(to, ret, cap);
    } else {
        BIO_free(to);
    }
    X509_REQ_free(req);
    return good;
}

void tls_id_free(struct tls_id *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
    *id = (struct tls_id){0};
}

/* ---- the server ---- */

static SSL_CTX *make_context(const struct tls_server_how *how)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    int version = how->tls_version != 0 ? how->tls_version : TLS1_3_VERSION;

    SSL_CTX_set_min_proto_version(c, version);
    SSL_CTX_set_max_proto_version(c, version);
    SSL_CTX_use_certificate(c, how->id->cert);
    SSL_CTX_use_PrivateKey(c, how->id->key);
    if (how->shown_ca != NULL)
        SSL_CTX_add1_chain_cert(c, how->shown_ca->cert);
    if (how->client_ca != NULL) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(c), how->client_ca->cert);
        SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return c;
}

/* A whole request: headers, and as much body as they announce. Its length, 0 when the connection
 * ended. */
static size_t read_request(SSL *ssl, char *buf, size_t cap)
{
    size_t n = 0;

    for (;;) {
        buf[n] = '\0';
        char *body = strstr(buf, "\r\n\r\n");
        char *length = body != NULL ? strstr(buf, "Content-Length:") : NULL;

        if (length != NULL && n >= (size_t)(body + 4 - buf) + strtoul(length + 15, NULL, 10))
            return n;
        int k = n + 1 < cap ? SSL_read(ssl, buf + n, (int)(cap - n - 1)) : 0;
        if (k <= 0)
            return 0;
        n += (size_t)k;
    }
}

static void serve(SSL *ssl, const struct tls_server_how *how, int log_fd, uint32_t connection)
{
    static char request[TLS_REQUEST_MAX], answer[ANSWER_MAX];
    size_t n;

    while ((n = read_request(ssl, request, sizeof request)) > 0) {
        uint32_t head[2] = {connection, (uint32_t)n};

        (void)!write(log_fd, head, sizeof head);
        (void)!write(log_fd, request, n);
        while (how->silent)
            (void)pause();
        size_t len = how->respond(how->ctx, request, n, answer, sizeof answer);
        bool cut = how->cut_after > 0 && (size_t)how->cut_after <= len;
        if (cut)
            len = (size_t)how->cut_after - 1;
        for (size_t put = 0; put < len;) {
            int k = SSL_write(ssl, answer + put, (int)(len - put));
            if (k <= 0)
                return;
            put += (size_t)k;
        }
        if (cut)
            return;
        if (how->close_after)
            break;
    }
    (void)SSL_shutdown(ssl);
}

static _Noreturn void run_server(int listener, int log_fd, const struct tls_server_how *how)
{
    SSL_CTX *context = make_context(how);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    for (uint32_t connection = 1;; connection++) {
        int fd = accept(listener, NULL, NULL);
        SSL *ssl = fd >= 0 && !how->hang_up ? SSL_new(context) : NULL;

        if (ssl != NULL) {
            (void)SSL_set_fd(ssl, fd);
            if (SSL_accept(ssl) == 1)
                serve(ssl, how, log_fd, connection);
            /* Let an alert arrive before the connection is reset. */
            (void)shutdown(fd, SHUT_WR);
            char rest[256];
            struct pollfd p = {.fd = fd, .events = POLLIN};
            while (poll(&p, 1, 2000) == 1 && read(fd, rest, sizeof rest) > 0)
                continue;
            SSL_free(ssl);
        }
        (void)close(fd);
    }
}

void tls_server_start(struct tls_server *s, const struct tls_server_how *how)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), log[2];

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(pipe(log), 0);
    s->port = ntohs(at.sin_port);
    (void)snprintf(s->url, sizeof s->url, "https://127.0.0.1:%d", s->port);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        (void)close(log[0]);
        run_server(listener, log[1], how);
    }
    (void)close(listener);
    (void)close(log[1]);
    s->log_fd = log[0];
    assert_int_equal(fcntl(s->log_fd, F_SETFL, O_NONBLOCK), 0);
}

/* n bytes of the log; they come together, but perhaps not in one piece. */
static bool read_log(struct tls_server *s, void *ret, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t k = read(s->log_fd, (char *)ret + got, n - got);

        if (k <= 0 && got == 0)
            return false;
        got += k > 0 ? (size_t)k : 0;
    }
    return true;
}

size_t tls_server_request(struct tls_server *s, char *ret, size_t cap, unsigned *ret_connection)
{
    uint32_t head[2];

    if (!read_log(s, head, sizeof head))
        return 0;
    assert_true(head[1] < cap);
    while (!read_log(s, ret, head[1]))
        continue;
    ret[head[1]] = '\0';
    *ret_connection = head[0];
    return head[1];
}

void tls_server_stop(struct tls_server *s)
{
    if (s->pid > 0) {
        (void)kill(s->pid, SIGKILL);
        (void)waitpid(s->pid, NULL, 0);
        (void)close(s->log_fd);
    }
    *s = (struct tls_server){0};
}
