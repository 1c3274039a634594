/* tariff.h - tiered prices with validity: money into litres and back, exactly.
 *
 * A tariff is a list of steps: from so many litres on, a litre costs so many thousandths of the
 * minor unit (= so many minor units a cubic metre). F(v) is the cumulative cost of the first v
 * litres of a period; a sale from v0 to v1 costs F(v1) - F(v0), so that prices add up however a
 * sale is cut.
 */
#ifndef GF_TARIFF_H
#define GF_TARIFF_H

#include "backend/office_in.h"

#define TARIFF_STEPS_MAX 16
#define TARIFF_LITRES_MAX (INT64_C(1) << 40)
#define TARIFF_PRICE_MAX INT64_C(1000000000) /* milli-minor a litre */
#define TARIFF_STEPS_TEXT 512

struct tariff {
    char id[32], class_name[32], currency[4];
    enum tariff_period { TARIFF_NONE, TARIFF_MONTH, TARIFF_YEAR } period;
    int64_t valid_from_s;
    size_t n;
    struct tariff_step {
        int64_t from_l, milli_per_l;
    } steps[TARIFF_STEPS_MAX];
};

/* "0=850;500000=1200": the first from 0, each further one higher. 0, or GF_E_FORMAT, GF_E_RANGE
 * with the place ("step 2"). Writes n and steps only. */
int tariff_parse_steps(const char *text, struct tariff *ret, struct gf_fail *why);
/* The other way. */
void tariff_steps_text(const struct tariff *t, char ret[static TARIFF_STEPS_TEXT]);

/* "none", "month", "year"; GF_E_FORMAT for another word. */
const char *tariff_period_word(enum tariff_period period);
int tariff_period_find(const char *word, enum tariff_period *ret);

/* F(to) - F(from) in milli-minor. 0; GF_E_RANGE unless 0 <= from <= to <= TARIFF_LITRES_MAX and the
 * cost fits 64 bits. */
int tariff_cost(const struct tariff *t, int64_t from_l, int64_t to_l, int64_t *ret_milli);

/* The most whole litres from `from_l` on that cost at most money_milli (>= 0): never gives more
 * than was paid, and one litre more would. 0 from TARIFF_LITRES_MAX on. */
int64_t tariff_litres(const struct tariff *t, int64_t from_l, int64_t money_milli);

/* The tariff of a class at a time: the latest that is valid from then or before. 1, 0 none, or a
 * store error. */
int tariff_find(struct office *o, const char *class_name, int64_t at_s, struct tariff *ret);
int tariff_by_id(struct office *o, const char *id, struct tariff *ret);

/* Each tariff whose id sorts behind `after`, by id, until `each` returns not 0. 0 or a failure. */
int tariff_each(struct office *o, const char *after, int (*each)(void *ctx, const struct tariff *t),
                void *ctx);

/* Register a tariff, for good: in the caller's transaction. GF_E_FORMAT, GF_E_RANGE with the place;
 * GF_E_NOT_NOW when there is one of this id, or of this class and time. */
int tariff_add(struct office *o, const struct tariff *t, const char *made_by);

/* SHA-256 over everything that makes a price: what the register keeps beside it. 0 or a failure. */
int tariff_hash(struct office *o, const struct tariff *t, uint8_t ret[static 32]);

/* Begin of the period of a time, UTC: of its month or year; 0 for TARIFF_NONE. */
int64_t tariff_period_start(enum tariff_period period, int64_t at_s);

#endif
