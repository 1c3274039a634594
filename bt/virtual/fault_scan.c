/* fault_scan.c - faults of discovery and of what is heard, F13 to F23; see fault_state.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/discovery.h"
#include "bt/virtual/fault_state.h"
#include "bt/virtual/fault_strikes.h"
#include "bt/virtual/ghost.h"

#define CROWD 20           /* neighbours */
#define FLOOD_US (5 * VB_S)
#define FLOOD_PER_TICK 30  /* one tick is 10 ms of the real clock */

static bool is_member(const struct vb_scene *scene, const char *member)
{
    return strcmp(scene->member, member) == 0;
}

/* An address that is nobody's; i tells them apart. */
static const char *address_of(unsigned i, char ret[static 18])
{
    (void)snprintf(ret, 18, "66:00:00:00:%02X:%02X", i >> 8 & 0xff, i & 0xff);
    return ret;
}

static void crowd(struct vb *vb)
{
    char address[18], name[16];

    for (unsigned i = 0; i < CROWD; i++) {
        (void)snprintf(name, sizeof name, "neighbour %u", i);
        (void)vb_ghost_add(vb, address_of(i, address), name, (int16_t)(-90 + (int)i), NULL);
    }
}

/* F13: for good, or for 5 s */
static void resume(void *arg)
{
    vb_discovery_resume(&((struct vb_fault *)arg)->vb->adapters[0]);
}

bool vb_strike_discovery_stops(struct vb_fault *f, struct vb_scene *scene)
{
    struct vb_adapter *adapter = &f->vb->adapters[0];
    bool for_good = f->draw % 2 == 0;

    (void)scene;
    if (!vb_fault_count(f, "discovery ends by itself, %s", for_good ? "for good" : "for 5 s"))
        return false;
    if (for_good) {
        vb_discovery_drop(adapter, NULL);
    } else {
        vb_discovery_halt(adapter);
        vb_timer_set(f->vb, &f->later, VB_SCAN_GAP_US, resume, f);
    }
    return true;
}

/* F14 */
bool vb_strike_start_busy(struct vb_fault *f, struct vb_scene *scene)
{
    return is_member(scene, "StartDiscovery") &&
           vb_fault_count(f, "StartDiscovery is InProgress") &&
           vb_fault_refuse(scene->m, "org.bluez.Error.InProgress", "Operation already in progress");
}

/* F15 */
bool vb_strike_stop_fails(struct vb_fault *f, struct vb_scene *scene)
{
    static const char *const errors[][2] = {
        {"org.bluez.Error.NotReady", "Resource Not Ready"},
        {"org.bluez.Error.Failed", "No discovery started"},
        {"org.bluez.Error.InProgress", "Operation already in progress"},
    };
    const char *const *error = errors[(f->draw + f->struck) % 3];

    return is_member(scene, "StopDiscovery") &&
           vb_fault_count(f, "StopDiscovery fails: %s", error[0]) &&
           vb_fault_refuse(scene->m, error[0], error[1]);
}

/* F16 */
bool vb_strike_no_filter(struct vb_fault *f, struct vb_scene *scene)
{
    bool begins = scene->place == VB_AT_BEGIN;

    if ((!begins && !is_member(scene, "SetDiscoveryFilter")) ||
        !vb_fault_count(f, "the filter is ignored"))
        return false;
    if (TAILQ_EMPTY(&f->vb->ghosts))
        crowd(f->vb);
    if (begins)
        f->vb->adapters[0].filter_lost = true;
    else
        vb_ok(scene->m);
    return !begins;
}

/* F17 */
static void flood(void *arg)
{
    struct vb_fault *f = arg;
    struct vb_ghost *ghost = TAILQ_FIRST(&f->vb->ghosts);
    unsigned n = 0;

    while (ghost && n++ < FLOOD_PER_TICK) {
        vb_ghost_heard(ghost, (int16_t)(-90 + (int)vb_fault_random(f, 40)));
        ghost = TAILQ_NEXT(ghost, next) ? TAILQ_NEXT(ghost, next) : TAILQ_FIRST(&f->vb->ghosts);
    }
    if (vb_now_us(f->vb) - f->armed_us < FLOOD_US)
        vb_timer_set(f->vb, &f->later, (uint64_t)(10 * VB_MS * f->vb->opt.clock_rate), flood, f);
}

bool vb_strike_flood(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (!vb_fault_count(f, "3000 changes a second for 5 s"))
        return false;
    f->armed_us = vb_now_us(f->vb);
    crowd(f->vb);
    flood(f);
    return false;
}

static void remove_target(void *arg)
{
    struct vb_device *device = vb_fault_target(((struct vb_fault *)arg)->vb);

    if (device)
        vb_device_remove(device);
}

/* F18. In a later phase the device goes with its link, so that the client has to search. One that
 * finds it gone at its Connect may connect the next time without stopping: it is sent once more. */
bool vb_strike_gone_at_stop(struct vb_fault *f, struct vb_scene *scene)
{
    struct vb_device *device = vb_fault_target(f->vb);

    if (scene->place == VB_AT_LINK_UP) {
        vb_timer_set(f->vb, &f->later, 0, remove_target, f);
        return false;
    }
    if (is_member(scene, "StopDiscovery") && device && !device->link &&
        vb_fault_count(f, "the device is removed when discovery stops"))
        vb_device_remove(device);
    return false;
}

/* F19 */
bool vb_strike_no_rssi(struct vb_fault *f, struct vb_scene *scene)
{
    bool absent = f->draw % 2 == 0;

    if (!vb_fault_count(f, "no signal strength: %s", absent ? "absent" : "127"))
        return false;
    scene->how->rssi = 127;
    scene->how->no_rssi = absent;
    return false;
}

static void surprise(struct vb *vb, const char *path)
{
    sd_bus_message *m = NULL;

    if (sd_bus_message_new_signal(vb->bus, &m, path, "org.freedesktop.DBus.Properties",
                                  "PropertiesChanged") >= 0 &&
        sd_bus_message_append(m, "sa{sv}as", VB_DEVICE, 5, "ManufacturerData", "s", "surprise",
                              "RSSI", "s", "strong", "UUIDs", "u", 7u, "Name", "ay", 2, 0xc3, 0x28,
                              "ServiceData", "a{qv}", 1, 65535u, "s", "surprise", 0) >= 0)
        (void)sd_bus_send(vb->bus, m, NULL);
    sd_bus_message_unref(m);
}

/* F20 */
bool vb_strike_malformed(struct vb_fault *f, struct vb_scene *scene)
{
    const struct vb_device *device = vb_fault_target(f->vb);
    char address[18];

    (void)scene;
    if (!vb_fault_count(f, "properties of wrong types"))
        return false;
    if (f->struck == 1)
        (void)vb_ghost_add_malformed(f->vb, address_of(0, address));
    if (device)
        surprise(f->vb, device->path);
    return false;
}

/* F21: the object stays where it was, and nobody answers there. A client that is slow, or does not stop
 * its discovery, finds it so when it connects. */
bool vb_strike_new_address(struct vb_fault *f, struct vb_scene *scene)
{
    struct vb_device *device = vb_fault_target(f->vb);
    struct vb_report report;
    struct vb_adapter *peer;
    char before[18];
    int16_t rssi;

    if ((!is_member(scene, "StopDiscovery") && !is_member(scene, "Connect")) || !device ||
        device->link || device->connecting)
        return false;
    peer = device->peer;
    if (TAILQ_EMPTY(&peer->advs) || !vb_fault_count(f, "the peripheral changes its address"))
        return false;
    report = TAILQ_FIRST(&peer->advs)->report;
    memcpy(before, device->addr_text, sizeof before);
    rssi = device->rssi;
    f->vb->mute_objects = true;
    vb_device_remove(device);
    (void)vb_ghost_add(f->vb, before, report.name, rssi, &report);
    f->vb->mute_objects = false;
    (void)snprintf(peer->air_text, sizeof peer->air_text, "5A:%02X:%02X:00:00:01",
                   (unsigned)vb_fault_random(f, 256), (unsigned)vb_fault_random(f, 256));
    peer->air_type = "random";
    return false;
}

/* What is heard is heard from a ghost too, once: under the same name with other data, or with the
 * same data and a better signal. */
static bool double_of(struct vb_fault *f, const struct vb_scene *scene, bool spoofed)
{
    const struct vb_report *report = scene->how->report;
    struct vb_ghost *ghost;
    char address[18];

    if (f->struck > 0 || report->n_manufacturer == 0 ||
        !vb_fault_count(f, spoofed ? "another device sends the same advertisement"
                                   : "another device has the same name"))
        return false;
    ghost = vb_ghost_add(f->vb, address_of(1, address), report->name, spoofed ? -30 : -50, report);
    if (!spoofed && ghost->n_manufacturer > 0 && ghost->manufacturer[0].data.n > 0) {
        ghost->manufacturer[0].data.p[0] ^= 0xff;
        vb_changed(f->vb, ghost->path, VB_DEVICE, "ManufacturerData", NULL);
    }
    return false;
}

/* F22 */
bool vb_strike_same_name(struct vb_fault *f, struct vb_scene *scene)
{
    return double_of(f, scene, false);
}

/* F23 */
bool vb_strike_spoofed(struct vb_fault *f, struct vb_scene *scene)
{
    return double_of(f, scene, true);
}
