/* fault_discovery.c - faults of services and MTU, F34 to F43; see fault_state.h. */
#include <string.h>

#include "bt/virtual/cache.h"
#include "bt/virtual/fault_state.h"
#include "bt/virtual/fault_strikes.h"
#include "bt/virtual/walk.h"

#define SHIFT 0x40         /* of handles that are of another table */
#define MTU_SMALL 100      /* what the link has when the property says more */

static struct vb_cache *cache_of(const struct vb_scene *scene)
{
    return &scene->link->at_central->cache;
}

/* The service that no standard names, or NULL. */
static struct vb_service *vendor_service(struct vb_cache *cache)
{
    struct vb_service *service;
    uint16_t number;

    TAILQ_FOREACH(service, &cache->services, next)
        if (!vb_uuid_short(&service->uuid, &number))
            return service;
    return NULL;
}

static struct vb_char *char_with(struct vb_service *service, unsigned prop)
{
    struct vb_char *chr;

    TAILQ_FOREACH(chr, &service->chars, next)
        if (chr->props & prop)
            return chr;
    return NULL;
}

/* F34 */
bool vb_strike_no_services(struct vb_fault *f, struct vb_scene *scene)
{
    if (!vb_fault_count(f, "ServicesResolved, and no services"))
        return false;
    vb_cache_hide(cache_of(scene));
    return true;
}

static void show(void *arg)
{
    struct vb_device *device = vb_fault_target(((struct vb_fault *)arg)->vb);

    if (device && device->link)
        vb_cache_show(device);
}

/* F35 */
bool vb_strike_late_services(struct vb_fault *f, struct vb_scene *scene)
{
    if (!vb_fault_count(f, "the services come 200 ms after ServicesResolved"))
        return false;
    vb_cache_hide(cache_of(scene));
    vb_timer_set(f->vb, &f->later, 200 * VB_MS, show, f);
    return true;
}

/* F36: on one link */
bool vb_strike_never_resolved(struct vb_fault *f, struct vb_scene *scene)
{
    if (scene->place == VB_AT_LINK_DOWN) {
        f->left = f->pdu_link ? 0 : f->left;
        return false;
    }
    if (scene->link->ready || scene->direction != VB_TO_CENTRAL)
        return false;
    if (f->pdu_link)
        return f->pdu_link == scene->link;
    if (!vb_fault_count(f, "the services are never resolved"))
        return false;
    f->pdu_link = scene->link;
    f->left = 1; /* the rest of this link's answers */
    return true;
}

/* F37 */
bool vb_strike_stale_cache(struct vb_fault *f, struct vb_scene *scene)
{
    struct vb_service *service = vendor_service(cache_of(scene));
    struct vb_char *chr;

    if (!service || !vb_fault_count(f, "the cache has handles of another table"))
        return false;
    TAILQ_FOREACH(chr, &service->chars, next) {
        chr->value_handle = (uint16_t)(chr->value_handle + SHIFT);
        chr->ccc = chr->ccc ? (uint16_t)(chr->ccc + SHIFT) : 0;
    }
    return false;
}

static void change_services(void *arg)
{
    struct vb_link *link = vb_fault_link(((struct vb_fault *)arg)->vb);
    struct vb_service *service = link ? vendor_service(&link->at_central->cache) : NULL;
    uint16_t start, end;

    if (!service)
        return;
    start = service->start;
    end = service->end;
    vb_service_remove(&link->at_central->cache, service);
    vb_walk_range(link, start, end);
}

/* F38 */
bool vb_strike_services_changed(struct vb_fault *f, struct vb_scene *scene)
{
    if (scene->link->ready && scene->direction == VB_TO_PERIPHERAL &&
        vb_fault_count(f, "the services are found anew"))
        vb_timer_set(f->vb, &f->later, 0, change_services, f);
    return false;
}

/* F39: a characteristic is missing, or has other flags */
bool vb_strike_incomplete(struct vb_fault *f, struct vb_scene *scene)
{
    static const unsigned props[] = {VB_PROP_WRITE, VB_PROP_WRITE_CMD, VB_PROP_NOTIFY};
    struct vb_service *service = vendor_service(cache_of(scene));
    struct vb_char *chr = service ? char_with(service, props[f->draw % 3]) : NULL;

    if (!chr || !vb_fault_count(f, f->draw % 3 == 0 ? "a characteristic is missing"
                                                    : "a characteristic has other flags"))
        return false;
    vb_cache_hide(cache_of(scene));
    if (f->draw % 3 == 0) {
        chr->uuid.b[0] ^= 0xff;
        chr->props = VB_PROP_READ;
    } else {
        chr->props = f->draw % 3 == 1 ? VB_PROP_WRITE : VB_PROP_INDICATE;
    }
    return false;
}

static void copy_chars(struct vb_service *from, struct vb_service *to, uint16_t handle)
{
    struct vb_char *chr, *copy;

    TAILQ_FOREACH(chr, &from->chars, next) {
        copy = vb_char_new(to);
        copy->uuid = chr->uuid;
        copy->props = chr->props;
        copy->handle = handle++;
        copy->value_handle = copy->end = handle++;
    }
}

/* F40: before or behind the right ones */
bool vb_strike_duplicates(struct vb_fault *f, struct vb_scene *scene)
{
    struct vb_cache *cache = cache_of(scene);
    struct vb_service *service = vendor_service(cache), *twin;
    uint16_t start = f->draw % 2 == 0 ? 0x0001 : 0xfe00;
    struct vb_uuid uuid;

    if (!service)
        return false;
    uuid = service->uuid;
    uuid.b[15] ^= 0x55;
    TAILQ_FOREACH(twin, &cache->services, next)
        if (vb_uuid_same(&twin->uuid, &uuid))
            return false;
    if (!vb_fault_count(f, "another service has characteristics of the same UUIDs"))
        return false;
    twin = vb_service_new(cache, scene->link->at_central);
    twin->uuid = uuid;
    twin->primary = true;
    twin->start = start;
    twin->end = (uint16_t)(start + 8);
    copy_chars(service, twin, (uint16_t)(start + 1));
    return false;
}

/* F41 */
bool vb_strike_small_mtu(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (vb_fault_count(f, "the peripheral offers an MTU of 23"))
        vb_fault_set_mtu(f->vb, VB_ATT_MTU_MIN);
    return false;
}

/* F42 */
bool vb_strike_no_mtu(struct vb_fault *f, struct vb_scene *scene)
{
    if (!vb_fault_count(f, "no MTU property"))
        return false;
    scene->mtu = 0;
    return true;
}

/* F43: too little for ever, or too much for one link */
bool vb_strike_stale_mtu(struct vb_fault *f, struct vb_scene *scene)
{
    bool too_much = f->draw % 2 != 0;

    if (scene->place == VB_AT_BEGIN) {
        f->step = f->vb->opt.mtu;
        if (too_much)
            vb_fault_set_mtu(f->vb, MTU_SMALL);
        return false;
    }
    if (scene->place == VB_AT_LINK_DOWN) {
        if (too_much && f->struck > 0) {
            f->vb->opt.mtu = f->step;
            f->left = 0;
        }
        return false;
    }
    if (!vb_fault_count(f, "the MTU property is of an earlier link: too %s",
                        too_much ? "much" : "little"))
        return false;
    scene->mtu = too_much ? (uint16_t)f->step : VB_ATT_MTU_MIN;
    return true;
}
