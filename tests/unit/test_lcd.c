/* test_lcd.c - what the display says in every state: two lines of at most 16 ASCII characters. */
#include "meter-core/supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/purge_site.h"
#include "tests/aid/supply_site.h"

/* The display, checked for its form. */
static struct mc_lcd lcd(const struct aid_world *w)
{
    struct mc_lcd ret;

    memset(&ret, 0xA5, sizeof ret);
    mc_meter_lcd(w->meter, &ret);
    for (size_t i = 0; i < 2; i++) {
        size_t n = strnlen(ret.line[i], sizeof ret.line[i]);

        assert_in_range(n, 1, MC_LCD_COLUMNS);
        for (size_t k = 0; k < n; k++)
            assert_in_range(ret.line[i][k], ' ', '~');
    }
    return ret;
}

static void expect(const struct aid_world *w, const char *upper, const char *lower)
{
    struct mc_lcd now = lcd(w);

    assert_string_equal(now.line[0], upper);
    assert_string_equal(now.line[1], lower);
}

static void test_residuals(void **state)
{
    static const struct {
        int64_t residual_l;
        const char *text;
    } rows[] = {
        {0, "CREDIT 0.000m3"},
        {1, "CREDIT 0.001m3"},
        {-1, "CREDIT -0.001m3"},
        {999, "CREDIT 0.999m3"},
        {1000, "CREDIT 1.000m3"},
        {123456, "CREDIT 123.456m3"},
        {-12345, "CREDIT -12.345m3"},
        {-99999, "CREDIT -99.999m3"},
        {-123456, "CREDIT -123.45m3"},
        {999999, "CREDIT 999.999m3"},
        {1000999, "CREDIT 1000.99m3"},
        {10000999, "CREDIT 10000.9m3"},
        {100000999, "CREDIT 100000m3"},
        {-100000999, "CREDIT -100000m3"},
        {1000000999, "CREDIT 1000000m3"},
        {-1000000999, "-1000000.999m3"},
        {10000000999, "10000000.999m3"},
        {1234567890123, "1234567890.123m3"},
        {-1234567890123, "-1234567890.12m3"},
        {123456789012345, "9999999999.345m3"},
    };
    struct supply_site s = supply_make(1, 50000);
    gasm_Totals *t = &s.w->meter->core.totals;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t rise_l = rows[i].residual_l - mc_residual_l(t);

        if (rise_l > 0)
            t->purchased_l += (uint64_t)rise_l;
        else
            t->debited_l += (uint64_t)-rise_l;
        assert_string_equal(lcd(s.w).line[0], rows[i].text);
    }
    supply_finish(&s);
}

/* Through a customer's day. */
static void test_service(void **state)
{
    struct supply_site s = supply_make(1, 123456);

    (void)state;
    supply_set(&s, MC_PARAM_CREDIT_LOW, 5000);
    supply_set(&s, MC_PARAM_CREDIT_EMERGENCY, 2000);
    expect(s.w, "CREDIT 123.456m3", "VALVE SHUT");
    mc_supply_arm(s.w->meter);
    expect(s.w, "CREDIT 123.456m3", "PUSH BUTTON 30s");
    aid_world_pass(s.w, 2500);
    expect(s.w, "CREDIT 123.456m3", "PUSH BUTTON 28s");
    mc_meter_button(s.w->meter);
    expect(s.w, "CREDIT 123.456m3", "VALVE OPENING");
    aid_world_pass(s.w, 11200);
    expect(s.w, "CREDIT 123.456m3", "LEAK CHECK 110s");
    aid_world_leap(s.w, 120000);
    expect(s.w, "CREDIT 123.456m3", "GAS ON");
    s.w->temperature_dc = -400;     /* an open valve stays open */
    expect(s.w, "CREDIT 123.456m3", "GAS ON");
    s.w->temperature_dc = 210;
    mc_meter_pulse(s.w->meter, 7);
    expect(s.w, "CREDIT 123.449m3", "GAS ON");
    supply_credit(&s, 4999);
    expect(s.w, "CREDIT 4.999m3", "CREDIT IS LOW");
    supply_credit(&s, -1);
    expect(s.w, "CREDIT -0.001m3", "EMERGENCY CREDIT");
    s.w->supply_mv = 2899;
    expect(s.w, "CREDIT -0.001m3", "LOW BATTERY");
    s.w->supply_mv = 3600;
    supply_credit(&s, -1999);
    mc_meter_pulse(s.w->meter, 1);
    expect(s.w, "CREDIT -2.000m3", "VALVE SHUTTING");
    aid_world_pass(s.w, 2000);
    expect(s.w, "CREDIT -2.000m3", "BUY GAS");
    supply_finish(&s);
}

static void test_shut(void **state)
{
    struct supply_site s = supply_make(1, 123456);

    (void)state;
    s.w->temperature_dc = -251;
    expect(s.w, "CREDIT 123.456m3", "TOO COLD OR HOT");
    supply_set(&s, MC_PARAM_CLOSE_ON_TAMPER, 0);
    mc_meter_sense(s.w->meter, MC_SENSE_COVER, true);
    expect(s.w, "CREDIT 123.456m3", "TAMPERING");
    s.w->supply_mv = 2000;
    expect(s.w, "CREDIT 123.456m3", "LOW BATTERY");
    supply_lock(&s, 1u << gasm_Lock_LOCK_VALVE);
    expect(s.w, "CREDIT 123.456m3", "LOCKED: VALVE");
    supply_lock(&s, 1u << gasm_Lock_LOCK_VALVE | 1u << gasm_Lock_LOCK_TAMPER);
    expect(s.w, "CREDIT 123.456m3", "LOCKED: TAMPER");
    supply_lock(&s, 7);
    expect(s.w, "CREDIT 123.456m3", "LOCKED: LEAK");
    supply_finish(&s);
}

/* The longest times still fit. */
static void test_longest(void **state)
{
    struct supply_site s = supply_make(10, 50000);

    (void)state;
    supply_set(&s, MC_PARAM_ARMING_TIME, 300);
    supply_set(&s, MC_PARAM_LEAK_FLOW, 5);
    mc_supply_arm(s.w->meter);
    expect(s.w, "CREDIT 50.000m3", "PUSH BUTTON 300s");
    mc_meter_button(s.w->meter);
    aid_world_pass(s.w, 1300);
    expect(s.w, "CREDIT 50.000m3", "LEAK CHECK 7200s");
    supply_finish(&s);
}

static void test_life(void **state)
{
    static const char *const names[] = {
        [gasm_LifeState_LIFE_UNKNOWN] = "NOT IN SERVICE",
        [gasm_LifeState_FACTORY] = "NOT IN SERVICE",
        [gasm_LifeState_KEYED] = "NOT IN SERVICE",
        [gasm_LifeState_PURGED] = "NOT IN SERVICE",
        [gasm_LifeState_CLEARED] = "NOT IN SERVICE",
        [gasm_LifeState_IN_SERVICE] = "CREDIT 50.000m3",
        [gasm_LifeState_CLOSED] = "ACCOUNT CLOSED",
        [gasm_LifeState_SCRAPPED] = "SCRAPPED",
    };
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    for (uint8_t life = 0; life < sizeof names / sizeof names[0]; life++) {
        s.w->meter->core.life = life;
        expect(s.w, names[life], "VALVE SHUT");
    }
    supply_finish(&s);
}

static void test_purge(void **state)
{
    struct site s = site_make(10);

    (void)state;
    expect(s.w, "NOT IN SERVICE", "VALVE SHUT");
    assert_int_equal(site_start(&s, 60, 100), gasm_Refusal_OK);
    expect(s.w, "NOT IN SERVICE", "PURGE 0/60l");
    site_stay(&s, 25000);
    expect(s.w, "NOT IN SERVICE", "PURGE 20/60l");
    s.w->meter->core.grant_l = UINT32_MAX;
    s.w->meter->core.totals.purged_l += UINT32_MAX;
    expect(s.w, "NOT IN SERVICE", "PURGE 9999/9999l");
    aid_world_free(s.w);
}

static void test_unusable(void **state)
{
    struct supply_site s = supply_make(1, 50000);

    (void)state;
    memset(s.w->flash.bytes, 0, (size_t)AID_FLASH_SECTOR * AID_FLASH_SECTORS);
    assert_int_equal(aid_world_restart(s.w), GF_E_STORE);
    expect(s.w, "METER FAULT", "CALL GAS COMPANY");
    supply_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_residuals),
        cmocka_unit_test(test_service),
        cmocka_unit_test(test_shut),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_purge),
        cmocka_unit_test(test_unusable),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
