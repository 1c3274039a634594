/* test_office_closing.c - closing certificates and applications of swaps as a laptop's records; and
 * that head office has a word for every command of the meter. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_words.h"
#include "common/text.h"
#include "meter-core/commands.h"
#include "tests/aid/office_site.h"

#define FOR_THE_METER 16 /* the mac at its end is for the new meter, who looks at it; not head office */

static struct site site;
static struct site_meter old, new;
static char number[32];

/* The old meter in service with 40 litres, a swap order fetched, the old account closed for it. */
static int start(void **state)
{
    const struct ho_new_order n = site_order_of("swap", SITE_NEW, "SP-0001");
    uint64_t old_no;

    (void)state;
    site_new(&site);
    site_meter_new(&site, &old, SITE_OLD);
    site_meter_new(&site, &new, SITE_NEW);
    old_no = site_open(&site, &old, "SP-0001");
    site_sell(&site, old_no, 40);
    assert_int_equal(site_give(&site, &old, old_no), gasm_Refusal_OK);
    site_order(&site, &n, number);
    site_fetch(&site);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    site_audit(&site);
    site_meter_end(&old);
    site_meter_end(&new);
    site_end(&site);
    return 0;
}

static sync_Item closing_item(const uint8_t *p, size_t n)
{
    sync_Item item = { .kind = sync_ItemKind_CLOSING };

    memcpy(item.job_id, site_job(&site, number)->id, sizeof item.job_id);
    assert_true(n <= sizeof item.payload.bytes);
    memcpy(item.payload.bytes, p, n);
    item.payload.size = (pb_size_t)n;
    return item;
}

static void expect(const uint8_t *p, size_t n, sync_VerdictKind kind, const char *field)
{
    sync_Item item = closing_item(p, n);

    oaid_expect(&site.l, &item, kind, field);
}

static int64_t closings(void)
{
    return oaid_sql_number(&site.a, "SELECT COUNT(*) FROM closing");
}

static void a_closing_is_taken_once(void **state)
{
    (void)state;
    site_key_and_account(&site, &new, number);
    site_close(&site, &old, true);
    expect(old.certificate, old.certificate_n, sync_VerdictKind_APPLIED, "");
    assert_int_equal(closings(), 1);
    assert_string_equal(site_case(&site, number).state, "closed");
    expect(old.certificate, old.certificate_n, sync_VerdictKind_DUPLICATE, "");
    assert_int_equal(closings(), 1);
    site_send_all(&site, &old, number);
}

/* It comes in one request with the receipts of both meters, in any place among them. */
static void a_closing_among_receipts(void **state)
{
    sync_Item item;

    (void)state;
    site_key_and_account(&site, &new, number);
    site_close(&site, &old, true);
    site_read(&site, &old);
    site_read(&site, &new);
    oaid_begin(&site.l);
    for (size_t i = 0; i < old.n || i < new.n; i++) {
        if (i < old.n) {
            item = oaid_receipt_item(site_job(&site, number), old.receipts[i], old.sizes[i]);
            oaid_add(&site.l, &item);
        }
        if (i == 2) {
            item = closing_item(old.certificate, old.certificate_n);
            oaid_add(&site.l, &item);
        }
        if (i < new.n) {
            item = oaid_receipt_item(site_job(&site, number), new.receipts[i], new.sizes[i]);
            oaid_add(&site.l, &item);
        }
    }
    assert_int_equal(oaid_send(&site.l), 200);
    for (size_t i = 0; i < site.l.n_verdicts; i++)
        assert_true(site.l.verdicts[i].kind == sync_VerdictKind_APPLIED
                    || site.l.verdicts[i].kind == sync_VerdictKind_DUPLICATE);
    assert_int_equal(closings(), 1);
}

static void no_altered_closing_is_taken(void **state)
{
    uint8_t bytes[MC_CERTIFICATE_MAX];

    (void)state;
    site_key_and_account(&site, &new, number);
    site_close(&site, &old, true);
    memcpy(bytes, old.certificate, old.certificate_n);
    for (size_t i = 0; i < old.certificate_n - FOR_THE_METER; i++) {
        sync_Item item;

        bytes[i] ^= (uint8_t)(1u << i % 8);
        item = closing_item(bytes, old.certificate_n);
        oaid_begin(&site.l);
        oaid_add(&site.l, &item);
        assert_int_equal(oaid_send(&site.l), 200);
        bytes[i] ^= (uint8_t)(1u << i % 8);
        if (oaid_verdict(&site.l)->kind != sync_VerdictKind_QUARANTINED)
            assert_int_equal(oaid_verdict(&site.l)->kind, sync_VerdictKind_CONFLICT);
    }
    for (size_t n = 0; n < old.certificate_n; n++)
        expect(bytes, n, sync_VerdictKind_QUARANTINED, "payload");
    assert_int_equal(closings(), 0);
    assert_string_equal(site_case(&site, number).state, "planned");
    expect(bytes, old.certificate_n, sync_VerdictKind_APPLIED, "");
}

/* ---- the application of a swap ---- */

static void say(const sync_Application *a, sync_VerdictKind kind, const char *field)
{
    sync_Item item = oaid_application(site_job(&site, number), a);

    oaid_expect(&site.l, &item, kind, field);
}

/* It names the new meter and the new account; each field that differs is named. */
static void an_application_of_a_swap(void **state)
{
    const sync_Job *job = site_job(&site, number);
    sync_Application a = oaid_application_of(job);
    const uint32_t type = (uint32_t)oaid_sql_number(
        &site.a, "SELECT type FROM meter WHERE meter_id = '" SITE_NEW "'");

    (void)state;
    a.meter_type = type;
    assert_string_equal(a.meter_id, SITE_NEW);
    (void)gf_copy(a.meter_id, sizeof a.meter_id, SITE_OLD);
    say(&a, sync_VerdictKind_CONFLICT, "meter_id");
    (void)gf_copy(a.meter_id, sizeof a.meter_id, "\xFF\xFE");
    say(&a, sync_VerdictKind_CONFLICT, "meter_id");
    (void)gf_copy(a.meter_id, sizeof a.meter_id, job->meter_id);
    (void)gf_copy(a.supply_point, sizeof a.supply_point, "SP-0002");
    say(&a, sync_VerdictKind_CONFLICT, "supply_point");
    (void)gf_copy(a.supply_point, sizeof a.supply_point, job->supply_point);
    (void)gf_copy(a.customer_no, sizeof a.customer_no, "C-1002");
    say(&a, sync_VerdictKind_CONFLICT, "customer_no");
    (void)gf_copy(a.customer_no, sizeof a.customer_no, job->customer_no);
    (void)gf_copy(a.customer_name, sizeof a.customer_name, "Nobody");
    say(&a, sync_VerdictKind_CONFLICT, "customer_name");
    (void)gf_copy(a.customer_name, sizeof a.customer_name, job->customer_name);
    a.account_no = job->old_account_no;
    say(&a, sync_VerdictKind_CONFLICT, "account_no");
    a.account_no = job->account_no;
    a.meter_type = type + 1;
    say(&a, sync_VerdictKind_CONFLICT, "meter_type");
    a.meter_type = type;
    a.function_state = gasm_LifeState_CLOSED;
    say(&a, sync_VerdictKind_CONFLICT, "function_state");
    a.function_state = gasm_LifeState_FACTORY;
    a.key_epoch = 7;
    say(&a, sync_VerdictKind_CONFLICT, "key_epoch");
    a.key_epoch = 0;
    say(&a, sync_VerdictKind_APPLIED, "");
}

/* ---- words ---- */

/* Each command of the meter's own table, by its own name. */
static void every_command_has_its_word(void **state)
{
    const struct mc_command_row *rows;
    size_t n;

    (void)state;
    rows = mc_commands(&n);
    assert_int_equal(n, _gasm_Command_MAX);
    for (size_t i = 0; i < n; i++) {
        char name[40];

        (void)gf_copy(name, sizeof name, rows[i].name);
        for (char *p = name; *p != '\0'; p++)
            *p = *p == '_' ? '-' : *p;
        assert_string_equal(ho_command_word(rows[i].id), name);
    }
    assert_string_equal(ho_command_word(_gasm_Command_MAX + 1), "?");
    for (int64_t state_no = 0; state_no <= _gasm_LifeState_MAX; state_no++)
        assert_string_not_equal(ho_life_word(state_no), "?");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(a_closing_is_taken_once),
        T(a_closing_among_receipts),
        T(no_altered_closing_is_taken),
        T(an_application_of_a_swap),
        cmocka_unit_test(every_command_has_its_word),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
