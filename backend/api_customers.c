/* api_customers.c - the registers of customers, supply points and accounts; see api.h. */
#include "backend/api.h"

#include <string.h>

#include "backend/api_account.h"
#include "backend/office_import.h"

#define LOOKS (API_BIT(CLERK) | API_BIT(SUPERVISOR) | API_BIT(KEY_OFFICER) | API_BIT(AUDITOR))
#define CHANGES (API_BIT(CLERK) | API_BIT(SUPERVISOR))
#define NO_CUSTOMER "there is no such customer"
#define NO_POINT "there is no such supply point"

static const struct api_field customer_fields[] = {
    { .name = "customer_no", .type = API_ID, .min = 1, .max = 31, .what = "the customer's number" },
    { .name = "name", .type = API_TEXT, .min = 1, .max = 95, .what = "as on the contract" },
    { .name = "phone", .type = API_TEXT, .min = 0, .max = 31, .what = "telephone number, or none" },
};
static const struct api_message customer_message = API_MESSAGE("Customer", customer_fields);
static const struct api_message customer_change = { .name = "CustomerChange",
                                                    .fields = customer_fields + 1,
                                                    .n = 2 };

static const struct api_field point_fields[] = {
    { .name = "supply_point", .type = API_ID, .min = 1, .max = 31, .what = "its number" },
    { .name = "customer_no", .type = API_ID, .min = 1, .max = 31, .what = "who takes gas there" },
    { .name = "address", .type = API_TEXT, .min = 1, .max = 159, .what = "where it is" },
    { .name = "tariff_class", .type = API_ID, .min = 1, .max = 31, .what = "which prices hold" },
    { .name = "meter_id",
      .type = API_ID,
      .is_optional = true,
      .min = 12,
      .max = 12,
      .what = "the meter that stands there now" },
};
static const struct api_message point_message = API_MESSAGE("SupplyPoint", point_fields);
static const struct api_message new_point_message = { .name = "NewSupplyPoint",
                                                      .fields = point_fields,
                                                      .n = 4 };
static const struct api_message point_change = { .name = "SupplyPointChange",
                                                 .fields = point_fields + 2,
                                                 .n = 2 };

/* ---- customers ---- */

#define CUSTOMER_COLUMNS "SELECT customer_no, name, phone FROM customer WHERE org_id = ?1 AND "

static void list_customers(struct api_call *c)
{
    api_list_rows(c,
                  odb_query(c->o->db,
                            CUSTOMER_COLUMNS "customer_no > ?2 ORDER BY customer_no LIMIT ?3",
                            ODB(ODB_T(c->after), ODB_I(c->limit + 1))),
                  &customer_message, "customer_no");
}

static void answer_customer(struct api_call *c, const char *customer_no)
{
    api_one_row(c,
                odb_query(c->o->db, CUSTOMER_COLUMNS "customer_no = ?2", ODB(ODB_T(customer_no))),
                &customer_message, NO_CUSTOMER);
}

static void get_customer(struct api_call *c)
{
    answer_customer(c, c->words[0]);
}

/* A new row under a key: ON CONFLICT DO NOTHING. 0 when it is there as it was asked for, which
 * `same` counts; GF_E_NOT_NOW when the number stands for something else. */
static int added_or_same(struct api_call *c, int added, int counted, int64_t same,
                         const char *field)
{
    if (added < 0 || counted < 0)
        return ho_db_fail(c->o);
    return same > 0 ? 0 : ho_fail(c->o, GF_E_NOT_NOW, field, "this number is taken by another");
}

static int store_customer(struct office *o, void *ctx)
{
    struct api_call *c = ctx;
    const char *no = api_text(c, "customer_no", ""), *name = api_text(c, "name", ""),
               *phone = api_text(c, "phone", "");
    int64_t same = 0;
    int n = odb_exec(o->db,
                     "INSERT INTO customer (org_id, customer_no, name, phone) VALUES (?1, ?2, ?3, "
                     "?4) ON CONFLICT (org_id, customer_no) DO NOTHING",
                     ODB(ODB_T(no), ODB_T(name), ODB_T(phone)));
    int counted = odb_number(o->db, &same,
                             "SELECT COUNT(*) FROM customer WHERE org_id = ?1 AND customer_no = "
                             "?2 AND name = ?3 AND phone = ?4",
                             ODB(ODB_T(no), ODB_T(name), ODB_T(phone)));
    int r = added_or_same(c, n, counted, same, "customer_no");

    return r == 0 && n > 0 ? ho_log(o, c->who, "customer added", "%s", no) : r;
}

static void post_customer(struct api_call *c)
{
    if (ho_transaction(c->o, store_customer, c) < 0)
        api_fail(c);
    else
        answer_customer(c, api_text(c, "customer_no", ""));
}

static int change_customer(struct office *o, void *ctx)
{
    struct api_call *c = ctx;
    const char *no = c->words[0];
    int n =
        odb_exec(o->db,
                 "UPDATE customer SET name = ?3, phone = ?4 WHERE org_id = ?1 AND customer_no "
                 "= ?2",
                 ODB(ODB_T(no), ODB_T(api_text(c, "name", "")), ODB_T(api_text(c, "phone", ""))));
    int r = n < 0 ? ho_db_fail(o) : 0;

    if (n > 0)
        r = ho_tell_orders(o, no, "");
    return r == 0 && n > 0 ? ho_log(o, c->who, "customer changed", "%s", no) : r;
}

static void post_customer_change(struct api_call *c)
{
    if (ho_transaction(c->o, change_customer, c) < 0)
        api_fail(c);
    else
        get_customer(c);
}

/* ---- supply points ---- */

#define POINT_COLUMNS                                                                              \
    "SELECT supply_point, customer_no, address, tariff_class, meter_id FROM supply_point WHERE "   \
    "org_id = ?1 AND "

static void list_points(struct api_call *c)
{
    api_list_rows(c,
                  odb_query(c->o->db,
                            POINT_COLUMNS "supply_point > ?2 ORDER BY supply_point LIMIT ?3",
                            ODB(ODB_T(c->after), ODB_I(c->limit + 1))),
                  &point_message, "supply_point");
}

static void answer_point(struct api_call *c, const char *supply_point)
{
    api_one_row(c, odb_query(c->o->db, POINT_COLUMNS "supply_point = ?2", ODB(ODB_T(supply_point))),
                &point_message, NO_POINT);
}

static void get_point(struct api_call *c)
{
    answer_point(c, c->words[0]);
}

static int store_point(struct office *o, void *ctx)
{
    struct api_call *c = ctx;
    const char *no = api_text(c, "supply_point", ""), *owner = api_text(c, "customer_no", ""),
               *address = api_text(c, "address", ""), *prices = api_text(c, "tariff_class", "");
    int64_t same = 0, known = 0;

    if (odb_number(o->db, &known,
                   "SELECT COUNT(*) FROM customer WHERE org_id = ?1 AND customer_no = ?2",
                   ODB(ODB_T(owner)))
        < 0)
        return ho_db_fail(o);
    if (known == 0)
        return ho_fail(o, GF_E_FORMAT, "customer_no", NO_CUSTOMER);

    int n = odb_exec(o->db,
                     "INSERT INTO supply_point (org_id, supply_point, customer_no, address, "
                     "tariff_class) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (org_id, supply_point) "
                     "DO NOTHING",
                     ODB(ODB_T(no), ODB_T(owner), ODB_T(address), ODB_T(prices)));
    int counted = odb_number(o->db, &same,
                             "SELECT COUNT(*) FROM supply_point WHERE org_id = ?1 AND "
                             "supply_point = ?2 AND customer_no = ?3 AND address = ?4 AND "
                             "tariff_class = ?5",
                             ODB(ODB_T(no), ODB_T(owner), ODB_T(address), ODB_T(prices)));
    int r = added_or_same(c, n, counted, same, "supply_point");

    return r == 0 && n > 0 ? ho_log(o, c->who, "supply point added", "%s of %s", no, owner) : r;
}

static void post_point(struct api_call *c)
{
    if (ho_transaction(c->o, store_point, c) < 0)
        api_fail(c);
    else
        answer_point(c, api_text(c, "supply_point", ""));
}

static int change_point(struct office *o, void *ctx)
{
    struct api_call *c = ctx;
    const char *no = c->words[0];
    int n = odb_exec(
        o->db,
        "UPDATE supply_point SET address = ?3, tariff_class = ?4 WHERE org_id = ?1 "
        "AND supply_point = ?2",
        ODB(ODB_T(no), ODB_T(api_text(c, "address", "")), ODB_T(api_text(c, "tariff_class", ""))));
    int r = n < 0 ? ho_db_fail(o) : 0;

    if (n > 0)
        r = ho_tell_orders(o, "", no);
    return r == 0 && n > 0 ? ho_log(o, c->who, "supply point changed", "%s", no) : r;
}

static void post_point_change(struct api_call *c)
{
    if (ho_transaction(c->o, change_point, c) < 0)
        api_fail(c);
    else
        get_point(c);
}

/* ---- accounts ---- */

static void list_accounts(struct api_call *c)
{
    api_list_accounts(c, NULL);
}

static void get_account(struct api_call *c)
{
    api_one_account(c, c->words[0], NULL);
}

static const struct api_route routes[] = {
    { .method = "GET",
      .path = "/v1/customers",
      .roles = LOOKS,
      .gives = &customer_message,
      .flags = API_LIST_ROUTE,
      .handler = list_customers,
      .what = "the customers" },
    { .method = "POST",
      .path = "/v1/customers",
      .roles = CHANGES,
      .takes = &customer_message,
      .gives = &customer_message,
      .handler = post_customer,
      .what = "a new customer; the same again is the same",
      .errors = "409 NOT_NOW the number is taken by another" },
    { .method = "GET",
      .path = "/v1/customers/{customer_no}",
      .roles = LOOKS,
      .gives = &customer_message,
      .handler = get_customer,
      .what = "one customer",
      .errors = "404 not_found no such customer" },
    { .method = "POST",
      .path = "/v1/customers/{customer_no}",
      .roles = CHANGES,
      .takes = &customer_change,
      .gives = &customer_message,
      .handler = post_customer_change,
      .what = "another name or telephone number; laptops learn it with open orders",
      .errors = "404 not_found no such customer" },
    { .method = "GET",
      .path = "/v1/supply-points",
      .roles = LOOKS,
      .gives = &point_message,
      .flags = API_LIST_ROUTE,
      .handler = list_points,
      .what = "the places where gas is taken" },
    { .method = "POST",
      .path = "/v1/supply-points",
      .roles = CHANGES,
      .takes = &new_point_message,
      .gives = &point_message,
      .handler = post_point,
      .what = "a new supply point; the same again is the same",
      .errors = "409 NOT_NOW the number is taken by another" },
    { .method = "GET",
      .path = "/v1/supply-points/{supply_point}",
      .roles = LOOKS,
      .gives = &point_message,
      .handler = get_point,
      .what = "one supply point",
      .errors = "404 not_found no such supply point" },
    { .method = "POST",
      .path = "/v1/supply-points/{supply_point}",
      .roles = CHANGES,
      .takes = &point_change,
      .gives = &point_message,
      .handler = post_point_change,
      .what = "another address or tariff class",
      .errors = "404 not_found no such supply point" },
    { .method = "GET",
      .path = "/v1/accounts",
      .roles = LOOKS,
      .gives = &api_account_message,
      .flags = API_LIST_ROUTE,
      .handler = list_accounts,
      .what = "the accounts with their balances" },
    { .method = "GET",
      .path = "/v1/accounts/{account_no}",
      .roles = LOOKS,
      .gives = &api_account_message,
      .handler = get_account,
      .what = "one account with its balances",
      .errors = "404 not_found no such account" },
};

const struct api_part api_part_customers = { .name = "customers",
                                             .routes = routes,
                                             .n = sizeof routes / sizeof routes[0] };
