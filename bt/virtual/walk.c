/* walk.c - how BlueZ's client finds the services of a peer: the order of it; see walk.h. */
#include "bt/virtual/walk.h"

#include <stdlib.h>
#include <string.h>

#include "bt/virtual/acquire.h"
#include "bt/virtual/att.h"
#include "bt/virtual/cache.h"
#include "bt/virtual/fault.h"
#include "bt/virtual/link.h"
#include "bt/virtual/notify.h"
#include "bt/virtual/walk_state.h"

#define CLIENT_FEATURES 0x05 /* robust caching, multiple notifications */

static void find_primary(struct vb_walk *walk);
static void read_hash(struct vb_walk *walk);
static void finish(struct vb_walk *walk);

static void add_range(struct vb_ranges *to, uint16_t start, uint16_t end)
{
    to->at = vb_grow(to->at, to->n + 1, sizeof *to->at);
    to->at[to->n++] = (struct vb_range){start, end};
}

struct vb_range vb_range_take(struct vb_ranges *from)
{
    struct vb_range first = from->at[0];

    memmove(from->at, from->at + 1, --from->n * sizeof *from->at);
    return first;
}

/* Leave start..end out of what is still to be read. */
static void skip_range(struct vb_ranges *from, uint16_t start, uint16_t end)
{
    for (size_t i = 0; i < from->n; i++) {
        struct vb_range whole = from->at[i];

        if (start < whole.start || start > whole.end)
            continue;
        memmove(from->at + i, from->at + i + 1, (--from->n - i) * sizeof *from->at);
        if (start > whole.start)
            add_range(from, whole.start, (uint16_t)(start - 1));
        if (end < whole.end)
            add_range(from, (uint16_t)(end + 1), whole.end);
        return;
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

void vb_walk_ask(struct vb_walk *walk, uint8_t op, uint16_t type, vb_response_fn *fn)
{
    uint8_t pdu[7];
    struct gf_writer w = {.p = pdu, .cap = sizeof pdu};

    gf_wr_uint(&w, op, 1);
    gf_wr_uint(&w, walk->request.start, 2);
    gf_wr_uint(&w, walk->request.end, 2);
    if (type)
        gf_wr_uint(&w, type, 2);
    vb_link_request(walk->link, VB_FOR_DISCOVERY, pdu, w.n, fn, walk);
}

bool vb_walk_entries(const uint8_t *pdu, size_t n, struct gf_reader *in, size_t *size)
{
    *in = (struct gf_reader){.p = pdu + 2, .left = n - 2};
    *size = pdu[1];
    return pdu[0] != VB_ATT_ERROR_RSP && n > 2 && *size > 0;
}

bool vb_walk_advance(struct vb_walk *walk, uint16_t handle)
{
    if (handle >= walk->request.end)
        return false;
    walk->request.start = (uint16_t)(handle + 1);
    return true;
}

/* ---- features and hash ----------------------------------------------------------------------- */

static void on_features(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_walk *walk = arg;

    (void)link;
    if (!pdu)
        return;
    if (pdu[0] != VB_ATT_ERROR_RSP && n >= 4 &&
        vb_walk_advance(walk, (uint16_t)(pdu[2] | pdu[3] << 8))) {
        vb_walk_ask(walk, VB_ATT_READ_TYPE_REQ, VB_UUID_SERVER_FEATURES, on_features);
        return;
    }
    /* A feature that is 0 is not remembered, so this is asked at every connection. */
    walk->request = walk->whole;
    if (walk->cached && walk->link->at_central->cache.has_hash)
        read_hash(walk);
    else
        find_primary(walk);
}

static void on_mtu(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_walk *walk = arg;

    (void)link;
    (void)n;
    if (!pdu)
        return;
    walk->request = walk->whole;
    vb_walk_ask(walk, VB_ATT_READ_TYPE_REQ, VB_UUID_SERVER_FEATURES, on_features);
}

static void on_hash(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_walk *walk = arg;
    struct vb_cache *cache = &link->at_central->cache;
    struct vb_service *service;

    if (!pdu)
        return;
    if (pdu[0] != VB_ATT_ERROR_RSP && n == 4 + sizeof cache->hash) {
        walk->hash_read = cache->has_hash && memcmp(cache->hash, pdu + 4, sizeof cache->hash) == 0;
        memcpy(cache->hash, pdu + 4, sizeof cache->hash);
        cache->has_hash = true;
        if (vb_walk_advance(walk, (uint16_t)(pdu[2] | pdu[3] << 8))) {
            vb_walk_ask(walk, VB_ATT_READ_TYPE_REQ, VB_UUID_DB_HASH, on_hash);
            return;
        }
    }
    if (!walk->cached) { /* this was the reading after the walk */
        finish(walk);
        return;
    }
    walk->cached = false;
    walk->request = walk->whole;
    if (!walk->hash_read) {
        walk->hash_read = true;
        find_primary(walk);
        return;
    }
    TAILQ_FOREACH(service, &cache->services, next)
        service->seen = true;
    finish(walk);
}

static void read_hash(struct vb_walk *walk)
{
    walk->request = (struct vb_range){0x0001, 0xffff};
    vb_walk_ask(walk, VB_ATT_READ_TYPE_REQ, VB_UUID_DB_HASH, on_hash);
}

/* ---- services -------------------------------------------------------------------------------- */

static void take_service(struct vb_walk *walk, uint16_t start, uint16_t end,
                         const struct vb_uuid *uuid, bool primary)
{
    struct vb_device *device = walk->link->at_central;
    struct vb_service *service;

    TAILQ_FOREACH(service, &device->cache.services, next) {
        if (service->start == start && service->end == end &&
            vb_uuid_same(&service->uuid, uuid)) {
            service->seen = true; /* known: believed, not read again */
            skip_range(&walk->todo, start, end);
            return;
        }
    }
    service = vb_service_new(&walk->fresh, device);
    service->start = start;
    service->end = end;
    service->uuid = *uuid;
    service->primary = primary;
}

/* Read the services of a response; true when there is more to ask for. */
static bool take_services(struct vb_walk *walk, const uint8_t *pdu, size_t n, bool primary)
{
    struct gf_reader in;
    uint16_t end = 0;
    size_t size;

    if (!vb_walk_entries(pdu, n, &in, &size))
        return false;
    while (in.left >= size && (size == 6 || size == 20)) {
        uint16_t start = (uint16_t)gf_rd_uint(&in, 2);
        struct vb_uuid uuid;

        end = (uint16_t)gf_rd_uint(&in, 2);
        uuid = vb_uuid_from_wire(gf_rd(&in, size - 4), (unsigned)size - 4);
        take_service(walk, start, end, &uuid, primary);
    }
    return end > 0 && vb_walk_advance(walk, end);
}

/* Nothing outside the new services has to be looked through. */
static void trim_todo(struct vb_walk *walk)
{
    const struct vb_service *service;
    uint16_t first = 0xffff, last = 0;

    TAILQ_FOREACH(service, &walk->fresh.services, next) {
        first = service->start < first ? service->start : first;
        last = service->end > last ? service->end : last;
    }
    if (first > 1)
        skip_range(&walk->todo, 1, (uint16_t)(first - 1));
    if (last < 0xffff)
        skip_range(&walk->todo, (uint16_t)(last + 1), 0xffff);
}

static void on_secondary(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_walk *walk = arg;

    (void)link;
    if (!pdu)
        return;
    if (take_services(walk, pdu, n, false)) {
        vb_walk_ask(walk, VB_ATT_GROUP_REQ, VB_UUID_SECONDARY, on_secondary);
        return;
    }
    trim_todo(walk);
    vb_walk_next_range(walk);
}

static void on_primary(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_walk *walk = arg;

    (void)link;
    if (!pdu)
        return;
    if (take_services(walk, pdu, n, true)) {
        vb_walk_ask(walk, VB_ATT_GROUP_REQ, VB_UUID_PRIMARY, on_primary);
    } else if (TAILQ_EMPTY(&walk->fresh.services)) {
        vb_walk_descriptors(walk); /* nothing new: go on behind what would be read of it */
    } else {
        walk->request = walk->whole;
        vb_walk_ask(walk, VB_ATT_GROUP_REQ, VB_UUID_SECONDARY, on_secondary);
    }
}

static void find_primary(struct vb_walk *walk)
{
    walk->todo.n = 0;
    add_range(&walk->todo, walk->whole.start, walk->whole.end);
    vb_walk_ask(walk, VB_ATT_GROUP_REQ, VB_UUID_PRIMARY, on_primary);
}

/* ---- the end --------------------------------------------------------------------------------- */

void vb_walk_found(struct vb_walk *walk)
{
    if (walk->hash_read) {
        finish(walk);
        return;
    }
    walk->hash_read = true;
    read_hash(walk);
}

static void ignore(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    (void)link;
    (void)arg;
    (void)pdu;
    (void)n;
}

static void write_handle(struct vb_link *link, uint16_t handle, uint16_t value, size_t len)
{
    uint8_t pdu[5] = {VB_ATT_WRITE_REQ, (uint8_t)handle, (uint8_t)(handle >> 8), (uint8_t)value,
                      (uint8_t)(value >> 8)};

    vb_link_request(link, VB_FOR_DISCOVERY, pdu, 3 + len, ignore, NULL);
}

/* Replace what is gone by what is new, in the order of handles. */
static void merge(struct vb_walk *walk)
{
    struct vb_cache *cache = &walk->link->at_central->cache;
    struct vb_service *service = TAILQ_FIRST(&cache->services), *at;

    while (service) {
        struct vb_service *following = TAILQ_NEXT(service, next);

        if (!service->seen && service->start >= walk->whole.start &&
            service->start <= walk->whole.end)
            vb_service_remove(cache, service);
        service = following;
    }
    while ((service = TAILQ_FIRST(&walk->fresh.services)) != NULL) {
        TAILQ_REMOVE(&walk->fresh.services, service, next);
        TAILQ_FOREACH(at, &cache->services, next)
            if (at->start > service->start)
                break;
        if (at)
            TAILQ_INSERT_BEFORE(at, service, next);
        else
            TAILQ_INSERT_TAIL(&cache->services, service, next);
    }
}

static void walk_free(struct vb_walk *walk)
{
    vb_cache_clear(&walk->fresh);
    free(walk->todo.at);
    free(walk->changed.at);
    free(walk);
}

static void finish(struct vb_walk *walk)
{
    struct vb_link *link = walk->link;
    struct vb_cache *cache = &link->at_central->cache;
    const struct vb_char *features, *changed;
    bool first = !link->at_central->browsed;

    merge(walk);
    features = vb_cache_find(cache, VB_UUID_CLIENT_FEATURES);
    changed = vb_cache_find(cache, VB_UUID_SERVICE_CHANGED);
    if (walk->initial && features)
        write_handle(link, features->value_handle, CLIENT_FEATURES, 1);
    if (walk->initial && changed && changed->ccc)
        write_handle(link, changed->ccc, 2, 2);
    link->ready = true;
    if (!vb_fault_on_services(link))
        vb_cache_show(link->at_central);
    vb_device_resolved(link->at_central);
    if (walk->initial && first)
        vb_plugins_read(link);
    vb_acquire_ready(link->at_central);
    link->walk = NULL;
    if (walk->changed.n > 0) {
        struct vb_range range = vb_range_take(&walk->changed);

        vb_walk_range(link, range.start, range.end);
    }
    walk_free(walk);
}

static struct vb_walk *walk_new(struct vb_link *link, uint16_t start, uint16_t end)
{
    struct vb_walk *walk = vb_new(sizeof *walk);
    struct vb_service *service;

    walk->link = link;
    walk->whole = walk->request = (struct vb_range){start, end};
    TAILQ_INIT(&walk->fresh.services);
    TAILQ_FOREACH(service, &link->at_central->cache.services, next)
        service->seen = false;
    link->walk = walk;
    return walk;
}

void vb_walk_start(struct vb_link *link)
{
    struct vb_walk *walk = walk_new(link, 0x0001, 0xffff);
    uint8_t pdu[3] = {VB_ATT_MTU_REQ, VB_ATT_MTU_MAX & 0xff, VB_ATT_MTU_MAX >> 8};

    walk->initial = true;
    walk->cached = !TAILQ_EMPTY(&link->at_central->cache.services);
    vb_link_request(link, VB_FOR_DISCOVERY, pdu, sizeof pdu, on_mtu, walk);
    if (link->at_central->browsed)
        vb_plugins_read(link);
    vb_notify_link_up(link->at_central);
}

void vb_walk_range(struct vb_link *link, uint16_t start, uint16_t end)
{
    if (link->walk)
        add_range(&link->walk->changed, start, end);
    else
        find_primary(walk_new(link, start, end));
}

void vb_walk_end(struct vb_link *link)
{
    if (link->walk)
        walk_free(link->walk);
    link->walk = NULL;
}
