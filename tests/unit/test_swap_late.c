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

/* The old meter in service with so many litres of credit, a swap order fetched. */
static void begin(int64_t litres)
{
    struct ho_new_order n = site_order_of("swap", SITE_NEW, "SP-0001");

    site_new(&site);
    site_meter_new(&site, &old, SITE_OLD);
    site_meter_new(&site, &new, SITE_NEW);
    old_no = site_open(&site, &old, "SP-0001");
    site_sell(&site, old_no, litres);
    assert_int_equal(site_give(&site, &old, old_no), gasm_Refusal_OK);
    site_order(&site, &n, number);
    site_fetch(&site);
    site_key_and_account(&site, &new, number);
}

/* Whatever happened, the books hold. */
static void end(void)
{
    site_audit(&site);
    site_meter_end(&old);
    site_meter_end(&new);
    site_end(&site);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_operation_id_on_two_meters),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
