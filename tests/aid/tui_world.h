/* tui_world.h - the curses app on a terminal in this process, over the fake work of fake_work.h, a
 * real store and a radio that hears what the test says. Include it in one file of a test program,
 * as fake_work.h. */
#ifndef GF_TESTS_TUI_WORLD_H
#define GF_TESTS_TUI_WORLD_H

#include <stdlib.h>

#include "meter-core/gatt.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/fake_work.h"
#include "tests/aid/screen.h"
#include "tests/aid/store_world.h"
#include "tui/app.h"

#define WORLD_METER "GM2400000156"

static struct {
    struct app app;
    struct screen screen;
    struct store_world store;
    struct field_ports ports;
    struct tui_env env;
    struct gf_source work;
    const struct link_events *heard;        /* whom the radio tells */
    bool listening;
    int stop;
} world;

static void link_bind(void *ctx, const struct link_events *events)
{
    (void)ctx;
    world.heard = events;
}

static void link_listen(void *ctx, bool on)
{
    (void)ctx;
    world.listening = on;
}

static const struct link_port fake_link = {.bind = link_bind, .listen = link_listen};

/* A meter is heard; its id may be NULL for a device that shows none. */
static void world_hear(const char *address, const char *meter_id, const char *name, int rssi)
{
    struct link_sighting s = {.has_id_hash = meter_id != NULL, .rssi_dbm = rssi};

    (void)gf_copy(s.address, sizeof s.address, address);
    (void)gf_copy(s.name, sizeof s.name, name);
    if (meter_id != NULL)
        assert_int_equal(mc_id_hash(mc_crypto_openssl(), meter_id, s.id_hash), 0);
    world.heard->sighting(world.heard->ctx, &s);
}

static void world_job(uint32_t n, const char *meter, const char *due, uint32_t priority,
                      const char *state, const char *name, const char *address, const char *note)
{
    sync_Job j = store_job(n);

    (void)gf_copy(j.meter_id, sizeof j.meter_id, meter);
    (void)gf_copy(j.due, sizeof j.due, due);
    (void)gf_copy(j.state, sizeof j.state, state);
    (void)gf_copy(j.customer_name, sizeof j.customer_name, name);
    (void)snprintf(j.customer_no, sizeof j.customer_no, "C-%04u", 1000 + n);
    (void)snprintf(j.customer_phone, sizeof j.customer_phone, "+44 20 7946 01%02u", n);
    (void)snprintf(j.supply_point, sizeof j.supply_point, "SP-%04u", n);
    (void)gf_copy(j.address, sizeof j.address, address);
    (void)gf_copy(j.note, sizeof j.note, note);
    j.priority = priority;
    assert_int_equal(store_apply_job(world.store.port, &j), 0);
}

static void world_jobs(void)
{
    world_job(1, WORLD_METER, "2026-11-22", 1, "assigned", "Ada Marchetti",
              "12 Canal Street, flat 3", "");
    world_job(2, "GM2400000253", "2026-11-22", 2, "on-site", "Jonas Bergstr\xc3\xb6m",
              "12 Canal Street, flat 4", "The cellar key is with the caretaker at number 10.");
    world_job(3, "GM2400000350", "2026-11-20", 3, "assigned", "Mei Tanaka",
              "7 Foundry Lane, cellar", "");
    world_job(4, "GM2400000447", "2026-12-03", 1, "planned",
              "\xe7\x94\xb0\xe4\xb8\xad \xe8\x8a\xbd\xe8\xa1\xa3",
              "The Old Gasworks, Tower 2, 14th floor, apartment 1407, Upper Riverside", "");
    world_job(5, "GM2400000544", "2026-11-19", 1, "done", "Bo Li", "3 Mill Lane", "");
}

/* The app, open on a terminal of this size, over these moments and five jobs. */
static void world_open(int rows, int cols, const struct fake_moment *moments, bool no_color,
                       bool ascii)
{
    struct ui_config ui = {.term = "xterm-256color", .no_color = no_color, .ascii = ascii};
    struct gf_fail why = {0};

    fake_reset(moments);
    store_world_make(&world.store);
    world_jobs();
    world.ports = (struct field_ports){.clock = &fake_clock,
                                       .crypto = mc_crypto_openssl(),
                                       .link = &fake_link,
                                       .store = world.store.port};
    world.stop = 0;
    world.env = (struct tui_env){.ports = &world.ports,
                                 .run = (struct run *)&fake,
                                 .sync = (struct sync *)&fake,
                                 .stop = &world.stop,
                                 .camera = "/nonexistent/video0"};
    tui_work_source(&world.env, &world.work);
    world.env.sources[world.env.n_sources++] = &world.work;
    fake.sync.last_ok_at_ms = FAKE_UTC_MS - 130000;
    screen_open(&world.screen, rows, cols);
    ui.in = world.screen.in;
    ui.out = world.screen.out;
    if (app_open(&world.app, &world.env, &ui, &why) != 0)
        fail_msg("%s: %s", why.where, why.detail);
    screen_sync(&world.screen);
}

static void world_close(void)
{
    app_close(&world.app);
    screen_close(&world.screen);
    store_world_close(&world.store);
}

/* Turns of the loop, each drawn. */
static void world_turns(int n)
{
    while (n-- > 0) {
        app_step(&world.app, 0);
        screen_sync(&world.screen);
    }
}

/* Type, and let the app take it and draw. */
static void world_type(const char *bytes)
{
    screen_type(&world.screen, bytes);
    world_turns(2);
}

/* Keys as this terminal sends them. */
#define K_ENTER "\r"
#define K_ESC "\033"
#define K_UP "\033OA"
#define K_DOWN "\033OB"
#define K_F1 "\033OP"
#define K_F2 "\033OQ"
#define K_F3 "\033OR"
#define K_F4 "\033OS"
#define K_F5 "\033[15~"
#define K_F7 "\033[18~"
#define K_F8 "\033[19~"
#define K_F9 "\033[20~"
#define K_PGDN "\033[6~"

#endif
