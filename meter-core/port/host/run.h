/* run.h - a meter in operation: meter-core behind BlueZ, with a simulated body, until a signal. */
#ifndef GF_METER_RUN_H
#define GF_METER_RUN_H

#include "common/err.h"
#include "common/port.h"
#include "meter-core/crypto.h"
#include "meter-core/port/host/options.h"

/* Run until a signal says stop (gm_signals_block() comes before the call), or the panel's user.
 * Without a panel it prints "ready METERID ADDRESS" each time that the meter is registered and
 * advertises. It may be killed at any time: what counts is in the NVM file. 0; GF_E_FILE,
 * GF_E_STORE, GF_E_MEMORY; what gm_control_new() and gm_panel_new() refuse. */
int gm_run(const struct gm_options *o, const struct gf_clock *clock,
           const struct gf_random *random, const struct mc_crypto *crypto, struct gf_fail *why);

#endif
