/* test_ledger.c - an entry is posted whole, once, and balanced, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/ledger.h"
#include "tests/aid/office_aid.h"

static struct oaid_office office;

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

static int post_body(struct office *o, void *ctx)
{
    return ledger_post(o, ctx);
}

static int post(const struct ledger_entry *e)
{
    struct ledger_entry copy = *e;

    office.o->fail = (struct gf_fail){ 0 };
    return ho_transaction(office.o, post_body, &copy);
}

static int64_t balance(const char *unit, enum ledger_code code, const char *owner)
{
    int64_t v = -77;

    assert_int_equal(ledger_balance(office.o, unit, code, owner, &v), 0);
    return v;
}

static const struct ledger_entry sale = {
    .op_id = { 1, 2, 3 },
    .kind = "sale",
    .effective_s = 1795339800,
    .made_by = "S001",
    .note = "",
    .postings = { { LEDGER_LITRE, LEDGER_IN_TOKENS, "100001", 500 },
                  { LEDGER_LITRE, LEDGER_SOLD, "100001", -500 },
                  { "EUR", LEDGER_CUSTOMER, "100001", 425000 },
                  { "EUR", LEDGER_TOKEN_MONEY, "100001", -424999 },
                  { "EUR", LEDGER_ROUNDING, "", -1 } },
    .n = 5,
};

static int64_t count(const char *table)
{
    char sql[80];

    (void)snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM %s", table);
    return oaid_sql_number(&office, sql);
}

static void expect_nothing(void)
{
    assert_int_equal(count("journal"), 0);
    assert_int_equal(count("posting"), 0);
    assert_int_equal(count("ledger_account"), 0);
    assert_int_equal(
        oaid_sql_number(&office, "SELECT COUNT(*) FROM audit_log WHERE what = 'posted'"), 0);
}

static void an_entry_is_posted_whole(void **state)
{
    (void)state;
    assert_int_equal(post(&sale), 0);
    assert_int_equal(balance(LEDGER_LITRE, LEDGER_IN_TOKENS, "100001"), 500);
    assert_int_equal(balance(LEDGER_LITRE, LEDGER_SOLD, "100001"), -500);
    assert_int_equal(balance("EUR", LEDGER_ROUNDING, ""), -1);
    assert_int_equal(balance("EUR", LEDGER_SOLD, "100001"), 0); /* another unit */
    assert_int_equal(balance(LEDGER_LITRE, LEDGER_SOLD, "100002"), 0);
    assert_int_equal(count("journal"), 1);
    assert_int_equal(count("posting"), 5);
    assert_int_equal(oaid_sql_number(&office, "SELECT SUM(line) FROM posting"), 15);
    assert_int_equal(oaid_sql_number(&office, "SELECT debits FROM ledger_account WHERE code = "
                                              "'customer'"),
                     425000);
}

static void its_hash_is_in_the_audit_log(void **state)
{
    (void)state;
    assert_int_equal(post(&sale), 0);
    assert_int_equal(oaid_sql_number(&office,
                                     "SELECT COUNT(*) FROM audit_log a, journal j WHERE a.what = "
                                     "'posted' AND a.who = 'S001' AND a.detail = "
                                     "lower(hex(j.op_id)) || ' sale ' || lower(hex(j.hash))"),
                     1);
}

static void twice_is_once(void **state)
{
    struct ledger_entry other;

    (void)state;
    assert_int_equal(post(&sale), 0);
    office.utc_ms += 1000; /* a repetition comes later */
    assert_int_equal(post(&sale), 1);
    assert_int_equal(count("posting"), 5);
    assert_int_equal(balance(LEDGER_LITRE, LEDGER_IN_TOKENS, "100001"), 500);

    other = sale;
    other.postings[0].amount++;
    other.postings[1].amount--;
    assert_int_equal(post(&other), GF_E_MISMATCH);
    other = sale;
    other.note = "another";
    assert_int_equal(post(&other), GF_E_MISMATCH);
    other = sale;
    other.made_by = "S002";
    assert_int_equal(post(&other), GF_E_MISMATCH);
    other = sale;
    other.effective_s++;
    assert_int_equal(post(&other), GF_E_MISMATCH);
    other = sale;
    other.postings[0].owner = other.postings[1].owner = "100002";
    assert_int_equal(post(&other), GF_E_MISMATCH);
    assert_int_equal(count("journal"), 1);

    other = sale;
    other.kind = "taken"; /* the same operation may cause another kind of entry */
    assert_int_equal(post(&other), 0);
    assert_int_equal(balance(LEDGER_LITRE, LEDGER_IN_TOKENS, "100001"), 1000);
}

static void what_does_not_balance_is_refused(void **state)
{
    struct ledger_entry e;

    (void)state;
    for (size_t i = 0; i < sale.n; i++) {
        e = sale;
        e.postings[i].amount++;
        assert_int_equal(post(&e), GF_E_BUG);
    }
    e = sale; /* in sum, but not of each unit */
    e.postings[0].amount -= 5;
    e.postings[2].amount += 5;
    assert_int_equal(post(&e), GF_E_BUG);
    expect_nothing();
}

static void lines_of_units_may_stand_in_any_order(void **state)
{
    struct ledger_entry e = sale;

    (void)state;
    e.postings[1] = sale.postings[2];
    e.postings[2] = sale.postings[1];
    assert_int_equal(post(&e), 0);
    assert_int_equal(balance(LEDGER_LITRE, LEDGER_SOLD, "100001"), -500);
}

static void what_is_no_entry_is_refused(void **state)
{
    static char longer[256];
    struct ledger_entry e[13];

    (void)state;
    memset(longer, 'a', sizeof longer - 1);
    for (size_t i = 0; i < 13; i++)
        e[i] = sale;
    e[0].kind = "";
    e[1].kind = NULL;
    e[2].kind = longer + sizeof longer - 1 - LEDGER_KIND_MAX;
    e[3].made_by = "";
    e[4].made_by = longer + sizeof longer - 1 - LEDGER_WHO_MAX;
    e[5].note = NULL;
    e[6].note = longer + sizeof longer - 1 - LEDGER_NOTE_MAX;
    e[7].n = LEDGER_POSTINGS_MAX + 1;
    e[8].postings[0].unit = "";
    e[9].postings[0].owner = NULL;
    e[10].postings[0].owner = longer + sizeof longer - 1 - LEDGER_OWNER_MAX;
    e[11].postings[0].code = LEDGER_CODES;
    e[12].postings[0].amount = INT64_MIN;
    for (size_t i = 0; i < 13; i++)
        if (post(&e[i]) != GF_E_BUG)
            fail_msg("entry %zu was taken", i);
    expect_nothing();
}

static void the_longest_texts_are_taken(void **state)
{
    static char kind[LEDGER_KIND_MAX], who[LEDGER_WHO_MAX], note[LEDGER_NOTE_MAX],
        owner[LEDGER_OWNER_MAX];
    struct ledger_entry e = sale;

    (void)state;
    memset(kind, 'k', sizeof kind - 1);
    memset(who, 'w', sizeof who - 1);
    memset(note, 'n', sizeof note - 1);
    memset(owner, 'o', sizeof owner - 1);
    e.kind = kind;
    e.made_by = who;
    e.note = note;
    e.postings[0].owner = owner;
    assert_int_equal(post(&e), 0);
    assert_int_equal(post(&e), 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT MAX(length(detail)) FROM audit_log"),
                     LEDGER_DETAIL_MAX - 1);
}

static void empty_lines_are_left_out(void **state)
{
    struct ledger_entry e = sale;

    (void)state;
    e.postings[2].amount = 0;
    e.postings[3].amount = 1;
    assert_int_equal(post(&e), 0);
    assert_int_equal(count("posting"), 4);
    assert_int_equal(post(&e), 1);
    e.kind = "empty";
    for (size_t i = 0; i < e.n; i++)
        e.postings[i].amount = 0;
    assert_int_equal(post(&e), 0);
    assert_int_equal(count("journal"), 1);
}

static void sums_do_not_leave_64_bits(void **state)
{
    struct ledger_entry e = sale;

    (void)state;
    e.n = 4;
    for (size_t i = 0; i < 4; i++)
        e.postings[i].unit = "EUR";
    e.postings[0].amount = e.postings[1].amount = INT64_MAX;
    e.postings[2].amount = e.postings[3].amount = -INT64_MAX;
    assert_int_equal(post(&e), GF_E_RANGE);
    expect_nothing();

    e = sale;
    e.n = 2;
    e.postings[0].amount = INT64_MAX - 10;
    e.postings[1].amount = -(INT64_MAX - 10);
    assert_int_equal(post(&e), 0);
    e.op_id[0]++;
    e.postings[0].amount = 11;
    e.postings[1].amount = -11;
    assert_int_equal(post(&e), GF_E_RANGE);
    assert_int_equal(count("journal"), 1);
    e.postings[0].amount = 10;
    e.postings[1].amount = -10;
    assert_int_equal(post(&e), 0);
    assert_int_equal(balance(LEDGER_LITRE, LEDGER_SOLD, "100001"), -INT64_MAX);
    e.op_id[0]++;
    e.postings[0].amount = -3; /* the other side is as full as it may be */
    e.postings[1].amount = 3;
    assert_int_equal(post(&e), 0);
    assert_int_equal(balance(LEDGER_LITRE, LEDGER_SOLD, "100001"), 3 - INT64_MAX);
}

static void words_and_owners(void **state)
{
    char owner[33];
    const uint8_t swap_case[16] = { 0xAB, 0xCD };

    (void)state;
    for (unsigned i = 0; i < LEDGER_CODES; i++)
        assert_int_equal(ledger_code_find(ledger_code_text((enum ledger_code)i)), i);
    assert_int_equal(ledger_code_find("nothing"), LEDGER_CODES);
    ledger_owner(100001, owner);
    assert_string_equal(owner, "100001");
    ledger_owner_case(swap_case, owner);
    assert_string_equal(owner, "abcd0000000000000000000000000000");
}

/* Whatever table cannot be used: the failure is told, and nothing stays. */
static void a_store_that_fails_is_told(void **state)
{
    static const char *const tables[] = { "journal", "posting", "ledger_account", "audit_log" };
    char sql[100];
    int64_t v;

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        (void)snprintf(sql, sizeof sql, "ALTER TABLE %s RENAME TO away", tables[i]);
        oaid_sql(&office, sql);
        assert_true(post(&sale) < 0);
        assert_int_not_equal(office.o->fail.code, 0);
        if (i == 2)
            assert_true(ledger_balance(office.o, "EUR", LEDGER_CASH, "", &v) < 0);
        (void)snprintf(sql, sizeof sql, "ALTER TABLE away RENAME TO %s", tables[i]);
        oaid_sql(&office, sql);
        office.o->fail = (struct gf_fail){ 0 };
        oaid_office_restart(&office);
    }
    expect_nothing();
    assert_int_equal(post(&sale), 0);
}

/* ... or written. */
static void a_write_that_fails_is_told(void **state)
{
    static const char *const tables[] = { "journal", "posting", "ledger_account", "audit_log" };

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        oaid_forbid(&office, "INSERT", tables[i]);
        assert_true(post(&sale) < 0);
        assert_string_equal(office.o->fail.detail, "no");
        oaid_allow(&office, tables[i]);
    }
    expect_nothing();
    assert_int_equal(post(&sale), 0);
}

static int no_hash(void *ctx, const struct gf_span *parts, size_t n, uint8_t ret[static 32])
{
    (void)ctx, (void)parts, (void)n, (void)ret;
    return GF_E_CRYPTO;
}

static void without_hashes_nothing_is_posted(void **state)
{
    const struct mc_crypto *good = office.o->ports.crypto;
    struct mc_crypto broken = *good;

    (void)state;
    broken.sha256 = no_hash;
    office.o->ports.crypto = &broken;
    assert_int_equal(post(&sale), GF_E_CRYPTO);
    expect_nothing();
    office.o->ports.crypto = good;
    assert_int_equal(post(&sale), 0);
    office.o->ports.crypto = &broken;
    assert_int_equal(post(&sale), GF_E_CRYPTO); /* is it the same? */
    office.o->ports.crypto = good;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(an_entry_is_posted_whole),
        T(its_hash_is_in_the_audit_log),
        T(twice_is_once),
        T(what_does_not_balance_is_refused),
        T(lines_of_units_may_stand_in_any_order),
        T(what_is_no_entry_is_refused),
        T(the_longest_texts_are_taken),
        T(empty_lines_are_left_out),
        T(sums_do_not_leave_64_bits),
        T(words_and_owners),
        T(a_store_that_fails_is_told),
        T(a_write_that_fails_is_told),
        T(without_hashes_nothing_is_posted),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
