/* actions.c - the table of what can be done to a meter by hand; see actions.h. */
#include "meter-core/port/host/actions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "meter-core/port/host/words.h"

#define UTC_MAX_MS (INT64_C(253402300799) * 1000)   /* the end of the year 9999 */
#define STEP_MAX_S 631152000                        /* twenty years */
#define WORD_MAX 40                                 /* of what is repeated in an answer */

/* ---- one function for each thing ---- */

static void press(struct gm_stand *s, int64_t value)
{
    (void)value;
    mc_meter_button(s->meter);
}

static void set_sense(struct gm_stand *s, enum mc_sense sense, bool on)
{
    if (gm_body_sense(s->body, sense) == on)
        return;
    gm_body_set_sense(s->body, sense, on);
    mc_meter_sense(s->meter, sense, on);
}

#define SENSE(name, sense)                                      \
    static int64_t get_##name(const struct gm_stand *s)         \
    {                                                           \
        return gm_body_sense(s->body, sense);                   \
    }                                                           \
    static void set_##name(struct gm_stand *s, int64_t value)   \
    {                                                           \
        set_sense(s, sense, value != 0);                        \
    }
SENSE(magnet, MC_SENSE_MAGNET)
SENSE(cover, MC_SENSE_COVER)
SENSE(reverse, MC_SENSE_REVERSE)

static int64_t get_flow(const struct gm_stand *s)
{
    return s->body->flow_l_per_h;
}

static void set_flow(struct gm_stand *s, int64_t value)
{
    gm_body_set_flow(s->body, value);
}

static int64_t get_leak(const struct gm_stand *s)
{
    return s->body->leaks;
}

static void set_leak(struct gm_stand *s, int64_t value)
{
    gm_body_set_leak(s->body, value != 0);
}

static int64_t get_stuck(const struct gm_stand *s)
{
    return s->body->stuck;
}

static void set_stuck(struct gm_stand *s, int64_t value)
{
    gm_body_set_stuck(s->body, value != 0);
}

static int64_t get_battery(const struct gm_stand *s)
{
    return s->body->supply_mv;
}

static void set_battery(struct gm_stand *s, int64_t value)
{
    s->body->supply_mv = (uint16_t)value;
}

static int64_t get_temperature(const struct gm_stand *s)
{
    return s->body->temperature_dc;
}

static void set_temperature(struct gm_stand *s, int64_t value)
{
    s->body->temperature_dc = (int16_t)value;
}

static void tell_lcd(const struct gm_stand *s, const char *argument, char *ret, size_t cap)
{
    struct mc_lcd lcd;

    (void)argument;
    mc_meter_lcd(s->meter, &lcd);
    (void)snprintf(ret, cap, "ok |%-*s|%-*s|", MC_LCD_COLUMNS, lcd.line[0], MC_LCD_COLUMNS,
                   lcd.line[1]);
}

static void tell_status(const struct gm_stand *s, const char *argument, char *ret, size_t cap);
static void tell_help(const struct gm_stand *s, const char *argument, char *ret, size_t cap);

/* ---- the table ---- */

static const struct gm_action rows[] = {
    {.name = "press", .kind = GM_PUSH, .key = 'b', .help = "press the meter's button",
     .set = press},
    {.name = "magnet", .kind = GM_SWITCH, .off = "off", .on = "on", .key = 'm',
     .help = "a magnet at the measuring unit", .get = get_magnet, .set = set_magnet},
    {.name = "cover", .kind = GM_SWITCH, .off = "off", .on = "on", .key = 'c',
     .help = "the cover is open", .get = get_cover, .set = set_cover},
    {.name = "reverse", .kind = GM_SWITCH, .off = "off", .on = "on", .key = 'r',
     .help = "gas flows backwards, and is not counted", .get = get_reverse, .set = set_reverse},
    {.name = "flow", .kind = GM_NUMBER, .max = GM_FLOW_MAX, .step = 100, .unit = "L_PER_H",
     .key = '+', .back = '-', .help = "what the appliances take",
     .get = get_flow, .set = set_flow},
    {.name = "leak", .kind = GM_SWITCH, .off = "off", .on = "on", .key = 'l',
     .help = "the shut valve lets it through too", .get = get_leak, .set = set_leak},
    {.name = "valve", .kind = GM_SWITCH, .off = "free", .on = "stuck", .shown = "motor", .key = 'v',
     .help = "the valve does not move any more", .get = get_stuck,
     .set = set_stuck},
    {.name = "battery", .kind = GM_NUMBER, .max = 5000, .step = 100, .unit = "MV", .key = ']',
     .back = '[', .help = "the battery's voltage", .get = get_battery, .set = set_battery},
    {.name = "temperature", .kind = GM_NUMBER, .min = -500, .max = 1000, .step = 50, .unit = "DC",
     .key = '>', .back = '<', .help = "tenths of a degree Celsius", .get = get_temperature,
     .set = set_temperature},
    {.name = "clock", .kind = GM_CLOCK, .step = 3600, .key = 't', .back = 'T',
     .help = "set, step by S seconds, stop, run on"},
    {.name = "type", .kind = GM_DIGITS, .key = 'k', .help = "type a token's digits at the meter"},
    {.name = "lcd", .kind = GM_TELL, .help = "what the display shows", .tell = tell_lcd},
    {.name = "status", .kind = GM_TELL, .help = "everything else, as key=value",
     .tell = tell_status},
    {.name = "help", .kind = GM_TELL, .unit = "[COMMAND]", .help = "the commands, or one of them",
     .tell = tell_help},
    {.name = "quit", .kind = GM_QUIT, .key = 'q',
     .help = "end the connection; by key: the meter"},
};

#define N_ROWS (sizeof rows / sizeof rows[0])

const struct gm_action *gm_actions(size_t *ret_n)
{
    *ret_n = N_ROWS;
    return rows;
}

static const struct gm_action *find(const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

void gm_action_argument(const struct gm_action *a, char *ret, size_t cap)
{
    switch (a->kind) {
    case GM_SWITCH:
        (void)snprintf(ret, cap, "%s|%s", a->on, a->off);
        break;
    case GM_NUMBER:
        (void)snprintf(ret, cap, "%s %" PRId64 "..%" PRId64, a->unit, a->min, a->max);
        break;
    case GM_CLOCK:
        (void)gf_copy(ret, cap, "UTC|+S|-S|stop|run");
        break;
    case GM_DIGITS:
        (void)gf_copy(ret, cap, "DIGITS");
        break;
    case GM_TELL:
        (void)gf_copy(ret, cap, a->unit != NULL ? a->unit : "");
        break;
    case GM_PUSH:
    case GM_QUIT:
        (void)gf_copy(ret, cap, "");
        break;
    }
}

void gm_action_value(const struct gm_stand *s, const struct gm_action *a, char *ret, size_t cap)
{
    char utc[21];

    (void)gf_copy(ret, cap, "");
    if (a->kind == GM_SWITCH)
        (void)gf_copy(ret, cap, a->get(s) != 0 ? a->on : a->off);
    else if (a->kind == GM_NUMBER)
        (void)snprintf(ret, cap, "%" PRId64, a->get(s));
    if (a->kind != GM_CLOCK)
        return;
    gf_utc_text(gm_body_rtc_ms(s->body) / 1000, utc);
    (void)snprintf(ret, cap, "%s%s", utc, s->body->rtc_stopped ? ",stopped" : "");
}

/* ---- what is told ---- */

static void tell_status(const struct gm_stand *s, const char *argument, char *ret, size_t cap)
{
    gasm_Balance balance = gasm_Balance_init_zero;
    gasm_Supply supply = gasm_Supply_init_zero;
    gasm_Identity who = gasm_Identity_init_zero;
    char locks[GM_LOCKS_TEXT], value[40];
    size_t n;

    (void)argument;
    mc_meter_balance(s->meter, &balance);
    mc_meter_supply(s->meter, &supply);
    mc_meter_identity(s->meter, &who);
    n = (size_t)snprintf(
        ret, cap,
        "ok meter=%.*s state=%s epoch=%" PRIu32 " account=%" PRIu64 " valve=%s index=%" PRIu64
        " residual=%" PRId64 " armed=%" PRIu32 " watch=%" PRIu32
        " locks=%s connected=%s gas=%" PRId64,
        GF_METER_ID_LEN, (const char *)who.meter_id, gm_life_word(balance.state), who.active_epoch,
        balance.account_no, gm_valve_word(balance.valve), balance.totals.index_l,
        balance.residual_l, supply.armed_s, supply.watch_s, gm_locks_word(supply.locks, locks),
        s->connected ? "yes" : "no", gm_body_flow(s->body));
    for (size_t i = 0; i < N_ROWS && n < cap; i++) {
        gm_action_value(s, &rows[i], value, sizeof value);
        if (value[0] != '\0')
            n += (size_t)snprintf(ret + n, cap - n, " %s=%s",
                                  rows[i].shown != NULL ? rows[i].shown : rows[i].name, value);
    }
}

static void tell_help(const struct gm_stand *s, const char *argument, char *ret, size_t cap)
{
    const struct gm_action *one = find(argument);
    char form[40];
    size_t n;

    (void)s;
    if (one != NULL) {
        gm_action_argument(one, form, sizeof form);
        (void)snprintf(ret, cap, "ok %s%s%s - %s", one->name, form[0] != '\0' ? " " : "", form,
                       one->help);
        return;
    }
    if (argument[0] != '\0') {
        (void)snprintf(ret, cap, "error help: there is no command %.*s", WORD_MAX, argument);
        return;
    }
    n = (size_t)snprintf(ret, cap, "ok");
    for (size_t i = 0; i < N_ROWS && n < cap; i++) {
        gm_action_argument(&rows[i], form, sizeof form);
        n += (size_t)snprintf(ret + n, cap - n, "%s %s%s%s", i > 0 ? ";" : "", rows[i].name,
                              form[0] != '\0' ? " " : "", form);
    }
}

/* ---- what is done ---- */

static void refuse(const struct gm_action *a, const char *argument, char ret[static GM_ANSWER_MAX])
{
    char form[40];

    gm_action_argument(a, form, sizeof form);
    if (form[0] == '\0')
        (void)snprintf(ret, GM_ANSWER_MAX, "error %s: takes no argument", a->name);
    else if (argument[0] == '\0')
        (void)snprintf(ret, GM_ANSWER_MAX, "error %s: %s is missing", a->name, form);
    else
        (void)snprintf(ret, GM_ANSWER_MAX, "error %s: %.*s is not %s", a->name, WORD_MAX, argument,
                       form);
}

static void done(const struct gm_stand *s, const struct gm_action *a,
                 char ret[static GM_ANSWER_MAX])
{
    char value[40];

    gm_action_value(s, a, value, sizeof value);
    (void)snprintf(ret, GM_ANSWER_MAX, "ok%s%s%s%s", value[0] != '\0' ? " " : "",
                   value[0] != '\0' ? a->name : "", value[0] != '\0' ? " " : "", value);
}

/* Seconds that the clock would be stepped by: "+S" or "-S". */
static bool clock_step(const char *argument, int64_t *ret_s)
{
    int64_t s;

    if ((argument[0] != '+' && argument[0] != '-') ||
        gf_parse_int(argument + 1, 0, STEP_MAX_S, &s) != 0)
        return false;
    *ret_s = argument[0] == '+' ? s : -s;
    return true;
}

static bool move_clock(struct gm_body *b, const char *argument)
{
    int64_t at_ms = gm_body_rtc_ms(b), s;
    bool stopped = b->rtc_stopped;

    if (strcmp(argument, "stop") == 0) {
        gm_body_stop_rtc(b);
        return true;
    }
    if (gf_utc_parse(argument, &s) == 0)
        at_ms = s * 1000;
    else if (clock_step(argument, &s))
        at_ms += s * 1000;
    else if (strcmp(argument, "run") != 0)
        return false;
    if (at_ms < 0 || at_ms > UTC_MAX_MS)
        return false;
    gm_body_set_rtc(b, at_ms);
    if (stopped && strcmp(argument, "run") != 0)
        gm_body_stop_rtc(b);
    return true;
}

static bool is_digits(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789 -") == strlen(text);
}

/* The argument is taken: true; else nothing was done. ret gets the answer. */
static bool act(struct gm_stand *s, const struct gm_action *a, const char *argument,
                char ret[static GM_ANSWER_MAX])
{
    gasm_Refusal refusal;
    int64_t value = 0;

    switch (a->kind) {
    case GM_PUSH:
    case GM_QUIT:
        if (argument[0] != '\0')
            return false;
        break;
    case GM_SWITCH:
        value = strcmp(argument, a->on) == 0;
        if (value == 0 && strcmp(argument, a->off) != 0)
            return false;
        break;
    case GM_NUMBER:
        if (gf_parse_int(argument, a->min, a->max, &value) != 0)
            return false;
        break;
    case GM_CLOCK:
        if (!move_clock(s->body, argument))
            return false;
        break;
    case GM_DIGITS:
        if (!is_digits(argument))
            return false;
        refusal = mc_meter_type(s->meter, argument);
        (void)snprintf(ret, GM_ANSWER_MAX, "%s%s",
                       refusal == gasm_Refusal_OK ? "" : "error meter: ", gm_refusal_word(refusal));
        return true;
    case GM_TELL:
        if (argument[0] != '\0' && a->unit == NULL)
            return false;
        a->tell(s, argument, ret, GM_ANSWER_MAX);
        return true;
    }
    if (a->set != NULL)
        a->set(s, value);
    done(s, a, ret);
    return true;
}

bool gm_action_line(struct gm_stand *s, const char *line, size_t n, char ret[static GM_ANSWER_MAX])
{
    char text[GM_LINE_MAX + 1], *argument;
    const struct gm_action *a;
    size_t name;

    if (n > GM_LINE_MAX) {
        (void)snprintf(ret, GM_ANSWER_MAX, "error line: longer than %d bytes", GM_LINE_MAX);
        return false;
    }
    gf_visible(text, sizeof text, line, n);
    for (size_t end = strlen(text); end > 0 && text[end - 1] == ' '; end--)
        text[end - 1] = '\0';
    name = strcspn(text, " ");
    argument = text + name + strspn(text + name, " ");
    text[name] = '\0';
    a = find(text);
    if (a == NULL)
        (void)snprintf(ret, GM_ANSWER_MAX, "error command: %.*s is not one; try help", WORD_MAX,
                       text);
    else if (!act(s, a, argument, ret))
        refuse(a, argument, ret);
    else
        return a->kind == GM_QUIT;
    return false;
}

/* What a key changes a row to, within its range. */
static void nudge(struct gm_stand *s, const struct gm_action *a, bool back,
                  char ret[static GM_ANSWER_MAX])
{
    int64_t value = a->get(s) + (back ? -a->step : a->step);

    a->set(s, value < a->min ? a->min : value > a->max ? a->max : value);
    done(s, a, ret);
}

enum gm_key_result gm_action_key(struct gm_stand *s, int key, char ret[static GM_ANSWER_MAX])
{
    const struct gm_action *a = NULL;
    char step[24];
    bool back;

    for (size_t i = 0; i < N_ROWS && a == NULL && key > 0; i++)
        if (rows[i].key == key || rows[i].back == key)
            a = &rows[i];
    if (a == NULL)
        return GM_KEY_UNKNOWN;
    back = a->back == key;
    switch (a->kind) {
    case GM_SWITCH:
        (void)act(s, a, a->get(s) != 0 ? a->off : a->on, ret);
        break;
    case GM_NUMBER:
        nudge(s, a, back, ret);
        break;
    case GM_CLOCK:
        (void)snprintf(step, sizeof step, "%c%" PRId64, back ? '-' : '+', a->step);
        if (!act(s, a, step, ret))
            refuse(a, step, ret);
        break;
    case GM_DIGITS:
        return GM_KEY_DIGITS;
    case GM_QUIT:
        return GM_KEY_QUIT;
    case GM_PUSH:
    case GM_TELL:
        (void)act(s, a, "", ret);
        break;
    }
    return GM_KEY_DONE;
}
