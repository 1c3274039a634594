/* bench_sync.c - records of laptops into head office's database, against raw insertion of the same
 * rows; see docs/bench.md.
 *
 * Each round makes requests, has them answered, and has raw_rows.h insert every row that they made
 * once more. Asked is office_handle() itself; and the service over TLS 1.3 with client
 * certificates, in a process of its own, with handlers on the thread of TLS and on one of their own.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "backend/buf.h"
#include "backend/http_srv.h"
#include "tests/aid/office_aid.h"
#include "tests/bench/bench.h"
#include "tests/bench/device.h"
#include "tests/bench/raw_rows.h"

#define ROUNDS 5
#define LAPTOPS 3
#define BATCHES 4 /* of each laptop in a round, over TLS */

static struct oaid_office office;
static struct oaid_laptop laptops[LAPTOPS];
static struct oaid_meter meter;
static sync_Job job;
static struct raw *raw;
static const char *engine;
static clockid_t server_clock = CLOCK_PROCESS_CPUTIME_ID; /* processor time of who answers */

/* ---- requests ---- */

/* What each second record brings. */
enum brings { STEPS, USE }; /* no receipt; one that says 5 litres more */

static void add_receipt(struct oaid_laptop *l)
{
    gasm_Receipt *r = &meter.next;
    uint8_t bytes[AID_RECEIPT_MAX];

    r->command = gasm_Command_SET_CLOCK;
    r->seq++;
    r->event_seq++;
    r->at_s++;
    r->after.index_l += 5;
    r->op_id.size = 16;
    memset(r->op_id.bytes, 0x77, 16);
    memcpy(r->op_id.bytes, &r->seq, sizeof r->seq);

    sync_Item item = oaid_receipt_item(&job, bytes, oaid_seal(&meter, bytes));
    oaid_add(l, &item);
}

static void make_request(struct oaid_laptop *l, size_t n, enum brings what)
{
    oaid_begin(l);
    for (size_t i = 0; i < n; i++) {
        sync_Item item = oaid_step(&job, "ventilation");

        if (what == USE && i % 2 == 1)
            add_receipt(l);
        else
            oaid_add(l, &item);
    }
}

/* ---- without a socket ---- */

static double ask_handler(struct oaid_laptop *l)
{
    struct http_request request = { .method = "POST",
                                    .path = "/v1/sync",
                                    .content_type = "application/x-protobuf",
                                    .peer = "127.0.0.1",
                                    .identity = l->id_text,
                                    .is_mutual = true,
                                    .body = { l->body, l->body_n } };
    struct http_response response;
    double from = bench_now_us();

    office_handle(office.o, &request, &response);
    from = bench_now_us() - from;
    bench_need(response.status == 200, "a request is answered");
    buf_free(&response.body);
    return from;
}

/* ---- over TLS ---- */

/* A laptop's requests, made before the clock starts, and how many of them went out. */
static struct {
    CURL *curl;
    struct buf bodies[BATCHES];
    size_t n, sent;
} clients[LAPTOPS];
static CURLM *together;

static void serve_office(void *ctx, const struct http_request *request, struct http_response *ret)
{
    (void)ctx;
    office_handle(office.o, request, ret);
}

/* The service's process: tells its place through the pipe, and serves until it is stopped. */
static void serve(int out, unsigned threads)
{
    char cert[600], key[600], ca[600], at[HTTP_ADDRESS_MAX] = "";
    const struct http_listen how = { .host = "127.0.0.1",
                                     .port = "0",
                                     .cert_file = cert,
                                     .key_file = key,
                                     .ca_file = ca,
                                     .body_max = 4 << 20,
                                     .timeout_s = 60,
                                     .lifetime_s = 600,
                                     .connections_max = 8,
                                     .handler = { .handle = serve_office } };
    struct http_srv *s = http_srv_new(threads);
    struct gf_fail why = { 0 };

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(cert, sizeof cert, "%s/server.pem", office.dir);
    (void)snprintf(key, sizeof key, "%s/server.key", office.dir);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", office.dir);
    bench_need(office_open(office.dir, &office.ports, &office.o, &why) == 0, why.detail);
    bench_need(s != NULL && http_srv_listen(s, &how, at, &why) == 0, why.detail);
    bench_need(write(out, at, sizeof at) == sizeof at, "the service's place");

    int r = http_srv_run(s);
    (void)http_srv_free(s);
    office.o = office_close(office.o);
    _exit(r == 0 ? 0 : 1);
}

static pid_t start_service(unsigned threads, char at[static HTTP_ADDRESS_MAX])
{
    int fds[2];
    pid_t pid;

    bench_need(pipe(fds) == 0, "a pipe");
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0)
        serve(fds[1], threads);
    bench_need(pid > 0 && read(fds[0], at, HTTP_ADDRESS_MAX) == HTTP_ADDRESS_MAX, "the service");
    (void)close(fds[0]);
    (void)close(fds[1]);
    return pid;
}

static size_t drop(char *p, size_t size, size_t n, void *ctx)
{
    (void)p;
    (void)ctx;
    return size * n;
}

static void open_client(size_t i, const char *at)
{
    char url[200], cert[700], ca[700];
    CURL *c = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/x-protobuf");

    headers = curl_slist_append(headers, "Expect:");
    (void)snprintf(url, sizeof url, "https://%s/v1/sync", at);
    (void)snprintf(cert, sizeof cert, "%s/laptop%zu.pem", office.dir, i);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", office.dir);
    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    (void)curl_easy_setopt(c, CURLOPT_SSLCERT, cert);
    (void)curl_easy_setopt(c, CURLOPT_CAINFO, ca);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
    clients[i].curl = c;
}

/* Its next request, unless all were sent. */
static void send_next(size_t i)
{
    const struct buf *body = &clients[i].bodies[clients[i].sent];

    if (clients[i].sent == clients[i].n)
        return;
    clients[i].sent++;
    (void)curl_easy_setopt(clients[i].curl, CURLOPT_POSTFIELDS, body->p);
    (void)curl_easy_setopt(clients[i].curl, CURLOPT_POSTFIELDSIZE, (long)body->n);
    (void)curl_multi_add_handle(together, clients[i].curl);
}

/* Whose answer came sends the next. Returns how many came. */
static size_t take_answers(void)
{
    int left = 0;
    size_t n = 0;
    CURLMsg *msg;

    while ((msg = curl_multi_info_read(together, &left)) != NULL) {
        CURL *c = msg->easy_handle;
        size_t i = 0;
        long status = 0;

        (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        bench_need(msg->data.result == CURLE_OK && status == 200, "a request is answered");
        while (clients[i].curl != c)
            i++;
        (void)curl_multi_remove_handle(together, c);
        send_next(i);
        n++;
    }
    return n;
}

/* Each of the first n laptops sends its requests, the next one as soon as one is answered; until all
 * are. */
static double ask_service(size_t n)
{
    double from = bench_now_us();
    size_t wanted = 0;

    for (size_t i = 0; i < n; i++) {
        wanted += clients[i].n;
        send_next(i);
    }
    while (wanted > 0) {
        int running = 0;

        bench_need(curl_multi_perform(together, &running) == CURLM_OK, "requests go out");

        size_t came = take_answers();
        wanted -= came;
        if (came == 0)
            (void)curl_multi_poll(together, NULL, 0, 1000, NULL);
    }
    return bench_now_us() - from;
}

/* ---- rows of the table ---- */

/* Who answers: the handler, or the service on so many laptops, which have so many requests each. */
struct asked {
    const char *how;
    bool is_handler;
    size_t laptops, batches;
};

/* Make the requests of n records, and have them answered. */
static double ask_once(const struct asked *a, size_t n, enum brings what)
{
    if (a->is_handler) {
        make_request(&laptops[0], n, what);
        return ask_handler(&laptops[0]);
    }
    for (size_t l = 0; l < a->laptops; l++) {
        clients[l].n = a->batches;
        clients[l].sent = 0;
        for (size_t i = 0; i < a->batches; i++) {
            make_request(&laptops[l], n, what);
            buf_clear(&clients[l].bodies[i]);
            buf_add(&clients[l].bodies[i], laptops[l].body, laptops[l].body_n);
        }
    }
    return ask_service(a->laptops);
}

/* The rows of so many batches of n records. */
static struct raw_cost insert(size_t batches, size_t n, enum brings what)
{
    const size_t receipts = what == USE ? n / 2 : 0;
    struct raw_cost cost = raw_insert(raw, batches, n, receipts);

    bench_need(cost.rows == batches * (n + 5 * receipts), "every record has its rows");
    return cost;
}

static void row(const char *how, size_t n, enum brings what, const char *unit, double v[3][ROUNDS])
{
    char text[120];

    for (size_t i = 0; i < ROUNDS; i++)
        v[2][i] = v[0][i] / v[1][i];
    (void)snprintf(text, sizeof text, "sync, %s, %s: %zu %s", engine, how, n,
                   what == STEPS ? "step records" : "records, every 2nd a receipt of use");
    bench_row(text, unit, bench_quantile(v[0], ROUNDS, 0.5), bench_quantile(v[1], ROUNDS, 0.5),
              bench_quantile(v[2], ROUNDS, 0.5));
}

/* Each side's first batch of a round does not count: by it that side has read again what the other
 * wrote in between, which a service that has its database for itself never has to. */
static void rounds(const struct asked *a, size_t n, enum brings what)
{
    const struct asked first = { a->how, a->is_handler, 1, 1 };
    const size_t batches = a->laptops * a->batches;
    const double all = (double)(n * batches);
    double wall[3][ROUNDS], cpu[3][ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++) {
        (void)ask_once(&first, n, what);

        double cpu_us = bench_clock_us(server_clock);
        wall[0][i] = all * 1e6 / ask_once(a, n, what);
        cpu[0][i] = all * 1e6 / (bench_clock_us(server_clock) - cpu_us);
        (void)insert(1, n, what);

        struct raw_cost cost = insert(batches, n, what);
        wall[1][i] = all * 1e6 / cost.wall_us;
        cpu[1][i] = all * 1e6 / cost.cpu_us;
    }
    row(a->how, n, what, "records/s", wall);
    if (!a->is_handler && strcmp(engine, "SQLite") == 0)
        row(a->how, n, what, "rec./CPU s", cpu);
}

static void over_tls(unsigned threads, const struct asked *a)
{
    char at[HTTP_ADDRESS_MAX];
    pid_t pid = start_service(threads, at);
    int status = 0;

    bench_need(clock_getcpuclockid(pid, &server_clock) == 0, "the service's processor time");
    together = curl_multi_init();
    for (size_t i = 0; i < LAPTOPS; i++)
        open_client(i, at);
    for (size_t n = 100; n <= 500; n += 400) {
        rounds(a, n, STEPS);
        if (a->laptops == 1) /* else receipts of the one meter would come out of their order */
            rounds(a, n, USE);
    }
    for (size_t i = 0; i < LAPTOPS; i++) {
        curl_easy_cleanup(clients[i].curl);
        for (size_t k = 0; k < BATCHES; k++)
            buf_free(&clients[i].bodies[k]);
    }
    (void)curl_multi_cleanup(together);
    bench_need(kill(pid, SIGTERM) == 0 && waitpid(pid, &status, 0) == pid, "the service ends");
}

/* ---- the scene ---- */

/* A laptop with a key of its own, in laptopN.pem. */
static void enrol(size_t i)
{
    char path[700];

    memset(&laptops[i], 0, sizeof laptops[i]);
    laptops[i].a = &office;
    (void)snprintf(path, sizeof path, "%s/laptop%zu.pem", office.dir, i);
    bench_device(&office, "S001", path, laptops[i].id_text);
    bench_need(gf_uuid_parse(laptops[i].id_text, laptops[i].id) == 0, "a device");
}

static void measure(const char *name)
{
    static const struct asked handler = { "handler", true, 1, 1 },
                              alone = { "TLS, one thread", false, 1, BATCHES },
                              own = { "TLS on its own thread", false, LAPTOPS, BATCHES };
    char number[32];

    engine = name;
    oaid_office_new(&office);
    oaid_order(&office, 1, number);
    for (size_t i = 0; i < LAPTOPS; i++)
        enrol(i);
    bench_need(oaid_fetch(&laptops[0]) == 200 && laptops[0].n_jobs == 1, "an order");
    job = laptops[0].jobs[0];
    oaid_meter_new(&meter, 1, &laptops[0]);
    oaid_begin(&laptops[0]);
    oaid_add_opening(&laptops[0], &job, &meter, 10);
    bench_need(oaid_send(&laptops[0]) == 200
                   && oaid_verdict(&laptops[0])->kind == sync_VerdictKind_APPLIED,
               "an opening");
    raw = raw_open(&office);
    server_clock = CLOCK_PROCESS_CPUTIME_ID;
    for (size_t n = 100; n <= 500; n += 400)
        for (enum brings what = STEPS; what <= USE; what++)
            rounds(&handler, n, what);
    oaid_office_end(&office);
    over_tls(1, &alone);
    over_tls(2, &own);
    raw_close(raw);
}

int main(void)
{
    (void)unsetenv("OFFICE_DB");
    measure("SQLite");
    (void)setenv("OFFICE_DB", "postgresql", 1);
    measure("PostgreSQL");
    return 0;
}
