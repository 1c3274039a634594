#ifndef GF_BT_VIRTUAL_DB_H
#define GF_BT_VIRTUAL_DB_H
/*
 * The attribute table of an adapter: GAP, GATT and a Device Information of the daemon,
 * which it answers itself, then the services of the applications in the order in which they named them.
 */
#include <stdbool.h>

#include "bt/virtual/model.h"

/* Fill an empty table with GAP, GATT and the PnP ID of that release, major * 100 + minor. */
void vb_db_init(struct vb_db *db, unsigned version);
void vb_db_done(struct vb_db *db);

/* The attribute, or NULL. */
struct vb_attr *vb_db_find(struct vb_db *db, uint16_t handle);

/* Index of the first attribute whose handle is not below the one given; db->n when none. */
size_t vb_db_from(const struct vb_db *db, uint16_t handle);

/*
 * Add the services of an application, and note the handles in its nodes. False when they cannot
 * be placed; then nothing is added.
 */
bool vb_db_place(struct vb_db *db, struct vb_app *app);

/* Take them away; handles above are not moved. */
void vb_db_unplace(struct vb_db *db, const struct vb_app *app);

/* A characteristic's or descriptor's flags. */
struct vb_flags {
    unsigned props, ext_props, perm;
};

/* Add what one flag of an application's object means; false when there is no such flag. */
bool vb_flag_add(const char *flag, struct vb_flags *to);

/* The names of a characteristic's properties as BlueZ shows them, appended as "as". */
int vb_flags_append(sd_bus_message *to, unsigned props, unsigned ext_props);

#endif
