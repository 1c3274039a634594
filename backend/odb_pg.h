/* odb_pg.h - what the two halves of the PostgreSQL engine share; for odb_pg*.c alone. */
#ifndef GF_ODB_PG_H
#define GF_ODB_PG_H

#include <postgresql/libpq-fe.h>

#include "backend/odb_engine.h"

#define PG_LATER_MAX 64 /* their answers are small: the server can always write them */

struct pg {
    struct odb base;
    PGconn *conn;
    char *url;
    bool is_lost; /* the connection: made anew by the next begin */
    struct odb_kept kept;
    unsigned n_names;       /* of statements and cursors so far */
    unsigned n_transaction; /* which one is open: cursors end with theirs */
    /* what was sent and not answered yet, in libpq's pipeline mode while there is any */
    const struct odb_wanted *wanted[PG_LATER_MAX];
    size_t n_later;
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

/* ---- odb_pg_later.c ---- */

int pg_later(struct odb *db, const struct odb_wanted *wanted, const char *sql,
             const struct odb_value *values, size_t n);
/* Hear of what waits: before anything else is said to the server. 0 or the first failure. */
int pg_settle(struct odb *db);

/* ---- odb_pg_query.c ---- */

/* Values as libpq takes them. */
struct pg_arguments {
    size_t n;
    Oid types[ODB_VALUES_MAX];
    char kinds[ODB_VALUES_MAX + 1];
    const char *p[ODB_VALUES_MAX];
    int lengths[ODB_VALUES_MAX], formats[ODB_VALUES_MAX];
    uint8_t numbers[ODB_VALUES_MAX][8];
};
struct pg_statement {
    struct odb_statement base;
    char name[16];
    size_t n_values; /* with ?1 */
    bool is_select, gives_many;
};
/* With ?1 before them; they are borrowed by *ret. */
void pg_set_arguments(struct pg_arguments *ret, const struct odb_value *values, size_t n);
/* The statement that is prepared for values of these kinds, or is now. NULL: a failure. */
struct pg_statement *pg_prepared(struct pg *pg, const char *sql, const struct pg_arguments *a);

struct odb_query *pg_query(struct odb *db, const char *sql, const struct odb_value *values,
                           size_t n, bool is_once);
int pg_change(struct odb *db, const char *sql, const struct odb_value *values, size_t n);
int pg_next(struct odb_query *q);
int64_t pg_get_int(struct odb_query *q, int column);
struct gf_span pg_get_text(struct odb_query *q, int column);
struct gf_span pg_get_bytes(struct odb_query *q, int column);
bool pg_is_null(struct odb_query *q, int column);
struct odb_value pg_get(struct odb_query *q, int column);
void pg_end(struct odb_query *q);

#endif
