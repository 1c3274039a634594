/* raw_rows.h - rows that head office stored, inserted once more: the least that storing them costs.
 *
 * Through the engine's own interface (sqlite3, libpq), each row by a prepared statement, a batch in
 * one transaction, a table after the other and in the order in which head office inserted them, into the same tables of the same database under another organisation, with the same
 * settings: WAL and synchronous=FULL on SQLite, foreign keys checked on both.
 */
#ifndef GF_TESTS_RAW_ROWS_H
#define GF_TESTS_RAW_ROWS_H

#include <stddef.h>

#include "tests/aid/office_aid.h"

struct raw;

/* A connection of its own. What items and receipts refer to has to be in the database by now: it is
 * copied to the other organisation. Failures end the program. */
struct raw *raw_open(const struct oaid_office *a);
void raw_close(struct raw *r);

/* What it cost, from each transaction's begin to the end of its commit. cpu_us is of this thread:
 * with PostgreSQL the server's is not in it. */
struct raw_cost {
    size_t rows;
    double wall_us, cpu_us;
};

/* Insert rows that are not there yet, so many batches of them: each has the rows of so many records
 * and of so many receipts of use, with those of the books and of the audit log that each of these
 * made. All are read before the first is inserted. */
struct raw_cost raw_insert(struct raw *r, size_t batches, size_t items, size_t receipts);

#endif
