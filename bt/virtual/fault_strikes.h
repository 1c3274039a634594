#ifndef GF_BT_VIRTUAL_FAULT_STRIKES_H
#define GF_BT_VIRTUAL_FAULT_STRIKES_H
/* The strikes; what each does stands in the table, fault_table.c. */
#include "bt/virtual/fault_state.h"

/* fault_daemon.c */
vb_strike vb_strike_restart, vb_strike_bare_restart, vb_strike_replug, vb_strike_power,
    vb_strike_rfkill, vb_strike_power_busy, vb_strike_eof, vb_strike_no_reply,
    vb_strike_late_reply, vb_strike_twice, vb_strike_denied, vb_strike_vanish;

/* fault_scan.c */
vb_strike vb_strike_discovery_stops, vb_strike_start_busy, vb_strike_stop_fails,
    vb_strike_no_filter, vb_strike_flood, vb_strike_gone_at_stop, vb_strike_no_rssi,
    vb_strike_malformed, vb_strike_new_address, vb_strike_same_name, vb_strike_spoofed;

/* fault_connect.c */
vb_strike vb_strike_flap, vb_strike_empty_success, vb_strike_connect_busy, vb_strike_hang,
    vb_strike_unknown, vb_strike_taken, vb_strike_reconnect, vb_strike_early_loss, vb_strike_limit,
    vb_strike_window;

/* fault_discovery.c */
vb_strike vb_strike_no_services, vb_strike_late_services, vb_strike_never_resolved,
    vb_strike_stale_cache, vb_strike_services_changed, vb_strike_incomplete, vb_strike_duplicates,
    vb_strike_small_mtu, vb_strike_no_mtu, vb_strike_stale_mtu;

/* fault_data.c */
vb_strike vb_strike_write_busy, vb_strike_write_error, vb_strike_write_lost,
    vb_strike_notify_lost, vb_strike_notify_twice, vb_strike_reordered, vb_strike_truncated,
    vb_strike_coalesced, vb_strike_early_notify, vb_strike_read_echo, vb_strike_hang_up,
    vb_strike_stall, vb_strike_foreign_write, vb_strike_loss_at_byte, vb_strike_reboot,
    vb_strike_slow, vb_strike_no_credit;

#endif
