/* open.c - owning the folder; opening, checking, migrating, closing the database; see db.h. */
#include "db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "common/bytes.h"
#include "common/text.h"
#include "db/store.h"

#define APPLICATION_ID 0x47614631   /* "GaF1", in the file's header */
#define BUSY_MS 2000
#define PASSPHRASE_MAX 1024

static const struct store_port port_template = {
    .jobs = db_jobs,
    .job = db_job,
    .job_of = db_job_of,
    .meter = db_meter,
    .ticket = db_ticket,
    .tickets = db_tickets,
    .key_issue = db_key_issue,
    .swap_issue = db_swap_issue,
    .token_issue = db_token_issue,
    .certificate = db_certificate,
    .run_open = db_run_open,
    .run_active = db_run_active,
    .receipts_known = db_receipts_known,
    .step_last = db_step_last,
    .step_save = db_step_save,
    .outbox_next = db_outbox_next,
    .outbox_page = db_outbox_page,
    .outbox_item = db_outbox_item,
    .outbox_counts = db_outbox_counts,
    .outbox_verdict = db_outbox_verdict,
    .cursor = db_cursor,
    .changes_begin = db_changes_begin,
    .changes_apply = db_changes_apply,
    .changes_end = db_changes_end,
};

/* Where the files are. */
struct paths {
    char folder[PATH_MAX], base[PATH_MAX], wal[PATH_MAX], lock[PATH_MAX];
};

static int file_fail(struct db *db, const char *path)
{
    char detail[sizeof db->fail.detail];
    int code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? GF_E_DISK_FULL : GF_E_FILE;

    (void)snprintf(detail, sizeof detail, "%.100s: %s", path, strerror(errno));
    return db_refuse(db, code, "folder", detail);
}

static int make_paths(struct db *db, const char *folder, struct paths *ret)
{
    const struct {
        char *to;
        const char *name;
    } files[] = {{ret->base, "gasfitter.db"},
                 {ret->wal, "gasfitter.db-wal"},
                 {ret->lock, "gasfitter.lock"}};

    if (folder == NULL || folder[0] == '\0' || !gf_copy(ret->folder, sizeof ret->folder, folder))
        return db_refuse(db, GF_E_FILE, "folder",
                         "the name of the data folder is empty or too long");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (snprintf(files[i].to, PATH_MAX, "%s/%s", folder, files[i].name) >= PATH_MAX)
            return db_refuse(db, GF_E_FILE, "folder", "the name of the data folder is too long");
    return 0;
}

/* Make one folder that may be there, and make its name last in its parent, `slash` bytes long (-1:
 * the current folder). */
static int make_one(struct db *db, char *path, ssize_t slash)
{
    char parent[PATH_MAX] = ".";

    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? 0 : file_fail(db, path);
    if (slash >= 0) {
        memcpy(parent, path, (size_t)slash + 1);
        parent[slash + 1] = '\0';
    }
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_fail(db, parent);
    int r = fsync(fd) == 0 ? 0 : file_fail(db, parent);
    (void)close(fd);
    return r;
}

/* Make the folder and its parents, for this user alone. */
static int make_folder(struct db *db, const struct paths *p)
{
    char part[PATH_MAX];
    size_t n = strlen(p->folder);
    ssize_t slash = p->folder[0] == '/' ? 0 : -1;

    memcpy(part, p->folder, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (p->folder[i] != '/' && p->folder[i] != '\0')
            continue;
        part[i] = '\0';
        int r = make_one(db, part, slash);
        if (r != 0)
            return r;
        part[i] = p->folder[i];
        slash = (ssize_t)i;
    }
    return 0;
}

static int other_process(struct db *db)
{
    char pid[24] = "", detail[sizeof db->fail.detail];
    ssize_t n = pread(db->lock_fd, pid, sizeof pid - 1, 0);
    int64_t number;

    if (n > 0 && pid[n - 1] == '\n')
        pid[n - 1] = '\0';
    if (gf_parse_int(pid, 1, INT_MAX, &number) == 0)
        (void)snprintf(detail, sizeof detail, "it is the process %s", pid);
    else
        (void)gf_copy(detail, sizeof detail, "its process number is not known yet");
    return db_refuse(db, GF_E_STORE_BUSY, "store", detail);
}

/* Take the folder for this process's life. The kernel lets go of it however the process ends. */
static int own(struct db *db, const struct paths *p)
{
    char pid[24];
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());

    db->lock_fd = open(p->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock_fd < 0)
        return file_fail(db, p->lock);
    if (flock(db->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        int r = errno == EWOULDBLOCK ? other_process(db) : file_fail(db, p->lock);
        (void)close(db->lock_fd);
        db->lock_fd = -1;               /* the number in it is theirs */
        return r;
    }
    if (ftruncate(db->lock_fd, 0) != 0 || pwrite(db->lock_fd, pid, (size_t)n, 0) != n)
        return file_fail(db, p->lock);
    return 0;
}

static int exec(struct db *db, const char *text)
{
    errno = 0;
    int rc = sqlite3_exec(db->sql, text, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_error(db, rc);
}

/* First column of a pragma's first row, as text. */
static int pragma(struct db *db, const char *text, char *ret, size_t cap)
{
    sqlite3_stmt *s;
    errno = 0;
    int rc = sqlite3_prepare_v2(db->sql, text, -1, &s, NULL);

    ret[0] = '\0';
    if (rc != SQLITE_OK)
        return db_error(db, rc);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        (void)gf_copy(ret, cap, (const char *)sqlite3_column_text(s, 0));
    int r = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : db_error(db, rc);
    (void)sqlite3_finalize(s);
    return r;
}

static int pragma_number(struct db *db, const char *text, int64_t *ret)
{
    char number[24];
    int r = pragma(db, text, number, sizeof number);

    if (r == 0 && gf_parse_int(number, INT32_MIN, UINT32_MAX, ret) != 0)
        r = db_refuse(db, GF_E_STORE_DAMAGED, "store", text);
    return r;
}

static int connect_file(struct db *db, const struct paths *p)
{
    /* SQLite would make it readable for others. */
    int fd = open(p->base, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return file_fail(db, p->base);
    (void)close(fd);

    int rc = sqlite3_open_v2(p->base, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        return db_error(db, rc);
    (void)sqlite3_extended_result_codes(db->sql, 1);
    (void)sqlite3_busy_timeout(db->sql, BUSY_MS);
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return 0;
}

/* How it is written; the log is the one of these that the file itself remembers. */
static int configure(struct db *db)
{
    char mode[16];
    int r = pragma(db, "PRAGMA journal_mode = WAL", mode, sizeof mode);
    if (r == 0 && strcmp(mode, "wal") != 0)
        r = db_refuse(db, GF_E_STORE, "store", "this file system cannot hold a write-ahead log");
    if (r == 0)
        r = exec(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                     "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;"
                     "PRAGMA journal_size_limit = 4194304;");
    return r;
}

/* Whose database this is, and of which version: 0 for an empty file. */
static int read_version(struct db *db, int *ret)
{
    char detail[sizeof db->fail.detail];
    int64_t version, application, tables;
    int r = pragma_number(db, "PRAGMA user_version", &version);

    if (r == 0)
        r = pragma_number(db, "PRAGMA application_id", &application);
    if (r == 0)
        r = pragma_number(db, "PRAGMA schema_version", &tables);
    if (r != 0)
        return r;
    if (application != APPLICATION_ID && (version != 0 || tables != 0))
        return db_refuse(db, GF_E_STORE_DAMAGED, "store", "gasfitter.db was not made by gasfitter");
    if (version > db_migrations_n) {
        (void)snprintf(detail, sizeof detail, "it has version %lld, this program knows %d",
                       (long long)version, db_migrations_n);
        return db_refuse(db, GF_E_STORE_NEWER, "store", detail);
    }
    *ret = (int)version;
    return 0;
}

static int check_whole(struct db *db)
{
    char answer[120];
    int r = pragma(db, "PRAGMA integrity_check(1)", answer, sizeof answer);

    if (r == 0 && strcmp(answer, "ok") != 0)
        r = db_refuse(db, GF_E_STORE_DAMAGED, "store", answer);
    return r;
}

/* One step of the schema in one transaction; the first makes the vault too, so that no database is
 * without one. */
static int migrate(struct db *db, const struct db_config *cfg, int from)
{
    char number[80];
    int r = db_begin(db);

    if (r != 0)
        return r;
    (void)snprintf(number, sizeof number, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   APPLICATION_ID, from + 1);
    r = exec(db, db_migrations[from]);
    if (r == 0 && from == 0)
        r = db_vault_make(db, cfg);
    if (r == 0)
        r = exec(db, number);
    return db_end(db, r);
}

static int open_all(struct db *db, const struct db_config *cfg)
{
    struct paths p;
    int version = 0, r;

    if (cfg->passphrase_len == 0 || cfg->passphrase_len > PASSPHRASE_MAX)
        return db_refuse(db, GF_E_PASSPHRASE, "passphrase", "it has to have 1 to 1024 bytes");
    if ((r = make_paths(db, cfg->folder, &p)) != 0 || (r = make_folder(db, &p)) != 0 ||
        (r = own(db, &p)) != 0)
        return r;

    bool unclean = access(p.wal, F_OK) == 0;    /* a clean close takes the log away */
    if ((r = connect_file(db, &p)) != 0 || (r = read_version(db, &version)) != 0 ||
        (r = configure(db)) != 0)
        return r;
    if (unclean && (r = check_whole(db)) != 0)
        return r;
    if (version > 0 && (r = db_vault_open(db, cfg)) != 0)
        return r;
    while (r == 0 && version < db_migrations_n)
        r = migrate(db, cfg, version++);
    return r;
}

int db_open(const struct db_config *cfg, struct db **ret, struct gf_fail *why)
{
    struct db *db = calloc(1, sizeof *db);
    int r = GF_E_MEMORY;

    *ret = NULL;
    if (db == NULL)
        return gf_fail(why, r, "store", NULL);
    db->lock_fd = -1;
    db->clock = cfg->clock;
    db->random = cfg->random;
    db->port = port_template;
    db->port.ctx = db;
    db->letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    db->gcm = EVP_CIPHER_CTX_new();
    if (db->gcm != NULL)
        r = open_all(db, cfg);
    if (r != 0) {
        (void)gf_fail(why, r, db->fail.where, db->fail.detail);
        (void)db_close(db);
        return r;
    }
    *ret = db;
    return 0;
}

struct db *db_close(struct db *db)
{
    if (db == NULL)
        return NULL;
    for (size_t i = 0; i < DB_SQL_COUNT; i++)
        (void)sqlite3_finalize(db->stmt[i]);
    /* Rolls back an open transaction. All statements are gone, so it cannot be busy. */
    (void)sqlite3_close(db->sql);
    if (db->lock_fd >= 0) {
        (void)!ftruncate(db->lock_fd, 0);   /* nobody's number; not worth a failure */
        (void)close(db->lock_fd);
    }
    EVP_CIPHER_CTX_free(db->gcm);
    if (db->letters != (locale_t)0)
        freelocale(db->letters);
    gf_wipe(db, sizeof *db);
    free(db);
    return NULL;
}

const struct store_port *db_port(struct db *db)
{
    return &db->port;
}

const struct gf_fail *db_last_fail(const struct db *db)
{
    return &db->fail;
}
