/* identity.h - who this laptop is for head office: what enrolment gave, kept in the store. */
#ifndef GF_TUI_IDENTITY_H
#define GF_TUI_IDENTITY_H

#include "backend/client/client.h"
#include "db/db.h"

/* Keep it all, in one go. Store errors. */
int identity_put(struct db *db, const struct office_enrol_result *id);

/* Read it back; wipe it after use. 1; 0 when this laptop was never enrolled; store errors. */
int identity_get(struct db *db, struct office_enrol_result *ret);

#endif
