/* test_swap_dead.c - swaps of dead meters: estimated, and made to speak when the new one is in use,
 * swapped again, or gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_issue.h"
#include "backend/report.h"
#include "tests/aid/office_site.h"

static struct site site;
static struct site_meter old, new, third;
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

static int64_t count_of(const char *sql)
{
    return oaid_sql_number(&site.a, sql);
}

/* ---- estimated ---- */

static void a_dead_meter_is_estimated_and_corrected(void **state)
{
    struct ho_new_order n = site_order_of("maintenance", SITE_NEW, NULL);
    struct swap_case c;
    char bench[32];

    (void)state;
    begin(700, 900);
    site_send_all(&site, &old, number); /* its token is known to be taken */
    c = site_case(&site, number);
    expect_fail(site_estimate(&site, c.case_id, 600, "S001", "V001"), GF_E_NOT_NOW, "swap case");
    site_send_all(&site, &new, number);
    expect_fail(site_estimate(&site, c.case_id, 901, "S001", "V001"), GF_E_RANGE, "residual_l");
    expect_fail(site_estimate(&site, c.case_id, 600, "V001", "V001"), GF_E_FORMAT, "confirmed_by");
    expect_fail(site_estimate(&site, c.case_id, 600, "V001", "S001"), GF_E_FORMAT, "confirmed_by");
    expect_fail(site_estimate(&site, c.case_id, 600, "S009", "V001"), GF_E_FORMAT, "estimated_by");
    assert_int_equal(site_estimate(&site, c.case_id, 600, "S001", "V001"), 0);
    assert_int_equal(site_estimate(&site, c.case_id, 600, "S001", "V001"), 0);
    expect_fail(site_estimate(&site, c.case_id, 601, "S001", "V001"), GF_E_MISMATCH, "residual_l");
    site_fetch(&site);
    site_commission(&site, &new);
    assert_int_equal(site_recharge(&site, &new, c.new_account_no), gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), 600);
    site_send_all(&site, &new, number);
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    site_done(&site, &new, number);
    site_bench(&site, &old, bench); /* it speaks: it has 700 */
    site_order(&site, &n, number);
    site_fetch(&site);
    site_send_all(&site, &old, bench);
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_recharge(&site, &new, c.new_account_no), gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), 700);
    site_send_all(&site, &new, number);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, c.new_account_no), 700);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, old_no), 0);
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COALESCE(SUM(debits - credits), 0) FROM "
                                              "ledger_account WHERE code IN ('adjusted', "
                                              "'transit')"),
                     0);
    end();
}

/* The estimate's token is on its way when the bench makes the meter speak: what it brings too much
 * is taken back when it has arrived, and nobody has to think of it. */
static void a_wrong_estimate_is_corrected_when_its_token_arrives(void **state)
{
    struct ho_new_order n = site_order_of("maintenance", SITE_NEW, NULL);
    struct swap_case c;
    char bench[32];

    (void)state;
    begin(700, 900);
    site_swap_dead(&site, &old, &new, 800, number);
    site_bench(&site, &old, bench);
    site_send_all(&site, &old, bench);
    c = site_case(&site, number);
    assert_string_equal(c.state, "closed");
    assert_int_equal(site_transit(&site, &c), -100);
    site_order(&site, &n, bench);
    for (int i = 0; i < 2; i++) { /* the estimate's, and what takes back */
        site_fetch(&site);
        assert_int_equal(site_recharge(&site, &new, c.new_account_no), gasm_Refusal_OK);
        site_send_all(&site, &new, bench);
    }
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_residual(&new), 700);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, c.new_account_no), 700);
    end();
}

/* ---- a refund under way ---- */

static int refund(struct site *s, void *ctx)
{
    static const uint8_t id[16] = { 9, 9 };
    uint64_t by = 0;

    return refund_ask(s->a.o, id, old_no, *(uint64_t *)ctx, "S001", "V001", "bought twice", &by);
}

/* Nothing proves that the token was not used: no money is paid, its litres go on with the swap. */
static void a_dead_meters_refund_is_refused(bool taken)
{
    struct swap_case c;
    uint64_t sequence = 2;
    char bench[32];
    struct refund now;

    begin(700, 900);
    site_send_all(&site, &old, number);
    site_sell(&site, old_no, 60);
    if (taken) /* and nobody knows */
        assert_int_equal(site_give(&site, &old, old_no), gasm_Refusal_OK);
    site_must(&site, site_transact(&site, refund, &sequence));
    site_swap_dead(&site, NULL, &new, 700, number);
    c = site_case(&site, number);
    assert_int_equal(refund_find(site.a.o, (const uint8_t[16]){ 9, 9 }, &now), 1);
    assert_string_equal(now.state, "refused");
    assert_non_null(strstr(now.why, "dead"));
    assert_int_equal(count_of("SELECT COUNT(*) FROM payment WHERE state = 'refunded'"), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, c.new_account_no), 760);
    site_audit(&site);
    site_bench(&site, &old, bench);
    site_send_all(&site, &old, bench);
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, c.new_account_no), 760);
    assert_int_equal(count_of("SELECT COUNT(*) FROM payment WHERE state = 'refunded'"), 0);
    end();
}

static void a_refund_under_way_is_refused(void **state)
{
    (void)state;
    a_dead_meters_refund_is_refused(false);
    a_dead_meters_refund_is_refused(true);
}

/* ---- made to speak late ---- */

/* Another swap at the same place: its new meter has key, account and a passed self-test. */
static void order_swap(const char *old_id, struct site_meter *to, const char *to_id,
                       char ret_number[static 32])
{
    struct ho_new_order n = site_order_of("swap", to_id, "SP-0001");

    n.old_meter_id = old_id;
    site_meter_new(&site, to, to_id);
    site_order(&site, &n, ret_number);
    site_fetch(&site);
    site_key_and_account(&site, to, ret_number);
}

/* The estimate's token is on the new meter, and that one is swapped for a third, whose opening comes
 * home now or later. The number of the third's account. */
static uint64_t swap_again(char ret_number[static 32], bool opened)
{
    struct swap_case c = site_case(&site, number);
    char work[32];

    site_fetch(&site);
    assert_int_equal(site_recharge(&site, &new, c.new_account_no), gasm_Refusal_OK);
    order_swap(SITE_NEW, &third, SITE_THIRD, ret_number);
    (void)snprintf(work, sizeof work, "%s", ret_number);
    site_close(&site, &new, true);
    site_send_all(&site, &new, work);
    if (opened) {
        site_commission(&site, &third);
        assert_int_equal(site_import(&site, &third, &new), gasm_Refusal_OK);
        site_send_all(&site, &third, work);
    }
    return site_case(&site, work).new_account_no;
}

/* What the old meter says is more than was estimated, or less: it goes to who has the place now. */
static void late_papers_follow_the_swaps(int64_t estimate_l, bool opened)
{
    struct swap_case c;
    char work[32], bench[32];
    uint64_t third_no;

    begin(700, 900);
    site_swap_dead(&site, &old, &new, estimate_l, number);
    third_no = swap_again(work, opened);
    site_bench(&site, &old, bench);
    site_send_all(&site, &old, bench);
    c = site_case(&site, number);
    if (!opened) { /* it waits for the opening */
        assert_string_equal(c.state, "closed");
        assert_int_equal(site_transit(&site, &c), 700 - estimate_l);
        site_audit(&site);
        site_commission(&site, &third);
        assert_int_equal(site_import(&site, &third, &new), gasm_Refusal_OK);
        site_send_all(&site, &third, work);
        c = site_case(&site, number);
    }
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, third_no), 700 - estimate_l);
    site_audit(&site);
    site_fetch(&site);
    assert_int_equal(site_recharge(&site, &third, third_no), gasm_Refusal_OK);
    site_send_all(&site, &third, work);
    c = site_case(&site, work);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_residual(&third), 700);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, third_no), 700);
    site_meter_end(&third);
    end();
}

static void late_papers_go_to_the_last_of_the_swaps(void **state)
{
    (void)state;
    late_papers_follow_the_swaps(600, true);
    late_papers_follow_the_swaps(800, true);
    late_papers_follow_the_swaps(600, false);
    late_papers_follow_the_swaps(800, false);
}

/* Nothing was estimated to be on it, so no token says which way it went. What it had all the same
 * goes to the meter that is there, or waits for the next one's opening; also where the one that
 * came for it has died too, and never said what it took. */
static void late_papers_after_an_estimate_of_nothing(void **state)
{
    static struct site_meter fourth;
    struct swap_case c;
    char work[32], last[32], bench[32];
    uint64_t fourth_no;

    (void)state;
    begin(700, 900);
    site_swap_dead(&site, &old, &new, 0, number);
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(oaid_sql_number(&site.a, "SELECT COUNT(*) FROM token WHERE swap_case IS NOT "
                                              "NULL"),
                     0);
    order_swap(SITE_NEW, &third, SITE_THIRD, work);
    site_swap_dead(&site, &new, &third, 0, work);
    order_swap(SITE_THIRD, &fourth, SITE_FOURTH, last);
    fourth_no = site_case(&site, last).new_account_no;
    site_close(&site, &third, true);
    site_send_all(&site, &third, last);
    site_bench(&site, &old, bench);
    site_send_all(&site, &old, bench);
    c = site_case(&site, number);
    assert_string_equal(c.state, "closed");
    assert_int_equal(site_transit(&site, &c), 700);
    site_audit(&site);
    site_send_all(&site, &fourth, last);
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, fourth_no), 700);
    site_fetch(&site);
    site_commission(&site, &fourth);
    assert_int_equal(site_recharge(&site, &fourth, fourth_no), gasm_Refusal_OK);
    assert_int_equal(site_residual(&fourth), 700);
    site_send_all(&site, &fourth, last);
    site_meter_end(&third);
    site_meter_end(&fourth);
    end();
}

static void the_meter_that_came_gets_what_was_not_estimated(void **state)
{
    struct swap_case c;
    char bench[32];

    (void)state;
    begin(700, 900);
    site_swap_dead(&site, &old, &new, 0, number);
    site_bench(&site, &old, bench);
    site_send_all(&site, &old, bench);
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, c.new_account_no), 700);
    end();
}

/* The day's report has this case among those not settled, with these litres. */
static void is_reported(const struct swap_case *c, int64_t litres)
{
    char today[16];
    json_t *day = NULL;
    const json_t *swap;

    ho_date_text(site.a.utc_ms / 1000, today);
    assert_int_equal(report_day(site.a.o, today, &day), 0);
    swap = json_array_get(json_object_get(day, "swaps"), 0);
    assert_string_equal(json_string_value(json_object_get(swap, "number")), c->number);
    assert_string_equal(json_string_value(json_object_get(swap, "state")), c->state);
    assert_int_equal(json_integer_value(json_object_get(swap, "litres")), litres);
    json_decref(day);
}

/* Nothing says whether the new meter took the certificate before it died: a person decides, who finds
 * the case in the day's report. */
static void a_case_whose_new_meter_died_waits_for_a_person(void **state)
{
    struct swap_case c;
    char work[32];
    uint64_t third_no;

    (void)state;
    begin(700, 900);
    site_close(&site, &old, true);
    site_send_all(&site, &old, number);
    site_commission(&site, &new);
    site_send_all(&site, &new, number);
    site_done(&site, &new, number);
    order_swap(SITE_NEW, &third, SITE_THIRD, work);
    site_swap_dead(&site, &new, &third, 0, work);
    third_no = site_case(&site, work).new_account_no;
    c = site_case(&site, number);
    assert_string_equal(c.state, "closed");
    assert_int_equal(site_transit(&site, &c), 700);
    is_reported(&c, 700);
    site_audit(&site);
    expect_fail(site_settle(&site, c.case_id, false), GF_E_NOT_NOW, "swap case");
    assert_int_equal(site_settle(&site, c.case_id, true), 0);
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, third_no), 700);
    site_meter_end(&third);
    end();
}

/* The new meter was taken away, and the place is empty: the difference is with what that one left. */
static void late_papers_of_a_place_that_was_left(int64_t estimate_l, bool let_again)
{
    struct ho_new_order n = site_order_of("removal", SITE_NEW, NULL);
    struct swap_case c;
    char removal[32], bench[32];
    uint64_t next_no = 0;

    begin(700, 900);
    site_swap_dead(&site, &old, &new, estimate_l, number);
    c = site_case(&site, number);
    site_fetch(&site);
    assert_int_equal(site_recharge(&site, &new, c.new_account_no), gasm_Refusal_OK);
    site_order(&site, &n, removal);
    site_fetch(&site);
    site_close(&site, &new, false);
    site_send_all(&site, &new, removal);
    assert_int_equal(site_certificate(&site, new.certificate, new.certificate_n), 0);
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, c.new_account_no), estimate_l);
    if (let_again) { /* to the same customer: there it goes */
        site_meter_new(&site, &third, SITE_THIRD);
        next_no = site_open(&site, &third, "SP-0001");
    }
    site_bench(&site, &old, bench);
    site_send_all(&site, &old, bench);
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_TRANSIT, c.new_account_no),
                     let_again ? estimate_l : 700);
    if (let_again) {
        assert_int_equal(site_account(&site, LEDGER_IN_TOKENS, next_no), 700 - estimate_l);
        site_meter_end(&third);
    }
    end();
}

static void late_papers_are_with_what_a_removed_meter_left(void **state)
{
    (void)state;
    late_papers_of_a_place_that_was_left(600, false);
    late_papers_of_a_place_that_was_left(800, false);
    late_papers_of_a_place_that_was_left(600, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_meter_is_estimated_and_corrected),
        cmocka_unit_test(a_wrong_estimate_is_corrected_when_its_token_arrives),
        cmocka_unit_test(a_refund_under_way_is_refused),
        cmocka_unit_test(late_papers_go_to_the_last_of_the_swaps),
        cmocka_unit_test(late_papers_after_an_estimate_of_nothing),
        cmocka_unit_test(the_meter_that_came_gets_what_was_not_estimated),
        cmocka_unit_test(a_case_whose_new_meter_died_waits_for_a_person),
        cmocka_unit_test(late_papers_are_with_what_a_removed_meter_left),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
