/* bench_meter.c - what each command costs the meter: time, bytes on the link, bytes and program
 * units in flash; and what a start costs by the size of the journal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "meter-core/clock.h"
#include "meter-core/commands.h"
#include "meter-core/pb.h"
#include "meter-core/store.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/meter_story.h"
#include "tests/aid/swap_aid.h"
#include "tests/bench/bench.h"
#include "tests/bench/crypto_tape.h"

#define ROUNDS 31
#define HEADER_LEN 9            /* kind and counter, before what is sealed */

/* ---- one exchange ---- */

struct cost {
    double us, crypto_us;
    size_t link_bytes, plain_bytes;     /* fragments both ways; the two plain messages */
    size_t flash_bytes, units, payload_bytes;
};

/* The meter owes its answer until the valve is at rest: half a second passes, in which the valve
 * gets to its end. What the meter's tick takes. */
static double wait_us(struct aid_world *w)
{
    double from_us;

    w->mono_ms += 500;
    w->utc_ms += 500;
    if (w->valve.state == gasm_ValveState_VALVE_MOVING)
        w->valve.state = w->valve.opening ? gasm_ValveState_VALVE_OPEN : gasm_ValveState_VALVE_SHUT;
    from_us = bench_now_us();
    (void)mc_meter_tick(w->meter);
    return bench_now_us() - from_us;
}

/* Everything that the meter does from the first fragment to its last. */
static void exchange(struct aid_world *w, const gasm_Request *request, struct cost *ret)
{
    uint8_t frags[128][MC_FRAGMENT_MAX], plain[MC_MESSAGE_MAX];
    size_t lens[128], n = 0, len;
    uint64_t units = w->flash.programmed, answers = w->answers;
    int sealed = mc_client_seal(&w->session, w->ports.crypto, request, w->out, sizeof w->out);
    double from_us;

    bench_need(sealed > 0 && mc_pipe_send(&w->pipe, w->out, (size_t)sealed) == 0, "a request");
    ret->plain_bytes = (size_t)mc_pb_encode(gasm_Request_fields, request, plain, sizeof plain);
    ret->link_bytes = 0;
    bench_tape_begin();
    ret->us = 0;
    do {
        while ((len = mc_pipe_next(&w->pipe, frags[0], sizeof frags[0])) > 0) {
            ret->link_bytes += len;
            from_us = bench_now_us();
            mc_meter_rx(w->meter, frags[0], len);
            ret->us += bench_now_us() - from_us;
        }
        from_us = bench_now_us();
        for (n = 0; n < 128 && (lens[n] = mc_meter_tx(w->meter, frags[n], sizeof frags[n])) > 0;)
            n++;
        ret->us += bench_now_us() - from_us;
        for (size_t i = 0; i < n; i++) {
            ret->link_bytes += lens[i];
            if (mc_pipe_feed(&w->pipe, frags[i], lens[i]) == MC_FEED_MESSAGE) {
                const uint8_t *msg = mc_pipe_message(&w->pipe, &len);

                bench_need(mc_client_open(&w->session, w->ports.crypto, msg, len, &w->answer) == 0,
                           "an answer");
                ret->plain_bytes += len - HEADER_LEN - MC_AEAD_TAG_LEN;
                w->answers++;
            }
        }
        if (w->answers == answers)
            ret->us += wait_us(w);
    } while (w->answers == answers);
    ret->crypto_us = bench_tape_replay();
    bench_need(w->answer.result == gasm_Refusal_OK, "the command is executed");
    ret->units = (size_t)(w->flash.programmed - units);
    ret->flash_bytes = ret->units * w->flash.unit;
    ret->payload_bytes = w->answer.receipt.size;
}

/* ---- the commands ---- */

struct command_case {
    gasm_Command command;
    const char *name;
    enum aid_step after;        /* how far the account was opened */
    void (*fill)(const struct aid_world *w, gasm_Request *r);
    void (*prepare)(struct aid_world *w);       /* in the session, before; may be NULL */
};

static struct aid_swap swap;    /* of the case that is being run */

static void fill_nothing(const struct aid_world *w, gasm_Request *r)
{
    (void)w;
    (void)r;
}

static void fill_parameter(const struct aid_world *w, gasm_Request *r)
{
    *r = aid_set_one(w, 900, 4321);
}

static void fill_clock(const struct aid_world *w, gasm_Request *r)
{
    r->which_body = gasm_Request_set_clock_tag;
    r->body.set_clock.utc_s = mc_clock_now_s(w->meter);
}

static void fill_receipts(const struct aid_world *w, gasm_Request *r)
{
    r->which_body = gasm_Request_read_receipts_tag;
    r->body.read_receipts.from_seq = w->meter->core.receipt_seq - 1;
}

static void fill_events(const struct aid_world *w, gasm_Request *r)
{
    (void)w;
    r->which_body = gasm_Request_read_events_tag;
    r->body.read_events.from_no = 1;
}

static void fill_clear(const struct aid_world *w, gasm_Request *r)
{
    r->which_body = gasm_Request_zero_clear_tag;
    r->body.zero_clear.residual_l = mc_residual_l(&w->meter->core.totals);
}

static void fill_purge(const struct aid_world *w, gasm_Request *r)
{
    (void)w;
    r->which_body = gasm_Request_purge_start_tag;
    r->body.purge_start = (gasm_PurgeStart){.volume_l = 10, .limit_s = 60};
}

static void fill_open(const struct aid_world *w, gasm_Request *r)
{
    (void)w;
    r->which_body = gasm_Request_open_account_tag;
    r->body.open_account.account_no = 1001;
}

static void fill_key(const struct aid_world *w, gasm_Request *r)
{
    gasm_InstallKey *body = &r->body.install_key;

    (void)w;
    r->which_body = gasm_Request_install_key_tag;
    body->envelope.size = (pb_size_t)aid_world_envelope(2, 1, body->envelope.bytes);
}

static void fill_token(const struct aid_world *w, gasm_Request *r)
{
    gasm_Token token = aid_token(1, 50000);

    *r = aid_recharge(w, &token);
}

static void fill_typed(const struct aid_world *w, gasm_Request *r)
{
    gasm_Token token = aid_token(1, 50000);

    *r = aid_recharge_typed(w, &token);
}

static void fill_page(const struct aid_world *w, gasm_Request *r)
{
    (void)w;
    r->which_body = r->command == gasm_Command_READ_HISTORY ? gasm_Request_read_history_tag
                                                            : gasm_Request_read_purchases_tag;
}

static void fill_close(const struct aid_world *w, gasm_Request *r)
{
    (void)w;
    aid_swap_close_body(&swap, r);
}

static void fill_import(const struct aid_world *w, gasm_Request *r)
{
    (void)w;
    aid_swap_certify(&swap, 5000);
    aid_swap_import_body(&swap, r);
}

static void fill_reset(const struct aid_world *w, gasm_Request *r)
{
    (void)w;
    r->which_body = gasm_Request_reset_to_factory_tag;
}

static void ask_first(struct aid_world *w, gasm_Request r)
{
    bench_need(aid_world_ask(w, &r) == 0 && w->answer.result == gasm_Refusal_OK,
               "what comes before is done");
}

static void grant(struct aid_world *w)
{
    gasm_Request r = aid_request(w, gasm_Command_PURGE_START, 800);

    fill_purge(w, &r);
    ask_first(w, r);
    aid_world_pass(w, 2000);
}

static void credit(struct aid_world *w)
{
    gasm_Token token = aid_token(1, 50000);

    ask_first(w, aid_recharge(w, &token));
    aid_world_pass(w, 40000);       /* it armed itself; that lapses */
    bench_need(!w->meter->supply.armed, "it is not armed any more");
}

/* The session has ended in its silence. */
static void credit_and_come_back(struct aid_world *w)
{
    gasm_Ticket ticket = aid_world_ticket(1, 78);

    credit(w);
    aid_greet(w, &ticket);
    ask_first(w, aid_request(w, gasm_Command_IDENTIFY, 0));
}

static void close_first(struct aid_world *w)
{
    gasm_Request r = aid_request(w, gasm_Command_CLOSE_ACCOUNT, 800);

    r.which_body = gasm_Request_close_account_tag;
    ask_first(w, r);
}

static const struct command_case cases[] = {
    {gasm_Command_IDENTIFY, "identify", AID_COMMISSION, fill_nothing, NULL},
    {gasm_Command_READ_BALANCE, "read_balance", AID_COMMISSION, fill_nothing, NULL},
    {gasm_Command_GET_PARAMETERS, "get_parameters", AID_COMMISSION, fill_nothing, NULL},
    {gasm_Command_READ_RECEIPTS, "read_receipts, two", AID_COMMISSION, fill_receipts, NULL},
    {gasm_Command_READ_EVENTS, "read_events, a page", AID_COMMISSION, fill_events, NULL},
    {gasm_Command_INSTALL_KEY, "install_key", AID_COMMISSION, fill_key, NULL},
    {gasm_Command_OPEN_ACCOUNT, "open_account", AID_ACTIVATE, fill_open, NULL},
    {gasm_Command_PURGE_START, "purge_start", AID_OPEN_ACCOUNT, fill_purge, NULL},
    {gasm_Command_ZERO_CLEAR, "zero_clear", AID_PURGE, fill_clear, NULL},
    {gasm_Command_SET_CLOCK, "set_clock", AID_COMMISSION, fill_clock, NULL},
    {gasm_Command_SET_PARAMETERS, "set_parameters, one", AID_COMMISSION, fill_parameter, NULL},
    {gasm_Command_COMMISSION, "commission", AID_SET_PARAMETERS, fill_nothing, NULL},
    {gasm_Command_RECHARGE, "recharge, sealed", AID_COMMISSION, fill_token, NULL},
    {gasm_Command_RECHARGE, "recharge, typed", AID_COMMISSION, fill_typed, NULL},
    {gasm_Command_VALVE_CLOSE, "valve_close", AID_COMMISSION, fill_nothing, NULL},
    {gasm_Command_PURGE_KEEPALIVE, "purge_keepalive", AID_OPEN_ACCOUNT, fill_nothing, grant},
    {gasm_Command_PURGE_STOP, "purge_stop", AID_OPEN_ACCOUNT, fill_nothing, grant},
    {gasm_Command_READ_HISTORY, "read_history, none", AID_COMMISSION, fill_page, NULL},
    {gasm_Command_READ_PURCHASES, "read_purchases, one", AID_COMMISSION, fill_page,
     credit_and_come_back},
    {gasm_Command_VALVE_ARM, "valve_arm", AID_COMMISSION, fill_nothing, credit_and_come_back},
    {gasm_Command_SELF_TEST, "self_test", AID_COMMISSION, fill_nothing, NULL},
    {gasm_Command_CLOSE_ACCOUNT, "close_account", AID_COMMISSION, fill_close, NULL},
    {gasm_Command_IMPORT_CREDIT, "import_credit", AID_COMMISSION, fill_import, NULL},
    {gasm_Command_RESET_TO_FACTORY, "reset_to_factory", AID_COMMISSION, fill_reset, close_first},
};

static bool changes(gasm_Command command)
{
    size_t n;
    const struct mc_command_row *rows = mc_commands(&n);

    for (size_t i = 0; i < n; i++)
        if (rows[i].id == command)
            return (rows[i].needs & MC_NEED_OP_ID) != 0;
    return false;
}

/* The command in a session of its own, after a first request that proved the client and counted
 * the ticket. */
static struct cost run_once(const struct command_case *c)
{
    bool swaps =
        c->command == gasm_Command_CLOSE_ACCOUNT || c->command == gasm_Command_IMPORT_CREDIT;
    const char *id = c->command == gasm_Command_IMPORT_CREDIT ? AID_OTHER_ID : AID_METER_ID;
    struct aid_world *w = swaps ? aid_swap_meter(id, c->after) : aid_story_opened(1, c->after);
    gasm_Ticket ticket = aid_world_ticket(1, 77);
    gasm_Request r;
    struct cost cost;

    swap = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, 100000);
    w->meter->ports.crypto = bench_tape_crypto(w->ports.crypto);
    if (swaps)
        aid_swap_greet(&swap, w);
    else
        aid_greet(w, &ticket);
    ask_first(w, aid_request(w, gasm_Command_IDENTIFY, 0));
    if (c->prepare != NULL)
        c->prepare(w);
    r = aid_request(w, c->command, changes(c->command) ? 900 : 0);
    c->fill(w, &r);
    exchange(w, &r, &cost);
    aid_world_free(w);
    return cost;
}

static void measure(const struct command_case *c)
{
    double us[ROUNDS], crypto_us[ROUNDS], ratio[ROUNDS];
    struct cost cost = {0};
    char what[80];

    for (int i = 0; i < ROUNDS; i++) {
        cost = run_once(c);
        us[i] = cost.us;
        crypto_us[i] = cost.crypto_us;
        ratio[i] = cost.us / cost.crypto_us;
    }
    (void)snprintf(what, sizeof what, "meter: %s", c->name);
    bench_row(what, "us", bench_quantile(us, ROUNDS, 0.5), bench_quantile(crypto_us, ROUNDS, 0.5),
              bench_quantile(ratio, ROUNDS, 0.5));
    bench_row_ratio(what, "link bytes", (double)cost.link_bytes, (double)cost.plain_bytes);
    if (cost.units == 0)
        return;
    bench_row_ratio(what, "flash bytes", (double)cost.flash_bytes, (double)cost.payload_bytes);
    bench_row(what, "prog. units", (double)cost.units, BENCH_NONE, BENCH_NONE);
}

/* ---- starting ---- */

/* Read and check so many bytes of flash, and nothing else. */
static double read_alone_us(struct aid_world *w, uint32_t n)
{
    const struct mc_nvm nvm = w->ports.nvm;
    uint8_t chunk[64];
    uint32_t crc = 0;
    double from_us = bench_now_us();

    for (uint32_t at = 0; at < n; at += sizeof chunk) {
        (void)nvm.read(nvm.ctx, at, chunk, sizeof chunk);
        crc = gf_crc32(crc, chunk, sizeof chunk);
    }
    bench_need(crc != 1, "a sum");
    return bench_now_us() - from_us;
}

/* A start with a journal that fills so much of its sector. */
static void measure_start(uint32_t kib)
{
    double us[ROUNDS], floor_us[ROUNDS], ratio[ROUNDS];
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    char what[80];

    while (w->meter->journal.pos < kib * 1024)
        mc_meter_pulse(w->meter, 10);
    for (int i = 0; i < ROUNDS; i++) {
        double from_us;

        aid_flash_boot(&w->flash);
        from_us = bench_now_us();
        bench_need(mc_meter_start(w->meter, &w->ports) == 0, "a start");
        us[i] = bench_now_us() - from_us;
        floor_us[i] = read_alone_us(w, w->meter->journal.pos);
        ratio[i] = us[i] / floor_us[i];
    }
    aid_world_free(w);
    (void)snprintf(what, sizeof what, "meter: start with a journal of %u KiB", kib);
    bench_row(what, "us", bench_quantile(us, ROUNDS, 0.5), bench_quantile(floor_us, ROUNDS, 0.5),
              bench_quantile(ratio, ROUNDS, 0.5));
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        measure(&cases[i]);
    for (uint32_t kib = 16; kib <= 112; kib += 32)
        measure_start(kib);
    return 0;
}
