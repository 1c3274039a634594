/* bridge.h - the radio module of a meter on a serial line: GATT and advertisement at BlueZ, fragments
 * over the line (port/uart/). */
#ifndef GF_METER_BRIDGE_H
#define GF_METER_BRIDGE_H

#include "common/port.h"
#include "meter-core/port/host/options.h"

/* Until a signal ends it: carry what BlueZ and the controller at options->uart say to each other.
 * The meter is advertised while its controller answers. 0, or what failed at the start. */
int gm_bridge(const struct gm_options *o, const struct gf_clock *clock,
              const struct gf_random *random, struct gf_fail *why);

#endif
