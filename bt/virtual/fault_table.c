/* fault_table.c - the table of faults; see fault.h. docs/bluetooth.md is printed from it. */
#include "bt/virtual/fault_strikes.h"

#define CALL (1u << VB_AT_CALL)
#define PDU (1u << VB_AT_PDU)
#define BEGIN (1u << VB_AT_BEGIN)
#define HEARD (1u << VB_AT_HEARD)
#define UP (1u << VB_AT_LINK_UP)
#define DOWN (1u << VB_AT_LINK_DOWN)
#define ANY VB_PHASES
#define EVER VB_FAULT_EVER

const struct vb_fault_kind vb_fault_kinds[] = {
    {"F24", "Connect: Connected goes true and false, le-connection-abort-by-local",
     VB_FAULT_CONNECT, VB_PHASE_CONNECTING, 2, 0, CALL, vb_strike_flap},
    {"F25", "Connect succeeds, but there is no link", VB_FAULT_CONNECT, VB_PHASE_CONNECTING, 2, 0,
     CALL, vb_strike_empty_success},
    {"F26", "Connect is InProgress for 10 s", VB_FAULT_CONNECT, VB_PHASE_CONNECTING, EVER, 0, CALL,
     vb_strike_connect_busy},
    {"F27", "Connect hangs for 20 s, then times out", VB_FAULT_CONNECT, VB_PHASE_CONNECTING, 1, 0,
     CALL, vb_strike_hang},
    {"F28", "Connect: UnknownObject, the device is gone", VB_FAULT_CONNECT, VB_PHASE_CONNECTING, 1,
     0, CALL, vb_strike_unknown},
    {"F29", "the device is connected already, by another program", VB_FAULT_CONNECT,
     VB_PHASE_CONNECTING, 1, 0, BEGIN | HEARD | CALL, vb_strike_taken},
    {"F30", "a link that fell comes back without being asked for", VB_FAULT_CONNECT, ANY, 1, 0,
     BEGIN | DOWN, vb_strike_reconnect},
    {"F31", "the link falls 300 ms after it came up", VB_FAULT_CONNECT, VB_PHASE_DISCOVERING, 1, 0,
     UP, vb_strike_early_loss},
    {"F32", "the controller's connection limit is reached for 10 s", VB_FAULT_CONNECT,
     VB_PHASE_CONNECTING, EVER, 0, CALL, vb_strike_limit},
    {"F33", "Connect succeeds while the link is being ended", VB_FAULT_CONNECT,
     VB_PHASE_CONNECTING, 1, 0, CALL, vb_strike_window},
    {"F44", "writes are InProgress, five times", VB_FAULT_DATA, ANY, 5, 0, CALL,
     vb_strike_write_busy},
    {"F45", "a write fails with an ATT error, any of them", VB_FAULT_DATA, ANY, 1, 0, CALL,
     vb_strike_write_error},
    {"F46", "a write is accepted, but lost", VB_FAULT_DATA, ANY, 1, 0, PDU, vb_strike_write_lost},
    {"F47", "a notification is lost", VB_FAULT_DATA, ANY, 1, 0, PDU, vb_strike_notify_lost},
    {"F57", "the link is lost at byte k of message n", VB_FAULT_DATA, ANY, 1, 0, PDU,
     vb_strike_loss_at_byte},
};
const size_t vb_n_fault_kinds = sizeof vb_fault_kinds / sizeof vb_fault_kinds[0];
