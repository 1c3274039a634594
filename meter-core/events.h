/* events.h - the event table: what the meter logs. Freestanding.
 *
 * Each event has a number of its own (event_seq, for the life of the meter) and stands in the
 * journal: inside the record of the change that caused it, or in a record of its own.
 */
#ifndef GF_METER_EVENTS_H
#define GF_METER_EVENTS_H

#include <stddef.h>
#include <stdint.h>

/* X(name, code, group, text, what a holds, what b holds). Codes are never reused. */
#define MC_EVENT_TABLE(X) \
    X(RESET, 1, "device", "the meter started", "starts so far", "1 when a purge grant was alive") \
    X(REFUSED, 2, "access", "hellos or proofs were refused (at most one entry an hour)", \
      "how many", "reason of the last") \
    X(KEY_INSTALLED, 3, "access", "an account key was installed", "its epoch", "the active epoch") \
    X(KEY_ACTIVATED, 4, "access", "an account key became active", "its epoch", "the epoch before") \
    X(SERIAL_FLOOR, 5, "access", "staff tickets below this serial are void", "new floor", \
      "old floor") \
    X(ACCOUNT_OPENED, 6, "credit", "an account was opened", "its number", "the number before") \
    X(CREDIT_CLEARED, 7, "credit", "residual credit was cleared", "litres cleared", \
      "residual before") \
    X(PURGE_STARTED, 8, "valve", "a purge grant began: the valve opens", "litres granted", \
      "seconds granted") \
    X(PURGE_ENDED, 9, "valve", "a purge grant ended: the valve is shut", "litres flowed", \
      "why (PurgeEnd)") \
    X(VALVE_FAULT, 10, "valve", "the valve did not report shut in time", "what it reported", \
      "index") \
    X(FLOW_WHILE_SHUT, 11, "valve", "gas flowed while the valve reported shut", "index", \
      "litres of the pulse") \
    X(CLOCK_SET, 12, "device", "the clock was set", "old time", "new time") \
    X(PARAMETERS_SET, 13, "device", "parameters were set", "how many changed", \
      "id of the last that changed") \
    X(COMMISSIONED, 14, "device", "the meter went into service", "account number", "index")

enum mc_event {
    MC_EVENT_NONE = 0,
#define X(name, code, group, text, a, b) MC_EVENT_##name = (code),
    MC_EVENT_TABLE(X)
#undef X
};

struct mc_event_row {
    uint16_t code;
    const char *name, *group, *text, *a, *b;
};

/* All rows in order; *ret_n is their number. */
const struct mc_event_row *mc_events(size_t *ret_n);

#endif
