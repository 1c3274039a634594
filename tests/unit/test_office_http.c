/* test_office_http.c - the HTTPS server against clients that behave badly, over real sockets and
 * TLS on loopback. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/ssl.h>

#include "backend/http_srv.h"
#include "backend/office.h"
#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/proc.h"

#define BODY_MAX 10000

static char dir[512];
static pid_t server;
static uint16_t port;
static unsigned threads; /* of the server under test */
static SSL_CTX *tls;

/* Says what it got: "POST /path 5 type identity". */
static void echo(void *ctx, const struct http_request *r, struct http_response *ret)
{
    (void)ctx;
    ret->status = 200;
    ret->content_type = "text/plain";
    buf_print(&ret->body, "%s %s %zu [%s] [%s] %s", r->method, r->path, r->body.n, r->content_type,
              r->identity, r->peer);
}

/* The server's process: tells its port through the pipe, and serves until it is stopped. */
static void serve(int out, bool is_mutual, int lifetime_s)
{
    char cert[600], key[600], ca[600], at[HTTP_ADDRESS_MAX] = "";
    struct http_listen how = { .host = "127.0.0.1",
                               .port = "0",
                               .cert_file = cert,
                               .key_file = key,
                               .ca_file = is_mutual ? ca : NULL,
                               .body_max = BODY_MAX,
                               .timeout_s = 1,
                               .lifetime_s = lifetime_s,
                               .connections_max = 4,
                               .handler = { NULL, echo } };
    struct http_srv *s = http_srv_new(threads);
    struct gf_fail why = { 0 };

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(cert, sizeof cert, "%s/server.pem", dir);
    (void)snprintf(key, sizeof key, "%s/server.key", dir);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    if (s == NULL || http_srv_listen(s, &how, at, &why) != 0) {
        (void)fprintf(stderr, "%s: %s\n", why.where, why.detail);
        _exit(1);
    }
    (void)!write(out, at, sizeof at);

    int r = http_srv_run(s);
    (void)http_srv_free(s);
    exit(r == 0 ? 0 : 1);
}

static void start_server(bool is_mutual, int lifetime_s)
{
    char at[HTTP_ADDRESS_MAX];
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    (void)fflush(NULL);
    server = fork();
    assert_true(server >= 0);
    if (server == 0)
        serve(fds[1], is_mutual, lifetime_s);
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], at, sizeof at), sizeof at);
    (void)close(fds[0]);
    port = (uint16_t)atoi(strrchr(at, ':') + 1);
    assert_true(port > 0);
}

static int start_alone(void **state)
{
    (void)state;
    threads = 1;
    start_server(false, 600);
    return 0;
}

static int start_with_worker(void **state)
{
    (void)state;
    threads = 2;
    start_server(false, 600);
    return 0;
}

/* It ends well when it is told to: nothing is left behind. */
static int stop(void **state)
{
    int status = -1;

    (void)state;
    (void)kill(server, SIGTERM);
    assert_int_equal(waitpid(server, &status, 0), server);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}

static int make_office(void **state)
{
    const struct office_ports ports = { gf_real_clock(), gf_real_random(), mc_crypto_openssl() };
    struct gf_fail why = { 0 };

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(dir, sizeof dir, "%s/office", aid_tmpdir());
    tls = SSL_CTX_new(TLS_client_method());
    return office_init(dir, NULL, 0, &ports, &why);
}

static int end_office(void **state)
{
    (void)state;
    SSL_CTX_free(tls);
    return 0;
}

/* ---- clients ---- */

static int connect_plain(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static SSL *connect_tls(void)
{
    SSL *ssl = SSL_new(tls);

    assert_int_equal(SSL_set_fd(ssl, connect_plain()), 1);
    assert_int_equal(SSL_connect(ssl), 1);
    return ssl;
}

static void close_tls(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);

    SSL_free(ssl);
    (void)close(fd);
}

static bool send_text(SSL *ssl, const char *text)
{
    return SSL_write(ssl, text, (int)strlen(text)) == (int)strlen(text);
}

/* Everything until the server closes; at most 10 s. */
static void read_all(SSL *ssl, char *ret, size_t cap)
{
    struct pollfd wait = { .fd = SSL_get_fd(ssl), .events = POLLIN };
    size_t n = 0;

    for (;;) {
        int k;

        if (SSL_pending(ssl) == 0 && poll(&wait, 1, 10000) != 1)
            fail_msg("the server neither answers nor closes");
        k = SSL_read(ssl, ret + n, (int)(cap - 1 - n));
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    ret[n] = '\0';
}

/* One request, its connection closed behind it: the answer begins with this status and holds these
 * words. */
static void expect(const char *request, const char *status, const char *words)
{
    char got[4096];
    SSL *ssl = connect_tls();

    (void)send_text(ssl, request);
    read_all(ssl, got, sizeof got);
    close_tls(ssl);
    if (strncmp(got, "HTTP/1.", 7) != 0 || strncmp(got + 9, status, 3) != 0
        || strstr(got, words) == NULL)
        fail_msg("%s\n-> %s", request, got);
}

#define CLOSE "Connection: close\r\n"

static void requests_reach_the_handler_as_they_are(void **state)
{
    (void)state;
    expect("POST /v1/x?q=1 HTTP/1.1\r\nHost: a\r\n" CLOSE
           "Content-Type: a/b; charset=x\r\nContent-Length: 5\r\n\r\nhello",
           "200", "POST /v1/x 5 [a/b] [] 127.0.0.1");
    expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET / 0 [] []");
    expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "no-store");
    expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE
           "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
           "200", "POST / 5");
}

static void smuggled_requests_are_refused(void **state)
{
    (void)state;
    expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE
           "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
           "400", "");
    expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE
           "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3\r\nabc\r\n0\r\n\r\n",
           "400", "");
    expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE
           "Content-Type: a\r\nContent-Type: b\r\nContent-Length: 0\r\n\r\n",
           "400", "");
    expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE "Content-Length: -1\r\n\r\n", "400", "");
    expect("DELETE / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "- /");
}

static void what_is_too_large_is_refused(void **state)
{
    static char request[40000];
    size_t n;

    (void)state;
    n = (size_t)snprintf(request, sizeof request,
                         "POST / HTTP/1.1\r\nHost: a\r\n" CLOSE "Content-Length: %d\r\n\r\n",
                         BODY_MAX);
    memset(request + n, 'x', BODY_MAX);
    request[n + BODY_MAX] = '\0';
    expect(request, "200", "POST / 10000");
    n = (size_t)snprintf(request, sizeof request,
                         "POST / HTTP/1.1\r\nHost: a\r\n" CLOSE "Content-Length: %d\r\n\r\n",
                         BODY_MAX + 1);
    memset(request + n, 'x', BODY_MAX + 1);
    request[n + BODY_MAX + 1] = '\0';
    expect(request, "413", "send less at once");
    expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE "Content-Length: 99999999\r\n\r\n", "413", "");
    n = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "X-Long: ");
    memset(request + n, 'x', 20000);
    (void)snprintf(request + n + 20000, 10, "\r\n\r\n");
    expect(request, "400", "");
}

/* A client that stops in the middle is cut off; the words come from read_all() when it is not. */
static void silence_ends_a_connection(void **state)
{
    static const char *const starts[] = {
        "",
        "GET / HT",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
    };
    char got[1024], byte;
    int fd = connect_plain();

    (void)state;
    assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000),
                     1); /* before the handshake */
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    (void)close(fd);
    for (size_t i = 0; i < 3; i++) {
        SSL *ssl = connect_tls();

        (void)send_text(ssl, starts[i]);
        read_all(ssl, got, sizeof got);
        assert_null(strstr(got, "200"));
        close_tls(ssl);
    }
    expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /");
}

/* A client that sends a byte now and then is never silent; it is cut off all the same. */
static void a_trickle_ends_too(void **state)
{
    long long until = aid_now_ms() + 20000;
    struct pollfd wait = { .events = POLLIN };
    SSL *ssl;

    (void)stop(state);
    start_server(false, 2);
    ssl = connect_tls();
    wait.fd = SSL_get_fd(ssl);
    while (send_text(ssl, "G") && poll(&wait, 1, 200) == 0)
        assert_true(aid_now_ms() < until);
    close_tls(ssl);
    expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /");
}

/* More connections than are let in wait for their turn; none is lost. */
static void connections_are_counted(void **state)
{
    SSL *waiting[4];
    int more[3];
    char got[1024];

    (void)state;
    for (int i = 0; i < 4; i++)
        waiting[i] = connect_tls();
    for (int i = 0; i < 3; i++)
        more[i] = connect_plain();
    for (int i = 0; i < 4; i++) {
        (void)send_text(waiting[i], "GET /a HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");
        read_all(waiting[i], got, sizeof got);
        assert_non_null(strstr(got, "GET /a"));
        close_tls(waiting[i]);
    }
    for (int i = 0; i < 3; i++) {
        SSL *ssl = SSL_new(tls);

        assert_int_equal(SSL_set_fd(ssl, more[i]), 1);
        assert_int_equal(SSL_connect(ssl), 1);
        (void)send_text(ssl, "GET /b HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");
        read_all(ssl, got, sizeof got);
        assert_non_null(strstr(got, "GET /b"));
        close_tls(ssl);
    }
}

static void many_requests_go_over_one_connection(void **state)
{
    char got[1024];
    SSL *ssl = connect_tls();

    (void)state;
    for (int i = 0; i < 50; i++) {
        char want[32];
        int n;

        (void)snprintf(want, sizeof want, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        assert_true(send_text(ssl, want));
        n = SSL_read(ssl, got, sizeof got - 1);
        assert_true(n > 0);
        got[n] = '\0';
        (void)snprintf(want, sizeof want, "GET /%d 0", i);
        if (strstr(got, want) == NULL) { /* the body came in a record of its own */
            n = SSL_read(ssl, got, sizeof got - 1);
            assert_true(n > 0);
            got[n] = '\0';
            assert_non_null(strstr(got, want));
        }
    }
    close_tls(ssl);
}

/* Plain HTTP, garbage, TLS 1.2: no answer, and the server lives. */
static void what_is_not_tls_1_3_gets_nothing(void **state)
{
    static const char *const words[] = { "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "\x16\x03\x01\xFF\xFF garbage" };
    char got[512];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = connect_plain();
        ssize_t n;

        assert_int_equal(send(fd, words[i], strlen(words[i]), 0), strlen(words[i]));
        assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000), 1);
        n = recv(fd, got, sizeof got - 1, 0);
        got[n > 0 ? n : 0] = '\0';
        assert_null(strstr(got, "HTTP/1.1 200"));
        (void)close(fd);
    }
    SSL *old = SSL_new(tls);
    int fd = connect_plain();

    (void)SSL_set_max_proto_version(old, TLS1_2_VERSION);
    assert_int_equal(SSL_set_fd(old, fd), 1);
    assert_int_not_equal(SSL_connect(old), 1);
    SSL_free(old);
    (void)close(fd);
    expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /");
}

/* TLS 1.3 clients learn with the first read that the server wanted a certificate; no byte of an
 * answer comes. */
static void without_a_certificate_nothing_is_answered(void **state)
{
    char got[512];
    SSL *ssl;

    (void)stop(state);
    start_server(true, 600);
    ssl = SSL_new(tls);
    assert_int_equal(SSL_set_fd(ssl, connect_plain()), 1);
    if (SSL_connect(ssl) == 1) {
        (void)send_text(ssl, "GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");
        read_all(ssl, got, sizeof got);
        assert_string_equal(got, "");
    }
    close_tls(ssl);
}

static void bad_addresses_and_files_are_told(void **state)
{
    char cert[600], key[600], at[HTTP_ADDRESS_MAX], taken[16];
    struct http_listen how = { .host = "127.0.0.1",
                               .port = taken,
                               .cert_file = cert,
                               .key_file = key,
                               .body_max = 1,
                               .timeout_s = 1,
                               .lifetime_s = 1,
                               .connections_max = 1,
                               .handler = { NULL, echo } };
    struct http_srv *s = http_srv_new(1);
    struct gf_fail why = { 0 };

    (void)state;
    (void)snprintf(cert, sizeof cert, "%s/server.pem", dir);
    (void)snprintf(key, sizeof key, "%s/server.key", dir);
    (void)snprintf(taken, sizeof taken, "%u", port);
    assert_int_equal(http_srv_listen(s, &how, at, &why), GF_E_NOT_NOW);
    assert_non_null(strstr(why.detail, taken));
    how.port = "no";
    assert_int_equal(http_srv_listen(s, &how, at, NULL), GF_E_FORMAT);
    how.port = "0";
    how.host = "no such host";
    assert_int_equal(http_srv_listen(s, &how, at, NULL), GF_E_FORMAT);
    how.host = "127.0.0.1";
    how.key_file = cert;
    assert_int_equal(http_srv_listen(s, &how, at, NULL), GF_E_FILE);
    how.key_file = key;
    how.cert_file = key;
    assert_int_equal(http_srv_listen(s, &how, at, NULL), GF_E_FILE);
    how.cert_file = cert;
    how.ca_file = key;
    assert_int_equal(http_srv_listen(s, &how, at, NULL), GF_E_FILE);
    how.ca_file = NULL;
    assert_int_equal(http_srv_listen(s, &how, at, NULL), 0);
    (void)http_srv_free(s);
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(name, start_alone, stop),                                      \
        cmocka_unit_test_setup_teardown(name, start_with_worker, stop)
    const struct CMUnitTest tests[] = {
        T(requests_reach_the_handler_as_they_are),
        T(smuggled_requests_are_refused),
        T(what_is_too_large_is_refused),
        T(silence_ends_a_connection),
        T(a_trickle_ends_too),
        T(connections_are_counted),
        T(many_requests_go_over_one_connection),
        T(what_is_not_tls_1_3_gets_nothing),
        T(without_a_certificate_nothing_is_answered),
        T(bad_addresses_and_files_are_told),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_office, end_office);
}
