/* odb_sqlite.c - head office's database in a SQLite file; see odb_engine.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "backend/odb_engine.h"
#include "backend/odb_migrate.h"

#define BUSY_WAIT_MS 10000
#define APPLICATION_ID 0x4F464649 /* "OFFI" in the file's header */

struct sqlite {
    struct odb base;
    sqlite3 *handle;
    sqlite3_stmt *holder; /* of together(); NULL: not used yet */
    struct odb_kept kept;
};

/* A statement is its own query while it is busy. */
struct sqlite_statement {
    struct odb_statement base;
    struct odb_query query;
    sqlite3_stmt *stmt;
    bool is_once;
};

static struct sqlite *of(struct odb *db)
{
    return (struct sqlite *)db;
}

static struct sqlite_statement *statement_of(struct odb_query *q)
{
    return (struct sqlite_statement *)((char *)q - offsetof(struct sqlite_statement, query));
}

static int failed(struct odb *db)
{
    int primary = sqlite3_errcode(of(db)->handle) & 0xFF, code = GF_E_STORE;
    int os = sqlite3_system_errno(of(db)->handle); /* of the last file that failed */
    bool is_file = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;

    if (primary == SQLITE_FULL || (is_file && (os == ENOSPC || os == EDQUOT)))
        code = GF_E_DISK_FULL;
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
        code = GF_E_STORE_DAMAGED;
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
        code = db->state == ODB_IDLE ? GF_E_NOT_NOW : GF_E_AGAIN;
    return odb_set_fail(db, code, "database", sqlite3_errmsg(of(db)->handle));
}

static int script(struct odb *db, const char *sql)
{
    return sqlite3_exec(of(db)->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(db);
}

/* ---- transactions ---- */

static void rollback(struct odb *db)
{
    if (sqlite3_get_autocommit(of(db)->handle) == 0)
        (void)sqlite3_exec(of(db)->handle, "ROLLBACK", NULL, NULL,
                           NULL); /* ends the transaction even when it fails */
}

/* Writing takes the lock at once, reading its snapshot. A commit cannot get lost on its way. */
static int begin(struct odb *db, bool is_writing, const uint8_t *mark, int64_t at_ms)
{
    int r = script(db, is_writing ? "BEGIN IMMEDIATE"
                                  : "BEGIN; SELECT COUNT(*) FROM sqlite_schema WHERE rowid < 1");

    (void)mark;
    (void)at_ms;
    if (r != 0)
        rollback(db);
    return r;
}

static int commit(struct odb *db)
{
    return script(db, "COMMIT");
}

static void set_wait(struct odb *db, int wait_ms)
{
    (void)sqlite3_busy_timeout(of(db)->handle, wait_ms);
}

/* A statement that is not at its end holds the view of the database for those that come: each
 * would lock the file for itself else. When it cannot, they do that. */
static void together(struct odb *db, bool on)
{
    struct sqlite *lite = of(db);

    if (lite->holder == NULL)
        (void)sqlite3_prepare_v3(lite->handle, "SELECT 1 FROM setting", -1,
                                 SQLITE_PREPARE_PERSISTENT, &lite->holder, NULL);
    if (on)
        (void)sqlite3_step(lite->holder);
    else
        (void)sqlite3_reset(lite->holder);
}

/* ---- statements ---- */

static void discard(struct sqlite_statement *s)
{
    if (s != NULL)
        (void)sqlite3_finalize(s->stmt);
    free(s);
}

static struct sqlite_statement *prepared(struct odb *db, const char *sql, bool is_once)
{
    struct sqlite *lite = of(db);
    struct odb_statement *found = is_once ? NULL : odb_kept_find(&lite->kept, sql, "");
    struct sqlite_statement *s = (struct sqlite_statement *)found;

    if (s != NULL)
        return s;
    s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)odb_set_fail(db, GF_E_MEMORY, "database", "");
        return NULL;
    }
    if (sqlite3_prepare_v3(lite->handle, sql, -1, is_once ? 0 : SQLITE_PREPARE_PERSISTENT, &s->stmt,
                           NULL)
            != SQLITE_OK
        || s->stmt == NULL) {
        (void)failed(db);
        free(s);
        return NULL;
    }
    s->base.sql = sql;
    s->query.db = db;
    s->is_once = is_once;
    if (!is_once)
        odb_kept_add(&lite->kept, &s->base);
    return s;
}

static int bind_one(sqlite3_stmt *stmt, int place, const struct odb_value *v)
{
    if (v->type == ODB_INT)
        return sqlite3_bind_int64(stmt, place, v->i);
    if (v->type == ODB_NULL || v->p == NULL)
        return sqlite3_bind_null(stmt, place);
    if (v->type == ODB_TEXT)
        return sqlite3_bind_text(stmt, place, v->p, -1, SQLITE_STATIC);
    return sqlite3_bind_blob64(stmt, place, v->p, v->n, SQLITE_STATIC);
}

static void end(struct odb_query *q)
{
    struct sqlite_statement *s = statement_of(q);

    (void)sqlite3_reset(s->stmt); /* repeats the failure of the last step */
    (void)sqlite3_clear_bindings(s->stmt);
    s->base.is_busy = false;
    if (s->is_once)
        discard(s);
}

static struct odb_query *query(struct odb *db, const char *sql, const struct odb_value *values,
                               size_t n, bool is_once)
{
    struct sqlite_statement *s = prepared(db, sql, is_once);
    int r = SQLITE_OK;

    if (s == NULL)
        return NULL;
    s->base.is_busy = true;

    size_t wanted = (size_t)sqlite3_bind_parameter_count(s->stmt);
    if (n > 0 && wanted != n + 1) {
        (void)odb_set_fail(db, GF_E_BUG, "database", "a statement and its values do not fit");
        end(&s->query);
        return NULL;
    }
    if (wanted > 0)
        r = sqlite3_bind_int64(s->stmt, 1, ODB_ORG_ID);
    for (size_t i = 0; r == SQLITE_OK && i < n; i++)
        r = bind_one(s->stmt, (int)i + 2, &values[i]);
    if (r == SQLITE_OK)
        return &s->query;
    (void)failed(db);
    end(&s->query);
    return NULL;
}

static int next(struct odb_query *q)
{
    int r = sqlite3_step(statement_of(q)->stmt);

    if (r == SQLITE_ROW)
        return 1;
    return r == SQLITE_DONE ? 0 : failed(q->db);
}

static int change(struct odb *db, const char *sql, const struct odb_value *values, size_t n)
{
    struct odb_query *q = query(db, sql, values, n, false);
    int r = odb_next(db, q);

    if (r >= 0)
        r = sqlite3_changes(of(db)->handle);
    odb_end(q);
    return r;
}

/* ---- the present row ---- */

static int64_t get_int(struct odb_query *q, int column)
{
    return sqlite3_column_int64(statement_of(q)->stmt, column);
}

static struct gf_span get_text(struct odb_query *q, int column)
{
    const unsigned char *text = sqlite3_column_text(statement_of(q)->stmt, column);

    return (struct gf_span){ text, (size_t)sqlite3_column_bytes(statement_of(q)->stmt, column) };
}

static struct gf_span get_bytes(struct odb_query *q, int column)
{
    const void *p = sqlite3_column_blob(statement_of(q)->stmt, column);

    return (struct gf_span){ p, (size_t)sqlite3_column_bytes(statement_of(q)->stmt, column) };
}

static bool is_null(struct odb_query *q, int column)
{
    return sqlite3_column_type(statement_of(q)->stmt, column) == SQLITE_NULL;
}

/* The value is asked for once: each sqlite3_column_...() looks for it anew. Nobody else has this
 * connection, so that nothing protects it. */
static struct odb_value get(struct odb_query *q, int column)
{
    sqlite3_value *v = sqlite3_column_value(statement_of(q)->stmt, column);
    struct odb_value ret = { .type = ODB_NULL };

    switch (sqlite3_value_type(v)) {
    case SQLITE_NULL:
        break;
    case SQLITE_INTEGER:
        ret = ODB_I(sqlite3_value_int64(v));
        break;
    case SQLITE_BLOB:
        ret = ODB_B(sqlite3_value_blob(v), (size_t)sqlite3_value_bytes(v));
        break;
    default:
        ret = ODB_T(sqlite3_value_text(v));
        ret.n = (size_t)sqlite3_value_bytes(v);
    }
    return ret;
}

/* ---- opening ---- */

static void forget(struct odb *db)
{
    struct odb_statement *s;

    while ((s = odb_kept_take(&of(db)->kept)) != NULL)
        discard((struct sqlite_statement *)s);
}

static void close_file(struct odb *db)
{
    forget(db);
    (void)sqlite3_finalize(of(db)->holder);
    (void)sqlite3_close(of(db)->handle);
    free(db);
}

static const struct odb_ops ops = {
    .engine = ODB_SQLITE,
    .begin = begin,
    .commit = commit,
    .together = together,
    .rollback = rollback,
    .set_wait = set_wait,
    .query = query,
    .change = change,
    .next = next,
    .get_int = get_int,
    .get_text = get_text,
    .get_bytes = get_bytes,
    .is_null = is_null,
    .get = get,
    .end = end,
    .script = script,
    .forget = forget,
    .close = close_file,
};

static int check_application(struct odb *db)
{
    int64_t found = 0;
    int r = odb_number(db, &found, "PRAGMA application_id", ODB_NONE);

    if (r >= 0 && found != APPLICATION_ID)
        return odb_set_fail(db, GF_E_STORE_DAMAGED, "database",
                            "this file is not a head office's database");
    return r < 0 ? r : 0;
}

static int set_up(struct odb *db, bool create)
{
    char id[64];
    int r = script(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                       "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;");

    if (r == 0 && create) {
        (void)snprintf(id, sizeof id, "PRAGMA application_id=%d", APPLICATION_ID);
        r = script(db, id);
    }
    if (r == 0)
        r = check_application(db);
    return r == 0 ? odb_migrate(db, true) : r;
}

static int set_up_as_it_is(struct odb *db)
{
    int64_t version = 0;
    int r = script(db, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;");

    if (r == 0)
        r = check_application(db);
    if (r == 0 && odb_number(db, &version, "PRAGMA user_version", ODB_NONE) < 0)
        r = odb_code(db);
    if (r == 0 && version != ODB_SCHEMA_VERSION)
        r = odb_set_fail(db, GF_E_STORE_NEWER, "backup",
                         "made by another version of this program: restore it with that one");
    return r;
}

/* Nobody asks how much memory SQLite has: counting takes a lock for each piece. It is refused once
 * SQLite is in use, and then changes nothing. */
static void count_nothing(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int open_file(const char *path, int flags, struct sqlite **ret, struct gf_fail *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sqlite *lite = calloc(1, sizeof *lite);

    (void)pthread_once(&once, count_nothing);

    if (lite == NULL)
        return gf_fail(why, GF_E_MEMORY, "database", path);
    lite->base.ops = &ops;
    if (sqlite3_open_v2(path, &lite->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        int os = lite->handle != NULL ? sqlite3_system_errno(lite->handle) : 0;

        (void)odb_close(&lite->base);
        return gf_fail(why, os == ENOSPC || os == EDQUOT ? GF_E_DISK_FULL : GF_E_FILE, "database",
                       path);
    }
    (void)sqlite3_extended_result_codes(lite->handle, 1);
    (void)sqlite3_busy_timeout(lite->handle, BUSY_WAIT_MS);
    *ret = lite;
    return 0;
}

/* It is set up; hand it over, or say why not. */
static int finish(struct sqlite *lite, int r, struct odb **ret, struct gf_fail *why)
{
    if (r == 0) {
        *ret = &lite->base;
        return 0;
    }
    (void)odb_fail(&lite->base, why);
    (void)odb_close(&lite->base);
    return r;
}

int odb_sqlite_open(const char *path, bool create, struct odb **ret, struct gf_fail *why)
{
    struct sqlite *lite;
    int r = open_file(path, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), &lite, why);

    return r == 0 ? finish(lite, set_up(&lite->base, create), ret, why) : r;
}

int odb_sqlite_open_as_it_is(const char *path, struct odb **ret, struct gf_fail *why)
{
    struct sqlite *lite;
    int r = open_file(path, SQLITE_OPEN_READONLY, &lite, why);

    return r == 0 ? finish(lite, set_up_as_it_is(&lite->base), ret, why) : r;
}
