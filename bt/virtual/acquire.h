#ifndef GF_BT_VIRTUAL_ACQUIRE_H
#define GF_BT_VIRTUAL_ACQUIRE_H
/*
 * AcquireWrite and AcquireNotify: a characteristic's values over a SOCK_SEQPACKET socket. What is
 * too long for the MTU, or comes before the socket is handed out, or finds it full, is lost
 * without a word, as with bluetoothd. The socket hangs up at the link's end.
 */
#include "bt/virtual/model.h"

/* Methods: self is a struct vb_char. */
void vb_acquire_write(struct vb *vb, void *self, sd_bus_message *m);
void vb_acquire_notify(struct vb *vb, void *self, sd_bus_message *m);

/* The subscription for a notify socket has succeeded (code 0) or failed; without one, nothing. */
void vb_acquire_subscribed(struct vb_char *chr, uint8_t code);

/* The services of the device are known: calls that waited for that are answered. */
void vb_acquire_ready(struct vb_device *device);

/* A value for the notify socket. */
void vb_acquire_arrived(struct vb_char *chr, const uint8_t *bytes, size_t n);

/* Close one of the sockets; both when the link ended; both when the characteristic goes. */
void vb_acquire_close(struct vb_char *chr, bool notify);
void vb_acquire_link_down(struct vb_char *chr);
void vb_acquire_drop(struct vb_char *chr);

#endif
