#ifndef GF_BT_VIRTUAL_FAULT_STRIKES_H
#define GF_BT_VIRTUAL_FAULT_STRIKES_H
/* The strikes; what each does stands in the table, fault_table.c. */
#include "bt/virtual/fault_state.h"

/* fault_connect.c */
vb_strike vb_strike_flap, vb_strike_empty_success, vb_strike_connect_busy, vb_strike_hang,
    vb_strike_unknown, vb_strike_taken, vb_strike_reconnect, vb_strike_early_loss, vb_strike_limit,
    vb_strike_window;

/* fault_data.c */
vb_strike vb_strike_write_busy, vb_strike_write_error, vb_strike_write_lost,
    vb_strike_notify_lost, vb_strike_loss_at_byte;

#endif
