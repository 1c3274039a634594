/* odb_backup.h - every row of a head office's database into one file, and back into either engine.
 *
 * The file is a SQLite database with the same tables (their primary keys alone: no reference, index
 * or further key) and one more, backup_manifest: a table's name, its number of rows, and SHA-256
 * over its rows in the order of their key. Of a row each value is hashed as a letter of its type (i,
 * t, b, 0 for NULL), its length (LE64; a number has 8 bytes, LE) and its bytes. Two databases with
 * the same rows have the same manifest, whatever their engine. Not in it: the settings "made",
 * "schema version" and "schema digest" (a database's own), and every key file.
 */
#ifndef GF_ODB_BACKUP_H
#define GF_ODB_BACKUP_H

#include "backend/office_db.h"

/* Told rows done so far; false ends the work (GF_E_CANCELLED). tell NULL: nobody is told. */
struct odb_backup_watch {
    void *ctx;
    bool (*tell)(void *ctx, int64_t rows);
    int64_t rows; /* how many there were in the end */
};

/* Copy everything, as it was at one moment, while others go on reading and writing. The file stands
 * there under its name only when it is whole and on the disk; GF_E_NOT_NOW when there is one. */
int odb_backup(struct odb *db, const char *path, struct odb_backup_watch *watch,
               struct gf_fail *why);

/* Copy a backup's rows into a database that has none but those three settings, in the open writing
 * transaction. GF_E_STORE_DAMAGED names the table whose rows are not those of the
 * manifest; GF_E_NOT_NOW when the database has rows; GF_E_STORE_NEWER when the backup was made with
 * other tables than this program's. */
int odb_restore(struct odb *db, const char *path, struct odb_backup_watch *watch,
                struct gf_fail *why);

#endif
