/* test_admin_lists.c - what gasoffice lists over several pages: registers whose key has several
 * parts, and meters whose verification has ended before a day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/admin_registers.h"
#include "backend/odb_tables.h"
#include "tests/aid/api_aid.h"
#include "tests/aid/office_admin.h"

#define ROWS 450 /* more than two pages; one ends amid rows that share first parts of their keys */
#define GROUPS 3 /* values of each part but the last */

static struct oaid_office office;

static int begin(void **state)
{
    (void)state;
    oaid_office_new(&office);
    oaid_office_end(&office);
    return 0;
}

/* Run gasoffice with these words, which has to end well. */
#define RUN(...) assert_int_equal(oadm_run(&office, OADM_WORDS(__VA_ARGS__)), 0)

/* ---- rows ---- */

/* The table behind each register whose key has several parts. */
static const struct {
    const char *name, *table;
} behind[] = {
    { "keys", "account_key" },         { "tickets", "ticket" },  { "tokens", "token" },
    { "receipts", "receipt" },         { "balances", "ledger_account" },
    { "journal", "posting" },
};

static const struct odb_table *table_of(const struct admin_register *g)
{
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++)
        for (size_t k = 0; k < odb_n_tables; k++)
            if (strcmp(behind[i].name, g->name) == 0
                && strcmp(odb_tables[k].name, behind[i].table) == 0)
                return &odb_tables[k];
    fail_msg("%s: which table is it?", g->name);
    return NULL;
}

/* Which part of the key this column is, from 0 on; -1: none. */
static int part_of(const struct odb_table *t, const char *column)
{
    char words[80];
    int part = 0;

    (void)snprintf(words, sizeof words, "%s", t->key);
    for (char *at = words, *word; (word = strtok_r(at, ", ", &at)) != NULL; part++)
        if (strcmp(word, column) == 0)
            return part;
    return -1;
}

/* SQL of this column's value in row i: of a part of the key one that groups the rows. */
static void value_of(const struct odb_table *t, const struct odb_column *c, int parts, char *ret,
                     size_t cap)
{
    const int part = part_of(t, c->name);
    int rest = ROWS;
    char value[48] = "i";

    for (int k = 0; k <= part && k + 1 < parts; k++)
        rest /= GROUPS;
    if (part >= 0)
        (void)snprintf(value, sizeof value, part + 1 < parts ? "(i / %d %% 3)" : "(i %% %d)", rest);
    if (part < 0 && c->may_be_null)
        (void)snprintf(ret, cap, "NULL");
    else if (c->words != NULL)
        (void)snprintf(ret, cap, "'%.*s'", (int)strcspn(c->words, "|"), c->words);
    else if (c->type == ODB_COL_INT)
        (void)snprintf(ret, cap, "%s", value);
    else
        (void)snprintf(ret, cap,
                       c->type == ODB_COL_TEXT ? "'K' || %s" : "CAST(printf('%%016d', %s) AS BLOB)",
                       value);
}

/* The table has ROWS rows, and no other. */
static void fill(const struct odb_table *t, int parts)
{
    char sql[2400], value[80];
    int n = snprintf(sql, sizeof sql,
                     "DELETE FROM %s; WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM "
                     "n WHERE i < %d) INSERT INTO %s SELECT 1",
                     t->name, ROWS - 1, t->name);

    for (size_t i = 0; i < t->n_columns; i++) {
        value_of(t, &t->columns[i], parts, value, sizeof value);
        n += snprintf(sql + n, sizeof sql - (size_t)n, ", %s", value);
    }
    assert_true(n + 8 < (int)sizeof sql);
    strcat(sql, " FROM n");
    oaid_sql(&office, sql);
}

/* ---- what is listed ---- */

/* Below, at or above zero, as the key of row a is before, the same as or behind that of b. */
static int compare(const struct admin_register *g, const json_t *a, const json_t *b)
{
    int ret = 0;

    for (size_t i = 0; i < g->n_keys && ret == 0; i++) {
        const char *name = g->columns[g->keys[i]].name;
        const json_t *x = json_object_get(a, name), *y = json_object_get(b, name);

        if (json_is_integer(x))
            ret = (json_integer_value(x) > json_integer_value(y))
                  - (json_integer_value(x) < json_integer_value(y));
        else
            ret = strcmp(json_string_value(x), json_string_value(y));
    }
    return ret;
}

/* The rows that are said, a line each, in the order of their keys: how many. The key of row
 * number `at` goes to ret_key. */
static int rows_said(const struct admin_register *g, int at, char *ret_key, size_t cap)
{
    json_t *last = NULL;
    int n = 0;

    for (char *rest = oadm_said, *line; (line = strtok_r(rest, "\n", &rest)) != NULL; n++) {
        json_t *row = json_loads(line, 0, NULL);

        assert_non_null(row);
        if (last != NULL && compare(g, last, row) >= 0)
            fail_msg("%s: row %d is not behind the one before: %s", g->name, n, line);
        json_decref(last);
        last = row;
        ret_key[0] = n == at ? '\0' : ret_key[0];
        for (size_t i = 0; n == at && i < g->n_keys; i++) {
            const json_t *part = json_object_get(row, g->columns[g->keys[i]].name);
            const size_t used = strlen(ret_key);

            if (json_is_integer(part))
                (void)snprintf(ret_key + used, cap - used, "%s%lld", i > 0 ? "," : "",
                               (long long)json_integer_value(part));
            else
                (void)snprintf(ret_key + used, cap - used, "%s%s", i > 0 ? "," : "",
                               json_string_value(part));
        }
    }
    json_decref(last);
    return n;
}

/* Each row once, in the order of keys, whole and from behind any row on. */
static void check_register(const struct admin_register *g)
{
    const struct odb_table *t = table_of(g);
    const int from[] = { 0, 149, 199, 200, 249, 448 };
    char key[120] = "", other[120] = "";

    fill(t, (int)g->n_keys);
    if (strcmp(t->name, "posting") == 0)
        oaid_sql(&office, "DELETE FROM journal; INSERT INTO journal SELECT DISTINCT org_id, op_id, "
                          "kind, 0, 0, 'x', 'x', x'00' FROM posting");
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        RUN("show", g->name, "--lines");
        assert_int_equal(rows_said(g, from[i], key, sizeof key), ROWS);
        RUN("show", g->name, "--lines", "--after", key);
        assert_int_equal(rows_said(g, 0, other, sizeof other), ROWS - 1 - from[i]);
        RUN("show", g->name, "--lines", "--limit", "201");
        assert_int_equal(rows_said(g, 200, other, sizeof other), 201);
    }
}

static void every_row_is_listed_once(void **state)
{
    int n = 0;

    (void)state;
    for (size_t i = 0; i < admin_n_registers; i++)
        if (admin_registers[i].n_keys > 1) {
            check_register(&admin_registers[i]);
            n++;
        }
    assert_int_equal(n, sizeof behind / sizeof behind[0]);
}

/* ---- verifications that have ended ---- */

static bool is_leap(int year)
{
    return year % 4 == 0;
}

/* The first meter is listed before this day, or not; the others never. */
static void check_before(const char *before, const char *until)
{
    json_t *page;

    page = oadm_json(&office, OADM_WORDS("report", "overdue", "--before", before));
    if (strcmp(until, before) < 0) {
        assert_string_equal(oaid_text(page, "items.0.meter_id"), AID_METER_1);
        assert_string_equal(oaid_text(page, "items.0.verified_until"), until);
    }
    assert_int_equal(json_array_size(json_object_get(page, "items")), strcmp(until, before) < 0);
    json_decref(page);
}

/* From the end of February to its March, in three years one of which has a leap day. */
static void check_days(const char *until)
{
    char before[16];

    for (int year = 2027; year <= 2029; year++) {
        for (int day = 27; day <= 28 + is_leap(year); day++) {
            (void)snprintf(before, sizeof before, "%d-02-%d", year, day);
            check_before(before, until);
        }
        for (int day = 1; day <= 2; day++) {
            (void)snprintf(before, sizeof before, "%d-03-%02d", year, day);
            check_before(before, until);
        }
    }
}

/* A meter is listed from the day behind the last one of its verification on, whatever February has.
 */
static void what_has_ended_before_a_day(void **state)
{
    static const struct {
        int years;
        const char *verified, *until;
    } of[] = {
        { 8, "2020-02-28", "2028-02-28" }, { 8, "2020-02-29", "2028-02-29" },
        { 8, "2020-03-01", "2028-03-01" }, { 7, "2020-02-28", "2027-02-28" },
        { 7, "2020-02-29", "2027-02-28" }, { 7, "2021-02-28", "2028-02-28" },
        { 7, "2021-03-01", "2028-03-01" },
    };
    char sql[400];

    (void)state;
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        (void)snprintf(sql, sizeof sql,
                       "UPDATE meter SET verification_date = '2029-01-01'; UPDATE meter SET "
                       "verification_date = '%s' WHERE meter_id = '" AID_METER_1 "'; DELETE FROM "
                       "setting WHERE name = 'verification_years'; INSERT INTO setting VALUES (1, "
                       "'verification_years', '%d')",
                       of[i].verified, of[i].years);
        oaid_sql(&office, sql);
        check_days(of[i].until);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_row_is_listed_once, begin),
        cmocka_unit_test_setup(what_has_ended_before_a_day, begin),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
