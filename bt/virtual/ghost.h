#ifndef GF_BT_VIRTUAL_GHOST_H
#define GF_BT_VIRTUAL_GHOST_H
/*
 * Devices of hci0 that no adapter stands behind, for faults: neighbours, impostors, addresses that
 * are used no more. They are on the bus like others; Connect fails as BlueZ's does when nobody
 * answers.
 */
#include "bt/virtual/model.h"

struct vb_ghost {
    TAILQ_ENTRY(vb_ghost) next;
    struct vb *vb;
    char *path, *name;
    char address[18];
    int16_t rssi;
    bool malformed;            /* its properties have types that they never have */
    struct vb_uuid *uuids;
    size_t n_uuids;
    struct vb_blob *manufacturer;
    size_t n_manufacturer;
    sd_bus_message *connecting;
    struct vb_timer give_up;
};

/* A new one with that address; name NULL: none. It says what the report says, when there is one.
 * It stays until vb_ghosts_done(). */
struct vb_ghost *vb_ghost_add(struct vb *vb, const char *address, const char *name, int16_t rssi,
                              const struct vb_report *report);

/* Likewise, with properties of wrong types. */
struct vb_ghost *vb_ghost_add_malformed(struct vb *vb, const char *address);

/* Its signal strength changes. */
void vb_ghost_heard(struct vb_ghost *ghost, int16_t rssi);

void vb_ghosts_done(struct vb *vb);

#endif
