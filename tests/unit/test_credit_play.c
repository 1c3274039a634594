/* test_credit_play.c - sales, corrections, refunds, tokens and receipts in any order on a real meter:
 * the books hold after each, and nothing is paid twice. */
#include "backend/credit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/text.h"
#include "meter-core/meter.h"
#include "tests/aid/money_aid.h"

static struct maid m;

#define STEPS 60

struct play {
    struct aid_random random;
    uint32_t payments, refunds, causes;
};

static uint64_t pick(struct play *p, uint64_t n)
{
    return n > 0 ? aid_random_next(&p->random) % n : 0;
}

static uint64_t last_sequence(void)
{
    return (uint64_t)maid_sum(&m, "SELECT COALESCE(MAX(sequence), 0) FROM token");
}

/* Pay, the same id again now and then: one effect. */
static void play_pay(struct play *p)
{
    bool again = p->payments > 0 && pick(p, 4) == 0;
    uint32_t n = again ? 1 + (uint32_t)pick(p, p->payments) : ++p->payments;
    int64_t tokens = maid_sum(&m, "SELECT COUNT(*) FROM token");
    uint8_t id[16];
    struct payment payment;

    maid_id(n, 'p', id);
    again = payment_find(m.office.o, id, &payment) == 1;

    int r = maid_pay(&m, n, 1 + (int64_t)(n * 977 % 3000), &payment);
    assert_true(r == 0 || (r == GF_E_NOT_NOW && !again));
    if (again)
        assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), tokens);
}

static void play_correct(struct play *p)
{
    static const char *const kinds[] = { "forgive", "debit", "transfer" };
    uint8_t cause[16];
    struct credit_token t, again;
    const char *kind = kinds[pick(p, 3)];
    struct credit_new what = { .account_no = MAID_ACCOUNT,
                               .kind = kind,
                               .litres = 1 + (int64_t)pick(p, 200),
                               .cause_id = cause,
                               .made_by = "S002",
                               .swap_case = kind[0] == 't' ? cause : NULL,
                               .reason = "played" };

    maid_id(++p->causes, 'c', cause);
    assert_int_equal(maid_issue(&m, &what, &t), 0);
    assert_int_equal(maid_issue(&m, &what, &again), 0);
    assert_int_equal(t.sequence, again.sequence);
    what.litres++;
    assert_int_equal(maid_issue(&m, &what, &again), GF_E_MISMATCH);
}

static void play_give(struct play *p)
{
    uint64_t last = last_sequence(),
             old = pick(p, 3) == 0 ? pick(p, last) : pick(p, last < 3 ? last : 3);

    if (last > 0)
        (void)maid_give(&m, last - old, false);
}

static void play_deliver(struct play *p)
{
    size_t i = (size_t)pick(p, m.n);

    if (m.n > 0 && !m.is_home[i])
        maid_deliver(&m, i);
}

static void play_refund(struct play *p)
{
    uint64_t by, seq = (uint64_t)maid_sum(&m, "SELECT COALESCE(MAX(sequence), 0) FROM token WHERE "
                                              "kind = 'sale'");
    int r = maid_refund(&m, p->refunds + 1, seq, &by);

    assert_true(r == 0 || r == GF_E_NOT_NOW || r == GF_E_FORMAT);
    p->refunds += r == 0;
}

static void step(struct play *p)
{
    switch (pick(p, 12)) {
    case 0:
    case 1:
    case 2:
        play_pay(p);
        break;
    case 3:
        play_correct(p);
        break;
    case 4:
    case 5:
    case 6:
        play_give(p);
        break;
    case 7:
    case 8:
        play_deliver(p);
        break;
    case 9:
        play_refund(p);
        break;
    case 10:
        maid_touch(&m);
        break;
    default:
        oaid_office_restart(&m.office);
        break;
    }
}

/* What the meter can never have got is not paid twice: all that it ever took is sold and not
 * void. And once the newest token is in, everything is. */
static void settle(struct play *p)
{
    const gasm_Totals *t = &m.w->meter->core.totals;
    uint64_t last;

    for (size_t i = 0; i < m.n; i++) /* some never come */
        if (!m.is_home[i] && pick(p, 4) != 0)
            maid_deliver(&m, i);
    maid_check(&m);
    if ((last = last_sequence()) > 0)
        (void)maid_give(&m, last, false);
    maid_touch(&m);
    maid_deliver(&m, m.n - 1);
    maid_check(&m);
    assert_int_equal(maid_balance(&m, "litre", LEDGER_RESIDUAL, "1001"), aid_residual_l(m.w));
    if (maid_sum(&m, "SELECT COUNT(*) FROM refund WHERE state = 'asked'") == 0) {
        assert_int_equal(maid_balance(&m, "litre", LEDGER_IN_TOKENS, "1001"), 0);
        assert_int_equal(t->purchased_l,
                         maid_sum(&m, "SELECT COALESCE(SUM(litres), 0) FROM token WHERE kind = "
                                      "'sale' AND state <> 'voided'"));
    }
    for (uint64_t i = 1; i <= last; i++) /* nothing that was paid back can be had */
        (void)maid_give(&m, i, false);
    assert_true((int64_t)t->purchased_l
                <= maid_sum(&m, "SELECT COALESCE(SUM(litres), 0) FROM token WHERE kind = 'sale' "
                                "AND state <> 'voided'"));
}

static void random_play(void **state)
{
    const char *given = getenv("SEED");
    int64_t first = 1, n = getenv("TEST_ALL") != NULL ? 200 : 6;

    (void)state;
    if (given != NULL && gf_parse_int(given, 0, INT64_MAX, &first) == 0)
        n = 1;
    for (int64_t seed = first; seed < first + n; seed++) {
        struct play p = { .random = { .state = (uint64_t)seed } };

        print_message("# seed %lld (SEED=%lld plays it alone)\n", (long long)seed, (long long)seed);
        maid_new(&m);
        for (int i = 0; i < STEPS; i++) {
            step(&p);
            maid_check(&m);
        }
        settle(&p);
        maid_end(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_play) };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
