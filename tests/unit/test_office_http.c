/* test_office_http.c - the HTTPS server against clients that behave badly, over real sockets and
 * TLS on loopback. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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
#include "tests/aid/http_stand.h"
#include "tests/aid/proc.h"

static void requests_reach_the_handler_as_they_are(void **state)
{
    (void)state;
    stand_expect("POST /v1/x?q=1 HTTP/1.1\r\nHost: a\r\n" CLOSE
                 "Content-Type: a/b; charset=x\r\nContent-Length: 5\r\n\r\nhello",
                 "200", "POST /v1/x 5 [a/b] [] 127.0.0.1");
    stand_expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET / 0 [] []");
    stand_expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "no-store");
    stand_expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE
                 "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                 "200", "POST / 5");
}

static void smuggled_requests_are_refused(void **state)
{
    (void)state;
    stand_expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE
                 "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
                 "400", "");
    stand_expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE
                 "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nabc\r\n0\r\n\r\n",
                 "400", "");
    stand_expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE
                 "Content-Type: a\r\nContent-Type: b\r\nContent-Length: 0\r\n\r\n",
                 "400", "");
    stand_expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE "Content-Length: -1\r\n\r\n", "400", "");
    stand_expect("DELETE / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "- /");
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
    stand_expect(request, "200", "POST / 10000");
    n = (size_t)snprintf(request, sizeof request,
                         "POST / HTTP/1.1\r\nHost: a\r\n" CLOSE "Content-Length: %d\r\n\r\n",
                         BODY_MAX + 1);
    memset(request + n, 'x', BODY_MAX + 1);
    request[n + BODY_MAX + 1] = '\0';
    stand_expect(request, "413", "send less at once");
    stand_expect("POST / HTTP/1.1\r\nHost: a\r\n" CLOSE "Content-Length: 99999999\r\n\r\n", "413",
                 "");
    n = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "X-Long: ");
    memset(request + n, 'x', 20000);
    (void)snprintf(request + n + 20000, 10, "\r\n\r\n");
    stand_expect(request, "400", "");
}

/* A client that stops in the middle is cut off; the words come from stand_read_all() when it is
 * not. */
static void silence_ends_a_connection(void **state)
{
    static const char *const starts[] = {
        "",
        "GET / HT",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
    };
    char got[1024], byte;
    int fd = stand_connect_plain();

    (void)state;
    assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000),
                     1); /* before the handshake */
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    (void)close(fd);
    for (size_t i = 0; i < 3; i++) {
        SSL *ssl = stand_connect_tls();

        (void)stand_send_text(ssl, starts[i]);
        stand_read_all(ssl, got, sizeof got);
        assert_null(strstr(got, "200"));
        stand_close_tls(ssl);
    }
    stand_expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /");
}

/* A client that sends a byte now and then is never silent; it is cut off all the same. */
static void a_trickle_ends_too(void **state)
{
    long long until = aid_now_ms() + 20000;
    struct pollfd wait = { .events = POLLIN };
    SSL *ssl;

    (void)stand_stop(state);
    stand_start_server(false, 2);
    ssl = stand_connect_tls();
    wait.fd = SSL_get_fd(ssl);
    while (stand_send_text(ssl, "G") && poll(&wait, 1, 200) == 0)
        assert_true(aid_now_ms() < until);
    stand_close_tls(ssl);
    stand_expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /");
}

/* More connections than are let in wait for their turn; none is lost. */
static void connections_are_counted(void **state)
{
    SSL *waiting[4];
    int more[3];
    char got[1024];

    (void)state;
    for (int i = 0; i < 4; i++)
        waiting[i] = stand_connect_tls();
    for (int i = 0; i < 3; i++)
        more[i] = stand_connect_plain();
    for (int i = 0; i < 4; i++) {
        (void)stand_send_text(waiting[i], "GET /a HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");
        stand_read_all(waiting[i], got, sizeof got);
        assert_non_null(strstr(got, "GET /a"));
        stand_close_tls(waiting[i]);
    }
    for (int i = 0; i < 3; i++) {
        SSL *ssl = SSL_new(stand_tls);

        assert_int_equal(SSL_set_fd(ssl, more[i]), 1);
        assert_int_equal(SSL_connect(ssl), 1);
        (void)stand_send_text(ssl, "GET /b HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");
        stand_read_all(ssl, got, sizeof got);
        assert_non_null(strstr(got, "GET /b"));
        stand_close_tls(ssl);
    }
}

static void many_requests_go_over_one_connection(void **state)
{
    char got[1024];
    SSL *ssl = stand_connect_tls();

    (void)state;
    for (int i = 0; i < 50; i++) {
        char want[32];
        int n;

        (void)snprintf(want, sizeof want, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        assert_true(stand_send_text(ssl, want));
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
    stand_close_tls(ssl);
}

/* Plain HTTP, garbage, TLS 1.2: no answer, and the server lives. */
static void what_is_not_tls_1_3_gets_nothing(void **state)
{
    static const char *const words[] = { "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "\x16\x03\x01\xFF\xFF garbage" };
    char got[512];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = stand_connect_plain();
        ssize_t n;

        assert_int_equal(send(fd, words[i], strlen(words[i]), 0), strlen(words[i]));
        assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000), 1);
        n = recv(fd, got, sizeof got - 1, 0);
        got[n > 0 ? n : 0] = '\0';
        assert_null(strstr(got, "HTTP/1.1 200"));
        (void)close(fd);
    }
    SSL *old = SSL_new(stand_tls);
    int fd = stand_connect_plain();

    (void)SSL_set_max_proto_version(old, TLS1_2_VERSION);
    assert_int_equal(SSL_set_fd(old, fd), 1);
    assert_int_not_equal(SSL_connect(old), 1);
    SSL_free(old);
    (void)close(fd);
    stand_expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /");
}

/* TLS 1.3 clients learn with the first read that the server wanted a certificate; no byte of
 * an answer comes. */
static void without_a_certificate_nothing_is_answered(void **state)
{
    char got[512];
    SSL *ssl;

    (void)stand_stop(state);
    stand_start_server(true, 600);
    ssl = SSL_new(stand_tls);
    assert_int_equal(SSL_set_fd(ssl, stand_connect_plain()), 1);
    if (SSL_connect(ssl) == 1) {
        (void)stand_send_text(ssl, "GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");
        stand_read_all(ssl, got, sizeof got);
        assert_string_equal(got, "");
    }
    stand_close_tls(ssl);
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
                               .handler = { .handle = stand_echo } };
    struct http_srv *s = http_srv_new(1);
    struct gf_fail why = { 0 };

    (void)state;
    (void)snprintf(cert, sizeof cert, "%s/server.pem", stand_dir);
    (void)snprintf(key, sizeof key, "%s/server.key", stand_dir);
    (void)snprintf(taken, sizeof taken, "%u", stand_port);
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
    how.cert_file = NULL; /* without TLS: to this machine alone */
    how.host = "0.0.0.0";
    assert_int_equal(http_srv_listen(s, &how, at, NULL), GF_E_FORMAT);
    how.host = "::";
    assert_int_equal(http_srv_listen(s, &how, at, NULL), GF_E_FORMAT);
    how.host = "127.0.0.1";
    assert_int_equal(http_srv_listen(s, &how, at, NULL), 0);
    (void)http_srv_free(s);
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(name, stand_start_alone, stand_stop),                          \
        cmocka_unit_test_setup_teardown(name, stand_start_with_worker, stand_stop)
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
    return cmocka_run_group_tests(tests, stand_make_office, stand_end_office);
}
