#ifndef GF_BT_VIRTUAL_DISCOVERY_H
#define GF_BT_VIRTUAL_DISCOVERY_H
/*
 * Discovery of an adapter: its clients with their filters, and what it hears. Unfiltered discovery
 * rests 5 s after each 10.24 s, as BlueZ's does; filtered discovery does not.
 */
#include "bt/virtual/model.h"

/* Adapter1's methods. */
void vb_discovery_start(struct vb *vb, void *self, sd_bus_message *m);
void vb_discovery_stop(struct vb *vb, void *self, sd_bus_message *m);
void vb_discovery_set_filter(struct vb *vb, void *self, sd_bus_message *m);
void vb_discovery_get_filters(struct vb *vb, void *self, sd_bus_message *m);

/* Drop the sessions and filters of a bus name, or (owner NULL) all. */
void vb_discovery_drop(struct vb_adapter *adapter, const char *owner);

/* Discovery ends by itself, its sessions stay; it goes on. */
void vb_discovery_halt(struct vb_adapter *adapter);
void vb_discovery_resume(struct vb_adapter *adapter);

/* A connection was made: old releases go on without the filter (VB_BLUEZ_FILTER_KEPT). */
void vb_discovery_link_up(struct vb_adapter *adapter);

/* Some adapter wants to hear advertisements now. */
bool vb_discovery_listening(const struct vb *vb);

/* One beat of an advertisement reaches every adapter that listens. */
void vb_discovery_hear(struct vb_adv *adv);

#endif
