/* odb_pg.h - what the two halves of the PostgreSQL engine share; for odb_pg*.c alone. */
#ifndef GF_ODB_PG_H
#define GF_ODB_PG_H

#include <postgresql/libpq-fe.h>

#include "backend/odb_engine.h"

struct pg {
    struct odb base;
    PGconn *conn;
    char *url;
    bool is_lost; /* the connection: made anew by the next begin */
    struct odb_kept kept;
    unsigned n_names;       /* of statements and cursors so far */
    unsigned n_transaction; /* which one is open: cursors end with theirs */
};

static inline struct pg *pg_of(struct odb *db)
{
    return (struct pg *)db;
}

/* What libpq said of the last call as a failure; `result` may be NULL. Returns its code. */
int pg_failed(struct pg *pg, const PGresult *result);

/* Make a new connection when the old one was lost. 0 or GF_E_STORE_AWAY and others. */
int pg_reconnect(struct pg *pg);

/* Forget every prepared statement. */
void pg_forget(struct odb *db);

/* ---- odb_pg_query.c ---- */

struct odb_query *pg_query(struct odb *db, const char *sql, const struct odb_value *values,
                           size_t n, bool is_once);
int pg_change(struct odb *db, const char *sql, const struct odb_value *values, size_t n);
int pg_next(struct odb_query *q);
int64_t pg_get_int(struct odb_query *q, int column);
struct gf_span pg_get_text(struct odb_query *q, int column);
struct gf_span pg_get_bytes(struct odb_query *q, int column);
bool pg_is_null(struct odb_query *q, int column);
void pg_end(struct odb_query *q);

#endif
