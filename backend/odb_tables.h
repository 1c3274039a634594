/* odb_tables.h - head office's tables, described once: both engines' DDL, docs/office-tables.md,
 * migration, backup and restore are made from this description.
 *
 * Every table has the column org_id first, and it stands first in every key, unique key, reference
 * and index: rows of one organisation stay together in a database that is spread over machines. Ids
 * are made by whoever plans the operation (UUIDv7), numbers that people read by the counter table.
 * Times are UTC ms (_ms) or s (_s), volumes litres (_l), money thousandths of the minor unit (_milli)
 * or whole minor units (_minor). Columns of a table stand in odb_columns.h; a new one goes behind the
 * others and has a value `missing`, or may be null.
 */
#ifndef GF_ODB_TABLES_H
#define GF_ODB_TABLES_H

#include <stdbool.h>
#include <stddef.h>

/* The version, and SHA-256 of the DDL that it stands for (of both engines, each statement with its
 * NUL). Every database says both. Who changes the description raises the number: a test fails when
 * the digest is another one, and a database of the same number with another digest is refused. */
#define ODB_SCHEMA_VERSION 3
#define ODB_SCHEMA_DIGEST "2be61d895720bedad672cec83e872d85a734a91322c7d8e89ceeb2f16a90f377"

struct odb_column {
    const char *name;
    enum odb_column_type { ODB_COL_INT, ODB_COL_TEXT, ODB_COL_BYTES } type; /* bigint, text, bytea */
    bool may_be_null;
    const char *missing; /* SQL literal: its value where none is given, also in rows of a version
                          * that did not have it; NULL: none */
    const char *words;   /* the only texts allowed, "planned|assigned"; NULL: any */
    const char *before;  /* SQL over an old row: its value there instead; NULL: `missing` */
};

#define ODB_LISTS_MAX 8
struct odb_table {
    const char *name;
    const struct odb_column *columns; /* without org_id */
    size_t n_columns;
    const char *key;                    /* primary key behind org_id: "meter_id, epoch" */
    const char *unique[ODB_LISTS_MAX];  /* further unique keys behind org_id */
    const char *refers[ODB_LISTS_MAX];  /* "order_id > work_order (order_id)": foreign keys */
    const char *indexes[ODB_LISTS_MAX]; /* columns behind org_id */
    const char *what;                   /* one sentence */
};

/* In an order in which every table stands behind those that it refers to. */
extern const struct odb_table odb_tables[];
extern const size_t odb_n_tables;

#endif
