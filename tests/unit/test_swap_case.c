/* test_swap_case.c - swaps of two real meters through head office: papers in any order, nothing
 * lost and nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/office_site.h"

static struct site site;
static struct site_meter old, new;
static uint64_t old_no;
static char number[32];

static void begin(int64_t litres, int64_t cap_l)
{
    old_no = site_swap_begin(&site, &old, &new, litres, cap_l, number);
}

static void end(void)
{
    site_swap_end(&site, &old, &new);
}

static void expect_fail(int r, int want, const char *where)
{
    const struct gf_fail *f = &site.a.o->fail;

    if (r != want || strcmp(f->where, where) != 0 || f->detail[0] == '\0')
        fail_msg("%d %s: %s", r, f->where, f->detail);
}

static void all_home(void)
{
    site_send_all(&site, &old, number);
    site_send_all(&site, &new, number);
}

/* What tokens still bring arrives. Then the case is settled: nothing in transit, nothing on the old
 * account, and books and meter say `litres`. */
static void expect_settled(int64_t litres)
{
    struct swap_case c = site_case(&site, number);

    for (int i = 0; i < 3
                    && oaid_sql_number(&site.a, "SELECT COUNT(*) FROM token WHERE state = "
                                                "'pending'")
                           > 0;
         i++) {
        site_fetch(&site);
        assert_int_equal(site_recharge(&site, &new, c.new_account_no), gasm_Refusal_OK);
        site_send_all(&site, &new, number);
    }
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, c.new_account_no), 0);
    assert_int_equal(site_residual(&new), litres);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, c.new_account_no), litres);
}

/* ---- the two ways ---- */

static void a_swap_without_network(void **state)
{
    struct swap_case c;

    (void)state;
    begin(700, 0);
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), 700);
    all_home();
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 1);
    expect_settled(700);
    c = site_case(&site, number);
    assert_int_equal(site_settle(&site, c.case_id, true), 0); /* nothing more happens */
    expect_settled(700);
    end();
}

static void a_swap_with_network(void **state)
{
    struct swap_case c;
    gasm_Ticket t;

    (void)state;
    begin(700, 0);
    c = site_case(&site, number);
    expect_fail(site_settle(&site, c.case_id, true), GF_E_NOT_NOW, "swap case");
    site_close(&site, &old, true);
    site_send_all(&site, &old, number);
    c = site_case(&site, number);
    assert_string_equal(c.state, "closed");
    assert_int_equal(site_transit(&site, &c), 700);
    expect_fail(site_settle(&site, c.case_id, true), GF_E_NOT_NOW, "account_no"); /* not open yet */
    site_send_all(&site, &new, number);
    expect_fail(site_settle(&site, c.case_id, false), GF_E_NOT_NOW, "swap case");
    assert_int_equal(site_transit(&site, &c), 700);
    assert_int_equal(site_settle(&site, c.case_id, true), 0);
    assert_int_equal(site_settle(&site, c.case_id, true), 0);
    site_fetch(&site); /* the old tickets are void, the new ones have no terms */
    t = site_ticket_of(site_ticket(&site, SITE_NEW, 1));
    assert_int_equal(t.swap.size, 0);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_RIGHT);
    site_send_all(&site, &new, number);
    expect_settled(700);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM token WHERE kind = 'transfer'"),
                     1);
    end();
}

static void the_certificate_alone_is_enough_when_its_time_is_over(void **state)
{
    struct swap_case c;

    (void)state;
    begin(700, 0);
    site_close(&site, &old, true);
    site_send_all(&site, &new, number);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    c = site_case(&site, number);
    assert_string_equal(c.state, "closed");
    site.a.utc_ms = c.not_after_s * 1000;
    expect_fail(site_settle(&site, c.case_id, false), GF_E_NOT_NOW, "swap case");
    site.a.utc_ms += 1000;
    assert_int_equal(site_settle(&site, c.case_id, false), 0);
    site_commission(&site, &new);
    site_send_all(&site, &new, number);
    site_send_all(&site, &old, number);
    expect_settled(700);
    end();
}

/* ---- how much ---- */

static void what_the_cap_cuts_off_comes_by_token(void **state)
{
    (void)state;
    begin(700, 500);
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), 500);
    all_home();
    expect_settled(700);
    end();
}

static void a_debt_goes_over(void **state)
{
    (void)state;
    begin(-300, 0);
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    all_home();
    expect_settled(-300);
    end();
    begin(-300, 100); /* and above the cap as a debit token */
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), -100);
    all_home();
    expect_settled(-300);
    end();
}

static void tokens_that_never_arrived_come_along(void **state)
{
    (void)state;
    begin(700, 0);
    site_sell(&site, old_no, 250);
    site_sell(&site, old_no, 50);
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    all_home();
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM token WHERE state = 'voided'"),
                     2);
    expect_settled(1000);
    end();
}

/* ---- both ways at once ---- */

static void token_and_certificate_are_not_both_kept(void **state)
{
    struct swap_case c;

    (void)state;
    begin(700, 0);
    site_close(&site, &old, true);
    all_home();
    c = site_case(&site, number);
    assert_int_equal(site_settle(&site, c.case_id, true), 0);
    site_commission(&site, &new); /* a laptop that has not heard of it: its ticket has the terms */
    assert_int_equal(site_give(&site, &new, c.new_account_no), gasm_Refusal_OK);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), 1400);
    site_send_all(&site, &new, number);
    expect_settled(700);
    end();
}

static void a_token_behind_the_certificate_brings_the_rest(void **state)
{
    struct swap_case c;

    (void)state;
    begin(700, 500);
    site_close(&site, &old, true);
    all_home();
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK); /* nobody heard of it */
    c = site_case(&site, number);
    assert_int_equal(site_settle(&site, c.case_id, true), 0);
    assert_int_equal(site_give(&site, &new, c.new_account_no), gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), 700); /* totals: 500 were there already */
    site_send_all(&site, &new, number);
    expect_settled(700);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM token WHERE kind = 'debit'"),
                     0);
    end();
}

/* ---- wrong papers ---- */

/* A certificate as the old meter would make it, with its own key. */
static size_t forge(const gasm_Certificate *c, uint8_t ret[static MC_CERTIFICATE_MAX])
{
    struct swap_case of = site_case(&site, number);
    uint8_t key[MC_KEY_LEN];
    int n;

    assert_int_equal(mc_swap_key(new.w->ports.crypto, new.w->meter->core.active_key,
                                 (struct gf_span){ of.terms, of.terms_n }, key),
                     0);
    n = mc_certificate_seal(old.w->ports.crypto, old.w->meter->core.active_key,
                                c->swap_case.size > 0 ? key : NULL, c, ret, MC_CERTIFICATE_MAX);

    assert_true(n > 0);
    return (size_t)n;
}

static void wrong_certificates_are_refused(void **state)
{
    uint8_t bytes[MC_CERTIFICATE_MAX];
    gasm_Certificate good, c;

    (void)state;
    begin(700, 0);
    site_close(&site, &old, true);
    for (size_t i = 0; i < old.certificate_n; i++) { /* any byte changed */
        int r;

        memcpy(bytes, old.certificate, old.certificate_n);
        bytes[i] ^= 0x20;
        r = site_certificate(&site, bytes, old.certificate_n);
        if (r != GF_E_FORMAT && r != GF_E_SIGNATURE) /* that of the new meter's mac too */
            fail_msg("byte %zu: %d", i, r);
    }
    assert_int_equal(
        mc_certificate_peek((struct gf_span){ old.certificate, old.certificate_n }, &good), 0);
    c = good;
    memset(c.meter_id, 0xFF, sizeof c.meter_id); /* no text to a database */
    expect_fail(site_certificate(&site, bytes, forge(&c, bytes)), GF_E_FORMAT, "certificate");
    c = good;
    c.swap_case.bytes[0] ^= 1;
    expect_fail(site_certificate(&site, bytes, forge(&c, bytes)), GF_E_MISMATCH, "swap_case");
    c = good;
    memcpy(c.counterpart_id.bytes, SITE_THIRD, GF_METER_ID_LEN);
    expect_fail(site_certificate(&site, bytes, forge(&c, bytes)), GF_E_MISMATCH, "counterpart_id");
    c = good;
    c.account_no++;
    expect_fail(site_certificate(&site, bytes, forge(&c, bytes)), GF_E_MISMATCH, "account_no");
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    c = good;
    c.residual_l++;
    expect_fail(site_certificate(&site, bytes, forge(&c, bytes)), GF_E_MISMATCH, "certificate");
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM closing"), 1);
    end();
}

/* The terms were renewed while a laptop was on its way with those before: the tickets know them. */
static void a_certificate_under_older_terms_is_taken(void **state)
{
    (void)state;
    begin(700, 0);
    site_close(&site, &old, true);
    oaid_sql(&site.a, "CREATE TABLE kept AS SELECT terms FROM swap_case");
    oaid_sql(&site.a, "UPDATE swap_case SET terms = x'0102'");
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    oaid_sql(&site.a, "UPDATE swap_case SET terms = (SELECT terms FROM kept); DROP TABLE kept");
    end();
}

/* ---- no swap after all ---- */

static void a_cancelled_swap_leaves_all_as_it_was(void **state)
{
    struct swap_case c;

    (void)state;
    begin(700, 0);
    site_send_all(&site, &new, number);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM supply_point WHERE "
                                              "meter_id = '" SITE_NEW "'"),
                     1);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM binding WHERE meter_id = "
                                              "'" SITE_NEW "' AND ended_at_ms IS NULL"),
                     1);
    c = site_case(&site, number);
    assert_int_equal(site_cancel(&site, c.case_id), 0);
    assert_int_equal(site_cancel(&site, c.case_id), 0);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM supply_point WHERE "
                                              "meter_id = '" SITE_OLD "'"),
                     1);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM binding WHERE meter_id = "
                                              "'" SITE_OLD "' AND ended_at_ms IS NULL"),
                     1);
    assert_int_equal(
        oaid_sql_number(&site.a, "SELECT COUNT(*) FROM work_order WHERE closed_at_ms IS NULL"), 0);
    site_close(&site, &old, true); /* but the laptop was on its way: it happened all the same */
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    c = site_case(&site, number);
    assert_string_equal(c.state, "closed");
    assert_int_equal(site_transit(&site, &c), 700);
    expect_fail(site_cancel(&site, c.case_id), GF_E_NOT_NOW, "swap case");
    end();
}

/* Once credit or debt stands on the new account, the swap has begun. */
static void a_swap_that_has_begun_is_not_cancelled(void **state)
{
    struct swap_case c;

    (void)state;
    for (int debt = 0; debt < 2; debt++) {
        begin(700, 0);
        site_send_all(&site, &new, number);
        c = site_case(&site, number);
        site_issue(&site, c.new_account_no, debt == 1 ? "debit" : "forgive", 5);
        expect_fail(site_cancel(&site, c.case_id), GF_E_NOT_NOW, "swap case");
        assert_string_equal(site_case(&site, number).state, "planned");
        end();
    }
}

/* What a swap carried over was sold in the period too: the new account's first sale starts above it. */
static void tiers_go_on_through_a_swap(void **state)
{
    struct swap_case c;

    (void)state;
    begin(700, 0);
    site_sell(&site, old_no, 5000); /* not taken before the swap */
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    all_home();
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    c = site_case(&site, number);
    site_sell(&site, c.new_account_no, 10);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT MAX(from_l) FROM token WHERE kind = 'sale'"),
                     5700);
    expect_settled(5710);
    end();
}

/* ---- in any order ---- */

/* All that came of a swap, in a shuffled order: each receipt, the certificate twice, a try to
 * settle. In the end everything is the same. */
static void papers_arrive_in_any_order(uint64_t seed)
{
    struct aid_random random = { .state = seed };
    const int64_t credit_l = (int64_t)(aid_random_next(&random) % 1500) - 500,
                  pending_l = (int64_t)(aid_random_next(&random) % 300),
                  cap_l = 1 + (int64_t)(aid_random_next(&random) % 1500);
    const bool imports = aid_random_next(&random) % 4 != 0;
    struct paper {
        struct site_meter *m; /* NULL: try to settle */
        size_t receipt;       /* 0: the certificate */
    } papers[2 * SITE_RECEIPTS];
    size_t n = 0, sent;
    struct swap_case c;

    begin(credit_l, cap_l);
    if (pending_l > 0)
        site_sell(&site, old_no, pending_l);
    sent = old.n;
    site_close(&site, &old, true);
    site_commission(&site, &new);
    if (imports)
        assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    site_read(&site, &old);
    site_read(&site, &new);
    for (size_t i = sent + 1; i <= old.n; i++)
        papers[n++] = (struct paper){ &old, i };
    for (size_t i = 1; i <= new.n; i++)
        papers[n++] = (struct paper){ &new, i };
    papers[n++] = (struct paper){ &old, 0 };
    papers[n++] = (struct paper){ &old, 0 };
    papers[n++] = (struct paper){ NULL, 0 };
    for (size_t i = n - 1; i > 0; i--) {
        size_t k = aid_random_next(&random) % (i + 1);
        struct paper held = papers[i];

        papers[i] = papers[k];
        papers[k] = held;
    }
    c = site_case(&site, number);
    for (size_t i = 0; i < n; i++) {
        if (papers[i].m == NULL)
            (void)site_settle(&site, c.case_id, aid_random_next(&random) % 2 == 0);
        else if (papers[i].receipt > 0)
            site_send(&site, papers[i].m, number, papers[i].receipt, papers[i].receipt);
        else
            assert_true(site_certificate(&site, old.certificate, old.certificate_n) >= 0);
        assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM (SELECT op_id, kind FROM "
                                                  "posting GROUP BY op_id, kind, unit HAVING "
                                                  "SUM(amount) <> 0) wrong"),
                         0);
    }
    if (!imports)
        assert_int_equal(site_settle(&site, c.case_id, true), 0);
    expect_settled(credit_l + pending_l);
    end();
}

static void any_order_ends_alike(void **state)
{
    const char *rounds = getenv("TEST_ALL"), *only = getenv("SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1, n = rounds != NULL ? 400 : 12;

    (void)state;
    for (uint64_t seed = first; seed < first + (only != NULL ? 1 : n); seed++) {
        (void)printf("# SEED=%llu\n", (unsigned long long)seed);
        papers_arrive_in_any_order(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_swap_without_network),
        cmocka_unit_test(a_swap_with_network),
        cmocka_unit_test(the_certificate_alone_is_enough_when_its_time_is_over),
        cmocka_unit_test(what_the_cap_cuts_off_comes_by_token),
        cmocka_unit_test(a_debt_goes_over),
        cmocka_unit_test(tokens_that_never_arrived_come_along),
        cmocka_unit_test(token_and_certificate_are_not_both_kept),
        cmocka_unit_test(a_token_behind_the_certificate_brings_the_rest),
        cmocka_unit_test(wrong_certificates_are_refused),
        cmocka_unit_test(a_certificate_under_older_terms_is_taken),
        cmocka_unit_test(a_cancelled_swap_leaves_all_as_it_was),
        cmocka_unit_test(a_swap_that_has_begun_is_not_cancelled),
        cmocka_unit_test(tiers_go_on_through_a_swap),
        cmocka_unit_test(any_order_ends_alike),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
