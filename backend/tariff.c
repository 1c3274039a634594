/* tariff.c - cumulative cost of litres, its inverse, and the register of tariffs; see tariff.h.
 *
 * Numbers: at most 2^40 litres at at most 10^9 thousandths each is below 2^70, so sums are made in
 * 128 bits; a cost beyond 64 bits is GF_E_RANGE.
 */
#include "backend/tariff.h"

#include <stdio.h>
#include <string.h>

#include "backend/buf.h"
#include "common/text.h"

#define DAY_S 86400

__extension__ typedef __int128 wide; /* not in C11; both compilers have it */

/* ---- steps ---- */

static int wrong_step(struct gf_fail *why, int code, size_t i, const char *what)
{
    char where[24];

    (void)snprintf(where, sizeof where, "step %zu", i + 1);
    return gf_fail(why, code, where, what);
}

/* A whole number that ends at `end`; *at moves behind that. */
static int read_number(const char **at, char end, int64_t max, int64_t *ret)
{
    char text[24];
    size_t n = strcspn(*at, "=;");

    if (n >= sizeof text || n == 0 || (*at)[n] != end)
        return GF_E_FORMAT;
    memcpy(text, *at, n);
    text[n] = '\0';
    *at += n + (end != '\0' ? 1 : 0);
    return gf_parse_int(text, 0, max, ret);
}

static int check_step(const struct tariff_step *steps, size_t i, struct gf_fail *why)
{
    if (i == 0 && steps[0].from_l != 0)
        return wrong_step(why, GF_E_RANGE, i, "the first step starts at 0 litres");
    if (i > 0 && steps[i].from_l <= steps[i - 1].from_l)
        return wrong_step(why, GF_E_RANGE, i, "a step starts above the one before it");
    if (steps[i].from_l < 0 || steps[i].from_l >= TARIFF_LITRES_MAX)
        return wrong_step(why, GF_E_RANGE, i, "litres are 0 to 2^40 - 1");
    if (steps[i].milli_per_l < 1 || steps[i].milli_per_l > TARIFF_PRICE_MAX)
        return wrong_step(why, GF_E_RANGE, i, "a litre costs 1 to 10^9 thousandths");
    return 0;
}

int tariff_parse_steps(const char *text, struct tariff *ret, struct gf_fail *why)
{
    struct tariff_step steps[TARIFF_STEPS_MAX];
    size_t n = 0;

    for (const char *at = text;; n++) {
        bool is_last = strchr(at, ';') == NULL;
        int r;

        if (n == TARIFF_STEPS_MAX)
            return wrong_step(why, GF_E_RANGE, n, "a tariff has at most 16 steps");
        r = read_number(&at, '=', TARIFF_LITRES_MAX - 1, &steps[n].from_l);
        if (r == 0)
            r = read_number(&at, is_last ? '\0' : ';', TARIFF_PRICE_MAX, &steps[n].milli_per_l);
        if (r != 0)
            return wrong_step(why, r, n, "a step is LITRES=PRICE, steps are parted by ;");
        if ((r = check_step(steps, n, why)) != 0)
            return r;
        if (is_last)
            break;
    }
    ret->n = n + 1;
    memcpy(ret->steps, steps, sizeof steps[0] * ret->n);
    return 0;
}

void tariff_steps_text(const struct tariff *t, char ret[static TARIFF_STEPS_TEXT])
{
    size_t n = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < t->n; i++) {
        n += (size_t)snprintf(ret + n, TARIFF_STEPS_TEXT - n, "%s%lld=%lld", i > 0 ? ";" : "",
                              (long long)t->steps[i].from_l, (long long)t->steps[i].milli_per_l);
    }
}

/* ---- cost ---- */

/* Where step i ends. */
static int64_t end_of(const struct tariff *t, size_t i)
{
    return i + 1 < t->n ? t->steps[i + 1].from_l : TARIFF_LITRES_MAX;
}

/* F(v) */
static wide cumulative(const struct tariff *t, int64_t v)
{
    wide sum = 0;

    for (size_t i = 0; i < t->n && t->steps[i].from_l < v; i++) {
        int64_t end = end_of(t, i);

        sum += (wide)((v < end ? v : end) - t->steps[i].from_l) * t->steps[i].milli_per_l;
    }
    return sum;
}

int tariff_cost(const struct tariff *t, int64_t from_l, int64_t to_l, int64_t *ret_milli)
{
    wide cost;

    if (from_l < 0 || to_l < from_l || to_l > TARIFF_LITRES_MAX)
        return GF_E_RANGE;
    cost = cumulative(t, to_l) - cumulative(t, from_l);
    if (cost > INT64_MAX)
        return GF_E_RANGE;
    *ret_milli = (int64_t)cost;
    return 0;
}

int64_t tariff_litres(const struct tariff *t, int64_t from_l, int64_t money_milli)
{
    int64_t at = from_l;

    if (from_l < 0)
        return 0;
    for (size_t i = 0; i < t->n && money_milli > 0; i++) {
        int64_t room = end_of(t, i) - at, bought = money_milli / t->steps[i].milli_per_l;

        if (room <= 0)
            continue;
        if (bought < room) {
            at += bought;
            break;
        }
        at += room;
        money_milli -= room * t->steps[i].milli_per_l;
    }
    return at - from_l;
}

/* ---- periods ---- */

/* Begin of the month or year of a day as gf_utc_text() writes it. */
int64_t tariff_period_start(enum tariff_period period, int64_t at_s)
{
    char text[21];
    int64_t start_s = 0;

    if (period == TARIFF_NONE || at_s < 0)
        return 0;
    gf_utc_text(at_s, text);
    memcpy(text + (period == TARIFF_MONTH ? 8 : 5),
           period == TARIFF_MONTH ? "01T00:00:00Z" : "01-01T00:00:00Z",
           period == TARIFF_MONTH ? 12 : 15);
    (void)gf_utc_parse(text, &start_s);
    return start_s;
}

/* ---- the register ---- */

static const char *const period_words[] = { "none", "month", "year" };

const char *tariff_period_word(enum tariff_period period)
{
    return period_words[period];
}

int tariff_period_find(const char *word, enum tariff_period *ret)
{
    for (unsigned i = 0; i < sizeof period_words / sizeof period_words[0]; i++)
        if (strcmp(word, period_words[i]) == 0) {
            *ret = (enum tariff_period)i;
            return 0;
        }
    return GF_E_FORMAT;
}

/* One row of a query over `columns`. 1, 0 or a failure. */
static int next_row(struct office *o, struct odb_query *q, struct tariff *ret)
{
    char period[8], steps[TARIFF_STEPS_TEXT];
    int r = odb_next(o->db, q);

    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    *ret = (struct tariff){ .valid_from_s = odb_int(q, 5) };
    odb_text(q, 0, ret->id, sizeof ret->id);
    odb_text(q, 1, ret->class_name, sizeof ret->class_name);
    odb_text(q, 2, ret->currency, sizeof ret->currency);
    odb_text(q, 3, period, sizeof period);
    odb_text(q, 4, steps, sizeof steps);
    if (tariff_period_find(period, &ret->period) != 0
        || tariff_parse_steps(steps, ret, NULL) != 0)
        return ho_fail(o, GF_E_STORE_DAMAGED, "tariff", ret->id);
    return 1;
}

static int first_row(struct office *o, struct odb_query *q, struct tariff *ret)
{
    int r = next_row(o, q, ret);

    odb_end(q);
    return r;
}

int tariff_find(struct office *o, const char *class_name, int64_t at_s, struct tariff *ret)
{
    return first_row(o,
                     odb_query(o->db,
                               "SELECT tariff_id, class, currency, period, steps, valid_from_s "
                               "FROM tariff WHERE org_id = ?1 AND class = ?2 AND valid_from_s <= "
                               "?3 ORDER BY valid_from_s DESC LIMIT 1",
                               ODB(ODB_T(class_name), ODB_I(at_s))),
                     ret);
}

int tariff_by_id(struct office *o, const char *id, struct tariff *ret)
{
    return first_row(o,
                     odb_query(o->db,
                               "SELECT tariff_id, class, currency, period, steps, valid_from_s "
                               "FROM tariff WHERE org_id = ?1 AND tariff_id = ?2",
                               ODB(ODB_T(id))),
                     ret);
}

int tariff_each(struct office *o, const char *after, int (*each)(void *ctx, const struct tariff *t),
                void *ctx)
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT tariff_id, class, currency, period, steps, "
                                    "valid_from_s FROM tariff WHERE org_id = ?1 AND tariff_id > ?2 "
                                    "ORDER BY tariff_id",
                                    ODB(ODB_T(after)));
    struct tariff t;
    int r;

    while ((r = next_row(o, q, &t)) == 1)
        if (each(ctx, &t) != 0) {
            r = 0;
            break;
        }
    odb_end(q);
    return r;
}

/* Letters, digits, . _ -: 1 to 31 of them. */
static bool is_name(const char *text)
{
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return n > 0 && text[n] == '\0';
}

static int check_tariff(struct office *o, const struct tariff *t)
{
    if (!is_name(t->id))
        return ho_fail(o, GF_E_FORMAT, "tariff_id", "letters, digits, . _ -, at most 31");
    if (!is_name(t->class_name))
        return ho_fail(o, GF_E_FORMAT, "class", "letters, digits, . _ -, at most 31");
    if (t->currency[3] != '\0' || strspn(t->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return ho_fail(o, GF_E_FORMAT, "currency", "three capital letters, as EUR");
    if (t->valid_from_s < 0)
        return ho_fail(o, GF_E_RANGE, "valid_from", "not before 1970");
    if (t->n == 0 || t->n > TARIFF_STEPS_MAX)
        return ho_fail(o, GF_E_RANGE, "steps", "a tariff has 1 to 16 steps");
    for (size_t i = 0; i < t->n; i++) {
        int r = check_step(t->steps, i, &o->fail);

        if (r != 0)
            return r;
    }
    return 0;
}

int tariff_hash(struct office *o, const struct tariff *t, uint8_t ret[static 32])
{
    const struct mc_crypto *c = o->ports.crypto;
    char steps[TARIFF_STEPS_TEXT];
    struct buf b = { 0 };
    int r = GF_E_MEMORY;

    tariff_steps_text(t, steps);
    buf_print(&b, "gasm tariff\n%s\n%s\n%s\n%s\n%s\n%lld\n", t->id, t->class_name, t->currency,
              tariff_period_word(t->period), steps, (long long)t->valid_from_s);
    if (!b.bad)
        r = c->sha256(c->ctx, &(struct gf_span){ b.p, b.n }, 1, ret);
    buf_free(&b);
    return r == 0 ? 0 : ho_fail(o, r, "tariff", t->id);
}

int tariff_add(struct office *o, const struct tariff *t, const char *made_by)
{
    char steps[TARIFF_STEPS_TEXT];
    uint8_t hash[32];
    int64_t n = 0;
    int r = check_tariff(o, t);

    if (r != 0)
        return r;
    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM tariff WHERE org_id = ?1 AND (tariff_id = ?2 OR (class = "
                   "?3 AND valid_from_s = ?4))",
                   ODB(ODB_T(t->id), ODB_T(t->class_name), ODB_I(t->valid_from_s)))
        < 0)
        return ho_db_fail(o);
    if (n > 0)
        return ho_fail(o, GF_E_NOT_NOW, "tariff_id",
                       "there is a tariff of this id, or of this class from this time on; tariffs "
                       "never change: register a new one");
    tariff_steps_text(t, steps);
    if ((r = tariff_hash(o, t, hash)) != 0)
        return r;
    if (odb_exec(o->db,
                 "INSERT INTO tariff (org_id, tariff_id, class, currency, period, steps, "
                 "valid_from_s, made_at_ms, made_by, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
                 "?9, ?10)",
                 ODB(ODB_T(t->id), ODB_T(t->class_name), ODB_T(t->currency),
                     ODB_T(tariff_period_word(t->period)), ODB_T(steps), ODB_I(t->valid_from_s),
                     ODB_I(ho_now_ms(o)), ODB_T(made_by), ODB_B(hash, 32)))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, made_by, "tariff", "%s %s %s %s", t->id, t->class_name, t->currency, steps);
}
