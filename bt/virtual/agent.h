#ifndef GF_BT_VIRTUAL_AGENT_H
#define GF_BT_VIRTUAL_AGENT_H
/* AgentManager1 at /org/bluez: agents are accepted, and never asked: nothing here pairs. */
#include "bt/virtual/model.h"

extern const struct vb_iface vb_agent_manager; /* self: struct vb */

/* Drop the agent of a bus name, or (owner NULL) all. */
void vb_agents_drop(struct vb *vb, const char *owner);

#endif
