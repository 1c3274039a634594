/* test_office_audit_books.c - the audit of the ledger finds every damage that is planted in books
 * with a story, names it, and no statement is broken that should not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/ledger.h"
#include "tests/aid/audit_aid.h"
#include "tests/aid/books_aid.h"

static struct books books;

static int start(void **state)
{
    (void)state;
    books_story(&books);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    aaid_end();
    books_end(&books);
    return 0;
}

static void the_story_is_clean(void **state)
{
    static const uint64_t checked[HO_STATEMENTS] = {
        [HO_ACCOUNTS_BALANCE] = 3, [HO_RESIDUALS] = 3, [HO_SWAPS] = 1,     [HO_PRICES] = 5,
        [HO_TOKENS] = 10,          [HO_RECHARGES] = 7, [HO_CLOSINGS] = 1,  [HO_TIERS] = 5,
        [HO_ACCOUNT_ENDS] = 3,     [HO_TOKEN_STATES] = 10, [HO_REFUNDS] = 2,
        [HO_SWAP_STATES] = 1,      [HO_PLACES] = 3,
    };
    const struct ho_audit *audit;

    (void)state;
    aaid_clean(&books.office);
    audit = aaid_run(&books.office);
    for (unsigned i = HO_ACCOUNTS_BALANCE; i < HO_LOG_CHAIN; i++)
        if (i != HO_MONEY && i != HO_LOGGED_ROWS)
            assert_int_equal(audit->of[i].checked, checked[i]);
    assert_int_equal(audit->of[HO_ENTRIES].checked,
                     oaid_sql_number(&books.office, "SELECT COUNT(*) FROM journal"));
    assert_int_equal(audit->of[HO_ENTRIES_LOGGED].checked, audit->of[HO_ENTRIES].checked);
    assert_int_equal(audit->of[HO_SUMS].checked,
                     oaid_sql_number(&books.office, "SELECT COUNT(*) FROM ledger_account"));
    assert_true(aaid_has(&audit->of[HO_TOKENS].notes,
                         "token 1002/1: sale of 2529 l not taken yet, 0 days old"));
}

/* ---- planted ---- */

#define FIRST(table, what) " WHERE rowid = (SELECT MIN(rowid) FROM " table " WHERE " what ")"
#define TOKEN(account, seq) " WHERE account_no = " #account " AND sequence = " #seq

/* The tables that a plant changes are put back after it. */
static const struct plant {
    const char *tables, *sql;
    unsigned bits; /* of the statements that it breaks; 0: only notes */
    enum ho_statement s;
    const char *text;
} plants[] = {
    /* entries */
    { "journal", "UPDATE journal SET note = 'another'" FIRST("journal", "kind = 'payment'"),
      AAID(ENTRIES), HO_ENTRIES, " payment is not as it was posted" },
    { "journal", "UPDATE journal SET made_by = 'S009'" FIRST("journal", "kind = 'taken'"),
      AAID(ENTRIES), HO_ENTRIES, " taken is not as it was posted" },
    { "journal", "UPDATE journal SET effective_s = 1" FIRST("journal", "kind = 'sale'"),
      AAID(ENTRIES), HO_ENTRIES, " sale is not as it was posted" },
    { "journal", "UPDATE journal SET at_ms = at_ms + 1" FIRST("journal", "kind = 'sale'"),
      AAID(ENTRIES), HO_ENTRIES, " sale is not as it was posted" },
    { "posting", "UPDATE posting SET amount = amount + 1" FIRST("posting", "kind = 'reading'"),
      AAID(ENTRIES) | AAID(SUMS), HO_ENTRIES, " reading does not balance" },
    { "posting",
      "UPDATE posting SET amount = amount * 2 WHERE kind = 'reading' AND op_id = (SELECT "
      "op_id FROM posting WHERE kind = 'reading' ORDER BY op_id LIMIT 1)",
      AAID(ENTRIES) | AAID(SUMS), HO_ENTRIES, " reading is not as it was posted" },
    { "posting", "UPDATE posting SET line = 9" FIRST("posting", "kind = 'refund'"), AAID(ENTRIES),
      HO_ENTRIES, " refund is not as it was posted" },
    { "posting",
      "DELETE FROM posting WHERE kind = 'reading' AND op_id = (SELECT op_id FROM posting "
      "WHERE kind = 'reading' ORDER BY op_id LIMIT 1)",
      AAID(ENTRIES) | AAID(SUMS), HO_ENTRIES, " reading is not as it was posted" },
    { "posting", "UPDATE posting SET owner = '1002' WHERE kind = 'forgive' AND code = 'forgiven'",
      AAID(ENTRIES) | AAID(SUMS), HO_ENTRIES, " forgive is not as it was posted" },
    { "posting", "UPDATE posting SET code = 'stolen' WHERE kind = 'refund' AND code = 'cash'",
      AAID(ENTRIES) | AAID(SUMS) | AAID(REFUNDS), HO_ENTRIES, " refund is not as it was posted" },
    { "posting",
      "UPDATE posting SET amount = 9223372036854775807 WHERE kind = 'refund' AND code = 'cash'",
      AAID(ENTRIES) | AAID(SUMS) | AAID(REFUNDS), HO_ENTRIES, " refund does not balance" },
    /* entries and the audit log */
    { "journal", "DELETE FROM journal" FIRST("journal", "kind = 'payment'"), AAID(ENTRIES_LOGGED),
      HO_ENTRIES_LOGGED, " payment stands in the audit log otherwise than in the journal" },
    { "journal", "DELETE FROM journal", AAID(ENTRIES_LOGGED) | AAID(TOKEN_STATES), HO_ENTRIES_LOGGED,
      " sale stands in the audit log otherwise than in the journal" },
    { "journal",
      "INSERT INTO journal SELECT org_id, op_id, 'again', at_ms, effective_s, made_by, note, hash "
      "FROM journal" FIRST("journal", "kind = 'payment'"),
      AAID(ENTRIES) | AAID(ENTRIES_LOGGED), HO_ENTRIES_LOGGED, " again is not in the audit log" },
    { "journal", "UPDATE journal SET hash = zeroblob(32)" FIRST("journal", "kind = 'taken'"),
      AAID(ENTRIES) | AAID(ENTRIES_LOGGED), HO_ENTRIES_LOGGED, " taken is not in the audit log" },
    { "journal", "UPDATE journal SET hash = x'00'" FIRST("journal", "kind = 'taken'"),
      AAID(ENTRIES) | AAID(ENTRIES_LOGGED), HO_ENTRIES, " taken is not as it was posted" },
    { "audit_log", "UPDATE audit_log SET what = 'nothing'" FIRST("audit_log", "what = 'posted'"),
      AAID(ENTRIES_LOGGED) | AAID(LOG_CHAIN), HO_ENTRIES_LOGGED, " is not in the audit log" },
    { "audit_log", "UPDATE audit_log SET detail = 'x'" FIRST("audit_log", "what = 'posted'"),
      AAID(ENTRIES_LOGGED) | AAID(LOG_CHAIN), HO_LOG_CHAIN, "was changed" },
    { "audit_log", "DELETE FROM audit_log WHERE what = 'posted'",
      AAID(ENTRIES_LOGGED) | AAID(LOG_CHAIN), HO_ENTRIES_LOGGED, " sale is not in the audit log" },
    /* sums */
    { "ledger_account",
      "UPDATE ledger_account SET debits = debits + 1, credits = credits + 1 WHERE code = 'revenue'",
      AAID(SUMS), HO_SUMS, "ledger account EUR revenue : 1 and" },
    { "ledger_account", "UPDATE ledger_account SET debits = debits + 5 WHERE code = 'consumed' AND "
                        "owner = '1001'",
      AAID(SUMS) | AAID(ACCOUNTS_BALANCE) | AAID(RESIDUALS), HO_SUMS,
      "ledger account litre consumed 1001: 70 and 0, its postings are 65 and 0" },
    /* accounts */
    { "ledger_account",
      "UPDATE ledger_account SET credits = credits + 5 WHERE code = 'sold' AND owner = '1001'",
      AAID(SUMS) | AAID(ACCOUNTS_BALANCE), HO_ACCOUNTS_BALANCE, "account 1001: sold " },
    { "ledger_account",
      "UPDATE ledger_account SET credits = credits + 5 WHERE code = 'forgiven' AND owner = '1001'",
      AAID(SUMS) | AAID(ACCOUNTS_BALANCE), HO_ACCOUNTS_BALANCE, " forgiven 12 is not consumed 65" },
    { "ledger_account", "UPDATE ledger_account SET debits = debits + 5 WHERE code = 'debited'",
      AAID(SUMS) | AAID(ACCOUNTS_BALANCE), HO_ACCOUNTS_BALANCE, " + debited 8 + in tokens 0" },
    { "ledger_account",
      "UPDATE ledger_account SET debits = debits + 5 WHERE code = 'in-tokens' AND owner = '1002'",
      AAID(SUMS) | AAID(ACCOUNTS_BALANCE) | AAID(TOKENS), HO_TOKENS,
      "account 1002: 2534 l in tokens by the ledger, 2529 by its tokens and its meter" },
    { "posted_totals", "UPDATE posted_totals SET certified_l = 41 WHERE account_no = 1003",
      AAID(ACCOUNTS_BALANCE) | AAID(SWAPS) | AAID(TOKENS), HO_ACCOUNTS_BALANCE,
      "account 1003: sold 0" },
    /* readings */
    { "posted_totals", "UPDATE posted_totals SET cleared_l = 1 WHERE account_no = 1002",
      AAID(RESIDUALS), HO_RESIDUALS,
      "account 1002: what is posted is not what receipt " AID_METER_2 " 4 says" },
    { "posted_totals", "UPDATE posted_totals SET seq = 3 WHERE account_no = 1002", AAID(RESIDUALS),
      HO_RESIDUALS, "account 1002: receipt " AID_METER_2 " 4 is not in the ledger" },
    { "posted_totals", "UPDATE posted_totals SET seq = 99 WHERE account_no = 1002", AAID(RESIDUALS),
      HO_RESIDUALS, "account 1002: receipt " AID_METER_2 " 99, up to which it is posted, is gone" },
    { "posted_totals", "DELETE FROM posted_totals WHERE account_no = 1002", AAID(RESIDUALS),
      HO_RESIDUALS, "account 1002: receipt " AID_METER_2 " 4 is not in the ledger" },
    { "ledger_account",
      "UPDATE ledger_account SET debits = debits + 5 WHERE owner = '1003' AND code IN ('residual', "
      "'consumed')",
      AAID(SUMS) | AAID(ACCOUNTS_BALANCE) | AAID(RESIDUALS), HO_RESIDUALS,
      "account 1003: residual " },
    { "ledger_account",
      "INSERT INTO ledger_account VALUES (1, 'litre', 'cleared', '1002', 5, 0)",
      AAID(SUMS) | AAID(ACCOUNTS_BALANCE) | AAID(RESIDUALS), HO_RESIDUALS,
      "cleared 5 in the ledger, 0, 0, 0 on the meter (receipt " AID_METER_2 " 4)" },
    /* swaps */
    { "token", "UPDATE token SET swap_case = NULL WHERE kind = 'transfer'", AAID(SWAPS), HO_SWAPS,
      "swap SW-000001: exported " },
    { "ledger_account",
      "UPDATE ledger_account SET debits = debits + 3 WHERE code = 'transit' AND length(owner) = "
      "32; INSERT INTO ledger_account SELECT 1, 'litre', 'adjusted', owner, 0, 3 FROM "
      "ledger_account WHERE code = 'transit' AND length(owner) = 32",
      AAID(SUMS) | AAID(SWAPS), HO_SWAPS, "swap SW-000001 is settled, and 3 l are in transit" },
    { "ledger_account",
      "INSERT INTO ledger_account VALUES (1, 'litre', 'transit', "
      "'ffffffffffffffffffffffffffffffff', 5, 0)",
      AAID(SUMS) | AAID(SWAPS), HO_SWAPS, "transit of ffffffffffffffffffffffffffffffff, which is" },
    { "ledger_account",
      "INSERT INTO ledger_account VALUES (1, 'litre', 'transit', "
      "'no case at all, but a long owner', 5, 0)",
      AAID(SUMS) | AAID(SWAPS), HO_SWAPS, "transit of no case at all" },
    { "posted_totals swap_case",
      "UPDATE swap_case SET state = 'cancelled'; UPDATE posted_totals SET at_s = 1", AAID(SWAPS) | AAID(SWAP_STATES) | AAID(LOGGED_ROWS),
      HO_SWAPS, "swap SW-000001: exported " },
    /* money */
    { "payment", "UPDATE payment SET state = 'failed'" FIRST("payment", "account_no = 1002"),
      AAID(MONEY), HO_MONEY, " is failed: 3000000 in the ledger, 0 by its amount" },
    { "payment", "UPDATE payment SET amount_minor = 3001" FIRST("payment", "account_no = 1002"),
      AAID(MONEY), HO_MONEY, " is confirmed: 3000000 in the ledger, 3001000 by its amount" },
    { "refund", "UPDATE refund SET amount_minor = amount_minor + 1 WHERE state = 'paid'",
      AAID(MONEY) | AAID(REFUNDS), HO_MONEY, "cash of counter EUR: " },
    { "ledger_account",
      "UPDATE ledger_account SET debits = debits + 1000000000 WHERE code = 'customer' AND owner = "
      "'1002'",
      AAID(SUMS) | AAID(MONEY), HO_MONEY, "customer's money of account 1002 EUR: -" },
    { "ledger_account",
      "UPDATE ledger_account SET credits = credits + 1 WHERE code = 'token-money' AND owner = "
      "'1002'",
      AAID(SUMS) | AAID(MONEY), HO_MONEY, "token money of account 1002 EUR: " },
    { "ledger_account",
      "UPDATE ledger_account SET debits = debits + 1 WHERE code = 'cash' AND owner = 'counter'",
      AAID(SUMS) | AAID(MONEY), HO_MONEY, "cash of counter EUR: " },
    { "token", "UPDATE token SET state = 'posted'" TOKEN(1002, 1), AAID(MONEY) | AAID(TOKEN_STATES), HO_MONEY,
      "token money of account 1002 EUR: " },
    { "token", "DELETE FROM token" TOKEN(1002, 1), AAID(MONEY) | AAID(TOKENS) | AAID(REFUNDS) | AAID(LOGGED_ROWS), HO_TOKENS,
      "account 1002: 2529 l in tokens by the ledger, 0 by its tokens and its meter" },
    /* prices */
    { "token", "UPDATE token SET cost_milli = cost_milli + 1" TOKEN(1001, 1), AAID(PRICES),
      HO_PRICES, "token 1001/1 costs " },
    { "token", "UPDATE token SET price_minor = price_minor + 1" TOKEN(1001, 1), AAID(PRICES),
      HO_PRICES, "token 1001/1 was charged " },
    { "token", "UPDATE token SET price_minor = price_minor - 2" TOKEN(1001, 1), AAID(PRICES),
      HO_PRICES, "token 1001/1 was charged " },
    { "token", "UPDATE token SET price_minor = 9223372036854775807" TOKEN(1001, 1), AAID(PRICES),
      HO_PRICES, "token 1001/1 was charged " },
    { "token", "UPDATE token SET from_l = from_l - 1, to_l = to_l - 1" TOKEN(1001, 4), AAID(TIERS),
      HO_TIERS, "token 1001/4 starts at " },
    { "token", "UPDATE token SET to_l = to_l + 1" TOKEN(1002, 1), AAID(PRICES), HO_PRICES,
      "token 1002/1 costs " },
    { "token", "UPDATE token SET to_l = -1" TOKEN(1002, 1), AAID(PRICES), HO_PRICES,
      "token 1002/1 costs " },
    { "token", "UPDATE token SET tariff_id = 'T-9'" TOKEN(1002, 1), AAID(PRICES), HO_PRICES,
      "token 1002/1 names tariff T-9, which is not there" },
    { "tariff", "UPDATE tariff SET steps = '0=850;101=1200'", AAID(PRICES), HO_PRICES,
      "tariff T-1 is not as it was made" },
    { "tariff", "UPDATE tariff SET steps = '1=850'", AAID(PRICES), HO_PRICES,
      "token 1001/1 names tariff T-1, which is not there or not one" },
    { "tariff", "UPDATE tariff SET valid_from_s = 1", AAID(PRICES), HO_PRICES,
      "tariff T-1 is not as it was made" },
    { "token",
      "UPDATE token SET from_l = from_l + 1000000, to_l = to_l + 1000000, cost_milli = litres * "
      "1200, price_minor = (litres * 1200 + 500) / 1000" TOKEN(1001, 1),
      AAID(PRICES) | AAID(TIERS), HO_PRICES, " and was paid with " },
    { "token", "UPDATE token SET payment_id = NULL" TOKEN(1002, 1), AAID(PRICES) | AAID(TOKEN_STATES) | AAID(REFUNDS), HO_PRICES,
      "token 1002/1 was sold, and has no payment" },
    /* tokens */
    { "refund", "UPDATE refund SET approved_by = asked_by", AAID(TOKENS) | AAID(REFUNDS), HO_TOKENS,
      "approved by who asked for it" },
    { "token", "UPDATE token SET content = zeroblob(32)" TOKEN(1002, 1), AAID(TOKENS), HO_TOKENS,
      "token 1002/1 is registered otherwise than it was issued" },
    { "token", "UPDATE token SET op_id = zeroblob(16)" TOKEN(1002, 1), AAID(TOKENS), HO_TOKENS,
      "token 1002/1 is registered otherwise than it was issued" },
    { "token", "UPDATE token SET sequence = 3" TOKEN(1002, 1), AAID(TOKENS) | AAID(REFUNDS) | AAID(LOGGED_ROWS), HO_TOKENS,
      "token 1002/3 follows 0" },
    { "token", "UPDATE token SET purchased_l = purchased_l + 1" TOKEN(1002, 1), AAID(TOKENS),
      HO_TOKENS, "token 1002/1 carries 2530 l purchased, the tokens up to it make 2529" },
    { "token", "UPDATE token SET purchased_l = purchased_l - 1" TOKEN(1002, 1), AAID(TOKENS),
      HO_TOKENS, "token 1002/1 carries 2528 l purchased, the tokens up to it make 2529" },
    { "token", "UPDATE token SET imported_l = imported_l + 1" TOKEN(1003, 1), AAID(TOKENS) | AAID(TOKEN_STATES),
      HO_TOKENS, "token 1003/1 carries " },
    { "token", "UPDATE token SET debited_l = 1" TOKEN(1002, 1), AAID(TOKENS), HO_TOKENS,
      "token 1002/1 carries 1 l debited, the tokens up to it make 0" },
    { "token", "UPDATE token SET litres = litres + 1 WHERE kind = 'forgive'", AAID(TOKENS) | AAID(LOGGED_ROWS),
      HO_TOKENS, "is of 8 l, the ledger has 7" },
    { "token setting",
      "INSERT INTO setting VALUES (1, 'restored at ms', '5'); UPDATE token SET made_by = 'S009', "
      "purchased_l = purchased_l + 2, sequence = 3" TOKEN(1002, 1),
      AAID(TOKENS) | AAID(REFUNDS) | AAID(LOGGED_ROWS), HO_TOKENS, "token 1002/3 is registered otherwise" },
    /* no credit without a token */
    { "token", "UPDATE token SET content = zeroblob(32)" TOKEN(1001, 1),
      AAID(TOKENS) | AAID(RECHARGES), HO_RECHARGES,
      "receipt " AID_METER_1 " 5 took a token with another content than issued" },
    { "token", "UPDATE token SET op_id = zeroblob(16)" TOKEN(1001, 1),
      AAID(TOKENS) | AAID(RECHARGES) | AAID(TOKEN_STATES), HO_RECHARGES,
      "receipt " AID_METER_1 " 5 took a token that was never issued" },
    /* closing certificates */
    { "closing", "UPDATE closing SET residual_l = residual_l + 1", AAID(CLOSINGS) | AAID(ACCOUNT_ENDS) | AAID(LOGGED_ROWS), HO_CLOSINGS,
      "closing of account 1001 on " AID_METER_1 " is registered otherwise than it says" },
    { "closing", "UPDATE closing SET token_seq = 99", AAID(CLOSINGS), HO_CLOSINGS,
      "is registered otherwise than it says" },
    { "closing", "UPDATE closing SET swap_case = zeroblob(16)", AAID(CLOSINGS), HO_CLOSINGS,
      "is registered otherwise than it says" },
    { "closing", "UPDATE closing SET valve_fault = 1", AAID(CLOSINGS), HO_CLOSINGS,
      "is registered otherwise than it says" },
    { "closing", "UPDATE closing SET account_no = 1002", AAID(CLOSINGS) | AAID(LOGGED_ROWS), HO_CLOSINGS,
      "closing of account 1002 on " AID_METER_1 " is registered otherwise" },
    { "closing", "UPDATE closing SET meter_id = '" AID_METER_2 "'", AAID(CLOSINGS) | AAID(LOGGED_ROWS), HO_CLOSINGS,
      "closing of account 1001 on " AID_METER_2 " does not verify" },
    { "closing",
      "UPDATE closing SET bytes = CAST(substr(bytes, 1, 30) || x'00' || substr(bytes, 32) AS "
      "BLOB)",
      AAID(CLOSINGS), HO_CLOSINGS, "closing of account 1001 on " AID_METER_1 " does not verify" },
    { "closing", "UPDATE closing SET bytes = x'0102'", AAID(CLOSINGS), HO_CLOSINGS,
      "does not verify" },
    /* steps go on through swaps */
    { "token", "UPDATE token SET from_l = from_l + 1, to_l = to_l + 1" TOKEN(1002, 1), AAID(TIERS) | AAID(PRICES),
      HO_TIERS, "token 1002/1 starts at 1 l, of this period 0 l were sold before it at SP-0002" },
    /* accounts */
    { "account", "UPDATE account SET state = 'closed' WHERE account_no = 1002", AAID(ACCOUNT_ENDS) | AAID(PLACES),
      HO_ACCOUNT_ENDS, "account 1002 on " AID_METER_2 " is closed, and has no closing" },
    { "account", "UPDATE account SET state = 'open' WHERE account_no = 1001", AAID(ACCOUNT_ENDS) | AAID(SWAP_STATES),
      HO_ACCOUNT_ENDS, "account 1001 on " AID_METER_1 " is open, and names a closing" },
    { "account",
      "UPDATE account SET state = 'open', closed_seq = NULL, closed_at_s = NULL, residual_l = NULL "
      "WHERE account_no = 1001",
      AAID(ACCOUNT_ENDS) | AAID(SWAP_STATES) | AAID(LOGGED_ROWS), HO_ACCOUNT_ENDS, "is not registered as closed by its meter" },
    { "account", "UPDATE account SET residual_l = residual_l + 1 WHERE account_no = 1001",
      AAID(ACCOUNT_ENDS) | AAID(LOGGED_ROWS), HO_ACCOUNT_ENDS, "is registered otherwise than its closing certificate" },
    { "account", "UPDATE account SET opened_at_s = opened_at_s + 1 WHERE account_no = 1002",
      AAID(ACCOUNT_ENDS), HO_ACCOUNT_ENDS, "is registered as opened at another time" },
    { "closing", "DELETE FROM closing", AAID(LOGGED_ROWS), HO_LOGGED_ROWS,
      "certificate home " AID_METER_1 " account 1001: " },
    { "closing account",
      "DELETE FROM closing; UPDATE account SET closed_seq = 1 WHERE account_no = 1001",
      AAID(ACCOUNT_ENDS) | AAID(LOGGED_ROWS), HO_ACCOUNT_ENDS, "has neither receipt nor certificate of its closing" },
    /* tokens */
    { "token", "UPDATE token SET state = 'pending' WHERE kind = 'forgive'", AAID(TOKEN_STATES),
      HO_TOKEN_STATES, "(forgive) is pending, but its receipt is home" },
    { "token", "UPDATE token SET state = 'voided' WHERE kind = 'forgive'", AAID(TOKEN_STATES) | AAID(TOKENS),
      HO_TOKEN_STATES, "(forgive) is voided, but its entries say otherwise" },
    { "token", "UPDATE token SET state = 'pending' WHERE kind = 'debit'", AAID(TOKEN_STATES),
      HO_TOKEN_STATES, "(debit) is pending, but its receipt is home" },
    { "token", "UPDATE token SET state = 'posted', settled_at_ms = 5" TOKEN(1002, 1),
      AAID(TOKEN_STATES) | AAID(MONEY), HO_TOKEN_STATES, "token 1002/1 (sale) is posted, but its entries say" },
    { "token", "UPDATE token SET settled_seq = 99 WHERE kind = 'refund'", AAID(TOKEN_STATES),
      HO_TOKEN_STATES, "(refund) is posted, but what settled it is not there" },
    { "token", "UPDATE token SET swap_case = zeroblob(16) WHERE kind = 'transfer'",
      AAID(TOKEN_STATES) | AAID(SWAPS), HO_TOKEN_STATES, "is of a swap or move that is not there" },
    /* refunds */
    { "refund", "UPDATE refund SET state = 'refused' WHERE state = 'paid'", AAID(REFUNDS) | AAID(MONEY) | AAID(TOKENS) | AAID(TIERS) | AAID(LOGGED_ROWS),
      HO_REFUNDS, "refund of token 1001/2 is refused, but its entry says otherwise" },
    { "refund", "UPDATE refund SET state = 'paid' WHERE state = 'refused'", AAID(REFUNDS) | AAID(MONEY) | AAID(TOKENS) | AAID(LOGGED_ROWS),
      HO_REFUNDS, "is paid, but its entry says otherwise" },
    { "refund", "DELETE FROM refund WHERE state = 'paid'", AAID(REFUNDS) | AAID(MONEY) | AAID(TIERS) | AAID(TOKEN_STATES) | AAID(LOGGED_ROWS), HO_REFUNDS,
      "is refunded, and no refund was paid" },
    { "payment", "UPDATE payment SET state = 'confirmed' WHERE state = 'refunded'", AAID(REFUNDS),
      HO_REFUNDS, "is paid, but the token is not void, or its payment not refunded" },
    { "payment", "UPDATE payment SET customer_no = 'C-1003' WHERE account_no = 1002", AAID(REFUNDS),
      HO_REFUNDS, "names a token that was not bought with it, or another's account" },
    /* swaps */
    { "swap_case", "UPDATE swap_case SET state = 'closed', settled_at_ms = NULL", AAID(SWAPS) | AAID(LOGGED_ROWS),
      HO_SWAPS, "swap SW-000001 is closed, and nothing is in transit" },
    { "swap_case", "UPDATE swap_case SET state = 'planned', settled_at_ms = NULL",
      AAID(SWAP_STATES) | AAID(LOGGED_ROWS), HO_SWAP_STATES, "is planned, and the old meter's account has its closing" },
    { "swap_case", "UPDATE swap_case SET cap_l = cap_l + 1", AAID(SWAP_STATES), HO_SWAP_STATES,
      "has other terms than it is registered with" },
    { "swap_case", "UPDATE swap_case SET estimate_l = 5, estimated_by = 'S001', confirmed_by = 'S001'",
      AAID(SWAP_STATES), HO_SWAP_STATES, "is estimated by fewer than two persons" },
    { "swap_case", "UPDATE swap_case SET estimate_l = 5, estimated_by = 'S001', confirmed_by = 'S002'",
      AAID(SWAP_STATES), HO_SWAP_STATES, "is estimated otherwise in the ledger" },
    { "swap_case", "UPDATE swap_case SET new_account_no = 1002", AAID(SWAP_STATES) | AAID(SWAPS), HO_SWAP_STATES,
      "names an account that is not its meter's or its place's" },
    /* places */
    { "supply_point", "UPDATE supply_point SET meter_id = NULL WHERE supply_point = 'SP-0001'",
      AAID(PLACES), HO_PLACES, "place SP-0001 has meter none, its last account is 1003" },
    { "supply_point",
      "UPDATE supply_point SET meter_id = '" AID_METER_2 "' WHERE supply_point = 'SP-0003'",
      AAID(PLACES), HO_PLACES, "meter " AID_METER_2 " stands at two places" },
    { "account",
      "UPDATE account SET supply_point = 'SP-0001', customer_no = 'C-1001' WHERE account_no = 1002",
      AAID(PLACES) | AAID(TIERS) | AAID(REFUNDS), HO_PLACES, "place SP-0001, account 1002, is open beside a later one" },
    { "meter", "UPDATE meter SET account_no = 1001 WHERE meter_id = '" AID_METER_2 "'",
      AAID(PLACES) | AAID(METERS_FOLLOW), HO_PLACES, "meter " AID_METER_2 ", account 1001, which is not registered on it" },
    { "customer", "DELETE FROM customer WHERE customer_no = 'C-1002'", AAID(PLACES), HO_PLACES,
      "place SP-0002, account 1002, has not its customer" },
    { "binding", "INSERT INTO binding VALUES (1, 'C-1003', '" AID_METER_2 "', 1002, 5, NULL)",
      AAID(PLACES), HO_PLACES, "customer C-1003, account 1002, is bound to what is not theirs" },
    /* the log */
    { "swap_case", "DELETE FROM swap_case", AAID(LOGGED_ROWS) | AAID(TOKEN_STATES), HO_LOGGED_ROWS, "swap planned SW-" },
    { "tariff", "UPDATE tariff SET made_by = 'S009'", AAID(LOGGED_ROWS), HO_LOGGED_ROWS,
      "tariff T-1 standard EUR" },
    { "ledger_account", "DELETE FROM ledger_account WHERE code = 'revenue'", AAID(SUMS), HO_SUMS,
      "ledger account EUR revenue  is gone, it has postings" },
    { "receipt", "UPDATE receipt SET gap = 1 WHERE meter_id = '" AID_METER_2 "' AND seq = 3",
      AAID(RECEIPTS_CHAIN), HO_RECEIPTS_CHAIN,
      "receipt " AID_METER_2 " 3 is said to have a gap before it" },
    { "receipt", "UPDATE receipt SET op_id = x'77' WHERE meter_id = '" AID_METER_2 "' AND seq = 3",
      AAID(RECEIPTS_VERIFY), HO_RECEIPTS_VERIFY, "receipt " AID_METER_2 " 3 is registered otherwise" },
};

/* SQL with a table's name at each %, for each of these tables. */
static void each_table(const char *tables, const char *sql)
{
    char text[300];

    for (const char *at = tables; *at != '\0'; at += *at == ' ') {
        size_t n = strcspn(at, " "), used = 0;

        for (const char *c = sql; *c != '\0'; c++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%.*s",
                                     *c == '%' ? (int)n : 1, *c == '%' ? at : c);
        oaid_sql(&books.office, text);
        at += n;
    }
}

static void every_planted_row_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plants / sizeof plants[0]; i++) {
        const struct plant *p = &plants[i];

        each_table(p->tables, "CREATE TABLE kept_% AS SELECT * FROM %");
        oaid_sql(&books.office, p->sql);
        aaid_only(&books.office, p->bits, p->s, p->text);
        each_table(p->tables,
                   "DELETE FROM %; INSERT INTO % SELECT * FROM kept_%; DROP TABLE kept_%");
    }
    aaid_clean(&books.office);
}

/* ---- what only meters can do ---- */

static void a_recharge_without_a_token(void **state)
{
    gasm_Receipt *r = &books.meters[1].next;

    (void)state;
    r->content_hash.size = 32;
    assert_int_equal(books_bring(&books, 1, gasm_Command_RECHARGE), sync_VerdictKind_APPLIED);
    aaid_only(&books.office, AAID(RECHARGES), HO_RECHARGES,
              "receipt " AID_METER_2 " 5 took a token that was never issued");
}

static void credit_beyond_what_was_issued(void **state)
{
    gasm_Receipt *r = &books.meters[1].next;

    (void)state;
    r->after.purchased_l += 2530;
    assert_int_equal(books_bring(&books, 1, gasm_Command_VALVE_CLOSE), sync_VerdictKind_APPLIED);
    aaid_only(&books.office, AAID(RECHARGES), HO_RECHARGES,
              "account 1002: its meter holds 2530 l bought, 0 l forgiven; tokens of 2529 and 0 l");
}

/* ---- cases that are open ---- */

static void what_is_under_way_is_noted(void **state)
{
    const struct ho_audit *audit;

    (void)state;
    books_use(&books, 1, 12); /* a debt */
    books_close(&books, 1, NULL);
    books.office.utc_ms += 3 * INT64_C(86400000);
    aaid_clean(&books.office);
    audit = aaid_run(&books.office);
    assert_true(aaid_has(&audit->of[HO_SWAPS].notes, "account 1002 closed without a swap: -12 l"));
}

/* The first hundred are named, the rest is counted. */
static void long_lists_are_cut(void **state)
{
    const struct ho_audit *audit;

    (void)state;
    oaid_sql(&books.office,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) INSERT "
             "INTO ledger_account SELECT 1, 'litre', 'sold', 'nobody ' || i, 1, 1 FROM n");
    audit = aaid_run(&books.office);
    assert_int_equal(audit->of[HO_SUMS].n_broken, 250);
    assert_true(aaid_has(&audit->of[HO_SUMS].broken, "... and 150 more"));

    size_t n = 0;
    for (size_t at = 0; at < audit->of[HO_SUMS].broken.n; n++)
        at += strlen((const char *)audit->of[HO_SUMS].broken.p + at) + 1;
    assert_int_equal(n, HO_AUDIT_NAMED + 1);
}

/* A restored office leaves numbers out, and says so. */
static int restored_body(struct office *o, void *ctx)
{
    (void)ctx;
    return odb_exec(o->db, "INSERT INTO setting (org_id, name, value) VALUES (?1, 'restored at "
                           "ms', '5')",
                    ODB_NONE)
                   == 1
               ? 0
               : GF_E_BUG;
}

static void numbers_left_out_by_a_restore_are_notes(void **state)
{
    uint64_t sequence;
    const struct ho_audit *audit;

    (void)state;
    oaid_sql(&books.office, "UPDATE token SET sequence = 9, op_id = x'09'" TOKEN(1002, 1));
    sequence = books_correct(&books, 1, "forgive", 5);
    assert_int_equal(sequence, 10);
    oaid_sql(&books.office, "UPDATE token SET sequence = 1" TOKEN(1002, 9));
    aaid_broken(&books.office, HO_TOKENS, "token 1002/10 follows 1");
    assert_int_equal(ho_transaction(books.office.o, restored_body, NULL), 0);
    audit = aaid_run(&books.office);
    assert_false(aaid_has(&audit->of[HO_TOKENS].broken, "token 1002/10 follows 1"));
    assert_true(aaid_has(&audit->of[HO_TOKENS].notes,
                         "token 1002/10 follows 1: a restored office left numbers out"));
}

/* Every table that is read: a failure is told. */
static void a_store_that_fails_is_told(void **state)
{
    static const char *const tables[] = { "journal", "posting",   "ledger_account", "audit_log",
                                          "token",   "payment",   "refund",         "tariff",
                                          "closing", "swap_case", "posted_totals",  "setting" };
    char sql[100];

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct ho_audit audit;

        (void)snprintf(sql, sizeof sql, "ALTER TABLE %s RENAME TO away", tables[i]);
        oaid_sql(&books.office, sql);
        books.office.o->fail = (struct gf_fail){ 0 };
        assert_true(ho_audit_run(books.office.o, &audit) < 0);
        ho_audit_free(&audit);
        (void)snprintf(sql, sizeof sql, "ALTER TABLE away RENAME TO %s", tables[i]);
        oaid_sql(&books.office, sql);
        oaid_office_restart(&books.office);
    }
    aaid_clean(&books.office);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(the_story_is_clean),
        T(every_planted_row_is_named),
        T(a_recharge_without_a_token),
        T(credit_beyond_what_was_issued),
        T(what_is_under_way_is_noted),
        T(long_lists_are_cut),
        T(numbers_left_out_by_a_restore_are_notes),
        T(a_store_that_fails_is_told),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
