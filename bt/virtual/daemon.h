#ifndef GF_BT_VIRTUAL_DAEMON_H
#define GF_BT_VIRTUAL_DAEMON_H
#include "bt/virtual/options.h"

/* Run until SIGTERM or SIGINT. Returns the exit status: 0, or 1 with a line on stderr. */
int vb_run(const struct vb_options *opt);

#endif
