/* admin_orders.c - commands about work orders; see admin.h. */
#include "backend/admin.h"
#include "backend/office_register.h"

#define PARAMETERS_MAX 24

static const struct admin_option order_options[] = {
    { "due", "DATE", "the day of the work; today unless said", 0, false },
    { "priority", "N", "lower is done first; 5 unless said", 0, false },
    { "number", "NUMBER", "its number; the next one unless said", 0, false },
    { "purge-l", "LITRES", "how much may be purged; 10 unless said", 0, false },
    { "purge-s", "SECONDS", "how long purging may take; 120 unless said", 0, false },
    { "param", "ID=VALUE", "a parameter to set in the meter", PARAMETERS_MAX, false },
    { "note", "TEXT", "what the technician should know", 0, false },
};

static int run_work_order(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *parameters[PARAMETERS_MAX];
    struct ho_new_order order = { .meter_id = args->words[0],
                                  .supply_point = args->words[1],
                                  .staff_no = args->words[2],
                                  .due = admin_value(args, "due"),
                                  .number = admin_value(args, "number"),
                                  .note = admin_value(args, "note"),
                                  .parameters = parameters };
    char made[32];
    int r;

    order.n_parameters = admin_values(args, "param", parameters, PARAMETERS_MAX);
    if ((r = admin_int(args, "priority", 5, INT32_MIN, INT32_MAX, &order.priority, why)) != 0
        || (r = admin_int(args, "purge-l", 10, INT32_MIN, INT32_MAX, &order.purge_l, why)) != 0
        || (r = admin_int(args, "purge-s", 120, INT32_MIN, INT32_MAX, &order.purge_s, why)) != 0)
        return r;
    r = admin_failed(a, ho_order_new(a->office, &order, made), why);
    if (r != 0)
        return r;
    if (a->json)
        return admin_json(a, json_pack("{s:s}", "number", made), why);
    (void)fprintf(a->out, "%s\n", made);
    return 0;
}

static const struct admin_command commands[] = {
    { .name = "work-order",
      .words = "METER SUPPLY_POINT STAFF",
      .what = "order an account opening; prints its number",
      ADMIN_OPTIONS(order_options),
      .run = run_work_order },
};

const struct admin_group admin_group_orders = ADMIN_GROUP("Work orders", commands);
