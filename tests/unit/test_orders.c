/* test_orders.c - work orders of every kind: what is registered has to allow them, who does them,
 * how they end; files and the due list; the interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_register.h"
#include "tests/aid/api_aid.h"
#include "tests/aid/office_aid.h"
#include "tests/aid/office_site.h"

static struct oaid_office office;

static int start(void **state)
{
    (void)state;
    oaid_office_new(&office);
    assert_int_equal(ho_add_staff(office.o, "V001", "Vera Novak", "supervisor"), 0);
    assert_int_equal(ho_add_staff(office.o, "K001", "Kim Duarte", "clerk"), 0);
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

    if (r != want || strcmp(f->where, where) != 0 || strstr(f->detail, detail) == NULL)
        fail_msg("%d %s: %s", r, f->where, f->detail);
    office.o->fail = (struct gf_fail){ 0 };
}

static void expect_ok(int r)
{
    if (r != 0)
        fail_msg("%d %s: %s", r, office.o->fail.where, office.o->fail.detail);
}

/* The meter is registered in this state with an open account at SP-0001, as its receipts would
 * say. */
static void place_meter(const char *meter_id, unsigned life_state, unsigned account_no,
                        const char *account_state)
{
    char sql[600];

    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO account (org_id, account_no, customer_no, supply_point, meter_id, "
                   "state) SELECT org_id, %u, 'C-1001', 'SP-0001', '%s', '%s' FROM meter LIMIT 1 "
                   "ON CONFLICT DO NOTHING; UPDATE account SET state = '%s' WHERE account_no = %u; "
                   "UPDATE meter SET life_state = %u, account_no = %u, active_epoch = 1 WHERE "
                   "meter_id = '%s'; UPDATE supply_point SET meter_id = '%s' WHERE supply_point = "
                   "'SP-0001'",
                   account_no, meter_id, account_state, account_state, account_no, life_state,
                   account_no, meter_id, meter_id);
    oaid_sql(&office, sql);
}

/* ---- each kind, each state ---- */

static void each_kind_fits_its_states(void **state)
{
    char number[32];

    (void)state;
    for (size_t k = 0; k < order_n_kinds; k++)
        for (unsigned life = gasm_LifeState_KEYED; life <= gasm_LifeState_SCRAPPED; life++) {
            const struct order_kind *kind = &order_kinds[k];
            struct ho_new_order n = site_order_of(kind->name, AID_METER_1, NULL);
            bool fits = (kind->states >> life & 1) != 0;

            if (kind->swaps)
                continue; /* of two meters: below */
            place_meter(AID_METER_1, life, 500,
                        life > gasm_LifeState_IN_SERVICE ? "closed" : "open");
            n.staff_no = "V001";
            n.supply_point = kind->new_account ? "SP-0001" : NULL;
            if (strcmp(kind->name, "bench-reset") == 0 && life == gasm_LifeState_IN_SERVICE) {
                expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "meter", "is open");
                continue;
            }
            if (!fits)
                expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "meter", "");
            else
                expect_ok(ho_order_new(office.o, &n, number));
            oaid_sql(&office, "UPDATE work_order SET state = 'unable', closed_at_ms = 1");
        }
}

static void refusals_name_their_place(void **state)
{
    struct ho_new_order n = site_order_of("query", AID_METER_1, NULL);
    const char *parameters[] = { "7=7000" };
    char number[32];

    (void)state;
    place_meter(AID_METER_1, gasm_LifeState_IN_SERVICE, 500, "open");
    n.kind = "opening";
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "kind", "no such kind");
    n.kind = "query";
    n.parameters = parameters;
    n.n_parameters = 1;
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "param", "sets no parameters");
    n.n_parameters = 0;
    n.reason = "due";
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "reason", "only a swap");
    n.reason = NULL;
    n.cap_l = 5;
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "old meter", "only a swap");
    n.cap_l = 0;
    n.supply_point = "SP-0002";
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "supply point", "SP-0001");
    n.supply_point = NULL;
    n.staff_no = "K001";
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "staff", "works at meters");
    n.kind = "zero-clear";
    n.staff_no = "S001";
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "staff", "supervisor's work");
    n.staff_no = "V001";
    expect_ok(ho_order_new(office.o, &n, number));
    n.kind = "query";
    expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "meter", number);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order"), 1);
}

static void swaps_need_two_meters_that_fit(void **state)
{
    struct ho_new_order n = site_order_of("swap", AID_METER_2, "SP-0002");
    char number[32], again[32];

    (void)state;
    expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "supply point", "no meter");
    place_meter(AID_METER_1, gasm_LifeState_IN_SERVICE, 500, "open");
    n.supply_point = "SP-0001";
    n.reason = "old";
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "reason", "dispute");
    n.reason = NULL;
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "reason", "dispute");
    n.reason = "due";
    n.cap_l = SWAP_CAP_MAX_L + 1;
    expect_fail(ho_order_new(office.o, &n, number), GF_E_RANGE, "cap-l", "litres");
    n.cap_l = 0;
    n.old_meter_id = AID_METER_2;
    expect_fail(ho_order_new(office.o, &n, number), GF_E_FORMAT, "old meter", "another");
    n.old_meter_id = AID_METER_3;
    expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "old meter", "does not serve");
    n.old_meter_id = NULL;
    oaid_sql(&office, "UPDATE account SET state = 'closed' WHERE account_no = 500");
    expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "old meter", "not open");
    oaid_sql(&office, "UPDATE account SET state = 'open', customer_no = 'C-1002'");
    expect_fail(ho_order_new(office.o, &n, number), GF_E_NOT_NOW, "supply point", "customer's");
    oaid_sql(&office, "UPDATE account SET customer_no = 'C-1001'");
    expect_ok(ho_order_new(office.o, &n, number));
    assert_int_equal(oaid_sql_number(&office, "SELECT cap_l FROM swap_case"), SWAP_CAP_L);

    /* both meters are held, and the case goes on with the next order */
    n = site_order_of("query", AID_METER_1, NULL);
    expect_fail(ho_order_new(office.o, &n, again), GF_E_NOT_NOW, "meter", number);
    n = site_order_of("swap", AID_METER_3, "SP-0001");
    expect_fail(ho_order_new(office.o, &n, again), GF_E_NOT_NOW, "old meter", number);
    oaid_sql(&office, "UPDATE work_order SET state = 'unable', closed_at_ms = 1");
    expect_fail(ho_order_new(office.o, &n, again), GF_E_NOT_NOW, "old meter", "SW-000001");
    n.meter_id = AID_METER_2;
    expect_ok(ho_order_new(office.o, &n, again));
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM swap_case"), 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(DISTINCT account_no) FROM work_order"),
                     1);
    expect_ok(ho_order_cancel(office.o, again)); /* now another meter may come */
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM swap_case WHERE state = "
                                              "'cancelled'"),
                     1);
    n.meter_id = AID_METER_3;
    expect_ok(ho_order_new(office.o, &n, again));
}

static void an_id_is_one_order(void **state)
{
    static const uint8_t id[16] = { 1, 2, 3 };
    struct ho_new_order n = site_order_of("account-opening", AID_METER_1, "SP-0001");
    char number[32], again[32];

    (void)state;
    n.id = id;
    expect_ok(ho_order_new(office.o, &n, number));
    expect_ok(ho_order_new(office.o, &n, again));
    assert_string_equal(number, again);
    n.note = "beware of the dog";
    expect_fail(ho_order_new(office.o, &n, again), GF_E_MISMATCH, "id", "another order");
    n.note = NULL;
    n.priority++;
    expect_fail(ho_order_new(office.o, &n, again), GF_E_MISMATCH, "id", "another order");
    n.priority--;
    n.due = "2031-01-01";
    expect_fail(ho_order_new(office.o, &n, again), GF_E_MISMATCH, "id", "another order");
    n.due = NULL;
    n.purge_l++;
    expect_fail(ho_order_new(office.o, &n, again), GF_E_MISMATCH, "id", "another order");
    n.purge_l--;
    expect_ok(ho_order_new(office.o, &n, again));
    n.meter_id = AID_METER_2;
    expect_fail(ho_order_new(office.o, &n, again), GF_E_MISMATCH, "id", "another order");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order"), 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account"), 1);
}

/* ---- who does it ---- */

static void an_order_goes_from_one_to_another(void **state)
{
    static struct oaid_laptop first, second;
    struct ho_new_order n = site_order_of("account-opening", AID_METER_1, "SP-0001");
    char number[32];
    gasm_Ticket before, after;

    (void)state;
    n.staff_no = NULL;
    expect_ok(ho_order_new(office.o, &n, number));
    oaid_laptop_new(&first, &office, "S001");
    oaid_laptop_new(&second, &office, "S002");
    assert_int_equal(oaid_fetch(&first), 200);
    assert_int_equal(first.n_jobs, 0); /* planned, for nobody */
    expect_fail(ho_order_assign(office.o, "J-9999", "S001"), GF_E_FORMAT, "order", "no order");
    expect_fail(ho_order_assign(office.o, number, "S999"), GF_E_FORMAT, "staff", "no such person");
    expect_fail(ho_order_assign(office.o, number, "K001"), GF_E_FORMAT, "staff", "at meters");
    expect_ok(ho_order_assign(office.o, number, "S001"));
    expect_ok(ho_order_assign(office.o, number, "S001"));
    assert_int_equal(oaid_fetch(&first), 200);
    assert_string_equal(first.jobs[0].state, "assigned");
    before = oaid_ticket(&first, 1);

    expect_ok(ho_order_assign(office.o, number, "S002"));
    assert_int_equal(oaid_fetch(&first), 200);
    assert_int_equal(first.n_jobs, 1);
    assert_string_equal(first.jobs[0].state, "unable");
    assert_string_equal(first.jobs[0].customer_name, "");
    assert_int_equal(first.n_tickets + first.n_keys, 0);
    assert_int_equal(oaid_fetch(&second), 200);
    assert_string_equal(second.jobs[0].state, "assigned");
    after = oaid_ticket(&second, 1);
    assert_true(after.serial_floor > before.serial); /* what the first one holds is void */
    assert_string_equal(after.subject, "S002");

    /* one meter, one order at work: a planned one waits */
    n.supply_point = "SP-0001";
    oaid_sql(&office, "UPDATE work_order SET state = 'unable', closed_at_ms = 1");
    expect_fail(ho_order_assign(office.o, number, "S001"), GF_E_NOT_NOW, "order", "unable");
    expect_ok(ho_order_new(office.o, &n, number));
    n.staff_no = "S001";
    expect_ok(ho_order_new(office.o, &n, (char[32]){ 0 }));
    expect_fail(ho_order_assign(office.o, number, "S002"), GF_E_NOT_NOW, "meter", "assigned");
}

static void orders_are_checked_by_another(void **state)
{
    struct ho_new_order n = site_order_of("account-opening", AID_METER_1, "SP-0001");
    char number[32];

    (void)state;
    n.staff_no = "V001";
    expect_ok(ho_order_new(office.o, &n, number));
    assert_int_equal(ho_add_staff(office.o, "V002", "Viktor Adeyemi", "supervisor"), 0);
    expect_fail(ho_order_check(office.o, number, "V002"), GF_E_NOT_NOW, "order", "assigned");
    oaid_sql(&office, "UPDATE work_order SET state = 'done', closed_at_ms = 1");
    expect_fail(ho_order_check(office.o, number, "V001"), GF_E_FORMAT, "staff", "own work");
    expect_fail(ho_order_check(office.o, number, "S001"), GF_E_FORMAT, "staff", "supervisor");
    expect_ok(ho_order_check(office.o, number, "V002"));
    expect_ok(ho_order_check(office.o, number, "V002"));
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order WHERE state = "
                                              "'checked' AND checked_by = 'V002'"),
                     1);
    expect_fail(ho_order_cancel(office.o, number), GF_E_NOT_NOW, "order", "checked");
    n.meter_id = AID_METER_2;
    n.supply_point = "SP-0002";
    expect_ok(ho_order_new(office.o, &n, number));
    expect_ok(ho_order_cancel(office.o, number));
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order WHERE code = "
                                              "'cancelled' AND state = 'unable'"),
                     1);
}

/* ---- files ---- */

#define HEADER                                                                                     \
    "number,kind,meter_id,old_meter_id,supply_point,staff_no,due,priority,parameters,note\n"

static int import_orders(const char *text, struct ho_orders_made *ret)
{
    FILE *in = tmpfile();
    int r;

    assert_non_null(in);
    assert_int_equal(fwrite(text, 1, strlen(text), in), strlen(text));
    r = ho_import_orders(office.o, in, ret);
    (void)fclose(in);
    return r;
}

static void bad_file(const char *row, const char *where, const char *detail)
{
    struct ho_orders_made made;
    char text[600];

    (void)snprintf(text, sizeof text,
                   HEADER "A-1,account-opening," AID_METER_1 ",,SP-0001,,,,,\n%s\n", row);
    expect_fail(import_orders(text, &made), GF_E_FORMAT, where, detail);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order"), 0);
}

static void files_are_taken_whole_or_not_at_all(void **state)
{
    static const char good[] =
        HEADER "A-1,account-opening," AID_METER_1 ",,SP-0001,S001,2026-12-01,2,7=5000;8=0,"
               "\"ring twice, please\"\n"
               "A-2,account-opening," AID_METER_2 ",,SP-0002,,,,,\n";
    struct ho_orders_made made;

    (void)state;
    bad_file("A-2,opening," AID_METER_2 ",,SP-0002,,,,,", "line 3, column 5", "kind");
    bad_file("A-2,account-opening,GM2400000254,,SP-0002,,,,,", "line 3, column 21", "");
    bad_file("A-2,account-opening,GM2400000447,,SP-0002,,,,,", "line 3, column 21", "registered");
    bad_file("A-2,account-opening," AID_METER_2 ",,SP-9999,,,,,", "line 3, column 35", "no such");
    bad_file("A-2,account-opening," AID_METER_2 ",,SP-0002,S9,,,,", "line 3, column 43", "person");
    bad_file("A-2,account-opening," AID_METER_2 ",,SP-0002,,1.12,,,", "line 3, column 44", "date");
    bad_file("A-2,account-opening," AID_METER_2 ",,SP-0002,,,0,,", "line 3, column 45", "first");
    bad_file("A-2,account-opening," AID_METER_2 ",,SP-0002,,,,1=,", "line 3, column 46", "");
    bad_file(",account-opening," AID_METER_2 ",,SP-0002,,,,,", "line 3, column 1", "number");
    bad_file("A-1,account-opening," AID_METER_2 ",,SP-0002,,,,,", "line 3, column 1", "another");
    bad_file("A-2,account-opening," AID_METER_1 ",,SP-0001,,,,,", "line 3, column 21", "planned");
    expect_ok(import_orders(good, &made));
    assert_int_equal(made.added, 2);
    expect_ok(import_orders(good, &made));
    assert_int_equal(made.added, 0);
    assert_int_equal(made.same, 2);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order WHERE number = "
                                              "'A-1' AND state = 'assigned' AND priority = 2 AND "
                                              "parameters = '7=5000;8=0' AND due = "
                                              "'2026-12-01'"),
                     1);
}

/* ---- the due list ---- */

static void what_runs_out_is_ordered(void **state)
{
    struct ho_orders_made made;

    (void)state;
    place_meter(AID_METER_1, gasm_LifeState_IN_SERVICE, 500, "open");
    oaid_sql(&office, "UPDATE meter SET verification_date = '2020-02-29' WHERE meter_id = "
                      "'" AID_METER_1 "'");
    expect_fail(ho_orders_from_due_list(office.o, "soon", "inspection", &made), GF_E_FORMAT,
                "before", "date");
    expect_fail(ho_orders_from_due_list(office.o, "2028-02-28", "removal", &made), GF_E_FORMAT,
                "kind", "inspection");
    expect_ok(ho_orders_from_due_list(office.o, "2028-02-29", "inspection", &made));
    assert_int_equal(made.added, 0); /* it runs out on that day, not before */
    expect_ok(ho_orders_from_due_list(office.o, "2028-03-01", "inspection", &made));
    assert_int_equal(made.added, 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order WHERE state = "
                                              "'planned' AND due = '2028-02-29' AND kind = "
                                              "'inspection'"),
                     1);
    expect_ok(ho_orders_from_due_list(office.o, "2028-03-01", "inspection", &made));
    assert_int_equal(made.added, 0); /* it has one */
    oaid_sql(&office, "UPDATE work_order SET state = 'done', closed_at_ms = 1; INSERT INTO setting "
                      "(org_id, name, value) SELECT org_id, 'verification_years', '5' FROM meter "
                      "LIMIT 1");
    expect_ok(ho_orders_from_due_list(office.o, "2025-03-01", "swap", &made));
    assert_int_equal(made.added, 1); /* 2025 has no 29th of February */
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order w JOIN swap_case k "
                                              "ON k.case_id = w.swap_case WHERE w.due = "
                                              "'2025-02-28' AND k.old_meter_id = '" AID_METER_1
                                              "' AND k.reason = 'due'"),
                     1);
    oaid_sql(&office, "UPDATE work_order SET state = 'unable', closed_at_ms = 1; UPDATE swap_case "
                      "SET state = 'cancelled'; UPDATE meter SET type = 9 WHERE meter_id <> "
                      "'" AID_METER_1 "'");
    expect_ok(ho_orders_from_due_list(office.o, "2025-03-01", "swap", &made));
    assert_int_equal(made.added, 0);
    assert_int_equal(made.lacking, 1); /* none of this type in stock */
}

/* ---- the interface ---- */

static void the_interface_keeps_people_to_their_own(void **state)
{
    char clerk[GF_UUID_TEXT], technician[GF_UUID_TEXT], supervisor[GF_UUID_TEXT];
    json_t *json;

    (void)state;
    oaid_staff(&office, "K002", "clerk", clerk);
    oaid_staff(&office, "S003", "technician", technician);
    oaid_staff(&office, "V003", "supervisor", supervisor);
    json = oaid_call(&office, "POST", "/v1/work-orders", clerk,
                     json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "id",
                               "0190a000-0000-7000-8000-000000000001", "kind", "account-opening",
                               "meter_id", AID_METER_1, "supply_point", "SP-0001", "parameters",
                               "7=7000"),
                     200);
    assert_string_equal(oaid_text(json, "state"), "planned");
    assert_string_equal(oaid_text(json, "made_by"), "K002");
    json_decref(json);
    oaid_call_is(&office, "POST", "/v1/work-orders", technician,
                 json_pack("{s:s, s:s, s:s}", "id", "0190a000-0000-7000-8000-000000000002", "kind",
                           "query", "meter_id", AID_METER_1),
                 403, NULL, NULL);
    oaid_call_is(&office, "GET", "/v1/work-orders/J-0001", technician, NULL, 404, "not_found",
                 NULL);
    oaid_call_is(&office, "POST", "/v1/work-orders/J-0001/assign", clerk,
                 json_pack("{s:s}", "staff_no", "S003"), 200, NULL, NULL);
    oaid_call_is(&office, "GET", "/v1/work-orders/J-0001", technician, NULL, 200, NULL, NULL);
    json = oaid_call(&office, "GET", "/v1/work-orders?state=assigned", technician, NULL, 200);
    assert_string_equal(oaid_text(json, "items.0.number"), "J-0001");
    json_decref(json);
    json = oaid_call(&office, "GET", "/v1/work-orders?meter_id=" AID_METER_2, clerk, NULL, 200);
    assert_null(oaid_at(json, "items.0"));
    json_decref(json);
    oaid_call_is(&office, "POST", "/v1/work-orders/J-0001/check", supervisor, NULL, 409, "NOT_NOW",
                 "order");
    oaid_call_is(&office, "POST", "/v1/work-orders/J-0001/check", clerk, NULL, 403, NULL, NULL);
    oaid_call_is(&office, "POST", "/v1/work-orders/J-0001/cancel", clerk, NULL, 200, NULL, NULL);
    oaid_call_is(&office, "POST", "/v1/work-orders/due", clerk,
                 json_pack("{s:s, s:s}", "before", "2030-01-01", "kind", "swap"), 200, NULL, NULL);

    const struct oaid_request file = { .method = "POST",
                                       .path = "/v1/work-orders/import",
                                       .who = clerk,
                                       .raw = HEADER "A-1,account-opening," AID_METER_2
                                                     ",,SP-0002,,,,,\n",
                                       .type = "text/csv" };
    json = oaid_request(&office, &file, 200);
    assert_int_equal(oaid_whole(json, "added"), 1);
    json_decref(json);
}

static void the_interface_settles_swaps(void **state)
{
    char clerk[GF_UUID_TEXT], supervisor[GF_UUID_TEXT];
    json_t *json;

    (void)state;
    oaid_staff(&office, "K002", "clerk", clerk);
    oaid_staff(&office, "V003", "supervisor", supervisor);
    place_meter(AID_METER_1, gasm_LifeState_IN_SERVICE, 500, "open");
    oaid_call_is(&office, "POST", "/v1/work-orders", clerk,
                 json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id",
                           "0190a000-0000-7000-8000-000000000001", "kind", "swap", "meter_id",
                           AID_METER_2, "supply_point", "SP-0001", "reason", "fault", "staff_no",
                           "S001"),
                 200, NULL, NULL);
    json = oaid_call(&office, "GET", "/v1/swap-cases?state=planned", clerk, NULL, 200);
    assert_string_equal(oaid_text(json, "items.0.number"), "SW-000001");
    json_decref(json);
    json = oaid_call(&office, "GET", "/v1/swap-cases/SW-000001", clerk, NULL, 200);
    assert_int_equal(oaid_whole(json, "transit_l"), 0);
    json_decref(json);
    oaid_call_is(&office, "GET", "/v1/swap-cases/SW-000009", clerk, NULL, 404, "not_found", NULL);
    oaid_call_is(&office, "POST", "/v1/swap-cases/SW-000001/settle", clerk,
                 json_pack("{s:b}", "online", 1), 409, "NOT_NOW", "swap case");
    oaid_call_is(&office, "POST", "/v1/swap-cases/SW-000001/estimate", clerk,
                 json_pack("{s:i, s:s}", "residual_l", 5, "estimated_by", "S001"), 403, NULL, NULL);
    oaid_call_is(&office, "POST", "/v1/swap-cases/SW-000001/estimate", supervisor,
                 json_pack("{s:i, s:s}", "residual_l", 5, "estimated_by", "S001"), 409, "NOT_NOW",
                 "swap case");
    oaid_sql(&office, "UPDATE account SET state = 'open' WHERE state = 'reserved'");
    json = oaid_call(&office, "POST", "/v1/swap-cases/SW-000001/estimate", supervisor,
                     json_pack("{s:i, s:s}", "residual_l", 5, "estimated_by", "S001"), 200);
    assert_string_equal(oaid_text(json, "state"), "settled");
    assert_string_equal(oaid_text(json, "confirmed_by"), "V003");
    assert_int_equal(oaid_whole(json, "adjusted_l"), -5);
    json_decref(json);
    oaid_call_is(&office, "POST", "/v1/accounts/500/move", supervisor,
                 json_pack("{s:s, s:i}", "id", "0190a000-0000-7000-8000-000000000003",
                           "to_account_no", 100001),
                 409, "NOT_NOW", "from_account_no");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(each_kind_fits_its_states),
        T(refusals_name_their_place),
        T(swaps_need_two_meters_that_fit),
        T(an_id_is_one_order),
        T(an_order_goes_from_one_to_another),
        T(orders_are_checked_by_another),
        T(files_are_taken_whole_or_not_at_all),
        T(what_runs_out_is_ordered),
        T(the_interface_keeps_people_to_their_own),
        T(the_interface_settles_swaps),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
