/* http_stand.c - an HTTPS server in a process of its own, and clients; see http_stand.h. */
#include "tests/aid/http_stand.h"

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

#include "backend/office.h"
#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/proc.h"

char stand_dir[512];
pid_t stand_server;
uint16_t stand_port;
SSL_CTX *stand_tls;
unsigned stand_threads, stand_connections_max = 4, stand_address_max;
int stand_request_s, stand_handshake_s, stand_timeout_s = 1;

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

/* Says what it got: "POST /path 5 type identity". /wait and /long take until the file `gate` is
 * there, and make `inside` when they begin. */
void stand_echo(void *ctx, const struct http_request *r, struct http_response *ret)
{
    char inside[600], gate[600];

    (void)ctx;
    ret->status = 200;
    ret->content_type = "text/plain";
    (void)snprintf(inside, sizeof inside, "%s/inside", stand_dir);
    (void)snprintf(gate, sizeof gate, "%s/gate", stand_dir);
    if (strcmp(r->path, "/nodelay") == 0)
        buf_print(&ret->body, "nodelay=%d ", all_nodelay());
    if (strcmp(r->path, "/wait") == 0 || strcmp(r->path, "/long") == 0) {
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

/* The server's process: tells its port through the pipe, and serves until it is
 * stopped. */
/* /long goes by the lane of that name. */
static bool admit(void *ctx, struct http_request *r, enum http_lane *ret_lane,
                  struct http_response *ret)
{
    (void)ctx, (void)ret;
    *ret_lane = strcmp(r->path, "/long") == 0 ? HTTP_LONG : HTTP_QUICK;
    return true;
}

static void serve(int out, bool is_mutual, int lifetime_s)
{
    char cert[600], key[600], ca[600], at[HTTP_ADDRESS_MAX] = "";
    struct http_listen how = { .host = "127.0.0.1",
                               .port = "0",
                               .cert_file = cert,
                               .key_file = key,
                               .ca_file = is_mutual ? ca : NULL,
                               .body_max = BODY_MAX,
                               .timeout_s = stand_timeout_s,
                               .lifetime_s = lifetime_s,
                               .request_s = stand_request_s,
                               .handshake_s = stand_handshake_s,
                               .connections_max = stand_connections_max,
                               .address_max = stand_address_max,
                               .handler = { .handle = stand_echo,
                                            .handle_long = stand_echo,
                                            .admit = admit } };
    struct http_srv *s = http_srv_new(stand_threads);
    struct gf_fail why = { 0 };

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(cert, sizeof cert, "%s/server.pem", stand_dir);
    (void)snprintf(key, sizeof key, "%s/server.key", stand_dir);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", stand_dir);
    if (s == NULL || http_srv_listen(s, &how, at, &why) != 0) {
        (void)fprintf(stderr, "%s: %s\n", why.where, why.detail);
        _exit(1);
    }
    (void)!write(out, at, sizeof at);

    int r = http_srv_run(s);
    if (r == HTTP_SRV_CUT)
        _exit(STAND_CUT);
    (void)http_srv_free(s);
    exit(r == 0 ? 0 : 1);
}

void stand_start_server(bool is_mutual, int lifetime_s)
{
    char at[HTTP_ADDRESS_MAX];
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    (void)fflush(NULL);
    stand_server = fork();
    assert_true(stand_server >= 0);
    if (stand_server == 0)
        serve(fds[1], is_mutual, lifetime_s);
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], at, sizeof at), sizeof at);
    (void)close(fds[0]);
    stand_port = (uint16_t)atoi(strrchr(at, ':') + 1);
    assert_true(stand_port > 0);
}

int stand_start_alone(void **state)
{
    (void)state;
    stand_threads = 1;
    stand_start_server(false, 600);
    return 0;
}

int stand_start_with_worker(void **state)
{
    (void)state;
    stand_threads = 2;
    stand_start_server(false, 600);
    return 0;
}

int stand_start_with_two_workers(void **state)
{
    (void)state;
    stand_threads = 3;
    stand_start_server(false, 600);
    return 0;
}

/* It ends well when it is told to: nothing is left behind. */
int stand_stop(void **state)
{
    int status = -1;

    (void)state;
    (void)kill(stand_server, SIGTERM);
    assert_int_equal(waitpid(stand_server, &status, 0), stand_server);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}

int stand_make_office(void **state)
{
    const struct office_ports ports = { gf_real_clock(), gf_real_random(), mc_crypto_openssl() };
    struct gf_fail why = { 0 };

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(stand_dir, sizeof stand_dir, "%s/office", aid_tmpdir());
    stand_tls = SSL_CTX_new(TLS_client_method());
    return office_init(stand_dir, NULL, 0, &ports, &why);
}

int stand_end_office(void **state)
{
    (void)state;
    SSL_CTX_free(stand_tls);
    return 0;
}

/* ---- clients ---- */

int stand_connect_from(uint32_t address)
{
    struct sockaddr_in from = { .sin_family = AF_INET };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(stand_port) };
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    from.sin_addr.s_addr = htonl(address);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int stand_connect_plain(void)
{
    return stand_connect_from(INADDR_LOOPBACK);
}

SSL *stand_connect_tls(void)
{
    SSL *ssl = SSL_new(stand_tls);

    assert_int_equal(SSL_set_fd(ssl, stand_connect_plain()), 1);
    assert_int_equal(SSL_connect(ssl), 1);
    return ssl;
}

void stand_close_tls(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);

    SSL_free(ssl);
    (void)close(fd);
}

bool stand_send_text(SSL *ssl, const char *text)
{
    return SSL_write(ssl, text, (int)strlen(text)) == (int)strlen(text);
}

/* Everything until the server closes; at most 10 s. */
void stand_read_all(SSL *ssl, char *ret, size_t cap)
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
void stand_expect(const char *request, const char *status, const char *words)
{
    char got[4096];
    SSL *ssl = stand_connect_tls();

    (void)stand_send_text(ssl, request);
    stand_read_all(ssl, got, sizeof got);
    stand_close_tls(ssl);
    if (strncmp(got, "HTTP/1.", 7) != 0 || strncmp(got + 9, status, 3) != 0
        || strstr(got, words) == NULL)
        fail_msg("%s\n-> %s", request, got);
}
