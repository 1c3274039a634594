/* store_vfs.c - failing, killing and power-cutting under SQLite; see store_vfs.h. */
#include "tests/aid/store_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define FILES_MAX 8
#define SECTOR 512

/* Open file: SQLite's view, then the real one behind it in the same memory. */
struct shim {
    sqlite3_file base;
    int file;                   /* index of its name; -1: without a name */
    bool fresh;                 /* a new log or journal: its first sync syncs the folder too */
    sqlite3_file *real;
};

enum kind { WRITE, TRUNCATE, SYNC, SYNC_FOLDER, DELETE, NOTE };

struct entry {
    enum kind kind;
    int file;
    int64_t offset;             /* of a truncate: the new length; of a note: its number */
    size_t n;
    uint8_t *bytes;
};

static sqlite3_vfs *under;
static sqlite3_vfs shim_vfs;
static long count, fail_at;
static int fail_code;
static bool fail_sticky, recording, failed;
static char names[FILES_MAX][64];
static struct entry *entries;
static size_t n_entries, entries_cap;

/* ---- counting, failing, recording ---- */

/* SQLITE_OK, or how this operation fails. */
static int step(void)
{
    count++;
    if (fail_at == 0 || count < fail_at || (count > fail_at && !fail_sticky))
        return SQLITE_OK;
    if (fail_code == STORE_VFS_KILL)
        (void)raise(SIGKILL);
    failed = true;
    return fail_code;
}

static int file_of(const char *path)
{
    const char *name = path != NULL ? strrchr(path, '/') : NULL;

    for (int i = 0; name != NULL && i < FILES_MAX; i++) {
        if (names[i][0] == '\0')
            (void)snprintf(names[i], sizeof names[i], "%s", name + 1);
        if (strcmp(names[i], name + 1) == 0)
            return i;
    }
    return -1;
}

static void record(enum kind kind, int file, int64_t offset, const void *bytes, size_t n)
{
    if (!recording)
        return;
    if (n_entries == entries_cap) {
        entries_cap = entries_cap * 2 + 64;
        entries = realloc(entries, entries_cap * sizeof *entries);
        assert_non_null(entries);
    }
    struct entry *e = &entries[n_entries++];
    *e = (struct entry){.kind = kind, .file = file, .offset = offset, .n = n};
    if (n > 0) {
        e->bytes = malloc(n);
        assert_non_null(e->bytes);
        memcpy(e->bytes, bytes, n);
    }
}

/* ---- SQLite's methods ---- */

static struct shim *shim_of(sqlite3_file *f)
{
    return (struct shim *)(void *)f;
}

#define REAL(f) (shim_of(f)->real)

static int io_close(sqlite3_file *f)
{
    return REAL(f)->pMethods->xClose(REAL(f));
}

static int io_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return REAL(f)->pMethods->xRead(REAL(f), to, n, at);
}

static int io_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    int rc = step();

    if (rc != SQLITE_OK) {
        (void)REAL(f)->pMethods->xWrite(REAL(f), from, n / 2, at);
        return rc;
    }
    record(WRITE, shim_of(f)->file, at, from, (size_t)n);
    return REAL(f)->pMethods->xWrite(REAL(f), from, n, at);
}

static int io_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    int rc = step();

    if (rc != SQLITE_OK)
        return rc;
    record(TRUNCATE, shim_of(f)->file, n, NULL, 0);
    return REAL(f)->pMethods->xTruncate(REAL(f), n);
}

static int io_sync(sqlite3_file *f, int flags)
{
    int rc = step();

    if (rc != SQLITE_OK)
        return rc;
    record(SYNC, shim_of(f)->file, 0, NULL, 0);
    if (shim_of(f)->fresh)
        record(SYNC_FOLDER, -1, 0, NULL, 0);
    shim_of(f)->fresh = false;
    (void)flags;
    return SQLITE_OK;
}

static int io_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return REAL(f)->pMethods->xFileSize(REAL(f), ret);
}

static int io_lock(sqlite3_file *f, int level)
{
    return REAL(f)->pMethods->xLock(REAL(f), level);
}

static int io_unlock(sqlite3_file *f, int level)
{
    return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int io_reserved(sqlite3_file *f, int *ret)
{
    return REAL(f)->pMethods->xCheckReservedLock(REAL(f), ret);
}

static int io_control(sqlite3_file *f, int op, void *arg)
{
    return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int io_sector(sqlite3_file *f)
{
    return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int io_features(sqlite3_file *f)
{
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int io_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, ret);
}

static int io_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
}

static void io_shm_barrier(sqlite3_file *f)
{
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int io_shm_unmap(sqlite3_file *f, int and_delete)
{
    return REAL(f)->pMethods->xShmUnmap(REAL(f), and_delete);
}

static const sqlite3_io_methods io = {
    .iVersion = 2,
    .xClose = io_close,
    .xRead = io_read,
    .xWrite = io_write,
    .xTruncate = io_truncate,
    .xSync = io_sync,
    .xFileSize = io_size,
    .xLock = io_lock,
    .xUnlock = io_unlock,
    .xCheckReservedLock = io_reserved,
    .xFileControl = io_control,
    .xSectorSize = io_sector,
    .xDeviceCharacteristics = io_features,
    .xShmMap = io_shm_map,
    .xShmLock = io_shm_lock,
    .xShmBarrier = io_shm_barrier,
    .xShmUnmap = io_shm_unmap,
};

static int vfs_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *ret_flags)
{
    struct shim *s = shim_of(f);

    (void)v;
    s->real = (sqlite3_file *)(void *)(s + 1);
    s->file = file_of(path);
    s->fresh = (flags & SQLITE_OPEN_CREATE) != 0 &&
               (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    int rc = under->xOpen(under, path, s->real, flags, ret_flags);
    s->base.pMethods = rc == SQLITE_OK ? &io : NULL;
    return rc;
}

static int vfs_delete(sqlite3_vfs *v, const char *path, int sync_folder)
{
    int rc = step();

    (void)v;
    if (rc != SQLITE_OK)
        return rc;
    record(DELETE, file_of(path), 0, NULL, 0);
    return under->xDelete(under, path, sync_folder);
}

static int vfs_last_error(sqlite3_vfs *v, int n, char *ret)
{
    (void)v;
    return failed ? EIO : under->xGetLastError(under, n, ret);
}

void store_vfs_install(void)
{
    under = sqlite3_vfs_find(NULL);
    assert_non_null(under);
    shim_vfs = *under;
    shim_vfs.pNext = NULL;
    shim_vfs.zName = "store-test";
    shim_vfs.szOsFile = (int)sizeof(struct shim) + under->szOsFile;
    shim_vfs.xOpen = vfs_open;
    shim_vfs.xDelete = vfs_delete;
    shim_vfs.xGetLastError = vfs_last_error;
    assert_int_equal(sqlite3_vfs_register(&shim_vfs, 1), SQLITE_OK);
    store_vfs_fail(0, 0, false);
}

void store_vfs_remove(void)
{
    assert_int_equal(sqlite3_vfs_unregister(&shim_vfs), SQLITE_OK);
    store_vfs_record(false);
}

void store_vfs_fail(long at, int code, bool sticky)
{
    count = 0;
    fail_at = at;
    fail_code = code;
    fail_sticky = sticky;
    failed = false;
}

long store_vfs_count(void)
{
    return count;
}

/* ---- recording and replay ---- */

void store_vfs_record(bool on)
{
    for (size_t i = 0; i < n_entries; i++)
        free(entries[i].bytes);
    free(entries);
    entries = NULL;
    n_entries = entries_cap = 0;
    memset(names, 0, sizeof names);
    recording = on;
}

void store_vfs_note(long n)
{
    record(NOTE, -1, n, NULL, 0);
}

size_t store_vfs_recorded(void)
{
    return n_entries;
}

struct image {
    uint8_t *p;
    size_t n;
    bool there;
};

static void put(struct image *im, const struct entry *e, size_t from, size_t n)
{
    size_t at = (size_t)e->offset + from;

    if (at + n > im->n) {
        im->p = realloc(im->p, at + n);
        assert_non_null(im->p);
        memset(im->p + im->n, 0, at + n - im->n);
        im->n = at + n;
    }
    memcpy(im->p + at, e->bytes + from, n);
    im->there = true;
}

static void apply(struct image *im, const struct entry *e)
{
    if (e->kind == WRITE)
        put(im, e, 0, e->n);
    else if (e->kind == TRUNCATE)
        im->n = (size_t)e->offset < im->n ? (size_t)e->offset : im->n;
    else
        *im = (struct image){.p = im->p};
}

static uint64_t next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* An operation that nobody waited for: done, not done, or torn. */
static void maybe(struct image *im, const struct entry *e, uint64_t *seed)
{
    uint64_t dice = next(seed) % 4;

    if (dice == 0)
        return;
    if (dice == 1 || e->kind != WRITE) {
        apply(im, e);
        return;
    }
    for (size_t from = 0; from < e->n;) {
        size_t sector = SECTOR - ((size_t)e->offset + from) % SECTOR;
        size_t n = sector < e->n - from ? sector : e->n - from;

        if (next(seed) % 2 == 0)
            put(im, e, from, n);
        from += n;
    }
}

/* Everything of `file` before the cut: durable up to its last sync, perhaps after it. */
static void rebuild(int file, size_t cut, uint64_t *seed, struct image *im)
{
    size_t synced = 0, folder = 0;

    for (size_t i = 0; i < cut; i++) {
        if (entries[i].file == file && entries[i].kind == SYNC)
            synced = i;
        if (entries[i].kind == SYNC_FOLDER)
            folder = i;
    }
    for (size_t i = 0; i < cut; i++) {
        if (entries[i].file != file || entries[i].kind == SYNC)
            continue;
        if (i < (entries[i].kind == DELETE ? folder : synced))
            apply(im, &entries[i]);
        else
            maybe(im, &entries[i], seed);
    }
}

long store_vfs_replay(size_t cut, uint64_t seed, const char *folder)
{
    static const char *const all[] = {"gasfitter.db", "gasfitter.db-wal", "gasfitter.db-shm",
                                      "gasfitter.db-journal", "gasfitter.lock"};
    char path[400];
    long note = 0;

    (void)mkdir(folder, 0700);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        (void)snprintf(path, sizeof path, "%.300s/%s", folder, all[i]);
        (void)unlink(path);
    }
    for (int f = 0; f < FILES_MAX && names[f][0] != '\0'; f++) {
        struct image im = {0};

        rebuild(f, cut, &seed, &im);
        if (im.there) {
            (void)snprintf(path, sizeof path, "%.300s/%.60s", folder, names[f]);
            int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
            assert_true(fd >= 0);
            assert_int_equal(write(fd, im.p, im.n), im.n);
            (void)close(fd);
        }
        free(im.p);
    }
    for (size_t i = 0; i < cut; i++)
        if (entries[i].kind == NOTE)
            note = (long)entries[i].offset;
    return note;
}
