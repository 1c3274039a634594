/* test_follow_limits.c - records that say more than any token could bring are refused by themselves:
 * the rest of their batch is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/ledger.h"
#include "meter-core/token.h"
#include "tests/aid/office_aid.h"

#define REGISTERS 6

static uint64_t *register_of(gasm_Totals *t, size_t i)
{
    uint64_t *const all[REGISTERS] = { &t->purchased_l, &t->imported_l, &t->forgiven_l,
                                       &t->debited_l,   &t->cleared_l,  &t->exported_l };

    return all[i];
}

/* Each register may be as high as a ceiling, and what is left as high or as low. */
static void what_tokens_bear(void **state)
{
    (void)state;
    for (size_t i = 0; i < REGISTERS; i++) {
        gasm_Totals t = { .index_l = 0 };

        *register_of(&t, i) = MC_CEILING_MAX_L;
        assert_true(ledger_bears(&t));
        *register_of(&t, i) = MC_CEILING_MAX_L + 1;
        assert_false(ledger_bears(&t));
    }
    assert_true(ledger_bears(&(gasm_Totals){ .index_l = MC_CEILING_MAX_L }));
    assert_false(ledger_bears(&(gasm_Totals){ .index_l = MC_CEILING_MAX_L + 1 }));
    assert_false(ledger_bears(&(gasm_Totals){ .purchased_l = MC_CEILING_MAX_L, .forgiven_l = 1 }));
    assert_true(ledger_bears(
        &(gasm_Totals){ .purchased_l = MC_CEILING_MAX_L, .forgiven_l = 1, .debited_l = 1 }));
}

static void add(struct oaid_laptop *l, const sync_Job *job, struct oaid_meter *m)
{
    uint8_t receipt[AID_RECEIPT_MAX];
    sync_Item item = oaid_receipt_item(job, receipt, oaid_execute(m, gasm_Command_SET_CLOCK, 0,
                                                                  receipt));

    oaid_add(l, &item);
}

/* A meter of which one knows the keys says what it likes; between it and after it are records that
 * are good. */
static void one_record_is_refused_alone(void **state)
{
    static struct oaid_office a;
    static struct oaid_laptop l;
    struct oaid_meter m;
    sync_Job job;
    size_t n;

    (void)state;
    oaid_start(&a, &l);
    job = l.jobs[0];
    oaid_meter_new(&m, 1, &l);
    oaid_begin(&l);
    oaid_add_opening(&l, &job, &m, 300);
    n = 9;
    for (size_t i = 0; i < REGISTERS; i++) {
        const gasm_Totals good = m.next.after;

        *register_of(&m.next.after, i) = MC_CEILING_MAX_L + 1;
        add(&l, &job, &m);
        m.next.before = m.next.after = good;
        add(&l, &job, &m);
    }
    assert_int_equal(oaid_send(&l), 200);
    assert_int_equal(l.n_verdicts, n + 2 * REGISTERS);
    for (size_t i = 0; i < l.n_verdicts; i++) {
        const bool is_bad = i >= n && (i - n) % 2 == 0;

        assert_int_equal(l.verdicts[i].kind,
                         is_bad ? sync_VerdictKind_CONFLICT : sync_VerdictKind_APPLIED);
        assert_string_equal(l.verdicts[i].field, is_bad ? "after" : "");
    }
    assert_int_equal(oaid_sql_number(&a, "SELECT COUNT(*) FROM receipt"),
                     (int64_t)(n + REGISTERS));
    oaid_office_end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tokens_bear),
        cmocka_unit_test(one_record_is_refused_alone),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
