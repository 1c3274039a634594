#ifndef GF_TESTS_AID_PERIPHERAL_WORLD_H
#define GF_TESTS_AID_PERIPHERAL_WORLD_H
/*
 * The meter's side of the radio before a daemon in this process (bluez.h), on a bus of their own.
 * Failures are cmocka's.
 */
#include <stddef.h>
#include <stdint.h>

#include "bt/peripheral.h"
#include "tests/aid/bluez.h"
#include "tests/aid/proc.h"

#define PW_BOUND_MS 20000       /* of every wait, real time */
#define PW_APP "/org/gasfitter/meter"
#define PW_RX PW_APP "/service1/rx"
#define PW_TX PW_APP "/service1/tx"
#define PW_CTL PW_APP "/service1/ctl"
#define PW_CHARACTERISTIC "org.bluez.GattCharacteristic1"

struct peripheral_world {
    struct aid_bus bus;
    struct aid_bluez bluez;
    struct bt_peripheral *p;
    struct bt_peripheral_events events;
    unsigned states, up, connected, disconnected, rx, ctl_writes, signals, answers;
    int state;
    uint16_t mtu;
    uint8_t value[600];
    size_t value_n;
    char error[200];            /* of the last call to the application; "" for none */
    sd_bus_message *answer;
};

/* For cmocka: *state is the world. */
int pw_setup(void **state);
int pw_teardown(void **state);

struct bt_peripheral *pw_new_peripheral(struct peripheral_world *w, int readvertise_ms);

/* One turn of the loop; turns until *n is `least`, or all is registered. */
void pw_step(struct peripheral_world *w);
void pw_await(struct peripheral_world *w, const unsigned *n, unsigned least, const char *what);
void pw_come_up(struct peripheral_world *w);

/* A device of the central that the daemon shows as connected. */
void pw_link_comes(struct peripheral_world *w);

/* A call of the application's methods, to be completed. Send it (m is given away): w->answers, and
 * w->error ("" for none) and w->answer when it comes. The same, and wait: "" or the error. */
sd_bus_message *pw_call(struct peripheral_world *w, sd_bus *from, const char *path,
                        const char *iface, const char *member);
void pw_send(struct peripheral_world *w, sd_bus *from, sd_bus_message *m);
const char *pw_finish(struct peripheral_world *w, sd_bus *from, sd_bus_message *m);

/* Append the options of an operation; device NULL, offset 0, mtu 0: not named. */
void pw_options(sd_bus_message *m, const char *device, uint16_t offset, uint16_t mtu);

/* WriteValue of n bytes, ReadValue into w->value: "" or the error. */
const char *pw_write_value(struct peripheral_world *w, const char *path, const char *device,
                           size_t n, uint16_t offset, uint16_t mtu);
const char *pw_read_value(struct peripheral_world *w, const char *path, const char *device,
                          uint16_t offset);

#endif
