/* test_http_load.c - the HTTPS server with many clients, slow ones, ones that leave; how it stops.
 */
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

static void headers_are_told(void **state)
{
    (void)state;
    stand_expect("GET /limited HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "429", "Retry-After: 7\r\n");
    stand_expect("GET /login HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "401",
                 "WWW-Authenticate: Bearer realm=\"gasoffice\"\r\n");
    stand_expect("GET /method HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "405", "Allow: GET, POST\r\n");
    stand_expect("GET /a HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "Request-Id: ");
    stand_expect("GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n" CLOSE
                 "\r\n",
                 "400", "");
}

/* Small answers do not wait for acknowledgements. */
static void nagle_is_off(void **state)
{
    (void)state;
    stand_expect("GET /nodelay HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "nodelay=1");
}

/* Requests that came in one write are answered one after another. */
static void requests_come_in_heaps(void **state)
{
    static char heap[8192], got[65536];
    size_t n = 0;
    SSL *ssl = stand_connect_tls();
    const char *at = got;

    (void)state;
    for (int i = 0; i < 50; i++)
        n += (size_t)snprintf(heap + n, sizeof heap - n, "GET /%d HTTP/1.1\r\nHost: a\r\n%s\r\n", i,
                              i == 49 ? CLOSE : "");
    assert_true(stand_send_text(ssl, heap));
    stand_read_all(ssl, got, sizeof got);
    for (int i = 0; i < 50; i++) {
        char want[16];

        (void)snprintf(want, sizeof want, "GET /%d 0", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
    stand_close_tls(ssl);
}

/* Many connections that say nothing, or a byte at a time: others are served meanwhile. */
static void slow_clients_hold_up_nobody(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 64\r\n\r\n";
    SSL *slow[24];

    stand_connections_max = 64;
    (void)stand_stop(state);
    stand_start_server(false, 600);
    for (size_t i = 0; i < 24; i++) {
        slow[i] = stand_connect_tls();
        if (i % 3 == 2)
            assert_true(stand_send_text(slow[i], head));
    }
    for (size_t k = 0; k < 20; k++) {
        for (size_t i = 0; i < 24; i++)
            if (i % 3 != 0)
                (void)SSL_write(slow[i], i % 3 == 1 ? &head[k] : "x", 1);
        stand_expect("GET /quick HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /quick");
    }
    for (size_t i = 0; i < 24; i++)
        stand_close_tls(slow[i]);
    stand_connections_max = 4;
}

/* A request that takes too long to come is cut off, byte by byte as it may come; an idle connection
 * between two requests is not timed by that. */
static void a_request_has_its_time(void **state)
{
    long long until = aid_now_ms() + 20000;
    struct pollfd wait = { .events = POLLIN };
    char got[512];
    SSL *ssl;

    stand_request_s = 1;
    (void)stand_stop(state);
    stand_start_server(false, 600);
    ssl = stand_connect_tls();
    assert_true(stand_send_text(ssl, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(SSL_read(ssl, got, sizeof got) > 0);
    assert_true(
        stand_send_text(ssl, "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n"));
    wait.fd = SSL_get_fd(ssl);
    while (stand_send_text(ssl, "x") && (SSL_pending(ssl) == 0 && poll(&wait, 1, 100) == 0))
        assert_true(aid_now_ms() < until);
    stand_close_tls(ssl);
    stand_expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /");
    stand_request_s = 0;
}

/* The server closes this connection, which sends nothing; within 20 s. */
static void is_closed(int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    char byte;

    assert_int_equal(poll(&wait, 1, 20000), 1);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    (void)close(fd);
}

/* One address that takes all it can get leaves room for others. */
static void one_address_takes_not_all(void **state)
{
    int held[32];
    SSL *ssl = SSL_new(stand_tls);

    stand_connections_max = 8;
    stand_address_max = 4;
    stand_timeout_s = 600;
    (void)stand_stop(state);
    stand_start_server(false, 600);
    for (size_t i = 0; i < 32; i++)
        held[i] = stand_connect_plain();
    for (size_t i = 4; i < 32; i++) /* the newest */
        is_closed(held[i]);
    int fd = stand_connect_from(INADDR_LOOPBACK + 1);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    assert_int_equal(SSL_connect(ssl), 1);
    stand_close_tls(ssl);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(poll(&(struct pollfd){ .fd = held[i], .events = POLLIN }, 1, 0), 0);
        (void)close(held[i]);
    }
    stand_connections_max = 4;
    stand_address_max = 0;
    stand_timeout_s = 1;
}

/* Without a handshake a connection ends long before one that is only silent. */
static void a_handshake_has_its_time(void **state)
{
    char got[512];
    SSL *ssl;

    stand_handshake_s = 1;
    stand_timeout_s = 600;
    (void)stand_stop(state);
    stand_start_server(false, 600);
    ssl = stand_connect_tls();
    is_closed(stand_connect_plain());
    assert_true(stand_send_text(ssl, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(SSL_read(ssl, got, sizeof got) > 0);
    stand_close_tls(ssl);
    stand_handshake_s = 0;
    stand_timeout_s = 1;
}

static void wait_for(const char *name)
{
    char path[600];
    long long until = aid_now_ms() + 20000;

    (void)snprintf(path, sizeof path, "%s/%s", stand_dir, name);
    while (access(path, F_OK) != 0) {
        assert_true(aid_now_ms() < until);
        (void)poll(NULL, 0, 5);
    }
    (void)unlink(path);
}

static void open_gate(void)
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s/gate", stand_dir);
    (void)close(open(path, O_WRONLY | O_CREAT, 0600));
}

static void close_gate(void)
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s/gate", stand_dir);
    (void)unlink(path);
}

/* Told to stop, the server answers what is under way, lets nobody more in, and ends. */
static void what_is_under_way_is_answered(void **state)
{
    char got[1024];
    int status = -1;
    SSL *ssl;

    (void)state;
    if (stand_threads == 1) /* then nothing is under way while the loop runs */
        return;
    close_gate();
    ssl = stand_connect_tls();
    assert_true(stand_send_text(ssl, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
    wait_for("inside");
    assert_int_equal(kill(stand_server, SIGTERM), 0);
    open_gate();
    stand_read_all(ssl, got, sizeof got);
    assert_non_null(strstr(got, "GET /wait"));
    stand_close_tls(ssl);
    assert_int_equal(waitpid(stand_server, &status, 0), stand_server);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    stand_start_server(false, 600);
}

/* Told twice, it does not wait for a handler that takes forever. */
static void told_twice_it_ends_at_once(void **state)
{
    long long until = aid_now_ms() + 9000; /* before the time that one signal gives */
    int status = -1;
    SSL *ssl;

    (void)state;
    if (stand_threads == 1)
        return;
    close_gate();
    ssl = stand_connect_tls();
    assert_true(stand_send_text(ssl, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
    wait_for("inside");
    do {
        assert_true(aid_now_ms() < until);
        (void)kill(stand_server, SIGTERM);
        (void)poll(NULL, 0, 5);
    } while (waitpid(stand_server, &status, WNOHANG) == 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == STAND_CUT);
    stand_close_tls(ssl);
    open_gate();
    stand_start_server(false, 600);
}

/* A client that goes away while its request is worked on is nobody's trouble. */
static void clients_go_away_meanwhile(void **state)
{
    (void)state;
    if (stand_threads == 1)
        return;
    close_gate();
    for (int i = 0; i < 3; i++) {
        SSL *ssl = stand_connect_tls();

        assert_true(stand_send_text(ssl, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
        if (i == 0)
            wait_for("inside");
        stand_close_tls(ssl);
    }
    open_gate();
    stand_expect("GET /after HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /after");
}

/* More requests than may wait are told so at once, and nothing is lost of those that do. */
static void a_full_queue_says_so(void **state)
{
    static SSL *waiting[300];
    size_t busy = 0, done = 0;

    if (stand_threads == 1)
        return;
    stand_connections_max = 400;
    (void)stand_stop(state);
    stand_start_server(false, 600);
    close_gate();
    for (size_t i = 0; i < 300; i++) {
        waiting[i] = stand_connect_tls();
        assert_true(
            stand_send_text(waiting[i], i == 0 ? "GET /wait HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n"
                                               : "GET /x HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n"));
        if (i == 0)
            wait_for("inside");
    }
    open_gate();
    for (size_t i = 0; i < 300; i++) {
        char got[1024];

        stand_read_all(waiting[i], got, sizeof got);
        busy += strstr(got, "\"error\":\"busy\"") != NULL && strstr(got, "Retry-After: 1") != NULL;
        done += strncmp(got + 9, "200", 3) == 0;
        stand_close_tls(waiting[i]);
    }
    assert_int_equal(busy + done, 300);
    assert_true(done >= 257);
    stand_connections_max = 4;
}

/* While a long one is at work the others are answered, one after another; then it is. */
static void a_long_one_holds_up_nobody(void **state)
{
    char got[1024];
    SSL *ssl;

    (void)state;
    close_gate();
    ssl = stand_connect_tls();
    assert_true(stand_send_text(ssl, "GET /long HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n"));
    wait_for("inside");
    for (int i = 0; i < 20; i++)
        stand_expect("GET /quick HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /quick");
    open_gate();
    stand_read_all(ssl, got, sizeof got);
    assert_non_null(strstr(got, "GET /long"));
    stand_close_tls(ssl);
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(name, stand_start_alone, stand_stop),                          \
        cmocka_unit_test_setup_teardown(name, stand_start_with_worker, stand_stop)
    const struct CMUnitTest tests[] = {
        T(headers_are_told),          T(nagle_is_off),
        T(requests_come_in_heaps),    T(slow_clients_hold_up_nobody),
        T(a_request_has_its_time),    T(what_is_under_way_is_answered),
        T(clients_go_away_meanwhile), T(a_full_queue_says_so),
        T(told_twice_it_ends_at_once), T(one_address_takes_not_all), T(a_handshake_has_its_time),
        cmocka_unit_test_setup_teardown(a_long_one_holds_up_nobody, stand_start_with_two_workers,
                                        stand_stop),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, stand_make_office, stand_end_office);
}
