/* lcd.c - what the display says; see meter.h.
 *
 * The upper line: the credit in service, else what the meter is. The lower line: what happens, or
 * what to do. The first face of a line that applies is shown.
 */
#include "meter-core/meter.h"

#include "common/text.h"
#include "meter-core/purge.h"
#include "meter-core/supply.h"
#include "meter-core/valve.h"

#define LITRES_PER_M3 1000
#define SHOWN_MAX_M3 INT64_C(9999999999)    /* what is above it is shown as this */
#define PURGE_MAX_L 9999

struct face {
    bool (*applies)(const struct mc_meter *m);
    const char *text;
    /* Puts what belongs behind the text; NULL for nothing. */
    void (*value)(const struct mc_meter *m, char line[static MC_LCD_COLUMNS + 1]);
};

/* ---- values ---- */

/* Append what fits. */
static void put(char line[static MC_LCD_COLUMNS + 1], const char *text)
{
    size_t n = strlen(line);

    while (*text != '\0' && n < MC_LCD_COLUMNS)
        line[n++] = *text++;
    line[n] = '\0';
}

static void put_number(char line[static MC_LCD_COLUMNS + 1], int64_t v, const char *unit)
{
    char text[21];

    put(line, gf_dec(v, text));
    put(line, unit);
}

static void put_armed(const struct mc_meter *m, char line[static MC_LCD_COLUMNS + 1])
{
    gasm_Supply s;

    mc_meter_supply(m, &s);
    put_number(line, s.armed_s, "s");
}

static void put_watch(const struct mc_meter *m, char line[static MC_LCD_COLUMNS + 1])
{
    gasm_Supply s;

    mc_meter_supply(m, &s);
    put_number(line, s.watch_s, "s");
}

static void put_purge(const struct mc_meter *m, char line[static MC_LCD_COLUMNS + 1])
{
    gasm_Purge p;

    mc_purge_show(m, &p);
    put_number(line, p.flowed_l < PURGE_MAX_L ? p.flowed_l : PURGE_MAX_L, "/");
    put_number(line, p.granted_l < PURGE_MAX_L ? p.granted_l : PURGE_MAX_L, "l");
}

/* m3 with as many of three decimals as leave room (the others are cut off, not rounded); without
 * the word before it when the whole m3 need its place. */
static void put_credit(const struct mc_meter *m, char line[static MC_LCD_COLUMNS + 1])
{
    int64_t residual_l = mc_residual_l(&m->core.totals);
    uint64_t size_l = residual_l < 0 ? 0 - (uint64_t)residual_l : (uint64_t)residual_l;
    int64_t m3 = (int64_t)(size_l / LITRES_PER_M3);
    char number[1 + 21 + 4] = "-", decimals[21];
    size_t whole, room;

    (void)gf_dec(m3 < SHOWN_MAX_M3 ? m3 : SHOWN_MAX_M3, number + (residual_l < 0 ? 1 : 0));
    whole = strlen(number);
    /* The decimals with their zeroes: of a number of four digits, all but the first. */
    number[whole] = '.';
    (void)gf_dec((int64_t)(LITRES_PER_M3 + size_l % LITRES_PER_M3), decimals);
    memcpy(number + whole + 1, decimals + 1, 4);
    if (strlen(line) + whole + 2 > MC_LCD_COLUMNS)
        line[0] = '\0';
    room = MC_LCD_COLUMNS - 2 - strlen(line);
    if (room < whole + 2)
        room = whole;
    if (strlen(number) > room)
        number[room] = '\0';
    put(line, number);
    put(line, "m3");
}

/* ---- what applies ---- */

static bool always(const struct mc_meter *m)
{
    (void)m;
    return true;
}

static bool is_unusable(const struct mc_meter *m)
{
    return !m->usable;
}

static bool is_scrapped(const struct mc_meter *m)
{
    return m->core.life == gasm_LifeState_SCRAPPED;
}

static bool is_closed(const struct mc_meter *m)
{
    return m->core.life == gasm_LifeState_CLOSED;
}

static bool is_not_in_service(const struct mc_meter *m)
{
    return m->core.life != gasm_LifeState_IN_SERVICE;
}

static bool is_in_debt(const struct mc_meter *m)
{
    return mc_residual_l(&m->core.totals) < 0;
}

static bool is_purging(const struct mc_meter *m)
{
    return m->core.grant_open != 0;
}

static bool is_locked(const struct mc_meter *m, gasm_Lock lock)
{
    gasm_Supply s;

    mc_meter_supply(m, &s);
    return (s.locks >> lock & 1) != 0;
}

static bool is_leak_locked(const struct mc_meter *m)
{
    return is_locked(m, gasm_Lock_LOCK_LEAK);
}

static bool is_tamper_locked(const struct mc_meter *m)
{
    return is_locked(m, gasm_Lock_LOCK_TAMPER);
}

static bool is_valve_locked(const struct mc_meter *m)
{
    return is_locked(m, gasm_Lock_LOCK_VALVE);
}

static bool is_armed(const struct mc_meter *m)
{
    return m->supply.armed;
}

static bool is_opening(const struct mc_meter *m)
{
    return m->drive.want_open && mc_valve_is_moving(m);
}

static bool is_shutting(const struct mc_meter *m)
{
    return !m->drive.want_open && mc_valve_is_moving(m);
}

static bool is_watching(const struct mc_meter *m)
{
    return m->supply.watching;
}

static bool is_battery_low(const struct mc_meter *m)
{
    return mc_valve_power(m) == MC_POWER_BATTERY;
}

static bool is_out_of_temperature(const struct mc_meter *m)
{
    return mc_valve_power(m) == MC_POWER_TEMPERATURE;
}

static bool is_without_credit(const struct mc_meter *m)
{
    return !mc_supply_has_credit(&m->core);
}

static bool is_tampered(const struct mc_meter *m)
{
    return m->supply.senses != 0;
}

static bool is_low(const struct mc_meter *m)
{
    return mc_residual_l(&m->core.totals) < mc_setting(&m->core, MC_PARAM_CREDIT_LOW);
}

static bool is_open(const struct mc_meter *m)
{
    return m->drive.want_open;
}

/* ---- the faces ---- */

static const struct face upper[] = {
    {is_unusable, "METER FAULT", NULL},
    {is_scrapped, "SCRAPPED", NULL},
    {is_closed, "ACCOUNT CLOSED", NULL},
    {is_not_in_service, "NOT IN SERVICE", NULL},
    {always, "CREDIT ", put_credit},
};

static const struct face lower[] = {
    {is_unusable, "CALL GAS COMPANY", NULL},
    {is_purging, "PURGE ", put_purge},
    {is_shutting, "VALVE SHUTTING", NULL},
    {is_not_in_service, "VALVE SHUT", NULL},
    {is_leak_locked, "LOCKED: LEAK", NULL},
    {is_tamper_locked, "LOCKED: TAMPER", NULL},
    {is_valve_locked, "LOCKED: VALVE", NULL},
    {is_armed, "PUSH BUTTON ", put_armed},
    {is_opening, "VALVE OPENING", NULL},
    {is_watching, "LEAK CHECK ", put_watch},
    {is_battery_low, "LOW BATTERY", NULL},
    {is_tampered, "TAMPERING", NULL},
    {is_without_credit, "BUY GAS", NULL},
    {is_in_debt, "EMERGENCY CREDIT", NULL},
    {is_low, "CREDIT IS LOW", NULL},
    {is_open, "GAS ON", NULL},
    {is_out_of_temperature, "TOO COLD OR HOT", NULL},
    {always, "VALVE SHUT", NULL},
};

static void show(const struct mc_meter *m, const struct face *face,
                 char line[static MC_LCD_COLUMNS + 1])
{
    while (!face->applies(m))
        face++;                         /* the last face of a line always applies */
    line[0] = '\0';
    put(line, face->text);
    if (face->value != NULL)
        face->value(m, line);
}

void mc_meter_lcd(const struct mc_meter *m, struct mc_lcd *ret)
{
    show(m, upper, ret->line[0]);
    show(m, lower, ret->line[1]);
}
