#ifndef GF_BT_VIRTUAL_ADV_H
#define GF_BT_VIRTUAL_ADV_H
/*
 * LEAdvertisingManager1 of an adapter. An advertisement is on the air while its adapter is powered
 * and no central is connected to it; each beat of it is offered to the adapters that listen.
 */
#include "bt/virtual/model.h"

extern const struct vb_iface vb_adv_manager; /* self: struct vb_adapter */

#define VB_ADV_MAX 5 /* advertisements of an adapter */

/* Drop the advertisements of a bus name, or (owner NULL) all of the adapter. */
void vb_advs_drop(struct vb_adapter *adapter, const char *owner);

/* The adapter can be connected to now. */
bool vb_adv_connectable(const struct vb_adapter *adapter);

/* Somebody has begun to listen, or an advertisement can be on the air again: let them beat. */
void vb_advs_wake(struct vb *vb);

/* Free a device's or report's data. */
void vb_blobs_free(struct vb_blob **blobs, size_t *n);

#endif
