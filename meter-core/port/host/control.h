/*
 * control.h - the control socket: lines of commands (actions.h) over a Unix stream socket, for
 * tests and scripts.
 *
 * Several clients at a time; each line is answered by one line, in order. A half line waits for its
 * end; a client that does not read its answers is not read from meanwhile. Neither holds up the
 * meter or anybody else.
 */
#ifndef GF_METER_CONTROL_H
#define GF_METER_CONTROL_H

#include "common/err.h"
#include "common/port.h"
#include "meter-core/port/host/actions.h"

#define GM_CLIENTS_MAX 8

struct gm_control;

/* Called after each command that was done: the meter may have something to say. */
struct gm_control_events {
    void *ctx;
    void (*acted)(void *ctx);
};

/* Listen at path (mode 0600); the stand and the events are borrowed for life. A socket that nobody
 * listens at any more is removed first. 0 and *ret; GF_E_FILE (path too long for a socket, no such
 * folder, another file in the way), GF_E_NOT_NOW (another program listens there), GF_E_MEMORY. */
int gm_control_new(const char *path, struct gm_stand *stand, const struct gm_control_events *events,
                   struct gm_control **ret, struct gf_fail *why);

/* Close everything and remove the socket. Returns NULL. */
struct gm_control *gm_control_free(struct gm_control *c);

const struct gf_source *gm_control_source(struct gm_control *c);

#endif
