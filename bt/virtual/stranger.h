#ifndef GF_BT_VIRTUAL_STRANGER_H
#define GF_BT_VIRTUAL_STRANGER_H
/*
 * Another program on the bus, for faults that other programs cause: a connection of its own, whose
 * calls to org.bluez come in over the bus like anybody's. It is opened with its first call.
 */
#include <stdbool.h>

#include <systemd/sd-bus.h>

struct vb;

/* Call a method; nobody waits for the answer. types as of sd_bus_message_append(3). */
void vb_stranger_call(struct vb *vb, const char *path, const char *iface, const char *member,
                      const char *types, ...);

/* AcquireWrite; fn(arg) when it is answered, with the socket or an error. One at a time. */
void vb_stranger_acquire(struct vb *vb, const char *path, void (*fn)(void *arg), void *arg);

/* WriteValue with a type, Powered=true. */
void vb_stranger_write(struct vb *vb, const char *path, const void *bytes, size_t n);
void vb_stranger_power_on(struct vb *vb, const char *adapter);

/* Close what AcquireWrite gave. */
void vb_stranger_hang_up(struct vb *vb);

/* This unique name is its. */
bool vb_stranger_is(const struct vb *vb, const char *name);

void vb_stranger_done(struct vb *vb);

#endif
