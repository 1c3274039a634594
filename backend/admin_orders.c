/* admin_orders.c - commands about work orders; see admin.h. */
#include <string.h>

#include "backend/admin.h"
#include "backend/office_order.h"

#define PARAMETERS_MAX 24

static const struct admin_option order_options[] = {
    { "kind", "KIND", "account-opening unless said; docs/office.md has the others", 0, false },
    { "due", "DATE", "the day of the work; today unless said", 0, false },
    { "priority", "N", "lower is done first; 5 unless said", 0, false },
    { "number", "NUMBER", "its number; the next one unless said", 0, false },
    { "purge-l", "LITRES", "how much may be purged; 10 unless said", 0, false },
    { "purge-s", "SECONDS", "how long purging may take; 120 unless said", 0, false },
    { "param", "ID=VALUE", "a parameter to set in the meter", PARAMETERS_MAX, false },
    { "note", "TEXT", "what the technician should know", 0, false },
    { "old-meter", "METER", "of a swap: the one that goes; the supply point's unless said", 0,
      false },
    { "reason", "WORD", "of a swap: fault, due or dispute", 0, false },
    { "cap-l", "LITRES", "of a swap: what goes over without head office; 500000 unless said", 0,
      false },
    { "id", "UUID", "of the order, so that the same again is the same; a new one unless said", 0,
      false },
};

/* A word that may be left open. */
static const char *open_word(const char *word)
{
    return strcmp(word, "-") == 0 ? NULL : word;
}

static int answer_number(struct admin *a, const char *number, struct gf_fail *why)
{
    if (a->json)
        return admin_json(a, json_pack("{s:s}", "number", number), why);
    (void)fprintf(a->out, "%s\n", number);
    return 0;
}

static int run_work_order(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *parameters[PARAMETERS_MAX];
    uint8_t id[GF_UUID_LEN];
    struct ho_new_order order = { .id = id,
                                  .kind = admin_value(args, "kind"),
                                  .meter_id = args->words[0],
                                  .supply_point = open_word(args->words[1]),
                                  .staff_no = open_word(args->words[2]),
                                  .due = admin_value(args, "due"),
                                  .number = admin_value(args, "number"),
                                  .note = admin_value(args, "note"),
                                  .parameters = parameters,
                                  .old_meter_id = admin_value(args, "old-meter"),
                                  .reason = admin_value(args, "reason") };
    char made[32];
    int r;

    order.n_parameters = admin_values(args, "param", parameters, PARAMETERS_MAX);
    if ((r = admin_int(args, "priority", 5, INT32_MIN, INT32_MAX, &order.priority, why)) != 0
        || (r = admin_int(args, "purge-l", 10, INT32_MIN, INT32_MAX, &order.purge_l, why)) != 0
        || (r = admin_int(args, "purge-s", 120, INT32_MIN, INT32_MAX, &order.purge_s, why)) != 0
        || (r = admin_int(args, "cap-l", 0, 1, INT32_MAX, &order.cap_l, why)) != 0
        || (r = admin_id(a, args, id, why)) != 0)
        return r;
    r = admin_failed(a, ho_order_new(a->office, &order, made), why);
    return r == 0 ? answer_number(a, made, why) : r;
}

/* ---- many at once ---- */

static int answer_made(struct admin *a, const struct ho_orders_made *made, struct gf_fail *why)
{
    if (a->json)
        return admin_json(a,
                          json_pack("{s:I, s:I, s:I}", "added", (json_int_t)made->added, "same",
                                    (json_int_t)made->same, "lacking", (json_int_t)made->lacking),
                          why);
    (void)fprintf(a->out, "%u added, %u the same", made->added, made->same);
    if (made->lacking > 0)
        (void)fprintf(a->out, ", %u lack a new meter in stock", made->lacking);
    (void)fputc('\n', a->out);
    return 0;
}

static int run_import_orders(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct admin_watch watch = { 0 };
    struct ho_orders_made made;
    FILE *in = NULL;
    int r = admin_watch(&watch, a, "rows", 0, why);

    if (r == 0)
        r = admin_open(&watch, args->words[0], &in, why);
    if (r == 0)
        r = admin_failed(a, ho_import_orders(a->office, in, &made), why);
    admin_watch_end(&watch);
    if (in != NULL)
        (void)fclose(in); /* was only read */
    return r == 0 ? answer_made(a, &made, why) : r;
}

static const struct admin_option due_options[] = {
    { "kind", "KIND", "inspection (unless said) or swap", 0, false },
};

static int run_due_list(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *kind = admin_value(args, "kind");
    struct ho_orders_made made;
    int r = admin_failed(a,
                         ho_orders_from_due_list(a->office, args->words[0],
                                                 kind != NULL ? kind : "inspection", &made),
                         why);

    return r == 0 ? answer_made(a, &made, why) : r;
}

/* ---- one order ---- */

static int run_assign(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    int r = admin_failed(a, ho_order_assign(a->office, args->words[0], args->words[1]), why);

    return r == 0 ? answer_number(a, args->words[0], why) : r;
}

static int run_check(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    int r = admin_failed(a, ho_order_check(a->office, args->words[0], args->words[1]), why);

    return r == 0 ? answer_number(a, args->words[0], why) : r;
}

static int run_cancel(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    int r = admin_failed(a, ho_order_cancel(a->office, args->words[0]), why);

    return r == 0 ? answer_number(a, args->words[0], why) : r;
}

static const struct admin_command commands[] = {
    { .name = "work-order",
      .words = "METER SUPPLY_POINT STAFF",
      .what = "order work at a meter, an account opening unless said; prints its number",
      .more = "SUPPLY_POINT may be - for a meter that has one, STAFF - for nobody yet.",
      ADMIN_OPTIONS(order_options),
      .run = run_work_order },
    { .name = "import-orders",
      .words = "FILE",
      .what = "work orders from a file; docs/office.md has its columns",
      .run = run_import_orders },
    { .name = "due-list",
      .words = "DATE",
      .what = "plan orders for meters whose verification runs out before a date",
      ADMIN_OPTIONS(due_options),
      .run = run_due_list },
    { .name = "assign",
      .words = "NUMBER STAFF",
      .what = "give a work order to somebody, or to somebody else",
      .run = run_assign },
    { .name = "check",
      .words = "NUMBER STAFF",
      .what = "a supervisor looked at what was done",
      .run = run_check },
    { .name = "cancel",
      .words = "NUMBER",
      .what = "call a work order off before anybody began",
      .run = run_cancel },
};

const struct admin_group admin_group_orders = ADMIN_GROUP("Work orders", commands);
