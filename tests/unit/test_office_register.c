/* test_office_register.c - imports, staff, work orders: what is wrong is refused with its place,
 * and leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/csv.h"
#include "backend/office_register.h"
#include "tests/aid/office_aid.h"

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

static void expect_fail(int r, int want, const char *where, const char *detail)
{
    const struct gf_fail *f = &office.o->fail;

    if (r != want || f->code != want || strcmp(f->where, where) != 0
        || strstr(f->detail, detail) == NULL)
        fail_msg("%d %s: %s", r, f->where, f->detail);
    office.o->fail = (struct gf_fail){ 0 };
}

/* ---- the reader ---- */

static const char *const two[] = { "a", "b" };

/* Read a text whole: "value|value;..." to ret; the failure's place or "" to where. */
static int read_csv(const char *text, size_t n, char *ret, size_t cap, struct gf_fail *why)
{
    FILE *in = tmpfile();
    struct csv c;
    int r;

    assert_non_null(in);
    assert_int_equal(fwrite(text, 1, n, in), n);
    rewind(in);
    ret[0] = '\0';
    *why = (struct gf_fail){ 0 };
    r = csv_open(&c, in, two, 2, why);
    while (r == 0 && (r = csv_next(&c, why)) == 1) {
        (void)snprintf(ret + strlen(ret), cap - strlen(ret), "%s|%s;", c.values[0], c.values[1]);
        r = 0;
        if (feof(in) != 0)
            break;
    }
    (void)fclose(in);
    return r;
}

static void good_csv(const char *text, const char *want)
{
    char got[1024];
    struct gf_fail why;

    if (read_csv(text, strlen(text), got, sizeof got, &why) != 0 || strcmp(got, want) != 0)
        fail_msg("%s: %s %s: %s", text, got, why.where, why.detail);
}

static void bad_csv_n(const char *text, size_t n, const char *where, const char *detail)
{
    char got[1024];
    struct gf_fail why;

    if (read_csv(text, n, got, sizeof got, &why) != GF_E_FORMAT || strcmp(why.where, where) != 0
        || strstr(why.detail, detail) == NULL)
        fail_msg("%s: %s %s: %s", text, got, why.where, why.detail);
}

static void bad_csv(const char *text, const char *where, const char *detail)
{
    bad_csv_n(text, strlen(text), where, detail);
}

static void csv_is_read_as_the_standard_says(void **state)
{
    (void)state;
    good_csv("a,b\n1,2\n", "1|2;");
    good_csv("a,b\r\n1,2\r\n3,4", "1|2;3|4;");
    good_csv("\xEF\xBB\xBF"
             "a,b\n",
             "");
    good_csv("a,b\n\"1,5\",\"say \"\"hi\"\"\"\n", "1,5|say \"hi\";");
    good_csv("a,b\n,\n", "|;");
    good_csv("a,b\n\"\",x\n", "|x;");
    good_csv("a,b\nBergström,Ω\n", "Bergström|Ω;");
}

static void csv_tells_where_it_is_wrong(void **state)
{
    char text[600] = "a,b\n";

    (void)state;
    bad_csv("", "line 1, column 1", "empty");
    bad_csv("\xEF", "line 1, column 1", "UTF-8");
    bad_csv("a\n", "line 1, column 2", "fewer");
    bad_csv("a,c\n", "line 1, column 3", "another name");
    bad_csv("a,b,c\n", "line 1, column 5", "more values");
    bad_csv("a,b\n1\n", "line 2, column 2", "fewer");
    bad_csv("a,b\n1,2,3\n", "line 2, column 5", "more");
    bad_csv("a,b\n1,2\n\n3,4\n", "line 3, column 1", "empty line");
    bad_csv("a,b\nö,x\"\n", "line 2, column 4", "quote inside");
    bad_csv("a,b\n\"1\"x,2\n", "line 2, column 4", "closing quote");
    bad_csv("a,b\n1,\"2\n", "line 2, column 5", "line break");
    bad_csv("a,b\n1,\"2", "line 2, column 4", "closing quote is missing");
    bad_csv("a,b\n1,2\r3\n", "line 2, column 5", "carriage return");
    bad_csv("a,b\n1,\t\n", "line 2, column 3", "control character");
    bad_csv_n("a,b\n1,x\0y\n", 10, "line 2, column 4", "control character");
    bad_csv("a,b\n1,\xC3\x28\n", "line 2, column 3", "UTF-8");
    memset(text + 4, 'x', 256);
    memcpy(text + 260, ",y\n", 4);
    bad_csv(text, "line 2, column 256", "255 bytes");
    memcpy(text + 259, ",y\n", 4);
    text[259 + 3] = '\0';
    {
        char got[600];
        struct gf_fail why;

        assert_int_equal(read_csv(text, strlen(text), got, sizeof got, &why), 0);
    }
}

/* ---- meters ---- */

#define METER_HEADER "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n"

static int64_t meters(void)
{
    return oaid_sql_number(&office, "SELECT COUNT(*) FROM meter");
}

/* A good row, then one with a value replaced: refused at that place, and the good one is not there
 * either. */
static void bad_meter(size_t column, const char *value, const char *detail)
{
    char good[200], row[200], text[800], where[40], *field, *end;
    size_t at = 1;

    oaid_shipment_row("GM2400000447", 9, good);
    oaid_shipment_row("GM2400000544", 10, row);
    field = row;
    for (size_t i = 0; i < column; i++) {
        at += (size_t)(strchr(field, ',') - field) + 1;
        field = strchr(field, ',') + 1;
    }
    end = field + strcspn(field, ",\n");
    (void)snprintf(text, sizeof text, METER_HEADER "%s%.*s%s%s", good, (int)(field - row), row,
                   value, end);
    (void)snprintf(where, sizeof where, "line 3, column %zu", at);
    expect_fail(oaid_import_meters(&office, text), GF_E_FORMAT, where, detail);
    assert_int_equal(meters(), 3);
}

static void a_bad_shipment_leaves_nothing(void **state)
{
    (void)state;
    bad_meter(0, "GM2400000545", "check digits");
    bad_meter(0, "GM24", "two letters");
    bad_meter(1, "0", "type");
    bad_meter(1, "65536", "type");
    bad_meter(1, "4 ", "type");
    bad_meter(2, "2", "1 or 10");
    bad_meter(2, "100", "1 or 10");
    bad_meter(3, "2026-02-30", "date");
    bad_meter(3, "22.11.2026", "date");
    bad_meter(4, "02:00:00:00:00", "address");
    bad_meter(4, "02:00:00:00:00:0a", "address");
    bad_meter(5, "00", "80 hex digits");
    bad_meter(5, "00000000000000000000000000000000000000000000000000000000000000000000000000000000",
              "transport key");
    expect_fail(oaid_import_meters(&office, "meter,type\n"), GF_E_FORMAT, "line 1, column 11",
                "fewer");
}

static void a_shipment_twice_is_the_same(void **state)
{
    char row[200], text[400];

    (void)state;
    oaid_shipment_row("GM2400000447", 9, row);
    (void)snprintf(text, sizeof text, METER_HEADER "%s", row);
    assert_int_equal(oaid_import_meters(&office, text), 0);
    assert_int_equal(oaid_import_meters(&office, text), 0);
    assert_int_equal(meters(), 4);
    oaid_shipment_row("GM2400000447", 8, row); /* another key (and address) for a known meter */
    (void)snprintf(text, sizeof text, METER_HEADER "%s", row);
    expect_fail(oaid_import_meters(&office, text), GF_E_FORMAT, "line 2, column 47", "another key");
    (void)snprintf(text, sizeof text, METER_HEADER "%s", row);
    oaid_shipment_row("GM2400000447", 9, row);
    row[13] = '5';
    (void)snprintf(text, sizeof text, METER_HEADER "%s", row);
    expect_fail(oaid_import_meters(&office, text), GF_E_FORMAT, "line 2, column 14",
                "another type");
}

static void no_factory_key_is_stored_in_the_clear(void **state)
{
    (void)state;
    assert_int_equal(
        oaid_sql_number(&office,
                        "SELECT COUNT(*) FROM meter WHERE instr(factory_key, "
                        "x'0101010101010101010101010101010101010101010101010101010101010101') > 0"),
        0);
    assert_int_equal(oaid_sql_number(&office, "SELECT MIN(length(factory_key)) FROM meter"), 64);
}

/* ---- customers ---- */

#define CUSTOMER_HEADER "customer_no,name,phone,supply_point,address\n"

static void a_bad_list_of_customers_leaves_nothing(void **state)
{
    (void)state;
    expect_fail(oaid_import_customers(&office, CUSTOMER_HEADER
                                      "C-9,Nine,,SP-9,Street\nC 10,Ten,,SP-10,Street\n"),
                GF_E_FORMAT, "line 3, column 1", "customer_no");
    expect_fail(oaid_import_customers(&office, CUSTOMER_HEADER
                                      "C-9,Nine,,SP-9,Street\nC-10,,,SP-10,Street\n"),
                GF_E_FORMAT, "line 3, column 6", "name");
    expect_fail(oaid_import_customers(&office,
                                      CUSTOMER_HEADER "C-9,Nine,,SP-9,Street\nC-10,Ten,,,Street\n"),
                GF_E_FORMAT, "line 3, column 11", "supply_point");
    expect_fail(
        oaid_import_customers(&office, CUSTOMER_HEADER "C-9,Nine,,SP-9,Street\nC-10,Ten,,SP-10,\n"),
        GF_E_FORMAT, "line 3, column 17", "address");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM customer"), 3);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM supply_point"), 3);
}

static void a_changed_customer_reaches_the_laptops(void **state)
{
    static struct oaid_laptop laptop;
    char number[32];

    (void)state;
    oaid_order(&office, 1, number);
    oaid_laptop_new(&laptop, &office, "S001");
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(oaid_import_customers(&office, CUSTOMER_HEADER
                                           "C-1001,Ada Lovelace,1,SP-0001,New Street\n"),
                     0);
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.n_jobs, 1);
    assert_string_equal(laptop.jobs[0].customer_name, "Ada Lovelace");
    assert_string_equal(laptop.jobs[0].address, "New Street");
    expect_fail(oaid_import_customers(&office, CUSTOMER_HEADER
                                      "C-1002,Jonas Bergström,+44,SP-0001,New Street\n"),
                GF_E_FORMAT, "line 2, column 1", "another customer");
}

/* ---- staff and orders ---- */

static void staff_is_checked(void **state)
{
    char name[98];

    (void)state;
    expect_fail(ho_add_staff(office.o, "S 3", "Name", "clerk"), GF_E_FORMAT, "number", "letters");
    expect_fail(ho_add_staff(office.o, "S000000000000000000000025", "Name", "clerk"), GF_E_FORMAT,
                "number", "24");
    expect_fail(ho_add_staff(office.o, "S003", "", "clerk"), GF_E_FORMAT, "name", "95");
    memset(name, 'n', 96);
    name[96] = '\0';
    expect_fail(ho_add_staff(office.o, "S003", name, "clerk"), GF_E_FORMAT, "name", "95");
    expect_fail(ho_add_staff(office.o, "S003", "Na\x1Bme", "clerk"), GF_E_FORMAT, "name", "95");
    expect_fail(ho_add_staff(office.o, "S003", "Name", "boss"), GF_E_FORMAT, "role", "technician");
    expect_fail(ho_add_staff(office.o, "S001", "Name", "clerk"), GF_E_NOT_NOW, "staff", "taken");
    for (size_t i = 0; ho_roles[i] != NULL; i++) {
        (void)snprintf(name, sizeof name, "R%zu", i);
        assert_int_equal(ho_add_staff(office.o, name, "Name", ho_roles[i]), 0);
    }
}

static void bad_order(struct ho_new_order n, int code, const char *where, const char *detail)
{
    char number[32];

    expect_fail(ho_order_new(office.o, &n, number), code, where, detail);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order"), 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account"), 0);
}

static void orders_are_checked(void **state)
{
    const struct ho_new_order right = { .meter_id = AID_METER_1,
                                        .supply_point = "SP-0001",
                                        .staff_no = "S001",
                                        .priority = 5,
                                        .purge_l = 10,
                                        .purge_s = 60 };
    const char *unknown[] = { "99=1" }, *low[] = { "7=-1" }, *twice[] = { "7=1", "7=2" },
               *shape[] = { "7" };
    struct ho_new_order n;
    char number[32];

    (void)state;
    assert_int_equal(ho_add_staff(office.o, "C1", "Clerk", "clerk"), 0);
#define WITH(set, code, where, detail)                                                             \
    n = right;                                                                                     \
    set;                                                                                           \
    bad_order(n, code, where, detail)

    WITH(n.meter_id = "GM2400000157", GF_E_METER_ID, "meter id", "");
    WITH(n.meter_id = "GM2499999978", GF_E_UNREGISTERED, "meter", "GM2499999978");
    WITH(n.supply_point = "SP-9", GF_E_FORMAT, "supply point", "no such");
    WITH(n.staff_no = "S9", GF_E_FORMAT, "staff", "no such");
    WITH(n.staff_no = "C1", GF_E_FORMAT, "staff", "technician");
    WITH(n.due = "tomorrow", GF_E_FORMAT, "due", "2026-11-22");
    WITH(n.due = "2026-13-01", GF_E_FORMAT, "due", "2026-11-22");
    WITH(n.priority = 0, GF_E_RANGE, "priority", "1");
    WITH(n.priority = 10, GF_E_RANGE, "priority", "9");
    WITH(n.purge_l = 0, GF_E_RANGE, "purge-l", "10000");
    WITH(n.purge_l = 10001, GF_E_RANGE, "purge-l", "10000");
    WITH(n.purge_s = 3601, GF_E_RANGE, "purge-s", "3600");
    WITH(n.number = "J 1", GF_E_FORMAT, "number", "letters");
    WITH(n.note = "a\nb", GF_E_FORMAT, "note", "199");
    WITH((n.parameters = unknown, n.n_parameters = 1), GF_E_FORMAT, "param", "99=1");
    WITH((n.parameters = low, n.n_parameters = 1), GF_E_RANGE, "param", "credit_low_l");
    WITH((n.parameters = twice, n.n_parameters = 2), GF_E_FORMAT, "param", "twice");
    WITH((n.parameters = shape, n.n_parameters = 1), GF_E_FORMAT, "param", "ID=VALUE");
    assert_int_equal(ho_order_new(office.o, &right, number), 0);
    assert_string_equal(number, "J-0001");
}

static void one_meter_has_one_open_order(void **state)
{
    struct ho_new_order n = { .meter_id = AID_METER_1,
                              .supply_point = "SP-0001",
                              .staff_no = "S001",
                              .priority = 5,
                              .purge_l = 10,
                              .purge_s = 60,
                              .number = "K-7" };
    char number[32];

    (void)state;
    assert_int_equal(ho_order_new(office.o, &n, number), 0);
    assert_string_equal(number, "K-7");
    n.number = NULL;
    expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "meter", "K-7");
    n.meter_id = AID_METER_2;
    n.number = "K-7";
    n.supply_point = "SP-0002";
    expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "number", "this number");
    oaid_sql(&office, "UPDATE meter SET life_state = 5 WHERE meter_id = '" AID_METER_2 "'");
    n.number = NULL;
    expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "meter", "open already");
    n.meter_id = AID_METER_3;
    n.supply_point = "SP-0003";
    oaid_sql(&office,
             "UPDATE supply_point SET meter_id = '" AID_METER_2 "' WHERE supply_point = 'SP-0003'");
    expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "supply point", "another meter");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account"), 1);
}

static void account_numbers_are_never_given_twice(void **state)
{
    char number[32];

    (void)state;
    for (int64_t i = 0; i < 5; i++) {
        oaid_order(&office, 1, number);
        oaid_sql(&office, "UPDATE work_order SET state = 'unable', closed_at_ms = 1");
        assert_int_equal(oaid_sql_number(&office, "SELECT MAX(account_no) FROM work_order"),
                         100001 + i);
        oaid_office_restart(&office);
    }
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(DISTINCT account_no) FROM account"), 5);
}

static void an_office_is_made_once(void **state)
{
    struct gf_fail why = { 0 };
    char dir[600];

    (void)state;
    assert_int_equal(office_init(office.dir, NULL, 0, &office.ports, &why), GF_E_NOT_NOW);
    (void)snprintf(dir, sizeof dir, "%s-bad", office.dir);
    why = (struct gf_fail){ 0 };
    assert_int_equal(
        office_init(dir, (const char *const[]){ "bad,DNS:evil" }, 1, &office.ports, &why),
        GF_E_FORMAT);
    why = (struct gf_fail){ 0 };
    assert_int_equal(office_open(dir, &office.ports, &(struct office *){ NULL }, &why), GF_E_FILE);
    assert_int_equal(
        office_init(dir, (const char *const[]){ "office.example" }, 1, &office.ports, &why), 0);
}

static void a_newer_database_is_left_alone(void **state)
{
    struct gf_fail why = { 0 };
    struct office *o = NULL;

    (void)state;
    oaid_needs_file(&office);
    oaid_office_end(&office);
    oaid_sql(&office, "PRAGMA user_version = 99");
    assert_int_equal(office_open(office.dir, &office.ports, &o, &why), GF_E_STORE_NEWER);
    oaid_sql(&office, "PRAGMA user_version = 1; PRAGMA application_id = 5");
    why = (struct gf_fail){ 0 };
    assert_int_equal(office_open(office.dir, &office.ports, &o, &why), GF_E_STORE_DAMAGED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_read_as_the_standard_says),
        cmocka_unit_test(csv_tells_where_it_is_wrong),
        T(a_bad_shipment_leaves_nothing),
        T(a_shipment_twice_is_the_same),
        T(no_factory_key_is_stored_in_the_clear),
        T(a_bad_list_of_customers_leaves_nothing),
        T(a_changed_customer_reaches_the_laptops),
        T(staff_is_checked),
        T(orders_are_checked),
        T(one_meter_has_one_open_order),
        T(account_numbers_are_never_given_twice),
        T(an_office_is_made_once),
        T(a_newer_database_is_left_alone),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
