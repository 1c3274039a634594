/* api_row.c - rows of the database as objects of a message; fields of a body; see api.h. */
#include "backend/api.h"

#include <string.h>

#include "backend/json_out.h"
#include "common/text.h"

#define BYTES_MAX 512

/* Bytes of the length that their type has; else the answer cannot be made. */
static void write_bytes(struct buf *b, struct gf_span s, enum api_type type)
{
    char text[2 * BYTES_MAX + 1] = "";

    if (type == API_UUID && s.n == GF_UUID_LEN)
        gf_uuid_text(s.p, text);
    else if (type == API_HEX && s.n <= BYTES_MAX)
        gf_hex(s.p, s.n, text);
    else
        b->bad = true;
    json_text(b, text, strlen(text));
}

static void write_text(struct buf *b, struct odb_query *q, int column, const struct api_field *f)
{
    struct gf_span s;

    if (f->word_of != NULL) {
        const char *word = f->word_of(odb_int(q, column));

        json_text(b, word, strlen(word));
        return;
    }
    s = odb_text_span(q, column);
    json_text(b, (const char *)s.p, s.n);
}

static void write_value(struct buf *b, struct odb_query *q, int column, const struct api_field *f)
{
    switch (f->type) {
    case API_INT:
        json_int(b, odb_int(q, column));
        return;
    case API_BOOL:
        buf_text(b, odb_int(q, column) != 0 ? "true" : "false");
        return;
    case API_UUID:
    case API_HEX:
        write_bytes(b, odb_bytes(q, column), f->type);
        return;
    case API_TEXT:
    case API_ID:
    case API_DATE:
    case API_WORD:
    case API_SECRET:
    case API_LINES:
        write_text(b, q, column, f);
        return;
    case API_OBJECT:
    case API_LIST:
    case API_TEXTS:
    case API_TYPES:
        break;
    }
    b->bad = true;
}

void api_write_row(struct buf *b, struct odb_query *q, const struct api_message *m)
{
    for (size_t i = 0; i < m->n; i++) {
        if (odb_is_null(q, (int)i))
            continue;
        json_name(b, m->fields[i].name);
        write_value(b, q, (int)i, &m->fields[i]);
    }
}

json_t *api_row(struct odb_query *q, const struct api_message *m)
{
    struct buf text = { 0 };
    json_t *row = NULL;

    buf_text(&text, "{");
    api_write_row(&text, q, m);
    buf_text(&text, "}");
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
    uint8_t id[GF_UUID_LEN];

    if (type == API_UUID && odb_copy(q, column, id, sizeof id))
        gf_uuid_text(id, ret);
    else
        odb_text(q, column, ret, 128);
}

void api_list_rows(struct api_call *c, struct odb_query *q, const struct api_message *m,
                   const char *key)
{
    const int column = column_of(m, key);
    struct api_list list;
    struct buf *b;
    char last[128];
    int r;

    api_list_begin(&list);
    while ((r = odb_next(c->o->db, q)) == 1) {
        key_text(q, column, m->fields[column].type, last);
        if ((b = api_list_next(c, &list, last)) == NULL)
            break;
        buf_text(b, "{");
        api_write_row(b, q, m);
        buf_text(b, "}");
    }
    api_list_end(c, &list, q, r);
}

void api_one_row(struct api_call *c, struct odb_query *q, const struct api_message *m,
                 const char *sentence)
{
    int r = odb_next(c->o->db, q);

    if (r == 1) {
        struct buf *b = api_begin(c, 200);

        buf_text(b, "{");
        api_write_row(b, q, m);
        buf_text(b, "}");
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
