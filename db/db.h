/* db.h - the laptop's store: one SQLite database in one folder, owned by one process at a time.
 *
 * It implements the store port of field/ports.h (db_port), and keeps plain settings and named
 * secrets. What may name a person or opens a meter is sealed with AES-256-GCM before SQLite sees
 * it; docs/storage-laptop.md lists which columns are sealed and which are clear, and what each kind
 * of crash leaves behind.
 *
 * Every writing function is one transaction on the disk (WAL, synchronous=FULL): when it returns 0
 * a power cut cannot undo it, when it returns an error nothing of it happened. Rows of the outbox
 * are never deleted.
 */
#ifndef GF_DB_H
#define GF_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/port.h"
#include "field/ports.h"

/* 2^17: 128 MiB and about 0.3 s for each guess (RFC 7914; r = 8, p = 1). */
#define DB_SCRYPT_N 131072u

struct db_config {
    const char *folder;             /* made with mode 0700 when it is not there, its parents too */
    const uint8_t *passphrase;      /* borrowed during db_open() only */
    size_t passphrase_len;          /* 1..1024 bytes */
    const struct gf_clock *clock;   /* borrowed until db_close() */
    const struct gf_random *random; /* borrowed until db_close() */
    uint32_t scrypt_n; /* of a new database: 0 is DB_SCRYPT_N, else a power of two 2^4..2^20. A
                        * database that exists keeps the number that it was made with */
};

struct db;

/*
 * Open the store of a folder, or make it; brings an older schema up to date, and checks the whole
 * database first when it was not closed last time.
 *
 * 0 and *ret, to be closed with db_close(). GF_E_STORE_BUSY: another process has it (why names its
 * pid); GF_E_PASSPHRASE: not the passphrase it was made with, or an empty one; GF_E_STORE_NEWER,
 * GF_E_STORE_DAMAGED, GF_E_DISK_FULL, GF_E_FILE (the folder), GF_E_STORE, GF_E_RANDOM, GF_E_CRYPTO,
 * GF_E_MEMORY. *ret is NULL then.
 */
int db_open(const struct db_config *cfg, struct db **ret, struct gf_fail *why);

/* Close it cleanly and wipe its keys. NULL is fine. Returns NULL. */
struct db *db_close(struct db *db);

/*
 * The store port; it lives as long as `db`. Beside what field/ports.h says:
 *
 * - Between changes_begin and changes_end only changes_apply, outbox_verdict and reading are
 *   possible; other writers get GF_E_NOT_NOW, because what they wrote would not be on the disk
 *   when they return. A verdict given in between is committed, or dropped, with the changes:
 *   one disk write for a whole answer.
 * - When changes_apply fails, changes_end(true) rolls back and returns that failure.
 * - A job from head office does not change the state of the job while a run of it is active,
 *   and while a record of it waits for head office only to a later state; see
 *   docs/storage-laptop.md.
 * - step_save: GF_E_MISMATCH when the attempt exists with another operation id, or when a
 *   record's id is in the outbox with other content (the same content again is left out, as the
 *   port says); GF_E_BUG for a run that does not exist.
 * - outbox_verdict: GF_E_MISMATCH also for an id that is not in the outbox. A record that is
 *   acknowledged stays so.
 * - After a failed disk write that was not a full disk, the state of the file is not known:
 *   every writer returns GF_E_STORE until the store is opened again.
 */
const struct store_port *db_port(struct db *db);

/* What the last failure of a function of this store was, in SQLite's words; code 0 when there was
 * none. */
const struct gf_fail *db_last_fail(const struct db *db);

/*
 * Settings: short texts by name, kept as they are. Secrets: bytes by name, sealed. A name is 1..48
 * bytes; a value is at most DB_VALUE_MAX bytes.
 */
#define DB_VALUE_MAX 8192

/* One value for db_put(). `n` counts the bytes; a text comes without its NUL. */
struct db_value {
    const char *name;
    const void *bytes;          /* NULL: forget the value */
    size_t n;
    bool secret;
};

/* Store all of them or none: enrolment writes key, certificates and url in one go. 0, GF_E_RANGE
 * for a name or length outside the limits, GF_E_FORMAT for a setting with a NUL in it, store
 * errors. */
int db_put(struct db *db, const struct db_value *values, size_t n);

/* One setting, one secret. */
int db_setting_put(struct db *db, const char *name, const char *text);
int db_secret_put(struct db *db, const char *name, const uint8_t *bytes, size_t n);

/* Read a setting into ret, NUL-terminated. 1 found; 0 not, and ret is ""; GF_E_SPACE. */
int db_setting_get(struct db *db, const char *name, char *ret, size_t cap);

/* Read a secret; wipe it after use. 1 found and *ret_n bytes written; 0 not; GF_E_SPACE,
 * GF_E_STORE_DAMAGED. */
int db_secret_get(struct db *db, const char *name, uint8_t *ret, size_t cap, size_t *ret_n);

#endif
