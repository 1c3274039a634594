/* plugins.c - what bluetoothd's own plugins read of a device; see walk.h. */
#include <string.h>

#include "bt/virtual/att.h"
#include "bt/virtual/cache.h"
#include "bt/virtual/link.h"
#include "bt/virtual/value.h"
#include "bt/virtual/walk.h"

static void on_name(struct vb_link *link, void *arg, uint8_t code, const uint8_t *bytes, size_t n)
{
    char name[VB_ATT_VALUE_MAX + 1];

    (void)arg;
    if (code || n == 0 || n >= sizeof name || memchr(bytes, 0, n))
        return;
    memcpy(name, bytes, n);
    name[n] = '\0';
    vb_device_set_name(link->at_central, name);
}

static void on_appearance(struct vb_link *link, void *arg, uint8_t code, const uint8_t *bytes,
                          size_t n)
{
    struct vb_device *device = link->at_central;
    uint16_t value;

    (void)arg;
    if (code || n != 2)
        return;
    value = (uint16_t)(bytes[0] | bytes[1] << 8);
    if (value == 0 || (device->has_appearance && device->appearance == value))
        return;
    device->has_appearance = true;
    device->appearance = value;
    vb_changed(link->vb, device->path, VB_DEVICE, "Appearance", NULL);
}

/* The PnP ID is read, but these devices have no Modalias. */
static void on_pnp_id(struct vb_link *link, void *arg, uint8_t code, const uint8_t *bytes, size_t n)
{
    (void)link;
    (void)arg;
    (void)code;
    (void)bytes;
    (void)n;
}

static const struct {
    uint16_t uuid;
    vb_long_read_fn *fn;
} reads[] = {
    {VB_UUID_DEVICE_NAME, on_name},
    {VB_UUID_APPEARANCE, on_appearance},
    {VB_UUID_PNP_ID, on_pnp_id},
};

void vb_plugins_read(struct vb_link *link)
{
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        const struct vb_char *chr = vb_cache_find(&link->at_central->cache, reads[i].uuid);

        if (chr)
            vb_read_long(link, VB_FOR_PLUGIN, chr->value_handle, 0, reads[i].fn, NULL);
    }
}
