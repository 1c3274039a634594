/* pg.c - PostgreSQL of a test process; see pg.h. */
#include "tests/aid/pg.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <postgresql/libpq-fe.h>

#include "tests/aid/proc.h"

#define START_MS 60000

static struct {
    bool is_up;
    pid_t pid, owner; /* 0: somebody else's */
    char folder[600], socket[100];
    char process[40]; /* of all that ever used this server the one: a pid comes again */
    unsigned n_databases;
} server;

static void wait_until_ready(void)
{
    char how[160];
    long long until_ms = aid_now_ms() + START_MS;

    (void)snprintf(how, sizeof how, "host=%s user=postgres dbname=postgres", server.socket);
    while (PQping(how) != PQPING_OK) {
        bool has_ended = aid_wait_exit(server.pid, 0) != -ETIMEDOUT;

        if (has_ended)
            server.pid = 0;
        if (has_ended || aid_now_ms() > until_ms)
            fail_msg("PostgreSQL did not start: see %s.log", server.folder);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

static void launch(void)
{
    char log[700];

    (void)snprintf(log, sizeof log, "%s.log", server.folder);
    server.pid = aid_spawn_how(
        (const char *const[]){ "tests/tools/pg", server.folder, server.socket, NULL },
        &(struct aid_spawn_how){ .err_path = log });
    if (server.pid <= 0)
        fail_msg("PostgreSQL cannot be started");
    wait_until_ready();
}

static void stop(void)
{
    if (server.pid <= 0 || server.owner != getpid())
        return;
    (void)kill(server.pid, SIGINT); /* fast: sessions are ended */
    if (aid_wait_exit(server.pid, 20000) == -ETIMEDOUT)
        (void)aid_kill(server.pid);
    server.pid = 0;
}

static void start(void)
{
    const char *common = getenv("PG_SOCKET");

    if (server.is_up)
        return;
    server.is_up = true;
    (void)snprintf(server.process, sizeof server.process, "%ld_%lld", (long)getpid(), aid_now_ms());
    if (common != NULL) {
        (void)snprintf(server.socket, sizeof server.socket, "%s", common);
        return;
    }
    assert_non_null(aid_tmpdir());
    assert_int_equal(chmod(aid_tmpdir(), 0711), 0);
    (void)snprintf(server.folder, sizeof server.folder, "%s/pg", aid_tmpdir());
    (void)snprintf(server.socket, sizeof server.socket, "@gasfitter-pg-%s", server.process);
    server.owner = getpid();
    (void)atexit(stop);
    launch();
}

void pg_crash(void)
{
    (void)kill(server.pid, SIGQUIT); /* immediate: no checkpoint, recovery at the next start */
    (void)aid_wait_exit(server.pid, 20000);
    launch();
}

const char *pg_socket(void)
{
    start();
    return server.socket;
}

/* ---- databases ---- */

static PGconn *connect_to(const char *url)
{
    PGconn *conn = PQconnectdb(url);

    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s: %s", url, PQerrorMessage(conn));
    return conn;
}

/* Run; the result, or the test ends. */
static PGresult *run_on(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQresultErrorMessage(result));
    return result;
}

static void url_of(const char *socket, const char *name, char ret[static PG_URL_MAX])
{
    (void)snprintf(ret, PG_URL_MAX, "postgresql:///%s?host=%s&user=postgres", name, socket);
}

/* Run SQL on the server's own database. 0, or -1 when it is refused. */
static int on_server(const char *sql)
{
    char url[PG_URL_MAX];

    start();
    url_of(server.socket, "postgres", url);

    PGconn *conn = connect_to(url);
    PGresult *result = PQexec(conn, sql);
    int r = PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : -1;

    if (r != 0)
        print_message("# %s: %s", sql, PQresultErrorMessage(result));
    PQclear(result);
    PQfinish(conn);
    return r;
}

#define NAME_MAX_LEN 64

/* A database made of another one, with a name of its own: its name and URL. */
static void new_of(const char *template, char name[static NAME_MAX_LEN],
                   char ret[static PG_URL_MAX])
{
    char sql[240];

    start();
    (void)snprintf(name, NAME_MAX_LEN, "office_%s_%u", server.process, ++server.n_databases);
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE %s ENCODING 'UTF8'", name,
                   template);
    assert_int_equal(on_server(sql), 0);
    url_of(server.socket, name, ret);
}

/* What pg_sql() needs. */
static void add_helpers(const char *url)
{
    static const char helpers[] =
        "CREATE SCHEMA aid;"
        "CREATE FUNCTION aid.zeroblob(n bigint) RETURNS bytea LANGUAGE sql AS "
        "$$SELECT decode(repeat('00', n::int), 'hex')$$;"
        "CREATE FUNCTION aid.hex(b bytea) RETURNS text LANGUAGE sql AS "
        "$$SELECT upper(encode(b, 'hex'))$$;"
        "CREATE FUNCTION aid.instr(a text, b text) RETURNS int LANGUAGE sql AS "
        "$$SELECT strpos(a, b)$$;"
        "CREATE FUNCTION aid.instr(a bytea, b bytea) RETURNS int LANGUAGE sql AS "
        "$$SELECT position(b in a)$$;"
        "CREATE FUNCTION aid.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'no'; END$$";
    PGconn *conn = connect_to(url);

    PQclear(run_on(conn, helpers));
    PQfinish(conn);
}

void pg_new_database(char ret[static PG_URL_MAX])
{
    char name[NAME_MAX_LEN];

    new_of("template0", name, ret);
    add_helpers(ret);
}

void pg_new_copy(void (*fill)(const char *url), char ret[static PG_URL_MAX])
{
    static char filled[NAME_MAX_LEN];
    char name[NAME_MAX_LEN], url[PG_URL_MAX];

    if (filled[0] == '\0') {
        new_of("template0", name, url);
        add_helpers(url);
        fill(url);
        memcpy(filled, name, sizeof filled);
    }
    new_of(filled, name, ret);
}

void pg_url_through(const char *url, const char *socket, char ret[static PG_URL_MAX])
{
    const char *name = strstr(url, ":///") + 4;
    char copy[NAME_MAX_LEN];

    (void)snprintf(copy, sizeof copy, "%.*s", (int)strcspn(name, "?"), name);
    url_of(socket, copy, ret);
}

/* x'00' as PostgreSQL writes bytes, BLOB as its type; where a row stands. */
static void translate(const char *sql, char *ret, size_t cap)
{
    size_t n = 0;

    for (const char *at = sql; *at != '\0' && n + 16 < cap;) {
        bool starts_word = at == sql || strchr(" (,=|", at[-1]) != NULL;

        if (starts_word && at[0] == 'x' && at[1] == '\'') {
            size_t hex = strcspn(at + 2, "'");

            n += (size_t)snprintf(ret + n, cap - n, "'\\x%.*s'::bytea", (int)hex, at + 2);
            at += 3 + hex;
        } else if (starts_word && strncmp(at, "BLOB", 4) == 0) {
            n += (size_t)snprintf(ret + n, cap - n, "bytea");
            at += 4;
        } else if (starts_word && strncmp(at, "rowid", 5) == 0) {
            n += (size_t)snprintf(ret + n, cap - n, "ctid");
            at += 5;
        } else {
            ret[n++] = *at++;
        }
    }
    ret[n] = '\0';
}

static PGresult *behind(const char *url, const char *sql, PGconn **ret_conn)
{
    size_t cap = 2 * strlen(sql) + 64;
    char *text = malloc(cap);

    assert_non_null(text);
    translate(sql, text, cap);
    *ret_conn = connect_to(url);
    PQclear(run_on(*ret_conn, "SET search_path = gasoffice, aid;"
                              "SET session_replication_role = replica"));

    PGresult *result = run_on(*ret_conn, text);
    free(text);
    return result;
}

void pg_sql(const char *url, const char *sql)
{
    PGconn *conn;

    PQclear(behind(url, sql, &conn));
    PQfinish(conn);
}

int64_t pg_number(const char *url, const char *sql)
{
    PGconn *conn;
    PGresult *result = behind(url, sql, &conn);

    assert_int_equal(PQntuples(result) > 0, 1);

    int64_t n = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    PQfinish(conn);
    return n;
}
