/* schema.c - the numbered steps that make the database's tables; see store.h.
 *
 * Step n of the table takes a database from user_version n to n + 1, in one transaction. A released
 * step is never changed: a later version appends another. Sealed columns hold what seal.c made:
 * vault.wrapped, secrets.value, jobs.body, tickets.key, certificates.body, steps.request,
 * steps.result, outbox.body, outbox.verdict.
 */
#include "db/store.h"

static const char first[] =
    /* The data key of everything sealed, wrapped by a key from the passphrase. */
    "CREATE TABLE vault (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " scrypt_n INTEGER NOT NULL, salt BLOB NOT NULL, wrapped BLOB NOT NULL,"
    " made_at_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sync (one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER NOT NULL) STRICT;"
    "INSERT INTO sync (one, cursor) VALUES (1, 0);"

    /* What head office sent. */
    "CREATE TABLE jobs (id BLOB PRIMARY KEY CHECK (length(id) = 16), number TEXT NOT NULL,"
    " state TEXT NOT NULL, due TEXT NOT NULL, priority INTEGER NOT NULL,"
    " body BLOB NOT NULL) STRICT;"
    "CREATE INDEX jobs_order ON jobs (due, priority, number, id);"
    "CREATE INDEX jobs_open ON jobs (due, priority, number, id)"
    " WHERE NOT (state IN ('done', 'unable', 'checked'));"
    "CREATE INDEX jobs_number ON jobs (number, id);"
    "CREATE TABLE meters (meter_id TEXT PRIMARY KEY, meter_type INTEGER NOT NULL,"
    " bt_address TEXT NOT NULL, state INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tickets (received INTEGER PRIMARY KEY AUTOINCREMENT, job_id BLOB NOT NULL,"
    " meter_id TEXT NOT NULL, epoch INTEGER NOT NULL, not_after_s INTEGER NOT NULL,"
    " ticket BLOB NOT NULL, key BLOB NOT NULL, UNIQUE (meter_id, epoch, job_id)) STRICT;"
    "CREATE INDEX tickets_newest ON tickets (meter_id, epoch, received);"
    "CREATE TABLE key_issues (meter_id TEXT NOT NULL, epoch INTEGER NOT NULL, job_id BLOB NOT NULL,"
    " envelope BLOB NOT NULL, PRIMARY KEY (meter_id, epoch)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE certificates (job_id BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT;"

    /* What was done here. */
    "CREATE TABLE runs (id BLOB PRIMARY KEY CHECK (length(id) = 16),"
    " job_id BLOB NOT NULL REFERENCES jobs (id), procedure TEXT NOT NULL,"
    " started_at_ms INTEGER NOT NULL, state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),"
    " next_step INTEGER NOT NULL) STRICT;"
    "CREATE INDEX runs_of_job ON runs (job_id);"
    "CREATE UNIQUE INDEX runs_active ON runs (job_id, procedure) WHERE state = 1;"
    "CREATE TABLE steps (run_id BLOB NOT NULL REFERENCES runs (id), step TEXT NOT NULL,"
    " attempt INTEGER NOT NULL, state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),"
    " op_id BLOB NOT NULL CHECK (length(op_id) = 16), base_seq INTEGER NOT NULL,"
    " planned_at_ms INTEGER NOT NULL, finished_at_ms INTEGER NOT NULL,"
    " request BLOB NOT NULL, result BLOB NOT NULL, PRIMARY KEY (run_id, step, attempt)) STRICT;"

    /* Records for head office: their bytes never change, and they never go. */
    "CREATE TABLE outbox (seq INTEGER PRIMARY KEY CHECK (seq > 0),"
    " id BLOB NOT NULL UNIQUE CHECK (length(id) = 16), kind INTEGER NOT NULL,"
    " job_id BLOB NOT NULL, made_at_ms INTEGER NOT NULL,"
    " hash BLOB NOT NULL CHECK (length(hash) = 32),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),"
    " body BLOB NOT NULL, verdict BLOB, answered_at_ms INTEGER) STRICT;"
    "CREATE INDEX outbox_waiting ON outbox (seq, state) WHERE state IN (0, 1, 4);"
    "CREATE INDEX outbox_refused ON outbox (seq, state) WHERE state IN (5, 6);"
    "CREATE INDEX outbox_of_job ON outbox (job_id, state) WHERE state IN (0, 1, 4);"
    "CREATE TRIGGER outbox_is_kept BEFORE DELETE ON outbox"
    " BEGIN SELECT raise(ABORT, 'records are never deleted'); END;"
    "CREATE TRIGGER outbox_is_fixed"
    " BEFORE UPDATE OF seq, id, kind, job_id, made_at_ms, hash, body ON outbox"
    " BEGIN SELECT raise(ABORT, 'records are never changed'); END;";

static const char second[] =
    /* Credit on its way to a meter, and what an old meter needs to hand its own over: sealed for
     * that meter. */
    "CREATE TABLE swap_issues (old_meter_id TEXT NOT NULL, wrap_epoch INTEGER NOT NULL,"
    " job_id BLOB NOT NULL, swap_key BLOB NOT NULL,"
    " PRIMARY KEY (old_meter_id, wrap_epoch)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE token_issues (meter_id TEXT NOT NULL, epoch INTEGER NOT NULL,"
    " account_no INTEGER NOT NULL, sequence INTEGER NOT NULL, job_id BLOB NOT NULL,"
    " token BLOB NOT NULL, PRIMARY KEY (meter_id, epoch)) STRICT, WITHOUT ROWID;"
    /* All tickets of a meter; up to where its receipts are here, over all runs. */
    "CREATE INDEX tickets_of_meter ON tickets (meter_id, received);"
    "CREATE INDEX steps_named ON steps (step, base_seq);"
    /* Head office has sent such rows already, and they were not kept: all is fetched once more. */
    "UPDATE sync SET cursor = 0;";

const char *const db_migrations[] = {first, second};
const int db_migrations_n = (int)(sizeof db_migrations / sizeof db_migrations[0]);
