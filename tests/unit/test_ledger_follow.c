/* test_ledger_follow.c - whatever receipts of a meter come, in whatever order, the ledger says what
 * the meter's registers say. SEED=... replays a run; TEST_ALL=1 plays more lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/keys.h"
#include "tests/aid/books_life.h"

/* Something happens in service. */
static void live(struct life *l)
{
    uint64_t litres = life_draw(50), purged_l = life_draw(4);

    switch (life_draw(7)) {
    case 0:
        l->now.purchased_l += litres;
        break;
    case 1:
        l->now.imported_l += litres;
        l->token_imported_l += litres;
        break;
    case 2:
        l->now.imported_l += litres; /* by certificate */
        break;
    case 3:
        l->now.forgiven_l += litres;
        break;
    case 4:
        l->now.debited_l += litres;
        l->token_debited_l += life_draw(2) == 0 ? litres : 0; /* else a certified debt */
        break;
    case 5:
        if (mc_residual_l(&l->now) > 0)
            l->now.cleared_l += (uint64_t)mc_residual_l(&l->now);
        break;
    default:
        l->now.purged_l += purged_l;
        l->now.index_l += purged_l;
        break;
    }
    l->now.index_l += life_draw(20);
    (void)life_record(l, gasm_Command_RECHARGE);
}

static void expect(bool ok, const char *what, uint64_t account_no)
{
    if (!ok)
        fail_msg("SEED=%llu account %llu: %s", (unsigned long long)life_seed(),
                 (unsigned long long)account_no, what);
}

/* What the last totals of an account say, against the ledger. Its certified litres. */
static int64_t check_account(const gasm_Totals *t, uint64_t account_no, bool closed,
                             uint64_t imported_by_token_l, uint64_t debited_by_token_l)
{
    int64_t residual_l = mc_residual_l(t), debt_l = closed && residual_l < 0 ? -residual_l : 0;
    int64_t certified_l = (int64_t)(t->imported_l - imported_by_token_l)
                          - (int64_t)(t->debited_l - debited_by_token_l);
    int64_t taken_l = (int64_t)(t->purchased_l + t->forgiven_l + imported_by_token_l)
                      - (int64_t)debited_by_token_l;

    expect(life_balance(LEDGER_RESIDUAL, account_no) == residual_l + debt_l, "residual", account_no);
    expect(life_balance(LEDGER_CONSUMED, account_no)
               == (int64_t)(t->index_l - t->after_closing_l - t->opening_index_l - t->purged_l
                            + t->opening_purged_l),
           "consumed", account_no);
    expect(life_balance(LEDGER_CLEARED, account_no) == (int64_t)t->cleared_l, "cleared", account_no);
    expect(life_balance(LEDGER_IN_TOKENS, account_no) == -taken_l, "in tokens", account_no);
    return (int64_t)t->exported_l - debt_l - certified_l;
}

/* A life of one account, closed in the end or not. */
static void random_life(struct life *l)
{
    life_begin(l);
    life_open(l);
    for (uint64_t i = 0, n = life_draw(20); i < n; i++)
        live(l);
    if (life_draw(2) == 0) {
        life_close(l);
        for (uint64_t i = 0, n = life_draw(3); i < n; i++) {
            l->now.index_l += 2;
            l->now.after_closing_l += 2;
            (void)life_record(l, gasm_Command_SET_CLOCK);
        }
        if (life_draw(2) == 0) {
            l->state = gasm_LifeState_FACTORY;
            (void)life_record(l, gasm_Command_RESET_TO_FACTORY);
        }
    }
}

static void forget(void)
{
    oaid_sql(&life_office, "DELETE FROM posting; DELETE FROM journal; DELETE FROM ledger_account; "
                      "DELETE FROM posted_totals");
}

static void any_order_and_any_gaps_give_the_registers(void **state)
{
    static struct life l;
    long lives = getenv("TEST_ALL") != NULL ? 20000 : 300;

    (void)state;
    for (long k = 0; k < lives; k++) {
        bool is_home[LIFE_RECEIPTS] = { false };
        size_t last = 0;

        random_life(&l);
        forget();
        for (size_t i = 0; i < 2 * l.n; i++) { /* some twice, some never */
            size_t one = life_draw(l.n);

            life_bring(&l, one);
            is_home[one] = true;
        }
        for (size_t i = 0; i < l.n; i++)
            last = is_home[i] ? i : last;

        bool closed = l.receipts[last].state != gasm_LifeState_IN_SERVICE;
        int64_t out_l = check_account(&l.receipts[last].after, LIFE_ACCOUNT, closed,
                                      l.imported_by_token_l[last], l.debited_by_token_l[last]);

        expect(life_transit() == out_l, "transit", LIFE_ACCOUNT);
        life_check_sum();
    }
}

static void a_new_account_starts_anew_and_the_old_one_ends(void **state)
{
    static struct life l;
    size_t end;

    (void)state;
    for (int k = 0; k < 60; k++) {
        life_begin(&l);
        life_open(&l);
        live(&l);
        live(&l);
        end = l.n;
        life_open(&l); /* over the first, that was never closed */
        live(&l);
        forget();
        life_bring(&l, 0);
        life_bring(&l, life_draw(2) == 0 ? 1 : 2);
        life_bring(&l, l.n - (life_draw(2) == 0 ? 1 : 2));
        life_bring(&l, end);
        life_bring(&l, l.n - 1);

        bool has_end = life_balance(LEDGER_CONSUMED, LIFE_ACCOUNT)
                       == (int64_t)(l.receipts[end].before.index_l
                                    - l.receipts[end].before.opening_index_l
                                    - l.receipts[end].before.purged_l
                                    + l.receipts[end].before.opening_purged_l);
        expect(has_end, "the last reading", LIFE_ACCOUNT);
        (void)check_account(&l.receipts[l.n - 1].after, LIFE_ACCOUNT + 1, false,
                            l.token_imported_l, l.token_debited_l);
        life_check_sum();
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, life_start, life_stop)
    const struct CMUnitTest tests[] = {
        T(any_order_and_any_gaps_give_the_registers),
        T(a_new_account_starts_anew_and_the_old_one_ends),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
