/* test_bt_bus.c - calls that end exactly once, whatever ends them; bus and daemon that go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bt/bus.h"
#include "common/err.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "tests/aid/bluez.h"
#include "tests/aid/proc.h"

#define RATE 20
#define BOUND_MS 20000
#define CALLS 20

struct world {
    struct aid_bus bus;
    struct aid_bluez bluez;
    struct bt_bus *b;
    struct gf_source source;
    unsigned services, opened, ended, objects_at_end;
    int service;
    unsigned ends[CALLS];       /* of each call */
    int codes[CALLS];
    struct slot {
        struct world *w;
        unsigned i;
    } slots[CALLS];
};

static bool count(void *ctx, const struct bt_object *o)
{
    (void)o;
    ++*(unsigned *)ctx;
    return true;
}

static unsigned objects(const struct world *w)
{
    unsigned n = 0;

    bt_mirror_each(bt_bus_mirror(w->b), ~0u, NULL, count, &n);
    return n;
}

static void on_opened(void *ctx, sd_bus *bus)
{
    ((struct world *)ctx)->opened++;
    assert_non_null(bus);
}

static void on_service(void *ctx, int code, const char *detail)
{
    struct world *w = ctx;

    w->services++;
    w->service = code;
    assert_true(code == 0 || detail[0] != '\0');
    w->objects_at_end = objects(w);
}

static void on_end(void *ctx, const struct bt_end *end)
{
    struct slot *s = ctx;

    s->w->ended++;
    s->w->ends[s->i]++;
    s->w->codes[s->i] = end->code;
    assert_true((end->answer != NULL) == (end->code == 0));
    assert_non_null(end->text);
}

static size_t source_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    return bt_bus_fds(((struct world *)ctx)->b, ret, cap);
}

static int source_timeout_ms(void *ctx)
{
    return bt_bus_timeout_ms(((struct world *)ctx)->b, NULL, 0);
}

static void source_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    (void)fds;
    (void)n;
    bt_bus_process(((struct world *)ctx)->b);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct bt_bus_config config = {.clock = gf_real_clock(), .service_uuid = "x", .ctx = w,
                                   .opened = on_opened, .service = on_service};

    assert_non_null(w);
    assert_int_equal(aid_bus_start(&w->bus), 0);
    assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
    config.address = w->bus.address;
    w->b = bt_bus_new(&config);
    assert_non_null(w->b);
    w->source = (struct gf_source){w, source_fds, source_timeout_ms, source_process};
    for (unsigned i = 0; i < CALLS; i++)
        w->slots[i] = (struct slot){w, i};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    (void)bt_bus_free(w->b);
    aid_bluez_stop(&w->bluez);
    aid_bus_stop(&w->bus);
    free(w);
    return 0;
}

static void step(struct world *w)
{
    const struct gf_source *const sources[] = {&w->source, &w->bluez.source};

    assert_int_equal(gf_loop_once(sources, 2, 20), 0);
}

static void await(struct world *w, const unsigned *n, unsigned least, const char *what)
{
    long long end = aid_now_ms() + BOUND_MS;

    while (*n < least && aid_now_ms() < end)
        step(w);
    if (*n < least)
        fail_msg("never: %s", what);
}

static void pass(struct world *w)
{
    for (int i = 0; i < 5; i++)
        step(w);
}

static unsigned call(struct world *w, unsigned i, const char *member, int timeout_ms)
{
    const struct bt_call c = {.path = AID_ADAPTER, .iface = "org.bluez.Adapter1",
                              .member = member, .timeout_ms = timeout_ms, .end = on_end,
                              .ctx = &w->slots[i]};

    return bt_bus_call(w->b, &c, "");
}

static void come_up(struct world *w)
{
    await(w, &w->services, 1, "the daemon");
    assert_int_equal(w->service, 0);
    assert_int_equal(objects(w), 1);
}

static void test_answered(void **state)
{
    struct world *w = *state;

    come_up(w);
    aid_bluez_rule(&w->bluez, "StopDiscovery", 1, "org.bluez.Error.NotReady", "Resource Not Ready");
    assert_true(call(w, 0, "StartDiscovery", 5000) > 0);
    assert_true(call(w, 1, "StopDiscovery", 5000) > 0);
    assert_int_equal(w->ended, 0);
    await(w, &w->ended, 2, "two ends");
    assert_int_equal(w->codes[0], 0);
    assert_int_equal(w->codes[1], GF_E_ADAPTER);
    pass(w);
    assert_int_equal(w->ended, 2);
}

/* A late answer to a call that has ended by its deadline is dropped. */
static void test_deadline(void **state)
{
    struct world *w = *state;

    come_up(w);
    assert_true(call(w, 0, "StartDiscovery", 0) > 0);
    assert_int_equal(w->ended, 0);
    await(w, &w->ended, 1, "the end");
    assert_int_equal(w->codes[0], GF_E_LINK_TIMEOUT);
    await(w, &w->bluez.calls.start, 1, "the call itself");
    pass(w);
    assert_int_equal(w->ends[0], 1);
    assert_int_equal(bt_bus_counters(w->b)->timeouts, 1);
}

static void test_cancelled(void **state)
{
    struct world *w = *state;
    unsigned number, none = 0;

    come_up(w);
    number = call(w, 0, "StartDiscovery", 5000);
    bt_bus_cancel(w->b, &number);
    assert_int_equal(number, 0);
    bt_bus_cancel(w->b, &number);
    bt_bus_cancel(w->b, &none);
    await(w, &w->bluez.calls.start, 1, "the call itself");
    pass(w);
    assert_int_equal(w->ended, 0);
}

/* A full table refuses, and nothing of a refused call follows. */
static void test_full(void **state)
{
    struct world *w = *state;
    unsigned taken = 0;

    come_up(w);
    while (taken < CALLS && call(w, taken, "StartDiscovery", 5000) > 0)
        taken++;
    assert_true(taken >= 8 && taken < CALLS);
    await(w, &w->ended, taken, "all ends");
    pass(w);
    for (unsigned i = 0; i < CALLS; i++)
        assert_int_equal(w->ends[i], i < taken);
    assert_true(call(w, 0, "StartDiscovery", 5000) > 0);
}

static void test_daemon_gone(void **state)
{
    struct world *w = *state;

    come_up(w);
    aid_bluez_rule(&w->bluez, "StartDiscovery", -1, NULL, NULL);
    assert_true(call(w, 0, "StartDiscovery", 500000) > 0);
    pass(w);
    aid_bluez_stop(&w->bluez);
    await(w, &w->ended, 1, "the end");
    assert_int_equal(w->codes[0], GF_E_BLUEZ_AWAY);
    await(w, &w->services, 2, "the news");
    assert_int_equal(w->service, GF_E_BLUEZ_AWAY);
    assert_int_equal(w->objects_at_end, 0);
    assert_int_equal(objects(w), 0);

    assert_true(call(w, 1, "StartDiscovery", 5000) > 0);
    await(w, &w->ended, 2, "the end of a call to nobody");
    assert_int_equal(w->codes[1], GF_E_BLUEZ_AWAY);
    assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
    await(w, &w->services, 3, "the daemon again");
    assert_int_equal(w->service, 0);
    assert_int_equal(w->objects_at_end, 1);
    assert_int_equal(w->opened, 1);
}

/* The bus itself goes: all ends, and it is tried again with a back-off. */
static void test_bus_gone(void **state)
{
    struct world *w = *state;

    come_up(w);
    aid_bluez_rule(&w->bluez, "StartDiscovery", -1, NULL, NULL);
    assert_true(call(w, 0, "StartDiscovery", 500000) > 0);
    assert_true(call(w, 1, "StartDiscovery", 500000) > 0);
    pass(w);
    aid_bus_stop(&w->bus);
    await(w, &w->ended, 2, "both ends");
    assert_int_equal(w->codes[0], GF_E_BLUEZ_AWAY);
    assert_int_equal(w->codes[1], GF_E_BLUEZ_AWAY);
    assert_int_equal(w->service, GF_E_BLUEZ_AWAY);
    assert_int_equal(objects(w), 0);
    assert_true(call(w, 2, "StartDiscovery", 500000) > 0);
    await(w, &w->ended, 3, "the end of a call without a bus");
    assert_int_equal(w->codes[2], GF_E_BLUEZ_AWAY);
    pass(w);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(w->ends[i], 1);
    assert_true(bt_bus_counters(w->b)->opened >= 1);
    assert_true(bt_bus_timeout_ms(w->b, NULL, 0) >= 0);
}

/* A flood of signals is taken in portions, so that keys and timers have their turn. */
static void test_flood(void **state)
{
    struct world *w = *state;
    const struct bt_counters *n = bt_bus_counters(w->b);
    uint64_t before, most = 0;

    come_up(w);
    for (int i = 0; i < 2000; i++)
        aid_bluez_heard(&w->bluez);
    for (int i = 0; i < 1000 && n->signals < 2000; i++) {
        before = n->signals;
        step(w);
        most = n->signals - before > most ? n->signals - before : most;
    }
    assert_true(n->signals >= 2000);
    assert_in_range(most, 1, 128);
}

static void test_timers(void **state)
{
    struct world *w = *state;
    int64_t now = gf_real_clock()->mono_ms(NULL);
    const int64_t none[] = {0, 0}, past[] = {0, now - 5}, soon[] = {now + 200000, now + 900};
    int wait;

    assert_int_equal(bt_bus_timeout_ms(w->b, none, 2), 0);      /* it is to be opened */
    come_up(w);
    pass(w);
    assert_int_equal(bt_bus_timeout_ms(w->b, none, 2), -1);
    assert_int_equal(bt_bus_timeout_ms(w->b, past, 2), 0);
    now = gf_real_clock()->mono_ms(NULL);
    wait = bt_bus_timeout_ms(w->b, soon, 2);
    assert_true(wait >= 0 && wait <= 900);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_answered), T(test_deadline), T(test_cancelled), T(test_full), T(test_daemon_gone),
        T(test_bus_gone), T(test_flood), T(test_timers),
    };

    gf_real_clock_rate(RATE);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
