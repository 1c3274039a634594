/* bundle.c - reading what head office sent: jobs, meters, tickets, keys; see field/ports.h. */
#include <string.h>

#include "common/bytes.h"
#include "common/text.h"
#include "db/store.h"

/* The job in the row: columns id, state, body. The state is the column's: the body keeps the one
 * that came. */
static int read_job(struct db *db, sqlite3_stmt *s, sync_Job *ret)
{
    uint8_t id[GF_UUID_LEN];
    int r = db_col_bytes(db, s, 0, id, sizeof id);

    if (r == 0)
        r = db_unseal_message(db, (struct seal_place){"jobs.body", id, sizeof id}, s, 2,
                              sync_Job_fields, ret);
    if (r == 0)
        r = db_col_text(db, s, 1, ret->state, sizeof ret->state);
    return r;
}

int db_jobs(void *ctx, const struct job_query *q, sync_Job *ret, size_t cap)
{
    struct db *db = ctx;
    const uint8_t nothing[1] = {0};
    struct db_filter filter;
    sqlite3_stmt *s;
    size_t n = 0;
    int r;

    db_filter_make(db, q->filter, &filter);
    if (q->after != NULL)
        r = db_query(db, q->open_only ? SQL_JOBS_OPEN : SQL_JOBS,
                     DB_ARGS(db_text(q->after->due), db_int(q->after->priority),
                             db_text(q->after->number), db_blob(q->after->id, GF_UUID_LEN)),
                     &s);
    else
        r = db_query(db, q->open_only ? SQL_JOBS_OPEN : SQL_JOBS,
                     DB_ARGS(db_text(""), db_int(-1), db_text(""), db_blob(nothing, 0)), &s);
    if (r != 0)
        return r;
    while (r >= 0 && n < cap && (r = db_row(db, s)) == 1) {
        r = read_job(db, s, &ret[n]);
        if (r == 0 && db_filter_match(db, &filter, &ret[n]))
            n++;
    }
    db_done(s);
    return r < 0 ? r : (int)n;
}

static int one_job(struct db *db, enum db_sql which, struct db_arg key, const char *name,
                   sync_Job *ret)
{
    sqlite3_stmt *s;
    int r = db_query(db, which, &key, 1, &s);

    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1)
        r = read_job(db, s, ret);
    else if (r == 0)
        r = db_refuse(db, GF_E_NO_JOB, "job", name);
    db_done(s);
    return r;
}

int db_job(void *ctx, const char *number, sync_Job *ret)
{
    return one_job(ctx, SQL_JOB, db_text(number), number, ret);
}

int db_job_of(void *ctx, const uint8_t id[static 16], sync_Job *ret)
{
    return one_job(ctx, SQL_JOB_OF, db_blob(id, GF_UUID_LEN), "by its id", ret);
}

int db_meter(void *ctx, const char *meter_id, sync_MeterRow *ret)
{
    struct db *db = ctx;
    sync_MeterRow m = sync_MeterRow_init_zero;
    sqlite3_stmt *s;
    int r = db_query(db, SQL_METER, DB_ARGS(db_text(meter_id)), &s);

    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        (void)gf_copy(m.meter_id, sizeof m.meter_id, meter_id);     /* fits: it was found */
        m.meter_type = (uint32_t)sqlite3_column_int64(s, 0);
        r = db_col_text(db, s, 1, m.bt_address, sizeof m.bt_address);
        m.state = (uint32_t)sqlite3_column_int64(s, 2);
        if (r == 0)
            *ret = m;
    } else if (r == 0) {
        r = db_refuse(db, GF_E_UNREGISTERED, "meter", meter_id);
    }
    db_done(s);
    return r;
}

struct seal_place db_ticket_place(const uint8_t job_id[static 16], uint32_t epoch,
                                  const char *meter_id, uint8_t row[static TICKET_ROW_LEN])
{
    struct gf_writer w = {.p = row, .cap = TICKET_ROW_LEN};

    gf_wr(&w, job_id, 16);
    gf_wr_uint(&w, epoch, 4);
    gf_wr(&w, meter_id, strlen(meter_id));
    return (struct seal_place){"tickets.key", row, w.n};
}

/* Columns job_id, not_after_s, ticket, key, epoch. */
static int read_ticket(struct db *db, sqlite3_stmt *s, const char *meter_id, struct ticket_row *ret)
{
    uint8_t row[TICKET_ROW_LEN];
    struct ticket_row t = {.epoch = (uint32_t)sqlite3_column_int64(s, 4)};
    size_t key_len = 0;
    int r = db_col_bytes(db, s, 0, t.job_id, sizeof t.job_id);

    t.not_after_s = sqlite3_column_int64(s, 1);
    t.ticket_len = (size_t)sqlite3_column_bytes(s, 2);
    if (r == 0 && t.ticket_len > sizeof t.ticket)
        r = db_refuse(db, GF_E_STORE_DAMAGED, "tickets.ticket",
                      "a ticket is longer than it can be");
    if (r == 0)
        r = db_col_bytes(db, s, 2, t.ticket, t.ticket_len);
    if (r == 0)
        r = db_unseal(db, db_ticket_place(t.job_id, t.epoch, meter_id, row), s, 3, t.key,
                      sizeof t.key, &key_len);
    if (r == 0 && key_len != sizeof t.key)
        r = db_refuse(db, GF_E_STORE_DAMAGED, "tickets.key", "a key has another length");
    if (r == 0)
        *ret = t;
    gf_wipe(&t, sizeof t);
    return r;
}

int db_ticket(void *ctx, const char *meter_id, const uint8_t *job_id, uint32_t epoch,
              struct ticket_row *ret)
{
    struct db *db = ctx;
    sqlite3_stmt *s;
    int r;

    if (job_id != NULL)
        r = db_query(db, SQL_TICKET_OF_JOB,
                     DB_ARGS(db_text(meter_id), db_int(epoch), db_blob(job_id, GF_UUID_LEN)), &s);
    else
        r = db_query(db, SQL_TICKET_OF_METER, DB_ARGS(db_text(meter_id), db_int(epoch)), &s);
    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1)
        r = read_ticket(db, s, meter_id, ret);
    else if (r == 0)
        r = db_refuse(db, GF_E_NO_TICKET, "ticket", meter_id);
    db_done(s);
    return r;
}

int db_tickets(void *ctx, const char *meter_id, int64_t at_s, struct ticket_row *ret, size_t cap)
{
    struct db *db = ctx;
    sqlite3_stmt *s;
    size_t n = 0;
    int r = db_query(db, SQL_TICKETS, DB_ARGS(db_text(meter_id), db_int(at_s), db_u64(cap)), &s);

    if (r != 0)
        return r;
    while (r >= 0 && n < cap && (r = db_row(db, s)) == 1)
        r = read_ticket(db, s, meter_id, &ret[n++]);
    db_done(s);
    if (r < 0)
        gf_wipe(ret, n * sizeof *ret);
    return r < 0 ? r : (int)n;
}

int db_key_issue(void *ctx, const char *meter_id, uint32_t epoch_above, sync_KeyIssue *ret)
{
    struct db *db = ctx;
    sync_KeyIssue k = sync_KeyIssue_init_zero;
    sqlite3_stmt *s;
    int r = db_query(db, SQL_KEY, DB_ARGS(db_text(meter_id), db_int(epoch_above)), &s);

    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 0)
        r = db_refuse(db, GF_E_NO_TICKET, "key", meter_id);
    else if (r == 1) {
        (void)gf_copy(k.meter_id, sizeof k.meter_id, meter_id);     /* fits: it was found */
        k.epoch = (uint32_t)sqlite3_column_int64(s, 0);
        r = db_col_bytes(db, s, 1, k.job_id, sizeof k.job_id);
        k.envelope.size = (pb_size_t)sqlite3_column_bytes(s, 2);
        if (r == 0 && k.envelope.size > sizeof k.envelope.bytes)
            r = db_refuse(db, GF_E_STORE_DAMAGED, "key_issues.envelope",
                          "an envelope is longer than it can be");
        if (r == 0)
            r = db_col_bytes(db, s, 2, k.envelope.bytes, k.envelope.size);
        if (r == 0)
            *ret = k;
    }
    db_done(s);
    return r;
}

/* A column of sealed bytes, of any length up to cap. */
static int read_sealed(struct db *db, sqlite3_stmt *s, int col, uint8_t *ret, size_t cap,
                       pb_size_t *ret_n)
{
    size_t n = (size_t)sqlite3_column_bytes(s, col);

    if (n > cap)
        return db_refuse(db, GF_E_STORE_DAMAGED, sqlite3_column_name(s, col),
                         "a value is longer than it can be");
    *ret_n = (pb_size_t)n;
    return db_col_bytes(db, s, col, ret, n);
}

int db_swap_issue(void *ctx, const char *old_meter_id, uint32_t wrap_epoch, sync_SwapIssue *ret)
{
    struct db *db = ctx;
    sync_SwapIssue i = sync_SwapIssue_init_zero;
    sqlite3_stmt *s;
    int r = db_query(db, SQL_SWAP, DB_ARGS(db_text(old_meter_id), db_int(wrap_epoch)), &s);

    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        (void)gf_copy(i.old_meter_id, sizeof i.old_meter_id, old_meter_id); /* fits: it was found */
        i.wrap_epoch = wrap_epoch;
        r = db_col_bytes(db, s, 0, i.job_id, sizeof i.job_id);
        if (r == 0)
            r = read_sealed(db, s, 1, i.swap_key.bytes, sizeof i.swap_key.bytes, &i.swap_key.size);
        if (r == 0) {
            *ret = i;
            r = 1;
        }
    }
    db_done(s);
    return r;
}

int db_token_issue(void *ctx, const char *meter_id, uint32_t epoch, sync_TokenIssue *ret)
{
    struct db *db = ctx;
    sync_TokenIssue t = sync_TokenIssue_init_zero;
    sqlite3_stmt *s;
    int r = db_query(db, SQL_TOKEN, DB_ARGS(db_text(meter_id), db_int(epoch)), &s);

    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        (void)gf_copy(t.meter_id, sizeof t.meter_id, meter_id);     /* fits: it was found */
        t.epoch = epoch;
        t.account_no = (uint64_t)sqlite3_column_int64(s, 2);
        t.sequence = (uint64_t)sqlite3_column_int64(s, 3);
        r = db_col_bytes(db, s, 0, t.job_id, sizeof t.job_id);
        if (r == 0)
            r = read_sealed(db, s, 1, t.token.bytes, sizeof t.token.bytes, &t.token.size);
        if (r == 0) {
            *ret = t;
            r = 1;
        }
    }
    db_done(s);
    return r;
}

int db_certificate(void *ctx, const uint8_t job_id[static 16], sync_Certificate *ret)
{
    struct db *db = ctx;
    sqlite3_stmt *s;
    int r = db_query(db, SQL_CERTIFICATE, DB_ARGS(db_blob(job_id, GF_UUID_LEN)), &s);

    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        r = db_unseal_message(db, (struct seal_place){"certificates.body", job_id, GF_UUID_LEN}, s,
                              0, sync_Certificate_fields, ret);
        r = r == 0 ? 1 : r;
    }
    db_done(s);
    return r;
}
