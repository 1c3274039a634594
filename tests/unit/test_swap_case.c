/* test_swap_case.c - swaps of two real meters through head office: papers in any order, nothing lost
 * and nothing twice. */
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

/* The old meter in service with so many litres of credit, bought and taken; a swap order fetched, the
 * new meter with key, account and passed self-test. */
static void begin(int64_t litres, int64_t cap_l)
{
    struct ho_new_order n = site_order_of("swap", SITE_NEW, "SP-0001");

    site_new(&site);
    site_meter_new(&site, &old, SITE_OLD);
    site_meter_new(&site, &new, SITE_NEW);
    old_no = site_open(&site, &old, "SP-0001");
    if (litres > 0) {
        site_sell(&site, old_no, litres);
        assert_int_equal(site_give(&site, &old, old_no), gasm_Refusal_OK);
    }
    n.cap_l = cap_l;
    site_order(&site, &n, number);
    site_fetch(&site);
    site_key_and_account(&site, &new, number);
}

static void end(void)
{
    site_meter_end(&old);
    site_meter_end(&new);
    site_end(&site);
}

static void a_swap_without_network(void **state)
{
    struct swap_case c;

    (void)state;
    begin(700, 0);
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    assert_int_equal(site_residual(&new), 700);
    site_send_all(&site, &old, number);
    site_send_all(&site, &new, number);
    c = site_case(&site, number);
    assert_string_equal(c.state, "settled");
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 1);
    assert_int_equal(site_transit(&site, &c), 0);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, c.new_account_no), 700);
    assert_int_equal(site_account(&site, LEDGER_RESIDUAL, old_no), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_swap_without_network),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
