/* office_db.c - prepared statements, rows and transactions; see office_db.h. */
#include "backend/office_db.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "backend/odb_ddl.h"
#include "common/text.h"

#define ORG_ID 1     /* one organisation a database; the keys are ready for more */
#define KEPT_MAX 160 /* statements kept prepared */
#define BUSY_WAIT_MS 10000
#define APPLICATION_ID 0x4F464649 /* "OFFI" in the file's header */

struct odb_query {
    const char *sql; /* the literal; NULL: a free place */
    sqlite3_stmt *stmt;
    bool busy, kept;
};

struct odb {
    sqlite3 *handle;
    struct odb_query kept[KEPT_MAX];
    struct gf_fail fail;
};

static int failed(struct odb *db, const char *where)
{
    int primary = sqlite3_errcode(db->handle) & 0xFF, code = GF_E_STORE;

    if (primary == SQLITE_FULL)
        code = GF_E_DISK_FULL;
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
        code = GF_E_STORE_DAMAGED;
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
        code = GF_E_NOT_NOW;
    db->fail = (struct gf_fail){ 0 };
    return gf_fail(&db->fail, code, where, sqlite3_errmsg(db->handle));
}

static int run(struct odb *db, const char *sql)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
                                                                        : failed(db, "database");
}

static int pragma_number(struct odb *db, const char *sql, int *ret)
{
    sqlite3_stmt *stmt = NULL;
    bool ok = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL) == SQLITE_OK
              && sqlite3_step(stmt) == SQLITE_ROW;

    if (ok)
        *ret = sqlite3_column_int(stmt, 0);
    (void)sqlite3_finalize(stmt); /* repeats the failure of the step */
    return ok ? 0 : failed(db, "database");
}

/* Make every table and index of the description. */
static int create_tables(struct odb *db)
{
    struct buf sql = { 0 };
    int r = 0;

    for (size_t t = 0; r == 0 && t < odb_n_tables; t++) {
        buf_clear(&sql);
        odb_ddl_table(ODB_SQLITE, &odb_tables[t], &sql);
        r = run(db, (const char *)sql.p);
        for (size_t i = 0; r == 0; i++) {
            buf_clear(&sql);
            if (!odb_ddl_index(&odb_tables[t], i, &sql))
                break;
            r = run(db, (const char *)sql.p);
        }
    }
    buf_free(&sql);
    return r;
}

/* Bring the schema to this program's version. Another process may do the same at the same time, so
 * the version is read under the write lock. */
static int migrate(struct odb *db)
{
    char set[64];
    int version = 0, r = odb_begin(db);

    if (r == 0)
        r = pragma_number(db, "PRAGMA user_version", &version);
    if (r == 0 && version > ODB_SCHEMA_VERSION) {
        db->fail = (struct gf_fail){ 0 };
        r = gf_fail(&db->fail, GF_E_STORE_NEWER, "database", "office.db");
    }
    if (r == 0 && version == 0) {
        (void)snprintf(set, sizeof set, "PRAGMA user_version=%d", ODB_SCHEMA_VERSION);
        r = create_tables(db);
        r = r == 0 ? run(db, set) : r;
    }
    r = r == 0 ? odb_commit(db) : r;
    if (r != 0)
        odb_rollback(db);
    return r;
}

static int set_up(struct odb *db, bool create)
{
    char id[64];
    int r = run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
                    "foreign_keys=ON;PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;");
    int found = 0;

    if (r == 0 && create) {
        (void)snprintf(id, sizeof id, "PRAGMA application_id=%d", APPLICATION_ID);
        r = run(db, id);
    }
    if (r == 0)
        r = pragma_number(db, "PRAGMA application_id", &found);
    if (r == 0 && found != APPLICATION_ID) {
        db->fail = (struct gf_fail){ 0 };
        return gf_fail(&db->fail, GF_E_STORE_DAMAGED, "database",
                       "this file is not a head office's database");
    }
    return r == 0 ? migrate(db) : r;
}

int odb_open(const char *path, bool create, struct odb **ret, struct gf_fail *why)
{
    struct odb *db = calloc(1, sizeof *db);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);

    if (db == NULL)
        return gf_fail(why, GF_E_MEMORY, "database", path);
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        int r = gf_fail(why, GF_E_FILE, "database", path);

        (void)odb_close(db);
        return r;
    }
    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_busy_timeout(db->handle, BUSY_WAIT_MS);

    int r = set_up(db, create);
    if (r != 0) {
        (void)odb_fail(db, why);
        (void)odb_close(db);
        return r;
    }
    *ret = db;
    return 0;
}

struct odb *odb_close(struct odb *db)
{
    if (db == NULL)
        return NULL;
    for (size_t i = 0; i < KEPT_MAX; i++)
        (void)sqlite3_finalize(db->kept[i].stmt);
    (void)sqlite3_close(db->handle);
    free(db);
    return NULL;
}

int odb_begin(struct odb *db)
{
    return run(db, "BEGIN IMMEDIATE");
}

int odb_begin_reading(struct odb *db)
{
    return run(db, "BEGIN");
}

int odb_commit(struct odb *db)
{
    return run(db, "COMMIT");
}

void odb_rollback(struct odb *db)
{
    if (db != NULL && sqlite3_get_autocommit(db->handle) == 0)
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL,
                           NULL); /* ends the transaction even when it fails */
}

/* The prepared statement of this text: a kept one that is not in use, or a new one. */
static struct odb_query *prepared(struct odb *db, const char *sql)
{
    struct odb_query *place = NULL;

    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct odb_query *q = &db->kept[i];

        if (q->sql == sql && !q->busy)
            return q;
        if (q->sql == NULL && place == NULL)
            place = q;
    }

    bool kept = place != NULL;
    if (!kept && (place = calloc(1, sizeof *place)) == NULL)
        return NULL;
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &place->stmt, NULL)
        != SQLITE_OK) {
        (void)failed(db, "database");
        if (!kept)
            free(place);
        return NULL;
    }
    place->sql = sql;
    place->kept = kept;
    return place;
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

struct odb_query *odb_query(struct odb *db, const char *sql, const struct odb_value *values,
                            size_t n)
{
    struct odb_query *q = prepared(db, sql);
    int r = SQLITE_OK;

    if (q == NULL)
        return NULL;
    q->busy = true;
    if (sqlite3_bind_parameter_count(q->stmt) > 0)
        r = sqlite3_bind_int64(q->stmt, 1, ORG_ID);
    for (size_t i = 0; r == SQLITE_OK && i < n; i++)
        r = bind_one(q->stmt, (int)i + 2, &values[i]);
    if (r == SQLITE_OK)
        return q;
    (void)failed(db, "database");
    odb_end(q);
    return NULL;
}

int odb_next(struct odb *db, struct odb_query *q)
{
    if (q == NULL)
        return odb_code(db);

    int r = sqlite3_step(q->stmt);
    if (r == SQLITE_ROW)
        return 1;
    return r == SQLITE_DONE ? 0 : failed(db, "database");
}

int64_t odb_int(struct odb_query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

void odb_text(struct odb_query *q, int column, char *ret, size_t cap)
{
    const unsigned char *text = sqlite3_column_text(q->stmt, column);

    (void)gf_copy(ret, cap, text != NULL ? (const char *)text : "");
}

struct gf_span odb_bytes(struct odb_query *q, int column)
{
    const void *p = sqlite3_column_blob(q->stmt, column);

    return (struct gf_span){ p, (size_t)sqlite3_column_bytes(q->stmt, column) };
}

bool odb_is_null(struct odb_query *q, int column)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

bool odb_copy(struct odb_query *q, int column, void *ret, size_t n)
{
    struct gf_span s = odb_bytes(q, column);

    memset(ret, 0, n);
    if (s.n != n)
        return false;
    if (n > 0)
        memcpy(ret, s.p, n);
    return true;
}

void odb_end(struct odb_query *q)
{
    if (q == NULL)
        return;
    (void)sqlite3_reset(q->stmt); /* repeats the failure of the last step */
    (void)sqlite3_clear_bindings(q->stmt);
    q->busy = false;
    if (!q->kept) {
        (void)sqlite3_finalize(q->stmt);
        free(q);
    }
}

int odb_exec(struct odb *db, const char *sql, const struct odb_value *values, size_t n)
{
    struct odb_query *q = odb_query(db, sql, values, n);
    int r = odb_next(db, q);

    if (r >= 0)
        r = sqlite3_changes(db->handle);
    odb_end(q);
    return r;
}

int odb_number(struct odb *db, int64_t *ret, const char *sql, const struct odb_value *values,
               size_t n)
{
    struct odb_query *q = odb_query(db, sql, values, n);
    int r = odb_next(db, q);

    if (r == 1 && odb_is_null(q, 0))
        r = 0;
    if (r == 1)
        *ret = odb_int(q, 0);
    odb_end(q);
    return r;
}

int odb_code(const struct odb *db)
{
    return db->fail.code != 0 ? db->fail.code : GF_E_MEMORY;
}

int odb_fail(const struct odb *db, struct gf_fail *why)
{
    return gf_fail(why, odb_code(db), db->fail.where, db->fail.detail);
}
