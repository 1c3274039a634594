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
    X(RESET, 1, "device", "the meter started", "starts so far", \
      "1 when a purge grant was alive, and 2 x the reset's cause (0: not known)") \
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
    X(VALVE_FAULT, 10, "valve", "the valve did not report in time what it was told to be", \
      "what it reported", "index") \
    X(FLOW_WHILE_SHUT, 11, "valve", "gas flowed while the valve reported shut", "index", \
      "litres of the pulse") \
    X(CLOCK_SET, 12, "device", "the clock was set", "old time", "new time") \
    X(PARAMETERS_SET, 13, "device", "parameters were set", "how many changed", \
      "id of the last that changed") \
    X(COMMISSIONED, 14, "device", "the meter went into service", "account number", "index") \
    X(CREDIT_ACCEPTED, 15, "credit", "credit was taken", "litres that the residual rose by", \
      "sequence of the token; 0 for a certificate") \
    X(CREDIT_REFUSED, 16, "credit", "a token was refused", "why (Refusal)", \
      "its sequence; 0 when not known") \
    X(CREDIT_LOW, 17, "credit", "the residual fell below the warning limit", "residual", "limit") \
    X(CREDIT_EMERGENCY, 18, "credit", "the residual fell below zero: emergency credit", \
      "residual", "limit") \
    X(CREDIT_OUT, 19, "credit", "the credit is used up: the valve closes", "residual", "limit") \
    X(ACCOUNT_CLOSED, 20, "credit", "the account was closed", "residual that was certified", \
      "1 when the valve did not report shut") \
    X(CREDIT_IMPORTED, 21, "credit", "a certified residual was taken over", "litres taken", \
      "litres certified") \
    X(ARMED, 22, "valve", "the valve was armed", "serial of the ticket; 0 by a recharge", \
      "locks that were lifted") \
    X(VALVE_OPENED, 23, "valve", "the button opened the valve", "residual", "index") \
    X(VALVE_CLOSED, 24, "valve", "the valve was closed by command", "serial of the ticket", \
      "index") \
    X(UNCONTROLLED_FLOW, 25, "valve", "gas flowed right after opening: the valve closes", \
      "ms between two pulses", "limit in l/h") \
    X(OVER_FLOW, 26, "measurement", "more flow than the limit: the valve closes", "index", \
      "limit in l/h") \
    X(CONTINUOUS_FLOW, 27, "measurement", "gas flowed without a pause", "hours", "index") \
    X(TAMPER, 28, "tamper", "a sense went on", "which (0 magnet, 1 cover, 2 reverse flow)", \
      "1 when the valve closes") \
    X(BATTERY_LOW, 29, "device", "the battery is below its limit", "millivolt", "limit") \
    X(FIRMWARE, 30, "device", "another program runs", "first 8 bytes of its digest", \
      "of the one before") \
    X(SELF_TEST, 31, "device", "the meter tested itself", "1 when it passed", "travel in ms") \
    X(FACTORY_RESET, 32, "device", "the meter was reset on the bench", "1 when it was scrapped", \
      "account number") \
    X(TICKET_USED, 33, "access", "a ticket was used", "its serial", "uses so far") \
    X(FLOW_CLOSED_ACCOUNT, 34, "measurement", "gas was measured on a closed account", "index", \
      "litres since closing") \
    X(PROGRAM_FAULT, 35, "device", "the program failed and was started again", \
      "address in the program", "fault status of the processor")

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
