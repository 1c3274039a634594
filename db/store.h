/* store.h - inside of db/: the store's object, statements, transactions, sealing. */
#ifndef GF_DB_STORE_H
#define GF_DB_STORE_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>
#include <pb.h>
#include <sqlite3.h>

#include "db/db.h"
#include "db/sql.h"

#define SEAL_KEY_LEN 32
#define SEAL_EXTRA 28           /* nonce 12 before, tag 16 behind */

struct db {
    sqlite3 *sql;
    sqlite3_stmt *stmt[DB_SQL_COUNT];   /* prepared at first use, kept */
    int lock_fd;                        /* flock()ed while the store is open; -1: not yet */
    const struct gf_clock *clock;
    const struct gf_random *random;
    uint8_t key[SEAL_KEY_LEN];          /* of everything sealed */
    EVP_CIPHER_CTX *gcm;
    locale_t letters;                   /* for upper and lower case; 0: the system has no UTF-8 */
    bool changing;                      /* between changes_begin and changes_end */
    int changes_code;                   /* first failure in between */
    bool broken;                        /* a write failed in a way that leaves the file unknown */
    struct outbox_counts counts;        /* kept: as they were after counted_at changes of rows */
    int64_t counted_at;
    bool counted;
    struct gf_fail fail;
    struct store_port port;
};

/* ---- statements (sql.c) ---- */

/* One bound value; made by the functions below. Bytes are borrowed until the statement is done. */
struct db_arg {
    enum { ARG_INT, ARG_TEXT, ARG_BLOB } type;
    int64_t i;
    const void *p;
    size_t n;
};

struct db_arg db_int(int64_t v);
struct db_arg db_u64(uint64_t v);       /* above INT64_MAX counts as INT64_MAX: no row is there */
struct db_arg db_text(const char *text);
struct db_arg db_blob(const void *p, size_t n);

#define DB_ARGS(...) (const struct db_arg[]){__VA_ARGS__}, \
                     sizeof((const struct db_arg[]){__VA_ARGS__}) / sizeof(struct db_arg)
#define DB_NO_ARGS NULL, 0

/* Prepare (or take from the cache), bind. 0 and *ret, or GF_E_*. End with db_done(). */
int db_query(struct db *db, enum db_sql which, const struct db_arg *args, size_t n,
             sqlite3_stmt **ret);

/* Next row: 1; 0 at the end; or GF_E_*. */
int db_row(struct db *db, sqlite3_stmt *s);
void db_done(sqlite3_stmt *s);

/* Run a statement that gives no rows: how many rows it changed, or GF_E_*. */
int db_run(struct db *db, enum db_sql which, const struct db_arg *args, size_t n);

/* Run a query of at most one row and one number: 1 and *ret, 0 when there is no row, or GF_E_*. */
int db_number(struct db *db, enum db_sql which, const struct db_arg *args, size_t n, int64_t *ret);

/* Column `col` as exactly n bytes, or as text that fits. 0 or GF_E_STORE_DAMAGED. */
int db_col_bytes(struct db *db, sqlite3_stmt *s, int col, uint8_t *ret, size_t n);
int db_col_text(struct db *db, sqlite3_stmt *s, int col, char *ret, size_t cap);

/* Begin a writing transaction: 0, GF_E_NOT_NOW between changes_begin and changes_end, GF_E_STORE
 * when broken. */
int db_begin(struct db *db);

/* End it: commit when code >= 0, else roll back. `code`, or why it could not be committed. */
int db_end(struct db *db, int code);

/* Translate SQLite's result code, note it as the last failure. To be called with the errno that the
 * failed call left (0 before it). Never 0. */
int db_error(struct db *db, int rc);

/* Note a failure of our own as the last one; returns code. */
int db_refuse(struct db *db, int code, const char *where, const char *detail);

/* ---- sealing (seal.c) ---- */

/* Where a sealed value lives; it opens nowhere else. */
struct seal_place {
    const char *column;             /* "jobs.body" */
    const void *row;                /* the row's key */
    size_t row_len;
};

/* Seal n bytes into ret, which has room for n + SEAL_EXTRA. 0, GF_E_RANDOM, GF_E_CRYPTO. */
int db_seal(struct db *db, struct seal_place at, const void *plain, size_t n, uint8_t *ret);

/* Open a column. 0 and *ret_n, or GF_E_STORE_DAMAGED. NULL in the column opens as nothing. */
int db_unseal(struct db *db, struct seal_place at, sqlite3_stmt *s, int col, uint8_t *ret,
              size_t cap, size_t *ret_n);

/* The same for a message of Protocol Buffers; `ret` of db_seal_message has room for cap bytes. */
int db_seal_message(struct db *db, struct seal_place at, const pb_msgdesc_t *fields,
                    const void *msg, uint8_t *ret, size_t cap, size_t *ret_n);
int db_unseal_message(struct db *db, struct seal_place at, sqlite3_stmt *s, int col,
                      const pb_msgdesc_t *fields, void *ret);

/* Make the vault of a new database (data key, wrapped by the passphrase), or open it: fills
 * db->key. */
int db_vault_make(struct db *db, const struct db_config *cfg);
int db_vault_open(struct db *db, const struct db_config *cfg);

/* ---- schema (schema.c) ---- */

extern const char *const db_migrations[];
extern const int db_migrations_n;

/* ---- the store port's parts ---- */

int db_jobs(void *ctx, const struct job_query *q, sync_Job *ret, size_t cap);
int db_job(void *ctx, const char *number, sync_Job *ret);
int db_job_of(void *ctx, const uint8_t id[static 16], sync_Job *ret);
int db_meter(void *ctx, const char *meter_id, sync_MeterRow *ret);
int db_ticket(void *ctx, const char *meter_id, const uint8_t *job_id, uint32_t epoch,
              struct ticket_row *ret);
int db_tickets(void *ctx, const char *meter_id, int64_t at_s, struct ticket_row *ret, size_t cap);
int db_key_issue(void *ctx, const char *meter_id, uint32_t epoch_above, sync_KeyIssue *ret);
int db_swap_issue(void *ctx, const char *old_meter_id, uint32_t wrap_epoch, sync_SwapIssue *ret);
int db_token_issue(void *ctx, const char *meter_id, uint32_t epoch, sync_TokenIssue *ret);
int db_certificate(void *ctx, const uint8_t job_id[static 16], sync_Certificate *ret);

int db_run_open(void *ctx, const struct run_row *fresh, struct run_row *ret);
int db_run_active(void *ctx, const uint8_t job_id[static 16], const char *procedure,
                  struct run_row *ret);
int db_receipts_known(void *ctx, const char *step, uint64_t *ret);
int db_step_last(void *ctx, const uint8_t run_id[static 16], const char *step,
                 struct step_row *ret);
int db_step_save(void *ctx, const struct step_row *step, const struct run_row *run,
                 const char *job_state, const struct outbox_new *items, size_t n_items);

int db_outbox_next(void *ctx, uint64_t after_seq, struct outbox_row *ret, size_t cap);
int db_outbox_page(void *ctx, uint64_t before_seq, struct outbox_row *ret, size_t cap);
int db_outbox_item(void *ctx, const uint8_t id[static 16], struct outbox_row *ret);
int db_outbox_counts(void *ctx, struct outbox_counts *ret);
int db_outbox_verdict(void *ctx, const sync_Verdict *v);

/* Head office has no more what it had (sync.End.wanted_seq): the records from there on wait again,
 * without a verdict, and are sent once more; inside the transaction of its changes. Nothing happens
 * when that record waits anyway, or was refused because another one has its place. 0 or GF_E_*. */
int db_outbox_again(struct db *db, uint64_t wanted_seq);

/* Append a record inside a transaction that is open. 0, GF_E_MISMATCH, GF_E_SPACE, store errors. */
int db_outbox_add(struct db *db, const struct outbox_new *item);

int db_cursor(void *ctx, uint64_t *ret);
int db_changes_begin(void *ctx);
int db_changes_apply(void *ctx, const sync_Down *change);
int db_changes_end(void *ctx, bool commit);

/* The place of a ticket's key: its row's natural key in `row`. */
#define TICKET_ROW_LEN (16 + 4 + GF_METER_ID_TEXT)
struct seal_place db_ticket_place(const uint8_t job_id[static 16], uint32_t epoch,
                                  const char *meter_id, uint8_t row[static TICKET_ROW_LEN]);

/* ---- words (filter.c) ---- */

#define FILTER_MAX 256

/* Folded words, each ended by 0, the last by two. */
struct db_filter {
    uint32_t words[FILTER_MAX + 2];
};

/* Prepare a filter; of a longer text only FILTER_MAX characters count. NULL: matches all. */
void db_filter_make(const struct db *db, const char *text, struct db_filter *ret);
bool db_filter_match(const struct db *db, const struct db_filter *f, const sync_Job *job);

#endif
