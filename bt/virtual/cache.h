#ifndef GF_BT_VIRTUAL_CACHE_H
#define GF_BT_VIRTUAL_CACHE_H
/*
 * The services found on a device: kept over connections, and shown on the bus as GattService1,
 * GattCharacteristic1 and GattDescriptor1.
 */
#include "bt/virtual/model.h"

#define VB_SERVICE "org.bluez.GattService1"
#define VB_CHARACTERISTIC "org.bluez.GattCharacteristic1"
#define VB_DESCRIPTOR "org.bluez.GattDescriptor1"

/* New, empty elements at the end of their owner's list. */
struct vb_service *vb_service_new(struct vb_cache *cache, struct vb_device *device);
struct vb_char *vb_char_new(struct vb_service *service);
struct vb_desc *vb_desc_new(struct vb_char *chr);

/* Put the services of a device that are not on the bus there. */
void vb_cache_show(struct vb_device *device);

/* Take them off the bus, and everything that clients have of them. */
void vb_cache_hide(struct vb_cache *cache);

/* Free the services; they have to be hidden. */
void vb_cache_clear(struct vb_cache *cache);

/* Take one service off the bus and free it. */
void vb_service_remove(struct vb_cache *cache, struct vb_service *service);

/* Move everything from one to the other, empty before, for a device or (NULL) for the attic. */
void vb_cache_take(struct vb_cache *to, struct vb_cache *from, struct vb_device *device);

/* The characteristic with this UUID, or this value handle; NULL when there is none. */
struct vb_char *vb_cache_find(const struct vb_cache *cache, uint16_t uuid);
struct vb_char *vb_cache_at(const struct vb_cache *cache, uint16_t value_handle);

#endif
