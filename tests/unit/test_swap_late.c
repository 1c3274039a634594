/* test_swap_late.c - swaps whose papers say what head office did not expect: cancelled and done all
 * the same, estimated with tokens out, removed before everything was taken. */
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

static void begin(int64_t litres)
{
    old_no = site_swap_begin(&site, &old, &new, litres, 0, number);
}

static void end(void)
{
    site_swap_end(&site, &old, &new);
}

static struct swap_case swap_now(void)
{
    return site_case(&site, number);
}

/* ---- operations' ids ---- */

/* The laptop gave the same operation id to both meters. */
static void one_operation_id_on_two_meters(void **state)
{
    struct swap_case c;

    (void)state;
    begin(700);
    site_commission(&site, &new);
    site_close(&site, &old, true);
    site.ops--;
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    site_send_all(&site, &old, number);
    site_send_all(&site, &new, number);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    c = swap_now();
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, c.new_account_no), 700);
    end();
}

/* ---- cancelled, and done ---- */

static int64_t count_of(const char *sql)
{
    return oaid_sql_number(&site.a, sql);
}

static void expect_new_meter_in_use(const char *meter_id)
{
    char sql[200];

    (void)snprintf(sql, sizeof sql,
                   "SELECT COUNT(*) FROM supply_point WHERE supply_point = 'SP-0001' AND meter_id = "
                   "'%s'",
                   meter_id);
    assert_int_equal(count_of(sql), 1);
    (void)snprintf(sql, sizeof sql,
                   "SELECT COUNT(*) FROM account WHERE meter_id = '%s' AND state = 'open' AND "
                   "opened_seq IS NOT NULL AND closed_at_s IS NULL AND residual_l IS NULL",
                   meter_id);
    assert_int_equal(count_of(sql), 1);
    (void)snprintf(sql, sizeof sql,
                   "SELECT COUNT(*) FROM binding WHERE meter_id = '%s' AND ended_at_ms IS NULL",
                   meter_id);
    assert_int_equal(count_of(sql), 1);
}

enum paper { OLD_RECEIPTS, NEW_RECEIPTS, CERTIFICATE, PAPERS };

static void bring(enum paper paper)
{
    if (paper == OLD_RECEIPTS)
        site_send_all(&site, &old, number);
    else if (paper == NEW_RECEIPTS)
        site_send_all(&site, &new, number);
    else
        assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
}

/* Whichever comes first, and whether the opening was home before it was cancelled. */
static void cancelled_and_done(const enum paper order[static PAPERS], bool opened_before)
{
    struct swap_case c;

    begin(700);
    if (opened_before)
        site_send_all(&site, &new, number);
    c = swap_now();
    assert_int_equal(site_cancel(&site, c.case_id), 0);
    site_audit(&site);
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    for (int i = 0; i < PAPERS; i++)
        bring(order[i]);
    c = swap_now();
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, c.new_account_no), 700);
    assert_int_equal(count_of("SELECT COUNT(*) FROM token WHERE state = 'pending'"), 0);
    expect_new_meter_in_use(SITE_NEW);
    site_sell(&site, c.new_account_no, 20); /* its customer is served */
    end();
}

static void a_cancelled_swap_that_was_done_goes_on(void **state)
{
    static const enum paper orders[][PAPERS] = {
        { OLD_RECEIPTS, NEW_RECEIPTS, CERTIFICATE }, { OLD_RECEIPTS, CERTIFICATE, NEW_RECEIPTS },
        { NEW_RECEIPTS, OLD_RECEIPTS, CERTIFICATE }, { NEW_RECEIPTS, CERTIFICATE, OLD_RECEIPTS },
        { CERTIFICATE, OLD_RECEIPTS, NEW_RECEIPTS }, { CERTIFICATE, NEW_RECEIPTS, OLD_RECEIPTS },
    };

    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        cancelled_and_done(orders[i], i % 2 == 0);
    cancelled_and_done(orders[0], false);
    cancelled_and_done(orders[3], true);
}

/* The new meter opened its account, and the old one stays: nothing happened. A removal of the old one
 * later is not that swap. */
static void a_cancelled_swap_that_was_not_done_stays(void **state)
{
    struct ho_new_order n = site_order_of("removal", SITE_OLD, NULL);
    struct swap_case c;
    char removal[32];

    (void)state;
    begin(700);
    c = swap_now();
    assert_int_equal(site_cancel(&site, c.case_id), 0);
    site_send_all(&site, &new, number);
    c = swap_now();
    assert_string_equal(c.state, "cancelled");
    assert_int_equal(count_of("SELECT COUNT(*) FROM supply_point WHERE supply_point = 'SP-0001' AND "
                              "meter_id = '" SITE_OLD "'"),
                     1);
    site_audit(&site);
    site_order(&site, &n, removal);
    site_fetch(&site);
    site_close(&site, &old, false);
    site_send_all(&site, &old, removal);
    c = swap_now();
    assert_string_equal(c.state, "cancelled");
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, old_no), 700);
    end();
}

/* The first paper is of a removal that was ordered instead, of the meter that the swap had closed by
 * then: it ends the customer's binding. When the swap is seen to have been done, that goes over to the
 * new meter. */
static void a_revived_swap_takes_the_binding_along(void **state)
{
    struct ho_new_order n = site_order_of("removal", SITE_OLD, NULL);
    struct swap_case c;
    gasm_Request r;
    char removal[32];
    size_t had;

    (void)state;
    begin(700);
    site_send_all(&site, &old, number);
    c = swap_now();
    assert_int_equal(site_cancel(&site, c.case_id), 0);
    site_close(&site, &old, true);
    site_read(&site, &old);
    had = old.n;
    site_order(&site, &n, removal);
    site_fetch(&site);
    r = site_request(&site, &old, gasm_Command_SET_CLOCK);
    r.which_body = gasm_Request_set_clock_tag;
    r.body.set_clock.utc_s = old.w->utc_ms / 1000 + 1;
    site_do(&site, &old, &r);
    site_read(&site, &old);
    site_send(&site, &old, removal, had + 1, old.n);
    assert_string_equal(swap_now().state, "cancelled");
    assert_int_equal(count_of("SELECT COUNT(*) FROM binding WHERE ended_at_ms IS NULL"), 0);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    site_send_all(&site, &new, number);
    expect_new_meter_in_use(SITE_NEW);
    site_send(&site, &old, number, 1, had);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    c = swap_now();
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, c.new_account_no), 700);
    end();
}

/* ---- the opening comes last ---- */

/* Send all receipts of the new meter but that of its opening, which is number *ret. */
static size_t send_all_but_the_opening(void)
{
    size_t opening = 0;
    gasm_Receipt r;

    site_read(&site, &new);
    for (size_t i = 0; i < new.n; i++) {
        assert_int_equal(
            mc_receipt_peek((struct gf_span){ new.receipts[i], new.sizes[i] }, &r), 0);
        if (r.command == gasm_Command_OPEN_ACCOUNT)
            opening = i + 1;
    }
    assert_true(opening > 1);
    site_send(&site, &new, number, 1, opening - 1);
    site_send(&site, &new, number, opening + 1, new.n);
    return opening;
}

/* The new meter is removed before its opening comes home: it does not come back to the place. */
static void a_late_opening_moves_nothing_back(void **state)
{
    struct ho_new_order n = site_order_of("removal", SITE_NEW, NULL);
    const char *at_place = "SELECT COUNT(*) FROM supply_point WHERE supply_point = 'SP-0001' AND "
                           "meter_id IS NULL",
               *bound = "SELECT COUNT(*) FROM binding WHERE ended_at_ms IS NULL";
    size_t opening, had;
    char removal[32];

    (void)state;
    begin(700);
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    site_send_all(&site, &old, number);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    opening = send_all_but_the_opening();
    had = new.n;
    oaid_sql(&site.a, "UPDATE work_order SET state = 'done', closed_at_ms = 1 WHERE kind = 'swap'");
    site_order(&site, &n, removal);
    site_fetch(&site);
    site_close(&site, &new, false);
    site_read(&site, &new);
    site_send(&site, &new, removal, had + 1, new.n);
    assert_int_equal(count_of(at_place), 1);
    assert_int_equal(count_of(bound), 0);
    site_audit(&site);
    site_send(&site, &new, number, opening, opening);
    assert_int_equal(count_of(at_place), 1);
    assert_int_equal(count_of(bound), 0);
    assert_int_equal(count_of("SELECT COUNT(*) FROM account WHERE meter_id = '" SITE_NEW
                              "' AND state = 'closed' AND opened_seq IS NOT NULL"),
                     1);
    end();
}

/* ---- a dead meter with a token out ---- */

/* What the dead meter had made until then comes home before its closing does: each token is what the
 * meter holds, none is a case's, and the new meter's account stays as it is. */
static void last_receipts_before_the_closing(size_t from, const struct swap_case *c)
{
    const int64_t in_tokens = site_account(&site, LEDGER_IN_TOKENS, c->new_account_no);

    for (size_t i = from; i <= old.n; i++) {
        site_send(&site, &old, number, i, i);
        site_audit(&site);
    }
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, old_no), site_residual(&old));
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, c->new_account_no), in_tokens);
    assert_int_equal(site_transit(&site, c), 0);
}

/* The swap is called off, and ordered again with another new meter: the estimate is of that one. */
static void begin_again(void)
{
    struct ho_new_order n = site_order_of("swap", "GM2400050305", "SP-0001");
    struct swap_case c = swap_now();

    assert_int_equal(site_cancel(&site, c.case_id), 0);
    site_meter_end(&new);
    site_meter_new(&site, &new, "GM2400050305");
    site_order(&site, &n, number);
    site_fetch(&site);
    site_key_and_account(&site, &new, number);
}

/* It goes over with the estimate; when the bench reads the meter, it is counted once, taken or not, and
 * also when its receipts come before that of its closing. */
static void an_estimate_takes_tokens_along(const char *kind, bool taken, bool early)
{
    const int64_t litres = strcmp(kind, "debit") == 0 ? -60 : 60;
    struct ho_new_order n = site_order_of("bench-reset", SITE_OLD, NULL);
    struct swap_case c;
    char bench[32];
    size_t had;

    begin(700);
    if (early)
        begin_again();
    site_send_all(&site, &old, number); /* the first token is known to be taken */
    had = old.n;
    site_issue(&site, old_no, kind, 60);
    if (taken)
        assert_int_equal(site_give(&site, &old, old_no), gasm_Refusal_OK);
    site_send_all(&site, &new, number);
    c = swap_now();
    site_read(&site, &old);
    assert_int_equal(site_estimate(&site, c.case_id, 700, "S001", "V001"), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, c.new_account_no), 700 + litres);
    if (early)
        last_receipts_before_the_closing(had + 1, &c);
    site_fetch(&site);
    site_commission(&site, &new);
    assert_int_equal(site_recharge(&site, &new, c.new_account_no), gasm_Refusal_OK);
    site_send_all(&site, &new, number);
    assert_int_equal(count_of("SELECT COUNT(*) FROM token WHERE state = 'pending'"), 0);
    site_audit(&site);
    oaid_sql(&site.a, "UPDATE work_order SET state = 'done', closed_at_ms = 1 WHERE kind = 'swap'");
    site_order(&site, &n, bench);
    site_fetch(&site);
    site_close(&site, &old, false);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    site_send_all(&site, &old, bench);
    c = swap_now();
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, old_no), 0);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, c.new_account_no), 700 + litres);
    assert_int_equal(count_of("SELECT COUNT(*) FROM token WHERE state = 'pending'"), 0);
    end();
}

static void a_dead_meters_tokens_go_over_once(void **state)
{
    (void)state;
    an_estimate_takes_tokens_along("forgive", false, false);
    for (int early = 0; early < 2; early++) {
        an_estimate_takes_tokens_along("forgive", true, early == 1);
        an_estimate_takes_tokens_along("debit", true, early == 1);
    }
}

/* ---- removed before everything was taken ---- */

/* The token that settled the swap never arrives: its litres are left over, and can be moved on. */
static void a_removal_leaves_the_settlement_in_transit(void **state)
{
    struct ho_new_order n = site_order_of("removal", SITE_NEW, NULL);
    struct swap_case c;
    char removal[32];

    (void)state;
    begin(700);
    site_close(&site, &old, true);
    site_send_all(&site, &old, number);
    site_send_all(&site, &new, number);
    c = swap_now();
    assert_int_equal(site_settle(&site, c.case_id, true), 0);
    site_fetch(&site);
    site_commission(&site, &new);
    site_send_all(&site, &new, number);
    oaid_sql(&site.a, "UPDATE work_order SET state = 'done', closed_at_ms = 1 WHERE kind = 'swap'");
    site_order(&site, &n, removal);
    site_fetch(&site);
    site_close(&site, &new, false);
    site_send_all(&site, &new, removal);
    assert_int_equal(site_certificate(&site, new.certificate, new.certificate_n), 0);
    c = swap_now();
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, c.new_account_no), 700);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, c.new_account_no), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_operation_id_on_two_meters),
        cmocka_unit_test(a_cancelled_swap_that_was_done_goes_on),
        cmocka_unit_test(a_cancelled_swap_that_was_not_done_stays),
        cmocka_unit_test(a_revived_swap_takes_the_binding_along),
        cmocka_unit_test(a_late_opening_moves_nothing_back),
        cmocka_unit_test(a_dead_meters_tokens_go_over_once),
        cmocka_unit_test(a_removal_leaves_the_settlement_in_transit),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
