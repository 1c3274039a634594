/* admin_tariffs.c - the commands of prices: registered, shown, applied to a sale; see admin.h and
 * tariff.h. */
#include <string.h>

#include "backend/admin.h"
#include "backend/tariff.h"
#include "common/text.h"

/* ---- adding ---- */

static const struct admin_option add_options[] = {
    { "class", "CLASS", "of supply points; standard unless said", 0, false },
    { "currency", "CODE", "ISO 4217: EUR", 0, true },
    { "period", "PERIOD", "after which tiers begin anew: none, month, year; none", 0, false },
    { "from", "UTC", "valid from 2026-12-01T00:00:00Z; from ever unless said", 0, false },
    ADMIN_BY_OPTION,
};

struct adding {
    struct tariff tariff;
    const char *by;
};

static int add(struct office *o, void *ctx)
{
    const struct adding *x = ctx;

    return tariff_add(o, &x->tariff, x->by);
}

static int run_add(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *class_name = admin_value(args, "class"), *period = admin_value(args, "period"),
               *from = admin_value(args, "from"), *currency = admin_value(args, "currency");
    struct adding x = { .by = NULL };
    struct tariff *t = &x.tariff;
    int r = admin_by(a, args, &x.by, why);

    if (r == 0)
        r = tariff_parse_steps(args->words[1], t, why);
    if (r == 0 && tariff_period_find(period != NULL ? period : "none", &t->period) != 0)
        r = gf_fail(why, GF_E_FORMAT, "period", "none, month or year");
    if (r == 0 && from != NULL && gf_utc_parse(from, &t->valid_from_s) != 0)
        r = gf_fail(why, GF_E_FORMAT, "from", "as 2026-12-01T00:00:00Z");
    if (r == 0
        && (!gf_copy(t->id, sizeof t->id, args->words[0])
            || !gf_copy(t->class_name, sizeof t->class_name,
                        class_name != NULL ? class_name : "standard")
            || !gf_copy(t->currency, sizeof t->currency, currency)))
        r = gf_fail(why, GF_E_SPACE, "tariff", "31 bytes a name, 3 the currency");
    if (r == 0)
        r = admin_failed(a, ho_transaction(a->office, add, &x), why);
    return r == 0 ? admin_answer(a,
                                 json_pack("{s:s, s:s, s:s}", "tariff_id", t->id, "class",
                                           t->class_name, "currency", t->currency),
                                 why)
                  : r;
}

/* ---- showing ---- */

/* A tariff without its steps. */
static json_t *head_json(const struct tariff *t)
{
    char from[21];

    gf_utc_text(t->valid_from_s, from);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "tariff_id", t->id, "class", t->class_name,
                     "currency", t->currency, "period", tariff_period_word(t->period), "valid_from",
                     from);
}

/* What steps from from_l to to_l cost, each for itself. NULL when out of memory, or when the cost
 * of one has more than 64 bits. */
static json_t *steps_json(const struct tariff *t, int64_t from_l, int64_t to_l)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < t->n; i++) {
        int64_t first = t->steps[i].from_l, end = i + 1 < t->n ? t->steps[i + 1].from_l : to_l,
                cost_milli = 0;

        first = first > from_l ? first : from_l;
        end = end < to_l ? end : to_l;
        if (first >= end)
            continue;
        if (tariff_cost(t, first, end, &cost_milli) != 0
            || json_array_append_new(
                   list, json_pack("{s:I, s:I, s:I, s:I, s:I}", "from_l", (json_int_t)first, "to_l",
                                   (json_int_t)end, "litres", (json_int_t)(end - first),
                                   "milli_per_l", (json_int_t)t->steps[i].milli_per_l, "cost_milli",
                                   (json_int_t)cost_milli))
                   != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *tariff_json(const struct tariff *t)
{
    json_t *doc = head_json(t), *list = json_array();

    for (size_t i = 0; i < t->n; i++)
        (void)json_array_append_new(list, json_pack("{s:I, s:I}", "from_l",
                                                    (json_int_t)t->steps[i].from_l, "milli_per_l",
                                                    (json_int_t)t->steps[i].milli_per_l));
    if (doc == NULL || list == NULL || json_array_size(list) != t->n
        || json_object_set_new(doc, "steps", list) != 0) {
        json_decref(doc);
        return NULL;
    }
    return doc;
}

struct listing {
    json_t *list;
    bool is_short; /* out of memory */
};

static int add_line(void *ctx, const struct tariff *t)
{
    struct listing *l = ctx;
    char steps[TARIFF_STEPS_TEXT];
    json_t *line = head_json(t);

    tariff_steps_text(t, steps);
    l->is_short = line == NULL || json_object_set_new(line, "steps", json_string(steps)) != 0
                  || json_array_append(l->list, line) != 0;
    json_decref(line);
    return l->is_short;
}

static int find(struct admin *a, const char *id, struct tariff *ret, struct gf_fail *why)
{
    int r = tariff_by_id(a->office, id, ret);

    if (r == 0)
        return gf_fail(why, GF_E_FORMAT, "tariff", "there is no such tariff: see tariff show");
    return r < 0 ? admin_failed(a, r, why) : 0;
}

static int run_show(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct listing l = { .list = NULL };
    struct tariff t;
    int r;

    if (args->words[0] != NULL) {
        r = find(a, args->words[0], &t, why);
        return r == 0 ? admin_answer(a, tariff_json(&t), why) : r;
    }
    l.list = json_array();
    r = tariff_each(a->office, "", add_line, &l);
    if (r == 0 && !l.is_short)
        return admin_answer(a, l.list, why);
    json_decref(l.list);
    return r < 0 ? admin_failed(a, r, why) : gf_fail(why, GF_E_MEMORY, "tariffs", "");
}

/* ---- the price of a sale ---- */

static const struct admin_option price_options[] = {
    { "bought-l", "LITRES", "what was bought in this period before; 0 unless said", 0, false },
};

static int run_price(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct tariff t;
    int64_t litres = 0, bought_l = 0, before_milli = 0, after_milli = 0, price_milli;
    json_t *doc = NULL;
    int r = admin_number(args->words[1], "litres", 1, TARIFF_LITRES_MAX, &litres, why);

    if (r == 0)
        r = admin_int(args, "bought-l", 0, 0, TARIFF_LITRES_MAX - 1, &bought_l, why);
    if (r == 0)
        r = find(a, args->words[0], &t, why);
    if (r != 0)
        return r;
    if (tariff_cost(&t, 0, bought_l, &before_milli) != 0
        || tariff_cost(&t, 0, bought_l + litres, &after_milli) != 0)
        return gf_fail(why, GF_E_RANGE, "litres", "2^40 litres of a period and 2^63 thousandths");
    price_milli = after_milli - before_milli;
    doc = head_json(&t);
    if (doc == NULL
        || json_object_update_new(
               doc, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "litres", (json_int_t)litres,
                              "bought_l", (json_int_t)bought_l, "before_milli",
                              (json_int_t)before_milli, "after_milli", (json_int_t)after_milli,
                              "price_milli", (json_int_t)price_milli, "amount_minor",
                              (json_int_t)(price_milli / 1000 + (price_milli % 1000 != 0)), "steps",
                              steps_json(&t, bought_l, bought_l + litres)))
               != 0) {
        json_decref(doc);
        doc = NULL;
    }
    return admin_answer(a, doc, why);
}

static const struct admin_command commands[] = {
    { .name = "tariff add",
      .words = "TARIFF STEPS",
      .what = "register prices, for good",
      .more =
          "STEPS is \"0=850;500000=1200\": from so many litres of a period on, a litre costs so "
          "many thousandths of the minor unit.",
      ADMIN_OPTIONS(add_options),
      .run = run_add },
    { .name = "tariff show",
      .words = "[TARIFF]",
      .what = "one tariff with its steps, or all",
      .run = run_show },
    { .name = "tariff price",
      .words = "TARIFF LITRES",
      .what = "what litres cost: the cost of all litres of the period after them, less before them",
      .more = "Shows each step that the sale reaches, in thousandths of the minor unit, and the "
              "least amount of whole minor units that buys it.",
      ADMIN_OPTIONS(price_options),
      .run = run_price },
};

const struct admin_group admin_group_tariffs = ADMIN_GROUP("Tariffs", commands);
