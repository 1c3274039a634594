/* odb_migrate.c - making tables, and making them anew; see odb_migrate.h. */
#include "backend/odb_migrate.h"

#include <stdio.h>
#include <string.h>

#include "backend/odb_engine.h"

#define ATTEMPTS 10
#define ODB_TABLES_MAX 96

/* What engines say differently; NULL: nothing. A table put aside is old_x, or gasoffice_old.x. */
static const struct dialect {
    const char *has_tables, *version, *columns, *lock;
    const char *before, *after;     /* of the transaction */
    const char *aside_all;          /* before the first is put aside */
    const char *aside, *aside_name; /* "ALTER TABLE x" this; before the name of an old one */
    const char *dropped, *drop_all; /* "DROP TABLE old_x" this; after the last */
    const char *set_version;        /* before and behind the number */
    const char *set_version_end;
} dialects[] = {
    [ODB_SQLITE] = {
        .has_tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'setting'",
        .version = "PRAGMA user_version",
        .columns = "SELECT name FROM pragma_table_info(?2) WHERE ?1 = ?1",
        .before = "PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON",
        .after = "PRAGMA legacy_alter_table=OFF; PRAGMA foreign_keys=ON",
        .aside = " RENAME TO old_",
        .aside_name = "old_",
        .dropped = "",
        .set_version = "PRAGMA user_version=",
        .set_version_end = "",
    },
    [ODB_POSTGRESQL] = {
        .has_tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = "
                      "'gasoffice' AND table_name = 'setting'",
        .version = "SELECT CAST(value AS bigint) FROM setting WHERE org_id = ?1 AND name = "
                   "'schema version'",
        .columns = "SELECT CAST(column_name AS text) FROM information_schema.columns WHERE "
                   "table_schema = 'gasoffice' AND table_name = ?2 AND ?1 = ?1",
        .lock = "LOCK TABLE setting IN ACCESS EXCLUSIVE MODE",
        .before = "CREATE SCHEMA IF NOT EXISTS gasoffice",
        .aside_all = "CREATE SCHEMA gasoffice_old",
        .aside = " SET SCHEMA gasoffice_old",
        .aside_name = "gasoffice_old.",
        .dropped = " CASCADE",
        .drop_all = "DROP SCHEMA gasoffice_old",
        .set_version = "INSERT INTO setting (org_id, name, value) VALUES (1, 'schema version', '",
        .set_version_end = "') ON CONFLICT (org_id, name) DO UPDATE SET value = excluded.value",
    },
};

static const struct dialect *dialect_of(const struct odb *db)
{
    return &dialects[db->ops->engine];
}

/* Run what may be missing in a dialect. */
static int run(struct odb *db, const char *sql)
{
    return sql != NULL ? odb_script(db, sql) : 0;
}

/* Run what was printed, and free it. */
static int run_printed(struct odb *db, struct buf *sql)
{
    buf_add(sql, "", 1);

    int r = sql->bad ? odb_set_fail(db, GF_E_MEMORY, "database", "")
                     : odb_script(db, (const char *)sql->p);
    buf_free(sql);
    return r;
}

/* The version: 0 without tables. Or a failure. */
static int version_of(struct odb *db, int64_t *ret)
{
    int64_t n = 0;
    int r = odb_number(db, &n, dialect_of(db)->has_tables, ODB_NONE);

    *ret = 0;
    if (r < 0 || n == 0)
        return r < 0 ? r : 0;
    r = odb_number(db, ret, dialect_of(db)->version, ODB_NONE);
    /* tables without a version: this look began before another program's migration ended */
    return r > 0 ? 0 : r < 0 ? r : odb_set_fail(db, GF_E_AGAIN, "database", "it has no version");
}

static int create_table(struct odb *db, const struct odb_table *table)
{
    struct buf sql = { 0 };

    odb_ddl_table(db->ops->engine, table, &sql);
    return run_printed(db, &sql);
}

static int create_indexes(struct odb *db, const struct odb_table *table)
{
    struct buf sql = { 0 };
    int r = 0;

    for (size_t i = 0; r == 0; i++) {
        buf_clear(&sql);
        if (!odb_ddl_index(table, i, &sql))
            break;
        r = odb_script(db, (const char *)sql.p);
    }
    buf_free(&sql);
    return r;
}

/* ---- making anew ---- */

/* The names of an old table's columns as " a b c ": "" when there is no such table. */
static int columns_of(struct odb *db, const char *table, struct buf *ret)
{
    struct odb_query *q = odb_query(db, dialect_of(db)->columns, ODB(ODB_T(table)));
    char name[80];
    int r;

    buf_clear(ret);
    buf_text(ret, " ");
    while ((r = odb_next(db, q)) == 1) {
        odb_text(q, 0, name, sizeof name);
        buf_print(ret, "%s ", name);
    }
    odb_end(q);
    buf_add(ret, "", 1);
    return r < 0 ? r : ret->bad ? odb_set_fail(db, GF_E_MEMORY, "database", table) : 0;
}

static bool has_column(const struct buf *columns, const char *name)
{
    char word[80];

    (void)snprintf(word, sizeof word, " %s ", name);
    return strstr((const char *)columns->p, word) != NULL;
}

/* "INSERT INTO t (a, b) SELECT a, 'missing' FROM old_t" */
static int copy_rows(struct odb *db, const struct odb_table *table, const struct buf *old)
{
    struct buf sql = { 0 };
    int r = 0;

    buf_print(&sql, "INSERT INTO %s (org_id", table->name);
    for (size_t i = 0; i < table->n_columns; i++)
        buf_print(&sql, ", %s", table->columns[i].name);
    buf_text(&sql, ") SELECT org_id");
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct odb_column *c = &table->columns[i];

        if (!has_column(old, c->name) && c->before != NULL)
            buf_print(&sql, ", %s", c->before);
        else if (has_column(old, c->name) && c->missing != NULL && !c->may_be_null)
            buf_print(&sql, ", COALESCE(%s, %s)", c->name, c->missing);
        else if (has_column(old, c->name))
            buf_print(&sql, ", %s", c->name);
        else if (c->missing != NULL || c->may_be_null)
            buf_print(&sql, ", %s", c->missing != NULL ? c->missing : "NULL");
        else
            r = odb_set_fail(db, GF_E_BUG, table->name, "a new column has no value for old rows");
    }
    buf_print(&sql, " FROM %s%s", dialect_of(db)->aside_name, table->name);
    if (r == 0)
        return run_printed(db, &sql);
    buf_free(&sql);
    return r;
}

/* Indexes keep their names when their table is put aside. */
static int drop_indexes(struct odb *db)
{
    char name[128], sql[160];
    int64_t found = 1;
    int r = 0;

    while (r == 0 && found != 0) {
        struct odb_query *q =
            odb_query(db, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL",
                      ODB_NONE);

        r = odb_next(db, q);
        found = r == 1;
        if (r == 1)
            odb_text(q, 0, name, sizeof name);
        odb_end(q);
        if (r == 1) {
            (void)snprintf(sql, sizeof sql, "DROP INDEX %s", name);
            r = odb_script(db, sql);
        }
    }
    return r;
}

static int put_aside(struct odb *db, const struct odb_table *table)
{
    const struct dialect *d = dialect_of(db);
    struct buf sql = { 0 };

    buf_print(&sql, "ALTER TABLE %s%s%s", table->name, d->aside,
              db->ops->engine == ODB_SQLITE ? table->name : "");
    return run_printed(db, &sql);
}

static int drop_old(struct odb *db, const struct odb_table *table)
{
    struct buf sql = { 0 };

    buf_print(&sql, "DROP TABLE %s%s%s", dialect_of(db)->aside_name, table->name,
              dialect_of(db)->dropped);
    return run_printed(db, &sql);
}

/* Rows that refer to rows that are not there: PostgreSQL refuses them when they are copied. */
static int check_references(struct odb *db)
{
    char table[80] = "";
    int r = 0;

    if (db->ops->engine == ODB_SQLITE) {
        struct odb_query *q = odb_query(db, "PRAGMA foreign_key_check", ODB_NONE);

        r = odb_next(db, q);
        if (r == 1)
            odb_text(q, 0, table, sizeof table);
        odb_end(q);
    }
    return r <= 0 ? r
                  : odb_set_fail(db, GF_E_STORE_DAMAGED, table,
                                 "rows refer to rows that are not there");
}

/* One table out of its old form: `old` are its columns then, "  " for one that is new. */
static int remake(struct odb *db, const struct odb_table *table, const struct buf *old)
{
    bool is_new = old->n <= 2; /* a space and the NUL */
    int r = create_table(db, table);

    if (r == 0 && !is_new)
        r = copy_rows(db, table, old);
    return r == 0 ? create_indexes(db, table) : r;
}

static int remake_all(struct odb *db)
{
    struct buf old[ODB_TABLES_MAX] = { 0 };
    int r = run(db, dialect_of(db)->aside_all);

    if (r == 0 && db->ops->engine == ODB_SQLITE)
        r = drop_indexes(db);
    for (size_t t = 0; r == 0 && t < odb_n_tables; t++) {
        r = columns_of(db, odb_tables[t].name, &old[t]);
        if (r == 0 && old[t].n > 2)
            r = put_aside(db, &odb_tables[t]);
    }
    for (size_t t = 0; r == 0 && t < odb_n_tables; t++)
        r = remake(db, &odb_tables[t], &old[t]);
    for (size_t t = odb_n_tables; r == 0 && t > 0; t--)
        if (old[t - 1].n > 2)
            r = drop_old(db, &odb_tables[t - 1]);
    if (r == 0)
        r = run(db, dialect_of(db)->drop_all);
    for (size_t t = 0; t < odb_n_tables; t++)
        buf_free(&old[t]);
    return r == 0 ? check_references(db) : r;
}

/* ---- in one transaction ---- */

static int create_all(struct odb *db)
{
    int r = 0;

    for (size_t t = 0; r == 0 && t < odb_n_tables; t++) {
        r = create_table(db, &odb_tables[t]);
        if (r == 0)
            r = create_indexes(db, &odb_tables[t]);
    }
    return r;
}

static int set_version(struct odb *db)
{
    struct buf sql = { 0 };
    int r;

    buf_print(&sql, "%s%d%s", dialect_of(db)->set_version, ODB_SCHEMA_VERSION,
              dialect_of(db)->set_version_end);
    r = run_printed(db, &sql);
    return r == 0 ? odb_script(db, "INSERT INTO setting (org_id, name, value) VALUES (1, 'schema "
                                   "digest', '" ODB_SCHEMA_DIGEST "') ON CONFLICT (org_id, name) "
                                   "DO UPDATE SET value = excluded.value")
                  : r;
}

/* Another program may do the same at the same time: the version counts that is read under the
 * lock. */
static int bring_up(struct odb *db, bool has_tables)
{
    int64_t version = 0;
    int r = odb_begin(db);

    if (r == 0 && has_tables)
        r = run(db, dialect_of(db)->lock);
    if (r == 0)
        r = version_of(db, &version);
    if (r == 0 && version < ODB_SCHEMA_VERSION) {
        r = version == 0 ? create_all(db) : remake_all(db);
        r = r == 0 ? set_version(db) : r;
    }
    r = r == 0 ? odb_commit(db) : r;
    odb_rollback(db);
    return r;
}

static int check_version(struct odb *db, int64_t version)
{
    if (version <= ODB_SCHEMA_VERSION)
        return 0;
    return odb_set_fail(db, GF_E_STORE_NEWER, "database",
                        "its tables are of a newer version of this program");
}

/* Are the tables of this version those of this program? 0; GF_E_STORE_NEWER; store errors. */
static int check_digest(struct odb *db)
{
    int64_t same = 0;
    int r = odb_number(db, &same,
                       "SELECT COUNT(*) FROM setting WHERE org_id = ?1 AND name = 'schema digest' "
                       "AND value = ?2",
                       ODB(ODB_T(ODB_SCHEMA_DIGEST)));

    if (r < 0 || same == 1)
        return r < 0 ? r : 0;
    return odb_set_fail(db, GF_E_STORE_NEWER, "database",
                        "its tables have this version's number and are others: it was made by a "
                        "program between two versions. Open it with that one, or a newer one");
}

/* One look, and what it asks for. 0: the version is this program's; 1: look again. */
static int step(struct odb *db, bool create)
{
    int64_t version = 0;
    int r = version_of(db, &version);

    if (r == 0)
        r = check_version(db, version);
    if (r == 0 && version == ODB_SCHEMA_VERSION)
        r = check_digest(db);
    if (r != 0 || version == ODB_SCHEMA_VERSION)
        return r;
    if (version == 0 && !create)
        return odb_set_fail(db, GF_E_FILE, "database",
                            "there is no head office in this database: make one with init");
    r = run(db, dialect_of(db)->before);
    if (r == 0)
        r = bring_up(db, version > 0);
    if (dialect_of(db)->after != NULL)
        (void)odb_script(db, dialect_of(db)->after);
    return r == 0 ? 1 : r;
}

/* What another program did to the tables meanwhile fails here in many ways, and is seen by the next
 * look. */
int odb_migrate(struct odb *db, bool create)
{
    for (unsigned attempt = 0;; attempt++) {
        int r = step(db, create);
        bool may_pass = db->ops->engine == ODB_POSTGRESQL
                        && (r == GF_E_STORE || r == GF_E_AGAIN || r == GF_E_STORE_UNSURE);

        if (r == 0 || (r < 0 && !may_pass) || attempt == ATTEMPTS)
            return r;
        if (r < 0)
            odb_pause(attempt, (uint32_t)((uintptr_t)db >> 4) + attempt * 7919U);
    }
}
