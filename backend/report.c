/* report.c - how reports are filled, the report of the audit; see report.h. */
#include "backend/report.h"

#include <stdlib.h>
#include <string.h>

#include "backend/office_words.h"
#include "backend/report_in.h"

static int no_memory(struct office *o)
{
    return ho_fail(o, GF_E_MEMORY, "report", "");
}

static struct odb_query *ask(struct office *o, const struct report_query *query,
                             const struct report_values *v)
{
    struct odb_value values[8];
    size_t n = 0;

    for (const char *c = query->values; *c != '\0'; c++)
        values[n++] = *c == 'f'   ? ODB_I(v->from_ms)
                      : *c == 't' ? ODB_I(v->to_ms)
                      : *c == 'n' ? ODB_I(v->now_ms)
                      : *c == 'l' ? ODB_I(REPORT_ROWS_MAX + 1)
                                  : ODB_T(v->key);
    return odb_query(o->db, query->sql, values, n);
}

/* A number that has come as text becomes its word. */
static void word(json_t *row, const char *name, const char *(*of)(int64_t))
{
    const char *text = json_string_value(json_object_get(row, name));

    if (text != NULL)
        (void)json_object_set_new(row, name, json_string(of(strtoll(text, NULL, 10))));
}

/* The present row. NULL on failure, which is in o->fail. */
static json_t *make_row(struct office *o, struct odb_query *q, const struct api_message *m,
                        const struct report_query *query)
{
    json_t *row = api_row(q, m);

    if (row == NULL) {
        (void)no_memory(o);
        return NULL;
    }
    word(row, "command", ho_command_word);
    word(row, "life_state", ho_life_word);
    if (query->finish != NULL && query->finish(o, q, row) != 0) {
        json_decref(row);
        return NULL;
    }
    return row;
}

static int fill_list(struct office *o, struct odb_query *q, const struct api_field *f,
                     const struct report_query *query, json_t *report)
{
    json_t *list = json_array(), *row;
    int r;

    (void)json_object_set_new(report, f->name, list);
    while ((r = odb_next(o->db, q)) == 1) {
        if (json_array_size(list) == REPORT_ROWS_MAX) {
            (void)json_array_append_new(json_object_get(report, "more"), json_string(f->name));
            return 0;
        }
        if ((row = make_row(o, q, f->of, query)) == NULL)
            return o->fail.code;
        if (json_array_append_new(list, row) != 0)
            return no_memory(o);
    }
    return r < 0 ? ho_db_fail(o) : 0;
}

static int fill_object(struct office *o, struct odb_query *q, const struct api_field *f,
                       const struct report_query *query, json_t *report)
{
    json_t *row;
    int r = odb_next(o->db, q);

    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    if ((row = make_row(o, q, f->of, query)) == NULL)
        return o->fail.code;
    return json_object_set_new(report, f->name, row) == 0 ? 0 : no_memory(o);
}

int report_fill(struct office *o, const struct api_message *message,
                const struct report_query *queries, const struct report_values *values,
                json_t **ret)
{
    json_t *report = json_pack("{s:[]}", "more");
    int r = report != NULL ? 0 : no_memory(o);

    if (r == 0 && odb_begin_reading(o->db) != 0)
        r = ho_db_fail(o);
    for (size_t i = 0; r == 0 && i < message->n; i++) {
        const struct api_field *f = &message->fields[i];
        struct odb_query *q;

        if (queries[i].sql == NULL)
            continue;
        q = ask(o, &queries[i], values);
        r = f->type == API_LIST ? fill_list(o, q, f, &queries[i], report)
                                : fill_object(o, q, f, &queries[i], report);
        odb_end(q);
    }
    odb_rollback(o->db);
    if (r == 0)
        *ret = report;
    else
        json_decref(report);
    return r;
}

/* ---- the audit ---- */

static const struct api_field statement_fields[] = {
    { .name = "statement", .type = API_TEXT, .min = 1, .max = 200, .what = "what has to hold" },
    { .name = "checked", .type = API_INT, .what = "rows that were looked at" },
    { .name = "n_broken", .type = API_INT, .what = "rows that break it" },
    { .name = "broken", .type = API_TEXTS, .max = HO_AUDIT_NAMED + 1, .what = "the first of them" },
    { .name = "n_notes", .type = API_INT, .what = "remarks, which break nothing" },
    { .name = "notes", .type = API_TEXTS, .max = HO_AUDIT_NAMED + 1, .what = "the first of them" },
};
static const struct api_message statement_message = API_MESSAGE("Statement", statement_fields);
static const struct api_field audit_fields[] = {
    { .name = "clean", .type = API_BOOL, .what = "every statement holds" },
    { .name = "statements",
      .type = API_LIST,
      .max = HO_STATEMENTS,
      .of = &statement_message,
      .what = "what the records can prove" },
};
const struct api_message report_audit_message = API_MESSAGE("Audit", audit_fields);

static json_t *texts(const struct buf *from)
{
    json_t *list = json_array();

    for (size_t at = 0; at < from->n; at += strlen((const char *)from->p + at) + 1)
        (void)json_array_append_new(list, json_string((const char *)from->p + at));
    return list;
}

json_t *report_audit(const struct ho_audit *audit)
{
    json_t *list = json_array();
    bool clean = true;

    for (size_t i = 0; i < HO_STATEMENTS; i++) {
        const struct ho_finding *f = &audit->of[i];

        clean = clean && f->n_broken == 0;
        (void)json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:o, s:I, s:o}", "statement",
                            ho_statement_text((enum ho_statement)i), "checked",
                            (json_int_t)f->checked, "n_broken", (json_int_t)f->n_broken, "broken",
                            texts(&f->broken), "n_notes", (json_int_t)f->n_notes, "notes",
                            texts(&f->notes)));
    }
    return json_pack("{s:b, s:o}", "clean", clean, "statements", list);
}
