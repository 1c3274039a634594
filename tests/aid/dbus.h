#ifndef GF_TESTS_AID_DBUS_H
#define GF_TESTS_AID_DBUS_H
/*
 * Two ends of a bus in one process: connections that are pumped together, calls that wait with a
 * bound while everything else goes on, and a log of the signals of org.bluez.
 */
#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-bus.h>

#define AID_BUSES_MAX 4
#define AID_WAIT_MS 10000

/* Connections that belong together. */
struct aid_loop {
    sd_bus *buses[AID_BUSES_MAX];
    size_t n;
};

/* Connect to an address and add it to the loop; NULL with a line on stderr. */
sd_bus *aid_connect(struct aid_loop *loop, const char *address);

/* Take it out and close it. NULL is fine. */
void aid_disconnect(struct aid_loop *loop, sd_bus *bus);

/* Process everything that is there, and wait at most timeout_ms for more. */
void aid_pump(struct aid_loop *loop, int timeout_ms);

/* Pump until done(arg), at most timeout_ms; whether it became true. */
bool aid_wait(struct aid_loop *loop, bool (*done)(void *arg), void *arg, int timeout_ms);

/* A call to org.bluez that is under way; all zero before. */
struct aid_log;
struct aid_call {
    sd_bus_slot *slot;
    sd_bus_message *reply; /* NULL until it is there */
    struct aid_log *log;   /* set after aid_call_start(): gets the line "answered" with the reply */
};

/* Make a call; types NULL: no arguments. The call has 60 s. */
void aid_call_start(sd_bus *bus, struct aid_call *call, const char *path, const char *iface,
                    const char *member, const char *types, ...);

/* Send a message to org.bluez, and drop the caller's reference. */
void aid_call_send(sd_bus *bus, struct aid_call *call, sd_bus_message *m);

/* Wait for the answer: "" for success, else the error as "Name: text" without "org.bluez.Error.";
 * kept until the next aid_call_end(). "no answer" when AID_WAIT_MS have passed. */
const char *aid_call_end(struct aid_loop *loop, struct aid_call *call);

/* Forget a call; needed after success when the reply was looked at. */
void aid_call_done(struct aid_call *call);

/* start, end and done in one, for calls without interesting answers. */
const char *aid_do(struct aid_loop *loop, sd_bus *bus, const char *path, const char *iface,
                   const char *member);

/* Properties.Get as text (see below), or the error; kept until the next call. */
const char *aid_get(struct aid_loop *loop, sd_bus *bus, const char *path, const char *iface,
                    const char *name);

/*
 * The log of org.bluez's signals on a connection, one line each:
 *   added PATH            removed PATH
 *   PATH Property=value   PATH Property!        (changed, invalidated)
 * Paths without "/org/bluez/". Values: true/false, numbers, strings as they are, byte arrays in
 * hex, arrays and dictionaries with commas in between.
 */
struct aid_log {
    char *text;
    size_t n;
};

int aid_log_start(struct aid_log *log, sd_bus *bus);
void aid_log_clear(struct aid_log *log);
void aid_log_done(struct aid_log *log);

/* Add a line of the test's own: the three texts in a row. */
void aid_log_line(struct aid_log *log, const char *first, const char *second, const char *third);

/* Pump until `line` is in the log; false after AID_WAIT_MS, with the log on stderr. */
bool aid_log_wait(struct aid_loop *loop, struct aid_log *log, const char *line);

/* How many lines are `line`. */
unsigned aid_log_count(const struct aid_log *log, const char *line);

/* All lines are in the log, in this order, others may be between; ended by NULL. */
bool aid_log_order(const struct aid_log *log, const char *const lines[]);

/* The value at the reading position of m as text, appended to out (cap bytes, always ended). */
void aid_value_text(sd_bus_message *m, char *out, size_t cap);

#endif
