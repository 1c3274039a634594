/* sql.c - statements, their cache, transactions, SQLite's result codes; see store.h. */
#include "db/sql.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "db/store.h"

/* What waits for head office. The partial indexes of schema.c have the same words, else SQLite
 * would not use them. */
#define WAITING "state IN (0, 1, 4)"
#define REFUSED "state IN (5, 6)"
#define CLOSED "state IN ('done', 'unable', 'checked')"
#define TICKET_COLUMNS "job_id, not_after_s, ticket, key, epoch"
#define OUTBOX_COLUMNS "seq, id, hash, state, made_at_ms, body, verdict"

static const char *const texts[DB_SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",

    [SQL_VAULT_PUT] =
        "INSERT INTO vault (one, scrypt_n, salt, wrapped, made_at_ms) VALUES (1, ?, ?, ?, ?)",
    [SQL_VAULT] = "SELECT scrypt_n, salt, wrapped FROM vault WHERE one = 1",

    [SQL_SETTING_PUT] = "INSERT INTO settings (name, value) VALUES (?, ?)"
                        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [SQL_SETTING_DROP] = "DELETE FROM settings WHERE name = ?",
    [SQL_SETTING] = "SELECT value FROM settings WHERE name = ?",
    [SQL_SECRET_PUT] = "INSERT INTO secrets (name, value) VALUES (?, ?)"
                       " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [SQL_SECRET_DROP] = "DELETE FROM secrets WHERE name = ?",
    [SQL_SECRET] = "SELECT value FROM secrets WHERE name = ?",

    [SQL_JOBS] = "SELECT id, state, body FROM jobs WHERE (due, priority, number, id) > (?, ?, ?, ?)"
                 " ORDER BY due, priority, number, id",
    [SQL_JOBS_OPEN] =
        "SELECT id, state, body FROM jobs WHERE (due, priority, number, id) > (?, ?, ?, ?)"
        " AND NOT (" CLOSED ") ORDER BY due, priority, number, id",
    [SQL_JOB] = "SELECT id, state, body FROM jobs WHERE number = ? ORDER BY id DESC LIMIT 1",
    [SQL_JOB_OF] = "SELECT id, state, body FROM jobs WHERE id = ?",
    [SQL_JOB_THERE] = "SELECT 1 FROM jobs WHERE id = ?",
    [SQL_JOB_STATE] = "SELECT state FROM jobs WHERE id = ?",
    [SQL_JOB_STATE_PUT] = "UPDATE jobs SET state = ? WHERE id = ?",
    [SQL_JOB_PUT] =
        "INSERT INTO jobs (id, number, state, due, priority, body) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET number = excluded.number, state = excluded.state,"
        " due = excluded.due, priority = excluded.priority, body = excluded.body",

    [SQL_METER] = "SELECT meter_type, bt_address, state FROM meters WHERE meter_id = ?",
    [SQL_METER_PUT] =
        "INSERT INTO meters (meter_id, meter_type, bt_address, state) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (meter_id) DO UPDATE SET meter_type = excluded.meter_type,"
        " bt_address = excluded.bt_address, state = excluded.state",

    [SQL_TICKET_OF_JOB] = "SELECT " TICKET_COLUMNS " FROM tickets"
                          " WHERE meter_id = ? AND epoch = ? AND job_id = ?",
    [SQL_TICKET_OF_METER] = "SELECT " TICKET_COLUMNS " FROM tickets"
                            " WHERE meter_id = ? AND epoch = ? ORDER BY received DESC LIMIT 1",
    [SQL_TICKETS] = "SELECT " TICKET_COLUMNS " FROM tickets"
                    " WHERE meter_id = ? AND not_after_s >= ? ORDER BY received DESC LIMIT ?",
    /* REPLACE, not an update: the row gets a new `received`, and so is the newest. */
    [SQL_TICKET_PUT] = "REPLACE INTO tickets (job_id, meter_id, epoch, not_after_s, ticket, key)"
                       " VALUES (?, ?, ?, ?, ?, ?)",

    [SQL_KEY] = "SELECT epoch, job_id, envelope FROM key_issues WHERE meter_id = ? AND epoch > ?"
                " ORDER BY epoch LIMIT 1",
    [SQL_KEY_PUT] = "INSERT INTO key_issues (meter_id, epoch, job_id, envelope) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (meter_id, epoch) DO UPDATE SET job_id = excluded.job_id,"
                    " envelope = excluded.envelope",

    [SQL_SWAP] =
        "SELECT job_id, swap_key FROM swap_issues WHERE old_meter_id = ? AND wrap_epoch = ?",
    [SQL_SWAP_PUT] = "REPLACE INTO swap_issues (old_meter_id, wrap_epoch, job_id, swap_key)"
                     " VALUES (?, ?, ?, ?)",
    [SQL_TOKEN] = "SELECT job_id, token, account_no, sequence FROM token_issues"
                  " WHERE meter_id = ? AND epoch = ?",
    [SQL_TOKEN_PUT] =
        "REPLACE INTO token_issues (meter_id, epoch, account_no, sequence, job_id, token)"
        " VALUES (?, ?, ?, ?, ?, ?)",

    [SQL_CERTIFICATE] = "SELECT body FROM certificates WHERE job_id = ?",
    [SQL_CERTIFICATE_PUT] = "INSERT INTO certificates (job_id, body) VALUES (?, ?)"
                            " ON CONFLICT (job_id) DO UPDATE SET body = excluded.body",

    [SQL_RUN_ACTIVE] = "SELECT id, started_at_ms, next_step FROM runs"
                       " WHERE job_id = ? AND procedure = ? AND state = 1",
    [SQL_RUN_ANY_ACTIVE] = "SELECT 1 FROM runs WHERE job_id = ? AND state = 1 LIMIT 1",
    [SQL_RUN_PUT] = "INSERT INTO runs (id, job_id, procedure, started_at_ms, state, next_step)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
    [SQL_RUN_UPDATE] = "UPDATE runs SET state = ?, next_step = ? WHERE id = ? AND job_id = ?",

    [SQL_STEP_LAST] =
        "SELECT attempt, state, op_id, base_seq, planned_at_ms, finished_at_ms, request, result"
        " FROM steps WHERE run_id = ? AND step = ? ORDER BY attempt DESC LIMIT 1",
    [SQL_STEP_BASE] = "SELECT coalesce(max(base_seq), 0) FROM steps WHERE step = ?",
    [SQL_STEP_PUT] =
        "INSERT INTO steps (run_id, step, attempt, state, op_id, base_seq, planned_at_ms,"
        " finished_at_ms, request, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (run_id, step, attempt) DO UPDATE SET state = excluded.state,"
        " base_seq = excluded.base_seq, planned_at_ms = excluded.planned_at_ms,"
        " finished_at_ms = excluded.finished_at_ms, request = excluded.request,"
        " result = excluded.result WHERE op_id = excluded.op_id",

    [SQL_OUTBOX_HEAD] = "SELECT seq, hash FROM outbox ORDER BY seq DESC LIMIT 1",
    [SQL_OUTBOX_ADD] = "INSERT INTO outbox (seq, id, kind, job_id, made_at_ms, hash, state, body)"
                       " VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
    [SQL_OUTBOX_NEXT] =
        "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE seq > ? AND " WAITING " ORDER BY seq LIMIT ?",
    [SQL_OUTBOX_PAGE] =
        "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE seq < ? ORDER BY seq DESC LIMIT ?",
    [SQL_OUTBOX_ITEM] = "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE id = ?",
    [SQL_OUTBOX_VERDICT] =
        "UPDATE outbox SET state = ?, verdict = ?, answered_at_ms = ? WHERE seq = ?",
    [SQL_OUTBOX_AGAIN] = "UPDATE outbox SET state = 0, verdict = NULL, answered_at_ms = NULL"
                         " WHERE seq >= ? AND NOT (" WAITING ")",
    [SQL_OUTBOX_WAITING] = "SELECT count(*) FROM outbox WHERE " WAITING,
    [SQL_OUTBOX_REFUSED] = "SELECT count(*) FROM outbox WHERE " REFUSED,
    [SQL_OUTBOX_OLDEST] = "SELECT made_at_ms FROM outbox WHERE " WAITING " ORDER BY seq LIMIT 1",
    [SQL_OUTBOX_JOB_WAITS] = "SELECT 1 FROM outbox WHERE job_id = ? AND " WAITING " LIMIT 1",

    [SQL_CURSOR] = "SELECT cursor FROM sync WHERE one = 1",
    [SQL_CURSOR_PUT] = "UPDATE sync SET cursor = ? WHERE one = 1",
};

const char *db_sql_text(enum db_sql which)
{
    return texts[which];
}

/* SQLite's primary result code, what it is to us. What is not here is GF_E_STORE. */
static const struct {
    int rc, code;
} codes[] = {
    {SQLITE_FULL, GF_E_DISK_FULL},
    {SQLITE_CORRUPT, GF_E_STORE_DAMAGED},
    {SQLITE_NOTADB, GF_E_STORE_DAMAGED},
    {SQLITE_BUSY, GF_E_STORE_BUSY},
    {SQLITE_LOCKED, GF_E_STORE_BUSY},
    {SQLITE_NOMEM, GF_E_MEMORY},
    {SQLITE_CONSTRAINT, GF_E_BUG},
    {SQLITE_MISUSE, GF_E_BUG},
    {SQLITE_RANGE, GF_E_BUG},
    {SQLITE_TOOBIG, GF_E_SPACE},
};

/* A write that found no room although SQLite calls it an I/O error: quota, or the limit on file
 * size. A failed fsync is not among them: what it left on the disk is unknown. */
static bool no_room(int rc, int os_error)
{
    return (rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_SHMSIZE) &&
           (os_error == ENOSPC || os_error == EDQUOT || os_error == EFBIG);
}

int db_refuse(struct db *db, int code, const char *where, const char *detail)
{
    db->fail = (struct gf_fail){0};
    return gf_fail(&db->fail, code, where, detail);
}

int db_error(struct db *db, int rc)
{
    char detail[sizeof db->fail.detail];
    int code = GF_E_STORE, primary = rc & 0xFF, os_error = errno;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].rc == primary)
            code = codes[i].code;
    if (no_room(rc, os_error))
        code = GF_E_DISK_FULL;
    else if (primary == SQLITE_IOERR)
        db->broken = true;
    (void)snprintf(detail, sizeof detail, "%s (SQLite %d)",
                   db->sql != NULL ? sqlite3_errmsg(db->sql) : "", rc);
    return db_refuse(db, code, "store", detail);
}

struct db_arg db_int(int64_t v)
{
    return (struct db_arg){.type = ARG_INT, .i = v};
}

struct db_arg db_u64(uint64_t v)
{
    return db_int(v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

struct db_arg db_text(const char *text)
{
    return (struct db_arg){.type = ARG_TEXT, .p = text, .n = strlen(text)};
}

struct db_arg db_blob(const void *p, size_t n)
{
    return (struct db_arg){.type = ARG_BLOB, .p = n > 0 ? p : "", .n = n};
}

static int bind(sqlite3_stmt *s, int at, const struct db_arg *a)
{
    switch (a->type) {
    case ARG_INT:
        return sqlite3_bind_int64(s, at, a->i);
    case ARG_TEXT:
        return sqlite3_bind_text64(s, at, a->p, a->n, SQLITE_STATIC, SQLITE_UTF8);
    case ARG_BLOB:
        return sqlite3_bind_blob64(s, at, a->p, a->n, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;   /* no such type */
}

int db_query(struct db *db, enum db_sql which, const struct db_arg *args, size_t n,
             sqlite3_stmt **ret)
{
    sqlite3_stmt *s = db->stmt[which];
    int rc = SQLITE_OK;

    if (s == NULL) {
        rc = sqlite3_prepare_v3(db->sql, texts[which], -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
        if (rc != SQLITE_OK)
            return db_error(db, rc);
        db->stmt[which] = s;
    }
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
        rc = bind(s, (int)i + 1, &args[i]);
    if (rc != SQLITE_OK) {
        db_done(s);
        return db_error(db, rc);
    }
    *ret = s;
    return 0;
}

int db_row(struct db *db, sqlite3_stmt *s)
{
    errno = 0; /* for db_error(): sqlite3_system_errno() does not know of failures at a commit */
    int rc = sqlite3_step(s);

    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : db_error(db, rc);
}

void db_done(sqlite3_stmt *s)
{
    (void)sqlite3_reset(s);             /* tells the failure of the last step once more */
    (void)sqlite3_clear_bindings(s);    /* the bound bytes are the caller's and may go */
}

int db_run(struct db *db, enum db_sql which, const struct db_arg *args, size_t n)
{
    sqlite3_stmt *s;
    int r = db_query(db, which, args, n, &s);

    if (r < 0)
        return r;
    r = db_row(db, s);
    if (r >= 0)
        r = sqlite3_changes(db->sql);
    db_done(s);
    return r;
}

int db_number(struct db *db, enum db_sql which, const struct db_arg *args, size_t n, int64_t *ret)
{
    sqlite3_stmt *s;
    int r = db_query(db, which, args, n, &s);

    if (r < 0)
        return r;
    r = db_row(db, s);
    if (r == 1)
        *ret = sqlite3_column_int64(s, 0);
    db_done(s);
    return r;
}

int db_col_bytes(struct db *db, sqlite3_stmt *s, int col, uint8_t *ret, size_t n)
{
    if ((size_t)sqlite3_column_bytes(s, col) != n)
        return db_refuse(db, GF_E_STORE_DAMAGED, sqlite3_column_name(s, col),
                         "a value has another length");
    memcpy(ret, sqlite3_column_blob(s, col), n);
    return 0;
}

int db_col_text(struct db *db, sqlite3_stmt *s, int col, char *ret, size_t cap)
{
    const unsigned char *text = sqlite3_column_text(s, col);

    if (text == NULL || !gf_copy(ret, cap, (const char *)text))
        return db_refuse(db, GF_E_STORE_DAMAGED, sqlite3_column_name(s, col),
                         "a text is longer than it can be");
    return 0;
}

int db_begin(struct db *db)
{
    if (db->broken)
        return db_refuse(db, GF_E_STORE, "store",
                         "an earlier write failed: close the program and start it again");
    if (db->changing)
        return db_refuse(db, GF_E_NOT_NOW, "store", "head office's changes are being stored");
    int r = db_run(db, SQL_BEGIN, DB_NO_ARGS);
    return r < 0 ? r : 0;
}

int db_end(struct db *db, int code)
{
    if (code >= 0) {
        int r = db_run(db, SQL_COMMIT, DB_NO_ARGS);
        if (r >= 0)
            return code;
        code = r;
    }
    /* SQLite has rolled back by itself after some failures. What a rollback answers is not the
     * failure to tell. */
    if (!sqlite3_get_autocommit(db->sql)) {
        struct gf_fail first = db->fail;

        (void)db_run(db, SQL_ROLLBACK, DB_NO_ARGS);
        db->fail = first;
    }
    return code;
}
