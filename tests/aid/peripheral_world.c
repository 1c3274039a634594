/* peripheral_world.c - the meter's side of the radio before a daemon; see peripheral_world.h. */
#include "tests/aid/peripheral_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "common/host/loop.h"
#include "common/host/real.h"

static void on_state(void *ctx, int code, const char *detail)
{
    struct peripheral_world *w = ctx;

    w->states++;
    w->state = code;
    w->up += code == 0;
    if (code == 0)
        assert_string_equal(detail, "02:00:00:00:00:00");
}

static void on_connected(void *ctx, uint16_t mtu)
{
    struct peripheral_world *w = ctx;

    w->connected++;
    w->mtu = mtu;
}

static void on_disconnected(void *ctx)
{
    ((struct peripheral_world *)ctx)->disconnected++;
}

static void on_rx(void *ctx, const uint8_t *p, size_t n)
{
    struct peripheral_world *w = ctx;

    w->rx++;
    memcpy(w->value, p, n);
    w->value_n = n;
}

static size_t on_ctl_read(void *ctx, uint8_t *ret, size_t cap)
{
    (void)ctx;
    assert_true(cap >= 10);
    memcpy(ret, "0123456789", 10);
    return 10;
}

static int on_ctl_write(void *ctx, const uint8_t *p, size_t n)
{
    struct peripheral_world *w = ctx;

    (void)p;
    w->ctl_writes++;
    return n == 5 ? 0 : GF_E_FORMAT;
}

struct bt_peripheral *pw_new_peripheral(struct peripheral_world *w, int readvertise_ms)
{
    const struct bt_peripheral_config config = {
        .bus_address = w->bus.address, .clock = gf_real_clock(), .events = &w->events,
        .manufacturer = "Maker", .model = "Model", .firmware = "1.2.3",
        .local_name = "GASM-GM2400001223", .id_hash = {1, 2, 3, 4, 5, 6},
        .readvertise_ms = readvertise_ms,
    };

    return bt_peripheral_new(&config);
}

int pw_setup(void **state)
{
    struct peripheral_world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    assert_int_equal(aid_bus_start(&w->bus), 0);
    assert_int_equal(aid_bluez_start(&w->bluez, w->bus.address), 0);
    w->events = (struct bt_peripheral_events){w, on_state, on_connected, on_disconnected, on_rx,
                                              on_ctl_read, on_ctl_write};
    w->p = pw_new_peripheral(w, 0);
    assert_non_null(w->p);
    *state = w;
    return 0;
}

int pw_teardown(void **state)
{
    struct peripheral_world *w = *state;

    (void)sd_bus_message_unref(w->answer);
    (void)bt_peripheral_free(w->p);
    aid_bluez_stop(&w->bluez);
    aid_bus_stop(&w->bus);
    free(w);
    return 0;
}

void pw_step(struct peripheral_world *w)
{
    const struct gf_source *const sources[] = {bt_peripheral_source(w->p), &w->bluez.source};

    assert_int_equal(gf_loop_once(sources, 2, 20), 0);
}

void pw_await(struct peripheral_world *w, const unsigned *n, unsigned least, const char *what)
{
    long long end = aid_now_ms() + PW_BOUND_MS;

    while (*n < least && aid_now_ms() < end)
        pw_step(w);
    if (*n < least)
        fail_msg("never: %s (state %d)", what, w->state);
}

/* ---- the daemon calls the application ---- */

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
    struct peripheral_world *w = userdata;
    const sd_bus_error *e = sd_bus_message_get_error(m);

    (void)ret_error;
    w->answers++;
    (void)sd_bus_message_unref(w->answer);
    w->answer = sd_bus_message_ref(m);
    (void)snprintf(w->error, sizeof w->error, "%s%s%s", e != NULL ? e->name : "",
                   e != NULL ? ": " : "", e != NULL ? e->message : "");
    return 0;
}

void pw_send(struct peripheral_world *w, sd_bus *from, sd_bus_message *m)
{
    assert_true(sd_bus_call_async(from, NULL, m, on_answer, w, 0) >= 0);
    (void)sd_bus_message_unref(m);
}

const char *pw_finish(struct peripheral_world *w, sd_bus *from, sd_bus_message *m)
{
    unsigned before = w->answers;

    pw_send(w, from, m);
    pw_await(w, &w->answers, before + 1, "an answer");
    return w->error;
}

sd_bus_message *pw_call(struct peripheral_world *w, sd_bus *from, const char *path,
                        const char *iface, const char *member)
{
    sd_bus_message *m = NULL;

    assert_true(sd_bus_message_new_method_call(from, &m, w->bluez.app, path, iface, member) >= 0);
    return m;
}

void pw_options(sd_bus_message *m, const char *device, uint16_t offset, uint16_t mtu)
{
    assert_true(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
    if (device != NULL)
        assert_true(sd_bus_message_append(m, "{sv}", "device", "o", device) >= 0);
    if (offset > 0)
        assert_true(sd_bus_message_append(m, "{sv}", "offset", "q", offset) >= 0);
    if (mtu > 0)
        assert_true(sd_bus_message_append(m, "{sv}", "mtu", "q", mtu) >= 0);
    assert_true(sd_bus_message_append(m, "{sv}", "link", "s", "LE") >= 0);
    assert_true(sd_bus_message_close_container(m) >= 0);
}

const char *pw_write_value(struct peripheral_world *w, const char *path, const char *device,
                           size_t n, uint16_t offset, uint16_t mtu)
{
    sd_bus_message *m = pw_call(w, w->bluez.bus, path, PW_CHARACTERISTIC, "WriteValue");
    uint8_t value[600];

    memset(value, 7, sizeof value);
    assert_true(sd_bus_message_append_array(m, 'y', value, n) >= 0);
    pw_options(m, device, offset, mtu);
    return pw_finish(w, w->bluez.bus, m);
}

const char *pw_read_value(struct peripheral_world *w, const char *path, const char *device,
                              uint16_t offset)
{
    sd_bus_message *m = pw_call(w, w->bluez.bus, path, PW_CHARACTERISTIC, "ReadValue");
    const void *p;
    const char *error;

    pw_options(m, device, offset, 185);
    error = pw_finish(w, w->bluez.bus, m);
    if (error[0] == '\0') {
        assert_true(sd_bus_message_read_array(w->answer, 'y', &p, &w->value_n) >= 0);
        memcpy(w->value, p, w->value_n);
        w->value[w->value_n] = '\0';
    }
    return error;
}

void pw_come_up(struct peripheral_world *w)
{
    pw_await(w, &w->up, 1, "registered");
}

void pw_link_comes(struct peripheral_world *w)
{
    w->bluez.connected = true;
    aid_bluez_heard(&w->bluez);
}
