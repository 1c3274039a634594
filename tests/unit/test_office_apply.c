/* test_office_apply.c - what an application says, field by field, against what is registered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_register.h"
#include "tests/aid/office_aid.h"

static struct oaid_office office;
static struct oaid_laptop laptop, other;
static sync_Job job;
static struct oaid_meter meter;

static int start(void **state)
{
    (void)state;
    oaid_start(&office, &laptop);
    job = laptop.jobs[0];
    oaid_meter_new(&meter, 1, &laptop);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

static void say(struct oaid_laptop *l, const sync_Application *a, sync_VerdictKind kind,
                const char *field)
{
    sync_Item item = oaid_application(&job, a);

    oaid_expect(l, &item, kind, field);
}

/* A conflict in one field: refused with its name and both values, nothing changed, registered data
 * sent along. */
static void conflicts(const sync_Application *a, const char *field, const char *said,
                      const char *registered)
{
    say(&laptop, a, sync_VerdictKind_CONFLICT, field);
    assert_non_null(strstr(oaid_verdict(&laptop)->reason, said));
    assert_non_null(strstr(oaid_verdict(&laptop)->reason, registered));
    assert_int_equal(
        oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order WHERE state = 'assigned'"), 1);
    assert_int_equal(laptop.n_jobs, 1);
    assert_string_equal(laptop.jobs[0].customer_name, "Ada Marchetti");
}

static void each_field_that_differs_is_named(void **state)
{
    const sync_Application right = oaid_application_of(&job);
    sync_Application a;

    (void)state;
#define WITH(set, field, said, registered)                                                         \
    a = right;                                                                                     \
    set;                                                                                           \
    conflicts(&a, field, said, registered)

    WITH(strcpy(a.meter_id, "GM2499999978"), "meter_id", "GM2499999978", AID_METER_1);
    WITH(strcpy(a.meter_id, AID_METER_2), "meter_id", AID_METER_2, AID_METER_1);
    WITH(a.meter_id[0] = '\0', "meter_id", "\"\"", AID_METER_1);
    WITH(strcpy(a.supply_point, "SP-0002"), "supply_point", "SP-0002", "SP-0001");
    WITH(strcpy(a.customer_no, "C-1002"), "customer_no", "C-1002", "C-1001");
    WITH(strcpy(a.customer_name, "Ada Marcheti"), "customer_name", "Ada Marcheti\"",
         "Ada Marchetti");
    WITH(strcpy(a.customer_name, "ada marchetti"), "customer_name", "ada marchetti",
         "Ada Marchetti");
    WITH(a.account_no++, "account_no", "100002", "100001");
    WITH(a.account_no = 0, "account_no", "says 0", "100001");
    WITH(a.meter_type = 5, "meter_type", "says 5", "is 4");
    WITH(a.function_state = gasm_LifeState_IN_SERVICE, "function_state", "in-service", "factory");
    WITH(a.function_state = gasm_LifeState_CLOSED, "function_state", "closed", "factory");
    WITH(a.function_state = gasm_LifeState_LIFE_UNKNOWN, "function_state", "unknown", "factory");
    WITH(a.function_state = 99, "function_state", "?", "factory");
    WITH(a.key_epoch = 1, "key_epoch", "epoch 1", "epoch 0");
    WITH(a.key_epoch = 4000000000u, "key_epoch", "epoch 4000000000", "epoch 0");
    say(&laptop, &right, sync_VerdictKind_APPLIED, "");
    assert_int_equal(
        oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order WHERE state = 'on-site'"), 1);
    assert_int_equal(
        oaid_sql_number(&office,
                        "SELECT COUNT(*) FROM audit_log WHERE what = 'application refused'"),
        16);
}

/* In a register of 95-byte names the two values do not fit a reason: it is cut at a character,
 * never garbled. */
static void long_names_are_cut_whole(void **state)
{
    sync_Application a = oaid_application_of(&job);

    (void)state;
    oaid_sql(&office, "UPDATE customer SET name = 'öööööööööööööööööööööööööööööööööööö'");
    memset(a.customer_name, 'x', 94);
    a.customer_name[94] = '\0';
    say(&laptop, &a, sync_VerdictKind_CONFLICT, "customer_name");
    assert_null(strchr(oaid_verdict(&laptop)->reason, '?'));
    assert_true(strlen(oaid_verdict(&laptop)->reason) < 200);
}

static void an_application_that_cannot_be_decoded(void **state)
{
    sync_Application a = oaid_application_of(&job);
    sync_Item item = oaid_application(&job, &a);

    (void)state;
    item.payload.size--;
    oaid_begin(&laptop);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_QUARANTINED);
    assert_string_equal(oaid_verdict(&laptop)->field, "payload");
}

static void only_its_own_person_may_register_an_order(void **state)
{
    sync_Application a = oaid_application_of(&job);

    (void)state;
    oaid_laptop_new(&other, &office, "S002");
    say(&other, &a, sync_VerdictKind_CONFLICT, "job_id");
    assert_non_null(strstr(oaid_verdict(&other)->reason, "assigned to S001"));
}

static void a_closed_order_takes_no_application(void **state)
{
    sync_Application a = oaid_application_of(&job);
    sync_Item item = oaid_done(&job, "unable", 0);

    (void)state;
    oaid_begin(&laptop);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    say(&laptop, &a, sync_VerdictKind_CONFLICT, "job_id");
    assert_non_null(strstr(oaid_verdict(&laptop)->reason, "closed: unable"));
}

/* ---- function state and key epoch of an opening that goes on ---- */

static void say_life(struct oaid_laptop *l, uint32_t life, uint32_t epoch, sync_VerdictKind kind,
                     const char *field)
{
    sync_Application a = oaid_application_of(&job);

    a.function_state = life;
    a.key_epoch = epoch;
    say(l, &a, kind, field);
}

/* After the first application the work at the meter may have begun, and answers of the meter may
 * have been lost: every state up to the end of the work is possible, each only under the epoch that
 * it can have. */
static void a_resumed_opening_does_not_conflict(void **state)
{
    (void)state;
    say_life(&laptop, gasm_LifeState_KEYED, 1, sync_VerdictKind_CONFLICT,
             "function_state"); /* nothing was done yet */
    say_life(&laptop, gasm_LifeState_FACTORY, 0, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_FACTORY, 0, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_KEYED, 0, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_KEYED, 1, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_PURGED, 1, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_CLEARED, 1, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_IN_SERVICE, 1, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_FACTORY, 1, sync_VerdictKind_CONFLICT, "key_epoch");
    say_life(&laptop, gasm_LifeState_PURGED, 0, sync_VerdictKind_CONFLICT, "key_epoch");
    say_life(&laptop, gasm_LifeState_KEYED, 2, sync_VerdictKind_CONFLICT, "key_epoch");
    say_life(&laptop, gasm_LifeState_CLOSED, 1, sync_VerdictKind_CONFLICT, "function_state");
    say_life(&laptop, gasm_LifeState_LIFE_UNKNOWN, 0, sync_VerdictKind_CONFLICT, "function_state");
}

/* Bring receipts home up to `last`. */
static void bring_home(gasm_Command last)
{
    static const gasm_Command commands[] = {
        gasm_Command_INSTALL_KEY, gasm_Command_KEY_ACTIVATED,  gasm_Command_OPEN_ACCOUNT,
        gasm_Command_PURGE_START, gasm_Command_PURGE_STOP,     gasm_Command_ZERO_CLEAR,
        gasm_Command_SET_CLOCK,   gasm_Command_SET_PARAMETERS, gasm_Command_COMMISSION,
    };
    uint8_t receipt[AID_RECEIPT_MAX];
    size_t i = 0;

    oaid_begin(&laptop);
    do {
        if (commands[i] == gasm_Command_OPEN_ACCOUNT)
            meter.next.account_no = job.account_no;
        size_t n = oaid_execute(&meter, commands[i], 0, receipt);
        sync_Item item = oaid_receipt_item(&job, receipt, n);
        oaid_add(&laptop, &item);
    } while (commands[i++] != last);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_APPLIED);
}

/* An application that was made before the receipts that are home by now still says what was true
 * then. */
static void what_was_said_before_the_receipts_came_is_true(void **state)
{
    (void)state;
    bring_home(gasm_Command_ZERO_CLEAR);
    say_life(&laptop, gasm_LifeState_FACTORY, 0, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_CLEARED, 1, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_CLEARED, 0, sync_VerdictKind_CONFLICT, "key_epoch");
}

/* With every receipt home nothing can be ahead of what is registered. */
static void nothing_is_ahead_of_a_meter_in_service(void **state)
{
    (void)state;
    bring_home(gasm_Command_COMMISSION);
    say_life(&laptop, gasm_LifeState_IN_SERVICE, 1, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_CLOSED, 1, sync_VerdictKind_CONFLICT, "function_state");
    say_life(&laptop, gasm_LifeState_IN_SERVICE, 2, sync_VerdictKind_CONFLICT, "key_epoch");
}

/* A laptop that was lost had the tickets too: what it did at the meter explains a meter that is
 * ahead. */
static void another_laptop_may_have_worked(void **state)
{
    (void)state;
    oaid_laptop_new(&other, &office, "S001");
    assert_int_equal(oaid_fetch(&other), 200);
    say_life(&other, gasm_LifeState_PURGED, 1, sync_VerdictKind_APPLIED, "");
}

/* An order that had to be left is followed by another: it goes on under the same account and key.
 */
static void another_order_goes_on_with_an_opening(void **state)
{
    static const gasm_Command rest[] = { gasm_Command_PURGE_START, gasm_Command_PURGE_STOP,
                                         gasm_Command_ZERO_CLEAR, gasm_Command_COMMISSION };
    char number[32];
    sync_Item item = oaid_done(&job, "unable", 3);
    uint8_t old[16], receipt[AID_RECEIPT_MAX];

    (void)state;
    bring_home(gasm_Command_OPEN_ACCOUNT);
    oaid_begin(&laptop);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    memcpy(old, job.id, sizeof old);
    oaid_order(&office, 1, number);
    assert_int_equal(oaid_fetch(&laptop), 200);
    job = laptop.jobs[laptop.n_jobs - 1];
    assert_memory_not_equal(old, job.id, sizeof old);
    assert_int_equal(job.account_no, 100001);
    assert_int_equal(laptop.n_tickets, 1);
    assert_int_equal(laptop.tickets[0].epoch, 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account_key"), 1);
    say_life(&laptop, gasm_LifeState_KEYED, 1, sync_VerdictKind_APPLIED, "");
    say_life(&laptop, gasm_LifeState_FACTORY, 0, sync_VerdictKind_CONFLICT, "function_state");

    oaid_begin(&laptop);
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
        size_t n = oaid_execute(&meter, rest[i], 0, receipt);

        item = oaid_receipt_item(&job, receipt, n);
        oaid_add(&laptop, &item);
    }
    item = oaid_done(&job, "done", 7);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(laptop.n_certificates, 1);
    assert_non_null(strstr(laptop.certificates[0].text,
                           "Account        100001, opened 2026-11-22T09:30:00Z\n"));
    assert_non_null(strstr(laptop.certificates[0].text, "Receipts       4 to 7, all verified\n"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(each_field_that_differs_is_named),
        T(long_names_are_cut_whole),
        T(an_application_that_cannot_be_decoded),
        T(only_its_own_person_may_register_an_order),
        T(a_closed_order_takes_no_application),
        T(a_resumed_opening_does_not_conflict),
        T(what_was_said_before_the_receipts_came_is_true),
        T(nothing_is_ahead_of_a_meter_in_service),
        T(another_laptop_may_have_worked),
        T(another_order_goes_on_with_an_opening),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
