/* test_office_receipt.c - receipts on arrival: verified, chained, matched, and what follows from
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_receipt.h"
#include "backend/office_register.h"
#include "meter-core/keys.h"
#include "tests/aid/office_aid.h"

static struct oaid_office office;
static struct oaid_laptop laptop, other;
static sync_Job job;
static struct oaid_meter meter;
static uint8_t receipt[AID_RECEIPT_MAX];

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

static void bring(struct oaid_laptop *l, const uint8_t *bytes, size_t n, sync_VerdictKind kind,
                  const char *field)
{
    sync_Item item = oaid_receipt_item(&job, bytes, n);

    oaid_expect(l, &item, kind, field);
}

static int64_t receipts_home(void)
{
    return oaid_sql_number(&office, "SELECT COUNT(*) FROM receipt");
}

static void no_altered_receipt_is_taken(void **state)
{
    size_t n = oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        receipt[i] ^= (uint8_t)(1u << i % 8);
        bring(&laptop, receipt, n, sync_VerdictKind_QUARANTINED, "receipt");
        receipt[i] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t cut = 0; cut < n; cut += 7)
        bring(&laptop, receipt, cut, sync_VerdictKind_QUARANTINED, "receipt");
    assert_int_equal(receipts_home(), 0);
    bring(&laptop, receipt, n, sync_VerdictKind_APPLIED, "");
    assert_int_equal(receipts_home(), 1);
}

static void receipts_of_unknown_keys_do_not_verify(void **state)
{
    struct oaid_meter strange = meter;

    (void)state;
    memcpy(strange.id, "GM2499999978", 12);
    memcpy(strange.next.meter_id, "GM2499999978", 12);
    bring(&laptop, receipt, oaid_execute(&strange, gasm_Command_INSTALL_KEY, 0, receipt),
          sync_VerdictKind_QUARANTINED, "receipt");
    strange = meter;
    memset(strange.key[0], 0x55, 32);
    bring(&laptop, receipt, oaid_execute(&strange, gasm_Command_INSTALL_KEY, 0, receipt),
          sync_VerdictKind_QUARANTINED, "receipt");
    strange = meter;
    memcpy(strange.next.meter_id, AID_METER_2, 12); /* under the key of another meter */
    bring(&laptop, receipt, oaid_execute(&strange, gasm_Command_INSTALL_KEY, 0, receipt),
          sync_VerdictKind_QUARANTINED, "receipt");
    assert_int_equal(receipts_home(), 0);
}

static void a_receipt_is_taken_once_whoever_brings_it(void **state)
{
    size_t n = oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt);

    (void)state;
    bring(&laptop, receipt, n, sync_VerdictKind_APPLIED, "");
    bring(&laptop, receipt, n, sync_VerdictKind_DUPLICATE, ""); /* under another operation's id */
    oaid_laptop_new(&other, &office, "S002"); /* a colleague read it from the meter */
    bring(&other, receipt, n, sync_VerdictKind_DUPLICATE, "");
    assert_int_equal(receipts_home(), 1);
    n = oaid_execute(&meter, gasm_Command_KEY_ACTIVATED, 0, receipt);
    bring(&other, receipt, n, sync_VerdictKind_APPLIED, "");
    assert_int_equal(receipts_home(), 2);
}

static void gaps_are_taken_and_listed(void **state)
{
    uint8_t kept[3][AID_RECEIPT_MAX];
    size_t n[3];

    (void)state;
    n[0] = oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, kept[0]);
    n[1] = oaid_execute(&meter, gasm_Command_KEY_ACTIVATED, 0, kept[1]);
    meter.next.account_no = job.account_no;
    n[2] = oaid_execute(&meter, gasm_Command_OPEN_ACCOUNT, 0, kept[2]);
    bring(&laptop, kept[2], n[2], sync_VerdictKind_APPLIED, "");
    assert_non_null(strstr(oaid_verdict(&laptop)->reason, "not home yet"));
    assert_int_equal(oaid_sql_number(&office, "SELECT gap FROM receipt WHERE seq = 3"), 1);
    assert_int_equal(
        oaid_sql_number(&office, "SELECT last_seq FROM meter WHERE meter_id = '" AID_METER_1 "'"),
        3);
    bring(&laptop, kept[0], n[0], sync_VerdictKind_APPLIED, "");
    assert_int_equal(oaid_sql_number(&office, "SELECT gap FROM receipt WHERE seq = 1"), 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT life_state FROM meter WHERE last_seq = 3"),
                     gasm_LifeState_KEYED); /* an older one changes nothing of what is known */
    assert_int_equal(oaid_sql_number(&office, "SELECT gap FROM receipt WHERE seq = 3"), 1);
    bring(&laptop, kept[1], n[1], sync_VerdictKind_APPLIED, "");
    assert_int_equal(oaid_sql_number(&office, "SELECT SUM(gap) FROM receipt"), 0);
    assert_int_equal(
        oaid_sql_number(&office, "SELECT life_state FROM meter WHERE meter_id = '" AID_METER_1 "'"),
        gasm_LifeState_KEYED);
}

static void contradictions_are_alarms(void **state)
{
    struct oaid_meter fork;
    uint8_t second[AID_RECEIPT_MAX];
    size_t n, n2;

    (void)state;
    fork = meter;
    n = oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt);
    bring(&laptop, receipt, n, sync_VerdictKind_APPLIED, "");
    fork.next.at_s = 99;
    fork.made = 50;
    n2 = oaid_execute(&fork, gasm_Command_INSTALL_KEY, 1,
                      second); /* the same number, other content */
    bring(&laptop, second, n2, sync_VerdictKind_CONFLICT, "seq");
    n2 = oaid_execute(&fork, gasm_Command_KEY_ACTIVATED, 0, second); /* follows the other one */
    bring(&laptop, second, n2, sync_VerdictKind_CONFLICT, "prev_hash");
    fork = meter;
    fork.made--; /* an operation executed twice */
    n2 = oaid_execute(&fork, gasm_Command_INSTALL_KEY, 0, second);
    bring(&laptop, second, n2, sync_VerdictKind_CONFLICT, "op_id");
    assert_int_equal(receipts_home(), 1);
    assert_int_equal(
        oaid_sql_number(&office,
                        "SELECT COUNT(*) FROM audit_log WHERE what = 'receipts contradict'"),
        3);
}

static void the_first_receipt_has_none_before_it(void **state)
{
    (void)state;
    meter.next.prev_hash[0] = 1;
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt),
          sync_VerdictKind_CONFLICT, "prev_hash");
}

static void the_one_before_has_to_be_what_the_next_names(void **state)
{
    struct oaid_meter fork = meter;
    uint8_t kept[AID_RECEIPT_MAX];
    size_t n;

    (void)state;
    (void)oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt);
    n = oaid_execute(&meter, gasm_Command_KEY_ACTIVATED, 0, receipt);
    bring(&laptop, receipt, n, sync_VerdictKind_APPLIED, "");
    fork.next.at_s = 77;
    n = oaid_execute(&fork, gasm_Command_INSTALL_KEY, 3, kept);
    bring(&laptop, kept, n, sync_VerdictKind_CONFLICT, "prev_hash");
}

static void it_has_to_be_the_orders(void **state)
{
    char number[32];
    struct oaid_meter second;
    sync_Job first = job;

    (void)state;
    oaid_order(&office, 2, number);
    assert_int_equal(oaid_fetch(&laptop), 200);
    oaid_meter_new(&second, 2, &laptop);
    bring(&laptop, receipt, oaid_execute(&second, gasm_Command_INSTALL_KEY, 0, receipt),
          sync_VerdictKind_CONFLICT, "meter_id");
    job = first;
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_KEY_ACTIVATED, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    second = meter;
    second.next.account_no = job.account_no + 1;
    bring(&laptop, receipt, oaid_execute(&second, gasm_Command_OPEN_ACCOUNT, 0, receipt),
          sync_VerdictKind_CONFLICT, "account_no");
    second = meter;
    second.next.account_no = 0;
    bring(&laptop, receipt, oaid_execute(&second, gasm_Command_OPEN_ACCOUNT, 0, receipt),
          sync_VerdictKind_CONFLICT, "account_no");
    second = meter;
    second.next.account_no = 77;
    bring(&laptop, receipt, oaid_execute(&second, gasm_Command_SET_CLOCK, 0, receipt),
          sync_VerdictKind_CONFLICT, "account_no");
    second = meter;
    second.next.account_no = job.account_no;
    second.serial[1] = 999;
    bring(&laptop, receipt, oaid_execute(&second, gasm_Command_OPEN_ACCOUNT, 0, receipt),
          sync_VerdictKind_CONFLICT, "ticket_serial");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account WHERE state = 'open'"),
                     0);
    meter.next.account_no = job.account_no;
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_OPEN_ACCOUNT, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account WHERE state = 'open'"),
                     1);
}

/* A restored office has lost tickets: those of the numbers that it leaves out. */
static void a_ticket_behind_the_backup_is_good(void **state)
{
    const char *logged = "SELECT COUNT(*) FROM audit_log WHERE what = 'lost ticket used'";
    struct oaid_meter second;
    int64_t last;

    (void)state;
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_KEY_ACTIVATED, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    last = oaid_sql_number(&office,
                           "SELECT MAX(serial) FROM ticket WHERE meter_id = '" AID_METER_1 "'");
    meter.next.account_no = job.account_no;
    second = meter;
    second.serial[1] = (uint64_t)last + 1000;
    bring(&laptop, receipt, oaid_execute(&second, gasm_Command_OPEN_ACCOUNT, 0, receipt),
          sync_VerdictKind_CONFLICT, "ticket_serial");
    oaid_sql(&office, "INSERT INTO setting (org_id, name, value) VALUES (1, 'restored at ms', "
                      "'9999999999999')");
    second = meter;
    second.serial[1] = (uint64_t)last + 1001;
    bring(&laptop, receipt, oaid_execute(&second, gasm_Command_OPEN_ACCOUNT, 0, receipt),
          sync_VerdictKind_CONFLICT, "ticket_serial");
    assert_int_equal(oaid_sql_number(&office, logged), 0);
    meter.serial[1] = (uint64_t)last + 1000;
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_OPEN_ACCOUNT, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    assert_int_equal(oaid_sql_number(&office, logged), 1);
}

static void the_key_becomes_active_with_its_first_receipt(void **state)
{
    (void)state;
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    assert_int_equal(
        oaid_sql_number(&office, "SELECT COUNT(*) FROM account_key WHERE state = 'new'"), 1);
    assert_int_equal(laptop.n_tickets, 2); /* both epochs, until it is home */
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_KEY_ACTIVATED, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    assert_int_equal(
        oaid_sql_number(&office, "SELECT COUNT(*) FROM account_key WHERE state = 'active'"), 1);
    assert_int_equal(oaid_sql_number(&office,
                                     "SELECT active_epoch FROM meter WHERE meter_id = '" AID_METER_1
                                     "'"),
                     1);
    assert_int_equal(laptop.n_tickets, 1);
}

/* A ticket whose purge volume is used up is replaced, so that the work can be ended. */
static void a_used_up_ticket_is_replaced(void **state)
{
    uint64_t serial;
    gasm_Ticket t;

    (void)state;
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_KEY_ACTIVATED, 0, receipt),
          sync_VerdictKind_APPLIED, "");
    serial = meter.serial[1];
    for (int i = 0; i < 5; i++) {
        bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_PURGE_START, 0, receipt),
              sync_VerdictKind_APPLIED, "");
        bring(&laptop, receipt, oaid_execute(&meter, gasm_Command_PURGE_STOP, 10, receipt),
              sync_VerdictKind_APPLIED, "");
        t = oaid_ticket(&laptop, 0);
        assert_int_equal(t.serial, serial + (i == 4 ? 1 : 0));
    }
}

/* ---- without a laptop's record ---- */

struct brought {
    struct gf_span sealed;
    struct ho_verdict verdict;
};

static int bring_alone(struct office *o, void *ctx)
{
    const struct ho_receipt_context context = { .brought_by = "customer C-1001" };
    struct brought *b = ctx;

    return ho_receipt_take(o, b->sealed, &context, &b->verdict);
}

static void expect_alone(const uint8_t *p, size_t n, sync_VerdictKind kind, const char *field)
{
    struct brought b = { .sealed = { p, n } };

    assert_int_equal(ho_transaction(office.o, bring_alone, &b), 0);
    if (b.verdict.kind != kind || strcmp(b.verdict.field, field) != 0)
        fail_msg("verdict %d %s: %s", (int)b.verdict.kind, b.verdict.field, b.verdict.reason);
}

/* A customer brings what the meter gave: no order, no record; and the same may come by a laptop. */
static void a_receipt_needs_no_order(void **state)
{
    struct oaid_meter wrong;
    size_t n = oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt);

    (void)state;
    expect_alone(receipt, n, sync_VerdictKind_APPLIED, "");
    expect_alone(receipt, n, sync_VerdictKind_DUPLICATE, "");
    bring(&laptop, receipt, n, sync_VerdictKind_DUPLICATE, "");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM receipt WHERE order_id IS NULL "
                                              "AND item_id IS NULL AND brought_by = 'customer "
                                              "C-1001'"),
                     1);
    expect_alone(receipt, n - 1, sync_VerdictKind_QUARANTINED, "receipt");
    n = oaid_execute(&meter, gasm_Command_KEY_ACTIVATED, 0, receipt);
    expect_alone(receipt, n, sync_VerdictKind_APPLIED, "");
    wrong = meter;
    wrong.next.account_no = job.account_no + 1;
    n = oaid_execute(&wrong, gasm_Command_OPEN_ACCOUNT, 0, receipt);
    expect_alone(receipt, n, sync_VerdictKind_CONFLICT, "account_no");
    meter.next.account_no = job.account_no;
    n = oaid_execute(&meter, gasm_Command_OPEN_ACCOUNT, 0, receipt);
    expect_alone(receipt, n, sync_VerdictKind_APPLIED, "");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account WHERE state = 'open'"),
                     1);
}

/* Receipts that move nothing among some that do, in one request: meter and books are at the last. */
static void quiet_receipts_are_followed_to_the_last(void **state)
{
    static const uint64_t litres[] = { 0, 0, 7, 0, 0, 3, 0, 0, 0 };
    const size_t n_last = sizeof litres / sizeof litres[0];

    (void)state;
    oaid_begin(&laptop);
    oaid_add_opening(&laptop, &job, &meter, 10);
    assert_int_equal(oaid_send(&laptop), 200);
    for (size_t portion = 1; portion <= 3; portion++) {
        oaid_begin(&laptop);
        for (size_t i = 0; i < n_last; i++) {
            meter.next.after.index_l += litres[i];

            size_t n = oaid_execute(&meter, gasm_Command_SET_CLOCK, 0, receipt);
            sync_Item item = oaid_receipt_item(&job, receipt, n);
            oaid_add(&laptop, &item);
        }
        assert_int_equal(oaid_send(&laptop), 200);
        for (size_t i = 0; i < n_last; i++)
            assert_int_equal(laptop.verdicts[i].kind, sync_VerdictKind_APPLIED);
        assert_int_equal(oaid_sql_number(&office, "SELECT last_seq FROM meter WHERE meter_id = "
                                                  "'" AID_METER_1 "'"),
                         9 + portion * n_last);
        assert_int_equal(oaid_sql_number(&office, "SELECT MAX(seq) FROM posted_totals"),
                         9 + portion * n_last);
        assert_int_equal(oaid_sql_number(&office, "SELECT MAX(index_l) FROM posted_totals"),
                         10 + 10 * portion);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(no_altered_receipt_is_taken),
        T(receipts_of_unknown_keys_do_not_verify),
        T(a_receipt_is_taken_once_whoever_brings_it),
        T(gaps_are_taken_and_listed),
        T(contradictions_are_alarms),
        T(the_first_receipt_has_none_before_it),
        T(the_one_before_has_to_be_what_the_next_names),
        T(it_has_to_be_the_orders),
        T(a_ticket_behind_the_backup_is_good),
        T(the_key_becomes_active_with_its_first_receipt),
        T(a_used_up_ticket_is_replaced),
        T(a_receipt_needs_no_order),
        T(quiet_receipts_are_followed_to_the_last),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
