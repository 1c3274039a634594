/* runs.c - runs and their steps, saved together with what they caused; see field/ports.h. */
#include <string.h>

#include "common/bytes.h"
#include "common/text.h"
#include "db/store.h"

/* Key of a step's row: run, attempt, name. */
#define STEP_ROW_LEN (GF_UUID_LEN + 4 + 24)

static struct seal_place step_place(const char *column, const uint8_t *run_id, uint32_t attempt,
                                    const char *step, uint8_t row[static STEP_ROW_LEN])
{
    struct gf_writer w = {.p = row, .cap = STEP_ROW_LEN};

    gf_wr(&w, run_id, GF_UUID_LEN);
    gf_wr_uint(&w, attempt, 4);
    gf_wr(&w, step, strlen(step));
    return (struct seal_place){column, row, w.n};
}

int db_run_active(void *ctx, const uint8_t job_id[static 16], const char *procedure,
                  struct run_row *ret)
{
    struct db *db = ctx;
    struct run_row found = {.state = RUN_ACTIVE};
    sqlite3_stmt *s;
    int r = db_query(db, SQL_RUN_ACTIVE,
                     DB_ARGS(db_blob(job_id, GF_UUID_LEN), db_text(procedure)), &s);

    if (r != 0)
        return r;
    memcpy(found.job_id, job_id, sizeof found.job_id);
    (void)gf_copy(found.procedure, sizeof found.procedure, procedure);
    r = db_row(db, s);
    if (r == 1) {
        r = db_col_bytes(db, s, 0, found.id, sizeof found.id);
        found.started_at_ms = sqlite3_column_int64(s, 1);
        found.next_step = (uint32_t)sqlite3_column_int64(s, 2);
        if (r == 0) {
            *ret = found;
            r = 1;
        }
    }
    db_done(s);
    return r;
}

static int insert_run(struct db *db, const struct run_row *fresh)
{
    int64_t there;
    int r = db_number(db, SQL_JOB_THERE, DB_ARGS(db_blob(fresh->job_id, GF_UUID_LEN)), &there);

    if (r == 0)
        return db_refuse(db, GF_E_NO_JOB, "run", fresh->procedure);
    if (r == 1)
        r = db_run(db, SQL_RUN_PUT,
                   DB_ARGS(db_blob(fresh->id, GF_UUID_LEN), db_blob(fresh->job_id, GF_UUID_LEN),
                           db_text(fresh->procedure), db_int(fresh->started_at_ms),
                           db_int(RUN_ACTIVE), db_int(fresh->next_step)));
    return r < 0 ? r : 0;
}

int db_run_open(void *ctx, const struct run_row *fresh, struct run_row *ret)
{
    struct db *db = ctx;
    int r = db_run_active(db, fresh->job_id, fresh->procedure, ret);

    if (r != 0)
        return r;
    r = db_begin(db);
    if (r != 0)
        return r;
    r = db_end(db, insert_run(db, fresh));
    if (r == 0) {
        *ret = *fresh;
        ret->state = RUN_ACTIVE;
    }
    return r;
}

static int read_step(struct db *db, sqlite3_stmt *s, struct step_row *t)
{
    uint8_t row[STEP_ROW_LEN];
    int r = db_col_bytes(db, s, 2, t->op_id, sizeof t->op_id);

    t->attempt = (uint32_t)sqlite3_column_int64(s, 0);
    t->state = (uint32_t)sqlite3_column_int64(s, 1);
    t->base_seq = (uint64_t)sqlite3_column_int64(s, 3);
    t->planned_at_ms = sqlite3_column_int64(s, 4);
    t->finished_at_ms = sqlite3_column_int64(s, 5);
    if (r == 0)
        r = db_unseal(db, step_place("steps.request", t->run_id, t->attempt, t->step, row), s, 6,
                      t->request, sizeof t->request, &t->request_len);
    if (r == 0)
        r = db_unseal(db, step_place("steps.result", t->run_id, t->attempt, t->step, row), s, 7,
                      t->result, sizeof t->result, &t->result_len);
    return r;
}

int db_receipts_known(void *ctx, const char *step, uint64_t *ret)
{
    int64_t seq = 0;
    int r = db_number(ctx, SQL_STEP_BASE, DB_ARGS(db_text(step)), &seq);

    *ret = (uint64_t)seq;
    return r < 0 ? r : 0;
}

int db_step_last(void *ctx, const uint8_t run_id[static 16], const char *step, struct step_row *ret)
{
    struct db *db = ctx;
    struct step_row t = {0};
    sqlite3_stmt *s;
    int r = db_query(db, SQL_STEP_LAST, DB_ARGS(db_blob(run_id, GF_UUID_LEN), db_text(step)), &s);

    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        memcpy(t.run_id, run_id, sizeof t.run_id);
        (void)gf_copy(t.step, sizeof t.step, step);                 /* fits: it was found */
        r = read_step(db, s, &t);
        if (r == 0) {
            *ret = t;
            r = 1;
        }
    }
    db_done(s);
    return r;
}

static int put_step(struct db *db, const struct step_row *t)
{
    uint8_t request[sizeof t->request + SEAL_EXTRA], result[sizeof t->result + SEAL_EXTRA],
        row[STEP_ROW_LEN];
    int r;

    if (t->request_len > sizeof t->request || t->result_len > sizeof t->result)
        return db_refuse(db, GF_E_SPACE, t->step, "request or result is too long");
    r = db_seal(db, step_place("steps.request", t->run_id, t->attempt, t->step, row), t->request,
                t->request_len, request);
    if (r == 0)
        r = db_seal(db, step_place("steps.result", t->run_id, t->attempt, t->step, row), t->result,
                    t->result_len, result);
    if (r == 0)
        r = db_run(db, SQL_STEP_PUT,
                   DB_ARGS(db_blob(t->run_id, GF_UUID_LEN), db_text(t->step), db_int(t->attempt),
                           db_int(t->state), db_blob(t->op_id, GF_UUID_LEN), db_u64(t->base_seq),
                           db_int(t->planned_at_ms), db_int(t->finished_at_ms),
                           db_blob(request, t->request_len + SEAL_EXTRA),
                           db_blob(result, t->result_len + SEAL_EXTRA)));
    if (r == 0)
        return db_refuse(db, GF_E_MISMATCH, t->step,
                         "this attempt was planned with another operation id");
    return r < 0 ? r : 0;
}

static int save(struct db *db, const struct step_row *step, const struct run_row *run,
                const char *job_state, const struct outbox_new *items, size_t n_items)
{
    int r = db_run(db, SQL_RUN_UPDATE,
                   DB_ARGS(db_int(run->state), db_int(run->next_step),
                           db_blob(run->id, GF_UUID_LEN), db_blob(run->job_id, GF_UUID_LEN)));

    if (r == 0)
        return db_refuse(db, GF_E_BUG, step->step, "a step of a run that was not opened");
    if (r > 0)
        r = put_step(db, step);
    if (r == 0 && job_state != NULL) {
        r = db_run(db, SQL_JOB_STATE_PUT,
                   DB_ARGS(db_text(job_state), db_blob(run->job_id, GF_UUID_LEN)));
        r = r < 0 ? r : 0;      /* the row is there: the run refers to it */
    }
    for (size_t i = 0; i < n_items && r == 0; i++)
        r = db_outbox_add(db, &items[i]);
    return r;
}

int db_step_save(void *ctx, const struct step_row *step, const struct run_row *run,
                 const char *job_state, const struct outbox_new *items, size_t n_items)
{
    struct db *db = ctx;
    int r;

    if (memcmp(step->run_id, run->id, GF_UUID_LEN) != 0)
        return db_refuse(db, GF_E_BUG, step->step, "a step of another run");
    r = db_begin(db);
    return r != 0 ? r : db_end(db, save(db, step, run, job_state, items, n_items));
}
