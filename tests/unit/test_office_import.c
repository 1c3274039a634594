/* test_office_import.c - a file that is cut or damaged anywhere is taken as it stands or refused with
 * its place, and then nothing has changed; contradictions, cancelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "backend/office_import.h"
#include "tests/aid/office_aid.h"

#define METER_HEADER "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n"
#define CUSTOMER_HEADER "customer_no,name,phone,supply_point,address\n"
#define TEXT_MAX 1200
#define ROWS_MAX 8
#define VALUES 6

static struct oaid_office office;

static int start(void **state)
{
    (void)state;
    oaid_office_new(&office);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

/* What must not move when a file is refused. Asked on the office's own connection: it is asked
 * thousands of times. */
static int64_t fingerprint(void)
{
    int64_t v = 0;

    assert_int_equal(
        odb_number(office.o->db, &v,
                   "SELECT CAST((SELECT COUNT(*) FROM meter WHERE org_id = ?1) + 100 * (SELECT COUNT(*) "
                   "FROM customer) + 10000 * (SELECT COUNT(*) FROM supply_point) + 1000000 * "
                   "(SELECT COUNT(*) FROM audit_log) + 100000000 * (SELECT SUM(last) FROM "
                   "counter) + (SELECT SUM(length(name) + length(phone)) FROM customer) + (SELECT "
                   "SUM(length(address)) FROM supply_point) AS BIGINT)",
                   ODB_NONE),
        1);
    return v;
}

/* The failure names a place that the text has. */
static void expect_place(const char *text)
{
    const struct gf_fail *why = &office.o->fail;
    unsigned line = 0, column = 0, lines = 1;
    char again[sizeof why->where];

    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(why->code, GF_E_FORMAT);
    assert_int_equal(sscanf(why->where, "line %u, column %u", &line, &column), 2);
    (void)snprintf(again, sizeof again, "line %u, column %u", line, column);
    assert_string_equal(again, why->where);
    if (line < 1 || line > lines || column < 1 || column > strlen(text) + 1)
        fail_msg("%s: %s, of \"%s\"", why->where, why->detail, text);
    assert_true(why->detail[0] != '\0');
}

/* ---- what a text says, read in another way than the product's ---- */

struct rows {
    size_t n;
    char values[ROWS_MAX][VALUES][TEXT_MAX];
};

/* All rows without the header; as RFC 4180 has it, for texts that were accepted. */
static void read_rows(const char *text, size_t n_values, struct rows *ret)
{
    size_t row = 0, value = 0, n = 0;
    bool is_quoted = false;
    const char *c = text + (strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);

    memset(ret, 0, sizeof *ret);
    c += strcspn(c, "\n");
    for (c += *c == '\n'; *c != '\0'; c++) {
        char *v = ret->values[row][value];

        assert_true(row < ROWS_MAX && value < n_values);
        if (*c == '"' && is_quoted && c[1] == '"')
            v[n++] = *c++;
        else if (*c == '"')
            is_quoted = !is_quoted;
        else if (is_quoted || (*c != ',' && *c != '\n' && *c != '\r'))
            v[n++] = *c;
        else if (*c == ',') {
            value++;
            n = 0;
        } else if (*c == '\n') {
            row++;
            value = n = 0;
        }
    }
    ret->n = row + (value > 0 || n > 0);
}

static void expect_number(int64_t want, const char *sql, const char *a, const char *b,
                          const char *c, const char *d, const char *e)
{
    char *text = sqlite3_mprintf(sql, a, b, c, d, e);

    assert_non_null(text);
    assert_int_equal(oaid_sql_number(&office, text), want);
    sqlite3_free(text);
}

/* ---- meters ---- */

static void expect_meters(const char *text)
{
    static struct rows rows;

    read_rows(text, 6, &rows);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM meter"), 3 + rows.n);
    for (size_t i = 0; i < rows.n; i++)
        expect_number(1,
                      "SELECT COUNT(*) FROM meter WHERE meter_id = %Q AND type = CAST(%Q AS "
                      "INTEGER) AND pulse_l = CAST(%Q AS INTEGER) AND verification_date = %Q AND "
                      "bt_address = %Q",
                      rows.values[i][0], rows.values[i][1], rows.values[i][2], rows.values[i][3],
                      strcmp(rows.values[i][4], "-") == 0 ? "" : rows.values[i][4]);
}

/* One text: taken as it stands, or refused without a trace. */
static void try_meters(const char *text)
{
    int64_t before = fingerprint();

    if (oaid_import_meters(&office, text) == 0) {
        expect_meters(text);
        oaid_sql(&office, "DELETE FROM meter WHERE meter_id NOT IN ('" AID_METER_1
                          "', '" AID_METER_2 "', '" AID_METER_3 "')");
    } else {
        expect_place(text);
        assert_int_equal(fingerprint(), before);
    }
}

/* What stands in the place of a byte: ends, quotes, digits, letters, what is not text. */
static const char bytes[] = "\n\r\", 7A\t\x80\xFF";

static void every_place(const char *text, void (*try)(const char *text))
{
    static char damaged[TEXT_MAX];

    for (size_t n = 0; n <= strlen(text); n++) {
        (void)snprintf(damaged, sizeof damaged, "%.*s", (int)n, text);
        try(damaged);
    }
    for (size_t at = 0; at < strlen(text); at++) {
        strcpy(damaged, text);
        memmove(damaged + at, damaged + at + 1, strlen(damaged + at));
        try(damaged); /* without this byte */
        strcpy(damaged, text);
        memmove(damaged + at + 1, damaged + at, strlen(damaged + at) + 1);
        try(damaged); /* twice */
        for (size_t b = 0; b < sizeof bytes - 1; b++) {
            strcpy(damaged, text);
            damaged[at] = bytes[b];
            try(damaged);
        }
    }
}

static void a_shipment_damaged_anywhere(void **state)
{
    char row[2][200], text[TEXT_MAX];

    (void)state;
    oaid_shipment_row("GM2400000447", 9, row[0]);
    oaid_shipment_row("GM2400000544", 10, row[1]);
    (void)snprintf(text, sizeof text, METER_HEADER "%s%s", row[0], row[1]);
    every_place(text, try_meters);
}

/* ---- customers ---- */

static void expect_customers(const char *text)
{
    static struct rows rows;

    read_rows(text, 5, &rows);
    for (size_t i = 0; i < rows.n; i++) {
        expect_number(1,
                      "SELECT COUNT(*) FROM customer WHERE customer_no = %Q AND name = %Q AND "
                      "phone = %Q",
                      rows.values[i][0], rows.values[i][1], rows.values[i][2], "", "");
        expect_number(1,
                      "SELECT COUNT(*) FROM supply_point WHERE supply_point = %Q AND address = %Q "
                      "AND customer_no = %Q",
                      rows.values[i][3], rows.values[i][4], rows.values[i][0], "", "");
    }
}

static void try_customers(const char *text)
{
    int64_t before = fingerprint();

    if (oaid_import_customers(&office, text) == 0) {
        expect_customers(text);
        oaid_sql(&office, "DELETE FROM supply_point WHERE imported_no > 1");
        oaid_sql(&office, "DELETE FROM customer WHERE imported_no > 1");
    } else {
        expect_place(text);
        assert_int_equal(fingerprint(), before);
    }
}

static void customers_damaged_anywhere(void **state)
{
    (void)state;
    oaid_sql(&office, "UPDATE customer SET imported_no = 1");
    oaid_sql(&office, "UPDATE supply_point SET imported_no = 1");
    every_place(CUSTOMER_HEADER "K-1,\"Ada, \"\"A\"\"\",+44,Q-1,Street\r\nK-2,J\xC3\xB6n,,Q-2,B 2\n"
                                "K-1,\"Ada, \"\"A\"\"\",+44,Q-3,C\n",
                try_customers);
}

/* ---- rows against one another ---- */

static void refused(int r, const char *where, const char *detail)
{
    assert_int_equal(r, GF_E_FORMAT);
    assert_string_equal(office.o->fail.where, where);
    assert_non_null(strstr(office.o->fail.detail, detail));
}

static void a_shipment_that_contradicts_itself(void **state)
{
    char a[200], b[200], text[TEXT_MAX];
    int64_t before = fingerprint();

    (void)state;
    oaid_shipment_row("GM2400000447", 9, a);
    oaid_shipment_row("GM2400000544", 10, b);
    (void)snprintf(text, sizeof text, METER_HEADER "%s%s%s", a, b, a);
    assert_int_equal(oaid_import_meters(&office, text), 0); /* the same twice is no contradiction */
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM meter"), 5);
    oaid_sql(&office, "DELETE FROM meter WHERE meter_id IN ('GM2400000447', 'GM2400000544')");
    before = fingerprint();
    (void)snprintf(text, sizeof text, METER_HEADER "%s%s%s", b, a, b);
    text[strlen(text) - strlen(b) + 13] = '5'; /* another type */
    refused(oaid_import_meters(&office, text), "line 4, column 14", "line 2 says otherwise");
    assert_int_equal(fingerprint(), before);
}

static void customers_that_contradict_themselves(void **state)
{
    int64_t before = fingerprint();

    (void)state;
    refused(oaid_import_customers(&office, CUSTOMER_HEADER
                                  "K-1,Ada,1,Q-1,S\nK-2,Ben,2,Q-2,S\nK-1,Ida,1,Q-3,S\n"),
            "line 4, column 5", "name: line 2 says otherwise");
    refused(oaid_import_customers(&office, CUSTOMER_HEADER "K-1,Ada,1,Q-1,S\nK-1,Ada,2,Q-3,S\n"),
            "line 3, column 9", "phone: line 2 says otherwise");
    refused(oaid_import_customers(&office, CUSTOMER_HEADER "K-1,Ada,1,Q-1,S\nK-1,Ada,1,Q-1,T\n"),
            "line 3, column 15", "address: line 2 says otherwise");
    refused(oaid_import_customers(&office, CUSTOMER_HEADER "K-1,Ada,1,Q-1,S\nK-2,Ben,1,Q-1,S\n"),
            "line 3, column 1", "customer_no: line 2 says otherwise");
    /* registered as the file's first row has it: the second contradicts it all the same */
    assert_int_equal(fingerprint(), before);
    assert_int_equal(oaid_import_customers(&office, CUSTOMER_HEADER "K-1,Ada,1,Q-1,S\n"), 0);
    before = fingerprint();
    refused(oaid_import_customers(&office, CUSTOMER_HEADER "K-1,Ada,1,Q-1,S\nK-1,Ida,1,Q-1,S\n"),
            "line 3, column 5", "name: line 2 says otherwise");
    assert_int_equal(fingerprint(), before);
    /* another file may change what this one said */
    assert_int_equal(oaid_import_customers(&office, CUSTOMER_HEADER "K-1,Ida,1,Q-1,S\n"), 0);
}

/* ---- many rows ---- */

static FILE *many_customers(unsigned n)
{
    FILE *f = tmpfile();

    assert_non_null(f);
    (void)fputs(CUSTOMER_HEADER, f);
    for (unsigned i = 0; i < n; i++)
        (void)fprintf(f, "K-%u,Name %u,,Q-%u,Street %u\n", i, i, i, i);
    return f;
}

struct until {
    uint64_t rows, told;
};

static bool tell(void *ctx, uint64_t rows)
{
    struct until *u = ctx;

    assert_true(rows > u->told);
    u->told = rows;
    return rows < u->rows;
}

static void an_import_that_is_ended(void **state)
{
    struct until until = { .rows = 500 };
    const struct ho_progress progress = { &until, tell };
    struct ho_imported counts = { 7, 7, 7 };
    int64_t before = fingerprint();
    FILE *f = many_customers(1000);

    (void)state;
    assert_int_equal(ho_import_customers(office.o, f, &progress, &counts), GF_E_CANCELLED);
    assert_true(until.told >= 500 && until.told < 600);
    assert_int_equal(counts.added, 7);
    assert_int_equal(fingerprint(), before);
    office.o->fail = (struct gf_fail){ 0 };
    until = (struct until){ .rows = UINT64_MAX };
    assert_int_equal(ho_import_customers(office.o, f, &progress, &counts), 0);
    assert_int_equal(counts.added, 1000);
    assert_int_equal(counts.same + counts.changed, 0);
    assert_true(until.told > 900);
    assert_int_equal(fclose(f), 0);
}

/* The place of the last row of a long file is named whole. */
static void a_late_error(void **state)
{
    struct ho_imported counts;
    FILE *f = many_customers(20000);

    (void)state;
    (void)fputs("K-0,Name 0,,Q 0,S\n", f);
    refused(ho_import_customers(office.o, f, NULL, &counts), "line 20002, column 13",
            "supply_point");
    assert_int_equal(fclose(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_shipment_damaged_anywhere, start, stop),
        cmocka_unit_test_setup_teardown(customers_damaged_anywhere, start, stop),
        cmocka_unit_test_setup_teardown(a_shipment_that_contradicts_itself, start, stop),
        cmocka_unit_test_setup_teardown(customers_that_contradict_themselves, start, stop),
        cmocka_unit_test_setup_teardown(an_import_that_is_ended, start, stop),
        cmocka_unit_test_setup_teardown(a_late_error, start, stop),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
