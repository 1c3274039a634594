/* test_no_flash.c - what keeps people safe does not wait for the journal: locks, closing, and the
 * end of a grant, when flash takes nothing or a session has filled it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/store.h"
#include "meter-core/valve.h"
#include "tests/aid/ports_fail.h"
#include "tests/aid/purge_site.h"
#include "tests/aid/supply_site.h"

#define VALVE_LOCK (1u << gasm_Lock_LOCK_VALVE)

static struct aid_ports_fail flash_that_fails(void)
{
    return (struct aid_ports_fail){.port = AID_PORT_PROGRAM, .for_good = true};
}

/* Gas flows though the valve is shut, and the one record about it cannot be written: locked all the
 * same, and on flash as soon as that works. */
static void test_flow_locks(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    struct aid_ports_fail f = flash_that_fails();

    (void)state;
    aid_world_pass(s.w, 5000);
    aid_ports_fail(&f, s.w);
    mc_meter_pulse(s.w->meter, 1);
    f.in = -1;
    assert_int_equal(s.w->meter->core.locks, 0);
    assert_int_equal(mc_supply_locks(s.w->meter), VALVE_LOCK);
    mc_supply_arm(s.w->meter);
    mc_meter_button(s.w->meter);
    assert_false(s.w->meter->drive.want_open);
    aid_world_pass(s.w, 1100);
    assert_int_equal(s.w->meter->core.locks, VALVE_LOCK);
    assert_int_equal(supply_events(&s, MC_EVENT_FLOW_WHILE_SHUT, NULL, NULL), 1);
    supply_finish(&s);
}

/* A valve that is stuck while it shuts, and flash that fails until it is free again. */
static void test_fault_locks(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    struct aid_ports_fail f = flash_that_fails();

    (void)state;
    supply_open(&s);
    s.w->valve.stuck = true;
    mc_supply_stop(s.w->meter);
    aid_ports_fail(&f, s.w);
    aid_world_pass(s.w, 12000);
    s.w->valve.stuck = false;
    aid_world_pass(s.w, 12000);         /* the order is given again after each travel time */
    f.in = -1;
    aid_world_pass(s.w, 2000);
    assert_true(supply_is_shut(&s));
    assert_int_equal(s.w->meter->core.locks, VALVE_LOCK);
    assert_int_equal(supply_events(&s, MC_EVENT_VALVE_FAULT, NULL, NULL), 1);
    supply_finish(&s);
}

/* valve_close shuts, whatever becomes of its record. */
static void test_close_shuts(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    struct aid_ports_fail f = flash_that_fails();

    (void)state;
    supply_open(&s);
    aid_ports_fail(&f, s.w);
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_CLOSE), gasm_Refusal_NVM);
    aid_world_pass(s.w, 3000);
    f.in = -1;
    assert_true(supply_is_shut(&s));
    supply_finish(&s);
}

/* An order to open that the motor did not take is not given when the power has gone meanwhile. */
static void test_cold_order(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    uint32_t opened = s.w->valve.opened;

    (void)state;
    mc_supply_arm(s.w->meter);
    s.w->valve.ordered = true;          /* the motor is busy */
    s.w->valve.until_ms = INT64_MAX;
    mc_meter_button(s.w->meter);
    assert_true(s.w->meter->drive.want_open);
    assert_false(s.w->meter->drive.commanded);
    s.w->temperature_dc = 900;
    aid_world_pass(s.w, 20);
    s.w->valve.ordered = false;
    s.w->valve.until_ms = 0;
    aid_world_pass(s.w, 3000);
    assert_int_equal(s.w->valve.opened, opened);
    assert_true(supply_is_shut(&s));
    supply_finish(&s);
}

/* Events fill the journal under a grant, until nothing more fits: its end still does. */
static void test_grant_ends(void **state)
{
    struct site s = site_make(1);
    uint32_t events = 0;

    (void)state;
    assert_int_equal(site_start(&s, 20, 60), gasm_Refusal_OK);
    while (mc_store_event(s.w->meter, MC_EVENT_REFUSED, events, 0) == 0)
        events++;
    assert_true(events > 100);
    assert_int_equal(s.w->meter->core.grant_open, 1);
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    assert_int_equal(s.w->meter->core.grant_open, 0);
    site_finish(&s);
}

/* An RTC that jumps years ahead for a moment does not raise the time floor; one that stays there
 * does. */
static void test_clock_glitch(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    const int64_t years_ms = INT64_C(70) * 365 * 86400000;
    int64_t floor_s;

    (void)state;
    aid_world_pass(s.w, 2000);
    floor_s = s.w->meter->core.floor_s;
    s.w->utc_ms += years_ms;
    aid_world_pass(s.w, 30000);
    assert_int_equal(s.w->meter->core.floor_s, floor_s);
    s.w->utc_ms -= years_ms;
    aid_world_pass(s.w, 90000);
    assert_int_equal(s.w->meter->core.floor_s, floor_s);
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_READ_BALANCE), gasm_Refusal_OK);
    aid_world_disconnect(s.w);
    s.w->utc_ms += years_ms;
    aid_world_pass(s.w, 61000);
    assert_true(s.w->meter->core.floor_s > floor_s + years_ms / 2000);
    supply_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow_locks),  cmocka_unit_test(test_fault_locks),
        cmocka_unit_test(test_close_shuts), cmocka_unit_test(test_cold_order),
        cmocka_unit_test(test_grant_ends),  cmocka_unit_test(test_clock_glitch),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
