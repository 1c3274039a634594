/* odb_migrate.h - bring a database's tables to this program's version. */
#ifndef GF_ODB_MIGRATE_H
#define GF_ODB_MIGRATE_H

#include "backend/office_db.h"

/* Make the tables of an empty database when `create` (else GF_E_FILE), or make those of an older
 * version anew with their rows: old tables are put aside, new ones made, rows copied column by column
 * (a column that the old version did not have gets its value `before`, or `missing`, of the
 * description), old tables dropped: in one transaction. A kill at any point leaves the old version
 * whole; two programs at once do it once. 0; GF_E_STORE_NEWER (of a newer version, or of this one
 * with other tables: the sentence says which program to take); GF_E_STORE_DAMAGED (rows refer to
 * rows that are not there); store errors. */
int odb_migrate(struct odb *db, bool create);

#endif
