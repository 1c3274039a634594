/*
 * test_bt_link.c - the laptop's port and the meter program on virtual-bluez: heard, connected,
 * spoken to, and every end that a link can take.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bt/central.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "meter-core/frame.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/session.h"
#include "tests/aid/dbus.h"
#include "tests/aid/ear.h"
#include "tests/aid/proc.h"

#define METER_ID "GM2400001223"
#define METER_ADDRESS "02:00:00:00:00:01"
#define RATE 4                  /* waits are shorter, but not so short that a busy machine fails */
#define RATE_TEXT "4"
#define BOUND_MS 30000          /* of every wait here, real time */
#define DEADLINE_MS 60000       /* of a connect(), port time */

struct world {
    struct aid_bus bus;
    pid_t bluez, meter;
    int meter_out;
    char nvm[512];
    struct bt_central *central;
    struct aid_ear seen;
    struct link_events events;
    uint8_t id_hash[MC_ID_HASH_LEN];
    struct mc_pipe pipe;
    uint8_t hello[512];         /* borrowed by the pipe */
    bool has_answer;
};

static void on_fragment(void *ctx, const uint8_t *p, size_t n)
{
    struct world *w = ctx;

    if (mc_pipe_feed(&w->pipe, p, n) == MC_FEED_MESSAGE)
        w->has_answer = true;
}

/* ---- programs ---- */

static void start_bluez(struct world *w, const char *mtu)
{
    const char *argv[] = {aid_program("virtual-bluez"), "--bus", w->bus.address, "--adapters", "4",
                          "--clock-rate", RATE_TEXT, "--mtu", mtu, NULL};
    int out;

    w->bluez = aid_spawn(argv, &out);
    assert_true(w->bluez > 0);
    assert_int_equal(aid_wait_line(out, "ready", BOUND_MS), 0);
    (void)close(out);
}

static void start_meter(struct world *w)
{
    const char *argv[] = {aid_program("gasmeter"), "run", "--nvm", w->nvm, "--bus", w->bus.address,
                          "--adapter", METER_ADDRESS, "--clock-rate", RATE_TEXT, NULL};

    w->meter = aid_spawn(argv, &w->meter_out);
    assert_true(w->meter > 0);
    assert_int_equal(aid_wait_line(w->meter_out, "ready " METER_ID " " METER_ADDRESS, BOUND_MS),
                     0);
}

static void stop_meter(struct world *w)
{
    if (w->meter > 0)
        assert_int_equal(aid_stop(w->meter), 0);
    if (w->meter > 0)
        (void)close(w->meter_out);
    w->meter = 0;
}

static void manufacture(struct world *w)
{
    char key[512], shipment[512];
    const char *argv[] = {aid_program("gasmeter"), "manufacture", "--id", METER_ID, "--nvm", w->nvm,
                          "--transport-key", key, "--shipment", shipment, NULL};
    FILE *f;

    (void)snprintf(key, sizeof key, "%s/transport.key", aid_tmpdir());
    (void)snprintf(shipment, sizeof shipment, "%s/shipment.csv", aid_tmpdir());
    (void)snprintf(w->nvm, sizeof w->nvm, "%s/meter.nvm", aid_tmpdir());
    (void)unlink(w->nvm);
    f = fopen(key, "w");
    assert_non_null(f);
    for (int i = 0; i < 32; i++)
        (void)fprintf(f, "%02x", (unsigned)i);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(aid_wait_exit(aid_spawn(argv, NULL), BOUND_MS), 0);
}

/* ---- waiting ---- */

static struct bt_central *new_central(struct world *w, const char *adapter)
{
    const struct bt_central_config config = {.bus_address = w->bus.address,
                                             .adapter_address = adapter,
                                             .clock = gf_real_clock()};
    struct bt_central *c = bt_central_new(&config);

    assert_non_null(c);
    return c;
}

static void step(struct bt_central *c)
{
    const struct gf_source *const sources[] = {bt_central_source(c)};

    assert_int_equal(gf_loop_once(sources, 1, 50), 0);
}

/* Until *n has become more than `before`. */
static void await(struct world *w, const unsigned *n, unsigned before, const char *what)
{
    long long end = aid_now_ms() + BOUND_MS;

    while (*n <= before && aid_now_ms() < end)
        step(w->central);
    if (*n <= before)
        fail_msg("never: %s (down %d %s, radio %d, phases %x)", what, w->seen.down, w->seen.detail,
                 w->seen.radio, w->seen.phases);
}

static void await_radio(struct world *w, int code)
{
    long long end = aid_now_ms() + BOUND_MS;

    while ((w->seen.radios == 0 || w->seen.radio != code) && aid_now_ms() < end)
        step(w->central);
    assert_int_equal(w->seen.radio, code);
}

static const struct link_port *port(struct world *w)
{
    return bt_central_port(w->central);
}

static void connect_meter(struct world *w)
{
    unsigned ready = w->seen.ready;

    assert_int_equal(port(w)->connect(port(w)->ctx, w->id_hash, "", DEADLINE_MS), 0);
    await(w, &w->seen.ready, ready, "ready");
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    assert_int_equal(aid_bus_start(&w->bus), 0);
    manufacture(w);
    assert_int_equal(mc_id_hash(mc_crypto_openssl(), METER_ID, w->id_hash), 0);
    w->seen.ctx = w;
    w->seen.on_fragment = on_fragment;
    w->events = aid_ear_events(&w->seen);
    w->central = new_central(w, "02:00:00:00:00:00");
    port(w)->bind(port(w)->ctx, &w->events);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    w->central = bt_central_free(w->central);
    stop_meter(w);
    (void)aid_stop(w->bluez);
    aid_bus_stop(&w->bus);
    free(w);
    return 0;
}

/* ---- speaking ---- */

static void send_all(struct world *w)
{
    uint8_t fragment[MC_FRAGMENT_MAX];
    size_t n;

    while ((n = mc_pipe_next(&w->pipe, fragment, sizeof fragment)) > 0)
        assert_int_equal(port(w)->send(port(w)->ctx, fragment, n), 0);
}

/* CTL reset, a ClientHello with a ticket that the meter cannot take, its authentic refusal. */
static void speak(struct world *w)
{
    uint8_t nonsense[120], key[MC_KEY_LEN] = {1}, run_id[16] = {2};
    struct mc_ctl_reset reset = {.fragment_epoch = 5, .fragment_limit = MC_FRAGMENT_MAX,
                                 .credits = MC_WINDOW};
    uint8_t bytes[MC_CTL_RESET_LEN];
    struct mc_session session = {0};
    gasm_HelloRefusal refusal = gasm_HelloRefusal_init_zero;
    struct mc_ctl ctl;
    long long end = aid_now_ms() + BOUND_MS;
    const uint8_t *answer;
    unsigned before;
    size_t len;
    int n;

    assert_int_equal(mc_ctl_decode(w->seen.link.ctl, w->seen.link.ctl_len, &ctl), 0);
    assert_string_equal(ctl.meter_id, METER_ID);
    mc_ctl_reset_encode(&reset, bytes);
    before = w->seen.written;
    assert_int_equal(port(w)->write_ctl(port(w)->ctx, bytes, sizeof bytes), 0);
    assert_int_equal(port(w)->write_ctl(port(w)->ctx, bytes, sizeof bytes), GF_E_NOT_NOW);
    await(w, &w->seen.written, before, "CTL written");
    assert_int_equal(w->seen.wrote, 0);

    memset(nonsense, 0xA5, sizeof nonsense);
    n = mc_client_hello(&session, gf_real_random(), (struct gf_span){nonsense, sizeof nonsense},
                        key, run_id, w->hello, sizeof w->hello);
    assert_true(n > 0);
    w->has_answer = false;
    mc_pipe_reset(&w->pipe, reset.fragment_epoch, (uint16_t)(w->seen.link.att_mtu - 3),
                  ctl.credits);
    assert_int_equal(mc_pipe_send(&w->pipe, w->hello, (size_t)n), 0);
    while (!w->has_answer && aid_now_ms() < end) {
        send_all(w);
        step(w->central);
    }
    assert_true(w->has_answer);
    answer = mc_pipe_message(&w->pipe, &len);
    assert_int_equal(mc_client_welcome(&session, mc_crypto_openssl(), answer, len, &refusal),
                     GF_E_TICKET);
    /* It looks at one hello a second. */
    assert_true(refusal.reason == gasm_Refusal_FORMAT || refusal.reason == gasm_Refusal_BUSY);
}

/* ---- tests ---- */

static void test_heard(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    start_meter(w);
    port(w)->listen(port(w)->ctx, true);
    await(w, &w->seen.sightings, 0, "a sighting");
    assert_string_equal(w->seen.sighting.address, METER_ADDRESS);
    assert_true(w->seen.sighting.has_id_hash);
    assert_memory_equal(w->seen.sighting.id_hash, w->id_hash, sizeof w->id_hash);
    await(w, &w->seen.sightings, w->seen.sightings + 3, "more sightings");
    assert_string_equal(w->seen.sighting.name, "GASM-" METER_ID);
    assert_int_equal(w->seen.radio, 0);

    port(w)->listen(port(w)->ctx, false);
    for (int i = 0; i < 5; i++)
        step(w->central);
    assert_int_equal(w->seen.downs, 0);
}

static void test_dialogue(struct world *w, const char *mtu)
{
    start_bluez(w, mtu);
    start_meter(w);
    connect_meter(w);
    assert_int_equal(w->seen.link.att_mtu, atoi(mtu));
    assert_int_equal(w->seen.phases & ~1u, 0x3E);   /* all but LINK_CLOSING */
    speak(w);
    assert_int_equal(w->seen.downs, 0);
    port(w)->disconnect(port(w)->ctx);
    await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_CANCELLED);
    assert_int_equal(port(w)->send(port(w)->ctx, w->hello, 20), GF_E_LINK_LOST);
    connect_meter(w);
    speak(w);
}

static void test_mtu_517(void **state)
{
    test_dialogue(*state, "517");
}

static void test_mtu_23(void **state)
{
    test_dialogue(*state, "23");
}

static void test_limits_of_send(void **state)
{
    struct world *w = *state;
    uint8_t p[600] = {0};
    int sent = 0, r = 0;

    start_bluez(w, "100");
    start_meter(w);
    assert_int_equal(port(w)->send(port(w)->ctx, p, 20), GF_E_LINK_LOST);
    assert_int_equal(port(w)->write_ctl(port(w)->ctx, p, 5), GF_E_LINK_LOST);
    connect_meter(w);
    assert_int_equal(port(w)->connect(port(w)->ctx, w->id_hash, "", 1000), GF_E_NOT_NOW);
    assert_int_equal(port(w)->send(port(w)->ctx, p, 98), GF_E_SPACE);
    assert_int_equal(port(w)->write_ctl(port(w)->ctx, p, 98), GF_E_SPACE);
    while (sent < 100 && (r = port(w)->send(port(w)->ctx, p, 97)) == 0)
        sent++;
    assert_int_equal(r, GF_E_SPACE);
    assert_true(sent >= 8);
}

static void test_ctl_refused(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    start_meter(w);
    connect_meter(w);
    assert_int_equal(port(w)->write_ctl(port(w)->ctx, (const uint8_t *)"nonsense", 8), 0);
    await(w, &w->seen.written, 0, "CTL answered");
    assert_int_equal(w->seen.wrote, GF_E_GATT);
    speak(w);
}

/* A write that is under way when the link ends has an end all the same. */
static void test_written_ends_once(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    start_meter(w);
    connect_meter(w);
    (void)kill(w->meter, SIGSTOP);
    assert_int_equal(port(w)->write_ctl(port(w)->ctx, (const uint8_t *)"12345", 5), 0);
    port(w)->disconnect(port(w)->ctx);
    await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.written, 1);
    assert_int_equal(w->seen.wrote, GF_E_LINK_LOST);
    (void)kill(w->meter, SIGCONT);
}

static void test_meter_away(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    assert_int_equal(port(w)->connect(port(w)->ctx, w->id_hash, METER_ADDRESS, 2000), 0);
    await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_LINK_AWAY);
    assert_int_equal(w->seen.phases, 1u << LINK_SEARCHING | 1u << LINK_IDLE);

    /* It comes while it is searched. */
    assert_int_equal(port(w)->connect(port(w)->ctx, w->id_hash, "", DEADLINE_MS), 0);
    for (int i = 0; i < 5; i++)
        step(w->central);
    start_meter(w);
    await(w, &w->seen.ready, 0, "ready");
}

static void test_cancel_in_search(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    assert_int_equal(port(w)->connect(port(w)->ctx, w->id_hash, "", DEADLINE_MS), 0);
    assert_int_equal(port(w)->connect(port(w)->ctx, w->id_hash, "", DEADLINE_MS), GF_E_NOT_NOW);
    port(w)->disconnect(port(w)->ctx);
    assert_int_equal(w->seen.downs + w->seen.phases, 0);    /* never from inside the call */
    await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_CANCELLED);
    port(w)->disconnect(port(w)->ctx);      /* nothing to end: nothing follows */
    for (int i = 0; i < 3; i++)
        step(w->central);
    assert_int_equal(w->seen.downs, 1);
}

static void test_daemon_restart(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    start_meter(w);
    connect_meter(w);
    speak(w);
    (void)aid_kill(w->bluez);
    await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_BLUEZ_AWAY);
    assert_int_equal(w->seen.radio, GF_E_BLUEZ_AWAY);

    /* Wished while it is away, done when it is back; the meter comes back by itself too. */
    assert_int_equal(port(w)->connect(port(w)->ctx, w->id_hash, "", DEADLINE_MS), 0);
    step(w->central);
    start_bluez(w, "517");
    await(w, &w->seen.ready, 1, "ready again");
    assert_int_equal(w->seen.radio, 0);
    assert_int_equal(w->seen.downs, 1);
    speak(w);
}

static void test_daemon_restart_listening(void **state)
{
    struct world *w = *state;
    unsigned before;

    start_bluez(w, "517");
    start_meter(w);
    port(w)->listen(port(w)->ctx, true);
    await(w, &w->seen.sightings, 0, "a sighting");
    (void)aid_kill(w->bluez);
    await_radio(w, GF_E_BLUEZ_AWAY);
    start_bluez(w, "517");
    before = w->seen.sightings;
    await(w, &w->seen.sightings, before, "a sighting after the restart");
}

static void test_no_daemon(void **state)
{
    struct world *w = *state;

    assert_int_equal(port(w)->connect(port(w)->ctx, w->id_hash, "", DEADLINE_MS), 0);
    await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_BLUEZ_AWAY);
    assert_int_equal(w->seen.radio, GF_E_BLUEZ_AWAY);
}

static void test_bus_lost(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    start_meter(w);
    connect_meter(w);
    aid_bus_stop(&w->bus);
    await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_BLUEZ_AWAY);
    (void)aid_wait_exit(w->bluez, BOUND_MS);
    w->bluez = 0;
}

static void test_meter_killed(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    start_meter(w);
    connect_meter(w);
    (void)aid_kill(w->meter);
    (void)close(w->meter_out);
    w->meter = 0;
    await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_LINK_LOST);
    start_meter(w);
    connect_meter(w);
    speak(w);
}

static void set_powered(struct world *w, const char *adapter, bool on)
{
    struct aid_loop loop = {.n = 0};
    sd_bus *bus = aid_connect(&loop, w->bus.address);
    struct aid_call call = {0};

    assert_non_null(bus);
    aid_call_start(bus, &call, adapter, "org.freedesktop.DBus.Properties", "Set", "ssv",
                   "org.bluez.Adapter1", "Powered", "b", (int)on);
    assert_string_equal(aid_call_end(&loop, &call), "");
    aid_call_done(&call);
    aid_disconnect(&loop, bus);
}

static void test_adapter_power(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    start_meter(w);
    connect_meter(w);
    set_powered(w, "/org/bluez/hci0", false);
    await(w, &w->seen.downs, 0, "down");
    assert_true(w->seen.down == GF_E_ADAPTER || w->seen.down == GF_E_LINK_LOST);
    await_radio(w, GF_E_ADAPTER);
    set_powered(w, "/org/bluez/hci0", true);
    await_radio(w, 0);
    connect_meter(w);

    /* The meter's own: its link falls, and it advertises again when the power is back. */
    set_powered(w, "/org/bluez/hci1", false);
    await(w, &w->seen.downs, 1, "down");
    assert_int_equal(w->seen.down, GF_E_LINK_LOST);
    set_powered(w, "/org/bluez/hci1", true);
    assert_int_equal(aid_wait_line(w->meter_out, "ready", BOUND_MS), 0);
    connect_meter(w);
    speak(w);
}

/* A run that crashed leaves its link up, and the meter silent: the next run takes it over. */
static void test_stale_link(void **state)
{
    struct world *w = *state;
    struct aid_loop loop = {.n = 0};
    sd_bus *bus;
    struct aid_call call = {0};

    start_bluez(w, "517");
    start_meter(w);
    port(w)->listen(port(w)->ctx, true);
    await(w, &w->seen.sightings, 0, "a sighting");
    port(w)->listen(port(w)->ctx, false);
    bus = aid_connect(&loop, w->bus.address);
    assert_non_null(bus);
    aid_call_start(bus, &call, "/org/bluez/hci0/dev_02_00_00_00_00_01", "org.bluez.Device1",
                   "Connect", NULL);
    assert_string_equal(aid_call_end(&loop, &call), "");
    aid_call_done(&call);
    aid_disconnect(&loop, bus);
    connect_meter(w);
    speak(w);
}

/* A second technician hears nothing of an occupied meter, and the first does not notice him. */
static void test_second_central(void **state)
{
    struct world *w = *state;
    struct world other = {.central = new_central(w, "02:00:00:00:00:02")};
    const struct link_port *second = bt_central_port(other.central);
    long long end = aid_now_ms() + BOUND_MS;
    unsigned fragments;

    other.events = aid_ear_events(&other.seen);
    start_bluez(w, "517");
    start_meter(w);
    connect_meter(w);
    second->bind(second->ctx, &other.events);
    assert_int_equal(second->connect(second->ctx, w->id_hash, "", 20000), 0);
    while (other.seen.downs == 0 && aid_now_ms() < end) {
        step(other.central);
        step(w->central);
    }
    assert_int_equal(other.seen.downs, 1);
    assert_int_equal(other.seen.ready, 0);
    assert_int_equal(other.seen.down, GF_E_LINK_AWAY);   /* one link: the meter is silent */
    assert_int_equal(w->seen.downs, 0);
    fragments = w->seen.fragments;
    speak(w);
    assert_true(w->seen.fragments > fragments);
    (void)bt_central_free(other.central);
}

/* A central that says nothing is dropped by the meter, which then serves the next. */
static void test_silent_central_dropped(void **state)
{
    struct world *w = *state;

    start_bluez(w, "517");
    start_meter(w);
    connect_meter(w);
    speak(w);
    await(w, &w->seen.downs, 0, "dropped by the meter");
    assert_int_equal(w->seen.down, GF_E_LINK_LOST);
    connect_meter(w);
}

/* Nothing in here may ever wait for an answer. */
static void test_no_synchronous_calls(void **state)
{
    char command[1024];

    (void)state;
    (void)snprintf(command, sizeof command,
                   "nm -g --undefined-only %s/libbt.a | grep -w -e sd_bus_call -e sd_bus_flush "
                   "-e sd_bus_call_method -e sd_bus_wait -e sd_bus_get_property 1>&2",
                   getenv("BUILD") != NULL ? getenv("BUILD") : "build/gcc");
    assert_int_equal(WEXITSTATUS(system(command)), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_heard), T(test_mtu_517), T(test_mtu_23), T(test_limits_of_send),
        T(test_ctl_refused), T(test_written_ends_once), T(test_meter_away),
        T(test_cancel_in_search), T(test_daemon_restart), T(test_daemon_restart_listening),
        T(test_no_daemon), T(test_bus_lost), T(test_meter_killed), T(test_adapter_power),
        T(test_stale_link), T(test_second_central), T(test_silent_central_dropped),
        cmocka_unit_test(test_no_synchronous_calls),
    };

    gf_real_clock_rate(RATE);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
