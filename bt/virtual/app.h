#ifndef GF_BT_VIRTUAL_APP_H
#define GF_BT_VIRTUAL_APP_H
/*
 * GattManager1 of an adapter, and what the daemon asks of registered GATT applications: their
 * objects when they register, then ReadValue, WriteValue, StartNotify, StopNotify, Confirm.
 */
#include "bt/virtual/model.h"

extern const struct vb_iface vb_gatt_manager; /* self: struct vb_adapter */

/* Drop the applications of a bus name, of the adapter or (owner NULL) all; links to it end. */
void vb_apps_drop(struct vb_adapter *adapter, const char *owner);

/* Who reads or writes, for the options of the call. */
struct vb_app_call {
    struct vb_node *node;
    const char *device; /* path of the central's device on the application's adapter */
    uint16_t mtu, offset;
};

/*
 * Ask for a value, or hand one over (bytes not NULL). fn gets the reply or the error; *ret_slot,
 * when unreferenced earlier, keeps fn from being called. 0 or -errno.
 */
int vb_app_call(struct vb *vb, const struct vb_app_call *call, const struct vb_bytes *bytes,
                sd_bus_message_handler_t fn, void *arg, sd_bus_slot **ret_slot);

/* The same for a write whose answer nobody waits for. */
void vb_app_tell(struct vb *vb, const struct vb_app_call *call, const struct vb_bytes *bytes);

/* Call a method without arguments and without waiting: StartNotify, StopNotify, Confirm. */
void vb_app_poke(struct vb *vb, const struct vb_node *node, const char *method);

#endif
