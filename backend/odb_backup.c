/* odb_backup.c - copying whole databases; see odb_backup.h. */
#include "backend/odb_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "backend/odb_engine.h"
#include "common/ids.h"

#define TOLD_ROWS 1000
#define HASH_LEN 32

/* One table's copy. The texts live until the copy's end: statements are kept by their address. */
struct copy {
    struct odb *from, *to; /* to: NULL to look only */
    struct odb_backup_watch *watch;
    struct buf select, insert;
    EVP_MD_CTX *hash;
    int64_t n;
};

/* What a manifest says of a table. */
struct summary {
    int64_t n;
    uint8_t hash[HASH_LEN];
};

static int out_of_memory(struct gf_fail *why)
{
    return gf_fail(why, GF_E_MEMORY, "backup", "");
}

/* ---- statements ---- */

static void print_select(const struct odb_table *table, struct buf *ret)
{
    buf_text(ret, "SELECT org_id");
    for (size_t i = 0; i < table->n_columns; i++)
        buf_print(ret, ", %s", table->columns[i].name);
    buf_print(ret, " FROM %s WHERE org_id = ?1%s ORDER BY org_id, %s", table->name,
              strcmp(table->name, "setting") == 0
                  ? " AND name NOT IN ('made', 'schema version', 'schema digest')"
                  : "",
              table->key);
    buf_add(ret, "", 1);
}

static void print_insert(const struct odb_table *table, struct buf *ret)
{
    buf_print(ret, "INSERT INTO %s (org_id", table->name);
    for (size_t i = 0; i < table->n_columns; i++)
        buf_print(ret, ", %s", table->columns[i].name);
    buf_text(ret, ") VALUES (?1");
    for (size_t i = 0; i < table->n_columns; i++)
        buf_print(ret, ", ?%zu", i + 2);
    buf_add(ret, ")", 2);
}

/* ---- rows ---- */

static void hash_value(EVP_MD_CTX *hash, char type, const void *p, size_t n)
{
    uint8_t head[9] = { (uint8_t)type };

    for (size_t i = 0; i < 8; i++)
        head[1 + i] = (uint8_t)((uint64_t)n >> (8 * i));
    (void)EVP_DigestUpdate(hash, head, sizeof head);
    (void)EVP_DigestUpdate(hash, p, n);
}

static void hash_number(EVP_MD_CTX *hash, int64_t v)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)v >> (8 * i));
    hash_value(hash, 'i', bytes, 8);
}

/* A column of the present row: into the hash, and as a value to bind. */
static struct odb_value take(struct copy *c, struct odb_query *q, int column,
                             enum odb_column_type type)
{
    static const struct odb_value none = { .type = ODB_NULL };
    struct gf_span s;

    if (odb_is_null(q, column)) {
        hash_value(c->hash, '0', NULL, 0);
        return none;
    }
    if (type == ODB_COL_INT) {
        int64_t v = odb_int(q, column);

        hash_number(c->hash, v);
        return ODB_I(v);
    }
    s = type == ODB_COL_TEXT ? odb_text_span(q, column) : odb_bytes(q, column);
    hash_value(c->hash, type == ODB_COL_TEXT ? 't' : 'b', s.p, s.n);
    if (type == ODB_COL_TEXT)
        return (struct odb_value){ .type = ODB_TEXT, .p = s.p, .n = s.n };
    return ODB_B(s.p != NULL ? s.p : (const uint8_t *)"", s.n);
}

static int copy_row(struct copy *c, const struct odb_table *table, struct odb_query *q)
{
    struct odb_value values[ODB_VALUES_MAX];

    hash_number(c->hash, odb_int(q, 0));
    for (size_t i = 0; i < table->n_columns; i++)
        values[i] = take(c, q, (int)i + 1, table->columns[i].type);
    c->n++;
    if (c->to != NULL && odb_exec(c->to, (const char *)c->insert.p, values, table->n_columns) < 0)
        return odb_code(c->to);
    if (++c->watch->rows % TOLD_ROWS == 0 && c->watch->tell != NULL
        && !c->watch->tell(c->watch->ctx, c->watch->rows))
        return GF_E_CANCELLED;
    return 0;
}

/* Which of the two failed says it in *why. */
static int say(const struct copy *c, const struct odb_table *table, int r, struct gf_fail *why)
{
    struct gf_fail words = { 0 };

    if (r == GF_E_CANCELLED)
        return gf_fail(why, r, table->name, "");
    (void)odb_fail(c->to != NULL && c->to->has_failed ? c->to : c->from, &words);
    return gf_fail(why, r, table->name, words.detail);
}

static int copy_table(struct copy *c, const struct odb_table *table, struct summary *ret,
                      struct gf_fail *why)
{
    struct odb_query *q;
    int r;

    c->n = 0;
    print_select(table, &c->select);
    print_insert(table, &c->insert);
    if (c->select.bad || c->insert.bad || EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL) != 1)
        return out_of_memory(why);
    q = odb_query_once(c->from, (const char *)c->select.p, ODB_NONE);
    while ((r = odb_next(c->from, q)) == 1 && (r = copy_row(c, table, q)) == 0) {
    }
    odb_end(q);
    if (r != 0)
        return say(c, table, r, why);
    ret->n = c->n;
    return EVP_DigestFinal_ex(c->hash, ret->hash, NULL) == 1 ? 0 : out_of_memory(why);
}

static void forget(struct copy *c)
{
    EVP_MD_CTX_free(c->hash);
    buf_free(&c->select);
    buf_free(&c->insert);
}

/* ---- the manifest ---- */

static int write_summary(struct odb *to, const char *table, const struct summary *s)
{
    return odb_exec(to, "INSERT INTO backup_manifest (org_id, name, n, sha256) VALUES (?1, ?2, ?3, "
                        "?4)",
                    ODB(ODB_T(table), ODB_I(s->n), ODB_B(s->hash, HASH_LEN)));
}

static int check_summary(struct odb *from, const char *table, const struct summary *s,
                         struct gf_fail *why)
{
    struct odb_query *q = odb_query(
        from, "SELECT n, sha256 FROM backup_manifest WHERE org_id = ?1 AND name = ?2",
        ODB(ODB_T(table)));
    uint8_t hash[HASH_LEN];
    bool is_same = odb_next(from, q) == 1 && odb_int(q, 0) == s->n
                   && odb_copy(q, 1, hash, sizeof hash) && memcmp(hash, s->hash, HASH_LEN) == 0;

    odb_end(q);
    return is_same ? 0
                   : gf_fail(why, GF_E_STORE_DAMAGED, table,
                             "its rows are not those of the backup's manifest");
}

/* ---- backup ---- */

static int copy_all(struct odb *from, struct odb *to, struct odb_backup_watch *watch,
                    struct gf_fail *why)
{
    int r = 0;

    for (size_t t = 0; r == 0 && t < odb_n_tables; t++) {
        struct copy c = { .from = from, .to = to, .watch = watch, .hash = EVP_MD_CTX_new() };
        struct summary s;

        r = c.hash != NULL ? copy_table(&c, &odb_tables[t], &s, why) : out_of_memory(why);
        if (r == 0 && write_summary(to, odb_tables[t].name, &s) < 0)
            r = odb_fail(to, why);
        odb_forget_statements(to); /* before their texts go */
        forget(&c);
    }
    return r;
}

/* Tables of a backup: with their keys alone. What is wrong in a database is no reason to have no
 * copy of it, and without indexes it is made in a fraction of the time. */
static int make_plain(struct odb *to)
{
    int r = odb_script(to, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF; PRAGMA "
                           "foreign_keys=OFF;"
                           "CREATE TABLE backup_manifest (org_id INTEGER NOT NULL, name TEXT NOT "
                           "NULL, n INTEGER NOT NULL, sha256 BLOB NOT NULL, PRIMARY KEY (org_id, "
                           "name)) STRICT");

    for (size_t t = 0; r == 0 && t < odb_n_tables; t++) {
        struct odb_table plain = odb_tables[t];
        struct buf sql = { 0 };

        memset(plain.unique, 0, sizeof plain.unique);
        memset(plain.refers, 0, sizeof plain.refers);
        buf_print(&sql, "DROP TABLE %s; ", plain.name);
        odb_ddl_table(ODB_SQLITE, &plain, &sql);
        r = sql.bad ? odb_set_fail(to, GF_E_MEMORY, "backup", "")
                    : odb_script(to, (const char *)sql.p);
        buf_free(&sql);
    }
    return r;
}

/* The copy is one file without a log beside it; it counts when it is whole and named. */
static int fill(struct odb *from, const char *path, struct odb_backup_watch *watch,
                struct gf_fail *why)
{
    struct odb *to = NULL;
    int r = odb_open(path, true, &to, why);

    if (r != 0)
        return r;
    if (make_plain(to) != 0 || odb_begin(to) != 0)
        r = odb_fail(to, why);
    if (r == 0 && odb_begin_reading(from) != 0)
        r = odb_fail(from, why);
    if (r == 0)
        r = copy_all(from, to, watch, why);
    odb_rollback(from);
    if (r == 0 && odb_commit(to) != 0)
        r = odb_fail(to, why);
    (void)odb_close(to);
    return r;
}

static int sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd >= 0 ? fsync(fd) : -1;

    if (fd >= 0)
        (void)close(fd);
    return r;
}

/* Give it a name that nothing has. Where the file system cannot do that in one step, the name is
 * taken by an empty file of ours first. 0 or -1. */
static int name_it(const char *fresh, const char *path)
{
    if (syscall(SYS_renameat2, AT_FDCWD, fresh, AT_FDCWD, path, 1u /* RENAME_NOREPLACE */) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
        return -1;

    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    (void)close(fd);
    if (rename(fresh, path) == 0)
        return 0;
    (void)unlink(path);
    return -1;
}

/* Flush, give it its name, flush the folder. */
static int put_in_place(const char *fresh, const char *path, struct gf_fail *why)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');

    (void)snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
                   slash != NULL ? path : ".");
    if (sync_path(fresh) != 0)
        return gf_fail(why, errno == ENOSPC ? GF_E_DISK_FULL : GF_E_FILE, "backup", fresh);
    if (name_it(fresh, path) != 0)
        return gf_fail(why, errno == EEXIST ? GF_E_NOT_NOW : GF_E_FILE, "backup", path);
    return sync_path(folder) == 0 ? 0 : gf_fail(why, GF_E_FILE, "backup", folder);
}

int odb_backup(struct odb *db, const char *path, struct odb_backup_watch *watch,
               struct gf_fail *why)
{
    char fresh[4096];
    int n = snprintf(fresh, sizeof fresh, "%s.new-%ld", path, (long)getpid());

    if (n < 0 || (size_t)n >= sizeof fresh)
        return gf_fail(why, GF_E_SPACE, "backup", path);
    if (access(path, F_OK) == 0)
        return gf_fail(why, GF_E_NOT_NOW, "there is such a file", path);

    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return gf_fail(why, GF_E_FILE, "backup", fresh);
    (void)close(fd);
    watch->rows = 0;

    int r = fill(db, fresh, watch, why);
    if (r == 0)
        r = put_in_place(fresh, path, why);
    if (r != 0) {
        char log[4096 + 16];

        (void)unlink(fresh);
        (void)snprintf(log, sizeof log, "%s-journal", fresh);
        (void)unlink(log);
    }
    return r;
}

/* ---- restore ---- */

static int check_empty(struct odb *db, const struct odb_table *table, struct gf_fail *why)
{
    struct buf sql = { 0 };
    struct odb_query *q;
    int r;

    print_select(table, &sql);
    if (sql.bad)
        return out_of_memory(why);
    q = odb_query_once(db, (const char *)sql.p, ODB_NONE);
    r = odb_next(db, q);
    odb_end(q);
    buf_free(&sql);
    if (r < 0)
        return odb_fail(db, why);
    return r == 0 ? 0 : gf_fail(why, GF_E_NOT_NOW, table->name, "this database has rows already");
}

/* Copy a table, and look at what the database holds then. */
static int restore_table(struct odb *from, struct odb *to, const struct odb_table *table,
                         struct odb_backup_watch *watch, struct gf_fail *why)
{
    struct copy c = { .from = from, .to = to, .watch = watch, .hash = EVP_MD_CTX_new() };
    struct copy look = { .from = to, .watch = watch, .hash = c.hash };
    struct summary s;
    int r = c.hash != NULL ? check_empty(to, table, why) : out_of_memory(why);

    if (r == 0)
        r = copy_table(&c, table, &s, why);
    if (r == 0)
        r = check_summary(from, table->name, &s, why);
    if (r == 0)
        r = copy_table(&look, table, &s, why);
    if (r == 0)
        r = check_summary(from, table->name, &s, why);
    odb_forget_statements(to);
    buf_free(&look.select);
    buf_free(&look.insert);
    forget(&c);
    return r;
}

int odb_restore(struct odb *db, const char *path, struct odb_backup_watch *watch,
                struct gf_fail *why)
{
    struct odb *from = NULL;
    int r = odb_sqlite_open_as_it_is(path, &from, why);

    if (r != 0)
        return r;
    watch->rows = 0;
    r = odb_begin_reading(from);
    if (r != 0)
        r = odb_fail(from, why);
    for (size_t t = 0; r == 0 && t < odb_n_tables; t++)
        r = restore_table(from, db, &odb_tables[t], watch, why);
    (void)odb_close(from);
    return r;
}
