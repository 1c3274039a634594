#ifndef GF_BT_VIRTUAL_NOTIFY_H
#define GF_BT_VIRTUAL_NOTIFY_H
/*
 * Subscriptions of D-Bus clients. Any number of StartNotify sessions, or one AcquireNotify pipe,
 * share a characteristic's client configuration. Sessions stay over a link's end, and are
 * subscribed again with the next link.
 */
#include "bt/virtual/model.h"

struct vb_link;

/* Methods: self is a struct vb_char. */
void vb_notify_start(struct vb *vb, void *self, sd_bus_message *m);
void vb_notify_stop(struct vb *vb, void *self, sd_bus_message *m);

/* A notification or indication from the peer. */
void vb_notify_arrived(struct vb_link *link, uint16_t handle, const uint8_t *value, size_t n);

/* The characteristic goes away. */
void vb_notify_drop(struct vb_char *chr);

/* Links begin and end; a bus name leaves. */
void vb_notify_link_up(struct vb_device *device);
void vb_notify_link_down(struct vb_device *device);
void vb_notify_name_lost(struct vb_adapter *adapter, const char *owner);

/* Make sure that the peer notifies, then call what waits for that; there is a link. */
void vb_subscribe(struct vb_char *chr);

/* Stop it when nothing needs it any more. */
void vb_unsubscribe(struct vb_char *chr);

#endif
