#ifndef GF_BT_VIRTUAL_DEVICE_H
#define GF_BT_VIRTUAL_DEVICE_H
/*
 * Device1: another adapter as an adapter knows it. Temporary until Connect, and then it goes 30 s
 * after it was last heard or connected.
 */
#include "bt/virtual/model.h"

#define VB_DEVICE "org.bluez.Device1"

/* One advertisement as an adapter heard it. */
struct vb_heard {
    const struct vb_report *report;
    int16_t rssi;
    bool every_rssi; /* else only changes of VB_RSSI_DEAD_BAND */
    bool duplicates; /* announce data that did not change */
    bool no_rssi;
};

/* The adapter heard another one: make or update its device. */
void vb_device_heard(struct vb_adapter *adapter, struct vb_adapter *from,
                     const struct vb_heard *how);

/* The discovery ended: what is known of the signal is no longer, and a temporary device that
 * cannot be connected to goes. */
void vb_device_unheard(struct vb_device *device);

/* The device, or NULL. */
struct vb_device *vb_device_find(const struct vb_adapter *adapter, const struct vb_adapter *peer);

/* A central has connected: its device on the peripheral's adapter, made when need be. */
struct vb_device *vb_device_for_central(struct vb_adapter *adapter, struct vb_adapter *central);

/* Put the blobs in place of those with the same key; true when one is new or different. */
bool vb_take_blobs(struct vb_blob **to, size_t *n, const struct vb_blob *from, size_t n_from);

/* a{qv} of manufacturer data. 0 or -errno. */
int vb_append_manufacturer(sd_bus_message *to, const struct vb_blob *blobs, size_t n);

/* Start or restart the time after which a temporary device goes. */
void vb_device_seen(struct vb_device *device);
void vb_device_set_temporary(struct vb_device *device, bool temporary);

/* Set the list of service UUIDs, sorted and without doubles; true when it changed. */
bool vb_device_set_uuids(struct vb_device *device, const struct vb_uuid *uuids, size_t n);

/* Change the name as the GAP service or an advertisement gives it. */
void vb_device_set_name(struct vb_device *device, const char *name);

/* Take it, its services and its link away. */
void vb_device_remove(struct vb_device *device);

/* ---- connect.c: methods, and what a link's begin and end do to the device -------------------- */

extern const struct vb_method vb_device_methods[];

/* Adapter1.RemoveDevice. */
void vb_device_remove_call(struct vb *vb, void *self, sd_bus_message *m);

/* Why a link ended, for the signal of new releases. */
enum vb_reason { VB_REASON_LOCAL, VB_REASON_REMOTE, VB_REASON_TIMEOUT };

void vb_device_linked(struct vb_device *device, struct vb_link *link);
void vb_device_unlinked(struct vb_device *device, enum vb_reason reason);

/* The services are known: UUIDs, ServicesResolved. */
void vb_device_resolved(struct vb_device *device);

#endif
