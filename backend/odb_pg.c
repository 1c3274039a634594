/* odb_pg.c - head office's database on PostgreSQL: connection, transactions; see odb_engine.h.
 *
 * A connection may be lost at any point. Before COMMIT was sent nothing is stored: the transaction
 * is wanted again (GF_E_AGAIN). While COMMIT was under way its fate is unknown (GF_E_STORE_UNSURE):
 * the mark that the transaction wrote first tells it, see odb_begin_marked().
 */
#include "backend/odb_pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/odb_migrate.h"
#include "common/ids.h"

#define SERVER_VERSION_MIN 130000

/* The server's own defaults may be anything: what the program relies on is said here. Times: what
 * waits for a lock gives up like SQLite does; an orphan that lost its client ends by itself before a
 * repeated transaction stops waiting for its mark. */
static const char session[] =
    "SET standard_conforming_strings = on;"
    "SET default_transaction_isolation = 'serializable';"
    "SET default_transaction_deferrable = off;"
    "SET search_path = gasoffice, pg_temp;"
    "SET client_min_messages = warning;"
    "SET lock_timeout = '10s';"
    "SET statement_timeout = '60s';"
    "SET idle_in_transaction_session_timeout = '60s';"
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;"
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/* ---- failures ---- */

static bool is_state(const char *state, const char *prefix)
{
    return strncmp(state, prefix, strlen(prefix)) == 0;
}

/* SQLSTATE (PostgreSQL 15, appendix A) as a code. */
static int code_of(const char *state)
{
    static const struct {
        const char *prefix;
        int code;
    } codes[] = {
        { "40001", GF_E_AGAIN }, /* serialization failure */
        { "40P01", GF_E_AGAIN }, /* deadlock */
        { "55P03", GF_E_NOT_NOW }, /* lock not available in time */
        { "57014", GF_E_NOT_NOW }, /* statement timeout */
        { "53100", GF_E_DISK_FULL },
        { "XX001", GF_E_STORE_DAMAGED },
        { "XX002", GF_E_STORE_DAMAGED },
        { "22021", GF_E_FORMAT }, /* not UTF-8 */
    };

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (is_state(state, codes[i].prefix))
            return codes[i].code;
    return GF_E_STORE;
}

/* The first line of libpq's words, without "ERROR:  ". */
static void first_line(const char *words, char ret[static 160])
{
    const char *from = strstr(words, ":  ");

    from = from != NULL ? from + 3 : words;
    (void)snprintf(ret, 160, "%.*s", (int)strcspn(from, "\n"), from);
}

int pg_failed(struct pg *pg, const PGresult *result)
{
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    char words[160];

    first_line(result != NULL ? PQresultErrorMessage(result) : PQerrorMessage(pg->conn), words);
    /* what has no SQLSTATE is libpq's own: it lost the server, at times before it says so */
    if (state == NULL || PQstatus(pg->conn) == CONNECTION_BAD || is_state(state, "57P0")) {
        pg->is_lost = true;
        return odb_set_fail(&pg->base, pg->base.state == ODB_IDLE ? GF_E_STORE_AWAY : GF_E_AGAIN,
                            "database", words);
    }
    return odb_set_fail(&pg->base, code_of(state), "database", words);
}

/* Run statements without values or rows. 0 or the failure. */
static int script(struct odb *db, const char *sql)
{
    int r = pg_settle(db);

    if (r != 0)
        return r;

    PGresult *result = PQexec(pg_of(db)->conn, sql);
    ExecStatusType status = PQresultStatus(result);
    r = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0
                                                                    : pg_failed(pg_of(db), result);

    PQclear(result);
    return r;
}

/* ---- the connection ---- */

static void silent(void *ctx, const char *words)
{
    (void)ctx;
    (void)words;
}

static PGconn *connect_to(const char *url)
{
    /* what stands before dbname is a default that the URL may change */
    const char *const names[] = { "connect_timeout",     "keepalives",       "keepalives_idle",
                                  "keepalives_interval", "keepalives_count", "tcp_user_timeout",
                                  "dbname",              "application_name", "client_encoding",
                                  NULL };
    const char *const values[] = { "10", "1",   "30",        "10",   "3",
                                   "40000", url, "gasoffice", "UTF8", NULL };

    return PQconnectdbParams(names, values, 1);
}

static int check_server(struct pg *pg)
{
    const char *encoding = PQparameterStatus(pg->conn, "server_encoding");

    if (PQserverVersion(pg->conn) < SERVER_VERSION_MIN)
        return odb_set_fail(&pg->base, GF_E_STORE, "database",
                            "the server is older than PostgreSQL 13");
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
        return odb_set_fail(&pg->base, GF_E_STORE, "database",
                            "the database's encoding has to be UTF8");
    return script(&pg->base, session);
}

int pg_reconnect(struct pg *pg)
{
    char words[160];

    pg_forget(&pg->base);
    PQfinish(pg->conn);
    pg->n_later = 0;
    pg->is_lost = true;
    pg->conn = connect_to(pg->url);
    if (pg->conn == NULL)
        return odb_set_fail(&pg->base, GF_E_MEMORY, "database", "");
    (void)PQsetNoticeProcessor(pg->conn, silent, NULL);
    if (PQstatus(pg->conn) != CONNECTION_OK) {
        first_line(PQerrorMessage(pg->conn), words);
        return odb_set_fail(&pg->base, GF_E_STORE_AWAY, "database", words);
    }

    int r = check_server(pg);
    pg->is_lost = r != 0;
    return r;
}

/* ---- transactions ---- */

static void begin_text(bool is_writing, const uint8_t *mark, int64_t at_ms, char ret[static 240])
{
    char hex[33];

    if (!is_writing)
        (void)snprintf(ret, 240, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                                 "SET LOCAL statement_timeout = '30min';"
                                 "SET LOCAL idle_in_transaction_session_timeout = '30min';"
                                 "SELECT 1");
    else if (mark == NULL)
        (void)snprintf(ret, 240, "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE");
    else {
        gf_hex(mark, 16, hex);
        (void)snprintf(ret, 240,
                       "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE;"
                       "INSERT INTO transaction_mark (org_id, tx_id, at_ms) VALUES "
                       "(%d, '\\x%s', %lld)",
                       ODB_ORG_ID, hex, (long long)at_ms);
    }
}

static void rollback(struct odb *db)
{
    struct pg *pg = pg_of(db);

    (void)pg_settle(db); /* its answers have to be taken, whatever they say */
    if (!pg->is_lost) {
        PGresult *result = PQexec(pg->conn, "ROLLBACK");

        pg->is_lost = PQresultStatus(result) != PGRES_COMMAND_OK;
        PQclear(result);
    }
}

/* One attempt: 0, 1 (the mark is there), or a failure. */
static int try_begin(struct pg *pg, const char *text)
{
    PGresult *result = PQexec(pg->conn, text);
    ExecStatusType status = PQresultStatus(result);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    int r = 0;

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        r = state != NULL && is_state(state, "23505") ? 1 : pg_failed(pg, result);
        rollback(&pg->base);
    }
    PQclear(result);
    return r;
}

static int begin(struct odb *db, bool is_writing, const uint8_t *mark, int64_t at_ms)
{
    struct pg *pg = pg_of(db);
    char text[240];
    int r = pg->is_lost ? pg_reconnect(pg) : 0;

    if (r != 0)
        return r;
    begin_text(is_writing, mark, at_ms, text);
    r = try_begin(pg, text);
    if (r < 0 && pg->is_lost) { /* it was lost while nothing went on: nothing is lost */
        r = pg_reconnect(pg);
        r = r == 0 ? try_begin(pg, text) : r;
    }
    if (r == 0)
        pg->n_transaction++;
    return r;
}

static int commit(struct odb *db)
{
    struct pg *pg = pg_of(db);
    PGresult *result = PQexec(pg->conn, "COMMIT");
    int r = 0;

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        r = pg_failed(pg, result);
        if (pg->is_lost && db->state == ODB_WRITING) {
            char words[160];

            first_line(PQerrorMessage(pg->conn), words);
            db->fail = (struct gf_fail){ 0 };
            r = gf_fail(&db->fail, GF_E_STORE_UNSURE, "database", words);
        }
    } else if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        r = odb_set_fail(db, GF_E_STORE, "database", "the server rolled back");
    }
    PQclear(result);
    return r;
}

/* ---- opening ---- */

static void close_connection(struct odb *db)
{
    pg_forget(db);
    PQfinish(pg_of(db)->conn);
    free(pg_of(db)->url);
    free(db);
}

static const struct odb_ops ops = {
    .engine = ODB_POSTGRESQL,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .query = pg_query,
    .change = pg_change,
    .later = pg_later,
    .settle = pg_settle,
    .next = pg_next,
    .get_int = pg_get_int,
    .get_text = pg_get_text,
    .get_bytes = pg_get_bytes,
    .is_null = pg_is_null,
    .get = pg_get,
    .end = pg_end,
    .script = script,
    .forget = pg_forget,
    .close = close_connection,
};

int odb_pg_open(const char *url, bool create, struct odb **ret, struct gf_fail *why)
{
    struct pg *pg = calloc(1, sizeof *pg);

    if (pg == NULL || (pg->url = strdup(url)) == NULL) {
        free(pg);
        return gf_fail(why, GF_E_MEMORY, "database", "");
    }
    pg->base.ops = &ops;

    int r = pg_reconnect(pg);
    if (r == 0)
        r = odb_migrate(&pg->base, create);
    if (r != 0) {
        (void)odb_fail(&pg->base, why);
        (void)odb_close(&pg->base);
        return r;
    }
    *ret = &pg->base;
    return 0;
}
