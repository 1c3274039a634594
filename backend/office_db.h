/* office_db.h - head office's database: prepared statements, rows and transactions over SQLite.
 *
 * Statements are plain SQL that PostgreSQL takes too once ?N is written $N: no engine's own
 * functions, no rowid, no dynamic types. In every statement ?1 is the organisation, bound here, so
 * that none can forget it; the caller's values are ?2, ?3, ... A statement is prepared once and
 * kept by the address of its text: pass string literals.
 */
#ifndef GF_OFFICE_DB_H
#define GF_OFFICE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/err.h"

struct odb;
struct odb_query;

/* A value to bind. Bytes and text are borrowed until the statement has run; NULL pointers become
 * SQL NULL. */
struct odb_value {
    enum { ODB_INT, ODB_TEXT, ODB_BYTES, ODB_NULL } type;
    int64_t i;
    const void *p;
    size_t n;
};
#define ODB_I(v) ((struct odb_value){ .type = ODB_INT, .i = (int64_t)(v) })
#define ODB_T(s) ((struct odb_value){ .type = ODB_TEXT, .p = (s) })
#define ODB_B(bytes, len) ((struct odb_value){ .type = ODB_BYTES, .p = (bytes), .n = (len) })
/* The values of a statement, ?2 first: two arguments of the functions below. */
#define ODB(...)                                                                                   \
    (const struct odb_value[]){ __VA_ARGS__ },                                                     \
        sizeof((const struct odb_value[]){ __VA_ARGS__ }) / sizeof(struct odb_value)
#define ODB_NONE NULL, 0

/* Open the file, making it when `create`; WAL, synchronous=FULL, foreign keys; bring the schema to
 * this program's version. 0; GF_E_FILE (not there), GF_E_STORE_NEWER, GF_E_STORE_DAMAGED,
 * GF_E_DISK_FULL, GF_E_STORE. */
int odb_open(const char *path, bool create, struct odb **ret, struct gf_fail *why);

/* Close; NULL is fine. Returns NULL. */
struct odb *odb_close(struct odb *db);

/* A writing transaction: begin takes the write lock at once, and waits up to 10 s for another
 * process's. While one is open, every failure leaves it open: the caller rolls back. Rollback
 * without a transaction does nothing. */
int odb_begin(struct odb *db);
/* A reading one: it sees the database as it is now until it is rolled back, and holds up nobody. */
int odb_begin_reading(struct odb *db);
int odb_commit(struct odb *db);
void odb_rollback(struct odb *db);

/* Run a statement that gives no rows: the number of rows changed, or GF_E_DISK_FULL,
 * GF_E_STORE_DAMAGED, GF_E_STORE. */
int odb_exec(struct odb *db, const char *sql, const struct odb_value *values, size_t n);

/* Start a statement that gives rows. NULL on failure: odb_code() says which. */
struct odb_query *odb_query(struct odb *db, const char *sql, const struct odb_value *values,
                            size_t n);

/* The next row: 1, or 0 after the last, or a failure. A NULL query gives its failure. */
int odb_next(struct odb *db, struct odb_query *q);

/* Columns of the present row, 0 first. odb_text copies, cut to cap - 1 bytes; SQL NULL is 0, "" or
 * no bytes. Bytes are valid until the next odb_next or odb_end. */
int64_t odb_int(struct odb_query *q, int column);
void odb_text(struct odb_query *q, int column, char *ret, size_t cap);
struct gf_span odb_bytes(struct odb_query *q, int column);
bool odb_is_null(struct odb_query *q, int column);
/* Copy exactly n bytes; false (ret zeroed) when the column has another length. */
bool odb_copy(struct odb_query *q, int column, void *ret, size_t n);

void odb_end(struct odb_query *q); /* NULL is fine */

/* One number: the first column of the first row to *ret; 1, or 0 when there is no row (or it is
 * NULL), or a failure. */
int odb_number(struct odb *db, int64_t *ret, const char *sql, const struct odb_value *values,
               size_t n);

/* The last failure: its code, and its words into *why (may be NULL). Returns the code. */
int odb_code(const struct odb *db);
int odb_fail(const struct odb *db, struct gf_fail *why);

#endif
