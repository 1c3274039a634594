/* api_row.c - rows of the database as objects of a message; fields of a body; see api.h. */
#include "backend/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define BYTES_MAX 512

static json_t *bytes_of(struct odb_query *q, int column, enum api_type type)
{
    struct gf_span s = odb_bytes(q, column);
    char text[2 * BYTES_MAX + 1];

    if (type == API_UUID && s.n == GF_UUID_LEN)
        gf_uuid_text(s.p, text);
    else if (type == API_HEX && s.n <= BYTES_MAX)
        gf_hex(s.p, s.n, text);
    else
        return NULL;
    return json_string(text);
}

static json_t *text_of(struct odb_query *q, int column, const struct api_field *f)
{
    size_t cap = (f->max > 0 ? (size_t)f->max : 256) + 1;
    char small[1024], *text = cap <= sizeof small ? small : malloc(cap);
    json_t *json = NULL;

    if (text != NULL) {
        odb_text(q, column, text, cap);
        json = json_string(text);
    }
    if (text != small)
        free(text);
    return json;
}

static json_t *value_of(struct odb_query *q, int column, const struct api_field *f)
{
    switch (f->type) {
    case API_INT:
        return json_integer(odb_int(q, column));
    case API_BOOL:
        return json_boolean(odb_int(q, column) != 0);
    case API_UUID:
    case API_HEX:
        return bytes_of(q, column, f->type);
    case API_TEXT:
    case API_ID:
    case API_DATE:
    case API_WORD:
    case API_SECRET:
    case API_LINES:
        return text_of(q, column, f);
    case API_OBJECT:
    case API_LIST:
    case API_TEXTS:
    case API_TYPES:
        break;
    }
    return NULL;
}

json_t *api_row(struct odb_query *q, const struct api_message *m)
{
    json_t *row = json_object();

    for (size_t i = 0; row != NULL && i < m->n; i++) {
        if (odb_is_null(q, (int)i))
            continue;
        if (json_object_set_new(row, m->fields[i].name, value_of(q, (int)i, &m->fields[i])) != 0) {
            json_decref(row);
            row = NULL;
        }
    }
    return row;
}

/* A field as `after` says it. */
static void key_text(const json_t *row, const char *key, char ret[static 128])
{
    const json_t *v = json_object_get(row, key);

    if (json_is_integer(v))
        (void)snprintf(ret, 128, "%" PRId64, (int64_t)json_integer_value(v));
    else
        (void)gf_copy(ret, 128, json_is_string(v) ? json_string_value(v) : "");
}

void api_list_end(struct api_call *c, struct api_list *l, struct odb_query *q, int r)
{
    if (r < 0) {
        if (c->o->fail.code == 0)
            (void)ho_db_fail(c->o);
        json_decref(l->items);
        api_fail(c);
    } else {
        api_list_answer(c, l);
    }
    odb_end(q);
}

void api_list_rows(struct api_call *c, struct odb_query *q, const struct api_message *m,
                   const char *key)
{
    struct api_list list;
    char last[128];
    int r;

    api_list_begin(&list);
    while ((r = odb_next(c->o->db, q)) == 1) {
        json_t *row = api_row(q, m);

        key_text(row, key, last);
        if (!api_list_add(c, &list, last, row))
            break;
    }
    api_list_end(c, &list, q, r);
}

void api_one_row(struct api_call *c, struct odb_query *q, const struct api_message *m,
                 const char *sentence)
{
    int r = odb_next(c->o->db, q);

    if (r == 1) {
        api_answer(c, 200, api_row(q, m));
    } else if (r == 0) {
        api_refuse(c, 404, "not_found", NULL, sentence);
    } else {
        (void)ho_db_fail(c->o);
        api_fail(c);
    }
    odb_end(q);
}

bool api_after_number(struct api_call *c, int64_t first, int64_t *ret)
{
    *ret = first;
    if (c->after[0] == '\0' || gf_parse_int(c->after, 0, INT64_MAX, ret) == 0)
        return true;
    api_refuse(c, 400, "format", "after", "not what `next` of a page said");
    return false;
}

const char *api_text(const struct api_call *c, const char *name, const char *missing)
{
    const char *text = json_string_value(json_object_get(c->body, name));

    return text != NULL ? text : missing;
}

int64_t api_whole(const struct api_call *c, const char *name, int64_t missing)
{
    const json_t *v = json_object_get(c->body, name);

    return json_is_integer(v) ? (int64_t)json_integer_value(v) : missing;
}
