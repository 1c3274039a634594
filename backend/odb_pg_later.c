/* odb_pg_later.c - changes that wait for their answers on PostgreSQL; see odb_pg.h.
 *
 * libpq's pipeline mode: each is sent at once, or as soon as a buffer is full, and the server works
 * while the program goes on; all answers are taken together, in one round trip. The server skips
 * what follows a failure up to the point of synchronisation, and its transaction has failed.
 */
#include <stdlib.h>

#include "backend/odb_pg.h"

/* What the server said of one change. */
static int judge(struct pg *pg, const struct odb_wanted *wanted, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return odb_check_wanted(&pg->base, wanted, (int)strtol(PQcmdTuples(result), NULL, 10));
    return status == PGRES_PIPELINE_ABORTED ? odb_code(&pg->base) : pg_failed(pg, result);
}

/* The answers of all changes that were sent, and that of the synchronisation. */
static int take_answers(struct pg *pg)
{
    int first = 0;

    for (size_t i = 0; i < pg->n_later && !pg->is_lost; i++) {
        PGresult *result = PQgetResult(pg->conn);
        int r = judge(pg, pg->wanted[i], result);

        first = first == 0 ? r : first;
        PQclear(result);
        while (!pg->is_lost && (result = PQgetResult(pg->conn)) != NULL)
            PQclear(result);
    }
    if (!pg->is_lost) {
        PGresult *end = PQgetResult(pg->conn);

        if (PQresultStatus(end) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(pg->conn) != 1) {
            int r = pg_failed(pg, NULL);

            pg->is_lost = true;
            first = first == 0 ? r : first;
        }
        PQclear(end);
    }
    return first;
}

int pg_settle(struct odb *db)
{
    struct pg *pg = pg_of(db);
    int r = 0;

    if (pg->n_later == 0)
        return 0;
    if (!pg->is_lost && PQpipelineSync(pg->conn) != 1)
        r = pg_failed(pg, NULL);
    if (r == 0)
        r = pg->is_lost ? odb_code(db) : take_answers(pg);
    pg->n_later = 0;
    return r;
}

int pg_later(struct odb *db, const struct odb_wanted *wanted, const char *sql,
             const struct odb_value *values, size_t n)
{
    struct pg *pg = pg_of(db);
    struct pg_arguments a;
    int r = pg->n_later == PG_LATER_MAX ? pg_settle(db) : 0;

    if (r != 0)
        return r;
    pg_set_arguments(&a, values, n);

    const struct pg_statement *s = pg_prepared(pg, sql, &a);
    if (s == NULL)
        return odb_code(db);
    if (pg->n_later == 0 && PQenterPipelineMode(pg->conn) != 1)
        return pg_failed(pg, NULL);
    pg->wanted[pg->n_later++] = wanted;
    if (PQsendQueryPrepared(pg->conn, s->name, (int)s->n_values, a.p, a.lengths, a.formats, 1) != 1)
        return pg_failed(pg, NULL);
    return 0;
}
