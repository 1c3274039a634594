/* options.c - the command line of gasmeter as one table; see options.h. */
#include "meter-core/port/host/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/host/man.h"
#include "common/ids.h"
#include "common/text.h"
#include "meter-core/port/host/body.h"

#define ONE (GM_MANUFACTURE | GM_RUN)
#define RUN (GM_RUN | GM_MANY)
#define NEW (GM_MANUFACTURE | GM_MANY)
#define RADIO (GM_RUN | GM_BRIDGE)
#define AT(field) offsetof(struct gm_options, field)
#define CODE_BASE 256           /* getopt_long's values: beyond every character */

enum kind { TEXT, NUMBER, SWITCH };

static const struct option_row {
    const char *name, *value;   /* value NULL: a switch */
    unsigned commands;          /* that take it */
    unsigned needed;            /* commands that cannot do without */
    enum kind kind;
    size_t at;
    int64_t min, max;
    const char *help;
} rows[] = {
    {"nvm", "FILE", ONE, ONE, TEXT, AT(nvm), 0, 0, "the meter's memory"},
    {"id", "ID", NEW, GM_MANUFACTURE, TEXT, AT(id), 0, 0,
     "meter id, as GM2400001223; of many, the first"},
    {"transport-key", "FILE", GM_MANUFACTURE, GM_MANUFACTURE, TEXT, AT(transport_key), 0, 0,
     "64 hex digits: wraps the key in the shipment"},
    {"shipment", "CSV", GM_MANUFACTURE, GM_MANUFACTURE, TEXT, AT(shipment), 0, 0,
     "a line for head office is added to it"},
    {"type", "N", NEW, 0, NUMBER, AT(type), 1, 65535, "meter type; 1"},
    {"pulse-l", "N", NEW, 0, NUMBER, AT(pulse_l), 1, 10, "litres in a pulse, 1 or 10; 10"},
    {"address", "BTADDR", GM_MANUFACTURE, 0, TEXT, AT(address), 0, 0,
     "Bluetooth address on its label"},
    {"verified", "DATE", GM_MANUFACTURE, 0, TEXT, AT(verified), 0, 0,
     "date of verification, 2026-11-22; today"},
    {"uart", "PATH", GM_BRIDGE, GM_BRIDGE, TEXT, AT(uart), 0, 0,
     "terminal device or socket of a meter's controller: be its radio"},
    {"adapter", "BTADDR", RADIO, 0, TEXT, AT(adapter), 0, 0,
     "Bluetooth adapter; the first that can"},
    {"bus", "ADDRESS", RADIO, 0, TEXT, AT(bus), 0, 0,
     "D-Bus; DBUS_SYSTEM_BUS_ADDRESS, else the system bus"},
    {"control", "PATH", GM_RUN, 0, TEXT, AT(control), 0, 0,
     "take commands at this Unix socket; help tells which"},
    {"panel", NULL, GM_RUN, 0, SWITCH, AT(panel), 0, 1,
     "show and drive the meter on this terminal"},
    {"flow-l-per-h", "N", RUN, 0, NUMBER, AT(flow_l_per_h), 0, GM_FLOW_MAX,
     "gas that flows while the valve is open; 0"},
    {"clock-rate", "N", RUN, 0, NUMBER, AT(clock_rate), 1, 1000,
     "waiting times run so many times faster; 1"},
    {"readvertise-ms", "N", RADIO, 0, NUMBER, AT(readvertise_ms), 0, 3600000,
     "register the advertisement anew so often, for emulated controllers; 0: never"},
    {"verbose", NULL, GM_RUN, 0, SWITCH, AT(verbose), 0, 1, "a line for each change"},
    {"count", "N", GM_MANY, GM_MANY, NUMBER, AT(count), 1, 100000, "so many meters, without radio"},
    {"seconds", "S", GM_MANY, 0, NUMBER, AT(seconds), 0, 86400,
     "let them run so long after they were opened; 10"},
};

#define N_ROWS (sizeof rows / sizeof rows[0])

static const struct {
    const char *name;
    enum gm_command command;
    const char *help;
} commands[] = {
    {"manufacture", GM_MANUFACTURE, "make a new meter and its line in a shipment file"},
    {"run", GM_RUN, "be that meter until stopped"},
    {"run --count N", GM_MANY, "be N meters in memory, open an account on each, and measure"},
    {"--uart PATH", GM_BRIDGE, "be the radio of a meter on a serial line until stopped"},
    {"--help", GM_HELP, NULL},
    {"--version", GM_VERSION, NULL},
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

void gm_options_help(void)
{
    (void)puts("gasmeter - a Bluetooth prepaid gas meter on this machine");
    for (size_t c = 0; c < N_COMMANDS; c++) {
        if (commands[c].help == NULL)
            continue;
        (void)printf("\n  gasmeter %s [options]    %s\n", commands[c].name, commands[c].help);
        for (size_t i = 0; i < N_ROWS; i++) {
            char head[40];

            if ((rows[i].commands & commands[c].command) == 0)
                continue;
            (void)snprintf(head, sizeof head, "--%s %s", rows[i].name,
                           rows[i].value != NULL ? rows[i].value : "");
            (void)printf("    %-24s %s%s\n", head, rows[i].help,
                         (rows[i].needed & commands[c].command) != 0 ? " (needed)" : "");
        }
    }
}

void gm_options_man(FILE *out)
{
    char head[64];

    for (size_t c = 0; c < N_COMMANDS; c++) {
        if (commands[c].help == NULL)
            continue;
        (void)fputs(".SS ", out);
        (void)snprintf(head, sizeof head, "gasmeter %s", commands[c].name);
        man_text(out, head);
        (void)fputc('\n', out);
        man_sentence(out, commands[c].help);
        (void)fputs(".\n", out);
        for (size_t i = 0; i < N_ROWS; i++)
            if ((rows[i].commands & commands[c].command) != 0)
                man_option(out, rows[i].name, rows[i].value, rows[i].help,
                           (rows[i].needed & commands[c].command) != 0 ? " (needed)" : "");
    }
}

static int take(struct gm_options *o, size_t row, const char *value, struct gf_fail *why)
{
    void *at = (char *)o + rows[row].at;
    int r;

    switch (rows[row].kind) {
    case TEXT:
        *(const char **)at = value;
        break;
    case SWITCH:
        *(bool *)at = true;
        break;
    case NUMBER:
        r = gf_parse_int(value, rows[row].min, rows[row].max, at);
        if (r != 0)
            return gf_fail(why, r, rows[row].name, value);
        break;
    }
    return 0;
}

/* "2026-11-22", a day that exists. */
static bool is_date(const char *text)
{
    char whole[32];
    int64_t at_s;

    if (strlen(text) != 10)
        return false;
    (void)snprintf(whole, sizeof whole, "%sT00:00:00Z", text);
    return gf_utc_parse(whole, &at_s) == 0;
}

static int check(const struct gm_options *o, struct gf_fail *why)
{
    int r = o->id != NULL ? gf_meter_id_check(o->id, why) : 0;

    if (r != 0)
        return r;
    if (o->pulse_l != 1 && o->pulse_l != 10)
        return gf_fail(why, GF_E_RANGE, "pulse-l", "1 or 10");
    if (o->address != NULL && gf_bt_address_check(o->address) != 0)
        return gf_fail(why, GF_E_FORMAT, "address", o->address);
    if (o->adapter != NULL && gf_bt_address_check(o->adapter) != 0)
        return gf_fail(why, GF_E_FORMAT, "adapter", o->adapter);
    if (o->verified != NULL && !is_date(o->verified))
        return gf_fail(why, GF_E_FORMAT, "verified", o->verified);
    return 0;
}

/* Each option belongs to the command that it came with, and none is missing. */
static int check_set(const struct gm_options *o, const bool given[static N_ROWS],
                     struct gf_fail *why)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (given[i] && (rows[i].commands & o->command) == 0)
            return gf_fail(why, GF_E_USAGE, rows[i].name,
                           o->command == GM_MANY ? "is no option of run --count"
                                                 : "is an option of run --count");
        if (!given[i] && (rows[i].needed & o->command) != 0)
            return gf_fail(why, GF_E_USAGE, rows[i].name, "is needed");
    }
    return 0;
}

static int read_command(int argc, char *argv[], struct gm_options *o, struct gf_fail *why)
{
    if (argc < 2)
        return gf_fail(why, GF_E_USAGE, "command", "manufacture, run or --uart");
    if (strncmp(argv[1], "--uart", strlen("--uart")) == 0) {
        o->command = GM_BRIDGE;
        return 0;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (commands[i].command != GM_MANY && strcmp(argv[1], commands[i].name) == 0)
            o->command = commands[i].command;
    return o->command != GM_NONE ? 0 : gf_fail(why, GF_E_USAGE, "command", argv[1]);
}

/* One option after the other; GM_HELP as soon as one asks for it. */
static int read_options(int argc, char *argv[], struct gm_options *o, bool given[static N_ROWS],
                        struct gf_fail *why)
{
    struct option longs[N_ROWS + 2] = {{NULL, 0, NULL, 0}};
    unsigned takes = o->command == GM_RUN ? RUN : o->command;
    int r = 0, code;

    for (size_t i = 0; i < N_ROWS; i++)
        longs[i] = (struct option){rows[i].name, rows[i].value != NULL, NULL, CODE_BASE + (int)i};
    longs[N_ROWS] = (struct option){"help", 0, NULL, 'h'};
    opterr = 0;
    optind = o->command == GM_BRIDGE ? 1 : 2;
    while (r == 0 && o->command != GM_HELP &&
           (code = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        size_t row = (size_t)(code - CODE_BASE);

        if (code == 'h') {
            o->command = GM_HELP;
        } else if (code < CODE_BASE || (rows[row].commands & takes) == 0) {
            r = gf_fail(why, GF_E_USAGE, "option", argv[optind - 1]);
        } else {
            given[row] = true;
            r = take(o, row, optarg, why);
        }
    }
    if (r == 0 && o->command != GM_HELP && optind < argc)
        r = gf_fail(why, GF_E_USAGE, "option", argv[optind]);
    return r;
}

/* Nothing but a text is asked for. */
static bool asks_text(const struct gm_options *o)
{
    return o->command == GM_HELP || o->command == GM_VERSION;
}

int gm_options_read(int argc, char *argv[], struct gm_options *ret, struct gf_fail *why)
{
    struct gm_options o = {.type = 1, .pulse_l = 10, .clock_rate = 1, .seconds = 10};
    bool given[N_ROWS] = {false};
    int r = read_command(argc, argv, &o, why);

    if (r == 0 && !asks_text(&o))
        r = read_options(argc, argv, &o, given, why);
    if (o.command == GM_RUN && o.count > 0)
        o.command = GM_MANY;
    if (r == 0 && !asks_text(&o))
        r = check_set(&o, given, why);
    if (r == 0 && !asks_text(&o))
        r = check(&o, why);
    if (r == 0)
        *ret = o;
    return r;
}
