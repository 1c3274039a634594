/* test_office_sync.c - what laptops send to head office, item by item, and what they get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_certify.h"
#include "backend/office_register.h"
#include "meter-core/keys.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/message_samples.h"
#include "tests/aid/office_aid.h"

static struct oaid_office office;
static struct oaid_laptop laptop, other;

static int start(void **state)
{
    (void)state;
    oaid_start(&office, &laptop);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

static void expect_state(const char *state)
{
    char sql[120];

    (void)snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM work_order WHERE state = '%s'", state);
    assert_int_equal(oaid_sql_number(&office, sql), 1);
}

/* ---- bytes ---- */

static void each_message_is_encoded_as_nanopb_does(void **state)
{
    static const pb_msgdesc_t *const each[] = {
        sync_Item_fields,        sync_Application_fields, sync_StepRecord_fields,
        sync_JobDone_fields,     sync_SyncHead_fields,    sync_Up_fields,
        sync_Verdict_fields,     sync_Param_fields,       sync_Job_fields,
        sync_MeterRow_fields,    sync_TicketGrant_fields, sync_KeyIssue_fields,
        sync_SwapIssue_fields,   sync_TokenIssue_fields,  sync_Certificate_fields,
        sync_End_fields,         sync_Down_fields,
    };
    static union {
        sync_Item item;
        sync_Up up;
        sync_Down down;
        sync_StepRecord step;
    } msg;

    (void)state;
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
        for (unsigned member = 0;; member++) {
            memset(&msg, 0, sizeof msg);
            if (!aid_fill_fields(each[i], member, 0, &msg))
                break;
            aid_as_nanopb(each[i], &msg);
            (void)aid_fill_fields(each[i], member, UINT64_MAX, &msg);
            aid_as_nanopb(each[i], &msg);
        }
}

/* ---- the bundle ---- */

static void the_bundle_has_all_that_the_work_needs(void **state)
{
    const sync_Job *job = &laptop.jobs[0];
    gasm_Ticket t0, t1;
    uint8_t root[32], key[32];

    (void)state;
    assert_string_equal(job->number, "J-0001");
    assert_string_equal(job->kind, "account-opening");
    assert_string_equal(job->state, "assigned");
    assert_string_equal(job->due, "2026-11-22");
    assert_string_equal(job->meter_id, AID_METER_1);
    assert_string_equal(job->customer_name, "Ada Marchetti");
    assert_string_equal(job->address, "12 Canal Street, flat 3");
    assert_int_equal(job->account_no, 100001);
    assert_int_equal(job->purge_volume_l, 10);
    assert_int_equal(job->parameters_count, 3);
    assert_int_equal(laptop.n_meters, 1);
    assert_int_equal(laptop.meters[0].meter_type, 4);
    assert_int_equal(laptop.meters[0].state, gasm_LifeState_FACTORY);
    assert_string_equal(laptop.meters[0].bt_address, "02:00:00:00:00:01");
    assert_int_equal(laptop.n_keys, 1);
    assert_int_equal(laptop.keys[0].epoch, 1);

    assert_int_equal(laptop.n_tickets, 2);
    t0 = oaid_ticket(&laptop, 0);
    t1 = oaid_ticket(&laptop, 1);
    assert_int_equal(t0.epoch, 0);
    assert_int_equal(t0.installs_epoch, 1);
    assert_int_equal(t0.rights, 1u << gasm_Right_RIGHT_READ | 1u << gasm_Right_RIGHT_KEY);
    assert_int_equal(t0.account_no, 0);
    assert_int_equal(t1.epoch, 1);
    assert_int_equal(t1.installs_epoch, 0);
    assert_int_equal(t1.account_no, 100001);
    assert_int_equal(t1.rights & (1u << gasm_Right_RIGHT_KEY | 1u << gasm_Right_RIGHT_SUPERVISE),
                     0);
    assert_int_equal(t1.purge_volume_l, 50);
    assert_int_equal(t1.purge_grant_s, 120);
    assert_int_equal(t1.serial, t0.serial + 1);
    assert_int_equal(t1.serial_floor, t0.serial);
    assert_int_equal(t0.not_before_s, 1795305600 - 3600); /* 2026-11-22T00:00Z, an hour early */
    assert_int_equal(t0.not_after_s, 1795305600 + 2 * 86400 - 1);

    memset(root, 1, sizeof root); /* the factory key of meter 1 */
    assert_int_equal(mc_ticket_key(mc_crypto_openssl(), root,
                                   (struct gf_span){ laptop.tickets[0].ticket.bytes,
                                                     laptop.tickets[0].ticket.size },
                                   key),
                     0);
    assert_memory_equal(key, laptop.tickets[0].ticket_key, 32);
}

static void the_same_key_and_tickets_come_again(void **state)
{
    sync_KeyIssue key;
    sync_TicketGrant tickets[2];

    (void)state;
    key = laptop.keys[0];
    memcpy(tickets, laptop.tickets, sizeof tickets);
    oaid_office_restart(&office);
    laptop.cursor = 0;
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_memory_equal(&key, &laptop.keys[0], sizeof key);
    assert_memory_equal(tickets, laptop.tickets, sizeof tickets);
    assert_int_equal(oaid_fetch(&laptop), 200); /* nothing changed since */
    assert_int_equal(laptop.n_jobs, 0);
    laptop.cursor = 1000000; /* an office restored from an older copy */
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.n_jobs, 1);
}

static void tickets_that_run_out_are_replaced(void **state)
{
    gasm_Ticket old, fresh;

    (void)state;
    old = oaid_ticket(&laptop, 1);
    office.utc_ms = (old.not_after_s - 6 * 3600 - 1) * 1000;
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.n_tickets, 0);
    office.utc_ms += 2000;
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.n_tickets, 2);
    fresh = oaid_ticket(&laptop, 1);
    assert_int_equal(fresh.serial, old.serial + 2);
    assert_int_equal(fresh.serial_floor, old.serial + 1); /* voids the old ones */
    assert_true(fresh.not_after_s > old.not_after_s);
    assert_int_equal(laptop.n_keys, 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account_key"), 1);
}

static void orders_go_to_their_person_only(void **state)
{
    char number[32];

    (void)state;
    oaid_laptop_new(&other, &office, "S002");
    assert_int_equal(oaid_fetch(&other), 200);
    assert_int_equal(other.n_jobs + other.n_tickets + other.n_keys + other.n_meters, 0);
    oaid_order(&office, 2, number);
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.n_jobs, 1); /* only the new one */
    assert_string_equal(laptop.jobs[0].meter_id, AID_METER_2);
    oaid_sql(&office, "UPDATE work_order SET staff_no = 'S002'"); /* somebody else's from now on */
    laptop.cursor = 0;
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.n_tickets + laptop.n_keys + laptop.n_meters, 0);
    assert_int_equal(laptop.n_jobs, 2); /* what it had is told to be over, and no name with it */
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(laptop.jobs[i].state, "unable");
        assert_string_equal(laptop.jobs[i].customer_name, "");
    }
}

static void many_orders_come_in_pages(void **state)
{
    char sql[600];
    size_t got = 0, rounds = 0;

    (void)state;
    /* orders beyond what imports of three meters allow: closed copies of the first, for other
     * numbers */
    for (int i = 0; i < 119; i++) {
        (void)snprintf(
            sql, sizeof sql,
            "INSERT INTO work_order (org_id, order_id, number, kind, meter_id, supply_point, "
            "customer_no, staff_no, account_no, state, due, priority, purge_volume_l, "
            "purge_limit_s, parameters, note, made_at_ms, closed_at_ms) SELECT 1, x'%032x', "
            "'T-%d', kind, meter_id, supply_point, customer_no, staff_no, account_no, 'unable', "
            "due, 1, 1, 1, '', '', 1, 1 FROM work_order WHERE number = 'J-0001'",
            i + 1, i);
        oaid_sql(&office, sql);
        (void)snprintf(sql, sizeof sql, "INSERT INTO change_feed SELECT 1, %d, 'S001', x'%032x'",
                       10 + i, i + 1);
        oaid_sql(&office, sql);
    }
    laptop.cursor = 0;
    do {
        assert_int_equal(oaid_fetch(&laptop), 200);
        assert_true(laptop.n_jobs <= 50);
        got += laptop.n_jobs;
        rounds++;
    } while (laptop.end.more);
    assert_int_equal(got, 120);
    assert_int_equal(rounds, 3);
}

/* ---- the whole opening ---- */

static void an_opening_ends_with_a_certificate(void **state)
{
    sync_Job job;
    sync_Application a;
    sync_Item item;
    struct oaid_meter meter;
    char text[2000];
    struct gf_fail why = { 0 };

    (void)state;
    job = laptop.jobs[0];
    oaid_meter_new(&meter, 1, &laptop);
    a = oaid_application_of(&job);
    item = oaid_application(&job, &a);
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    expect_state("on-site");
    oaid_begin(&laptop);
    oaid_add_opening(&laptop, &job, &meter, 7);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(laptop.n_verdicts, 9);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(laptop.verdicts[i].kind, sync_VerdictKind_APPLIED);
    assert_int_equal(laptop.n_jobs, 1);
    assert_int_equal(laptop.n_tickets, 1); /* the epoch is active: the factory ticket is gone */
    assert_int_equal(laptop.tickets[0].epoch, 1);
    assert_int_equal(laptop.meters[0].state, gasm_LifeState_IN_SERVICE);
    assert_int_equal(laptop.n_certificates, 0);
    assert_int_equal(
        oaid_sql_number(&office,
                        "SELECT COUNT(*) FROM account WHERE state = 'open' AND opened_seq = 3"),
        1);
    assert_int_equal(
        oaid_sql_number(&office, "SELECT COUNT(*) FROM account_key WHERE state = 'active'"), 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT SUM(flowed_l) FROM receipt"), 7);

    item = oaid_done(&job, "done", 9);
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    expect_state("done");
    assert_int_equal(laptop.n_certificates, 1);
    assert_int_equal(laptop.n_tickets + laptop.n_keys, 0); /* no more secrets for a closed order */
    assert_memory_equal(laptop.certificates[0].job_id, job.id, 16);
    assert_non_null(strstr(laptop.certificates[0].text, AID_METER_1));
    assert_non_null(strstr(laptop.certificates[0].text, "7 l in 1 purge\n"));
    assert_non_null(strstr(laptop.certificates[0].text, "Receipts       1 to 9, all verified"));

    char hex[2 * 80 + 1];
    gf_hex(laptop.certificates[0].signature.bytes, laptop.certificates[0].signature.size, hex);
    (void)snprintf(text, sizeof text, "%ssignature: %s\n", laptop.certificates[0].text, hex);
    assert_int_equal(ho_certificate_check(office.o, text, &why), 0);
    (void)snprintf(text, sizeof text, "%ssignature: %s\n", laptop.certificates[0].text, hex);
    text[strlen("Certificate of commissioning CC-00000")] = '9';
    assert_int_equal(ho_certificate_check(office.o, text, &why), GF_E_SIGNATURE);

    laptop.cursor = 0; /* it comes again to whoever starts anew */
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(laptop.n_certificates, 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM certificate"), 1);
}

static void the_certificate_waits_for_the_last_receipt(void **state)
{
    sync_Job job;
    sync_Item item, late;
    sync_Application a;
    struct oaid_meter meter;
    uint8_t receipt[AID_RECEIPT_MAX];
    size_t n;

    (void)state;
    job = laptop.jobs[0];
    oaid_meter_new(&meter, 1, &laptop);
    a = oaid_application_of(&job);
    item = oaid_application(&job, &a);
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    n = oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt); /* kept back */
    late = oaid_receipt_item(&job, receipt, n);
    oaid_begin(&laptop);
    for (int i = 0; i < 8; i++) {
        static const gasm_Command rest[] = {
            gasm_Command_KEY_ACTIVATED,  gasm_Command_OPEN_ACCOUNT, gasm_Command_PURGE_START,
            gasm_Command_PURGE_STOP,     gasm_Command_ZERO_CLEAR,   gasm_Command_SET_CLOCK,
            gasm_Command_SET_PARAMETERS, gasm_Command_COMMISSION,
        };

        if (rest[i] == gasm_Command_OPEN_ACCOUNT)
            meter.next.account_no = job.account_no;
        n = oaid_execute(&meter, rest[i], 0, receipt);
        item = oaid_receipt_item(&job, receipt, n);
        oaid_add(&laptop, &item);
    }
    item = oaid_done(&job, "done", 9);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(laptop.n_certificates, 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM receipt WHERE gap = 1"), 1);
    oaid_expect(&laptop, &late, sync_VerdictKind_APPLIED, "");
    assert_int_equal(laptop.n_certificates, 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM receipt WHERE gap = 1"), 0);
}

static void no_certificate_without_an_applied_application(void **state)
{
    sync_Job job;
    sync_Item item;
    sync_Application a;
    struct oaid_meter meter;

    (void)state;
    job = laptop.jobs[0];
    oaid_meter_new(&meter, 1, &laptop);
    a = oaid_application_of(&job);
    a.customer_no[0] = 'X';
    item = oaid_application(&job, &a);
    oaid_expect(&laptop, &item, sync_VerdictKind_CONFLICT, "customer_no");
    oaid_begin(&laptop);
    oaid_add_opening(&laptop, &job, &meter, 1);
    item = oaid_done(&job, "done", 9);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(laptop.n_certificates, 0);
    expect_state("done");
}

static void a_job_ends_once(void **state)
{
    sync_Item item;
    sync_Job job;

    (void)state;
    job = laptop.jobs[0];
    item = oaid_done(&job, "perhaps", 0);
    oaid_expect(&laptop, &item, sync_VerdictKind_QUARANTINED, "outcome");
    item = oaid_done(&job, "unable", 0);
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    expect_state("unable");
    item = oaid_done(&job, "unable", 0);
    oaid_expect(&laptop, &item, sync_VerdictKind_DUPLICATE, "");
    item = oaid_done(&job, "done", 0);
    oaid_expect(&laptop, &item, sync_VerdictKind_CONFLICT, "outcome");
    expect_state("unable");
}

static void step_of_another_person(void **state)
{
    sync_Item item;

    (void)state;
    oaid_laptop_new(&other, &office, "S002");
    item = oaid_step(&laptop.jobs[0], "scan");
    oaid_expect(&other, &item, sync_VerdictKind_CONFLICT, "job_id");
    item = oaid_done(&laptop.jobs[0], "done", 0);
    oaid_expect(&other, &item, sync_VerdictKind_CONFLICT, "job_id");
    expect_state("assigned");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_is_encoded_as_nanopb_does),
        T(the_bundle_has_all_that_the_work_needs),
        T(the_same_key_and_tickets_come_again),
        T(tickets_that_run_out_are_replaced),
        T(orders_go_to_their_person_only),
        T(many_orders_come_in_pages),
        T(an_opening_ends_with_a_certificate),
        T(the_certificate_waits_for_the_last_receipt),
        T(no_certificate_without_an_applied_application),
        T(a_job_ends_once),
        T(step_of_another_person),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
