/* The description of head office's tables holds together; docs/office-tables.md says what it says
 * (GENERATE=1 writes that anew). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/odb_ddl.h"
#include "backend/odb_tables.h"
#include "common/ids.h"
#include "meter-core/port/openssl/crypto.h"

#define DOCUMENT "docs/office-tables.md"
#define CAP 131072

/* ---- the description ---- */

static const struct odb_column *find_column(const struct odb_table *t, const char *name, size_t n)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (strlen(t->columns[i].name) == n && memcmp(t->columns[i].name, name, n) == 0)
            return &t->columns[i];
    return NULL;
}

/* Every name of "a, b" is a column. */
static void expect_columns(const struct odb_table *t, const char *list, size_t n)
{
    const char *end = list + n;

    while (list < end) {
        size_t name = 0;

        while (list + name < end && list[name] != ',')
            name++;
        if (find_column(t, list, name) == NULL)
            fail_msg("%s: no column %.*s", t->name, (int)name, list);
        list += name;
        list += list < end ? 2 : 0;
    }
}

static const struct odb_table *find_table(const char *name, size_t n, size_t before)
{
    for (size_t t = 0; t < before; t++)
        if (strlen(odb_tables[t].name) == n && memcmp(odb_tables[t].name, name, n) == 0)
            return &odb_tables[t];
    return NULL;
}

/* "a, b > table (c, d)": the table stands before, and c, d is a key of it. */
static void expect_reference(size_t at, const char *text)
{
    const struct odb_table *t = &odb_tables[at], *to;
    const char *arrow = strstr(text, " > "), *open = strchr(text, '('), *close = strchr(text, ')');

    assert_true(arrow != NULL && open != NULL && close != NULL && close[1] == '\0');
    to = find_table(arrow + 3, (size_t)(open - 1 - (arrow + 3)), at);
    if (to == NULL)
        fail_msg("%s: %s: no such table before it", t->name, text);
    expect_columns(t, text, (size_t)(arrow - text));

    size_t n = (size_t)(close - open - 1);
    bool is_key = strlen(to->key) == n && memcmp(to->key, open + 1, n) == 0;
    for (size_t i = 0; i < ODB_LISTS_MAX && to->unique[i] != NULL; i++)
        is_key = is_key || (strlen(to->unique[i]) == n && memcmp(to->unique[i], open + 1, n) == 0);
    if (!is_key)
        fail_msg("%s: %s: not a key there", t->name, text);
}

static void it_holds_together(void **state)
{
    (void)state;
    for (size_t t = 0; t < odb_n_tables; t++) {
        const struct odb_table *table = &odb_tables[t];

        assert_null(find_table(table->name, strlen(table->name), t));
        expect_columns(table, table->key, strlen(table->key));
        for (size_t i = 0; i < ODB_LISTS_MAX && table->unique[i] != NULL; i++)
            expect_columns(table, table->unique[i], strlen(table->unique[i]));
        for (size_t i = 0; i < ODB_LISTS_MAX && table->indexes[i] != NULL; i++)
            expect_columns(table, table->indexes[i], strlen(table->indexes[i]));
        for (size_t i = 0; i < ODB_LISTS_MAX && table->refers[i] != NULL; i++)
            expect_reference(t, table->refers[i]);
        for (size_t i = 0; i < table->n_columns; i++) {
            const struct odb_column *c = &table->columns[i];

            assert_ptr_equal(find_column(table, c->name, strlen(c->name)), c);
            assert_true(c->words == NULL || c->type == ODB_COL_TEXT);
            assert_true(c->missing == NULL || !c->may_be_null);
            if (c->missing != NULL)
                assert_int_equal(c->missing[0] == '\'', c->type == ODB_COL_TEXT);
        }
        assert_true(table->what != NULL && strchr(table->what, '|') == NULL);
    }
}

/* ---- its version ---- */

/* What both engines are told, each statement with its NUL. */
static struct buf ddl(void)
{
    struct buf ret = { 0 };

    for (enum odb_engine engine = ODB_SQLITE; engine <= ODB_POSTGRESQL; engine++)
        for (size_t t = 0; t < odb_n_tables; t++) {
            odb_ddl_table(engine, &odb_tables[t], &ret);
            for (size_t i = 0; odb_ddl_index(&odb_tables[t], i, &ret); i++) {
            }
        }
    assert_false(ret.bad);
    return ret;
}

static void the_number_stands_for_it(void **state)
{
    const struct mc_crypto *c = mc_crypto_openssl();
    struct buf all = ddl();
    uint8_t hash[32];
    char hex[65];

    (void)state;
    assert_int_equal(c->sha256(c->ctx, &(struct gf_span){ all.p, all.n }, 1, hash), 0);
    buf_free(&all);
    gf_hex(hash, sizeof hash, hex);
    if (strcmp(hex, ODB_SCHEMA_DIGEST) != 0)
        fail_msg("the description is not that of version %d: raise ODB_SCHEMA_VERSION, and put "
                 "beside it %s",
                 ODB_SCHEMA_VERSION, hex);
}

/* ---- the page ---- */

static void print_lists(FILE *f, const char *what, const char *const *list)
{
    for (size_t i = 0; i < ODB_LISTS_MAX && list[i] != NULL; i++)
        (void)fprintf(f, "%s`%s`", i == 0 ? what : ", ", list[i]);
    if (list[0] != NULL)
        (void)fputs(".\n", f);
}

static void print_words(FILE *f, const char *words)
{
    for (const char *at = words; *at != '\0'; at += strcspn(at, "|") + (strchr(at, '|') != NULL))
        (void)fprintf(f, "%s`%.*s`", at == words ? "" : ", ", (int)strcspn(at, "|"), at);
}

static void print_table(FILE *f, const struct odb_table *t)
{
    static const char *const types[] = { "bigint", "text", "bytea" };

    (void)fprintf(f, "\n## %s\n\n%c%s.\n\n| column | type | null | else | only |\n|---|---|---|---|---|\n",
                  t->name, t->what[0], t->what + 1);
    for (size_t i = 0; i < t->n_columns; i++) {
        const struct odb_column *c = &t->columns[i];

        (void)fprintf(f, "| %s | %s | %s | %s%s%s | ", c->name, types[c->type],
                      c->may_be_null ? "yes" : "", c->missing != NULL ? "`" : "",
                      c->missing != NULL ? c->missing : "", c->missing != NULL ? "`" : "");
        if (c->words != NULL)
            print_words(f, c->words);
        (void)fputs(" |\n", f);
    }
    (void)fprintf(f, "\nKey `%s`.\n", t->key);
    print_lists(f, "Unique ", t->unique);
    print_lists(f, "Refers ", t->refers);
    print_lists(f, "Index ", t->indexes);
}

static void print_page(FILE *f)
{
    (void)fprintf(f,
                  "# Head office's tables\n\nPrinted from `backend/odb_tables.c`, of which both "
                  "engines' tables are made (version %d); a test compares (`GENERATE=1` writes it "
                  "anew).\nEvery table has `org_id bigint` before its columns, and every key, "
                  "reference and index begins with it. SQLite says INTEGER, BLOB for bigint, "
                  "bytea.\n_else_: the value where none is given, and in rows of a version without "
                  "the column. _only_: the texts that are allowed.\n\n| table | what |\n|---|---|\n",
                  ODB_SCHEMA_VERSION);
    for (size_t t = 0; t < odb_n_tables; t++)
        (void)fprintf(f, "| [%s](#%s) | %s |\n", odb_tables[t].name, odb_tables[t].name,
                      odb_tables[t].what);
    for (size_t t = 0; t < odb_n_tables; t++)
        print_table(f, &odb_tables[t]);
}

static void the_page_says_it(void **state)
{
    static char want[CAP], got[CAP];
    FILE *f = fmemopen(want, sizeof want, "w");

    (void)state;
    assert_non_null(f);
    print_page(f);
    assert_int_equal(fclose(f), 0);
    if (getenv("GENERATE") != NULL) {
        f = fopen(DOCUMENT, "w");
        assert_non_null(f);
        (void)fputs(want, f);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(DOCUMENT, "r");
    if (f == NULL)
        fail_msg(DOCUMENT " is missing: GENERATE=1");
    got[fread(got, 1, sizeof got - 1, f)] = '\0';
    (void)fclose(f);
    assert_string_equal(got, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_together),
        cmocka_unit_test(the_number_stands_for_it),
        cmocka_unit_test(the_page_says_it),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
