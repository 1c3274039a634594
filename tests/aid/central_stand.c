/* central_stand.c - the central before a daemon that misbehaves; see central_stand.h. */
#include "tests/aid/central_stand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bt/central_state.h"
#include "common/host/loop.h"
#include "common/host/real.h"
#include "tests/aid/proc.h"

int stand_setup(void **state)
{
    struct stand *w = calloc(1, sizeof *w);
    struct bt_central_config config = {.clock = gf_real_clock()};

    assert_non_null(w);
    assert_int_equal(aid_bus_start(&w->bus), 0);
    assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
    config.bus_address = w->bus.address;
    w->central = bt_central_new(&config);
    assert_non_null(w->central);
    w->port = bt_central_port(w->central);
    w->events = aid_ear_events(&w->ear);
    w->port->bind(w->port->ctx, &w->events);
    *state = w;
    return 0;
}

int stand_teardown(void **state)
{
    struct stand *w = *state;

    (void)bt_central_free(w->central);
    aid_bluez_stop(&w->bluez);
    aid_bus_stop(&w->bus);
    free(w);
    return 0;
}

void stand_step(struct stand *w)
{
    const struct gf_source *const sources[] = {bt_central_source(w->central), &w->bluez.source};

    assert_int_equal(gf_loop_once(sources, 2, 20), 0);
    if (w->hook != NULL)
        w->hook(w);
}

void stand_await(struct stand *w, const unsigned *n, unsigned least, const char *what)
{
    long long end = aid_now_ms() + STAND_BOUND_MS;

    while (*n < least && aid_now_ms() < end)
        stand_step(w);
    if (*n < least)
        fail_msg("never: %s (state %d, ready %u, down %d %s, radio %d)", what,
                 (int)w->central->state, w->ear.ready, w->ear.down, w->ear.detail, w->ear.radio);
}

void stand_await_end(struct stand *w)
{
    long long end = aid_now_ms() + STAND_BOUND_MS;
    unsigned had = w->ear.ready + w->ear.downs;

    while (w->ear.ready + w->ear.downs == had && aid_now_ms() < end)
        stand_step(w);
    if (w->ear.ready + w->ear.downs == had)
        fail_msg("neither ready nor down (state %d)", (int)w->central->state);
}

void stand_connect(struct stand *w, int64_t deadline_ms)
{
    assert_int_equal(w->port->connect(w->port->ctx, w->bluez.id_hash, "", deadline_ms), 0);
    stand_await_end(w);
}
