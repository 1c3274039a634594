/* books_life.c - a meter's registers and the ledger behind them; see books_life.h. */
#include "tests/aid/books_life.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "meter-core/keys.h"

struct oaid_office life_office;
const uint8_t life_case[16] = { 5, 5 };
static uint64_t seed, random_state;

int life_start(void **state)
{
    (void)state;
    oaid_office_new(&life_office);
    return 0;
}

int life_stop(void **state)
{
    (void)state;
    oaid_office_end(&life_office);
    return 0;
}

uint64_t life_seed(void)
{
    const char *given = getenv("SEED");

    if (seed == 0) {
        seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
        random_state = seed;
        (void)printf("# SEED=%llu\n", (unsigned long long)seed);
    }
    return seed;
}

uint64_t life_draw(uint64_t n)
{
    (void)life_seed();
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % n;
}

/* ---- a meter's registers ---- */

void life_begin(struct life *l)
{
    memset(l, 0, sizeof *l);
    l->now.index_l = 70;
    l->now.purged_l = 20;
    l->state = gasm_LifeState_KEYED;
}

gasm_Receipt *life_record(struct life *l, gasm_Command command)
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
    if (life_draw(4) > 0) { /* else it acted by itself, and has no id of its own */
        r->op_id.size = 16;
        r->op_id.bytes[0] = (uint8_t)r->seq;
        r->op_id.bytes[1] = 9;
    }
    l->imported_by_token_l[l->n] = l->token_imported_l;
    l->debited_by_token_l[l->n] = l->token_debited_l;
    l->n++;
    return r;
}

void life_open(struct life *l)
{
    uint64_t flowed_l = life_draw(3); /* under the account before */

    l->now.index_l += flowed_l;
    gasm_Totals before = l->now;

    l->account_no = l->account_no == 0 ? LIFE_ACCOUNT : l->account_no + 1;
    l->now = (gasm_Totals){ .index_l = l->now.index_l,
                            .purged_l = l->now.purged_l,
                            .opening_index_l = l->now.index_l,
                            .opening_purged_l = l->now.purged_l };
    l->token_imported_l = l->token_debited_l = 0;
    l->state = gasm_LifeState_IN_SERVICE;
    life_record(l, gasm_Command_OPEN_ACCOUNT)->before = before;
}

void life_close(struct life *l)
{
    int64_t residual_l = mc_residual_l(&l->now);

    l->now.exported_l += residual_l > 0 ? (uint64_t)residual_l : 0;
    l->state = gasm_LifeState_CLOSED;
    (void)life_record(l, gasm_Command_CLOSE_ACCOUNT);
}

/* ---- bringing its receipts ---- */

int life_follow(struct office *o, void *bringing)
{
    const struct life_bringing *b = bringing;
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
        .swap_case = life_case,
        .from_case = life_case,
    };

    return found < 0 ? found : ledger_follow(o, &reading);
}

void life_bring(const struct life *l, size_t i)
{
    struct life_bringing b = { l, i };

    life_office.o->fail = (struct gf_fail){ 0 };
    if (ho_transaction(life_office.o, life_follow, &b) < 0)
        fail_msg("SEED=%llu receipt %zu: %s", (unsigned long long)seed, i + 1,
                 life_office.o->fail.detail);
}

int64_t life_balance(enum ledger_code code, uint64_t account_no)
{
    char owner[24];
    int64_t v = 0;

    ledger_owner(account_no, owner);
    assert_int_equal(ledger_balance(life_office.o, LEDGER_LITRE, code, owner, &v), 0);
    return v;
}

int64_t life_transit(void)
{
    char owner[33];
    int64_t v = 0;

    ledger_owner_case(life_case, owner);
    assert_int_equal(ledger_balance(life_office.o, LEDGER_LITRE, LEDGER_TRANSIT, owner, &v), 0);
    return v;
}

void life_check_sum(void)
{
    assert_int_equal(oaid_sql_number(&life_office, "SELECT COALESCE(SUM(amount), 0) FROM posting"), 0);
    assert_int_equal(
        oaid_sql_number(&life_office, "SELECT COALESCE(SUM(debits - credits), 0) FROM ledger_account"),
        0);
}
