/* loop.h - the one poll() of a program, over its sources (common/port.h). For main.c only. */
#ifndef GF_HOST_LOOP_H
#define GF_HOST_LOOP_H

#include <stddef.h>

#include "common/port.h"

/* Wait until a source has something to do or max_ms passed (negative: no bound of its own), then let every source
 * process. A source whose timeout is 0 makes the wait a look. EINTR ends the wait early: sources are processed with
 * no events, so that a resize is seen. 0, or GF_E_BUG when there are more descriptors than the loop takes (64). */
int gf_loop_once(const struct gf_source *const *sources, size_t n, int max_ms);

#endif
