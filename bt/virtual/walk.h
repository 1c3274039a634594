#ifndef GF_BT_VIRTUAL_WALK_H
#define GF_BT_VIRTUAL_WALK_H
/*
 * How BlueZ's client finds the services of a peer, request by request: MTU, Server Supported
 * Features, then (with a cache) the Database Hash; unless that matches, primary and secondary
 * services, and in the ranges that are new includes, characteristics and descriptors; the Database
 * Hash again, Client Supported Features, Service Changed's configuration. A lone descriptor of a
 * characteristic that notifies is taken for its configuration without being asked for.
 */
#include <stdint.h>

struct vb_link;
struct vb_device;

/* A link is up: find the services, or find that the cache holds. */
void vb_walk_start(struct vb_link *link);

/* Service Changed: look again at a range of handles. */
void vb_walk_range(struct vb_link *link, uint16_t start, uint16_t end);

/* The link has ended. */
void vb_walk_end(struct vb_link *link);

/* bluetoothd's own plugins read the GAP name and appearance, and the PnP ID. */
void vb_plugins_read(struct vb_link *link);

#endif
