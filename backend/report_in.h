/* report_in.h - how a report is made: its message says what is in it, and each list or object of
 * that has its query; not for anybody else.
 */
#ifndef GF_BACKEND_REPORT_IN_H
#define GF_BACKEND_REPORT_IN_H

#include "backend/report.h"

/* Fields as most are. */
#define REPORT_TEXT(field, text) { .name = field, .type = API_TEXT, .max = 64, .what = text }
#define REPORT_WHOLE(field, text) { .name = field, .type = API_INT, .what = text }
#define REPORT_MAYBE(field, text)                                                                  \
    { .name = field, .type = API_INT, .is_optional = true, .what = text }
#define REPORT_LIST(field, row, text)                                                              \
    { .name = field, .type = API_LIST, .max = REPORT_ROWS_MAX, .of = row, .what = text }
#define REPORT_MORE                                                                                \
    { .name = "more", .type = API_TEXTS, .max = 16, .what = "lists that were cut" }

/* What the queries of a report may ask with. */
struct report_values {
    int64_t from_ms, to_ms; /* f, t: a day */
    int64_t now_ms;         /* n */
    const char *key;        /* k: a number, an id */
};

/* The query of one field: columns are the fields of its rows, in their order. A row's `command` and
 * `life_state` are numbers that become words. */
struct report_query {
    const char *sql;    /* NULL: the field is put in by the report itself */
    const char *values; /* letters of report_values for ?2, ?3 ...; l: the most rows, and one */
    int (*finish)(struct office *o, struct odb_query *q, json_t *row); /* or NULL. 0 or a failure */
};

/* Fill the fields that have a query; `queries` goes with message->fields. Lists that were cut are
 * named in `more`. In a reading transaction. 0 or a failure; *ret is the caller's on 0. */
int report_fill(struct office *o, const struct api_message *message,
                const struct report_query *queries, const struct report_values *values,
                json_t **ret);

#endif
