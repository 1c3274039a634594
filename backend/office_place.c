/* office_place.c - a head office's database in its place; see office_place.h. */
#include "backend/office_place.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/office_in.h"
#include "common/host/real.h"

#define URL_MAX 2048

static const char none[] = "there is no head office in this folder: make one with init";

/* On a server a setting is the mark of what was made whole. 1, 0, or a store error. */
static int is_made(struct odb *db, struct gf_fail *why)
{
    struct odb_query *q = odb_query(
        db, "SELECT value FROM setting WHERE org_id = ?1 AND name = 'made'", ODB_NONE);
    int r = odb_next(db, q);

    odb_end(q);
    return r < 0 ? odb_fail(db, why) : r;
}

/* 0 when the database at this URL can become a head office's. */
static int check_server(const char *url, struct odb **ret, struct gf_fail *why)
{
    int r = odb_open(url, true, ret, why);

    if (r == 0)
        r = is_made(*ret, why);
    return r <= 0 ? r
                  : gf_fail(why, GF_E_NOT_NOW, "init",
                            "there is a head office in this database already");
}

/* The URL in the folder, "" when there is none. 0 or a failure. */
static int read_url(const char *dir, char *ret, size_t cap, struct gf_fail *why)
{
    char path[4096];

    ret[0] = '\0';
    if (ho_path(dir, HO_DB_URL, path, sizeof path) != 0)
        return gf_fail(why, GF_E_SPACE, "folder", dir);
    if (access(path, F_OK) != 0)
        return 0;

    int n = gf_file_read(path, (uint8_t *)ret, cap - 1, why);
    if (n < 0)
        return n;
    ret[n] = '\0';
    ret[strcspn(ret, "\r\n")] = '\0';
    return 0;
}

/* 0 when there is no finished head office of this folder on a server. */
static int check_folder(const char *dir, struct gf_fail *why)
{
    char url[URL_MAX];
    struct odb *db = NULL;
    int r = read_url(dir, url, sizeof url, why);

    if (r != 0 || url[0] == '\0')
        return r;
    r = check_server(url, &db, why);
    (void)odb_close(db);
    return r;
}

/* What SQLite left of a database that is gone would become part of the new one. */
static int check_tails(const char *path, struct gf_fail *why)
{
    static const char *const tails[] = { "-wal", "-shm", "-journal" };
    char tail[4096 + 16], detail[160];

    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        (void)snprintf(tail, sizeof tail, "%s%s", path, tails[i]);
        if (access(tail, F_OK) != 0)
            continue;
        (void)snprintf(detail, sizeof detail,
                       "office.db%s is left of a database that is gone: move it away first",
                       tails[i]);
        return gf_fail(why, GF_E_NOT_NOW, "folder", detail);
    }
    return 0;
}

int place_new(struct place *p, const char *dir, const char *url, struct gf_fail *why)
{
    char path[4096];
    int r;

    *p = (struct place){ .dir = dir, .url = url };
    if (ho_path(dir, HO_DB, path, sizeof path - 8) != 0
        || (url != NULL && strlen(url) >= URL_MAX))
        return gf_fail(why, GF_E_SPACE, "folder", dir);
    if (access(path, F_OK) == 0)
        return gf_fail(why, GF_E_NOT_NOW, "init", "there is a head office in this folder already");
    if ((r = check_tails(path, why)) != 0)
        return r;
    if (url != NULL && strncmp(url, "postgresql://", 13) != 0
        && strncmp(url, "postgres://", 11) != 0)
        return gf_fail(why, GF_E_USAGE, "--db begins with postgresql://", url);
    r = check_folder(dir, why);
    return r == 0 && url != NULL ? check_server(url, &p->server, why) : r;
}

void place_end(struct place *p)
{
    p->server = odb_close(p->server);
}

/* Fill in one transaction; on a server with the mark that it is whole. */
static int fill_it(const struct place *p, struct odb *db,
                   int (*fill)(struct odb *db, void *ctx, struct gf_fail *why), void *ctx,
                   struct gf_fail *why)
{
    int r = odb_begin(db);

    if (r != 0)
        return odb_fail(db, why);
    r = fill(db, ctx, why);
    if (r == 0
        && ((p->url != NULL
             && odb_exec(db,
                         "INSERT INTO setting (org_id, name, value) VALUES (?1, 'made', 'whole')",
                         ODB_NONE)
                    < 0)
            || odb_commit(db) != 0))
        r = odb_fail(db, why);
    odb_rollback(db);
    return r;
}

/* All that was committed stands in the file itself, and none beside it. */
static int close_whole(struct odb *db, struct gf_fail *why)
{
    int64_t busy = 1;
    int r = odb_number(db, &busy, "PRAGMA wal_checkpoint(TRUNCATE)", ODB_NONE);

    if (r < 0)
        r = odb_fail(db, why);
    else
        r = busy == 0 ? 0 : gf_fail(why, GF_E_STORE, "database", "it is used by another program");
    (void)odb_close(db);
    return r;
}

/* A file or folder onto the disk. */
static int sync_it(const char *path, struct gf_fail *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = fd >= 0 ? fsync(fd) : -1;

    if (fd >= 0)
        (void)close(fd);
    return r == 0 ? 0 : gf_fail(why, GF_E_FILE, "database", path);
}

/* A file is made under another name and moved into place when it is whole. */
static int make_file(const struct place *p,
                     int (*fill)(struct odb *db, void *ctx, struct gf_fail *why), void *ctx,
                     struct gf_fail *why)
{
    static const char *const tails[] = { "", "-wal", "-shm" };
    char path[4096], fresh[4096 + 8], old[4096 + 16];
    struct odb *db = NULL;

    (void)ho_path(p->dir, HO_DB, path, sizeof path);
    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(old, sizeof old, "%s%s", fresh, tails[i]);
        (void)unlink(old);
    }

    int r = odb_open(fresh, true, &db, why);
    if (r == 0)
        r = fill_it(p, db, fill, ctx, why);
    if (r == 0)
        r = close_whole(db, why);
    else
        (void)odb_close(db);
    if (r == 0)
        r = sync_it(fresh, why);
    if (r != 0)
        return r;
    (void)chmod(fresh, 0600);
    if (rename(fresh, path) != 0)
        return gf_fail(why, GF_E_FILE, "database", path);
    return sync_it(p->dir, why);
}

int place_make(struct place *p, int (*fill)(struct odb *db, void *ctx, struct gf_fail *why),
               void *ctx, struct gf_fail *why)
{
    char path[4096];
    int r;

    if (p->url == NULL)
        return make_file(p, fill, ctx, why);
    if (ho_path(p->dir, HO_DB_URL, path, sizeof path) != 0)
        return gf_fail(why, GF_E_SPACE, "folder", p->dir);
    (void)unlink(path); /* so that the mode is ours */
    r = gf_file_write(path, p->url, strlen(p->url), 0600, why);
    return r == 0 ? fill_it(p, p->server, fill, ctx, why) : r;
}

int place_open(const char *dir, struct odb **ret, struct gf_fail *why)
{
    char path[4096], url[URL_MAX];

    if (ho_path(dir, HO_DB, path, sizeof path) != 0)
        return gf_fail(why, GF_E_SPACE, "folder", dir);
    if (access(path, F_OK) == 0)
        return odb_open(path, false, ret, why);

    int r = read_url(dir, url, sizeof url, why);
    if (r == 0 && url[0] == '\0')
        return gf_fail(why, GF_E_FILE, "office", none);
    if (r == 0)
        r = odb_open(url, false, ret, why);
    if (r == 0)
        r = is_made(*ret, why);
    return r == 0 ? gf_fail(why, GF_E_FILE, "office", none) : r < 0 ? r : 0;
}
