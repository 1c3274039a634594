/* test_order_kind.c - what the tickets of each kind of order allow, against what its procedure
 * needs, at a real meter: every command, every state, nothing more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/api.h"
#include "backend/office_issue.h"
#include "meter-core/commands.h"
#include "tests/aid/document.h"
#include "tests/aid/office_site.h"

/* What a ticket may ever do: written from the procedures, not from the table. */
#define C(name) (1u << gasm_Command_##name)
#define ALWAYS C(IDENTIFY)
#define READS                                                                                      \
    (C(GET_PARAMETERS) | C(READ_BALANCE) | C(READ_RECEIPTS) | C(READ_HISTORY) | C(READ_PURCHASES)  \
     | C(READ_EVENTS))
#define PURGES (C(PURGE_START) | C(PURGE_KEEPALIVE) | C(PURGE_STOP))
#define OPENING                                                                                    \
    (ALWAYS | READS | PURGES | C(OPEN_ACCOUNT) | C(ZERO_CLEAR) | C(SET_CLOCK) | C(SET_PARAMETERS)  \
     | C(COMMISSION))

static const struct {
    const char *kind;
    gasm_Role role;
    uint32_t commands; /* of all states together */
    bool clears_in_service;
} expected[] = {
    /* the steps of figure 4: key, account, purge, zero-clear, clock, parameters, commission */
    { "account-opening", gasm_Role_INSTALLER, ALWAYS | READS | C(INSTALL_KEY), false },
    { "account-opening", gasm_Role_INSTALLER, OPENING, false },
    /* figure 6: the same, a self-test before the old one closes, and the credit comes */
    { "swap", gasm_Role_SWAP, ALWAYS | READS | C(INSTALL_KEY), false },
    { "swap", gasm_Role_SWAP, OPENING | C(SELF_TEST) | C(IMPORT_CREDIT) | C(RECHARGE), false },
    { "swap", gasm_Role_SWAP, ALWAYS | READS | C(SET_CLOCK) | C(CLOSE_ACCOUNT), false },
    { "zero-clear", gasm_Role_SUPERVISOR, ALWAYS | READS | C(SET_CLOCK) | C(ZERO_CLEAR), true },
    { "parameters", gasm_Role_MAINTENANCE, ALWAYS | READS | C(SET_CLOCK) | C(SET_PARAMETERS),
      false },
    { "purge", gasm_Role_INSTALLER, ALWAYS | READS | C(SET_CLOCK) | PURGES, false },
    { "query", gasm_Role_INSPECTOR, ALWAYS | READS, false },
    { "inspection", gasm_Role_INSPECTOR, ALWAYS | READS | C(SELF_TEST), false },
    { "maintenance", gasm_Role_MAINTENANCE,
      ALWAYS | READS | C(SET_CLOCK) | C(SET_PARAMETERS) | C(VALVE_ARM) | C(VALVE_CLOSE)
          | C(SELF_TEST) | C(RECHARGE),
      false },
    { "removal", gasm_Role_MAINTENANCE, ALWAYS | READS | C(SET_CLOCK) | C(CLOSE_ACCOUNT), false },
    { "bench-reset", gasm_Role_BENCH,
      ALWAYS | READS | C(SET_CLOCK) | C(CLOSE_ACCOUNT) | C(SELF_TEST) | C(RESET_TO_FACTORY),
      false },
    { "scrapping", gasm_Role_BENCH, ALWAYS | READS | C(SET_CLOCK) | C(RESET_TO_FACTORY), false },
};

/* What a ticket's rights allow by the meter's own table, in any state. */
static uint32_t allowed_by(uint32_t rights)
{
    size_t n;
    const struct mc_command_row *rows = mc_commands(&n);
    uint32_t ret = 0;

    for (size_t i = 0; i < n; i++)
        if (rows[i].handler != NULL
            && (rows[i].right == MC_RIGHT_ANY || (rights >> rows[i].right & 1) != 0))
            ret |= 1u << rows[i].id;
    return ret;
}

static void each_kind_allows_what_its_procedure_needs(void **state)
{
    size_t e = 0;

    (void)state;
    for (size_t k = 0; k < order_n_kinds; k++)
        for (size_t t = 0; t < order_kinds[k].n_tickets; t++, e++) {
            const struct order_ticket *row = &order_kinds[k].tickets[t];

            assert_true(e < sizeof expected / sizeof expected[0]);
            assert_string_equal(order_kinds[k].name, expected[e].kind);
            assert_int_equal(row->role, expected[e].role);
            if (allowed_by(row->rights) != expected[e].commands)
                fail_msg("%s, ticket %zu: %08x, expected %08x", order_kinds[k].name, t,
                         allowed_by(row->rights), expected[e].commands);
            assert_int_equal((row->rights >> gasm_Right_RIGHT_SUPERVISE & 1) != 0,
                             expected[e].clears_in_service);
            assert_int_equal((row->rights >> gasm_Right_RIGHT_UNLOCK & 1) != 0,
                             strcmp(order_kinds[k].name, "maintenance") == 0);
            assert_true(row->of == ORDER_METER || order_kinds[k].swaps);
            assert_true(row->epoch == EPOCH_BEFORE || order_kinds[k].new_key);
        }
    assert_int_equal(e, sizeof expected / sizeof expected[0]);
    assert_int_equal(allowed_by(ORDER_CUSTOMER_RIGHTS),
                     ALWAYS | READS | C(RECHARGE) | C(VALVE_ARM) | C(VALVE_CLOSE));
}

static void the_table_fits_together(void **state)
{
    (void)state;
    for (size_t k = 0; k < order_n_kinds; k++) {
        const struct order_kind *kind = &order_kinds[k];
        uint32_t rights = 0;

        assert_ptr_equal(order_kind_find(kind->name), kind);
        assert_true(kind->n_tickets >= 1 && kind->n_tickets <= ORDER_TICKETS_MAX);
        for (size_t t = 0; t < kind->n_tickets; t++) {
            rights |= kind->tickets[t].rights;
            for (size_t u = 0; u < t; u++) /* a laptop keeps one for each meter and epoch */
                assert_false(kind->tickets[t].of == kind->tickets[u].of
                             && kind->tickets[t].epoch == kind->tickets[u].epoch);
        }
        assert_int_equal(kind->purges, (rights >> gasm_Right_RIGHT_PURGE & 1) != 0);
        assert_int_equal(kind->new_account, (rights >> gasm_Right_RIGHT_OPEN & 1) != 0);
        assert_int_equal(kind->new_key, (rights >> gasm_Right_RIGHT_KEY & 1) != 0);
        assert_int_equal(kind->swaps, (rights >> gasm_Right_RIGHT_IMPORT & 1) != 0);
        for (unsigned r = 0; r < 32; r++)
            if ((rights >> r & 1) != 0)
                assert_non_null(order_right_word(r));
    }
    assert_null(order_kind_find("opening"));
}

/* ---- at a real meter ---- */

static struct site site;
static struct site_meter meter;

/* What the meter says that the laptop's ticket may do now: identify's answer. */
static uint32_t offered(const sync_TicketGrant *ticket)
{
    gasm_Request who = aid_request(meter.w, gasm_Command_IDENTIFY, 0);

    assert_int_equal(site_ask(&site, &meter, ticket, &who), gasm_Refusal_OK);
    return meter.w->answer.body.identity.allowed;
}

/* An order of the kind for a meter in service, of a supervisor; what its ticket may do there; the
 * order is over. */
static uint32_t offered_in_service(const char *kind, gasm_Ticket *ret)
{
    struct ho_new_order n = site_order_of(kind, SITE_OLD, NULL);
    char number[32];
    uint32_t allowed;
    sync_Item done;

    site_order(&site, &n, number);
    site_fetch(&site);
    *ret = site_ticket_of(site_ticket(&site, SITE_OLD, 1));
    allowed = offered(site_ticket(&site, SITE_OLD, 1));
    done = oaid_done(site_job(&site, number), "unable", 0);
    oaid_expect(&site.l, &done, sync_VerdictKind_APPLIED, "");
    return allowed;
}

static void meters_in_service_take_these_tickets(void **state)
{
    static const struct {
        const char *kind;
        uint32_t commands;
    } at_work[] = {
        { "zero-clear", ALWAYS | READS | C(SET_CLOCK) | C(ZERO_CLEAR) },
        { "parameters", ALWAYS | READS | C(SET_CLOCK) | C(SET_PARAMETERS) },
        { "query", ALWAYS | READS },
        { "inspection", ALWAYS | READS | C(SELF_TEST) },
        { "maintenance", ALWAYS | READS | C(SET_CLOCK) | C(SET_PARAMETERS) | C(VALVE_ARM)
                             | C(VALVE_CLOSE) | C(SELF_TEST) | C(RECHARGE) },
        { "removal", ALWAYS | READS | C(SET_CLOCK) | C(CLOSE_ACCOUNT) },
    };
    uint64_t account_no, last = 0;
    sync_TicketGrant customer;

    (void)state;
    site_new(&site);
    site_meter_new(&site, &meter, SITE_OLD);
    account_no = site_open(&site, &meter, "SP-0001");
    /* the laptop's person becomes a supervisor, who may do everything */
    oaid_sql(&site.a, "UPDATE staff SET role = 'supervisor' WHERE staff_no = 'S001'");
    for (size_t i = 0; i < sizeof at_work / sizeof at_work[0]; i++) {
        gasm_Ticket t;
        uint32_t allowed = offered_in_service(at_work[i].kind, &t);

        if (allowed != at_work[i].commands)
            fail_msg("%s: %08x, expected %08x", at_work[i].kind, allowed, at_work[i].commands);
        assert_int_equal(t.account_no, 0);
        assert_int_equal(t.purge_volume_l, 0);
        assert_int_equal(t.installs_epoch, 0);
        assert_int_equal(t.swap.size, 0);
        assert_true(t.serial > last); /* and what was before is void */
        assert_int_equal(t.serial_floor, t.serial);
        last = t.serial;
    }
    customer = site_customer_ticket(&site, &meter, account_no);
    assert_int_equal(offered(&customer), ALWAYS | READS | C(RECHARGE) | C(VALVE_ARM)
                                             | C(VALVE_CLOSE));
    site_meter_end(&meter);
    site_end(&site);
}

/* ---- the customer's ticket ---- */

struct asking {
    const char *customer_no, *meter_id;
    struct ho_customer_ticket *ret;
};

static int ask(struct office *o, void *ctx)
{
    const struct asking *a = ctx;

    return a->customer_no != NULL ? ho_customer_ticket(o, a->customer_no, a->meter_id, a->ret)
                                  : ho_void_customer_tickets(o, a->meter_id);
}

static int ticket_of(const char *customer_no, const char *meter_id, struct ho_customer_ticket *ret)
{
    struct asking a = { customer_no, meter_id, ret };

    return ho_transaction(site.a.o, ask, &a);
}

static void a_customers_ticket_is_used_again(void **state)
{
    struct ho_customer_ticket first, again;

    (void)state;
    site_new(&site);
    site_meter_new(&site, &meter, SITE_OLD);
    (void)site_open(&site, &meter, "SP-0001");
    assert_int_equal(ticket_of("C-1002", SITE_OLD, &first), 0); /* not theirs */
    assert_int_equal(ticket_of("C-1001", AID_METER_1, &first), 0);
    assert_int_equal(ticket_of("C-1001", SITE_OLD, &first), 1);
    assert_int_equal(ticket_of("C-1001", SITE_OLD, &again), 1);
    assert_memory_equal(&first, &again, sizeof first);
    site.a.utc_ms = (first.not_after_s - HO_CUSTOMER_TICKET_LEFT_S) * 1000 - 1000;
    assert_int_equal(ticket_of("C-1001", SITE_OLD, &again), 1);
    assert_int_equal(again.serial, first.serial);
    site.a.utc_ms += 2000; /* less than a week is left */
    assert_int_equal(ticket_of("C-1001", SITE_OLD, &again), 1);
    assert_int_equal(again.serial, first.serial + 1);
    assert_int_equal(ticket_of(NULL, SITE_OLD, NULL), 0);
    assert_int_equal(ticket_of("C-1001", SITE_OLD, &again), 1);
    assert_int_equal(again.serial, first.serial + 2);
    oaid_sql(&site.a, "UPDATE account SET state = 'closed'");
    assert_int_equal(ticket_of("C-1001", SITE_OLD, &again), 0);
    site_meter_end(&meter);
    site_end(&site);
}

/* ---- what says it elsewhere ---- */

static void print_kinds(FILE *f)
{
    struct buf text = { 0 };

    order_kinds_print(&text);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    buf_free(&text);
}

static void print_tickets(FILE *f)
{
    struct buf text = { 0 };

    order_tickets_print(&text);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    buf_free(&text);
}

static void the_page_says_what_the_table_says(void **state)
{
    static const struct aid_section sections[] = { { "kinds", print_kinds },
                                                   { "tickets", print_tickets } };

    (void)state;
    aid_document_settle("docs/orders.md", sections, 2);
}

static void the_interface_knows_the_kinds(void **state)
{
    struct buf words = { 0 };
    size_t found = 0;

    (void)state;
    for (size_t k = 0; k < order_n_kinds; k++)
        buf_print(&words, "%s%s", k > 0 ? "|" : "", order_kinds[k].name);
    buf_add(&words, "", 1);
    for (size_t i = 0; i < api_part_orders.n; i++) {
        const struct api_message *m = api_part_orders.routes[i].takes;

        for (size_t f = 0; m != NULL && f < m->n; f++)
            if (strcmp(m->name, "NewWorkOrder") == 0 && strcmp(m->fields[f].name, "kind") == 0) {
                assert_string_equal(m->fields[f].words, (const char *)words.p);
                found++;
            }
    }
    assert_int_equal(found, 1);
    buf_free(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_allows_what_its_procedure_needs),
        cmocka_unit_test(the_table_fits_together),
        cmocka_unit_test(meters_in_service_take_these_tickets),
        cmocka_unit_test(a_customers_ticket_is_used_again),
        cmocka_unit_test(the_page_says_what_the_table_says),
        cmocka_unit_test(the_interface_knows_the_kinds),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
