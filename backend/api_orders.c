/* api_orders.c - work orders and swap cases; see api.h. */
#include "backend/api_orders.h"

#include <stdio.h>
#include <string.h>

#include "backend/office_order.h"

#define CSV_MAX (4 * 1024 * 1024)
#define PARAMETERS_MAX 24
#define PURGE_L 10 /* unless said */
#define PURGE_S 120
#define NO_ORDER "there is no such order"
#define KINDS                                                                                      \
    "account-opening|swap|zero-clear|parameters|purge|query|inspection|maintenance|removal|"       \
    "bench-reset|scrapping"
#define STATES "planned|assigned|on-site|done|unable|checked"

static const struct api_field order_fields[] = {
    { .name = "number", .type = API_ID, .min = 1, .max = 31, .what = "the order's number" },
    { .name = "id", .type = API_UUID, .what = "its id" },
    { .name = "kind", .type = API_WORD, .words = KINDS, .what = "which procedure" },
    { .name = "state", .type = API_WORD, .words = STATES, .what = "how far it is" },
    { .name = "meter_id", .type = API_ID, .min = 12, .max = 12, .what = "of a swap: the new one" },
    { .name = "supply_point", .type = API_ID, .min = 1, .max = 31, .what = "where" },
    { .name = "customer_no", .type = API_ID, .min = 1, .max = 31, .what = "at whom" },
    { .name = "staff_no", .type = API_ID, .is_optional = true, .min = 1, .max = 24,
      .what = "who does it" },
    { .name = "account_no", .type = API_INT, .is_optional = true, .what = "the account" },
    { .name = "due", .type = API_DATE, .what = "the day" },
    { .name = "priority", .type = API_INT, .min = 1, .max = 9, .what = "1 is first" },
    { .name = "parameters", .type = API_TEXT, .min = 0, .max = 511,
      .what = "to set in the meter: ID=VALUE;..." },
    { .name = "note", .type = API_TEXT, .min = 0, .max = 199, .what = "for the technician" },
    { .name = "code", .type = API_TEXT, .min = 0, .max = 31, .what = "why it could not be done" },
    { .name = "made_by", .type = API_TEXT, .min = 0, .max = 63, .what = "who ordered it" },
    { .name = "made_at_ms", .type = API_INT, .what = "UTC ms" },
    { .name = "closed_at_ms", .type = API_INT, .is_optional = true, .what = "UTC ms" },
    { .name = "checked_by", .type = API_ID, .is_optional = true, .what = "who looked at it" },
    { .name = "swap_number", .type = API_ID, .is_optional = true, .what = "its swap case" },
};
static const struct api_message order_message = API_MESSAGE("WorkOrder", order_fields);
#define COLUMNS                                                                                    \
    "SELECT w.number, w.order_id, w.kind, w.state, w.meter_id, w.supply_point, w.customer_no, "    \
    "w.staff_no, w.account_no, w.due, w.priority, w.parameters, w.note, w.code, w.made_by, "       \
    "w.made_at_ms, w.closed_at_ms, w.checked_by, k.number FROM work_order w LEFT JOIN swap_case "  \
    "k ON k.org_id = w.org_id AND k.case_id = w.swap_case WHERE w.org_id = ?1 AND "
#define PAGE                                                                                       \
    "w.number > ?2 AND (?4 = '' OR w.state = ?4) AND (?5 = '' OR w.staff_no = ?5) ORDER BY "       \
    "w.number LIMIT ?3"

static const struct api_field query_fields[] = {
    { .name = "state", .type = API_WORD, .is_optional = true, .words = STATES,
      .what = "only orders of this state" },
    { .name = "staff_no", .type = API_ID, .is_optional = true, .min = 1, .max = 24,
      .what = "only this person's" },
    { .name = "meter_id", .type = API_ID, .is_optional = true, .min = 12, .max = 12,
      .what = "only this meter's" },
};
static const struct api_message query_message = API_MESSAGE("WorkOrderQuery", query_fields);

static const struct api_field new_fields[] = {
    { .name = "id", .type = API_UUID, .what = "of the order: twice is once" },
    { .name = "kind", .type = API_WORD, .words = KINDS, .what = "which procedure" },
    { .name = "meter_id", .type = API_ID, .min = 12, .max = 12, .what = "of a swap: the new one" },
    { .name = "supply_point", .type = API_ID, .is_optional = true, .min = 1, .max = 31,
      .what = "where; the meter's own unless said" },
    { .name = "staff_no", .type = API_ID, .is_optional = true, .min = 1, .max = 24,
      .what = "who does it; nobody yet unless said" },
    { .name = "due", .type = API_DATE, .is_optional = true, .what = "today unless said" },
    { .name = "priority", .type = API_INT, .is_optional = true, .min = 1, .max = 9,
      .what = "1 is first; 5 unless said" },
    { .name = "number", .type = API_ID, .is_optional = true, .min = 1, .max = 31,
      .what = "the next one unless said" },
    { .name = "note", .type = API_TEXT, .is_optional = true, .min = 1, .max = 199,
      .what = "for the technician" },
    { .name = "parameters", .type = API_TEXTS, .is_optional = true, .min = 0,
      .max = PARAMETERS_MAX, .what = "ID=VALUE each" },
    { .name = "purge_l", .type = API_INT, .is_optional = true, .min = 1, .max = 10000,
      .what = "litres of one purge; 10 unless said" },
    { .name = "purge_s", .type = API_INT, .is_optional = true, .min = 1, .max = 3600,
      .what = "its longest time in s; 120 unless said" },
    { .name = "old_meter_id", .type = API_ID, .is_optional = true, .min = 12, .max = 12,
      .what = "of a swap: the supply point's present one unless said" },
    { .name = "reason", .type = API_WORD, .is_optional = true, .words = "fault|due|dispute",
      .what = "of a swap" },
    { .name = "cap_l", .type = API_INT, .is_optional = true, .min = 1, .max = 100000000,
      .what = "of a swap: litres that go over without head office; 500000 unless said" },
};
static const struct api_message new_message = API_MESSAGE("NewWorkOrder", new_fields);

static const struct api_field swap_fields[] = {
    { .name = "id", .type = API_UUID, .what = "of the swap's work order: twice is once" },
    { .name = "new_meter_id", .type = API_ID, .min = 12, .max = 12, .what = "the one that comes" },
    { .name = "old_meter_id", .type = API_ID, .is_optional = true, .min = 12, .max = 12,
      .what = "the one that goes; the supply point's present one unless said" },
    { .name = "supply_point", .type = API_ID, .min = 1, .max = 31, .what = "where" },
    { .name = "reason", .type = API_WORD, .words = "fault|due|dispute", .what = "why" },
    { .name = "cap_l", .type = API_INT, .is_optional = true, .min = 1, .max = 100000000,
      .what = "litres that go over without head office; 500000 unless said" },
    { .name = "staff_no", .type = API_ID, .is_optional = true, .min = 1, .max = 24,
      .what = "who does it; nobody yet unless said" },
    { .name = "due", .type = API_DATE, .is_optional = true, .what = "today unless said" },
    { .name = "priority", .type = API_INT, .is_optional = true, .min = 1, .max = 9,
      .what = "1 is first; 5 unless said" },
    { .name = "note", .type = API_TEXT, .is_optional = true, .min = 1, .max = 199,
      .what = "for the technician" },
};
static const struct api_message new_swap_message = API_MESSAGE("NewSwapCase", swap_fields);

static const struct api_field assign_fields[] = {
    { .name = "staff_no", .type = API_ID, .min = 1, .max = 24, .what = "who does it" },
};
static const struct api_message assign_message = API_MESSAGE("Assign", assign_fields);

static const struct api_field due_fields[] = {
    { .name = "before", .type = API_DATE, .what = "whose verification runs out before this day" },
    { .name = "kind", .type = API_WORD, .words = "inspection|swap", .what = "what to order" },
};
static const struct api_message due_message = API_MESSAGE("DueList", due_fields);

static const struct api_field made_fields[] = {
    { .name = "added", .type = API_INT, .what = "orders made" },
    { .name = "same", .type = API_INT, .what = "orders that were there" },
    { .name = "lacking", .type = API_INT, .what = "swaps for which no new meter is in stock" },
};
static const struct api_message made_message = API_MESSAGE("OrdersMade", made_fields);

/* ---- looking ---- */

static const char *asked(const struct api_call *c, const char *name)
{
    const char *text = json_string_value(json_object_get(c->asked, name));

    return text != NULL ? text : "";
}

/* A technician sees own orders only. */
static void list_orders(struct api_call *c)
{
    const char *staff_no = c->role == API_TECHNICIAN ? c->who : asked(c, "staff_no"),
               *meter_id = asked(c, "meter_id");
    const struct odb_value after = ODB_T(c->after), n = ODB_I(c->limit + 1),
                           state = ODB_T(asked(c, "state")), staff = ODB_T(staff_no);

    if (meter_id[0] != '\0')
        api_list_rows(c,
                      odb_query(c->o->db, COLUMNS "w.meter_id = ?6 AND " PAGE,
                                ODB(after, n, state, staff, ODB_T(meter_id))),
                      &order_message, "number");
    else if (staff_no[0] != '\0')
        api_list_rows(c,
                      odb_query(c->o->db, COLUMNS "w.staff_no = ?5 AND " PAGE,
                                ODB(after, n, state, staff)),
                      &order_message, "number");
    else
        api_list_rows(c, odb_query(c->o->db, COLUMNS PAGE, ODB(after, n, state, staff)),
                      &order_message, "number");
}

static void answer_order(struct api_call *c, const char *number)
{
    api_one_row(c,
                odb_query(c->o->db, COLUMNS "w.number = ?2 AND (?3 = '' OR w.staff_no = ?3)",
                          ODB(ODB_T(number), ODB_T(c->role == API_TECHNICIAN ? c->who : ""))),
                &order_message, NO_ORDER);
}

static void get_order(struct api_call *c)
{
    answer_order(c, c->words[0]);
}

/* ---- changing ---- */

static void post_order(struct api_call *c)
{
    const json_t *list = json_object_get(c->body, "parameters");
    const char *parameters[PARAMETERS_MAX];
    uint8_t id[GF_UUID_LEN];
    char number[32];
    struct ho_new_order n = { .id = id,
                              .kind = api_text(c, "kind", NULL),
                              .meter_id = api_text(c, "meter_id", ""),
                              .supply_point = api_text(c, "supply_point", NULL),
                              .staff_no = api_text(c, "staff_no", NULL),
                              .due = api_text(c, "due", NULL),
                              .number = api_text(c, "number", NULL),
                              .note = api_text(c, "note", NULL),
                              .priority = api_whole(c, "priority", 5),
                              .purge_l = api_whole(c, "purge_l", PURGE_L),
                              .purge_s = api_whole(c, "purge_s", PURGE_S),
                              .parameters = parameters,
                              .old_meter_id = api_text(c, "old_meter_id", NULL),
                              .reason = api_text(c, "reason", NULL),
                              .cap_l = api_whole(c, "cap_l", 0) };

    for (size_t i = 0; i < json_array_size(list) && i < PARAMETERS_MAX; i++)
        parameters[n.n_parameters++] = json_string_value(json_array_get(list, i));
    if (gf_uuid_parse(api_text(c, "id", ""), id) != 0 || ho_order_new(c->o, &n, number) != 0)
        api_fail(c);
    else
        answer_order(c, number);
}

/* A case is begun by its work order. */
static void post_swap(struct api_call *c)
{
    uint8_t id[GF_UUID_LEN];
    char number[32];
    const struct ho_new_order n = { .id = id,
                                    .kind = "swap",
                                    .meter_id = api_text(c, "new_meter_id", ""),
                                    .supply_point = api_text(c, "supply_point", NULL),
                                    .staff_no = api_text(c, "staff_no", NULL),
                                    .due = api_text(c, "due", NULL),
                                    .note = api_text(c, "note", NULL),
                                    .priority = api_whole(c, "priority", 5),
                                    .purge_l = PURGE_L,
                                    .purge_s = PURGE_S,
                                    .old_meter_id = api_text(c, "old_meter_id", NULL),
                                    .reason = api_text(c, "reason", NULL),
                                    .cap_l = api_whole(c, "cap_l", 0) };

    if (gf_uuid_parse(api_text(c, "id", ""), id) != 0 || ho_order_new(c->o, &n, number) != 0)
        api_fail(c);
    else
        api_answer_swap_of(c, number);
}

static void post_assign(struct api_call *c)
{
    if (ho_order_assign(c->o, c->words[0], api_text(c, "staff_no", "")) < 0)
        api_fail(c);
    else
        get_order(c);
}

static void post_check(struct api_call *c)
{
    if (ho_order_check(c->o, c->words[0], c->who) < 0)
        api_fail(c);
    else
        get_order(c);
}

static void post_cancel(struct api_call *c)
{
    if (ho_order_cancel(c->o, c->words[0]) < 0)
        api_fail(c);
    else
        get_order(c);
}

static void answer_made(struct api_call *c, const struct ho_orders_made *made)
{
    api_answer(c, 200,
               json_pack("{s:i, s:i, s:i}", "added", (int)made->added, "same", (int)made->same,
                         "lacking", (int)made->lacking));
}

static void post_import(struct api_call *c)
{
    const struct gf_span body = c->request->body;
    struct ho_orders_made made;
    FILE *in = tmpfile();
    int r = 0;

    if (in == NULL || fwrite(body.p, 1, body.n, in) != body.n || fflush(in) != 0)
        r = ho_fail(c->o, GF_E_FILE, "orders", "the file cannot be kept while it is read");
    if (r == 0)
        r = ho_import_orders(c->o, in, &made);
    if (in != NULL)
        (void)fclose(in);
    if (r < 0)
        api_fail(c);
    else
        answer_made(c, &made);
}

static void post_due(struct api_call *c)
{
    struct ho_orders_made made;

    if (ho_orders_from_due_list(c->o, api_text(c, "before", ""), api_text(c, "kind", ""), &made)
        < 0)
        api_fail(c);
    else
        answer_made(c, &made);
}

static const struct api_route routes[] = {
    { .method = "GET",
      .path = "/v1/work-orders",
      .roles = ORDERS_LOOK | API_BIT(TECHNICIAN),
      .asks = &query_message,
      .gives = &order_message,
      .flags = API_LIST_ROUTE,
      .handler = list_orders,
      .what = "work orders; a technician's own" },
    { .method = "POST",
      .path = "/v1/work-orders",
      .roles = ORDERS_CHANGE,
      .takes = &new_message,
      .gives = &order_message,
      .handler = post_order,
      .what = "a new work order; the same id again is the same",
      .errors = "409 NOT_NOW what is registered does not allow it now|409 MISMATCH the id is "
                "another order's" },
    { .method = "GET",
      .path = "/v1/work-orders/{number}",
      .roles = ORDERS_LOOK | API_BIT(TECHNICIAN),
      .gives = &order_message,
      .handler = get_order,
      .what = "one work order",
      .errors = "404 not_found no such order" },
    { .method = "POST",
      .path = "/v1/work-orders/{number}/assign",
      .roles = ORDERS_CHANGE,
      .takes = &assign_message,
      .gives = &order_message,
      .handler = post_assign,
      .what = "somebody does it, or somebody else: the first one's tickets are void",
      .errors = "409 NOT_NOW it is closed, or its meter has another order" },
    { .method = "POST",
      .path = "/v1/work-orders/{number}/check",
      .roles = API_BIT(SUPERVISOR),
      .gives = &order_message,
      .handler = post_check,
      .what = "the caller looked at what was done, or not",
      .errors = "409 NOT_NOW it is open" },
    { .method = "POST",
      .path = "/v1/work-orders/{number}/cancel",
      .roles = ORDERS_CHANGE,
      .gives = &order_message,
      .handler = post_cancel,
      .what = "called off before anybody began",
      .errors = "409 NOT_NOW it was begun" },
    { .method = "POST",
      .path = "/v1/work-orders/import",
      .roles = ORDERS_CHANGE,
      .gives = &made_message,
      .flags = API_SLOW,
      .content_type = "text/csv",
      .body_max = CSV_MAX,
      .handler = post_import,
      .what = "work orders from a file: all, or none and the line and column of the first error" },
    { .method = "POST",
      .path = "/v1/work-orders/due",
      .roles = ORDERS_CHANGE,
      .takes = &due_message,
      .gives = &made_message,
      .flags = API_SLOW,
      .handler = post_due,
      .what = "planned orders for meters whose verification runs out" },
    { .method = "GET",
      .path = "/v1/swap-cases",
      .roles = ORDERS_LOOK,
      .asks = &api_swap_query,
      .gives = &api_swap_message,
      .flags = API_LIST_ROUTE,
      .handler = api_list_swaps,
      .what = "swap cases" },
    { .method = "POST",
      .path = "/v1/swap-cases",
      .roles = ORDERS_CHANGE,
      .takes = &new_swap_message,
      .gives = &api_swap_detail,
      .handler = post_swap,
      .what = "a new swap case with its work order, as a work order of kind swap makes one; the "
              "same id again is the same",
      .errors = "409 NOT_NOW what is registered does not allow it now|409 MISMATCH the id is "
                "another order's" },
    { .method = "GET",
      .path = "/v1/swap-cases/{number}",
      .roles = ORDERS_LOOK,
      .gives = &api_swap_detail,
      .handler = api_get_swap,
      .what = "one swap case with its litres in transit",
      .errors = "404 not_found no such swap case" },
    { .method = "POST",
      .path = "/v1/swap-cases/{number}/settle",
      .roles = ORDERS_CHANGE,
      .takes = &api_settle_message,
      .gives = &api_swap_detail,
      .handler = api_settle_swap,
      .what = "what is in transit goes to the new meter by token",
      .errors = "409 NOT_NOW nothing is closed, the new account is not open, or the new meter may "
                "still take the certificate" },
    { .method = "POST",
      .path = "/v1/swap-cases/{number}/estimate",
      .roles = API_BIT(SUPERVISOR),
      .takes = &api_estimate_message,
      .gives = &api_swap_detail,
      .handler = api_estimate_swap,
      .what = "confirm an estimate of a dead meter; settled at once",
      .errors = "409 NOT_NOW the case is not planned, or the new account is not open|409 MISMATCH "
                "estimated otherwise before" },
    { .method = "POST",
      .path = "/v1/swap-cases/{number}/cancel",
      .roles = ORDERS_CHANGE,
      .gives = &api_swap_detail,
      .handler = api_cancel_swap,
      .what = "the swap did not happen",
      .errors = "409 NOT_NOW an account was closed, or the new one holds credit" },
    { .method = "POST",
      .path = "/v1/accounts/{account_no}/move",
      .roles = API_BIT(SUPERVISOR),
      .takes = &api_move_message,
      .gives = &api_moved_message,
      .handler = api_move_residual,
      .what = "what a removed meter left goes to another account of the customer, by token",
      .errors = "409 NOT_NOW not closed, nothing left, or the other one is not open|409 MISMATCH "
                "another customer's account" },
};

const struct api_part api_part_orders = {
    .name = "orders", .routes = routes, .n = sizeof routes / sizeof routes[0]
};
