/* odb_ddl.h - a table's description as the DDL of an engine. */
#ifndef GF_ODB_DDL_H
#define GF_ODB_DDL_H

#include "backend/buf.h"
#include "backend/odb_tables.h"

enum odb_engine { ODB_SQLITE, ODB_POSTGRESQL };

/* "CREATE TABLE name (...)" without a semicolon. Added to ret, with its NUL. */
void odb_ddl_table(enum odb_engine engine, const struct odb_table *table, struct buf *ret);

/* "CREATE INDEX table_i ON ..." of index i: false when there is no such index. */
bool odb_ddl_index(const struct odb_table *table, size_t i, struct buf *ret);

#endif
