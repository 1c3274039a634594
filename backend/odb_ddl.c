/* odb_ddl.c - DDL out of descriptions; see odb_ddl.h. */
#include "backend/odb_ddl.h"

#include <string.h>

static const char *type_of(enum odb_engine engine, enum odb_column_type type)
{
    static const char *const types[2][3] = { { "INTEGER", "TEXT", "BLOB" },
                                             { "bigint", "text COLLATE \"C\"", "bytea" } };

    return types[engine][type];
}

static void add_words(const struct odb_column *c, struct buf *ret)
{
    const char *at = c->words;

    buf_print(ret, " CHECK (%s IN (", c->name);
    while (*at != '\0') {
        size_t n = strcspn(at, "|");

        buf_print(ret, "%s'%.*s'", at == c->words ? "" : ", ", (int)n, at);
        at += n + (at[n] != '\0' ? 1 : 0);
    }
    buf_text(ret, "))");
}

static void add_column(enum odb_engine engine, const struct odb_column *c, struct buf *ret)
{
    buf_print(ret, ", %s %s%s", c->name, type_of(engine, c->type),
              c->may_be_null ? "" : " NOT NULL");
    if (c->missing != NULL)
        buf_print(ret, " DEFAULT %s", c->missing);
    if (c->words != NULL)
        add_words(c, ret);
}

/* "order_id > work_order (order_id)" */
static void add_reference(const char *text, struct buf *ret)
{
    size_t from = strcspn(text, ">"), table = from + 2 + strcspn(text + from + 2, "(");

    buf_print(ret, ", FOREIGN KEY (org_id, %.*s) REFERENCES %.*s (org_id, %s", (int)from - 1, text,
              (int)(table - from - 3), text + from + 2, text + table + 1);
}

void odb_ddl_table(enum odb_engine engine, const struct odb_table *table, struct buf *ret)
{
    buf_print(ret, "CREATE TABLE %s (org_id %s NOT NULL", table->name,
              type_of(engine, ODB_COL_INT));
    for (size_t i = 0; i < table->n_columns; i++)
        add_column(engine, &table->columns[i], ret);
    buf_print(ret, ", PRIMARY KEY (org_id, %s)", table->key);
    for (size_t i = 0; i < ODB_LISTS_MAX && table->unique[i] != NULL; i++)
        buf_print(ret, ", UNIQUE (org_id, %s)", table->unique[i]);
    for (size_t i = 0; i < ODB_LISTS_MAX && table->refers[i] != NULL; i++)
        add_reference(table->refers[i], ret);
    buf_text(ret, engine == ODB_SQLITE ? ") STRICT" : ")");
    buf_add(ret, "", 1);
}

bool odb_ddl_index(const struct odb_table *table, size_t i, struct buf *ret)
{
    if (i >= ODB_LISTS_MAX || table->indexes[i] == NULL)
        return false;
    buf_print(ret, "CREATE INDEX %s_%zu ON %s (org_id, %s)", table->name, i + 1, table->name,
              table->indexes[i]);
    buf_add(ret, "", 1);
    return true;
}
