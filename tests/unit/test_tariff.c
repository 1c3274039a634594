/* test_tariff.c - prices add up however a sale is cut, and money never buys more than it pays for;
 * SEED=... replays a run, TEST_ALL=1 makes it a hundred times longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backend/tariff.h"
#include "tests/aid/office_aid.h"

static uint64_t seed, state;

/* Numbers from a seed (the mixing of splitmix64). */
static uint64_t draw(void)
{
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 0 .. max, small and large numbers alike. */
static int64_t upto(int64_t max)
{
    uint64_t bits = draw() % 64;

    return (int64_t)((draw() >> bits) % ((uint64_t)max + 1));
}

static void make_tariff(struct tariff *t, int64_t litres_max, int64_t price_max)
{
    int64_t from_l = 0;

    *t = (struct tariff){ .id = "T", .class_name = "standard", .currency = "EUR" };
    t->n = 1 + (size_t)upto(TARIFF_STEPS_MAX - 1);
    for (size_t i = 0; i < t->n; i++) {
        t->steps[i] = (struct tariff_step){ from_l, 1 + upto(price_max - 1) };
        from_l += 1 + upto(litres_max / TARIFF_STEPS_MAX);
    }
}

static long cases(void)
{
    return getenv("TEST_ALL") != NULL ? 10000000 : 100000;
}

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what))                                                                               \
            fail_msg("SEED=%llu case %ld: %s", (unsigned long long)seed, i, #what);                \
    } while (0)

/* ---- against a reference that knows nothing of pieces ---- */

static int64_t price_of_litre(const struct tariff *t, int64_t litre)
{
    int64_t price = 0;

    for (size_t i = 0; i < t->n; i++)
        if (t->steps[i].from_l <= litre)
            price = t->steps[i].milli_per_l;
    return price;
}

static int64_t slow_cost(const struct tariff *t, int64_t from_l, int64_t to_l)
{
    int64_t sum = 0;

    for (int64_t l = from_l; l < to_l; l++)
        sum += price_of_litre(t, l);
    return sum;
}

static int64_t slow_litres(const struct tariff *t, int64_t from_l, int64_t money)
{
    int64_t at = from_l;

    while (money >= price_of_litre(t, at))
        money -= price_of_litre(t, at++);
    return at - from_l;
}

static void litre_by_litre_gives_the_same(void **ctx)
{
    struct tariff t;
    int64_t cost;

    (void)ctx;
    for (long i = 0; i < cases() / 20; i++) {
        make_tariff(&t, 200, 50);
        int64_t from_l = upto(220), to_l = from_l + upto(60), money = upto(2000);

        CHECK(tariff_cost(&t, from_l, to_l, &cost) == 0);
        CHECK(cost == slow_cost(&t, from_l, to_l));
        CHECK(tariff_litres(&t, from_l, money) == slow_litres(&t, from_l, money));
    }
}

/* ---- properties at any size ---- */

/* Sorts two numbers. */
static void order(int64_t *a, int64_t *b)
{
    int64_t low = *a < *b ? *a : *b, high = *a < *b ? *b : *a;

    *a = low;
    *b = high;
}

static void costs_add_up_and_grow(void **ctx)
{
    struct tariff t;
    long fitted = 0;

    (void)ctx;
    for (long i = 0; i < cases(); i++) {
        make_tariff(&t, TARIFF_LITRES_MAX - 64, TARIFF_PRICE_MAX);
        int64_t a = upto(TARIFF_LITRES_MAX), b = upto(TARIFF_LITRES_MAX),
                c = upto(TARIFF_LITRES_MAX), ab = 0, bc = 0, ac = 0;

        order(&a, &b);
        order(&b, &c);
        order(&a, &b);
        if (tariff_cost(&t, a, c, &ac) != 0) /* beyond 64 bits */
            continue;
        fitted++;
        CHECK(tariff_cost(&t, a, b, &ab) == 0);
        CHECK(tariff_cost(&t, b, c, &bc) == 0);
        CHECK(ab + bc == ac);
        CHECK(ab >= b - a && bc >= c - b); /* a litre costs something */
    }
    assert_true(fitted > cases() / 4);
}

static void money_buys_what_it_pays_for(void **ctx)
{
    struct tariff t;

    (void)ctx;
    for (long i = 0; i < cases(); i++) {
        make_tariff(&t, TARIFF_LITRES_MAX - 64, TARIFF_PRICE_MAX);
        int64_t from_l = upto(TARIFF_LITRES_MAX), money = upto(INT64_MAX - 1),
                got = tariff_litres(&t, from_l, money), cost = -1, more = -1;

        CHECK(got >= 0 && from_l + got <= TARIFF_LITRES_MAX);
        CHECK(tariff_cost(&t, from_l, from_l + got, &cost) == 0);
        CHECK(cost <= money);
        if (from_l + got < TARIFF_LITRES_MAX
            && tariff_cost(&t, from_l, from_l + got + 1, &more) == 0)
            CHECK(more > money);
        CHECK(tariff_litres(&t, from_l, cost) == got); /* what was paid buys as much again */
    }
}

static void the_extremes_do_not_overflow(void **ctx)
{
    struct tariff t = { .n = 1, .steps = { { 0, TARIFF_PRICE_MAX } } };
    int64_t cost = 7;

    (void)ctx;
    assert_int_equal(tariff_cost(&t, 0, TARIFF_LITRES_MAX, &cost), GF_E_RANGE);
    assert_int_equal(cost, 7);
    assert_int_equal(tariff_cost(&t, TARIFF_LITRES_MAX, TARIFF_LITRES_MAX, &cost), 0);
    assert_int_equal(cost, 0);
    assert_int_equal(tariff_cost(&t, 0, INT64_MAX / TARIFF_PRICE_MAX, &cost), 0);
    assert_int_equal(cost, INT64_MAX / TARIFF_PRICE_MAX * TARIFF_PRICE_MAX);
    assert_int_equal(tariff_cost(&t, 0, INT64_MAX / TARIFF_PRICE_MAX + 1, &cost), GF_E_RANGE);
    assert_int_equal(tariff_cost(&t, -1, 1, &cost), GF_E_RANGE);
    assert_int_equal(tariff_cost(&t, 2, 1, &cost), GF_E_RANGE);
    assert_int_equal(tariff_cost(&t, 0, TARIFF_LITRES_MAX + 1, &cost), GF_E_RANGE);
    assert_int_equal(tariff_litres(&t, 0, INT64_MAX), INT64_MAX / TARIFF_PRICE_MAX);
    assert_int_equal(tariff_litres(&t, -1, 100), 0);
    assert_int_equal(tariff_litres(&t, TARIFF_LITRES_MAX, INT64_MAX), 0);
    assert_int_equal(tariff_litres(&t, TARIFF_LITRES_MAX + 1, INT64_MAX), 0);
    t.steps[0].milli_per_l = 1;
    assert_int_equal(tariff_cost(&t, 0, TARIFF_LITRES_MAX, &cost), 0);
    assert_int_equal(cost, TARIFF_LITRES_MAX);
    assert_int_equal(tariff_litres(&t, 0, INT64_MAX), TARIFF_LITRES_MAX);
    assert_int_equal(tariff_litres(&t, 0, 0), 0);
    assert_int_equal(tariff_litres(&t, 0, -5), 0);
}

static void an_example(void **ctx)
{
    struct tariff t;
    int64_t cost;

    (void)ctx;
    assert_int_equal(tariff_parse_steps("0=850;500=1200", &t, NULL), 0);
    assert_int_equal(tariff_cost(&t, 400, 600, &cost), 0);
    assert_int_equal(cost, 100 * 850 + 100 * 1200);
    assert_int_equal(tariff_litres(&t, 400, 100 * 850 + 1199), 100);
    assert_int_equal(tariff_litres(&t, 400, 100 * 850 + 1200), 101);
    assert_int_equal(tariff_litres(&t, 400, 100 * 850 - 1), 99);
}

/* ---- steps as text ---- */

static void steps_are_read_and_written(void **ctx)
{
    struct tariff t, again;
    char text[TARIFF_STEPS_TEXT];

    (void)ctx;
    for (long i = 0; i < 2000; i++) {
        make_tariff(&t, TARIFF_LITRES_MAX - 64, TARIFF_PRICE_MAX);
        tariff_steps_text(&t, text);
        CHECK(tariff_parse_steps(text, &again, NULL) == 0);
        CHECK(again.n == t.n && memcmp(again.steps, t.steps, t.n * sizeof t.steps[0]) == 0);
    }
}

static void wrong_steps_are_refused_with_their_place(void **ctx)
{
    static const struct {
        const char *text, *where;
        int code;
    } rows[] = {
        { "", "step 1", GF_E_FORMAT },
        { "0", "step 1", GF_E_FORMAT },
        { "0=", "step 1", GF_E_FORMAT },
        { "=1", "step 1", GF_E_FORMAT },
        { "0=1;", "step 2", GF_E_FORMAT },
        { "0=1;;5=2", "step 2", GF_E_FORMAT },
        { "0=1=2", "step 1", GF_E_FORMAT },
        { "0=1;5", "step 2", GF_E_FORMAT },
        { "0=1;5;6=1", "step 2", GF_E_FORMAT },
        { "0 =1", "step 1", GF_E_FORMAT },
        { "0=1x", "step 1", GF_E_FORMAT },
        { "0=1;000000000000000000000000000000005=2", "step 2", GF_E_FORMAT },
        { "1=1", "step 1", GF_E_RANGE },
        { "0=0", "step 1", GF_E_RANGE },
        { "0=-1", "step 1", GF_E_RANGE },
        { "0=1000000001", "step 1", GF_E_RANGE },
        { "0=1;0=2", "step 2", GF_E_RANGE },
        { "0=1;5=2;5=3", "step 3", GF_E_RANGE },
        { "0=1;5=2;4=3", "step 3", GF_E_RANGE },
        { "0=1;1099511627776=2", "step 2", GF_E_RANGE },
        { "0=1;1=1;2=1;3=1;4=1;5=1;6=1;7=1;8=1;9=1;10=1;11=1;12=1;13=1;14=1;15=1;16=1", "step 17",
          GF_E_RANGE },
    };

    (void)ctx;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gf_fail why = { 0 };
        struct tariff t = { .n = 77 };

        if (tariff_parse_steps(rows[i].text, &t, &why) != rows[i].code
            || strcmp(why.where, rows[i].where) != 0 || t.n != 77)
            fail_msg("\"%s\": %d at %s", rows[i].text, why.code, why.where);
    }
}

/* ---- periods ---- */

static void periods_start_with_their_month_or_year(void **ctx)
{
    static const struct {
        int64_t at_s, month_s, year_s;
    } rows[] = {
        { 0, 0, 0 },
        { 1795339800, 1793491200, 1767225600 }, /* 2026-11-22T09:30:00Z */
        { 1793491200, 1793491200, 1767225600 }, /* the first second of November */
        { 1793491199, 1790812800, 1767225600 }, /* the last of October */
        { 1767225600, 1767225600, 1767225600 }, /* the first of the year */
        { 1767225599, 1764547200, 1735689600 }, /* the last of 2025 */
        { 1709251199, 1706745600, 1704067200 }, /* 2024-02-29T23:59:59Z */
    };

    (void)ctx;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(tariff_period_start(TARIFF_MONTH, rows[i].at_s), rows[i].month_s);
        assert_int_equal(tariff_period_start(TARIFF_YEAR, rows[i].at_s), rows[i].year_s);
        assert_int_equal(tariff_period_start(TARIFF_NONE, rows[i].at_s), 0);
    }
    assert_int_equal(tariff_period_start(TARIFF_MONTH, -1), 0);
}

/* ---- the register ---- */

static struct oaid_office office;

static int start(void **ctx)
{
    (void)ctx;
    oaid_office_new(&office);
    return 0;
}

static int stop(void **ctx)
{
    (void)ctx;
    oaid_office_end(&office);
    return 0;
}

static int add_body(struct office *o, void *ctx)
{
    return tariff_add(o, ctx, "S001");
}

static int add(const char *id, const char *class_name, int64_t from_s, const char *steps)
{
    struct tariff t = { .currency = "EUR", .period = TARIFF_MONTH, .valid_from_s = from_s };

    (void)snprintf(t.id, sizeof t.id, "%s", id);
    (void)snprintf(t.class_name, sizeof t.class_name, "%s", class_name);
    assert_int_equal(tariff_parse_steps(steps, &t, NULL), 0);
    office.o->fail = (struct gf_fail){ 0 };
    return ho_transaction(office.o, add_body, &t);
}

static void the_latest_that_is_valid_is_found(void **ctx)
{
    struct tariff t;

    (void)ctx;
    assert_int_equal(tariff_find(office.o, "standard", 5000, &t), 0);
    assert_int_equal(add("T-1", "standard", 1000, "0=850;500000=1200"), 0);
    assert_int_equal(add("T-2", "standard", 2000, "0=900"), 0);
    assert_int_equal(add("S-1", "social", 1000, "0=400"), 0);
    assert_int_equal(tariff_find(office.o, "standard", 999, &t), 0);
    assert_int_equal(tariff_find(office.o, "standard", 1000, &t), 1);
    assert_string_equal(t.id, "T-1");
    assert_string_equal(t.currency, "EUR");
    assert_int_equal(t.period, TARIFF_MONTH);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.steps[1].from_l, 500000);
    assert_int_equal(t.steps[1].milli_per_l, 1200);
    assert_int_equal(tariff_find(office.o, "standard", 1999, &t), 1);
    assert_string_equal(t.id, "T-1");
    assert_int_equal(tariff_find(office.o, "standard", 2000, &t), 1);
    assert_string_equal(t.id, "T-2");
    assert_int_equal(tariff_find(office.o, "none", 2000, &t), 0);
    assert_int_equal(tariff_by_id(office.o, "S-1", &t), 1);
    assert_string_equal(t.class_name, "social");
    assert_int_equal(tariff_by_id(office.o, "S-2", &t), 0);
}

static void a_tariff_is_for_good(void **ctx)
{
    (void)ctx;
    assert_int_equal(add("T-1", "standard", 1000, "0=850"), 0);
    assert_int_equal(add("T-1", "standard", 2000, "0=900"), GF_E_NOT_NOW);
    assert_int_equal(add("T-2", "standard", 1000, "0=900"), GF_E_NOT_NOW);
    assert_int_equal(add("T-2", "standard", 1001, "0=900"), 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM tariff"), 2);
    assert_int_equal(
        oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log WHERE what = 'tariff'"), 2);
}

static void a_tariff_that_is_none_is_refused(void **ctx)
{
    const struct tariff good = { .id = "T-1",
                                 .class_name = "standard",
                                 .currency = "EUR",
                                 .n = 2,
                                 .steps = { { 0, 1 }, { 5, 2 } } };
    struct {
        struct tariff t;
        const char *where;
        int code;
    } rows[13];

    (void)ctx;
    for (size_t i = 0; i < 13; i++)
        rows[i].t = good;
    rows[0].t.id[0] = '\0', rows[0].where = "tariff_id", rows[0].code = GF_E_FORMAT;
    rows[1].t.id[1] = ' ', rows[1].where = "tariff_id", rows[1].code = GF_E_FORMAT;
    rows[2].t.class_name[0] = '\0', rows[2].where = "class", rows[2].code = GF_E_FORMAT;
    rows[3].t.currency[2] = '\0', rows[3].where = "currency", rows[3].code = GF_E_FORMAT;
    rows[4].t.currency[0] = 'e', rows[4].where = "currency", rows[4].code = GF_E_FORMAT;
    rows[5].t.valid_from_s = -1, rows[5].where = "valid_from", rows[5].code = GF_E_RANGE;
    rows[6].t.n = 0, rows[6].where = "steps", rows[6].code = GF_E_RANGE;
    rows[7].t.n = TARIFF_STEPS_MAX + 1, rows[7].where = "steps", rows[7].code = GF_E_RANGE;
    rows[9].t.currency[3] = 'O', rows[9].where = "currency", rows[9].code = GF_E_FORMAT;
    rows[10].t.steps[0].from_l = -1, rows[10].where = "step 1", rows[10].code = GF_E_RANGE;
    rows[11].t.steps[1].from_l = TARIFF_LITRES_MAX, rows[11].where = "step 2",
    rows[11].code = GF_E_RANGE;
    rows[12].t.steps[1].milli_per_l = TARIFF_PRICE_MAX + 1, rows[12].where = "step 2",
    rows[12].code = GF_E_RANGE;
    rows[8].t.steps[1].from_l = 0, rows[8].where = "step 2", rows[8].code = GF_E_RANGE;
    for (size_t i = 0; i < 13; i++) {
        office.o->fail = (struct gf_fail){ 0 };
        assert_int_equal(ho_transaction(office.o, add_body, &rows[i].t), rows[i].code);
        assert_string_equal(office.o->fail.where, rows[i].where);
    }
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM tariff"), 0);
}

static int count_three(void *ctx, const struct tariff *t)
{
    int *n = ctx;

    assert_true(t->n > 0);
    return ++*n == 3;
}

static void tariffs_are_listed_by_id(void **ctx)
{
    int n = 0;

    (void)ctx;
    for (int i = 0; i < 5; i++) {
        char id[8];

        (void)snprintf(id, sizeof id, "T-%d", i);
        assert_int_equal(add(id, "standard", i, "0=1"), 0);
    }
    assert_int_equal(tariff_each(office.o, "T-2", count_three, &n), 0);
    assert_int_equal(n, 2);
    n = 0;
    assert_int_equal(tariff_each(office.o, "", count_three, &n), 0);
    assert_int_equal(n, 3); /* it was told to stop */
}

static void a_damaged_row_is_not_a_price(void **ctx)
{
    struct tariff t;

    (void)ctx;
    assert_int_equal(add("T-1", "standard", 1000, "0=850"), 0);
    oaid_sql(&office, "UPDATE tariff SET steps = '5=850'");
    assert_int_equal(tariff_by_id(office.o, "T-1", &t), GF_E_STORE_DAMAGED);
    office.o->fail = (struct gf_fail){ 0 };
    if (office.db_url[0] == '\0') { /* PostgreSQL does not store what is none */
        oaid_sql(&office, "PRAGMA ignore_check_constraints = 1; UPDATE tariff SET steps = "
                          "'0=850', period = 'week'");
        assert_int_equal(tariff_by_id(office.o, "T-1", &t), GF_E_STORE_DAMAGED);
    }
    oaid_forbid(&office, "INSERT", "tariff");
    assert_true(add("T-2", "standard", 1001, "0=850") < 0);
    oaid_allow(&office, "tariff");
    oaid_sql(&office, "DROP TABLE tariff");
    assert_true(tariff_by_id(office.o, "T-1", &t) < 0);
    assert_true(tariff_find(office.o, "standard", 1, &t) < 0);
    assert_true(add("T-2", "standard", 1000, "0=850") < 0);
}

static int no_hash(void *ctx, const struct gf_span *parts, size_t n, uint8_t ret[static 32])
{
    (void)ctx, (void)parts, (void)n, (void)ret;
    return GF_E_CRYPTO;
}

static void without_a_hash_it_is_not_registered(void **ctx)
{
    const struct mc_crypto *good = office.o->ports.crypto;
    struct mc_crypto broken = *good;

    (void)ctx;
    broken.sha256 = no_hash;
    office.o->ports.crypto = &broken;
    assert_int_equal(add("T-1", "standard", 1000, "0=850"), GF_E_CRYPTO);
    office.o->ports.crypto = good;
    assert_int_equal(add("T-1", "standard", 1000, "0=850"), 0);
}

int main(void)
{
    const char *given = getenv("SEED");
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(litre_by_litre_gives_the_same),
        cmocka_unit_test(costs_add_up_and_grow),
        cmocka_unit_test(money_buys_what_it_pays_for),
        cmocka_unit_test(the_extremes_do_not_overflow),
        cmocka_unit_test(an_example),
        cmocka_unit_test(steps_are_read_and_written),
        cmocka_unit_test(wrong_steps_are_refused_with_their_place),
        cmocka_unit_test(periods_start_with_their_month_or_year),
        T(the_latest_that_is_valid_is_found),
        T(a_tariff_is_for_good),
        T(a_tariff_that_is_none_is_refused),
        T(tariffs_are_listed_by_id),
        T(a_damaged_row_is_not_a_price),
        T(without_a_hash_it_is_not_registered),
    };

    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    state = seed;
    printf("# SEED=%llu\n", (unsigned long long)seed);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
