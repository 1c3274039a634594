#ifndef GF_BT_VIRTUAL_ADAPTER_H
#define GF_BT_VIRTUAL_ADAPTER_H
/* Adapter1: one address, one attribute table, one radio. */
#include "bt/virtual/model.h"

/* Make adapter i of vb->adapters and put it on the bus as hciN. */
void vb_adapter_init(struct vb *vb, unsigned index, unsigned number);

/* It is gone, with all that it has; vb_adapter_init() brings it back. */
void vb_adapter_unplug(struct vb_adapter *adapter);

/* Switch it on or off. */
void vb_adapter_power(struct vb_adapter *adapter, bool on);

/* End its links and free what it holds. */
void vb_adapter_done(struct vb_adapter *adapter);

/* A client has left the bus: its discovery, subscriptions, advertisements, applications go. */
void vb_adapter_name_lost(struct vb_adapter *adapter, const char *owner);

#endif
