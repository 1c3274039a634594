/* test_ledger_follow.c - whatever receipts of a meter come, in whatever order, the ledger says what
 * the meter's registers say. SEED=... replays a run; TEST_ALL=1 plays more lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backend/ledger.h"
#include "meter-core/keys.h"
#include "tests/aid/office_aid.h"

#define FIRST_ACCOUNT 100001
#define RECEIPTS_MAX 64

static uint64_t seed, random_state;
static struct oaid_office office;
static const uint8_t swap_case[16] = { 5, 5 };

/* One life of a meter: its receipts, and what of its credit came by token. */
struct life {
    gasm_Receipt receipts[RECEIPTS_MAX];
    uint64_t imported_by_token_l[RECEIPTS_MAX], debited_by_token_l[RECEIPTS_MAX]; /* so far */
    size_t n;
    gasm_Totals now;
    uint64_t account_no, token_imported_l, token_debited_l;
    gasm_LifeState state;
};

static uint64_t draw(uint64_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % n;
}

static int start(void **state)
{
    (void)state;
    oaid_office_new(&office);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

/* ---- a meter's registers ---- */

static void begin(struct life *l)
{
    memset(l, 0, sizeof *l);
    l->now.index_l = 70;
    l->now.purged_l = 20;
    l->state = gasm_LifeState_KEYED;
}

static gasm_Receipt *record(struct life *l, gasm_Command command)
{
    gasm_Receipt *r = &l->receipts[l->n];

    *r = (gasm_Receipt){ .account_no = l->account_no,
                         .command = command,
                         .seq = l->n + 1,
                         .at_s = 1795339800 + (int64_t)l->n,
                         .has_before = true,
                         .before = l->n > 0 ? l->receipts[l->n - 1].after : l->now,
                         .has_after = true,
                         .after = l->now,
                         .state = l->state };
    if (draw(4) > 0) { /* else it acted by itself, and has no id of its own */
        r->op_id.size = 16;
        r->op_id.bytes[0] = (uint8_t)r->seq;
        r->op_id.bytes[1] = 9;
    }
    l->imported_by_token_l[l->n] = l->token_imported_l;
    l->debited_by_token_l[l->n] = l->token_debited_l;
    l->n++;
    return r;
}

static void open_account(struct life *l)
{
    uint64_t flowed_l = draw(3); /* under the account before */

    l->now.index_l += flowed_l;
    gasm_Totals before = l->now;

    l->account_no = l->account_no == 0 ? FIRST_ACCOUNT : l->account_no + 1;
    l->now = (gasm_Totals){ .index_l = l->now.index_l,
                            .purged_l = l->now.purged_l,
                            .opening_index_l = l->now.index_l,
                            .opening_purged_l = l->now.purged_l };
    l->token_imported_l = l->token_debited_l = 0;
    l->state = gasm_LifeState_IN_SERVICE;
    record(l, gasm_Command_OPEN_ACCOUNT)->before = before;
}

static void close_account(struct life *l)
{
    int64_t residual_l = mc_residual_l(&l->now);

    l->now.exported_l += residual_l > 0 ? (uint64_t)residual_l : 0;
    l->state = gasm_LifeState_CLOSED;
    (void)record(l, gasm_Command_CLOSE_ACCOUNT);
}

/* Something happens in service. */
static void live(struct life *l)
{
    uint64_t litres = draw(50), purged_l = draw(4);

    switch (draw(7)) {
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
        l->token_debited_l += draw(2) == 0 ? litres : 0; /* else a certified debt */
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
    l->now.index_l += draw(20);
    (void)record(l, gasm_Command_RECHARGE);
}

/* ---- bringing its receipts ---- */

struct bringing {
    const struct life *life;
    size_t i;
};

static int follow_body(struct office *o, void *ctx)
{
    const struct bringing *b = ctx;
    const gasm_Receipt *r = &b->life->receipts[b->i];
    struct ledger_totals was = { 0 };
    size_t before = b->life->n;
    int found = ledger_posted(o, AID_METER_1, r->account_no, &was);

    for (size_t k = 0; found == 1 && k < b->life->n; k++)
        if (b->life->receipts[k].seq == was.seq && b->life->receipts[k].account_no == r->account_no)
            before = k;

    bool newer = before == b->life->n || before < b->i;
    uint64_t imported_l = before < b->life->n ? b->life->imported_by_token_l[before] : 0,
             debited_l = before < b->life->n ? b->life->debited_by_token_l[before] : 0;
    const struct ledger_reading reading = {
        .meter_id = AID_METER_1,
        .receipt = r,
        .imported_by_token_l = newer ? b->life->imported_by_token_l[b->i] - imported_l : 0,
        .debited_by_token_l = newer ? b->life->debited_by_token_l[b->i] - debited_l : 0,
        .swap_case = swap_case,
        .from_case = swap_case,
    };

    return found < 0 ? found : ledger_follow(o, &reading);
}

static void bring(const struct life *l, size_t i)
{
    struct bringing b = { l, i };

    office.o->fail = (struct gf_fail){ 0 };
    if (ho_transaction(office.o, follow_body, &b) < 0)
        fail_msg("SEED=%llu receipt %zu: %s", (unsigned long long)seed, i + 1,
                 office.o->fail.detail);
}

static int64_t balance(enum ledger_code code, uint64_t account_no)
{
    char owner[24];
    int64_t v = 0;

    ledger_owner(account_no, owner);
    assert_int_equal(ledger_balance(office.o, LEDGER_LITRE, code, owner, &v), 0);
    return v;
}

static int64_t transit(void)
{
    char owner[33];
    int64_t v = 0;

    ledger_owner_case(swap_case, owner);
    assert_int_equal(ledger_balance(office.o, LEDGER_LITRE, LEDGER_TRANSIT, owner, &v), 0);
    return v;
}

static void expect(bool ok, const char *what, uint64_t account_no)
{
    if (!ok)
        fail_msg("SEED=%llu account %llu: %s", (unsigned long long)seed,
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

    expect(balance(LEDGER_RESIDUAL, account_no) == residual_l + debt_l, "residual", account_no);
    expect(balance(LEDGER_CONSUMED, account_no)
               == (int64_t)(t->index_l - t->after_closing_l - t->opening_index_l - t->purged_l
                            + t->opening_purged_l),
           "consumed", account_no);
    expect(balance(LEDGER_CLEARED, account_no) == (int64_t)t->cleared_l, "cleared", account_no);
    expect(balance(LEDGER_IN_TOKENS, account_no) == -taken_l, "in tokens", account_no);
    return (int64_t)t->exported_l - debt_l - certified_l;
}

static void check_sum(void)
{
    assert_int_equal(oaid_sql_number(&office, "SELECT COALESCE(SUM(amount), 0) FROM posting"), 0);
    assert_int_equal(
        oaid_sql_number(&office, "SELECT COALESCE(SUM(debits - credits), 0) FROM ledger_account"),
        0);
}

/* ---- lives ---- */

/* A life of one account, closed in the end or not. */
static void random_life(struct life *l)
{
    begin(l);
    open_account(l);
    for (uint64_t i = 0, n = draw(20); i < n; i++)
        live(l);
    if (draw(2) == 0) {
        close_account(l);
        for (uint64_t i = 0, n = draw(3); i < n; i++) {
            l->now.index_l += 2;
            l->now.after_closing_l += 2;
            (void)record(l, gasm_Command_SET_CLOCK);
        }
        if (draw(2) == 0) {
            l->state = gasm_LifeState_FACTORY;
            (void)record(l, gasm_Command_RESET_TO_FACTORY);
        }
    }
}

static void forget(void)
{
    oaid_sql(&office, "DELETE FROM posting; DELETE FROM journal; DELETE FROM ledger_account; "
                      "DELETE FROM posted_totals");
}

static void any_order_and_any_gaps_give_the_registers(void **state)
{
    static struct life l;
    long lives = getenv("TEST_ALL") != NULL ? 20000 : 300;

    (void)state;
    for (long k = 0; k < lives; k++) {
        bool is_home[RECEIPTS_MAX] = { false };
        size_t last = 0;

        random_life(&l);
        forget();
        for (size_t i = 0; i < 2 * l.n; i++) { /* some twice, some never */
            size_t one = draw(l.n);

            bring(&l, one);
            is_home[one] = true;
        }
        for (size_t i = 0; i < l.n; i++)
            last = is_home[i] ? i : last;

        bool closed = l.receipts[last].state != gasm_LifeState_IN_SERVICE;
        int64_t out_l = check_account(&l.receipts[last].after, FIRST_ACCOUNT, closed,
                                      l.imported_by_token_l[last], l.debited_by_token_l[last]);

        expect(transit() == out_l, "transit", FIRST_ACCOUNT);
        check_sum();
    }
}

static void a_new_account_starts_anew_and_the_old_one_ends(void **state)
{
    static struct life l;
    size_t end;

    (void)state;
    for (int k = 0; k < 60; k++) {
        begin(&l);
        open_account(&l);
        live(&l);
        live(&l);
        end = l.n;
        open_account(&l); /* over the first, that was never closed */
        live(&l);
        forget();
        bring(&l, 0);
        bring(&l, draw(2) == 0 ? 1 : 2);
        bring(&l, l.n - (draw(2) == 0 ? 1 : 2));
        bring(&l, end);
        bring(&l, l.n - 1);

        bool has_end = balance(LEDGER_CONSUMED, FIRST_ACCOUNT)
                       == (int64_t)(l.receipts[end].before.index_l
                                    - l.receipts[end].before.opening_index_l
                                    - l.receipts[end].before.purged_l
                                    + l.receipts[end].before.opening_purged_l);
        expect(has_end, "the last reading", FIRST_ACCOUNT);
        (void)check_account(&l.receipts[l.n - 1].after, FIRST_ACCOUNT + 1, false,
                            l.token_imported_l, l.token_debited_l);
        check_sum();
    }
}

/* ---- examples ---- */

static void a_sale_taken_used_and_closed(void **state)
{
    static struct life l;

    (void)state;
    begin(&l);
    open_account(&l);
    l.now.purchased_l = 500;
    (void)record(&l, gasm_Command_RECHARGE);
    l.now.index_l += 120;
    (void)record(&l, gasm_Command_VALVE_CLOSE);
    close_account(&l);
    bring(&l, 0);
    assert_int_equal(balance(LEDGER_RESIDUAL, FIRST_ACCOUNT), 0);
    bring(&l, 1);
    assert_int_equal(balance(LEDGER_IN_TOKENS, FIRST_ACCOUNT), -500);
    assert_int_equal(balance(LEDGER_RESIDUAL, FIRST_ACCOUNT), 500);
    bring(&l, 2);
    assert_int_equal(balance(LEDGER_CONSUMED, FIRST_ACCOUNT), 120);
    bring(&l, 3);
    assert_int_equal(balance(LEDGER_RESIDUAL, FIRST_ACCOUNT), 0);
    assert_int_equal(transit(), 380);
}

static void a_debt_is_certified_once(void **state)
{
    static struct life l;

    (void)state;
    begin(&l);
    open_account(&l);
    l.now.index_l += 30;
    close_account(&l);
    l.now.index_l += 5;
    l.now.after_closing_l += 5;
    l.state = gasm_LifeState_KEYED; /* reset and keyed: its state does not tell any more */
    (void)record(&l, gasm_Command_KEY_ACTIVATED);
    bring(&l, 2);
    assert_int_equal(balance(LEDGER_RESIDUAL, FIRST_ACCOUNT), -30);
    bring(&l, 1); /* late, and it tells */
    assert_int_equal(balance(LEDGER_RESIDUAL, FIRST_ACCOUNT), 0);
    assert_int_equal(transit(), -30);
    bring(&l, 1);
    bring(&l, 2);
    assert_int_equal(transit(), -30);
    assert_int_equal(balance(LEDGER_CONSUMED, FIRST_ACCOUNT), 30);
}

static int plain_body(struct office *o, void *ctx)
{
    const struct ledger_reading reading = { .meter_id = AID_METER_1, .receipt = ctx };

    return ledger_follow(o, &reading);
}

static void without_a_case_it_is_the_accounts_own_transit(void **state)
{
    static struct life l;

    (void)state;
    begin(&l);
    open_account(&l);
    l.now.purchased_l = 40;
    close_account(&l);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(ho_transaction(office.o, plain_body, &l.receipts[i]), 0);
    assert_int_equal(balance(LEDGER_TRANSIT, FIRST_ACCOUNT), 40);
}

static int other_meter_body(struct office *o, void *ctx)
{
    const struct ledger_reading reading = { .meter_id = AID_METER_2, .receipt = ctx };

    return ledger_follow(o, &reading);
}

/* Whoever asks a meter chooses the operation's id: neither another meter's with the same one nor
 * what one meter says twice, and otherwise, is refused. */
static void the_operations_id_is_not_the_entrys(void **state)
{
    static struct life l;
    gasm_Receipt *first, other;

    (void)state;
    begin(&l);
    open_account(&l);
    l.now.purchased_l = 40;
    l.now.index_l += 9;
    first = record(&l, gasm_Command_RECHARGE);
    first->op_id.size = 16;
    other = *first;
    other.account_no += 5;
    other.after.index_l += 2;
    assert_int_equal(ho_transaction(office.o, plain_body, first), 0);
    assert_int_equal(ho_transaction(office.o, other_meter_body, &other), 0);
    assert_int_equal(balance(LEDGER_CONSUMED, FIRST_ACCOUNT), 9);
    assert_int_equal(balance(LEDGER_CONSUMED, FIRST_ACCOUNT + 5), 11);
    other = *first; /* of one number, a certificate and a receipt that contradict one another */
    other.state = gasm_LifeState_CLOSED;
    other.after.purchased_l = 0;
    assert_int_equal(ho_transaction(office.o, plain_body, &other), 0);
    other.after.index_l--;
    other.after.cleared_l = 0;
    assert_int_equal(ho_transaction(office.o, plain_body, &other), 0);
    assert_int_equal(ho_transaction(office.o, plain_body, first), 0);
    check_sum();
}

static void without_an_account_nothing_is_posted(void **state)
{
    static struct life l;

    (void)state;
    begin(&l);
    bring(&l, (size_t)(record(&l, gasm_Command_INSTALL_KEY)->seq - 1));
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM posted_totals"), 0);
}

/* Totals that no meter can have after those that are posted. */
static void totals_that_contradict_post_nothing(void **state)
{
    static struct life l;
    uint64_t *const falls[] = { &l.now.index_l,    &l.now.purged_l,  &l.now.purchased_l,
                                &l.now.imported_l, &l.now.forgiven_l, &l.now.debited_l,
                                &l.now.cleared_l,  &l.now.exported_l };
    gasm_Totals good;

    (void)state;
    begin(&l);
    open_account(&l);
    l.now.index_l += 500;
    l.now.purged_l += 10;
    l.now.purchased_l = l.now.imported_l = l.now.forgiven_l = l.now.debited_l = l.now.cleared_l =
        l.now.exported_l = 100;
    (void)record(&l, gasm_Command_RECHARGE);
    bring(&l, 1);
    good = l.now;

    int64_t entries = oaid_sql_number(&office, "SELECT COUNT(*) FROM journal");
    for (size_t i = 0; i < sizeof falls / sizeof falls[0]; i++) {
        *falls[i] -= 1;
        bring(&l, (size_t)(record(&l, gasm_Command_SET_CLOCK)->seq - 1));
        l.now = good;
        *falls[i] = UINT64_MAX / 2;
        bring(&l, (size_t)(record(&l, gasm_Command_SET_CLOCK)->seq - 1));
        l.now = good;
    }
    l.now.opening_index_l++;
    bring(&l, (size_t)(record(&l, gasm_Command_SET_CLOCK)->seq - 1));
    l.now = good;
    l.now.opening_purged_l++;
    bring(&l, (size_t)(record(&l, gasm_Command_SET_CLOCK)->seq - 1));
    l.now = good;
    l.now.purged_l += 20; /* consumption would go down */
    bring(&l, (size_t)(record(&l, gasm_Command_SET_CLOCK)->seq - 1));
    l.receipts[0].after.cleared_l = 101; /* an older one that says more */
    l.receipts[0].state = gasm_LifeState_CLOSED;
    bring(&l, 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM journal"), entries);
    assert_int_equal(oaid_sql_number(&office, "SELECT seq FROM posted_totals"), 2);
}

static void a_store_that_fails_is_told(void **state)
{
    static struct life l;
    struct bringing b = { &l, 1 };

    (void)state;
    begin(&l);
    open_account(&l);
    l.now.purchased_l = 5;
    open_account(&l);
    bring(&l, 0);
    oaid_sql(&office, "ALTER TABLE journal RENAME TO away");
    l.receipts[1].after.index_l += 4;
    assert_true(ho_transaction(office.o, follow_body, &b) < 0);
    oaid_sql(&office, "ALTER TABLE away RENAME TO journal");
    oaid_office_restart(&office);
    oaid_sql(&office, "DROP TABLE posted_totals");
    assert_true(ho_transaction(office.o, plain_body, &l.receipts[0]) < 0);
    assert_true(ho_transaction(office.o, plain_body, &l.receipts[1]) < 0);
}

/* What happens to the account before when the opening of the next is posted. */
static void writes_that_fail_are_told(void **state)
{
    static struct life l;
    struct bringing b = { &l, 1 };

    (void)state;
    begin(&l);
    open_account(&l);
    l.now.purchased_l = 5;
    open_account(&l);
    bring(&l, 0);
    oaid_forbid(&office, "UPDATE", "posted_totals");
    assert_true(ho_transaction(office.o, follow_body, &b) < 0);
    oaid_allow(&office, "posted_totals");
    bring(&l, 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM posted_totals"), 2);
}

static int no_hash(void *ctx, const struct gf_span *parts, size_t n, uint8_t ret[static 32])
{
    (void)ctx, (void)parts, (void)n, (void)ret;
    return GF_E_CRYPTO;
}

static void without_hashes_nothing_is_posted(void **state)
{
    static struct life l;
    const struct mc_crypto *good = office.o->ports.crypto;
    struct mc_crypto broken = *good;

    (void)state;
    begin(&l);
    open_account(&l);
    l.receipts[0].op_id.size = 0;
    broken.sha256 = no_hash;
    office.o->ports.crypto = &broken;
    assert_int_equal(ho_transaction(office.o, plain_body, &l.receipts[0]), GF_E_CRYPTO);
    office.o->ports.crypto = good;
}

/* Each state that says so, and none other. */
static void states_that_are_closed(void **state)
{
    (void)state;
    for (int i = 0; i <= (int)gasm_LifeState_SCRAPPED; i++) {
        const gasm_Receipt r = { .state = (gasm_LifeState)i };

        assert_int_equal(ledger_says_closed(&r), i == (int)gasm_LifeState_CLOSED
                                                     || i == (int)gasm_LifeState_SCRAPPED
                                                     || i == (int)gasm_LifeState_FACTORY);
    }
}

int main(void)
{
    const char *given = getenv("SEED");
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(any_order_and_any_gaps_give_the_registers),
        T(a_new_account_starts_anew_and_the_old_one_ends),
        T(a_sale_taken_used_and_closed),
        T(a_debt_is_certified_once),
        T(without_a_case_it_is_the_accounts_own_transit),
        T(the_operations_id_is_not_the_entrys),
        T(without_an_account_nothing_is_posted),
        T(totals_that_contradict_post_nothing),
        T(a_store_that_fails_is_told),
        T(writes_that_fail_are_told),
        T(without_hashes_nothing_is_posted),
        T(states_that_are_closed),
    };

    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    random_state = seed;
    printf("# SEED=%llu\n", (unsigned long long)seed);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
