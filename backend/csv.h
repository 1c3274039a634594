/* csv.h - reads comma-separated values strictly (RFC 4180), row by row, and tells where something
 * is wrong.
 *
 * UTF-8, with or without a byte order mark; lines end with LF or CRLF; a value with a comma or a
 * quote stands in quotes, a quote inside doubled. Refused: quotes elsewhere, control characters,
 * line breaks inside values, empty lines, rows with more or fewer values than the header, values of
 * more than 255 bytes.
 */
#ifndef GF_CSV_H
#define GF_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/err.h"

#define CSV_FIELDS_MAX 16
#define CSV_VALUE_MAX 256 /* bytes of a value, with its NUL */

struct csv {
    FILE *in;                 /* borrowed */
    const char *const *names; /* the columns, as the header has to have them */
    size_t n;
    unsigned line;                    /* of the row read last, 1 first */
    unsigned columns[CSV_FIELDS_MAX]; /* where each of its values begins, in characters, 1 first */
    char values[CSV_FIELDS_MAX][CSV_VALUE_MAX];
    unsigned at_line, at_column; /* private: where the reader stands */
};

/* Start to read: the header has to be exactly these names. 0, or GF_E_FORMAT with line and column.
 * `names` is kept. */
int csv_open(struct csv *c, FILE *in, const char *const *names, size_t n, struct gf_fail *why);

/* The next row into c->values: 1, 0 at the end, GF_E_FORMAT with line and column, GF_E_FILE when
 * reading fails. */
int csv_next(struct csv *c, struct gf_fail *why);

/* Refuse value `i` of the present row: GF_E_FORMAT, "line 3, column 15", name and what is wrong. */
int csv_refuse(const struct csv *c, size_t i, const char *reason, struct gf_fail *why);

#endif
