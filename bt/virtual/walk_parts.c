/* walk_parts.c - how BlueZ's client reads what is in services; see walk.h. */
#include <stdlib.h>

#include "bt/virtual/att.h"
#include "bt/virtual/cache.h"
#include "bt/virtual/link.h"
#include "bt/virtual/walk.h"
#include "bt/virtual/walk_state.h"

/* ---- includes and characteristics ------------------------------------------------------------ */

static struct vb_service *fresh_service_at(struct vb_walk *walk, uint16_t handle)
{
    struct vb_service *service;

    TAILQ_FOREACH(service, &walk->fresh.services, next)
        if (handle >= service->start && handle <= service->end)
            return service;
    return NULL;
}

static void take_characteristic(struct vb_walk *walk, uint16_t handle, struct gf_reader *in,
                                size_t uuid_len)
{
    struct vb_service *service = fresh_service_at(walk, handle);
    unsigned props = (unsigned)gf_rd_uint(in, 1);
    uint16_t value_handle = (uint16_t)gf_rd_uint(in, 2);
    struct vb_uuid uuid = vb_uuid_from_wire(gf_rd(in, uuid_len), (unsigned)uuid_len);
    struct vb_char *chr, *before;

    if (!service)
        return;
    before = TAILQ_LAST(&service->chars, vb_chars);
    if (before)
        before->end = (uint16_t)(handle - 1);
    chr = vb_char_new(service);
    chr->handle = handle;
    chr->value_handle = value_handle;
    chr->end = service->end;
    chr->props = props;
    chr->uuid = uuid;
}

static void on_characteristics(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_walk *walk = arg;
    struct gf_reader in;
    uint16_t handle = 0;
    size_t size;

    (void)link;
    if (!pdu)
        return;
    if (vb_walk_entries(pdu, n, &in, &size)) {
        while (in.left >= size && (size == 7 || size == 21)) {
            handle = (uint16_t)gf_rd_uint(&in, 2);
            take_characteristic(walk, handle, &in, size - 5);
        }
        if (handle && vb_walk_advance(walk, handle)) {
            vb_walk_ask(walk, VB_ATT_READ_TYPE_REQ, VB_UUID_CHARACTERISTIC, on_characteristics);
            return;
        }
    }
    vb_walk_next_range(walk);
}

static void on_includes(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_walk *walk = arg;
    struct gf_reader in;
    uint16_t handle = 0;
    size_t size;

    (void)link;
    if (!pdu)
        return;
    if (vb_walk_entries(pdu, n, &in, &size)) {
        while (in.left >= size && (size == 6 || size == 8)) {
            struct vb_service *service;

            handle = (uint16_t)gf_rd_uint(&in, 2);
            service = fresh_service_at(walk, handle);
            if (service) {
                service->includes = vb_grow(service->includes, service->n_includes + 1,
                                            sizeof *service->includes);
                service->includes[service->n_includes++] = (uint16_t)gf_rd_uint(&in, 2);
                (void)gf_rd(&in, size - 4);
            }
        }
        if (handle && vb_walk_advance(walk, handle)) {
            vb_walk_ask(walk, VB_ATT_READ_TYPE_REQ, VB_UUID_INCLUDE, on_includes);
            return;
        }
    }
    walk->request = vb_range_take(&walk->todo);
    vb_walk_ask(walk, VB_ATT_READ_TYPE_REQ, VB_UUID_CHARACTERISTIC, on_characteristics);
}

void vb_walk_next_range(struct vb_walk *walk)
{
    if (walk->todo.n == 0) {
        vb_walk_descriptors(walk);
        return;
    }
    walk->request = walk->todo.at[0];
    vb_walk_ask(walk, VB_ATT_READ_TYPE_REQ, VB_UUID_INCLUDE, on_includes);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void take_descriptor(struct vb_walk *walk, uint16_t handle, struct vb_uuid uuid)
{
    struct vb_desc *desc = vb_desc_new(walk->chr);

    desc->handle = handle;
    desc->uuid = uuid;
    if (vb_uuid_is(&uuid, VB_UUID_CCC))
        walk->chr->ccc = handle;
    if (vb_uuid_is(&uuid, VB_UUID_EXT_PROPS))
        walk->ext = desc;
}

static void on_ext_props(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_walk *walk = arg;

    (void)link;
    if (!pdu)
        return;
    if (pdu[0] == VB_ATT_READ_RSP && n >= 2)
        walk->chr->ext_props = pdu[1];
    walk->ext = NULL;
    vb_walk_descriptors(walk);
}

static void on_descriptors(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_walk *walk = arg;
    uint16_t handle = 0;
    struct gf_reader in;
    size_t format;

    if (!pdu)
        return;
    if (vb_walk_entries(pdu, n, &in, &format)) {
        unsigned uuid_len = format == 1 ? 2 : 16;

        while (in.left >= 2 + uuid_len) {
            handle = (uint16_t)gf_rd_uint(&in, 2);
            take_descriptor(walk, handle, vb_uuid_from_wire(gf_rd(&in, uuid_len), uuid_len));
        }
        if (handle && vb_walk_advance(walk, handle)) {
            vb_walk_ask(walk, VB_ATT_FIND_INFO_REQ, 0, on_descriptors);
            return;
        }
    }
    if (walk->ext) {
        uint8_t read[3] = {VB_ATT_READ_REQ, (uint8_t)walk->ext->handle,
                           (uint8_t)(walk->ext->handle >> 8)};

        vb_link_request(link, VB_FOR_DISCOVERY, read, sizeof read, on_ext_props, walk);
        return;
    }
    vb_walk_descriptors(walk);
}

/* The characteristic after walk->chr among the new services, or NULL. */
static struct vb_char *next_char(struct vb_walk *walk)
{
    struct vb_char *chr = walk->chr ? TAILQ_NEXT(walk->chr, next) : NULL;
    struct vb_service *service = walk->chr ? TAILQ_NEXT(walk->chr->service, next)
                                           : TAILQ_FIRST(&walk->fresh.services);

    while (!chr && service) {
        chr = TAILQ_FIRST(&service->chars);
        service = TAILQ_NEXT(service, next);
    }
    return chr;
}

/* The descriptors of the next characteristic that has room for some. */
void vb_walk_descriptors(struct vb_walk *walk)
{
    while ((walk->chr = next_char(walk)) != NULL) {
        struct vb_char *chr = walk->chr;
        uint16_t first = (uint16_t)(chr->value_handle + 1);

        if (chr->value_handle >= chr->end)
            continue;
        if (first == chr->end && (chr->props & (VB_PROP_NOTIFY | VB_PROP_INDICATE))) {
            take_descriptor(walk, first, vb_uuid16(VB_UUID_CCC));
            continue;
        }
        walk->request = (struct vb_range){first, chr->end};
        vb_walk_ask(walk, VB_ATT_FIND_INFO_REQ, 0, on_descriptors);
        return;
    }
    vb_walk_found(walk);
}
