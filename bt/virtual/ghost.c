/* ghost.c - devices that no adapter stands behind; see ghost.h. */
#include "bt/virtual/ghost.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/adv.h"
#include "bt/virtual/device.h"

/* ---- properties ------------------------------------------------------------------------------ */

static int get_address(void *self, sd_bus_message *to)
{
    return sd_bus_message_append(to, "s", ((struct vb_ghost *)self)->address);
}

static int get_random(void *self, sd_bus_message *to)
{
    (void)self;
    return sd_bus_message_append(to, "s", "random");
}

static int get_false(void *self, sd_bus_message *to)
{
    (void)self;
    return sd_bus_message_append(to, "b", 0);
}

static int get_adapter(void *self, sd_bus_message *to)
{
    return sd_bus_message_append(to, "o", ((struct vb_ghost *)self)->vb->adapters[0].path);
}

static int get_uuids(void *self, sd_bus_message *to)
{
    const struct vb_ghost *ghost = self;
    char text[VB_UUID_TEXT];
    int r = sd_bus_message_open_container(to, 'a', "s");

    for (size_t i = 0; r >= 0 && i < ghost->n_uuids; i++)
        r = sd_bus_message_append(to, "s", vb_uuid_text(&ghost->uuids[i], text));
    return r < 0 ? r : sd_bus_message_close_container(to);
}

static int get_manufacturer(void *self, sd_bus_message *to)
{
    const struct vb_ghost *ghost = self;

    return vb_append_manufacturer(to, ghost->manufacturer, ghost->n_manufacturer);
}

static int get_text(void *self, sd_bus_message *to)
{
    (void)self;
    return sd_bus_message_append(to, "s", "surprise");
}

static int get_number(void *self, sd_bus_message *to)
{
    (void)self;
    return sd_bus_message_append(to, "u", 4000000000u);
}

static bool has_name(void *self)
{
    return ((struct vb_ghost *)self)->name != NULL;
}

static bool has_manufacturer(void *self)
{
    return ((struct vb_ghost *)self)->n_manufacturer > 0;
}

#define MEMBER(m) offsetof(struct vb_ghost, m), NULL
static const struct vb_property properties[] = {
    {"Address", "s", 0, get_address, NULL, NULL},
    {"AddressType", "s", 0, get_random, NULL, NULL},
    {"Name", "s", MEMBER(name), has_name, NULL},
    {"Alias", "s", 0, get_address, NULL, NULL},
    {"Paired", "b", 0, get_false, NULL, NULL},
    {"Trusted", "b", 0, get_false, NULL, NULL},
    {"Blocked", "b", 0, get_false, NULL, NULL},
    {"LegacyPairing", "b", 0, get_false, NULL, NULL},
    {"RSSI", "n", MEMBER(rssi), NULL, NULL},
    {"Connected", "b", 0, get_false, NULL, NULL},
    {"UUIDs", "as", 0, get_uuids, NULL, NULL},
    {"Adapter", "o", 0, get_adapter, NULL, NULL},
    {"ManufacturerData", "a{qv}", 0, get_manufacturer, has_manufacturer, NULL},
    {"ServicesResolved", "b", 0, get_false, NULL, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL}};

static const struct vb_property malformed_properties[] = {
    {"Address", "u", 0, get_number, NULL, NULL},
    {"Name", "u", 0, get_number, NULL, NULL},
    {"RSSI", "s", 0, get_text, NULL, NULL},
    {"Connected", "s", 0, get_text, NULL, NULL},
    {"UUIDs", "s", 0, get_text, NULL, NULL},
    {"Adapter", "s", 0, get_text, NULL, NULL},
    {"ManufacturerData", "s", 0, get_text, NULL, NULL},
    {"ServicesResolved", "u", 0, get_number, NULL, NULL},
    {NULL, NULL, 0, NULL, NULL, NULL}};

/* ---- methods --------------------------------------------------------------------------------- */

static void nobody(void *arg)
{
    struct vb_ghost *ghost = arg;

    vb_fail_kept(&ghost->connecting, VB_E_FAILED, "le-connection-abort-by-local");
}

static void call_connect(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_ghost *ghost = self;

    if (ghost->connecting) {
        vb_fail(m, VB_E_IN_PROGRESS, NULL);
        return;
    }
    ghost->connecting = sd_bus_message_ref(m);
    vb_timer_set(vb, &ghost->give_up, VB_CONNECT_US, nobody, ghost);
}

static void call_disconnect(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_ghost *ghost = self;

    (void)vb;
    vb_timer_stop(&ghost->give_up);
    vb_fail_kept(&ghost->connecting, VB_E_FAILED, "br-connection-canceled");
    vb_ok(m);
}

static const struct vb_method methods[] = {
    {"Connect", "", "", "", call_connect},
    {"Disconnect", "", "", "", call_disconnect},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct vb_iface iface = {VB_DEVICE, methods, properties};
static const struct vb_iface malformed_iface = {VB_DEVICE, methods, malformed_properties};

/* ---- life ------------------------------------------------------------------------------------ */

static struct vb_ghost *ghost_new(struct vb *vb, const char *address)
{
    struct vb_ghost *ghost = vb_new(sizeof *ghost);

    ghost->vb = vb;
    ghost->path = vb_format("%s/dev_%s", vb->adapters[0].path, address);
    for (char *at = ghost->path; *at; at++)
        if (*at == ':')
            *at = '_';
    for (size_t i = 0; i + 1 < sizeof ghost->address && address[i]; i++)
        ghost->address[i] = address[i];
    TAILQ_INSERT_TAIL(&vb->ghosts, ghost, next);
    return ghost;
}

static struct vb_ghost *publish(struct vb_ghost *ghost, const struct vb_iface *face)
{
    struct vb_mount mounts[] = {{face, ghost}, {NULL, NULL}};

    vb_object_add(ghost->vb, ghost->path, mounts);
    return ghost;
}

struct vb_ghost *vb_ghost_add(struct vb *vb, const char *address, const char *name, int16_t rssi,
                              const struct vb_report *report)
{
    struct vb_ghost *ghost = ghost_new(vb, address);

    ghost->name = vb_dup(name);
    ghost->rssi = rssi;
    if (report) {
        ghost->n_uuids = report->n_uuids;
        ghost->uuids = vb_grow(NULL, report->n_uuids + 1, sizeof *ghost->uuids);
        for (size_t i = 0; i < report->n_uuids; i++)
            ghost->uuids[i] = report->uuids[i];
        vb_take_blobs(&ghost->manufacturer, &ghost->n_manufacturer, report->manufacturer,
                      report->n_manufacturer);
    }
    return publish(ghost, &iface);
}

struct vb_ghost *vb_ghost_add_malformed(struct vb *vb, const char *address)
{
    return publish(ghost_new(vb, address), &malformed_iface);
}

void vb_ghost_heard(struct vb_ghost *ghost, int16_t rssi)
{
    ghost->rssi = rssi;
    vb_changed(ghost->vb, ghost->path, VB_DEVICE, "RSSI", NULL);
}

void vb_ghosts_done(struct vb *vb)
{
    struct vb_ghost *ghost;

    while ((ghost = TAILQ_FIRST(&vb->ghosts)) != NULL) {
        TAILQ_REMOVE(&vb->ghosts, ghost, next);
        vb_timer_stop(&ghost->give_up);
        vb_fail_kept(&ghost->connecting, VB_E_FAILED, NULL);
        vb_object_remove(vb, ghost->path);
        vb_blobs_free(&ghost->manufacturer, &ghost->n_manufacturer);
        free(ghost->uuids);
        free(ghost->path);
        free(ghost->name);
        free(ghost);
    }
}
