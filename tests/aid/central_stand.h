#ifndef GF_TESTS_AID_CENTRAL_STAND_H
#define GF_TESTS_AID_CENTRAL_STAND_H
/*
 * A central, the listener to its port, and a BlueZ that does as it is told (bluez.h), on a bus of
 * their own. Failures are cmocka's.
 */
#include "bt/central.h"
#include "tests/aid/bluez.h"
#include "tests/aid/ear.h"
#include "tests/aid/proc.h"

#define STAND_BOUND_MS 20000    /* of every wait, real time */

struct stand {
    struct aid_bus bus;
    struct aid_bluez bluez;
    struct bt_central *central;
    const struct link_port *port;
    struct aid_ear ear;
    struct link_events events;
    void (*hook)(struct stand *w);      /* in each turn of the loop */
};

/* For cmocka: *state is the stand. */
int stand_setup(void **state);
int stand_teardown(void **state);

/* One turn of the loop. */
void stand_step(struct stand *w);

/* Until *n is `least`, or the link is ready or down once more. */
void stand_await(struct stand *w, const unsigned *n, unsigned least, const char *what);
void stand_await_end(struct stand *w);

/* Connect to the meter, and wait for what comes of it. */
void stand_connect(struct stand *w, int64_t deadline_ms);

#endif
