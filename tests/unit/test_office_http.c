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
#include "backend/office.h"
#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/proc.h"

#define BODY_MAX 10000

static char dir[512];
static pid_t server;
static uint16_t port;
static unsigned threads, connections_max = 4; /* of the server under test */
static int request_s;
static SSL_CTX *tls;

/* 1 when TCP_NODELAY is set on every connection that this process has. */
static int all_nodelay(void)
{
    int all = 1, n = 0;

    for (int fd = 0; fd < 64; fd++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer, k = sizeof(int);
        int on = 0;

        if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0 || peer.ss_family != AF_INET)
            continue;
        n++;
        all = getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &k) == 0 && on != 0 ? all : 0;
    }
    return n > 0 ? all : 0;
}

/* Says what it got: "POST /path 5 type identity". /wait takes until the file `gate` is there, and
 * makes `inside` when it begins. */
static void echo(void *ctx, const struct http_request *r, struct http_response *ret)
{
    char inside[600], gate[600];

    (void)ctx;
    ret->status = 200;
    ret->content_type = "text/plain";
    (void)snprintf(inside, sizeof inside, "%s/inside", dir);
    (void)snprintf(gate, sizeof gate, "%s/gate", dir);
    if (strcmp(r->path, "/nodelay") == 0)
        buf_print(&ret->body, "nodelay=%d ", all_nodelay());
    if (strcmp(r->path, "/wait") == 0) {
        (void)close(open(inside, O_WRONLY | O_CREAT, 0600));
        while (access(gate, F_OK) != 0)
            (void)poll(NULL, 0, 5);
    }
    if (strcmp(r->path, "/limited") == 0) {
        ret->status = 429;
        ret->retry_after_s = 7;
    }
    if (strcmp(r->path, "/login") == 0)
        ret->status = 401;
    if (strcmp(r->path, "/method") == 0) {
        ret->status = 405;
        ret->allow = "GET, POST";
    }
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
                               .request_s = request_s,
                               .connections_max = connections_max,
                               .handler = { .handle = echo } };
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

static void headers_are_told(void **state)
{
    (void)state;
    expect("GET /limited HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "429", "Retry-After: 7\r\n");
    expect("GET /login HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "401",
           "WWW-Authenticate: Bearer realm=\"gasoffice\"\r\n");
    expect("GET /method HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "405", "Allow: GET, POST\r\n");
    expect("GET /a HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "Request-Id: ");
    expect("GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n" CLOSE "\r\n",
           "400", "");
}

/* Small answers do not wait for acknowledgements. */
static void nagle_is_off(void **state)
{
    (void)state;
    expect("GET /nodelay HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "nodelay=1");
}

/* Requests that came in one write are answered one after another. */
static void requests_come_in_heaps(void **state)
{
    static char heap[8192], got[65536];
    size_t n = 0;
    SSL *ssl = connect_tls();
    const char *at = got;

    (void)state;
    for (int i = 0; i < 50; i++)
        n += (size_t)snprintf(heap + n, sizeof heap - n, "GET /%d HTTP/1.1\r\nHost: a\r\n%s\r\n", i,
                              i == 49 ? CLOSE : "");
    assert_true(send_text(ssl, heap));
    read_all(ssl, got, sizeof got);
    for (int i = 0; i < 50; i++) {
        char want[16];

        (void)snprintf(want, sizeof want, "GET /%d 0", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
    close_tls(ssl);
}

/* Many connections that say nothing, or a byte at a time: others are served meanwhile. */
static void slow_clients_hold_up_nobody(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 64\r\n\r\n";
    SSL *slow[24];

    connections_max = 64;
    (void)stop(state);
    start_server(false, 600);
    for (size_t i = 0; i < 24; i++) {
        slow[i] = connect_tls();
        if (i % 3 == 2)
            assert_true(send_text(slow[i], head));
    }
    for (size_t k = 0; k < 20; k++) {
        for (size_t i = 0; i < 24; i++)
            if (i % 3 != 0)
                (void)SSL_write(slow[i], i % 3 == 1 ? &head[k] : "x", 1);
        expect("GET /quick HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /quick");
    }
    for (size_t i = 0; i < 24; i++)
        close_tls(slow[i]);
    connections_max = 4;
}

/* A request that takes too long to come is cut off, byte by byte as it may come; an idle connection
 * between two requests is not timed by that. */
static void a_request_has_its_time(void **state)
{
    long long until = aid_now_ms() + 20000;
    struct pollfd wait = { .events = POLLIN };
    char got[512];
    SSL *ssl;

    request_s = 1;
    (void)stop(state);
    start_server(false, 600);
    ssl = connect_tls();
    assert_true(send_text(ssl, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(SSL_read(ssl, got, sizeof got) > 0);
    assert_true(send_text(ssl, "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n"));
    wait.fd = SSL_get_fd(ssl);
    while (send_text(ssl, "x") && (SSL_pending(ssl) == 0 && poll(&wait, 1, 100) == 0))
        assert_true(aid_now_ms() < until);
    close_tls(ssl);
    expect("GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /");
    request_s = 0;
}

static void wait_for(const char *name)
{
    char path[600];
    long long until = aid_now_ms() + 20000;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    while (access(path, F_OK) != 0) {
        assert_true(aid_now_ms() < until);
        (void)poll(NULL, 0, 5);
    }
    (void)unlink(path);
}

static void open_gate(void)
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s/gate", dir);
    (void)close(open(path, O_WRONLY | O_CREAT, 0600));
}

static void close_gate(void)
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s/gate", dir);
    (void)unlink(path);
}

/* Told to stop, the server answers what is under way, lets nobody more in, and ends. */
static void what_is_under_way_is_answered(void **state)
{
    char got[1024];
    int status = -1;
    SSL *ssl;

    (void)state;
    if (threads == 1) /* then nothing is under way while the loop runs */
        return;
    close_gate();
    ssl = connect_tls();
    assert_true(send_text(ssl, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
    wait_for("inside");
    assert_int_equal(kill(server, SIGTERM), 0);
    open_gate();
    read_all(ssl, got, sizeof got);
    assert_non_null(strstr(got, "GET /wait"));
    assert_non_null(strstr(got, "Connection: close"));
    close_tls(ssl);
    assert_int_equal(waitpid(server, &status, 0), server);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    start_server(false, 600);
}

/* A client that goes away while its request is worked on is nobody's trouble. */
static void clients_go_away_meanwhile(void **state)
{
    (void)state;
    if (threads == 1)
        return;
    close_gate();
    for (int i = 0; i < 3; i++) {
        SSL *ssl = connect_tls();

        assert_true(send_text(ssl, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
        if (i == 0)
            wait_for("inside");
        close_tls(ssl);
    }
    open_gate();
    expect("GET /after HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n", "200", "GET /after");
}

/* More requests than may wait are told so at once, and nothing is lost of those that do. */
static void a_full_queue_says_so(void **state)
{
    static SSL *waiting[300];
    size_t busy = 0, done = 0;

    if (threads == 1)
        return;
    connections_max = 400;
    (void)stop(state);
    start_server(false, 600);
    close_gate();
    for (size_t i = 0; i < 300; i++) {
        waiting[i] = connect_tls();
        assert_true(send_text(waiting[i], i == 0 ? "GET /wait HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n"
                                                 : "GET /x HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n"));
        if (i == 0)
            wait_for("inside");
    }
    open_gate();
    for (size_t i = 0; i < 300; i++) {
        char got[1024];

        read_all(waiting[i], got, sizeof got);
        busy += strstr(got, "\"error\":\"busy\"") != NULL && strstr(got, "Retry-After: 1") != NULL;
        done += strncmp(got + 9, "200", 3) == 0;
        close_tls(waiting[i]);
    }
    assert_int_equal(busy + done, 300);
    assert_true(done >= 257);
    connections_max = 4;
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
                               .handler = { .handle = echo } };
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
        T(headers_are_told),
        T(nagle_is_off),
        T(requests_come_in_heaps),
        T(slow_clients_hold_up_nobody),
        T(a_request_has_its_time),
        T(what_is_under_way_is_answered),
        T(clients_go_away_meanwhile),
        T(a_full_queue_says_so),
        T(bad_addresses_and_files_are_told),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_office, end_office);
}
