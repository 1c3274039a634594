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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <postgresql/libpq-fe.h>

#include "tests/aid/proc.h"

#define BIN "/usr/lib/postgresql/15/bin/"
#define START_MS 60000

static struct {
    pid_t pid, owner;
    char folder[600], socket[100];
    unsigned n_databases;
} server;

/* Run a program to its end, as the user postgres when `as_postgres` and we are root. */
static int run(const char *const argv[], bool as_postgres)
{
    const char *all[40] = { "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups" };
    size_t n = as_postgres && geteuid() == 0 ? 4 : 0;

    while (*argv != NULL)
        all[n++] = *argv++;
    all[n] = NULL;

    pid_t pid = aid_spawn(all, NULL);
    return pid > 0 ? aid_wait_exit(pid, START_MS) : -1;
}

/* The folder that initdb made, once for the build tree; tests may do it at the same time. */
static void make_template(char ret[static 600])
{
    const char *build = getenv("BUILD");
    char fresh[700];

    (void)snprintf(ret, 600, "%s/pg-template", build != NULL && *build ? build : "build/gcc");
    if (access(ret, F_OK) == 0)
        return;
    (void)snprintf(fresh, sizeof fresh, "%s/pg-fresh", aid_tmpdir());
    assert_int_equal(mkdir(fresh, 0700), 0);
    if (geteuid() == 0)
        assert_int_equal(
            run((const char *const[]){ "chown", "postgres:postgres", fresh, NULL }, false), 0);
    if (run((const char *const[]){ BIN "initdb", "-D", fresh, "-U", "postgres", "-A", "trust", "-E",
                                   "UTF8", "--locale=C", "--no-instructions", NULL },
            true)
        != 0)
        fail_msg("initdb of PostgreSQL 15 failed");
    if (rename(fresh, ret) != 0 && access(ret, F_OK) != 0)
        fail_msg("%s cannot be made: %s", ret, strerror(errno));
}

static void wait_until_ready(void)
{
    char how[160];
    long long until_ms = aid_now_ms() + START_MS;

    (void)snprintf(how, sizeof how, "host=%s user=postgres dbname=postgres", server.socket);
    while (PQping(how) != PQPING_OK) {
        if (aid_now_ms() > until_ms || kill(server.pid, 0) != 0)
            fail_msg("PostgreSQL did not start: see %s/log", server.folder);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

static void launch(void)
{
    char log[700], sockets[160];
    const char *argv[40] = { "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                             "--pdeathsig", "INT" };
    const char *const own[] = { BIN "postgres", "-D", server.folder,
                                "-c", "listen_addresses=", "-c", sockets,
                                "-c", "shared_buffers=32MB", "-c", "max_connections=40",
                                "-c", "unix_socket_permissions=0777", NULL };
    size_t n = geteuid() == 0 ? 6 : 0;

    for (size_t i = 0; own[i] != NULL; i++)
        argv[n++] = own[i];
    argv[n] = NULL;
    (void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", server.socket);
    (void)snprintf(log, sizeof log, "%s.log", server.folder);
    server.pid = aid_spawn_how(argv, &(struct aid_spawn_how){ .err_path = log });
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
    char template[600];

    if (server.pid > 0)
        return;
    if (access(BIN "postgres", X_OK) != 0)
        fail_msg("PostgreSQL 15 is not here: make deps installs it");
    assert_non_null(aid_tmpdir());
    assert_int_equal(chmod(aid_tmpdir(), 0711), 0);
    make_template(template);
    (void)snprintf(server.folder, sizeof server.folder, "%s/pg", aid_tmpdir());
    (void)snprintf(server.socket, sizeof server.socket, "@gasfitter-pg-%ld-%lld", (long)getpid(),
                   aid_now_ms());
    assert_int_equal(
        run((const char *const[]){ "cp", "-a", "--reflink=auto", template, server.folder, NULL },
            false),
        0);
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

void pg_new_database(char ret[static PG_URL_MAX])
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
        "$$SELECT position(b in a)$$";
    char sql[160], name[32];

    start();
    url_of(server.socket, "postgres", ret);
    (void)snprintf(name, sizeof name, "office%u", ++server.n_databases);
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'", name);

    PGconn *conn = connect_to(ret);
    PQclear(run_on(conn, sql));
    PQfinish(conn);
    url_of(server.socket, name, ret);
    conn = connect_to(ret);
    PQclear(run_on(conn, helpers));
    PQfinish(conn);
}

void pg_url_through(const char *url, const char *socket, char ret[static PG_URL_MAX])
{
    const char *name = strstr(url, ":///") + 4;
    char copy[32];

    (void)snprintf(copy, sizeof copy, "%.*s", (int)strcspn(name, "?"), name);
    url_of(socket, copy, ret);
}

/* x'00' as PostgreSQL writes bytes, BLOB as its type. */
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
