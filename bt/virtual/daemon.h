#ifndef GF_BT_VIRTUAL_DAEMON_H
#define GF_BT_VIRTUAL_DAEMON_H
#include "bt/virtual/options.h"

/* Run until SIGTERM or SIGINT. Returns the exit status: 0, or 1 with a line on stderr. */
int vb_run(const struct vb_options *opt);

struct vb;

/*
 * The daemon is gone from the bus, killed or in good order, and nothing of it stays; it comes back
 * under another unique name, with or without adapters, which may follow.
 */
void vb_daemon_leave(struct vb *vb, bool orderly);
void vb_daemon_return(struct vb *vb, bool adapters);
void vb_daemon_adapters(struct vb *vb);

#endif
