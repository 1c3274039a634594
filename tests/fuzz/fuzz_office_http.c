/* fuzz_office_http.c - what a socket brings to the server: HTTP's own lines, headers, lengths and
 * chunks, with head office behind them. The listener is the plain one; TLS is OpenSSL's.
 *
 * Input: the bytes of a connection. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/http_srv.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/office.h"

#define BODY_MAX 4096

static struct sockaddr_in at;

/* On the server's thread: the limits hold before anything is handed on. */
static void handle(void *ctx, const struct http_request *r, struct http_response *ret)
{
    (void)ctx;
    FUZZ_INSIST(r->body.n <= BODY_MAX, "a body longer than is taken");
    FUZZ_INSIST(r->identity[0] == '\0' && !r->is_mutual, "a name without a certificate");
    FUZZ_INSIST(strlen(r->path) < 1024 && r->method[0] != '\0', "a path longer than is taken");
    memset(each_office.o->tries, 0, sizeof each_office.o->tries);
    office_handle(each_office.o, r, ret);
    FUZZ_INSIST(ret->status < 500, "something goes wrong inside");
}

static void *serve(void *server)
{
    FUZZ_INSIST(http_srv_run(server) == 0, "the loop ends");
    return NULL;
}

static void start(void)
{
    const struct http_listen how = { .host = "127.0.0.1",
                                     .port = "0",
                                     .body_max = BODY_MAX,
                                     .timeout_s = 30,
                                     .lifetime_s = 60,
                                     .connections_max = 8,
                                     .handler = { .handle = handle } };
    struct http_srv *srv = http_srv_new(1);
    struct gf_fail why = { 0 };
    char text[HTTP_ADDRESS_MAX];
    pthread_t thread;

    (void)fuzz_office();
    FUZZ_INSIST(srv != NULL && http_srv_listen(srv, &how, text, &why) == 0, "no server");
    at = (struct sockaddr_in){ .sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(strrchr(text, ':') + 1)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    FUZZ_INSIST(pthread_create(&thread, NULL, serve, srv) == 0, "no thread");
    (void)pthread_detach(thread);
}

/* An answer begins as one does. */
static void read_answers(int fd)
{
    char got[4096];
    size_t n = 0;
    ssize_t k;

    while ((k = recv(fd, got + n, sizeof got - n, 0)) > 0)
        n = n + (size_t)k < sizeof got ? n + (size_t)k : sizeof got / 2;
    FUZZ_INSIST(n < 12 || n >= sizeof got / 2 || memcmp(got, "HTTP/", 5) == 0,
                "what comes is no answer");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t n = 0;

    if (at.sin_port == 0)
        start();
    FUZZ_INSIST(fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0, "not heard");
    while (n < size) {
        ssize_t k = send(fd, data + n, size - n, MSG_NOSIGNAL);

        if (k <= 0)
            break;
        n += (size_t)k;
    }
    (void)shutdown(fd, SHUT_WR);
    read_answers(fd);
    (void)close(fd);
    return 0;
}
