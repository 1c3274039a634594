/* office_db.h - head office's database: prepared statements, rows and transactions.
 *
 * Two engines: a file of SQLite, or a database of PostgreSQL 15 and what speaks like it. Statements
 * are plain SQL that both take once ?N is written $N: no engine's own functions, no rowid, no
 * dynamic types, SUM() cast to BIGINT. In every statement ?1 is the organisation, bound here, so
 * that none can forget it; the caller's values are ?2, ?3, ... A statement is prepared once and kept
 * by the address of its text: pass string literals. A value of type ODB_NULL whose place gives no
 * type (SELECT ?3) is written CAST(?3 AS BIGINT).
 *
 * Rows: other statements may run while a query is open. Within a transaction a query over any
 * number of rows takes little memory (PostgreSQL: by a cursor, 500 rows at a time); outside of one
 * its rows are fetched at once. Texts sort by their bytes.
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

/* Open a database: the path of a file, or "postgresql://user@host/name" (libpq's form; its tables
 * stand in the schema gasoffice). Made when `create`. SQLite: WAL, synchronous=FULL, foreign keys.
 * Brings the schema to this program's version. 0; GF_E_FILE (not there), GF_E_STORE_AWAY (no
 * connection), GF_E_STORE_NEWER, GF_E_STORE_DAMAGED, GF_E_DISK_FULL, GF_E_STORE. */
int odb_open(const char *where, bool create, struct odb **ret, struct gf_fail *why);

/* Close; NULL is fine. Returns NULL. */
struct odb *odb_close(struct odb *db);

/* A writing transaction. SQLite takes the write lock at once, and waits up to 10 s for another
 * process's (GF_E_NOT_NOW; odb_set_wait()); PostgreSQL begins a serializable one. While one is open every failure
 * leaves it open: the caller rolls back, nothing else can be done with it. GF_E_AGAIN from any
 * function: the database wants the transaction again from its begin (a conflict with another, a
 * deadlock, a connection that was lost before the commit). A lost connection is made anew by the
 * next begin. Rollback without a transaction does nothing. Programs use ho_transaction(). */
int odb_begin(struct odb *db);
/* How long a writing transaction waits for another process's on SQLite from now on, 0 or more ms. A
 * service that answers others meanwhile waits less than a command. */
void odb_set_wait(struct odb *db, int wait_ms);
/* A reading one: it sees the database as it is now until it is rolled back, and holds up nobody. On
 * PostgreSQL a snapshot (repeatable read): what it sees is what some transactions, committed whole
 * and in an order that has no gap between cause and effect, have made. */
int odb_begin_reading(struct odb *db);
/* Until odb_apart(), or the next begin, reads outside of a transaction may all be answered from one
 * view of the database: less work where each statement would make its own (SQLite); nothing where
 * it would be more (PostgreSQL). Nothing else may write in between but after a begin. True: that
 * begins now, and whoever asked for it ends it. */
bool odb_together(struct odb *db);
void odb_apart(struct odb *db);
/* 0; GF_E_AGAIN; GF_E_STORE_UNSURE: the connection was lost, it may be committed or not. */
int odb_commit(struct odb *db);
void odb_rollback(struct odb *db);

/* A writing transaction that leaves a mark, so that after GF_E_STORE_UNSURE its fate can be known:
 * begun again with the same mark it waits for the end of the first one. 1 when that was committed
 * (nothing is open then), 0 when not: it is open and everything has to be done again. SQLite cannot
 * lose a commit and writes no marks. */
int odb_begin_marked(struct odb *db, const uint8_t mark[static 16], int64_t at_ms);

/* Drop some marks older than that; for nobody can ask for them any more. 0 or more, or a failure. */
int odb_prune_marks(struct odb *db, int64_t before_ms);

bool odb_is_open(const struct odb *db);         /* is there a transaction? */
bool odb_can_lose_commit(const struct odb *db); /* is a mark of any use? */

/* Is one statement of many rows less work than as many of one row? On PostgreSQL; SQLite notes what
 * every page was before such a statement, in a file, so that it can undo half of one. */
bool odb_prefers_many(const struct odb *db);

/* Wait before an attempt (0, 1, ...) again: a random time below 2^attempt ms, at most 0.5 s. */
void odb_pause(unsigned attempt, uint32_t random);

/* Run a statement that gives no rows, in a writing transaction: the number of rows changed, or
 * GF_E_AGAIN, GF_E_DISK_FULL, GF_E_STORE_DAMAGED, GF_E_FORMAT (a text is not UTF-8, or holds a NUL),
 * GF_E_STORE with the engine's words (they name the table whose key, reference or check it breaks). */
int odb_exec(struct odb *db, const char *sql, const struct odb_value *values, size_t n);

/* A change whose success is all that its caller wants to know: it may wait, and travel with others.
 * It has run, in the order of the calls, before any later statement of the transaction and before
 * the commit: the first of these gives its failure, which is the transaction's. Values are borrowed
 * until this returns, `wanted` (NULL: any number of rows will do) until the transaction ends. 0, or
 * the failure of this or an earlier one. */
struct odb_wanted {
    int rows; /* that have to be changed; any other number is this failure */
    int code;
    const char *where, *detail;
};
int odb_later(struct odb *db, const struct odb_wanted *wanted, const char *sql,
              const struct odb_value *values, size_t n);

/* Run what waits now. 0 or its failure. */
int odb_settle(struct odb *db);

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
struct gf_span odb_text_span(struct odb_query *q, int column); /* a text whole; a NUL is behind it */
bool odb_is_null(struct odb_query *q, int column);
/* What stands there, with the type that it has: a text's and bytes' length in n. */
struct odb_value odb_get(struct odb_query *q, int column);
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
