/* api_row.c - rows of the database as objects of a message; fields of a body; see api.h. */
#include "backend/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/json_out.h"
#include "common/text.h"

#define FIXED_MAX 40 /* more than a number, a UUID or a word of JSON takes */

/* Bytes of the length that their type has. NULL: they have another. */
static uint8_t *put_bytes(uint8_t *at, const struct odb_value *v, enum api_type type)
{
    *at++ = '"';
    if (type == API_UUID && v->n == GF_UUID_LEN) {
        gf_uuid_text(v->p, (char *)at);
        at += GF_UUID_TEXT - 1;
    } else if (type == API_HEX) {
        gf_hex(v->p, v->n, (char *)at);
        at += 2 * v->n;
    } else {
        return NULL;
    }
    *at = '"';
    return at + 1;
}

/* A column that is not NULL; its room is there. NULL: the field cannot be made of it. */
static uint8_t *put_value(uint8_t *at, const struct odb_value *v, const struct api_field *f)
{
    char digits[JSON_INT_MAX];

    switch (f->type) {
    case API_INT:
        return v->type == ODB_INT ? json_put_int(at, v->i) : NULL;
    case API_BOOL:
        return v->type != ODB_INT ? NULL
                                  : (uint8_t *)stpcpy((char *)at, v->i != 0 ? "true" : "false");
    case API_UUID:
    case API_HEX:
        return put_bytes(at, v, f->type);
    case API_TEXT:
    case API_ID:
    case API_DATE:
    case API_WORD:
    case API_SECRET:
    case API_LINES:
        if (v->type != ODB_INT)
            return json_put_text(at, v->p, v->n);
        return json_put_text(at, digits,
                             (size_t)(json_put_int((uint8_t *)digits, v->i) - (uint8_t *)digits));
    case API_OBJECT:
    case API_LIST:
    case API_TEXTS:
    case API_TYPES:
        break;
    }
    return NULL;
}

/* A member with its comma. */
static void write_member(struct buf *b, const struct api_field *f, struct odb_value v)
{
    uint8_t *at;

    if (f->word_of != NULL && v.type == ODB_INT) {
        v = ODB_T(f->word_of(v.i));
        v.n = strlen(v.p);
    }
    at = buf_room(b, JSON_NAME_MAX(API_NAME_MAX) + JSON_TEXT_MAX(v.n) + FIXED_MAX);
    if (at == NULL)
        return;
    *at = ',';
    at = put_value(json_put_name(at + 1, f->name), &v, f);
    if (at != NULL)
        b->n = (size_t)(at - b->p);
    else
        b->bad = true; /* the answer cannot be made */
}

void api_write_row(struct buf *b, struct odb_query *q, const struct api_message *m)
{
    const size_t from = b->n;

    for (size_t i = 0; i < m->n; i++) {
        struct odb_value v = odb_get(q, (int)i);

        if (v.type != ODB_NULL)
            write_member(b, &m->fields[i], v);
    }
    if (b->n == from)
        buf_text(b, "{");
    else
        b->p[from] = '{'; /* in the first comma's place */
    buf_text(b, "}");
}

json_t *api_row(struct odb_query *q, const struct api_message *m)
{
    struct buf text = { 0 };
    json_t *row = NULL;

    api_write_row(&text, q, m);
    if (!text.bad)
        row = json_loadb((const char *)text.p, text.n, 0, NULL);
    buf_free(&text);
    return row;
}

/* Which column the field of this name is. */
static int column_of(const struct api_message *m, const char *name)
{
    int i = 0;

    while ((size_t)i < m->n && strcmp(m->fields[i].name, name) != 0)
        i++;
    return i;
}

/* A key as `after` says it. */
static void key_text(struct odb_query *q, int column, enum api_type type, char ret[static 128])
{
    const struct odb_value v = odb_get(q, column);

    if (v.type == ODB_INT)
        (void)snprintf(ret, 128, "%" PRId64, v.i);
    else if (type == API_UUID && v.n == GF_UUID_LEN)
        gf_uuid_text(v.p, ret);
    else
        odb_text(q, column, ret, 128);
}

void api_list_rows(struct api_call *c, struct odb_query *q, const struct api_message *m,
                   const char *key)
{
    const int column = column_of(m, key);
    struct api_list list;
    struct buf *b;
    char last[128] = "";
    int r;

    api_list_begin(&list);
    while ((r = odb_next(c->o->db, q)) == 1) {
        if (list.n + 1 == c->limit) /* the key of the last one is all that `next` says */
            key_text(q, column, m->fields[column].type, last);
        if ((b = api_list_next(c, &list, last)) == NULL)
            break;
        api_write_row(b, q, m);
    }
    api_list_end(c, &list, q, r);
}

void api_one_row(struct api_call *c, struct odb_query *q, const struct api_message *m,
                 const char *sentence)
{
    int r = odb_next(c->o->db, q);

    if (r == 1) {
        api_write_row(api_begin(c, 200), q, m);
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
