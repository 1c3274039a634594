/* changes.c - what head office changed, in one transaction with the cursor; see field/ports.h. */
#include <string.h>

#include "common/text.h"
#include "db/store.h"

#define BODY_MAX 2048           /* the longest sealed message here: a certificate, or a job */

_Static_assert(sync_Job_size + SEAL_EXTRA <= BODY_MAX, "a job fits");
_Static_assert(sync_Certificate_size + SEAL_EXTRA <= BODY_MAX, "a certificate fits");

/* How far a job is. States of one rank exclude each other; an unknown state is that of a newer head
 * office. */
static int rank(const char *state)
{
    static const struct {
        const char *state;
        int rank;
    } ranks[] = {{"planned", 0}, {"assigned", 1}, {"on-site", 2},
                 {"done", 3},    {"unable", 3},   {"checked", 4}};

    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++)
        if (strcmp(ranks[i].state, state) == 0)
            return ranks[i].rank;
    return 5;
}

/*
 * The state that a job has from now on. What was done here counts until head office can know of it:
 * while a run is active the state here stands; while a record of the job waits, head office may
 * only lead on. After that its word counts, backwards too: it has seen all that we have, and sends
 * the job again.
 */
static int state_of(struct db *db, const sync_Job *job, char *ret, size_t cap)
{
    char here[sizeof job->state];
    int64_t one;
    sqlite3_stmt *s;
    int r = db_query(db, SQL_JOB_STATE, DB_ARGS(db_blob(job->id, GF_UUID_LEN)), &s);

    (void)gf_copy(ret, cap, job->state);
    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        int copied = db_col_text(db, s, 0, here, sizeof here);
        r = copied != 0 ? copied : 1;
    }
    db_done(s);
    if (r != 1)
        return r;       /* 0: a new job */

    int active = db_number(db, SQL_RUN_ANY_ACTIVE, DB_ARGS(db_blob(job->id, GF_UUID_LEN)), &one);
    int waits = db_number(db, SQL_OUTBOX_JOB_WAITS, DB_ARGS(db_blob(job->id, GF_UUID_LEN)), &one);
    if (active < 0 || waits < 0)
        return active < 0 ? active : waits;
    if (active == 1 || (waits == 1 && rank(job->state) < rank(here)))
        (void)gf_copy(ret, cap, here);
    return 0;
}

static int put_job(struct db *db, const sync_Job *job)
{
    char state[sizeof job->state];
    uint8_t body[BODY_MAX];
    size_t n;
    int r = state_of(db, job, state, sizeof state);

    if (r == 0)
        r = db_seal_message(db, (struct seal_place){"jobs.body", job->id, GF_UUID_LEN},
                            sync_Job_fields, job, body, sizeof body, &n);
    if (r != 0)
        return r;
    return db_run(db, SQL_JOB_PUT,
                  DB_ARGS(db_blob(job->id, GF_UUID_LEN), db_text(job->number), db_text(state),
                          db_text(job->due), db_int(job->priority), db_blob(body, n)));
}

static int put_meter(struct db *db, const sync_MeterRow *m)
{
    return db_run(db, SQL_METER_PUT,
                  DB_ARGS(db_text(m->meter_id), db_int(m->meter_type), db_text(m->bt_address),
                          db_int(m->state)));
}

/* Head office sends tickets in the order of their serials, so the one that comes later replaces. */
static int put_ticket(struct db *db, const sync_TicketGrant *t)
{
    uint8_t row[TICKET_ROW_LEN], key[sizeof t->ticket_key + SEAL_EXTRA];
    int r = db_seal(db, db_ticket_place(t->job_id, t->epoch, t->meter_id, row), t->ticket_key,
                    sizeof t->ticket_key, key);

    if (r != 0)
        return r;
    return db_run(db, SQL_TICKET_PUT,
                  DB_ARGS(db_blob(t->job_id, GF_UUID_LEN), db_text(t->meter_id), db_int(t->epoch),
                          db_int(t->not_after_s), db_blob(t->ticket.bytes, t->ticket.size),
                          db_blob(key, sizeof key)));
}

static int put_key(struct db *db, const sync_KeyIssue *k)
{
    return db_run(db, SQL_KEY_PUT,
                  DB_ARGS(db_text(k->meter_id), db_int(k->epoch), db_blob(k->job_id, GF_UUID_LEN),
                          db_blob(k->envelope.bytes, k->envelope.size)));
}

/* Of a meter the case that came last counts: one that was called off is followed by another. */
static int put_swap(struct db *db, const sync_SwapIssue *s)
{
    return db_run(db, SQL_SWAP_PUT,
                  DB_ARGS(db_text(s->old_meter_id), db_int(s->wrap_epoch),
                          db_blob(s->job_id, GF_UUID_LEN),
                          db_blob(s->swap_key.bytes, s->swap_key.size)));
}

/* Of an account the newest token is sent, which brings what all before it would. */
static int put_token(struct db *db, const sync_TokenIssue *t)
{
    return db_run(db, SQL_TOKEN_PUT,
                  DB_ARGS(db_text(t->meter_id), db_int(t->epoch), db_u64(t->account_no),
                          db_u64(t->sequence), db_blob(t->job_id, GF_UUID_LEN),
                          db_blob(t->token.bytes, t->token.size)));
}

static int put_certificate(struct db *db, const sync_Certificate *c)
{
    uint8_t body[BODY_MAX];
    size_t n;
    int r = db_seal_message(db, (struct seal_place){"certificates.body", c->job_id, GF_UUID_LEN},
                            sync_Certificate_fields, c, body, sizeof body, &n);

    if (r != 0)
        return r;
    return db_run(db, SQL_CERTIFICATE_PUT,
                  DB_ARGS(db_blob(c->job_id, GF_UUID_LEN), db_blob(body, n)));
}

static int put_end(struct db *db, const sync_End *end)
{
    int r = db_run(db, SQL_CURSOR_PUT, DB_ARGS(db_u64(end->cursor)));

    return r >= 0 && end->wanted_seq > 0 ? db_outbox_again(db, end->wanted_seq) : r;
}

static int apply(struct db *db, const sync_Down *change)
{
    switch (change->which_body) {
    case sync_Down_job_tag:
        return put_job(db, &change->body.job);
    case sync_Down_meter_tag:
        return put_meter(db, &change->body.meter);
    case sync_Down_ticket_tag:
        return put_ticket(db, &change->body.ticket);
    case sync_Down_key_tag:
        return put_key(db, &change->body.key);
    case sync_Down_certificate_tag:
        return put_certificate(db, &change->body.certificate);
    case sync_Down_swap_tag:
        return put_swap(db, &change->body.swap);
    case sync_Down_token_tag:
        return put_token(db, &change->body.token);
    case sync_Down_end_tag:
        return put_end(db, &change->body.end);
    case sync_Down_verdict_tag:
        return db_refuse(db, GF_E_BUG, "changes",
                         "a verdict is no change: its signature has to be verified first");
    default:
        return 0;       /* of a newer head office, for newer programs */
    }
}

int db_changes_begin(void *ctx)
{
    struct db *db = ctx;
    int r = db_begin(db);

    db->changing = db->changing || r == 0;
    if (r == 0)
        db->changes_code = 0;
    return r;
}

int db_changes_apply(void *ctx, const sync_Down *change)
{
    struct db *db = ctx;

    if (!db->changing)
        return db_refuse(db, GF_E_BUG, "changes", "no transaction was begun");
    if (db->changes_code < 0)
        return db->changes_code;

    int r = apply(db, change);
    if (r < 0)
        db->changes_code = r;
    return r < 0 ? r : 0;
}

int db_changes_end(void *ctx, bool commit)
{
    struct db *db = ctx;

    if (!db->changing)
        return db_refuse(db, GF_E_BUG, "changes", "no transaction was begun");
    db->changing = false;
    if (!commit) {
        (void)db_end(db, GF_E_CANCELLED);
        return 0;
    }
    return db_end(db, db->changes_code);
}

int db_cursor(void *ctx, uint64_t *ret)
{
    struct db *db = ctx;
    int64_t cursor = 0;
    int r = db_number(db, SQL_CURSOR, DB_NO_ARGS, &cursor);

    if (r < 0)
        return r;
    *ret = (uint64_t)cursor;
    return 0;
}
