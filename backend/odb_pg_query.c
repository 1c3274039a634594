/* odb_pg_query.c - statements and rows on PostgreSQL; see odb_pg.h.
 *
 * ?N becomes $N once for each text. Values and results are binary: an integer is eight bytes, a text
 * or bytes are themselves. A SELECT within a transaction is read row by row up to BATCH rows, which
 * is nearly always all: one round trip, and the connection is free for other statements. When there
 * are more, these rows are dropped, and the statement is run again by a cursor of the server, BATCH
 * rows at a time, now and whenever it is run again: nothing was given to the caller yet, and the
 * transaction sees the same rows both times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/buf.h"
#include "backend/odb_pg.h"

#define BATCH 500
#define BATCH_TEXT "500"

/* Types of values and columns: pg_type.dat of PostgreSQL, fixed for ever. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
};

struct pg_query {
    struct odb_query base;
    PGresult **results;
    size_t n_results, cap, result; /* the present one */
    int row;                       /* in it; -1 before the first */
    char cursor[16];               /* "" without one */
    bool is_at_end;                /* of the cursor */
    unsigned n_transaction;
    char number[24]; /* a number asked for as a text */
};

static struct pg_query *query_of(struct odb_query *q)
{
    return (struct pg_query *)q;
}

/* ---- statements ---- */

/* $N for ?N outside of quotes; with a NUL. Returns the highest N. */
static size_t translate(const char *sql, struct buf *ret)
{
    size_t highest = 0;
    char quote = '\0';

    for (const char *at = sql; *at != '\0'; at++) {
        if (quote != '\0')
            quote = *at == quote ? '\0' : quote;
        else if (*at == '\'' || *at == '"')
            quote = *at;
        if (*at == '?' && quote == '\0') {
            size_t n = strtoul(at + 1, NULL, 10);

            highest = n > highest ? n : highest;
            buf_text(ret, "$");
        } else {
            buf_add(ret, at, 1);
        }
    }
    buf_add(ret, "", 1);
    return highest;
}

static bool is_select(const char *sql)
{
    return strncmp(sql + strspn(sql, " \n"), "SELECT", 6) == 0;
}

static void number_bytes(int64_t v, uint8_t ret[static 8])
{
    for (int i = 0; i < 8; i++)
        ret[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
}

static void set_argument(struct pg_arguments *a, size_t i, const struct odb_value *v)
{
    static const char kinds[] = { [ODB_INT] = 'i', [ODB_TEXT] = 't', [ODB_BYTES] = 'b',
                                  [ODB_NULL] = '0' };
    static const Oid types[] = { [ODB_INT] = OID_INT8, [ODB_TEXT] = OID_TEXT,
                                 [ODB_BYTES] = OID_BYTEA, [ODB_NULL] = 0 };

    a->kinds[i] = kinds[v->type];
    a->types[i] = types[v->type];
    a->formats[i] = 1;
    a->p[i] = NULL;
    a->lengths[i] = 0;
    if (v->type == ODB_INT) {
        number_bytes(v->i, a->numbers[i]);
        a->p[i] = (const char *)a->numbers[i];
        a->lengths[i] = 8;
    } else if (v->type != ODB_NULL && v->p != NULL) {
        a->p[i] = v->p;
        a->lengths[i] = v->type == ODB_TEXT ? (int)strlen(v->p) : (int)v->n;
    }
}

void pg_set_arguments(struct pg_arguments *a, const struct odb_value *values, size_t n)
{
    a->n = n + 1;
    a->kinds[n + 1] = '\0';
    set_argument(a, 0, &ODB_I(ODB_ORG_ID));
    for (size_t i = 0; i < n; i++)
        set_argument(a, i + 1, &values[i]);
}

/* The kinds that a kept statement of this text has been prepared with and that suit these: a NULL
 * without a type suits any. */
static struct pg_statement *kept(struct pg *pg, const char *sql, const struct pg_arguments *a)
{
    struct odb_statement *s = odb_kept_find(&pg->kept, sql, NULL);

    for (; s != NULL; s = s->next) {
        size_t i = 0;

        if (s->sql != sql)
            continue;
        while (i < a->n && (a->kinds[i] == '0' || a->kinds[i] == s->types[i]))
            i++;
        if (i == a->n)
            return (struct pg_statement *)s;
    }
    return NULL;
}

static int check_count(struct pg *pg, size_t wanted, size_t given)
{
    /* a statement without any ?N is given the organisation alone, and does not look at it */
    if (wanted == given || (wanted == 0 && given == 1))
        return 0;
    return odb_set_fail(&pg->base, GF_E_BUG, "database", "a statement and its values do not fit");
}

static struct pg_statement *prepare(struct pg *pg, const char *sql, const struct pg_arguments *a)
{
    struct pg_statement *s = calloc(1, sizeof *s);
    struct buf text = { 0 };
    PGresult *result = NULL;

    if (s != NULL)
        s->n_values = translate(sql, &text);
    if (s == NULL || text.bad) {
        (void)odb_set_fail(&pg->base, GF_E_MEMORY, "database", "");
    } else if (check_count(pg, s->n_values, a->n) == 0) {
        (void)snprintf(s->name, sizeof s->name, "s%u", ++pg->n_names);
        result = PQprepare(pg->conn, s->name, (const char *)text.p, (int)s->n_values, a->types);
        if (PQresultStatus(result) == PGRES_COMMAND_OK) {
            s->base.sql = sql;
            memcpy(s->base.types, a->kinds, a->n + 1);
            s->is_select = is_select(sql);
            odb_kept_add(&pg->kept, &s->base);
            PQclear(result);
            buf_free(&text);
            return s;
        }
        (void)pg_failed(pg, result);
    }
    PQclear(result);
    buf_free(&text);
    free(s);
    return NULL;
}

struct pg_statement *pg_prepared(struct pg *pg, const char *sql, const struct pg_arguments *a)
{
    struct pg_statement *s = kept(pg, sql, a);

    if (s != NULL)
        return s;
    return pg_settle(&pg->base) == 0 ? prepare(pg, sql, a) : NULL;
}

void pg_forget(struct odb *db)
{
    struct odb_statement *s;

    while ((s = odb_kept_take(&pg_of(db)->kept)) != NULL)
        free(s);
}

/* ---- running ---- */

static int keep_result(struct pg_query *q, PGresult *result)
{
    if (q->n_results == q->cap) {
        size_t cap = q->cap == 0 ? 4 : 2 * q->cap;
        PGresult **grown = realloc(q->results, cap * sizeof *grown);

        if (grown == NULL) {
            PQclear(result);
            return odb_set_fail(q->base.db, GF_E_MEMORY, "database", "");
        }
        q->results = grown;
        q->cap = cap;
    }
    q->results[q->n_results++] = result;
    return 0;
}

static void drop_results(struct pg_query *q)
{
    for (size_t i = 0; i < q->n_results; i++)
        PQclear(q->results[i]);
    q->n_results = 0;
    q->result = 0;
    q->row = -1;
}

/* Only whole numbers, texts and bytes are read. */
static int check_columns(struct pg_query *q, const PGresult *result)
{
    for (int i = 0; i < PQnfields(result); i++) {
        Oid type = PQftype(result, i);

        if (type != OID_INT8 && type != OID_INT4 && type != OID_INT2 && type != OID_BOOL
            && type != OID_TEXT && type != OID_BYTEA)
            return odb_set_fail(q->base.db, GF_E_BUG, "database",
                                "a column is no whole number, text or bytes: it wants a CAST");
    }
    return 0;
}

/* Take every result of the statement that was sent. Rows above `max` are dropped with all others: 1
 * then. 0 when they are all kept; a failure. */
static int take_results(struct pg *pg, struct pg_query *q, size_t max)
{
    PGresult *result;
    bool is_too_many = false;
    int r = 0;

    while ((result = PQgetResult(pg->conn)) != NULL) {
        ExecStatusType status = PQresultStatus(result);

        if (status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE
            && status != PGRES_COMMAND_OK) {
            r = pg_failed(pg, result);
            PQclear(result);
        } else if (r != 0 || is_too_many || PQntuples(result) == 0) {
            r = r == 0 ? check_columns(q, result) : r;
            PQclear(result);
        } else if (q->n_results == max) {
            is_too_many = true;
            drop_results(q);
            PQclear(result);
        } else {
            r = q->n_results == 0 ? check_columns(q, result) : 0;
            if (r != 0)
                PQclear(result);
            else
                r = keep_result(q, result);
        }
    }
    return r != 0 ? r : is_too_many ? 1 : 0;
}

/* Open a cursor over the statement. The text is parsed anew: many rows cost more than that. */
static int open_cursor(struct pg *pg, struct pg_query *q, const char *sql, struct pg_arguments *a)
{
    struct buf text = { 0 };
    int r;

    (void)snprintf(q->cursor, sizeof q->cursor, "c%u", ++pg->n_names);
    buf_print(&text, "DECLARE %s NO SCROLL CURSOR FOR ", q->cursor);

    size_t n = translate(sql, &text);
    r = text.bad ? odb_set_fail(&pg->base, GF_E_MEMORY, "database", "") : check_count(pg, n, a->n);
    if (r == 0) {
        PGresult *result = PQexecParams(pg->conn, (const char *)text.p, (int)n, a->types, a->p,
                                        a->lengths, a->formats, 1);

        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            r = pg_failed(pg, result);
        PQclear(result);
    }
    if (r != 0)
        q->cursor[0] = '\0';
    q->n_transaction = pg->n_transaction;
    buf_free(&text);
    return r;
}

static int fetch(struct pg *pg, struct pg_query *q)
{
    char text[48];

    drop_results(q);
    if (pg_settle(&pg->base) != 0)
        return odb_code(&pg->base);
    if (pg->base.state == ODB_IDLE || q->n_transaction != pg->n_transaction)
        return odb_set_fail(&pg->base, GF_E_BUG, "database",
                            "the transaction that a query ran in has ended");
    (void)snprintf(text, sizeof text, "FETCH FORWARD " BATCH_TEXT " FROM %s", q->cursor);
    if (PQsendQueryParams(pg->conn, text, 0, NULL, NULL, NULL, NULL, 1) != 1)
        return pg_failed(pg, NULL);

    int r = take_results(pg, q, BATCH);
    if (r == 0 && (q->n_results == 0 || PQntuples(q->results[0]) < BATCH))
        q->is_at_end = true;
    return r;
}

/* Run a prepared statement. `in_rows`: row by row, at most BATCH; 1 when there are more. */
static int run_prepared(struct pg *pg, struct pg_query *q, const struct pg_statement *s,
                        struct pg_arguments *a, bool in_rows)
{
    if (PQsendQueryPrepared(pg->conn, s->name, (int)s->n_values, a->p, a->lengths, a->formats, 1)
        != 1)
        return pg_failed(pg, NULL);
    if (in_rows)
        (void)PQsetSingleRowMode(pg->conn);
    return take_results(pg, q, in_rows ? BATCH : SIZE_MAX);
}

/* A statement that is kept prepared. 0 or a failure. */
static int run_kept(struct pg *pg, struct pg_query *q, const char *sql, struct pg_arguments *a)
{
    struct pg_statement *s = pg_prepared(pg, sql, a);
    bool is_open = pg->base.state != ODB_IDLE;
    int r = 1;

    if (s == NULL)
        return odb_code(&pg->base);
    if (!(is_open && s->gives_many))
        r = run_prepared(pg, q, s, a, is_open && s->is_select);
    if (r == 1) {
        s->gives_many = true;
        r = open_cursor(pg, q, sql, a);
    }
    return r;
}

static int run_once(struct pg *pg, struct pg_query *q, const char *sql, struct pg_arguments *a)
{
    struct buf text = { 0 };
    size_t n;
    int r;

    if (pg->base.state != ODB_IDLE && is_select(sql))
        return open_cursor(pg, q, sql, a);
    n = translate(sql, &text);
    r = text.bad ? odb_set_fail(&pg->base, GF_E_MEMORY, "database", "") : check_count(pg, n, a->n);
    if (r == 0)
        r = PQsendQueryParams(pg->conn, (const char *)text.p, (int)n, a->types, a->p, a->lengths,
                              a->formats, 1)
                    == 1
                ? take_results(pg, q, SIZE_MAX)
                : pg_failed(pg, NULL);
    buf_free(&text);
    return r;
}

struct odb_query *pg_query(struct odb *db, const char *sql, const struct odb_value *values,
                           size_t n, bool is_once)
{
    struct pg *pg = pg_of(db);
    struct pg_query *q = calloc(1, sizeof *q);
    struct pg_arguments a;
    int r;

    if (q == NULL) {
        (void)odb_set_fail(db, GF_E_MEMORY, "database", "");
        return NULL;
    }
    q->base.db = db;
    q->row = -1;
    pg_set_arguments(&a, values, n);
    for (int attempt = 0;; attempt++) {
        r = pg->is_lost && db->state == ODB_IDLE ? pg_reconnect(pg) : pg_settle(db);
        if (r == 0)
            r = is_once ? run_once(pg, q, sql, &a) : run_kept(pg, q, sql, &a);
        /* outside of a transaction a lost connection only means to look again */
        if (r == 0 || attempt > 0 || db->state != ODB_IDLE || !pg->is_lost)
            break;
        drop_results(q);
    }
    if (r == 0)
        return &q->base;
    pg_end(&q->base);
    return NULL;
}

int pg_change(struct odb *db, const char *sql, const struct odb_value *values, size_t n)
{
    struct pg *pg = pg_of(db);
    struct pg_arguments a;
    PGresult *result;
    int r;

    if ((r = pg_settle(db)) != 0)
        return r;
    pg_set_arguments(&a, values, n);

    struct pg_statement *s = pg_prepared(pg, sql, &a);
    if (s == NULL)
        return odb_code(db);
    result = PQexecPrepared(pg->conn, s->name, (int)s->n_values, a.p, a.lengths, a.formats, 1);
    if (PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK)
        r = (int)strtol(PQcmdTuples(result), NULL, 10);
    else
        r = pg_failed(pg, result);
    PQclear(result);
    return r;
}

int pg_next(struct odb_query *base)
{
    struct pg_query *q = query_of(base);
    struct pg *pg = pg_of(base->db);

    for (;;) {
        if (q->result < q->n_results) {
            if (++q->row < PQntuples(q->results[q->result]))
                return 1;
            q->result++;
            q->row = -1;
        } else if (q->cursor[0] != '\0' && !q->is_at_end) {
            int r = fetch(pg, q);

            if (r != 0)
                return r;
        } else {
            return 0;
        }
    }
}

void pg_end(struct odb_query *base)
{
    struct pg_query *q = query_of(base);
    struct pg *pg = pg_of(base->db);
    char text[32];

    if (q->cursor[0] != '\0' && pg->base.state != ODB_IDLE && !pg->base.has_failed
        && q->n_transaction == pg->n_transaction && pg_settle(&pg->base) == 0) {
        (void)snprintf(text, sizeof text, "CLOSE %s", q->cursor);
        PGresult *result = PQexec(pg->conn, text);

        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            (void)pg_failed(pg, result);
        PQclear(result);
    }
    drop_results(q);
    free(q->results);
    free(q);
}

/* ---- the present row ---- */

bool pg_is_null(struct odb_query *base, int column)
{
    struct pg_query *q = query_of(base);

    return PQgetisnull(q->results[q->result], q->row, column) != 0;
}

static bool is_number(Oid type)
{
    return type == OID_INT8 || type == OID_INT4 || type == OID_INT2 || type == OID_BOOL;
}

int64_t pg_get_int(struct odb_query *base, int column)
{
    struct pg_query *q = query_of(base);
    const PGresult *result = q->results[q->result];
    const char *p = PQgetvalue(result, q->row, column);
    int n = PQgetlength(result, q->row, column);

    if (pg_is_null(base, column))
        return 0;
    if (!is_number(PQftype(result, column)))
        return strtoll(p, NULL, 10);

    uint64_t v = n > 1 && ((uint8_t)p[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | (uint8_t)p[i];
    return (int64_t)v;
}

struct gf_span pg_get_bytes(struct odb_query *base, int column)
{
    struct pg_query *q = query_of(base);
    const PGresult *result = q->results[q->result];

    if (pg_is_null(base, column))
        return (struct gf_span){ 0 };
    if (is_number(PQftype(result, column))) {
        int n = snprintf(q->number, sizeof q->number, "%lld",
                         (long long)pg_get_int(base, column));

        return (struct gf_span){ (const uint8_t *)q->number, (size_t)n };
    }
    return (struct gf_span){ (const uint8_t *)PQgetvalue(result, q->row, column),
                             (size_t)PQgetlength(result, q->row, column) };
}

struct gf_span pg_get_text(struct odb_query *base, int column)
{
    return pg_get_bytes(base, column);
}

struct odb_value pg_get(struct odb_query *base, int column)
{
    struct pg_query *q = query_of(base);
    const Oid type = PQftype(q->results[q->result], column);
    struct odb_value ret = { .type = ODB_NULL };

    if (is_number(type) && !pg_is_null(base, column)) {
        ret = ODB_I(pg_get_int(base, column));
    } else if (!pg_is_null(base, column)) {
        struct gf_span s = pg_get_bytes(base, column);

        ret = ODB_B(s.p, s.n);
        ret.type = type == OID_TEXT ? ODB_TEXT : ODB_BYTES;
    }
    return ret;
}
