/* test_client_sync.c - the office port over real TLS, against a server that answers well and badly.
 */
#include "backend/client/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "common/host/loop.h"
#include "common/text.h"
#include "tests/aid/proc.h"
#include "tests/aid/store_tls.h"

#define DEVICE "01890a5d-ac96-774b-bcce-b302099a8057"
#define BOUND_MS 20000          /* of every wait; nothing here takes longer but a hang */

static struct tls_id ca, server_id, device, sign, other_ca, other_server, other_device;

static int make_ids(void **state)
{
    (void)state;
    tls_id_make(&ca, "Office CA", NULL, true, NULL);
    tls_id_make(&server_id, "office", &ca, false, "IP:127.0.0.1,DNS:localhost");
    tls_id_make(&device, DEVICE, &ca, false, NULL);
    tls_id_make(&sign, "sign", &ca, false, NULL);
    tls_id_make(&other_ca, "Office CA", NULL, true, NULL);
    tls_id_make(&other_server, "office", &other_ca, false, "IP:127.0.0.1");
    tls_id_make(&other_device, DEVICE, &other_ca, false, NULL);
    return 0;
}

static int free_ids(void **state)
{
    struct tls_id *all[] = {&ca,       &server_id,    &device,      &sign,
                            &other_ca, &other_server, &other_device};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tls_id_free(all[i]);
    return 0;
}

/* ---- what the client told ---- */

struct heard {
    struct office_client *client;
    int count, code;
    char detail[160];
    uint8_t *body;
    size_t n;
    bool inside, again;
};

static void done(void *ctx, int code, const char *detail, const uint8_t *body, size_t n)
{
    struct heard *h = ctx;

    assert_false(h->inside);
    h->count++;
    h->code = code;
    (void)gf_copy(h->detail, sizeof h->detail, detail);
    free(h->body);
    h->body = malloc(n + 1);
    assert_non_null(h->body);
    if (n > 0)
        memcpy(h->body, body, n);
    h->n = n;
    if (h->again) {
        const struct office_port *port = office_client_port(h->client);

        h->again = false;
        assert_int_equal(port->post_sync(port->ctx, (const uint8_t *)"again", 5), 0);
    }
}

static struct office_client_config config(const char *url)
{
    return (struct office_client_config){.url = url,
                                         .ca_pem = ca.cert_pem,
                                         .cert_pem = device.cert_pem,
                                         .key_pem = device.key_pem,
                                         .sign_pem = sign.cert_pem,
                                         .device_id = DEVICE,
                                         .user_agent = "gasfitter/test"};
}

static int post(struct heard *h, const void *body, size_t n)
{
    const struct office_port *port = office_client_port(h->client);

    h->inside = true;
    int r = port->post_sync(port->ctx, body, n);
    h->inside = false;
    return r;
}

/* Drive the loop until `count` outcomes have come. */
static void wait_for(struct heard *h, int count)
{
    const struct gf_source *source = office_client_source(h->client);
    long long end = aid_now_ms() + BOUND_MS;

    while (h->count < count) {
        if (aid_now_ms() > end)
            fail_msg("nothing came");
        assert_int_equal(gf_loop_once(&source, 1, 1000), 0);
    }
}

static void make_client(struct heard *h, struct office_events *events,
                        const struct office_client_config *cfg)
{
    struct gf_fail why = {0};

    *h = (struct heard){.client = office_client_new(cfg, &why)};
    if (h->client == NULL)
        fail_msg("%s: %s", why.where, why.detail);
    *events = (struct office_events){h, done};
    office_client_port(h->client)->bind(office_client_port(h->client)->ctx, events);
}

static void free_client(struct heard *h)
{
    h->client = office_client_free(h->client);
    free(h->body);
}

/* One request to a server of this kind: what became of it. *ret_requests counts what the server
 * read. */
static int one_post(const struct tls_server_how *how, const char *url, struct heard *h,
                    int *ret_requests)
{
    static char request[TLS_REQUEST_MAX];
    struct tls_server server = {0};
    struct office_events events;
    unsigned connection;

    tls_server_start(&server, how);
    struct office_client_config cfg = config(url != NULL ? url : server.url);
    char with_port[80];
    if (url != NULL) {
        (void)snprintf(with_port, sizeof with_port, "%s:%d", url, server.port);
        cfg.url = with_port;
    }
    cfg.stall_s = 1;
    make_client(h, &events, &cfg);
    assert_int_equal(post(h, "hello", 5), 0);
    wait_for(h, 1);
    *ret_requests = 0;
    while (tls_server_request(&server, request, sizeof request, &connection) > 0)
        ++*ret_requests;
    h->client = office_client_free(h->client);
    tls_server_stop(&server);
    free(h->body);
    h->body = NULL;
    return h->code;
}

static size_t respond_text(void *ctx, const char *request, size_t n, char *ret, size_t cap)
{
    (void)request;
    (void)n;
    return (size_t)snprintf(ret, cap, "%s", (const char *)ctx);
}

/* Answers with the body that came. */
static size_t respond_echo(void *ctx, const char *request, size_t n, char *ret, size_t cap)
{
    const char *body = strstr(request, "\r\n\r\n") + 4;
    size_t len = n - (size_t)(body - request);
    int head = snprintf(ret, cap, "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
                                  "Content-Length: %zu\r\n\r\n", len);

    (void)ctx;
    memcpy(ret + head, body, len);
    return (size_t)head + len;
}

static struct tls_server_how good_server(void)
{
    return (struct tls_server_how){.id = &server_id, .client_ca = &ca, .respond = respond_echo};
}

/* ---- good answers ---- */

static void a_post_is_answered(void **state)
{
    struct tls_server_how how = good_server();
    struct tls_server server = {0};
    struct office_events events;
    struct heard h;
    static char request[TLS_REQUEST_MAX];
    uint8_t body[3000];
    unsigned connection;

    (void)state;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 7);
    tls_server_start(&server, &how);
    struct office_client_config cfg = config(server.url);
    make_client(&h, &events, &cfg);
    assert_int_equal(office_client_source(h.client)->timeout_ms(
                         office_client_source(h.client)->ctx),
                     -1);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(post(&h, body, sizeof body), 0);
        assert_int_equal(post(&h, body, 1), GF_E_NOT_NOW);
        wait_for(&h, i);
        assert_int_equal(h.code, 0);
        assert_int_equal(h.n, sizeof body);
        assert_memory_equal(h.body, body, sizeof body);

        assert_true(tls_server_request(&server, request, sizeof request, &connection) > 0);
        assert_int_equal(connection, 1);        /* one connection for all */
        assert_int_equal(strncmp(request, "POST /v1/sync HTTP/1.1\r\n", 24), 0);
        assert_non_null(strstr(request, "\r\nContent-Type: application/x-protobuf\r\n"));
        assert_non_null(strstr(request, "\r\nUser-Agent: gasfitter/test\r\n"));
    }
    free_client(&h);
    tls_server_stop(&server);
}

static void an_event_may_post_again(void **state)
{
    struct tls_server_how how = good_server();
    struct tls_server server = {0};
    struct office_events events;
    struct heard h;

    (void)state;
    how.close_after = true;             /* and the connection has to be made again */
    tls_server_start(&server, &how);
    struct office_client_config cfg = config(server.url);
    make_client(&h, &events, &cfg);
    h.again = true;
    assert_int_equal(post(&h, "first", 5), 0);
    wait_for(&h, 2);
    assert_int_equal(h.code, 0);
    assert_int_equal(h.n, 5);
    assert_memory_equal(h.body, "again", 5);
    free_client(&h);
    tls_server_stop(&server);
}

static void an_empty_answer_and_an_empty_post_are_fine(void **state)
{
    struct tls_server_how how = good_server();
    struct tls_server server = {0};
    struct office_events events;
    struct heard h;

    (void)state;
    tls_server_start(&server, &how);
    struct office_client_config cfg = config(server.url);
    make_client(&h, &events, &cfg);
    assert_int_equal(post(&h, NULL, 0), 0);
    wait_for(&h, 1);
    assert_int_equal(h.code, 0);
    assert_int_equal(h.n, 0);
    free_client(&h);
    tls_server_stop(&server);
}

static void proxies_of_the_environment_are_not_used(void **state)
{
    struct tls_server_how how = good_server();
    struct heard h;
    int requests;

    (void)state;
    assert_int_equal(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(one_post(&how, NULL, &h, &requests), 0);
    assert_int_equal(requests, 1);
    assert_int_equal(unsetenv("https_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

/* ---- statuses ---- */

static void statuses_are_told_apart(void **state)
{
    static const struct {
        const char *status, *body;
        int code;
        const char *detail;
    } cases[] = {
        {"403 Forbidden", "{\"error\":\"revoked\",\"message\":\"this device is revoked\"}",
         GF_E_REVOKED, "this device is revoked"},
        {"403 Forbidden", "{\"error\":\"revoked\"}", GF_E_REVOKED, "revoked"},
        {"401 Unauthorized", "{\"error\":\"revoked\"}", GF_E_OFFICE_REFUSED, "revoked"},
        {"403 Forbidden", "{\"error\":\"role\",\"message\":\"not a technician\"}",
         GF_E_OFFICE_REFUSED, "not a technician"},
        {"400 Bad Request",
         "{\"error\":\"schema\",\"message\":\"unknown schema\",\"field\":\"schema\"}",
         GF_E_OFFICE_REFUSED, "schema: unknown schema"},
        {"400 Bad Request", "{\"message\":\"a\\u0007b\\u001b[2J\",\"field\":7}",
         GF_E_OFFICE_REFUSED, "a?b?[2J"},
        {"400 Bad Request", "{}", GF_E_OFFICE_REFUSED, "HTTP status 400"},
        {"429 Too Many", "{\"message\":\"later\"}", GF_E_OFFICE_ANSWER, "later"},
        {"408 Timeout", "{\"message\":\"later\"}", GF_E_OFFICE_ANSWER, "later"},
        {"404 Not Found", "<html>no</html>", GF_E_OFFICE_ANSWER, "HTTP status 404"},
        {"404 Not Found", "", GF_E_OFFICE_ANSWER, "HTTP status 404"},
        {"500 Oops", "{\"error\":\"internal\",\"message\":\"the disk is full\"}",
         GF_E_OFFICE_ANSWER, "the disk is full"},
        {"503 Busy", "", GF_E_OFFICE_ANSWER, "HTTP status 503"},
        {"204 None", "", GF_E_OFFICE_ANSWER, "HTTP status 204"},
        {"403 Forbidden", "[\"revoked\"]", GF_E_OFFICE_REFUSED, "HTTP status 403"},
        {"302 Found\r\nLocation: https://127.0.0.1:1/v1/sync", "", GF_E_OFFICE_ANSWER,
         "HTTP status 302"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char answer[512];
        struct tls_server_how how = good_server();
        struct heard h;
        int requests;

        if (strncmp(cases[i].status, "204", 3) == 0)
            (void)snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\n\r\n", cases[i].status);
        else
            (void)snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s",
                           cases[i].status, strlen(cases[i].body), cases[i].body);
        how.respond = respond_text;
        how.ctx = answer;
        int code = one_post(&how, NULL, &h, &requests);
        if (code != cases[i].code || strcmp(h.detail, cases[i].detail) != 0)
            fail_msg("case %zu: %d \"%s\"", i, code, h.detail);
        assert_int_equal(requests, 1);
        assert_int_equal(h.n, 0);
    }
}

/* ---- bad connections ---- */

static void nobody_listens(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct office_events events;
    struct heard h;
    char url[64];

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at),
                     0); /* bound, and not listening: refused */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%d", ntohs(at.sin_port));
    struct office_client_config cfg = config(url);
    make_client(&h, &events, &cfg);
    assert_int_equal(post(&h, "x", 1), 0);
    wait_for(&h, 1);
    assert_int_equal(h.code, GF_E_OFFICE_AWAY);
    assert_true(strlen(h.detail) > 0);
    free_client(&h);
    (void)close(fd);

    cfg = config("https://no-such-host.invalid:8443");
    make_client(&h, &events, &cfg);
    assert_int_equal(post(&h, "x", 1), 0);
    wait_for(&h, 1);
    assert_int_equal(h.code, GF_E_OFFICE_AWAY);
    free_client(&h);
}

static void tls_that_is_not_ours_is_refused(void **state)
{
    struct tls_server_how how = good_server();
    struct heard h;
    int requests;

    (void)state;
    how.id = &other_server;             /* another CA with the same name */
    assert_int_equal(one_post(&how, NULL, &h, &requests), GF_E_OFFICE_TLS);
    assert_int_equal(requests, 0);
    how.shown_ca = &other_ca;
    assert_int_equal(one_post(&how, NULL, &h, &requests), GF_E_OFFICE_TLS);
    assert_int_equal(requests, 0);
    how = good_server();
    how.id = &device;                   /* our CA, but no server of this name */
    assert_int_equal(one_post(&how, NULL, &h, &requests), GF_E_OFFICE_TLS);
    assert_int_equal(requests, 0);
    how = good_server();
    how.tls_version = TLS1_2_VERSION;
    assert_int_equal(one_post(&how, NULL, &h, &requests), GF_E_OFFICE_TLS);
    assert_int_equal(requests, 0);
    how = good_server();
    how.client_ca = &other_ca;          /* it does not take our certificate */
    assert_int_equal(one_post(&how, NULL, &h, &requests), GF_E_OFFICE_TLS);
    assert_int_equal(requests, 0);
    how = good_server();
    assert_int_equal(one_post(&how, "https://localhost", &h, &requests), 0);
    assert_int_equal(one_post(&how, "https://127.0.0.1", &h, &requests), 0);
}

static void a_connection_that_breaks_is_an_office_that_is_away(void **state)
{
    struct tls_server_how how = good_server();
    struct heard h;
    int requests;

    (void)state;
    how.hang_up = true;
    assert_int_equal(one_post(&how, NULL, &h, &requests), GF_E_OFFICE_AWAY);
    how = good_server();
    how.silent = true;                  /* stall_s is 1 */
    assert_int_equal(one_post(&how, NULL, &h, &requests), GF_E_OFFICE_AWAY);
    assert_int_equal(requests, 1);
}

/* The answer is cut after each of its bytes: never taken for whole. */
static void a_cut_answer_is_no_answer(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    struct tls_server_how how = good_server();
    struct heard h;
    int requests;

    (void)state;
    how.respond = respond_text;
    how.ctx = (void *)(uintptr_t)answer;
    for (long keep = 0; keep < (long)strlen(answer); keep++) {
        how.cut_after = keep + 1;
        int code = one_post(&how, NULL, &h, &requests);
        if (code != GF_E_OFFICE_AWAY)
            fail_msg("cut after %ld bytes: %d %s", keep, code, h.detail);
    }
    how.cut_after = 0;
    assert_int_equal(one_post(&how, NULL, &h, &requests), 0);
    assert_int_equal(h.n, 10);
}

static size_t respond_long(void *ctx, const char *request, size_t n, char *ret, size_t cap)
{
    size_t len = *(const size_t *)ctx;
    int head =
        snprintf(ret, cap, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", len);

    (void)request;
    (void)n;
    memset(ret + head, 'L', len);
    memcpy(ret + head + len, "\r\n0\r\n\r\n", 7);
    return (size_t)head + len + 7;
}

static void an_answer_has_a_longest(void **state)
{
    struct tls_server_how how = good_server();
    struct heard h;
    size_t len = OFFICE_ANSWER_MAX;
    int requests;

    (void)state;
    how.respond = respond_long;
    how.ctx = &len;
    assert_int_equal(one_post(&how, NULL, &h, &requests), 0);
    assert_int_equal(h.n, OFFICE_ANSWER_MAX);
    len++;
    assert_int_equal(one_post(&how, NULL, &h, &requests), GF_E_OFFICE_ANSWER);
    assert_non_null(strstr(h.detail, "4 MiB"));
}

static void what_is_no_http_is_not_understood(void **state)
{
    static const char answer[] = "SSH-2.0-OpenSSH_9.2\r\n\r\n";
    struct tls_server_how how = good_server();
    struct heard h;
    int requests;

    (void)state;
    how.respond = respond_text;
    how.ctx = (void *)(uintptr_t)answer;
    how.close_after = true;
    assert_int_equal(one_post(&how, NULL, &h, &requests), GF_E_OFFICE_ANSWER);
}

/* ---- giving up ---- */

static void a_request_is_cancelled(void **state)
{
    struct tls_server_how how = good_server();
    struct tls_server server = {0};
    struct office_events events;
    struct heard h;
    const struct office_port *port;

    (void)state;
    how.silent = true;
    tls_server_start(&server, &how);
    struct office_client_config cfg = config(server.url);
    make_client(&h, &events, &cfg);
    port = office_client_port(h.client);
    port->cancel(port->ctx);            /* nothing to cancel */
    for (int i = 1; i <= 3; i++) {
        const struct gf_source *source = office_client_source(h.client);

        assert_int_equal(post(&h, "x", 1), 0);
        /* at once, after one look, after some */
        for (int look = 1; look < i; look++)
            assert_int_equal(gf_loop_once(&source, 1, 50), 0);
        h.inside = true;
        port->cancel(port->ctx);
        h.inside = false;
        assert_int_equal(source->timeout_ms(source->ctx), 0);       /* it is told at once */
        assert_int_equal(post(&h, "y", 1), GF_E_NOT_NOW);
        wait_for(&h, i);
        assert_int_equal(h.code, GF_E_CANCELLED);
        assert_int_equal(h.count, i);
    }
    assert_int_equal(post(&h, "x", 1), 0);
    free_client(&h);                    /* and freed with one under way */
    tls_server_stop(&server);
}

static void nobody_listens_to_events(void **state)
{
    struct tls_server_how how = good_server();
    struct tls_server server = {0};
    struct office_events events;
    struct heard h;
    const struct office_port *port;

    (void)state;
    tls_server_start(&server, &how);
    struct office_client_config cfg = config(server.url);
    make_client(&h, &events, &cfg);
    port = office_client_port(h.client);
    port->bind(port->ctx, NULL);
    assert_int_equal(post(&h, "x", 1), 0);
    long long end = aid_now_ms() + BOUND_MS;
    const struct gf_source *source = office_client_source(h.client);
    while (port->post_sync(port->ctx, (const uint8_t *)"y", 1) == GF_E_NOT_NOW &&
           aid_now_ms() < end)
        assert_int_equal(gf_loop_once(&source, 1, 50), 0);
    assert_true(aid_now_ms() < end);
    assert_int_equal(h.count, 0);
    free_client(&h);
    tls_server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_is_answered),
        cmocka_unit_test(an_event_may_post_again),
        cmocka_unit_test(an_empty_answer_and_an_empty_post_are_fine),
        cmocka_unit_test(proxies_of_the_environment_are_not_used),
        cmocka_unit_test(statuses_are_told_apart),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(tls_that_is_not_ours_is_refused),
        cmocka_unit_test(a_connection_that_breaks_is_an_office_that_is_away),
        cmocka_unit_test(a_cut_answer_is_no_answer),
        cmocka_unit_test(an_answer_has_a_longest),
        cmocka_unit_test(what_is_no_http_is_not_understood),
        cmocka_unit_test(a_request_is_cancelled),
        cmocka_unit_test(nobody_listens_to_events),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_ids, free_ids);
}
