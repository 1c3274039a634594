/* test_supply.c - gas for the customer: who may arm, what a press of the button needs, and all that
 * keeps the valve shut. */
#include "meter-core/supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/commands.h"
#include "meter-core/valve.h"
#include "tests/aid/supply_site.h"

#define LOCKS 8                 /* combinations of the three */

/* ---- the way it goes ---- */

static void test_arm_and_press(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    int64_t a, b;

    (void)state;
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM), gasm_Refusal_OK);
    assert_int_equal(s.w->answer.which_body, gasm_Response_supply_tag);
    assert_int_equal(s.w->answer.body.supply.armed_s, 30);
    assert_int_equal(s.w->answer.body.supply.residual_l, 50000);
    assert_int_equal(s.w->answer.body.supply.valve, gasm_ValveState_VALVE_SHUT);
    assert_int_equal(supply_events(&s, MC_EVENT_ARMED, &a, &b), 1);
    assert_int_equal(a, s.customer.serial);
    assert_int_equal(b, 0);
    aid_world_pass(s.w, 20000);
    assert_int_equal(s.w->valve.opened, 1);     /* of the purge */
    assert_in_range(supply_now(&s).armed_s, 9, 11);
    mc_meter_button(s.w->meter);
    assert_int_equal(s.w->valve.opened, 2);
    assert_int_equal(supply_events(&s, MC_EVENT_VALVE_OPENED, &a, &b), 1);
    assert_int_equal(a, 50000);
    assert_int_equal(b, s.w->meter->core.totals.index_l);
    assert_int_equal(supply_now(&s).armed_s, 0);
    aid_world_pass(s.w, 2000);
    assert_int_equal(supply_now(&s).valve, gasm_ValveState_VALVE_OPEN);
    assert_in_range(supply_now(&s).watch_s, 118, 120);
    mc_meter_button(s.w->meter);
    aid_world_leap(s.w, 200000);
    assert_int_equal(supply_now(&s).watch_s, 0);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM), gasm_Refusal_STATE);
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_CLOSE), gasm_Refusal_OK);
    assert_int_equal(s.w->answer.body.supply.valve, gasm_ValveState_VALVE_MOVING);
    assert_int_equal(supply_events(&s, MC_EVENT_VALVE_CLOSED, &a, &b), 1);
    assert_int_equal(a, s.customer.serial);
    aid_world_pass(s.w, 2000);
    assert_true(supply_is_shut(&s));
    mc_meter_button(s.w->meter);
    assert_true(supply_is_shut(&s));
    assert_int_equal(s.w->valve.opened, 2);
    supply_finish(&s);
}

/* valve_close takes back an arming too. */
static void test_close_disarms(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM), gasm_Refusal_OK);
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_CLOSE), gasm_Refusal_OK);
    assert_int_equal(s.w->answer.body.supply.armed_s, 0);
    assert_int_equal(s.w->answer.body.supply.valve, gasm_ValveState_VALVE_SHUT);
    mc_meter_button(s.w->meter);
    aid_world_pass(s.w, 2000);
    assert_true(supply_is_shut(&s));
    assert_int_equal(s.w->valve.opened, 1);
    supply_finish(&s);
}

/* ---- every reason not to open ---- */

static void not_armed(struct supply_site *s)
{
    s->w->meter->supply.armed = false;
}

static void lapsed(struct supply_site *s)
{
    s->w->meter->supply.armed_until_ms = s->w->mono_ms;
}

static void leak_lock(struct supply_site *s)
{
    s->w->meter->core.locks |= 1u << gasm_Lock_LOCK_LEAK;
}

static void tamper_lock(struct supply_site *s)
{
    s->w->meter->core.locks |= 1u << gasm_Lock_LOCK_TAMPER;
}

static void valve_lock(struct supply_site *s)
{
    s->w->meter->core.locks |= 1u << gasm_Lock_LOCK_VALVE;
}

static void no_credit(struct supply_site *s)
{
    s->w->meter->core.totals.debited_l = s->w->meter->core.totals.purchased_l;
}

static void no_account(struct supply_site *s)
{
    s->w->meter->core.account_closed = 1;
}

static void battery(struct supply_site *s)
{
    s->w->supply_mv = 2899;
}

static void cold(struct supply_site *s)
{
    s->w->temperature_dc = -251;
}

static void hot(struct supply_site *s)
{
    s->w->temperature_dc = 551;
}

static void magnet(struct supply_site *s)
{
    s->w->meter->supply.senses |= 1u << MC_SENSE_MAGNET;
}

static void reverse(struct supply_site *s)
{
    s->w->meter->supply.senses |= 1u << MC_SENSE_REVERSE;
}

static void waited_for(struct supply_site *s)
{
    s->w->meter->later.waiting = true;
}

static void owed_lock(struct supply_site *s)
{
    s->w->meter->supply.owed[0] = (struct mc_owed){.event = MC_EVENT_UNCONTROLLED_FLOW,
                                                   .locks = 1u << gasm_Lock_LOCK_LEAK};
    s->w->meter->supply.owed_n = 1;
    s->w->meter->supply.owed_late = true;
    s->w->meter->supply.owed_ms = s->w->mono_ms;
}

static void (*const reasons[])(struct supply_site *) = {
    not_armed, lapsed, leak_lock, tamper_lock, valve_lock, no_credit, no_account,
    battery,   cold,   hot,       magnet,      reverse,    waited_for, owed_lock,
};
#define REASONS (sizeof reasons / sizeof reasons[0])

/* Every set of reasons: only the empty one opens. */
static void test_every_reason(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    struct mc_meter *armed = malloc(sizeof *armed);
    uint32_t opened = s.w->valve.opened;

    (void)state;
    assert_non_null(armed);
    mc_supply_arm(s.w->meter);
    s.w->meter->supply.battery_low = true;      /* so that nothing is written in between */
    *armed = *s.w->meter;
    for (uint32_t set = (1u << REASONS) - 1;; set--) {
        *s.w->meter = *armed;
        s.w->supply_mv = 3600;
        s.w->temperature_dc = 210;
        for (size_t i = 0; i < REASONS; i++)
            if ((set >> i & 1) != 0)
                reasons[i](&s);
        mc_meter_button(s.w->meter);
        if (set == 0)
            break;
        if (s.w->valve.opened != opened)
            fail_msg("the valve opens in spite of the reasons 0x%x", (unsigned)set);
    }
    assert_int_equal(s.w->valve.opened, opened + 1);
    free(armed);
    supply_finish(&s);
}

/* Armed by force in every life state: only IN_SERVICE opens; in every valve state: only SHUT. */
static void test_life_and_valve_states(void **state)
{
    (void)state;
    for (gasm_LifeState life = gasm_LifeState_LIFE_UNKNOWN; life <= gasm_LifeState_SCRAPPED; life++)
        for (gasm_ValveState valve = gasm_ValveState_VALVE_UNKNOWN;
             valve <= gasm_ValveState_VALVE_FAULT; valve++) {
            struct supply_site s = supply_make(10, 50000);
            bool opens = life == gasm_LifeState_IN_SERVICE && valve == gasm_ValveState_VALVE_SHUT;

            mc_supply_arm(s.w->meter);
            s.w->meter->core.life = (uint8_t)life;
            s.w->valve.state = valve;
            s.w->valve.until_ms = s.w->mono_ms + 100000;
            mc_meter_button(s.w->meter);
            assert_int_equal(s.w->valve.opened, opens ? 2 : 1);
            mc_supply_stop(s.w->meter);
            mc_supply_arm(s.w->meter);
            assert_int_equal(s.w->meter->supply.armed, life == gasm_LifeState_IN_SERVICE);
            aid_world_pass(s.w, 100);
            assert_int_equal(s.w->valve.opened, opens ? 2 : 1);
            supply_finish(&s);
        }
}

/* What cannot be written does not happen: no record, no opening. */
static void test_no_record_no_opening(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    mc_supply_arm(s.w->meter);
    s.w->flash.dead = true;
    mc_meter_button(s.w->meter);
    assert_int_equal(s.w->valve.opened, 1);
    s.w->flash.dead = false;
    mc_meter_button(s.w->meter);
    assert_int_equal(s.w->valve.opened, 2);
    supply_finish(&s);
}

/* A meter that cannot use its journal. */
static void test_unusable(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    supply_open(&s);
    memset(s.w->flash.bytes, 0, (size_t)AID_FLASH_SECTOR * AID_FLASH_SECTORS);
    assert_int_equal(aid_world_restart(s.w), GF_E_STORE);
    mc_supply_arm(s.w->meter);
    mc_meter_button(s.w->meter);
    mc_meter_sense(s.w->meter, MC_SENSE_COVER, true);
    mc_meter_pulse(s.w->meter, 3);
    assert_int_equal(supply_now(&s).watch_s, 0);
    aid_world_pass(s.w, 3000);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_SHUT);
    assert_int_equal(s.w->valve.opened, 2);
    supply_finish(&s);
}

/* ---- from afar ---- */

/* No command opens the valve: not with every right, armed or not, with or without locks. */
static void test_no_command_opens(void **state)
{
    size_t n;
    const struct mc_command_row *rows = mc_commands(&n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (unsigned armed = 0; armed < 2; armed++) {
            struct supply_site s = supply_make(1, 50000);
            struct aid_pass pass = aid_world_pass_of(&s.technician);
            gasm_Request r = aid_request(s.w, rows[i].id,
                                         (rows[i].needs & MC_NEED_OP_ID) != 0 ? 9000 : 0);

            r.which_body = (pb_size_t)rows[i].body;
            if (rows[i].id == gasm_Command_SET_PARAMETERS)
                r = aid_set_one(s.w, 9000, 100);
            if (rows[i].id == gasm_Command_ZERO_CLEAR)
                r.body.zero_clear.residual_l = 50000;
            if (armed != 0)
                mc_supply_arm(s.w->meter);
            (void)aid_world_do(s.w, &pass, &r);
            aid_world_pass(s.w, 45000);
            if (s.w->valve.opened != 1)
                fail_msg("%s opens the valve", rows[i].name);
            assert_true(supply_is_shut(&s));
            supply_finish(&s);
        }
}

/* ---- locks ---- */

static void test_locks(void **state)
{
    (void)state;
    for (uint8_t locks = 1; locks < LOCKS; locks++) {
        struct supply_site s = supply_make(1, 50000);
        int64_t a, b;

        supply_lock(&s, locks);
        assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM),
                         gasm_Refusal_LOCKED_OUT);
        assert_int_equal(s.w->answer.reached, gasm_Stage_STAGE_VALIDATION);
        assert_int_equal(s.w->answer.which_body, gasm_Response_supply_tag);
        assert_int_equal(s.w->answer.body.supply.locks, locks);
        mc_supply_arm(s.w->meter);          /* as a recharge would */
        mc_meter_button(s.w->meter);
        assert_int_equal(s.w->valve.opened, 1);
        assert_int_equal(aid_world_restart(s.w), 0);
        assert_int_equal(s.w->meter->core.locks, locks);
        supply_mark(&s);
        assert_int_equal(supply_ask(&s, &s.technician, gasm_Command_VALVE_ARM), gasm_Refusal_OK);
        assert_int_equal(s.w->answer.body.supply.locks, 0);
        assert_int_equal(supply_events(&s, MC_EVENT_ARMED, &a, &b), 1);
        assert_int_equal(a, s.technician.serial);
        assert_int_equal(b, locks);
        mc_meter_button(s.w->meter);
        assert_int_equal(s.w->valve.opened, 2);
        assert_int_equal(aid_world_restart(s.w), 0);
        assert_int_equal(s.w->meter->core.locks, 0);
        supply_finish(&s);
    }
}

/* A refused arming by a technician lifts nothing. */
static void test_refused_arming_keeps_locks(void **state)
{
    struct supply_site s = supply_make(1, 0);

    (void)state;
    supply_lock(&s, 1u << gasm_Lock_LOCK_LEAK);
    assert_int_equal(supply_ask(&s, &s.technician, gasm_Command_VALVE_ARM), gasm_Refusal_STATE);
    assert_int_equal(s.w->meter->core.locks, 1u << gasm_Lock_LOCK_LEAK);
    assert_int_equal(s.w->answer.body.supply.locks, 1u << gasm_Lock_LOCK_LEAK);
    supply_finish(&s);
}

/* A lock whose record cannot be written is in force all the same, and is written later. */
static void test_owed_lock(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    s.w->flash.dead = true;
    mc_meter_sense(s.w->meter, MC_SENSE_MAGNET, true);
    mc_meter_sense(s.w->meter, MC_SENSE_MAGNET, false);
    assert_int_equal(s.w->meter->core.locks, 0);
    assert_int_equal(supply_now(&s).locks, 1u << gasm_Lock_LOCK_TAMPER);
    mc_supply_arm(s.w->meter);
    assert_false(s.w->meter->supply.armed);
    /* More than can be owed: the locks are kept, if not every event. */
    for (unsigned i = 0; i < 2 * MC_OWED; i++)
        mc_supply_note(s.w->meter, MC_EVENT_TAMPER, MC_SENSE_COVER, 1, 1u << gasm_Lock_LOCK_TAMPER);
    s.w->flash.dead = false;
    aid_world_pass(s.w, 1100);
    assert_int_equal(s.w->meter->core.locks, 1u << gasm_Lock_LOCK_TAMPER);
    assert_int_equal(supply_events(&s, MC_EVENT_TAMPER, NULL, NULL), MC_OWED);
    assert_int_equal(aid_world_restart(s.w), 0);
    assert_int_equal(supply_now(&s).locks, 1u << gasm_Lock_LOCK_TAMPER);
    supply_finish(&s);
}

/* Locks of several causes that have to share one place in what is owed. */
static void test_owed_locks(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    int64_t *closes = &s.w->meter->core.params[MC_PARAM_CLOSE_ON_TAMPER - 1];

    (void)state;
    supply_open(&s);
    s.w->flash.dead = true;
    *closes = 0;
    for (unsigned i = 1; i < MC_OWED; i++) {
        mc_meter_sense(s.w->meter, MC_SENSE_COVER, true);
        mc_meter_sense(s.w->meter, MC_SENSE_COVER, false);
    }
    mc_meter_pulse(s.w->meter, 2);
    assert_int_equal(supply_now(&s).locks, 1u << gasm_Lock_LOCK_LEAK);
    *closes = 1;
    mc_meter_sense(s.w->meter, MC_SENSE_COVER, true);
    s.w->flash.dead = false;
    aid_world_pass(s.w, 1100);
    assert_int_equal(s.w->meter->core.locks,
                     1u << gasm_Lock_LOCK_LEAK | 1u << gasm_Lock_LOCK_TAMPER);
    supply_finish(&s);
}

/* ---- senses ---- */

enum how { HOW_SHUT, HOW_ARMED, HOW_OPEN, HOWS };

static void bring(struct supply_site *s, enum how how)
{
    if (how == HOW_OPEN)
        supply_open(s);
    else if (how == HOW_ARMED)
        mc_supply_arm(s->w->meter);
}

/* Each sense, with and without the parameter, in each state of the valve. */
static void test_senses(void **state)
{
    (void)state;
    for (unsigned sense = 0; sense < MC_SENSES; sense++)
        for (int64_t closes = 0; closes < 2; closes++)
            for (enum how how = HOW_SHUT; how < HOWS; how++) {
                struct supply_site s = supply_make(1, 50000);
                uint8_t locks = closes != 0 ? 1u << gasm_Lock_LOCK_TAMPER : 0;
                int64_t a, b;

                supply_set(&s, MC_PARAM_CLOSE_ON_TAMPER, closes);
                bring(&s, how);
                mc_meter_sense(s.w->meter, (enum mc_sense)sense, true);
                mc_meter_sense(s.w->meter, (enum mc_sense)sense, true);
                assert_int_equal(supply_events(&s, MC_EVENT_TAMPER, &a, &b), 1);
                assert_int_equal(a, sense);
                assert_int_equal(b, closes);
                assert_int_equal(s.w->meter->core.locks, locks);
                aid_world_pass(s.w, 3000);
                assert_int_equal(s.w->valve.state, how == HOW_OPEN && closes == 0
                                                       ? gasm_ValveState_VALVE_OPEN
                                                       : gasm_ValveState_VALVE_SHUT);
                assert_int_equal(s.w->meter->supply.armed, how == HOW_ARMED && closes == 0);
                if (closes != 0) {      /* on: not even a technician */
                    assert_int_equal(supply_ask(&s, &s.technician, gasm_Command_VALVE_ARM),
                                     gasm_Refusal_STATE);
                    assert_int_equal(s.w->meter->core.locks, locks);
                    mc_meter_sense(s.w->meter, (enum mc_sense)sense, false);
                    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM),
                                     gasm_Refusal_LOCKED_OUT);
                    assert_int_equal(supply_ask(&s, &s.technician, gasm_Command_VALVE_ARM),
                                     gasm_Refusal_OK);
                }
                mc_meter_sense(s.w->meter, (enum mc_sense)sense, false);
                mc_meter_sense(s.w->meter, (enum mc_sense)sense, true);
                /* Within ten minutes it is told again only when it locks again. */
                assert_int_equal(supply_events(&s, MC_EVENT_TAMPER, NULL, NULL),
                                 closes != 0 ? 2 : 1);
                aid_world_leap(s.w, 600000);
                mc_meter_sense(s.w->meter, (enum mc_sense)sense, false);
                mc_meter_sense(s.w->meter, (enum mc_sense)sense, true);
                assert_int_equal(supply_events(&s, MC_EVENT_TAMPER, NULL, NULL),
                                 closes != 0 ? 3 : 2);
                supply_finish(&s);
            }
}

/* Before service a sense is an event and no more. */
static void test_sense_before_service(void **state)
{
    struct supply_site s = {.w = aid_story_opened(1, AID_OPEN_ACCOUNT)};

    (void)state;
    supply_mark(&s);
    mc_meter_sense(s.w->meter, MC_SENSE_COVER, true);
    assert_int_equal(supply_events(&s, MC_EVENT_TAMPER, NULL, NULL), 1);
    assert_int_equal(s.w->meter->core.locks, 0);
    supply_finish(&s);
}

/* ---- resets, clock ---- */

static void test_reset(void **state)
{
    (void)state;
    for (enum how how = HOW_SHUT; how < HOWS; how++) {
        struct supply_site s = supply_make(1, 50000);

        bring(&s, how);
        assert_int_equal(aid_world_restart(s.w), 0);
        assert_int_equal(supply_now(&s).armed_s, 0);
        assert_int_equal(supply_now(&s).watch_s, 0);
        mc_meter_button(s.w->meter);
        aid_world_pass(s.w, 3000);
        assert_true(supply_is_shut(&s));
        mc_meter_button(s.w->meter);
        aid_world_pass(s.w, 3000);
        assert_true(supply_is_shut(&s));
        supply_finish(&s);
    }
}

/* With a lost clock one may close, and not arm. */
static void test_lost_clock(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    supply_open(&s);
    s.w->utc_ms -= 3600000;
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM), gasm_Refusal_CLOCK);
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_CLOSE), gasm_Refusal_OK);
    aid_world_pass(s.w, 2000);
    assert_true(supply_is_shut(&s));
    supply_finish(&s);
}

/* Arming needs power to move; an open valve stays as it is when the power goes. */
static void test_power(void **state)
{
    struct supply_site s = supply_make(1, 50000);
    int64_t a, b;

    (void)state;
    s.w->temperature_dc = 551;
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM),
                     gasm_Refusal_TEMPERATURE);
    s.w->temperature_dc = 550;
    supply_open(&s);
    s.w->temperature_dc = -400;
    aid_world_pass(s.w, 2000);
    assert_int_equal(supply_events(&s, MC_EVENT_BATTERY_LOW, NULL, NULL), 0);
    s.w->supply_mv = 2899;
    aid_world_pass(s.w, 2000);
    assert_int_equal(supply_events(&s, MC_EVENT_BATTERY_LOW, &a, &b), 1);
    assert_int_equal(a, 2899);
    assert_int_equal(b, 2900);
    s.w->supply_mv = 2999;      /* not good again yet */
    aid_world_pass(s.w, 2000);
    s.w->supply_mv = 2899;
    aid_world_pass(s.w, 2000);
    assert_int_equal(supply_events(&s, MC_EVENT_BATTERY_LOW, NULL, NULL), 1);
    s.w->supply_mv = 3000;
    aid_world_pass(s.w, 2000);
    s.w->supply_mv = 2899;
    aid_world_pass(s.w, 2000);
    assert_int_equal(supply_events(&s, MC_EVENT_BATTERY_LOW, NULL, NULL), 2);
    assert_int_equal(s.w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_CLOSE), gasm_Refusal_OK);
    aid_world_pass(s.w, 2000);
    assert_true(supply_is_shut(&s));
    assert_int_equal(supply_ask(&s, &s.customer, gasm_Command_VALVE_ARM), gasm_Refusal_BATTERY);
    supply_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arm_and_press),
        cmocka_unit_test(test_close_disarms),
        cmocka_unit_test(test_every_reason),
        cmocka_unit_test(test_life_and_valve_states),
        cmocka_unit_test(test_no_record_no_opening),
        cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_no_command_opens),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_refused_arming_keeps_locks),
        cmocka_unit_test(test_owed_lock),
        cmocka_unit_test(test_owed_locks),
        cmocka_unit_test(test_senses),
        cmocka_unit_test(test_sense_before_service),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_lost_clock),
        cmocka_unit_test(test_power),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
