/* bench_history.c - 64 KiB of a meter's history, page by page through gasfitter's own client,
 * beside what the link model takes for that, and beside a D-Bus script that reads the same.
 *     bench_history make FILE                              the memory of such a meter
 *     bench_history BUS CENTRAL-ADDRESS METER-ADDRESS      at a bluetoothd and that meter, which are
 *                                          there, the laptop's adapter is hci0: beside the script
 *
 * The model's limit: a page is a question and an answer (one request at a time, docs/protocol.md),
 * each of which takes the connection events that its PDUs fill, and nothing else takes any time. A
 * second row has what the link would carry if it never had to wait for a question.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bt/central.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "field/meter_link.h"
#include "meter-core/frame.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/days.h"
#include "tests/aid/meter_story.h"
#include "tests/bench/bench.h"
#include "tests/bench/tap.h"

#define BOUND_MS 120000
#define CI_MS 30
#define DAYS 420
#define SERIAL 77
#define WANTED (64u * 1024)
#define ROUNDS 3                    /* at a daemon that is there */
#define JOINED_MTU 512              /* of a world that is there: what the meter's fragments take */
#define SCRIPT_BOUND_MS 300000

struct reader {
    struct bench_world w;
    struct bt_central *bt;
    struct tap tap;
    struct field_ports ports;
    struct meter_link *link;
    bool ended;
    int code;
    gasm_Response answer;
};

/* ---- the client ---- */

static void on_ended(void *ctx, int code, const gasm_Response *answer, const struct gf_fail *why)
{
    struct reader *r = ctx;

    r->ended = true;
    r->code = code;
    if (answer != NULL)
        r->answer = *answer;
    if (code != 0)
        (void)fprintf(stderr, "bench_history: %s\n", why->detail);
}

/* An operation that was begun comes to its end. */
static void finish(struct reader *r, int begun, const char *what)
{
    const struct gf_source *source = bt_central_source(r->bt);
    int64_t end_ms = aid_now_ms() + BOUND_MS;

    bench_need(begun == 0, what);
    for (r->ended = false; !r->ended && aid_now_ms() < end_ms;) {
        int wait_ms = meter_link_tick(r->link);

        if (!r->ended)
            (void)gf_loop_once(&source, 1, wait_ms);
    }
    bench_need(r->ended && r->code == 0, what);
}

static struct ticket_row ticket(void)
{
    gasm_Ticket t = aid_world_ticket(1, SERIAL);
    struct aid_pass pass;
    struct ticket_row row = {.epoch = 1, .not_after_s = INT64_MAX};

    t.not_after_s = INT64_MAX;
    pass = aid_world_pass_of(&t);
    memcpy(row.ticket, pass.ticket, pass.ticket_n);
    row.ticket_len = pass.ticket_n;
    memcpy(row.key, pass.key, sizeof row.key);
    return row;
}

static void open_client(struct reader *r)
{
    static const uint8_t run_id[GF_UUID_LEN] = {1};
    const struct bt_central_config config = {.bus_address = r->w.bus.address,
                                             .adapter_address = r->w.central,
                                             .clock = gf_real_clock()};
    const struct ml_events events = {r, on_ended, NULL};
    struct ticket_row row = ticket();

    r->bt = bt_central_new(&config);
    bench_need(r->bt != NULL, "memory");
    tap_init(&r->tap, bt_central_port(r->bt));
    r->ports = (struct field_ports){.clock = gf_real_clock(), .random = gf_real_random(),
                                    .crypto = mc_crypto_openssl(), .link = &r->tap.port};
    r->link = meter_link_new(&r->ports, &ml_limits_usual, &events);
    bench_need(r->link != NULL, "memory");
    bench_need(meter_link_aim(r->link, AID_METER_ID, r->w.meter_at, run_id) == 0, "a meter");
    finish(r, meter_link_open(r->link, &row), "a session");
}

/* ---- the model ---- */

/* Connection events that so many PDUs of full size take in one direction, the other one silent. */
static double pdus_of_event(unsigned mtu)
{
    const unsigned phy_mbit = 1, most = 251, head = 4, ifs_us = 150, frame = 9;
    unsigned us = 0;

    for (unsigned left = mtu + head; left > 0;) {
        unsigned n = left < most ? left : most;

        us += (phy_mbit + frame + n) * 8 / phy_mbit + (phy_mbit + frame) * 8 / phy_mbit +
              2 * ifs_us;
        left -= n;
    }
    return (double)CI_MS * 1000 / us;
}

static unsigned events_of(unsigned pdus, unsigned mtu)
{
    double n = pdus / pdus_of_event(mtu);

    return (unsigned)n + (n > (unsigned)n);
}

/* Fragments of a message of n bytes (docs/protocol.md, 3). */
static unsigned fragments_of(size_t n, unsigned mtu)
{
    unsigned room = mtu - 5;

    return (unsigned)((n + 4 + room - 1) / room);
}

static size_t sealed_len(const pb_msgdesc_t *desc, const void *message)
{
    uint8_t plain[MC_MESSAGE_MAX];
    int n = mc_pb_encode(desc, message, plain, sizeof plain);

    bench_need(n > 0, "a message");
    return (size_t)n + 9 + MC_AEAD_TAG_LEN;
}

/* ---- reading ---- */

struct sums {
    uint32_t bytes, pages, model_events, pdus;
    double us;
    struct bench_pdus air;
};

static size_t page_bytes(const gasm_History *page)
{
    uint8_t plain[MC_MESSAGE_MAX];
    int n = mc_pb_encode(gasm_History_fields, page, plain, sizeof plain);

    bench_need(n > 0, "a page");
    return (size_t)n;
}

static void read_pages(struct reader *r, uint32_t wanted, struct sums *ret)
{
    gasm_Request q = {.command = gasm_Command_READ_HISTORY,
                      .which_body = gasm_Request_read_history_tag};
    struct bench_pdus before = bench_pdus(&r->w), after;
    double from_us = bench_now_us();
    unsigned mtu = r->w.mtu;

    *ret = (struct sums){0};
    while (ret->bytes < wanted) {
        const gasm_History *page = &r->answer.body.history;
        unsigned asked, answered;

        finish(r, meter_link_ask(r->link, &q, true), "a page");
        bench_need(r->answer.result == gasm_Refusal_OK && page->entries_count > 0, "its entries");
        asked = fragments_of(sealed_len(gasm_Request_fields, &q), mtu);
        answered = fragments_of(sealed_len(gasm_Response_fields, &r->answer), mtu);
        ret->model_events += events_of(asked, mtu) + events_of(answered, mtu);
        ret->pdus += answered;
        ret->bytes += (uint32_t)page_bytes(page);
        ret->pages++;
        q.body.read_history.from_no = page->entries[page->entries_count - 1].no + 1;
        if (q.body.read_history.from_no > page->last_no)
            q.body.read_history.from_no = page->first_no;
    }
    ret->us = bench_now_us() - from_us;
    after = bench_pdus(&r->w);
    ret->air = bench_pdus_between(&before, &after);
}

/* ---- the peer ---- */

static void hex(char *to, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)snprintf(to + 2 * i, 3, "%02x", (unsigned)p[i]);
}

/* The same by tests/tools/dbus_history.py: its kB/s. */
static double scripted(const struct reader *r, uint32_t wanted)
{
    struct ticket_row row = ticket();
    char ticket_hex[2 * sizeof row.ticket + 1], key_hex[2 * sizeof row.key + 1], bytes[16];
    const char *const argv[] = {"/usr/bin/python3", "tests/tools/dbus_history.py",
                                r->w.bus.address, "/org/bluez/hci0", r->w.meter_at,
                                ticket_hex, key_hex, bytes, NULL};
    char line[120];
    double read = 0, pages = 0, ms = 1;
    int out;
    pid_t pid;

    hex(ticket_hex, row.ticket, row.ticket_len);
    hex(key_hex, row.key, sizeof row.key);
    (void)snprintf(bytes, sizeof bytes, "%u", (unsigned)wanted);
    pid = aid_spawn(argv, &out);
    bench_need(pid > 0, argv[1]);
    bench_need(aid_wait_line_get(out, "history ", SCRIPT_BOUND_MS, line, sizeof line) == 0 &&
                   sscanf(line, "history %lf %lf %lf", &read, &pages, &ms) == 3,
               "the script's line");
    bench_need(aid_wait_exit(pid, BOUND_MS) == 0, "the script ends well");
    (void)close(out);
    return read / ms;
}

static void rows(unsigned mtu, uint32_t wanted, const struct sums *s)
{
    double model_ms = (double)s->model_events * CI_MS;
    double stream_ms = (double)events_of(s->pdus, mtu) * CI_MS;
    double kb_s = s->bytes / (s->us / 1e3);
    char what[80];

    (void)snprintf(what, sizeof what, "link of %d ms, %u KiB of history, MTU %u, events", CI_MS,
                   (unsigned)(wanted / 1024), mtu);
    bench_row_ratio(what, "events", (double)s->air.events, (double)s->model_events);
    (void)snprintf(what, sizeof what, "the same (%u pages), against the model", (unsigned)s->pages);
    bench_row_ratio(what, "kB/s", kb_s, s->bytes / model_ms);
    bench_row_ratio("the same, against a link that nobody asks anything", "kB/s", kb_s,
                    s->bytes / stream_ms);
}

static void close_client(struct reader *r)
{
    r->link = meter_link_free(r->link);
    r->bt = bt_central_free(r->bt);
}

static void measure(unsigned mtu, uint32_t wanted, const char *nvm)
{
    static struct reader r;
    struct sums sums;

    r = (struct reader){.w = {.mtu = mtu, .rate = 1, .ci_ms = CI_MS, .parts = BENCH_WITH_METER,
                              .nvm = nvm}};
    bench_world_start(&r.w);
    open_client(&r);
    read_pages(&r, wanted, &sums);
    rows(mtu, wanted, &sums);
    close_client(&r);
    bench_row_ratio("the same beside a D-Bus script", "kB/s", sums.bytes / (sums.us / 1e3),
                    scripted(&r, wanted));
    bench_world_stop(&r.w);
}

/* At a daemon that is there: rounds of both, in turn. */
static void measure_there(const char *bus, const char *central, const char *meter_at)
{
    static struct reader r;
    double ours[ROUNDS], its[ROUNDS], ratio[ROUNDS];

    r = (struct reader){.w = {.mtu = JOINED_MTU, .rate = 1, .central = central,
                              .meter_at = meter_at}};
    bench_world_join(&r.w, bus);
    for (int round = 0; round < ROUNDS; round++) {
        struct sums sums;

        open_client(&r);
        read_pages(&r, WANTED, &sums);
        close_client(&r);
        ours[round] = sums.bytes / (sums.us / 1e3);
        its[round] = scripted(&r, WANTED);
        ratio[round] = ours[round] / its[round];
    }
    bench_world_stop(&r.w);
    bench_row("64 KiB of history beside a D-Bus script", "kB/s", bench_quantile(ours, ROUNDS, 0.5),
              bench_quantile(its, ROUNDS, 0.5), bench_quantile(ratio, ROUNDS, 0.5));
}

/* A meter in service whose memory holds more days than it keeps. */
static void age(const char *path)
{
    struct aid_world *w = aid_days_new();
    struct aid_story story = aid_story_of(w);

    w->flow_l_per_h = 6000;
    aid_story_steps(&story, AID_INSTALL_KEY, AID_COMMISSION);
    aid_world_disconnect(w);
    w->flash.erase_forbidden = false;
    aid_days_pass(w, DAYS);
    bench_need(aid_days_save(w, path) == 0, path);
    aid_world_free(w);
}

int main(int argc, char **argv)
{
    char nvm[300];

    if (argc == 3) {
        age(argv[2]);
        return 0;
    }
    if (argc == 4) {
        measure_there(argv[1], argv[2], argv[3]);
        return 0;
    }
    (void)snprintf(nvm, sizeof nvm, "%s/old.nvm", aid_tmpdir());
    age(nvm);
    measure(247, WANTED, nvm);
    measure(23, WANTED / 8, nvm);
    return 0;
}
