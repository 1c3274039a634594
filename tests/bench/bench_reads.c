/* bench_reads.c - reads of head office's service over TLS, against a handler without an office; see
 * docs/bench.md.
 *
 * Both are processes of their own with the same TLS: the service whole, with its log in a file, and
 * bare evhttp, which answers as many bytes as the service's answers have. The same client asks both
 * in turns, over connections that are kept; their processors' time is read from outside.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>

#include "backend/http_listen.h"
#include "backend/office_register.h"
#include "backend/service.h"
#include "common/host/real.h"
#include "tests/aid/books_aid.h"
#include "tests/bench/bench.h"
#include "tests/bench/device.h"

#define ROUNDS 15
#define CLIENTS 8
#define METERS 200
#define WARM_UP 200

static struct books books;
static char dir[512], device_pem[600];

/* ---- servers ---- */

struct server {
    pid_t pid;
    clockid_t processor; /* the time that it had of one */
    SSL *clients[CLIENTS];
};

static void write_line(void *ctx, const char *line, size_t n)
{
    (void)!write(*(int *)ctx, line, n);
}

static void tell(int out, const char *at)
{
    char text[HTTP_ADDRESS_MAX] = "";

    (void)snprintf(text, sizeof text, "%s", at);
    bench_need(write(out, text, sizeof text) == sizeof text, "a server's place");
}

static void tell_ready(void *ctx, const char *url, const char *public_url, const char *metrics_url)
{
    (void)public_url, (void)metrics_url;
    tell(*(int *)ctx, url + strlen("https://"));
}

static void serve_office(int out, unsigned threads)
{
    const struct office_ports ports = { gf_real_clock(), gf_real_random(),
                                        books.office.ports.crypto };
    struct office *o = NULL;
    struct gf_fail why = { 0 };
    FILE *log = tmpfile();

    bench_need(log != NULL && office_open(dir, &ports, &o, &why) == 0, why.detail);

    int fd = fileno(log);
    const struct service_options options = { .dir = dir,
                                             .listen = "127.0.0.1:0",
                                             .public_listen = "127.0.0.1:0",
                                             .threads = threads,
                                             .log = { &fd, write_line },
                                             .ctx = &out,
                                             .ready = tell_ready };
    int r = service_run(o, &options, &why);
    (void)office_close(o);
    _exit(r == 0 ? 0 : 1);
}

static struct bufferevent *bare_connection(struct event_base *base, void *tls)
{
    return bufferevent_openssl_socket_new(base, -1, SSL_new(tls), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

/* The path says how many bytes are wanted. */
static void bare_answer(struct evhttp_request *req, void *bytes)
{
    size_t n = strtoul(evhttp_request_get_uri(req) + 1, NULL, 10);
    struct evbuffer *body = evbuffer_new();
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

    (void)evbuffer_add(body, bytes, n);
    (void)evhttp_add_header(headers, "Content-Type", "application/json");
    evhttp_send_reply(req, 200, NULL, body);
    evbuffer_free(body);
}

static void serve_bare(int out, unsigned threads)
{
    static char bytes[65536], cert[600], key[600], ca[600];
    const struct http_listen how = { .host = "127.0.0.1",
                                     .port = "0",
                                     .cert_file = cert,
                                     .key_file = key,
                                     .ca_file = ca };
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct gf_fail why = { 0 };
    char at[HTTP_ADDRESS_MAX];
    SSL_CTX *tls = NULL;
    int fd = -1;

    (void)threads;
    memset(bytes, 'x', sizeof bytes);
    (void)snprintf(cert, sizeof cert, "%s/server.pem", dir);
    (void)snprintf(key, sizeof key, "%s/server.key", dir);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    bench_need(http_make_tls(&how, &tls, &why) == 0 && http_open_socket(&how, &fd, &why) == 0
                   && http_address_of(fd, at) && evhttp_accept_socket(http, fd) == 0,
               why.detail);
    evhttp_set_bevcb(http, bare_connection, tls);
    evhttp_set_gencb(http, bare_answer, bytes);
    tell(out, at);
    (void)event_base_dispatch(base);
    _exit(1);
}

/* ---- the client ---- */

static SSL *connect_to(SSL_CTX *tls, const char *at)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SSL *ssl = SSL_new(tls);

    to.sin_port = htons((uint16_t)strtoul(strrchr(at, ':') + 1, NULL, 10));
    bench_need(connect(fd, (const struct sockaddr *)&to, sizeof to) == 0, at);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bench_need(SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1, "a connection of TLS");
    return ssl;
}

static void start(struct server *s, void (*serve)(int out, unsigned threads), unsigned threads)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    char at[HTTP_ADDRESS_MAX], ca[600];
    int fds[2];

    bench_need(pipe(fds) == 0, "a pipe");
    (void)fflush(NULL);
    s->pid = fork();
    if (s->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(fds[1], threads);
    }
    bench_need(s->pid > 0 && read(fds[0], at, sizeof at) == sizeof at, "a server");
    (void)close(fds[0]);
    (void)close(fds[1]);
    bench_need(clock_getcpuclockid(s->pid, &s->processor) == 0, "a server's time");

    (void)snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    bench_need(SSL_CTX_use_certificate_chain_file(tls, device_pem) == 1
                   && SSL_CTX_use_PrivateKey_file(tls, device_pem, SSL_FILETYPE_PEM) == 1
                   && SSL_CTX_load_verify_file(tls, ca) == 1,
               device_pem);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    for (size_t i = 0; i < CLIENTS; i++)
        s->clients[i] = connect_to(tls, at);
    SSL_CTX_free(tls);
}

static void stop(struct server *s)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        int fd = SSL_get_fd(s->clients[i]);

        SSL_free(s->clients[i]);
        (void)close(fd);
    }
    bench_need(kill(s->pid, SIGTERM) == 0 && waitpid(s->pid, NULL, 0) == s->pid, "a server ends");
}

static void ask(SSL *ssl, const char *path)
{
    char text[300];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);

    bench_need(SSL_write(ssl, text, n) == n, "a request goes out");
}

/* Reads one answer, which has to be 200; how long its body is. */
static size_t take(SSL *ssl)
{
    static char text[131072];
    size_t n = 0, length = 0;
    const char *end = NULL;

    do {
        int got = SSL_read(ssl, text + n, (int)(sizeof text - 1 - n));

        bench_need(got > 0, "an answer comes");
        n += (size_t)got;
        text[n] = '\0';
        if (end == NULL && (end = strstr(text, "\r\n\r\n")) != NULL) {
            const char *header = strstr(text, "\r\nContent-Length:");

            bench_need(strncmp(text, "HTTP/1.1 200", 12) == 0 && header != NULL, text);
            length = strtoul(header + 17, NULL, 10);
        }
    } while (end == NULL || n < (size_t)(end + 4 - text) + length);
    return length;
}

static double processor_us(const struct server *s)
{
    struct timespec t;

    bench_need(clock_gettime(s->processor, &t) == 0, "a server's time");
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* n requests, all connections busy the whole time: us of the clock for one, and of a processor. */
static void measure(const struct server *s, const char *path, size_t n, double *ret_us,
                    double *ret_processor_us)
{
    double began_us = processor_us(s), from = bench_now_us();

    for (size_t i = 0; i < CLIENTS; i++)
        ask(s->clients[i], path);
    for (size_t i = 0; i < n; i++) {
        (void)take(s->clients[i % CLIENTS]);
        if (i + CLIENTS < n)
            ask(s->clients[i % CLIENTS], path);
    }
    *ret_us = (bench_now_us() - from) / (double)n;
    *ret_processor_us = (processor_us(s) - began_us) / (double)n;
}

/* ---- rows of the table ---- */

static void rounds(const struct server *office, const struct server *bare, const char *how,
                   const char *path, size_t n)
{
    double us[2][ROUNDS], processor[2][ROUNDS], ratios[2][ROUNDS];
    char bare_path[32], text[120];

    ask(office->clients[0], path);
    size_t size = take(office->clients[0]);
    (void)snprintf(bare_path, sizeof bare_path, "/%zu", size);
    for (size_t i = 0; i < ROUNDS; i++) {
        measure(office, path, n, &us[0][i], &processor[0][i]);
        measure(bare, bare_path, n, &us[1][i], &processor[1][i]);
        ratios[0][i] = us[1][i] / us[0][i];
        ratios[1][i] = processor[0][i] / processor[1][i];
        us[0][i] = 1e6 / us[0][i];
        us[1][i] = 1e6 / us[1][i];
    }
    (void)snprintf(text, sizeof text, "read, %s: %s (%zu bytes)", how, path, size);
    bench_row(text, "requests/s", bench_quantile(us[0], ROUNDS, 0.5),
              bench_quantile(us[1], ROUNDS, 0.5), bench_quantile(ratios[0], ROUNDS, 0.5));
    bench_row(text, "CPU us each", bench_quantile(processor[0], ROUNDS, 0.5),
              bench_quantile(processor[1], ROUNDS, 0.5), bench_quantile(ratios[1], ROUNDS, 0.5));
}

static void measure_with(unsigned threads, const struct server *bare)
{
    struct server office;
    const char *how = threads > 1 ? "handlers on a thread" : "one thread";
    double us;

    start(&office, serve_office, threads);
    measure(&office, "/v1/meters", WARM_UP, &us, &us);
    rounds(&office, bare, how, "/v1/meters/" AID_METER_1, 800);
    rounds(&office, bare, how, "/v1/accounts/1001", 800);
    rounds(&office, bare, how, "/v1/meters", 200);
    stop(&office);
}

/* ---- the scene ---- */

static void add_meters(void)
{
    static char text[METERS * 200 + 100];
    size_t at = (size_t)snprintf(
        text, sizeof text, "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n");

    for (unsigned i = 0; i < METERS; i++) {
        char id[GF_METER_ID_TEXT];

        (void)snprintf(id, sizeof id, "GM25%06u", i);
        bench_need(gf_meter_id_digits(id, id + 10) == 0, "a meter's id");
        oaid_shipment_row(id, (uint8_t)(i + 1), text + at);
        at += strlen(text + at);
    }
    bench_need(oaid_import_meters(&books.office, text) == 0, "meters");
}

int main(void)
{
    char id[GF_UUID_TEXT];
    struct server bare;
    double us;

    (void)unsetenv("OFFICE_DB");
    books_story(&books);
    add_meters();
    (void)snprintf(dir, sizeof dir, "%s", books.office.dir);
    (void)snprintf(device_pem, sizeof device_pem, "%s/device.pem", dir);
    bench_need(ho_add_staff(books.office.o, "S100", "Alma Petit", "auditor") == 0, "an auditor");
    bench_device(&books.office, "S100", device_pem, id);
    books_end(&books);
    (void)signal(SIGPIPE, SIG_IGN);
    start(&bare, serve_bare, 1);
    measure(&bare, "/500", WARM_UP, &us, &us);
    measure_with(1, &bare);
    measure_with(2, &bare);
    stop(&bare);
    return 0;
}
