/* admin_show.c - listing registers page by page: nothing is held but a page; see admin.h. */
#include <stdlib.h>
#include <string.h>

#include "backend/admin.h"
#include "backend/admin_registers.h"
#include "backend/office_words.h"
#include "common/text.h"

#define PAGE 200
#define CELL_MAX 512

/* ---- keys ---- */

/* Where a listing stands: the parts of its last row's key. */
struct place {
    int64_t number[ADMIN_KEYS_MAX];
    char text[ADMIN_KEYS_MAX][CELL_MAX];
    uint8_t id[ADMIN_KEYS_MAX][GF_UUID_LEN];
};

static enum admin_shown key_type(const struct admin_register *g, size_t part)
{
    return g->columns[g->keys[part]].shown;
}

/* Before the first row. */
static void place_first(struct place *p)
{
    *p = (struct place){ 0 };
    for (size_t i = 0; i < ADMIN_KEYS_MAX; i++)
        p->number[i] = INT64_MIN;
}

static struct odb_value place_value(const struct admin_register *g, const struct place *p, size_t i)
{
    return key_type(g, i) == SHOW_INT    ? ODB_I(p->number[i])
           : key_type(g, i) == SHOW_UUID ? ODB_B(p->id[i], GF_UUID_LEN)
                                         : ODB_T(p->text[i]);
}

/* False when a key is not what it has to be: the listing would never end. */
static bool place_at(const struct admin_register *g, struct odb_query *q, struct place *ret)
{
    bool is_key = true;

    for (size_t i = 0; i < g->n_keys; i++) {
        int column = (int)g->keys[i];

        if (key_type(g, i) == SHOW_INT)
            ret->number[i] = odb_int(q, column);
        else if (key_type(g, i) == SHOW_UUID)
            is_key &= odb_copy(q, column, ret->id[i], GF_UUID_LEN);
        else
            odb_text(q, column, ret->text[i], CELL_MAX);
    }
    return is_key;
}

/* "GM2400000156,17": the parts of a key as the listing shows them. */
static int place_parse(const struct admin_register *g, const char *text, struct place *ret,
                       struct gf_fail *why)
{
    char part[CELL_MAX], wanted[160] = "";
    bool is_good = true;

    place_first(ret);
    for (size_t i = 0; i < g->n_keys; i++) {
        size_t n = i + 1 < g->n_keys ? strcspn(text, ",") : strlen(text);

        (void)snprintf(part, sizeof part, "%.*s", (int)n, text);
        (void)snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%s",
                       i > 0 ? "," : "", g->columns[g->keys[i]].name);
        if (key_type(g, i) == SHOW_INT)
            is_good &= gf_parse_int(part, INT64_MIN, INT64_MAX, &ret->number[i]) == 0;
        else if (key_type(g, i) == SHOW_UUID)
            is_good &= gf_uuid_parse(part, ret->id[i]) == 0;
        else
            is_good &= n < CELL_MAX && gf_copy(ret->text[i], CELL_MAX, part);
        is_good &= i + 1 == g->n_keys || text[n] == ',';
        text += n + (text[n] == ',');
    }
    return is_good ? 0 : gf_fail(why, GF_E_USAGE, "a row to go on after is", wanted);
}

/* ---- rows ---- */

/* A time as text, or null. */
static json_t *time_json(int64_t s)
{
    char text[21];

    gf_utc_text(s, text);
    return json_string(text);
}

static json_t *bytes_json(struct gf_span bytes, bool is_uuid)
{
    char text[CELL_MAX];

    if (is_uuid && bytes.n == GF_UUID_LEN)
        gf_uuid_text(bytes.p, text);
    else
        gf_hex(bytes.p, bytes.n < CELL_MAX / 2 ? bytes.n : CELL_MAX / 2 - 1, text);
    return json_string(text);
}

static json_t *cell_json(struct odb_query *q, int i, enum admin_shown shown)
{
    char text[CELL_MAX];

    if (odb_is_null(q, i))
        return json_null();
    switch (shown) {
    case SHOW_INT:
        return json_integer(odb_int(q, i));
    case SHOW_YES_NO:
        return json_boolean(odb_int(q, i) != 0);
    case SHOW_HEX:
    case SHOW_UUID:
        return bytes_json(odb_bytes(q, i), shown == SHOW_UUID);
    case SHOW_UTC_MS:
        return time_json(odb_int(q, i) / 1000);
    case SHOW_UTC_S:
        return time_json(odb_int(q, i));
    case SHOW_LIFE:
        return json_string(ho_life_word(odb_int(q, i)));
    case SHOW_COMMAND:
        return json_string(ho_command_word(odb_int(q, i)));
    case SHOW_TEXT:
    default:
        odb_text(q, i, text, sizeof text);
        return json_string(text);
    }
}

static json_t *row_json(struct odb_query *q, const struct admin_register *g)
{
    json_t *row = json_object();

    for (int i = 0; g->columns[i].name != NULL; i++)
        (void)json_object_set_new(row, g->columns[i].name, cell_json(q, i, g->columns[i].shown));
    return row;
}

/* ---- pages ---- */

/* A listing under way. */
struct listing {
    struct admin *a;
    const struct admin_register *of;
    struct place at;
    int64_t left, shown; /* rows */
    bool as_lines;
};

/* The next page, at most n rows. *ret is the caller's. */
static int read_page(struct listing *l, int64_t n, json_t **ret, struct gf_fail *why)
{
    struct odb *db = l->a->office->db;
    struct odb_value values[ADMIN_KEYS_MAX + 1];
    json_t *page = json_array();
    const struct place from = l->at; /* the query borrows it while l->at goes on */
    struct odb_query *q;
    bool is_key = true;
    int r = 0;

    for (size_t i = 0; i < l->of->n_keys; i++)
        values[i] = place_value(l->of, &from, i);
    values[l->of->n_keys] = ODB_I(n);
    q = odb_query(db, l->of->sql, values, l->of->n_keys + 1);
    while (is_key && (r = odb_next(db, q)) == 1) {
        (void)json_array_append_new(page, row_json(q, l->of));
        is_key = place_at(l->of, q, &l->at);
    }
    odb_end(q);
    *ret = page;
    if (!is_key)
        return gf_fail(why, GF_E_STORE_DAMAGED, l->of->name, "a row's key is not an id");
    return r < 0 ? odb_fail(db, why) : 0;
}

/* A row in one line, so that line tools can read it too. */
static int print_lines(struct listing *l, const json_t *page, struct gf_fail *why)
{
    json_t *row;
    size_t i;

    json_array_foreach(page, i, row) {
        if (!l->as_lines)
            (void)fputs(l->shown + (int64_t)i > 0 ? ",\n " : "\n ", l->a->out);
        if (json_dumpf(row, l->a->out, 0) != 0)
            return gf_fail(why, GF_E_MEMORY, "show", "");
        if (l->as_lines)
            (void)fputc('\n', l->a->out);
    }
    return 0;
}

static int print_page(struct listing *l, const json_t *page, struct gf_fail *why)
{
    if (l->a->json || l->as_lines)
        return print_lines(l, page, why);
    if (json_array_size(page) == 0 && l->shown > 0)
        return 0;
    return admin_table(l->a, page, l->shown == 0, why);
}

static int list_pages(struct listing *l, struct gf_fail *why)
{
    size_t got = PAGE;
    int r = 0;

    while (r == 0 && got == PAGE && l->left > 0) {
        json_t *page = NULL;

        r = read_page(l, l->left < PAGE ? l->left : PAGE, &page, why);
        if (r == 0)
            r = print_page(l, page, why);
        got = json_array_size(page);
        l->shown += (int64_t)got;
        l->left -= (int64_t)got;
        json_decref(page);
    }
    return r;
}

static const struct admin_option show_options[] = {
    { "after", "KEY", "rows behind this one: the first column, or the first ones with commas", 0,
      false },
    { "limit", "N", "at most so many rows; all unless said", 0, false },
    { "lines", NULL, "one JSON object a line", 0, false },
};

static int list_register(struct listing *l, const char *after, struct gf_fail *why)
{
    struct odb *db = l->a->office->db;
    int r = 0;

    place_first(&l->at);
    if (after != NULL)
        r = place_parse(l->of, after, &l->at, why);
    if (r == 0 && odb_begin_reading(db) != 0)
        r = odb_fail(db, why);
    if (r != 0)
        return r;
    if (l->a->json && !l->as_lines)
        (void)fputc('[', l->a->out);
    r = list_pages(l, why);
    if (l->a->json && !l->as_lines)
        (void)fputs("\n]\n", l->a->out);
    odb_rollback(db);
    return r;
}

/* Without a word: which registers there are. */
static int list_registers(struct admin *a, struct gf_fail *why)
{
    json_t *all = json_array();

    for (size_t i = 0; i < admin_n_registers; i++)
        (void)json_array_append_new(all, json_pack("{s:s, s:s}", "register",
                                                   admin_registers[i].name, "what",
                                                   admin_registers[i].what));
    return admin_answer(a, all, why);
}

static int run_show(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct listing l = { .a = a, .as_lines = admin_has(args, "lines") };
    int r = admin_int(args, "limit", INT64_MAX, 1, INT64_MAX, &l.left, why);

    if (r != 0 || args->n_words == 0)
        return r != 0 ? r : list_registers(a, why);
    for (size_t i = 0; i < admin_n_registers; i++)
        if (strcmp(admin_registers[i].name, args->words[0]) == 0)
            l.of = &admin_registers[i];
    if (l.of == NULL)
        return gf_fail(why, GF_E_USAGE, "there is no register", args->words[0]);
    return list_register(&l, admin_value(args, "after"), why);
}

static const struct admin_command commands[] = {
    { .name = "show",
      .words = "[REGISTER]",
      .what = "list a register; without one, which there are",
      ADMIN_OPTIONS(show_options),
      .run = run_show },
};

const struct admin_group admin_group_show = ADMIN_GROUP("Registers", commands);
