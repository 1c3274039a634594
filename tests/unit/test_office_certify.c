/* test_office_certify.c - the certificate of commissioning of a swap's new meter: made when all its
 * receipts are home, whichever way the credit goes over. Openings are test_office_sync's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_certify.h"
#include "common/text.h"
#include "tests/aid/office_site.h"

static struct site site;
static struct site_meter old, new;
static char number[32];

static int64_t certificates(void)
{
    return oaid_sql_number(&site.a, "SELECT COUNT(*) FROM certificate c JOIN work_order w ON "
                                    "w.org_id = c.org_id AND w.order_id = c.order_id WHERE w.kind "
                                    "= 'swap'");
}

/* The laptop identified the new meter. */
static void registered(void)
{
    const sync_Job *job = site_job(&site, number);
    sync_Application a = oaid_application_of(job);
    sync_Item item;

    a.meter_type = (uint32_t)oaid_sql_number(&site.a, "SELECT MIN(type) FROM meter");
    item = oaid_application(job, &a);
    oaid_expect(&site.l, &item, sync_VerdictKind_APPLIED, "");
    site.l.cursor = 0;
}

static void begin(int64_t litres)
{
    (void)site_swap_begin(&site, &old, &new, litres, 0, number);
    registered();
}

static void end(void)
{
    site_swap_end(&site, &old, &new);
}

static void expect_line(const char *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void expect_line(const char *text, const char *format, ...)
{
    char line[200];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (strstr(text, line) == NULL)
        fail_msg("no line %s in\n%s", line, text);
}

/* The laptop is sent the one certificate: of the new meter, its account, its receipts, signed. */
static void expect_certificate(size_t last_receipt)
{
    const struct swap_case c = site_case(&site, number);
    const sync_Certificate *got = &site.l.certificates[0];
    char hex[2 * sizeof got->signature.bytes + 1], printed[sizeof got->text + sizeof hex + 16];
    struct gf_fail why = { 0 };

    assert_int_equal(certificates(), 1);
    site.l.cursor = 0;
    assert_int_equal(oaid_fetch(&site.l), 200);
    assert_int_equal(site.l.n_certificates, 1);
    assert_memory_equal(got->job_id, site_job(&site, number)->id, 16);
    expect_line(got->text, "\nMeter          " SITE_NEW ", type ");
    expect_line(got->text, "\nSupply point   SP-0001, ");
    expect_line(got->text, "\nCustomer       C-1001, Ada Marchetti\n");
    expect_line(got->text, "\nAccount        %llu, opened ", (unsigned long long)c.new_account_no);
    expect_line(got->text, "\nOrder          %s, S001 ", number);
    expect_line(got->text, "), key epoch 1\n");
    expect_line(got->text, "\nReceipts       1 to %zu, all verified\n", last_receipt);
    gf_hex(got->signature.bytes, got->signature.size, hex);
    (void)snprintf(printed, sizeof printed, "%ssignature: %s\n", got->text, hex);
    assert_int_equal(ho_certificate_check(site.a.o, printed, &why), 0);
    site.l.cursor = 0;
}

/* The laptop's work is done; head office has of the new meter what it is sent. */
static void done(void)
{
    site_read(&site, &new);
    site_done(&site, &new, number);
}

/* Without network the papers come later, the last of them last. */
static void the_certificate_waits_for_every_receipt(void **state)
{
    (void)state;
    begin(700);
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    done();
    site_send_all(&site, &old, number);
    site_send(&site, &new, number, 1, new.n - 1);
    assert_int_equal(certificates(), 0);
    site_send(&site, &new, number, new.n, new.n);
    expect_certificate(new.n);
    assert_int_equal(site_certificate(&site, old.certificate, old.certificate_n), 0);
    expect_certificate(new.n); /* and it stays the only one */
    end();
}

/* With network the credit comes by token, which is no part of the work. */
static void a_token_later_changes_nothing(void **state)
{
    struct swap_case c;
    size_t last;

    (void)state;
    begin(700);
    c = site_case(&site, number);
    site_close(&site, &old, true);
    site_send_all(&site, &old, number);
    site_send_all(&site, &new, number);
    assert_int_equal(site_settle(&site, c.case_id, true), 0);
    site_fetch(&site);
    site_commission(&site, &new);
    site_send_all(&site, &new, number);
    assert_int_equal(certificates(), 0); /* the laptop has not said that it is done */
    site_done(&site, &new, number);
    last = new.n;
    expect_certificate(last);
    site_fetch(&site);
    assert_int_equal(site_recharge(&site, &new, c.new_account_no), gasm_Refusal_OK);
    site_send_all(&site, &new, number);
    expect_certificate(last);
    end();
}

static void a_dead_meters_successor_has_one(void **state)
{
    size_t last;

    (void)state;
    begin(700);
    site_swap_dead(&site, &old, &new, 600, number);
    last = new.n;
    expect_certificate(last);
    end();
}

/* What the laptop did not compare with the register is not certified. */
static void none_without_an_application(void **state)
{
    (void)state;
    (void)site_swap_begin(&site, &old, &new, 700, 0, number);
    site_close(&site, &old, true);
    site_commission(&site, &new);
    assert_int_equal(site_import(&site, &new, &old), gasm_Refusal_OK);
    done();
    site_send(&site, &new, number, 1, new.n);
    site_send_all(&site, &old, number);
    assert_int_equal(certificates(), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_certificate_waits_for_every_receipt),
        cmocka_unit_test(a_token_later_changes_nothing),
        cmocka_unit_test(a_dead_meters_successor_has_one),
        cmocka_unit_test(none_without_an_application),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
