/* test_purge_limits.c - what a purge grant may not be: its ranges, the ticket's volume, battery and
 * temperature, the journal's room. */
#include "meter-core/purge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/ticket.h"
#include "tests/aid/purge_site.h"

static void test_ranges(void **state)
{
    struct site s = site_make(10);
    static const struct {
        uint32_t volume_l, limit_s, place;
    } bad[] = {{0, 10, 1}, {9, 10, 1},   {61, 10, 1},        {UINT32_MAX, 10, 1},
               {20, 0, 2}, {20, 121, 2}, {20, UINT32_MAX, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(site_start(&s, bad[i].volume_l, bad[i].limit_s), gasm_Refusal_RANGE);
        assert_int_equal(s.w->answer.place, bad[i].place);
        assert_int_equal(s.w->valve.opened, 0);
    }
    s.ticket.purge_volume_l = 1000000;
    site_greet(&s);
    assert_int_equal(site_start(&s, (MC_GRANT_PULSES_MAX + 1) * 10, 10), gasm_Refusal_RANGE);
    assert_int_equal(site_start(&s, MC_GRANT_PULSES_MAX * 10, 10), gasm_Refusal_OK);
    aid_world_disconnect(s.w);
    aid_world_pass(s.w, 3000);
    site_greet(&s);
    site_finish(&s);
}

static void test_power(void **state)
{
    struct site s = site_make(1);

    (void)state;
    s.w->supply_mv = 2799;
    assert_int_equal(site_start(&s, 20, 20), gasm_Refusal_BATTERY);
    s.w->supply_mv = 2800;
    s.w->temperature_dc = -251;
    assert_int_equal(site_start(&s, 20, 20), gasm_Refusal_TEMPERATURE);
    s.w->temperature_dc = 551;
    assert_int_equal(site_start(&s, 20, 20), gasm_Refusal_TEMPERATURE);
    s.w->temperature_dc = 550;
    assert_int_equal(s.w->valve.opened, 0);
    assert_int_equal(site_start(&s, 20, 20), gasm_Refusal_OK);
    assert_int_equal(site_start(&s, 20, 20), gasm_Refusal_STATE);            /* one at a time */
    site_stay(&s, 5000);
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    site_finish(&s);
}

/* The ticket's volume is the total over all its grants, whatever ended them, and over restarts. */
static void test_total_volume(void **state)
{
    struct site s = site_make(1);
    uint32_t left_l = s.ticket.purge_volume_l;

    (void)state;
    for (int i = 0; left_l >= 10; i++) {
        assert_int_equal(mc_ticket_purge_left_l(s.w->meter), left_l);
        assert_int_equal(site_start(&s, left_l + 1, 60), gasm_Refusal_RANGE);
        assert_int_equal(site_start(&s, left_l, 60), gasm_Refusal_OK);
        site_stay(&s, 6000);
        if (i % 3 == 0)
            assert_int_equal(site_stop(&s), gasm_Refusal_OK);
        if (i % 3 == 1)
            assert_int_equal(aid_world_restart(s.w), 0);
        aid_world_disconnect(s.w);
        aid_world_pass(s.w, 3000);
        left_l -=
            s.w->meter->core.purge_flowed_l < left_l ? s.w->meter->core.purge_flowed_l : left_l;
        site_greet(&s);
    }
    assert_int_equal(s.w->meter->core.totals.purged_l + left_l, s.ticket.purge_volume_l);
    if (left_l > 0)
        assert_int_equal(site_start(&s, left_l, 60), gasm_Refusal_OK);
    site_stay(&s, 20000);
    if (left_l > 0)
        (void)site_ending(&s, true);
    assert_int_equal(site_start(&s, 1, 60), gasm_Refusal_RANGE);             /* used up */
    /* Another ticket has a volume of its own. */
    s.ticket.serial = 77;
    site_greet(&s);
    assert_int_equal(site_start(&s, 60, 60), gasm_Refusal_OK);
    site_stay(&s, 3000);
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    site_finish(&s);
}

/* No erase under a grant, and the valve is shut at once when a pulse cannot be journalled. */
static void test_no_erase(void **state)
{
    struct site s = site_make(1);

    (void)state;
    s.ticket.purge_volume_l = 100000;
    s.ticket.purge_grant_s = 1000;
    site_greet(&s);
    s.w->flash.erase_forbidden = true;
    assert_int_equal(site_start(&s, 400, 900), gasm_Refusal_OK);
    site_stay(&s, 600000);
    assert_int_equal(s.w->flash.forbidden_erases, 0);
    assert_int_equal(site_ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_VOLUME);
    assert_int_equal(site_start(&s, 10, 900), gasm_Refusal_OK);
    site_stay(&s, 3000);
    s.w->flash.dead = true;             /* the flash fails, the meter lives */
    mc_meter_pulse(s.w->meter, 1);
    assert_true(s.w->meter->purge.closing);
    s.w->flash.dead = false;
    aid_world_pass(s.w, 5000);
    assert_int_equal(site_ending(&s, true).purge_end, gasm_PurgeEnd_PURGE_FAULT);
    s.w->flash.erase_forbidden = false;
    site_finish(&s);
}

/* A purge_stop without any grant ever. */
static void test_no_grant(void **state)
{
    struct site s = site_make(1);

    (void)state;
    assert_int_equal(site_stop(&s), gasm_Refusal_STATE);
    assert_int_equal(site_keep_alive(&s), gasm_Refusal_STATE);
    site_finish(&s);
}

/* A parameter that would end the grant at once cannot be written under it. */
static void test_parameters_wait(void **state)
{
    struct site s = site_make(1);
    gasm_Request r;

    (void)state;
    s.w->flow_l_per_h = 3600;
    assert_int_equal(site_start(&s, 20, 60), gasm_Refusal_OK);
    aid_world_pass(s.w, 3000);
    r = aid_request(s.w, gasm_Command_SET_PARAMETERS, s.op++);
    r.which_body = gasm_Request_set_parameters_tag;
    r.body.set_parameters.parameters_count = 1;
    r.body.set_parameters.parameters[0] =
        (gasm_Parameter){.id = MC_PARAM_TEMPERATURE_MIN, .value = 100};
    s.w->temperature_dc = 50;
    aid_expect(s.w, &r, gasm_Refusal_STATE, gasm_Stage_STAGE_VALIDATION);
    aid_world_pass(s.w, 1000);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_int_equal(site_keep_alive(&s), gasm_Refusal_OK);
    assert_int_equal(site_stop(&s), gasm_Refusal_OK);
    aid_expect(s.w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    site_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters_wait),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_total_volume),
        cmocka_unit_test(test_no_erase),
        cmocka_unit_test(test_no_grant),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
