/*
 * test_bt_restart.c - bluetoothd is killed and started again, really: how soon the laptop listens
 * again. Measured on the central's own clock, which runs ten times slower than the machine's here,
 * so that a busy machine does not count: a wait of the central's would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bt/central_state.h"
#include "common/host/real.h"
#include "tests/aid/link_world.h"

#define SLOWER 10
#define SOON_MS 500             /* from the daemon's return to discovery */

static int64_t slow_ms(void *ctx)
{
    (void)ctx;
    return aid_now_ms() / SLOWER;
}

static int64_t utc_ms(void *ctx)
{
    (void)ctx;
    return gf_real_clock()->utc_ms(gf_real_clock()->ctx);
}

static const struct gf_clock slow = {.utc_ms = utc_ms, .mono_ms = slow_ms};

static int setup(void **state)
{
    struct link_world *w;
    struct bt_central_config config = {.adapter_address = "02:00:00:00:00:00", .clock = &slow};

    if (lw_setup(state) != 0)
        return -1;
    w = *state;
    (void)bt_central_free(w->central);
    config.bus_address = w->bus.address;
    w->central = bt_central_new(&config);
    assert_non_null(w->central);
    lw_port(w)->bind(lw_port(w)->ctx, &w->events);
    return 0;
}

static bool is_scanning(const struct link_world *w)
{
    const struct bt_object *o = bt_mirror_find(bt_bus_mirror(w->central->bus), w->central->adapter);

    return w->central->scan == BT_SCAN_ON && o != NULL && o->discovering;
}

static void await_scanning(struct link_world *w)
{
    long long end = aid_now_ms() + LW_BOUND_MS;

    while (!is_scanning(w) && aid_now_ms() < end)
        lw_step(w->central);
    assert_true(is_scanning(w));
}

/* Kill it, see that it is missed, start it again. How long until discovery, in the central's ms. */
static int64_t restart(struct link_world *w)
{
    int64_t from;

    (void)aid_kill(w->bluez);
    lw_await_radio(w, GF_E_BLUEZ_AWAY);
    assert_false(is_scanning(w));
    lw_bluez(w, "517");
    from = slow_ms(NULL);
    await_scanning(w);
    print_message("# discovery %lld ms after the daemon's return\n",
                  (long long)(slow_ms(NULL) - from));
    return slow_ms(NULL) - from;
}

static void test_listening(void **state)
{
    struct link_world *w = *state;
    unsigned before;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_port(w)->listen(lw_port(w)->ctx, true);
    await_scanning(w);
    for (int i = 0; i < 3; i++)
        assert_in_range(restart(w), 0, SOON_MS);
    before = w->seen.sightings;
    lw_await(w, &w->seen.sightings, before, "a sighting");
}

/* The meter is not there yet: the attempt goes on where it was. */
static void test_searching(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, "", LW_DEADLINE_MS), 0);
    await_scanning(w);
    assert_in_range(restart(w), 0, SOON_MS);
    lw_meter(w);
    lw_await(w, &w->seen.ready, 0, "ready");
    assert_int_equal(w->seen.downs, 0);
}

/* In use: its end is told once, and whoever wants it again, has it again. */
static void test_connected(void **state)
{
    struct link_world *w = *state;

    lw_bluez(w, "517");
    lw_meter(w);
    lw_connect(w);
    lw_speak(w);
    (void)aid_kill(w->bluez);
    lw_await(w, &w->seen.downs, 0, "down");
    assert_int_equal(w->seen.down, GF_E_BLUEZ_AWAY);
    assert_int_equal(lw_port(w)->connect(lw_port(w)->ctx, w->id_hash, "", LW_DEADLINE_MS), 0);
    lw_step(w->central);
    lw_bluez(w, "517");
    lw_await(w, &w->seen.ready, 1, "ready again");
    lw_speak(w);
    assert_int_equal(w->seen.downs, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, lw_teardown)
    const struct CMUnitTest tests[] = {T(test_listening), T(test_searching), T(test_connected)};

    gf_real_clock_rate(LW_RATE);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
