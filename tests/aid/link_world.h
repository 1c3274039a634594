#ifndef GF_TESTS_AID_LINK_WORLD_H
#define GF_TESTS_AID_LINK_WORLD_H
/*
 * The laptop's port and the meter program, gasmeter, on virtual-bluez and a bus of their own; all
 * clocks run at LW_RATE. Failures are cmocka's.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bt/central.h"
#include "meter-core/frame.h"
#include "meter-core/gatt.h"
#include "tests/aid/ear.h"
#include "tests/aid/proc.h"

#define LW_METER_ID "GM2400001223"
#define LW_METER_ADDRESS "02:00:00:00:00:01"
#define LW_RATE 4               /* waits are shorter, but not so short that a busy machine fails */
#define LW_RATE_TEXT "4"
#define LW_BOUND_MS 30000       /* of every wait here, real time */
#define LW_DEADLINE_MS 60000    /* of a connect(), port time */

struct link_world {
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

/* For cmocka: *state is the world, with a manufactured meter and a central; no program runs. */
int lw_setup(void **state);
int lw_teardown(void **state);

/* Start virtual-bluez with four adapters and that largest MTU; the meter, on the second adapter.
 * Both are ready on return. */
void lw_bluez(struct link_world *w, const char *mtu);
void lw_meter(struct link_world *w);
void lw_meter_stop(struct link_world *w);

/* A central on the adapter of that address; the caller frees it. */
struct bt_central *lw_central(struct link_world *w, const char *adapter);
const struct link_port *lw_port(struct link_world *w);

/* One turn of the central's loop; turns until *n is more than `before`, or the radio is `code`. */
void lw_step(struct bt_central *c);
void lw_await(struct link_world *w, const unsigned *n, unsigned before, const char *what);
void lw_await_radio(struct link_world *w, int code);

/* Connect to the meter, until it is ready. */
void lw_connect(struct link_world *w);

/* Speak over the link: CTL reset, a ClientHello with a ticket that the meter cannot take, its
 * authentic refusal. */
void lw_speak(struct link_world *w);

#endif
