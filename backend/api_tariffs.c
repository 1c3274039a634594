/* api_tariffs.c - prices over HTTP; see tariff.h. */
#include <stdio.h>
#include <string.h>

#include "backend/api_money_in.h"
#include "common/text.h"

static const struct api_field fields[] = {
    { .name = "tariff_id", .type = API_ID, .min = 1, .max = 31, .what = "its name, for good" },
    { .name = "class", .type = API_ID, .min = 1, .max = 31, .what = "of supply points" },
    { .name = "currency", .type = API_ID, .min = 3, .max = 3, .what = "ISO 4217: EUR" },
    { .name = "period",
      .type = API_WORD,
      .words = "none|month|year",
      .what = "after which the tiers begin anew" },
    { .name = "steps",
      .type = API_TEXT,
      .min = 3,
      .max = TARIFF_STEPS_TEXT - 1,
      .what = "from litres = thousandths of the minor unit a litre: 0=850;500000=1200" },
    { .name = "valid_from_s", .type = API_INT, .max = INT64_C(253402300799), .what = "UTC s" },
    { .name = "made_at_ms", .type = API_INT, .what = "ms since 1970" },
    { .name = "made_by", .type = API_TEXT, .max = 63, .what = "who registered it" },
};
const struct api_message api_tariff_message = API_MESSAGE("Tariff", fields);
const struct api_message api_new_tariff_message = {
    .name = "NewTariff", .fields = fields, .n = 6 /* without by whom and when */
};

void api_list_tariffs(struct api_call *c)
{
    api_list_rows(c,
                  odb_query(c->o->db,
                            "SELECT tariff_id, class, currency, period, steps, valid_from_s, "
                            "made_at_ms, made_by FROM tariff WHERE org_id = ?1 AND tariff_id > ?2 "
                            "ORDER BY tariff_id LIMIT ?3",
                            ODB(ODB_T(c->after), ODB_I(c->limit + 1))),
                  &api_tariff_message, "tariff_id");
}

static void answer_tariff(struct api_call *c)
{
    api_one_row(c,
                odb_query(c->o->db,
                          "SELECT tariff_id, class, currency, period, steps, valid_from_s, "
                          "made_at_ms, made_by FROM tariff WHERE org_id = ?1 AND tariff_id = ?2",
                          ODB(ODB_T(api_text(c, "tariff_id", "")))),
                &api_tariff_message, "there is no such tariff");
}

struct adding {
    struct tariff tariff;
    const char *by;
};

/* The same again is the same. */
static bool is_same(const struct tariff *a, const struct tariff *b)
{
    bool same = strcmp(a->class_name, b->class_name) == 0 && strcmp(a->currency, b->currency) == 0
                && a->period == b->period && a->valid_from_s == b->valid_from_s && a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++)
        same = a->steps[i].from_l == b->steps[i].from_l
               && a->steps[i].milli_per_l == b->steps[i].milli_per_l;
    return same;
}

static int add(struct office *o, void *ctx)
{
    const struct adding *a = ctx;
    struct tariff known;
    int r = tariff_by_id(o, a->tariff.id, &known);

    if (r == 1 && is_same(&known, &a->tariff))
        return 0;
    return r < 0 ? r : tariff_add(o, &a->tariff, a->by);
}

void api_add_tariff(struct api_call *c)
{
    struct adding a = { .tariff = { .valid_from_s = api_whole(c, "valid_from_s", 0) },
                        .by = c->who };

    (void)gf_copy(a.tariff.id, sizeof a.tariff.id, api_text(c, "tariff_id", ""));
    (void)gf_copy(a.tariff.class_name, sizeof a.tariff.class_name, api_text(c, "class", ""));
    (void)gf_copy(a.tariff.currency, sizeof a.tariff.currency, api_text(c, "currency", ""));
    if (tariff_period_find(api_text(c, "period", ""), &a.tariff.period) != 0
        || tariff_parse_steps(api_text(c, "steps", ""), &a.tariff, &c->o->fail) != 0
        || ho_transaction(c->o, add, &a) < 0)
        api_fail(c);
    else
        answer_tariff(c);
}
