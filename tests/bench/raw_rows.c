/* raw_rows.c - the same rows once more, by sqlite3 and libpq; see raw_rows.h. */
#include "tests/bench/raw_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <postgresql/libpq-fe.h>
#include <sqlite3.h>

#include "backend/odb_tables.h"
#include "tests/bench/bench.h"

#define ROWS_MAX 8192
#define COLUMNS_MAX 64
#define LIST_MAX 1024
#define SQL_MAX 4096

struct raw {
    sqlite3 *lite, *reader; /* what is read is not in the way of what is written */
    PGconn *pg;
};

/* ---- statements, from the tables' description ---- */

static const struct odb_table *table(const char *name)
{
    for (size_t i = 0; i < odb_n_tables; i++)
        if (strcmp(odb_tables[i].name, name) == 0)
            return &odb_tables[i];
    bench_need(false, name);
    return NULL;
}

static void columns(const struct odb_table *t, char ret[static LIST_MAX])
{
    ret[0] = '\0';
    for (size_t i = 0; i < t->n_columns; i++)
        (void)snprintf(ret + strlen(ret), LIST_MAX - strlen(ret), "%s%s", i > 0 ? ", " : "",
                       t->columns[i].name);
}

static void insert_sql(const struct odb_table *t, char sign, char *ret)
{
    char list[LIST_MAX];

    columns(t, list);
    (void)snprintf(ret, SQL_MAX, "INSERT INTO %s (org_id, %s) VALUES (99", t->name, list);
    for (size_t i = 0; i < t->n_columns; i++)
        (void)snprintf(ret + strlen(ret), SQL_MAX - strlen(ret), ", %c%zu", sign, i + 1);
    (void)snprintf(ret + strlen(ret), SQL_MAX - strlen(ret), ")");
}

/* What a batch writes, parents first: the same row there, and how many there are of each record and
 * of each receipt. */
#define TABLES 5
static const struct {
    const char *name, *same;
    size_t of_item, of_receipt;
} copied[TABLES] = {
    { "item", "b.item_id = a.item_id", 1, 0 },
    { "receipt", "b.meter_id = a.meter_id AND b.seq = a.seq", 0, 1 },
    { "journal", "b.op_id = a.op_id AND b.kind = a.kind", 0, 1 },
    { "posting", "b.op_id = a.op_id AND b.kind = a.kind AND b.line = a.line", 0, 2 },
    { "audit_log", "b.n = a.n", 0, 1 },
};

/* The rows of head office that the other organisation does not have, in the order in which they were
 * inserted there (`place`: the engine's own name for that). */
static void missing_sql(size_t t, const char *place, size_t most, char *ret)
{
    const char *name = copied[t].name;
    char list[LIST_MAX];

    columns(table(name), list);
    (void)snprintf(ret, SQL_MAX,
                   "SELECT %s FROM %s a WHERE a.org_id = 1 AND NOT EXISTS (SELECT 1 FROM %s b WHERE "
                   "b.org_id = 99 AND %s) ORDER BY a.%s LIMIT %zu",
                   list, name, name, copied[t].same, place, most);
}

static const char *const parents[] = { "staff",        "device",  "meter",      "customer",
                                       "supply_point", "account", "work_order", "ledger_account" };

/* ---- what it costs ---- */

static struct raw_cost now(void)
{
    return (struct raw_cost){ .wall_us = bench_now_us(),
                              .cpu_us = bench_clock_us(CLOCK_THREAD_CPUTIME_ID) };
}

static struct raw_cost since(struct raw_cost from)
{
    struct raw_cost to = now();

    return (struct raw_cost){ .wall_us = to.wall_us - from.wall_us,
                              .cpu_us = to.cpu_us - from.cpu_us };
}

/* ---- SQLite ---- */

static void lite_exec(struct raw *r, const char *sql)
{
    int code = sqlite3_exec(r->lite, sql, NULL, NULL, NULL);

    bench_need(code == SQLITE_OK, sqlite3_errmsg(r->lite));
}

static sqlite3_stmt *lite_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *ret = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &ret, NULL);

    bench_need(code == SQLITE_OK, sqlite3_errmsg(db));
    return ret;
}

static size_t lite_read(struct raw *r, const char *sql, int n, sqlite3_value **ret)
{
    sqlite3_stmt *stmt = lite_prepare(r->reader, sql);
    size_t rows = 0;

    for (; sqlite3_step(stmt) == SQLITE_ROW; rows++) {
        bench_need(rows < ROWS_MAX, "rows of one batch");
        for (int i = 0; i < n; i++)
            *ret++ = sqlite3_value_dup(sqlite3_column_value(stmt, i));
    }
    (void)sqlite3_finalize(stmt);
    return rows;
}

/* The rows of a table, and the statement that inserts one. */
struct lite_rows {
    sqlite3_stmt *stmt;
    size_t n, width;
    sqlite3_value *values[ROWS_MAX * COLUMNS_MAX];
};

static void lite_insert_row(struct raw *r, struct lite_rows *t, size_t row)
{
    for (size_t i = 0; i < t->width; i++)
        (void)sqlite3_bind_value(t->stmt, (int)i + 1, t->values[row * t->width + i]);

    int code = sqlite3_step(t->stmt);

    bench_need(code == SQLITE_DONE, sqlite3_errmsg(r->lite));
    (void)sqlite3_reset(t->stmt);
}

static struct raw_cost lite_insert(struct raw *r, size_t batches, const size_t each[static TABLES])
{
    static struct lite_rows tables[TABLES];
    char sql[SQL_MAX];
    size_t rows = 0;

    for (size_t t = 0; t < TABLES; t++) {
        tables[t].width = table(copied[t].name)->n_columns;
        missing_sql(t, "rowid", batches * each[t], sql);
        tables[t].n = lite_read(r, sql, (int)tables[t].width, tables[t].values);
        insert_sql(table(copied[t].name), '?', sql);
        tables[t].stmt = lite_prepare(r->lite, sql);
    }

    struct raw_cost cost = now();
    for (size_t batch = 0; batch < batches; batch++) {
        lite_exec(r, "BEGIN IMMEDIATE");
        for (size_t t = 0; t < TABLES; t++)
            for (size_t i = batch * each[t]; i < (batch + 1) * each[t] && i < tables[t].n; i++)
                lite_insert_row(r, &tables[t], i);
        lite_exec(r, "COMMIT");
    }
    cost = since(cost);
    for (size_t t = 0; t < TABLES; t++) {
        (void)sqlite3_finalize(tables[t].stmt);
        for (size_t i = 0; i < tables[t].n * tables[t].width; i++)
            sqlite3_value_free(tables[t].values[i]);
        rows += tables[t].n;
    }
    cost.rows = rows;
    return cost;
}

/* ---- PostgreSQL ---- */

static PGresult *pg_done(struct raw *r, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    bench_need(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, PQerrorMessage(r->pg));
    return result;
}

static void pg_exec(struct raw *r, const char *sql)
{
    PQclear(pg_done(r, PQexec(r->pg, sql)));
}

static void pg_insert_row(struct raw *r, const char *statement, const PGresult *rows, int row)
{
    const char *values[COLUMNS_MAX];
    int lengths[COLUMNS_MAX], formats[COLUMNS_MAX], n = PQnfields(rows);

    for (int i = 0; i < n; i++) {
        values[i] = PQgetisnull(rows, row, i) ? NULL : PQgetvalue(rows, row, i);
        lengths[i] = PQgetlength(rows, row, i);
        formats[i] = 1;
    }
    PQclear(pg_done(r, PQexecPrepared(r->pg, statement, n, values, lengths, formats, 1)));
}

static struct raw_cost pg_insert(struct raw *r, size_t batches, const size_t each[static TABLES])
{
    PGresult *rows[TABLES];
    char sql[SQL_MAX];

    for (size_t t = 0; t < TABLES; t++) {
        missing_sql(t, "ctid", batches * each[t], sql);
        rows[t] = pg_done(r, PQexecParams(r->pg, sql, 0, NULL, NULL, NULL, NULL, 1));
    }

    struct raw_cost cost = now();
    for (size_t batch = 0; batch < batches; batch++) {
        pg_exec(r, "BEGIN");
        for (size_t t = 0; t < TABLES; t++)
            for (size_t i = batch * each[t];
                 i < (batch + 1) * each[t] && i < (size_t)PQntuples(rows[t]); i++)
                pg_insert_row(r, copied[t].name, rows[t], (int)i);
        pg_exec(r, "COMMIT");
    }
    cost = since(cost);
    for (size_t t = 0; t < TABLES; t++) {
        cost.rows += (size_t)PQntuples(rows[t]);
        PQclear(rows[t]);
    }
    return cost;
}

/* ---- both ---- */

static void copy_parents(struct raw *r)
{
    char list[LIST_MAX], sql[SQL_MAX];

    for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++) {
        columns(table(parents[i]), list);
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO %s (org_id, %s) SELECT 99, %s FROM %s WHERE org_id = 1 ON "
                       "CONFLICT DO NOTHING",
                       parents[i], list, list, parents[i]);
        if (r->pg != NULL)
            pg_exec(r, sql);
        else
            lite_exec(r, sql);
    }
}

struct raw *raw_open(const struct oaid_office *a)
{
    struct raw *r = calloc(1, sizeof *r);
    char path[600], sql[SQL_MAX];

    bench_need(r != NULL, "memory");
    if (a->db_url[0] != '\0') {
        r->pg = PQconnectdb(a->db_url);
        bench_need(PQstatus(r->pg) == CONNECTION_OK, PQerrorMessage(r->pg));
        pg_exec(r, "SET search_path = gasoffice");
        for (size_t t = 0; t < TABLES; t++) {
            insert_sql(table(copied[t].name), '$', sql);
            PQclear(pg_done(r, PQprepare(r->pg, copied[t].name, sql, 0, NULL)));
        }
    } else {
        (void)snprintf(path, sizeof path, "%s/office.db", a->dir);
        bench_need(sqlite3_open(path, &r->lite) == SQLITE_OK
                       && sqlite3_open(path, &r->reader) == SQLITE_OK,
                   path);
        (void)sqlite3_busy_timeout(r->lite, 10000);
        lite_exec(r, "PRAGMA journal_mode = WAL");
        lite_exec(r, "PRAGMA synchronous = FULL");
        lite_exec(r, "PRAGMA foreign_keys = ON");
    }
    (void)raw_insert(r, 1, ROWS_MAX / 2, ROWS_MAX / 2);
    return r;
}

void raw_close(struct raw *r)
{
    (void)sqlite3_close(r->reader);
    (void)sqlite3_close(r->lite);
    PQfinish(r->pg);
    free(r);
}

struct raw_cost raw_insert(struct raw *r, size_t batches, size_t items, size_t receipts)
{
    size_t each[TABLES];

    copy_parents(r);
    for (size_t t = 0; t < TABLES; t++)
        each[t] = items * copied[t].of_item + receipts * copied[t].of_receipt;
    return r->pg != NULL ? pg_insert(r, batches, each) : lite_insert(r, batches, each);
}
