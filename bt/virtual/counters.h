#ifndef GF_BT_VIRTUAL_COUNTERS_H
#define GF_BT_VIRTUAL_COUNTERS_H
/*
 * org.gasfitter.VirtualBluez1 on each adapter: what crossed the air, for benchmarks and tests.
 * GetCounters() -> a{oa{st}}: for each device of the adapter, as its central, the counts by name;
 * ResetCounters() sets them to 0. Counts go on over connections, until the device goes.
 */
#include "bt/virtual/model.h"

extern const struct vb_iface vb_counters_iface; /* self: struct vb_adapter */

#endif
