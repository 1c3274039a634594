/* odb.c - what holds on every engine; see office_db.h. */
#include "backend/odb_engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/text.h"

int odb_set_fail(struct odb *db, int code, const char *where, const char *detail)
{
    if (db->state != ODB_IDLE && db->has_failed)
        return db->fail.code;
    db->has_failed = true;
    db->fail = (struct gf_fail){ 0 };
    return gf_fail(&db->fail, code, where, detail);
}

int odb_open(const char *where, bool create, struct odb **ret, struct gf_fail *why)
{
    if (strncmp(where, "postgresql://", 13) == 0 || strncmp(where, "postgres://", 11) == 0)
        return odb_pg_open(where, create, ret, why);
    return odb_sqlite_open(where, create, ret, why);
}

struct odb *odb_close(struct odb *db)
{
    if (db != NULL) {
        odb_rollback(db);
        odb_apart(db);
        db->ops->close(db);
    }
    return NULL;
}

/* ---- transactions ---- */

static int begin(struct odb *db, bool is_writing, const uint8_t *mark, int64_t at_ms)
{
    if (db->state != ODB_IDLE)
        return odb_set_fail(db, GF_E_BUG, "database", "a transaction is open already");
    odb_apart(db);
    db->has_failed = false;
    db->fail = (struct gf_fail){ 0 };

    int r = db->ops->begin(db, is_writing, mark, at_ms);
    if (r >= 0) { /* what an attempt met on the way does not count */
        db->has_failed = false;
        db->fail = (struct gf_fail){ 0 };
    }
    if (r == 0)
        db->state = is_writing ? ODB_WRITING : ODB_READING;
    return r;
}

int odb_begin(struct odb *db)
{
    return begin(db, true, NULL, 0);
}

int odb_begin_marked(struct odb *db, const uint8_t mark[static 16], int64_t at_ms)
{
    return begin(db, true, mark, at_ms);
}

int odb_begin_reading(struct odb *db)
{
    return begin(db, false, NULL, 0);
}

static bool set_together(struct odb *db, bool on)
{
    if (db->ops->together == NULL || db->state != ODB_IDLE || db->is_together == on)
        return false;
    db->is_together = on;
    db->ops->together(db, on);
    return true;
}

void odb_set_wait(struct odb *db, int wait_ms)
{
    if (db->ops->set_wait != NULL)
        db->ops->set_wait(db, wait_ms);
}

bool odb_together(struct odb *db)
{
    return set_together(db, true);
}

void odb_apart(struct odb *db)
{
    (void)set_together(db, false);
}

int odb_commit(struct odb *db)
{
    if (db->state == ODB_IDLE)
        return odb_set_fail(db, GF_E_BUG, "database", "there is no transaction to commit");

    int r = odb_settle(db);
    if (r != 0)
        return r;
    r = db->ops->commit(db);
    if (r == 0)
        db->state = ODB_IDLE;
    return r;
}

void odb_rollback(struct odb *db)
{
    if (db == NULL || db->state == ODB_IDLE)
        return;
    db->ops->rollback(db);
    db->state = ODB_IDLE;
    db->has_failed = false; /* the failure stays to be read */
}

bool odb_is_open(const struct odb *db)
{
    return db->state != ODB_IDLE;
}

bool odb_can_lose_commit(const struct odb *db)
{
    return db->ops->engine == ODB_POSTGRESQL;
}

bool odb_prefers_many(const struct odb *db)
{
    return db->ops->engine == ODB_POSTGRESQL;
}

void odb_pause(unsigned attempt, uint32_t random)
{
    unsigned bits = attempt < 9 ? attempt : 9;
    uint32_t us = random % (UINT32_C(1000) << bits);

    (void)nanosleep(&(struct timespec){ .tv_nsec = (long)us * 1000 }, NULL);
}

int odb_prune_marks(struct odb *db, int64_t before_ms)
{
    int r = odb_can_lose_commit(db) ? odb_begin(db) : 0;

    if (r != 0 || !odb_is_open(db))
        return r;
    r = odb_exec(db,
                 "DELETE FROM transaction_mark WHERE org_id = ?1 AND tx_id IN (SELECT tx_id FROM "
                 "transaction_mark WHERE org_id = ?1 AND at_ms < ?2 ORDER BY at_ms LIMIT 500)",
                 ODB(ODB_I(before_ms)));
    if (r >= 0)
        r = odb_commit(db);
    odb_rollback(db);
    return r;
}

/* ---- statements ---- */

/* The length of the UTF-8 character at p (RFC 3629), 0 when it is none. */
static size_t character(const uint8_t *p)
{
    static const struct {
        uint8_t from, to, second_from, second_to, n;
    } forms[] = { { 0x01, 0x7F, 0, 0, 1 },       { 0xC2, 0xDF, 0x80, 0xBF, 2 },
                  { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
                  { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
                  { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 },
                  { 0xF4, 0xF4, 0x80, 0x8F, 4 } };

    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if (*p < forms[f].from || *p > forms[f].to)
            continue;
        for (size_t i = 1; i < forms[f].n; i++)
            if (p[i] < (i == 1 ? forms[f].second_from : 0x80)
                || p[i] > (i == 1 ? forms[f].second_to : 0xBF))
                return 0;
        return forms[f].n;
    }
    return 0;
}

static bool is_text(const struct odb_value *v)
{
    const uint8_t *p = v->p, *at = p;

    for (size_t n = 1; *at != '\0' && n != 0; at += n)
        n = character(at);
    return *at == '\0' && (v->n == 0 || v->n == (size_t)(at - p));
}

static int check_values(struct odb *db, const struct odb_value *values, size_t n)
{
    if (n + 1 > ODB_VALUES_MAX)
        return odb_set_fail(db, GF_E_BUG, "database", "a statement has too many values");
    for (size_t i = 0; i < n; i++)
        if (values[i].type == ODB_TEXT && values[i].p != NULL && !is_text(&values[i]))
            return odb_set_fail(db, GF_E_FORMAT, "database",
                                "a text is not UTF-8, or has a NUL in it");
    return 0;
}

struct odb_query *odb_query(struct odb *db, const char *sql, const struct odb_value *values,
                            size_t n)
{
    return check_values(db, values, n) == 0 ? db->ops->query(db, sql, values, n, false) : NULL;
}

struct odb_query *odb_query_once(struct odb *db, const char *sql, const struct odb_value *values,
                                 size_t n)
{
    return check_values(db, values, n) == 0 ? db->ops->query(db, sql, values, n, true) : NULL;
}

int odb_script(struct odb *db, const char *sql)
{
    return db->ops->script(db, sql);
}

void odb_forget_statements(struct odb *db)
{
    db->ops->forget(db);
}

int odb_next(struct odb *db, struct odb_query *q)
{
    return q != NULL ? q->db->ops->next(q) : odb_code(db);
}

int odb_exec(struct odb *db, const char *sql, const struct odb_value *values, size_t n)
{
    if (db->state != ODB_WRITING)
        return odb_set_fail(db, GF_E_BUG, "database", "a change outside of a writing transaction");

    int r = check_values(db, values, n);
    return r == 0 ? db->ops->change(db, sql, values, n) : r;
}

int odb_check_wanted(struct odb *db, const struct odb_wanted *wanted, int changed)
{
    if (wanted == NULL || wanted->rows == changed)
        return 0;
    return odb_set_fail(db, wanted->code, wanted->where, wanted->detail);
}

int odb_later(struct odb *db, const struct odb_wanted *wanted, const char *sql,
              const struct odb_value *values, size_t n)
{
    int r;

    if (db->ops->later == NULL || db->state != ODB_WRITING) {
        r = odb_exec(db, sql, values, n);
        return r < 0 ? r : odb_check_wanted(db, wanted, r);
    }
    if (db->has_failed)
        return db->fail.code;
    r = check_values(db, values, n);
    return r == 0 ? db->ops->later(db, wanted, sql, values, n) : r;
}

int odb_settle(struct odb *db)
{
    if (db->has_failed)
        return db->fail.code;
    return db->ops->settle != NULL ? db->ops->settle(db) : 0;
}

int odb_number(struct odb *db, int64_t *ret, const char *sql, const struct odb_value *values,
               size_t n)
{
    struct odb_query *q = odb_query(db, sql, values, n);
    int r = odb_next(db, q);

    if (r == 1 && odb_is_null(q, 0))
        r = 0;
    if (r == 1)
        *ret = odb_int(q, 0);
    odb_end(q);
    return r;
}

/* ---- the present row ---- */

int64_t odb_int(struct odb_query *q, int column)
{
    return q->db->ops->get_int(q, column);
}

void odb_text(struct odb_query *q, int column, char *ret, size_t cap)
{
    struct gf_span s = q->db->ops->get_text(q, column);

    (void)gf_copy(ret, cap, s.p != NULL ? (const char *)s.p : "");
}

struct gf_span odb_text_span(struct odb_query *q, int column)
{
    return q->db->ops->get_text(q, column);
}

struct gf_span odb_bytes(struct odb_query *q, int column)
{
    return q->db->ops->get_bytes(q, column);
}

bool odb_is_null(struct odb_query *q, int column)
{
    return q->db->ops->is_null(q, column);
}

struct odb_value odb_get(struct odb_query *q, int column)
{
    return q->db->ops->get(q, column);
}

bool odb_copy(struct odb_query *q, int column, void *ret, size_t n)
{
    struct gf_span s = odb_bytes(q, column);

    memset(ret, 0, n);
    if (s.n != n)
        return false;
    if (n > 0)
        memcpy(ret, s.p, n);
    return true;
}

void odb_end(struct odb_query *q)
{
    if (q != NULL)
        q->db->ops->end(q);
}

/* ---- failures ---- */

int odb_code(const struct odb *db)
{
    return db->fail.code != 0 ? db->fail.code : GF_E_MEMORY;
}

int odb_fail(const struct odb *db, struct gf_fail *why)
{
    return gf_fail(why, odb_code(db), db->fail.where, db->fail.detail);
}

/* ---- kept statements ---- */

static size_t bucket_of(const char *sql)
{
    uintptr_t a = (uintptr_t)sql;

    return (a ^ a >> 8 ^ a >> 16) % ODB_KEPT_BUCKETS;
}

struct odb_statement *odb_kept_find(const struct odb_kept *kept, const char *sql,
                                    const char *types)
{
    struct odb_statement *s = kept->buckets[bucket_of(sql)];

    while (types != NULL && s != NULL && (s->sql != sql || s->is_busy || strcmp(s->types, types) != 0))
        s = s->next;
    return s;
}

void odb_kept_add(struct odb_kept *kept, struct odb_statement *s)
{
    struct odb_statement **bucket = &kept->buckets[bucket_of(s->sql)];

    s->next = *bucket;
    *bucket = s;
}

struct odb_statement *odb_kept_take(struct odb_kept *kept)
{
    for (size_t i = 0; i < ODB_KEPT_BUCKETS; i++) {
        struct odb_statement *s = kept->buckets[i];

        if (s != NULL) {
            kept->buckets[i] = s->next;
            return s;
        }
    }
    return NULL;
}
