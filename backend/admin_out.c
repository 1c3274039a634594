/* admin_out.c - what commands print: documents as JSON, or as lines and tables; see admin.h. */
#include <stdlib.h>
#include <string.h>

#include "backend/admin.h"
#include "common/text.h"

#define CELL_MAX 400
#define WIDTH_MAX 160 /* characters; a wider table is printed as lines */

int admin_failed(const struct admin *a, int r, struct gf_fail *why)
{
    return r >= 0 ? 0 : gf_fail(why, r, a->office->fail.where, a->office->fail.detail);
}

int admin_json(struct admin *a, json_t *doc, struct gf_fail *why)
{
    int r = doc != NULL ? json_dumpf(doc, a->out, JSON_INDENT(1)) : -1;

    json_decref(doc);
    if (r != 0)
        return gf_fail(why, GF_E_MEMORY, "answer", "");
    (void)fputc('\n', a->out);
    return 0;
}

/* ---- for people ---- */

/* A value in one line. */
static void cell_text(const json_t *v, char ret[static CELL_MAX])
{
    char *text = NULL;

    if (v == NULL || json_is_null(v))
        (void)gf_copy(ret, CELL_MAX, "-");
    else if (json_is_boolean(v))
        (void)gf_copy(ret, CELL_MAX, json_is_true(v) ? "yes" : "no");
    else if (json_is_integer(v))
        (void)snprintf(ret, CELL_MAX, "%lld", (long long)json_integer_value(v));
    else if (json_is_string(v))
        gf_visible(ret, CELL_MAX, json_string_value(v), json_string_length(v));
    else if ((text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY)) != NULL)
        gf_visible(ret, CELL_MAX, text, strlen(text));
    else
        (void)gf_copy(ret, CELL_MAX, "?");
    if (ret[0] == '\0')
        (void)gf_copy(ret, CELL_MAX, "-");
    free(text);
}

/* A name as people write it: "pending tokens". */
static void name_text(const char *key, char ret[static CELL_MAX])
{
    (void)gf_copy(ret, CELL_MAX, key);
    for (char *c = ret; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
}

/* How many characters a text has. */
static size_t width_of(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += (*text & 0xC0) != 0x80;
    return n;
}

static void pad(size_t from, size_t to, FILE *out)
{
    for (; from < to; from++)
        (void)fputc(' ', out);
}

/* Every key that a row of the list has, with its column's width. NULL when out of memory. */
static json_t *columns_of(const json_t *list)
{
    json_t *columns = json_object(), *row, *value;
    char cell[CELL_MAX];
    const char *key;
    size_t i;

    json_array_foreach(list, i, row) {
        json_object_foreach(row, key, value) {
            json_int_t known = json_integer_value(json_object_get(columns, key));

            cell_text(value, cell);
            size_t width = width_of(cell) > width_of(key) ? width_of(cell) : width_of(key);
            if ((json_int_t)width > known)
                json_object_set_new(columns, key, json_integer((json_int_t)width));
        }
    }
    return columns;
}

/* One line of a table; `row` NULL is its head. What is a number in the first row stands to the
 * right. */
static void print_row(json_t *columns, const json_t *first, const json_t *row, FILE *out)
{
    const char *key, *gap = "";
    json_t *column;
    char cell[CELL_MAX];
    size_t owed = 0; /* blanks that stand before the next cell, none behind the last */

    json_object_foreach(columns, key, column) {
        size_t width = (size_t)json_integer_value(column);

        if (row != NULL)
            cell_text(json_object_get(row, key), cell);
        else
            name_text(key, cell);
        (void)fputs(gap, out);
        pad(0, owed, out);
        owed = width - width_of(cell);
        if (json_is_integer(json_object_get(first, key))) {
            pad(0, owed, out);
            owed = 0;
        }
        (void)fputs(cell, out);
        gap = "  ";
    }
    (void)fputc('\n', out);
}

static int print_table(const json_t *list, bool has_head, FILE *out)
{
    const json_t *first = json_array_get(list, 0);
    json_t *columns = columns_of(list), *row;
    size_t i;

    if (columns == NULL)
        return GF_E_MEMORY;
    if (json_array_size(list) == 0)
        (void)fputs("none\n", out);
    else if (has_head && json_object_size(columns) > 0)
        print_row(columns, first, NULL, out);
    json_array_foreach(list, i, row) {
        char cell[CELL_MAX];

        if (json_is_object(row))
            print_row(columns, first, row, out);
        else {
            cell_text(row, cell);
            (void)fprintf(out, "%s\n", cell);
        }
    }
    json_decref(columns);
    return 0;
}

/* What has its own lines below: a list with rows, an object. */
static bool stands_below(const json_t *value)
{
    return json_object_size(value) > 0 || json_array_size(value) > 0;
}

/* An object's plain values as lines of name and value. */
static void print_lines(json_t *doc, FILE *out)
{
    const char *key;
    json_t *value;
    char cell[CELL_MAX], name[CELL_MAX];
    size_t width = 0;

    json_object_foreach(doc, key, value)
        if (!stands_below(value) && width_of(key) > width)
            width = width_of(key);
    json_object_foreach(doc, key, value) {
        if (stands_below(value))
            continue;
        if (json_is_array(value))
            (void)gf_copy(cell, sizeof cell, "none");
        else
            cell_text(value, cell);
        name_text(key, name);
        (void)fputs(name, out);
        pad(width_of(name), width + 2, out);
        (void)fprintf(out, "%s\n", cell);
    }
}

/* A list inside a document: as a table where it fits, else each row as lines. */
static int print_list(const json_t *list, FILE *out)
{
    json_t *columns = columns_of(list), *column, *row;
    size_t width = 0, i;
    const char *key;

    json_object_foreach(columns, key, column)
        width += (size_t)json_integer_value(column) + 2;
    json_decref(columns);
    if (width <= WIDTH_MAX)
        return print_table(list, true, out);
    json_array_foreach(list, i, row) {
        if (i > 0)
            (void)fputc('\n', out);
        print_lines(row, out);
    }
    return 0;
}

static int print_object(json_t *doc, FILE *out)
{
    const char *key;
    json_t *value;
    char name[CELL_MAX];
    int r = 0;

    print_lines(doc, out);
    json_object_foreach(doc, key, value) {
        if (r != 0 || !stands_below(value))
            continue;
        name_text(key, name);
        (void)fprintf(out, "\n%s\n", name);
        if (json_is_array(value))
            r = print_list(value, out);
        else
            print_lines(value, out);
    }
    return r;
}

int admin_table(struct admin *a, const json_t *list, bool has_head, struct gf_fail *why)
{
    int r = print_table(list, has_head, a->out);

    return r == 0 ? 0 : gf_fail(why, r, "table", "");
}

int admin_answer(struct admin *a, json_t *doc, struct gf_fail *why)
{
    int r;

    if (a->json || doc == NULL)
        return admin_json(a, doc, why);
    r = json_is_array(doc) ? print_list(doc, a->out) : print_object(doc, a->out);
    json_decref(doc);
    return r == 0 ? 0 : gf_fail(why, r, "answer", "");
}
