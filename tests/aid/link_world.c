/* link_world.c - the laptop's port and the meter program on virtual-bluez; see link_world.h. */
#include "tests/aid/link_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/host/loop.h"
#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/pb.h"
#include "meter-core/session.h"

static void on_fragment(void *ctx, const uint8_t *p, size_t n)
{
    struct link_world *w = ctx;

    if (mc_pipe_feed(&w->pipe, p, n) == MC_FEED_MESSAGE)
        w->has_answer = true;
}

/* ---- programs ---- */

void lw_bluez(struct link_world *w, const char *mtu)
{
    const char *argv[] = {aid_program("virtual-bluez"), "--bus", w->bus.address, "--adapters", "4",
                          "--clock-rate", LW_RATE_TEXT, "--mtu", mtu, NULL};
    int out;

    w->bluez = aid_spawn(argv, &out);
    assert_true(w->bluez > 0);
    assert_int_equal(aid_wait_line(out, "ready", LW_BOUND_MS), 0);
    (void)close(out);
}

void lw_meter(struct link_world *w)
{
    const char *argv[] = {aid_program("gasmeter"), "run", "--nvm", w->nvm, "--bus", w->bus.address,
                          "--adapter", LW_METER_ADDRESS, "--clock-rate", LW_RATE_TEXT, NULL};

    w->meter = aid_spawn(argv, &w->meter_out);
    assert_true(w->meter > 0);
    assert_int_equal(aid_wait_line(w->meter_out, "ready " LW_METER_ID " " LW_METER_ADDRESS,
                                   LW_BOUND_MS), 0);
}

void lw_meter_stop(struct link_world *w)
{
    if (w->meter > 0)
        assert_int_equal(aid_stop(w->meter), 0);
    if (w->meter > 0)
        (void)close(w->meter_out);
    w->meter = 0;
}

static void manufacture(struct link_world *w)
{
    char key[512], shipment[512];
    const char *argv[] = {aid_program("gasmeter"), "manufacture", "--id", LW_METER_ID, "--nvm",
                          w->nvm, "--transport-key", key, "--shipment", shipment, NULL};
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
    assert_int_equal(aid_wait_exit(aid_spawn(argv, NULL), LW_BOUND_MS), 0);
}

/* ---- waiting ---- */

struct bt_central *lw_central(struct link_world *w, const char *adapter)
{
    const struct bt_central_config config = {.bus_address = w->bus.address,
                                             .adapter_address = adapter,
                                             .clock = gf_real_clock()};
    struct bt_central *c = bt_central_new(&config);

    assert_non_null(c);
    return c;
}

void lw_step(struct bt_central *c)
{
    const struct gf_source *const sources[] = {bt_central_source(c)};

    assert_int_equal(gf_loop_once(sources, 1, 50), 0);
}

/* Until *n has become more than `before`. */
void lw_await(struct link_world *w, const unsigned *n, unsigned before, const char *what)
{
    long long end = aid_now_ms() + LW_BOUND_MS;

    while (*n <= before && aid_now_ms() < end)
        lw_step(w->central);
    if (*n <= before)
        fail_msg("never: %s (down %d %s, radio %d, phases %x)", what, w->seen.down, w->seen.detail,
                 w->seen.radio, w->seen.phases);
}

void lw_await_radio(struct link_world *w, int code)
{
    long long end = aid_now_ms() + LW_BOUND_MS;

    while ((w->seen.radios == 0 || w->seen.radio != code) && aid_now_ms() < end)
        lw_step(w->central);
    assert_int_equal(w->seen.radio, code);
}

const struct link_port *lw_port(struct link_world *w)
{
    return bt_central_port(w->central);
}

void lw_connect(struct link_world *w)
{
    unsigned ready = w->seen.ready;

    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, "", LW_DEADLINE_MS), 0);
    lw_await(w, &w->seen.ready, ready, "ready");
}

int lw_setup(void **state)
{
    struct link_world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    assert_int_equal(aid_bus_start(&w->bus), 0);
    manufacture(w);
    assert_int_equal(mc_id_hash(mc_crypto_openssl(), LW_METER_ID, w->id_hash), 0);
    w->seen.ctx = w;
    w->seen.on_fragment = on_fragment;
    w->events = aid_ear_events(&w->seen);
    w->central = lw_central(w, "02:00:00:00:00:00");
    lw_port(w)->bind(lw_port(w)->ctx, &w->events);
    *state = w;
    return 0;
}

int lw_teardown(void **state)
{
    struct link_world *w = *state;

    w->central = bt_central_free(w->central);
    lw_meter_stop(w);
    (void)aid_stop(w->bluez);
    aid_bus_stop(&w->bus);
    free(w);
    return 0;
}

/* ---- speaking ---- */

static void send_all(struct link_world *w)
{
    uint8_t fragment[MC_FRAGMENT_MAX];
    size_t n;

    while ((n = mc_pipe_next(&w->pipe, fragment, sizeof fragment)) > 0)
        assert_int_equal(lw_port(w)->send(lw_port(w)->ctx, fragment, n), 0);
}

void lw_speak(struct link_world *w)
{
    uint8_t nonsense[120], key[MC_KEY_LEN] = {1}, run_id[16] = {2};
    struct mc_ctl_reset reset = {.fragment_epoch = 5, .fragment_limit = MC_FRAGMENT_MAX,
                                 .credits = MC_WINDOW};
    uint8_t bytes[MC_CTL_RESET_LEN];
    struct mc_session session = {0};
    gasm_HelloRefusal refusal = gasm_HelloRefusal_init_zero;
    struct mc_ctl ctl;
    long long end = aid_now_ms() + LW_BOUND_MS;
    const uint8_t *answer;
    unsigned before;
    size_t len;
    int n;

    assert_int_equal(mc_ctl_decode(w->seen.link.ctl, w->seen.link.ctl_len, &ctl), 0);
    assert_string_equal(ctl.meter_id, LW_METER_ID);
    mc_ctl_reset_encode(&reset, bytes);
    before = w->seen.written;
    assert_int_equal(lw_port(w)->write_ctl(lw_port(w)->ctx, bytes, sizeof bytes), 0);
    assert_int_equal(lw_port(w)->write_ctl(lw_port(w)->ctx, bytes, sizeof bytes), GF_E_NOT_NOW);
    lw_await(w, &w->seen.written, before, "CTL written");
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
        lw_step(w->central);
    }
    assert_true(w->has_answer);
    answer = mc_pipe_message(&w->pipe, &len);
    assert_int_equal(mc_client_welcome(&session, mc_crypto_openssl(), answer, len, &refusal),
                     GF_E_TICKET);
    /* It looks at one hello a second. */
    assert_true(refusal.reason == gasm_Refusal_FORMAT || refusal.reason == gasm_Refusal_BUSY);
}
